/* Order statistics, running extremes, differences and statistics of samples where they end: NaN, ties, integers, 0-d, nothing, and
 * errors. Values are PyTorch 2.15's; the reference cases have the rest. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

static ct_tensor *row(ct_dtype dtype, const double *values, int64_t n)
{
    return ct_from_values(dtype, values, n, CT_SHAPE(n));
}

START_TEST(ties_and_nan_in_order)
{
    ct_tensor *x = row(CT_FLOAT32, CT_VALUES(3, NAN, 1, 3, 1)), *place;
    expect_tensor(ct_median(x, 0, true, &place), CT_FLOAT32, CT_SHAPE(1), CT_VALUES(NAN));
    expect_tensor(place, CT_INT64, CT_SHAPE(1), CT_VALUES(1));
    expect_tensor(ct_nanmedian(x, 0, false, &place), CT_FLOAT32, CT_SCALAR, CT_VALUES(1));
    expect_tensor(ct_kthvalue(x, 5, 0, false, NULL), CT_FLOAT32, CT_SCALAR, CT_VALUES(NAN));
    expect_tensor(ct_mode(x, 0, false, &place), CT_FLOAT32, CT_SCALAR, CT_VALUES(1));
    expect_tensor(place, CT_INT64, CT_SCALAR, CT_VALUES(4));
    ct_tensor *none = row(CT_FLOAT64, CT_VALUES(NAN, NAN));
    expect_tensor(ct_nanmedian(none, 0, false, NULL), CT_FLOAT64, CT_SCALAR, CT_VALUES(NAN));
    ct_tensor *half = ct_scalar(CT_FLOAT32, 0.5);
    expect_tensor(ct_quantile(x, half), CT_FLOAT32, CT_SCALAR, CT_VALUES(NAN));
    expect_tensor(ct_quantile(x, half, .ignore_nan = true), CT_FLOAT32, CT_SCALAR, CT_VALUES(2));
    expect_tensor(ct_quantile(none, ct_scalar(CT_FLOAT64, 0), .ignore_nan = true), CT_FLOAT64, CT_SCALAR,
                  CT_VALUES(NAN));
}
END_TEST

START_TEST(order_of_integers)
{
    static const ct_dtype integers[] = {CT_INT64, CT_INT32, CT_UINT8};
    for (int i = 0; i < 3; i++) {
        ct_tensor *x = row(integers[i], CT_VALUES(5, 2, 9, 2)), *place;
        expect_tensor(ct_median(x, 0, false, &place), integers[i], CT_SCALAR, CT_VALUES(2));
        expect_tensor(ct_mode(x, -1, false, &place), integers[i], CT_SCALAR, CT_VALUES(2));
        expect_tensor(ct_kthvalue(x, 3, 0, false, &place), integers[i], CT_SCALAR, CT_VALUES(5));
        expect_tensor(ct_cummax(x, 0, &place), integers[i], CT_SHAPE(4), CT_VALUES(5, 5, 9, 9));
        expect_tensor(place, CT_INT64, CT_SHAPE(4), CT_VALUES(0, 0, 2, 2));
        expect_tensor(ct_cummin(x, 0, &place), integers[i], CT_SHAPE(4), CT_VALUES(5, 2, 2, 2));
        expect_tensor(place, CT_INT64, CT_SHAPE(4), CT_VALUES(0, 1, 1, 3));
    }
}
END_TEST

/* Along each axis of each layout, of quantiles that move axes about. */
START_TEST(quantiles_in_any_layout)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 4, 5), 1), *q = row(CT_FLOAT64, CT_VALUES(0.2, 0.75));
    for (int axis = 0; axis < 3; axis++) {
        ct_tensor *expected = ct_quantile(x, q, .axis = axis), *sorted = ct_sort(x, axis, false, NULL);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *y = ct_quantile(in_layout(x, layout), q, .axis = axis - 3);
            expect_close(y, expected, 0);
        }
        double rank = 0.75 * (double)(ct_size(x, axis) - 1), below = floor(rank);
        ct_tensor *low = ct_select(sorted, axis, (int64_t)below), *high = ct_select(sorted, axis, (int64_t)ceil(rank));
        ct_tensor *by_hand = ct_lerp(low, high, ct_scalar(CT_FLOAT64, rank - below));
        expect_close(ct_select(expected, 0, 1), by_hand, 1e-15);
    }
}
END_TEST

