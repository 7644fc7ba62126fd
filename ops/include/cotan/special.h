/* Elementwise functions beyond the everyday ones of ops.h: rounding, logarithms and hyperbolic functions, special functions,
 * tests of numbers. As there, they take float32 or float64 of any strides, and y has x's shape, or those of a and b broadcast.
 *
 * lgamma and what stands below it are worked out an element at a time, at some 0.1 us each. */
#ifndef COTAN_SPECIAL_H
#define COTAN_SPECIAL_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rounding ---- */
CT_API ct_tensor *ct_ceil(ct_tensor *x);  /* the smallest integer not below x; gradient 0 */
CT_API ct_tensor *ct_round(ct_tensor *x); /* the nearest integer, of two the even one; gradient 0 */
CT_API ct_tensor *ct_trunc(ct_tensor *x); /* the integer towards 0; gradient 0 */
CT_API ct_tensor *ct_frac(ct_tensor *x);  /* x - trunc(x) */
/* a - b floor(a / b), of b's sign: Python's a % b. And a - b trunc(a / b), of a's sign: C's fmod. NaN where b is 0; integers: an error
 * (argument) that says where. */
CT_API ct_tensor *ct_remainder(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_fmod(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_floor_divide(ct_tensor *a,
                                  ct_tensor *b); /* floor(a / b): Python's a // b; integers as above; gradient 0 */
CT_API ct_tensor *ct_copysign(ct_tensor *a, ct_tensor *b); /* |a| with the sign of b, which -0 has too */
/* 1 for a > 0, b for a = 0, else 0; no gradient. */
CT_API ct_tensor *ct_heaviside(ct_tensor *a, ct_tensor *b);
/* min(max(x, low), high), low and high broadcast; either may be NULL. The gradient goes to what the result is; at a bound, to x. */
CT_API ct_tensor *ct_clamp_tensor(ct_tensor *x, ct_tensor *low, ct_tensor *high);
/* x with NaN and the infinities replaced, there without a gradient. CT_UNSET for 0, and the largest and the lowest number. */
CT_API ct_tensor *ct_nan_to_num(ct_tensor *x, double nan, double posinf, double neginf);

/* ---- bits of integers, no gradient; shapes broadcast ---- */
CT_API ct_tensor *ct_bitwise_not(ct_tensor *x); /* every bit the other: ~x; of bool see ct_logical_not() */
CT_API ct_tensor *ct_bitwise_and(ct_tensor *a, ct_tensor *b); /* a & b; also of bool */
CT_API ct_tensor *ct_bitwise_or(ct_tensor *a, ct_tensor *b);  /* a | b; also of bool */
CT_API ct_tensor *ct_bitwise_xor(ct_tensor *a, ct_tensor *b); /* a ^ b; also of bool */
/* a << b and a >> b, where zeros follow from the right, and the sign from the left. b below 0, or no less than there are bits: 0,
 * and to the right -1 where a is negative. */
CT_API ct_tensor *ct_bitwise_left_shift(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_bitwise_right_shift(ct_tensor *a, ct_tensor *b);
/* Likewise of integers: the greatest common divisor, 0 of 0 and 0, and the least common multiple, 0 beside a 0; neither below 0 but where
 * it wraps. */
CT_API ct_tensor *ct_gcd(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_lcm(ct_tensor *a, ct_tensor *b);

/* ---- tests: bool, no gradient; any dtype but of two bytes ---- */
CT_API ct_tensor *ct_isnan(ct_tensor *x);    /* not a number */
CT_API ct_tensor *ct_isinf(ct_tensor *x);    /* either infinity */
CT_API ct_tensor *ct_isposinf(ct_tensor *x); /* infinity */
CT_API ct_tensor *ct_isneginf(ct_tensor *x); /* -infinity */
CT_API ct_tensor *ct_isfinite(ct_tensor *x); /* neither NaN nor infinite */
CT_API ct_tensor *ct_signbit(ct_tensor *x);  /* true for what is negative, -0 too */

/* ---- exponentials, logarithms, hyperbolic functions, angles ---- */
CT_API ct_tensor *ct_exp2(ct_tensor *x);                    /* 2^x */
CT_API ct_tensor *ct_log10(ct_tensor *x);                   /* logarithm to base 10 */
CT_API ct_tensor *ct_asinh(ct_tensor *x);                   /* inverse hyperbolic sine */
CT_API ct_tensor *ct_acosh(ct_tensor *x);                   /* inverse hyperbolic cosine; NaN below 1 */
CT_API ct_tensor *ct_atanh(ct_tensor *x);                   /* inverse hyperbolic tangent; NaN outside -1..1 */
CT_API ct_tensor *ct_deg2rad(ct_tensor *x);                 /* degrees to radians */
CT_API ct_tensor *ct_rad2deg(ct_tensor *x);                 /* radians to degrees */
CT_API ct_tensor *ct_hypot(ct_tensor *a, ct_tensor *b);     /* sqrt(a^2 + b^2), of any size; gradient 0 where it is 0 */
CT_API ct_tensor *ct_logaddexp(ct_tensor *a, ct_tensor *b); /* log(exp(a) + exp(b)), of any size */
CT_API ct_tensor *ct_xlogy(ct_tensor *a, ct_tensor *b);     /* a log(b), 0 where a is 0 and b not NaN */
CT_API ct_tensor *ct_xlog1py(ct_tensor *a, ct_tensor *b);   /* a log(1 + b), likewise */

/* ---- special functions ---- */
CT_API ct_tensor *ct_erfc(ct_tensor *x);    /* 1 - erf(x), exact for large x */
CT_API ct_tensor *ct_erfinv(ct_tensor *x);  /* the y with erf(y) = x; NaN outside -1..1 */
CT_API ct_tensor *ct_sinc(ct_tensor *x);    /* sin(pi x) / (pi x); 1 at 0 */
CT_API ct_tensor *ct_lgamma(ct_tensor *x);  /* log |Gamma(x)| */
CT_API ct_tensor *ct_digamma(ct_tensor *x); /* the derivative of log |Gamma(x)|; NaN at -1, -2, ... */
/* The n-th derivative of digamma, n = 0, 1, ...; PyTorch's polygamma(n, x). Error (argument): n is not such a number. */
CT_API ct_tensor *ct_polygamma(ct_tensor *x, double n);
/* The sum over k >= 0 of (k + q)^-s: Hurwitz' function, Riemann's for q = 1. Infinite for s = 1, NaN below; for q <= 0 infinite at whole
 * q, else NaN but for whole s. Differentiable to any order by q, and by s, for q > 0, to the eighth: then an error (argument). PyTorch's
 * zeta(s, q) has no gradient for s. */
CT_API ct_tensor *ct_zeta(ct_tensor *s, ct_tensor *q);
CT_API ct_tensor *ct_beta(ct_tensor *a, ct_tensor *b); /* Gamma(a) Gamma(b) / Gamma(a + b), for a, b > 0 */
/* The share of the integral of t^(a-1) exp(-t) from 0 to infinity that lies below x, and above, a >= 0 and x >= 0. Differentiable to
 * any order by x, and by a to the eighth: then an error (argument). PyTorch's have no gradient for a. */
CT_API ct_tensor *ct_igamma(ct_tensor *a, ct_tensor *x);
CT_API ct_tensor *ct_igammac(ct_tensor *a, ct_tensor *x);
CT_API ct_tensor *ct_i0(ct_tensor *x);  /* the modified Bessel function of order 0 */
CT_API ct_tensor *ct_i1(ct_tensor *x);  /* and 1 */
CT_API ct_tensor *ct_i0e(ct_tensor *x); /* exp(-|x|) i0(x); gradient 0 at 0 */
CT_API ct_tensor *ct_i1e(ct_tensor *x); /* exp(-|x|) i1(x) */
/* The Bessel functions of the first and of the second kind, orders 0 and 1; the latter are -infinity at 0, and NaN below. PyTorch's have no
 * gradient. */
CT_API ct_tensor *ct_bessel_j0(ct_tensor *x);
CT_API ct_tensor *ct_bessel_j1(ct_tensor *x);
CT_API ct_tensor *ct_bessel_y0(ct_tensor *x);
CT_API ct_tensor *ct_bessel_y1(ct_tensor *x);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_ceil(x) ct_at(CT_HERE, ct_ceil(x))
#define ct_round(x) ct_at(CT_HERE, ct_round(x))
#define ct_trunc(x) ct_at(CT_HERE, ct_trunc(x))
#define ct_frac(x) ct_at(CT_HERE, ct_frac(x))
#define ct_bitwise_not(x) ct_at(CT_HERE, ct_bitwise_not(x))
#define ct_bitwise_and(a, b) ct_at(CT_HERE, ct_bitwise_and(a, b))
#define ct_bitwise_or(a, b) ct_at(CT_HERE, ct_bitwise_or(a, b))
#define ct_bitwise_xor(a, b) ct_at(CT_HERE, ct_bitwise_xor(a, b))
#define ct_bitwise_left_shift(a, b) ct_at(CT_HERE, ct_bitwise_left_shift(a, b))
#define ct_bitwise_right_shift(a, b) ct_at(CT_HERE, ct_bitwise_right_shift(a, b))
#define ct_gcd(a, b) ct_at(CT_HERE, ct_gcd(a, b))
#define ct_lcm(a, b) ct_at(CT_HERE, ct_lcm(a, b))
#define ct_isnan(x) ct_at(CT_HERE, ct_isnan(x))
#define ct_isinf(x) ct_at(CT_HERE, ct_isinf(x))
#define ct_isposinf(x) ct_at(CT_HERE, ct_isposinf(x))
#define ct_isneginf(x) ct_at(CT_HERE, ct_isneginf(x))
#define ct_isfinite(x) ct_at(CT_HERE, ct_isfinite(x))
#define ct_signbit(x) ct_at(CT_HERE, ct_signbit(x))
#define ct_exp2(x) ct_at(CT_HERE, ct_exp2(x))
#define ct_log10(x) ct_at(CT_HERE, ct_log10(x))
#define ct_asinh(x) ct_at(CT_HERE, ct_asinh(x))
#define ct_acosh(x) ct_at(CT_HERE, ct_acosh(x))
#define ct_atanh(x) ct_at(CT_HERE, ct_atanh(x))
#define ct_deg2rad(x) ct_at(CT_HERE, ct_deg2rad(x))
#define ct_rad2deg(x) ct_at(CT_HERE, ct_rad2deg(x))
#define ct_erfc(x) ct_at(CT_HERE, ct_erfc(x))
#define ct_erfinv(x) ct_at(CT_HERE, ct_erfinv(x))
#define ct_sinc(x) ct_at(CT_HERE, ct_sinc(x))
#define ct_lgamma(x) ct_at(CT_HERE, ct_lgamma(x))
#define ct_digamma(x) ct_at(CT_HERE, ct_digamma(x))
#define ct_i0(x) ct_at(CT_HERE, ct_i0(x))
#define ct_i1(x) ct_at(CT_HERE, ct_i1(x))
#define ct_i0e(x) ct_at(CT_HERE, ct_i0e(x))
#define ct_i1e(x) ct_at(CT_HERE, ct_i1e(x))
#define ct_bessel_j0(x) ct_at(CT_HERE, ct_bessel_j0(x))
#define ct_bessel_j1(x) ct_at(CT_HERE, ct_bessel_j1(x))
#define ct_bessel_y0(x) ct_at(CT_HERE, ct_bessel_y0(x))
#define ct_bessel_y1(x) ct_at(CT_HERE, ct_bessel_y1(x))
#define ct_remainder(a, b) ct_at(CT_HERE, ct_remainder(a, b))
#define ct_fmod(a, b) ct_at(CT_HERE, ct_fmod(a, b))
#define ct_floor_divide(a, b) ct_at(CT_HERE, ct_floor_divide(a, b))
#define ct_copysign(a, b) ct_at(CT_HERE, ct_copysign(a, b))
#define ct_heaviside(a, b) ct_at(CT_HERE, ct_heaviside(a, b))
#define ct_hypot(a, b) ct_at(CT_HERE, ct_hypot(a, b))
#define ct_logaddexp(a, b) ct_at(CT_HERE, ct_logaddexp(a, b))
#define ct_xlogy(a, b) ct_at(CT_HERE, ct_xlogy(a, b))
#define ct_xlog1py(a, b) ct_at(CT_HERE, ct_xlog1py(a, b))
#define ct_beta(a, b) ct_at(CT_HERE, ct_beta(a, b))
#define ct_zeta(s, q) ct_at(CT_HERE, ct_zeta(s, q))
#define ct_igamma(a, x) ct_at(CT_HERE, ct_igamma(a, x))
#define ct_igammac(a, x) ct_at(CT_HERE, ct_igammac(a, x))
#define ct_polygamma(x, n) ct_at(CT_HERE, ct_polygamma(x, n))
#define ct_clamp_tensor(x, low, high) ct_at(CT_HERE, ct_clamp_tensor(x, low, high))
#define ct_nan_to_num(x, nan, posinf, neginf) ct_at(CT_HERE, ct_nan_to_num(x, nan, posinf, neginf))
#endif

#ifdef __cplusplus
}
#endif
#endif
