/* The updates of a trace: what an optimiser, or anybody else, makes of the leaves' gradients, and what came of the root. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

/* A model of two parameters, w (3) and b, whose loss is sum((w x + b)^2). */
typedef struct model {
    ct_module *module;
    ct_tensor *w, *b;
} model;

static model new_model(ct_dtype dtype)
{
    model m = {.module = ct_module_new(dtype)};
    m.w = ct_module_parameter(m.module, "w", ct_from_values(dtype, CT_VALUES(1, -2, 0.5), CT_SHAPE(3)));
    m.b = ct_module_parameter(m.module, "b", ct_scalar(dtype, 0.25));
    return m;
}

static ct_tensor *loss_of(const model *m)
{
    ct_tensor *x = ct_from_values(ct_module_dtype(m->module), CT_VALUES(2, 1, -1), CT_SHAPE(3));
    return ct_name(ct_sum(ct_square(ct_add(ct_mul(m->w, x), m->b))), "loss");
}

static ct_trace_log *end_trace(void)
{
    ct_trace_log *trace = ct_trace_end();
    ck_assert_msg(trace != NULL, "%s", ct_error_message());
    return trace;
}

/* One step of sgd with the loss before and after, traced. */
static ct_trace_log *traced_step(const model *m, double lr, double clip)
{
    ct_optimizer *sgd = ct_optimizer_new(m->module, &ct_rule_sgd, .lr = lr);
    ok(ct_trace_begin());
    ok(ct_backward(loss_of(m)));
    if (clip > 0)
        ck_assert(ct_clip_grad_norm_(m->module, clip) > 0);
    ok(ct_optimizer_step(sgd));
    ck_assert_ptr_nonnull(loss_of(m));
    ct_optimizer_free(sgd);
    return end_trace();
}

static char *story_of(const ct_trace_log *trace, const char *to)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    ok(ct_trace_explain(trace, stream, .to = to, .width = 120, .color = CT_NO, .unicode = CT_NO));
    fclose(stream);
    return bytes;
}

START_TEST(a_step_of_sgd)
{
    ct_dtype dtype = _i ? CT_FLOAT64 : CT_FLOAT32;
    double epsilon = _i ? 1e-15 : 1e-6;
    model m = new_model(dtype);
    ct_trace_log *trace = traced_step(&m, 0.01, 0);
    ck_assert_int_eq(ct_trace_updates(trace), 2);
    const ct_trace_update *w = ct_trace_update_at(trace, 0), *b = ct_trace_update_at(trace, 1);
    /* residuals 2.25, -1.75, -0.25: gradients 2 r x = 9, -3.5, 0.5 and 2 sum r = 0.5 */
    const double before[] = {1, -2, 0.5}, gradient[] = {9, -3.5, 0.5};
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq(w->before->values[i], before[i]);
        ck_assert_double_eq(w->gradient->values[i], gradient[i]);
        ck_assert_double_eq(w->used->values[i], gradient[i]);
        ck_assert_double_eq_tol(w->change->values[i], -0.01 * gradient[i], epsilon);
        ck_assert_double_eq_tol(w->after->values[i], before[i] - 0.01 * gradient[i], epsilon);
    }
    ck_assert_double_eq_tol(w->factor, -0.01, epsilon);
    ck_assert_double_eq_tol(w->forecast, -0.01 * (81 + 12.25 + 0.25), 20 * epsilon);
    ck_assert_double_eq_tol(b->forecast, -0.01 * 0.25, epsilon);
    ck_assert_str_eq(w->by, "optimizer_step");
    ck_assert_ptr_nonnull(strstr(w->file, "test_updates.c"));
    ck_assert_int_eq(w->to, ct_trace_node_at(trace, w->to)->id);
    ck_assert_str_eq(ct_trace_node_at(trace, w->to)->name, "w");
    ct_trace_free(trace);
    ct_module_free(m.module);
}
END_TEST

START_TEST(the_forecast_and_what_came)
{
    model m = new_model(CT_FLOAT64);
    ct_trace_log *trace = traced_step(&m, 1e-5, 0);
    ct_trace_forecast f;
    ck_assert(ct_trace_forecast_of(trace, &f));
    ck_assert_double_eq(f.before, 2.25 * 2.25 + 1.75 * 1.75 + 0.25 * 0.25);
    ck_assert_double_eq_tol(f.forecast, f.before - 1e-5 * (93.5 + 0.25), 1e-13);
    ck_assert_double_eq(f.after, ct_item(loss_of(&m)));
    ck_assert_double_eq_tol(f.after, f.forecast, 1e-6); /* to first order */
    ck_assert_double_ne(f.after, f.forecast);
    ct_trace_free(trace);
    ct_module_free(m.module);
}
END_TEST

