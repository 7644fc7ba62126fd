/* What the operations on matrices [..., m, n] share: a loop over the matrices around factor.c.
 *
 * Invariant: a matrix is worked on in double, in a scratch of its own. */
#ifndef CT_BATCH_H
#define CT_BATCH_H

#include "shape/shape_internal.h"

/* The matrices of a call: input 0 is [count, m, n]. */
typedef struct ct__matrices {
    ct_call *call;
    ct_dtype dtype;
    int64_t count, m, n;
    double *room; /* for the matrix at hand and what is made of it */
    size_t bytes;
} ct__matrices;

/* Checks that input 0 is [..., n, n]. Errors: shape. */
ct_status ct__check_square(ct_call *call);
/* Declares output i: input 0's axes in front, then those given. */
ct_status ct__declare_matrices(ct_call *call, int i, const int64_t *last, int n);
/* Calls work for each matrix i, with room for so many doubles. */
ct_status ct__each_matrix(ct_call *call, int64_t doubles, ct_status (*work)(const ct__matrices *b, int64_t i));
/* Reads matrix i, of n elements, of an input; writes that of an output. */
void ct__take_matrix(const ct__matrices *b, int input, int64_t i, double *to, int64_t n);
void ct__give_matrix(const ct__matrices *b, int output, int64_t i, const double *from, int64_t n);

/* The last two axes exchanged; (t + t^T) / 2. */
ct_tensor *ct__matrix_transposed(ct_tensor *x);
ct_tensor *ct__symmetric_part(ct_tensor *t);

extern const ct_sample ct__square_samples[];

#endif
