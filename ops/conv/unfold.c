/* unfold and fold: the windows of a convolution as columns, and their adjoint. */
#include "conv_internal.h"
#include <string.h>

typedef struct unfold_attributes {
    ct_conv_options options;
    int64_t kernel[3];
    int64_t size[3]; /* of the image; fold only */
    int64_t axes;
} unfold_attributes;

static const char *const images[] = {"[N,C,W]", "[N,C,H,W]", "[N,C,D,H,W]"};

static ct_status check_input(ct_call *call, bool image)
{
    const ct_tensor *t = call->inputs[0];
    const unfold_attributes *a = call->attributes;
    if (t->rank != (image ? a->axes + 2 : 3))
        return ct_call_error(call, CT_ERROR_SHAPE, "takes %s: %s", image ? images[a->axes - 1] : "[N,rows,windows]",
                             ct_call_shapes(call));
    char kernel[CT_SHAPE_TEXT];
    bool plain = a->options.groups <= 1;
    for (int i = 0; i < 3; i++)
        plain = plain && a->options.output_padding[i] == 0 && (i >= a->axes || a->kernel[i] > 0);
    return plain ? CT_OK
                 : ct_call_error(call, CT_ERROR_ARGUMENT, "takes no kernel of %s, no groups and no output_padding",
                                 ct__shape_text(a->kernel, (int)a->axes, kernel));
}

static ct_status geometry_of(ct_call *call, const int64_t *in, ct_conv_geometry *g)
{
    const unfold_attributes *a = call->attributes;
    ct_status status = ct__conv_read_options(call, (int)a->axes, &a->options, g);
    if (status != CT_OK)
        return status;
    ct__conv_copy_axes(g->windows.in, in, (int)a->axes);
    ct__conv_copy_axes(g->windows.kernel, a->kernel, (int)a->axes);
    return ct__conv_set_out(call, g);
}

/* The elements of a window, and how many windows there are; an error if they are too many to count. */
static ct_status count_windows(ct_call *call, const ct_windows *w, int64_t *taps, int64_t *windows)
{
    bool countable = true;
    *taps = *windows = 1;
    for (int i = 0; i < 3; i++)
        countable = countable && !__builtin_mul_overflow(*taps, w->kernel[i], taps) &&
                    !__builtin_mul_overflow(*windows, w->out[i], windows);
    return countable ? CT_OK : ct_call_error(call, CT_ERROR_SHAPE, "too many windows: %s", ct_call_shapes(call));
}

static ct_status unfold_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0];
    ct_conv_geometry g;
    int64_t taps, windows, rows;
    ct_status status = check_input(call, true);
    if (status == CT_OK)
        status = geometry_of(call, x->shape + 2, &g);
    if (status == CT_OK)
        status = count_windows(call, &g.windows, &taps, &windows);
    if (status == CT_OK && __builtin_mul_overflow(x->shape[1], taps, &rows))
        status = ct_call_error(call, CT_ERROR_SHAPE, "too many rows: %s", ct_call_shapes(call));
    return status == CT_OK
               ? ct_call_output_shape(call, 0, (ct_dtype)x->dtype, (const int64_t[]){x->shape[0], rows, windows}, 3)
               : status;
}

static ct_status fold_infer(ct_call *call)
{
    const ct_tensor *columns = call->inputs[0];
    const unfold_attributes *a = call->attributes;
    ct_conv_geometry g;
    char size[CT_SHAPE_TEXT];
    int64_t taps, windows, shape[5] = {columns->shape[0]};
    ct_status status = check_input(call, false);
    if (status == CT_OK)
        status = geometry_of(call, a->size, &g);
    if (status == CT_OK)
        status = count_windows(call, &g.windows, &taps, &windows);
    if (status != CT_OK)
        return status;
    if (columns->shape[1] % taps != 0 || columns->shape[2] != windows)
        return ct_call_error(call, CT_ERROR_SHAPE, "an image of %s has %lld windows of %lld: %s",
                             ct__shape_text(a->size, (int)a->axes, size), (long long)windows, (long long)taps,
                             ct_call_shapes(call));
    shape[1] = columns->shape[1] / taps;
    memcpy(shape + 2, a->size, (size_t)a->axes * sizeof *shape);
    return ct_call_output_shape(call, 0, (ct_dtype)columns->dtype, shape, (int)a->axes + 2);
}

