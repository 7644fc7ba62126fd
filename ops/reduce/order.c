/* Order statistics along an axis, on the sorted elements: kthvalue, median, mode, quantile.
 *
 * Invariant: an element that is chosen gets all the gradient; each is chosen by its place, which is a constant of the graph. */
#include "expression.h"
#include "reduce_internal.h"
#include <math.h>

typedef struct order_attributes {
    int64_t axis, keepdim;
    int64_t k;             /* kthvalue: from 1 on */
    int64_t interpolation; /* quantile */
    int64_t ignore_nan;    /* median, quantile */
} order_attributes;

#define ORDER_NAMES "axis keepdim k interpolation ignore_nan"
#define BY(...)         \
    &(order_attributes) \
    {                   \
        __VA_ARGS__     \
    }

/* ---- what they share ---- */

/* Axis `axis` of size 1 goes, unless it is to be kept. */
static ct_tensor *without_axis(ct_call *call, ct_tensor *t)
{
    const order_attributes *by = ct_call_attributes(call);
    return by->keepdim || ct_rank(t) == 0 ? t : ct_squeeze(t, (int)by->axis);
}

/* The elements of x at places (of size 1 along the axis) as output 0, the places as output 1. */
static ct_tensor *chosen(ct_call *call, ct_tensor *x, ct_tensor *places)
{
    const order_attributes *by = ct_call_attributes(call);
    if (ct_call_set_output(call, 1, without_axis(call, places)) != CT_OK)
        return NULL;
    return without_axis(call, ct_gather(x, (int)by->axis, places));
}

/* The axis, which has elements; -1 with an error. */
static int axis_with_elements(ct_call *call)
{
    const order_attributes *by = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_axis(call, by->axis, ct_rank(x));
    if (axis >= 0 && ct_rank(x) > 0 && ct_size(x, axis) == 0) {
        ct_call_error(call, CT_ERROR_SHAPE, "no elements to choose from: %s", ct_call_shapes(call));
        return -1;
    }
    return axis;
}

static int64_t count_along(const ct_tensor *x, int axis)
{
    return ct_rank(x) == 0 ? 1 : ct_size(x, axis);
}

/* How many elements of each line are not NaN, as x's dtype, with size 1 along the axis. */
static ct_tensor *numbers_along(ct_tensor *x, int axis)
{
    const int64_t axes[] = {axis};
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = axes, .n_axes = 1, .keepdim = true};
    return ct_sum(ct_cast(ct_eq(x, x), ct_dtype_is_float(ct_dtype_of(x)) ? ct_dtype_of(x) : CT_FLOAT64), &over);
}

static ct_tensor *number(const ct_tensor *like, double value)
{
    return ct_scalar(ct_dtype_of(like), value);
}

/* ---- kthvalue ---- */

static ct_tensor *kthvalue_expression(ct_call *call)
{
    const order_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *places;
    int axis = axis_with_elements(call);
    if (axis < 0)
        return NULL;
    if (by->k < 1 || by->k > count_along(x, axis)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "k = %lld is not in 1..%lld: %s", (long long)by->k,
                      (long long)count_along(x, axis), ct_call_shapes(call));
        return NULL;
    }
    ct_release(ct_topk(ct_detach(x), by->k, axis, false, &places));
    return chosen(call, x, ct_rank(x) == 0 ? places : ct_slice(places, axis, -1, CT_END, 1));
}

ct_tensor *ct_kthvalue(ct_tensor *x, int64_t k, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_kthvalue, x, BY(.axis = axis, .keepdim = keepdim, .k = k), indices);
}

static const ct_sample kthvalue_samples[] = {
    {"3x5", BY(.axis = 1, .k = 2)}, {"2x3x4", BY(.axis = -2, .keepdim = 1, .k = 3)},
    {"5", BY(.axis = 0, .k = 5)},   {"scalar", BY(.axis = 0, .k = 1)},
    {"0x3", BY(.axis = 1, .k = 1)}, {0}};
CT_EXPRESSION(kthvalue, "g at the element chosen, else 0", 1, 1, .takes = {CT_COMPUTED}, .outputs = 2,
              .attributes_size = sizeof(order_attributes), .attribute_names = ORDER_NAMES);

/* ---- median: of an even number the lower of the two in the middle ---- */

static ct_tensor *median_expression(ct_call *call)
{
    const order_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *order;
    int axis = axis_with_elements(call);
    if (axis < 0)
        return NULL;
    double n = (double)count_along(x, axis);
    ct_release(ct_sort(ct_detach(x), axis, false, &order));
    ct_tensor *numbers = numbers_along(ct_detach(x), axis), *all = number(numbers, n);
    ct_tensor *middle = ct_floor(ct_mul_scalar(ct_add_scalar(numbers, -1), 0.5));
    middle = ct_maximum(middle, number(numbers, 0));
    if (!by->ignore_nan) /* NaN is the last */
        middle = ct_where(ct_eq(numbers, all), middle, number(numbers, n - 1));
    return chosen(call, x, ct_gather(order, axis, ct_cast(middle, CT_INT64)));
}

