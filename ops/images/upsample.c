/* interpolate: resizing along the spatial axes, as an expression. Along one axis after the other each slice of the result is one of
 * x (nearest), lies between two (linear), or is a weighted sum of some (cubic, antialias).
 *
 * Invariant: sizes and weights are computed in double, as PyTorch does. */
#include "shape/shape_internal.h"
#include <math.h>

typedef struct interpolate_attributes {
    int64_t size[3], mode, align_corners, antialias;
    double scale[3];
} interpolate_attributes;

static bool is_smooth(const interpolate_attributes *how)
{
    return how->mode == CT_LINEAR || how->mode == CT_CUBIC;
}

/* Along one axis: from in to out elements; scale 0: not given. */
typedef struct resizing {
    const interpolate_attributes *how;
    int64_t in, out;
    double step; /* elements of x for one of the result */
} resizing;

static resizing new_resizing(const interpolate_attributes *how, int64_t in, int64_t out, double scale)
{
    double step = (scale != 0 ? 1 : (double)in) / (scale != 0 ? scale : (double)out); /* never by 0, not even ahead */
    if (how->align_corners && is_smooth(how))
        step = (double)(in - 1) / (double)(out > 1 ? out - 1 : 1);
    return (resizing){how, in, out, step};
}

/* Where the middle of element i of the result lies in x, whose elements' middles are whole numbers. */
static double middle(const resizing *r, int64_t i)
{
    return r->how->align_corners ? (double)i * r->step : ((double)i + 0.5) * r->step - 0.5;
}

static int64_t inside(const resizing *r, int64_t at)
{
    return at < 0 ? 0 : at < r->in ? at : r->in - 1;
}

/* The elements of x that element i of the result is made of: element first + t by weight(t), t below count. */
typedef struct reach {
    int64_t first, count;
    double middle, shrink, total;
} reach;

/* A hat, or Keys' cubic. */
static double hat(const interpolate_attributes *how, double x)
{
    double a = how->antialias ? -0.5 : -0.75;
    x = fabs(x);
    if (how->mode == CT_LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double weight_of(const resizing *r, const reach *e, int64_t t)
{
    return t < e->count ? hat(r->how, ((double)(e->first + t) - e->middle) * e->shrink) / e->total : 0;
}

/* With antialias the hat is as wide as step elements, cut off at x's ends, and its weights add up to 1. */
static reach find_reach(const resizing *r, int64_t i)
{
    double half = r->how->mode == CT_LINEAR ? 1 : 2, at = middle(r, i);
    if (!r->how->antialias)
        return (reach){(int64_t)floor(at) - 1, 4, at, 1, 1};
    double shrink = r->step >= 1 ? 1 / r->step : 1, support = half / shrink, edge = r->step * ((double)i + 0.5);
    int64_t first = (int64_t)(edge - support + 0.5), end = (int64_t)(edge + support + 0.5);
    reach e = {first > 0 ? first : 0, 0, edge - 0.5, shrink, 1};
    e.count = (end < r->in ? end : r->in) - e.first;
    double total = 0;
    for (int64_t t = 0; t < e.count; t++)
        total += weight_of(r, &e, t);
    e.total = total != 0 ? total : 1;
    return e;
}

/* ---- one axis of a tensor ---- */

/* An index and a weight for each element of the result, the weight to be multiplied along axis. */
typedef struct tap {
    ct_tensor *index, *weight;
} tap;

static tap new_tap(const ct_tensor *x, int axis, int64_t out)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == axis ? out : 1;
    return (tap){ct_empty(CT_INT64, &out, 1), ct_empty(ct_dtype_of(x), shape, ct_rank(x))};
}

static void set_tap(tap *t, int64_t i, int64_t index, double weight)
{
    ((int64_t *)ct__ptr(t->index))[i] = index;
    if (ct_dtype_of(t->weight) == CT_FLOAT32)
        ((float *)ct__ptr(t->weight))[i] = (float)weight;
    else
        ((double *)ct__ptr(t->weight))[i] = weight;
}

static ct_tensor *nearest(const resizing *r, ct_tensor *x, int axis)
{
    tap t = new_tap(x, axis, r->out);
    if (!t.index || !t.weight)
        return NULL;
    double ahead = r->how->mode == CT_NEAREST_EXACT ? 0.5 : 0;
    for (int64_t i = 0; i < r->out; i++)
        set_tap(&t, i, inside(r, (int64_t)floor(((double)i + ahead) * r->step)), 1);
    return ct_index_select(x, axis, t.index);
}

static ct_tensor *between(const resizing *r, ct_tensor *x, int axis)
{
    tap low = new_tap(x, axis, r->out), high = new_tap(x, axis, r->out);
    if (!low.index || !low.weight || !high.index || !high.weight)
        return NULL;
    for (int64_t i = 0; i < r->out; i++) {
        double at = middle(r, i);
        at = at < 0 ? 0 : at;
        int64_t first = inside(r, (int64_t)at);
        set_tap(&low, i, first, 0);
        set_tap(&high, i, inside(r, first + 1), at - (double)first);
    }
    return ct_lerp(ct_index_select(x, axis, low.index), ct_index_select(x, axis, high.index), high.weight);
}

static ct_tensor *weighted(const resizing *r, ct_tensor *x, int axis)
{
    ct_tensor *sum = NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < r->out; i++) {
        int64_t count = find_reach(r, i).count;
        most = count > most ? count : most;
    }
    for (int64_t k = 0; k < most; k++) {
        tap t = new_tap(x, axis, r->out);
        if (!t.index || !t.weight)
            return NULL;
        for (int64_t i = 0; i < r->out; i++) {
            reach e = find_reach(r, i);
            set_tap(&t, i, inside(r, e.first + k), weight_of(r, &e, k));
        }
        ct_tensor *part = ct_mul(ct_index_select(x, axis, t.index), t.weight);
        sum = k > 0 ? ct_add(sum, part) : part;
    }
    return sum;
}

