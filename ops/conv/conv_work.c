/* The work of the convolutions: cut into tasks, each with scratch of its own, around the kernels.
 *
 * Invariant: the work is cut by shapes alone, and sums are taken in a fixed order, so that results do not depend on the
 * number of threads. */
#include "conv_internal.h"
#include <stdatomic.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 256 << 10, /* of a task: fits the second-level cache beside the operands */
    PARTS = 16,                /* of a gradient that may be computed side by side */
    PART_POSITIONS = 2048,     /* a part of a weight's gradient sums over at least so many: gathering parts costs too */
    BLOCK_TERMS = 192, /* that a part of a weight's gradient has at least, if there are so many: y is packed for each */
    LEAST_ROWS = 8,    /* of a product in place of a fold */
    SERIAL_WORK = 1 << 18 /* multiplications below which threads cost more than they save */
};

/* What the tasks of one call share. */
typedef struct job {
    ct_conv_geometry g;
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

const ct_conv_kernels *ct__conv_kernels(ct_dtype dtype)
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
    return ct__or_one(ceil_div(size, blocks < 1 ? 1 : blocks));
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
        j->piece_rows = ct__block_rows(out[1], clip(positions / ct__or_one(out[2]), 1, out[1]));
    } else {
        j->piece_rows = 1;
        j->piece_cols = ct__block_rows(out[2], clip(positions / 64 * 64, 64, out[2]));
    }
    j->pieces = out[0] * ceil_div(out[1], j->piece_rows) * ceil_div(out[2], ct__or_one(j->piece_cols));
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

static int64_t first_position(const ct_conv_geometry *g, const ct_piece *piece)
{
    return (piece->depth * g->windows.out[1] + piece->row) * g->windows.out[2] + piece->col;
}

/* Whether one plane should serve all rows of the kernel: where that takes less room. */
static bool shares_rows(const ct_windows *s, int64_t rows)
{
    return s->stride[1] == 1 && rows + (s->kernel[1] - 1) * s->dilation[1] < s->kernel[1] * rows;
}

/* Bytes of scratch for each position of the output and each channel, about. */
static int64_t plane_bytes(const ct_conv_geometry *g)
{
    const ct_windows *s = &g->windows;
    return s->kernel[0] * s->kernel[2] * (s->stride[1] == 1 ? 1 : s->kernel[1]) * g->size;
}

/* Where the terms of a reduction over channels and kernel elements begin, see kernels_conv.h. */
static void fill_taps(const ct_conv_geometry *g, const ct_piece *piece, bool shared, int64_t channels, int64_t *taps)
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
    const ct_conv_geometry *g = &j->g;
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
    const ct_conv_geometry *g = &j->g;
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

/* The weights as product() takes them: by groups, then blocks, then terms; the rows of a block side by side. Of an adjoint they are
 * w [channels,features,kernel] of each group, turned around. */
static void pack_weights(const ct_conv_geometry *g, bool adjoint, int64_t block, const char *w, char *packed)
{
    int64_t terms = g->channels * g->taps, rows = ceil_div(g->features, block) * block;
    int64_t next = adjoint ? g->features * g->taps : g->taps, step = adjoint ? -1 : 1;
    for (int64_t group = 0; group < g->groups; group++)
        for (int64_t k = 0; k < g->features; k++) {
            char *to = packed + (group * rows * terms + k / block * block * terms + k % block) * g->size;
            int64_t from = group * g->features * terms + (adjoint ? (k + 1) * g->taps - 1 : k * terms);
            ct__copy_strided(g->dtype, to, (const int64_t[]){g->taps * block, block}, g->dtype, w + from * g->size,
                             (const int64_t[]){next, step}, (const int64_t[]){g->channels, g->taps}, 2);
        }
}

/* The convolution of x, or an adjoint that is one too, with w. */
static ct_status convolve(job *j, bool adjoint, const char *w, const char *name)
{
    const ct_conv_geometry *g = &j->g;
    j->kernels = ct__conv_kernels(g->dtype);
    cut(j, g->channels * plane_bytes(g));
    int64_t block = ct__block_rows(g->features, j->kernels->block);
    int64_t rows = ceil_div(g->features, block) * block * g->groups;
    size_t bytes = (size_t)(rows * g->channels * g->taps * g->size);
    char *packed = ct__alloc(bytes);
    if (!packed)
        return ct__no_memory(name);
    pack_weights(g, adjoint, block, w, packed);
    j->w = packed;
    run(j, g->images * j->pieces, conv_task);
    ct__free(packed, bytes);
    return job_status(j, name);
}

