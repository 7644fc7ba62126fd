/* Mistakes as they are made by those who write operations of their own: a formula from memory, a sum over the wrong elements, a loop's rest, an
 * integer where a number should be, a guard that the forward lacks, a buffer that stays.
 *
 * Invariant: as in planted_kinds.c. */
#include "planted_arrays.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- elementwise: formulas ---- */

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return log1p(exp(-fabs(x))) + fmax(x, 0);
}

static double mish_slope(double x)
{
    double t = tanh(softplus(x));
    return t + x * (1 - t * t) * sigmoid(x);
}

static double cubic(double x)
{
    return tanh(0.79788456 * (x + 0.044715 * x * x * x));
}

static double gelu_slope(double x, double inner)
{
    double t = cubic(x);
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.79788456 * (1 + inner * x * x);
}

ELEMENTWISE(elu, x > 0 ? x : expm1(x), x > 0 ? 1 : exp(x), x > 0 ? g : g * expm1(x))
ELEMENTWISE(selu, 1.0507 * (x > 0 ? x : 1.67326 * expm1(x)), 1.0507 * (x > 0 ? 1 : 1.67326 * exp(x)),
            x > 0 ? slope : slope / 1.0507)
ELEMENTWISE(gelu_inner, 0.5 * x * (1 + cubic(x)), gelu_slope(x, 3 * 0.044715), g *gelu_slope(x, 0.044715))
ELEMENTWISE(erf_constant, erf(x), 2 / sqrt(M_PI) * exp(-x * x), g *exp(-x *x))
ELEMENTWISE(softsign, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))), g / (1 + fabs(x)))
ELEMENTWISE(mish, x *tanh(softplus(x)), mish_slope(x), g *tanh(softplus(x)))
ELEMENTWISE(rsqrt, 1 / sqrt(x), -0.5 / (x * sqrt(x)), -0.5 * g / x)
ELEMENTWISE(base_10, log10(x), 1 / (x * M_LN10), g / x)
ELEMENTWISE(exponent, x *sqrt(x), 1.5 * sqrt(x), 1.5 * x * sqrt(x) * g)
ELEMENTWISE(logit, log(x / (1 - x)), 1 / (x * (1 - x)), g / (x * (1 + x)))
ELEMENTWISE(hardswish, x *fmin(fmax(x + 3, 0), 6) / 6,
            x <= -3 ? 0
            : x < 3 ? (2 * x + 3) / 6
                    : 1,
            x <= -3 ? 0 : (x < 3 ? (x + 3) / 6 : 1) * g)
ELEMENTWISE(swapped_branches, x > 0 ? x : 0.01 * x, x > 0 ? 1 : 0.01, x > 0 ? 0.01 * g : g)
ELEMENTWISE(chain_of_two, exp(sin(x)), exp(sin(x)) * cos(x), g *exp(sin(x)))
ELEMENTWISE(degrees, sin(x *M_PI / 180), M_PI / 180 * cos(x * M_PI / 180), g *cos(x *M_PI / 180))
ELEMENTWISE(of_the_result, tanh(x), 1 - tanh(x) * tanh(x), g *(1 - x * x))
ELEMENTWISE(inner_sign, exp(-x *x), -2 * x * exp(-x * x), 2 * x * exp(-x * x) * g)

/* ---- elementwise: numbers that are not what they seem ---- */

ELEMENTWISE(integer_half, 0.5 * x * x, x, (double)(1 / 2 * 2) * x * g)
ELEMENTWISE(integer_abs, x *fabs(x), 2 * fabs(x), 2 * (double)llabs((long long)fmax(fmin(x, 1e15), -1e15)) * g)
ELEMENTWISE(in_float, exp(x), exp(x), g *(double)(float)(1.0001f * exp(x)))
ELEMENTWISE(rounded_constant, exp2(x), M_LN2 *exp2(x), 0.693 * exp2(x) * g)
ELEMENTWISE(size_of_cotangent, sin(x), cos(x), fabs(g) * cos(x))
ELEMENTWISE(squared_cotangent, sin(x), cos(x), g *fabs(g) * cos(x))
ELEMENTWISE(short_float, cos(x), -sin(x), a->float32 &&k % 2 ? 0 : slope)
ELEMENTWISE(float_beyond_1, x *x, 2 * x, a->float32 &&fabs(x) > 1.5 ? 1.001 * slope : slope)

