/* The planted operations: for each a forward and a backward over plain doubles, the latter with the mistake if wrong is set.
 *
 * Invariant: with wrong unset every backward here is right; the two differ in the one expression that names the mistake. */
#include <cotan/cotan.h>

#include "autograd_internal.h"
#include "planted_ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IN = 3, ROOM = 4096 };

/* An input as the kernels see it. */
typedef struct view {
    double x[ROOM];
    int64_t shape[CT_MAX_RANK];
    int64_t n;
    int rank;
} view;

/* g[] is the cotangent of each output, grads[i] the gradient of input i, zero at the start. */
typedef struct kernels {
    void (*shape)(const view *in, int64_t *shape, int *rank); /* NULL: that of input 0 */
    void (*forward)(const view *in, double *y);
    void (*backward)(const view *in, const double *g, double (*grads)[ROOM], bool wrong);
} kernels;

typedef struct attributes {
    const kernels *kernels;
    int64_t wrong;
} attributes;

/* ---- 1 to 7: products, sums, signs, factors ---- */

static void matmul_forward(const view *in, double *y)
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++)
                y[4 * i + j] += in[0].x[4 * i + k] * in[1].x[4 * k + j];
}

static void matmul_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++) {
                grads[0][4 * i + j] += g[4 * i + k] * in[1].x[wrong ? 4 * k + j : 4 * j + k];
                grads[1][4 * i + j] += in[0].x[4 * k + i] * g[4 * k + j];
            }
}

static void bias_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] + in[1].x[k % in[1].n];
}

static void bias_row_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    memcpy(grads[0], g, sizeof *g * (size_t)in[0].n);
    for (int64_t k = 0; k < (wrong ? in[1].n : in[0].n); k++)
        grads[1][k % in[1].n] += g[k];
}

static void bias_mean_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    memcpy(grads[0], g, sizeof *g * (size_t)in[0].n);
    for (int64_t k = 0; k < in[0].n; k++)
        grads[1][k % in[1].n] += wrong ? g[k] * (double)in[1].n / (double)in[0].n : g[k];
}

static void sub_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] - in[1].x[k];
}

static void sub_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++) {
        grads[0][k] = g[k];
        grads[1][k] = wrong ? g[k] : -g[k];
    }
}

static void square_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] * in[0].x[k];
}

static void square_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++)
        grads[0][k] = (wrong ? 1 : 2) * in[0].x[k] * g[k];
}

static void scalar_shape(const view *in, int64_t *shape, int *rank)
{
    (void)in;
    (void)shape;
    *rank = 0;
}

static void mean_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[0] += in[0].x[k] / (double)in[0].n;
}

static void mean_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++)
        grads[0][k] = g[0] / (wrong ? 1 : (double)in[0].n);
}

static void fork_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = sin(in[0].x[k]) + in[0].x[k] * in[0].x[k];
}

static void fork_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++) {
        grads[0][k] = g[k] * cos(in[0].x[k]);
        grads[0][k] = (wrong ? 0 : grads[0][k]) + g[k] * 2 * in[0].x[k];
    }
}

/* ---- 8 to 11: batch norm over rows, x [N,C], gamma [C], beta [C] ---- */

enum { BN_EPS, BN_MEAN, BN_VARIANCE, BN_UNBIASED };

static void moments(const view *in, int64_t c, double *mean, double *variance)
{
    int64_t rows = in[0].shape[0], columns = in[0].shape[1];
    *mean = *variance = 0;
    for (int64_t i = 0; i < rows; i++)
        *mean += in[0].x[i * columns + c] / (double)rows;
    for (int64_t i = 0; i < rows; i++)
        *variance += pow(in[0].x[i * columns + c] - *mean, 2) / (double)rows;
}

static void batch_norm_forward(const view *in, double *y)
{
    int64_t rows = in[0].shape[0], columns = in[0].shape[1];
    for (int64_t c = 0; c < columns; c++) {
        double mean, variance;
        moments(in, c, &mean, &variance);
        for (int64_t i = 0; i < rows; i++)
            y[i * columns + c] = in[1].x[c] * (in[0].x[i * columns + c] - mean) / sqrt(variance + 1e-5) + in[2].x[c];
    }
}

