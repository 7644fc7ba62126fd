/* Elementwise operations that are expressions over others. Invariant: none has a kernel of its own. */
#include "elementwise.h"
#include "expression.h"

/* ---- hardtanh ---- */

static ct_tensor *hardtanh_expression(ct_call *call)
{
    const double *bound = ct_call_attributes(call);
    if (bound[0] > bound[1]) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "low %g is above high %g", bound[0], bound[1]);
        return NULL;
    }
    return ct_clamp_inside(ct_call_input(call, 0), bound[0], bound[1]);
}

static const ct_sample hardtanh_samples[] = {{.inputs = "3x4@0.6..1.4", .attributes = (const double[]){0.5, 1.5}},
                                             {.inputs = "2x3@-3..-1", .attributes = (const double[]){-0.5, 0.5}},
                                             {.inputs = NULL}};
CT_EXPRESSION(hardtanh, "g where low < x < high, else 0", 1, 1, .attributes_size = 2 * sizeof(double),
              .attribute_names = "low:1d high:1d");

ct_tensor *ct_hardtanh(ct_tensor *x, double low, double high)
{
    return ct_apply(&ct_op_hardtanh, &x, 1, (const double[]){low, high});
}

/* ---- selu ---- */

static ct_tensor *selu_expression(ct_call *call)
{
    return ct_mul_scalar(ct_elu(ct_call_input(call, 0), 1.6732632423543772848), 1.0507009873554804934);
}

static const ct_sample selu_samples[] = {{.inputs = "3x4@0.1..2"}, {.inputs = "3x4@-2..-0.1"}, {.inputs = NULL}};
CT_EXPRESSION(selu, "g times 1.0507 where x > 0, else 1.7581 g exp(x)", 1, 1,
              .source = "Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks (2017), eq. 2");

ct_tensor *ct_selu(ct_tensor *x)
{
    return ct_apply(&ct_op_selu, &x, 1, NULL);
}

/* ---- swish ---- */

static ct_tensor *swish_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *beta = ct_call_input(call, 1);
    ct_tensor *near = ct_clamp(ct_mul_or_zero(beta, x), -1000, 1000); /* past these it is 0 or 1, and its gradient 0 */
    return ct_mul_or_zero(x, ct_sigmoid(near));
}

static const ct_sample swish_samples[] = {
    {.inputs = "3x4 1"}, {.inputs = "3x4 scalar"}, {.inputs = "2x3 3"}, {.inputs = NULL}};
CT_EXPRESSION(swish, "g (s + beta x s (1 - s)), g x^2 s (1 - s), s = sigmoid(beta x)", 2, 2,
              .source = "Ramachandran, Zoph, Le: Searching for activation functions (2017)");

ct_tensor *ct_swish(ct_tensor *x, ct_tensor *beta)
{
    return ct_apply(&ct_op_swish, (ct_tensor *[]){x, beta}, 2, NULL);
}

/* ---- mish ---- */

/* Below -40 it is silu to the last digit, which does not lose those of exp(x) where that is denormal. */
static ct_tensor *mish_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *near = ct_clamp(x, -40, 1000); /* above, tanh is 1 in any format, and its gradient 0 */
    ct_tensor *y = ct_mul_or_zero(x, ct_tanh(ct_softplus(near, 1)));
    return ct_where(ct_lt(x, ct_scalar(ct_dtype_of(x), -40)), ct_silu(x), y);
}

static const ct_sample mish_samples[] = {{.inputs = "3x4"}, {.inputs = "scalar"}, {.inputs = NULL}};
CT_EXPRESSION(mish, "g (t + x sigmoid(x) (1 - t^2)), t = tanh(softplus(x))", 1, 1,
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
    ct_tensor *zero = ct_scalar(ct_dtype_of(x), 0), *positive = ct_gt(x, zero);
    /* The slope meets only what it applies to: an infinite x above 0 would leave NaN in its gradient. */
    return ct_where(positive, x, ct_mul(slope, ct_where(positive, zero, x)));
}

static const ct_sample prelu_samples[] = {
    {.inputs = "2x3x4 3"}, {.inputs = "3x4 1"}, {.inputs = "5 1"}, {.inputs = NULL}};
CT_EXPRESSION(prelu, "g where x > 0, else weight g; sum of g x where x <= 0", 2, 2,
              .source = "He, Zhang, Ren, Sun: Delving deep into rectifiers (2015), eq. 1");

ct_tensor *ct_prelu(ct_tensor *x, ct_tensor *weight)
{
    return ct_apply(&ct_op_prelu, (ct_tensor *[]){x, weight}, 2, NULL);
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
CT_EXPRESSION(masked_fill, "g where mask is 0, else 0", 2, 2, .attributes_size = sizeof(double),
              .attribute_names = "value:1d", .takes = {CT_ANY_DTYPE, CT_MASKS}, .roles = "x mask");

ct_tensor *ct_masked_fill(ct_tensor *x, ct_tensor *mask, double value)
{
    return ct_apply(&ct_op_masked_fill, (ct_tensor *[]){x, mask}, 2, &value);
}