/* Of the last line "p = ... = 1.9": the number. */
static double told_result(const char *arithmetic)
{
    return strtod(strrchr(arithmetic, '=') + 1, NULL);
}

/* Eight steps of the rule, told and done. */
static void check_arithmetic(const model *m, const char *rule, ct_optimizer *optimizer)
{
    ck_assert_msg(optimizer != NULL, "%s", ct_error_message());
    ok(ct_trace_begin());
    for (int step = 0; step < 8; step++) {
        ct_optimizer_zero_grad(optimizer);
        ok(ct_backward(loss_of(m)));
        ok(ct_optimizer_step(optimizer));
    }
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_updates(trace), 16);
    for (int64_t i = 0; i < 16; i++) {
        const ct_trace_update *u = ct_trace_update_at(trace, i);
        double is = u->after->values[u->element];
        ck_assert_msg(u->change->values[u->element] != 0 && fabs(told_result(u->arithmetic) - is) <= 5.1e-4 * fabs(is),
                      "%s, step %d: %g, told:\n%s", rule, (int)(i / 2 + 1), is, u->arithmetic);
    }
    ct_trace_free(trace);
    ct_optimizer_free(optimizer);
}

/* Every rule's words, with options that bring each of them in, give what the rule does, to the digits that are shown. */
START_TEST(arithmetic_of_every_rule)
{
    model m = new_model(_i ? CT_FLOAT64 : CT_FLOAT32);
#define CHECK(rule, ...) \
    check_arithmetic(&m, #rule #__VA_ARGS__, ct_optimizer_new(m.module, &ct_rule_##rule, __VA_ARGS__))
    CHECK(sgd, .lr = 0.03);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .weight_decay = 0.1);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .dampening = 0.3);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .nesterov = true, .l1 = 0.1);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .momentum_form = CT_MOMENTUM_AVERAGE);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .momentum_form = CT_MOMENTUM_STEP);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .nesterov = true, .momentum_form = CT_MOMENTUM_AVERAGE);
    CHECK(sgd, .lr = 0.03, .momentum = 0.9, .nesterov = true, .momentum_form = CT_MOMENTUM_STEP, .maximize = true);
    CHECK(adam, .lr = 0.03);
    CHECK(adam, .lr = 0.03, .weight_decay = 0.1, .maximize = true);
    CHECK(adam, .lr = 0.03, .amsgrad = true);
    CHECK(adamw, .lr = 0.03, .l1 = 0.2);
    CHECK(rmsprop, .lr = 0.03);
    CHECK(rmsprop, .lr = 0.03, .momentum = 0.5, .centered = true);
    CHECK(adagrad, .lr_decay = 0.2, .initial_accumulator_value = 0.4);
    CHECK(adagrad, .lr = 0.03);
    CHECK(adadelta, .lr = 0.03, .eps = 0.1);
    CHECK(adamax, .lr = 0.03);
    CHECK(nadam, .lr = 0.03);
    CHECK(radam, .lr = 0.03);
#undef CHECK
    ct_module_free(m.module);
}
END_TEST

/* Adam's first step: m and v begin at 0, and the correction takes that out again. */
/* The element that is told has the largest gradient, of either sign. */
START_TEST(arithmetic_is_of_the_largest)
{
    ct_module *module = ct_module_new(CT_FLOAT64);
    ct_tensor *w = ct_module_parameter(module, "w", ct_ones(CT_FLOAT64, CT_SHAPE(3)));
    ct_optimizer *sgd = ct_optimizer_new(module, &ct_rule_sgd, .lr = 0.1);
    ok(ct_trace_begin());
    ok(ct_backward(ct_sum(ct_mul(w, ct_from_values(CT_FLOAT64, CT_VALUES(1, -3, 2), CT_SHAPE(3))))));
    ok(ct_optimizer_step(sgd));
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_update_at(trace, 0)->element, 1);
    ct_trace_free(trace);
    ct_optimizer_free(sgd);
    ct_module_free(module);
}
END_TEST

