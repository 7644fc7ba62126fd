/* Writing where an index says: scatter, its maximum and product, and what is made of them and of gather.
 *
 * Invariant: of several elements for one place the last in row-major order is written, and it alone gets a gradient. */
#include "expression.h"
#include "index_internal.h"
#include <math.h>

/* ---- scatter ---- */

static void put_4_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint32_t, uint32_t, *indexed = *dense)
}

static void put_8_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint64_t, uint64_t, *indexed = *dense)
}

static void put_2_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint16_t, uint16_t, *indexed = *dense)
}

static void put_bytes(const ct__row *r)
{
    CT_EACH_INDEXED(uint8_t, uint8_t, *indexed = *dense)
}

static ct_status forward_scatter(ct_call *call)
{
    size_t size = ct_dtype_size((ct_dtype)ct_call_output(call, 0)->dtype);
    return ct__scatter_run(call, size == 8   ? put_8_bytes
                                 : size == 4 ? put_4_bytes
                                 : size == 2 ? put_2_bytes
                                             : put_bytes);
}

/* As dtype, 1 for each element of the source that was written, else 0: the place that its number was written to still has it. */
static ct_tensor *written(ct_tensor *index, int axis, const int64_t *shape, int rank, ct_dtype dtype)
{
    ct_tensor *numbers = ct_reshape(ct_arange(CT_INT64, 0, 1, ct_numel(index)), ct_shape(index), ct_rank(index));
    ct_tensor *last = ct_scatter(ct_zeros(CT_INT64, shape, rank), axis, index, numbers);
    return ct_cast(ct_eq(ct_gather(last, axis, index), numbers), dtype);
}

static ct_status backward_scatter(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0), *index = ct_call_input(call, 1);
    int axis = (int)along->axis;
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0)) {
        ct_tensor *nothing = ct_zeros(ct_dtype_of(g), ct_shape(index), ct_rank(index));
        status = ct_call_set_grad(call, 0, ct_scatter(g, axis, index, nothing));
    }
    if (status == CT_OK && ct_call_needs_grad(call, 2)) {
        ct_tensor *mask = written(index, axis, ct_shape(g), ct_rank(g), ct_dtype_of(g));
        status = ct_call_set_grad(call, 2, ct_mul(ct_gather(g, axis, index), mask));
    }
    return status;
}

ct_tensor *ct_scatter(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source)
{
    return (ct_apply)(&ct_op_scatter, (ct_tensor *[]){x, index, source}, 3, &(ct_index_attributes){axis});
}

static const ct_sample scatter_samples[] = {
    {"3x5 i5:3x4 3x4", &(ct_index_attributes){1}},        {"3x5 i3:4x5 4x5", &(ct_index_attributes){0}},
    {"2x3x4 i3:2x5x2 2x5x2", &(ct_index_attributes){-2}}, {"3 i3:7 7", &(ct_index_attributes){0}},
    {"3x5 i5:3x0 3x0", &(ct_index_attributes){1}},        {0}};

const ct_op ct_op_scatter = {
    .name = "scatter",
    .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64), CT_ANY_DTYPE},
    .roles = "x index source",
    .gradient = "x: g where nothing was written; source: gather(g, index) where it was",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(1),
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .infer = ct__scatter_infer,
    .forward = forward_scatter,
    .backward = backward_scatter,
    .samples = scatter_samples,
};

/* ---- scatter_max, scatter_prod ---- */

#define ROWS(name, type, value)                          \
    static void name##_##type(const ct__row *r)          \
    {                                                    \
        CT_EACH_INDEXED(type, type, *indexed = (value)); \
    }
