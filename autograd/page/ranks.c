/* The tables in which boxes are laid out: which column (rank) an tile stands in, and where in the column (slot).
 *
 * A wire between two nodes is one between two tiles of the innermost box around both, and one from or to the border of each box
 * that it leaves or enters: lanes. A tile's rank is above that of all whose lanes come in; a lane that passes columns has a bend in
 * each, so that room is left for it. What goes against the order of the
 * computation, since a region was entered twice, counts for no rank. Slots are ordered so that lanes cross little: each
 * tile goes to the mean of its neighbours' slots, up and down (Sugiyama, Tagawa, Toda 1981). Invariant: only the trace decides. */
#include "picture_internal.h"
#include <stdlib.h>
#include <string.h>

/* ---- lanes ---- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* In the order of the computation: that of their ends. */
static int by_order(const void *a, const void *b, void *picture)
{
    const ct_picture *p = picture;
    const ct_lane *x = a, *y = b;
    int order = compare(p->tiles[x->to].first, p->tiles[y->to].first);
    order = order ? order : compare(x->to, y->to);
    order = order ? order : compare(p->tiles[x->from].first, p->tiles[y->from].first);
    order = order ? order : compare(x->from, y->from);
    return order ? order : compare(x->input, y->input);
}

/* The lanes of a wire, in its order, into lanes, or only counted if that is NULL. */
static int64_t lanes_of(const ct_picture *p, const ct_wire *wire, ct_lane *lanes)
{
    int64_t a = wire->from, b = wire->to, n = 0;
    while (p->tiles[a].parent != p->tiles[b].parent) {
        bool out = p->tiles[a].depth >= p->tiles[b].depth, in = p->tiles[b].depth >= p->tiles[a].depth;
        if (lanes && out)
            lanes[n] = (ct_lane){.from = a, .to = p->tiles[a].parent, .input = wire->input};
        n += out;
        if (lanes && in)
            lanes[n] = (ct_lane){.from = p->tiles[b].parent, .to = b, .input = wire->input};
        n += in;
        a = out ? p->tiles[a].parent : a;
        b = in ? p->tiles[b].parent : b;
    }
    if (lanes)
        lanes[n] = (ct_lane){.from = a, .to = b, .input = wire->input};
    return n + 1;
}

const ct_lane *ct__lane(const ct_picture *p, int64_t from, int64_t to)
{
    int64_t low = 0, high = p->n_lanes - 1;
    ct_lane key = {.from = from, .to = to};
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (by_order(&p->lanes[middle], &key, (void *)p) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return &p->lanes[low];
}

static ct_status make_lanes(ct_picture *p)
{
    int64_t n = 0, kept = 0;
    for (int64_t w = 0; w < p->n_wires; w++)
        n += lanes_of(p, &p->wires[w], NULL);
    p->lanes = ct__arena_alloc(&p->arena, ((size_t)n + 1) * sizeof *p->lanes);
    if (!p->lanes)
        return CT_ERROR_MEMORY;
    n = 0;
    for (int64_t w = 0; w < p->n_wires; w++)
        n += lanes_of(p, &p->wires[w], p->lanes + n);
    qsort_r(p->lanes, (size_t)n, sizeof *p->lanes, by_order, p);
    for (int64_t k = 0; k < n; k++)
        if (kept == 0 || p->lanes[kept - 1].from != p->lanes[k].from || p->lanes[kept - 1].to != p->lanes[k].to)
            p->lanes[kept++] = p->lanes[k];
    p->n_lanes = kept;
    return CT_OK;
}

/* ---- ranks ---- */

static bool is_leaf(const ct_picture *p, int64_t tile)
{
    return tile < p->n_nodes && ct__shown_node(p, tile)->kind != CT_TRACE_RESULT;
}

/* Lanes are in the order of what they lead to, so that where one begins is known. */
static void rank_results(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_lanes; k++) {
        const ct_page_tile *from = &p->tiles[p->lanes[k].from];
        ct_page_tile *to = &p->tiles[p->lanes[k].to];
        if (ct__is_inner(p, &p->lanes[k]) && from->first < to->first && to->rank <= from->rank)
            to->rank = from->rank + 1;
    }
}