/* x resized to out along axis; as it is where that is its size, as in PyTorch, whatever the scale, but for plain cubics. */
static ct_tensor *resize_axis(const interpolate_attributes *how, ct_tensor *x, int axis, int64_t out, double scale)
{
    resizing r = new_resizing(how, ct_size(x, axis), out, scale);
    if (out == r.in && (scale == 0 || how->mode != CT_CUBIC || how->antialias))
        return x;
    if (how->mode == CT_NEAREST || how->mode == CT_NEAREST_EXACT)
        return nearest(&r, x, axis);
    return how->mode == CT_LINEAR && !how->antialias ? between(&r, x, axis) : weighted(&r, x, axis);
}

/* Whether there is such a mode, with antialias if that is asked for; otherwise the error says why not. */
static bool mode_is_good(ct_call *call)
{
    const interpolate_attributes *how = ct_call_attributes(call);
    if (how->mode < CT_NEAREST || how->mode > CT_NEAREST_EXACT)
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no mode %d", (int)how->mode);
    else if (how->antialias && !is_smooth(how))
        ct_call_error(call, CT_ERROR_ARGUMENT, "antialias goes with linear and cubic only");
    else
        return true;
    return false;
}

/* The mean of what each element covers. */
static ct_tensor *area(ct_tensor *x, int axes, const int64_t *out)
{
    return axes == 1   ? ct_adaptive_avg_pool1d(x, out[0])
           : axes == 2 ? ct_adaptive_avg_pool2d(x, out[0], out[1])
                       : ct_adaptive_avg_pool3d(x, out[0], out[1], out[2]);
}

/* Axis i's size in the result, or 0 with an error; *scale becomes 0 where the size is given. */
static int64_t size_of_result(ct_call *call, int i, double *scale)
{
    const interpolate_attributes *how = ct_call_attributes(call);
    int64_t in = ct_size(ct_call_input(call, 0), 2 + i), out = how->size[i] ? how->size[i] : how->size[0];
    *scale = how->scale[i] != 0 ? how->scale[i] : how->scale[0];
    if (out == 0)
        out = *scale > 0 && (double)in * *scale < 0x1p62 ? (int64_t)floor((double)in * *scale) : 0;
    else
        *scale = 0;
    if (in >= 1 && out >= 1)
        return out;
    ct_call_error(call, CT_ERROR_ARGUMENT, "cannot resize axis %d of %s to %lld: give .size or .scale", 2 + i,
                  ct_call_shapes(call), (long long)out);
    return 0;
}

