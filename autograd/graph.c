/* Looking at a graph: nodes one by one, and the whole as Graphviz text. Invariant: nothing here changes the graph. */
#include "autograd_internal.h"
#include <stdlib.h>
#include <string.h>

ct_node *ct_node_of(const ct_tensor *t)
{
    return ct__can_look(t, "node_of") ? t->node : NULL;
}

/* Whether node may be looked at. What was freed is named, unless its memory is another's by now. */
static bool can_look(const ct_node *node, const char *what)
{
    if (node && node->refs <= 0)
        ct__error(CT_ERROR_STATE, "%s: the node is used after its graph was freed", what);
    return node && node->refs > 0;
}

const ct_op *ct_node_op(const ct_node *node)
{
    return can_look(node, "node_op") ? node->op : NULL;
}

const char *ct_node_file(const ct_node *node)
{
    return can_look(node, "node_file") ? node->file : NULL;
}

int ct_node_line(const ct_node *node)
{
    return can_look(node, "node_line") ? node->line : 0;
}

const char *ct_node_region(const ct_node *node)
{
    return can_look(node, "node_region") ? node->region->path : "";
}

int ct_node_inputs(const ct_node *node)
{
    return can_look(node, "node_inputs") ? node->n_inputs : 0;
}

static const ct_edge *edge_of(const ct_node *node, int i, const char *what)
{
    return can_look(node, what) && i >= 0 && i < node->n_inputs ? &node->edges[i] : NULL;
}

ct_node *ct_node_input_node(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i, "node_input_node");
    return edge ? edge->node : NULL;
}

int ct_node_input_output(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i, "node_input_output");
    return edge ? edge->output : 0;
}

ct_tensor *ct_node_input_leaf(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i, "node_input_leaf");
    return edge ? edge->leaf : NULL;
}

const int64_t *ct_node_output_shape(const ct_node *node, int i, int *rank)
{
    if (!can_look(node, "node_output_shape") || i < 0 || i >= node->n_outputs)
        return NULL;
    if (rank)
        *rank = node->output_info[i].rank;
    return node->output_info[i].shape;
}

int64_t ct_graph_nodes(const ct_tensor *root, ct_node **nodes, int64_t size)
{
    if (ct__check_tensor(root, "graph_nodes") != CT_OK)
        return -1;
    ct_order order;
    struct ct_node *start = root->node;
    int64_t count = ct__order_begin(&order, &start, 1) == CT_OK ? order.count : -1;
    for (int64_t k = 0; nodes && k < count && k < size; k++)
        nodes[k] = order.nodes[k];
    ct__order_end(&order);
    return count;
}

/* ---- Graphviz ----
 * Nodes and leaves are numbered by where the walk meets them, so that the same graph gives the same text. A node carries its
 * number in pending, which is free for use while no backward runs. */

typedef struct leaf_number {
    const ct_tensor *leaf;
    int64_t number;
} leaf_number;

/* What is written, and how. */
typedef struct drawing {
    FILE *stream;
    ct_tensor *const *leaves; /* the caller's names: names[i] for leaves[i] */
    const char *const *names;
    int64_t n;
    leaf_number *numbers; /* sorted by address */
    int64_t n_numbers;
} drawing;

static const char *leaf_name(const ct_tensor *leaf, const drawing *d)
{
    for (int64_t i = 0; i < d->n; i++)
        if (d->leaves[i] == leaf && d->names[i])
            return d->names[i];
    return "leaf";
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const leaf_number *)a)->leaf, y = (uintptr_t)((const leaf_number *)b)->leaf;
    return (x > y) - (x < y);
}

/* The same, and one leaf's numbers from the smallest. */
static int by_address_and_number(const void *a, const void *b)
{
    int64_t x = ((const leaf_number *)a)->number, y = ((const leaf_number *)b)->number;
    int address = by_address(a, b);
    return address ? address : (x > y) - (x < y);
}

static int64_t number_of(const ct_tensor *leaf, const drawing *d)
{
    leaf_number key = {.leaf = leaf};
    const leaf_number *found = bsearch(&key, d->numbers, (size_t)d->n_numbers, sizeof *d->numbers, by_address);
    return found->number;
}

