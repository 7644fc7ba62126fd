/* Reductions that are expressions over sums and extremes: any, all, var, std, norm, logsumexp.
 *
 * Invariant: where a root or a logarithm has no slope, at 0, the gradient is 0, as PyTorch's is. */
#include "reduce_internal.h"
#include <math.h>

/* ---- what they share ---- */

/* The axes as the options of a reduction inside an expression. */
static ct_reduce_options same_axes(const ct_call *call, bool keepdim)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    return (ct_reduce_options){CT_DEFAULTS(ct_reduce_options), .axes = over->axes, .n_axes = (int)over->n_axes,
                               .keepdim = keepdim};
}

static ct_tensor *sum_over(ct_call *call, ct_tensor *x)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_reduce_options options = same_axes(call, over->keepdim);
    return ct_sum(x, &options);
}

static ct_tensor *like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

/* x^p for x >= 0, with gradient 0 at 0. */
static ct_tensor *power(ct_tensor *x, double p)
{
    ct_tensor *is_zero = ct_eq(x, like(x, 0)), *base = ct_where(is_zero, like(x, 1), x);
    return ct_where(is_zero, like(x, p > 0 ? 0 : INFINITY), p == 0.5 ? ct_sqrt(base) : ct_pow_scalar(base, p));
}

/* ---- near the ends of the range ---- */

/* Squares whose sum is within SQUARES of 1 have lost nothing, nor have other powers, whose gradients have larger exponents,
 * within POWERS. Large numbers are scaled to about 2^MARGIN and small ones to 2^-MARGIN: their squares are far from the ends of the range, and
 * so are scales, by which gradients are multiplied. */
enum { SQUARES = 100, POWERS = 20, MARGIN = 30 };

static double number_at(const ct_tensor *t, int64_t i)
{
    return t->dtype == CT_FLOAT64 ? ((const double *)ct__ptr(t))[i] : ((const float *)ct__ptr(t))[i];
}

bool ct__is_extreme(const ct_tensor *sums, int reach, bool small_too)
{
    double most = ldexp(1, sums->dtype == CT_FLOAT64 ? 8 * reach : reach);
    for (int64_t i = 0; i < sums->numel; i++) {
        double sum = number_at(sums, i);
        if (!(sum < most) || (small_too && sum < 1 / most))
            return true;
    }
    return false;
}

ct_tensor *ct__scales(ct_tensor *x, const ct_reduce_options *over, bool smallest, int margin, double least)
{
    int lowest = ct_dtype_of(x) == CT_FLOAT64 ? -1022 : -126;
    ct_tensor *size = ct_abs(ct_detach(x));
    ct_tensor *scales = smallest ? ct_amin(size, over) : ct_amax(size, over);
    for (int64_t i = 0; scales && i < scales->numel; i++) {
        double s = number_at(scales, i);
        int exponent = isfinite(s) && s > 0 ? ilogb(s) : 0;
        exponent -= exponent > 0 ? margin : -margin;
        s = fmax(ldexp(1, exponent > lowest ? exponent : lowest), least);
        if (scales->dtype == CT_FLOAT64)
            ((double *)ct__ptr(scales))[i] = s;
        else
            ((float *)ct__ptr(scales))[i] = (float)s;
    }
    return scales;
}

/* ---- any, all: of x != 0 ---- */

static ct_tensor *any_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    if (ct__check_axes(call) != CT_OK)
        return NULL;
    return ct_gt(sum_over(call, ct_ne(x, like(x, 0))), ct_scalar(CT_INT64, 0));
}

static ct_tensor *all_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    if (ct__check_axes(call) != CT_OK)
        return NULL;
    return ct_eq(sum_over(call, ct_eq(x, like(x, 0))), ct_scalar(CT_INT64, 0));
}

ct_tensor *ct_any(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_any, x, options, 0);
}

ct_tensor *ct_all(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_all, x, options, 0);
}

