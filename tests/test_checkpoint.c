/* ct_checkpoint() against the same function called as it is: bits, memory, orders, hooks, errors. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/functional.h>
#include <cotan/gradcheck.h>
#include <cotan/random.h>
#include <cotan/recurrent.h>
#include <string.h>

/* ---- a transformer of blocks with dropout ---- */

enum { BLOCKS = 4, BATCH = 2, TOKENS = 16, WIDTH = 32, HEADS = 4, PARAMETERS = 12 };

typedef struct block {
    ct_tensor *p[PARAMETERS];
} block;

static ct_tensor *weight(ct_dtype dtype, const int64_t *shape, int rank, uint64_t seed)
{
    return ct_set_requires_grad(ct_mul_scalar(numbers(dtype, shape, rank, seed), 0.2), true);
}

static block make_block(ct_dtype dtype, uint64_t seed)
{
    return (block){{weight(dtype, CT_SHAPE(WIDTH), seed), weight(dtype, CT_SHAPE(WIDTH), seed + 1),
                    weight(dtype, CT_SHAPE(3 * WIDTH, WIDTH), seed + 2), weight(dtype, CT_SHAPE(3 * WIDTH), seed + 3),
                    weight(dtype, CT_SHAPE(WIDTH, WIDTH), seed + 4), weight(dtype, CT_SHAPE(WIDTH), seed + 5),
                    weight(dtype, CT_SHAPE(WIDTH), seed + 6), weight(dtype, CT_SHAPE(WIDTH), seed + 7),
                    weight(dtype, CT_SHAPE(4 * WIDTH, WIDTH), seed + 8), weight(dtype, CT_SHAPE(4 * WIDTH), seed + 9),
                    weight(dtype, CT_SHAPE(WIDTH, 4 * WIDTH), seed + 10), weight(dtype, CT_SHAPE(WIDTH), seed + 11)}};
}

static ct_tensor *attention(ct_tensor *h, ct_tensor *const *p)
{
    ct_tensor *qkv = ct_reshape(ct_linear(h, p[0], p[1]), CT_SHAPE(BATCH, TOKENS, 3, HEADS, WIDTH / HEADS));
    qkv = ct_permute(qkv, CT_SHAPE(2, 0, 3, 1, 4));
    ct_tensor *a = ct_scaled_dot_product_attention(ct_select(qkv, 0, 0), ct_select(qkv, 0, 1), ct_select(qkv, 0, 2),
                                                   .is_causal = true);
    return ct_linear(ct_reshape(ct_transpose(a, 1, 2), CT_SHAPE(BATCH, TOKENS, WIDTH)), p[2], p[3]);
}

static ct_tensor *run_block(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    ct_tensor *const *p = ((block *)user)->p, *h = in[0];
    h = ct_add(h, ct_dropout(attention(ct_layer_norm(h, p[0], p[1]), p + 2), 0.1, true));
    ct_tensor *up = ct_gelu(ct_linear(ct_layer_norm(h, p[6], p[7]), p[8], p[9]));
    return ct_add(h, ct_dropout(ct_linear(up, p[10], p[11]), 0.1, true));
}

typedef struct pass {
    int64_t saved; /* bytes between forward and backward */
    double loss;
    uint64_t next; /* of the generator, behind it all */
    ct_tensor *gradients[1 + BLOCKS * PARAMETERS];
} pass;

/* A step. What forward has made and nothing needs any more goes with the inner scope. */
static pass go(block *blocks, ct_tensor *x, bool checkpoints)
{
    pass result = {.saved = ct_memory_stats().live_bytes};
    ct_seed(7);
    ct_scope_open();
    ct_tensor *h = x, *leaves[1 + BLOCKS * PARAMETERS] = {x};
    for (int k = 0; k < BLOCKS; k++) {
        memcpy(leaves + 1 + k * PARAMETERS, blocks[k].p, sizeof blocks[k].p);
        h = checkpoints ? ct_checkpoint(run_block, &blocks[k], &h, 1) : run_block(&h, 1, &blocks[k]);
    }
    ct_tensor *loss = ct_scope_return(ct_mean(ct_square(h)));
    ct_scope_close();
    result.saved = ct_memory_stats().live_bytes - result.saved;
    result.loss = ct_item(loss);
    ct_status status = ct_grad(&loss, 1, leaves, 1 + BLOCKS * PARAMETERS, result.gradients);
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
    result.next = ct_random_u64();
    return result;
}

