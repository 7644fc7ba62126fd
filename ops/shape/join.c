/* Joining tensors along an axis that they have (concat) or get (stack).
 *
 * Invariant: one call of an operation takes CT_MAX_INPUTS tensors. More are joined in groups of so many, and what comes of these again;
 * so n elements are copied once for each power of CT_MAX_INPUTS in the number of tensors. */
#include "shape_internal.h"
#include <string.h>

typedef struct join_attributes {
    int64_t axis;
} join_attributes;

/* ---- more than one call takes ---- */

/* Whether x, tensor i, goes with the first in all axes but beside (-1: in all); otherwise the error says so. */
static bool goes_with(const ct_op *op, const ct_tensor *first, const ct_tensor *x, int i, int beside)
{
    char one[CT_SHAPE_TEXT], other[CT_SHAPE_TEXT];
    bool fits = x->rank == first->rank;
    for (int k = 0; fits && k < x->rank; k++)
        fits = k == beside || x->shape[k] == first->shape[k];
    if (!fits)
        ct__error(CT_ERROR_SHAPE, "%s: tensor %d does not go with the first: %s, %s", op->name, i,
                  ct__shape_text(x->shape, x->rank, one), ct__shape_text(first->shape, first->rank, other));
    else if (x->dtype != first->dtype)
        ct__error(CT_ERROR_DTYPE, "%s: dtypes differ: %s and %s (inputs 0 and %d)", op->name,
                  ct_dtype_name((ct_dtype)first->dtype), ct_dtype_name((ct_dtype)x->dtype), i);
    return fits && x->dtype == first->dtype;
}

/* The same of all, ahead of the groups, whose calls would count from their own first. */
static bool all_go_together(const ct_op *op, ct_tensor *const *tensors, int n, int beside)
{
    for (int i = 0; i < n; i++) {
        if (!tensors[i])
            ct__error(CT_ERROR_NULL, "%s: input %d is NULL", op->name, i);
        if (!ct__can_look(tensors[i], op->name) || !goes_with(op, tensors[0], tensors[i], i, beside))
            return false;
    }
    return true;
}

static ct_tensor *in_groups(ct_tensor *const *tensors, int n, int axis,
                            ct_tensor *(*join)(ct_tensor *const *tensors, int n, int axis))
{
    int groups = n / CT_MAX_INPUTS + (n % CT_MAX_INPUTS != 0), made = 0;
    size_t bytes = (size_t)groups * sizeof(ct_tensor *);
    ct_tensor **parts = ct__alloc(bytes), *y = NULL;
    if (!parts) {
        ct__no_memory("concat");
        return NULL;
    }
    for (int64_t first = 0; first < n; first += CT_MAX_INPUTS) {
        int64_t rest = n - first;
        parts[made] = join(tensors + first, rest < CT_MAX_INPUTS ? (int)rest : CT_MAX_INPUTS, axis);
        if (!parts[made])
            break;
        made++;
    }
    y = made == groups ? ct_concat(parts, groups, axis) : NULL;
    for (int i = 0; i < made; i++)
        ct_release(parts[i]);
    ct__free(parts, bytes);
    return y;
}

/* ---- concat ---- */

/* Output 0 is the result; output 1 holds where each input ends along the axis, which backward needs and could not learn from
 * the inputs without keeping them. */
static ct_status infer_concat(ct_call *call)
{
    const join_attributes *along = ct_call_attributes(call);
    const ct_tensor *first = ct_call_input(call, 0);
    int axis = ct__call_real_axis(call, along->axis, first->rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    int64_t shape[CT_MAX_RANK], n = ct_call_inputs(call);
    memcpy(shape, first->shape, (size_t)first->rank * sizeof *shape);
    shape[axis] = 0;
    for (int k = 0; k < n; k++) {
        const ct_tensor *x = ct_call_input(call, k);
        bool fits = x->rank == first->rank;
        for (int i = 0; fits && i < x->rank; i++)
            fits = i == axis || x->shape[i] == first->shape[i];
        if (!fits)
            return ct_call_error(call, CT_ERROR_SHAPE, "tensor %d differs from the first beside axis %d: %s", k, axis,
                                 ct_call_shapes(call));
        if (__builtin_add_overflow(shape[axis], x->shape[axis], &shape[axis]))
            return ct_call_error(call, CT_ERROR_SHAPE, "more than 2^63-1 along axis %d: %s", axis,
                                 ct_call_shapes(call));
    }
    ct_status status = ct_call_output_shape(call, 0, (ct_dtype)first->dtype, shape, first->rank);
    return status != CT_OK ? status : ct_call_output_shape(call, 1, CT_INT64, &n, 1);
}

static ct_status forward_concat(ct_call *call)
{
    const join_attributes *along = ct_call_attributes(call);
    ct_tensor *y = ct_call_output(call, 0);
    int64_t *ends = ct_call_output_data(call, 1), end = 0;
    int axis = ct__axis((int)along->axis, y->rank);
    for (int k = 0; k < ct_call_inputs(call); k++) {
        const ct_tensor *x = ct_call_input(call, k);
        char *to = ct__ptr(y) + end * y->strides[axis] * (int64_t)ct_dtype_size((ct_dtype)y->dtype);
        ct__copy_strided((ct_dtype)y->dtype, to, y->strides, (ct_dtype)x->dtype, ct__ptr(x), x->strides, x->shape,
                         x->rank);
        end += x->shape[axis];
        ends[k] = end;
    }
    return CT_OK;
}

static ct_status backward_concat(ct_call *call)
{
    const join_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0), *ends = ct_call_output(call, 1);
    if (!ends)
        return ct_error_code();
    const int64_t *end = (const int64_t *)ct__ptr(ends);
    ct_status status = CT_OK;
    for (int k = 0; k < ct_call_inputs(call) && status == CT_OK; k++)
        if (ct_call_needs_grad(call, k))
            status = ct_call_set_grad(call, k, ct_slice(g, (int)along->axis, k > 0 ? end[k - 1] : 0, end[k], 1));
    return status;
}

