/* The limits of the gradient checker: chance, a second order that is wrong by less than differences see, one wrong element among many,
 * what float32 leaves to see, and budgets. */
#include <cotan/cotan.h>

#include "gradcheck_checks.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

/* Heads or tails, from a generator of its own: the first two runs agree every other time. */
static ct_tensor *flipping(ct_tensor *const *in, int n, void *user)
{
    uint64_t *state = user;
    (void)n;
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ct_mul_scalar(ct_tanh(in[0]), *state >> 63 ? 1 : 2);
}

START_TEST(test_chance)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint64_t state = seed * 977;
        ct_tensor *x = f64(CT_SHAPE(5), 1);
        ct_gradcheck_mode mode = seed % 2 ? CT_FAST : CT_FULL;
        expect(ct_gradcheck(flipping, &state, &x, 1, &report, .seed = seed, .mode = mode), CT_NONDETERMINISTIC);
        ck_assert_str_eq(report.check, "repeat");
        state = seed * 977;
        expect(ct_gradcheck_graph(flipping, &state, &x, 1, &report, .seed = seed, .mode = mode), CT_NONDETERMINISTIC);
    }
}
END_TEST

/* ---- the second order is wrong by less than differences see ---- */

static ct_status sine_backward_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0), *g = CT_INPUT(double, call, 1);
    double *y = CT_OUTPUT(double, call, 0);
    if (!x || !g || !y)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++)
        y[i] = g[i] * cos(x[i]);
    return CT_OK;
}

static double off_by; /* of itself, the gradient with respect to the cotangent */

static ct_status sine_backward_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_input(call, 1), *h = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, ct_neg(ct_mul(h, ct_mul(g, ct_sin(x)))));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul_scalar(ct_mul(h, ct_cos(x)), 1 + off_by)) : status;
}

static const ct_op sine_backward = {.name = "sine_backward",
                                    .gradient = "-h g sin x, h cos x",
                                    .min_inputs = 2,
                                    .max_inputs = 2,
                                    .takes = {CT_ONLY(CT_FLOAT64)},
                                    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
                                    .infer = same_infer,
                                    .forward = sine_backward_forward,
                                    .backward = sine_backward_backward};

static ct_status sine_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0);
    double *y = CT_OUTPUT(double, call, 0);
    if (!x || !y)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++)
        y[i] = sin(x[i]);
    return CT_OK;
}

static ct_status sine_backward_of(ct_call *call)
{
    ct_tensor *in[] = {ct_call_input(call, 0), ct_call_grad_output(call, 0)};
    return ct_call_set_grad(call, 0, ct_apply(&sine_backward, in, 2, NULL));
}

static const ct_op sine = {.name = "sine",
                           .gradient = "g cos x",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .takes = {CT_ONLY(CT_FLOAT64)},
                           .saves = CT_SAVE_INPUT(0),
                           .infer = same_infer,
                           .forward = sine_forward,
                           .backward = sine_backward_of,
                           .samples = (const ct_sample[]){{.inputs = "3x4"}, {.inputs = "5"}, {0}}};

START_TEST(test_forward_against_reverse)
{
    static const unsigned without = CT_CHECK_ALL & ~(unsigned)(CT_CHECK_FORWARD | CT_CHECK_FLOAT32);
    for (off_by = -1e-10; off_by <= 1e-10; off_by += 1e-10) {
        bool right = off_by == 0;
        expect(ct_gradcheck_op(&sine, &report, .order = 2, .checks = without), CT_PASS);
        expect(ct_gradcheck_op(&sine, &report, .checks = without | CT_CHECK_FORWARD),
               CT_PASS); /* nothing to see in it */
        expect(ct_gradcheck_op(&sine, &report, .order = 2, .checks = without | CT_CHECK_FORWARD),
               right ? CT_PASS : CT_FAIL);
        ck_assert_str_eq(report.check, right ? "" : "forward");
        ck_assert(right || strstr(report.cause, "the first order is as measured"));
    }
    off_by = 0;
}
END_TEST

/* ---- one wrong element among many ---- */

enum { MANY = 10000 };
static int64_t wrong_element;

static ct_status needle_backward(ct_call *call)
{
    double *g = malloc(MANY * sizeof *g);
    if (!g)
        return ct_call_error(call, CT_ERROR_MEMORY, "no memory");
    ct_status status = ct_to_values(ct_mul(ct_call_grad_output(call, 0), ct_cos(ct_call_input(call, 0))), g, MANY);
    g[wrong_element] += 0.1;
    if (status == CT_OK)
        status = ct_call_set_grad(call, 0, ct_from_values(CT_FLOAT64, g, MANY, CT_SHAPE(100, 100)));
    free(g);
    return status;
}

static ct_tensor *needle(ct_tensor *const *in, int n, void *user)
{
    static ct_op op;
    (void)n, (void)user;
    op = sine;
    op.name = "needle";
    op.backward = needle_backward;
    return ct_apply(&op, in, 1, NULL);
}

