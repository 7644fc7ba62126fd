/* Draws with the laws they should have, by tests with fixed seeds; their gradients, sample by sample and on average; what is refused. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <float.h>
#include <math.h>

enum { N = 6000 };

static ct_tensor *many(ct_dtype dtype, double value)
{
    return ct_full(dtype, value, CT_SHAPE(N));
}

static double mean_of(ct_tensor *t)
{
    return ct_item(ct_mean(t));
}

/* Within five standard errors of the mean. */
static void expect_mean(const char *what, ct_tensor *t, double expected)
{
    double error = ct_item(ct_std(t)) / sqrt((double)ct_numel(t));
    ck_assert_msg(fabs(mean_of(t) - expected) <= 5 * error + 1e-12, "%s: mean %g, not %g, with an error of %g", what,
                  mean_of(t), expected, error);
}

/* Kolmogorov and Smirnov: the distance of what should be uniform from that, times sqrt(n); above 1.95 once in a thousand times. */
static double distance(ct_tensor *shares)
{
    ct_tensor *at = ct_arange(CT_FLOAT64, 0.5 / N, 1.0 / N, N);
    ct_tensor *apart = ct_abs(ct_sub(ct_sort(ct_cast(shares, CT_FLOAT64), 0, false, NULL), at));
    return (ct_item(ct_amax(apart)) + 0.5 / N) * sqrt(N);
}

START_TEST(gamma_draws)
{
    static const double shapes[] = {0.05, 0.7, 1, 3.5, 50, 1e7};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes - (dtype == CT_FLOAT32); i++) {
            ct_tensor *a = many((ct_dtype)dtype, shapes[i]), *x = ct_standard_gamma(a);
            ck_assert_int_eq(ct_dtype_of(x), dtype);
            double d = distance(ct_igamma(a, x));
            ck_assert_msg(d < 1.95, "shape %g: %g", shapes[i], d);
        }
    ck_assert(distance(many(CT_FLOAT64, 0.5)) > 1.95);
}
END_TEST

START_TEST(beta_and_dirichlet_draws)
{
    ct_tensor *x = ct_sample_beta(many(CT_FLOAT64, 0.5), ct_scalar(CT_FLOAT64, 2));
    expect_mean("beta", x, 0.2);
    expect_mean("the square of beta", ct_square(x), 0.2 * 1.5 / 3.5);
    ct_tensor *shape = ct_from_values(CT_FLOAT64, CT_VALUES(0.3, 1, 4), CT_SHAPE(3));
    x = ct_sample_dirichlet(ct_expand(shape, CT_SHAPE(N, 3)));
    ck_assert_double_eq_tol(ct_item(ct_amin(ct_sum(x, CT_AXES(1)))), 1, 1e-12);
    for (int i = 0; i < 3; i++)
        expect_mean("dirichlet", ct_select(x, 1, i), ct_get(shape, CT_SHAPE(i)) / 5.3);
    expect_mean("a product of dirichlet", ct_mul(ct_select(x, 1, 1), ct_select(x, 1, 2)), 4 / (5.3 * 6.3));
}
END_TEST

/* Pearson's: the counts of 0, 1, ... beside what is expected, numbers that are rare put together. */
static void expect_counts(const char *what, ct_tensor *draws, const double *probability, int64_t n)
{
    ct_tensor *counts = ct_bincount(ct_cast(draws, CT_INT64), NULL, n);
    ck_assert_int_ge(n, ct_numel(counts));
    double sum = 0, got = 0, expected = 0;
    int cells = 0;
    for (int64_t k = 0; k < n; k++) {
        got += ct_get(counts, &k, 1);
        expected += N * probability[k];
        if (expected >= 8) {
            sum += (got - expected) * (got - expected) / expected;
            got = expected = 0;
            cells++;
        }
    }
    ck_assert_msg(sum <= cells + 4 * sqrt(2.0 * cells), "%s: %g with %d cells", what, sum, cells);
}

