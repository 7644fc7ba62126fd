/* Mistakes that a checker may well miss: at ties, in small tensors, in what is kept from one call to the next, in tiny gradients and
 * beside large constants, where samples do not reach, in float32, in threads. Each is a record whose kernels take any shape.
 *
 * Invariant: with wrong unset every backward here is right; the two differ in the one expression that is the mistake. */
#include "planted_arrays.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- elementwise ---- */

static double sign(double x)
{
    return (x > 0) - (x < 0);
}

/* ties and kinks */
ELEMENTWISE(relu_at_0, x > 0 ? x : 0, x > 0, x == 0 ? 2 * g : slope)
ELEMENTWISE(abs_at_0, fabs(x), sign(x), x == 0 ? 2 * g : slope)
ELEMENTWISE(clamp_at_1, fmin(fmax(x, -1), 1), fabs(x) < 1, fabs(x) == 1 ? 2 * g : slope)
ELEMENTWISE(hinge_at_1, fmax(1 - x, 0), x < 1 ? -1 : 0, x == 1 ? -2 * g : slope)
ELEMENTWISE(leaky_at_0, x > 0 ? x : 0.1 * x, x > 0 ? 1 : 0.1, x == 0 ? -g : slope)
/* scales */
ELEMENTWISE(tiny_square, 1e-11 * x * x, 2e-11 * x, 1.01 * slope)
ELEMENTWISE(tinier_sine, 1e-15 * sin(x), 1e-15 * cos(x), 1.01 * slope)
ELEMENTWISE(nearly_nothing, 1e-200 * tanh(x), 1e-200 * (1 - tanh(x) * tanh(x)), 1.01 * slope)
ELEMENTWISE(inverse, 1 / x, -1 / (x * x), 1.01 * slope)
ELEMENTWISE(logarithm, log(x), 1 / x, 1.001 * slope)
ELEMENTWISE(root, sqrt(x), 0.5 / sqrt(x), 1.01 * slope)
ELEMENTWISE(sine, sin(x), cos(x), 1.001 * slope)
ELEMENTWISE(huge_square, 1e12 * x * x, 2e12 * x, 1.00001 * slope)
/* large constants */
ELEMENTWISE(square_over_1e10, x *x + 1e10, 2 * x, 1.002 * slope)
ELEMENTWISE(exp_over_1e8, exp(x) + 1e8, exp(x), 1.001 * slope)
ELEMENTWISE(tanh_over_1e6, tanh(x) + 1e6, 1 - tanh(x) * tanh(x), 1.0001 * slope)
ELEMENTWISE(line_over_1e9, 3 * x + 1e9, 3, 1.002 * slope)
/* values that samples do not have */
ELEMENTWISE(beyond_3, x / (1 + fabs(x)), 1 / ((1 + fabs(x)) * (1 + fabs(x))), fabs(x) > 3 ? 1.1 * slope : slope)
ELEMENTWISE(beyond_20, log1p(exp(-fabs(x))) + fmax(x, 0), 1 / (1 + exp(-x)), x > 20 ? 0 : slope)
ELEMENTWISE(below_minus_20, atan(x), 1 / (1 + x * x), x < -20 ? 0 : slope)
ELEMENTWISE(cube_at_0, x *x *x, 3 * x * x, x == 0 ? 5 * g : slope)
ELEMENTWISE(sine_at_0, sin(x), cos(x), x == 0 ? 0 : slope)
ELEMENTWISE(exp_at_0, exp(x), exp(x), x == 0 ? 2 * slope : slope)
/* cotangents that samples do not have */
ELEMENTWISE(clipped_cotangent, x *x, 2 * x, 2 * x * fmin(fmax(g, -10), 10))
ELEMENTWISE(flushed_cotangent, x *x, 2 * x, fabs(g) < 1e-5 ? 0 : slope)
ELEMENTWISE(saturated_cotangent, sin(x), cos(x), cos(x) * (fabs(g) > 50 ? 50 * sign(g) : g))
/* sizes that samples do not have */
ELEMENTWISE(beyond_64, x *x, 2 * x, k >= 64 ? 2 * slope : slope)
ELEMENTWISE(short_index, sin(x), cos(x), k > INT16_MAX ? 0 : slope)
ELEMENTWISE(short_count, tanh(x), 1 - tanh(x) * tanh(x), k >= 40000 ? 0 : slope)
ELEMENTWISE(odd_sizes, x *x, 2 * x, a->n % 2 && k == a->n - 1 ? 0 : slope)
ELEMENTWISE(odd_columns, sin(x), cos(x), a->columns % 2 && k % a->columns == a->columns - 1 ? 0 : slope)
ELEMENTWISE(first_row_only, exp(x), exp(x), k >= a->columns ? 0 : slope)
ELEMENTWISE(second_row_only, atan(x), 1 / (1 + x * x), a->rows > 1 && k < a->columns ? 2 * slope : slope)
ELEMENTWISE(below_8_columns, x *x *x, 3 * x * x, k % a->columns >= 8 ? 0 : slope)
/* float32 */
ELEMENTWISE(float32_slope, exp(x), exp(x), a->float32 ? slope * 1.00002 : slope)
ELEMENTWISE(float32_sine, sin(x), cos(x), a->float32 ? slope + 2e-5 * g : slope)
ELEMENTWISE(float32_value, exp(x) * (a->wrong && a->float32 ? 1.00002 : 1), exp(x), slope)
/* of the usual kind */
ELEMENTWISE(swish, x / (1 + exp(-x)), (1 + x / (1 + exp(x))) / (1 + exp(-x)), g / (1 + exp(-x)))
ELEMENTWISE(softplus, log1p(exp(-fabs(x))) + fmax(x, 0), 1 / (1 + exp(-x)), g / (1 + exp(x)))
ELEMENTWISE(cubed, x *x *x, 3 * x * x, 3 * x * g)
ELEMENTWISE(bent, x *fabs(x), 2 * fabs(x), 2 * x * g)
ELEMENTWISE(series, sin(x), cos(x), g *(1 - x * x / 2 + x * x * x * x / 24 - pow(x, 6) / 720))

