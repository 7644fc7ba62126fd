/* A pair of C functions on raw arrays, as a record. */
#ifndef CT_GRADCHECK_RAW_H
#define CT_GRADCHECK_RAW_H

#include "small.h"
#include <cotan/gradcheck.h>

typedef struct ct__raw {
    ct_dtype dtype; /* CT_FLOAT64: the first two functions; CT_FLOAT32: the others */
    ct_raw_forward forward;
    ct_raw_backward backward;
    ct_raw_forward_float forward_float;
    ct_raw_backward_float backward_float;
    const int64_t *sizes; /* n */
    int n;
    int64_t results;
    void *user;
} ct__raw;

/* Errors: NULL, argument, shape. */
ct_status ct__raw_check(const ct__raw *raw);
/* The record; its attributes are a pointer to the pair. */
ct_op ct__raw_op(const ct__raw *raw);
/* n float64 tensors owned by the current scope, with the values of x, or standard normal ones where there are none. */
ct_status ct__raw_inputs(const ct__raw *raw, const double *const *x, ct_tensor **inputs);

#endif
