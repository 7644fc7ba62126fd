/* Special functions of doubles, which neither SLEEF nor libm has, or has with too large an error. They are worked out in long
 * double, an element at a time, and rounded once.
 *
 * Nobody's state is touched, and no floating-point exception raised where the result is a number. */
#ifndef CT_SPECIAL_H
#define CT_SPECIAL_H

typedef long double ct_real;
#define CT_PI 3.141592653589793238462643383279502884L

/* To 1, so that a product does not change any more; a long double is no longer than a double on some machines. */
#define CT_REAL_CLOSE (LDBL_EPSILON > 0x1p-63L ? 2 * LDBL_EPSILON : 0x1p-62L)

/* B_2, B_4, ...: Bernoulli's numbers. */
enum { CT_BERNOULLI = 14 };
extern const ct_real ct__bernoulli[CT_BERNOULLI];

/* log |Gamma(x)|; infinite at 0, -1, -2, ... */
double ct__lgamma(double x);
/* Its derivative: -+infinity at +-0, NaN at -1, -2, ... */
double ct__digamma(double x);
ct_real ct__digamma_of_positive(ct_real x);
/* The sum over k >= 0 of (q + k)^-s, continued to any s but 1. For q <= 0 whole s only: NaN for others, infinite at 0, -1, ... */
double ct__hurwitz_zeta(double q, double s);
ct_real ct__zeta_of_positive(ct_real q, ct_real s);
/* The same for s > 1 only, infinite at 1 and NaN below, and its derivative by s of an order up to CT_ZETA_ORDERS: NaN for q <= 0. */
enum { CT_ZETA_ORDERS = 8 };
double ct__zeta_by_s(double s, double q, int order);
double ct__zeta(double s, double q);
/* The y with erf(y) = x. */
double ct__erfinv(double x);
/* The derivative of order k >= 0 of sin(pi x) / (pi x). */
double ct__sinc(double x, int k);
/* The modified Bessel function I of the order v, and the derivative of order k of exp(-|x|) times it; at 0, where it may jump, the mean
 * of both sides. For x < 0 whole v only: NaN for others; of the derivative for x = 0 too. */
double ct__bessel_i(double x, double v);
double ct__bessel_ie(double x, double v, int k);
/* The Bessel functions J and Y of the order v, rounded down: libm's. */
double ct__bessel_j(double x, double v);
double ct__bessel_y(double x, double v);
/* The regularised incomplete gamma functions: of all that the integral of t^(a-1) exp(-t) has, the share below x, and above. For
 * a >= 0 and x >= 0; up to a of 1e8 or so, past which their series are given up (NaN) near x = a. */
double ct__igamma(double a, double x);
double ct__igammac(double a, double x);
/* The first one's derivative by x, x^(a-1) exp(-x) / Gamma(a). */
double ct__gamma_density(double a, double x);
/* Of P(a, x), the share below x = exp(l), the derivative of order k by a, 1 <= k <= CT_GAMMA_ORDERS, over that by l, q = x^a exp(-x) /
 * Gamma(a); and of q the derivative of order k >= 0 by a, over q. The logarithm, so that x may be too small for a double. */
enum { CT_GAMMA_ORDERS = 8 };
double ct__igamma_slope(double a, double l, int k);
double ct__gamma_growth(double a, double l, int k);
/* The y with P(a, exp(y)) = P(from, exp(l)), l itself for a = from. */
double ct__gamma_transport(double a, double from, double l);

#endif
