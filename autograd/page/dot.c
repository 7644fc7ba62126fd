/* A picture in Graphviz's language (https://graphviz.org/doc/info/lang.html): boxes are clusters, a closed one is a node. */
#include "picture_internal.h"
#include <stdlib.h>

/* A string may not hold a bare quote or backslash. */
static void put_escaped(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void put_line(FILE *stream, const char *text)
{
    if (!*text)
        return;
    put_escaped(stream, text);
    fputs("\\n", stream);
}

static void put_values(FILE *stream, const ct_picture *p, int64_t k)
{
    ct_labels l;
    ct__label_node(p, k, &l);
    put_line(stream, l.value);
    put_line(stream, l.value_more);
    put_line(stream, l.gradient);
    put_line(stream, l.gradient_more);
}

static void put_node(FILE *stream, const ct_picture *p, int64_t k)
{
    static const char *const styles[] = {
        [CT_TRACE_LEAF] = "filled,bold", [CT_TRACE_CONSTANT] = "dashed", [CT_TRACE_RESULT] = "filled,rounded"};
    static const char *const colors[] = {
        [CT_TRACE_LEAF] = "#fff3d6", [CT_TRACE_CONSTANT] = "#ffffff", [CT_TRACE_RESULT] = "#dbeafe"};
    const ct_trace_node *node = ct__shown_node(p, k);
    ct_labels l;
    ct__label_node(p, k, &l);
    fprintf(stream, "  i%lld [style=\"%s\", fillcolor=\"%s\", label=\"", (long long)k, styles[node->kind],
            colors[node->kind]);
    put_line(stream, l.title);
    put_line(stream, l.type);
    put_line(stream, l.place);
    put_values(stream, p, k);
    fputs("\"];\n", stream);
}

/* A box's beginning, or the node that stands for it. */
static void put_box(FILE *stream, const ct_picture *p, int64_t k)
{
    const ct_box *box = ct__box_of(p, k);
    char title[2 * CT_LABEL_TEXT], flow[CT_LABEL_TEXT];
    fprintf(stream,
            box->open ? "subgraph cluster%lld { label=\""
                      : "  i%lld [style=\"filled\", fillcolor=\"#e3e7ee\", label=\"",
            (long long)k);
    put_escaped(stream, ct__box_title(box, title, sizeof title));
    if (box->open) {
        fputs("\";\n", stream);
        return;
    }
    fprintf(stream, "\\n%lld tensors\\n", (long long)box->nodes);
    put_line(stream, ct__box_flow(p, box, flow, sizeof flow));
    if (box->gives >= 0)
        put_values(stream, p, box->gives);
    fputs("\"];\n", stream);
}

/* Where an tile stands in its box's table. */
static int64_t place_of(const ct_picture *p, int64_t tile)
{
    int64_t k = ct__box_of(p, p->tiles[tile].parent)->begin;
    while (p->order[k] != tile)
        k++;
    return k;
}

/* What is in the outermost box: an open box's contents at once, then what comes behind it. */
static void put_contents(FILE *stream, const ct_picture *p)
{
    int64_t box = p->n_nodes, at = ct__box_of(p, box)->begin;
    for (;;) {
        if (at == ct__box_of(p, box)->end) {
            if (box == p->n_nodes)
                return;
            fputs("}\n", stream);
            at = place_of(p, box) + 1;
            box = p->tiles[box].parent;
            continue;
        }
        int64_t tile = p->order[at++];
        const ct_box *inner = ct__box_of(p, tile);
        if (tile < p->n_nodes)
            put_node(stream, p, tile);
        else if (inner)
            put_box(stream, p, tile);
        if (inner && inner->open) {
            box = tile;
            at = inner->begin;
        }
    }
}

typedef struct arrow {
    int64_t from, to;
} arrow;

static int by_ends(const void *a, const void *b)
{
    const arrow *x = a, *y = b;
    int64_t order = x->from != y->from ? x->from - y->from : x->to - y->to;
    return (order > 0) - (order < 0);
}

/* One arrow for all wires between two closed boxes; x * x has two. */
static ct_status put_arrows(FILE *stream, ct_picture *p)
{
    arrow *arrows = ct__arena_alloc(&p->arena, ((size_t)p->n_wires + 1) * sizeof *arrows);
    if (!arrows)
        return CT_ERROR_MEMORY;
    for (int64_t w = 0; w < p->n_wires; w++)
        arrows[w] = (arrow){ct__visible(p, p->wires[w].from), ct__visible(p, p->wires[w].to)};
    qsort(arrows, (size_t)p->n_wires, sizeof *arrows, by_ends);
    for (int64_t w = 0; w < p->n_wires; w++) {
        bool nodes = arrows[w].from < p->n_nodes && arrows[w].to < p->n_nodes;
        bool again = w > 0 && by_ends(&arrows[w], &arrows[w - 1]) == 0;
        if (arrows[w].from != arrows[w].to && (nodes || !again))
            fprintf(stream, "  i%lld -> i%lld;\n", (long long)arrows[w].from, (long long)arrows[w].to);
    }
    return CT_OK;
}

ct_status ct__write_dot(FILE *stream, void *picture)
{
    fputs("digraph cotan {\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11, shape=box];\n"
          "  edge [arrowsize=0.7];\n",
          stream);
    put_contents(stream, picture);
    ct_status status = put_arrows(stream, picture);
    fputs("}\n", stream);
    return status;
}
