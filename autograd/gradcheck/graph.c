/* Where the bug is: every node of a recorded graph alone, on the inputs it had; and if all are right and the whole is not, the
 * engine's gradients against those of a backward pass of the checker's own.
 *
 * Invariant: the first culprit in the order of the forward pass is the one reported; what comes after it may only look wrong. */
#include "graph.h"
#include "whole.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FULL_ELEMENTS = 256,      /* a node with so many is checked element by element even in fast mode, */
    FULL_ELEMENTS_MAX = 4096, /* and one with more than this is not even in full mode */
};

/* The graph of one recorded run, all inputs of its nodes saved. */
typedef struct recording {
    ct_tensor *root;
    ct_tensor **leaves;     /* the subject's inputs, n of them */
    struct ct_node **nodes; /* in the order of the backward pass */
    int64_t count;
    size_t nodes_bytes, leaves_bytes;
} recording;

static ct_status record(recording *r, const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                        const ct_gradcheck_options *options)
{
    ct__check seeding = {.options = options};
    *r = (recording){.leaves_bytes = (size_t)subject->n_inputs * sizeof(ct_tensor *)};
    r->leaves = ct__alloc(r->leaves_bytes);
    if (!r->leaves)
        return ct__no_memory("gradcheck");
    for (int i = 0; i < subject->n_inputs; i++) {
        bool is_float = ct__is_float(inputs[i]);
        r->leaves[i] = ct__copy_as(inputs[i], is_float ? CT_FLOAT64 : (ct_dtype)inputs[i]->dtype);
        if (!r->leaves[i])
            return ct_error_code();
        r->leaves[i]->requires_grad = is_float && wanted[i];
    }
    ct__check_seed(&seeding);
    bool before = ct__record_all_inputs(true);
    int outputs = subject->run(subject, r->leaves, &r->root);
    ct__record_all_inputs(before);
    if (outputs < 0)
        return ct_error_code();
    if (!r->root->node)
        return CT_OK;
    r->count = ct_graph_nodes(r->root, NULL, 0);
    if (r->count < 0)
        return ct_error_code();
    r->nodes_bytes = (size_t)r->count * sizeof *r->nodes;
    r->nodes = ct__alloc(r->nodes_bytes);
    if (!r->nodes)
        return ct__no_memory("gradcheck");
    return ct_graph_nodes(r->root, r->nodes, r->count) < 0 ? ct_error_code() : CT_OK;
}

static void blame(ct_gradcheck_report *report, const recording *r, int64_t k)
{
    const struct ct_node *node = r->nodes[k];
    report->op = node->op->name;
    report->node = r->count - 1 - k;
    report->file = node->file;
    report->line = node->line;
    report->region = ct_node_region(node);
}

/* ---- one node alone ---- */

static void take_over(ct_gradcheck_report *report, ct_gradcheck_report *found)
{
    ct__free(report->tensors, report->bytes_);
    report->tensors = found->tensors;
    report->n_tensors = found->n_tensors;
    report->bytes_ = found->bytes_;
    report->verdict = found->verdict;
    report->check = found->check;
    report->argument = found->argument;
    report->notes_ratio = found->notes_ratio;
    report->notes_noise = found->notes_noise;
    report->unexplained = found->unexplained;
    memcpy(report->cause, found->cause, sizeof report->cause);
    found->tensors = NULL;
    found->bytes_ = 0;
}

static ct_gradcheck_options node_options(const struct ct_node *node, const bool *wanted,
                                         const ct_gradcheck_options *options)
{
    ct_gradcheck_options o = *options;
    int64_t elements = 0;
    for (int i = 0; i < node->n_inputs; i++)
        elements += wanted[i] ? node->saved[i].tensor->numel : 0;
    if (elements <= FULL_ELEMENTS)
        o.mode = CT_FULL;
    else if (elements > FULL_ELEMENTS_MAX)
        o.mode = CT_FAST;
    o.parallel = false;
    /* Forks are the engine's business here, and the samples' sizes and float32 that of ct_gradcheck_op. */
    o.checks &=
        ~(unsigned)(CT_CHECK_FORKS | CT_CHECK_FLOAT32 | CT_CHECK_SIZES | CT_CHECK_VARIATIONS | CT_CHECK_THREADS);
    return o;
}

