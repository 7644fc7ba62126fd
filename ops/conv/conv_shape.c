/* Shapes of the convolutions: options and sizes are checked here, and nowhere else.
 *
 * Invariant: inside, every convolution is three-dimensional, with leading axes of size 1. */
#include "conv_internal.h"
#include "shape/shape_internal.h"
#include <string.h>

/* So that sums and products of two of them are far from the end of int64. */
enum { LARGEST_OPTION = 1 << 30 };
#define LARGEST_SIZE (INT64_C(1) << 61)

static ct_status check_tensors(ct_call *call, int spatial)
{
    for (int i = 0; i < 2; i++)
        if (call->inputs[i]->rank != spatial + 2)
            return ct_call_error(call, CT_ERROR_SHAPE,
                                 "needs a batch, channels and %d spatial ax%s, and a weight of rank %d: %s", spatial,
                                 spatial == 1 ? "is" : "es", spatial + 2, ct_call_shapes(call));
    return CT_OK;
}

CT_OPTIONS_INIT(ct_conv_options)

ct_status ct__conv_attributes(const char *op, int spatial, const ct_conv_options *given, ct_conv_options *attributes)
{
    CT_READ_OPTIONS(ct_conv_options, o, given, op);
    if (!o)
        return ct_error_code();
    memset(attributes, 0, sizeof *attributes);
    attributes->groups = o->groups;
    if (o->groups < 1)
        return ct__error(CT_ERROR_ARGUMENT, "%s: %lld groups", op, (long long)o->groups);
    ct_status status = ct__each_axis(op, "stride", o->stride, 3, spatial, false, attributes->stride);
    if (status == CT_OK)
        status = ct__each_axis(op, "padding", o->padding, 3, spatial, true, attributes->padding);
    if (status == CT_OK)
        status = ct__each_axis(op, "dilation", o->dilation, 3, spatial, false, attributes->dilation);
    if (status == CT_OK)
        status = ct__each_axis(op, "output_padding", o->output_padding, 3, spatial, true, attributes->output_padding);
    return status;
}

ct_status ct__conv_read_options(ct_call *call, int spatial, const ct_conv_options *o, ct_conv_geometry *g)
{
    *g = (ct_conv_geometry){.windows = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
                            .spatial = spatial,
                            .dtype = (ct_dtype)call->inputs[0]->dtype,
                            .groups = ct__or_one(o->groups)};
    g->size = (int64_t)ct_dtype_size(g->dtype);
    for (int i = 0; i < spatial; i++) {
        int64_t stride = ct__or_one(o->stride[i]), padding = o->padding[i], dilation = ct__or_one(o->dilation[i]);
        if (stride < 1 || stride > LARGEST_OPTION || padding < 0 || padding > LARGEST_OPTION || dilation < 1 ||
            dilation > LARGEST_OPTION)
            return ct_call_error(call, CT_ERROR_ARGUMENT,
                                 "stride %lld, padding %lld, dilation %lld on axis %d are out of range",
                                 (long long)stride, (long long)padding, (long long)dilation, i);
        g->windows.stride[3 - spatial + i] = stride;
        g->windows.padding[3 - spatial + i] = padding;
        g->windows.dilation[3 - spatial + i] = dilation;
    }
    if (g->groups < 1)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "%lld groups", (long long)g->groups);
    return CT_OK;
}

