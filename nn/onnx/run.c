/* ct_onnx_read(): a model as a layer, and what its operators ask of their nodes. Invariant: a model changes only as its parameters do. */
#include "model.h"
#include <math.h>

/* ---- attributes ---- */

/* The AttributeProto of that name; empty if there is none. */
static ct__span attribute(const ct__onnx_run *r, const char *name)
{
    ct__span message = r->node->message;
    ct__field f;
    while (ct__next_of(&message, 5, 2, &f))
        if (ct__is_text(ct__bytes_at(f.bytes, 1), name))
            return f.bytes;
    return (ct__span){message.end, message.end};
}

bool ct__onnx_has(const ct__onnx_run *r, const char *name)
{
    return ct__span_size(attribute(r, name)) > 0;
}

ct__span ct__onnx_bytes(const ct__onnx_run *r, const char *name, int field)
{
    return ct__bytes_at(attribute(r, name), field);
}

int64_t ct__onnx_integer(const ct__onnx_run *r, const char *name, int64_t usual)
{
    return ct__integer_of(attribute(r, name), 3, usual);
}

double ct__onnx_number(const ct__onnx_run *r, const char *name, double usual)
{
    ct__span message = attribute(r, name);
    ct__field f;
    float value;
    if (!ct__next_of(&message, 2, 5, &f))
        return usual;
    memcpy(&value, f.bytes.at, sizeof value);
    return value;
}

bool ct__onnx_is_word(const ct__onnx_run *r, const char *name, const char *word, bool usual)
{
    ct__span text = ct__onnx_bytes(r, name, 4);
    return ct__span_size(text) ? ct__is_text(text, word) : usual;
}

static int put(int64_t *values, int room, int n, uint64_t value)
{
    if (n < room)
        values[n] = (int64_t)value;
    return n + 1;
}

int ct__onnx_integers(const ct__onnx_run *r, const char *name, int64_t *values, int room)
{
    ct__span message = attribute(r, name);
    ct__field f;
    uint64_t value;
    int n = 0;
    if (message.at == message.end)
        return -1;
    while (ct__next_field(&message, &f) && n < INT32_MAX) {
        if (f.number == 8 && f.kind == 0)
            n = put(values, room, n, f.integer);
        while (f.number == 8 && f.kind == 2 && ct__take_varint(&f.bytes, &value))
            n = put(values, room, n, value);
    }
    return n <= room ? n : (ct__onnx_refuse(r, "too many numbers in an attribute"), -1);
}

/* ---- inputs ---- */

ct_tensor *ct__onnx_refuse(const ct__onnx_run *r, const char *message)
{
    ct_error_set(CT_ERROR_FORMAT, "%s: %s: %s", CT_ONNX_READ, r->node->operator->name, message);
    return NULL;
}

int ct__onnx_input_integers(const ct__onnx_run *r, int i, int64_t *values, int room)
{
    ct_tensor *t = r->in[i] ? ct_contiguous(r->in[i]) : NULL;
    if (!r->in[i])
        return -1;
    if (t && (ct_dtype_of(t) == CT_INT64 || ct_dtype_of(t) == CT_INT32) && ct_numel(t) <= room) {
        for (int64_t k = 0; k < ct_numel(t); k++)
            values[k] =
                ct_dtype_of(t) == CT_INT64 ? ((const int64_t *)ct_data(t))[k] : ((const int32_t *)ct_data(t))[k];
        return (int)ct_numel(t);
    }
    ct__onnx_refuse(r, "an input is no short list of int64");
    return -1;
}

int ct__onnx_either(const ct__onnx_run *r, int i, const char *name, int64_t *values, int room)
{
    return r->in[i] ? ct__onnx_input_integers(r, i, values, room) : ct__onnx_integers(r, name, values, room);
}

int ct__onnx_axis(const ct__onnx_run *r, int64_t axis, int rank)
{
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    ct__onnx_refuse(r, "an axis is out of range");
    return -1;
}

ct_tensor *ct__onnx_times(ct_tensor *x, double factor)
{
    return factor == 1 ? x : ct_mul_scalar(x, factor);
}

/* ---- the layer ---- */

static void build(ct_module *module)
{
    ct__onnx_model *m = ct_module_self(module);
    size_t size = ct__span_size(m->file);
    unsigned char *kept = ct_module_alloc(module, size + 1);
    if (!kept)
        return;
    memcpy(kept, m->file.at, size);
    m->file = (ct__span){kept, kept + size};
    ct__onnx_parse(m, module);
}

