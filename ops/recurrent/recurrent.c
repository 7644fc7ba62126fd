/* Recurrent cells and whole sequences, as expressions; a layer in one direction has a shortcut beside its own (recurrent_fast.c).
 *
 * Invariant: a sequence's step is the same expression as its cell's; only the product with x is made for all steps at once. */
#include "recurrent_fast.h"
#include <cotan/ops.h>

/* ---- one step, from the products with x and h ---- */

/* Columns gate * H .. (gate + 1) * H - 1. */
static ct_tensor *gate(ct_tensor *all, int index, int gates)
{
    int64_t width = ct_size(all, 1) / gates;
    return ct_slice(all, 1, index * width, (index + 1) * width, 1);
}

typedef struct state {
    ct_tensor *h, *c; /* c: lstm only */
} state;

static state rnn_step(ct_tensor *from_x, ct_tensor *from_h, state s)
{
    (void)s;
    return (state){.h = ct_tanh(ct_add(from_x, from_h))};
}

static state rnn_relu_step(ct_tensor *from_x, ct_tensor *from_h, state s)
{
    (void)s;
    return (state){.h = ct_relu(ct_add(from_x, from_h))};
}

static state lstm_step(ct_tensor *from_x, ct_tensor *from_h, state s)
{
    ct_tensor *all = ct_add(from_x, from_h);
    ct_tensor *input = ct_sigmoid(gate(all, 0, 4)), *forget = ct_sigmoid(gate(all, 1, 4));
    ct_tensor *cell = ct_tanh(gate(all, 2, 4)), *output = ct_sigmoid(gate(all, 3, 4));
    ct_tensor *c = ct_add(ct_mul(forget, s.c), ct_mul(input, cell));
    return (state){.h = ct_mul(output, ct_tanh(c)), .c = c};
}

static state gru_step(ct_tensor *from_x, ct_tensor *from_h, state s)
{
    ct_tensor *reset = ct_sigmoid(ct_add(gate(from_x, 0, 3), gate(from_h, 0, 3)));
    ct_tensor *update = ct_sigmoid(ct_add(gate(from_x, 1, 3), gate(from_h, 1, 3)));
    ct_tensor *fresh = ct_tanh(ct_add(gate(from_x, 2, 3), ct_mul(reset, gate(from_h, 2, 3))));
    return (state){.h = ct_add(fresh, ct_mul(update, ct_sub(s.h, fresh)))};
}

typedef struct kind {
    int gates;
    bool has_cell, projects; /* projects: a fifth weight, [P, H], makes h [N, P] of each step's [N, H] */
    state (*step)(ct_tensor *from_x, ct_tensor *from_h, state s);
    const ct_op *layer;      /* the record of one layer in one direction, */
    ct_recurrent_layer fast; /* and its shortcut, if it has one */
} kind;

extern const ct_op ct_op_rnn_layer, ct_op_rnn_relu_layer, ct_op_lstm_layer, ct_op_lstm_projected_layer, ct_op_gru_layer;

static const kind rnn_kind = {.gates = 1,
                              .step = rnn_step,
                              .layer = &ct_op_rnn_layer,
                              .fast = {.kind = CT_RNN, .gates = 1, .keeps = CT_RNN_KEEPS, .adds = true}},
                  lstm_kind =
                      {.gates = 4,
                       .has_cell = true,
                       .step = lstm_step,
                       .layer = &ct_op_lstm_layer,
                       .fast = {.kind = CT_LSTM, .gates = 4, .keeps = CT_LSTM_KEEPS, .has_cell = true, .adds = true}},
                  rnn_relu_kind = {.gates = 1, .step = rnn_relu_step, .layer = &ct_op_rnn_relu_layer},
                  lstm_projected_kind = {.gates = 4,
                                         .has_cell = true,
                                         .projects = true,
                                         .step = lstm_step,
                                         .layer = &ct_op_lstm_projected_layer},
                  gru_kind = {.gates = 3,
                              .step = gru_step,
                              .layer = &ct_op_gru_layer,
                              .fast = {.kind = CT_GRU, .gates = 3, .keeps = CT_GRU_KEEPS}};

/* ---- cells: x, h, (c,) weight_x, weight_h, bias_x, bias_h ---- */

static bool is_matrix(const ct_tensor *t, int64_t rows, int64_t cols)
{
    return t && ct_rank(t) == 2 && ct_size(t, 0) == rows && ct_size(t, 1) == cols;
}

