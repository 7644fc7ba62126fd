/* The door: every operation, the library's or a user's, goes through ct_apply().
 *
 * Invariant: outputs leave here complete, or not at all: a failed call gives back what it made and records one error. */
#include "observe/observe_internal.h"
#include <stdarg.h>
#include <string.h>

void ct_no_grad_begin(void)
{
    ct__here()->no_grad_depth++;
}

void ct_no_grad_end(void)
{
    ct__thread_state *me = ct__here();
    if (me->no_grad_depth > 0)
        me->no_grad_depth--;
}

bool ct_grad_enabled(void)
{
    return ct__here()->no_grad_depth == 0;
}

int ct__no_grad_depth(int depth)
{
    ct__thread_state *me = ct__here();
    int before = me->no_grad_depth;
    me->no_grad_depth = depth;
    return before;
}

/* ---- the call, from inside an operation's functions ---- */

int ct_call_inputs(const ct_call *call)
{
    return call->n_inputs;
}

ct_tensor *ct_call_input(ct_call *call, int i)
{
    if (i < 0 || i >= call->n_inputs)
        return NULL;
    return call->node ? ct__node_saved_input(call->node, i) : call->inputs[i];
}

const void *ct_call_attributes(const ct_call *call)
{
    return call->attributes;
}

ct_tensor *ct_call_output(ct_call *call, int i)
{
    if (i < 0 || i >= call->n_outputs)
        return NULL;
    return call->node ? ct__node_saved_output(call->node, i) : call->outputs[i];
}

const void *ct_call_input_data(ct_call *call, int i)
{
    ct_tensor *t = ct_call_input(call, i);
    if (!t || t->contiguous)
        return t ? ct__ptr(t) : NULL;
    ct_tensor *copy = ct__tensor_new((ct_dtype)t->dtype, t->shape, t->rank, call->op->name);
    if (!copy)
        return NULL;
    ct__copy_strided((ct_dtype)t->dtype, ct__ptr(copy), copy->strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides,
                     t->shape, t->rank);
    return ct__ptr(copy);
}

void *ct_call_output_data(ct_call *call, int i)
{
    return i >= 0 && i < call->n_outputs && !call->node ? ct__ptr(call->outputs[i]) : NULL;
}

ct_status ct_call_output_shape(ct_call *call, int i, ct_dtype dtype, const int64_t *shape, int rank)
{
    if (i < 0 || i >= call->n_outputs || call->node || call->outputs[i])
        return ct_call_error(call, CT_ERROR_ARGUMENT, "output %d cannot be declared here", i);
    ct_status status = ct__check_shape(dtype, shape, rank, call->op->name);
    return status == CT_OK ? ct__call_output(call, i, dtype, shape, rank) : status;
}

ct_status ct__call_output(ct_call *call, int i, ct_dtype dtype, const int64_t *shape, int rank)
{
    call->outputs[i] = ct__tensor_new(dtype, shape, rank, call->op->name);
    return CT_LIKELY(call->outputs[i] != NULL) ? CT_OK : CT_ERROR_MEMORY;
}

ct_status ct_call_output_like(ct_call *call, int i, const ct_tensor *t)
{
    ct_status status = ct__check_tensor(t, call->op->name);
    return status == CT_OK ? ct_call_output_shape(call, i, (ct_dtype)t->dtype, t->shape, t->rank) : status;
}

/* The elements that a view can reach must lie inside the storage. */
static bool view_fits(const ct_tensor *t, int64_t offset, const int64_t *shape, const int64_t *strides, int rank)
{
    int64_t low = offset, high = offset, count = (int64_t)(t->storage->bytes / ct_dtype_size((ct_dtype)t->dtype));
    for (int i = 0; i < rank; i++) {
        int64_t span;
        if (shape[i] == 0)
            return true;
        if (__builtin_mul_overflow(shape[i] - 1, strides[i], &span) ||
            __builtin_add_overflow(span < 0 ? low : high, span, span < 0 ? &low : &high))
            return false;
    }
    return low >= 0 && high < count;
}

