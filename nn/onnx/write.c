/* ct_onnx_write(): the calls that are needed, and the file around them. Invariant: a name stands for one value. */
#include "onnx_internal.h"

enum { IR_VERSION = 9, OPSET = 20 };

CT_OPTIONS_INIT(ct_onnx_options)

/* ---- tensors and attributes ---- */

int64_t ct__onnx_type(ct_dtype dtype)
{
    static const int64_t types[] = {
        [CT_FLOAT32] = 1, [CT_FLOAT64] = 11, [CT_INT64] = 7, [CT_INT32] = 6, [CT_UINT8] = 2, [CT_BOOL] = 9};
    return types[dtype];
}

void ct__onnx_put_constant(ct__onnx_graph *g, const char *name, ct_dtype dtype, const int64_t *shape, int rank,
                           const void *bytes, size_t n)
{
    ct__message tensor = {0};
    for (int i = 0; i < rank; i++)
        ct__put_integer(&tensor, 1, shape[i]);
    ct__put_integer(&tensor, 2, ct__onnx_type(dtype));
    ct__put_text(&tensor, 8, name);
    ct__put_counted(&tensor, 9, bytes, n);
    ct__put_message(&g->contents, 5, &tensor);
}

/* AttributeProto's .type. */
enum { FLOAT = 1, INT = 2, STRING = 3, INTS = 7 };

static void put_attribute(ct__message *node, const char *name, ct__message *value, int type)
{
    ct__put_text(value, 1, name);
    ct__put_integer(value, 20, type);
    ct__put_message(node, 5, value);
}

void ct__onnx_put_integers(ct__message *node, const char *name, const int64_t *values, int n)
{
    ct__message value = {0};
    for (int i = 0; i < n; i++)
        ct__put_integer(&value, 8, values[i]);
    put_attribute(node, name, &value, INTS);
}

void ct__onnx_put_integer(ct__message *node, const char *name, int64_t integer)
{
    ct__message value = {0};
    ct__put_integer(&value, 3, integer);
    put_attribute(node, name, &value, INT);
}

void ct__onnx_put_number(ct__message *node, const char *name, double number)
{
    ct__message value = {0};
    ct__put_float(&value, 2, (float)number);
    put_attribute(node, name, &value, FLOAT);
}

void ct__onnx_put_word(ct__message *node, const char *name, const char *word)
{
    ct__message value = {0};
    ct__put_text(&value, 4, word);
    put_attribute(node, name, &value, STRING);
}

/* ValueInfoProto, as field of the graph. */
static void put_description(ct__onnx_graph *g, int field, const ct__onnx_value *v)
{
    const ct_dl_tensor *t = &v->loan->tensor;
    ct__message shape = {0}, tensor = {0}, type = {0}, info = {0};
    for (int i = 0; i < t->ndim; i++) {
        ct__message dim = {0};
        ct__put_integer(&dim, 1, t->shape[i]);
        ct__put_message(&shape, 1, &dim);
    }
    ct__put_integer(&tensor, 1, ct__onnx_type(v->dtype));
    ct__put_message(&tensor, 2, &shape);
    ct__put_message(&type, 1, &tensor);
    ct__put_text(&info, 1, v->name);
    ct__put_message(&info, 2, &type);
    ct__put_message(&g->contents, field, &info);
}

/* ---- what is needed, and its names ---- */

static void mark_needed(ct__onnx_graph *g, int64_t result)
{
    g->values[result].needed = true;
    for (int64_t k = g->n_calls - 1; k >= 0; k--) {
        ct__onnx_call *call = &g->calls[k];
        for (int i = 0; i < call->n_outputs; i++)
            call->needed = call->needed || (call->outputs[i] >= 0 && g->values[call->outputs[i]].needed);
        for (int i = 0; call->needed && i < call->n_inputs; i++)
            if (call->inputs[i] >= 0)
                g->values[call->inputs[i]].needed = true;
    }
}

