/* Views, copies and conversion: every element where it should be, in every layout; storage shared where it can be. */
#include "tensor_checks.h"
#include "suites.h"
#include <stdlib.h>

static ct_tensor *f64(const int64_t *shape, int rank)
{
    return numbers(CT_FLOAT64, shape, rank, 1);
}

/* ---- reshape and its relatives ---- */

START_TEST(reshape_keeps_row_major_order)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *x = f64(CT_SHAPE(2, 3, 4)), *given = in_layout(x, layout);
        double values[24];
        ct_to_values(x, values, 24);
        expect_tensor(ct_reshape(given, CT_SHAPE(4, 6)), CT_FLOAT64, CT_SHAPE(4, 6), values, 24);
        expect_tensor(ct_reshape(given, CT_SHAPE(2, -1, 2, 1)), CT_FLOAT64, CT_SHAPE(2, 6, 2, 1), values, 24);
        expect_tensor(ct_reshape(given, CT_SHAPE(-1)), CT_FLOAT64, CT_SHAPE(24), values, 24);
        expect_tensor(ct_flatten(given, 1, -1), CT_FLOAT64, CT_SHAPE(2, 12), values, 24);
        expect_tensor(ct_flatten(given, -3, 1), CT_FLOAT64, CT_SHAPE(6, 4), values, 24);
        expect_tensor(ct_unsqueeze(given, -1), CT_FLOAT64, CT_SHAPE(2, 3, 4, 1), values, 24);
        expect_tensor(ct_unsqueeze(given, 1), CT_FLOAT64, CT_SHAPE(2, 1, 3, 4), values, 24);
        expect_tensor(ct_squeeze(ct_unsqueeze(given, 2), -2), CT_FLOAT64, CT_SHAPE(2, 3, 4), values, 24);
    }
}
END_TEST

START_TEST(reshape_works_for_every_dtype)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
        ct_tensor *x = numbers((ct_dtype)dtype, CT_SHAPE(3, 4), 1);
        double values[12];
        ct_to_values(x, values, 12);
        expect_tensor(ct_reshape(in_layout(x, 1), CT_SHAPE(2, 6)), (ct_dtype)dtype, CT_SHAPE(2, 6), values, 12);
    }
}
END_TEST

START_TEST(reshape_of_0d_and_of_nothing)
{
    const double one[] = {5};
    ct_tensor *scalar = ct_scalar(CT_FLOAT32, 5), *nothing = ct_zeros(CT_FLOAT32, CT_SHAPE(0, 3));
    expect_tensor(ct_reshape(scalar, CT_SHAPE(1, 1)), CT_FLOAT32, CT_SHAPE(1, 1), one, 1);
    expect_tensor(ct_reshape(ct_ones(CT_FLOAT32, CT_SHAPE(1, 1)), CT_SCALAR), CT_FLOAT32, CT_SCALAR, (double[]){1}, 1);
    expect_tensor(ct_flatten(scalar, 0, -1), CT_FLOAT32, CT_SHAPE(1), one, 1);
    expect_tensor(ct_unsqueeze(scalar, -1), CT_FLOAT32, CT_SHAPE(1), one, 1);
    expect_tensor(ct_reshape(nothing, CT_SHAPE(2, 0)), CT_FLOAT32, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_reshape(nothing, CT_SHAPE(-1, 3)), CT_FLOAT32, CT_SHAPE(0, 3), NULL, 0);
    expect_tensor(ct_reshape(ct_transpose(nothing, 0, 1), CT_SHAPE(-1, 7)), CT_FLOAT32, CT_SHAPE(0, 7), NULL, 0);
}
END_TEST

