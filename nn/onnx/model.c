/* From the bytes of a file to nodes: ModelProto, GraphProto, NodeProto and TensorProto of onnx.proto.
 *
 * Invariant: what there is to read is counted before there is room for it. When a model has been parsed, every message in it that is read
 * again is well formed, every tensor is made before it is used, and once. */
#include "model.h"

static ct_status refuse(const char *format, ct__span name)
{
    int n = ct__span_size(name) < 100 ? (int)ct__span_size(name) : 100;
    char text[256];
    snprintf(text, sizeof text, format, n, (const char *)name.at);
    return ct_error_set(CT_ERROR_FORMAT, "%s: %s", CT_ONNX_READ, text);
}

static const unsigned char nothing[1];
static const ct__span no_name = {nothing, nothing};

/* ---- tensors ---- */

bool ct__onnx_dtype(int64_t type, ct_dtype *dtype)
{
    static const int64_t types[] = {
        [CT_FLOAT32] = 1, [CT_FLOAT64] = 11, [CT_INT64] = 7, [CT_INT32] = 6, [CT_UINT8] = 2, [CT_BOOL] = 9};
    for (size_t i = 0; i < CT_LENGTH(types); i++)
        if (types[i] == type) {
            *dtype = (ct_dtype)i;
            return true;
        }
    return false;
}

/* Fields of TensorProto. */
enum { DIMS = 1, TYPE = 2, FLOATS = 4, INT32S = 5, INT64S = 7, NAME = 8, RAW = 9, DOUBLES = 10, LOCATION = 14 };

/* A repeated number that is a varint, one a field or all in one: the next of them. */
typedef struct varints {
    ct__span message, packed;
    int field;
} varints;

static bool next_integer(varints *n, int64_t *value)
{
    ct__field f;
    uint64_t bits;
    if (n->packed.at < n->packed.end) {
        bool taken = ct__take_varint(&n->packed, &bits);
        *value = (int64_t)bits;
        return taken;
    }
    while (ct__next_field(&n->message, &f)) {
        if (f.number != n->field || (f.kind != 0 && f.kind != 2))
            continue;
        *value = (int64_t)f.integer;
        if (f.kind == 0)
            return true;
        n->packed = f.bytes;
        return next_integer(n, value);
    }
    return false;
}

/* The shape; -1 if it is none, or of more elements than the message has bytes. *numel gets the elements. */
static int take_shape(ct__span message, int64_t *shape, int64_t *numel)
{
    varints dims = {.message = message, .field = DIMS};
    int rank = 0;
    int64_t size, most = (int64_t)ct__span_size(message);
    *numel = 1;
    while (next_integer(&dims, &size)) {
        if (rank == CT_MAX_RANK || size < 0)
            return -1;
        shape[rank++] = size;
        if (size > 0 && *numel > most / size)
            return -1;
        *numel *= size;
    }
    return rank;
}

/* The three that follow take elements, or count them where to is NULL; bytes that are no whole element are -1. */

/* Fixed bytes: raw, or a packed list of floats or doubles, or one a field. */
static int64_t take_fixed(ct__span message, int field, int kind, size_t size, unsigned char *to)
{
    ct__field f;
    size_t used = 0;
    while (ct__next_field(&message, &f)) {
        if (f.number != field || (f.kind != 2 && f.kind != kind))
            continue;
        size_t n = ct__span_size(f.bytes);
        if (to)
            memcpy(to + used, f.bytes.at, n);
        used += n;
    }
    return used % size == 0 ? (int64_t)(used / size) : -1;
}

static void put_integer(void *to, ct_dtype dtype, int64_t i, int64_t value)
{
    if (dtype == CT_INT64)
        ((int64_t *)to)[i] = value;
    else if (dtype == CT_INT32)
        ((int32_t *)to)[i] = (int32_t)value;
    else
        ((uint8_t *)to)[i] = dtype == CT_BOOL ? value != 0 : (uint8_t)value;
}

static int64_t take_integers(ct__span message, int field, ct_dtype dtype, void *to)
{
    varints list = {.message = message, .field = field};
    int64_t value, n = 0;
    for (; next_integer(&list, &value); n++)
        if (to)
            put_integer(to, dtype, n, value);
    return n;
}

