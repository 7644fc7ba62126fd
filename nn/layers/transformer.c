/* The blocks of transformers (Vaswani et al. 2017, figure 1), as PyTorch has them. */
#include "nn_internal.h"

typedef struct block {
    int64_t width, heads;
    bool decoder;
    ct_transformer_options options;
    ct_module *self_attn, *cross_attn, *linear1, *linear2, *dropout, *norm[3], *dropouts[3];
} block;

static void build(ct_module *module)
{
    block *b = ct_module_self(module);
    const ct_transformer_options *o = &b->options;
    int64_t wide = o->dim_feedforward;
    CT_OPTIONS(ct_attention_layer_options, attention, .dropout = o->dropout, .batch_first = o->batch_first,
               .no_bias = o->no_bias);
    CT_OPTIONS(ct_linear_options, linear, .no_bias = o->no_bias);
    CT_OPTIONS(ct_norm_layer_options, norm, .eps = o->layer_norm_eps, .no_bias = o->no_bias);
    b->self_attn = ct_multihead_attention_new(module, "self_attn", b->width, b->heads, &attention);
    if (b->decoder)
        b->cross_attn = ct_multihead_attention_new(module, "multihead_attn", b->width, b->heads, &attention);
    b->linear1 = ct_linear_new(module, "linear1", b->width, wide, &linear);
    b->dropout = ct_dropout_new(module, "dropout", o->dropout);
    b->linear2 = ct_linear_new(module, "linear2", wide, b->width, &linear);
    static const char *const norms[] = {"norm1", "norm2", "norm3"}, *const dropouts[] = {"dropout1", "dropout2",
                                                                                         "dropout3"};
    for (int i = 0; i < (b->decoder ? 3 : 2); i++) {
        b->norm[i] = ct_layer_norm_new(module, norms[i], &b->width, 1, &norm);
        b->dropouts[i] = ct_dropout_new(module, dropouts[i], o->dropout);
    }
}

/* ---- a block is two or three branches, each added to what goes past it ---- */

/* A call, as its branches see it. */
typedef struct call {
    const block *b;
    ct_tensor *memory;
    ct_attention_forward_options self, cross;
} call;

static ct_tensor *self_attention(const call *c, ct_tensor *x)
{
    return ct_multihead_attention_forward(c->b->self_attn, x, x, x, &c->self);
}

static ct_tensor *cross_attention(const call *c, ct_tensor *x)
{
    return ct_multihead_attention_forward(c->b->cross_attn, x, c->memory, c->memory, &c->cross);
}

static ct_tensor *feed_forward(const call *c, ct_tensor *x)
{
    ct_tensor *h = ct_forward(c->b->linear1, x);
    h = c->b->options.activation ? c->b->options.activation(h) : ct_relu(h);
    return ct_forward(c->b->linear2, ct_forward(c->b->dropout, h));
}

static ct_tensor *add_branch(const call *c, ct_tensor *x, int i, ct_tensor *(*branch)(const call *c, ct_tensor *x))
{
    const block *b = c->b;
    if (b->options.norm_first)
        return ct_add(x, ct_forward(b->dropouts[i], branch(c, ct_forward(b->norm[i], x))));
    return ct_forward(b->norm[i], ct_add(x, ct_forward(b->dropouts[i], branch(c, x))));
}

static ct_tensor *run(const call *c, ct_tensor *x)
{
    x = add_branch(c, x, 0, self_attention);
    if (c->b->decoder)
        x = add_branch(c, x, 1, cross_attention);
    return add_branch(c, x, c->b->decoder ? 2 : 1, feed_forward);
}

/* ---- the two blocks ---- */

static const ct_attention_forward_options no_masks = {CT_DEFAULTS(ct_attention_forward_options)};

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    call c = {.b = ct_module_self(module), .self = no_masks};
    c.self.is_causal = c.b->options.is_causal;
    return run(&c, x);
}

static const ct_layer encoder_layer = {
    .name = "transformer_encoder_layer", .self_size = sizeof(block), .build = build, .forward = forward};
static const ct_layer decoder_layer = {.name = "transformer_decoder_layer", .self_size = sizeof(block), .build = build};

CT_OPTIONS_INIT(ct_transformer_options)
CT_OPTIONS_INIT(ct_decoder_options)

ct_tensor *ct_transformer_encoder_layer_forward(ct_module *module, ct_tensor *x,
                                                const ct_attention_forward_options *options)
{
    CT_READ_OPTIONS(ct_attention_forward_options, o, options, "transformer_encoder_layer_forward");
    if (!o || ct_forward_begin(module, &encoder_layer, "transformer_encoder_layer_forward") != CT_OK)
        return NULL;
    call c = {.b = ct_module_self(module), .self = *o};
    c.self.is_causal = o->is_causal || c.b->options.is_causal;
    return ct_forward_end(module, run(&c, x));
}

ct_tensor *ct_transformer_decoder_layer_forward(ct_module *module, ct_tensor *x, ct_tensor *memory,
                                                const ct_decoder_options *options)
{
    CT_READ_OPTIONS(ct_decoder_options, o, options, "transformer_decoder_layer_forward");
    if (!o || ct_forward_begin(module, &decoder_layer, "transformer_decoder_layer_forward") != CT_OK)
        return NULL;
    call c = {.b = ct_module_self(module), .memory = memory, .self = no_masks, .cross = no_masks};
    c.self.attn_mask = o->tgt_mask;
    c.self.key_padding_mask = o->tgt_key_padding_mask;
    c.self.is_causal = o->is_causal || c.b->options.is_causal;
    c.cross.attn_mask = o->memory_mask;
    c.cross.key_padding_mask = o->memory_key_padding_mask;
    return ct_forward_end(module, run(&c, x));
}

static ct_module *block_new(ct_module *module, const char *name, const ct_layer *layer, int64_t width, int64_t heads,
                            const ct_transformer_options *options)
{
    CT_READ_OPTIONS(ct_transformer_options, o, options, layer->name);
    return o ? ct_layer_new(module, name, layer,
                            &(block){.width = width, .heads = heads, .decoder = layer == &decoder_layer, .options = *o})
             : NULL;
}

ct_module *ct_transformer_encoder_layer_new(ct_module *module, const char *name, int64_t width, int64_t heads,
                                            const ct_transformer_options *options)
{
    return block_new(module, name, &encoder_layer, width, heads, options);
}

ct_module *ct_transformer_decoder_layer_new(ct_module *module, const char *name, int64_t width, int64_t heads,
                                            const ct_transformer_options *options)
{
    return block_new(module, name, &decoder_layer, width, heads, options);
}