START_TEST(running_extremes_and_nan)
{
    ct_tensor *x = row(CT_FLOAT64, CT_VALUES(1, NAN, 3, NAN)), *place;
    expect_tensor(ct_cummax(x, 0, &place), CT_FLOAT64, CT_SHAPE(4), CT_VALUES(1, NAN, NAN, NAN));
    expect_tensor(place, CT_INT64, CT_SHAPE(4), CT_VALUES(0, 1, 1, 3));
    ct_tensor *y = row(CT_FLOAT64, CT_VALUES(-INFINITY, -INFINITY, 2, INFINITY));
    expect_tensor(ct_logcumsumexp(y, 0), CT_FLOAT64, CT_SHAPE(4), CT_VALUES(-INFINITY, -INFINITY, 2, INFINITY));
    ct_tensor *low = ct_set_requires_grad(row(CT_FLOAT32, CT_VALUES(-INFINITY, -INFINITY, 100, -200)), true);
    ck_assert_int_eq(ct_backward(ct_sum(ct_logcumsumexp(low, 0))), CT_OK);
    expect_tensor(ct_grad_of(low), CT_FLOAT32, CT_SHAPE(4), CT_VALUES(0, 0, 2, 0));
}
END_TEST

START_TEST(errors_of_order)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), *nothing = ct_ones(CT_FLOAT64, CT_SHAPE(2, 0));
    expect_error(ct_kthvalue(x, 4, 1, false, NULL), CT_ERROR_ARGUMENT, "kthvalue: k = 4 is not in 1..3: [2,3]");
    expect_error(ct_kthvalue(x, 0, 1, false, NULL), CT_ERROR_ARGUMENT, "kthvalue: k = 0 is not in 1..3: [2,3]");
    expect_error(ct_median(nothing, 1, false, NULL), CT_ERROR_SHAPE, "median: no elements to choose from: [2,0]");
    expect_error(ct_mode(x, 2, false, NULL), CT_ERROR_ARGUMENT, "mode: axis 2");
    expect_error(ct_quantile(x, ct_scalar(CT_FLOAT64, 1.1)), CT_ERROR_ARGUMENT, "quantile: q is not in 0..1");
    expect_error(ct_quantile(x, ct_scalar(CT_FLOAT64, NAN)), CT_ERROR_ARGUMENT, "quantile: q is not in 0..1");
    expect_error(ct_quantile(x, ct_ones(CT_FLOAT64, CT_SHAPE(1, 1))), CT_ERROR_SHAPE,
                 "quantile: q has at most one axis");
    expect_error(ct_quantile(nothing, ct_scalar(CT_FLOAT64, 1)), CT_ERROR_SHAPE, "quantile: no elements");
    expect_error(ct_quantile(x, ct_scalar(CT_FLOAT64, 1), .interpolation = 9), CT_ERROR_ARGUMENT,
                 "quantile: there is no interpolation 9");
    expect_error(ct_quantile(x, ct_scalar(CT_FLOAT32, 1)), CT_ERROR_DTYPE, "quantile: dtypes differ");
}
END_TEST

