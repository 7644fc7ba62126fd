/* Rows that an index or a mask picks: expressions over gather.
 *
 * Invariant: an index is checked here, so that an error names this operation and not gather. */
#include "index_internal.h"

/* ---- index_select ---- */

/* x's slices along axis at index, by a gather whose index is the same in all other axes. */
static ct_tensor *select_slices(ct_tensor *x, int axis, ct_tensor *index)
{
    int64_t shape[CT_MAX_RANK], thin[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++) {
        shape[i] = i == axis ? ct_numel(index) : ct_size(x, i);
        thin[i] = i == axis ? ct_numel(index) : 1;
    }
    return ct_gather(x, axis, ct_expand(ct_reshape(index, thin, ct_rank(x)), shape, ct_rank(x)));
}

static ct_tensor *index_select_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    const ct_index_attributes *along = ct_call_attributes(call);
    int axis = ct__call_axis(call, along->axis, ct_rank(x));
    if (axis < 0 || ct__check_indices(call, index, x->shape[axis]) != CT_OK)
        return NULL;
    if (ct_rank(index) != 1) {
        ct_call_error(call, CT_ERROR_SHAPE, "the index must have one axis: %s", ct_call_shapes(call));
        return NULL;
    }
    return select_slices(x, axis, index);
}

const ct_op ct_op_index_select = {
    .name = "index_select",
    .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64)},
    .roles = "x index",
    .gradient = "zeros to which the slices of g are added where they came from",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .expression = index_select_expression,
    .samples = (const ct_sample[]){{"5x3 i5:7", &(ct_index_attributes){0}},
                                   {"2x5x3 i5:4", &(ct_index_attributes){-2}},
                                   {"4x2 i4:0", &(ct_index_attributes){0}},
                                   {0}},
};

ct_tensor *ct_index_select(ct_tensor *x, int axis, ct_tensor *index)
{
    return ct_apply(&ct_op_index_select, (ct_tensor *[]){x, index}, 2, &(ct_index_attributes){axis});
}

/* ---- embedding ---- */

/* The index's shape with an axis of so many behind it, as the result has it; false with an error. On the way there are positions,
 * int64, of that shape. */
static bool shape_behind(ct_call *call, const ct_tensor *index, int64_t size, int64_t *shape)
{
    int rank = ct_rank(index);
    if (rank == CT_MAX_RANK) {
        ct_call_error(call, CT_ERROR_SHAPE, "the result has one axis more than the index, and would have %d: %s",
                      rank + 1, ct_call_shapes(call));
        return false;
    }
    for (int i = 0; i < rank; i++)
        shape[i] = ct_size(index, i);
    shape[rank] = size;
    return ct__check_shape(CT_INT64, shape, rank + 1, call->op->name) == CT_OK;
}

typedef struct embedding_attributes {
    int64_t padded, padding; /* the row that gets no gradient, if padded */
} embedding_attributes;

/* rows [index..., D], cut off from the weight where the index is the padding's. */
static ct_tensor *without_padding(ct_call *call, ct_tensor *rows)
{
    const embedding_attributes *a = ct_call_attributes(call);
    ct_tensor *index = ct_call_input(call, 1);
    int64_t count = ct_size(ct_call_input(call, 0), 0), row = a->padding < 0 ? a->padding + count : a->padding;
    if (row < 0 || row >= count) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "the padding %lld is not in %lld..%lld: %s", (long long)a->padding,
                      (long long)-count, (long long)count - 1, ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *is_padding = ct_unsqueeze(ct_eq(index, ct_scalar(CT_INT64, (double)row)), -1);
    return ct_where(is_padding, ct_detach(rows), rows);
}

static ct_tensor *embedding_expression(ct_call *call)
{
    const embedding_attributes *a = ct_call_attributes(call);
    ct_tensor *weight = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    int64_t shape[CT_MAX_RANK];
    int rank = ct_rank(index);
    if (ct_rank(weight) != 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes weight [V,D] and an index: %s", ct_call_shapes(call));
        return NULL;
    }
    if (!shape_behind(call, index, ct_size(weight, 1), shape) ||
        ct__check_indices(call, index, weight->shape[0]) != CT_OK)
        return NULL;
    ct_tensor *flat = ct_reshape(index, (const int64_t[]){ct_numel(index)}, 1);
    ct_tensor *rows = ct_reshape(select_slices(weight, 0, flat), shape, rank + 1);
    return a->padded ? without_padding(call, rows) : rows;
}

