/* Vector functions that SLEEF does not have, or has with too short a range. Include after simd.h, once for each T.
 *
 * Invariant: a lane's value depends on that lane alone, also where V_ANY decides whether rare lanes are worked on at all. */
#include "special.h"
#include <math.h>

#undef V_TINY
#undef V_EPSILON
#undef V_LARGE
#undef V_HUGE
#undef V_TAIL
#undef V_LOW_BITS
#if T_IS_DOUBLE
#define V_TINY 0x1p-1022  /* the smallest normal number */
#define V_EPSILON 0x1p-53 /* half a unit in the last place of 1 */
#define V_LARGE 708       /* up to here exp and its reciprocal are normal numbers */
#define V_HUGE 0x1p60     /* from here on log(1 + x) is log(x) */
#define V_TAIL 40         /* exp(-x^2 / 2) is 0 past it */
#define V_LOW_BITS 0x7ffffff
#else
#define V_TINY 0x1p-126f
#define V_EPSILON 0x1p-24f
#define V_LARGE 87
#define V_HUGE 0x1p30f
#define V_TAIL 15
#define V_LOW_BITS 0xfff
#endif

/* ---- SLEEF's functions, kept from arguments for which they raise FE_INVALID or FE_DIVBYZERO while the result is a number ---- */

static inline vec V_JOIN(expm1_, vec)(vec x)
{
    return (vec)V_SLEEF(expm1, u10)(V_WITHIN(x, T_IS_DOUBLE ? 760 : 110));
}

/* 1 to the last digit from 6 on. */
static inline vec V_JOIN(erf_, vec)(vec x)
{
    return (vec)V_SLEEF(erf, u10)(V_WITHIN(x, 10));
}