/* A reshape copies only when no strides give the result. */
START_TEST(reshape_is_a_view_where_strides_allow)
{
    ct_tensor *x = f64(CT_SHAPE(4, 6, 5));
    ct_tensor *transposed = ct_transpose(x, 0, 1), *columns = ct_slice(x, 2, 0, CT_END, 2);
    ct_tensor *backwards = ct_slice(x, 0, -1, CT_END, -1),
              *expanded = ct_expand(ct_slice(x, 0, 0, 1, 1), CT_SHAPE(4, 6, 5));
    const struct {
        ct_tensor *from;
        int64_t shape[4];
        int rank;
        bool view;
    } cases[] = {
        {x, {120}, 1, true},
        {x, {2, 2, 30}, 3, true},
        {transposed, {6, 4, 5}, 3, true},
        {transposed, {3, 2, 4, 5}, 4, true},
        {transposed, {6, 2, 2, 5}, 4, true},
        {transposed, {6, 1, 4, 5}, 4, true},
        {transposed, {24, 5}, 2, false},
        {transposed, {6, 20}, 2, false},
        {columns, {24, 3}, 2, true},
        {columns, {2, 12, 3}, 3, true},
        {columns, {72}, 1, false},
        {columns, {8, 9}, 2, false},
        {backwards, {4, 30}, 2, true},
        {backwards, {2, 2, 30}, 3, true},
        {backwards, {24, 5}, 2, false},
        {expanded, {2, 2, 30}, 3, true},
        {expanded, {24, 5}, 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_tensor *y = ct_reshape(cases[i].from, cases[i].shape, cases[i].rank);
        ck_assert_msg(ct_shares_storage(x, y) == cases[i].view, "case %d", (int)i);
        expect_close(ct_reshape(y, CT_SHAPE(-1)), ct_reshape(ct_clone(cases[i].from), CT_SHAPE(-1)), 0);
    }
}
END_TEST

START_TEST(reshape_refuses)
{
    ct_tensor *x = f64(CT_SHAPE(2, 3));
    expect_error(ct_reshape(x, CT_SHAPE(4, 2)), CT_ERROR_SHAPE, "reshape: numbers of elements differ: [2,3] to [4,2]");
    expect_error(ct_reshape(x, CT_SHAPE(4, -1)), CT_ERROR_SHAPE,
                 "reshape: numbers of elements differ: [2,3] to [4,-1]");
    expect_error(ct_reshape(x, CT_SHAPE(-1, -1)), CT_ERROR_SHAPE, "reshape: more than one -1: [2,3] to [-1,-1]");
    expect_error(ct_reshape(x, CT_SHAPE(-2, -3)), CT_ERROR_SHAPE, "reshape: negative size: [2,3] to [-2,-3]");
    expect_error(ct_reshape(x, CT_SHAPE(INT64_MAX, 3)), CT_ERROR_SHAPE, "reshape: sizes too large");
    expect_error(ct_reshape(ct_zeros(CT_FLOAT64, CT_SHAPE(0)), CT_SHAPE(0, -1)), CT_ERROR_SHAPE,
                 "reshape: -1 beside a size 0 could be anything: [0] to [0,-1]");
    expect_error(ct_reshape(x, CT_SHAPE(1, 1, 1, 1, 1, 1, 1, 2, 3)), CT_ERROR_SHAPE, "reshape: rank 9 is not in 0..8");
    expect_error(ct_reshape(x, NULL, 2), CT_ERROR_NULL, "reshape: shape is NULL for rank 2");
    expect_error(ct_reshape(NULL, CT_SHAPE(1)), CT_ERROR_NULL, "reshape: input 0 is NULL");
    expect_error(ct_flatten(x, 1, 0), CT_ERROR_ARGUMENT, "flatten: axis 1 comes after axis 0: [2,3]");
    expect_error(ct_flatten(x, 0, 2), CT_ERROR_ARGUMENT, "flatten: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_unsqueeze(x, 3), CT_ERROR_ARGUMENT, "unsqueeze: axis 3 is not in -3..2: [2,3]");
    expect_error(ct_unsqueeze(ct_ones(CT_FLOAT32, CT_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), 0), CT_ERROR_SHAPE,
                 "unsqueeze: more than 8 axes: [1,1,1,1,1,1,1,1]");
    expect_error(ct_squeeze(x, 0), CT_ERROR_SHAPE, "squeeze: axis 0 is not of size 1: [2,3]");
    expect_error(ct_squeeze(ct_scalar(CT_FLOAT32, 1), 1), CT_ERROR_ARGUMENT, "squeeze: axis 1 is not in -1..0: []");
}
END_TEST

/* ---- transpose, permute, expand ---- */

START_TEST(permute_moves_axes)
{
    const int64_t size[] = {2, 3, 4};
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *x = in_layout(f64(size, 3), layout);
        ct_tensor *permuted = ct_permute(x, CT_SHAPE(2, -3, 1)), *transposed = ct_transpose(x, 0, -1);
        ck_assert(ct_shares_storage(x, permuted) && ct_shares_storage(x, transposed));
        for (int64_t i = 0; i < 24; i++) {
            const int64_t at[] = {i / 12, i / 4 % 3, i % 4};
            double value = ct_get(x, at, 3);
            ck_assert_double_eq(value, ct_get(permuted, (const int64_t[]){at[2], at[0], at[1]}, 3));
            ck_assert_double_eq(value, ct_get(transposed, (const int64_t[]){at[2], at[1], at[0]}, 3));
        }
    }
}
END_TEST

START_TEST(permute_refuses)
{
    ct_tensor *x = f64(CT_SHAPE(2, 3));
    expect_error(ct_permute(x, CT_SHAPE(0)), CT_ERROR_ARGUMENT, "permute: 1 axes for [2,3]");
    expect_error(ct_permute(x, CT_SHAPE(0, 2)), CT_ERROR_ARGUMENT, "permute: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_permute(x, CT_SHAPE(1, -1)), CT_ERROR_ARGUMENT, "permute: axis 1 is named twice: [2,3]");
    expect_error(ct_transpose(x, 0, -3), CT_ERROR_ARGUMENT, "transpose: axis -3 is not in -2..1: [2,3]");
    expect_error(ct_transpose(ct_scalar(CT_FLOAT32, 1), 0, 1), CT_ERROR_ARGUMENT,
                 "transpose: axis 1 is not in -1..0: []");
    expect_error(ct_transpose(NULL, 0, 1), CT_ERROR_NULL, "transpose: input 0 is NULL");
}
END_TEST

START_TEST(expand_repeats_without_copying)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *x = in_layout(f64(CT_SHAPE(3, 1)), layout);
        ct_tensor *y = ct_expand(x, CT_SHAPE(2, -1, 4));
        ck_assert(ct_shares_storage(x, y));
        ck_assert_int_eq(ct_numel(y), 24);
        for (int64_t i = 0; i < 24; i++)
            ck_assert_double_eq(ct_get(y, (const int64_t[]){i / 12, i / 4 % 3, i % 4}, 3),
                                ct_get(x, (const int64_t[]){i / 4 % 3, 0}, 2));
    }
    expect_tensor(ct_expand(ct_scalar(CT_INT64, 7), CT_SHAPE(3)), CT_INT64, CT_SHAPE(3), (double[]){7, 7, 7}, 3);
    expect_tensor(ct_expand(f64(CT_SHAPE(1, 3)), CT_SHAPE(0, 3)), CT_FLOAT64, CT_SHAPE(0, 3), NULL, 0);
}
END_TEST