/* Leaves stand right before what takes them first. */
static void rank_leaves(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_nodes; k++)
        if (is_leaf(p, k))
            p->tiles[k].rank = INT32_MAX;
    for (int64_t k = 0; k < p->n_lanes; k++) {
        ct_page_tile *from = &p->tiles[p->lanes[k].from];
        int32_t before = p->tiles[p->lanes[k].to].rank - 1;
        if (ct__is_inner(p, &p->lanes[k]) && is_leaf(p, p->lanes[k].from) && before < from->rank)
            from->rank = before;
    }
    for (int64_t k = 0; k < p->n_nodes; k++)
        if (p->tiles[k].rank == INT32_MAX) /* nobody takes it */
            p->tiles[k].rank = 0;
}

static ct_status begin_at_zero(ct_picture *p)
{
    int32_t *least = ct__arena_alloc(&p->arena, (size_t)p->n_boxes * sizeof *least);
    if (!least)
        return CT_ERROR_MEMORY;
    for (int64_t b = 0; b < p->n_boxes; b++)
        least[b] = INT32_MAX;
    for (int64_t k = 0; k < p->n_tiles; k++) {
        int64_t b = p->tiles[k].parent - p->n_nodes;
        if (b >= 0 && p->tiles[k].rank < least[b])
            least[b] = p->tiles[k].rank;
    }
    for (int64_t k = 0; k < p->n_tiles; k++)
        if (p->tiles[k].parent >= 0)
            p->tiles[k].rank -= least[p->tiles[k].parent - p->n_nodes];
    return CT_OK;
}

static ct_status add_lane_bends(ct_picture *p, ct_lane *lane, int64_t box, int32_t begin, int32_t end)
{
    lane->bend = p->n_tiles;
    for (int32_t rank = begin; rank < end; rank++) {
        ct_page_tile bend = {.parent = box,
                             .first = p->tiles[lane->from].first,
                             .rank = rank,
                             .depth = p->tiles[box].depth + 1,
                             .h = 12};
        if (ct__picture_add_tile(p, bend) < 0)
            return CT_ERROR_MEMORY;
        lane->bends++;
    }
    return CT_OK;
}

/* Columns of each box. */
static int32_t *count_columns(ct_picture *p)
{
    int32_t *columns = ct__arena_alloc(&p->arena, (size_t)p->n_boxes * sizeof *columns);
    for (int64_t b = 0; columns && b < p->n_boxes; b++)
        columns[b] = 0;
    for (int64_t k = 0; columns && k < p->n_tiles; k++) {
        int64_t b = p->tiles[k].parent - p->n_nodes;
        if (b >= 0 && p->tiles[k].rank >= columns[b])
            columns[b] = p->tiles[k].rank + 1;
    }
    return columns;
}

static ct_status add_bends(ct_picture *p)
{
    const int32_t *columns = count_columns(p);
    ct_status status = columns ? CT_OK : CT_ERROR_MEMORY;
    for (int64_t k = 0; status == CT_OK && k < p->n_lanes; k++) {
        ct_lane *lane = &p->lanes[k];
        int64_t box = p->tiles[lane->to].parent, out = p->tiles[lane->from].parent;
        int32_t from = p->tiles[lane->from].rank, to = p->tiles[lane->to].rank;
        if (lane->from == box) /* in */
            status = add_lane_bends(p, lane, box, 0, to);
        else if (lane->to == out)
            status = add_lane_bends(p, lane, out, from + 1, columns[out - p->n_nodes]);
        else
            status = add_lane_bends(p, lane, box, from + 1, to);
    }
    return status;
}

/* ---- slots ---- */

/* A piece of a lane, from one column to the next. */
typedef struct link {
    int64_t from, to;
} link;

typedef struct sorting {
    ct_picture *p;
    link *links;
    int64_t n_links;
    double *sum; /* of each tile's neighbours' slots, */
    int32_t *count;
    double *wish; /* and where it wants to stand */
} sorting;

static int by_table(const void *a, const void *b, void *context)
{
    const sorting *s = context;
    int64_t i = *(const int64_t *)a, k = *(const int64_t *)b;
    const ct_page_tile *x = &s->p->tiles[i], *y = &s->p->tiles[k];
    int order = compare(x->parent, y->parent);
    order = order ? order : compare(x->rank, y->rank);
    order = order ? order : (s->wish[i] > s->wish[k]) - (s->wish[i] < s->wish[k]);
    order = order ? order : compare(x->slot, y->slot); /* as they stood before */
    order = order ? order : compare(x->first, y->first);
    return order ? order : compare(i, k);
}

