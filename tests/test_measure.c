/* Finite differences beside the gradients of a trace: what agrees, what does not, and what cannot be measured. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ct_tensor *leaf(ct_dtype dtype, const char *name, const int64_t *shape, int rank)
{
    return ct_name(ct_set_requires_grad(ct_randn(dtype, 0, 1, shape, rank), true), name);
}

/* Measures, and ends the trace. */
static ct_trace_log *measured(void)
{
    ck_assert_msg(ct_trace_measure_gradients() == CT_OK, "%s", ct_error_message());
    ct_trace_log *trace = ct_trace_end();
    ck_assert_msg(trace != NULL, "%s", ct_error_message());
    return trace;
}

static ct_trace_verdict verdict_at(const ct_trace_log *trace, const char *name)
{
    const ct_trace_node *node = ct_trace_node_at(trace, ct_trace_find(trace, name));
    ck_assert_msg(node != NULL, "no tensor is named %s", name);
    return node->measure.verdict;
}

/* How many tensors have a gradient; each has that verdict. */
static int expect_all(const ct_trace_log *trace, ct_trace_verdict wanted)
{
    int n = 0;
    for (int64_t id = 0; id < ct_trace_nodes(trace); id++) {
        const ct_trace_node *node = ct_trace_node_at(trace, id);
        if (node->state != CT_GRADIENT_NUMBER && node->state != CT_GRADIENT_ZERO)
            continue;
        n++;
        ck_assert_msg(node->measure.verdict == wanted, "%s %s: %d, by the gradient %g, measured %g and %g", node->op,
                      node->name ? node->name : "", (int)node->measure.verdict, node->measure.along, node->measure.left,
                      node->measure.right);
    }
    return n;
}

/* A classifier with labels, a mask, several outputs of one operation, a broadcast and a fork. */
static void traced_network(ct_dtype dtype)
{
    ct_tensor *x = ct_randn(dtype, 0, 1, CT_SHAPE(5, 6)), *labels = ct_arange(CT_INT64, 0, 1, 5);
    ct_tensor *w = leaf(dtype, "w", CT_SHAPE(6, 8)), *b = leaf(dtype, "b", CT_SHAPE(8));
    ct_tensor *v = leaf(dtype, "v", CT_SHAPE(4, 7)), *parts[2];
    ct_trace_begin();
    ct_tensor *h = ct_tanh(ct_add(ct_matmul(x, w), b));
    ct_split(h, (const int64_t[]){4, 4}, 2, 1, parts);
    h = ct_mul(parts[0], ct_sigmoid(parts[1]));
    h = ct_where(ct_gt(h, ct_zeros_like(h)), ct_mul_scalar(h, 2), h);
    ct_backward(ct_name(ct_cross_entropy(ct_matmul(h, v), labels), "loss"));
}

START_TEST(every_gradient_is_measured)
{
    traced_network(_i ? CT_FLOAT64 : CT_FLOAT32);
    ct_random_state before = ct_random_get();
    ct_trace_log *trace = measured();
    ck_assert_int_ge(expect_all(trace, CT_TRACE_AGREES), 12);
    ck_assert_ptr_null(ct_trace_unmeasured(trace));
    ck_assert(memcmp(&before, &(ct_random_state){ct_random_get().seed, ct_random_get().counter}, sizeof before) == 0);
    FILE *file = tmpfile();
    ck_assert(file && ct_trace_write_json(trace, file) == CT_OK);
    rewind(file);
    ct_trace_log *again = ct_trace_read_json(file);
    ck_assert_msg(again != NULL, "%s", ct_error_message());
    ck_assert_int_eq(verdict_at(again, "w"), CT_TRACE_AGREES);
    fclose(file);
    ct_trace_free(again);
    const ct_trace_measure *m = &ct_trace_node_at(trace, ct_trace_find(trace, "w"))->measure;
    ck_assert(fabs(m->along - (m->left + m->right) / 2) <= 1e-5 * fabs(m->along) && m->along != 0);
    ct_trace_free(trace);
}
END_TEST

START_TEST(nothing_of_the_program_changes)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(3));
    ct_trace_begin();
    ct_backward(ct_sum(ct_square(x)));
    double before = ct_get(ct_grad_of(x), CT_SHAPE(1));
    int64_t live = ct_memory_stats().live_tensors;
    ct_trace_measure_gradients();
    ck_assert_int_eq(ct_memory_stats().live_tensors, live);
    ct_trace_log *trace = ct_trace_end();
    ck_assert(ct_get(ct_grad_of(x), CT_SHAPE(1)) == before && ct_grad_enabled());
    ck_assert_int_eq(ct_trace_nodes(trace), 3);
    ct_trace_free(trace);
}
END_TEST