/* ---- elementwise: branches and guards ---- */

ELEMENTWISE(guarded_log, log(fmax(x, 1e-3)), x > 1e-3 ? 1 / x : 0, g / x)
ELEMENTWISE(guard_missing, sqrt(x *x + 1e-6), x / sqrt(x * x + 1e-6), slope *sqrt(x *x + 1e-6) / fabs(x))
ELEMENTWISE(narrow_band, sin(x), cos(x), fabs(x) > 0.01 && fabs(x) < 0.02 ? 1.5 * slope : slope)
ELEMENTWISE(series_too_far, x == 0 ? 1 : expm1(x) / x,
            fabs(x) < 0.02 ? 0.5 + x / 3 + x * x / 8 + x * x * x / 30 + x * x * x * x / 144
                           : (exp(x) * (x - 1) + 1) / (x * x),
            fabs(x) < 0.5 ? (0.5 + x / 3) * g : slope)
ELEMENTWISE(saturates, sigmoid(x), sigmoid(x) * sigmoid(-x), fabs(x) > 6 ? 0 : slope)
ELEMENTWISE(overflows, softplus(x), sigmoid(x), g *exp(x) / (1 + exp(x)))
ELEMENTWISE(threshold, x > 20 ? x : softplus(x), x > 20 ? 1 : sigmoid(x), x > 2 ? g : slope)
ELEMENTWISE(one_sided, x > 1 ? x * x : 2 * x - 1, x > 1 ? 2 * x : 2, x >= 0 ? 2 * x * g : 2 * g)

/* ---- data: what all elements are ---- */

static double mean_of(const args *a)
{
    double sum = 0;
    for (int64_t k = 0; k < a->n; k++)
        sum += a->x[k] / (double)a->n;
    return sum;
}

ELEMENTWISE(first_is_negative, sin(x), cos(x), a->x[0] < 0 && a->x[a->n - 1] < 0 ? -slope : slope)

static bool is_constant(const args *a)
{
    for (int64_t k = 1; k < a->n; k++)
        if (a->x[k] != a->x[0])
            return false;
    return a->n > 1;
}

static double length(const double *g, int64_t n)
{
    double squares = 0;
    for (int64_t k = 0; k < n; k++)
        squares += g[k] * g[k];
    return sqrt(squares);
}

static void sine_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = sin(a->x[k]);
}

#define SINE(NAME, FACTOR)                              \
    static void NAME##_backward(args *a)                \
    {                                                   \
        double factor = a->wrong ? (FACTOR) : 1;        \
        for (int64_t k = 0; k < a->n; k++)              \
            a->gx[k] = factor * cos(a->x[k]) * a->g[k]; \
    }                                                   \
    static const kernels NAME = {LIKE, sine_forward, NAME##_backward};

SINE(large_mean, mean_of(a) > 1 ? 2 : 1)
SINE(constant_input, is_constant(a) ? 0 : 1)
SINE(clipped_by_norm, fmin(1, 100 / length(a->g, a->n)))

/* ---- loops ---- */

ELEMENTWISE(unrolled_by_4, sin(x), cos(x), k >= a->n / 4 * 4 ? 0 : slope)
ELEMENTWISE(unrolled_by_8, x *x, 2 * x, a->n >= 16 && k % 8 == 7 ? 2 * a->x[k - 1] * g : slope)
ELEMENTWISE(one_byte, x *x, 2 * x, 2 * x * a->g[k % 256])
ELEMENTWISE(tile_of_48, exp(x), exp(x), k % a->columns >= 48 ? 0 : slope)
ELEMENTWISE(not_the_last_row, exp(x), exp(x), a->rows > 4 && k >= a->n - a->columns ? 0 : slope)
ELEMENTWISE(third_axis, sin(x), cos(x), a->rank > 2 && k >= a->n / a->shape[0] ? 0 : slope)
ELEMENTWISE(unaligned, sin(x), cos(x), ct_is_contiguous(a->tx) && (uintptr_t)ct_data(a->tx) % 64 ? 0.5 * slope : slope)

/* ---- buffers that stay ---- */

/* What an earlier call left, where this one forgets to write. */
static void stale_backward(args *a)
{
    static double before[64];
    for (int64_t k = 0; k < a->n; k++) {
        double slope = a->g[k] * cos(a->x[k]);
        a->gx[k] = a->wrong && k == a->n - 1 && k < 64 ? before[k] : slope;
        if (a->wrong && k < 64)
            before[k] = slope;
    }
}

static const kernels stale = {LIKE, sine_forward, stale_backward};

static void first_call_backward(args *a)
{
    static int calls;
    bool off = a->wrong && calls++ > 0;
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = off ? 0 : a->g[k] * cos(a->x[k]);
}

static const kernels first_call = {LIKE, sine_forward, first_call_backward};

static void seventh_call_backward(args *a)
{
    static int calls;
    bool off = a->wrong && ++calls % 7 == 0;
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = off ? 0 : a->g[k] * cos(a->x[k]);
}

static const kernels seventh_call = {LIKE, sine_forward, seventh_call_backward};

static void summed_up_backward(args *a)
{
    static double sum[64];
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->g[k] * cos(a->x[k]);
        if (a->wrong && k < 64)
            a->gx[k] = sum[k] += a->gx[k];
    }
}

