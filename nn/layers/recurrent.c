/* Recurrent layers: rnn, lstm and gru, over sequences of one length or of several.
 *
 * Invariant: the parameters of a layer and direction stand together in the module's list, in the order of the operations. */
#include "nn_internal.h"

typedef ct_tensor *run_operation(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                                 const ct_recurrent_options *options);

typedef struct recurrent {
    const struct kind *kind;
    int64_t in, hidden;
    ct_recurrent_layer_options options;
    run_operation *run;
} recurrent;

/* What is different between the three. */
struct kind {
    ct_layer layer;
    int64_t gates;
    run_operation *run;
};

static int64_t directions(const recurrent *r)
{
    return r->options.bidirectional ? 2 : 1;
}

/* Numbers of h, and weights for each layer and direction. */
static int64_t width(const recurrent *r)
{
    return r->options.proj_size ? r->options.proj_size : r->hidden;
}

static int weights_each(const recurrent *r)
{
    return r->options.proj_size ? 5 : 4;
}

/* ---- parameters ---- */

/* PyTorch's names, weight_ih_l0 and so on; all are drawn from +-1 / sqrt(hidden). */
static void add_parameter(ct_module *module, const recurrent *r, const char *what, int64_t number, int64_t rows,
                          int64_t columns)
{
    char name[64];
    snprintf(name, sizeof name, "%s_l%lld%s", what, (long long)(number / directions(r)),
             number % directions(r) ? "_reverse" : "");
    const int64_t shape[] = {rows, columns};
    ct_module_add(module, name, NULL, shape, columns ? 2 : 1,
                  CT_GIVEN(ct_add_options, .fan_in = r->hidden, .fan_out = r->hidden));
}

static void build(ct_module *module)
{
    const recurrent *r = ct_module_self(module);
    for (int64_t i = 0; i < r->options.layers * directions(r); i++) {
        int64_t rows = r->kind->gates * r->hidden;
        add_parameter(module, r, "weight_ih", i, rows, i < directions(r) ? r->in : width(r) * directions(r));
        add_parameter(module, r, "weight_hh", i, rows, width(r));
        if (!r->options.no_bias) {
            add_parameter(module, r, "bias_ih", i, rows, 0);
            add_parameter(module, r, "bias_hh", i, rows, 0);
        }
        if (r->options.proj_size)
            add_parameter(module, r, "weight_hr", i, width(r), r->hidden);
    }
}

/* Those of layer and direction number i, biases NULL where there are none. */
static void weights_of(const ct_module *module, int64_t i, ct_tensor **weights)
{
    const recurrent *r = ct_module_self(module);
    int64_t missing = r->options.no_bias ? 2 : 0, next = i * (weights_each(r) - missing);
    for (int64_t k = 0; k < weights_each(r); k++)
        weights[k] = missing && (k == 2 || k == 3) ? NULL : ct_module_tensor(module, next++);
}

/* ---- sequences of one length: the operation ---- */

static ct_tensor *run_whole(ct_module *module, ct_tensor *x, const ct_sequence_options *o)
{
    const recurrent *r = ct_module_self(module);
    ct_tensor *weights[CT_MAX_INPUTS];
    int n = (int)(r->options.layers * directions(r));
    for (int i = 0; i < n; i++)
        weights_of(module, i, weights + weights_each(r) * i);
    CT_OPTIONS(ct_recurrent_options, options, .bidirectional = r->options.bidirectional, .dropout = r->options.dropout,
               .evaluation = !ct_module_training(module), .batch_first = r->options.batch_first, .h_last = o->h_last,
               .c_last = o->c_last, .projected = r->options.proj_size > 0);
    return r->run(x, o->h0, o->c0, weights, weights_each(r) * n, &options);
}

/* ---- sequences of several lengths ----
 *
 * One layer and direction at a time, in pieces between which no sequence begins or ends: in each piece the operation runs over all
 * sequences, and those that are not in it keep their state and have zeros as result. */

typedef struct lengths {
    int64_t steps, count; /* T and N */
    int64_t *of;          /* [count] */
} lengths;

