/* The gradients of several elements at kinks, together, in the convex hull of those around (Clarke, as in kinks.c). A point is outside of
 * a hull if there is a direction in which it lies beyond all of it. So gradients are taken at points around x, in directions of each
 * element alone and of all together, and what is tried are these directions, and that of the sum.
 *
 * Elements that have nothing to do with each other are looked at apart, since of pieces that go with each other in every way there are
 * too many to see. Which have is seen by moving one of them to either side: it changes what the others have.
 *
 * Invariant: outside is only what is still outside after a search for pieces that lie further in that direction, and where no piece has
 * been seen only once, so that there are no more to be expected. */
#include "hull.h"
#include "around.h"
#include <math.h>
#include <string.h>

enum {
    REACH = 14,  /* 2^-REACH is how far the points around x are, of its size, */
    FINE = 18,   /* and 2^-FINE how far everything is moved in any direction there, so that no tie is left */
    PAIRS = 32,  /* points in random directions, and as many opposite; */
    ALL = 512,   /* where it looks as if x were outside, so many points, */
    CLIMB = 200, /* and so many more in search of one further out, */
    CLIMBS = 3,  /* so often at most */
    ROOM = 2 * CT__KINKED + ALL + CLIMB * CLIMBS
};
#define NEAR 2e-3 /* of their size gradients may be apart and still be of one piece */

/* Gradients of the kinked elements around x, a row of count each, and where they were taken. */
typedef struct hull {
    ct__worker w;
    const ct__kinked *kinked;
    int count, taken;
    double *rows, *moves;       /* ROOM * count each; moves in units of the reach */
    double *here, *size, *unit; /* count each: at x itself, the largest anywhere, and the unit of x */
    int group[CT__KINKED];      /* the first element that each has to do with */
    ct_random_state state;
    ct_status status;
} hull;

/* ---- points around x ---- */

static void take(hull *h, ct_tensor *const *grads, double *row)
{
    for (int k = 0; k < h->count; k++) {
        row[k] = ct__doubles(grads[h->kinked[k].input])[h->kinked[k].element];
        h->size[k] = fmax(h->size[k], fabs(row[k]));
    }
}

static double *element(const hull *h, int k)
{
    return &ct__doubles(h->w.x[h->kinked[k].input])[h->kinked[k].element];
}

/* The row at taken, from where its move says. */
static void sample(hull *h, ct_random_state *state)
{
    size_t n = (size_t)h->w.check->n, bytes = 2 * n * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes);
    const double *move = h->moves + (size_t)h->taken * h->count;
    ct_scope scope;
    ct__scope_push(&scope);
    if (origin && ct__nudge(&h->w, state, ldexp(1, -FINE), origin)) {
        for (int k = 0; k < h->count; k++)
            *element(h, k) += ldexp(move[k] * h->unit[k], -REACH);
        h->status = ct__gradients_around(&h->w, origin + n);
        if (h->status == CT_OK)
            take(h, origin + n, h->rows + (size_t)h->taken++ * h->count);
        ct__nudge_back(&h->w, origin);
    } else {
        h->status = ct__no_memory("gradcheck");
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
}

/* Each element alone to either side, from one and the same point beside x. */
static void sample_alone(hull *h)
{
    for (int i = 0; i < 2 * h->count && h->status == CT_OK; i++) {
        double *move = h->moves + (size_t)h->taken * h->count;
        ct_random_state same = h->state;
        memset(move, 0, (size_t)h->count * sizeof *move);
        move[i / 2] = i % 2 ? -1 : 1;
        sample(h, &same);
    }
}

/* All together in random directions, and in the opposite ones, until so many are taken. */
static void sample_together(hull *h, int wanted)
{
    while (h->taken < wanted && h->status == CT_OK) {
        double *move = h->moves + (size_t)h->taken * h->count;
        for (int k = 0; k < h->count; k++) {
            move[k] = ct__normal(&h->state);
            move[k + h->count] = -move[k];
        }
        sample(h, &h->state);
        if (h->status == CT_OK)
            sample(h, &h->state);
    }
}

/* ---- groups ---- */

static void join(hull *h, int a, int b)
{
    int from = h->group[a] > h->group[b] ? h->group[a] : h->group[b],
        to = h->group[a] > h->group[b] ? h->group[b] : h->group[a];
    for (int k = 0; k < h->count; k++)
        h->group[k] = h->group[k] == from ? to : h->group[k];
}

/* Returns whether any two have to do with each other. */
static bool find_groups(hull *h)
{
    bool any = false;
    for (int k = 0; k < h->count; k++)
        h->group[k] = k;
    for (int a = 0; a < h->count; a++) {
        const double *above = h->rows + (size_t)2 * a * h->count, *below = above + h->count;
        for (int b = 0; b < h->count; b++)
            if (b != a && fabs(above[b] - below[b]) > NEAR * h->size[b]) {
                join(h, a, b);
                any = true;
            }
    }
    return any;
}

/* ---- directions ---- */

/* Along direction d of a group: what a row comes to. */
static double along(const hull *h, int group, const double *d, const double *row)
{
    double sum = 0;
    for (int k = 0; k < h->count; k++)
        sum += h->group[k] == group ? d[k] * row[k] : 0;
    return sum;
}

