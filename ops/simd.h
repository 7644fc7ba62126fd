/* Vectors for the instruction set that this file is compiled for. Define T_IS_DOUBLE to 0 or 1 first; may be included again
 * for the other type, and then defines everything anew: T, vec (a vector of T), mask (the same with integer lanes), LANES.
 *
 * The build compiles a kernel file once for each instruction set, with CT_ISA_SUFFIX set to its name. GCC's vector
 * extensions do the arithmetic, SLEEF the functions (to 1.0 ulp). */
#include <sleef.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <stdint.h>
#include <string.h>

#undef T
#undef vec
#undef mask
#undef integer
#undef LANES
#undef V_SLEEF_TYPE
#undef KERNEL

#define V_JOIN_(a, b) a##b
#define V_JOIN(a, b) V_JOIN_(a, b)

#if defined(__AVX512F__)
#define V_BYTES 64
#define V_ISA avx512f
#define V_FLOATS f16_
#define V_DOUBLES d8_
#elif defined(__AVX2__)
#define V_BYTES 32
#define V_ISA avx2
#define V_FLOATS f8_
#define V_DOUBLES d4_
#elif defined(__SSE2__)
#define V_BYTES 16
#define V_ISA sse2
#define V_FLOATS f4_
#define V_DOUBLES d2_
#elif defined(__aarch64__)
#define V_BYTES 16
#define V_ISA advsimd
#define V_FLOATS f4_
#define V_DOUBLES d2_
#else
#error "cotan needs SSE2, AVX2, AVX-512 or AArch64 vectors"
#endif

#if T_IS_DOUBLE
#define T double
#define vec vec_double
#define mask mask_double
#define integer int64_t
#define V_SLEEF_TYPE V_DOUBLES
/* The name of a kernel for this type and instruction set. */
#define KERNEL(name) V_JOIN(V_JOIN(name, _double_), CT_ISA_SUFFIX)
#else
#define T float
#define vec vec_float
#define mask mask_float
#define integer int32_t
#define V_SLEEF_TYPE V_FLOATS
#define KERNEL(name) V_JOIN(V_JOIN(name, _float_), CT_ISA_SUFFIX)
#endif
#define LANES ((int64_t)(V_BYTES / sizeof(T)))

typedef T vec __attribute__((vector_size(V_BYTES)));
typedef integer mask __attribute__((vector_size(V_BYTES)));

/* Subtracting 0 keeps -0, so that the compiler may leave it out. */
#define V_SPLAT(s) ((T)(s) - (vec){0})
#define V_ZERO V_SPLAT(0)
#define V_ONE V_SPLAT(1)
/* Lanes of yes where the condition (a comparison of vectors) holds, else of no. */
#define V_SELECT(condition, yes, no) \
    ((vec)(((mask)(condition) & (mask)(vec)(yes)) | (~(mask)(condition) & (mask)(vec)(no))))
#define V_ABS(x) ((vec)((mask)(x) & ~((mask)(-V_ZERO))))

