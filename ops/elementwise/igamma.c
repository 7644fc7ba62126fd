/* The incomplete gamma functions; see special.h. Abramowitz and Stegun, Handbook of Mathematical Functions: 6.1, 6.5; NIST Digital Library
 * of Mathematical Functions: 8.12. */
#include "special.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

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

/* ---- Taylor series in a, of so many coefficients as an order asks for: u[0] + u[1] h + ... at a + h ---- */

enum {
    MOST_TERMS = 20000 /* below TEMME all converge before */,
    LATER = 6 /* orders that Euler and Maclaurin's formula adds */
};
typedef ct_real series[CT_GAMMA_ORDERS + LATER + 1];

/* w = u v; w may be v. */
static void multiply(ct_real *w, const ct_real *u, const ct_real *v, int order)
{
    for (int n = order; n >= 0; n--) {
        ct_real sum = 0;
        for (int j = 0; j <= n; j++)
            sum += u[j] * v[n - j];
        w[n] = sum;
    }
}

/* w = u / v; w may be either. */
static void divide_by(ct_real *w, const ct_real *u, const ct_real *v, int order)
{
    series quotient;
    for (int n = 0; n <= order; n++) {
        quotient[n] = u[n];
        for (int j = 1; j <= n; j++)
            quotient[n] -= v[j] * quotient[n - j];
        quotient[n] /= v[0];
    }
    memcpy(w, quotient, sizeof(ct_real) * (size_t)(order + 1));
}

/* Whether all coefficients of a term or, of a factor, of what it adds to 1, are lost beside what they are to be added to. */
static bool is_lost(const ct_real *term, const ct_real *sum, int order)
{
    for (int j = 0; j <= order; j++)
        if (!(fabsl(term[j]) <= 0x1p-66L * fabsl(sum[j])))
            return false;
    return true;
}

/* x^a / Gamma(a + 1) over itself at h = 0, log x = l; the derivatives of log Gamma are polygammas (DLMF 5.15). */
static void grow(ct_real *e, ct_real a, ct_real l, int order)
{
    series u = {0, order > 0 ? l - ct__digamma_of_positive(a + 1) : 0};
    for (int j = 2; j <= order; j++)
        u[j] = (j % 2 ? 1 : -1) * ct__zeta_of_positive(a + 1, j) / j;
    e[0] = 1;
    for (int n = 1; n <= order; n++) {
        e[n] = 0;
        for (int j = 1; j <= n; j++)
            e[n] += j * u[j] * e[n - j] / n;
    }
}

/* The same of x^a / Gamma(a). */
static void grow_density(ct_real *e, ct_real a, ct_real l, int order)
{
    grow(e, a, l, order);
    for (int n = order; n > 0; n--)
        e[n] += e[n - 1] / a;
}

/* The lower share over gamma_power (A&S 6.5.29); for x < a + 1. */
static void lower_series(ct_real *sum, ct_real a, ct_real x, int order)
{
    series term = {1};
    for (int j = 0; j <= order; j++)
        sum[j] = term[j];
    for (int k = 1; k < MOST_TERMS; k++) {
        series next = {a + k, 1};
        divide_by(term, term, next, order);
        for (int j = 0; j <= order; j++) {
            term[j] *= x;
            sum[j] += term[j];
        }
        if (is_lost(term, sum, order))
            return;
    }
    sum[order] = NAN;
}

/* The upper share over a gamma_power (A&S 6.5.31), by Lentz's method (Numerical Recipes, 6.2); for x >= a + 1. */
static void upper_fraction(ct_real *product, ct_real a, ct_real x, int order)
{
    series one = {1}, b = {x + 1 - a, -1}, c = {LDBL_MAX}, d, step;
    divide_by(d, one, b, order);
    memcpy(product, d, sizeof(ct_real) * (size_t)(order + 1));
    for (int k = 1; k < MOST_TERMS; k++) {
        series numerator = {-k * (k - a), k};
        b[0] += 2;
        multiply(d, numerator, d, order);
        divide_by(c, numerator, c, order);
        for (int j = 0; j <= order && j < 2; j++) {
            d[j] += b[j];
            c[j] += b[j];
        }
        divide_by(d, one, d, order);
        multiply(step, d, c, order);
        multiply(product, step, product, order);
        if (fabsl(step[0] - 1) >= CT_REAL_CLOSE)
            continue;
        step[0] = 0;
        if (is_lost(step, product, order))
            return;
    }
    product[order] = NAN;
}

