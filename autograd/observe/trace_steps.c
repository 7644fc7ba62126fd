/* The steps of a trace: every gradient on its way, as the engine tells of it.
 *
 * Invariant: steps stand in the order in which gradients came; those of a run that failed bring nothing to leaves. */
#include "tracing.h"

static void set_gradient(ct_trace_node *node, const ct_snapshot *gradient)
{
    bool zero = !gradient || (gradient->zeros == gradient->numel);
    node->state = zero ? CT_GRADIENT_ZERO : CT_GRADIENT_NUMBER;
    node->gradient = gradient;
}

/* The tensor that a gradient comes to, as it was when the operation took it: a leaf may have changed since. */
static int64_t target_of(ct_trace_log *trace, const ct_event *e)
{
    const ct_tracing *g = trace->tracing;
    const ct_trace_node *from = e->node && e->node == g->back ? ct_trace_node_at(trace, g->from) : NULL;
    if (from && e->input < from->n_inputs)
        return from->inputs[e->input];
    if (e->to_leaf)
        return ct__trace_meet(trace, e->to_leaf);
    const ct_trace_entry *found = ct__trace_entry(trace, (ct_trace_key){e->to_node, e->to_output});
    return found ? found->id : -1; /* its graph is older than the trace */
}

static ct_trace_step *add_step(ct_trace_log *trace, ct_trace_step step)
{
    if (ct__trace_grow((void **)&trace->steps, trace->n_steps, &trace->room_steps, sizeof *trace->steps) != CT_OK)
        return NULL;
    step.run = trace->tracing->runs[trace->tracing->depth - 1].number;
    trace->steps[trace->n_steps] = step;
    return &trace->steps[trace->n_steps++];
}

/* What earlier runs brought to results is over. Leaves keep what they have. */
static void forget_gradients(ct_trace_log *trace)
{
    for (int64_t i = 0; i < trace->n_nodes; i++) {
        ct_trace_node *node = &trace->nodes[i];
        if (node->kind == CT_TRACE_LEAF)
            continue;
        node->state = CT_GRADIENT_NOT_COMPUTED;
        node->gradient = NULL;
    }
}

ct_status ct__trace_begin_run(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    if (g->depth == CT_TRACE_RUNS)
        return ct__error(CT_ERROR_STATE, "trace: more than %d backward runs inside one another", CT_TRACE_RUNS);
    if (g->depth == 0)
        forget_gradients(trace);
    g->runs[g->depth].number = ++trace->runs;
    g->runs[g->depth++].first_step = trace->n_steps;
    for (int i = 0; i < e->n_roots; i++) {
        int64_t id = ct__trace_meet(trace, e->roots[i]);
        if (id < 0)
            return CT_ERROR_MEMORY;
        trace->root = i == 0 ? id : trace->root;
    }
    return CT_OK;
}

/* Whether what the last node kept was given back once its gradients had gone. */
static void note_freed(ct_trace_log *trace)
{
    const ct_tracing *g = trace->tracing;
    if (g->back && g->from >= 0 && g->back->freed && trace->nodes[g->from].freed < 0)
        trace->nodes[g->from].freed = trace->n_steps;
}

ct_status ct__trace_begin_backward(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    note_freed(trace);
    const ct_trace_entry *found = ct__trace_entry(trace, (ct_trace_key){e->node, 0});
    g->back = e->node;
    g->from = found ? found->id : -1;
    g->incoming = NULL;
    for (int i = 0; i < e->n_outputs && !g->incoming; i++)
        if (e->grad_outputs[i] && !(g->incoming = ct__snapshot(&trace->arena, e->grad_outputs[i])))
            return CT_ERROR_MEMORY;
    for (int i = 0; i < e->n_inputs; i++) {
        g->locals[i] = NULL;
        g->summed[i] = 0;
        g->kinks[i] = 0;
    }
    ct_status status = ct__local_derivatives(&trace->arena, e, g->locals, g->elementwise);
    for (int i = 0; status == CT_OK && found && i < e->n_inputs; i++)
        if (g->locals[i] && g->elementwise[i])
            g->kinks[i] = ct__kinks(trace, &trace->nodes[g->from], e->node, i);
    return status == CT_OK ? ct_error_code() : status;
}

/* The axes of what a backward gave along which the input was broadcast: the engine sums over them. */
static unsigned summed_axes(const ct_event *e, int input)
{
    const ct_tensor *given = e->grad_inputs[input];
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    unsigned axes = 0;
    ct__node_input_info(e->node, input, &shape, &rank, &dtype);
    for (int axis = 0; axis < given->rank; axis++) {
        int own = axis - (given->rank - rank);
        if (given->shape[axis] != 1 && (own < 0 || shape[own] == 1))
            axes |= 1U << axis;
    }
    return axes;
}

