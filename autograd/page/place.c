/* Where everything stands: the tables of open boxes, laid out from the innermost outwards.
 *
 * Columns go from left to right, and when they are too wide, on in the next row. In a column tiles stand level with what they are
 * connected to, as far as they leave each other room. script/picture.js does the same, to the pixel, when boxes are opened and closed: whoever
 * changes one changes both. Invariant: all places are whole numbers. */
#include "picture_internal.h"
#include <math.h>

enum { GAP_X = 28, GAP_Y = 14, ROW = 40, PADDING_X = 24, PADDING_Y = 14, TITLE = 24, LINE = 7, CLOSED_H = 62 };

static double most(double a, double b)
{
    return a > b ? a : b;
}

void ct__picture_measure(ct_picture *p)
{
    for (int64_t k = 0; k < p->n_nodes; k++) {
        ct_labels l;
        ct__label_node(p, k, &l);
        int box = ct__columns(l.title) * 8, wire = ct__columns(l.value), type = ct__columns(l.type);
        int place = ct__columns(l.place), more = ct__columns(l.value_more), gradient = ct__columns(l.gradient);
        int line = type > place ? type : place;
        wire = wire > more ? wire : more;
        wire = wire > gradient ? wire : gradient;
        more = ct__columns(l.gradient_more);
        wire = wire > more ? wire : more;
        p->tiles[k].label_w = (wire > 9 ? wire : 9) * LINE + 12;
        p->tiles[k].w = (box > line * 6 ? box : line * 6) + 18 + p->tiles[k].label_w;
        p->tiles[k].h = *l.value_more ? 96 : 54;
    }
}

/* ---- one column ---- */

/* The n tiles get the centers they want, moved as far as they must to stand below one another. */
static void settle(ct_picture *p, const int64_t *tiles, int64_t n, const double *wish)
{
    double moved = 0;
    for (int64_t k = 0; k < n; k++) {
        ct_page_tile *tile = &p->tiles[tiles[k]];
        tile->y = wish[k] - tile->h / 2;
        if (k > 0)
            tile->y = most(tile->y, p->tiles[tiles[k - 1]].y + p->tiles[tiles[k - 1]].h + GAP_Y);
        moved += wish[k] - (tile->y + tile->h / 2);
    }
    for (int64_t k = 0; k < n; k++)
        p->tiles[tiles[k]].y = floor(p->tiles[tiles[k]].y + moved / (double)n + 0.5);
}

static double center(const ct_page_tile *tile)
{
    return tile->y + tile->h / 2;
}

/* Neighbours of each tile in the columns beside its own, before and behind: lists in one array. */
typedef struct neighbours {
    int64_t *begin[2], *list[2];
} neighbours;

/* Counts the pieces of lanes at each tile, or fills the lists. */
static void walk_pieces(const ct_picture *p, neighbours *n, bool fill)
{
    for (int64_t k = 0; k < p->n_lanes; k++)
        for (int64_t i = 0, from, to; ct__piece(p, &p->lanes[k], i, &from, &to); i++) {
            if (from < 0)
                continue;
            if (fill) {
                n->list[0][--n->begin[0][to + 1]] = from;
                n->list[1][--n->begin[1][from + 1]] = to;
            } else {
                n->begin[0][to + 1]++;
                n->begin[1][from + 1]++;
            }
        }
}

static ct_status find_neighbours(ct_picture *p, neighbours *n)
{
    size_t pieces = (size_t)(p->n_tiles + p->n_lanes + 1);
    for (int side = 0; side < 2; side++) {
        n->begin[side] = ct__arena_alloc(&p->arena, (size_t)(p->n_tiles + 2) * sizeof(int64_t));
        n->list[side] = ct__arena_alloc(&p->arena, pieces * sizeof(int64_t));
        if (!n->begin[side] || !n->list[side])
            return CT_ERROR_MEMORY;
        for (int64_t k = 0; k < p->n_tiles + 2; k++)
            n->begin[side][k] = 0;
    }
    walk_pieces(p, n, false);
    for (int side = 0; side < 2; side++)
        for (int64_t k = 0; k <= p->n_tiles; k++)
            n->begin[side][k + 1] += n->begin[side][k];
    walk_pieces(p, n, true); /* moves every begin + 1 down to where the list begins */
    return CT_OK;
}

