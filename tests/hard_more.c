/* More right functions that are hard to measure: kinks that meet, masks, flat and nearly singular places, chaos, fractals. */
#include "hard_functions.h"
#include <math.h>

static ct_tensor *plus(ct_tensor *x, double number)
{
    return ct_add_scalar(x, number);
}

static ct_tensor *times(ct_tensor *x, double number)
{
    return ct_mul_scalar(x, number);
}

/* ---- kinks that meet; those that cancel, as in relu(x) - relu(-x), have a derivative that differentiation by parts gets wrong ---- */

FUNCTION(two_halves, ct_add(ct_relu(x), ct_relu(ct_neg(x))))
FUNCTION(relu_of_floor, ct_relu(ct_add(ct_floor(x), ct_mul(x, ct_zeros_like(x)))))
FUNCTION(twice_rectified, ct_relu(ct_mul(ct_relu(x), y)))
FUNCTION(largest_size, ct_amax(ct_abs(x), CT_AXES(1)))
FUNCTION(margin, ct_relu(plus(ct_sub(ct_amax(x, CT_AXES(1)), ct_mean(x, CT_AXES(1))), -1)))
FUNCTION(hard_swish, ct_hardswish(x))
FUNCTION(bent_exponential, ct_elu(x, 1))
FUNCTION(parametric, ct_prelu(x, y))
FUNCTION(length, ct_norm(x, 2))
FUNCTION(clamped_log, ct_log(ct_clamp(x, 1e-3, INFINITY)))

/* ---- masks ---- */

FUNCTION(masked_softmax,
         ct_softmax(ct_add(x, ct_from_values(CT_FLOAT64, CT_VALUES(0, -1e9, 0, -1e30), CT_SHAPE(4))), -1))
FUNCTION(masked_log_sum,
         ct_logsumexp(ct_add(x, ct_from_values(CT_FLOAT64, CT_VALUES(0, -1e9, 0, -1e30), CT_SHAPE(4))), CT_AXES(1)))
FUNCTION(selected, ct_where(ct_gt(x, y), ct_exp(x), ct_mul(y, ct_square(x))))

/* ---- flat, nearly singular, cancelling ---- */

FUNCTION(limit_of_e, ct_pow_scalar(plus(times(x, 1e-6), 1), 1e6))
FUNCTION(divergence, ct_mul(x, ct_log(ct_div(x, y))))
FUNCTION(tangent_minus_sine, ct_sub(ct_tan(x), ct_sin(x)))
FUNCTION(self_power, ct_pow(x, x))
FUNCTION(half_circle, ct_sqrt(ct_sub(ct_ones_like(x), ct_square(x))))
FUNCTION(arc_sine, ct_asin(x))
FUNCTION(flat_at_0, ct_exp(ct_neg(ct_reciprocal(ct_square(x)))))
FUNCTION(root_of_3, ct_pow_scalar(x, 1. / 3))
FUNCTION(valley, times(ct_add(ct_square(ct_sub(y, ct_square(x))), times(ct_square(plus(x, -1)), 1e-4)), 1e6))
FUNCTION(near_constant_rows, ct_layer_norm(x, NULL, NULL, .axes = 1))
FUNCTION(unit_rows, ct_normalize(x, 1))
FUNCTION(spread, ct_var(x))

/* ---- chaos, fractals, iterations ---- */

static ct_tensor *chaos(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *x = in[0];
    (void)n, (void)user;
    for (int i = 0; i < 14; i++)
        x = times(ct_mul(x, plus(ct_neg(x), 1)), 3.9);
    return x;
}

/* Weierstrass's function, its first terms. */
static ct_tensor *fractal(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *sum = ct_zeros_like(in[0]);
    (void)n, (void)user;
    for (int k = 0; k < 7; k++)
        sum = ct_add(sum, times(ct_cos(times(in[0], pow(5, k))), pow(0.5, k)));
    return sum;
}

