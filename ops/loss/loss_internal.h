/* What cross entropies and the other losses share. */
#ifndef CT_LOSS_INTERNAL_H
#define CT_LOSS_INTERNAL_H

#include "reduce/reduce_internal.h"

/* x is [N,C,d...] or [C], labels int64, one for each row along the class axis, each in 0..C-1 or *ignored (may be NULL),
 * weight [C] or NULL. Errors: dtype, shape, argument. */
ct_status ct__check_labels(ct_call *call, const ct_tensor *x, const ct_tensor *labels, const ct_tensor *weight,
                           const int64_t *ignored);

/* Whether x and the target, inputs 0 and 1, have one shape; else an error. A target of another shape is more often a mistake than
 * meant, and would give a loss of another shape than x. */
bool ct__paired(ct_call *call);

/* y (g - sum(g y)): the gradient of y = softmax. */
ct_tensor *ct__softmax_backward(ct_tensor *g, ct_tensor *y, int axis);

#endif