/* A function of numbers for each lane. For rounding the compiler knows the instructions. */
#define LANES_OF(name, f, of_float)                                             \
    static inline vec V_JOIN(name##_, vec)(vec x)                               \
    {                                                                           \
        for (int64_t k = 0; k < LANES; k++)                                     \
            x[k] = T_IS_DOUBLE ? (T)f((double)x[k]) : (T)of_float((float)x[k]); \
        return x;                                                               \
    }
#define LANES_OF_TWO(name, f)                            \
    static inline vec V_JOIN(name##_, vec)(vec a, vec b) \
    {                                                    \
        for (int64_t k = 0; k < LANES; k++)              \
            a[k] = (T)f((double)a[k], (double)b[k]);     \
        return a;                                        \
    }
LANES_OF(floor, __builtin_floor, __builtin_floorf)
LANES_OF(ceil, __builtin_ceil, __builtin_ceilf)
LANES_OF(round, __builtin_rint, __builtin_rintf)
LANES_OF(trunc, __builtin_trunc, __builtin_truncf)
LANES_OF(lgamma, ct__lgamma, ct__lgamma)
LANES_OF(digamma, ct__digamma, ct__digamma)
LANES_OF(erfinv, ct__erfinv, ct__erfinv)
LANES_OF_TWO(zeta, ct__hurwitz_zeta)
LANES_OF_TWO(zeta_of_s, ct__zeta)
LANES_OF_TWO(bessel_i, ct__bessel_i)
LANES_OF_TWO(bessel_j, ct__bessel_j)
LANES_OF_TWO(bessel_y, ct__bessel_y)
LANES_OF_TWO(igamma, ct__igamma)
LANES_OF_TWO(igammac, ct__igammac)
LANES_OF_TWO(gamma_density, ct__gamma_density)
LANES_OF_TWO(fmod, fmod) /* exact, of floats too */
#undef LANES_OF
#undef LANES_OF_TWO

/* x to the last digit about 0, as asin is. */
static inline vec V_JOIN(tan_, vec)(vec x)
{
    mask small = V_ABS(x) < V_EPSILON;
    return V_SELECT(small, x, (vec)V_SLEEF(tan, u10)(V_SELECT(small, V_ONE, x)));
}

static inline vec V_JOIN(asin_, vec)(vec x)
{
    const T half_pi = (T)1.5707963267948966;
    mask small = V_ABS(x) < V_EPSILON, end = V_ABS(x) == 1;
    vec y = (vec)V_SLEEF(asin, u10)(V_SELECT(small | end, V_ONE / 2, x));
    return V_SELECT(small, x, V_SELECT(end, x * half_pi, y));
}

static inline vec V_JOIN(acos_, vec)(vec x)
{
    const T half_pi = (T)1.5707963267948966;
    mask small = V_ABS(x) < V_EPSILON, end = V_ABS(x) == 1;
    vec y = (vec)V_SLEEF(acos, u10)(V_SELECT(small | end, V_ONE / 2, x));
    return V_SELECT(small, half_pi - x, V_SELECT(end, (1 - x) * half_pi, y));
}

/* Of zero, and where the result is past all exponents, from a sign to the power b: -1 where b is odd, NaN where it is not whole.
 * SLEEF's would convert an exponent or a b to an integer that cannot hold it, and raise FE_INVALID. */
static inline vec V_JOIN(pow_, vec)(vec a, vec b)
{
    const T most = T_IS_DOUBLE ? 1100 : 160; /* of |b| min(||a| - 1|, 1/2), which is below |b log2(a)| */
    const T largest =
        T_IS_DOUBLE ? (T)0x1.fffffp61 : (T)0x1.fffffep30; /* from here on b is even, and all but 1 are past */
    vec size = V_ABS(a), unit = (vec)(((mask)a & (mask)-V_ZERO) | (mask)V_ONE);
    mask past = (a == 0) | ((a == a) & (V_ABS(b) * V_MIN(V_ABS(size - 1), V_ONE / 2) > most));
    if (V_ANY(past)) /* of -1 to what is not whole the C library's raises it as well */
        unit = V_SELECT((a == 0) & (V_JOIN(trunc_, vec)(b) != b), V_ONE, unit);
    vec y = (vec)V_SLEEF(pow, u10)(V_SELECT(past, unit, a), V_WITHIN(b, largest));
    if (V_ANY(past)) {
        vec end = V_SELECT((size > 1) == (b > 0), V_SPLAT(INFINITY), V_ZERO);
        end = V_SELECT(b == 0, V_ONE, V_SELECT(b != b, b, end));
        y = V_SELECT(past & ((a == 0) | (y == y)), V_SELECT(y == -1, -end, end), y);
    }
    return V_SELECT(b == 1, a, y); /* SLEEF's overflows before the largest number */
}

static inline vec V_JOIN(exp2_, vec)(vec x)
{
    return (vec)V_SLEEF(exp2, u10)(V_WITHIN(x, T_IS_DOUBLE ? 1100 : 160));
}

static inline vec V_JOIN(erfc_, vec)(vec x)
{
    mask small = V_ABS(x) < V_EPSILON;
    return V_SELECT(small, V_ONE, (vec)V_SLEEF(erfc, u15)(V_SELECT(small, V_ONE, V_WITHIN(x, 28))));
}

static inline vec V_JOIN(atanh_, vec)(vec x)
{
    mask small = V_ABS(x) < V_EPSILON;
    return V_SELECT(small, x, (vec)V_SLEEF(atanh, u10)(V_SELECT(small, V_ONE / 2, x)));
}

/* x as it is about 0. */
static inline vec V_JOIN(asinh_, vec)(vec x)
{
    const T log_2 = (T)0.6931471805599453;
    mask small = V_ABS(x)<V_EPSILON, large = V_ABS(x)> V_HUGE;
    vec y = V_SELECT(small, x, (vec)V_SLEEF(asinh, u10)(V_SELECT(small | large, V_ONE, x)));
    if (V_ANY(large)) {
        vec log = V_LOG(V_SELECT(large, V_ABS(x), V_ONE)) + log_2;
        y = V_SELECT(large, V_SELECT(x < 0, -log, log), y);
    }
    return y;
}

static inline vec V_JOIN(acosh_, vec)(vec x)
{
    const T log_2 = (T)0.6931471805599453;
    mask large = x > V_HUGE, end = x == 1;
    vec y = V_SELECT(end, V_ZERO, (vec)V_SLEEF(acosh, u10)(V_SELECT(large | end, 2 * V_ONE, x)));
    if (V_ANY(large))
        y = V_SELECT(large, V_LOG(V_SELECT(large, x, V_ONE)) + log_2, y);
    return y;
}

#define V_EXPM1 V_JOIN(expm1_, vec)
#define V_EXP2 V_JOIN(exp2_, vec)
#define V_ERFC V_JOIN(erfc_, vec)
#define V_ASINH V_JOIN(asinh_, vec)
#define V_ACOSH V_JOIN(acosh_, vec)
#define V_ATANH V_JOIN(atanh_, vec)
#define V_CEIL V_JOIN(ceil_, vec)
#define V_ROUND V_JOIN(round_, vec)
#define V_TRUNC V_JOIN(trunc_, vec)
#define V_LGAMMA V_JOIN(lgamma_, vec)
#define V_DIGAMMA V_JOIN(digamma_, vec)
#define V_ERFINV V_JOIN(erfinv_, vec)
#define V_ZETA V_JOIN(zeta_, vec)
#define V_ZETA_OF_S V_JOIN(zeta_of_s_, vec)
#define V_BESSEL_I V_JOIN(bessel_i_, vec)
#define V_BESSEL_J V_JOIN(bessel_j_, vec)
#define V_BESSEL_Y V_JOIN(bessel_y_, vec)
#define V_IGAMMA V_JOIN(igamma_, vec)
#define V_IGAMMAC V_JOIN(igammac_, vec)
#define V_GAMMA_DENSITY V_JOIN(gamma_density_, vec)
#define V_FMOD V_JOIN(fmod_, vec)
#define V_ERF V_JOIN(erf_, vec)
#define V_FLOOR V_JOIN(floor_, vec)
#define V_TAN V_JOIN(tan_, vec)
#define V_ASIN V_JOIN(asin_, vec)
#define V_ACOS V_JOIN(acos_, vec)
#define V_POW V_JOIN(pow_, vec)

/* ---- bounds and products ---- */

/* As PyTorch's: high wins where it is below low, and a NaN among the three is the result. */
static inline vec V_JOIN(clamp_, vec)(vec x, vec low, vec high)
{
    vec none = V_SELECT((low != low) | (high != high), V_SPLAT(NAN), V_ZERO);
    return V_MIN(high, V_MAX(low, x)) - none;
}

/* a b, but 0 for 0 times infinity. */
static inline vec V_JOIN(mul_or_zero_, vec)(vec a, vec b)
{
    vec y = a * b;
    return V_SELECT((y != y) & (a == a) & (b == b), V_ZERO, y);
}

/* a + weight (b - a), from the nearer end, as PyTorch does: weight 0 gives a and weight 1 gives b to the last digit. By halves of
 * the difference, which may itself overflow. */
static inline vec V_JOIN(lerp_, vec)(vec a, vec b, vec weight)
{
    vec half = b / 2 - a / 2;
    return V_SELECT(V_ABS(weight) < (T)0.5, a + 2 * weight * half, b - 2 * (1 - weight) * half);
}

/* The size of a with the sign of b. */
static inline vec V_JOIN(copysign_, vec)(vec a, vec b)
{
    return (vec)((mask)V_ABS(a) | ((mask)b & (mask)-V_ZERO));
}

/* What is left of a beside the multiples of b: of b's sign. */
static inline vec V_JOIN(remainder_, vec)(vec a, vec b)
{
    vec rest = V_FMOD(a, b);
    return V_SELECT((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest);
}

/* floor(a / b), of the exact quotient: Python's a // b, as PyTorch has it. */
static inline vec V_JOIN(floor_divide_, vec)(vec a, vec b)
{
    vec rest = V_FMOD(a, b), quotient = (a - rest) / b;
    quotient -= V_SELECT((rest != 0) & ((rest < 0) != (b < 0)), V_ONE, V_ZERO);
    vec below = V_FLOOR(quotient);
    below += V_SELECT(quotient - below > (T)0.5, V_ONE, V_ZERO);
    below = V_SELECT(quotient == 0, V_JOIN(copysign_, vec)(V_ZERO, a / b), below);
    return V_SELECT(b == 0, a / b, below);
}

/* a log, 0 where a is 0 whatever the logarithm but NaN. */
static inline vec V_JOIN(times_log_, vec)(vec a, vec log, vec b)
{
    return V_SELECT(b != b, b, V_SELECT(a == 0, V_ZERO, a * log));
}

/* The upper half of the significant bits: products of two such are exact. */
static inline vec V_JOIN(upper_, vec)(vec x)
{
    return (vec)((mask)x & ~(integer)V_LOW_BITS);
}

/* ---- exp and what is made of it ---- */

/* a exp(x), where exp(x) alone might overflow, or lose digits at the lower end of the range, and the product does not. */
static inline vec V_JOIN(times_exp_, vec)(vec a, vec x)
{
    vec root = V_EXP(x / 2);
    return a * root * root;
}

/* exp(-p x^2), p a power of two; x^2 = s + rest exactly. Past 40 it is 0 in any format. */
static inline vec V_JOIN(gaussian_, vec)(vec x, vec p)
{
    x = V_WITHIN(x, 40);
    vec high = V_JOIN(upper_, vec)(x), low = x - high, s = x * x;
    vec rest = high * high - s + 2 * high * low + low * low;
    return V_EXP(-p * s) * (1 - p * rest);
}

/* sinh and cosh as exp(|x|) / 2 where SLEEF's are already infinite (fdlibm's e_sinh.c and e_cosh.c do so). */
static inline vec V_JOIN(sinh_, vec)(vec x)
{
    mask large = V_ABS(x) > V_LARGE;
    vec y = (vec)V_SLEEF(sinh, u10)(V_SELECT(large, V_ONE, x));
    if (V_ANY(large))
        y = V_SELECT(large, V_JOIN(times_exp_, vec)(V_SELECT(x < 0, -V_ONE, V_ONE) / 2, V_ABS(x)), y);
    return y;
}

static inline vec V_JOIN(cosh_, vec)(vec x)
{
    mask large = V_ABS(x) > V_LARGE;
    vec y = (vec)V_SLEEF(cosh, u10)(V_SELECT(large, V_ONE, x));
    if (V_ANY(large))
        y = V_SELECT(large, V_JOIN(times_exp_, vec)(V_ONE / 2, V_ABS(x)), y);
    return y;
}

static inline vec V_JOIN(log1p_, vec)(vec x)
{
    mask huge = x > V_HUGE;
    vec y = (vec)V_SLEEF(log1p, u10)(V_SELECT(huge, V_ONE, x));
    if (V_ANY(huge))
        y = V_SELECT(huge, V_LOG(V_SELECT(huge, x, V_ONE)), y);
    return y;
}

/* log(exp(a) + exp(b)), exact where both are far from 0, or infinite. */
static inline vec V_JOIN(logaddexp_, vec)(vec a, vec b)
{
    const T log_2 = (T)0.6931471805599453;
    mask same = a == b;
    vec rest = V_JOIN(log1p_, vec)(V_EXP(-V_ABS(V_SELECT(same, V_ZERO, a - b))));
    return V_SELECT(same, a + log_2, V_SELECT((a > b) | (a != a), a, b) + rest);
}

/* The logistic function, from exp(-|x|), which does not overflow. */
static inline vec V_JOIN(sigmoid_, vec)(vec x)
{
    vec e = V_EXP(-V_ABS(x));
    return V_SELECT(x < 0, e, V_ONE) / (1 + e);
}

/* Its derivative, and tanh's: also where the functions themselves are 1 to the last digit. */
static inline vec V_JOIN(sigmoid_slope_, vec)(vec x)
{
    vec e = V_EXP(-V_ABS(x)), sum = 1 + e;
    return e / (sum * sum);
}

static inline vec V_JOIN(tanh_slope_, vec)(vec x)
{
    vec e = V_EXP(-2 * V_ABS(x)), sum = 1 + e;
    return 4 * e / (sum * sum);
}

/* ---- activations ---- */

static inline vec V_JOIN(silu_, vec)(vec x)
{
    mask low = x < -V_LARGE;
    vec y = V_SELECT(low, V_ZERO, x) * V_JOIN(sigmoid_, vec)(x);
    if (V_ANY(low)) {
        vec bounded = V_AT_LEAST(x, -3 * V_LARGE);
        y = V_SELECT(low, V_JOIN(times_exp_, vec)(bounded, bounded), y);
    }
    return y;
}

/* s (1 + x (1 - s)), s = sigmoid(x). */
static inline vec V_JOIN(silu_slope_, vec)(vec x)
{
    vec e = V_EXP(-V_ABS(x)), left = V_SELECT(x < 0, e, V_ONE), right = V_SELECT(x < 0, V_ONE, e);
    x = V_WITHIN(x, 3 * V_LARGE);
    return left / (1 + e) * (1 + x * (right / (1 + e)));
}

/* R(t) = (1 - P(t)) exp(t^2 / 2) for t of 0 to 40 (15 in float32), P the normal distribution function: (t + 4) R(t) is smooth in
 * u = (t - 4) / (t + 4), in which it is interpolated at Chebyshev's points, to 2^-28 and 2^-57. tests/accuracy_data.py prints the
 * coefficients, that of the highest power first. */
static inline vec V_JOIN(normal_tail_, vec)(vec t)
{
#if T_IS_DOUBLE
    static const T coefficients[] = {
        -7.227674920350449e-10, -2.5113729286941662e-09, 1.9176952653501522e-09,  1.9587727444446167e-08,
        1.32610923300199e-08,   -8.5369913533426084e-08, -1.5492713238873269e-07, 2.717809948345e-07,
        1.0215205012909071e-06, -6.2968968380929978e-07, -5.9201561614745081e-06, 7.1666613923104586e-07,
        3.5144680670755621e-05, -1.9082589727909575e-06, -0.00023109493413064064, 0.00013334431255921389,
        0.0016308184574697466,  -0.0034796923674129138,  -0.0075401889667193814,  0.060396574890937693,
        -0.18652185795965745,   0.38713740074221453,     -0.60789664197189208,    0.75528513041575152};
#else
    static const T coefficients[] = {-5.15565916e-05f, -0.00023179868f, 0.000171054606f, 0.00164521928f,
                                     -0.00348931737f,  -0.00754526816f, 0.0603975318f,   -0.186521277f,
                                     0.387137353f,     -0.607896686f,   0.755285144f};
#endif
    vec r = 1 / (t + 4), u = (t - 4) * r, sum = V_SPLAT(coefficients[0]);
    for (size_t i = 1; i < sizeof coefficients / sizeof *coefficients; i++)
        sum = V_FMA(sum, u, V_SPLAT(coefficients[i]));
    return sum * r;
}

/* x P(x) */
static inline vec V_JOIN(gelu_, vec)(vec x)
{
    vec near = V_WITHIN(x, V_TAIL);
    vec tail = near * V_JOIN(normal_tail_, vec)(V_ABS(near)) * V_JOIN(gaussian_, vec)(near, V_ONE / 2);
    return V_SELECT(x < 0, tail, x - tail);
}

/* P(x) + x p(x), p the density. */
static inline vec V_JOIN(gelu_slope_, vec)(vec x)
{
    x = V_WITHIN(x, V_TAIL);
    vec t = V_ABS(x), rest = V_JOIN(normal_tail_, vec)(t) - t * (T)0.39894228040143268;
    rest *= V_JOIN(gaussian_, vec)(x, V_ONE / 2);
    return V_SELECT(x < 0, rest, 1 - rest);
}

/* a b = *high + *low, but for a rounding error of low; high is a b rounded. */
static inline void V_JOIN(exact_product_, vec)(vec a, vec b, vec *high, vec *low)
{
    vec a1 = V_JOIN(upper_, vec)(a), a2 = a - a1, b1 = V_JOIN(upper_, vec)(b), b2 = b - b1;
    *high = a * b;
    *low = a1 * b1 - *high + a1 * b2 + a2 * b1 + a2 * b2;
}

/* 2 sqrt(2/pi) (x + 0.044715 x^3): by tanh, gelu is x sigmoid(that). As a sum, since in the tail exp multiplies its relative error
 * by its size, some 700; and 0.044715 is the nearest double. */
static inline vec V_JOIN(cubic_, vec)(vec x, vec *rest)
{
    const T linear = (T)1.5957691216057308, cubic = (T)0.071354816272600249;
    const T linear_rest = T_IS_DOUBLE ? -9.9693088091109202e-17 : (T)-4.53406804e-08,
            cubic_rest = T_IS_DOUBLE ? -4.1218577217431825e-18 : (T)2.3988324e-09;
    vec square, square_rest, product, product_rest, high, low;
    V_JOIN(exact_product_, vec)(x, x, &square, &square_rest);
    V_JOIN(exact_product_, vec)(square, V_SPLAT(cubic), &product, &product_rest);
    vec sum = product + linear, added = sum - product, sum_rest = (product - (sum - added)) + (linear - added);
    V_JOIN(exact_product_, vec)(x, sum, &high, &low);
    *rest = low + x * (sum_rest + product_rest + linear_rest + cubic * square_rest + cubic_rest * square);
    return high;
}

static inline vec V_JOIN(gelu_tanh_, vec)(vec x)
{
    vec bounded = V_WITHIN(x, 40), rest, v = V_JOIN(cubic_, vec)(bounded, &rest);
    vec tail = V_AT_LEAST(x, -40), e = V_EXP(-V_ABS(v));
    vec y = V_SELECT(v < 0, tail * e, tail);
    mask lost = v < -V_LARGE;
    if (V_ANY(lost))
        y = V_SELECT(lost, V_JOIN(times_exp_, vec)(tail, V_AT_LEAST(v, -3 * V_LARGE)), y);
    return y / (1 + e) * (1 + rest * V_SELECT(v < 0, V_ONE, e) / (1 + e));
}

static inline vec V_JOIN(gelu_tanh_slope_, vec)(vec x)
{
    x = V_WITHIN(x, 40);
    vec rest, v = V_JOIN(cubic_, vec)(x, &rest), slope = (T)1.5957691216057308 + (T)0.21406444881780075 * (x * x);
    vec e = V_EXP(-V_ABS(v)), left = V_SELECT(v < 0, e + e * rest, V_ONE), right = V_SELECT(v < 0, V_ONE, e);
    return left / (1 + e) * (1 + x * slope * (right / (1 + e)));
}

/* ---- powers and angles ---- */

/* c a^b, c a number or a logarithm: also where a^b alone overflows or loses digits, and 0 for c = 0. */
static inline vec V_JOIN(times_pow_, vec)(vec c, vec a, vec b)
{
    vec power = V_POW(a, b), y = c * power;
    mask lost = (V_ABS(power) < V_TINY) | (V_ABS(power) == INFINITY);
    lost &= (a != 0) & (V_ABS(a) < INFINITY) & (V_ABS(b) < INFINITY);
    if (V_ANY(lost)) {
        vec root = V_POW(V_ABS(a), b / 2), product = c * root * root;
        y = V_SELECT(lost, (vec)((mask)product ^ ((mask)power & (mask)-V_ZERO)), y);
    }
    return V_SELECT(c == 0, V_ZERO, y);
}

/* b a^(b-1), from a^b where b - 1 is b. */
static inline vec V_JOIN(pow_slope_, vec)(vec a, vec b)
{
    vec y = V_JOIN(times_pow_, vec)(b, a, b - 1);
    mask whole = (V_ABS(b) > 1 / V_EPSILON) & (a != 0) & (V_ABS(a) < INFINITY);
    if (V_ANY(whole))
        y = V_SELECT(whole, V_JOIN(times_pow_, vec)(b, a, b) / a, y);
    return y;
}

static inline vec V_JOIN(pow_curve_, vec)(vec a, vec b)
{
    return V_SELECT(b == 1, V_ZERO, V_JOIN(times_pow_, vec)(b, a, b - 2) * (b - 1));
}

/* a^b log(a); 0 at a = 0 but for negative b, as its limit is but at b = 0. */
static inline vec V_JOIN(pow_log_, vec)(vec a, vec b)
{
    mask flat = (a == 0) & (b >= 0);
    a = V_SELECT(flat, V_ONE, a);
    return V_JOIN(times_pow_, vec)(V_LOG(a), a, b);
}

/* 1 / (1 + x^2), without the square of a large number. */
static inline vec V_JOIN(atan_slope_, vec)(vec x)
{
    mask large = V_ABS(x) > 1;
    vec t = V_SELECT(large, 1 / V_SELECT(large, x, V_ONE), x);
    return V_SELECT(large, t * t, V_ONE) / (1 + t * t);
}

/* a / hypot(a, b), from both over the larger of them; 0 at the origin. Of the infinite only the signs count. */
static inline vec V_JOIN(hypot_slope_, vec)(vec a, vec b)
{
    vec larger = V_SELECT((V_ABS(a) > V_ABS(b)) | (a != a), V_ABS(a), V_ABS(b));
    mask infinite = larger == INFINITY, flat = larger == 0;
    vec r = V_SELECT(infinite | flat, V_ONE, larger);
    vec s = V_SELECT(infinite, V_SELECT(V_ABS(a) == INFINITY, V_JOIN(copysign_, vec)(V_ONE, a), V_ZERO), a / r);
    vec t = V_SELECT(infinite, V_SELECT(V_ABS(b) == INFINITY, V_ONE, V_ZERO), b / r);
    return s / V_SQRT(V_SELECT(flat, V_ONE, s * s + t * t));
}

/* b / (a^2 + b^2), and (a^2 - b^2) / (a^2 + b^2)^2, its derivative by b: from a and b over the larger of them where squares might
 * overflow or vanish; 0 where both are 0, and at infinity. */
static inline vec V_JOIN(atan2_slope_, vec)(vec a, vec b)
{
    vec larger = V_SELECT(V_ABS(a) > V_ABS(b), V_ABS(a), V_ABS(b));
    mask flat = ((larger == 0) | (larger == INFINITY)) & (a == a) & (b == b);
    mask small = (larger > V_EPSILON) & (larger < 1 / V_EPSILON);
    vec r = V_SELECT(flat | small, V_ONE, larger), s = V_SELECT(flat, V_ONE, a) / r, t = V_SELECT(flat, V_ZERO, b) / r;
    return t / (s * s + t * t) / r;
}

static inline vec V_JOIN(atan2_curve_, vec)(vec a, vec b)
{
    vec larger = V_SELECT(V_ABS(a) > V_ABS(b), V_ABS(a), V_ABS(b));
    mask flat = ((larger == 0) | (larger == INFINITY)) & (a == a) & (b == b);
    vec r = V_SELECT(flat, V_ONE, larger), s = V_SELECT(flat, V_ONE, a) / r, t = V_SELECT(flat, V_ONE, b) / r;
    vec sum = s * s + t * t;
    return (s - t) * (s + t) / (sum * sum) / r / r;
}

#define V_CLAMP V_JOIN(clamp_, vec)
#define V_COPYSIGN V_JOIN(copysign_, vec)
#define V_REMAINDER V_JOIN(remainder_, vec)
#define V_FLOOR_DIVIDE V_JOIN(floor_divide_, vec)
#define V_LOGADDEXP V_JOIN(logaddexp_, vec)
#define V_XLOGY(a, b) V_JOIN(times_log_, vec)(a, V_LOG(V_SELECT((a) == 0, V_ONE, b)), b)
#define V_XLOG1PY(a, b) V_JOIN(times_log_, vec)(a, V_LOG1P(V_SELECT((a) == 0, V_ONE, b)), b)
#define V_MUL_OR_ZERO V_JOIN(mul_or_zero_, vec)
#define V_LERP V_JOIN(lerp_, vec)
#define V_GAUSSIAN V_JOIN(gaussian_, vec)
#define V_SINH V_JOIN(sinh_, vec)
#define V_COSH V_JOIN(cosh_, vec)
#define V_LOG1P V_JOIN(log1p_, vec)
#define V_SIGMOID V_JOIN(sigmoid_, vec)
#define V_SIGMOID_SLOPE V_JOIN(sigmoid_slope_, vec)
#define V_TANH_SLOPE V_JOIN(tanh_slope_, vec)
#define V_SILU V_JOIN(silu_, vec)
#define V_SILU_SLOPE V_JOIN(silu_slope_, vec)
#define V_GELU V_JOIN(gelu_, vec)
#define V_GELU_SLOPE V_JOIN(gelu_slope_, vec)
#define V_GELU_TANH V_JOIN(gelu_tanh_, vec)
#define V_GELU_TANH_SLOPE V_JOIN(gelu_tanh_slope_, vec)
#define V_POW_SLOPE V_JOIN(pow_slope_, vec)
#define V_TIMES_POW V_JOIN(times_pow_, vec)
#define V_POW_CURVE V_JOIN(pow_curve_, vec)
#define V_POW_LOG V_JOIN(pow_log_, vec)
#define V_ATAN_SLOPE V_JOIN(atan_slope_, vec)
#define V_HYPOT_SLOPE V_JOIN(hypot_slope_, vec)
#define V_ATAN2_SLOPE V_JOIN(atan2_slope_, vec)
#define V_ATAN2_CURVE V_JOIN(atan2_curve_, vec)
