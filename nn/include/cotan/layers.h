/* The library's layers. Names, parameters and defaults are PyTorch's; each takes and returns what the operation of its name does.
 *
 * All are made in a module, under a name in it (NULL: its number), belong to it, and are called with ct_forward(layer, x) unless
 * they have a function of their own below. Options are given behind the arguments; in plain functions a NULL pointer stands for the
 * defaults. Errors of all: NULL, argument (sizes below 1, options, a name that is taken), memory. */
#ifndef COTAN_LAYERS_H
#define COTAN_LAYERS_H

#include <cotan/init.h>
#include <cotan/module.h>
#include <cotan/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- containers ---- */

/* Calls what is made in it, in turn: ct_conv2d_new(features, NULL, ...) is "features.0". It is also PyTorch's ModuleList: a model that
 * calls the parts by itself takes them from ct_module_child(). */
CT_API ct_module *ct_sequential_new(ct_module *module, const char *name);
/* x plus what the sequence in it makes of x. */
CT_API ct_module *ct_residual_new(ct_module *module, const char *name);

/* ---- linear and convolutions ---- */

typedef struct CT_BY_NAME ct_linear_options {
    CT_OPTIONS_HEAD;
    bool no_bias;
    const ct_initializer *weight, *bias; /* NULL: ct_init_torch */
} ct_linear_options;
#define CT_DEFAULTS_ct_linear_options
CT_API void ct_linear_options_init(ct_linear_options *options, size_t size);

/* x [..., in] -> [..., out]: x weight^T + bias, weight [out, in], bias [out]. */
CT_API ct_module *ct_linear_new(ct_module *module, const char *name, int64_t in, int64_t out,
                                const ct_linear_options *options);

typedef struct CT_BY_NAME ct_conv_layer_options {
    CT_OPTIONS_HEAD;
    /* In place of the kernel argument, which may be 0 then; default CT_UNSET_INT: that. As in ct_conv_options: */
    int64_t kernel[3];
    int64_t stride[3];         /* default 1 */
    int64_t padding[3];        /* default 0 */
    int64_t dilation[3];       /* default 1 */
    int64_t output_padding[3]; /* transposed convolutions only */
    int64_t groups;            /* divides in and out; default 1 */
    bool no_bias;
    const ct_initializer *weight, *bias; /* NULL: ct_init_torch */
    ct_pad_mode padding_mode;            /* what stands around x; not of transposed convolutions */
    bool same; /* in place of padding: the result has x's sizes; likewise, and strides are 1 */
} ct_conv_layer_options;
#define CT_DEFAULTS_ct_conv_layer_options .kernel = {CT_UNSET_INT}, .stride = {1}, .dilation = {1}, .groups = 1,
CT_API void ct_conv_layer_options_init(ct_conv_layer_options *options, size_t size);

/* ct_conv1d() and its like with weight [out, in / groups, kernel...] and bias [out]: x [N, in, spatial...] -> [N, out, ...]. */
CT_API ct_module *ct_conv1d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                const ct_conv_layer_options *options);
CT_API ct_module *ct_conv2d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                const ct_conv_layer_options *options);
CT_API ct_module *ct_conv3d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                const ct_conv_layer_options *options);
/* The transposed ones: weight [in, out / groups, kernel...]. */
CT_API ct_module *ct_conv_transpose1d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                          const ct_conv_layer_options *options);
CT_API ct_module *ct_conv_transpose2d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                          const ct_conv_layer_options *options);
CT_API ct_module *ct_conv_transpose3d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                          const ct_conv_layer_options *options);

/* ---- pooling and shape: no parameters ---- */

/* The operations of these names; options as theirs, without indices. Where .kernel is given the argument does not count. */
CT_API ct_module *ct_max_pool1d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_max_pool2d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_max_pool3d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_avg_pool1d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_avg_pool2d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_avg_pool3d_new(ct_module *module, const char *name, int64_t kernel,
                                    const ct_pool_options *options);