static ct_real igamma_series(ct_real a, ct_real x)
{
    ct_real sum;
    lower_series(&sum, a, x, 0);
    return sum * gamma_power(a, x);
}

static ct_real igammac_fraction(ct_real a, ct_real x)
{
    ct_real product;
    upper_fraction(&product, a, x, 0);
    return product * gamma_power(a, x) * a;
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

double ct__gamma_density(double a, double x)
{
    if (!(a >= 0 && x >= 0) || isinf(a))
        return NAN;
    if (a == 0 || isinf(x))
        return 0;
    if (x == 0)
        return a > 1 ? 0 : a == 1 ? 1 : INFINITY;
    return (double)(gamma_power(a, x) * a / x);
}

/* ---- derivatives by a ---- */

static ct_real factorial(int n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* By Euler and Maclaurin's formula, from P(a + 1, x) - P(a, x) = -x^a exp(-x) / Gamma(a + 1): the derivative is -(1 - D / 2 + D^2 / 12
 * - D^4 / 720 + ...) of that, D that by a, which makes it smaller sqrt(a) times. */
static ct_real slope_of_large(ct_real a, ct_real l, int k)
{
    series e;
    grow(e, a, l, k - 1 + LATER);
    ct_real sum = factorial(k - 1) * e[k - 1] - factorial(k) * e[k] / 2;
    for (int n = 2; n <= LATER; n += 2)
        sum += ct__bernoulli[n / 2 - 1] / factorial(n) * factorial(n + k - 1) * e[n + k - 1];
    return -sum / a;
}

double ct__igamma_slope(double a, double l, int k)
{
    ct_real x = expl(l);
    if (!(a > 0) || isnan(l))
        return NAN;
    if (isinf(x) || isinf(a))
        return 0;
    if (a >= TEMME)
        return (double)slope_of_large(a, l, k);
    bool lower = x < (ct_real)a + 1;
    series e, s;
    (lower ? grow : grow_density)(e, a, l, k);
    (lower ? lower_series : upper_fraction)(s, a, x, k);
    multiply(s, e, s, k);
    return (double)(factorial(k) * (lower ? s[k] / a : -s[k]));
}

double ct__gamma_growth(double a, double l, int k)
{
    series e;
    if (!(a > 0) || isnan(l))
        return NAN;
    grow_density(e, a, l, k);
    return (double)(factorial(k) * e[k]);
}

/* The logarithm of a share at log x = l, and its slope by l. */
static ct_real log_share(ct_real a, ct_real l, bool lower, ct_real *slope)
{
    ct_real x = expl(l), share;
    int sign;
    if (a >= TEMME) {
        share = igamma_share_of_large(a, x, lower);
        *slope = (lower ? 1 : -1) * a * gamma_power(a, x) / share;
        return logl(share);
    }
    ct_real density = a * l - x - lgammal_r(a, &sign), ratio; /* the logarithm of dP / dl */
    bool below = x < a + 1;
    (below ? lower_series : upper_fraction)(&ratio, a, x, 0);
    ratio = below ? ratio / a : ratio;
    ct_real rest = expl(density) * ratio;
    share = lower == below ? logl(ratio) + density : log1pl(-rest);
    *slope = (lower ? 1 : -1) * (lower == below ? 1 / ratio : expl(density - share));
    return share;
}

/* Newton's method on the logarithm of the smaller share, which is concave in l. */
double ct__gamma_transport(double a, double from, double l)
{
    ct_real slope, y = l;
    if (a == from || isinf(l))
        return l;
    if (!(a > 0 && from > 0) || isinf(a) || isinf(from) || isnan(l))
        return NAN;
    bool lower = expl(l) < (ct_real)from + 1;
    ct_real share = log_share(from, l, lower, &slope);
    for (int k = 0; k < 100; k++) {
        ct_real step = share - log_share(a, y, lower, &slope);
        y += step /= slope;
        if (!(fabsl(step) > 0x1p-56L * (1 + fabsl(y))))
            return (double)y;
    }
    return NAN;
}
