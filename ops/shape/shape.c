/* Operations that move elements and compute nothing: views, copies, conversion.
 *
 * Invariant: whatever strides can express is a view of the input's storage; only the rest copies. */
#include "shape_internal.h"

/* ---- what they share ---- */

ct_tensor *ct__apply_to_shape(const ct_op *op, ct_tensor *x, const int64_t *shape, int rank)
{
    if (rank < 0 || rank > CT_MAX_RANK) {
        ct__error(CT_ERROR_SHAPE, "%s: rank %d is not in 0..%d", op->name, rank, CT_MAX_RANK);
        return NULL;
    }
    if (rank > 0 && !shape) {
        ct__error(CT_ERROR_NULL, "%s: shape is NULL for rank %d", op->name, rank);
        return NULL;
    }
    ct_shape_attributes to = {.rank = rank};
    for (int i = 0; i < rank; i++)
        to.shape[i] = shape[i];
    return (ct_apply)(op, &x, 1, &to);
}

bool ct__is_lone(const int64_t *entries, int n)
{
    for (int i = 1; i < n; i++)
        if (entries[i] != 0)
            return false;
    return true;
}

ct_status ct__each_axis(const char *op, const char *name, const int64_t *entries, int n, int axes, bool zero_means_zero,
                        int64_t *to)
{
    bool lone = ct__is_lone(entries, n);
    for (int i = 0; i < n; i++) {
        int64_t value = entries[lone ? 0 : i] == CT_ZERO ? 0 : entries[lone ? 0 : i];
        if (i < axes)
            to[i] = value;
        if (i < axes ? value == 0 && !zero_means_zero : value != 0 && value != to[0])
            return ct__error(CT_ERROR_ARGUMENT, "%s: %s[%d] is %lld, but %s", op, name, i, (long long)value,
                             i < axes ? "must be at least 1" : "there is no such axis");
    }
    return CT_OK;
}

int ct__call_axis(ct_call *call, int64_t axis, int rank)
{
    rank = rank > 0 ? rank : 1;
    if (axis >= -rank && axis < rank)
        return (int)(axis < 0 ? axis + rank : axis);
    ct_call_error(call, CT_ERROR_ARGUMENT, "axis %lld is not in %d..%d: %s", (long long)axis, -rank, rank - 1,
                  ct_call_shapes(call));
    return -1;
}

int ct__call_real_axis(ct_call *call, int64_t axis, int rank)
{
    if (rank > 0)
        return ct__call_axis(call, axis, rank);
    ct_call_error(call, CT_ERROR_ARGUMENT, "axis %lld, but a 0-d tensor has no axes", (long long)axis);
    return -1;
}

const int64_t *ct__input_shape(const ct_call *call, int i, int *rank)
{
    const int64_t *shape;
    ct_dtype dtype;
    ct__node_input_info(call->node, i, &shape, rank, &dtype);
    return shape;
}

/* The gradient of an operation that only passes elements on. */
static ct_status pass_back(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_call_grad_output(call, 0));
}

void ct__copy_elements(const ct_tensor *from, void *to, ct_dtype dtype, const int64_t *strides)
{
    ct__copy_strided(dtype, to, strides, (ct_dtype)from->dtype, ct__ptr(from), from->strides, from->shape, from->rank);
}

/* The output's elements are the input's in row-major order. */
static ct_status forward_copy(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    int64_t strides[CT_MAX_RANK];
    ct__row_major(x->shape, x->rank, strides);
    ct__copy_elements(x, ct__ptr(y), (ct_dtype)y->dtype, strides);
    return CT_OK;
}

/* ---- reshape, flatten, unsqueeze, squeeze: the same elements in another shape ---- */

/* Strides with which shape runs over x's elements in x's row-major order; false if there are none. NumPy's way
 * (_attempt_nocopy_reshape): runs of old and new axes with equal products are matched, and the old axes of a run must be
 * one strided sequence. Both shapes have the same number of elements. */