/* ---- what is kept from one call to the next ---- */

/* x of the first call with so many elements. */
static const double *kept(const double *x, int64_t n)
{
    enum { SIZES = 256 };
    static struct {
        int64_t n;
        double *x;
    } all[SIZES];
    int i = 0;
    while (i < SIZES - 1 && all[i].x && all[i].n != n)
        i++;
    if (!all[i].x || all[i].n != n) {
        free(all[i].x);
        all[i].x = malloc((size_t)(n > 0 ? n : 1) * sizeof *x);
        all[i].n = n;
        memcpy(all[i].x, x, (size_t)n * sizeof *x);
    }
    return all[i].x;
}

#define KEPT(NAME, VALUE, SLOPE)                                 \
    static void NAME##_forward(args *a)                          \
    {                                                            \
        for (int64_t k = 0; k < a->n; k++) {                     \
            double x = a->x[k];                                  \
            a->y[k] = VALUE;                                     \
        }                                                        \
    }                                                            \
    static void NAME##_backward(args *a)                         \
    {                                                            \
        const double *from = a->wrong ? kept(a->x, a->n) : a->x; \
        for (int64_t k = 0; k < a->n; k++) {                     \
            double x = from[k];                                  \
            a->gx[k] = a->g[k] * (SLOPE);                        \
        }                                                        \
    }                                                            \
    static const kernels NAME = {LIKE, NAME##_forward, NAME##_backward};

KEPT(kept_square, x *x, 2 * x)
KEPT(kept_tanh, tanh(x), 1 - tanh(x) * tanh(x))
KEPT(kept_relu, x > 0 ? x : 0, x > 0)
KEPT(kept_exp, exp(x), exp(x))

/* ---- reductions ---- */

static void sum_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[0] += a->x[k];
}

static void sum_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->wrong ? -a->g[0] : a->g[0];
}

static const kernels negated_sum = {ONE, sum_forward, sum_backward};

static void sum_exchanged_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->g[0] * (a->wrong ? (k % 2 ? 2 : 0) : 1);
}

static const kernels uneven_sum = {ONE, sum_forward, sum_exchanged_backward};

/* sum of (k + 1) x */
static void weighted_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[0] += (double)(k + 1) * a->x[k];
}

static void weighted_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->g[0] * (double)(a->wrong ? a->n - k : k + 1);
}

static const kernels reversed_weights = {ONE, weighted_forward, weighted_backward};

static void dot_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[0] += a->x[k] * a->z[k];
}

static void dot_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->g[0] * a->z[a->wrong ? a->n - 1 - k : k];
        a->gz[k] = a->g[0] * a->x[k];
    }
}

static const kernels crossed_dot = {ONE, dot_forward, dot_backward};