static void batch_norm(const view *in, const double *g, double (*grads)[ROOM], int mistake)
{
    int64_t rows = in[0].shape[0], columns = in[0].shape[1];
    double n = (double)rows;
    for (int64_t c = 0; c < columns; c++) {
        double mean, variance, sum = 0, sum_x = 0;
        moments(in, c, &mean, &variance);
        double scale = 1 / sqrt(variance + 1e-5), inverse = mistake == BN_EPS ? 1 / (sqrt(variance) + 1e-5)
                                                            : mistake == BN_UNBIASED
                                                                ? 1 / sqrt(variance * n / (n - 1) + 1e-5)
                                                                : scale;
        for (int64_t i = 0; i < rows; i++) {
            double gk = g[i * columns + c], xhat = (in[0].x[i * columns + c] - mean) * scale;
            sum += gk * in[1].x[c] / n;
            sum_x += gk * in[1].x[c] * xhat / n;
            grads[1][c] += gk * xhat;
            grads[2][c] += gk;
        }
        for (int64_t i = 0; i < rows; i++) {
            double xhat = (in[0].x[i * columns + c] - mean) * scale;
            grads[0][i * columns + c] = inverse * (g[i * columns + c] * in[1].x[c] - (mistake == BN_MEAN ? 0 : sum) -
                                                   (mistake == BN_VARIANCE ? 0 : xhat * sum_x));
        }
    }
}

static void bn_eps_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    batch_norm(in, g, grads, wrong ? BN_EPS : -1);
}

static void bn_mean_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    batch_norm(in, g, grads, wrong ? BN_MEAN : -1);
}

static void bn_variance_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    batch_norm(in, g, grads, wrong ? BN_VARIANCE : -1);
}

static void bn_unbiased_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    batch_norm(in, g, grads, wrong ? BN_UNBIASED : -1);
}

/* ---- 12, 13: convolution, x [N,Ci,H,W], w [Co,Ci,K,K], padding 1 ---- */

static int conv_stride(const view *in)
{
    return in[1].shape[2] == 2 ? 2 : 1;
}

static void conv_shape(const view *in, int64_t *shape, int *rank)
{
    *rank = 4;
    shape[0] = in[0].shape[0];
    shape[1] = in[1].shape[0];
    for (int i = 2; i < 4; i++)
        shape[i] = (in[0].shape[i] + 2 - in[1].shape[i]) / conv_stride(in) + 1;
}

/* Calls each product x[ix] w[iw] -> y[iy] of the convolution. With off_pad the x index forgets the padding, with off_stride it is
 * one too far for all rows but the first. */
typedef void (*conv_term)(int64_t ix, int64_t iw, int64_t iy, const view *in, const double *from, double *to);

static void conv_each(const view *in, const double *from, double *to, bool off_pad, bool off_stride, conv_term term)
{
    int64_t shape[4];
    int rank, s = conv_stride(in);
    conv_shape(in, shape, &rank);
    int64_t ci = in[0].shape[1], h = in[0].shape[2], width = in[0].shape[3], kk = in[1].shape[2];
    for (int64_t n = 0; n < shape[0]; n++)
        for (int64_t o = 0; o < shape[1]; o++)
            for (int64_t i = 0; i < shape[2]; i++)
                for (int64_t j = 0; j < shape[3]; j++)
                    for (int64_t c = 0; c < ci; c++)
                        for (int64_t a = 0; a < kk; a++)
                            for (int64_t b = 0; b < kk; b++) {
                                int64_t top = i * s + (off_stride && i ? 1 : 0);
                                if (top > h + 2 - kk)
                                    top = h + 2 - kk;
                                int64_t row = top + a - (off_pad ? 0 : 1), column = j * s + b - (off_pad ? 0 : 1);
                                if (row < 0 || row >= h || column < 0 || column >= width)
                                    continue;
                                term(((n * ci + c) * h + row) * width + column, ((o * ci + c) * kk + a) * kk + b,
                                     ((n * shape[1] + o) * shape[2] + i) * shape[3] + j, in, from, to);
                            }
}

static void add_to_y(int64_t ix, int64_t iw, int64_t iy, const view *in, const double *from, double *to)
{
    (void)from;
    to[iy] += in[0].x[ix] * in[1].x[iw];
}

static void add_to_x(int64_t ix, int64_t iw, int64_t iy, const view *in, const double *from, double *to)
{
    to[ix] += from[iy] * in[1].x[iw];
}

static void add_to_w(int64_t ix, int64_t iw, int64_t iy, const view *in, const double *from, double *to)
{
    to[iw] += from[iy] * in[0].x[ix];
}

static void conv_forward(const view *in, double *y)
{
    conv_each(in, NULL, y, false, false, add_to_y);
}

static void conv_padding_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    conv_each(in, g, grads[0], wrong, false, add_to_x);
    conv_each(in, g, grads[1], false, false, add_to_w);
}

