/* Reductions over any set of axes: their shapes, the loops around the kernels, and the records.
 *
 * Invariant: how the work is cut into tasks, and so the order of every addition, depends on shape and strides only. */
#include "reduce_internal.h"
#include "kernels_reduce.h"
#include <math.h>
#include <stdalign.h>

/* ---- the loops over a tensor: those over what is kept, and those over what is reduced ---- */

typedef struct loop {
    int64_t size, step; /* step in x */
    int64_t step_y;     /* in the result, which is contiguous; 0 for a reduced axis */
} loop;

/* Both lists have at least one loop and begin with the largest step. */
typedef struct nest {
    loop kept[CT_MAX_RANK], reduced[CT_MAX_RANK];
    int n_kept, n_reduced;
} nest;

static int64_t magnitude(int64_t step)
{
    return step < 0 ? -step : step;
}

/* Puts a loop into its place among n, before those of the same step, which lie inside it. */
static void insert(loop *loops, int n, loop new)
{
    int place = n;
    for (; place > 0 && magnitude(loops[place - 1].step) <= magnitude(new.step); place--)
        loops[place] = loops[place - 1];
    loops[place] = new;
}

/* Joins loops that are one sequence; returns how many are left, at least one. */
static int join(loop *loops, int n)
{
    int last = 0;
    if (n == 0)
        loops[n++] = (loop){.size = 1, .step = 1, .step_y = 1};
    for (int i = 1; i < n; i++) {
        loop *outer = &loops[last], inner = loops[i];
        if (outer->step == inner.size * inner.step && outer->step_y == inner.size * inner.step_y)
            *outer = (loop){.size = outer->size * inner.size, .step = inner.step, .step_y = inner.step_y};
        else
            loops[++last] = inner;
    }
    return last + 1;
}

static int64_t count_of(const loop *loops, int n)
{
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= loops[i].size;
    return count;
}

/* The loops for x, of which the axes in the mask are reduced; all sizes are positive but perhaps those of reduced axes. */
static nest make_nest(const ct_tensor *x, unsigned reduced)
{
    nest loops = {.n_kept = 0, .n_reduced = 0};
    int64_t step_y = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        int64_t size = x->shape[i];
        if (size == 1)
            continue;
        if (reduced >> i & 1) {
            insert(loops.reduced, loops.n_reduced++, (loop){.size = size, .step = x->strides[i]});
        } else {
            insert(loops.kept, loops.n_kept++, (loop){.size = size, .step = x->strides[i], .step_y = step_y});
            step_y *= size;
        }
    }
    loops.n_kept = join(loops.kept, loops.n_kept);
    loops.n_reduced = join(loops.reduced, loops.n_reduced);
    if (count_of(loops.reduced, loops.n_reduced) == 0) { /* only an innermost loop may have no rounds */
        loops.reduced[0] = loops.reduced[loops.n_reduced - 1];
        loops.reduced[0].size = 0;
        loops.n_reduced = 1;
    }
    return loops;
}

/* Moves on to the next round of all but the innermost of n loops; false after the last. */
static bool next_round(const loop *loops, int n, int64_t *at, int64_t *x, int64_t *y)
{
    for (int i = n - 2; i >= 0; i--) {
        *x += loops[i].step;
        *y += loops[i].step_y;
        if (++at[i] < loops[i].size)
            return true;
        *x -= loops[i].size * loops[i].step;
        *y -= loops[i].size * loops[i].step_y;
        at[i] = 0;
    }
    return false;
}

/* ---- cutting into tasks ---- */

enum {
    GRAIN = 32768,      /* elements that are worth a task */
    MAX_TASKS = 64,     /* that a reduction is cut into */
    MIN_RUN = 64,       /* contiguous elements that a cut leaves together */
    MAX_PARTIAL = 4096, /* results of which each task may have a partial one */
    TILE = 512          /* accumulators at a time */
};

/* Part `index` of `parts` of a loop; returns where it begins. */
static int64_t cut(loop *whole, int64_t index, int64_t parts)
{
    int64_t begin = whole->size * index / parts;
    whole->size = whole->size * (index + 1) / parts - begin;
    return begin;
}

