/* Attention and dropout, as expressions. Invariant: what is drawn at random is drawn once, in the forward pass, and is a
 * constant of the graph. */
#include "attention_fast.h"
#include <cotan/ops.h>
#include "loss/kernels_softmax.h"
#include <math.h>
#include <string.h>

/* ---- scaled_dot_product_attention ---- */

typedef struct attention_attributes {
    double scale, dropout;
    int64_t own_scale, is_causal, enable_gqa, window, alibi; /* own_scale 0: 1 / sqrt(E) */
} attention_attributes;

/* bool [queries, keys], 1 where key <= query. */
static ct_tensor *causal_mask(int64_t queries, int64_t keys)
{
    ct_tensor *query = ct_reshape(ct_arange(CT_INT64, 0, 1, queries), (const int64_t[]){queries, 1}, 2);
    return ct_le(ct_arange(CT_INT64, 0, 1, keys), query);
}

/* ---- causal_softmax: the softmax of rows of which query i sees keys 0..i ---- */

static ct_tensor *causal_softmax_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    if (ct_rank(x) < 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes scores [..., L, S]: %s", ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *seen = causal_mask(ct_size(x, -2), ct_size(x, -1));
    return ct_softmax(ct_where(seen, x, ct_scalar(ct_dtype_of(x), -INFINITY)), -1);
}

static ct_status causal_softmax_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    if (ct_rank(x) < 2)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes scores [..., L, S]: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

/* Rows of y from those of a and, in backward, b: the kernel works on what a query sees, and the rest is 0. */
typedef struct causal_rows {
    ct_row_kernel *kernel;
    int64_t queries, keys, size; /* size: of an element */
    const char *a, *b;
    char *y;
} causal_rows;

/* One task: the rows of one matrix. */
static void causal_task(void *context, int64_t index)
{
    const causal_rows *r = context;
    int64_t bytes = r->keys * r->size;
    for (int64_t i = 0; i < r->queries; i++) {
        int64_t seen = i < r->keys ? i + 1 : r->keys, at = (index * r->queries + i) * bytes;
        r->kernel(seen, r->a + at, r->b ? r->b + at : NULL, r->y + at);
        memset(r->y + at + seen * r->size, 0, (size_t)((r->keys - seen) * r->size));
    }
}

static void run_causal(const ct_tensor *x, causal_rows r)
{
    r.queries = ct_size(x, -2);
    r.keys = ct_size(x, -1);
    r.size = ct__size_of(ct_dtype_of(x));
    if (ct_numel(x) > 0)
        ct__parallel(ct_numel(x) / (r.queries * r.keys), causal_task, &r);
}

static const ct_softmax_kernels *softmax_kernels(const ct_tensor *x)
{
    return ct__softmax_kernels(ct_dtype_of(x) == CT_FLOAT64);
}

static ct_status causal_softmax_forward(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    const void *a = ct_call_input_data(call, 0);
    if (!a)
        return ct_error_code();
    run_causal(x, (causal_rows){.kernel = softmax_kernels(x)->softmax, .a = a, .y = ct_call_output_data(call, 0)});
    return CT_OK;
}

static ct_status causal_softmax_backward(ct_call *call)
{
    const ct_tensor *y = ct_call_output(call, 0);
    const void *g = ct_call_grad_output_data(call, 0);
    void *grad = ct_call_grad_input_data(call, 0);
    if (!y || !g || !grad)
        return ct_error_code();
    run_causal(y, (causal_rows){.kernel = softmax_kernels(y)->softmax_backward, .a = g, .b = ct__ptr(y), .y = grad});
    return CT_OK;
}

const ct_op ct_op_causal_softmax = {
    .name = "causal_softmax",
    .gradient = "y (g - sum of g y over the keys that are seen), 0 for the others",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_OUTPUT(0),
    .infer = causal_softmax_infer,
    .forward = causal_softmax_forward,
    .backward = causal_softmax_backward,
    .expression = causal_softmax_expression,
    .samples = (const ct_sample[]){{"2x3x5x7", NULL}, {"4x3", NULL}, {"2x19x21", NULL}, {"3x0", NULL}, {NULL, NULL}},
};

/* ---- attend: attention of what has neither a mask of its own nor dropout ---- */

/* The other way round, each of the many scores would be scaled. */
static ct_tensor *scores_of(ct_tensor *q, ct_tensor *k, double scale)
{
    return ct_matmul(ct_mul_scalar(q, scale), ct_transpose(k, -1, -2));
}

