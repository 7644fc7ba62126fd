/* The door, nodes and the engine: gradients against closed forms, what a failure leaves behind, hooks, runs inside runs,
 * operations of the user's, and views of the graph. */
#include "suites.h"
#include "tensor_checks.h"
#include "core_internal.h"
#include <cotan/functional.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

/* A vector that asks for a gradient: 1, 2, ..., n. */
static ct_tensor *leaf_vector(int64_t n)
{
    return ct_set_requires_grad(ct_arange(CT_FLOAT64, 1, 1, n), true);
}

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK && ct_error_code() == CT_OK, "%s", ct_error_message());
}

static void expect_value(const ct_tensor *t, double value)
{
    ck_assert_msg(t != NULL, "no tensor, %s", ct_error_message());
    double got = ct_item(t);
    ck_assert_msg(fabs(got - value) <= 1e-13 * fmax(1, fabs(value)), "%.17g is not %.17g", got, value);
}

static void expect_elements(const ct_tensor *t, const double *values, int64_t n)
{
    expect_tensor(t, CT_FLOAT64, &n, 1, values, n);
}

/* The pending error is this one, all of it but the place at its end, and is cleared. */
static void expect_failure(ct_status status, ct_status code, const char *message)
{
    ck_assert_int_ne(status, CT_OK);
    expect_error(NULL, code, message);
}

/* dy/dx, recorded. */
static ct_tensor *slope(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *result = NULL;
    ok(ct_grad(&y, 1, &x, 1, &result, .create_graph = true));
    return result;
}

/* ---- shapes of graphs ---- */

START_TEST(fork_to_one_operation)
{
    ct_tensor *x = leaf(3);
    ok(ct_backward(ct_add(x, x)));
    expect_value(ct_grad_of(x), 2);
    ct_zero_grad(x);
    ok(ct_backward(ct_mul(x, x)));
    expect_value(ct_grad_of(x), 6);
    ct_zero_grad(x);
    ct_tensor *y = ct_mul(x, x);
    ok(ct_backward(ct_mul(y, y)));
    expect_value(ct_grad_of(x), 4 * 27);
}
END_TEST

START_TEST(diamond)
{
    ct_tensor *x = leaf(0.5), *y = ct_square(x);
    ok(ct_backward(ct_mul(ct_exp(y), ct_tanh(y)))); /* e^u tanh u, u = x^2 */
    double u = 0.25, t = tanh(u);
    expect_value(ct_grad_of(x), exp(u) * (t + 1 - t * t) * 2 * 0.5);
}
END_TEST

/* Forty diamonds on top of each other have 2^40 paths, but 80 nodes. */
START_TEST(diamonds_of_diamonds)
{
    ct_tensor *x = leaf(1), *y = x;
    for (int i = 0; i < 40; i++)
        y = ct_add(ct_mul_scalar(y, 1), y);
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 0x1p40);
    ct_tensor *z = leaf(1), *shortcut = ct_neg(z), *w = shortcut;
    for (int i = 0; i < 10; i++)
        w = ct_neg(ct_neg(w));
    ok(ct_backward(ct_add(shortcut, w))); /* one way is 20 nodes longer */
    expect_value(ct_grad_of(z), -2);
}
END_TEST

/* f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), the circuit of the lecture notes. */
START_TEST(lecture_circuit)
{
    ct_tensor *w0 = leaf(2), *w1 = leaf(-3), *w2 = leaf(-3), *x0 = leaf(-1), *x1 = leaf(-2);
    ct_tensor *score = ct_add(ct_add(ct_mul(w0, x0), ct_mul(w1, x1)), w2);
    ct_tensor *f = ct_div(ct_scalar(CT_FLOAT64, 1), ct_add_scalar(ct_exp(ct_neg(score)), 1));
    ok(ct_backward(f));
    ck_assert_double_eq_tol(ct_item(f), 0.7311, 5e-5);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(w0)), -0.1966, 5e-5);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(w1)), -0.3932, 5e-5);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(w2)), 0.1966, 5e-5);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(x0)), 0.3932, 5e-5);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(x1)), -0.5898, 5e-5);
}
END_TEST

/* A tree of sums over ten thousand leaves. */
START_TEST(wide_graph)
{
    enum { LEAVES = 10000 };
    ct_tensor **leaves = malloc(LEAVES * sizeof *leaves), **level = malloc(LEAVES * sizeof *level);
    ck_assert(leaves && level);
    for (int i = 0; i < LEAVES; i++)
        leaves[i] = level[i] = leaf(i);
    for (int n = LEAVES; n > 1; n = (n + 1) / 2)
        for (int i = 0; i < n; i += 2)
            level[i / 2] = i + 1 < n ? ct_add(level[i], level[i + 1]) : level[i];
    expect_value(level[0], LEAVES / 2 * (LEAVES - 1));
    ok(ct_backward(ct_square(level[0])));
    for (int i = 0; i < LEAVES; i++)
        if (ct_item(ct_grad_of(leaves[i])) != (double)LEAVES * (LEAVES - 1))
            ck_abort_msg("gradient of leaf %d is %g", i, ct_item(ct_grad_of(leaves[i])));
    free(leaves);
    free(level);
}
END_TEST

/* One leaf that a thousand operations use. */
START_TEST(wide_fan)
{
    ct_tensor *x = leaf(2), *y = ct_scalar(CT_FLOAT64, 0);
    for (int i = 0; i < 1000; i++)
        y = ct_add(y, ct_mul_scalar(x, i));
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 499500);
}
END_TEST

START_TEST(root_is_a_leaf)
{
    ct_tensor *x = leaf(5);
    ok(ct_backward(x));
    expect_value(ct_grad_of(x), 1);
    ct_tensor *v = leaf_vector(3), *cotangent = ct_from_values(CT_FLOAT64, CT_VALUES(4, 5, 6), CT_SHAPE(3));
    ok(ct_backward(v, .gradient = cotangent));
    expect_elements(ct_grad_of(v), CT_VALUES(4, 5, 6));
    ct_fill_(ct_grad_of(v), 0);
    expect_elements(cotangent, CT_VALUES(4, 5, 6));
}
END_TEST

START_TEST(root_with_a_cotangent)
{
    ct_tensor *x = leaf_vector(3), *y = ct_square(x);
    ok(ct_backward(y, .gradient = ct_from_values(CT_FLOAT64, CT_VALUES(1, 10, 100), CT_SHAPE(3))));
    expect_elements(ct_grad_of(x), CT_VALUES(2, 40, 600));
}
END_TEST

START_TEST(bad_roots)
{
    ct_tensor *x = leaf_vector(3), *y = ct_square(x), *constant = ct_ones(CT_FLOAT64, CT_SHAPE(2, 2));
    expect_failure((ct_backward)(NULL, NULL), CT_ERROR_NULL, "backward: the tensor is NULL");
    expect_failure((ct_backward)(y, NULL), CT_ERROR_STATE,
                   "backward: a root of shape [3] needs a gradient given with it; only one of one element does not");
    expect_failure((ct_backward)(constant, NULL), CT_ERROR_STATE,
                   "backward: nothing that asks for a gradient leads to the result of 'ones' [2,2]");
    expect_failure(ct_backward(y, .gradient = ct_ones(CT_FLOAT64, CT_SHAPE(4))), CT_ERROR_SHAPE,
                   "backward: gradient is float64 [4], the root's is float64 [3]");
    expect_failure(ct_backward(y, .gradient = ct_ones(CT_FLOAT32, CT_SHAPE(3))), CT_ERROR_DTYPE,
                   "backward: gradient is float32 [3], the root's is float64 [3]");
    ck_assert_ptr_null(ct_grad_of(x));
}
END_TEST

START_TEST(zero_size_graph)
{
    ct_tensor *x = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), true);
    ok(ct_backward(ct_sum(ct_exp(x))));
    const int64_t *shape = ct_shape(ct_grad_of(x));
    ck_assert(shape && shape[0] == 0 && shape[1] == 3);
}
END_TEST

/* ---- running again ---- */

START_TEST(second_backward_is_refused)
{
    ct_tensor *x = leaf(3), *y = ct_mul(x, x);
    int line = __LINE__ - 1;
    ok(ct_backward(y));
    char message[400];
    snprintf(message, sizeof message,
             "backward of 'mul' (%s:%d): the graph was freed by an earlier backward; pass .retain_graph = true to the "
             "first one to run it again (%s:%d)",
             __FILE__, line, __FILE__, __LINE__ + 1);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    ck_assert_str_eq(ct_error_message(), message);
    ct_error_clear();
    expect_value(ct_grad_of(x), 6);
    ct_tensor *sum = ct_add(x, x); /* saves nothing, and is refused all the same */
    ok(ct_backward(sum));
    expect_failure(ct_backward(sum), CT_ERROR_STATE, "backward of 'add'");
}
END_TEST

START_TEST(retained_graph_adds_up)
{
    ct_tensor *x = leaf(3), *y = ct_mul(x, x);
    ok(ct_backward(y, .retain_graph = true));
    ok(ct_backward(y, .retain_graph = true));
    expect_value(ct_grad_of(x), 12);
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 18);
    expect_failure(ct_backward(y), CT_ERROR_STATE, "backward of 'mul'");
}
END_TEST

/* A part of the graph that two roots share is gone after the first backward. */
START_TEST(shared_part_is_freed)
{
    ct_tensor *x = leaf(3), *shared = ct_exp(x), *y = ct_square(shared), *z = ct_neg(shared);
    ok(ct_backward(y));
    double before = ct_item(ct_grad_of(x));
    expect_failure(ct_backward(z), CT_ERROR_STATE, "backward of 'exp'");
    expect_value(ct_grad_of(x), before);
}
END_TEST

START_TEST(backward_frees_what_was_saved)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1000)), true), *y = ct_exp(x), *loss = ct_sum(y);
    ct_release(y); /* lives on in exp's node */
    int64_t before = ct_memory_stats().live_bytes;
    ok(ct_backward(loss));
    ck_assert_int_eq(ct_memory_stats().live_bytes, before); /* 8000 bytes more of gradient, 8000 less of y */
}
END_TEST

/* ---- gradients of gradients ---- */

START_TEST(fourth_power_to_fourth_order)
{
    ct_tensor *x = leaf(1.5), *y = ct_mul(ct_mul(ct_mul(x, x), x), x), *p = ct_pow_scalar(x, 4);
    const double expected[] = {4 * 1.5 * 1.5 * 1.5, 12 * 1.5 * 1.5, 24 * 1.5, 24};
    for (int order = 0; order < 4; order++) {
        y = slope(y, x);
        p = slope(p, x);
        expect_value(y, expected[order]);
        expect_value(p, expected[order]);
    }
}
END_TEST

START_TEST(tanh_to_third_order)
{
    double x0 = 0.4, t = tanh(x0), s = 1 - t * t;
    ct_tensor *x = leaf(x0), *y = ct_tanh(x);
    y = slope(y, x);
    expect_value(y, s);
    y = slope(y, x);
    expect_value(y, -2 * t * s);
    y = slope(y, x);
    expect_value(y, -2 * s * s + 4 * t * t * s);
}
END_TEST

