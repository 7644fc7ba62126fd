/* The checker beyond tensors and the second order: raw pairs, records for float32 alone, the third order, reports for programs. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/gradcheck.h>
#include <math.h>
#include <string.h>

static ct_gradcheck_report report;

static void open_report(void)
{
    ct_scope_open();
    report = (ct_gradcheck_report){0};
}

static void close_report(void)
{
    ct_gradcheck_report_free(&report);
    ct_scope_close();
}

/* ---- y = (sum of a_i b_i^2, sum of a_i), with what a test gets wrong ---- */

typedef struct wrong {
    double factor;
    bool adds, writes_input, not_linear;
} wrong;

enum { SIZE = 3 };

static void pair_forward(const double *const *x, double *y, void *user)
{
    y[0] = y[1] = 0;
    for (int i = 0; i < SIZE; i++) {
        y[0] += x[0][i] * x[1][i] * x[1][i];
        y[1] += x[0][i];
    }
    if (((const wrong *)user)->writes_input)
        ((double *)(uintptr_t)x[0])[0] += 1;
}

static void pair_backward(const double *const *x, const double *g, double *const *gx, void *user)
{
    const wrong *w = user;
    for (int i = 0; i < SIZE; i++) {
        double a = g[0] * x[1][i] * x[1][i] + g[1], b = w->factor * 2 * g[0] * x[0][i] * x[1][i];
        gx[0][i] = w->adds ? gx[0][i] + a : a;
        gx[1][i] = b + (w->not_linear ? 1 : 0);
    }
}

static ct_verdict check(wrong w)
{
    return ct_gradcheck_raw(pair_forward, pair_backward, CT_SHAPE(SIZE, SIZE), 2, NULL, &w, &report);
}

START_TEST(a_right_pair_passes)
{
    ck_assert_msg(check((wrong){.factor = 1}) == CT_PASS, "%s", report.cause);
    ck_assert_int_eq(report.elements, 2 * SIZE);
    ck_assert_int_eq(check((wrong){.factor = 1, .adds = true}), CT_PASS);
}
END_TEST

static void sum_squares(const double *const *x, double *y, void *n)
{
    y[0] = 0;
    for (int i = 0; i < *(int *)n; i++)
        y[0] += x[i][0] * x[i][0];
}

static void sum_squares_backward(const double *const *x, const double *g, double *const *gx, void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        gx[i][0] = 2 * x[i][0] * g[0];
}

/* As many as a record can save, and no more. */
START_TEST(a_pair_has_up_to_48_inputs)
{
    int64_t sizes[49];
    for (int i = 0; i < 49; i++)
        sizes[i] = 1;
    int n = 48;
    ct_verdict verdict = ct_gradcheck_raw(sum_squares, sum_squares_backward, sizes, n, 1, NULL, &n, &report);
    ck_assert_msg(verdict == CT_PASS, "%s %s", ct_error_message(), report.cause);
    ck_assert_int_eq(report.elements, 48);
    n = 49;
    ct_gradcheck_raw(sum_squares, sum_squares_backward, sizes, n, 1, NULL, &n, &report);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck_raw: 49 inputs, takes 1 to 48");
}
END_TEST

START_TEST(a_wrong_pair_is_told_in_words)
{
    ck_assert_int_eq(check((wrong){.factor = 0.5}), CT_FAIL);
    ck_assert_int_eq(report.argument, 1);
    ck_assert_msg(strstr(report.cause, "a factor 2 is missing"), "%s", report.cause);
    ck_assert_int_eq(check((wrong){.factor = 1, .writes_input = true}), CT_FAIL);
    ck_assert_str_eq(report.check, "unchanged");
    ck_assert_int_eq(check((wrong){.factor = 1, .not_linear = true}), CT_FAIL);
    ck_assert_str_eq(report.check, "linear");
}
END_TEST

START_TEST(values_may_be_given)
{
    const double a[] = {1, 2, 3}, *const at[] = {a, NULL};
    wrong w = {.factor = 0.5};
    ck_assert_int_eq(ct_gradcheck_raw(pair_forward, pair_backward, CT_SHAPE(SIZE, SIZE), 2, at, &w, &report), CT_FAIL);
    ck_assert_int_eq(ct_gradcheck_raw(pair_forward, pair_backward, CT_SHAPE(SIZE, SIZE), 2, at, &w, &report,
                                      .mode = CT_FAST, .seed = 3),
                     CT_FAIL);
}
END_TEST

static void nothing_forward(const double *const *x, double *y, void *user)
{
    (void)x, (void)y, (void)user;
}

static void nothing_backward(const double *const *x, const double *g, double *const *gx, void *user)
{
    (void)x, (void)g, (void)gx, (void)user;
}

