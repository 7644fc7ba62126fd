/* A picture as SVG (https://www.w3.org/TR/SVG11/). Invariant: text is escaped, numbers are whole, nothing depends on the machine. */
#include "picture_internal.h"
#include <math.h>
#include <string.h>

static const char style[] =
    "<style>\n"
    "svg{background:#fff;color:#1b1f24}\n"
    "text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:11px;fill:#1b1f24}\n"
    ".t{font-size:13px;font-weight:600}.s{font-size:10px;fill:#4d5661}.g{font-style:italic}.n{font-style:normal;fill:#"
    "4d5661}\n"
    ".b{fill:#eef3fb;stroke:#4a6fa5;stroke-width:1.2}.l{fill:#fff5dc;stroke:#8a6100;stroke-width:2.4}\n"
    ".c{fill:#fff;stroke:#4d5661;stroke-width:1.2;stroke-dasharray:4 3}.r{fill:none;stroke:#6b7683;stroke-width:1}\n"
    ".f{fill:#e3e7ee;stroke:#3b4654;stroke-width:1.6}.w{fill:none;stroke:#6b7683;stroke-width:1.3}.h{fill:#6b7683}\n"
    "@media (prefers-color-scheme:dark){svg{background:#14171c;color:#e6e9ee}text{fill:#e6e9ee}.s,.n{fill:#aab3bf}\n"
    ".b{fill:#1d2a3d;stroke:#86a9dc}.l{fill:#33280c;stroke:#e0b34d}.c{fill:#14171c;stroke:#aab3bf}.f{fill:#2a303a;"
    "stroke:#c3cad4}\n"
    ".w,.r{stroke:#97a1ae}.h{fill:#97a1ae}}\n"
    "@media "
    "print{svg{background:#fff}text{fill:#000}.b,.l,.c,.f{fill:#fff;stroke:#000}.w,.r{stroke:#000}.h{fill:#000}}\n"
    "</style>\n";

/* Of the step that a picture is of, and its words. */
static const char step_style[] = "<style>.m{stroke:#0b57d0;stroke-width:4}.q{font-size:14px}</style>\n";

/* Of an operation that failed, which is the last. */
static const char failed_style[] =
    "<style>.x{stroke:#9a1b1b;stroke-width:2.4;stroke-dasharray:6 3}\n"
    "@media (prefers-color-scheme:dark){.x{stroke:#ff9d94}}@media print{.x{stroke:#000}}</style>\n";

static void put_escaped(FILE *stream, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '&':
            fputs("&amp;", stream);
            break;
        case '"':
            fputs("&quot;", stream);
            break;
        default:
            fputc(*text, stream);
        }
}

static void put_text(FILE *stream, const char *classes, double x, double y, const char *text)
{
    if (!*text)
        return;
    fprintf(stream, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\">", classes, x, y);
    put_escaped(stream, text);
    fputs("</text>\n", stream);
}

/* ---- nodes ---- */

static void put_bins(FILE *stream, const int64_t *bins, double x, double y)
{
    int64_t most = 1;
    for (int i = 0; i < CT_TRACE_BINS; i++)
        most = bins[i] > most ? bins[i] : most;
    fputs("<path class=\"h\" d=\"", stream);
    for (int i = 0; i < CT_TRACE_BINS; i++)
        if (bins[i])
            fprintf(stream, "M%.0f %.0fh3v-%.0fh-3z", x + 4 * i, y, ceil(12 * (double)bins[i] / (double)most));
    fputs("\"/>\n", stream);
}

/* What stands at the wire that leaves the box. */
static void put_wire_labels(FILE *stream, const ct_trace_node *node, const ct_labels *l, double x, double y, bool bins)
{
    bool large = *l->value_more;
    put_text(stream, "", x, y - (large ? 18 : 5), l->value);
    put_text(stream, "s", x, y - 5, l->value_more);
    if (node->value && node->value->bins)
        put_bins(stream, node->value->bins, x, y - 30);
    put_text(stream, node->state == CT_GRADIENT_NUMBER || node->state == CT_GRADIENT_ZERO ? "g" : "n", x, y + 14,
             l->gradient);
    put_text(stream, "s", x, y + 27, l->gradient_more);
    if (bins && node->state == CT_GRADIENT_NUMBER && node->gradient->bins)
        put_bins(stream, node->gradient->bins, x, y + 45);
}

