/* safetensors and IDX files: what is saved comes back, byte for byte as the formats say; what is wrong is named; a
 * save that fails leaves the old file. */
#include "core_internal.h"
#include "file_checks.h"
#include "memory_limit.h"
#include "quick.h"
#include "suites.h"
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* A .safetensors file: the length of header, header, so many bytes 0, 1, 2, ... */
static file_bytes safetensors(const char *header, size_t data)
{
    file_bytes b = {.size = 0};
    uint64_t length = strlen(header);
    append(&b, &length, 8);
    append(&b, header, length);
    for (size_t i = 0; i < data; i++)
        append(&b, &(char){(char)i}, 1);
    return b;
}

/* ---- safetensors: round trips ---- */

static ct_tensor *get(const ct_tensor_file *file, const char *name)
{
    ct_tensor *t = ct_tensor_file_get(file, name);
    ck_assert_msg(t != NULL, "no tensor '%s'", name);
    return t;
}

static void check_equal(const ct_tensor *a, const ct_tensor *b)
{
    ck_assert_int_eq(ct_dtype_of(a), ct_dtype_of(b));
    ck_assert_msg(ct__same_shape(a, b), "shapes differ");
    size_t size = (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a));
    char *x = malloc(size + 1), *y = malloc(size + 1);
    ck_assert_int_eq(ct_to_array(a, x, ct_numel(a)), CT_OK);
    ck_assert_int_eq(ct_to_array(b, y, ct_numel(b)), CT_OK);
    ck_assert(memcmp(x, y, size) == 0);
    free(x);
    free(y);
}

static void save(const char *const *names, ct_tensor *const *tensors, int64_t n)
{
    ck_assert_msg(ct_safetensors_save(path, names, tensors, n) == CT_OK, "%s", ct_error_message());
    ck_assert_int_eq(entries(directory, false), 1); /* no temporary file is left */
}

static ct_tensor_file *load(void)
{
    ct_tensor_file *file = ct_safetensors_load(path, NULL);
    ck_assert_msg(file != NULL, "%s", ct_error_message());
    return file;
}

