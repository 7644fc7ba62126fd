/* Inputs made from samples. */
#ifndef CT_GRADCHECK_SAMPLE_H
#define CT_GRADCHECK_SAMPLE_H

#include "small.h"
#include <cotan/gradcheck.h>

/* What to make otherwise than the sample says. */
typedef struct ct__otherwise {
    int64_t from, to; /* every size that is from becomes to; 0: none */
    int input, axis;  /* or this one alone; both counted from 1, and 0: all */
    int lead;         /* so many axes of size 2 in front */
    /* Values are taken in turn from a list, from place - 1 on: those in the sample's range at which functions are treated apart, or, far,
     * those outside of most ranges. 0: they are drawn as ever. */
    int place;
    bool far;
} ct__otherwise;
/* As ct_sample_inputs(). */
ct_status ct__sample_otherwise(const ct_sample *sample, ct_dtype dtype, ct__otherwise otherwise, ct_tensor **inputs,
                               int *n);
/* How many values are in the list. */
int ct__special_values(bool far);

#endif
