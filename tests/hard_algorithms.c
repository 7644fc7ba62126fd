/* Right functions that are hard to measure: algorithms inside (quadrature, Newton's method, sorting, recurrences), values far from 1 and
 * of mixed size, near roots and poles, discrete, random. */
#include "hard_functions.h"
#include <math.h>

static ct_tensor *number(double value)
{
    return ct_full(CT_FLOAT64, value, NULL, 0);
}

/* ---- far from 1 ---- */

FUNCTION(log_sum, ct_logsumexp(x, CT_AXES(1)))
FUNCTION(entropy, ct_xlogy(x, x))
FUNCTION(soft, ct_softplus(x, 1))
FUNCTION(huge_softplus, ct_mul_scalar(ct_softplus(x, 1), 1e150))
FUNCTION(tiny_sine, ct_mul_scalar(ct_sin(x), 1e-150))
FUNCTION(huge_bell, ct_mul_scalar(ct_exp(ct_neg(ct_square(x))), 1e150))
FUNCTION(length_2, ct_norm(x, 2))
FUNCTION(length_3, ct_norm(x, 3, CT_AXES(1)))
FUNCTION(angle, ct_atan2(x, y))
FUNCTION(hypotenuse, ct_hypot(x, y))
FUNCTION(added_logs, ct_logaddexp(x, y))
FUNCTION(sigmoid, ct_sigmoid(x))
FUNCTION(log_of_sigmoid, ct_log(ct_sigmoid(x)))
FUNCTION(cross_entropy, ct_binary_cross_entropy_with_logits(x, ct_sigmoid(y)))
FUNCTION(complement, ct_erfc(x))
FUNCTION(gamma_function, ct_lgamma(x))
FUNCTION(bessel, ct_i0e(x))
FUNCTION(cosine, ct_cos(x))
FUNCTION(mixed_sizes,
         ct_sum(ct_mul(ct_square(x), ct_from_values(CT_FLOAT64, CT_VALUES(1e-8, 1e-4, 1, 1e4), CT_SHAPE(4)))))
FUNCTION(mixed_inputs, ct_tanh(ct_mul(x, ct_from_values(CT_FLOAT64, CT_VALUES(1e-6, 1e-3, 1, 1e-3), CT_SHAPE(4)))))
FUNCTION(inverse_square, ct_reciprocal(ct_square(x)))

/* ---- near roots, and ill-conditioned ---- */

/* (x - 1)^5, expanded. */
static ct_tensor *multiple_root(ct_tensor *const *in, int n, void *user)
{
    static const double coefficients[] = {1, -5, 10, -10, 5, -1};
    (void)n, (void)user;
    ct_tensor *y = ct_full(CT_FLOAT64, 1, ct_shape(in[0]), ct_rank(in[0]));
    for (int i = 1; i < 6; i++)
        y = ct_add_scalar(ct_mul(y, in[0]), coefficients[i]);
    return y;
}

FUNCTION(wilkinson, ct_prod(ct_sub(ct_unsqueeze(x, 1), ct_arange(CT_FLOAT64, 1, 9, 1)), CT_AXES(1)))
FUNCTION(nearly_singular, ct_sum(ct_solve(ct_add(ct_from_values(CT_FLOAT64, CT_VALUES(1, 1, 1, 1.0001), CT_SHAPE(2, 2)),
                                                 ct_mul_scalar(x, 1e-6)),
                                          y)))
FUNCTION(determinant, ct_det(x))
FUNCTION(inverse_matrix, ct_inverse(ct_add(ct_mul_scalar(x, 0.1), ct_eye(CT_FLOAT64, 4))))
FUNCTION(distances, ct_cdist(x, y, 2))
FUNCTION(standardised, ct_div(ct_sub(x, ct_mean(x)), ct_std(x)))
FUNCTION(root_of_sum, ct_sqrt(ct_sum(ct_square(ct_sub(x, y)))))
FUNCTION(quotient_of_exponentials, ct_div(ct_exp(x), ct_add(ct_exp(x), ct_exp(y))))
FUNCTION(log_of_difference, ct_log(ct_sub(ct_exp(x), ct_exp(y))))