/* _i: the dtype. Every rank, sizes of zero, and values at the ends of the dtype's range. */
START_TEST(every_dtype_comes_back)
{
    ct_dtype dtype = (ct_dtype)_i;
    static const int64_t shape[] = {2, 1, 3, 1, 2, 1, 1, 2}, empty[] = {2, 0, 3};
    static const double ends[] = {0, 1, 100, 255};
    static const char *const names[] = {"scalar", "one", "two", "eight", "empty", "none", "ends"};
    ct_tensor *tensors[] = {
        ct_scalar(dtype, 7),
        ct_arange(dtype, 0, 1, 5),
        ct_eye(dtype, 3),
        ct_full(dtype, 3, shape, 8),
        ct_zeros(dtype, empty, 3),
        ct_zeros(dtype, (const int64_t[]){0}, 1),
        ct_from_values(dtype, ends, 4, CT_SHAPE(4)),
    };
    enum { N = sizeof names / sizeof *names };
    save(names, tensors, N);
    ct_tensor_file *file = load();
    ck_assert_int_eq(ct_tensor_file_count(file), N);
    for (int i = 0; i < N; i++) {
        ck_assert_str_eq(ct_tensor_file_name(file, i), names[i]);
        check_equal(get(file, names[i]), tensors[i]);
    }
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(special_values_come_back)
{
    const float singles[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-45f, 3.4028235e38f};
    const double doubles[] = {NAN, INFINITY, -INFINITY, -0.0, 5e-324, 1.7976931348623157e308};
    const int64_t longs[] = {INT64_MIN, INT64_MAX, -1};
    const int32_t ints[] = {INT32_MIN, INT32_MAX, -1};
    static const char *const names[] = {"singles", "doubles", "longs", "ints"};
    ct_tensor *tensors[] = {
        ct_from_array(CT_FLOAT32, singles, CT_SHAPE(6)),
        ct_from_array(CT_FLOAT64, doubles, CT_SHAPE(6)),
        ct_from_array(CT_INT64, longs, CT_SHAPE(3)),
        ct_from_array(CT_INT32, ints, CT_SHAPE(3)),
    };
    save(names, tensors, 4);
    ct_tensor_file *file = load();
    for (int i = 0; i < 4; i++)
        check_equal(get(file, names[i]), tensors[i]);
    ct_tensor_file_free(file);
}
END_TEST

/* _i: the dtype. */
START_TEST(any_strides_come_back)
{
    ct_tensor *t = ct_from_values((ct_dtype)_i, CT_VALUES(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), CT_SHAPE(3, 4));
    static const char *const names[] = {"transpose", "flip", "expand", "column"};
    ct_tensor *tensors[] = {
        ct__tensor_view(t, 0, (const int64_t[]){4, 3}, (const int64_t[]){1, 4}, 2, "transpose"),
        ct__tensor_view(t, 11, (const int64_t[]){3, 2}, (const int64_t[]){-4, -2}, 2, "flip"),
        ct__tensor_view(t, 5, (const int64_t[]){2, 3}, (const int64_t[]){0, 1}, 2, "expand"),
        ct__tensor_view(t, 2, (const int64_t[]){3}, (const int64_t[]){4}, 1, "select"),
    };
    save(names, tensors, 4);
    ct_tensor_file *file = load();
    for (int i = 0; i < 4; i++)
        check_equal(get(file, names[i]), tensors[i]);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(names_of_any_text_come_back)
{
    static const char *const names[] = {"", "a.weight", "quote \" backslash \\ slash /", "line\nend\ttab\x01",
                                        "größe 重み 🙂"};
    ct_tensor *tensors[5];
    for (int i = 0; i < 5; i++)
        tensors[i] = ct_scalar(CT_FLOAT32, i);
    save(names, tensors, 5);
    ct_tensor_file *file = load();
    for (int i = 0; i < 5; i++)
        ck_assert(ct_item(get(file, names[i])) == i);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(nothing_comes_back)
{
    save(NULL, NULL, 0);
    file_bytes b = read_bytes(path);
    ck_assert_uint_eq(b.size, 16);
    ck_assert_mem_eq(b.data, "\x08\0\0\0\0\0\0\0{}      ", 16);
    ct_tensor_file *file = load();
    ck_assert_int_eq(ct_tensor_file_count(file), 0);
    ck_assert_ptr_null(ct_tensor_file_name(file, 0));
    ct_tensor_file_free(file);
}
END_TEST

/* Byte for byte what the format's own writer gives for the same tensors in the same order. */
START_TEST(saved_bytes_are_the_formats)
{
    static const char *const names[] = {"w", "b", "step"};
    ct_tensor *tensors[] = {
        ct_from_values(CT_FLOAT32, CT_VALUES(1, -2), CT_SHAPE(1, 2)),
        ct_from_values(CT_INT32, CT_VALUES(-1), CT_SHAPE(1)),
        ct_scalar(CT_UINT8, 7),
    };
    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                                 "\"step\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[12,13]}}";
    static const unsigned char data[] = {0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0, 0xff, 0xff, 0xff, 0xff, 7};
    save(names, tensors, 3);
    file_bytes expected = {.size = 0};
    append(&expected, "\xa8\0\0\0\0\0\0\0", 8); /* 168: 166 and the padding */
    append(&expected, header, strlen(header));
    append(&expected, "  ", 2);
    append(&expected, data, sizeof data);
    file_bytes b = read_bytes(path);
    ck_assert_msg(b.size == expected.size && memcmp(b.data, expected.data, b.size) == 0, "%.*s", (int)b.size,
                  b.data + 8);
}
END_TEST

/* Another writer's file: metadata, entries out of order, blanks, keys out of order, escapes, keys of the future. */
START_TEST(foreign_files_load)
{
    file_bytes b = safetensors(
        "{ \"__metadata__\": {\"format\": \"pt\"},\n"
        " \"late\": {\"shape\": [2], \"data_offsets\": [4, 6], \"dtype\": \"U8\"},"
        " \"\\u00e4\": {\"dtype\": \"I32\", \"shape\": [], \"data_offsets\": [0, 4], \"note\": null},"
        " \"void\": {\"dtype\": \"F64\", \"shape\": [0, 9223372036854775807], \"data_offsets\": [4, 4]}}   ",
        6);
    write_bytes(path, b.data, b.size);
    /* more bytes than a tensor of that shape may have, were the other size not 0 */
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("tensor 'void' has more bytes than can be counted");
    char *size = strstr(b.data + 8, "9223372036854775807");
    memcpy(size, "                  3", 19);
    write_bytes(path, b.data, b.size);
    ct_tensor_file *file = load();
    static const char *const names[] = {"ä", "void", "late"}; /* as their bytes lie */
    ck_assert_int_eq(ct_tensor_file_count(file), 3);
    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(ct_tensor_file_name(file, i), names[i]);
    ck_assert(ct_item(get(file, "ä")) == 0x03020100);
    ck_assert(ct_get(get(file, "late"), (const int64_t[]){1}, 1) == 5);
    ck_assert_int_eq(ct_numel(get(file, "void")), 0);
    ck_assert_ptr_null(ct_tensor_file_get(file, "__metadata__"));
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(a_file_owns_its_tensors)
{
    static const char *const names[] = {"t"};
    save(names, (ct_tensor *[]){ct_scalar(CT_FLOAT32, 3)}, 1);
    ct_memory before = ct_memory_stats();
    ct_scope_open();
    ct_tensor_file *file = load();
    ct_scope_close();
    ck_assert(ct_item(get(file, "t")) == 3); /* the scope did not own it */
    ck_assert_ptr_null(ct_tensor_file_get(file, "u"));
    ck_assert_ptr_null(ct_tensor_file_get(file, NULL));
    ck_assert_ptr_null(ct_tensor_file_get(NULL, "t"));
    ck_assert_ptr_null(ct_tensor_file_name(file, 1));
    ck_assert_ptr_null(ct_tensor_file_name(file, -1));
    ck_assert_ptr_null(ct_tensor_file_name(NULL, 0));
    ck_assert_int_eq(ct_tensor_file_count(NULL), 0);
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ct_tensor_file_free(file);
    ct_tensor_file_free(NULL);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
}
END_TEST

/* ---- safetensors: what is wrong with a file ---- */

#define ENTRY(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static const struct {
    const char *header;
    size_t data;
    const char *words;
} broken[] = {
    {"", 0, "does not begin with '{'"},
    {" {}", 0, "does not begin with '{'"},
    {"[]", 0, "does not begin with '{'"},
    {"{\"a\":", 0, "not JSON as it should be"},
    {"{}x", 0, "not JSON as it should be"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1") ",\"a\":" ENTRY("U8", "[1]", "1", "2") "}", 2,
     "duplicate object key near '\"a\"'"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, "duplicate object key"},
    {"{\"\xff\":" ENTRY("U8", "[1]", "0", "1") "}", 1, "unable to decode byte 0xff"},
    {"{\"\\u0000\":" ENTRY("U8", "[1]", "0", "1") "}", 1, "NUL byte in object key"},
    {"{\"a\":1}", 0, "tensor 'a' has no dtype"},
    {"{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,1]}}", 1, "tensor 'a' has no dtype"},
    {"{\"a\":" ENTRY("I16", "[1]", "0", "2") "}", 2, "tensor 'a' has dtype I16, which cotan does not have"},
    {"{\"a\":" ENTRY("F8_E4M3", "[1]", "0", "1") "}", 1, "dtype F8_E4M3"},
    {"{\"a\":" ENTRY("BF16", "[1]", "0", "4") "}", 4, "offsets for 4 bytes, its shape and dtype need 2"},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "tensor 'a' has no shape"},
    {"{\"a\":" ENTRY("U8", "1", "0", "1") "}", 1, "tensor 'a' has no shape"},
    {"{\"a\":" ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "tensor 'a' has 9 axes, more than 8"},
    {"{\"a\":" ENTRY("U8", "[1,-1]", "0", "1") "}", 1, "tensor 'a' has a size that is no count, axis 1"},
    {"{\"a\":" ENTRY("U8", "[1.0]", "0", "1") "}", 1, "tensor 'a' has a size that is no count, axis 0"},
    {"{\"a\":" ENTRY("U8", "[null]", "0", "1") "}", 1, "tensor 'a' has a size that is no count"},
    {"{\"a\":" ENTRY("U8", "[9223372036854775808]", "0", "1") "}", 1, "too big integer"},
    {"{\"a\":" ENTRY("F64", "[2305843009213693952]", "0", "0") "}", 0, "more bytes than can be counted"},
    {"{\"a\":" ENTRY("U8", "[4294967296,4294967296]", "0", "0") "}", 0, "more bytes than can be counted"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "tensor 'a' has no data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "tensor 'a' has no data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "tensor 'a' has no data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1.0]}}", 1, "tensor 'a' has no data_offsets"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") "}", 1, "tensor 'a' lies outside the file: offsets [0, 2] in 1 bytes"},
    {"{\"a\":" ENTRY("U8", "[1]", "-1", "0") "}", 1, "tensor 'a' lies outside the file"},
    {"{\"a\":" ENTRY("U8", "[1]", "1", "0") "}", 1, "tensor 'a' lies outside the file"},
    {"{\"a\":" ENTRY("F32", "[2]", "0", "4") "}", 4, "tensor 'a' has offsets for 4 bytes, its shape and dtype need 8"},
    {"{\"a\":" ENTRY("U8", "[0]", "0", "1") "}", 1, "tensor 'a' has offsets for 1 bytes, its shape and dtype need 0"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") ",\"b\":" ENTRY("U8", "[2]", "1", "3") "}", 3,
     "tensor 'b' begins at byte 1; the one before ends at 2"},
    {"{\"a\":" ENTRY("U8", "[2]", "0", "2") ",\"b\":" ENTRY("U8", "[2]", "0", "2") "}", 2,
     "begins at byte 0; the one before ends at 2"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1") ",\"b\":" ENTRY("U8", "[1]", "2", "3") "}", 3,
     "tensor 'b' begins at byte 2; the one before ends at 1"},
    {"{\"a\":" ENTRY("U8", "[1]", "1", "2") "}", 2, "tensor 'a' begins at byte 1; the one before ends at 0"},
    {"{\"a\":" ENTRY("U8", "[0]", "1", "1") "}", 1, "tensor 'a' begins at byte 1; the one before ends at 0"},
    {"{\"a\":" ENTRY("U8", "[1]", "0", "1") "}", 2, "the tensors have 1 bytes, the file has 2"},
    {"{}", 1, "the tensors have 0 bytes, the file has 1"},
};

START_TEST(booleans_come_as_bool)
{
    file_bytes b = safetensors("{\"a\":" ENTRY("BOOL", "[2]", "0", "2") "}", 2);
    write_bytes(path, b.data, b.size);
    ct_tensor_file *file = load();
    ck_assert(ct_dtype_of(get(file, "a")) == CT_BOOL && ((const uint8_t *)ct_data(get(file, "a")))[1] == 1);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(broken_headers_are_named)
{
    ct_memory before = ct_memory_stats();
    file_bytes b = safetensors(broken[_i].header, broken[_i].data);
    write_bytes(path, b.data, b.size);
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error(broken[_i].words);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

START_TEST(broken_lengths_are_named)
{
    write_bytes(path, "\x02\0\0\0\0\0\0", 7);
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("truncated: 7 bytes");
    write_bytes(path, "\x03\0\0\0\0\0\0\0{}", 10);
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("truncated: 10 bytes, the header alone has 3");
    write_bytes(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("a header of 18446744073709551615 bytes, more than 100000000");
    write_bytes(path, "\x01\xe1\xf5\x05\0\0\0\0{}", 10); /* 100000001 */
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("a header of 100000001 bytes");
}
END_TEST

/* Saves one file of several dtypes and returns its bytes. */
static file_bytes sample(void)
{
    static const char *const names[] = {"w", "labels", "a name longer than the buffers with which a parser begins"};
    ct_tensor *tensors[] = {ct_eye(CT_FLOAT32, 3), ct_arange(CT_INT64, 0, 1, 4), ct_ones(CT_UINT8, CT_SHAPE(5))};
    save(names, tensors, 3);
    return read_bytes(path);
}

START_TEST(a_truncated_file_is_named)
{
    file_bytes b = sample();
    for (size_t size = 0; size < b.size; size++) {
        write_bytes(path, b.data, size);
        ck_assert_msg(ct_safetensors_load(path, NULL) == NULL, "loads with %zu of %zu bytes", size, b.size);
        expect_format_error("truncated");
    }
    append(&b, "", 1);
    write_bytes(path, b.data, b.size);
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_format_error("the tensors have 73 bytes, the file has 74");
}
END_TEST

/* One byte wrong in the header: the file loads (a letter of a name), or a format error names it. */
START_TEST(a_damaged_header_does_no_harm)
{
    static const char others[] = {0, ' ', '"', '0', '9', '-', '[', '}', ',', 'e', 0x7f, (char)0xff};
    file_bytes b = sample();
    int loaded = 0, fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    for (off_t i = 0; i < (off_t)b.size - 73; i++) {
        for (size_t k = 0; k < sizeof others; k++) {
            ck_assert_int_eq(pwrite(fd, &others[k], 1, i), 1);
            ct_tensor_file *file = ct_safetensors_load(path, NULL);
            loaded += file != NULL;
            if (!file)
                expect_format_error("");
            ct_tensor_file_free(file);
        }
        ck_assert_int_eq(pwrite(fd, &b.data[i], 1, i), 1);
    }
    close(fd);
    ck_assert_int_gt(loaded, 0);
}
END_TEST

START_TEST(load_refusals)
{
    ck_assert_ptr_null(ct_safetensors_load(NULL, NULL));
    expect_failure(CT_ERROR_NULL, "safetensors_load: path is NULL");
    ck_assert_ptr_null(ct_safetensors_load(path, NULL));
    expect_failure(CT_ERROR_IO, "file: cannot open: No such file or directory");
    ck_assert_ptr_null(ct_safetensors_load(directory, NULL));
    expect_failure(CT_ERROR_IO, "a directory, not a regular file");
}
END_TEST

/* ---- safetensors: saves that fail ---- */

START_TEST(save_refusals)
{
    ct_tensor *t = ct_scalar(CT_FLOAT32, 1);
    ct_tensor *two[] = {t, t}, *hole[] = {t, NULL};
    ck_assert_int_eq(ct_safetensors_save(NULL, (const char *[]){"a"}, two, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "safetensors_save: path is NULL");
    ck_assert_int_eq(ct_safetensors_save(path, NULL, two, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "safetensors_save: names is NULL");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a"}, NULL, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "safetensors_save: tensors is NULL");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a", NULL}, two, 2), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "safetensors_save: the name of tensor 1 is NULL");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a", "b"}, hole, 2), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "safetensors_save: the tensor is NULL");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a"}, two, -1), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "safetensors_save: -1 tensors");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"a", "a"}, two, 2), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "safetensors_save: the name 'a' is given twice");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"__metadata__"}, two, 1), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "safetensors_save: the name '__metadata__' is the format's own");
    ck_assert_int_eq(ct_safetensors_save(path, (const char *[]){"\xc3("}, two, 1), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "safetensors_save: a name is not UTF-8");
    ck_assert_int_eq(entries(directory, false), 0);
}
END_TEST