#define KERNELS(name, float32, float64, int64, int32, uint8)                          \
    static void (*const name[])(const ct__row *r) = {[CT_FLOAT32] = name##_##float32, \
                                                     [CT_FLOAT64] = name##_##float64, \
                                                     [CT_INT64] = name##_##int64,     \
                                                     [CT_INT32] = name##_##int32,     \
                                                     [CT_UINT8] = name##_##uint8};    \
    static ct_status forward_scatter_##name(ct_call *call)                            \
    {                                                                                 \
        return ct__scatter_run(call, name[ct_call_output(call, 0)->dtype]);           \
    }

/* NaN counts as the largest. */
#define MAX_OF(type) ROWS(max, type, *dense > *indexed || *dense != *dense ? *dense : *indexed)
MAX_OF(float)
MAX_OF(double)
MAX_OF(int64_t)
MAX_OF(int32_t)
MAX_OF(uint8_t)
KERNELS(max, float, double, int64_t, int32_t, uint8_t)

/* Products of integers wrap, which C says of those without a sign. */
#define PROD_OF(type) ROWS(prod, type, (type)(*indexed * *dense))
PROD_OF(float)
PROD_OF(double)
PROD_OF(uint64_t)
PROD_OF(uint32_t)
PROD_OF(uint8_t)
KERNELS(prod, float, double, uint64_t, uint32_t, uint8_t)

/* g at all that are as large as the result, shared equally. */
static ct_status backward_scatter_max(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0), *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    ct_tensor *source = ct_call_input(call, 2), *y = ct_call_output(call, 0);
    int axis = (int)along->axis;
    ct_dtype dtype = ct_dtype_of(g);
    ct_tensor *own = ct_cast(ct_eq(x, y), dtype), *others = ct_cast(ct_eq(source, ct_gather(y, axis, index)), dtype);
    ct_tensor *share = ct_div(g, ct_scatter_add(own, axis, index, others));
    ct_status status = ct_call_set_grad(call, 0, ct_mul(own, share));
    return status == CT_OK ? ct_call_set_grad(call, 2, ct_mul(others, ct_gather(share, axis, index))) : status;
}

static ct_tensor *scatter_max(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source)
{
    return (ct_apply)(&ct_op_scatter_max, (ct_tensor *[]){x, index, source}, 3, &(ct_index_attributes){axis});
}

static ct_tensor *scatter_prod(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source)
{
    return (ct_apply)(&ct_op_scatter_prod, (ct_tensor *[]){x, index, source}, 3, &(ct_index_attributes){axis});
}

const ct_op ct_op_scatter_max = {
    .name = "scatter_max",
    .takes = {CT_FLOATS | CT_INTEGERS, CT_ONLY(CT_INT64), CT_FLOATS | CT_INTEGERS},
    .roles = "x index source",
    .gradient = "g at the largest, shared equally between ties",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUTS | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .infer = ct__scatter_infer,
    .forward = forward_scatter_max,
    .backward = backward_scatter_max,
    .samples = scatter_samples,
};

/* As x's type, 1 where x is 0, else 0. */
static ct_tensor *zeros_of(ct_tensor *x)
{
    return ct_cast(ct_eq(x, ct_scalar(ct_dtype_of(x), 0)), ct_dtype_of(x));
}

/* g times the product of the others, of which left are 0: product leaves out all zeros, x's own among them, and is multiplied by 1, or,
 * where one is left, by it, zero: so that there is a derivative by that one. */
static ct_tensor *by_others(ct_tensor *g, ct_tensor *product, ct_tensor *nonzero, ct_tensor *left, ct_tensor *zero)
{
    ct_tensor *one_left = zeros_of(ct_add_scalar(left, -1));
    ct_tensor *factor = ct_add(zeros_of(left), ct_mul(one_left, zero));
    return ct_mul(ct_mul(g, ct_div(product, nonzero)), factor);
}

static ct_status backward_scatter_prod(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0), *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    ct_tensor *source = ct_call_input(call, 2), *zero_x = zeros_of(x), *zero_source = zeros_of(source);
    int axis = (int)along->axis;
    ct_tensor *nonzero_x = ct_add(x, zero_x), *nonzero_source = ct_add(source, zero_source);
    ct_tensor *product = scatter_prod(nonzero_x, axis, index, nonzero_source);
    ct_tensor *zeros = ct_scatter_add(zero_x, axis, index, zero_source);
    ct_tensor *own = ct_mul(x, zero_x), *owns = ct_mul(source, zero_source),
              *sum = ct_scatter_add(own, axis, index, owns);
    ct_tensor *left = ct_sub(zeros, zero_x);
    ct_status status = ct_call_set_grad(call, 0, by_others(g, product, nonzero_x, left, ct_sub(sum, own)));
    if (status != CT_OK)
        return status;
    left = ct_sub(ct_gather(zeros, axis, index), zero_source);
    product = ct_gather(product, axis, index);
    sum = ct_sub(ct_gather(sum, axis, index), owns);
    return ct_call_set_grad(call, 2, by_others(ct_gather(g, axis, index), product, nonzero_source, left, sum));
}

