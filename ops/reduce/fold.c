/* Folding a tensor over any set of axes: the loops around the kernels.
 *
 * Invariant: how the work is cut into tasks, and so the order of every addition, depends on shape and strides only. */
#include "fold.h"
#include <stdalign.h>
#include <string.h>

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
    MAX_PARTIAL = 4096, /* results of which each task may have a partial one, */
    MIN_PARTIAL = 16,   /* of so many elements at least, where what is outermost is reduced */
    TILE = 1024         /* accumulators at a time */
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

static void cut_kept(job *j, int64_t parts)
{
    j->parts_kept = parts;
    j->cut_kept = best_cut(j->loops.kept, j->loops.n_kept, &j->parts_kept);
}

static void cut_reduced(job *j, int64_t parts)
{
    j->parts_reduced = parts;
    j->cut_reduced = best_cut(j->loops.reduced, j->loops.n_reduced, &j->parts_reduced);
}

/* What is outermost in memory is cut first, so that a task reads what lies together: also a reduced loop, where the partial
 * results that this takes are few. */
static void plan(job *j)
{
    const nest *n = &j->loops;
    int64_t results = count_of(n->kept, n->n_kept), each = count_of(n->reduced, n->n_reduced);
    int64_t tasks = results * each / GRAIN, partial = each / MIN_PARTIAL;
    tasks = tasks < 1 ? 1 : tasks > MAX_TASKS ? MAX_TASKS : tasks;
    bool outside = magnitude(n->reduced[0].step) > magnitude(n->kept[0].step);
    j->results = results;
    if (outside && results <= MAX_PARTIAL && partial > 1) {
        cut_reduced(j, tasks < partial ? tasks : partial);
        cut_kept(j, tasks / j->parts_reduced);
    } else {
        cut_kept(j, tasks);
        cut_reduced(j, results <= MAX_PARTIAL ? tasks / j->parts_kept : 1);
    }
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
    if (step_y == 1)
        memcpy(to, acc, (size_t)n * size);
    else
        for (int64_t i = 0; i < n; i++)
            memcpy(to + (size_t)(i * step_y) * size, acc + (size_t)i * size, size);
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

ct_status ct__fold(ct_reducer_kind kind, const ct_tensor *x, unsigned reduced, double count, void *y, size_t size_y,
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
