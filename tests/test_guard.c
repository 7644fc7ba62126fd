/* What a failed step leaves behind: nothing. Guarded tensors are put back when their scope closes with an error. */
#include <cotan/cotan.h>
#include "tensor_checks.h"
#include "core_internal.h"
#include "suites.h"
#include <string.h>

/* Elements 1, 2, ... in the layout given. */
static ct_tensor *counted(ct_dtype dtype, int layout)
{
    return in_layout(ct_reshape(ct_arange(dtype, 1, 1, 6), CT_SHAPE(2, 3)), layout);
}

static void is_counted(const ct_tensor *t)
{
    expect_tensor(t, ct_dtype_of(t), CT_SHAPE(2, 3), CT_VALUES(1, 2, 3, 4, 5, 6));
}

/* Changes t twice in a scope that closes with an error or without. */
static void change(ct_tensor *t, bool fails)
{
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    ck_assert_int_eq(ct_scope_guard(t), CT_OK);
    ct_fill_(t, 7);
    ck_assert_int_eq(ct_scope_guard(t), CT_OK); /* the elements before the first change count */
    ct_fill_(t, 8);
    if (fails)
        ct_error_set(CT_ERROR_STATE, "the step failed");
    ck_assert_int_eq(ct_scope_close(), CT_OK);
    ck_assert_int_eq(ct_error_code(), fails ? CT_ERROR_STATE : CT_OK);
    ct_error_clear();
}

START_TEST(a_failed_scope_puts_back)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        for (ct_dtype dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
            ct_tensor *t = counted(dtype, layout);
            change(t, true);
            is_counted(t);
            change(t, false);
            ck_assert_double_eq(ct_item(ct_amin(t)), 8);
        }
    }
    change(ct_zeros(CT_FLOAT32, CT_SHAPE(0, 3)), true);
}
END_TEST

/* A backward that saved the tensor must not go on with what was put back. */
START_TEST(putting_back_is_a_change)
{
    ct_tensor *w = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true), *y = ct_sum(ct_square(w));
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    ck_assert_int_eq(ct_scope_guard(w), CT_OK);
    ct_error_set(CT_ERROR_STATE, "the step failed");
    ct_scope_close();
    ct_error_clear();
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "backward of 'square'");
}
END_TEST

/* The scope inside has closed well; what follows is the next step's. */
START_TEST(each_scope_answers_for_itself)
{
    ct_tensor *t = counted(CT_FLOAT64, 0), *part = ct_select(t, 0, 1);
    ct_scope_open();
    ct_scope_guard(part);
    ct_scope_open();
    ct_scope_guard(t);
    ct_fill_(t, 7);
    ct_scope_close();
    ct_error_set(CT_ERROR_STATE, "the step failed");
    ct_scope_close();
    ct_error_clear();
    expect_tensor(t, CT_FLOAT64, CT_SHAPE(2, 3), CT_VALUES(7, 7, 7, 4, 5, 6));
}
END_TEST

/* A step in two scopes: the first closes well, and what it changed is put back when the second has failed, part by part in the order
 * in which they were guarded. */
START_TEST(guards_are_handed_outwards)
{
    ct_tensor *t = counted(CT_FLOAT64, 0), *part = ct_select(t, 0, 1), *seen = ct_select(t, 0, 0);
    ct_scope_open();
    ct_scope_guard(part);
    for (int batch = 0; batch < 2; batch++) {
        ct_scope_open();
        ct_scope_guard(seen);
        ct_scope_guard(part);
        ct_fill_(t, 7 + batch);
        ct_scope_guard(t);
        ct_fill_(t, 9);
        ck_assert_int_eq(ct_scope_return_guards(), CT_OK);
        ct_scope_close();
        ck_assert_double_eq(ct_item(ct_amin(t)), 9);
    }
    ct_error_set(CT_ERROR_STATE, "the step failed");
    ct_scope_close();
    ct_error_clear();
    is_counted(t);
}
END_TEST