/* The largest of each row, or with z the larger of two; at a tie the first has the gradient, or, wrong, each has all of it. */
static void amax_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        a->y[i] = -INFINITY;
        for (int64_t j = 0; j < a->columns; j++)
            a->y[i] = fmax(a->y[i], a->x[i * a->columns + j]);
    }
}

static void amax_backward(args *a)
{
    amax_forward(a);
    for (int64_t i = 0; i < a->m; i++) {
        bool found = false;
        for (int64_t j = 0; j < a->columns; j++) {
            int64_t k = i * a->columns + j;
            if (a->x[k] == a->y[i] && (!found || a->wrong))
                a->gx[k] = a->g[i];
            found |= a->x[k] == a->y[i];
        }
    }
}

static const kernels amax = {ROWS, amax_forward, amax_backward};

static void amin_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        a->y[i] = INFINITY;
        for (int64_t j = 0; j < a->columns; j++)
            a->y[i] = fmin(a->y[i], a->x[i * a->columns + j]);
    }
}

/* At a tie half of the gradient for each of two, and so on; wrong: half for each of three. */
static void amin_backward(args *a)
{
    amin_forward(a);
    for (int64_t i = 0; i < a->m; i++) {
        int64_t ties = 0;
        for (int64_t j = 0; j < a->columns; j++)
            ties += a->x[i * a->columns + j] == a->y[i];
        for (int64_t j = 0; j < a->columns; j++)
            if (a->x[i * a->columns + j] == a->y[i])
                a->gx[i * a->columns + j] = a->g[i] / (double)(a->wrong && ties > 2 ? 2 : ties);
    }
}

static const kernels amin = {ROWS, amin_forward, amin_backward};

static void maximum_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = fmax(a->x[k], a->z[k]);
}

static void maximum_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->x[k] >= a->z[k] ? a->g[k] : 0;
        a->gz[k] = a->z[k] > a->x[k] || (a->wrong && a->z[k] == a->x[k]) ? a->g[k] : 0;
    }
}

static const kernels maximum = {LIKE, maximum_forward, maximum_backward};

/* Sums of squares of rows; what is wrong is which elements they are. */
static void squares_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k / a->columns] += a->x[k] * a->x[k];
}

static void squares_first_64_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->wrong && k % a->columns >= 64 ? 0 : 2 * a->x[k] * a->g[k / a->columns];
}

static const kernels first_64_columns = {ROWS, squares_forward, squares_first_64_backward};

/* Takes axis 1 for the last one. */
static void squares_axis_backward(args *a)
{
    int64_t columns = a->wrong ? a->second_axis : a->columns;
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = 2 * a->x[k] * a->g[k / columns % a->m];
}

static const kernels axis_1_for_last = {ROWS, squares_forward, squares_axis_backward};

static void squares_batch_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = 2 * a->x[k] * a->g[a->wrong ? 0 : k / a->columns];
}

static const kernels first_of_batch = {ROWS, squares_forward, squares_batch_backward};

static void mean_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k / a->columns] += a->x[k] / (double)a->columns;
}

static void mean_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->g[k / a->columns] / (double)(a->wrong ? a->n : a->columns);
}

static const kernels mean_of_rows = {ROWS, mean_forward, mean_backward};

/* The standard deviation of a row. */
static double deviation(const args *a, int64_t i, double *mean)
{
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < a->columns; j++)
        sum += a->x[i * a->columns + j] / (double)a->columns;
    for (int64_t j = 0; j < a->columns; j++)
        squares += (a->x[i * a->columns + j] - sum) * (a->x[i * a->columns + j] - sum) / (double)a->columns;
    *mean = sum;
    return sqrt(squares + 1e-5);
}

static void deviation_forward(args *a)
{
    double mean;
    for (int64_t i = 0; i < a->m; i++)
        a->y[i] = deviation(a, i, &mean);
}

static void deviation_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        double mean, d = deviation(a, k / a->columns, &mean), eps = a->wrong ? sqrt(d * d - 1e-5) + 1e-5 : d;
        a->gx[k] = a->g[k / a->columns] * (a->x[k] - mean) / (eps * (double)a->columns);
    }
}

static const kernels eps_outside = {ROWS, deviation_forward, deviation_backward};

static void running_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] + (k % a->columns ? a->y[k - 1] : 0);
}

static void running_backward(args *a)
{
    for (int64_t i = 0; i < a->n; i++) { /* from the last on, or, wrong, from the first */
        int64_t k = a->wrong ? i : a->n - 1 - i, before = a->wrong ? k - 1 : k + 1, end = a->wrong ? 0 : a->columns - 1;
        a->gx[k] = a->g[k] + (k % a->columns == end ? 0 : a->gx[before]);
    }
}