ct_status ct_call_output_view(ct_call *call, int i, int input, int64_t offset, const int64_t *shape,
                              const int64_t *strides, int rank)
{
    ct_tensor *t = ct_call_input(call, input);
    if (!t || i < 0 || i >= call->n_outputs || call->node || call->outputs[i])
        return ct_call_error(call, CT_ERROR_ARGUMENT, "output %d cannot be declared a view here", i);
    ct_status status = ct__check_shape((ct_dtype)t->dtype, shape, rank, call->op->name);
    if (status != CT_OK)
        return status;
    if (!view_fits(t, offset, shape, strides, rank)) {
        char text[CT_SHAPE_TEXT];
        return ct_call_error(call, CT_ERROR_SHAPE, "a view of shape %s leaves its tensor's storage",
                             ct__shape_text(shape, rank, text));
    }
    call->outputs[i] = ct__tensor_view(t, offset, shape, strides, rank, call->op->name);
    return call->outputs[i] ? CT_OK : CT_ERROR_MEMORY;
}

ct_status ct_call_error(ct_call *call, ct_status code, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    ct__vformat(message, sizeof message, format, arguments);
    va_end(arguments);
    return ct__error(code, "%s: %s", call->op->name, message);
}

const char *ct_call_shapes(const ct_call *call)
{
    ct__texts *texts = ct__texts_here();
    if (!texts)
        return "(no memory)";
    char *text = texts->shapes, shape[CT_SHAPE_TEXT];
    size_t used = 0, room = sizeof texts->shapes;
    text[0] = '\0';
    for (int i = 0; i < call->n_inputs && used < room; i++) {
        const ct_tensor *t = call->inputs[i];
        const char *one = t ? ct__shape_text(t->shape, t->rank, shape) : "NULL";
        used += (size_t)snprintf(text + used, room - used, i ? ", %s" : "%s", one);
    }
    return text;
}

ct_status ct_call_set_output(ct_call *call, int i, ct_tensor *t)
{
    if (!call->op->expression || i < 0 || i >= call->n_outputs)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "there is no output %d to set", i);
    if (!t) {
        ct_status status = ct_error_code();
        return status != CT_OK ? status : ct_call_error(call, CT_ERROR_NULL, "output %d is NULL", i);
    }
    call->outputs[i] = t;
    return CT_OK;
}

bool ct_call_needs_grad(const ct_call *call, int i)
{
    return call->node && i >= 0 && i < call->n_inputs && call->needs[i];
}

ct_tensor *ct_call_grad_output(ct_call *call, int i)
{
    return call->node && i >= 0 && i < call->n_outputs ? call->grad_outputs[i] : NULL;
}

ct_status ct_call_set_grad(ct_call *call, int i, ct_tensor *grad)
{
    if (!call->node || i < 0 || i >= call->n_inputs)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "there is no input %d to set a gradient for", i);
    if (!grad) {
        ct_status status = ct_error_code();
        return status != CT_OK ? status : ct_call_error(call, CT_ERROR_NULL, "the gradient of input %d is NULL", i);
    }
    call->grad_inputs[i] = grad;
    return CT_OK;
}

/* ---- the door ---- */

static ct_status check_count(const ct_op *op, int n)
{
    if (CT_LIKELY(n >= op->min_inputs && n <= op->max_inputs && n <= CT_MAX_INPUTS))
        return CT_OK;
    return ct__error(CT_ERROR_ARGUMENT, "%s: %d inputs, takes %d to %d", op->name, n, op->min_inputs,
                     op->max_inputs < CT_MAX_INPUTS ? op->max_inputs : CT_MAX_INPUTS);
}

/* Checks the inputs, and tells whether one of them asks for a gradient. */
static ct_status check_inputs(const ct_op *op, ct_tensor *const *inputs, int n, bool *requires_grad)
{
    *requires_grad = false;
    for (int i = 0; i < n; i++) {
        const ct_tensor *input = inputs[i];
        if (CT_LIKELY(input != NULL)) {
            if (CT_UNLIKELY(!ct__is_alive(input)))
                return ct__check_tensor(input, op->name);
            *requires_grad |= input->requires_grad;
        } else if (i < op->min_inputs || op->max_inputs == CT_MAX_INPUTS) {
            return ct__error(CT_ERROR_NULL, "%s: input %d is NULL", op->name, i);
        } else if (ct_error_code() != CT_OK) { /* left out, or what a failed expression gave? */
            return ct_error_code();
        }
    }
    return CT_OK;
}

