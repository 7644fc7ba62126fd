/* Operations that go where an index tensor says: gather and its adjoint scatter_add.
 *
 * Invariant: the shape rules have looked at every index, so that the loops need not. */
#include "index_internal.h"

/* ---- walking over the index ---- */

/* Axes to walk over: a 0-d tensor has one, of size 1. */
static int axes_of(const ct_tensor *t)
{
    return t->rank > 0 ? t->rank : 1;
}

/* Moves to the next row (all axes but the last) of a shape; false after the last one. */
static bool next_row(int64_t *at, const int64_t *shape, int rank)
{
    for (int i = rank - 2; i >= 0; i--) {
        if (++at[i] < shape[i])
            return true;
        at[i] = 0;
    }
    return false;
}

/* Where a row begins. */
static int64_t row_offset(const int64_t *at, const int64_t *strides, int rank)
{
    int64_t offset = 0;
    for (int i = 0; i < rank - 1; i++)
        offset += at[i] * strides[i];
    return offset;
}

ct_status ct__check_indices(ct_call *call, const ct_tensor *index, int64_t size)
{
    int rank = axes_of(index), last = rank - 1;
    int64_t at[CT_MAX_RANK] = {0}, shape[CT_MAX_RANK];
    if (index->numel == 0)
        return CT_OK;
    for (int i = 0; i < rank; i++)
        shape[i] = index->strides[i] == 0 ? 1 : index->shape[i]; /* expanded: all are the first */
    do {
        const int64_t *row = (const int64_t *)ct__ptr(index) + row_offset(at, index->strides, rank);
        for (int64_t i = 0; i < shape[last]; i++) {
            int64_t value = row[i * index->strides[last]];
            if (value >= 0 && value < size)
                continue;
            char text[CT_SHAPE_TEXT];
            at[last] = i;
            if (size == 0)
                return ct_call_error(call, CT_ERROR_ARGUMENT,
                                     "index %lld at %s, and there is nothing to choose from: %s", (long long)value,
                                     ct__shape_text(at, index->rank, text), ct_call_shapes(call));
            return ct_call_error(call, CT_ERROR_ARGUMENT, "index %lld at %s is not in 0..%lld: %s", (long long)value,
                                 ct__shape_text(at, index->rank, text), (long long)size - 1, ct_call_shapes(call));
        }
    } while (next_row(at, shape, rank));
    return CT_OK;
}

/* Checks input 0, the indexed tensor, against input 1, the index; returns the axis, or -1 with an error. */
static int check_indexed(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    int axis = ct__call_axis(call, along->axis, x->rank);
    if (axis < 0)
        return -1;
    bool fits = index->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++)
        fits = i == axis || index->shape[i] <= x->shape[i];
    if (!fits) {
        ct_call_error(call, CT_ERROR_SHAPE, "the index must have as many axes and be no larger beside axis %d: %s",
                      axis, ct_call_shapes(call));
        return -1;
    }
    return ct__check_indices(call, index, x->shape[axis]) == CT_OK ? axis : -1;
}

static void gather_4_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint32_t, uint32_t, *dense = *indexed)
}

static void gather_8_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint64_t, uint64_t, *dense = *indexed)
}

static void gather_2_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint16_t, uint16_t, *dense = *indexed)
}

static void gather_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint8_t, uint8_t, *dense = *indexed)
}

static void add_float32(const ct__row *r)
{
    CT_EACH_INDEXED(float, float, *indexed += *dense)
}

static void add_float64(const ct__row *r)
{
    CT_EACH_INDEXED(double, double, *indexed += *dense)
}

/* Sums of integers wrap, which C says of those without a sign. */
static void add_int64(const ct__row *r)
{
    CT_EACH_INDEXED(uint64_t, uint64_t, *indexed += *dense)
}

static void add_int32(const ct__row *r)
{
    CT_EACH_INDEXED(uint32_t, uint32_t, *indexed += *dense)
}

