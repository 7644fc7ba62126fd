/* What the elementwise operations share: kernel numbers, the kernels' form, and the functions that only gradients use. */
#ifndef CT_ELEMENTWISE_H
#define CT_ELEMENTWISE_H

#include "autograd_internal.h"
#include <cotan/ops.h>

/* out[i] = f(in[0][i], in[1][i], ...) for i < n, elements of the kernel's dtype, all contiguous; where fixed[k], input k is
 * one element for all i. p holds the attributes. out may be one of the inputs, unless it streams: then the caches would not keep it
 * until it is read, and it may go past them. */
typedef void (*ct_elementwise_kernel)(int64_t n, void *out, const void *const *in, const bool *fixed, const double *p,
                                      bool streams);

enum {
#define OP1(name, ...) CT_KERNEL_##name,
#define OP2(name, ...) CT_KERNEL_##name,
#define OP3(name, ...) CT_KERNEL_##name,
#include "elementwise_rules.h"
    CT_ELEMENTWISE_KERNELS
};

/* By kernel number, then float32 or float64. */
typedef ct_elementwise_kernel ct_elementwise_table[CT_ELEMENTWISE_KERNELS][2];
/* For rows that integers have too, by int64, int32, uint8; not one for each instruction set. */
enum { CT_INTEGER_TYPES = 3 };
extern const ct_elementwise_kernel ct__integer_kernels[CT_ELEMENTWISE_KERNELS][CT_INTEGER_TYPES];
extern const ct_elementwise_table ct__elementwise_portable, ct__elementwise_avx2, ct__elementwise_avx512;
/* The table in use: this CPU's, until a test takes another. */
extern const ct_elementwise_table *ct__elementwise_kernels;
/* A row's kernels, float32 and float64. With CT_SMALL, for the one file, each row is found by a name of its own: a linker keeps the
 * whole of a table, but leaves out the rows that nothing calls. */
#ifdef CT_SMALL
#define CT_FLOAT_KERNELS(name) ct__row_##name
#define OP1(name, ...) extern const ct_elementwise_kernel ct__row_##name[2];
#define OP2 OP1
#define OP3 OP1
#include "elementwise_rules.h"
#else
#define CT_FLOAT_KERNELS(name) (*ct__elementwise_kernels)[CT_KERNEL_##name]
#endif

