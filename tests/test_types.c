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
    expect_error(ct_mul(a, b), CT_ERROR_DTYPE,
                 "mul: input 0 is bool, not float32, float64, int64, int32 or uint8; see ct_cast()");
}
END_TEST

START_TEST(logic_takes_one_type)
{
    static const struct {
        ct_tensor *(*f)(ct_tensor *, ct_tensor *);
        const char *message;
    } cases[] = {{ct_logical_and, "logical_and: dtypes differ: bool and float32 (inputs 0 and 1)"},
                 {ct_logical_or, "logical_or: dtypes differ: bool and float32 (inputs 0 and 1)"},
                 {ct_logical_xor, "logical_xor: dtypes differ: bool and float32 (inputs 0 and 1)"}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        expect_error(cases[c].f(bools(), ct_scalar(CT_FLOAT32, 1)), CT_ERROR_DTYPE, cases[c].message);
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

/* ---- integers ---- */

/* What is computed, by definition: in 128 bits, then cut. */
typedef __int128 wide;

static wide floored(wide a, wide b)
{
    wide q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}

static wide shifted(wide a, wide by)
{
    for (; by > 0; by--)
        a = floored(a, 2);
    return a;
}

static const ct_dtype integers[] = {CT_INT64, CT_INT32, CT_UINT8};
enum { INTEGERS = 3 };

static int64_t cut(ct_dtype dtype, wide value)
{
    return dtype == CT_INT64 ? (int64_t)(uint64_t)value : dtype == CT_INT32 ? (int32_t)(uint32_t)value : (uint8_t)value;
}

static int64_t element(const ct_tensor *t, int64_t i)
{
    const void *data = ct_data(t);
    switch (ct_dtype_of(t)) {
    case CT_INT64:
        return ((const int64_t *)data)[i];
    case CT_INT32:
        return ((const int32_t *)data)[i];
    default:
        return ((const uint8_t *)data)[i];
    }
}

/* Small numbers and the ends of the type. */
static ct_tensor *row_of(ct_dtype dtype)
{
    const int64_t values[] = {0, 1, -1, 2, -3, 7, -8, 63, 64, 100, 200, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 31};
    ct_tensor *t = ct_from_array(CT_INT64, values, CT_SHAPE(16));
    return dtype == CT_INT64 ? t : ct_cast(t, dtype);
}

/* Every pair, with the operands in any layout: [16, 1] and [16]. */
static void expect_pairs(ct_tensor *(*op)(ct_tensor *, ct_tensor *), wide (*f)(wide, wide), bool divides)
{
    for (int d = 0; d < INTEGERS; d++) {
        ct_tensor *a = ct_reshape(row_of(integers[d]), CT_SHAPE(16, 1)), *b = row_of(integers[d]);
        if (divides)
            b = ct_masked_fill(b, ct_eq(b, ct_scalar(integers[d], 0)), 5);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *y = op(in_layout(a, layout), in_layout(b, (layout + 2) % LAYOUTS));
            ck_assert_msg(y && ct_dtype_of(y) == integers[d] && ct_numel(y) == 256, "%s", ct_error_message());
            for (int64_t i = 0; i < 256; i++)
                ck_assert_int_eq(element(y, i), cut(integers[d], f(element(a, i / 16), element(b, i % 16))));
        }
        ck_assert_int_eq(ct_numel(op(ct_zeros(integers[d], CT_SHAPE(0, 3)), ct_zeros(integers[d], CT_SCALAR))), 0);
        ct_tensor *seven = ct_scalar(integers[d], 7), *two = ct_scalar(integers[d], 2);
        ck_assert_int_eq((int64_t)ct_item(op(seven, two)), cut(integers[d], f(7, 2)));
        expect_error(op(seven, ct_scalar(CT_FLOAT32, 1)), CT_ERROR_DTYPE, "");
        expect_error(op(ct_zeros(integers[d], CT_SHAPE(2)), ct_zeros(integers[d], CT_SHAPE(3))), CT_ERROR_SHAPE, "");
    }
}

static wide sized(wide a)
{
    return a < 0 ? -a : a;
}

static wide divisor_of(wide a, wide b)
{
    return b == 0 ? sized(a) : divisor_of(b, a % b);
}

#define PAIRS(name, divides, f)                                 \
    static wide name##_by_definition(wide a, wide b)            \
    {                                                           \
        return f;                                               \
    }                                                           \
    START_TEST(integer_##name)                                  \
    {                                                           \
        expect_pairs(ct_##name, name##_by_definition, divides); \
    }                                                           \
    END_TEST

PAIRS(add, false, a + b)
PAIRS(sub, false, a - b)
PAIRS(mul, false, a *b)
PAIRS(maximum, false, a > b ? a : b)
PAIRS(minimum, false, a < b ? a : b)
PAIRS(floor_divide, true, floored(a, b))
PAIRS(remainder, true, a - b * floored(a, b))
PAIRS(fmod, true, a % b)
PAIRS(bitwise_and, false, a &b)
PAIRS(bitwise_or, false, a | b)
PAIRS(bitwise_xor, false, a ^ b)
PAIRS(bitwise_left_shift, false, b<0 || b> 63 ? 0 : a *((wide)1 << b))
PAIRS(bitwise_right_shift, false, shifted(a, b<0 || b> 63 ? 64 : b))
PAIRS(gcd, false, divisor_of(a, b))
PAIRS(lcm, false, divisor_of(a, b) == 0 ? 0 : sized(a) / divisor_of(a, b) * sized(b))

static void expect_each(ct_tensor *y, const ct_tensor *x, wide (*f)(wide))
{
    ck_assert_msg(y && ct_dtype_of(y) == ct_dtype_of(x), "%s", ct_error_message());
    for (int64_t i = 0; i < ct_numel(x); i++)
        ck_assert_int_eq(element(y, i), cut(ct_dtype_of(x), f(element(x, i))));
}

#define EACH(name, f)             \
    static wide name##_of(wide x) \
    {                             \
        return f;                 \
    }
EACH(neg, -x)
EACH(abs, x < 0 ? -x : x)
EACH(sign, (x > 0) - (x < 0))
EACH(square, x *x)
EACH(bitwise_not, ~x)
EACH(add_scalar, x + 3)
EACH(mul_scalar, x * 3)
EACH(clamp, x<2 ? 2 : x> 100 ? 100 : x)
EACH(clamp_below, x < 2 ? 2 : x)

START_TEST(integers_one_by_one)
{
    for (int d = 0; d < INTEGERS; d++) {
        ct_tensor *x = row_of(integers[d]);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *strided = in_layout(x, layout);
            expect_each(ct_neg(strided), x, neg_of);
            expect_each(ct_abs(strided), x, abs_of);
            expect_each(ct_sign(strided), x, sign_of);
            expect_each(ct_square(strided), x, square_of);
            expect_each(ct_bitwise_not(strided), x, bitwise_not_of);
            expect_each(ct_add_scalar(strided, 3), x, add_scalar_of);
            expect_each(ct_mul_scalar(strided, 3), x, mul_scalar_of);
            expect_each(ct_clamp(strided, 2, 100), x, clamp_of);
            expect_each(ct_clamp(strided, 2, INFINITY), x, clamp_below_of);
        }
        ck_assert_int_eq(ct_add_(x, x, 2), CT_OK);
        ct_tensor *before = row_of(integers[d]);
        for (int64_t i = 0; i < 16; i++)
            ck_assert_int_eq(element(x, i), cut(integers[d], (wide)3 * element(before, i)));
    }
}
END_TEST

/* Batched, transposed, of vectors, of nothing; sums wrap. */
START_TEST(integer_products)
{
    for (int d = 0; d < INTEGERS; d++) {
        ct_tensor *a = ct_reshape(row_of(integers[d]), CT_SHAPE(2, 2, 4));
        ct_tensor *b = ct_transpose(ct_reshape(row_of(integers[d]), CT_SHAPE(4, 4)), 0, 1), *y = ct_matmul(a, b);
        ck_assert_msg(y && ct_dtype_of(y) == integers[d], "%s", ct_error_message());
        for (int64_t i = 0; i < 16; i++) {
            wide sum = 0;
            for (int64_t k = 0; k < 4; k++)
                sum += (wide)element(a, i / 4 * 4 + k) * element(row_of(integers[d]), i % 4 * 4 + k);
            ck_assert_int_eq(element(y, i), cut(integers[d], sum));
        }
        ct_tensor *v = ct_from_values(integers[d], CT_VALUES(1, 2, 3), CT_SHAPE(3));
        ck_assert_double_eq(ct_item(ct_matmul(v, v)), 14);
        ct_tensor *none = ct_matmul(ct_zeros(integers[d], CT_SHAPE(2, 0)), ct_zeros(integers[d], CT_SHAPE(0, 3)));
        expect_tensor(none, integers[d], CT_SHAPE(2, 3), (double[6]){0}, 6);
    }
}
END_TEST

START_TEST(integers_refused)
{
    ct_tensor *a = ct_ones(CT_INT32, CT_SHAPE(2, 2));
    ct_tensor *b = ct_from_values(CT_INT32, CT_VALUES(1, 2, 0, 3), CT_SHAPE(2, 2));
    expect_error(ct_floor_divide(a, b), CT_ERROR_ARGUMENT,
                 "floor_divide: an integer divided by 0, at [1,0] of input 1: [2,2], [2,2]");
    expect_error(ct_remainder(a, ct_transpose(b, 0, 1)), CT_ERROR_ARGUMENT,
                 "remainder: an integer divided by 0, at [0,1] of input 1: [2,2], [2,2]");
    expect_error(ct_fmod(a, ct_scalar(CT_INT32, 0)), CT_ERROR_ARGUMENT,
                 "fmod: an integer divided by 0, at [] of input 1: [2,2], []");
    expect_error(ct_add_scalar(a, 0.5), CT_ERROR_ARGUMENT, "add_scalar: 0.5 is no int32");
    expect_error(ct_mul_scalar(a, 3e9), CT_ERROR_ARGUMENT, "mul_scalar: 3e+09 is no int32");
    expect_error(ct_mul_scalar(a, INFINITY), CT_ERROR_ARGUMENT, "mul_scalar: inf is no int32");
    expect_error(ct_add_scalar(ct_zeros(CT_INT64, CT_SCALAR), 0x1p63), CT_ERROR_ARGUMENT,
                 "add_scalar: 9.22337e+18 is no int64");
    expect_error(ct_clamp(ct_zeros(CT_UINT8, CT_SHAPE(2)), -1, 3), CT_ERROR_ARGUMENT, "clamp: -1 is no uint8");
    expect_error(ct_clamp(a, NAN, 3), CT_ERROR_ARGUMENT, "clamp: nan is no int32");
    expect_error(ct_add(a, ct_ones(CT_INT64, CT_SHAPE(2))), CT_ERROR_DTYPE,
                 "add: dtypes differ: int32 and int64 (inputs 0 and 1)");
    expect_error(ct_div(a, a), CT_ERROR_DTYPE, "div: takes float32 or float64, not int32; ct_cast() it");
    expect_error(ct_bitwise_and(ct_ones(CT_FLOAT32, CT_SHAPE(2)), a), CT_ERROR_DTYPE,
                 "bitwise_and: input 0 is float32, not int64, int32, uint8 or bool; see ct_cast()");
    expect_error(ct_bitwise_not(bools()), CT_ERROR_DTYPE,
                 "bitwise_not: input 0 is bool, not int64, int32 or uint8; see ct_cast()");
    expect_tensor(ct_bitwise_xor(bools(), ct_ones(CT_BOOL, CT_SCALAR)), CT_BOOL, CT_SHAPE(2, 3),
                  (double[]){0, 1, 0, 0, 1, 1}, 6);
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
    tcase_add_test(tests, logic_takes_one_type);
    tcase_add_test(tests, masks_of_either_type);
    tcase_add_loop_test(tests, bool_in_files, 0, 2);
    suite_add_tcase(suite, tests);
    tests = tcase_create("integers");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, integer_add);
    tcase_add_test(tests, integer_sub);
    tcase_add_test(tests, integer_mul);
    tcase_add_test(tests, integer_maximum);
    tcase_add_test(tests, integer_minimum);
    tcase_add_test(tests, integer_floor_divide);
    tcase_add_test(tests, integer_remainder);
    tcase_add_test(tests, integer_fmod);
    tcase_add_test(tests, integer_bitwise_and);
    tcase_add_test(tests, integer_bitwise_or);
    tcase_add_test(tests, integer_bitwise_xor);
    tcase_add_test(tests, integer_bitwise_left_shift);
    tcase_add_test(tests, integer_bitwise_right_shift);
    tcase_add_test(tests, integer_gcd);
    tcase_add_test(tests, integer_lcm);
    tcase_add_test(tests, integers_one_by_one);
    tcase_add_test(tests, integer_products);
    tcase_add_test(tests, integers_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
