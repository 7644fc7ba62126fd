/* Ridders' tableau, and noise. Invariant: what is returned is judged by its own error estimate, so that nothing here is tuned to a
 * function. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Adv. Eng. Software 4 (1982) 75. */
#include "slope.h"
#include <math.h>
#include <string.h>

enum {
    HALVINGS = 6, /* of the step, in one tableau */
    STARTS = 4,   /* tableaux, each from a step START_RATIO smaller */
    START_RATIO = 64,
    LONG = 3,         /* steps that make a chain */
    RUNGS = 40,       /* steps of every size, at most */
    DEEPEST = 24,     /* the smallest of them, and the closest points for noise, are 2^-DEEPEST of the smallest unit */
    NOISE_POINTS = 7, /* on one side, at one spacing */
    NOISE_ORDER = 4,  /* of the differences */
};

static double power_of_two_above(double size)
{
    int exponent;
    frexp(size, &exponent);
    return ldexp(1, exponent);
}

double ct__large_unit(double reach)
{
    return reach > 1 && isfinite(reach) ? power_of_two_above(reach) : 1;
}

double ct__small_unit(double reach)
{
    return reach > 0 && reach < 1 ? power_of_two_above(reach) : 1;
}

/* ---- one tableau ---- */

double ct__noise_near(const ct__precision *p, double distance)
{
    double rounding = p->unit * p->magnitude;
    if (!p->levels)
        return rounding;
    int i = 0;
    while (i + 1 < p->levels && p->spacing[i] > 2 * distance)
        i++;
    return fmax(2 * p->noise[i], rounding / 16);
}

double ct__noise_anywhere(const ct__precision *p)
{
    double noise = p->unit * p->magnitude;
    for (int i = 0; i < p->levels; i++)
        noise = fmax(noise, 2 * p->noise[i]);
    return noise;
}

/* What rounding does to values of this size, and at most so far apart. */
static double values_floor(const ct__precision *p, double size, double distance)
{
    return p->levels ? ct__noise_near(p, distance) : 4 * p->unit * fmax(p->magnitude, size);
}

static ct__slope tableau(ct__phi phi, void *context, const ct__precision *p, double h, int halvings)
{
    double a[HALVINGS][HALVINGS];
    ct__slope best = {.value = 0, .error = INFINITY};
    double error = INFINITY, values = 0;
    for (int i = 0; i < halvings; i++, h /= 2) {
        double above = phi(context, h), below = phi(context, -h);
        values = i == 0 ? values_floor(p, fmax(fabs(above), fabs(below)), h) : values;
        a[0][i] = (above - below) / (2 * h);
        if (!isfinite(a[0][i]))
            break;
        double factor = 4;
        if (i == 0)
            best.value = a[0][0];
        for (int k = 1; k <= i; k++, factor *= 4) {
            a[k][i] = (a[k - 1][i] * factor - a[k - 1][i - 1]) / (factor - 1);
            double e = fmax(fabs(a[k][i] - a[k - 1][i]), fabs(a[k][i] - a[k - 1][i - 1]));
            if (e <= error) {
                error = e;
                best.value = a[k][i];
            }
        }
        double floor = (values + 4 * p->unit * fabs(best.value) * p->reach) / h;
        best.error = error + floor;
        if (i > 0 && error <= fmax(1e-8 * fabs(best.value), floor)) {
            best.converged = true;
            break;
        }
    }
    return best;
}

static ct__slope better(ct__slope a, ct__slope b)
{
    if (a.converged != b.converged)
        return a.converged ? a : b;
    return b.error < a.error ? b : a;
}

/* From step down, until one converges. */
static ct__slope descend(ct__phi phi, void *context, const ct__precision *p, double step)
{
    ct__slope best = {.error = INFINITY};
    for (int start = 0; start < STARTS && !best.converged; start++, step /= START_RATIO)
        best = better(best, tableau(phi, context, p, step, HALVINGS));
    return best;
}

ct__slope ct__ridders(ct__phi phi, void *context, const ct__precision *p, double step)
{
    double large = ct__large_unit(p->reach), small = ct__small_unit(p->reach);
    ct__slope best = descend(phi, context, p, step * large);
    if (!best.converged && large / small > 1e5)
        best = better(best, descend(phi, context, p, step * small));
    return best;
}

ct__slope ct__ridders_wide(ct__phi phi, void *context, const ct__precision *p, double step)
{
    ct__slope best = {.error = INFINITY};
    step *= ct__large_unit(p->reach);
    for (double factor = 8; factor < 1e4; factor *= 8) {
        ct__slope slope = tableau(phi, context, p, step * factor, HALVINGS);
        if (slope.converged && slope.error < best.error)
            best = slope;
    }
    return best;
}