ct_status ct__conv_forward(ct_call *call, int spatial)
{
    job j = {.x = ct_call_input_data(call, 0), .result = ct_call_output_data(call, 0)};
    ct_status status = ct__conv_geometry(call, spatial, &j.g);
    const char *w = ct_call_input_data(call, 1);
    j.bias = ct_call_input_data(call, 2);
    if (status != CT_OK || !j.x || !w || (call->n_inputs > 2 && call->inputs[2] && !j.bias))
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    ct__conv_complete(&j.g);
    if (ct__winograd_pays(&j.g))
        return ct__winograd_forward(&j.g, (const float *)(const void *)j.x, (const float *)(const void *)w,
                                    (const float *)(const void *)j.bias, (float *)(void *)j.result, call->op->name);
    return convolve(&j, false, w, call->op->name);
}

/* ---- conv_transpose ---- */

/* With stride 1 the adjoint of a convolution is one too: of y, padded to where each element of x is seen by the whole kernel, which
 * is turned around. That is quicker than folding where few products are with the padding, and x has the channels to fill a tile. */
static bool is_convolution(const ct_conv_geometry *g)
{
    const ct_windows *s = &g->windows;
    bool is = !g->pointwise && g->channels >= LEAST_ROWS && g->in <= g->out + g->out / 4;
    for (int i = 0; i < 3; i++)
        is = is && s->stride[i] == 1 && s->padding[i] <= s->dilation[i] * (s->kernel[i] - 1);
    return is;
}

static void swap(int64_t *a, int64_t *b)
{
    int64_t c = *a;
    *a = *b;
    *b = c;
}

/* The geometry of that convolution. */
static void turn_around(ct_conv_geometry *g)
{
    ct_windows *s = &g->windows;
    swap(&g->channels, &g->features);
    swap(&g->in, &g->out);
    for (int i = 0; i < 3; i++) {
        swap(&s->in[i], &s->out[i]);
        s->padding[i] = s->dilation[i] * (s->kernel[i] - 1) - s->padding[i];
    }
}

static void fill_channel(const ct_conv_geometry *g, char *to, const char *value)
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
    const ct_conv_geometry *g = &j->g;
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

