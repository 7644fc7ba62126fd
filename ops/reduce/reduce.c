/* Reductions over any set of axes: their shapes and records; fold.c has the loops. */
#include "fold.h"
#include "reduce_internal.h"
#include <math.h>

/* ---- axes and shapes ---- */

/* The axes as a mask, which the shape rule has checked. */
static unsigned axes_mask(const ct_call *call, int rank)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    unsigned mask = 0;
    if (over->n_axes == 0)
        return (1u << rank) - 1;
    for (int i = 0; i < over->n_axes; i++)
        mask |= 1u << ct__axis((int)over->axes[i], rank);
    return mask;
}

ct_status ct__check_axes(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    int rank = ct_rank(ct_call_input(call, 0));
    unsigned seen = 0;
    for (int i = 0; i < over->n_axes; i++) {
        int axis = ct__call_axis(call, over->axes[i], rank);
        if (axis < 0)
            return CT_ERROR_ARGUMENT;
        if (seen >> axis & 1)
            return ct_call_error(call, CT_ERROR_ARGUMENT, "axis %d is named twice: %s", axis, ct_call_shapes(call));
        seen |= 1u << axis;
    }
    return CT_OK;
}

/* Declares output i: the input's shape without the reduced axes, or with size 1 there. */
static ct_status declare(ct_call *call, int i, ct_dtype dtype)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    unsigned mask = axes_mask(call, x->rank);
    int64_t shape[CT_MAX_RANK];
    int rank = 0;
    for (int axis = 0; axis < x->rank; axis++) {
        if (!(mask >> axis & 1))
            shape[rank++] = x->shape[axis];
        else if (over->keepdim)
            shape[rank++] = 1;
    }
    return ct_call_output_shape(call, i, dtype, shape, rank);
}

static int64_t count_reduced(const ct_call *call, const int64_t *shape, int rank)
{
    unsigned mask = axes_mask(call, rank);
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (mask >> i & 1)
            count *= shape[i];
    return count;
}

int64_t ct__count_reduced(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    return count_reduced(call, x->shape, x->rank);
}

ct_status ct__check_not_empty(ct_call *call)
{
    ct_status status = ct__check_axes(call);
    if (status == CT_OK && ct__count_reduced(call) == 0)
        return ct_call_error(call, CT_ERROR_SHAPE, "no elements to choose from: %s", ct_call_shapes(call));
    return status;
}

/* For operations that know one axis only. */
static ct_status check_one_axis(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    if (over->n_axes != 1)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "needs one axis, got %lld", (long long)over->n_axes);
    return ct__check_not_empty(call);
}

/* In backward: t, of the result's shape, with the reduced axes put back as size 1. */
static ct_tensor *with_axes(const ct_call *call, ct_tensor *t)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    unsigned mask = axes_mask(call, rank);
    int64_t kept[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        kept[i] = mask >> i & 1 ? 1 : shape[i];
    return ct_reshape(t, kept, rank);
}

/* In backward: t, broadcast to the shape of the input. */
static ct_tensor *spread(const ct_call *call, ct_tensor *t)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    return ct_expand(t, shape, rank);
}

static ct_status forward_fold(ct_call *call, ct_reducer_kind kind, double count)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    return ct__fold(kind, x, axes_mask(call, x->rank), count, ct__ptr(y), ct_dtype_size((ct_dtype)y->dtype), NULL,
                    call->op->name);
}

CT_OPTIONS_INIT(ct_reduce_options)

ct_tensor *ct__reduce(const ct_op *op, ct_tensor *x, const ct_reduce_options *options, double number)
{
    CT_READ_OPTIONS(ct_reduce_options, o, options, op->name);
    if (!o)
        return NULL;
    ct_reduce_attributes over = {.n_axes = o->n_axes, .keepdim = o->keepdim, .number = number};
    if (o->n_axes < 0 || o->n_axes > CT_MAX_RANK) {
        ct__error(CT_ERROR_ARGUMENT, "%s: %d axes are not in 0..%d", op->name, o->n_axes, CT_MAX_RANK);
        return NULL;
    }
    if (o->n_axes > 0 && !o->axes) {
        ct__error(CT_ERROR_NULL, "%s: axes is NULL", op->name);
        return NULL;
    }
    for (int i = 0; i < o->n_axes; i++)
        over.axes[i] = o->axes[i];
    return (ct_apply)(op, &x, 1, &over);
}

