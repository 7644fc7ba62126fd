/* Activations made of bounds: hard ones, shrinking ones, gates, and choices that are nearly one-hot.
 *
 * Invariant: all are expressions over other operations; at an edge the gradient is PyTorch's. */
#include "elementwise.h"
#include "expression.h"
#include "shape/shape_internal.h"
#include <cotan/random.h>
#include <math.h>

#define NUMBERS(...) ((const double[]){__VA_ARGS__})

/* ct_<name>(x, p), and ct_<name>(x). */
#define OF_NUMBER(op_name, ...)                                                                              \
    CT_EXPRESSION(op_name, __VA_ARGS__, 1, 1, .attributes_size = sizeof(double), .attribute_names = "p:1d"); \
    ct_tensor *ct_##op_name(ct_tensor *x, double p)                                                          \
    {                                                                                                        \
        return ct_apply(&ct_op_##op_name, &x, 1, &p);                                                        \
    }
#define OF_X(op_name, ...)                              \
    CT_EXPRESSION(op_name, __VA_ARGS__);                \
    ct_tensor *ct_##op_name(ct_tensor *x)               \
    {                                                   \
        return ct_apply(&ct_op_##op_name, &x, 1, NULL); \
    }

static ct_tensor *like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

/* The first attribute. */
static double number(ct_call *call)
{
    return *(const double *)ct_call_attributes(call);
}

/* The same, of what must be positive; NaN with an error. */
static double positive_number(ct_call *call, const char *name)
{
    if (number(call) > 0)
        return number(call);
    ct_call_error(call, CT_ERROR_ARGUMENT, "%s %g is not positive", name, number(call));
    return NAN;
}

/* ---- hardsigmoid, hardswish ---- */

static ct_tensor *hardsigmoid_expression(ct_call *call)
{
    ct_tensor *inside = ct_clamp_inside(ct_call_input(call, 0), -3, 3);
    return ct_mul_scalar(ct_add_scalar(inside, 3), 1 / 6.0);
}

static const ct_sample hardsigmoid_samples[] = {{.inputs = "3x4"}, {.inputs = "scalar@4..5"}, {.inputs = NULL}};
OF_X(hardsigmoid, "g / 6 where -3 < x < 3, else 0", 1, 1)

static ct_tensor *hardswish_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return ct_mul_or_zero(x, ct_hardsigmoid(x));
}

static const ct_sample hardswish_samples[] = {
    {.inputs = "3x4"}, {.inputs = "3@4..5"}, {.inputs = "3@-5..-4"}, {.inputs = NULL}};
OF_X(hardswish, "g (x / 3 + 1/2) where -3 < x < 3, g above, else 0", 1, 1,
     .source = "Howard et al.: Searching for MobileNetV3 (2019), section 5.2")

/* ---- celu ---- */

static ct_tensor *celu_expression(ct_call *call)
{
    double alpha = number(call);
    if (alpha == 0 || isnan(alpha)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "alpha is %g", alpha);
        return NULL;
    }
    ct_tensor *x = ct_call_input(call, 0), *zero = like(x, 0), *above = ct_gt(x, zero);
    ct_tensor *below = ct_mul_scalar(ct_expm1(ct_mul_scalar(ct_where(above, zero, x), 1 / alpha)), alpha);
    return ct_where(above, x, below);
}

static const ct_sample celu_samples[] = {
    {"3x4@0.1..2", NUMBERS(1.3)}, {"3x4@-2..-0.1", NUMBERS(0.7)}, {.inputs = NULL}};
OF_NUMBER(celu, "g where x > 0, else g exp(x / alpha)")

/* ---- threshold, hardshrink, softshrink, tanhshrink ---- */

static ct_tensor *threshold_expression(ct_call *call)
{
    const double *p = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    return ct_where(ct_le(x, like(x, p[0])), like(x, p[1]), x);
}

static const ct_sample threshold_samples[] = {
    {"3x4@0.6..2", NUMBERS(0.5, -1)}, {"3x4@-2..0.4", NUMBERS(0.5, -1)}, {.inputs = NULL}};
CT_EXPRESSION(threshold, "g where x > threshold, else 0", 1, 1, .attributes_size = 2 * sizeof(double),
              .attribute_names = "threshold:1d value:1d");

ct_tensor *ct_threshold(ct_tensor *x, double threshold, double value)
{
    return ct_apply(&ct_op_threshold, &x, 1, NUMBERS(threshold, value));
}

static ct_tensor *hardshrink_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return ct_where(ct_le(ct_abs(x), like(x, number(call))), like(x, 0), x);
}

static const ct_sample hardshrink_samples[] = {
    {"3x4@0.6..2", NUMBERS(0.5)}, {"3x4@-0.4..0.4", NUMBERS(0.5)}, {.inputs = NULL}};
OF_NUMBER(hardshrink, "g where |x| > lambda, else 0")

static ct_tensor *softshrink_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    if (!(number(call) >= 0)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "lambda %g is below 0", number(call));
        return NULL;
    }
    return ct_sub(x, ct_clamp(x, -number(call), number(call)));
}

static const ct_sample softshrink_samples[] = {
    {"3x4@0.6..2", NUMBERS(0.5)}, {"3x4@-0.4..0.4", NUMBERS(0.5)}, {.inputs = NULL}};
OF_NUMBER(softshrink, "g where |x| > lambda, else 0")

static ct_tensor *tanhshrink_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return ct_sub(x, ct_tanh(x));
}

static const ct_sample tanhshrink_samples[] = {{.inputs = "3x4"}, {.inputs = "scalar"}, {.inputs = NULL}};
OF_X(tanhshrink, "g tanh(x)^2", 1, 1)

/* ---- glu ---- */

