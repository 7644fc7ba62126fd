/* The trace: what it shows is what the engine did; its JSON, the terminal story, and the sentences that say why. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "observe/trace_internal.h"
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static ct_tensor *named(double value, const char *name, bool leaf)
{
    ct_tensor *t = ct_name(ct_scalar(CT_FLOAT64, value), name);
    return leaf ? ct_set_requires_grad(t, true) : t;
}

static ct_trace_log *end_trace(void)
{
    ct_trace_log *trace = ct_trace_end();
    ck_assert_msg(trace != NULL, "%s", ct_error_message());
    return trace;
}

static const ct_trace_node *node_of(const ct_trace_log *trace, const char *name)
{
    const ct_trace_node *node = ct_trace_node_at(trace, ct_trace_find(trace, name));
    ck_assert_msg(node != NULL, "no tensor is named %s", name);
    return node;
}

/* 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))) with the lectures' numbers. */
static ct_tensor *circuit(void)
{
    ct_tensor *w0 = named(2, "w0", true), *x0 = named(-1, "x0", false), *w1 = named(-3, "w1", true);
    ct_tensor *x1 = named(-2, "x1", false), *w2 = named(-3, "w2", true);
    ct_tensor *a = ct_mul(w0, x0), *b = ct_mul(w1, x1), *sum = ct_add(ct_add(a, b), w2);
    return ct_name(ct_sigmoid(sum), "f");
}

/* ---- attributes ---- */

static const char *attributes_of(const ct_trace_log *trace, const char *op)
{
    for (int64_t id = 0; id < ct_trace_nodes(trace); id++)
        if (strcmp(ct_trace_node_at(trace, id)->op, op) == 0)
            return ct_trace_node_at(trace, id)->attributes;
    ck_abort_msg("no %s", op);
    return NULL;
}

START_TEST(attributes_by_name)
{
    ok(ct_trace_begin());
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true);
    ct_tensor *y = ct_clamp(ct_mul_scalar(ct_sum(x, CT_AXES(0, 1), .keepdim = true), 0.1), -1.5, 2);
    ct_tensor *z = ct_exp(ct_select(ct_transpose(y, 0, 1), 0, 0));
    ck_assert_ptr_nonnull(ct_mean(z));
    ct_trace_log *trace = end_trace();
    ck_assert_str_eq(attributes_of(trace, "sum"), "axes=0,1 keepdim=1 number=0");
    ck_assert_str_eq(attributes_of(trace, "mul_scalar"), "p=0.10000000000000001");
    ck_assert_str_eq(attributes_of(trace, "clamp"), "p=-1.5,2");
    ck_assert_str_eq(attributes_of(trace, "transpose"), "first=0 second=1");
    ck_assert_str_eq(attributes_of(trace, "select"), "axis=0 index=0");
    ck_assert_ptr_null(attributes_of(trace, "exp"));
    ck_assert_str_eq(attributes_of(trace, "mean"), "axes= keepdim=0 number=0");
    ct_trace_free(trace);
}
END_TEST

/* The bytes that the words of attribute_names stand for: of eight each, or four (w), or one (s). */
static size_t named_bytes(const char *names)
{
    size_t bytes = 0;
    for (const char *word = names; word && *word; word += strspn(word, " ")) {
        const char *colon = strpbrk(word, ": ");
        char *end = (char *)(colon ? colon : word + strlen(word));
        long count = *end == ':' ? strtol(end + 1, &end, 10) : 1;
        bytes += (size_t)count * (*end == 's' ? 1 : *end == 'w' ? 4 : 8);
        word = end + strcspn(end, " ");
    }
    return bytes;
}

START_TEST(every_record_names_its_attributes)
{
    int n;
    const ct_op *const *ops = ct_ops(&n);
    ck_assert_int_gt(n, 150);
    for (int i = 0; i < n; i++)
        ck_assert_msg(named_bytes(ops[i]->attribute_names) == ops[i]->attributes_size,
                      "%s: .attribute_names \"%s\" stand for %zu bytes of attributes, but there are %zu", ops[i]->name,
                      ops[i]->attribute_names ? ops[i]->attribute_names : "NULL", named_bytes(ops[i]->attribute_names),
                      ops[i]->attributes_size);
}
END_TEST

START_TEST(attributes_of_every_kind)
{
    ct_arena arena = {0};
    const struct {
        int64_t hidden, list[3], used;
        double real;
        int32_t words[2];
        int64_t dtype;
        char text[8];
    } given = {7, {4, 5, 6}, 2, -0.5, {1, -1}, CT_INT64, "ij->ji"};
    ct_op op = {.attributes_size = sizeof given, .attribute_names = "- list:3n used real:1d words:2w dtype:1t text:8s"};
    ck_assert_str_eq(ct__attributes_text(&arena, &op, &given), "list=4,5 real=-0.5 words=1,-1 dtype=int64 text=ij->ji");
    op.attribute_names = "- list:3n - real:1d more:300"; /* beyond the struct: nothing is read */
    ck_assert_str_eq(ct__attributes_text(&arena, &op, &given), "list=4,5 real=-0.5");
    op.attribute_names = "list:99999999999999999999";
    ck_assert_ptr_null(ct__attributes_text(&arena, &op, &given));
    op.attribute_names = NULL;
    ck_assert_ptr_null(ct__attributes_text(&arena, &op, &given));
    ck_assert_ptr_null(ct__attributes_text(&arena, &op, NULL));
    ct__arena_free(&arena);
}
END_TEST

/* ---- what is in it ---- */

static unsigned summed_of(const ct_trace_log *trace, const char *name)
{
    for (int64_t k = 0; k < ct_trace_steps(trace); k++) {
        const ct_trace_step *step = ct_trace_step_at(trace, k);
        if (step->from >= 0 && step->to == ct_trace_find(trace, name))
            return step->summed;
    }
    ck_abort_msg("no step to %s", name);
}

START_TEST(axes_of_what_was_broadcast)
{
    static const struct {
        const char *name;
        int rank;
        int64_t shape[2];
        unsigned summed;
    } leaves[] = {{"x", 2, {2, 3}, 0}, {"b", 1, {3}, 1}, {"c", 2, {2, 1}, 2}, {"d", 0, {0}, 3}, {"e", 2, {1, 3}, 1}};
    enum { N = sizeof leaves / sizeof *leaves };
    ok(ct_trace_begin());
    ct_tensor *f = NULL;
    for (int i = 0; i < N; i++) {
        ct_tensor *t = ct_name(ct_ones(CT_FLOAT64, leaves[i].shape, leaves[i].rank), leaves[i].name);
        ct_set_requires_grad(t, true);
        f = f ? ct_mul(f, t) : t;
    }
    ok(ct_backward(ct_sum(f)));
    ct_trace_log *trace = end_trace();
    for (int i = 0; i < N; i++)
        ck_assert_msg(summed_of(trace, leaves[i].name) == leaves[i].summed, "%s: %u", leaves[i].name,
                      summed_of(trace, leaves[i].name));
    ct_trace_free(trace);
}
END_TEST

START_TEST(the_circuit_of_the_lectures)
{
    ok(ct_trace_begin());
    ct_tensor *f = circuit();
    ok(ct_backward(f));
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_nodes(trace), 10);
    ck_assert_int_eq(ct_trace_steps(trace), 1 + 7 + 3); /* the seed, an edge each but those of data, the leaves */
    const ct_trace_node *root = ct_trace_node_at(trace, ct_trace_root(trace));
    ck_assert_str_eq(root->name, "f");
    ck_assert_str_eq(root->op, "sigmoid");
    ck_assert_str_eq(root->formula, "g y (1 - y)");
    ck_assert_int_gt(root->line, 0);
    ck_assert_ptr_nonnull(strstr(root->file, "test_trace.c"));
    ck_assert_double_eq_tol(root->value->values[0], 0.7311, 5e-5);
    const struct {
        const char *name;
        double gradient;
    } slides[] = {{"w0", -0.1966}, {"w1", -0.3932}, {"w2", 0.1966}};
    for (int i = 0; i < 3; i++) {
        const ct_trace_node *w = node_of(trace, slides[i].name);
        ck_assert_int_eq(w->kind, CT_TRACE_LEAF);
        ck_assert_int_eq(w->state, CT_GRADIENT_NUMBER);
        ck_assert_double_eq_tol(w->gradient->values[0], slides[i].gradient, 5e-5);
    }
    const ct_trace_node *x0 = node_of(trace, "x0");
    ck_assert_int_eq(x0->kind, CT_TRACE_CONSTANT);
    ck_assert_int_eq(x0->state, CT_GRADIENT_NONE);
    ck_assert_ptr_nonnull(strstr(x0->why, "'x0'"));
    ct_trace_free(trace);
}
END_TEST

