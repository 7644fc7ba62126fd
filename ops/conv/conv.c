/* Convolutions in one, two and three dimensions, and their adjoints: gradients, records and functions.
 *
 * Three operations, each linear in both inputs, are closed under differentiation: conv (x, w -> y), conv_transpose (y, w -> x)
 * and conv_backward_weight (y, x -> w). */
#include "conv_internal.h"
#include <string.h>

/* ---- gradients ---- */

extern const ct_op ct_op_conv1d, ct_op_conv2d, ct_op_conv3d, ct_op_conv_transpose1d, ct_op_conv_transpose2d,
    ct_op_conv_transpose3d, ct_op_conv_backward_weight;
static const ct_op *const conv_ops[] = {&ct_op_conv1d, &ct_op_conv2d, &ct_op_conv3d};
static const ct_op *const transpose_ops[] = {&ct_op_conv_transpose1d, &ct_op_conv_transpose2d, &ct_op_conv_transpose3d};

/* y w^T: the gradient of a convolution's x, which has the spatial sizes given. */
static ct_tensor *grad_x(int spatial, ct_tensor *y, ct_tensor *w, const int64_t *sizes, const ct_conv_options *options)
{
    ct_conv_options o = *options;
    for (int i = 0; i < spatial && y && w; i++) {
        int64_t stride = ct__or_one(o.stride[i]), reach = ct__or_one(o.dilation[i]) * (ct_size(w, 2 + i) - 1) + 1;
        o.output_padding[i] = sizes[i] - ((ct_size(y, 2 + i) - 1) * stride - 2 * o.padding[i] + reach);
    }
    return ct_apply(transpose_ops[spatial - 1], (ct_tensor *[]){y, w, NULL}, 3, &o);
}

static ct_tensor *grad_w(int spatial, ct_tensor *y, ct_tensor *x, const ct_tensor *w, const ct_conv_options *options)
{
    ct_conv_weight_attributes a = {.options = *options, .spatial = spatial};
    memset(a.options.output_padding, 0, sizeof a.options.output_padding);
    for (int i = 0; i < spatial; i++)
        a.kernel[i] = ct_size(w, 2 + i);
    return ct_apply(&ct_op_conv_backward_weight, (ct_tensor *[]){y, x}, 2, &a);
}

static ct_tensor *grad_y(int spatial, ct_tensor *x, ct_tensor *w, const ct_conv_options *options)
{
    ct_conv_options o = *options;
    memset(o.output_padding, 0, sizeof o.output_padding);
    return ct_apply(conv_ops[spatial - 1], (ct_tensor *[]){x, w, NULL}, 3, &o);
}

static ct_tensor *grad_bias(int spatial, ct_tensor *g)
{
    ct_reduce_options all_but_channels = {CT_DEFAULTS(ct_reduce_options), .axes = (const int64_t[]){0, 2, 3, 4},
                                          .n_axes = spatial + 1};
    return ct_sum(g, &all_but_channels);
}

static ct_status conv_backward(ct_call *call, int spatial)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *x = ct_call_input(call, 0), *w = ct_call_input(call, 1);
    const ct_conv_options *o = ct_call_attributes(call);
    ct_status status = x && w ? CT_OK : ct_error_code();
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, grad_x(spatial, g, w, ct_shape(x) + 2, o));
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, grad_w(spatial, g, x, w, o));
    if (status == CT_OK && ct_call_needs_grad(call, 2))
        status = ct_call_set_grad(call, 2, grad_bias(spatial, g));
    return status;
}

static ct_status conv_transpose_backward(ct_call *call, int spatial)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *y = ct_call_input(call, 0), *w = ct_call_input(call, 1);
    const ct_conv_options *o = ct_call_attributes(call);
    ct_status status = y && w ? CT_OK : ct_error_code();
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, grad_y(spatial, g, w, o));
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, grad_w(spatial, y, g, w, o));
    if (status == CT_OK && ct_call_needs_grad(call, 2))
        status = ct_call_set_grad(call, 2, grad_bias(spatial, g));
    return status;
}

static ct_status weight_backward(ct_call *call)
{
    ct_tensor *h = ct_call_grad_output(call, 0), *y = ct_call_input(call, 0), *x = ct_call_input(call, 1);
    const ct_conv_weight_attributes *a = ct_call_attributes(call);
    int spatial = (int)a->spatial;
    ct_status status = x && y ? CT_OK : ct_error_code();
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, grad_y(spatial, x, h, &a->options));
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, grad_x(spatial, y, h, ct_shape(x) + 2, &a->options));
    return status;
}

/* ---- records ---- */

#define OPTIONS(...)         \
    &(const ct_conv_options) \
    {                        \
        __VA_ARGS__          \
    }

