/* Convolutions 3 x 3 by Winograd's F(2x2, 3x3): blocks of tiles are transformed, multiplied by channels, and transformed back.
 *
 * Invariant: blocks and parts follow from shapes alone, and what is summed over parts is added in their order, so that results
 * do not depend on the number of threads. */
#include "conv_internal.h"
#include "kernels_winograd.h"
#include <stdatomic.h>

enum {
    TERMS = CT_WINOGRAD_TERMS,
    SCRATCH = 1 << 20,   /* bytes of transformed tiles of a block: they fit the second-level cache */
    PITCH = 16,          /* floats: the terms of a channel begin at a multiple of a cache line */
    PARTS = 16,          /* of a weight's gradient that may be computed side by side, */
    PART_TILES = 128,    /* from so many tiles on: parts take memory, and are added up */
    LEAST_CHANNELS = 16, /* on both sides, for the transforms to cost less than they save */
    LEAST_POSITIONS = 64
};

/* One side of the convolution: images of all groups. */
typedef struct side {
    const float *data;
    int64_t channels; /* in one group */
    int64_t rows, cols;
    int64_t row, col; /* where the first tile begins */
    void (*take)(const ct_tiles *tiles, const float *image, float *terms, int64_t step);
} side;

/* What the tasks of one call share. The tiles of all images make up rows, one below the other; blocks are some of these. */
typedef struct job {
    const ct_conv_geometry *g;
    const ct_winograd_kernels *kernels;
    side x, y;            /* of forward; by data they change places; of a weight's gradient both are read */
    int64_t down, across; /* rows of tiles in an image, and tiles in a row */
    int64_t block;        /* rows of a block */
    const float *u;       /* the transformed weight, group by group */
    int64_t u_row, u_col; /* from feature of y to feature, and from channel of x to channel */
    const float *bias;
    float *result;
    int64_t parts, part; /* a weight's gradient: so many, of so many rows each */
    float *sums;         /* of these parts, transformed */
    _Atomic bool failed;
} job;

static const ct_winograd_kernels *kernels_here(void)
{
    static const ct_winograd_kernels *const tables[] = {
        &ct__winograd_portable,
#if CT_X86_KERNELS
        &ct__winograd_avx2,
        &ct__winograd_avx512,
#endif
    };
    return tables[ct__isa()];
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool ct__winograd_pays(const ct_conv_geometry *g)
{
    const ct_windows *s = &g->windows;
    bool fits = g->dtype == CT_FLOAT32 && s->in[0] == 1 && s->kernel[0] == 1 && s->padding[0] == 0;
    for (int i = 1; i < 3; i++)
        fits = fits && s->kernel[i] == 3 && s->stride[i] == 1 && s->dilation[i] == 1;
    return fits && g->images > 0 && g->channels >= LEAST_CHANNELS && g->features >= LEAST_CHANNELS &&
           g->out >= LEAST_POSITIONS;
}

/* ---- blocks of tiles ---- */

typedef struct block {
    int64_t first, rows; /* of tiles */
    int64_t tiles;
    int64_t pitch; /* floats from the terms of one channel to those of the next */
} block;

static int64_t pitch_of(const job *j, int64_t rows)
{
    return ceil_div(rows * j->across, PITCH) * PITCH;
}

/* Floats from a block's terms of one number to those of the next. */
static int64_t step_of(const job *j, const side *s)
{
    return s->channels * pitch_of(j, j->block) + CT_WINOGRAD_SLACK;
}

/* The block that begins at that row, of all before end. */
static block block_at(const job *j, int64_t first, int64_t end)
{
    int64_t rows = least(j->block, end - first);
    return (block){.first = first, .rows = rows, .tiles = rows * j->across, .pitch = pitch_of(j, rows)};
}

/* The tiles of row r of a block and of those below it that are in the same image. */
static ct_tiles tiles_at(const job *j, const block *b, int64_t r, const side *s)
{
    int64_t row = (b->first + r) % j->down;
    return (ct_tiles){.rows = s->rows,
                      .cols = s->cols,
                      .row = s->row + row * CT_WINOGRAD_OUT,
                      .col = s->col,
                      .down = least(j->down - row, b->rows - r),
                      .across = j->across};
}

/* Where the image of a block's row r begins in a channel of a group. */
static int64_t image_at(const job *j, const block *b, int64_t r, const side *s, int64_t group, int64_t channel)
{
    return (((b->first + r) / j->down * j->g->groups + group) * s->channels + channel) * s->rows * s->cols;
}

/* Asks for the rows of an image that the tiles read, so that they come while other work goes on: pieces of channels lie so far apart
 * that the processor does not see them coming. */
static void ask_for(const ct_tiles *t, const float *image)
{
    int64_t end = least(t->row + CT_WINOGRAD_OUT * (t->down - 1) + CT_WINOGRAD_IN, t->rows) * t->cols;
    for (int64_t at = (t->row > 0 ? t->row : 0) * t->cols; at < end; at += PITCH)
        __builtin_prefetch(image + at);
}

/* Transforms a block of s. */
static void take(const job *j, const block *b, const side *s, int64_t group, float *terms)
{
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t r = 0; r < b->rows;) {
            ct_tiles tiles = tiles_at(j, b, r, s);
            if (c + 1 < s->channels)
                ask_for(&tiles, s->data + image_at(j, b, r, s, group, c + 1));
            s->take(&tiles, s->data + image_at(j, b, r, s, group, c), terms + c * b->pitch + r * j->across,
                    step_of(j, s));
            r += tiles.down;
        }
}