START_TEST(differences_end)
{
    ct_tensor *x = row(CT_FLOAT32, CT_VALUES(1, 4, 9, 16));
    expect_tensor(ct_diff(x, 0, 0), CT_FLOAT32, CT_SHAPE(4), CT_VALUES(1, 4, 9, 16));
    expect_tensor(ct_diff(x, 2, -1), CT_FLOAT32, CT_SHAPE(2), CT_VALUES(2, 2));
    ck_assert_int_eq(ct_numel(ct_diff(x, 9, 0)), 0);
    expect_error(ct_diff(x, -1, 0), CT_ERROR_ARGUMENT, "diff: n is -1, below 0");
    expect_error(ct_diff(ct_scalar(CT_FLOAT32, 1), 1, 0), CT_ERROR_ARGUMENT, "diff: ");
    expect_tensor(ct_trapezoid(ct_ones(CT_FLOAT32, CT_SHAPE(2, 1)), NULL, 1), CT_FLOAT32, CT_SHAPE(2), CT_VALUES(0, 0));
    expect_error(ct_trapezoid(ct_ones(CT_FLOAT32, CT_SHAPE(2, 3)), x, 1), CT_ERROR_SHAPE,
                 "trapezoid: x has as many places along axis 1 as y: [2,3], [4]");
}
END_TEST

START_TEST(corrections)
{
    ct_tensor *x = row(CT_FLOAT64, CT_VALUES(1, 2, 6));
    expect_tensor(ct_var(x, .correction = 0), CT_FLOAT64, CT_SCALAR, CT_VALUES(14.0 / 3));
    expect_tensor(ct_var(x, .biased = true, .correction = 1), CT_FLOAT64, CT_SCALAR, CT_VALUES(7));
    expect_tensor(ct_var(x, .correction = 5), CT_FLOAT64, CT_SCALAR, CT_VALUES(INFINITY));
    ct_tensor *pair = ct_set_requires_grad(row(CT_FLOAT64, CT_VALUES(1, 3)), true);
    ck_assert_int_eq(ct_backward(ct_var(pair, .correction = 2)), CT_OK); /* 2 (x - mean) / 0 */
    expect_tensor(ct_grad_of(pair), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(-INFINITY, INFINITY));
    expect_error(ct_std(x, .correction = NAN), CT_ERROR_ARGUMENT, "std: the correction is not a number");
    expect_tensor(ct_cov(x, .correction = 3), CT_FLOAT64, CT_SCALAR, CT_VALUES(INFINITY));
    expect_error(ct_cov(x, .aweights = ct_ones(CT_FLOAT64, CT_SHAPE(2))), CT_ERROR_SHAPE,
                 "cov: one weight for each of the 3 observations: [3], NULL, [2]");
    expect_error(ct_cov(ct_ones(CT_FLOAT64, CT_SHAPE(1, 2, 3))), CT_ERROR_SHAPE, "cov: x is [variables, observations]");
    expect_tensor(ct_corrcoef(x), CT_FLOAT64, CT_SCALAR, CT_VALUES(1));
}
END_TEST

