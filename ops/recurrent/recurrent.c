/* Recurrent cells, and layers of them in one direction, as expressions; most layers have a
 * shortcut beside their own (recurrent_fast.c).
 *
 * Invariant: a sequence's step is the same expression as its cell's; only the product with x is made for all steps at once. */
#include "kinds.h"

/* ---- one step, from the products with x and h ---- */

/* Columns gate * H .. (gate + 1) * H - 1. */
static ct_tensor *gate(ct_tensor *all, int index, int gates)
{
    int64_t width = ct_size(all, 1) / gates;
    return ct_slice(all, 1, index * width, (index + 1) * width, 1);
}

static ct_recurrent_state rnn_step(ct_tensor *from_x, ct_tensor *from_h, ct_recurrent_state s)
{
    (void)s;
    return (ct_recurrent_state){.h = ct_tanh(ct_add(from_x, from_h))};
}

static ct_recurrent_state rnn_relu_step(ct_tensor *from_x, ct_tensor *from_h, ct_recurrent_state s)
{
    (void)s;
    return (ct_recurrent_state){.h = ct_relu(ct_add(from_x, from_h))};
}

static ct_recurrent_state lstm_step(ct_tensor *from_x, ct_tensor *from_h, ct_recurrent_state s)
{
    ct_tensor *all = ct_add(from_x, from_h);
    ct_tensor *input = ct_sigmoid(gate(all, 0, 4)), *forget = ct_sigmoid(gate(all, 1, 4));
    ct_tensor *cell = ct_tanh(gate(all, 2, 4)), *output = ct_sigmoid(gate(all, 3, 4));
    ct_tensor *c = ct_add(ct_mul(forget, s.c), ct_mul(input, cell));
    return (ct_recurrent_state){.h = ct_mul(output, ct_tanh(c)), .c = c};
}

static ct_recurrent_state gru_step(ct_tensor *from_x, ct_tensor *from_h, ct_recurrent_state s)
{
    ct_tensor *reset = ct_sigmoid(ct_add(gate(from_x, 0, 3), gate(from_h, 0, 3)));
    ct_tensor *update = ct_sigmoid(ct_add(gate(from_x, 1, 3), gate(from_h, 1, 3)));
    ct_tensor *fresh = ct_tanh(ct_add(gate(from_x, 2, 3), ct_mul(reset, gate(from_h, 2, 3))));
    return (ct_recurrent_state){.h = ct_add(fresh, ct_mul(update, ct_sub(s.h, fresh)))};
}

const ct_recurrent_type
    ct__rnn_kind = {.gates = 1,
                    .step = rnn_step,
                    .layer = &ct_op_rnn_layer,
                    .fast = {.kind = CT_RNN, .gates = 1, .keeps = CT_RNN_KEEPS, .adds = true}},
    ct__lstm_kind = {.gates = 4,
                     .has_cell = true,
                     .step = lstm_step,
                     .layer = &ct_op_lstm_layer,
                     .fast = {.kind = CT_LSTM, .gates = 4, .keeps = CT_LSTM_KEEPS, .has_cell = true, .adds = true}},
    ct__rnn_relu_kind = {.gates = 1, .step = rnn_relu_step, .layer = &ct_op_rnn_relu_layer},
    ct__lstm_projected_kind = {.gates = 4,
                               .has_cell = true,
                               .projects = true,
                               .step = lstm_step,
                               .layer = &ct_op_lstm_projected_layer},
    ct__gru_kind = {.gates = 3,
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

bool ct__recurrent_weights_fit(ct_tensor *const *w, const ct_recurrent_type *k, int64_t features, int64_t hidden,
                               int64_t width)
{
    int64_t rows = k->gates * hidden;
    return is_matrix(w[0], rows, features) && is_matrix(w[1], rows, width) && is_vector_or_null(w[2], rows) &&
           is_vector_or_null(w[3], rows) && (k->projects ? is_matrix(w[4], width, hidden) : hidden == width);
}

static ct_tensor *run_cell(ct_call *call, const ct_recurrent_type *k)
{
    int first = k->has_cell ? 3 : 2;
    ct_tensor *x = ct_call_input(call, 0), *w[4];
    ct_recurrent_state s = {.h = ct_call_input(call, 1), .c = k->has_cell ? ct_call_input(call, 2) : NULL};
    for (int i = 0; i < 4; i++)
        w[i] = ct_call_input(call, first + i);
    if (ct_rank(x) != 2 || ct_rank(s.h) != 2 || !is_matrix(s.h, ct_size(x, 0), ct_size(s.h, 1)) ||
        (s.c && !is_matrix(s.c, ct_size(x, 0), ct_size(s.h, 1))) ||
        !ct__recurrent_weights_fit(w, k, ct_size(x, 1), ct_size(s.h, 1), ct_size(s.h, 1))) {
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [N,I], states [N,H], weights [%dH,I] and [%dH,H], biases [%dH]: %s", k->gates, k->gates,
                      k->gates, ct_call_shapes(call));
        return NULL;
    }
    ct_recurrent_state next = k->step(ct_linear(x, w[0], w[2]), ct_linear(s.h, w[1], w[3]), s);
    if (k->has_cell && ct_call_set_output(call, 1, next.c) != CT_OK)
        return NULL;
    return next.h;
}

