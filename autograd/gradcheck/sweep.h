/* The elements of one input, measured one by one. */
#ifndef CT_GRADCHECK_SWEEP_H
#define CT_GRADCHECK_SWEEP_H

#include "compare.h"

/* Elements first, first + stride, ... of one input, and room for what is found there. */
typedef struct ct__sweep {
    ct__check *check;
    int input;
    int64_t count, stride;
    double *numeric, *error, *tolerance, *notes; /* numel each */
    uint8_t *verdict;                            /* numel; CT_GRADCHECK_UNLOOKED: left out */
    double scale;                                /* largest computed derivative */
    int64_t evaluations, done;
    int64_t looked_at,
        off_kinks; /* mismatches that the check had had a second look at before, and those of them at kinks */
    int failed;    /* a ct_status */
    char message[256];
} ct__sweep;

/* For at most limit elements of the input, evenly chosen, with room in the current scope; false with an error without memory. */
bool ct__sweep_open(ct__sweep *s, ct__check *check, int input, int64_t limit);
ct_status ct__sweep_run(ct__sweep *s);
/* Adds elements at kinks to those that the check remembers. */
void ct__note_kinks(ct__check *check, const ct__sweep *s);

/* "input 1, order 2, sample 3", without what is the usual. */
const char *ct__what_of(const ct__check *check, int input, char *text, size_t size);

#endif