static const ct_sample conv1d_samples[] = {
    {"2x3x9 4x3x3 4", OPTIONS(.stride = {2}, .padding = {1})},
    {"2x3x9 4x3x2", OPTIONS(.dilation = {3})},
    {"1x4x6 6x2x3 6", OPTIONS(.padding = {2}, .groups = 2)},
    {"0x2x5 3x2x2 3", NULL},
    {NULL, NULL},
};
static const ct_sample conv2d_samples[] = {
    {"2x3x7x6 4x3x3x3 4", NULL},
    {"2x3x5x4 4x3x1x1", NULL},
    {"2x3x7x6 4x3x3x3 4", OPTIONS(.stride = {2, 2}, .padding = {1, 1})},
    {"2x2x8x7 3x2x3x2 3", OPTIONS(.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2})},
    {"2x4x5x5 6x2x3x3 6", OPTIONS(.padding = {1, 1}, .groups = 2)},
    {"2x4x5x5 4x1x3x3", OPTIONS(.padding = {1, 1}, .groups = 4)},
    {"1x2x4x5 3x2x1x1 3", OPTIONS(.stride = {2, 3})},
    {"1x1x2x3 9x1x4x5", OPTIONS(.padding = {3, 2})},
    {"1x2x9x3 2x2x2x1", OPTIONS(.dilation = {5, 1})},
    {"0x3x5x5 2x3x3x3 2", NULL},
    {NULL, NULL},
};
static const ct_sample conv3d_samples[] = {
    {"2x2x4x5x3 3x2x2x3x2 3", NULL},
    {"1x2x5x4x4 2x1x3x2x2 2", OPTIONS(.stride = {2, 1, 2}, .padding = {1, 0, 1}, .dilation = {1, 2, 1}, .groups = 2)},
    {NULL, NULL},
};
static const ct_sample conv_transpose1d_samples[] = {
    {"2x3x5 3x4x3 4", OPTIONS(.stride = {2}, .padding = {1}, .output_padding = {1})},
    {"1x4x4 4x2x2", OPTIONS(.dilation = {2}, .groups = 2)},
    {NULL, NULL},
};
static const ct_sample conv_transpose2d_samples[] = {
    {"2x3x4x5 3x4x3x3 4", OPTIONS(.stride = {2, 2}, .padding = {1, 1}, .output_padding = {1, 1})},
    {"2x3x4x5 3x4x1x1 4", NULL},
    {"1x4x3x2 4x3x2x3",
     OPTIONS(.stride = {1, 3}, .padding = {0, 1}, .dilation = {2, 1}, .output_padding = {0, 2}, .groups = 2)},
    {"0x2x3x3 2x1x2x2 1", NULL},
    {NULL, NULL},
};
static const ct_sample conv_transpose3d_samples[] = {
    {"1x2x2x3x2 2x3x2x2x3 3", OPTIONS(.stride = {1, 2, 1}, .padding = {0, 1, 0}, .output_padding = {0, 1, 0})},
    {NULL, NULL},
};

#define WEIGHT(kernel_, spatial_, ...)                                   \
    &(const ct_conv_weight_attributes)                                   \
    {                                                                    \
        .options = {__VA_ARGS__}, .kernel = kernel_, .spatial = spatial_ \
    }
#define SIZES(...)  \
    {               \
        __VA_ARGS__ \
    }
static const ct_sample weight_samples[] = {
    {"2x4x5 2x3x9", WEIGHT(SIZES(3), 1, .stride = {2}, .padding = {1})},
    {"2x4x3x5 2x2x6x5", WEIGHT(SIZES(2, 3), 2, .stride = {2, 1}, .padding = {0, 1}, .groups = 2)},
    {"2x4x3x4 2x3x3x4", WEIGHT(SIZES(1, 1), 2, .groups = 1)},
    {"1x2x3x3x2 1x2x4x5x3", WEIGHT(SIZES(2, 2, 2), 3, .dilation = {1, 2, 1})},
    {"0x2x3 0x1x5", WEIGHT(SIZES(3), 1, .groups = 1)},
    {NULL, NULL},
};

/* A product and a sum for each element of t and each weight that it meets: those of one feature map. */
static double kernel_flops(const ct_tensor *t, const ct_tensor *w)
{
    return ct_size(w, 0) == 0 ? 0 : 2 * (double)ct_numel(t) * ((double)ct_numel(w) / (double)ct_size(w, 0));
}

static double conv_flops(ct_call *call)
{
    return kernel_flops(ct_call_output(call, 0), ct_call_input(call, 1));
}

static double conv_transpose_flops(ct_call *call)
{
    return kernel_flops(ct_call_input(call, 0), ct_call_input(call, 1));
}

static double conv_backward_weight_flops(ct_call *call)
{
    return kernel_flops(ct_call_input(call, 0), ct_call_output(call, 0));
}

