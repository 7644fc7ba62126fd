/* vector.h, and functions of vectors, most of which SLEEF gives (to 1.0 ulp), or, in a build without it, the C library for one lane
 * after the other. Define T_IS_DOUBLE to 0 or 1 first; may be included again for the other type. */
#include "vector.h"
#ifdef COTAN_USE_SLEEF
#include <sleef.h>
#else
#include <math.h>
#endif

#ifdef COTAN_USE_SLEEF
#undef V_SLEEF_TYPE
#if defined(__AVX512F__)
#define V_ISA avx512f
#define V_FLOATS f16_
#define V_DOUBLES d8_
#elif defined(__AVX2__)
#define V_ISA avx2
#define V_FLOATS f8_
#define V_DOUBLES d4_
#elif defined(__SSE2__)
#define V_ISA sse2
#define V_FLOATS f4_
#define V_DOUBLES d2_
#else
#define V_ISA advsimd
#define V_FLOATS f4_
#define V_DOUBLES d2_
#endif
#if T_IS_DOUBLE
#define V_SLEEF_TYPE V_DOUBLES
#else
#define V_SLEEF_TYPE V_FLOATS
#endif

#define V_SLEEF(name, accuracy) V_JOIN(V_JOIN(V_JOIN(Sleef_, name), V_SLEEF_TYPE), V_JOIN(accuracy, V_ISA))
#else
#undef V_LIBM
#if T_IS_DOUBLE
#define V_LIBM(name) name
#else
#define V_LIBM(name) name##f
#endif
#define LANES1(name)                                    \
    static inline vec V_JOIN(name##_lanes_, vec)(vec x) \
    {                                                   \
        for (int64_t k = 0; k < LANES; k++)             \
            x[k] = V_LIBM(name)(x[k]);                  \
        return x;                                       \
    }
#define LANES2(name)                                           \
    static inline vec V_JOIN(name##_lanes_, vec)(vec a, vec b) \
    {                                                          \
        for (int64_t k = 0; k < LANES; k++)                    \
            a[k] = V_LIBM(name)(a[k], b[k]);                   \
        return a;                                              \
    }
LANES1(sqrt)
LANES1(log)
LANES1(log10)
LANES1(log2)
LANES1(log1p)
LANES1(exp2)
LANES1(expm1)
LANES1(sin)
LANES1(cos)
LANES1(tan)
LANES1(asin)
LANES1(acos)
LANES1(atan)
LANES1(sinh)
LANES1(cosh)
LANES1(asinh)
LANES1(acosh)
LANES1(atanh)
LANES1(erf)
LANES1(erfc)
LANES2(pow)
LANES2(hypot)
LANES2(atan2)
#define V_SLEEF(name, accuracy) V_JOIN(name##_lanes_, vec)
#endif

#define V_EXACT
#define V_SQRT(x) ((vec)V_SLEEF(sqrt, V_EXACT)(x))
#define V_LOG(x) ((vec)V_SLEEF(log, u10)(x))
#define V_LOG10(x) ((vec)V_SLEEF(log10, u10)(x))
#define V_LOG2(x) ((vec)V_SLEEF(log2, u10)(x))
#define V_SIN(x) ((vec)V_SLEEF(sin, u10)(x))
#define V_COS(x) ((vec)V_SLEEF(cos, u10)(x))
#define V_ATAN(x) ((vec)V_SLEEF(atan, u10)(x))
#define V_HYPOT(x, y) ((vec)V_SLEEF(hypot, u05)(x, y))
#define V_ATAN2(y, x) ((vec)V_SLEEF(atan2, u10)(y, x))

/* ---- exp, which most others are made of: in line, as a call costs more than the arithmetic ---- */

#undef V_WHOLE
#undef V_LOG2_E
#undef V_LN2_HIGH
#undef V_LN2_LOW
#undef V_EXP_END
#if T_IS_DOUBLE
#define V_WHOLE 0x1.8p52 /* numbers about it are whole */
#define V_LOG2_E 1.4426950408889634
#define V_LN2_HIGH 0x1.62e42feep-1 /* so few bits that whole numbers times it are exact */
#define V_LN2_LOW 1.9082149292705877e-10
#define V_EXP_END 760 /* past +-this exp is infinite or 0 */
#else
#define V_WHOLE 0x1.8p23f
#define V_LOG2_E 1.44269504f
#define V_LN2_HIGH 0.693359375f
#define V_LN2_LOW -2.12194440e-4f
#define V_EXP_END 110
#endif

/* x 2^n for whole n of at most 2000 (300 in float32): by two powers, each of which is a normal number. */
static inline vec V_JOIN(times_power_, vec)(vec x, vec n)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    return (vec)_mm512_scalef_pd((__m512d)x, (__m512d)n);
#elif defined(__AVX512F__)
    return (vec)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    const int bits = T_IS_DOUBLE ? 52 : 23;
    const integer bias = T_IS_DOUBLE ? 1023 : 127;
    const vec whole = V_SPLAT(V_WHOLE);
    mask half = (mask)(n / 2 + whole) - (mask)whole, rest = (mask)(n + whole) - (mask)whole - half;
    return x * (vec)((half + bias) << bits) * (vec)((rest + bias) << bits);
#endif
}

/* exp(x) = 2^n (1 + q) for |x| up to V_EXP_END: returns q, between -0.3 and 0.42, and puts n, a whole number. q is exact where n is 0
 * and x small. Of r = x - n log(2), q is r + r^2 P(r), where P interpolates (exp(r) - 1 - r) / r^2 in Chebyshev's points, to 2^-32
 * of exp and 2^-61; tests/accuracy_data.py prints the coefficients, that of the highest power first. */
static inline vec V_JOIN(exp_parts_, vec)(vec x, vec *n)
{
#if T_IS_DOUBLE
    static const T coefficients[] = {2.0914755325893202e-9,
                                     2.5105312729622102e-8,
                                     2.755727347871858e-7,
                                     2.7557255170000887e-6,
                                     2.4801587325677462e-5,
                                     0.00019841269875002279,
                                     0.0013888888888883711,
                                     0.0083333333333260831,
                                     0.04166666666666667,
                                     0.16666666666666671,
                                     0.5};
#else
    static const T coefficients[] = {0.000198910805f, 0.00139337307f, 0.00833331084f,
                                     0.0416664642f,   0.166666667f,   0.5f};
#endif
    const vec whole = V_SPLAT(V_WHOLE);
    vec nearest = *n = V_FMA(x, V_SPLAT(V_LOG2_E), whole) - whole;
    vec r = V_FMA(nearest, V_SPLAT(-V_LN2_LOW), V_FMA(nearest, V_SPLAT(-V_LN2_HIGH), x)),
        sum = V_SPLAT(coefficients[0]);
    UNROLL
    for (size_t i = 1; i < sizeof coefficients / sizeof *coefficients; i++)
        sum = V_FMA(sum, r, V_SPLAT(coefficients[i]));
    return V_FMA(r * r, sum, r);
}

static inline vec V_JOIN(exp_, vec)(vec x)
{
    vec n, q = V_JOIN(exp_parts_, vec)(V_WITHIN(x, V_EXP_END), &n);
    return V_JOIN(times_power_, vec)(1 + q, n);
}

/* By t = exp(2|x|) - 1, which loses no digits about 0: t / (t + 2). It is 1 to the last digit from 20 on. */
static inline vec V_JOIN(tanh_, vec)(vec x)
{
    const mask sign = (mask)-V_ZERO;
    vec n, q = V_JOIN(exp_parts_, vec)(2 * V_MIN(V_SPLAT(22), V_ABS(x)), &n);
    vec power = V_JOIN(times_power_, vec)(V_ONE, n), t = V_FMA(power, q, power - 1), y = t / (t + 2);
    return (vec)(((mask)y & ~sign) | ((mask)x & sign));
}

#define V_TANH V_JOIN(tanh_, vec)
#define V_EXP V_JOIN(exp_, vec)