START_TEST(sigmoid_and_exp_to_third_order)
{
    double x0 = -0.7, s = 1 / (1 + exp(-x0)), d = s * (1 - s);
    ct_tensor *x = leaf(x0), *y = ct_sigmoid(x), *e = ct_exp(ct_mul_scalar(x, 2));
    y = slope(y, x);
    expect_value(y, d);
    y = slope(y, x);
    expect_value(y, d * (1 - 2 * s));
    y = slope(y, x);
    expect_value(y, d * (1 - 6 * s + 6 * s * s));
    for (int order = 1; order <= 3; order++) {
        e = slope(e, x);
        expect_value(e, pow(2, order) * exp(2 * x0));
    }
}
END_TEST

/* f = x^2 y^3: d2f/dxdy = 6 x y^2, d3f/dx2dy = 6 y^2. */
START_TEST(mixed_derivatives)
{
    ct_tensor *x = leaf(2), *y = leaf(3);
    ct_tensor *f = ct_mul(ct_square(x), ct_mul(ct_square(y), y));
    ct_tensor *fx = slope(f, x), *fxy = slope(fx, y);
    expect_value(fx, 2 * 2 * 27);
    expect_value(fxy, 6 * 2 * 9);
    expect_value(slope(fxy, x), 6 * 9);
}
END_TEST

/* backward with create_graph leaves gradients that can be differentiated again. */
START_TEST(backward_records_itself)
{
    ct_tensor *x = leaf(2);
    ok(ct_backward(ct_mul(ct_square(x), x), .create_graph = true));
    ct_tensor *first = ct_grad_of(x), *second;
    expect_value(first, 12);
    ck_assert(ct_requires_grad(first));
    ok(ct_grad(&first, 1, &x, 1, &second));
    expect_value(second, 12);
    ct_zero_grad(x);
}
END_TEST

/* The gradient's gradient with respect to a cotangent: v -> v f'(x) is linear in v. */
START_TEST(cotangent_is_differentiated)
{
    ct_tensor *x = leaf(3), *v = leaf(10), *y = ct_square(x), *gx, *gv;
    ok(ct_grad(&y, 1, &x, 1, &gx, .gradients = &v, .create_graph = true));
    expect_value(gx, 60);
    ok(ct_grad(&gx, 1, &v, 1, &gv));
    expect_value(gv, 6);
    ct_tensor *same;
    ok(ct_grad(&x, 1, &x, 1, &same, .gradients = &v, .create_graph = true)); /* v itself, but not v */
    ck_assert_ptr_ne(same, v);
    ok(ct_grad(&same, 1, &v, 1, &gv));
    expect_value(gv, 1);
}
END_TEST

/* The same through backward: the leaf's gradient depends on the cotangent, but is a tensor of its own. */
START_TEST(backward_keeps_the_cotangent_apart)
{
    ct_tensor *x = leaf(3), *v = leaf(10), *gv;
    ok(ct_backward(x, .gradient = v, .create_graph = true));
    ct_tensor *gx = ct_grad_of(x);
    ck_assert(!ct_shares_storage(gx, v));
    ok(ct_grad(&gx, 1, &v, 1, &gv));
    expect_value(gv, 1);
    ct_zero_grad(x);
}
END_TEST

/* ---- chosen gradients ---- */

START_TEST(chosen_inputs_and_outputs)
{
    ct_tensor *a = leaf(2), *b = leaf(5), *ab = ct_mul(a, b), *aa = ct_mul(a, a);
    ct_tensor *outputs[] = {ab, aa}, *inputs[] = {a, ab, b, a}, *results[4];
    ct_tensor *weights[] = {NULL, ct_scalar(CT_FLOAT64, 10)};
    ok(ct_grad(outputs, 2, inputs, 4, results, .gradients = weights));
    expect_value(results[0], 5 + 10 * 4);
    expect_value(results[1], 1);
    expect_value(results[2], 2);
    expect_value(results[3], 45);
    ck_assert_ptr_ne(results[0], results[3]); /* the same input twice: two tensors */
    ck_assert_ptr_null(ct_grad_of(a));
    ck_assert_ptr_null(ct_grad_of(b));
    ct_release(results[0]);
    expect_value(results[3], 45);
}
END_TEST

START_TEST(chosen_leaves_accumulate_nothing)
{
    ct_tensor *a = leaf(2), *b = leaf(5), *y = ct_mul(a, b), *result;
    ok(ct_backward(ct_mul(a, b)));
    ct_tensor *held = ct_grad_of(a);
    ok(ct_grad(&y, 1, &a, 1, &result));
    ck_assert_ptr_eq(ct_grad_of(a), held);
    expect_value(ct_grad_of(a), 5);
    expect_value(ct_grad_of(b), 2);
    ck_assert(!ct_requires_grad(result));
}
END_TEST

/* Only what leads to the input runs: the other branch may be run afterwards. */
START_TEST(only_what_is_needed_runs)
{
    ct_tensor *a = leaf(2), *b = leaf(5), *ea = ct_exp(a), *eb = ct_exp(b), *y = ct_add(ea, eb), *result;
    ok(ct_grad(&y, 1, &a, 1, &result));
    expect_value(result, exp(2));
    expect_failure(ct_backward(ea), CT_ERROR_STATE, "backward of 'exp'");
    ok(ct_backward(eb));
    expect_value(ct_grad_of(b), exp(5));
}
END_TEST

START_TEST(output_is_input)
{
    ct_tensor *a = leaf(2), *y = ct_exp(a), *result, *v = ct_scalar(CT_FLOAT64, 7);
    ok(ct_grad(&y, 1, &y, 1, &result));
    expect_value(result, 1);
    ok(ct_grad(&a, 1, &a, 1, &result, .gradients = &v));
    expect_value(result, 7);
    ck_assert_ptr_ne(result, v);
    ct_tensor *both[] = {a, a}, *weights[] = {v, NULL};
    ok(ct_grad(both, 2, &a, 1, &result, .gradients = weights));
    expect_value(result, 8);
    expect_value(v, 7);
    ok(ct_backward(y)); /* nothing of it has run */
}
END_TEST

/* An input between the output and a leaf, which is chosen too. */
START_TEST(input_behind_input)
{
    ct_tensor *a = leaf(0.3), *y = ct_exp(a), *z = ct_square(y), *inputs[] = {y, a, z}, *results[3];
    ok(ct_grad(&z, 1, inputs, 3, results));
    expect_value(results[0], 2 * exp(0.3));
    expect_value(results[1], 2 * exp(0.6));
    expect_value(results[2], 1);
}
END_TEST

START_TEST(unused_input)
{
    ct_tensor *a = leaf(2), *b = leaf(5), *later = ct_exp(b), *y = ct_exp(a);
    ct_tensor *inputs[] = {a, b, later}, *results[3];
    expect_failure(ct_grad(&y, 1, inputs, 3, results, .retain_graph = true), CT_ERROR_STATE,
                   "grad: the outputs do not depend on input 1; .allow_unused = true gives NULL");
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(results[i]);
    ok(ct_grad(&y, 1, inputs, 3, results, .allow_unused = true));
    expect_value(results[0], exp(2));
    ck_assert_ptr_null(results[1]);
    ck_assert_ptr_null(results[2]);
}
END_TEST

START_TEST(bad_grad_calls)
{
    ct_tensor *a = leaf(2), *y = ct_exp(a), *constant = ct_scalar(CT_FLOAT64, 1), *result = a, *none = NULL;
    expect_failure((ct_grad)(NULL, 1, &a, 1, &result, NULL), CT_ERROR_NULL, "grad: outputs is NULL");
    expect_failure((ct_grad)(&y, 1, NULL, 1, &result, NULL), CT_ERROR_NULL, "grad: inputs is NULL");
    expect_failure((ct_grad)(&y, 1, &a, 1, NULL, NULL), CT_ERROR_NULL, "grad: results is NULL");
    expect_failure((ct_grad)(&y, 0, &a, 1, &result, NULL), CT_ERROR_ARGUMENT, "grad: 0 outputs, takes 1 to 64");
    expect_failure((ct_grad)(&y, 1, &none, 1, &result, NULL), CT_ERROR_NULL, "grad: the tensor is NULL");
    expect_failure((ct_grad)(&none, 1, &a, 1, &result, NULL), CT_ERROR_NULL, "grad: the tensor is NULL");
    expect_failure((ct_grad)(&y, 1, &constant, 1, &result, NULL), CT_ERROR_STATE, "grad: input 0 asks for no gradient");
    ck_assert_ptr_null(result);
    ok(ct_grad(&y, 1, &a, 0, &result));
    ok(ct_backward(y));
}
END_TEST

/* ---- what is not recorded ---- */

START_TEST(no_grad_sections)
{
    ct_tensor *x = leaf(2);
    ck_assert(ct_grad_enabled());
    ct_no_grad_begin();
    ct_no_grad_begin();
    ct_no_grad_end();
    ck_assert(!ct_grad_enabled());
    ct_tensor *y = ct_square(x);
    ct_no_grad_end();
    ck_assert(ct_grad_enabled());
    ct_no_grad_end(); /* one too many is harmless */
    ck_assert(ct_grad_enabled());
    ck_assert(!ct_requires_grad(y) && ct_is_leaf(y) && ct_requires_grad(x));
    ck_assert(ct_requires_grad(ct_square(x)));
    expect_failure(ct_backward(y), CT_ERROR_STATE, "backward: nothing that asks for a gradient");
    ct_tensor *z = ct_square(x);
    ct_no_grad_begin(); /* a backward needs no recording, and one that records does so here too */
    ct_tensor *first, *second;
    ok(ct_grad(&z, 1, &x, 1, &first, .create_graph = true));
    ok(ct_grad(&first, 1, &x, 1, &second));
    ck_assert(!ct_grad_enabled());
    ct_no_grad_end();
    expect_value(second, 2);
}
END_TEST

static void *recording_here(void *result)
{
    *(bool *)result = ct_grad_enabled();
    return NULL;
}

START_TEST(no_grad_is_of_the_thread)
{
    pthread_t thread;
    bool recording = false;
    ct_no_grad_begin();
    ck_assert_int_eq(pthread_create(&thread, NULL, recording_here, &recording), 0);
    pthread_join(thread, NULL);
    ct_no_grad_end();
    ck_assert(recording);
}
END_TEST

START_TEST(detached_part_is_constant)
{
    ct_tensor *x = leaf(3), *y = ct_square(x), *d = ct_detach(y);
    ck_assert(ct_shares_storage(y, d) && ct_is_leaf(d) && !ct_requires_grad(d) && !ct_is_leaf(y));
    ok(ct_backward(ct_mul(d, x)));
    expect_value(ct_grad_of(x), 9);
    ck_assert_ptr_null(ct_detach(NULL));
    ct_error_clear();
}
END_TEST

START_TEST(leaves_ask_for_gradients)
{
    ct_tensor *x = ct_scalar(CT_FLOAT32, 1), *labels = ct_scalar(CT_INT64, 1);
    ck_assert(!ct_requires_grad(x) && ct_is_leaf(x));
    expect_error(ct_set_requires_grad(labels, true), CT_ERROR_DTYPE, "set_requires_grad: int64 has no gradient");
    expect_error(ct_set_requires_grad(NULL, true), CT_ERROR_NULL, "set_requires_grad: the tensor is NULL");
    ck_assert_ptr_eq(ct_set_requires_grad(x, true), x);
    ct_tensor *y = ct_neg(x);
    expect_error(ct_set_requires_grad(y, true), CT_ERROR_STATE, "set_requires_grad: the result of 'neg' is no leaf");
    expect_error(ct_parameter(labels), CT_ERROR_DTYPE, "set_requires_grad: int64 has no gradient");
    ck_assert(ct_requires_grad(y));
    ck_assert(!ct_requires_grad(ct_set_requires_grad(x, false)));
    ck_assert(!ct_requires_grad(ct_neg(x)));
    ck_assert(!ct_requires_grad(NULL) && !ct_is_leaf(NULL));
    ck_assert_ptr_null(ct_grad_of(NULL));
}
END_TEST