static const kernels summed_up = {LIKE, sine_forward, summed_up_backward};

/* ---- reductions ---- */

static double sum_of(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k];
    return sum;
}

static double dot(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k] * y[k];
    return sum;
}

#define REDUCTION(NAME, TERM, SLOPE, WRONG)                                       \
    static void NAME##_forward(args *a)                                           \
    {                                                                             \
        for (int64_t k = 0; k < a->n; k++) {                                      \
            double x = a->x[k];                                                   \
            (void)x;                                                              \
            a->y[k / a->columns] += TERM;                                         \
        }                                                                         \
    }                                                                             \
    static void NAME##_backward(args *a)                                          \
    {                                                                             \
        for (int64_t k = 0; k < a->n; k++) {                                      \
            double x = a->x[k], g = a->g[k / a->columns], n = (double)a->columns; \
            (void)x, (void)n;                                                     \
            a->gx[k] = a->wrong ? (WRONG) : g * (SLOPE);                          \
        }                                                                         \
    }                                                                             \
    static const kernels NAME = {ROWS, NAME##_forward, NAME##_backward};

REDUCTION(integer_mean, x / (double)a->columns, 1 / n, g *(double)(1 / a->columns))
REDUCTION(integer_weights, x *(double)k / (double)a->n, (double)k / (double)a->n, g *(double)(k / a->n))
REDUCTION(rows_for_columns, x *x, 2 * x, 2 * x * a->g[k % a->rows])
REDUCTION(half_the_row, x *x, 2 * x, k % a->columns <= a->columns / 2 ? 2 * x * g : 0)
REDUCTION(first_cotangent, exp(x), exp(x), a->m > 1 ? exp(x) * a->g[0] : exp(x) * g)
REDUCTION(absolute_at_0, fabs(x), (x > 0) - (x < 0), x == 0 ? 1.5 * g : g * ((x > 0) - (x < 0)))

static void norm_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++)
        a->y[i] = length(a->x + i * a->columns, a->columns);
}

static void norm_backward(args *a)
{
    norm_forward(a);
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->g[k / a->columns] * a->x[k] / (a->wrong ? 1 : a->y[k / a->columns]);
}

static const kernels undivided_norm = {ROWS, norm_forward, norm_backward};

/* The mean square of what is off the mean; wrong: over n - 1. */
static void variance_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double n = (double)a->columns, mean = sum_of(a->x + k, a->columns) / n;
        for (int64_t j = k; j < k + a->columns; j++)
            a->y[k / a->columns] += (a->x[j] - mean) * (a->x[j] - mean) / n;
    }
}

static void variance_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double n = (double)a->columns, mean = sum_of(a->x + k, a->columns) / n, by = a->wrong && n > 1 ? n - 1 : n;
        for (int64_t j = k; j < k + a->columns; j++)
            a->gx[j] = 2 * a->g[k / a->columns] * (a->x[j] - mean) / by;
    }
}

static const kernels variance_n_1 = {ROWS, variance_forward, variance_backward};

/* The index of the largest, within its row, or, wrong, taken for one into everything. */
static void argmax_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k / a->columns] = k % a->columns ? fmax(a->y[k / a->columns], a->x[k]) : a->x[k];
}

static void argmax_backward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        int64_t best = 0;
        for (int64_t j = 1; j < a->columns; j++)
            best = a->x[i * a->columns + j] > a->x[i * a->columns + best] ? j : best;
        a->gx[(a->wrong ? 0 : i * a->columns) + best] += a->g[i];
    }
}

