/* Pooling: the maximum, with where it was, and the mean of windows, over the last one to three axes.
 *
 * The maximum's gradient is a scatter over the saved places; scatter and gather are each other's gradients. So are the mean
 * and the spreading of its gradient. Invariant: a window is what window_at() in kernels_pool.inc says it is. */
#include "autograd_internal.h"
#include "kernels_pool.h"
#include "shape/shape_internal.h"
#include <string.h>

enum { TASK_ELEMENTS = 1 << 14, LARGEST_OPTION = 1 << 30 };

typedef struct pool_attributes {
    int64_t kernel[3], stride[3], padding[3], dilation[3]; /* stride 0: the kernel; dilation 0: 1 */
    int64_t divisor;
    int64_t size[3];   /* gradients: of x */
    int64_t target[3]; /* adaptive: of y */
    int32_t ceil_mode, exclude_pad, adaptive;
    int32_t spatial; /* 1 to 3 */
} pool_attributes;
#define POOL_NAMES                                                                                            \
    "kernel:3 stride:3 padding:3 dilation:3 divisor size:3 target:3 ceil_mode:1w exclude_pad:1w adaptive:1w " \
    "spatial:1w"

/* ---- shapes ---- */

static ct_status check_x(ct_call *call, int spatial)
{
    const ct_tensor *x = call->inputs[0];
    if (x->rank != spatial + 1 && x->rank != spatial + 2)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes [%s] or that with a batch in front: %s",
                             spatial == 1   ? "channels,length"
                             : spatial == 2 ? "channels,height,width"
                                            : "channels,depth,height,width",
                             ct_call_shapes(call));
    return CT_OK;
}

/* Positions of a window's first element. */
static int64_t window_count(const ct_pool_windows *s, int i, bool ceil_mode)
{
    int64_t room = s->in[i] + 2 * s->padding[i] - s->dilation[i] * (s->kernel[i] - 1) - 1;
    int64_t whole = room + (ceil_mode ? s->stride[i] - 1 : 0), count = whole < 0 ? 0 : whole / s->stride[i] + 1;
    /* The last window must begin inside x or its left padding. */
    return ceil_mode && (count - 1) * s->stride[i] >= s->in[i] + s->padding[i] ? count - 1 : count;
}

/* The windows along the last axes of an x with these sizes. */
static ct_status read_windows(ct_call *call, const int64_t *in, ct_pool_windows *s)
{
    const pool_attributes *a = call->attributes;
    *s = (ct_pool_windows){{1, 1, 1}, {1, 1, 1},  {1, 1, 1},      {1, 1, 1},  {0},
                           {1, 1, 1}, a->divisor, a->exclude_pad, a->adaptive};
    if (a->divisor < 0)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "divisor %lld is negative", (long long)a->divisor);
    for (int k = 0; k < a->spatial; k++) {
        int i = 3 - a->spatial + k;
        s->in[i] = in[k];
        if (a->adaptive) {
            s->out[i] = a->target[k];
            if (a->target[k] < 1 || in[k] < 1)
                return ct_call_error(call, CT_ERROR_SHAPE, "from size %lld to %lld on axis %d: %s", (long long)in[k],
                                     (long long)a->target[k], k, ct_call_shapes(call));
            continue;
        }
        s->kernel[i] = a->kernel[k];
        s->stride[i] = a->stride[k] ? a->stride[k] : a->kernel[k];
        s->padding[i] = a->padding[k];
        s->dilation[i] = a->dilation[k] ? a->dilation[k] : 1;
        if (a->kernel[k] < 1 || a->kernel[k] > LARGEST_OPTION || s->stride[i] < 1 || s->stride[i] > LARGEST_OPTION ||
            s->padding[i] < 0 || s->padding[i] > a->kernel[k] / 2 || s->dilation[i] < 1 ||
            s->dilation[i] > LARGEST_OPTION)
            return ct_call_error(
                call, CT_ERROR_ARGUMENT,
                "kernel %lld, stride %lld, padding %lld (at most half the kernel), dilation %lld on axis %d "
                "are out of range",
                (long long)a->kernel[k], (long long)s->stride[i], (long long)s->padding[i], (long long)s->dilation[i],
                k);
        s->out[i] = window_count(s, i, a->ceil_mode);
        if (s->out[i] < 1)
            return ct_call_error(
                call, CT_ERROR_SHAPE, "a kernel of %lld does not fit the padded size %lld on axis %d: %s",
                (long long)a->kernel[k], (long long)(in[k] + 2 * s->padding[i]), k, ct_call_shapes(call));
    }
    return CT_OK;
}

