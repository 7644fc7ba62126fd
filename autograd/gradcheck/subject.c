/* What is under test. Invariant: a run makes its results in the current scope and leaves its inputs as they were. */
#include "subject.h"
#include <string.h>

static int call_function(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    static const ct_op function = {.name = "the checked function"};
    ct_call call = {
        .op = &function, .thread = ct__here(), .inputs = inputs, .n_inputs = subject->n_inputs, .may_write = true};
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

/* The same with recording on, where inputs of its own stand for those that are checked and ask for no gradient here; if none asks, the
 * result is outside of that graph. */
static int call_recorded(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    size_t bytes = (size_t)subject->n_inputs * sizeof(ct_tensor *);
    ct_tensor **leaves = ct__alloc(bytes);
    if (!leaves) {
        ct__no_memory("gradcheck");
        return -1;
    }
    int depth = ct__no_grad_depth(0);
    bool any = false;
    for (int i = 0; i < subject->n_inputs; i++) {
        bool asks = inputs[i] && inputs[i]->requires_grad, own = !asks && subject->wanted[i] && ct__is_float(inputs[i]);
        leaves[i] = own ? ct_set_requires_grad(ct_detach(inputs[i]), true) : inputs[i];
        any |= asks;
    }
    int m = ct_error_code() == CT_OK ? call_function(subject, leaves, outputs) : -1;
    if (m > 0 && !any)
        outputs[0] = ct_detach(outputs[0]);
    ct__no_grad_depth(depth);
    ct__free(leaves, bytes);
    return m > 0 && !outputs[0] ? -1 : m;
}

static int run_function(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    return subject->differentiates ? call_recorded(subject, inputs, outputs) : call_function(subject, inputs, outputs);
}

/* The record takes float32 at input i, and no float64. */
static bool only_float32(const ct_op *op, int i)
{
    unsigned set = CT_FLOATS;
    for (int k = 0; k <= i && k < CT_TAKES; k++)
        set = op->takes[k] ? op->takes[k] : set;
    return set & CT_ONLY(CT_FLOAT32) && !(set & CT_ONLY(CT_FLOAT64));
}

/* A record for float32 alone gets its inputs rounded to that: its results jump from one number to the next, which the measurement sees
 * as noise. */
static int run_op(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    const ct_op *op = subject->op;
    ct_tensor *x[CT_MAX_INPUTS];
    for (int i = 0; i < subject->n_inputs; i++) {
        bool narrow = inputs[i] && inputs[i]->dtype == CT_FLOAT64 && only_float32(op, i);
        x[i] = narrow ? ct__engine_ops.cast(inputs[i], CT_FLOAT32) : inputs[i];
        if (narrow && !x[i])
            return -1;
    }
    return ct_apply_multi(op, x, subject->n_inputs, subject->attributes, outputs) == CT_OK
               ? op->outputs ? op->outputs : 1
               : -1;
}

ct_status ct__subject_function(ct__subject *subject, ct_function fn, void *user, ct_tensor *const *inputs, int n,
                               const bool *wanted)
{
    ct_tensor *result;
    *subject = (ct__subject){.run = run_function,
                             .name = "function",
                             .n_inputs = n,
                             .max_outputs = 1,
                             .shares = true,
                             .fn = fn,
                             .user = user,
                             .wanted = wanted};
    uint64_t before = ct__walks();
    ct_scope scope;
    ct__scope_push(&scope);
    int m = call_recorded(subject, inputs, &result);
    ct__scope_pop(&scope);
    subject->differentiates = ct__walks() != before;
    return m < 0 ? ct_error_code() : CT_OK;
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

ct_tensor *ct__as_cotangent(ct_tensor *cotangent, const ct_tensor *result)
{
    return cotangent->dtype == result->dtype ? cotangent : ct__engine_ops.cast(cotangent, (ct_dtype)result->dtype);
}

int ct__choose_roots(ct_tensor *const *outputs, ct_tensor *const *cotangents, int m, ct_tensor **roots,
                     ct_tensor **gradients)
{
    int n = 0;
    for (int i = 0; i < m; i++) {
        if (!outputs[i] || !cotangents[i] || !outputs[i]->requires_grad)
            continue;
        roots[n] = outputs[i];
        gradients[n] = ct__as_cotangent(cotangents[i], outputs[i]);
        if (!gradients[n++])
            return -1;
    }
    return n;
}

/* inputs: those of inner, then one for each cotangent; outputs: the gradients of those that are wanted. */
static int run_gradient(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs)
{
    const ct__subject *inner = subject->inner;
    int n = inner->n_inputs, m_max = inner->max_outputs, count = 0, v = n, wanted = 0;
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
        cotangents[i] = subject->cotangents[i] ? inputs[v++] : NULL;
    for (int i = 0; i < n; i++) {
        if (!subject->wanted[i])
            continue;
        inputs[i]->requires_grad = true;
        leaves[wanted++] = inputs[i];
    }
    int m = inner->run(inner, inputs, made);
    int n_roots = m < 0 ? -1 : ct__choose_roots(made, cotangents, m, roots, gradients);
    for (int i = 0; i < wanted; i++)
        results[i] = NULL;
    m = n_roots < 0 ? -1 : m;
    if (n_roots > 0) {
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

ct__subject ct__subject_gradient(const ct__subject *inner, const bool *wanted, ct_tensor *const *cotangents)
{
    int n = inner->n_inputs, outputs = 0;
    for (int i = 0; i < inner->max_outputs; i++)
        n += cotangents[i] != NULL;
    for (int i = 0; i < inner->n_inputs; i++)
        outputs += wanted[i];
    return (ct__subject){.run = run_gradient,
                         .name = inner->name,
                         .n_inputs = n,
                         .max_outputs = outputs,
                         .records = true,
                         .shares = inner->shares,
                         .op = inner->op,
                         .sample_text = inner->sample_text,
                         .inner = inner,
                         .wanted = wanted,
                         .cotangents = cotangents};
}
