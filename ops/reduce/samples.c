/* Statistics of samples, and differences and sums over them: count_nonzero, diff, trapezoid, cov, corrcoef, bincount, histc, histogramdd.
 *
 * Invariant: all are expressions over other operations. */
#include "expression.h"
#include "reduce_internal.h"
#include <math.h>

static ct_tensor *number(const ct_tensor *like, double value)
{
    return ct_scalar(ct_dtype_of(like), value);
}

/* ---- count_nonzero ---- */

static ct_tensor *count_nonzero_expression(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    const ct_reduce_options options = {CT_DEFAULTS(ct_reduce_options), .axes = over->axes, .n_axes = (int)over->n_axes,
                                       .keepdim = over->keepdim};
    return ct__check_axes(call) == CT_OK ? ct_sum(ct_ne(x, number(x, 0)), &options) : NULL;
}

ct_tensor *ct_count_nonzero(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_count_nonzero, x, options, 0);
}

static const ct_sample count_nonzero_samples[] = {{"3x4", NULL},
                                                  {"u2:2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                                  {"i2:3x2", OVER(ALONG(1))},
                                                  {"0x3", OVER(ALONG(0))},
                                                  {0}};
CT_EXPRESSION(count_nonzero, "none: the result is an integer", 1, 1, .takes = {CT_COMPUTED},
              .attributes_size = sizeof(ct_reduce_attributes), .attribute_names = CT_REDUCE_NAMES);

/* ---- diff ---- */

typedef struct diff_attributes {
    int64_t axis, times;
} diff_attributes;

/* x without its first element along the axis, less x without its last. */
static ct_tensor *step(ct_tensor *x, int axis)
{
    return ct_sub(ct_slice(x, axis, 1, CT_END, 1), ct_slice(x, axis, 0, -1, 1));
}

static ct_tensor *diff_expression(ct_call *call)
{
    const diff_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = ct__call_real_axis(call, by->axis, ct_rank(x));
    if (axis < 0)
        return NULL;
    if (by->times < 0) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "n is %lld, below 0", (long long)by->times);
        return NULL;
    }
    if (by->times == 0)
        return ct_clone(x);
    for (int64_t i = 0; x && i < by->times && (i == 0 || ct_size(x, axis) > 0); i++)
        x = step(x, axis);
    return x;
}

ct_tensor *ct_diff(ct_tensor *x, int64_t n, int axis)
{
    return (ct_apply)(&ct_op_diff, &x, 1, &(diff_attributes){axis, n});
}

static const ct_sample diff_samples[] = {{"3x5", &(diff_attributes){1, 1}},
                                         {"2x4x3", &(diff_attributes){-2, 2}},
                                         {"3", &(diff_attributes){0, 0}},
                                         {"2x2", &(diff_attributes){1, 4}},
                                         {"3x0", &(diff_attributes){1, 1}},
                                         {"i9:2x4", &(diff_attributes){1, 1}},
                                         {0}};
CT_EXPRESSION(diff, "of the sum of neighbours' g with opposite signs, n times", 1, 1,
              .takes = {CT_FLOATS | CT_INTEGERS}, .attributes_size = sizeof(diff_attributes),
              .attribute_names = "axis n");

/* ---- trapezoid, cumulative_trapezoid ---- */

/* x as it broadcasts to y: of one axis, it runs along y's. */
static ct_tensor *places_along(ct_call *call, int axis)
{
    ct_tensor *y = ct_call_input(call, 0), *x = ct_call_input(call, 1);
    int64_t shape[CT_MAX_RANK];
    if (ct_rank(x) == 1) {
        for (int i = 0; i < ct_rank(y); i++)
            shape[i] = i == axis ? ct_size(x, 0) : 1;
        x = ct_reshape(x, shape, ct_rank(y));
    }
    if (x && (ct_rank(x) != ct_rank(y) || ct_size(x, axis) != ct_size(y, axis))) {
        ct_call_error(call, CT_ERROR_SHAPE, "x has as many places along axis %d as y: %s", axis, ct_call_shapes(call));
        return NULL;
    }
    return x;
}

