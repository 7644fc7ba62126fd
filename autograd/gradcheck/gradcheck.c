/* The checker's public calls.
 *
 * Invariant: whatever the outcome, the user's inputs, their accumulated gradients and the thread's generator are afterwards as
 * they were before. */
#include "graph.h"
#include "raw.h"
#include "variations.h"
#include "whole.h"
#include <math.h>
#include <string.h>

CT_OPTIONS_INIT(ct_gradcheck_options)

/* The options given, completed. Error (argument): one outside its range. */
static ct_status read_options(ct_gradcheck_options *all, const ct_gradcheck_options *given)
{
    CT_READ_OPTIONS(ct_gradcheck_options, o, given, "gradcheck");
    if (!o)
        return ct_error_code();
    *all = *o;
    const struct {
        const char *name;
        double value;
        bool good;
    } rows[] = {
        {"order", o->order, o->order >= 1 && o->order <= 3},
        {"probes", o->probes, o->probes >= 1},
        {"step", o->step, o->step > 0 && isfinite(o->step)},
        {"safety", o->safety, o->safety >= 0},
        {"absolute", o->absolute, o->absolute >= 0},
        {"resolution", o->resolution, o->resolution > 0},
        {"float32_tolerance", o->float32_tolerance, o->float32_tolerance >= 0},
        {"seconds", o->seconds, o->seconds >= 0},
        {"evaluations", (double)o->evaluations, o->evaluations >= 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!rows[i].good)
            return ct__error(CT_ERROR_ARGUMENT, "gradcheck: %s out of range: %g", rows[i].name, rows[i].value);
    return CT_OK;
}

/* What surrounds every check: the generator, recording, the clock, and a report of its own if none is given. */
typedef struct session {
    ct_gradcheck_report *report, own;
    ct_gradcheck_options options;
    ct_random_state generator;
    int no_grad_depth;
    double start;
    ct__watch watch;
} session;

static ct_status session_begin(session *s, ct_gradcheck_report *report, const char *subject,
                               const ct_gradcheck_options *options)
{
    *s = (session){.generator = ct_random_get(), .start = ct__watch_now()};
    s->report = report ? report : &s->own;
    ct__report_begin(s->report, subject);
    s->no_grad_depth = ct__no_grad_depth(0);
    ct_status status = read_options(&s->options, options);
    s->report->seed = s->options.seed;
    ct__watch_begin(&s->watch, &s->options);
    return status;
}

/* Where nothing worse was found, that something is left out is what there is to say. */
static void explain_stop(session *s)
{
    ct_gradcheck_report *report = s->report;
    if (!report->unlooked[0] || report->cause[0])
        return;
    report->check = "budget";
    snprintf(report->cause, sizeof report->cause, "%s; not looked at: %s", s->watch.why, report->unlooked);
}

/* Exactly 0 for every input, as computed and as measured, is no matter of noise. */
static void explain_unused(ct_gradcheck_report *report)
{
    bool unused = report->verdict == CT_VACUOUS && report->n_tensors > 0 && !report->cause[0];
    for (int i = 0; i < report->n_tensors; i++)
        unused &= report->tensors[i].checked > 0 && report->tensors[i].analytic == 0 && report->tensors[i].numeric == 0;
    if (unused)
        snprintf(report->cause, sizeof report->cause,
                 "the result does not change with the inputs: they are never used, or others in their place");
}

static ct_verdict session_end(session *s, ct_status status)
{
    ct__no_grad_depth(s->no_grad_depth);
    ct_random_set(s->generator);
    s->report->seconds = ct__watch_now() - s->start;
    if (status != CT_OK) {
        s->report->verdict = CT_VACUOUS;
        snprintf(s->report->cause, sizeof s->report->cause, "%s", ct_error_message());
    }
    if (status == CT_OK)
        explain_stop(s);
    if (status == CT_OK)
        explain_unused(s->report);
    ct_verdict verdict = s->report->verdict;
    ct_gradcheck_report_free(&s->own);
    return verdict;
}

static ct_status check_call(ct_function fn, ct_tensor *const *inputs, int n, const char *what)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (!fn || (n > 0 && !inputs))
        return ct__error(CT_ERROR_NULL, "%s: %s is NULL", what, fn ? "inputs" : "the function");
    if (n < 1)
        return ct__error(CT_ERROR_ARGUMENT, "%s: %d inputs", what, n);
    for (int i = 0; i < n; i++)
        if (ct__check_tensor(inputs[i], what) != CT_OK)
            return ct_error_code();
    return CT_OK;
}

