/* What a function did: its calls of operations, and the tensors between them.
 *
 * Two tensors with the same elements in the same places are one value: a view that changes nothing is no call. Invariant: calls stand
 * in the order in which they were made. */
#include "onnx_internal.h"

/* ---- values ---- */

static size_t bytes_of(const ct_dl_tensor *t)
{
    return t->dtype.bits / 8u;
}

/* FNV-1a over the elements, row by row. */
static uint64_t sum_of(const ct_dl_tensor *t, int axis, const unsigned char *at, uint64_t sum)
{
    if (axis == t->ndim) {
        for (size_t i = 0; i < bytes_of(t); i++)
            sum = (sum ^ at[i]) * UINT64_C(1099511628211);
        return sum;
    }
    for (int64_t i = 0; i < t->shape[axis]; i++)
        sum = sum_of(t, axis + 1, at + (ptrdiff_t)(i * t->strides[axis]) * (ptrdiff_t)bytes_of(t), sum);
    return sum;
}

static void put_rows(const ct_dl_tensor *t, int axis, const unsigned char *at, ct__message *to)
{
    if (axis == t->ndim) {
        ct__put_bytes(to, at, bytes_of(t));
        return;
    }
    for (int64_t i = 0; i < t->shape[axis]; i++)
        put_rows(t, axis + 1, at + (ptrdiff_t)(i * t->strides[axis]) * (ptrdiff_t)bytes_of(t), to);
}

static const unsigned char *first_of(const ct_dl_tensor *t)
{
    return (const unsigned char *)t->data + t->byte_offset;
}

void ct__onnx_put_elements(const ct__onnx_value *v, ct__message *to)
{
    put_rows(&v->loan->tensor, 0, first_of(&v->loan->tensor), to);
}

static uint64_t sum_now(const ct_dl_tensor *t)
{
    return sum_of(t, 0, first_of(t), UINT64_C(14695981039346656037));
}

bool ct__onnx_unchanged(const ct__onnx_value *v)
{
    return v->sum == sum_now(&v->loan->tensor);
}

static bool is_same(const ct_dl_tensor *a, const ct_dl_tensor *b)
{
    size_t bytes = (size_t)a->ndim * sizeof *a->shape;
    return a->data == b->data && a->byte_offset == b->byte_offset && a->ndim == b->ndim &&
           a->dtype.code == b->dtype.code && a->dtype.bits == b->dtype.bits && memcmp(a->shape, b->shape, bytes) == 0 &&
           memcmp(a->strides, b->strides, bytes) == 0;
}

/* The last first: most are used soon after they are made. */
static int64_t find_value(const ct__onnx_graph *g, const ct_dl_tensor *t)
{
    int64_t i = g->n_values - 1;
    while (i >= 0 && !is_same(&g->values[i].loan->tensor, t))
        i--;
    return i;
}

/* Room for one more of size bytes in *list; false with an error (memory). */
static bool grow(void **list, int64_t n, int64_t *room, size_t size)
{
    if (n < *room)
        return true;
    void *grown = ct_reallocate(*list, (size_t)(2 * n + 16) * size);
    if (!grown) {
        ct__nn_no_memory(CT_ONNX_WRITE);
        return false;
    }
    *list = grown;
    *room = 2 * n + 16;
    return true;
}

/* The name by ct_name(), unless the value has one: what an operation makes gets its name after that, before it is used. */
static void take_name(ct__onnx_value *v, const ct_tensor *t)
{
    const char *name = ct_name_of(t);
    if (!*v->name && name && strlen(name) < CT_ONNX_NAME)
        strcpy(v->name, name);
}

int64_t ct__onnx_value_of(ct__onnx_graph *g, const ct_tensor *t)
{
    ct_dl_versioned *loan = ct_to_dlpack_versioned(t);
    if (!loan)
        return -1;
    int64_t value = find_value(g, &loan->tensor);
    if (value >= 0 || !grow((void **)&g->values, g->n_values, &g->room_values, sizeof *g->values)) {
        loan->deleter(loan);
    } else {
        value = g->n_values++;
        g->values[value] = (ct__onnx_value){.loan = loan, .dtype = ct_dtype_of(t), .sum = sum_now(&loan->tensor)};
    }
    if (value >= 0)
        take_name(&g->values[value], t);
    return value;
}

