/* A backward that is right once: at other inputs of the same shapes, at the first ones again, and on many threads at once.
 *
 * Invariant: what is not defined at the second point, a logarithm of something negative, say, is no fault. */
#include "elsewhere.h"
#include "line.h"
#include "numeric.h"
#include "structure.h"
#include "watch.h"
#include <math.h>
#include <string.h>

enum {
    CROWD = 24, /* tasks at once, */
    TURNS = 4,  /* and calls of each, or on the first sample as many as there is time for, */
    FEWEST = 4  /* threads */
};
#define CROWD_SECONDS 0.005 /* what every operation can be given */
#define KEPT "the backward keeps something from an earlier call"

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
                         "right at the first inputs and wrong at others of the same shapes: " KEPT);
    return status;
}

static void compare_bits(ct__check *check, ct_tensor *const *grads, ct_tensor *const *right, const char *cause)
{
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i] && ct__checksum(grads[i]) != ct__checksum(right[i]))
            ct__report_fault(check->report, "elsewhere", i, "%s", cause);
}

static ct_status check_again(ct__check *check, ct_tensor **grads)
{
    ct_status status = ct__vjp(check, check->x, check->wanted, check->cotangents, grads);
    if (status == CT_OK)
        compare_bits(check, grads, check->analytic,
                     "after a call at other inputs, the gradient at the first ones is not what it was: " KEPT);
    return status;
}

/* Two calls in one graph: other is called before the backward of the first. */
static ct_status check_between(ct__check *check, ct_tensor *const *other, ct_tensor **grads)
{
    ct__check two = *check;
    two.then = other;
    ct_status status = ct__vjp(&two, check->x, check->wanted, check->cotangents, grads);
    if (status == CT_OK)
        compare_bits(check, grads, check->analytic,
                     "with a call at other inputs between its forward and its backward, the gradient is another: the "
                     "backward takes what it needs from the last call instead of its own");
    return status;
}

/* Copies the elements of the float ones of from into to. */
static void put(const ct__check *check, ct_tensor *const *from, ct_tensor *const *to)
{
    for (int i = 0; i < check->n; i++)
        if (ct__is_float(to[i]))
            memcpy(ct__doubles(to[i]), ct__doubles(from[i]), (size_t)to[i]->numel * sizeof(double));
}

/* At other values in the same memory, against the same values elsewhere. arrays has room for three tensors an input. */
static ct_status check_in_place(ct__check *check, ct_tensor *const *other, ct_tensor **arrays)
{
    ct_tensor **before = arrays, **grads = before + check->n, **right = grads + check->n;
    for (int i = 0; i < check->n; i++) {
        before[i] = ct__is_float(check->x[i]) ? ct__copy_as(check->x[i], CT_FLOAT64) : NULL;
        if (ct__is_float(check->x[i]) && !before[i])
            return ct_error_code();
    }
    ct_status status = ct__vjp(check, other, check->wanted, check->cotangents, right);
    put(check, other, check->x);
    if (status == CT_OK)
        status = ct__vjp(check, check->x, check->wanted, check->cotangents, grads);
    put(check, before, check->x);
    if (status == CT_OK)
        compare_bits(check, grads, right,
                     "at other values in the memory of the first ones, the gradient is not theirs: the backward keeps "
                     "something by its address");
    return status;
}

ct_status ct__check_elsewhere(ct__check *check)
{
    size_t n = (size_t)check->n, bytes = 4 * n * sizeof(ct_tensor *);
    ct_tensor **other = ct__alloc(bytes), **arrays = other ? other + n : NULL;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = other ? check_there(check, other) : ct__no_memory("gradcheck");
    if (status == CT_OK && check->report->verdict != CT_FAIL)
        status = check_again(check, arrays);
    if (status == CT_OK && check->report->verdict != CT_FAIL)
        status = check_between(check, other, arrays);
    if (status == CT_OK && check->report->verdict != CT_FAIL)
        status = check_in_place(check, other, arrays);
    check->report->structural++;
    ct__scope_pop(&scope);
    ct__free(other, bytes);
    return status;
}

/* Whether phi at the middle between x and other is not the mean of phi at both, as it would be of a linear function. */
static bool is_curved(ct__check *check, ct_tensor *const *other, ct_status *status)
{
    ct__worker w = ct__worker_of(check);
    double here = ct__evaluate(&w, NULL), magnitude;
    w.x = (ct_tensor **)other;
    double there = ct__evaluate(&w, &magnitude);
    for (int i = 0; i < check->n; i++)
        for (int64_t k = 0; ct__is_float(other[i]) && k < other[i]->numel; k++)
            ct__doubles(other[i])[k] = (ct__doubles(other[i])[k] + ct__doubles(check->x[i])[k]) / 2;
    double middle = ct__evaluate(&w, NULL);
    *status = w.status;
    check->report->evaluations += w.evaluations;
    return fabs(here - 2 * middle + there) > 1e-6 * magnitude;
}

static void explain(ct_gradcheck_report *report)
{
    report->unexplained = false;
    snprintf(report->cause, sizeof report->cause,
             "the gradient is the same at other inputs, where the function is not linear: " KEPT);
}

