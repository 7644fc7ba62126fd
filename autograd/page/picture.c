/* What a picture shows: the nodes behind the root, in the boxes of their regions.
 *
 * Invariant: no box holds more than CT_MANY results and boxes, so that what is seen at once stays small: what is longer is cut into
 * parts, in the order of the computation. Leaves and data lie in the innermost box that has all who take them. */
#include "picture_internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- which nodes ---- */

static void mark_behind(ct_picture *p)
{
    const ct_trace_node *nodes = p->trace->nodes;
    p->shown[p->root] = true;
    for (int64_t id = p->root; id >= 0; id--)
        for (int i = 0; p->shown[id] && i < nodes[id].n_inputs; i++)
            if (nodes[id].inputs[i] >= 0)
                p->shown[nodes[id].inputs[i]] = true;
}

static void hide_constants(ct_picture *p)
{
    for (int64_t id = 0; id < p->root; id++)
        p->shown[id] = p->shown[id] && p->trace->nodes[id].kind != CT_TRACE_CONSTANT;
}

/* Whether an end of one of the wires into node id is near, when the other is made so. */
static bool spread(const ct_picture *p, int64_t id, const bool *near, bool *next)
{
    const ct_trace_node *node = &p->trace->nodes[id];
    for (int i = 0; i < node->n_inputs; i++) {
        int64_t input = node->inputs[i];
        if (input < 0)
            continue;
        next[id] = next[id] || near[input];
        next[input] = next[input] || near[id];
    }
    return true;
}

/* Of what is shown only what is at most .distance wires away from the tensor named .around. */
static ct_status keep_near(ct_picture *p)
{
    int64_t center = ct_trace_find(p->trace, p->options->around), n = p->root + 1;
    if (center < 0 || center > p->root || !p->shown[center])
        return ct__error(CT_ERROR_ARGUMENT, "graph_write: no tensor behind the root is named '%s'", p->options->around);
    bool *near = ct__arena_alloc(&p->arena, (size_t)n), *next = ct__arena_alloc(&p->arena, (size_t)n);
    if (!near || !next)
        return CT_ERROR_MEMORY;
    memset(near, 0, (size_t)n);
    near[center] = true;
    for (int k = 0; k < p->options->distance && k < n; k++) {
        memcpy(next, near, (size_t)n);
        for (int64_t id = 0; id < n; id++)
            if (p->shown[id])
                spread(p, id, near, next);
        memcpy(near, next, (size_t)n);
    }
    for (int64_t id = 0; id < n; id++)
        p->shown[id] = p->shown[id] && near[id];
    return CT_OK;
}

static ct_status choose_nodes(ct_picture *p)
{
    int64_t n = p->trace->n_nodes;
    p->shown = ct__arena_alloc(&p->arena, (size_t)n);
    p->tile_of = ct__arena_alloc(&p->arena, (size_t)n * sizeof *p->tile_of);
    p->ids = ct__arena_alloc(&p->arena, (size_t)n * sizeof *p->ids);
    if (!p->shown || !p->tile_of || !p->ids)
        return CT_ERROR_MEMORY;
    memset(p->shown, 0, (size_t)n);
    mark_behind(p);
    if (!p->options->constants)
        hide_constants(p);
    ct_status status = p->options->around ? keep_near(p) : CT_OK;
    for (int64_t id = 0; status == CT_OK && id < n; id++) {
        p->tile_of[id] = -1;
        if (!p->shown[id])
            continue;
        p->ids[p->n_nodes] = id;
        p->tile_of[id] = ct__picture_add_tile(p, (ct_page_tile){.parent = -1, .first = id});
        if (p->tile_of[id] < 0)
            return CT_ERROR_MEMORY;
        p->n_nodes++;
    }
    return status;
}

/* ---- boxes of regions ---- */

