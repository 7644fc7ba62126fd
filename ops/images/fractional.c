/* Maxima over windows whose places are drawn, so that they divide x by a fraction: expressions over gather and max.
 *
 * Invariant: a window lies inside its image; samples, whoever made them, are looked at first. */
#include "expression.h"
#include "shape/shape_internal.h"
#include <string.h>

typedef struct fractional_attributes {
    int64_t kernel[3], size[3], axes; /* of a window; of the result */
} fractional_attributes;
#define FRACTIONAL_NAMES "kernel:3 size:3 axes"

/* Images and windows of a call. */
typedef struct images {
    int64_t planes, in, out, window; /* elements of a plane, of its result, of a window */
    const int64_t *size;             /* of a plane */
} images;

static bool read_images(ct_call *call, images *s)
{
    const fractional_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *samples = ct_call_input(call, 1);
    int axes = (int)a->axes, batch = ct_rank(x) - axes;
    *s = (images){1, 1, 1, 1, ct_shape(x) + batch};
    bool fits = (batch == 1 || batch == 2) && ct_rank(samples) > 0 && ct_size(samples, -1) == axes;
    for (int i = 0; fits && i < batch; i++)
        s->planes *= ct_size(x, i);
    if (!fits || ct_numel(samples) != s->planes * axes) {
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [N,C,...] or [C,...] with %d axes behind, and samples [N,C,%d]: %s", axes, axes,
                      ct_call_shapes(call));
        return false;
    }
    for (int i = 0; i < axes; i++) {
        if (a->kernel[i] < 1 || a->size[i] < 1 || a->size[i] > s->size[i] - a->kernel[i] + 1) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "%lld windows of %lld do not fit on axis %d: %s",
                          (long long)a->size[i], (long long)a->kernel[i], i, ct_call_shapes(call));
            return false;
        }
        s->in *= s->size[i];
        s->out *= a->size[i];
        s->window *= a->kernel[i];
    }
    return true;
}

/* Where window i of count begins, along an axis of size: PyTorch's rule, in x's own precision. */
static int64_t start_of(int64_t i, int64_t count, int64_t size, int64_t kernel, double sample, bool narrow)
{
    if (i == count - 1)
        return size - kernel;
    if (!narrow) {
        double step = (double)(size - kernel) / (double)(count - 1);
        return (int64_t)(((double)i + sample) * step) - (int64_t)(sample * step);
    }
    float step = (float)(size - kernel) / (float)(count - 1), shift = (float)sample;
    return (int64_t)(((float)i + shift) * step) - (int64_t)(shift * step);
}

/* Writes where each element of the windows of one plane is in it, a window after the other. of_axis: its samples, an entry for each axis. */
static void write_places(const fractional_attributes *a, const images *s, const double *of_axis, bool narrow,
                         int64_t *to)
{
    int64_t parts = s->out * s->window;
    for (int64_t e = 0; e < parts; e++) {
        int64_t window = e / s->window, element = e % s->window, place = 0, step = 1;
        for (int i = (int)a->axes - 1; i >= 0; i--) {
            int64_t first = start_of(window % a->size[i], a->size[i], s->size[i], a->kernel[i], of_axis[i], narrow);
            place += (first + element % a->kernel[i]) * step;
            step *= s->size[i];
            window /= a->size[i];
            element /= a->kernel[i];
        }
        to[e] = place;
    }
}

/* int64 [planes, out, window]; NULL with an error. PyTorch's first sample of two is for the last axis. */
static ct_tensor *places_of(ct_call *call, const images *s)
{
    const fractional_attributes *a = ct_call_attributes(call);
    const ct_tensor *samples = ct_call_input(call, 1);
    const int64_t shape[] = {s->planes, s->out, s->window};
    ct_tensor *wide = ct_contiguous(ct_cast(ct_detach((ct_tensor *)samples), CT_FLOAT64));
    ct_tensor *places = ct_empty(CT_INT64, shape, 3);
    const double *given = wide ? (const double *)ct__ptr(wide) : NULL;
    for (int64_t p = 0; places && given && p < s->planes; p++) {
        double of_axis[3];
        for (int i = 0; i < a->axes; i++) {
            double sample = given[p * a->axes + (a->axes == 2 ? 1 - i : i)];
            if (!(sample >= 0 && sample < 1)) {
                ct_call_error(call, CT_ERROR_ARGUMENT, "a sample is %g, not in [0, 1)", sample);
                return NULL;
            }
            of_axis[i] = sample;
        }
        int64_t *to = (int64_t *)ct__ptr(places) + p * s->out * s->window;
        write_places(a, s, of_axis, ct_dtype_of(samples) == CT_FLOAT32, to);
    }
    return given ? places : NULL;
}