/* What most reductions are tried on. */
static const ct_sample reduction_samples[] = {{"3x4", NULL},
                                              {"2x3x4", OVER(ALONG(1))},
                                              {"2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                              {"2x3x4x2", OVER(ALONG(-1, 1))},
                                              {"3x1x2", OVER(ALONG(1), .keepdim = 1)},
                                              {"5", OVER(ALONG(0))},
                                              {"scalar", NULL},
                                              {"0x3", OVER(ALONG(1))},
                                              {0}};

/* ---- sum ---- */

/* Integers are added up and multiplied as int64. */
static ct_status infer_total(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_dtype dtype = (ct_dtype)x->dtype;
    ct_status status = ct__check_axes(call);
    return status != CT_OK ? status : declare(call, 0, ct_dtype_is_float(dtype) ? dtype : CT_INT64);
}

static ct_status forward_sum(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_SUM, 1);
}

static ct_status backward_sum(ct_call *call)
{
    return ct_call_set_grad(call, 0, spread(call, with_axes(call, ct_call_grad_output(call, 0))));
}

ct_tensor *ct_sum(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_sum, x, options, 0);
}

const ct_op ct_op_sum = {
    .name = "sum",
    .takes = {CT_COMPUTED},
    .gradient = "g broadcast over the reduced axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_total,
    .forward = forward_sum,
    .backward = backward_sum,
    .samples = reduction_samples,
};

/* ---- mean ---- */

static ct_status infer_mean(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_status status = ct__check_axes(call);
    return status != CT_OK ? status : declare(call, 0, (ct_dtype)x->dtype);
}

static ct_status forward_mean(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_SUM, (double)ct__count_reduced(call));
}

static ct_status backward_mean(ct_call *call)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    ct_tensor *g = with_axes(call, ct_call_grad_output(call, 0));
    int64_t count = count_reduced(call, shape, rank);
    double share = count > 0 ? 1 / (double)count : 0;
    return ct_call_set_grad(call, 0, spread(call, ct_mul_scalar(g, share)));
}

ct_tensor *ct_mean(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_mean, x, options, 0);
}

const ct_op ct_op_mean = {
    .name = "mean",
    .gradient = "g / n broadcast over the n elements of the reduced axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_mean,
    .forward = forward_mean,
    .backward = backward_mean,
    .samples = reduction_samples,
};

ct_tensor *ct__mean_of(ct_tensor *sum, double count)
{
    return count != 0 ? ct_mul_scalar(sum, 1 / count) : ct_add_scalar(sum, NAN);
}

/* ---- prod ---- */

static ct_status forward_prod(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_PROD, 1);
}

/* x with the reduced axes last, as one; order gets which of x's axes each was. */
static ct_tensor *reduced_last(const ct_call *call, ct_tensor *x, int64_t *order)
{
    unsigned mask = axes_mask(call, x->rank);
    int64_t shape[CT_MAX_RANK];
    int kept = 0, rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!(mask >> i & 1)) {
            shape[kept] = x->shape[i];
            order[kept++] = i;
        }
    rank = kept;
    for (int i = 0; i < x->rank; i++)
        if (mask >> i & 1)
            order[rank++] = i;
    shape[kept] = count_reduced(call, x->shape, x->rank);
    return ct_reshape(ct_permute(x, order, x->rank), shape, kept + 1);
}

/* The inverse of reduced_last, for a tensor of x's shape. */
static ct_tensor *put_back(ct_tensor *t, const ct_tensor *x, const int64_t *order)
{
    int64_t shape[CT_MAX_RANK], inverse[CT_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        shape[i] = x->shape[order[i]];
        inverse[order[i]] = i;
    }
    return ct_permute(ct_reshape(t, shape, x->rank), inverse, x->rank);
}

/* For each element the product of those before it along the last axis, or, with reverse, of those behind it. */
static ct_tensor *product_so_far(ct_tensor *x, bool reverse)
{
    int64_t n = ct_size(x, -1);
    ct_tensor *at_end = ct_eq(ct_arange(CT_INT64, 0, 1, n), ct_scalar(CT_INT64, reverse ? (double)(n - 1) : 0));
    ct_tensor *one_then_zeros = ct_expand(ct_cast(at_end, ct_dtype_of(x)), ct_shape(x), ct_rank(x));
    ct_tensor *factors = ct_slice(x, -1, reverse, reverse ? n : n - 1, 1);
    return ct_linear_recurrence(factors, one_then_zeros, -1, reverse);
}

/* No division, so that zeros are no special case. */
static ct_status backward_prod(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int64_t order[CT_MAX_RANK];
    if (!x || x->numel == 0)
        return ct_call_set_grad(call, 0, x ? ct_zeros_like(x) : NULL);
    ct_tensor *rows = reduced_last(call, x, order);
    ct_tensor *others = ct_mul(product_so_far(rows, false), product_so_far(rows, true));
    return ct_call_set_grad(call, 0, ct_mul(with_axes(call, ct_call_grad_output(call, 0)), put_back(others, x, order)));
}

