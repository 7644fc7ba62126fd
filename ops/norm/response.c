/* Normalisation by what is around an element: by channels close to it, and by the norm of the row that it is in. */
#include "norm_fast.h"
#include "reduce/reduce_internal.h"
#include <float.h>
#include <math.h>

/* ---- local_response_norm ---- */

CT_OPTIONS_INIT(ct_local_response_options)

typedef struct response_attributes {
    int64_t size;
    double alpha, beta, k;
} response_attributes;

/* Zeros like x but for the size along axis 1. */
static ct_tensor *zero_channels(ct_tensor *x, int64_t channels)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == 1 ? channels : ct_size(x, i);
    return ct_zeros(ct_dtype_of(x), shape, ct_rank(x));
}

/* t between zeros, so many channels on either side. */
static ct_tensor *pad_channels(ct_tensor *t, int64_t before, int64_t after)
{
    ct_tensor *parts[] = {zero_channels(t, before), t, zero_channels(t, after)};
    return ct_concat(parts, 3, 1);
}

/* The result where squares overflow: the elements around each are divided by the largest of them, a constant that cancels. */
static ct_tensor *response_to_large(ct_tensor *x, const response_attributes *a, int64_t before, int64_t after)
{
    ct_dtype dtype = ct_dtype_of(x);
    int64_t channels = ct_size(x, 1);
    ct_tensor *padded = pad_channels(x, before, after), *sizes = ct_abs(ct_detach(padded)), *sum = NULL;
    ct_tensor *unit = ct_ones_like(x);
    for (int64_t i = 0; i <= before + after; i++)
        unit = ct_maximum(unit, ct_slice(sizes, 1, i, i + channels, 1));
    unit = ct_minimum(unit, ct_scalar(dtype, dtype == CT_FLOAT32 ? FLT_MAX : DBL_MAX));
    for (int64_t i = 0; i <= before + after; i++) {
        ct_tensor *square = ct_square(ct_div(ct_slice(padded, 1, i, i + channels, 1), unit));
        sum = sum ? ct_add(sum, square) : square;
    }
    ct_tensor *least = ct_div(ct_div(ct_scalar(dtype, a->k), unit), unit), *factor = ct_pow_scalar(unit, -a->beta);
    ct_tensor *scale = ct_add(ct_mul_scalar(sum, a->alpha / (double)a->size), least);
    return ct_mul(ct_mul(ct_mul(x, ct_pow_scalar(scale, -a->beta)), factor), factor);
}

static ct_tensor *local_response_norm_expression(ct_call *call)
{
    const response_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    if (!ct__norm_channels_fit(call))
        return NULL;
    if (a->size < 1) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "size %lld is not positive", (long long)a->size);
        return NULL;
    }
    int64_t channels = ct_size(x, 1), before = a->size / 2, after = (a->size - 1) / 2;
    before = before < channels ? before : channels; /* beyond are zeros only */
    after = after < channels ? after : channels;
    ct_tensor *squares = pad_channels(ct_square(x), before, after), *sum = NULL;
    for (int64_t i = 0; i <= before + after; i++) {
        ct_tensor *shifted = ct_slice(squares, 1, i, i + channels, 1);
        sum = sum ? ct_add(sum, shifted) : shifted;
    }
    if (sum && a->alpha > 0 && ct_numel(sum) > 0 && ct__is_extreme(sum, 100, false))
        return response_to_large(x, a, before, after);
    ct_tensor *scale = ct_add_scalar(ct_mul_scalar(sum, a->alpha / (double)a->size), a->k);
    return ct_mul(x, ct_pow_scalar(scale, -a->beta));
}

static const ct_sample response_samples[] = {
    {.inputs = "2x7x3x3", .attributes = &(response_attributes){5, 0.3, 0.75, 2}},
    {.inputs = "2x3x4", .attributes = &(response_attributes){4, 1e-4, 0.75, 1}},
    {.inputs = NULL}};

const ct_op ct_op_local_response_norm = {
    .name = "local_response_norm",
    .gradient =
        "g s^-beta - 2 alpha beta / size x sum over the window of g x s^(-beta-1), s = k + alpha / size sum of x^2",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(response_attributes),
    .attribute_names = "size alpha:1d beta:1d k:1d",
    .expression = local_response_norm_expression,
    .samples = response_samples,
    .source =
        "Krizhevsky, Sutskever, Hinton: ImageNet classification (2012), section 3.3; divided by size as PyTorch does",
};

ct_tensor *ct_local_response_norm(ct_tensor *x, int64_t size, const ct_local_response_options *options)
{
    CT_READ_OPTIONS(ct_local_response_options, o, options, "local_response_norm");
    if (!o)
        return NULL;
    response_attributes attributes = {.size = size, .alpha = o->alpha, .beta = o->beta, .k = o->k};
    return ct_apply(&ct_op_local_response_norm, &x, 1, &attributes);
}

/* ---- normalize ---- */

CT_OPTIONS_INIT(ct_normalize_options)

typedef struct normalize_attributes {
    int64_t axis;
    double p, eps;
} normalize_attributes;

static ct_tensor *normalize_expression(ct_call *call)
{
    const normalize_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    if (ct__call_axis(call, a->axis, ct_rank(x)) < 0)
        return NULL;
    if (!(a->eps >= 0)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "eps %g is not 0 or more", a->eps);
        return NULL;
    }
    ct_tensor *norm = ct_norm(x, a->p, CT_GIVEN(ct_reduce_options, .axes = &a->axis, .n_axes = 1, .keepdim = true));
    return ct_div(x, ct_clamp(norm, a->eps, INFINITY));
}

static const ct_sample normalize_samples[] = {
    {.inputs = "3x5@0.1..2", .attributes = &(normalize_attributes){1, 2, 1e-12}},
    {.inputs = "2x3x4@0.1..2", .attributes = &(normalize_attributes){-2, 1, 1e-12}},
    {.inputs = "3x4@0.1..0.2", .attributes = &(normalize_attributes){0, 2, 1}},
    {.inputs = "0x3", .attributes = &(normalize_attributes){0, 2, 1e-12}},
    {.inputs = NULL}};

const ct_op ct_op_normalize = {
    .name = "normalize",
    .gradient = "(g - y sum(g y)) / |x| for p = 2; g / eps where |x| < eps",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(normalize_attributes),
    .attribute_names = "axis p:1d eps:1d",
    .expression = normalize_expression,
    .samples = normalize_samples,
};

ct_tensor *ct_normalize(ct_tensor *x, int axis, const ct_normalize_options *options)
{
    CT_READ_OPTIONS(ct_normalize_options, o, options, "normalize");
    if (!o)
        return NULL;
    normalize_attributes attributes = {.axis = axis, .p = o->p, .eps = o->eps};
    return ct_apply(&ct_op_normalize, &x, 1, &attributes);
}
