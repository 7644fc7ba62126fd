/* The transforms of Winograd's convolutions F(2x2, 3x3), float32, for each instruction set: Lavin and Gray, Fast algorithms for
 * convolutional neural networks, 2016, whose names the matrices have.
 *
 * A tile is 2 x 2 positions of the side of y and the 4 x 4 of the side of x that they see. In the transformed domain a tile and
 * a kernel have 16 terms each, and the convolution is a product of channels for each term. Tiles lie along vectors, so that a
 * transform is sums of vectors. Kernels do not allocate and cannot fail. */
#ifndef CT_KERNELS_WINOGRAD_H
#define CT_KERNELS_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CT_WINOGRAD_TERMS = 16,
    CT_WINOGRAD_OUT = 2,
    CT_WINOGRAD_IN = 4,
    CT_WINOGRAD_KERNEL = 9,
    CT_WINOGRAD_SLACK = 16
};

/* Tiles of one channel of an image, down x across, the first of which begins at (row, col); the image is 0 outside. */
typedef struct ct_tiles {
    int64_t rows, cols; /* of the image */
    int64_t row, col;
    int64_t down, across;
} ct_tiles;

/* Term t of tile (i, j) is v[t * step + i * across + j]; CT_WINOGRAD_SLACK floats behind the last are readable. */
typedef struct ct_winograd_kernels {
    /* B^T d B of the tiles d of x. */
    void (*take_x)(const ct_tiles *tiles, const float *x, float *v, int64_t step);
    /* A d A^T of the tiles d of y: the adjoint of give_y. */
    void (*take_y)(const ct_tiles *tiles, const float *y, float *v, int64_t step);
    /* y = A^T v A + bias. */
    void (*give_y)(const ct_tiles *tiles, const float *v, int64_t step, float bias, float *y);
    /* u[t * n + i] = term t of G w G^T of the kernel w[9 i ...], turned around if flip. */
    void (*take_w)(int64_t n, bool flip, const float *w, float *u);
    /* w = G^T u G: the adjoint of take_w without flip. */
    void (*give_w)(int64_t n, const float *u, float *w);
} ct_winograd_kernels;

extern const ct_winograd_kernels ct__winograd_portable, ct__winograd_avx2, ct__winograd_avx512;

#endif
