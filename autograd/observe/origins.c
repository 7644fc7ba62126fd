/* Where each size of a result comes from: which sizes of the inputs it grows with, as the operation's own shape rule says.
 *
 * Invariant: nothing but the shape rule runs, on inputs without elements of their own; what it refuses tells nothing. */
#include "trace_internal.h"
#include <string.h>

/* An axis of an input. */
typedef struct place {
    int input, axis, from_end;
    int64_t size;
    bool alone, grew; /* it may grow while all others stay; with others */
} place;

typedef struct probing {
    const ct_event *e;
    place places[CT_MAX_INPUTS * CT_MAX_RANK];
    int n_places;
    bool grows[CT_MAX_INPUTS * CT_MAX_RANK]; /* the places that are longer, */
    bool twice;                              /* twice as long, not by one */
    uint8_t *const *axes;
} probing;

static void find_places(probing *p)
{
    for (int i = 0; i < p->e->n_inputs; i++)
        for (int axis = 0; p->e->inputs[i] && axis < p->e->inputs[i]->rank; axis++)
            p->places[p->n_places++] = (place){.input = i,
                                               .axis = axis,
                                               .from_end = p->e->inputs[i]->rank - axis,
                                               .size = p->e->inputs[i]->shape[axis]};
}

/* Input i with what is to grow; its elements are one, zero, at all places. */
static ct_tensor *grown(const probing *p, int i)
{
    static const int64_t still[CT_MAX_RANK];
    const ct_tensor *like = p->e->inputs[i];
    int64_t shape[CT_MAX_RANK];
    ct_tensor *one = ct__tensor_new((ct_dtype)like->dtype, NULL, 0, like->made_by);
    if (!one)
        return NULL;
    memset(ct__ptr(one), 0, ct_dtype_size((ct_dtype)like->dtype));
    memcpy(shape, like->shape, sizeof *shape * like->rank);
    for (int k = 0; k < p->n_places; k++)
        if (p->places[k].input == i && p->grows[k])
            shape[p->places[k].axis] += p->twice ? p->places[k].size : 1;
    return ct__tensor_view(one, 0, shape, still, like->rank, like->made_by);
}

/* Whether the shape rule goes on with what is to grow; outputs has then what it declares. */
static bool goes_on(const probing *p, ct_tensor **outputs)
{
    const ct_event *e = p->e;
    ct_tensor *inputs[CT_MAX_INPUTS] = {NULL};
    for (int i = 0; i < e->n_inputs; i++)
        if (e->inputs[i] && !(inputs[i] = grown(p, i)))
            return false;
    ct_call call = {.op = e->op,
                    .thread = ct__here(),
                    .attributes = e->attributes,
                    .inputs = inputs,
                    .n_inputs = e->n_inputs,
                    .n_outputs = e->n_outputs + e->op->hidden,
                    .outputs = outputs};
    return e->op->infer(&call) == CT_OK;
}

/* Notes which axes of output o are longer now, for place k; whether one is. */
static bool note(const probing *p, int k, int o, const ct_tensor *output)
{
    const ct_tensor *before = p->e->outputs[o];
    bool any = false;
    for (int axis = 0; output && output->rank == before->rank && axis < output->rank; axis++)
        if (output->shape[axis] != before->shape[axis]) {
            any = true;
            p->axes[o][axis * p->e->n_inputs + p->places[k].input] |= (uint8_t)(1U << p->places[k].axis);
        }
    return any;
}

/* Grows what is chosen by one, or to twice its size, for place k; false if the rule refuses. */
static bool grow_so(probing *p, int k, bool twice, bool *noted)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {NULL};
    ct_scope scope;
    p->twice = twice;
    ct__scope_push(&scope);
    bool good = goes_on(p, outputs);
    for (int o = 0; good && o < p->e->n_outputs; o++)
        *noted |= note(p, k, o, outputs[o]);
    ct__scope_pop(&scope);
    if (ct_error_code() != CT_ERROR_MEMORY)
        ct_error_clear();
    return good;
}

/* Both, where one alone changes nothing: a stride leaves out what is too little for another step. */
static bool grow(probing *p, int k)
{
    bool noted = false, good = grow_so(p, k, false, &noted);
    if (good && !noted)
        grow_so(p, k, true, &noted);
    return good;
}

