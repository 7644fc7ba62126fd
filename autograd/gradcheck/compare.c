/* Judging a difference against the measurement's own error. Noise and kinks cost many evaluations, so they are looked for only where the
 * two do not agree, or where the measurement says too little.
 *
 * Invariant: no verdict of CT_FAIL without a second look, and no CT_PASS that could not have failed. */
#include "compare.h"
#include "kinks.h"
#include "rounding.h"
#include <math.h>

/* Mismatches that get a second look, each check; and where the inputs are the checker's own, which a probe has looked at twice. */
enum { CONFIRMED_ENOUGH = 8, CONFIRMED_VARIED = 2 };

static void take(const ct__line *l, ct__point *p, const ct__slope *slope)
{
    p->numeric = slope->value;
    p->error = slope->error;
    p->tolerance = ct__tolerance(l, slope);
}

static bool agrees(const ct__point *p)
{
    return fabs(p->analytic - p->numeric) <= p->tolerance;
}

static bool says_enough(const ct__line *l, const ct__point *p)
{
    return p->tolerance <= l->w->check->options->resolution * fmax(l->scale, fabs(p->analytic));
}

static bool below_floor(const ct__point *p)
{
    return fabs(p->analytic) <= p->tolerance && fabs(p->numeric) <= p->tolerance;
}

/* Of two that agree. */
static ct_verdict verdict_of(const ct__line *l, const ct__point *p)
{
    return below_floor(p) ? CT_VACUOUS : says_enough(l, p) ? CT_PASS : CT_INCONCLUSIVE;
}

/* A constant that is large beside the derivative leaves little of it at small steps. */
static ct_verdict look_wider(ct__line *l, ct__point *p)
{
    ct__slope wide = ct__ridders_wide(ct__line_at, l, &l->precision, l->w->check->options->step);
    ct__point wider = *p;
    take(l, &wider, &wide);
    if (!(wider.tolerance < p->tolerance))
        return verdict_of(l, p);
    *p = wider;
    return agrees(p) ? verdict_of(l, p) : CT_FAIL;
}

static ct_status noise_here(ct__worker *w, ct_tensor **gradient, ct_tensor **noise)
{
    ct_gradcheck_options value_only = *w->check->options; /* other threads write to the report too */
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = *w->check;
    quiet.options = &value_only;
    for (int i = 0; i < quiet.n; i++) {
        noise[i] = quiet.wanted[i] ? ct_zeros_like(w->x[i]) : NULL;
        if (quiet.wanted[i] && !noise[i])
            return ct_error_code();
    }
    ct_status status = ct__vjp(&quiet, w->x, quiet.wanted, w->cotangents, gradient);
    const ct__place here = {w->x, w->cotangents, gradient};
    if (status == CT_OK)
        status = ct__gradient_noise(&quiet, here, noise);
    if (status == CT_OK && quiet.order > 1)
        status = ct__usual_noise(&quiet, here, noise);
    return status;
}

/* How much the computed derivative along the line jumps from one number to the next. */
static double jumps(ct__line *l)
{
    ct__worker *w = l->w;
    size_t bytes = (size_t)w->check->n * 2 * sizeof(ct_tensor *);
    ct_tensor **noise = ct__alloc(bytes);
    ct_scope scope;
    double slack = l->slack;
    ct__scope_push(&scope);
    if (!noise)
        w->status = ct__no_memory("gradcheck");
    else if (noise_here(w, noise + w->check->n, noise) == CT_OK)
        slack = fmax(slack, ct__along_noise(l, ct__doubles(noise[ct__input_of(l)])));
    else
        w->status = ct_error_code();
    ct__scope_pop(&scope);
    ct__free(noise, bytes);
    return slack;
}

/* A second order may be all that is left of numbers that are far larger, in the tails of a softmax, say; no local noise shows that. What an
 * exponential makes of the rounding of its argument is as many times larger as that is. */
static double tails(const ct__line *l)
{
    const ct__check *check = l->w->check;
    double argument = fmin(fmax(1, ct__largest(check->x[ct__input_of(l)])), 1e4);
    return check->order > 1 ? 1e-9 * l->scale + 4 * check->unit * check->usual * argument : 0;
}

/* Where phi does not change at all and nothing else is claimed, as between the steps of floor. What comes in steps by its rounding
 * alone changes over less. */
static bool is_flat(ct__line *l, const ct__point *p)
{
    double h = ldexp(ct__small_unit(l->precision.reach), -12);
    if (p->analytic != 0)
        return false;
    double here = ct__line_at(l, 0);
    return ct__line_at(l, h) == here && ct__line_at(l, -h) == here;
}

