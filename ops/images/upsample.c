/* interpolate: resizing along the spatial axes, as an expression: along one axis after the other each result is one input
 * slice (nearest) or lies between two (linear). Invariant: sizes and weights are computed in double, as PyTorch does. */
#include "shape/shape_internal.h"
#include <math.h>

typedef struct interpolate_attributes {
    int64_t size[3], mode, align_corners;
    double scale[3];
} interpolate_attributes;

/* Which input slices result slice i lies between, and how far towards the second. */
typedef struct place {
    int64_t low, high;
    double weight;
} place;

static place find_place(const interpolate_attributes *a, int64_t i, int64_t in, int64_t out, double scale)
{
    double step = (scale != 0 ? 1 : (double)in) / (scale != 0 ? scale : (double)out); /* never by 0, not even ahead */
    if (a->mode == CT_NEAREST) {
        int64_t at = (int64_t)floor((double)i * step);
        return (place){.low = at < in ? at : in - 1};
    }
    double at = a->align_corners ? (double)i * (double)(in - 1) / (double)(out > 1 ? out - 1 : 1)
                                 : ((double)i + 0.5) * step - 0.5;
    at = at < 0 ? 0 : at;
    int64_t low = (int64_t)at < in ? (int64_t)at : in - 1;
    return (place){.low = low, .high = low + 1 < in ? low + 1 : in - 1, .weight = at - (double)low};
}

/* x resized to out along axis; as it is where that is its size, as in PyTorch, whatever the scale. */
static ct_tensor *resize_axis(const interpolate_attributes *a, ct_tensor *x, int axis, int64_t out, double scale)
{
    if (out == ct_size(x, axis))
        return x;
    ct_tensor *low = ct_empty(CT_INT64, &out, 1), *high = ct_empty(CT_INT64, &out, 1);
    ct_tensor *weight = ct_empty(ct_dtype_of(x), &out, 1);
    if (!low || !high || !weight)
        return NULL;
    for (int64_t i = 0; i < out; i++) {
        place at = find_place(a, i, ct_size(x, axis), out, scale);
        ((int64_t *)ct__ptr(low))[i] = at.low;
        ((int64_t *)ct__ptr(high))[i] = at.high;
        if (ct_dtype_of(x) == CT_FLOAT32)
            ((float *)ct__ptr(weight))[i] = (float)at.weight;
        else
            ((double *)ct__ptr(weight))[i] = at.weight;
    }
    ct_tensor *first = ct_index_select(x, axis, low);
    if (a->mode == CT_NEAREST)
        return first;
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == axis ? out : 1;
    return ct_lerp(first, ct_index_select(x, axis, high), ct_reshape(weight, shape, ct_rank(x)));
}

static ct_tensor *interpolate_expression(ct_call *call)
{
    const interpolate_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axes = ct_rank(x) - 2;
    if (axes < 1 || axes > 3 || !ct__dtype_is_float(ct_dtype_of(x))) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a float [N, C, one to three spatial axes]: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    if (a->mode != CT_NEAREST && a->mode != CT_LINEAR) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no mode %d", (int)a->mode);
        return NULL;
    }
    for (int i = 0; x && i < axes; i++) {
        double scale = a->scale[i] != 0 ? a->scale[i] : a->scale[0];
        int64_t in = ct_size(x, 2 + i), out = a->size[i] ? a->size[i] : a->size[0];
        if (out == 0)
            out = scale > 0 && (double)in * scale < 0x1p62 ? (int64_t)floor((double)in * scale) : 0;
        else
            scale = 0;
        if (in < 1 || out < 1) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "cannot resize axis %d of %s to %lld: give .size or .scale", 2 + i,
                          ct_call_shapes(call), (long long)out);
            return NULL;
        }
        x = resize_axis(a, x, 2 + i, out, scale);
    }
    return x == ct_call_input(call, 0) ? ct_clone(x) : x;
}

const ct_op ct_op_interpolate = {
    .name = "interpolate",
    .gradient = "each element of g, by the weights it was made with, back to the elements it was made of",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(interpolate_attributes),
    .attribute_names = "size:3 mode align_corners scale:3d",
    .expression = interpolate_expression,
    .samples =
        (const ct_sample[]){{"2x3x3x4", &(interpolate_attributes){.scale = {2}, .mode = CT_NEAREST}},
                            {"2x3x3x4", &(interpolate_attributes){.scale = {2}, .mode = CT_LINEAR}},
                            {"1x2x5", &(interpolate_attributes){.size = {3}, .mode = CT_LINEAR, .align_corners = 1}},
                            {"1x1x2x3x2", &(interpolate_attributes){.size = {3, 2, 4}, .mode = CT_LINEAR}},
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
    interpolate_attributes a = {.mode = o->mode, .align_corners = o->align_corners};
    if (x && !read_sizes(o, ct_rank(x) < 4 ? 1 : ct_rank(x) > 4 ? 3 : 2, &a))
        return NULL;
    return ct_apply(&ct_op_interpolate, &x, 1, &a);
}