static bool strides_without_copy(const ct_tensor *x, const int64_t *shape, int rank, int64_t *strides)
{
    if (x->contiguous) {
        ct__row_major(shape, rank, strides);
        return true;
    }
    int64_t old_size[CT_MAX_RANK], old_stride[CT_MAX_RANK];
    int old_rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (x->shape[i] != 1) {
            old_size[old_rank] = x->shape[i];
            old_stride[old_rank++] = x->strides[i];
        }
    int old = 0, new = 0;
    while (old < old_rank && new < rank) {
        int old_end = old + 1, new_end = new + 1;
        int64_t old_count = old_size[old], new_count = shape[new];
        while (old_count != new_count)
            if (new_count < old_count)
                new_count *= shape[new_end++];
            else
                old_count *= old_size[old_end++];
        for (int i = old; i + 1 < old_end; i++)
            if (old_stride[i] != old_size[i + 1] * old_stride[i + 1])
                return false;
        strides[new_end - 1] = old_stride[old_end - 1];
        for (int i = new_end - 1; i > new; i--)
            strides[i - 1] = strides[i] * shape[i];
        old = old_end;
        new = new_end;
    }
    for (int i = new; i < rank; i++) /* sizes of 1 at the end */
        strides[i] = 1;
    return true;
}

/* Declares the output: x's elements in this shape, a view if possible. */
static ct_status infer_same_elements(ct_call *call, const int64_t *shape, int rank)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t strides[CT_MAX_RANK];
    if (strides_without_copy(x, shape, rank, strides))
        return ct_call_output_view(call, 0, 0, x->offset, shape, strides, rank);
    return ct_call_output_shape(call, 0, (ct_dtype)x->dtype, shape, rank);
}

static ct_status forward_copy_unless_view(ct_call *call)
{
    return ct_call_input(call, 0)->storage == ct_call_output(call, 0)->storage ? CT_OK : forward_copy(call);
}

static ct_status backward_same_elements(ct_call *call)
{
    int rank;
    const int64_t *shape = ct__input_shape(call, 0, &rank);
    return ct_call_set_grad(call, 0, ct_reshape(ct_call_grad_output(call, 0), shape, rank));
}

/* The shape asked for with -1 replaced; returns what is wrong with it, or NULL. */
static const char *resolve_shape(const ct_shape_attributes *asked, int64_t numel, int64_t *shape)
{
    int unknown = -1;
    int64_t count = 1;
    for (int i = 0; i < asked->rank; i++) {
        shape[i] = asked->shape[i];
        if (shape[i] < -1)
            return "negative size";
        if (shape[i] == -1 && unknown >= 0)
            return "more than one -1";
        if (shape[i] == -1)
            unknown = i;
        else if (__builtin_mul_overflow(count, shape[i], &count))
            return "sizes too large";
    }
    if (unknown >= 0 && count == 0)
        return "-1 beside a size 0 could be anything";
    if (unknown >= 0) {
        shape[unknown] = numel / count;
        count *= shape[unknown];
    }
    return count == numel ? NULL : "numbers of elements differ";
}

static ct_status infer_reshape(ct_call *call)
{
    const ct_shape_attributes *to = ct_call_attributes(call);
    int64_t shape[CT_MAX_RANK];
    const ct_tensor *x = ct_call_input(call, 0);
    const char *wrong = resolve_shape(to, x->numel, shape);
    ct_status status = wrong ? CT_OK : ct__check_shape((ct_dtype)x->dtype, shape, (int)to->rank, call->op->name);
    if (!wrong)
        return status == CT_OK ? infer_same_elements(call, shape, (int)to->rank) : status;
    char text[CT_SHAPE_TEXT];
    return ct_call_error(call, CT_ERROR_SHAPE, "%s: %s to %s", wrong, ct_call_shapes(call),
                         ct__shape_text(to->shape, (int)to->rank, text));
}

ct_tensor *ct_reshape(ct_tensor *x, const int64_t *shape, int rank)
{
    return ct__apply_to_shape(&ct_op_reshape, x, shape, rank);
}

