/* Inputs made from samples. */
#ifndef CT_GRADCHECK_SAMPLE_H
#define CT_GRADCHECK_SAMPLE_H

#include "small.h"
#include <cotan/gradcheck.h>

/* Every size that is from becomes to, and lead is the size of another axis in front; 0: neither. */
typedef struct ct__resize {
    int64_t from, to, lead;
} ct__resize;
/* As ct_sample_inputs(). */
ct_status ct__sample_resized(const ct_sample *sample, ct_dtype dtype, ct__resize resize, ct_tensor **inputs, int *n);

#endif