static void resize(const ct_tensor *t, const int64_t *size, int spatial, int64_t *shape)
{
    for (int i = 0; i < t->rank; i++)
        shape[i] = i < t->rank - spatial ? t->shape[i] : size[i - t->rank + spatial];
}

/* ---- work ---- */

/* What the tasks of one call share: planes one after another on both sides. */
typedef struct job {
    ct_pool_windows windows;
    const ct_pool_kernels *kernels;
    int64_t planes, in, out, size; /* elements of a plane of x and of y; bytes of one */
    int64_t block;                 /* planes of a task */
    const char *from;
    char *to;
    int64_t *index; /* written by the maximum only */
    void (*plane)(const struct job *j, int64_t p);
} job;

static const ct_pool_kernels *kernels_of(ct_dtype dtype)
{
    static const ct_pool_kernels *const tables[] = {
        ct__pool_portable,
#if CT_X86_KERNELS
        ct__pool_avx2,
        ct__pool_avx512,
#endif
    };
    return &tables[ct__isa()][dtype == CT_FLOAT64];
}

/* x and y are the tensors of either side; to is the one to fill. */
static job new_job(const ct_tensor *x, const ct_tensor *y, int spatial)
{
    job j = {.kernels = kernels_of((ct_dtype)x->dtype),
             .planes = 1,
             .in = 1,
             .out = 1,
             .size = (int64_t)ct_dtype_size((ct_dtype)x->dtype)};
    for (int i = 0; i < x->rank; i++)
        if (i < x->rank - spatial) {
            j.planes *= x->shape[i];
        } else {
            j.in *= x->shape[i];
            j.out *= y->shape[i];
        }
    int64_t each = j.in > j.out ? j.in : j.out;
    j.block = each > 0 && each < TASK_ELEMENTS ? TASK_ELEMENTS / each : 1;
    return j;
}

static void block_task(void *context, int64_t index)
{
    const job *j = context;
    int64_t first = index * j->block, end = first + j->block < j->planes ? first + j->block : j->planes;
    for (int64_t p = first; p < end; p++)
        j->plane(j, p);
}

static void run(job *j)
{
    ct__parallel((j->planes + j->block - 1) / j->block, block_task, j);
}

static void max_plane(const job *j, int64_t p)
{
    j->kernels->max(&j->windows, j->from + p * j->in * j->size, j->to + p * j->out * j->size, j->index + p * j->out);
}

static void scatter_plane(const job *j, int64_t p)
{
    char *x = j->to + p * j->in * j->size;
    memset(x, 0, (size_t)(j->in * j->size));
    j->kernels->scatter(j->out, j->from + p * j->out * j->size, j->index + p * j->out, x);
}

static void gather_plane(const job *j, int64_t p)
{
    j->kernels->gather(j->out, j->from + p * j->in * j->size, j->index + p * j->out, j->to + p * j->out * j->size);
}

static void average_plane(const job *j, int64_t p)
{
    j->kernels->average(&j->windows, j->from + p * j->in * j->size, j->to + p * j->out * j->size);
}

static void spread_plane(const job *j, int64_t p)
{
    char *x = j->to + p * j->in * j->size;
    memset(x, 0, (size_t)(j->in * j->size));
    j->kernels->spread(&j->windows, j->from + p * j->out * j->size, x);
}

/* ---- maximum ---- */

/* Declares all outputs: the values, and the places where there are any. */
static ct_status pool_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0];
    const pool_attributes *a = call->attributes;
    ct_pool_windows s;
    int64_t shape[CT_MAX_RANK];
    ct_status status = check_x(call, a->spatial);
    if (status == CT_OK)
        status = read_windows(call, x->shape + x->rank - a->spatial, &s);
    if (status != CT_OK)
        return status;
    resize(x, s.out + 3 - a->spatial, a->spatial, shape);
    for (int i = 0; status == CT_OK && i < call->n_outputs; i++)
        status = ct_call_output_shape(call, i, i == 0 ? (ct_dtype)x->dtype : CT_INT64, shape, x->rank);
    return status;
}

