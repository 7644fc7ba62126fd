/* The trace: an observer that writes down every operation and every gradient on its way.
 *
 * Invariant: at most one runs on a thread; what it has written down stays as it is once it is over. */
#include "tracing.h"
#include <string.h>

static _Thread_local ct_trace_log *running;

static ct_status see(const ct_event *e, void *user)
{
    ct_trace_log *trace = user;
    if (!ct__trace_knows_run(trace, e))
        return CT_OK;
    switch (e->moment) {
    case CT_FORWARD_BEGINS:
        return CT_OK;
    case CT_FORWARD_ENDED:
        return ct__trace_see_operation(trace, e), CT_OK;
    case CT_RUN_BEGINS:
        return ct__trace_begin_run(trace, e), CT_OK;
    case CT_RUN_ENDED:
        return ct__trace_end_run(trace, e), CT_OK;
    case CT_BACKWARD_BEGINS:
        return ct__trace_begin_backward(trace, e), CT_OK;
    case CT_BACKWARD_ENDED:
        return ct__trace_end_backward(trace, e), CT_OK;
    case CT_GRADIENT_COMES:
        return ct__trace_note_old(trace, e), CT_OK;
    case CT_GRADIENT_CAME:
        return ct__trace_gradient_came(trace, e), CT_OK;
    case CT_LEAF_CHANGES:
        return ct__trace_leaf_changes(trace, e), CT_OK;
    case CT_LEAF_CHANGED:
        return ct__trace_leaf_changed(trace, e), CT_OK;
    case CT_TENSOR_WRITTEN:
        return ct__watch_notice(trace, &trace->tracing->watch, e->to_leaf), CT_OK;
    }
    return CT_OK;
}

/* ---- what is said of a change ---- */

bool ct_trace_running(void)
{
    return running != NULL;
}

ct_status ct_trace_note(const ct_tensor *leaf, int64_t element, const char *arithmetic)
{
    ct_status status = ct__check_tensor(leaf, "trace_note");
    if (status == CT_OK && !arithmetic)
        status = ct__error(CT_ERROR_NULL, "trace_note: the text is NULL");
    if (status != CT_OK || !running)
        return status;
    return ct__watch_note(running, &running->tracing->watch, leaf, element, arithmetic);
}

/* ---- begin and end ---- */

ct_status ct_trace_begin(void)
{
    if (running)
        return ct__error(CT_ERROR_STATE, "trace_begin: a trace is running on this thread");
    ct_trace_log *trace = ct__alloc(sizeof *trace);
    ct_tracing *tracing = ct__alloc(sizeof *tracing);
    ct_status status = trace && tracing ? CT_OK : ct__no_memory("trace_begin");
    if (status == CT_OK) {
        memset(tracing, 0, sizeof *tracing);
        *trace = (ct_trace_log){.root = -1, .tracing = tracing};
        status = ct_observe_begin(see, trace);
    }
    if (status == CT_OK) {
        running = trace;
    } else {
        ct__free(trace, sizeof *trace);
        ct__free(tracing, sizeof *tracing);
    }
    return status;
}

ct_trace_log *ct_trace_end(void)
{
    ct_trace_log *trace = running;
    if (!trace) {
        ct__error(CT_ERROR_STATE, "trace_end: no trace is running on this thread");
        return NULL;
    }
    ct_status status = ct_observe_end(see, trace);
    if (status != CT_OK && ct__here()->telling) /* called by an observer: it goes on */
        return NULL;
    running = NULL;
    ct__trace_update(trace);
    if (status == CT_OK)
        status = ct__watch_notice(trace, &trace->tracing->watch, NULL);
    ct__trace_stop(trace);
    if (status == CT_OK)
        return trace;
    ct_trace_free(trace);
    return NULL;
}

void ct_trace_free(ct_trace_log *trace)
{
    if (!trace)
        return;
    ct__free(trace->nodes, (size_t)trace->room_nodes * sizeof *trace->nodes);
    ct__free(trace->steps, (size_t)trace->room_steps * sizeof *trace->steps);
    ct__free(trace->updates, (size_t)trace->room_updates * sizeof *trace->updates);
    ct__arena_free(&trace->arena);
    ct__free(trace, sizeof *trace);
}

ct_trace_log *ct__trace_running(void)
{
    if (running) {
        ct__trace_update(running);
        ct__watch_notice(running, &running->tracing->watch, NULL);
    }
    return running;
}

ct_status ct__trace_check(void)
{
    return running ? ct__observe_check(see, running) : CT_OK;
}

/* A thread that ends while it traces. */
void ct__trace_forget(void)
{
    ct_trace_log *trace = running;
    running = NULL;
    if (trace)
        ct__trace_stop(trace);
    ct_trace_free(trace);
}

/* ---- looking ---- */

int64_t ct_trace_nodes(const ct_trace_log *trace)
{
    return trace ? trace->n_nodes : 0;
}

const ct_trace_node *ct_trace_node_at(const ct_trace_log *trace, int64_t id)
{
    return trace && id >= 0 && id < trace->n_nodes ? &trace->nodes[id] : NULL;
}

int64_t ct_trace_steps(const ct_trace_log *trace)
{
    return trace ? trace->n_steps : 0;
}

const ct_trace_step *ct_trace_step_at(const ct_trace_log *trace, int64_t i)
{
    return trace && i >= 0 && i < trace->n_steps ? &trace->steps[i] : NULL;
}

int64_t ct_trace_root(const ct_trace_log *trace)
{
    return trace ? trace->root : -1;
}

int64_t ct_trace_find(const ct_trace_log *trace, const char *name)
{
    int64_t id = name ? ct_trace_nodes(trace) - 1 : -1;
    while (id >= 0 && (!trace->nodes[id].name || strcmp(trace->nodes[id].name, name) != 0))
        id--;
    return id;
}
