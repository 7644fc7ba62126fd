/* Recurrent cells and sequences, attention, dropout. Weights lie as in PyTorch: a gate's rows follow one another. */
#ifndef COTAN_RECURRENT_H
#define COTAN_RECURRENT_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One step, for a batch of N: x [N, I], h (and c) [N, H], weight_x [G H, I], weight_h [G H, H], biases [G H] or NULL, with
 * G = 1 (rnn), 4 (lstm: input, forget, cell, output gate) or 3 (gru: reset, update, new gate). Results [N, H]. */

/* tanh(x weight_x^T + bias_x + h weight_h^T + bias_h). */
CT_API ct_tensor *ct_rnn_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h, ct_tensor *bias_x,
                              ct_tensor *bias_h);
/* The same with relu in place of tanh. */
CT_API ct_tensor *ct_rnn_relu_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h,
                                   ct_tensor *bias_x, ct_tensor *bias_h);
/* Hochreiter, Schmidhuber 1997 with forget gates (Gers et al. 2000): returns h'; c_next, if not NULL, gets c'. */
CT_API ct_tensor *ct_lstm_cell(ct_tensor *x, ct_tensor *h, ct_tensor *c, ct_tensor *weight_x, ct_tensor *weight_h,
                               ct_tensor *bias_x, ct_tensor *bias_h, ct_tensor **c_next);
/* Cho et al. 2014, in PyTorch's form: the reset gate acts after the product with h. */
CT_API ct_tensor *ct_gru_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h, ct_tensor *bias_x,
                              ct_tensor *bias_h);

typedef struct CT_BY_NAME ct_recurrent_options {
    CT_OPTIONS_HEAD;
    bool bidirectional; /* a second set of weights reads from the end; results are joined along the last axis */
    double dropout;     /* share of each layer's results but the last's that is dropped, in training */
    bool evaluation;    /* true in evaluation: no dropout; false, the default, in training */
    bool batch_first;   /* x and the result are [N, T, ...] */
    ct_tensor **h_last; /* gets the last h of each layer and direction, [layers directions, N, H]; may be NULL */
    ct_tensor **c_last; /* lstm: likewise c; the others: gets NULL */
    bool
        projected; /* lstm: five weights each, the last weight_r [P, H]: h is [N, P], weight_r times a step's (Sak et al. 2014) */
} ct_recurrent_options;
#define CT_DEFAULTS_ct_recurrent_options
CT_API void ct_recurrent_options_init(ct_recurrent_options *options, size_t size);

/* A whole sequence: x [T, N, I]; h0 (and c0) [layers directions, N, H], or NULL for zeros. weights: for each layer, and each
 * of its directions, weight_x, weight_h, bias_x, bias_h (biases may be NULL); n_weights is 4 layers directions, at most 56.
 * Result [T, N, H directions]. */
CT_API ct_tensor *ct_rnn(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                         const ct_recurrent_options *options);
CT_API ct_tensor *ct_rnn_relu(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                              const ct_recurrent_options *options);
CT_API ct_tensor *ct_lstm(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n_weights,
                          const ct_recurrent_options *options);
CT_API ct_tensor *ct_gru(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                         const ct_recurrent_options *options);