static const ct_sample truth_samples[] = {{"3x4", NULL},
                                          {"u2:2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                          {"i2:3x2", OVER(ALONG(1))},
                                          {"u2:scalar", NULL},
                                          {"0x3", OVER(ALONG(0))},
                                          {0}};

const ct_op ct_op_any = {
    .name = "any",
    .takes = {CT_COMPUTED},
    .gradient = "none: the result is a bool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = any_expression,
    .samples = truth_samples,
};

const ct_op ct_op_all = {
    .name = "all",
    .takes = {CT_COMPUTED},
    .gradient = "none: the result is a bool",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = all_expression,
    .samples = truth_samples,
};

/* ---- var, std: the attribute's number is what is subtracted from n ---- */

/* What n less what is subtracted from it leaves; NaN below 0. */
static double freedom_of(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    double freedom = (double)ct__count_reduced(call) - over->number;
    return freedom > 0 ? freedom : 0;
}

static ct_tensor *mean_square(ct_call *call, ct_tensor *centred)
{
    ct_tensor *sum = sum_over(call, ct_square(centred));
    return ct__count_reduced(call) > 0 ? ct_mul_scalar(sum, 1 / freedom_of(call)) : ct__mean_of(sum, 0);
}

/* The mean's part in the gradient is a sum of 0, which an infinite factor would make NaN. */
static ct_tensor *centred_input(ct_call *call)
{
    ct_reduce_options keepdim = same_axes(call, true);
    ct_tensor *x = ct_call_input(call, 0);
    if (ct__check_axes(call) != CT_OK)
        return NULL;
    ct_tensor *mean = ct_mean(x, &keepdim);
    return ct_sub(x, freedom_of(call) > 0 ? mean : ct_detach(mean));
}

static ct_tensor *var_expression(ct_call *call)
{
    ct_tensor *centred = centred_input(call);
    return centred ? mean_square(call, centred) : NULL;
}

static ct_tensor *std_expression(ct_call *call)
{
    ct_reduce_options keepdim = same_axes(call, true);
    ct_tensor *centred = centred_input(call), *variance = centred ? mean_square(call, centred) : NULL;
    if (!variance || ct__count_reduced(call) == 0)
        return variance;
    if (!ct__is_extreme(variance, SQUARES, true))
        return power(variance, 0.5);
    ct_tensor *scales = ct__scales(centred, &keepdim, false, MARGIN, 0);
    ct_tensor *scaled = power(mean_square(call, ct_div(centred, scales)), 0.5);
    return ct_mul(scaled, ct_reshape(scales, ct_shape(scaled), ct_rank(scaled)));
}

CT_OPTIONS_INIT(ct_var_options)

/* Of ct_var_options those that all reductions have. */
static ct_tensor *reduce_variance(const ct_op *op, ct_tensor *x, const ct_var_options *options)
{
    CT_READ_OPTIONS(ct_var_options, o, options, op->name);
    if (!o)
        return NULL;
    ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = o->axes, .n_axes = o->n_axes,
                              .keepdim = o->keepdim};
    double correction = ct_is_unset(o->correction) ? !o->biased : o->correction;
    if (isnan(correction)) {
        ct__error(CT_ERROR_ARGUMENT, "%s: the correction is not a number", op->name);
        return NULL;
    }
    return ct__reduce(op, x, &over, correction);
}

ct_tensor *ct_var(ct_tensor *x, const ct_var_options *options)
{
    return reduce_variance(&ct_op_var, x, options);
}

ct_tensor *ct_std(ct_tensor *x, const ct_var_options *options)
{
    return reduce_variance(&ct_op_std, x, options);
}