static bool grow_alone(probing *p, int k)
{
    memset(p->grows, 0, sizeof p->grows);
    p->grows[k] = true;
    return grow(p, k);
}

/* Sizes that must be the same grow together: those of the same size that may not grow alone; aligned: as far from the end. */
static bool grow_together(probing *p, int k, bool aligned)
{
    const place *of = &p->places[k];
    for (int j = 0; j < p->n_places; j++) {
        const place *other = &p->places[j];
        p->grows[j] = !other->alone && other->size == of->size && (!aligned || other->from_end == of->from_end);
    }
    return grow(p, k);
}

static bool grow_with_one(probing *p, int k)
{
    for (int j = 0; j < p->n_places; j++) {
        if (j == k || p->places[j].alone || p->places[j].size != p->places[k].size)
            continue;
        memset(p->grows, 0, sizeof p->grows);
        p->grows[k] = p->grows[j] = true;
        if (grow(p, k))
            return true;
    }
    return false;
}

/* ---- sizes that were given to the operation, which its rule holds to ---- */

static bool has_origin(const probing *p, int o, int axis)
{
    for (int i = 0; i < p->e->n_inputs; i++)
        if (p->axes[o][axis * p->e->n_inputs + i])
            return true;
    return false;
}

/* Whether the elements of the one input are those of the result, and its rule does not tell of all axes: a reshape. */
static bool is_reshape(const probing *p)
{
    const ct_tensor *x = p->e->inputs[0], *y = p->e->outputs[0];
    bool untold = false;
    for (int axis = 0; axis < y->rank; axis++)
        untold |= !has_origin(p, 0, axis);
    return untold && p->e->n_inputs == 1 && p->e->n_outputs == 1 && x && x->numel == y->numel;
}

/* In the order of the elements the first axes, as long as they are of one size, and the last ones stay what they were; those between
 * are made of those between. */
static void match_ends(const probing *p)
{
    const ct_tensor *x = p->e->inputs[0], *y = p->e->outputs[0];
    int least = x->rank < y->rank ? x->rank : y->rank, first = 0, last = 0;
    while (first < least && x->shape[first] == y->shape[first])
        first++;
    while (first + last < least && x->shape[x->rank - 1 - last] == y->shape[y->rank - 1 - last])
        last++;
    unsigned between = (1U << (x->rank - last)) - (1U << first);
    for (int axis = 0; axis < y->rank; axis++) {
        bool before = axis < first, behind = axis >= y->rank - last;
        p->axes[0][axis] = (uint8_t)(before ? 1U << axis : behind ? 1U << (axis + x->rank - y->rank) : between);
    }
}

/* Those that may not grow go with axes of their size that are as far from the end, as in an expansion. */
static void match_places(const probing *p)
{
    for (int o = 0; o < p->e->n_outputs; o++)
        for (int k = 0; k < p->n_places; k++) {
            const place *from = &p->places[k];
            int axis = p->e->outputs[o]->rank - from->from_end;
            if (!from->grew && axis >= 0 && p->e->outputs[o]->shape[axis] == from->size && !has_origin(p, o, axis))
                p->axes[o][axis * p->e->n_inputs + from->input] |= (uint8_t)(1U << from->axis);
        }
}

/* ---- the whole ---- */

static ct_status make_tables(ct_arena *arena, const ct_event *e, uint8_t **axes)
{
    for (int o = 0; o < e->n_outputs; o++) {
        size_t bytes = (size_t)e->outputs[o]->rank * (size_t)e->n_inputs;
        if (!(axes[o] = ct__arena_alloc(arena, bytes + 1)))
            return CT_ERROR_MEMORY;
        memset(axes[o], 0, bytes);
    }
    return CT_OK;
}

ct_status ct__axis_origins(ct_arena *arena, const ct_event *e, uint8_t **axes)
{
    probing p = {.e = e, .axes = axes};
    if (make_tables(arena, e, axes) != CT_OK)
        return CT_ERROR_MEMORY;
    find_places(&p);
    for (int k = 0; k < p.n_places; k++)
        p.places[k].grew = p.places[k].alone = grow_alone(&p, k);
    for (int k = 0; k < p.n_places; k++)
        if (!p.places[k].alone)
            p.places[k].grew = grow_together(&p, k, true) || grow_with_one(&p, k) || grow_together(&p, k, false);
    if (is_reshape(&p))
        match_ends(&p);
    else
        match_places(&p);
    return ct_error_code();
}
