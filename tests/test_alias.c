/* Whose elements a tensor has: of all the tensors that a user can get hold of, a change to one is seen in no other, but for the
 * views that the documentation names. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <stdlib.h>
#include <string.h>

/* ---- every pair of the tensors given, by writing ---- */

enum { MOST = 40, ELEMENTS = 64 };

typedef struct collection {
    int n;
    ct_tensor *tensors[MOST];
    const char *names[MOST];
} collection;

static void add(collection *all, const char *name, ct_tensor *t)
{
    ck_assert_msg(t != NULL, "there is no %s: %s", name, ct_error_message());
    ck_assert_int_lt(all->n, MOST);
    ck_assert_int_le(ct_numel(t), ELEMENTS);
    all->names[all->n] = name;
    all->tensors[all->n++] = t;
}

/* Writes into each in turn and looks at the others. A tensor may be in the list once. */
static void expect_apart(const collection *all, const char *what)
{
    for (int i = 0; i < all->n; i++) {
        double before[MOST][ELEMENTS], after[ELEMENTS];
        for (int k = 0; k < all->n; k++)
            ck_assert_int_eq(ct_to_values(all->tensors[k], before[k], ct_numel(all->tensors[k])), CT_OK);
        ck_assert_int_eq(ct_fill_(ct_detach(all->tensors[i]), 1000 + i), CT_OK);
        for (int k = 0; k < all->n; k++) {
            size_t bytes = sizeof *after * (size_t)ct_numel(all->tensors[k]);
            ck_assert_int_eq(ct_to_values(all->tensors[k], after, ct_numel(all->tensors[k])), CT_OK);
            ck_assert_msg(k == i || memcmp(before[k], after, bytes) == 0, "%s: writing to %s changes %s", what,
                          all->names[i], all->names[k]);
        }
    }
}

/* ---- gradients ---- */

/* Functions of two matrices [3,3] whose backward hands on what it gets, or views of it. */
static ct_tensor *sum_of_both(ct_tensor *a, ct_tensor *b)
{
    return ct_add(a, b);
}

static ct_tensor *sum_with_transposed(ct_tensor *a, ct_tensor *b)
{
    return ct_add(a, ct_transpose(b, 0, 1));
}

static ct_tensor *through_views(ct_tensor *a, ct_tensor *b)
{
    return ct_reshape(ct_add(ct_flatten(a, 0, -1), ct_reshape(ct_squeeze(ct_unsqueeze(b, 0), 0), CT_SHAPE(9))),
                      CT_SHAPE(3, 3));
}

static ct_tensor *joined(ct_tensor *a, ct_tensor *b)
{
    return ct_concat(CT_TENSORS(a, b, a), 0);
}

static ct_tensor *expanded(ct_tensor *a, ct_tensor *b)
{
    return ct_add(ct_sum(a, CT_AXES(0)), ct_sum(b, CT_AXES(1)));
}

static ct_tensor *one_only(ct_tensor *a, ct_tensor *b)
{
    (void)b;
    return ct_add(a, a);
}

static ct_tensor *product(ct_tensor *a, ct_tensor *b)
{
    return ct_mul(a, b);
}

static ct_tensor *root_itself(ct_tensor *a, ct_tensor *b)
{
    (void)b;
    return a;
}

static const struct {
    const char *name;
    ct_tensor *(*f)(ct_tensor *a, ct_tensor *b);
} functions[] = {
    {"a + b", sum_of_both},   {"a + b^T", sum_with_transposed},
    {"views", through_views}, {"concat", joined},
    {"expand", expanded},     {"a + a", one_only},
    {"a * b", product},       {"a", root_itself},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static ct_tensor *matrix(uint64_t seed)
{
    return ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(3, 3), seed), true);
}

static ct_tensor *kept[8];
static int n_kept;

static ct_tensor *keep_it(ct_tensor *grad, void *user)
{
    (void)user;
    kept[n_kept++] = ct_keep(grad);
    return NULL;
}

