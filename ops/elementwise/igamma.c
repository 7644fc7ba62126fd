/* The incomplete gamma functions; see special.h. Abramowitz and Stegun, Handbook of Mathematical Functions: 6.1, 6.5; NIST Digital Library
 * of Mathematical Functions: 8.12. */
#include "special.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>

/* log(x / a) - (x / a - 1). Where x is near a, by the series of the logarithm in s (A&S 4.1.27), its first term taken away by hand:
 * the difference would have lost half of its digits. */
static ct_real log_rest(ct_real a, ct_real x)
{
    ct_real mu = (x - a) / a, s = mu / (2 + mu), square = s * s, series = 0;
    if (fabsl(mu) > 0.5L)
        return logl(x / a) - mu;
    for (int k = 31; k >= 3; k -= 2)
        series = 1.0L / k + square * series;
    return 2 * s * square * series - mu * s;
}

enum { STIRLING = 32, TEMME = 1000000 /* the least a of either */ };

/* x^a exp(-x) / Gamma(a + 1); for large a by Stirling's series (A&S 6.1.40), where the powers of x and a meet in one logarithm. */
static ct_real gamma_power(ct_real a, ct_real x)
{
    int sign;
    if (a < STIRLING)
        return expl(a * logl(x) - x - lgammal_r(a + 1, &sign));
    ct_real square = 1 / (a * a), series = 0;
    for (int k = CT_BERNOULLI; k > 0; k--)
        series = square * series + ct__bernoulli[k - 1] / (2 * k * (2 * k - 1));
    return expl(a * log_rest(a, x) - series / a) / sqrtl(2 * CT_PI * a);
}

enum { MOST_TERMS = 20000 /* below TEMME both converge before */ };

/* A&S 6.5.29; for x < a + 1. */
static ct_real igamma_series(ct_real a, ct_real x)
{
    ct_real sum = 1, term = 1;
    for (int k = 1; k < MOST_TERMS; k++) {
        term *= x / (a + k);
        sum += term;
        if (term < sum * 0x1p-66L)
            return sum * gamma_power(a, x);
    }
    return NAN;
}

/* A&S 6.5.31, by Lentz's method (Numerical Recipes, 6.2); for x >= a + 1. */
static ct_real igammac_fraction(ct_real a, ct_real x)
{
    ct_real b = x + 1 - a, c = LDBL_MAX, d = 1 / b, product = d;
    for (int k = 1; k < MOST_TERMS; k++) {
        ct_real numerator = -k * (k - a);
        b += 2;
        d = 1 / (numerator * d + b);
        c = b + numerator / c;
        product *= d * c;
        if (fabsl(d * c - 1) < CT_REAL_CLOSE)
            return product * gamma_power(a, x) * a;
    }
    return NAN;
}

/* c_0 + c_1 eta + ... of the first two terms of Temme's expansion. */
static const ct_real temme[2][8] = {
    {-1.0L / 3, 1.0L / 12, -2.0L / 135, 1.0L / 864, 1.0L / 2835, -139.0L / 777600, 1.0L / 25515, -571.0L / 261273600},
    {-1.0L / 540, -1.0L / 288, 1.0L / 378, -77.0L / 77760}};

/* Temme's uniform expansion (DLMF 8.12.3, 8.12.4, 8.12.7). From TEMME on it needs no third term, and beyond 1 a share
 * is 0 or 1. */
static ct_real igamma_share_of_large(ct_real a, ct_real x, bool lower)
{
    ct_real rest = log_rest(a, x), eta = copysignl(sqrtl(-2 * rest), x - a);
    ct_real side = lower ? -1 : 1;
    if (fabsl(eta) > 1)
        return side * eta < 0;
    ct_real c[2] = {0, 0};
    for (int n = 0; n < 2; n++)
        for (int k = 7; k >= 0; k--)
            c[n] = c[n] * eta + temme[n][k];
    ct_real correction = expl(a * rest) / sqrtl(2 * CT_PI * a) * (c[0] + c[1] / a);
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
    if (x < (ct_real)a + 1) {
        ct_real below = igamma_series(a, x);
        return (double)(lower ? below : 1 - below);
    }
    ct_real above = igammac_fraction(a, x);
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
