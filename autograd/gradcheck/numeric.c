/* The measured side: every wanted input's derivatives, element by element or along probes, each judged against the gradient that the
 * engine computed; a row of the report for each input.
 *
 * Invariant: the figures of a row are those of its worst element, or of its worst probe. */
#include "numeric.h"
#include "bisect.h"
#include "kinks.h"
#include "pattern.h"
#include <math.h>
#include <string.h>

enum {
    SMALL = 16,             /* elements that are measured one by one in fast mode too */
    TASK_ELEMENTS = 16,     /* elements a parallel task evaluates */
    KINK_ELEMENTS = 512,    /* ... or a kink */
    VARIED_ELEMENTS = 128,  /* ... of inputs that are the checker's own, to say what the mistake looks like */
    LOCATE_ELEMENTS = 2048, /* so many are all looked at one by one, to locate a mismatch that a probe has found */
    UNLOOKED = 255,         /* in place of a verdict */
    BISECTIONS = 3,         /* of more, directions that are tried to find one */
};

/* ---- one input, element by element ---- */

/* Elements first, first + stride, ... of one input, and room for what is found there. */
typedef struct sweep {
    ct__check *check;
    int input;
    int64_t count, stride;
    double *numeric, *error, *tolerance, *notes; /* numel each */
    uint8_t *verdict;                            /* numel; UNLOOKED: left out */
    double scale;                                /* largest computed derivative */
    int64_t evaluations, done;
    int failed; /* a ct_status */
    char message[256];
} sweep;

