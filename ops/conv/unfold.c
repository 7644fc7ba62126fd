/* unfold and fold: the windows of a convolution as columns, and their adjoint. */
#include "conv_internal.h"
#include <string.h>

typedef struct unfold_attributes {
    ct_conv_options options;
    int64_t kernel[2];
    int64_t size[2]; /* of the image; fold only */
} unfold_attributes;

static ct_status check_input(ct_call *call, int rank)
{
    const ct_tensor *t = call->inputs[0];
    const unfold_attributes *a = call->attributes;
    if (t->rank != rank)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes %s: %s", rank == 4 ? "[N,C,H,W]" : "[N,rows,windows]",
                             ct_call_shapes(call));
    bool plain = a->options.groups <= 1 && a->kernel[0] > 0 && a->kernel[1] > 0;
    for (int i = 0; i < 3; i++)
        plain = plain && a->options.output_padding[i] == 0;
    return plain
               ? CT_OK
               : ct_call_error(call, CT_ERROR_ARGUMENT, "kernel %lld x %lld, and no groups or output_padding are taken",
                               (long long)a->kernel[0], (long long)a->kernel[1]);
}

static ct_status geometry_of(ct_call *call, const int64_t *in, ct_conv_geometry *g)
{
    const unfold_attributes *a = call->attributes;
    ct_status status = ct__conv_read_options(call, 2, &a->options, g);
    if (status != CT_OK)
        return status;
    ct__conv_copy_axes(g->windows.in, in, 2);
    ct__conv_copy_axes(g->windows.kernel, a->kernel, 2);
    return ct__conv_set_out(call, g);
}

static ct_status unfold_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0];
    const unfold_attributes *a = call->attributes;
    ct_conv_geometry g;
    ct_status status = check_input(call, 4);
    if (status == CT_OK)
        status = geometry_of(call, x->shape + 2, &g);
    if (status != CT_OK)
        return status;
    int64_t shape[] = {x->shape[0], x->shape[1], g.windows.out[1]};
    if (__builtin_mul_overflow(shape[1], a->kernel[0] * a->kernel[1], &shape[1]) ||
        __builtin_mul_overflow(shape[2], g.windows.out[2], &shape[2]))
        return ct_call_error(call, CT_ERROR_SHAPE, "too many windows: %s", ct_call_shapes(call));
    return ct_call_output_shape(call, 0, (ct_dtype)x->dtype, shape, 3);
}

static ct_status fold_infer(ct_call *call)
{
    const ct_tensor *columns = call->inputs[0];
    const unfold_attributes *a = call->attributes;
    ct_conv_geometry g;
    ct_status status = check_input(call, 3);
    if (status == CT_OK)
        status = geometry_of(call, a->size, &g);
    if (status != CT_OK)
        return status;
    int64_t taps = a->kernel[0] * a->kernel[1], windows;
    if (__builtin_mul_overflow(g.windows.out[1], g.windows.out[2], &windows) || columns->shape[1] % taps != 0 ||
        columns->shape[2] != windows)
        return ct_call_error(call, CT_ERROR_SHAPE, "an image of %lld x %lld has %lld x %lld windows of %lld: %s",
                             (long long)a->size[0], (long long)a->size[1], (long long)g.windows.out[1],
                             (long long)g.windows.out[2], (long long)taps, ct_call_shapes(call));
    const int64_t shape[] = {columns->shape[0], columns->shape[1] / taps, a->size[0], a->size[1]};
    return ct_call_output_shape(call, 0, (ct_dtype)columns->dtype, shape, 4);
}

/* One channel of one image a task. */
typedef struct job {
    ct_windows windows;
    ct_piece whole;
    const ct_conv_kernels *kernels;
    int64_t image_bytes, columns_bytes;
    const char *from;
    char *to;
} job;

static void unfold_task(void *context, int64_t index)
{
    const job *j = context;
    j->kernels->unfold(&j->windows, &j->whole, false, j->from + index * j->image_bytes,
                       j->to + index * j->columns_bytes);
}

static void fold_task(void *context, int64_t index)
{
    const job *j = context;
    char *x = j->to + index * j->image_bytes;
    memset(x, 0, (size_t)j->image_bytes);
    j->kernels->fold(&j->windows, &j->whole, j->from + index * j->columns_bytes, x);
}

