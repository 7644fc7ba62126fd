/* The inner loops of reductions: a ct_reducer for each kind of fold and each dtype, compiled once for each instruction set.
 *
 * All work on a tile: n_out results, each from n_in elements; element i of result j is x[j * step_out + i * step_in]. The
 * result gathers in an accumulator, wider than the elements where rounding or overflow call for it. */
#ifndef CT_KERNELS_REDUCE_H
#define CT_KERNELS_REDUCE_H

#include <stddef.h>
#include <stdint.h>

enum { CT_REDUCER_DTYPES = 5, CT_ACCUMULATOR_SIZE = 8 /* at most */ };
typedef enum ct_reducer_kind {
    CT_REDUCE_SUM,
    CT_REDUCE_PROD,
    CT_REDUCE_MAX,
    CT_REDUCE_MIN,
    CT_REDUCERS
} ct_reducer_kind;

typedef struct ct_reducer {
    size_t accumulator_size;
    void (*start)(void *acc, int64_t n); /* accumulators of nothing */
    void (*fold)(const void *x, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in, void *acc);
    void (*merge)(void *acc, const void *other, int64_t n); /* acc[i] takes in other[i] */
    void (*finish)(void *y, int64_t step_y, const void *acc, int64_t n,
                   double count); /* count: what a mean divides by */
} ct_reducer;

/* index[j * step_y] = the first i at which result j equals y[j * step_y]; NaN equals NaN. There must be one. */
typedef void ct_locate(const void *x, int64_t n_out, int64_t step_out, int64_t n_in, int64_t step_in, const void *y,
                       int64_t step_y, int64_t *index);

typedef struct ct_reduce_kernels {
    ct_reducer folds[CT_REDUCERS][CT_REDUCER_DTYPES]; /* by ct_dtype */
    ct_locate *locate[CT_REDUCER_DTYPES];
} ct_reduce_kernels;

extern const ct_reduce_kernels ct__reduce_kernels_portable, ct__reduce_kernels_avx2, ct__reduce_kernels_avx512;

#endif
