/* The measured side: every wanted input's derivatives, element by element or along probes, each judged against the gradient that the
 * engine computed; a row of the report for each input.
 *
 * Invariant: every wanted input has a row, whatever became of it. */
#include "numeric.h"
#include "fast.h"
#include "hull.h"
#include "picture.h"
#include "row.h"
#include <math.h>
#include <string.h>

enum { SMALL = 16 }; /* elements that are measured one by one in fast mode too */

/* Sums for the lecture notes' ratio. */
typedef struct notes_sums {
    double difference, numeric, analytic; /* squares */
    double elements;
} notes_sums;

static void notes_add(notes_sums *sums, const ct__sweep *s)
{
    const double *analytic = ct__doubles(s->check->analytic[s->input]);
    for (int64_t k = 0; k < s->count; k++) {
        sums->difference += (s->notes[k] - analytic[k]) * (s->notes[k] - analytic[k]);
        sums->numeric += s->notes[k] * s->notes[k];
        sums->analytic += analytic[k] * analytic[k];
    }
    sums->elements += (double)s->count;
}

/* The noise of a central difference of step 1e-7 is about u S / 1e-7 an element. */
static double notes_ratio(const notes_sums *sums, const ct__check *check, bool *noise)
{
    double sum = sqrt(sums->numeric) + sqrt(sums->analytic), difference = sqrt(sums->difference);
    *noise = check->unit * check->magnitude / 1e-7 * sqrt(sums->elements) > 1e-3 * sum;
    return difference == 0 ? 0 : difference / sum;
}

static ct_status row_full(ct__check *check, int input, ct_gradcheck_tensor *row, notes_sums *all)
{
    ct__sweep s;
    if (!ct__sweep_open(&s, check, input, INT64_MAX))
        return CT_ERROR_MEMORY;
    if (ct__sweep_run(&s) != CT_OK)
        return ct_error_code();
    int64_t passed = ct__row_fill(row, &s);
    row->verdict = ct__row_verdict(row, passed);
    notes_sums sums = {0};
    notes_add(&sums, &s);
    notes_add(all, &s);
    ct__note_kinks(check, &s);
    row->notes_ratio = notes_ratio(&sums, check, &row->notes_noise);
    ct_status status = ct__take_picture(check, row, &s);
    ct__row_pattern(row, &s);
    return status == CT_OK ? ct_error_code() : status;
}

static void report_row(ct_gradcheck_report *report, const ct_gradcheck_tensor *row)
{
    report->elements += row->checked;
    report->bad += row->bad;
    report->kinks += row->kinks;
    report->inconclusive += row->inconclusive;
    ct__report_raise(report, row->verdict);
    if (row->unlooked)
        ct__watch_unlooked(report, "%lld of %lld %s of input %d%s", (long long)row->unlooked,
                           (long long)(row->checked + row->unlooked), row->mode == CT_FAST ? "probes" : "elements",
                           row->input, row->order > 1 ? " (higher order)" : "");
    static const char *const orders[] = {"", "gradient", "second-order gradient", "third-order gradient"};
    if (row->verdict != CT_FAIL)
        return;
    report->unexplained |= !report->cause[0] && !row->pattern[0] && row->order == 1;
    ct__report_fault(report, orders[row->order], row->input, "%s",
                     row->pattern[0]  ? row->pattern
                     : row->order > 1 ? "the order below is right and this one is not: something that the backward "
                                        "uses is detached from the graph, or its own gradient is wrong"
                                      : "the gradient differs from the measured one, in no simple pattern");
}

/* Of several samples, the largest. */
static void report_notes(ct_gradcheck_report *report, const notes_sums *all, const ct__check *check)
{
    bool noise;
    double ratio = notes_ratio(all, check, &noise);
    if (isnan(report->notes_ratio) || ratio > report->notes_ratio) {
        report->notes_ratio = ratio;
        report->notes_noise = noise;
    }
}

static ct_status check_row(ct__check *check, int input, notes_sums *all)
{
    const ct_tensor *x = check->x[input];
    bool full = check->options->mode == CT_FULL || x->numel <= SMALL;
    ct_gradcheck_tensor *row = ct__report_row(check->report);
    if (!row)
        return CT_ERROR_MEMORY;
    *row = (ct_gradcheck_tensor){.input = input,
                                 .sample = check->sample,
                                 .inputs = check->subject->sample_text,
                                 .order = check->order,
                                 .mode = full ? CT_FULL : CT_FAST,
                                 .rank = x->rank,
                                 .elements = x->numel};
    memcpy(row->shape, x->shape, (size_t)x->rank * sizeof *x->shape);
    check->confirmed_bad = check->off_kinks = 0;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = full ? row_full(check, input, row, all) : ct__row_fast(check, input, row);
    ct__scope_pop(&scope);
    if (status == CT_OK)
        report_row(check->report, row);
    return status;
}

/* Kinks that are possible one by one may not be so together. */
static ct_status check_kinks(ct__check *check)
{
    ct_status status = CT_OK;
    int bad = ct__outside_hull(check, check->kinked, check->n_kinked, &status);
    if (bad < 0)
        return status;
    ct_gradcheck_report *report = check->report;
    for (int i = 0; i < report->n_tensors; i++) {
        ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->input != check->kinked[bad].input || row->order != 1 || row->sample != check->sample)
            continue;
        row->verdict = CT_FAIL;
        row->bad++;
        row->kinks -= row->kinks > 0;
        report->bad++;
        ct__multi_index(check->x[row->input], check->kinked[bad].element, row->worst);
    }
    ct__report_fault(
        report, "kink", check->kinked[bad].input,
        "at a tie or kink the gradients of several elements are each possible, but not together: what only one can "
        "have is given to several, or what they share does not add up");
    return status;
}

ct_status ct__check_numeric(ct__check *check)
{
    notes_sums all = {0};
    ct__worker w = ct__worker_of(check);
    double phi = check->phi = ct__evaluate(&w, &check->magnitude);
    if (w.status != CT_OK)
        return w.status;
    if (!isfinite(phi)) {
        ct__report_fault(check->report, "finite", -1,
                         "the result is not finite (NaN or infinity) before anything is perturbed");
        return CT_OK;
    }
    ct_status status = CT_OK;
    for (int i = 0; i < check->n && status == CT_OK; i++)
        if (check->wanted[i])
            status = check_row(check, i, &all);
    if (status == CT_OK && check->order == 1 && check->report->verdict != CT_FAIL)
        status = check_kinks(check);
    if (status == CT_OK && check->order == 1 && check->options->mode == CT_FULL)
        report_notes(check->report, &all, check);
    return status;
}
