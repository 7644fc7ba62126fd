/* What the report says of one input. Invariant: the figures of a row are those of its worst element, or of its worst probe. */
#include "row.h"
#include "pattern.h"
#include <math.h>

void ct__multi_index(const ct_tensor *t, int64_t k, int64_t *index)
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

void ct__row_count(ct_gradcheck_tensor *row, ct_verdict verdict)
{
    row->checked++;
    row->bad += verdict == CT_FAIL;
    row->kinks += verdict == CT_KINK;
    row->inconclusive += verdict == CT_INCONCLUSIVE;
}

ct_verdict ct__row_verdict(const ct_gradcheck_tensor *row, int64_t passed)
{
    return row->bad                             ? CT_FAIL
           : row->inconclusive || row->unlooked ? CT_INCONCLUSIVE
           : row->kinks                         ? CT_KINK
           : passed                             ? CT_PASS
                                                : CT_VACUOUS;
}

void ct__row_worst(ct_gradcheck_tensor *row, const ct__point *p, double *worst)
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

void ct__row_at(ct_gradcheck_tensor *row, const ct_tensor *x, int64_t k, const ct__point *p)
{
    double worst = -1;
    ct__row_worst(row, p, &worst);
    ct__multi_index(x, k, row->worst);
    row->x = ct__doubles(x)[k];
    row->located = true;
    row->bad = row->bad ? row->bad : 1;
    row->verdict = CT_FAIL;
}

/* The figures of a sweep. Returns how many elements passed. */
int64_t ct__row_fill(ct_gradcheck_tensor *row, const ct__sweep *s)
{
    const ct_tensor *x = s->check->x[s->input];
    const double *analytic = ct__doubles(s->check->analytic[s->input]);
    double worst = -1, largest = 0, difference = 0, tolerance = 0;
    int64_t passed = 0;
    row->checked = row->bad = row->kinks = row->inconclusive = row->unlooked = 0;
    for (int64_t i = 0; i < s->count; i++) {
        int64_t k = i * s->stride;
        if (s->verdict[k] == CT_GRADCHECK_UNLOOKED) {
            row->unlooked++;
            continue;
        }
        ct__point p = {.verdict = (ct_verdict)s->verdict[k],
                       .analytic = analytic[k],
                       .numeric = s->numeric[k],
                       .error = s->error[k],
                       .tolerance = s->tolerance[k]};
        ct__row_count(row, p.verdict);
        double before = worst;
        ct__row_worst(row, &p, &worst);
        if (worst > before) {
            ct__multi_index(x, k, row->worst);
            row->x = ct__doubles(x)[k];
            row->located = true;
        }
        passed += p.verdict == CT_PASS;
        largest = fmax(largest, fabs(p.numeric));
        if (p.verdict == CT_PASS || p.verdict == CT_VACUOUS)
            tolerance = fmax(tolerance, p.tolerance);
        if (p.verdict != CT_KINK && p.verdict != CT_INCONCLUSIVE)
            difference = fmax(difference, fabs(p.analytic - p.numeric));
    }
    row->relative = difference == 0 ? 0 : difference / largest;
    row->resolution = passed ? tolerance / largest : INFINITY;
    return passed;
}

/* Of every stride-th element only, as if they were all, if so few were measured. */
static ct_tensor *thinned(const ct__sweep *s, const ct_tensor *t)
{
    bool all = s->stride == 1;
    ct_tensor *few = ct__tensor_new(CT_FLOAT64, all ? t->shape : &s->count, all ? t->rank : 1, "gradcheck");
    for (int64_t i = 0; few && i < s->count; i++)
        ct__doubles(few)[i] = ct__doubles(t)[i * s->stride];
    return few;
}

/* Whether all that was looked at twice is at kinks, and not at 0, for which there are words of their own. What is measured there is no
 * derivative, and looks like nothing. */
static bool is_off_at_kinks(const ct__sweep *s)
{
    const ct__check *check = s->check;
    const double *x = ct__doubles(check->x[s->input]);
    int64_t kinks = check->off_kinks - s->off_kinks;
    bool zeros = true;
    for (int64_t i = 0; i < s->count; i++)
        zeros &= s->verdict[i * s->stride] != CT_FAIL || x[i * s->stride] == 0;
    return kinks > 0 && kinks >= check->confirmed_bad - s->looked_at && !zeros;
}

void ct__row_pattern(ct_gradcheck_tensor *row, ct__sweep *s)
{
    const ct__check *check = s->check;
    if (!row->bad)
        return;
    if (is_off_at_kinks(s)) {
        snprintf(row->pattern, sizeof row->pattern,
                 "at a kink the gradient is beyond the derivatives on both sides of it, and not between them");
        return;
    }
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
    const ct__beside beside = {check->x, check->analytic, check->n, check->m == 1 ? check->cotangents[0] : NULL};
    ct__guess_pattern(x, analytic, numeric, s->verdict, outputs, s->stride, &beside, row->pattern, sizeof row->pattern);
}
