/* Writing and looking by index: duplicates, integers, NaN, nothing, and errors. The reference cases have the rest. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

static ct_tensor *row(ct_dtype dtype, const double *values, int64_t n)
{
    return ct_from_values(dtype, values, n, CT_SHAPE(n));
}

/* The last of several is written, and it alone gets a gradient, whatever the layout. */
START_TEST(of_several_the_last)
{
    ct_tensor *index = row(CT_INT64, CT_VALUES(1, 1, 0, 1)), *weights = row(CT_FLOAT32, CT_VALUES(5, 6, 7));
    ct_tensor *x = ct_set_requires_grad(ct_zeros(CT_FLOAT32, CT_SHAPE(3)), true);
    ct_tensor *source = ct_set_requires_grad(row(CT_FLOAT32, CT_VALUES(1, 2, 3, 4)), true);
    ct_tensor *y = ct_scatter(x, 0, index, source);
    expect_tensor(y, CT_FLOAT32, CT_SHAPE(3), CT_VALUES(3, 4, 0));
    ck_assert_int_eq(ct_backward(y, .gradient = weights), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT32, CT_SHAPE(3), CT_VALUES(0, 0, 7));
    expect_tensor(ct_grad_of(source), CT_FLOAT32, CT_SHAPE(4), CT_VALUES(0, 0, 5, 6));
    expect_tensor(ct_index_copy(x, 0, index, source), CT_FLOAT32, CT_SHAPE(3), CT_VALUES(3, 4, 0));
    ct_tensor *wide = numbers(CT_FLOAT64, CT_SHAPE(3, 4), 1), *narrow = numbers(CT_FLOAT64, CT_SHAPE(3, 2), 2);
    ct_tensor *at = ct_from_values(CT_INT64, CT_VALUES(3, 3, 0, 1, 2, 2), CT_SHAPE(3, 2));
    ct_tensor *expected = ct_scatter(wide, 1, at, narrow);
    for (int layout = 0; layout < LAYOUTS; layout++)
        expect_close(ct_scatter(in_layout(wide, layout), 1, in_layout(at, layout), in_layout(narrow, layout)), expected,
                     0);
}
END_TEST

START_TEST(of_integers)
{
    static const ct_dtype integers[] = {CT_INT64, CT_INT32, CT_UINT8};
    for (int i = 0; i < 3; i++) {
        ct_tensor *x = row(integers[i], CT_VALUES(9, 8, 7)), *index = row(CT_INT64, CT_VALUES(2, 0)), *inverse, *counts;
        ct_tensor *values = row(integers[i], CT_VALUES(1, 2));
        expect_tensor(ct_scatter(x, 0, index, values), integers[i], CT_SHAPE(3), CT_VALUES(2, 8, 1));
        expect_tensor(ct_index_put(x, &index, 1, values, false), integers[i], CT_SHAPE(3), CT_VALUES(2, 8, 1));
        expect_tensor(ct_index_put(x, &index, 1, values, true), integers[i], CT_SHAPE(3), CT_VALUES(11, 8, 8));
        expect_tensor(ct_index(x, &index, 1), integers[i], CT_SHAPE(2), CT_VALUES(7, 9));
        ct_tensor *several = row(integers[i], CT_VALUES(4, 2, 4, 4));
        expect_tensor(ct_unique(several, &inverse, &counts), integers[i], CT_SHAPE(2), CT_VALUES(2, 4));
        expect_tensor(inverse, CT_INT64, CT_SHAPE(4), CT_VALUES(1, 0, 1, 1));
        expect_tensor(counts, CT_INT64, CT_SHAPE(2), CT_VALUES(1, 3));
        expect_tensor(ct_searchsorted(row(integers[i], CT_VALUES(2, 4, 4)), several, true), CT_INT64, CT_SHAPE(4),
                      CT_VALUES(3, 1, 3, 3));
        ct_tensor *rest = ct_nonzero(row(integers[i], CT_VALUES(0, 3, 0, 1)));
        expect_tensor(rest, CT_INT64, CT_SHAPE(2, 1), CT_VALUES(1, 3));
    }
}
END_TEST

