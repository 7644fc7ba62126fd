/* What a mistake looks like, in words. */
#ifndef CT_GRADCHECK_PATTERN_H
#define CT_GRADCHECK_PATTERN_H

#include "small.h"

/* What else the backward was given: all inputs (contiguous, floats as float64; an entry may be NULL), and the cotangent if there is one
 * result, or NULL. */
typedef struct ct__beside {
    ct_tensor *const *inputs, *const *gradients; /* as computed; NULL where there is none */
    int n;
    const ct_tensor *g;
} ct__beside;

/* From the whole of both gradients; "" when like nothing in particular. verdicts: a ct_verdict an element. outputs is the number of
 * elements of the largest result; every: x is a row of every so manieth element of the input only, or 1. */
void ct__guess_pattern(const ct_tensor *x, const ct_tensor *analytic, const ct_tensor *numeric, const uint8_t *verdicts,
                       int64_t outputs, int64_t every, const ct__beside *beside, char *text, size_t size);

#endif
