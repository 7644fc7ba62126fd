/* The inner loops of pooling, for each instruction set and float dtype. Each works on one plane, depth x height x width;
 * what has fewer axes has 1 in front. Kernels do not allocate and cannot fail. */
#ifndef CT_KERNELS_POOL_H
#define CT_KERNELS_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* The windows of a pooling along depth, height and width: in is the side of x, out that of y. */
typedef struct ct_pool_windows {
    int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
    int64_t divisor;  /* average: 0 for the number of elements */
    bool exclude_pad; /* average: of elements inside x */
    bool adaptive;    /* average: window i covers floor(i in / out) to ceil((i + 1) in / out) */
} ct_pool_windows;

typedef struct ct_pool_kernels {
    /* y[p] = the largest element of window p of x, index[p] = its place in x (the first of equals), or -1 and -infinity where
     * a window has no element. NaN is larger than all. */
    void (*max)(const ct_pool_windows *windows, const void *x, void *y, int64_t *index);
    /* x[index[p]] += y[p] for p < n. */
    void (*scatter)(int64_t n, const void *y, const int64_t *index, void *x);
    /* y[p] = x[index[p]], or 0 where index[p] is -1, for p < n. */
    void (*gather)(int64_t n, const void *x, const int64_t *index, void *y);
    /* y[p] = the mean of window p. */
    void (*average)(const ct_pool_windows *windows, const void *x, void *y);
    /* Its adjoint: adds to x. */
    void (*spread)(const ct_pool_windows *windows, const void *y, void *x);
} ct_pool_kernels;

extern const ct_pool_kernels ct__pool_portable[2], ct__pool_avx2[2], ct__pool_avx512[2]; /* float32, float64 */

#endif