/* The outermost has nobody to hand its guards to, and answers for them itself. */
START_TEST(the_outermost_scope_keeps_its_guards)
{
    ct_tensor *t = ct_keep(counted(CT_FLOAT64, 0));
    while (ct_memory_stats().scope_depth > 0)
        ct_scope_close();
    ck_assert_int_eq(ct_scope_return_guards(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "scope_return_guards: no scope is open on this thread");
    ct_scope_open();
    ct_scope_guard(t);
    ct_fill_(t, 7);
    ck_assert_int_eq(ct_scope_return_guards(), CT_OK);
    ct_error_set(CT_ERROR_STATE, "the step failed");
    ct_scope_close();
    ct_error_clear();
    ct_scope_open();
    is_counted(t);
    ct_release(t);
}
END_TEST

/* An error from before the call is not this scope's. The tensor may be given up in between. */
START_TEST(an_old_error_is_not_the_steps)
{
    ct_tensor *t = counted(CT_FLOAT64, 0), *gone = ct_keep(ct_ones(CT_FLOAT32, CT_SHAPE(2)));
    ct_error_set(CT_ERROR_STATE, "an old error");
    ct_scope_open();
    ct_scope_guard(t);
    ct_fill_(t, 7);
    ct_scope_close();
    ct_error_clear();
    ck_assert_double_eq(ct_get(t, CT_SHAPE(0, 0)), 7);
    ct_scope_open();
    ct_scope_guard(gone);
    ct_release(gone);
    ct_error_set(CT_ERROR_STATE, "the step failed");
    ct_scope_close();
    ct_error_clear();
}
END_TEST

START_TEST(guards_refuse)
{
    ct_tensor *leaf = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true), *t = counted(CT_FLOAT64, 0);
    ck_assert_int_eq(ct_scope_guard(NULL), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "scope_guard: the tensor is NULL");
    ck_assert_int_eq(ct_scope_guard(ct_square(leaf)), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "scope_guard: the result of 'square' is recorded");
    ck_assert_int_eq(ct_scope_guard(ct_expand(ct_ones(CT_FLOAT64, CT_SHAPE(1)), CT_SHAPE(3))), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "scope_guard: several elements of [3] with strides [0] lie in one place");
    int n = 0;
    for (ct_status status = CT_ERROR_MEMORY; status != CT_OK;) { /* the guard, and the tensors that it keeps */
        ct__fail_allocation(++n, true);
        status = ct_scope_guard(t);
        ct__fail_allocation(0, false);
        if (status != CT_OK)
            expect_error(NULL, CT_ERROR_MEMORY, "scope_guard: no memory");
    }
    ck_assert_int_gt(n, 3);
}
END_TEST

/* Two batch norms in a row, and a step that fails behind both. */
typedef struct two_norms {
    ct_tensor *x, *w, *mean[2], *var[2];
} two_norms;

static ct_tensor *through(const two_norms *n)
{
    ct_tensor *y = n->x;
    for (int i = 0; i < 2; i++)
        y = ct_batch_norm(ct_mul(y, n->w), NULL, NULL, .running_mean = n->mean[i], .running_var = n->var[i]);
    return y;
}

static ct_tensor *wrong_shape(const two_norms *n)
{
    return ct_add(through(n), ct_ones(CT_FLOAT64, CT_SHAPE(7)));
}

static ct_tensor *hook_that_fails(ct_tensor *grad, void *user)
{
    (void)grad, (void)user;
    ct_error_set(CT_ERROR_STATE, "the hook fails");
    return NULL;
}

static ct_tensor *failing_backward(const two_norms *n)
{
    ct_tensor *loss = ct_sum(ct_square(through(n)));
    ct_add_hook(loss, hook_that_fails, NULL);
    ct_backward(loss);
    return loss;
}

static ct_tensor *step_of(const two_norms *n)
{
    ct_tensor *loss = ct_sum(ct_square(through(n)));
    ct_backward(loss);
    return loss;
}

static void is_as_made(const two_norms *n, bool same)
{
    for (int i = 0; i < 2; i++) {
        bool zeros = ct_item(ct_amax(ct_abs(n->mean[i]))) == 0, ones = ct_item(ct_amin(n->var[i])) == 1;
        ck_assert_msg((zeros && ones) == same, "statistics %d: mean 0: %d, variance 1: %d", i, zeros, ones);
    }
}

START_TEST(a_failed_step_keeps_the_statistics_of_all_layers)
{
    static ct_tensor *(*const failing[])(const two_norms *) = {wrong_shape, failing_backward};
    two_norms n = {.x = ct_add_scalar(numbers(CT_FLOAT64, CT_SHAPE(5, 3), 1), 3),
                   .w = ct_set_requires_grad(ct_full(CT_FLOAT64, 2, CT_SHAPE(3)), true)};
    for (int i = 0; i < 2; i++) {
        n.mean[i] = ct_zeros(CT_FLOAT64, CT_SHAPE(3));
        n.var[i] = ct_ones(CT_FLOAT64, CT_SHAPE(3));
    }
    for (int i = 0; i < 2; i++) {
        ct_scope_open();
        failing[i](&n);
        ck_assert_int_ne(ct_error_code(), CT_OK);
        ct_scope_close();
        ct_error_clear();
        is_as_made(&n, true);
    }
    ct_scope_open();
    step_of(&n);
    ct_scope_close();
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert_double_ne(ct_item(ct_select(n.mean[0], 0, 0)), 0);
    ck_assert_double_ne(ct_item(ct_select(n.var[1], 0, 0)), 1);
}
END_TEST

Suite *ct_suite_guard(void)
{
    Suite *suite = suite_create("guard");
    TCase *tests = tcase_create("guard");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, a_failed_scope_puts_back);
    tcase_add_test(tests, putting_back_is_a_change);
    tcase_add_test(tests, each_scope_answers_for_itself);
    tcase_add_test(tests, guards_are_handed_outwards);
    tcase_add_test(tests, the_outermost_scope_keeps_its_guards);
    tcase_add_test(tests, an_old_error_is_not_the_steps);
    tcase_add_test(tests, guards_refuse);
    tcase_add_test(tests, a_failed_step_keeps_the_statistics_of_all_layers);
    suite_add_tcase(suite, tests);
    return suite;
}