static const char *const one_name[] = {"t"};

static void expect_io_error(const char *target, ct_tensor *t, const char *words)
{
    ck_assert_int_eq(ct_safetensors_save(target, one_name, &t, 1), CT_ERROR_IO);
    ck_assert_msg(strstr(ct_error_message(), words) != NULL, "%s", ct_error_message());
    expect_failure(CT_ERROR_IO, "safetensors_save: ");
}

START_TEST(places_where_nothing_can_be_saved)
{
    ct_tensor *t = ct_scalar(CT_FLOAT32, 1);
    char target[8192];
    ck_assert_int_eq(mkdir(path, 0777), 0);
    expect_io_error(path, t, "a directory, not a regular file");
    ck_assert_int_eq(entries(directory, false), 1);
    ck_assert_int_eq(entries(path, false), 0);
    snprintf(target, sizeof target, "%s/none/file", directory);
    expect_io_error(target, t, "cannot open the directory: No such file or directory");
    expect_io_error("", t, "cannot replace it");
    expect_io_error("/proc/cotan", t, "cannot create a file beside it");
    memset(target, 'x', sizeof target - 1);
    target[sizeof target - 2] = '/';
    target[sizeof target - 1] = '\0';
    expect_io_error(target, t, "File name too long");
    ck_assert_int_eq(rmdir(path), 0);
    write_bytes(path, "old", 3);
    snprintf(target, sizeof target, "%s/file", path);
    expect_io_error(target, t, "cannot open the directory: Not a directory");
    ck_assert_int_eq(entries(directory, false), 1);
    if (geteuid() != 0) { /* root may write everywhere */
        ck_assert_int_eq(chmod(directory, 0555), 0);
        expect_io_error(path, t, "cannot create a file beside it: Permission denied");
        ck_assert_int_eq(chmod(directory, 0755), 0);
    }
    file_bytes b = read_bytes(path);
    ck_assert(b.size == 3 && memcmp(b.data, "old", 3) == 0);
}
END_TEST