/* What does not fit wraps, and a mean is rounded down; the smallest of all is not lost in the order turned around. */
START_TEST(integers_wrap)
{
    static const struct {
        ct_dtype dtype;
        double least, most;
    } types[] = {
        {CT_INT64, (double)INT64_MIN, (double)INT64_MAX}, {CT_INT32, INT32_MIN, INT32_MAX}, {CT_UINT8, 0, UINT8_MAX}};
    for (int i = 0; i < 3; i++) {
        ct_dtype dtype = types[i].dtype;
        ct_tensor *index = row(CT_INT64, CT_VALUES(0, 0)), *two = row(dtype, CT_VALUES(2)),
                  *ends = row(dtype, (const double[]){types[i].most, types[i].least}, 2),
                  *most = row(dtype, (const double[]){types[i].most, types[i].most}, 2);
        expect_tensor(ct_scatter_add(two, 0, index, most), dtype, CT_SHAPE(1), CT_VALUES(0));
        expect_tensor(ct_index_add(two, 0, index, most), dtype, CT_SHAPE(1), CT_VALUES(0));
        expect_tensor(ct_scatter_reduce(two, 0, index, most, CT_SCATTER_PROD, false), dtype, CT_SHAPE(1), CT_VALUES(1));
        expect_tensor(ct_scatter_reduce(two, 0, index, ends, CT_SCATTER_AMIN, true), dtype, CT_SHAPE(1),
                      &types[i].least, 1);
        expect_close(ct_scatter_reduce(two, 0, index, ends, CT_SCATTER_AMAX, true), ct_slice(most, 0, 0, 1, 1), 0);
    }
    ct_tensor *below = ct_scatter_reduce(row(CT_INT32, CT_VALUES(-3)), 0, row(CT_INT64, CT_VALUES(0)),
                                         row(CT_INT32, CT_VALUES(-4)), CT_SCATTER_MEAN, true);
    expect_tensor(below, CT_INT32, CT_SHAPE(1), CT_VALUES(-4));
    ct_tensor *truth = ct_ones(CT_BOOL, CT_SHAPE(1));
    expect_error(ct_index_add(truth, 0, row(CT_INT64, CT_VALUES(0)), truth), CT_ERROR_DTYPE,
                 "index_add: the x is bool, not float32, float64, int64, int32 or uint8; see ct_cast()");
}
END_TEST

/* With one 0 that alone has a gradient, the product of the others; with two nobody has. */
START_TEST(products_of_zeros)
{
    ct_tensor *x = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(2, 0, 0)), true);
    ct_tensor *source = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(3, 5, 4, 0)), true), *grads[2];
    ct_tensor *y = ct_scatter_reduce(x, 0, row(CT_INT64, CT_VALUES(0, 0, 1, 2)), source, CT_SCATTER_PROD, true);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(3), CT_VALUES(30, 0, 0));
    ct_tensor *inputs[] = {x, source}, *sum = ct_sum(y);
    ck_assert_int_eq(ct_grad(&sum, 1, inputs, 2, grads), CT_OK);
    expect_tensor(grads[0], CT_FLOAT64, CT_SHAPE(3), CT_VALUES(15, 4, 0));
    expect_tensor(grads[1], CT_FLOAT64, CT_SHAPE(4), CT_VALUES(10, 6, 0, 0));
    ct_tensor *row_of_one = row(CT_INT64, CT_VALUES(0, 0)), *second[2];
    x = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(2)), true);
    source = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(0, 5)), true);
    ct_tensor *leaves[] = {x, source}, *z = ct_scatter_reduce(x, 0, row_of_one, source, CT_SCATTER_PROD, true);
    ck_assert_int_eq(ct_grad(&z, 1, leaves, 2, grads, .create_graph = true), CT_OK);
    ct_tensor *weighted = ct_add(grads[0], ct_sum(ct_mul(grads[1], row(CT_FLOAT64, CT_VALUES(2, 3)))));
    ck_assert_int_eq(ct_grad(&weighted, 1, leaves, 2, second), CT_OK);
    expect_tensor(second[0], CT_FLOAT64, CT_SHAPE(1), CT_VALUES(10));
    expect_tensor(second[1], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(11, 4));
}
END_TEST