/* The row furthest out. */
static int furthest(const hull *h, int group, const double *d)
{
    int best = 0;
    double most = -INFINITY;
    for (int i = 0; i < h->taken; i++) {
        double at = along(h, group, d, h->rows + (size_t)i * h->count);
        best = at > most ? i : best;
        most = fmax(most, at);
    }
    return best;
}

/* How far x itself is beyond that; not above 0: it is not. */
static double beyond(const hull *h, int group, const double *d)
{
    double slack = 0;
    for (int k = 0; k < h->count; k++)
        slack += h->group[k] == group ? fabs(d[k]) * h->size[k] : 0;
    const double *row = h->rows + (size_t)furthest(h, group, d) * h->count;
    return along(h, group, d, h->here) - along(h, group, d, row) - NEAR * slack;
}

/* Whether there is a direction in which x is beyond all; it is put into d (count). */
static bool is_outside(const hull *h, int group, double *d)
{
    double most = 0;
    double ones[CT__KINKED];
    const double *best = NULL;
    bool up = true;
    for (int side = 0; side < 2; side++) {
        for (int k = 0; k < h->count; k++)
            ones[k] = side ? -1 : 1;
        double off = beyond(h, group, ones);
        up = off > most ? side == 0 : up;
        best = off > most ? ones : best;
        most = fmax(most, off);
    }
    for (int i = 0; i < h->taken; i++) {
        double off = beyond(h, group, h->moves + (size_t)i * h->count);
        best = off > most ? h->moves + (size_t)i * h->count : best;
        most = fmax(most, off);
    }
    for (int k = 0; k < h->count && best; k++)
        d[k] = best == ones ? (up ? 1 : -1) : best[k];
    return best != NULL;
}

/* Looks for rows further out, from the furthest on, with some elements moved anew each time. Whether x is still beyond. */
static bool still_outside(hull *h, int group, const double *d)
{
    for (int i = 0; i < CLIMB && h->status == CT_OK && beyond(h, group, d) > 0; i++) {
        const double *from = h->moves + (size_t)furthest(h, group, d) * h->count;
        double *move = h->moves + (size_t)h->taken * h->count;
        for (int k = 0; k < h->count; k++) {
            double other = ct__normal(&h->state);
            ct_random_set(h->state);
            bool again = ct_random_u64() % 4 == 0;
            h->state = ct_random_get();
            move[k] = again ? other : from[k];
        }
        sample(h, &h->state);
    }
    return beyond(h, group, d) > 0;
}

/* ---- pieces ---- */

static bool alike(const hull *h, int group, const double *a, const double *b)
{
    for (int k = 0; k < h->count; k++)
        if (h->group[k] == group && fabs(a[k] - b[k]) > 4 * NEAR * h->size[k])
            return false;
    return true;
}

/* Whether one of the first n rows is like no other of them. */
static bool any_seen_once(const hull *h, int group, int n)
{
    for (int i = 0; i < n; i++) {
        bool again = false;
        for (int j = 0; j < n && !again; j++)
            again = j != i && alike(h, group, h->rows + (size_t)i * h->count, h->rows + (size_t)j * h->count);
        if (!again)
            return true;
    }
    return false;
}

static bool group_is_wrong(hull *h, int group)
{
    double d[CT__KINKED];
    if (!is_outside(h, group, d))
        return false;
    sample_together(h, 2 * h->count + ALL);
    int seen = h->taken;
    for (int i = 0; i < CLIMBS && h->status == CT_OK; i++) {
        if (!is_outside(h, group, d))
            return false;
        if (still_outside(h, group, d))
            return h->status == CT_OK && !any_seen_once(h, group, seen);
    }
    return false;
}

static int find_wrong(hull *h)
{
    sample_alone(h);
    if (h->status != CT_OK || !find_groups(h))
        return -1;
    sample_together(h, 2 * (h->count + PAIRS));
    for (int k = 0; k < h->count && h->status == CT_OK; k++)
        for (int group = h->group[k], last = h->count - 1; group == k && last > k; last--)
            if (h->group[last] == group) {
                if (group_is_wrong(h, group))
                    return last;
                break;
            }
    return -1;
}

int ct__outside_hull(ct__check *check, const ct__kinked *kinked, int count, ct_status *status)
{
    if (count < 2)
        return -1;
    hull h = {.w = ct__worker_of(check), .kinked = kinked, .count = count, .state = check->stream};
    size_t bytes = (size_t)count * (2 * ROOM + 3) * sizeof(double);
    h.rows = ct__alloc(bytes);
    if (!h.rows) {
        *status = ct__no_memory("gradcheck");
        return -1;
    }
    h.moves = h.rows + (size_t)count * ROOM;
    h.here = h.moves + (size_t)count * ROOM;
    h.size = h.here + count;
    h.unit = h.size + count;
    for (int k = 0; k < count; k++)
        h.unit[k] = ct__small_unit(fabs(*element(&h, k)));
    memset(h.size, 0, (size_t)count * sizeof *h.size);
    take(&h, check->analytic, h.here);
    int found = find_wrong(&h);
    *status = h.status;
    ct__free(h.rows, bytes);
    return found;
}