static ct_status replay(const recording *r, int64_t k, const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    const struct ct_node *node = r->nodes[k];
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS];
    for (int i = 0; i < node->n_inputs; i++) {
        inputs[i] = node->saved[i].tensor;
        wanted[i] = inputs[i] && (node->edges[i].node || node->edges[i].leaf);
    }
    ct_gradcheck_options o = node_options(node, wanted, options);
    ct__subject subject = ct__subject_op(node->op, ct__node_attributes(node), node->n_inputs);
    ct_gradcheck_report found = {.check = "", .op = "", .notes_ratio = NAN};
    ct_status status = ct__check_subject(&subject, inputs, wanted, 0, &o, &found);
    report->nodes++;
    report->evaluations += found.evaluations;
    report->structural += found.structural;
    report->elements += found.elements;
    report->bad += found.bad;
    report->kinks += found.kinks;
    report->inconclusive += found.inconclusive;
    if (status == CT_OK && found.verdict >= CT_NONDETERMINISTIC) {
        take_over(report, &found);
        blame(report, r, k);
    }
    ct_gradcheck_report_free(&found);
    return status;
}

/* Does the producer of a saved tensor, run again on what it saved, still give that tensor? Operations that draw random numbers
 * are left out. */
static bool still_its_result(const struct ct_node *producer, const ct_tensor *saved)
{
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
    for (int i = 0; i < producer->n_inputs; i++)
        inputs[i] = producer->saved[i].tensor;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_no_grad_begin();
    ct_random_state before = ct_random_get();
    ct_status status = ct_apply_multi(producer->op, inputs, producer->n_inputs, ct__node_attributes(producer), outputs);
    ct_random_state after = ct_random_get();
    ct_no_grad_end();
    bool drew = before.seed != after.seed || before.counter != after.counter;
    bool same = status != CT_OK || drew || ct__checksum(outputs[saved->output]) == ct__checksum(saved);
    ct__scope_pop(&scope);
    return same;
}

static ct_status check_saved(const recording *r, ct_gradcheck_report *report)
{
    for (int64_t k = r->count - 1; k >= 0; k--) {
        const struct ct_node *node = r->nodes[k];
        for (int i = 0; i < node->n_inputs; i++) {
            const ct_tensor *saved = node->saved[i].tensor;
            if (!saved || !saved->node || still_its_result(saved->node, saved))
                continue;
            ct__report_fault(
                report, "unchanged", i,
                "the input that '%s' saved is no longer what '%s' made of its own inputs: something has overwritten it",
                node->op->name, saved->node->op->name);
            blame(report, r, k);
            return CT_OK;
        }
    }
    return ct_error_code();
}

/* ---- the engine ---- */

/* Gradients of everything inside a recording, twice: the engine's, and those of a backward pass of the checker's own. Output i of
 * node k is at k * CT_MAX_OUTPUTS + i; the leaves come after all nodes. */
typedef struct comparison {
    const recording *r;
    int n_leaves;
    int64_t places;
    ct_tensor **tensors; /* the tensor of each place, NULL if nobody consumes it */
    ct_tensor **engine, **own;
    void *block;
    size_t bytes;
} comparison;

static ct_status comparison_open(comparison *c, const recording *r, int n_leaves)
{
    *c = (comparison){.r = r, .n_leaves = n_leaves, .places = r->count * CT_MAX_OUTPUTS + n_leaves};
    c->bytes = (size_t)c->places * 3 * sizeof(ct_tensor *);
    c->block = ct__alloc(c->bytes);
    if (!c->block)
        return ct__no_memory("gradcheck");
    memset(c->block, 0, c->bytes);
    c->tensors = c->block;
    c->engine = c->tensors + c->places;
    c->own = c->engine + c->places;
    for (int64_t k = 0; k < r->count; k++)
        r->nodes[k]->pending = (int32_t)k; /* free for use while no backward runs */
    for (int64_t k = 0; k < r->count; k++) {
        for (int i = 0; i < r->nodes[k]->n_inputs; i++) {
            ct_tensor *t = r->nodes[k]->saved[i].tensor;
            if (t && t->node && t->requires_grad)
                c->tensors[t->node->pending * CT_MAX_OUTPUTS + t->output] = t;
        }
    }
    for (int i = 0; i < n_leaves; i++)
        if (r->leaves[i]->requires_grad)
            c->tensors[r->count * CT_MAX_OUTPUTS + i] = r->leaves[i];
    return CT_OK;
}

