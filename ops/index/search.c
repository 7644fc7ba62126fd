/* Looking for elements: searchsorted, nonzero, unique, repeat_interleave. Invariant: a place has no gradient; what is chosen has that
 * of the operation that chooses it. */
#include "expression.h"
#include "index_internal.h"

/* ---- searchsorted ---- */

typedef struct search_attributes {
    int64_t right;
} search_attributes;

/* sorted [n], or [..., n] with values [..., m]. */
static ct_status infer_searchsorted(ct_call *call)
{
    const ct_tensor *sorted = ct_call_input(call, 0), *values = ct_call_input(call, 1);
    bool fits = sorted->rank == 1 || (sorted->rank > 1 && sorted->rank == values->rank);
    for (int i = 0; fits && sorted->rank > 1 && i < sorted->rank - 1; i++)
        fits = sorted->shape[i] == values->shape[i];
    if (!fits)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes sorted [n], or sorted [..., n] and values [..., m]: %s",
                             ct_call_shapes(call));
    return ct_call_output_shape(call, 0, CT_INT64, values->shape, values->rank);
}

/* How many of n sorted elements come before value: those below it, or with right those not above it. NaN is the largest. */
#define SEARCH(T)                                                                                           \
    static int64_t search_##T(const void *elements, int64_t n, const void *value_at, int64_t i, bool right) \
    {                                                                                                       \
        const T *sorted = elements, value = ((const T *)value_at)[i];                                       \
        int64_t low = 0, high = n;                                                                          \
        while (low < high) {                                                                                \
            int64_t middle = low + (high - low) / 2;                                                        \
            bool before = right ? !(sorted[middle] > value) : !(sorted[middle] >= value);                   \
            if (value == value && sorted[middle] != sorted[middle])                                         \
                before = false;                                                                             \
            if (value != value)                                                                             \
                before = right || sorted[middle] == sorted[middle];                                         \
            if (before)                                                                                     \
                low = middle + 1;                                                                           \
            else                                                                                            \
                high = middle;                                                                              \
        }                                                                                                   \
        return low;                                                                                         \
    }
SEARCH(float)
SEARCH(double)
SEARCH(int64_t)
SEARCH(int32_t)
SEARCH(uint8_t)

static ct_status forward_searchsorted(ct_call *call)
{
    static int64_t (*const searches[])(const void *, int64_t, const void *, int64_t,
                                       bool) = {[CT_FLOAT32] = search_float,
                                                [CT_FLOAT64] = search_double,
                                                [CT_INT64] = search_int64_t,
                                                [CT_INT32] = search_int32_t,
                                                [CT_UINT8] = search_uint8_t};
    const search_attributes *how = ct_call_attributes(call);
    const ct_tensor *sorted = ct_call_input(call, 0), *values = ct_call_input(call, 1);
    const char *elements = ct_call_input_data(call, 0), *wanted = ct_call_input_data(call, 1);
    int64_t *y = ct_call_output_data(call, 0), n = sorted->shape[sorted->rank - 1];
    int64_t row = sorted->rank > 1 ? values->shape[values->rank - 1] : values->numel;
    if (!elements || !wanted)
        return ct_error_code();
    for (int64_t i = 0; i < values->numel; i++)
        y[i] = searches[ct__loops_of((ct_dtype)sorted->dtype)](
            elements + i / row * n * ct__size_of((ct_dtype)sorted->dtype), n, wanted, i, how->right);
    return CT_OK;
}

ct_tensor *ct_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right)
{
    return (ct_apply)(&ct_op_searchsorted, (ct_tensor *[]){sorted, values}, 2, &(search_attributes){right});
}

const ct_op ct_op_searchsorted = {
    .name = "searchsorted",
    .takes = {CT_COMPUTED},
    .gradient = "none: the result is an integer",
    .roles = "sorted values",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(search_attributes),
    .attribute_names = "right",
    .infer = infer_searchsorted,
    .forward = forward_searchsorted,
    .samples = (const ct_sample[]){{"5 3x4", &(search_attributes){0}},
                                   {"2x5 2x3", &(search_attributes){1}},
                                   {"i9:6 i9:4", &(search_attributes){0}},
                                   {"0 3", &(search_attributes){0}},
                                   {0}},
};

/* ---- nonzero ---- */

/* The number of each element that is not 0, in row-major order. */
static ct_tensor *numbers_of(ct_tensor *x)
{
    const int64_t flat[] = {-1};
    ct_tensor *mask = ct_reshape(ct_ne(x, ct_scalar(ct_dtype_of(x), 0)), flat, 1);
    return ct_masked_select(ct_arange(CT_INT64, 0, 1, ct_numel(x)), mask);
}

static ct_tensor *nonzero_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *rest = ct_cast(numbers_of(x), CT_FLOAT64), *columns[CT_MAX_RANK];
    int rank = ct_rank(x);
    if (!rest || rank == 0)
        return rest ? ct_zeros(CT_INT64, (const int64_t[]){ct_numel(rest), 0}, 2) : NULL;
    for (int i = rank - 1; i >= 0; i--) {
        ct_tensor *size = ct_scalar(CT_FLOAT64, (double)(ct_size(x, i) > 0 ? ct_size(x, i) : 1));
        columns[i] = ct_cast(ct_remainder(rest, size), CT_INT64);
        rest = ct_floor_divide(rest, size);
    }
    return ct_stack(columns, rank, 1);
}

