/* GPT-2 (Radford, Wu, Child, Luan, Amodei, Sutskever, "Language models are unsupervised multitask learners", 2019).
 *
 * Invariant: names and shapes are those of the published weights, in which linear layers are [in, out]. */
#include "module_internal.h"
#include <math.h>

CT_OPTIONS_INIT(ct_gpt2_options)

typedef struct gpt2 {
    int64_t tokens;
    ct_gpt2_options options;
    ct_module *wte, *wpe, *drop, *h, *ln_f;
} gpt2;

/* ---- linear layers ---- */

typedef struct gpt2_linear {
    int64_t in, out;
    ct_initializer weight;
} gpt2_linear;

static void build_gpt2_linear(ct_module *module)
{
    const gpt2_linear *c = ct_module_self(module);
    ct_module_add(module, "weight", &c->weight, CT_SHAPE(c->in, c->out), NULL);
    ct_module_add(module, "bias", &ct_init_zeros, CT_SHAPE(c->out), NULL);
}

static ct_tensor *gpt2_linear_forward(ct_module *module, ct_tensor *x)
{
    return ct_linear(x, ct_transpose(ct_module_get(module, "weight"), 0, 1), ct_module_get(module, "bias"));
}

static const ct_layer gpt2_linear_layer = {.name = "gpt2_linear",
                                           .self_size = sizeof(gpt2_linear),
                                           .build = build_gpt2_linear,
                                           .forward = gpt2_linear_forward};

/* ---- a block is two parts, each added to what goes past it ---- */

typedef struct part {
    const gpt2 *of;
    ct_module *in, *out, *dropout;
} part;

/* From the width to `inner` and from `outer` back, the latter drawn smaller the more blocks add to what they are given. */
static void build_part(ct_module *module, const char *in, int64_t inner, int64_t outer, const char *dropout)
{
    part *p = ct_module_self(module);
    const ct_gpt2_options *o = &p->of->options;
    const ct_initializer *first = o->weight ? o->weight : CT_INIT_NORMAL(0.02),
                         *last = o->weight ? o->weight : CT_INIT_NORMAL(0.02 / sqrt(2 * (double)o->blocks));
    p->in = ct_layer_new(module, in, &gpt2_linear_layer, &(gpt2_linear){o->width, inner, *first});
    p->out = ct_layer_new(module, "c_proj", &gpt2_linear_layer, &(gpt2_linear){outer, o->width, *last});
    p->dropout = ct_dropout_new(module, dropout, o->dropout);
}

static void build_attention(ct_module *module)
{
    int64_t width = ((part *)ct_module_self(module))->of->options.width;
    build_part(module, "c_attn", 3 * width, width, "resid_dropout");
}

static void build_mlp(ct_module *module)
{
    int64_t width = ((part *)ct_module_self(module))->of->options.width;
    build_part(module, "c_fc", 4 * width, 4 * width, "dropout");
}

/* [N,T,W] -> queries, keys and values [N,heads,T,W/heads] -> [N,T,W] */
static ct_tensor *attend(ct_module *module, ct_tensor *x)
{
    const part *p = ct_module_self(module);
    const ct_gpt2_options *o = &p->of->options;
    int64_t n = ct_size(x, 0), steps = ct_size(x, 1);
    ct_tensor *qkv[3], *all = ct_forward(p->in, x);
    if (!all || ct_chunk(all, 3, 2, qkv) != 3)
        return NULL;
    for (int i = 0; i < 3; i++)
        qkv[i] = ct_transpose(ct_reshape(qkv[i], CT_SHAPE(n, steps, o->heads, o->width / o->heads)), 1, 2);
    CT_OPTIONS(ct_attention_options, causal, .is_causal = true, .dropout = ct_module_training(module) ? o->dropout : 0);
    ct_tensor *y = ct_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], &causal);
    y = ct_reshape(ct_transpose(y, 1, 2), CT_SHAPE(n, steps, o->width));
    return ct_forward(p->dropout, ct_forward(p->out, y));
}

static ct_tensor *mlp_forward(ct_module *module, ct_tensor *x)
{
    const part *p = ct_module_self(module);
    return ct_forward(p->dropout, ct_forward(p->out, ct_gelu_tanh(ct_forward(p->in, x))));
}

static const ct_layer attention_layer = {
    .name = "gpt2_attention", .self_size = sizeof(part), .build = build_attention, .forward = attend};