const ct_op ct_op_embedding = {
    .name = "embedding",
    .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64)},
    .roles = "weight index",
    .gradient = "zeros to which each row of g is added at its index, but for the padding",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(embedding_attributes),
    .attribute_names = "padded padding",
    .expression = embedding_expression,
    .samples = (const ct_sample[]){{"7x3 i7:2x4", &(embedding_attributes){0}},
                                   {"4x2 i4:scalar", &(embedding_attributes){0}},
                                   {"4x2 i4:0", &(embedding_attributes){0}},
                                   {"7x3 i6:2x4",
                                    &(embedding_attributes){
                                        1, -1}}, /* the padding, where a slope would be found, is not among them */
                                   {0}},
};

ct_tensor *ct_embedding(ct_tensor *weight, ct_tensor *index)
{
    return ct_apply(&ct_op_embedding, (ct_tensor *[]){weight, index}, 2, &(embedding_attributes){0});
}

ct_tensor *ct_embedding_padded(ct_tensor *weight, ct_tensor *index, int64_t padding)
{
    return ct_apply(&ct_op_embedding, (ct_tensor *[]){weight, index}, 2, &(embedding_attributes){1, padding});
}

/* ---- one_hot ---- */

typedef struct one_hot_attributes {
    int64_t classes, dtype;
} one_hot_attributes;

static ct_tensor *one_hot_expression(ct_call *call)
{
    const one_hot_attributes *a = ct_call_attributes(call);
    ct_tensor *index = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    if (a->classes < 0) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld classes", (long long)a->classes);
        return NULL;
    }
    if (ct__check_shape((ct_dtype)a->dtype, NULL, 0, call->op->name) != CT_OK ||
        !shape_behind(call, index, a->classes, shape) || ct__check_indices(call, index, a->classes) != CT_OK)
        return NULL;
    ct_tensor *classes = ct_arange(CT_INT64, 0, 1, a->classes);
    return ct_cast(ct_eq(ct_unsqueeze(index, -1), classes), (ct_dtype)a->dtype);
}

const ct_op ct_op_one_hot = {
    .name = "one_hot",
    .takes = {CT_ONLY(CT_INT64)},
    .roles = "index",
    .gradient = "none: the input is an integer",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(one_hot_attributes),
    .attribute_names = "classes dtype:1t",
    .expression = one_hot_expression,
    .samples = (const ct_sample[]){{"i7:4", &(one_hot_attributes){7, CT_FLOAT64}},
                                   {"i2:0x3", &(one_hot_attributes){2, CT_UINT8}},
                                   {0}},
};

ct_tensor *ct_one_hot(ct_tensor *index, int64_t classes, ct_dtype dtype)
{
    return ct_apply(&ct_op_one_hot, &index, 1, &(one_hot_attributes){classes, (int64_t)dtype});
}

/* ---- masked_select ---- */

static ct_tensor *masked_select_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *mask = ct_call_input(call, 1);
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (!ct__broadcast_shapes(x->shape, x->rank, mask->shape, mask->rank, shape, &rank)) {
        ct_call_error(call, CT_ERROR_SHAPE, "shapes do not broadcast: %s", ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *chosen = ct_contiguous(ct_expand(mask, shape, rank));
    const uint8_t *flags = chosen ? ct_data(chosen) : NULL;
    if (!flags)
        return NULL;
    int64_t count = 0, total = ct_numel(chosen);
    for (int64_t i = 0; i < total; i++)
        count += flags[i] != 0;
    ct_tensor *places = ct_empty(CT_INT64, &count, 1);
    int64_t *place = places ? ct_data_mut(places) : NULL;
    for (int64_t i = 0; place && i < total; i++)
        if (flags[i])
            *place++ = i;
    return select_slices(ct_reshape(ct_expand(x, shape, rank), (const int64_t[]){total}, 1), 0, places);
}

const ct_op ct_op_masked_select = {
    .name = "masked_select",
    .takes = {CT_ANY_DTYPE, CT_MASKS},
    .roles = "x mask",
    .gradient = "zeros with g where the mask is",
    .min_inputs = 2,
    .max_inputs = 2,
    .expression = masked_select_expression,
    .samples = (const ct_sample[]){{"3x4 u2:3x4", NULL}, {"3x4 u2:4", NULL}, {"0x2 u2:2", NULL}, {0}},
};

ct_tensor *ct_masked_select(ct_tensor *x, ct_tensor *mask)
{
    return ct_apply(&ct_op_masked_select, (ct_tensor *[]){x, mask}, 2, NULL);
}
