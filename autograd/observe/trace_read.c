/* A trace from its JSON (trace_json.c writes it, docs/trace.md has the schema), so that what one program has recorded another shows.
 *
 * Invariant: whatever the bytes, what comes of it is a trace that the story and the pictures can be made from, or an error: ids lead
 * to nodes that there are, inputs, which only results have, and steps to earlier ones, and a tensor has as many elements as its shape. */
#include "json.h"
#include "trace_internal.h"
#include <math.h>
#include <string.h>

typedef struct reader {
    ct_trace_log *trace;
    const char *wrong; /* what it is that cannot be; NULL: nothing yet */
} reader;

static const void *refuse(reader *r, const char *what)
{
    r->wrong = r->wrong ? r->wrong : what;
    return NULL;
}

/* ---- members ---- */

static double number_in(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text)
        return json_number_value(value);
    return strcmp(text, "nan") == 0 ? NAN : strcmp(text, "-inf") == 0 ? -INFINITY : INFINITY;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NAN : number_in(value);
}

static int64_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static bool flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* NULL for null. */
static const char *text(reader *r, const json_t *object, const char *key)
{
    const char *bytes = json_string_value(json_object_get(object, key));
    const char *copy = bytes ? ct__arena_text(&r->trace->arena, bytes) : NULL;
    return bytes && !copy ? refuse(r, "memory") : copy;
}

