/* The measured side: derivatives of phi = sum(out g) along lines through x, from values alone, each judged against the
 * gradient that the engine computed.
 *
 * Invariant: between two evaluations x is what it was. The tolerance comes from the measurement's own error estimate, so that
 * nothing in it is tuned to an operation. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Adv. Eng. Software 4
 * (1982) 75. */
#include "gradcheck_internal.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    HALVINGS = 6, /* of the step, in one tableau */
    STARTS = 4,   /* tableaux, each from a step START_RATIO smaller */
    START_RATIO = 64,
    NUDGES = 8,             /* points around x where a mismatch is looked at again */
    CONFIRMED_ENOUGH = 8,   /* mismatches that get that look, each check */
    TASK_ELEMENTS = 16,     /* elements a parallel task evaluates */
    LOCATE_ELEMENTS = 2048, /* elements looked at one by one to locate a mismatch that a probe has found */
};

/* ---- evaluating ---- */

/* One thread's view of a check: tensors of its own, since references are counted without locks, and what it counted. */
typedef struct worker {
    ct__check *check;
    ct_tensor **x;
    ct_tensor **outputs;
    ct_tensor **cotangents;
    int64_t evaluations;
    ct_status status;
} worker;

/* sum(out g) and sum |out g|, in extended precision so that only the outputs' own rounding remains. NaN without memory. */
static double objective(ct_tensor *const *outputs, ct_tensor *const *cotangents, int m, double *magnitude)
{
    long double sum = 0, sum_abs = 0;
    for (int i = 0; i < m; i++) {
        if (!outputs[i] || !cotangents[i])
            continue;
        bool plain = outputs[i]->contiguous && outputs[i]->dtype == CT_FLOAT64;
        const ct_tensor *out = plain ? outputs[i] : ct__copy_as(outputs[i], CT_FLOAT64);
        if (!out || out->numel != cotangents[i]->numel)
            return NAN;
        const double *y = ct__doubles(out), *g = ct__doubles(cotangents[i]);
        for (int64_t k = 0; k < out->numel; k++) {
            sum += (long double)y[k] * g[k];
            sum_abs += fabsl((long double)y[k] * g[k]);
        }
    }
    if (magnitude)
        *magnitude = (double)sum_abs;
    return (double)sum;
}

static double evaluate(worker *w, double *magnitude)
{
    const ct__subject *subject = w->check->subject;
    ct_scope scope;
    ct__scope_push(&scope);
    ct__check_seed(w->check);
    if (!subject->records)
        ct_no_grad_begin();
    int m = subject->run(subject, w->x, w->outputs);
    double phi = m < 0 ? NAN : objective(w->outputs, w->cotangents, m, magnitude);
    if (!subject->records)
        ct_no_grad_end();
    ct__scope_pop(&scope);
    w->evaluations++;
    if (ct_error_code() != CT_OK)
        w->status = ct_error_code();
    return phi;
}

/* A line through x: one element of one input, or all of it along signs. */
typedef struct line {
    worker *w;
    ct_tensor *x;
    int64_t element;      /* -1: all */
    const int8_t *signs;  /* for all */
    const double *origin; /* x's elements at t = 0 */
    double reach;         /* largest |x| on it */
    double scale;         /* power of two: the size of a step of "1" */
} line;

static double line_at(void *context, double t)
{
    line *l = context;
    double *x = ct__doubles(l->x);
    if (l->w->status != CT_OK)
        return NAN;
    if (l->element >= 0) {
        x[l->element] = l->origin[l->element] + t;
    } else {
        for (int64_t k = 0; k < l->x->numel; k++)
            x[k] = l->origin[k] + t * l->signs[k];
    }
    double phi = evaluate(l->w, NULL);
    if (l->element >= 0)
        x[l->element] = l->origin[l->element];
    else
        memcpy(x, l->origin, (size_t)l->x->numel * sizeof *x);
    return phi;
}

/* Steps are powers of two, so that x + h is exact for most x. */
static double power_of_two_above(double size)
{
    int exponent;
    if (!(size > 1) || !isfinite(size))
        return 1;
    frexp(size, &exponent);
    return ldexp(1, exponent);
}