/* The result, from its terms. */
static void give(const job *j, const block *b, int64_t group, const float *terms)
{
    const side *s = &j->y;
    for (int64_t k = 0; k < s->channels; k++)
        for (int64_t r = 0; r < b->rows;) {
            ct_tiles tiles = tiles_at(j, b, r, s);
            j->kernels->give_y(&tiles, terms + k * b->pitch + r * j->across, step_of(j, s),
                               j->bias ? j->bias[group * s->channels + k] : 0,
                               j->result + image_at(j, b, r, s, group, k));
            r += tiles.down;
        }
}

/* A job with its tiles in place, by as many rows a block as have their terms fit SCRATCH. */
static job new_job(const ct_conv_geometry *g, side x, side y)
{
    job j = {.g = g, .kernels = kernels_here(), .x = x, .y = y};
    j.down = ceil_div(y.rows, CT_WINOGRAD_OUT);
    j.across = ceil_div(y.cols, CT_WINOGRAD_OUT);
    int64_t bytes = (int64_t)sizeof(float) * TERMS * (x.channels + y.channels), most = SCRATCH / bytes / j.across;
    j.block = most < 1 ? 1 : ceil_div(g->images * j.down, ceil_div(g->images * j.down, most));
    return j;
}

/* Room for the terms of a block of x and, behind them, of y; NULL without memory. */
static float *new_terms(const job *j, float **of_y, size_t *bytes)
{
    int64_t x = TERMS * step_of(j, &j->x), y = TERMS * step_of(j, &j->y);
    *bytes = sizeof(float) * (size_t)(x + y);
    float *of_x = ct__alloc(*bytes);
    *of_y = of_x ? of_x + x : NULL;
    return of_x;
}

/* ---- y from x; x from y ---- */

/* The terms of y: for each, the product of the weight's and x's. */
static ct_status multiply(const job *j, const block *b, int64_t group, const float *x, float *y)
{
    int64_t m = j->y.channels, k = j->x.channels;
    ct_status status = CT_OK;
    for (int64_t t = 0; t < TERMS && status == CT_OK; t++)
        status = ct__gemm(CT_FLOAT32, m, b->tiles, k, j->u + (group * TERMS + t) * m * k, j->u_row, j->u_col,
                          x + t * step_of(j, &j->x), b->pitch, 1, false, y + t * step_of(j, &j->y), b->pitch, 1);
    return status;
}

static void block_task(void *context, int64_t index)
{
    job *j = context;
    int64_t rows = j->g->images * j->down, blocks = ceil_div(rows, j->block), group = index / blocks;
    block b = block_at(j, index % blocks * j->block, rows);
    float *y;
    size_t bytes;
    float *x = new_terms(j, &y, &bytes);
    if (!x) {
        atomic_store(&j->failed, true);
        return;
    }
    take(j, &b, &j->x, group, x);
    if (multiply(j, &b, group, x, y) == CT_OK)
        give(j, &b, group, y);
    else
        atomic_store(&j->failed, true);
    ct__free(x, bytes);
}

static ct_status run_blocks(job *j, const float *w, bool flip, const char *name)
{
    const ct_conv_geometry *g = j->g;
    int64_t n = g->channels * g->features;
    size_t bytes = sizeof(float) * (size_t)(TERMS * n * g->groups);
    float *u = ct__alloc(bytes);
    if (!u)
        return ct__no_memory(name);
    for (int64_t group = 0; group < g->groups; group++)
        j->kernels->take_w(n, flip, w + group * n * CT_WINOGRAD_KERNEL, u + group * TERMS * n);
    j->u = u;
    ct__parallel(g->groups * ceil_div(g->images * j->down, j->block), block_task, j);
    ct__free(u, bytes);
    return atomic_load(&j->failed) ? ct__no_memory(name) : CT_OK;
}