static ct_tensor *concat_few(ct_tensor *const *tensors, int n, int axis)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(&ct_op_concat, tensors, n, &(join_attributes){axis}, outputs);
    ct_release(outputs[1]);
    return outputs[0];
}

ct_tensor *ct_concat(ct_tensor *const *tensors, int n, int axis)
{
    if (!tensors) {
        ct__error(CT_ERROR_NULL, "concat: the list of tensors is NULL");
        return NULL;
    }
    int along = n > CT_MAX_INPUTS && ct__can_look(tensors[0], "concat") ? ct__axis(axis, tensors[0]->rank) : -1;
    if (along < 0) /* few, or a call of few says what is wrong with the first or the axis */
        return concat_few(tensors, n < CT_MAX_INPUTS ? n : CT_MAX_INPUTS, axis);
    return all_go_together(&ct_op_concat, tensors, n, along) ? in_groups(tensors, n, axis, concat_few) : NULL;
}

const ct_op ct_op_concat = {
    .name = "concat",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g sliced where each input went",
    .min_inputs = 1,
    .max_inputs = CT_MAX_INPUTS,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(join_attributes),
    .attribute_names = "axis",
    .infer = infer_concat,
    .forward = forward_concat,
    .backward = backward_concat,
    .samples = (const ct_sample[]){{"3x2 3x4", &(join_attributes){1}},
                                   {"2x3 1x3 4x3", &(join_attributes){-2}},
                                   {"2x1x3 2x2x3", &(join_attributes){1}},
                                   {"2x0 2x3", &(join_attributes){-1}},
                                   {"3", &(join_attributes){0}},
                                   {0}},
};

/* ---- stack ---- */

static ct_tensor *stack_expression(ct_call *call)
{
    const join_attributes *a = ct_call_attributes(call);
    ct_tensor *first = ct_call_input(call, 0), *parts[CT_MAX_INPUTS];
    int n = ct_call_inputs(call), axis = ct__call_axis(call, a->axis, ct_rank(first) + 1);
    if (axis < 0)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (!ct__same_shape(first, ct_call_input(call, i))) {
            ct_call_error(call, CT_ERROR_SHAPE, "shapes differ: %s", ct_call_shapes(call));
            return NULL;
        }
        parts[i] = ct_unsqueeze(ct_call_input(call, i), axis);
    }
    return ct_concat(parts, n, axis);
}

const ct_op ct_op_stack = {
    .name = "stack",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g selected at each tensor's place",
    .min_inputs = 1,
    .max_inputs = CT_MAX_INPUTS,
    .attributes_size = sizeof(join_attributes),
    .attribute_names = "axis",
    .expression = stack_expression,
    .samples = (const ct_sample[]){{"3x4 3x4", &(join_attributes){.axis = 1}},
                                   {"3 3 3", &(join_attributes){.axis = -1}},
                                   {"scalar scalar", &(join_attributes){.axis = 0}},
                                   {0}},
};

static ct_tensor *stack_few(ct_tensor *const *tensors, int n, int axis)
{
    return (ct_apply)(&ct_op_stack, tensors, n, &(join_attributes){axis});
}

ct_tensor *ct_stack(ct_tensor *const *tensors, int n, int axis)
{
    if (n <= CT_MAX_INPUTS || !tensors)
        return stack_few(tensors, n, axis);
    return all_go_together(&ct_op_stack, tensors, n, -1) ? in_groups(tensors, n, axis, stack_few) : NULL;
}
