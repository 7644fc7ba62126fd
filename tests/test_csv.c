/* CSV files: every way of writing a table is read, what is wrong is named by its line and field, and a hostile file gets no more
 * memory than the numbers in it; data sets are made of tables with names, labels and gaps. */
#include "core_internal.h"
#include "error_checks.h"
#include "memory_limit.h"
#include "quick.h"
#include "suites.h"
#include <cotan/cotan.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char path[64];

static void open_file(void)
{
    strcpy(path, "/tmp/cotan-csv-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ct_error_clear();
    ck_assert_int_eq(ct_scope_open(), CT_OK);
}

static void close_file(void)
{
    ck_assert_int_eq(ct_scope_close(), CT_OK);
    remove(path);
}

/* A build without zlib reads files as they lie. */
static void write_text(const char *text, size_t size, bool zipped)
{
#ifndef COTAN_USE_ZLIB
    zipped = false;
#endif
    gzFile file = gzopen(path, zipped ? "wb" : "wbT");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, text, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

static void expect_error(const ct_tensor *t, ct_status code, const char *words)
{
    ck_assert_msg(t == NULL, "no error where \"%s\" was expected", words);
    expect_failure(code, words);
}

/* ---- what is read ---- */

#define TABLE "1,2.5\n-3e-1,+4\n"

static const struct {
    const char *text;
    int64_t skip_lines;
} ways[] = {
    {TABLE, 0},
    {"1,2.5\n-3e-1,+4", 0},
    {"1,2.5\r\n-3e-1,+4\r\n", 0},
    {"1,2.5\r-3e-1,+4\r", 0},
    {"\xEF\xBB\xBF" TABLE, 0},
    {"\xEF\xBB\xBF"
     "a,b\n" TABLE,
     1},
    {TABLE "\n", 0},
    {TABLE "\r\n \t\r\n\n", 0},
    {"\"1\",\"2.5\"\n\"-3e-1\",+4\n", 0},
    {"1, 2.5\n -3e-1 ,\t+4 \n", 0},
    {"1, \"2.5\" \n\" -3e-1\",+4\n", 0},
    {"width;\nlabel\n1,2.5\n-3e-1,+4\n", 2},
};

/* _i: plain or gzipped. */
START_TEST(every_way_to_write_a_table)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        CT_OPTIONS(ct_csv_options, options, .skip_lines = ways[i].skip_lines);
        write_text(ways[i].text, strlen(ways[i].text), _i);
        const ct_tensor *t = ct_csv_load(path, &options);
        ck_assert_msg(t != NULL, "%zu: %s", i, ct_error_message());
        ck_assert(ct_dtype_of(t) == CT_FLOAT64 && ct_rank(t) == 2 && ct_size(t, 0) == 2 && ct_size(t, 1) == 2);
        ck_assert(memcmp(ct_data(t), (double[]){1, 2.5, -3e-1, 4}, 32) == 0);
    }
}
END_TEST

/* Longer than the buffer, with every kind of line end falling on its edge. */
START_TEST(large_tables)
{
    enum { ROWS = 30000, LINE = 32 };
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    char *text = malloc(ROWS * LINE);
    ck_assert_ptr_nonnull(text);
    for (int shift = 0; shift < 3; shift++) {
        size_t size = (size_t)snprintf(text, LINE, "%.*s", shift, "   ");
        for (int i = 0; i < ROWS; i++)
            size += (size_t)snprintf(text + size, LINE, "%d,%d%s", i, -i, ends[_i]);
        write_text(text, size, false);
        const ct_tensor *t = ct_csv_load(path, NULL);
        ck_assert_msg(t && ct_size(t, 0) == ROWS, "%s", ct_error_message());
        const double *values = ct_data(t);
        for (int i = 0; i < ROWS; i++)
            ck_assert(values[2 * i] == i && values[2 * i + 1] == -i);
    }
    free(text);
}
END_TEST

/* ---- what is not ---- */

