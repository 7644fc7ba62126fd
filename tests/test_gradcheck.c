/* The gradient checker: what it says of right and wrong functions, of kinks and noise, and that it leaves everything alone. The
 * mistakes it must catch in operations are in planted_bugs.c; that all operations pass is in test_ops.c. */
#include <cotan/cotan.h>

#include "core_internal.h"
#include "planted_ops.h"
#include "quick.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static ct_gradcheck_report report;

static void open_check(void)
{
    open_test();
    report = (ct_gradcheck_report){0};
}

static void close_check(void)
{
    ct_gradcheck_report_free(&report);
    close_test();
}

static void expect(ct_verdict got, ct_verdict want)
{
    if (got != want)
        ct_gradcheck_print(&report, stderr);
    ck_assert_msg(got == want, "%s instead of %s: %s", ct_verdict_name(got), ct_verdict_name(want), ct_error_message());
}

static ct_tensor *f64(const int64_t *shape, int rank, uint64_t seed)
{
    return numbers(CT_FLOAT64, shape, rank, seed);
}

/* ---- right functions ---- */

static ct_tensor *smooth(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_mul(ct_tanh(ct_matmul(in[0], in[1])), ct_exp(in[2]));
}

START_TEST(test_right_function)
{
    ct_tensor *in[] = {f64(CT_SHAPE(3, 4), 1), f64(CT_SHAPE(4, 2), 2), f64(CT_SHAPE(2), 3)};
    for (ct_gradcheck_mode mode = CT_FULL; mode <= CT_FAST; mode++) {
        expect(ct_gradcheck(smooth, NULL, in, 3, &report, .mode = mode, .order = 2), CT_PASS);
        ck_assert_int_eq(report.n_tensors, 3 + 4); /* inputs; then inputs and cotangent */
        ck_assert_int_eq(report.bad + report.kinks + report.inconclusive, 0);
        ck_assert_int_gt(report.structural, 0);
        ck_assert_str_eq(report.check, "");
        expect(ct_gradcheck_graph(smooth, NULL, in, 3, &report, .mode = mode, .order = 2), CT_PASS);
        ck_assert_int_eq(report.nodes, 4);
    }
    expect(ct_gradcheck(smooth, NULL, in, 3, &report), CT_PASS);
    ck_assert_int_eq(report.elements, 12 + 8 + 2);
    ck_assert_double_lt(report.notes_ratio, 1e-6);
    for (int i = 0; i < 3; i++)
        ck_assert_double_lt(report.tensors[i].relative, 1e-8);
}
END_TEST

START_TEST(test_nothing_is_touched)
{
    ct_tensor *in[] = {f64(CT_SHAPE(3, 4), 1), f64(CT_SHAPE(4, 2), 2), f64(CT_SHAPE(2), 3)};
    double before[12], after[12];
    ct_tensor *grad = ct_ones(CT_FLOAT64, CT_SHAPE(3, 4));
    ct_set_requires_grad(in[0], true);
    ck_assert_int_eq(ct_set_grad(in[0], grad), CT_OK);
    grad = ct_grad_of(in[0]);
    ck_assert_int_eq(ct_to_values(in[0], before, 12), CT_OK);
    ct_seed(77);
    ct_random_u64();
    ct_random_state state = ct_random_get();
    ct_memory memory = ct_memory_stats();
    int64_t version = ct_tensor_version(in[0]);
    ct_no_grad_begin(); /* a check does not care */
    expect(ct_gradcheck_graph(smooth, NULL, in, 3, NULL), CT_PASS);
    expect(ct_gradcheck(smooth, NULL, in, 3, NULL, .order = 2), CT_PASS);
    ck_assert(!ct_grad_enabled());
    ct_no_grad_end();
    ck_assert_int_eq(ct_to_values(in[0], after, 12), CT_OK);
    ck_assert_mem_eq(before, after, sizeof before);
    ck_assert_int_eq(ct_tensor_version(in[0]), version);
    ck_assert_ptr_eq(ct_grad_of(in[0]), grad);
    ck_assert_double_eq(ct_get(grad, (const int64_t[]){2, 3}, 2), 1);
    ct_random_state now = ct_random_get();
    ck_assert_mem_eq(&state, &now, sizeof state);
    ck_assert_int_eq(ct_memory_stats().live_tensors, memory.live_tensors);
    ck_assert_int_eq(ct_memory_stats().live_bytes, memory.live_bytes);
}
END_TEST

