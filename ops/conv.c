/* Convolutions in one, two and three dimensions, and their adjoints.
 *
 * Three operations, each linear in both inputs, are closed under differentiation: conv (x, w -> y), conv_transpose (y, w -> x)
 * and conv_backward_weight (y, x -> w). Inside all are three-dimensional, with leading axes of size 1.
 *
 * Invariant: the work is cut by shapes alone, and sums are taken in a fixed order, so that results do not depend on the
 * number of threads. */
#include "autograd_internal.h"
#include "kernels_conv.h"
#include <cotan/ops.h>
#include <stdatomic.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 256 << 10, /* of a task: fits the second-level cache beside the operands */
    PARTS = 16,                /* of a weight's gradient that may be computed side by side */
    PART_POSITIONS = 2048,     /* a part sums over at least so many, or gathering the parts costs more than they save */
    BATCH_RUNS = 64,           /* pieces that a part of a weight's gradient unfolds at once */
    SERIAL_WORK = 1 << 18,     /* multiplications below which threads cost more than they save */
    LARGEST_OPTION = 1 << 30
};

typedef struct geometry {
    ct_windows windows;
    int spatial;
    ct_dtype dtype;
    int64_t size; /* of an element */
    int64_t images, groups;
    int64_t channels, features; /* of the side of x and of the side of y, in one group */
    int64_t taps;               /* elements of the kernel */
    int64_t in, out;            /* positions of one image */
    bool pointwise;             /* the kernel is one element, and x and y have the same positions */
} geometry;

/* ---- shapes ---- */

typedef struct weight_attributes {
    ct_conv_options options;
    int64_t kernel[3];
    int64_t spatial;
} weight_attributes;

static ct_status check_tensors(ct_call *call, int spatial)
{
    ct_dtype dtype = (ct_dtype)call->inputs[0]->dtype;
    if (!ct_dtype_is_float(dtype))
        return ct_call_error(call, CT_ERROR_DTYPE, "takes float32 or float64, not %s", ct_dtype_name(dtype));
    for (int i = 1; i < call->n_inputs; i++)
        if (call->inputs[i] && (ct_dtype)call->inputs[i]->dtype != dtype)
            return ct_call_error(call, CT_ERROR_DTYPE, "dtypes differ: %s and %s", ct_dtype_name(dtype),
                                 ct_dtype_name((ct_dtype)call->inputs[i]->dtype));
    for (int i = 0; i < 2; i++)
        if (call->inputs[i]->rank != spatial + 2)
            return ct_call_error(call, CT_ERROR_SHAPE,
                                 "needs a batch, channels and %d spatial ax%s, and a weight of rank %d: %s", spatial,
                                 spatial == 1 ? "is" : "es", spatial + 2, ct_call_shapes(call));
    return CT_OK;
}

static int64_t or_one(int64_t value)
{
    return value == 0 ? 1 : value;
}