static const struct {
    const char *text, *words;
    int64_t skip_lines;
} wrong[] = {
    {"1,2\n1,two\n", "line 2, field 2 is no number: \"two\"", 0},
    {"h\n1,2\n1,two\n", "line 3, field 2", 1},
    {"1,2\r\n1,2\r\n1\r\n", "line 3 has 1 fields, the first has 2", 0},
    {"1,2\n1,2,3\n", "line 2 has more than the 2 fields of the first", 0},
    {"1,2\n,2\n", "line 2, field 1 is no number: \"\"", 0},
    {"1,2\n1,2,\n", "line 2 has more than the 2 fields of the first", 0},
    {"1,nan\n", "\"nan\"", 0},
    {"1,0x10\n", "\"0x10\"", 0},
    {"1,1e999\n", "\"1e999\"", 0},
    {"1,2 3\n", "\"2 3\"", 0},
    {"1,\"2\"3\n", "line 1, field 2 goes on after its closing quote", 0},
    {"1,\"2\n", "line 1, field 2 has a quote that is not closed", 0},
    {"1,\"\"\"2\"\n", "\"\"2\"", 0},
    {"1,2\n\n\n1,2\n", "line 2 is blank", 0},
    {"1;2\n", "\"1;2\"", 0},
    {"\xFF\xFE"
     "1",
     "line 1, field 1", 0},
    {"0000000000000000000000000000000000000000000000000000000000000000000000001\n", "field 1 is no number", 0},
    {"", "no lines of numbers", 0},
    {"\n \n", "no lines of numbers", 0},
    {"1,2\n", "no lines of numbers", 1},
    {"1,2\n", "no lines of numbers", INT64_MAX},
};

START_TEST(wrong_lines_are_named)
{
    CT_OPTIONS(ct_csv_options, options, .skip_lines = wrong[_i].skip_lines);
    write_text(wrong[_i].text, strlen(wrong[_i].text), false);
    const ct_tensor *t = ct_csv_load(path, &options);
    ck_assert_msg(t || strstr(ct_error_message(), path), "\"%s\" does not name the file", ct_error_message());
    expect_error(t, CT_ERROR_FORMAT, wrong[_i].words);
}
END_TEST

START_TEST(wrong_calls)
{
    CT_OPTIONS(ct_csv_options, lines, .skip_lines = -1);
    CT_OPTIONS(ct_csv_options, bytes, .max_bytes = -1);
    CT_OPTIONS(ct_csv_options, none, .max_bytes = 0);
    write_text("1\n", 2, false);
    expect_error(ct_csv_load(path, &lines), CT_ERROR_ARGUMENT, "csv_load: skip_lines is -1");
    expect_error(ct_csv_load(path, &bytes), CT_ERROR_ARGUMENT, "csv_load: max_bytes is -1");
    expect_error(ct_csv_load(path, &none), CT_ERROR_FORMAT, "more than 0 bytes");
    expect_error(ct_csv_load(NULL, NULL), CT_ERROR_NULL, "csv_load: path is NULL");
    expect_error(ct_csv_load("/tmp/cotan-absent/file", NULL), CT_ERROR_IO, "No such file");
    write_text("1\n", 3, false);
    expect_error(ct_csv_load(path, NULL), CT_ERROR_FORMAT, "line 2, field 1 has a byte 0");
}
END_TEST

/* Cut off anywhere in the gzip stream. */
START_TEST(truncated_gzip)
{
    write_text(TABLE, strlen(TABLE), true);
    for (int size = 30; size > 2; size--) {
        ck_assert_int_eq(truncate(path, size), 0);
        expect_error(ct_csv_load(path, NULL), CT_ERROR_FORMAT, "");
    }
}
END_TEST

START_TEST(without_memory)
{
    ct_memory before = ct_memory_stats();
    write_text(TABLE, strlen(TABLE), true);
    ct_tensor *t = NULL;
    int64_t n = 0;
    while (!t) {
        ct__fail_allocation(++n, _i);
        t = ct_csv_load(path, NULL);
        ct__fail_allocation(0, false);
        if (!t)
            expect_error(t, CT_ERROR_MEMORY, "no memory");
        else
            ct_release(t);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    }
    ck_assert_int_eq(n, CT_LIFETIME_CHECKS
                            ? 7
                            : 6); /* buffer, places, text, numbers, storage, tensor, which is in the storage or not */
}
END_TEST

/* ---- hostile files ---- */

static bool refuses(void)
{
    return !ct_csv_load(path, NULL) && ct_error_code() == CT_ERROR_FORMAT;
}

