/* Gradients that are nothing, not finite, or the measured one times something. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

bool ct__not_finite(ct__wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!isfinite(w->a[k]))
            return true;
    return false;
}

/* Or nothing beside the measured. */
bool ct__zeros(ct__wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (fabs(w->a[k]) > 1e-12 * w->size)
            return false;
    return true;
}

/* a = c d, c by least squares. */
static bool constant_factor(ct__wrong *w)
{
    double ad = 0, dd = 0;
    for (int64_t k = 0; k < w->n; k++) {
        ad += w->a[k] * w->d[k];
        dd += w->d[k] * w->d[k];
    }
    if (dd == 0)
        return false;
    w->factor = ad / dd;
    for (int64_t k = 0; k < w->n; k++)
        if (!ct__wrong_alike(w, w->a[k], w->factor * w->d[k]))
            return false;
    return true;
}

static bool factor_is(ct__wrong *w, double value)
{
    return constant_factor(w) && fabs(w->factor - value) <= 1e-3 * fabs(value);
}

bool ct__negated(ct__wrong *w)
{
    return factor_is(w, -1);
}

bool ct__half(ct__wrong *w)
{
    return factor_is(w, 0.5);
}

bool ct__mean_for_sum(ct__wrong *w)
{
    double repeats = w->n ? (double)w->outputs / (double)w->n : 0;
    return repeats > 1 && factor_is(w, 1 / repeats);
}

bool ct__times_count(ct__wrong *w)
{
    for (int axis = 0; axis < w->rank; axis++)
        if (w->shape[axis] > 1 && factor_is(w, (double)w->shape[axis]))
            return true;
    return w->n > 1 && factor_is(w, (double)w->n);
}

/* A deviation over N - 1 for one over N. */
bool ct__unbiased(ct__wrong *w)
{
    for (int axis = 0; axis < w->rank; axis++) {
        double n = (double)w->shape[axis];
        bool seen = n > 1 && n < 1e5; /* of more the factor prints as 1 */
        if (seen && (factor_is(w, sqrt((n - 1) / n)) || factor_is(w, (n - 1) / n) || factor_is(w, n / (n - 1))))
            return true;
    }
    return false;
}

bool ct__some_factor(ct__wrong *w)
{
    return w->n > 1 && constant_factor(w); /* of one element there always is one */
}

/* A factor so close to 1 that it prints as 1; what is shown is how far from it. */
bool ct__factor_near_1(ct__wrong *w)
{
    if (w->n < 2 || !constant_factor(w) || fabs(w->factor - 1) > 1e-3)
        return false;
    w->factor -= 1;
    return true;
}

bool ct__times_x(ct__wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!ct__wrong_alike(w, w->a[k], w->d[k] * w->x[k]))
            return false;
    return true;
}

bool ct__lacks_x(ct__wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!ct__wrong_alike(w, w->a[k] * w->x[k], w->d[k]))
            return false;
    return true;
}
