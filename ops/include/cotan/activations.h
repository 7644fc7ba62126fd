/* Activations beyond those of ops.h: hard and shrinking ones, gates, sparse and random softmaxes. y has x's shape but for glu. */
#ifndef COTAN_ACTIVATIONS_H
#define COTAN_ACTIVATIONS_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

CT_API ct_tensor *ct_hardsigmoid(ct_tensor *x); /* x / 6 + 1/2 within 0..1; gradient 0 at the ends */
CT_API ct_tensor *ct_hardswish(ct_tensor *x);   /* x hardsigmoid(x) */
/* x > 0 ? x : alpha (exp(x / alpha) - 1). Error (argument): alpha is 0 or NaN. */
CT_API ct_tensor *ct_celu(ct_tensor *x, double alpha);
CT_API ct_tensor *ct_threshold(ct_tensor *x, double threshold, double value); /* x > threshold ? x : value */
CT_API ct_tensor *ct_hardshrink(ct_tensor *x, double lambda);                 /* |x| > lambda ? x : 0 */
/* x less lambda sign(x), 0 where |x| <= lambda. Error (argument): lambda below 0. */
CT_API ct_tensor *ct_softshrink(ct_tensor *x, double lambda);
CT_API ct_tensor *ct_tanhshrink(ct_tensor *x); /* x - tanh(x) */

/* The first half along axis times the sigmoid of the second; y is half as long there. Error (shape): an odd size. */
CT_API ct_tensor *ct_glu(ct_tensor *x, int axis);
/* softmax((logits + noise) / tau) along axis, the noise drawn from Gumbel's distribution by the thread's generator. hard: 1 at
 * the largest, else 0, with the same gradient. Error (argument): tau <= 0. */
CT_API ct_tensor *ct_gumbel_softmax(ct_tensor *logits, double tau, bool hard, int axis);
/* The distribution along axis that is nearest to x, with zeros where x is small (Martins, Astudillo 2016). */
CT_API ct_tensor *ct_sparsemax(ct_tensor *x, int axis);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_hardsigmoid(x) ct_at(CT_HERE, ct_hardsigmoid(x))
#define ct_hardswish(x) ct_at(CT_HERE, ct_hardswish(x))
#define ct_celu(x, alpha) ct_at(CT_HERE, ct_celu(x, alpha))
#define ct_threshold(x, threshold, value) ct_at(CT_HERE, ct_threshold(x, threshold, value))
#define ct_hardshrink(x, lambda) ct_at(CT_HERE, ct_hardshrink(x, lambda))
#define ct_softshrink(x, lambda) ct_at(CT_HERE, ct_softshrink(x, lambda))
#define ct_tanhshrink(x) ct_at(CT_HERE, ct_tanhshrink(x))
#define ct_glu(x, axis) ct_at(CT_HERE, ct_glu(x, axis))
#define ct_gumbel_softmax(logits, tau, hard, axis) ct_at(CT_HERE, ct_gumbel_softmax(logits, tau, hard, axis))
#define ct_sparsemax(x, axis) ct_at(CT_HERE, ct_sparsemax(x, axis))
#endif

#ifdef __cplusplus
}
#endif
#endif
