/* Special functions; see special.h. Series where they converge fast, asymptotic expansions beyond (Abramowitz and Stegun, Handbook
 * of Mathematical Functions: 6.3, 9.6, 9.7; NIST Digital Library of Mathematical Functions: 25.11). */
#include "special.h"
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

typedef ct_real real;

static bool is_whole(double x)
{
    return x == floor(x);
}

const real ct__bernoulli[] = {1.0L / 6,       -1.0L / 30,           1.0L / 42,       -1.0L / 30,
                              5.0L / 66,      -691.0L / 2730,       7.0L / 6,        -3617.0L / 510,
                              43867.0L / 798, -174611.0L / 330,     854513.0L / 138, -236364091.0L / 2730,
                              8553103.0L / 6, -23749461029.0L / 870};
enum { FAR = 16 /* from here on the expansions are exact */ };

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
    return CT_PI / tanl(CT_PI * distance);
}

/* For x > 0: by the recurrence to FAR, and Stirling's series there (A&S 6.3.5, 6.3.18). */
real ct__digamma_of_positive(real x)
{
    real sum = 0;
    for (; x < FAR; x++)
        sum -= 1 / x;
    real square = 1 / (x * x), series = 0;
    for (int k = CT_BERNOULLI; k > 0; k--)
        series = square * (ct__bernoulli[k - 1] / (2 * k) + series);
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
    return (double)(x < 0 ? ct__digamma_of_positive(1 - (real)x) - pi_cotangent(x) : ct__digamma_of_positive(x));
}

/* Powers of h up to h^order times those of (a + h). */
static void times_linear(real *c, int order, real a)
{
    for (int j = order; j > 0; j--)
        c[j] = c[j] * a + c[j - 1];
    c[0] *= a;
}

/* What is left of the sum from q on, over q^-(s + h): by Euler and Maclaurin's formula (DLMF 25.11.28), in powers of h. */
static void zeta_rest(real q, real s, int order, real *c)
{
    real square = 1 / (q * q), term[CT_ZETA_ORDERS + 1] = {1 / (2 * q)}, pole = q / (s - 1);
    for (int j = 0; j <= order; j++, pole /= 1 - s)
        c[j] = pole;
    c[0] += 0.5L;
    times_linear(term, order, s);
    for (int k = 1; k <= CT_BERNOULLI; k++) { /* term: s (s + 1) ... (s + 2k - 2) / (2k)! / q^(2k - 1) */
        for (int j = 0; j <= order; j++) {
            c[j] += ct__bernoulli[k - 1] * term[j];
            term[j] *= square / ((2 * k + 1) * (2 * k + 2));
        }
        times_linear(term, order, s + 2 * k - 1);
        times_linear(term, order, s + 2 * k);
    }
}

/* The coefficient of h^order in exp(-h l) times c. */
static real times_power(const real *c, real l, int order)
{
    real sum = 0, factor = 1;
    for (int j = 0; j <= order; j++) {
        sum += factor * c[order - j];
        factor *= -l / (j + 1);
    }
    return sum;
}

/* Of the sum over k of (q + k)^-s, q > 0, the derivative by s of that order: term by term as far as the formula needs it, or as terms count.
 * Where a power is 0 no logarithm makes more of it. */
static real zeta_by_s(real q, real s, int order)
{
    real sum = 0, factor = 1, c[CT_ZETA_ORDERS + 1] = {0}, power = powl(q, -s);
    for (; (q < FAR || q < s) && power != 0; power = powl(++q, -s)) {
        real term = power;
        for (int j = 0; j < order; j++)
            term *= -logl(q);
        sum += term;
        if (q > 2 && fabsl(term) * q < CT_REAL_CLOSE * fabsl(sum) / 4)
            return sum;
    }
    if (power == 0)
        return sum;
    for (int j = 2; j <= order; j++)
        factor *= j;
    zeta_rest(q, s, order, c);
    return sum + power * factor * times_power(c, logl(q), order);
}