static ct_tensor *give_own(ct_tensor *grad, void *user)
{
    (void)grad;
    return user;
}

static void release_kept(void)
{
    while (n_kept > 0)
        ct_release(kept[--n_kept]);
}

/* Leaves, cotangent, accumulated and retained gradients, and what hooks kept and gave: alternatives by the bits of way. */
enum { CREATE = 1, TWICE = 2, HOOKS = 4, SET = 8, OWN = 16, WAYS = 32 };

static void try_backward(int function, int way)
{
    ct_tensor *a = matrix(1), *b = matrix(2), *y = functions[function].f(a, b);
    ct_tensor *g = ct_zeros_like(y), *given = numbers(CT_FLOAT64, CT_SHAPE(3, 3), 5), *set = ct_ones_like(a);
    collection all = {0};
    ct_retain_grad(y);
    if (way & HOOKS) {
        ck_assert(ct_add_hook(y, keep_it, NULL) && ct_add_hook(a, keep_it, NULL) && ct_add_hook(b, keep_it, NULL));
    }
    if (way & OWN)
        ck_assert(ct_add_hook(a, give_own, given) && ct_add_hook(b, give_own, given));
    if (way & SET)
        ck_assert(ct_set_grad(a, set) == CT_OK && ct_set_grad(b, set) == CT_OK);
    for (int i = 0; i < (way & TWICE ? 2 : 1); i++)
        ck_assert_msg(ct_backward(y, .gradient = g, .retain_graph = true, .create_graph = way & CREATE) == CT_OK, "%s",
                      ct_error_message());
    add(&all, "a", a), add(&all, "b", b), add(&all, "the cotangent", g);
    add(&all, "what the hook gave", given), add(&all, "what was set", set);
    if (y != a)
        add(&all, "the gradient of y", ct_grad_of(y));
    if (ct_grad_of(a))
        add(&all, "the gradient of a", ct_grad_of(a));
    if (ct_grad_of(b))
        add(&all, "the gradient of b", ct_grad_of(b));
    for (int i = 0; i < n_kept; i++)
        add(&all, "what a hook kept", kept[i]);
    expect_apart(&all, functions[function].name);
    release_kept();
}

START_TEST(gradients_are_apart)
{
    for (int way = 0; way < WAYS; way++) {
        ct_scope_open();
        try_backward(_i, way);
        ct_scope_close();
    }
}
END_TEST

START_TEST(results_of_grad_are_apart)
{
    for (int create = 0; create < 2; create++) {
        ct_scope_open();
        ct_tensor *a = matrix(1), *b = matrix(2), *y = functions[_i].f(a, b), *z = ct_mul_scalar(y, 1);
        ct_tensor *g = numbers(CT_FLOAT64, ct_shape(z), ct_rank(z), 3), *results[6];
        ct_add_hook(y, keep_it, NULL);
        ck_assert_int_eq(ct_grad(&z, 1, CT_TENSORS(a, b, y, z, y, a), results, .gradients = &g, .allow_unused = true,
                                 .create_graph = create),
                         CT_OK);
        collection all = {0};
        add(&all, "a", a), add(&all, "b", b), add(&all, "the cotangent", g);
        for (int i = 0; i < 6; i++)
            if (results[i])
                add(&all, (const char *[]){"of a", "of b", "of y", "of z", "of y again", "of a again"}[i], results[i]);
        for (int i = 0; i < n_kept; i++)
            add(&all, "what the hook kept", kept[i]);
        expect_apart(&all, functions[_i].name);
        release_kept();
        ct_scope_close();
    }
}
END_TEST

static ct_tensor *scale_in_place(ct_tensor *grad, void *user)
{
    ct_mul_scalar_(user ? ct_transpose(ct_detach(grad), 0, 1) : grad, 10);
    return NULL;
}