ct_tensor *ct_median(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_median, x, BY(.axis = axis, .keepdim = keepdim), indices);
}

ct_tensor *ct_nanmedian(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_median, x, BY(.axis = axis, .keepdim = keepdim, .ignore_nan = 1), indices);
}

static const ct_sample median_samples[] = {{"3x5", BY(.axis = 1)},
                                           {"2x4x3", BY(.axis = -2, .keepdim = 1)},
                                           {"6", BY(.axis = 0, .ignore_nan = 1)},
                                           {"scalar", BY(.axis = 0)},
                                           {"0x3", BY(.axis = 1)},
                                           {0}};
CT_EXPRESSION(median, "g at the element chosen, else 0", 1, 1, .takes = {CT_COMPUTED}, .outputs = 2,
              .attributes_size = sizeof(order_attributes), .attribute_names = ORDER_NAMES);

/* ---- mode: of equally frequent ones the smallest ---- */

/* In sorted elements the length of the run of equals that ends at each: 1, 2, 3, 1, ... NaN equals nothing. By the recurrence
 * length = 1 + same length', same being 0 or 1. */
static ct_tensor *run_lengths(ct_tensor *sorted, int axis)
{
    ct_tensor *before = ct_slice(sorted, axis, 0, -1, 1), *after = ct_slice(sorted, axis, 1, CT_END, 1);
    ct_tensor *ones = ct_ones(CT_FLOAT64, ct_shape(sorted), ct_rank(sorted));
    return ct_linear_recurrence(ct_cast(ct_eq(before, after), CT_FLOAT64), ones, axis, false);
}

static ct_tensor *mode_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *order, *longest;
    int axis = axis_with_elements(call);
    if (axis < 0)
        return NULL;
    if (ct_rank(x) == 0)
        return chosen(call, x, ct_scalar(CT_INT64, 0));
    ct_tensor *sorted = ct_sort(ct_detach(x), axis, false, &order);
    ct_release(ct_max(run_lengths(sorted, axis), axis, true, &longest));
    return chosen(call, x, ct_gather(order, axis, longest));
}

ct_tensor *ct_mode(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_mode, x, BY(.axis = axis, .keepdim = keepdim), indices);
}

static const ct_sample mode_samples[] = {{"3x5", BY(.axis = 1)},    {"2x3x4", BY(.axis = -2, .keepdim = 1)},
                                         {"i3:4x7", BY(.axis = 1)}, {"scalar", BY(.axis = 0)},
                                         {"0x3", BY(.axis = 1)},    {0}};
CT_EXPRESSION(mode, "g at the element chosen, else 0", 1, 1, .takes = {CT_COMPUTED}, .outputs = 2,
              .attributes_size = sizeof(order_attributes), .attribute_names = ORDER_NAMES);

/* ---- quantile ---- */

/* x with the axis last, or, without an axis, in one; a 0-d one as [1]. NULL with an error. */
static ct_tensor *lines_last(ct_call *call)
{
    const order_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    const int64_t all[] = {-1};
    if (by->axis != CT_UNSET_INT && axis_with_elements(call) < 0)
        return NULL;
    if (ct_numel(x) == 0 && by->axis == CT_UNSET_INT) {
        ct_call_error(call, CT_ERROR_SHAPE, "no elements to choose from: %s", ct_call_shapes(call));
        return NULL;
    }
    return by->axis == CT_UNSET_INT || ct_rank(x) == 0 ? ct_reshape(x, all, 1) : ct_transpose(x, (int)by->axis, -1);
}

/* Where among the sorted elements of each line the quantiles lie: [..., Q]. NaN, the last, is chosen where there is one. */
static ct_tensor *ranks_of(ct_call *call, ct_tensor *sorted, ct_tensor *q)
{
    const order_attributes *by = ct_call_attributes(call);
    double last = (double)ct_size(sorted, -1) - 1;
    ct_tensor *numbers = numbers_along(ct_detach(sorted), ct_rank(sorted) - 1), *zero = number(q, 0);
    if (by->ignore_nan)
        return ct_mul(ct_maximum(ct_add_scalar(numbers, -1), zero), q);
    return ct_where(ct_eq(numbers, number(q, last + 1)), ct_mul_scalar(q, last), number(q, last));
}

static ct_tensor *at(ct_tensor *sorted, ct_tensor *ranks)
{
    return ct_gather(sorted, -1, ct_cast(ct_detach(ranks), CT_INT64));
}

static ct_tensor *between(ct_tensor *sorted, ct_tensor *ranks, ct_quantile_interpolation how)
{
    ct_tensor *below = ct_floor(ranks), *weight = how == CT_MIDPOINT ? number(ranks, 0.5) : ct_sub(ranks, below);
    switch (how) {
    case CT_LOWER:
        return at(sorted, below);
    case CT_HIGHER:
        return at(sorted, ct_ceil(ranks));
    case CT_NEAREST_RANK:
        return at(sorted, ct_round(ranks));
    default:
        return ct_lerp(at(sorted, below), at(sorted, ct_ceil(ranks)), weight);
    }
}