int64_t ct__picture_add_tile(ct_picture *p, ct_page_tile tile)
{
    if (ct__trace_grow((void **)&p->tiles, p->n_tiles, &p->room_tiles, sizeof *p->tiles) != CT_OK)
        return -1;
    p->tiles[p->n_tiles] = tile;
    return p->n_tiles++;
}

int64_t ct__picture_add_box(ct_picture *p, int64_t parent, int64_t first, const char *name, const char *path)
{
    if (!name || ct__trace_grow((void **)&p->boxes, p->n_boxes, &p->room_boxes, sizeof *p->boxes) != CT_OK)
        return -1;
    p->boxes[p->n_boxes++] = (ct_box){.name = name, .path = path, .takes = -1, .gives = -1};
    return ct__picture_add_tile(p, (ct_page_tile){.parent = parent, .first = first});
}

/* Boxes by the paths of their regions: a hash table, open addressing, of tiles; 0 is free, since tile 0 is no box. */
typedef struct region_table {
    int64_t *tiles, room;
} region_table;

static int64_t *find_region(const ct_picture *p, const region_table *table, const char *path, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
    for (int64_t i = (int64_t)(hash >> 20) & (table->room - 1);; i = (i + 1) & (table->room - 1)) {
        const ct_box *box = table->tiles[i] ? ct__box_of(p, table->tiles[i]) : NULL;
        if (!box || (strncmp(box->path, path, length) == 0 && !box->path[length]))
            return &table->tiles[i];
    }
}

static ct_status grow_regions(ct_picture *p, region_table *table)
{
    if (2 * (p->n_boxes + 1) < table->room)
        return CT_OK;
    table->room = table->room ? 2 * table->room : 64;
    table->tiles = ct__arena_alloc(&p->arena, (size_t)table->room * sizeof *table->tiles);
    if (!table->tiles)
        return CT_ERROR_MEMORY;
    memset(table->tiles, 0, (size_t)table->room * sizeof *table->tiles);
    for (int64_t b = 1; b < p->n_boxes; b++) {
        const char *path = p->boxes[b].path;
        *find_region(p, table, path, strlen(path)) = p->n_nodes + b;
    }
    return CT_OK;
}

static const char *copy(ct_picture *p, const char *text, size_t length)
{
    char *place = ct__arena_alloc(&p->arena, length + 1);
    if (!place)
        return NULL;
    memcpy(place, text, length);
    place[length] = '\0';
    return place;
}

/* The box of a region, and those around it, made where they are not yet; -1 with an error (memory). */
static int64_t box_of_region(ct_picture *p, region_table *table, const char *path, int64_t first)
{
    int64_t parent = p->n_nodes;
    for (size_t length = 0; path[length];) {
        size_t begin = length + (length > 0);
        length = begin + strcspn(path + begin, ".");
        if (grow_regions(p, table) != CT_OK)
            return -1;
        int64_t *found = find_region(p, table, path, length);
        if (!*found) {
            int64_t box =
                ct__picture_add_box(p, parent, first, copy(p, path + begin, length - begin), copy(p, path, length));
            if (box < 0)
                return -1;
            *find_region(p, table, path, length) = box;
            found = find_region(p, table, path, length);
        }
        parent = *found;
    }
    return parent;
}

static ct_status box_regions(ct_picture *p)
{
    region_table table = {0};
    if (ct__picture_add_box(p, -1, p->n_nodes ? p->ids[0] : 0, "", NULL) < 0)
        return CT_ERROR_MEMORY;
    for (int64_t k = 0; k < p->n_nodes; k++) {
        const ct_trace_node *node = ct__shown_node(p, k);
        if (node->kind != CT_TRACE_RESULT)
            continue;
        int64_t box = box_of_region(p, &table, node->region, node->id);
        if (box < 0)
            return CT_ERROR_MEMORY;
        p->tiles[k].parent = box;
    }
    return CT_OK;
}

/* ---- parts of what is long ---- */