/* Two numbers that are one rounding of each other's arithmetic apart. */
static void expect_same(double a, double b, double scale)
{
    ck_assert_msg((isnan(a) && isnan(b)) || fabs(a - b) <= 1e-6 * fmax(scale, 1), "%.17g is not %.17g", a, b);
}

static void expect_consistent_step(const ct_trace_log *trace, const ct_trace_step *s)
{
    const ct_trace_node *to = ct_trace_node_at(trace, s->to);
    ck_assert_ptr_nonnull(to);
    ck_assert_ptr_nonnull(s->contribution);
    ck_assert_ptr_nonnull(s->now);
    ck_assert_int_eq(s->now->numel, to->value->numel);
    ck_assert_int_eq(s->contribution->numel, to->value->numel);
    for (int64_t i = 0; i < s->now->shown; i++) {
        double old = s->old ? s->old->values[i] : 0, c = s->contribution->values[i];
        expect_same(s->now->values[i], old + c, fabs(old) + fabs(c));
        if (s->elementwise) {
            ck_assert_int_eq(s->local->numel, s->contribution->numel);
            double g = s->incoming->values[s->incoming->numel == 1 ? 0 : i];
            expect_same(c, g * s->local->values[i], fabs(c));
        } else if (s->local) { /* incoming^T times the Jacobian */
            double sum = 0, scale = 0;
            for (int64_t j = 0; j < s->incoming->numel; j++) {
                double term = s->incoming->values[j] * s->local->values[j * s->contribution->numel + i];
                sum += term;
                scale += fabs(term);
            }
            if (s->local->shown == s->local->numel)
                expect_same(c, sum, scale);
        }
    }
}

/* Small convolutional network, fork, broadcast, several losses: a sample of everything. */
static ct_tensor *network(ct_dtype dtype, ct_tensor **leaves, int *n)
{
    int64_t image[] = {2, 1, 6, 6}, kernel[] = {3, 1, 3, 3}, weight[] = {4, 12}, bias[] = {4};
    ct_tensor *x = ct_name(numbers(dtype, image, 4, 1), "images");
    ct_tensor *k = numbers(dtype, kernel, 4, 2), *w = numbers(dtype, weight, 2, 3), *b = numbers(dtype, bias, 1, 4);
    leaves[0] = ct_name(ct_set_requires_grad(k, true), "kernel");
    leaves[1] = ct_name(ct_set_requires_grad(w, true), "weight");
    leaves[2] = ct_name(ct_set_requires_grad(b, true), "bias");
    *n = 3;
    ct_tensor *h = ct_max_pool2d(ct_relu(ct_conv2d(x, k, NULL)), 2);
    h = ct_flatten(h, 1, -1);
    ct_tensor *y = ct_linear(h, w, b), *t = ct_tanh(y);
    ct_tensor *labels = ct_from_values(CT_INT64, CT_VALUES(1, 3), CT_SHAPE(2));
    return ct_add(ct_cross_entropy(y, labels), ct_add(ct_mean(ct_mul(t, y)), ct_sum(ct_square(ct_softmax(b, 0)))));
}

START_TEST(every_step_adds_up)
{
    ct_dtype dtype = _i ? CT_FLOAT32 : CT_FLOAT64;
    ct_tensor *leaves[4];
    int n;
    ok(ct_trace_begin());
    ok(ct_backward(network(dtype, leaves, &n)));
    ct_trace_log *trace = end_trace();
    int64_t elementwise = 0, jacobians = 0, forks = 0;
    for (int64_t i = 0; i < ct_trace_steps(trace); i++) {
        const ct_trace_step *s = ct_trace_step_at(trace, i);
        expect_consistent_step(trace, s);
        elementwise += s->elementwise;
        jacobians += s->local && !s->elementwise;
        forks += s->old != NULL;
    }
    ck_assert_int_gt(elementwise, 5);
    ck_assert_int_gt(jacobians, 0);
    ck_assert_int_gt(forks, 1);
    for (int i = 0; i < n; i++) {
        const ct_trace_node *leaf = node_of(trace, ct_name_of(leaves[i]));
        double values[64];
        ok(ct_to_values(ct_grad_of(leaves[i]), values, ct_numel(leaves[i])));
        for (int64_t k = 0; k < ct_numel(leaves[i]); k++)
            ck_assert(leaf->gradient->values[k] == values[k]);
    }
    const ct_trace_node *images = node_of(trace, "images");
    ck_assert_int_eq(images->kind, CT_TRACE_CONSTANT);
    ck_assert_int_eq(images->value->numel, 72);
    ct_trace_free(trace);
}
END_TEST

START_TEST(results_are_the_same)
{
    ct_tensor *leaves[2][4], *loss[2];
    int n;
    for (int traced = 0; traced < 2; traced++) {
        if (traced)
            ok(ct_trace_begin());
        loss[traced] = network(CT_FLOAT32, leaves[traced], &n);
        ok(ct_backward(loss[traced]));
        ok(ct_backward(ct_sum(ct_square(leaves[traced][0]))));
    }
    ct_trace_free(end_trace());
    ck_assert(ct_item(loss[0]) == ct_item(loss[1]));
    for (int i = 0; i < n; i++)
        expect_close(ct_grad_of(leaves[0][i]), ct_grad_of(leaves[1][i]), 0);
}
END_TEST

START_TEST(leaves_accumulate)
{
    ct_tensor *x = named(3, "x", true);
    ok(ct_backward(ct_square(x)));
    ok(ct_trace_begin());
    ok(ct_backward(ct_square(x)));
    ct_trace_log *trace = end_trace();
    const ct_trace_step *last = ct_trace_step_at(trace, ct_trace_steps(trace) - 1);
    ck_assert_int_eq(last->action, CT_STEP_LEAF);
    ck_assert_double_eq(last->old->values[0], 6);
    ck_assert_double_eq(last->contribution->values[0], 6);
    ck_assert_double_eq(last->now->values[0], 12);
    ck_assert_double_eq(node_of(trace, "x")->gradient->values[0], 12);
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_failed_run_changes_no_leaf)
{
    ct_tensor *x = named(3, "x", true), *y = ct_square(x);
    ok(ct_trace_begin());
    ok(ct_backward(y));
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    ct_error_clear();
    ct_trace_log *trace = end_trace();
    int64_t leaf_steps = 0;
    for (int64_t i = 0; i < ct_trace_steps(trace); i++)
        leaf_steps += ct_trace_step_at(trace, i)->action == CT_STEP_LEAF;
    ck_assert_int_eq(leaf_steps, 1);
    ck_assert_double_eq(node_of(trace, "x")->gradient->values[0], 6);
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_changed_leaf_is_another_tensor)
{
    ct_tensor *w = named(3, "w", true);
    ok(ct_trace_begin());
    ok(ct_backward(ct_square(w)));
    ok(ct_fill_(w, 5));
    ok(ct_backward(ct_square(w)));
    ct_trace_log *trace = end_trace();
    double seen[2];
    int n = 0;
    for (int64_t i = 0; i < ct_trace_nodes(trace); i++) {
        const ct_trace_node *node = ct_trace_node_at(trace, i);
        if (node->kind == CT_TRACE_LEAF)
            seen[n++] = node->value->values[0];
    }
    ck_assert_int_eq(n, 2);
    ck_assert(seen[0] == 3 && seen[1] == 5);
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_leaf_changed_before_backward)
{
    ct_tensor *w = named(3, "w", true);
    ok(ct_trace_begin());
    ct_tensor *y = ct_name(ct_mul_scalar(w, 2), "y");
    ok(ct_fill_(w, 5)); /* mul_scalar does not need what it was */
    ok(ct_backward(y));
    ct_trace_log *trace = end_trace();
    const ct_trace_step *step = ct_trace_step_at(trace, 1);
    ck_assert_double_eq(ct_trace_node_at(trace, step->to)->value->values[0], 3);
    ck_assert_int_eq(step->to, ct_trace_node_at(trace, step->from)->inputs[0]);
    ck_assert_double_eq(node_of(trace, "w")->gradient->values[0], 2); /* what it accumulates, as it is now */
    ct_trace_free(trace);
}
END_TEST

