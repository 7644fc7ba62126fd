/* The normalisations on raw elements: a row is read once from memory in forward, and x and the gradient once each in backward.
 *
 * Invariant: the work is cut by shapes alone, and every sum has a fixed order. Where a variance is so large or small that its inverse
 * root loses digits, the definition does the work, which scales first. */
#include "norm_fast.h"
#include "kernels_norm.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    TASK_ELEMENTS = 1 << 15,
    MANY_TASKS = 64,
    SHORT = 16 /* a piece not worth its call: the definition is quicker */
};

static const ct_norm_kernels *kernels_for(ct_dtype dtype)
{
    static const ct_norm_kernels *const tables[] = {
        ct__norm_portable,
#if CT_X86_KERNELS
        ct__norm_avx2,
        ct__norm_avx512,
#endif
    };
    return &tables[ct__isa()][dtype == CT_FLOAT64];
}

/* One pass under way; g and what follows are backward's. */
typedef struct job {
    const ct_norm_walk *walk;
    const ct_norm_kernels *kernels;
    ct_dtype dtype;
    int64_t size, block; /* bytes of an element; rows of a task */
    bool streams;        /* forward's result */
    const char *x, *weight, *bias, *g;
    char *y;           /* forward's result, backward's gradient of x or NULL */
    ct_norm_row *rows; /* statistics */
    char *by_element;  /* of each task: sums of g x^, then of g, for each of n elements; or NULL */
    double (*by_slot)
        [2]; /* sums of g and g x^ in each row, or each piece where those have channels of their own; or NULL */
    _Atomic bool extreme;
} job;

static void plan(job *j, const ct_norm_walk *walk, ct_dtype dtype)
{
    int64_t elements = walk->pieces * walk->n, share = (walk->rows + MANY_TASKS - 1) / MANY_TASKS;
    j->walk = walk;
    j->dtype = dtype;
    j->kernels = kernels_for(dtype);
    j->size = ct__size_of(dtype);
    j->streams = walk->rows * elements * j->size >= CT_STREAMED_BYTES;
    j->block = TASK_ELEMENTS / (elements ? elements : 1);
    share = share < MANY_TASKS ? share : MANY_TASKS;
    if (j->block < share)
        j->block = share;
}

static int64_t tasks_of(const job *j)
{
    return j->walk->pieces * j->walk->n == 0 ? 0 : (j->walk->rows + j->block - 1) / j->block;
}

static int64_t place_of(const job *j, int64_t row, int64_t piece)
{
    return (row * j->walk->row_step + piece * j->walk->piece_step) * j->size;
}

static int64_t channel_of(const job *j, int64_t row, int64_t piece)
{
    const ct_norm_walk *w = j->walk;
    return (row * w->row_channel + piece * w->piece_channel) % w->channels;
}

static double number_at(const job *j, const char *from, int64_t i)
{
    return j->dtype == CT_FLOAT64 ? ((const double *)(const void *)from)[i] : ((const float *)(const void *)from)[i];
}

/* The weights of a piece. */
static ct_norm_weights weights_of(const job *j, int64_t row, int64_t piece)
{
    ct_norm_weights w = {.all = 1};
    if (j->weight && j->walk->channels)
        w.all = number_at(j, j->weight, channel_of(j, row, piece));
    else
        w.each = j->weight;
    return w;
}

/* ---- forward ---- */

static void measure(job *j, int64_t row)
{
    const ct_norm_walk *w = j->walk;
    ct_norm_row *r = &j->rows[row];
    double sum = 0, squares = 0, count = (double)(w->pieces * w->n);
    for (int64_t p = 0; w->centred && p < w->pieces; p++)
        sum += j->kernels->sum(w->n, j->x + place_of(j, row, p));
    r->mean = sum / count;
    for (int64_t p = 0; p < w->pieces; p++)
        squares += j->kernels->square_sum(w->n, j->x + place_of(j, row, p), r->mean);
    r->variance = squares / count;
    r->rstd = 1 / sqrt(r->variance + w->eps);
    double reach = j->dtype == CT_FLOAT64 ? 0x1p800 : 0x1p100;
    if (r->variance > reach || (w->eps == 0 && r->variance < 1 / reach))
        atomic_store_explicit(&j->extreme, true, memory_order_relaxed);
}

