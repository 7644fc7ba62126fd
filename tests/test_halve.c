/* ct_halve_saved() against the same function called as it is: values, memory, gradients, shared copies, errors. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/functional.h>
#include <cotan/random.h>

#include "autograd_internal.h"
#include <math.h>
#include <string.h>

enum { ROWS = 64, WIDTH = 32, LAYERS = 6 };

static ct_tensor *weight(ct_dtype dtype, const int64_t *shape, int rank, uint64_t seed)
{
    return ct_set_requires_grad(ct_mul_scalar(numbers(dtype, shape, rank, seed), 0.3), true);
}

/* A sequence of layers that save inputs, results, views and what is neither. */
static ct_tensor *layers(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *h = in[0], *w = in[1];
    for (int k = 0; k < LAYERS; k++) {
        ct_tensor *up = ct_gelu(ct_linear(ct_layer_norm(h, NULL, NULL), w, NULL));
        ct_tensor *gate = ct_softmax(ct_transpose(ct_sigmoid(up), 0, 1), 0);
        h = ct_add(h, ct_tanh(ct_matmul(ct_mul(up, ct_transpose(gate, 0, 1)), w)));
    }
    return h;
}

typedef struct pass {
    int64_t saved; /* bytes between forward and backward */
    double loss;
    ct_tensor *gradients[2];
} pass;

static pass go(ct_dtype dtype, bool halved)
{
    ct_tensor *in[] = {weight(dtype, CT_SHAPE(ROWS, WIDTH), 1), weight(dtype, CT_SHAPE(WIDTH, WIDTH), 2)};
    pass result = {.saved = ct_memory_stats().live_bytes};
    ct_scope_open();
    ct_tensor *y = halved ? ct_halve_saved(layers, NULL, in, 2) : layers(in, 2, NULL);
    ct_tensor *loss = ct_scope_return(ct_mean(ct_square(y)));
    ct_scope_close();
    result.saved = ct_memory_stats().live_bytes - result.saved;
    result.loss = ct_item(loss);
    ck_assert_msg(ct_grad(&loss, 1, in, 2, result.gradients) == CT_OK, "%s", ct_error_message());
    return result;
}

/* The values to the bit, half of the memory but for what stays, and gradients but for the digits that bfloat16 has not. */
START_TEST(half_of_the_memory)
{
    pass plain = go(CT_FLOAT32, false), spared = go(CT_FLOAT32, true);
    ck_assert(plain.loss == spared.loss);
    ck_assert_msg(spared.saved < 0.57 * (double)plain.saved, "%lld bytes saved, otherwise %lld",
                  (long long)spared.saved, (long long)plain.saved);
    for (int i = 0; i < 2; i++) {
        ct_tensor *apart = ct_sub(plain.gradients[i], spared.gradients[i]);
        double share = ct_item(ct_norm(apart, 2)) / ct_item(ct_norm(plain.gradients[i], 2));
        ck_assert_msg(share > 0 && share < 5e-3, "the gradient of input %d is off by %g", i, share);
    }
}
END_TEST

START_TEST(doubles_stay)
{
    pass plain = go(CT_FLOAT64, false), spared = go(CT_FLOAT64, true);
    ck_assert_int_eq(plain.saved, spared.saved);
    for (int i = 0; i < 2; i++)
        expect_close(spared.gradients[i], plain.gradients[i], 0);
}
END_TEST

/* exp saves its result, sin, cos and a product their input, a view of it too: one copy for all. */
static ct_tensor *shared(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_exp(in[0]);
    return ct_add(ct_add(ct_sin(y), ct_cos(y)), ct_square(ct_transpose(ct_transpose(y, 0, 1), 0, 1)));
}

START_TEST(one_copy_for_all)
{
    const int64_t n = 64 * 64;
    ct_tensor *x = ct_set_requires_grad(ct_rand(CT_FLOAT32, -1, 1, CT_SHAPE(64, 64)), true);
    int64_t before = ct_memory_stats().live_bytes;
    ct_tensor *y = ct_halve_saved(shared, NULL, &x, 1);
    int64_t kept = ct_memory_stats().live_bytes - before - 4 * n; /* less the result */
    ck_assert_msg(kept == 2 * n, "%lld bytes for %lld elements", (long long)kept, (long long)n);
    ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
}
END_TEST

/* Numbers that bfloat16 has: the gradients are those of float32, to the second order; and the leaf is not copied. */
static ct_tensor *cube(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_mul(in[0], in[0]);
    return ct_mul(ct_mul(y, y), ct_transpose(user, 0, 1));
}

START_TEST(exact_where_the_numbers_are)
{
    ct_tensor *x = ct_set_requires_grad(ct_from_values(CT_FLOAT32, CT_VALUES(1, 2, -0.5, 4), CT_SHAPE(2, 2)), true);
    ct_tensor *w = ct_set_requires_grad(ct_full(CT_FLOAT32, 1.0009765625, CT_SHAPE(2, 2)), true);
    ct_tensor *y = ct_halve_saved(cube, w, &x, 1), *z = cube(&x, 1, w), *g[2];
    ct_tensor *ones = ct_ones_like(y);
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &g[0], .gradients = &ones, .create_graph = true), CT_OK);
    ck_assert_int_eq(ct_grad(&z, 1, &x, 1, &g[1], .gradients = &ones, .create_graph = true), CT_OK);
    expect_close(g[0], g[1], 0);
    ct_tensor *in[] = {x, w}, *first[2], *second[2];
    ck_assert_int_eq(ct_grad(&g[0], 1, in, 2, first, .gradients = &ones), CT_OK);
    ck_assert_int_eq(ct_grad(&g[1], 1, in, 2, second, .gradients = &ones), CT_OK);
    for (int i = 0; i < 2; i++)
        expect_close(first[i], second[i], 0);
}
END_TEST