static void put_node(FILE *stream, const ct_picture *p, int64_t k)
{
    static const char *const classes[] = {[CT_TRACE_LEAF] = "l", [CT_TRACE_CONSTANT] = "c", [CT_TRACE_RESULT] = "b"};
    const ct_page_tile *tile = &p->tiles[k];
    const ct_trace_node *node = ct__shown_node(p, k);
    ct_labels l;
    ct__label_node(p, k, &l);
    double y = tile->y + tile->h / 2, width = tile->w - tile->label_w;
    fputs("<g><title>", stream);
    put_escaped(stream, l.title);
    const char *said = node->failed ? node->failed : node->formula;
    if (said) {
        char text[400];
        fputs(node->failed ? ", failed: " : ", gradient: ", stream);
        put_escaped(stream, ct__clean(said, 300, text, sizeof text));
    }
    bool bins = !p->step && !p->options->blanks;
    fprintf(stream, "</title><rect class=\"%s%s\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"46\" rx=\"%d\"/>\n",
            node->failed ? "b x" : classes[node->kind], p->step && p->step->to == node->id ? " m" : "", tile->x, y - 23,
            width, node->kind == CT_TRACE_RESULT ? 12 : 3);
    put_text(stream, "t", tile->x + 9, y - 6, l.title);
    put_text(stream, "s", tile->x + 9, y + 7, l.type);
    put_text(stream, "s", tile->x + 9, y + 18, l.place);
    fprintf(stream, "<path class=\"w\" d=\"M%.0f %.0fh%d\"/>\n", tile->x + width, y, tile->label_w);
    put_wire_labels(stream, node, &l, tile->x + width + 6, y, bins);
    fputs("</g>\n", stream);
}

/* What is inside counted, its shapes, and at its wire what it gives. */
static void put_closed(FILE *stream, const ct_picture *p, const ct_box *box, const ct_page_tile *tile,
                       const char *title)
{
    char count[CT_LABEL_TEXT], flow[CT_LABEL_TEXT];
    double y = tile->y + tile->h / 2, width = tile->w - tile->label_w;
    fprintf(stream, "<rect class=\"f\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"62\" rx=\"6\"/>\n", tile->x,
            y - 31, width);
    snprintf(count, sizeof count, "%lld tensors", (long long)box->nodes);
    put_text(stream, "t", tile->x + 10, y - 10, title);
    put_text(stream, "s", tile->x + 10, y + 7, count);
    put_text(stream, "s", tile->x + 10, y + 21, ct__box_flow(p, box, flow, sizeof flow));
    if (box->gives < 0)
        return;
    ct_labels l;
    ct__label_node(p, box->gives, &l);
    fprintf(stream, "<path class=\"w\" d=\"M%.0f %.0fh%d\"/>\n", tile->x + width, y, tile->label_w);
    put_wire_labels(stream, ct__shown_node(p, box->gives), &l, tile->x + width + 6, y, !p->step && !p->options->blanks);
}

static void put_box(FILE *stream, const ct_picture *p, int64_t k)
{
    const ct_page_tile *tile = &p->tiles[k];
    const ct_box *box = ct__box_of(p, k);
    char title[2 * CT_LABEL_TEXT];
    ct__box_title(box, title, sizeof title);
    if (k == p->n_nodes)
        return;
    if (!box->open) {
        put_closed(stream, p, box, tile, title);
        return;
    }
    fprintf(stream, "<rect class=\"r\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"6\"/>\n", tile->x,
            tile->y, tile->w, tile->h);
    put_text(stream, "t", tile->x + 24, tile->y + 18, title);
}

/* ---- wires ---- */

/* A wire being drawn, how far it is, and over which row it goes when it must go back. */
typedef struct pen {
    FILE *stream;
    double x, y, row;
} pen;

/* On to (x, y): a curve; or, if that is not to the right, around over the row. */
static void draw_to(pen *d, double x, double y)
{
    double middle = floor((d->x + x) / 2);
    if (x >= d->x)
        fprintf(d->stream, "C%.0f %.0f %.0f %.0f %.0f %.0f", middle, d->y, middle, y, x, y);
    else
        fprintf(d->stream, "h10V%.0fH%.0fV%.0fH%.0f", d->row, x - 10, y, x);
    d->x = x;
    d->y = y;
}

/* Through the bends of a lane, each as wide as its column, if its box is open. */
static void draw_lane(pen *d, const ct_picture *p, int64_t from, int64_t to)
{
    const ct_lane *lane = ct__lane(p, from, to);
    int64_t box = p->tiles[from].parent == to ? to : p->tiles[to].parent;
    if (!ct__box_of(p, box)->open || ct__visible(p, box) != box)
        return;
    for (int64_t i = 0; i < lane->bends; i++) {
        const ct_page_tile *bend = &p->tiles[lane->bend + i];
        if (from != box || i > 0)
            d->row = bend->row - 18;
        draw_to(d, bend->x, bend->y + bend->h / 2);
        fprintf(d->stream, "h%.0f", bend->w);
        d->x += bend->w;
    }
}

/* Several inputs come in below one another. */
static double fan(const ct_picture *p, const ct_wire *wire, int64_t to)
{
    int n = to == wire->to ? ct__shown_node(p, to)->n_inputs : 1;
    return n > 1 && n <= 5 ? 8 * wire->input - 4 * (n - 1) : 0;
}

