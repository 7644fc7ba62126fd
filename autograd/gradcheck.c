/* The checker's public calls; what is under test; one check of it: its inputs, cotangents and computed gradient.
 *
 * Invariant: whatever the outcome, the user's inputs, their accumulated gradients and the thread's generator are afterwards as
 * they were before. */
#include "gradcheck_internal.h"
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

/* ---- verdicts and the report ---- */

const char *ct_verdict_name(ct_verdict verdict)
{
    static const char *const names[] = {"VACUOUS", "PASS", "KINK", "INCONCLUSIVE", "NONDETERMINISTIC", "FAIL"};
    return (size_t)verdict < sizeof names / sizeof *names ? names[verdict] : "invalid";
}

bool ct_verdict_good(ct_verdict verdict)
{
    return verdict == CT_PASS || verdict == CT_KINK;
}

/* The enum is in order of weight: a vacuous tensor beside one that passes leaves a pass. */
void ct__report_raise(ct_gradcheck_report *report, ct_verdict verdict)
{
    if (verdict > report->verdict)
        report->verdict = verdict;
}

void ct__report_fault(ct_gradcheck_report *report, const char *check, int argument, const char *format, ...)
{
    ct__report_raise(report, CT_FAIL);
    if (report->cause[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    ct__vformat(report->cause, sizeof report->cause, format, arguments);
    va_end(arguments);
    report->check = check;
    report->argument = argument;
}

ct_gradcheck_tensor *ct__report_row(ct_gradcheck_report *report)
{
    size_t used = (size_t)report->n_tensors * sizeof *report->tensors;
    if (used + sizeof *report->tensors > report->bytes_) {
        size_t bytes = report->bytes_ ? report->bytes_ * 2 : 8 * sizeof *report->tensors;
        ct_gradcheck_tensor *tensors = ct__alloc(bytes);
        if (!tensors) {
            ct__no_memory("gradcheck");
            return NULL;
        }
        if (used)
            memcpy(tensors, report->tensors, used);
        ct__free(report->tensors, report->bytes_);
        report->tensors = tensors;
        report->bytes_ = bytes;
    }
    ct_gradcheck_tensor *row = &report->tensors[report->n_tensors++];
    *row = (ct_gradcheck_tensor){0};
    return row;
}

void ct_gradcheck_report_free(ct_gradcheck_report *report)
{
    if (!report)
        return;
    ct__free(report->tensors, report->bytes_);
    *report = (ct_gradcheck_report){0};
}

static void report_begin(ct_gradcheck_report *report, const char *subject)
{
    ct_gradcheck_report_free(report);
    report->subject = subject;
    report->check = report->op = "";
    report->node = report->argument = -1;
    report->notes_ratio = NAN;
}

/* ---- small things ---- */

ct_tensor *ct__copy_as(const ct_tensor *t, ct_dtype dtype)
{
    ct_tensor *copy = ct__tensor_new(dtype, t->shape, t->rank, "gradcheck");
    if (copy)
        ct__copy_strided(dtype, ct__ptr(copy), copy->strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides, t->shape,
                         t->rank);
    return copy;
}

/* Calls visit with the address of every element, in row-major order. */
static void visit(const ct_tensor *t, void (*each)(void *context, const void *element), void *context)
{
    size_t size = ct_dtype_size((ct_dtype)t->dtype);
    int64_t index[CT_MAX_RANK] = {0}, at = 0;
    for (int64_t k = 0; k < t->numel; k++) {
        each(context, ct__ptr(t) + at * (int64_t)size);
        for (int axis = t->rank - 1; axis >= 0; axis--) {
            at += t->strides[axis];
            if (++index[axis] < t->shape[axis])
                break;
            at -= t->strides[axis] * t->shape[axis];
            index[axis] = 0;
        }
    }
}

typedef struct hash {
    uint64_t value;
    size_t size;
} hash;

static void hash_element(void *context, const void *element)
{
    hash *h = context;
    uint64_t bits = 0;
    memcpy(&bits, element, h->size);
    h->value = (h->value ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
    h->value ^= h->value >> 29;
}

uint64_t ct__checksum(const ct_tensor *t)
{
    if (!t)
        return 0;
    hash h = {.value = 0xcbf29ce484222325u ^ (uint64_t)t->dtype << 8 ^ t->rank, .size = sizeof *t->shape};
    for (int i = 0; i < t->rank; i++)
        hash_element(&h, &t->shape[i]);
    h.size = ct_dtype_size((ct_dtype)t->dtype);
    visit(t, hash_element, &h);
    return h.value;
}

static void clear_if_not_finite32(void *context, const void *element)
{
    if (!isfinite(*(const float *)element))
        *(bool *)context = false;
}

static void clear_if_not_finite64(void *context, const void *element)
{
    if (!isfinite(*(const double *)element))
        *(bool *)context = false;
}

bool ct__all_finite(const ct_tensor *t)
{
    bool finite = true;
    if (ct__is_float(t))
        visit(t, t->dtype == CT_FLOAT32 ? clear_if_not_finite32 : clear_if_not_finite64, &finite);
    return finite;
}

/* ---- subjects ---- */

static int run_function(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    static const ct_op function = {.name = "the checked function"};
    ct_call call = {.op = &function, .inputs = inputs, .n_inputs = subject->n_inputs, .may_write = true};
    ct__call_begin(&call, ct__scope_current());
    outputs[0] = subject->fn(inputs, subject->n_inputs, subject->user);
    if (ct__call_end(&call, CT_OK) != CT_OK)
        return -1;
    if (outputs[0])
        return ct__check_tensor(outputs[0], "gradcheck") == CT_OK ? 1 : -1;
    if (ct_error_code() == CT_OK)
        ct__error(CT_ERROR_NULL, "gradcheck: the function returned NULL without an error");
    return -1;
}

static int run_op(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    const ct_op *op = subject->op;
    return ct_apply_multi(op, inputs, subject->n_inputs, subject->attributes, outputs) == CT_OK
               ? op->outputs ? op->outputs : 1
               : -1;
}

ct__subject ct__subject_function(ct_function fn, void *user, int n)
{
    return (ct__subject){.run = run_function,
                         .name = "function",
                         .n_inputs = n,
                         .max_outputs = 1,
                         .shares = true,
                         .fn = fn,
                         .user = user};
}

ct__subject ct__subject_op(const ct_op *op, const void *attributes, int n)
{
    return (ct__subject){.run = run_op,
                         .name = op->name,
                         .n_inputs = n,
                         .max_outputs = CT_MAX_OUTPUTS,
                         .op = op,
                         .attributes = attributes};
}

/* Outputs of a run that a gradient can start from, with their cotangents. */
static int choose_roots(ct_tensor *const *outputs, ct_tensor *const *cotangents, int m, ct_tensor **roots,
                        ct_tensor **gradients)
{
    int n = 0;
    for (int i = 0; i < m; i++) {
        if (!outputs[i] || !cotangents[i] || !outputs[i]->requires_grad)
            continue;
        roots[n] = outputs[i];
        gradients[n++] = cotangents[i];
    }
    return n;
}

/* inputs: those of first, then one for each cotangent it has; outputs: the gradients of those that first wants. */
static int run_gradient(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    ct__check *first = subject->first;
    const ct__subject *inner = first->subject;
    int n = first->n, m_max = inner->max_outputs, count = 0, v = n, wanted = 0;
    bool create = false;
    size_t bytes = (size_t)(n * 2 + m_max * 4) * sizeof(ct_tensor *);
    ct_tensor **block = ct__alloc(bytes);
    if (!block) {
        ct__no_memory("gradcheck");
        return -1;
    }
    ct_tensor **leaves = block, **results = leaves + n, **made = results + n, **cotangents = made + m_max,
              **roots = cotangents + m_max, **gradients = roots + m_max;
    for (int i = 0; i < subject->n_inputs; i++)
        create |= inputs[i] && inputs[i]->requires_grad;
    for (int i = 0; i < m_max; i++)
        cotangents[i] = first->cotangents[i] ? inputs[v++] : NULL;
    for (int i = 0; i < n; i++) {
        if (!first->wanted[i])
            continue;
        inputs[i]->requires_grad = true;
        leaves[wanted++] = inputs[i];
    }
    int m = inner->run(inner, inputs, made);
    int n_roots = m < 0 ? 0 : choose_roots(made, cotangents, m, roots, gradients);
    for (int i = 0; i < wanted; i++)
        results[i] = NULL;
    if (m >= 0 && n_roots > 0) {
        ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = gradients, .create_graph = create,
                                   .allow_unused = true};
        if (ct_grad(roots, n_roots, leaves, wanted, results, &options) != CT_OK)
            m = -1;
    }
    for (int i = 0; i < wanted; i++) {
        outputs[count++] = results[i];
        leaves[i]->requires_grad = create;
    }
    ct__free(block, bytes);
    return m < 0 ? -1 : count;
}

ct__subject ct__subject_gradient(ct__check *first)
{
    int n = first->n, outputs = 0;
    for (int i = 0; i < first->subject->max_outputs; i++)
        n += first->cotangents[i] != NULL;
    for (int i = 0; i < first->n; i++)
        outputs += first->wanted[i];
    return (ct__subject){.run = run_gradient,
                         .name = first->subject->name,
                         .n_inputs = n,
                         .max_outputs = outputs,
                         .records = true,
                         .shares = first->subject->shares,
                         .op = first->subject->op,
                         .first = first};
}

static uint64_t checksum_all(ct_tensor *const *tensors, int n)
{
    uint64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum = sum * 31 + ct__checksum(tensors[i]);
    return sum;
}

/* ---- opening a check ---- */

#define CHANGES_INPUTS \
    "the forward changes its inputs, which others may have saved: it writes where it should only read"

void ct__check_seed(const ct__check *check)
{
    ct_seed(check->options->seed * 2 + 1);
}

static ct_status allocate(ct__check *check, int n, int m_max)
{
    size_t tensors = (size_t)(n * 2 + m_max * 2) * sizeof(ct_tensor *);
    check->bytes = tensors + (size_t)n * sizeof(bool) + 1;
    check->block = ct__alloc(check->bytes);
    if (!check->block)
        return ct__no_memory("gradcheck");
    memset(check->block, 0, check->bytes);
    check->x = check->block;
    check->analytic = check->x + n;
    check->cotangents = check->analytic + n;
    check->outputs = check->cotangents + m_max;
    check->wanted = (bool *)check->block + tensors / sizeof(bool);
    return CT_OK;
}

static ct_status copy_inputs(ct__check *check, ct_tensor *const *inputs, const bool *wanted)
{
    check->was_float32 = true;
    for (int i = 0; i < check->n; i++) {
        if (!inputs[i])
            continue;
        bool is_float = ct__is_float(inputs[i]);
        check->x[i] = ct__copy_as(inputs[i], is_float ? CT_FLOAT64 : (ct_dtype)inputs[i]->dtype);
        if (!check->x[i])
            return ct_error_code();
        check->wanted[i] = is_float && (!wanted || wanted[i]);
        if (is_float && inputs[i]->dtype != CT_FLOAT32)
            check->was_float32 = false;
    }
    return CT_OK;
}

/* Standard normal, and exact in float32 so that a float32 run gets the same. */
ct_status ct__draw_cotangents(ct__check *check, ct_tensor **out)
{
    ct_random_set(check->stream);
    for (int i = 0; i < check->m; i++) {
        const ct_tensor *like = check->cotangents[i];
        out[i] = NULL;
        if (!like)
            continue;
        ct_tensor *g = ct_randn(CT_FLOAT64, 0, 1, like->shape, like->rank);
        if (!g)
            return ct_error_code();
        for (int64_t k = 0; k < g->numel; k++)
            ct__doubles(g)[k] = (float)ct__doubles(g)[k];
        out[i] = g;
    }
    check->stream = ct_random_get();
    return CT_OK;
}

/* One unrecorded run: a checksum of all outputs and, if like is not NULL, tensors of the float outputs' shapes there. */
static ct_status dry_run(ct__check *check, uint64_t *checksum, ct_tensor **like)
{
    const ct__subject *subject = check->subject;
    ct_scope scope;
    ct__scope_push(&scope);
    uint64_t inputs = checksum_all(check->x, check->n);
    ct__check_seed(check);
    if (!subject->records)
        ct_no_grad_begin();
    check->m = subject->run(subject, check->x, check->outputs);
    if (!subject->records)
        ct_no_grad_end();
    if (inputs != checksum_all(check->x, check->n))
        ct__report_fault(check->report, "unchanged", -1, CHANGES_INPUTS);
    check->report->evaluations++;
    *checksum = 0;
    ct_status status = check->m < 0 ? ct_error_code() : CT_OK;
    for (int i = 0; i < check->m; i++) {
        const ct_tensor *out = check->outputs[i];
        *checksum = *checksum * 31 + ct__checksum(out);
        if (out && out->dtype == CT_FLOAT32)
            check->unit = FLT_EPSILON / 2;
        if (like && ct__is_float(out) && status == CT_OK) {
            like[i] = ct__tensor_new(CT_FLOAT64, out->shape, out->rank, "gradcheck");
            if (like[i])
                ct_scope_return(like[i]);
            else
                status = ct_error_code();
        }
    }
    ct__scope_pop(&scope);
    return status;
}

ct_status ct__check_open(ct__check *check, const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                         const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    *check = (ct__check){.subject = subject,
                         .options = options,
                         .report = report,
                         .order = 1,
                         .n = subject->n_inputs,
                         .unit = DBL_EPSILON / 2};
    ct_seed(options->seed * 2);
    check->stream = ct_random_get();
    ct_status status = allocate(check, check->n, subject->max_outputs);
    if (status == CT_OK)
        status = copy_inputs(check, inputs, wanted);
    uint64_t first, second;
    if (status == CT_OK)
        status = dry_run(check, &first, check->cotangents);
    if (status == CT_OK)
        status = dry_run(check, &second, NULL);
    if (status != CT_OK)
        return status;
    if (first != second && report->verdict != CT_FAIL) {
        ct__report_raise(report, CT_NONDETERMINISTIC);
        snprintf(report->cause, sizeof report->cause,
                 "two runs from the same inputs and the same seed gave different results");
        report->check = "repeat";
    }
    return ct__draw_cotangents(check, check->cotangents);
}

void ct__check_close(ct__check *check)
{
    ct__free(check->block, check->bytes);
    check->block = NULL;
}

/* ---- the computed gradient ---- */

/* Gradients of at most CT_MAX_INPUTS roots, added into grads. */
static ct_status add_gradients(ct__check *check, ct_tensor **roots, ct_tensor **gradients, int n_roots,
                               ct_tensor **leaves, ct_tensor **results, const int *place, int wanted, ct_tensor **grads)
{
    ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = gradients, .retain_graph = true,
                               .allow_unused = true};
    if (ct_grad(roots, n_roots, leaves, wanted, results, &options) != CT_OK)
        return ct_error_code();
    for (int k = 0; k < wanted; k++) {
        const ct_tensor *grad = results[k];
        if (!grad)
            continue;
        if (!ct__same_shape(grad, leaves[k]) || grad->dtype != leaves[k]->dtype) {
            ct__report_fault(check->report, "shape", place[k],
                             "the gradient has another shape or dtype than its input");
            continue;
        }
        const ct_tensor *copy = ct__copy_as(grad, (ct_dtype)grad->dtype);
        if (!copy)
            return ct_error_code();
        for (int64_t e = 0; e < copy->numel; e++) {
            if (copy->dtype == CT_FLOAT64)
                ct__doubles(grads[place[k]])[e] += ct__doubles(copy)[e];
            else
                ((float *)(void *)ct__ptr(grads[place[k]]))[e] += ((float *)(void *)ct__ptr(copy))[e];
        }
    }
    return CT_OK;
}

/* What a recorded run keeps must not change until it has been used. */
static uint64_t saved_checksum(ct_tensor *const *roots, int n_roots)
{
    struct ct_node *nodes[CT_MAX_INPUTS];
    ct_order order = {0};
    uint64_t sum = 0;
    for (int i = 0; i < n_roots; i++)
        nodes[i] = roots[i]->node;
    if (ct__order_begin(&order, nodes, n_roots) != CT_OK)
        order.count = 0;
    for (int64_t k = 0; k < order.count; k++)
        for (int i = 0; i < order.nodes[k]->n_inputs + order.nodes[k]->n_outputs; i++)
            sum = sum * 31 + ct__checksum(order.nodes[k]->saved[i].tensor);
    ct__order_end(&order);
    return sum;
}

/* Grads start as zeros. */
static ct_status zero_grads(const ct__check *check, ct_tensor *const *x, const bool *wanted, ct_tensor **grads)
{
    for (int i = 0; i < check->n; i++) {
        grads[i] = wanted[i] ? ct__tensor_new((ct_dtype)x[i]->dtype, x[i]->shape, x[i]->rank, "gradcheck") : NULL;
        if (wanted[i] && !grads[i])
            return ct_error_code();
        if (wanted[i])
            memset(ct__ptr(grads[i]), 0, (size_t)x[i]->numel * ct_dtype_size((ct_dtype)x[i]->dtype));
    }
    return CT_OK;
}

static void watch(const ct__check *check, bool changed, const char *what)
{
    if (changed)
        ct__report_fault(check->report, "unchanged", -1, "%s", what);
}

/* Runs and differentiates within the caller's scope; arrays has room for n leaves, n results, and 3 max_outputs. */
static ct_status run_and_differentiate(ct__check *check, ct_tensor *const *x, const bool *wanted,
                                       ct_tensor *const *cotangents, ct_tensor **grads, ct_tensor **arrays, int *place)
{
    const ct__subject *subject = check->subject;
    ct_tensor **leaves = arrays, **results = leaves + check->n, **outputs = results + check->n,
              **roots = outputs + subject->max_outputs, **gradients = roots + subject->max_outputs;
    bool unchanged = check->options->checks & CT_CHECK_UNCHANGED;
    int n_wanted = 0;
    for (int i = 0; i < check->n; i++) {
        if (!wanted[i])
            continue;
        x[i]->requires_grad = true;
        leaves[n_wanted] = x[i];
        place[n_wanted++] = i;
    }
    uint64_t before = unchanged ? checksum_all(x, check->n) : 0;
    ct__check_seed(check);
    int m = subject->run(subject, x, outputs);
    if (m < 0)
        return ct_error_code();
    if (unchanged)
        watch(check, before != checksum_all(x, check->n),
              "the forward changes its inputs: it writes where it should only read");
    int n_roots = n_wanted ? choose_roots(outputs, cotangents, m, roots, gradients) : 0;
    for (int at = 0; at < n_roots; at += CT_MAX_INPUTS) {
        int count = n_roots - at < CT_MAX_INPUTS ? n_roots - at : CT_MAX_INPUTS;
        uint64_t g = unchanged ? checksum_all(gradients + at, count) : 0,
                 saved = unchanged ? saved_checksum(roots + at, count) : 0;
        ct_status status =
            add_gradients(check, roots + at, gradients + at, count, leaves, results, place, n_wanted, grads);
        if (status != CT_OK)
            return status;
        if (!unchanged)
            continue;
        watch(check, g != checksum_all(gradients + at, count),
              "the backward changes the cotangent it is given: others may still need it");
        watch(check, before != checksum_all(x, check->n), "the backward changes an input of the forward");
        watch(check, saved != saved_checksum(roots + at, count),
              "the backward changes a saved tensor: a second backward would be wrong");
    }
    return CT_OK;
}

ct_status ct__vjp(ct__check *check, ct_tensor *const *x, const bool *wanted, ct_tensor *const *cotangents,
                  ct_tensor **grads)
{
    ct_status status = zero_grads(check, x, wanted, grads);
    size_t tensors = (size_t)(check->n * 2 + check->subject->max_outputs * 3) * sizeof(ct_tensor *);
    size_t bytes = tensors + (size_t)check->n * sizeof(int);
    ct_tensor **arrays = ct__alloc(bytes);
    if (status == CT_OK && !arrays)
        status = ct__no_memory("gradcheck");
    int depth = ct__no_grad_depth(0);
    ct_scope scope;
    ct__scope_push(&scope);
    if (status == CT_OK)
        status = run_and_differentiate(check, x, wanted, cotangents, grads, arrays,
                                       (int *)(void *)((char *)arrays + tensors));
    ct__scope_pop(&scope);
    ct__no_grad_depth(depth);
    for (int i = 0; i < check->n; i++)
        if (x[i])
            x[i]->requires_grad = false;
    ct__free(arrays, bytes);
    return status;
}

ct_status ct__check_gradient(ct__check *check)
{
    ct_status status = ct__vjp(check, check->x, check->wanted, check->cotangents, check->analytic);
    for (int i = 0; i < check->n && status == CT_OK; i++)
        if (check->analytic[i] && !ct__all_finite(check->analytic[i]))
            ct__report_fault(check->report, "finite", i, "the gradient is not finite (NaN or infinity)");
    return status;
}

/* ---- one subject, all of it ---- */

static ct_status check_second_order(ct__check *first)
{
    ct__subject subject = ct__subject_gradient(first);
    size_t tensors = (size_t)subject.n_inputs * sizeof(ct_tensor *),
           bytes = tensors + (size_t)subject.n_inputs * sizeof(bool);
    ct_tensor **inputs = ct__alloc(bytes);
    if (!inputs)
        return ct__no_memory("gradcheck");
    bool *wanted = (bool *)inputs + tensors / sizeof(bool);
    int n = first->n;
    for (int i = 0; i < n; i++) {
        inputs[i] = first->x[i];
        wanted[i] = first->wanted[i];
    }
    for (int i = 0; i < first->subject->max_outputs; i++) {
        if (!first->cotangents[i])
            continue;
        wanted[n] = true;
        inputs[n++] = first->cotangents[i];
    }
    ct__check second;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__check_open(&second, &subject, inputs, wanted, first->options, first->report);
    second.order = 2;
    second.sample = first->sample;
    if (status == CT_OK && first->report->verdict != CT_NONDETERMINISTIC) {
        status = ct__check_gradient(&second);
        if (status == CT_OK)
            status = ct__check_numeric(&second);
    }
    ct__check_close(&second);
    ct__scope_pop(&scope);
    ct__free(inputs, bytes);
    return status;
}

/* With value, the whole; otherwise only what does not measure. */
static ct_status check_all(ct__check *check, bool value)
{
    ct_status status = ct__check_gradient(check);
    if (status == CT_OK)
        status = ct__check_structure(check);
    if (status == CT_OK && check->subject->op)
        status = ct__check_op_structure(check);
    if (status == CT_OK && value)
        status = ct__check_numeric(check);
    if (status == CT_OK && check->options->checks & CT_CHECK_FLOAT32)
        status = ct__check_float32(check);
    if (status == CT_OK && value && check->options->order == 2)
        status = check_second_order(check);
    return status;
}

static ct_status check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                               const ct_gradcheck_options *options, ct_gradcheck_report *report, bool value)
{
    ct__check check;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__check_open(&check, subject, inputs, wanted, options, report);
    check.sample = sample;
    bool any = false;
    for (int i = 0; i < check.n && status == CT_OK; i++)
        any |= check.wanted[i];
    if (status == CT_OK && any && report->verdict != CT_NONDETERMINISTIC)
        status = check_all(&check, value);
    ct__check_close(&check);
    ct__scope_pop(&scope);
    return status;
}