START_TEST(expand_refuses)
{
    ct_tensor *x = f64(CT_SHAPE(3, 1));
    expect_error(ct_expand(x, CT_SHAPE(2, 4)), CT_ERROR_SHAPE, "expand: [3,1] does not broadcast to [2,4]");
    expect_error(ct_expand(x, CT_SHAPE(3)), CT_ERROR_SHAPE, "expand: [3,1] does not broadcast to [3]");
    expect_error(ct_expand(x, CT_SHAPE(-1, 3, 4)), CT_ERROR_SHAPE, "expand: [3,1] does not broadcast to [-1,3,4]");
    expect_error(ct_expand(x, CT_SHAPE(3, -2)), CT_ERROR_SHAPE, "expand: [3,1] does not broadcast to [3,-2]");
    expect_error(ct_expand(x, CT_SHAPE(INT64_MAX, INT64_MAX, 3, 4)), CT_ERROR_SHAPE, "expand: ");
}
END_TEST

/* ---- slice, select ---- */

/* Python's x[start:end:step], by its definition: the elements on the way from start, before end. */
static int64_t python_slice(int64_t size, int64_t start, int64_t end, int64_t step, int64_t *positions)
{
    int64_t n = 0, low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
    int64_t from = start < 0 ? start + size : start, to = end < 0 ? end + size : end;
    from = from < low ? low : from > high ? high : from;
    to = to < low ? low : to > high ? high : to;
    if (end == CT_END)
        to = step > 0 ? size : -1;
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step)
        positions[n++] = i;
    return n;
}

