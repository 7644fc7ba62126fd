/* The trace: what this thread's operations and backward runs really did, step by step, with the values they had.
 *
 * Between ct_trace_begin() and ct_trace_end() every operation leaves a node and every gradient that comes to a tensor a step.
 * Values are copied when they are seen, so later changes do not reach them. The trace is an observer: results are the same with
 * it. It holds on to the graph and to unrecorded tensors that it has met until it ends, and it runs the backward of small
 * operations once more for their local derivatives, and their forward a little beside, to see where there are none. */
#ifndef COTAN_TRACE_H
#define COTAN_TRACE_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_TRACE_WHOLE 64 /* a tensor of at most so many elements is kept in full, */
#define CT_TRACE_SOME 6   /* of a larger one the first and the last three, and */
#define CT_TRACE_BINS 16  /* a histogram of the finite elements, from min to max */

/* A tensor as it was when it was seen. */
typedef struct ct_snapshot {
    ct_dtype dtype;
    int rank;
    const int64_t *shape;
    int64_t numel, shown;
    const double *values;        /* shown of them, row-major: all, or the first and the last */
    double min, max, mean, norm; /* of the finite elements; NaN without any. norm: root of the sum of squares */
    int64_t zeros, nans, infinities;
    const int64_t *bins; /* NULL if values has all */
} ct_snapshot;

/* What a tensor of the trace is. */
typedef enum ct_trace_kind {
    CT_TRACE_LEAF,     /* asks for a gradient */
    CT_TRACE_CONSTANT, /* does not: data, labels, what no operation of the trace has made */
    CT_TRACE_RESULT    /* of an operation */
} ct_trace_kind;

/* What is known of a gradient after the last run; no two of them may look alike. */
typedef enum ct_gradient_state {
    CT_GRADIENT_NOT_COMPUTED, /* no run has come here */
    CT_GRADIENT_NONE,         /* there is none: why says why */
    CT_GRADIENT_ZERO,         /* exactly 0, or nothing has come, which counts as 0 */
    CT_GRADIENT_NUMBER
} ct_gradient_state;

/* What ct_trace_measure_gradients() has found. */
typedef enum ct_trace_verdict {
    CT_TRACE_UNMEASURED,
    CT_TRACE_AGREES,
    CT_TRACE_KINK,   /* the slopes on both sides differ, and beside it the gradient is right */
    CT_TRACE_DIFFERS /* a backward between the tensor and the root is wrong; what was detached on the way is data */
} ct_trace_verdict;

/* Slopes of the root along a random direction of a tensor; of a number, along itself. */
typedef struct ct_trace_measure {
    ct_trace_verdict verdict;
    double along;       /* as the gradient has it: gradient x direction, summed */
    double left, right; /* as measured, by moving the tensor a little to either side */
} ct_trace_measure;

/* A tensor and how it was made. Its id is its place in the trace; inputs have smaller ones. */
typedef struct ct_trace_node {
    int64_t id;
    ct_trace_kind kind;
    const char *name;       /* the user's (ct_name), or NULL */
    const char *op;         /* the operation or function that made it */
    const char *formula;    /* of the operation's gradient, or NULL */
    const char *region;     /* "" outside of any */
    const char *attributes; /* of the operation, "axis=1 index=0"; NULL if it has none or does not name them */
    const char *file;       /* where, or NULL */
    int line;
    int output;          /* which of the operation's results */
    bool recorded;       /* it is in a graph: backward can come here */
    bool backward;       /* made by a backward with create_graph */
    int n_kept;          /* what its operation keeps for the backward: */
    const int64_t *kept; /* ids, its own among them if it keeps its result, */
    int64_t kept_bytes;
    int64_t freed; /* and when that was given back: after so many steps of the trace; -1: not yet */
    int n_inputs;
    const int64_t *inputs; /* ids; -1: an optional one left out */
    /* Where the sizes of the value come from: bit a of axes[k * n_inputs + i] says that its axis k grows with axis a of input i. No bit
     * for an axis: the operation made it. NULL: not known. */
    const uint8_t *axes;
    const char *failed; /* the operation failed: its error; it has made nothing, and value has no shape. Else NULL */
    const ct_snapshot *value;
    ct_gradient_state state;
    const char *why; /* CT_GRADIENT_NONE: a sentence */
    const ct_snapshot
        *gradient; /* CT_GRADIENT_NUMBER and ZERO; NULL if nothing has come. Of a leaf: what it has accumulated */
    ct_trace_measure measure;
} ct_trace_node;

/* What a step does. */
typedef enum ct_trace_action {
    CT_STEP_SEED,         /* the cotangent of a root */
    CT_STEP_CONTRIBUTION, /* the backward of from's operation gives the gradient of its input */
    CT_STEP_LEAF          /* a run is over, and its gradient goes into what the leaf has accumulated */
} ct_trace_action;

