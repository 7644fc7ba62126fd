/* Observers: what is told of every operation that goes through the door and of every step of a backward.
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
    CT_LEAF_CHANGED     /* once all has succeeded, and only then: sum */
} ct_moment;

/* What an observer is told. Good until it returns. What the moment does not name is 0 or NULL. */
typedef struct ct_event {
    ct_moment moment;
    ct_status status;
    const ct_op *op;
    const void *attributes;
    const ct_node *node; /* left behind, NULL if nothing was recorded; in a backward, the one that runs */
    const char *region;
    int n_inputs, n_outputs;
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
} ct_event;

/* Returns CT_OK, or a status after recording an error, with which what it was told of then fails: an operation returns NULL, a
 * backward changes no leaf. When that can no longer fail (it has failed already, or it is CT_RUN_ENDED or CT_LEAF_CHANGED) it is
 * an error like any other of the observer. */
typedef ct_status (*ct_observer)(const ct_event *event, void *user);

/* From now on the observer is told of what this thread does, after those that began before it. An observer may observe twice, with
 * different user pointers. Errors: NULL, state (called by an observer, or the pair observes already), memory. */
CT_API ct_status ct_observe_begin(ct_observer observer, void *user);
/* Ends it, and returns the error that it recorded, if any, which is pending again then. Error (state): it does not observe. */
CT_API ct_status ct_observe_end(ct_observer observer, void *user);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_observe_begin(observer, user) ct_at_status(CT_HERE, ct_observe_begin(observer, user))
#define ct_observe_end(observer, user) ct_at_status(CT_HERE, ct_observe_end(observer, user))
#endif

#ifdef __cplusplus
}
#endif
#endif
