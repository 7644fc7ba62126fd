/* Recurrent layers over whole sequences, one on top of the other, in one direction or two: expressions over the records of recurrent.c. */
#include "kinds.h"

/* ---- sequences: x, h0, (c0,) then four weights, or five, for each layer and direction ---- */

typedef struct sequence_attributes {
    int64_t directions, training;
    double dropout;
} sequence_attributes;

typedef struct sequence {
    const ct_recurrent_type *kind;
    int64_t layers, directions, batch, hidden, width; /* of c; of h */
    ct_tensor *h0, *c0, **h_last, **c_last;           /* room for layers * directions each */
} sequence;

/* One layer in all its directions. */
static ct_tensor *run_layer(const sequence *q, ct_call *call, ct_tensor *x, int64_t layer)
{
    int first = q->kind->has_cell ? 3 : 2;
    ct_tensor *results[2] = {NULL, NULL};
    for (int64_t d = 0; d < q->directions; d++) {
        int64_t index = layer * q->directions + d;
        ct_tensor *inputs[8] = {x, ct_select(q->h0, 0, index), q->c0 ? ct_select(q->c0, 0, index) : NULL},
                  *made[CT_MAX_OUTPUTS];
        ct_tensor **w = inputs + first;
        int each = ct__recurrent_weights(q->kind);
        for (int i = 0; i < each; i++)
            w[i] = ct_call_input(call, first + (int)index * each + i);
        if (!ct__recurrent_weights_fit(w, q->kind, ct_size(x, 2), q->hidden, q->width)) {
            ct_call_error(call, CT_ERROR_SHAPE, "weights of layer %lld, direction %lld do not fit: %s",
                          (long long)layer, (long long)d, ct_call_shapes(call));
            return NULL;
        }
        if (ct_apply_multi(q->kind->layer, inputs, first + each, &(ct_recurrent_attributes){d == 1}, made) != CT_OK)
            return NULL;
        results[d] = made[0];
        q->h_last[index] = made[1];
        q->c_last[index] = q->kind->has_cell ? made[2] : NULL;
    }
    return q->directions == 2 ? ct_concat(results, 2, 2) : results[0];
}

/* Fills q from the call; false with an error. */
static bool begin_sequence(sequence *q, ct_call *call, const ct_recurrent_type *k)
{
    const sequence_attributes *a = ct_call_attributes(call);
    int first = k->has_cell ? 3 : 2, n_weights = ct_call_inputs(call) - first, each = ct__recurrent_weights(k);
    ct_tensor *x = ct_call_input(call, 0), *weight_h = ct_call_input(call, first + 1);
    *q = (sequence){.kind = k, .directions = a->directions ? a->directions : 1};
    q->layers = n_weights / (each * q->directions);
    if (ct_rank(x) != 3 || ct_size(x, 0) < 1 || !weight_h || ct_rank(weight_h) != 2 || q->layers < 1 ||
        n_weights != q->layers * q->directions * each) {
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [T,N,I] with T > 0 and %s weights for each layer and direction: %s",
                      each == 5 ? "five" : "four", ct_call_shapes(call));
        return false;
    }
    if (!(a->dropout >= 0 && a->dropout <= 1)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "dropout = %g is not in [0, 1]", a->dropout);
        return false;
    }
    q->batch = ct_size(x, 1);
    q->width = ct_size(weight_h, 1);
    q->hidden = k->projects ? ct_size(weight_h, 0) / k->gates : q->width;
    ct_tensor **states[] = {&q->h0, &q->c0};
    for (int i = 0; i < first - 1; i++) {
        int64_t shape[] = {q->layers * q->directions, q->batch, i == 0 ? q->width : q->hidden};
        ct_tensor *given = ct_call_input(call, 1 + i);
        if (given && (ct_rank(given) != 3 || ct_size(given, 0) != shape[0] || ct_size(given, 1) != shape[1] ||
                      ct_size(given, 2) != shape[2])) {
            ct_call_error(call, CT_ERROR_SHAPE, "initial states must be [%lld,%lld,%lld]: %s", (long long)shape[0],
                          (long long)shape[1], (long long)shape[2], ct_call_shapes(call));
            return false;
        }
        *states[i] = given ? given : ct_zeros(ct_dtype_of(x), shape, 3);
    }
    return true;
}