/* A state of the recurrence, [1, N, H]; c NULL but for the lstm. */
typedef struct state {
    ct_tensor *h, *c;
} state;

/* Which sequences are inside at that step: bool [N,1]. Backwards the steps count from the end, and sequences end together. */
static ct_tensor *inside(const lengths *l, int64_t step, bool backwards)
{
    ct_tensor *mask = ct_zeros(CT_BOOL, CT_SHAPE(l->count, 1));
    uint8_t *in = mask ? ct_data_mut(mask) : NULL;
    for (int64_t n = 0; in && n < l->count; n++)
        in[n] = backwards ? step >= l->steps - l->of[n] : step < l->of[n];
    return mask;
}

/* The first step after from at which a sequence begins or ends. */
static int64_t next_change(const lengths *l, int64_t from, bool backwards)
{
    int64_t next = l->steps;
    for (int64_t n = 0; n < l->count; n++) {
        int64_t change = backwards ? l->steps - l->of[n] : l->of[n];
        next = change > from && change < next ? change : next;
    }
    return next;
}

/* One layer and direction: x [T,N,I] in the order in which it is read -> [T,N,H] in that order; *s becomes the last state. */
static ct_tensor *run_direction(ct_module *module, ct_tensor *x, int64_t number, bool backwards, const lengths *l,
                                state *s)
{
    const recurrent *r = ct_module_self(module);
    ct_tensor *weights[5], *y = NULL;
    weights_of(module, number, weights);
    for (int64_t from = 0, to; from < l->steps && ct_error_code() == CT_OK; from = to) {
        to = next_change(l, from, backwards);
        state next = {0};
        CT_OPTIONS(ct_recurrent_options, options, .h_last = &next.h, .c_last = s->c ? &next.c : NULL,
                   .projected = r->options.proj_size > 0);
        ct_tensor *piece = r->run(ct_slice(x, 0, from, to, 1), s->h, s->c, weights, weights_each(r), &options);
        ct_tensor *mask = inside(l, from, backwards);
        piece = ct_where(mask, piece, piece ? ct_scalar(ct_dtype_of(piece), 0) : NULL);
        y = y ? ct_concat((ct_tensor *[]){y, piece}, 2, 0) : piece;
        s->h = ct_where(mask, next.h, s->h);
        s->c = s->c ? ct_where(mask, next.c, s->c) : NULL;
    }
    return y;
}

static ct_tensor *flipped(ct_tensor *x, bool flip)
{
    return flip ? ct_flip(x, (const int64_t[]){0}, 1) : x;
}

/* Layer or direction number i of all the states given, [1,N,size]; zeros where none is. */
static ct_tensor *part_of(ct_tensor *all, int64_t i, const ct_tensor *x, int64_t size)
{
    return all ? ct_slice(all, 0, i, i + 1, 1) : ct_zeros(ct_dtype_of(x), CT_SHAPE(1, ct_size(x, 1), size));
}

/* One layer: x [T,N,I] -> [T,N,H directions]. */
static ct_tensor *run_layer(ct_module *module, ct_tensor *x, int64_t layer, const lengths *l,
                            const ct_sequence_options *o, state *last)
{
    const recurrent *r = ct_module_self(module);
    ct_tensor *results[2];
    for (int64_t d = 0; d < directions(r); d++) {
        int64_t number = layer * directions(r) + d;
        bool has_cell = r->kind->gates == 4;
        state s = {part_of(o->h0, number, x, width(r)), has_cell ? part_of(o->c0, number, x, r->hidden) : NULL};
        results[d] = flipped(run_direction(module, flipped(x, d == 1), number, d == 1, l, &s), d == 1);
        last[number] = s;
    }
    return directions(r) == 2 ? ct_concat(results, 2, -1) : results[0];
}

/* x [T,N,I], with zeros behind the end of each sequence, whatever was there. */
static ct_tensor *without_padding(ct_tensor *x, const lengths *l)
{
    ct_tensor *mask = ct_zeros(CT_BOOL, CT_SHAPE(l->steps, l->count, 1));
    uint8_t *in = mask ? ct_data_mut(mask) : NULL;
    for (int64_t i = 0; in && i < l->steps * l->count; i++)
        in[i] = i / l->count < l->of[i % l->count];
    return ct_where(mask, x, ct_scalar(ct_dtype_of(x), 0));
}

