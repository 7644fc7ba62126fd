/* Points without a derivative: a gradient that is possible there is no mistake, and one that is not, is. */
#include <cotan/cotan.h>

#include "gradcheck_checks.h"
#include "quick.h"
#include "suites.h"
#include <math.h>
#include <string.h>

enum { SAMPLES = 6, FEATURES = 5, HIDDEN = 7 };

/* user: data whose first sample is zero. With zero biases every unit is exactly at its kink for that sample. */
static ct_tensor *relu_network(ct_tensor *const *p, int n, void *user)
{
    (void)n;
    return ct_mean(
        ct_square(ct_linear(ct_relu(ct_linear(ct_relu(ct_linear(user, p[0], p[1])), p[2], p[3])), p[4], p[5])));
}

static uint64_t seeds(void)
{
    return is_quick() ? 2 : 20;
}

static void expect_kink(ct_function f, void *user, ct_tensor *const *in, int n)
{
    for (uint64_t seed = 0; seed < seeds(); seed++) {
        ct_verdict verdict = ct_gradcheck(f, user, in, n, &report, .seed = seed);
        expect(verdict, CT_KINK);
        ck_assert_int_gt(report.kinks, 0);
        verdict = ct_gradcheck(f, user, in, n, &report, .seed = seed, .mode = CT_FAST);
        if (verdict != CT_PASS) /* a direction may run along the kink */
            expect(verdict, CT_KINK);
        verdict = ct_gradcheck_graph(f, user, in, n, &report, .seed = seed);
        expect(verdict, CT_KINK);
    }
}

START_TEST(test_kink_relu_network)
{
    ct_tensor *x = f64(CT_SHAPE(SAMPLES, FEATURES), 1);
    memset(ct_data_mut(x), 0, FEATURES * sizeof(double));
    ct_tensor *p[] = {f64(CT_SHAPE(HIDDEN, FEATURES), 2), ct_zeros(CT_FLOAT64, CT_SHAPE(HIDDEN)),
                      f64(CT_SHAPE(HIDDEN, HIDDEN), 3),   ct_zeros(CT_FLOAT64, CT_SHAPE(HIDDEN)),
                      f64(CT_SHAPE(2, HIDDEN), 4),        f64(CT_SHAPE(2), 5)};
    expect_kink(relu_network, x, p, 6);
}
END_TEST

static ct_tensor *absolute(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_mul(ct_abs(in[0]), ct_exp(in[0]));
}

START_TEST(test_kink_abs_at_zero)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(-1, 0, 0.5, 0), CT_SHAPE(4));
    expect_kink(absolute, NULL, &x, 1);
}
END_TEST

/* 2 x 2 windows of a [4,6] image, as a pooling would see them. */
static ct_tensor *max_pool(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *windows = ct_permute(ct_reshape(in[0], CT_SHAPE(2, 2, 3, 2)), (const int64_t[]){0, 2, 1, 3}, 4);
    return ct_max(ct_reshape(windows, CT_SHAPE(2, 3, 4)), -1, false, NULL);
}

START_TEST(test_kink_pool_ties)
{
    ct_tensor *x = f64(CT_SHAPE(4, 6), 1);
    double *values = ct_data_mut(x);
    values[0] = values[1] = values[6] = values[7] = 2.5; /* all four of a window */
    values[2] = values[9] = 3;                           /* two of another */
    expect_kink(max_pool, NULL, &x, 1);
}
END_TEST

static ct_tensor *overlapping_max(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_maximum(ct_slice(in[0], 0, 0, -1, 1), ct_slice(in[0], 0, 1, CT_END, 1));
}

START_TEST(test_kink_overlapping_ties)
{
    ct_tensor *x = ct_full(CT_FLOAT64, 1, CT_SHAPE(6)); /* every element ties with both neighbours */
    for (uint64_t seed = 0; seed < seeds(); seed++)
        expect(ct_gradcheck(overlapping_max, NULL, &x, 1, &report, .seed = seed), CT_KINK);
}
END_TEST

static ct_tensor *hinge(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_mean(ct_relu(ct_add_scalar(ct_neg(ct_mul(user, in[0])), 1)));
}

START_TEST(test_kink_hinge_margin)
{
    ct_tensor *y = ct_from_values(CT_FLOAT64, CT_VALUES(1, -1, 1, -1), CT_SHAPE(4));
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, -1, 0.25, 3), CT_SHAPE(4));
    expect_kink(hinge, y, &x, 1);
}
END_TEST

/* relu whose gradient at 0 is 5: no one-sided derivative is near it. */
static ct_status odd_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *zero = ct_zeros_like(x), *five = ct_mul_scalar(g, 5);
    return ct_call_set_grad(call, 0, ct_where(ct_eq(x, zero), five, ct_where(ct_gt(x, zero), g, zero)));
}

