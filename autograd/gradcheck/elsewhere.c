/* A backward that is right once: at other inputs of the same shapes, at the first ones again, and on many threads at once.
 *
 * Invariant: what is not defined at the second point, a logarithm of something negative, say, is no fault. */
#include "elsewhere.h"
#include "line.h"
#include "numeric.h"
#include <math.h>
#include <string.h>

enum { CROWD = 24 }; /* runs at once */

/* ---- a second point ---- */

/* Each float element moved by up to a tenth of its size. */
static ct_tensor *moved(const ct_tensor *t)
{
    ct_tensor *copy = ct__copy_as(t, (ct_dtype)t->dtype);
    for (int64_t k = 0; copy && ct__is_float(copy) && k < copy->numel; k++)
        ct__doubles(copy)[k] *= 0.9 + ldexp((double)(ct_random_u64() >> 11), -53) / 5;
    return copy;
}

static ct_status move_all(ct__check *check, ct_tensor **x)
{
    ct_random_set(check->stream);
    for (int i = 0; i < check->n; i++) {
        x[i] = check->x[i] ? moved(check->x[i]) : NULL;
        if (check->x[i] && !x[i])
            return ct_error_code();
    }
    check->stream = ct_random_get();
    return CT_OK;
}

/* Measures at x, along one direction an input, into found. */
static ct_status measure_there(const ct__check *first, ct_tensor *const *x, ct_gradcheck_report *found)
{
    ct_gradcheck_options simple = *first->options;
    simple.checks = CT_CHECK_VALUE_ONLY;
    simple.mode = CT_FAST;
    simple.probes = 1;
    ct__check there;
    ct_status status = ct__check_open(&there, first->subject, x, first->wanted, &simple, found);
    if (status == CT_OK)
        status = ct__check_gradient(&there);
    if (status == CT_OK)
        status = ct__check_numeric(&there);
    ct__check_close(&there);
    return status;
}

/* Whether it is wrong at other inputs; *argument: of which one the gradient is. */
static ct_status wrong_there(ct__check *check, ct_tensor **x, bool *wrong, int *argument)
{
    ct_gradcheck_report found = {.check = "", .op = ""};
    ct_status status = move_all(check, x);
    if (status == CT_OK)
        status = measure_there(check, x, &found);
    check->report->evaluations += found.evaluations;
    *wrong = status == CT_OK && found.verdict == CT_FAIL && strcmp(found.check, "finite") != 0;
    *argument = found.argument;
    ct_gradcheck_report_free(&found);
    return status;
}

/* What is kept from the first call is wrong everywhere else; at one point alone a measurement may be poor by chance. */
static ct_status check_there(ct__check *check, ct_tensor **x)
{
    bool wrong = true;
    int argument = -1;
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && wrong && i < 2; i++)
        status = wrong_there(check, x, &wrong, &argument);
    if (status == CT_OK && wrong)
        ct__report_fault(check->report, "elsewhere", argument,
                         "right at the first inputs and wrong at others of the same shapes: the backward keeps "
                         "something from an earlier call");
    return status;
}

static ct_status check_again(ct__check *check, ct_tensor **grads)
{
    ct_status status = ct__vjp(check, check->x, check->wanted, check->cotangents, grads);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && ct__checksum(grads[i]) != ct__checksum(check->analytic[i]))
            ct__report_fault(check->report, "elsewhere", i,
                             "after a call at other inputs, the gradient at the first ones is not what it was: the "
                             "backward keeps something from an earlier call");
    return status;
}

ct_status ct__check_elsewhere(ct__check *check)
{
    size_t bytes = (size_t)check->n * sizeof(ct_tensor *);
    ct_tensor **tensors = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = tensors ? check_there(check, tensors) : ct__no_memory("gradcheck");
    if (status == CT_OK && check->report->verdict != CT_FAIL)
        status = check_again(check, tensors);
    check->report->structural++;
    ct__scope_pop(&scope);
    ct__free(tensors, bytes);
    return status;
}

/* ---- many threads ---- */

typedef struct crowd {
    ct__check *check;
    uint64_t sums[CROWD];
    int failed;
} crowd;

static ct_status run_one(ct__check *check, ct_tensor **arrays, uint64_t *sum)
{
    ct__worker w = {.check = check};
    ct_gradcheck_options value_only = *check->options;
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = *check;
    quiet.options = &value_only;
    ct__worker_own(&w, arrays);
    ct_tensor **grads = arrays + ct__worker_tensors(check);
    ct_status status = w.status == CT_OK ? ct__vjp(&quiet, w.x, check->wanted, w.cotangents, grads) : w.status;
    *sum = status == CT_OK ? ct__checksum_all(grads, check->n) : 0;
    return status;
}

static void crowd_task(void *context, int64_t index)
{
    crowd *c = context;
    size_t bytes = (ct__worker_tensors(c->check) + (size_t)c->check->n) * sizeof(ct_tensor *);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_random_state generator = ct_random_get();
    ct_scope scope;
    ct__scope_push(&scope);
    if (!arrays || run_one(c->check, arrays, &c->sums[index]) != CT_OK)
        __atomic_store_n(&c->failed, 1, __ATOMIC_RELAXED);
    ct_error_clear();
    ct__scope_pop(&scope);
    ct_random_set(generator);
    ct__free(arrays, bytes);
}

ct_status ct__check_threads(ct__check *check)
{
    crowd c = {.check = check};
    ct__parallel(CROWD, crowd_task, &c);
    check->report->structural++;
    if (c.failed)
        return CT_OK; /* what fails by itself fails elsewhere too */
    for (int i = 1; i < CROWD; i++)
        if (c.sums[i] != c.sums[0])
            ct__report_fault(check->report, "threads", -1,
                             "on several threads at once the backward gives different bits: calls share memory that "
                             "they write to");
    return CT_OK;
}
