/* What a check has found, as it is noted in the report. */
#ifndef CT_GRADCHECK_FINDINGS_H
#define CT_GRADCHECK_FINDINGS_H

#include "small.h"
#include <cotan/gradcheck.h>

/* An empty report about subject. */
void ct__report_begin(ct_gradcheck_report *report, const char *subject);
/* Notes a failure: the first one stays the report's cause. */
void ct__report_fault(ct_gradcheck_report *report, const char *check, int argument, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The results were not the same for the same inputs: whatever else was found says nothing. */
void ct__report_nondeterministic(ct_gradcheck_report *report);
/* Room for one more row, zeroed; NULL without memory (an error is recorded). */
ct_gradcheck_tensor *ct__report_row(ct_gradcheck_report *report);
void ct__report_raise(ct_gradcheck_report *report, ct_verdict verdict);

#endif