START_TEST(slice_follows_python)
{
    const int64_t bounds[] = {-100, -6, -5, -4, -2, -1, 0, 1, 2, 4, 5, 6, 100, CT_END};
    const int64_t steps[] = {1, 2, 3, 7, -1, -2, -3, -7};
    const int n = sizeof bounds / sizeof *bounds;
    ct_tensor *x = in_layout(f64(CT_SHAPE(2, 5)), _i);
    for (int k = 0; k < n * n * 8; k++) {
        int64_t start = bounds[k % n], end = bounds[k / n % n], step = steps[k / n / n], positions[5];
        int64_t count = python_slice(5, start, end, step, positions);
        ct_scope_open();
        ct_tensor *y = ct_slice(x, 1, start, end, step);
        ck_assert_msg(y != NULL, "%s", ct_error_message());
        ck_assert(ct_shares_storage(x, y));
        ck_assert_msg(ct_size(y, 0) == 2 && ct_size(y, 1) == count, "[%lld:%lld:%lld] has %lld elements, not %lld",
                      (long long)start, (long long)end, (long long)step, (long long)ct_size(y, 1), (long long)count);
        for (int64_t i = 0; i < 2 * count; i++)
            ck_assert_double_eq(ct_get(y, (const int64_t[]){i / count, i % count}, 2),
                                ct_get(x, (const int64_t[]){i / count, positions[i % count]}, 2));
        ct_scope_close();
    }
}
END_TEST

START_TEST(slice_takes_extreme_numbers)
{
    ct_tensor *x = ct_arange(CT_INT64, 0, 1, 5);
    expect_tensor(ct_slice(x, 0, INT64_MIN, CT_END, INT64_MAX), CT_INT64, CT_SHAPE(1), (double[]){0}, 1);
    expect_tensor(ct_slice(x, 0, CT_END, INT64_MIN, INT64_MIN), CT_INT64, CT_SHAPE(1), (double[]){4}, 1);
    expect_tensor(ct_slice(x, 0, CT_END, INT64_MIN, -2), CT_INT64, CT_SHAPE(3), (double[]){4, 2, 0}, 3);
    expect_tensor(ct_slice(ct_zeros(CT_INT64, CT_SHAPE(0)), 0, 0, CT_END, -1), CT_INT64, CT_SHAPE(0), NULL, 0);
    expect_error(ct_slice(x, 0, 0, 1, 0), CT_ERROR_ARGUMENT, "slice: the step is 0: [5]");
    expect_error(ct_slice(x, 1, 0, 1, 1), CT_ERROR_ARGUMENT, "slice: axis 1 is not in -1..0: [5]");
    expect_error(ct_slice(ct_scalar(CT_INT64, 1), 0, 0, 1, 1), CT_ERROR_ARGUMENT,
                 "slice: axis 0, but a 0-d tensor has no axes");
}
END_TEST

START_TEST(select_takes_one)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *x = in_layout(f64(CT_SHAPE(2, 3, 4)), layout), *y = ct_select(x, -2, -1);
        ck_assert(ct_shares_storage(x, y));
        ck_assert_int_eq(ct_rank(y), 2);
        for (int64_t i = 0; i < 8; i++)
            ck_assert_double_eq(ct_get(y, (const int64_t[]){i / 4, i % 4}, 2),
                                ct_get(x, (const int64_t[]){i / 4, 2, i % 4}, 3));
    }
    ct_tensor *line = ct_arange(CT_INT64, 0, 1, 3);
    expect_tensor(ct_select(line, 0, 2), CT_INT64, CT_SCALAR, (double[]){2}, 1);
    expect_error(ct_select(line, 0, 3), CT_ERROR_ARGUMENT, "select: index 3 is outside of axis 0: [3]");
    expect_error(ct_select(line, 0, -4), CT_ERROR_ARGUMENT, "select: index -4 is outside of axis 0: [3]");
    expect_error(ct_select(line, -2, 0), CT_ERROR_ARGUMENT, "select: axis -2 is not in -1..0: [3]");
    expect_error(ct_select(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 0)), 1, 0), CT_ERROR_ARGUMENT,
                 "select: index 0 is outside of axis 1: [2,0]");
}
END_TEST

