/* CSV files: every way of writing a table is read, what is wrong is named by its line and field, and a hostile file gets no more
 * memory than the numbers in it. */
#include "core_internal.h"
#include "error_checks.h"
#include "memory_limit.h"
#include "quick.h"
#include "suites.h"
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

static void write_text(const char *text, size_t size, bool zipped)
{
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
    {"1,2\n1,2,\n", "line 2, field 3 is no number", 0},
    {"1,nan\n", "\"nan\"", 0},
    {"1,0x10\n", "\"0x10\"", 0},
    {"1,1e999\n", "\"1e999\"", 0},
    {"1,2 3\n", "\"2 3\"", 0},
    {"1,\"2\"3\n", "line 1, field 2 is no number: \"2\"", 0},
    {"1,\"2\n", "field 2 is no number: \"2", 0},
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
    expect_error(ct_csv_load(path, NULL), CT_ERROR_FORMAT, "line 2, field 1 is no number: \"?\""); /* a byte 0 */
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
    ck_assert_int_eq(n,
                     CT_LIFETIME_CHECKS ? 5 : 4); /* buffer, numbers, storage, tensor, which is in the storage or not */
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
    for (int i = 0; i < ZEROS; i += 2)
        memcpy(text + i, "0,", 2);
    write_text(text, ZEROS, true);
    free(text);
    CT_OPTIONS(ct_csv_options, options, .max_bytes = 1000000);
    expect_error(ct_csv_load(path, &options), CT_ERROR_FORMAT, "more than 1000000 bytes of numbers");
    ck_assert(holds_within(700, refuses)); /* with 256 MiB of numbers it is over */
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
    tcase_add_test(tests, truncated_gzip);
    tcase_add_loop_test(tests, without_memory, 0, 2);
    if (!is_quick())
        tcase_add_test(tests, hostile_files_get_no_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