static ct_tensor *rnn_cell_expression(ct_call *call)
{
    return run_cell(call, &ct__rnn_kind);
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
    return run_cell(call, &ct__rnn_relu_kind);
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
    return run_cell(call, &ct__lstm_kind);
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
    return run_cell(call, &ct__gru_kind);
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

/* Matrix number index of [n, rows, cols]. */
static ct_tensor *part(ct_tensor *t, int64_t index)
{
    return ct_select(t, 0, index);
}

/* Whether x [T, N, I] with T > 0, the states [N, H] and the weights fit; otherwise the error says so. */
static bool layer_fits(ct_call *call, const ct_recurrent_type *k)
{
    ct_tensor *x = ct_call_input(call, 0), *h = ct_call_input(call, 1), *w[5];
    ct_tensor *c = k->has_cell ? ct_call_input(call, 2) : NULL;
    for (int i = 0; i < ct__recurrent_weights(k); i++)
        w[i] = ct_call_input(call, (k->has_cell ? 3 : 2) + i);
    bool fits = ct_rank(x) == 3 && ct_size(x, 0) > 0 && ct_rank(h) == 2 && ct_size(h, 0) == ct_size(x, 1) &&
                (!k->projects || (c && ct_rank(c) == 2));
    int64_t width = fits ? ct_size(h, 1) : 0, hidden = fits && k->projects ? ct_size(c, 1) : width;
    fits = fits && (!c || is_matrix(c, ct_size(h, 0), hidden)) &&
           ct__recurrent_weights_fit(w, k, ct_size(x, 2), hidden, width);
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [T,N,I], T > 0, states [N,H], weights [%dH,I] and [%dH,H], biases [%dH]%s: %s", k->gates,
                      k->gates, k->gates,
                      k->projects ? ", where h and weights for it have P in place of H, and [P,H]" : "",
                      ct_call_shapes(call));
    return fits;
}

