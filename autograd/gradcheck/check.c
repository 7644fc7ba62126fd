/* One check: its inputs, its cotangents, and its computed gradient. Invariant: see check.h. */
#include "check.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* ---- opening a check ---- */

#define CHANGES_INPUTS \
    "the forward changes its inputs, which others may have saved: it writes where it should only read"

void ct__check_seed(const ct__check *check)
{
    ct_seed(check->options->seed * 2 + 1);
}

static ct_status allocate(ct__check *check, int n, int m_max)
{
    size_t tensors = (size_t)(n * 3 + m_max * 2) * sizeof(ct_tensor *);
    check->bytes = tensors + (size_t)n * sizeof(bool) + 1;
    check->block = ct__alloc(check->bytes);
    if (!check->block)
        return ct__no_memory("gradcheck");
    memset(check->block, 0, check->bytes);
    check->x = check->block;
    check->analytic = check->x + n;
    check->cotangents = check->analytic + n;
    check->outputs = check->cotangents + m_max;
    check->noise = check->outputs + m_max;
    check->wanted = (bool *)(check->noise + n);
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
        check->noise[i] = check->wanted[i] ? ct_zeros_like(check->x[i]) : NULL;
        if (check->wanted[i] && !check->noise[i])
            return ct_error_code();
        if (is_float && inputs[i]->dtype != CT_FLOAT32)
            check->was_float32 = false;
    }
    return CT_OK;
}

/* Standard normal numbers on a grid, times a power of two: in float32 they are the same, and so are sums and halves of them. */
ct_status ct__draw_cotangents(ct__check *check, ct_tensor **out)
{
    enum { GRID = 16 }; /* 2^-GRID apart */
    ct_random_set(check->stream);
    int gain = check->subject->gain - GRID;
    for (int i = 0; i < check->m; i++) {
        const ct_tensor *like = check->cotangents[i];
        out[i] = NULL;
        if (!like)
            continue;
        ct_tensor *g = ct_randn(CT_FLOAT64, 0, 1, like->shape, like->rank);
        if (!g)
            return ct_error_code();
        for (int64_t k = 0; k < g->numel; k++)
            ct__doubles(g)[k] = ldexp(rint(ldexp(ct__doubles(g)[k], GRID)), gain);
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
    uint64_t inputs = ct__checksum_all(check->x, check->n);
    ct__check_seed(check);
    if (!subject->records)
        ct_no_grad_begin();
    check->m = subject->run(subject, check->x, check->outputs);
    if (!subject->records)
        ct_no_grad_end();
    if (inputs != ct__checksum_all(check->x, check->n))
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
    if (first != second && report->verdict != CT_FAIL)
        ct__report_nondeterministic(report);
    return ct__draw_cotangents(check, check->cotangents);
}

ct_status ct__check_repeats(ct__check *check)
{
    uint64_t first, next;
    ct_status status = dry_run(check, &first, NULL);
    for (int i = 0; i < CT__RUNS && status == CT_OK; i++) {
        status = dry_run(check, &next, NULL);
        if (status == CT_OK && next != first) {
            ct__report_nondeterministic(check->report);
            break;
        }
    }
    return status;
}

/* Into inputs and wanted: those of first, then its cotangents. */
static void gradient_inputs(const ct__check *first, ct_tensor **inputs, bool *wanted)
{
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
}

ct_status ct__check_open_gradient(ct__check *next, const ct__subject *subject, const ct__check *first)
{
    size_t tensors = (size_t)subject->n_inputs * sizeof(ct_tensor *),
           bytes = tensors + (size_t)subject->n_inputs * sizeof(bool);
    ct_tensor **inputs = ct__alloc(bytes);
    *next = (ct__check){0};
    if (!inputs)
        return ct__no_memory("gradcheck");
    bool *wanted = (bool *)inputs + tensors / sizeof(bool);
    gradient_inputs(first, inputs, wanted);
    ct_status status = ct__check_open(next, subject, inputs, wanted, first->options, first->report);
    next->order = first->order + 1;
    next->sample = first->sample;
    next->usual = ct__largest_of(first->cotangents, first->m) * ct__largest_of(next->cotangents, next->m);
    ct__free(inputs, bytes);
    return status;
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

/* Calls the subject on what check->then has, recorded as well. */
static ct_status call_again(const ct__check *check, const bool *wanted)
{
    size_t bytes = (size_t)check->subject->max_outputs * sizeof(ct_tensor *);
    ct_tensor **outputs = ct__alloc(bytes);
    if (!outputs)
        return ct__no_memory("gradcheck");
    for (int i = 0; i < check->n; i++)
        if (wanted[i])
            check->then[i]->requires_grad = true;
    check->subject->run(check->subject, check->then, outputs);
    ct__free(outputs, bytes);
    return ct_error_code();
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
    uint64_t before = unchanged ? ct__checksum_all(x, check->n) : 0;
    ct__check_seed(check);
    int m = subject->run(subject, x, outputs);
    if (m < 0)
        return ct_error_code();
    if (unchanged)
        watch(check, before != ct__checksum_all(x, check->n),
              "the forward changes its inputs: it writes where it should only read");
    if (check->then && call_again(check, wanted) != CT_OK)
        return ct_error_code();
    int n_roots = n_wanted ? ct__choose_roots(outputs, cotangents, m, roots, gradients) : 0;
    if (n_roots < 0)
        return ct_error_code();
    for (int at = 0; at < n_roots; at += CT_MAX_INPUTS) {
        int count = n_roots - at < CT_MAX_INPUTS ? n_roots - at : CT_MAX_INPUTS;
        uint64_t g = unchanged ? ct__checksum_all(gradients + at, count) : 0,
                 saved = unchanged ? saved_checksum(roots + at, count) : 0;
        ct_status status =
            add_gradients(check, roots + at, gradients + at, count, leaves, results, place, n_wanted, grads);
        if (status != CT_OK)
            return status;
        if (!unchanged)
            continue;
        watch(check, g != ct__checksum_all(gradients + at, count),
              "the backward changes the cotangent it is given: others may still need it");
        watch(check, before != ct__checksum_all(x, check->n), "the backward changes an input of the forward");
        watch(check, saved != saved_checksum(roots + at, count),
              "the backward changes a saved tensor: a second backward would be wrong");
    }
    return ct_error_code(); /* where there was no memory for a sum, nothing is known */
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
        if (check->analytic[i] && !check->subject->lenient && !ct__all_finite(check->analytic[i]))
            ct__report_fault(check->report, "finite", i, "the gradient is not finite (NaN or infinity)");
    return status;
}
