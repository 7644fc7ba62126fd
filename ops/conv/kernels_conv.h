/* The inner loops of the convolutions, for each instruction set and float dtype.
 *
 * What they have in common: the windows of a piece of the output lie side by side in "planes", one plane for each element of
 * the kernel, so that the reduction of a convolution reads, for each term j (a channel and an element of the kernel), a run
 * of contiguous elements, x[taps[j]], x[taps[j] + 1], ..., one for each position of the output. Taps may overlap: the rows of
 * an image serve all rows of the kernel. Kernels do not allocate and cannot fail. */
#ifndef CT_KERNELS_CONV_H
#define CT_KERNELS_CONV_H

#include <stdbool.h>
#include <stdint.h>

/* Sizes along depth, height and width of one image of a convolution: in is the side of x, out that of y. */
typedef struct ct_windows {
    int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
} ct_windows;

/* Part of one image's output: rows x cols of it at one depth. Either whole rows, or part of one row. */
typedef struct ct_piece {
    int64_t depth, row, rows, col, cols;
} ct_piece;

typedef struct ct_conv_kernels {
    int64_t block; /* product() takes the rows of its result in blocks of ct__block_rows(m, block) */

    /* y[i * y_step + p] = bias[i] + sum over j of w(i, j) x[taps[j] + p] for i < m, p < n. w(i, j) of block b, row r of the
     * block, is w[b * block_step + j * term_step + r]. bias may be NULL. */
    void (*product)(int64_t m, int64_t n, int64_t terms, const void *w, int64_t block_step, int64_t term_step,
                    const int64_t *taps, const void *x, const void *bias, void *y, int64_t y_step);
    /* The planes of one channel x; positions outside x are 0. See ct__plane_height for shared. */
    void (*unfold)(const ct_windows *windows, const ct_piece *piece, bool shared, const void *x, void *planes);
    /* Its adjoint for planes that are not shared: adds each element to where unfold takes it from. */
    void (*fold)(const ct_windows *windows, const ct_piece *piece, const void *planes, void *x);
} ct_conv_kernels;

extern const ct_conv_kernels ct__conv_portable[2], ct__conv_avx2[2], ct__conv_avx512[2]; /* float32, float64 */

/* Rows of a block: as few blocks as possible of at most this size, as equal as possible. */
static inline int64_t ct__block_rows(int64_t m, int64_t most)
{
    int64_t blocks = (m + most - 1) / most;
    return blocks ? (m + blocks - 1) / blocks : 1;
}

/* Planes are ordered [kernel depth][kernel row][kernel column], or, where one plane serves all rows of the kernel (shared),
 * [kernel depth][kernel column]; a plane has this many rows of piece->cols elements. */
static inline int64_t ct__plane_height(const ct_windows *s, const ct_piece *piece, bool shared)
{
    return shared ? piece->rows + (s->kernel[1] - 1) * s->dilation[1] : piece->rows;
}

static inline int64_t ct__planes_size(const ct_windows *s, const ct_piece *piece, bool shared)
{
    int64_t planes = s->kernel[0] * (shared ? 1 : s->kernel[1]) * s->kernel[2];
    return planes * ct__plane_height(s, piece, shared) * piece->cols;
}

/* Where the run of kernel element (d, r, c) begins. */
static inline int64_t ct__plane_tap(const ct_windows *s, const ct_piece *piece, bool shared, int64_t d, int64_t r,
                                    int64_t c)
{
    int64_t plane = shared ? d * s->kernel[2] + c : (d * s->kernel[1] + r) * s->kernel[2] + c;
    return (plane * ct__plane_height(s, piece, shared) + (shared ? r * s->dilation[1] : 0)) * piece->cols;
}

#endif
