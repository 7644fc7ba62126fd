/* Element types that are no floats: what bool is, which operations take it, and what the others say. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- bool ---- */

static const double truths[] = {1, 0, 1, 1, 0, 0};

static ct_tensor *bools(void)
{
    return ct_from_values(CT_BOOL, truths, 6, CT_SHAPE(2, 3));
}

/* What is not 0 is true, NaN and 256 too; back it is 0 or 1. */
START_TEST(bool_of_every_type)
{
    const uint8_t bytes[] = {0, 2, 255};
    ct_tensor *t = ct_from_array(CT_BOOL, bytes, CT_SHAPE(3));
    ck_assert_mem_eq(ct_data(t), "\0\1\1", 3);
    t = ct_from_values(CT_BOOL, CT_VALUES(0, -0.0, 0.25, NAN, INFINITY, -3), CT_SHAPE(6));
    expect_tensor(t, CT_BOOL, CT_SHAPE(6), (double[]){0, 0, 1, 1, 1, 1}, 6);
    t = ct_cast(ct_from_values(CT_INT64, CT_VALUES(0, 256, -1, 4294967296.0), CT_SHAPE(4)), CT_BOOL);
    expect_tensor(t, CT_BOOL, CT_SHAPE(4), (double[]){0, 1, 1, 1}, 4);
    t = ct_cast(ct_from_values(CT_FLOAT32, CT_VALUES(0, 0.5, NAN), CT_SHAPE(3)), CT_BOOL);
    expect_tensor(t, CT_BOOL, CT_SHAPE(3), (double[]){0, 1, 1}, 3);
    for (int to = 0; to < CT_DTYPES; to++)
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *back = ct_cast(in_layout(bools(), layout), (ct_dtype)to);
            expect_tensor(back, (ct_dtype)to, CT_SHAPE(2, 3), truths, 6);
            expect_tensor(ct_cast(back, CT_BOOL), CT_BOOL, CT_SHAPE(2, 3), truths, 6);
        }
    ck_assert_int_eq(ct_fill_(t, 7), CT_OK);
    ck_assert_double_eq(ct_get(t, (int64_t[]){2}, 1), 1);
    expect_error(ct_set_requires_grad(t, true), CT_ERROR_DTYPE, "set_requires_grad: bool has no gradient");
}
END_TEST

/* As NumPy has it. */
START_TEST(bool_in_print)
{
    char text[80];
    ct_format(bools(), text, sizeof text);
    ck_assert_str_eq(text, "[[ True False  True]\n [ True False False]]");
    ct_format(ct_ones(CT_BOOL, CT_SHAPE(2)), text, sizeof text);
    ck_assert_str_eq(text, "[ True  True]");
    ct_format(ct_scalar(CT_BOOL, 0), text, sizeof text);
    ck_assert_str_eq(text, "False");
    ct_format(ct_zeros(CT_BOOL, CT_SHAPE(0, 2)), text, sizeof text);
    ck_assert_str_eq(text, "[]");
}
END_TEST

START_TEST(bool_is_moved)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *b = in_layout(bools(), layout);
        ct_tensor *index = ct_from_values(CT_INT64, CT_VALUES(1, 1, 0), CT_SHAPE(3));
        expect_tensor(ct_index_select(b, 0, index), CT_BOOL, CT_SHAPE(3, 3), (double[]){1, 0, 0, 1, 0, 0, 1, 0, 1}, 9);
        expect_tensor(ct_concat(CT_TENSORS(b, b), 1), CT_BOOL, CT_SHAPE(2, 6),
                      (double[]){1, 0, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0}, 12);
        expect_tensor(ct_flip(b, CT_SHAPE(1)), CT_BOOL, CT_SHAPE(2, 3), (double[]){1, 0, 1, 0, 0, 1}, 6);
        expect_tensor(ct_clone(b), CT_BOOL, CT_SHAPE(2, 3), truths, 6);
    }
}
END_TEST

START_TEST(bool_is_counted_and_ordered)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *b = in_layout(bools(), layout), *places;
        expect_tensor(ct_sum(b), CT_INT64, CT_SCALAR, (double[]){3}, 1);
        expect_tensor(ct_cumsum(b, 1), CT_INT64, CT_SHAPE(2, 3), (double[]){1, 1, 2, 1, 1, 1}, 6);
        expect_tensor(ct_any(b, CT_AXES(0)), CT_BOOL, CT_SHAPE(3), (double[]){1, 0, 1}, 3);
        expect_tensor(ct_all(b, CT_AXES(0)), CT_BOOL, CT_SHAPE(3), (double[]){1, 0, 0}, 3);
        expect_tensor(ct_amax(b, CT_AXES(1)), CT_BOOL, CT_SHAPE(2), (double[]){1, 1}, 2);
        expect_tensor(ct_argmin(b, 1), CT_INT64, CT_SHAPE(2), (double[]){1, 1}, 2);
        expect_tensor(ct_sort(b, 1, false, &places), CT_BOOL, CT_SHAPE(2, 3), (double[]){0, 1, 1, 0, 0, 1}, 6);
        expect_tensor(places, CT_INT64, CT_SHAPE(2, 3), (double[]){1, 0, 2, 1, 2, 0}, 6);
        expect_tensor(ct_cummax(b, 1, NULL), CT_BOOL, CT_SHAPE(2, 3), (double[]){1, 1, 1, 1, 1, 1}, 6);
        expect_tensor(ct_nonzero(b), CT_INT64, CT_SHAPE(3, 2), (double[]){0, 0, 0, 2, 1, 0}, 6);
    }
    ct_tensor *both = ct_from_values(CT_BOOL, CT_VALUES(0, 1), CT_SHAPE(2));
    expect_tensor(ct_searchsorted(both, bools(), false), CT_INT64, CT_SHAPE(2, 3), truths, 6);
}
END_TEST