static void sweep_element(sweep *s, ct__worker *w, int64_t k, const double *origin)
{
    ct__line l = ct__line_element(w, s->input, k, origin);
    l.scale = s->scale;
    ct__point p = ct__compare(&l, ct__doubles(s->check->analytic[s->input]));
    double above = ct__line_at(&l, 1e-7), below = ct__line_at(&l, -1e-7);
    if ((p.verdict == CT_PASS || p.verdict == CT_VACUOUS) && ct__kink_at(&l, above, below))
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

/* "input 1, order 2, sample 3", without what is the usual. */
static const char *what_of(const ct__check *check, int input, char *text, size_t size)
{
    int used = snprintf(text, size, "input %d", input);
    if (check->order > 1)
        used += snprintf(text + used, size - (size_t)used, ", order %d", check->order);
    if (check->sample > 0)
        snprintf(text + used, size - (size_t)used, ", sample %d", check->sample);
    return text;
}

static void sweep_tell(sweep *s, int64_t count)
{
    char what[64];
    int64_t done = __atomic_add_fetch(&s->done, count, __ATOMIC_RELAXED);
    ct__watch_tell(s->check->options, what_of(s->check, s->input, what, sizeof what), done, s->count);
}

/* Elements [index, index + 1) * TASK_ELEMENTS of the sweep. */
static void sweep_task(void *context, int64_t index)
{
    sweep *s = context;
    ct__check *check = s->check;
    size_t bytes = ct__worker_tensors(check) * sizeof(ct_tensor *);
    ct__worker w = ct__worker_of(check);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_random_state generator = ct_random_get();
    ct_scope scope;
    ct__scope_push(&scope);
    if (!arrays)
        w.status = ct__no_memory("gradcheck");
    else if (is_parallel(check))
        ct__worker_own(&w, arrays);
    ct_tensor *origin = w.status == CT_OK ? ct__copy_as(w.x[s->input], CT_FLOAT64) : NULL;
    int64_t last = (index + 1) * TASK_ELEMENTS < s->count ? (index + 1) * TASK_ELEMENTS : s->count;
    for (int64_t i = index * TASK_ELEMENTS; origin && i < last && w.status == CT_OK; i++)
        if (ct__watch_stopped(check->options))
            s->verdict[i * s->stride] = UNLOOKED;
        else
            sweep_element(s, &w, i * s->stride, ct__doubles(origin));
    sweep_tell(s, last - index * TASK_ELEMENTS);
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
    return row->bad                             ? CT_FAIL
           : row->inconclusive || row->unlooked ? CT_INCONCLUSIVE
           : row->kinks                         ? CT_KINK
           : passed                             ? CT_PASS
                                                : CT_VACUOUS;
}

static void row_worst(ct_gradcheck_tensor *row, const ct__point *p, double *worst)
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
    double worst = -1, largest = 0, difference = 0, tolerance = 0;
    int64_t passed = 0;
    row->checked = row->bad = row->kinks = row->inconclusive = row->unlooked = 0;
    for (int64_t i = 0; i < s->count; i++) {
        int64_t k = i * s->stride;
        if (s->verdict[k] == UNLOOKED) {
            row->unlooked++;
            continue;
        }
        ct__point p = {.verdict = (ct_verdict)s->verdict[k],
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
        if (p.verdict == CT_PASS || p.verdict == CT_VACUOUS)
            tolerance = fmax(tolerance, p.tolerance);
        if (p.verdict != CT_KINK && p.verdict != CT_INCONCLUSIVE)
            difference = fmax(difference, fabs(p.analytic - p.numeric));
    }
    row->relative = difference == 0 ? 0 : difference / largest;
    row->resolution = passed ? tolerance / largest : INFINITY;
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
    *s = (sweep){
        .check = check, .input = input, .stride = 1, .count = numel, .scale = ct__largest(check->analytic[input])};
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
    ct__guess_pattern(x, analytic, numeric, s->verdict, outputs, s->stride, row->pattern, sizeof row->pattern);
}

static void note_kinks(ct__check *check, const sweep *s)
{
    for (int64_t i = 0; i < s->count && check->n_kinked < CT__KINKED; i++)
        if (s->verdict[i * s->stride] == CT_KINK)
            check->kinked[check->n_kinked++] = (ct__kinked){s->input, i * s->stride};
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
    note_kinks(check, &s);
    row->notes_ratio = notes_ratio(&sums, check, &row->notes_noise);
    row_pattern(row, &s);
    return ct_error_code();
}

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

static void row_at(ct_gradcheck_tensor *row, const ct_tensor *x, int64_t k, const ct__point *p)
{
    double worst = -1;
    row_worst(row, p, &worst);
    multi_index(x, k, row->worst);
    row->x = ct__doubles(x)[k];
    row->located = true;
    row->bad = row->bad ? row->bad : 1;
    row->verdict = CT_FAIL;
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
        row_at(row, x, k, &p);
    check->report->evaluations += w.evaluations;
    return w.status;
}

/* What is wrong looks like this: where one of a few elements is, like them; else like one among many. */
static ct_status row_locate(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    sweep s;
    bool many = check->x[input]->numel > LOCATE_ELEMENTS && !check->subject->lenient;
    if (many && row_bisect(check, input, row) != CT_OK)
        return ct_error_code();
    ct_gradcheck_tensor found = *row;
    if (!sweep_open(&s, check, input, many || check->subject->lenient ? VARIED_ELEMENTS : LOCATE_ELEMENTS))
        return CT_ERROR_MEMORY;
    if (sweep_run(&s) != CT_OK)
        return ct_error_code();
    row_fill(&found, &s);
    note_kinks(check, &s);
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
        row_pattern(row, &s);
    }
    return ct_error_code();
}

static void probe(ct__check *check, ct__line *l, ct_gradcheck_tensor *row, double *worst, int64_t *passed)
{
    ct__point p = ct__compare(l, ct__doubles(check->analytic[row->input]));
    double size = fmax(fabs(p.numeric), l->scale);
    row_count(row, p.verdict);
    row_worst(row, &p, worst);
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
        ct__watch_tell(check->options, what_of(check, input, what, sizeof what), i, check->options->probes);
        draw_direction(check, ct__doubles(direction), x->numel);
        ct__line l = ct__line_direction(&w, input, ct__doubles(direction), ct__doubles(origin));
        probe(check, &l, row, &worst, &passed);
    }
    check->report->evaluations += w.evaluations;
    row->verdict = row_verdict(row, passed);
    row->resolution = passed ? row->resolution : INFINITY;
    row->notes_ratio = NAN;
    return w.status;
}