const ct_op ct_op_reshape = {
    .name = "reshape",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g in the input's shape",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .infer = infer_reshape,
    .forward = forward_copy_unless_view,
    .backward = backward_same_elements,
    .samples = (const ct_sample[]){{"2x3x4", &(ct_shape_attributes){{4, 6}, 2}},
                                   {"2x3x4", &(ct_shape_attributes){{2, -1, 2, 1}, 4}},
                                   {"3x1x2", &(ct_shape_attributes){{-1}, 1}},
                                   {"1x1", &(ct_shape_attributes){{0}, 0}},
                                   {"scalar", &(ct_shape_attributes){{1, 1}, 2}},
                                   {"0x3", &(ct_shape_attributes){{2, 0}, 2}},
                                   {0}},
};

typedef struct two_axes {
    int64_t first, second;
} two_axes;

/* A 0-d tensor becomes one axis of size 1, as in PyTorch. */
static ct_status infer_flatten(ct_call *call)
{
    const two_axes *range = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axes = x->rank > 0 ? x->rank : 1;
    int start = ct__call_axis(call, range->first, axes), end = ct__call_axis(call, range->second, axes);
    if (start < 0 || end < 0)
        return CT_ERROR_ARGUMENT;
    if (start > end)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "axis %d comes after axis %d: %s", start, end,
                             ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < axes; i++) {
        int64_t size = x->rank > 0 ? x->shape[i] : 1;
        if (i > start && i <= end)
            shape[rank - 1] *= size;
        else
            shape[rank++] = size;
    }
    return infer_same_elements(call, shape, rank);
}

ct_tensor *ct_flatten(ct_tensor *x, int start, int end)
{
    return (ct_apply)(&ct_op_flatten, &x, 1, &(two_axes){start, end});
}

const ct_op ct_op_flatten = {
    .name = "flatten",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g in the input's shape",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(two_axes),
    .attribute_names = "first second",
    .infer = infer_flatten,
    .forward = forward_copy_unless_view,
    .backward = backward_same_elements,
    .samples = (const ct_sample[]){{"2x3x4", &(two_axes){1, -1}},
                                   {"2x3x4", &(two_axes){0, 1}},
                                   {"2x3x4", &(two_axes){-2, -2}},
                                   {"scalar", &(two_axes){0, -1}},
                                   {"2x0x3", &(two_axes){0, -1}},
                                   {0}},
};

typedef struct one_axis {
    int64_t axis;
} one_axis;

static ct_status infer_unsqueeze(ct_call *call)
{
    const one_axis *at = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    if (x->rank == CT_MAX_RANK)
        return ct_call_error(call, CT_ERROR_SHAPE, "more than %d axes: %s", CT_MAX_RANK, ct_call_shapes(call));
    int axis = ct__call_axis(call, at->axis, x->rank + 1);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i <= x->rank; i++)
        shape[i] = i < axis ? x->shape[i] : i == axis ? 1 : x->shape[i - 1];
    return infer_same_elements(call, shape, x->rank + 1);
}

ct_tensor *ct_unsqueeze(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_unsqueeze, &x, 1, &(one_axis){axis});
}

const ct_op ct_op_unsqueeze = {
    .name = "unsqueeze",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g without the axis",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(one_axis),
    .attribute_names = "axis",
    .infer = infer_unsqueeze,
    .forward = forward_copy_unless_view,
    .backward = backward_same_elements,
    .samples = (const ct_sample[]){{"2x3", &(one_axis){0}},
                                   {"2x3", &(one_axis){1}},
                                   {"2x3", &(one_axis){-1}},
                                   {"scalar", &(one_axis){0}},
                                   {"0x2", &(one_axis){1}},
                                   {0}},
};

static ct_status infer_squeeze(ct_call *call)
{
    const one_axis *at = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_axis(call, at->axis, x->rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    if (x->shape[axis] != 1)
        return ct_call_error(call, CT_ERROR_SHAPE, "axis %d is not of size 1: %s", axis, ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK];
    int rank = x->rank > 0 ? x->rank - 1 : 0;
    for (int i = 0; i < rank; i++)
        shape[i] = x->shape[i < axis ? i : i + 1];
    return infer_same_elements(call, shape, rank);
}

ct_tensor *ct_squeeze(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_squeeze, &x, 1, &(one_axis){axis});
}