static int by_parent(const void *a, const void *b)
{
    const ct_child *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

ct_child *ct__picture_children(ct_picture *p, int64_t *n)
{
    ct_child *children = ct__arena_alloc(&p->arena, (size_t)p->n_tiles * sizeof *children);
    *n = 0;
    if (!children)
        return NULL;
    for (int64_t k = 0; k < p->n_tiles; k++)
        if (p->tiles[k].parent >= 0)
            children[(*n)++] = (ct_child){p->tiles[k].parent, p->tiles[k].first, k};
    qsort(children, (size_t)*n, sizeof *children, by_parent);
    return children;
}

int64_t ct__siblings(const ct_child *children, int64_t n)
{
    int64_t end = 0;
    while (end < n && children[end].parent == children[0].parent)
        end++;
    return end;
}

static const char *part_name(ct_picture *p, int64_t from, int64_t to)
{
    char text[64];
    snprintf(text, sizeof text, "%lld to %lld", (long long)from, (long long)to);
    return ct__arena_text(&p->arena, text);
}

/* Cuts the n children of one box into parts, and these again. */
static ct_status cut(ct_picture *p, const ct_child *children, int64_t n)
{
    int64_t size = 32;
    while (size * 32 < n)
        size *= 32;
    for (; size > 1; size /= 32)
        for (int64_t from = 0; from < n; from += size) {
            int64_t to = from + size < n ? from + size : n;
            int64_t parent = p->tiles[children[from].tile].parent;
            int64_t part = ct__picture_add_box(p, parent, children[from].first, part_name(p, from + 1, to), NULL);
            if (part < 0)
                return CT_ERROR_MEMORY;
            for (int64_t k = from; k < to; k++)
                p->tiles[children[k].tile].parent = part;
        }
    return CT_OK;
}

static ct_status cut_long_boxes(ct_picture *p)
{
    int64_t n, many;
    const ct_child *children = ct__picture_children(p, &n);
    ct_status status = children ? CT_OK : CT_ERROR_MEMORY;
    for (int64_t begin = 0; status == CT_OK && begin < n; begin += many) {
        many = ct__siblings(children + begin, n - begin);
        if (many > CT_MANY)
            status = cut(p, children + begin, many);
    }
    return status;
}

/* ---- leaves, wires, depths ---- */

static void note_depths(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_tiles; k++) {
        p->tiles[k].depth = 0;
        for (int64_t up = p->tiles[k].parent; up >= 0; up = p->tiles[up].parent)
            p->tiles[k].depth++;
    }
}

/* The innermost box around both boxes. */
static int64_t around_both(const ct_picture *p, int64_t a, int64_t b)
{
    while (a != b) {
        bool deeper = p->tiles[a].depth >= p->tiles[b].depth;
        if (deeper)
            a = p->tiles[a].parent;
        else
            b = p->tiles[b].parent;
    }
    return a;
}

static int64_t count_inputs(const ct_picture *p)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->n_nodes; k++)
        n += ct__shown_node(p, k)->n_inputs;
    return n;
}

/* The wires; and leaves go where all who take them are. */
static ct_status connect(ct_picture *p)
{
    p->wires = ct__arena_alloc(&p->arena, (size_t)(count_inputs(p) + 1) * sizeof *p->wires);
    if (!p->wires)
        return CT_ERROR_MEMORY;
    for (int64_t k = 0; k < p->n_nodes; k++) {
        const ct_trace_node *node = ct__shown_node(p, k);
        for (int i = 0; i < node->n_inputs; i++) {
            int64_t from = node->inputs[i] < 0 ? -1 : p->tile_of[node->inputs[i]];
            if (from < 0)
                continue;
            p->wires[p->n_wires++] = (ct_wire){.from = from, .to = k, .input = i};
            ct_page_tile *leaf = &p->tiles[from];
            if (ct__shown_node(p, from)->kind != CT_TRACE_RESULT)
                leaf->parent = leaf->parent < 0 ? p->tiles[k].parent : around_both(p, leaf->parent, p->tiles[k].parent);
        }
    }
    for (int64_t k = 0; k < p->n_nodes; k++)
        if (p->tiles[k].parent < 0) /* the root, if it is itself a leaf; or what takes it is not shown */
            p->tiles[k].parent = p->n_nodes;
    return CT_OK;
}