START_TEST(arithmetic_of_adam)
{
    model m = new_model(CT_FLOAT64);
    ct_optimizer *adam = ct_optimizer_new(m.module, &ct_rule_adam, .lr = 0.1);
    ok(ct_trace_begin());
    ok(ct_backward(loss_of(&m)));
    ok(ct_optimizer_step(adam));
    ct_trace_log *trace = end_trace();
    const ct_trace_update *w = ct_trace_update_at(trace, 0);
    ck_assert_int_eq(w->element, 0); /* gradients 9, -3.5, 0.5 */
    ck_assert_str_eq(w->arithmetic, "m = beta1*m + (1-beta1)*g = 0.9*0 + (1-0.9)*9 = 0.9\n"
                                    "v = beta2*v + (1-beta2)*g^2 = 0.999*0 + (1-0.999)*9^2 = 0.081\n"
                                    "m_hat = m/(1-beta1^t) = 0.9/(1-0.9^1) = 9\n"
                                    "v_hat = v/(1-beta2^t) = 0.081/(1-0.999^1) = 81\n"
                                    "p = p - lr*m_hat/(sqrt(v_hat)+eps) = 1 - 0.1*9/(sqrt(81)+1e-8) = 0.9");
    char *story = story_of(trace, NULL);
    ck_assert_msg(strstr(story, "arithmetic of p = w[0], whose gradient g is the largest\n"
                                "  m       = beta1*m + (1-beta1)*g = 0.9*0 + (1-0.9)*9 = 0.9\n"),
                  "%s", story);
    ck_assert_msg(strstr(story, "square   t3 keeps t2, 24 bytes     (until its backward)\n"), "%s", story);
    free(story);
    story = story_of(trace, "b"); /* the one that is asked for */
    ck_assert_msg(strstr(story, "arithmetic of p = b, whose gradient g is the largest\n"), "%s", story);
    free(story);
    ct_trace_free(trace);
    ct_optimizer_free(adam);
    ct_module_free(m.module);
}
END_TEST

/* mul keeps its factors, square what it takes, up to the step after which the engine has gone back through them. */
START_TEST(what_operations_keep)
{
    model m = new_model(CT_FLOAT64);
    for (int retain = 0; retain < 2; retain++) {
        ok(ct_trace_begin());
        ok(ct_backward(loss_of(&m), .retain_graph = retain));
        ct_trace_log *trace = end_trace();
        int64_t bytes = 0;
        for (int64_t id = 0; id < ct_trace_nodes(trace); id++) {
            const ct_trace_node *node = ct_trace_node_at(trace, id);
            bytes += node->kept_bytes;
            if (!strcmp(node->op, "square"))
                ck_assert_int_eq(node->kept[0], node->inputs[0]);
            if (node->n_kept && retain)
                ck_assert_int_eq(node->freed, -1);
            else if (node->n_kept) {
                ck_assert_int_gt(node->freed, 0);
                ck_assert_int_eq(ct_trace_step_at(trace, node->freed - 1)->from, id);
            }
        }
        ck_assert_int_eq(bytes, 8 * (3 + 3 + 3)); /* of mul both factors, of square its input */
        ct_trace_free(trace);
    }
    ct_module_free(m.module);
}
END_TEST

/* A clipped gradient is what the step used; the forecast goes by the root's own. */
START_TEST(a_clipped_step)
{
    model m = new_model(CT_FLOAT64);
    ct_trace_log *trace = traced_step(&m, 0.01, 1);
    const ct_trace_update *w = ct_trace_update_at(trace, 0);
    ck_assert_double_eq(w->gradient->values[0], 9);
    double norm = sqrt(93.5 + 0.25);
    ck_assert_double_eq_tol(w->used->values[0], 9 / (norm + 1e-6), 1e-12);
    ck_assert_double_eq_tol(w->factor, -0.01, 1e-12);
    ck_assert_double_eq_tol(w->forecast, -0.01 * 93.5 / (norm + 1e-6), 1e-12);
    char *story = story_of(trace, NULL);
    ck_assert_msg(strstr(story, "(-0.01 x gradient 0.05164, clipped from norm 0.5 to 0.05164)"), "%s", story);
    free(story);
    ct_trace_free(trace);
    ct_module_free(m.module);
}
END_TEST

START_TEST(the_story_of_a_step)
{
    model m = new_model(CT_FLOAT64);
    ct_trace_log *trace = traced_step(&m, 0.01, 0);
    char *story = story_of(trace, NULL), expected[300];
    snprintf(expected, sizeof expected, "update by optimizer_step (%s:", ct_trace_update_at(trace, 0)->file);
    ck_assert_msg(strstr(story, expected), "%s", story);
    const char *last = "  w   = [0.91, -1.965, 0.495], changed by 4.22% of its norm 2.291  "
                       "(-0.01 x gradient [9, -3.5, 0.5])\n"
                       "  b   = 0.25 + -0.005 = 0.245  (-0.01 x gradient 0.5)\n"
                       "arithmetic of p = w[0], whose gradient g is the largest\n"
                       "  p   = p - lr*g = 1 - 0.01*9 = 0.91\n"
                       "loss\n"
                       "  before     = 8.188\n"
                       "  forecast   = 8.188 + -0.9375 ~= 7.25  (+ the sum of gradient times change)\n"
                       "  after      = 7.285                    (calculated again)\n";
    ck_assert_msg(strlen(story) > strlen(last) && strstr(story, last), "%s", story);
    free(story);
    story = story_of(trace, "b"); /* which two tensors are called: the one behind the root is meant */
    ck_assert_msg(strstr(story, "b: 0 + ") || strstr(story, "dloss/db"), "%s", story);
    ck_assert_msg(strstr(story, "0.25 + -0.005 = 0.245") && !strstr(story, "-1.965"), "%s", story);
    free(story);
    ct_trace_free(trace);
    ct_module_free(m.module);
}
END_TEST