/* Estimates from steps of every size, from the smallest up. */
typedef struct ladder {
    ct__slope rungs[RUNGS];
    double noise[RUNGS]; /* of values over that step */
    int n;
} ladder;

/* Estimates that agree: how many, how many with an error well below the derivative or below what is usual, and the best of them. */
typedef struct chain {
    int length, resolved, usual;
    ct__slope best;
    double noise; /* of values over the step of the best */
} chain;

/* The largest derivative that any step gives beyond doubt. */
static double usual_size(const ladder *all)
{
    double size = 0;
    for (int i = 0; i < all->n; i++)
        if (all->rungs[i].error <= 0.1 * fabs(all->rungs[i].value))
            size = fmax(size, fabs(all->rungs[i].value));
    return size;
}

/* From rung first on. */
static chain chain_from(const ladder *all, int first, double usual)
{
    chain c = {.best = {.error = INFINITY}};
    double low = -INFINITY, high = INFINITY;
    for (int i = first; i < all->n; i++) {
        const ct__slope *s = &all->rungs[i];
        low = fmax(low, s->value - 4 * s->error);
        high = fmin(high, s->value + 4 * s->error);
        if (low > high)
            break;
        c.length++;
        c.resolved += s->error <= 0.1 * fabs(s->value);
        c.usual += s->error <= 0.1 * usual;
        if (s->error >= c.best.error)
            continue;
        c.best = *s;
        c.noise = all->noise[i];
    }
    return c;
}

/* A larger step has less noise, but may see more than the derivative, and of a bounded function the differences over steps that are far
 * too large agree splendidly with each other, on nearly nothing. So the first of long chains counts. But below the steps of a
 * staircase there is another, false derivative: then the chain above does, whose values are noisy. */
static chain choose(const ladder *all, double rounding)
{
    chain best = {.best = {.error = INFINITY}};
    double usual = usual_size(all);
    for (int i = 0; i < all->n;) {
        chain c = chain_from(all, i, usual);
        bool longer = c.usual > best.usual || (c.usual == best.usual && c.length > best.length),
             noisy = c.length >= LONG && c.noise > 64 * fmax(best.noise, rounding),
             above = noisy && (c.resolved >= LONG || best.best.value == 0);
        if (best.usual >= LONG ? above : longer)
            best = c;
        i += c.length > 0 ? c.length : 1;
    }
    return best;
}

/* On a step of a staircase nothing changes; that is no derivative. */
static bool on_a_stair(ct__phi phi, void *context, const ct__precision *p, const ct__slope *slope, double h)
{
    if (slope->value != 0 || ct__noise_anywhere(p) <= 64 * p->unit * p->magnitude)
        return false;
    double here = phi(context, 0);
    return phi(context, h) == here && phi(context, -h) == here;
}

static ct__slope climb(ct__phi phi, void *context, const ct__precision *p, double first)
{
    double smallest = ldexp(first * ct__small_unit(p->reach), -DEEPEST), largest = 2 * ct__large_unit(p->reach),
           rise = fmax(6, pow(largest / smallest, 1. / (RUNGS - 1)));
    ladder all = {.n = 0};
    for (double h = smallest; h < largest && all.n < RUNGS; h *= rise) {
        ct__slope slope = tableau(phi, context, p, h, HALVINGS - 2);
        if (!isfinite(slope.error) || on_a_stair(phi, context, p, &slope, h))
            continue;
        all.noise[all.n] = ct__noise_near(p, h);
        all.rungs[all.n++] = slope;
    }
    return choose(&all, p->unit * p->magnitude).best;
}

/* Three times, over other steps each time, since a spread can be small by chance. Steps are no powers of two, so that no period of phi
 * falls in with them. */
ct__slope ct__ridders_all(ct__phi phi, void *context, const ct__precision *p)
{
    static const double first[] = {1.37, 1.07};
    ct__slope best = climb(phi, context, p, 0.83);
    double low = best.value, high = best.value;
    for (int i = 0; i < 2; i++) {
        ct__slope other = climb(phi, context, p, first[i]);
        best.error = fmax(best.error, other.error);
        low = fmin(low, other.value);
        high = fmax(high, other.value);
    }
    best.error = fmax(best.error, high - low);
    best.converged = isfinite(best.error);
    return best;
}

/* ---- noise ---- */

/* From fourth differences, which of a smooth function are far below it (More, Wild, "Estimating computational noise", SIAM J. Sci.
 * Comput. 33 (2011) 1292), on one side of 0, since there may be a kink at 0. */