CT_API ct_module *ct_adaptive_avg_pool1d_new(ct_module *module, const char *name, int64_t length);
CT_API ct_module *ct_adaptive_avg_pool2d_new(ct_module *module, const char *name, int64_t height, int64_t width);
CT_API ct_module *ct_adaptive_avg_pool3d_new(ct_module *module, const char *name, int64_t depth, int64_t height,
                                             int64_t width);
CT_API ct_module *ct_adaptive_max_pool1d_new(ct_module *module, const char *name, int64_t length);
CT_API ct_module *ct_adaptive_max_pool2d_new(ct_module *module, const char *name, int64_t height, int64_t width);
CT_API ct_module *ct_adaptive_max_pool3d_new(ct_module *module, const char *name, int64_t depth, int64_t height,
                                             int64_t width);
/* Axes start..end become one; PyTorch's Flatten is 1, -1. */
CT_API ct_module *ct_flatten_new(ct_module *module, const char *name, int start, int end);
/* Axis becomes axes of that shape, of which one may be -1, the rest: ct_unflatten_new(net, NULL, 1, CT_SHAPE(3, -1)). */
CT_API ct_module *ct_unflatten_new(ct_module *module, const char *name, int axis, const int64_t *shape, int rank);
/* The operations of these names. */
CT_API ct_module *ct_pixel_shuffle_new(ct_module *module, const char *name, int64_t factor);
CT_API ct_module *ct_pixel_unshuffle_new(ct_module *module, const char *name, int64_t factor);
/* ct_interpolate(): ct_upsample_new(net, NULL, .scale = {2}, .mode = CT_LINEAR). */
CT_API ct_module *ct_upsample_new(ct_module *module, const char *name, const ct_interpolate_options *options);
/* ct_pad(), PyTorch's ZeroPad, ConstantPad, ReflectionPad and ReplicationPad of any number of axes: ct_pad_new(net, NULL, CT_SHAPE(1, 1,
 * 1, 1)). */
CT_API ct_module *ct_pad_new(ct_module *module, const char *name, const int64_t *amounts, int n,
                             const ct_pad_options *options);

/* ---- normalisation ---- */

typedef struct CT_BY_NAME ct_norm_layer_options {
    CT_OPTIONS_HEAD;
    double eps;      /* default CT_UNSET: 1e-5; rms_norm: the dtype's epsilon, as in PyTorch */
    bool affine;     /* it has a weight, of ones, and a bias, of zeros; default true, instance_norm: see below */
    bool no_bias;    /* it has a weight only */
    double momentum; /* batch_norm: the batch's share of the running statistics; default 0.1 */
    bool
        track_running_stats; /* batch_norm: buffers running_mean and running_var, which evaluation normalises with; default true.
                               * false: with the batch's statistics always */
} ct_norm_layer_options;
#define CT_DEFAULTS_ct_norm_layer_options .eps = CT_UNSET, .affine = true, .momentum = 0.1, .track_running_stats = true,
CT_API void ct_norm_layer_options_init(ct_norm_layer_options *options, size_t size);

/* x [N, features, ...] or [N, features]: PyTorch's BatchNorm1d, 2d and 3d. num_batches_tracked, which it counts and does not use, is
 * neither kept nor missed. */
CT_API ct_module *ct_batch_norm_new(ct_module *module, const char *name, int64_t features,
                                    const ct_norm_layer_options *options);
/* Brings rows together: row, [2 C + 1] of x's dtype, has the count of elements of a channel, the C means and the C biased variances of one
 * batch; returns such rows of several batches, this one's among them, as [n, 2 C + 1], differentiably; NULL with an error. */
typedef ct_tensor *(*ct_norm_gather)(ct_tensor *row, void *user);
/* From now on the batch norms in module, itself included, take in training the statistics of all the batches that gather brings together as
 * those of one: of several processes, say. NULL: of their own batch again. Running statistics follow likewise. Errors: NULL; in
 * forward those of gather, shape (of what it returns), argument (a batch of nothing). */