void ct__onnx_graph_free(ct__onnx_graph *g)
{
    for (int64_t i = 0; i < g->n_values; i++)
        g->values[i].loan->deleter(g->values[i].loan);
    ct_deallocate(g->values);
    ct_deallocate(g->calls);
    ct_deallocate(g->contents.bytes);
    *g = (ct__onnx_graph){0};
}

/* ---- calls ---- */

static int copy_shape(int64_t *shape, const ct_tensor *t)
{
    memcpy(shape, ct_shape(t), (size_t)ct_rank(t) * sizeof *shape);
    return ct_rank(t);
}

/* What a row may ask for, before anything is noted: the inputs are there or not. */
static void describe(ct__onnx_call *call, const ct_event *event)
{
    *call = (ct__onnx_call){.op = *event->op, .n_inputs = event->n_inputs, .n_outputs = event->n_outputs};
    if (event->attributes)
        memcpy(call->attributes, event->attributes, event->op->attributes_size);
    for (int i = 0; i < event->n_inputs; i++)
        call->inputs[i] = event->inputs[i] ? 0 : -1;
    for (int i = 0; i < event->n_inputs; i++)
        call->ranks[i] = event->inputs[i] ? ct_rank(event->inputs[i]) : 0;
    if (event->n_inputs > 0 && event->inputs[0]) {
        call->dtype = ct_dtype_of(event->inputs[0]);
        copy_shape(call->shape, event->inputs[0]);
    }
    if (event->outputs && event->n_outputs > 0 && event->outputs[0])
        call->to_rank = copy_shape(call->to, event->outputs[0]);
    call->row = ct__onnx_row_of(call);
}

static ct_status note_inputs(ct__onnx_graph *g, const ct_event *event, int64_t *numbers)
{
    for (int i = 0; i < event->n_inputs; i++) {
        const ct_tensor *t = event->inputs[i];
        numbers[i] = t ? ct__onnx_value_of(g, t) : -1;
        if (t && numbers[i] < 0)
            return ct_error_code();
    }
    return CT_OK;
}

/* An output that is a value already, as that of a reshape to the same shape, is made by nothing. */
static ct_status note_outputs(ct__onnx_graph *g, const ct_event *event, int64_t *numbers)
{
    for (int i = 0; i < event->n_outputs; i++) {
        const ct_tensor *t = event->outputs[i];
        int64_t before = g->n_values, value = t ? ct__onnx_value_of(g, t) : -1;
        if (t && value < 0)
            return ct_error_code();
        numbers[i] = value < before ? -1 : value;
        if (value >= before)
            g->values[value].made = true;
    }
    return CT_OK;
}

static ct_status note_call(ct__onnx_graph *g, const ct_event *event)
{
    if (!grow((void **)&g->calls, g->n_calls, &g->room_calls, sizeof *g->calls))
        return ct_error_code();
    ct__onnx_call *call = &g->calls[g->n_calls];
    describe(call, event);
    if (note_inputs(g, event, call->inputs) != CT_OK || note_outputs(g, event, call->outputs) != CT_OK)
        return ct_error_code();
    g->n_calls++;
    return CT_OK;
}

/* Whether what runs inside the call is written, and not the call: an expression that no row says. */
static bool is_open(const ct_event *event)
{
    ct__onnx_call call;
    describe(&call, event);
    return !call.row && event->op->expression;
}

ct_status ct__onnx_observe(const ct_event *event, void *user)
{
    ct__onnx_graph *g = user;
    if (event->moment == CT_FORWARD_BEGINS && (g->inside > 0 || !is_open(event)))
        g->inside++;
    if (event->moment != CT_FORWARD_ENDED || g->inside == 0)
        return CT_OK;
    g->inside--;
    return g->inside == 0 && event->status == CT_OK ? note_call(g, event) : CT_OK;
}