static bool is_vector_or_null(const ct_tensor *t, int64_t size)
{
    return !t || (ct_rank(t) == 1 && ct_size(t, 0) == size);
}

static int weights_each(const kind *k)
{
    return k->projects ? 5 : 4;
}

/* Whether the weights fit features of x, hidden numbers in a step and width of them handed on. */
static bool weights_fit(ct_tensor *const *w, const kind *k, int64_t features, int64_t hidden, int64_t width)
{
    int64_t rows = k->gates * hidden;
    return is_matrix(w[0], rows, features) && is_matrix(w[1], rows, width) && is_vector_or_null(w[2], rows) &&
           is_vector_or_null(w[3], rows) && (k->projects ? is_matrix(w[4], width, hidden) : hidden == width);
}

static ct_tensor *run_cell(ct_call *call, const kind *k)
{
    int first = k->has_cell ? 3 : 2;
    ct_tensor *x = ct_call_input(call, 0), *w[4];
    state s = {.h = ct_call_input(call, 1), .c = k->has_cell ? ct_call_input(call, 2) : NULL};
    for (int i = 0; i < 4; i++)
        w[i] = ct_call_input(call, first + i);
    if (ct_rank(x) != 2 || ct_rank(s.h) != 2 || !is_matrix(s.h, ct_size(x, 0), ct_size(s.h, 1)) ||
        (s.c && !is_matrix(s.c, ct_size(x, 0), ct_size(s.h, 1))) ||
        !weights_fit(w, k, ct_size(x, 1), ct_size(s.h, 1), ct_size(s.h, 1))) {
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [N,I], states [N,H], weights [%dH,I] and [%dH,H], biases [%dH]: %s", k->gates, k->gates,
                      k->gates, ct_call_shapes(call));
        return NULL;
    }
    state next = k->step(ct_linear(x, w[0], w[2]), ct_linear(s.h, w[1], w[3]), s);
    if (k->has_cell && ct_call_set_output(call, 1, next.c) != CT_OK)
        return NULL;
    return next.h;
}

static ct_tensor *rnn_cell_expression(ct_call *call)
{
    return run_cell(call, &rnn_kind);
}

static const ct_sample rnn_cell_samples[] = {
    {.inputs = "2x3 2x4 4x3 4x4 4 4"}, {.inputs = "2x3 2x4 4x3 4x4"}, {.inputs = NULL}};

const ct_op ct_op_rnn_cell = {
    .name = "rnn_cell",
    .gradient = "with d = g (1 - h'^2): d weight_x, d weight_h, d^T x, d^T h, sum of d",
    .min_inputs = 4,
    .max_inputs = 6,
    .expression = rnn_cell_expression,
    .samples = rnn_cell_samples,
    .source = "Elman: Finding structure in time (1990)",
};

static ct_tensor *rnn_relu_cell_expression(ct_call *call)
{
    return run_cell(call, &rnn_relu_kind);
}

const ct_op ct_op_rnn_relu_cell = {
    .name = "rnn_relu_cell",
    .gradient = "with d = g where h' > 0: d weight_x, d weight_h, d^T x, d^T h, sum of d",
    .min_inputs = 4,
    .max_inputs = 6,
    .expression = rnn_relu_cell_expression,
    .samples = rnn_cell_samples,
    .source = "Le, Jaitly, Hinton: A simple way to initialize recurrent networks (2015)",
};

static ct_tensor *lstm_cell_expression(ct_call *call)
{
    return run_cell(call, &lstm_kind);
}

static const ct_sample lstm_cell_samples[] = {
    {.inputs = "2x3 2x4 2x4 16x3 16x4 16 16"}, {.inputs = "2x3 2x4 2x4 16x3 16x4"}, {.inputs = NULL}};

const ct_op ct_op_lstm_cell = {
    .name = "lstm_cell",
    .gradient = "with dc = g_c + g_h o (1 - tanh(c')^2): dc f for c; gates dc u i(1-i), dc c f(1-f), dc i (1-u^2), "
                "g_h tanh(c') o(1-o), and through the two products",
    .min_inputs = 5,
    .max_inputs = 7,
    .outputs = 2,
    .expression = lstm_cell_expression,
    .samples = lstm_cell_samples,
    .source = "Gers, Schmidhuber, Cummins: Learning to forget (2000)",
};

static ct_tensor *gru_cell_expression(ct_call *call)
{
    return run_cell(call, &gru_kind);
}