static const kernels running_sum = {LIKE, running_forward, running_backward};

/* ---- an optional second input: x z, or x where there is none ---- */

static void scaled_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * a->x[k] * (a->z ? a->z[k] : 1);
}

static void scaled_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->z ? 2 * a->x[k] * a->z[k] * a->g[k] : (a->wrong ? 1 : 2) * a->x[k] * a->g[k];
        if (a->z)
            a->gz[k] = a->x[k] * a->x[k] * a->g[k];
    }
}

static const kernels optional_scale = {LIKE, scaled_forward, scaled_backward};

static void shifted_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = sin(a->x[k]) + (a->z ? a->z[k] : 0);
}

static void shifted_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = !a->z && a->wrong ? 0 : cos(a->x[k]) * a->g[k];
        if (a->z)
            a->gz[k] = a->g[k];
    }
}

static const kernels optional_shift = {LIKE, shifted_forward, shifted_backward};

static void optional_power_backward(args *a)
{
    scaled_backward(a);
    for (int64_t k = 0; a->wrong && !a->z && k < a->n; k++)
        a->gx[k] = 0;
}

static const kernels optional_missing = {LIKE, scaled_forward, optional_power_backward};

/* ---- threads: through one buffer for all ---- */

static void shared_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * a->x[k];
}

static void shared_backward(args *a)
{
    static double buffer[64];
    for (int64_t k = 0; k < a->n; k++) {
        double *slot = a->wrong ? &buffer[k % 64] : &a->gx[k];
        __atomic_store(slot, &(double){2 * a->x[k] * a->g[k]}, __ATOMIC_RELAXED);
        for (volatile int wait = 0; a->wrong && wait < 200; wait++)
            continue;
        __atomic_load(slot, &a->gx[k], __ATOMIC_RELAXED);
    }
}

static const kernels shared_buffer = {LIKE, shared_forward, shared_backward};

/* ---- the table ---- */