START_TEST(test_which_inputs)
{
    ct_tensor *in[] = {f64(CT_SHAPE(3, 4), 1), f64(CT_SHAPE(4, 2), 2), f64(CT_SHAPE(2), 3)};
    ct_set_requires_grad(in[1], true);
    expect(ct_gradcheck(smooth, NULL, in, 3, &report), CT_PASS);
    ck_assert_int_eq(report.n_tensors, 1);
    ck_assert_int_eq(report.tensors[0].input, 1);
    ck_assert_int_eq(report.tensors[0].shape[1], 2);
}
END_TEST

START_TEST(test_parallel_is_the_same)
{
    ct_tensor *in[] = {f64(CT_SHAPE(6, 9), 1), f64(CT_SHAPE(9, 8), 2), f64(CT_SHAPE(8), 3)};
    expect(ct_gradcheck(smooth, NULL, in, 3, &report, .order = 2), CT_PASS);
    int threads = ct_num_threads();
    ct_set_num_threads(4);
    ct_gradcheck_report other = {0};
    expect(ct_gradcheck(smooth, NULL, in, 3, &other, .order = 2, .parallel = true), CT_PASS);
    ct_set_num_threads(threads);
    ck_assert_int_eq(report.evaluations, other.evaluations);
    ck_assert_int_eq(report.n_tensors, other.n_tensors);
    for (int i = 0; i < other.n_tensors; i++) {
        ck_assert_double_eq(report.tensors[i].numeric, other.tensors[i].numeric);
        ck_assert_double_eq(report.tensors[i].notes_ratio, other.tensors[i].notes_ratio);
    }
    ct_gradcheck_report_free(&other);
}
END_TEST

static ct_tensor *fails_away(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    if (ct_get(in[0], (const int64_t[]){0}, 1) != *(double *)user) {
        ct_error_set(CT_ERROR_ARGUMENT, "fails_away: it is another x");
        return NULL;
    }
    return ct_square(in[0]);
}

START_TEST(test_parallel_errors)
{
    ct_tensor *x = f64(CT_SHAPE(64), 1);
    double first = ct_get(x, (const int64_t[]){0}, 1);
    int threads = ct_num_threads();
    ct_set_num_threads(2);
    expect(ct_gradcheck(fails_away, &first, &x, 1, &report, .parallel = true), CT_VACUOUS);
    ct_set_num_threads(threads);
    expect_error(NULL, CT_ERROR_ARGUMENT, "fails_away: it is another x");
}
END_TEST

/* ---- kinks ---- */

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

static ct_status odd_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
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
    .infer = odd_infer,
    .forward = odd_forward,
    .backward = odd_backward,
    .samples = (const ct_sample[]){{"3", NULL}, {NULL, NULL}},
};

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

/* ---- nothing to see, noise, chance ---- */

static ct_tensor *softmax_sum(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *e = ct_exp(in[0]);
    return ct_sum(ct_div(e, ct_sum(e, CT_AXES(1), .keepdim = true)));
}

static ct_tensor *constant(ct_tensor *const *in, int n, void *user)
{
    (void)in;
    (void)n;
    return user;
}

START_TEST(test_vacuous)
{
    ct_tensor *x = f64(CT_SHAPE(4, 6), 1), *integers = numbers(CT_INT64, CT_SHAPE(3), 1),
              *one = ct_scalar(CT_FLOAT64, 1);
    expect(ct_gradcheck(softmax_sum, NULL, &x, 1, &report), CT_VACUOUS);
    ck_assert_int_eq(report.tensors[0].checked, 24);
    expect(ct_gradcheck(constant, one, &x, 1, &report), CT_VACUOUS);
    expect(ct_gradcheck(constant, one, &integers, 1, &report), CT_VACUOUS);
    ck_assert_int_eq(report.n_tensors, 0);
    ct_tensor *empty = ct_empty(CT_FLOAT64, CT_SHAPE(0, 3));
    expect(ct_gradcheck(absolute, NULL, &empty, 1, &report), CT_VACUOUS);
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert(!ct_verdict_good(CT_VACUOUS));
    ck_assert_int_eq((ct_gradcheck_report){0}.verdict, CT_VACUOUS);
}
END_TEST