/* All steps, their results into steps[0..T-1]; returns the last state. */
static ct_recurrent_state run_direction(ct_call *call, const ct_recurrent_type *k, ct_tensor **steps)
{
    const ct_recurrent_attributes *a = ct_call_attributes(call);
    int first = k->has_cell ? 3 : 2;
    ct_tensor *x = ct_call_input(call, 0), *weight_h = ct_call_input(call, first + 1);
    ct_tensor *bias_h = ct_call_input(call, first + 3),
              *projection = k->projects ? ct_call_input(call, first + 4) : NULL;
    ct_recurrent_state s = {.h = ct_call_input(call, 1), .c = k->has_cell ? ct_call_input(call, 2) : NULL};
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

static ct_tensor *layer_expression(ct_call *call, const ct_recurrent_type *k)
{
    if (!layer_fits(call, k))
        return NULL;
    int64_t length = ct_size(ct_call_input(call, 0), 0);
    ct_tensor **steps = ct__alloc((size_t)length * sizeof *steps);
    if (!steps) {
        ct__no_memory(call->op->name);
        return NULL;
    }
    ct_recurrent_state s = run_direction(call, k, steps);
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
        return layer_expression(call, &ct__##cell##_kind);                                                      \
    }                                                                                                           \
    static ct_status cell##_layer_infer(ct_call *call)                                                          \
    {                                                                                                           \
        return layer_fits(call, &ct__##cell##_kind) ? ct__recurrent_infer(call, &ct__##cell##_kind.fast)        \
                                                    : CT_ERROR_SHAPE;                                           \
    }                                                                                                           \
    static ct_status cell##_layer_forward(ct_call *call)                                                        \
    {                                                                                                           \
        const ct_recurrent_attributes *a = ct_call_attributes(call);                                            \
        return ct__recurrent_forward(call, &ct__##cell##_kind.fast, a->backwards);                              \
    }                                                                                                           \
    static ct_status cell##_layer_backward(ct_call *call)                                                       \
    {                                                                                                           \
        const ct_recurrent_attributes *a = ct_call_attributes(call);                                            \
        return ct__recurrent_backward(call, &ct__##cell##_kind.fast, a->backwards);                             \
    }                                                                                                           \
    const ct_op ct_op_##cell##_layer = {                                                                        \
        .name = #cell "_layer",                                                                                 \
        .gradient = formula,                                                                                    \
        .min_inputs = (has_cell_) ? 5 : 4,                                                                      \
        .max_inputs = (has_cell_) ? 7 : 6,                                                                      \
        .outputs = (has_cell_) ? 3 : 2,                                                                         \
        .hidden = (has_cell_) ? 2 : 1,                                                                          \
        .saves = CT_SAVE_OUTPUT(0) | ((has_cell_) ? CT_SAVE_OUTPUT(3) | CT_SAVE_OUTPUT(4) : CT_SAVE_OUTPUT(2)), \
        .attributes_size = sizeof(ct_recurrent_attributes),                                                     \
        .attribute_names = "backwards",                                                                         \
        .infer = cell##_layer_infer,                                                                            \
        .forward = cell##_layer_forward,                                                                        \
        .backward = cell##_layer_backward,                                                                      \
        .expression = cell##_layer_expression,                                                                  \
        .samples = (const ct_sample[]){__VA_ARGS__, {.inputs = NULL}},                                          \
    }
#define FROM_THE_END           \
    &(ct_recurrent_attributes) \
    {                          \
        .backwards = 1         \
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
        return layer_expression(call, &ct__##cell##_kind);             \
    }                                                                  \
    const ct_op ct_op_##cell##_layer = {                               \
        .name = #cell "_layer",                                        \
        .gradient = formula,                                           \
        .min_inputs = least,                                           \
        .max_inputs = most,                                            \
        .outputs = n_out,                                              \
        .attributes_size = sizeof(ct_recurrent_attributes),            \
        .attribute_names = "backwards",                                \
        .expression = cell##_layer_expression,                         \
        .samples = (const ct_sample[]){__VA_ARGS__, {.inputs = NULL}}, \
    }
PLAIN_LAYER(rnn_relu, 4, 6, 2, "that of rnn_relu_cell, through time",
            {.inputs = "3x2x3 2x4 4x3 4x4 4 4", .attributes = &(ct_recurrent_attributes){0}},
            {.inputs = "2x3x1 3x5 5x1 5x5 null 5", .attributes = FROM_THE_END});
PLAIN_LAYER(lstm_projected, 5, 8, 3, "that of lstm_cell, its h through weight_r, through time",
            {.inputs = "3x2x3 2x2 2x4 16x3 16x2 16 16 2x4", .attributes = &(ct_recurrent_attributes){0}},
            {.inputs = "2x3x1 3x1 3x3 12x1 12x1 null 12 1x3", .attributes = FROM_THE_END});