/* The loop that can be cut into most parts, and into how many, at most. */
static int best_cut(const loop *loops, int n, int64_t *parts)
{
    int best = 0;
    int64_t most = 1;
    for (int i = 0; i < n; i++) {
        int64_t can = magnitude(loops[i].step) == 1 ? loops[i].size / MIN_RUN : loops[i].size;
        if (can > most) {
            most = can;
            best = i;
        }
    }
    *parts = most < *parts ? most : *parts;
    return best;
}

/* A reduction under way. */
typedef struct job {
    nest loops;
    int cut_kept, cut_reduced;         /* the loops that are cut, */
    int64_t parts_kept, parts_reduced; /* and into how many parts */
    const char *x;
    char *y;
    size_t size_x, size_y; /* of an element */
    const ct_reducer *fold;
    double count;
    char *partial; /* parts_reduced times the results' accumulators, if there are several parts */
    int64_t results;
    ct_locate *locate; /* in the second pass, where y is known */
    int64_t *index;
} job;

static void plan(job *j)
{
    int64_t results = count_of(j->loops.kept, j->loops.n_kept);
    int64_t tasks = results * count_of(j->loops.reduced, j->loops.n_reduced) / GRAIN;
    tasks = tasks < 1 ? 1 : tasks > MAX_TASKS ? MAX_TASKS : tasks;
    j->results = results;
    j->parts_kept = tasks;
    j->cut_kept = best_cut(j->loops.kept, j->loops.n_kept, &j->parts_kept);
    j->parts_reduced = results > MAX_PARTIAL ? 1 : tasks / j->parts_kept;
    j->cut_reduced = best_cut(j->loops.reduced, j->loops.n_reduced, &j->parts_reduced);
}

/* ---- folding ---- */

/* Stores n accumulators: as results, or as partial ones. */
static void put(const job *j, const char *acc, int64_t n, int64_t y, int64_t step_y, int64_t part)
{
    size_t size = j->fold->accumulator_size;
    if (!j->partial) {
        j->fold->finish(j->y + (size_t)y * j->size_y, step_y, acc, n, j->count);
        return;
    }
    char *to = j->partial + (size_t)(part * j->results + y) * size;
    for (int64_t i = 0; i < n; i++)
        __builtin_memcpy(to + (size_t)(i * step_y) * size, acc + (size_t)i * size, size);
}

/* One task: a part of the kept axes by a part of the reduced ones. */
static void fold_task(void *context, int64_t index)
{
    const job *j = context;
    nest loops = j->loops;
    int64_t part = index / j->parts_kept;
    int64_t first_kept = cut(&loops.kept[j->cut_kept], index % j->parts_kept, j->parts_kept);
    int64_t first_reduced = cut(&loops.reduced[j->cut_reduced], part, j->parts_reduced);
    int64_t x = first_kept * loops.kept[j->cut_kept].step + first_reduced * loops.reduced[j->cut_reduced].step;
    int64_t y = first_kept * loops.kept[j->cut_kept].step_y;
    const loop *out = &loops.kept[loops.n_kept - 1], *in = &loops.reduced[loops.n_reduced - 1];
    alignas(CT_ACCUMULATOR_SIZE) char acc[TILE * CT_ACCUMULATOR_SIZE];
    int64_t at[CT_MAX_RANK] = {0};
    do {
        for (int64_t first = 0; first < out->size; first += TILE) {
            int64_t n = out->size - first < TILE ? out->size - first : TILE;
            int64_t at_reduced[CT_MAX_RANK] = {0}, from = x + first * out->step, none = 0;
            j->fold->start(acc, n);
            do
                j->fold->fold(j->x + from * (int64_t)j->size_x, n, out->step, in->size, in->step, acc);
            while (next_round(loops.reduced, loops.n_reduced, at_reduced, &from, &none));
            put(j, acc, n, y + first * out->step_y, out->step_y, part);
        }
    } while (next_round(loops.kept, loops.n_kept, at, &x, &y));
}

