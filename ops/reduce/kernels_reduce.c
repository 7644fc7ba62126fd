/* The folds: one line each at the end, instantiated by FOLD; see kernels_reduce.h.
 *
 * Invariant: the order in which elements are combined depends on the tile only, not on the instruction set. */
#include "kernels_reduce.h"
#include <math.h>
#include <stdbool.h>
#include <cotan/tensor.h>

/* A row of contiguous elements is folded into this many accumulators side by side, which the compiler keeps in vectors. */
enum { LANES = 32 };

/* Columns take in so many rows at a time, some columns at a time. */
enum { ROWS = 4, SOME = 64 };

/* Asks for so many bytes of each of the next rows: where these lie far apart, the processor does not see them coming. */
static inline void ask_for_rows(const void *first, int64_t step, int64_t bytes)
{
    for (int row = 0; row < ROWS; row++)
        for (int64_t at = 0; at < bytes; at += 64)
            __builtin_prefetch((const char *)first + row * step + at);
}

/* X is the type of the elements, A that of the accumulator, Y that of the result. STEP is the accumulator a joined by x (an
 * element or another accumulator), IDENTITY its value for no elements, RESULT what is stored for a of count elements. */
#define FOLD(NAME, X, A, Y, IDENTITY, STEP, RESULT)                                                                   \
    static inline A NAME##_step(A a, X x)                                                                             \
    {                                                                                                                 \
        return STEP;                                                                                                  \
    }                                                                                                                 \
    static inline A NAME##_join(A a, A x)                                                                             \
    {                                                                                                                 \
        return STEP;                                                                                                  \
    }                                                                                                                 \
    static void NAME##_start(void *accumulators, int64_t n)                                                           \
    {                                                                                                                 \
        A *acc = accumulators;                                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                               \
            acc[i] = IDENTITY;                                                                                        \
    }                                                                                                                 \
    static inline void NAME##_rows(const X *x, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in,        \
                                   A *restrict acc)                                                                   \
    {                                                                                                                 \
        for (int64_t j = 0; j < n_out; j++, x += step_out) {                                                          \
            int64_t i = 0;                                                                                            \
            if (n_in >= LANES) {                                                                                      \
                A lane[LANES];                                                                                        \
                for (int k = 0; k < LANES; k++)                                                                       \
                    lane[k] = IDENTITY;                                                                               \
                for (; i + LANES <= n_in; i += LANES)                                                                 \
                    for (int k = 0; k < LANES; k++)                                                                   \
                        lane[k] = NAME##_step(lane[k], x[(i + k) * step_in]);                                         \
                for (int half = LANES / 2; half > 0; half /= 2)                                                       \
                    for (int k = 0; k < half; k++)                                                                    \
                        lane[k] = NAME##_join(lane[k], lane[k + half]);                                               \
                acc[j] = NAME##_join(acc[j], lane[0]);                                                                \
            }                                                                                                         \
            for (; i < n_in; i++)                                                                                     \
                acc[j] = NAME##_step(acc[j], x[i * step_in]);                                                         \
        }                                                                                                             \
    }                                                                                                                 \
    static inline void NAME##_columns(const X *x, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in,     \
                                      A *restrict acc)                                                                \
    {                                                                                                                 \
        int64_t i = 0;                                                                                                \
        for (; i + ROWS <= n_in; i += ROWS, x += ROWS * step_in)                                                      \
            for (int64_t begin = 0; begin < n_out; begin += SOME) {                                                   \
                int64_t end = begin + SOME < n_out ? begin + SOME : n_out;                                            \
                if (i + 2 * ROWS <= n_in)                                                                             \
                    ask_for_rows(x + begin * step_out + ROWS * step_in, step_in * (int64_t)sizeof(X),                 \
                                 (end - begin) * (int64_t)sizeof(X));                                                 \
                for (int64_t j = begin; j < end; j++) {                                                               \
                    const X *p = x + j * step_out;                                                                    \
                    A two = NAME##_step(NAME##_step(acc[j], p[0]), p[step_in]);                                       \
                    acc[j] = NAME##_step(NAME##_step(two, p[2 * step_in]), p[3 * step_in]);                           \
                }                                                                                                     \
            }                                                                                                         \
        for (; i < n_in; i++, x += step_in)                                                                           \
            for (int64_t j = 0; j < n_out; j++)                                                                       \
                acc[j] = NAME##_step(acc[j], x[j * step_out]);                                                        \
    }                                                                                                                 \
    static void NAME##_fold(const void *x, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in, void *acc) \
    {                                                                                                                 \
        /* The constants make loops of their own for contiguous elements. */                                          \
        if (step_in == 1)                                                                                             \
            NAME##_rows(x, n_out, step_out, n_in, 1, acc);                                                            \
        else if (step_out == 1)                                                                                       \
            NAME##_columns(x, n_out, 1, n_in, step_in, acc);                                                          \
        else                                                                                                          \
            NAME##_rows(x, n_out, step_out, n_in, step_in, acc);                                                      \
    }                                                                                                                 \
    static void NAME##_merge(void *accumulators, const void *others, int64_t n)                                       \
    {                                                                                                                 \
        A *acc = accumulators;                                                                                        \
        const A *other = others;                                                                                      \
        for (int64_t i = 0; i < n; i++)                                                                               \
            acc[i] = NAME##_join(acc[i], other[i]);                                                                   \
    }                                                                                                                 \
    static void NAME##_finish(void *results, int64_t step_y, const void *accumulators, int64_t n, double count)       \
    {                                                                                                                 \
        Y *y = results;                                                                                               \
        (void)count;                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                             \
            A a = ((const A *)accumulators)[i];                                                                       \
            y[i * step_y] = (Y)(RESULT);                                                                              \
        }                                                                                                             \
    }