static ct_tensor *interpolate_expression(ct_call *call)
{
    const interpolate_attributes *how = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *y = x;
    int axes = ct_rank(x) - 2;
    int64_t out[3];
    double scale[3];
    if (axes < 1 || axes > 3) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a float [N, C, one to three spatial axes]: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    if (!mode_is_good(call))
        return NULL;
    for (int i = 0; i < axes; i++)
        if ((out[i] = size_of_result(call, i, &scale[i])) == 0)
            return NULL;
    if (how->mode == CT_AREA)
        return area(x, axes, out);
    for (int i = 0; y && i < axes; i++)
        y = resize_axis(how, y, 2 + i, out[i], scale[i]);
    return y == x ? ct_clone(y) : y;
}

const ct_op ct_op_interpolate = {
    .name = "interpolate",
    .gradient = "each element of g, by the weights it was made with, back to the elements it was made of",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(interpolate_attributes),
    .attribute_names = "size:3 mode align_corners antialias scale:3d",
    .expression = interpolate_expression,
    .samples =
        (const ct_sample[]){
            {"2x3x3x4", &(interpolate_attributes){.scale = {2}, .mode = CT_NEAREST}},
            {"2x3x3x4", &(interpolate_attributes){.scale = {2}, .mode = CT_LINEAR}},
            {"1x2x5", &(interpolate_attributes){.size = {3}, .mode = CT_LINEAR, .align_corners = 1}},
            {"1x1x2x3x2", &(interpolate_attributes){.size = {3, 2, 4}, .mode = CT_LINEAR}},
            {"1x2x4x5", &(interpolate_attributes){.size = {6, 3}, .mode = CT_CUBIC}},
            {"1x1x4x5", &(interpolate_attributes){.size = {7, 5}, .mode = CT_CUBIC, .align_corners = 1}},
            {"1x2x7x9", &(interpolate_attributes){.size = {3, 4}, .mode = CT_LINEAR, .antialias = 1}},
            {"1x2x7x3", &(interpolate_attributes){.size = {3, 5}, .mode = CT_CUBIC, .antialias = 1}},
            {"1x2x7x5", &(interpolate_attributes){.size = {3, 2}, .mode = CT_AREA}},
            {"1x2x5", &(interpolate_attributes){.size = {3}, .mode = CT_NEAREST_EXACT}},
            {0}},
    .source = "PyTorch's interpolate",
};

CT_OPTIONS_INIT(ct_interpolate_options)

/* The sizes or scales given, spread to the axes; 0 where there are none. */
static bool read_sizes(const ct_interpolate_options *o, int axes, interpolate_attributes *a)
{
    if (o->size[0] != CT_UNSET_INT)
        return ct__each_axis("interpolate", "size", o->size, 3, axes, false, a->size) == CT_OK;
    if (ct_is_unset(o->scale[0]))
        return true;
    bool lone = o->scale[1] == 0 && o->scale[2] == 0;
    for (int i = 0; i < axes; i++) {
        a->scale[i] = o->scale[lone ? 0 : i];
        if (!(a->scale[i] > 0) || isinf(a->scale[i])) {
            ct__error(CT_ERROR_ARGUMENT, "interpolate: scale[%d] is %g, but must be positive", i, a->scale[i]);
            return false;
        }
    }
    return true;
}

ct_tensor *ct_interpolate(ct_tensor *x, const ct_interpolate_options *options)
{
    CT_READ_OPTIONS(ct_interpolate_options, o, options, "interpolate");
    if (!o)
        return NULL;
    interpolate_attributes a = {.mode = o->mode, .align_corners = o->align_corners, .antialias = o->antialias};
    if (x && !read_sizes(o, ct_rank(x) < 4 ? 1 : ct_rank(x) > 4 ? 3 : 2, &a))
        return NULL;
    return ct_apply(&ct_op_interpolate, &x, 1, &a);
}
