/* The trace as JSON, a node and a step a line; docs/trace.md has the schema. Invariant: what is written is JSON whatever the values
 * and texts are: numbers that JSON does not have are the strings "nan", "inf" and "-inf", bytes that are no UTF-8 become "?". */
#include "json.h"
#include "trace_internal.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What cannot be made for lack of memory is NULL, and so is all that it was to be part of. */
static void set(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) == 0)
        return;
    json_decref(*object);
    *object = NULL;
}

static void append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) == 0)
        return;
    json_decref(*array);
    *array = NULL;
}

static json_t *number(double value)
{
    char text[CT_NUMBER_TEXT];
    return isfinite(value) ? json_real(value) : json_string(ct_number_text(value, text));
}

static json_t *numbers(const double *values, int64_t n)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < n; i++)
        append(&array, number(values[i]));
    return array;
}

static json_t *integers(const int64_t *values, int64_t n)
{
    json_t *array = json_array();
    for (int64_t i = 0; i < n; i++)
        append(&array, json_integer(values[i]));
    return array;
}

json_t *ct__json_text(const char *bytes, const char *after)
{
    char *all;
    if (asprintf(&all, "%s%s", bytes, after) < 0)
        return NULL;
    errno = 0;
    json_t *string = json_string(all);
    if (!string && errno != ENOMEM) {
        for (char *c = all; *c; c++)
            if ((unsigned char)*c >= 0x80)
                *c = '?';
        string = json_string(all);
    }
    free(all);
    return string;
}

/* null for NULL. */
static json_t *text(const char *bytes)
{
    return bytes ? ct__json_text(bytes, "") : json_null();
}

static void set_values(json_t **object, const ct_snapshot *s)
{
    set(object, "dtype", json_string(ct_dtype_name(s->dtype)));
    set(object, "shape", integers(s->shape, s->rank));
    if (!s->bins) {
        set(object, "values", s->values ? numbers(s->values, s->shown) : json_null());
        return;
    }
    set(object, "first", numbers(s->values, s->shown / 2));
    set(object, "last", numbers(s->values + s->shown / 2, s->shown - s->shown / 2));
    set(object, "min", number(s->min));
    set(object, "max", number(s->max));
    set(object, "mean", number(s->mean));
    set(object, "norm", number(s->norm));
    set(object, "zeros", json_integer(s->zeros));
    set(object, "nans", json_integer(s->nans));
    set(object, "infinities", json_integer(s->infinities));
    set(object, "bins", integers(s->bins, CT_TRACE_BINS));
}

static json_t *snapshot(const ct_snapshot *s)
{
    if (!s)
        return json_null();
    json_t *object = json_object();
    set_values(&object, s);
    return object;
}

static json_t *gradient(const ct_trace_node *node)
{
    static const char *const states[] = {"not computed", "none", "zero", "number"};
    json_t *object = json_object();
    set(&object, "state", json_string(states[node->state]));
    if (node->why)
        set(&object, "why", text(node->why));
    if (node->gradient)
        set_values(&object, node->gradient);
    return object;
}

static json_t *measure(const ct_trace_measure *m)
{
    static const char *const verdicts[] = {NULL, "agrees", "kink", "differs"};
    if (m->verdict == CT_TRACE_UNMEASURED)
        return json_null();
    json_t *object = json_object();
    set(&object, "verdict", json_string(verdicts[m->verdict]));
    set(&object, "along", number(m->along));
    set(&object, "left", number(m->left));
    set(&object, "right", number(m->right));
    return object;
}

/* Which axes of which inputs axis k of the value grows with, as [input, axis]. */
static json_t *origins_of(const ct_trace_node *node, int k)
{
    json_t *pairs = json_array();
    for (int i = 0; i < node->n_inputs; i++)
        for (int axis = 0; axis < CT_MAX_RANK; axis++)
            if (node->axes[k * node->n_inputs + i] >> axis & 1)
                append(&pairs, integers((int64_t[]){i, axis}, 2));
    return pairs;
}

static json_t *origins(const ct_trace_node *node)
{
    if (!node->axes)
        return json_null();
    json_t *array = json_array();
    for (int k = 0; k < node->value->rank; k++)
        append(&array, origins_of(node, k));
    return array;
}

