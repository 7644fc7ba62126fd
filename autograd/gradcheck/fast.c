/* One input along a few random directions; where one of them mismatches, a look at elements.
 *
 * Invariant: the directions are drawn from the check's own stream, so that the same seed gives the same report. */
#include "fast.h"
#include "bisect.h"
#include "picture.h"
#include "row.h"
#include <math.h>

enum {
    KINK_ELEMENTS = 512, /* that are looked at one by one to say where a kink is */
    VARIED_ELEMENTS =
        128,            /* ... of inputs that are the checker's own, or of many, to say what the mistake looks like, */
    FEWEST_VARIED = 24, /* or so many of */
    VARIED_WORK = 1 << 20,  /* inputs that are large: each is measured by evaluations of all of it */
    LOCATE_ELEMENTS = 2048, /* so many are all looked at one by one, to locate a mismatch that a probe has found */
    BISECTIONS = 3,         /* of more, directions that are tried to find one */
};

/* Of random magnitude, since with +1 and -1 alone equal errors of an even number of elements cancel too often. */
static void draw_direction(ct__check *check, double *direction, int64_t n)
{
    ct_random_set(check->stream);
    for (int64_t k = 0; k < n; k++) {
        uint64_t bits = ct_random_u64();
        direction[k] = (bits & 1 ? 1 : -1) * (0.5 + ldexp((double)(bits >> 11), -53));
    }
    check->stream = ct_random_get();
}

static ct_status row_bisect(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    const ct_tensor *x = check->x[input], *origin = ct__copy_as(x, CT_FLOAT64), *direction = ct_zeros_like(x);
    if (!origin || !direction)
        return CT_ERROR_MEMORY;
    ct__worker w = ct__worker_of(check);
    ct__point p;
    int64_t k = -1;
    for (int i = 0; i < BISECTIONS && k < 0 && w.status == CT_OK; i++) {
        draw_direction(check, ct__doubles(direction), x->numel);
        k = ct__bisect(&w, input, ct__doubles(direction), ct__doubles(origin), &p);
    }
    if (k >= 0)
        ct__row_at(row, x, k, &p);
    check->report->evaluations += w.evaluations;
    return w.status;
}

/* So many elements are looked at one by one, to say where a mismatch is and what it looks like. */
static int64_t look_at(const ct__check *check, int64_t numel)
{
    if (!check->subject->lenient)
        return numel > LOCATE_ELEMENTS ? VARIED_ELEMENTS : LOCATE_ELEMENTS;
    return (int64_t)fmin(VARIED_ELEMENTS, fmax(FEWEST_VARIED, VARIED_WORK / (double)numel));
}

/* What is wrong looks like this: where one of a few elements is, like them; else like one among many. */
static ct_status row_locate(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    ct__sweep s;
    bool many = check->x[input]->numel > LOCATE_ELEMENTS && !check->subject->lenient;
    if (many && row_bisect(check, input, row) != CT_OK)
        return ct_error_code();
    ct_gradcheck_tensor found = *row;
    if (!ct__sweep_open(&s, check, input, look_at(check, check->x[input]->numel)))
        return CT_ERROR_MEMORY;
    if (ct__sweep_run(&s) != CT_OK)
        return ct_error_code();
    ct__row_fill(&found, &s);
    ct__note_kinks(check, &s);
    if (!found.bad && row->located)
        snprintf(
            row->pattern, sizeof row->pattern,
            "this element is wrong, and none of %lld others that were looked at: an index, a tie or a case that few "
            "elements meet",
            (long long)s.count);
    if (found.bad) { /* otherwise the mismatch is in an element that was left out, and what is known of it stays */
        found.checked = row->checked;
        found.bad = row->bad ? row->bad : 1;
        found.kinks = row->kinks;
        found.inconclusive = row->inconclusive;
        *row = found;
        row->verdict = CT_FAIL;
    }
    ct_status status = ct__take_picture(check, row, &s);
    if (status == CT_OK && found.bad)
        ct__row_pattern(row, &s);
    return status == CT_OK ? ct_error_code() : status;
}

static void probe(ct__check *check, ct__line *l, ct_gradcheck_tensor *row, double *worst, int64_t *passed)
{
    ct__point p = ct__compare(l, ct__doubles(check->analytic[row->input]));
    double size = fmax(fabs(p.numeric), l->scale);
    ct__row_count(row, p.verdict);
    ct__row_worst(row, &p, worst);
    *passed += p.verdict == CT_PASS;
    double difference = p.verdict == CT_PASS || p.verdict == CT_FAIL ? fabs(p.analytic - p.numeric) : 0;
    row->relative = fmax(row->relative, difference == 0 ? 0 : difference / size);
    if (p.verdict == CT_PASS)
        row->resolution = fmax(row->resolution, p.tolerance / size);
}

static ct_status row_probes(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    const ct_tensor *x = check->x[input];
    const ct_tensor *origin = ct__copy_as(x, CT_FLOAT64),
                    *direction = ct__tensor_new(CT_FLOAT64, &x->numel, 1, "gradcheck");
    if (!origin || !direction)
        return CT_ERROR_MEMORY;
    ct__worker w = ct__worker_of(check);
    double worst = -1;
    int64_t passed = 0;
    char what[64];
    for (int i = 0; i < check->options->probes && x->numel > 0 && w.status == CT_OK; i++) {
        if (ct__watch_stopped(check->options)) {
            row->unlooked++;
            continue;
        }
        ct__watch_tell(check->options, ct__what_of(check, input, what, sizeof what), i, check->options->probes);
        draw_direction(check, ct__doubles(direction), x->numel);
        ct__line l = ct__line_direction(&w, input, ct__doubles(direction), ct__doubles(origin));
        probe(check, &l, row, &worst, &passed);
    }
    check->report->evaluations += w.evaluations;
    row->verdict = ct__row_verdict(row, passed);
    row->resolution = passed ? row->resolution : INFINITY;
    row->notes_ratio = NAN;
    return w.status;
}

/* A mismatch is looked for among the elements; so is a kink, since of several together a probe tells little. */
ct_status ct__row_fast(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    ct_status status = row_probes(check, input, row);
    bool few = check->x[input]->numel <= KINK_ELEMENTS && !check->subject->lenient;
    bool look = !ct__watch_stopped(check->options) && (row->bad || (row->kinks && few && check->order == 1));
    return status == CT_OK && look ? row_locate(check, input, row) : status;
}