/* The areas between neighbours. */
static ct_tensor *areas(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    ct_tensor *y = ct_call_input(call, 0), *x = ct_call_input(call, 1);
    int axis = ct__call_real_axis(call, along->axis, ct_rank(y));
    if (axis < 0 || (x && !(x = places_along(call, axis))))
        return NULL;
    ct_tensor *sums = ct_add(ct_slice(y, axis, 1, CT_END, 1), ct_slice(y, axis, 0, -1, 1));
    ct_tensor *means = ct_mul_scalar(sums, 0.5);
    return x ? ct_mul(means, step(x, axis)) : means;
}

static ct_tensor *trapezoid_expression(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = &along->axis, .n_axes = 1};
    ct_tensor *parts = areas(call);
    return parts ? ct_sum(parts, &over) : NULL;
}

static ct_tensor *cumulative_trapezoid_expression(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    ct_tensor *parts = areas(call);
    return parts ? ct_cumsum(parts, (int)along->axis) : NULL;
}

ct_tensor *ct_trapezoid(ct_tensor *y, ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_trapezoid, (ct_tensor *[]){y, x}, 2, &(ct_axis_attributes){axis});
}

ct_tensor *ct_cumulative_trapezoid(ct_tensor *y, ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_cumulative_trapezoid, (ct_tensor *[]){y, x}, 2, &(ct_axis_attributes){axis});
}

static const ct_sample trapezoid_samples[] = {
    {"3x5", &(ct_axis_attributes){1}}, {"2x4x3 4", &(ct_axis_attributes){-2}}, {"3x4 3x4", &(ct_axis_attributes){0}},
    {"3x1", &(ct_axis_attributes){1}}, {"0x2 2", &(ct_axis_attributes){1}},    {0}};
#define cumulative_trapezoid_samples trapezoid_samples
CT_EXPRESSION(trapezoid, "y: g times half the distance of the neighbours; x: -+g times the neighbours' mean", 1, 2,
              .attributes_size = sizeof(ct_axis_attributes), .attribute_names = "axis", .roles = "y x");
CT_EXPRESSION(cumulative_trapezoid, "as trapezoid's, of the sum of all later g", 1, 2,
              .attributes_size = sizeof(ct_axis_attributes), .attribute_names = "axis", .roles = "y x");

/* ---- cov, corrcoef: x [variables, observations], or [observations] ---- */

typedef struct cov_attributes {
    double correction;
} cov_attributes;

/* Each observation's weight, or NULL; the frequency, if any, is input 1, the importance input 2. */
static ct_tensor *weights_of(ct_call *call, int64_t observations)
{
    ct_tensor *x = ct_call_input(call, 0), *f = ct_call_input(call, 1), *a = ct_call_input(call, 2);
    for (int i = 1; i <= 2; i++) {
        const ct_tensor *w = ct_call_input(call, i);
        if (w && (ct_rank(w) != 1 || ct_size(w, 0) != observations)) {
            ct_call_error(call, CT_ERROR_SHAPE, "one weight for each of the %lld observations: %s",
                          (long long)observations, ct_call_shapes(call));
            return NULL;
        }
    }
    f = f ? ct_cast(f, ct_dtype_of(x)) : NULL;
    return f && a ? ct_mul(f, a) : f ? f : a;
}

/* What the sum of squares is divided by, a 0-d tensor, at least 0. */
static ct_tensor *freedom_of(ct_call *call, ct_tensor *weights, int64_t observations)
{
    const cov_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *a = ct_call_input(call, 2), *zero = number(x, 0);
    if (!weights)
        return number(x, fmax((double)observations - by->correction, 0));
    ct_tensor *sum = ct_sum(weights, NULL), *lost = number(x, by->correction);
    if (a)
        lost = ct_div(ct_mul(lost, ct_sum(ct_mul(weights, a), NULL)), sum);
    return ct_maximum(ct_sub(sum, lost), zero);
}

static ct_tensor *cov_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int rank = ct_rank(x);
    if (rank > 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "x is [variables, observations]: %s", ct_call_shapes(call));
        return NULL;
    }
    int64_t observations = rank == 0 ? 1 : ct_size(x, -1);
    const int64_t one_row[] = {1, observations}, axes[] = {-1};
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = axes, .n_axes = 1, .keepdim = true};
    ct_tensor *rows = rank == 2 ? x : ct_reshape(x, one_row, 2), *weights = weights_of(call, observations);
    if (!weights && (ct_call_input(call, 1) || ct_call_input(call, 2)))
        return NULL;
    ct_tensor *mean =
        weights ? ct_div(ct_sum(ct_mul(rows, weights), &over), ct_sum(weights, NULL)) : ct_mean(rows, &over);
    ct_tensor *centred = ct_sub(rows, mean), *weighted = weights ? ct_mul(centred, weights) : centred;
    ct_tensor *products = ct_matmul(weighted, ct_transpose(centred, 0, 1));
    ct_tensor *y = ct_div(products, freedom_of(call, weights, observations));
    return rank == 2 ? y : ct_reshape(y, NULL, 0);
}