ct_status ct__check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                            const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    return check_subject(subject, inputs, wanted, sample, options, report, true);
}

ct_status ct__check_subject_structure(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                                      const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    return check_subject(subject, inputs, wanted, 0, options, report, false);
}

/* ---- the public calls ---- */

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
        {"order", o->order, o->order == 1 || o->order == 2},
        {"probes", o->probes, o->probes >= 1},
        {"step", o->step, o->step > 0 && isfinite(o->step)},
        {"safety", o->safety, o->safety >= 0},
        {"absolute", o->absolute, o->absolute >= 0},
        {"float32_tolerance", o->float32_tolerance, o->float32_tolerance >= 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!rows[i].good)
            return ct__error(CT_ERROR_ARGUMENT, "gradcheck: %s out of range: %g", rows[i].name, rows[i].value);
    return CT_OK;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What surrounds every check: the generator, recording, the clock, and a report of its own if none is given. */
typedef struct session {
    ct_gradcheck_report *report, own;
    ct_gradcheck_options options;
    ct_random_state generator;
    int no_grad_depth;
    double start;
} session;

static ct_status session_begin(session *s, ct_gradcheck_report *report, const char *subject,
                               const ct_gradcheck_options *options)
{
    *s = (session){.generator = ct_random_get(), .start = seconds_now()};
    s->report = report ? report : &s->own;
    report_begin(s->report, subject);
    s->no_grad_depth = ct__no_grad_depth(0);
    return read_options(&s->options, options);
}

static ct_verdict session_end(session *s, ct_status status)
{
    ct__no_grad_depth(s->no_grad_depth);
    ct_random_set(s->generator);
    s->report->seconds = seconds_now() - s->start;
    if (status != CT_OK) {
        s->report->verdict = CT_VACUOUS;
        snprintf(s->report->cause, sizeof s->report->cause, "%s", ct_error_message());
    }
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
        ct__subject subject = ct__subject_function(fn, user, n);
        uint64_t before = checksum_all(inputs, n);
        status = check(&subject, inputs, wanted, 0, &s.options, s.report);
        if (status == CT_OK && before != checksum_all(inputs, n))
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
        status = ct__check_subject(&subject, inputs, wanted, sample, options, report);
    }
    if (status == CT_OK && options->checks & CT_CHECK_SIZES)
        status = ct__check_op_sizes(op, &op->samples[sample], options, report);
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
        status = check_sample(op, i, &s.options, s.report);
    if (status == CT_OK && s.report->verdict >= CT_NONDETERMINISTIC)
        s.report->op = op->name;
    return session_end(&s, status);
}