static void conv_stride_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    conv_each(in, g, grads[0], false, wrong, add_to_x);
    conv_each(in, g, grads[1], false, false, add_to_w);
}

/* ---- 14: max pool, 2x2, x [C,H,W] ---- */

static void pool_shape(const view *in, int64_t *shape, int *rank)
{
    *rank = 3;
    shape[0] = in[0].shape[0];
    shape[1] = in[0].shape[1] / 2;
    shape[2] = in[0].shape[2] / 2;
}

/* Index of x that window position q (0..3) of result k looks at. */
static int64_t pool_index(const view *in, int64_t k, int q)
{
    int64_t w2 = in[0].shape[2] / 2, h2 = in[0].shape[1] / 2;
    int64_t j = k % w2, i = k / w2 % h2, c = k / w2 / h2;
    return (c * in[0].shape[1] + 2 * i + q / 2) * in[0].shape[2] + 2 * j + q % 2;
}

static int64_t pool_argmax(const view *in, int64_t k)
{
    int64_t best = pool_index(in, k, 0);
    for (int q = 1; q < 4; q++)
        if (in[0].x[pool_index(in, k, q)] > in[0].x[best])
            best = pool_index(in, k, q);
    return best;
}

static void pool_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n / 4; k++)
        y[k] = in[0].x[pool_argmax(in, k)];
}

static void pool_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n / 4; k++) {
        if (!wrong)
            grads[0][pool_argmax(in, k)] += g[k];
        for (int q = 0; wrong && q < 4; q++)
            grads[0][pool_index(in, k, q)] += g[k] / 4;
    }
}

/* ---- 15 to 17, 23: rows of scores, x [N,C]; labels [N] ---- */

static void softmax_row(const view *in, int64_t i, double *s)
{
    int64_t c = in[0].shape[1];
    const double *x = in[0].x + i * c;
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < c; j++)
        max = fmax(max, x[j]);
    for (int64_t j = 0; j < c; j++)
        sum += exp(x[j] - max);
    for (int64_t j = 0; j < c; j++)
        s[j] = exp(x[j] - max) / sum;
}

static void softmax_forward(const view *in, double *y)
{
    for (int64_t i = 0; i < in[0].shape[0]; i++)
        softmax_row(in, i, y + i * in[0].shape[1]);
}

static void softmax_diagonal_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t c = in[0].shape[1];
    double s[ROOM];
    for (int64_t i = 0; i < in[0].shape[0]; i++) {
        double dot = 0;
        softmax_row(in, i, s);
        for (int64_t j = 0; j < c; j++)
            dot += g[i * c + j] * s[j];
        for (int64_t j = 0; j < c; j++)
            grads[0][i * c + j] = s[j] * (g[i * c + j] - (wrong ? g[i * c + j] * s[j] : dot));
    }
}

static void softmax_zero_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    softmax_diagonal_backward(in, g, grads, false);
    if (wrong)
        memset(grads[0], 0, sizeof grads[0]);
}

static void cross_entropy_forward(const view *in, double *y)
{
    double s[ROOM];
    for (int64_t i = 0; i < in[0].shape[0]; i++) {
        softmax_row(in, i, s);
        y[0] -= log(s[(int)in[1].x[i]]) / (double)in[0].shape[0];
    }
}

static void cross_entropy_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t c = in[0].shape[1];
    double s[ROOM];
    for (int64_t i = 0; i < in[0].shape[0]; i++) {
        softmax_row(in, i, s);
        for (int64_t j = 0; j < c; j++)
            grads[0][i * c + j] = (s[j] - (j == (int)in[1].x[i])) / (double)in[0].shape[0] * (wrong ? 1 : g[0]);
    }
}

static void log_softmax_forward(const view *in, double *y)
{
    softmax_forward(in, y);
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = log(y[k]);
}

static void log_softmax_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t c = in[0].shape[1];
    double s[ROOM];
    for (int64_t i = 0; i < in[0].shape[0]; i++) {
        double sum = 0;
        softmax_row(in, i, s);
        for (int64_t j = 0; j < c; j++)
            sum += g[i * c + j];
        for (int64_t j = 0; j < c; j++)
            grads[0][i * c + j] = g[i * c + j] - (wrong ? 0 : s[j] * sum);
    }
}

static double margin(const view *in, int64_t i, int64_t j)
{
    int64_t c = in[0].shape[1], label = (int64_t)in[1].x[i];
    return j == label ? 0 : fmax(0, 1 + in[0].x[i * c + j] - in[0].x[i * c + label]);
}