static void forward_task(void *context, int64_t index)
{
    job *j = context;
    const ct_norm_walk *w = j->walk;
    int64_t first = index * j->block, end = first + j->block < w->rows ? first + j->block : w->rows;
    for (int64_t row = first; row < end; row++) {
        measure(j, row);
        const ct_norm_statistics s = {j->rows[row].mean, j->rows[row].rstd};
        for (int64_t p = 0; p < w->pieces; p++) {
            const ct_norm_weights weights = weights_of(j, row, p);
            int64_t at = place_of(j, row, p);
            bool each = j->bias && w->channels == 0;
            double shift = j->bias && !each ? number_at(j, j->bias, channel_of(j, row, p)) : 0;
            j->kernels->scale(w->n, j->x + at, &s, &weights, shift, each ? j->bias : NULL, j->y + at, j->streams);
        }
    }
    if (j->streams)
        ct__streamed();
}

/* Whether the elements of an input that was given could be had. */
static bool has_data(ct_call *call, int i, const void *data)
{
    return data || !ct_call_input(call, i);
}

ct_status ct__norm_forward(ct_call *call, const ct_norm_walk *walk)
{
    job j = {.x = ct_call_input_data(call, 0),
             .weight = ct_call_input_data(call, 1),
             .bias = ct_call_input_data(call, 2),
             .y = ct_call_output_data(call, 0),
             .rows = ct_call_output_data(call, call->n_outputs - 1)};
    if (!has_data(call, 0, j.x) || !has_data(call, 1, j.weight) || !has_data(call, 2, j.bias))
        return CT_ERROR_MEMORY;
    plan(&j, walk, (ct_dtype)call->inputs[0]->dtype);
    bool is_short = walk->channels && walk->n < SHORT;
    if (!is_short)
        ct__parallel(tasks_of(&j), forward_task, &j);
    if (!is_short && !atomic_load(&j.extreme))
        return CT_OK;
    if (walk->rows)
        j.rows[0].rstd = -1;
    return ct__forward_by_definition(call);
}

/* ---- backward ---- */

static int64_t slots_of(const ct_norm_walk *w)
{
    return w->piece_channel ? w->pieces : 1;
}

/* Of a row: adds up what its weights' gradients need; means get those of h and of h x^. */
static void sum_row(job *j, int64_t row, const ct_norm_statistics *s, char *by_element, double *means)
{
    const ct_norm_walk *w = j->walk;
    double count = (double)(w->pieces * w->n);
    means[0] = means[1] = 0;
    for (int64_t p = 0; p < w->pieces; p++) {
        ct_norm_weights weights = weights_of(j, row, p);
        double all = weights.all, sums[2] = {0, 0};
        weights.all = 1;
        int64_t at = place_of(j, row, p);
        j->kernels->gradient_sums(w->n, j->x + at, j->g + at, s, &weights, sums, by_element,
                                  by_element ? by_element + w->n * j->size : NULL);
        for (int k = 0; k < 2; k++) {
            means[k] += all * sums[k] / count;
            if (j->by_slot)
                j->by_slot[row * slots_of(w) + (w->piece_channel ? p : 0)][k] += sums[k];
        }
    }
    if (!w->centred)
        means[0] = 0;
}

static void backward_task(void *context, int64_t index)
{
    job *j = context;
    const ct_norm_walk *w = j->walk;
    int64_t first = index * j->block, end = first + j->block < w->rows ? first + j->block : w->rows;
    char *by_element = j->by_element ? j->by_element + index * 2 * w->n * j->size : NULL;
    for (int64_t row = first; row < end; row++) {
        const ct_norm_statistics s = {j->rows[row].mean, j->rows[row].rstd};
        double means[2];
        sum_row(j, row, &s, by_element, means);
        for (int64_t p = 0; j->y && p < w->pieces; p++) {
            const ct_norm_weights weights = weights_of(j, row, p);
            int64_t at = place_of(j, row, p);
            j->kernels->gradient(w->n, j->x + at, j->g + at, &s, &weights, means, j->y + at);
        }
    }
}

