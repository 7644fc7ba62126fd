/* Shortcuts against their definitions: a record with an expression and a forward beside it must give the same by either, to the
 * second derivative. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/gradcheck.h>
#include <math.h>
#include <string.h>

static const ct_op *shortcut(int index)
{
    int n, found = 0;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < n; i++)
        if (ops[i]->expression && ops[i]->forward && found++ == index)
            return ops[i];
    return NULL;
}

/* With results one at a time, other layouts and float32, which are held against these in turn. */
enum { COMPARED = CT_CHECK_DEFINITION | CT_CHECK_MISSING | CT_CHECK_LAYOUTS | CT_CHECK_FLOAT32 };

START_TEST(a_shortcut_gives_what_its_definition_gives)
{
    ct_gradcheck_report report = {0};
    for (uint64_t seed = 0; seed < 8; seed++) {
        ct_verdict verdict =
            ct_gradcheck_op(shortcut(_i), &report, .order = 2, .seed = seed, .checks = COMPARED, .mode = CT_FAST);
        ck_assert_msg(ct_verdict_good(verdict), "%s", report.cause);
        ck_assert_int_gt(report.structural, 0);
    }
    ct_gradcheck_report_free(&report);
}
END_TEST

/* ---- the mechanism itself, on a record of its own: x^3, with a shortcut that tells itself apart ---- */

static int forwards, backwards;
static double scale = 1; /* else backward is wrong */
static double raised;    /* else forward is */

static ct_tensor *cube_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return ct_mul(ct_square(x), x);
}

static ct_status cube_infer(ct_call *call)
{
    ct_status status = ct_call_output_like(call, 0, ct_call_input(call, 0));
    return status == CT_OK ? ct_call_output_like(call, 1, ct_call_input(call, 0)) : status;
}

/* The hidden output is 3 x^2. */
static ct_status cube_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0);
    double *y = CT_OUTPUT(double, call, 0), *slope = CT_OUTPUT(double, call, 1);
    if (!x || !y || !slope)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++) {
        y[i] = x[i] * x[i] * x[i] + raised;
        slope[i] = 3 * x[i] * x[i];
    }
    forwards++;
    return CT_OK;
}

static ct_status cube_backward(ct_call *call)
{
    const double *g = ct_call_grad_output_data(call, 0), *slope = ct_data(ct_call_output(call, 1));
    double *to = ct_call_grad_input_data(call, 0);
    if (!g || !slope || !to)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_output(call, 1)); i++)
        to[i] = scale * g[i] * slope[i];
    backwards++;
    return CT_OK;
}

static const ct_op cube = {.name = "cube",
                           .gradient = "3 g x^2",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .saves = CT_SAVE_OUTPUT(1),
                           .hidden = 1,
                           .infer = cube_infer,
                           .forward = cube_forward,
                           .backward = cube_backward,
                           .expression = cube_expression,
                           .samples = (const ct_sample[]){{.inputs = "3x2"}, {.inputs = "scalar"}, {0}}};

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(value), CT_SHAPE(1)), true);
}

static ct_tensor *run_cube(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_apply(&cube, in, 1, NULL);
}

START_TEST(an_ordinary_pass_takes_the_shortcut)
{
    forwards = backwards = 0;
    ct_tensor *x = leaf(2), *y = ct_apply(&cube, &x, 1, NULL);
    ck_assert_int_eq(ct_graph_nodes(y, NULL, 0), 1);
    ck_assert_int_eq(ct_backward(y), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(1), CT_VALUES(12));
    ck_assert_int_eq(forwards, 1);
    ck_assert_int_eq(backwards, 1);
}
END_TEST

START_TEST(definitions_can_be_asked_for)
{
    forwards = backwards = 0;
    ck_assert(!ct_use_definitions(true));
    ct_tensor *x = leaf(2), *y = ct_apply(&cube, &x, 1, NULL);
    ck_assert(ct_use_definitions(false));
    ck_assert_int_eq(ct_graph_nodes(y, NULL, 0), 2);
    ck_assert_int_eq(ct_backward(y), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(1), CT_VALUES(12));
    ck_assert_int_eq(forwards + backwards, 0);
}
END_TEST