START_TEST(nan_and_extremes)
{
    ct_tensor *index = row(CT_INT64, CT_VALUES(0, 0, 1)), *x = row(CT_FLOAT64, CT_VALUES(1, 1));
    ct_tensor *source = row(CT_FLOAT64, CT_VALUES(NAN, 5, 0));
    expect_tensor(ct_scatter_reduce(x, 0, index, source, CT_SCATTER_AMAX, true), CT_FLOAT64, CT_SHAPE(2),
                  CT_VALUES(NAN, 1));
    expect_tensor(ct_scatter_reduce(x, 0, index, source, CT_SCATTER_AMIN, true), CT_FLOAT64, CT_SHAPE(2),
                  CT_VALUES(NAN, 0));
    ct_tensor *sorted = row(CT_FLOAT64, CT_VALUES(1, 2, NAN)), *wanted = row(CT_FLOAT64, CT_VALUES(NAN, 3, -INFINITY));
    expect_tensor(ct_searchsorted(sorted, wanted, false), CT_INT64, CT_SHAPE(3), CT_VALUES(2, 2, 0));
    expect_tensor(ct_searchsorted(sorted, wanted, true), CT_INT64, CT_SHAPE(3), CT_VALUES(3, 2, 0));
    expect_tensor(ct_unique(row(CT_FLOAT32, CT_VALUES(2, -0.0, 0.0)), NULL, NULL), CT_FLOAT32, CT_SHAPE(2),
                  CT_VALUES(0, 2));
}
END_TEST

/* PyTorch's numbers where x counts. Where it does not, all of the gradient is the source's: PyTorch gives x a share and drops it. */
START_TEST(ties_and_means)
{
    static const struct {
        ct_scatter_reduction how;
        bool include_self;
        double y[3], gx[3], gsource[5];
    } rows[] = {
        {CT_SCATTER_AMAX, true, {4, 9, 7}, {2, 0, 5}, {2, 0, 2, 0, 12}},
        {CT_SCATTER_AMAX, false, {4, 9, 7}, {0, 0, 5}, {3, 0, 3, 0, 12}},
        {CT_SCATTER_AMIN, true, {2, 1, 7}, {0, 6, 5}, {0, 6, 0, 6, 0}},
        {CT_SCATTER_AMIN, false, {2, 1, 7}, {0, 0, 5}, {0, 6, 0, 12, 0}},
        {CT_SCATTER_MEAN, true, {3.5, 11. / 3, 7}, {1.5, 4, 5}, {1.5, 1.5, 1.5, 4, 4}},
        {CT_SCATTER_MEAN, false, {10. / 3, 5, 7}, {0, 0, 5}, {2, 2, 2, 6, 6}},
    };
    ct_tensor *index = row(CT_INT64, CT_VALUES(0, 0, 0, 1, 1)), *weights = row(CT_FLOAT64, CT_VALUES(6, 12, 5));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ct_tensor *x = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(4, 1, 7)), true);
        ct_tensor *source = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(4, 2, 4, 1, 9)), true);
        ct_tensor *y = ct_scatter_reduce(x, 0, index, source, rows[i].how, rows[i].include_self);
        ck_assert_int_eq(ct_backward(y, .gradient = weights), CT_OK);
        expect_close(y, row(CT_FLOAT64, rows[i].y, 3), 1e-15);
        expect_close(ct_grad_of(x), row(CT_FLOAT64, rows[i].gx, 3), 1e-15);
        expect_close(ct_grad_of(source), row(CT_FLOAT64, rows[i].gsource, 5), 1e-15);
    }
}
END_TEST