/* The disk is full after every number of bytes: the old file stays as it was, and alone. */
START_TEST(a_full_disk_leaves_the_old_file)
{
    file_bytes old = sample();
    ct_tensor *t =
        ct__tensor_view(ct_eye(CT_FLOAT64, 4), 0, (const int64_t[]){4, 4}, (const int64_t[]){1, 4}, 2, "transpose");
    struct rlimit before, limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (limit = before, limit.rlim_cur = 0;; limit.rlim_cur++) {
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ct_status status = ct_safetensors_save(path, one_name, &t, 1);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_int_eq(entries(directory, false), 1);
        if (status == CT_OK)
            break;
        expect_failure(CT_ERROR_IO, "cannot write: File too large");
        file_bytes now = read_bytes(path);
        ck_assert(now.size == old.size && memcmp(now.data, old.data, old.size) == 0);
    }
    signal(SIGXFSZ, handler);
    ck_assert_uint_eq(limit.rlim_cur, read_bytes(path).size);
    ck_assert_uint_gt(limit.rlim_cur, 128);
}
END_TEST

/* A process that is killed while it saves, again and again, leaves one whole file or the other. */
START_TEST(a_crash_leaves_a_whole_file)
{
    enum { N = 65536 };
    ct_tensor *versions[] = {ct_full(CT_FLOAT64, 1, CT_SHAPE(N)), ct_full(CT_FLOAT64, 2, CT_SHAPE(N))};
    ck_assert_int_eq(ct_safetensors_save(path, one_name, versions, 1), CT_OK);
    for (int round = 0; round < (is_quick() ? 2 : 20); round++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            for (int i = 0;; i++)
                if (ct_safetensors_save(path, one_name, &versions[i % 2], 1) != CT_OK)
                    _exit(1);
        usleep((useconds_t)(1000 + 700 * round));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_le(entries(directory, false), 2); /* what the killed ones leave does not add up */
        ct_tensor_file *file = load();
        const double *values = ct_data(get(file, "t"));
        for (int i = 0; i < N; i++)
            ck_assert(values[i] == values[0] && (values[0] == 1 || values[0] == 2));
        ct_tensor_file_free(file);
    }
}
END_TEST

/* What a killed process left is taken away, and does not end up in the file. */
START_TEST(leftovers_are_taken_away)
{
    char left[192];
    snprintf(left, sizeof left, "%s/.file.cotan-tmp", directory);
    write_bytes(left, "half a file", 11);
    file_bytes b = sample();
    ck_assert_int_eq(entries(directory, false), 1);
    ck_assert_int_eq(symlink("/nowhere", left), 0);
    file_bytes again = sample();
    ck_assert_int_eq(entries(directory, false), 1);
    ck_assert(again.size == b.size && memcmp(again.data, b.data, b.size) == 0);
}
END_TEST