const ct_op ct_op_squeeze = {
    .name = "squeeze",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g with the axis put back",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(one_axis),
    .attribute_names = "axis",
    .infer = infer_squeeze,
    .forward = forward_copy_unless_view,
    .backward = backward_same_elements,
    .samples =
        (const ct_sample[]){
            {"2x1x3", &(one_axis){1}}, {"2x3x1", &(one_axis){-1}}, {"1", &(one_axis){0}}, {"1x0", &(one_axis){0}}, {0}},
};

/* ---- transpose, permute: the same axes in another order ---- */

/* Declares the output: axis i is x's axis order[i]. */
static ct_status infer_axes(ct_call *call, const int *order)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        shape[i] = x->shape[order[i]];
        strides[i] = x->strides[order[i]];
    }
    return ct_call_output_view(call, 0, 0, x->offset, shape, strides, x->rank);
}

static ct_status infer_transpose(ct_call *call)
{
    const two_axes *swap = ct_call_attributes(call);
    int rank = ct_call_input(call, 0)->rank;
    int first = ct__call_axis(call, swap->first, rank), second = ct__call_axis(call, swap->second, rank);
    if (first < 0 || second < 0)
        return CT_ERROR_ARGUMENT;
    int order[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        order[i] = i == first ? second : i == second ? first : i;
    return infer_axes(call, order);
}

static ct_status backward_transpose(ct_call *call)
{
    const two_axes *swap = ct_call_attributes(call);
    return ct_call_set_grad(call, 0, ct_transpose(ct_call_grad_output(call, 0), (int)swap->first, (int)swap->second));
}

ct_tensor *ct_transpose(ct_tensor *x, int axis0, int axis1)
{
    return (ct_apply)(&ct_op_transpose, &x, 1, &(two_axes){axis0, axis1});
}

const ct_op ct_op_transpose = {
    .name = "transpose",
    .takes = {CT_ANY_DTYPE},
    .gradient = "transpose(g)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(two_axes),
    .attribute_names = "first second",
    .infer = infer_transpose,
    .backward = backward_transpose,
    .samples = (const ct_sample[]){{"3x4", &(two_axes){0, 1}},
                                   {"2x3x4", &(two_axes){0, -1}},
                                   {"2x3x4", &(two_axes){1, 1}},
                                   {"2x0x3", &(two_axes){-2, 0}},
                                   {0}},
};

static ct_status infer_permute(ct_call *call)
{
    const ct_shape_attributes *axes = ct_call_attributes(call);
    int rank = ct_call_input(call, 0)->rank;
    if (axes->rank != rank)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "%lld axes for %s", (long long)axes->rank, ct_call_shapes(call));
    int order[CT_MAX_RANK];
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        order[i] = ct__call_axis(call, axes->shape[i], rank);
        if (order[i] < 0)
            return CT_ERROR_ARGUMENT;
        if (seen >> order[i] & 1)
            return ct_call_error(call, CT_ERROR_ARGUMENT, "axis %d is named twice: %s", order[i], ct_call_shapes(call));
        seen |= 1u << order[i];
    }
    return infer_axes(call, order);
}