CT_OPTIONS_INIT(ct_cov_options)

ct_tensor *ct_cov(ct_tensor *x, const ct_cov_options *options)
{
    CT_READ_OPTIONS(ct_cov_options, o, options, "cov");
    if (!o)
        return NULL;
    return (ct_apply)(&ct_op_cov, (ct_tensor *[]){x, o->fweights, o->aweights}, 3, &(cov_attributes){o->correction});
}

static const ct_sample cov_samples[] = {{"3x5", &(cov_attributes){1}},
                                        {"6", &(cov_attributes){0}},
                                        {"2x5 i1-4:5", &(cov_attributes){-1}},
                                        {"2x5 null 5@0.5..2", &(cov_attributes){1}},
                                        {"2x4 i1-4:4 4@0.5..2", &(cov_attributes){0}},
                                        {"0x4", &(cov_attributes){1}},
                                        {0}};
CT_EXPRESSION(cov, "(g + g^T) (x - mean) w / freedom", 1, 3, .takes = {CT_FLOATS, CT_ONLY(CT_INT64), CT_FLOATS},
              .attributes_size = sizeof(cov_attributes), .attribute_names = "correction:1d",
              .roles = "x fweights aweights");

static ct_tensor *corrcoef_expression(ct_call *call)
{
    ct_tensor *c = (ct_cov)(ct_call_input(call, 0), NULL);
    if (!c)
        return NULL;
    if (ct_rank(c) == 0)
        return ct_div(c, c);
    ct_tensor *deviation = ct_sqrt(ct_diagonal(c, 0, 0, 1));
    return ct_clamp(ct_div(ct_div(c, ct_unsqueeze(deviation, 1)), deviation), -1, 1);
}

ct_tensor *ct_corrcoef(ct_tensor *x)
{
    return (ct_apply)(&ct_op_corrcoef, &x, 1, NULL);
}

static const ct_sample corrcoef_samples[] = {{"3x5", NULL}, {"2x4", NULL}, {0}};
CT_EXPRESSION(corrcoef, "through y = cov / (deviation deviation^T)", 1, 1);

/* ---- bincount, histc ---- */

typedef struct bins_attributes {
    int64_t bins;
    double low, high; /* histc */
} bins_attributes;

/* A number of any dtype in a sum of counts. */
static ct_tensor *counts(ct_tensor *index, int64_t bins, ct_tensor *weights, ct_dtype dtype)
{
    if (!weights)
        weights = ct_ones(dtype, ct_shape(index), 1);
    return ct_scatter_add(ct_zeros(dtype, &bins, 1), 0, index, weights);
}

static ct_tensor *bincount_expression(ct_call *call)
{
    const bins_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *weights = ct_call_input(call, 1);
    if (ct_rank(x) != 1 || (weights && (ct_rank(weights) != 1 || ct_size(weights, 0) != ct_size(x, 0)))) {
        ct_call_error(call, CT_ERROR_SHAPE, "x has one axis, and weights its shape: %s", ct_call_shapes(call));
        return NULL;
    }
    double largest = ct_numel(x) > 0 ? ct_item(ct_amax(x, NULL)) : -1;
    if (by->bins < 0 || !(largest < 0x1p53)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld bins at least, and one for %g", (long long)by->bins, largest);
        return NULL;
    }
    int64_t bins = largest + 1 > (double)by->bins ? (int64_t)largest + 1 : by->bins;
    ct_tensor *y = counts(x, bins, weights, weights ? ct_dtype_of(weights) : CT_FLOAT64);
    return weights ? y : ct_cast(y, CT_INT64);
}

ct_tensor *ct_bincount(ct_tensor *x, ct_tensor *weights, int64_t minlength)
{
    return (ct_apply)(&ct_op_bincount, (ct_tensor *[]){x, weights}, 2, &(bins_attributes){.bins = minlength});
}