/* Leaves a node behind. */
static ct_status record(ct_call *call)
{
    struct ct_node *node = ct__node_new(call);
    if (!node)
        return CT_ERROR_MEMORY;
    for (int i = 0; i < call->n_outputs; i++) {
        ct_tensor *output = call->outputs[i];
        if (!ct__dtype_is_float((ct_dtype)output->dtype))
            continue;
        output->node = node;
        output->output = i;
        output->requires_grad = true;
        node->refs++;
    }
    ct__node_release(node); /* ours; the outputs have theirs */
    return CT_OK;
}

/* For those who ask why there is no gradient. */
static void note_unrecorded(ct_call *call)
{
    uint8_t why = call->op->backward ? CT_PAST_NO_GRAD : CT_PAST_NO_BACKWARD;
    for (int i = 0; i < call->n_outputs; i++)
        call->outputs[i]->past |= why;
}

/* What forward makes on its way, a row-major copy of a strided input say, goes when it is done. */
static ct_status run_forward(ct_call *call)
{
    ct_scope *scope = call->outputs[0]->scope;
    const ct_tensor *newest = scope->first;
    ct_status status = call->op->forward(call);
    while (CT_UNLIKELY(scope->first != newest && scope->first))
        ct_release(scope->first);
    return status;
}

/* What it makes belongs to the scope that is open, as in any function. */
static ct_status run_expression(ct_call *call)
{
    const ct_part *outer = ct__here()->region, *inner = ct__region_of(outer, call->op->name, true);
    if (!inner)
        return CT_ERROR_MEMORY;
    ct__here()->region = inner;
    call->outputs[0] = call->op->expression(call);
    ct__here()->region = outer;
    bool complete = true;
    for (int i = 0; i < call->n_outputs; i++)
        complete = complete && call->outputs[i];
    if (complete)
        return CT_OK;
    ct_status status = ct_error_code();
    if (status == CT_OK)
        status = ct_call_error(call, CT_ERROR_STATE, "failed without saying why");
    return status;
}

static CT_HOT ct_status run(ct_call *call, bool requires_grad)
{
    const ct_op *op = call->op;
    if (op->expression)
        return run_expression(call);
    ct_status status = op->infer(call);
    for (int i = 0; status == CT_OK && i < call->n_outputs; i++)
        if (!call->outputs[i])
            status = ct_call_error(call, CT_ERROR_STATE, "its shape rule has not declared output %d", i);
    if (status == CT_OK && op->forward)
        status = run_forward(call);
    if (status == CT_OK && requires_grad) {
        if (op->backward && ct_grad_enabled())
            status = record(call);
        else
            note_unrecorded(call);
    }
    if (status != CT_OK && ct_error_code() == CT_OK)
        ct_call_error(call, status, "failed without saying why");
    return status;
}

static CT_COLD ct_status run_observed(ct_call *call, bool requires_grad)
{
    ct_status status = ct__tell_forward(CT_FORWARD_BEGINS, call, CT_OK);
    if (status == CT_OK)
        status = run(call, requires_grad);
    return ct__tell_forward(CT_FORWARD_ENDED, call, status);
}

static ct_status apply(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes, ct_tensor **outputs)
{
    static const _Alignas(max_align_t) char zeros[CT_MAX_ATTRIBUTES];
    if (!op || !op->name || !(op->expression || op->infer) || op->outputs < 0 || op->outputs > CT_MAX_OUTPUTS ||
        op->attributes_size > CT_MAX_ATTRIBUTES || (n > 0 && !inputs))
        return ct__error(CT_ERROR_ARGUMENT, "apply: %s",
                         !op || !op->name   ? "the operation is NULL or has no name"
                         : n > 0 && !inputs ? "inputs is NULL"
                                            : "the operation's record is not complete");
    ct_call call; /* every member by itself: see tensor_new */
    call.op = op;
    call.attributes = attributes ? attributes : zeros;
    call.inputs = inputs;
    call.n_inputs = n;
    call.n_outputs = op->outputs ? op->outputs : 1;
    call.outputs = outputs;
    call.node = NULL;
    call.grad_outputs = call.grad_inputs = NULL;
    call.needs = NULL;
    outputs[0] = NULL;
    for (int i = 1; i < call.n_outputs; i++)
        outputs[i] = NULL;
    bool requires_grad;
    ct_status status = check_count(op, n);
    if (status == CT_OK)
        status = check_inputs(op, inputs, n, &requires_grad);
    if (status != CT_OK)
        return status;
    status = CT_LIKELY(!ct__here()->observers) ? run(&call, requires_grad) : run_observed(&call, requires_grad);
    for (int i = 0; status != CT_OK && i < call.n_outputs; i++) {
        if (!op->expression)
            ct_release(outputs[i]);
        outputs[i] = NULL;
    }
    return status;
}