/* Integer results are not recorded: nothing flows through a comparison. */
START_TEST(integers_have_no_gradient)
{
    ct_tensor *x = leaf(2), *above = ct_gt(x, ct_scalar(CT_FLOAT64, 1));
    ck_assert(!ct_requires_grad(above));
    ok(ct_backward(ct_where(above, ct_square(x), x)));
    expect_value(ct_grad_of(x), 4);
}
END_TEST

START_TEST(gradients_are_set_by_hand)
{
    ct_tensor *x = leaf_vector(2), *g = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    expect_failure(ct_set_grad(NULL, g), CT_ERROR_NULL, "set_grad: the tensor is NULL");
    expect_failure(ct_set_grad(x, ct_ones(CT_FLOAT64, CT_SHAPE(3))), CT_ERROR_SHAPE,
                   "set_grad: a gradient of float64 [3] for a tensor of float64 [2]");
    expect_failure(ct_set_grad(x, ct_ones(CT_FLOAT32, CT_SHAPE(2))), CT_ERROR_SHAPE,
                   "set_grad: a gradient of float32 [2] for a tensor of float64 [2]");
    ok(ct_set_grad(x, g));
    expect_elements(ct_grad_of(x), CT_VALUES(1, 1));
    ok(ct_backward(ct_sum(x)));
    expect_elements(ct_grad_of(x), CT_VALUES(2, 2));
    expect_elements(g, CT_VALUES(1, 1)); /* the caller's stays as it is */
    ct_zero_grad(x);
    ck_assert_ptr_null(ct_grad_of(x));
    ct_zero_grad(NULL);
}
END_TEST

/* ---- whose elements a gradient is ---- */

START_TEST(gradients_share_nothing)
{
    ct_tensor *a = leaf_vector(2), *b = leaf_vector(2), *g = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ok(ct_backward(ct_add(a, b), .gradient = g));
    ok(ct_fill_(ct_grad_of(a), 9));
    expect_elements(ct_grad_of(b), CT_VALUES(1, 1));
    expect_elements(g, CT_VALUES(1, 1));
    ct_tensor *c = leaf_vector(2);
    ok(ct_backward(ct_add(ct_reshape(c, CT_SHAPE(2, 1)), ct_reshape(a, CT_SHAPE(2, 1))),
                   .gradient = ct_reshape(g, CT_SHAPE(2, 1))));
    ok(ct_fill_(ct_grad_of(c), 7));
    expect_elements(g, CT_VALUES(1, 1));
    expect_elements(ct_grad_of(a), CT_VALUES(10, 10));
}
END_TEST

/* With create_graph the gradients of add are constants all the same, and a later backward adds into them. */
START_TEST(recorded_gradients_share_nothing)
{
    ct_tensor *a = leaf_vector(2), *b = leaf_vector(2), *g = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ok(ct_backward(ct_add(a, b), .gradient = g, .create_graph = true));
    ok(ct_backward(ct_sum(a)));
    expect_elements(ct_grad_of(a), CT_VALUES(2, 2));
    expect_elements(ct_grad_of(b), CT_VALUES(1, 1));
    expect_elements(g, CT_VALUES(1, 1));
}
END_TEST

START_TEST(expanded_gradients_are_materialised)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true);
    for (int create = 0; create < 2; create++) {
        ct_zero_grad(x);
        ok(ct_backward(ct_sum(x), .create_graph = create));
        ck_assert(ct_is_contiguous(ct_grad_of(x)));
        ((double *)ct_data_mut(ct_grad_of(x)))[0] = 5;
        ck_assert_double_eq(ct_get(ct_grad_of(x), (const int64_t[]){0, 1}, 2), 1);
    }
    ct_tensor *t = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true);
    ok(ct_backward(ct_transpose(t, 0, 1), .gradient = numbers(CT_FLOAT64, CT_SHAPE(3, 2), 1)));
    ck_assert(ct_is_contiguous(ct_grad_of(t)));
}
END_TEST

/* A gradient that was kept is the caller's; zero_grad lets go of it only. */
START_TEST(kept_gradient_outlives_zero_grad)
{
    ct_tensor *x = leaf(3);
    ok(ct_backward(ct_square(x)));
    ct_tensor *g = ct_keep(ct_grad_of(x));
    ct_zero_grad(x);
    ok(ct_backward(ct_mul_scalar(x, 2)));
    expect_value(g, 6);
    expect_value(ct_grad_of(x), 2);
    ct_release(g);
}
END_TEST

/* Gradients recorded with create_graph lead back to their own leaf; that circle must not keep them. */
START_TEST(recorded_gradient_of_a_given_up_leaf)
{
    ct_memory before = ct_memory_stats();
    ct_scope_open();
    ct_tensor *x = leaf(2), *y = ct_mul(ct_square(x), x);
    ct_release(x); /* lives on in the graph */
    ok(ct_backward(y, .create_graph = true));
    ct_tensor *z = leaf(2), *u = ct_exp(z), *v = ct_square(u);
    ok(ct_retain_grad(u));
    ct_release(u);
    ok(ct_backward(v, .create_graph = true));
    ct_scope_close();
    ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
}
END_TEST

/* ---- hooks ---- */

typedef struct notes {
    char order[16];
    double seen;
    int calls;
} notes;

static ct_tensor *note_a(ct_tensor *grad, void *user)
{
    notes *n = user;
    strcat(n->order, "a");
    n->seen = ct_item(grad);
    n->calls++;
    return NULL;
}

static ct_tensor *note_b(ct_tensor *grad, void *user)
{
    notes *n = user;
    strcat(n->order, "b");
    n->seen = ct_item(grad);
    return NULL;
}

static ct_tensor *ten_times(ct_tensor *grad, void *user)
{
    (void)user;
    return ct_mul_scalar(grad, 10);
}

static ct_tensor *of_other_shape(ct_tensor *grad, void *user)
{
    (void)grad, (void)user;
    return ct_ones(CT_FLOAT64, CT_SHAPE(2));
}

static ct_tensor *of_other_dtype(ct_tensor *grad, void *user)
{
    (void)user;
    return ct_cast(grad, CT_FLOAT32);
}

START_TEST(hooks_on_a_leaf)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3);
    ck_assert_int_gt(ct_add_hook(x, note_a, &n), 0);
    ck_assert_int_gt(ct_add_hook(x, ten_times, NULL), 0);
    ck_assert_int_gt(ct_add_hook(x, note_b, &n), 0);
    ok(ct_backward(ct_mul(x, x))); /* complete: both edges, once */
    ck_assert_str_eq(n.order, "ab");
    ck_assert_int_eq(n.calls, 1);
    ck_assert_double_eq(n.seen, 60);
    expect_value(ct_grad_of(x), 60);
    ok(ct_backward(ct_mul(x, x))); /* only what is new goes through the hook */
    expect_value(ct_grad_of(x), 120);
    ct_tensor *y = ct_square(x), *result;
    ok(ct_grad(&y, 1, &x, 1, &result));
    expect_value(result, 60);
}
END_TEST

/* A leaf that stops asking gets nothing more, of graphs that it is in already, either. */
START_TEST(leaf_stops_asking)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *y = leaf(2), *z = ct_mul(x, y);
    ck_assert_int_gt(ct_add_hook(x, note_a, &n), 0);
    ok(ct_backward(z, .retain_graph = true));
    ct_set_requires_grad(x, false);
    ok(ct_backward(z, .retain_graph = true));
    expect_value(ct_grad_of(x), 2);
    expect_value(ct_grad_of(y), 6);
    ck_assert_int_eq(n.calls, 1);
    ct_set_requires_grad(x, true);
    ok(ct_backward(z));
    expect_value(ct_grad_of(x), 4);
}
END_TEST

START_TEST(hooks_on_a_result)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *y = ct_square(x), *z = ct_add(ct_neg(y), ct_mul(y, y));
    ct_add_hook(y, note_a, &n);
    ct_add_hook(y, ten_times, NULL);
    ct_add_hook(y, note_b, &n);
    ok(ct_backward(z, .retain_graph = true));
    ck_assert_str_eq(n.order, "ab");
    ck_assert_double_eq(n.seen, 10 * (2 * 9 - 1));
    expect_value(ct_grad_of(x), 10 * (2 * 9 - 1) * 6);
    ct_tensor *result;
    ok(ct_grad(&z, 1, &y, 1, &result));
    expect_value(result, 170);
}
END_TEST

START_TEST(hooks_are_removed)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *y = ct_square(x);
    int64_t on_x = ct_add_hook(x, ten_times, NULL), on_y = ct_add_hook(y, ten_times, NULL);
    int64_t other = ct_add_hook(x, note_a, &n);
    ck_assert(on_x != on_y && on_x != other);
    ok(ct_remove_hook(x, on_x));
    ok(ct_remove_hook(y, on_y));
    char message[80];
    snprintf(message, sizeof message, "remove_hook: the tensor has no hook %lld", (long long)on_x);
    expect_failure(ct_remove_hook(x, on_x), CT_ERROR_ARGUMENT, message);
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 6);
    ck_assert_str_eq(n.order, "a");
}
END_TEST

START_TEST(bad_hooks)
{
    ct_tensor *x = leaf(3);
    ck_assert_int_eq(ct_add_hook(x, NULL, NULL), 0);
    expect_failure(ct_error_code(), CT_ERROR_NULL, "add_hook: the hook is NULL");
    ck_assert_int_eq(ct_add_hook(ct_scalar(CT_FLOAT64, 1), ten_times, NULL), 0);
    expect_failure(ct_error_code(), CT_ERROR_STATE, "add_hook: the tensor asks for no gradient");
    ck_assert_int_eq(ct_add_hook(NULL, ten_times, NULL), 0);
    expect_failure(ct_error_code(), CT_ERROR_NULL, "add_hook: the tensor is NULL");
    expect_failure(ct_retain_grad(NULL), CT_ERROR_NULL, "retain_grad: the tensor is NULL");
    expect_failure(ct_retain_grad(ct_scalar(CT_FLOAT64, 1)), CT_ERROR_STATE,
                   "retain_grad: the tensor asks for no gradient");
    ct_tensor *y = ct_square(x);
    int64_t shape = ct_add_hook(y, of_other_shape, NULL);
    expect_failure(ct_backward(y, .retain_graph = true), CT_ERROR_SHAPE,
                   "hook: returned a gradient of another shape or dtype");
    ok(ct_remove_hook(y, shape));
    ct_add_hook(x, of_other_dtype, NULL);
    expect_failure(ct_backward(y, .retain_graph = true), CT_ERROR_SHAPE,
                   "hook: returned a gradient of another shape or dtype");
    ck_assert_ptr_null(ct_grad_of(x));
}
END_TEST

/* ---- ready hooks ---- */