static ct_tensor *counting(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_mul_scalar(in[0], ++*(double *)user);
}

static ct_tensor *drawing(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_mul(in[0], ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(5)));
}

START_TEST(test_nondeterministic)
{
    double calls = 0;
    ct_tensor *x = f64(CT_SHAPE(5), 1);
    expect(ct_gradcheck(counting, &calls, &x, 1, &report), CT_NONDETERMINISTIC);
    ck_assert_int_eq(report.n_tensors, 0);
    expect(ct_gradcheck(drawing, NULL, &x, 1, &report), CT_PASS); /* the generator is seeded before each run */
    expect(ct_gradcheck_graph(drawing, NULL, &x, 1, &report), CT_PASS);
}
END_TEST

/* Rounding to float32 inside makes a staircase: the derivative is measured to 1e-4 or so, and a pass says that. */
static ct_tensor *staircase(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_exp(ct_cast(ct_cast(ct_exp(in[0]), CT_FLOAT32), CT_FLOAT64));
}

START_TEST(test_resolution)
{
    ct_tensor *x = f64(CT_SHAPE(8), 1);
    expect(ct_gradcheck(staircase, NULL, &x, 1, &report, .checks = CT_CHECK_VALUE_ONLY), CT_PASS);
    ck_assert_double_gt(report.tensors[0].resolution, 1e-6);
    ck_assert_double_lt(report.tensors[0].resolution, 1e-3);
    expect(ct_gradcheck(staircase, NULL, &x, 1, &report, .resolution = 1e-6), CT_INCONCLUSIVE);
    expect(ct_gradcheck(absolute, NULL, &x, 1, &report, .resolution = 1e-6), CT_PASS);
    ck_assert_double_lt(report.tensors[0].resolution, 1e-7);
}
END_TEST

/* A gradient that is right and tiny, beside one that is not. */
static ct_tensor *scales(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_add(ct_mul_scalar(ct_tanh(in[0]), 1e-4), ct_mul_scalar(ct_exp(in[1]), 1e4));
}

START_TEST(test_noise_of_notes_ratio)
{
    ct_tensor *in[] = {f64(CT_SHAPE(5), 1), f64(CT_SHAPE(5), 2)};
    expect(ct_gradcheck(scales, NULL, in, 2, &report), CT_PASS);
    ck_assert(report.tensors[0].notes_noise);
    ck_assert(!report.tensors[1].notes_noise);
    ct_tensor *zero = f64(CT_SHAPE(5), 1), *one = ct_scalar(CT_FLOAT64, 1);
    expect(ct_gradcheck(constant, one, &zero, 1, &report), CT_VACUOUS);
    ck_assert_double_eq(report.tensors[0].notes_ratio, 0); /* 0/0 */
}
END_TEST

static ct_tensor *large(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_log(ct_square(in[0]));
}

START_TEST(test_far_from_one)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1e9, -3e5, 1e-3, 2e-5), CT_SHAPE(4));
    expect(ct_gradcheck(large, NULL, &x, 1, &report), CT_PASS);
    ck_assert_int_eq(report.tensors[0].checked, 4);
}
END_TEST

/* ---- wrong functions ---- */

static const planted_op *planted(const char *number)
{
    int n;
    const planted_op *tables[] = {planted_ops(&n), planted_kinds(&n)};
    for (int k = 0; k < 2; k++) {
        const planted_op *all = k == 0 ? planted_ops(&n) : planted_kinds(&n);
        for (int i = 0; i < n; i++)
            if (strcmp(all[i].number, number) == 0)
                return &tables[k][i];
    }
    ck_abort_msg("there is no planted bug %s", number);
    return NULL;
}

