/* ONNX's recurrent operators: RNN, GRU and LSTM over whole sequences, in either direction or both.
 *
 * x [T,N,I], W [D,gates H,I], R [D,gates H,H], B [D,2 gates H], h0 and c0 [D,N,H] -> Y [T,D,N,H], Y_h and Y_c [D,N,H]. ONNX orders the
 * gates of an LSTM i, o, f, c and of a GRU z, r, h; ours are i, f, g, o and r, z, n. */
#include "model.h"

typedef struct kind {
    int gates;
    int order[4]; /* where each of our gates is in ONNX's */
    bool has_cell;
    ct_tensor *(*run)(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                      const ct_recurrent_options *options);
} kind;

/* Rows gate * H .. of t in our order; t [rows, ...] or [rows]. */
static ct_tensor *in_our_order(const kind *k, ct_tensor *t)
{
    ct_tensor *parts[4];
    int64_t hidden = t ? ct_size(t, 0) / k->gates : 0;
    for (int i = 0; t && i < k->gates; i++)
        parts[i] = ct_slice(t, 0, k->order[i] * hidden, (k->order[i] + 1) * hidden, 1);
    return t ? ct_concat(parts, k->gates, 0) : NULL;
}

/* The weights of direction d: weight_x, weight_h, bias_x, bias_h. */
static void weights_of(const ct__onnx_run *r, const kind *k, int64_t d, ct_tensor **weights)
{
    weights[0] = in_our_order(k, ct_select(r->in[1], 0, d));
    weights[1] = in_our_order(k, ct_select(r->in[2], 0, d));
    weights[2] = weights[3] = NULL;
    if (!r->in[3])
        return;
    ct_tensor *both = ct_select(r->in[3], 0, d);
    int64_t half = both ? ct_size(both, 0) / 2 : 0;
    weights[2] = in_our_order(k, ct_slice(both, 0, 0, half, 1));
    weights[3] = in_our_order(k, ct_slice(both, 0, half, CT_END, 1));
}

static bool is_known(const ct__onnx_run *r)
{
    return !r->in[4] && !r->in[7] && !ct__onnx_has(r, "activations") && !ct__onnx_has(r, "clip") &&
           !ct__onnx_integer(r, "layout", 0) && !ct__onnx_integer(r, "input_forget", 0);
}

static ct_tensor *turned(ct_tensor *x, bool reverse)
{
    return reverse ? ct_flip(x, (const int64_t[]){0}, 1) : x;
}

/* [T,N,D H] as [T,D,N,H]. */
static ct_tensor *by_direction(ct_tensor *y, int64_t directions)
{
    if (!y)
        return NULL;
    const int64_t shape[] = {ct_size(y, 0), ct_size(y, 1), directions, ct_size(y, 2) / directions};
    return ct_permute(ct_reshape(y, shape, 4), (const int64_t[]){0, 2, 1, 3}, 4);
}

static ct_tensor *run_sequence(ct__onnx_run *r, const kind *k)
{
    bool both = ct__onnx_is_word(r, "direction", "bidirectional", false);
    bool reverse = ct__onnx_is_word(r, "direction", "reverse", false);
    ct_tensor *weights[8];
    if (!is_known(r))
        return ct__onnx_refuse(r, "lengths, peepholes, activations, clip, layout and input_forget are not known here");
    if (!r->in[0] || !r->in[1] || !r->in[2])
        return NULL;
    for (int64_t d = 0; d < 1 + both; d++)
        weights_of(r, k, d, weights + 4 * d);
    CT_OPTIONS(ct_recurrent_options, options, .bidirectional = both, .evaluation = true, .h_last = &r->out[1],
               .c_last = k->has_cell ? &r->out[2] : NULL);
    ct_tensor *y =
        k->run(turned(r->in[0], reverse), r->in[5], k->has_cell ? r->in[6] : NULL, weights, 4 * (1 + both), &options);
    return by_direction(turned(y, reverse), 1 + both);
}

ct_tensor *ct__onnx_rnn(ct__onnx_run *r)
{
    static const kind rnn = {.gates = 1, .order = {0}, .run = ct__run_rnn};
    return run_sequence(r, &rnn);
}

ct_tensor *ct__onnx_gru(ct__onnx_run *r)
{
    static const kind gru = {.gates = 3, .order = {1, 0, 2}, .run = ct__run_gru};
    if (!ct__onnx_integer(r, "linear_before_reset", 0))
        return ct__onnx_refuse(r, "the reset before the product is not known here");
    return run_sequence(r, &gru);
}

ct_tensor *ct__onnx_lstm(ct__onnx_run *r)
{
    static const kind lstm = {.gates = 4, .order = {0, 2, 3, 1}, .has_cell = true, .run = ct_lstm};
    return run_sequence(r, &lstm);
}