static const ct_sample gru_cell_samples[] = {
    {.inputs = "2x3 2x4 12x3 12x4 12 12"}, {.inputs = "2x3 2x4 12x3 12x4"}, {.inputs = NULL}};

const ct_op ct_op_gru_cell = {
    .name = "gru_cell",
    .gradient =
        "g z for h; gates g (h - n) z(1-z), dn = g (1-z)(1-n^2), dn b r(1-r) with b the new gate's product with h, "
        "and through the two products",
    .min_inputs = 4,
    .max_inputs = 6,
    .expression = gru_cell_expression,
    .samples = gru_cell_samples,
    .source = "Cho et al.: Learning phrase representations (2014); PyTorch's variant",
};

ct_tensor *ct_rnn_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h, ct_tensor *bias_x,
                       ct_tensor *bias_h)
{
    return ct_apply(&ct_op_rnn_cell, (ct_tensor *[]){x, h, weight_x, weight_h, bias_x, bias_h}, 6, NULL);
}

ct_tensor *ct_rnn_relu_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h, ct_tensor *bias_x,
                            ct_tensor *bias_h)
{
    return ct_apply(&ct_op_rnn_relu_cell, (ct_tensor *[]){x, h, weight_x, weight_h, bias_x, bias_h}, 6, NULL);
}

ct_tensor *ct_gru_cell(ct_tensor *x, ct_tensor *h, ct_tensor *weight_x, ct_tensor *weight_h, ct_tensor *bias_x,
                       ct_tensor *bias_h)
{
    return ct_apply(&ct_op_gru_cell, (ct_tensor *[]){x, h, weight_x, weight_h, bias_x, bias_h}, 6, NULL);
}

ct_tensor *ct_lstm_cell(ct_tensor *x, ct_tensor *h, ct_tensor *c, ct_tensor *weight_x, ct_tensor *weight_h,
                        ct_tensor *bias_x, ct_tensor *bias_h, ct_tensor **c_next)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {NULL};
    ct_apply_multi(&ct_op_lstm_cell, (ct_tensor *[]){x, h, c, weight_x, weight_h, bias_x, bias_h}, 7, NULL, outputs);
    if (c_next)
        *c_next = outputs[1];
    return outputs[0];
}

/* ---- a layer in one direction: x, h0, (c0,) and its weights ---- */

typedef struct layer_attributes {
    int64_t backwards; /* from the last step to the first */
} layer_attributes;

/* Matrix number index of [n, rows, cols]. */
static ct_tensor *part(ct_tensor *t, int64_t index)
{
    return ct_select(t, 0, index);
}

/* Whether x [T, N, I] with T > 0, the states [N, H] and the weights fit; otherwise the error says so. */
static bool layer_fits(ct_call *call, const kind *k)
{
    ct_tensor *x = ct_call_input(call, 0), *h = ct_call_input(call, 1), *w[5];
    ct_tensor *c = k->has_cell ? ct_call_input(call, 2) : NULL;
    for (int i = 0; i < weights_each(k); i++)
        w[i] = ct_call_input(call, (k->has_cell ? 3 : 2) + i);
    bool fits = ct_rank(x) == 3 && ct_size(x, 0) > 0 && ct_rank(h) == 2 && ct_size(h, 0) == ct_size(x, 1) &&
                (!k->projects || (c && ct_rank(c) == 2));
    int64_t width = fits ? ct_size(h, 1) : 0, hidden = fits && k->projects ? ct_size(c, 1) : width;
    fits = fits && (!c || is_matrix(c, ct_size(h, 0), hidden)) && weights_fit(w, k, ct_size(x, 2), hidden, width);
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [T,N,I], T > 0, states [N,H], weights [%dH,I] and [%dH,H], biases [%dH]%s: %s", k->gates,
                      k->gates, k->gates,
                      k->projects ? ", where h and weights for it have P in place of H, and [P,H]" : "",
                      ct_call_shapes(call));
    return fits;
}