START_TEST(views_of_views_reach_the_same_element)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(4, 5, 6));
    ct_tensor *view = ct_slice(ct_transpose(ct_slice(x, 1, -1, CT_END, -2), 0, 2), 0, 1, CT_END, 2); /* [3,3,4] */
    ct_tensor *element = ct_select(ct_select(ct_select(view, 0, 1), 0, 1), 0, 2);                    /* x[2][2][3] */
    ck_assert_int_eq(ct_fill_(element, 9), CT_OK);
    ck_assert_double_eq(ct_get(x, (const int64_t[]){2, 2, 3}, 3), 9);
    ck_assert_double_eq(ct_item(ct_sum(x)), 9);
}
END_TEST

/* ---- clone, contiguous, cast ---- */

START_TEST(clone_has_storage_of_its_own)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_tensor *x = in_layout(f64(CT_SHAPE(2, 3)), layout), *y = ct_clone(x);
        expect_close(y, x, 0);
        ck_assert(ct_is_contiguous(y) && !ct_shares_storage(x, y));
        ct_tensor *c = ct_contiguous(x);
        expect_close(c, x, 0);
        ck_assert(ct_is_contiguous(c));
        ck_assert((c == x) == ct_is_contiguous(x));
    }
    expect_error(ct_clone(NULL), CT_ERROR_NULL, "clone: input 0 is NULL");
    expect_error(ct_contiguous(NULL), CT_ERROR_NULL, "clone: input 0 is NULL");
}
END_TEST

START_TEST(cast_converts_between_all_dtypes)
{
    const double values[] = {0, 1, 7, 200};
    for (int from = CT_FLOAT32; from <= CT_UINT8; from++)
        for (int to = CT_FLOAT32; to <= CT_UINT8; to++) {
            ct_tensor *x = ct_from_values((ct_dtype)from, values, 4, CT_SHAPE(2, 2));
            expect_tensor(ct_cast(in_layout(x, 1), (ct_dtype)to), (ct_dtype)to, CT_SHAPE(2, 2), values, 4);
        }
    ct_tensor *x = ct_set_requires_grad(f64(CT_SHAPE(3)), true);
    ck_assert(ct_requires_grad(ct_cast(x, CT_FLOAT32)));
    ck_assert(!ct_requires_grad(ct_cast(x, CT_INT64)));
    expect_error(ct_cast(x, (ct_dtype)99), CT_ERROR_DTYPE, "cast: 99 is not a dtype");
}
END_TEST

START_TEST(the_gradient_of_a_cast_is_cast_back)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(3), 1), true), *grad;
    ct_tensor *y = ct_sum(ct_mul_scalar(ct_cast(x, CT_FLOAT64), 3));
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad), CT_OK);
    expect_tensor(grad, CT_FLOAT32, CT_SHAPE(3), (double[]){3, 3, 3}, 3);
}
END_TEST

/* ---- concat ---- */

START_TEST(concat_joins)
{
    for (int layout = 0; layout < LAYOUTS * LAYOUTS; layout++) {
        ct_tensor *a = in_layout(numbers(CT_FLOAT64, CT_SHAPE(2, 3, 2), 1), layout % LAYOUTS);
        ct_tensor *b = in_layout(numbers(CT_FLOAT64, CT_SHAPE(2, 1, 2), 2), layout / LAYOUTS);
        ct_tensor *y = ct_concat((ct_tensor *[]){a, b, a}, 3, -2);
        ck_assert_int_eq(ct_size(y, 1), 7);
        for (int64_t i = 0; i < 28; i++) {
            int64_t j = i / 2 % 7;
            double expected = j == 3 ? ct_get(b, (const int64_t[]){i / 14, 0, i % 2}, 3)
                                     : ct_get(a, (const int64_t[]){i / 14, j < 3 ? j : j - 4, i % 2}, 3);
            ck_assert_double_eq(ct_get(y, (const int64_t[]){i / 14, j, i % 2}, 3), expected);
        }
    }
    ct_tensor *line = ct_arange(CT_UINT8, 0, 1, 2), *nothing = ct_zeros(CT_UINT8, CT_SHAPE(0));
    expect_tensor(ct_concat((ct_tensor *[]){line, nothing, line}, 3, 0), CT_UINT8, CT_SHAPE(4), (double[]){0, 1, 0, 1},
                  4);
    expect_tensor(ct_concat(&line, 1, 0), CT_UINT8, CT_SHAPE(2), (double[]){0, 1}, 2);
}
END_TEST