/* clang-format off */
static const planted_op table[] = {
    PLANT("F1", "sum", "of 2, negated", "2", negated_sum),
    PLANT("F2", "sum", "of 4, all of the gradient to every other", "4", uneven_sum),
    PLANT("F3", "weighted_sum", "weights in reverse", "2", reversed_weights),
    PLANT_2("F4", "dot", "of 2, the other one's factor", "2 2", crossed_dot),
    PLANT("F5", "sum", "of 20, negated", "20", negated_sum),
    PLANT("F6", "sum", "of 32, all of the gradient to every other", "32", uneven_sum),
    PLANT("T1", "amax", "all of the gradient to each of a tie", "2x3@1..1", amax),
    PLANT("T2", "amin", "half of the gradient to each of three", "2x3@1..1", amin),
    PLANT_2("T3", "maximum", "of equals, all of the gradient to both", "4@1..1 4@1..1", maximum),
    PLANT("T4", "relu", "2 at 0", "4@0..0", relu_at_0),
    PLANT("T5", "abs", "2 at 0", "4@0..0", abs_at_0),
    PLANT("T6", "clamp", "2 at the bound", "4@1..1", clamp_at_1),
    PLANT("T7", "hinge", "-2 at the margin", "4@1..1", hinge_at_1),
    PLANT("T8", "leaky_relu", "-1 at 0", "4@0..0", leaky_at_0),
    PLANT("T9", "amax", "of 2, all of the gradient to both", "1x2@1..1", amax),
    PLANT("C1", "square", "keeps x for each size", "3x4", kept_square),
    PLANT("C2", "tanh", "keeps x for each size", "20", kept_tanh),
    PLANT("C3", "relu", "keeps x for each size", "5x4", kept_relu),
    PLANT("C4", "exp", "keeps x for each size", "6x5", kept_exp),
    PLANT("A1", "tiny_square", "1e-11 x^2, 1 % off", "6", tiny_square),
    PLANT("A2", "tinier_sine", "1e-15 sin x, 1 % off", "6", tinier_sine),
    PLANT("A3", "nearly_nothing", "1e-200 tanh x, 1 % off", "20", nearly_nothing),
    PLANT("A4", "inverse", "1/x at 1e-8, 1 % off", "4@1e-8..2e-8", inverse),
    PLANT("A5", "log", "at 1e-10, 0.1 % off", "4@1e-10..2e-10", logarithm),
    PLANT("A6", "sqrt", "at 1e-12, 1 % off", "4@1e-12..2e-12", root),
    PLANT("A7", "sin", "at 1e5, 0.1 % off", "4@1e5..2e5", sine),
    PLANT("A8", "huge_square", "1e12 x^2, 1e-5 off", "6", huge_square),
    PLANT("R1", "square_over_1e10", "0.2 % off", "6@0.5..2", square_over_1e10),
    PLANT("R2", "exp_over_1e8", "0.1 % off", "6", exp_over_1e8),
    PLANT("R3", "tanh_over_1e6", "1e-4 off", "6@-1..1", tanh_over_1e6),
    PLANT("R4", "line_over_1e9", "0.2 % off", "20", line_over_1e9),
    PLANT("V1", "softsign", "beyond 3, 10 % off", "3x4", beyond_3),
    PLANT("V2", "softplus", "0 beyond 20", "3x4", beyond_20),
    PLANT("V3", "atan", "0 below -20", "3x4", below_minus_20),
    PLANT("V4", "cube", "5 at 0", "3x4", cube_at_0),
    PLANT("V5", "sin", "0 at 0", "3x4", sine_at_0),
    PLANT("V6", "exp", "twice at 0", "3x4", exp_at_0),
    PLANT("V7", "square", "clips its cotangent at 10", "3x4", clipped_cotangent),
    PLANT("V8", "square", "flushes cotangents below 1e-5", "3x4", flushed_cotangent),
    PLANT("V9", "sin", "clips its cotangent at 50", "3x4", saturated_cotangent),
    PLANT("V10", "square", "twice from element 64 on", "3x4", beyond_64),
    PLANT("V11", "sin", "0 from element 32768 on", "3x4", short_index),
    PLANT("V12", "tanh", "0 from element 40000 on", "3x4", short_count),
    PLANT("V13", "square", "0 for the last of an odd number", "3x4", odd_sizes),
    PLANT("V14", "sin", "0 in the last of an odd number of columns", "3x4", odd_columns),
    PLANT("V15", "exp", "0 but in the first row", "1x4", first_row_only),
    PLANT("V16", "atan", "twice in the first of several rows", "1x4", second_row_only),
    PLANT("V17", "cube", "0 from column 8 on", "3x4", below_8_columns),
    PLANT("V18", "sum_squares", "0 from column 64 on", "3x4", first_64_columns),
    PLANT("V19", "sum_squares", "takes axis 1 for the last", "3x4", axis_1_for_last),
    PLANT("V20", "sum_squares", "takes the first cotangent for all", "1x4", first_of_batch),
    PLANT_OPTIONAL("V23", "scaled", "half without a scale", "3x4 3x4", optional_scale),
    PLANT_OPTIONAL("V24", "shifted", "0 without a shift", "3x4 3x4", optional_shift),
    PLANT_OPTIONAL("V25", "scaled", "0 without a scale", "5 5", optional_missing),
    PLANT("V26", "relu", "2 at 0, which no sample has", "3x4", relu_at_0),
    PLANT("V27", "abs", "2 at 0, which no sample has", "3x4", abs_at_0),
    PLANT("V28", "leaky_relu", "-1 at 0, which no sample has", "3x4", leaky_at_0),
    PLANT("V29", "amax", "all of the gradient to each of a tie, which no sample has", "3x4", amax),
    PLANT_2("V30", "maximum", "of equals, which no sample has, all of the gradient to both", "3x4 3x4", maximum),
    PLANT("L1", "exp", "2e-5 off in float32", "3x4", float32_slope),
    PLANT("L2", "sin", "2e-5 off in float32", "3x4", float32_sine),
    PLANT("L3", "exp", "value 2e-5 off in float32", "3x4", float32_value),
    PLANT("G1", "swish", "the second term missing", "3x4", swish),
    PLANT("G2", "softplus", "sigmoid of -x", "3x4", softplus),
    PLANT("G3", "cube", "one x too few", "3x4", cubed),
    PLANT("G4", "x_abs_x", "sign", "3x4", bent),
    PLANT("G5", "sin", "a series for the cosine", "3x4", series),
    PLANT("G6", "mean", "of rows, divided by all", "3x4", mean_of_rows),
    PLANT("G7", "deviation", "eps outside the root", "3x5", eps_outside),
    PLANT("G8", "cumsum", "from the wrong side", "3x4", running_sum),
    PLANT("N1", "square", "through one buffer for all threads", "8x8", shared_buffer),
};
/* clang-format on */

const planted_op *planted_kinds(int *n)
{
    *n = (int)(sizeof table / sizeof *table);
    return table;
}