static const ct_sample bincount_samples[] = {{"i4:9", &(bins_attributes){.bins = 0}},
                                             {"i4:9 9", &(bins_attributes){.bins = 6}},
                                             {"i4:0", &(bins_attributes){.bins = 3}},
                                             {0}};
CT_EXPRESSION(bincount, "weights: g at each x", 1, 2, .takes = {CT_ONLY(CT_INT64), CT_FLOATS},
              .attributes_size = sizeof(bins_attributes), .attribute_names = "bins low:1d high:1d",
              .roles = "x weights");

/* The ends of the bins: those of the elements where none are given, room to either side of them where these are equal too. */
static bool ends_of(ct_call *call, ct_tensor *x, double room, double *low, double *high)
{
    if (*low == 0 && *high == 0 && ct_numel(x) > 0) {
        *low = ct_item(ct_amin(x, NULL));
        *high = ct_item(ct_amax(x, NULL));
    }
    if (*low == *high) {
        *low -= room;
        *high += room;
    }
    if (*low < *high && isfinite(*low) && isfinite(*high))
        return true;
    ct_call_error(call, CT_ERROR_ARGUMENT, "the bins reach from %g to %g", *low, *high);
    return false;
}

static ct_tensor *histc_expression(ct_call *call)
{
    const bins_attributes *by = ct_call_attributes(call);
    double low = by->low, high = by->high;
    const int64_t all[] = {-1};
    ct_tensor *x = ct_reshape(ct_detach(ct_call_input(call, 0)), all, 1);
    if (by->bins < 1) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld bins", (long long)by->bins);
        return NULL;
    }
    if (!x || !ends_of(call, x, 1, &low, &high))
        return NULL;
    ct_tensor *inside = ct_logical_and(ct_ge(x, number(x, low)), ct_le(x, number(x, high)));
    x = ct_masked_select(x, inside);
    ct_tensor *places = ct_mul_scalar(ct_add_scalar(x, -low), (double)by->bins / (high - low));
    places = ct_clamp(ct_floor(places), 0, (double)by->bins - 1);
    return counts(ct_cast(places, CT_INT64), by->bins, NULL, ct_dtype_of(x));
}

ct_tensor *ct_histc(ct_tensor *x, int64_t bins, double low, double high)
{
    return (ct_apply)(&ct_op_histc, &x, 1, &(bins_attributes){bins, low, high});
}

static const ct_sample histc_samples[] = {
    {"3x5", &(bins_attributes){4, 0, 0}}, {"9", &(bins_attributes){3, -1, 1}}, {"0", &(bins_attributes){2, 0, 1}}, {0}};
CT_EXPRESSION(histc, "none: the result is a count", 1, 1, .attributes_size = sizeof(bins_attributes),
              .attribute_names = "bins low:1d high:1d");

/* ---- histogramdd ---- */

typedef struct histogram_attributes {
    int64_t bins[CT_MAX_RANK], axes, density;
    double low[CT_MAX_RANK], high[CT_MAX_RANK]; /* both 0: from the smallest element to the largest */
} histogram_attributes;

/* The ends of bins equal parts: from either side, so that both ends are exact. */
static ct_tensor *edges(ct_dtype dtype, double low, double high, int64_t bins)
{
    double step = (high - low) / (double)bins;
    ct_tensor *at = ct_empty(CT_FLOAT64, (const int64_t[]){bins + 1}, 1);
    double *to = at ? ct_data_mut(at) : NULL;
    for (int64_t i = 0; to && i <= bins; i++)
        to[i] = 2 * i < bins + 1 ? low + step * (double)i : high - step * (double)(bins - i);
    return ct_cast(at, dtype);
}

/* Along one axis, which part each of x [N] lies in, 0 where in none; then inside gets a 0. */
static ct_tensor *parts_of(ct_call *call, ct_tensor *x, int64_t axis, double *volume, ct_tensor **inside)
{
    const histogram_attributes *by = ct_call_attributes(call);
    double low = by->low[axis], high = by->high[axis];
    int64_t bins = by->bins[axis];
    if (bins < 1 || bins > INT32_MAX) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld bins on axis %lld", (long long)bins, (long long)axis);
        return NULL;
    }
    if (low == 0 && high == 0 && ct_numel(x) == 0)
        high = 1;
    if (!ends_of(call, x, 0.5, &low, &high)) /* NumPy's and PyTorch's room here; histc's is 1 */
        return NULL;
    *volume *= (high - low) / (double)bins;
    ct_tensor *place = ct_searchsorted(edges(ct_dtype_of(x), low, high, bins), x, true);
    ct_tensor *last = ct_full(CT_INT64, (double)bins, NULL, 0), *one = ct_full(CT_INT64, 1, NULL, 0);
    ct_tensor *in = ct_logical_and(ct_ge(x, number(x, low)), ct_le(x, number(x, high)));
    *inside = ct_logical_and(*inside, in);
    return ct_sub(ct_maximum(ct_minimum(place, last), one), one); /* the last part has its upper end */
}