/* Written by hand, noted by nobody: seen when the leaf is used again, or when the trace ends. */
START_TEST(a_step_by_hand)
{
    ct_tensor *x = ct_name(ct_set_requires_grad(ct_scalar(CT_FLOAT64, 3), true), "x");
    ok(ct_trace_begin());
    for (int step = 0; step < 2; step++) {
        ct_zero_grad(x);
        ok(ct_backward(ct_square(x)));
        double *value = ct_data_mut(x);
        *value -= 0.25 * ct_item(ct_grad_of(x));
    }
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_updates(trace), 2);
    const ct_trace_update *first = ct_trace_update_at(trace, 0), *second = ct_trace_update_at(trace, 1);
    ck_assert_double_eq(first->before->values[0], 3);
    ck_assert_double_eq(first->change->values[0], -1.5);
    ck_assert_double_eq(second->before->values[0], 1.5);
    ck_assert_double_eq(second->after->values[0], 0.75);
    ck_assert_ptr_null(first->used); /* cleared before it was looked at */
    ck_assert(isnan(first->factor));
    ck_assert_double_eq(second->factor, -0.25);
    ck_assert_int_eq(first->run, 1);
    ck_assert_int_eq(second->run, 2);
    ck_assert_str_eq(second->by, "data_mut");
    ct_trace_forecast f;
    ck_assert(ct_trace_forecast_of(trace, &f));
    ck_assert_double_eq(f.before, 2.25);
    ck_assert_double_eq(f.forecast, 2.25 + 3 * -0.75);
    ck_assert_int_eq(f.again, -1);
    ck_assert(isnan(f.after));
    ct_trace_free(trace);
}
END_TEST

/* No one number times the gradient: momentum, say. */
START_TEST(a_step_that_is_no_multiple)
{
    model m = new_model(CT_FLOAT64);
    ct_optimizer *adam = ct_optimizer_new(m.module, &ct_rule_adam, .lr = 0.1);
    ok(ct_trace_begin());
    ok(ct_backward(loss_of(&m)));
    ok(ct_optimizer_step(adam));
    ct_trace_log *trace = end_trace();
    ck_assert(isnan(ct_trace_update_at(trace, 0)->factor));
    ck_assert_double_eq_tol(ct_trace_update_at(trace, 0)->change->values[1], 0.1, 1e-8);
    ct_trace_free(trace);
    ct_optimizer_free(adam);
    ct_module_free(m.module);
}
END_TEST

static ct_status refuse(const ct_event *event, void *user)
{
    (void)user;
    return event->moment == CT_LEAF_CHANGES ? ct_error_set(CT_ERROR_STATE, "no") : CT_OK;
}

START_TEST(what_is_no_step)
{
    ct_trace_forecast f = {.before = 7};
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 3), true);
    ct_tensor *empty = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(0)), true);
    ok(ct_trace_begin());
    *(double *)ct_data_mut(x) = 4; /* no gradient has come */
    ok(ct_backward(ct_sum(empty)));
    ck_assert_ptr_nonnull(ct_data_mut(empty)); /* has no elements that could change */
    ok(ct_observe_begin(refuse, NULL));
    ck_assert_int_eq(ct_backward(ct_square(x)), CT_ERROR_STATE);
    ok(ct_observe_end(refuse, NULL));
    ct_error_clear();
    *(double *)ct_data_mut(x) = 5; /* that run has failed */
    ct_scope_open();
    ct_tensor *brief = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 3), true);
    ok(ct_backward(ct_square(brief)));
    ct_note_write(brief, "nobody", NULL, 0); /* unchanged */
    ct_scope_close();
    ct_trace_log *trace = end_trace();
    ck_assert_int_eq(ct_trace_updates(trace), 0);
    ck_assert_ptr_null(ct_trace_update_at(trace, 0));
    ck_assert(!ct_trace_forecast_of(trace, &f));
    ck_assert_double_eq(f.before, 7);
    ct_trace_free(trace);
    ck_assert_int_eq(ct_trace_updates(NULL), 0);
    ck_assert(!ct_trace_forecast_of(NULL, &f));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_NULL);
    ct_error_clear();
}
END_TEST