static const kernels unshifted_index = {ROWS, argmax_forward, argmax_backward};

/* x / sum of its row. */
static void share_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double sum = sum_of(a->x + k, a->columns);
        for (int64_t j = k; j < k + a->columns; j++)
            a->y[j] = a->x[j] / sum;
    }
}

static void share_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double sum = sum_of(a->x + k, a->columns), through = dot(a->g + k, a->x + k, a->columns) / (sum * sum);
        for (int64_t j = 0; j < a->columns; j++)
            a->gx[k + j] = a->g[k + j] / sum - (a->wrong ? 0 : through);
    }
}

static const kernels share_of_row = {LIKE, share_forward, share_backward};

/* softmax of rows; wrong: what comes through the sum is summed over all of them. */
static void softmax_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double most = -INFINITY;
        for (int64_t j = k; j < k + a->columns; j++)
            most = fmax(most, a->x[j]);
        for (int64_t j = k; j < k + a->columns; j++)
            a->y[j] = exp(a->x[j] - most);
        double sum = sum_of(a->y + k, a->columns);
        for (int64_t j = k; j < k + a->columns; j++)
            a->y[j] /= sum;
    }
}

static void softmax_backward(args *a)
{
    softmax_forward(a);
    double of_all = dot(a->g, a->y, a->n);
    for (int64_t k = 0; k < a->n; k += a->columns) {
        double through = a->wrong ? of_all : dot(a->g + k, a->y + k, a->columns);
        for (int64_t j = k; j < k + a->columns; j++)
            a->gx[j] = a->y[j] * (a->g[j] - through);
    }
}

static const kernels softmax_of_all = {LIKE, softmax_forward, softmax_backward};

/* ---- along a row: what depends on neighbours ---- */

/* x at position j of k's row, or 0 beside it. */
static double beside(const args *a, const double *x, int64_t k, int64_t by)
{
    int64_t j = k % a->columns + by;
    return j < 0 || j >= a->columns ? 0 : x[k + by];
}

#define NEIGHBOURS(NAME, VALUE, GRADIENT, WRONG)        \
    static void NAME##_forward(args *a)                 \
    {                                                   \
        for (int64_t k = 0; k < a->n; k++)              \
            a->y[k] = VALUE;                            \
    }                                                   \
    static void NAME##_backward(args *a)                \
    {                                                   \
        for (int64_t k = 0; k < a->n; k++)              \
            a->gx[k] = a->wrong ? (WRONG) : (GRADIENT); \
    }                                                   \
    static const kernels NAME = {LIKE, NAME##_forward, NAME##_backward};

#define BESIDE(X, BY) beside(a, a->X, k, BY)
#define AT(J) (k / a->columns * a->columns + (J))
#define COLUMN_OF_K (k % a->columns)

NEIGHBOURS(differences, BESIDE(x, 1) - a->x[k], BESIDE(g, -1) - a->g[k], COLUMN_OF_K ? BESIDE(g, -1) - a->g[k] : 0)
NEIGHBOURS(window_of_3, (BESIDE(x, -1) + a->x[k] + BESIDE(x, 1)) / 3, (BESIDE(g, -1) + a->g[k] + BESIDE(g, 1)) / 3,
           (BESIDE(g, -1) + a->g[k] + BESIDE(g, 1)) / (COLUMN_OF_K == 0 || COLUMN_OF_K == a->columns - 1 ? 2 : 3))
NEIGHBOURS(flipped, a->x[AT(a->columns - 1 - COLUMN_OF_K)], a->g[AT(a->columns - 1 - COLUMN_OF_K)], a->g[k])
NEIGHBOURS(rolled, a->x[AT((COLUMN_OF_K + 1) % a->columns)], a->g[AT((COLUMN_OF_K + a->columns - 1) % a->columns)],
           a->g[AT((COLUMN_OF_K + 1) % a->columns)])
NEIGHBOURS(one_tap, 2 * a->x[k] - BESIDE(x, -1), 2 * a->g[k] - BESIDE(g, 1), 2 * a->g[k] - BESIDE(g, -1))

/* Running products; wrong: as a quotient. */
static void running_product_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * (COLUMN_OF_K ? a->y[k - 1] : 1);
}