/* One task of finding where the results are. */
static void locate_task(void *context, int64_t index)
{
    const job *j = context;
    nest loops = j->loops;
    int64_t first = cut(&loops.kept[j->cut_kept], index, j->parts_kept);
    int64_t x = first * loops.kept[j->cut_kept].step, y = first * loops.kept[j->cut_kept].step_y;
    const loop *out = &loops.kept[loops.n_kept - 1], *in = &loops.reduced[loops.n_reduced - 1];
    int64_t at[CT_MAX_RANK] = {0};
    do
        j->locate(j->x + x * (int64_t)j->size_x, out->size, out->step, in->size, in->step, j->y + (size_t)y * j->size_y,
                  out->step_y, j->index + y);
    while (next_round(loops.kept, loops.n_kept, at, &x, &y));
}

static const ct_reduce_kernels *kernels(void)
{
#if CT_X86_KERNELS
    if (ct__isa() >= 2)
        return &ct__reduce_kernels_avx512;
    if (ct__isa() == 1)
        return &ct__reduce_kernels_avx2;
#endif
    return &ct__reduce_kernels_portable;
}

/* y = the fold of x over the axes in the mask, and, if index is not NULL, where along the one axis it was found. y is
 * contiguous. count is what a mean divides by. */
static ct_status fold(ct_reducer_kind kind, const ct_tensor *x, unsigned reduced, double count, void *y, size_t size_y,
                      int64_t *index, const char *what)
{
    ct_dtype dtype = (ct_dtype)x->dtype;
    job j = {.loops = make_nest(x, reduced),
             .x = ct__ptr(x),
             .y = y,
             .size_x = ct_dtype_size(dtype),
             .size_y = size_y,
             .fold = &kernels()->folds[kind][ct__loops_of(dtype)],
             .count = count,
             .locate = kernels()->locate[ct__loops_of(dtype)],
             .index = index};
    plan(&j);
    if (j.results == 0)
        return CT_OK;
    size_t partial = (size_t)(j.results * j.parts_reduced) * j.fold->accumulator_size;
    if (j.parts_reduced > 1 && !(j.partial = ct__alloc(partial)))
        return ct__no_memory(what);
    ct__parallel(j.parts_kept * j.parts_reduced, fold_task, &j);
    if (j.partial) {
        for (int64_t part = 1; part < j.parts_reduced; part++)
            j.fold->merge(j.partial, j.partial + (size_t)(part * j.results) * j.fold->accumulator_size, j.results);
        j.fold->finish(y, 1, j.partial, j.results, count);
        ct__free(j.partial, partial);
    }
    if (index)
        ct__parallel(j.parts_kept, locate_task, &j);
    return CT_OK;
}

/* ---- axes and shapes ---- */

/* The axes as a mask, which the shape rule has checked. */
static unsigned axes_mask(const ct_call *call, int rank)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    unsigned mask = 0;
    if (over->n_axes == 0)
        return (1u << rank) - 1;
    for (int i = 0; i < over->n_axes; i++)
        mask |= 1u << ct__axis((int)over->axes[i], rank);
    return mask;
}

ct_status ct__check_axes(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    int rank = ct_rank(ct_call_input(call, 0));
    unsigned seen = 0;
    for (int i = 0; i < over->n_axes; i++) {
        int axis = ct__call_axis(call, over->axes[i], rank);
        if (axis < 0)
            return CT_ERROR_ARGUMENT;
        if (seen >> axis & 1)
            return ct_call_error(call, CT_ERROR_ARGUMENT, "axis %d is named twice: %s", axis, ct_call_shapes(call));
        seen |= 1u << axis;
    }
    return CT_OK;
}

/* Declares output i: the input's shape without the reduced axes, or with size 1 there. */
static ct_status declare(ct_call *call, int i, ct_dtype dtype)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    unsigned mask = axes_mask(call, x->rank);
    int64_t shape[CT_MAX_RANK];
    int rank = 0;
    for (int axis = 0; axis < x->rank; axis++) {
        if (!(mask >> axis & 1))
            shape[rank++] = x->shape[axis];
        else if (over->keepdim)
            shape[rank++] = 1;
    }
    return ct_call_output_shape(call, i, dtype, shape, rank);
}

static int64_t count_reduced(const ct_call *call, const int64_t *shape, int rank)
{
    unsigned mask = axes_mask(call, rank);
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        if (mask >> i & 1)
            count *= shape[i];
    return count;
}

int64_t ct__count_reduced(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    return count_reduced(call, x->shape, x->rank);
}