/* ---- algorithms inside ---- */

/* Kahan's sum of squares. */
static ct_tensor *kahan(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *sum = number(0), *carry = number(0);
    for (int64_t i = 0; i < ct_size(in[0], 0); i++) {
        ct_tensor *term = ct_sub(ct_square(ct_select(in[0], 0, i)), carry), *next = ct_add(sum, term);
        carry = ct_sub(ct_sub(next, sum), term);
        sum = next;
    }
    return sum;
}

/* The integral of exp(-x t^2) over [0, 1], by Simpson's rule. */
static ct_tensor *quadrature(ct_tensor *const *in, int n, void *user)
{
    enum { PANELS = 32 };
    (void)n, (void)user;
    ct_tensor *sum = ct_zeros_like(in[0]);
    for (int i = 0; i <= PANELS; i++) {
        double t = (double)i / PANELS, weight = (i == 0 || i == PANELS ? 1 : i % 2 ? 4 : 2) / (3. * PANELS);
        sum = ct_add(sum, ct_mul_scalar(ct_exp(ct_mul_scalar(in[0], -t * t)), weight));
    }
    return sum;
}

/* The root y of y + e^y = x. */
static ct_tensor *implicit(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = ct_zeros_like(in[0]);
    for (int i = 0; i < 12; i++) {
        ct_tensor *e = ct_exp(y), *residual = ct_sub(ct_add(y, e), in[0]);
        y = ct_sub(y, ct_div(residual, ct_add_scalar(e, 1)));
    }
    return y;
}

/* Odd-even transposition of four columns, then weights. */
static ct_tensor *sorting_network(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *c[4];
    for (int i = 0; i < 4; i++)
        c[i] = ct_select(in[0], 1, i);
    for (int round = 0; round < 4; round++)
        for (int i = round % 2; i + 1 < 4; i += 2) {
            ct_tensor *low = ct_minimum(c[i], c[i + 1]);
            c[i + 1] = ct_maximum(c[i], c[i + 1]);
            c[i] = low;
        }
    return ct_add(ct_add(c[0], ct_square(c[1])), ct_add(ct_exp(c[2]), ct_sin(c[3])));
}

/* h = tanh(0.9 h + x), 500 times. */
static ct_tensor *recurrence(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *h = ct_zeros_like(in[0]);
    for (int i = 0; i < 500; i++)
        h = ct_tanh(ct_add(ct_mul_scalar(h, 0.9), in[0]));
    return h;
}

/* A product of 200 factors near 1. */
static ct_tensor *long_product(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *y = number(1);
    for (int i = 0; i < 200; i++)
        y = ct_mul(y, ct_add_scalar(ct_mul_scalar(in[0], 0.01 * cos(i)), 1));
    return y;
}

/* Euler's method for a pendulum from angle x with speed y. */
static ct_tensor *pendulum(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *angle = in[0], *speed = in[1];
    for (int i = 0; i < 50; i++) {
        speed = ct_sub(speed, ct_mul_scalar(ct_sin(angle), 0.05));
        angle = ct_add(angle, ct_mul_scalar(speed, 0.05));
    }
    return angle;
}

/* sin, halving its argument until it is small: how often depends on the largest. */
static ct_tensor *halving(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *x = in[0], *y;
    int times = 0;
    for (double most = ct_item(ct_amax(ct_abs(ct_detach(x)))); most > 0.1; most /= 2, times++)
        x = ct_mul_scalar(x, 0.5);
    y = ct_sub(x, ct_mul_scalar(ct_mul(x, ct_square(x)), 1. / 6));
    for (; times > 0; times--)
        y = ct_mul_scalar(ct_mul(y, ct_sqrt(ct_add_scalar(ct_neg(ct_square(y)), 1))), 2);
    return y;
}