static void add_uint8(const ct__row *r)
{
    CT_EACH_INDEXED(uint8_t, uint8_t, *indexed = (uint8_t)(*indexed + *dense))
}

static void add_float32_to_float64(const ct__row *r)
{
    CT_EACH_INDEXED(float, double, *indexed += *dense)
}

/* Elements that are indexed along an axis. */
typedef struct indexed {
    char *data;
    const int64_t *strides;
    int64_t size; /* of an element */
    int axis;
} indexed;

/* Runs over index, dense (of its shape) and to together, in row-major order of the index. */
static void walk(indexed to, const ct_tensor *index, const ct_tensor *dense, void (*do_row)(const ct__row *r))
{
    int64_t size = ct__size_of((ct_dtype)dense->dtype), steps[CT_MAX_RANK], at[CT_MAX_RANK] = {0};
    int rank = axes_of(index), last = rank - 1;
    if (index->numel == 0)
        return;
    for (int i = 0; i < rank; i++)
        steps[i] = i == to.axis ? 0 : to.strides[i];
    do {
        ct__row r = {.n = index->shape[last],
                     .dense = ct__ptr(dense) + row_offset(at, dense->strides, rank) * size,
                     .indexed = to.data + row_offset(at, steps, rank) * to.size,
                     .index = (const int64_t *)ct__ptr(index) + row_offset(at, index->strides, rank),
                     .dense_step = dense->strides[last],
                     .indexed_step = steps[last],
                     .index_step = index->strides[last],
                     .axis_step = to.strides[to.axis]};
        do_row(&r);
    } while (next_row(at, index->shape, rank));
}

static indexed elements_of(const ct_tensor *t, int axis)
{
    return (indexed){ct__ptr(t), t->strides, ct__size_of((ct_dtype)t->dtype), axis};
}

/* ---- gather ---- */

static ct_status infer_gather(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    if (check_indexed(call) < 0)
        return ct_error_code();
    return ct_call_output_shape(call, 0, (ct_dtype)x->dtype, index->shape, index->rank);
}

static ct_status forward_gather(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t size = ct__size_of((ct_dtype)x->dtype);
    walk(elements_of(x, ct__axis((int)along->axis, x->rank)), ct_call_input(call, 1), ct_call_output(call, 0),
         size == 8   ? gather_8_bytes
         : size == 4 ? gather_4_bytes
         : size == 2 ? gather_2_bytes
                     : gather_bytes);
    return CT_OK;
}

static ct_status backward_gather(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    ct_tensor *zeros = ct_zeros(dtype, shape, rank), *index = ct_call_input(call, 1);
    return ct_call_set_grad(call, 0, ct_scatter_add(zeros, (int)along->axis, index, ct_call_grad_output(call, 0)));
}

ct_tensor *ct_gather(ct_tensor *x, int axis, ct_tensor *index)
{
    return (ct_apply)(&ct_op_gather, (ct_tensor *[]){x, index}, 2, &(ct_index_attributes){axis});
}

const ct_op ct_op_gather = {
    .name = "gather",
    .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64)},
    .roles = "x index",
    .gradient = "scatter_add(zeros, index, g)",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(1),
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .infer = infer_gather,
    .forward = forward_gather,
    .backward = backward_gather,
    .samples = (const ct_sample[]){{"3x5 i5:3x4", &(ct_index_attributes){1}},
                                   {"3x5 i3:2x5", &(ct_index_attributes){0}},
                                   {"2x3x4 i4:2x2x6", &(ct_index_attributes){-1}},
                                   {"5 i5:3", &(ct_index_attributes){0}},
                                   {"3x5 i5:3x0", &(ct_index_attributes){1}},
                                   {0}},
};

/* ---- scatter_add ---- */