static ct_tensor *attend_expression(ct_call *call)
{
    const ct_attend_attributes *a = ct_call_attributes(call);
    ct_tensor *scores = scores_of(ct_call_input(call, 0), ct_call_input(call, 1), a->scale);
    ct_tensor *weights = a->is_causal ? ct_apply(&ct_op_causal_softmax, &scores, 1, NULL) : ct_softmax(scores, -1);
    return ct_matmul(weights, ct_call_input(call, 2));
}

/* Whether all are matrices, and as many, in the same arrangement. */
static bool same_batch(const ct_tensor *q, const ct_tensor *k, const ct_tensor *v)
{
    bool same = ct_rank(q) >= 2 && ct_rank(k) == ct_rank(q) && ct_rank(v) == ct_rank(q);
    for (int i = 0; same && i < ct_rank(q) - 2; i++)
        same = ct_size(k, i) == ct_size(q, i) && ct_size(v, i) == ct_size(q, i);
    return same;
}

static ct_status attend_infer(ct_call *call)
{
    const ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *v = ct_call_input(call, 2);
    if (!same_batch(q, k, v) || ct_size(q, -1) != ct_size(k, -1) || ct_size(k, -2) != ct_size(v, -2))
        return ct_call_error(call, CT_ERROR_SHAPE, "takes q [..., L, E], k [..., S, E], v [..., S, V]: %s",
                             ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK];
    int rank = ct_rank(q);
    for (int i = 0; i < rank; i++)
        shape[i] = ct_size(i < rank - 1 ? q : v, i);
    return ct_call_output_shape(call, 0, ct_dtype_of(q), shape, rank);
}

/* A product and a sum for each score and each number of a row of k, and of v. */
static double attend_flops(ct_call *call)
{
    const ct_tensor *q = ct_call_input(call, 0), *v = ct_call_input(call, 2);
    double rows = (double)ct_numel(ct_call_output(call, 0)) * (double)ct_size(v, -2);
    return 2 * rows + (ct_size(v, -1) ? 2 * rows / (double)ct_size(v, -1) * (double)ct_size(q, -1) : 0);
}

const ct_op ct_op_attend = {
    .name = "attend",
    .takes = {CT_FLOATS},
    .roles = "q k v",
    .gradient = "with p the weights and d = p (g v^T - sum of p g v^T): d k scale, d^T q scale, p^T g",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1) | CT_SAVE_INPUT(2),
    .attributes_size = sizeof(ct_attend_attributes),
    .attribute_names = "scale:1d is_causal",
    .infer = attend_infer,
    .forward = ct__attend_forward,
    .backward = ct__attend_backward,
    .expression = attend_expression,
    .samples = (const ct_sample[]){{"2x2x5x4 2x2x6x4 2x2x6x3", &(ct_attend_attributes){0.5, 0}},
                                   {"2x5x4 2x5x4 2x5x4", &(ct_attend_attributes){-0.7, 1}},
                                   {"67x2 35x2 35x3", &(ct_attend_attributes){1.5, 1}},
                                   {"33x2 40x2 40x1", &(ct_attend_attributes){1.5, 1}},
                                   {"3x2 0x2 0x3", &(ct_attend_attributes){1, 1}},
                                   {"0x3x2 0x4x2 0x4x3", &(ct_attend_attributes){1, 0}},
                                   {"3x0 4x0 4x2", &(ct_attend_attributes){1, 1}},
                                   {NULL, NULL}},
    .flops = attend_flops,
    .source = "Dao et al.: FlashAttention (2022), algorithms 1 and 4 with whole rows",
};

/* ---- the scores and what is made of them ---- */