FUNCTION(running_max, ct_cummax(x, 1, NULL))
FUNCTION(running_product, ct_cumprod(x, 1))
FUNCTION(running_log_sum, ct_logcumsumexp(x, 1))
FUNCTION(polynomial_of_matrix, ct_matrix_exp(ct_mul_scalar(x, 0.5)))
FUNCTION(gated,
         ct_mul(ct_gather(x, 1, ct_unsqueeze(ct_argmax(y, 1), 1)), ct_sum(ct_exp(x), CT_AXES(1), .keepdim = true)))
FUNCTION(table, ct_interpolate(ct_reshape(x, CT_SHAPE(1, 1, 8)), .size = {21}, .mode = CT_LINEAR))
FUNCTION(looked_up, ct_grid_sample(ct_reshape(x, CT_SHAPE(1, 1, 4, 4)), ct_reshape(ct_tanh(y), CT_SHAPE(1, 2, 3, 2))))
FUNCTION(middle, ct_median(x, 1, false, NULL))
FUNCTION(best_two, ct_topk(x, 2, 1, true, NULL))
FUNCTION(quartile, ct_quantile(x, number(0.25)))
FUNCTION(trapezia, ct_trapezoid(ct_sin(x), y, 0))

/* ---- discrete, periodic, of float32 in part ---- */

FUNCTION(steps, ct_add(ct_round(ct_mul_scalar(x, 3)), ct_mul_scalar(ct_tanh(x), 2)))
FUNCTION(steps_alone, ct_mul(ct_floor(x), ct_exp(y)))
FUNCTION(sawtooth, ct_square(ct_frac(x)))
FUNCTION(modulo, ct_fmod(x, y))
FUNCTION(signed_copy, ct_copysign(ct_exp(x), y))
FUNCTION(island, ct_mul(ct_sin(x), ct_cast(ct_exp(ct_cast(y, CT_FLOAT32)), CT_FLOAT64)))
FUNCTION(sum_in_float32, ct_cast(ct_sum(ct_cast(ct_exp(x), CT_FLOAT32)), CT_FLOAT64))
FUNCTION(gumbel, ct_gumbel_softmax(x, 0.5, false, 1))
FUNCTION(straight_noise,
         ct_mul(ct_exp(x), ct_add_scalar(ct_mul_scalar(ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4)), 1e-3), 1)))

/* ---- the table ---- */

