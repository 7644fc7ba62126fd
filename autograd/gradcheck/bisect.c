/* Locating by halves. Invariant: in each half that is kept a probe has seen a difference, or there was none in the other. */
#include "bisect.h"
#include <string.h>

/* Whether the two differ along the part [from, to) of the direction; part is zeros before and after. */
static bool differs_within(ct__worker *w, int input, const double *direction, const double *origin, int64_t from,
                           int64_t to, double *part)
{
    size_t bytes = (size_t)(to - from) * sizeof *part;
    memcpy(part + from, direction + from, bytes);
    ct__line l = ct__line_direction(w, input, part, origin);
    bool differs = ct__differs(&l, ct__doubles(w->check->analytic[input]));
    memset(part + from, 0, bytes);
    return differs;
}

static int64_t halve(ct__worker *w, int input, const double *direction, const double *origin, double *part)
{
    int64_t from = 0, to = w->x[input]->numel;
    while (to - from > 1 && w->status == CT_OK) {
        int64_t middle = from + (to - from) / 2;
        if (differs_within(w, input, direction, origin, from, middle, part))
            to = middle;
        else
            from = middle;
    }
    return from;
}

int64_t ct__bisect(ct__worker *w, int input, const double *direction, const double *origin, ct__point *found)
{
    ct_tensor *part = ct_zeros_like(w->check->x[input]);
    if (!part) {
        w->status = CT_ERROR_MEMORY;
        return -1;
    }
    int64_t k = halve(w, input, direction, origin, ct__doubles(part));
    ct__line l = ct__line_element(w, input, k, origin);
    l.scale = ct__largest(w->check->analytic[input]);
    *found = ct__compare(&l, ct__doubles(w->check->analytic[input]));
    return found->verdict == CT_FAIL ? k : -1;
}