/* The checks that find what the samples, the first point, one thread and float64 do not show. */
START_TEST(test_kinds)
{
    static const struct {
        const char *number, *check, *words;
        unsigned checks;
    } rows[] = {
        {"C1", "elsewhere", "an earlier call", CT_CHECK_ELSEWHERE},
        {"T1", "kink", "not together", CT_CHECK_VALUE_ONLY},
        {"T3", "kink", "not together", CT_CHECK_VALUE_ONLY},
        {"A1", "gradient", "1.01 times", CT_CHECK_VALUE_ONLY},
        {"R1", "gradient", "1.002 times", CT_CHECK_VALUE_ONLY},
        {"L1", "float32", "the float32 gradient is off", CT_CHECK_FLOAT32},
        {"L3", "float32", "the float32 result is off", CT_CHECK_FLOAT32},
        {"V1", "variations", "10 times as large", CT_CHECK_VARIATIONS},
        {"V8", "variations", "with cotangents 1e-7", CT_CHECK_VARIATIONS},
        {"V11", "variations", "with size", CT_CHECK_VARIATIONS},
        {"V13", "variations", "with size", CT_CHECK_VARIATIONS},
        {"V23", "variations", "without an optional input", CT_CHECK_VARIATIONS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const planted_op *op = planted(rows[i].number);
        expect(ct_gradcheck_op(op->wrong, &report, .checks = rows[i].checks), CT_FAIL);
        ck_assert_str_eq(report.check, rows[i].check);
        ck_assert_msg(strstr(report.cause, rows[i].words), "%s: %s", rows[i].number, report.cause);
        ck_assert(ct_verdict_good(ct_gradcheck_op(op->right, &report, .checks = rows[i].checks)));
        bool reached = rows[i].checks == CT_CHECK_VALUE_ONLY;
        expect(ct_gradcheck_op(op->wrong, &report, .checks = CT_CHECK_VALUE_ONLY), reached ? CT_FAIL : CT_PASS);
    }
}
END_TEST

static int planted_line;

static ct_tensor *chain(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    ct_tensor *h = ct_tanh(in[0]);
    planted_line = __LINE__ + 1;
    h = planted_apply((const ct_op *)user, &h, 1);
    return ct_sum(ct_sigmoid(h));
}

START_TEST(test_report_of_a_mistake)
{
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    const ct_op *wrong = planted("5")->wrong;
    expect(ct_gradcheck(chain, (void *)wrong, &x, 1, &report), CT_FAIL);
    const ct_gradcheck_tensor *row = &report.tensors[0];
    ck_assert_int_eq(row->verdict, CT_FAIL);
    ck_assert_int_eq(row->bad, 12);
    ck_assert(row->located);
    ck_assert_double_eq(row->x, ct_get(x, row->worst, 2));
    ck_assert_double_eq_tol(row->analytic, row->numeric / 2, 1e-9 * fabs(row->numeric));
    ck_assert_double_gt(row->ratio, 1e3);
    ck_assert_double_eq_tol(row->notes_ratio, 1. / 3, 1e-6);
    ck_assert_double_eq_tol(report.notes_ratio, 1. / 3, 1e-6);
    ck_assert_ptr_nonnull(strstr(report.cause, "factor 2"));
    ck_assert_str_eq(report.check, "gradient");
    ck_assert_int_eq(report.argument, 0);
    expect(ct_gradcheck(chain, (void *)wrong, &x, 1, &report, .mode = CT_FAST), CT_FAIL);
    ck_assert(report.tensors[0].located);
    ck_assert_int_eq(report.tensors[0].checked, 12); /* so few that all are measured */
    expect(ct_gradcheck_graph(chain, (void *)wrong, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.op, "square");
    ck_assert_int_eq(report.line, planted_line);
    ck_assert_ptr_nonnull(strstr(report.file, "test_gradcheck.c"));
    ck_assert_int_eq(report.node, 1);
    ck_assert(!report.engine);
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->right, &x, 1, &report), CT_PASS);
    ck_assert_int_eq(report.node, -1);
}
END_TEST

/* The gradient of square with the slope taken out of the graph: right to first order only. */
static ct_status detached_backward(ct_call *call)
{
    ct_tensor *slope = ct_mul_scalar(ct_detach(ct_call_input(call, 0)), 2);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), slope));
}