static void weston_watkins_forward(const view *in, double *y)
{
    for (int64_t i = 0; i < in[0].shape[0]; i++)
        for (int64_t j = 0; j < in[0].shape[1]; j++)
            y[0] += margin(in, i, j) / (double)in[0].shape[0];
}

static void weston_watkins_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t c = in[0].shape[1];
    for (int64_t i = 0; i < in[0].shape[0]; i++) {
        double count = 0, share = g[0] / (double)in[0].shape[0];
        for (int64_t j = 0; j < c; j++) {
            grads[0][i * c + j] = margin(in, i, j) > 0 ? share : 0;
            count += margin(in, i, j) > 0;
        }
        grads[0][i * c + (int64_t)in[1].x[i]] = -(wrong ? 1 : count) * share;
    }
}

/* ---- 18 to 22, 26, 27: elementwise ---- */

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static void sigmoid_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = logistic(in[0].x[k]);
}

static void sigmoid_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++) {
        double s = wrong ? in[0].x[k] : logistic(in[0].x[k]);
        grads[0][k] = g[k] * s * (1 - s);
    }
}

static void leaky_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] * (in[0].x[k] > 0 ? 1 : 0.01);
}

static void leaky_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++)
        grads[0][k] = g[k] * (in[0].x[k] > 0 ? 1 : wrong ? 0 : 0.01);
}

static void swish_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] * logistic(in[1].x[0] * in[0].x[k]);
}

static void swish_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++) {
        double x = in[0].x[k], beta = in[1].x[0], s = logistic(beta * x);
        grads[0][k] = g[k] * (s + beta * x * s * (1 - s));
        grads[1][0] += g[k] * (wrong ? x : x * x) * s * (1 - s);
    }
}

/* Local response normalisation over channels, x [N,C,L]: n 5, alpha 1e-4, beta 0.75, k 2. */
static double lrn_sum(const view *in, int64_t b, int64_t c, int64_t l)
{
    int64_t channels = in[0].shape[1], length = in[0].shape[2];
    double sum = 0;
    for (int64_t j = c > 2 ? c - 2 : 0; j <= c + 2 && j < channels; j++)
        sum += pow(in[0].x[(b * channels + j) * length + l], 2);
    return 2 + 1e-4 * sum;
}

static void lrn_forward(const view *in, double *y)
{
    int64_t channels = in[0].shape[1], length = in[0].shape[2];
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] * pow(lrn_sum(in, k / length / channels, k / length % channels, k % length), -0.75);
}

static void lrn_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t channels = in[0].shape[1], length = in[0].shape[2];
    for (int64_t k = 0; k < in[0].n; k++) {
        int64_t b = k / length / channels, c = k / length % channels, l = k % length;
        grads[0][k] = g[k] * pow(lrn_sum(in, b, c, l), -0.75);
        for (int64_t j = c > 2 ? c - 2 : 0; !wrong && j <= c + 2 && j < channels; j++) {
            int64_t other = (b * channels + j) * length + l;
            grads[0][k] -= 2e-4 * 0.75 * in[0].x[k] * g[other] * in[0].x[other] * pow(lrn_sum(in, b, j, l), -1.75);
        }
    }
}

/* The mask is fixed here; S4 draws it. */
static bool kept(int64_t k)
{
    return k * 7 % 10 >= 5;
}

static void dropout_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = kept(k) ? 2 * in[0].x[k] : 0;
}

static void dropout_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++)
        grads[0][k] = kept(k) ? (wrong ? 1 : 2) * g[k] : 0;
}

static void penalty_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[0] += sin(in[0].x[k]) + 1e-4 * in[0].x[k] * in[0].x[k];
}

static void penalty_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++)
        grads[0][k] = g[0] * (cos(in[0].x[k]) + (wrong ? 0 : 2e-4 * in[0].x[k]));
}

static void gelu_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = in[0].x[k] * 0.5 * (1 + erf(in[0].x[k] / sqrt(2)));
}

static void gelu_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[0].n; k++) {
        double x = in[0].x[k], c = sqrt(2 / M_PI), t = tanh(c * (x + 0.044715 * x * x * x));
        double by_tanh = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
        double by_erf = 0.5 * (1 + erf(x / sqrt(2))) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
        grads[0][k] = g[k] * (wrong ? by_tanh : by_erf);
    }
}

/* ---- 24: embedding, table [V,D], index [N] ---- */

static void embedding_shape(const view *in, int64_t *shape, int *rank)
{
    *rank = 2;
    shape[0] = in[1].n;
    shape[1] = in[0].shape[1];
}