START_TEST(concat_takes_many)
{
    enum { MANY = CT_MAX_INPUTS * CT_MAX_INPUTS + 3 }; /* three levels of groups */
    static ct_tensor *parts[MANY], *grads[MANY / 2], *leaves[MANY / 2];
    for (int i = 0; i < MANY; i++)
        parts[i] = ct_set_requires_grad(ct_full(CT_FLOAT64, i, CT_SHAPE(i % 3)), i % 2 == 1);
    ct_tensor *y = ct_concat(parts, MANY, 0);
    ct_tensor *total = ct_sum(ct_mul(y, ct_arange(CT_FLOAT64, 0, 1, ct_numel(y))));
    for (int i = 0; i < MANY / 2; i++)
        leaves[i] = parts[2 * i + 1];
    ck_assert_int_eq(ct_grad(&total, 1, leaves, MANY / 2, grads), CT_OK);
    int64_t at = 0;
    for (int i = 0; i < MANY; i++) {
        for (int64_t k = 0; k < i % 3; k++, at++) {
            ck_assert_double_eq(ct_get(y, &at, 1), i);
            if (i % 2 == 1)
                ck_assert_double_eq(ct_get(grads[i / 2], &k, 1), (double)at);
        }
    }
    ck_assert_int_eq(at, ct_numel(y));
}
END_TEST

START_TEST(stack_takes_many)
{
    enum { MANY = 130 };
    ct_tensor *parts[MANY];
    for (int i = 0; i < MANY; i++)
        parts[i] = ct_arange(CT_INT32, i, MANY, 3);
    for (int axis = -1; axis < 2; axis++) {
        ct_tensor *y = ct_stack(parts, MANY, axis);
        bool last = axis != 0;
        ck_assert_int_eq(ct_size(y, 0), last ? 3 : MANY);
        ck_assert_int_eq(ct_size(y, 1), last ? MANY : 3);
        for (int64_t i = 0; i < 3 * MANY; i++) {
            int64_t at[2];
            at[last] = i % MANY;
            at[!last] = i / MANY;
            ck_assert_double_eq(ct_get(y, at, 2), (double)i);
        }
    }
}
END_TEST

START_TEST(many_that_do_not_go_together)
{
    ct_tensor *parts[CT_MAX_INPUTS + 7];
    int n = CT_MAX_INPUTS + 7, odd = CT_MAX_INPUTS + 2;
    for (int i = 0; i < n; i++)
        parts[i] = ct_zeros(CT_FLOAT32, CT_SHAPE(2, i % 3));
    ck_assert_ptr_nonnull(ct_concat(parts, n, -1));
    expect_error(ct_stack(parts, n, 0), CT_ERROR_SHAPE, "stack: tensor 1 does not go with the first: [2,1], [2,0]");
    parts[odd] = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 1));
    expect_error(ct_concat(parts, n, 1), CT_ERROR_SHAPE, "concat: tensor 66 does not go with the first: [3,1], [2,0]");
    parts[odd] = ct_zeros(CT_UINT8, CT_SHAPE(2, 1));
    expect_error(ct_concat(parts, n, 1), CT_ERROR_DTYPE, "concat: dtypes differ: float32 and uint8 (inputs 0 and 66)");
    parts[odd] = NULL;
    expect_error(ct_concat(parts, n, 1), CT_ERROR_NULL, "concat: input 66 is NULL");
    parts[odd] = parts[0];
    expect_error(ct_concat(parts, n, 2), CT_ERROR_ARGUMENT, "concat: axis 2 is not in -2..1");
}
END_TEST