static ct_status note_ready(const ct_tensor *grad, void *user)
{
    notes *n = user;
    strcat(n->order, "r");
    n->seen = ct_item(grad);
    n->calls++;
    return CT_OK;
}

static ct_status refuse(const ct_tensor *grad, void *user)
{
    (void)grad;
    return user ? ct_error_set(CT_ERROR_STATE, "told so") : CT_ERROR_STATE;
}

/* w's gradient is there after the product, before y's hook and the other leaf; x's, from three edges, at the end. */
START_TEST(ready_hooks_come_as_soon_as_all_of_a_gradient)
{
    notes n = {.order = ""}, of_x = {.order = ""};
    ct_tensor *x = leaf(3), *w = leaf(2), *y = ct_square(x);
    ct_add_hook(w, note_a, &n);
    ct_add_hook(y, note_b, &n);
    ck_assert_int_gt(ct_add_ready_hook(w, note_ready, &n), 0);
    ck_assert_int_gt(ct_add_ready_hook(x, note_ready, &of_x), 0);
    ok(ct_backward(ct_mul(ct_mul(w, y), x)));
    ck_assert_str_eq(n.order, "rba");
    ck_assert_str_eq(of_x.order, "r");
    ck_assert_double_eq(of_x.seen, 2 * 27);
    expect_value(ct_grad_of(x), 54);
    ok(ct_backward(ct_mul(w, x))); /* what has accumulated before is not in it */
    ck_assert_double_eq(n.seen, 3);
    ck_assert_double_eq(of_x.seen, 2);
    expect_value(ct_grad_of(x), 56);
    ct_tensor *z = ct_mul(w, x), *result; /* only towards x, and w is told nothing */
    ok(ct_grad(&z, 1, &x, 1, &result));
    ck_assert_int_eq(of_x.calls, 3);
    ck_assert_int_eq(n.calls, 4); /* with the other hook's */
    ok(ct_backward(w));           /* a leaf as root */
    ck_assert_int_eq(n.calls, 6);
    ck_assert_double_eq(n.seen, 1);
}
END_TEST

/* The function of a checkpoint is part of the run around it: its leaves are complete when the checkpoint is. */
static ct_tensor *times_leaf(ct_tensor *const *inputs, int n, void *user)
{
    (void)n;
    return ct_mul(ct_mul(inputs[0], user), user);
}

START_TEST(ready_hooks_wait_for_parts_of_a_run)
{
    notes n = {.order = ""};
    ct_tensor *w = leaf(2), *x = leaf(5);
    ct_add_ready_hook(w, note_ready, &n);
    ok(ct_backward(ct_mul(ct_checkpoint(times_leaf, w, CT_TENSORS(x)), w)));
    ck_assert_int_eq(n.calls, 1);
    ck_assert_double_eq(n.seen, 3 * 4 * 5);
}
END_TEST

/* A root that is a leaf has its cotangent at once, and may have more to come. */
START_TEST(ready_hooks_of_a_root)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *grad = NULL;
    ct_add_ready_hook(x, note_ready, &n);
    ok(ct_grad(CT_TENSORS(x, ct_square(x)), &x, 1, &grad));
    ck_assert_int_eq(n.calls, 1);
    ck_assert_double_eq(n.seen, 7);
    ok(ct_backward(x));
    ck_assert_int_eq(n.calls, 2);
    ck_assert_double_eq(n.seen, 1);
}
END_TEST

START_TEST(ready_hooks_fail_and_are_removed)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *y = ct_square(x);
    int64_t first = ct_add_ready_hook(x, refuse, NULL), second = ct_add_ready_hook(x, note_ready, &n);
    expect_failure(ct_backward(y, .retain_graph = true), CT_ERROR_STATE,
                   "backward: a ready hook failed without saying why");
    ok(ct_remove_hook(x, first));
    first = ct_add_ready_hook(x, refuse, x);
    expect_failure(ct_backward(y, .retain_graph = true), CT_ERROR_STATE, "told so");
    ck_assert_ptr_null(ct_grad_of(x));
    ck_assert_str_eq(n.order, "r"); /* that of the second came first then */
    ok(ct_remove_hook(x, first));
    ok(ct_remove_hook(x, second));
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 6);
    ck_assert_int_eq(ct_add_ready_hook(x, NULL, NULL), 0);
    expect_failure(ct_error_code(), CT_ERROR_NULL, "add_ready_hook: the hook is NULL");
    ck_assert_int_eq(ct_add_ready_hook(ct_square(x), note_ready, &n), 0);
    expect_failure(ct_error_code(), CT_ERROR_STATE, "add_ready_hook: the tensor is no leaf");
    ck_assert_int_eq(ct_add_ready_hook(ct_scalar(CT_FLOAT64, 1), note_ready, &n), 0);
    expect_failure(ct_error_code(), CT_ERROR_STATE, "add_ready_hook: the tensor asks for no gradient");
}
END_TEST

/* ---- hooks that change what is around them ---- */

typedef struct own_hook {
    ct_tensor *t;
    int64_t handle;
    int calls;
} own_hook;

static ct_tensor *remove_self(ct_tensor *grad, void *user)
{
    own_hook *own = user;
    (void)grad;
    own->calls++;
    ct_remove_hook(own->t, own->handle);
    return NULL;
}

static ct_tensor *release_it(ct_tensor *grad, void *user)
{
    own_hook *own = user;
    (void)grad;
    ct_release(own->t);
    return NULL;
}

START_TEST(hook_removes_itself)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf(3), *y = ct_square(x);
    own_hook on_x = {.t = x}, on_y = {.t = y};
    on_x.handle = ct_add_hook(x, remove_self, &on_x);
    ct_add_hook(x, note_a, &n);
    on_y.handle = ct_add_hook(y, remove_self, &on_y);
    ct_add_hook(y, note_b, &n);
    ok(ct_backward(y, .retain_graph = true));
    ok(ct_backward(y));
    ck_assert_int_eq(on_x.calls, 1);
    ck_assert_int_eq(on_y.calls, 1);
    ck_assert_str_eq(n.order, "baba");
}
END_TEST

/* The root, the tensor with the hook and a retained one go while backward runs. */
START_TEST(hook_releases_the_root)
{
    ct_tensor *x = leaf(3), *y = ct_square(x), *z = ct_exp(ct_mul_scalar(y, 0.1));
    own_hook root = {.t = z}, own = {.t = y};
    ct_add_hook(z, release_it, &root);
    ct_add_hook(y, release_it, &own);
    ok(ct_retain_grad(y));
    double value = ct_item(z);
    ok(ct_backward(z));
    expect_value(ct_grad_of(x), value * 0.1 * 6);
}
END_TEST

static ct_tensor *leave_scope_open(ct_tensor *grad, void *user)
{
    (void)user;
    ct_scope_open();
    ct_neg(grad);
    return NULL;
}

START_TEST(hook_leaves_a_scope_open)
{
    ct_tensor *x = leaf(3), *y = ct_square(x);
    int depth = ct_memory_stats().scope_depth;
    ct_add_hook(y, leave_scope_open, NULL);
    ct_add_hook(x, leave_scope_open, NULL);
    ok(ct_backward(y));
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    expect_value(ct_grad_of(x), 6);
}
END_TEST

static ct_tensor *close_a_scope(ct_tensor *grad, void *user)
{
    (void)grad;
    *(ct_status *)user = ct_scope_close();
    ct_error_clear();
    return NULL;
}

START_TEST(hook_cannot_close_the_scope_around_it)
{
    ct_tensor *x = leaf(3), *y = ct_square(x);
    ct_status status = CT_OK;
    ct_add_hook(y, close_a_scope, &status);
    ok(ct_backward(y));
    ck_assert_int_eq(status, CT_ERROR_STATE);
    expect_value(ct_grad_of(x), 6);
}
END_TEST

/* Hooks see the gradient that the engine goes on adding to. */
static ct_tensor *keep_it(ct_tensor *grad, void *user)
{
    *(ct_tensor **)user = ct_keep(grad);
    return NULL;
}

START_TEST(hook_keeps_the_gradient)
{
    ct_tensor *x = leaf(3), *y = ct_square(x), *of_y = NULL, *of_x = NULL;
    ct_add_hook(y, keep_it, &of_y);
    ct_add_hook(x, keep_it, &of_x);
    ok(ct_backward(ct_neg(y)));
    ok(ct_fill_(ct_grad_of(x), 0));
    expect_value(of_y, -1);
    expect_value(of_x, -6);
    ct_release(of_y);
    ct_release(of_x);
}
END_TEST

START_TEST(retained_gradient_of_a_result)
{
    ct_tensor *x = leaf(3), *y = ct_square(x), *z = ct_mul(y, y);
    ok(ct_retain_grad(y));
    ok(ct_retain_grad(y)); /* twice changes nothing */
    ok(ct_retain_grad(x)); /* a leaf does anyway */
    ok(ct_backward(z, .retain_graph = true));
    expect_value(ct_grad_of(y), 18);
    ct_add_hook(y, ten_times, NULL); /* what is retained is what goes on */
    ct_zero_grad(x);
    ok(ct_backward(z));
    expect_value(ct_grad_of(y), 180);
    expect_value(ct_grad_of(x), 180 * 6);
}
END_TEST

START_TEST(retaining_tensor_is_freed_before_backward)
{
    ct_tensor *x = leaf(3), *y = ct_neg(x), *z = ct_mul_scalar(y, 4);
    ok(ct_retain_grad(y));
    ct_add_hook(y, ten_times, NULL);
    ct_release(y); /* neither node has saved it */
    ok(ct_backward(z));
    expect_value(ct_grad_of(x), -40);
}
END_TEST

START_TEST(hooked_leaf_is_freed)
{
    ct_tensor *x = leaf(3);
    ct_add_hook(x, ten_times, NULL);
    ct_release(x);
    ct_tensor *y = leaf(4), *z = ct_square(y);
    ct_add_hook(y, ten_times, NULL);
    ct_release(y); /* lives on in the graph */
    ok(ct_backward(z));
}
END_TEST

static ct_tensor *end_program(ct_tensor *grad, void *user)
{
    (void)grad, (void)user;
    exit(0);
}

/* The library's part of exit() runs inside the backward. What memory debuggers say about a forked child is not asked. */
START_TEST(hook_ends_the_program)
{
    enum { WENT_ON = 77 };
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        ct_tensor *x = leaf(3);
        alarm(60);
        ct_add_hook(x, end_program, NULL);
        ct_backward(ct_square(x));
        _exit(WENT_ON);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) != WENT_ON, "status %d", status);
}
END_TEST

#if CT_LIFETIME_CHECKS
START_TEST(closed_tensor_retains_nothing)
{
    ct_tensor *x = leaf(3);
    ct_scope_open();
    ct_tensor *y = ct_square(x);
    ct_scope_close();
    expect_failure(ct_retain_grad(y), CT_ERROR_STATE, "retain_grad: the tensor made by 'square' at ");
}
END_TEST

static void expect_gone(const char *function)
{
    char message[100];
    snprintf(message, sizeof message, "%s: the node is used after its graph was freed", function);
    expect_error(NULL, CT_ERROR_STATE, message);
}