/* One channel of one image a task. The kernels know one depth of the windows at a time, whose planes lie in its columns a piece apart; so
 * where there are several, a channel has room for those of one. */
typedef struct job {
    ct_windows windows;
    ct_piece piece; /* the windows of one depth */
    const ct_conv_kernels *kernels;
    int64_t image_bytes, planes_bytes, row_bytes; /* of a channel, of the planes of one depth, of one of these */
    const char *from;
    char *to, *room;
} job;

enum { ROOM = 64 }; /* bytes that there are where none are needed */

static char *room_of(const job *j, int64_t index, const char *columns)
{
    return j->windows.out[0] == 1 ? (char *)columns : j->room + index * j->planes_bytes;
}

/* Between the planes of one depth and their places in the columns, of which a row has those of all depths. */
static void move_planes(const job *j, int64_t depth, char *columns, char *planes, bool out)
{
    int64_t n = j->planes_bytes / j->row_bytes;
    for (int64_t i = 0; i < n && columns != planes; i++) {
        char *far = columns + (i * j->windows.out[0] + depth) * j->row_bytes, *near = planes + i * j->row_bytes;
        memcpy(out ? far : near, out ? near : far, (size_t)j->row_bytes);
    }
}

static void unfold_task(void *context, int64_t index)
{
    const job *j = context;
    ct_piece piece = j->piece;
    char *columns = j->to + index * j->planes_bytes * j->windows.out[0], *planes = room_of(j, index, columns);
    for (; piece.depth < j->windows.out[0]; piece.depth++) {
        j->kernels->unfold(&j->windows, &piece, false, j->from + index * j->image_bytes, planes);
        move_planes(j, piece.depth, columns, planes, true);
    }
}

static void fold_task(void *context, int64_t index)
{
    const job *j = context;
    ct_piece piece = j->piece;
    char *columns = (char *)j->from + index * j->planes_bytes * j->windows.out[0], *planes = room_of(j, index, columns);
    char *x = j->to + index * j->image_bytes;
    memset(x, 0, (size_t)j->image_bytes);
    for (; piece.depth < j->windows.out[0]; piece.depth++) {
        move_planes(j, piece.depth, columns, planes, false);
        j->kernels->fold(&j->windows, &piece, planes, x);
    }
}