ct_tensor *ct_nonzero(ct_tensor *x)
{
    return (ct_apply)(&ct_op_nonzero, &x, 1, NULL);
}

static const ct_sample nonzero_samples[] = {{"3x4", NULL}, {"u2:2x3x2", NULL}, {"i3:scalar", NULL}, {"0x3", NULL}, {0}};
CT_EXPRESSION(nonzero, "none: the result is an integer", 1, 1, .takes = {CT_COMPUTED});

/* ---- unique ---- */

/* The sorted elements as output 0; for each element of x where it is there, and how often it is there, int64. NaN is unlike NaN. */
static ct_tensor *unique_expression(ct_call *call)
{
    const int64_t flat[] = {-1}, one_before[] = {1, 0};
    const ct_pad_options first_is_new = {CT_DEFAULTS(ct_pad_options), .value = 1};
    ct_tensor *x = ct_call_input(call, 0), *order;
    ct_tensor *sorted = ct_sort(ct_reshape(ct_detach(x), flat, 1), 0, false, &order);
    if (!sorted)
        return NULL;
    ct_tensor *is_new = ct_ones(CT_BOOL, ct_shape(sorted), 1);
    if (ct_numel(x) > 1)
        is_new = ct_pad(ct_ne(ct_slice(sorted, 0, 1, CT_END, 1), ct_slice(sorted, 0, 0, -1, 1)), one_before, 2,
                        &first_is_new);
    ct_tensor *number = ct_add_scalar(ct_cast(ct_cumsum(is_new, 0), CT_FLOAT64), -1);
    number = ct_cast(number, CT_INT64);
    ct_tensor *inverse = ct_scatter(ct_zeros_like(order), 0, order, number);
    if (ct_call_set_output(call, 1, ct_reshape(inverse, ct_shape(x), ct_rank(x))) != CT_OK ||
        ct_call_set_output(call, 2, ct_bincount(number, NULL, 0)) != CT_OK)
        return NULL;
    return ct_masked_select(sorted, is_new);
}

ct_tensor *ct_unique(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts)
{
    ct_tensor *outputs[3];
    (ct_apply_multi)(&ct_op_unique, &x, 1, NULL, outputs);
    if (inverse)
        *inverse = outputs[1];
    else
        ct_release(outputs[1]);
    if (counts)
        *counts = outputs[2];
    else
        ct_release(outputs[2]);
    return outputs[0];
}

static const ct_sample unique_samples[] = {{"i3:2x5", NULL}, {"u2:7", NULL}, {"i3:0", NULL}, {"i9:scalar", NULL}, {0}};
CT_EXPRESSION(unique, "none: how many elements there are depends on x", 1, 1, .takes = {CT_COMPUTED}, .outputs = 3);

/* ---- repeat_interleave ---- */

static ct_tensor *repeat_interleave_expression(ct_call *call)
{
    const ct_index_attributes *along = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *times = ct_call_input(call, 1);
    int axis = ct__call_real_axis(call, along->axis, ct_rank(x));
    if (axis < 0)
        return NULL;
    const int64_t along_axis[] = {ct_size(x, axis)};
    if (ct_rank(times) > 1 || (ct_rank(times) == 1 && ct_numel(times) != ct_size(x, axis) && ct_numel(times) != 1)) {
        ct_call_error(call, CT_ERROR_SHAPE, "one number for all, or one for each element along axis %d: %s", axis,
                      ct_call_shapes(call));
        return NULL;
    }
    if (ct_numel(times) > 0 && ct_item(ct_amin(times, NULL)) < 0) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "repeats below 0");
        return NULL;
    }
    ct_tensor *ends = ct_cumsum(ct_expand(times, along_axis, 1), 0);
    if (!ends)
        return NULL;
    int64_t n = ct_numel(ends) > 0 ? (int64_t)ct_item(ct_slice(ends, 0, -1, CT_END, 1)) : 0;
    return ct_index_select(x, axis, ct_searchsorted(ends, ct_arange(CT_INT64, 0, 1, n), true));
}

ct_tensor *ct_repeat_interleave(ct_tensor *x, ct_tensor *repeats, int axis)
{
    return (ct_apply)(&ct_op_repeat_interleave, (ct_tensor *[]){x, repeats}, 2, &(ct_index_attributes){axis});
}

static const ct_sample repeat_interleave_samples[] = {{"3x4 i3:4", &(ct_index_attributes){1}},
                                                      {"2x3 i4:scalar", &(ct_index_attributes){0}},
                                                      {"2x0 i3:0", &(ct_index_attributes){-1}},
                                                      {0}};
CT_EXPRESSION(repeat_interleave, "the sum of g over the copies", 2, 2, .takes = {CT_ANY_DTYPE, CT_ONLY(CT_INT64)},
              .attributes_size = sizeof(ct_index_attributes), .attribute_names = "axis", .roles = "x repeats");
