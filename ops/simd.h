/* vector.h, and functions of vectors, which SLEEF gives (to 1.0 ulp). Define T_IS_DOUBLE to 0 or 1 first; may be
 * included again for the other type. */
#include "vector.h"
#include <sleef.h>

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

/* exp, 0 or infinite past the bound: far out SLEEF's converts numbers to integers that do not fit (FE_INVALID). */
static inline vec V_JOIN(exp_, vec)(vec x)
{
    return (vec)V_SLEEF(exp, u10)(V_JOIN(within_, vec)(x, T_IS_DOUBLE ? 760 : 110));
}

#define V_EXP V_JOIN(exp_, vec)