static ct_status check_unchanged(const ct__onnx_graph *g)
{
    for (int64_t i = 0; i < g->n_values; i++)
        if (g->values[i].needed && !ct__onnx_unchanged(&g->values[i]))
            return ct_error_set(CT_ERROR_STATE, "%s: %s was changed in place after it was used", CT_ONNX_WRITE,
                                *g->values[i].name ? g->values[i].name : "a tensor");
    return CT_OK;
}

static bool is_callers(const ct__onnx_value *v)
{
    return v->input || v->result;
}

/* A name that the caller gives. */
static ct_status give_name(ct__onnx_graph *g, int64_t value, const char *name)
{
    if (!*name || strlen(name) >= CT_ONNX_NAME)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: a name of %zu bytes", CT_ONNX_WRITE, strlen(name));
    for (int64_t i = 0; i < g->n_values; i++)
        if (i != value && is_callers(&g->values[i]) && strcmp(g->values[i].name, name) == 0)
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: two tensors are called %s", CT_ONNX_WRITE, name);
    memmove(g->values[value].name, name, strlen(name) + 1); /* it may be the one that it has */
    return CT_OK;
}

/* Whether a tensor before it, or one that the caller has named, has the name of number i. */
static bool is_taken(const ct__onnx_graph *g, int64_t i)
{
    for (int64_t k = 0; k < g->n_values; k++)
        if (k != i && (k < i || is_callers(&g->values[k])) && strcmp(g->values[k].name, g->values[i].name) == 0)
            return true;
    return false;
}

/* What the caller has not named has the name that it was given by ct_name(), or one that is made up. */
static void name_others(ct__onnx_graph *g)
{
    for (int64_t i = 0; i < g->n_values; i++) {
        ct__onnx_value *v = &g->values[i];
        if (!is_callers(v) && (!*v->name || strncmp(v->name, "onnx.", 5) == 0 || is_taken(g, i)))
            snprintf(v->name, sizeof v->name, "onnx.%lld", (long long)g->n_made++);
    }
}

/* ---- the call ---- */

/* The inputs are values 0 to n - 1. */
static ct_status note_given(ct__onnx_graph *g, ct_tensor *const *inputs, int n, const ct_onnx_options *o)
{
    for (int i = 0; i < n; i++) {
        char usual[16];
        snprintf(usual, sizeof usual, "x%d", i);
        int64_t value = ct__onnx_value_of(g, inputs[i]);
        if (value < 0)
            return ct_error_code();
        if (value < i)
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: inputs %d and %d are one", CT_ONNX_WRITE, (int)value, i);
        g->values[i].input = true;
        const char *own = *g->values[i].name ? g->values[i].name : usual, *given = o->names ? o->names[i] : NULL;
        if (give_name(g, i, given ? given : own) != CT_OK)
            return ct_error_code();
    }
    return CT_OK;
}

static ct_tensor *run(ct__onnx_graph *g, ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    if (ct_observe_begin(ct__onnx_observe, g) != CT_OK)
        return NULL;
    bool before = ct_use_definitions(true);
    uint64_t drawn = ct_random_get().counter;
    ct__evaluation_begin();
    ct_tensor *result = fn(inputs, n, user);
    ct__evaluation_end();
    ct_use_definitions(before);
    bool seen = ct_observe_end(ct__onnx_observe, g) == CT_OK;
    if (ct_random_get().counter != drawn)
        ct_error_set(CT_ERROR_STATE, "%s: the function draws random numbers, which would be the same ever after",
                     CT_ONNX_WRITE);
    if (!result && ct_error_code() == CT_OK)
        ct_error_set(CT_ERROR_NULL, "%s: the function's result is NULL", CT_ONNX_WRITE);
    return seen && ct_error_code() == CT_OK ? result : NULL;
}

static ct_status note_result(ct__onnx_graph *g, const ct_tensor *result, const ct_onnx_options *o)
{
    int64_t value = ct__onnx_value_of(g, result);
    if (value < 0)
        return ct_error_code();
    if (!g->values[value].made)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: no operation has made the function's result", CT_ONNX_WRITE);
    g->values[value].result = true;
    mark_needed(g, value);
    return give_name(g, value, o->output ? o->output : *g->values[value].name ? g->values[value].name : "y");
}