typedef struct axis_attributes {
    double tau; /* gumbel_softmax */
    int64_t axis, hard;
} axis_attributes;

#define BY(...)        \
    &(axis_attributes) \
    {                  \
        __VA_ARGS__    \
    }

static ct_tensor *glu_expression(ct_call *call)
{
    const axis_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = (int)by->axis;
    int64_t half = ct_size(x, axis) / 2;
    if (axis < -ct_rank(x) || axis >= ct_rank(x) || ct_size(x, axis) % 2 != 0) {
        ct_call_error(call, CT_ERROR_SHAPE, "axis %d is no axis of two halves: %s", axis, ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *gate = ct_slice(x, axis, half, CT_END, 1);
    return ct_mul(ct_slice(x, axis, 0, half, 1), ct_sigmoid(gate));
}

ct_tensor *ct_glu(ct_tensor *x, int axis)
{
    return ct_apply(&ct_op_glu, &x, 1, BY(.axis = axis));
}

static const ct_sample glu_samples[] = {
    {"3x4", BY(.axis = 1)}, {"2x6x3", BY(.axis = -2)}, {"0x2", BY(.axis = 1)}, {.inputs = NULL}};
CT_EXPRESSION(glu, "with s the sigmoid of the second half b: g s, g a s (1 - s)", 1, 1,
              .attributes_size = sizeof(axis_attributes), .attribute_names = "tau:1d axis hard",
              .source = "Dauphin et al.: Language modeling with gated convolutional networks (2017)");

/* ---- gumbel_softmax: what is drawn is a constant of the graph ---- */

/* 1 at the largest along the axis, else 0, with the gradient of y. */
static ct_tensor *straight_through(ct_tensor *y, int axis)
{
    ct_tensor *place, *fixed = ct_detach(y);
    ct_release(ct_max(fixed, axis, true, &place));
    ct_tensor *ones = ct_ones(ct_dtype_of(y), ct_shape(place), ct_rank(place));
    ct_tensor *hard = ct_scatter_add(ct_zeros_like(fixed), axis, place, ones);
    return ct_add(ct_sub(hard, fixed), y);
}

static ct_tensor *gumbel_softmax_expression(ct_call *call)
{
    const axis_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    if (isnan(positive_number(call, "tau")))
        return NULL;
    ct_tensor *uniform = ct_rand(ct_dtype_of(x), 0x1p-24, 1, ct_shape(x), ct_rank(x));
    ct_tensor *noise = ct_neg(ct_log(ct_neg(ct_log(uniform))));
    ct_tensor *y = ct_softmax(ct_mul_scalar(ct_add(x, noise), 1 / by->tau), (int)by->axis);
    return y && by->hard && ct_numel(y) > 0 ? straight_through(y, (int)by->axis) : y;
}

ct_tensor *ct_gumbel_softmax(ct_tensor *logits, double tau, bool hard, int axis)
{
    return ct_apply(&ct_op_gumbel_softmax, &logits, 1, BY(.tau = tau, .axis = axis, .hard = hard));
}

static const ct_sample gumbel_softmax_samples[] = {
    {"3x4", BY(.tau = 1, .axis = 1)}, {"2x3x4", BY(.tau = 0.7, .axis = -2)}, {.inputs = NULL}};
CT_EXPRESSION(gumbel_softmax, "y (g - sum(g y)) / tau", 1, 1, .attributes_size = sizeof(axis_attributes),
              .attribute_names = "tau:1d axis hard",
              .source = "Jang, Gu, Poole: Categorical reparameterization with Gumbel-softmax (2017)");

/* ---- sparsemax ---- */

/* x less the tau with which what is left above 0 sums to 1: with the k largest elements, tau = (their sum - 1) / k, where k is how
 * many have 1 + k x_k > the sum of the first k. */
static ct_tensor *sparsemax_expression(ct_call *call)
{
    const axis_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = (int)by->axis;
    int64_t n = ct_rank(x) ? ct_size(x, axis) : 1, along[] = {axis}, shape[CT_MAX_RANK];
    if (ct_numel(x) == 0)
        return ct_clone(x);
    ct_tensor *sorted = ct_sort(x, axis, true, NULL), *sums = ct_cumsum(sorted, axis);
    if (!sums)
        return NULL;
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == (axis < 0 ? axis + ct_rank(x) : axis) ? n : 1;
    ct_tensor *k = ct_reshape(ct_arange(ct_dtype_of(x), 1, 1, n), shape, ct_rank(x));
    ct_tensor *inside = ct_gt(ct_add_scalar(ct_mul(k, sorted), 1), sums);
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = along, .n_axes = 1, .keepdim = true};
    ct_tensor *last = ct_maximum(ct_sum(ct_cast(inside, ct_dtype_of(x)), &over), like(x, 1)); /* 0 where x is NaN */
    ct_tensor *sum = ct_gather(sums, axis, ct_cast(ct_add_scalar(last, -1), CT_INT64));
    return ct_relu(ct_sub(x, ct_div(ct_add_scalar(sum, -1), last)));
}

ct_tensor *ct_sparsemax(ct_tensor *x, int axis)
{
    return ct_apply(&ct_op_sparsemax, &x, 1, BY(.axis = axis));
}

static const ct_sample sparsemax_samples[] = {{"3x4", BY(.axis = 1)},
                                              {"2x3x4@-9..9", BY(.axis = -2)},
                                              {"5", BY(.axis = 0)},
                                              {"0x3", BY(.axis = 1)},
                                              {.inputs = NULL}};
CT_EXPRESSION(sparsemax, "where y > 0, g less its mean there, else 0", 1, 1, .attributes_size = sizeof(axis_attributes),
              .attribute_names = "tau:1d axis hard",
              .source = "Martins, Astudillo: From softmax to sparsemax (2016), algorithm 1");