CT_API ct_status ct_batch_norm_gather(ct_module *module, ct_norm_gather gather, void *user);
/* Over the last axes, which have that shape. */
CT_API ct_module *ct_layer_norm_new(ct_module *module, const char *name, const int64_t *shape, int rank,
                                    const ct_norm_layer_options *options);
CT_API ct_module *ct_rms_norm_new(ct_module *module, const char *name, const int64_t *shape, int rank,
                                  const ct_norm_layer_options *options);
CT_API ct_module *ct_group_norm_new(ct_module *module, const char *name, int64_t groups, int64_t channels,
                                    const ct_norm_layer_options *options);

typedef struct CT_BY_NAME ct_instance_norm_options {
    CT_OPTIONS_HEAD;
    double eps;  /* default 1e-5 */
    bool affine; /* it has a weight, of ones, and a bias, of zeros; default false */
} ct_instance_norm_options;
#define CT_DEFAULTS_ct_instance_norm_options .eps = 1e-5,
CT_API void ct_instance_norm_options_init(ct_instance_norm_options *options, size_t size);
/* The operations of these names. */
CT_API ct_module *ct_instance_norm_new(ct_module *module, const char *name, int64_t channels,
                                       const ct_instance_norm_options *options);
CT_API ct_module *ct_local_response_norm_new(ct_module *module, const char *name, int64_t size,
                                             const ct_local_response_options *options);

/* ---- dropout: x itself in evaluation ---- */

/* Each element is 0 with probability p in 0..1, the others are divided by 1 - p. */
CT_API ct_module *ct_dropout_new(ct_module *module, const char *name, double p);
/* Each channel as a whole: x [N, C, L] or [C, L]; x [N, C, H, W] or [C, H, W]; with one axis more. */
CT_API ct_module *ct_dropout1d_new(ct_module *module, const char *name, double p);
CT_API ct_module *ct_dropout2d_new(ct_module *module, const char *name, double p);
CT_API ct_module *ct_dropout3d_new(ct_module *module, const char *name, double p);

/* ---- embedding ---- */

typedef struct CT_BY_NAME ct_embedding_options {
    CT_OPTIONS_HEAD;
    int64_t
        padding_idx; /* the row of this index is 0 at first and gets no gradient; negative counts from the end; default
                          * CT_UNSET_INT: none */
    const ct_initializer *weight; /* NULL: ct_init_normal */
} ct_embedding_options;
#define CT_DEFAULTS_ct_embedding_options .padding_idx = CT_UNSET_INT,
CT_API void ct_embedding_options_init(ct_embedding_options *options, size_t size);
/* Indices (int64) of any shape -> [shape, size]: rows of weight [count, size]. */
CT_API ct_module *ct_embedding_new(ct_module *module, const char *name, int64_t count, int64_t size,
                                   const ct_embedding_options *options);

/* ---- activations: the operation of the name ---- */

