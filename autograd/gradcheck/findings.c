/* Verdicts, and the report as it fills. Invariant: the first failure stays the cause; a verdict only rises. */
#include "findings.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *ct_verdict_name(ct_verdict verdict)
{
    static const char *const names[] = {"VACUOUS", "PASS", "KINK", "INCONCLUSIVE", "NONDETERMINISTIC", "FAIL"};
    return (size_t)verdict < sizeof names / sizeof *names ? names[verdict] : "invalid";
}

bool ct_verdict_good(ct_verdict verdict)
{
    return verdict == CT_PASS || verdict == CT_KINK;
}

/* The enum is in order of weight: a vacuous tensor beside one that passes leaves a pass. */
void ct__report_raise(ct_gradcheck_report *report, ct_verdict verdict)
{
    if (verdict > report->verdict)
        report->verdict = verdict;
}

void ct__report_fault(ct_gradcheck_report *report, const char *check, int argument, const char *format, ...)
{
    ct__report_raise(report, CT_FAIL);
    if (report->cause[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    ct__vformat(report->cause, sizeof report->cause, format, arguments);
    va_end(arguments);
    report->check = check;
    report->argument = argument;
}

void ct__report_nondeterministic(ct_gradcheck_report *report)
{
    report->verdict = CT_NONDETERMINISTIC;
    report->check = "repeat";
    report->argument = -1;
    report->unexplained = false;
    snprintf(report->cause, sizeof report->cause, "runs from the same inputs and the same seed gave different results");
}

ct_gradcheck_tensor *ct__report_row(ct_gradcheck_report *report)
{
    size_t used = (size_t)report->n_tensors * sizeof *report->tensors;
    if (used + sizeof *report->tensors > report->bytes_) {
        size_t bytes = report->bytes_ ? report->bytes_ * 2 : 8 * sizeof *report->tensors;
        ct_gradcheck_tensor *tensors = ct__alloc(bytes);
        if (!tensors) {
            ct__no_memory("gradcheck");
            return NULL;
        }
        if (used)
            memcpy(tensors, report->tensors, used);
        ct__free(report->tensors, report->bytes_);
        report->tensors = tensors;
        report->bytes_ = bytes;
    }
    ct_gradcheck_tensor *row = &report->tensors[report->n_tensors++];
    *row = (ct_gradcheck_tensor){0};
    return row;
}

void ct_gradcheck_report_free(ct_gradcheck_report *report)
{
    if (!report)
        return;
    ct__free(report->tensors, report->bytes_);
    ct__free(report->picture, sizeof *report->picture);
    *report = (ct_gradcheck_report){0};
}

void ct__report_begin(ct_gradcheck_report *report, const char *subject)
{
    ct_gradcheck_report_free(report);
    report->subject = subject;
    report->check = report->op = "";
    report->node = report->argument = -1;
    report->notes_ratio = NAN;
}
