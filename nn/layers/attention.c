/* Multi-head attention.
 *
 * Inside, x is [N,L,E], and every mask is one that is added to the scores: 0, or -infinity where a query may not see a key. */
#include "nn_internal.h"
#include <math.h>

typedef struct attention {
    int64_t embed, heads, kv_heads, width; /* width: of a head */
    ct_attention_layer_options options;
    ct_module *out_proj;
} attention;

static bool has_own_projections(const attention *a)
{
    return a->options.kdim != a->embed || a->options.vdim != a->embed;
}

static void build(ct_module *module)
{
    attention *a = ct_module_self(module);
    int64_t kv = a->kv_heads * a->width;
    if (has_own_projections(a)) {
        ct_module_add(module, "q_proj_weight", &ct_init_glorot_uniform, CT_SHAPE(a->embed, a->embed), NULL);
        ct_module_add(module, "k_proj_weight", &ct_init_glorot_uniform, CT_SHAPE(kv, a->options.kdim), NULL);
        ct_module_add(module, "v_proj_weight", &ct_init_glorot_uniform, CT_SHAPE(kv, a->options.vdim), NULL);
    } else {
        ct_module_add(module, "in_proj_weight", &ct_init_glorot_uniform, CT_SHAPE(a->embed + 2 * kv, a->embed), NULL);
    }
    if (!a->options.no_bias)
        ct_module_add(module, "in_proj_bias", &ct_init_zeros, CT_SHAPE(a->embed + 2 * kv), NULL);
    CT_OPTIONS(ct_linear_options, out, .no_bias = a->options.no_bias, .bias = &ct_init_zeros);
    a->out_proj = ct_linear_new(module, "out_proj", a->embed, a->embed, &out);
}

/* ---- the projections ---- */

enum { QUERY, KEY, VALUE };

/* Rows of the query, key or value in what holds all three, one behind the other. */
static ct_tensor *rows_of(const attention *a, ct_tensor *all, int which)
{
    int64_t kv = a->kv_heads * a->width, begin = which == QUERY ? 0 : a->embed + (which - KEY) * kv;
    return all ? ct_slice(all, 0, begin, begin + (which == QUERY ? a->embed : kv), 1) : NULL;
}

/* [N,L,in] -> [N,heads,L,width]; keys and values of fewer heads are shared by as many queries as it takes. */
static ct_tensor *project(ct_module *module, ct_tensor *x, int which)
{
    static const char *const own[] = {"q_proj_weight", "k_proj_weight", "v_proj_weight"};
    const attention *a = ct_module_self(module);
    ct_tensor *weight = has_own_projections(a) ? ct_module_get(module, own[which])
                                               : rows_of(a, ct_module_get(module, "in_proj_weight"), which);
    ct_tensor *y = ct_linear(x, weight, rows_of(a, ct_module_get(module, "in_proj_bias"), which));
    int64_t n = ct_size(x, 0), steps = ct_size(x, 1), heads = which == QUERY ? a->heads : a->kv_heads;
    y = ct_transpose(ct_reshape(y, CT_SHAPE(n, steps, heads, a->width)), 1, 2);
    if (heads == a->heads)
        return y;
    y = ct_expand(ct_unsqueeze(y, 2), CT_SHAPE(n, heads, a->heads / heads, steps, a->width));
    return ct_reshape(y, CT_SHAPE(n, a->heads, steps, a->width));
}

/* ---- masks ---- */

/* As added to the scores: bool is true where a query may not see a key. */
static ct_tensor *additive(ct_tensor *mask, ct_dtype dtype)
{
    if (!mask || ct_dtype_is_float(ct_dtype_of(mask)))
        return mask;
    return ct_masked_fill(ct_zeros(dtype, ct_shape(mask), ct_rank(mask)), mask, -INFINITY);
}

static ct_tensor *sum_of_masks(ct_tensor *a, ct_tensor *b)
{
    return a && b ? ct_add(a, b) : a ? a : b;
}

/* attn_mask [L,S] or [N heads,L,S], key_padding_mask [N,S], and the future: broadcasts to [N,heads,L,S]; NULL: none. */
static ct_tensor *masks(const attention *a, ct_tensor *q, ct_tensor *k, bool causal,
                        const ct_attention_forward_options *o)
{
    ct_dtype dtype = ct_dtype_of(q);
    int64_t n = ct_size(q, 0), rows = ct_size(q, 2), keys = ct_size(k, 2);
    ct_tensor *mask = additive(o->attn_mask, dtype), *padding = additive(o->key_padding_mask, dtype);
    if (mask && ct_rank(mask) == 3)
        mask = ct_reshape(mask, CT_SHAPE(n, a->heads, rows, keys));
    if (padding)
        padding = ct_reshape(padding, CT_SHAPE(n, 1, 1, keys));
    mask = sum_of_masks(mask, padding);
    return causal ? sum_of_masks(mask, ct_triu(ct_full(dtype, -INFINITY, CT_SHAPE(rows, keys)), 1)) : mask;
}

/* ---- attention ---- */