/* The functions and the record of one operation for one number of spatial axes. */
#define RECORD(kind, D, of_x, of_w, source_)                                                             \
    static ct_status kind##D##d_infer(ct_call *call)                                                     \
    {                                                                                                    \
        return ct__##kind##_infer(call, D);                                                              \
    }                                                                                                    \
    static ct_status kind##D##d_forward(ct_call *call)                                                   \
    {                                                                                                    \
        return ct__##kind##_forward(call, D);                                                            \
    }                                                                                                    \
    static ct_status kind##D##d_backward(ct_call *call)                                                  \
    {                                                                                                    \
        return kind##_backward(call, D);                                                                 \
    }                                                                                                    \
    const ct_op ct_op_##kind##D##d = {                                                                   \
        .name = #kind #D "d",                                                                            \
        .gradient = of_x ", " of_w ", sum of g over all but the channels",                               \
        .min_inputs = 2,                                                                                 \
        .max_inputs = 3,                                                                                 \
        .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),                                                    \
        .attributes_size = sizeof(ct_conv_options),                                                      \
        .attribute_names = CT_CONV_NAMES,                                                                \
        .infer = kind##D##d_infer,                                                                       \
        .forward = kind##D##d_forward,                                                                   \
        .backward = kind##D##d_backward,                                                                 \
        .samples = kind##D##d_samples,                                                                   \
        .source = source_,                                                                               \
        .flops = kind##_flops,                                                                           \
    };                                                                                                   \
    ct_tensor *ct_##kind##D##d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options) \
    {                                                                                                    \
        return apply_batched(&ct_op_##kind##D##d, D, x, w, b, options);                                  \
    }

/* x with what stands around it, after which the convolution itself pads nothing. Reads the options given, and completes the record's
 * attributes. */
static ct_tensor *pad_around(const ct_op *op, int spatial, ct_tensor *x, ct_tensor *w, const ct_conv_options *given,
                             ct_conv_options *attributes)
{
    int64_t amounts[6];
    for (int i = 0; i < spatial; i++) {
        int64_t *before = amounts + 2 * (spatial - 1 - i), total = 2 * attributes->padding[i];
        if (given->same)
            total = attributes->dilation[i] * ((w ? ct_size(w, 2 + i) : 1) - 1);
        if (given->same && (attributes->stride[i] != 1 || attributes->padding[i] != 0)) {
            ct__error(CT_ERROR_ARGUMENT, "%s: same takes strides of 1 and no padding", op->name);
            return NULL;
        }
        before[0] = total / 2;
        before[1] = total - total / 2;
        attributes->padding[i] = 0;
    }
    ct_pad_options around = {CT_DEFAULTS(ct_pad_options), .mode = given->padding_mode};
    return ct_pad(x, amounts, 2 * spatial, &around);
}

/* Applies op to x, or, where x is a single image, to a batch of one. */
static ct_tensor *apply_batched(const ct_op *op, int spatial, ct_tensor *x, ct_tensor *w, ct_tensor *b,
                                const ct_conv_options *options)
{
    bool single = x && ct_rank(x) == spatial + 1;
    ct_tensor *batch = single ? ct_unsqueeze(x, 0) : x;
    CT_READ_OPTIONS(ct_conv_options, o, options, op->name);
    ct_conv_options attributes;
    if (!o || ct__conv_attributes(op->name, spatial, o, &attributes) != CT_OK)
        return NULL;
    if (op == transpose_ops[spatial - 1] && (CT_TAKES_NO(o, op->name, same) || CT_TAKES_NO(o, op->name, padding_mode)))
        return NULL;
    if (batch && w && ct_rank(batch) == spatial + 2 && (o->same || o->padding_mode != CT_PAD_CONSTANT))
        batch = pad_around(op, spatial, batch, w, o, &attributes);
    ct_tensor *y = ct_apply(op, (ct_tensor *[]){batch, w, b}, 3, &attributes);
    return single ? ct_squeeze(y, 0) : y;
}

#define CONV(D)                                                                             \
    RECORD(conv, D, "the transposed convolution of g with w", "conv_backward_weight(g, x)", \
           "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016")
#define CONV_TRANSPOSE(D)                                                                  \
    RECORD(conv_transpose, D, "the convolution of g with w", "conv_backward_weight(x, g)", \
           "Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016")
CONV(1)
CONV(2)
CONV(3)
CONV_TRANSPOSE(1)
CONV_TRANSPOSE(2)
CONV_TRANSPOSE(3)

/* w[k,c,t] = sum over n, p of g[n,k,p] x[n,c, p stride + t dilation - padding] for the kernel sizes in the attributes. */
const ct_op ct_op_conv_backward_weight = {
    .name = "conv_backward_weight",
    .gradient = "of g: the convolution of x with the cotangent h; of x: the transposed convolution of g with h",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .attributes_size = sizeof(ct_conv_weight_attributes),
    .attribute_names = CT_CONV_NAMES " kernel:3 spatial",
    .infer = ct__conv_weight_infer,
    .forward = ct__conv_weight_forward,
    .backward = weight_backward,
    .samples = weight_samples,
    .flops = conv_backward_weight_flops,
};