START_TEST(closed_node_is_named)
{
    ct_tensor *x = leaf(3);
    ct_scope_open();
    ct_node *node = ct_node_of(ct_square(x));
    ck_assert_str_eq(ct_node_op(node)->name, "square");
    ct_scope_close();
    ck_assert_ptr_null(ct_node_op(node));
    expect_gone("node_op");
    ck_assert_ptr_null(ct_node_file(node));
    expect_gone("node_file");
    ck_assert_int_eq(ct_node_line(node), 0);
    expect_gone("node_line");
    ck_assert_str_eq(ct_node_region(node), "");
    expect_gone("node_region");
    ck_assert_int_eq(ct_node_inputs(node), 0);
    expect_gone("node_inputs");
    ck_assert_ptr_null(ct_node_input_node(node, 0));
    expect_gone("node_input_node");
    ck_assert_int_eq(ct_node_input_output(node, 0), 0);
    expect_gone("node_input_output");
    ck_assert_ptr_null(ct_node_input_leaf(node, 0));
    expect_gone("node_input_leaf");
    ck_assert_ptr_null(ct_node_output_shape(node, 0, NULL));
    expect_gone("node_output_shape");
}
END_TEST
#endif

/* ---- a backward inside a backward ---- */

typedef struct inner_run {
    ct_tensor *x, *root, *result;
    ct_status status;
    char message[200];
} inner_run;

/* What hooks here run: another graph over the leaf x, d(5 x)/dx = 5. */
static inner_run another_graph(ct_tensor *x)
{
    return (inner_run){.x = x, .root = ct_mul_scalar(x, 5), .status = CT_ERROR_STATE};
}

static ct_tensor *run_backward(ct_tensor *grad, void *user)
{
    inner_run *run = user;
    (void)grad;
    run->status = ct_backward(run->root);
    snprintf(run->message, sizeof run->message, "%s", ct_error_message());
    ct_error_clear();
    return NULL;
}

static ct_tensor *run_grad(ct_tensor *grad, void *user)
{
    inner_run *run = user;
    (void)grad;
    run->status = ct_grad(&run->root, 1, &run->x, 1, &run->result);
    ct_keep(run->result);
    return NULL;
}

/* 100 x + x^2, with a hook on x^2 or on 100 x, whichever runs first: the leaf has part of its gradient when the other one
 * runs. */
static ct_tensor *hooked(ct_tensor *x, ct_hook hook, inner_run *run, int which)
{
    ct_tensor *a = ct_mul_scalar(x, 100), *b = ct_square(x);
    ct_add_hook(which ? a : b, hook, run);
    return ct_add(a, b);
}

/* _i: which of the two terms has the hook. */
START_TEST(backward_in_a_hook)
{
    ct_tensor *x = leaf(3);
    inner_run run = another_graph(x);
    ok(ct_backward(hooked(x, run_backward, &run, _i)));
    ok(run.status);
    expect_value(ct_grad_of(x), 106 + 5);
}
END_TEST

START_TEST(grad_in_a_hook)
{
    ct_tensor *x = leaf(3);
    inner_run run = another_graph(x);
    ok(ct_backward(hooked(x, run_grad, &run, _i)));
    ok(run.status);
    expect_value(run.result, 5);
    expect_value(ct_grad_of(x), 106);
    ct_release(run.result);
}
END_TEST

START_TEST(backward_in_a_hook_of_grad)
{
    ct_tensor *x = leaf(3), *result;
    inner_run run = another_graph(x);
    ct_tensor *y = hooked(x, run_backward, &run, _i);
    ok(ct_grad(&y, 1, &x, 1, &result));
    ok(run.status);
    expect_value(result, 106);
    expect_value(ct_grad_of(x), 5);
}
END_TEST

START_TEST(grad_in_a_hook_of_grad)
{
    ct_tensor *x = leaf(3), *other = leaf(1), *result;
    inner_run run = another_graph(x);
    ct_tensor *y = hooked(x, run_grad, &run, _i);
    ok(ct_grad(&y, 1, &x, 1, &result, .retain_graph = true));
    ok(run.status);
    expect_value(result, 106);
    expect_value(run.result, 5);
    ct_release(run.result);
    run = another_graph(x);
    run.root = ct_mul(run.root, other); /* x is no input of the inner one */
    run.x = other;
    ok(ct_grad(&y, 1, &x, 1, &result));
    ok(run.status);
    expect_value(result, 106);
    expect_value(run.result, 15);
    ct_release(run.result);
    ck_assert(!ct_grad_of(x) && !ct_grad_of(other));
}
END_TEST

/* A hook on a leaf runs after the graph; what it adds to another leaf's gradient, or clears there, counts. */
static ct_tensor *clear_other(ct_tensor *grad, void *user)
{
    (void)grad;
    ct_zero_grad(user);
    return NULL;
}

/* _i: which of the leaves has the hook. */
START_TEST(leaf_hook_clears_another_leaf)
{
    ct_tensor *leaves[] = {leaf_vector(2), leaf_vector(2)}, *g = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ct_tensor *with = leaves[_i], *other = leaves[1 - _i];
    ok(ct_backward(ct_add(leaves[0], leaves[1]), .gradient = g));
    ct_add_hook(with, clear_other, other);
    ok(ct_backward(ct_add(leaves[0], leaves[1]), .gradient = g));
    expect_elements(ct_grad_of(other), CT_VALUES(1, 1));
    expect_elements(ct_grad_of(with), CT_VALUES(2, 2));
    ok(ct_fill_(ct_grad_of(other), 0));
    expect_elements(g, CT_VALUES(1, 1));
}
END_TEST

START_TEST(leaf_hook_runs_backward)
{
    ct_tensor *leaves[] = {leaf(3), leaf(4)}, *with = leaves[_i], *other = leaves[1 - _i];
    inner_run run = another_graph(other);
    ct_add_hook(with, run_backward, &run);
    ok(ct_backward(ct_mul(leaves[0], leaves[1])));
    ok(run.status);
    expect_value(ct_grad_of(with), _i ? 3 : 4);
    expect_value(ct_grad_of(other), (_i ? 4 : 3) + 5);
}
END_TEST

START_TEST(backward_in_a_hook_over_the_same_graph)
{
    ct_tensor *x = leaf(3), *y = ct_square(x), *z = ct_exp(y);
    inner_run run = {.root = z};
    ct_add_hook(y, run_backward, &run);
    ok(ct_backward(z));
    ck_assert_int_eq(run.status, CT_ERROR_STATE);
    ck_assert_msg(strstr(run.message, "backward: 'exp' is in a graph that another backward is running over"), "%s",
                  run.message);
    expect_value(ct_grad_of(x), exp(9) * 6);
    ok(ct_backward(ct_neg(x))); /* no trace is left */
}
END_TEST

/* ---- failures ---- */

START_TEST(in_place_change_is_noticed)
{
    ct_tensor *x = leaf(3), *c = ct_scalar(CT_FLOAT64, 4), *y = ct_mul(x, c), *loss = ct_exp(y);
    int of_mul = __LINE__ - 1;
    ok(ct_fill_(c, 5));
    int of_fill = __LINE__ - 1;
    char message[400];
    snprintf(message, sizeof message,
             "backward of 'mul' (%s:%d) needs its input 1 as it was, but fill_ (%s:%d) has changed it in place since",
             __FILE__, of_mul, __FILE__, of_fill);
    expect_failure(ct_backward(loss), CT_ERROR_STATE, message);
    ck_assert_ptr_null(ct_grad_of(x));
}
END_TEST

START_TEST(every_in_place_change_has_a_name)
{
    static const char *const writers[] = {"data_mut", "copy_", "fill_"};
    for (int i = 0; i < 3; i++) {
        ct_tensor *x = leaf(3), *y = ct_square(x);
        ct_no_grad_begin();
        ct_tensor *view = ct_reshape(x, CT_SHAPE(1)); /* through a view as well */
        ct_no_grad_end();
        int line = __LINE__ + 2;
        if (i == 0)
            ck_assert_ptr_nonnull(ct_data_mut(view));
        else
            ok(i == 1 ? ct_copy_(x, ct_scalar(CT_FLOAT64, 1)) : ct_fill_(view, 2));
        char changed[300];
        snprintf(changed, sizeof changed, "but %s (%s:%d) has changed", writers[i], __FILE__, i == 0 ? line : line + 2);
        ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
        ck_assert_msg(strstr(ct_error_message(), changed), "%s", ct_error_message());
        ct_error_clear();
    }
}
END_TEST

/* A saved output, changed through a detached alias; and a change that no backward minds. */
START_TEST(saved_output_is_watched)
{
    ct_tensor *x = leaf(1), *y = ct_exp(x);
    expect_failure(ct_fill_(y, 0), CT_ERROR_STATE,
                   "fill_: the result of 'exp' is recorded in a graph and cannot be changed in place");
    ok(ct_fill_(ct_detach(y), 0));
    expect_failure(ct_backward(y), CT_ERROR_STATE, "backward of 'exp'");
    ct_tensor *c = ct_scalar(CT_FLOAT64, 4), *sum = ct_add(x, c);
    ok(ct_fill_(c, 5));
    ok(ct_backward(sum));
}
END_TEST

/* The optimiser's step between two backwards over one graph is such a change too. */
START_TEST(parameter_changed_between_backwards)
{
    ct_tensor *w = leaf(3), *y = ct_square(w);
    ok(ct_backward(y, .retain_graph = true));
    ok(ct_fill_(w, 2));
    expect_failure(ct_backward(y), CT_ERROR_STATE, "backward of 'square'");
    expect_value(ct_grad_of(w), 6);
}
END_TEST

/* y = 2 x, and what its backward does wrong. */
typedef enum fault {
    NO_FAULT,
    WRONG_SHAPE,
    WRONG_DTYPE,
    WRONG_RANK,
    UNSET,
    SILENT_ERROR,
    SAID_ERROR,
    NULL_GRADIENT,
    WRONG_INPUT,
    TOO_LARGE
} fault;

static ct_status twice_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status twice_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    if (!x)
        return ct_error_code();
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++)
        y[i] = 2 * x[i];
    return CT_OK;
}

static ct_status twice_backward(ct_call *call)
{
    ct_tensor *g = ct_mul_scalar(ct_call_grad_output(call, 0), 2);
    switch (*(const fault *)ct_call_attributes(call)) {
    case NO_FAULT:
        return ct_call_set_grad(call, 0, g);
    case WRONG_SHAPE:
        return ct_call_set_grad(call, 0, ct_ones(CT_FLOAT64, CT_SHAPE(4)));
    case WRONG_DTYPE:
        return ct_call_set_grad(call, 0, ct_cast(g, CT_FLOAT32));
    case WRONG_RANK:
        return ct_call_set_grad(call, 0, ct_scalar(CT_FLOAT64, 1));
    case UNSET:
        return CT_OK;
    case SILENT_ERROR:
        return CT_ERROR_ARGUMENT;
    case SAID_ERROR:
        return ct_call_error(call, CT_ERROR_ARGUMENT, "cannot do %d", 7);
    case NULL_GRADIENT:
        return ct_call_set_grad(call, 0, NULL);
    case WRONG_INPUT:
        return ct_call_set_grad(call, 1, g);
    case TOO_LARGE: /* broadcast: the engine sums it down */
        return ct_call_set_grad(call, 0, ct_expand(g, CT_SHAPE(5, -1)));
    }
    return CT_ERROR_STATE;
}

static const ct_op twice = {.name = "twice",
                            .gradient = "2 g",
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .attributes_size = sizeof(fault),
                            .infer = twice_infer,
                            .forward = twice_forward,
                            .backward = twice_backward};

