/* deform_conv2d: a convolution whose taps are moved by an input, an expression over samples between pixels and a product.
 *
 * Invariant: a tap's number is that of its row times the kernel's width and its column; a point's that of its tap times the positions and
 * its position. */
#include "conv_internal.h"
#include "expression.h"
#include "images/sample.h"
#include "shape/shape_internal.h"

typedef struct deform {
    const ct_conv_options *o;
    ct_tensor *x, *offset, *w, *mask;
    int64_t n, channels, groups, parts; /* parts: of channels that move together */
    int64_t in[2], kernel[2], out[2], taps, positions;
} deform;

/* Sizes from the inputs and options; the sizes out come from the offset, which has one pair a tap for each part. */
static deform read_sizes(ct_call *call)
{
    deform d = {.o = ct_call_attributes(call),
                .x = ct_call_input(call, 0),
                .offset = ct_call_input(call, 1),
                .w = ct_call_input(call, 2),
                .mask = ct_call_input(call, 4)};
    d.n = ct_size(d.x, 0);
    d.channels = ct_size(d.x, 1);
    d.groups = ct__or_one(d.o->groups);
    d.taps = d.positions = 1;
    for (int i = 0; i < 2; i++) {
        int64_t reach = ct__or_one(d.o->dilation[i]) * (ct_size(d.w, 2 + i) - 1) + 1;
        d.in[i] = ct_size(d.x, 2 + i);
        d.kernel[i] = ct_size(d.w, 2 + i);
        d.out[i] = (d.in[i] + 2 * d.o->padding[i] - reach) / ct__or_one(d.o->stride[i]) + 1;
        d.taps *= d.kernel[i];
        d.positions *= d.out[i];
    }
    d.parts = d.taps > 0 ? ct_size(d.offset, 1) / (2 * d.taps) : 0;
    return d;
}

static bool is_of_positions(const deform *d, const ct_tensor *t, int64_t channels)
{
    return ct_rank(t) == 4 && ct_size(t, 0) == d->n && ct_size(t, 1) == channels && ct_size(t, 2) == d->out[0] &&
           ct_size(t, 3) == d->out[1];
}

/* Sums and products of numbers up to here are far from the end of int64. */
static bool in_range(ct_call *call)
{
    const ct_conv_options *o = ct_call_attributes(call);
    enum { LARGEST = 1 << 30 };
    for (int i = 0; i < 2; i++)
        if (o->stride[i] < 0 || o->stride[i] > LARGEST || o->padding[i] < 0 || o->padding[i] > LARGEST ||
            o->dilation[i] < 0 || o->dilation[i] > LARGEST) {
            ct_call_error(call, CT_ERROR_ARGUMENT,
                          "stride %lld, padding %lld, dilation %lld on axis %d are out of range",
                          (long long)o->stride[i], (long long)o->padding[i], (long long)o->dilation[i], i);
            return false;
        }
    return true;
}

static bool can_deform(ct_call *call, const deform *d)
{
    const ct_tensor *b = ct_call_input(call, 3);
    bool fits = ct_rank(d->x) == 4 && ct_rank(d->w) == 4 && d->parts > 0 && d->channels % d->parts == 0 &&
                d->in[0] > 0 && d->in[1] > 0 && d->out[0] > 0 && d->out[1] > 0 && d->taps > 0 &&
                d->channels % d->groups == 0 && ct_size(d->w, 1) == d->channels / d->groups &&
                ct_size(d->w, 0) % d->groups == 0 && is_of_positions(d, d->offset, 2 * d->parts * d->taps) &&
                (!d->mask || is_of_positions(d, d->mask, d->parts * d->taps)) &&
                (!b || (ct_rank(b) == 1 && ct_size(b, 0) == ct_size(d->w, 0)));
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE,
                      "takes x [N,C,H,W], offset [N,2 parts taps,h,w], w [K,C/groups,kernel], b [K] and mask [N,parts "
                      "taps,h,w]: %s",
                      ct_call_shapes(call));
    return fits;
}

