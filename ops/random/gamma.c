/* Draws of the gamma distribution and of what is made of it, with gradients.
 *
 * A draw of x for a shape is Marsaglia and Tsang's (A simple method for generating gamma variables, 2000), by the thread's generator. Its
 * gradient is implicit (Figurnov et al.: Implicit reparameterization gradients, 2018): where the shape changes, x moves so that the share
 * of the distribution that lies below it stays. All is done with log x, since a small shape's x may be smaller than any number. */
#include "elementwise/elementwise.h"
#include "elementwise/special.h"
#include "expression.h"
#include "random/draw.h"
#include <float.h>
#include <math.h>

/* ---- gamma_draw: the logarithm of a number of the gamma distribution; no gradient ---- */

/* For a shape of 1 or more. */
static double log_gamma_draw(ct_draws *d, double shape)
{
    double most = shape - 1 / 3.0;
    for (;;) {
        double z = ct__draw_normal(d), v = 1 + z / sqrt(9 * most);
        if (v <= 0)
            continue;
        double log_v = 3 * ct__natural_log(v), u = ct__natural_log(ct__draw_unit(d));
        if (u < z * z / 2 + most * (1 - v * v * v + log_v))
            return ct__natural_log(most) + log_v;
    }
}

static double gamma_law(ct_draws *d, const double *p)
{
    double shape = p[0];
    if (!isnormal(shape))
        return shape > 0 ? log(shape) : shape == 0 ? -INFINITY : NAN;
    if (shape >= 1)
        return log_gamma_draw(d, shape);
    double more = ct__natural_log(ct__draw_unit(d)) / shape;
    return more + log_gamma_draw(d, shape + 1);
}

static ct_status gamma_draw_infer(ct_call *call)
{
    return ct__check_within(call, call->inputs[0], 0, INFINITY) ? ct__elementwise_infer(call) : ct_error_code();
}

static ct_status gamma_draw_forward(ct_call *call)
{
    return ct__draw(call, gamma_law);
}

static const ct_sample gamma_draw_samples[] = {
    {.inputs = "3x4@0.2..3!"}, {.inputs = "scalar@0.2..3!"}, {.inputs = "0x2!"}, {.inputs = NULL}};
const ct_op ct_op_gamma_draw = {
    .name = "gamma_draw",
    .gradient = "none: a draw; gamma_transport has it",
    .min_inputs = 1,
    .max_inputs = 1,
    .roles = "shape",
    .infer = gamma_draw_infer,
    .forward = gamma_draw_forward,
    .samples = gamma_draw_samples,
};

/* ---- gamma_transport: where log x, drawn for another shape, lies for this one ---- */

#define TRANSPORT(type)                                                                                           \
    static void transport_##type(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                                 bool streams)                                                                    \
    {                                                                                                             \
        (void)p, (void)streams;                                                                                   \
        const type *shape = in[0], *from = in[1], *l = in[2];                                                     \
        type *y = out;                                                                                            \
        for (int64_t i = 0; i < n; i++)                                                                           \
            y[i] = (type)ct__gamma_transport((double)shape[fixed[0] ? 0 : i], (double)from[fixed[1] ? 0 : i],     \
                                             (double)l[fixed[2] ? 0 : i]);                                        \
    }
TRANSPORT(float)
TRANSPORT(double)

static ct_status gamma_transport_forward(ct_call *call)
{
    ct_tensor *y = call->outputs[0];
    ct__elementwise_run(y, call->inputs, 3, y->dtype == CT_FLOAT32 ? transport_float : transport_double, NULL);
    return CT_OK;
}

static ct_status gamma_transport_backward(ct_call *call)
{
    ct_tensor *slope = ct_igamma_slope(ct_call_input(call, 0), ct_call_output(call, 0), 1);
    return ct_call_set_grad(call, 0, ct_neg(ct_mul(ct_call_grad_output(call, 0), slope)));
}

static const ct_sample gamma_transport_samples[] = {{.inputs = "3x4@0.3..3 3x4@0.3..3! 3x4@-2..1!"},
                                                    {.inputs = "2x1@4..9 3@4..9! 1@0.5..2!"},
                                                    {.inputs = "scalar@0.3..3 scalar@0.3..3! scalar@-2..1!"},
                                                    {.inputs = "0x2 1! 2!"},
                                                    {.inputs = NULL}};