static ct_tensor *apply_twice(ct_tensor *x, fault f)
{
    return ct_apply(&twice, &x, 1, &f);
}

START_TEST(faulty_backwards)
{
    static const struct {
        fault fault;
        ct_status code;
        const char *message;
    } cases[] = {
        {WRONG_SHAPE, CT_ERROR_SHAPE, ": gradient of input 0 is float64 [4], the input is float64 [3]"},
        {WRONG_RANK, CT_ERROR_SHAPE, ": gradient of input 0 is float64 [], the input is float64 [3]"},
        {WRONG_DTYPE, CT_ERROR_DTYPE, ": gradient of input 0 is float32 [3], the input is float64 [3]"},
        {SILENT_ERROR, CT_ERROR_ARGUMENT, ": failed without saying why"},
        {SAID_ERROR, CT_ERROR_ARGUMENT, "twice: cannot do 7"},
        {NULL_GRADIENT, CT_ERROR_NULL, "twice: the gradient of input 0 is NULL"},
        {WRONG_INPUT, CT_ERROR_ARGUMENT, "twice: there is no input 1 to set a gradient for"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_tensor *x = leaf_vector(3), *w = leaf_vector(3);
        ok(ct_backward(ct_sum(ct_add(x, w))));
        ct_tensor *y = ct_add(apply_twice(x, cases[i].fault), ct_mul(w, x)); /* w's gradient has come by then */
        ck_assert_int_eq(ct_backward(ct_sum(y)), cases[i].code);
        ck_assert_int_eq(ct_error_code(), cases[i].code);
        ck_assert_msg(strstr(ct_error_message(), cases[i].message), "%s", ct_error_message());
        ck_assert_msg(strstr(ct_error_message(), __FILE__), "%s", ct_error_message());
        ct_error_clear();
        expect_elements(ct_grad_of(x), CT_VALUES(1, 1, 1));
        expect_elements(ct_grad_of(w), CT_VALUES(1, 1, 1));
        ok(ct_backward(ct_sum(ct_mul(x, w)))); /* nothing is left over */
        expect_elements(ct_grad_of(x), CT_VALUES(2, 3, 4));
    }
}
END_TEST

START_TEST(right_backwards)
{
    ct_tensor *x = leaf_vector(3);
    ok(ct_backward(ct_sum(apply_twice(x, NO_FAULT))));
    expect_elements(ct_grad_of(x), CT_VALUES(2, 2, 2));
    ok(ct_backward(ct_sum(apply_twice(x, TOO_LARGE))));
    expect_elements(ct_grad_of(x), CT_VALUES(12, 12, 12));
}
END_TEST

/* No gradient set counts as zero. */
START_TEST(unset_gradient_is_zero)
{
    ct_tensor *x = leaf_vector(3), *y = ct_sum(ct_add(apply_twice(x, UNSET), x)), *result;
    ok(ct_backward(y));
    expect_elements(ct_grad_of(x), CT_VALUES(1, 1, 1));
    ct_tensor *z = ct_sum(apply_twice(x, UNSET)), *square = ct_square(x), *both[] = {square, x}, *results[2];
    ok(ct_grad(&z, 1, &x, 1, &result));
    expect_elements(result, CT_VALUES(0, 0, 0));
    z = ct_sum(apply_twice(square, UNSET));
    ok(ct_grad(&z, 1, both, 2, results));
    expect_elements(results[0], CT_VALUES(0, 0, 0));
    expect_elements(results[1], CT_VALUES(0, 0, 0));
}
END_TEST

/* ---- several outputs ---- */

static ct_status split_infer(ct_call *call)
{
    ct_status status = ct_call_output_shape(call, 0, CT_INT64, CT_SCALAR); /* an integer output first */
    for (int i = 1; status == CT_OK && i < 3; i++)
        status = ct_call_output_like(call, i, ct_call_input(call, 0));
    return status;
}

/* The number of elements, x and 3 x. */
static ct_status split_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 1), *z = ct_call_output_data(call, 2);
    if (!x)
        return ct_error_code();
    *(int64_t *)ct_call_output_data(call, 0) = ct_numel(ct_call_input(call, 0));
    for (int64_t i = 0; i < ct_numel(ct_call_input(call, 0)); i++) {
        y[i] = x[i];
        z[i] = 3 * x[i];
    }
    return CT_OK;
}

static int null_gradients;

static ct_status split_backward(ct_call *call)
{
    ct_tensor *gy = ct_call_grad_output(call, 1), *gz = ct_call_grad_output(call, 2);
    ck_assert_ptr_null(ct_call_grad_output(call, 0));
    ck_assert_ptr_null(ct_call_grad_output(call, 3));
    null_gradients += (gy == NULL) + (gz == NULL);
    ct_tensor *of_z = gz ? ct_mul_scalar(gz, 3) : NULL;
    return ct_call_set_grad(call, 0, gy && of_z ? ct_add(gy, of_z) : gy ? gy : of_z);
}

static const ct_op split = {.name = "split",
                            .gradient = "gy + 3 gz",
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .outputs = 3,
                            .infer = split_infer,
                            .forward = split_forward,
                            .backward = split_backward};

START_TEST(several_outputs)
{
    ct_tensor *x = leaf_vector(2), *out[3];
    null_gradients = 0;
    ok(ct_apply_multi(&split, &x, 1, NULL, out));
    int line = __LINE__ - 1;
    ck_assert_double_eq(ct_item(out[0]), 2);
    ck_assert(ct_is_leaf(out[0]) && ct_node_of(out[1]) == ct_node_of(out[2]));
    ck_assert_str_eq(ct_node_file(ct_node_of(out[1])), __FILE__);
    ck_assert_int_eq(ct_node_line(ct_node_of(out[1])), line);
    ok(ct_backward(ct_sum(ct_mul(out[1], out[2]))));
    expect_elements(ct_grad_of(x), CT_VALUES(6, 12));
    ck_assert_int_eq(null_gradients, 0);
    ct_zero_grad(x);
    ok(ct_apply_multi(&split, &x, 1, NULL, out));
    ok(ct_backward(ct_sum(out[2]))); /* out[1] goes nowhere */
    expect_elements(ct_grad_of(x), CT_VALUES(3, 3));
    ck_assert_int_eq(null_gradients, 1);
    ok(ct_apply_multi(&split, &x, 1, NULL, out));
    ct_tensor *roots[] = {out[1], out[2]}, *ones = ct_ones(CT_FLOAT64, CT_SHAPE(2)), *weights[] = {ones, ones};
    ct_tensor *results[3], *inputs[] = {x, out[1], out[2]};
    ok(ct_grad(roots, 2, inputs, 3, results, .gradients = weights));
    expect_elements(results[0], CT_VALUES(4, 4));
    expect_elements(results[1], CT_VALUES(1, 1));
    expect_elements(results[2], CT_VALUES(1, 1));
}
END_TEST

/* The first output is what ct_apply gives; the others go at once. */
START_TEST(first_output_only)
{
    ct_tensor *x = leaf_vector(2);
    int64_t before = ct_memory_stats().live_tensors;
    ct_tensor *count = ct_apply(&split, &x, 1, NULL);
    ck_assert_double_eq(ct_item(count), 2);
    ck_assert_int_eq(ct_memory_stats().live_tensors, before + 1);
}
END_TEST

/* Hooks and retained gradients belong to an output, not to the whole node. */
START_TEST(hook_on_one_of_several_outputs)
{
    notes n = {.order = ""};
    ct_tensor *x = leaf_vector(1), *out[3];
    ok(ct_apply_multi(&split, &x, 1, NULL, out));
    ct_add_hook(out[2], note_b, &n);
    ct_add_hook(out[1], note_a, &n);
    ok(ct_retain_grad(out[2]));
    ok(ct_backward(ct_sum(ct_add(ct_mul_scalar(out[1], 5), ct_mul_scalar(out[2], 7)))));
    ck_assert_str_eq(n.order, "ab");
    expect_elements(ct_grad_of(out[2]), CT_VALUES(7));
    ck_assert_ptr_null(ct_grad_of(out[1]));
    expect_elements(ct_grad_of(x), CT_VALUES(26));
}
END_TEST

/* ---- the door ---- */

static ct_status declares_nothing(ct_call *call)
{
    (void)call;
    return CT_OK;
}

static ct_status fails_silently(ct_call *call)
{
    (void)call;
    return CT_ERROR_SHAPE;
}

static ct_status declares_twice(ct_call *call)
{
    ct_status status = twice_infer(call);
    return status == CT_OK ? twice_infer(call) : status;
}

static ct_status declares_a_bad_shape(ct_call *call)
{
    return ct_call_output_shape(call, 0, CT_FLOAT64, CT_SHAPE(3, -1));
}

static ct_status declares_a_wild_view(ct_call *call)
{
    return ct_call_output_view(call, 0, 0, 1, (const int64_t[]){3}, (const int64_t[]){1}, 1);
}

static ct_tensor *null_expression(ct_call *call)
{
    (void)call;
    return NULL;
}

START_TEST(faulty_records)
{
    ct_tensor *x = leaf_vector(3), *none = NULL;
    static const struct {
        ct_op op;
        ct_status code;
        const char *message;
    } cases[] = {
        {{.name = "a", .max_inputs = 1, .infer = declares_nothing},
         CT_ERROR_STATE,
         "a: its shape rule has not declared output 0 ("},
        {{.name = "b", .max_inputs = 1, .infer = fails_silently}, CT_ERROR_SHAPE, "b: failed without saying why ("},
        {{.name = "c", .max_inputs = 1, .infer = declares_twice},
         CT_ERROR_ARGUMENT,
         "c: output 0 cannot be declared here ("},
        {{.name = "d", .max_inputs = 1, .infer = declares_a_bad_shape}, CT_ERROR_SHAPE, "d: negative size in [3,-1] ("},
        {{.name = "e", .max_inputs = 1, .infer = declares_a_wild_view},
         CT_ERROR_SHAPE,
         "e: a view of shape [3] leaves its tensor's storage ("},
        {{.name = "f", .max_inputs = 1, .infer = twice_infer, .forward = fails_silently},
         CT_ERROR_SHAPE,
         "f: failed without saying why ("},
        {{.name = "g", .max_inputs = 1, .expression = null_expression},
         CT_ERROR_STATE,
         "g: failed without saying why ("},
        {{.name = "h", .max_inputs = 1},
         CT_ERROR_ARGUMENT,
         "h: the record has neither a shape rule nor an expression ("},
        {{.max_inputs = 1, .infer = twice_infer}, CT_ERROR_ARGUMENT, "apply: the operation is NULL or has no name ("},
        {{.name = "i", .max_inputs = 1, .outputs = 9, .infer = twice_infer},
         CT_ERROR_ARGUMENT,
         "i: the record must have 0 <= outputs <= CT_MAX_OUTPUTS ("},
        {{.name = "j", .max_inputs = 1, .outputs = -1, .infer = twice_infer},
         CT_ERROR_ARGUMENT,
         "j: the record must have 0 <= outputs <= CT_MAX_OUTPUTS ("},
        {{.name = "k", .max_inputs = 1, .attributes_size = 257, .infer = twice_infer},
         CT_ERROR_ARGUMENT,
         "k: the record must have attributes_size <= CT_MAX_ATTRIBUTES ("},
        {{.name = "l", .min_inputs = 2, .max_inputs = 3, .infer = twice_infer},
         CT_ERROR_ARGUMENT,
         "l: 1 inputs, takes 2 to 3 ("},
    };
    int64_t before = ct_memory_stats().live_tensors;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(ct_apply(&cases[i].op, &x, 1, NULL), cases[i].code, cases[i].message);
    expect_error(ct_apply(NULL, &x, 1, NULL), CT_ERROR_ARGUMENT, "apply: the operation is NULL or has no name");
    expect_error(ct_apply(&twice, NULL, 1, NULL), CT_ERROR_ARGUMENT, "apply: inputs is NULL");
    expect_error(ct_apply(&twice, &none, 1, NULL), CT_ERROR_NULL, "twice: input 0 is NULL");
    ck_assert_int_eq((ct_apply_multi)(&split, &x, 1, NULL, NULL), CT_ERROR_NULL);
    expect_failure(ct_error_code(), CT_ERROR_NULL, "apply_multi: outputs is NULL");
    ck_assert_int_eq(ct_memory_stats().live_tensors, before);
}
END_TEST