START_TEST(test_one_wrong_element_is_located)
{
    ct_tensor *x = f64(CT_SHAPE(100, 100), 1);
    for (uint64_t seed = 0; seed < 10; seed++) {
        wrong_element = (int64_t)(seed * 1117 + 7) % MANY;
        expect(ct_gradcheck(needle, NULL, &x, 1, &report, .seed = seed, .mode = CT_FAST, .checks = CT_CHECK_VALUE_ONLY),
               CT_FAIL);
        ck_assert(report.tensors[0].located);
        ck_assert_int_eq(report.tensors[0].worst[0] * 100 + report.tensors[0].worst[1], wrong_element);
        ck_assert_msg(report.evaluations < 5000, "%lld evaluations", (long long)report.evaluations);
    }
}
END_TEST

/* ---- a pair in float32 says what it can see ---- */

static void exp_forward(const float *const *x, float *y, void *user)
{
    (void)user;
    for (int i = 0; i < 6; i++)
        y[i] = expf(x[0][i]);
}

/* user: by how much of itself the gradient is off. */
static void exp_backward(const float *const *x, const float *g, float *const *gx, void *user)
{
    for (int i = 0; i < 6; i++)
        gx[0][i] = (float)(g[i] * exp(x[0][i]) * (1 + *(double *)user));
}

static ct_verdict check_exp(double off, uint64_t seed)
{
    return ct_gradcheck_raw_float(exp_forward, exp_backward, CT_SHAPE(6), 6, NULL, &off, &report, .seed = seed);
}

START_TEST(test_resolution_in_float32)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        expect(check_exp(0, seed), CT_PASS);
        double resolution = report.tensors[0].resolution;
        ck_assert_msg(resolution > 1e-6 && resolution < 1e-3, "%g", resolution);
        expect(check_exp(2 * resolution, seed), CT_FAIL);
        expect(check_exp(resolution / 4, seed), CT_PASS);
    }
}
END_TEST

/* ---- budgets and progress ---- */

START_TEST(test_budget)
{
    ct_tensor *x = f64(CT_SHAPE(40, 50), 1);
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY), CT_PASS);
    int64_t all = report.evaluations;
    ck_assert_str_eq(report.unlooked, "");
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY, .evaluations = all / 2),
           CT_INCONCLUSIVE);
    ck_assert_int_lt(report.evaluations, all / 2 + 40);
    ck_assert_int_eq(report.tensors[0].checked + report.tensors[0].unlooked, 2000);
    ck_assert_int_gt(report.tensors[0].checked, 500);
    ck_assert_msg(strstr(report.cause, "the budget of evaluations is spent; not looked at: ") &&
                      strstr(report.cause, " of 2000 elements of input 0"),
                  "%s", report.cause);
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .seconds = 1e-9, .order = 2), CT_INCONCLUSIVE);
    ck_assert_int_eq(report.tensors[0].unlooked, 2000);
    ck_assert_ptr_nonnull(strstr(report.unlooked, "structure, "));
    ck_assert_ptr_nonnull(strstr(report.unlooked, "the second order"));
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .seconds = 1e3, .evaluations = 2 * all + 1000), CT_PASS);
    ck_assert_int_eq(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .seconds = -1), CT_VACUOUS);
    ct_error_clear();
}
END_TEST

START_TEST(test_budget_of_an_operation)
{
    expect(ct_gradcheck_op(&sine, &report, .seconds = 1e-9), CT_INCONCLUSIVE);
    ck_assert_ptr_nonnull(strstr(report.unlooked, "sample 0"));
    ck_assert_str_eq(report.check, "budget");
    wrong_element = 0; /* a mistake that was found stays one */
    ct_tensor *x = f64(CT_SHAPE(100, 100), 1);
    expect(ct_gradcheck(needle, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY, .evaluations = 5000), CT_FAIL);
    ck_assert_int_gt(report.tensors[0].unlooked, 0);
}
END_TEST

typedef struct seen {
    int calls;
    int64_t done, stop_at;
} seen;

static bool note(const char *what, int64_t done, int64_t of, void *user)
{
    seen *s = user;
    ck_assert_str_eq(what, "input 0");
    ck_assert_int_ge(done, s->done);
    ck_assert_int_eq(of, 2000);
    s->done = done;
    s->calls++;
    return done < s->stop_at;
}

START_TEST(test_progress)
{
    ct_tensor *x = f64(CT_SHAPE(40, 50), 1);
    seen all = {.stop_at = INT64_MAX}, some = {.stop_at = 320};
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY, .progress = note,
                        .progress_user = &all),
           CT_PASS);
    ck_assert_int_eq(all.done, 2000);
    ck_assert_int_gt(all.calls, 20);
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY, .progress = note,
                        .progress_user = &some),
           CT_INCONCLUSIVE);
    ck_assert_int_eq(report.tensors[0].checked, 320);
    ck_assert_ptr_nonnull(strstr(report.cause, "stopped by the progress function"));
}
END_TEST

Suite *ct_suite_gradcheck_limits(void)
{
    Suite *suite = suite_create("gradcheck_limits");
    TCase *tcase = tcase_create("gradcheck_limits");
    tcase_add_checked_fixture(tcase, open_check, close_check);
    tcase_add_test(tcase, test_chance);
    tcase_add_test(tcase, test_forward_against_reverse);
    tcase_add_test(tcase, test_one_wrong_element_is_located);
    tcase_add_test(tcase, test_resolution_in_float32);
    tcase_add_test(tcase, test_budget);
    tcase_add_test(tcase, test_budget_of_an_operation);
    tcase_add_test(tcase, test_progress);
    suite_add_tcase(suite, tcase);
    return suite;
}
