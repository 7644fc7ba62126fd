/* One subject, all of it. Invariant: the structural checks come first, so that a cause that explains a wrong value is named first. */
#include "whole.h"
#include "elsewhere.h"
#include "numeric.h"
#include "structure.h"
#include <math.h>

static ct_status check_op_structure(ct__check *check)
{
    unsigned checks = check->options->checks;
    ct_status status = CT_OK;
    if (checks & CT_CHECK_FORKS)
        status = ct__check_forks(check);
    if (status == CT_OK && checks & CT_CHECK_LAYOUTS)
        status = ct__check_layouts(check);
    if (status == CT_OK && checks & CT_CHECK_THREADS)
        status = ct__check_threads(check);
    return status;
}

/* The order above first's, and those above that. */
static ct_status check_next_order(ct__check *first)
{
    ct__subject subject = ct__subject_gradient(first->subject, first->wanted, first->cotangents);
    size_t tensors = (size_t)subject.n_inputs * sizeof(ct_tensor *),
           bytes = tensors + (size_t)subject.n_inputs * sizeof(bool);
    ct_tensor **inputs = ct__alloc(bytes);
    if (!inputs)
        return ct__no_memory("gradcheck");
    bool *wanted = (bool *)inputs + tensors / sizeof(bool);
    int n = first->n;
    for (int i = 0; i < n; i++) {
        inputs[i] = first->x[i];
        wanted[i] = first->wanted[i];
    }
    for (int i = 0; i < first->subject->max_outputs; i++) {
        if (!first->cotangents[i])
            continue;
        wanted[n] = true;
        inputs[n++] = first->cotangents[i];
    }
    ct__check next;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__check_open(&next, &subject, inputs, wanted, first->options, first->report);
    next.order = first->order + 1;
    next.sample = first->sample;
    next.usual = ct__largest_of(first->cotangents, first->m) * ct__largest_of(next.cotangents, next.m);
    if (status == CT_OK && first->report->verdict != CT_NONDETERMINISTIC) {
        status = ct__check_gradient(&next);
        if (status == CT_OK)
            status = ct__check_numeric(&next);
        if (status == CT_OK && next.order < next.options->order)
            status = check_next_order(&next);
    }
    ct__check_close(&next);
    ct__scope_pop(&scope);
    ct__free(inputs, bytes);
    return status;
}

/* With value, the whole; otherwise only what does not measure. */
static ct_status check_all(ct__check *check, bool value)
{
    ct_status status = ct__check_gradient(check);
    if (status == CT_OK)
        status = ct__check_structure(check);
    if (status == CT_OK && check->subject->op)
        status = check_op_structure(check);
    if (status == CT_OK && value)
        status = ct__check_numeric(check);
    if (status == CT_OK && check->options->checks & CT_CHECK_FLOAT32)
        status = ct__check_float32(check);
    bool elsewhere = check->options->checks & CT_CHECK_ELSEWHERE && check->report->verdict < CT_NONDETERMINISTIC;
    if (status == CT_OK && value && elsewhere)
        status = ct__check_elsewhere(check);
    if (status == CT_OK && value && check->options->order > 1)
        status = check_next_order(check);
    return status;
}

static ct_status check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                               const ct_gradcheck_options *options, ct_gradcheck_report *report, bool value)
{
    ct__check check;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__check_open(&check, subject, inputs, wanted, options, report);
    check.sample = sample;
    bool any = false;
    for (int i = 0; i < check.n && status == CT_OK; i++)
        any |= check.wanted[i];
    if (status == CT_OK && any && report->verdict != CT_NONDETERMINISTIC)
        status = check_all(&check, value);
    ct__check_close(&check);
    ct__scope_pop(&scope);
    return status;
}

ct_status ct__check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                            const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    return check_subject(subject, inputs, wanted, sample, options, report, true);
}

ct_status ct__check_subject_structure(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                                      const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    return check_subject(subject, inputs, wanted, 0, options, report, false);
}