#define V_SLEEF(name, accuracy) V_JOIN(V_JOIN(V_JOIN(Sleef_, name), V_SLEEF_TYPE), V_JOIN(accuracy, V_ISA))
#define V_EXACT
#define V_SQRT(x) ((vec)V_SLEEF(sqrt, V_EXACT)(x))
#define V_FLOOR(x) ((vec)V_SLEEF(floor, V_EXACT)(x))
#define V_EXP(x) ((vec)V_SLEEF(exp, u10)(x))
#define V_EXPM1(x) ((vec)V_SLEEF(expm1, u10)(x))
#define V_LOG(x) ((vec)V_SLEEF(log, u10)(x))
#define V_LOG1P(x) ((vec)V_SLEEF(log1p, u10)(x))
#define V_LOG2(x) ((vec)V_SLEEF(log2, u10)(x))
#define V_SIN(x) ((vec)V_SLEEF(sin, u10)(x))
#define V_COS(x) ((vec)V_SLEEF(cos, u10)(x))
#define V_TAN(x) ((vec)V_SLEEF(tan, u10)(x))
#define V_ASIN(x) ((vec)V_SLEEF(asin, u10)(x))
#define V_ACOS(x) ((vec)V_SLEEF(acos, u10)(x))
#define V_ATAN(x) ((vec)V_SLEEF(atan, u10)(x))
#define V_ATAN2(y, x) ((vec)V_SLEEF(atan2, u10)(y, x))
#define V_SINH(x) ((vec)V_SLEEF(sinh, u10)(x))
#define V_COSH(x) ((vec)V_SLEEF(cosh, u10)(x))
#define V_TANH(x) ((vec)V_SLEEF(tanh, u10)(x))
#define V_ERF(x) ((vec)V_SLEEF(erf, u10)(x))
#define V_POW(x, y) ((vec)V_SLEEF(pow, u10)(x, y))

static inline vec V_JOIN(load_, vec)(const void *from)
{
    vec v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void V_JOIN(store_, vec)(void *to, vec v)
{
    memcpy(to, &v, sizeof v);
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/* All bits set in lanes from..to-1. */
static inline __m256i V_JOIN(lanes_, vec)(int64_t from, int64_t to)
{
#if T_IS_DOUBLE
    const mask lane = {0, 1, 2, 3};
#else
    const mask lane = {0, 1, 2, 3, 4, 5, 6, 7};
#endif
    return (__m256i)((lane >= (integer)from) & (lane < (integer)to));
}
#endif

/* Lanes from..to-1 of what lies at x; the others are 0, and their memory is not touched. */
static inline vec V_JOIN(load_lanes_, vec)(const void *x, int64_t from, int64_t to)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    return (vec)_mm512_maskz_loadu_pd((__mmask8)(((1u << to) - 1) & ~((1u << from) - 1)), x);
#elif defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_ps((__mmask16)(((1u << to) - 1) & ~((1u << from) - 1)), x);
#elif defined(__AVX2__) && T_IS_DOUBLE
    return (vec)_mm256_maskload_pd(x, V_JOIN(lanes_, vec)(from, to));
#elif defined(__AVX2__)
    return (vec)_mm256_maskload_ps(x, V_JOIN(lanes_, vec)(from, to));
#else
    vec v = {0};
    for (int64_t i = from; i < to; i++)
        v[i] = ((const T *)x)[i];
    return v;
#endif
}

/* The first n lanes; the others are 0. Without masks an element at a time: a short row is often a single element, for which
 * a call of memcpy costs more than the arithmetic. */
static inline vec V_JOIN(load_some_, vec)(const void *from, int64_t n)
{
    return V_JOIN(load_lanes_, vec)(from, 0, n);
}

static inline void V_JOIN(store_some_, vec)(void *to, vec v, int64_t n)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << n) - 1), (__m512d)v);
#elif defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__) && T_IS_DOUBLE
    _mm256_maskstore_pd(to, V_JOIN(lanes_, vec)(0, n), (__m256d)v);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(to, V_JOIN(lanes_, vec)(0, n), (__m256)v);
#else
    for (int64_t i = 0; i < n; i++)
        ((T *)to)[i] = v[i];
#endif
}

/* The larger of each lane and low; NaN stays. */
static inline vec V_JOIN(at_least_, vec)(vec v, T low)
{
    return V_SELECT(v < low, V_SPLAT(low), v);
}

#define V_AT_LEAST V_JOIN(at_least_, vec)
#define V_LOAD V_JOIN(load_, vec)
#define V_STORE V_JOIN(store_, vec)
#define V_LOAD_LANES V_JOIN(load_lanes_, vec)
#define V_LOAD_SOME V_JOIN(load_some_, vec)
#define V_STORE_SOME V_JOIN(store_some_, vec)
