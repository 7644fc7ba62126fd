/* Observers, the watch for NaN, profiles: what is told of every operation that goes through the door and of every step of a backward.
 *
 * An observer sees; it changes no result. Operations that it calls are neither recorded nor observed, random numbers that it
 * draws are given back, and an error that it records is taken away and handed out by ct_observe_end(); until then it is told
 * no more. Only by returning a status of its own can it stop what it is told of. */
#ifndef COTAN_OBSERVE_H
#define COTAN_OBSERVE_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each first one is followed by its second, which has the status with which it ended. What happens in between is told in between:
 * the operations of an expression, those in which a backward is written. */
typedef enum ct_moment {
    CT_FORWARD_BEGINS,  /* an operation: op, attributes, inputs */
    CT_FORWARD_ENDED,   /* the same, outputs, node */
    CT_RUN_BEGINS,      /* ct_backward() or ct_grad(): roots */
    CT_RUN_ENDED,       /* the same. Leaves have changed, or not: status */
    CT_BACKWARD_BEGINS, /* one node: op, attributes, node, wanted, grad_outputs */
    CT_BACKWARD_ENDED,  /* the same, grad_inputs */
    CT_GRADIENT_COMES,  /* to a tensor: gradient; sum: of those that came before, or NULL */
    CT_GRADIENT_CAME,   /* the same; sum with gradient in it */
    CT_LEAF_CHANGES,    /* the run has all of a leaf's gradient: gradient; sum: accumulated before, or NULL */
    CT_LEAF_CHANGED,    /* once all has succeeded, and only then: sum */
    CT_TENSOR_WRITTEN   /* ct_note_write(): an optimiser has changed a parameter in place, say: to_leaf */
} ct_moment;

/* What an observer is told. Good until it returns. What the moment does not name is 0 or NULL. */
typedef struct ct_event {
    ct_moment moment;
    ct_status status;
    const ct_op
        *op; /* lasts as the record does; where a definition runs in place of its shortcut, only during the event */
    const void *attributes;
    const ct_node *node; /* left behind, NULL if nothing was recorded; in a backward, the one that runs */
    const char *region;
    int n_inputs, n_outputs;
    double flops; /* CT_FORWARD_ENDED: floating-point operations, if the operation counts them, else 0 */
    const ct_tensor *const *inputs; /* entries may be NULL: optional ones left out */
    const ct_tensor *const *outputs;
    const bool *wanted;                   /* in a backward: whether each input's gradient is */
    const ct_tensor *const *grad_outputs; /* of each output, NULL: counts as zero */
    const ct_tensor *const *grad_inputs;  /* as the operation's backward gave them; NULL: not wanted, or zero */
    const ct_tensor *const *roots;
    int n_roots;
    int input;              /* of node, for which a gradient comes; -1: the cotangent of a root (node is NULL) */
    const ct_node *to_node; /* the tensor that gets it: this node's result to_output, or a leaf */
    int to_output;
    const ct_tensor *to_leaf;
    const ct_tensor *gradient; /* summed to the tensor's shape */
    const ct_tensor *sum;
    const char *message; /* with a status: the error */
} ct_event;

/* Returns CT_OK, or a status after recording an error, with which what it was told of then fails: an operation returns NULL, a
 * backward changes no leaf. When that can no longer fail (it has failed already, or it is CT_RUN_ENDED, CT_LEAF_CHANGED or
 * CT_TENSOR_WRITTEN) it is an error like any other of the observer. */
typedef ct_status (*ct_observer)(const ct_event *event, void *user);

/* From now on the observer is told of what this thread does, after those that began before it. An observer may observe twice, with
 * different user pointers. Errors: NULL, state (called by an observer, or the pair observes already), memory. */
CT_API ct_status ct_observe_begin(ct_observer observer, void *user);
/* Ends it, and returns the error that it recorded, if any, which is pending again then. Error (state): it does not observe. */
CT_API ct_status ct_observe_end(ct_observer observer, void *user);

/* ---- the watch for NaN and infinity ---- */

/* From now on this thread's first operation that makes a NaN or an infinity which its inputs do not explain, forward or backward,
 * fails with an error (state) that names it with its line, its region, and its inputs' ranges; so does one that is given a NaN
 * which no operation has made. What an expression makes on its way counts only if it comes out; an infinity that is asked for
 * by an attribute (masked_fill with -inf) does not count. Without it nothing is looked at. Errors: state (watched already, called
 * by an observer), memory. */
CT_API ct_status ct_anomaly_begin(void);
/* Errors: state (not watched), and what the watch itself has run into (memory). */
CT_API ct_status ct_anomaly_end(void);

/* ---- profiles ---- */

/* An operation's forward or its backward, or a region. */
typedef struct ct_profile_row {
    const char *name; /* lasts */
    bool backward;
    int64_t calls;
    double own;    /* seconds, less those of what ran inside: add up over all rows */
    double total;  /* seconds in all, once where one runs inside another of this row */
    int64_t bytes; /* of inputs and results, or of gradients */
    double flops;  /* floating-point operations of those operations that count theirs (ct_op.flops) */
} ct_profile_row;

/* What was timed between begin and end. */
typedef struct ct_profile ct_profile;

/* From now on this thread's operations and backward runs are timed. Errors: state (a profile is running), memory. */
CT_API ct_status ct_profile_begin(void);
/* Ends it. The profile is the caller's until ct_profile_free(). NULL with an error: state (none is running), memory. */
CT_API ct_profile *ct_profile_end(void);
CT_API void ct_profile_free(ct_profile *profile);            /* NULL is fine */
CT_API double ct_profile_seconds(const ct_profile *profile); /* from begin to end */
/* The rows, those with the most time of their own first; n gets their number. They belong to profile. */
CT_API const ct_profile_row *ct_profile_operations(const ct_profile *profile, int64_t *n);
CT_API const ct_profile_row *ct_profile_regions(const ct_profile *profile, int64_t *n);
/* Writes both as tables. Errors: NULL, io. */
CT_API ct_status ct_profile_print(const ct_profile *profile, FILE *stream);
/* Writes the time line in the trace event format of Chrome (chrome://tracing, https://ui.perfetto.dev): up to 1,048,576 spans.
 * Errors: NULL, io, memory. */
CT_API ct_status ct_profile_write_chrome(const ct_profile *profile, FILE *stream);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_observe_begin(observer, user) ct_at_status(CT_HERE, ct_observe_begin(observer, user))
#define ct_anomaly_begin() ct_at_status(CT_HERE, ct_anomaly_begin())
#define ct_anomaly_end() ct_at_status(CT_HERE, ct_anomaly_end())
#define ct_profile_end() ((ct_profile *)ct_at_object(CT_HERE, ct_profile_end()))
#define ct_profile_begin() ct_at_status(CT_HERE, ct_profile_begin())
#define ct_profile_print(profile, stream) ct_at_status(CT_HERE, ct_profile_print(profile, stream))
#define ct_profile_write_chrome(profile, stream) ct_at_status(CT_HERE, ct_profile_write_chrome(profile, stream))
#define ct_observe_end(observer, user) ct_at_status(CT_HERE, ct_observe_end(observer, user))
#endif

#ifdef __cplusplus
}
#endif
#endif