/* Float sums and products gather in double, so that those of float32 are as exact as their result can say; those of integers
 * wrap at 64 bits. */
FOLD(sum_float32, float, double, float, 0, a + x, a / count)
FOLD(sum_float64, double, double, double, 0, a + x, a / count)
FOLD(sum_int64, int64_t, uint64_t, int64_t, 0, a + (uint64_t)x, a)
FOLD(sum_int32, int32_t, uint64_t, int64_t, 0, a + (uint64_t)x, a)
FOLD(sum_uint8, uint8_t, uint64_t, int64_t, 0, a + x, a)

FOLD(prod_float32, float, double, float, 1, a *x, a)
FOLD(prod_float64, double, double, double, 1, a *x, a)
FOLD(prod_int64, int64_t, uint64_t, int64_t, 1, a *(uint64_t)x, a)
FOLD(prod_int32, int32_t, uint64_t, int64_t, 1, a *(uint64_t)x, a)
FOLD(prod_uint8, uint8_t, uint64_t, int64_t, 1, a *x, a)

/* NaN wins over everything. */
FOLD(max_float32, float, float, float, -INFINITY, x > a || x != x ? x : a, a)
FOLD(max_float64, double, double, double, -INFINITY, x > a || x != x ? x : a, a)
FOLD(max_int64, int64_t, int64_t, int64_t, INT64_MIN, x > a ? x : a, a)
FOLD(max_int32, int32_t, int32_t, int32_t, INT32_MIN, x > a ? x : a, a)
FOLD(max_uint8, uint8_t, uint8_t, uint8_t, 0, x > a ? x : a, a)
FOLD(min_float32, float, float, float, INFINITY, x < a || x != x ? x : a, a)
FOLD(min_float64, double, double, double, INFINITY, x < a || x != x ? x : a, a)
FOLD(min_int64, int64_t, int64_t, int64_t, INT64_MAX, x < a ? x : a, a)
FOLD(min_int32, int32_t, int32_t, int32_t, INT32_MAX, x < a ? x : a, a)
FOLD(min_uint8, uint8_t, uint8_t, uint8_t, UINT8_MAX, x < a ? x : a, a)