static int64_t take_elements(ct__span message, ct_dtype dtype, void *to)
{
    ct__field f;
    ct__span looking = message;
    if (ct__next_of(&looking, RAW, 2, &f))
        return take_fixed(message, RAW, 2, ct_dtype_size(dtype), to);
    if (dtype == CT_FLOAT32)
        return take_fixed(message, FLOATS, 5, sizeof(float), to);
    if (dtype == CT_FLOAT64)
        return take_fixed(message, DOUBLES, 1, sizeof(double), to);
    return take_integers(message, dtype == CT_INT64 ? INT64S : INT32S, dtype, to);
}

/* A byte of raw bools may be any. */
static void clean_bools(uint8_t *elements, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        elements[i] = elements[i] != 0;
}

ct_tensor *ct__onnx_tensor(ct__span message)
{
    int64_t shape[CT_MAX_RANK], numel;
    ct_dtype dtype;
    int rank = take_shape(message, shape, &numel);
    if (!ct__is_well_formed(message) || rank < 0 || ct__integer_of(message, LOCATION, 0) ||
        !ct__onnx_dtype(ct__integer_of(message, TYPE, 0), &dtype) || take_elements(message, dtype, NULL) != numel) {
        refuse("tensor %.*s has a type that is not known, or not as many elements as its shape says",
               ct__bytes_at(message, NAME));
        return NULL;
    }
    ct_tensor *t = ct_empty(dtype, shape, rank);
    if (!t)
        return NULL;
    take_elements(message, dtype, ct_data_mut(t));
    if (dtype == CT_BOOL)
        clean_bools(ct_data_mut(t), numel);
    return t;
}

/* ---- names ---- */

static int compare_names(const void *a, const void *b)
{
    ct__span x = *(const ct__span *)a, y = *(const ct__span *)b;
    size_t n = ct__span_size(x) < ct__span_size(y) ? ct__span_size(x) : ct__span_size(y);
    int order = n ? memcmp(x.at, y.at, n) : 0;
    return order ? order : (ct__span_size(x) > ct__span_size(y)) - (ct__span_size(x) < ct__span_size(y));
}

/* -1 for the empty name, and for one that is not there. */
static int64_t number_of(const ct__onnx_model *m, ct__span name)
{
    const ct__span *found =
        ct__span_size(name) ? bsearch(&name, m->names, (size_t)m->n_names, sizeof name, compare_names) : NULL;
    return found ? found - m->names : -1;
}

/* GraphProto's fields, and which field of each is a name; a node has names of what it makes. */
enum { NODE = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12 };

static int64_t count_of(ct__span message, int number)
{
    ct__field f;
    int64_t n = 0;
    while (ct__next_of(&message, number, 2, &f))
        n++;
    return n;
}

/* Calls add for the names of all that is made: inputs, constants, results of nodes. */
static int64_t each_made(ct__span graph, ct__span *names)
{
    ct__field f, output;
    int64_t n = 0;
    while (ct__next_field(&graph, &f)) {
        if (f.kind != 2 || (f.number != NODE && f.number != INITIALIZER && f.number != INPUT))
            continue;
        if (f.number != NODE) {
            if (names)
                names[n] = ct__bytes_at(f.bytes, f.number == INPUT ? 1 : NAME);
            n++;
            continue;
        }
        for (ct__span node = f.bytes; ct__next_of(&node, 2, 2, &output); n++)
            if (names)
                names[n] = output.bytes;
    }
    return n;
}

static void sort_names(ct__onnx_model *m)
{
    int64_t kept = 0;
    qsort(m->names, (size_t)m->n_names, sizeof *m->names, compare_names);
    for (int64_t i = 0; i < m->n_names; i++)
        if (kept == 0 || compare_names(&m->names[kept - 1], &m->names[i]) != 0)
            m->names[kept++] = m->names[i];
    m->n_names = kept;
}

/* ---- the graph ---- */

static void *allocate(ct_module *module, int64_t count, size_t size)
{
    return ct_module_alloc(module, (size_t)(count + 1) * size);
}

static bool is_made(const bool *made, int64_t number)
{
    return number >= 0 && made[number];
}

static ct_status make(bool *made, int64_t number, ct__span name)
{
    if (number < 0 || made[number])
        return refuse("two tensors are called \"%.*s\"", name);
    made[number] = true;
    return CT_OK;
}

/* Weights are parameters: floats with an axis at least. What a batch norm's statistics are, and numbers of all kinds, are buffers. */
static bool is_statistic(const ct__onnx_model *m, int64_t number)
{
    for (int64_t i = 0; i < m->n_nodes; i++)
        if (strcmp(m->nodes[i].operator->name, "BatchNormalization") == 0 && m->nodes[i].n_inputs > 4 &&
            (m->nodes[i].inputs[3] == number || m->nodes[i].inputs[4] == number))
            return true;
    return false;
}

