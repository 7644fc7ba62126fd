/* Looking at a graph: nodes one by one, and the whole as Graphviz text. Invariant: nothing here changes the graph. */
#include "autograd_internal.h"
#include <errno.h>
#include <string.h>

ct_node *ct_node_of(const ct_tensor *t)
{
    return t ? t->node : NULL;
}

const ct_op *ct_node_op(const ct_node *node)
{
    return node ? node->op : NULL;
}

const char *ct_node_file(const ct_node *node)
{
    return node ? node->file : NULL;
}

int ct_node_line(const ct_node *node)
{
    return node ? node->line : 0;
}

int ct_node_inputs(const ct_node *node)
{
    return node ? node->n_inputs : 0;
}

static const ct_edge *edge_of(const ct_node *node, int i)
{
    return node && i >= 0 && i < node->n_inputs ? &node->edges[i] : NULL;
}

ct_node *ct_node_input_node(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i);
    return edge ? edge->node : NULL;
}

int ct_node_input_output(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i);
    return edge ? edge->output : 0;
}

ct_tensor *ct_node_input_leaf(const ct_node *node, int i)
{
    const ct_edge *edge = edge_of(node, i);
    return edge ? edge->leaf : NULL;
}

const int64_t *ct_node_output_shape(const ct_node *node, int i, int *rank)
{
    if (!node || i < 0 || i >= node->n_outputs)
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

/* ---- Graphviz ---- */

static const char *leaf_name(const ct_tensor *leaf, const ct_tensor *const *leaves, const char *const *names, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (leaves[i] == leaf && names[i])
            return names[i];
    return "leaf";
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

static void write_node(FILE *stream, const ct_node *node)
{
    char shape[CT_SHAPE_TEXT];
    fprintf(stream, "  n%p [label=\"", (const void *)node);
    write_escaped(stream, node->op->name);
    fprintf(stream, "\\n%s\"", ct__shape_text(node->output_info[0].shape, node->output_info[0].rank, shape));
    if (node->file) {
        fputs(", tooltip=\"", stream);
        write_escaped(stream, node->file);
        fprintf(stream, ":%d\"", node->line);
    }
    fputs("];\n", stream);
}

static void write_edges(FILE *stream, const ct_node *node, const ct_tensor *const *leaves, const char *const *names,
                        int64_t n)
{
    char shape[CT_SHAPE_TEXT];
    for (int i = 0; i < node->n_inputs; i++) {
        const ct_edge *edge = &node->edges[i];
        if (edge->node) {
            fprintf(stream, "  n%p -> n%p;\n", (const void *)edge->node, (const void *)node);
        } else if (edge->leaf) {
            fprintf(stream, "  t%p [shape=box, style=\"filled,rounded\", fillcolor=\"#fff3d6\", label=\"",
                    (const void *)edge->leaf);
            write_escaped(stream, leaf_name(edge->leaf, leaves, names, n));
            fprintf(stream, "\\n%s\"];\n  t%p -> n%p;\n", ct__shape_text(edge->leaf->shape, edge->leaf->rank, shape),
                    (const void *)edge->leaf, (const void *)node);
        }
    }
}

ct_status ct_graph_write_dot(const ct_tensor *root, const ct_tensor *const *leaves, const char *const *names, int64_t n,
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
    if (status != CT_OK) {
        ct__order_end(&order);
        return status;
    }
    fputs("digraph cotan {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=11, shape=box, "
          "style=\"filled,rounded\", "
          "fillcolor=\"#dbeafe\"];\n  edge [arrowsize=0.7];\n",
          stream);
    for (int64_t k = order.count - 1; k >= 0; k--) {
        write_node(stream, order.nodes[k]);
        write_edges(stream, order.nodes[k], leaves, names, n);
    }
    fputs("}\n", stream);
    ct__order_end(&order);
    if (fflush(stream) != 0 || ferror(stream))
        return ct__error(CT_ERROR_IO, "graph_write_dot: writing failed: %s", strerror(errno));
    return CT_OK;
}