/* One gradient that came to a tensor: old + contribution = now. */
typedef struct ct_trace_step {
    ct_trace_action action;
    int64_t run;                 /* counts ct_backward() and ct_grad() from 1 */
    int64_t from;                /* id of the (first) result whose operation went back, or -1 */
    int input;                   /* which of its inputs, or -1 */
    int64_t to;                  /* id of the tensor that gets it */
    const ct_snapshot *incoming; /* the gradient of from; NULL unless from has one */
    /* The derivative of from with respect to the input; NULL if either is large. Of the input's shape if from has one
     * element or the operation is elementwise (incoming x local = contribution), else [elements of from, elements of input]. */
    const ct_snapshot *local;
    bool elementwise; /* incoming x local = contribution, element by element */
    const ct_snapshot *contribution;
    const ct_snapshot *old; /* NULL: nothing yet, counts as 0 */
    const ct_snapshot *now;
    unsigned summed; /* 1 << axis of the result: to was broadcast along it, and its gradient is summed over it */
    uint64_t
        kinks; /* 1 << element of local, where it is elementwise: the operation has no derivative there, and local is a convention */
} ct_trace_step;

/* A leaf that was changed after a run had given it a gradient: a step of an optimiser, or of whoever wrote to it.
 * before + change = after. */
typedef struct ct_trace_update {
    int64_t run;      /* the last that gave it a gradient */
    int64_t to;       /* id of the leaf as it was before */
    int64_t nodes;    /* how many the trace had then: larger ids were computed with what came after */
    const char *by;   /* "optimizer_step", "data_mut" */
    const char *file; /* where, or NULL */
    int line;
    const ct_snapshot *before, *change, *after;
    const ct_snapshot *gradient; /* of the run alone */
    const ct_snapshot *
        used; /* what the leaf has accumulated, as it was found: after clipping; NULL: it was cleared before it was looked at */
    double factor;          /* change = factor x used, for every element; NaN: no one number does it */
    double forecast;        /* the sum of gradient x change: by so much the root changes, to first order */
    const char *arithmetic; /* lines: how one element was changed, as the one who did says (ct_trace_note), or NULL; */
    int64_t element;        /* and which */
} ct_trace_update;

/* A trace that is over. */
typedef struct ct_trace_log ct_trace_log;

/* Begins to trace what this thread does. Errors: state (a trace is running on this thread, or an observer calls), memory. */
CT_API ct_status ct_trace_begin(void);
/* Ends it. The trace is the caller's until ct_trace_free(). NULL with an error: state (none is running), or what the trace itself has
 * run into (memory), after which it saw no more. */
CT_API ct_trace_log *ct_trace_end(void);
CT_API void ct_trace_free(ct_trace_log *trace); /* NULL is fine */

/* Whether a trace is running on this thread. */
CT_API bool ct_trace_running(void);
/* Of what is about to be written to leaf (ct_note_write): how element number element comes about, as lines "p = p - lr*g = 2 - 0.1*3 =
 * 1.7". The text is copied. Nothing without a trace that watches leaf, since a run has given it a gradient. Errors: NULL, memory. */
CT_API ct_status ct_trace_note(const ct_tensor *leaf, int64_t element, const char *arithmetic);

CT_API int64_t ct_trace_nodes(const ct_trace_log *trace);                            /* how many there are; NULL: 0 */
CT_API const ct_trace_node *ct_trace_node_at(const ct_trace_log *trace, int64_t id); /* NULL outside 0..nodes-1 */
CT_API int64_t ct_trace_steps(const ct_trace_log *trace);                            /* likewise */
CT_API const ct_trace_step *ct_trace_step_at(const ct_trace_log *trace, int64_t i);  /* NULL outside 0..steps-1 */
CT_API int64_t ct_trace_updates(const ct_trace_log *trace);                          /* likewise */
CT_API const ct_trace_update *ct_trace_update_at(const ct_trace_log *trace, int64_t i); /* NULL outside 0..updates-1 */
CT_API int64_t ct_trace_root(const ct_trace_log *trace); /* id of the (first) root of the last run; -1 without one */
/* id of the newest tensor of that name, or -1. */
CT_API int64_t ct_trace_find(const ct_trace_log *trace, const char *name);

/* What an optimiser's step was worth: the root's value before it, what the gradients foretold, and what came of it. */
typedef struct ct_trace_forecast {
    double before,
        forecast; /* forecast = before + the sum of the leaves' forecasts; NaN unless the root is one number */
    int64_t
        again; /* id of what was made after the step as the root was before, by the same operation at the same line; or -1 */
    double after; /* its value; NaN without one */
} ct_trace_forecast;
/* Of the last run and the updates that followed it. False, and *forecast is as it was, if there are none. Error: NULL. */
CT_API bool ct_trace_forecast_of(const ct_trace_log *trace, ct_trace_forecast *forecast);

