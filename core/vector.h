/* Vectors for the instruction set that this file is compiled for. Define T_IS_DOUBLE to 0 or 1 first; may be included
 * again for the other type, and then defines everything anew: T, vec (a vector of T), mask (the same with integer
 * lanes), LANES.
 *
 * The build compiles a kernel file once for each instruction set, with CT_ISA_SUFFIX set to its name. GCC's vector
 * extensions do the arithmetic; where a compiler has no words for it, intrinsics do. */
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#undef T
#undef vec
#undef mask
#undef integer
#undef LANES
#undef V_LOW
#undef V_HIGH
#undef V_EVEN
#undef V_ODD
#undef KERNEL

#define INLINE static inline __attribute__((always_inline))
/* Before a loop of constant length, so that arrays which it indexes stay in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define V_JOIN_(a, b) a##b
#define V_JOIN(a, b) V_JOIN_(a, b)

#if defined(__AVX512F__)
#define V_BYTES 64
#elif defined(__AVX2__)
#define V_BYTES 32
#else
#define V_BYTES 16 /* the compiler makes of it what the machine has, an element at a time if need be */
#endif

#if T_IS_DOUBLE
#define T double
#define vec vec_double
#define mask mask_double
#define integer int64_t
/* The name of a kernel for this type and instruction set. */
#define KERNEL(name) V_JOIN(V_JOIN(name, _double_), CT_ISA_SUFFIX)
#else
#define T float
#define vec vec_float
#define mask mask_float
#define integer int32_t
#define KERNEL(name) V_JOIN(V_JOIN(name, _float_), CT_ISA_SUFFIX)
#endif
#define LANES ((int64_t)(V_BYTES / sizeof(T)))

typedef T vec __attribute__((vector_size(V_BYTES)));
typedef integer mask __attribute__((vector_size(V_BYTES)));

/* The lanes of two vectors in turn: of their lower halves, of their upper halves. */
#if V_BYTES == 64 && !T_IS_DOUBLE
#define V_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define V_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif V_BYTES == 64 || (V_BYTES == 32 && !T_IS_DOUBLE)
#define V_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define V_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif V_BYTES == 32 || !T_IS_DOUBLE
#define V_LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define V_HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#else
#define V_LOW(a, b) __builtin_shufflevector(a, b, 0, 2)
#define V_HIGH(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

/* The lanes of two vectors, one behind the other, that have even and odd numbers. */
#if V_BYTES == 64 && !T_IS_DOUBLE
#define V_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define V_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#elif V_BYTES == 64 || (V_BYTES == 32 && !T_IS_DOUBLE)
#define V_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define V_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#elif V_BYTES == 32 || !T_IS_DOUBLE
#define V_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define V_ODD(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#else
#define V_EVEN(a, b) __builtin_shufflevector(a, b, 0, 2)
#define V_ODD(a, b) __builtin_shufflevector(a, b, 1, 3)
#endif

/* Subtracting 0 keeps -0, so that the compiler may leave it out. */
#define V_SPLAT(s) ((T)(s) - (vec){0})
#define V_ZERO V_SPLAT(0)
#define V_ONE V_SPLAT(1)
/* Lanes of yes where the condition (a comparison of vectors) holds, else of no. */
#define V_SELECT(condition, yes, no) \
    ((vec)(((mask)(condition) & (mask)(vec)(yes)) | (~(mask)(condition) & (mask)(vec)(no))))
#define V_ABS(x) ((vec)((mask)(x) & ~((mask)(-V_ZERO))))

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

/* The first n lanes; the others are 0. Without masks an element at a time: a short row is often a single element, for
 * which a call of memcpy costs more than the arithmetic. */
static inline vec V_JOIN(load_some_, vec)(const void *from, int64_t n)
{
    return V_JOIN(load_lanes_, vec)(from, 0, n);
}

/* True in the first n lanes. */
static inline mask V_JOIN(first_, vec)(int64_t n)
{
    mask lane;
    for (int64_t k = 0; k < LANES; k++)
        lane[k] = (integer)k;
    return lane < (integer)n;
}

/* The first n lanes; the others repeat the first, so that a function raises no floating-point exception, nor takes a slow path,
 * that the elements themselves do not ask for. */