static ct_status max_forward(ct_call *call)
{
    const pool_attributes *a = call->attributes;
    const ct_tensor *x = call->inputs[0];
    job j = new_job(x, call->outputs[0], a->spatial);
    j.from = ct_call_input_data(call, 0);
    j.to = ct_call_output_data(call, 0);
    j.index = ct_call_output_data(call, 1);
    j.plane = max_plane;
    if (!j.from)
        return CT_ERROR_MEMORY;
    ct_status status = read_windows(call, x->shape + x->rank - a->spatial, &j.windows);
    if (status == CT_OK)
        run(&j);
    return status;
}

/* op, scatter or gather, between x with spatial sizes size and places in it. */
static ct_tensor *move(const ct_op *op, ct_tensor *t, ct_tensor *index, const int64_t *size, int spatial)
{
    pool_attributes a = {.spatial = spatial};
    for (int i = 0; i < spatial; i++)
        a.size[i] = size[i];
    return ct_apply(op, (ct_tensor *[]){t, index}, 2, &a);
}

static ct_status max_backward(ct_call *call)
{
    const pool_attributes *a = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0), *x = ct_call_input(call, 0), *index = ct_call_output(call, 1);
    if (!x || !index)
        return ct_error_code();
    const int64_t *size = ct_shape(x) + ct_rank(x) - a->spatial;
    return g ? ct_call_set_grad(call, 0, move(&ct_op_max_pool_backward, g, index, size, a->spatial)) : CT_OK;
}

/* Places must be inside a plane, and their shape that of the input but for its last free axes. */
static ct_status check_index(ct_call *call, int free)
{
    const ct_tensor *t = call->inputs[0], *index = call->inputs[1];
    const pool_attributes *a = call->attributes;
    ct_status status = check_x(call, a->spatial);
    if (status != CT_OK)
        return status;
    bool alike = index->rank == t->rank;
    for (int i = 0; alike && i < t->rank - free; i++)
        alike = index->shape[i] == t->shape[i];
    for (int i = 0; alike && i < free; i++)
        alike = t->shape[t->rank - free + i] == a->size[i];
    return alike ? CT_OK : ct_call_error(call, CT_ERROR_SHAPE, "shapes do not go together: %s", ct_call_shapes(call));
}

static ct_status check_places(ct_call *call, const job *j)
{
    bool outside = false;
    for (int64_t p = 0; p < j->planes * j->out; p++)
        outside |= (uint64_t)(j->index[p] + 1) > (uint64_t)j->in;
    return outside ? ct_call_error(call, CT_ERROR_ARGUMENT, "a place is outside 0..%lld", (long long)j->in - 1) : CT_OK;
}

static ct_status scatter_infer(ct_call *call)
{
    const pool_attributes *a = call->attributes;
    const ct_tensor *g = call->inputs[0];
    int64_t shape[CT_MAX_RANK];
    ct_status status = check_index(call, 0);
    if (status != CT_OK)
        return status;
    resize(g, a->size, a->spatial, shape);
    return ct_call_output_shape(call, 0, (ct_dtype)g->dtype, shape, g->rank);
}

static ct_status gather_infer(ct_call *call)
{
    const pool_attributes *a = call->attributes;
    const ct_tensor *index = call->inputs[1];
    ct_status status = check_index(call, a->spatial);
    return status == CT_OK ? ct_call_output_shape(call, 0, (ct_dtype)call->inputs[0]->dtype, index->shape, index->rank)
                           : status;
}

static ct_status run_moves(ct_call *call, const ct_tensor *x, const ct_tensor *y,
                           void (*plane)(const job *j, int64_t p))
{
    const pool_attributes *a = call->attributes;
    job j = new_job(x, y, a->spatial);
    j.from = ct_call_input_data(call, 0);
    j.index = (int64_t *)(uintptr_t)ct_call_input_data(call, 1);
    j.to = ct_call_output_data(call, 0);
    j.plane = plane;
    if (!j.from || !j.index)
        return CT_ERROR_MEMORY;
    ct_status status = check_places(call, &j);
    if (status == CT_OK)
        run(&j);
    return status;
}