/* The side of x; the first tile begins so much before the image as the image is padded. */
static side side_of_x(const ct_conv_geometry *g, const float *x)
{
    const ct_windows *s = &g->windows;
    return (side){x, g->channels, s->in[1], s->in[2], -s->padding[1], -s->padding[2], kernels_here()->take_x};
}

static side side_of_y(const ct_conv_geometry *g, const float *y)
{
    return (side){y, g->features, g->windows.out[1], g->windows.out[2], 0, 0, kernels_here()->take_y};
}

ct_status ct__winograd_forward(const ct_conv_geometry *g, const float *x, const float *w, const float *bias, float *y,
                               const char *name)
{
    job j = new_job(g, side_of_x(g, x), side_of_y(g, NULL));
    j.u_row = g->channels;
    j.u_col = 1;
    j.bias = bias;
    j.result = y;
    return run_blocks(&j, w, false, name);
}

/* The adjoint is a convolution too, of y padded to where every element of x is seen by the whole kernel, turned around. */
ct_status ct__winograd_transpose(const ct_conv_geometry *g, const float *y, const float *w, const float *bias, float *x,
                                 const char *name)
{
    side from = side_of_y(g, y), to = side_of_x(g, NULL);
    from.row = -2 - to.row;
    from.col = -2 - to.col;
    from.take = kernels_here()->take_x;
    to.row = to.col = 0;
    job j = new_job(g, from, to);
    j.u_row = 1;
    j.u_col = g->channels;
    j.bias = bias;
    j.result = x;
    return run_blocks(&j, w, true, name);
}

/* ---- w from y and x ---- */

/* sums (add ? += : =) the product of y's terms and x's, for each. */
static ct_status sum_products(const job *j, const block *b, const float *x, const float *y, bool add, float *sums)
{
    int64_t m = j->y.channels, n = j->x.channels;
    ct_status status = CT_OK;
    for (int64_t t = 0; t < TERMS && status == CT_OK; t++)
        status = ct__gemm(CT_FLOAT32, m, n, b->tiles, y + t * step_of(j, &j->y), b->pitch, 1, x + t * step_of(j, &j->x),
                          1, b->pitch, add, sums + t * m * n, n, 1);
    return status;
}

static void part_task(void *context, int64_t index)
{
    job *j = context;
    int64_t group = index / j->parts, begin = index % j->parts * j->part;
    int64_t end = least(begin + j->part, j->g->images * j->down);
    float *y, *sums = j->sums + index * TERMS * j->x.channels * j->y.channels;
    size_t bytes;
    float *x = new_terms(j, &y, &bytes);
    ct_status status = x ? CT_OK : CT_ERROR_MEMORY;
    for (int64_t first = begin; first < end && status == CT_OK; first += j->block) {
        block b = block_at(j, first, end);
        take(j, &b, &j->x, group, x);
        take(j, &b, &j->y, group, y);
        status = sum_products(j, &b, x, y, first > begin, sums);
    }
    if (status != CT_OK)
        atomic_store(&j->failed, true);
    ct__free(x, bytes);
}

/* Adds up the parts of a group in the first. */
static const float *add_parts(const job *j, int64_t group)
{
    int64_t terms = TERMS * j->x.channels * j->y.channels;
    float *sum = j->sums + group * j->parts * terms;
    for (int64_t part = 1; part < j->parts; part++)
        for (int64_t i = 0; i < terms; i++)
            sum[i] += sum[part * terms + i];
    return sum;
}

ct_status ct__winograd_weight(const ct_conv_geometry *g, const float *y, const float *x, float *w, const char *name)
{
    job j = new_job(g, side_of_x(g, x), side_of_y(g, y));
    int64_t rows = g->images * j.down, blocks = ceil_div(rows, j.block), n = g->channels * g->features;
    int64_t most = least(ceil_div(PARTS, g->groups), ceil_div(rows * j.across, PART_TILES));
    j.part = ceil_div(blocks, most) * j.block;
    j.parts = ceil_div(rows, j.part);
    size_t bytes = sizeof(float) * (size_t)(TERMS * n * j.parts * g->groups);
    j.sums = ct__alloc(bytes);
    if (!j.sums)
        return ct__no_memory(name);
    ct__parallel(j.parts * g->groups, part_task, &j);
    bool failed = atomic_load(&j.failed);
    for (int64_t group = 0; group < g->groups && !failed; group++)
        j.kernels->give_w(n, add_parts(&j, group), w + group * n * CT_WINOGRAD_KERNEL);
    ct__free(j.sums, bytes);
    return failed ? ct__no_memory(name) : CT_OK;
}
