/* GGUF: what PyPI's package gguf writes is read as it is; what is wrong is named, wherever a file ends, and leaves nothing behind. */
#include "core_internal.h"
#include "file_checks.h"
#include "suites.h"
#include <stddef.h>
#include <string.h>

static ct_tensor_file *open_sample(void)
{
    ct_tensor_file *file = ct_gguf_load(TEST_DATA "/types.gguf", NULL);
    ck_assert_msg(file != NULL, "%s", ct_error_message());
    return file;
}

START_TEST(each_type_is_read)
{
    static const struct {
        const char *name;
        ct_dtype dtype;
        double step;
    } all[] = {{"f32", CT_FLOAT32, 0.5},   {"f16", CT_FLOAT16, 0.5}, {"f64", CT_FLOAT64, 0.5},
               {"bf16", CT_BFLOAT16, 0.5}, {"i32", CT_INT32, 1},     {"i64", CT_INT64, 1}};
    ct_tensor_file *file = open_sample();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const ct_tensor *t = ct_tensor_file_get(file, all[i].name);
        double values[6] = {0};
        ck_assert_msg(t && ct_dtype_of(t) == all[i].dtype && ct_rank(t) == 2 && ct_size(t, 0) == 2 &&
                          ct_size(t, 1) == 3,
                      "%s", all[i].name);
        ck_assert_int_eq(ct_to_values(t, values, 6), CT_OK);
        for (int k = 0; k < 6; k++)
            ck_assert_msg(values[k] == (k - 2) * all[i].step, "%s: element %d is %g", all[i].name, k, values[k]);
    }
    ck_assert_int_eq(ct_tensor_file_count(file), 8);
    ck_assert_str_eq(ct_tensor_file_name(file, 0), "f32");
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(quantised_tensors_are_what_gguf_makes_of_them)
{
    ct_tensor_file *file = open_sample();
    const ct_tensor *t = ct_tensor_file_get(file, "q8_0"), *wanted = ct_tensor_file_get(file, "q8_0.as_f32");
    ck_assert(ct_dtype_of(t) == CT_FLOAT32 && ct_rank(t) == 2 && ct_size(t, 0) == 3 && ct_size(t, 1) == 64);
    ck_assert(memcmp(ct_data(t), ct_data(wanted), 3 * 64 * sizeof(float)) == 0);
    ct_tensor_file_free(file);
}
END_TEST

/* ---- what is wrong ---- */

static void put(file_bytes *b, uint64_t number, size_t bytes)
{
    append(b, &number, bytes);
}

static void put_text(file_bytes *b, const char *text)
{
    put(b, strlen(text), 8);
    append(b, text, strlen(text));
}

/* A file of one tensor "a" of one axis, or of two of which the slowest is 0, with so many bytes behind. */
typedef struct one {
    uint64_t version, tensors, pairs, rank, size, no_rows, type, at, alignment, bytes;
    const char *name, *other; /* NULL: none */
} one;
static const one good = {.version = 3, .tensors = 1, .rank = 1, .size = 2, .bytes = 8, .name = "a"};

static void put_info(file_bytes *b, const one *o, const char *name)
{
    put_text(b, name);
    put(b, o->rank + o->no_rows, 4);
    for (uint64_t i = 0; i < o->rank && i < 16; i++)
        put(b, o->size, 8);
    if (o->no_rows)
        put(b, 0, 8);
    put(b, o->type, 4);
    put(b, o->at, 8);
}

static void write_one(const one *o)
{
    file_bytes b = {.size = 0};
    append(&b, "GGUF", 4);
    put(&b, o->version, 4);
    put(&b, o->tensors, 8);
    put(&b, o->alignment ? 1 : o->pairs, 8);
    if (o->alignment) {
        put_text(&b, "general.alignment");
        put(&b, 4, 4);
        put(&b, o->alignment, 4);
    }
    put_info(&b, o, o->name);
    if (o->other)
        put_info(&b, o, o->other);
    while (b.size % 32)
        put(&b, 0, 1);
    for (uint64_t i = 0; i < o->bytes; i++)
        put(&b, i, 1);
    write_bytes(path, b.data, b.size);
}

/* The good file, changed. */
static const struct {
    size_t at; /* of a number of it */
    uint64_t number;
    size_t at_too; /* of another; 0: none */
    uint64_t number_too;
    const char *words;
} wrong[] = {
    {offsetof(one, version), 1, 0, 0, "version 1; 2 and 3 are read"},
    {offsetof(one, version), 0x03000000, 0, 0, "version 50331648"},
    {offsetof(one, tensors), UINT64_MAX, 0, 0, "truncated"},
    {offsetof(one, pairs), UINT64_MAX, 0, 0, "truncated"},
    {offsetof(one, pairs), 1, 0, 0, "the name of a tensor has 0 bytes"}, /* the tensor is read as a pair */
    {offsetof(one, rank), 9, 0, 0, "tensor 'a' has 9 axes, more than 8"},
    {offsetof(one, rank), UINT32_MAX, 0, 0, "more than 8"},
    {offsetof(one, size), UINT64_MAX, 0, 0, "has a size that is no count, axis 0"},
    {offsetof(one, size), INT64_MAX, 0, 0, "more bytes than can be counted"},
    {offsetof(one, rank), 2, offsetof(one, size), (uint64_t)1 << 40, "more bytes than can be counted"},
    {offsetof(one, size), (uint64_t)1 << 61, offsetof(one, no_rows), 1, "more bytes than can be counted"},
    {offsetof(one, size), (uint64_t)1 << 40, 0, 0, "more bytes in memory than are allowed"},
    {offsetof(one, type), 2, 0, 0, "tensor 'a' has type 2, which cotan does not read"},
    {offsetof(one, type), 8, 0, 0, "rows of 2 elements, Q8_0 has blocks of 32"},
    {offsetof(one, at), 4, 0, 0, "begins at byte 4, no multiple of 32"},
    {offsetof(one, at), 32, 0, 0, "lies outside the file"},
    {offsetof(one, at), UINT64_MAX - 31, 0, 0, "lies outside the file"},
    {offsetof(one, bytes), 7, 0, 0, "lies outside the file, or the file is truncated"},
    {offsetof(one, alignment), 4, 0, 0, "general.alignment is 4, no multiple of 8"},
    {offsetof(one, alignment), (uint64_t)1 << 31, 0, 0, "general.alignment is 2147483648"},
};