START_TEST(concat_refuses)
{
    ct_tensor *a = f64(CT_SHAPE(2, 3)), *b = f64(CT_SHAPE(3, 3)), *c = numbers(CT_FLOAT32, CT_SHAPE(2, 3), 1);
    expect_error(ct_concat((ct_tensor *[]){a, b}, 2, 1), CT_ERROR_SHAPE,
                 "concat: tensor 1 differs from the first beside axis 1: [2,3], [3,3]");
    expect_error(ct_concat((ct_tensor *[]){a, f64(CT_SHAPE(6))}, 2, 0), CT_ERROR_SHAPE,
                 "concat: tensor 1 differs from the first beside axis 0: [2,3], [6]");
    expect_error(ct_concat((ct_tensor *[]){a, c}, 2, 0), CT_ERROR_DTYPE,
                 "concat: dtypes differ: float64 and float32 (inputs 0 and 1)");
    expect_error(ct_concat((ct_tensor *[]){a, NULL, a}, 3, 0), CT_ERROR_NULL, "concat: input 1 is NULL");
    expect_error(ct_concat((ct_tensor *[]){a, a}, 2, 2), CT_ERROR_ARGUMENT,
                 "concat: axis 2 is not in -2..1: [2,3], [2,3]");
    expect_error(ct_concat((ct_tensor *[]){a, a}, 0, 0), CT_ERROR_ARGUMENT, "concat: 0 inputs, takes 1 to 64");
    expect_error(ct_concat(NULL, 2, 0), CT_ERROR_NULL, "concat: the list of tensors is NULL");
    ct_tensor *scalar = ct_scalar(CT_FLOAT64, 1);
    expect_error(ct_concat((ct_tensor *[]){scalar, scalar}, 2, 0), CT_ERROR_ARGUMENT,
                 "concat: axis 0, but a 0-d tensor has no axes");
}
END_TEST

/* ---- gradients and memory ---- */

static ct_tensor *try_reshape(ct_tensor *const *in)
{
    return ct_reshape(in[0], CT_SHAPE(4, -1));
}

static ct_tensor *try_reshape_of_transposed(ct_tensor *const *in)
{
    return ct_reshape(ct_transpose(in[0], 0, 2), CT_SHAPE(-1));
}

static ct_tensor *try_flatten(ct_tensor *const *in)
{
    return ct_flatten(ct_squeeze(ct_unsqueeze(in[0], 1), 1), 0, 1);
}

static ct_tensor *try_permute(ct_tensor *const *in)
{
    return ct_permute(in[0], CT_SHAPE(-1, 0, 1));
}

static ct_tensor *try_expand(ct_tensor *const *in)
{
    return ct_expand(ct_select(in[0], 1, -2), CT_SHAPE(3, 2, 4));
}

static ct_tensor *try_expand_from_one(ct_tensor *const *in)
{
    return ct_mul(ct_expand(ct_slice(in[0], 1, 1, 2, 1), CT_SHAPE(2, 3, 4)), in[0]);
}

static ct_tensor *try_slice(ct_tensor *const *in)
{
    return ct_slice(ct_slice(in[0], -1, -1, 0, -2), 0, 1, CT_END, 1);
}

static ct_tensor *try_overlap(ct_tensor *const *in)
{
    return ct_mul(ct_slice(in[0], 2, 0, -1, 1), ct_slice(in[0], 2, 1, CT_END, 1));
}

static ct_tensor *try_clone(ct_tensor *const *in)
{
    return ct_mul(ct_clone(in[0]), ct_cast(in[0], CT_FLOAT64));
}

static ct_tensor *try_concat(ct_tensor *const *in)
{
    return ct_concat((ct_tensor *[]){in[0], ct_square(ct_slice(in[0], 1, 0, 1, 1)), in[0]}, 3, 1);
}

/* Parts that overlap, of a leaf and of a result, backwards, across axes, and the whole between them. */
static ct_tensor *try_parts(ct_tensor *const *in)
{
    ct_tensor *x = in[0], *y = ct_mul(x, x), *sum = ct_mul(ct_select(x, 0, 1), ct_select(y, 0, -1));
    for (int64_t i = 0; i < ct_size(x, 0); i++)
        sum = ct_add(sum, ct_square(ct_select(y, 0, i)));
    sum = ct_sum(ct_mul(sum, ct_select(x, 0, 0)));
    sum = ct_add(sum, ct_sum(ct_pow_scalar(ct_slice(x, 1, -1, CT_END, -2), 3)));
    sum = ct_add(sum, ct_sum(ct_mul(ct_mul(x, y), y)));
    sum = ct_add(sum, ct_sum(ct_square(ct_slice(y, 1, 1, 3, 1))));
    return ct_add(sum, ct_sum(ct_square(ct_select(ct_transpose(y, 0, 1), 0, 2))));
}