/* y = x + b, b optional. */
static ct_status shift_forward(ct_call *call)
{
    const ct_tensor *b = ct_call_input(call, 1);
    *(double *)ct_call_output_data(call, 0) = ct_item(ct_call_input(call, 0)) + (b ? ct_item(b) : 0);
    return CT_OK;
}

static ct_status shift_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *b = ct_call_input(call, 1);
    ct_status status = ct_call_set_grad(call, 0, g);
    if (status == CT_OK && b)
        status = ct_call_set_grad(call, 1, g);
    return status;
}

static const ct_op shift = {.name = "shift",
                            .gradient = "g, g",
                            .min_inputs = 1,
                            .max_inputs = 2,
                            .saves = CT_SAVE_INPUT(1),
                            .infer = twice_infer,
                            .forward = shift_forward,
                            .backward = shift_backward};

/* backward asks for a saved input that was left out, as forward does: NULL, and no error. */
START_TEST(optional_input_left_out)
{
    ct_tensor *x = leaf(3), *b = leaf(4);
    ok(ct_backward(ct_apply(&shift, CT_TENSORS(x, NULL), NULL)));
    expect_value(ct_grad_of(x), 1);
    ok(ct_backward(ct_apply(&shift, CT_TENSORS(x, b), NULL)));
    expect_value(ct_grad_of(b), 1);
    ok(ct_backward(ct_apply(&shift, CT_TENSORS(x), NULL)));
    expect_value(ct_grad_of(x), 3);
    ct_error_set(CT_ERROR_IO, "first"); /* NULL may be what a failed expression gave */
    expect_error(ct_apply(&shift, CT_TENSORS(x, NULL), NULL), CT_ERROR_IO, "first");
}
END_TEST

static ct_status asks_for_unsaved(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_call_input(call, 0)));
}

static ct_status asks_for_unsaved_output(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_call_output(call, 0)));
}

START_TEST(backward_asks_for_what_was_not_saved)
{
    ct_op op = twice;
    ct_tensor *x = leaf(3);
    op.backward = asks_for_unsaved;
    expect_failure(ct_backward(ct_apply(&op, &x, 1, NULL)), CT_ERROR_STATE, "backward of 'twice'");
    op.backward = asks_for_unsaved_output;
    ck_assert_int_eq(ct_backward(ct_apply(&op, &x, 1, NULL)), CT_ERROR_STATE);
    ck_assert_msg(strstr(ct_error_message(), ": the operation does not save output 0"), "%s", ct_error_message());
    ct_error_clear();
    ck_assert_ptr_null(ct_grad_of(x));
}
END_TEST

/* What forward copies because it is strided goes when it is done. */
START_TEST(copies_for_forward_go_at_once)
{
    ct_tensor *x = ct_transpose(ct_ones(CT_FLOAT64, CT_SHAPE(30, 40)), 0, 1);
    int64_t before = ct_memory_stats().live_tensors;
    ck_assert_ptr_nonnull(apply_twice(x, NO_FAULT));
    ck_assert_int_eq(ct_memory_stats().live_tensors, before + 1);
}
END_TEST

/* ---- places ---- */

/* A library function of several operations, made without locations. */
static ct_tensor *mean_square(ct_tensor *x)
{
    return (ct_mean)((ct_square)((ct_sub)(x, (ct_ones_like)(x))), NULL);
}

#define mean_square(x) ct_at(CT_HERE, mean_square(x))

START_TEST(places_of_nested_calls)
{
    ct_tensor *x = leaf_vector(3);
    int line = __LINE__ + 1;
    ct_tensor *y = ct_mul(ct_exp(x), ct_neg(ct_tanh(x)));
    ct_node *mul = ct_node_of(y), *e = ct_node_input_node(mul, 0), *neg = ct_node_input_node(mul, 1);
    ck_assert_int_eq(ct_node_line(e), line);
    ck_assert_int_ge(ct_node_line(mul), line);
    ck_assert_int_le(ct_node_line(ct_node_input_node(neg, 0)), line + 2);
    ck_assert_str_eq(ct_node_file(neg), __FILE__);
    ct_tensor *z = mean_square(ct_exp(x));
    line = __LINE__ - 1;
    int found = 0;
    for (ct_node *node = ct_node_of(z); node; node = ct_node_input_node(node, 0), found++) {
        ck_assert_str_eq(ct_node_file(node), __FILE__);
        ck_assert_int_eq(ct_node_line(node), line);
    }
    ck_assert_int_eq(found, 4);
}
END_TEST

START_TEST(places_of_failures)
{
    ct_tensor *x = leaf_vector(3), *four = ct_ones(CT_FLOAT64, CT_SHAPE(4));
    char message[300];
    snprintf(message, sizeof message, "add: shapes do not broadcast: [3], [4] (%s:%d)", __FILE__, __LINE__ + 1);
    ct_tensor *y = ct_exp(ct_neg(ct_add(x, four)));
    ck_assert_ptr_null(y);
    ck_assert_str_eq(ct_error_message(), message);
    ck_assert_int_ne(ct_backward(y), CT_OK);
    ck_assert_ptr_null(ct_matmul(y, x));
    ck_assert_str_eq(ct_error_message(), message); /* the first stays */
    ct_error_clear();
    ct_tensor *strange = ct_ones(CT_INT64, CT_SHAPE(2));
    snprintf(message, sizeof message, "takes float32 or float64, not int64; ct_cast() it (%s:%d)", __FILE__,
             __LINE__ + 1);
    ck_assert_ptr_null(mean_square(strange));
    ck_assert_msg(strstr(ct_error_message(), message), "%s", ct_error_message());
    ct_error_clear();
}
END_TEST

/* An error inside a backward names the line of the forward operation, and that of the call of backward. */
START_TEST(places_in_backward)
{
    ct_tensor *x = leaf_vector(3);
    ct_tensor *y = apply_twice(x, SILENT_ERROR);
    char message[400];
    snprintf(message, sizeof message, "backward of 'twice' (%s:%d): failed without saying why (%s:%d)", __FILE__,
             ct_node_line(ct_node_of(y)), __FILE__, __LINE__ + 1);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_ERROR_ARGUMENT);
    ck_assert_str_eq(ct_error_message(), message);
    ct_error_clear();
}
END_TEST

/* ---- memory that runs out ---- */

/* Forward, backward with its recording, and a second backward through that. */
static ct_status two_orders(ct_tensor *x, ct_tensor *w)
{
    ct_tensor *h = ct_tanh(ct_matmul(x, w)), *y = ct_sum(ct_mul(ct_exp(h), ct_add(h, x))), *inputs[] = {x, w},
              *grads[2];
    if (ct_grad(&y, 1, inputs, 2, grads, .create_graph = true) != CT_OK)
        return ct_error_code();
    ct_tensor *out[3];
    if (ct_apply_multi(&split, grads, 1, NULL, out) != CT_OK)
        return ct_error_code();
    return ct_backward(ct_add(ct_sum(ct_square(grads[1])), ct_sum(out[2])));
}

/* _i: whether all allocations after the first failing one fail too. */
START_TEST(every_allocation_fails)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(3, 3), 1), true);
    ct_tensor *w = ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(3, 3), 2), true);
    ct_add_hook(x, ten_times, NULL);
    ok(two_orders(x, w)); /* gradients to add to */
    ct_tensor *before_x = ct_clone(ct_grad_of(x)), *before_w = ct_clone(ct_grad_of(w));
    ct_memory before = ct_memory_stats();
    ct_status status = CT_ERROR_MEMORY;
    int64_t n = 0;
    while (status != CT_OK) {
        ct_scope_open();
        ct__fail_allocation(++n, _i);
        status = two_orders(x, w);
        ct__fail_allocation(0, false);
        ck_assert_msg(status == CT_OK || (status == CT_ERROR_MEMORY && ct_error_code() == CT_ERROR_MEMORY),
                      "allocation %lld: %s", (long long)n, ct_error_message());
        ct_error_clear();
        ct_scope_close();
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert(ct_grad_enabled());
        if (status != CT_OK) {
            expect_close(ct_grad_of(x), before_x, 0);
            expect_close(ct_grad_of(w), before_w, 0);
        }
    }
    expect_close(ct_grad_of(x), ct_mul_scalar(before_x, 2), 1e-15);
    ck_assert_int_gt(n, 60);
}
END_TEST

/* The results of a failed ct_grad are NULL, all of them. */
START_TEST(failed_grad_has_no_results)
{
    ct_tensor *a = leaf(2), *b = leaf(3), *inputs[] = {a, b, a, b}, *results[4];
    ct_status status = CT_ERROR_MEMORY;
    for (int64_t n = 1; status != CT_OK; n++) {
        ct_tensor *y = ct_mul(a, b);
        ct__fail_allocation(n, false);
        status = ct_grad(&y, 1, inputs, 4, results);
        ct__fail_allocation(0, false);
        ct_error_clear();
        for (int i = 0; i < 4; i++)
            ck_assert((results[i] != NULL) == (status == CT_OK));
    }
}
END_TEST

START_TEST(hooks_without_memory)
{
    ct_tensor *x = leaf(2), *y = ct_square(x);
    ct__fail_allocation(1, true);
    int64_t handle = ct_add_hook(x, ten_times, NULL);
    expect_failure(ct_error_code(), CT_ERROR_MEMORY, "add_hook: no memory");
    ck_assert_int_eq(ct_retain_grad(y), CT_ERROR_MEMORY);
    expect_failure(ct_error_code(), CT_ERROR_MEMORY, "retain_grad: no memory");
    ck_assert_int_eq(ct_graph_nodes(y, NULL, 0), -1);
    expect_failure(ct_error_code(), CT_ERROR_MEMORY, "");
    ct__fail_allocation(0, false);
    ck_assert_int_eq(handle, 0);
    ok(ct_backward(y));
    expect_value(ct_grad_of(x), 4);
}
END_TEST

/* ---- looking at the graph ---- */