static ct_status run_node(ct__onnx_run *r, ct_tensor **tensors)
{
    const ct__onnx_node *node = r->node;
    const ct__onnx_operator *o = node->operator;
    for (int i = 0; i < CT_MAX_INPUTS; i++)
        r->in[i] = i >= node->n_inputs || node->inputs[i] < 0 ? NULL : tensors[node->inputs[i]];
    memset(r->out, 0, sizeof r->out);
    r->out[0] = o->run ? o->run(r) : o->one ? o->one(r->in[0]) : o->two(r->in[0], r->in[1]);
    if (!r->out[0])
        return ct_error_code() ? ct_error_code() : (ct__onnx_refuse(r, "an input is left out"), CT_ERROR_FORMAT);
    for (int i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] >= 0 && !r->out[i])
            return ct__onnx_refuse(r, "this output of it is not known here"), ct_error_code();
        if (node->outputs[i] >= 0)
            tensors[node->outputs[i]] = r->out[i];
    }
    return CT_OK;
}

static ct_status run_nodes(const ct__onnx_model *m, ct_module *module, ct_tensor **tensors)
{
    ct__onnx_run r = {.model = m, .module = module};
    for (int64_t i = 0; i < m->n_names; i++)
        if (m->places[i] >= 0)
            tensors[i] = ct_module_tensor(module, m->places[i]);
    for (int64_t i = 0; i < m->n_nodes; i++) {
        r.node = &m->nodes[i];
        if (run_node(&r, tensors) != CT_OK)
            return ct_error_code();
    }
    return CT_OK;
}

static const ct_layer onnx_layer;

static ct_status check_run(const ct__onnx_model *m, ct_tensor *const *inputs, int n, ct_tensor **outputs, int n_outputs)
{
    if ((n > 0 && !inputs) || (n_outputs > 0 && !outputs))
        return ct_error_set(CT_ERROR_NULL, "onnx_run: %s are NULL", n > 0 && !inputs ? "inputs" : "outputs");
    if (n != m->n_inputs || n_outputs < 0 || n_outputs > m->n_outputs)
        return ct_error_set(CT_ERROR_ARGUMENT, "onnx_run: %d inputs and %d outputs, the model has %lld and %lld", n,
                            n_outputs, (long long)m->n_inputs, (long long)m->n_outputs);
    for (int i = 0; i < n; i++)
        if (!inputs[i])
            return ct_error_code() ? ct_error_code() : ct_error_set(CT_ERROR_NULL, "onnx_run: input %d is NULL", i);
    return CT_OK;
}

static ct_status run(ct_module *module, ct_tensor *const *inputs, int n, ct_tensor **outputs, int n_outputs)
{
    const ct__onnx_model *m = ct_module_self(module);
    if (check_run(m, inputs, n, outputs, n_outputs) != CT_OK)
        return ct_error_code();
    ct_tensor **tensors = ct__nn_alloc("onnx_run", m->n_names, sizeof *tensors);
    for (int i = 0; tensors && i < n; i++)
        tensors[m->inputs[i]] = inputs[i];
    ct_status status = tensors ? run_nodes(m, module, tensors) : ct_error_code();
    for (int i = 0; i < n_outputs; i++)
        outputs[i] = status == CT_OK ? tensors[m->outputs[i]] : NULL;
    ct_deallocate(tensors);
    return status;
}

ct_status ct_onnx_run(ct_module *module, ct_tensor *const *inputs, int n, ct_tensor **outputs, int n_outputs)
{
    if (ct_forward_begin(module, &onnx_layer, "onnx_run") != CT_OK)
        return ct_error_code();
    ct_status status = run(module, inputs, n, outputs, n_outputs);
    ct_forward_end(module, status == CT_OK && n_outputs > 0 ? outputs[0] : NULL);
    return status;
}

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    ct_tensor *y = NULL;
    return run(module, &x, 1, &y, 1) == CT_OK ? y : NULL;
}

static const ct_layer onnx_layer = {"onnx", sizeof(ct__onnx_model), build, forward};

ct_module *ct_onnx_read(ct_module *parent, const char *name, const char *path)
{
    if (!parent)
        return ct_layer_new(NULL, name, &onnx_layer, NULL);
    size_t size;
    char *bytes = ct_file_read(CT_ONNX_READ, path, CT_UNSET_INT, &size);
    if (!bytes)
        return NULL;
    ct__onnx_model m = {.file = {(unsigned char *)bytes, (unsigned char *)bytes + size}};
    ct_module *module = ct_layer_new(parent, name, &onnx_layer, &m);
    free(bytes);
    return module;
}

static const char *name_at(const ct_module *module, int64_t i, bool output)
{
    if (ct_object_check(module, "module", "onnx_name") != CT_OK || ct_module_layer(module) != &onnx_layer)
        return NULL;
    const ct__onnx_model *m = ct_module_self(module);
    int64_t n = output ? m->n_outputs : m->n_inputs;
    return i >= 0 && i < n ? m->texts[output ? m->n_inputs + i : i] : NULL;
}

const char *ct_onnx_input(const ct_module *module, int64_t i)
{
    return name_at(module, i, false);
}

const char *ct_onnx_output(const ct_module *module, int64_t i)
{
    return name_at(module, i, true);
}