START_TEST(a_transformer_with_dropout)
{
    ct_dtype dtype = _i ? CT_FLOAT64 : CT_FLOAT32;
    block blocks[BLOCKS];
    for (int k = 0; k < BLOCKS; k++)
        blocks[k] = make_block(dtype, (uint64_t)(100 * k));
    ct_tensor *x = weight(dtype, CT_SHAPE(BATCH, TOKENS, WIDTH), 99);
    pass plain = go(blocks, x, false), spared = go(blocks, x, true);
    ck_assert(plain.loss == spared.loss && plain.next == spared.next);
    for (int i = 0; i < 1 + BLOCKS * PARAMETERS; i++)
        expect_close(spared.gradients[i], plain.gradients[i], 0);
    ck_assert_msg(2 * spared.saved < plain.saved, "%lld bytes saved, without checkpoints %lld", (long long)spared.saved,
                  (long long)plain.saved);
}
END_TEST

/* ---- small functions ---- */

/* tanh(x w) + x, w being user */
static ct_tensor *layer(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_add(ct_tanh(ct_matmul(in[0], user)), in[0]);
}

static ct_tensor *both_given(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    return layer(in, n, in[1]);
}

static ct_tensor *inside(ct_tensor *const *in, int n, void *user)
{
    return ct_square(ct_checkpoint(both_given, user, in, n));
}

static ct_tensor *inside_captured(ct_tensor *const *in, int n, void *user)
{
    return ct_square(ct_checkpoint(layer, user, in, n));
}

static ct_tensor *pick(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return user ? user : in[0];
}

static ct_tensor *captured(ct_tensor *const *in)
{
    return ct_checkpoint(layer, in[1], in, 1);
}

static ct_tensor *given(ct_tensor *const *in)
{
    return ct_checkpoint(both_given, NULL, in, 2);
}

static ct_tensor *nested(ct_tensor *const *in)
{
    return ct_checkpoint(inside, NULL, in, 2);
}

/* Between other operations, and what goes in is used beside it. */
static ct_tensor *between(ct_tensor *const *in)
{
    ct_tensor *x = ct_sin(in[0]), *y = ct_checkpoint(both_given, NULL, (ct_tensor *[]){x, in[1]}, 2);
    return ct_mul(ct_exp(y), x);
}

/* user is another operation's result: used in two checkpoints, inside one of them in another, and by itself. */
static ct_tensor *shared(ct_tensor *const *in)
{
    ct_tensor *w = ct_sin(in[1]), *once = ct_checkpoint(layer, w, in, 1), *twice = ct_checkpoint(layer, w, &once, 1);
    return ct_add(ct_checkpoint(inside_captured, w, &twice, 1), ct_sum(w));
}

/* The function gives what it was not given, as it is. */
static ct_tensor *passed_on(ct_tensor *const *in)
{
    ct_tensor *x = ct_exp(in[0]);
    return ct_mul(ct_matmul(ct_checkpoint(pick, x, NULL, 0), in[1]), ct_checkpoint(pick, x, NULL, 0));
}

static const test_expression expressions[] = {captured, given, nested, between, shared, passed_on};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

static ct_tensor *small(const int64_t *shape, int rank, uint64_t seed)
{
    return ct_mul_scalar(numbers(CT_FLOAT64, shape, rank, seed), 0.25);
}

START_TEST(first_and_second_order)
{
    ct_tensor *in[] = {small(CT_SHAPE(2, 3), 1), small(CT_SHAPE(3, 3), 2)};
    expect_gradients(expressions[_i], in, 2);
}
END_TEST

START_TEST(failing_memory)
{
    ct_tensor *in[] = {small(CT_SHAPE(1, 2), 1), small(CT_SHAPE(2, 2), 2)};
    expect_memory_errors(expressions[_i], in, 2);
}
END_TEST

static ct_tensor *add_one(ct_tensor *grad, void *user)
{
    ++*(int *)user;
    return ct_add_scalar(grad, 1);
}

