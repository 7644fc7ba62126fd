/* The trace from inside: what trace.c gathers and the files around it show. */
#ifndef CT_TRACE_INTERNAL_H
#define CT_TRACE_INTERNAL_H

#include "observe_internal.h"
#include <cotan/trace.h>

/* Memory that is given back all at once. */
typedef struct ct_arena {
    struct ct_arena_block *newest;
} ct_arena;
void *ct__arena_alloc(ct_arena *arena, size_t bytes);          /* NULL with an error (memory) */
const char *ct__arena_text(ct_arena *arena, const char *text); /* a copy; NULL with an error (memory) */
void ct__arena_free(ct_arena *arena);

/* A copy of what t is like now; NULL with an error (memory). t must be alive. */
const ct_snapshot *ct__snapshot(ct_arena *arena, const ct_tensor *t);

/* When a backward begins: for each wanted input the derivative as ct_trace_step.local has it, where it is small, else NULL; and
 * whether incoming x local = contribution, element by element. */
ct_status ct__local_derivatives(ct_arena *arena, const ct_event *e, const ct_snapshot **locals, bool *elementwise);

/* A value in at most size bytes: a number, the elements of a vector of at most most, or "[2,3] -1..2", shape and range. */
char *ct__snapshot_text(const ct_snapshot *s, int most, char *buffer, size_t size);

/* A sentence that lasts until this thread's next call; if there is no memory for it, one that says so. */
const char *ct__say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ct__why_forget(void); /* the thread ends */
/* Why nothing asks t for a gradient, as a sentence that lasts until the thread's next call; NULL if something does. */
const char *ct__why_none(const ct_tensor *t);

struct ct_trace_log {
    ct_arena arena;
    ct_trace_node *nodes;
    int64_t n_nodes, room_nodes;
    ct_trace_step *steps;
    int64_t n_steps, room_steps;
    int64_t root, runs;
    struct ct_tracing *tracing; /* while it runs */
};

void ct__trace_forget(void); /* the thread ends */
void ct__anomaly_forget(void);
void ct__profile_forget(void);
/* The trace that runs on this thread, its lines and names up to date; NULL without one. */
ct_trace_log *ct__trace_running(void);
/* The leaves that it has met and that still ask for a gradient, into leaves, which has room for all nodes; returns their number. */
int64_t ct__trace_leaves(const ct_trace_log *trace, ct_tensor **leaves);
/* id of the node for t in a trace that runs; -1 if it has not met t. */
int64_t ct__trace_id(const ct_trace_log *trace, const ct_tensor *t);

#endif