/* Which of the n names the member is; -1, which cannot be, is said to be wrong. */
static int one_of(reader *r, const json_t *object, const char *key, const char *const *names, int n)
{
    const char *name = json_string_value(json_object_get(object, key));
    for (int i = 0; name && i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    refuse(r, key);
    return -1;
}

/* An id below end, or -1 for none. */
static int64_t id_in(reader *r, const json_t *value, int64_t end)
{
    int64_t id = json_is_integer(value) ? json_integer_value(value) : -2;
    if (id < -1 || id >= end)
        refuse(r, "id");
    return r->wrong ? -1 : id;
}

static const int64_t *ids(reader *r, const json_t *array, int64_t end, int *n)
{
    *n = (int)json_array_size(array);
    int64_t *all = ct__arena_alloc(&r->trace->arena, ((size_t)*n + 1) * sizeof *all);
    for (int i = 0; all && i < *n; i++)
        all[i] = id_in(r, json_array_get(array, (size_t)i), end);
    return all ? all : refuse(r, "memory");
}

/* ---- tensors ---- */

static bool read_shape(const json_t *array, int64_t *shape, int *rank, int64_t *numel)
{
    size_t n = json_array_size(array);
    *rank = (int)n;
    *numel = 1;
    for (size_t i = 0; i < n && i < CT_MAX_RANK; i++) {
        shape[i] = json_integer_value(json_array_get(array, i));
        if (shape[i] < 0 || __builtin_mul_overflow(*numel, shape[i], numel))
            return false;
    }
    return json_is_array(array) && n <= CT_MAX_RANK;
}

static int read_dtype(reader *r, const json_t *object)
{
    const char *names[CT_DTYPES];
    for (int i = 0; i < CT_DTYPES; i++)
        names[i] = ct_dtype_name((ct_dtype)i);
    return one_of(r, object, "dtype", names, CT_DTYPES);
}

/* Of a large tensor: six elements, and what describes the others. */
static const ct_snapshot *read_large(reader *r, const json_t *object, ct_snapshot *s)
{
    const json_t *first = json_object_get(object, "first"), *last = json_object_get(object, "last");
    const json_t *bins = json_object_get(object, "bins");
    if (s->numel <= CT_TRACE_WHOLE || json_array_size(first) != CT_TRACE_SOME / 2 ||
        json_array_size(last) != CT_TRACE_SOME / 2 || json_array_size(bins) != CT_TRACE_BINS)
        return refuse(r, "first");
    double *values = ct__arena_alloc(&r->trace->arena, CT_TRACE_SOME * sizeof *values);
    int64_t *counts = ct__arena_alloc(&r->trace->arena, CT_TRACE_BINS * sizeof *counts);
    if (!values || !counts)
        return refuse(r, "memory");
    for (size_t i = 0; i < CT_TRACE_SOME; i++)
        values[i] = number_in(json_array_get(i < CT_TRACE_SOME / 2 ? first : last, i % (CT_TRACE_SOME / 2)));
    for (size_t i = 0; i < CT_TRACE_BINS; i++)
        counts[i] = json_integer_value(json_array_get(bins, i));
    s->values = values;
    s->bins = counts;
    s->shown = CT_TRACE_SOME;
    s->min = number(object, "min");
    s->max = number(object, "max");
    s->mean = number(object, "mean");
    s->norm = number(object, "norm");
    s->zeros = integer(object, "zeros");
    s->nans = integer(object, "nans");
    s->infinities = integer(object, "infinities");
    return s;
}

/* NULL for null. */
static const ct_snapshot *read_tensor(reader *r, const json_t *object)
{
    int64_t shape[CT_MAX_RANK], numel;
    int rank;
    double values[CT_TRACE_WHOLE];
    if (!object || json_is_null(object))
        return NULL;
    int dtype = read_dtype(r, object);
    if (dtype < 0 || !read_shape(json_object_get(object, "shape"), shape, &rank, &numel))
        return refuse(r, "shape");
    const json_t *whole = json_object_get(object, "values");
    size_t n = json_array_size(whole);
    if (json_is_array(whole) && (n > CT_TRACE_WHOLE || (int64_t)n != numel))
        return refuse(r, "values");
    for (size_t i = 0; i < n; i++)
        values[i] = number_in(json_array_get(whole, i));
    const ct_snapshot *s = json_is_array(whole)
                               ? ct__snapshot_of(&r->trace->arena, (ct_dtype)dtype, shape, rank, values)
                               : ct__snapshot_of_shape(&r->trace->arena, (ct_dtype)dtype, shape, rank);
    if (!s)
        return refuse(r, "memory");
    return json_object_get(object, "first") ? read_large(r, object, (ct_snapshot *)s) : s;
}

static const ct_snapshot *tensor(reader *r, const json_t *object, const char *key)
{
    return read_tensor(r, json_object_get(object, key));
}

static const ct_snapshot *needed(reader *r, const json_t *object, const char *key)
{
    const ct_snapshot *s = tensor(r, object, key);
    return s ? s : refuse(r, key);
}

/* ---- nodes, steps, updates ---- */

static void read_gradient(reader *r, const json_t *object, ct_trace_node *node)
{
    static const char *const states[] = {"not computed", "none", "zero", "number"};
    int state = one_of(r, object, "state", states, 4);
    node->state = state < 0 ? CT_GRADIENT_NOT_COMPUTED : (ct_gradient_state)state;
    node->why = text(r, object, "why");
    node->gradient = json_object_get(object, "dtype") ? read_tensor(r, object) : NULL;
    if ((node->state == CT_GRADIENT_NONE && !node->why) || (node->state == CT_GRADIENT_NUMBER && !node->gradient))
        refuse(r, "gradient");
}

/* Nothing for null, and for what an older trace has not. */
static void read_measure(reader *r, const json_t *object, ct_trace_measure *m)
{
    static const char *const verdicts[] = {"agrees", "kink", "differs"};
    if (!object || json_is_null(object))
        return;
    int verdict = one_of(r, object, "verdict", verdicts, 3);
    *m = (ct_trace_measure){.verdict = (ct_trace_verdict)(verdict + 1),
                            .along = number(object, "along"),
                            .left = number(object, "left"),
                            .right = number(object, "right")};
}

/* One [input, axis] of axis k of the value. */
static void read_origin(reader *r, const json_t *pair, const ct_trace_node *node, uint8_t *row)
{
    json_int_t input = json_integer_value(json_array_get(pair, 0)), axis = json_integer_value(json_array_get(pair, 1));
    bool known = json_array_size(pair) == 2 && input >= 0 && input < node->n_inputs && node->inputs[input] >= 0;
    const ct_snapshot *from = known && !r->wrong ? r->trace->nodes[node->inputs[input]].value : NULL;
    if (!from || axis < 0 || axis >= from->rank)
        refuse(r, "axes");
    else
        row[input] |= (uint8_t)(1U << axis);
}

/* NULL for null, and for what an older trace has not. */
static const uint8_t *origins(reader *r, const json_t *array, const ct_trace_node *node)
{
    if (!array || json_is_null(array) || r->wrong)
        return NULL;
    size_t rank = (size_t)node->value->rank, row = (size_t)node->n_inputs;
    uint8_t *axes = ct__arena_alloc(&r->trace->arena, rank * row + 1);
    if (!axes || json_array_size(array) != rank)
        return refuse(r, axes ? "axes" : "memory");
    memset(axes, 0, rank * row);
    for (size_t k = 0; k < rank; k++) {
        const json_t *pairs = json_array_get(array, k);
        for (size_t i = 0; i < json_array_size(pairs); i++)
            read_origin(r, json_array_get(pairs, i), node, axes + k * row);
    }
    return axes;
}

static void read_node(reader *r, const json_t *object, int64_t id)
{
    static const char *const kinds[] = {"leaf", "constant", "result"};
    ct_trace_node *node = &r->trace->nodes[id];
    int kind = one_of(r, object, "kind", kinds, 3);
    const json_t *freed = json_object_get(object, "freed");
    *node = (ct_trace_node){.id = id,
                            .kind = kind < 0 ? CT_TRACE_CONSTANT : (ct_trace_kind)kind,
                            .name = text(r, object, "name"),
                            .op = text(r, object, "op"),
                            .formula = text(r, object, "formula"),
                            .region = text(r, object, "region"),
                            .attributes = text(r, object, "attributes"),
                            .file = text(r, object, "file"),
                            .line = (int)integer(object, "line"),
                            .output = (int)integer(object, "output"),
                            .recorded = flag(object, "recorded"),
                            .backward = flag(object, "backward"),
                            .kept_bytes = integer(object, "kept_bytes"),
                            .freed = json_is_integer(freed) ? json_integer_value(freed) : -1,
                            .value = needed(r, object, "value")};
    node->inputs = ids(r, json_object_get(object, "inputs"), id, &node->n_inputs);
    node->axes = origins(r, json_object_get(object, "axes"), node);
    node->failed = text(r, object, "failed");
    node->kept = ids(r, json_object_get(object, "kept"), id + 1, &node->n_kept);
    node->region = node->region ? node->region : "";
    read_gradient(r, json_object_get(object, "gradient"), node);
    read_measure(r, json_object_get(object, "measured"), &node->measure);
    if (node->kind != CT_TRACE_RESULT && node->n_inputs > 0)
        refuse(r, "inputs");
    if (integer(object, "id") != id || !node->op || node->freed > r->trace->n_steps)
        refuse(r, "id");
}

/* Numbers below most as bits. */
static uint64_t bits(const json_t *array, int most)
{
    uint64_t set = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_int_t bit = json_integer_value(json_array_get(array, i));
        set |= bit >= 0 && bit < most ? (uint64_t)1 << bit : 0;
    }
    return set;
}

