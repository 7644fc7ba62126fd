/* Parts of a tensor along an axis, as views: a slice, and one place.
 *
 * Invariant: what a slice takes is worked out in one function, for the view, its gradient, and the part of a gradient in place. */
#include "shape_internal.h"
#include <string.h>

typedef struct slice_attributes {
    int64_t axis, start, end, step;
} slice_attributes;

/* Where a slice of an axis begins and how many elements it has: Python's rules, slice.indices(). */
static int64_t slice_length(const slice_attributes *slice, int64_t size, int64_t *first)
{
    int64_t low = slice->step > 0 ? 0 : -1, high = slice->step > 0 ? size : size - 1;
    int64_t start = slice->start < 0 ? slice->start + size : slice->start;
    int64_t end = slice->end < 0 ? slice->end + size : slice->end;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    if (slice->end == CT_END)
        end = slice->step > 0 ? high : low;
    *first = start;
    if (slice->step > 0 ? start >= end : start <= end)
        return 0;
    if (slice->step > 0)
        return 1 + (end - start - 1) / slice->step;
    return 1 + (int64_t)((uint64_t)(start - end - 1) / (0 - (uint64_t)slice->step));
}

/* What a slice of a tensor at offset with this shape and strides is: changes them to the slice's. */
static ct_status take_slice(ct_call *call, const slice_attributes *slice, int rank, int64_t *offset, int64_t *shape,
                            int64_t *strides)
{
    int axis = ct__call_real_axis(call, slice->axis, rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    if (slice->step == 0)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "the step is 0: %s", ct_call_shapes(call));
    int64_t first;
    shape[axis] = slice_length(slice, shape[axis], &first);
    if (shape[axis] > 0)
        *offset += first * strides[axis];
    if (shape[axis] > 1) /* otherwise a huge step might overflow */
        strides[axis] *= slice->step;
    return CT_OK;
}

static ct_status infer_slice(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK], offset = x->offset;
    for (int i = 0; i < x->rank; i++) {
        shape[i] = x->shape[i];
        strides[i] = x->strides[i];
    }
    ct_status status = take_slice(call, ct_call_attributes(call), x->rank, &offset, shape, strides);
    return status != CT_OK ? status : ct_call_output_view(call, 0, 0, offset, shape, strides, x->rank);
}

typedef struct slice_backward_attributes {
    slice_attributes slice;
    int64_t shape[CT_MAX_RANK];
    int64_t rank;
} slice_backward_attributes;

/* Zeros in the shape of input 0, with g in the slice. */
static ct_tensor *slice_backward(const ct_call *call, ct_tensor *g, slice_attributes slice)
{
    slice_backward_attributes attributes = {.slice = slice};
    int rank;
    const int64_t *shape = ct__input_shape(call, 0, &rank);
    attributes.rank = rank;
    for (int i = 0; i < rank; i++)
        attributes.shape[i] = shape[i];
    return (ct_apply)(&ct_op_slice_backward, &g, 1, &attributes);
}

/* Sets the gradient of input 0, which is g in a slice of it. */
static ct_status set_slice_grad(ct_call *call, ct_tensor *g, slice_attributes slice)
{
    if (!ct__call_adds_parts(call))
        return ct_call_set_grad(call, 0, slice_backward(call, g, slice));
    int rank;
    const int64_t *of_input = ct__input_shape(call, 0, &rank);
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK], offset = 0;
    memcpy(shape, of_input, (size_t)rank * sizeof *shape);
    ct__row_major(shape, rank, strides);
    ct_status status = take_slice(call, &slice, rank, &offset, shape, strides);
    return status == CT_OK ? ct__call_add_part(call, 0, g, offset, strides) : status;
}

static ct_status backward_slice(ct_call *call)
{
    const slice_attributes *slice = ct_call_attributes(call);
    return set_slice_grad(call, ct_call_grad_output(call, 0), *slice);
}

ct_tensor *ct_slice(ct_tensor *x, int axis, int64_t start, int64_t end, int64_t step)
{
    return (ct_apply)(&ct_op_slice, &x, 1, &(slice_attributes){axis, start, end, step});
}

const ct_op ct_op_slice = {
    .name = "slice",
    .takes = {CT_ANY_DTYPE},
    .gradient = "zeros with g in the slice",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(slice_attributes),
    .attribute_names = "axis start end step",
    .infer = infer_slice,
    .backward = backward_slice,
    .samples = (const ct_sample[]){{"4x5", &(slice_attributes){0, 1, 3, 1}},
                                   {"4x5", &(slice_attributes){1, 0, CT_END, 2}},
                                   {"4x5", &(slice_attributes){-1, -1, CT_END, -2}},
                                   {"2x6x3", &(slice_attributes){1, 4, 0, -3}},
                                   {"5", &(slice_attributes){0, -3, -1, 1}},
                                   {"3x2", &(slice_attributes){0, 2, 2, 1}},
                                   {"0x2", &(slice_attributes){1, 0, 1, 1}},
                                   {0}},
};