/* All steps, their results into steps[0..T-1]; returns the last state. */
static state run_direction(ct_call *call, const kind *k, ct_tensor **steps)
{
    const layer_attributes *a = ct_call_attributes(call);
    int first = k->has_cell ? 3 : 2;
    ct_tensor *x = ct_call_input(call, 0), *weight_h = ct_call_input(call, first + 1);
    ct_tensor *bias_h = ct_call_input(call, first + 3),
              *projection = k->projects ? ct_call_input(call, first + 4) : NULL;
    state s = {.h = ct_call_input(call, 1), .c = k->has_cell ? ct_call_input(call, 2) : NULL};
    int64_t length = ct_size(x, 0);
    ct_tensor *from_x =
        ct_linear(x, ct_call_input(call, first), ct_call_input(call, first + 2)); /* all steps at once */
    for (int64_t i = 0; i < length; i++) {
        int64_t t = a->backwards ? length - 1 - i : i;
        s = k->step(part(from_x, t), ct_linear(s.h, weight_h, bias_h), s);
        s.h = projection ? ct_linear(s.h, projection, NULL) : s.h;
        steps[t] = s.h;
    }
    return s;
}

static ct_tensor *layer_expression(ct_call *call, const kind *k)
{
    if (!layer_fits(call, k))
        return NULL;
    int64_t length = ct_size(ct_call_input(call, 0), 0);
    ct_tensor **steps = ct__alloc((size_t)length * sizeof *steps);
    if (!steps) {
        ct__no_memory(call->op->name);
        return NULL;
    }
    state s = run_direction(call, k, steps);
    ct_tensor *y = s.h ? ct_stack(steps, (int)length, 0) : NULL;
    ct__free(steps, (size_t)length * sizeof *steps);
    if (!y || ct_call_set_output(call, 1, s.h) != CT_OK)
        return NULL;
    return !k->has_cell || ct_call_set_output(call, 2, s.c) == CT_OK ? y : NULL;
}

