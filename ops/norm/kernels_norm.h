/* The inner loops of the normalisations, for each instruction set and float dtype. A piece is n contiguous elements that share
 * their statistics. Kernels do not allocate and cannot fail. Sums gather in double. */
#ifndef CT_KERNELS_NORM_H
#define CT_KERNELS_NORM_H

#include <stdbool.h>
#include <stdint.h>

/* What a piece is normalised with: x^ = (x - mean) rstd. */
typedef struct ct_norm_statistics {
    double mean, rstd;
} ct_norm_statistics;

/* What its elements are multiplied with: `all`, and weight[i] where there are such. */
typedef struct ct_norm_weights {
    const void *each; /* n, or NULL */
    double all;
} ct_norm_weights;

typedef struct ct_norm_kernels {
    double (*sum)(int64_t n, const void *x);
    double (*square_sum)(int64_t n, const void *x, double mean); /* of x - mean */
    /* y = w x^ + shift + bias, bias n elements or NULL; past the caches, if y streams */
    void (*scale)(int64_t n, const void *x, const ct_norm_statistics *s, const ct_norm_weights *w, double shift,
                  const void *bias, void *y, bool streams);
    /* Adds sum h and sum h x^ to sums, h = w g; and, where by_weight is not NULL, g x^ to it and g to by_bias, n elements each. */
    void (*gradient_sums)(int64_t n, const void *x, const void *g, const ct_norm_statistics *s,
                          const ct_norm_weights *w, double *sums, void *by_weight, void *by_bias);
    /* y = rstd (h - means[0] - x^ means[1]) */
    void (*gradient)(int64_t n, const void *x, const void *g, const ct_norm_statistics *s, const ct_norm_weights *w,
                     const double *means, void *y);
    /* y[i] = the sum of parts[p * step + i] over p < count, for i < n */
    void (*merge)(int64_t n, int64_t count, const void *parts, int64_t step, void *y);
} ct_norm_kernels;

extern const ct_norm_kernels ct__norm_portable[2], ct__norm_avx2[2], ct__norm_avx512[2]; /* float32, float64 */

#endif