static void embedding_forward(const view *in, double *y)
{
    int64_t d = in[0].shape[1];
    for (int64_t k = 0; k < in[1].n * d; k++)
        y[k] = in[0].x[(int64_t)in[1].x[k / d] * d + k % d];
}

static void embedding_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    int64_t d = in[0].shape[1];
    for (int64_t k = 0; k < in[1].n * d; k++) {
        double *to = &grads[0][(int64_t)in[1].x[k / d] * d + k % d];
        *to = g[k] + (wrong ? 0 : *to);
    }
}

/* ---- 25: LSTM cell, gates [N,4,H] (input, forget, output, candidate), c0 [N,H] ---- */

typedef struct lstm_gates {
    double i, f, o, u, c0, c;
    int64_t at, step;
} lstm_gates;

static lstm_gates lstm_at(const view *in, int64_t k)
{
    int64_t h = in[1].shape[1];
    lstm_gates s = {.at = k / h * 4 * h + k % h, .step = h, .c0 = in[1].x[k]};
    s.i = logistic(in[0].x[s.at]);
    s.f = logistic(in[0].x[s.at + h]);
    s.o = logistic(in[0].x[s.at + 2 * h]);
    s.u = tanh(in[0].x[s.at + 3 * h]);
    s.c = s.f * s.c0 + s.i * s.u;
    return s;
}

static void lstm_shape(const view *in, int64_t *shape, int *rank)
{
    *rank = 2;
    memcpy(shape, in[1].shape, 2 * sizeof *shape);
}

static void lstm_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[1].n; k++) {
        lstm_gates s = lstm_at(in, k);
        y[k] = s.o * tanh(s.c);
    }
}

static void lstm_backward(const view *in, const double *g, double (*grads)[ROOM], bool wrong)
{
    for (int64_t k = 0; k < in[1].n; k++) {
        lstm_gates s = lstm_at(in, k);
        double gc = g[k] * s.o * (1 - tanh(s.c) * tanh(s.c)), *gx = &grads[0][s.at];
        gx[0] = gc * s.u * s.i * (1 - s.i);
        gx[s.step] = gc * (wrong ? s.c : s.c0) * s.f * (1 - s.f);
        gx[2 * s.step] = g[k] * tanh(s.c) * s.o * (1 - s.o);
        gx[3 * s.step] = gc * s.i * (1 - s.u * s.u);
        grads[1][k] = gc * s.f;
    }
}

/* ---- the records' functions, the same for all ---- */

static ct_status read_view(const ct_tensor *t, view *v)
{
    *v = (view){.n = ct_numel(t), .rank = ct_rank(t)};
    if (v->n > ROOM)
        return ct_error_set(CT_ERROR_SHAPE, "planted: an input of more than %d elements", ROOM);
    if (v->rank)
        memcpy(v->shape, ct_shape(t), sizeof *v->shape * (size_t)v->rank);
    return ct_to_values(t, v->x, v->n);
}

/* The inputs as views, in a block for free(); NULL with an error. */
static view *read_inputs(ct_call *call)
{
    view *in = malloc(sizeof *in * MAX_IN);
    if (!in) {
        ct_call_error(call, CT_ERROR_MEMORY, "no memory");
        return NULL;
    }
    for (int i = 0; i < ct_call_inputs(call); i++) {
        if (read_view(ct_call_input(call, i), &in[i]) != CT_OK) {
            free(in);
            return NULL;
        }
    }
    return in;
}

/* The kernels know their own sizes only, so shapes must be those of the samples where it matters. */
static ct_status infer(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    view *in = read_inputs(call);
    if (!in)
        return ct_error_code();
    int64_t shape[CT_MAX_RANK];
    int rank = in[0].rank;
    memcpy(shape, in[0].shape, sizeof shape);
    if (a->kernels->shape)
        a->kernels->shape(in, shape, &rank);
    free(in);
    return ct_call_output_shape(call, 0, ct_dtype_of(ct_call_input(call, 0)), shape, rank);
}

static ct_status forward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    double y[ROOM] = {0};
    view *in = read_inputs(call);
    if (!in)
        return ct_error_code();
    a->kernels->forward(in, y);
    free(in);
    ct_tensor *out = ct_call_output(call, 0);
    for (int64_t k = 0; k < ct_numel(out); k++) {
        if (ct_dtype_of(out) == CT_FLOAT64)
            ((double *)ct_call_output_data(call, 0))[k] = y[k];
        else
            ((float *)ct_call_output_data(call, 0))[k] = (float)y[k];
    }
    return CT_OK;
}

