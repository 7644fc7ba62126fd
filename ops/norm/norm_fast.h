/* What the normalisations share: the shortcut, how one walks over its input and the two passes; and the check of channels. */
#ifndef CT_NORM_FAST_H
#define CT_NORM_FAST_H

#include "autograd_internal.h"

/* Rows, the elements of which share their mean and variance, consist of pieces that lie together in memory. */
typedef struct ct_norm_walk {
    int64_t rows, pieces, n;      /* n elements in a piece */
    int64_t row_step, piece_step; /* where they begin, in elements */
    /* The weights: one for each channel, that of piece p of row r being (r row_channel + p piece_channel) % channels; or, if
     * channels is 0, one for each of the n elements. */
    int64_t channels, row_channel, piece_channel;
    double eps;
    bool centred; /* else the mean counts as 0 */
} ct_norm_walk;

/* What forward leaves for backward, a row each: the last output, hidden, is [rows, 3] float64. */
typedef struct ct_norm_row {
    double mean, variance;
    double rstd; /* 1 / sqrt(variance + eps), or -1: this call has been made by its definition */
} ct_norm_row;

/* Inputs: x, weight, bias, the last two perhaps left out; output 0: y. Errors: memory. */
ct_status ct__norm_forward(ct_call *call, const ct_norm_walk *walk);
ct_status ct__norm_backward(ct_call *call, const ct_norm_walk *walk);

/* Element i of t, a contiguous float tensor. */
void ct__norm_put(const ct_tensor *t, int64_t i, double value);

/* Checks that x, input 0, is [N, C, ...] and the others [C]. False with an error (shape). */
bool ct__norm_channels_fit(ct_call *call);

#endif