static ct_status engine_gradients(comparison *c, ct_tensor *g)
{
    size_t bytes = (size_t)c->places * 2 * sizeof(ct_tensor *);
    ct_tensor **inputs = ct__alloc(bytes);
    if (!inputs)
        return ct__no_memory("gradcheck");
    ct_tensor **results = inputs + c->places;
    int n = 0;
    for (int64_t p = 0; p < c->places; p++)
        if (c->tensors[p])
            inputs[n++] = c->tensors[p];
    ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = &g, .retain_graph = true,
                               .allow_unused = true};
    ct_status status = ct_grad(&c->r->root, 1, inputs, n, results, &options);
    n = 0;
    for (int64_t p = 0; status == CT_OK && p < c->places; p++)
        if (c->tensors[p])
            c->engine[p] = results[n++];
    ct__free(inputs, bytes);
    return status;
}

static ct_status add_own(comparison *c, int64_t place, const ct_tensor *grad)
{
    const ct_tensor *copy = ct__copy_as(grad, CT_FLOAT64);
    if (!copy)
        return ct_error_code();
    if (!c->own[place]) {
        c->own[place] = (ct_tensor *)copy;
        return CT_OK;
    }
    for (int64_t e = 0; e < copy->numel; e++)
        ct__doubles(c->own[place])[e] += ct__doubles(copy)[e];
    return CT_OK;
}

/* Where input i of node came from, or -1. */
static int64_t place_of(const comparison *c, const struct ct_node *node, int i)
{
    const ct_edge *edge = &node->edges[i];
    if (edge->node)
        return (int64_t)edge->node->pending * CT_MAX_OUTPUTS + edge->output;
    for (int k = 0; edge->leaf && k < c->n_leaves; k++)
        if (c->r->leaves[k] == edge->leaf)
            return c->r->count * CT_MAX_OUTPUTS + k;
    return -1;
}

static ct_status own_step(comparison *c, int64_t k)
{
    struct ct_node *node = c->r->nodes[k];
    ct_tensor *grads[CT_MAX_INPUTS] = {0};
    bool needs[CT_MAX_INPUTS], any = false;
    for (int i = 0; i < node->n_outputs; i++)
        any |= c->own[k * CT_MAX_OUTPUTS + i] != NULL;
    for (int i = 0; i < node->n_inputs; i++)
        needs[i] = place_of(c, node, i) >= 0;
    ct_call call = {.op = node->op,
                    .thread = ct__here(),
                    .attributes = node->attributes,
                    .n_inputs = node->n_inputs,
                    .n_outputs = node->n_outputs,
                    .node = node,
                    .grad_outputs = &c->own[k * CT_MAX_OUTPUTS],
                    .grad_inputs = grads,
                    .needs = needs};
    ct_status status = any ? ct__run_backward(&call) : CT_OK;
    for (int i = 0; status == CT_OK && i < node->n_inputs; i++) {
        const ct_tensor *input = node->saved[i].tensor;
        if (!needs[i] || !grads[i])
            continue;
        ct_tensor *grad =
            ct__same_shape(grads[i], input) ? grads[i] : ct__engine_ops.sum_to(grads[i], input->shape, input->rank);
        status = grad ? add_own(c, place_of(c, node, i), grad) : ct_error_code();
    }
    return status;
}

static ct_status own_gradients(comparison *c, const ct_tensor *g)
{
    for (int64_t k = 0; k < c->r->count; k++) /* ct_grad has used the field */
        c->r->nodes[k]->pending = (int32_t)k;
    ct_status status = add_own(c, (int64_t)c->r->root->node->pending * CT_MAX_OUTPUTS + c->r->root->output, g);
    ct_no_grad_begin();
    for (int64_t k = 0; status == CT_OK && k < c->r->count; k++)
        status = own_step(c, k);
    ct_no_grad_end();
    return status;
}