/* ---- what is wrong ---- */

static ct_status square_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status square_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = x[k] * x[k];
    return CT_OK;
}

static ct_status square_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_call_input(call, 0)));
}

static const ct_op wrong_square = {
    .name = "wrong_square",
    .gradient = "g x, and should be 2 g x",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .takes = {CT_ONLY(CT_FLOAT64)},
    .infer = square_infer,
    .forward = square_forward,
    .backward = square_backward,
};

START_TEST(a_wrong_backward_shows_from_there_on)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(4, 5));
    ct_trace_begin();
    ct_tensor *before = ct_name(ct_sin(x), "before");
    ct_tensor *behind = ct_name(ct_apply(&wrong_square, CT_TENSORS(before), NULL), "behind");
    ct_backward(ct_name(ct_sum(ct_exp(behind)), "sum"));
    ct_trace_log *trace = measured();
    ck_assert_int_eq(verdict_at(trace, "sum"), CT_TRACE_AGREES);
    ck_assert_int_eq(verdict_at(trace, "behind"), CT_TRACE_AGREES);
    ck_assert_int_eq(verdict_at(trace, "before"), CT_TRACE_DIFFERS);
    ck_assert_int_eq(verdict_at(trace, "x"), CT_TRACE_DIFFERS);
    ct_trace_free(trace);
}
END_TEST

START_TEST(what_was_detached_is_data)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(3));
    ct_trace_begin();
    ct_backward(ct_sum(ct_mul(ct_square(x), ct_detach(ct_exp(x)))));
    ct_trace_log *trace = measured();
    ck_assert_int_eq(verdict_at(trace, "x"), CT_TRACE_AGREES);
    ct_trace_free(trace);
}
END_TEST

START_TEST(kinks_are_told)
{
    ct_tensor *x = ct_name(ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(30)), true), "x");
    ct_trace_begin();
    ct_backward(ct_sum(ct_relu(ct_reshape(x, CT_SHAPE(5, 6)))));
    ct_trace_log *trace = measured();
    ck_assert_int_eq(verdict_at(trace, "x"), CT_TRACE_KINK);
    ct_trace_free(trace);
}
END_TEST

static ct_status relu_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = fmax(x[k], 0);
    return CT_OK;
}

/* Twice as much as it should where x is above 0, and nothing wrong at 0. */
static ct_status relu_backward(ct_call *call)
{
    ct_tensor *g = ct_mul_scalar(ct_call_grad_output(call, 0), 2), *x = ct_call_input(call, 0),
              *zero = ct_zeros_like(x);
    return ct_call_set_grad(call, 0, ct_where(ct_gt(x, zero), g, zero));
}

START_TEST(a_kink_excuses_no_wrong_backward)
{
    ct_op relu = wrong_square;
    relu.forward = relu_forward;
    relu.backward = relu_backward;
    ct_tensor *x = ct_name(ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(30)), true), "x");
    ct_trace_begin();
    ct_backward(ct_sum(ct_apply(&relu, CT_TENSORS(x), NULL)));
    ct_trace_log *trace = measured();
    ck_assert_int_eq(verdict_at(trace, "x"), CT_TRACE_DIFFERS);
    ct_trace_free(trace);
}
END_TEST

/* ---- what cannot be measured ---- */

static void expect_unmeasured(const char *words)
{
    ct_trace_log *trace = measured();
    const char *why = ct_trace_unmeasured(trace);
    ck_assert_msg(why && strstr(why, words), "'%s' and not '%s'", why ? why : "NULL", words);
    expect_all(trace, CT_TRACE_UNMEASURED);
    ct_trace_free(trace);
}

static ct_status another_each_time(ct_call *call)
{
    double *y = ct_call_output_data(call, 0);
    for (int64_t k = 0; k < ct_numel(ct_call_output(call, 0)); k++)
        y[k] = ldexp((double)(ct_random_u64() >> 11), -53);
    return CT_OK;
}