START_TEST(nodes_in_order)
{
    ct_tensor *x = leaf(2), *c = ct_scalar(CT_FLOAT64, 1);
    ct_tensor *e = ct_exp(x), *n = ct_neg(e), *y = ct_mul(n, ct_add(e, c));
    ct_node *nodes[8] = {NULL};
    ck_assert_int_eq(ct_graph_nodes(y, nodes, 8), 4);
    ck_assert_ptr_eq(nodes[0], ct_node_of(y)); /* the root first, what it needs after it */
    ck_assert_ptr_eq(nodes[3], ct_node_of(e));
    ck_assert(nodes[1] != nodes[2] && (nodes[1] == ct_node_of(n) || nodes[2] == ct_node_of(n)));
    ck_assert_ptr_null(nodes[4]);
    ct_node *first[2] = {NULL};
    ck_assert_int_eq(ct_graph_nodes(y, first, 1), 4);
    ck_assert(first[0] == nodes[0] && !first[1]);
    ck_assert_int_eq(ct_graph_nodes(y, NULL, 0), 4);
    ck_assert_int_eq(ct_graph_nodes(x, nodes, 8), 0);
    ck_assert_int_eq(ct_graph_nodes(NULL, nodes, 8), -1);
    expect_failure(ct_error_code(), CT_ERROR_NULL, "graph_nodes: the tensor is NULL");
}
END_TEST

START_TEST(nodes_one_by_one)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true), *c = ct_scalar(CT_FLOAT64, 1);
    ct_tensor *y = ct_mul(ct_exp(x), c), *out[3], *v = leaf_vector(2);
    ct_node *mul = ct_node_of(y);
    int rank = 0;
    ck_assert_str_eq(ct_node_op(mul)->name, "mul");
    ck_assert_int_eq(ct_node_inputs(mul), 2);
    ck_assert_str_eq(ct_node_op(ct_node_input_node(mul, 0))->name, "exp");
    ck_assert_ptr_null(ct_node_input_leaf(mul, 0));
    ck_assert(!ct_node_input_node(mul, 1) && !ct_node_input_leaf(mul, 1)); /* a constant */
    ck_assert_ptr_eq(ct_node_input_leaf(ct_node_input_node(mul, 0), 0), x);
    const int64_t *shape = ct_node_output_shape(mul, 0, &rank);
    ck_assert(rank == 2 && shape[0] == 2 && shape[1] == 3);
    ck_assert(!ct_node_output_shape(mul, 1, &rank) && !ct_node_output_shape(mul, -1, &rank));
    ck_assert(!ct_node_input_node(mul, 2) && !ct_node_input_leaf(mul, -1) && !ct_node_of(x) && !ct_node_of(NULL));
    ck_assert(!ct_node_op(NULL) && !ct_node_file(NULL) && !ct_node_line(NULL) && !ct_node_inputs(NULL));
    ok(ct_apply_multi(&split, &v, 1, NULL, out));
    ck_assert_int_eq(ct_node_input_output(ct_node_of(ct_neg(out[2])), 0), 2);
}
END_TEST

/* The text, with tooltips cut away. */
static void dot_text(ct_tensor *root, ct_tensor *const *leaves, const char *const *names, int64_t n, char *text,
                     size_t size)
{
    FILE *stream = tmpfile();
    ck_assert_ptr_nonnull(stream);
    ok(ct_graph_write_dot(root, leaves, n, names, stream));
    rewind(stream);
    size_t length = fread(text, 1, size - 1, stream);
    text[length] = '\0';
    fclose(stream);
    char *from, *to;
    while ((from = strstr(text, ", tooltip=\"")) && (to = strstr(from + 11, "\"")))
        memmove(from, to + 1, strlen(to + 1) + 1);
}

START_TEST(graph_as_dot)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true), *b = leaf(1);
    ct_tensor *y = ct_mul(ct_add(x, b), x);
    char text[4000], again[4000];
    dot_text(y, (ct_tensor *[]){x}, (const char *const[]){"a \"name\""}, 1, text, sizeof text);
    const char *body = strstr(text, "  n0 ");
    ck_assert(body && strncmp(text, "digraph cotan {\n", 16) == 0);
    ck_assert_str_eq(
        body, "  n0 [label=\"add\\n[2,3]\"];\n"
              "  t0 [shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", label=\"a \\\"name\\\"\\n[2,3]\"];\n"
              "  t0 -> n0;\n"
              "  t1 [shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", label=\"leaf\\n[]\"];\n"
              "  t1 -> n0;\n"
              "  n1 [label=\"mul\\n[2,3]\"];\n"
              "  n0 -> n1;\n"
              "  t0 [shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", label=\"a \\\"name\\\"\\n[2,3]\"];\n"
              "  t0 -> n1;\n"
              "}\n");
    dot_text(y, (ct_tensor *[]){x}, (const char *const[]){"a \"name\""}, 1, again, sizeof again);
    ck_assert_str_eq(text, again);
    dot_text(b, NULL, NULL, 0, text, sizeof text); /* a leaf: nothing behind it */
    ck_assert_ptr_null(strstr(text, "  n0 "));
    ok(ct_backward(ct_sum(y))); /* looking has changed nothing */
}
END_TEST

START_TEST(bad_dot_calls)
{
    ct_tensor *y = ct_exp(leaf(1));
    expect_failure(ct_graph_write_dot(NULL, NULL, 0, NULL, stdout), CT_ERROR_NULL,
                   "graph_write_dot: the tensor is NULL");
    expect_failure(ct_graph_write_dot(y, NULL, 0, NULL, NULL), CT_ERROR_NULL, "graph_write_dot: stream is NULL");
    expect_failure(ct_graph_write_dot(y, NULL, 1, NULL, stdout), CT_ERROR_NULL,
                   "graph_write_dot: leaves or names is NULL");
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        expect_failure(ct_graph_write_dot(y, NULL, 0, NULL, full), CT_ERROR_IO, "graph_write_dot: writing failed");
        fclose(full);
    }
    char text[64];
    FILE *memory = fmemopen(text, sizeof text, "w");
    ct__fail_allocation(1, true);
    expect_failure(ct_graph_write_dot(y, NULL, 0, NULL, memory), CT_ERROR_MEMORY, "");
    ct__fail_allocation(0, false);
    fclose(memory);
}
END_TEST

/* ---- two threads ---- */

/* Trains y = tanh(x w) towards a target; the loss after the last step. */
static void *train(void *result)
{
    ct_tensor *w = ct_parameter(numbers(CT_FLOAT32, CT_SHAPE(8, 4), 5));
    for (int step = 0; step < 200; step++) {
        ct_scope_open();
        ct_tensor *x = numbers(CT_FLOAT32, CT_SHAPE(16, 8), 6), *target = numbers(CT_FLOAT32, CT_SHAPE(16, 4), 7);
        ct_tensor *loss = ct_mean(ct_square(ct_sub(ct_tanh(ct_matmul(x, w)), target)));
        if (ct_backward(loss) != CT_OK)
            break;
        *(double *)result = ct_item(loss);
        ct_copy_(w, ct_sub(ct_detach(w), ct_mul_scalar(ct_grad_of(w), 0.1)));
        ct_zero_grad(w);
        ct_scope_close();
    }
    ct_release(w);
    return NULL;
}

START_TEST(two_threads_train_two_models)
{
    double alone = 0, together[2] = {0};
    pthread_t threads[2];
    train(&alone);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, train, &together[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ck_assert_double_gt(alone, 0);
    ck_assert_double_eq(together[0], alone);
    ck_assert_double_eq(together[1], alone);
}
END_TEST

/* ---- the suite ---- */

#define TESTS(...) \
    (const TTest *const[]){__VA_ARGS__}, sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *)

/* Each test runs with _i = 0 .. times - 1. */
static void add(Suite *suite, const char *name, int times, const TTest *const *tests, size_t n)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, open_test, close_test);
    for (size_t i = 0; i < n; i++)
        tcase_add_loop_test(tcase, tests[i], 0, times);
    suite_add_tcase(suite, tcase);
}

Suite *ct_suite_autograd(void)
{
    Suite *suite = suite_create("autograd");
    add(suite, "graphs", 1,
        TESTS(fork_to_one_operation, diamond, diamonds_of_diamonds, lecture_circuit, wide_graph, wide_fan,
              root_is_a_leaf, root_with_a_cotangent, bad_roots, zero_size_graph));
    add(suite, "again", 1,
        TESTS(second_backward_is_refused, retained_graph_adds_up, shared_part_is_freed, backward_frees_what_was_saved));
    add(suite, "higher orders", 1,
        TESTS(fourth_power_to_fourth_order, tanh_to_third_order, sigmoid_and_exp_to_third_order, mixed_derivatives,
              backward_records_itself, cotangent_is_differentiated, backward_keeps_the_cotangent_apart));
    add(suite, "chosen", 1,
        TESTS(chosen_inputs_and_outputs, chosen_leaves_accumulate_nothing, only_what_is_needed_runs, output_is_input,
              input_behind_input, unused_input, bad_grad_calls));
    add(suite, "not recorded", 1,
        TESTS(no_grad_sections, no_grad_is_of_the_thread, detached_part_is_constant, leaves_ask_for_gradients,
              integers_have_no_gradient, leaf_stops_asking, gradients_are_set_by_hand));
    add(suite, "whose", 1,
        TESTS(gradients_share_nothing, recorded_gradients_share_nothing, expanded_gradients_are_materialised,
              kept_gradient_outlives_zero_grad, recorded_gradient_of_a_given_up_leaf));
    add(suite, "hooks", 1,
        TESTS(hooks_on_a_leaf, hooks_on_a_result, hooks_are_removed, bad_hooks,
              ready_hooks_come_as_soon_as_all_of_a_gradient, ready_hooks_wait_for_parts_of_a_run, ready_hooks_of_a_root,
              ready_hooks_fail_and_are_removed, hook_removes_itself, hook_releases_the_root, hook_leaves_a_scope_open,
              hook_cannot_close_the_scope_around_it, hook_keeps_the_gradient, retained_gradient_of_a_result,
              retaining_tensor_is_freed_before_backward, hooked_leaf_is_freed, hook_ends_the_program));
#if CT_LIFETIME_CHECKS
    add(suite, "closed", 1, TESTS(closed_tensor_retains_nothing, closed_node_is_named));
#endif
    add(suite, "runs inside runs", 2,
        TESTS(backward_in_a_hook, grad_in_a_hook, backward_in_a_hook_of_grad, grad_in_a_hook_of_grad,
              leaf_hook_clears_another_leaf, leaf_hook_runs_backward));
    add(suite, "runs inside one run", 1, TESTS(backward_in_a_hook_over_the_same_graph));
    add(suite, "in place", 1,
        TESTS(in_place_change_is_noticed, every_in_place_change_has_a_name, saved_output_is_watched,
              parameter_changed_between_backwards));
    add(suite, "user operations", 1,
        TESTS(faulty_backwards, right_backwards, unset_gradient_is_zero, several_outputs, first_output_only,
              hook_on_one_of_several_outputs, faulty_records, optional_input_left_out,
              backward_asks_for_what_was_not_saved, copies_for_forward_go_at_once));
    add(suite, "places", 1, TESTS(places_of_nested_calls, places_of_failures, places_in_backward));
    add(suite, "looking", 1, TESTS(nodes_in_order, nodes_one_by_one, graph_as_dot, bad_dot_calls));
    add(suite, "threads", 1, TESTS(two_threads_train_two_models));
    add(suite, "memory", 2, TESTS(every_allocation_fails));
    add(suite, "less memory", 1, TESTS(failed_grad_has_no_results, hooks_without_memory));
    return suite;
}
