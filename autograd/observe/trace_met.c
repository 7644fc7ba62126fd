/* The tensors that a trace has met: a node each, and a table that finds it.
 *
 * Invariant: while the trace runs it holds the nodes and the unrecorded tensors of the table, so that an address means one of them. */
#include "tracing.h"
#include <string.h>

/* ---- what it has met ---- */

ct_trace_key ct__trace_key(const ct_tensor *t)
{
    if (t->node)
        return (ct_trace_key){t->node, t->output};
    return (ct_trace_key){t, t->storage->version};
}

static ct_trace_entry *place_of(const ct_tracing *g, ct_trace_key k)
{
    uint64_t hash = ((uint64_t)(uintptr_t)k.address * 0x9e3779b97f4a7c15u) ^ ((uint64_t)k.part * 0xff51afd7ed558ccdu);
    int64_t mask = g->room - 1;
    for (int64_t i = (int64_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        ct_trace_entry *e = &g->entries[i];
        if ((!e->node && !e->tensor) || (e->key.address == k.address && e->key.part == k.part))
            return e;
    }
}

const ct_trace_entry *ct__trace_entry(const ct_trace_log *trace, ct_trace_key k)
{
    const ct_tracing *g = trace->tracing;
    const ct_trace_entry *e = g && g->room ? place_of(g, k) : NULL;
    return e && (e->node || e->tensor) ? e : NULL;
}

int64_t ct__trace_id(const ct_trace_log *trace, const ct_tensor *t)
{
    const ct_trace_entry *e = ct__trace_entry(trace, ct__trace_key(t));
    return e ? e->id : -1;
}

static ct_status grow_table(ct_tracing *g)
{
    if (2 * (g->n_entries + 1) < g->room)
        return CT_OK;
    ct_tracing larger = {.room = g->room ? 2 * g->room : 256};
    size_t bytes = (size_t)larger.room * sizeof *larger.entries;
    larger.entries = ct__alloc(bytes);
    if (!larger.entries)
        return ct__no_memory("trace");
    memset(larger.entries, 0, bytes);
    for (int64_t i = 0; i < g->room; i++)
        if (g->entries[i].node || g->entries[i].tensor)
            *place_of(&larger, g->entries[i].key) = g->entries[i];
    ct__free(g->entries, (size_t)g->room * sizeof *g->entries);
    g->entries = larger.entries;
    g->room = larger.room;
    return CT_OK;
}

ct_status ct__trace_grow(void **array, int64_t count, int64_t *room, size_t size)
{
    if (count < *room)
        return CT_OK;
    int64_t larger = *room ? 2 * *room : 128;
    void *copy = ct__alloc((size_t)larger * size);
    if (!copy)
        return ct__no_memory("trace");
    if (count)
        memcpy(copy, *array, (size_t)count * size);
    ct__free(*array, (size_t)*room * size);
    *array = copy;
    *room = larger;
    return CT_OK;
}

/* ---- nodes ---- */

ct_trace_node *ct__trace_append(ct_trace_log *trace, ct_trace_node what)
{
    if (ct__trace_grow((void **)&trace->nodes, trace->n_nodes, &trace->room_nodes, sizeof *trace->nodes) != CT_OK)
        return NULL;
    what.id = trace->n_nodes;
    what.freed = -1;
    trace->nodes[trace->n_nodes] = what;
    return &trace->nodes[trace->n_nodes++];
}

ct_trace_node *ct__trace_add(ct_trace_log *trace, struct ct_node *made_by, int output, const ct_tensor *t,
                             ct_trace_node what)
{
    ct_tracing *g = trace->tracing;
    what.recorded = made_by != NULL;
    if (!what.value || grow_table(g) != CT_OK || !ct__trace_append(trace, what))
        return NULL;
    ct_trace_node *node = &trace->nodes[trace->n_nodes - 1];
    ct_trace_key k = made_by ? (ct_trace_key){made_by, output} : ct__trace_key(t);
    *place_of(g, k) =
        (ct_trace_entry){.key = k, .id = node->id, .node = made_by, .tensor = made_by ? NULL : (ct_tensor *)t};
    g->n_entries++;
    if (made_by)
        made_by->refs++;
    else
        ct__tensor_ref((ct_tensor *)t);
    return node;
}

static ct_trace_node *add_node(ct_trace_log *trace, const ct_tensor *t)
{
    if (t->requires_grad && !t->node && ct__watch_notice(trace, &trace->tracing->watch, t) != CT_OK)
        return NULL;
    ct_trace_node what = {.kind = t->requires_grad ? CT_TRACE_LEAF : CT_TRACE_CONSTANT,
                          .name = t->name,
                          .op = t->made_by,
                          .region = "",
                          .file = t->file,
                          .line = t->line,
                          .value = ct__snapshot(&trace->arena, t)};
    return ct__trace_add(trace, t->node, t->output, t, what);
}

int64_t ct__trace_meet(ct_trace_log *trace, const ct_tensor *t)
{
    const ct_trace_entry *e = ct__trace_entry(trace, ct__trace_key(t));
    ct_trace_node *node = e ? &trace->nodes[e->id] : add_node(trace, t);
    if (!node)
        return -1;
    if (t->name)
        node->name = t->name;
    if (!e && t->node) { /* made before the trace began */
        node->kind = CT_TRACE_RESULT;
        node->region = t->node->region->path;
        node->formula = t->node->op->gradient;
    }
    return node->id;
}

int64_t ct__trace_made_by(const ct_trace_log *trace, const struct ct_node *node, int output)
{
    const ct_trace_entry *e = ct__trace_entry(trace, (ct_trace_key){node, output});
    return e ? e->id : -1;
}

/* What node keeps of its inputs and of what it has made, of which output is id. */
static ct_status note_kept(ct_trace_log *trace, const struct ct_node *node, const int64_t *inputs, int64_t id)
{
    if (!node)
        return CT_OK;
    int64_t *kept = ct__arena_alloc(&trace->arena, (size_t)(node->n_inputs + 1) * sizeof *kept), bytes = 0;
    int n = 0;
    if (!kept)
        return CT_ERROR_MEMORY;
    for (int i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const ct_tensor *t = node->saved[i].tensor;
        bool own = i >= node->n_inputs;
        if (!t || (own && i - node->n_inputs != trace->nodes[id].output))
            continue;
        kept[n++] = own ? id : inputs[i];
        bytes += t->numel * (int64_t)ct_dtype_size((ct_dtype)t->dtype);
    }
    trace->nodes[id].n_kept = n;
    trace->nodes[id].kept = kept;
    trace->nodes[id].kept_bytes = bytes;
    return CT_OK;
}

static ct_status add_results(ct_trace_log *trace, const ct_event *e, const int64_t *inputs)
{
    const char *attributes = ct__attributes_text(&trace->arena, e->op, e->attributes);
    uint8_t *axes[CT_MAX_OUTPUTS];
    ct_status status = ct__axis_origins(&trace->arena, e, axes);
    for (int i = 0; status == CT_OK && i < e->n_outputs; i++) {
        ct_trace_node *node = add_node(trace, e->outputs[i]);
        if (!node)
            return CT_ERROR_MEMORY;
        node->axes = axes[i];
        node->kind = CT_TRACE_RESULT;
        node->op = e->op->name;
        node->formula = e->op->gradient;
        node->region = e->region;
        node->attributes = attributes;
        node->output = i;
        node->n_inputs = e->n_inputs;
        node->inputs = inputs;
        node->backward = trace->tracing->depth > 0;
        status = note_kept(trace, e->node, inputs, node->id);
    }
    return status;
}

/* The ids of what an operation was given; NULL with an error (memory). */
static const int64_t *meet_inputs(ct_trace_log *trace, const ct_event *e)
{
    int64_t *inputs = ct__arena_alloc(&trace->arena, (size_t)e->n_inputs * sizeof *inputs);
    for (int i = 0; inputs && i < e->n_inputs; i++) {
        inputs[i] = e->inputs[i] ? ct__trace_meet(trace, e->inputs[i]) : -1;
        if (e->inputs[i] && inputs[i] < 0)
            return NULL;
    }
    return inputs;
}

/* An expression's operations have been met one by one; those in which a backward is written are
 * shown by its step. */
ct_status ct__trace_see_operation(ct_trace_log *trace, const ct_event *e)
{
    bool failed = e->status != CT_OK;
    bool within = trace->tracing->depth > 0 && !e->node;
    if (within || (failed ? ct__trace_has_told(trace, e) : ct__is_expression(e->op)))
        return CT_OK;
    const int64_t *inputs = meet_inputs(trace, e);
    if (!inputs)
        return CT_ERROR_MEMORY;
    return failed ? ct__trace_add_failed(trace, e, inputs) : add_results(trace, e, inputs);
}

/* ---- what becomes known later, and the end ---- */

void ct__trace_update(ct_trace_log *trace)
{
    const ct_tracing *g = trace->tracing;
    ct__trace_locate_failure(trace);
    for (int64_t i = 0; i < g->room; i++) {
        const ct_trace_entry *e = &g->entries[i];
        ct_trace_node *node = e->node || e->tensor ? &trace->nodes[e->id] : NULL;
        if (!node)
            continue;
        node->file = e->node ? e->node->file : e->tensor->file;
        node->line = e->node ? e->node->line : e->tensor->line;
        if (e->tensor && e->tensor->name)
            node->name = e->tensor->name;
        const char *why = e->tensor && e->tensor->requires_grad ? NULL : e->tensor ? ct__why_none(e->tensor) : NULL;
        if (why && !node->why) {
            node->state = CT_GRADIENT_NONE;
            node->why = ct__arena_text(&trace->arena, why);
        }
    }
}

void ct__trace_stop(ct_trace_log *trace)
{
    ct_tracing *g = trace->tracing;
    trace->tracing = NULL;
    ct__watch_free(&g->watch);
    for (int64_t i = 0; i < g->room; i++) {
        if (g->entries[i].node)
            ct__node_unref(g->entries[i].node);
        ct__tensor_unref(g->entries[i].tensor);
    }
    ct__free(g->entries, (size_t)g->room * sizeof *g->entries);
    ct__free(g, sizeof *g);
}

int64_t ct__trace_leaves(const ct_trace_log *trace, ct_tensor **leaves)
{
    int64_t n = 0;
    for (int64_t i = 0; i < trace->tracing->room; i++) {
        ct_tensor *t = trace->tracing->entries[i].tensor;
        if (t && t->requires_grad && t->storage->version == trace->tracing->entries[i].key.part)
            leaves[n++] = t;
    }
    return n;
}