/* The box out of which, and the one into which the wire goes, below the innermost around both. */
static void find_lane(const ct_picture *p, const ct_wire *wire, int64_t *a, int64_t *b)
{
    *a = wire->from;
    *b = wire->to;
    while (p->tiles[*a].parent != p->tiles[*b].parent) {
        bool out = p->tiles[*a].depth >= p->tiles[*b].depth, in = p->tiles[*b].depth >= p->tiles[*a].depth;
        *a = out ? p->tiles[*a].parent : *a;
        *b = in ? p->tiles[*b].parent : *b;
    }
}

static void put_wire(FILE *stream, const ct_picture *p, const ct_wire *wire)
{
    int64_t from = ct__visible(p, wire->from), to = ct__visible(p, wire->to), a, b;
    const ct_page_tile *begin = &p->tiles[from], *end = &p->tiles[to];
    double y = end->y + end->h / 2 + fan(p, wire, to);
    pen d = {.stream = stream, .x = begin->x + begin->w, .y = begin->y + begin->h / 2};
    if (from == to)
        return;
    fprintf(stream, "<path class=\"w\" d=\"M%.0f %.0f", d.x, d.y);
    find_lane(p, wire, &a, &b);
    for (int64_t at = wire->from; at != a; at = p->tiles[at].parent)
        draw_lane(&d, p, at, p->tiles[at].parent);
    draw_lane(&d, p, a, b);
    d.row = p->tiles[b].row - 18 + 4 * (wire->input % 3);
    for (int32_t depth = p->tiles[b].depth + 1; depth <= p->tiles[wire->to].depth; depth++) {
        int64_t at = wire->to; /* downwards, one box after another */
        while (p->tiles[at].depth > depth)
            at = p->tiles[at].parent;
        draw_lane(&d, p, p->tiles[at].parent, at);
    }
    draw_to(&d, end->x - 7, y);
    fprintf(stream, "\"/><path class=\"h\" d=\"M%.0f %.0fl-8 -4v8z\"/>\n", end->x, y);
}

/* ---- the whole ---- */

static const char *title_of(const ct_picture *p, char *buffer, size_t size)
{
    return ct__clean(p->options->title ? p->options->title : p->labels[p->root], 100, buffer, size);
}

/* "step 3 of 14, mul: df/dw = 0.1966 x -1 = -0.1966; 4 + -0.1966 = 3.803" */
static void put_step(FILE *stream, const ct_picture *p)
{
    const ct_trace_step *s = p->step;
    char words[1200], incoming[100] = "", local[100] = "", added[100], old[100] = "", now[100], name[2][100];
    ct__snapshot_text(s->contribution, 4, added, sizeof added);
    ct__snapshot_text(s->now, 4, now, sizeof now);
    if (s->elementwise && s->incoming) {
        ct__snapshot_text(s->incoming, 4, incoming, sizeof incoming);
        ct__snapshot_text(s->local, 4, local, sizeof local);
    }
    if (s->old)
        ct__snapshot_text(s->old, 4, old, sizeof old);
    snprintf(words, sizeof words, "step %lld of %lld, %.60s: \u2202%s/\u2202%s = %s%s%s%s%s%s%s%s%s%s",
             (long long)p->options->step, (long long)p->steps,
             s->action == CT_STEP_LEAF ? "leaf"
             : s->from < 0             ? "begin"
                                       : p->trace->nodes[s->from].op,
             ct__clean(p->labels[p->root], 20, name[0], sizeof name[0]),
             ct__clean(p->labels[s->to], 20, name[1], sizeof name[1]), incoming, *incoming ? " \u00d7 " : "", local,
             *incoming ? " = " : "", added, *old ? ";   " : "", old, *old ? " + " : "", *old ? added : "",
             *old ? " = " : "");
    size_t used = strlen(words);
    snprintf(words + used, sizeof words - used, "%s", *old ? now : "");
    put_text(stream, "q", 14, p->height + 20, words);
}

ct_status ct__write_svg(FILE *stream, void *picture)
{
    const ct_picture *p = picture;
    char title[500];
    double height = p->height + (p->step ? 34 : 0);
    fprintf(stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
            "role=\"img\">\n<title>",
            p->width, height, p->width, height);
    put_escaped(stream, title_of(p, title, sizeof title));
    fprintf(stream, "</title>\n%s%s%s", style, p->step ? step_style : "",
            p->trace->nodes[p->root].failed ? failed_style : "");
    put_text(stream, "t", 14, 20, title);
    for (int64_t b = 0; b < p->n_boxes; b++)
        if (ct__visible(p, p->n_nodes + b) == p->n_nodes + b)
            put_box(stream, p, p->n_nodes + b);
    for (int64_t w = 0; w < p->n_wires; w++)
        put_wire(stream, p, &p->wires[w]);
    for (int64_t k = 0; k < p->n_nodes; k++)
        if (ct__visible(p, k) == k)
            put_node(stream, p, k);
    if (p->step)
        put_step(stream, p);
    fputs("</svg>\n", stream);
    return ct_error_code();
}