void ct__norm_put(const ct_tensor *t, int64_t i, double value)
{
    if (t->dtype == CT_FLOAT64)
        ((double *)(void *)ct__ptr(t))[i] = value;
    else
        ((float *)(void *)ct__ptr(t))[i] = (float)value;
}

/* The gradients of weight and bias, either perhaps NULL, from the sums of slots. */
static void finish_channels(const job *j, const ct_tensor *weight, const ct_tensor *bias)
{
    const ct_norm_walk *w = j->walk;
    for (int64_t c = 0; c < w->channels; c++) {
        double sums[2] = {0, 0};
        for (int64_t slot = c; slot < w->rows * slots_of(w); slot += w->channels) /* channels come in turn */
            for (int k = 0; k < 2; k++)
                sums[k] += j->by_slot[slot][k];
        if (weight)
            ct__norm_put(weight, c, sums[1]);
        if (bias)
            ct__norm_put(bias, c, sums[0]);
    }
}

static void finish_elements(const job *j, const ct_tensor *weight, const ct_tensor *bias)
{
    int64_t n = j->walk->n, step = 2 * n;
    if (weight)
        j->kernels->merge(n, tasks_of(j), j->by_element, step, ct__ptr(weight));
    if (bias)
        j->kernels->merge(n, tasks_of(j), j->by_element + n * j->size, step, ct__ptr(bias));
}

static const ct_tensor *gradient_of(const ct_call *call, int i)
{
    return ct_call_needs_grad(call, i) ? call->grad_inputs[i] : NULL;
}

/* Runs the pass, with room for the sums that the gradients of weight and bias need. */
static ct_status run_backward(ct_call *call, job *j)
{
    const ct_norm_walk *w = j->walk;
    const ct_tensor *weight = gradient_of(call, 1), *bias = gradient_of(call, 2);
    bool sums = weight || bias;
    size_t bytes = !sums         ? 0
                   : w->channels ? (size_t)(w->rows * slots_of(w)) * sizeof *j->by_slot
                                 : (size_t)(tasks_of(j) * 2 * w->n * j->size);
    char *room = sums ? ct__alloc(bytes) : NULL;
    if (sums && !room)
        return ct__no_memory(call->op->name);
    if (sums)
        memset(room, 0, bytes);
    j->by_slot = w->channels ? (double(*)[2])(void *)room : NULL;
    j->by_element = w->channels ? NULL : room;
    ct__parallel(tasks_of(j), backward_task, j);
    if (sums && w->channels)
        finish_channels(j, weight, bias);
    else if (sums)
        finish_elements(j, weight, bias);
    ct__free(room, bytes);
    return CT_OK;
}

ct_status ct__norm_backward(ct_call *call, const ct_norm_walk *walk)
{
    ct_tensor *rows = ct_call_output(call, call->n_outputs - 1);
    if (!rows)
        return ct_error_code();
    job j = {.rows = (ct_norm_row *)(void *)ct__ptr(rows)};
    if (walk->rows && j.rows[0].rstd < 0)
        return ct__backward_by_definition(call);
    j.x = ct_call_input_data(call, 0);
    j.weight = ct_call_input_data(call, 1);
    j.g = ct_call_grad_output_data(call, 0);
    j.y = ct__call_grad_input_over(call, 0); /* a row is summed up before it is written */
    bool made = true;
    for (int i = 1; i < call->n_inputs; i++)
        made = made && (ct_call_grad_input_data(call, i) || !ct_call_needs_grad(call, i));
    if (!j.x || !j.g || !has_data(call, 1, j.weight) || (!j.y && ct_call_needs_grad(call, 0)) || !made)
        return ct_error_code();
    plan(&j, walk, (ct_dtype)ct_call_input(call, 0)->dtype);
    return run_backward(call, &j);
}