const ct_op ct_op_gamma_transport = {
    .name = "gamma_transport",
    .gradient = "-g (dP/da) / (dP/dy), P the share below exp(y), for shape; from and l are constants",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .roles = "shape from l",
    .infer = ct__elementwise_infer,
    .forward = gamma_transport_forward,
    .backward = gamma_transport_backward,
    .samples = gamma_transport_samples,
    .source = "Figurnov et al.: Implicit reparameterization gradients (2018), eq. 5",
};

/* ---- what is drawn ---- */

/* The logarithms of draws, in double. */
static ct_tensor *log_draws(ct_tensor *shape)
{
    ct_tensor *in[3] = {ct_cast(shape, CT_FLOAT64)};
    in[1] = ct_detach(in[0]);
    in[2] = ct_apply(&ct_op_gamma_draw, &in[1], 1, NULL);
    return ct_apply(&ct_op_gamma_transport, in, 3, NULL);
}

/* As PyTorch's, never 0, nor, of shares, 1. */
static ct_tensor *above_zero(ct_tensor *y, ct_dtype dtype, bool share)
{
    bool single = dtype == CT_FLOAT32;
    double most = !share ? INFINITY : single ? 1 - FLT_EPSILON / 2 : 1 - DBL_EPSILON / 2;
    return ct_clamp(ct_cast(y, dtype), single ? FLT_MIN : DBL_MIN, most);
}

/* The gradients are those of the draws' path, which the checker cannot measure here: where a shape is moved, another number may be
 * refused. It measures gamma_transport's. */
static ct_tensor *standard_gamma_expression(ct_call *call)
{
    ct_tensor *shape = ct_call_input(call, 0);
    return above_zero(ct_exp(log_draws(shape)), ct_dtype_of(shape), false);
}

/* x / (x + y) of two gamma draws, of which each element has its own. */
static ct_tensor *sample_beta_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (!ct__broadcast_shapes(a->shape, a->rank, b->shape, b->rank, shape, &rank)) {
        ct_call_error(call, CT_ERROR_SHAPE, "the shapes do not go together: %s", ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *x = log_draws(ct_expand(a, shape, rank)), *y = log_draws(ct_expand(b, shape, rank));
    return above_zero(ct_sigmoid(ct_sub(x, y)), ct_dtype_of(a), true);
}

/* Gamma draws over their sum. */
static ct_tensor *sample_dirichlet_expression(ct_call *call)
{
    ct_tensor *shape = ct_call_input(call, 0);
    return above_zero(ct_softmax(log_draws(shape), -1), ct_dtype_of(shape), true);
}

static const ct_sample standard_gamma_samples[] = {
    {.inputs = "3x4@0.2..3!"}, {.inputs = "scalar@0.2..3!"}, {.inputs = "0x2!"}, {.inputs = NULL}};
static const ct_sample sample_beta_samples[] = {
    {.inputs = "3x4@0.2..3! 4@0.2..3!"}, {.inputs = "scalar@0.2..3! scalar@0.2..3!"}, {.inputs = NULL}};
static const ct_sample sample_dirichlet_samples[] = {
    {.inputs = "3x4@0.2..3!"}, {.inputs = "5@0.2..3!"}, {.inputs = NULL}};
CT_EXPRESSION(standard_gamma, "g x times that of gamma_transport, measured there", 1, 1, .roles = "shape");
CT_EXPRESSION(sample_beta, "g x (1 - x) times those of gamma_transport, measured there", 2, 2);
CT_EXPRESSION(sample_dirichlet, "that of softmax, times that of gamma_transport, measured there", 1, 1,
              .roles = "concentration");

ct_tensor *ct_standard_gamma(ct_tensor *shape)
{
    return ct_apply(&ct_op_standard_gamma, &shape, 1, NULL);
}

ct_tensor *ct_sample_beta(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_sample_beta, (ct_tensor *[]){a, b}, 2, NULL);
}

ct_tensor *ct_sample_dirichlet(ct_tensor *concentration)
{
    return ct_apply(&ct_op_sample_dirichlet, &concentration, 1, NULL);
}
