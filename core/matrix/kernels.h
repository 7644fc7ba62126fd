/* The inner loops of the matrix product, for each instruction set and float dtype.
 *
 * A tile is a part of C = A B so small that it stays in registers while the sum over k runs: its rows take elements of
 * A one at a time, its columns are vectors of B. Kernels do not allocate, cannot fail, skip no zeros and do not read
 * what C holds unless they add to it. Invariant: an element of a tile is one chain of multiply-adds over k in rising
 * order, fused where the instruction set has that, whatever the tile's size. */
#ifndef CT_MATRIX_KERNELS_H
#define CT_MATRIX_KERNELS_H

#include "core_internal.h"

/* C[i * c_row + j] (add ? += : =) sum over p < k of A[a_rows[i] + p * a_step] B[p * b_step + j]. */
typedef struct ct_tile {
    int64_t rows, cols, k;
    const void *a, *b;
    void *c;
    const int64_t *a_rows;
    int64_t a_step, b_step, c_row;
    bool add;
} ct_tile;

typedef struct ct_matrix_kernels {
    int64_t rows, cols; /* of the largest tile */
    int64_t lanes;      /* of a vector: a packed panel of B is so many columns wide, or a multiple */
    bool packed_only;   /* A and B must be packed, in panels of the largest tile's size, aligned to 64 bytes */
    bool whole_vectors; /* reads B in whole vectors, columns that the tile does not have too: B must be packed then */
    void (*tile)(const ct_tile *t);
    /* to[p * width + i] = from[i * along + p * step] for i < n, and 0 for n <= i < width; p < k. */
    void (*pack)(int64_t width, int64_t n, int64_t k, const void *from, int64_t along, int64_t step, void *to);
    /* C[i * c_row + j * c_col] (add ? += : =) from[i * cols + j]. */
    void (*spread)(int64_t rows, int64_t cols, const void *from, void *c, int64_t c_row, int64_t c_col, bool add);
} ct_matrix_kernels;

enum { CT_TILE_ROWS = 64, CT_TILE_BYTES = 8192 }; /* of the largest tile of all kernels, at most */

extern const ct_matrix_kernels ct__matrix_portable[2], ct__matrix_avx2[2], ct__matrix_avx512[2]; /* float32, float64 */

/* BLIS's kernels for this machine, or NULL if it cannot start for want of memory (blis.c). */
const ct_matrix_kernels *ct__matrix_blis(ct_dtype dtype);

/* ct__gemm on the kernels given. */
ct_status ct__matrix_product(const ct_matrix_kernels *kernels, ct_dtype dtype, int64_t m, int64_t n, int64_t k,
                             const void *a, int64_t row_a, int64_t col_a, const void *b, int64_t row_b, int64_t col_b,
                             bool add, void *c, int64_t row_c, int64_t col_c);

#endif