/* Processes that save the same file at once wait for each other. */
START_TEST(savers_at_once)
{
    enum { SAVERS = 4, TIMES = 25 };
    ct_tensor *t = ct_full(CT_FLOAT64, 3, CT_SHAPE(1000));
    pid_t children[SAVERS];
    for (int k = 0; k < SAVERS; k++) {
        children[k] = fork();
        ck_assert_int_ge(children[k], 0);
        for (int i = 0; children[k] == 0 && i < TIMES; i++)
            if (ct_safetensors_save(path, one_name, &t, 1) != CT_OK) {
                fprintf(stderr, "%s\n", ct_error_message());
                _exit(1);
            }
        if (children[k] == 0)
            _exit(0);
    }
    for (int k = 0; k < SAVERS; k++) {
        int status;
        ck_assert_int_eq(waitpid(children[k], &status, 0), children[k]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ck_assert_int_eq(entries(directory, false), 1);
    ct_tensor_file_free(load());
}
END_TEST

/* ---- what is no regular file ---- */

static void make_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_lt(strlen(name), sizeof address.sun_path);
    memcpy(address.sun_path, name, strlen(name) + 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static ct_status write_nothing(FILE *stream, void *calls)
{
    (void)stream;
    ++*(int *)calls;
    return CT_OK;
}

/* No reader waits for such a file, and no writer replaces it. */
static void refused_everywhere(const char *name, const char *kind)
{
    struct stat before, after;
    ct_tensor *t = ct_scalar(CT_FLOAT32, 1);
    int calls = 0;
    ck_assert_int_eq(lstat(name, &before), 0);
    alarm(20); /* for one that waits */
    ck_assert_int_eq(ct_safetensors_save(name, one_name, &t, 1), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, kind);
    ck_assert_int_eq(ct_file_write(NULL, name, write_nothing, &calls), CT_ERROR_IO);
    ck_assert_int_eq(calls, 0);
    expect_failure(CT_ERROR_IO, "file_write: ");
    ck_assert_ptr_null(ct_safetensors_load(name, NULL));
    expect_failure(CT_ERROR_IO, kind);
    ck_assert_ptr_null(ct_idx_load(name, NULL));
    expect_failure(CT_ERROR_IO, kind);
    ck_assert_ptr_null(ct_csv_load(name, NULL));
    expect_failure(CT_ERROR_IO, kind);
    ck_assert_ptr_null(ct_file_read(NULL, name, CT_UNSET_INT, NULL));
    expect_failure(CT_ERROR_IO, kind);
    alarm(0);
    ck_assert_int_eq(lstat(name, &after), 0);
    ck_assert(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
}

START_TEST(what_is_no_regular_file_is_refused)
{
    char link[192];
    static const char *const kinds[] = {"a directory, not", "a FIFO, not", "a socket, not", "a device, not"};
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 0)
            ck_assert_int_eq(mkdir(path, 0777), 0);
        else if (kind == 1)
            ck_assert_int_eq(mkfifo(path, 0666), 0);
        else if (kind == 2)
            make_socket(path);
        else if (mknod(path, S_IFCHR | 0666, makedev(1, 7)) != 0) /* root's alone, and not everywhere */
            break;
        refused_everywhere(path, kinds[kind]);
        snprintf(link, sizeof link, "%s/link", directory);
        ck_assert_int_eq(symlink("file", link), 0);
        refused_everywhere(link, kinds[kind]);
        entries(directory, true);
    }
}
END_TEST

/* ---- links, permissions, owners ---- */

static void check_link(const char *link, const char *leads_to)
{
    char text[256];
    ssize_t length = readlink(link, text, sizeof text);
    ck_assert_int_eq(length, strlen(leads_to));
    ck_assert_int_eq(memcmp(text, leads_to, (size_t)length), 0);
}

/* A chain of a relative and an absolute link, into another directory: both stay, and what they lead to is made and replaced. */
START_TEST(links_stay)
{
    char first[192], second[192], inner[192], target[256];
    snprintf(inner, sizeof inner, "%s/inner", directory);
    snprintf(first, sizeof first, "%s/first", directory);
    snprintf(second, sizeof second, "%s/inner/second", directory);
    snprintf(target, sizeof target, "%s/inner/target", directory);
    ck_assert_int_eq(mkdir(inner, 0777), 0);
    ck_assert_int_eq(symlink("inner/second", first), 0);
    ck_assert_int_eq(symlink(target, second), 0);
    for (int i = 0; i < 2; i++) { /* it leads nowhere at first */
        ct_tensor *t = ct_scalar(CT_FLOAT32, i);
        ck_assert_msg(ct_safetensors_save(first, one_name, &t, 1) == CT_OK, "%s", ct_error_message());
        check_link(first, "inner/second");
        check_link(second, target);
        struct stat info;
        ck_assert(lstat(target, &info) == 0 && S_ISREG(info.st_mode));
        ck_assert_int_eq(entries(inner, false), 2);
        ct_tensor_file *file = ct_safetensors_load(first, NULL);
        ck_assert_double_eq(ct_item(get(file, "t")), i);
        ct_tensor_file_free(file);
    }
    entries(inner, true);
    ck_assert_int_eq(symlink("second", second), 0);
    expect_io_error(first, ct_scalar(CT_FLOAT32, 1), "cannot follow the link");
    entries(inner, true);
}
END_TEST

START_TEST(owners_stay)
{
    if (geteuid() != 0)
        return; /* nobody else can give files away */
    sample();
    ck_assert_int_eq(chown(path, 1234, 4321), 0);
    ck_assert_int_eq(chmod(path, 04750), 0);
    sample();
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert(info.st_uid == 1234 && info.st_gid == 4321 && (info.st_mode & 07777) == 04750);
}
END_TEST

static ct_status write_number(FILE *stream, void *status)
{
    fprintf(stream, "%.2f", 1.5);
    return *(ct_status *)status == CT_OK ? CT_OK : ct_error_set(*(ct_status *)status, "of the writer");
}

START_TEST(a_writer_that_fails_changes_nothing)
{
    ct_status status = CT_OK;
    ck_assert_int_eq(ct_file_write("test", path, write_number, &status), CT_OK);
    file_bytes b = read_bytes(path);
    ck_assert(b.size == 4 && memcmp(b.data, "1.50", 4) == 0);
    status = CT_ERROR_STATE;
    ck_assert_int_eq(ct_file_write("test", path, write_number, &status), CT_ERROR_STATE);
    expect_failure(CT_ERROR_STATE, "of the writer");
    ck_assert_int_eq(entries(directory, false), 1);
    ck_assert_int_eq(ct_file_write("test", path, NULL, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "test: the function that writes is NULL");
    ck_assert_int_eq(ct_file_write("test", NULL, write_number, &status), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "test: path is NULL");
}
END_TEST

/* Each of many tensors is found at once: one after the other would take a minute. */
START_TEST(many_tensors_are_found)
{
    int n = is_quick() ? 2000 : 100000;
    char(*texts)[16] = malloc((size_t)n * sizeof *texts);
    const char **names = malloc((size_t)n * sizeof *names);
    ct_tensor **tensors = malloc((size_t)n * sizeof *tensors);
    ck_assert(texts && names && tensors);
    for (int i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "t%d", (int)((i * INT64_C(7919)) % n));
        names[i] = texts[i];
        tensors[i] = ct_scalar(CT_INT32, i);
    }
    ck_assert_msg(ct_safetensors_save(path, names, tensors, n) == CT_OK, "%s", ct_error_message());
    ct_tensor_file *file = load();
    clock_t start = clock();
    for (int i = 0; i < n; i++)
        ck_assert_double_eq(ct_item(get(file, names[i])), i);
    ck_assert_double_le((double)(clock() - start) / CLOCKS_PER_SEC, 5);
    ck_assert_ptr_null(ct_tensor_file_get(file, "t"));
    ck_assert_ptr_null(ct_tensor_file_get(file, "u"));
    ct_tensor_file_free(file);
    free(tensors);
    free(names);
    free(texts);
}
END_TEST

START_TEST(saving_again_replaces_and_keeps_permissions)
{
    sample();
    ck_assert_int_eq(chmod(path, 0640), 0);
    save(one_name, (ct_tensor *[]){ct_scalar(CT_FLOAT32, 9)}, 1);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0640);
    ct_tensor_file *file = load();
    ck_assert_int_eq(ct_tensor_file_count(file), 1);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(a_bare_name_is_in_the_working_directory)
{
    char was[4096];
    ck_assert_ptr_nonnull(getcwd(was, sizeof was));
    ck_assert_int_eq(chdir(directory), 0);
    ct_status status = ct_safetensors_save("file", one_name, (ct_tensor *[]){ct_scalar(CT_FLOAT32, 9)}, 1);
    ck_assert_int_eq(chdir(was), 0);
    ck_assert_int_eq(status, CT_OK);
    ct_tensor_file_free(load());
}
END_TEST

/* ---- memory that runs out ---- */

/* _i: whether all allocations after the first failing one fail, too. */
START_TEST(save_without_memory)
{
    file_bytes old = sample();
    ct_tensor *t =
        ct__tensor_view(ct_eye(CT_FLOAT32, 3), 0, (const int64_t[]){3, 3}, (const int64_t[]){1, 3}, 2, "transpose");
    ct_status status = CT_ERROR_MEMORY;
    int64_t n = 0;
    while (status != CT_OK) {
        ct__fail_allocation(++n, _i);
        status = ct_safetensors_save(path, one_name, &t, 1);
        ct__fail_allocation(0, false);
        ck_assert_int_eq(entries(directory, false), 1);
        if (status == CT_OK)
            break;
        expect_failure(CT_ERROR_MEMORY, "safetensors_save: no memory");
        file_bytes now = read_bytes(path);
        ck_assert(now.size == old.size && memcmp(now.data, old.data, old.size) == 0);
    }
    ck_assert_int_eq(n, 3); /* the header, and the copy of a tensor that is not contiguous */
}
END_TEST

START_TEST(load_without_memory)
{
    sample();
    ct_memory before = ct_memory_stats();
    ct_tensor_file *file = NULL;
    int64_t n = 0;
    while (!file) {
        ct__fail_allocation(++n, _i);
        file = ct_safetensors_load(path, NULL);
        ct__fail_allocation(0, false);
        if (!file)
            expect_failure(CT_ERROR_MEMORY, "safetensors_load: no memory");
        else
            ct_tensor_file_free(file);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
    }
    ck_assert_int_gt(n, 5); /* header, places, names, storages */
}
END_TEST

/* Small for a file, and much for a parser: things that take up to 80 times their text. */
static const char *const fillers[] = {"[],", "{},", "0,", "\"\",", "[0,0],"};

/* A file of a header, which is freed, and nothing else. */
static void write_header(char *text)
{
    uint64_t length = strlen(text);
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert(fwrite(&length, sizeof length, 1, stream) == 1 && fwrite(text, length, 1, stream) == 1);
    ck_assert_int_eq(fclose(stream), 0);
    free(text);
}

static void write_filled_header(const char *filler, size_t size)
{
    char *text = malloc(size + 64), *end = text;
    ck_assert_ptr_nonnull(text);
    end += sprintf(end, "{\"a\":[");
    while (end < text + size)
        end = stpcpy(end, filler);
    strcpy(end, "0]}");
    write_header(text);
}

static ct_tensor_file *load_within(int64_t max_bytes)
{
    CT_OPTIONS(ct_safetensors_options, options, .max_bytes = max_bytes);
    return ct_safetensors_load(path, &options);
}

static bool header_is_refused(void)
{
    return !ct_safetensors_load(path, NULL) && strstr(ct_error_message(), "are allowed; .max_bytes allows more");
}

START_TEST(a_header_may_not_fill_memory)
{
    write_filled_header(fillers[_i], 12000000);
    ck_assert(holds_within(40, header_is_refused));
    write_filled_header(fillers[_i], 1000);
    ck_assert_ptr_null(load_within(1000));
    expect_format_error(" bytes in memory, 1000 are allowed; .max_bytes allows more");
    ck_assert_ptr_null(load_within(1000000));
    expect_format_error("tensor 'a' has no dtype");
}
END_TEST

/* As many tensors as fit, with no more than a header must say of them. */
START_TEST(a_header_as_it_should_be_is_read)
{
    enum { N = 120000 };
    char *text = malloc(60 * N), *end = text;
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < N; i++)
        end += sprintf(end, "%c\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? ',' : '{', i);
    strcpy(end, "}");
    ck_assert_uint_gt(end - text, (256 << 20) / 48);
    write_header(text);
    ct_tensor_file *file = ct_safetensors_load(path, NULL);
    ck_assert_int_eq(ct_tensor_file_count(file), N);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(the_bytes_of_tensors_count)
{
    sample();
    ck_assert_ptr_null(load_within(-1));
    expect_failure(CT_ERROR_ARGUMENT, "safetensors_load: max_bytes is -1");
    static const char *const names[] = {"w"};
    save(names, (ct_tensor *[]){ct_zeros(CT_FLOAT64, CT_SHAPE(1000))}, 1);
    ck_assert_ptr_null(load_within(8500));
    expect_format_error(".max_bytes allows more");
    ct_tensor_file *file = load_within(12000);
    ck_assert_ptr_nonnull(file);
    ct_tensor_file_free(file);
}
END_TEST

#ifdef COTAN_USE_JANSSON
static int64_t mallocs_left;
static bool mallocs_all;

static void *failing_malloc(size_t size)
{
    if (mallocs_left > 0 && --mallocs_left == 0) {
        mallocs_left = mallocs_all;
        return NULL;
    }
    return malloc(size);
}

/* The JSON library's own allocations. _i: whether all after the first failing one fail, too. */
START_TEST(json_without_memory)
{
    file_bytes old = sample();
    json_malloc_t usual_malloc;
    json_free_t usual_free;
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    json_set_alloc_funcs(failing_malloc, free);
    mallocs_all = _i;
    int saves = 0, loads = 0;
    for (int64_t n = 1;; n++, loads++) {
        mallocs_left = n;
        ct_tensor_file *file = ct_safetensors_load(path, NULL);
        mallocs_left = 0;
        ct_status code = ct_error_code();
        ct_error_clear();
        if (file) {
            ck_assert_int_eq(ct_tensor_file_count(file), 3);
            check_equal(get(file, "w"), ct_eye(CT_FLOAT32, 3));
            check_equal(get(file, "labels"), ct_arange(CT_INT64, 0, 1, 4));
            ck_assert_str_eq(ct_tensor_file_name(file, 2), "a name longer than the buffers with which a parser begins");
            ct_tensor_file_free(file);
            break;
        }
        ck_assert_int_eq(code, CT_ERROR_MEMORY);
    }
    ct_tensor *t = ct_eye(CT_FLOAT32, 3);
    for (int64_t n = 1;; n++, saves++) {
        mallocs_left = n;
        ct_status status = ct_safetensors_save(path, one_name, &t, 1);
        mallocs_left = 0;
        if (status == CT_OK)
            break;
        expect_failure(CT_ERROR_MEMORY, "safetensors_save: no memory");
        file_bytes now = read_bytes(path);
        ck_assert(now.size == old.size && memcmp(now.data, old.data, old.size) == 0);
    }
    json_set_alloc_funcs(usual_malloc, usual_free);
    ck_assert_int_gt(loads, 20);
    ck_assert_int_gt(saves, 10);
    ct_tensor_file_free(load());
}
END_TEST
#endif

/* ---- a file's bytes ---- */

#ifdef COTAN_USE_ZLIB
static void (*const writers[])(const char *name, const void *data, size_t size) = {write_bytes, write_gzip};
#else
static void (*const writers[])(const char *name, const void *data, size_t size) = {write_bytes, write_bytes};
#endif

static void expect_bytes(const char *bytes, size_t size, int64_t most)
{
    size_t got = 1;
    char *text = ct_file_read("read", path, most, &got);
    ck_assert_msg(text != NULL, "%zu bytes: %s", size, ct_error_message());
    ck_assert_uint_eq(got, size);
    ck_assert_mem_eq(text, bytes, size);
    ck_assert_int_eq(text[size], 0);
    free(text);
}

/* _i: plain, then gzipped. */
START_TEST(bytes_of_a_file)
{
    static char bytes[300000];
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, sizeof bytes};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * i / 7);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i], got = 1;
        writers[_i](path, bytes, size);
        expect_bytes(bytes, size, CT_UNSET_INT);
        expect_bytes(bytes, size, (int64_t)size);
        ck_assert(size == 0 || !ct_file_read(NULL, path, (int64_t)size - 1, &got));
        if (size > 0)
            expect_failure(CT_ERROR_FORMAT, "bytes in a file of");
        ck_assert(size == 0 || got == 0);
    }
}
END_TEST