static void read_step(reader *r, const json_t *object, int64_t i)
{
    static const char *const actions[] = {"seed", "contribution", "leaf"};
    int action = one_of(r, object, "action", actions, 3);
    r->trace->steps[i] = (ct_trace_step){.action = action < 0 ? CT_STEP_SEED : (ct_trace_action)action,
                                         .run = integer(object, "run"),
                                         .from = id_in(r, json_object_get(object, "from"), r->trace->n_nodes),
                                         .input = (int)integer(object, "input"),
                                         .to = id_in(r, json_object_get(object, "to"), r->trace->n_nodes),
                                         .incoming = tensor(r, object, "incoming"),
                                         .local = tensor(r, object, "local"),
                                         .elementwise = flag(object, "elementwise"),
                                         .contribution = needed(r, object, "contribution"),
                                         .old = tensor(r, object, "old"),
                                         .now = tensor(r, object, "now"),
                                         .summed = (unsigned)bits(json_object_get(object, "summed"), CT_MAX_RANK),
                                         .kinks = bits(json_object_get(object, "kinks"), CT_TRACE_WHOLE)};
    ct_trace_step *step = &r->trace->steps[i];
    bool known = step->from < 0 || (step->from > step->to && step->incoming); /* a way back ends */
    if (step->kinks && (!step->elementwise || !step->local || step->local->shown != step->local->numel))
        refuse(r, "kinks");
    if (step->to < 0 || !known || (step->elementwise && !step->local) || (step->action != CT_STEP_LEAF && !step->now))
        refuse(r, "to");
}