static ct_status square_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; x && k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = x[k] * x[k];
    return x ? CT_OK : ct_error_code();
}

static const ct_op first_order_square = {
    .name = "first_order_square",
    .gradient = "2 x g",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .infer = odd_infer,
    .forward = square_forward,
    .backward = detached_backward,
    .samples = (const ct_sample[]){{"3x2", NULL}, {NULL, NULL}},
};

static ct_tensor *squares(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    return ct_tanh(ct_apply(&first_order_square, in, n, NULL));
}

START_TEST(test_second_order_mistake)
{
    const unsigned checks = ~(unsigned)(CT_CHECK_FLOAT32 | CT_CHECK_VALUE_ONLY); /* it is written for float64 only */
    expect(ct_gradcheck_op(&first_order_square, &report, .checks = checks), CT_PASS);
    expect(ct_gradcheck_op(&first_order_square, &report, .checks = checks, .order = 2), CT_FAIL);
    ck_assert_str_eq(report.check, "second-order gradient");
    ck_assert_str_eq(report.op, "first_order_square");
    ct_tensor *x = f64(CT_SHAPE(3), 1);
    expect(ct_gradcheck(squares, NULL, &x, 1, &report, .order = 2), CT_FAIL);
    expect(ct_gradcheck_graph(squares, NULL, &x, 1, &report), CT_PASS);
    expect(ct_gradcheck_graph(squares, NULL, &x, 1, &report, .order = 2), CT_FAIL);
    ck_assert_str_eq(report.op, "first_order_square");
}
END_TEST

static ct_tensor *cut(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_add(ct_exp(in[0]), ct_square(ct_detach(in[0])));
}

START_TEST(test_unrecorded_path)
{
    ct_tensor *x = f64(CT_SHAPE(4), 1);
    expect(ct_gradcheck_graph(cut, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "graph");
    ck_assert_str_eq(report.op, "");
    ck_assert(!report.engine);
    ck_assert_ptr_nonnull(strstr(report.cause, "not recorded"));
}
END_TEST

static int log_line;

static ct_tensor *not_finite(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *h = ct_tanh(in[0]);
    log_line = __LINE__ + 1;
    h = ct_log(h);
    return ct_exp(h);
}

START_TEST(test_first_not_finite)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, -1), CT_SHAPE(2));
    expect(ct_gradcheck(not_finite, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "finite");
    expect(ct_gradcheck_graph(not_finite, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "finite");
    ck_assert_str_eq(report.op, "log");
    ck_assert_int_eq(report.line, log_line);
}
END_TEST

/* ---- float32 ---- */

static ct_status rounded_forward(ct_call *call)
{
    const ct_tensor *y = ct_call_output(call, 0);
    for (int64_t k = 0; k < ct_numel(y); k++) {
        if (ct_dtype_of(y) == CT_FLOAT64)
            ((double *)ct_call_output_data(call, 0))[k] = ((const double *)ct_call_input_data(call, 0))[k];
        else
            ((float *)ct_call_output_data(call, 0))[k] = ((const float *)ct_call_input_data(call, 0))[k];
    }
    return CT_OK;
}

/* The identity, whose gradient is off by a hundredth in float32. */
static ct_status rounded_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul_scalar(g, ct_dtype_of(g) == CT_FLOAT32 ? 1.01 : 1));
}

static const ct_op rounded = {
    .name = "rounded",
    .gradient = "g",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = odd_infer,
    .forward = rounded_forward,
    .backward = rounded_backward,
    .samples = (const ct_sample[]){{"3x2", NULL}, {NULL, NULL}},
};

static ct_tensor *apply_rounded(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    return ct_apply(&rounded, in, n, NULL);
}