START_TEST(bool_is_compared)
{
    ct_tensor *a = ct_from_values(CT_BOOL, CT_VALUES(0, 0, 1, 1), CT_SHAPE(4));
    ct_tensor *b = ct_from_values(CT_BOOL, CT_VALUES(0, 1, 0, 1), CT_SHAPE(4));
    expect_tensor(ct_eq(a, b), CT_BOOL, CT_SHAPE(4), (double[]){1, 0, 0, 1}, 4);
    expect_tensor(ct_lt(a, b), CT_BOOL, CT_SHAPE(4), (double[]){0, 1, 0, 0}, 4);
    expect_tensor(ct_logical_and(a, b), CT_BOOL, CT_SHAPE(4), (double[]){0, 0, 0, 1}, 4);
    expect_tensor(ct_logical_or(a, b), CT_BOOL, CT_SHAPE(4), (double[]){0, 1, 1, 1}, 4);
    expect_tensor(ct_logical_xor(a, b), CT_BOOL, CT_SHAPE(4), (double[]){0, 1, 1, 0}, 4);
    expect_tensor(ct_logical_not(a), CT_BOOL, CT_SHAPE(4), (double[]){1, 1, 0, 0}, 4);
    expect_tensor(ct_logical_not(ct_scalar(CT_FLOAT32, 2)), CT_BOOL, CT_SCALAR, (double[]){0}, 1);
    expect_error(ct_eq(a, ct_ones(CT_UINT8, CT_SHAPE(4))), CT_ERROR_DTYPE,
                 "eq: dtypes differ: bool and uint8 (inputs 0 and 1)");
    expect_error(ct_mul(a, b), CT_ERROR_DTYPE, "mul: takes float32 or float64, not bool; ct_cast() it");
}
END_TEST

/* A mask of bytes says the same. */
START_TEST(masks_of_either_type)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3), 1), *zero = ct_scalar(CT_FLOAT64, 0);
    ct_tensor *bytes = ct_from_values(CT_UINT8, CT_VALUES(7, 0, 255, 1, 0, 0), CT_SHAPE(2, 3));
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *mask = in_layout(bools(), layout);
        expect_close(ct_where(mask, x, zero), ct_where(bytes, x, zero), 0);
        expect_close(ct_masked_fill(x, mask, 9), ct_masked_fill(x, bytes, 9), 0);
        expect_close(ct_masked_select(x, mask), ct_masked_select(x, bytes), 0);
        ck_assert_int_eq(ct_numel(ct_masked_select(x, mask)), 3);
    }
    expect_tensor(ct_where(bools(), bools(), bools()), CT_BOOL, CT_SHAPE(2, 3), truths, 6);
}
END_TEST

/* _i: whether by NumPy's format. A byte that is neither 0 nor 1 becomes 1. */
START_TEST(bool_in_files)
{
    char path[] = "/tmp/cotan_types_XXXXXX";
    close(mkstemp(path));
    ct_tensor *b = in_layout(bools(), 1), *back = NULL;
    ct_status status = _i ? ct_npy_save(path, b) : ct_safetensors_save(path, &(const char *){"b"}, &b, 1);
    ck_assert_int_eq(status, CT_OK);
    FILE *stream = fopen(path, "r+");
    ck_assert(stream && fseek(stream, -6, SEEK_END) == 0 && fputc(2, stream) == 2);
    fclose(stream);
    ct_tensor_file *file = _i ? NULL : ct_safetensors_load(path);
    back = _i ? ct_npy_load(path) : ct_tensor_file_get(file, "b");
    expect_tensor(back, CT_BOOL, CT_SHAPE(2, 3), truths, 6);
    ck_assert_mem_eq(ct_data(back), "\1\0\1\1\0\0", 6);
    ct_tensor_file_free(file);
    unlink(path);
}
END_TEST

Suite *ct_suite_types(void)
{
    Suite *suite = suite_create("types");
    TCase *tests = tcase_create("bool");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, bool_of_every_type);
    tcase_add_test(tests, bool_in_print);
    tcase_add_test(tests, bool_is_moved);
    tcase_add_test(tests, bool_is_counted_and_ordered);
    tcase_add_test(tests, bool_is_compared);
    tcase_add_test(tests, masks_of_either_type);
    tcase_add_loop_test(tests, bool_in_files, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
