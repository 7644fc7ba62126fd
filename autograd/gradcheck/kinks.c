/* Points without a derivative. What a gradient may be there is the convex hull of the gradients around (Clarke, "Generalized gradients
 * and applications", Trans. AMS 205 (1975) 247), and these are the gradients of finitely many smooth pieces.
 *
 * Invariant: what is not seen to be impossible is a kink; only where few pieces meet, and all of them have been seen, is a value outside
 * their hull wrong. */
#include "kinks.h"
#include "around.h"
#include <math.h>

enum {
    NUDGE = 14,       /* 2^-NUDGE is how far the points around x are, of its size */
    NUDGES = 24,      /* points around x, */
    NUDGES_ALL = 400, /* and before a value is said not to be among those there; */
    MEASURED = 8,     /* at so many of which the gradient is measured, */
    BESIDE = 1,       /* and so many may by chance lie beside the kink */
    FEW = 4,          /* pieces seen there: then there are no others */
};

/* ---- on a line ---- */

/* So small that what phi has elsewhere does not come in, and so large that noise does not. */
static double corner_step(const ct__precision *p)
{
    double relative = fmin(fmax(0x1p-22, 1024 * ct__noise_anywhere(p) / p->magnitude), 0x1p-6);
    return fmax(relative * ct__small_unit(p->reach), ldexp(p->reach, -40));
}

ct__corner ct__corner_at(ct__line *l, double *low, double *high)
{
    double jump[2], right[2], left[2], away[2], step = corner_step(&l->precision);
    double middle = ct__line_at(l, 0), noise = ct__noise_anywhere(&l->precision);
    for (int i = 0; i < 2; i++) {
        double h = i == 0 ? 4 * step : step, above = ct__line_at(l, h), below = ct__line_at(l, -h);
        right[i] = (above - middle) / h;
        left[i] = (middle - below) / h;
        jump[i] = fabs(right[i] - left[i]);
        away[i] = fmax(fabs(above - middle), fabs(below - middle));
    }
    if (away[1] > 64 * noise && away[1] > 0.6 * away[0])
        return CT__JUMP;
    noise = 16 * noise / step;
    if (!(jump[0] > 4 * noise && jump[1] > 0.6 * jump[0]))
        return CT__SMOOTH;
    double slack = fabs(right[0] - right[1]) + fabs(left[0] - left[1]) + l->w->check->options->safety * noise;
    *low = fmin(right[1], left[1]) - slack;
    *high = fmax(right[1], left[1]) + slack;
    return CT__KINK;
}

/* ---- around x ---- */

/* Whether analytic, at a point nearby, is as measured there, or cannot be measured. */
static bool as_measured(const ct__line *l, const ct_tensor *here, double analytic)
{
    ct__line near = *l;
    near.origin = ct__doubles(here);
    double magnitude;
    ct__evaluate(l->w, &magnitude); /* all that phi adds up may be 0 at x */
    near.precision.magnitude = fmax(near.precision.magnitude, magnitude);
    ct__slope slope = ct__ridders(ct__line_at, &near, &near.precision, ldexp(1, -22));
    return !slope.converged || fabs(analytic - slope.value) <= ct__tolerance(&near, &slope);
}

/* The derivative at a point near x, as computed; false with measure, if it is not as measured. */
static bool look_nearby(ct__line *l, ct_random_state *state, bool measure, double *analytic)
{
    ct__worker *w = l->w;
    int n = w->check->n;
    size_t bytes = (size_t)n * 2 * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes), **grads = origin ? origin + n : NULL;
    ct_scope scope;
    ct__scope_push(&scope);
    bool right = true;
    *analytic = NAN;
    if (!origin || !ct__nudge(w, state, ldexp(1, -NUDGE), origin)) {
        w->status = ct__no_memory("gradcheck");
    } else {
        const ct_tensor *here = ct__copy_as(l->x, CT_FLOAT64);
        if (here && ct__gradients_around(w, grads) == CT_OK) {
            *analytic = ct__along(l, ct__doubles(grads[ct__input_of(l)]));
            right = !measure || as_measured(l, here, *analytic);
        }
        if (ct_error_code() != CT_OK)
            w->status = ct_error_code();
        ct__nudge_back(w, origin);
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
    return right;
}

/* How far phi is from what it is at x, where all inputs are moved. */
static double away(ct__line *l, ct_random_state state, int by, double here)
{
    ct__worker *w = l->w;
    size_t bytes = (size_t)w->check->n * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    double far = 0;
    if (origin && ct__nudge(w, &state, ldexp(1, -by), origin)) {
        far = fabs(ct__evaluate(w, NULL) - here);
        ct__nudge_back(w, origin);
    } else {
        w->status = ct__no_memory("gradcheck");
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
    return far;
}

bool ct__jump_around(ct__line *l)
{
    double here = ct__line_at(l, 0), floor = 64 * ct__noise_anywhere(&l->precision);
    for (int i = 0; i < MEASURED && l->w->status == CT_OK; i++) {
        ct_random_state state = l->w->check->stream;
        state.counter += (uint64_t)i << 32;
        double close = away(l, state, NUDGE + 8, here);
        if (close > floor && close > 0.25 * away(l, state, NUDGE, here))
            return true;
    }
    return false;
}

/* How many of values[], n in all, differ by more than tolerance from all before. */
static int count_distinct(const double *values, int n, double tolerance)
{
    int distinct = 0;
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (int j = 0; j < i; j++)
            known |= fabs(values[i] - values[j]) <= tolerance;
        distinct += !known;
    }
    return distinct;
}

/* The derivatives at points around x, n of them; at so many the gradient was not as measured. */
typedef struct surroundings {
    ct_random_state state;
    double values[NUDGES_ALL];
    int n, otherwise;
} surroundings;

/* At so many points; false if there is something other than a kink. */
static bool look_around(ct__line *l, surroundings *s, int wanted)
{
    for (; s->n < wanted && l->w->status == CT_OK; s->n++) {
        s->otherwise += !look_nearby(l, &s->state, s->n < MEASURED, &s->values[s->n]);
        if (s->otherwise > BESIDE || !isfinite(s->values[s->n]))
            return false;
    }
    return l->w->status == CT_OK;
}

/* The smallest and largest of them. */
static void range_of(const surroundings *s, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int i = 0; i < s->n; i++) {
        *low = fmin(*low, s->values[i]);
        *high = fmax(*high, s->values[i]);
    }
}

static bool is_among(const surroundings *s, double analytic)
{
    double low, high;
    range_of(s, &low, &high);
    double near = 1e-3 * fmax(fabs(low), fabs(high));
    return analytic >= low - near && analytic <= high + near;
}

/* Few, and many more points show no others. A second order has the conventions of two passes in it, which need not go together. */
static bool all_seen(ct__line *l, surroundings *s, double near)
{
    return l->w->check->order == 1 && count_distinct(s->values, s->n, near) <= FEW && look_around(l, s, NUDGES_ALL) &&
           count_distinct(s->values, s->n, near) <= FEW;
}

bool ct__kink_around(ct__line *l, double analytic, ct__corner corner)
{
    surroundings s = {.state = l->w->check->stream};
    double low, high;
    if (!look_around(l, &s, NUDGES))
        return false;
    range_of(&s, &low, &high);
    double near = 1e-3 * fmax(fabs(low), fabs(high)), span = high - low;
    if (corner == CT__SMOOTH && span <= near)
        return false;
    if (is_among(&s, analytic) || all_seen(l, &s, near))
        return is_among(&s, analytic);
    return analytic >= low - span && analytic <= high + span; /* there are more pieces than were seen */
}