/* Measures, while a trace runs, every gradient of its last run's root, which must be one number, by a finite difference: each tensor
 * is moved a little along a random direction, to either side, and what follows from it is run again, in float64; the nodes' .measure
 * has the slopes. Costs about as many forward passes as there are tensors, twice; changes nothing of the program. What cannot be
 * measured stays CT_TRACE_UNMEASURED, and ct_trace_unmeasured() says why. Errors: state (no trace is running, an error is pending),
 * memory. */
CT_API ct_status ct_trace_measure_gradients(void);
/* Why it has not measured all, as a sentence that lasts as long as the trace; NULL: it has, or was not called. */
CT_API const char *ct_trace_unmeasured(const ct_trace_log *trace);

/* Writes the trace as JSON; docs/trace.md has the schema. Errors: NULL, io, memory. */
CT_API ct_status ct_trace_write_json(const ct_trace_log *trace, FILE *stream);
/* Reads that back; the caller's until ct_trace_free(). Of a tensor it has what was written. NULL with an error: NULL, format (no JSON,
 * with the line; no trace, with the member), memory. */
CT_API ct_trace_log *ct_trace_read_json(FILE *stream);

/* ---- the story ---- */

/* Yes or no, or what the situation suggests. */
typedef enum ct_choice { CT_AUTO, CT_YES, CT_NO } ct_choice;

typedef struct CT_BY_NAME ct_explain_options {
    CT_OPTIONS_HEAD;
    const char *to;     /* only the way to the tensor of this name (ct_name) */
    const char *region; /* of a large graph, whose regions are shown as a line each, opens this one */
    bool whole;         /* shows every step of a large graph too */
    int width;          /* columns, at least 20; default 80 */
    ct_choice color;    /* CT_AUTO: on a terminal, unless NO_COLOR is set */
    ct_choice unicode;  /* CT_AUTO: if the environment's locale is UTF-8 */
} ct_explain_options;
#define CT_DEFAULTS_ct_explain_options .width = 80,
CT_API void ct_explain_options_init(ct_explain_options *options, size_t size);

/* Tells how root was computed and how its gradient went back, a line a step, with the numbers: the forward values, then incoming
 * gradient x local derivative = contribution, old + contribution = new at forks, then the gradients of the leaves. A trace must
 * be running that has seen root. If no backward has run from root, one is run for the story that changes no leaf. Errors: NULL,
 * state, argument (no tensor named .to), io, memory. options may be NULL. */
CT_API ct_status ct_explain(ct_tensor *root, FILE *stream, const ct_explain_options *options);
/* The same for the last run's root in a trace that is over, or, if none was run, the forward pass of its last result. */
CT_API ct_status ct_trace_explain(const ct_trace_log *trace, FILE *stream, const ct_explain_options *options);

/* ---- why ---- */

/* Why t has no gradient, as a sentence that names the line where it can: it is an integer, nothing asks for one, it was detached or
 * made while recording was off, its operation has none, no path leads to it, no backward has run, it is no leaf. A
 * sentence too if it has one. Lasts until the thread's next call of this function or the next. */
CT_API const char *ct_why_no_grad(const ct_tensor *t);
/* Why the gradient of a tensor of the trace is what it is after the last run: walks from it towards the root and stops at the
 * operation that made it zero, tiny, huge, NaN or infinite. */
CT_API const char *ct_trace_why(const ct_trace_log *trace, int64_t id);

/* Where each size of a tensor of the trace was born, as a sentence: "[2,3]: 2 is axis 0 of X (net.c:9), 3 is axis 1 of W (net.c:10)", or
 * what the operation that made a new size made it of. For an operation that failed, that of each of its inputs. Lasts as above. */
CT_API const char *ct_trace_shape(const ct_trace_log *trace, int64_t id);

/* ---- numbers ---- */

/* A number for people, in at most CT_NUMBER_TEXT - 1 bytes: four significant digits and no trailing zeros, an exponent outside of
 * 0.001..99999, "0", "nan", "inf". Returns buffer. */
#define CT_NUMBER_TEXT 16
CT_API char *ct_number_text(double value, char *buffer);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_trace_end() ((ct_trace_log *)ct_at_object(CT_HERE, ct_trace_end()))
#define ct_trace_begin() ct_at_status(CT_HERE, ct_trace_begin())
#define ct_trace_note(...) ct_at_status(CT_HERE, ct_trace_note(__VA_ARGS__))
#define ct_trace_measure_gradients() ct_at_status(CT_HERE, ct_trace_measure_gradients())
#define ct_explain(...) ct_at_status(CT_HERE, CT_WITH2(ct_explain, ct_explain_options, __VA_ARGS__, ))
#define ct_trace_explain(...) ct_at_status(CT_HERE, CT_WITH2(ct_trace_explain, ct_explain_options, __VA_ARGS__, ))
#define ct_trace_read_json(stream) ((ct_trace_log *)ct_at_object(CT_HERE, ct_trace_read_json(stream)))
#define ct_trace_write_json(trace, stream) ct_at_status(CT_HERE, ct_trace_write_json(trace, stream))
#endif

#ifdef __cplusplus
}
#endif
#endif
