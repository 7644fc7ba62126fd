/* Every allocation of building LeNet-5, of a training step and of a backward is made to fail in turn: each time there is a
 * clear error, nothing leaks, and no parameter and no gradient has changed. */
#include "bench/workloads.h"
#include "core_internal.h"
#include "quick.h"
#include "suites.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { BATCH = 2, FEWEST_ALLOCATIONS = 50 };

/* Copies of all parameters, or of all their gradients, one after the other. */
typedef struct snapshot {
    float *values;
    int64_t n;
} snapshot;

static snapshot take(const workload *w, bool gradients)
{
    snapshot s = {.n = 0};
    for (int i = 0; i < w->n; i++)
        s.n += ct_numel(w->p[i]);
    s.values = malloc((size_t)s.n * sizeof(float));
    ck_assert_ptr_nonnull(s.values);
    float *to = s.values;
    for (int i = 0; i < w->n; i++) {
        const ct_tensor *t = gradients ? ct_grad_of(w->p[i]) : w->p[i];
        ck_assert_int_eq(ct_to_array(t, to, ct_numel(w->p[i])), CT_OK);
        to += ct_numel(t);
    }
    return s;
}

/* Frees both. */
static bool same_bits(snapshot a, snapshot b)
{
    bool same = a.n == b.n && memcmp(a.values, b.values, (size_t)a.n * sizeof(float)) == 0;
    free(a.values);
    free(b.values);
    return same;
}

static void open_lenet5(workload *w)
{
    ck_assert_msg(workload_open(w, workload_find("lenet5"), CT_FLOAT32, BATCH) == CT_OK, "%s", ct_error_message());
}

static void clear_gradients(workload *w)
{
    for (int i = 0; i < w->n; i++)
        ct_zero_grad(w->p[i]);
}

/* The failed call left the error that it should, which is cleared. */
static void check_error(int64_t n)
{
    ck_assert_msg(ct_error_code() == CT_ERROR_MEMORY, "allocation %lld: %s", (long long)n, ct_error_message());
    ck_assert_msg(strstr(ct_error_message(), ": no memory") != NULL, "allocation %lld: \"%s\"", (long long)n,
                  ct_error_message());
    ct_error_clear();
}

static void check_memory(int64_t n, ct_memory before)
{
    ct_memory after = ct_memory_stats();
    ck_assert_msg(after.live_bytes == before.live_bytes, "allocation %lld: %lld bytes leaked", (long long)n,
                  (long long)(after.live_bytes - before.live_bytes));
    ck_assert_msg(after.live_tensors == before.live_tensors, "allocation %lld: %lld tensors leaked", (long long)n,
                  (long long)(after.live_tensors - before.live_tensors));
    ck_assert_int_eq(after.scope_depth, before.scope_depth);
}

/* _i: whether all allocations after the first failing one fail too. */
START_TEST(a_failed_step_changes_nothing)
{
    workload w;
    open_lenet5(&w);
    ct_memory before = ct_memory_stats();
    snapshot start = take(&w, false);
    ct_status status = CT_ERROR_MEMORY;
    int64_t n = 0;
    while (status != CT_OK) {
        n++;
        ct__fail_allocation(n, _i);
        status = workload_step(&w, NULL);
        ct__fail_allocation(0, false);
        if (status != CT_OK) {
            check_error(n);
            snapshot now = take(&w, false);
            ck_assert_msg(memcmp(now.values, start.values, (size_t)now.n * sizeof(float)) == 0,
                          "allocation %lld: a parameter changed", (long long)n);
            free(now.values);
        }
        clear_gradients(&w);
        check_memory(n, before);
    }
    ck_assert_int_gt(n, FEWEST_ALLOCATIONS);
    free(start.values);
    workload_close(&w);
}
END_TEST

/* Failures leave the optimiser's state alone too: the next step is what it would have been without them. */
START_TEST(a_step_after_failures_is_as_without_them)
{
    workload w, twin;
    open_lenet5(&w);
    open_lenet5(&twin);
    int64_t before = ct__allocations();
    ck_assert_int_eq(workload_step(&twin, NULL), CT_OK);
    int64_t in_step = ct__allocations() - before;
    for (int64_t n = 1; n <= in_step; n++) {
        ct__fail_allocation(n, false);
        ck_assert_int_ne(workload_step(&w, NULL), CT_OK);
        ct__fail_allocation(0, false);
        ct_error_clear();
    }
    ck_assert_int_eq(workload_step(&w, NULL), CT_OK);
    ck_assert(same_bits(take(&w, false), take(&twin, false)));
    workload_close(&twin);
    workload_close(&w);
}
END_TEST

