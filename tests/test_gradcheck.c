/* The gradient checker on functions that are right, and on those of which there is nothing to say: it passes them, quickly, sees how well it
 * measured, and leaves everything alone. The mistakes it must catch in operations are in planted_bugs.c; that all operations pass is in
 * test_ops.c. */
#include <cotan/cotan.h>

#include "core_internal.h"
#include "gradcheck_checks.h"
#include "quick.h"
#include "suites.h"
#include <math.h>
#include <string.h>
#include <time.h>

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
    ck_assert_str_eq(report.cause, "");
    expect(ct_gradcheck(constant, one, &x, 1, &report), CT_VACUOUS);
    ck_assert_ptr_nonnull(strstr(report.cause, "they are never used"));
    expect(ct_gradcheck(constant, one, &integers, 1, &report), CT_VACUOUS);
    ck_assert_int_eq(report.n_tensors, 0);
    ct_tensor *empty = ct_empty(CT_FLOAT64, CT_SHAPE(0, 3));
    expect(ct_gradcheck(tanh_of, NULL, &empty, 1, &report), CT_VACUOUS);
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
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, &report, .resolution = 1e-6), CT_PASS);
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
    .infer = same_infer,
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
    expect(ct_gradcheck(tanh_of, NULL, NULL, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: inputs is NULL");
    expect(ct_gradcheck(tanh_of, NULL, &none, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: the tensor is NULL");
    expect(ct_gradcheck_graph(tanh_of, NULL, &x, 0, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck: 0 inputs");
    expect(ct_gradcheck(returns_null, NULL, &x, 1, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck: the function returned NULL without an error");
    expect(ct_gradcheck_op(NULL, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_op: the operation is NULL");
    expect(ct_gradcheck_op(&(ct_op){.name = "bare"}, NULL), CT_VACUOUS);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_op: the operation has no name or no samples");
    ct_error_set(CT_ERROR_IO, "earlier: trouble");
    expect(ct_gradcheck(tanh_of, NULL, &x, 1, NULL), CT_VACUOUS); /* the first error stays */
    expect_error(NULL, CT_ERROR_IO, "earlier: trouble");
}
END_TEST

static ct_tensor *cut(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_mul(ct_detach(in[0]), in[2]);
}

static void starve(ct_function fn, ct_tensor *const *in, ct_verdict want, int64_t n)
{
    ct_memory before = ct_memory_stats();
    ct__fail_allocation(n, true);
    ct_verdict verdict = ct_gradcheck_graph(fn, NULL, in, 3, &report);
    ct__fail_allocation(0, false);
    bool failed = ct_error_code() != CT_OK;
    ck_assert(!failed || ct_error_code() == CT_ERROR_MEMORY);
    ck_assert_int_eq(verdict, failed ? CT_VACUOUS : want);
    ct_gradcheck_report_free(&report);
    ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    ck_assert_int_eq(ct_memory_stats().scope_depth, before.scope_depth);
}

/* Every allocation of a check fails in turn, all of the first, then fewer, since they repeat themselves; the graph check calls what the
 * others call. */
START_TEST(test_no_memory)
{
    ct_tensor *in[] = {f64(CT_SHAPE(1, 2), 1), f64(CT_SHAPE(2, 1), 2), f64(CT_SHAPE(1), 3)};
    const ct_function functions[] = {smooth, cut}; /* a right one and a wrong one */
    for (int i = 0; i < 2; i++) {
        int64_t failures = 0;
        for (int64_t n = 1; failures == 0 || ct_error_code() != CT_OK; n += 1 + n / (is_quick() ? 5 : 50)) {
            ct_error_clear();
            starve(functions[i], in, i == 0 ? CT_PASS : CT_FAIL, n);
            failures += ct_error_code() != CT_OK;
        }
        ck_assert_int_gt(failures, 10);
    }
}
END_TEST

/* Every single one, of the check that compares what was before with what is after: a sum for which there was no memory is no change. */
START_TEST(no_memory_is_no_change)
{
    ct_tensor *x = f64(CT_SHAPE(2), 1);
    int64_t n = 0;
    do {
        ct_error_clear();
        ct__fail_allocation(++n, true);
        ct_verdict verdict = ct_gradcheck(tanh_of, NULL, &x, 1, &report, .checks = CT_CHECK_UNCHANGED, .order = 1);
        ct__fail_allocation(0, false);
        ck_assert_int_eq(verdict, ct_error_code() == CT_OK ? CT_PASS : CT_VACUOUS);
        ct_gradcheck_report_free(&report);
    } while (ct_error_code() != CT_OK);
    ck_assert_int_gt(n, 10);
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
    tcase_add_test(tcase, test_vacuous);
    tcase_add_test(tcase, test_nondeterministic);
    tcase_add_test(tcase, test_resolution);
    tcase_add_test(tcase, test_noise_of_notes_ratio);
    tcase_add_test(tcase, test_far_from_one);
    tcase_add_test(tcase, test_float32);
    tcase_add_test(tcase, test_errors);
    tcase_add_test(tcase, test_no_memory);
    tcase_add_test(tcase, no_memory_is_no_change);
    tcase_add_test(tcase, test_speed);
    suite_add_tcase(suite, tcase);
    return suite;
}