static ct_status scatter_forward(ct_call *call)
{
    return run_moves(call, call->outputs[0], call->inputs[0], scatter_plane);
}

static ct_status gather_forward(ct_call *call)
{
    return run_moves(call, call->inputs[0], call->outputs[0], gather_plane);
}

static ct_status move_back(ct_call *call, const ct_op *adjoint)
{
    const pool_attributes *a = ct_call_attributes(call);
    ct_tensor *index = ct_call_input(call, 1);
    return index ? ct_call_set_grad(call, 0, move(adjoint, ct_call_grad_output(call, 0), index, a->size, a->spatial))
                 : ct_error_code();
}

static ct_status scatter_backward(ct_call *call)
{
    return move_back(call, &ct_op_max_pool_gather);
}

static ct_status gather_backward(ct_call *call)
{
    return move_back(call, &ct_op_max_pool_backward);
}

/* ---- mean ---- */

static ct_status spread_infer(ct_call *call)
{
    const ct_tensor *g = call->inputs[0];
    const pool_attributes *a = call->attributes;
    ct_pool_windows s;
    int64_t shape[CT_MAX_RANK];
    ct_status status = check_x(call, a->spatial);
    if (status == CT_OK)
        status = read_windows(call, a->size, &s);
    for (int i = 0; status == CT_OK && i < a->spatial; i++)
        if (g->shape[g->rank - a->spatial + i] != s.out[3 - a->spatial + i])
            status = ct_call_error(call, CT_ERROR_SHAPE, "not the result of that pooling: %s", ct_call_shapes(call));
    if (status != CT_OK)
        return status;
    resize(g, a->size, a->spatial, shape);
    return ct_call_output_shape(call, 0, (ct_dtype)g->dtype, shape, g->rank);
}

static ct_status run_means(ct_call *call, const ct_tensor *x, const ct_tensor *y,
                           void (*plane)(const job *j, int64_t p))
{
    const pool_attributes *a = call->attributes;
    job j = new_job(x, y, a->spatial);
    j.from = ct_call_input_data(call, 0);
    j.to = ct_call_output_data(call, 0);
    j.plane = plane;
    if (!j.from)
        return CT_ERROR_MEMORY;
    ct_status status = read_windows(call, x->shape + x->rank - a->spatial, &j.windows);
    if (status == CT_OK)
        run(&j);
    return status;
}

static ct_status average_forward(ct_call *call)
{
    return run_means(call, call->inputs[0], call->outputs[0], average_plane);
}

static ct_status spread_forward(ct_call *call)
{
    return run_means(call, call->outputs[0], call->inputs[0], spread_plane);
}

static ct_status average_backward(ct_call *call)
{
    pool_attributes a = *(const pool_attributes *)ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    if (!x)
        return ct_error_code();
    for (int i = 0; i < a.spatial; i++)
        a.size[i] = ct_size(x, i - a.spatial);
    return ct_call_set_grad(call, 0,
                            ct_apply(&ct_op_avg_pool_backward, (ct_tensor *[]){ct_call_grad_output(call, 0)}, 1, &a));
}

static ct_status spread_backward(ct_call *call)
{
    ct_tensor *h = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_apply(&ct_op_avg_pool2d, &h, 1, ct_call_attributes(call)));
}

/* ---- records ---- */

#define POOL(spatial_, ...)              \
    &(const pool_attributes)             \
    {                                    \
        .spatial = spatial_, __VA_ARGS__ \
    }