/* What leaves the boxes of a wire's beginning, and what comes into those of its end. */
static void note_border(ct_picture *p, const ct_wire *wire)
{
    int64_t both = around_both(p, p->tiles[wire->from].parent, p->tiles[wire->to].parent);
    bool asks = ct__shown_node(p, wire->from)->kind == CT_TRACE_LEAF; /* a weight: what flows is worth more */
    for (int64_t up = p->tiles[wire->from].parent; up != both; up = p->tiles[up].parent) {
        ct_box *box = ct__box_of(p, up);
        box->gives = wire->from > box->gives ? wire->from : box->gives;
    }
    for (int64_t up = p->tiles[wire->to].parent; up != both; up = p->tiles[up].parent) {
        ct_box *box = ct__box_of(p, up);
        if (box->takes < 0 && !asks)
            box->takes = wire->from;
    }
}

/* Data that is taken nowhere else lies in the box, and comes into it all the same. */
static void note_data(ct_picture *p, const ct_wire *wire)
{
    if (ct__shown_node(p, wire->from)->kind != CT_TRACE_CONSTANT)
        return;
    for (int64_t up = p->tiles[wire->to].parent; up >= 0; up = p->tiles[up].parent)
        if (ct__box_of(p, up)->takes < 0)
            ct__box_of(p, up)->takes = wire->from;
}

static void note_borders(ct_picture *p)
{
    for (int64_t w = 0; w < p->n_wires; w++)
        note_border(p, &p->wires[w]);
    for (int64_t w = 0; w < p->n_wires; w++)
        note_data(p, &p->wires[w]);
    int64_t root = p->shown[p->root] ? p->tile_of[p->root] : -1;
    for (int64_t up = root < 0 ? -1 : p->tiles[root].parent; up >= 0; up = p->tiles[up].parent)
        ct__box_of(p, up)->gives = root;
}

/* ---- what is open ---- */

static void count_nodes(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_nodes; k++)
        for (int64_t up = p->tiles[k].parent; up >= 0; up = p->tiles[up].parent)
            ct__box_of(p, up)->nodes++;
}

static ct_status open_region(ct_picture *p, const char *path)
{
    for (int64_t b = 0; b < p->n_boxes; b++) {
        if (!p->boxes[b].path || strcmp(p->boxes[b].path, path) != 0)
            continue;
        for (int64_t up = p->n_nodes + b; up >= 0; up = p->tiles[up].parent)
            ct__box_of(p, up)->open = true;
        return CT_OK;
    }
    return ct__error(CT_ERROR_ARGUMENT, "graph_write: nothing behind the root is in a region named '%s'", path);
}

/* Opens what stands alone in an open box but for leaves, unless it is repeated. */
static void open_lonely(ct_picture *p)
{
    int64_t *children = ct__arena_alloc(&p->arena, (size_t)p->n_boxes * sizeof *children);
    if (!children)
        return;
    memset(children, 0, (size_t)p->n_boxes * sizeof *children);
    for (int64_t k = 0; k < p->n_nodes + p->n_boxes; k++) {
        bool leaf = k < p->n_nodes && ct__shown_node(p, k)->kind != CT_TRACE_RESULT;
        if (p->tiles[k].parent >= 0 && !leaf)
            children[p->tiles[k].parent - p->n_nodes]++;
    }
    bool changed = true;
    while (changed) {
        changed = false;
        for (int64_t b = 1; b < p->n_boxes; b++) {
            const ct_page_tile *tile = &p->tiles[p->n_nodes + b];
            int64_t around = tile->parent - p->n_nodes;
            bool repeated = p->boxes[b].times > 0;
            if (!p->boxes[b].open && p->boxes[around].open && children[around] == 1 && !repeated)
                changed = p->boxes[b].open = true;
        }
    }
}

