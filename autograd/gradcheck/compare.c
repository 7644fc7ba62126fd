/* Judging a difference against the measurement's own error; kinks and noise, looked for only where something does not agree.
 * Invariant: no verdict of CT_FAIL without a second look. */
#include "compare.h"
#include <math.h>
#include <string.h>

enum {
    NUDGES = 8,           /* points around x where a mismatch is looked at again */
    CONFIRMED_ENOUGH = 8, /* mismatches that get that look, each check */
};

static double tolerance_of(const ct_gradcheck_options *options, const ct__slope *slope, double slack)
{
    return options->safety * (slope->error + slack) + options->absolute;
}

/* At a kink second differences over h do not shrink with h. Sets the one-sided derivatives, widened by their errors. */
static bool kink_on_line(ct__line *l, double *low, double *high)
{
    const ct__check *check = l->w->check;
    double jump[2], right[2], left[2], h[2] = {ldexp(l->scale, -20), ldexp(l->scale, -22)};
    double middle = ct__line_at(l, 0);
    for (int i = 0; i < 2; i++) {
        right[i] = (ct__line_at(l, h[i]) - middle) / h[i];
        left[i] = (middle - ct__line_at(l, -h[i])) / h[i];
        jump[i] = fabs(right[i] - left[i]);
    }
    double noise = 16 * check->unit * check->magnitude / h[1];
    if (!(jump[0] > 4 * noise && jump[1] > 0.6 * jump[0]))
        return false;
    double slack = fabs(right[0] - right[1]) + fabs(left[0] - left[1]) + check->options->safety * noise;
    *low = fmin(right[1], left[1]) - slack;
    *high = fmax(right[1], left[1]) + slack;
    return true;
}

static double normal(ct_random_state *state)
{
    ct_random_set(*state);
    double u = ldexp((double)(ct_random_u64() >> 11) + 1, -53), v = ldexp((double)(ct_random_u64() >> 11), -53);
    *state = ct_random_get();
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Moves every float input by a random 2^-14 or so; returns copies of where they were, or false. */
static bool nudge(ct__worker *w, ct_random_state *state, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++) {
        ct_tensor *x = w->x[i];
        origin[i] = ct__is_float(x) ? ct__copy_as(x, CT_FLOAT64) : NULL;
        if (ct__is_float(x) && !origin[i])
            return false;
    }
    for (int i = 0; i < w->check->n; i++)
        for (int64_t k = 0; origin[i] && k < origin[i]->numel; k++)
            ct__doubles(w->x[i])[k] += ldexp(normal(state), -14);
    return true;
}

static void nudge_back(ct__worker *w, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++)
        if (origin[i])
            memcpy(ct__doubles(w->x[i]), ct__doubles(origin[i]), (size_t)origin[i]->numel * sizeof(double));
}

/* The derivative at a point near x: as computed in *analytic; true if it was measured to be the same, or could not be measured
 * (*measured is false then). */
static bool right_nearby(ct__line *l, ct_random_state *state, double *analytic, bool *measured)
{
    ct__worker *w = l->w;
    ct__check *check = w->check;
    ct_gradcheck_options value_only = *check->options; /* other threads write to the report too */
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = {.subject = check->subject, .options = &value_only, .report = check->report, .n = check->n};
    size_t bytes = (size_t)check->n * 2 * sizeof(ct_tensor *);
    ct_tensor **origin = ct__alloc(bytes);
    ct_scope scope;
    ct__scope_push(&scope);
    bool right = false;
    *measured = false;
    if (!origin || !nudge(w, state, origin)) {
        w->status = ct__no_memory("gradcheck");
    } else {
        ct_tensor **grads = origin + check->n, *here = ct__copy_as(l->x, CT_FLOAT64);
        ct__line near = *l;
        int input = 0;
        while (w->x[input] != l->x)
            input++;
        if (here && ct__vjp(&quiet, w->x, check->wanted, w->cotangents, grads) == CT_OK) {
            double slack;
            near.origin = ct__doubles(here);
            *analytic = ct__along(&near, ct__doubles(grads[input]), &slack);
            ct__slope slope = ct__line_slope(&near, ldexp(1, -22));
            *measured = slope.converged;
            right = !slope.converged || fabs(*analytic - slope.value) <= tolerance_of(check->options, &slope, slack);
        }
        if (ct_error_code() != CT_OK)
            w->status = ct_error_code();
        nudge_back(w, origin);
    }
    ct__scope_pop(&scope);
    ct__free(origin, bytes);
    return right;
}