/* A mismatch is looked for among the elements; so is a kink, since of several together a probe tells little. */
static ct_status row_fast(ct__check *check, int input, ct_gradcheck_tensor *row)
{
    ct_status status = row_probes(check, input, row);
    bool few = check->x[input]->numel <= KINK_ELEMENTS && !check->subject->lenient;
    bool look = !ct__watch_stopped(check->options) && (row->bad || (row->kinks && few && check->order == 1));
    return status == CT_OK && look ? row_locate(check, input, row) : status;
}

/* ---- all inputs ---- */

static void report_row(ct_gradcheck_report *report, const ct_gradcheck_tensor *row)
{
    report->elements += row->checked;
    report->bad += row->bad;
    report->kinks += row->kinks;
    report->inconclusive += row->inconclusive;
    ct__report_raise(report, row->verdict);
    if (row->unlooked)
        ct__watch_unlooked(report, "%lld of %lld %s of input %d%s", (long long)row->unlooked,
                           (long long)(row->checked + row->unlooked), row->mode == CT_FAST ? "probes" : "elements",
                           row->input, row->order > 1 ? " (higher order)" : "");
    static const char *const orders[] = {"", "gradient", "second-order gradient", "third-order gradient"};
    if (row->verdict != CT_FAIL)
        return;
    report->unexplained |= !report->cause[0] && !row->pattern[0];
    ct__report_fault(report, orders[row->order], row->input, "%s",
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

static ct_status check_row(ct__check *check, int input, notes_sums *all)
{
    const ct_tensor *x = check->x[input];
    bool full = check->options->mode == CT_FULL || x->numel <= SMALL;
    ct_gradcheck_tensor *row = ct__report_row(check->report);
    if (!row)
        return CT_ERROR_MEMORY;
    *row = (ct_gradcheck_tensor){.input = input,
                                 .sample = check->sample,
                                 .inputs = check->subject->sample_text,
                                 .order = check->order,
                                 .mode = full ? CT_FULL : CT_FAST,
                                 .rank = x->rank,
                                 .elements = x->numel};
    memcpy(row->shape, x->shape, (size_t)x->rank * sizeof *x->shape);
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = full ? row_full(check, input, row, all) : row_fast(check, input, row);
    ct__scope_pop(&scope);
    if (status == CT_OK)
        report_row(check->report, row);
    return status;
}

/* Kinks that are possible one by one may not be so together. */
static ct_status check_kinks(ct__check *check)
{
    ct_status status = CT_OK;
    int bad = ct__outside_hull(check, check->kinked, check->n_kinked, &status);
    if (bad < 0)
        return status;
    ct_gradcheck_report *report = check->report;
    for (int i = 0; i < report->n_tensors; i++) {
        ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->input != check->kinked[bad].input || row->order != 1 || row->sample != check->sample)
            continue;
        row->verdict = CT_FAIL;
        row->bad++;
        row->kinks -= row->kinks > 0;
        report->bad++;
        multi_index(check->x[row->input], check->kinked[bad].element, row->worst);
    }
    ct__report_fault(
        report, "kink", check->kinked[bad].input,
        "at a tie or kink the gradients of several elements are each possible, but not together: each is given "
        "what only one can have");
    return status;
}

ct_status ct__check_numeric(ct__check *check)
{
    notes_sums all = {0};
    ct__worker w = ct__worker_of(check);
    double phi = check->phi = ct__evaluate(&w, &check->magnitude);
    if (w.status != CT_OK)
        return w.status;
    if (!isfinite(phi)) {
        ct__report_fault(check->report, "finite", -1,
                         "the result is not finite (NaN or infinity) before anything is perturbed");
        return CT_OK;
    }
    ct_status status = CT_OK;
    for (int i = 0; i < check->n && status == CT_OK; i++)
        if (check->wanted[i])
            status = check_row(check, i, &all);
    if (status == CT_OK && check->order == 1 && check->report->verdict != CT_FAIL)
        status = check_kinks(check);
    if (status == CT_OK && check->order == 1 && check->options->mode == CT_FULL)
        report_notes(check->report, &all, check);
    return status;
}