static void read_update(reader *r, const json_t *object, int64_t i)
{
    r->trace->updates[i] = (ct_trace_update){.run = integer(object, "run"),
                                             .to = id_in(r, json_object_get(object, "to"), r->trace->n_nodes),
                                             .nodes = integer(object, "nodes"),
                                             .by = text(r, object, "by"),
                                             .file = text(r, object, "file"),
                                             .line = (int)integer(object, "line"),
                                             .before = needed(r, object, "before"),
                                             .change = needed(r, object, "change"),
                                             .after = needed(r, object, "after"),
                                             .gradient = needed(r, object, "gradient"),
                                             .used = tensor(r, object, "used"),
                                             .factor = number(object, "factor"),
                                             .forecast = number(object, "forecast"),
                                             .arithmetic = text(r, object, "arithmetic"),
                                             .element = integer(object, "element")};
    const ct_trace_update *u = &r->trace->updates[i];
    if (u->to < 0 || !u->by || u->nodes < 0 || u->nodes > r->trace->n_nodes)
        refuse(r, "to");
}

/* ---- the whole ---- */

/* Room for all elements of an array of the object; false if there is none. */
static bool make_room(reader *r, const json_t *array, void **place, int64_t *n, int64_t *room, size_t size)
{
    if (!json_is_array(array))
        return refuse(r, "nodes"), false;
    *n = (int64_t)json_array_size(array);
    *place = *n ? ct__alloc((size_t)*n * size) : NULL;
    *room = *place ? *n : 0;
    return *place || *n == 0 || (refuse(r, "memory"), false);
}

static void read_all(reader *r, const json_t *all)
{
    static void (*const readers[])(reader *, const json_t *, int64_t) = {read_node, read_step, read_update};
    ct_trace_log *t = r->trace;
    const char *format = json_string_value(json_object_get(all, "format"));
    const json_t *arrays[] = {json_object_get(all, "nodes"), json_object_get(all, "steps"),
                              json_object_get(all, "updates")};
    if (!format || strcmp(format, "cotan trace") != 0 || integer(all, "version") != 1)
        refuse(r, "format");
    else if (make_room(r, arrays[0], (void **)&t->nodes, &t->n_nodes, &t->room_nodes, sizeof *t->nodes) &&
             make_room(r, arrays[1], (void **)&t->steps, &t->n_steps, &t->room_steps, sizeof *t->steps))
        make_room(r, arrays[2], (void **)&t->updates, &t->n_updates, &t->room_updates, sizeof *t->updates);
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; !r->wrong && i < json_array_size(arrays[k]); i++)
            readers[k](r, json_array_get(arrays[k], i), (int64_t)i);
    t->root = r->wrong ? -1 : id_in(r, json_object_get(all, "root"), t->n_nodes);
    t->runs = integer(all, "runs");
}

ct_trace_log *ct_trace_read_json(FILE *stream)
{
    json_error_t error;
    if (!stream) {
        ct__error(CT_ERROR_NULL, "trace_read_json: the stream is NULL");
        return NULL;
    }
    json_t *all = json_loadf(stream, 0, &error);
    reader r = {.trace = all ? ct__alloc(sizeof *r.trace) : NULL};
    if (!all)
        ct__error(CT_ERROR_FORMAT, "trace_read_json: line %d: %s", error.line, error.text);
    else if (!r.trace)
        ct__no_memory("trace_read_json");
    else {
        *r.trace = (ct_trace_log){.root = -1};
        read_all(&r, all);
    }
    json_decref(all);
    if (r.wrong && strcmp(r.wrong, "memory") == 0)
        ct__no_memory("trace_read_json");
    else if (r.wrong)
        ct__error(CT_ERROR_FORMAT, "trace_read_json: no trace: '%s' is missing or cannot be so", r.wrong);
    if (!r.wrong)
        return r.trace;
    ct_trace_free(r.trace);
    return NULL;
}