static ct_tensor *mask_scores(ct_tensor *scores, ct_tensor *mask)
{
    if (ct_dtype_is_float(ct_dtype_of(mask)))
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

/* Query minus key: [queries, keys]. */
static ct_tensor *distances(ct_dtype dtype, int64_t queries, int64_t keys)
{
    ct_tensor *query = ct_reshape(ct_arange(dtype, 0, 1, queries), (const int64_t[]){queries, 1}, 2);
    return ct_sub(query, ct_arange(dtype, 0, 1, keys));
}

/* The scores with each head's penalty for distance added. */
static ct_tensor *add_alibi(ct_tensor *scores)
{
    ct_dtype dtype = ct_dtype_of(scores);
    int64_t heads = ct_rank(scores) > 2 ? ct_size(scores, -3) : 1;
    ct_tensor *exponent = ct_arange(dtype, -8 / (double)heads, -8 / (double)heads, heads);
    ct_tensor *slope = ct_reshape(ct_exp2(exponent), (const int64_t[]){heads, 1, 1}, 3);
    ct_tensor *penalty = ct_mul(slope, ct_abs(distances(dtype, ct_size(scores, -2), ct_size(scores, -1))));
    return ct_sub(scores, ct_rank(scores) > 2 ? penalty : ct_select(penalty, 0, 0));
}

static ct_tensor *mask_window(ct_tensor *scores, int64_t window)
{
    ct_tensor *apart = ct_abs(distances(CT_FLOAT64, ct_size(scores, -2), ct_size(scores, -1)));
    return mask_scores(scores, ct_lt(apart, ct_scalar(CT_FLOAT64, (double)window)));
}

/* k or v [..., heads, S, E] with each head as often as it takes to have q's number: a copy. */
static ct_tensor *share_heads(ct_tensor *t, int64_t times)
{
    int64_t shape[CT_MAX_RANK + 1];
    int rank = ct_rank(t);
    for (int i = 0; i < rank; i++)
        shape[i < rank - 2 ? i : i + 1] = ct_size(t, i);
    shape[rank - 2] = times;
    return ct_flatten(ct_expand(ct_unsqueeze(t, -3), shape, rank + 1), rank - 3, rank - 2);
}

/* The error that the inputs or attributes call for, or none. */
static ct_status check_attention(ct_call *call)
{
    const attention_attributes *a = ct_call_attributes(call);
    const ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *v = ct_call_input(call, 2);
    const ct_tensor *mask = ct_call_input(call, 3);
    if (ct_rank(q) < 2 || ct_rank(k) < 2 || ct_rank(v) < 2 || ct_size(q, -1) != ct_size(k, -1) ||
        ct_size(k, -2) != ct_size(v, -2))
        return ct_call_error(call, CT_ERROR_SHAPE, "takes q [..., L, E], k [..., S, E], v [..., S, V]: %s",
                             ct_call_shapes(call));
    if (!isfinite(a->scale))
        return ct_call_error(call, CT_ERROR_ARGUMENT, "scale %g is not finite", a->scale);
    if (mask && a->is_causal)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "takes a mask or is_causal, not both");
    if (mask && ct_dtype_is_float(ct_dtype_of(mask)) && ct_dtype_of(mask) != ct_dtype_of(q))
        return ct_call_error(call, CT_ERROR_DTYPE, "the mask is %s, not a mask's uint8 or bool, nor %s",
                             ct_dtype_name(ct_dtype_of(mask)), ct_dtype_name(ct_dtype_of(q)));
    if (a->window < 0)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "a window of %lld", (long long)a->window);
    bool heads = ct_rank(q) >= 3 && ct_rank(q) < CT_MAX_RANK && ct_rank(k) == ct_rank(q) && ct_rank(v) == ct_rank(q) &&
                 ct_size(k, -3) > 0 && ct_size(v, -3) == ct_size(k, -3) && ct_size(q, -3) % ct_size(k, -3) == 0;
    if (a->enable_gqa && !heads)
        return ct_call_error(call, CT_ERROR_SHAPE,
                             "takes q [..., heads, L, E] whose heads divide by those of k and v: %s",
                             ct_call_shapes(call));
    return CT_OK;
}

static ct_tensor *scaled_dot_product_attention_expression(ct_call *call)
{
    const attention_attributes *a = ct_call_attributes(call);
    ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *v = ct_call_input(call, 2);
    ct_tensor *mask = ct_call_input(call, 3);
    if (check_attention(call) != CT_OK)
        return NULL;
    if (a->enable_gqa && ct_size(q, -3) != ct_size(k, -3)) {
        int64_t times = ct_size(q, -3) / ct_size(k, -3);
        k = share_heads(k, times);
        v = share_heads(v, times);
    }
    double scale = a->own_scale ? a->scale : 1 / sqrt((double)ct_size(q, -1));
    if (!mask && !a->window && !a->alibi && a->dropout == 0 && same_batch(q, k, v))
        return ct_apply(&ct_op_attend, (ct_tensor *[]){q, k, v}, 3, &(ct_attend_attributes){scale, a->is_causal});
    ct_tensor *scores = scores_of(q, k, scale);
    if (scores && a->alibi)
        scores = add_alibi(scores);
    if (mask)
        scores = mask_scores(scores, mask);
    if (scores && a->window)
        scores = mask_window(scores, a->window);
    ct_tensor *weights = a->is_causal ? ct_apply(&ct_op_causal_softmax, &scores, 1, NULL)
                                      : weights_of(scores, mask != NULL || a->window);
    return ct_matmul(ct_dropout(weights, a->dropout, true), v);
}