/* Sizes that follow from the others, once the windows are ct__conv_complete. One-element kernels see an image as a single row. */
void ct__conv_complete(ct_conv_geometry *g)
{
    ct_windows *s = &g->windows;
    g->pointwise = true;
    g->taps = g->in = g->out = 1;
    for (int i = 0; i < 3; i++) {
        g->taps *= s->kernel[i];
        g->in *= s->in[i];
        g->out *= s->out[i];
        g->pointwise =
            g->pointwise && s->kernel[i] == 1 && s->in[i] == s->out[i] && s->stride[i] == 1 && s->padding[i] == 0;
    }
    if (g->pointwise)
        *s = (ct_windows){{1, 1, g->in}, {1, 1, g->in}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
}

static ct_status split_channels(ct_call *call, ct_conv_geometry *g, int64_t channels, int64_t features)
{
    if (channels % g->groups != 0 || features % g->groups != 0)
        return ct_call_error(call, CT_ERROR_SHAPE, "%lld groups do not divide %lld and %lld channels: %s",
                             (long long)g->groups, (long long)channels, (long long)features, ct_call_shapes(call));
    g->channels = channels / g->groups;
    g->features = features / g->groups;
    return CT_OK;
}

/* Positions that a kernel element and its dilation reach over. */
static int64_t extent(const ct_windows *s, int i)
{
    return s->dilation[i] * (s->kernel[i] - 1) + 1;
}

/* From in to out along every axis. */
ct_status ct__conv_set_out(ct_call *call, ct_conv_geometry *g)
{
    ct_windows *s = &g->windows;
    for (int i = 3 - g->spatial; i < 3; i++) {
        if (s->in[i] < 0 || s->in[i] > LARGEST_SIZE)
            return ct_call_error(call, CT_ERROR_SHAPE, "size %lld on axis %d is out of range", (long long)s->in[i],
                                 i - 3 + g->spatial);
        if (s->kernel[i] < 1 || s->kernel[i] > LARGEST_OPTION || s->in[i] + 2 * s->padding[i] < extent(s, i))
            return ct_call_error(
                call, CT_ERROR_SHAPE,
                "a kernel of %lld (over %lld with dilation) does not fit the padded size %lld on axis %d: %s",
                (long long)s->kernel[i], (long long)extent(s, i), (long long)(s->in[i] + 2 * s->padding[i]),
                i - 3 + g->spatial, ct_call_shapes(call));
        s->out[i] = (s->in[i] + 2 * s->padding[i] - extent(s, i)) / s->stride[i] + 1;
    }
    return CT_OK;
}

static ct_status check_bias(ct_call *call, int64_t size)
{
    const ct_tensor *b = call->n_inputs > 2 ? call->inputs[2] : NULL;
    if (b && (b->rank != 1 || b->shape[0] != size))
        return ct_call_error(call, CT_ERROR_SHAPE, "the bias must be [%lld]: %s", (long long)size,
                             ct_call_shapes(call));
    return CT_OK;
}

void ct__conv_copy_axes(int64_t *to, const int64_t *from, int spatial)
{
    for (int i = 0; i < spatial; i++)
        to[3 - spatial + i] = from[i];
}

ct_status ct__conv_geometry(ct_call *call, int spatial, ct_conv_geometry *g)
{
    const ct_tensor *x = call->inputs[0], *w = call->inputs[1];
    const ct_conv_options *o = call->attributes;
    ct_status status = ct__conv_read_options(call, spatial, o, g);
    if (status == CT_OK)
        status = split_channels(call, g, x->shape[1], w->shape[0]);
    if (status != CT_OK)
        return status;
    if (w->shape[1] != g->channels)
        return ct_call_error(
            call, CT_ERROR_SHAPE, "%lld channels in %lld groups, but the weight takes %lld a group: %s",
            (long long)x->shape[1], (long long)g->groups, (long long)w->shape[1], ct_call_shapes(call));
    for (int i = 0; i < 3; i++)
        if (o->output_padding[i] != 0)
            return ct_call_error(call, CT_ERROR_ARGUMENT, "output_padding is for transposed convolutions");
    g->images = x->shape[0];
    ct__conv_copy_axes(g->windows.in, x->shape + 2, spatial);
    ct__conv_copy_axes(g->windows.kernel, w->shape + 2, spatial);
    status = ct__conv_set_out(call, g);
    return status == CT_OK ? check_bias(call, w->shape[0]) : status;
}

ct_status ct__conv_transpose_geometry(ct_call *call, int spatial, ct_conv_geometry *g)
{
    const ct_tensor *x = call->inputs[0], *w = call->inputs[1];
    const ct_conv_options *o = call->attributes;
    ct_windows *s = &g->windows;
    ct_status status = ct__conv_read_options(call, spatial, o, g);
    if (status != CT_OK)
        return status;
    if (w->shape[0] != x->shape[1])
        return ct_call_error(call, CT_ERROR_SHAPE, "%lld channels, but the weight takes %lld: %s",
                             (long long)x->shape[1], (long long)w->shape[0], ct_call_shapes(call));
    int64_t channels;
    if (__builtin_mul_overflow(w->shape[1], g->groups, &channels))
        return ct_call_error(call, CT_ERROR_SHAPE, "%lld groups of %lld channels", (long long)g->groups,
                             (long long)w->shape[1]);
    status = split_channels(call, g, channels, x->shape[1]);
    if (status != CT_OK)
        return status;
    g->images = x->shape[0];
    ct__conv_copy_axes(s->out, x->shape + 2, spatial);
    ct__conv_copy_axes(s->kernel, w->shape + 2, spatial);
    for (int i = 3 - spatial; i < 3; i++) {
        int64_t more = o->output_padding[i - 3 + spatial];
        if (more < 0 || more >= s->stride[i])
            return ct_call_error(call, CT_ERROR_ARGUMENT,
                                 "output_padding %lld on axis %d must be below the stride, %lld", (long long)more,
                                 i - 3 + spatial, (long long)s->stride[i]);
        bool fits = s->kernel[i] >= 1 && s->kernel[i] <= LARGEST_OPTION && s->out[i] >= 1 &&
                    s->out[i] <= LARGEST_SIZE / s->stride[i];
        s->in[i] = fits ? (s->out[i] - 1) * s->stride[i] - 2 * s->padding[i] + extent(s, i) + more : 0;
        if (s->in[i] < 1)
            return ct_call_error(call, CT_ERROR_SHAPE, "the result would be of size %lld on axis %d: %s",
                                 (long long)s->in[i], i - 3 + spatial, ct_call_shapes(call));
    }
    return check_bias(call, g->channels * g->groups);
}

ct_status ct__conv_weight_geometry(ct_call *call, ct_conv_geometry *g)
{
    const ct_tensor *y = call->inputs[0], *x = call->inputs[1];
    const ct_conv_weight_attributes *a = call->attributes;
    int spatial = (int)a->spatial;
    ct_status status = ct__conv_read_options(call, spatial, &a->options, g);
    if (status == CT_OK)
        status = split_channels(call, g, x->shape[1], y->shape[1]);
    if (status != CT_OK)
        return status;
    g->images = x->shape[0];
    ct__conv_copy_axes(g->windows.in, x->shape + 2, spatial);
    ct__conv_copy_axes(g->windows.kernel, a->kernel, spatial);
    status = ct__conv_set_out(call, g);
    if (status != CT_OK)
        return status;
    bool alike = y->shape[0] == x->shape[0];
    for (int i = 0; i < spatial; i++)
        alike = alike && y->shape[2 + i] == g->windows.out[3 - spatial + i];
    return alike ? CT_OK
                 : ct_call_error(call, CT_ERROR_SHAPE, "the first is not a result of convolving the second: %s",
                                 ct_call_shapes(call));
}
/* ---- shape rules ---- */

static ct_status output_shape(ct_call *call, const ct_conv_geometry *g, int64_t first, int64_t second,
                              const int64_t *spatial)
{
    int64_t shape[5] = {first, second};
    for (int i = 0; i < g->spatial; i++)
        shape[2 + i] = spatial[3 - g->spatial + i];
    return ct_call_output_shape(call, 0, g->dtype, shape, g->spatial + 2);
}

ct_status ct__conv_infer(ct_call *call, int spatial)
{
    ct_conv_geometry g;
    ct_status status = check_tensors(call, spatial);
    if (status == CT_OK)
        status = ct__conv_geometry(call, spatial, &g);
    return status == CT_OK ? output_shape(call, &g, g.images, g.features * g.groups, g.windows.out) : status;
}

ct_status ct__conv_transpose_infer(ct_call *call, int spatial)
{
    ct_conv_geometry g;
    ct_status status = check_tensors(call, spatial);
    if (status == CT_OK)
        status = ct__conv_transpose_geometry(call, spatial, &g);
    return status == CT_OK ? output_shape(call, &g, g.images, g.channels * g.groups, g.windows.in) : status;
}

ct_status ct__conv_weight_infer(ct_call *call)
{
    ct_conv_geometry g;
    const ct_conv_weight_attributes *a = call->attributes;
    if (a->spatial < 1 || a->spatial > 3)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "%lld spatial axes", (long long)a->spatial);
    ct_status status = check_tensors(call, (int)a->spatial);
    if (status == CT_OK)
        status = ct__conv_weight_geometry(call, &g);
    return status == CT_OK ? output_shape(call, &g, g.features * g.groups, g.channels, g.windows.kernel) : status;
}