static ct_status run(ct_call *call, const ct_tensor *image, void (*task)(void *context, int64_t index))
{
    ct_conv_geometry g;
    ct_status status = geometry_of(call, image->shape + 2, &g);
    job j = {.from = ct_call_input_data(call, 0), .to = ct_call_output_data(call, 0)};
    if (status != CT_OK || !j.from)
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    j.windows = g.windows;
    j.whole = (ct_piece){.rows = g.windows.out[1], .cols = g.windows.out[2]};
    j.kernels = ct__conv_kernels(g.dtype);
    j.image_bytes = image->shape[2] * image->shape[3] * g.size;
    j.columns_bytes = ct__planes_size(&j.windows, &j.whole, false) * g.size;
    ct__parallel(image->shape[0] * image->shape[1], task, &j);
    return CT_OK;
}

static ct_status unfold_forward(ct_call *call)
{
    return run(call, call->inputs[0], unfold_task);
}

static ct_status fold_forward(ct_call *call)
{
    return run(call, call->outputs[0], fold_task);
}

extern const ct_op ct_op_unfold, ct_op_fold;

static ct_status unfold_backward(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    unfold_attributes a = *(const unfold_attributes *)ct_call_attributes(call);
    if (!x)
        return ct_error_code();
    a.size[0] = x->shape[2];
    a.size[1] = x->shape[3];
    return ct_call_set_grad(call, 0, ct_apply(&ct_op_fold, (ct_tensor *[]){ct_call_grad_output(call, 0)}, 1, &a));
}

static ct_status fold_backward(ct_call *call)
{
    return ct_call_set_grad(
        call, 0, ct_apply(&ct_op_unfold, (ct_tensor *[]){ct_call_grad_output(call, 0)}, 1, ct_call_attributes(call)));
}

/* ---- records ---- */

#define SAMPLE(...)            \
    &(const unfold_attributes) \
    {                          \
        __VA_ARGS__            \
    }
static const ct_sample unfold_samples[] = {
    {"2x3x5x6", SAMPLE(.options = {.stride = {2, 2}, .padding = {1, 1}}, .kernel = {3, 3})},
    {"1x2x4x19", SAMPLE(.options = {.padding = {0, 2}, .dilation = {2, 1}}, .kernel = {2, 3})},
    {NULL, NULL},
};
static const ct_sample fold_samples[] = {
    {"2x27x9", SAMPLE(.options = {.stride = {2, 2}, .padding = {1, 1}}, .kernel = {3, 3}, .size = {5, 6})},
    {"1x12x42", SAMPLE(.options = {.padding = {0, 2}, .dilation = {2, 1}}, .kernel = {2, 3}, .size = {4, 19})},
    {NULL, NULL},
};

const ct_op ct_op_unfold = {
    .name = "unfold",
    .gradient = "fold(g)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .attributes_size = sizeof(unfold_attributes),
    .attribute_names = CT_CONV_NAMES " kernel:2 size:2",
    .infer = unfold_infer,
    .forward = unfold_forward,
    .backward = unfold_backward,
    .samples = unfold_samples,
};
const ct_op ct_op_fold = {
    .name = "fold",
    .gradient = "unfold(g)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(unfold_attributes),
    .attribute_names = CT_CONV_NAMES " kernel:2 size:2",
    .infer = fold_infer,
    .forward = fold_forward,
    .backward = fold_backward,
    .samples = fold_samples,
};

/* Applies op to t, or, where t has one axis less than rank, to a batch of one. */
static ct_tensor *apply(const ct_op *op, int rank, ct_tensor *t, const int64_t *size, const int64_t *kernel,
                        const ct_conv_options *options)
{
    CT_READ_OPTIONS(ct_conv_options, o, options, op->name);
    unfold_attributes a;
    memset(&a, 0, sizeof a);
    bool single = t && ct_rank(t) == rank - 1;
    if (!o || CT_TAKES_NO(o, op->name, same) || CT_TAKES_NO(o, op->name, padding_mode) ||
        ct__conv_attributes(op->name, 2, o, &a.options) != CT_OK)
        return NULL;
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = kernel ? kernel[i] : 0;
        a.size[i] = size ? size[i] : 0;
    }
    ct_tensor *result = ct_apply(op, (ct_tensor *[]){single ? ct_unsqueeze(t, 0) : t}, 1, &a);
    return single ? ct_squeeze(result, 0) : result;
}

ct_tensor *ct_unfold(ct_tensor *x, const int64_t *kernel, const ct_conv_options *options)
{
    return apply(&ct_op_unfold, 4, x, NULL, kernel, options);
}

ct_tensor *ct_fold(ct_tensor *columns, const int64_t *size, const int64_t *kernel, const ct_conv_options *options)
{
    return apply(&ct_op_fold, 3, columns, size, kernel, options);
}