START_TEST(counting)
{
    ct_tensor *x = row(CT_INT64, CT_VALUES(1, 3, 1));
    expect_tensor(ct_bincount(x, NULL, 0), CT_INT64, CT_SHAPE(4), CT_VALUES(0, 2, 0, 1));
    expect_tensor(ct_bincount(ct_zeros(CT_INT64, CT_SHAPE(0)), NULL, 2), CT_INT64, CT_SHAPE(2), CT_VALUES(0, 0));
    ct_tensor *weights = ct_set_requires_grad(row(CT_FLOAT32, CT_VALUES(0.5, 2, 1)), true);
    ct_tensor *sums = ct_bincount(x, weights, 0);
    expect_tensor(sums, CT_FLOAT32, CT_SHAPE(4), CT_VALUES(0, 1.5, 0, 2));
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(sums, row(CT_FLOAT32, CT_VALUES(9, 8, 7, 6))))), CT_OK);
    expect_tensor(ct_grad_of(weights), CT_FLOAT32, CT_SHAPE(3), CT_VALUES(8, 6, 8));
    expect_error(ct_bincount(row(CT_INT64, CT_VALUES(-1, 2)), NULL, 0), CT_ERROR_ARGUMENT,
                 "bincount: scatter_add: index -1");
    expect_error(ct_bincount(x, NULL, -1), CT_ERROR_ARGUMENT, "bincount: -1 bins at least");
    expect_error(ct_bincount(x, ct_ones(CT_FLOAT32, CT_SHAPE(2)), 0), CT_ERROR_SHAPE, "bincount: x has one axis");
    expect_error(ct_bincount(row(CT_INT64, CT_VALUES(0x1p60)), NULL, 0), CT_ERROR_ARGUMENT, "bincount: ");

    ct_tensor *y = row(CT_FLOAT64, CT_VALUES(0, 1, 2, NAN, -1, 1.999, 9));
    expect_tensor(ct_histc(y, 2, 0, 2), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(1, 3));
    expect_tensor(ct_histc(row(CT_FLOAT32, CT_VALUES(5, 5)), 3, 0, 0), CT_FLOAT32, CT_SHAPE(3), CT_VALUES(0, 2, 0));
    expect_error(ct_histc(y, 0, 0, 1), CT_ERROR_ARGUMENT, "histc: 0 bins");
    expect_error(ct_histc(y, 2, 2, 1), CT_ERROR_ARGUMENT, "histc: the bins reach from 2 to 1");
    expect_error(ct_histc(y, 2, 0, 0), CT_ERROR_ARGUMENT, "histc: the bins reach from nan to nan");
}
END_TEST

/* Points on a part's lower end are its own, and the last part has its upper end; NaN and what is outside counts nowhere. */
START_TEST(counting_in_boxes)
{
    ct_dtype dtype = _i ? CT_FLOAT32 : CT_FLOAT64;
    ct_tensor *x = ct_from_values(dtype, CT_VALUES(0, 0, 0.5, 1, 1, 1, 1, 0.5, NAN, 0, 2, 0, 0.25, -1), CT_SHAPE(7, 2));
    const double ranges[] = {0, 1, 0, 1};
    expect_tensor(ct_histogramdd(x, CT_SHAPE(2, 2), .ranges = ranges), dtype, CT_SHAPE(2, 2), CT_VALUES(1, 0, 0, 3));
    ct_tensor *w = ct_set_requires_grad(row(dtype, CT_VALUES(1, 2, 4, 8, 16, 32, 64)), true);
    ct_tensor *y = ct_histogramdd(x, CT_SHAPE(2, 2), .ranges = ranges, .weights = w);
    expect_tensor(y, dtype, CT_SHAPE(2, 2), CT_VALUES(1, 0, 0, 14));
    ck_assert_int_eq(ct_backward(ct_sum(ct_square(y))), CT_OK);
    expect_tensor(ct_grad_of(w), dtype, CT_SHAPE(7), CT_VALUES(2, 28, 28, 28, 0, 0, 0));
    expect_tensor(ct_histogramdd(ct_slice(x, 0, 0, 4, 1), CT_SHAPE(1, 2), .density = true), dtype, CT_SHAPE(1, 2),
                  CT_VALUES(0.5, 1.5));
    expect_tensor(ct_histogramdd(ct_slice(x, 0, 0, 1, 1), CT_SHAPE(4, 2), .density = true), dtype, CT_SHAPE(4, 2),
                  CT_VALUES(0, 0, 0, 0, 0, 8, 0, 0)); /* one point, in the middle of an area of 1 */
    expect_tensor(ct_histogramdd(ct_zeros(dtype, CT_SHAPE(0, 1)), CT_SHAPE(2)), dtype, CT_SHAPE(2), CT_VALUES(0, 0));
    expect_error(ct_histogramdd(x, CT_SHAPE(2)), CT_ERROR_SHAPE,
                 "histogramdd: takes x [...,1] and weights [...]: [7,2]");
    expect_error(ct_histogramdd(x, CT_SHAPE(2, 0), .ranges = ranges), CT_ERROR_ARGUMENT,
                 "histogramdd: 0 bins on axis 1");
    expect_error(ct_histogramdd(x, CT_SHAPE(2, 2)), CT_ERROR_ARGUMENT, "histogramdd: the bins reach from nan to nan");
    expect_error((ct_histogramdd)(x, NULL, 2, NULL), CT_ERROR_ARGUMENT, "histogramdd: bins for 0 axes");
    expect_error(ct_histogramdd(ct_zeros(dtype, CT_SHAPE(1, 3)), CT_SHAPE(2147483647, 2147483647, 2147483647)),
                 CT_ERROR_SHAPE, "histogramdd: ");
}
END_TEST