/* In a checkpoint, and with one inside, and in itself. */
static ct_tensor *halved_inside(ct_tensor *const *in, int n, void *user)
{
    return ct_square(ct_halve_saved(layers, user, in, n));
}

static ct_tensor *checkpoint_inside(ct_tensor *const *in, int n, void *user)
{
    return ct_square(ct_checkpoint(layers, user, in, n));
}

START_TEST(nested)
{
    ct_tensor *in[] = {weight(CT_FLOAT32, CT_SHAPE(ROWS, WIDTH), 1), weight(CT_FLOAT32, CT_SHAPE(WIDTH, WIDTH), 2)};
    ct_tensor *y[] = {ct_square(layers(in, 2, NULL)), ct_checkpoint(halved_inside, NULL, in, 2),
                      ct_halve_saved(checkpoint_inside, NULL, in, 2), ct_halve_saved(halved_inside, NULL, in, 2)};
    ct_tensor *expected[2];
    for (int k = 0; k < 4; k++) {
        ct_tensor *loss = ct_mean(y[k]), *got[2];
        ck_assert_int_eq(ct_grad(&loss, 1, in, 2, k == 0 ? expected : got), CT_OK);
        for (int i = 0; k > 0 && i < 2; i++)
            ck_assert_double_le(ct_item(ct_norm(ct_sub(got[i], expected[i]), 2)),
                                (k == 1 ? 1e-6 : 1e-2) * ct_item(ct_norm(expected[i], 2)));
    }
}
END_TEST

static ct_tensor *nothing(ct_tensor *const *in, int n, void *user)
{
    (void)in, (void)n, (void)user;
    return NULL;
}

static ct_tensor *itself(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return in[0];
}

START_TEST(what_a_function_may_give)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(3)), true),
              *integers = ct_ones(CT_INT64, CT_SHAPE(3));
    ck_assert_ptr_eq(ct_halve_saved(itself, NULL, &x, 1), x);
    ck_assert_ptr_eq(ct_halve_saved(itself, NULL, &integers, 1), integers);
    expect_error(ct_halve_saved(NULL, NULL, &x, 1), CT_ERROR_NULL, "halve_saved: fn is NULL");
    expect_error(ct_halve_saved(itself, NULL, NULL, 1), CT_ERROR_NULL, "halve_saved: inputs is NULL");
    expect_error(ct_halve_saved(nothing, NULL, &x, 1), CT_ERROR_NULL, "halve_saved: the function has returned NULL");
    ck_assert_ptr_null(ct_halve_saved(itself, NULL, (ct_tensor *[]){NULL}, 1));
    ct_error_clear();
}
END_TEST

static ct_tensor *exponential(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_exp(ct_sin(in[0]));
}

/* Of a tensor that it is not given. */
static ct_tensor *captured(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_add(in[0], ct_square(user));
}

static ct_tensor *added(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_add(in[0], in[0]);
}

static ct_tensor *scaled(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *x = ct_exp(in[0]);
    return ct_mul(x, ct_sum(x, CT_AXES(1), .keepdim = true));
}

static bool any_is_halved(const struct ct_node *node, int from, int to)
{
    for (int i = from; i < to; i++)
        if (node->saved[i].halved)
            return true;
    return false;
}

/* The result and what comes from outside, which their owners have anyway, and sums beside a result, of which there are few; and nothing
 * is saved that nobody needs. */
START_TEST(what_is_not_halved)
{
    ct_tensor *x = ct_tanh(weight(CT_FLOAT32, CT_SHAPE(ROWS, WIDTH), 1));
    const struct ct_node *node = ct_halve_saved(exponential, NULL, &x, 1)->node;
    ck_assert(!any_is_halved(node, 0, node->n_inputs + node->n_outputs));
    node = ct_halve_saved(captured, ct_tanh(x), &x, 1)->node->edges[1].node;
    ck_assert(node->saved[0].tensor && !node->saved[0].halved);
    ck_assert(ct_halve_saved(added, NULL, &x, 1)->node->saved[0].tensor == NULL);
    node = ct_halve_saved(scaled, NULL, &x, 1)->node;
    ck_assert(node->saved[0].halved && node->saved[1].tensor && !node->saved[1].halved);
}
END_TEST

static ct_tensor *spoiled(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_tanh(in[0]), *z = ct_square(y);
    ct_mul_scalar_(ct_detach(y), 2);
    return z;
}

START_TEST(a_change_in_place_is_still_noticed)
{
    ct_tensor *x = weight(CT_FLOAT32, CT_SHAPE(ROWS, WIDTH), 1);
    ct_tensor *z = ct_halve_saved(spoiled, NULL, &x, 1);
    ck_assert_ptr_nonnull(z);
    ck_assert_int_eq(ct_backward(ct_sum(z)), CT_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "has changed it in place since"));
    ct_error_clear();
}
END_TEST

Suite *ct_suite_halve(void)
{
    Suite *suite = suite_create("halve");
    TCase *tests = tcase_create("halve");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, half_of_the_memory);
    tcase_add_test(tests, doubles_stay);
    tcase_add_test(tests, one_copy_for_all);
    tcase_add_test(tests, exact_where_the_numbers_are);
    tcase_add_test(tests, nested);
    tcase_add_test(tests, what_is_not_halved);
    tcase_add_test(tests, a_change_in_place_is_still_noticed);
    tcase_add_test(tests, what_a_function_may_give);
    suite_add_tcase(suite, tests);
    return suite;
}