static ct_tensor *write_raw(ct_tensor *grad, void *user)
{
    (void)user;
    ct_data_mut(grad);
    return NULL;
}

/* ct_mul_scalar_(g, 10) in a hook changed the caller's cotangent and the other leaf's gradient. */
START_TEST(a_hook_may_not_change_its_gradient)
{
    const struct {
        ct_hook hook;
        void *user;
        const char *message;
    } cases[] = {{scale_in_place, NULL, "mul_scalar_: 'a hook' may not change an input"},
                 {scale_in_place, &n_kept, "mul_scalar_: 'a hook' may not change an input"},
                 {write_raw, NULL, "data_mut: 'a hook' may not change an input"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int of_leaf = 0; of_leaf < 2; of_leaf++) {
            ct_tensor *a = matrix(1), *b = matrix(2), *y = ct_add(a, b), *g = ct_ones_like(y);
            ct_add_hook(of_leaf ? a : y, cases[i].hook, cases[i].user);
            ck_assert_int_eq(ct_backward(y, .gradient = g), CT_ERROR_STATE);
            expect_error(NULL, CT_ERROR_STATE, cases[i].message);
            ck_assert_ptr_null(ct_grad_of(b));
            ck_assert_double_eq(ct_get(g, CT_SHAPE(0, 0)), 1);
        }
    }
}
END_TEST

/* A loop that holds on to a gradient and sets it again adds into its own copy, not into what was set. */
START_TEST(a_gradient_set_is_not_added_into)
{
    ct_tensor *a = matrix(1), *set = ct_ones_like(a);
    ck_assert_int_eq(ct_set_grad(a, set), CT_OK);
    ck_assert_int_eq(ct_backward(ct_sum(a)), CT_OK);
    ck_assert_double_eq(ct_get(ct_grad_of(a), CT_SHAPE(1, 1)), 2);
    ck_assert_double_eq(ct_get(set, CT_SHAPE(1, 1)), 1);
}
END_TEST

/* ---- results of operations ---- */

/* The operations whose results are views of their input; the documentation of each says so. */
static bool is_view(const ct_op *op)
{
    static const char *const views[] = {"reshape", "flatten", "unsqueeze", "squeeze", "transpose", "permute", "expand",
                                        "slice",   "select",  "diagonal",  "dropout", "flip",      "einsum"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(op->name, views[i]) == 0)
            return true;
    return false;
}

START_TEST(results_are_apart_from_inputs)
{
    int count, n;
    const ct_op *op = ct_ops(&count)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs; sample++) {
        ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
        int n_outputs = op->outputs ? op->outputs : 1;
        ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT64, inputs, &n), CT_OK);
        ck_assert_int_eq(ct_apply_multi(op, inputs, n, sample->attributes, outputs), CT_OK);
        for (int i = 0; i < n_outputs; i++) {
            for (int k = 0; k < n; k++)
                ck_assert_msg(is_view(op) || !ct_shares_storage(outputs[i], inputs[k]), "%s %s: output %d is input %d",
                              op->name, sample->inputs, i, k);
            for (int k = 0; k < i; k++)
                ck_assert_msg(!ct_shares_storage(outputs[i], outputs[k]), "%s: outputs %d and %d", op->name, k, i);
        }
    }
}
END_TEST

Suite *ct_suite_alias(void)
{
    int n;
    ct_ops(&n);
    Suite *suite = suite_create("alias");
    TCase *tcase = tcase_create("alias");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, gradients_are_apart, 0, FUNCTIONS);
    tcase_add_loop_test(tcase, results_of_grad_are_apart, 0, FUNCTIONS);
    tcase_add_test(tcase, a_hook_may_not_change_its_gradient);
    tcase_add_test(tcase, a_gradient_set_is_not_added_into);
    tcase_add_loop_test(tcase, results_are_apart_from_inputs, 0, n);
    suite_add_tcase(suite, tcase);
    return suite;
}