const ct_op ct_op_scatter_prod = {
    .name = "scatter_prod",
    .takes = {CT_FLOATS | CT_INTEGERS, CT_ONLY(CT_INT64), CT_FLOATS | CT_INTEGERS},
    .roles = "x index source",
    .gradient = "g times the product of the others",
    .min_inputs = 3,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUTS,
    .attributes_size = sizeof(ct_index_attributes),
    .attribute_names = "axis",
    .infer = ct__scatter_infer,
    .forward = forward_scatter_prod,
    .backward = backward_scatter_prod,
    .samples = scatter_samples,
};

/* ---- scatter_reduce ---- */

typedef struct reduce_attributes {
    int64_t axis, how, exclude_self;
} reduce_attributes;

#define BY(...)          \
    &(reduce_attributes) \
    {                    \
        __VA_ARGS__      \
    }

/* The same shape and dtype as t. */
static ct_tensor *filled(const ct_tensor *t, double value)
{
    return ct_full(ct_dtype_of(t), value, ct_shape(t), ct_rank(t));
}

/* x, or, where something is written and x is not to count, what does not change the result. */
static ct_tensor *base(ct_call *call, double neutral)
{
    const reduce_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1), *source = ct_call_input(call, 2);
    return by->exclude_self ? ct_scatter(x, (int)by->axis, index, filled(source, neutral)) : x;
}

/* How many elements each result is the mean of, at least 1. */
static ct_tensor *counts(ct_call *call)
{
    const reduce_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1), *source = ct_call_input(call, 2);
    ct_tensor *from = filled(x, by->exclude_self ? 0 : 1);
    return ct_maximum(ct_scatter_add(from, (int)by->axis, index, filled(source, 1)), filled(x, 1));
}

/* Exact, and in the opposite order. */
static ct_tensor *opposite(ct_tensor *x)
{
    return ct_dtype_is_float(ct_dtype_of(x)) ? ct_neg(x) : ct_bitwise_not(x);
}

static ct_tensor *quotient(ct_tensor *a, ct_tensor *b)
{
    return ct_dtype_is_float(ct_dtype_of(a)) ? ct_div(a, b) : ct_floor_divide(a, b);
}

static ct_tensor *scatter_reduce_expression(ct_call *call)
{
    const reduce_attributes *by = ct_call_attributes(call);
    ct_tensor *index = ct_call_input(call, 1), *source = ct_call_input(call, 2);
    int axis = (int)by->axis;
    switch (by->how) {
    case CT_SCATTER_SUM:
        return ct_scatter_add(base(call, 0), axis, index, source);
    case CT_SCATTER_MEAN:
        return quotient(ct_scatter_add(base(call, 0), axis, index, source), counts(call));
    case CT_SCATTER_AMAX:
        return scatter_max(base(call, -INFINITY), axis, index, source);
    case CT_SCATTER_AMIN:
        return opposite(scatter_max(opposite(base(call, INFINITY)), axis, index, opposite(source)));
    case CT_SCATTER_PROD:
        return scatter_prod(base(call, 1), axis, index, source);
    default:
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no reduction %lld", (long long)by->how);
        return NULL;
    }
}

ct_tensor *ct_scatter_reduce(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source, ct_scatter_reduction how,
                             bool include_self)
{
    return (ct_apply)(&ct_op_scatter_reduce, (ct_tensor *[]){x, index, source}, 3,
                      BY(.axis = axis, .how = how, .exclude_self = !include_self));
}

static const ct_sample scatter_reduce_samples[] = {
    {"3x5 i5:3x4 3x4", BY(.axis = 1, .how = CT_SCATTER_SUM, .exclude_self = 1)},
    {"3x5 i3:4x5 4x5", BY(.axis = 0, .how = CT_SCATTER_MEAN)},
    {"4 i4:9 9", BY(.axis = 0, .how = CT_SCATTER_MEAN, .exclude_self = 1)},
    {"2x3x4 i3:2x5x2 2x5x2", BY(.axis = -2, .how = CT_SCATTER_AMAX)},
    {"3x4 i4:3x7 3x7", BY(.axis = 1, .how = CT_SCATTER_AMIN, .exclude_self = 1)},
    {"3x4 i4:3x7 3x7", BY(.axis = 1, .how = CT_SCATTER_PROD)},
    {"5 i5:4 4", BY(.axis = 0, .how = CT_SCATTER_PROD, .exclude_self = 1)},
    {0}};