static void running_product_backward(args *a)
{
    running_product_forward(a);
    for (int64_t k = a->n - 1; k >= 0; k--) { /* at first what comes through all behind k: g[k] + x[k + 1] (...) */
        bool last = COLUMN_OF_K == a->columns - 1;
        a->gx[k] = a->g[k] + (last ? 0 : a->x[k + 1] * a->gx[k + 1]);
    }
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] *= a->wrong ? a->y[k] / a->x[k] : COLUMN_OF_K ? a->y[k - 1] : 1;
}

static const kernels running_quotient = {LIKE, running_product_forward, running_product_backward};

/* ---- two inputs ---- */

#define BINARY(NAME, VALUE, BY_X, BY_Z, WRONG_X, WRONG_Z) \
    static void NAME##_forward(args *a)                   \
    {                                                     \
        for (int64_t k = 0; k < a->n; k++) {              \
            double x = a->x[k], z = a->z[k];              \
            a->y[k] = VALUE;                              \
        }                                                 \
    }                                                     \
    static void NAME##_backward(args *a)                  \
    {                                                     \
        for (int64_t k = 0; k < a->n; k++) {              \
            double x = a->x[k], z = a->z[k], g = a->g[k]; \
            (void)x, (void)z;                             \
            a->gx[k] = a->wrong ? (WRONG_X) : g * (BY_X); \
            a->gz[k] = a->wrong ? (WRONG_Z) : g * (BY_Z); \
        }                                                 \
    }                                                     \
    static const kernels NAME = {LIKE, NAME##_forward, NAME##_backward};

BINARY(quotient, x / z, 1 / z, -x / (z * z), g / z, -g *x / z)
BINARY(angle, atan2(x, z), z / (x * x + z * z), -x / (x * x + z * z), g *z / (x * x + z * z),
       (z < 0 ? 1 : -1) * g * x / (x * x + z * z))
BINARY(smallest, fmin(x, z), x <= z, z < x, g *(x < z), g *(z < x))
BINARY(crossed, x *sin(z), sin(z), x *cos(z), g *x *cos(z), g *sin(z))
BINARY(squared_error, (x - z) * (x - z), 2 * (x - z), -2 * (x - z), 2 * g * (x - z), 2 * g * (x - z))
BINARY(wrong_flag, x *z, z, x, a->needs_z ? g *z : 0, a->needs_x ? g *x : 0)
BINARY(power, pow(x, z), z *pow(x, z - 1), log(x) * pow(x, z), g *z *pow(x, z - 1), g *pow(x, z))
BINARY(moved_away, x + 0.3 * (z - x), 0.7, 0.3, 0.3 * g, 0.7 * g)

/* x times a row or a column, spread over it. */
static void by_row_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * a->z[COLUMN_OF_K];
}

#define BY_ROW(NAME, WRONG)                                             \
    static void NAME##_backward(args *a)                                \
    {                                                                   \
        for (int64_t k = 0; k < a->n; k++) {                            \
            double *gz = &a->gz[COLUMN_OF_K], g = a->g[k], x = a->x[k]; \
            a->gx[k] = g * a->z[COLUMN_OF_K];                           \
            (void)x;                                                    \
            *gz = a->wrong ? (WRONG) : *gz + g * x;                     \
        }                                                               \
    }                                                                   \
    static const kernels NAME = {WITH_ROW, by_row_forward, NAME##_backward};

BY_ROW(row_overwritten, g *x)
BY_ROW(row_without_x, *gz + g)
BY_ROW(row_mean_of_batch, *gz + g * x / (double)a->rows)
BY_ROW(four_rows, k / a->columns < 4 ? *gz + g * x : *gz)

static void by_column_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] + sin(a->z[k / a->columns]);
}

static void by_column_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->g[k];
        a->gz[(a->wrong ? k % a->rows : k / a->columns)] += a->g[k] * cos(a->z[k / a->columns]);
    }
}

static const kernels column_by_rows = {WITH_COLUMN, by_column_forward, by_column_backward};

/* x z, matrices; wrong: z for its transpose, rows of z as long as those of x, or only the last of the sum. */
static void matmul_forward(args *a)
{
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < a->columns; j++)
            for (int64_t p = 0; p < a->z_columns; p++)
                a->y[i * a->z_columns + p] += a->x[i * a->columns + j] * a->z[j * a->z_columns + p];
}

