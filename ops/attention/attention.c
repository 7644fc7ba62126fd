/* Attention and dropout, as expressions. Invariant: what is drawn at random is drawn once, in the forward pass, and is a
 * constant of the graph. */
#include "autograd_internal.h"
#include <cotan/ops.h>
#include <math.h>

/* ---- scaled_dot_product_attention ---- */

typedef struct attention_attributes {
    double scale, dropout;
    int64_t own_scale, is_causal; /* own_scale 0: 1 / sqrt(E) */
} attention_attributes;

/* uint8 [queries, keys], 1 where key <= query. */
static ct_tensor *causal_mask(int64_t queries, int64_t keys)
{
    ct_tensor *query = ct_reshape(ct_arange(CT_INT64, 0, 1, queries), (const int64_t[]){queries, 1}, 2);
    return ct_le(ct_arange(CT_INT64, 0, 1, keys), query);
}

static ct_tensor *mask_scores(ct_tensor *scores, ct_tensor *mask)
{
    if (ct_dtype_of(mask) != CT_UINT8)
        return ct_add(scores, mask);
    return ct_where(mask, scores, ct_scalar(ct_dtype_of(scores), -INFINITY));
}

/* The softmax of the scores, and 0 for a query all of whose keys are masked, which has nothing to share out. */
static ct_tensor *weights_of(ct_tensor *scores, bool masked)
{
    if (!masked || ct_numel(scores) == 0)
        return ct_softmax(scores, -1);
    ct_tensor *zero = ct_scalar(ct_dtype_of(scores), 0), *lowest = ct_scalar(ct_dtype_of(scores), -INFINITY);
    ct_reduce_options keys = {CT_DEFAULTS(ct_reduce_options), CT_AXES(-1), .keepdim = true};
    ct_tensor *blind = ct_eq(ct_amax(ct_detach(scores), &keys), lowest), *some = ct_any(blind, NULL);
    if (!some || ct_item(some) == 0)
        return some ? ct_softmax(scores, -1) : NULL;
    return ct_where(blind, zero, ct_softmax(ct_where(blind, zero, scores), -1));
}

static ct_tensor *scaled_dot_product_attention_expression(ct_call *call)
{
    const attention_attributes *a = ct_call_attributes(call);
    ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *v = ct_call_input(call, 2);
    ct_tensor *mask = ct_call_input(call, 3);
    if (ct_rank(q) < 2 || ct_rank(k) < 2 || ct_rank(v) < 2 || ct_size(q, -1) != ct_size(k, -1) ||
        ct_size(k, -2) != ct_size(v, -2)) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes q [..., L, E], k [..., S, E], v [..., S, V]: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    if (!isfinite(a->scale)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "scale %g is not finite", a->scale);
        return NULL;
    }
    if (mask && a->is_causal) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "takes a mask or is_causal, not both");
        return NULL;
    }
    if (mask && ct_dtype_of(mask) != CT_UINT8 && ct_dtype_of(mask) != ct_dtype_of(q)) {
        ct_call_error(call, CT_ERROR_DTYPE, "the mask is %s, not uint8 or %s", ct_dtype_name(ct_dtype_of(mask)),
                      ct_dtype_name(ct_dtype_of(q)));
        return NULL;
    }
    double scale = a->own_scale ? a->scale : 1 / sqrt((double)ct_size(q, -1));
    ct_tensor *scores = ct_mul_scalar(ct_matmul(q, ct_transpose(k, -1, -2)), scale);
    if (mask || a->is_causal)
        scores = mask_scores(scores, mask ? mask : causal_mask(ct_size(q, -2), ct_size(k, -2)));
    return ct_matmul(ct_dropout(weights_of(scores, mask != NULL), a->dropout, true), v);
}

static const ct_sample attention_samples[] = {
    {.inputs = "2x2x5x4 2x2x6x4 2x2x6x3"},
    {.inputs = "2x5x4 2x5x4 2x5x4", .attributes = &(attention_attributes){.is_causal = 1}},
    {.inputs = "3x4 5x4 5x2 3x5", .attributes = &(attention_attributes){.own_scale = 1, .scale = 0.3}},
    {.inputs = NULL}};

const ct_op ct_op_scaled_dot_product_attention = {
    .name = "scaled_dot_product_attention",
    .takes = {CT_FLOATS, 0, 0, CT_FLOATS | CT_ONLY(CT_UINT8) | CT_MIXED},
    .roles = "q k v mask",
    .gradient = "with p the weights and d = p (g v^T - sum of p g v^T): d k scale, d^T q scale, p^T g, d",
    .min_inputs = 3,
    .max_inputs = 4,
    .attributes_size = sizeof(attention_attributes),
    .attribute_names = "scale:1d dropout:1d own_scale is_causal",
    .expression = scaled_dot_product_attention_expression,
    .samples = attention_samples,
    .source = "Vaswani et al.: Attention is all you need (2017), eq. 1",
};

CT_OPTIONS_INIT(ct_attention_options)

ct_tensor *ct_scaled_dot_product_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v,
                                           const ct_attention_options *options)
{
    CT_READ_OPTIONS(ct_attention_options, o, options, "scaled_dot_product_attention");
    if (!o)
        return NULL;
    attention_attributes a = {.scale = ct_is_unset(o->scale) ? 0 : o->scale,
                              .own_scale = !ct_is_unset(o->scale),
                              .dropout = o->dropout,
                              .is_causal = o->is_causal};
    return ct_apply(&ct_op_scaled_dot_product_attention, (ct_tensor *[]){q, k, v, o->mask}, 4, &a);
}

/* ---- dropout ---- */

typedef struct dropout_attributes {
    double p;
    int64_t training;
} dropout_attributes;

static ct_tensor *dropout_expression(ct_call *call)
{
    const dropout_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    if (!(a->p >= 0 && a->p <= 1)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "p = %g is not in [0, 1]", a->p);
        return NULL;
    }
    if (!a->training || a->p == 0)
        return x;
    ct_dtype dtype = ct_dtype_of(x);
    ct_tensor *kept = ct_ge(ct_rand(dtype, 0, 1, ct_shape(x), ct_rank(x)), ct_scalar(dtype, a->p));
    return ct_where(kept, ct_mul_scalar(x, a->p < 1 ? 1 / (1 - a->p) : 0), ct_scalar(dtype, 0));
}

static const ct_sample dropout_samples[] = {
    {.inputs = "5x4", .attributes = &(dropout_attributes){.p = 0.5, .training = 1}},
    {.inputs = "2x3", .attributes = &(dropout_attributes){.p = 0.25, .training = 1}},
    {.inputs = "2x3", .attributes = &(dropout_attributes){.p = 0.5}},
    {.inputs = NULL}};

const ct_op ct_op_dropout = {
    .name = "dropout",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g / (1 - p) where the element was kept, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(dropout_attributes),
    .attribute_names = "p:1d training",
    .expression = dropout_expression,
    .samples = dropout_samples,
    .source = "Srivastava et al.: Dropout (2014)",
};

ct_tensor *ct_dropout(ct_tensor *x, double p, bool training)
{
    return ct_apply(&ct_op_dropout, &x, 1, &(dropout_attributes){.p = p, .training = training});
}