static const ct_layer mlp_layer = {
    .name = "gpt2_mlp", .self_size = sizeof(part), .build = build_mlp, .forward = mlp_forward};

typedef struct block {
    const gpt2 *of;
    ct_module *ln_1, *attn, *ln_2, *mlp;
} block;

static void build_block(ct_module *module)
{
    block *b = ct_module_self(module);
    b->ln_1 = ct_layer_norm_new(module, "ln_1", &b->of->options.width, 1, NULL);
    b->attn = ct_layer_new(module, "attn", &attention_layer, &(part){.of = b->of});
    b->ln_2 = ct_layer_norm_new(module, "ln_2", &b->of->options.width, 1, NULL);
    b->mlp = ct_layer_new(module, "mlp", &mlp_layer, &(part){.of = b->of});
}

static ct_tensor *block_forward(ct_module *module, ct_tensor *x)
{
    const block *b = ct_module_self(module);
    x = ct_add(x, ct_forward(b->attn, ct_forward(b->ln_1, x)));
    return ct_add(x, ct_forward(b->mlp, ct_forward(b->ln_2, x)));
}

static const ct_layer block_layer = {
    .name = "gpt2_block", .self_size = sizeof(block), .build = build_block, .forward = block_forward};

/* ---- the whole ---- */

static void build(ct_module *module)
{
    gpt2 *g = ct_module_self(module);
    const ct_gpt2_options *o = &g->options;
    CT_OPTIONS(ct_embedding_options, embedding, .weight = o->weight ? o->weight : CT_INIT_NORMAL(0.02));
    g->wte = ct_embedding_new(module, "wte", g->tokens, o->width, &embedding);
    g->wpe = ct_embedding_new(module, "wpe", o->context, o->width, &embedding);
    g->drop = ct_dropout_new(module, "drop", o->dropout);
    g->h = ct_sequential_new(module, "h");
    for (int64_t i = 0; i < o->blocks; i++)
        ct_layer_new(g->h, NULL, &block_layer, &(block){.of = g});
    g->ln_f = ct_layer_norm_new(module, "ln_f", &o->width, 1, NULL);
}

static ct_status check_tokens(const gpt2 *g, const ct_tensor *tokens)
{
    char shape[CT_NN_SHAPE_TEXT];
    if (!tokens || (ct_rank(tokens) == 2 && ct_size(tokens, 1) <= g->options.context))
        return ct_error_code();
    return ct_error_set(CT_ERROR_SHAPE, "gpt2: takes tokens [n,t], t up to %lld, not %s", (long long)g->options.context,
                        ct__nn_shape_text(tokens, shape));
}

static ct_tensor *forward(ct_module *module, ct_tensor *tokens)
{
    const gpt2 *g = ct_module_self(module);
    if (check_tokens(g, tokens) != CT_OK)
        return NULL;
    ct_tensor *places = ct_arange(CT_INT64, 0, 1, ct_size(tokens, 1));
    ct_tensor *x = ct_forward(g->drop, ct_add(ct_forward(g->wte, tokens), ct_forward(g->wpe, places)));
    return ct_linear(ct_forward(g->ln_f, ct_forward(g->h, x)), ct_module_get(module, "wte.weight"), NULL);
}

static const ct_layer gpt2_layer = {.name = "gpt2", .self_size = sizeof(gpt2), .build = build, .forward = forward};

enum { MOST_BLOCKS = 1000 }; /* what is meant, and not a slip that fills the memory */

ct_module *ct_gpt2_new(ct_module *module, const char *name, int64_t tokens, const ct_gpt2_options *options)
{
    CT_READ_OPTIONS(ct_gpt2_options, o, options, "gpt2_new");
    if (!o)
        return NULL;
    bool good = tokens >= 1 && o->context >= 1 && o->heads >= 1 && o->blocks >= 1 && o->blocks <= MOST_BLOCKS &&
                o->width >= 1 && o->width <= INT32_MAX && o->width % o->heads == 0;
    if (good)
        return ct_layer_new(module, name, &gpt2_layer, &(gpt2){.tokens = tokens, .options = *o});
    ct_error_set(
        CT_ERROR_ARGUMENT, "gpt2_new: %lld tokens, a context of %lld, %lld blocks, %lld heads for a width of %lld",
        (long long)tokens, (long long)o->context, (long long)o->blocks, (long long)o->heads, (long long)o->width);
    return NULL;
}
