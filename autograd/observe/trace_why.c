/* Why a gradient is zero, tiny, huge or NaN: walks the steps of a trace between the root and the tensor, and stops at the one
 * that did it. Invariant: every number in a sentence is one of the trace. */
#include "trace_internal.h"
#include <math.h>
#include <string.h>

enum { VALUE = 80, WHERE = CT_OPERATION_TEXT };

static double size_of(const ct_snapshot *s)
{
    return s && s->numel > s->nans + s->infinities ? fmax(fabs(s->min), fabs(s->max)) : 0;
}

static bool is_zero(const ct_snapshot *s)
{
    return !s || s->zeros == s->numel;
}

static bool is_bad(const ct_snapshot *s)
{
    return s && s->nans + s->infinities > 0;
}

char *ct__operation_text(const ct_trace_node *node, char *buffer)
{
    char at[CT_PLACE_TEXT] = "";
    if (node->file)
        snprintf(at, sizeof at, " (%s:%d)", node->file, node->line);
    bool part = node->region && *node->region;
    snprintf(buffer, WHERE, "'%.60s'%s%.60s%s", node->op, part ? " in " : "", part ? node->region : "", at);
    return buffer;
}

/* "; its input is 0.5", "; its inputs are -2, 0.3", or "" if they are not known. */
static const char *input_values(const ct_trace_log *trace, const ct_trace_node *node, char *buffer)
{
    size_t used = 0;
    buffer[0] = '\0';
    for (int i = 0; i < node->n_inputs && used < WHERE; i++) {
        char value[VALUE] = "-";
        if (node->inputs[i] >= 0)
            ct__snapshot_text(trace->nodes[node->inputs[i]].value, 4, value, sizeof value);
        const char *before = i ? ", " : node->n_inputs == 1 ? "; its input is " : "; its inputs are ";
        used += (size_t)snprintf(buffer + used, WHERE - used, "%s%s", before, value);
    }
    return buffer;
}

/* What one run has brought to each node: the step that came last, and the one with the largest contribution. */
typedef struct way_back {
    const ct_trace_log *trace;
    int64_t run;
    struct arrival {
        const ct_trace_step *last, *heaviest; /* NULL: nothing has come */
    } * to;
} way_back;

/* Number of the last run that brought something to a node; 0 without one. */
static int64_t last_run_to(const ct_trace_log *trace, int64_t id)
{
    for (int64_t k = trace->n_steps - 1; k >= 0; k--)
        if (trace->steps[k].to == id && trace->steps[k].action != CT_STEP_LEAF)
            return trace->steps[k].run;
    return 0;
}

/* Looks at every step once. False without memory; free_way() must follow. */
static bool find_way_back(way_back *w, const ct_trace_log *trace, int64_t id)
{
    size_t bytes = (size_t)trace->n_nodes * sizeof *w->to;
    *w = (way_back){.trace = trace, .run = last_run_to(trace, id), .to = ct__alloc(bytes)};
    if (!w->to)
        return false;
    memset(w->to, 0, bytes);
    for (int64_t k = 0; k < trace->n_steps; k++) {
        const ct_trace_step *s = &trace->steps[k];
        struct arrival *a = &w->to[s->to];
        if (s->run != w->run || s->action == CT_STEP_LEAF)
            continue;
        a->last = s;
        if (!a->heaviest || size_of(s->contribution) > size_of(a->heaviest->contribution))
            a->heaviest = s;
    }
    return true;
}

static void free_way_back(way_back *w)
{
    ct__free(w->to, (size_t)w->trace->n_nodes * sizeof *w->to);
}

/* ---- zero ---- */

static const char *cancels(const ct_trace_log *trace, const ct_trace_node *node, const ct_trace_step *last)
{
    char a[VALUE], b[VALUE], where[WHERE];
    ct__snapshot_text(last->old, 4, a, sizeof a);
    ct__snapshot_text(last->contribution, 4, b, sizeof b);
    return ct__say("%s and %s cancel at the fork of %s", a, b,
                   node->name ? node->name : ct__operation_text(&trace->nodes[node->id], where));
}

static const char *stops(const ct_trace_log *trace, const ct_trace_step *s)
{
    char where[WHERE], value[WHERE], incoming[VALUE];
    const ct_trace_node *from = &trace->nodes[s->from];
    ct__snapshot_text(s->incoming, 4, incoming, sizeof incoming);
    return ct__say("%s turns a gradient of %s into 0%s", ct__operation_text(from, where), incoming,
                   input_values(trace, from, value));
}

static const char *why_zero(const way_back *w, const ct_trace_node *node)
{
    for (;;) {
        const ct_trace_step *last = w->to[node->id].last, *s = w->to[node->id].heaviest;
        char where[WHERE];
        if (!last)
            return ct__say("the backward of what uses %s leaves it out, which counts as zero",
                           node->name ? node->name : ct__operation_text(node, where));
        if (!is_zero(s->contribution))
            return cancels(w->trace, node, last);
        if (s->action == CT_STEP_SEED)
            return ct__say("the cotangent that the backward was given for its root is 0");
        if (s->from < 0)
            return ct__say("it is zero where the trace's knowledge ends: its graph is older");
        if (!is_zero(s->incoming))
            return stops(w->trace, s);
        node = &w->trace->nodes[s->from];
    }
}