START_TEST(test_float32)
{
    ct_tensor *in[] = {numbers(CT_FLOAT32, CT_SHAPE(3, 4), 1), numbers(CT_FLOAT32, CT_SHAPE(4, 2), 2),
                       numbers(CT_FLOAT32, CT_SHAPE(2), 3)};
    expect(ct_gradcheck(smooth, NULL, in, 3, &report, .order = 2), CT_PASS);
    expect(ct_gradcheck_op(&rounded, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "float32");
    expect(ct_gradcheck(apply_rounded, NULL, in, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.check, "float32");
    ct_tensor *x = ct_cast(in[0], CT_FLOAT64);
    expect(ct_gradcheck(apply_rounded, NULL, &x, 1, &report), CT_PASS);
}
END_TEST

/* ---- errors ---- */

static ct_tensor *returns_null(ct_tensor *const *in, int n, void *user)
{
    (void)in;
    (void)n;
    (void)user;
    return NULL;
}

START_TEST(test_errors)
{
    ct_tensor *x = f64(CT_SHAPE(3), 1), *none = NULL;
    expect(ct_gradcheck(NULL, NULL, &x, 1, &report), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: the function is NULL");
    ck_assert_str_eq(report.cause, "gradcheck: the function is NULL");
    expect(ct_gradcheck(absolute, NULL, NULL, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: inputs is NULL");
    expect(ct_gradcheck(absolute, NULL, &none, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: the tensor is NULL");
    expect(ct_gradcheck_graph(absolute, NULL, &x, 0, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck: 0 inputs");
    expect(ct_gradcheck(returns_null, NULL, &x, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: the function returned NULL without an error");
    expect(ct_gradcheck_op(NULL, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_op: the operation is NULL");
    expect(ct_gradcheck_op(&(ct_op){.name = "bare"}, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_op: the operation has no name or no samples");
    ct_error_set(CT_ERROR_IO, "earlier: trouble");
    expect(ct_gradcheck(absolute, NULL, &x, 1, NULL), CT_VACUOUS); /* the first error stays */
    expect_error(NULL, CT_ERROR_IO, "earlier: trouble");
}
END_TEST

/* Every allocation of a check fails in turn; the graph check calls what the others call. */
START_TEST(test_no_memory)
{
    ct_tensor *in[] = {f64(CT_SHAPE(1, 2), 1), f64(CT_SHAPE(2, 1), 2), f64(CT_SHAPE(1), 3)};
    ct_memory before = ct_memory_stats();
    int64_t n = 1, failures = 0;
    for (bool failed = true; failed; n += 1 + n / (is_quick() ? 5 : 50)) {
        /* all of the first, then fewer: they repeat themselves */
        ct__fail_allocation(n, true);
        ct_verdict verdict = ct_gradcheck_graph(smooth, NULL, in, 3, &report);
        ct__fail_allocation(0, false);
        failed = ct_error_code() != CT_OK;
        if (failed) {
            failures++;
            ck_assert_int_eq(ct_error_code(), CT_ERROR_MEMORY);
            ck_assert_int_eq(verdict, CT_VACUOUS);
        } else {
            ck_assert_int_eq(verdict, CT_PASS);
        }
        ct_error_clear();
        ct_gradcheck_report_free(&report);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().scope_depth, before.scope_depth);
    }
    ck_assert_int_gt(failures, 10);
}
END_TEST

/* ---- samples ---- */

START_TEST(test_samples)
{
    ct_tensor *in[CT_MAX_INPUTS];
    int n;
    ct_sample sample = {.inputs = " 3x4 f:4@0.25..3 scalar! i5:7  null u2:0x2 5@-1e-2..-.001!"};
    ct_seed(1);
    ck_assert_int_eq(ct_sample_inputs(&sample, CT_FLOAT32, in, &n), CT_OK);
    ck_assert_int_eq(n, 7);
    const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT32, CT_FLOAT32, CT_INT64, CT_FLOAT32, CT_UINT8, CT_FLOAT32};
    const int ranks[] = {2, 1, 0, 1, 0, 2, 1};
    const double low[] = {-2, 0.25, -2, 0, 0, 0, -1e-2}, high[] = {2, 3, 2, 4, 0, 1, -.001};
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(in[i] == NULL, i == 4);
        if (!in[i])
            continue;
        ck_assert_int_eq(ct_dtype_of(in[i]), dtypes[i]);
        ck_assert_int_eq(ct_rank(in[i]), ranks[i]);
        ck_assert_int_eq(ct_requires_grad(in[i]), i < 2);
        double values[12];
        ck_assert_int_eq(ct_to_values(in[i], values, ct_numel(in[i])), CT_OK);
        for (int64_t k = 0; k < ct_numel(in[i]); k++)
            ck_assert(values[k] >= low[i] && values[k] <= high[i]);
    }
    ct_tensor *other[CT_MAX_INPUTS];
    ct_seed(1);
    ck_assert_int_eq(ct_sample_inputs(&sample, CT_FLOAT64, other, &n), CT_OK);
    expect_close(ct_cast(in[0], CT_FLOAT64), other[0], 0); /* the same point in both precisions */
}
END_TEST

START_TEST(test_bad_samples)
{
    const char *const bad[] = {
        "3x",  "x3", "i:4", "i5", "i0:4", "q3", "3@1", "3@1..", "3@2..1", "nul", "3 4x4?", "i5:3!", "1x1x1x1x1x1x1x1x1",
        "3,4", "f3", "-3"};
    ct_tensor *in[CT_MAX_INPUTS];
    int n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(ct_sample_inputs(&(ct_sample){.inputs = bad[i]}, CT_FLOAT64, in, &n) == CT_ERROR_ARGUMENT,
                      "\"%s\"", bad[i]);
        ck_assert_ptr_nonnull(strstr(ct_error_message(), bad[i]));
        ct_error_clear();
    }
    ck_assert_int_eq(ct_sample_inputs(&(ct_sample){.inputs = "3"}, CT_INT64, in, &n), CT_ERROR_DTYPE);
    ct_error_clear();
    ck_assert_int_eq(ct_sample_inputs(&(ct_sample){0}, CT_FLOAT64, in, &n), CT_ERROR_NULL);
    ct_error_clear();
}
END_TEST

/* ---- print ---- */

static const char *printed(void)
{
    static char text[16384];
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(ct_gradcheck_print(&report, stream), CT_OK);
    fclose(stream);
    return text;
}

/* Up to the culprit, whose cause is a sentence. */
static int widest_of_table(const char *text)
{
    int widest = 0, width = 0;
    for (const char *end = strstr(text, "culprit"); text < end; text++) {
        width = *text == '\n' ? 0 : width + 1;
        widest = width > widest ? width : widest;
    }
    return widest;
}

START_TEST(test_print_of_samples)
{
    expect(ct_gradcheck_op(planted("20")->wrong, &report, .order = 2, .checks = CT_CHECK_VALUE_ONLY), CT_FAIL);
    const char *text = printed();
    ck_assert_int_gt(widest_of_table(text), 60);
    ck_assert_int_le(widest_of_table(text), 100);
    ck_assert_ptr_nonnull(strstr(text, "off by"));
    ck_assert_ptr_nonnull(strstr(text, "2nd: of the gradient, as a function of the inputs"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "culprit"), "  input 1, 2nd: ")); /* not the first alone */
}
END_TEST

START_TEST(test_print)
{
    ct_tensor *x = f64(CT_SHAPE(3, 4), 1);
    char line[32];
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->wrong, &x, 1, &report), CT_FAIL);
    const char *text = printed();
    snprintf(line, sizeof line, "test_gradcheck.c:%d", planted_line);
    ck_assert_int_eq(strncmp(text, "FAIL: gradient check of graph\n", 30), 0);
    const char *table = strstr(text, "[3,4]"), *culprit = strstr(text, "culprit: operation 'square', node 1");
    ck_assert(table && culprit && table < culprit);
    ck_assert_ptr_nonnull(strstr(culprit, line));
    ck_assert_ptr_nonnull(strstr(culprit, "a factor 2 is missing"));
    expect(ct_gradcheck_graph(chain, (void *)planted("5")->right, &x, 1, &report), CT_PASS);
    text = printed();
    ck_assert_int_eq(strncmp(text, "PASS", 4), 0);
    ck_assert_ptr_null(strstr(text, "culprit"));
    ck_assert_ptr_nonnull(strstr(text, "lecture notes' ratio"));
    ct_gradcheck_report_free(&report);
    ck_assert_ptr_nonnull(strstr(printed(), "VACUOUS: gradient check of nothing: nothing was checked"));
    ck_assert_int_eq(ct_gradcheck_print(NULL, stdout), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_gradcheck_print(&report, NULL), CT_ERROR_NULL);
    ct_error_clear();
    FILE *full = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(full);
    ck_assert_int_eq(ct_gradcheck_print(&report, full), CT_ERROR_IO);
    ct_error_clear();
    fclose(full);
}
END_TEST

/* ---- speed ---- */

/* 64-256-256-5 with relu, 83,717 parameters; user: 32 samples. */
static ct_tensor *network(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *h = user;
    for (int i = 0; i < n; i += 2) {
        h = ct_linear(h, p[i], p[i + 1]);
        h = i + 2 < n ? ct_relu(h) : h;
    }
    return ct_mean(ct_log(ct_sum(ct_exp(h), CT_AXES(1))));
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

START_TEST(test_speed)
{
    const int64_t sizes[] = {64, 256, 256, 5};
    ct_tensor *p[6];
    int64_t parameters = 0;
    for (int i = 0; i < 3; i++) {
        p[2 * i] =
            ct_mul_scalar(f64((const int64_t[]){sizes[i + 1], sizes[i]}, 2, (uint64_t)i), 1 / sqrt((double)sizes[i]));
        p[2 * i + 1] = ct_mul_scalar(f64(&sizes[i + 1], 1, (uint64_t)i + 10), 0.1);
        parameters += ct_numel(p[2 * i]) + ct_numel(p[2 * i + 1]);
    }
    ck_assert_int_eq(parameters, 83717);
    ct_tensor *x = f64(CT_SHAPE(32, 64), 20);
    int threads = ct_num_threads();
    ct_set_num_threads(1);
    double start = seconds();
    expect(ct_gradcheck(network, x, p, 6, &report, .mode = CT_FAST), CT_PASS);
    double took = seconds() - start;
    ct_set_num_threads(threads);
    ck_assert_int_lt(report.evaluations, 500);
    const char *preload = getenv("LD_PRELOAD");
    bool slowed = preload && strstr(preload, "vgpreload");
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
    slowed = true;
#endif
    ck_assert_msg(slowed || took < 2, "%.2f s", took);
}
END_TEST

Suite *ct_suite_gradcheck(void)
{
    Suite *suite = suite_create("gradcheck");
    TCase *tcase = tcase_create("gradcheck");
    tcase_add_checked_fixture(tcase, open_check, close_check);
    tcase_add_test(tcase, test_right_function);
    tcase_add_test(tcase, test_nothing_is_touched);
    tcase_add_test(tcase, test_which_inputs);
    tcase_add_test(tcase, test_parallel_is_the_same);
    tcase_add_test(tcase, test_parallel_errors);
    tcase_add_test(tcase, test_kink_relu_network);
    tcase_add_test(tcase, test_kink_abs_at_zero);
    tcase_add_test(tcase, test_kink_pool_ties);
    tcase_add_test(tcase, test_kink_overlapping_ties);
    tcase_add_test(tcase, test_kink_hinge_margin);
    tcase_add_test(tcase, test_wrong_at_kink);
    tcase_add_test(tcase, test_vacuous);
    tcase_add_test(tcase, test_nondeterministic);
    tcase_add_test(tcase, test_resolution);
    tcase_add_test(tcase, test_noise_of_notes_ratio);
    tcase_add_test(tcase, test_far_from_one);
    tcase_add_test(tcase, test_kinds);
    tcase_add_test(tcase, test_report_of_a_mistake);
    tcase_add_test(tcase, test_second_order_mistake);
    tcase_add_test(tcase, test_unrecorded_path);
    tcase_add_test(tcase, test_first_not_finite);
    tcase_add_test(tcase, test_float32);
    tcase_add_test(tcase, test_errors);
    tcase_add_test(tcase, test_no_memory);
    tcase_add_test(tcase, test_samples);
    tcase_add_test(tcase, test_bad_samples);
    tcase_add_test(tcase, test_print);
    tcase_add_test(tcase, test_print_of_samples);
    tcase_add_test(tcase, test_speed);
    suite_add_tcase(suite, tcase);
    return suite;
}