START_TEST(states_of_a_gradient)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(-1, "dead", true), *y = named(2, "unused", true), *i = ct_arange(CT_INT64, 0, 1, 3);
    ct_name(i, "integers");
    ct_tensor *other = ct_name(ct_square(y), "other");
    ct_no_grad_begin();
    ct_tensor *quiet = ct_name(ct_neg(ct_name(ct_exp(x), "quiet")), "later");
    ct_no_grad_end();
    ct_sum(ct_cast(i, CT_FLOAT64));
    ok(ct_backward(ct_add(ct_relu(x), ct_detach(ct_name(ct_detach(x), "detached")))));
    ct_neg(other);
    ct_neg(quiet);
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(node_of(trace, "dead")->state, CT_GRADIENT_ZERO);
    ck_assert_int_eq(node_of(trace, "unused")->state, CT_GRADIENT_NOT_COMPUTED);
    ck_assert_int_eq(node_of(trace, "other")->state, CT_GRADIENT_NOT_COMPUTED);
    const char *const none[][2] = {
        {"integers", "int64"}, {"quiet", "recording was off"}, {"later", "recording was off"}};
    for (int k = 0; k < 3; k++) {
        const ct_trace_node *node = node_of(trace, none[k][0]);
        ck_assert_int_eq(node->state, CT_GRADIENT_NONE);
        if (k < 2)
            ck_assert_msg(strstr(node->why, none[k][1]) != NULL, "%s", node->why);
        ck_assert(!node->recorded);
    }
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_backward_that_is_recorded)
{
    ct_tensor *x = named(3, "x", true), *slope, *curvature;
    ok(ct_trace_begin());
    ct_tensor *y = ct_mul(x, ct_square(x));
    ok(ct_grad(&y, 1, &x, 1, &slope, .create_graph = true));
    ok(ct_grad(&slope, 1, &x, 1, &curvature));
    ct_trace_log *trace = end_trace();
    int64_t backward = 0;
    for (int64_t i = 0; i < ct_trace_nodes(trace); i++)
        backward += ct_trace_node_at(trace, i)->backward;
    ck_assert_int_gt(backward, 3);
    ck_assert_double_eq(ct_trace_node_at(trace, ct_trace_root(trace))->value->values[0], 27);
    ck_assert_double_eq(node_of(trace, "x")->gradient->values[0], 18);
    ck_assert_int_eq(ct_trace_step_at(trace, ct_trace_steps(trace) - 1)->run, 2);
    ct_trace_free(trace);
}
END_TEST

static ct_tensor *twice(ct_tensor *grad, void *user)
{
    ok(ct_backward(user));
    return ct_mul_scalar(grad, 2);
}

START_TEST(runs_inside_runs_and_hooks)
{
    ct_tensor *x = named(3, "x", true), *other = named(5, "other", true);
    ok(ct_trace_begin());
    ct_tensor *y = ct_name(ct_square(x), "y"), *z = ct_neg(y);
    ck_assert_int_gt(ct_add_hook(y, twice, ct_square(other)), 0);
    ok(ct_backward(z));
    ct_trace_log *trace = end_trace();
    ck_assert_double_eq(node_of(trace, "x")->gradient->values[0], -12);
    ck_assert_double_eq(node_of(trace, "other")->gradient->values[0], 0 + 10);
    bool seen = false;
    for (int64_t i = 0; i < ct_trace_steps(trace); i++) {
        const ct_trace_step *s = ct_trace_step_at(trace, i);
        if (s->to != ct_trace_find(trace, "x") || s->action != CT_STEP_CONTRIBUTION)
            continue;
        seen = true;
        ck_assert_int_eq(s->run, 1);
        ck_assert_double_eq(s->incoming->values[0], -2); /* what the hook has made of -1 */
    }
    ck_assert(seen);
    ct_trace_free(trace);
}
END_TEST

static ct_tensor *begin_here(ct_tensor *grad, void *user)
{
    (void)user;
    ok(ct_trace_begin());
    return grad;
}

START_TEST(begun_inside_of_a_run)
{
    ct_tensor *x = named(3, "x", true), *y = ct_square(x);
    ck_assert_int_gt(ct_add_hook(y, begin_here, NULL), 0);
    ok(ct_backward(ct_exp(y)));
    ok(ct_backward(ct_neg(x)));
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_steps(trace), 3); /* of the second run alone */
    ct_trace_free(trace);
}
END_TEST

static ct_status first_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status first_forward(ct_call *call)
{
    *(double *)ct_call_output_data(call, 0) = *(const double *)ct_call_input_data(call, 0);
    return CT_OK;
}

static ct_status first_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_call_grad_output(call, 0));
}

static const ct_op first_op = {
    .name = "first",
    .gradient = "g, 0",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = first_infer,
    .forward = first_forward,
    .backward = first_backward,
};

START_TEST(what_a_backward_leaves_out_is_zero)
{
    ct_tensor *x = named(3, "x", true), *y = named(4, "y", true);
    ok(ct_trace_begin());
    ok(ct_backward((ct_apply)(&first_op, CT_TENSORS(x, y), NULL)));
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(node_of(trace, "x")->state, CT_GRADIENT_NUMBER);
    ck_assert_int_eq(node_of(trace, "y")->state, CT_GRADIENT_ZERO);
    ck_assert_ptr_null(node_of(trace, "y")->gradient);
    const char *why = ct_trace_why(trace, ct_trace_find(trace, "y"));
    ck_assert_msg(strstr(why, "leaves it out") != NULL, "%s", why);
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_graph_older_than_the_trace)
{
    ct_tensor *x = named(3, "x", true), *y = ct_square(ct_square(x));
    ok(ct_trace_begin());
    ok(ct_backward(y));
    ct_trace_log *trace = end_trace();
    ck_assert_double_eq(node_of(trace, "x")->gradient->values[0], 108);
    ct_trace_free(trace);
}
END_TEST

/* ---- snapshots ---- */