START_TEST(poisson_draws)
{
    static const double rates[] = {0, 0.5, 9.9, 10.1, 300};
    double p[1000];
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        for (int k = 0; k < 1000; k++)
            p[k] = rates[i] == 0 ? k == 0 : exp(k * log(rates[i]) - rates[i] - lgamma(k + 1));
        expect_counts("poisson", ct_poisson(many(i % 2 ? CT_FLOAT32 : CT_FLOAT64, rates[i])), p, 1000);
    }
    expect_mean("poisson of 1e9", ct_poisson(many(CT_FLOAT64, 1e9)), 1e9);
}
END_TEST

START_TEST(binomial_draws)
{
    static const double cases[][2] = {{1, 0.3},   {20, 0.1}, {30, 0.5}, {400, 0.3},
                                      {400, 0.9}, {7, 1},    {0, 0.5},  {50, 0}};
    double p[1000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = cases[i][0], q = cases[i][1];
        for (int k = 0; k < 1000; k++)
            p[k] = k > n ? 0 : exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) * pow(q, k) * pow(1 - q, n - k);
        expect_counts("binomial", ct_binomial(ct_scalar(CT_FLOAT64, n), many(CT_FLOAT64, q)), p, (int64_t)n + 1);
    }
}
END_TEST

/* Element i has number i of the generator, whatever the threads and the other elements. */
START_TEST(draws_are_numbered)
{
    ct_tensor *a = ct_rand(CT_FLOAT64, 0.1, 20, CT_SHAPE(N)), *drawn[3][2];
    for (int run = 0; run < 3; run++) {
        ct_set_num_threads(run == 1 ? 4 : 1);
        ct_random_set((ct_random_state){7, run < 2 ? 0 : N - 1});
        ct_tensor *of = run < 2 ? a : ct_slice(a, 0, N - 1, CT_END, 1);
        drawn[run][0] = ct_standard_gamma(of);
        ck_assert_uint_eq(ct_random_get().counter, N);
        ct_random_set((ct_random_state){8, run < 2 ? 0 : N - 1});
        drawn[run][1] = ct_poisson(of);
    }
    for (int k = 0; k < 2; k++) {
        expect_close(drawn[0][k], drawn[1][k], 0);
        expect_close(ct_slice(drawn[0][k], 0, N - 1, CT_END, 1), drawn[2][k], 0);
    }
}
END_TEST

/* ---- gradients ---- */

/* The share below a draw stays where the shape moves: dP/da + dP/dx dx/da = 0. */
START_TEST(gamma_gradients)
{
    ct_tensor *a = ct_set_requires_grad(ct_rand(CT_FLOAT64, 0.05, 9, CT_SHAPE(200)), true), *x = ct_standard_gamma(a);
    ct_tensor *slope = NULL, *of[2] = {a, ct_set_requires_grad(ct_clone(ct_detach(x)), true)}, *by[2];
    ct_tensor *y = ct_sum(x), *share = ct_sum(ct_igamma(of[0], of[1]));
    ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &slope), CT_OK);
    ck_assert_int_eq(ct_grad(&share, 1, of, 2, by), CT_OK);
    ct_tensor *rest = ct_div(ct_add(by[0], ct_mul(by[1], slope)), by[0]);
    ck_assert_double_le(ct_item(ct_amax(ct_abs(rest))), 1e-12);
}
END_TEST

/* On average the derivative of an expectation is that of what is averaged: of x, a, of log x, digamma(a), to the second order. */
START_TEST(gradients_on_average)
{
    ct_tensor *a = ct_set_requires_grad(many(CT_FLOAT64, 1.7), true), *x = ct_standard_gamma(a), *g = NULL, *h = NULL;
    ct_tensor *y = ct_sum(ct_log(x));
    ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &g, .create_graph = true), CT_OK);
    expect_mean("log gamma", g, ct_item(ct_polygamma(ct_scalar(CT_FLOAT64, 1.7), 1)));
    y = ct_sum(g);
    ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &h), CT_OK);
    expect_mean("log gamma, second", h, ct_item(ct_polygamma(ct_scalar(CT_FLOAT64, 1.7), 2)));

    a = ct_set_requires_grad(many(CT_FLOAT32, 0.6), true);
    y = ct_sum(ct_sample_beta(a, ct_full(CT_FLOAT32, 1.9, CT_SHAPE(1))));
    ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &g), CT_OK);
    expect_mean("beta", g, 1.9 / (2.5 * 2.5));

    ct_tensor *shape = ct_set_requires_grad(ct_full(CT_FLOAT64, 0.8, CT_SHAPE(N, 3)), true);
    y = ct_sum(ct_select(ct_sample_dirichlet(shape), 1, 0));
    ck_assert_int_eq(ct_grad(&y, 1, &shape, 1, &g), CT_OK);
    expect_mean("dirichlet, its own", ct_select(g, 1, 0), 1.6 / (2.4 * 2.4));
    expect_mean("dirichlet, another", ct_select(g, 1, 1), -0.8 / (2.4 * 2.4));
}
END_TEST