static ct_status record(ct__onnx_graph *g, ct_function fn, void *user, ct_tensor *const *inputs, int n,
                        const ct_onnx_options *o)
{
    if (note_given(g, inputs, n, o) != CT_OK)
        return ct_error_code();
    const ct_tensor *result = run(g, fn, user, inputs, n);
    if (!result || note_result(g, result, o) != CT_OK)
        return ct_error_code();
    ct_status status = check_unchanged(g);
    name_others(g);
    return status;
}

/* ---- the file ---- */

static void put_value(ct__onnx_graph *g, const ct__onnx_value *v)
{
    const ct_dl_tensor *t = &v->loan->tensor;
    ct__message bytes = {0};
    if (is_callers(v)) {
        put_description(g, v->input ? 11 : 12, v);
    } else if (v->needed && !v->made) {
        ct__onnx_put_elements(v, &bytes);
        ct__onnx_put_constant(g, v->name, v->dtype, t->shape, t->ndim, bytes.bytes, bytes.count);
    }
    g->contents.failed |= bytes.failed;
    ct_deallocate(bytes.bytes);
}

/* GraphProto. */
static ct_status put_graph(ct__onnx_graph *g)
{
    ct__put_text(&g->contents, 2, "cotan");
    for (int64_t i = 0; i < g->n_values; i++)
        put_value(g, &g->values[i]);
    for (int64_t k = 0; k < g->n_calls; k++)
        if (g->calls[k].needed && ct__onnx_put_call(g, &g->calls[k]) != CT_OK)
            return ct_error_code();
    if (g->contents.failed || g->contents.count > INT32_MAX)
        return ct_error_set(CT_ERROR_MEMORY, "%s: no memory, or more than 2 GiB", CT_ONNX_WRITE);
    return CT_OK;
}

/* ModelProto around the graph. */
static ct_status write_model(FILE *stream, void *graph)
{
    const ct__onnx_graph *g = graph;
    ct__message model = {0}, opset = {0};
    ct__put_integer(&model, 1, IR_VERSION);
    ct__put_text(&model, 2, "cotan");
    ct__put_text(&model, 3, ct_version());
    ct__put_integer(&opset, 2, OPSET);
    ct__put_message(&model, 8, &opset);
    ct__put_key(&model, 7, CT_COUNTED);
    ct__put_varint(&model, g->contents.count);
    bool failed = model.failed;
    if (!failed) {
        fwrite(model.bytes, 1, model.count, stream);
        fwrite(g->contents.bytes, 1, g->contents.count, stream);
    }
    ct_deallocate(model.bytes);
    return failed ? ct__nn_no_memory(CT_ONNX_WRITE) : CT_OK;
}

static ct_status check_arguments(ct_function fn, ct_tensor *const *inputs, int n, const char *path)
{
    if (!fn || !path || (!inputs && n > 0))
        return ct_error_set(CT_ERROR_NULL, "%s: %s is NULL", CT_ONNX_WRITE,
                            !fn     ? "the function"
                            : !path ? "the path"
                                    : "the list of inputs");
    if (n < 0 || n > CT_MAX_INPUTS)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: %d inputs", CT_ONNX_WRITE, n);
    for (int i = 0; i < n; i++)
        if (!inputs[i])
            return ct_error_set(CT_ERROR_NULL, "%s: input %d is NULL", CT_ONNX_WRITE, i);
    return CT_OK;
}

ct_status ct_onnx_write(ct_function fn, void *user, ct_tensor *const *inputs, int n, const char *path,
                        const ct_onnx_options *options)
{
    CT_READ_OPTIONS(ct_onnx_options, o, options, CT_ONNX_WRITE);
    if (!o || check_arguments(fn, inputs, n, path) != CT_OK || ct_scope_open() != CT_OK)
        return ct_error_code();
    ct__onnx_graph g = {0};
    if (record(&g, fn, user, inputs, n, o) == CT_OK && put_graph(&g) == CT_OK)
        ct_file_write(CT_ONNX_WRITE, path, write_model, &g);
    ct__onnx_graph_free(&g);
    return ct__nn_scope_close();
}