/* Those that require a gradient; if none does, all floats (ct__check_open leaves the others out). */
static bool *wanted_inputs(ct_tensor *const *inputs, int n)
{
    bool any = false, *wanted = ct__alloc((size_t)n * sizeof *wanted);
    for (int i = 0; i < n; i++)
        any |= inputs[i]->requires_grad;
    for (int i = 0; wanted && i < n; i++)
        wanted[i] = !any || inputs[i]->requires_grad;
    if (!wanted)
        ct__no_memory("gradcheck");
    return wanted;
}

typedef ct_status (*function_check)(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                                    int sample, const ct_gradcheck_options *options, ct_gradcheck_report *report);

static ct_verdict check_function(ct_function fn, void *user, ct_tensor *const *inputs, int n,
                                 ct_gradcheck_report *report, const ct_gradcheck_options *options, const char *name,
                                 function_check check)
{
    session s;
    ct_status status = session_begin(&s, report, name, options);
    if (status == CT_OK)
        status = check_call(fn, inputs, n, "gradcheck");
    bool *wanted = status == CT_OK ? wanted_inputs(inputs, n) : NULL;
    if (wanted) {
        ct__subject subject;
        uint64_t before = ct__checksum_all(inputs, n);
        ct_seed(s.options.seed);
        status = ct__subject_function(&subject, fn, user, inputs, n, wanted);
        if (status == CT_OK)
            status = check(&subject, inputs, wanted, 0, &s.options, s.report);
        if (status == CT_OK && before != ct__checksum_all(inputs, n))
            ct__report_fault(s.report, "unchanged", -1,
                             "the function changes tensors outside: the inputs are not what they were");
        ct__free(wanted, (size_t)n * sizeof *wanted);
    } else if (status == CT_OK) {
        status = ct_error_code();
    }
    return session_end(&s, status);
}

ct_verdict ct_gradcheck(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_gradcheck_report *report,
                        const ct_gradcheck_options *options)
{
    return check_function(fn, user, inputs, n, report, options, "function", ct__check_subject);
}

ct_verdict ct_gradcheck_graph(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_gradcheck_report *report,
                              const ct_gradcheck_options *options)
{
    return check_function(fn, user, inputs, n, report, options, "graph", ct__check_graph);
}

static ct_status check_sample(const ct_op *op, int sample, const ct_gradcheck_options *options,
                              ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS];
    int n;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_seed(options->seed + (uint64_t)sample);
    ct_status status = ct_sample_inputs(&op->samples[sample], CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++)
        wanted[i] = inputs[i] && inputs[i]->requires_grad;
    if (status == CT_OK) {
        ct__subject subject = ct__subject_op(op, op->samples[sample].attributes, n);
        subject.sample_text = op->samples[sample].inputs;
        status = ct__check_subject(&subject, inputs, wanted, sample, options, report);
    }
    if (status == CT_OK && options->checks & CT_CHECK_SIZES)
        status = ct__check_op_sizes(op, &op->samples[sample], options, report);
    if (status == CT_OK && options->checks & CT_CHECK_VARIATIONS && report->verdict < CT_NONDETERMINISTIC)
        status = ct__check_op_variations(op, &op->samples[sample], sample == 0, options, report);
    if (ct__watch_stopped(options) && options->checks & (CT_CHECK_SIZES | CT_CHECK_VARIATIONS))
        ct__watch_unlooked(report, "sizes and variations of sample %d", sample);
    ct__scope_pop(&scope);
    return status;
}

