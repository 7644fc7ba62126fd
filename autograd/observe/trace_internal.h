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

/* Makes room for one more of size bytes in an array of which count are used. */
ct_status ct__trace_grow(void **array, int64_t count, int64_t *room, size_t size);

/* A copy of what t is like now; NULL with an error (memory). t must be alive. */
const ct_snapshot *ct__snapshot(ct_arena *arena, const ct_tensor *t);
/* The same of values that are in no tensor, for a type and shape, or those of a tensor. */
const ct_snapshot *ct__snapshot_of(ct_arena *arena, ct_dtype dtype, const int64_t *shape, int rank,
                                   const double *values);
const ct_snapshot *ct__snapshot_of_values(ct_arena *arena, const ct_tensor *like, const double *values);
/* Of a tensor whose elements are gone: values is NULL, shown 0. */
const ct_snapshot *ct__snapshot_of_shape(ct_arena *arena, ct_dtype dtype, const int64_t *shape, int rank);

/* When a backward begins: for each wanted input the derivative as ct_trace_step.local has it, where it is small, else NULL; and
 * whether incoming x local = contribution, element by element. */
ct_status ct__local_derivatives(ct_arena *arena, const ct_event *e, const ct_snapshot **locals, bool *elementwise);

/* At which of its elements (1 << k, of at most 64) the operation that made a node of the trace has no derivative with respect to that
 * input: it and the inputs are small, and its derivative goes element by element. node: of its graph. Error: memory. */
uint64_t ct__kinks(const ct_trace_log *trace, const ct_trace_node *made, const struct ct_node *node, int input);

/* Of a forward that has ended: for each of its outputs what ct_trace_node.axes has. Error: memory. */
ct_status ct__axis_origins(ct_arena *arena, const ct_event *e, uint8_t **axes);
/* "'relu' in encoder.0 (net.c:41)"; returns buffer, of CT_OPERATION_TEXT bytes. */
char *ct__operation_text(const ct_trace_node *node, char *buffer);
#define CT_OPERATION_TEXT 328

/* A value in at most size bytes, "0" for NULL: a number, the elements of a vector of at most most, or "[2,3] -1..2", shape and range. */
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
    ct_trace_update *updates;
    int64_t n_updates, room_updates;
    int64_t root, runs;
    const char *unmeasured;     /* why ct_trace_measure_gradients() has not measured some, or NULL */
    struct ct_tracing *tracing; /* while it runs */
};

/* The two texts, joined, as a JSON string, in which bytes of what is no UTF-8 are "?"; NULL without memory. */
struct json_t *ct__json_text(const char *bytes, const char *after);

/* What was like that when a run gave it a gradient, and is looked at until it changes. */
typedef struct ct_watched {
    ct_tensor *leaf;
    int64_t id, run;
    uint32_t version;
    const char *arithmetic;    /* what was said of the change that is to come, or NULL, */
    int64_t element;           /* and of which element */
    double *values, *gradient; /* leaf->numel each, in one block; NULL: no longer looked at */
} ct_watched;
/* The leaves that a trace watches. They come in the same order again and again: a search begins where the last has ended. */
typedef struct ct_watch {
    ct_watched *leaves;
    int64_t count, room, last;
} ct_watch;
/* run brings gradient to leaf, which is node id. Error: memory. */
ct_status ct__watch_leaf(ct_watch *w, ct_tensor *leaf, int64_t id, int64_t run, const ct_tensor *gradient);
/* Adds an update if leaf is watched and has changed; for NULL, for all that have. Error: memory. */
ct_status ct__watch_notice(ct_trace_log *trace, ct_watch *w, const ct_tensor *leaf);
/* What is said of a change to leaf, if it is watched. Error: memory. */
ct_status ct__watch_note(ct_trace_log *trace, ct_watch *w, const ct_tensor *leaf, int64_t element, const char *text);
void ct__watch_drop(ct_watch *w, int64_t run); /* a run has failed: its gradients have not come */
void ct__watch_free(ct_watch *w);

void ct__trace_forget(void); /* the thread ends */
void ct__anomaly_forget(void);
void ct__profile_forget(void);
/* The trace that runs on this thread, its lines and names up to date; NULL without one. */
ct_trace_log *ct__trace_running(void);
/* CT_OK if that is whole, or the error that kept it from seeing all. */
ct_status ct__trace_check(void);
/* The leaves that it has met and that still ask for a gradient, into leaves, which has room for all nodes; returns their number. */
int64_t ct__trace_leaves(const ct_trace_log *trace, ct_tensor **leaves);
/* id of the node for t in a trace that runs; -1 if it has not met t. */
int64_t ct__trace_id(const ct_trace_log *trace, const ct_tensor *t);

/* Adds a node for what made_by has made as that output, or, without one, for t, and holds on to it; what says all but its id. NULL
 * with an error (memory), also without a value. */
ct_trace_node *ct__trace_add(ct_trace_log *trace, struct ct_node *made_by, int output, const ct_tensor *t,
                             ct_trace_node what);
/* The same of what is no tensor: an operation that failed. */
ct_trace_node *ct__trace_append(ct_trace_log *trace, ct_trace_node what);
/* Whether the error of a forward is told already, as that of an operation of which this one consists. */
bool ct__trace_has_told(const ct_trace_log *trace, const ct_event *e);
/* Adds the node of a forward that failed. Error: memory. */
ct_status ct__trace_add_failed(ct_trace_log *trace, const ct_event *e, const int64_t *inputs);
/* The pending error got its line behind the operation: what failed last is told with it. */
void ct__trace_locate_failure(ct_trace_log *trace);
/* The id of t; adds a node if it has not been met. -1 with an error (memory). */
int64_t ct__trace_meet(ct_trace_log *trace, const ct_tensor *t);
/* The id of what node has made as that output; -1 if it has not been met. */
int64_t ct__trace_made_by(const ct_trace_log *trace, const struct ct_node *node, int output);

/* The attributes of a call as text, "axes=0,1 keepdim=0"; NULL if the operation does not name them, or with an error (memory). */
const char *ct__attributes_text(ct_arena *arena, const ct_op *op, const void *attributes);

/* How the story and the pictures call each node: its name, or t1, leaf1, c1. NULL with an error (memory). */
const char **ct__trace_labels(const ct_trace_log *trace, ct_arena *arena);
/* Whether a run of the trace began at that node. */
bool ct__trace_has_run(const ct_trace_log *trace, int64_t root);
/* Runs the backward of root, which the running trace has met, into nothing, so that its steps are there. */
ct_status ct__trace_run_back(ct_trace_log *trace, ct_tensor *root);
/* Adds what is behind root to a trace that has not seen it: what the graph still has. */
ct_status ct__trace_add_graph(ct_trace_log *trace, ct_tensor *root);

#endif