/* <gradient, direction>, and the size of its rounding error in *slack. */
static double along(const line *l, const double *gradient, double *slack)
{
    if (l->element >= 0) {
        *slack = 0;
        return gradient[l->element];
    }
    long double sum = 0, sum_abs = 0;
    for (int64_t k = 0; k < l->x->numel; k++) {
        sum += (long double)gradient[k] * l->signs[k];
        sum_abs += fabsl((long double)gradient[k]);
    }
    *slack = 4 * DBL_EPSILON * (double)sum_abs;
    return (double)sum;
}

/* ---- the derivative along a line ---- */

static ct__slope tableau(double (*phi)(void *, double), void *context, double h, double magnitude, double reach,
                         double unit)
{
    double a[HALVINGS][HALVINGS];
    ct__slope best = {.value = 0, .error = INFINITY};
    double error = INFINITY;
    for (int i = 0; i < HALVINGS; i++, h /= 2) {
        a[0][i] = (phi(context, h) - phi(context, -h)) / (2 * h);
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
        double floor = 4 * unit * (magnitude + fabs(best.value) * reach) / h;
        best.error = error + floor;
        if (i > 0 && error <= fmax(1e-8 * fabs(best.value), floor)) {
            best.converged = true;
            break;
        }
    }
    return best;
}

ct__slope ct__ridders(double (*phi)(void *, double), void *context, double step, double magnitude, double reach,
                      double unit)
{
    ct__slope best = {.error = INFINITY};
    for (int start = 0; start < STARTS; start++, step /= START_RATIO) {
        ct__slope slope = tableau(phi, context, step, magnitude, reach, unit);
        if (slope.converged)
            return slope;
        if (slope.error < best.error)
            best = slope;
    }
    return best;
}

static ct__slope slope_of(line *l, double step)
{
    const ct__check *check = l->w->check;
    return ct__ridders(line_at, l, step * l->scale, check->magnitude, l->reach, check->unit);
}

/* ---- one comparison ---- */

typedef struct point {
    ct_verdict verdict; /* CT_VACUOUS: both are below the floor */
    double analytic, numeric, error, tolerance;
} point;

static double tolerance_of(const ct_gradcheck_options *options, const ct__slope *slope, double slack)
{
    return options->safety * (slope->error + slack) + options->absolute;
}