/* Commas and newlines that promise 10^10 numbers, and a gzip stream of 65 KB with 67 million zeros. */
START_TEST(hostile_files_get_no_memory)
{
    enum { HALF = 100000, ZEROS = 66000000 };
    char *text = malloc(ZEROS);
    ck_assert_ptr_nonnull(text);
    memset(text, ',', HALF);
    memset(text + HALF, '\n', HALF);
    write_text(text, 2 * HALF, false);
    ck_assert(holds_within(20, refuses));
    if (!reads_gzip("csv: hostile_files_get_no_memory, gzipped")) {
        free(text);
        return;
    }
    for (int i = 0; i < ZEROS; i += 2)
        memcpy(text + i, "0,", 2);
    write_text(text, ZEROS, true);
    free(text);
    CT_OPTIONS(ct_csv_options, options, .max_bytes = 1000000);
    expect_error(ct_csv_load(path, &options), CT_ERROR_FORMAT, "more than 1000000 bytes in a file of");
    ck_assert(holds_within(700, refuses)); /* with 256 MiB of numbers it is over */
}
END_TEST

/* ---- line by line ---- */

START_TEST(lines_of_text)
{
    const char *text = "name;note\n\"a;\"\"b\"\"\n\";  two words \n last ;\n\n";
    const char *const expected[][2] = {{"name", "note"}, {"a;\"b\"\n", "two words"}, {"last", ""}};
    const int64_t lines[] = {1, 2, 4};
    write_text(text, strlen(text), false);
    CT_OPTIONS(ct_csv_options, options, .separator = ";");
    ct_csv *csv = ct_csv_open(path, &options);
    for (int i = 0; i < 3; i++) {
        int64_t n = 0;
        const char *const *fields = ct_csv_next(csv, &n);
        ck_assert_msg(fields && n == 2, "%s", ct_error_message());
        ck_assert_str_eq(fields[0], expected[i][0]);
        ck_assert_str_eq(fields[1], expected[i][1]);
        ck_assert_int_eq(ct_csv_line(csv), lines[i]);
    }
    ck_assert_ptr_null(ct_csv_next(csv, NULL));
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ct_csv_close(csv);
}
END_TEST

START_TEST(separators)
{
    CT_OPTIONS(ct_csv_options, tab, .separator = "\t");
    CT_OPTIONS(ct_csv_options, point, .separator = ".");
    write_text("1\t 2\n\t3\n", 9, false);
    expect_error(ct_csv_load(path, &tab), CT_ERROR_FORMAT, "line 2, field 1 is no number: \"\"");
    expect_error(ct_csv_load(path, &point), CT_ERROR_ARGUMENT, "separator \".\" is not one character");
    CT_OPTIONS(ct_csv_options, two, .separator = ";;");
    CT_OPTIONS(ct_csv_options, none, .separator = "");
    expect_error(ct_csv_load(path, &two), CT_ERROR_ARGUMENT, "separator \";;\"");
    expect_error(ct_csv_load(path, &none), CT_ERROR_ARGUMENT, "separator \"\"");
    write_text("1\t 2\n", 5, false);
    const ct_tensor *t = ct_csv_load(path, &tab);
    ck_assert_msg(t && ct_size(t, 1) == 2, "%s", ct_error_message());
}
END_TEST

/* ---- data sets ---- */

static ct_dataset *dataset_of(const char *text, const ct_dataset_options *options)
{
    write_text(text, strlen(text), false);
    return ct_dataset_from_csv(path, options);
}

/* A data set of n samples of two numbers, with these numbers, row-major, and labels. Frees it. */
static void expect_dataset(ct_dataset *d, int64_t n, const double *samples, const int64_t *labels)
{
    ct_tensor *x, *y;
    ck_assert_msg(d != NULL, "%s", ct_error_message());
    ck_assert_int_eq(ct_dataset_count(d), n);
    ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){0, 1, 2}, n, &x, &y), CT_OK);
    ck_assert(ct_dtype_of(x) == CT_FLOAT64 && ct_numel(x) == 2 * n);
    ck_assert(memcmp(ct_data(x), samples, (size_t)n * 16) == 0);
    for (int64_t i = 0; i < n; i++)
        ck_assert_int_eq(((const int64_t *)ct_data(y))[i], labels[i]);
    ct_dataset_free(d);
}