ct_status ct__explain_kept(ct__check *check)
{
    size_t n = (size_t)check->n, bytes = 2 * n * sizeof(ct_tensor *);
    int i = check->report->argument;
    ct_tensor **other = ct__alloc(bytes), **grads = other ? other + n : NULL;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = other ? move_all(check, other) : ct__no_memory("gradcheck");
    if (status == CT_OK)
        status = ct__vjp(check, other, check->wanted, check->cotangents, grads);
    if (status == CT_OK && i >= 0 && i < check->n && check->wanted[i] &&
        ct__checksum(grads[i]) == ct__checksum(check->analytic[i]) && is_curved(check, other, &status))
        explain(check->report);
    ct__scope_pop(&scope);
    ct__free(other, bytes);
    return status;
}

/* ---- many threads ---- */

/* Calls at two points at once, each often: at one alone, what a call writes where another reads would be what is there already. */
typedef struct crowd {
    ct__check *check;
    ct_tensor *const *points[2];
    uint64_t right[2]; /* checksums of the gradients there, from a call alone */
    double until;      /* ct__watch_now() */
    int failed, different;
} crowd;

static ct_status run_one(const crowd *c, int point, ct_tensor **arrays, uint64_t *sum)
{
    ct_gradcheck_options value_only = *c->check->options;
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = *c->check;
    quiet.options = &value_only;
    quiet.x = (ct_tensor **)c->points[point];
    ct__worker w = {.check = &quiet};
    ct__worker_own(&w, arrays);
    ct_tensor **grads = arrays + ct__worker_tensors(&quiet);
    ct_status status = w.status == CT_OK ? ct__vjp(&quiet, w.x, quiet.wanted, w.cotangents, grads) : w.status;
    *sum = status == CT_OK ? ct__checksum_all(grads, quiet.n) : 0;
    return status;
}

/* Once, in a scope of its own; false if that fails. */
static bool run_alone(const crowd *c, int point, uint64_t *sum)
{
    size_t bytes = (ct__worker_tensors(c->check) + (size_t)c->check->n) * sizeof(ct_tensor *);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    bool good = arrays && run_one(c, point, arrays, sum) == CT_OK;
    ct_error_clear();
    ct__scope_pop(&scope);
    ct__free(arrays, bytes);
    return good;
}

static bool goes_on(const crowd *c, int turn)
{
    bool enough = __atomic_load_n(&c->different, __ATOMIC_RELAXED) || __atomic_load_n(&c->failed, __ATOMIC_RELAXED);
    return !enough && (turn < TURNS || ct__watch_now() < c->until);
}

static void crowd_task(void *context, int64_t index)
{
    crowd *c = context;
    ct_random_state generator = ct_random_get();
    for (int i = 0; goes_on(c, i); i++) {
        int point = (int)((index + i) % 2);
        uint64_t sum;
        if (!run_alone(c, point, &sum))
            __atomic_store_n(&c->failed, 1, __ATOMIC_RELAXED);
        else if (sum != c->right[point])
            __atomic_store_n(&c->different, 1, __ATOMIC_RELAXED);
    }
    ct_random_set(generator);
}

/* With more threads than processors, too: one that is stopped in the middle of a call finds what others did meanwhile. */
static void run_crowd(crowd *c)
{
    int threads = ct_num_threads(), before = ct__set_own_threads(threads > 1 && threads < FEWEST ? FEWEST : threads);
    c->until = ct__watch_now() + (c->check->sample == 0 ? CROWD_SECONDS : 0);
    ct__parallel(CROWD, crowd_task, c);
    ct__set_own_threads(before);
}

/* What fails by itself fails elsewhere too, and a second point need not have a result. */
static ct_status check_crowd(ct__check *check)
{
    crowd c = {.check = check, .points = {check->x, check->x}};
    size_t bytes = (size_t)check->n * sizeof(ct_tensor *);
    ct_tensor **other = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = other ? move_all(check, other) : ct__no_memory("gradcheck");
    bool runs = status == CT_OK && run_alone(&c, 0, &c.right[0]);
    c.right[1] = c.right[0];
    if (runs) {
        c.points[1] = other;
        if (!run_alone(&c, 1, &c.right[1]))
            c = (crowd){.check = check, .points = {check->x, check->x}, .right = {c.right[0], c.right[0]}};
        run_crowd(&c);
    }
    check->report->structural++;
    if (c.different && !c.failed)
        ct__report_fault(check->report, "threads", -1,
                         "on several threads at once the backward gives different bits: calls share memory that they "
                         "write to");
    ct__scope_pop(&scope);
    ct__free(other, bytes);
    return status;
}

/* The gradient where operations may use so many threads. */
static ct_status check_so_many(ct__check *check, int threads)
{
    ct__room r;
    int before = ct__set_own_threads(threads);
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    ct__set_own_threads(before);
    int bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, check->analytic) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "threads", bad,
                         "with %d thread%s the gradient is another: how the work is shared out depends on how many "
                         "there are, and leaves something out or does it twice",
                         threads, threads == 1 ? "" : "s");
    return ct__room_close(&r, status);
}

/* What is shared out wrongly is so in a crowd, too, and by its own words easier to find. */
ct_status ct__check_threads(ct__check *check)
{
    ct_status status = CT_OK;
    for (int threads = 1; threads <= 3 && status == CT_OK; threads += 2)
        status = check_so_many(check, threads);
    return status == CT_OK && check->report->verdict < CT_NONDETERMINISTIC ? check_crowd(check) : status;
}