/* ---- NaN and infinity ---- */

/* The first result that is not finite, and whose inputs are; NULL without one. */
static const ct_trace_node *first_bad_value(const ct_trace_log *trace)
{
    for (int64_t id = 0; id < trace->n_nodes; id++) {
        const ct_trace_node *node = &trace->nodes[id];
        bool inputs_good = true;
        for (int i = 0; i < node->n_inputs; i++)
            inputs_good = inputs_good && (node->inputs[i] < 0 || !is_bad(trace->nodes[node->inputs[i]].value));
        if (!node->backward && is_bad(node->value) && inputs_good)
            return node;
    }
    return NULL;
}

static const char *bad_value(const ct_trace_log *trace, const ct_trace_node *node)
{
    char where[WHERE], value[WHERE], result[VALUE];
    ct__snapshot_text(node->value, 4, result, sizeof result);
    if (node->kind != CT_TRACE_RESULT)
        return ct__say("%s came in as %s: see where it is from",
                       node->name ? node->name : ct__operation_text(node, where), result);
    return ct__say("in the forward pass %s gives %s%s", ct__operation_text(node, where), result,
                   input_values(trace, node, value));
}

static const char *why_bad(const ct_trace_log *trace)
{
    const ct_trace_node *origin = first_bad_value(trace);
    if (origin)
        return bad_value(trace, origin);
    for (int64_t k = 0; k < trace->n_steps; k++) {
        const ct_trace_step *s = &trace->steps[k];
        char where[WHERE], value[WHERE], incoming[VALUE], bad[VALUE];
        if (!is_bad(s->now))
            continue;
        ct__snapshot_text(s->contribution, 4, bad, sizeof bad);
        if (!is_bad(s->contribution) || s->action == CT_STEP_LEAF)
            return ct__say("a gradient overflows where %s is added to what had come before", bad);
        if (s->action == CT_STEP_SEED || s->from < 0 || !s->incoming)
            return ct__say("the backward began with a gradient of %s", bad);
        ct__snapshot_text(s->incoming, 4, incoming, sizeof incoming);
        return ct__say("the backward of %s turns a gradient of %s into %s%s",
                       ct__operation_text(&trace->nodes[s->from], where), incoming, bad,
                       input_values(trace, &trace->nodes[s->from], value));
    }
    return ct__say("it was not finite before the trace began");
}

/* ---- a number ---- */

/* What the heaviest way from the root to a tensor does. */
typedef struct way {
    int64_t operations;
    const ct_trace_step *least, *most; /* by contribution / incoming */
    double least_factor, most_factor, product;
} way;

static way find_way(const way_back *back, int64_t id)
{
    way w = {.least_factor = INFINITY, .most_factor = 0, .product = 1};
    for (const ct_trace_step *s; (s = back->to[id].heaviest) && s->from >= 0 && s->incoming; id = s->from) {
        double factor = size_of(s->contribution) / size_of(s->incoming);
        w.operations++;
        w.product *= factor;
        if (factor < w.least_factor) {
            w.least_factor = factor;
            w.least = s;
        }
        if (factor > w.most_factor) {
            w.most_factor = factor;
            w.most = s;
        }
    }
    return w;
}

static const char *why_number(const way_back *back, const ct_trace_node *node)
{
    const ct_trace_log *trace = back->trace;
    const ct_trace_step *last = back->to[node->id].last;
    way w = find_way(back, node->id);
    if (!w.least)
        return ct__say("it is the root's own cotangent, or of a run older than the trace");
    char size[CT_NUMBER_TEXT], factor[CT_NUMBER_TEXT], mean[CT_NUMBER_TEXT], where[WHERE], value[WHERE];
    bool shrinks = w.product < 1;
    const ct_trace_step *s = shrinks ? w.least : w.most;
    ct_number_text(size_of(last->now), size);
    ct_number_text(shrinks ? w.least_factor : w.most_factor, factor);
    ct_number_text(pow(w.product, 1 / (double)w.operations), mean);
    return ct__say("at most %s: from the root %lld operation%s, x %s each in the mean; it %s most at %s: x %s%s", size,
                   (long long)w.operations, w.operations == 1 ? "" : "s", mean, shrinks ? "shrinks" : "grows",
                   ct__operation_text(&trace->nodes[s->from], where), factor,
                   input_values(trace, &trace->nodes[s->from], value));
}

const char *ct_trace_why(const ct_trace_log *trace, int64_t id)
{
    const ct_trace_node *node = ct_trace_node_at(trace, id);
    if (!node)
        return ct__say("the trace has no such tensor");
    if (node->state == CT_GRADIENT_NONE)
        return ct__say("%s", node->why);
    if (node->state == CT_GRADIENT_NOT_COMPUTED)
        return ct__say(trace->runs ? "the last backward has not come to it"
                                   : "no backward has run while the trace did");
    if (is_bad(node->gradient))
        return why_bad(trace);
    way_back back;
    if (!find_way_back(&back, trace, id))
        return ct__say("there is no memory to look for it");
    const char *why = node->state == CT_GRADIENT_ZERO ? why_zero(&back, node) : why_number(&back, node);
    free_way_back(&back);
    return why;
}