static ct_status read_options(ct_call *call, int spatial, const ct_conv_options *o, geometry *g)
{
    *g = (geometry){.windows = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
                    .spatial = spatial,
                    .dtype = (ct_dtype)call->inputs[0]->dtype,
                    .groups = or_one(o->groups)};
    g->size = (int64_t)ct_dtype_size(g->dtype);
    for (int i = 0; i < spatial; i++) {
        int64_t stride = or_one(o->stride[i]), padding = o->padding[i], dilation = or_one(o->dilation[i]);
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

/* Sizes that follow from the others, once the windows are complete. One-element kernels see an image as a single row. */
static void complete(geometry *g)
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

static ct_status split_channels(ct_call *call, geometry *g, int64_t channels, int64_t features)
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
static ct_status set_out(ct_call *call, geometry *g)
{
    ct_windows *s = &g->windows;
    for (int i = 3 - g->spatial; i < 3; i++) {
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

static void copy_axes(int64_t *to, const int64_t *from, int spatial)
{
    for (int i = 0; i < spatial; i++)
        to[3 - spatial + i] = from[i];
}

static ct_status output_shape(ct_call *call, const geometry *g, int64_t first, int64_t second, const int64_t *spatial)
{
    int64_t shape[5] = {first, second};
    for (int i = 0; i < g->spatial; i++)
        shape[2 + i] = spatial[3 - g->spatial + i];
    return ct_call_output_shape(call, 0, g->dtype, shape, g->spatial + 2);
}

static ct_status conv_geometry(ct_call *call, int spatial, geometry *g)
{
    const ct_tensor *x = call->inputs[0], *w = call->inputs[1];
    const ct_conv_options *o = call->attributes;
    ct_status status = read_options(call, spatial, o, g);
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
    copy_axes(g->windows.in, x->shape + 2, spatial);
    copy_axes(g->windows.kernel, w->shape + 2, spatial);
    status = set_out(call, g);
    return status == CT_OK ? check_bias(call, w->shape[0]) : status;
}

static ct_status transpose_geometry(ct_call *call, int spatial, geometry *g)
{
    const ct_tensor *x = call->inputs[0], *w = call->inputs[1];
    const ct_conv_options *o = call->attributes;
    ct_windows *s = &g->windows;
    ct_status status = read_options(call, spatial, o, g);
    if (status != CT_OK)
        return status;
    if (w->shape[0] != x->shape[1])
        return ct_call_error(call, CT_ERROR_SHAPE, "%lld channels, but the weight takes %lld: %s",
                             (long long)x->shape[1], (long long)w->shape[0], ct_call_shapes(call));
    status = split_channels(call, g, w->shape[1] * g->groups, x->shape[1]);
    if (status != CT_OK)
        return status;
    g->images = x->shape[0];
    copy_axes(s->out, x->shape + 2, spatial);
    copy_axes(s->kernel, w->shape + 2, spatial);
    for (int i = 3 - spatial; i < 3; i++) {
        int64_t more = o->output_padding[i - 3 + spatial];
        if (more < 0 || more >= s->stride[i])
            return ct_call_error(call, CT_ERROR_ARGUMENT,
                                 "output_padding %lld on axis %d must be below the stride, %lld", (long long)more,
                                 i - 3 + spatial, (long long)s->stride[i]);
        s->in[i] = (s->out[i] - 1) * s->stride[i] - 2 * s->padding[i] + extent(s, i) + more;
        if (s->kernel[i] < 1 || s->kernel[i] > LARGEST_OPTION || s->out[i] < 1 || s->in[i] < 1)
            return ct_call_error(call, CT_ERROR_SHAPE, "the result would be of size %lld on axis %d: %s",
                                 (long long)s->in[i], i - 3 + spatial, ct_call_shapes(call));
    }
    return check_bias(call, g->channels * g->groups);
}

static ct_status weight_geometry(ct_call *call, geometry *g)
{
    const ct_tensor *y = call->inputs[0], *x = call->inputs[1];
    const weight_attributes *a = call->attributes;
    int spatial = (int)a->spatial;
    ct_status status = read_options(call, spatial, &a->options, g);
    if (status == CT_OK)
        status = split_channels(call, g, x->shape[1], y->shape[1]);
    if (status != CT_OK)
        return status;
    g->images = x->shape[0];
    copy_axes(g->windows.in, x->shape + 2, spatial);
    copy_axes(g->windows.kernel, a->kernel, spatial);
    status = set_out(call, g);
    if (status != CT_OK)
        return status;
    bool alike = y->shape[0] == x->shape[0];
    for (int i = 0; i < spatial; i++)
        alike = alike && y->shape[2 + i] == g->windows.out[3 - spatial + i];
    return alike ? CT_OK
                 : ct_call_error(call, CT_ERROR_SHAPE, "the first is not a result of convolving the second: %s",
                                 ct_call_shapes(call));
}

/* ---- work ---- */

/* What the tasks of one call share. */
typedef struct job {
    geometry g;
    const ct_conv_kernels *kernels;
    int64_t piece_rows, piece_cols, pieces; /* of one image */
    const char *x, *y, *w, *bias;           /* those that are inputs */
    char *result;
    int64_t *taps;         /* conv_transpose: from feature to feature */
    int64_t blocks, block; /* conv_transpose, weight: the channels of a group in so many blocks of this many */
    int64_t chunks, chunk; /* weight: the images in so many chunks of this many */
    char *partial;         /* weight: the sums of all chunks but the first */
    _Atomic bool failed;
} job;

static const ct_conv_kernels *kernels_of(ct_dtype dtype)
{
    static const ct_conv_kernels *const tables[] = {
        ct__conv_portable,
#if CT_X86_KERNELS
        ct__conv_avx2,
        ct__conv_avx512,
#endif
    };
    return &tables[ct__isa()][dtype == CT_FLOAT64];
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* What to cut size into to get at most so many blocks; at least 1. */
static int64_t block_size(int64_t size, int64_t blocks)
{
    return or_one(ceil_div(size, blocks < 1 ? 1 : blocks));
}

static int64_t clip(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Cuts an image's output into pieces whose scratch, at so many bytes a position, is about SCRATCH_BYTES. */
static void cut(job *j, int64_t bytes_each)
{
    const int64_t *out = j->g.windows.out;
    int64_t positions = SCRATCH_BYTES / (bytes_each > 0 ? bytes_each : 1);
    if (positions >= out[2]) {
        j->piece_cols = out[2];
        j->piece_rows = ct__block_rows(out[1], clip(positions / or_one(out[2]), 1, out[1]));
    } else {
        j->piece_rows = 1;
        j->piece_cols = ct__block_rows(out[2], clip(positions / 64 * 64, 64, out[2]));
    }
    j->pieces = out[0] * ceil_div(out[1], j->piece_rows) * ceil_div(out[2], or_one(j->piece_cols));
}

static ct_piece piece_at(const job *j, int64_t index)
{
    const int64_t *out = j->g.windows.out;
    int64_t across = ceil_div(out[2], j->piece_cols), down = ceil_div(out[1], j->piece_rows);
    ct_piece piece = {.depth = index / (across * down),
                      .row = index / across % down * j->piece_rows,
                      .col = index % across * j->piece_cols};
    piece.rows = out[1] - piece.row < j->piece_rows ? out[1] - piece.row : j->piece_rows;
    piece.cols = out[2] - piece.col < j->piece_cols ? out[2] - piece.col : j->piece_cols;
    return piece;
}

static int64_t first_position(const geometry *g, const ct_piece *piece)
{
    return (piece->depth * g->windows.out[1] + piece->row) * g->windows.out[2] + piece->col;
}

/* Whether one plane should serve all rows of the kernel: where that takes less room. */
static bool shares_rows(const ct_windows *s, int64_t rows)
{
    return s->stride[1] == 1 && rows + (s->kernel[1] - 1) * s->dilation[1] < s->kernel[1] * rows;
}

/* Bytes of scratch for each position of the output and each channel, about. */
static int64_t plane_bytes(const geometry *g)
{
    const ct_windows *s = &g->windows;
    return s->kernel[0] * s->kernel[2] * (s->stride[1] == 1 ? 1 : s->kernel[1]) * g->size;
}

/* Where the terms of a reduction over channels and kernel elements begin, see kernels_conv.h. */
static void fill_taps(const geometry *g, const ct_piece *piece, bool shared, int64_t channels, int64_t *taps)
{
    const ct_windows *s = &g->windows;
    int64_t step = g->pointwise ? g->in : ct__planes_size(s, piece, shared);
    for (int64_t i = 0; i < channels; i++)
        for (int64_t d = 0; d < s->kernel[0]; d++)
            for (int64_t r = 0; r < s->kernel[1]; r++)
                for (int64_t c = 0; c < s->kernel[2]; c++)
                    *taps++ = i * step + ct__plane_tap(s, piece, shared, d, r, c);
}

/* Runs the tasks, on all threads where they are worth it. */
static void run(job *j, int64_t tasks, void (*task)(void *context, int64_t index))
{
    const geometry *g = &j->g;
    double work =
        (double)g->images * (double)g->out * (double)g->taps * (double)(g->channels * g->features * g->groups);
    if (work >= SERIAL_WORK) {
        ct__parallel(tasks, task, j);
        return;
    }
    for (int64_t i = 0; i < tasks; i++)
        task(j, i);
}

static ct_status job_status(const job *j, const char *name)
{
    return atomic_load(&j->failed) ? ct__no_memory(name) : CT_OK;
}

/* ---- conv ---- */

/* One piece of one image. */
static void conv_task(void *context, int64_t index)
{
    job *j = context;
    const geometry *g = &j->g;
    int64_t image = index / j->pieces, terms = g->channels * g->taps;
    ct_piece piece = piece_at(j, index % j->pieces);
    bool shared = shares_rows(&g->windows, piece.rows);
    int64_t planes = g->pointwise ? 0 : ct__planes_size(&g->windows, &piece, shared) * g->size;
    size_t bytes = (size_t)(terms * 8 + g->channels * planes);
    char *scratch = ct__alloc(bytes);
    if (!scratch) {
        atomic_store(&j->failed, true);
        return;
    }
    int64_t *taps = (int64_t *)(void *)scratch, position = first_position(g, &piece);
    fill_taps(g, &piece, shared, g->channels, taps);
    int64_t block = ct__block_rows(g->features, j->kernels->block);
    int64_t packed = ceil_div(g->features, block) * block * terms * g->size; /* weights of a group */
    for (int64_t group = 0; group < g->groups; group++) {
        const char *x = j->x + (image * g->groups + group) * g->channels * g->in * g->size;
        int64_t first = group * g->features;
        for (int64_t c = 0; c < g->channels && !g->pointwise; c++)
            j->kernels->unfold(&g->windows, &piece, shared, x + c * g->in * g->size, scratch + terms * 8 + c * planes);
        j->kernels->product(
            g->features, piece.rows * piece.cols, terms, j->w + group * packed, block * terms, block, taps,
            g->pointwise ? x + position * g->size : scratch + terms * 8, j->bias ? j->bias + first * g->size : NULL,
            j->result + ((image * g->groups * g->features + first) * g->out + position) * g->size, g->out);
    }
    ct__free(scratch, bytes);
}

/* The weights as product() takes them: by groups, then blocks, then terms; the rows of a block side by side. */
static void pack_weights(const geometry *g, int64_t block, const char *w, char *packed)
{
    int64_t terms = g->channels * g->taps, rows = ceil_div(g->features, block) * block;
    for (int64_t group = 0; group < g->groups; group++)
        for (int64_t k = 0; k < g->features; k++) {
            char *to = packed + (group * rows * terms + k / block * block * terms + k % block) * g->size;
            const char *from = w + (group * g->features + k) * terms * g->size;
            ct__copy_strided(g->dtype, to, &block, g->dtype, from, (const int64_t[]){1}, &terms, 1);
        }
}

static ct_status conv_forward(ct_call *call, int spatial)
{
    job j = {.x = ct_call_input_data(call, 0), .result = ct_call_output_data(call, 0)};
    ct_status status = conv_geometry(call, spatial, &j.g);
    const char *w = ct_call_input_data(call, 1);
    j.bias = ct_call_input_data(call, 2);
    if (status != CT_OK || !j.x || !w || (call->n_inputs > 2 && call->inputs[2] && !j.bias))
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    complete(&j.g);
    j.kernels = kernels_of(j.g.dtype);
    cut(&j, j.g.channels * plane_bytes(&j.g));
    int64_t block = ct__block_rows(j.g.features, j.kernels->block);
    int64_t rows = ceil_div(j.g.features, block) * block * j.g.groups;
    size_t bytes = (size_t)(rows * j.g.channels * j.g.taps * j.g.size);
    char *packed = ct__alloc(bytes);
    if (!packed)
        return ct__no_memory(call->op->name);
    pack_weights(&j.g, block, w, packed);
    j.w = packed;
    run(&j, j.g.images * j.pieces, conv_task);
    ct__free(packed, bytes);
    return job_status(&j, call->op->name);
}

/* ---- conv_transpose ---- */

static void fill_channel(const geometry *g, char *to, const char *value)
{
    if (value)
        ct__copy_strided(g->dtype, to, (const int64_t[]){1}, g->dtype, value, (const int64_t[]){0}, &g->in, 1);
    else
        memset(to, 0, (size_t)(g->in * g->size));
}

/* One block of the channels of one group of one image. */
static void transpose_task(void *context, int64_t index)
{
    job *j = context;
    const geometry *g = &j->g;
    int64_t group = index / j->blocks % g->groups, image = index / j->blocks / g->groups;
    int64_t first = index % j->blocks * j->block, channels = clip(g->channels - first, 0, j->block);
    int64_t rows = channels * g->taps, block = ct__block_rows(rows, j->kernels->block);
    int64_t most = j->piece_rows * j->piece_cols;
    const char *y = j->y + (image * g->groups + group) * g->features * g->out * g->size;
    const char *w = j->w + (group * g->features * g->channels + first) * g->taps * g->size;
    const char *bias = j->bias ? j->bias + (group * g->channels + first) * g->size : NULL;
    char *x = j->result + ((image * g->groups + group) * g->channels + first) * g->in * g->size;
    if (g->pointwise) {
        j->kernels->product(rows, g->in, g->features, w, block, g->channels, j->taps, y, bias, x, g->in);
        return;
    }
    size_t bytes = (size_t)(rows * most * g->size);
    char *columns = ct__alloc(bytes);
    if (!columns) {
        atomic_store(&j->failed, true);
        return;
    }
    for (int64_t c = 0; c < channels; c++)
        fill_channel(g, x + c * g->in * g->size, bias ? bias + c * g->size : NULL);
    for (int64_t i = 0; i < j->pieces; i++) {
        ct_piece piece = piece_at(j, i);
        int64_t n = piece.rows * piece.cols;
        j->kernels->product(rows, n, g->features, w, block, g->channels * g->taps, j->taps,
                            y + first_position(g, &piece) * g->size, NULL, columns, n);
        for (int64_t c = 0; c < channels; c++)
            j->kernels->fold(&g->windows, &piece, columns + c * g->taps * n * g->size, x + c * g->in * g->size);
    }
    ct__free(columns, bytes);
}

static ct_status conv_transpose_forward(ct_call *call, int spatial)
{
    job j = {
        .y = ct_call_input_data(call, 0), .w = ct_call_input_data(call, 1), .result = ct_call_output_data(call, 0)};
    ct_status status = transpose_geometry(call, spatial, &j.g);
    j.bias = ct_call_input_data(call, 2);
    if (status != CT_OK || !j.y || !j.w || (call->n_inputs > 2 && call->inputs[2] && !j.bias))
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    complete(&j.g);
    const geometry *g = &j.g;
    j.kernels = kernels_of(g->dtype);
    j.block = block_size(g->channels, PARTS / or_one(g->images * g->groups));
    j.blocks = ceil_div(g->channels, j.block);
    cut(&j, j.block * g->taps * g->size);
    size_t bytes = (size_t)g->features * sizeof *j.taps;
    j.taps = ct__alloc(bytes);
    if (!j.taps)
        return ct__no_memory(call->op->name);
    for (int64_t k = 0; k < g->features; k++)
        j.taps[k] = k * g->out;
    run(&j, g->images * g->groups * j.blocks, transpose_task);
    ct__free(j.taps, bytes);
    return job_status(&j, call->op->name);
}

/* ---- conv_backward_weight ---- */

/* Pieces of equal size, one of each of several images, unfolded side by side. */
typedef struct run_batch {
    ct_run runs[BATCH_RUNS];
    int64_t n, most, terms;
    char *planes;
    int64_t *taps;
} run_batch;

static void correlate_batch(const job *j, run_batch *b, char *w)
{
    const geometry *g = &j->g;
    j->kernels->correlate(g->features, b->terms, b->runs, b->n, g->out, b->taps, w, g->channels * g->taps);
    b->n = 0;
}

/* Adds the gradient of channels first... of a group over the images from..to-1 to w, where those channels begin. */
static void correlate_images(const job *j, run_batch *b, int64_t group, int64_t first, int64_t channels, int64_t from,
                             int64_t to, char *w)
{
    const geometry *g = &j->g;
    for (int64_t p = 0; p < j->pieces; p++) {
        ct_piece piece = piece_at(j, p);
        bool shared = shares_rows(&g->windows, piece.rows);
        int64_t position = first_position(g, &piece), size = ct__planes_size(&g->windows, &piece, shared) * g->size;
        fill_taps(g, &piece, shared, channels, b->taps);
        for (int64_t image = from; image < to; image++) {
            const char *x = j->x + ((image * g->groups + group) * g->channels + first) * g->in * g->size;
            char *planes = b->planes + b->n * channels * size;
            for (int64_t c = 0; c < channels && !g->pointwise; c++)
                j->kernels->unfold(&g->windows, &piece, shared, x + c * g->in * g->size, planes + c * size);
            b->runs[b->n++] =
                (ct_run){.g = j->y + ((image * g->groups + group) * g->features * g->out + position) * g->size,
                         .x = g->pointwise ? x + position * g->size : planes,
                         .n = piece.rows * piece.cols};
            if (b->n == b->most || image + 1 == to)
                correlate_batch(j, b, w);
        }
    }
}

/* One chunk of the images, for one block of the channels of one group. */
static void weight_task(void *context, int64_t index)
{
    job *j = context;
    const geometry *g = &j->g;
    int64_t chunk = index % j->chunks, block = index / j->chunks % j->blocks, group = index / j->chunks / j->blocks;
    int64_t first = block * j->block, channels = clip(g->channels - first, 0, j->block);
    int64_t from = clip(chunk * j->chunk, 0, g->images), to = clip(from + j->chunk, 0, g->images);
    ct_piece piece = {.rows = j->piece_rows, .cols = j->piece_cols}; /* the largest */
    int64_t planes = g->pointwise ? 0 : ct__planes_size(&g->windows, &piece, shares_rows(&g->windows, piece.rows));
    int64_t each = channels * planes * g->size;
    run_batch b = {.terms = channels * g->taps, .most = clip(each ? SCRATCH_BYTES / each : BATCH_RUNS, 1, BATCH_RUNS)};
    size_t bytes = (size_t)(b.terms * 8 + b.most * each);
    char *scratch = ct__alloc(bytes);
    if (!scratch) {
        atomic_store(&j->failed, true);
        return;
    }
    b.taps = (int64_t *)(void *)scratch;
    b.planes = scratch + b.terms * 8;
    int64_t weights = g->groups * g->features * g->channels * g->taps;
    char *w = chunk == 0 ? j->result : j->partial + (chunk - 1) * weights * g->size;
    w += (group * g->features * g->channels + first) * g->taps * g->size;
    correlate_images(j, &b, group, first, channels, from, to, w);
    ct__free(scratch, bytes);
}

static void add_partials(const job *j, int64_t weights)
{
    for (int64_t c = 0; c + 1 < j->chunks; c++) {
        if (j->g.dtype == CT_FLOAT64) {
            double *w = (double *)(void *)j->result;
            const double *part = (const double *)(const void *)j->partial + c * weights;
            for (int64_t i = 0; i < weights; i++)
                w[i] += part[i];
        } else {
            float *w = (float *)(void *)j->result;
            const float *part = (const float *)(const void *)j->partial + c * weights;
            for (int64_t i = 0; i < weights; i++)
                w[i] += part[i];
        }
    }
}

static ct_status weight_forward(ct_call *call)
{
    job j = {
        .y = ct_call_input_data(call, 0), .x = ct_call_input_data(call, 1), .result = ct_call_output_data(call, 0)};
    ct_status status = weight_geometry(call, &j.g);
    if (status != CT_OK || !j.y || !j.x)
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    complete(&j.g);
    const geometry *g = &j.g;
    j.kernels = kernels_of(g->dtype);
    int64_t parts = clip(ceil_div(PARTS, g->groups), 1, PARTS);
    j.block = block_size(g->channels, parts);
    j.blocks = ceil_div(g->channels, j.block);
    int64_t most = clip(g->images * g->out / PART_POSITIONS, 1, or_one(g->images));
    j.chunk = block_size(g->images, clip(parts / or_one(j.blocks), 1, most));
    j.chunks = clip(ceil_div(g->images, j.chunk), 1, PARTS);
    cut(&j, (j.block * plane_bytes(g) + g->features * g->size));
    int64_t weights = ct_numel(call->outputs[0]);
    size_t bytes = (size_t)((j.chunks - 1) * weights * g->size);
    memset(j.result, 0, (size_t)(weights * g->size));
    if (bytes > 0) {
        j.partial = ct__alloc(bytes);
        if (!j.partial)
            return ct__no_memory(call->op->name);
        memset(j.partial, 0, bytes);
    }
    run(&j, g->groups * j.blocks * j.chunks, weight_task);
    add_partials(&j, weights);
    if (bytes > 0)
        ct__free(j.partial, bytes);
    return job_status(&j, call->op->name);
}

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
        int64_t stride = or_one(o.stride[i]), reach = or_one(o.dilation[i]) * (ct_size(w, 2 + i) - 1) + 1;
        o.output_padding[i] = sizes[i] - ((ct_size(y, 2 + i) - 1) * stride - 2 * o.padding[i] + reach);
    }
    return ct_apply(transpose_ops[spatial - 1], (ct_tensor *[]){y, w, NULL}, 3, &o);
}

static ct_tensor *grad_w(int spatial, ct_tensor *y, ct_tensor *x, const ct_tensor *w, const ct_conv_options *options)
{
    weight_attributes a = {.options = *options, .spatial = spatial};
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
    ct_reduce_options all_but_channels = {.axes = (const int64_t[]){0, 2, 3, 4}, .n_axes = spatial + 1};
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
    const weight_attributes *a = ct_call_attributes(call);
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
    &(const weight_attributes)                                           \
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

/* The functions and the record of one operation for one number of spatial axes. */
#define RECORD(kind, D, of_x, of_w, source_)                                                             \
    static ct_status kind##D##d_infer(ct_call *call)                                                     \
    {                                                                                                    \
        return kind##_infer(call, D);                                                                    \
    }                                                                                                    \
    static ct_status kind##D##d_forward(ct_call *call)                                                   \
    {                                                                                                    \
        return kind##_forward(call, D);                                                                  \
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
        .infer = kind##D##d_infer,                                                                       \
        .forward = kind##D##d_forward,                                                                   \
        .backward = kind##D##d_backward,                                                                 \
        .samples = kind##D##d_samples,                                                                   \
        .source = source_,                                                                               \
    };                                                                                                   \
    ct_tensor *ct_##kind##D##d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options) \
    {                                                                                                    \
        return apply_batched(&ct_op_##kind##D##d, D, x, w, b, options);                                  \
    }

static ct_status conv_infer(ct_call *call, int spatial)
{
    geometry g;
    ct_status status = check_tensors(call, spatial);
    if (status == CT_OK)
        status = conv_geometry(call, spatial, &g);
    return status == CT_OK ? output_shape(call, &g, g.images, g.features * g.groups, g.windows.out) : status;
}

static ct_status conv_transpose_infer(ct_call *call, int spatial)
{
    geometry g;
    ct_status status = check_tensors(call, spatial);
    if (status == CT_OK)
        status = transpose_geometry(call, spatial, &g);
    return status == CT_OK ? output_shape(call, &g, g.images, g.channels * g.groups, g.windows.in) : status;
}

static ct_status weight_infer(ct_call *call)
{
    geometry g;
    const weight_attributes *a = call->attributes;
    if (a->spatial < 1 || a->spatial > 3)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "%lld spatial axes", (long long)a->spatial);
    ct_status status = check_tensors(call, (int)a->spatial);
    if (status == CT_OK)
        status = weight_geometry(call, &g);
    return status == CT_OK ? output_shape(call, &g, g.features * g.groups, g.channels, g.windows.kernel) : status;
}

/* Applies op to x, or, where x is a single image, to a batch of one. */
static ct_tensor *apply_batched(const ct_op *op, int spatial, ct_tensor *x, ct_tensor *w, ct_tensor *b,
                                const ct_conv_options *options)
{
    bool single = x && ct_rank(x) == spatial + 1;
    ct_tensor *batch = single ? ct_unsqueeze(x, 0) : x;
    ct_tensor *y = ct_apply(op, (ct_tensor *[]){batch, w, b}, 3, options);
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
    .attributes_size = sizeof(weight_attributes),
    .infer = weight_infer,
    .forward = weight_forward,
    .backward = weight_backward,
    .samples = weight_samples,
};
