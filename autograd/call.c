/* The call as an operation's own functions see it: inputs, attributes, outputs, gradients, errors.
 *
 * Invariant: an index that there is not, or a call at the wrong time, is NULL or an error, whatever a user's operation asks. */
#include "autograd_internal.h"
#include <stdarg.h>

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

bool ct__call_is_view(const ct_call *call, int i)
{
    for (int k = 0; k < call->n_inputs; k++)
        if (call->inputs[k] && call->inputs[k]->storage == call->outputs[i]->storage)
            return true;
    return false;
}

void *ct_call_output_data(ct_call *call, int i)
{
    if (i < 0 || i >= call->n_outputs || call->node)
        return NULL;
    if (CT_UNLIKELY(call->outputs[i]->storage->refs > 1) && ct__call_is_view(call, i)) {
        ct_call_error(call, CT_ERROR_STATE, "output %d is a view of an input, and is not filled", i);
        return NULL;
    }
    return ct__ptr(call->outputs[i]);
}

/* Whether t, input or output i, is of that dtype; otherwise the error says so. */
static bool is_of(ct_call *call, const char *what, int i, const ct_tensor *t, ct_dtype dtype)
{
    if ((ct_dtype)t->dtype == dtype)
        return true;
    ct_call_error(call, CT_ERROR_DTYPE, "%s %d is %s, and is asked for as %s", what, i,
                  ct_dtype_name((ct_dtype)t->dtype), ct_dtype_name(dtype));
    return false;
}

const void *ct_call_input_as(ct_call *call, int i, ct_dtype dtype)
{
    const ct_tensor *t = ct_call_input(call, i);
    return t && is_of(call, "input", i, t, dtype) ? ct_call_input_data(call, i) : NULL;
}

void *ct_call_output_as(ct_call *call, int i, ct_dtype dtype)
{
    void *data = ct_call_output_data(call, i);
    return data && is_of(call, "output", i, call->outputs[i], dtype) ? data : NULL;
}

ct_status ct_call_output_shape(ct_call *call, int i, ct_dtype dtype, const int64_t *shape, int rank)
{
    if (i < 0 || i >= call->n_outputs || call->node || call->outputs[i])
        return ct_call_error(call, CT_ERROR_ARGUMENT, "output %d cannot be declared here", i);
    ct_status status = ct__check_shape(dtype, shape, rank, call->op->name);
    return status == CT_OK ? ct__call_output(call, i, dtype, shape, rank) : status;
}

ct_status ct_call_output_like(ct_call *call, int i, const ct_tensor *t)
{
    ct_status status = ct__check_tensor(t, ct__called(call->op));
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
    return ct__error(code, "%s: %s", ct__called(call->op), message);
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

void ct__hand_over(ct_tensor *t, ct_scope *to)
{
    for (ct_scope *scope = ct__scope_current(); t->scope != to && scope != to; scope = scope->parent)
        if (t->scope == scope)
            ct__scope_move(t, to);
}

ct_status ct_call_set_output(ct_call *call, int i, ct_tensor *t)
{
    if (!ct__is_expression(call->op) || i < 0 || i >= call->n_outputs)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "there is no output %d to set", i);
    if (!t) {
        ct_status status = ct_error_code();
        return status != CT_OK ? status : ct_call_error(call, CT_ERROR_NULL, "output %d is NULL", i);
    }
    call->outputs[i] = t;
    ct__hand_over(t, call->scope);
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
    if (CT_UNLIKELY(grad->scope != call->scope))
        ct__hand_over(grad, call->scope);
    return CT_OK;
}

const void *ct_call_grad_output_data(ct_call *call, int i)
{
    ct_tensor *g = ct_call_grad_output(call, i);
    if (g && !g->contiguous)
        g = ct__own_copy(false, g);
    return g ? ct__ptr(g) : NULL;
}

void *ct_call_grad_input_data(ct_call *call, int i)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    if (!ct_call_needs_grad(call, i))
        return NULL;
    ct__node_input_info(call->node, i, &shape, &rank, &dtype);
    ct_tensor *grad = ct__tensor_new(dtype, shape, rank, call->op->name);
    return ct_call_set_grad(call, i, grad) == CT_OK ? ct__ptr(grad) : NULL;
}

void *ct__call_grad_input_over(ct_call *call, int i)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    if (!g || !ct_call_needs_grad(call, i) || !ct__call_may_spend(call, g))
        return ct_call_grad_input_data(call, i);
    return ct_call_set_grad(call, i, ct__tensor_renew(g, call->op->name)) == CT_OK ? ct__ptr(g) : NULL;
}
