/* Evaluating along lines. Invariant: between two evaluations x is what it was. */
#include "line.h"
#include <float.h>
#include <math.h>
#include <string.h>

ct__worker ct__worker_of(ct__check *check)
{
    return (ct__worker){.check = check, .x = check->x, .outputs = check->outputs, .cotangents = check->cotangents};
}

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

double ct__evaluate(ct__worker *w, double *magnitude)
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

double ct__line_at(void *context, double t)
{
    ct__line *l = context;
    double *x = ct__doubles(l->x);
    if (l->w->status != CT_OK)
        return NAN;
    if (l->element >= 0) {
        x[l->element] = l->origin[l->element] + t;
    } else {
        for (int64_t k = 0; k < l->x->numel; k++)
            x[k] = l->origin[k] + t * l->signs[k];
    }
    double phi = ct__evaluate(l->w, NULL);
    if (l->element >= 0)
        x[l->element] = l->origin[l->element];
    else
        memcpy(x, l->origin, (size_t)l->x->numel * sizeof *x);
    return phi;
}

/* Steps are powers of two, so that x + h is exact for most x. */
double ct__power_of_two_above(double size)
{
    int exponent;
    if (!(size > 1) || !isfinite(size))
        return 1;
    frexp(size, &exponent);
    return ldexp(1, exponent);
}

/* <gradient, direction>, and the size of its rounding error in *slack. */
double ct__along(const ct__line *l, const double *gradient, double *slack)
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

ct__slope ct__line_slope(ct__line *l, double step)
{
    const ct__check *check = l->w->check;
    return ct__ridders(ct__line_at, l, step * l->scale, check->magnitude, l->reach, check->unit);
}