/* ---- slice_backward ---- */

static ct_status infer_slice_backward(ct_call *call)
{
    const slice_backward_attributes *to = ct_call_attributes(call);
    const ct_tensor *g = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK] = {0}, strides[CT_MAX_RANK] = {0}, offset = 0;
    int rank = (int)to->rank;
    memcpy(shape, to->shape, sizeof shape);
    ct_status status = take_slice(call, &to->slice, rank, &offset, shape, strides);
    if (status != CT_OK)
        return status;
    if (g->rank != rank || memcmp(g->shape, shape, (size_t)rank * sizeof *shape) != 0) {
        char text[CT_SHAPE_TEXT];
        return ct_call_error(call, CT_ERROR_SHAPE, "the slice has shape %s, g has %s",
                             ct__shape_text(shape, rank, text), ct_call_shapes(call));
    }
    return ct_call_output_shape(call, 0, (ct_dtype)g->dtype, to->shape, rank);
}

static ct_status forward_slice_backward(ct_call *call)
{
    const slice_backward_attributes *to = ct_call_attributes(call);
    const ct_tensor *g = ct_call_input(call, 0);
    ct_tensor *x = ct_call_output(call, 0);
    size_t size = ct_dtype_size((ct_dtype)x->dtype);
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK], offset = 0;
    memcpy(shape, x->shape, (size_t)x->rank * sizeof *shape);
    memcpy(strides, x->strides, (size_t)x->rank * sizeof *strides);
    memset(ct__ptr(x), 0, (size_t)x->numel * size);
    ct_status status = take_slice(call, &to->slice, x->rank, &offset, shape, strides);
    ct__copy_elements(g, ct__ptr(x) + offset * (int64_t)size, (ct_dtype)x->dtype, strides);
    return status;
}

static ct_status backward_slice_backward(ct_call *call)
{
    const slice_attributes *slice = &((const slice_backward_attributes *)ct_call_attributes(call))->slice;
    return ct_call_set_grad(
        call, 0, ct_slice(ct_call_grad_output(call, 0), (int)slice->axis, slice->start, slice->end, slice->step));
}

const ct_op ct_op_slice_backward = {
    .name = "slice_backward",
    .takes = {CT_ANY_DTYPE},
    .gradient = "the slice of g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(slice_backward_attributes),
    .attribute_names = "axis start end step shape:8n rank",
    .infer = infer_slice_backward,
    .forward = forward_slice_backward,
    .backward = backward_slice_backward,
    .samples = (const ct_sample[]){{"2x5", &(slice_backward_attributes){{0, 1, 3, 1}, {4, 5}, 2}},
                                   {"4x3", &(slice_backward_attributes){{-1, -1, CT_END, -2}, {4, 5}, 2}},
                                   {"0", &(slice_backward_attributes){{0, 2, 2, 1}, {3}, 1}},
                                   {0}},
};

/* ---- select ---- */

typedef struct select_attributes {
    int64_t axis, index;
} select_attributes;

static ct_status infer_select(ct_call *call)
{
    const select_attributes *at = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_real_axis(call, at->axis, x->rank);
    if (axis < 0)
        return CT_ERROR_ARGUMENT;
    int64_t size = x->shape[axis], index = at->index < 0 ? at->index + size : at->index;
    if (index < 0 || index >= size)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "index %lld is outside of axis %d: %s", (long long)at->index,
                             axis, ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
    for (int i = 0; i < x->rank - 1; i++) {
        shape[i] = x->shape[i < axis ? i : i + 1];
        strides[i] = x->strides[i < axis ? i : i + 1];
    }
    return ct_call_output_view(call, 0, 0, x->offset + index * x->strides[axis], shape, strides, x->rank - 1);
}

static ct_status backward_select(ct_call *call)
{
    const select_attributes *at = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    int rank;
    const int64_t *shape = ct__input_shape(call, 0, &rank);
    int axis = ct__axis((int)at->axis, rank);
    int64_t index = at->index < 0 ? at->index + shape[axis] : at->index;
    slice_attributes slice = {axis, index, index + 1, 1};
    return set_slice_grad(call, ct_unsqueeze(g, axis), slice);
}

ct_tensor *ct_select(ct_tensor *x, int axis, int64_t index)
{
    return (ct_apply)(&ct_op_select, &x, 1, &(select_attributes){axis, index});
}

const ct_op ct_op_select = {
    .name = "select",
    .takes = {CT_ANY_DTYPE},
    .gradient = "zeros with g at the index",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(select_attributes),
    .attribute_names = "axis index",
    .infer = infer_select,
    .backward = backward_select,
    .samples = (const ct_sample[]){{"3x4", &(select_attributes){0, 1}},
                                   {"2x3x4", &(select_attributes){-2, -1}},
                                   {"3", &(select_attributes){0, 2}},
                                   {"2x0", &(select_attributes){0, 1}},
                                   {0}},
};