START_TEST(nothing_at_all)
{
    ct_tensor *none = ct_zeros(CT_FLOAT32, CT_SHAPE(0)), *index = ct_zeros(CT_INT64, CT_SHAPE(0)), *counts;
    ck_assert_int_eq(ct_numel(ct_unique(none, NULL, &counts)), 0);
    ck_assert_int_eq(ct_numel(counts), 0);
    ct_tensor *places = ct_nonzero(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 0, 3)));
    ck_assert_int_eq(ct_size(places, 0), 0);
    ck_assert_int_eq(ct_size(places, 1), 3);
    ck_assert_int_eq(ct_size(ct_nonzero(ct_scalar(CT_FLOAT32, 2)), 0), 1);
    expect_tensor(ct_index_add(row(CT_FLOAT32, CT_VALUES(1, 2)), 0, index, none), CT_FLOAT32, CT_SHAPE(2),
                  CT_VALUES(1, 2));
    ck_assert_int_eq(ct_numel(ct_repeat_interleave(none, index, 0)), 0);
    ct_tensor *zero_times = ct_repeat_interleave(row(CT_FLOAT32, CT_VALUES(1, 2)), ct_scalar(CT_INT64, 0), 0);
    ck_assert_int_eq(ct_numel(zero_times), 0);
}
END_TEST

/* Masks go where x's axes go, alone, behind an index, and where nothing is true. */
START_TEST(masks_on_both_sides)
{
    ct_tensor *x = in_layout(numbers(CT_FLOAT32, CT_SHAPE(2, 3), 1), _i), *none = ct_zeros(CT_BOOL, CT_SHAPE(2, 3));
    ct_tensor *mask = in_layout(ct_gt(x, ct_mean(x)), _i), *zero = ct_scalar(CT_FLOAT32, 0);
    expect_close(ct_index_put(x, &mask, 1, zero, false), ct_where(mask, zero, x), 0);
    expect_close(ct_index_put(x, &mask, 1, ct_index(x, &mask, 1), true), ct_where(mask, ct_mul_scalar(x, 2), x), 0);
    expect_close(ct_index(x, &mask, 1), ct_masked_select(x, mask), 0);
    expect_close(ct_index_put(x, &none, 1, zero, false), x, 0);
    ck_assert_int_eq(ct_numel(ct_index(x, &none, 1)), 0);
    ct_tensor *columns = ct_from_array(CT_UINT8, (const uint8_t[]){1, 0, 2}, CT_SHAPE(3));
    ct_tensor *both[] = {ct_scalar(CT_INT64, 1), columns};
    expect_close(ct_index(x, both, 2), ct_masked_select(ct_select(x, 0, 1), columns), 0);
    expect_error(ct_index(x, &columns, 1), CT_ERROR_SHAPE,
                 "index: a mask has the sizes of the axes of x that it is for, from axis 0 on: [2,3], [3]");
    expect_error(ct_index(x, (ct_tensor *[]){mask, columns}, 2), CT_ERROR_SHAPE, "index: a mask has the sizes");
    both[0] = ct_ones(CT_BOOL, CT_SCALAR);
    expect_error(ct_index(x, both, 1), CT_ERROR_SHAPE, "index: a mask has the sizes");
    both[0] = ct_scalar(CT_INT32, 0);
    expect_error(ct_index(x, both, 1), CT_ERROR_DTYPE, "index: input 1");
}
END_TEST

START_TEST(single_numbers)
{
    ct_tensor *x = ct_scalar(CT_FLOAT64, 2), *y = ct_scalar(CT_FLOAT64, 5), *i = ct_scalar(CT_INT64, 0);
    expect_tensor(ct_index_add(x, 0, i, y), CT_FLOAT64, CT_SCALAR, CT_VALUES(7));
    expect_tensor(ct_index_copy(x, -1, row(CT_INT64, CT_VALUES(0)), y), CT_FLOAT64, CT_SCALAR, CT_VALUES(5));
    expect_error(ct_index_add(x, 1, i, y), CT_ERROR_ARGUMENT, "index_add: axis 1 is not in -1..0");
    expect_error(ct_index_add(x, 0, ct_scalar(CT_INT64, 1), y), CT_ERROR_ARGUMENT,
                 "index_add: scatter_add: index 1 at [] is not in 0..0");
}
END_TEST