ct_status ct__check_not_empty(ct_call *call)
{
    ct_status status = ct__check_axes(call);
    if (status == CT_OK && ct__count_reduced(call) == 0)
        return ct_call_error(call, CT_ERROR_SHAPE, "no elements to choose from: %s", ct_call_shapes(call));
    return status;
}

/* For operations that know one axis only. */
static ct_status check_one_axis(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    if (over->n_axes != 1)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "needs one axis, got %lld", (long long)over->n_axes);
    return ct__check_not_empty(call);
}

/* In backward: t, of the result's shape, with the reduced axes put back as size 1. */
static ct_tensor *with_axes(const ct_call *call, ct_tensor *t)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    unsigned mask = axes_mask(call, rank);
    int64_t kept[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        kept[i] = mask >> i & 1 ? 1 : shape[i];
    return ct_reshape(t, kept, rank);
}

/* In backward: t, broadcast to the shape of the input. */
static ct_tensor *spread(const ct_call *call, ct_tensor *t)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    return ct_expand(t, shape, rank);
}

static ct_status forward_fold(ct_call *call, ct_reducer_kind kind, double count)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    return fold(kind, x, axes_mask(call, x->rank), count, ct__ptr(y), ct_dtype_size((ct_dtype)y->dtype), NULL,
                call->op->name);
}

CT_OPTIONS_INIT(ct_reduce_options)

ct_tensor *ct__reduce(const ct_op *op, ct_tensor *x, const ct_reduce_options *options, double number)
{
    CT_READ_OPTIONS(ct_reduce_options, o, options, op->name);
    if (!o)
        return NULL;
    ct_reduce_attributes over = {.n_axes = o->n_axes, .keepdim = o->keepdim, .number = number};
    if (o->n_axes < 0 || o->n_axes > CT_MAX_RANK) {
        ct__error(CT_ERROR_ARGUMENT, "%s: %d axes are not in 0..%d", op->name, o->n_axes, CT_MAX_RANK);
        return NULL;
    }
    if (o->n_axes > 0 && !o->axes) {
        ct__error(CT_ERROR_NULL, "%s: axes is NULL", op->name);
        return NULL;
    }
    for (int i = 0; i < o->n_axes; i++)
        over.axes[i] = o->axes[i];
    return (ct_apply)(op, &x, 1, &over);
}

/* What most reductions are tried on. */
static const ct_sample reduction_samples[] = {{"3x4", NULL},
                                              {"2x3x4", OVER(ALONG(1))},
                                              {"2x3x4", OVER(ALONG(0, -1), .keepdim = 1)},
                                              {"2x3x4x2", OVER(ALONG(-1, 1))},
                                              {"3x1x2", OVER(ALONG(1), .keepdim = 1)},
                                              {"5", OVER(ALONG(0))},
                                              {"scalar", NULL},
                                              {"0x3", OVER(ALONG(1))},
                                              {0}};

/* ---- sum ---- */

/* Integers are added up and multiplied as int64. */
static ct_status infer_total(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_dtype dtype = (ct_dtype)x->dtype;
    ct_status status = ct__check_axes(call);
    return status != CT_OK ? status : declare(call, 0, ct_dtype_is_float(dtype) ? dtype : CT_INT64);
}

static ct_status forward_sum(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_SUM, 1);
}

static ct_status backward_sum(ct_call *call)
{
    return ct_call_set_grad(call, 0, spread(call, with_axes(call, ct_call_grad_output(call, 0))));
}

ct_tensor *ct_sum(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_sum, x, options, 0);
}

const ct_op ct_op_sum = {
    .name = "sum",
    .takes = {CT_COMPUTED},
    .gradient = "g broadcast over the reduced axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_total,
    .forward = forward_sum,
    .backward = backward_sum,
    .samples = reduction_samples,
};

/* ---- mean ---- */

static ct_status infer_mean(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_status status = ct__check_axes(call);
    return status != CT_OK ? status : declare(call, 0, (ct_dtype)x->dtype);
}

static ct_status forward_mean(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_SUM, (double)ct__count_reduced(call));
}

static ct_status backward_mean(ct_call *call)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    ct_tensor *g = with_axes(call, ct_call_grad_output(call, 0));
    int64_t count = count_reduced(call, shape, rank);
    double share = count > 0 ? 1 / (double)count : 0;
    return ct_call_set_grad(call, 0, spread(call, ct_mul_scalar(g, share)));
}