#define LOCATE(NAME, X)                                                                                    \
    static inline bool NAME##_equal(X a, X b)                                                              \
    {                                                                                                      \
        return a == b || (a != a && b != b);                                                               \
    }                                                                                                      \
    static void NAME(const void *elements, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in, \
                     const void *results, int64_t step_y, int64_t *index)                                  \
    {                                                                                                      \
        const X *x = elements, *y = results;                                                               \
        if (step_in == 1) {                                                                                \
            for (int64_t j = 0; j < n_out; j++, x += step_out) {                                           \
                int64_t i = 0;                                                                             \
                while (i + 1 < n_in && !NAME##_equal(x[i], y[j * step_y]))                                 \
                    i++;                                                                                   \
                index[j * step_y] = i;                                                                     \
            }                                                                                              \
            return;                                                                                        \
        }                                                                                                  \
        for (int64_t i = n_in - 1; i >= 0; i--) /* backwards, so that the first of ties is written last */ \
            for (int64_t j = 0; j < n_out; j++)                                                            \
                if (NAME##_equal(x[j * step_out + i * step_in], y[j * step_y]))                            \
                    index[j * step_y] = i;                                                                 \
    }

LOCATE(locate_float32, float)
LOCATE(locate_float64, double)
LOCATE(locate_int64, int64_t)
LOCATE(locate_int32, int32_t)
LOCATE(locate_uint8, uint8_t)

#define FOLD_ROW(NAME, A)                                                                                 \
    {                                                                                                     \
        .accumulator_size = sizeof(A), .start = NAME##_start, .fold = NAME##_fold, .merge = NAME##_merge, \
        .finish = NAME##_finish                                                                           \
    }

#define PASTE(a, b) a##b
#define TABLE(isa) PASTE(ct__reduce_kernels_, isa)
const ct_reduce_kernels TABLE(CT_ISA_SUFFIX) = {
    .folds = {[CT_REDUCE_SUM] = {[CT_FLOAT32] = FOLD_ROW(sum_float32, double),
                                 [CT_FLOAT64] = FOLD_ROW(sum_float64, double),
                                 [CT_INT64] = FOLD_ROW(sum_int64, uint64_t),
                                 [CT_INT32] = FOLD_ROW(sum_int32, uint64_t),
                                 [CT_UINT8] = FOLD_ROW(sum_uint8, uint64_t)},
              [CT_REDUCE_PROD] = {[CT_FLOAT32] = FOLD_ROW(prod_float32, double),
                                  [CT_FLOAT64] = FOLD_ROW(prod_float64, double),
                                  [CT_INT64] = FOLD_ROW(prod_int64, uint64_t),
                                  [CT_INT32] = FOLD_ROW(prod_int32, uint64_t),
                                  [CT_UINT8] = FOLD_ROW(prod_uint8, uint64_t)},
              [CT_REDUCE_MAX] = {[CT_FLOAT32] = FOLD_ROW(max_float32, float),
                                 [CT_FLOAT64] = FOLD_ROW(max_float64, double),
                                 [CT_INT64] = FOLD_ROW(max_int64, int64_t),
                                 [CT_INT32] = FOLD_ROW(max_int32, int32_t),
                                 [CT_UINT8] = FOLD_ROW(max_uint8, uint8_t)},
              [CT_REDUCE_MIN] = {[CT_FLOAT32] = FOLD_ROW(min_float32, float),
                                 [CT_FLOAT64] = FOLD_ROW(min_float64, double),
                                 [CT_INT64] = FOLD_ROW(min_int64, int64_t),
                                 [CT_INT32] = FOLD_ROW(min_int32, int32_t),
                                 [CT_UINT8] = FOLD_ROW(min_uint8, uint8_t)}},
    .locate = {[CT_FLOAT32] = locate_float32,
               [CT_FLOAT64] = locate_float64,
               [CT_INT64] = locate_int64,
               [CT_INT32] = locate_int32,
               [CT_UINT8] = locate_uint8},
};
