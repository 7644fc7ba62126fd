/* Evaluating along lines. Invariant: between two evaluations x is what it was. */
#include "line.h"
#include <float.h>
#include <math.h>
#include <string.h>

ct__worker ct__worker_of(ct__check *check)
{
    return (ct__worker){.check = check, .x = check->x, .outputs = check->outputs, .cotangents = check->cotangents};
}

size_t ct__worker_tensors(const ct__check *check)
{
    return (size_t)check->n + 2 * (size_t)check->subject->max_outputs;
}

void ct__worker_own(ct__worker *w, ct_tensor **arrays)
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
    for (int i = 0; i < check->subject->max_outputs; i++) {
        w->cotangents[i] = check->cotangents[i] ? ct__copy_as(check->cotangents[i], CT_FLOAT64) : NULL;
        if (check->cotangents[i] && !w->cotangents[i])
            w->status = CT_ERROR_MEMORY;
    }
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
    ct__watch_count(w->check->options);
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
            x[k] = l->origin[k] + t * l->direction[k];
    }
    double phi = ct__evaluate(l->w, NULL);
    if (l->element >= 0)
        x[l->element] = l->origin[l->element];
    else
        memcpy(x, l->origin, (size_t)l->x->numel * sizeof *x);
    return phi;
}

double ct__along(const ct__line *l, const double *gradient)
{
    if (l->element >= 0)
        return gradient[l->element];
    long double sum = 0;
    for (int64_t k = 0; k < l->x->numel; k++)
        sum += (long double)gradient[k] * l->direction[k];
    return (double)sum;
}

double ct__along_noise(const ct__line *l, const double *errors)
{
    if (l->element >= 0)
        return errors[l->element];
    double squares = 0;
    for (int64_t k = 0; k < l->x->numel; k++)
        squares += errors[k] * l->direction[k] * errors[k] * l->direction[k];
    return sqrt(squares);
}

int ct__input_of(const ct__line *l)
{
    int input = 0;
    while (l->w->x[input] != l->x)
        input++;
    return input;
}

double ct__tolerance(const ct__line *l, const ct__slope *slope)
{
    const ct_gradcheck_options *options = l->w->check->options;
    return options->safety * (slope->error + l->slack) + options->absolute;
}

static ct__line line_through(ct__worker *w, int input, const double *origin)
{
    const ct__check *check = w->check;
    return (ct__line){.w = w,
                      .x = w->x[input],
                      .element = -1,
                      .origin = origin,
                      .precision = {.magnitude = check->magnitude, .unit = check->unit}};
}

ct__line ct__line_element(ct__worker *w, int input, int64_t k, const double *origin)
{
    ct__line l = line_through(w, input, origin);
    l.element = k;
    l.slack = ct__doubles(w->check->noise[input])[k];
    l.precision.reach = fabs(origin[k]);
    return l;
}

/* The reach of a direction is the root of the mean square: what a step of "1" moves. */
ct__line ct__line_direction(ct__worker *w, int input, const double *direction, const double *origin)
{
    ct__line l = line_through(w, input, origin);
    const double *gradient = ct__doubles(w->check->analytic[input]);
    double sum = 0, along = 0;
    for (int64_t k = 0; k < l.x->numel; k++) {
        sum += origin[k] * origin[k] / (double)l.x->numel;
        along += fabs(gradient[k] * direction[k]);
    }
    l.direction = direction;
    l.precision.reach = sqrt(sum);
    l.scale = ct__along_noise(&l, gradient);
    l.slack = ct__along_noise(&l, ct__doubles(w->check->noise[input])) + 4 * DBL_EPSILON * along;
    return l;
}