static void change(one *file, size_t at, uint64_t number)
{
    memcpy((char *)file + at, &number, sizeof number);
}

static void expect_wrong(const one *file, const char *words)
{
    ct_memory before = ct_memory_stats();
    write_one(file);
    ck_assert_ptr_null(ct_gguf_load(path, NULL));
    expect_format_error(words);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}

START_TEST(what_is_wrong_is_named)
{
    one file = good;
    change(&file, wrong[_i].at, wrong[_i].number);
    if (wrong[_i].at_too)
        change(&file, wrong[_i].at_too, wrong[_i].number_too);
    expect_wrong(&file, wrong[_i].words);
}
END_TEST

START_TEST(wrong_names_are_named)
{
    one file = good;
    file.name = "";
    expect_wrong(&file, "the name of a tensor has 0 bytes");
    file.name = "a\x1b[m";
    expect_wrong(&file, "control characters");
    file.name = file.other = "a";
    file.tensors = 2;
    expect_wrong(&file, "two tensors are called 'a'");
}
END_TEST

START_TEST(the_same_file_without_a_mistake_is_read)
{
    write_one(&good);
    ct_tensor_file *file = ct_gguf_load(path, NULL);
    ck_assert_msg(file && ct_numel(ct_tensor_file_get(file, "a")) == 2, "%s", ct_error_message());
    ct_tensor_file_free(file);
    one scalar = good;
    scalar.rank = 0;
    scalar.alignment = 8;
    write_one(&scalar);
    file = ct_gguf_load(path, NULL);
    ck_assert_msg(file && ct_rank(ct_tensor_file_get(file, "a")) == 0, "%s", ct_error_message());
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(a_file_may_end_anywhere)
{
    file_bytes all = read_bytes(TEST_DATA "/types.gguf");
    ct_memory before = ct_memory_stats();
    for (size_t size = 0; size < all.size; size++) {
        write_bytes(path, all.data, size);
        ck_assert_msg(!ct_gguf_load(path, NULL), "%zu bytes are read", size);
        expect_format_error("truncated");
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

START_TEST(lists_nest_so_deep)
{
    file_bytes b = {.size = 0};
    append(&b, "GGUF", 4);
    put(&b, 3, 4), put(&b, 0, 8), put(&b, 1, 8);
    put_text(&b, "k");
    put(&b, 9, 4);
    for (int i = 0; i < 100; i++)
        put(&b, 9, 4), put(&b, 1, 8);
    write_bytes(path, b.data, b.size);
    ck_assert_ptr_null(ct_gguf_load(path, NULL));
    expect_format_error("nested more than 8 deep");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    ck_assert_ptr_null(ct_gguf_load(NULL, NULL));
    expect_failure(CT_ERROR_NULL, "gguf_load");
    ck_assert_ptr_null(ct_gguf_load("/nowhere.gguf", NULL));
    expect_failure(CT_ERROR_IO, "/nowhere.gguf");
    write_bytes(path, "GGML", 4);
    ck_assert_ptr_null(ct_gguf_load(path, NULL));
    expect_format_error("does not begin with GGUF");
    CT_OPTIONS(ct_gguf_options, few, .max_bytes = 7);
    write_one(&good);
    ck_assert_ptr_null(ct_gguf_load(path, &few));
    expect_format_error(".max_bytes allows more");
}
END_TEST

/* The limit is for all tensors together: of the sample each alone would do. */
START_TEST(tensors_count_together)
{
    enum { LARGEST = 3 * 64 * 4 };
    CT_OPTIONS(ct_gguf_options, few, .max_bytes = LARGEST);
    ck_assert_ptr_null(ct_gguf_load(TEST_DATA "/types.gguf", &few));
    expect_failure(CT_ERROR_FORMAT, "types.gguf: more bytes in memory than are allowed; .max_bytes allows more");
    CT_OPTIONS(ct_gguf_options, enough, .max_bytes = 2 * LARGEST + 24 + 12 + 48 + 24 + 48 + 12);
    ct_tensor_file *file = ct_gguf_load(TEST_DATA "/types.gguf", &enough);
    ck_assert_ptr_nonnull(file);
    ct_tensor_file_free(file);
}
END_TEST

Suite *ct_suite_gguf(void)
{
    Suite *suite = suite_create("gguf");
    TCase *tests = tcase_create("gguf");
    tcase_add_checked_fixture(tests, open_directory, close_directory);
    tcase_add_test(tests, each_type_is_read);
    tcase_add_test(tests, quantised_tensors_are_what_gguf_makes_of_them);
    tcase_add_loop_test(tests, what_is_wrong_is_named, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, wrong_names_are_named);
    tcase_add_test(tests, the_same_file_without_a_mistake_is_read);
    tcase_add_test(tests, a_file_may_end_anywhere);
    tcase_add_test(tests, lists_nest_so_deep);
    tcase_add_test(tests, what_is_no_file_is_refused);
    tcase_add_test(tests, tensors_count_together);
    suite_add_tcase(suite, tests);
    return suite;
}
