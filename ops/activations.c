/* Elementwise operations that are expressions over others. Invariant: none has a kernel of its own. */
#include "elementwise.h"

#define EXPRESSION(op_name, formula, min, max, ...)                    \
    const ct_op ct_op_##op_name = {.name = #op_name,                   \
                                   .gradient = formula,                \
                                   .min_inputs = min,                  \
                                   .max_inputs = max,                  \
                                   .expression = op_name##_expression, \
                                   .samples = op_name##_samples,       \
                                   __VA_ARGS__}

/* ---- selu ---- */

static ct_tensor *selu_expression(ct_call *call)
{
    return ct_mul_scalar(ct_elu(ct_call_input(call, 0), 1.6732632423543772848), 1.0507009873554804934);
}

static const ct_sample selu_samples[] = {{.inputs = "3x4@0.1..2"}, {.inputs = "3x4@-2..-0.1"}, {.inputs = NULL}};
EXPRESSION(selu, "g times 1.0507 where x > 0, else 1.7581 g exp(x)", 1, 1,
           .source = "Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks (2017), eq. 2");

ct_tensor *ct_selu(ct_tensor *x)
{
    return ct_apply(&ct_op_selu, &x, 1, NULL);
}

/* ---- gelu, by tanh ---- */

static ct_tensor *gelu_tanh_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *cubic = ct_add(x, ct_mul_scalar(ct_mul(x, ct_square(x)), 0.044715));
    ct_tensor *t = ct_tanh(ct_mul_scalar(cubic, 0.79788456080286535588));
    return ct_mul_scalar(ct_mul(x, ct_add_scalar(t, 1)), 0.5);
}

static const ct_sample gelu_tanh_samples[] = {
    {.inputs = "3x4"}, {.inputs = "scalar"}, {.inputs = "0x2"}, {.inputs = NULL}};
EXPRESSION(gelu_tanh, "g (1 + t + x (1 - t^2) u') / 2, t = tanh(u), u = sqrt(2/pi) (x + 0.044715 x^3)", 1, 1,
           .source = "Hendrycks, Gimpel: Gaussian error linear units (2016)");

ct_tensor *ct_gelu_tanh(ct_tensor *x)
{
    return ct_apply(&ct_op_gelu_tanh, &x, 1, NULL);
}

/* ---- swish ---- */

static ct_tensor *swish_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *beta = ct_call_input(call, 1);
    return ct_mul(x, ct_sigmoid(ct_mul(beta, x)));
}

static const ct_sample swish_samples[] = {
    {.inputs = "3x4 1"}, {.inputs = "3x4 scalar"}, {.inputs = "2x3 3"}, {.inputs = NULL}};
EXPRESSION(swish, "g (s + beta x s (1 - s)), g x^2 s (1 - s), s = sigmoid(beta x)", 2, 2,
           .source = "Ramachandran, Zoph, Le: Searching for activation functions (2017)");

ct_tensor *ct_swish(ct_tensor *x, ct_tensor *beta)
{
    return ct_apply(&ct_op_swish, (ct_tensor *[]){x, beta}, 2, NULL);
}

/* ---- mish ---- */

static ct_tensor *mish_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    return ct_mul(x, ct_tanh(ct_softplus(x, 1)));
}

static const ct_sample mish_samples[] = {{.inputs = "3x4"}, {.inputs = "scalar"}, {.inputs = NULL}};
EXPRESSION(mish, "g (t + x sigmoid(x) (1 - t^2)), t = tanh(softplus(x))", 1, 1,
           .source = "Misra: Mish, a self regularized non-monotonic activation function (2019)");

ct_tensor *ct_mish(ct_tensor *x)
{
    return ct_apply(&ct_op_mish, &x, 1, NULL);
}

/* ---- prelu ---- */

static ct_tensor *prelu_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *weight = ct_call_input(call, 1);
    int64_t channels = ct_rank(x) > 1 ? ct_size(x, 1) : 1, shape[CT_MAX_RANK];
    if (ct_rank(weight) > 1 || (ct_numel(weight) != 1 && ct_numel(weight) != channels)) {
        ct_call_error(call, CT_ERROR_SHAPE, "weight has one element or one for each of the %lld channels of x: %s",
                      (long long)channels, ct_call_shapes(call));
        return NULL;
    }
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == 1 ? ct_numel(weight) : 1;
    ct_tensor *slope = ct_rank(x) > 1 ? ct_reshape(weight, shape, ct_rank(x)) : ct_reshape(weight, NULL, 0);
    return ct_where(ct_gt(x, ct_scalar(ct_dtype_of(x), 0)), x, ct_mul(slope, x));
}

static const ct_sample prelu_samples[] = {
    {.inputs = "2x3x4 3"}, {.inputs = "3x4 1"}, {.inputs = "5 1"}, {.inputs = NULL}};
EXPRESSION(prelu, "g where x > 0, else weight g; sum of g x where x <= 0", 2, 2,
           .source = "He, Zhang, Ren, Sun: Delving deep into rectifiers (2015), eq. 1");

ct_tensor *ct_prelu(ct_tensor *x, ct_tensor *weight)
{
    return ct_apply(&ct_op_prelu, (ct_tensor *[]){x, weight}, 2, NULL);
}

/* ---- lerp ---- */

static ct_tensor *lerp_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1), *weight = ct_call_input(call, 2);
    return ct_add(a, ct_mul(weight, ct_sub(b, a)));
}

static const ct_sample lerp_samples[] = {
    {.inputs = "3x4 3x4 3x4@0..1"}, {.inputs = "3x4 4 scalar@0..1"}, {.inputs = NULL}};
EXPRESSION(lerp, "g (1 - weight), g weight, g (b - a)", 3, 3);

ct_tensor *ct_lerp(ct_tensor *a, ct_tensor *b, ct_tensor *weight)
{
    return ct_apply(&ct_op_lerp, (ct_tensor *[]){a, b, weight}, 3, NULL);
}

/* ---- masked_fill ---- */

static ct_tensor *masked_fill_expression(ct_call *call)
{
    const double *value = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    return ct_where(ct_call_input(call, 1), ct_scalar(ct_dtype_of(x), *value), x);
}

static const ct_sample masked_fill_samples[] = {{.inputs = "3x4 u2:3x4", .attributes = (const double[]){-3}},
                                                {.inputs = "2x3x4 u2:4", .attributes = (const double[]){0}},
                                                {.inputs = NULL}};
EXPRESSION(masked_fill, "g where mask is 0, else 0", 2, 2, .attributes_size = sizeof(double));

ct_tensor *ct_masked_fill(ct_tensor *x, ct_tensor *mask, double value)
{
    return ct_apply(&ct_op_masked_fill, (ct_tensor *[]){x, mask}, 2, &value);
}