START_TEST(large_tensors_are_summed_up)
{
    double values[100];
    for (int i = 0; i < 100; i++)
        values[i] = i % 4 == 0 ? 0 : i - 50;
    values[7] = NAN;
    values[8] = INFINITY;
    values[9] = -INFINITY;
    ok(ct_trace_begin());
    ct_tensor *t = ct_name(ct_from_values(CT_FLOAT32, values, 100, CT_SHAPE(4, 25)), "t");
    ct_neg(ct_transpose(t, 0, 1));
    ct_trace_log *trace = end_trace();
    const ct_snapshot *s = node_of(trace, "t")->value;
    ck_assert_int_eq(s->dtype, CT_FLOAT32);
    ck_assert(s->rank == 2 && s->shape[0] == 4 && s->shape[1] == 25 && s->numel == 100);
    ck_assert(s->zeros == 25 && s->nans == 1 && s->infinities == 2); /* 24 and the one at 50 */
    double min = 1e9, max = -1e9, sum = 0, squares = 0;
    int64_t bins[CT_TRACE_BINS] = {0}, n = 0;
    for (int i = 0; i < 100; i++) {
        if (!isfinite(values[i]))
            continue;
        min = fmin(min, values[i]);
        max = fmax(max, values[i]);
        sum += values[i];
        squares += values[i] * values[i];
        n++;
    }
    for (int i = 0; i < 100; i++)
        if (isfinite(values[i]))
            bins[values[i] == max ? CT_TRACE_BINS - 1 : (int)((values[i] - min) / ((max - min) / CT_TRACE_BINS))]++;
    ck_assert(s->min == min && s->max == max);
    ck_assert_double_eq_tol(s->mean, sum / (double)n, 1e-12);
    ck_assert_double_eq_tol(s->norm, sqrt(squares), 1e-9);
    for (int i = 0; i < CT_TRACE_BINS; i++)
        ck_assert_int_eq(s->bins[i], bins[i]);
    ck_assert_int_eq(s->shown, CT_TRACE_SOME);
    const int at[] = {0, 1, 2, 97, 98, 99};
    for (int i = 0; i < CT_TRACE_SOME; i++)
        ck_assert(s->values[i] == values[at[i]]);
    const ct_trace_node *view = ct_trace_node_at(trace, 1);
    ck_assert_str_eq(view->op, "transpose");
    ck_assert(view->value->values[1] == values[25]);
    ct_trace_free(trace);
}
END_TEST

START_TEST(small_empty_and_integer_tensors)
{
    ok(ct_trace_begin());
    ct_tensor *empty = ct_name(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), "empty");
    ct_tensor *whole = ct_name(ct_arange(CT_INT64, -1, 1, CT_TRACE_WHOLE), "whole");
    ct_tensor *e = ct_set_requires_grad(empty, true);
    ok(ct_backward(ct_sum(ct_square(e))));
    ct_cast(whole, CT_FLOAT32);
    ct_trace_log *trace = end_trace();
    const ct_snapshot *s = node_of(trace, "empty")->value;
    ck_assert(s->numel == 0 && s->shown == 0 && isnan(s->min) && isnan(s->mean));
    ck_assert_int_eq(node_of(trace, "empty")->state, CT_GRADIENT_ZERO);
    s = node_of(trace, "whole")->value;
    ck_assert(s->dtype == CT_INT64 && s->shown == CT_TRACE_WHOLE && s->bins == NULL && s->values[63] == 62);
    ct_trace_free(trace);
}
END_TEST

/* ---- begin and end ---- */

START_TEST(wrong_uses)
{
    ck_assert_ptr_null(ct_trace_end());
    expect_error(NULL, CT_ERROR_STATE, "trace_end: no trace is running on this thread");
    ok(ct_trace_begin());
    ck_assert_int_eq(ct_trace_begin(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "trace_begin: a trace is running on this thread (");
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_nodes(trace) + ct_trace_steps(trace), 0);
    ck_assert_int_eq(ct_trace_root(trace), -1);
    ck_assert_ptr_null(ct_trace_node_at(trace, 0));
    ck_assert_ptr_null(ct_trace_step_at(trace, -1));
    ck_assert_int_eq(ct_trace_find(trace, NULL), -1);
    ck_assert_int_eq(ct_trace_explain(trace, stdout), CT_ERROR_STATE);
    ct_error_clear();
    ct_trace_free(trace);
    ct_trace_free(NULL);
    ck_assert_int_eq(ct_trace_nodes(NULL), 0);
    ck_assert_int_eq(ct_trace_write_json(NULL, stdout), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "trace_write_json: the trace is NULL (");
}
END_TEST

START_TEST(without_memory)
{
    double expected = ct_item(circuit());
    bool complete = false;
    for (int64_t n = 1; !complete; n++) {
        ck_assert_int_lt(n, 400);
        ct_scope_open();
        ct_tensor *f = circuit();
        ck_assert_double_eq(ct_item(f), expected);
        ct__fail_allocation(n, false);
        ct_status begun = ct_trace_begin();
        ct_tensor *y = begun == CT_OK ? ct_square(ct_square(f)) : NULL;
        ct_status back = y ? ct_backward(y) : CT_OK;
        ct_error_clear();
        ct_trace_log *trace = begun == CT_OK ? ct_trace_end() : NULL;
        bool failed_inside = ct_error_code() != CT_OK;
        ct__fail_allocation(0, false);
        if (begun == CT_OK && !trace)
            ck_assert_int_eq(ct_error_code(), CT_ERROR_MEMORY);
        complete = trace && y && back == CT_OK && ct_trace_steps(trace) > 0 && !failed_inside;
        ct_trace_free(trace);
        ct_error_clear();
        ct_scope_close();
    }
}
END_TEST

static void *tracing_thread(void *unused)
{
    ct_trace_begin();
    ct_backward(ct_square(ct_set_requires_grad(ct_scalar(CT_FLOAT64, 2), true)));
    return unused; /* and never ends it */
}

START_TEST(a_thread_may_end_while_it_traces)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, tracing_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ok(ct_trace_begin());
    ct_trace_free(end_trace());
}
END_TEST

/* ---- numbers ---- */

START_TEST(numbers_as_text)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "0"},
                {1, "1"},
                {-2.5, "-2.5"},
                {0.19661193, "0.1966"},
                {-0.05, "-0.05"},
                {0.001, "0.001"},
                {0.00099996, "0.001"},
                {0.00099994, "9.999e-4"},
                {0.012345, "0.01235"},
                {123.456, "123.5"},
                {1000, "1000"},
                {1234.5678, "1235"},
                {12345.6, "12346"},
                {99994.4, "99994"},
                {99996, "1e5"},
                {123456, "1.235e5"},
                {3.2e-5, "3.2e-5"},
                {-4.9e-5, "-4.9e-5"},
                {1e300, "1e300"},
                {-1.7976931348623157e308, "-1.798e308"},
                {5e-324, "4.941e-324"},
                {9.9996, "10"},
                {999.96, "1000"},
                {NAN, "nan"},
                {INFINITY, "inf"},
                {-INFINITY, "-inf"}};
    char text[CT_NUMBER_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(ct_number_text(rows[i].value, text), rows[i].text);
}
END_TEST

START_TEST(many_numbers_as_text)
{
    uint64_t state = 7;
    locale_t before =
        uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* for strtod here; the C library's own: never freed */
    for (int i = 0; i < 100000; i++) {
        char text[CT_NUMBER_TEXT], digits[32];
        state = state * 6364136223846793005u + 1442695040888963407u;
        double exponent = (double)(state >> 40) / (1 << 24) * (i % 2 ? 24 : 600) - (i % 2 ? 12 : 300);
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value = pow(10, exponent) * (state >> 63 ? 1 : -1);
        ct_number_text(value, text);
        ck_assert_int_lt(strlen(text), CT_NUMBER_TEXT);
        snprintf(digits, sizeof digits, fabs(value) >= 9999.5 && fabs(value) < 99995 ? "%.0f" : "%.3e", value);
        ck_assert_msg(strtod(text, NULL) == strtod(digits, NULL), "%s for %.17g", text, value);
        bool plain = fabs(value) >= 0.00099995 && fabs(value) < 99995;
        ck_assert_msg(plain == !strchr(text, 'e'), "%s for %.17g", text, value);
        size_t last = strlen(text) - 1;
        ck_assert_msg(!strchr(text, '.') || !plain || text[last] != '0', "%s", text);
    }
    uselocale(before);
}
END_TEST

/* ---- JSON ---- */

static char *json_of(const ct_trace_log *trace)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    ok(ct_trace_write_json(trace, stream));
    fclose(stream);
    return bytes;
}

static json_t *written(const ct_trace_log *trace)
{
    char *bytes = json_of(trace);
    json_error_t error;
    json_t *root = json_loads(bytes, 0, &error);
    ck_assert_msg(root != NULL, "%s at %d:%d of\n%s", error.text, error.line, error.column, bytes);
    free(bytes);
    return root;
}

