/* One input, element by element, on all threads where the subject allows it. Invariant: what a thread moves is its own copy. */
#include "sweep.h"
#include <string.h>

enum { TASK_ELEMENTS = 16 }; /* elements a parallel task evaluates */

/* "input 1, order 2, sample 3", without what is the usual. */
const char *ct__what_of(const ct__check *check, int input, char *text, size_t size)
{
    int used = snprintf(text, size, "input %d", input);
    if (check->order > 1)
        used += snprintf(text + used, size - (size_t)used, ", order %d", check->order);
    if (check->sample > 0)
        snprintf(text + used, size - (size_t)used, ", sample %d", check->sample);
    return text;
}

bool ct__sweep_open(ct__sweep *s, ct__check *check, int input, int64_t limit)
{
    int64_t numel = check->x[input]->numel;
    *s = (ct__sweep){.check = check,
                     .input = input,
                     .stride = 1,
                     .count = numel,
                     .scale = ct__largest(check->analytic[input]),
                     .looked_at = check->confirmed_bad,
                     .off_kinks = check->off_kinks};
    if (numel > limit) {
        s->stride = (numel + limit - 1) / limit;
        s->count = (numel + s->stride - 1) / s->stride;
    }
    ct_tensor *figures = ct__tensor_new(CT_FLOAT64, (const int64_t[]){4, numel}, 2, "gradcheck");
    ct_tensor *verdicts = ct__tensor_new(CT_UINT8, &numel, 1, "gradcheck");
    if (!figures || !verdicts)
        return false;
    memset(ct__ptr(figures), 0, (size_t)numel * 4 * sizeof(double));
    memset(ct__ptr(verdicts), 0, (size_t)numel);
    s->numeric = ct__doubles(figures);
    s->error = s->numeric + numel;
    s->tolerance = s->error + numel;
    s->notes = s->tolerance + numel;
    s->verdict = (uint8_t *)ct__ptr(verdicts);
    return true;
}

static void sweep_element(ct__sweep *s, ct__worker *w, int64_t k, const double *origin)
{
    ct__line l = ct__line_element(w, s->input, k, origin);
    l.scale = s->scale;
    ct__point p = ct__compare(&l, ct__doubles(s->check->analytic[s->input]));
    double above = ct__line_at(&l, 1e-7), below = ct__line_at(&l, -1e-7);
    if ((p.verdict == CT_PASS || p.verdict == CT_VACUOUS) && ct__kink_at(&l, above, below))
        p.verdict = CT_KINK;
    s->notes[k] = (above - below) / 2e-7;
    s->numeric[k] = p.numeric;
    s->error[k] = p.error;
    s->tolerance[k] = p.tolerance;
    s->verdict[k] = (uint8_t)p.verdict;
}

/* An operation uses nothing but its inputs; a function says so by an option. */
static bool is_parallel(const ct__check *check)
{
    return check->options->parallel || !check->subject->shares;
}

static void sweep_tell(ct__sweep *s, int64_t count)
{
    char what[64];
    int64_t done = __atomic_add_fetch(&s->done, count, __ATOMIC_RELAXED);
    ct__watch_tell(s->check->options, ct__what_of(s->check, s->input, what, sizeof what), done, s->count);
}

/* Elements [index, index + 1) * TASK_ELEMENTS of the sweep. */
static void sweep_task(void *context, int64_t index)
{
    ct__sweep *s = context;
    ct__check *check = s->check;
    size_t bytes = ct__worker_tensors(check) * sizeof(ct_tensor *);
    ct__worker w = ct__worker_of(check);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_random_state generator = ct_random_get();
    ct_scope scope;
    ct__scope_push(&scope);
    if (!arrays)
        w.status = ct__no_memory("gradcheck");
    else if (is_parallel(check))
        ct__worker_own(&w, arrays);
    ct_tensor *origin = w.status == CT_OK ? ct__copy_as(w.x[s->input], CT_FLOAT64) : NULL;
    int64_t last = (index + 1) * TASK_ELEMENTS < s->count ? (index + 1) * TASK_ELEMENTS : s->count;
    for (int64_t i = index * TASK_ELEMENTS; origin && i < last && w.status == CT_OK; i++)
        if (ct__watch_stopped(check->options))
            s->verdict[i * s->stride] = CT_GRADCHECK_UNLOOKED;
        else
            sweep_element(s, &w, i * s->stride, ct__doubles(origin));
    sweep_tell(s, last - index * TASK_ELEMENTS);
    ct__scope_pop(&scope);
    ct__free(arrays, bytes);
    ct_random_set(generator);
    __atomic_fetch_add(&s->evaluations, w.evaluations, __ATOMIC_RELAXED);
    int none = CT_OK;
    if (ct_error_code() != CT_OK &&
        __atomic_compare_exchange_n(&s->failed, &none, (int)ct_error_code(), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        snprintf(s->message, sizeof s->message, "%s", ct_error_message());
    ct_error_clear(); /* of a pool thread, where nobody would see it; sweep_run records it again */
}

ct_status ct__sweep_run(ct__sweep *s)
{
    int64_t tasks = (s->count + TASK_ELEMENTS - 1) / TASK_ELEMENTS;
    if (is_parallel(s->check)) {
        ct__parallel(tasks, sweep_task, s);
    } else {
        for (int64_t i = 0; i < tasks && s->failed == CT_OK; i++)
            sweep_task(s, i);
    }
    s->check->report->evaluations += s->evaluations;
    return s->failed == CT_OK ? CT_OK : ct__error((ct_status)s->failed, "%s", s->message);
}

void ct__note_kinks(ct__check *check, const ct__sweep *s)
{
    for (int64_t i = 0; i < s->count && check->n_kinked < CT__KINKED; i++)
        if (s->verdict[i * s->stride] == CT_KINK)
            check->kinked[check->n_kinked++] = (ct__kinked){s->input, i * s->stride};
}