typedef struct CT_BY_NAME ct_attention_options {
    CT_OPTIONS_HEAD;
    ct_tensor *
        mask; /* broadcasts to [..., L, S]: bool or uint8, true where a query may see a key; or float, added to the scores */
    bool is_causal; /* query i sees keys 0..i; not together with mask */
    double scale;   /* of the scores; default CT_UNSET: 1 / sqrt(E) */
    double dropout; /* of the attention weights, in training; give 0, the default, in evaluation */
    bool
        enable_gqa; /* k and v [..., heads, S, E] have fewer heads than q: each is shared by as many of q's that follow each other */
    int64_t window; /* query i sees keys i - window + 1 to i + window - 1 only (Beltagy et al. 2020); default 0: all */
    bool alibi;     /* adds -2^(-8 h / H) |i - j| to the scores of head h = 1..H (Press et al. 2022) */
} ct_attention_options;
#define CT_DEFAULTS_ct_attention_options .scale = CT_UNSET,
CT_API void ct_attention_options_init(ct_attention_options *options, size_t size);
/* softmax(q k^T scale + mask) v: q [..., L, E], k [..., S, E], v [..., S, V]; result [..., L, V] (Vaswani et al. 2017, eq. 1). */
CT_API ct_tensor *ct_scaled_dot_product_attention(ct_tensor *q, ct_tensor *k, ct_tensor *v,
                                                  const ct_attention_options *options);

typedef struct CT_BY_NAME ct_rotary_options {
    CT_OPTIONS_HEAD;
    double base;      /* default 10000 */
    double offset;    /* position of the first element */
    bool interleaved; /* pairs lie side by side, as in the paper; otherwise E / 2 apart, as in GPT-NeoX and LLaMA */
} ct_rotary_options;
#define CT_DEFAULTS_ct_rotary_options .base = 10000,
CT_API void ct_rotary_options_init(ct_rotary_options *options, size_t size);
/* x [..., L, E] with pair k of position t turned by the angle (t + offset) base^(-2k / E); E is even (Su et al. 2021, eq. 34). */
CT_API ct_tensor *ct_rotary_embedding(ct_tensor *x, const ct_rotary_options *options);

/* In training each element is 0 with probability p and x / (1 - p) otherwise, drawn once, from the thread's generator; in
 * evaluation, and for p = 0, x itself, the same pointer (see ct_same). p in [0, 1]. training: false in evaluation, true in
 * training. */
CT_API ct_tensor *ct_dropout(ct_tensor *x, double p, bool training);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_rnn_cell(x, h, weight_x, weight_h, bias_x, bias_h) \
    ct_at(CT_HERE, ct_rnn_cell(x, h, weight_x, weight_h, bias_x, bias_h))
#define ct_rnn_relu_cell(x, h, weight_x, weight_h, bias_x, bias_h) \
    ct_at(CT_HERE, ct_rnn_relu_cell(x, h, weight_x, weight_h, bias_x, bias_h))
#define ct_lstm_cell(x, h, c, weight_x, weight_h, bias_x, bias_h, c_next) \
    ct_at(CT_HERE, ct_lstm_cell(x, h, c, weight_x, weight_h, bias_x, bias_h, c_next))
#define ct_gru_cell(x, h, weight_x, weight_h, bias_x, bias_h) \
    ct_at(CT_HERE, ct_gru_cell(x, h, weight_x, weight_h, bias_x, bias_h))
#define ct_rnn(...) ct_at(CT_HERE, CT_WITH4(ct_rnn, ct_recurrent_options, __VA_ARGS__, ))
#define ct_rnn_relu(...) ct_at(CT_HERE, CT_WITH4(ct_rnn_relu, ct_recurrent_options, __VA_ARGS__, ))
#define ct_lstm(...) ct_at(CT_HERE, CT_WITH5(ct_lstm, ct_recurrent_options, __VA_ARGS__, ))
#define ct_gru(...) ct_at(CT_HERE, CT_WITH4(ct_gru, ct_recurrent_options, __VA_ARGS__, ))
#define ct_rotary_embedding(...) ct_at(CT_HERE, CT_WITH1(ct_rotary_embedding, ct_rotary_options, __VA_ARGS__, ))
#define ct_scaled_dot_product_attention(...) \
    ct_at(CT_HERE, CT_WITH3(ct_scaled_dot_product_attention, ct_attention_options, __VA_ARGS__, ))
#define ct_dropout(x, p, training) ct_at(CT_HERE, ct_dropout(x, p, training))
#endif

#ifdef __cplusplus
}
#endif
#endif