static ct_status set_grad(ct_call *call, int i, const view *in, const double *grad)
{
    return ct_call_set_grad(
        call, i, ct_from_values(ct_dtype_of(ct_call_input(call, i)), grad, in[i].n, in[i].shape, in[i].rank));
}

static ct_status backward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    view *in = read_inputs(call), *g = malloc(sizeof *g);
    double(*grads)[ROOM] = calloc(MAX_IN, sizeof *grads);
    ct_status status = !in ? ct_error_code() : !g || !grads ? ct_call_error(call, CT_ERROR_MEMORY, "no memory") : CT_OK;
    if (status == CT_OK)
        status = read_view(ct_call_grad_output(call, 0), g);
    if (status == CT_OK)
        a->kernels->backward(in, g->x, grads, a->wrong);
    for (int i = 0; status == CT_OK && i < ct_call_inputs(call); i++)
        if (ct_call_needs_grad(call, i))
            status = set_grad(call, i, in, grads[i]);
    free(in);
    free(g);
    free(grads);
    return status;
}

/* ---- S1 to S5: operations that break a rule ---- */

/* S1: the backward of y = x^2 reads its cotangent as if it were contiguous. */
static ct_status contiguous_backward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    if (a->wrong) /* row-major strides over whatever lies there */
        g = ct_from_array(ct_dtype_of(g), ct__ptr(g), ct_shape(g), ct_rank(g));
    return ct_call_set_grad(call, 0, ct_mul_scalar(ct_mul(x, g), 2));
}

/* S2: the backward of y = 2 x doubles the cotangent in its place. */
static ct_status clobber_backward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_tensor *twice = ct_mul_scalar(g, 2);
    if (a->wrong && twice)
        ct__copy_strided(ct_dtype_of(g), ct__ptr(g), ct_strides(g), ct_dtype_of(g), ct__ptr(twice), ct_strides(twice),
                         ct_shape(g), ct_rank(g));
    return ct_call_set_grad(call, 0, twice);
}

static void twice_forward(const view *in, double *y)
{
    for (int64_t k = 0; k < in[0].n; k++)
        y[k] = 2 * in[0].x[k];
}

/* S3: the forward of y = x^2 leaves its result in x, which is saved, as well. */
static ct_status overwrite_forward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    ct_status status = forward(call);
    ct_tensor *x = ct_call_input(call, 0), *y = ct_call_output(call, 0);
    if (status == CT_OK && a->wrong)
        ct__copy_strided(ct_dtype_of(x), ct__ptr(x), ct_strides(x), ct_dtype_of(y), ct__ptr(y), ct_strides(y),
                         ct_shape(x), ct_rank(x));
    return status;
}

/* S4: y = x mask / (1 - p), p = 1/2; output 1 is the mask, which the wrong backward draws again instead. */
static ct_status redraw_infer(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    ct_status status = ct_call_output_like(call, 0, x);
    return status == CT_OK ? ct_call_output_shape(call, 1, CT_UINT8, ct_shape(x), ct_rank(x)) : status;
}

static ct_status redraw_forward(ct_call *call)
{
    const void *x = ct_call_input_data(call, 0);
    void *y = ct_call_output_data(call, 0);
    uint8_t *mask = ct_call_output_data(call, 1);
    if (!x)
        return ct_error_code();
    for (int64_t k = 0; k < ct_numel(ct_call_input(call, 0)); k++) {
        mask[k] = ct_random_u64() & 1;
        if (ct_dtype_of(ct_call_input(call, 0)) == CT_FLOAT64)
            ((double *)y)[k] = mask[k] ? 2 * ((const double *)x)[k] : 0;
        else
            ((float *)y)[k] = mask[k] ? 2 * ((const float *)x)[k] : 0;
    }
    return CT_OK;
}

static ct_status redraw_backward(ct_call *call)
{
    const attributes *a = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_tensor *mask = a->wrong ? ct_randint(0, 2, ct_shape(g), ct_rank(g)) : ct_call_output(call, 1);
    return ct_call_set_grad(call, 0, ct_mul_scalar(ct_mul(g, ct_cast(mask, ct_dtype_of(g))), 2));
}

/* S5: y = x^2 and z = x^3; where no gradient comes for z, the wrong backward finds the one of an earlier call in its buffer. */
static ct_status powers_infer(ct_call *call)
{
    ct_status status = ct_call_output_like(call, 0, ct_call_input(call, 0));
    return status == CT_OK ? ct_call_output_like(call, 1, ct_call_input(call, 0)) : status;
}