/* [..., Q] as PyTorch has it: Q in front, or gone for a 0-d q, and the axis kept as 1 if so asked. */
static ct_tensor *quantiles_first(ct_call *call, ct_tensor *y)
{
    const order_attributes *by = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *q = ct_call_input(call, 1);
    int64_t shape[CT_MAX_RANK + 1] = {ct_numel(q)}, own[CT_MAX_RANK];
    int front = ct_rank(q) > 0, rank = front,
        axis = by->axis == CT_UNSET_INT ? -1 : ct__axis((int)by->axis, ct_rank(x));
    for (int i = 0; i < ct_rank(x); i++) {
        bool reduced = axis < 0 || i == axis;
        if (!reduced || by->keepdim)
            shape[rank++] = reduced ? 1 : ct_size(x, i);
    }
    own[0] = ct_rank(y) - 1;
    for (int i = 1; i < ct_rank(y); i++)
        own[i] = i - 1;
    ct_tensor *first = ct_permute(y, own, ct_rank(y));
    /* The line's axis has traded places with the last one. */
    if (axis >= 0 && axis < ct_rank(x) - 1) {
        int64_t back[CT_MAX_RANK], n = 0;
        back[n++] = 0;
        for (int i = 0; i < ct_rank(x); i++)
            if (i != axis)
                back[n++] = 1 + (i == ct_rank(x) - 1 ? axis : i);
        first = ct_permute(first, back, (int)n);
    }
    return ct_reshape(first, shape, rank);
}

static ct_tensor *quantile_expression(ct_call *call)
{
    const order_attributes *by = ct_call_attributes(call);
    ct_tensor *q = ct_call_input(call, 1), *sorted = lines_last(call);
    const int64_t one_axis[] = {-1};
    if (!sorted)
        return NULL;
    if (ct_rank(q) > 1 || (ct_rank(q) == 1 && ct_rank(ct_call_input(call, 0)) == CT_MAX_RANK)) {
        ct_call_error(call, CT_ERROR_SHAPE, "q has at most one axis, x at most 7 with it: %s", ct_call_shapes(call));
        return NULL;
    }
    if (ct_numel(q) > 0 && !(ct_item(ct_amin(ct_detach(q), NULL)) >= 0 && ct_item(ct_amax(ct_detach(q), NULL)) <= 1)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "q is not in 0..1");
        return NULL;
    }
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(sorted); i++)
        shape[i] = i == ct_rank(sorted) - 1 ? ct_numel(q) : ct_size(sorted, i);
    sorted = ct_sort(sorted, -1, false, NULL);
    ct_tensor *ranks = ct_expand(ranks_of(call, sorted, ct_reshape(q, one_axis, 1)), shape, ct_rank(sorted));
    ct_tensor *y = between(sorted, ranks, (ct_quantile_interpolation)by->interpolation);
    return y ? quantiles_first(call, y) : NULL;
}

CT_OPTIONS_INIT(ct_quantile_options)

ct_tensor *ct_quantile(ct_tensor *x, ct_tensor *q, const ct_quantile_options *options)
{
    CT_READ_OPTIONS(ct_quantile_options, o, options, "quantile");
    if (!o)
        return NULL;
    if ((int)o->interpolation < 0 || o->interpolation > CT_NEAREST_RANK) {
        ct__error(CT_ERROR_ARGUMENT, "quantile: there is no interpolation %d", (int)o->interpolation);
        return NULL;
    }
    return (ct_apply)(&ct_op_quantile, (ct_tensor *[]){x, q}, 2,
                      BY(.axis = o->axis, .keepdim = o->keepdim, .interpolation = o->interpolation,
                         .ignore_nan = o->ignore_nan));
}

static const ct_sample quantile_samples[] = {{"3x5 scalar@0.3..0.45!", BY(.axis = 1)},
                                             {"2x3x4 3@0.35..0.6!", BY(.axis = 0, .keepdim = 1)},
                                             {"2x3x4 2@0.1..0.3!", BY(.axis = -1, .ignore_nan = 1)},
                                             {"3x4 2@0.1..0.9!", BY(.axis = CT_UNSET_INT)},
                                             {"3x6 2@0.1..0.9!", BY(.axis = 0, .interpolation = CT_LOWER)},
                                             {"6 2@0.1..0.9!", BY(.axis = 0, .interpolation = CT_HIGHER)},
                                             {"6 2@0.1..0.9!", BY(.axis = 0, .interpolation = CT_MIDPOINT)},
                                             {"6 2@0.1..0.9!", BY(.axis = 0, .interpolation = CT_NEAREST_RANK)},
                                             {"0x3 2@0.1..0.9!", BY(.axis = 1)},
                                             {0}};
CT_EXPRESSION(quantile, "g at the elements chosen, in the shares of the interpolation; q: g (above - below) (n - 1)", 2,
              2, .attributes_size = sizeof(order_attributes), .attribute_names = ORDER_NAMES, .roles = "x q");