static json_t *node_object(const ct_trace_node *node)
{
    static const char *const kinds[] = {"leaf", "constant", "result"};
    json_t *object = json_object();
    set(&object, "id", json_integer(node->id));
    set(&object, "kind", json_string(kinds[node->kind]));
    set(&object, "name", text(node->name));
    set(&object, "op", text(node->op));
    set(&object, "formula", text(node->formula));
    set(&object, "region", text(node->region));
    set(&object, "attributes", text(node->attributes));
    set(&object, "file", text(node->file));
    set(&object, "line", json_integer(node->line));
    set(&object, "output", json_integer(node->output));
    set(&object, "recorded", json_boolean(node->recorded));
    set(&object, "backward", json_boolean(node->backward));
    set(&object, "inputs", integers(node->inputs, node->n_inputs));
    set(&object, "axes", origins(node));
    set(&object, "failed", text(node->failed));
    set(&object, "kept", integers(node->kept, node->n_kept));
    set(&object, "kept_bytes", json_integer(node->kept_bytes));
    set(&object, "freed", node->freed < 0 ? json_null() : json_integer(node->freed));
    set(&object, "value", snapshot(node->value));
    set(&object, "gradient", gradient(node));
    set(&object, "measured", measure(&node->measure));
    return object;
}

/* The numbers of the bits that are set. */
static json_t *bits(uint64_t set)
{
    json_t *array = json_array();
    for (int bit = 0; array && bit < 64; bit++)
        if (set >> bit & 1)
            json_array_append_new(array, json_integer(bit));
    return array;
}

static json_t *step_object(const ct_trace_step *step)
{
    static const char *const actions[] = {"seed", "contribution", "leaf"};
    json_t *object = json_object();
    set(&object, "action", json_string(actions[step->action]));
    set(&object, "run", json_integer(step->run));
    set(&object, "from", json_integer(step->from));
    set(&object, "input", json_integer(step->input));
    set(&object, "to", json_integer(step->to));
    set(&object, "incoming", snapshot(step->incoming));
    set(&object, "local", snapshot(step->local));
    set(&object, "elementwise", json_boolean(step->elementwise));
    set(&object, "contribution", snapshot(step->contribution));
    set(&object, "old", snapshot(step->old));
    set(&object, "now", snapshot(step->now));
    set(&object, "summed", bits(step->summed));
    set(&object, "kinks", bits(step->kinks));
    return object;
}

static json_t *update_object(const ct_trace_update *u)
{
    json_t *object = json_object();
    set(&object, "run", json_integer(u->run));
    set(&object, "to", json_integer(u->to));
    set(&object, "nodes", json_integer(u->nodes));
    set(&object, "by", text(u->by));
    set(&object, "file", text(u->file));
    set(&object, "line", json_integer(u->line));
    set(&object, "before", snapshot(u->before));
    set(&object, "change", snapshot(u->change));
    set(&object, "after", snapshot(u->after));
    set(&object, "gradient", snapshot(u->gradient));
    set(&object, "used", snapshot(u->used));
    set(&object, "factor", isnan(u->factor) ? json_null() : number(u->factor));
    set(&object, "forecast", number(u->forecast));
    set(&object, "arithmetic", text(u->arithmetic));
    set(&object, "element", json_integer(u->element));
    return object;
}

/* Writes the object on a line of its own and gives it up. */
static ct_status write_line(json_t *object, bool last, FILE *stream)
{
    ct_status status = CT_OK;
    if (!object)
        status = ct__no_memory("trace_write_json");
    else if (fputs("  ", stream) < 0 || json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(17)) != 0 ||
             fputs(last ? "\n" : ",\n", stream) < 0)
        status = ct__write_failed("trace_write_json");
    json_decref(object);
    return status;
}

ct_status ct_trace_write_json(const ct_trace_log *trace, FILE *stream)
{
    if (!trace || !stream)
        return ct__error(CT_ERROR_NULL, "trace_write_json: the %s is NULL", trace ? "stream" : "trace");
    ct_status status = CT_OK;
    ct__writing w = ct__write_begin("trace_write_json", stream); /* jansson minds a decimal point of one byte alone */
    fprintf(stream, "{\"format\": \"cotan trace\", \"version\": 1, \"root\": %lld, \"runs\": %lld,\n\"nodes\": [\n",
            (long long)trace->root, (long long)trace->runs);
    for (int64_t i = 0; status == CT_OK && i < trace->n_nodes; i++)
        status = write_line(node_object(&trace->nodes[i]), i + 1 == trace->n_nodes, stream);
    fputs("],\n\"steps\": [\n", stream);
    for (int64_t i = 0; status == CT_OK && i < trace->n_steps; i++)
        status = write_line(step_object(&trace->steps[i]), i + 1 == trace->n_steps, stream);
    fputs("],\n\"updates\": [\n", stream);
    for (int64_t i = 0; status == CT_OK && i < trace->n_updates; i++)
        status = write_line(update_object(&trace->updates[i]), i + 1 == trace->n_updates, stream);
    fputs("]}\n", stream);
    return ct__write_end(&w, status);
}