/* As often as their weights say, within five standard deviations, and never where the weight is 0. */
START_TEST(draws)
{
    enum { N = 8000 };
    ct_tensor *w = ct_from_values(CT_FLOAT32, CT_VALUES(1, 0, 3), CT_SHAPE(3));
    ct_tensor *counts = ct_bincount(ct_multinomial(w, N, true), NULL, 3);
    ck_assert_double_eq_tol(ct_get(counts, CT_SHAPE(2)), 0.75 * N, 5 * sqrt(0.75 * 0.25 * N));
    ck_assert_double_eq(ct_get(counts, CT_SHAPE(1)), 0);
    ct_tensor *rows = ct_expand(w, CT_SHAPE(N, 3)), *first = ct_select(ct_multinomial(rows, 2, false), 1, 0);
    counts = ct_bincount(first, NULL, 3);
    ck_assert_double_eq_tol(ct_get(counts, CT_SHAPE(2)), 0.75 * N, 5 * sqrt(0.75 * 0.25 * N));
    ck_assert_double_eq(ct_get(counts, CT_SHAPE(1)), 0);
    ct_tensor *p = ct_full(CT_FLOAT64, 0.3, CT_SHAPE(N));
    ck_assert_double_eq_tol(ct_item(ct_sum(ct_bernoulli(p))), 0.3 * N, 5 * sqrt(0.3 * 0.7 * N));
    ck_assert_double_eq(ct_item(ct_sum(ct_bernoulli(ct_zeros_like(p)))), 0);
}
END_TEST

START_TEST(draws_refused)
{
    ct_tensor *w = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, 3), CT_SHAPE(3)), *none = ct_zeros_like(w);
    expect_error(ct_multinomial(w, 3, false), CT_ERROR_ARGUMENT,
                 "multinomial: 3 draws without replacement from 2 classes whose weight is not 0: [3]");
    expect_error(ct_multinomial(none, 1, true), CT_ERROR_ARGUMENT, "multinomial: 1 draws from 0 classes");
    expect_error(ct_multinomial(ct_neg(w), 1, true), CT_ERROR_ARGUMENT, "multinomial: takes elements in 0..");
    expect_error(ct_multinomial(w, -1, true), CT_ERROR_ARGUMENT, "multinomial: -1 draws");
    expect_error(ct_multinomial(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 2)), 1, true), CT_ERROR_SHAPE,
                 "multinomial: takes weights [C] or [N, C]: [1,1,2]");
    expect_error(ct_bernoulli(w), CT_ERROR_ARGUMENT, "bernoulli: takes elements in 0..1, and has 0 to 3: [3]");
}
END_TEST

Suite *ct_suite_statistics(void)
{
    Suite *suite = suite_create("statistics");
    TCase *tests = tcase_create("statistics");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, ties_and_nan_in_order);
    tcase_add_test(tests, order_of_integers);
    tcase_add_test(tests, quantiles_in_any_layout);
    tcase_add_test(tests, running_extremes_and_nan);
    tcase_add_test(tests, errors_of_order);
    tcase_add_test(tests, differences_end);
    tcase_add_test(tests, corrections);
    tcase_add_test(tests, counting);
    tcase_add_loop_test(tests, counting_in_boxes, 0, 2);
    tcase_add_test(tests, draws);
    tcase_add_test(tests, draws_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