static void hand_out(ct_tensor **result, const state *last, int64_t n, bool cells)
{
    ct_tensor *parts[CT_MAX_INPUTS];
    for (int64_t i = 0; i < n; i++)
        parts[i] = cells ? last[i].c : last[i].h;
    if (result)
        *result = ct_concat(parts, (int)n, 0);
}

static ct_tensor *run_lengths(ct_module *module, ct_tensor *x, const lengths *l, const ct_sequence_options *o)
{
    const recurrent *r = ct_module_self(module);
    state last[CT_MAX_INPUTS];
    x = without_padding(r->options.batch_first ? ct_transpose(x, 0, 1) : x, l);
    for (int64_t i = 0; i < r->options.layers && x; i++) {
        if (i > 0)
            x = ct_dropout(x, r->options.dropout, ct_module_training(module));
        x = run_layer(module, x, i, l, o, last);
    }
    if (!x)
        return NULL;
    hand_out(o->h_last, last, r->options.layers * directions(r), false);
    hand_out(o->c_last, last, r->options.layers * directions(r), true);
    return r->options.batch_first ? ct_transpose(x, 0, 1) : x;
}

/* Reads the lengths; the caller's to free. */
static ct_status read_lengths(const recurrent *r, const ct_tensor *x, ct_tensor *given, lengths *l)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    bool batch_first = r->options.batch_first;
    l->steps = ct_size(x, batch_first ? 1 : 0);
    l->count = ct_size(x, batch_first ? 0 : 1);
    if (ct_rank(x) != 3 || ct_rank(given) != 1 || ct_numel(given) != l->count || ct_dtype_of(given) != CT_INT64)
        return ct_error_set(CT_ERROR_SHAPE, "%s: lengths must be int64, one for each sequence: %s for %s",
                            r->kind->layer.name, ct__nn_shape_text(given, a), ct__nn_shape_text(x, b));
    l->of = ct__nn_alloc("lengths", l->count, sizeof *l->of);
    if (!l->of || ct_to_array(given, l->of, l->count) != CT_OK)
        return ct_error_code();
    for (int64_t n = 0; n < l->count; n++)
        if (l->of[n] < 1 || l->of[n] > l->steps)
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: sequence %lld has length %lld of %lld", r->kind->layer.name,
                                (long long)n, (long long)l->of[n], (long long)l->steps);
    return CT_OK;
}

/* ---- the layers ---- */

static ct_tensor *run(ct_module *module, ct_tensor *x, const ct_sequence_options *o);

/* A single sequence, x [T,I], is one of one. */
static ct_tensor *run_alone(ct_module *module, ct_tensor *x, const ct_sequence_options *o)
{
    const recurrent *r = ct_module_self(module);
    int batch = r->options.batch_first ? 0 : 1;
    ct_sequence_options of_one = *o;
    if (o->lengths) {
        ct_error_set(CT_ERROR_SHAPE, "%s: lengths are of sequences [T,N,...], not of a single one",
                     r->kind->layer.name);
        return NULL;
    }
    of_one.h0 = o->h0 ? ct_unsqueeze(o->h0, 1) : NULL;
    of_one.c0 = o->c0 ? ct_unsqueeze(o->c0, 1) : NULL;
    ct_tensor *y = run(module, ct_unsqueeze(x, batch), &of_one);
    for (int i = 0; y && i < 2; i++) {
        ct_tensor **last = i == 0 ? o->h_last : o->c_last;
        if (last)
            *last = ct_squeeze(*last, 1);
    }
    return ct_squeeze(y, batch);
}

static ct_tensor *run(ct_module *module, ct_tensor *x, const ct_sequence_options *o)
{
    const recurrent *r = ct_module_self(module);
    if ((o->c0 || o->c_last) && r->kind->gates != 4) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s: only an lstm has cells", r->kind->layer.name);
        return NULL;
    }
    if (x && ct_rank(x) == 2)
        return run_alone(module, x, o);
    if (!x || !o->lengths)
        return run_whole(module, x, o);
    lengths l = {0};
    ct_tensor *y = read_lengths(r, x, o->lengths, &l) == CT_OK ? run_lengths(module, x, &l, o) : NULL;
    ct_deallocate(l.of);
    return y;
}