CT_EXPRESSION(
    scatter_reduce,
    "sum: that of scatter_add; mean: over the count; amax, amin: g at the extreme, shared; prod: g times the others", 3,
    3, .takes = {CT_FLOATS | CT_INTEGERS, CT_ONLY(CT_INT64), CT_FLOATS | CT_INTEGERS},
    .attributes_size = sizeof(reduce_attributes), .attribute_names = "axis how exclude_self",
    .roles = "x index source");

/* ---- index_add, index_copy, index_fill: an index of one axis ---- */

/* The index (one axis, or a single number) as scatter wants it: of source's shape. The axis in *axis. NULL with an error. */
static ct_tensor *spread_index(ct_call *call, ct_tensor *index, const ct_tensor *source, int *axis)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    int64_t shape[CT_MAX_RANK];
    int rank = ct_rank(source);
    *axis = ct__call_axis(call, along->axis, rank);
    if (*axis < 0)
        return NULL;
    if (ct_rank(index) > 1 || ct_numel(index) != (rank > 0 ? ct_size(source, *axis) : 1)) {
        ct_call_error(call, CT_ERROR_SHAPE,
                      "the index has one axis, and as many elements as the source along axis %d: %s", *axis,
                      ct_call_shapes(call));
        return NULL;
    }
    for (int i = 0; i < rank; i++)
        shape[i] = i == *axis ? ct_numel(index) : 1;
    return ct_expand(ct_reshape(index, shape, rank), ct_shape(source), rank);
}

#define INDEXED(op_name, call_of, formula, dtypes)                                                               \
    static ct_tensor *op_name##_expression(ct_call *call)                                                        \
    {                                                                                                            \
        int axis;                                                                                                \
        ct_tensor *source = ct_call_input(call, 2);                                                              \
        ct_tensor *index = spread_index(call, ct_call_input(call, 1), source, &axis);                            \
        return index ? call_of(ct_call_input(call, 0), axis, index, source) : NULL;                              \
    }                                                                                                            \
    CT_EXPRESSION(op_name, formula, 3, 3, .takes = {dtypes, CT_ONLY(CT_INT64), dtypes},                          \
                  .attributes_size = sizeof(ct_index_attributes), .attribute_names = "axis",                     \
                  .roles = "x index source");                                                                    \
    ct_tensor *ct_##op_name(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source)                         \
    {                                                                                                            \
        return (ct_apply)(&ct_op_##op_name, (ct_tensor *[]){x, index, source}, 3, &(ct_index_attributes){axis}); \
    }

static const ct_sample index_add_samples[] = {
    {"3x5 i5:4 3x4", &(ct_index_attributes){1}},        {"4x2x3 i4:6 6x2x3", &(ct_index_attributes){-3}},
    {"3x5 i5:0 3x0", &(ct_index_attributes){1}},        {"4x2 i4:scalar 1x2", &(ct_index_attributes){0}},
    {"scalar i1:1 scalar", &(ct_index_attributes){-1}}, {0}};
#define index_copy_samples index_add_samples
INDEXED(index_add, ct_scatter_add, "x: g; source: g at the index", CT_FLOATS | CT_INTEGERS)
INDEXED(index_copy, ct_scatter, "x: g where nothing was written; source: g where it was", CT_ANY_DTYPE)

/* ---- take_along_dim: gather with an index that broadcasts ---- */

static ct_tensor *take_along_dim_expression(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *index = ct_call_input(call, 1);
    int64_t of_x[CT_MAX_RANK], of_index[CT_MAX_RANK];
    int axis = ct__call_real_axis(call, along->axis, ct_rank(x));
    if (axis < 0)
        return NULL;
    bool fits = ct_rank(index) == ct_rank(x);
    for (int i = 0; fits && i < ct_rank(x); i++) {
        int64_t a = ct_size(x, i), b = ct_size(index, i);
        of_x[i] = i == axis ? a : a == 1 ? b : a;
        of_index[i] = i == axis ? b : of_x[i];
        fits = i == axis || a == b || a == 1 || b == 1;
    }
    if (!fits) {
        ct_call_error(call, CT_ERROR_SHAPE, "x and the index do not broadcast beside axis %d: %s", axis,
                      ct_call_shapes(call));
        return NULL;
    }
    return ct_gather(ct_expand(x, of_x, ct_rank(x)), axis, ct_expand(index, of_index, ct_rank(x)));
}

ct_tensor *ct_take_along_dim(ct_tensor *x, ct_tensor *index, int axis)
{
    return (ct_apply)(&ct_op_take_along_dim, (ct_tensor *[]){x, index}, 2, &(ct_index_attributes){axis});
}

static const ct_sample take_along_dim_samples[] = {{"3x5 i5:1x4", &(ct_index_attributes){1}},
                                                   {"1x5 i5:3x2", &(ct_index_attributes){-1}},
                                                   {"3x2x4 i3:2x1x4", &(ct_index_attributes){0}},
                                                   {0}};
CT_EXPRESSION(take_along_dim, "g added up where the index says", 2, 2, .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64)},
              .attributes_size = sizeof(ct_index_attributes), .attribute_names = "axis", .roles = "x index");