real ct__zeta_of_positive(real q, real s)
{
    return zeta_by_s(q, s, 0);
}

/* Far below 0, the terms there are those of 1 - f, 2 - f, ... with the sign of (-1)^s, f = q - floor(q), which is exact. */
double ct__hurwitz_zeta(double q, double s)
{
    if (isnan(q) || q == -INFINITY || (q <= 0 && !is_whole(s)))
        return NAN;
    if (q <= 0 && is_whole(q))
        return INFINITY;
    if (q > -64)
        return (double)ct__zeta_of_positive(q, s);
    real f = (real)q - floorl(q), sign = fmod(s, 2) == 0 ? 1 : -1;
    return (double)(ct__zeta_of_positive(f, s) + sign * ct__zeta_of_positive(1 - f, s) -
                    sign * ct__zeta_of_positive(1 - (real)q, s));
}

double ct__zeta_by_s(double s, double q, int order)
{
    if (isnan(q) || !(s >= 1))
        return NAN;
    if (s == 1)
        return order % 2 ? -INFINITY : INFINITY;
    if (order == 0)
        return ct__hurwitz_zeta(q, s);
    return q > 0 ? (double)zeta_by_s(q, s, order) : NAN;
}

double ct__zeta(double s, double q)
{
    return ct__zeta_by_s(s, q, 0);
}

/* ---- the inverse of the error function ---- */

/* To a few digits (Winitzki: A handy approximation for the error function and its inverse, 2008), then Newton's method on the
 * logarithm of erfc, which is nearly a parabola, or near 0 on erf. */
double ct__erfinv(double x)
{
    if (!(fabs(x) < 1))
        return fabs(x) == 1 ? copysign(INFINITY, x) : NAN;
    const real a = 0.147L, slope = 2 / sqrtl(CT_PI);
    real size = fabsl(x), rest = 1 - size, log = logl(rest * (1 + size)), t = 2 / (CT_PI * a) + log / 2;
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
        power *= -CT_PI * CT_PI / (2 * j * (2 * j + 1));
    for (int i = 0; i < k; i++)
        power *= 2 * first - i;
    if (2 * first > k)
        power *= x;
    for (int j = first; j < first + 40 + 2 * k; j++) {
        sum += power;
        power *= -CT_PI * CT_PI * x * x / ((2 * j + 2 - k) * (2 * j + 1 - k)) * (2 * j + 1) / (2 * j + 3);
    }
    return sum;
}

/* sin(pi x), exact where it is about 0; and cos(pi x) is that of x + 1/2. */
static real sine(real x, bool cosine)
{
    real rest = fabsl(x - 2 * rintl(x / 2)), distance = cosine ? 0.5L - rest : rest > 0.5L ? 1 - rest : rest;
    bool negative = !cosine && x - 2 * rintl(x / 2) < 0;
    return sinl(CT_PI * (negative ? -distance : distance));
}

/* Of x sinc(x) = sin(pi x) / pi the derivatives are x s^(k) + k s^(k-1). */
static real sinc_recurrence(real x, int k)
{
    if (k == 0)
        return sine(x, false) / (CT_PI * x);
    real turn = sine(x, k % 2), power = 1;
    for (int i = 1; i < k; i++)
        power *= CT_PI;
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
    return sum / sqrtl(2 * CT_PI * x);
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

/* ---- Bessel functions ---- */

double ct__bessel_j(double x, double v)
{
    return isinf(x) ? 0 : jn((int)floor(v), x);
}

/* Y_-v is (-1)^v Y_v. */
double ct__bessel_y(double x, double v)
{
    if (isnan(x) || x < 0)
        return NAN;
    return isinf(x) ? 0 : x == 0 ? (v < 0 && fmod(floor(v), 2) != 0 ? INFINITY : -INFINITY) : yn((int)floor(v), x);
}