static ct_trace_log *read_back(const char *bytes, size_t size)
{
    FILE *stream = fmemopen((void *)(uintptr_t)bytes, size, "r");
    ct_trace_log *trace = ct_trace_read_json(stream);
    fclose(stream);
    return trace;
}

/* A trace that was written and read is written the same again, and its story is the same: large, empty and absent tensors, nan and
 * infinity, an optimiser's step. */
START_TEST(what_is_written_is_read)
{
    ok(ct_trace_begin());
    ct_tensor *x = ct_name(ct_set_requires_grad(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(9, 20)), true), "x");
    ct_tensor *odd = ct_from_values(CT_FLOAT64, CT_VALUES(NAN, INFINITY, -INFINITY, -0.0), CT_SHAPE(4));
    ct_tensor *none = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), true);
    ct_tensor *f = ct_add(ct_sum(ct_layer_norm(x, NULL, NULL)), ct_cast(ct_add(ct_sum(odd), ct_sum(none)), CT_FLOAT32));
    ok(ct_backward(f));
    ct_optimizer *adam = ct_optimizer_of(&x, 1, &ct_rule_adam);
    ok(ct_optimizer_step(adam));
    ct_trace_log *trace = ct_trace_end();
    char *bytes = json_of(trace);
    ct_trace_log *again = read_back(bytes, strlen(bytes));
    ck_assert_msg(again != NULL, "%s", ct_error_message());
    char *twice = json_of(again);
    ck_assert_str_eq(bytes, twice);
    char *stories[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        size_t size;
        FILE *stream = open_memstream(&stories[i], &size);
        ok(ct_trace_explain(i ? again : trace, stream));
        fclose(stream);
    }
    ck_assert_str_eq(stories[0], stories[1]);
    free(stories[0]);
    free(stories[1]);
    free(twice);
    ct_trace_free(again);
    ct_trace_free(trace);
    ct_optimizer_free(adam);
    /* Whatever single byte is another: a trace that can be told, or an error. */
    for (size_t i = 0, size = strlen(bytes); i < size; i += 1 + size / 3000) {
        char was = bytes[i];
        bytes[i] = "9-x]"[i % 4];
        ct_trace_log *changed = read_back(bytes, size);
        if (changed) {
            char *story = NULL;
            size_t length;
            FILE *stream = open_memstream(&story, &length);
            ct_trace_explain(changed, stream);
            for (int64_t id = 0; id < ct_trace_nodes(changed); id++)
                ck_assert_ptr_nonnull(ct_trace_why(changed, id));
            fclose(stream);
            free(story);
        } else {
            ck_assert_int_eq(ct_error_code(), CT_ERROR_FORMAT);
        }
        ct_error_clear();
        ct_trace_free(changed);
        bytes[i] = was;
    }
    free(bytes);
    static const char *const wrong[] = {"", "{}", "[1]", "{\"format\": \"cotan trace\", \"version\": 2}",
                                        "{\"nodes\": "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_ptr_null(read_back(*wrong[i] ? wrong[i] : " ", *wrong[i] ? strlen(wrong[i]) : 1));
        ck_assert_int_eq(ct_error_code(), CT_ERROR_FORMAT);
        ct_error_clear();
    }
}
END_TEST

static const char *string_of(json_t *object, const char *key)
{
    const char *string = json_string_value(json_object_get(object, key));
    return string ? string : "";
}

static void expect_values(json_t *object, const ct_snapshot *s)
{
    if (!s) {
        ck_assert(json_is_null(object));
        return;
    }
    ck_assert_str_eq(string_of(object, "dtype"), ct_dtype_name(s->dtype));
    ck_assert_int_eq(json_array_size(json_object_get(object, "shape")), s->rank);
    for (int64_t i = 0; i < s->shown; i++) {
        int64_t half = s->shown / 2;
        const char *key = !s->bins ? "values" : i < half ? "first" : "last";
        json_t *number = json_array_get(json_object_get(object, key), (size_t)(s->bins && i >= half ? i - half : i));
        if (isfinite(s->values[i]))
            ck_assert(json_number_value(number) == s->values[i]);
        else
            ck_assert_str_eq(json_string_value(number), isnan(s->values[i]) ? "nan"
                                                        : s->values[i] > 0  ? "inf"
                                                                            : "-inf");
    }
    if (s->bins)
        for (int i = 0; i < CT_TRACE_BINS; i++)
            ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(object, "bins"), (size_t)i)),
                             s->bins[i]);
}

START_TEST(json_says_the_same)
{
    ct_tensor *leaves[4];
    int n;
    ok(ct_trace_begin());
    ct_region_begin("net");
    ok(ct_backward(network(CT_FLOAT32, leaves, &n)));
    ct_region_end();
    ct_neg(ct_from_values(CT_FLOAT64, CT_VALUES(NAN, INFINITY, -INFINITY, -0.0, 0.1), CT_SHAPE(5)));
    ct_trace_log *trace = end_trace();
    json_t *root = written(trace), *nodes = json_object_get(root, "nodes"), *steps = json_object_get(root, "steps");
    ck_assert_str_eq(string_of(root, "format"), "cotan trace");
    ck_assert_int_eq(json_integer_value(json_object_get(root, "version")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "root")), ct_trace_root(trace));
    ck_assert_int_eq(json_array_size(nodes), ct_trace_nodes(trace));
    ck_assert_int_eq(json_array_size(steps), ct_trace_steps(trace));
    for (int64_t i = 0; i < ct_trace_nodes(trace); i++) {
        const ct_trace_node *node = ct_trace_node_at(trace, i);
        json_t *object = json_array_get(nodes, (size_t)i);
        ck_assert_int_eq(json_integer_value(json_object_get(object, "id")), i);
        ck_assert_str_eq(string_of(object, "op"), node->op);
        ck_assert_str_eq(string_of(object, "name"), node->name ? node->name : "");
        ck_assert_str_eq(string_of(object, "region"), node->region);
        ck_assert_int_eq(json_array_size(json_object_get(object, "inputs")), node->n_inputs);
        for (int k = 0; k < node->n_inputs; k++)
            ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(object, "inputs"), (size_t)k)),
                             node->inputs[k]);
        expect_values(json_object_get(object, "value"), node->value);
        if (node->gradient)
            expect_values(json_object_get(object, "gradient"), node->gradient);
    }
    for (int64_t i = 0; i < ct_trace_steps(trace); i++) {
        const ct_trace_step *step = ct_trace_step_at(trace, i);
        json_t *object = json_array_get(steps, (size_t)i);
        ck_assert_int_eq(json_integer_value(json_object_get(object, "to")), step->to);
        ck_assert_int_eq(json_integer_value(json_object_get(object, "from")), step->from);
        expect_values(json_object_get(object, "incoming"), step->incoming);
        expect_values(json_object_get(object, "local"), step->local);
        expect_values(json_object_get(object, "contribution"), step->contribution);
        expect_values(json_object_get(object, "old"), step->old);
        expect_values(json_object_get(object, "now"), step->now);
    }
    json_decref(root);
    ct_trace_free(trace);
}
END_TEST

START_TEST(json_of_hostile_names)
{
    ok(ct_trace_begin());
    ct_tensor *a = named(1, "</script>\"\\\n\x01", true), *b = named(2, "not UTF-8: \xff\xfe", true);
    ct_add(a, b);
    ct_trace_log *trace = end_trace();
    json_t *root = written(trace), *nodes = json_object_get(root, "nodes");
    ck_assert_str_eq(string_of(json_array_get(nodes, 0), "name"), "</script>\"\\\n\x01");
    ck_assert_str_eq(string_of(json_array_get(nodes, 1), "name"), "not UTF-8: ??");
    json_decref(root);
    ct_trace_free(trace);
}
END_TEST

START_TEST(json_to_a_full_disk)
{
    ok(ct_trace_begin());
    circuit();
    ct_trace_log *trace = end_trace();
    FILE *full = fopen("/dev/full", "w");
    ck_assert_int_eq(ct_trace_write_json(trace, full), CT_ERROR_IO);
    expect_error(NULL, CT_ERROR_IO, "trace_write_json: writing failed: ");
    fclose(full);
    ct_trace_free(trace);
}
END_TEST