static ct_status odd_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = fmax(x[k], 0);
    return CT_OK;
}

static const ct_op odd_relu = {
    .name = "odd_relu",
    .gradient = "g where x > 0, and 5 g at 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .infer = same_infer,
    .forward = odd_forward,
    .backward = odd_backward,
    .samples = (const ct_sample[]){{"3", NULL}, {NULL, NULL}},
};

static ct_status even_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0), *zero = ct_zeros_like(x);
    return ct_call_set_grad(call, 0, ct_where(ct_gt(x, zero), g, zero));
}

/* Where all that phi adds up is 0, so is its rounding; not so at the points around, of which there are many among the variations. */
START_TEST(test_kink_all_zero)
{
    ct_op relu = odd_relu;
    const unsigned in_float64 = CT_CHECK_ALL & ~(unsigned)CT_CHECK_FLOAT32;
    relu.backward = even_backward;
    relu.samples = (const ct_sample[]){{"4@0..0", NULL}, {NULL, NULL}};
    for (uint64_t seed = 0; seed < 20; seed++) {
        ck_assert_msg(ct_verdict_good(ct_gradcheck_op(&relu, &report, .seed = seed, .checks = in_float64)),
                      "seed %d: %s", (int)seed, report.cause);
        ct_gradcheck_report_free(&report);
    }
}
END_TEST

static ct_tensor *apply_odd(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    return ct_apply(&odd_relu, in, n, NULL);
}

START_TEST(test_wrong_at_kink)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(-1, 0, 2), CT_SHAPE(3));
    expect(ct_gradcheck(apply_odd, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_int_eq(report.tensors[0].bad, 1);
    ck_assert_int_eq(report.tensors[0].worst[0], 1);
}
END_TEST

static ct_tensor *rectified(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_relu(in[0]);
}

/* More threads than mismatches get a second look, all of them at kinks at the same time. */
START_TEST(test_kinks_on_many_threads)
{
    int before = ct_num_threads();
    ct_set_num_threads(24);
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(32, 16));
    ct_verdict verdict = ct_gradcheck(rectified, NULL, &x, 1, &report, .parallel = true);
    ct_set_num_threads(before);
    expect(verdict, CT_KINK);
    ck_assert_int_eq(report.kinks, 512);
}
END_TEST

/* What is 0 at x has no rounding there, and some beside it, where a direction is measured again. */
START_TEST(test_kink_in_directions)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(24));
    for (uint64_t seed = 0; seed < 40; seed++)
        expect(ct_gradcheck(rectified, NULL, &x, 1, &report, .seed = seed, .mode = CT_FAST), CT_KINK);
}
END_TEST

/* A wrong sine of input 0, and relu of input 1. */
static ct_tensor *wrong_beside_kinks(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *sine = ct_sin(in[0]);
    return ct_add(ct_add(sine, ct_mul_scalar(ct_sub(in[0], ct_detach(in[0])), 0.1)), ct_relu(in[1]));
}

/* However many mismatches one input has, those of the next are looked at again. */
START_TEST(test_kinks_beside_wrong)
{
    ct_tensor *in[] = {f64(CT_SHAPE(12), 1), ct_zeros(CT_FLOAT64, CT_SHAPE(12))};
    expect(ct_gradcheck(wrong_beside_kinks, NULL, in, 2, &report), CT_FAIL);
    ck_assert_int_eq(report.n_tensors, 2);
    ck_assert_int_eq(report.tensors[0].verdict, CT_FAIL);
    ck_assert_int_eq(report.tensors[1].verdict, CT_KINK);
}
END_TEST

Suite *ct_suite_gradcheck_kinks(void)
{
    Suite *suite = suite_create("gradcheck_kinks");
    TCase *tcase = tcase_create("gradcheck_kinks");
    tcase_add_checked_fixture(tcase, open_check, close_check);
    tcase_add_test(tcase, test_kink_relu_network);
    tcase_add_test(tcase, test_kink_abs_at_zero);
    tcase_add_test(tcase, test_kink_pool_ties);
    tcase_add_test(tcase, test_kink_overlapping_ties);
    tcase_add_test(tcase, test_kink_hinge_margin);
    tcase_add_test(tcase, test_kink_all_zero);
    tcase_add_test(tcase, test_wrong_at_kink);
    tcase_add_test(tcase, test_kinks_on_many_threads);
    tcase_add_test(tcase, test_kink_in_directions);
    tcase_add_test(tcase, test_kinks_beside_wrong);
    suite_add_tcase(suite, tcase);
    return suite;
}