START_TEST(what_cannot_be_checked_is_said)
{
    ck_assert_int_eq(ct_gradcheck_raw(nothing_forward, nothing_backward, CT_SHAPE(0), 0, NULL, NULL, &report),
                     CT_VACUOUS);
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ct_gradcheck_raw(NULL, nothing_backward, CT_SHAPE(2), 1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_raw: forward is NULL");
    ct_gradcheck_raw(nothing_forward, NULL, CT_SHAPE(2), 1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_raw: backward is NULL");
    ct_gradcheck_raw(nothing_forward, nothing_backward, NULL, 1, 1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_NULL, "gradcheck_raw: sizes are NULL");
    ct_gradcheck_raw(nothing_forward, nothing_backward, CT_SHAPE(2, -1), 1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_SHAPE, "gradcheck_raw: input 1 has a size of -1");
    ct_gradcheck_raw(nothing_forward, nothing_backward, CT_SHAPE(2), -1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_SHAPE, "gradcheck_raw: -1 results");
    ct_gradcheck_raw(nothing_forward, nothing_backward, NULL, 0, 1, NULL, NULL, &report);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck_raw: 0 inputs");
    ct_gradcheck_raw(nothing_forward, nothing_backward, CT_SHAPE(2), 1, NULL, NULL, &report, .order = 2);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck_raw: order 2");
}
END_TEST

/* ---- float32 ---- */

enum { FLOATS = 12 };

static void float_forward(const float *const *x, float *y, void *user)
{
    (void)user;
    for (int i = 0; i < FLOATS; i++)
        y[i] = expf(x[0][i]);
}

static void float_backward(const float *const *x, const float *g, float *const *gx, void *user)
{
    for (int i = 0; i < FLOATS; i++)
        gx[0][i] = g[i] * expf(x[0][i]) * *(const float *)user;
}

static ct_verdict check_float(float factor, ct_gradcheck_mode mode, uint64_t seed)
{
    return ct_gradcheck_raw_float(float_forward, float_backward, CT_SHAPE(FLOATS), FLOATS, NULL, &factor, &report,
                                  .mode = mode, .seed = seed);
}

START_TEST(a_float_pair_is_judged_by_its_noise)
{
    ct_gradcheck_mode mode = _i % 2 ? CT_FAST : CT_FULL;
    uint64_t seed = (uint64_t)_i / 2;
    ck_assert_msg(check_float(1, mode, seed) == CT_PASS, "%s", report.cause);
    double resolution = report.tensors[0].resolution;
    ck_assert_msg(resolution > 1e-7 && resolution < 1e-3, "%g", resolution);
    ck_assert_int_eq(check_float(1 + 2 * (float)resolution, mode, seed), CT_FAIL);
}
END_TEST

static ct_status narrow_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status narrow_forward(ct_call *call)
{
    const float *x = CT_INPUT(float, call, 0);
    float *y = CT_OUTPUT(float, call, 0);
    if (!x || !y)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++)
        y[i] = x[i] * x[i];
    return CT_OK;
}

static double narrow_factor;

static ct_status narrow_backward(ct_call *call)
{
    ct_tensor *slope = ct_mul_scalar(ct_call_input(call, 0), narrow_factor);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), slope));
}

static const ct_op narrow = {.name = "narrow_square",
                             .gradient = "2 g x",
                             .min_inputs = 1,
                             .max_inputs = 1,
                             .saves = CT_SAVE_INPUT(0),
                             .takes = {CT_ONLY(CT_FLOAT32)},
                             .infer = narrow_infer,
                             .forward = narrow_forward,
                             .backward = narrow_backward,
                             .samples = (const ct_sample[]){{.inputs = "3x4"}, {0}}};

START_TEST(a_record_for_float32_alone_is_checked)
{
    narrow_factor = 2;
    ck_assert_msg(ct_gradcheck_op(&narrow, &report, .order = 2) == CT_PASS, "%s", report.cause);
    narrow_factor = 2.001;
    ck_assert_int_eq(ct_gradcheck_op(&narrow, &report), CT_FAIL);
}
END_TEST

/* ---- the third order: x^4, 4 x^3, 12 x^2, whose derivative is 24 x ---- */

static double last_factor;
static const ct_op powers[3];

static ct_status power_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0);
    double *y = CT_OUTPUT(double, call, 0);
    int64_t left = *(const int64_t *)ct_call_attributes(call);
    static const double factors[] = {1, 4, 12};
    if (!x || !y)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++)
        y[i] = factors[left] * pow(x[i], (double)(4 - left));
    return CT_OK;
}

static ct_status power_backward(ct_call *call)
{
    int64_t next = *(const int64_t *)ct_call_attributes(call) + 1;
    ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *slope = next < 3 ? ct_apply(&powers[0], &x, 1, &next) : ct_mul_scalar(x, last_factor);
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), slope));
}