/* The weights of the scores, averaged over the heads: [N,L,S]. */
static ct_tensor *mean_weights(const attention *a, ct_tensor *q, ct_tensor *k, ct_tensor *mask)
{
    ct_tensor *scores = ct_mul_scalar(ct_matmul(q, ct_transpose(k, -1, -2)), 1 / sqrt((double)a->width));
    CT_OPTIONS(ct_reduce_options, over_heads, CT_AXES(1));
    return ct_mean(ct_softmax(mask ? ct_add(scores, mask) : scores, -1), &over_heads);
}

/* All [N,L,E]. */
static ct_tensor *attend(ct_module *module, ct_tensor *query, ct_tensor *key, ct_tensor *value,
                         const ct_attention_forward_options *o)
{
    const attention *a = ct_module_self(module);
    ct_tensor *q = project(module, query, QUERY), *k = project(module, key, KEY), *v = project(module, value, VALUE);
    if (!q || !k || !v)
        return NULL;
    bool causal = o->is_causal || a->options.is_causal, simple = causal && !o->attn_mask && !o->key_padding_mask;
    ct_tensor *mask = masks(a, q, k, causal, o);
    if (o->weights)
        *o->weights = mean_weights(a, q, k, mask);
    CT_OPTIONS(ct_attention_options, options, .mask = simple ? NULL : mask, .is_causal = simple,
               .dropout = ct_module_training(module) ? a->options.dropout : 0);
    ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, &options);
    y = ct_reshape(ct_transpose(y, 1, 2), CT_SHAPE(ct_size(query, 0), ct_size(query, 1), a->embed));
    return ct_forward(a->out_proj, y);
}

/* Between the user's layout and [N,L,E], which are each other's opposite: [L,N,E], or [L,E] without a batch. */
static ct_tensor *turned(const attention *a, ct_tensor *x, int rank, bool back)
{
    if (rank == 2)
        return back ? ct_squeeze(x, 0) : ct_unsqueeze(x, 0);
    return a->options.batch_first ? x : ct_transpose(x, 0, 1);
}

static ct_tensor *run(ct_module *module, ct_tensor *query, ct_tensor *key, ct_tensor *value,
                      const ct_attention_forward_options *o)
{
    const attention *a = ct_module_self(module);
    int rank = ct_rank(query);
    if (!query || !key || !value)
        return NULL;
    if ((rank != 2 && rank != 3) || ct_rank(key) != rank || ct_rank(value) != rank) {
        char q[CT_NN_SHAPE_TEXT], k[CT_NN_SHAPE_TEXT], v[CT_NN_SHAPE_TEXT];
        ct_error_set(CT_ERROR_SHAPE, "multihead_attention: needs three of [N,L,E] or of [L,E]: %s, %s, %s",
                     ct__nn_shape_text(query, q), ct__nn_shape_text(key, k), ct__nn_shape_text(value, v));
        return NULL;
    }
    ct_tensor *y =
        attend(module, turned(a, query, rank, false), turned(a, key, rank, false), turned(a, value, rank, false), o);
    if (y && o->weights && rank == 2)
        *o->weights = ct_squeeze(*o->weights, 0);
    return y ? turned(a, y, rank, true) : NULL;
}

CT_OPTIONS_INIT(ct_attention_forward_options)
CT_OPTIONS_INIT(ct_attention_layer_options)

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    static const ct_attention_forward_options none = {CT_DEFAULTS(ct_attention_forward_options)};
    return run(module, x, x, x, &none);
}

static const ct_layer layer = {
    .name = "multihead_attention", .self_size = sizeof(attention), .build = build, .forward = forward};

ct_tensor *ct_multihead_attention_forward(ct_module *module, ct_tensor *query, ct_tensor *key, ct_tensor *value,
                                          const ct_attention_forward_options *options)
{
    CT_READ_OPTIONS(ct_attention_forward_options, o, options, "multihead_attention_forward");
    if (!o || ct_forward_begin(module, &layer, "multihead_attention_forward") != CT_OK)
        return NULL;
    return ct_forward_end(module, run(module, query, key, value, o));
}

ct_module *ct_multihead_attention_new(ct_module *module, const char *name, int64_t embed, int64_t heads,
                                      const ct_attention_layer_options *options)
{
    CT_READ_OPTIONS(ct_attention_layer_options, o, options, "multihead_attention_new");
    if (!o)
        return NULL;
    attention a = {.embed = embed, .heads = heads, .options = *o};
    a.kv_heads = o->kv_heads ? o->kv_heads : heads;
    a.options.kdim = o->kdim ? o->kdim : embed;
    a.options.vdim = o->vdim ? o->vdim : embed;
    if (embed < 1 || embed > INT64_MAX / 4 || heads < 1 || embed % heads != 0 || a.kv_heads < 1 ||
        heads % a.kv_heads != 0 || a.options.kdim < 1 || a.options.vdim < 1 || !(o->dropout >= 0 && o->dropout <= 1)) {
        ct_error_set(
            CT_ERROR_ARGUMENT,
            "multihead_attention_new: out of range: %lld wide, %lld heads, %lld of keys, kdim %lld, vdim %lld, "
            "dropout %g",
            (long long)embed, (long long)heads, (long long)a.kv_heads, (long long)a.options.kdim,
            (long long)a.options.vdim, o->dropout);
        return NULL;
    }
    a.width = embed / heads;
    return ct_layer_new(module, name, &layer, &a);
}
