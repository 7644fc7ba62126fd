/* What the story and the pictures need of a trace besides what it has seen: labels, a backward if none has run, and a graph from
 * before it began.
 *
 * Invariant: leaves are left as they are. */
#include "trace_internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- labels ---- */

static const char *numbered(ct_arena *arena, const char *kind, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%s%lld", kind, (long long)number);
    return ct__arena_text(arena, text);
}

const char **ct__trace_labels(const ct_trace_log *trace, ct_arena *arena)
{
    int64_t results = 0, others = 0;
    const char **labels = ct__arena_alloc(arena, (size_t)trace->n_nodes * sizeof *labels);
    for (int64_t id = 0; labels && id < trace->n_nodes; id++) {
        const ct_trace_node *node = &trace->nodes[id];
        if (node->name)
            labels[id] = node->name;
        else if (node->kind == CT_TRACE_RESULT)
            labels[id] = numbered(arena, "t", ++results);
        else
            labels[id] = numbered(arena, node->kind == CT_TRACE_LEAF ? "leaf" : "c", ++others);
        if (!labels[id])
            return NULL;
    }
    return labels;
}

/* ---- a backward ---- */

bool ct__trace_has_run(const ct_trace_log *trace, int64_t root)
{
    for (int64_t k = 0; k < trace->n_steps; k++)
        if (trace->steps[k].action == CT_STEP_SEED && trace->steps[k].to == root)
            return true;
    return false;
}

ct_status ct__trace_run_back(ct_trace_log *trace, ct_tensor *root)
{
    int64_t n = 0;
    size_t bytes = (size_t)trace->n_nodes * sizeof(ct_tensor *);
    ct_tensor **leaves = ct__alloc(bytes), **results = ct__alloc(bytes);
    ct_status status = leaves && results ? CT_OK : ct__no_memory("explain");
    if (status == CT_OK) {
        n = ct__trace_leaves(trace, leaves);
        CT_OPTIONS(ct_grad_options, o, .retain_graph = true, .allow_unused = true);
        status = ct_grad(&root, 1, leaves, (int)n, results, &o);
    }
    for (int64_t i = 0; status == CT_OK && i < n; i++)
        ct_release(results[i]);
    ct__free(leaves, bytes);
    ct__free(results, bytes);
    return status;
}

/* ---- a graph from before ---- */

static bool kept(const ct_saved *saved)
{
    return saved->tensor && ct__is_alive(saved->tensor) && saved->version == saved->tensor->storage->version;
}

static ct_status add_outputs(ct_trace_log *trace, struct ct_node *node, const ct_tensor *root, const int64_t *inputs)
{
    for (int i = 0; i < node->n_outputs; i++) {
        const ct_output_info *info = &node->output_info[i];
        const ct_saved *saved = &node->saved[node->n_inputs + i];
        bool is_root = root->node == node && root->output == i;
        const ct_tensor *t = is_root ? root : !node->freed && kept(saved) ? saved->tensor : NULL;
        ct_trace_node what = {
            .kind = CT_TRACE_RESULT,
            .name = t ? t->name : NULL,
            .op = node->op->name,
            .formula = node->op->gradient,
            .region = node->region->path,
            .attributes = ct__attributes_text(&trace->arena, node->op, node->attributes),
            .output = i,
            .n_inputs = node->n_inputs,
            .inputs = inputs,
            .value = t ? ct__snapshot(&trace->arena, t)
                       : ct__snapshot_of_shape(&trace->arena, (ct_dtype)info->dtype, info->shape, info->rank)};
        if (ct__trace_made_by(trace, node, i) < 0 && !ct__trace_add(trace, node, i, NULL, what))
            return CT_ERROR_MEMORY;
    }
    return CT_OK;
}

/* The id of input i, whose value this node may have kept; -1 if nothing of it is left. */
static ct_status find_input(ct_trace_log *trace, const struct ct_node *node, int i, int64_t *id)
{
    const ct_edge *edge = &node->edges[i];
    const ct_tensor *t = !node->freed && kept(&node->saved[i]) ? node->saved[i].tensor : NULL;
    *id = -1;
    if (edge->node) {
        *id = ct__trace_made_by(trace, edge->node, edge->output);
        ct_trace_node *made = &trace->nodes[*id];
        if (t && !made->value->values)
            made->value = ct__snapshot(&trace->arena, t);
        if (t && t->name)
            made->name = t->name;
        return made->value ? CT_OK : CT_ERROR_MEMORY;
    }
    t = edge->leaf ? edge->leaf : t;
    if (t)
        *id = ct__trace_meet(trace, t);
    return t && *id < 0 ? CT_ERROR_MEMORY : CT_OK;
}

static ct_status add_one(ct_trace_log *trace, struct ct_node *node, const ct_tensor *root)
{
    int64_t *inputs = ct__arena_alloc(&trace->arena, (size_t)node->n_inputs * sizeof *inputs);
    ct_status status = inputs ? CT_OK : CT_ERROR_MEMORY;
    for (int i = 0; status == CT_OK && i < node->n_inputs; i++)
        status = find_input(trace, node, i, &inputs[i]);
    return status == CT_OK ? add_outputs(trace, node, root, inputs) : status;
}

/* Leaves have what earlier runs have accumulated. */
static ct_status note_gradients(ct_trace_log *trace)
{
    size_t bytes = (size_t)trace->n_nodes * sizeof(ct_tensor *);
    ct_tensor **leaves = ct__alloc(bytes);
    if (!leaves)
        return ct__no_memory("trace");
    int64_t n = ct__trace_leaves(trace, leaves);
    for (int64_t i = 0; i < n; i++) {
        ct_trace_node *node = &trace->nodes[ct__trace_id(trace, leaves[i])];
        if (!leaves[i]->grad || node->gradient)
            continue;
        node->gradient = ct__snapshot(&trace->arena, leaves[i]->grad);
        node->state =
            node->gradient && node->gradient->zeros == node->gradient->numel ? CT_GRADIENT_ZERO : CT_GRADIENT_NUMBER;
    }
    ct__free(leaves, bytes);
    return ct_error_code();
}

ct_status ct__trace_add_graph(ct_trace_log *trace, ct_tensor *root)
{
    if (!root->node)
        return ct__trace_meet(trace, root) < 0 ? CT_ERROR_MEMORY : note_gradients(trace);
    ct_order order;
    struct ct_node *start = root->node;
    ct_status status = ct__order_begin(&order, &start, 1);
    for (int64_t k = order.count - 1; status == CT_OK && k >= 0; k--)
        status = add_one(trace, order.nodes[k], root);
    ct__order_end(&order);
    return status == CT_OK ? note_gradients(trace) : status;
}