/* ---- index, index_put: indices, which broadcast, and masks, for the first axes ---- */

/* A mask is as many indices as it has axes: where it is true. Writes them, and adds their number to *axes; false with an error. */
static bool take_mask(ct_call *call, ct_tensor *mask, ct_tensor **parts, int *axes)
{
    ct_tensor *x = ct_call_input(call, 0);
    int rank = ct_rank(mask);
    bool fits = rank > 0 && *axes + rank <= ct_rank(x);
    for (int i = 0; fits && i < rank; i++)
        fits = ct_size(mask, i) == ct_size(x, *axes + i);
    if (!fits) {
        ct_call_error(call, CT_ERROR_SHAPE, "a mask has the sizes of the axes of x that it is for, from axis %d on: %s",
                      *axes, ct_call_shapes(call));
        return false;
    }
    ct_tensor *places = ct_nonzero(mask);
    for (int i = 0; i < rank; i++)
        parts[(*axes)++] = ct_select(places, 1, i);
    return places != NULL;
}

/* The indices of a call, inputs first.., one for each of so many axes; false with an error. */
static bool take_indices(ct_call *call, int first, ct_tensor **parts, int *axes)
{
    ct_tensor *x = ct_call_input(call, 0);
    *axes = 0;
    for (int k = first; k < ct_call_inputs(call); k++) {
        ct_tensor *index = ct_call_input(call, k);
        if (!index) {
            ct_call_error(call, CT_ERROR_NULL, "index %d is NULL", k - first);
            return false;
        }
        if (ct_dtype_of(index) != CT_INT64) {
            if (!take_mask(call, index, parts, axes))
                return false;
        } else if (*axes >= ct_rank(x)) {
            ct_call_error(call, CT_ERROR_SHAPE, "%d indices for %d axes: %s", ct_call_inputs(call) - first, ct_rank(x),
                          ct_call_shapes(call));
            return false;
        } else if (ct__check_indices(call, index, ct_size(x, *axes)) != CT_OK) {
            return false;
        } else {
            parts[(*axes)++] = index;
        }
    }
    return true;
}

/* Of the indices, inputs first.., of their joint shape, the numbers of the places in row-major order: one axis. Their joint shape
 * in shape and *rank, the axes of x that they are for in *axes. NULL with an error. */
static ct_tensor *places(ct_call *call, int first, int64_t *shape, int *rank, int *axes)
{
    ct_tensor *x = ct_call_input(call, 0), *sum = NULL, *parts[CT_MAX_RANK];
    *rank = 0;
    if (!take_indices(call, first, parts, axes))
        return NULL;
    for (int k = 0; k < *axes; k++) {
        if (!parts[k])
            return NULL;
        if (!ct__broadcast_shapes(shape, *rank, ct_shape(parts[k]), ct_rank(parts[k]), shape, rank)) {
            ct_call_error(call, CT_ERROR_SHAPE, "the indices do not broadcast: %s", ct_call_shapes(call));
            return NULL;
        }
        ct_tensor *number = ct_cast(parts[k], CT_FLOAT64); /* exact to 2^53 elements */
        sum = sum ? ct_add(ct_mul_scalar(sum, (double)ct_size(x, k)), number) : number;
    }
    const int64_t flat[] = {-1};
    return ct_reshape(ct_cast(sum, CT_INT64), flat, 1);
}

/* The first n axes of x as one. */
static ct_tensor *joined(ct_tensor *x, int n)
{
    int64_t shape[CT_MAX_RANK] = {1};
    for (int i = 0; i < ct_rank(x); i++) {
        if (i < n)
            shape[0] *= ct_size(x, i);
        else
            shape[i - n + 1] = ct_size(x, i);
    }
    return ct_reshape(x, shape, ct_rank(x) - n + 1);
}