static ct_status add_constant(ct__onnx_model *m, ct_module *module, ct__span message, bool *made)
{
    ct__span name = ct__bytes_at(message, NAME);
    int64_t number = number_of(m, name);
    char *text = make(made, number, name) == CT_OK ? allocate(module, (int64_t)ct__span_size(name), 1) : NULL;
    ct_tensor *t = text ? ct__onnx_tensor(message) : NULL;
    if (!t)
        return ct_error_code();
    memcpy(text, name.at, ct__span_size(name));
    if (strlen(text) != ct__span_size(name))
        return refuse("a name has a byte 0: %.*s", name);
    bool parameter = ct_dtype_is_float(ct_dtype_of(t)) && ct_rank(t) > 0 && !is_statistic(m, number);
    m->places[number] = ct_module_count(module);
    parameter ? ct_module_parameter(module, text, t) : ct_module_buffer(module, text, t);
    return ct_error_code();
}

static const ct__onnx_operator *operator_of(ct__span node)
{
    ct__span domain = ct__bytes_at(node, 7);
    return ct__span_size(domain) == 0 || ct__is_text(domain, "ai.onnx") ? ct__onnx_operator_of(ct__bytes_at(node, 4))
                                                                        : NULL;
}

/* What a node says, but for the tensors it names. */
static ct_status check_message(ct__span node)
{
    ct__span name = ct__bytes_at(node, 4), attributes = node;
    ct__field f;
    if (!ct__is_well_formed(node))
        return refuse("a node is damaged%.*s", no_name);
    if (!operator_of(node))
        return refuse("there is no operator \"%.*s\" here", name);
    while (ct__next_of(&attributes, 5, 2, &f))
        if (!ct__is_well_formed(f.bytes))
            return refuse("an attribute of \"%.*s\" is damaged", name);
    if (count_of(node, 1) > CT_MAX_INPUTS || count_of(node, 2) > CT_MAX_OUTPUTS)
        return refuse("a node has too many inputs or outputs%.*s", no_name);
    return CT_OK;
}

/* The numbers of the names in a node's field go to numbers; *n gets how many they are. */
static ct_status take_names(const ct__onnx_model *m, ct__span message, int field, int64_t *numbers, int *n)
{
    ct__field f;
    for (*n = 0; ct__next_of(&message, field, 2, &f); (*n)++) {
        numbers[*n] = number_of(m, f.bytes);
        if (numbers[*n] < 0 && ct__span_size(f.bytes))
            return refuse("nothing makes the tensor \"%.*s\"", f.bytes);
    }
    return CT_OK;
}

/* A node whose numbers begin there. */
static ct_status take_node(ct__onnx_model *m, ct__span message, ct__onnx_node *node, int64_t *numbers)
{
    *node = (ct__onnx_node){.operator= operator_of(message), .message = message, .inputs = numbers};
    if (take_names(m, message, 1, node->inputs, &node->n_inputs) != CT_OK)
        return ct_error_code();
    node->outputs = numbers + node->n_inputs;
    return take_names(m, message, 2, node->outputs, &node->n_outputs);
}

static ct_status check_node(const ct__onnx_model *m, const ct__onnx_node *node, bool *made)
{
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && !made[node->inputs[i]])
            return refuse("\"%.*s\" is used before it is made", m->names[node->inputs[i]]);
    for (int i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0 && make(made, node->outputs[i], m->names[node->outputs[i]]) != CT_OK)
            return ct_error_code();
    return CT_OK;
}

/* The numbers of the inputs or outputs that are not made yet, or already, and their names as texts. */
static ct_status take_callers(ct__onnx_model *m, ct_module *module, ct__span graph, int field, bool *made,
                              int64_t *found, int64_t *n)
{
    ct__field f;
    while (ct__next_of(&graph, field, 2, &f)) {
        ct__span name = ct__bytes_at(f.bytes, 1);
        int64_t number = number_of(m, name);
        if (field == INPUT && is_made(made, number))
            continue; /* a constant, which old files list as an input too */
        if (field == INPUT ? make(made, number, name) != CT_OK : !is_made(made, number))
            return field == INPUT ? ct_error_code() : refuse("nothing makes the output \"%.*s\"", name);
        char *text = allocate(module, (int64_t)ct__span_size(name), 1);
        if (!text)
            return ct_error_code();
        memcpy(text, name.at, ct__span_size(name));
        m->texts[m->n_inputs + m->n_outputs] = text;
        found[(*n)++] = number;
    }
    return CT_OK;
}

