/* NumPy's files: what NumPy wrote is read (tests/data/npy, by tests/make_npy_samples.py), what is saved comes back, and what is
 * wrong is named. */
#include "core_internal.h"
#include "file_checks.h"
#include "quick.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

/* The path of a file of NumPy's; without an ending in name, of an array. */
static const char *sample_path(const char *name)
{
    static char text[512];
    snprintf(text, sizeof text, "%s/npy/%s%s", TEST_DATA, name, strchr(name, '.') ? "" : ".npy");
    return text;
}

static ct_tensor *load_sample(const char *name)
{
    ct_tensor *t = ct_npy_load(sample_path(name), NULL);
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    return t;
}

/* ---- what NumPy wrote ---- */

static const double halves[] = {-1, -0.5, 0, 0.5, 1, 1.5}, whole[] = {-2, -1, 0, 1, 2, 3},
                    counts[] = {0, 1, 2, 3, 4, 5}, odd[] = {0, 1, 0, 1, 0, 1};

static const struct {
    const char *name;
    ct_dtype dtype;
    const double *values;
} samples[] = {
    {"f2", CT_FLOAT16, halves},      {"f4", CT_FLOAT32, halves},        {"f8", CT_FLOAT64, halves},
    {"i1", CT_INT32, whole},         {"i2", CT_INT32, whole},           {"i4", CT_INT32, whole},
    {"i8", CT_INT64, whole},         {"u1", CT_UINT8, counts},          {"u2", CT_INT32, counts},
    {"u4", CT_INT64, counts},        {"u8", CT_INT64, counts},          {"b1", CT_BOOL, odd},
    {"big_f2", CT_FLOAT16, halves},  {"big_f4", CT_FLOAT32, halves},    {"big_f8", CT_FLOAT64, halves},
    {"big_i2", CT_INT32, whole},     {"big_i4", CT_INT32, whole},       {"big_i8", CT_INT64, whole},
    {"big_u4", CT_INT64, counts},    {"version_2", CT_FLOAT64, halves}, {"version_3", CT_FLOAT64, halves},
    {"columns", CT_FLOAT64, halves},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

START_TEST(every_type_of_numpys)
{
    ct_tensor *t = load_sample(samples[_i].name);
    expect_tensor(t, samples[_i].dtype, CT_SHAPE(2, 3), samples[_i].values, 6);
}
END_TEST

START_TEST(every_shape)
{
    expect_tensor(load_sample("columns_i2"), CT_INT32, CT_SHAPE(2, 3, 1), whole, 6);
    expect_tensor(load_sample("scalar"), CT_FLOAT64, NULL, 0, CT_VALUES(-1));
    expect_tensor(load_sample("empty"), CT_FLOAT32, CT_SHAPE(2, 0, 3), NULL, 0);
}
END_TEST

/* Zeros, the ends of the subnormal numbers, the largest, no numbers. */
START_TEST(every_kind_of_half)
{
    const double values[] = {0, -0.0, 0x1p-24, 0x1p-14 - 0x1p-24, 0x1p-14, 0x1.554p-2, 65504, INFINITY, -INFINITY, NAN};
    ct_tensor *t = load_sample("halves");
    expect_tensor(t, CT_FLOAT16, CT_SHAPE(10), values, 10);
    ck_assert_int_eq(((const uint16_t *)ct_data(t))[1], 0x8000);
}
END_TEST

static const struct {
    const char *name, *message;
} refused[] = {
    {"complex", "type '<c16', which cotan does not have"},
    {"structured", "'descr' is no type of a single number"},
    {"large_u8", "element 1 is 9223372036854775808, too large for int64"},
};
enum { REFUSED = sizeof refused / sizeof *refused };

START_TEST(what_cotan_does_not_have)
{
    ck_assert_ptr_null(ct_npy_load(sample_path(refused[_i].name), NULL));
    expect_failure(CT_ERROR_FORMAT, refused[_i].message);
}
END_TEST

/* ---- round trips ---- */

/* _i: dtype and layout. */
START_TEST(saved_and_loaded)
{
    static const int64_t shapes[][3] = {{2, 3, 4}, {5, 1, 1}, {3, 0, 2}};
    ct_dtype dtype = (ct_dtype)(_i / LAYOUTS);
    for (int i = 0; i < 3; i++)
        for (int rank = 0; rank <= 3 && dtype != CT_BFLOAT16; rank++) { /* NumPy lacks it */
            ct_tensor *t = in_layout(numbers(dtype, shapes[i], rank, 3), _i % LAYOUTS);
            ck_assert_int_eq(ct_npy_save(path, t), CT_OK);
            expect_close(ct_npy_load(path, NULL), t, 0);
        }
}
END_TEST

/* The very bytes that NumPy writes. */
START_TEST(saved_as_numpy_does)
{
    static const char *const names[] = {"f4", "f8", "i4", "i8", "u1", "scalar", "empty"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file_bytes numpys = read_bytes(sample_path(names[i]));
        ck_assert_int_eq(ct_npy_save(path, load_sample(names[i])), CT_OK);
        file_bytes ours = read_bytes(path);
        ck_assert_msg(ours.size == numpys.size && memcmp(ours.data, numpys.data, ours.size) == 0, "%s", names[i]);
    }
}
END_TEST

START_TEST(the_largest_header)
{
    ct_tensor *t = ct_zeros(CT_FLOAT64, CT_SHAPE(0, 1000, 1000, 1000, 1000, 1000, 100, 10));
    ck_assert_int_eq(ct_npy_save(path, t), CT_OK);
    expect_close(ct_npy_load(path, NULL), t, 0);
}
END_TEST

START_TEST(gzipped)
{
    file_bytes b = read_bytes(sample_path("f8"));
    write_gzip(path, b.data, b.size);
    expect_tensor(ct_npy_load(path, NULL), CT_FLOAT64, CT_SHAPE(2, 3), halves, 6);
}
END_TEST

/* ---- what is wrong ---- */

/* A file with that header and six bytes behind it. */
static void write_header(const char *header)
{
    file_bytes b = {.size = 0};
    uint16_t length = (uint16_t)strlen(header);
    append(&b, "\x93NUMPY\1", 8);
    append(&b, &length, 2);
    append(&b, header, length);
    append(&b, "\0\1\2\3\4\5", 6);
    write_bytes(path, b.data, b.size);
}

static const struct {
    const char *header, *message;
} headers[] = {
    {"", "the header is no dictionary"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (6,)", "the header is no dictionary"},
    {"{'descr': '|u1' 'shape': (6,)}", "the header is no dictionary"},
    {"{descr: '|u1'}", "the header is no dictionary"},
    {"{'descr': '|u1', 'shape': (6,)}", "the header has no 'fortran_order'"},
    {"{'descr': '|u1', 'descr': '|u1'}", "'descr' is given twice"},
    {"{'colour': 'red'}", "the header has a key 'colour'"},
    {"{'descr': 3}", "'descr' is no type of a single number"},
    {"{'descr': '|u1}", "'descr' is no type of a single number"},
    {"{'descr': '|O'}", "type '|O', which cotan does not have"},
    {"{'descr': 'xu1'}", "type 'xu1', which cotan does not have"},
    {"{'descr': ''}", "type '', which cotan does not have"},
    {"{'fortran_order': 1}", "'fortran_order' is neither True nor False"},
    {"{'shape': 6}", "'shape' is no tuple"},
    {"{'shape': (6", "'shape' is no tuple"},
    {"{'shape': (2 3)}", "'shape' is no tuple"},
    {"{'shape': (-6,)}", "a size that is no count, axis 0"},
    {"{'shape': (1, 99999999999999999999)}", "a size that is no count, axis 1"},
    {"{'shape': (1, 1, 1, 1, 1, 1, 1, 1, 6)}", "more than 8 axes"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3000000000, 3000000000)}", "more bytes than can be counted"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (3000000000,)}", "more than 268435456 bytes of numbers"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (5,)}", "longer than its header says"},
    {"{'descr': '|u1', 'fortran_order': True, 'shape': (7, 1)}", "truncated in the elements"},
};
enum { HEADERS = sizeof headers / sizeof *headers };