static const hard_function functions[] = {
    {"logsumexp at 1e4", log_sum, "3x5@1e4..1.0001e4"},
    {"logsumexp of far apart", log_sum, "3x5@-1e3..1e3"},
    {"x log x at 1e-300", entropy, "4@1e-30..2e-30"},
    {"x log x at 1e-20", entropy, "4@1e-20..2e-20"},
    {"softplus at -700", soft, "4@-700..-690"},
    {"softplus at 700", soft, "4@690..700"},
    {"1e150 softplus", huge_softplus, "6"},
    {"1e-150 sin", tiny_sine, "6"},
    {"1e150 e^(-x^2)", huge_bell, "6"},
    {"norm at 1e-30", length_2, "6@-1e-30..1e-30"},
    {"3-norm of rows", length_3, "3x4"},
    {"atan2 near an axis", angle, "6@-1e-9..1e-9 6@0.5..2"},
    {"atan2 near the cut", angle, "6@1e-6..2e-6 6@-2..-1"},
    {"hypot at 1e20", hypotenuse, "5@1e20..2e20 5@1e20..2e20"},
    {"hypot of far apart", hypotenuse, "5@1e-5..2e-5 5@1e5..2e5"},
    {"logaddexp at 1e5", added_logs, "5@1e5..1.00001e5 5@1e5..1.00001e5"},
    {"logaddexp at -800", added_logs, "5@-800..-799 5@-800..-799"},
    {"sigmoid at -40", sigmoid, "5@-42..-40"},
    {"sigmoid at 30", sigmoid, "5@28..30"},
    {"log sigmoid at -30", log_of_sigmoid, "5@-30..-28"},
    {"cross entropy of large logits", cross_entropy, "6@-60..60 6"},
    {"erfc at 5", complement, "5@4..6"},
    {"lgamma at 1e-5", gamma_function, "4@1e-5..2e-5"},
    {"lgamma at 1e6", gamma_function, "4@1e6..2e6"},
    {"lgamma near 1", gamma_function, "4@0.999..1.001"},
    {"i0e at 100", bessel, "4@90..100"},
    {"cos at 1e7", cosine, "4@1e7..1.1e7"},
    {"weights from 1e-8 to 1e4", mixed_sizes, "4"},
    {"factors from 1e-6 to 1", mixed_inputs, "4"},
    {"1/x^2 from 1e-3 to 10", inverse_square, "8@1e-3..10"},
    {"(x - 1)^5 near 1, expanded", multiple_root, "4@0.98..1.02"},
    {"(x - 1)^5 at 2, expanded", multiple_root, "4@1.9..2.1"},
    {"Wilkinson's polynomial", wilkinson, "4@0.5..8.5"},
    {"nearly singular system", nearly_singular, "2x2 2x1"},
    {"determinant", determinant, "5x5"},
    {"inverse matrix", inverse_matrix, "4x4"},
    {"distances", distances, "3x4 5x4"},
    {"distances of near points", distances, "3x4@1..1.000001 2x4@1..1.000001"},
    {"standardised at 1e6", standardised, "8@1e6..1.000001e6"},
    {"distance of near points", root_of_sum, "4@1..1.0001 4@1..1.0001"},
    {"e^x / (e^x + e^y) at 300", quotient_of_exponentials, "4@300..302 4@300..302"},
    {"log(e^x - e^y)", log_of_difference, "4@1.001..1.002 4@0.99..1"},
    {"Kahan's sum", kahan, "12"},
    {"Simpson's rule", quadrature, "4@0..4"},
    {"y + e^y = x by Newton", implicit, "5"},
    {"sorting network", sorting_network, "3x4"},
    {"sorting network of ties", sorting_network, "2x4@1..1"},
    {"500 recurrent steps", recurrence, "4@-0.5..0.5"},
    {"200 factors", long_product, "4"},
    {"pendulum", pendulum, "4 4"},
    {"sin by halving", halving, "5@-3..3"},
    {"running max", running_max, "2x8"},
    {"running max of ties", running_max, "2x5@1..1"},
    {"cumprod with zeros", running_product, "2x5@0..0"},
    {"cumprod of 20", running_product, "1x20@0.5..2"},
    {"logcumsumexp at 300", running_log_sum, "2x6@-300..300"},
    {"matrix exponential", polynomial_of_matrix, "4x4"},
    {"gated by argmax", gated, "3x5 3x5"},
    {"interpolated table", table, "8"},
    {"looked up in a grid", looked_up, "4x4 6x2"},
    {"median", middle, "3x7"},
    {"median of ties", middle, "2x5@1..1"},
    {"best two of ties", best_two, "2x5@1..1"},
    {"quartile", quartile, "9"},
    {"trapezoidal rule", trapezia, "8 8"},
    {"steps and a slope", steps, "6"},
    {"floor(x) e^y", steps_alone, "5 5"},
    {"sawtooth squared", sawtooth, "6"},
    {"fmod", modulo, "6@-7..7 6@0.5..2"},
    {"copysign", signed_copy, "6 6"},
    {"float32 island", island, "6 6"},
    {"sum in float32", sum_in_float32, "8"},
    {"gumbel softmax", gumbel, "3x4"},
    {"multiplicative noise", straight_noise, "3x4"},
};

const hard_function *hard_algorithms(int *n)
{
    *n = (int)(sizeof functions / sizeof *functions);
    return functions;
}