static ct_tensor *histogramdd_expression(ct_call *call)
{
    const histogram_attributes *by = ct_call_attributes(call);
    ct_tensor *x = ct_detach(ct_call_input(call, 0)), *weights = ct_call_input(call, 1), *number_of = NULL;
    int rank = ct_rank(x);
    bool fits = rank > 0 && ct_size(x, -1) == by->axes && (!weights || ct_rank(weights) == rank - 1);
    for (int i = 0; fits && weights && i < rank - 1; i++)
        fits = ct_size(weights, i) == ct_size(x, i);
    if (!fits) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes x [...,%lld] and weights [...]: %s", (long long)by->axes,
                      ct_call_shapes(call));
        return NULL;
    }
    if (ct__check_shape(CT_FLOAT64, by->bins, (int)by->axes, call->op->name) != CT_OK)
        return NULL;
    const int64_t points = ct_numel(x) / by->axes, flat[] = {points, by->axes};
    x = ct_reshape(x, flat, 2);
    double volume = 1, total = 1;
    ct_tensor *inside = ct_ones(CT_BOOL, &points, 1);
    for (int64_t i = 0; i < by->axes; i++) {
        ct_tensor *part = parts_of(call, ct_select(x, 1, i), i, &volume, &inside);
        if (!part)
            return NULL;
        number_of = number_of ? ct_add(ct_mul_scalar(number_of, (double)by->bins[i]), part) : part;
        total *= (double)by->bins[i];
    }
    weights = weights ? ct_reshape(weights, &points, 1) : ct_ones(ct_dtype_of(x), &points, 1);
    ct_tensor *counted = ct_where(inside, weights, number(x, 0));
    ct_tensor *y = ct_reshape(counts(number_of, (int64_t)total, counted, ct_dtype_of(x)), by->bins, (int)by->axes);
    return by->density ? ct_mul_scalar(ct_div(y, ct_sum(y, NULL)), 1 / volume) : y;
}

CT_OPTIONS_INIT(ct_histogram_options)

ct_tensor *ct_histogramdd(ct_tensor *x, const int64_t *bins, int axes, const ct_histogram_options *options)
{
    CT_READ_OPTIONS(ct_histogram_options, o, options, "histogramdd");
    if (!o)
        return NULL;
    if (axes < 1 || axes > CT_MAX_RANK || !bins) {
        ct__error(CT_ERROR_ARGUMENT, "histogramdd: bins for %d axes, takes them for 1 to %d", bins ? axes : 0,
                  CT_MAX_RANK);
        return NULL;
    }
    histogram_attributes by = {.axes = axes, .density = o->density};
    for (int i = 0; i < axes; i++) {
        by.bins[i] = bins[i];
        by.low[i] = o->ranges ? o->ranges[2 * i] : 0;
        by.high[i] = o->ranges ? o->ranges[2 * i + 1] : 0;
    }
    return (ct_apply)(&ct_op_histogramdd, (ct_tensor *[]){x, o->weights}, 2, &by);
}

static const ct_sample histogramdd_samples[] = {
    {"9x2! 9", &(histogram_attributes){.bins = {3, 2}, .axes = 2}},
    {"7x1! 7@0.2..1", &(histogram_attributes){.bins = {4}, .axes = 1, .density = 1, .low = {-1}, .high = {2}}},
    {"2x3x2! 2x3", &(histogram_attributes){.bins = {2, 2}, .axes = 2}},
    {"5x3!", &(histogram_attributes){.bins = {2, 1, 2}, .axes = 3}},
    {"0x2! 0", &(histogram_attributes){.bins = {2, 2}, .axes = 2}},
    {0}};
CT_EXPRESSION(histogramdd, "weights: g at each point's part", 1, 2, .attributes_size = sizeof(histogram_attributes),
              .attribute_names = "bins:8n axes density low:8d high:8d", .roles = "x weights");