/* The label in any column, by name or number; named classes in the order of their bytes, in a subset too. */
START_TEST(labels_by_column_and_name)
{
    const char *text = "width,kind,height\n1,virginica,2\n3,\"setosa\",4\n5,virginica,6\n";
    const double samples[] = {1, 2, 3, 4, 5, 6};
    CT_OPTIONS(ct_dataset_options, by_name, .dtype = CT_FLOAT64, .header = true, .label = "kind");
    CT_OPTIONS(ct_dataset_options, by_number, .dtype = CT_FLOAT64, .header = true, .label_column = -2);
    ct_dataset *d = dataset_of(text, &by_name), *part = ct_dataset_subset(d, (int64_t[]){1}, 1);
    ck_assert_int_eq(ct_dataset_classes(d), 2);
    ck_assert_int_eq(ct_dataset_classes(part), 2);
    ck_assert_str_eq(ct_dataset_class_name(d, 0), "setosa");
    ck_assert_str_eq(ct_dataset_class_name(part, 1), "virginica");
    ck_assert(!ct_dataset_class_name(d, 2) && !ct_dataset_class_name(d, -1));
    ct_dataset_free(part);
    expect_dataset(d, 3, samples, (int64_t[]){1, 0, 1});
    expect_dataset(dataset_of(text, &by_number), 3, samples, (int64_t[]){1, 0, 1});
    CT_OPTIONS(ct_dataset_options, named, .dtype = CT_FLOAT64, .named = true);
    expect_dataset(dataset_of("1,2,10\n3,4,9\n", &named), 2, samples, (int64_t[]){0, 1});
}
END_TEST

START_TEST(labels_as_numbers)
{
    CT_OPTIONS(ct_dataset_options, o, .dtype = CT_FLOAT64, .numbers = true, .separator = ";");
    ct_dataset *d = dataset_of("1;2;-0.5\n3;4;1e3\n", &o);
    ct_tensor *x, *y;
    ck_assert_msg(d != NULL, "%s", ct_error_message());
    ck_assert_int_eq(ct_dataset_batch(d, (int64_t[]){0, 1}, 2, &x, &y), CT_OK);
    ck_assert(ct_rank(y) == 2 && ct_size(y, 1) == 1 && ct_dtype_of(y) == CT_FLOAT64);
    ck_assert(memcmp(ct_data(y), (double[]){-0.5, 1000}, 16) == 0);
    ct_dataset_free(d);
}
END_TEST

/* Each word that stands for nothing. */
START_TEST(words_for_what_is_missing)
{
    static const char *const words[] = {"", "?", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\"\"", " NA "};
    CT_OPTIONS(ct_dataset_options, o, .dtype = CT_FLOAT64, .missing = CT_MISSING_VALUE, .missing_value = 7);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char text[64];
        snprintf(text, sizeof text, "1,2,0\n3,%s,1\n", words[i]);
        expect_dataset(dataset_of(text, &o), 2, (double[]){1, 2, 3, 7}, (int64_t[]){0, 1});
    }
}
END_TEST

/* The first column is number 0. */
START_TEST(the_label_may_come_first)
{
    CT_OPTIONS(ct_dataset_options, o, .dtype = CT_FLOAT64, .label_column = 0);
    expect_dataset(dataset_of("1,5,6\n0,7,8\n", &o), 2, (double[]){5, 6, 7, 8}, (int64_t[]){1, 0});
}
END_TEST

START_TEST(missing_values)
{
    const char *text = "1,?,0\n3,4,1\nNA,6,1\n";
    const struct {
        ct_missing missing;
        int64_t n;
        double samples[6];
        int64_t labels[3];
    } rules[] = {
        {CT_MISSING_DROP, 1, {3, 4}, {1}},
        {CT_MISSING_MEAN, 3, {1, 5, 3, 4, 2, 6}, {0, 1, 1}},
        {CT_MISSING_VALUE, 3, {1, -7, 3, 4, -7, 6}, {0, 1, 1}},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        CT_OPTIONS(ct_dataset_options, o, .dtype = CT_FLOAT64, .missing = rules[i].missing, .missing_value = -7);
        expect_dataset(dataset_of(text, &o), rules[i].n, rules[i].samples, rules[i].labels);
    }
}
END_TEST