START_TEST(wrong_headers)
{
    write_header(headers[_i].header);
    ck_assert_ptr_null(ct_npy_load(path, NULL));
    expect_format_error(headers[_i].message);
}
END_TEST

/* Of other hands: other quotes, blanks and order, Python 2's long numbers. */
START_TEST(other_headers)
{
    static const char *const rows[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}\n",
        "{\"shape\":(2,3),\"descr\":\"|u1\",\"fortran_order\":False,}",
        " { 'shape' : ( 2L , 3L , ) , 'descr' : '<u1' , 'fortran_order' : False } ",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_header(rows[i]);
        expect_tensor(ct_npy_load(path, NULL), CT_UINT8, CT_SHAPE(2, 3), counts, 6);
    }
}
END_TEST

START_TEST(truncated_anywhere)
{
    file_bytes b = read_bytes(sample_path("f8"));
    for (size_t size = 0; size < b.size; size++) {
        write_bytes(path, b.data, size);
        ck_assert_msg(ct_npy_load(path, NULL) == NULL, "loads with %zu of %zu bytes", size, b.size);
        expect_format_error("truncated");
    }
}
END_TEST

START_TEST(wrong_calls)
{
    CT_OPTIONS(ct_npy_options, few, .max_bytes = 47);
    CT_OPTIONS(ct_npy_options, enough, .max_bytes = 48);
    CT_OPTIONS(ct_npy_options, negative, .max_bytes = -1);
    ck_assert_ptr_null(ct_npy_load(sample_path("f8"), &few));
    expect_failure(CT_ERROR_FORMAT, "more than 47 bytes of numbers; .max_bytes allows more");
    ck_assert_ptr_nonnull(ct_npy_load(sample_path("f8"), &enough));
    ck_assert_ptr_null(ct_npy_load(sample_path("f8"), &negative));
    expect_failure(CT_ERROR_ARGUMENT, "npy_load: max_bytes is -1");
    ck_assert_ptr_null(ct_npy_load(NULL, NULL));
    expect_failure(CT_ERROR_NULL, "npy_load: path is NULL");
    ck_assert_ptr_null(ct_npy_load(directory, NULL));
    expect_failure(CT_ERROR_IO, "a directory, not a regular file");
    write_bytes(path, "\x93NUMPY\4\0\0\0\0\0", 12);
    ck_assert_ptr_null(ct_npy_load(path, NULL));
    expect_format_error("version 4 of the format; 1 to 3 are known");
    write_bytes(path, "PK\3\4 what NumPy calls .npz", 25);
    ck_assert_ptr_null(ct_npy_load(path, NULL));
    expect_format_error("not .npy");
    write_bytes(path, "\x93NUMPY\2\0\1\0\1\0", 12);
    ck_assert_ptr_null(ct_npy_load(path, NULL));
    expect_format_error("a header of 65537 bytes, more than 65536");
    ck_assert_int_eq(ct_npy_save(NULL, ct_ones(CT_FLOAT32, NULL, 0)), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "npy_save: path is NULL");
    ck_assert_int_eq(ct_npy_save(path, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "npy_save");
    ck_assert_int_eq(ct_npy_save(directory, ct_ones(CT_FLOAT32, NULL, 0)), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "a directory");
}
END_TEST

/* Every allocation fails in turn. _i: from then on all. */
START_TEST(without_memory)
{
    ct_memory before = ct_memory_stats();
    ct_tensor *t = NULL;
    for (int64_t n = 1; !t; n++) {
        ct__fail_allocation(n, _i);
        t = ct_npy_load(sample_path("columns"), NULL);
        ct__fail_allocation(0, false);
        if (!t)
            expect_failure(CT_ERROR_MEMORY, "npy_load");
    }
    ct_release(t);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

/* ---- archives ---- */

static ct_tensor_file *load_archive(const char *name)
{
    ct_tensor_file *file = ct_npz_load(name, NULL);
    ck_assert_msg(file != NULL, "%s", ct_error_message());
    return file;
}

/* _i: stored, compressed. */
START_TEST(archives_of_numpys)
{
    ct_tensor_file *file = load_archive(sample_path(_i ? "compressed.npz" : "arrays.npz"));
    ck_assert_int_eq(ct_tensor_file_count(file), 4);
    ck_assert_str_eq(ct_tensor_file_name(file, 0), "x");
    expect_tensor(ct_tensor_file_get(file, "x"), CT_FLOAT64, CT_SHAPE(2, 3), halves, 6);
    expect_tensor(ct_tensor_file_get(file, "layer.weight"), CT_FLOAT32, CT_SHAPE(3, 2),
                  CT_VALUES(-1, 0.5, -0.5, 1, 0, 1.5));
    expect_tensor(ct_tensor_file_get(file, "n"), CT_INT64, NULL, 0, CT_VALUES(3));
    expect_tensor(ct_tensor_file_get(file, "gr\xc3\xb6\xc3\x9f"
                                           "e"),
                  CT_UINT8, CT_SHAPE(2, 3), counts, 6);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(an_archive_of_nothing)
{
    ct_tensor_file *file = load_archive(sample_path("nothing.npz"));
    ck_assert_int_eq(ct_tensor_file_count(file), 0);
    ck_assert_ptr_null(ct_tensor_file_get(file, "x"));
    ct_tensor_file_free(file);
}
END_TEST

static const char *const two_names[] = {"a/b", "\xce\xb2"};

/* _i: layout and whether compressed. */
START_TEST(archives_saved_and_loaded)
{
    CT_OPTIONS(ct_npz_options, options, .compress = _i % 2);
    ct_tensor *tensors[] = {in_layout(numbers(CT_FLOAT32, CT_SHAPE(4, 5, 6), 3), _i / 2),
                            ct_zeros(CT_UINT8, CT_SHAPE(0, 2))};
    ck_assert_int_eq(ct_npz_save(path, two_names, tensors, 2, &options), CT_OK);
    file_bytes first = read_bytes(path);
    ck_assert(_i % 2 == 0 || first.size < 4 * 5 * 6 * 4 + 600); /* the header alone is made smaller */
    ck_assert_int_eq(ct_npz_save(path, two_names, tensors, 2, &options), CT_OK);
    file_bytes again = read_bytes(path);
    ck_assert(first.size == again.size && memcmp(first.data, again.data, first.size) == 0);
    ct_tensor_file *file = load_archive(path);
    ck_assert_int_eq(ct_tensor_file_count(file), 2);
    for (int i = 0; i < 2; i++)
        expect_close(ct_tensor_file_get(file, two_names[i]), tensors[i], 0);
    ct_tensor_file_free(file);
}
END_TEST

/* What has one byte wrong is refused, or its arrays are as they were: names, say, are not summed. _i: stored, compressed. */
START_TEST(damaged_archives)
{
    file_bytes b = read_bytes(sample_path(_i ? "compressed.npz" : "arrays.npz"));
    int failures = 0, bits = is_quick() ? 1 : 8;
    for (size_t i = 0; i < b.size; i++)
        for (int bit = 0; bit < bits; bit++) {
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
            write_bytes(path, b.data, b.size);
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
            ct_tensor_file *file = ct_npz_load(path, NULL);
            failures += !file;
            if (!file) {
                ck_assert_msg(ct_error_code() == CT_ERROR_FORMAT || ct_error_code() == CT_ERROR_IO, "%s",
                              ct_error_message());
                ct_error_clear();
            } else if (ct_tensor_file_get(file, "x")) {
                expect_tensor(ct_tensor_file_get(file, "x"), CT_FLOAT64, CT_SHAPE(2, 3), halves, 6);
            }
            ct_tensor_file_free(file);
        }
    ck_assert_int_gt(failures, (int)b.size * bits / 2);
}
END_TEST

START_TEST(truncated_archives)
{
    file_bytes b = read_bytes(sample_path("compressed.npz"));
    for (size_t size = 0; size < b.size; size++) {
        write_bytes(path, b.data, size);
        ck_assert_msg(ct_npz_load(path, NULL) == NULL, "loads with %zu of %zu bytes", size, b.size);
        expect_format_error("");
    }
}
END_TEST

START_TEST(wrong_archives)
{
    CT_OPTIONS(ct_npy_options, few, .max_bytes = 85);
    CT_OPTIONS(ct_npy_options, enough, .max_bytes = 86);
    CT_OPTIONS(ct_npy_options, negative, .max_bytes = -1);
    ck_assert_ptr_null(ct_npz_load(sample_path("arrays.npz"), &few));
    expect_failure(CT_ERROR_FORMAT, "array 'gr\xc3\xb6\xc3\x9f"
                                    "e': more than 5 bytes of numbers; .max_bytes allows more");
    ct_tensor_file *file = ct_npz_load(sample_path("arrays.npz"), &enough);
    ck_assert_ptr_nonnull(file);
    ct_tensor_file_free(file);
    ck_assert_ptr_null(ct_npz_load(sample_path("arrays.npz"), &negative));
    expect_failure(CT_ERROR_ARGUMENT, "npz_load: max_bytes is -1");
    ck_assert_ptr_null(ct_npz_load(NULL, NULL));
    expect_failure(CT_ERROR_NULL, "npz_load: path is NULL");
    ck_assert_ptr_null(ct_npz_load(directory, NULL));
    expect_failure(CT_ERROR_IO, "a directory, not a regular file");
    ck_assert_ptr_null(ct_npz_load(sample_path("f8"), NULL));
    expect_failure(CT_ERROR_FORMAT, "f8.npy: not a zip archive, or truncated");
    ck_assert_ptr_null(ct_npz_load(sample_path("twice.npz"), NULL));
    expect_failure(CT_ERROR_FORMAT, "twice.npz: two arrays have the same name");
}
END_TEST

START_TEST(wrong_saves)
{
    ct_tensor *one = ct_ones(CT_FLOAT32, CT_SHAPE(2)), *tensors[] = {one, one};
    ck_assert_int_eq(ct_npz_save(path, (const char *const[]){"a", "a"}, tensors, 2, NULL), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "npz_save: the name 'a' is given twice");
    ck_assert_int_eq(ct_npz_save(path, (const char *const[]){"\xff\xfe"}, tensors, 1, NULL), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "is not UTF-8");
    ck_assert_int_eq(ct_npz_save(path, two_names, tensors, 0, NULL), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "npz_save: no arrays");
    ck_assert_int_eq(ct_npz_save(path, two_names, tensors, -1, NULL), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "npz_save: -1 tensors");
    ck_assert_int_eq(ct_npz_save(path, two_names, NULL, 1, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "npz_save: tensors is NULL");
    ck_assert_int_eq(ct_npz_save(directory, two_names, tensors, 2, NULL), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "a directory");
    ck_assert_int_eq(entries(directory, false), 0);
}
END_TEST

/* Every allocation of ours fails in turn, in loading and in saving. _i: from then on all. */
START_TEST(archives_without_memory)
{
    ct_tensor *one = ct_ones(CT_FLOAT32, CT_SHAPE(2)), *tensors[] = {one, one};
    ct_memory before = ct_memory_stats();
    ct_tensor_file *file = NULL;
    for (int64_t n = 1; !file; n++) {
        ct__fail_allocation(n, _i);
        file = ct_npz_load(sample_path("arrays.npz"), NULL);
        ct__fail_allocation(0, false);
        if (!file)
            expect_failure(CT_ERROR_MEMORY, "npz_load");
    }
    ct_tensor_file_free(file);
    ct_status status = CT_ERROR_MEMORY;
    for (int64_t n = 1; status != CT_OK; n++) {
        ct__fail_allocation(n, _i);
        status = ct_npz_save(path, two_names, tensors, 2, NULL);
        ct__fail_allocation(0, false);
        if (status != CT_OK)
            expect_failure(CT_ERROR_MEMORY, "npz_save");
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

#ifdef COTAN_USE_LIBZIP
static const bool has_archives = true;
#else
static const bool has_archives = false;
#endif

/* In a build without libzip. */
START_TEST(no_archives)
{
    ck_assert_ptr_null(ct_npz_load(sample_path("arrays.npz"), NULL));
    expect_failure(CT_ERROR_STATE, "npz_load: cotan was built without libzip");
    ct_tensor *one = ct_ones(CT_FLOAT32, CT_SHAPE(2));
    ck_assert_int_eq(ct_npz_save(path, two_names, &one, 1, NULL), CT_ERROR_STATE);
    expect_failure(CT_ERROR_STATE, "npz_save: cotan was built without libzip");
}
END_TEST

static void add_archives(TCase *archives)
{
    tcase_add_loop_test(archives, archives_of_numpys, 0, 2);
    tcase_add_test(archives, an_archive_of_nothing);
    tcase_add_loop_test(archives, archives_saved_and_loaded, 0, 2 * LAYOUTS);
    tcase_add_loop_test(archives, damaged_archives, 0, 2);
    tcase_add_test(archives, truncated_archives);
    tcase_add_test(archives, wrong_archives);
    tcase_add_test(archives, wrong_saves);
    tcase_add_loop_test(archives, archives_without_memory, 0, 2);
}

Suite *ct_suite_npy(void)
{
    Suite *suite = suite_create("npy");
    TCase *tests = tcase_create("npy");
    tcase_add_checked_fixture(tests, open_directory, close_directory);
    tcase_add_loop_test(tests, every_type_of_numpys, 0, SAMPLES);
    tcase_add_test(tests, every_shape);
    tcase_add_test(tests, every_kind_of_half);
    tcase_add_loop_test(tests, what_cotan_does_not_have, 0, REFUSED);
    tcase_add_loop_test(tests, saved_and_loaded, 0, CT_DTYPES * LAYOUTS);
    tcase_add_test(tests, saved_as_numpy_does);
    tcase_add_test(tests, the_largest_header);
    if (reads_gzip("npy: gzipped"))
        tcase_add_test(tests, gzipped);
    tcase_add_loop_test(tests, wrong_headers, 0, HEADERS);
    tcase_add_test(tests, other_headers);
    tcase_add_test(tests, truncated_anywhere);
    tcase_add_test(tests, wrong_calls);
    tcase_add_loop_test(tests, without_memory, 0, 2);
    suite_add_tcase(suite, tests);
    TCase *archives = tcase_create("archives");
    tcase_add_checked_fixture(archives, open_directory, close_directory);
    if (has_archives)
        add_archives(archives);
    else {
        fputs("skipped, as cotan was built without libzip: npy: archives\n", stderr);
        tcase_add_test(archives, no_archives);
    }
    suite_add_tcase(suite, archives);
    return suite;
}