static ct_status backward_permute(ct_call *call)
{
    const ct_shape_attributes *axes = ct_call_attributes(call);
    int rank = (int)axes->rank;
    int64_t inverse[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        inverse[axes->shape[i] < 0 ? axes->shape[i] + rank : axes->shape[i]] = i;
    return ct_call_set_grad(call, 0, ct_permute(ct_call_grad_output(call, 0), inverse, rank));
}

ct_tensor *ct_permute(ct_tensor *x, const int64_t *axes, int rank)
{
    return ct__apply_to_shape(&ct_op_permute, x, axes, rank);
}

const ct_op ct_op_permute = {
    .name = "permute",
    .takes = {CT_ANY_DTYPE},
    .gradient = "permute(g) by the inverse permutation",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .infer = infer_permute,
    .backward = backward_permute,
    .samples = (const ct_sample[]){{"2x3x4", &(ct_shape_attributes){{2, 0, 1}, 3}},
                                   {"2x3x4x2", &(ct_shape_attributes){{-1, 1, -4, 2}, 4}},
                                   {"3", &(ct_shape_attributes){{0}, 1}},
                                   {"scalar", &(ct_shape_attributes){{0}, 0}},
                                   {"0x2", &(ct_shape_attributes){{1, 0}, 2}},
                                   {0}},
};

/* ---- expand ---- */

static ct_status infer_expand(ct_call *call)
{
    const ct_shape_attributes *to = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int rank = (int)to->rank, added = rank - x->rank;
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
    for (int i = 0; i < rank && added >= 0; i++) {
        int64_t size = i < added ? 1 : x->shape[i - added];
        shape[i] = to->shape[i] == -1 && i >= added ? size : to->shape[i];
        strides[i] = size == 1 ? 0 : x->strides[i - added];
        if (shape[i] < 0 || (size != 1 && size != shape[i]))
            added = -1;
    }
    if (added >= 0)
        return ct_call_output_view(call, 0, 0, x->offset, shape, strides, rank);
    char text[CT_SHAPE_TEXT];
    return ct_call_error(call, CT_ERROR_SHAPE, "%s does not broadcast to %s", ct_call_shapes(call),
                         ct__shape_text(to->shape, rank, text));
}

ct_tensor *ct_expand(ct_tensor *x, const int64_t *shape, int rank)
{
    return ct__apply_to_shape(&ct_op_expand, x, shape, rank);
}

const ct_op ct_op_expand = {
    .name = "expand",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g summed over the axes that were broadcast",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .infer = infer_expand,
    .backward = pass_back, /* the engine sums */
    .samples = (const ct_sample[]){{"3x1", &(ct_shape_attributes){{2, 3, 4}, 3}},
                                   {"1x3x1", &(ct_shape_attributes){{4, -1, 2}, 3}},
                                   {"2x3", &(ct_shape_attributes){{-1, -1}, 2}},
                                   {"scalar", &(ct_shape_attributes){{2, 2}, 2}},
                                   {"1x3", &(ct_shape_attributes){{0, 3}, 2}},
                                   {0}},
};

/* ---- clone, contiguous, cast ---- */

static ct_status infer_clone(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

ct_tensor *ct_clone(ct_tensor *x)
{
    return (ct_apply)(&ct_op_clone, &x, 1, NULL);
}

ct_tensor *ct_contiguous(ct_tensor *x)
{
    return ct_is_contiguous(x) ? x : ct_clone(x);
}

const ct_op ct_op_clone = {
    .name = "clone",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_clone,
    .forward = forward_copy,
    .backward = pass_back,
    .samples = (const ct_sample[]){{"3x4", NULL}, {"2x3x4", NULL}, {"scalar", NULL}, {"0x3", NULL}, {0}},
};

typedef struct cast_attributes {
    int64_t dtype;
} cast_attributes;

static ct_status infer_cast(ct_call *call)
{
    const cast_attributes *to = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    if (ct_dtype_size((ct_dtype)to->dtype) == 0)
        return ct_call_error(call, CT_ERROR_DTYPE, "%lld is not a dtype", (long long)to->dtype);
    return ct_call_output_shape(call, 0, (ct_dtype)to->dtype, x->shape, x->rank);
}

static ct_status backward_cast(ct_call *call)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    return ct_call_set_grad(call, 0, ct_cast(ct_call_grad_output(call, 0), dtype));
}

ct_tensor *ct_cast(ct_tensor *x, ct_dtype dtype)
{
    return (ct_apply)(&ct_op_cast, &x, 1, &(cast_attributes){dtype});
}

const ct_op ct_op_cast = {
    .name = "cast",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g converted back; none from or to integers",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(cast_attributes),
    .attribute_names = "dtype:1t",
    .infer = infer_cast,
    .forward = forward_copy,
    .backward = backward_cast,
    .samples = (const ct_sample[]){{"3x4", &(cast_attributes){CT_FLOAT64}},
                                   {"scalar", &(cast_attributes){CT_FLOAT64}},
                                   {"0x3", &(cast_attributes){CT_FLOAT64}},
                                   {0}},
};