/* The operations of these names, with their numbers. */
CT_API ct_module *ct_relu_new(ct_module *module, const char *name);
CT_API ct_module *ct_gelu_new(ct_module *module, const char *name);
CT_API ct_module *ct_gelu_tanh_new(ct_module *module, const char *name);
CT_API ct_module *ct_silu_new(ct_module *module, const char *name);
CT_API ct_module *ct_mish_new(ct_module *module, const char *name);
CT_API ct_module *ct_selu_new(ct_module *module, const char *name);
CT_API ct_module *ct_tanh_new(ct_module *module, const char *name);
CT_API ct_module *ct_sigmoid_new(ct_module *module, const char *name);
CT_API ct_module *ct_log_sigmoid_new(ct_module *module, const char *name);
CT_API ct_module *ct_softsign_new(ct_module *module, const char *name);
CT_API ct_module *ct_hardsigmoid_new(ct_module *module, const char *name);
CT_API ct_module *ct_hardswish_new(ct_module *module, const char *name);
CT_API ct_module *ct_tanhshrink_new(ct_module *module, const char *name);
CT_API ct_module *ct_relu6_new(ct_module *module, const char *name);    /* ct_hardtanh(x, 0, 6) */
CT_API ct_module *ct_identity_new(ct_module *module, const char *name); /* x itself */
CT_API ct_module *ct_elu_new(ct_module *module, const char *name, double alpha);
CT_API ct_module *ct_celu_new(ct_module *module, const char *name, double alpha);
CT_API ct_module *ct_hardshrink_new(ct_module *module, const char *name, double lambda);
CT_API ct_module *ct_softshrink_new(ct_module *module, const char *name, double lambda);
CT_API ct_module *ct_threshold_new(ct_module *module, const char *name, double threshold, double value);
CT_API ct_module *ct_leaky_relu_new(ct_module *module, const char *name, double slope);
CT_API ct_module *ct_softplus_new(ct_module *module, const char *name, double beta);
CT_API ct_module *ct_hardtanh_new(ct_module *module, const char *name, double low, double high);
CT_API ct_module *ct_softmax_new(ct_module *module, const char *name, int axis);
CT_API ct_module *ct_log_softmax_new(ct_module *module, const char *name, int axis);
CT_API ct_module *ct_softmin_new(ct_module *module, const char *name, int axis); /* ct_softmax(-x, axis) */
CT_API ct_module *ct_glu_new(ct_module *module, const char *name, int axis);
/* weight [n], 0.25 at first: n is 1, or the channels of x. */
CT_API ct_module *ct_prelu_new(ct_module *module, const char *name, int64_t n);
/* Any function of one tensor: ct_function_new(net, NULL, ct_square). */
typedef ct_tensor *(*ct_unary)(ct_tensor *x);
CT_API ct_module *ct_function_new(ct_module *module, const char *name, ct_unary function);

/* ---- recurrent layers ---- */

typedef struct CT_BY_NAME ct_recurrent_layer_options {
    CT_OPTIONS_HEAD;
    int64_t layers;     /* one on top of the other; default 1, at most 14, both directions counted */
    bool bidirectional; /* a second set of weights reads from the end; results are joined along the last axis */
    bool no_bias;
    bool batch_first; /* x and the result are [N, T, ...] in place of [T, N, ...] */
    double dropout;   /* in training: of each layer's results but the last's */
    bool relu;        /* rnn: in place of tanh; PyTorch's nonlinearity */
    int64_t
        proj_size; /* lstm: h is weight_hr_l0 [proj_size, hidden] times what it would be (Sak et al. 2014); default 0: it is not */
} ct_recurrent_layer_options;
#define CT_DEFAULTS_ct_recurrent_layer_options .layers = 1,
CT_API void ct_recurrent_layer_options_init(ct_recurrent_layer_options *options, size_t size);

/* x [T, N, in] -> [T, N, hidden directions]: ct_rnn(), ct_lstm() and ct_gru() with weight_ih_l0 [gates hidden, in], weight_hh_l0, bias_ih_l0,
 * bias_hh_l0, and so on for each layer, "_reverse" behind those of the second direction. Of one sequence x is [T, in], and states and results
 * are without N. */
CT_API ct_module *ct_rnn_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                             const ct_recurrent_layer_options *options);
CT_API ct_module *ct_lstm_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                              const ct_recurrent_layer_options *options);
CT_API ct_module *ct_gru_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                             const ct_recurrent_layer_options *options);

typedef struct CT_BY_NAME ct_sequence_options {
    CT_OPTIONS_HEAD;
    ct_tensor *h0,
        *c0; /* [layers directions, N, hidden], h0 [..., proj_size] where there is one; c0 of an lstm; NULL: zeros */
    /* int64 [N], from 1 to T: how long each sequence is, NULL: T. What stands behind its end counts for nothing, the result is 0 there, and
     * the second direction begins at the end: PyTorch's packed sequences, in any order. */
    ct_tensor *lengths;
    ct_tensor **h_last, **c_last; /* get each sequence's last h and c, shaped as h0; may be NULL */
} ct_sequence_options;
#define CT_DEFAULTS_ct_sequence_options
CT_API void ct_sequence_options_init(ct_sequence_options *options, size_t size);
/* ct_forward() of a recurrent layer with states and lengths: ct_recurrent_forward(lstm, x, .lengths = n, .h_last = &h). */
CT_API ct_tensor *ct_recurrent_forward(ct_module *module, ct_tensor *x, const ct_sequence_options *options);

