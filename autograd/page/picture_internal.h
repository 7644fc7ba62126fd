/* A picture of a trace: what is shown of it, in which boxes, and where.
 *
 * Everything that is shown is an tile: the nodes first, then the boxes (regions, and parts of what is too long), then the bends
 * of wires that pass others. Each but the outermost box lies in a box; a box is a table of columns (ranks) whose entries (slots)
 * are tiles. picture.c chooses and boxes, repeat.c puts together what is alike, ranks.c fills the tables, place.c gives them places. */
#ifndef CT_PICTURE_INTERNAL_H
#define CT_PICTURE_INTERNAL_H

#include "../observe/trace_internal.h"
#include <cotan/graph.h>

enum {
    CT_MANY = 40,      /* tiles that are seen at once */
    CT_SOME = 20,      /* tensors of a graph with regions that is shown with all of them open */
    CT_LABEL_TEXT = 96 /* bytes of a label */
};

typedef struct ct_page_tile {
    int64_t parent; /* a box; -1: the outermost */
    int64_t first;  /* trace id of what is first in it: where it stands in the order of the computation */
    int32_t rank, slot, depth;
    int32_t label_w;   /* of a node: what stands at its wire is so wide, in w */
    double x, y, w, h; /* upper left corner */
    double row;        /* y of the row that it stands in */
} ct_page_tile;

typedef struct ct_box {
    const char *name,
        *path;          /* path: of the region, NULL for a part of something long, or what holds repeated regions */
    int64_t begin, end; /* its table: tiles of ct_picture.order */
    int64_t nodes;      /* in it and in its boxes */
    int64_t times;      /* how many regions of one shape follow each other in it, and nothing else; else 0 */
    int64_t takes,
        gives; /* the first node that comes into it but for weights, the last in it that is taken outside; -1: none */
    bool open;
} ct_box;

/* A tensor that an operation takes. */
typedef struct ct_wire {
    int64_t from, to; /* nodes */
    int32_t input;    /* of to */
} ct_wire;

/* A tile in a box. */
typedef struct ct_child {
    int64_t parent, first, tile;
} ct_child;

/* All wires between two tiles of one box; or, where one of the two is the box around the other, from or to its border. */
typedef struct ct_lane {
    int64_t from, to;
    int64_t bend; /* the first of those in the columns between */
    int64_t bends;
    int32_t input; /* as which input one of them comes in */
} ct_lane;

typedef struct ct_picture {
    const ct_trace_log *trace;
    const ct_graph_options *options;
    ct_arena arena;
    const char **labels; /* of each node of the trace */
    int64_t root, run;   /* id of the root; number of the run that is shown, 0 without one */
    bool *shown;         /* each node of the trace */
    int64_t *tile_of;    /* each node of the trace; -1: not shown */
    int64_t *ids;        /* of each node shown, in order */
    int64_t n_nodes;
    ct_page_tile *tiles;
    int64_t n_tiles, room_tiles;
    ct_box *boxes; /* box b is tile n_nodes + b; box 0 is the outermost */
    int64_t n_boxes, room_boxes;
    ct_wire *wires;
    int64_t n_wires;
    ct_lane *lanes;
    int64_t n_lanes;
    int64_t *order; /* tiles by box, rank and slot */
    double width, height;
    const ct_trace_step *step;        /* that options->step asks for, NULL at the end; and */
    const ct_snapshot *const *so_far; /* what has come to each node of the trace up to it */
    int64_t steps;                    /* in the story */
} ct_picture;

