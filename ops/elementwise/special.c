/* Special functions; see special.h. Series where they converge fast, asymptotic expansions beyond (Abramowitz and Stegun, Handbook
 * of Mathematical Functions: 6.3, 6.5, 9.6, 9.7; NIST Digital Library of Mathematical Functions: 25.11). */
#include "special.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef long double real;

/* To 1, so that a product does not change any more; a long double is no longer than a double on some machines. */
#define CLOSE (LDBL_EPSILON > 0x1p-63L ? 2 * LDBL_EPSILON : 0x1p-62L)

static const real pi = 3.141592653589793238462643383279502884L;

static bool is_whole(double x)
{
    return x == floor(x);
}

/* B_2, B_4, ...: Bernoulli's numbers. */
static const real bernoulli[] = {1.0L / 6,       -1.0L / 30,           1.0L / 42,       -1.0L / 30,
                                 5.0L / 66,      -691.0L / 2730,       7.0L / 6,        -3617.0L / 510,
                                 43867.0L / 798, -174611.0L / 330,     854513.0L / 138, -236364091.0L / 2730,
                                 8553103.0L / 6, -23749461029.0L / 870};
enum { BERNOULLI = sizeof bernoulli / sizeof *bernoulli, FAR = 16 /* from here on the expansions are exact */ };

/* ---- the gamma function's family ---- */

double ct__lgamma(double x)
{
    int sign;
    return x <= 0 && is_whole(x) ? INFINITY : (double)lgammal_r(x, &sign);
}

/* pi cot(pi x), from the distance to the nearest whole number, which is exact. */
static real pi_cotangent(double x)
{
    real distance = (real)x - rintl(x);
    return pi / tanl(pi * distance);
}

/* For x > 0: by the recurrence to FAR, and Stirling's series there (A&S 6.3.5, 6.3.18). */
static real digamma_of_positive(real x)
{
    real sum = 0;
    for (; x < FAR; x++)
        sum -= 1 / x;
    real square = 1 / (x * x), series = 0;
    for (int k = BERNOULLI; k > 0; k--)
        series = square * (bernoulli[k - 1] / (2 * k) + series);
    return sum + logl(x) - 0.5L / x - series;
}

double ct__digamma(double x)
{
    if (x == 0)
        return copysign(INFINITY, -x);
    if (isinf(x) || isnan(x))
        return x > 0 ? x : NAN;
    if (x < 0 && is_whole(x))
        return NAN;
    return (double)(x < 0 ? digamma_of_positive(1 - (real)x) - pi_cotangent(x) : digamma_of_positive(x));
}

/* By Euler and Maclaurin's formula (DLMF 25.11.28), from FAR on. */
static real zeta(real q, real s)
{
    real sum = 0;
    for (; q < FAR; q++)
        sum += powl(q, -s);
    real power = powl(q, -s), square = 1 / (q * q), term = s / q / 2, series = 0;
    for (int k = 1; k <= BERNOULLI; k++) { /* term: s (s + 1) ... (s + 2k - 2) / (2k)! / q^(2k - 1) */
        series += bernoulli[k - 1] * term;
        term *= (s + 2 * k - 1) * (s + 2 * k) * square / ((2 * k + 1) * (2 * k + 2));
    }
    return power == 0 ? sum : sum + power * (q / (s - 1) + 0.5L + series);
}

/* Far below 0, the terms there are those of 1 - f, 2 - f, ... with the sign of (-1)^s, f = q - floor(q), which is exact. */
double ct__hurwitz_zeta(double q, double s)
{
    if (isnan(q) || q == -INFINITY || (q <= 0 && !is_whole(s)))
        return NAN;
    if (q <= 0 && is_whole(q))
        return INFINITY;
    if (q > -64)
        return (double)zeta(q, s);
    real f = (real)q - floorl(q), sign = fmod(s, 2) == 0 ? 1 : -1;
    return (double)(zeta(f, s) + sign * zeta(1 - f, s) - sign * zeta(1 - (real)q, s));
}

/* log(x / a) - (x / a - 1). Where x is near a, by the series of the logarithm in s (A&S 4.1.27), its first term taken away by hand:
 * the difference would have lost half of its digits. */
static real log_rest(real a, real x)
{
    real mu = (x - a) / a, s = mu / (2 + mu), square = s * s, series = 0;
    if (fabsl(mu) > 0.5L)
        return logl(x / a) - mu;
    for (int k = 31; k >= 3; k -= 2)
        series = 1.0L / k + square * series;
    return 2 * s * square * series - mu * s;
}

enum { STIRLING = 32, TEMME = 1000000 /* the least a of either */ };