/* ---- attention and transformers ---- */

typedef struct CT_BY_NAME ct_attention_layer_options {
    CT_OPTIONS_HEAD;
    int64_t
        kv_heads; /* grouped queries (Ainslie et al. 2023): heads of keys and values, a divisor of heads; 0: as many */
    int64_t kdim,
        vdim; /* sizes of keys and values; 0: embed. Otherwise the weights are q_proj_weight, k_proj_weight, v_proj_weight */
    bool no_bias;
    bool batch_first; /* [N, L, E] in place of [L, N, E] */
    bool is_causal;   /* every call is: query i sees keys 0..i */
    double dropout;   /* in training: of the attention weights */
} ct_attention_layer_options;
#define CT_DEFAULTS_ct_attention_layer_options
CT_API void ct_attention_layer_options_init(ct_attention_layer_options *options, size_t size);

typedef struct CT_BY_NAME ct_attention_forward_options {
    CT_OPTIONS_HEAD;
    ct_tensor *key_padding_mask; /* [N, S]: bool or uint8, true where a key is padding; or float, added to the scores */
    ct_tensor *
        attn_mask; /* [L, S] or [N heads, L, S]: bool or uint8, true where a query may not see a key; or float, added */
    bool is_causal; /* query i sees keys 0..i; together with masks, too */
    ct_tensor **
        weights; /* gets the attention weights without dropout, averaged over the heads, [N, L, S] or [L, S]; may be NULL */
} ct_attention_forward_options;
#define CT_DEFAULTS_ct_attention_forward_options
CT_API void ct_attention_forward_options_init(ct_attention_forward_options *options, size_t size);

/* PyTorch's MultiheadAttention: in_proj_weight [3 embed, embed], in_proj_bias, out_proj.weight, out_proj.bias. heads divides embed. As
 * ct_forward(layer, x), of x to itself. */
CT_API ct_module *ct_multihead_attention_new(ct_module *module, const char *name, int64_t embed, int64_t heads,
                                             const ct_attention_layer_options *options);
/* query [L, N, embed], key and value [S, N, ...] -> [L, N, embed]; or all without N. */
CT_API ct_tensor *ct_multihead_attention_forward(ct_module *module, ct_tensor *query, ct_tensor *key, ct_tensor *value,
                                                 const ct_attention_forward_options *options);

typedef struct CT_BY_NAME ct_transformer_options {
    CT_OPTIONS_HEAD;
    int64_t dim_feedforward; /* default 2048 */
    double dropout;          /* in training; default 0.1 */
    ct_unary activation;     /* NULL: ct_relu */
    double layer_norm_eps;   /* default 1e-5 */
    bool norm_first;         /* normalises in front of attention and the linear layers in place of behind */
    bool batch_first;        /* [N, L, E] in place of [L, N, E] */
    bool no_bias;
    bool is_causal; /* its self-attention is, in every call */
} ct_transformer_options;
#define CT_DEFAULTS_ct_transformer_options .dim_feedforward = 2048, .dropout = 0.1, .layer_norm_eps = 1e-5,
CT_API void ct_transformer_options_init(ct_transformer_options *options, size_t size);

/* PyTorch's TransformerEncoderLayer: self_attn, linear1, linear2, norm1, norm2. x [L, N, width] -> the same. */
CT_API ct_module *ct_transformer_encoder_layer_new(ct_module *module, const char *name, int64_t width, int64_t heads,
                                                   const ct_transformer_options *options);