ct_tensor *ct_prod(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_prod, x, options, 0);
}

const ct_op ct_op_prod = {
    .name = "prod",
    .takes = {CT_COMPUTED},
    .gradient = "g times the product of the other elements",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_total,
    .forward = forward_prod,
    .backward = backward_prod,
    .samples = reduction_samples,
};

/* ---- amax, amin ---- */

static ct_status infer_extreme(ct_call *call)
{
    ct_status status = ct__check_not_empty(call);
    return status != CT_OK ? status : declare(call, 0, (ct_dtype)ct_call_input(call, 0)->dtype);
}

static ct_status forward_amax(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_MAX, 1);
}

static ct_status forward_amin(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_MIN, 1);
}

static ct_status backward_extreme(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    const ct_reduce_options keepdim = {CT_DEFAULTS(ct_reduce_options), .axes = over->axes, .n_axes = (int)over->n_axes,
                                       .keepdim = true};
    ct_tensor *g = ct_call_grad_output(call, 0), *y = with_axes(call, ct_call_output(call, 0));
    ct_tensor *chosen = ct_cast(ct_eq(ct_call_input(call, 0), y), ct_dtype_of(g));
    ct_tensor *share = ct_div(with_axes(call, g), ct_sum(chosen, &keepdim));
    return ct_call_set_grad(call, 0, ct_mul(chosen, share));
}

ct_tensor *ct_amax(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_amax, x, options, 0);
}

ct_tensor *ct_amin(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_amin, x, options, 0);
}

const ct_op ct_op_amax = {
    .name = "amax",
    .takes = {CT_COMPUTED},
    .gradient = "g where x is the largest, shared equally between ties",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_extreme,
    .forward = forward_amax,
    .backward = backward_extreme,
    .samples = reduction_samples,
};

const ct_op ct_op_amin = {
    .name = "amin",
    .takes = {CT_COMPUTED},
    .gradient = "g where x is the smallest, shared equally between ties",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_extreme,
    .forward = forward_amin,
    .backward = backward_extreme,
    .samples = reduction_samples,
};

/* ---- max, min: with where it is ---- */

static ct_status infer_place(ct_call *call)
{
    ct_status status = check_one_axis(call);
    if (status == CT_OK)
        status = declare(call, 0, (ct_dtype)ct_call_input(call, 0)->dtype);
    return status != CT_OK ? status : declare(call, 1, CT_INT64);
}

static ct_status forward_place(ct_call *call, ct_reducer_kind kind)
{
    const ct_tensor *x = ct_call_input(call, 0);
    return ct__fold(kind, x, axes_mask(call, x->rank), 1, ct_call_output_data(call, 0),
                    ct_dtype_size((ct_dtype)x->dtype), ct_call_output_data(call, 1), call->op->name);
}

static ct_status forward_max(ct_call *call)
{
    return forward_place(call, CT_REDUCE_MAX);
}

static ct_status forward_min(ct_call *call)
{
    return forward_place(call, CT_REDUCE_MIN);
}

/* The gradient of input 0: g, added up where the index says. */
static ct_status scatter(ct_call *call, int64_t axis, ct_tensor *index, ct_tensor *g)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    return ct_call_set_grad(call, 0, ct_scatter_add(ct_zeros(dtype, shape, rank), (int)axis, index, g));
}

ct_status ct__scatter_back(ct_call *call, int64_t axis)
{
    return scatter(call, axis, ct_call_output(call, 1), ct_call_grad_output(call, 0));
}

static ct_status backward_place(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_tensor *index = with_axes(call, ct_call_output(call, 1)), *g = with_axes(call, ct_call_grad_output(call, 0));
    return scatter(call, over->axes[0], index, g);
}

ct_tensor *ct__with_indices(const ct_op *op, ct_tensor *x, const void *attributes, ct_tensor **indices)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(op, &x, 1, attributes, outputs);
    if (indices)
        *indices = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

ct_tensor *ct_max(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_max, x, OVER(ALONG(axis), .keepdim = keepdim), indices);
}

ct_tensor *ct_min(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_min, x, OVER(ALONG(axis), .keepdim = keepdim), indices);
}

static const ct_sample place_samples[] = {{"3x5", OVER(ALONG(1))},    {"2x3x4", OVER(ALONG(1), .keepdim = 1)},
                                          {"2x3x4", OVER(ALONG(-3))}, {"4", OVER(ALONG(0))},
                                          {"0x3", OVER(ALONG(1))},    {0}};