/* The padding's row has its values, and no gradient. */
START_TEST(embedding_without_padding)
{
    ct_tensor *w = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(3, 2), 1), true);
    ct_tensor *index = row(CT_INT64, CT_VALUES(2, 1, 2, 0)), *y = ct_embedding_padded(w, index, -1);
    expect_close(y, ct_embedding(w, index), 0);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
    expect_tensor(ct_grad_of(w), CT_FLOAT32, CT_SHAPE(3, 2), CT_VALUES(1, 1, 1, 1, 0, 0));
    expect_error(ct_embedding_padded(w, index, 3), CT_ERROR_ARGUMENT,
                 "embedding: the padding 3 is not in -3..2: [3,2], [4]");
}
END_TEST

START_TEST(errors)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), *i = row(CT_INT64, CT_VALUES(0, 1)),
              *far = row(CT_INT64, CT_VALUES(0, 3));
    expect_error(ct_scatter(x, 1, i, x), CT_ERROR_SHAPE, "scatter: the index must have as many axes");
    expect_error(ct_index_add(x, 1, i, x), CT_ERROR_SHAPE, "index_add: the index has one axis, and as many elements");
    expect_error(ct_index_copy(x, 2, i, x), CT_ERROR_ARGUMENT, "index_copy: axis 2");
    expect_error(ct_take_along_dim(x, ct_zeros(CT_INT64, CT_SHAPE(3, 1)), 1), CT_ERROR_SHAPE,
                 "take_along_dim: x and the index do not broadcast beside axis 1: [2,3], [3,1]");
    expect_error(ct_index(x, &far, 1), CT_ERROR_ARGUMENT, "index: index 3 at [1] is not in 0..1");
    expect_error(ct_index(x, (ct_tensor *[]){i, row(CT_INT64, CT_VALUES(0, 1, 2))}, 2), CT_ERROR_SHAPE,
                 "index: the indices do not broadcast: [2,3], [2], [3]");
    expect_error(ct_index(x, (ct_tensor *[]){i, i, i}, 3), CT_ERROR_SHAPE, "index: 3 indices for 2 axes");
    expect_error(ct_index(x, (ct_tensor *[]){i, NULL}, 2), CT_ERROR_NULL, "index: index 1 is NULL");
    expect_error((ct_index)(x, NULL, 1), CT_ERROR_NULL, "index: 1 indices");
    expect_error(ct_index_put(x, &i, 1, ct_ones(CT_FLOAT64, CT_SHAPE(4)), false), CT_ERROR_SHAPE,
                 "index_put: expand: ");
    expect_error(ct_searchsorted(x, ct_ones(CT_FLOAT64, CT_SHAPE(3, 3)), false), CT_ERROR_SHAPE,
                 "searchsorted: takes sorted [n]");
    expect_error(ct_repeat_interleave(x, row(CT_INT64, CT_VALUES(1, -1)), 0), CT_ERROR_ARGUMENT,
                 "repeat_interleave: repeats below 0");
    expect_error(ct_repeat_interleave(x, i, 1), CT_ERROR_SHAPE,
                 "repeat_interleave: one number for all, or one for each");
    expect_error(ct_scatter_reduce(x, 1, ct_zeros(CT_INT64, CT_SHAPE(2, 3)), x, (ct_scatter_reduction)9, true),
                 CT_ERROR_ARGUMENT, "scatter_reduce: there is no reduction 9");
}
END_TEST

Suite *ct_suite_scatter(void)
{
    Suite *suite = suite_create("scatter");
    TCase *tests = tcase_create("scatter");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, of_several_the_last);
    tcase_add_test(tests, of_integers);
    tcase_add_test(tests, integers_wrap);
    tcase_add_test(tests, products_of_zeros);
    tcase_add_test(tests, nan_and_extremes);
    tcase_add_test(tests, ties_and_means);
    tcase_add_test(tests, nothing_at_all);
    tcase_add_loop_test(tests, masks_on_both_sides, 0, LAYOUTS);
    tcase_add_test(tests, single_numbers);
    tcase_add_test(tests, embedding_without_padding);
    tcase_add_test(tests, errors);
    suite_add_tcase(suite, tests);
    return suite;
}
