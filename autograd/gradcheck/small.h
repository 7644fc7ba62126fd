/* The lowest layer of the checker: copies, checksums, sizes of tensors. Knows no check. */
#ifndef CT_GRADCHECK_SMALL_H
#define CT_GRADCHECK_SMALL_H

#include "autograd_internal.h"

ct_tensor *ct__copy_as(const ct_tensor *t, ct_dtype dtype); /* contiguous, in the current scope */
uint64_t ct__checksum(const ct_tensor *t);                  /* of dtype, shape and elements; 0 for NULL */
uint64_t ct__checksum_all(ct_tensor *const *tensors, int n);
bool ct__all_finite(const ct_tensor *t);
static inline double *ct__doubles(const ct_tensor *t) /* t is float64 and contiguous */
{
    return (double *)(void *)ct__ptr(t);
}
static inline bool ct__is_float(const ct_tensor *t)
{
    return t && ct_dtype_is_float((ct_dtype)t->dtype);
}
/* Where two contiguous float64 tensors of one shape differ most; NaN beside a number most of all. 0 where they do not. */
int64_t ct__furthest(const ct_tensor *a, const ct_tensor *b);
/* The largest |element| of a contiguous float64 tensor, or of several; 0 for NULL. */
double ct__largest(const ct_tensor *t);
double ct__largest_of(ct_tensor *const *tensors, int n);

#endif