static ct_status open_boxes(ct_picture *p)
{
    bool all = p->options->unfold == CT_YES ||
               (p->options->unfold == CT_AUTO && p->n_nodes <= (p->n_boxes > 1 ? CT_SOME : CT_MANY));
    for (int64_t b = 0; b < p->n_boxes; b++)
        p->boxes[b].open = b == 0 || all;
    open_lonely(p);
    return p->options->open ? open_region(p, p->options->open) : ct_error_code();
}

int64_t ct__visible(const ct_picture *p, int64_t tile)
{
    int64_t visible = tile;
    for (int64_t up = p->tiles[tile].parent; up >= 0; up = p->tiles[up].parent)
        if (!ct__box_of(p, up)->open)
            visible = up;
    return visible;
}

/* ---- the whole ---- */

/* The last run that began at the root. */
static int64_t find_run(const ct_picture *p)
{
    int64_t run = 0;
    for (int64_t k = 0; k < p->trace->n_steps; k++)
        if (p->trace->steps[k].action == CT_STEP_SEED && p->trace->steps[k].to == p->root)
            run = p->trace->steps[k].run;
    return run;
}

bool ct__in_story(const ct_picture *p, const ct_trace_step *step)
{
    bool adds = step->action != CT_STEP_LEAF || step->old; /* a leaf's first gradient has just been told */
    return step->run == p->run && p->tile_of[step->to] >= 0 && adds && step->now;
}

/* Finds the step that is asked for, and what has come up to it. Widths are those of the end, so that all steps look alike. */
static ct_status go_to_step(ct_picture *p)
{
    size_t bytes = (size_t)p->trace->n_nodes * sizeof *p->so_far;
    const ct_snapshot **so_far = ct__arena_alloc(&p->arena, bytes);
    if (!so_far)
        return CT_ERROR_MEMORY;
    memset(so_far, 0, bytes);
    for (int64_t k = 0; k < p->trace->n_steps; k++) {
        const ct_trace_step *step = &p->trace->steps[k];
        if (!ct__in_story(p, step))
            continue;
        p->steps++;
        if (p->steps > p->options->step)
            continue;
        so_far[step->to] = step->now;
        p->step = step;
    }
    p->so_far = so_far;
    if (p->options->step > p->steps)
        return ct__error(CT_ERROR_ARGUMENT, "graph_write: step %lld is behind the last, %lld",
                         (long long)p->options->step, (long long)p->steps);
    return CT_OK;
}

ct_status ct__picture_make(ct_picture *p)
{
    p->run = find_run(p);
    p->labels = ct__trace_labels(p->trace, &p->arena);
    ct_status status = p->labels ? choose_nodes(p) : CT_ERROR_MEMORY;
    if (status == CT_OK)
        status = box_regions(p);
    if (status == CT_OK)
        status = ct__picture_repeat(p);
    if (status == CT_OK)
        status = cut_long_boxes(p);
    note_depths(p);
    if (status == CT_OK)
        status = connect(p);
    note_depths(p);
    if (status == CT_OK)
        note_borders(p);
    count_nodes(p);
    if (status == CT_OK)
        status = open_boxes(p);
    if (status == CT_OK)
        status = ct__picture_rank(p);
    if (status == CT_OK)
        ct__picture_measure(p);
    if (status == CT_OK)
        status = ct__picture_place(p);
    return status == CT_OK && p->options->step ? go_to_step(p) : status;
}

void ct__picture_free(ct_picture *p)
{
    ct__free(p->tiles, (size_t)p->room_tiles * sizeof *p->tiles);
    ct__free(p->boxes, (size_t)p->room_boxes * sizeof *p->boxes);
    ct__arena_free(&p->arena);
}