static ct_tensor *largest(ct_call *call)
{
    const fractional_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *which;
    images s;
    if (!read_images(call, &s))
        return NULL;
    int64_t shape[CT_MAX_RANK], batch = ct_rank(x) - a->axes;
    memcpy(shape, ct_shape(x), (size_t)batch * sizeof *shape);
    memcpy(shape + batch, a->size, (size_t)a->axes * sizeof *shape);
    const int64_t flat[] = {s.planes, s.in}, all[] = {s.planes, s.out * s.window},
                  windows[] = {s.planes, s.out, s.window};
    ct_tensor *places = places_of(call, &s);
    ct_tensor *read = ct_gather(ct_reshape(x, flat, 2), 1, ct_reshape(places, all, 2));
    ct_tensor *y = ct_max(ct_reshape(read, windows, 3), 2, false, &which);
    if (!y)
        return NULL;
    ct_tensor *indices = ct_gather(places, 2, ct_unsqueeze(which, 2));
    if (ct_call_set_output(call, 1, ct_reshape(indices, shape, ct_rank(x))) != CT_OK)
        return NULL;
    return ct_reshape(y, shape, ct_rank(x));
}

CT_OPTIONS_INIT(ct_fractional_options)

static ct_tensor *apply(const ct_op *op, ct_tensor *x, int64_t kernel, fractional_attributes a,
                        const ct_fractional_options *options)
{
    CT_READ_OPTIONS(ct_fractional_options, o, options, op->name);
    if (!o || !x)
        return NULL;
    for (int i = 0; i < a.axes; i++)
        a.kernel[i] = o->kernel[0] == CT_UNSET_INT ? kernel : o->kernel[ct__is_lone(o->kernel, 3) ? 0 : i];
    int64_t shape[CT_MAX_RANK] = {1, 1};
    int batch = ct_rank(x) - (int)a.axes < 1 ? 1 : ct_rank(x) - (int)a.axes;
    for (int i = 0; i < batch && i < ct_rank(x); i++)
        shape[i] = ct_size(x, i);
    shape[batch] = a.axes;
    ct_tensor *samples = o->samples ? o->samples : ct_rand(ct_dtype_of(x), 0, 1, shape, batch + 1);
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {NULL};
    (ct_apply_multi)(op, (ct_tensor *[]){x, samples}, 2, &a, outputs);
    if (o->indices)
        *o->indices = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

ct_tensor *ct_fractional_max_pool2d(ct_tensor *x, int64_t kernel, int64_t height, int64_t width,
                                    const ct_fractional_options *options)
{
    return apply(&ct_op_fractional_max_pool2d, x, kernel, (fractional_attributes){.size = {height, width}, .axes = 2},
                 options);
}

ct_tensor *ct_fractional_max_pool3d(ct_tensor *x, int64_t kernel, int64_t depth, int64_t height, int64_t width,
                                    const ct_fractional_options *options)
{
    return apply(&ct_op_fractional_max_pool3d, x, kernel,
                 (fractional_attributes){.size = {depth, height, width}, .axes = 3}, options);
}

#define FRACTIONAL(op_name, ...)                                                                         \
    static ct_tensor *op_name##_expression(ct_call *call)                                                \
    {                                                                                                    \
        return largest(call);                                                                            \
    }                                                                                                    \
    static const ct_sample op_name##_samples[] = {__VA_ARGS__, {0}};                                     \
    CT_EXPRESSION(op_name, "g where each window's maximum came from", 2, 2, .outputs = 2,                \
                  .attributes_size = sizeof(fractional_attributes), .attribute_names = FRACTIONAL_NAMES, \
                  .roles = "x samples", .source = "Graham: Fractional max-pooling (2014)");
FRACTIONAL(fractional_max_pool2d, {"2x3x7x6 2x3x2@0..1!", &(fractional_attributes){{2, 3}, {3, 2}, 2}},
           {"2x5x5 2x2@0..1!", &(fractional_attributes){{2, 2}, {4, 1}, 2}},
           {"0x3x5x5 0x3x2@0..1!", &(fractional_attributes){{2, 2}, {3, 3}, 2}})
FRACTIONAL(fractional_max_pool3d, {"1x2x5x4x5 1x2x3@0..1!", &(fractional_attributes){{2, 1, 2}, {3, 2, 3}, 3}},
           {"2x3x3x4 2x3@0..1!", &(fractional_attributes){{1, 2, 2}, {2, 2, 1}, 3}})