/* At a kink second differences over h do not shrink with h. Sets the one-sided derivatives, widened by their errors. */
static bool kink_on_line(line *l, double *low, double *high)
{
    const ct__check *check = l->w->check;
    double jump[2], right[2], left[2], h[2] = {ldexp(l->scale, -20), ldexp(l->scale, -22)};
    double middle = line_at(l, 0);
    for (int i = 0; i < 2; i++) {
        right[i] = (line_at(l, h[i]) - middle) / h[i];
        left[i] = (middle - line_at(l, -h[i])) / h[i];
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
static bool nudge(worker *w, ct_random_state *state, ct_tensor **origin)
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

static void nudge_back(worker *w, ct_tensor **origin)
{
    for (int i = 0; i < w->check->n; i++)
        if (origin[i])
            memcpy(ct__doubles(w->x[i]), ct__doubles(origin[i]), (size_t)origin[i]->numel * sizeof(double));
}

/* The derivative at a point near x: as computed in *analytic; true if it was measured to be the same, or could not be measured
 * (*measured is false then). */
static bool right_nearby(line *l, ct_random_state *state, double *analytic, bool *measured)
{
    worker *w = l->w;
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
        line near = *l;
        int input = 0;
        while (w->x[input] != l->x)
            input++;
        if (here && ct__vjp(&quiet, w->x, check->wanted, w->cotangents, grads) == CT_OK) {
            double slack;
            near.origin = ct__doubles(here);
            *analytic = along(&near, ct__doubles(grads[input]), &slack);
            ct__slope slope = slope_of(&near, ldexp(1, -22));
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
static bool kink_around(line *l, double analytic)
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

/* The noise of phi, from fourth differences, which of a smooth function are far below it (More, Wild, "Estimating computational
 * noise", SIAM J. Sci. Comput. 33 (2011) 1292). Noise does not depend on the spacing; a kink's differences do. */
static double noise_at(line *l, double spacing)
{
    enum { MIDDLE = 4, POINTS = 2 * MIDDLE + 1, ORDER = 4 };
    double f[POINTS], sum = 0;
    for (int i = 0; i < POINTS; i++)
        f[i] = line_at(l, (i - MIDDLE) * spacing);
    for (int order = 1; order <= ORDER; order++)
        for (int i = 0; i < POINTS - order; i++)
            f[i] = f[i + 1] - f[i];
    for (int i = 0; i < POINTS - ORDER; i++)
        sum += f[i] * f[i] / (POINTS - ORDER);
    return sqrt(sum / 70); /* (2k)! / (k!)^2 for k = 4 */
}

/* Whether phi is so noisy (by less than float64 inside, say) that the mismatch may be that. */
static bool noise_explains(line *l, const point *p)
{
    const ct__check *check = l->w->check;
    /* The spacings are odd, so that steps of the noise do not fall in with them. */
    double wide = fmax(noise_at(l, 1.37e-5 * l->scale), noise_at(l, 2.21e-5 * l->scale));
    double narrow = fmax(noise_at(l, 0.83e-6 * l->scale), noise_at(l, 1.29e-6 * l->scale));
    double noise = fmin(wide, narrow);
    if (!(noise > 64 * check->unit * check->magnitude) || !isfinite(noise))
        return false;
    ct__slope slope =
        ct__ridders(line_at, l, check->options->step * l->scale, check->magnitude, l->reach, noise / check->magnitude);
    return fabs(p->analytic - slope.value) <= tolerance_of(check->options, &slope, 0);
}

/* A mismatch has been seen: is it one from another start step too, is there no kink, and too little noise to explain it? */
static ct_verdict second_look(line *l, point *p, double slack)
{
    ct__check *check = l->w->check;
    ct__slope again = slope_of(l, 0.75 * check->options->step);
    double tolerance = tolerance_of(check->options, &again, slack);
    if (again.converged && fabs(p->analytic - again.value) <= tolerance) {
        *p = (point){.analytic = p->analytic, .numeric = again.value, .error = again.error, .tolerance = tolerance};
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

static point compare(line *l, const double *gradient)
{
    const ct_gradcheck_options *options = l->w->check->options;
    double slack;
    point p = {.analytic = along(l, gradient, &slack)};
    ct__slope slope = slope_of(l, options->step);
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

/* ---- one input, element by element ---- */

/* Elements first, first + stride, ... of one input, and room for what is found there. */
typedef struct sweep {
    ct__check *check;
    int input;
    int64_t count, stride;
    double *numeric, *error, *tolerance, *notes; /* numel each */
    uint8_t *verdict;                            /* numel */
    int64_t evaluations;
    int failed; /* a ct_status */
    char message[256];
} sweep;

/* A gradient that agrees with the measured one, which at a kink is the mean of the one-sided derivatives, as |x|'s does. The
 * values above and below are there anyway; only if they hint at a kink is it looked at. */
static bool agrees_at_kink(line *l, double above, double below, double gradient)
{
    const ct__check *check = l->w->check;
    double jump = fabs(above - 2 * check->phi + below) / 1e-7, noise = 16 * check->unit * check->magnitude / 1e-7;
    double low, high;
    return jump > 16 * noise && kink_on_line(l, &low, &high) && gradient >= low && gradient <= high;
}

static void sweep_element(sweep *s, worker *w, int64_t k, const double *origin)
{
    line l = {.w = w,
              .x = w->x[s->input],
              .element = k,
              .origin = origin,
              .reach = fabs(origin[k]),
              .scale = power_of_two_above(fabs(origin[k]))};
    const double *gradient = ct__doubles(s->check->analytic[s->input]);
    point p = compare(&l, gradient);
    double above = line_at(&l, 1e-7), below = line_at(&l, -1e-7);
    if ((p.verdict == CT_PASS || p.verdict == CT_VACUOUS) && agrees_at_kink(&l, above, below, gradient[k]))
        p.verdict = CT_KINK;
    s->notes[k] = (above - below) / 2e-7;
    s->numeric[k] = p.numeric;
    s->error[k] = p.error;
    s->tolerance[k] = p.tolerance;
    s->verdict[k] = (uint8_t)p.verdict;
}

/* An operation uses nothing but its inputs; a function says so by an option. */
static bool is_parallel(const ct__check *check)
{
    return check->options->parallel || !check->subject->shares;
}

/* Gives the worker copies of everything, in arrays with room for n, max_outputs and max_outputs tensors. */
static void own_tensors(worker *w, ct_tensor **arrays)
{
    const ct__check *check = w->check;
    w->x = arrays;
    w->outputs = w->x + check->n;
    w->cotangents = w->outputs + check->subject->max_outputs;
    for (int i = 0; i < check->n; i++) {
        w->x[i] = check->x[i] ? ct__copy_as(check->x[i], (ct_dtype)check->x[i]->dtype) : NULL;
        if (check->x[i] && !w->x[i])
            w->status = CT_ERROR_MEMORY;
    }
    for (int i = 0; i < check->m; i++) {
        w->cotangents[i] = check->cotangents[i] ? ct__copy_as(check->cotangents[i], CT_FLOAT64) : NULL;
        if (check->cotangents[i] && !w->cotangents[i])
            w->status = CT_ERROR_MEMORY;
    }
}

/* Elements [index, index + 1) * TASK_ELEMENTS of the sweep. */
static void sweep_task(void *context, int64_t index)
{
    sweep *s = context;
    ct__check *check = s->check;
    size_t bytes = ((size_t)check->n + 2 * (size_t)check->subject->max_outputs) * sizeof(ct_tensor *);
    worker w = {.check = check, .x = check->x, .outputs = check->outputs, .cotangents = check->cotangents};
    ct_tensor **arrays = ct__alloc(bytes);
    ct_random_state generator = ct_random_get();
    ct_scope scope;
    ct__scope_push(&scope);
    if (!arrays)
        w.status = ct__no_memory("gradcheck");
    else if (is_parallel(check))
        own_tensors(&w, arrays);
    ct_tensor *origin = w.status == CT_OK ? ct__copy_as(w.x[s->input], CT_FLOAT64) : NULL;
    int64_t last = (index + 1) * TASK_ELEMENTS < s->count ? (index + 1) * TASK_ELEMENTS : s->count;
    for (int64_t i = index * TASK_ELEMENTS; origin && i < last && w.status == CT_OK; i++)
        sweep_element(s, &w, i * s->stride, ct__doubles(origin));
    ct__scope_pop(&scope);
    ct__free(arrays, bytes);
    ct_random_set(generator);
    __atomic_fetch_add(&s->evaluations, w.evaluations, __ATOMIC_RELAXED);
    int none = CT_OK;
    if (ct_error_code() != CT_OK &&
        __atomic_compare_exchange_n(&s->failed, &none, (int)ct_error_code(), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        snprintf(s->message, sizeof s->message, "%s", ct_error_message());
    ct_error_clear(); /* of a pool thread, where nobody would see it; sweep_run records it again */
}

static ct_status sweep_run(sweep *s)
{
    int64_t tasks = (s->count + TASK_ELEMENTS - 1) / TASK_ELEMENTS;
    if (is_parallel(s->check)) {
        ct__parallel(tasks, sweep_task, s);
    } else {
        for (int64_t i = 0; i < tasks && s->failed == CT_OK; i++)
            sweep_task(s, i);
    }
    s->check->report->evaluations += s->evaluations;
    return s->failed == CT_OK ? CT_OK : ct__error((ct_status)s->failed, "%s", s->message);
}

/* ---- the row of one input ---- */

static void multi_index(const ct_tensor *t, int64_t k, int64_t *index)
{
    for (int axis = t->rank - 1; axis >= 0; axis--) {
        index[axis] = k % t->shape[axis];
        k /= t->shape[axis];
    }
}

/* Mismatches first, then kinks and what did not converge; among equals the largest ratio. */
static double badness(ct_verdict verdict, double ratio)
{
    return (verdict == CT_FAIL           ? 3e300
            : verdict == CT_INCONCLUSIVE ? 2e300
                                         : 0) +
           (verdict == CT_KINK ? 0 : fmin(isfinite(ratio) ? ratio : 1e300, 1e300));
}

static void row_count(ct_gradcheck_tensor *row, ct_verdict verdict)
{
    row->checked++;
    row->bad += verdict == CT_FAIL;
    row->kinks += verdict == CT_KINK;
    row->inconclusive += verdict == CT_INCONCLUSIVE;
}

static ct_verdict row_verdict(const ct_gradcheck_tensor *row, int64_t passed)
{
    return row->bad            ? CT_FAIL
           : row->inconclusive ? CT_INCONCLUSIVE
           : row->kinks        ? CT_KINK
           : passed            ? CT_PASS
                               : CT_VACUOUS;
}

static void row_worst(ct_gradcheck_tensor *row, const point *p, double *worst)
{
    double ratio = fabs(p->analytic - p->numeric) / p->tolerance, b = badness(p->verdict, ratio);
    if (row->checked > 1 && b <= *worst)
        return;
    *worst = b;
    row->analytic = p->analytic;
    row->numeric = p->numeric;
    row->error = p->error;
    row->tolerance = p->tolerance;
    row->ratio = ratio;
}

/* The figures of a sweep. Returns how many elements passed. */
static int64_t row_fill(ct_gradcheck_tensor *row, const sweep *s)
{
    const ct_tensor *x = s->check->x[s->input];
    const double *analytic = ct__doubles(s->check->analytic[s->input]);
    double worst = -1, largest = 0, difference = 0;
    int64_t passed = 0;
    row->checked = row->bad = row->kinks = row->inconclusive = 0;
    for (int64_t i = 0; i < s->count; i++) {
        int64_t k = i * s->stride;
        point p = {.verdict = (ct_verdict)s->verdict[k],
                   .analytic = analytic[k],
                   .numeric = s->numeric[k],
                   .error = s->error[k],
                   .tolerance = s->tolerance[k]};
        row_count(row, p.verdict);
        double before = worst;
        row_worst(row, &p, &worst);
        if (worst > before) {
            multi_index(x, k, row->worst);
            row->x = ct__doubles(x)[k];
            row->located = true;
        }
        passed += p.verdict == CT_PASS;
        largest = fmax(largest, fabs(p.numeric));
        if (p.verdict != CT_KINK && p.verdict != CT_INCONCLUSIVE)
            difference = fmax(difference, fabs(p.analytic - p.numeric));
    }
    row->relative = difference == 0 ? 0 : difference / largest;
    return passed;
}

/* Sums for the lecture notes' ratio. */
typedef struct notes_sums {
    double difference, numeric, analytic; /* squares */
    double elements;
} notes_sums;

static void notes_add(notes_sums *sums, const sweep *s)
{
    const double *analytic = ct__doubles(s->check->analytic[s->input]);
    for (int64_t k = 0; k < s->count; k++) {
        sums->difference += (s->notes[k] - analytic[k]) * (s->notes[k] - analytic[k]);
        sums->numeric += s->notes[k] * s->notes[k];
        sums->analytic += analytic[k] * analytic[k];
    }
    sums->elements += (double)s->count;
}

/* The noise of a central difference of step 1e-7 is about u S / 1e-7 an element. */
static double notes_ratio(const notes_sums *sums, const ct__check *check, bool *noise)
{
    double sum = sqrt(sums->numeric) + sqrt(sums->analytic), difference = sqrt(sums->difference);
    *noise = check->unit * check->magnitude / 1e-7 * sqrt(sums->elements) > 1e-3 * sum;
    return difference == 0 ? 0 : difference / sum;
}

static bool sweep_open(sweep *s, ct__check *check, int input, int64_t limit)
{
    int64_t numel = check->x[input]->numel;
    *s = (sweep){.check = check, .input = input, .stride = 1, .count = numel};
    if (numel > limit) {
        s->stride = (numel + limit - 1) / limit;
        s->count = (numel + s->stride - 1) / s->stride;
    }
    ct_tensor *figures = ct__tensor_new(CT_FLOAT64, (const int64_t[]){4, numel}, 2, "gradcheck");
    ct_tensor *verdicts = ct__tensor_new(CT_UINT8, &numel, 1, "gradcheck");
    if (!figures || !verdicts)
        return false;
    memset(ct__ptr(figures), 0, (size_t)numel * 4 * sizeof(double));
    memset(ct__ptr(verdicts), 0, (size_t)numel);
    s->numeric = ct__doubles(figures);
    s->error = s->numeric + numel;
    s->tolerance = s->error + numel;
    s->notes = s->tolerance + numel;
    s->verdict = (uint8_t *)ct__ptr(verdicts);
    return true;
}

/* Of every stride-th element only, as if they were all, if so few were measured. */
static ct_tensor *thinned(const sweep *s, const ct_tensor *t)
{
    bool all = s->stride == 1;
    ct_tensor *few = ct__tensor_new(CT_FLOAT64, all ? t->shape : &s->count, all ? t->rank : 1, "gradcheck");
    for (int64_t i = 0; few && i < s->count; i++)
        ct__doubles(few)[i] = ct__doubles(t)[i * s->stride];
    return few;
}

static void row_pattern(ct_gradcheck_tensor *row, sweep *s)
{
    const ct__check *check = s->check;
    if (!row->bad)
        return;
    ct_tensor *x = thinned(s, check->x[s->input]), *analytic = thinned(s, check->analytic[s->input]);
    ct_tensor *numeric = x ? ct__tensor_new(CT_FLOAT64, x->shape, x->rank, "gradcheck") : NULL;
    if (!analytic || !numeric)
        return;
    int64_t outputs = 0;
    for (int i = 0; i < check->m; i++)
        if (check->cotangents[i] && check->cotangents[i]->numel > outputs)
            outputs = check->cotangents[i]->numel;
    for (int64_t i = 0; i < s->count; i++) {
        ct__doubles(numeric)[i] = s->numeric[i * s->stride];
        s->verdict[i] = s->verdict[i * s->stride];
    }
    ct__guess_pattern(x, analytic, numeric, s->verdict, outputs, row->pattern, sizeof row->pattern);
}

static ct_status row_full(ct__check *check, int input, ct_gradcheck_tensor *row, notes_sums *all)
{
    sweep s;
    if (!sweep_open(&s, check, input, INT64_MAX))
        return CT_ERROR_MEMORY;
    if (sweep_run(&s) != CT_OK)
        return ct_error_code();
    int64_t passed = row_fill(row, &s);
    row->verdict = row_verdict(row, passed);
    notes_sums sums = {0};
    notes_add(&sums, &s);
    notes_add(all, &s);
    row->notes_ratio = notes_ratio(&sums, check, &row->notes_noise);
    row_pattern(row, &s);
    return ct_error_code();
}

static ct_status row_locate(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    sweep s;
    ct_gradcheck_tensor found = *row;
    if (!sweep_open(&s, check, input, LOCATE_ELEMENTS))
        return CT_ERROR_MEMORY;
    if (sweep_run(&s) != CT_OK)
        return ct_error_code();
    row_fill(&found, &s);
    if (found.bad) { /* otherwise the mismatch is in an element that was left out, and the probe's figures stay */
        found.checked = row->checked;
        found.bad = row->bad;
        found.kinks = row->kinks;
        found.inconclusive = row->inconclusive;
        *row = found;
        row_pattern(row, &s);
    }
    return ct_error_code();
}

static void draw_signs(ct__check *check, int8_t *signs, int64_t n)
{
    ct_random_set(check->stream);
    uint64_t bits = 0;
    for (int64_t k = 0; k < n; k++) {
        if (k % 64 == 0)
            bits = ct_random_u64();
        signs[k] = bits >> (k % 64) & 1 ? 1 : -1;
    }
    check->stream = ct_random_get();
}

static double root_mean_square(const double *x, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k] * x[k] / (double)n;
    return sqrt(sum);
}

static ct_status row_fast(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    ct_tensor *x = check->x[input];
    ct_tensor *origin = ct__copy_as(x, CT_FLOAT64), *signs = ct__tensor_new(CT_UINT8, &x->numel, 1, "gradcheck");
    if (!origin || !signs)
        return CT_ERROR_MEMORY;
    worker w = {.check = check, .x = check->x, .outputs = check->outputs, .cotangents = check->cotangents};
    line l = {.w = &w, .x = x, .element = -1, .signs = (const int8_t *)ct__ptr(signs), .origin = ct__doubles(origin)};
    for (int64_t k = 0; k < x->numel; k++)
        l.reach = fmax(l.reach, fabs(l.origin[k]));
    l.scale = power_of_two_above(root_mean_square(l.origin, x->numel));
    double worst = -1;
    int64_t passed = 0;
    for (int i = 0; i < check->options->probes && x->numel > 0 && w.status == CT_OK; i++) {
        draw_signs(check, (int8_t *)ct__ptr(signs), x->numel);
        point p = compare(&l, ct__doubles(check->analytic[input]));
        row_count(row, p.verdict);
        row_worst(row, &p, &worst);
        passed += p.verdict == CT_PASS;
        double difference = p.verdict == CT_PASS || p.verdict == CT_FAIL ? fabs(p.analytic - p.numeric) : 0;
        row->relative = fmax(row->relative, difference == 0 ? 0 : difference / fabs(p.numeric));
    }
    check->report->evaluations += w.evaluations;
    row->verdict = row_verdict(row, passed);
    row->notes_ratio = NAN;
    if (w.status == CT_OK && row->bad)
        return row_locate(check, input, row);
    return w.status;
}

/* ---- all inputs ---- */

static void report_row(ct_gradcheck_report *report, const ct_gradcheck_tensor *row)
{
    report->elements += row->checked;
    report->bad += row->bad;
    report->kinks += row->kinks;
    report->inconclusive += row->inconclusive;
    ct__report_raise(report, row->verdict);
    if (row->verdict == CT_FAIL)
        ct__report_fault(report, row->order == 2 ? "second-order gradient" : "gradient", row->input, "%s",
                         row->pattern[0] ? row->pattern
                                         : "the gradient differs from the measured one, in no simple pattern");
}

/* Of several samples, the largest. */
static void report_notes(ct_gradcheck_report *report, const notes_sums *all, const ct__check *check)
{
    bool noise;
    double ratio = notes_ratio(all, check, &noise);
    if (isnan(report->notes_ratio) || ratio > report->notes_ratio) {
        report->notes_ratio = ratio;
        report->notes_noise = noise;
    }
}

ct_status ct__check_numeric(ct__check *check)
{
    notes_sums all = {0};
    bool full = check->options->mode == CT_FULL;
    worker w = {.check = check, .x = check->x, .outputs = check->outputs, .cotangents = check->cotangents};
    double phi = check->phi = evaluate(&w, &check->magnitude);
    if (w.status != CT_OK)
        return w.status;
    if (!isfinite(phi)) {
        ct__report_fault(check->report, "finite", -1,
                         "the result is not finite (NaN or infinity) before anything is perturbed");
        return CT_OK;
    }
    for (int i = 0; i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        ct_gradcheck_tensor *row = ct__report_row(check->report);
        if (!row)
            return CT_ERROR_MEMORY;
        ct_tensor *x = check->x[i];
        *row = (ct_gradcheck_tensor){.input = i,
                                     .sample = check->sample,
                                     .order = check->order,
                                     .mode = check->options->mode,
                                     .rank = x->rank,
                                     .elements = x->numel};
        memcpy(row->shape, x->shape, (size_t)x->rank * sizeof *x->shape);
        ct_scope scope;
        ct__scope_push(&scope);
        ct_status status = full ? row_full(check, i, row, &all) : row_fast(check, i, row);
        ct__scope_pop(&scope);
        if (status != CT_OK)
            return status;
        report_row(check->report, row);
    }
    if (check->order == 1 && full)
        report_notes(check->report, &all, check);
    return CT_OK;
}