ct_tensor *ct_mean(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_mean, x, options, 0);
}

const ct_op ct_op_mean = {
    .name = "mean",
    .gradient = "g / n broadcast over the n elements of the reduced axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_mean,
    .forward = forward_mean,
    .backward = backward_mean,
    .samples = reduction_samples,
};

ct_tensor *ct__mean_of(ct_tensor *sum, double count)
{
    return count != 0 ? ct_mul_scalar(sum, 1 / count) : ct_add_scalar(sum, NAN);
}

/* ---- prod ---- */

static ct_status forward_prod(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_PROD, 1);
}

/* x with the reduced axes last, as one; order gets which of x's axes each was. */
static ct_tensor *reduced_last(const ct_call *call, ct_tensor *x, int64_t *order)
{
    unsigned mask = axes_mask(call, x->rank);
    int64_t shape[CT_MAX_RANK];
    int kept = 0, rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (!(mask >> i & 1)) {
            shape[kept] = x->shape[i];
            order[kept++] = i;
        }
    rank = kept;
    for (int i = 0; i < x->rank; i++)
        if (mask >> i & 1)
            order[rank++] = i;
    shape[kept] = count_reduced(call, x->shape, x->rank);
    return ct_reshape(ct_permute(x, order, x->rank), shape, kept + 1);
}

/* The inverse of reduced_last, for a tensor of x's shape. */
static ct_tensor *put_back(ct_tensor *t, const ct_tensor *x, const int64_t *order)
{
    int64_t shape[CT_MAX_RANK], inverse[CT_MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        shape[i] = x->shape[order[i]];
        inverse[order[i]] = i;
    }
    return ct_permute(ct_reshape(t, shape, x->rank), inverse, x->rank);
}

/* For each element the product of those before it along the last axis, or, with reverse, of those behind it. */
static ct_tensor *product_so_far(ct_tensor *x, bool reverse)
{
    int64_t n = ct_size(x, -1);
    ct_tensor *at_end = ct_eq(ct_arange(CT_INT64, 0, 1, n), ct_scalar(CT_INT64, reverse ? (double)(n - 1) : 0));
    ct_tensor *one_then_zeros = ct_expand(ct_cast(at_end, ct_dtype_of(x)), ct_shape(x), ct_rank(x));
    ct_tensor *factors = ct_slice(x, -1, reverse, reverse ? n : n - 1, 1);
    return ct_linear_recurrence(factors, one_then_zeros, -1, reverse);
}

/* No division, so that zeros are no special case. */
static ct_status backward_prod(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int64_t order[CT_MAX_RANK];
    if (!x || x->numel == 0)
        return x ? CT_OK : ct_error_code();
    ct_tensor *rows = reduced_last(call, x, order);
    ct_tensor *others = ct_mul(product_so_far(rows, false), product_so_far(rows, true));
    return ct_call_set_grad(call, 0, ct_mul(with_axes(call, ct_call_grad_output(call, 0)), put_back(others, x, order)));
}

ct_tensor *ct_prod(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_prod, x, options, 0);
}

const ct_op ct_op_prod = {
    .name = "prod",
    .takes = {CT_COMPUTED},
    .gradient = "g times the product of the other elements",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_total,
    .forward = forward_prod,
    .backward = backward_prod,
    .samples = reduction_samples,
};

/* ---- amax, amin ---- */

static ct_status infer_extreme(ct_call *call)
{
    ct_status status = ct__check_not_empty(call);
    return status != CT_OK ? status : declare(call, 0, (ct_dtype)ct_call_input(call, 0)->dtype);
}

static ct_status forward_amax(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_MAX, 1);
}

static ct_status forward_amin(ct_call *call)
{
    return forward_fold(call, CT_REDUCE_MIN, 1);
}

static ct_status backward_extreme(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    const ct_reduce_options keepdim = {CT_DEFAULTS(ct_reduce_options), .axes = over->axes, .n_axes = (int)over->n_axes,
                                       .keepdim = true};
    ct_tensor *g = ct_call_grad_output(call, 0), *y = with_axes(call, ct_call_output(call, 0));
    ct_tensor *chosen = ct_cast(ct_eq(ct_call_input(call, 0), y), ct_dtype_of(g));
    ct_tensor *share = ct_div(with_axes(call, g), ct_sum(chosen, &keepdim));
    return ct_call_set_grad(call, 0, ct_mul(chosen, share));
}