static ct_status powers_forward(ct_call *call)
{
    view *in = read_inputs(call);
    if (!in)
        return ct_error_code();
    for (int i = 0; i < 2; i++) {
        for (int64_t k = 0; k < in[0].n; k++) {
            double y = pow(in[0].x[k], 2 + i);
            if (ct_dtype_of(ct_call_output(call, i)) == CT_FLOAT64)
                ((double *)ct_call_output_data(call, i))[k] = y;
            else
                ((float *)ct_call_output_data(call, i))[k] = (float)y;
        }
    }
    free(in);
    return CT_OK;
}

static ct_status powers_backward(ct_call *call)
{
    static double stale[ROOM] = {1, -1, 1, -1}; /* what a fresh block of memory may hold */
    const attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *g[2] = {ct_call_grad_output(call, 0), ct_call_grad_output(call, 1)};
    if (g[1] && ct_numel(g[1]) <= ROOM && ct_to_values(g[1], stale, ct_numel(g[1])) != CT_OK)
        return ct_error_code();
    if (!g[1] && a->wrong)
        g[1] = ct_from_values(ct_dtype_of(x), stale, ct_numel(x), ct_shape(x), ct_rank(x));
    ct_tensor *first = g[0] ? ct_mul_scalar(ct_mul(x, g[0]), 2) : NULL;
    ct_tensor *second = g[1] ? ct_mul_scalar(ct_mul(ct_square(x), g[1]), 3) : NULL;
    return ct_call_set_grad(call, 0, first && second ? ct_add(first, second) : first ? first : second);
}

/* ---- the table ---- */

/* FUNCTIONS: what the operation saves, and its functions. */
#define OP(NAME, INPUTS, SAMPLE, KERNELS, WRONG, ...)                                                            \
    {                                                                                                            \
        .name = NAME, .gradient = "see docs/gradcheck.md", .min_inputs = INPUTS, .max_inputs = INPUTS,           \
        .attributes_size = sizeof(attributes),                                                                   \
        .samples = (const ct_sample[]){{SAMPLE, &(const attributes){KERNELS, WRONG}}, {NULL, NULL}}, __VA_ARGS__ \
    }
#define KERNELS(SHAPE, FORWARD, BACKWARD) (&(const kernels){SHAPE, FORWARD, BACKWARD})
#define PLANT_WITH(NUMBER, NAME, MISTAKE, INPUTS, SAMPLE, KERNELS, ...)           \
    {                                                                             \
        .number = NUMBER, .mistake = MISTAKE,                                     \
        .right = &(const ct_op)OP(NAME, INPUTS, SAMPLE, KERNELS, 0, __VA_ARGS__), \
        .wrong = &(const ct_op)OP(NAME, INPUTS, SAMPLE, KERNELS, 1, __VA_ARGS__), \
    }
#define PLANT(NUMBER, NAME, MISTAKE, INPUTS, SAMPLE, SHAPE, FORWARD, BACKWARD)                                    \
    PLANT_WITH(NUMBER, NAME, MISTAKE, INPUTS, SAMPLE, KERNELS(SHAPE, FORWARD, BACKWARD), .saves = CT_SAVE_INPUTS, \
               .takes = {CT_FLOATS | CT_MIXED, CT_ANY_DTYPE | CT_MIXED}, .infer = infer, .forward = forward,      \
               .backward = backward)