static void number_slots(sorting *s)
{
    ct_picture *p = s->p;
    qsort_r(p->order, (size_t)p->n_tiles, sizeof *p->order, by_table, s);
    for (int64_t k = 0; k < p->n_tiles; k++) {
        ct_page_tile *tile = &p->tiles[p->order[k]];
        const ct_page_tile *before = k ? &p->tiles[p->order[k - 1]] : NULL;
        bool same = before && before->parent == tile->parent && before->rank == tile->rank;
        tile->slot = same ? before->slot + 1 : 0;
        s->wish[p->order[k]] = tile->slot;
    }
}

/* Every tile goes to the mean of those before it, or of those behind it. */
static void sweep(sorting *s, bool behind)
{
    size_t n = (size_t)s->p->n_tiles;
    memset(s->sum, 0, n * sizeof *s->sum);
    memset(s->count, 0, n * sizeof *s->count);
    for (int64_t k = 0; k < s->n_links; k++) {
        int64_t tile = behind ? s->links[k].from : s->links[k].to, other = behind ? s->links[k].to : s->links[k].from;
        s->sum[tile] += s->p->tiles[other].slot;
        s->count[tile]++;
    }
    for (size_t i = 0; i < n; i++)
        if (s->count[i])
            s->wish[i] = s->sum[i] / s->count[i];
    number_slots(s);
}

static void make_links(sorting *s)
{
    for (int64_t k = 0; k < s->p->n_lanes; k++)
        for (int64_t i = 0, from, to; ct__piece(s->p, &s->p->lanes[k], i, &from, &to); i++)
            if (from >= 0)
                s->links[s->n_links++] = (link){from, to};
}

static void note_tables(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_tiles; k++) {
        ct_box *box = ct__box_of(p, p->tiles[p->order[k]].parent);
        if (!box)
            continue;
        box->begin = k > 0 && p->tiles[p->order[k - 1]].parent == p->tiles[p->order[k]].parent ? box->begin : k;
        box->end = k + 1;
    }
}

static ct_status order_slots(ct_picture *p)
{
    enum { SWEEPS = 6 };
    size_t n = (size_t)p->n_tiles, links = (size_t)(p->n_tiles + p->n_lanes + 1);
    sorting s = {.p = p,
                 .links = ct__arena_alloc(&p->arena, links * sizeof(link)),
                 .sum = ct__arena_alloc(&p->arena, n * sizeof(double)),
                 .count = ct__arena_alloc(&p->arena, n * sizeof(int32_t)),
                 .wish = ct__arena_alloc(&p->arena, n * sizeof(double))};
    p->order = ct__arena_alloc(&p->arena, n * sizeof *p->order);
    if (!s.links || !s.sum || !s.count || !s.wish || !p->order)
        return CT_ERROR_MEMORY;
    for (size_t k = 0; k < n; k++) {
        p->order[k] = (int64_t)k;
        s.wish[k] = 0;
    }
    for (int64_t k = 0; k < p->n_lanes; k++) {
        const ct_lane *lane = &p->lanes[k];
        s.wish[lane->from] = lane->input;
        for (int64_t i = 0; i < lane->bends; i++)
            s.wish[lane->bend + i] = lane->input;
    }
    make_links(&s);
    number_slots(&s);
    for (int k = 0; k < SWEEPS; k++)
        sweep(&s, k % 2 == 1);
    note_tables(p);
    return CT_OK;
}

bool ct__is_inner(const ct_picture *p, const ct_lane *lane)
{
    return p->tiles[lane->from].parent == p->tiles[lane->to].parent;
}

bool ct__piece(const ct_picture *p, const ct_lane *lane, int64_t i, int64_t *from, int64_t *to)
{
    bool in = p->tiles[lane->to].parent == lane->from, out = p->tiles[lane->from].parent == lane->to;
    bool back = !in && !out && p->tiles[lane->to].rank <= p->tiles[lane->from].rank;
    *from = i > 0 ? lane->bend + i - 1 : in ? -1 : lane->from;
    *to = i < lane->bends ? lane->bend + i : lane->to;
    return !back && i <= lane->bends - out;
}

ct_status ct__picture_rank(ct_picture *p)
{
    ct_status status = make_lanes(p);
    if (status != CT_OK)
        return status;
    rank_results(p);
    rank_leaves(p);
    status = begin_at_zero(p);
    if (status == CT_OK)
        status = add_bends(p);
    return status == CT_OK ? order_slots(p) : status;
}