static ct_tensor *run_layers(sequence *q, ct_call *call)
{
    const sequence_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    for (int64_t layer = 0; x && layer < q->layers; layer++) {
        x = run_layer(q, call, x, layer);
        if (layer + 1 < q->layers)
            x = ct_dropout(x, a->dropout, a->training);
    }
    int64_t ends = q->layers * q->directions;
    if (!x || ct_call_set_output(call, 1, ct_stack(q->h_last, ends, 0)) != CT_OK)
        return NULL;
    return !q->kind->has_cell || ct_call_set_output(call, 2, ct_stack(q->c_last, ends, 0)) == CT_OK ? x : NULL;
}

static ct_tensor *run_sequence(ct_call *call, const ct_recurrent_type *k)
{
    sequence q;
    if (!begin_sequence(&q, call, k))
        return NULL;
    ct_tensor *h_last[CT_MAX_INPUTS / 4], *c_last[CT_MAX_INPUTS / 4]; /* a layer and direction has four weights */
    q.h_last = h_last;
    q.c_last = c_last;
    return run_layers(&q, call);
}

#define ONE_WAY            \
    &(sequence_attributes) \
    {                      \
        .directions = 1    \
    }
#define TWO_WAYS           \
    &(sequence_attributes) \
    {                      \
        .directions = 2    \
    }

static ct_tensor *rnn_expression(ct_call *call)
{
    return run_sequence(call, &ct__rnn_kind);
}

static const ct_sample rnn_samples[] = {
    {.inputs = "3x2x3 1x2x4 4x3 4x4 4 4", .attributes = ONE_WAY},
    {.inputs = "2x2x3 4x2x2 2x3 2x2 2 2 2x3 2x2 2 2 2x4 2x2 2 2 2x4 2x2 2 2", .attributes = TWO_WAYS},
    {.inputs = NULL}};

const ct_op ct_op_rnn = {
    .name = "rnn",
    .gradient = "that of rnn_cell, through time",
    .min_inputs = 1,
    .max_inputs = 58,
    .outputs = 2,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = rnn_expression,
    .samples = rnn_samples,
};

static ct_tensor *rnn_relu_expression(ct_call *call)
{
    return run_sequence(call, &ct__rnn_relu_kind);
}

/* Of more than one layer all is above the kinks: far beyond them, between numbers of 1e5 to the sixth, none can be seen. */
static const ct_sample rnn_relu_samples[] = {
    {.inputs = "3x2x3 1x2x4 4x3 4x4 4 4", .attributes = ONE_WAY},
    {.inputs = "2x2x3@0.1..1 4x2x2@0.1..1 2x3@0.1..1 2x2@0.1..1 2@0.1..1 2@0.1..1 2x3@0.1..1 2x2@0.1..1 2@0.1..1 "
               "2@0.1..1 2x4@0.1..1 2x2@0.1..1 2@0.1..1 2@0.1..1 2x4@0.1..1 2x2@0.1..1 2@0.1..1 2@0.1..1",
     .attributes = TWO_WAYS},
    {.inputs = NULL}};

const ct_op ct_op_rnn_relu = {
    .name = "rnn_relu",
    .gradient = "that of rnn_relu_cell, through time",
    .min_inputs = 1,
    .max_inputs = 58,
    .outputs = 2,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = rnn_relu_expression,
    .samples = rnn_relu_samples,
};

static ct_tensor *lstm_expression(ct_call *call)
{
    return run_sequence(call, &ct__lstm_kind);
}

static const ct_sample lstm_samples[] = {
    {.inputs = "3x2x3 1x2x4 1x2x4 16x3 16x4 16 16", .attributes = ONE_WAY},
    {.inputs = "2x1x3 2x1x2 2x1x2 8x3 8x2 8 8 8x3 8x2 8 8", .attributes = TWO_WAYS},
    {.inputs = NULL}};

const ct_op ct_op_lstm = {
    .name = "lstm",
    .gradient = "that of lstm_cell, through time",
    .min_inputs = 1,
    .max_inputs = 59,
    .outputs = 3,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = lstm_expression,
    .samples = lstm_samples,
};

static ct_tensor *lstm_projected_expression(ct_call *call)
{
    return run_sequence(call, &ct__lstm_projected_kind);
}