ct_verdict ct_gradcheck_op(const ct_op *op, ct_gradcheck_report *report, const ct_gradcheck_options *options)
{
    session s;
    ct_status status = session_begin(&s, report, op && op->name ? op->name : "", options);
    if (status == CT_OK)
        status = ct_error_code();
    if (status == CT_OK && (!op || !op->name || !op->samples))
        status =
            ct__error(CT_ERROR_NULL, "gradcheck_op: the operation %s", op ? "has no name or no samples" : "is NULL");
    for (int i = 0; status == CT_OK && op->samples[i].inputs && s.report->verdict != CT_NONDETERMINISTIC; i++)
        if (ct__watch_stopped(&s.options))
            ct__watch_unlooked(s.report, "sample %d", i);
        else
            status = check_sample(op, i, &s.options, s.report);
    if (status == CT_OK && s.report->verdict >= CT_NONDETERMINISTIC)
        s.report->op = op->name;
    return session_end(&s, status);
}

/* ---- a raw pair ---- */

/* Its layouts, forks and sizes would be those of the record around it, and it has one type; nor need it be made for threads. */
enum { NOT_OF_A_PAIR = CT_CHECK_FLOAT32 | CT_CHECK_LAYOUTS | CT_CHECK_FORKS | CT_CHECK_SIZES | CT_CHECK_VARIATIONS };
/* Rounding to float32 is 2^-24: a step that is best beside it. */
#define DEFAULT_STEP 0x1p-7
#define FLOAT_STEP 0x1p-3

static ct_status check_pair(const ct__raw *raw, const double *const *x, session *s)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    const ct_op op = ct__raw_op(raw);
    ct__subject subject = ct__subject_op(&op, &raw, raw->n);
    s->options.checks &= ~(unsigned)(NOT_OF_A_PAIR | (s->options.parallel ? 0 : CT_CHECK_THREADS));
    subject.shares = !s->options.parallel;
    if (raw->dtype == CT_FLOAT32 && s->options.step == DEFAULT_STEP)
        s->options.step = FLOAT_STEP;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_seed(s->options.seed);
    ct_status status = ct__raw_inputs(raw, x, inputs);
    if (status == CT_OK)
        status = ct__check_subject(&subject, inputs, NULL, 0, &s->options, s->report);
    ct__scope_pop(&scope);
    return status;
}

static ct_verdict check_raw(const ct__raw *raw, const double *const *x, ct_gradcheck_report *report,
                            const ct_gradcheck_options *options)
{
    session s;
    ct_status status = session_begin(&s, report, "pair", options);
    if (status == CT_OK)
        status = ct_error_code();
    if (status == CT_OK)
        status = ct__raw_check(raw);
    if (status == CT_OK && s.options.order > 1)
        status = ct__error(CT_ERROR_ARGUMENT, "gradcheck_raw: order %d: a raw backward cannot be differentiated again",
                           s.options.order);
    if (status == CT_OK)
        status = check_pair(raw, x, &s);
    return session_end(&s, status);
}

ct_verdict ct_gradcheck_raw(ct_raw_forward forward, ct_raw_backward backward, const int64_t *sizes, int n,
                            int64_t results, const double *const *x, void *user, ct_gradcheck_report *report,
                            const ct_gradcheck_options *options)
{
    const ct__raw raw = {.dtype = CT_FLOAT64,
                         .forward = forward,
                         .backward = backward,
                         .sizes = sizes,
                         .n = n,
                         .results = results,
                         .user = user};
    return check_raw(&raw, x, report, options);
}

ct_verdict ct_gradcheck_raw_float(ct_raw_forward_float forward, ct_raw_backward_float backward, const int64_t *sizes,
                                  int n, int64_t results, const double *const *x, void *user,
                                  ct_gradcheck_report *report, const ct_gradcheck_options *options)
{
    const ct__raw raw = {.dtype = CT_FLOAT32,
                         .forward_float = forward,
                         .backward_float = backward,
                         .sizes = sizes,
                         .n = n,
                         .results = results,
                         .user = user};
    return check_raw(&raw, x, report, options);
}
