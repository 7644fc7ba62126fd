/* Very deep graphs: every walk of the graph is a loop, so a thread with a small stack can build, differentiate and free a
 * chain of a million operations. */
#include "quick.h"
#include "suites.h"
#include <cotan/cotan.h>
#include <pthread.h>
#include <stdlib.h>

enum { STACK_BYTES = 1 << 20 }; /* a recursion a million deep needs a hundred times that */

static int64_t chain_length(void)
{
    return is_quick() ? 10000 : 1000000;
}

/* x c c ... c, n times. */
static ct_tensor *chain(ct_tensor *x, ct_tensor *c, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x = ct_mul(x, c);
    return x;
}

/* What a chain's thread works on; failure stays NULL if all is well. */
typedef struct chain_run {
    void (*body)(struct chain_run *run);
    int64_t n;
    ct_tensor *x, *c;
    const char *failure;
} chain_run;

static void expect(chain_run *run, bool holds, const char *what)
{
    if (!holds && run->failure == NULL)
        run->failure = what;
}

static void *chain_thread(void *argument)
{
    chain_run *run = argument;
    run->x = ct_parameter(ct_scalar(CT_FLOAT64, 3));
    run->c = ct_parameter(ct_scalar(CT_FLOAT64, 1));
    ct_memory before = ct_memory_stats();
    ct_scope_open();
    run->body(run);
    ct_zero_grad(run->x);
    ct_zero_grad(run->c);
    ct_scope_close();
    ct_memory after = ct_memory_stats();
    expect(run, after.live_bytes == before.live_bytes, "bytes left over");
    expect(run, after.live_tensors == before.live_tensors, "tensors left over");
    expect(run, ct_error_code() == CT_OK, "an error is pending");
    ct_release(run->x);
    ct_release(run->c);
    ct_memory_trim();
    return NULL;
}

/* Runs body on a thread with a small stack. */
static void run_chain(void (*body)(chain_run *run), int64_t n)
{
    chain_run run = {.body = body, .n = n};
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, chain_thread, &run), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    ck_assert_msg(run.failure == NULL, "%s", run.failure);
}

static void forward_and_backward(chain_run *run)
{
    ct_tensor *y = chain(run->x, run->c, run->n);
    expect(run, ct_item(y) == 3, "value");
    expect(run, ct_graph_nodes(y, NULL, 0) == run->n, "number of nodes");
    expect(run, ct_backward(y) == CT_OK, "backward failed");
    expect(run, ct_item(ct_grad_of(run->x)) == 1, "gradient of x");
    expect(run, ct_item(ct_grad_of(run->c)) == 3.0 * (double)run->n, "gradient of c");
}

static void freed_unused(chain_run *run)
{
    ct_tensor *y = chain(run->x, run->c, run->n);
    expect(run, y != NULL, "no result");
}

/* Only the last result holds the graph: letting it go frees the chain from one end to the other. */
static void freed_from_its_end(chain_run *run)
{
    ct_tensor *y = run->x;
    for (int64_t i = 0; i < run->n; i++) {
        ct_tensor *next = ct_mul(y, run->c);
        if (i > 0)
            ct_release(y);
        y = next;
    }
    expect(run, y != NULL, "no result");
    ct_release(y);
}

static void second_order(chain_run *run)
{
    ct_tensor *y = chain(run->x, run->c, run->n), *slope, *curvature;
    expect(run, ct_grad(&y, 1, &run->c, 1, &slope, .create_graph = true) == CT_OK, "first order failed");
    expect(run, ct_grad(&slope, 1, &run->c, 1, &curvature) == CT_OK, "second order failed");
    expect(run, ct_item(curvature) == 3.0 * (double)run->n * (double)(run->n - 1), "d2y/dc2");
}

START_TEST(a_million_forward_and_backward)
{
    run_chain(forward_and_backward, chain_length());
}
END_TEST

START_TEST(a_million_freed_unused)
{
    run_chain(freed_unused, chain_length());
}
END_TEST

START_TEST(a_million_freed_from_the_end)
{
    run_chain(freed_from_its_end, chain_length());
}
END_TEST

START_TEST(deep_second_order)
{
    run_chain(second_order, chain_length() / 100);
}
END_TEST

Suite *ct_suite_graph_depth(void)
{
    Suite *suite = suite_create("graph depth");
    TCase *tests = tcase_create("graph depth");
    tcase_add_test(tests, a_million_forward_and_backward);
    tcase_add_test(tests, a_million_freed_unused);
    tcase_add_test(tests, a_million_freed_from_the_end);
    tcase_add_test(tests, deep_second_order);
    suite_add_tcase(suite, tests);
    return suite;
}