/* Operations that only gradients use. */
ct_tensor *ct_tanh_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_sigmoid_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_square_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_gelu_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_gelu_tanh_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_silu_backward(ct_tensor *g, ct_tensor *x);
ct_tensor *ct_relu_backward(ct_tensor *g, ct_tensor *y);
ct_tensor *ct_leaky_relu_backward(ct_tensor *g, ct_tensor *x, double slope);
ct_tensor *ct_clamp_backward(ct_tensor *g, ct_tensor *x, double low, double high);
ct_tensor *ct_clamp_inside(ct_tensor *x, double low, double high);
ct_tensor *ct_clamp_inside_backward(ct_tensor *g, ct_tensor *x, double low, double high);
ct_tensor *ct_elu_slope(ct_tensor *x, double alpha);
ct_tensor *ct_elu_curve(ct_tensor *x, double alpha);
ct_tensor *ct_gaussian(ct_tensor *x, double s);
ct_tensor *ct_atan_slope(ct_tensor *x);
ct_tensor *ct_one_minus_square(ct_tensor *x);
ct_tensor *ct_greater_share(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_pow_slope(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_scaled_pow(ct_tensor *x, double s, double t);
ct_tensor *ct_pow_curve(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_pow_log(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_mul_or_zero(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_atan2_slope(ct_tensor *a, ct_tensor *b);
ct_tensor *ct_atan2_curve(ct_tensor *a, ct_tensor *b);
/* The sum over k >= 0 of (x + k)^-s; the Bessel function I of order v, and its derivative. */
ct_tensor *ct_hurwitz_zeta(ct_tensor *x, double s);
ct_tensor *ct_bessel_i(ct_tensor *x, double v);
ct_tensor *ct__bessel_i_slope(ct_tensor *x, double v);
/* The same of J and of Y. */
ct_tensor *ct_bessel_j(ct_tensor *x, double v);
ct_tensor *ct_bessel_y(ct_tensor *x, double v);
ct_tensor *ct__bessel_j_slope(ct_tensor *x, double v);
ct_tensor *ct__bessel_y_slope(ct_tensor *x, double v);
/* trunc(a / b), a constant of the graph, where fmod(a, b) is rest. */
ct_tensor *ct__multiples(ct_tensor *a, ct_tensor *b, ct_tensor *rest);
/* With r = hypot(a, b): a / r, b^2 / r^3, a b / r^3; 0 where r is. */
ct_tensor *ct_hypot_slope(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__hypot_curve(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__hypot_twist(ct_tensor *a, ct_tensor *b);
/* t, with 1 for 0; log(b), but 0 where xlogy is whatever b is; a / b, but 0 of two zeros. */
ct_tensor *ct__one_for_zero(ct_tensor *t);
ct_tensor *ct__log_or_zero(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__ratio_or_zero(ct_tensor *a, ct_tensor *b);
/* The derivatives of igamma(a, x), by x and by a, and what the latter is made of: ct__igamma_slope() and ct__gamma_growth() of special.h. */
ct_tensor *ct_gamma_density(ct_tensor *a, ct_tensor *x);
ct_tensor *ct__igamma_by_a(ct_tensor *a, ct_tensor *x);
/* The derivative of zeta(s, q) by s, of that order. */
ct_tensor *ct_zeta_slope(ct_tensor *s, ct_tensor *q, double order);
ct_tensor *ct_igamma_slope(ct_tensor *a, ct_tensor *l, double order);
ct_tensor *ct_gamma_growth(ct_tensor *a, ct_tensor *l, double order);
/* binary_cross_entropy before it is reduced, and its slopes, composed. */
ct_tensor *ct_log_loss(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__log_loss_slope(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__log_odds_against(ct_tensor *a);
/* Derivatives, composed: the second ones of silu and gelu_tanh; those of atan2_curve, of pow_slope by b, which is that of pow_log
 * by a, and of pow_curve by b. */
ct_tensor *ct__silu_curve(ct_tensor *x);
ct_tensor *ct__gelu_tanh_curve(ct_tensor *x);
ct_tensor *ct__atan2_bend(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__pow_slope_log(ct_tensor *a, ct_tensor *b);
ct_tensor *ct__pow_curve_log(ct_tensor *a, ct_tensor *b);

void ct__elementwise_walk(ct_tensor *out, ct_tensor *const *inputs, int n, ct_elementwise_kernel kernel,
                          const double *p);
/* Fills out (contiguous, of the inputs' joint shape) from n inputs, broadcast and of any strides. */
static inline void ct__elementwise_run(ct_tensor *out, ct_tensor *const *inputs, int n, ct_elementwise_kernel kernel,
                                       const double *p)
{
    static const bool fixed[] = {true, true, true};
    const void *in[3];
    if (out->numel != 1) {
        ct__elementwise_walk(out, inputs, n, kernel, p);
        return;
    }
    /* On small graphs the walk would cost more than the arithmetic. One element for all is what kernels read most simply. */
    for (int k = 0; k < n; k++)
        in[k] = ct__ptr(inputs[k]);
    kernel(1, ct__ptr(out), in, fixed, p, false);
}
/* Shape rules: shapes broadcast, to an output of the inputs' dtype or of the dtype given. */
ct_status ct__elementwise_infer(ct_call *call);
ct_status ct__infer_broadcast(ct_call *call, ct_dtype dtype);
/* The first, which also refuses integers divided by 0 and numbers that an integer type does not have. */
ct_status ct__integer_infer(ct_call *call);

/* For the engine; see ct_engine_ops. */
void ct__add_in_place(ct_tensor *sum, const ct_tensor *t);
ct_status ct__add_to_part(ct_tensor *part, const ct_tensor *t);

#endif