ct_tensor *ct_amax(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_amax, x, options, 0);
}

ct_tensor *ct_amin(ct_tensor *x, const ct_reduce_options *options)
{
    return ct__reduce(&ct_op_amin, x, options, 0);
}

const ct_op ct_op_amax = {
    .name = "amax",
    .takes = {CT_COMPUTED},
    .gradient = "g where x is the largest, shared equally between ties",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_extreme,
    .forward = forward_amax,
    .backward = backward_extreme,
    .samples = reduction_samples,
};

const ct_op ct_op_amin = {
    .name = "amin",
    .takes = {CT_COMPUTED},
    .gradient = "g where x is the smallest, shared equally between ties",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_extreme,
    .forward = forward_amin,
    .backward = backward_extreme,
    .samples = reduction_samples,
};

/* ---- max, min: with where it is ---- */

static ct_status infer_place(ct_call *call)
{
    ct_status status = check_one_axis(call);
    if (status == CT_OK)
        status = declare(call, 0, (ct_dtype)ct_call_input(call, 0)->dtype);
    return status != CT_OK ? status : declare(call, 1, CT_INT64);
}

static ct_status forward_place(ct_call *call, ct_reducer_kind kind)
{
    const ct_tensor *x = ct_call_input(call, 0);
    return fold(kind, x, axes_mask(call, x->rank), 1, ct_call_output_data(call, 0), ct_dtype_size((ct_dtype)x->dtype),
                ct_call_output_data(call, 1), call->op->name);
}

static ct_status forward_max(ct_call *call)
{
    return forward_place(call, CT_REDUCE_MAX);
}

static ct_status forward_min(ct_call *call)
{
    return forward_place(call, CT_REDUCE_MIN);
}

/* The gradient of input 0: g, added up where the index says. */
static ct_status scatter(ct_call *call, int64_t axis, ct_tensor *index, ct_tensor *g)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    return ct_call_set_grad(call, 0, ct_scatter_add(ct_zeros(dtype, shape, rank), (int)axis, index, g));
}

ct_status ct__scatter_back(ct_call *call, int64_t axis)
{
    return scatter(call, axis, ct_call_output(call, 1), ct_call_grad_output(call, 0));
}

static ct_status backward_place(ct_call *call)
{
    const ct_reduce_attributes *over = ct_call_attributes(call);
    ct_tensor *index = with_axes(call, ct_call_output(call, 1)), *g = with_axes(call, ct_call_grad_output(call, 0));
    return scatter(call, over->axes[0], index, g);
}

ct_tensor *ct__with_indices(const ct_op *op, ct_tensor *x, const void *attributes, ct_tensor **indices)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(op, &x, 1, attributes, outputs);
    if (indices)
        *indices = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

ct_tensor *ct_max(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_max, x, OVER(ALONG(axis), .keepdim = keepdim), indices);
}

ct_tensor *ct_min(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices)
{
    return ct__with_indices(&ct_op_min, x, OVER(ALONG(axis), .keepdim = keepdim), indices);
}

static const ct_sample place_samples[] = {{"3x5", OVER(ALONG(1))},    {"2x3x4", OVER(ALONG(1), .keepdim = 1)},
                                          {"2x3x4", OVER(ALONG(-3))}, {"4", OVER(ALONG(0))},
                                          {"0x3", OVER(ALONG(1))},    {0}};

const ct_op ct_op_max = {
    .name = "max",
    .takes = {CT_COMPUTED},
    .gradient = "g at the first of the largest",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_place,
    .forward = forward_max,
    .backward = backward_place,
    .samples = place_samples,
};

const ct_op ct_op_min = {
    .name = "min",
    .takes = {CT_COMPUTED},
    .gradient = "g at the first of the smallest",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_place,
    .forward = forward_min,
    .backward = backward_place,
    .samples = place_samples,
};

/* ---- argmax, argmin: only where ---- */