static ct_status run(ct_call *call, const ct_tensor *image, void (*task)(void *context, int64_t index))
{
    ct_conv_geometry g;
    ct_status status = geometry_of(call, image->shape + 2, &g);
    job j = {.from = ct_call_input_data(call, 0), .to = ct_call_output_data(call, 0)};
    if (status != CT_OK || !j.from)
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    int64_t channels = image->shape[0] * image->shape[1];
    j.windows = g.windows;
    j.piece = (ct_piece){.rows = g.windows.out[1], .cols = g.windows.out[2]};
    j.kernels = ct__conv_kernels(g.dtype);
    j.image_bytes = g.windows.in[0] * g.windows.in[1] * g.windows.in[2] * g.size;
    j.planes_bytes = ct__planes_size(&j.windows, &j.piece, false) * g.size;
    j.row_bytes = j.piece.rows * j.piece.cols * g.size;
    size_t room = ROOM + (g.windows.out[0] > 1 ? (size_t)(channels * j.planes_bytes) : 0);
    j.room = ct__alloc(room);
    if (!j.room)
        return ct__no_memory(call->op->name);
    ct__parallel(channels, task, &j);
    ct__free(j.room, room);
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
    memcpy(a.size, x->shape + 2, (size_t)a.axes * sizeof *a.size);
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
    {"2x3x5x6", SAMPLE(.options = {.stride = {2, 2}, .padding = {1, 1}}, .kernel = {3, 3}, .axes = 2)},
    {"1x2x4x19", SAMPLE(.options = {.padding = {0, 2}, .dilation = {2, 1}}, .kernel = {2, 3}, .axes = 2)},
    {"2x2x9", SAMPLE(.options = {.stride = {2}, .padding = {1}}, .kernel = {3}, .axes = 1)},
    {"1x2x4x3x5", SAMPLE(.options = {.stride = {2, 1, 2}, .padding = {1, 0, 1}}, .kernel = {2, 3, 2}, .axes = 3)},
    {NULL, NULL},
};
static const ct_sample fold_samples[] = {
    {"2x27x9", SAMPLE(.options = {.stride = {2, 2}, .padding = {1, 1}}, .kernel = {3, 3}, .size = {5, 6}, .axes = 2)},
    {"1x12x42",
     SAMPLE(.options = {.padding = {0, 2}, .dilation = {2, 1}}, .kernel = {2, 3}, .size = {4, 19}, .axes = 2)},
    {"2x6x5", SAMPLE(.options = {.stride = {2}, .padding = {1}}, .kernel = {3}, .size = {9}, .axes = 1)},
    {"1x16x12", SAMPLE(.options = {.stride = {2, 1, 2}}, .kernel = {2, 2, 2}, .size = {4, 3, 6}, .axes = 3)},
    {NULL, NULL},
};

const ct_op ct_op_unfold = {
    .name = "unfold",
    .gradient = "fold(g)",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .attributes_size = sizeof(unfold_attributes),
    .attribute_names = CT_CONV_NAMES " kernel:3 size:3 axes",
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
    .attribute_names = CT_CONV_NAMES " kernel:3 size:3 axes",
    .infer = fold_infer,
    .forward = fold_forward,
    .backward = fold_backward,
    .samples = fold_samples,
};

/* Applies op to t, or, where t has one axis less than rank, to a batch of one. */
static ct_tensor *apply(const ct_op *op, int axes, int rank, ct_tensor *t, const int64_t *size, const int64_t *kernel,
                        const ct_conv_options *options)
{
    CT_READ_OPTIONS(ct_conv_options, o, options, op->name);
    unfold_attributes a;
    memset(&a, 0, sizeof a);
    bool single = t && ct_rank(t) == rank - 1;
    if (!o || CT_TAKES_NO(o, op->name, same) || CT_TAKES_NO(o, op->name, padding_mode) ||
        ct__conv_attributes(op->name, axes, o, &a.options) != CT_OK)
        return NULL;
    a.axes = axes;
    for (int i = 0; i < axes; i++) {
        a.kernel[i] = kernel ? kernel[i] : 0;
        a.size[i] = size ? size[i] : 0;
    }
    ct_tensor *result = ct_apply(op, (ct_tensor *[]){single ? ct_unsqueeze(t, 0) : t}, 1, &a);
    return single ? ct_squeeze(result, 0) : result;
}

#define FUNCTIONS(unfold, fold, axes)                                                                               \
    ct_tensor *unfold(ct_tensor *x, const int64_t *kernel, const ct_conv_options *options)                          \
    {                                                                                                               \
        return apply(&ct_op_unfold, axes, axes + 2, x, NULL, kernel, options);                                      \
    }                                                                                                               \
    ct_tensor *fold(ct_tensor *columns, const int64_t *size, const int64_t *kernel, const ct_conv_options *options) \
    {                                                                                                               \
        return apply(&ct_op_fold, axes, 3, columns, size, kernel, options);                                         \
    }
FUNCTIONS(ct_unfold, ct_fold, 2)
FUNCTIONS(ct_unfold1d, ct_fold1d, 1)
FUNCTIONS(ct_unfold3d, ct_fold3d, 3)