/* ---- the story ---- */

/* What ct_explain prints; to be freed. */
static char *told(ct_tensor *root, const ct_explain_options *options)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    ok((ct_explain)(root, stream, options));
    fclose(stream);
    return bytes;
}

static void expect_text(char *text, const char *expected)
{
    ck_assert_msg(strcmp(text, expected) == 0, "told\n%s\ninstead of\n%s", text, expected);
    free(text);
}

static const ct_explain_options plain = {CT_DEFAULTS(ct_explain_options), .color = CT_NO, .unicode = CT_NO};

/* The story of root once its backward has run; to be ended. */
static char *backward_told(ct_tensor *root)
{
    ok(ct_backward(root));
    return told(root, &plain);
}

static void end_story(char *text)
{
    free(text);
    ct_trace_free(end_trace());
}

START_TEST(the_story_of_the_circuit)
{
    ok(ct_trace_begin());
    ct_tensor *f = circuit();
    ok(ct_backward(f));
    expect_text(told(f, &plain), "inputs\n"
                                 "  w0   = 2   asks for a gradient\n"
                                 "  x0   = -1\n"
                                 "  w1   = -3  asks for a gradient\n"
                                 "  x1   = -2\n"
                                 "  w2   = -3  asks for a gradient\n"
                                 "forward\n"
                                 "  mul      t1 = mul(w0, x0)  = -2\n"
                                 "  mul      t2 = mul(w1, x1)  = 6\n"
                                 "  add      t3 = add(t1, t2)  = 4\n"
                                 "  add      t4 = add(t3, w2)  = 1\n"
                                 "  sigmoid  f  = sigmoid(t4)  = 0.7311\n"
                                 "backward\n"
                                 "  begin    df/df  = 1\n"
                                 "  sigmoid  df/dt4 = 1 x 0.1966 = 0.1966    (t4: 0 + 0.1966)\n"
                                 "  add      df/dt3 = 0.1966 x 1 = 0.1966    (t3: 0 + 0.1966)\n"
                                 "  add      df/dw2 = 0.1966 x 1 = 0.1966    (w2: 0 + 0.1966)\n"
                                 "  add      df/dt1 = 0.1966 x 1 = 0.1966    (t1: 0 + 0.1966)\n"
                                 "  add      df/dt2 = 0.1966 x 1 = 0.1966    (t2: 0 + 0.1966)\n"
                                 "  mul      df/dw1 = 0.1966 x -2 = -0.3932  (w1: 0 + -0.3932)\n"
                                 "  mul      df/dw0 = 0.1966 x -1 = -0.1966  (w0: 0 + -0.1966)\n"
                                 "gradients\n"
                                 "  df/dw0   = -0.1966\n"
                                 "  df/dw1   = -0.3932\n"
                                 "  df/dw2   = 0.1966\n");
    ct_trace_free(end_trace());
}
END_TEST

START_TEST(forks_and_old_gradients)
{
    ct_tensor *x = named(3, "x", true);
    ok(ct_backward(ct_neg(x)));
    ok(ct_trace_begin());
    ct_tensor *y = ct_name(ct_mul(x, x), "y");
    char *text = backward_told(y);
    ck_assert_ptr_nonnull(strstr(text, "(x: 0 + 3)"));
    ck_assert_ptr_nonnull(strstr(text, "(x: 3 + 3 = 6)"));
    ck_assert_ptr_nonnull(strstr(text, "leaf   dy/dx = 6          (x: -1 + 6 = 5)"));
    end_story(text);
}
END_TEST

/* A few elements stand as a list of lists; a constant that is called by its value needs no line. */
START_TEST(a_story_shows_small_matrices)
{
    ct_tensor *w = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4), CT_SHAPE(2, 2)), "w");
    ct_tensor *x = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, -1), CT_SHAPE(2)), "[1,-1]");
    ct_tensor *other = ct_name(ct_scalar(CT_FLOAT64, 2), "two"), *again = ct_name(ct_scalar(CT_FLOAT64, 2), "22");
    ct_set_requires_grad(w, true);
    ok(ct_trace_begin());
    ct_tensor *f = ct_name(ct_sum(ct_mul(ct_mul(ct_matmul(w, x), other), again)), "f");
    char *text = backward_told(f);
    ck_assert_ptr_nonnull(strstr(text, "inputs\n"
                                       "  w     = [[1, 2], [3, 4]]  asks for a gradient\n"
                                       "  two   = 2\n"
                                       "  22    = 2\n"
                                       "forward\n"));
    ck_assert_ptr_nonnull(strstr(text, "matmul(w, [1,-1])"));
    ck_assert_ptr_nonnull(strstr(text, "  matmul  df/dw  = [[4, -4], [4, -4]]"));
    ck_assert_ptr_nonnull(strstr(text, "  df/dw   = [[4, -4], [4, -4]]\n"));
    end_story(text);
}
END_TEST

START_TEST(a_story_has_the_attributes)
{
    ok(ct_trace_begin());
    ct_tensor *x = ct_name(ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 5, 5)), true), "x");
    ct_tensor *w = ct_name(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 3, 3)), "w");
    ct_tensor *f = ct_name(
        ct_mul_scalar(ct_sum(ct_conv2d(x, w, NULL, .stride = {2}, .padding = {1}), CT_AXES(0, 1, 2, 3)), 0.1), "f");
    ok(ct_backward(f));
    char *text = told(f, &plain);
    ck_assert_msg(strstr(text, "conv2d(x, w, -; stride=2,2,0; padding=1,1,0; dilation=1,1,0;"), "%s", text);
    ck_assert_msg(strstr(text, "; axes=0,1,2,3)") && strstr(text, "; p=0.1)"), "%s", text);
    free(text);
    ct_trace_free(end_trace());
}
END_TEST

START_TEST(a_story_runs_backward_by_itself)
{
    ct_tensor *x = named(3, "x", true);
    ok(ct_trace_begin());
    ct_tensor *y = ct_square(x), *z = ct_exp(x);
    ok(ct_backward(z));
    ct_zero_grad(x);
    char *text = told(y, &plain);
    ck_assert_ptr_nonnull(strstr(text, "dL/dx  = 1 x 6 = 6"));
    ck_assert_ptr_null(strstr(text, "exp"));
    free(text);
    ck_assert_ptr_null(ct_grad_of(x)); /* no leaf has changed, */
    ok(ct_backward(y));                /* and the graph is still there */
    ct_trace_free(end_trace());
}
END_TEST

START_TEST(rounded_factors_are_marked)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(1. / 3, "x", true), *y = ct_mul_scalar(ct_mul_scalar(x, 1.2345), 1.2345);
    char *text = told(y, &plain);
    ck_assert_ptr_nonnull(strstr(text, "dL/dx  = 1.234 x 1.234 ~= 1.524"));
    free(text);
    text = told(y, CT_GIVEN(ct_explain_options, .color = CT_YES, .unicode = CT_YES));
    ck_assert_ptr_nonnull(strstr(text, "\u2202L/\u2202x  = 1.234 \u00d7 1.234 \u2248 1.524"));
    ck_assert_ptr_nonnull(strstr(text, "\033["));
    end_story(text);
}
END_TEST

START_TEST(only_the_way_to_one)
{
    ok(ct_trace_begin());
    ct_tensor *f = circuit();
    ok(ct_backward(f));
    char *text = told(f, CT_GIVEN(ct_explain_options, .color = CT_NO, .unicode = CT_NO, .to = "w0"));
    ck_assert_ptr_nonnull(strstr(text, "(w0: 0 + -0.1966)"));
    ck_assert_ptr_null(strstr(text, "df/dw1"));
    ck_assert_ptr_null(strstr(text, "df/dt2"));
    free(text);
    ck_assert_int_eq(ct_explain(f, stdout, .to = "nobody"), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "explain: the trace has no tensor named 'nobody' (");
    ct_trace_free(end_trace());
}
END_TEST

