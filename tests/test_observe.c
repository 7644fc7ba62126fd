/* Observers: what they are told and in which order, and that they change nothing. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

/* What an observer wrote down, an event a line. */
typedef struct story {
    char text[4096];
    size_t used;
    ct_moment moment; /* at which, */
    int at;           /* the how manieth time, it */
    ct_status error;  /* records this error */
    bool veto;        /* and returns it */
} story;

static void say(story *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    s->used += (size_t)vsnprintf(s->text + s->used, sizeof s->text - s->used, format, arguments);
    va_end(arguments);
}

static double value(const ct_tensor *t)
{
    return t && ct_numel(t) == 1 ? ct_item(t) : -99;
}

static ct_status write_down(const ct_event *e, void *user)
{
    story *s = user;
    const char *op = e->op ? e->op->name : "-";
    switch (e->moment) {
    case CT_FORWARD_BEGINS:
        say(s, "%s(%d\n", op, e->n_inputs);
        break;
    case CT_FORWARD_ENDED:
        say(s, "%s)%s %g%s\n", op, e->node ? "*" : "", e->outputs ? value(e->outputs[0]) : -1,
            e->status == CT_OK ? "" : " failed");
        break;
    case CT_RUN_BEGINS:
        say(s, "run from %g\n", value(e->roots[0]));
        break;
    case CT_RUN_ENDED:
        say(s, "ran %s\n", ct_status_name(e->status));
        break;
    case CT_BACKWARD_BEGINS:
        say(s, "back %s %g\n", op, value(e->grad_outputs[0]));
        break;
    case CT_BACKWARD_ENDED:
        say(s, "done %s %g%s\n", op, value(e->grad_inputs[0]), e->status == CT_OK ? "" : " failed");
        break;
    case CT_GRADIENT_COMES:
        say(s, "%s.%d to %s: %g", op, e->input, e->to_leaf ? "leaf" : ct_node_op(e->to_node)->name, value(e->sum));
        break;
    case CT_GRADIENT_CAME:
        say(s, " + %g = %g\n", value(e->gradient), value(e->sum));
        break;
    case CT_LEAF_CHANGES:
        say(s, "leaf %g + %g\n", value(e->sum), value(e->gradient));
        break;
    case CT_LEAF_CHANGED:
        say(s, "leaf is %g\n", value(e->sum));
        break;
    case CT_TENSOR_WRITTEN:
        say(s, "written: %g\n", value(e->to_leaf));
        break;
    }
    if (s->error == CT_OK || e->moment != s->moment || --s->at != 0)
        return CT_OK;
    ct_error_set(s->error, "watch: seen enough");
    return s->veto ? s->error : CT_OK;
}

static void expect_story(story *s, const char *text)
{
    ck_assert_msg(strcmp(s->text, text) == 0, "told\n%s\ninstead of\n%s", s->text, text);
    s->text[0] = '\0';
    s->used = 0;
}

/* ---- what is told ---- */

START_TEST(forward_and_backward)
{
    story s = {0};
    ct_tensor *x = leaf(3), *c = ct_scalar(CT_FLOAT64, 10);
    ok(ct_observe_begin(write_down, &s));
    ct_tensor *y = ct_mul(x, x), *z = ct_add(y, c);
    ct_neg(c);
    expect_story(&s, "mul(2\nmul)* 9\nadd(2\nadd)* 19\nneg(1\nneg) -10\n");
    ok(ct_backward(z));
    expect_story(&s, "run from 19\n"
                     "-.-1 to add: -99 + 1 = 1\n"
                     "back add 1\n"
                     "done add 1\n"
                     "add.0 to mul: -99 + 1 = 1\n"
                     "back mul 1\n"
                     "mul(2\nmul) 3\nmul(2\nmul) 3\n"
                     "done mul 3\n"
                     "mul.0 to leaf: -99 + 3 = 3\n"
                     "mul.1 to leaf: 3add(2\nadd) 6\n + 3 = 6\n" /* not in place: the first one is x's own elements */
                     "leaf -99 + 6\n"
                     "leaf is 6\n"
                     "ran ok\n");
    ok(ct_observe_end(write_down, &s));
    ct_square(c);
    expect_story(&s, "");
    ck_assert_double_eq(ct_item(ct_grad_of(x)), 6);
}
END_TEST

