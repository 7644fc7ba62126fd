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

/* How often the ratio of a to d, as an angle, turns from rising to falling or back in that order. */
static int turns(const ct__wrong *w, const int *order, int n)
{
    int count = 0;
    double before = 0;
    for (int i = 1; i < n; i++) {
        double step = atan(w->a[order[i]] / w->d[order[i]]) - atan(w->a[order[i - 1]] / w->d[order[i - 1]]);
        count += step * before < 0;
        before = step != 0 ? step : before;
    }
    return count;
}

/* Then it follows a curve from one x to the next; what has nothing to do with x turns at two of three elements. */
bool ct__depends_on_x(ct__wrong *w)
{
    int order[MOST_SORTED], n = (int)(w->n < MOST_SORTED ? w->n : MOST_SORTED);
    sort_by_x(w, order, n);
    return n >= FEWEST && w->outputs == w->n && turns(w, order, n) <= 1 + n / 10;
}

bool ct__broadcast(ct__wrong *w)
{
    return w->n > 0 && w->outputs > w->n && w->outputs % w->n == 0;
}
