/* Functions whose derivatives of any order are one record with the order as attribute: composed of other functions, they would
 * lose their digits, by quotients of small numbers or differences of close ones. */
#include "elementwise.h"
#include "special.h"
#include <assert.h>
#include <math.h>

#define LOOP(name, type, f)                                                                                    \
    static void name##_##type(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                              bool streams)                                                                    \
    {                                                                                                          \
        (void)streams;                                                                                         \
        const type *x = in[0];                                                                                 \
        type *y = out;                                                                                         \
        for (int64_t i = 0; i < n; i++)                                                                        \
            y[i] = (type)f((double)x[fixed[0] ? 0 : i], (int)*p);                                              \
    }

/* The gradient of order k's function is that of order k + 1. */
static ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    double order = *(const double *)ct_call_attributes(call) + 1;
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_apply(call->op, &x, 1, &order)));
}

/* f(x, k): the derivative of order k at x. */
#define FUNCTION(op_name, f, formula)                                                                              \
    LOOP(op_name, float, f)                                                                                        \
    LOOP(op_name, double, f)                                                                                       \
    static ct_status op_name##_forward(ct_call *call)                                                              \
    {                                                                                                              \
        ct_elementwise_kernel kernel = call->outputs[0]->dtype == CT_FLOAT32 ? op_name##_float : op_name##_double; \
        ct__elementwise_run(call->outputs[0], call->inputs, 1, kernel, ct_call_attributes(call));                  \
        return CT_OK;                                                                                              \
    }                                                                                                              \
    const ct_op ct_op_##op_name = {.name = #op_name,                                                               \
                                   .gradient = formula,                                                            \
                                   .min_inputs = 1,                                                                \
                                   .max_inputs = 1,                                                                \
                                   .saves = CT_SAVE_INPUT(0),                                                      \
                                   .attributes_size = sizeof(double),                                              \
                                   .attribute_names = "order:1d",                                                  \
                                   .infer = ct__elementwise_infer,                                                 \
                                   .forward = op_name##_forward,                                                   \
                                   .backward = backward,                                                           \
                                   .samples = samples};                                                            \
    ct_tensor *ct_##op_name(ct_tensor *x)                                                                          \
    {                                                                                                              \
        return ct_apply(&ct_op_##op_name, &x, 1, &(const double){0});                                              \
    }

static const ct_sample samples[] = {{"3x4@0.2..3", (const double[]){0}},
                                    {"3x4@-6..-2", (const double[]){0}},
                                    {"scalar@0.2..1", (const double[]){1}},
                                    {"5@1..4", (const double[]){2}},
                                    {.inputs = NULL}};

static double i0e(double x, int k)
{
    return ct__bessel_ie(x, 0, k);
}

static double i1e(double x, int k)
{
    return ct__bessel_ie(x, 1, k);
}

FUNCTION(sinc, ct__sinc, "g (cos(pi x) - y) / x")
FUNCTION(i0e, i0e, "g exp(-|x|) (I_1(x) - sign(x) I_0(x))")
FUNCTION(i1e, i1e, "g exp(-|x|) ((I_0(x) + I_2(x)) / 2 - sign(x) I_1(x))")

/* ---- of two inputs, derived by the first: the incomplete gamma function, the zeta function ---- */

#define LOOP2(name, type, f)                                                                                   \
    static void name##_##type(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p, \
                              bool streams)                                                                    \
    {                                                                                                          \
        (void)streams;                                                                                         \
        const type *a = in[0], *l = in[1];                                                                     \
        type *y = out;                                                                                         \
        for (int64_t i = 0; i < n; i++)                                                                        \
            y[i] = (type)f((double)a[fixed[0] ? 0 : i], (double)l[fixed[1] ? 0 : i], (int)*p);                 \
    }

static_assert((int)CT_GAMMA_ORDERS == (int)CT_ZETA_ORDERS, "checked as one");

static ct_status order_infer(ct_call *call)
{
    double order = *(const double *)ct_call_attributes(call);
    if (order > CT_GAMMA_ORDERS)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "derivatives by %c go to order %d", call->op->roles[0],
                             CT_GAMMA_ORDERS);
    return ct__elementwise_infer(call);
}