/* Where the taps lie along an axis before they are moved: [taps, h, w]. */
static ct_tensor *places(const deform *d, int axis)
{
    int64_t shape[] = {1, 1, 1, 1}, whole[] = {d->kernel[0], d->kernel[1], d->out[0], d->out[1]};
    const int64_t each[] = {d->taps, d->out[0], d->out[1]};
    ct_dtype dtype = ct_dtype_of(d->x);
    shape[axis] = d->kernel[axis];
    ct_tensor *tap = ct_reshape(
        ct_arange(dtype, -(double)d->o->padding[axis], (double)ct__or_one(d->o->dilation[axis]), d->kernel[axis]),
        shape, 4);
    shape[axis] = 1;
    shape[2 + axis] = d->out[axis];
    ct_tensor *position =
        ct_reshape(ct_arange(dtype, 0, (double)ct__or_one(d->o->stride[axis]), d->out[axis]), shape, 4);
    return ct_reshape(ct_expand(ct_add(tap, position), whole, 4), each, 3);
}

/* What the taps of one part of the channels read: [N, channels of the part, taps positions]. */
static ct_tensor *read_part(const deform *d, int64_t part)
{
    const int64_t pairs[] = {d->n, d->parts, d->taps, 2, d->out[0], d->out[1]}, flat[] = {d->n, d->taps * d->positions};
    int64_t width = d->channels / d->parts;
    const int64_t image[] = {d->n, width, d->in[0] * d->in[1]}, weight[] = {d->n, 1, d->taps * d->positions};
    ct_tensor *moved = ct_select(ct_reshape(d->offset, pairs, 6), 1, part);
    ct_tensor *at[2];
    for (int i = 0; i < 2; i++)
        at[i] = ct_reshape(ct_add(places(d, i), ct_select(moved, 2, i)), flat, 2);
    ct_tensor *channels = ct_reshape(ct_slice(d->x, 1, part * width, (part + 1) * width, 1), image, 3);
    ct_tensor *read = ct__sample_between(channels, at, d->in, 2);
    if (!d->mask)
        return read;
    ct_tensor *mask = ct_slice(d->mask, 1, part * d->taps, (part + 1) * d->taps, 1);
    return ct_mul(read, ct_reshape(mask, weight, 3));
}

static ct_tensor *deform_conv2d_expression(ct_call *call)
{
    if (!in_range(call))
        return NULL;
    deform d = read_sizes(call);
    ct_tensor *b = ct_call_input(call, 3), *columns = NULL;
    if (!can_deform(call, &d))
        return NULL;
    for (int64_t part = 0; part < d.parts; part++) {
        ct_tensor *read = read_part(&d, part);
        columns = part > 0 ? ct_concat((ct_tensor *[]){columns, read}, 2, 1) : read;
    }
    int64_t features = ct_size(d.w, 0), terms = d.channels / d.groups * d.taps;
    const int64_t dealt[] = {d.n, d.groups, terms, d.positions}, rows[] = {d.groups, features / d.groups, terms};
    const int64_t result[] = {d.n, features, d.out[0], d.out[1]}, bias[] = {features, 1, 1};
    ct_tensor *y = ct_reshape(ct_matmul(ct_reshape(d.w, rows, 3), ct_reshape(columns, dealt, 4)), result, 4);
    return b ? ct_add(y, ct_reshape(b, bias, 3)) : y;
}

ct_tensor *ct_deform_conv2d(ct_tensor *x, ct_tensor *offset, ct_tensor *w, ct_tensor *b, ct_tensor *mask,
                            const ct_conv_options *options)
{
    CT_READ_OPTIONS(ct_conv_options, o, options, "deform_conv2d");
    ct_conv_options attributes;
    if (!o || CT_TAKES_NO(o, "deform_conv2d", same) || CT_TAKES_NO(o, "deform_conv2d", padding_mode) ||
        CT_TAKES_NO(o, "deform_conv2d", output_padding) ||
        ct__conv_attributes("deform_conv2d", 2, o, &attributes) != CT_OK)
        return NULL;
    return (ct_apply)(&ct_op_deform_conv2d, (ct_tensor *[]){x, offset, w, b, mask}, 5, &attributes);
}

static const ct_sample deform_conv2d_samples[] = {
    {"1x2x3x4 1x16x2x3@0.1..0.4 3x2x2x2 3 1x8x2x3", NULL},
    {"1x2x4x4 1x8x2x2@-0.4..-0.1 2x1x2x1 null null",
     &(ct_conv_options){.stride = {2, 2}, .dilation = {1, 1}, .padding = {0, 0}, .groups = 2}},
    {0}};
CT_EXPRESSION(deform_conv2d, "as of a convolution; offset: the pixels' slopes at each tap; mask: what each tap reads",
              3, 5, .attributes_size = sizeof(ct_conv_options), .attribute_names = CT_CONV_NAMES,
              .roles = "x offset w b mask", .source = "Zhu et al.: Deformable ConvNets v2 (2019), eq. 1");