static const ct_sample max_pool1d_samples[] = {
    {"2x3x7", POOL(1, .kernel = {2})},
    {"3x8", POOL(1, .kernel = {3}, .stride = {2}, .padding = {1}, .dilation = {2})},
    {NULL, NULL},
};
static const ct_sample max_pool2d_samples[] = {
    {"2x3x6x7", POOL(2, .kernel = {2, 2})},
    {"1x2x4x66", POOL(2, .kernel = {2, 2})},
    {"2x3x7x7", POOL(2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1})},
    {"3x6x5", POOL(2, .kernel = {3, 2}, .stride = {1, 2}, .padding = {0, 1}, .dilation = {2, 1}, .ceil_mode = 1)},
    {"0x3x6x6", POOL(2, .kernel = {2, 2})},
    {NULL, NULL},
};
static const ct_sample max_pool3d_samples[] = {
    {"2x2x4x4x5", POOL(3, .kernel = {2, 2, 2})},
    {"2x5x4x6",
     POOL(3, .kernel = {3, 2, 3}, .stride = {2, 1, 2}, .padding = {1, 0, 1}, .dilation = {1, 2, 1}, .ceil_mode = 1)},
    {"2x0x4x4x4", POOL(3, .kernel = {2, 2, 2})},
    {NULL, NULL},
};
static const ct_sample max_pool_backward_samples[] = {
    {"1x2x2x2x2 i60:1x2x2x2x2", POOL(3, .size = {3, 4, 5})},
    {"2x3x2x2 i30:2x3x2x2", POOL(2, .size = {5, 6})},
    {"2x4 i7:2x4", POOL(1, .size = {7})},
    {NULL, NULL},
};
static const ct_sample max_pool_gather_samples[] = {
    {"2x3x5x6 i30:2x3x2x2", POOL(2, .size = {5, 6})},
    {"2x7 i7:2x4", POOL(1, .size = {7})},
    {NULL, NULL},
};
static const ct_sample avg_pool1d_samples[] = {
    {"2x3x7", POOL(1, .kernel = {2})},
    {"3x8", POOL(1, .kernel = {3}, .stride = {2}, .padding = {1}, .exclude_pad = 1, .ceil_mode = 1)},
    {NULL, NULL},
};
static const ct_sample avg_pool2d_samples[] = {
    {"2x3x6x6", POOL(2, .kernel = {2, 2})},
    {"2x3x7x7", POOL(2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1})},
    {"3x6x5", POOL(2, .kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}, .exclude_pad = 1, .ceil_mode = 1)},
    {"1x2x5x4", POOL(2, .kernel = {2, 3}, .divisor = 5, .ceil_mode = 1)},
    {"1x2x7x6", POOL(2, .kernel = {3, 2}, .stride = {2, 2}, .padding = {1, 1}, .dilation = {2, 3}, .exclude_pad = 1)},
    {"0x3x6x6", POOL(2, .kernel = {2, 2})},
    {NULL, NULL},
};
static const ct_sample avg_pool3d_samples[] = {
    {"2x2x4x4x5", POOL(3, .kernel = {2, 2, 2})},
    {"2x5x4x6", POOL(3, .kernel = {3, 2, 3}, .stride = {2, 1, 2}, .padding = {1, 0, 1}, .ceil_mode = 1)},
    {NULL, NULL},
};
static const ct_sample avg_pool_backward_samples[] = {
    {"2x2x1x2x2", POOL(3, .kernel = {2, 1, 2}, .size = {2, 2, 5})},
    {"2x3x4x4", POOL(2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .size = {7, 7})},
    {"2x3", POOL(1, .kernel = {2}, .size = {7})},
    {"2x3x2", POOL(2, .adaptive = 1, .size = {7, 5}, .target = {3, 2})},
    {NULL, NULL},
};
static const ct_sample adaptive1d_samples[] = {
    {"2x3x7", POOL(1, .adaptive = 1, .target = {3})},
    {"3x2", POOL(1, .adaptive = 1, .target = {5})},
    {NULL, NULL},
};
static const ct_sample adaptive2d_samples[] = {
    {"2x3x7x5", POOL(2, .adaptive = 1, .target = {3, 2})},
    {"2x3x2", POOL(2, .adaptive = 1, .target = {4, 1})},
    {NULL, NULL},
};
static const ct_sample adaptive3d_samples[] = {
    {"2x2x4x3x5", POOL(3, .adaptive = 1, .target = {3, 3, 2})},
    {"2x2x1x3", POOL(3, .adaptive = 1, .target = {3, 2, 1})},
    {NULL, NULL},
};