const ct_op ct_op_max = {
    .name = "max",
    .takes = {CT_COMPUTED},
    .gradient = "g at the first of the largest",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_place,
    .forward = forward_max,
    .backward = backward_place,
    .samples = place_samples,
};

const ct_op ct_op_min = {
    .name = "min",
    .takes = {CT_COMPUTED},
    .gradient = "g at the first of the smallest",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_place,
    .forward = forward_min,
    .backward = backward_place,
    .samples = place_samples,
};

/* ---- argmax, argmin: only where ---- */

static ct_status infer_only_place(ct_call *call)
{
    ct_status status = check_one_axis(call);
    return status != CT_OK ? status : declare(call, 0, CT_INT64);
}

static ct_status forward_only_place(ct_call *call, ct_reducer_kind kind)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    size_t size = ct_dtype_size((ct_dtype)x->dtype), bytes = (size_t)y->numel * size;
    void *extremes = ct__alloc(bytes);
    if (!extremes)
        return ct__no_memory(call->op->name);
    ct_status status =
        ct__fold(kind, x, axes_mask(call, x->rank), 1, extremes, size, (int64_t *)ct__ptr(y), call->op->name);
    ct__free(extremes, bytes);
    return status;
}

static ct_status forward_argmax(ct_call *call)
{
    return forward_only_place(call, CT_REDUCE_MAX);
}

static ct_status forward_argmin(ct_call *call)
{
    return forward_only_place(call, CT_REDUCE_MIN);
}

ct_tensor *ct_argmax(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_argmax, &x, 1, OVER(ALONG(axis)));
}

ct_tensor *ct_argmin(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_argmin, &x, 1, OVER(ALONG(axis)));
}

const ct_op ct_op_argmax = {
    .name = "argmax",
    .takes = {CT_COMPUTED},
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_only_place,
    .forward = forward_argmax,
    .samples = place_samples,
};

const ct_op ct_op_argmin = {
    .name = "argmin",
    .takes = {CT_COMPUTED},
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_only_place,
    .forward = forward_argmin,
    .samples = place_samples,
};

/* ---- sum_to: the adjoint of broadcasting ---- */

/* Axis i of x goes with axis i - added of the shape. */
static ct_status infer_sum_to(ct_call *call)
{
    const ct_shape_attributes *to = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    ct_dtype dtype = (ct_dtype)x->dtype;
    int rank = (int)to->rank, added = x->rank - rank;
    bool fits = added >= 0;
    for (int i = 0; fits && i < rank; i++)
        fits = to->shape[i] == 1 || to->shape[i] == x->shape[i + added];
    char text[CT_SHAPE_TEXT];
    if (!fits)
        return ct_call_error(call, CT_ERROR_SHAPE, "%s does not broadcast to %s", ct__shape_text(to->shape, rank, text),
                             ct_call_shapes(call));
    return ct_call_output_shape(call, 0, dtype, to->shape, rank);
}

static ct_status forward_sum_to(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    int added = x->rank - y->rank;
    unsigned mask = 0;
    for (int i = 0; i < x->rank; i++)
        if (i < added || y->shape[i - added] == 1)
            mask |= 1u << i;
    return ct__fold(CT_REDUCE_SUM, x, mask, 1, ct__ptr(y), ct_dtype_size((ct_dtype)y->dtype), NULL, call->op->name);
}

static ct_status backward_sum_to(ct_call *call)
{
    return ct_call_set_grad(call, 0, spread(call, ct_call_grad_output(call, 0)));
}

ct_tensor *ct_sum_to(ct_tensor *x, const int64_t *shape, int rank)
{
    return ct__apply_to_shape(&ct_op_sum_to, x, shape, rank);
}

const ct_op ct_op_sum_to = {
    .name = "sum_to",
    .gradient = "g broadcast to the input's shape",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .infer = infer_sum_to,
    .forward = forward_sum_to,
    .backward = backward_sum_to,
    .samples = (const ct_sample[]){{"2x3x4", &(ct_shape_attributes){{3, 1}, 2}},
                                   {"2x3x4", &(ct_shape_attributes){{1, 3, 1}, 3}},
                                   {"2x3", &(ct_shape_attributes){{0}, 0}},
                                   {"2x3", &(ct_shape_attributes){{2, 3}, 2}},
                                   {"scalar", &(ct_shape_attributes){{0}, 0}},
                                   {"0x3", &(ct_shape_attributes){{1, 3}, 2}},
                                   {0}},
};