static const ct_sample lstm_projected_samples[] = {
    {.inputs = "3x2x3 1x2x2 1x2x4 16x3 16x2 16 16 2x4", .attributes = ONE_WAY},
    {.inputs = "2x1x3 2x1x1 2x1x2 8x3 8x1 8 8 1x2 8x3 8x1 8 8 1x2", .attributes = TWO_WAYS},
    {.inputs = NULL}};

/* lstm with .projected. */
const ct_op ct_op_lstm_projected = {
    .name = "lstm_projected",
    .gradient = "that of lstm_cell, its h through weight_r, through time",
    .min_inputs = 1,
    .max_inputs = 59,
    .outputs = 3,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = lstm_projected_expression,
    .samples = lstm_projected_samples,
    .source = "Sak, Senior, Beaufays: Long short-term memory recurrent neural network architectures (2014)",
};

static ct_tensor *gru_expression(ct_call *call)
{
    return run_sequence(call, &ct__gru_kind);
}

static const ct_sample gru_samples[] = {{.inputs = "3x2x3 1x2x4 12x3 12x4 12 12", .attributes = ONE_WAY},
                                        {.inputs = "2x1x3 2x1x2 6x3 6x2 6 6 6x3 6x2 6 6", .attributes = TWO_WAYS},
                                        {.inputs = NULL}};

const ct_op ct_op_gru = {
    .name = "gru",
    .gradient = "that of gru_cell, through time",
    .min_inputs = 1,
    .max_inputs = 58,
    .outputs = 2,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = gru_expression,
    .samples = gru_samples,
};

CT_OPTIONS_INIT(ct_recurrent_options)

/* What ct_rnn, ct_rnn_relu, ct_lstm and ct_gru share: states has n_states entries, which may be NULL. */
static ct_tensor *apply_sequence(const ct_op *op, ct_tensor *x, ct_tensor *const *states, int n_states,
                                 ct_tensor *const *weights, int n_weights, const ct_recurrent_options *options)
{
    CT_READ_OPTIONS(ct_recurrent_options, o, options, op->name);
    if (!o || (op != &ct_op_lstm && CT_TAKES_NO(o, op->name, projected)))
        return NULL;
    op = o->projected ? &ct_op_lstm_projected : op;
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS] = {NULL};
    if (n_weights < 0 || n_weights > 56 || (n_weights > 0 && !weights)) {
        ct__error(CT_ERROR_ARGUMENT, "%s: %d weights, takes at most 56", op->name, n_weights);
        return NULL;
    }
    inputs[0] = o->batch_first ? ct_transpose(x, 0, 1) : x;
    for (int i = 0; i < n_states; i++)
        inputs[1 + i] = states[i];
    for (int i = 0; i < n_weights; i++)
        inputs[1 + n_states + i] = weights[i];
    sequence_attributes a = {.directions = o->bidirectional ? 2 : 1, .dropout = o->dropout, .training = !o->evaluation};
    ct_apply_multi(op, inputs, 1 + n_states + n_weights, &a, outputs);
    if (o->h_last)
        *o->h_last = outputs[1];
    if (o->c_last)
        *o->c_last = n_states > 1 ? outputs[2] : NULL;
    return outputs[0] && o->batch_first ? ct_transpose(outputs[0], 0, 1) : outputs[0];
}

ct_tensor *ct_rnn(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                  const ct_recurrent_options *options)
{
    return apply_sequence(&ct_op_rnn, x, &h0, 1, weights, n_weights, options);
}

ct_tensor *ct_rnn_relu(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                       const ct_recurrent_options *options)
{
    return apply_sequence(&ct_op_rnn_relu, x, &h0, 1, weights, n_weights, options);
}

ct_tensor *ct_lstm(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n_weights,
                   const ct_recurrent_options *options)
{
    return apply_sequence(&ct_op_lstm, x, (ct_tensor *[]){h0, c0}, 2, weights, n_weights, options);
}

ct_tensor *ct_gru(ct_tensor *x, ct_tensor *h0, ct_tensor *const *weights, int n_weights,
                  const ct_recurrent_options *options)
{
    return apply_sequence(&ct_op_gru, x, &h0, 1, weights, n_weights, options);
}