static const ct_sample variance_samples[] = {{"3x4", OVER(.number = 1)},
                                             {"2x3x4", OVER(ALONG(1), .number = 1)},
                                             {"2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                             {"5", OVER(ALONG(0), .number = 1)},
                                             {"0x3", OVER(ALONG(1), .number = 1)},
                                             {0}};

const ct_op ct_op_var = {
    .name = "var",
    .gradient = "2 g (x - mean) / (n - 1), or / n if biased",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = var_expression,
    .samples = variance_samples,
};

const ct_op ct_op_std = {
    .name = "std",
    .gradient = "g (x - mean) / (y (n - 1)), or / (y n) if biased; 0 where y is 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = std_expression,
    .samples = variance_samples,
};

/* ---- norm: the attribute's number is p ---- */

static ct_tensor *sum_of_powers(ct_tensor *x, double p, const ct_reduce_options *over)
{
    return ct_sum(p == 2 ? ct_square(x) : power(ct_abs(x), p), over);
}

/* Where the powers overflow or vanish, x is scaled first, and the norm back. */
static ct_tensor *norm_expression(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    double p = over->number;
    ct_reduce_options options = same_axes(call, over->keepdim);
    if (ct__check_axes(call) != CT_OK || ((p < 0 || p == INFINITY) && ct__check_not_empty(call) != CT_OK))
        return NULL;
    if (isnan(p)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "p is not a number");
        return NULL;
    }
    if (isinf(p))
        return p > 0 ? ct_amax(ct_abs(x), &options) : ct_amin(ct_abs(x), &options);
    if (p == 0)
        return ct_sum(ct_cast(ct_ne(x, like(x, 0)), ct_dtype_of(x)), &options);
    if (p == 1)
        return ct_sum(ct_abs(x), &options);
    ct_tensor *sum = sum_of_powers(x, p, &options);
    if (!sum || ct__count_reduced(call) == 0 || !ct__is_extreme(sum, p == 2 ? SQUARES : POWERS, true))
        return power(sum, 1 / p);
    ct_reduce_options keepdim = same_axes(call, true);
    ct_tensor *scales = ct__scales(x, &keepdim, p < 0, p < 0 ? 0 : (int)(MARGIN / fmax(p, 1)), 0);
    ct_tensor *norm = power(sum_of_powers(ct_div(x, scales), p, &options), 1 / p);
    return ct_mul(norm, ct_reshape(scales, ct_shape(norm), ct_rank(norm)));
}

ct_tensor *ct_norm(ct_tensor *x, double p, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_norm, x, options, p);
}

const ct_op ct_op_norm = {
    .name = "norm",
    .gradient =
        "g sign(x) (|x| / y)^(p-1), 0 where x or y is 0; p infinite: g sign(x) at the largest (smallest) |x|, shared "
        "equally between ties",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = norm_expression,
    .samples = (const ct_sample[]){{"3x4@0.1..2", OVER(.number = 2)},
                                   {"2x3x4@0.1..2", OVER(ALONG(1), .number = 1)},
                                   {"2x3x4@-2..-0.1", OVER(ALONG(0, -1), .keepdim = 1, .number = 3)},
                                   {"3x4@0.1..2", OVER(ALONG(-1), .number = INFINITY)},
                                   {"3x4@0.1..2", OVER(ALONG(0), .number = -1.5)},
                                   {"0x3", OVER(ALONG(0), .number = 2)},
                                   {0}},
};

/* ---- logsumexp ---- */

/* log sum exp(x - m) + m with m the largest element, a constant that cancels; 0 in its place where it is infinite. A
 * sum of exp(-infinity) only has no slope. */
static ct_tensor *logsumexp_expression(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    ct_reduce_options keepdim = same_axes(call, true), options = same_axes(call, over->keepdim);
    if (ct__check_axes(call) != CT_OK)
        return NULL;
    if (ct__count_reduced(call) == 0)
        return ct_add_scalar(ct_sum(x, &options), -INFINITY);
    ct_tensor *zero = like(x, 0), *m = ct_amax(ct_detach(x), &keepdim);
    m = ct_where(ct_eq(ct_abs(m), like(x, INFINITY)), zero, m);
    ct_tensor *sum = ct_sum(ct_exp(ct_sub(x, m)), &options), *is_zero = ct_eq(sum, zero);
    ct_tensor *y = ct_add(ct_log(ct_where(is_zero, like(x, 1), sum)), ct_reshape(m, ct_shape(sum), ct_rank(sum)));
    return ct_where(is_zero, like(x, -INFINITY), y);
}

ct_tensor *ct_logsumexp(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_logsumexp, x, options, 0);
}

const ct_op ct_op_logsumexp = {
    .name = "logsumexp",
    .gradient = "g exp(x - y)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .expression = logsumexp_expression,
    .samples = (const ct_sample[]){{"3x4", NULL},
                                   {"2x3x4", OVER(ALONG(1))},
                                   {"2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                   {"3x4@990..1000", OVER(ALONG(-1))},
                                   {"scalar", NULL},
                                   {"0x3", OVER(ALONG(1))},
                                   {0}},
};