static double noise_on_side(ct__phi phi, void *context, double spacing, double *changes)
{
    double f[NOISE_POINTS], sum = 0;
    for (int i = 0; i < NOISE_POINTS; i++)
        f[i] = phi(context, (i + 1) * spacing);
    for (int i = 0; i < NOISE_POINTS - 1; i++)
        changes[i] = fabs(f[i + 1] - f[i]);
    for (int order = 1; order <= NOISE_ORDER; order++)
        for (int i = 0; i < NOISE_POINTS - order; i++)
            f[i] = f[i + 1] - f[i];
    for (int i = 0; i < NOISE_POINTS - NOISE_ORDER; i++)
        sum += f[i] * f[i] / (NOISE_POINTS - NOISE_ORDER);
    return sqrt(sum / 70); /* (2k)! / (k!)^2 for k = 4 */
}

static bool alike(double a, double b)
{
    return a <= 8 * b && b <= 8 * a;
}

/* Noise is nearly the same at one spacing and the next, where what is smooth falls by 2^20, and a kink's differences by 2^5. What is like
 * neither the one before nor the one behind is no noise. */
static void keep_noise(ct__precision *p)
{
    double seen[CT__NOISE_LEVELS];
    memcpy(seen, p->noise, sizeof seen);
    for (int i = p->levels - 2; i >= 0; i--) {
        bool noise = alike(seen[i], seen[i + 1]) || (i > 0 && alike(seen[i - 1], seen[i]));
        p->noise[i] = noise ? seen[i] : p->noise[i + 1];
    }
}

/* ---- stairs ---- */

/* Changes of phi from each point to the next, at one spacing: those above 0, then those below. */
typedef struct changes {
    double by[2 * (NOISE_POINTS - 1)];
} changes;

/* Of those that are not 0; infinite where all are. */
static double smallest_change(const changes *c)
{
    double smallest = INFINITY;
    for (int i = 0; i < 2 * (NOISE_POINTS - 1); i++)
        smallest = c->by[i] > 0 ? fmin(smallest, c->by[i]) : smallest;
    return smallest;
}

/* On the same side of 0, since there may be a kink there. */
static bool flat_and_not(const changes *flat, const changes *not_flat)
{
    bool found = false;
    for (int side = 0; side < 2; side++) {
        bool some = false, rest = false;
        for (int i = side * (NOISE_POINTS - 1); i < (side + 1) * (NOISE_POINTS - 1); i++) {
            some |= flat->by[i] == 0;
            rest |= not_flat->by[i] > 0;
        }
        found |= some && rest;
    }
    return found;
}

/* All of them whole multiples of step, and not only one. */
static bool in_steps(const changes *c, double step)
{
    int nonzero = 0;
    for (int i = 0; i < 2 * (NOISE_POINTS - 1); i++) {
        double times = c->by[i] / step;
        nonzero += times > 0;
        if (!(times < 1000) || fabs(times - rint(times)) > 1e-3)
            return false;
    }
    return nonzero > 2;
}

/* Values that come in steps, such as a loss in float32, are not seen to be noisy where they hardly change; the height of a step tells.
 * From the closest points up: where the first changes are, others are not, there or a level below; what is smooth would change at all
 * points, by far more than its rounding. */
static double stair(const changes *all, int levels, double rounding)
{
    for (int i = levels - 1; i > 0; i--) {
        double step = smallest_change(&all[i]);
        if (!isfinite(step))
            continue;
        bool flat = flat_and_not(&all[i], &all[i]) || (i + 1 < levels && flat_and_not(&all[i + 1], &all[i]));
        return flat && step > 64 * rounding && in_steps(&all[i - 1], step) ? step : 0;
    }
    return 0;
}

void ct__measure_noise(ct__phi phi, void *context, ct__precision *p)
{
    double largest = ldexp(0.83 * ct__large_unit(p->reach), -4), smallest = ldexp(ct__small_unit(p->reach), -DEEPEST),
           ratio = fmax(32, pow(largest / smallest, 1. / (CT__NOISE_LEVELS - 2)));
    changes all[CT__NOISE_LEVELS];
    p->levels = 0;
    int levels = 0;
    for (double spacing = largest; spacing >= smallest && levels < CT__NOISE_LEVELS; spacing /= ratio) {
        double *by = all[levels].by, noise = fmax(noise_on_side(phi, context, spacing, by),
                                                  noise_on_side(phi, context, -spacing, by + NOISE_POINTS - 1));
        if (!isfinite(noise))
            continue;
        p->spacing[levels] = spacing;
        p->noise[levels++] = noise;
    }
    p->levels = levels;
    keep_noise(p);
    double least = 0.3 * stair(all, levels, p->unit * p->magnitude); /* a step's standard deviation */
    for (int i = 0; i < levels; i++)
        p->noise[i] = fmax(p->noise[i], least);
}