START_TEST(leaves_accumulate)
{
    story s = {0};
    ct_tensor *x = leaf(3);
    ok(ct_backward(ct_neg(x)));
    ct_tensor *y = ct_neg(x);
    ok(ct_observe_begin(write_down, &s));
    ok(ct_backward(y));
    ok(ct_observe_end(write_down, &s));
    ck_assert_ptr_nonnull(strstr(s.text, "leaf -1 + -1\nleaf is -2\nran ok\n"));
}
END_TEST

START_TEST(a_leaf_as_root)
{
    story s = {0};
    ct_tensor *x = leaf(3);
    ok(ct_observe_begin(write_down, &s));
    ok(ct_backward(x));
    ok(ct_observe_end(write_down, &s));
    expect_story(&s, "run from 3\n-.-1 to leaf: -99 + 1 = 1\nleaf -99 + 1\nleaf is 1\nran ok\n");
}
END_TEST

START_TEST(grad_changes_no_leaf)
{
    story s = {0};
    ct_tensor *x = leaf(3), *y = ct_neg(x), *g;
    ok(ct_observe_begin(write_down, &s));
    ok(ct_grad(&y, 1, &x, 1, &g));
    ok(ct_observe_end(write_down, &s));
    ck_assert_ptr_nonnull(strstr(s.text, "neg.0 to leaf: -99 + -1 = -1\nran ok\n"));
}
END_TEST

START_TEST(expressions_and_failures)
{
    story s = {0};
    ct_tensor *x = ct_scalar(CT_FLOAT64, 4), *m = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3));
    ok(ct_observe_begin(write_down, &s));
    ct_logical_not(x);
    ck_assert_ptr_eq(strstr(s.text, "logical_not(1\n"), s.text);
    ck_assert_ptr_nonnull(strstr(s.text, "logical_not) 0\n"));
    ck_assert_int_gt(strstr(s.text, "logical_not)") - strstr(s.text, "logical_not("), 20); /* its operations */
    expect_story(&s, s.text);
    expect_error(ct_matmul(m, m), CT_ERROR_SHAPE, "matmul: ");
    expect_story(&s, "matmul(2\nmatmul) -1 failed\n");
    ok(ct_observe_end(write_down, &s));
}
END_TEST

static ct_status first_word(const ct_event *e, void *user)
{
    (void)e;
    return say(user, "a"), CT_OK;
}

static ct_status second_word(const ct_event *e, void *user)
{
    (void)e;
    return say(user, "b"), CT_OK;
}

START_TEST(several_in_the_order_of_their_beginning)
{
    story s = {0};
    ct_tensor *x = ct_scalar(CT_FLOAT64, 4);
    ok(ct_observe_begin(first_word, &s));
    ok(ct_observe_begin(second_word, &s));
    ct_neg(x);
    expect_story(&s, "abab");
    ok(ct_observe_end(first_word, &s));
    ct_neg(x);
    expect_story(&s, "bb");
    ok(ct_observe_end(second_word, &s));
}
END_TEST

static ct_status see_region(const ct_event *e, void *user)
{
    *(const char **)user = e->region;
    return CT_OK;
}

START_TEST(the_region_is_told)
{
    const char *region = NULL;
    ok(ct_observe_begin(see_region, &region));
    ct_region_begin("a");
    ct_neg(ct_scalar(CT_FLOAT64, 4));
    ck_assert_ptr_eq(region, ct_region());
    ct_region_end();
    ok(ct_observe_end(see_region, &region));
}
END_TEST