/* z = z^2 + c, from x + iy on, six times: |z|^2. */
static ct_tensor *escape(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *x = in[0], *y = in[1];
    (void)n, (void)user;
    for (int i = 0; i < 6; i++) {
        ct_tensor *real = ct_add(ct_sub(ct_square(x), ct_square(y)), in[0]);
        y = ct_add(times(ct_mul(x, y), 2), in[1]);
        x = real;
    }
    return ct_add(ct_square(x), ct_square(y));
}

static ct_tensor *continued_fraction(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *y = in[0];
    (void)n, (void)user;
    for (int i = 0; i < 40; i++)
        y = ct_add(in[0], ct_reciprocal(y));
    return y;
}

static ct_tensor *fixed_point(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *y = in[0];
    (void)n, (void)user;
    for (int i = 0; i < 60; i++)
        y = ct_cos(ct_add(y, in[1]));
    return y;
}

static ct_tensor *rounded_steps(ct_tensor *const *in, int n, void *user)
{
    ct_tensor *y = in[0];
    (void)n, (void)user;
    for (int i = 0; i < 4; i++)
        y = ct_cast(ct_tanh(ct_cast(ct_mul(y, in[1]), CT_FLOAT32)), CT_FLOAT64);
    return y;
}

FUNCTION(summed_twice, ct_cumsum(ct_cumsum(x, 1), 1))
FUNCTION(mean_of_many, ct_mean(ct_tanh(ct_mul(x, ct_arange(CT_FLOAT64, -1, 1e-4, 20000)))))
FUNCTION(mostly_dropped, ct_tanh(ct_dropout(x, 0.9, true)))

/* ---- the table ---- */

static const hard_function functions[] = {
    {"relu(x) + relu(-x) at 0", two_halves, "5@0..0"},
    {"relu(floor(x)) at integers", relu_of_floor, "4@1..1"},
    {"relu(y relu(x)) at 0", twice_rectified, "6@0..0 6"},
    {"largest size of ties", largest_size, "2x4@-1..-1"},
    {"margin of ties", margin, "2x4@1..1"},
    {"hardswish at 3", hard_swish, "4@3..3"},
    {"hardswish at -3", hard_swish, "4@-3..-3"},
    {"elu at 0", bent_exponential, "5@0..0"},
    {"prelu at 0", parametric, "5@0..0 1@0.2..0.3"},
    {"norm at 0", length, "5@0..0"},
    {"log of a clamp, below it", clamped_log, "5@1e-5..1e-4"},
    {"softmax with a mask", masked_softmax, "3x4"},
    {"logsumexp with a mask", masked_log_sum, "3x4"},
    {"selected by size", selected, "6 6"},
    {"(1 + x/n)^n", limit_of_e, "5"},
    {"x log(x/y) of near x, y", divergence, "5@1..1.000001 5@1..1.000001"},
    {"tan x - sin x at 0.01", tangent_minus_sine, "5@0.01..0.02"},
    {"x^x", self_power, "5@0.001..3"},
    {"half circle at its end", half_circle, "5@0.999..0.99999"},
    {"asin near 1", arc_sine, "5@0.999..0.99999"},
    {"e^(-1/x^2) near 0", flat_at_0, "5@0.1..0.3"},
    {"cube root near 0", root_of_3, "5@1e-9..1e-8"},
    {"Rosenbrock's valley", valley, "5 5"},
    {"layer norm of near constants", near_constant_rows, "3x6@1..1.0001"},
    {"unit rows, tiny", unit_rows, "3x4@-1e-8..1e-8"},
    {"variance at 1e5", spread, "8@1e5..1.00001e5"},
    {"logistic map, 14 times", chaos, "5@0.1..0.9"},
    {"Weierstrass's function", fractal, "5"},
    {"z^2 + c", escape, "5@-0.5..0.5 5@-0.5..0.5"},
    {"continued fraction", continued_fraction, "5@0.1..3"},
    {"fixed point of a cosine", fixed_point, "5 5@-0.5..0.5"},
    {"float32 at each step", rounded_steps, "5 5"},
    {"running sum, twice", summed_twice, "1x50"},
    {"mean of 20000", mean_of_many, "1"},
    {"mostly dropped", mostly_dropped, "5x6"},
};

const hard_function *hard_more(int *n)
{
    *n = (int)(sizeof functions / sizeof *functions);
    return functions;
}
