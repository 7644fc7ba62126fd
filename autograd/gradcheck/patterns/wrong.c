/* What the families of patterns share. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

#define ALIKE 1e-4   /* of the largest element, */
#define MISTAKE 1e-2 /* and of the largest difference, so that a small mistake has a pattern too */

bool ct__wrong_alike(const ct__wrong *w, double u, double v)
{
    return fabs(u - v) <= fmin(ALIKE * w->size, MISTAKE * w->off);
}

int64_t ct__wrong_position(const ct__wrong *w, int64_t k, int axis)
{
    return k / w->strides[axis] % w->shape[axis];
}

bool ct__wrong_some_right(const ct__wrong *w)
{
    int64_t bad = 0, right = 0;
    for (int64_t k = 0; k < w->n; k++) {
        bad += w->verdict[k] == CT_FAIL;
        right += w->verdict[k] == CT_PASS;
    }
    return bad > 0 && right > 0;
}

bool ct__wrong_every_line(ct__wrong *w, bool (*test)(const ct__wrong *w, int64_t first, int64_t count, int64_t stride))
{
    for (w->axis = 0; w->rank > 1 && w->axis < w->rank; w->axis++) {
        int64_t count = w->shape[w->axis], stride = w->strides[w->axis];
        bool all = count > 2;
        for (int64_t k = 0; all && k < w->n; k++)
            if (ct__wrong_position(w, k, w->axis) == 0)
                all = test(w, k, count, stride);
        if (all)
            return true;
    }
    return false;
}