CT_OPTIONS_INIT(ct_sequence_options)
CT_OPTIONS_INIT(ct_recurrent_layer_options)

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    static const ct_sequence_options none = {CT_DEFAULTS(ct_sequence_options)};
    return run(module, x, &none);
}

ct_tensor *ct__run_rnn(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                       const ct_recurrent_options *options)
{
    (void)c0;
    return ct_rnn(x, h0, weights, n, options);
}

static ct_tensor *run_rnn_relu(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                               const ct_recurrent_options *options)
{
    (void)c0;
    return ct_rnn_relu(x, h0, weights, n, options);
}

ct_tensor *ct__run_gru(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                       const ct_recurrent_options *options)
{
    (void)c0;
    return ct_gru(x, h0, weights, n, options);
}

#define KIND(kind_name, number_of_gates, function)                                                \
    static const struct kind kind_name = {                                                        \
        {.name = #kind_name, .self_size = sizeof(recurrent), .build = build, .forward = forward}, \
        number_of_gates,                                                                          \
        function,                                                                                 \
    };
KIND(rnn, 1, ct__run_rnn)
KIND(lstm, 4, ct_lstm)
KIND(gru, 3, ct__run_gru)

ct_tensor *ct_recurrent_forward(ct_module *module, ct_tensor *x, const ct_sequence_options *options)
{
    CT_READ_OPTIONS(ct_sequence_options, o, options, "recurrent_forward");
    const ct_layer *layer = module ? ct_module_layer(module) : NULL;
    if (layer && layer != &rnn.layer && layer != &lstm.layer && layer != &gru.layer)
        ct_error_set(CT_ERROR_STATE, "recurrent_forward: a layer %s", layer->name);
    else if (o && ct_forward_begin(module, layer, "recurrent_forward") == CT_OK)
        return ct_forward_end(module, run(module, x, o));
    return NULL;
}

static ct_module *recurrent_new(ct_module *module, const char *name, const struct kind *kind, int64_t in,
                                int64_t hidden, const ct_recurrent_layer_options *options)
{
    CT_READ_OPTIONS(ct_recurrent_layer_options, o, options, kind->layer.name);
    if (!o)
        return NULL;
    recurrent r = {kind, in, hidden, *o, o->relu ? run_rnn_relu : kind->run};
    int64_t most = 56 / weights_each(&r) / directions(&r); /* what the operations take */
    if ((o->relu && kind != &rnn) || (o->proj_size != 0 && kind != &lstm)) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s_new: %s", kind->layer.name,
                     o->relu ? "relu is an option of rnn" : "proj_size is an option of lstm");
        return NULL;
    }
    if (o->proj_size < 0 || o->proj_size >= hidden) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s_new: proj_size %lld is not below hidden %lld", kind->layer.name,
                     (long long)o->proj_size, (long long)hidden);
        return NULL;
    }
    if (in < 1 || hidden < 1 || hidden > INT64_MAX / 8 || o->layers < 1 || o->layers > most ||
        !(o->dropout >= 0 && o->dropout <= 1)) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s_new: out of range: %lld in, hidden %lld, %lld layers, dropout %g",
                     kind->layer.name, (long long)in, (long long)hidden, (long long)o->layers, o->dropout);
        return NULL;
    }
    return ct_layer_new(module, name, &kind->layer, &r);
}

ct_module *ct_rnn_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                      const ct_recurrent_layer_options *options)
{
    return recurrent_new(module, name, &rnn, in, hidden, options);
}

ct_module *ct_lstm_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                       const ct_recurrent_layer_options *options)
{
    return recurrent_new(module, name, &lstm, in, hidden, options);
}

ct_module *ct_gru_new(ct_module *module, const char *name, int64_t in, int64_t hidden,
                      const ct_recurrent_layer_options *options)
{
    return recurrent_new(module, name, &gru, in, hidden, options);
}