START_TEST(draws_at_the_ends)
{
    ck_assert_double_eq(ct_item(ct_standard_gamma(ct_scalar(CT_FLOAT32, 0))), FLT_MIN);
    ck_assert_double_eq(ct_item(ct_standard_gamma(ct_scalar(CT_FLOAT64, INFINITY))), INFINITY);
    ct_tensor *tiny = ct_set_requires_grad(many(CT_FLOAT32, 1e-4), true), *x = ct_standard_gamma(tiny);
    ck_assert_double_eq(ct_item(ct_amin(x)), FLT_MIN);
    ck_assert_int_eq(ct_backward(ct_sum(x)), CT_OK);
    ck_assert(ct_item(ct_all(ct_isfinite(ct_grad_of(tiny)))) != 0);
    x = ct_sample_beta(many(CT_FLOAT32, 1e-3), many(CT_FLOAT32, 1e-3));
    ck_assert_double_gt(ct_item(ct_amin(x)), 0);
    ck_assert_double_eq(ct_item(ct_amax(x)), 1 - FLT_EPSILON / 2);
    ck_assert_double_eq(ct_item(ct_poisson(ct_scalar(CT_FLOAT64, INFINITY))), INFINITY);
}
END_TEST

START_TEST(draws_refused)
{
    ct_tensor *bad = ct_from_values(CT_FLOAT64, CT_VALUES(1, -2), CT_SHAPE(2)), *half = ct_scalar(CT_FLOAT64, 0.5);
    ct_random_state before = ct_random_get();
    expect_error(ct_standard_gamma(bad), CT_ERROR_ARGUMENT,
                 "standard_gamma: gamma_draw: takes elements in 0..inf, and has -2");
    expect_error(ct_poisson(bad), CT_ERROR_ARGUMENT, "poisson: takes elements in 0..inf, and has -2 to 1: [2]");
    expect_error(ct_poisson(ct_scalar(CT_FLOAT64, NAN)), CT_ERROR_ARGUMENT, "poisson: takes elements in 0..inf");
    expect_error(ct_binomial(half, half), CT_ERROR_ARGUMENT, "binomial: a count is no whole number: [], []");
    expect_error(ct_binomial(ct_scalar(CT_FLOAT64, 4), bad), CT_ERROR_ARGUMENT, "binomial: takes elements in 0..1");
    expect_error(ct_sample_beta(bad, ct_ones(CT_FLOAT64, CT_SHAPE(3))), CT_ERROR_SHAPE,
                 "sample_beta: the shapes do not go");
    expect_error(ct_sample_dirichlet(ct_ones(CT_INT64, CT_SHAPE(3))), CT_ERROR_DTYPE, "sample_dirichlet: ");
    ck_assert_uint_eq(ct_random_get().counter, before.counter);
    expect_error(ct_sample_beta(NULL, half), CT_ERROR_NULL, "sample_beta: input 0 is NULL");
}
END_TEST

Suite *ct_suite_draws(void)
{
    Suite *suite = suite_create("draws");
    TCase *tests = tcase_create("draws");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, gamma_draws);
    tcase_add_test(tests, beta_and_dirichlet_draws);
    tcase_add_test(tests, poisson_draws);
    tcase_add_test(tests, binomial_draws);
    tcase_add_test(tests, draws_are_numbered);
    tcase_add_test(tests, gamma_gradients);
    tcase_add_test(tests, gradients_on_average);
    tcase_add_test(tests, draws_at_the_ends);
    tcase_add_test(tests, draws_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
