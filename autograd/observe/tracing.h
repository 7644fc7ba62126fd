/* What a trace knows while it runs: shared by trace.c, which listens, trace_met.c, which knows the tensors, and trace_steps.c, which
 * writes down the gradients. */
#ifndef CT_TRACING_H
#define CT_TRACING_H

#include "trace_internal.h"

/* Where a tensor of the trace is: the result of a node, or a tensor without one, as it was at that version. */
typedef struct ct_trace_key {
    const void *address;
    int64_t part; /* the output, or the version */
} ct_trace_key;

typedef struct ct_trace_entry {
    ct_trace_key key;
    int64_t id;
    struct ct_node *node; /* a reference to one of these two */
    ct_tensor *tensor;
} ct_trace_entry;

enum { CT_TRACE_RUNS = 16 }; /* inside one another */

/* What the trace knows while it runs. */
typedef struct ct_tracing {
    ct_trace_entry *entries; /* a hash table, open addressing; free where neither node nor tensor */
    int64_t n_entries, room;
    int depth; /* runs under way */
    struct {
        int64_t number, first_step;
    } runs[CT_TRACE_RUNS];
    const ct_node *back; /* whose backward ran last, and */
    int64_t from;        /* its first result's id, */
    const ct_snapshot *incoming, *locals[CT_MAX_INPUTS];
    bool elementwise[CT_MAX_INPUTS];
    unsigned summed[CT_MAX_INPUTS];
    uint64_t kinks[CT_MAX_INPUTS];
    const ct_snapshot *old; /* of the gradient that is on its way */
    ct_watch watch;
} ct_tracing;

/* ---- tensors (trace_met.c) ---- */

ct_trace_key ct__trace_key(const ct_tensor *t);
const ct_trace_entry *ct__trace_entry(const ct_trace_log *trace, ct_trace_key k); /* NULL: it has not been met */
/* An operation is over, of which an event tells. Error: memory. */
ct_status ct__trace_see_operation(ct_trace_log *trace, const ct_event *e);
/* Where results were made, and what they are called, becomes known after the operation. */
void ct__trace_update(ct_trace_log *trace);
/* Lets go of what it has met. */
void ct__trace_stop(ct_trace_log *trace);

/* ---- gradients (trace_steps.c): each at its moment. Errors: memory, state (too many runs inside one another) ---- */

bool ct__trace_knows_run(const ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_begin_run(ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_begin_backward(ct_trace_log *trace, const ct_event *e);
void ct__trace_end_backward(ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_note_old(ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_gradient_came(ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_leaf_changes(ct_trace_log *trace, const ct_event *e);
ct_status ct__trace_leaf_changed(ct_trace_log *trace, const ct_event *e);
void ct__trace_end_run(ct_trace_log *trace, const ct_event *e);

#endif
