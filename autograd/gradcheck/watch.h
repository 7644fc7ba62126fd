/* How much may still be done: the budget, and the progress function that can stop. */
#ifndef CT_GRADCHECK_WATCH_H
#define CT_GRADCHECK_WATCH_H

#include "findings.h"

typedef struct ct__watch {
    double until;        /* on the clock of ct__watch_now(); infinite: no budget */
    int64_t evaluations; /* left; INT64_MAX: no budget */
    const void *thread;  /* the calling one */
    const char *why;     /* NULL: go on */
} ct__watch;

double ct__watch_now(void); /* seconds */
/* Starts the watch as the options have it, and puts it there. */
void ct__watch_begin(ct__watch *watch, ct_gradcheck_options *options);
void ct__watch_count(const ct_gradcheck_options *options); /* an evaluation, on any thread */
/* Whether nothing new should be begun; on any thread. */
bool ct__watch_stopped(const ct_gradcheck_options *options);
/* Tells the progress function, if this is the calling thread. */
void ct__watch_tell(const ct_gradcheck_options *options, const char *what, int64_t done, int64_t of);
/* Notes what is left out, and that the report is no pass. */
void ct__watch_unlooked(ct_gradcheck_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
