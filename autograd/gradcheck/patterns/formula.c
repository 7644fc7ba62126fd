/* The formula is that of another function. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

enum { MOST_SORTED = 256, FEWEST = 8, TURNS = 4 };

static void sort_by(const double *x, int *order, int n)
{
    for (int i = 0; i < n; i++) {
        order[i] = i;
        for (int k = i; k > 0 && x[order[k]] < x[order[k - 1]]; k--) {
            int swap = order[k];
            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
    }
}

/* How much the ratio of a to d changes from one x to the next in that order, as an angle: beyond infinity it comes back below. */
static double step_at(const ct__wrong *w, const int *order, int i)
{
    double step = atan(w->a[order[i]] / w->d[order[i]]) - atan(w->a[order[i - 1]] / w->d[order[i - 1]]);
    return step - M_PI * rint(step / M_PI);
}

/* How far the ratio goes from one x to the next, if it follows a curve; else infinite. What has nothing to do with x turns at two of three
 * elements, and by pi / 4. */
static double way_along(const ct__wrong *w, const double *x)
{
    int order[MOST_SORTED], n = (int)(w->n < MOST_SORTED ? w->n : MOST_SORTED), turns = 0;
    double before = 0, way = 0;
    sort_by(x, order, n);
    for (int i = 1; i < n; i++) {
        double step = step_at(w, order, i);
        turns += step * before < 0;
        way += fabs(step);
        before = step != 0 ? step : before;
    }
    bool follows = n >= FEWEST && w->outputs == w->n && turns <= TURNS + n / 10 && way <= n * M_PI / 8;
    return follows ? way : INFINITY;
}

/* The shortest way along the elements of any input; at is set to the input. */
static double shortest_way(ct__wrong *w)
{
    double shortest = INFINITY;
    for (int i = 0; i < w->beside->n && w->every == 1; i++) {
        const ct_tensor *other = w->beside->inputs[i];
        double way = ct__is_float(other) && other->numel == w->n ? way_along(w, ct__doubles(other)) : INFINITY;
        w->at = way < shortest ? i : w->at;
        shortest = fmin(shortest, way);
    }
    return shortest;
}

bool ct__depends_on_x(ct__wrong *w)
{
    double own = way_along(w, w->x);
    return isfinite(own) && own <= shortest_way(w);
}

bool ct__depends_on_other(ct__wrong *w)
{
    return isfinite(shortest_way(w));
}

bool ct__broadcast(ct__wrong *w)
{
    return w->n > 0 && w->outputs > w->n && w->outputs % w->n == 0;
}