/* ---- one row: columns side by side ---- */

typedef struct row {
    int64_t begin, end; /* of p->order */
    int32_t first_rank, last_rank;
    double *wish; /* room for a column */
    const neighbours *n;
} row;

static int64_t column_end(const ct_picture *p, int64_t begin, int64_t end)
{
    int64_t k = begin;
    while (k < end && p->tiles[p->order[k]].rank == p->tiles[p->order[begin]].rank)
        k++;
    return k;
}

static void stack_column(ct_picture *p, const row *r, int64_t begin, int64_t end)
{
    double total = -GAP_Y, at;
    for (int64_t k = begin; k < end; k++)
        total += p->tiles[p->order[k]].h + GAP_Y;
    at = -total / 2;
    for (int64_t k = begin; k < end; k++) {
        r->wish[k - begin] = at + p->tiles[p->order[k]].h / 2;
        at += p->tiles[p->order[k]].h + GAP_Y;
    }
    settle(p, p->order + begin, end - begin, r->wish);
}

/* A column's tiles move level with their neighbours on one side that stand in the same row. */
static void level_column(ct_picture *p, const row *r, int64_t begin, int64_t end, int side)
{
    for (int64_t k = begin; k < end; k++) {
        int64_t tile = p->order[k], count = 0;
        double sum = 0;
        for (int64_t i = r->n->begin[side][tile + 1]; i < r->n->begin[side][tile + 2]; i++) {
            const ct_page_tile *other = &p->tiles[r->n->list[side][i]];
            if (other->rank < r->first_rank || other->rank > r->last_rank)
                continue;
            sum += center(other);
            count++;
        }
        r->wish[k - begin] = count ? sum / (double)count : center(&p->tiles[tile]);
    }
    settle(p, p->order + begin, end - begin, r->wish);
}

/* Forward, back and forward again. */
static void level_row(ct_picture *p, const row *r)
{
    for (int64_t begin = r->begin, end; begin < r->end; begin = end) {
        end = column_end(p, begin, r->end);
        stack_column(p, r, begin, end);
    }
    for (int sweep = 0; sweep < 3; sweep++) {
        if (sweep % 2 == 0) {
            for (int64_t begin = r->begin, end; begin < r->end; begin = end) {
                end = column_end(p, begin, r->end);
                level_column(p, r, begin, end, 0);
            }
            continue;
        }
        for (int64_t end = r->end, begin; end > r->begin; end = begin) {
            for (begin = end;
                 begin > r->begin && p->tiles[p->order[begin - 1]].rank == p->tiles[p->order[end - 1]].rank;)
                begin--;
            level_column(p, r, begin, end, 1);
        }
    }
}

/* Moves the row so that its top is at y; returns its height. */
static double drop_row(ct_picture *p, const row *r, double y)
{
    double top = INFINITY, bottom = -INFINITY;
    for (int64_t k = r->begin; k < r->end; k++) {
        const ct_page_tile *tile = &p->tiles[p->order[k]];
        top = tile->y < top ? tile->y : top;
        bottom = most(bottom, tile->y + tile->h);
    }
    for (int64_t k = r->begin; k < r->end; k++) {
        p->tiles[p->order[k]].y += y - top;
        p->tiles[p->order[k]].row = y;
    }
    return bottom - top;
}

/* ---- one box ---- */

static double column_width(const ct_picture *p, int64_t begin, int64_t end)
{
    double width = 0;
    for (int64_t k = begin; k < end; k++)
        width = most(width, p->order[k] < p->n_nodes + p->n_boxes ? p->tiles[p->order[k]].w : 0);
    return width;
}