/* A leaf that two checkpoints use: its hook sees the sum, once. */
START_TEST(hooks_see_whole_gradients)
{
    ct_tensor *x = ct_set_requires_grad(small(CT_SHAPE(3, 3), 1), true),
              *w = ct_set_requires_grad(small(CT_SHAPE(3, 3), 2), true);
    int calls = 0;
    ct_tensor *plain = ct_sum(layer(&(ct_tensor *){layer(&x, 1, w)}, 1, w)), *expected;
    ck_assert_int_eq(ct_grad(&plain, 1, &w, 1, &expected), CT_OK);
    ct_add_hook(w, add_one, &calls);
    ct_tensor *once = ct_checkpoint(layer, w, &x, 1);
    ck_assert_int_eq(ct_backward(ct_sum(ct_checkpoint(layer, w, &once, 1))), CT_OK);
    ck_assert_int_eq(calls, 1);
    expect_close(ct_grad_of(w), ct_add_scalar(expected, 1), 1e-15);
    ck_assert_ptr_nonnull(ct_grad_of(x));
}
END_TEST

static ct_tensor *added(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_exp(ct_add(in[0], user));
}

/* The first time x, then y. */
static ct_tensor *one_of_two(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_mul(in[0], (*(ct_tensor ***)user)++[0]);
}

/* What a function has from outside is noted as it was, and cannot be another one the next time. */
START_TEST(results_from_outside)
{
    ct_tensor *x = ct_set_requires_grad(small(CT_SHAPE(3, 3), 1), true), *h = ct_sin(x), *two[] = {h, ct_cos(x)},
              **next = two;
    ct_tensor *y = ct_sum(ct_checkpoint(one_of_two, &next, &x, 1));
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "checkpoint: run again, the function has used a result of 'cos'");
    y = ct_sum(ct_checkpoint(added, h, &x, 1));
    ck_assert_int_eq(ct_fill_(ct_detach(h), 1), CT_OK);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "backward of 'checkpoint'");
    ck_assert_ptr_null(ct_grad_of(x));
}
END_TEST

static ct_tensor *rows(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_embedding(in[1], in[0]);
    ct_scope_open(); /* left open, and its input given up */
    y = ct_square(y);
    ct_release(in[1]);
    return y;
}

START_TEST(whatever_goes_in_and_comes_out)
{
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT32, 3), true),
              *w = ct_set_requires_grad(ct_scalar(CT_FLOAT32, 2), true);
    ck_assert_int_eq(ct_backward(ct_mul(ct_checkpoint(pick, NULL, &x, 1), ct_checkpoint(pick, w, NULL, 0))), CT_OK);
    ck_assert(ct_item(ct_grad_of(x)) == 2 && ct_item(ct_grad_of(w)) == 3);
    ct_tensor *in[] = {ct_from_values(CT_INT64, CT_VALUES(1, 1), CT_SHAPE(2)),
                       ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(4, 5), CT_SHAPE(2, 1)), true)};
    ct_tensor *y = ct_checkpoint(rows, NULL, in, 2);
    ct_status status = ct_backward(ct_sum(y), .retain_graph = true);
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
    expect_tensor(ct_grad_of(in[1]), CT_FLOAT64, CT_SHAPE(2, 1), CT_VALUES(0, 20));
    ct_no_grad_begin();
    ck_assert(!ct_requires_grad(ct_checkpoint(rows, NULL, in, 2)));
    ct_no_grad_end();
    ct_tensor *empty = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), true);
    ck_assert_int_eq(ct_backward(ct_sum(ct_checkpoint(layer, ct_eye(CT_FLOAT64, 3), &empty, 1))), CT_OK);
    expect_tensor(ct_grad_of(empty), CT_FLOAT64, CT_SHAPE(0, 3), NULL, 0);
}
END_TEST

static ct_tensor *wide(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_exp(ct_matmul(in[0], ct_ones(CT_FLOAT64, CT_SHAPE(1, 1000))));
}

/* The inputs stay, the result does not. */
START_TEST(what_stays)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1)), true);
    int64_t before = ct_memory_stats().live_bytes;
    ct_scope_open();
    ct_tensor *sum = ct_scope_return(ct_sum(ct_checkpoint(wide, NULL, &x, 1)));
    ct_scope_close();
    ck_assert_int_lt(ct_memory_stats().live_bytes - before, 1000);
    ck_assert_int_eq(ct_backward(sum), CT_OK);
    expect_close(ct_grad_of(x), ct_reshape(ct_detach(sum), CT_SHAPE(1, 1)), 1e-14);
}
END_TEST