/* shape is followed by x's axes behind the first n; false with an error. */
static bool append_rest(ct_call *call, const ct_tensor *x, int n, int64_t *shape, int *rank)
{
    if (*rank + ct_rank(x) - n > CT_MAX_RANK) {
        ct_call_error(call, CT_ERROR_SHAPE, "the result has more than %d axes: %s", CT_MAX_RANK, ct_call_shapes(call));
        return false;
    }
    for (int i = n; i < ct_rank(x); i++)
        shape[(*rank)++] = ct_size(x, i);
    return true;
}

static ct_tensor *index_expression(ct_call *call)
{
    int64_t shape[CT_MAX_RANK];
    int rank, n;
    ct_tensor *x = ct_call_input(call, 0), *at = places(call, 1, shape, &rank, &n);
    if (!at || !append_rest(call, x, n, shape, &rank))
        return NULL;
    return ct_reshape(ct_index_select(joined(x, n), 0, at), shape, rank);
}

ct_tensor *ct_index(ct_tensor *x, ct_tensor *const *indices, int n)
{
    ct_tensor *inputs[CT_MAX_RANK + 1] = {x};
    if (n < 1 || n > CT_MAX_RANK || !indices) {
        ct__error(!indices ? CT_ERROR_NULL : CT_ERROR_ARGUMENT, "index: %d indices", n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        inputs[i + 1] = indices[i];
    return (ct_apply)(&ct_op_index, inputs, n + 1, NULL);
}

static const ct_sample index_samples[] = {{"3x5 i3:4", NULL},          {"3x5 i3:4 i5:2x1", NULL},
                                          {"2x3x4 i2:2x2 i3:2", NULL}, {"3x4x2 u2:3x4", NULL},
                                          {"3x4x2 i3:1 u2:4x2", NULL}, {0}};
CT_EXPRESSION(index, "g added up where the indices say", 2, CT_MAX_RANK + 1,
              .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64) | CT_MASKS});

typedef struct put_attributes {
    int64_t accumulate;
} put_attributes;

static ct_tensor *index_put_expression(ct_call *call)
{
    const put_attributes *how = ct_call_attributes(call);
    int64_t shape[CT_MAX_RANK], rows[CT_MAX_RANK];
    int rank, n;
    ct_tensor *x = ct_call_input(call, 0), *source = ct_call_input(call, 1), *at = places(call, 2, shape, &rank, &n);
    if (!at || !append_rest(call, x, n, shape, &rank))
        return NULL;
    ct_tensor *flat = joined(x, n);
    for (int i = 0; flat && i < ct_rank(flat); i++)
        rows[i] = i == 0 ? ct_numel(at) : ct_size(flat, i);
    ct_tensor *values = ct_reshape(ct_expand(source, shape, rank), rows, ct_rank(flat));
    ct_tensor *y = how->accumulate ? ct_index_add(flat, 0, at, values) : ct_index_copy(flat, 0, at, values);
    return ct_reshape(y, ct_shape(x), ct_rank(x));
}

ct_tensor *ct_index_put(ct_tensor *x, ct_tensor *const *indices, int n, ct_tensor *values, bool accumulate)
{
    ct_tensor *inputs[CT_MAX_RANK + 2] = {x, values};
    if (n < 1 || n > CT_MAX_RANK || !indices) {
        ct__error(!indices ? CT_ERROR_NULL : CT_ERROR_ARGUMENT, "index_put: %d indices", n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        inputs[i + 2] = indices[i];
    return (ct_apply)(&ct_op_index_put, inputs, n + 2, &(put_attributes){accumulate});
}

static const ct_sample index_put_samples[] = {{"3x5 4x5 i3:4", &(put_attributes){1}},
                                              {"3x5 2x4 i3:4 i5:2x1", &(put_attributes){0}},
                                              {"2x3x4 scalar i2:2x2 i3:2", &(put_attributes){1}},
                                              {"3x4x2 2 u2:3x4", &(put_attributes){0}},
                                              {"3x4 scalar u2:3x4", &(put_attributes){1}},
                                              {0}};
CT_EXPRESSION(index_put, "x: g where nothing was written, or g; values: g at the indices", 3, CT_MAX_RANK + 2,
              .takes = {CT_ANY_DTYPE, CT_ANY_DTYPE, CT_ONLY(CT_INT64) | CT_MASKS},
              .attributes_size = sizeof(put_attributes), .attribute_names = "accumulate");