/* A chain in three named parts, the second with two parts of its own. */
static ct_tensor *large_graph(void)
{
    ct_tensor *x = named(0.5, "x", true);
    const char *const parts[] = {"first", "second.a", "second.b", "third"};
    for (int part = 0; part < 4; part++) {
        ct_region_begin(parts[part]);
        for (int i = 0; i < 20; i++)
            x = ct_tanh(x);
        ct_region_end();
    }
    return ct_name(x, "y");
}

START_TEST(large_graphs_are_folded_by_region)
{
    ok(ct_trace_begin());
    ct_tensor *y = large_graph();
    char *text = backward_told(y);
    ck_assert_ptr_nonnull(strstr(text, "  second  40 operations"));
    ck_assert_ptr_nonnull(strstr(text, "  third   20 steps norm 1 -> "));
    ck_assert_ptr_null(strstr(text, "tanh"));
    free(text);
    text = told(y, CT_GIVEN(ct_explain_options, .color = CT_NO, .unicode = CT_NO, .region = "second"));
    ck_assert_ptr_nonnull(strstr(text, "  second.a  20 operations"));
    ck_assert_ptr_nonnull(strstr(text, "  first     20 operations"));
    free(text);
    text = told(y, CT_GIVEN(ct_explain_options, .color = CT_NO, .unicode = CT_NO, .region = "second.b"));
    ck_assert_ptr_nonnull(strstr(text, "  tanh"));
    free(text);
    text = told(y, CT_GIVEN(ct_explain_options, .color = CT_NO, .unicode = CT_NO, .whole = true));
    ck_assert_ptr_null(strstr(text, "operations"));
    end_story(text);
}
END_TEST

START_TEST(large_graphs_without_regions_are_cut)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(0.5, "x", true);
    for (int i = 0; i < 100; i++)
        x = ct_tanh(x);
    ct_name(x, "y");
    char *text = backward_told(x);
    ck_assert_ptr_nonnull(strstr(text, "t20 = tanh(t19)"));
    ck_assert_ptr_null(strstr(text, "t21 = tanh(t20)"));
    ck_assert_ptr_nonnull(strstr(text, "  ... 60 more\n  tanh  t81 = tanh(t80)"));
    ck_assert_ptr_nonnull(strstr(text, "y   = tanh(t99)"));
    ck_assert_ptr_nonnull(strstr(text, "  ... 61 more\n")); /* and the seed */
    end_story(text);
}
END_TEST

START_TEST(lines_are_80_wide)
{
    ct_tensor *leaves[4];
    int n;
    ok(ct_trace_begin());
    ct_tensor *loss = network(CT_FLOAT32, leaves, &n);
    char *text = told(loss, &plain);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        ck_assert_msg(strlen(line) <= 80, "%s", line);
        for (const char *c = line; *c; c++)
            ck_assert_msg((unsigned char)*c < 0x80 && *c >= ' ', "%s", line);
        ck_assert_msg(line[strlen(line) - 1] != ' ', "%s|", line);
    }
    end_story(text);
}
END_TEST

START_TEST(stories_that_cannot_be_told)
{
    ct_tensor *before = named(1, "before", true);
    ck_assert_int_eq(ct_explain(before, stdout), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "explain: no trace is running on this thread; ct_trace_begin() before the");
    ok(ct_trace_begin());
    ck_assert_int_eq(ct_explain(before, stdout), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "explain: the trace has not seen the root; ");
    ck_assert_int_eq(ct_explain(NULL, stdout), CT_ERROR_NULL);
    ct_error_clear();
    ct_tensor *vector = ct_mul(before, ct_ones(CT_FLOAT64, CT_SHAPE(3)));
    ck_assert_int_eq(ct_explain(vector, NULL), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_explain(vector, stdout), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "grad: a root of shape [3] needs a gradient given with it");
    ck_assert_int_eq(ct_explain(ct_neg(ct_ones(CT_FLOAT64, CT_SCALAR)), stdout, .width = 19), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "explain: width 19 is not at least 20 (");
    ct_tensor *data = ct_neg(ct_ones(CT_FLOAT64, CT_SHAPE(3)));
    char *text = told(data, &plain);
    ck_assert_ptr_nonnull(strstr(text, "t3 = neg(c3)  = [-1, -1, -1]"));
    ck_assert_ptr_null(strstr(text, "backward"));
    end_story(text);
}
END_TEST

/* ---- why ---- */

static void expect_why(const char *why, const char *part)
{
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" does not say \"%s\"", why, part);
}

static ct_status step_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status step_forward(ct_call *call)
{
    *(double *)ct_call_output_data(call, 0) = *(const double *)ct_call_input_data(call, 0) > 0;
    return CT_OK;
}

static const ct_op step_op = {
    .name = "step",
    .gradient = "none: it is 0 wherever there is one",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = step_infer,
    .forward = step_forward,
};

static ct_tensor *apply_without_backward(ct_tensor *x)
{
    return (ct_apply)(&step_op, &x, 1, NULL);
}

/* On a thread that has run no backward, whatever other tests did. */
static void *used_only(void *said)
{
    ct_tensor *x = named(3, "x", true);
    ct_square(x);
    *(bool *)said = strstr(ct_why_no_grad(x), "'x' is part of a graph, but no backward has run on this thread") != NULL;
    return NULL;
}

START_TEST(why_before_any_backward)
{
    pthread_t thread;
    bool said = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, used_only, &said), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert(said);
}
END_TEST

START_TEST(why_there_is_no_gradient)
{
    ct_tensor *x = named(3, "x", true), *unused = named(4, "unused", true), *data = named(5, "data", false);
    expect_why(ct_why_no_grad(NULL), "NULL");
    expect_why(ct_why_no_grad(unused), "no recorded operation has used 'unused'");
    expect_why(ct_why_no_grad(data), "nothing asks for a gradient of 'data'");
    expect_why(ct_why_no_grad(ct_arange(CT_INT64, 0, 1, 3)), "is int64: integers have no gradient");
    ct_tensor *y = ct_mul(x, data);
    expect_why(ct_why_no_grad(y), "no leaf");
    ct_no_grad_begin();
    ct_tensor *quiet = ct_exp(x);
    ct_no_grad_end();
    expect_why(ct_why_no_grad(quiet), "'exp' (" __FILE__ ":");
    expect_why(ct_why_no_grad(quiet), "recording was off");
    expect_why(ct_why_no_grad(ct_detach(x)), "was detached from its graph (" __FILE__ ":");
    expect_why(ct_why_no_grad(apply_without_backward(x)), "'step' has no gradient: nothing flows back through it");
    ok(ct_retain_grad(y));
    expect_why(ct_why_no_grad(y), "no backward has run over");
    ct_tensor *other = ct_mul(unused, data);
    ok(ct_backward(y));
    expect_why(ct_why_no_grad(x), "'x' has a gradient");
    expect_why(ct_why_no_grad(y), "has a gradient");
    expect_why(ct_why_no_grad(unused), "the last one began at the result of 'mul' (" __FILE__ ":");
    ok(ct_backward(other));
    expect_why(ct_why_no_grad(other), "used up");
    ct_zero_grad(x);
    expect_why(ct_why_no_grad(x), "which was cleared");
}
END_TEST

/* Why the gradient of the tensor of that name is what it is. */
static void expect_trace_why(ct_tensor *root, const char *name, const char *part)
{
    ok(ct_backward(root));
    ct_trace_log *trace = end_trace();
    expect_why(ct_trace_why(trace, ct_trace_find(trace, name)), part);
    ct_trace_free(trace);
}