/* A root with another cotangent than 1 forecasts nothing; nor does one of many elements. */
START_TEST(a_weighted_root_has_no_forecast)
{
    model m = new_model(CT_FLOAT64);
    ct_optimizer *sgd = ct_optimizer_new(m.module, &ct_rule_sgd, .lr = 0.01);
    ok(ct_trace_begin());
    ok(ct_backward(loss_of(&m), .gradient = ct_scalar(CT_FLOAT64, 2)));
    ok(ct_optimizer_step(sgd));
    ct_trace_log *trace = end_trace();
    ct_trace_forecast f;
    ck_assert(ct_trace_forecast_of(trace, &f));
    ck_assert(isnan(f.forecast) && !isnan(f.before));
    ct_trace_free(trace);
    ct_optimizer_free(sgd);
    ct_module_free(m.module);
}
END_TEST

START_TEST(the_json_of_a_step)
{
    model m = new_model(CT_FLOAT64);
    ct_trace_log *trace = traced_step(&m, 0.01, 0);
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    ok(ct_trace_write_json(trace, stream));
    fclose(stream);
    json_t *root = json_loads(bytes, 0, NULL), *updates = json_object_get(root, "updates");
    ck_assert_msg(json_array_size(updates) == 2, "%s", bytes);
    json_t *w = json_array_get(updates, 0), *change = json_object_get(json_object_get(w, "change"), "values");
    const ct_trace_update *u = ct_trace_update_at(trace, 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_double_eq(json_number_value(json_array_get(change, i)), u->change->values[i]);
    ck_assert_double_eq(json_number_value(json_object_get(w, "factor")), u->factor);
    ck_assert_double_eq(json_number_value(json_object_get(w, "forecast")), u->forecast);
    ck_assert_str_eq(json_string_value(json_object_get(w, "by")), "optimizer_step");
    ck_assert_int_eq(json_integer_value(json_object_get(w, "to")), u->to);
    json_decref(root);
    free(bytes);
    ct_trace_free(trace);
    ct_module_free(m.module);
}
END_TEST

/* Every allocation fails once: an error, or a trace that lacks nothing. */
START_TEST(a_step_without_memory)
{
    model m = new_model(CT_FLOAT64);
    bool complete = false;
    for (int64_t n = 1; !complete; n++) {
        ck_assert_int_lt(n, 400);
        ct_scope_open();
        ct_tensor *loss = loss_of(&m);
        ct_zero_grad(m.w);
        ct_zero_grad(m.b);
        ct__fail_allocation(n, false);
        ct_status begun = ct_trace_begin(), back = begun == CT_OK ? ct_backward(loss) : begun;
        ct_error_clear();
        double *value = ct_data_mut(m.b);
        value[0] += 1;
        ct_trace_log *trace = begun == CT_OK ? ct_trace_end() : NULL;
        ct__fail_allocation(0, false);
        if (begun == CT_OK && !trace)
            ck_assert_int_eq(ct_error_code(), CT_ERROR_MEMORY);
        if (trace && back == CT_OK)
            ck_assert_int_eq(ct_trace_updates(trace), 1);
        complete = trace && back == CT_OK;
        ct_trace_free(trace);
        ct_error_clear();
        ct_scope_close();
    }
    ct_module_free(m.module);
}
END_TEST

Suite *ct_suite_updates(void)
{
    Suite *suite = suite_create("updates");
    TCase *tests = tcase_create("updates");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_loop_test(tests, a_step_of_sgd, 0, 2);
    tcase_add_test(tests, the_forecast_and_what_came);
    tcase_add_test(tests, a_clipped_step);
    tcase_add_test(tests, the_story_of_a_step);
    tcase_add_loop_test(tests, arithmetic_of_every_rule, 0, 2);
    tcase_add_test(tests, arithmetic_is_of_the_largest);
    tcase_add_test(tests, arithmetic_of_adam);
    tcase_add_test(tests, what_operations_keep);
    tcase_add_test(tests, a_step_by_hand);
    tcase_add_test(tests, a_step_that_is_no_multiple);
    tcase_add_test(tests, what_is_no_step);
    tcase_add_test(tests, a_weighted_root_has_no_forecast);
    tcase_add_test(tests, the_json_of_a_step);
    tcase_add_test(tests, a_step_without_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