/* x^a exp(-x) / Gamma(a + 1); for large a by Stirling's series (A&S 6.1.40), where the powers of x and a meet in one logarithm. */
static real gamma_power(real a, real x)
{
    int sign;
    if (a < STIRLING)
        return expl(a * logl(x) - x - lgammal_r(a + 1, &sign));
    real square = 1 / (a * a), series = 0;
    for (int k = BERNOULLI; k > 0; k--)
        series = square * series + bernoulli[k - 1] / (2 * k * (2 * k - 1));
    return expl(a * log_rest(a, x) - series / a) / sqrtl(2 * pi * a);
}

enum { MOST_TERMS = 20000 /* below TEMME both converge before */ };

/* A&S 6.5.29; for x < a + 1. */
static real igamma_series(real a, real x)
{
    real sum = 1, term = 1;
    for (int k = 1; k < MOST_TERMS; k++) {
        term *= x / (a + k);
        sum += term;
        if (term < sum * 0x1p-66L)
            return sum * gamma_power(a, x);
    }
    return NAN;
}

/* A&S 6.5.31, by Lentz's method (Numerical Recipes, 6.2); for x >= a + 1. */
static real igammac_fraction(real a, real x)
{
    real b = x + 1 - a, c = LDBL_MAX, d = 1 / b, product = d;
    for (int k = 1; k < MOST_TERMS; k++) {
        real numerator = -k * (k - a);
        b += 2;
        d = 1 / (numerator * d + b);
        c = b + numerator / c;
        product *= d * c;
        if (fabsl(d * c - 1) < CLOSE)
            return product * gamma_power(a, x) * a;
    }
    return NAN;
}

/* c_0 + c_1 eta + ... of the first two terms of Temme's expansion. */
static const real temme[2][8] = {
    {-1.0L / 3, 1.0L / 12, -2.0L / 135, 1.0L / 864, 1.0L / 2835, -139.0L / 777600, 1.0L / 25515, -571.0L / 261273600},
    {-1.0L / 540, -1.0L / 288, 1.0L / 378, -77.0L / 77760}};

/* Temme's uniform expansion (DLMF 8.12.3, 8.12.4, 8.12.7). From TEMME on it needs no third term, and beyond 1 a share
 * is 0 or 1. */
static real igamma_share_of_large(real a, real x, bool lower)
{
    real rest = log_rest(a, x), eta = copysignl(sqrtl(-2 * rest), x - a);
    real side = lower ? -1 : 1;
    if (fabsl(eta) > 1)
        return side * eta < 0;
    real c[2] = {0, 0};
    for (int n = 0; n < 2; n++)
        for (int k = 7; k >= 0; k--)
            c[n] = c[n] * eta + temme[n][k];
    real correction = expl(a * rest) / sqrtl(2 * pi * a) * (c[0] + c[1] / a);
    return erfcl(side * eta * sqrtl(a / 2)) / 2 + side * correction;
}

/* The lower share if lower, else the upper. */
static double igamma_share(double a, double x, bool lower)
{
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (isinf(a) && isinf(x)))
        return NAN;
    if (x == 0 || isinf(a))
        return !lower;
    if (a == 0 || isinf(x))
        return lower;
    if (a >= TEMME)
        return (double)igamma_share_of_large(a, x, lower);
    if (x < (real)a + 1) {
        real below = igamma_series(a, x);
        return (double)(lower ? below : 1 - below);
    }
    real above = igammac_fraction(a, x);
    return (double)(lower ? 1 - above : above);
}

double ct__igamma(double a, double x)
{
    return igamma_share(a, x, true);
}

double ct__igammac(double a, double x)
{
    return igamma_share(a, x, false);
}

/* ---- the inverse of the error function ---- */

/* To a few digits (Winitzki: A handy approximation for the error function and its inverse, 2008), then Newton's method on the
 * logarithm of erfc, which is nearly a parabola, or near 0 on erf. */
double ct__erfinv(double x)
{
    if (!(fabs(x) < 1))
        return fabs(x) == 1 ? copysign(INFINITY, x) : NAN;
    const real a = 0.147L, slope = 2 / sqrtl(pi);
    real size = fabsl(x), rest = 1 - size, log = logl(rest * (1 + size)), t = 2 / (pi * a) + log / 2;
    real y = size < 1e-4L ? size / slope : sqrtl(sqrtl(t * t - log / a) - t);
    for (int k = 0; k < 5; k++) {
        real density = slope * expl(-y * y);
        if (size < 0.5L)
            y -= (erfl(y) - size) / density;
        else
            y += erfcl(y) * logl(erfcl(y) / rest) / density;
    }
    return (double)copysignl(y, x);
}

/* ---- sin(pi x) / (pi x) ---- */

