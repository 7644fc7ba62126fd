/* What two gradients that ought to be equal may differ by: rounding. */
#ifndef CT_GRADCHECK_ROUNDING_H
#define CT_GRADCHECK_ROUNDING_H

#include "check.h"

/* How large and how different fa a + fb b (b may be NULL) and got are; NaNs agree. */
typedef struct ct__difference {
    double size, worst;
    double gain; /* of its cotangents' size over that of the check's */
} ct__difference;
ct__difference ct__compare_gradients(const ct_tensor *got, double fa, const ct_tensor *a, double fb,
                                     const ct_tensor *b);

#define CT__EXACT 1e-10 /* of its size: better than any mistake, worse than any sum */

/* Whether a difference between two gradients of input i may be rounding: at most exact of their size, or what is left of cotangents that
 * are far larger, or as much as rounding is seen to do. True with an error without memory. */
bool ct__is_rounding(ct__check *check, int i, const ct__difference *d, double exact);

/* Whether got = fa a + fb b to rounding, all of them gradients of input i: to 1e-10 of its size, and where it is less exact than that (it
 * cancels, or is computed in float32 inside) to what rounding is seen to do to it. True with an error without memory. */
bool ct__same_gradient(ct__check *check, int i, const ct_tensor *got, double fa, const ct_tensor *a, double fb,
                       const ct_tensor *b);
/* The first of n gradients that differ by more than rounding; -1: none. */
int ct__first_different_gradient(ct__check *check, ct_tensor *const *a, ct_tensor *const *b);

/* Tensors to run a check's subject on, and the gradient there. */
typedef struct ct__place {
    ct_tensor *const *x, *const *cotangents, *const *gradient;
} ct__place;
/* By how much each element of the gradient jumps from one number to the next around a place: raises noise[] (float64, one for each
 * input that is wanted) to that. */
ct_status ct__gradient_noise(ct__check *check, ct__place place, ct_tensor **noise);
/* The same at the check's own place, into its noise, once. */
ct_status ct__know_noise(ct__check *check);
/* Copies of n tensors in out, each float moved by so much of its size, or of 1: ties are still ties, and zeros zeros. */
ct_status ct__move_all(ct_tensor *const *tensors, int n, double by, ct_tensor **out);
/* A gradient may be all that is left of numbers that are far larger, as in the tail of a softmax, and off by their rounding the same
 * way at all points close by. Raises noise[] to the rounding of the gradients found within half of x. */
ct_status ct__usual_noise(ct__check *check, ct__place place, ct_tensor **noise);
/* Sees how exact the computed gradients are: by how much they are not linear in the cotangent, if that may be rounding. Returns the
 * first input whose gradient is not linear in *bad, or -1. */
ct_status ct__check_linear(ct__check *check, int *bad);

#endif
