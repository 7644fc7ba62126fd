/* The order in which a graph is run backwards: topological from the roots, found by counting.
 *
 * Invariant: it is found iteratively, so depth costs no stack, and leaves nothing in the nodes that must be cleared. */
#include "autograd_internal.h"
#include <string.h>

static _Atomic uint64_t runs;
static _Thread_local uint64_t outermost_run = UINT64_MAX; /* of the walks under way on this thread; UINT64_MAX: none */

static ct_status order_push(ct_order *order, struct ct_node *node)
{
    if (order->count == order->room) {
        int64_t room = order->room ? order->room * 2 : 256;
        struct ct_node **nodes = ct__alloc(sizeof *nodes * (size_t)room);
        if (!nodes)
            return ct__no_memory("backward");
        if (order->count)
            memcpy(nodes, order->nodes, sizeof *nodes * (size_t)order->count);
        ct__free(order->nodes, sizeof *nodes * (size_t)order->room);
        order->nodes = nodes;
        order->room = room;
    }
    order->nodes[order->count++] = node;
    return CT_OK;
}

/* Counts one more gradient to come for node; the first time, joins it to the order. */
static ct_status discover(ct_order *order, struct ct_node *node)
{
    if (node->run != order->run) {
        if (CT_UNLIKELY(node->run >= outermost_run))
            return ct__error(CT_ERROR_STATE, "backward: '%s' is in a graph that another backward is running over",
                             node->op->name);
        ct_status status = order_push(order, node);
        if (status != CT_OK)
            return status;
        node->run = order->run;
        node->pending = 0;
        node->needed = node->captured = false;
    }
    node->pending++;
    return CT_OK;
}

static void settle(struct ct_node *node, struct ct_node **ready)
{
    if (--node->pending == 0) {
        node->link = *ready;
        *ready = node;
    }
}

/* Where the walk goes on from an edge; NULL: nowhere. */
static inline struct ct_node *behind(const ct_order *order, const ct_edge *edge)
{
    return edge->node && ct__is_within(order->origin, edge->node) ? edge->node : NULL;
}

ct_status ct__order_begin(ct_order *order, struct ct_node *const *roots, int n_roots)
{
    return ct__order_begin_within(0, order, roots, n_roots);
}

ct_status ct__order_begin_within(uint32_t origin, ct_order *order, struct ct_node *const *roots, int n_roots)
{
    *order = (ct_order){.origin = origin, .run = ++runs, .inner = outermost_run != UINT64_MAX};
    if (!order->inner)
        outermost_run = order->run;
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && i < n_roots; i++)
        if (roots[i])
            status = discover(order, roots[i]);
    for (int64_t k = 0; status == CT_OK && k < order->count; k++) {
        struct ct_node *node = order->nodes[k];
        for (int i = 0; status == CT_OK && i < node->n_inputs; i++)
            if (behind(order, &node->edges[i]))
                status = discover(order, node->edges[i].node);
    }
    if (status != CT_OK)
        return status;
    /* Kahn's algorithm; the list is rewritten in order, from the same nodes. */
    struct ct_node *ready = NULL;
    for (int i = 0; i < n_roots; i++)
        if (roots[i])
            settle(roots[i], &ready);
    for (int64_t count = 0; ready; count++) {
        struct ct_node *node = ready;
        ready = node->link;
        order->nodes[count] = node;
        for (int i = 0; i < node->n_inputs; i++)
            if (behind(order, &node->edges[i]))
                settle(node->edges[i].node, &ready);
    }
    return CT_OK;
}

uint64_t ct__walks(void)
{
    return runs;
}

void ct__order_end(ct_order *order)
{
    /* Inside another walk the nodes must not look like that one's; otherwise the next walk's higher number does. */
    for (int64_t k = 0; order->inner && k < order->count; k++)
        order->nodes[k]->run = 0;
    if (!order->inner)
        outermost_run = UINT64_MAX;
    ct__free(order->nodes, sizeof *order->nodes * (size_t)order->room);
    *order = (ct_order){0};
}