/* At inputs of the checker's own there is nothing to be right about where phi jumps. */
static bool nothing_to_say(ct__line *l, ct__corner corner)
{
    return l->w->check->subject->lenient && (corner == CT__JUMP || ct__jump_around(l));
}

/* At inputs of the checker's own a gradient need not be finite where phi has no derivative. */
static bool may_be_infinite(ct__line *l, const ct__slope *slope)
{
    double low, high;
    const ct__subject *subject = l->w->check->subject;
    return subject->lenient && (subject->infinite || !slope->converged || ct__corner_at(l, &low, &high) != CT__SMOOTH ||
                                ct__jump_around(l));
}

/* With noise measured, of values and of gradients, and from steps of every size: are they the same after all? Is there a kink? */
static ct_verdict look_again(ct__line *l, ct__point *p)
{
    ct__measure_noise(ct__line_at, l, &l->precision);
    l->slack = jumps(l) + tails(l);
    ct__slope slope = ct__ridders_all(ct__line_at, l, &l->precision);
    take(l, p, &slope);
    ct_verdict verdict = agrees(p) ? verdict_of(l, p) : CT_FAIL;
    if (verdict == CT_PASS || verdict == CT_VACUOUS)
        return verdict;
    double low, high;
    ct__corner corner = ct__corner_at(l, &low, &high);
    if (nothing_to_say(l, corner))
        return CT_VACUOUS;
    if (corner == CT__KINK && p->analytic >= low && p->analytic <= high)
        return CT_KINK;
    if ((verdict == CT_FAIL || corner != CT__SMOOTH) && ct__kink_around(l, p->analytic, corner))
        return CT_KINK;
    if (verdict == CT_FAIL && corner == CT__KINK)
        __atomic_fetch_add(&l->w->check->off_kinks, 1, __ATOMIC_RELAXED);
    return verdict;
}

/* Mismatches beyond the first few are taken as they are: what explains those is not there. Counted are those that stood a second look:
 * other threads may be in the middle of theirs. */
static ct_verdict second_look(ct__line *l, ct__point *p)
{
    ct__check *check = l->w->check;
    int64_t enough = check->subject->lenient ? CONFIRMED_VARIED : CONFIRMED_ENOUGH;
    if (__atomic_load_n(&check->confirmed_bad, __ATOMIC_RELAXED) >= enough)
        return agrees(p) ? CT_INCONCLUSIVE : CT_FAIL;
    ct_verdict verdict = look_again(l, p);
    if (verdict == CT_FAIL)
        __atomic_fetch_add(&check->confirmed_bad, 1, __ATOMIC_RELAXED);
    return verdict;
}

ct__point ct__compare(ct__line *l, const double *gradient)
{
    ct__point p = {.analytic = ct__along(l, gradient)};
    ct__slope slope = ct__ridders(ct__line_at, l, &l->precision, l->w->check->options->step);
    take(l, &p, &slope);
    if (!isfinite(p.analytic)) {
        p.verdict = may_be_infinite(l, &slope) ? CT_VACUOUS : CT_FAIL;
        return p;
    }
    p.verdict = CT_FAIL;
    if (agrees(&p) && slope.converged)
        p.verdict = says_enough(l, &p) ? verdict_of(l, &p) : look_wider(l, &p);
    if (p.verdict != CT_PASS)
        __atomic_store_n(&l->w->check->doubted, true, __ATOMIC_RELAXED);
    if (p.verdict == CT_FAIL || p.verdict == CT_INCONCLUSIVE)
        p.verdict = is_flat(l, &p) ? CT_VACUOUS : second_look(l, &p);
    return p;
}

bool ct__differs(ct__line *l, const double *gradient)
{
    ct__point p = {.analytic = ct__along(l, gradient)};
    ct__slope slope = ct__ridders(ct__line_at, l, &l->precision, l->w->check->options->step);
    take(l, &p, &slope);
    return !agrees(&p);
}

bool ct__kink_at(ct__line *l, double above, double below)
{
    const ct__check *check = l->w->check;
    double low, high, second = fabs(above - 2 * check->phi + below);
    if (!(second > 256 * check->unit * check->magnitude) || ct__corner_at(l, &low, &high) == CT__SMOOTH)
        return false;
    ct__measure_noise(ct__line_at, l, &l->precision);
    ct__corner corner = ct__corner_at(l, &low, &high);
    return corner == CT__KINK || (corner == CT__JUMP && !l->w->check->subject->lenient);
}