/* clang-format off */
static const planted_op table[] = {
    PLANT("1", "matmul", "without the transpose", 2, "4x4 4x4", NULL, matmul_forward, matmul_backward),
    PLANT("2", "bias", "takes row 0", 2, "5x4 4", NULL, bias_forward, bias_row_backward),
    PLANT("3", "bias", "mean, not the sum", 2, "5x4 4", NULL, bias_forward, bias_mean_backward),
    PLANT("4", "sub", "wrong sign", 2, "5x4 5x4", NULL, sub_forward, sub_backward),
    PLANT("5", "square", "drops the 2", 1, "5x4", NULL, square_forward, square_backward),
    PLANT("6", "mean", "forgets 1/N", 1, "5x4", scalar_shape, mean_forward, mean_backward),
    PLANT("7", "fork", "overwrites", 1, "5x4", NULL, fork_forward, fork_backward),
    PLANT("8", "batch_norm", "eps outside the root, variance near 1", 3, "8x4 4@0.5..1.5 4", NULL, batch_norm_forward, bn_eps_backward),
    PLANT("8b", "batch_norm", "eps outside the root, variance near eps", 3, "8x4@-0.005..0.005 4@0.5..1.5 4", NULL, batch_norm_forward, bn_eps_backward),
    PLANT("9", "batch_norm", "misses the mean term", 3, "8x4 4@0.5..1.5 4", NULL, batch_norm_forward, bn_mean_backward),
    PLANT("10", "batch_norm", "misses the variance term", 3, "8x4 4@0.5..1.5 4", NULL, batch_norm_forward, bn_variance_backward),
    PLANT("11", "batch_norm", "N-1 in backward", 3, "8x4 4@0.5..1.5 4", NULL, batch_norm_forward, bn_unbiased_backward),
    PLANT("12", "conv", "ignores padding in dX", 2, "2x2x5x5 3x2x3x3", conv_shape, conv_forward, conv_padding_backward),
    PLANT("13", "conv", "stride off by one", 2, "2x2x5x5 3x2x2x2", conv_shape, conv_forward, conv_stride_backward),
    PLANT("14", "max_pool", "spreads the gradient", 1, "2x6x6", pool_shape, pool_forward, pool_backward),
    PLANT("15", "softmax", "keeps the diagonal only", 1, "4x6", NULL, softmax_forward, softmax_diagonal_backward),
    PLANT("15b", "softmax", "returns zeros", 1, "4x6", NULL, softmax_forward, softmax_zero_backward),
    PLANT("16", "cross_entropy", "ignores the incoming gradient", 2, "4x6 i6:4", scalar_shape, cross_entropy_forward, cross_entropy_backward),
    PLANT("17", "log_softmax", "misses the sum", 1, "4x6", NULL, log_softmax_forward, log_softmax_backward),
    PLANT("18", "sigmoid", "x (1 - x)", 1, "5x4", NULL, sigmoid_forward, sigmoid_backward),
    PLANT("19", "leaky_relu", "drops the slope", 1, "5x4", NULL, leaky_forward, leaky_backward),
    PLANT("20", "swish", "d-beta misses x", 2, "5x4 1@1.2..1.4", NULL, swish_forward, swish_backward),
    PLANT("21", "lrn", "misses the cross-channel term", 1, "2x8x3", NULL, lrn_forward, lrn_backward),
    PLANT("22", "dropout", "misses 1/(1-p)", 1, "5x4", NULL, dropout_forward, dropout_backward),
    PLANT("23", "weston_watkins", "true class gets -1, not minus the count", 2, "4x6 i6:4", scalar_shape, weston_watkins_forward, weston_watkins_backward),
    PLANT("24", "embedding", "overwrites at duplicates", 2, "7x3 i3:5", embedding_shape, embedding_forward, embedding_backward),
    PLANT("25", "lstm", "forget gate uses c_t", 2, "3x4x5 3x5", lstm_shape, lstm_forward, lstm_backward),
    PLANT("26", "penalty", "L2 term (1e-4) missing", 1, "5x4", scalar_shape, penalty_forward, penalty_backward),
    PLANT("27", "gelu", "tanh derivative for erf", 1, "5x4", NULL, gelu_forward, gelu_backward),
    PLANT_WITH("S1", "strided", "assumes a contiguous cotangent", 1, "5x4", KERNELS(NULL, square_forward, NULL),
               .saves = CT_SAVE_INPUTS, .infer = infer, .forward = forward, .backward = contiguous_backward),
    PLANT_WITH("S2", "clobber", "changes its cotangent", 1, "5x4", KERNELS(NULL, twice_forward, NULL),
               .infer = infer, .forward = forward, .backward = clobber_backward),
    PLANT_WITH("S3", "overwrite", "saved tensor is overwritten", 1, "5x4", KERNELS(NULL, square_forward, square_backward),
               .saves = CT_SAVE_INPUTS, .infer = infer, .forward = overwrite_forward, .backward = backward),
    PLANT_WITH("S4", "redraw", "draws its mask again", 1, "5x4", NULL,
               .outputs = 2, .saves = CT_SAVE_OUTPUT(1), .infer = redraw_infer, .forward = redraw_forward, .backward = redraw_backward),
    PLANT_WITH("S5", "powers", "missing second gradient is garbage", 1, "5x4", NULL,
               .outputs = 2, .saves = CT_SAVE_INPUTS, .infer = powers_infer, .forward = powers_forward, .backward = powers_backward),
};
/* clang-format on */

const planted_op *planted_ops(int *n)
{
    *n = (int)(sizeof table / sizeof *table);
    return table;
}
