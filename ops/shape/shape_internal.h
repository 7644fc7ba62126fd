/* What the operations on shapes, indices and reductions share. */
#ifndef CT_SHAPE_INTERNAL_H
#define CT_SHAPE_INTERNAL_H

#include "autograd_internal.h"
#include <cotan/ops.h>

#define CT_OP(name) extern const ct_op ct_op_##name;
#include "list.h"
#undef CT_OP

/* The attributes of an operation whose result has the shape asked for: reshape, expand, sum_to. */
typedef struct ct_shape_attributes {
    int64_t shape[CT_MAX_RANK];
    int64_t rank;
} ct_shape_attributes;

/* Applies an operation with these attributes. */
ct_tensor *ct__apply_to_shape(const ct_op *op, ct_tensor *x, const int64_t *shape, int rank);

/* In backward: the shape that input i had. */
const int64_t *ct__input_shape(const ct_call *call, int i, int *rank);
/* Writes the elements of a tensor, converted to dtype, at these strides. */
void ct__copy_elements(const ct_tensor *from, void *to, ct_dtype dtype, const int64_t *strides);

/* axis counted from the end if negative, as 0..rank-1; -1 with an error (argument) if there is no such axis. A 0-d tensor has
 * axis 0, of size 1, as in PyTorch; only what cuts or joins along an axis needs one that is there. */
int ct__call_axis(ct_call *call, int64_t axis, int rank);
int ct__call_real_axis(ct_call *call, int64_t axis, int rank);

/* Checks that an index is int64 and each of its elements in 0..size-1. Errors: dtype, argument. */
ct_status ct__check_indices(ct_call *call, const ct_tensor *index, int64_t size);

/* Options with an entry for each axis (see CT_ZERO): spreads the n entries of the option name to the axes. Errors (argument):
 * 0 where it does not mean zero (a stride), or an entry behind the last axis that is not as the first. Whoever uses the entries
 * checks their range. */
ct_status ct__each_axis(const char *op, const char *name, const int64_t *entries, int n, int axes, bool zero_means_zero,
                        int64_t *to);
/* Whether the first entry stands for all. */
bool ct__is_lone(const int64_t *entries, int n);

#endif