/* How many tensors the nodes name; -1 with an error where one of them is none. */
static int64_t check_messages(ct__span graph)
{
    ct__field f;
    int64_t n = 0;
    for (; ct__next_of(&graph, NODE, 2, &f); n += count_of(f.bytes, 1) + count_of(f.bytes, 2))
        if (check_message(f.bytes) != CT_OK)
            return -1;
    return n;
}

static ct_status make_room(ct__onnx_model *m, ct_module *module, ct__span graph)
{
    int64_t inputs = count_of(graph, INPUT), outputs = count_of(graph, OUTPUT), numbers = check_messages(graph);
    if (numbers < 0)
        return ct_error_code();
    m->n_names = each_made(graph, NULL);
    m->names = allocate(module, m->n_names, sizeof *m->names);
    m->nodes = allocate(module, count_of(graph, NODE), sizeof *m->nodes);
    m->numbers = allocate(module, numbers, sizeof *m->numbers);
    m->inputs = allocate(module, inputs, sizeof *m->inputs);
    m->outputs = allocate(module, outputs, sizeof *m->outputs);
    m->texts = allocate(module, inputs + outputs, sizeof *m->texts);
    m->places = allocate(module, m->n_names, sizeof *m->places);
    if (!m->names || !m->nodes || !m->numbers || !m->inputs || !m->outputs || !m->texts || !m->places)
        return ct_error_code();
    each_made(graph, m->names);
    sort_names(m);
    for (int64_t i = 0; i < m->n_names; i++)
        m->places[i] = -1;
    return CT_OK;
}

static ct_status take_nodes(ct__onnx_model *m, ct__span graph)
{
    ct__field f;
    int64_t *numbers = m->numbers;
    while (ct__next_of(&graph, NODE, 2, &f)) {
        ct__onnx_node *node = &m->nodes[m->n_nodes++];
        if (take_node(m, f.bytes, node, numbers) != CT_OK)
            return ct_error_code();
        numbers += node->n_inputs + node->n_outputs;
    }
    return CT_OK;
}

static ct_status take_constants(ct__onnx_model *m, ct_module *module, ct__span graph, bool *made)
{
    ct__field f;
    while (ct__next_of(&graph, INITIALIZER, 2, &f))
        if (add_constant(m, module, f.bytes, made) != CT_OK)
            return ct_error_code();
    return CT_OK;
}

static ct_status take_graph(ct__onnx_model *m, ct_module *module, ct__span graph, bool *made)
{
    if (take_nodes(m, graph) != CT_OK || take_constants(m, module, graph, made) != CT_OK ||
        take_callers(m, module, graph, INPUT, made, m->inputs, &m->n_inputs) != CT_OK)
        return ct_error_code();
    for (int64_t i = 0; i < m->n_nodes; i++)
        if (check_node(m, &m->nodes[i], made) != CT_OK)
            return ct_error_code();
    return take_callers(m, module, graph, OUTPUT, made, m->outputs, &m->n_outputs);
}

/* Before it operators broadcast by attributes. */
enum { OLDEST_OPSET = 7 };

/* The version of ONNX's own operators. */
static int64_t opset_of(ct__span file)
{
    ct__field f;
    while (ct__next_of(&file, 8, 2, &f))
        if (ct__span_size(ct__bytes_at(f.bytes, 1)) == 0)
            return ct__integer_of(f.bytes, 2, 0);
    return 0;
}

ct_status ct__onnx_parse(ct__onnx_model *m, ct_module *module)
{
    ct__span graph = ct__bytes_at(m->file, 7);
    m->opset = opset_of(m->file);
    if (!ct__is_well_formed(m->file) || !ct__is_well_formed(graph) || m->opset < OLDEST_OPSET)
        return refuse("no ONNX model, a damaged one, or one of an opset before 7%.*s", no_name);
    if (make_room(m, module, graph) != CT_OK)
        return ct_error_code();
    bool *made = ct_allocate((size_t)m->n_names + 1, sizeof *made);
    ct_status status = made ? take_graph(m, module, graph, made) : ct__nn_no_memory(CT_ONNX_READ);
    ct_deallocate(made);
    return status;
}