/* The record of a layer, and the functions behind it. */
#define LAYER(cell, has_cell_, formula, ...)                                                                    \
    static ct_tensor *cell##_layer_expression(ct_call *call)                                                    \
    {                                                                                                           \
        return layer_expression(call, &cell##_kind);                                                            \
    }                                                                                                           \
    static ct_status cell##_layer_infer(ct_call *call)                                                          \
    {                                                                                                           \
        return layer_fits(call, &cell##_kind) ? ct__recurrent_infer(call, &cell##_kind.fast) : CT_ERROR_SHAPE;  \
    }                                                                                                           \
    static ct_status cell##_layer_forward(ct_call *call)                                                        \
    {                                                                                                           \
        const layer_attributes *a = ct_call_attributes(call);                                                   \
        return ct__recurrent_forward(call, &cell##_kind.fast, a->backwards);                                    \
    }                                                                                                           \
    static ct_status cell##_layer_backward(ct_call *call)                                                       \
    {                                                                                                           \
        const layer_attributes *a = ct_call_attributes(call);                                                   \
        return ct__recurrent_backward(call, &cell##_kind.fast, a->backwards);                                   \
    }                                                                                                           \
    const ct_op ct_op_##cell##_layer = {                                                                        \
        .name = #cell "_layer",                                                                                 \
        .gradient = formula,                                                                                    \
        .min_inputs = (has_cell_) ? 5 : 4,                                                                      \
        .max_inputs = (has_cell_) ? 7 : 6,                                                                      \
        .outputs = (has_cell_) ? 3 : 2,                                                                         \
        .hidden = (has_cell_) ? 2 : 1,                                                                          \
        .saves = CT_SAVE_OUTPUT(0) | ((has_cell_) ? CT_SAVE_OUTPUT(3) | CT_SAVE_OUTPUT(4) : CT_SAVE_OUTPUT(2)), \
        .attributes_size = sizeof(layer_attributes),                                                            \
        .attribute_names = "backwards",                                                                         \
        .infer = cell##_layer_infer,                                                                            \
        .forward = cell##_layer_forward,                                                                        \
        .backward = cell##_layer_backward,                                                                      \
        .expression = cell##_layer_expression,                                                                  \
        .samples = (const ct_sample[]){__VA_ARGS__, {.inputs = NULL}},                                          \
    }
#define FROM_THE_END    \
    &(layer_attributes) \
    {                   \
        .backwards = 1  \
    }
LAYER(rnn, false, "that of rnn_cell, through time", {.inputs = "3x2x3 2x4 4x3 4x4 4 4"},
      {.inputs = "2x3x1 3x5 5x1 5x5 null 5", .attributes = FROM_THE_END}, {.inputs = "1x2x3 2x2 2x3 2x2"});
LAYER(lstm, true, "that of lstm_cell, through time", {.inputs = "3x2x3 2x4 2x4 16x3 16x4 16 16"},
      {.inputs = "2x3x1 3x5 3x5 20x1 20x5 null 20", .attributes = FROM_THE_END}, {.inputs = "1x2x3 2x2 2x2 8x3 8x2"});
LAYER(gru, false, "that of gru_cell, through time", {.inputs = "3x2x3 2x4 12x3 12x4 12 12"},
      {.inputs = "2x3x1 3x5 15x1 15x5 null 15", .attributes = FROM_THE_END}, {.inputs = "1x2x3 2x2 6x3 6x2"});

/* One without a shortcut. */
#define PLAIN_LAYER(cell, least, most, n_out, formula, ...)            \
    static ct_tensor *cell##_layer_expression(ct_call *call)           \
    {                                                                  \
        return layer_expression(call, &cell##_kind);                   \
    }                                                                  \
    const ct_op ct_op_##cell##_layer = {                               \
        .name = #cell "_layer",                                        \
        .gradient = formula,                                           \
        .min_inputs = least,                                           \
        .max_inputs = most,                                            \
        .outputs = n_out,                                              \
        .attributes_size = sizeof(layer_attributes),                   \
        .attribute_names = "backwards",                                \
        .expression = cell##_layer_expression,                         \
        .samples = (const ct_sample[]){__VA_ARGS__, {.inputs = NULL}}, \
    }
PLAIN_LAYER(rnn_relu, 4, 6, 2, "that of rnn_relu_cell, through time",
            {.inputs = "3x2x3 2x4 4x3 4x4 4 4", .attributes = &(layer_attributes){0}},
            {.inputs = "2x3x1 3x5 5x1 5x5 null 5", .attributes = FROM_THE_END});
PLAIN_LAYER(lstm_projected, 5, 8, 3, "that of lstm_cell, its h through weight_r, through time",
            {.inputs = "3x2x3 2x2 2x4 16x3 16x2 16 16 2x4", .attributes = &(layer_attributes){0}},
            {.inputs = "2x3x1 3x1 3x3 12x1 12x1 null 12 1x3", .attributes = FROM_THE_END});

/* ---- sequences: x, h0, (c0,) then four weights, or five, for each layer and direction ---- */

typedef struct sequence_attributes {
    int64_t directions, training;
    double dropout;
} sequence_attributes;

typedef struct sequence {
    const kind *kind;
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
        ct_tensor *inputs[8] = {x, part(q->h0, index), q->c0 ? part(q->c0, index) : NULL}, *made[CT_MAX_OUTPUTS];
        ct_tensor **w = inputs + first;
        int each = weights_each(q->kind);
        for (int i = 0; i < each; i++)
            w[i] = ct_call_input(call, first + (int)index * each + i);
        if (!weights_fit(w, q->kind, ct_size(x, 2), q->hidden, q->width)) {
            ct_call_error(call, CT_ERROR_SHAPE, "weights of layer %lld, direction %lld do not fit: %s",
                          (long long)layer, (long long)d, ct_call_shapes(call));
            return NULL;
        }
        if (ct_apply_multi(q->kind->layer, inputs, first + each, &(layer_attributes){d == 1}, made) != CT_OK)
            return NULL;
        results[d] = made[0];
        q->h_last[index] = made[1];
        q->c_last[index] = q->kind->has_cell ? made[2] : NULL;
    }
    return q->directions == 2 ? ct_concat(results, 2, 2) : results[0];
}

/* Fills q from the call; false with an error. */
static bool begin_sequence(sequence *q, ct_call *call, const kind *k)
{
    const sequence_attributes *a = ct_call_attributes(call);
    int first = k->has_cell ? 3 : 2, n_weights = ct_call_inputs(call) - first, each = weights_each(k);
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

static ct_tensor *run_sequence(ct_call *call, const kind *k)
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
    return run_sequence(call, &rnn_kind);
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
    return run_sequence(call, &rnn_relu_kind);
}

const ct_op ct_op_rnn_relu = {
    .name = "rnn_relu",
    .gradient = "that of rnn_relu_cell, through time",
    .min_inputs = 1,
    .max_inputs = 58,
    .outputs = 2,
    .attributes_size = sizeof(sequence_attributes),
    .attribute_names = "directions training dropout:1d",
    .expression = rnn_relu_expression,
    .samples = rnn_samples,
};

static ct_tensor *lstm_expression(ct_call *call)
{
    return run_sequence(call, &lstm_kind);
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
    return run_sequence(call, &lstm_projected_kind);
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
    return run_sequence(call, &gru_kind);
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