START_TEST(what_is_random_is_not_measured)
{
    ct_op noise = wrong_square;
    noise.forward = another_each_time;
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(50));
    ct_trace_begin();
    ct_backward(ct_sum(ct_apply(&noise, CT_TENSORS(x), NULL)));
    expect_unmeasured("it draws random numbers");
}
END_TEST

START_TEST(a_mask_that_was_drawn_is_data)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(50));
    ct_trace_begin();
    ct_backward(ct_sum(ct_square(ct_dropout(x, 0.5, true))));
    ct_trace_log *trace = measured();
    ck_assert_int_ge(expect_all(trace, CT_TRACE_AGREES), 4);
    ct_trace_free(trace);
}
END_TEST

START_TEST(what_has_changed_is_not_measured)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(3));
    ct_trace_begin();
    ct_backward(ct_sum(ct_square(x)));
    ct_fill_(x, 1);
    expect_unmeasured("has been changed since");
}
END_TEST

START_TEST(a_long_chain_is_measured_as_far_as_it_pays)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", NULL, 0), *y = x;
    ct_trace_begin();
    for (int i = 0; i < 1000; i++)
        y = ct_sin(y);
    ct_backward(y);
    ct_trace_log *trace = measured();
    ck_assert_int_eq(verdict_at(trace, "x"), CT_TRACE_AGREES);
    ck_assert(ct_trace_unmeasured(trace) && strstr(ct_trace_unmeasured(trace), "too many operations"));
    ck_assert_int_eq(ct_trace_node_at(trace, 999)->measure.verdict, CT_TRACE_UNMEASURED);
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_result_of_several_numbers_is_not_measured)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(3));
    ct_trace_begin();
    ct_backward(ct_square(x), .gradient = ct_ones_like(x));
    expect_unmeasured("not one finite number");
}
END_TEST

START_TEST(what_fails_in_float64_is_said)
{
    ct_tensor *x = leaf(CT_FLOAT32, "x", CT_SHAPE(3));
    ct_trace_begin();
    ct_backward(ct_sum(ct_add(ct_cast(ct_cast(x, CT_FLOAT64), CT_FLOAT32), x)));
    expect_unmeasured("dtypes differ");
    ck_assert_int_eq(ct_error_code(), CT_OK);
}
END_TEST

START_TEST(without_a_trace_it_is_an_error)
{
    ck_assert_int_eq(ct_trace_measure_gradients(), CT_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "no trace is running"));
    ct_error_clear();
    ck_assert_ptr_null(ct_trace_unmeasured(NULL));
}
END_TEST

START_TEST(a_page_measures_a_graph_that_is_there)
{
    ct_tensor *x = leaf(CT_FLOAT64, "x", CT_SHAPE(4, 4));
    ct_tensor *y = ct_sum(ct_square(x));
    ck_assert_msg(ct_graph_write(y, "measured.html", .measure = true) == CT_OK, "%s", ct_error_message());
    size_t bytes;
    char *page = ct_file_read("test", "measured.html", 1 << 24, &bytes);
    ck_assert(page && strstr(page, ",1,[")); /* a verdict and its slopes */
    free(page);
    remove("measured.html");
    ct_trace_begin();
    ct_backward(ct_sum(ct_square(x)));
    ct_trace_log *trace = ct_trace_end();
    ck_assert_int_eq(ct_trace_write(trace, "measured.html", .measure = true), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "the trace is over"));
    ct_error_clear();
    ct_trace_free(trace);
}
END_TEST

Suite *ct_suite_measure(void)
{
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("measure");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, every_gradient_is_measured, 0, 2);
    tcase_add_test(tcase, nothing_of_the_program_changes);
    tcase_add_test(tcase, a_wrong_backward_shows_from_there_on);
    tcase_add_test(tcase, what_was_detached_is_data);
    tcase_add_test(tcase, kinks_are_told);
    tcase_add_test(tcase, a_kink_excuses_no_wrong_backward);
    tcase_add_test(tcase, a_long_chain_is_measured_as_far_as_it_pays);
    tcase_add_test(tcase, what_is_random_is_not_measured);
    tcase_add_test(tcase, a_mask_that_was_drawn_is_data);
    tcase_add_test(tcase, what_has_changed_is_not_measured);
    tcase_add_test(tcase, a_result_of_several_numbers_is_not_measured);
    tcase_add_test(tcase, what_fails_in_float64_is_said);
    tcase_add_test(tcase, without_a_trace_it_is_an_error);
    tcase_add_test(tcase, a_page_measures_a_graph_that_is_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
