/* Folding a tensor over axes, which is what every reduction does. */
#ifndef CT_FOLD_H
#define CT_FOLD_H

#include "autograd_internal.h"
#include "kernels_reduce.h"

/* y = the fold of x over the axes in the mask, and, if index is not NULL, where along the one axis it was found. y is
 * contiguous, size_y the bytes of an element. count is what a mean divides by. what is for the message. Errors: memory. */
ct_status ct__fold(ct_reducer_kind kind, const ct_tensor *x, unsigned reduced, double count, void *y, size_t size_y,
                   int64_t *index, const char *what);

#endif