/* ---- errors ---- */

static ct_tensor *nothing(ct_tensor *const *in, int n, void *user)
{
    (void)in, (void)n, (void)user;
    return NULL;
}

/* Another shape each time. */
static ct_tensor *fickle(ct_tensor *const *in, int n, void *user)
{
    (void)n;
    return ct_slice(in[0], 0, 0, 1 + ++*(int *)user % 2, 1);
}

static ct_tensor *many(ct_tensor *const *in, int n, void *user)
{
    (void)user;
    ct_tensor *sum = in[0];
    for (int i = 0; i < 50; i++)
        sum = ct_add(sum, ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SCALAR), n > 0));
    return sum;
}

START_TEST(errors)
{
    ct_tensor *x = ct_set_requires_grad(small(CT_SHAPE(3, 3), 1), true),
              *w = ct_set_requires_grad(small(CT_SHAPE(3, 3), 2), true);
    int count = 0;
    expect_error(ct_checkpoint(NULL, NULL, &x, 1), CT_ERROR_NULL, "checkpoint: fn is NULL");
    expect_error(ct_checkpoint(layer, w, NULL, 1), CT_ERROR_NULL, "checkpoint: inputs is NULL");
    expect_error(ct_checkpoint(layer, w, &x, -1), CT_ERROR_ARGUMENT, "checkpoint: -1 inputs, takes 0 to 47");
    expect_error(ct_checkpoint(nothing, w, &x, 1), CT_ERROR_NULL,
                 "checkpoint: the function has returned NULL, and no error");
    expect_error(ct_checkpoint(layer, ct_ones(CT_FLOAT64, CT_SHAPE(9, 9)), &x, 1), CT_ERROR_SHAPE, "matmul: ");
    expect_error(ct_checkpoint(many, NULL, &x, 1), CT_ERROR_ARGUMENT,
                 "checkpoint: the function uses more than 47 inputs, leaves and results; cut it into several");
    ct_tensor *y = ct_sum(ct_checkpoint(fickle, &count, &x, 1));
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE,
                 "checkpoint: run again, the function has given float64 [1,3], where it gave float64 [2,3] before");
    y = ct_sum(ct_checkpoint(layer, w, &x, 1));
    ct_fill_(w, 1);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "needs its input 2 as it was"));
    ct_error_clear();
    ck_assert(!ct_grad_of(x) && !ct_grad_of(w));
}
END_TEST

static ct_tensor *first_of(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return in[0];
}

static ct_tensor *checkpointed_layer(ct_tensor *const *in, int n, void *w)
{
    return ct_sum(ct_checkpoint(first_of, NULL, (ct_tensor *[]){ct_checkpoint(layer, w, in, n)}, 1));
}

/* The checker of a graph replays what the function is made of, and not the one node that stands for it. */
START_TEST(a_graph_is_checked)
{
    ct_tensor *x = ct_set_requires_grad(small(CT_SHAPE(3, 3), 1), true),
              *w = ct_set_requires_grad(small(CT_SHAPE(3, 3), 2), true);
    ct_gradcheck_report report = {0};
    ct_verdict verdict = ct_gradcheck_graph(checkpointed_layer, w, &x, 1, &report);
    ck_assert_msg(verdict == CT_PASS && report.nodes > 2, "%s: %s, %lld nodes, %s", ct_verdict_name(verdict), report.op,
                  (long long)report.nodes, report.cause);
    ct_gradcheck_report_free(&report);
}
END_TEST

Suite *ct_suite_checkpoint(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, a_transformer_with_dropout, 0, 2);
    tcase_add_loop_test(tcase, first_and_second_order, 0, EXPRESSIONS);
    tcase_add_loop_test(tcase, failing_memory, 0, EXPRESSIONS);
    tcase_add_test(tcase, hooks_see_whole_gradients);
    tcase_add_test(tcase, whatever_goes_in_and_comes_out);
    tcase_add_test(tcase, what_stays);
    tcase_add_test(tcase, results_from_outside);
    tcase_add_test(tcase, a_graph_is_checked);
    tcase_add_test(tcase, errors);
    suite_add_tcase(suite, tcase);
    return suite;
}