/* Where several kinks meet, the value chosen need not lie between the one-sided derivatives of any one line. It is a kink all the
 * same if the gradient is right all around x, jumps there, and the value is not far out of the range of the values around. */
static bool kink_around(ct__line *l, double analytic)
{
    ct_random_state state = l->w->check->stream;
    double low = INFINITY, high = -INFINITY;
    int measured_points = 0;
    for (int i = 0; i < NUDGES && l->w->status == CT_OK; i++) {
        double value;
        bool measured;
        if (!right_nearby(l, &state, &value, &measured))
            return false;
        if (!measured)
            continue;
        measured_points++;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    double span = high - low; /* eight points need not show all the values around, hence the margin */
    return measured_points >= NUDGES / 2 && span > 1e-3 * fmax(fabs(low), fabs(high)) && analytic >= low - span &&
           analytic <= high + span;
}

/* Whether phi is so noisy (by less than float64 inside, say) that the mismatch may be that. */
static bool noise_explains(ct__line *l, const ct__point *p)
{
    const ct__check *check = l->w->check;
    /* The spacings are odd, so that steps of the noise do not fall in with them. */
    double wide = fmax(ct__noise(ct__line_at, l, 1.37e-5 * l->scale), ct__noise(ct__line_at, l, 2.21e-5 * l->scale));
    double narrow = fmax(ct__noise(ct__line_at, l, 0.83e-6 * l->scale), ct__noise(ct__line_at, l, 1.29e-6 * l->scale));
    double noise = fmin(wide, narrow);
    if (!(noise > 64 * check->unit * check->magnitude) || !isfinite(noise))
        return false;
    ct__slope slope = ct__ridders(ct__line_at, l, check->options->step * l->scale, check->magnitude, l->reach,
                                  noise / check->magnitude);
    return fabs(p->analytic - slope.value) <= tolerance_of(check->options, &slope, 0);
}

/* A mismatch has been seen: is it one from another start step too, is there no kink, and too little noise to explain it? */
static ct_verdict second_look(ct__line *l, ct__point *p, double slack)
{
    ct__check *check = l->w->check;
    ct__slope again = ct__line_slope(l, 0.75 * check->options->step);
    double tolerance = tolerance_of(check->options, &again, slack);
    if (again.converged && fabs(p->analytic - again.value) <= tolerance) {
        *p = (ct__point){.analytic = p->analytic, .numeric = again.value, .error = again.error, .tolerance = tolerance};
        return CT_PASS;
    }
    double low, high;
    if (kink_on_line(l, &low, &high) && p->analytic >= low && p->analytic <= high)
        return CT_KINK;
    if (__atomic_fetch_add(&check->confirmed_bad, 1, __ATOMIC_RELAXED) >= CONFIRMED_ENOUGH)
        return CT_FAIL;
    bool kink = kink_around(l, p->analytic), noise = !kink && noise_explains(l, p);
    if (kink || noise)
        __atomic_fetch_sub(&check->confirmed_bad, 1, __ATOMIC_RELAXED);
    return kink ? CT_KINK : noise ? CT_INCONCLUSIVE : CT_FAIL;
}

ct__point ct__compare(ct__line *l, const double *gradient)
{
    const ct_gradcheck_options *options = l->w->check->options;
    double slack;
    ct__point p = {.analytic = ct__along(l, gradient, &slack)};
    ct__slope slope = ct__line_slope(l, options->step);
    p.numeric = slope.value;
    p.error = slope.error;
    p.tolerance = tolerance_of(options, &slope, slack);
    if (!isfinite(p.analytic))
        p.verdict = CT_FAIL;
    else if (fabs(p.analytic - p.numeric) > p.tolerance)
        p.verdict = second_look(l, &p, slack);
    else
        p.verdict = slope.converged ? CT_PASS : CT_INCONCLUSIVE;
    if (p.verdict == CT_PASS && fabs(p.analytic) <= p.tolerance && fabs(p.numeric) <= p.tolerance)
        p.verdict = CT_VACUOUS;
    return p;
}

bool ct__agrees_at_kink(ct__line *l, double above, double below, double gradient)
{
    const ct__check *check = l->w->check;
    double jump = fabs(above - 2 * check->phi + below) / 1e-7, noise = 16 * check->unit * check->magnitude / 1e-7;
    double low, high;
    return jump > 16 * noise && kink_on_line(l, &low, &high) && gradient >= low && gradient <= high;
}
