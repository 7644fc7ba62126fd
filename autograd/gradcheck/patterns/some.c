/* Only some elements are wrong. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

bool ct__only_negative(ct__wrong *w)
{
    if (!ct__wrong_some_right(w))
        return false;
    for (int64_t k = 0; k < w->n; k++)
        if ((w->verdict[k] == CT_FAIL && w->x[k] >= 0) || (w->verdict[k] == CT_PASS && w->x[k] < 0))
            return false;
    return true;
}

/* a = c d for all x of one sign, of at least two. */
static bool factor_of_sign(const ct__wrong *w, bool negative)
{
    double ad = 0, dd = 0;
    int64_t count = 0;
    for (int64_t k = 0; k < w->n; k++) {
        bool counts = (w->x[k] < 0) == negative;
        ad += counts ? w->a[k] * w->d[k] : 0;
        dd += counts ? w->d[k] * w->d[k] : 0;
        count += counts;
    }
    for (int64_t k = 0; k < w->n; k++)
        if ((w->x[k] < 0) == negative && !ct__wrong_alike(w, w->a[k], ad / dd * w->d[k]))
            return false;
    return count > 1 && dd > 0;
}

bool ct__factor_by_sign(ct__wrong *w)
{
    return factor_of_sign(w, true) && factor_of_sign(w, false);
}

/* Where x is exactly 0, or, if all of it is the same, at that tie. */
bool ct__only_at_zero(ct__wrong *w)
{
    int64_t right = 0, off = 0;
    for (int64_t k = 0; k < w->n; k++) {
        if (w->verdict[k] == CT_FAIL && w->x[k] != 0)
            return false;
        off += w->verdict[k] == CT_FAIL;
        right += w->verdict[k] != CT_FAIL && w->x[k] != 0;
    }
    return off > 0 && (right > 0 || off == w->n);
}

/* Where x is one number such as 1 or -0.5 alone; any other could be that of an element that is wrong for another reason. */
bool ct__only_at_value(ct__wrong *w)
{
    int64_t k = 0;
    while (k < w->n && w->verdict[k] != CT_FAIL)
        k++;
    if (k == w->n || !ct__wrong_some_right(w) || w->x[k] * 8 != rint(w->x[k] * 8))
        return false;
    w->factor = w->x[k];
    for (k = 0; k < w->n; k++)
        if ((w->verdict[k] == CT_FAIL && w->x[k] != w->factor) || (w->verdict[k] == CT_PASS && w->x[k] == w->factor))
            return false;
    return true;
}

/* All elements with position at or above from along axis are wrong, and none below; or, before, the other way round. What is at 0 by
 * either way is neither. */
static bool wrong_from(const ct__wrong *w, int axis, int64_t from, bool before)
{
    for (int64_t k = 0; k < w->n; k++) {
        bool bad = w->verdict[k] == CT_FAIL, there = (ct__wrong_position(w, k, axis) >= from) != before;
        if (bad != there && w->verdict[k] != CT_VACUOUS)
            return false;
    }
    return true;
}

/* The first position along axis with a wrong element. */
static int64_t first_wrong(const ct__wrong *w, int axis)
{
    int64_t first = w->shape[axis];
    for (int64_t k = 0; k < w->n; k++)
        if (w->verdict[k] == CT_FAIL && ct__wrong_position(w, k, axis) < first)
            first = ct__wrong_position(w, k, axis);
    return first;
}

bool ct__from_position_on(ct__wrong *w)
{
    for (w->axis = 0; w->every == 1 && ct__wrong_some_right(w) && w->axis < w->rank; w->axis++) {
        w->at = first_wrong(w, w->axis);
        if (w->at > 0 && w->at < w->shape[w->axis] && w->shape[w->axis] > 1 && wrong_from(w, w->axis, w->at, false))
            return true;
    }
    return false;
}

bool ct__only_first(ct__wrong *w)
{
    for (w->axis = 0; w->every == 1 && ct__wrong_some_right(w) && w->axis < w->rank; w->axis++)
        if (w->shape[w->axis] > 1 && wrong_from(w, w->axis, 1, true))
            return true;
    return false;
}

/* In row-major order. */
bool ct__from_element_on(ct__wrong *w)
{
    w->at = 0;
    while (w->at < w->n && w->verdict[w->at] != CT_FAIL)
        w->at++;
    bool all = w->at > 0 && w->at < w->n;
    for (int64_t k = w->at; all && k < w->n; k++)
        all = w->verdict[k] == CT_FAIL || w->verdict[k] == CT_VACUOUS;
    w->at *= w->every;
    return all && ct__wrong_some_right(w);
}

static bool at_border(const ct__wrong *w, int64_t k)
{
    for (int axis = w->rank - 1; axis >= 0 && axis >= w->rank - 2; axis--) {
        int64_t i = ct__wrong_position(w, k, axis);
        if (w->shape[axis] > 2 && (i == 0 || i == w->shape[axis] - 1))
            return true;
    }
    return false;
}

/* There, and not inside; a few elements would lie there by chance. */
bool ct__only_border(ct__wrong *w)
{
    int64_t bad = 0, border = 0;
    for (int64_t k = 0; k < w->n; k++) {
        if (w->verdict[k] == CT_FAIL && !at_border(w, k))
            return false;
        bad += w->verdict[k] == CT_FAIL;
        border += at_border(w, k);
    }
    return w->every == 1 && ct__wrong_some_right(w) && 2 * bad >= border && border < w->n;
}

/* Whole rows are wrong, and others are right, or nothing comes to them. */
bool ct__only_rows(ct__wrong *w)
{
    int64_t rows[2] = {0};
    if (w->rank < 2 || w->shape[0] < 2 || w->strides[0] < 2)
        return false;
    for (int64_t k = 0; k < w->n; k++) {
        bool bad = w->verdict[k] == CT_FAIL;
        if (bad != (w->verdict[k / w->strides[0] * w->strides[0]] == CT_FAIL))
            return false;
        rows[bad]++;
    }
    return rows[false] > 0 && rows[true] > 0;
}

bool ct__only_some(ct__wrong *w)
{
    return ct__wrong_some_right(w);
}