static const ct_sample attention_samples[] = {
    {.inputs = "2x2x5x4 2x2x6x4 2x2x6x3"},
    {.inputs = "2x5x4 2x5x4 2x5x4", .attributes = &(attention_attributes){.is_causal = 1}},
    {.inputs = "3x4 5x4 5x2 3x5", .attributes = &(attention_attributes){.own_scale = 1, .scale = 0.3}},
    {.inputs = "1x4x3x2 1x2x5x2 1x2x5x3", .attributes = &(attention_attributes){.enable_gqa = 1, .window = 3}},
    {.inputs = "2x3x4x2 2x3x4x2 2x3x4x2",
     .attributes = &(attention_attributes){.is_causal = 1, .window = 2, .alibi = 1}},
    {.inputs = NULL}};

const ct_op ct_op_scaled_dot_product_attention = {
    .name = "scaled_dot_product_attention",
    .takes = {CT_FLOATS, 0, 0, CT_FLOATS | CT_MASKS},
    .roles = "q k v mask",
    .gradient = "with p the weights and d = p (g v^T - sum of p g v^T): d k scale, d^T q scale, p^T g, d",
    .min_inputs = 3,
    .max_inputs = 4,
    .attributes_size = sizeof(attention_attributes),
    .attribute_names = "scale:1d dropout:1d own_scale is_causal enable_gqa window alibi",
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
                              .is_causal = o->is_causal,
                              .enable_gqa = o->enable_gqa,
                              .window = o->window,
                              .alibi = o->alibi};
    return ct_apply(&ct_op_scaled_dot_product_attention, (ct_tensor *[]){q, k, v, o->mask}, 4, &a);
}

/* ---- rotary_embedding ---- */

typedef struct rotary_attributes {
    double base, offset;
    int64_t interleaved;
} rotary_attributes;

/* The angle of each pair at each position: [L, E / 2], in double, since positions are large. */
static ct_tensor *angles(const rotary_attributes *a, int64_t length, int64_t pairs)
{
    ct_tensor *exponent = ct_arange(CT_FLOAT64, 0, -1 / (double)pairs, pairs);
    ct_tensor *speed = ct_exp(ct_mul_scalar(exponent, log(a->base)));
    ct_tensor *position = ct_reshape(ct_arange(CT_FLOAT64, a->offset, 1, length), (const int64_t[]){length, 1}, 2);
    return ct_mul(position, speed);
}

static ct_tensor *rotary_embedding_expression(ct_call *call)
{
    const rotary_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int64_t length = ct_size(x, -2), width = ct_size(x, -1);
    if (ct_rank(x) < 2 || width % 2 != 0) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes x [..., L, E] with an even E: %s", ct_call_shapes(call));
        return NULL;
    }
    if (!(a->base > 0) || isinf(a->base) || !isfinite(a->offset)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "base %g, offset %g", a->base, a->offset);
        return NULL;
    }
    if (ct_numel(x) == 0)
        return ct_clone(x);
    ct_tensor *angle = angles(a, length, width / 2);
    ct_tensor *c = ct_cast(ct_cos(angle), ct_dtype_of(x)), *s = ct_cast(ct_sin(angle), ct_dtype_of(x));
    int64_t step = a->interleaved ? 2 : 1, second = a->interleaved ? 1 : width / 2;
    ct_tensor *u = ct_slice(x, -1, 0, a->interleaved ? CT_END : second, step);
    ct_tensor *v = ct_slice(x, -1, second, CT_END, step);
    ct_tensor *turned[] = {ct_sub(ct_mul(u, c), ct_mul(v, s)), ct_add(ct_mul(u, s), ct_mul(v, c))};
    return a->interleaved ? ct_flatten(ct_stack(turned, 2, -1), -2, -1) : ct_concat(turned, 2, -1);
}

const ct_op ct_op_rotary_embedding = {
    .name = "rotary_embedding",
    .gradient = "each pair of g turned back",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(rotary_attributes),
    .attribute_names = "base:1d offset:1d interleaved",
    .expression = rotary_embedding_expression,
    .samples = (const ct_sample[]){{"2x3x4", &(rotary_attributes){10000, 0, 0}},
                                   {"3x6", &(rotary_attributes){100, 5, 1}},
                                   {"0x4", &(rotary_attributes){10000, 0, 0}},
                                   {0}},
    .source = "Su et al.: RoFormer (2021), eq. 34",
};

CT_OPTIONS_INIT(ct_rotary_options)

ct_tensor *ct_rotary_embedding(ct_tensor *x, const ct_rotary_options *options)
{
    CT_READ_OPTIONS(ct_rotary_options, o, options, "rotary_embedding");
    if (!o)
        return NULL;
    return ct_apply(&ct_op_rotary_embedding, &x, 1, &(rotary_attributes){o->base, o->offset, o->interleaved});
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
    .takes = {CT_COMPUTED},
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