static const ct_op powers[3] = {{.name = "fourth_power",
                                 .gradient = "4 g x^3",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .saves = CT_SAVE_INPUT(0),
                                 .attributes_size = sizeof(int64_t),
                                 .takes = {CT_ONLY(CT_FLOAT64)},
                                 .infer = narrow_infer,
                                 .forward = power_forward,
                                 .backward = power_backward}};

static ct_tensor *fourth_power(ct_tensor *const *x, int n, void *user)
{
    (void)n, (void)user;
    return ct_apply(&powers[0], x, 1, &(int64_t){0});
}

static ct_verdict check_power(int order)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(4), 1);
    return ct_gradcheck(fourth_power, NULL, &x, 1, &report, .order = order);
}

START_TEST(the_third_order_is_measured)
{
    last_factor = 24;
    ck_assert_msg(check_power(3) == CT_PASS, "%s", report.cause);
    ck_assert_int_eq(report.tensors[report.n_tensors - 1].order, 3);
    last_factor = 25;
    ck_assert_int_eq(check_power(2), CT_PASS);
    ck_assert_int_eq(check_power(3), CT_FAIL);
    ck_assert_str_eq(report.check, "third-order gradient");
    check_power(4);
    expect_error(NULL, CT_ERROR_ARGUMENT, "gradcheck: order out of range");
}
END_TEST

/* ---- a penalty: the function calls ct_grad() itself ---- */

static ct_tensor *penalty(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    ct_tensor *y = ct_sum(ct_mul(ct_tanh(x[0]), x[0])), *g = NULL;
    if (ct_grad(&y, 1, x, 1, &g, .create_graph = !user, .retain_graph = true) != CT_OK)
        return NULL;
    return ct_add(y, ct_sum(ct_square(g)));
}

START_TEST(a_function_may_differentiate)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(5), 1);
    ck_assert_msg(ct_gradcheck(penalty, NULL, &x, 1, &report, .order = 2) == CT_PASS, "%s", report.cause);
    ck_assert_int_eq(ct_gradcheck(penalty, &x, &x, 1, &report), CT_FAIL);
}
END_TEST

/* ---- reports for programs ---- */

static void written(char *text, size_t size, const ct_gradcheck_report *reports, int n)
{
    FILE *stream = fmemopen(text, size, "w");
    ck_assert_int_eq(n ? ct_gradcheck_write_junit(reports, n, stream) : ct_gradcheck_write_json(reports, stream),
                     CT_OK);
    fclose(stream);
}

START_TEST(reports_are_written_for_programs)
{
    static char text[20000];
    check((wrong){.factor = 0.5});
    written(text, sizeof text, &report, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"verdict\": \"FAIL\""));
    ck_assert_ptr_nonnull(strstr(text, "\"cause\": \"a factor 2 is missing"));
    /* JSON has no NaN: what is none is null. */
    check((wrong){.factor = NAN});
    written(text, sizeof text, &report, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"computed\": null"));
    ck_assert_ptr_null(strstr(text, "\"computed\": 0.0,"));
    report.seed = UINT64_MAX; /* JSON's integers are signed */
    written(text, sizeof text, &report, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"seed\": \"18446744073709551615\""));
    report.seed = 7;
    written(text, sizeof text, &report, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"seed\": 7,"));
    check((wrong){.factor = 0.5});
    ct_gradcheck_report all[] = {report, {.verdict = CT_PASS, .subject = "<&\">"}, {0}};
    written(text, sizeof text, all, 3);
    ck_assert_ptr_nonnull(strstr(text, "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    ck_assert_ptr_nonnull(strstr(text, "name=\"&lt;&amp;&quot;&gt;\""));
    ck_assert_int_eq(ct_gradcheck_write_json(NULL, stdout), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_gradcheck_write_junit(NULL, 1, stdout), CT_ERROR_NULL);
    ct_error_clear();
}
END_TEST

Suite *ct_suite_raw(void)
{
    Suite *suite = suite_create("raw");
    TCase *tcase = tcase_create("raw");
    tcase_add_checked_fixture(tcase, open_report, close_report);
    tcase_add_test(tcase, a_right_pair_passes);
    tcase_add_test(tcase, a_pair_has_up_to_48_inputs);
    tcase_add_test(tcase, a_wrong_pair_is_told_in_words);
    tcase_add_test(tcase, values_may_be_given);
    tcase_add_test(tcase, what_cannot_be_checked_is_said);
    tcase_add_loop_test(tcase, a_float_pair_is_judged_by_its_noise, 0, 20);
    tcase_add_test(tcase, a_record_for_float32_alone_is_checked);
    tcase_add_test(tcase, the_third_order_is_measured);
    tcase_add_test(tcase, a_function_may_differentiate);
    tcase_add_test(tcase, reports_are_written_for_programs);
    suite_add_tcase(suite, tcase);
    return suite;
}