/* x = z^2 behind it: gradients of gradients go on to what was there before the operation, to the third order. */
START_TEST(a_recorded_backward_takes_the_definition)
{
    forwards = backwards = 0;
    ct_tensor *z = leaf(2), *x = ct_square(z), *y = ct_apply(&cube, &x, 1, NULL), *g = NULL; /* z^6 */
    for (int order = 1; order <= 3; order++) {
        ck_assert_int_eq(ct_grad(&y, 1, &z, 1, &g, .create_graph = true), CT_OK);
        y = g;
        expect_tensor(g, CT_FLOAT64, CT_SHAPE(1), CT_VALUES(order == 1 ? 192 : order == 2 ? 480 : 960));
    }
    ck_assert_int_eq(forwards, 1);
    ck_assert_int_eq(backwards, 0);
}
END_TEST

START_TEST(a_shortcut_of_ones_own_is_checked)
{
    ck_assert_int_eq(ct_gradcheck(run_cube, NULL, &(ct_tensor *){leaf(2)}, 1, NULL, .order = 2), CT_PASS);
    scale = 2;
    ck_assert_int_eq(ct_gradcheck(run_cube, NULL, &(ct_tensor *){leaf(2)}, 1, NULL, .order = 2), CT_FAIL);
    scale = 1;
}
END_TEST

START_TEST(a_shortcut_that_is_off_is_held_against_its_definition)
{
    static const struct {
        double scale, raised;
        const char *check, *cause;
    } rows[] = {{1, 0, "", ""},
                {1 + 1e-11, 0, "definition", "of the gradient is"},
                {1, 1e-11, "definition", "of result 0 is"},
                {1, NAN, "definition", "its definition says"}};
    ct_gradcheck_report report = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scale = rows[i].scale;
        raised = rows[i].raised;
        bool right = !*rows[i].check;
        ct_verdict verdict = ct_gradcheck_op(&cube, &report, .order = 2, .checks = CT_CHECK_DEFINITION);
        ck_assert_msg(ct_verdict_good(verdict) == right, "row %d: %s", (int)i, ct_verdict_name(verdict));
        ck_assert_msg(strstr(report.cause, rows[i].cause) != NULL, "%s", report.cause);
        verdict = ct_gradcheck_op(&cube, NULL, .checks = CT_CHECK_VALUE_ONLY);
        ck_assert_int_eq(verdict, scale == 1 && !isnan(raised) ? CT_PASS : CT_FAIL); /* which sees no constant */
    }
    scale = 1;
    raised = 0;
    ct_gradcheck_report_free(&report);
}
END_TEST

START_TEST(an_input_that_has_changed_is_refused)
{
    ct_tensor *x = leaf(2), *g = NULL, *y = ct_apply(&cube, &x, 1, NULL);
    ct_no_grad_begin();
    ck_assert_int_eq(ct_fill_(x, 3), CT_OK);
    ct_no_grad_end();
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &g, .create_graph = true), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "backward of 'cube'");
}
END_TEST

/* ---- the same bits whatever the threads, and both ways where the work is cut into tasks ---- */

static ct_tensor *large_layer_norm(ct_tensor *const *in)
{
    return ct_layer_norm(in[0], in[1], in[2], .axes = 1);
}

static ct_tensor *large_rms_norm(ct_tensor *const *in)
{
    return ct_rms_norm(in[0], in[1], .axes = 1);
}

static ct_tensor *large_batch_norm(ct_tensor *const *in)
{
    return ct_batch_norm(in[0], in[1], in[2]);
}

static ct_tensor *large_group_norm(ct_tensor *const *in)
{
    return ct_group_norm(in[0], 3, in[1], in[2]);
}

static ct_tensor *large_instance_norm(ct_tensor *const *in)
{
    return ct_instance_norm(in[0], in[1], in[2]);
}

enum { INPUTS = 21, HIDDEN = 35 };
#define WEIGHTS(gates) ((gates)*HIDDEN * (INPUTS + HIDDEN + 2))

static ct_tensor *cut(ct_tensor *from, int64_t *at, const int64_t *shape, int rank)
{
    int64_t n = shape[0] * (rank == 2 ? shape[1] : 1), begin = *at;
    *at += n;
    return ct_reshape(ct_slice(from, 0, begin, begin + n, 1), shape, rank);
}