/* With masks: the attention's options, .weights too. */
CT_API ct_tensor *ct_transformer_encoder_layer_forward(ct_module *module, ct_tensor *x,
                                                       const ct_attention_forward_options *options);

typedef struct CT_BY_NAME ct_decoder_options {
    CT_OPTIONS_HEAD;
    ct_tensor *tgt_mask, *tgt_key_padding_mask;       /* of the self-attention, as in ct_attention_forward_options */
    ct_tensor *memory_mask, *memory_key_padding_mask; /* of the attention to memory */
    bool is_causal;                                   /* of the self-attention */
} ct_decoder_options;
#define CT_DEFAULTS_ct_decoder_options
CT_API void ct_decoder_options_init(ct_decoder_options *options, size_t size);

/* PyTorch's TransformerDecoderLayer: self_attn, multihead_attn, linear1, linear2, norm1, norm2, norm3. */
CT_API ct_module *ct_transformer_decoder_layer_new(ct_module *module, const char *name, int64_t width, int64_t heads,
                                                   const ct_transformer_options *options);
/* x [L, N, width], memory [S, N, width] -> [L, N, width]. */
CT_API ct_tensor *ct_transformer_decoder_layer_forward(ct_module *module, ct_tensor *x, ct_tensor *memory,
                                                       const ct_decoder_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_sequential_new(module, name) ct_at_object(CT_HERE, ct_sequential_new(module, name))
#define ct_residual_new(module, name) ct_at_object(CT_HERE, ct_residual_new(module, name))
#define CT_LAYER3_(new, type, ...) ct_at_object(CT_HERE, CT_WITH3(new, type, __VA_ARGS__, ))
#define CT_LAYER4_(new, type, ...) ct_at_object(CT_HERE, CT_WITH4(new, type, __VA_ARGS__, ))
#define CT_LAYER5_(new, type, ...) ct_at_object(CT_HERE, CT_WITH5(new, type, __VA_ARGS__, ))
#define ct_linear_new(...) CT_LAYER4_(ct_linear_new, ct_linear_options, __VA_ARGS__)
#define ct_conv1d_new(...) CT_LAYER5_(ct_conv1d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_conv2d_new(...) CT_LAYER5_(ct_conv2d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_conv3d_new(...) CT_LAYER5_(ct_conv3d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_conv_transpose1d_new(...) CT_LAYER5_(ct_conv_transpose1d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_conv_transpose2d_new(...) CT_LAYER5_(ct_conv_transpose2d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_conv_transpose3d_new(...) CT_LAYER5_(ct_conv_transpose3d_new, ct_conv_layer_options, __VA_ARGS__)
#define ct_max_pool1d_new(...) CT_LAYER3_(ct_max_pool1d_new, ct_pool_options, __VA_ARGS__)
#define ct_max_pool2d_new(...) CT_LAYER3_(ct_max_pool2d_new, ct_pool_options, __VA_ARGS__)
#define ct_max_pool3d_new(...) CT_LAYER3_(ct_max_pool3d_new, ct_pool_options, __VA_ARGS__)
#define ct_avg_pool1d_new(...) CT_LAYER3_(ct_avg_pool1d_new, ct_pool_options, __VA_ARGS__)
#define ct_avg_pool2d_new(...) CT_LAYER3_(ct_avg_pool2d_new, ct_pool_options, __VA_ARGS__)
#define ct_avg_pool3d_new(...) CT_LAYER3_(ct_avg_pool3d_new, ct_pool_options, __VA_ARGS__)
#define ct_adaptive_avg_pool1d_new(...) ct_at_object(CT_HERE, ct_adaptive_avg_pool1d_new(__VA_ARGS__))
#define ct_adaptive_avg_pool2d_new(...) ct_at_object(CT_HERE, ct_adaptive_avg_pool2d_new(__VA_ARGS__))
#define ct_adaptive_avg_pool3d_new(...) ct_at_object(CT_HERE, ct_adaptive_avg_pool3d_new(__VA_ARGS__))
#define ct_adaptive_max_pool1d_new(...) ct_at_object(CT_HERE, ct_adaptive_max_pool1d_new(__VA_ARGS__))
#define ct_adaptive_max_pool2d_new(...) ct_at_object(CT_HERE, ct_adaptive_max_pool2d_new(__VA_ARGS__))
#define ct_adaptive_max_pool3d_new(...) ct_at_object(CT_HERE, ct_adaptive_max_pool3d_new(__VA_ARGS__))
#define ct_unflatten_new(...) ct_at_object(CT_HERE, ct_unflatten_new(__VA_ARGS__))
#define ct_pixel_shuffle_new(...) ct_at_object(CT_HERE, ct_pixel_shuffle_new(__VA_ARGS__))
#define ct_pixel_unshuffle_new(...) ct_at_object(CT_HERE, ct_pixel_unshuffle_new(__VA_ARGS__))
#define ct_upsample_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_upsample_new, ct_interpolate_options, __VA_ARGS__, ))
#define ct_pad_new(...) CT_LAYER4_(ct_pad_new, ct_pad_options, __VA_ARGS__)
#define ct_flatten_new(...) ct_at_object(CT_HERE, ct_flatten_new(__VA_ARGS__))
#define ct_batch_norm_gather(...) ct_at_status(CT_HERE, ct_batch_norm_gather(__VA_ARGS__))
#define ct_batch_norm_new(...) CT_LAYER3_(ct_batch_norm_new, ct_norm_layer_options, __VA_ARGS__)
#define ct_layer_norm_new(...) CT_LAYER4_(ct_layer_norm_new, ct_norm_layer_options, __VA_ARGS__)
#define ct_rms_norm_new(...) CT_LAYER4_(ct_rms_norm_new, ct_norm_layer_options, __VA_ARGS__)
#define ct_group_norm_new(...) CT_LAYER4_(ct_group_norm_new, ct_norm_layer_options, __VA_ARGS__)
#define ct_instance_norm_new(...) CT_LAYER3_(ct_instance_norm_new, ct_instance_norm_options, __VA_ARGS__)
#define ct_local_response_norm_new(...) CT_LAYER3_(ct_local_response_norm_new, ct_local_response_options, __VA_ARGS__)
#define ct_dropout_new(...) ct_at_object(CT_HERE, ct_dropout_new(__VA_ARGS__))
#define ct_dropout1d_new(...) ct_at_object(CT_HERE, ct_dropout1d_new(__VA_ARGS__))
#define ct_dropout3d_new(...) ct_at_object(CT_HERE, ct_dropout3d_new(__VA_ARGS__))
#define ct_dropout2d_new(...) ct_at_object(CT_HERE, ct_dropout2d_new(__VA_ARGS__))
#define ct_embedding_new(...) CT_LAYER4_(ct_embedding_new, ct_embedding_options, __VA_ARGS__)
#define ct_rnn_new(...) CT_LAYER4_(ct_rnn_new, ct_recurrent_layer_options, __VA_ARGS__)
#define ct_lstm_new(...) CT_LAYER4_(ct_lstm_new, ct_recurrent_layer_options, __VA_ARGS__)
#define ct_gru_new(...) CT_LAYER4_(ct_gru_new, ct_recurrent_layer_options, __VA_ARGS__)
#define ct_recurrent_forward(...) ct_at(CT_HERE, CT_WITH2(ct_recurrent_forward, ct_sequence_options, __VA_ARGS__, ))
#define ct_multihead_attention_new(...) CT_LAYER4_(ct_multihead_attention_new, ct_attention_layer_options, __VA_ARGS__)
#define ct_multihead_attention_forward(...) \
    ct_at(CT_HERE, CT_WITH4(ct_multihead_attention_forward, ct_attention_forward_options, __VA_ARGS__, ))
#define ct_transformer_encoder_layer_new(...) \
    CT_LAYER4_(ct_transformer_encoder_layer_new, ct_transformer_options, __VA_ARGS__)
#define ct_transformer_encoder_layer_forward(...) \
    ct_at(CT_HERE, CT_WITH2(ct_transformer_encoder_layer_forward, ct_attention_forward_options, __VA_ARGS__, ))
#define ct_transformer_decoder_layer_new(...) \
    CT_LAYER4_(ct_transformer_decoder_layer_new, ct_transformer_options, __VA_ARGS__)
#define ct_transformer_decoder_layer_forward(...) \
    ct_at(CT_HERE, CT_WITH3(ct_transformer_decoder_layer_forward, ct_decoder_options, __VA_ARGS__, ))
#define ct_relu_new(module, name) ct_at_object(CT_HERE, ct_relu_new(module, name))
#define ct_gelu_new(module, name) ct_at_object(CT_HERE, ct_gelu_new(module, name))
#define ct_gelu_tanh_new(module, name) ct_at_object(CT_HERE, ct_gelu_tanh_new(module, name))
#define ct_silu_new(module, name) ct_at_object(CT_HERE, ct_silu_new(module, name))
#define ct_mish_new(module, name) ct_at_object(CT_HERE, ct_mish_new(module, name))
#define ct_selu_new(module, name) ct_at_object(CT_HERE, ct_selu_new(module, name))
#define ct_tanh_new(module, name) ct_at_object(CT_HERE, ct_tanh_new(module, name))
#define ct_sigmoid_new(module, name) ct_at_object(CT_HERE, ct_sigmoid_new(module, name))
#define ct_log_sigmoid_new(module, name) ct_at_object(CT_HERE, ct_log_sigmoid_new(module, name))
#define ct_softsign_new(module, name) ct_at_object(CT_HERE, ct_softsign_new(module, name))
#define ct_hardsigmoid_new(module, name) ct_at_object(CT_HERE, ct_hardsigmoid_new(module, name))
#define ct_hardswish_new(module, name) ct_at_object(CT_HERE, ct_hardswish_new(module, name))
#define ct_tanhshrink_new(module, name) ct_at_object(CT_HERE, ct_tanhshrink_new(module, name))
#define ct_relu6_new(module, name) ct_at_object(CT_HERE, ct_relu6_new(module, name))
#define ct_identity_new(module, name) ct_at_object(CT_HERE, ct_identity_new(module, name))
#define ct_celu_new(...) ct_at_object(CT_HERE, ct_celu_new(__VA_ARGS__))
#define ct_hardshrink_new(...) ct_at_object(CT_HERE, ct_hardshrink_new(__VA_ARGS__))
#define ct_softshrink_new(...) ct_at_object(CT_HERE, ct_softshrink_new(__VA_ARGS__))
#define ct_threshold_new(...) ct_at_object(CT_HERE, ct_threshold_new(__VA_ARGS__))
#define ct_softmin_new(...) ct_at_object(CT_HERE, ct_softmin_new(__VA_ARGS__))
#define ct_glu_new(...) ct_at_object(CT_HERE, ct_glu_new(__VA_ARGS__))
#define ct_elu_new(...) ct_at_object(CT_HERE, ct_elu_new(__VA_ARGS__))
#define ct_leaky_relu_new(...) ct_at_object(CT_HERE, ct_leaky_relu_new(__VA_ARGS__))
#define ct_softplus_new(...) ct_at_object(CT_HERE, ct_softplus_new(__VA_ARGS__))
#define ct_hardtanh_new(...) ct_at_object(CT_HERE, ct_hardtanh_new(__VA_ARGS__))
#define ct_softmax_new(...) ct_at_object(CT_HERE, ct_softmax_new(__VA_ARGS__))
#define ct_log_softmax_new(...) ct_at_object(CT_HERE, ct_log_softmax_new(__VA_ARGS__))
#define ct_prelu_new(...) ct_at_object(CT_HERE, ct_prelu_new(__VA_ARGS__))
#define ct_function_new(...) ct_at_object(CT_HERE, ct_function_new(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