ct_status ct__scatter_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1), *source = ct_call_input(call, 2);
    if (check_indexed(call) < 0)
        return ct_error_code();
    if (!ct__same_shape(index, source))
        return ct_call_error(call, CT_ERROR_SHAPE, "index and source differ in shape: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

/* From so many terms on, a float32 sum is made in double. */
enum { MANY_TERMS = 4096 };

static void copy(ct_dtype dtype, void *to, const ct_tensor *x)
{
    int64_t strides[CT_MAX_RANK];
    ct__row_major(x->shape, x->rank, strides);
    ct__copy_strided(dtype, to, strides, (ct_dtype)x->dtype, ct__ptr(x), x->strides, x->shape, x->rank);
}

/* y = x with source added, in double. */
static ct_status add_in_double(ct_tensor *y, const ct_tensor *x, int axis, const ct_tensor *index,
                               const ct_tensor *source)
{
    size_t bytes = (size_t)y->numel * sizeof(double);
    double *sums = ct__alloc(bytes);
    if (!sums)
        return ct__no_memory(ct_op_scatter_add.name);
    copy(CT_FLOAT64, sums, x);
    walk((indexed){(char *)sums, y->strides, sizeof(double), axis}, index, source, add_float32_to_float64);
    ct__copy_strided(CT_FLOAT32, ct__ptr(y), y->strides, CT_FLOAT64, sums, y->strides, y->shape, y->rank);
    ct__free(sums, bytes);
    return CT_OK;
}

static void (*const adders[])(const ct__row *r) = {[CT_FLOAT32] = add_float32,
                                                   [CT_FLOAT64] = add_float64,
                                                   [CT_INT64] = add_int64,
                                                   [CT_INT32] = add_int32,
                                                   [CT_UINT8] = add_uint8};

static ct_status forward_scatter_add(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1), *source = ct_call_input(call, 2);
    ct_tensor *y = ct_call_output(call, 0);
    int axis = ct__axis((int)along->axis, y->rank);
    if (y->dtype == CT_FLOAT32 && index->shape[axis] > MANY_TERMS)
        return add_in_double(y, x, axis, index, source);
    return ct__scatter_run(call, adders[y->dtype]);
}

ct_status ct__scatter_run(ct_call *call, void (*do_row)(const ct__row *r))
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *y = ct_call_output(call, 0);
    copy((ct_dtype)y->dtype, ct__ptr(y), ct_call_input(call, 0));
    walk(elements_of(y, ct__axis((int)along->axis, y->rank)), ct_call_input(call, 1), ct_call_input(call, 2), do_row);
    return CT_OK;
}

static ct_status backward_scatter_add(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, g);
    if (status == CT_OK && ct_call_needs_grad(call, 2))
        status = ct_call_set_grad(call, 2, ct_gather(g, (int)along->axis, ct_call_input(call, 1)));
    return status;
}

ct_tensor *ct_scatter_add(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source)
{
    return (ct_apply)(&ct_op_scatter_add, (ct_tensor *[]){x, index, source}, 3, &(ct_index_attributes){axis});
}

const ct_op ct_op_scatter_add = {
    .name = "scatter_add",
    .takes = {CT_FLOATS | CT_INTEGERS, CT_ONLY(CT_INT64), CT_FLOATS | CT_INTEGERS},
    .roles = "x index source",
    .gradient = "x: g; source: gather(g, index)",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(1),
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .infer = ct__scatter_infer,
    .forward = forward_scatter_add,
    .backward = backward_scatter_add,
    .samples = (const ct_sample[]){{"3x5 i5:3x4 3x4", &(ct_index_attributes){1}},
                                   {"3x5 i3:4x5 4x5", &(ct_index_attributes){0}},
                                   {"2x3x4 i3:2x5x2 2x5x2", &(ct_index_attributes){-2}},
                                   {"3 i3:7 7", &(ct_index_attributes){0}},
                                   {"3x5 i5:3x0 3x0", &(ct_index_attributes){1}},
                                   {0}},
};