static const test_expression expressions[] = {
    try_reshape, try_reshape_of_transposed,
    try_flatten, try_permute,
    try_expand,  try_expand_from_one,
    try_slice,   try_overlap,
    try_clone,   try_concat,
    try_parts,
};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

START_TEST(gradients)
{
    ct_tensor *x = f64(CT_SHAPE(2, 3, 4));
    expect_gradients(expressions[_i], &x, 1);
}
END_TEST

/* A gradient that comes in parts is what it is as a whole: where it goes on to be differentiated, and on top of one that
 * is there. */
START_TEST(gradients_in_parts)
{
    ct_tensor *x = ct_set_requires_grad(f64(CT_SHAPE(3, 4)), true), *y = try_parts(&x), *whole, *parts;
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &whole, .create_graph = true, .retain_graph = true), CT_OK);
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &parts, .retain_graph = true), CT_OK);
    expect_close(parts, ct_detach(whole), 1e-14);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ct_backward(y, .retain_graph = true), CT_OK);
    expect_close(ct_grad_of(x), ct_mul_scalar(parts, 2), 1e-14);
}
END_TEST

/* The cotangent that is handed in stays as it is, though parts are added to what it begins. */
START_TEST(a_cotangent_is_not_changed_by_parts)
{
    ct_tensor *x = ct_set_requires_grad(f64(CT_SHAPE(3, 4)), true),
              *seeds[] = {numbers(CT_FLOAT64, CT_SHAPE(3, 4), 2), numbers(CT_FLOAT64, CT_SHAPE(4), 3)};
    ct_tensor *before = ct_clone(seeds[0]), *y = ct_mul(x, x), *outputs[] = {y, ct_select(y, 0, 1)}, *got;
    ck_assert_int_eq(ct_grad(outputs, 2, &y, 1, &got, .gradients = seeds), CT_OK);
    expect_close(seeds[0], before, 0);
    expect_close(ct_select(got, 0, 1), ct_add(ct_select(before, 0, 1), seeds[1]), 0);
    expect_close(ct_select(got, 0, 2), ct_select(before, 0, 2), 0);
}
END_TEST

START_TEST(no_memory)
{
    ct_tensor *x = f64(CT_SHAPE(2, 3, 4));
    expect_memory_errors(expressions[_i], &x, 1);
}
END_TEST

Suite *ct_suite_shape(void)
{
    Suite *suite = suite_create("shape");
    TCase *views = tcase_create("views");
    tcase_add_checked_fixture(views, open_test, close_test);
    tcase_add_test(views, reshape_keeps_row_major_order);
    tcase_add_test(views, reshape_works_for_every_dtype);
    tcase_add_test(views, reshape_of_0d_and_of_nothing);
    tcase_add_test(views, reshape_is_a_view_where_strides_allow);
    tcase_add_test(views, reshape_refuses);
    tcase_add_test(views, permute_moves_axes);
    tcase_add_test(views, permute_refuses);
    tcase_add_test(views, expand_repeats_without_copying);
    tcase_add_test(views, expand_refuses);
    tcase_add_loop_test(views, slice_follows_python, 0, LAYOUTS);
    tcase_add_test(views, slice_takes_extreme_numbers);
    tcase_add_test(views, select_takes_one);
    tcase_add_test(views, views_of_views_reach_the_same_element);
    suite_add_tcase(suite, views);
    TCase *copies = tcase_create("copies");
    tcase_add_checked_fixture(copies, open_test, close_test);
    tcase_add_test(copies, clone_has_storage_of_its_own);
    tcase_add_test(copies, cast_converts_between_all_dtypes);
    tcase_add_test(copies, the_gradient_of_a_cast_is_cast_back);
    tcase_add_test(copies, concat_joins);
    tcase_add_test(copies, concat_takes_many);
    tcase_add_test(copies, stack_takes_many);
    tcase_add_test(copies, many_that_do_not_go_together);
    tcase_add_test(copies, concat_refuses);
    suite_add_tcase(suite, copies);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, gradients_in_parts);
    tcase_add_test(derivatives, a_cotangent_is_not_changed_by_parts);
    suite_add_tcase(suite, derivatives);
    return suite;
}
