/* The formula is that of another function. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

enum { MOST_SORTED = 256, FEWEST = 8 };

static void sort_by_x(const ct__wrong *w, int *order, int n)
{
    for (int i = 0; i < n; i++) {
        order[i] = i;
        for (int k = i; k > 0 && w->x[order[k]] < w->x[order[k - 1]]; k--) {
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

/* Then it follows a curve from one x to the next. What has nothing to do with x turns at every other element, and by pi / 4. */
bool ct__depends_on_x(ct__wrong *w)
{
    int order[MOST_SORTED], n = (int)(w->n < MOST_SORTED ? w->n : MOST_SORTED), turns = 0;
    double before = 0, way = 0;
    sort_by_x(w, order, n);
    for (int i = 1; i < n; i++) {
        double step = step_at(w, order, i);
        turns += step * before < 0;
        way += fabs(step);
        before = step != 0 ? step : before;
    }
    return n >= FEWEST && w->outputs == w->n && turns <= 2 + n / 10 && way <= n * M_PI / 8;
}

bool ct__broadcast(ct__wrong *w)
{
    return w->n > 0 && w->outputs > w->n && w->outputs % w->n == 0;
}