ct_tensor *ct_apply(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    if (apply(op, inputs, n, attributes, outputs) != CT_OK)
        return NULL;
    for (int i = 1; i < op->outputs && !op->expression; i++)
        ct_release(outputs[i]);
    return outputs[0];
}

ct_status ct_apply_multi(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes, ct_tensor **outputs)
{
    if (!outputs)
        return ct__error(CT_ERROR_NULL, "apply_multi: outputs is NULL");
    return apply(op, inputs, n, attributes, outputs);
}

ct_status ct_at_outputs(const char *file, int line, ct_status status, const ct_op *op, ct_tensor *const *outputs)
{
    int n = !op || !outputs ? 0 : op->outputs == 0 ? 1 : op->outputs;
    for (int i = 0; status == CT_OK && i < n && i < CT_MAX_OUTPUTS; i++)
        if (outputs[i])
            ct_at(file, line, outputs[i]);
    return ct_at_status(file, line, status);
}

/* ---- leaves ---- */

bool ct_requires_grad(const ct_tensor *t)
{
    return t && t->requires_grad;
}

bool ct_is_leaf(const ct_tensor *t)
{
    return t && !t->node;
}

ct_tensor *ct_set_requires_grad(ct_tensor *t, bool requires_grad)
{
    if (ct__check_tensor(t, "set_requires_grad") != CT_OK)
        return NULL;
    if (!ct_dtype_is_float((ct_dtype)t->dtype)) {
        ct__error(CT_ERROR_DTYPE, "set_requires_grad: %s has no gradient", ct_dtype_name((ct_dtype)t->dtype));
        return NULL;
    }
    if (t->node) {
        ct__error(CT_ERROR_STATE, "set_requires_grad: the result of '%s' is no leaf; ct_detach() it", t->made_by);
        return NULL;
    }
    t->requires_grad = requires_grad;
    return t;
}

ct_tensor *ct_parameter(ct_tensor *t)
{
    t = ct_set_requires_grad(t, true);
    return t ? ct_keep(t) : NULL;
}

ct_tensor *ct_grad_of(const ct_tensor *t)
{
    return t ? t->grad : NULL;
}

ct_status ct_set_grad(ct_tensor *t, ct_tensor *grad)
{
    ct_status status = ct__check_tensor(t, "set_grad");
    if (status == CT_OK && grad)
        status = ct__check_tensor(grad, "set_grad");
    if (status != CT_OK)
        return status;
    if (grad && (!ct__same_shape(t, grad) || t->dtype != grad->dtype)) {
        char of[CT_SHAPE_TEXT], with[CT_SHAPE_TEXT];
        return ct__error(CT_ERROR_SHAPE, "set_grad: a gradient of %s %s for a tensor of %s %s",
                         ct_dtype_name((ct_dtype)grad->dtype), ct__shape_text(grad->shape, grad->rank, with),
                         ct_dtype_name((ct_dtype)t->dtype), ct__shape_text(t->shape, t->rank, of));
    }
    if (grad)
        ct__tensor_ref(grad);
    ct_tensor *before = t->grad;
    t->grad = grad;
    ct__tensor_unref(before);
    return CT_OK;
}

void ct_zero_grad(ct_tensor *t)
{
    if (t)
        ct_set_grad(t, NULL);
}

ct_tensor *(ct_detach)(ct_tensor *t)
{
    ct_tensor *alias = ct__check_tensor(t, "detach") == CT_OK ? ct__tensor_alias(t, "detach") : NULL;
    if (alias && t->requires_grad)
        alias->past |= CT_PAST_DETACHED;
    return alias;
}