/* The columns that fit beside each other, from r->begin on; sets the x of their tiles; returns their width. */
static double take_row(ct_picture *p, row *r, int64_t box_end)
{
    double x = 0;
    r->first_rank = p->tiles[p->order[r->begin]].rank;
    r->end = r->begin;
    while (r->end < box_end) {
        int64_t end = column_end(p, r->end, box_end);
        double width = column_width(p, r->end, end);
        if (x > 0 && x + width > p->options->width)
            break;
        for (int64_t k = r->end; k < end; k++) {
            ct_page_tile *tile = &p->tiles[p->order[k]];
            tile->x = x;
            if (p->order[k] >= p->n_nodes + p->n_boxes) /* a bend */
                tile->w = width;
            r->last_rank = tile->rank;
        }
        x += width + GAP_X;
        r->end = end;
    }
    return x - GAP_X;
}

static double title_width(const ct_box *box)
{
    char title[2 * CT_LABEL_TEXT];
    return ct__columns(ct__box_title(box, title, sizeof title)) * 8 + 40;
}

/* A closed box shows at its wire what it gives. */
static void measure_closed(const ct_picture *p, const ct_box *box, ct_page_tile *tile)
{
    char flow[CT_LABEL_TEXT];
    const ct_page_tile *gives = box->gives < 0 ? NULL : &p->tiles[box->gives];
    double line = ct__columns(ct__box_flow(p, box, flow, sizeof flow)) * 6 + 20;
    tile->label_w = gives ? gives->label_w : 0;
    tile->w = most(most(title_width(box), line), 110) + tile->label_w;
    tile->h = most(CLOSED_H, gives ? gives->h : 0);
}

static void place_box(ct_picture *p, int64_t b, const neighbours *n, double *wish)
{
    const ct_box *box = &p->boxes[b];
    ct_page_tile *tile = &p->tiles[p->n_nodes + b];
    double width = 0, y = 0;
    row r = {.end = box->begin, .wish = wish, .n = n};
    while (box->open && r.end < box->end) {
        r.begin = r.end;
        width = most(width, take_row(p, &r, box->end));
        level_row(p, &r);
        y += drop_row(p, &r, y) + ROW;
    }
    if (box->open) {
        tile->w = most(width, title_width(box)) + 2 * PADDING_X;
        tile->h = most(y - ROW, 0) + 2 * PADDING_Y + TITLE;
    } else {
        measure_closed(p, box, tile);
    }
}

/* From places in their boxes to places in the picture. */
static void move_into_boxes(ct_picture *p, int64_t k)
{
    ct_page_tile *tile = &p->tiles[k];
    const ct_page_tile *around = &p->tiles[tile->parent];
    tile->x += around->x + PADDING_X;
    tile->y += around->y + PADDING_Y + TITLE;
    tile->row += around->y + PADDING_Y + TITLE;
}

ct_status ct__picture_place(ct_picture *p)
{
    neighbours n;
    double *wish = ct__arena_alloc(&p->arena, (size_t)(p->n_tiles + 1) * sizeof *wish);
    if (!wish || find_neighbours(p, &n) != CT_OK)
        return CT_ERROR_MEMORY;
    int32_t deepest = 0;
    for (int64_t k = 0; k < p->n_tiles; k++)
        deepest = p->tiles[k].depth > deepest ? p->tiles[k].depth : deepest;
    for (int32_t depth = deepest; depth >= 0; depth--)
        for (int64_t b = 0; b < p->n_boxes; b++)
            if (p->tiles[p->n_nodes + b].depth == depth)
                place_box(p, b, &n, wish);
    for (int32_t depth = 1; depth <= deepest; depth++)
        for (int64_t k = 0; k < p->n_tiles; k++)
            if (p->tiles[k].depth == depth)
                move_into_boxes(p, k);
    p->width = p->tiles[p->n_nodes].w;
    p->height = p->tiles[p->n_nodes].h;
    return CT_OK;
}