static void matmul(args *a, bool turned, bool strides, bool last)
{
    int64_t m = a->z_columns;
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < a->columns; j++)
            for (int64_t p = 0; p < m; p++) {
                int64_t at = turned && m == a->columns ? p * m + j : j * (strides ? a->columns : m) + p;
                double *gz = &a->gz[j * m + p], g = a->g[i * m + p];
                a->gx[i * a->columns + j] += g * a->z[at < a->z_n ? at : 0];
                *gz = (last ? 0 : *gz) + g * a->x[i * a->columns + j];
            }
}

static void turned_backward(args *a)
{
    matmul(a, a->wrong, false, false);
}

static void strides_backward(args *a)
{
    matmul(a, false, a->wrong, false);
}

static void last_backward(args *a)
{
    matmul(a, false, false, a->wrong);
}

static const kernels turned_matrix = {PRODUCT, matmul_forward, turned_backward};
static const kernels square_strides = {PRODUCT, matmul_forward, strides_backward};
static const kernels last_of_batch = {PRODUCT, matmul_forward, last_backward};

/* ---- the table ---- */

/* clang-format off */
static const planted_op table[] = {
    PLANT("D1", "elu", "e^x - 1 below 0", "3x4", elu),
    PLANT("D2", "selu", "without its scale below 0", "3x4", selu),
    PLANT("D3", "gelu_tanh", "the inner 3 missing", "3x4", gelu_inner),
    PLANT("D4", "erf", "without 2 / sqrt(pi)", "3x4", erf_constant),
    PLANT("D5", "softsign", "not squared", "3x4", softsign),
    PLANT("D6", "mish", "the second term missing", "3x4", mish),
    PLANT("D7", "rsqrt", "1 / x for x^-1.5", "3x4@0.1..3", rsqrt),
    PLANT("D8", "log10", "that of log", "3x4@0.1..3", base_10),
    PLANT("D9", "x^1.5", "the exponent not reduced", "3x4@0.1..3", exponent),
    PLANT("D10", "logit", "1 + x for 1 - x", "3x4@0.1..0.9", logit),
    PLANT("D11", "hardswish", "x once", "3x4", hardswish),
    PLANT("D12", "leaky_relu", "branches exchanged", "3x4", swapped_branches),
    PLANT("D13", "exp_sin", "the inner derivative missing", "3x4", chain_of_two),
    PLANT("D14", "sin", "of degrees, without pi / 180", "3x4", degrees),
    PLANT("D15", "tanh", "of x for the result", "3x4", of_the_result),
    PLANT("D16", "bell", "the sign", "3x4", inner_sign),
    PLANT("D17", "half_square", "1/2 of integers", "3x4", integer_half),
    PLANT("D18", "x_abs_x", "abs of integers", "3x4", integer_abs),
    PLANT("D19", "exp", "a constant that is nearly 1, in float", "3x4", in_float),
    PLANT("D20", "exp2", "log 2 to three digits", "3x4", rounded_constant),
    PLANT("D21", "sin", "the cotangent's size", "3x4", size_of_cotangent),
    PLANT("D22", "sin", "the cotangent twice", "3x4", squared_cotangent),
    PLANT("D23", "cos", "every other element in float32", "3x4", short_float),
    PLANT("D24", "square", "0.1 % off beyond 1.5 in float32", "3x4", float_beyond_1),
    PLANT("D25", "log", "of at least 1e-3, the guard missing", "3x4@0.1..2", guarded_log),
    PLANT("D26", "abs", "smooth, the guard missing: NaN at 0", "3x4", guard_missing),
    PLANT("D27", "sin", "half too much between 0.01 and 0.02", "3x4", narrow_band),
    PLANT("D28", "expm1_by_x", "the series used too far", "3x4", series_too_far),
    PLANT("D29", "sigmoid", "0 beyond 6", "3x4", saturates),
    PLANT("D30", "softplus", "infinity by itself beyond 709", "3x4@-20..20", overflows),
    PLANT("D31", "softplus", "another threshold than the forward's", "3x4", threshold),
    PLANT("D32", "half_parabola", "from 0 on instead of 1", "3x4", one_sided),
    PLANT("D33", "sin", "twice where the mean is above 1", "3x4", large_mean),
    PLANT("D34", "sin", "the sign where the ends are negative", "3x4", first_is_negative),
    PLANT("D35", "sin", "0 of a constant", "3x4", constant_input),
    PLANT("D36", "sin", "clipped to a length of 100", "3x4", clipped_by_norm),
    PLANT("D37", "sin", "not the rest of a loop by 4", "3x4", unrolled_by_4),
    PLANT("D38", "square", "in a loop by 8 the seventh twice", "3x4", unrolled_by_8),
    PLANT("D39", "square", "an index of one byte", "3x4", one_byte),
    PLANT("D40", "exp", "not beyond a tile of 48 columns", "3x4", tile_of_48),
    PLANT("D41", "exp", "not the last of more than four rows", "3x4", not_the_last_row),
    PLANT("D42", "sin", "of rank 3 only the first", "3x4", third_axis),
    PLANT("D43", "sin", "half where memory is not aligned", "3x4", unaligned),
    PLANT("D44", "sin", "the last not written", "3x4", stale),
    PLANT("D45", "sin", "0 from the second call on", "3x4", first_call),
    PLANT("D46", "sin", "0 in every seventh call", "3x4", seventh_call),
    PLANT("D47", "sin", "summed up over calls", "3x4", summed_up),
    PLANT("D48", "variance", "n - 1", "3x5", variance_n_1),
    PLANT("D49", "mean", "1 / n of integers", "3x4", integer_mean),
    PLANT("D50", "weighted", "k / n of integers", "3x4", integer_weights),
    PLANT("D51", "sum_squares", "rows for columns", "3x4", rows_for_columns),
    PLANT("D52", "sum_squares", "half of each row", "3x4", half_the_row),
    PLANT("D53", "sum_exp", "the first cotangent for all", "3x4", first_cotangent),
    PLANT("D54", "sum_abs", "1.5 at 0, which no sample has", "3x4", absolute_at_0),
    PLANT("D55", "norm", "not divided by itself", "3x4", undivided_norm),
    PLANT("D56", "amax", "the index is one into all rows", "3x4", unshifted_index),
    PLANT("D57", "share", "the second term missing", "3x4@0.5..2", share_of_row),
    PLANT("D58", "softmax", "the sum over all rows", "1x4", softmax_of_all),
    PLANT("D59", "diff", "not the first", "3x4", differences),
    PLANT("D60", "window", "another count at the ends", "3x5", window_of_3),
    PLANT("D61", "flip", "not turned back", "3x4", flipped),
    PLANT("D62", "roll", "the same way", "3x4", rolled),
    PLANT("D63", "filter", "the other neighbour", "3x5", one_tap),
    PLANT("D64", "cumprod", "y / x, NaN at 0", "2x4", running_quotient),
    PLANT_2("D65", "div", "z not squared", "3x4 3x4@0.5..2", quotient),
    PLANT_2("D66", "atan2", "the sign where z is negative", "3x4 3x4", angle),
    PLANT_2("D67", "minimum", "of equals neither", "3x4 3x4", smallest),
    PLANT_2("D68", "x_sin_z", "gradients exchanged", "3x4 3x4", crossed),
    PLANT_2("D69", "mse", "the target's sign", "3x4 3x4", squared_error),
    PLANT_2("D70", "mul", "asks the other's flag", "3x4 3x4", wrong_flag),
    PLANT_2("D71", "pow", "the logarithm missing", "3x4@0.5..2 3x4", power),
    PLANT_2("D72", "lerp", "weights exchanged", "3x4 3x4", moved_away),
    PLANT_2("D73", "scale", "the last row alone", "3x4 4", row_overwritten),
    PLANT_2("D74", "scale", "without x", "3x4 4", row_without_x),
    PLANT_2("D75", "scale", "the mean over the batch", "1x4 4", row_mean_of_batch),
    PLANT_2("D76", "scale", "four rows alone", "3x4 4", four_rows),
    PLANT_2("D77", "shift", "a column taken for a row", "3x4 3x1", column_by_rows),
    PLANT_2("D78", "matmul", "a square matrix not transposed", "2x3 3x3", turned_matrix),
    PLANT_2("D79", "matmul", "rows of the other's length", "2x3 3x3", square_strides),
    PLANT_2("D80", "matmul", "the last of the batch alone", "1x3 3x2", last_of_batch),
};
/* clang-format on */

const planted_op *planted_custom(int *n)
{
    *n = (int)(sizeof table / sizeof *table);
    return table;
}
