/* One subject, all of it. Invariant: the structural checks come first, so that a cause that explains a wrong value is named first. */
#include "whole.h"
#include "elsewhere.h"
#include "numeric.h"
#include "structure.h"
#include <string.h>

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
    if (status == CT_OK && checks & CT_CHECK_DEFINITION)
        status = ct__check_definition(check);
    return status;
}

/* The order above first's, and those above that. */
static ct_status check_next_order(ct__check *first)
{
    ct__subject subject = ct__subject_gradient(first->subject, first->wanted, first->cotangents);
    ct__check next;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__check_open_gradient(&next, &subject, first);
    if (status == CT_OK && first->report->verdict != CT_NONDETERMINISTIC) {
        status = ct__check_gradient(&next);
        bool forward = first->options->checks & CT_CHECK_FORWARD && first->report->verdict < CT_NONDETERMINISTIC;
        if (status == CT_OK && forward)
            status = ct__check_forward(first, &next);
        if (status == CT_OK)
            status = ct__check_numeric(&next);
        if (status == CT_OK && next.order < next.options->order)
            status = check_next_order(&next);
    }
    ct__check_close(&next);
    ct__scope_pop(&scope);
    return status;
}

/* Whether there is time for it; if not, that is noted. */
static bool may_go_on(ct__check *check, const char *what)
{
    bool stopped = ct__watch_stopped(check->options);
    if (stopped)
        ct__watch_unlooked(check->report, "%s", what);
    return !stopped;
}

/* With value, the whole; otherwise only what does not measure. */
static ct_status check_all(ct__check *check, bool value)
{
    ct_status status = ct__check_gradient(check);
    if (status == CT_OK && may_go_on(check, "structure"))
        status = ct__check_structure(check);
    if (status == CT_OK && check->subject->op && may_go_on(check, "forks and layouts"))
        status = check_op_structure(check);
    if (status == CT_OK && value)
        status = ct__check_numeric(check);
    if (status == CT_OK && check->options->checks & CT_CHECK_FLOAT32 && may_go_on(check, "float32"))
        status = ct__check_float32(check);
    bool elsewhere = check->options->checks & CT_CHECK_ELSEWHERE && check->report->verdict < CT_NONDETERMINISTIC;
    if (status == CT_OK && value && elsewhere && may_go_on(check, "a second point"))
        status = ct__check_elsewhere(check);
    else if (status == CT_OK && value && check->options->checks & CT_CHECK_ELSEWHERE && check->report->unexplained)
        status = ct__explain_kept(check);
    if (status == CT_OK && value && check->options->order > 1 && may_go_on(check, "the second order"))
        status = check_next_order(check);
    return status;
}

/* Whether what was found may be chance. A function that changes its inputs is another matter. */
static bool may_be_chance(const ct__check *check, ct_verdict before)
{
    const ct_gradcheck_report *report = check->report;
    bool failed = report->verdict == CT_FAIL && strcmp(report->check, "unchanged") != 0;
    return before < CT_NONDETERMINISTIC && (failed || (report->verdict < CT_NONDETERMINISTIC && check->doubted));
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
    ct_verdict before = report->verdict;
    for (int i = 0; i < check.n && status == CT_OK; i++)
        any |= check.wanted[i];
    if (status == CT_OK && any && report->verdict != CT_NONDETERMINISTIC)
        status = check_all(&check, value);
    if (status == CT_OK && may_be_chance(&check, before))
        status = ct__check_repeats(&check);
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