START_TEST(why_zero)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(3, "x", true), *h = ct_mul_scalar(x, -2);
    ct_region_begin("net");
    ct_tensor *dead = ct_relu(h);
    ct_region_end();
    expect_trace_why(ct_exp(ct_mul_scalar(dead, 4)), "x", "'relu' in net (" __FILE__ ":");
    ok(ct_trace_begin());
    ct_tensor *y = named(3, "y", true);
    expect_trace_why(ct_relu(ct_mul_scalar(y, -2)), "y", "turns a gradient of 1 into 0; its input is -6");
    ok(ct_trace_begin());
    ct_tensor *z = named(3, "z", true);
    expect_trace_why(ct_sub(ct_mul_scalar(z, 0.31), ct_mul_scalar(z, 0.31)), "z", "0.31 cancel at the fork of z");
    ok(ct_trace_begin());
    ct_tensor *seedless = ct_neg(named(3, "seedless", true));
    ok(ct_backward(seedless, .gradient = ct_scalar(CT_FLOAT64, 0)));
    ct_trace_log *trace = end_trace();
    expect_why(ct_trace_why(trace, ct_trace_find(trace, "seedless")), "cotangent that the backward was given");
    ct_trace_free(trace);
}
END_TEST

START_TEST(why_nan_or_infinite)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(-3, "x", true);
    expect_trace_why(ct_exp(ct_log(ct_mul_scalar(x, 2))), "x", "in the forward pass 'log' (" __FILE__ ":");
    ok(ct_trace_begin());
    ct_tensor *y = named(0, "y", true);
    expect_trace_why(ct_sqrt(ct_mul_scalar(y, 2)), "y", "the backward of 'sqrt' (" __FILE__ ":");
    ok(ct_trace_begin());
    ct_tensor *z = named(0, "z", true);
    expect_trace_why(ct_sqrt(ct_square(z)), "z", "turns a gradient of 1 into inf; its input is 0");
    ok(ct_trace_begin());
    ct_tensor *data = named(NAN, "data", false), *w = named(1, "w", true);
    expect_trace_why(ct_mul(w, data), "w", "data came in as nan");
}
END_TEST

START_TEST(why_tiny)
{
    ok(ct_trace_begin());
    ct_tensor *x = named(8, "x", true), *h = x;
    for (int i = 0; i < 10; i++)
        h = ct_mul_scalar(ct_sigmoid(h), 4);
    ok(ct_backward(h));
    ct_trace_log *trace = end_trace();
    const char *why = ct_trace_why(trace, ct_trace_find(trace, "x"));
    expect_why(why, "from the root 20 operations");
    expect_why(why, "it shrinks most at 'sigmoid' (" __FILE__ ":");
    expect_why(why, "its input is 8");
    expect_why(ct_trace_why(trace, -1), "no such tensor");
    ct_trace_free(trace);
}
END_TEST

/* The elements of the input at which the one operation is at a kink; it goes through JSON and back. */
static uint64_t kinks_of(ct_tensor *(*f)(ct_tensor *x), ct_dtype dtype, const double *values, int64_t n)
{
    ct_scope_open();
    ct_trace_begin();
    ct_backward(ct_sum(f(ct_set_requires_grad(ct_from_values(dtype, values, n, &n, 1), true))));
    ct_trace_log *trace = ct_trace_end(), *read;
    FILE *file = tmpfile();
    ct_trace_write_json(trace, file);
    rewind(file);
    read = ct_trace_read_json(file);
    const ct_trace_step *step = ct_trace_step_at(trace, 2), *again = ct_trace_step_at(read, 2);
    ck_assert_ptr_nonnull(again);
    ck_assert_int_eq(step->input, 0);
    uint64_t kinks = step->kinks;
    ck_assert_uint_eq(again->kinks, kinks);
    fclose(file);
    ct_trace_free(trace);
    ct_trace_free(read);
    ct_scope_close();
    return kinks;
}
static ct_tensor *behind_much(ct_tensor *x)
{
    return ct_add_scalar(x, 12345678.9); /* rounding alone makes the slopes differ */
}
static ct_tensor *first_alone(ct_tensor *x)
{
    return ct_mul(x, x); /* used twice: no kink at 0 */
}

/* Where there is no derivative the slope is told to be a convention; beside, and where it only bends, it is not. _i: dtype */
START_TEST(kinks_are_found)
{
    const double values[] = {0, -1, 2, 1e-12, -1e-300, 1e-7};
    ck_assert_uint_eq(kinks_of(ct_relu, (ct_dtype)_i, values, 4), 1);
    ck_assert_uint_eq(kinks_of(ct_abs, (ct_dtype)_i, values, _i == CT_FLOAT64 ? 6 : 4), 1);
    ck_assert_uint_eq(kinks_of(ct_floor, (ct_dtype)_i, values, 3), 1 | 1 << 1 | 1 << 2);
    ck_assert_uint_eq(kinks_of(ct_tanh, (ct_dtype)_i, values, 6), 0);
    ck_assert_uint_eq(kinks_of(ct_square, (ct_dtype)_i, values, 6), 0);
    ck_assert_uint_eq(kinks_of(ct_sqrt, (ct_dtype)_i, values, 6), 0);
    ck_assert_uint_eq(kinks_of(first_alone, (ct_dtype)_i, values, 6), 0);
    ck_assert_uint_eq(kinks_of(behind_much, (ct_dtype)_i, (const double[]){0.2, 0.3, 0.7}, 3), 0);
}
END_TEST

Suite *ct_suite_trace(void)
{
    Suite *suite = suite_create("trace");
    TCase *tests = tcase_create("trace");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, the_circuit_of_the_lectures);
    tcase_add_test(tests, axes_of_what_was_broadcast);
    tcase_add_test(tests, attributes_by_name);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, every_record_names_its_attributes);
    tcase_add_test(tests, attributes_of_every_kind);
    tcase_add_test(tests, a_story_has_the_attributes);
    tcase_add_loop_test(tests, every_step_adds_up, 0, 2);
    tcase_add_test(tests, results_are_the_same);
    tcase_add_test(tests, leaves_accumulate);
    tcase_add_test(tests, a_failed_run_changes_no_leaf);
    tcase_add_test(tests, a_changed_leaf_is_another_tensor);
    tcase_add_test(tests, a_leaf_changed_before_backward);
    tcase_add_test(tests, states_of_a_gradient);
    tcase_add_test(tests, a_backward_that_is_recorded);
    tcase_add_test(tests, runs_inside_runs_and_hooks);
    tcase_add_test(tests, begun_inside_of_a_run);
    tcase_add_test(tests, what_a_backward_leaves_out_is_zero);
    tcase_add_test(tests, a_graph_older_than_the_trace);
    tcase_add_test(tests, large_tensors_are_summed_up);
    tcase_add_test(tests, small_empty_and_integer_tensors);
    tcase_add_test(tests, wrong_uses);
    tcase_add_test(tests, without_memory);
    tcase_add_test(tests, a_thread_may_end_while_it_traces);
    tcase_add_test(tests, numbers_as_text);
    tcase_add_test(tests, many_numbers_as_text);
    tcase_add_test(tests, json_says_the_same);
    tcase_add_test(tests, json_of_hostile_names);
    tcase_add_test(tests, json_to_a_full_disk);
    tcase_add_test(tests, the_story_of_the_circuit);
    tcase_add_test(tests, forks_and_old_gradients);
    tcase_add_test(tests, a_story_shows_small_matrices);
    tcase_add_test(tests, a_story_runs_backward_by_itself);
    tcase_add_test(tests, rounded_factors_are_marked);
    tcase_add_test(tests, only_the_way_to_one);
    tcase_add_test(tests, large_graphs_are_folded_by_region);
    tcase_add_test(tests, large_graphs_without_regions_are_cut);
    tcase_add_test(tests, lines_are_80_wide);
    tcase_add_test(tests, stories_that_cannot_be_told);
    tcase_add_test(tests, why_before_any_backward);
    tcase_add_test(tests, why_there_is_no_gradient);
    tcase_add_test(tests, why_zero);
    tcase_add_test(tests, why_nan_or_infinite);
    tcase_add_loop_test(tests, kinks_are_found, CT_FLOAT32, CT_FLOAT64 + 1);
    tcase_add_test(tests, why_tiny);
    suite_add_tcase(suite, tests);
    return suite;
}