static const struct {
    const char *text, *words, *label;
    ct_missing missing;
    int64_t label_column;
    ct_status code;
} wrong_tables[] = {
    {"1,?,0\n", "line 1 misses field 2: \"?\"", NULL, CT_MISSING_ERROR, -1, CT_ERROR_FORMAT},
    {"1,2,0\n1,2,\n", "line 2 has no label in field 3: \"\"", NULL, CT_MISSING_MEAN, -1, CT_ERROR_FORMAT},
    {"?,2,0\n", "field 1 has no value in any line", NULL, CT_MISSING_MEAN, -1, CT_ERROR_FORMAT},
    {"?,2,0\n", "no lines of samples", NULL, CT_MISSING_DROP, -1, CT_ERROR_FORMAT},
    {"1,x,0\n", "line 1 has no number in field 2: \"x\"", NULL, CT_MISSING_DROP, -1, CT_ERROR_FORMAT},
    {"1,2,0\n1,2,b\n", "line 2 has a label that is no number: \"b\"", NULL, CT_MISSING_ERROR, -1, CT_ERROR_FORMAT},
    {"1,2,0.5\n", "line 1 has a label that is no class: \"0.5\"", NULL, CT_MISSING_ERROR, -1, CT_ERROR_FORMAT},
    {"1,2,0\n", "label_column 3 of 3 columns", NULL, CT_MISSING_ERROR, 3, CT_ERROR_ARGUMENT},
    {"1,2,0\n", "label_column -4 of 3 columns", NULL, CT_MISSING_ERROR, -4, CT_ERROR_ARGUMENT},
    {"a,b,c\n1,2,0\n", "no column is named \"d\"", "d", CT_MISSING_ERROR, -1, CT_ERROR_ARGUMENT},
    {"a,a,c\n1,2,0\n", "more than one column is named \"a\"", "a", CT_MISSING_ERROR, -1, CT_ERROR_ARGUMENT},
    {"a,b,c\n", "no lines of samples", "a", CT_MISSING_ERROR, -1, CT_ERROR_FORMAT},
    {"", "no lines of samples", NULL, CT_MISSING_ERROR, -1, CT_ERROR_FORMAT},
    {"1,2,0\n", "missing 4", NULL, (ct_missing)4, -1, CT_ERROR_ARGUMENT},
};

START_TEST(wrong_tables_are_named)
{
    int64_t live = ct_memory_stats().live_bytes;
    CT_OPTIONS(ct_dataset_options, o, .header = wrong_tables[_i].label, .label = wrong_tables[_i].label,
               .missing = wrong_tables[_i].missing, .label_column = wrong_tables[_i].label_column);
    ck_assert_ptr_null(dataset_of(wrong_tables[_i].text, &o));
    expect_failure(wrong_tables[_i].code, wrong_tables[_i].words);
    ck_assert_int_eq(ct_memory_stats().live_bytes, live);
}
END_TEST

Suite *ct_suite_csv(void)
{
    Suite *suite = suite_create("csv");
    TCase *tests = tcase_create("csv");
    tcase_add_checked_fixture(tests, open_file, close_file);
    tcase_add_loop_test(tests, every_way_to_write_a_table, 0, 2);
    tcase_add_loop_test(tests, large_tables, 0, 3);
    tcase_add_loop_test(tests, wrong_lines_are_named, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tests, wrong_calls);
    if (reads_gzip("csv: truncated_gzip"))
        tcase_add_test(tests, truncated_gzip);
    tcase_add_loop_test(tests, without_memory, 0, 2);
    tcase_add_test(tests, lines_of_text);
    tcase_add_test(tests, separators);
    tcase_add_test(tests, labels_by_column_and_name);
    tcase_add_test(tests, labels_as_numbers);
    tcase_add_test(tests, missing_values);
    tcase_add_test(tests, words_for_what_is_missing);
    tcase_add_test(tests, the_label_may_come_first);
    tcase_add_loop_test(tests, wrong_tables_are_named, 0, (int)(sizeof wrong_tables / sizeof *wrong_tables));
    if (!is_quick())
        tcase_add_test(tests, hostile_files_get_no_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