START_TEST(bytes_are_refused)
{
    static const char text[] = "enough of a text";
    size_t got = 1;
    ck_assert_ptr_null(ct_file_read(NULL, NULL, CT_UNSET_INT, &got));
    expect_failure(CT_ERROR_NULL, "file_read: path is NULL");
    ck_assert_uint_eq(got, 0);
    write_bytes(path, text, sizeof text);
    ck_assert_ptr_null(ct_file_read("read", path, -1, NULL));
    expect_failure(CT_ERROR_ARGUMENT, "read: max_bytes is -1");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_ptr_null(ct_file_read("read", path, CT_UNSET_INT, NULL));
    expect_failure(CT_ERROR_IO, "cannot open: No such file");
}
END_TEST

/* A build without zlib refuses a good stream as well. */
START_TEST(gzip_is_refused)
{
    static const char cut[] = "\x1f\x8b\x08\0\0\0\0\0\0\3KLJN", wrong[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff";
#ifdef COTAN_USE_ZLIB
    const char *of_cut = "truncated: the gzip stream has no end", *of_wrong = "not gzip as it should be";
#else
    const char *of_cut = "gzipped, and this build of cotan is without zlib", *of_wrong = of_cut;
    write_gzip(path, "text", 4);
    ck_assert_ptr_null(ct_file_read("read", path, CT_UNSET_INT, NULL));
    expect_failure(CT_ERROR_FORMAT, of_cut);
#endif
    write_bytes(path, cut, sizeof cut - 1);
    ck_assert_ptr_null(ct_file_read("read", path, CT_UNSET_INT, NULL));
    expect_failure(CT_ERROR_FORMAT, of_cut);
    write_bytes(path, wrong, sizeof wrong - 1);
    ck_assert_ptr_null(ct_file_read("read", path, CT_UNSET_INT, NULL));
    expect_failure(CT_ERROR_FORMAT, of_wrong);
}
END_TEST

/* ---- IDX ---- */

static const struct {
    const char *data;
    size_t size;
    ct_dtype dtype;
    double values[4];
} idx_rows[] = {
    {"\0\0\x08\1\0\0\0\4\0\1\x7f\xff", 12, CT_UINT8, {0, 1, 127, 255}},
    {"\0\0\x09\1\0\0\0\4\0\1\x7f\xff", 12, CT_INT32, {0, 1, 127, -1}},
    {"\0\0\x0b\1\0\0\0\4\0\1\1\0\x7f\xff\x80\0", 16, CT_INT32, {1, 256, 32767, -32768}},
    {"\0\0\x0c\1\0\0\0\4\0\0\0\1\1\0\0\0\x7f\xff\xff\xff\x80\0\0\0",
     24,
     CT_INT32,
     {1, 16777216, 2147483647, -2147483648.0}},
    {"\0\0\x0d\1\0\0\0\4\x3f\x80\0\0\xc0\0\0\0\x7f\x7f\xff\xff\0\0\0\1",
     24,
     CT_FLOAT32,
     {1, -2, 0x1.fffffep127, 0x1p-149}},
    {"\0\0\x0e\1\0\0\0\4\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0\x7f\xef\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\1",
     40,
     CT_FLOAT64,
     {1, -2, 0x1.fffffffffffffp1023, 0x1p-1074}},
};
enum { IDX_ROWS = sizeof idx_rows / sizeof *idx_rows };

/* _i: the type, plain, then gzipped. */
START_TEST(idx_types)
{
    int row = _i / 2;
    writers[_i % 2](path, idx_rows[row].data, idx_rows[row].size);
    ct_tensor *t = ct_idx_load(path, NULL);
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    ck_assert_int_eq(ct_dtype_of(t), idx_rows[row].dtype);
    ck_assert(ct_rank(t) == 1 && ct_size(t, 0) == 4);
    for (int64_t i = 0; i < 4; i++)
        ck_assert_msg(ct_get(t, &i, 1) == idx_rows[row].values[i], "element %d: %a", (int)i, ct_get(t, &i, 1));
}
END_TEST

START_TEST(idx_shapes)
{
    static const struct {
        const char *data;
        size_t size;
        int rank;
        int64_t shape[CT_MAX_RANK];
    } rows[] = {
        {"\0\0\x08\0\7", 5, 0, {0}},
        {"\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\3\1\2\3\4\5\6", 22, 3, {2, 1, 3}},
        {"\0\0\x08\1\0\0\0\0", 8, 1, {0}},
        {"\0\0\x0b\3\xff\xff\xff\xff\0\0\0\0\0\0\0\2", 16, 3, {4294967295, 0, 2}},
        {"\0\0\x08\x08\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\2\1\2",
         38,
         8,
         {1, 1, 1, 1, 1, 1, 1, 2}},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        writers[i % 2](path, rows[i / 2].data, rows[i / 2].size);
        ct_tensor *t = ct_idx_load(path, NULL);
        ck_assert_msg(t != NULL, "%s", ct_error_message());
        ck_assert_int_eq(ct_rank(t), rows[i / 2].rank);
        for (int axis = 0; axis < ct_rank(t); axis++)
            ck_assert_int_eq(ct_size(t, axis), rows[i / 2].shape[axis]);
    }
}
END_TEST

/* More than one buffer of zlib's, widened. */
START_TEST(idx_large)
{
    enum { N = 300000 };
    unsigned char *data = malloc(8 + 2 * N);
    memcpy(data, "\0\0\x0b\1\0\4\x93\xe0", 8);
    for (int i = 0; i < N; i++) {
        data[8 + 2 * i] = (unsigned char)(i * 7 >> 8);
        data[9 + 2 * i] = (unsigned char)(i * 7);
    }
    for (int k = 0; k < 2; k++) {
        writers[k](path, data, 8 + 2 * N);
        ct_tensor *t = ct_idx_load(path, NULL);
        ck_assert_msg(t != NULL, "%s", ct_error_message());
        const int32_t *values = ct_data(t);
        for (int i = 0; i < N; i++)
            ck_assert_int_eq(values[i], (int16_t)(i * 7));
    }
    free(data);
}
END_TEST

/* _i: plain, gzipped. */
START_TEST(idx_truncated)
{
    writers[_i](path, idx_rows[3].data, idx_rows[3].size);
    file_bytes b = read_bytes(path);
    for (size_t size = 0; size < b.size; size++) {
        write_bytes(path, b.data, size);
        ck_assert_msg(ct_idx_load(path, NULL) == NULL, "loads with %zu of %zu bytes", size, b.size);
        expect_format_error(size < 4 && _i == 1 ? "" : "truncated");
    }
}
END_TEST

/* One byte of a gzipped file wrong: never another array. */
START_TEST(idx_damaged)
{
    write_gzip(path, idx_rows[3].data, idx_rows[3].size);
    file_bytes b = read_bytes(path);
    int refused = 0;
    for (size_t i = 0; i < b.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
            write_bytes(path, b.data, b.size);
            b.data[i] = (char)(b.data[i] ^ 1 << bit);
            ct_tensor *t = ct_idx_load(path, NULL);
            refused += !t;
            if (!t)
                expect_format_error("");
            for (int64_t k = 0; t && k < 4; k++)
                ck_assert(ct_get(t, &k, 1) == idx_rows[3].values[k]);
        }
    ck_assert_int_gt(refused, (int)b.size * 4);
}
END_TEST

START_TEST(idx_refusals)
{
    static const struct {
        const char *data;
        size_t size;
        const char *words;
    } rows[] = {
        {"PNG.....", 8, "not IDX: it begins with 504e472e"},
        {"\0\1\x08\1\0\0\0\1\7", 9, "not IDX: it begins with 00010801"},
        {"\0\0\x0a\1\0\0\0\1\7", 9, "not IDX: it begins with 00000a01"},
        {"\0\0\x08\x09", 4, "9 axes, more than 8"},
        {"\0\0\x08\xff", 4, "255 axes, more than 8"},
        {"\0\0\x08\1\0\0\0\1\7\7", 10, "longer than its header says"},
        {"\0\0\x08\1\0\0\0\0\7", 9, "longer than its header says"},
        {"\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", 12,
         "truncated: the header promises more than the file can hold"},
        {"\0\0\x0e\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16,
         "truncated: the header promises more than the file can hold"},
        {"\0\0\x08\1\0\x10\0\0", 8, "truncated: the header promises more than the file can hold"},
    };
    ct_memory before = ct_memory_stats();
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        writers[i % 2](path, rows[i / 2].data, rows[i / 2].size);
        ck_assert_ptr_null(ct_idx_load(path, NULL));
        expect_format_error(rows[i / 2].words);
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    ck_assert_ptr_null(ct_idx_load(NULL, NULL));
    expect_failure(CT_ERROR_NULL, "idx_load: path is NULL");
    ck_assert_ptr_null(ct_idx_load(directory, NULL));
    expect_failure(CT_ERROR_IO, "a directory, not a regular file");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_ptr_null(ct_idx_load(path, NULL));
    expect_failure(CT_ERROR_IO, "file: cannot open: No such file or directory");
}
END_TEST

/* A gzip stream stands for up to a thousand times itself: without a word from the user for 256 MiB at most. */
START_TEST(idx_limits)
{
    CT_OPTIONS(ct_idx_options, few, .max_bytes = 11);
    CT_OPTIONS(ct_idx_options, enough, .max_bytes = 12);
    CT_OPTIONS(ct_idx_options, negative, .max_bytes = -1);
    static const char three[] = "\0\0\x0B\1\0\0\0\3\0\1\0\2\0\3"; /* int16, in memory int32 */
    write_gzip(path, three, sizeof three - 1);
    ck_assert_ptr_null(ct_idx_load(path, &few));
    expect_failure(CT_ERROR_FORMAT, "more than 11 bytes");
    ck_assert_ptr_null(ct_idx_load(path, &negative));
    expect_failure(CT_ERROR_ARGUMENT, "max_bytes is -1");
    ck_assert_ptr_nonnull(ct_idx_load(path, &enough));
    size_t zeros = 70000000; /* as int8: 280 MB in memory */
    char *bomb = calloc(1, zeros + 8);
    ck_assert_ptr_nonnull(bomb);
    memcpy(bomb, (char[]){0, 0, 9, 1, (char)(zeros >> 24), (char)(zeros >> 16), (char)(zeros >> 8), (char)zeros}, 8);
    write_gzip(path, bomb, zeros + 8);
    free(bomb);
    ck_assert_ptr_null(ct_idx_load(path, NULL));
    expect_failure(CT_ERROR_FORMAT, "more than 268435456 bytes in a file of");
}
END_TEST

START_TEST(idx_without_memory)
{
    writers[1](path, idx_rows[2].data, idx_rows[2].size);
    ct_memory before = ct_memory_stats();
    ct_tensor *t = NULL;
    int64_t n = 0;
    while (!t) {
        ct__fail_allocation(++n, _i);
        t = ct_idx_load(path, NULL);
        ct__fail_allocation(0, false);
        if (!t)
            expect_failure(CT_ERROR_MEMORY, "idx_load: no memory");
        ct_release(t);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
    }
    ck_assert_int_gt(n, 1);
}
END_TEST

Suite *ct_suite_file(void)
{
    Suite *suite = suite_create("file");
    TCase *tests = tcase_create("safetensors");
    tcase_add_checked_fixture(tests, open_directory, close_directory);
    tcase_add_loop_test(tests, every_dtype_comes_back, CT_FLOAT32, CT_DTYPES);
    tcase_add_test(tests, special_values_come_back);
    tcase_add_loop_test(tests, any_strides_come_back, CT_FLOAT32, CT_DTYPES);
    tcase_add_test(tests, names_of_any_text_come_back);
    tcase_add_test(tests, nothing_comes_back);
    tcase_add_test(tests, saved_bytes_are_the_formats);
    tcase_add_test(tests, foreign_files_load);
    tcase_add_test(tests, a_file_owns_its_tensors);
    tcase_add_loop_test(tests, broken_headers_are_named, 0, sizeof broken / sizeof *broken);
    tcase_add_test(tests, booleans_come_as_bool);
    tcase_add_test(tests, broken_lengths_are_named);
    tcase_add_test(tests, a_truncated_file_is_named);
    tcase_add_test(tests, a_damaged_header_does_no_harm);
    tcase_add_test(tests, load_refusals);
    tcase_add_test(tests, save_refusals);
    tcase_add_test(tests, places_where_nothing_can_be_saved);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, a_crash_leaves_a_whole_file);
    tcase_add_test(tests, saving_again_replaces_and_keeps_permissions);
    tcase_add_test(tests, leftovers_are_taken_away);
    tcase_add_test(tests, savers_at_once);
    tcase_add_test(tests, what_is_no_regular_file_is_refused);
    tcase_add_test(tests, links_stay);
    tcase_add_test(tests, owners_stay);
    tcase_add_test(tests, a_writer_that_fails_changes_nothing);
    tcase_add_test(tests, many_tensors_are_found);
    tcase_add_test(tests, a_bare_name_is_in_the_working_directory);
    tcase_add_loop_test(tests, save_without_memory, 0, 2);
    tcase_add_loop_test(tests, load_without_memory, 0, 2);
    tcase_add_loop_test(tests, a_header_may_not_fill_memory, 0, (int)(sizeof fillers / sizeof *fillers));
    tcase_add_test(tests, a_header_as_it_should_be_is_read);
    tcase_add_test(tests, the_bytes_of_tensors_count);
#ifdef COTAN_USE_JANSSON
    tcase_add_loop_test(tests, json_without_memory, 0, 2);
#endif
    suite_add_tcase(suite, tests);
    tests = tcase_create("idx");
    tcase_add_checked_fixture(tests, open_directory, close_directory);
    tcase_add_loop_test(tests, idx_types, 0, 2 * IDX_ROWS);
    tcase_add_loop_test(tests, bytes_of_a_file, 0, 2);
    tcase_add_test(tests, bytes_are_refused);
    tcase_add_test(tests, gzip_is_refused);
    tcase_add_test(tests, idx_shapes);
    tcase_add_test(tests, idx_large);
    tcase_add_loop_test(tests, idx_truncated, 0, 2);
    tcase_add_test(tests, idx_refusals);
    tcase_add_loop_test(tests, idx_without_memory, 0, 2);
    if (reads_gzip("file: idx_damaged, idx_limits")) {
        tcase_add_test(tests, idx_damaged);
        if (!is_quick())
            tcase_add_test(tests, idx_limits);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