static int64_t count_leaf_edges(const ct_order *order)
{
    int64_t count = 0;
    for (int64_t k = 0; k < order->count; k++)
        for (int i = 0; i < order->nodes[k]->n_inputs; i++)
            count += order->nodes[k]->edges[i].leaf != NULL;
    return count;
}

/* Numbers the nodes, and the leaves into d->numbers, which has room for every edge to one. */
static void number_all(const ct_order *order, drawing *d)
{
    int64_t edges = 0, kept = 0;
    for (int64_t k = order->count - 1; k >= 0; k--) {
        ct_node *node = order->nodes[k];
        node->pending = (int32_t)(order->count - 1 - k);
        for (int i = 0; i < node->n_inputs; i++)
            if (node->edges[i].leaf) {
                d->numbers[edges] = (leaf_number){.leaf = node->edges[i].leaf, .number = edges};
                edges++;
            }
    }
    if (edges > 0)
        qsort(d->numbers, (size_t)edges, sizeof *d->numbers, by_address_and_number);
    for (int64_t i = 0; i < edges; i++)
        if (kept == 0 || d->numbers[kept - 1].leaf != d->numbers[i].leaf)
            d->numbers[kept++] = d->numbers[i];
    d->n_numbers = kept;
}

/* A Graphviz string may not hold a bare quote or backslash. */
static void write_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void write_node(const drawing *d, const ct_node *node)
{
    char shape[CT_SHAPE_TEXT];
    fprintf(d->stream, "  n%d [label=\"", (int)node->pending);
    write_escaped(d->stream, node->op->name);
    fprintf(d->stream, "\\n%s\"", ct__shape_text(node->output_info[0].shape, node->output_info[0].rank, shape));
    if (node->file) {
        fputs(", tooltip=\"", d->stream);
        write_escaped(d->stream, node->file);
        fprintf(d->stream, ":%d\"", node->line);
    }
    fputs("];\n", d->stream);
}

static void write_edges(const drawing *d, const ct_node *node)
{
    char shape[CT_SHAPE_TEXT];
    for (int i = 0; i < node->n_inputs; i++) {
        const ct_tensor *leaf = node->edges[i].leaf;
        if (node->edges[i].node) {
            fprintf(d->stream, "  n%d -> n%d;\n", (int)node->edges[i].node->pending, (int)node->pending);
        } else if (leaf) {
            long long number = number_of(leaf, d);
            fprintf(d->stream, "  t%lld [shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", label=\"", number);
            write_escaped(d->stream, leaf_name(leaf, d));
            fprintf(d->stream, "\\n%s\"];\n  t%lld -> n%d;\n", ct__shape_text(leaf->shape, leaf->rank, shape), number,
                    (int)node->pending);
        }
    }
}

static void write_graph(const drawing *d, const ct_order *order)
{
    fputs("digraph cotan {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=11, shape=box, "
          "style=\"filled,rounded\", "
          "fillcolor=\"#dbeafe\"];\n  edge [arrowsize=0.7];\n",
          d->stream);
    for (int64_t k = order->count - 1; k >= 0; k--) {
        write_node(d, order->nodes[k]);
        write_edges(d, order->nodes[k]);
    }
    fputs("}\n", d->stream);
}

ct_status ct_graph_write_dot(const ct_tensor *root, ct_tensor *const *leaves, int64_t n, const char *const *names,
                             FILE *stream)
{
    ct_status status = ct__check_tensor(root, "graph_write_dot");
    if (status != CT_OK)
        return status;
    if (!stream || (n > 0 && (!leaves || !names)))
        return ct__error(CT_ERROR_NULL, "graph_write_dot: %s is NULL", !stream ? "stream" : "leaves or names");
    ct_order order;
    struct ct_node *start = root->node;
    status = ct__order_begin(&order, &start, 1);
    if (status == CT_OK) {
        drawing d = {.stream = stream, .leaves = leaves, .names = names, .n = n};
        size_t bytes = ((size_t)count_leaf_edges(&order) + 1) * sizeof *d.numbers;
        d.numbers = ct__alloc(bytes);
        if (d.numbers) {
            ct__writing w = ct__write_begin("graph_write_dot", stream);
            number_all(&order, &d);
            write_graph(&d, &order);
            status = ct__write_end(&w, CT_OK);
        } else {
            status = ct__no_memory("graph_write_dot");
        }
        ct__free(d.numbers, bytes);
    }
    ct__order_end(&order);
    return status;
}