static bool differ(const ct_tensor *engine, const ct_tensor *own, double size)
{
    const ct_tensor *copy = engine ? ct__copy_as(engine, CT_FLOAT64) : NULL;
    for (int64_t e = 0; own && e < own->numel; e++) {
        double want = ct__doubles(own)[e], got = copy ? ct__doubles(copy)[e] : 0;
        if (!(fabs(got - want) <= 1e-10 * size) && !(isnan(got) && isnan(want)))
            return true;
    }
    return false;
}

/* The first place, in the order of the backward pass, where the two differ: what was gathered there is wrong. */
static void compare(const comparison *c, ct_gradcheck_report *report)
{
    report->cause[0] = '\0';
    report->unexplained = false;
    report->engine = true;
    double size = 0;
    for (int64_t p = 0; p < c->places; p++)
        size = fmax(size, ct__largest(c->own[p]));
    for (int64_t p = 0; p < c->places; p++) {
        if (!c->tensors[p] || !differ(c->engine[p], c->own[p], fmax(ct__largest(c->own[p]), 1e-3 * size)))
            continue;
        int64_t k = p / CT_MAX_OUTPUTS;
        bool leaf = k >= c->r->count;
        ct__report_fault(report, "engine", leaf ? (int)(p - c->r->count * CT_MAX_OUTPUTS) : -1,
                         "the engine's gradient of %s%s%s is not the sum of what its consumers send back: it is "
                         "visited in the wrong "
                         "order, or an edge is lost",
                         leaf ? "this input" : "the result of '", leaf ? "" : c->r->nodes[k]->op->name,
                         leaf ? "" : "'");
        if (!leaf)
            blame(report, c->r, k);
        return;
    }
    report->engine = false;
    ct__report_fault(
        report, "graph", -1,
        "every recorded operation is right and the engine adds them up right, so a path is not recorded: detach, a "
        "section without gradient, or values read out of tensors");
}

static ct_status check_engine(const recording *r, int n, ct_gradcheck_report *report)
{
    comparison c;
    ct_status status = comparison_open(&c, r, n);
    ct_tensor *g = ct_randn(CT_FLOAT64, 0, 1, r->root->shape, r->root->rank);
    if (status == CT_OK && g)
        status = engine_gradients(&c, g);
    if (status == CT_OK && g)
        status = own_gradients(&c, g);
    if (status == CT_OK && g)
        compare(&c, report);
    ct__free(c.block, c.bytes);
    return g ? status : ct_error_code();
}

/* ---- all of it ---- */

static ct_status check_recording(const recording *r, const ct__subject *subject, ct_tensor *const *inputs,
                                 const bool *wanted, const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_status status = CT_OK;
    for (int64_t k = r->count - 1; k >= 0 && status == CT_OK && report->verdict < CT_NONDETERMINISTIC; k--) {
        ct_scope scope;
        ct__scope_push(&scope);
        status = replay(r, k, options, report);
        ct__scope_pop(&scope);
    }
    if (status == CT_OK && report->verdict < CT_NONDETERMINISTIC && options->checks & CT_CHECK_UNCHANGED)
        status = check_saved(r, report);
    if (status != CT_OK || report->verdict >= CT_NONDETERMINISTIC)
        return status;
    report->verdict = CT_VACUOUS; /* what follows decides */
    ct_gradcheck_options value_only = *options;
    value_only.checks = CT_CHECK_VALUE_ONLY;
    status = ct__check_subject(subject, inputs, wanted, 0, &value_only, report);
    if (status == CT_OK && report->verdict == CT_FAIL && r->count > 0)
        return check_engine(r, subject->n_inputs, report);
    ct_gradcheck_options rest = *options;
    if (status == CT_OK && report->verdict < CT_NONDETERMINISTIC && rest.checks)
        status = ct__check_subject_structure(subject, inputs, wanted, &rest, report);
    return status;
}

ct_status ct__check_graph(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                          const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    (void)sample;
    recording r;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = record(&r, subject, inputs, wanted, options);
    if (status == CT_OK)
        status = check_recording(&r, subject, inputs, wanted, options, report);
    ct__free(r.nodes, r.nodes_bytes);
    ct__free(r.leaves, r.leaves_bytes);
    ct__scope_pop(&scope);
    return status;
}