#define FUNCTION2(op_name, f, formula, names, tried)                                                               \
    LOOP2(op_name, float, f)                                                                                       \
    LOOP2(op_name, double, f)                                                                                      \
    static ct_status op_name##_forward(ct_call *call)                                                              \
    {                                                                                                              \
        ct_elementwise_kernel kernel = call->outputs[0]->dtype == CT_FLOAT32 ? op_name##_float : op_name##_double; \
        ct__elementwise_run(call->outputs[0], call->inputs, 2, kernel, ct_call_attributes(call));                  \
        return CT_OK;                                                                                              \
    }                                                                                                              \
    const ct_op ct_op_##op_name = {.name = #op_name,                                                               \
                                   .gradient = formula,                                                            \
                                   .min_inputs = 2,                                                                \
                                   .max_inputs = 2,                                                                \
                                   .saves = CT_SAVE_INPUTS | CT_SAVE_OUTPUT(0),                                    \
                                   .attributes_size = sizeof(double),                                              \
                                   .attribute_names = "order:1d",                                                  \
                                   .roles = names,                                                                 \
                                   .infer = order_infer,                                                           \
                                   .forward = op_name##_forward,                                                   \
                                   .backward = op_name##_backward,                                                 \
                                   .samples = tried};                                                              \
    ct_tensor *ct_##op_name(ct_tensor *a, ct_tensor *l, double order)                                              \
    {                                                                                                              \
        return ct_apply(&ct_op_##op_name, (ct_tensor *[]){a, l}, 2, &order);                                       \
    }

/* With R and B those of order k: R' = R[k + 1] - R B[1] by a, and B - R (a - x) by l = log x. */
static ct_status igamma_slope_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *a = ct_call_input(call, 0), *l = ct_call_input(call, 1);
    ct_tensor *y = ct_call_output(call, 0);
    double k = *(const double *)ct_call_attributes(call);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0)) {
        ct_tensor *next = ct_igamma_slope(a, l, k + 1);
        status = ct_call_set_grad(call, 0, ct_mul(g, ct_sub(next, ct_mul(y, ct_gamma_growth(a, l, 1)))));
    }
    if (status == CT_OK && ct_call_needs_grad(call, 1)) {
        ct_tensor *growth = ct_gamma_growth(a, l, k);
        status = ct_call_set_grad(call, 1, ct_mul(g, ct_sub(growth, ct_mul(y, ct_sub(a, ct_exp(l))))));
    }
    return status;
}

/* B[k + 1] - B[k] B[1], without the cancellation of two large powers of l: by the recursion of Bell's polynomials, whose arguments
 * are the derivatives of the density's logarithm, l - digamma(a) and polygamma. */
static ct_tensor *growth_by_a(ct_tensor *a, ct_tensor *l, int k)
{
    ct_tensor *sum = ct_zeros_like(a);
    double choose = 1;
    for (int j = 1; j <= k; j++) {
        choose *= (double)(k - j + 1) / j;
        ct_tensor *term = ct_mul(ct_polygamma(a, j), ct_gamma_growth(a, l, k - j));
        sum = ct_sub(sum, ct_mul_scalar(term, choose));
    }
    return sum;
}

/* By l: k B[k - 1]. */
static ct_status gamma_growth_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *a = ct_call_input(call, 0), *l = ct_call_input(call, 1);
    int k = (int)*(const double *)ct_call_attributes(call);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_mul(g, growth_by_a(a, l, k)));
    if (status == CT_OK && ct_call_needs_grad(call, 1) && k > 0)
        status = ct_call_set_grad(call, 1, ct_mul(g, ct_mul_scalar(ct_gamma_growth(a, l, k - 1), k)));
    return status;
}

static const ct_sample gamma_samples[] = {{"3x4@0.3..3 3x4@-2..1.5", (const double[]){1}},
                                          {"2x1@0.3..3 3@-2..1.5", (const double[]){2}},
                                          {"scalar@0.3..3 scalar@-2..1.5", (const double[]){1}},
                                          {"0x2 1", (const double[]){1}},
                                          {.inputs = NULL}};

FUNCTION2(igamma_slope, ct__igamma_slope,
          "of the order k: g (y[k+1] - y q[1]), g (q[k] - y (a - exp(l))), q gamma_growth", "a l", gamma_samples)
FUNCTION2(gamma_growth, ct__gamma_growth,
          "of the order k: -g times the sum over j = 1..k of (k over j) polygamma(j, a) y[k-j], g k y[k-1]", "a l",
          gamma_samples)

/* With y those of order k: y[k + 1] by s; by q, of -s zeta(s + 1, q), -s y[k](s + 1) - k y[k - 1](s + 1). */
static ct_status zeta_slope_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *s = ct_call_input(call, 0), *q = ct_call_input(call, 1);
    double k = *(const double *)ct_call_attributes(call);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_mul(g, ct_zeta_slope(s, q, k + 1)));
    if (status == CT_OK && ct_call_needs_grad(call, 1)) {
        ct_tensor *above = ct_add_scalar(s, 1), *slope = ct_mul(s, ct_zeta_slope(above, q, k));
        if (k > 0)
            slope = ct_add(slope, ct_mul_scalar(ct_zeta_slope(above, q, k - 1), k));
        status = ct_call_set_grad(call, 1, ct_neg(ct_mul(g, slope)));
    }
    return status;
}

static const ct_sample samples_of_zeta[] = {{"3x4@1.5..4 3x4@0.3..4", (const double[]){1}},
                                            {"2x1@1.5..4 3@15..20", (const double[]){2}},
                                            {"scalar@20..30 scalar@1..4", (const double[]){1}},
                                            {"0x2 1", (const double[]){1}},
                                            {.inputs = NULL}};
FUNCTION2(zeta_slope, ct__zeta_by_s, "of the order k: g y[k+1](s, q), -g (s y[k](s + 1, q) + k y[k-1](s + 1, q))",
          "s q", samples_of_zeta)