/* ---- what an observer may not do ---- */

static ct_status meddle(const ct_event *e, void *user)
{
    (*(int *)user)++;
    ct_tensor *own = ct_set_requires_grad(ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(3)), true);
    ck_assert_ptr_null(ct_node_of(ct_exp(own)));
    ct_region_begin("left open");
    ct_no_grad_begin();
    ck_assert_int_eq(ct_observe_begin(first_word, NULL), CT_ERROR_STATE);
    ct_error_clear();
    ck_assert_int_eq(ct_observe_end(meddle, user), CT_ERROR_STATE);
    ct_error_clear();
    return e ? CT_OK : CT_ERROR_STATE;
}

/* Two steps of a model with dropout: the loss, and its gradient for the weight. */
static void model(double *loss, double *gradient)
{
    ct_seed(5);
    ct_tensor *w = ct_set_requires_grad(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(6, 6)), true);
    for (int step = 0; step < 2; step++) {
        ct_tensor *h = ct_dropout(ct_matmul(w, w), 0.5, true);
        ct_tensor *l = ct_mean(ct_layer_norm(ct_tanh(h), NULL, NULL));
        ok(ct_backward(ct_add(l, ct_sum(ct_square(h)))));
        *loss = ct_item(ct_sum(h));
    }
    *gradient = ct_item(ct_sum(ct_mul(ct_grad_of(w), w)));
}

START_TEST(nothing_changes)
{
    double loss, gradient, seen_loss, seen_gradient;
    int told = 0;
    model(&loss, &gradient);
    ok(ct_observe_begin(meddle, &told));
    model(&seen_loss, &seen_gradient);
    ok(ct_observe_end(meddle, &told));
    ck_assert_int_gt(told, 50);
    ck_assert(loss == seen_loss && gradient == seen_gradient);
    ck_assert_str_eq(ct_region(), "");
    ck_assert(ct_grad_enabled());
}
END_TEST

START_TEST(an_error_of_its_own_is_kept)
{
    story s = {.moment = CT_FORWARD_BEGINS, .at = 2, .error = CT_ERROR_IO};
    ct_tensor *x = leaf(3);
    ok(ct_observe_begin(write_down, &s));
    ct_tensor *y = ct_neg(ct_neg(ct_neg(x)));
    ck_assert_ptr_nonnull(y);
    ok(ct_backward(y));
    expect_story(&s, "neg(1\nneg)* -3\nneg(1\n"); /* told no more */
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert_int_eq(ct_observe_end(write_down, &s), CT_ERROR_IO);
    expect_error(NULL, CT_ERROR_IO, "watch: seen enough (");
}
END_TEST

START_TEST(pending_errors_stay)
{
    story s = {.moment = CT_FORWARD_BEGINS, .at = 1, .error = CT_ERROR_IO};
    ct_tensor *x = leaf(3);
    ok(ct_observe_begin(write_down, &s));
    ct_error_set(CT_ERROR_FORMAT, "mine");
    ck_assert_ptr_nonnull(ct_neg(x));
    ck_assert_str_eq(ct_error_message(), "mine");
    ct_error_clear();
    ck_assert_int_eq(ct_observe_end(write_down, &s), CT_ERROR_IO);
    ct_error_clear();
}
END_TEST

/* ---- a veto ---- */

static const ct_moment stoppable[] = {CT_FORWARD_BEGINS, CT_FORWARD_ENDED,  CT_RUN_BEGINS,    CT_BACKWARD_BEGINS,
                                      CT_BACKWARD_ENDED, CT_GRADIENT_COMES, CT_GRADIENT_CAME, CT_LEAF_CHANGES};