/* Fills in picture, whose trace, options and root are set; ct__picture_free() must follow. */
ct_status ct__picture_make(ct_picture *p);
void ct__picture_free(ct_picture *p);
int64_t ct__picture_add_tile(ct_picture *p, ct_page_tile tile); /* its number; -1 with an error (memory) */
/* The tile of a new box; -1 with an error (memory), also where name is NULL. */
int64_t ct__picture_add_box(ct_picture *p, int64_t parent, int64_t first, const char *name, const char *path);
/* All tiles that lie in a box so far, by box and in the order of the computation; NULL with an error (memory). */
ct_child *ct__picture_children(ct_picture *p, int64_t *n);
/* How many of the n children lie in the box of the first. */
int64_t ct__siblings(const ct_child *children, int64_t n);
ct_status ct__picture_repeat(ct_picture *p); /* puts repeated regions into boxes of their own */
ct_status ct__picture_rank(ct_picture *p);   /* rank, slot, lanes, order */
ct_status ct__picture_place(ct_picture *p);  /* x, y, w, h of what is not inside closed boxes */
void ct__picture_measure(ct_picture *p);     /* w and h of nodes */

static inline ct_box *ct__box_of(const ct_picture *p, int64_t tile)
{
    return tile >= p->n_nodes && tile < p->n_nodes + p->n_boxes ? &p->boxes[tile - p->n_nodes] : NULL;
}
static inline const ct_trace_node *ct__shown_node(const ct_picture *p, int64_t tile)
{
    return &p->trace->nodes[p->ids[tile]];
}
const ct_lane *ct__lane(const ct_picture *p, int64_t from, int64_t to); /* which there is */
/* Whether both ends stand in the same box. */
bool ct__is_inner(const ct_picture *p, const ct_lane *lane);
/* Piece i of a lane, from one column to the next; from is -1 where it comes in from the border. False behind the last, and for a lane
 * against the order of the columns. */
bool ct__piece(const ct_picture *p, const ct_lane *lane, int64_t i, int64_t *from, int64_t *to);
/* The tile by which an tile is seen: itself, or the outermost closed box around it. */
int64_t ct__visible(const ct_picture *p, int64_t tile);
/* Whether a step of the trace belongs to the story of the picture. */
bool ct__in_story(const ct_picture *p, const ct_trace_step *step);

/* ---- text ---- */

/* The lines in a node's box, and at its wire; "" for none. Bytes that are no UTF-8, and what no XML may hold, are "?". */
typedef struct ct_labels {
    char title[CT_LABEL_TEXT], type[CT_LABEL_TEXT], place[CT_LABEL_TEXT];
    char value[CT_LABEL_TEXT], value_more[CT_LABEL_TEXT], gradient[CT_LABEL_TEXT], gradient_more[CT_LABEL_TEXT];
} ct_labels;
void ct__label_node(const ct_picture *p, int64_t node, ct_labels *labels);
/* In a box: its name and how often it is repeated; and, closed, the shapes of what it takes and gives. */
char *ct__box_title(const ct_box *box, char *buffer, size_t size);
char *ct__box_flow(const ct_picture *p, const ct_box *box, char *buffer, size_t size);
int ct__character(const char *text); /* bytes of the character there; 0 if it is none that XML may hold */
int ct__columns(const char *text);   /* characters */
/* A copy of at most most characters, "..." at the end of what is longer. */
char *ct__clean(const char *text, int most, char *buffer, size_t size);

/* ---- formats ---- */

/* What is written as JSON into a page (page_json.c). */
ct_status ct__write_page_data(FILE *stream, ct_picture *p);
/* The texts of source lines. ct__sources_free() must follow. */
typedef struct ct_sources {
    struct ct_source_line *lines; /* by file and line */
    int64_t n, room;
} ct_sources;
ct_status ct__sources_read(ct_sources *s, const ct_picture *p);
const char *ct__source_line(const ct_sources *s, const char *file, int line); /* NULL if it cannot be read */
void ct__sources_free(ct_sources *s);

ct_status ct__write_svg(FILE *stream, void *picture);
ct_status ct__write_dot(FILE *stream, void *picture);
ct_status ct__write_html(FILE *stream, void *picture);

/* The page's parts, made by embed.py from the files beside this one. */
extern const char ct__page_css[], ct__page_js[], ct__page_html[], ct__mistakes_h[];

#endif