ct_status ct__conv_transpose_forward(ct_call *call, int spatial)
{
    job j = {
        .y = ct_call_input_data(call, 0), .w = ct_call_input_data(call, 1), .result = ct_call_output_data(call, 0)};
    ct_status status = ct__conv_transpose_geometry(call, spatial, &j.g);
    j.bias = ct_call_input_data(call, 2);
    if (status != CT_OK || !j.y || !j.w || (call->n_inputs > 2 && call->inputs[2] && !j.bias))
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    ct__conv_complete(&j.g);
    const ct_conv_geometry *g = &j.g;
    if (ct__winograd_pays(g))
        return ct__winograd_transpose(g, (const float *)(const void *)j.y, (const float *)(const void *)j.w,
                                      (const float *)(const void *)j.bias, (float *)(void *)j.result, call->op->name);
    if (is_convolution(g)) {
        turn_around(&j.g);
        j.x = j.y;
        return convolve(&j, true, j.w, call->op->name);
    }
    j.kernels = ct__conv_kernels(g->dtype);
    j.block = block_size(g->channels, PARTS / ct__or_one(g->images * g->groups));
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

/* What a task of a weight's gradient has for itself. */
typedef struct weight_scratch {
    int64_t *taps; /* of all its terms */
    char *planes;  /* of one piece of one image */
    char *sums;    /* terms x features */
} weight_scratch;

/* Adds the gradient of channels first... of a group over the images from..to-1 to the sums: for each piece of an image
 * the product of the planes, terms x positions, and y, positions x features. */
static ct_status add_gradient(const job *j, const weight_scratch *s, int64_t group, int64_t first, int64_t channels,
                              int64_t from, int64_t to)
{
    const ct_conv_geometry *g = &j->g;
    ct_status status = CT_OK;
    for (int64_t p = 0; p < j->pieces; p++) {
        ct_piece piece = piece_at(j, p);
        bool shared = shares_rows(&g->windows, piece.rows);
        int64_t position = first_position(g, &piece), size = ct__planes_size(&g->windows, &piece, shared) * g->size;
        fill_taps(g, &piece, shared, channels, s->taps);
        for (int64_t image = from; image < to && status == CT_OK; image++) {
            const char *x = j->x + ((image * g->groups + group) * g->channels + first) * g->in * g->size;
            const char *y = j->y + ((image * g->groups + group) * g->features * g->out + position) * g->size;
            for (int64_t c = 0; c < channels && !g->pointwise; c++)
                j->kernels->unfold(&g->windows, &piece, shared, x + c * g->in * g->size, s->planes + c * size);
            status =
                ct__gemm_gathered(g->dtype, channels * g->taps, g->features, piece.rows * piece.cols,
                                  g->pointwise ? x + position * g->size : s->planes, s->taps, y, 1, g->out, s->sums);
        }
    }
    return status;
}

/* One chunk of the images, for one block of the channels of one group. */
static void weight_task(void *context, int64_t index)
{
    job *j = context;
    const ct_conv_geometry *g = &j->g;
    int64_t chunk = index % j->chunks, block = index / j->chunks % j->blocks, group = index / j->chunks / j->blocks;
    int64_t first = block * j->block, channels = clip(g->channels - first, 0, j->block), terms = channels * g->taps;
    int64_t from = clip(chunk * j->chunk, 0, g->images), to = clip(from + j->chunk, 0, g->images);
    ct_piece piece = {.rows = j->piece_rows, .cols = j->piece_cols}; /* the largest */
    int64_t planes = g->pointwise ? 0 : ct__planes_size(&g->windows, &piece, shares_rows(&g->windows, piece.rows));
    size_t sums = (size_t)(terms * g->features * g->size),
           bytes = (size_t)(terms * 8 + channels * planes * g->size) + sums;
    char *scratch = ct__alloc(bytes);
    if (!scratch) {
        atomic_store(&j->failed, true);
        return;
    }
    weight_scratch s = {
        .taps = (int64_t *)(void *)scratch, .planes = scratch + terms * 8, .sums = scratch + bytes - sums};
    memset(s.sums, 0, sums);
    if (add_gradient(j, &s, group, first, channels, from, to) != CT_OK)
        atomic_store(&j->failed, true);
    int64_t all_terms = g->channels * g->taps, weights = g->groups * g->features * all_terms;
    char *w = chunk == 0 ? j->result : j->partial + (chunk - 1) * weights * g->size;
    ct__copy_strided(g->dtype, w + (group * g->features * all_terms + first * g->taps) * g->size,
                     (const int64_t[]){all_terms, 1}, g->dtype, s.sums, (const int64_t[]){1, g->features},
                     (const int64_t[]){g->features, terms}, 2);
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

ct_status ct__conv_weight_forward(ct_call *call)
{
    job j = {
        .y = ct_call_input_data(call, 0), .x = ct_call_input_data(call, 1), .result = ct_call_output_data(call, 0)};
    ct_status status = ct__conv_weight_geometry(call, &j.g);
    if (status != CT_OK || !j.y || !j.x)
        return status != CT_OK ? status : CT_ERROR_MEMORY;
    ct__conv_complete(&j.g);
    const ct_conv_geometry *g = &j.g;
    if (ct__winograd_pays(g))
        return ct__winograd_weight(g, (const float *)(const void *)j.y, (const float *)(const void *)j.x,
                                   (float *)(void *)j.result, call->op->name);
    j.kernels = ct__conv_kernels(g->dtype);
    int64_t parts = clip(ceil_div(PARTS, g->groups), 1, PARTS);
    int64_t fewest = ceil_div(BLOCK_TERMS, ct__or_one(g->taps)), each = block_size(g->channels, parts);
    j.block = ct__block_rows(g->channels, each < fewest ? fewest : each);
    j.blocks = ceil_div(g->channels, j.block);
    int64_t most = clip(g->images * g->out / PART_POSITIONS, 1, ct__or_one(g->images));
    j.chunk = block_size(g->images, clip(parts / ct__or_one(j.blocks), 1, most));
    j.chunks = clip(ceil_div(g->images, j.chunk), 1, PARTS);
    cut(&j, (j.block * plane_bytes(g) + g->features * g->size));
    int64_t weights = ct_numel(call->outputs[0]);
    size_t bytes = (size_t)((j.chunks - 1) * weights * g->size);
    if (bytes > 0) {
        j.partial = ct__alloc(bytes);
        if (!j.partial)
            return ct__no_memory(call->op->name);
    }
    run(&j, g->groups * j.blocks * j.chunks, weight_task);
    add_partials(&j, weights);
    if (bytes > 0)
        ct__free(j.partial, bytes);
    return job_status(&j, call->op->name);
}