/* Its power series, k times differentiated. */
static real sinc_series(real x, int k)
{
    real sum = 0, power = 1; /* (-1)^j pi^(2j) x^(2j - k) / (2j + 1)! times 2j (2j - 1) ... (2j - k + 1) */
    int first = (k + 1) / 2;
    for (int j = 1; j <= first; j++)
        power *= -pi * pi / (2 * j * (2 * j + 1));
    for (int i = 0; i < k; i++)
        power *= 2 * first - i;
    if (2 * first > k)
        power *= x;
    for (int j = first; j < first + 40 + 2 * k; j++) {
        sum += power;
        power *= -pi * pi * x * x / ((2 * j + 2 - k) * (2 * j + 1 - k)) * (2 * j + 1) / (2 * j + 3);
    }
    return sum;
}

/* sin(pi x), exact where it is about 0; and cos(pi x) is that of x + 1/2. */
static real sine(real x, bool cosine)
{
    real rest = fabsl(x - 2 * rintl(x / 2)), distance = cosine ? 0.5L - rest : rest > 0.5L ? 1 - rest : rest;
    bool negative = !cosine && x - 2 * rintl(x / 2) < 0;
    return sinl(pi * (negative ? -distance : distance));
}

/* Of x sinc(x) = sin(pi x) / pi the derivatives are x s^(k) + k s^(k-1). */
static real sinc_recurrence(real x, int k)
{
    if (k == 0)
        return sine(x, false) / (pi * x);
    real turn = sine(x, k % 2), power = 1;
    for (int i = 1; i < k; i++)
        power *= pi;
    return ((k / 2 % 2 ? -turn : turn) * power - k * sinc_recurrence(x, k - 1)) / x;
}

double ct__sinc(double x, int k)
{
    if (isinf(x))
        return 0;
    bool near = k == 0 ? x == 0 : fabs(x) < 1 + k / 2.0;
    return (double)(near ? sinc_series(x, k) : sinc_recurrence(x, k));
}

/* ---- modified Bessel functions ---- */

/* A&S 9.6.10, for x > 0, from its smallest term up: all are positive but the first ones of v < -1. */
static real bessel_series(real x, real v)
{
    real quarter = x * x / 4, sum = 1;
    for (int k = (int)x + 30; k > 0; k--)
        sum = 1 + sum * quarter / (k * (k + v));
    int sign;
    real gamma = lgammal_r(v + 1, &sign);
    return sign * sum * expl(v * logl(x / 2) - gamma - x);
}

/* A&S 9.7.1, k times differentiated, for large x. */
static real bessel_expansion(real x, real v, int k)
{
    real term = 1, sum = 0, last = INFINITY; /* of (-1)^j (4 v^2 - 1) (4 v^2 - 9) ... / (j! (8 x)^j) */
    for (int j = 0; j < 60; j++) {
        real derivative = term;
        for (int i = 0; i < k; i++)
            derivative *= -(j + i + 0.5L) / x;
        if (j > fabsl(v) + 1 && !(fabsl(derivative) < last))
            break;
        last = fabsl(derivative);
        sum += derivative;
        real odd = 2 * j + 1;
        term *= -(4 * v * v - odd * odd) / ((j + 1) * 8 * x);
    }
    return sum / sqrtl(2 * pi * x);
}

static real bessel_ie(real x, double v, int k);

/* Of exp(-x) I_v, from those of the orders beside: (I_(v-1) + I_(v+1)) / 2 - I_v. */
static real bessel_derivative(real x, double v, int k)
{
    return (bessel_ie(x, v - 1, k - 1) + bessel_ie(x, v + 1, k - 1)) / 2 - bessel_ie(x, v, k - 1);
}

/* The k-th derivative of exp(-|x|) I_v(x). Orders below 0 are those above where they are whole. */
static real bessel_ie(real x, double v, int k)
{
    bool whole = is_whole(v);
    if (whole && v < 0)
        v = -v;
    if (x < 0)
        return !whole ? NAN : fmod(v + k, 2) == 0 ? bessel_ie(-x, v, k) : -bessel_ie(-x, v, k);
    if (!(x <= 36 + (real)v * v)) /* NaN too */
        return isinf(x) ? 0 : bessel_expansion(x, v, k);
    if (k > 0)
        return bessel_derivative(x, v, k);
    if (x == 0)
        return v == 0 ? 1 : v > 0 ? 0 : INFINITY;
    return bessel_series(x, v);
}

double ct__bessel_ie(double x, double v, int k)
{
    return x == 0 && fmod(v + k, 2) != 0 ? 0 : (double)bessel_ie(x, v, k);
}

double ct__bessel_i(double x, double v)
{
    if (isinf(x))
        return INFINITY * (double)bessel_ie(copysign(1, x), v, 0);
    real scaled = bessel_ie(x, v, 0);
    return scaled == 0 ? (double)scaled : (double)(scaled * expl(fabsl(x)));
}