/* Inputs that backward has left out count as zero. */
void ct__trace_end_backward(ct_trace_log *trace, const ct_event *e)
{
    for (int i = 0; e->status == CT_OK && i < e->n_inputs; i++)
        if (e->wanted[i] && e->grad_inputs[i])
            trace->tracing->summed[i] = summed_axes(e, i);
    for (int i = 0; e->status == CT_OK && i < e->n_inputs; i++) {
        const ct_edge *edge = &e->node->edges[i];
        const ct_trace_entry *found = NULL;
        if (e->wanted[i] && !e->grad_inputs[i])
            found = edge->node ? ct__trace_entry(trace, (ct_trace_key){edge->node, edge->output})
                               : ct__trace_entry(trace, ct__trace_key(edge->leaf));
        if (found && trace->nodes[found->id].state == CT_GRADIENT_NOT_COMPUTED)
            set_gradient(&trace->nodes[found->id], NULL);
    }
}

ct_status ct__trace_gradient_came(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    int64_t to = target_of(trace, e);
    if (e->status != CT_OK || to < 0)
        return ct_error_code();
    bool here = e->node && e->node == g->back;
    ct_trace_step step = {.action = e->node ? CT_STEP_CONTRIBUTION : CT_STEP_SEED,
                          .from = here ? g->from : -1,
                          .input = e->input,
                          .to = to,
                          .incoming = here ? g->incoming : NULL,
                          .local = here ? g->locals[e->input] : NULL,
                          .elementwise = here && g->locals[e->input] && g->elementwise[e->input],
                          .contribution = ct__snapshot(&trace->arena, e->gradient),
                          .old = g->old,
                          .now = ct__snapshot(&trace->arena, e->sum),
                          .summed = here ? g->summed[e->input] : 0,
                          .kinks = here ? g->kinks[e->input] : 0};
    if (!step.contribution || !step.now || !add_step(trace, step))
        return CT_ERROR_MEMORY;
    if (!e->to_leaf || !e->to_leaf->grad)
        set_gradient(&trace->nodes[to], step.now);
    return CT_OK;
}

/* The sum before a gradient comes. */
ct_status ct__trace_note_old(ct_trace_log *trace, const ct_event *e)
{
    trace->tracing->old = e->sum ? ct__snapshot(&trace->arena, e->sum) : NULL;
    return e->sum && !trace->tracing->old ? CT_ERROR_MEMORY : CT_OK;
}

ct_status ct__trace_leaf_changes(ct_trace_log *trace, const ct_event *e)
{
    note_freed(trace);
    int64_t to = ct__trace_meet(trace, e->to_leaf);
    const ct_snapshot *contribution = to < 0 ? NULL : ct__snapshot(&trace->arena, e->gradient);
    int64_t run = trace->tracing->runs[trace->tracing->depth - 1].number;
    if (!contribution || ct__trace_note_old(trace, e) != CT_OK ||
        ct__watch_leaf(&trace->tracing->watch, (ct_tensor *)e->to_leaf, to, run, e->gradient) != CT_OK)
        return CT_ERROR_MEMORY;
    ct_trace_step step = {.action = CT_STEP_LEAF,
                          .from = -1,
                          .input = -1,
                          .to = to,
                          .contribution = contribution,
                          .old = trace->tracing->old};
    return add_step(trace, step) ? CT_OK : CT_ERROR_MEMORY;
}

ct_status ct__trace_leaf_changed(ct_trace_log *trace, const ct_event *e)
{
    const ct_tracing *g = trace->tracing;
    int64_t to = ct__trace_meet(trace, e->to_leaf), run = g->runs[g->depth - 1].number;
    for (int64_t i = g->runs[g->depth - 1].first_step; to >= 0 && e->sum && i < trace->n_steps; i++) {
        ct_trace_step *step = &trace->steps[i];
        if (step->action != CT_STEP_LEAF || step->to != to || step->run != run)
            continue;
        step->now = ct__snapshot(&trace->arena, e->sum);
        if (!step->now)
            return CT_ERROR_MEMORY;
        set_gradient(&trace->nodes[to], step->now);
    }
    return ct_error_code();
}

/* A run is over. If it has failed, leaves have not changed. */
void ct__trace_end_run(ct_trace_log *trace, const ct_event *e)
{
    int64_t first = trace->tracing->runs[--trace->tracing->depth].first_step;
    note_freed(trace);
    if (e->status != CT_OK)
        ct__watch_drop(&trace->tracing->watch, trace->tracing->runs[trace->tracing->depth].number);
    while (e->status != CT_OK && trace->n_steps > first && trace->steps[trace->n_steps - 1].action == CT_STEP_LEAF)
        trace->n_steps--;
}

/* An observer that began inside of a run hears of its end, and of its steps, without the beginning. */
bool ct__trace_knows_run(const ct_trace_log *trace, const ct_event *e)
{
    return trace->tracing->depth > 0 || e->moment <= CT_RUN_BEGINS || e->moment == CT_TENSOR_WRITTEN;
}
