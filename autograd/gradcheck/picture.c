/* What is seen of an input that is wrong: the worst element's differences over all steps, and where the bad elements are.
 *
 * Invariant: x is afterwards what it was, and no verdict depends on a picture. */
#include "picture.h"
#include "row.h"
#include <math.h>
#include <string.h>

static void draw_steps(ct__worker *w, int input, int64_t k, const ct_gradcheck_tensor *row, const double *origin,
                       ct_gradcheck_picture *p)
{
    ct__line l = ct__line_element(w, input, k, origin);
    double h = ct__large_unit(l.precision.reach) * ct__small_unit(l.precision.reach);
    for (int i = 0; i < CT_GRADCHECK_STEPS; i++, h /= 2) {
        double slope = (ct__line_at(&l, h) - ct__line_at(&l, -h)) / (2 * h);
        p->steps[i] = h;
        p->off_computed[i] = fabs(slope - row->analytic);
        p->off_measured[i] = fabs(slope - row->numeric);
    }
}

/* Which of two is worse to see; what was not looked at is the least. */
static uint8_t worse(uint8_t a, uint8_t b)
{
    return b == CT_GRADCHECK_UNLOOKED || (a != CT_GRADCHECK_UNLOOKED && a > b) ? a : b;
}

static void draw_cell(const ct_tensor *x, int64_t k, uint8_t verdict, ct_gradcheck_picture *p)
{
    int64_t across = x->rank ? x->shape[x->rank - 1] : 1, down = x->numel / across;
    uint8_t *cell = &p->cells[k / across * p->rows / down * p->columns + k % across * p->columns / across];
    *cell = worse(*cell, verdict);
}

/* The worst element may be none of those that the sweep has looked at. */
static void draw_cells(const ct_tensor *x, const ct__sweep *s, int64_t worst, ct_verdict verdict,
                       ct_gradcheck_picture *p)
{
    int64_t across = x->rank ? x->shape[x->rank - 1] : 1, down = x->numel / across;
    p->columns = (int)(across < CT_GRADCHECK_CELLS ? across : CT_GRADCHECK_CELLS);
    p->rows = (int)(down < CT_GRADCHECK_CELLS ? down : CT_GRADCHECK_CELLS);
    memset(p->cells, CT_GRADCHECK_UNLOOKED, sizeof p->cells);
    for (int64_t i = 0; i < s->count; i++)
        draw_cell(x, i * s->stride, s->verdict[i * s->stride], p);
    draw_cell(x, worst, (uint8_t)verdict, p);
}

static int64_t worst_element(const ct_gradcheck_tensor *row)
{
    int64_t k = 0;
    for (int axis = 0; axis < row->rank; axis++)
        k = k * row->shape[axis] + row->worst[axis];
    return k;
}

/* Whether nothing as grave has a picture yet. Of the checker's own inputs there is none. */
static bool is_wanted(const ct__check *check, const ct_gradcheck_tensor *row)
{
    const ct_gradcheck_report *report = check->report;
    bool grave = row->located && (row->verdict == CT_FAIL || row->verdict == CT_INCONCLUSIVE);
    return grave && !check->subject->lenient && !ct__watch_stopped(check->options) &&
           (!report->picture || report->tensors[report->picture->row].verdict < row->verdict);
}

ct_status ct__take_picture(ct__check *check, const ct_gradcheck_tensor *row, const ct__sweep *s)
{
    ct_gradcheck_report *report = check->report;
    if (!is_wanted(check, row))
        return CT_OK;
    if (!report->picture)
        report->picture = ct__alloc(sizeof *report->picture);
    const ct_tensor *x = check->x[row->input], *origin = ct__copy_as(x, CT_FLOAT64);
    if (!report->picture || !origin)
        return ct__no_memory("gradcheck");
    ct__worker w = ct__worker_of(check);
    int64_t worst = worst_element(row);
    report->picture->row = report->n_tensors - 1;
    draw_steps(&w, row->input, worst, row, ct__doubles(origin), report->picture);
    draw_cells(x, s, worst, row->verdict, report->picture);
    report->evaluations += w.evaluations;
    return w.status;
}
