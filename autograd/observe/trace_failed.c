/* What failed while a trace ran: a node like those of results, with the error, and without a value.
 *
 * Invariant: an operation that fails is there once, however many expressions around it fail with it. */
#include "trace_internal.h"
#include <string.h>

/* Whether the message is the node's error, with a line perhaps. */
static bool is_of(const ct_trace_node *node, const char *message)
{
    return node && node->failed && strncmp(message, node->failed, strlen(node->failed)) == 0;
}

bool ct__trace_has_told(const ct_trace_log *trace, const ct_event *e)
{
    return is_of(ct_trace_node_at(trace, trace->n_nodes - 1), e->message);
}

ct_status ct__trace_add_failed(ct_trace_log *trace, const ct_event *e, const int64_t *inputs)
{
    ct_trace_node what = {.kind = CT_TRACE_RESULT,
                          .op = e->op->name,
                          .formula = e->op->gradient,
                          .region = e->region,
                          .attributes = ct__attributes_text(&trace->arena, e->op, e->attributes),
                          .n_inputs = e->n_inputs,
                          .inputs = inputs,
                          .failed = ct__arena_text(&trace->arena, e->message),
                          .value = ct__snapshot_of_shape(&trace->arena, CT_FLOAT32, NULL, 0)};
    return what.failed && what.value && ct__trace_append(trace, what) ? CT_OK : CT_ERROR_MEMORY;
}

void ct__trace_locate_failure(ct_trace_log *trace)
{
    int64_t id = trace->n_nodes - 1;
    while (id >= 0 && !trace->nodes[id].failed)
        id--;
    const char *located = NULL;
    if (ct_error_code() != CT_OK && is_of(ct_trace_node_at(trace, id), ct_error_message()))
        located = ct__arena_text(&trace->arena, ct_error_message());
    if (located)
        trace->nodes[id].failed = located;
}
