/* ct_halve_saved(): what a function's operations save for backward is kept as bfloat16.
 *
 * The function runs as it is. Behind it the nodes that it has left are walked over, and of each tensor in float32 that they save, and that
 * is theirs alone, a copy takes the place. Invariant: a copy is of a storage, however many nodes saved tensors that lie in it. */
#include "autograd_internal.h"
#include <cotan/functional.h>
#include <string.h>

/* Storages and their copies, by open addressing; those without a copy stay as they are. */
typedef struct entry {
    const ct_storage *of;
    ct_tensor *copy;
    bool stays;
} entry;

typedef struct copies {
    entry *entries;
    size_t size; /* a power of two */
} copies;

static entry *entry_of(const copies *all, const ct_storage *storage)
{
    size_t at = (size_t)(((uintptr_t)storage >> 5) * UINT64_C(0x9E3779B97F4A7C15) >> 20);
    while (all->entries[at & (all->size - 1)].of && all->entries[at & (all->size - 1)].of != storage)
        at++;
    entry *e = &all->entries[at & (all->size - 1)];
    e->of = storage;
    return e;
}

static void keep(const copies *all, const ct_tensor *t)
{
    if (t)
        entry_of(all, t->storage)->stays = true;
}

/* ---- what must stay ---- */

/* Leaves, and what comes from outside, live anyway, and so do their views; a result without a node has no gradient on its way. */
static void keep_what_others_have(const copies *all, const struct ct_node *node, uint32_t origin)
{
    for (int i = 0; i < node->n_inputs; i++) {
        const ct_tensor *saved = node->saved[i].tensor;
        keep(all, node->edges[i].leaf);
        if (saved && (!saved->node || !ct__is_within(origin, saved->node)))
            keep(all, saved);
    }
}

/* ---- copies ---- */

static ct_tensor *copy_of(const ct_storage *storage)
{
    const int64_t n = (int64_t)(storage->bytes / sizeof(float)), step = 1;
    ct_tensor *copy = ct__tensor_new(CT_BFLOAT16, &n, 1, "halve_saved");
    if (copy)
        ct__copy_strided(CT_BFLOAT16, ct__ptr(copy), &step, CT_FLOAT32, storage->data, &step, &n, 1);
    return copy;
}

/* The same elements of the copy, known as the same result. */
static ct_tensor *stand_in(const ct_tensor *t, const ct_tensor *copy)
{
    ct_tensor *view = ct__tensor_view(copy, t->offset, t->shape, t->strides, t->rank, t->made_by);
    if (!view)
        return NULL;
    ct__scope_move(view, NULL);
    if (t->node) {
        view->node = t->node;
        view->node->refs++;
        view->output = t->output;
    }
    view->requires_grad = t->requires_grad;
    return view;
}

/* Means and such beside a result take little, and their digits count for many elements. */
static bool is_small(const ct_tensor *t, const struct ct_node *node)
{
    int64_t strides[CT_MAX_RANK];
    return t->numel * 8 <= ct__row_major(node->output_info[0].shape, node->output_info[0].rank, strides);
}

static ct_status halve(const copies *all, const struct ct_node *node, ct_saved *saved)
{
    ct_tensor *t = saved->tensor;
    if (!t || t->dtype != CT_FLOAT32 || saved->version != t->storage->version || is_small(t, node))
        return CT_OK;
    entry *e = entry_of(all, t->storage);
    if (e->stays)
        return CT_OK;
    e->copy = e->copy ? e->copy : copy_of(t->storage);
    ct_tensor *view = e->copy ? stand_in(t, e->copy) : NULL;
    if (!view)
        return CT_ERROR_MEMORY;
    *saved = (ct_saved){.tensor = view, .version = view->storage->version, .halved = true};
    ct__tensor_unref(t);
    return CT_OK;
}

/* ---- the walk ---- */

static ct_status begin(copies *all, const ct_order *order, int n)
{
    size_t most = 1;
    for (int64_t k = 0; k < order->count; k++)
        most += 2 * (size_t)order->nodes[k]->n_inputs + order->nodes[k]->n_outputs;
    most += (size_t)n;
    for (all->size = 16; all->size < 2 * most;)
        all->size *= 2;
    all->entries = ct__alloc(all->size * sizeof(entry));
    if (!all->entries)
        return ct__no_memory("halve_saved");
    memset(all->entries, 0, all->size * sizeof(entry));
    return CT_OK;
}

static ct_status halve_graph(ct_tensor *y, ct_tensor *const *inputs, int n, uint32_t origin)
{
    ct_order order;
    copies all = {0};
    ct_status status = ct__order_begin_within(origin, &order, &y->node, 1);
    if (status == CT_OK)
        status = begin(&all, &order, n);
    if (all.entries)
        keep(&all, y);
    for (int i = 0; all.entries && i < n; i++)
        keep(&all, inputs[i]);
    for (int64_t k = 0; all.entries && k < order.count; k++)
        keep_what_others_have(&all, order.nodes[k], origin);
    for (int64_t k = 0; status == CT_OK && k < order.count; k++)
        for (int i = 0; status == CT_OK && i < order.nodes[k]->n_inputs + order.nodes[k]->n_outputs; i++)
            status = halve(&all, order.nodes[k], &order.nodes[k]->saved[i]);
    if (all.entries)
        ct__free(all.entries, all.size * sizeof(entry));
    ct__order_end(&order);
    return status;
}

/* ---- the call ---- */

static ct_tensor *run(ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    ct_scope *scope = ct__scope_current();
    ct_tensor *y = fn(inputs, n, user);
    if (!y && ct_error_code() == CT_OK)
        ct__error(CT_ERROR_NULL, "halve_saved: the function has returned NULL, and no error");
    if (!y || ct__check_tensor(y, "halve_saved") != CT_OK)
        y = NULL;
    else
        ct__hand_over(y, scope);
    ct__scope_pop_to(scope);
    return y;
}

/* Within a checkpoint, which drops its graph, or another such call, which halves all, there is nothing to do. */
static ct_tensor *run_halved(ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    ct__thread_state *me = ct__here();
    if (me->origin)
        return run(fn, user, inputs, n);
    uint32_t before, origin = ct__origin_begin(&before);
    me->saves_inside = true;
    ct_tensor *y = run(fn, user, inputs, n);
    me->saves_inside = false;
    ct__origin_end(before);
    bool own = y && y->node && ct__is_within(origin, y->node);
    return own && halve_graph(y, inputs, n, origin) != CT_OK ? NULL : y;
}

ct_tensor *ct_halve_saved(ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    if (!fn || (!inputs && n > 0)) {
        ct__error(CT_ERROR_NULL, "halve_saved: %s is NULL", !fn ? "fn" : "inputs");
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if (ct__check_tensor(inputs[i], "halve_saved") != CT_OK)
            return NULL;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_tensor *y = run_halved(fn, user, inputs, n);
    if (y && y->scope == &scope)
        ct__scope_move(y, scope.parent);
    ct__scope_pop(&scope);
    return y;
}