START_TEST(a_veto_stops)
{
    story s = {.moment = stoppable[_i], .at = 1, .error = CT_ERROR_STATE, .veto = true};
    ct_tensor *x = leaf(3), *other = leaf(4);
    ok(ct_backward(ct_mul(x, other)));
    bool forward = s.moment <= CT_FORWARD_ENDED;
    ct_tensor *y = forward ? NULL : ct_mul(x, other);
    ok(ct_observe_begin(write_down, &s));
    if (forward)
        ck_assert_ptr_null(y = ct_mul(x, other));
    else
        ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "watch: seen enough (");
    ok(ct_observe_end(write_down, &s));
    const char *last = !forward ? "ran state\n" : s.moment == CT_FORWARD_BEGINS ? "mul) -1 failed\n" : "mul)* 12\n";
    ck_assert_str_eq(s.text + s.used - strlen(last), last);
    ck_assert_double_eq(ct_item(ct_grad_of(x)), 4);
    ck_assert_double_eq(ct_item(ct_grad_of(other)), 3);
}
END_TEST

START_TEST(a_veto_too_late_is_an_error_of_its_own)
{
    story s = {.moment = CT_LEAF_CHANGED, .at = 1, .error = CT_ERROR_STATE, .veto = true};
    ct_tensor *x = leaf(3), *y = ct_neg(x);
    ok(ct_observe_begin(write_down, &s));
    ok(ct_backward(y));
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert_int_eq(ct_observe_end(write_down, &s), CT_ERROR_STATE);
    ct_error_clear();
    ck_assert_double_eq(ct_item(ct_grad_of(x)), -1);
}
END_TEST

/* ---- begin and end ---- */

START_TEST(wrong_uses)
{
    story s = {0};
    ck_assert_int_eq(ct_observe_begin(NULL, NULL), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "observe_begin: the observer is NULL (");
    ck_assert_int_eq(ct_observe_end(write_down, &s), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "observe_end: this observer has not begun (");
    ok(ct_observe_begin(write_down, &s));
    ck_assert_int_eq(ct_observe_begin(write_down, &s), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "observe_begin: this observer has begun before (");
    ok(ct_observe_end(write_down, &s));
    ct__fail_allocation(1, true);
    ck_assert_int_eq(ct_observe_begin(write_down, &s), CT_ERROR_MEMORY);
    ct__fail_allocation(0, false);
    ct_error_clear();
}
END_TEST

static void *observed_thread(void *user)
{
    ct_observe_begin(write_down, user);
    ct_neg(ct_scalar(CT_FLOAT64, 1));
    return NULL; /* and never ends it */
}

START_TEST(observers_belong_to_a_thread)
{
    story mine = {0}, its = {0};
    pthread_t thread;
    ok(ct_observe_begin(write_down, &mine));
    ck_assert_int_eq(pthread_create(&thread, NULL, observed_thread, &its), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    expect_story(&mine, "");
    expect_story(&its, "neg(1\nneg) -1\n");
    ok(ct_observe_end(write_down, &mine));
}
END_TEST

Suite *ct_suite_observe(void)
{
    Suite *suite = suite_create("observe");
    TCase *tests = tcase_create("observe");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, forward_and_backward);
    tcase_add_test(tests, leaves_accumulate);
    tcase_add_test(tests, a_leaf_as_root);
    tcase_add_test(tests, grad_changes_no_leaf);
    tcase_add_test(tests, expressions_and_failures);
    tcase_add_test(tests, several_in_the_order_of_their_beginning);
    tcase_add_test(tests, the_region_is_told);
    tcase_add_test(tests, nothing_changes);
    tcase_add_test(tests, an_error_of_its_own_is_kept);
    tcase_add_test(tests, pending_errors_stay);
    tcase_add_loop_test(tests, a_veto_stops, 0, sizeof stoppable / sizeof *stoppable);
    tcase_add_test(tests, a_veto_too_late_is_an_error_of_its_own);
    tcase_add_test(tests, wrong_uses);
    tcase_add_test(tests, observers_belong_to_a_thread);
    suite_add_tcase(suite, tests);
    return suite;
}