#define MAX_POOL(name_, samples_)                                                   \
    const ct_op ct_op_##name_ = {                                                   \
        .name = #name_,                                                             \
        .gradient = "g to the place of each window's maximum, the first of equals", \
        .min_inputs = 1,                                                            \
        .max_inputs = 1,                                                            \
        .outputs = 2,                                                               \
        .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(1),                              \
        .attributes_size = sizeof(pool_attributes),                                 \
        .attribute_names = POOL_NAMES,                                              \
        .infer = pool_infer,                                                        \
        .forward = max_forward,                                                     \
        .backward = max_backward,                                                   \
        .samples = samples_,                                                        \
    };
MAX_POOL(max_pool1d, max_pool1d_samples)
MAX_POOL(max_pool2d, max_pool2d_samples)
MAX_POOL(max_pool3d, max_pool3d_samples)
MAX_POOL(adaptive_max_pool1d, adaptive1d_samples)
MAX_POOL(adaptive_max_pool2d, adaptive2d_samples)
MAX_POOL(adaptive_max_pool3d, adaptive3d_samples)

/* y with x[place[p]] += y[p], and y[p] = x[place[p]], plane by plane: the gradients of max_pool and of each other. */
const ct_op ct_op_max_pool_backward = {
    .name = "max_pool_backward",
    .takes = {CT_FLOATS, CT_ONLY(CT_INT64)},
    .roles = "gradient places",
    .gradient = "h at each place",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(1),
    .attributes_size = sizeof(pool_attributes),
    .attribute_names = POOL_NAMES,
    .infer = scatter_infer,
    .forward = scatter_forward,
    .backward = scatter_backward,
    .samples = max_pool_backward_samples,
};
const ct_op ct_op_max_pool_gather = {
    .name = "max_pool_gather",
    .takes = {CT_FLOATS, CT_ONLY(CT_INT64)},
    .roles = "x places",
    .gradient = "g added at each place",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(1),
    .attributes_size = sizeof(pool_attributes),
    .attribute_names = POOL_NAMES,
    .infer = gather_infer,
    .forward = gather_forward,
    .backward = gather_backward,
    .samples = max_pool_gather_samples,
};

#define MEAN_POOL(name_, samples_)                                       \
    const ct_op ct_op_##name_ = {                                        \
        .name = #name_,                                                  \
        .gradient = "g / (size of the window), spread over each window", \
        .min_inputs = 1,                                                 \
        .max_inputs = 1,                                                 \
        .saves = CT_SAVE_INPUT(0),                                       \
        .attributes_size = sizeof(pool_attributes),                      \
        .attribute_names = POOL_NAMES,                                   \
        .infer = pool_infer,                                             \
        .forward = average_forward,                                      \
        .backward = average_backward,                                    \
        .samples = samples_,                                             \
    };
MEAN_POOL(avg_pool1d, avg_pool1d_samples)
MEAN_POOL(avg_pool2d, avg_pool2d_samples)
MEAN_POOL(avg_pool3d, avg_pool3d_samples)
MEAN_POOL(adaptive_avg_pool1d, adaptive1d_samples)
MEAN_POOL(adaptive_avg_pool2d, adaptive2d_samples)
MEAN_POOL(adaptive_avg_pool3d, adaptive3d_samples)

const ct_op ct_op_avg_pool_backward = {
    .name = "avg_pool_backward",
    .gradient = "the mean of h over each window",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(pool_attributes),
    .attribute_names = POOL_NAMES,
    .infer = spread_infer,
    .forward = spread_forward,
    .backward = spread_backward,
    .samples = avg_pool_backward_samples,
};

/* ---- functions ---- */

CT_OPTIONS_INIT(ct_pool_options)

/* The options spread to the axes: what the records take as attributes, where stride 0 counts as the kernel. */
static ct_status read_options(const char *op, int spatial, int64_t kernel, const ct_pool_options *o, pool_attributes *a)
{
    *a = (pool_attributes){.kernel = {kernel, kernel, kernel},
                           .divisor = o->divisor == CT_UNSET_INT ? 0 : o->divisor,
                           .ceil_mode = o->ceil_mode,
                           .exclude_pad = o->exclude_pad,
                           .spatial = spatial};
    if (o->divisor == 0)
        return ct__error(CT_ERROR_ARGUMENT, "%s: divisor is 0", op);
    ct_status status = CT_OK;
    if (o->kernel[0] != CT_UNSET_INT)
        status = ct__each_axis(op, "kernel", o->kernel, 3, spatial, false, a->kernel);
    if (status == CT_OK && o->stride[0] != CT_UNSET_INT)
        status = ct__each_axis(op, "stride", o->stride, 3, spatial, false, a->stride);
    if (status == CT_OK)
        status = ct__each_axis(op, "padding", o->padding, 3, spatial, true, a->padding);
    if (status == CT_OK)
        status = ct__each_axis(op, "dilation", o->dilation, 3, spatial, false, a->dilation);
    return status;
}

