/* The rows of softmax and its relatives, for each instruction set and float dtype. Rows are contiguous; kernels do not
 * allocate and cannot fail. */
#ifndef CT_KERNELS_SOFTMAX_H
#define CT_KERNELS_SOFTMAX_H

#include <stdint.h>

/* y[i], i < n, from a[i] and, in gradients, b[i]. */
typedef void ct_row_kernel(int64_t n, const void *a, const void *b, void *y);

typedef struct ct_softmax_kernels {
    ct_row_kernel *softmax, *log_softmax; /* of a */
    ct_row_kernel *softmax_backward;      /* a the gradient of y = softmax(x), b that y */
    ct_row_kernel *log_softmax_backward;  /* a the gradient of y = log_softmax(x), b that y */
    /* For cross entropy; m is the largest element, w class weights or NULL for all 1. */
    double (*log_sum)(int64_t n, const void *x, double *m); /* log sum exp(x - m), and m */
    void (*scaled_softmax)(int64_t n, const void *x, double scale, void *y);
    double (*weighted_sum)(int64_t n, const void *w, const void *x, double shift); /* sum w (x - shift) */
    void (*subtract_weights)(int64_t n, const void *w, double factor, void *y);    /* y -= factor w */
} ct_softmax_kernels;

extern const ct_softmax_kernels ct__softmax_portable[2], ct__softmax_avx2[2], ct__softmax_avx512[2];

/* Those of this CPU. */
const ct_softmax_kernels *ct__softmax_kernels(int is_double);

#endif
