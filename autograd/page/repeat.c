/* Repeated regions: those of one shape that follow each other, blocks.0 to blocks.11, stand in a box of their own.
 *
 * Regions have one shape if their operations, in order, have the same names, shapes, inputs (which of the region, or of what shape) and
 * places in the regions inside. Invariant: what regions are called counts for nothing. */
#include "picture_internal.h"
#include <string.h>

/* ---- shapes of regions ---- */

typedef struct shapes {
    ct_picture *p;
    uint64_t *hash; /* of each box: FNV-1a of what makes up its shape */
    int64_t *count; /* operations of each box so far */
    int64_t *box;   /* of each node: the box around it at the depth that is looked at, or -1; */
    int64_t *place; /* and which of its operations it is */
} shapes;

static void mix(uint64_t *hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
}

static void mix_number(uint64_t *hash, int64_t number)
{
    mix(hash, &number, sizeof number);
}

static void mix_tensor(uint64_t *hash, const ct_trace_node *node)
{
    mix_number(hash, node->kind == CT_TRACE_LEAF); /* the first of them may take data, the others a result */
    if (!node->value)
        return;
    mix_number(hash, node->value->dtype);
    mix(hash, node->value->shape, (size_t)node->value->rank * sizeof *node->value->shape);
}

static int64_t depth_of(const ct_picture *p, int64_t tile)
{
    int64_t depth = 0;
    for (int64_t up = p->tiles[tile].parent; up >= 0; up = p->tiles[up].parent)
        depth++;
    return depth;
}

/* The box around a tile that lies depth boxes deep; -1: none. */
static int64_t box_at(const ct_picture *p, int64_t tile, int64_t depth)
{
    int64_t deep = depth_of(p, tile), up = tile;
    for (; deep > depth; deep--)
        up = p->tiles[up].parent;
    return deep == depth && up != tile ? up - p->n_nodes : -1;
}

static void mix_input(const shapes *s, uint64_t *hash, int64_t box, int64_t id)
{
    int64_t k = id < 0 ? -1 : s->p->tile_of[id];
    bool inside = k >= 0 && s->box[k] == box;
    mix_number(hash, k < 0 ? -1 : inside ? s->place[k] : -2);
    if (k >= 0 && !inside)
        mix_tensor(hash, ct__shown_node(s->p, k));
}

static void mix_node(const shapes *s, int64_t k)
{
    const ct_trace_node *node = ct__shown_node(s->p, k);
    uint64_t *hash = &s->hash[s->box[k]];
    mix(hash, node->op, node->op ? strlen(node->op) + 1 : 0);
    mix_tensor(hash, node);
    mix_number(hash, depth_of(s->p, k));
    for (int i = 0; i < node->n_inputs; i++)
        mix_input(s, hash, s->box[k], node->inputs[i]);
}

/* Of the boxes that lie depth boxes deep; whether there are any. */
static bool find_shapes_at(const shapes *s, int64_t depth)
{
    bool any = false;
    for (int64_t k = 0; k < s->p->n_nodes; k++) {
        bool made = ct__shown_node(s->p, k)->kind == CT_TRACE_RESULT;
        s->box[k] = made ? box_at(s->p, k, depth) : -1;
        if (s->box[k] < 0)
            continue;
        s->place[k] = s->count[s->box[k]]++;
        mix_node(s, k);
        any = true;
    }
    return any;
}

static ct_status find_shapes(shapes *s)
{
    size_t nodes = (size_t)s->p->n_nodes + 1, boxes = (size_t)s->p->n_boxes;
    s->hash = ct__arena_alloc(&s->p->arena, boxes * sizeof *s->hash);
    s->count = ct__arena_alloc(&s->p->arena, boxes * sizeof *s->count);
    s->box = ct__arena_alloc(&s->p->arena, nodes * sizeof *s->box);
    s->place = ct__arena_alloc(&s->p->arena, nodes * sizeof *s->place);
    if (!s->hash || !s->count || !s->box || !s->place)
        return CT_ERROR_MEMORY;
    memset(s->hash, 0, boxes * sizeof *s->hash);
    memset(s->count, 0, boxes * sizeof *s->count);
    for (int64_t depth = 1; find_shapes_at(s, depth);)
        depth++;
    return CT_OK;
}

/* ---- boxes for those that are repeated ---- */

static const char *name_run(ct_picture *p, const char *first, const char *last)
{
    char text[CT_LABEL_TEXT], from[CT_LABEL_TEXT], to[CT_LABEL_TEXT];
    snprintf(text, sizeof text, "%.40s \xe2\x80\xa6 %.40s", ct__clean(first, 12, from, sizeof from),
             ct__clean(last, 12, to, sizeof to));
    return ct__arena_text(&p->arena, text);
}

/* The n parts, boxes of one shape, are all of the box around them, or get one of their own. */
static ct_status box_run(ct_picture *p, const ct_child *parts, int64_t n, bool all)
{
    int64_t around = parts[0].parent;
    if (!all || around == p->n_nodes) {
        const char *first = ct__box_of(p, parts[0].tile)->name, *last = ct__box_of(p, parts[n - 1].tile)->name;
        around = ct__picture_add_box(p, around, parts[0].first, name_run(p, first, last), NULL);
        for (int64_t k = 0; around >= 0 && k < n; k++)
            p->tiles[parts[k].tile].parent = around;
    }
    if (around < 0)
        return CT_ERROR_MEMORY;
    ct__box_of(p, around)->times = n;
    return CT_OK;
}

static bool same_shape(const shapes *s, const ct_child *a, const ct_child *b)
{
    const ct_picture *p = s->p;
    return a->tile >= p->n_nodes && b->tile >= p->n_nodes &&
           s->hash[a->tile - p->n_nodes] == s->hash[b->tile - p->n_nodes];
}

/* The n parts of one box. */
static ct_status box_runs(const shapes *s, const ct_child *parts, int64_t n)
{
    ct_status status = CT_OK;
    for (int64_t begin = 0, end; status == CT_OK && begin < n; begin = end) {
        for (end = begin + 1; end < n && same_shape(s, &parts[begin], &parts[end]);)
            end++;
        if (end - begin > 1)
            status = box_run(s->p, parts + begin, end - begin, end - begin == n);
    }
    return status;
}

ct_status ct__picture_repeat(ct_picture *p)
{
    shapes s = {.p = p};
    int64_t n, many;
    const ct_child *parts = ct__picture_children(p, &n);
    ct_status status = parts ? find_shapes(&s) : CT_ERROR_MEMORY;
    for (int64_t begin = 0; status == CT_OK && begin < n; begin += many) {
        many = ct__siblings(parts + begin, n - begin);
        status = box_runs(&s, parts + begin, many);
    }
    return status;
}