static inline vec V_JOIN(load_padded_, vec)(const void *from, int64_t n)
{
    return V_SELECT(V_JOIN(first_, vec)(n), V_JOIN(load_some_, vec)(from, n), V_SPLAT(*(const T *)from));
}

/* Whether a condition (a comparison of vectors) holds in any lane. */
static inline bool V_JOIN(any_, vec)(mask m)
{
#if defined(__AVX512F__)
    return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_epi8((__m256i)m) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_epi8((__m128i)m) != 0;
#else
    integer all = 0;
    for (int64_t k = 0; k < LANES; k++)
        all |= m[k];
    return all != 0;
#endif
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

/* To an address that is a multiple of the vector's size, past the caches where the instruction set can. ct__streamed() is to
 * follow. */
static inline void V_JOIN(stream_, vec)(void *to, vec v)
{
#if defined(__AVX512F__)
    _mm512_stream_si512(to, (__m512i)v);
#elif defined(__AVX2__)
    _mm256_stream_si256(to, (__m256i)v);
#elif defined(__SSE2__)
    _mm_stream_si128(to, (__m128i)v);
#else
    V_JOIN(store_, vec)(to, v);
#endif
}

/* a b + c, rounded once where the instruction set has that. */
static inline vec V_JOIN(fma_, vec)(vec a, vec b, vec c)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && T_IS_DOUBLE
    return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__) && T_IS_DOUBLE
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__aarch64__)
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* The larger, and the smaller, in each lane; b where either is NaN, as x86's instructions have it. */
static inline vec V_JOIN(max_, vec)(vec a, vec b)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    return (vec)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__) && T_IS_DOUBLE
    return (vec)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return V_SELECT(a > b, a, b);
#endif
}

static inline vec V_JOIN(min_, vec)(vec a, vec b)
{
#if defined(__AVX512F__) && T_IS_DOUBLE
    return (vec)_mm512_min_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX512F__)
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__) && T_IS_DOUBLE
    return (vec)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif defined(__AVX2__)
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return V_SELECT(a < b, a, b);
#endif
}

/* The larger of each lane and low; NaN stays. */
static inline vec V_JOIN(at_least_, vec)(vec v, T low)
{
    return V_JOIN(max_, vec)(V_SPLAT(low), v);
}

/* Each lane within +-bound; NaN stays. */
static inline vec V_JOIN(within_, vec)(vec v, T bound)
{
    return V_JOIN(max_, vec)(V_SPLAT(-bound), V_JOIN(min_, vec)(V_SPLAT(bound), v));
}

#define V_FMA V_JOIN(fma_, vec)
#define V_MAX V_JOIN(max_, vec)
#define V_MIN V_JOIN(min_, vec)
#define V_AT_LEAST V_JOIN(at_least_, vec)
#define V_WITHIN V_JOIN(within_, vec)
#define V_LOAD V_JOIN(load_, vec)
#define V_STORE V_JOIN(store_, vec)
#define V_LOAD_LANES V_JOIN(load_lanes_, vec)
#define V_LOAD_SOME V_JOIN(load_some_, vec)
#define V_LOAD_PADDED V_JOIN(load_padded_, vec)
#define V_FIRST V_JOIN(first_, vec)
#define V_ANY V_JOIN(any_, vec)
#define V_STORE_SOME V_JOIN(store_some_, vec)
#define V_STREAM V_JOIN(stream_, vec)

/* Runs the statements for each vector of rows of n elements, the last with those that are left. In them V_AT(row) is the vector of a
 * row, and V_PUT(row, v) stores one; lanes that are left over are 0, and are not stored. Names i_ and some_ are taken. */
#undef FOR_VECTORS
#undef V_AT
#undef V_PUT
#define FOR_VECTORS(n, ...)                      \
    do {                                         \
        int64_t i_ = 0;                          \
        for (; i_ + LANES <= (n); i_ += LANES) { \
            const int64_t some_ = LANES;         \
            __VA_ARGS__                          \
        }                                        \
        if (i_ < (n)) {                          \
            const int64_t some_ = (n)-i_;        \
            __VA_ARGS__                          \
        }                                        \
    } while (0)
#define V_AT(row) (some_ == LANES ? V_LOAD((row) + i_) : V_LOAD_SOME((row) + i_, some_))
#define V_PUT(row, v) (some_ == LANES ? V_STORE((row) + i_, v) : V_STORE_SOME((row) + i_, v, some_))