/* One forward and backward on top of gradients that are already there. */
static ct_status accumulate(const workload *w)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_status status = ct_backward(w->spec->loss(w));
    ct_scope_close();
    return status;
}

START_TEST(a_failed_backward_changes_no_gradient)
{
    workload w;
    open_lenet5(&w);
    ck_assert_int_eq(accumulate(&w), CT_OK);
    ct_memory before = ct_memory_stats();
    ct_status status = CT_ERROR_MEMORY;
    int64_t n = 0;
    while (status != CT_OK) {
        n++;
        snapshot start = take(&w, true);
        ct__fail_allocation(n, _i);
        status = accumulate(&w);
        ct__fail_allocation(0, false);
        if (status != CT_OK)
            check_error(n);
        ck_assert_msg(same_bits(start, take(&w, true)) == (status != CT_OK), "allocation %lld: gradients",
                      (long long)n);
        check_memory(n, before);
    }
    ck_assert_int_gt(n, FEWEST_ALLOCATIONS);
    workload_close(&w);
}
END_TEST

START_TEST(a_failed_model_leaves_nothing)
{
    ct_memory before = ct_memory_stats();
    ct_status status = CT_ERROR_MEMORY;
    int64_t n = 0;
    while (status != CT_OK) {
        workload w;
        n++;
        ct__fail_allocation(n, _i);
        status = workload_open(&w, workload_find("lenet5"), CT_FLOAT32, BATCH);
        ct__fail_allocation(0, false);
        if (status != CT_OK)
            check_error(n);
        workload_close(&w);
        check_memory(n, before);
    }
    ck_assert_int_gt(n, 20);
}
END_TEST

START_TEST(a_hundred_steps_leave_no_bytes)
{
    workload w;
    open_lenet5(&w);
    ck_assert_int_eq(workload_step(&w, NULL), CT_OK);
    ct_memory first = ct_memory_stats();
    for (int step = 1; step < 100; step++)
        ck_assert_int_eq(workload_step(&w, NULL), CT_OK);
    check_memory(0, first);
    ck_assert_int_eq(ct_memory_stats().peak_bytes, first.peak_bytes);
    workload_close(&w);
}
END_TEST

static long page_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt;
}

static const char *const steady[] = {"mlp", "lenet5",       "resnet20",   "lstm",
                                     "gpt", "scalar_chain", "layer_norm", "conv3x3"};

enum { OF_PROGRAM = 3 }; /* pages of code and tables to which steps may come late: log has some for numbers near 1 */

/* From the third step on the system is asked for no page of memory. */
START_TEST(a_steady_loop_faults_no_page)
{
    workload w;
    ck_assert_int_eq(workload_open(&w, workload_find(steady[_i]), CT_FLOAT32, BATCH), CT_OK);
    for (int step = 0; step < 2; step++)
        ck_assert_int_eq(workload_step(&w, NULL), CT_OK);
    bool cached = ct_memory_stats().cached_bytes > 0; /* memory debuggers want to see every block go back */
    long before = page_faults();
    for (int step = 0; step < 100; step++)
        ck_assert_int_eq(workload_step(&w, NULL), CT_OK);
    if (cached)
        ck_assert_int_le(page_faults() - before, OF_PROGRAM);
    workload_close(&w);
}
END_TEST

/* One thread, so that every allocation is this thread's and fails when told to. */
static void one_thread(void)
{
    ct_set_num_threads(1);
}

Suite *ct_suite_memory(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_checked_fixture(tests, one_thread, NULL);
    tcase_add_loop_test(tests, a_failed_step_changes_nothing, 0, 2);
    tcase_add_loop_test(tests, a_failed_backward_changes_no_gradient, 0, 2);
    tcase_add_loop_test(tests, a_failed_model_leaves_nothing, 0, 2);
    tcase_add_test(tests, a_step_after_failures_is_as_without_them);
    tcase_add_test(tests, a_hundred_steps_leave_no_bytes);
    if (!is_quick() && !CT_LIFETIME_CHECKS) /* which set closed tensors aside */
        tcase_add_loop_test(tests, a_steady_loop_faults_no_page, 0, sizeof steady / sizeof *steady);
    suite_add_tcase(suite, tests);
    return suite;
}