static ct_status infer_only_place(ct_call *call)
{
    ct_status status = check_one_axis(call);
    return status != CT_OK ? status : declare(call, 0, CT_INT64);
}

static ct_status forward_only_place(ct_call *call, ct_reducer_kind kind)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    size_t size = ct_dtype_size((ct_dtype)x->dtype), bytes = (size_t)y->numel * size;
    void *extremes = ct__alloc(bytes);
    if (!extremes)
        return ct__no_memory(call->op->name);
    ct_status status =
        fold(kind, x, axes_mask(call, x->rank), 1, extremes, size, (int64_t *)ct__ptr(y), call->op->name);
    ct__free(extremes, bytes);
    return status;
}

static ct_status forward_argmax(ct_call *call)
{
    return forward_only_place(call, CT_REDUCE_MAX);
}

static ct_status forward_argmin(ct_call *call)
{
    return forward_only_place(call, CT_REDUCE_MIN);
}

ct_tensor *ct_argmax(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_argmax, &x, 1, OVER(ALONG(axis)));
}

ct_tensor *ct_argmin(ct_tensor *x, int axis)
{
    return (ct_apply)(&ct_op_argmin, &x, 1, OVER(ALONG(axis)));
}

const ct_op ct_op_argmax = {
    .name = "argmax",
    .takes = {CT_COMPUTED},
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_only_place,
    .forward = forward_argmax,
    .samples = place_samples,
};

const ct_op ct_op_argmin = {
    .name = "argmin",
    .takes = {CT_COMPUTED},
    .gradient = "none: a position does not change with x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_reduce_attributes),
    .attribute_names = CT_REDUCE_NAMES,
    .infer = infer_only_place,
    .forward = forward_argmin,
    .samples = place_samples,
};

/* ---- sum_to: the adjoint of broadcasting ---- */

/* Axis i of x goes with axis i - added of the shape. */
static ct_status infer_sum_to(ct_call *call)
{
    const ct_shape_attributes *to = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    ct_dtype dtype = (ct_dtype)x->dtype;
    int rank = (int)to->rank, added = x->rank - rank;
    bool fits = added >= 0;
    for (int i = 0; fits && i < rank; i++)
        fits = to->shape[i] == 1 || to->shape[i] == x->shape[i + added];
    char text[CT_SHAPE_TEXT];
    if (!fits)
        return ct_call_error(call, CT_ERROR_SHAPE, "%s does not broadcast to %s", ct__shape_text(to->shape, rank, text),
                             ct_call_shapes(call));
    return ct_call_output_shape(call, 0, dtype, to->shape, rank);
}

static ct_status forward_sum_to(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    ct_tensor *y = ct_call_output(call, 0);
    int added = x->rank - y->rank;
    unsigned mask = 0;
    for (int i = 0; i < x->rank; i++)
        if (i < added || y->shape[i - added] == 1)
            mask |= 1u << i;
    return fold(CT_REDUCE_SUM, x, mask, 1, ct__ptr(y), ct_dtype_size((ct_dtype)y->dtype), NULL, call->op->name);
}

static ct_status backward_sum_to(ct_call *call)
{
    return ct_call_set_grad(call, 0, spread(call, ct_call_grad_output(call, 0)));
}

ct_tensor *ct_sum_to(ct_tensor *x, const int64_t *shape, int rank)
{
    return ct__apply_to_shape(&ct_op_sum_to, x, shape, rank);
}

const ct_op ct_op_sum_to = {
    .name = "sum_to",
    .gradient = "g broadcast to the input's shape",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .infer = infer_sum_to,
    .forward = forward_sum_to,
    .backward = backward_sum_to,
    .samples = (const ct_sample[]){{"2x3x4", &(ct_shape_attributes){{3, 1}, 2}},
                                   {"2x3x4", &(ct_shape_attributes){{1, 3, 1}, 3}},
                                   {"2x3", &(ct_shape_attributes){{0}, 0}},
                                   {"2x3", &(ct_shape_attributes){{2, 3}, 2}},
                                   {"scalar", &(ct_shape_attributes){{0}, 0}},
                                   {"0x3", &(ct_shape_attributes){{1, 3}, 2}},
                                   {0}},
};

__attribute__((constructor)) static void serve_engine(void)
{
    ct__engine_ops.sum_to = ct_sum_to;
}