/* The weights of a layer, all in one row. */
static void cut_weights(ct_tensor *from, int64_t gates, ct_tensor **w)
{
    int64_t at = 0, rows = gates * HIDDEN;
    w[0] = cut(from, &at, CT_SHAPE(rows, INPUTS));
    w[1] = cut(from, &at, CT_SHAPE(rows, HIDDEN));
    w[2] = cut(from, &at, CT_SHAPE(rows));
    w[3] = cut(from, &at, CT_SHAPE(rows));
}

static ct_tensor *large_rnn(ct_tensor *const *in)
{
    ct_tensor *w[4];
    cut_weights(in[1], 1, w);
    return ct_rnn(in[0], NULL, w, 4);
}

static ct_tensor *large_lstm(ct_tensor *const *in)
{
    ct_tensor *w[4];
    cut_weights(in[1], 4, w);
    return ct_lstm(in[0], NULL, NULL, w, 4);
}

static ct_tensor *large_gru(ct_tensor *const *in)
{
    ct_tensor *w[4];
    cut_weights(in[1], 3, w);
    return ct_gru(in[0], NULL, w, 4);
}

static const struct {
    test_expression f;
    int64_t shape[4], weight;
    int rank;
} large[] = {{large_layer_norm, {130, 5, 303}, 303, 3},     {large_rms_norm, {650, 301}, 301, 2},
             {large_batch_norm, {5, 6, 41, 43}, 6, 4},      {large_group_norm, {7, 6, 41, 43}, 6, 4},
             {large_instance_norm, {7, 6, 41, 43}, 6, 4},   {large_rnn, {9, 240, INPUTS}, WEIGHTS(1), 3},
             {large_lstm, {9, 240, INPUTS}, WEIGHTS(4), 3}, {large_gru, {9, 240, INPUTS}, WEIGHTS(3), 3}};

static void run_large(int i, ct_dtype dtype, bool create, ct_tensor **results)
{
    ct_tensor *in[3] = {numbers(dtype, large[i].shape, large[i].rank, 1), numbers(dtype, &large[i].weight, 1, 2),
                        numbers(dtype, &large[i].weight, 1, 3)};
    for (int k = 0; k < 3; k++)
        ct_set_requires_grad(in[k], true);
    results[3] = large[i].f(in);
    ct_tensor *root = ct_sum(ct_mul(results[3], numbers(dtype, ct_shape(results[3]), ct_rank(results[3]), 7)));
    ck_assert_int_eq(ct_grad(&root, 1, in, 3, results, .create_graph = create, .allow_unused = true), CT_OK);
}

START_TEST(large_ones)
{
    int threads = ct_num_threads();
    for (ct_dtype dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *one[4] = {NULL}, *three[4] = {NULL}, *defined[4] = {NULL};
        ct_set_num_threads(1);
        run_large(_i, dtype, false, one);
        run_large(_i, dtype, true, defined);
        ct_set_num_threads(3);
        run_large(_i, dtype, false, three);
        ct_set_num_threads(threads);
        for (int k = 0; k < 3; k++)
            if (one[k] || defined[k])
                expect_close(one[k], defined[k], dtype == CT_FLOAT64 ? 1e-12 : 2e-4);
        for (int k = 0; k < 4; k++)
            ck_assert(!one[k] ||
                      memcmp(ct_data(one[k]), ct_data(three[k]), (size_t)ct_numel(one[k]) * ct_dtype_size(dtype)) == 0);
    }
}
END_TEST

Suite *ct_suite_definition(void)
{
    int n = 0;
    while (shortcut(n))
        n++;
    Suite *suite = suite_create("definition");
    TCase *tcase = tcase_create("definition");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, a_shortcut_gives_what_its_definition_gives, 0, n);
    tcase_add_test(tcase, an_ordinary_pass_takes_the_shortcut);
    tcase_add_test(tcase, definitions_can_be_asked_for);
    tcase_add_test(tcase, a_recorded_backward_takes_the_definition);
    tcase_add_test(tcase, a_shortcut_of_ones_own_is_checked);
    tcase_add_test(tcase, a_shortcut_that_is_off_is_held_against_its_definition);
    tcase_add_test(tcase, an_input_that_has_changed_is_refused);
    tcase_add_loop_test(tcase, large_ones, 0, (int)(sizeof large / sizeof *large));
    suite_add_tcase(suite, tcase);
    return suite;
}