static ct_tensor *max_with(const ct_op *op, ct_tensor *x, const pool_attributes *a, ct_tensor **indices)
{
    ct_tensor *outputs[2];
    bool applied = ct_apply_multi(op, (ct_tensor *[]){x}, 1, a, outputs) == CT_OK;
    if (indices)
        *indices = applied ? outputs[1] : NULL;
    return applied ? outputs[0] : NULL;
}

static ct_tensor *max_pool(const ct_op *op, int spatial, ct_tensor *x, int64_t kernel, const ct_pool_options *options)
{
    CT_READ_OPTIONS(ct_pool_options, o, options, op->name);
    if (!o || CT_TAKES_NO(o, op->name, divisor) || CT_TAKES_NO(o, op->name, exclude_pad))
        return NULL;
    if (o->indices)
        *o->indices = NULL;
    pool_attributes a;
    return read_options(op->name, spatial, kernel, o, &a) == CT_OK ? max_with(op, x, &a, o->indices) : NULL;
}

static ct_tensor *avg_pool(const ct_op *op, int spatial, ct_tensor *x, int64_t kernel, const ct_pool_options *options)
{
    CT_READ_OPTIONS(ct_pool_options, o, options, op->name);
    pool_attributes a;
    if (!o || CT_TAKES_NO(o, op->name, indices) || read_options(op->name, spatial, kernel, o, &a) != CT_OK)
        return NULL;
    return ct_apply(op, (ct_tensor *[]){x}, 1, &a);
}

#define POOL_FUNCTION(kind, D)                                                                      \
    ct_tensor *ct_##kind##_pool##D##d(ct_tensor *x, int64_t kernel, const ct_pool_options *options) \
    {                                                                                               \
        return kind##_pool(&ct_op_##kind##_pool##D##d, D, x, kernel, options);                      \
    }
POOL_FUNCTION(max, 1)
POOL_FUNCTION(max, 2)
POOL_FUNCTION(max, 3)
POOL_FUNCTION(avg, 1)
POOL_FUNCTION(avg, 2)
POOL_FUNCTION(avg, 3)

#define TO(...)                                                                                                     \
    &(const pool_attributes)                                                                                        \
    {                                                                                                               \
        .target = {__VA_ARGS__}, .adaptive = 1, .spatial = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t) \
    }

ct_tensor *ct_adaptive_avg_pool1d(ct_tensor *x, int64_t length)
{
    return ct_apply(&ct_op_adaptive_avg_pool1d, &x, 1, TO(length));
}

ct_tensor *ct_adaptive_avg_pool2d(ct_tensor *x, int64_t height, int64_t width)
{
    return ct_apply(&ct_op_adaptive_avg_pool2d, &x, 1, TO(height, width));
}

ct_tensor *ct_adaptive_avg_pool3d(ct_tensor *x, int64_t depth, int64_t height, int64_t width)
{
    return ct_apply(&ct_op_adaptive_avg_pool3d, &x, 1, TO(depth, height, width));
}

ct_tensor *ct_adaptive_max_pool1d(ct_tensor *x, int64_t length, ct_tensor **indices)
{
    return max_with(&ct_op_adaptive_max_pool1d, x, TO(length), indices);
}

ct_tensor *ct_adaptive_max_pool2d(ct_tensor *x, int64_t height, int64_t width, ct_tensor **indices)
{
    return max_with(&ct_op_adaptive_max_pool2d, x, TO(height, width), indices);
}

ct_tensor *ct_adaptive_max_pool3d(ct_tensor *x, int64_t depth, int64_t height, int64_t width, ct_tensor **indices)
{
    return max_with(&ct_op_adaptive_max_pool3d, x, TO(depth, height, width), indices);
}
