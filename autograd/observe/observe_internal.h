/* How the door and the engine tell observers. Without one, all that they do is to look whether ct__here()->observers is NULL. */
#ifndef CT_OBSERVE_INTERNAL_H
#define CT_OBSERVE_INTERNAL_H

#include "autograd_internal.h"
#include <cotan/observe.h>

typedef struct ct_observing ct_observing;

/* CT_OK, or the error that the observer has recorded so far, which is pending then, and stays for ct_observe_end() too. */
ct_status ct__observe_check(ct_observer observer, void *user);
/* Tells all observers; returns the first veto, whose error is pending then. */
ct_status ct__tell(ct_event *event);
/* These return status, or if that is CT_OK, what telling gave. */
ct_status ct__tell_forward(ct_moment moment, ct_call *call, ct_status status);
ct_status ct__tell_backward(ct_moment moment, const ct_call *call, ct_status status);
ct_status ct__tell_run(ct_moment moment, ct_tensor *const *roots, int n, ct_status status);

/* A gradient on its way to a tensor. */
typedef struct ct_arrival {
    const struct ct_node *from; /* NULL: the cotangent of a root */
    int input;                  /* of from; -1 without one */
    const ct_edge *to;
    const ct_tensor *gradient;
} ct_arrival;
ct_status ct__tell_gradient(ct_moment moment, const ct_arrival *a, const ct_tensor *sum, ct_status status);
ct_status ct__tell_leaf(ct_moment moment, const ct_tensor *leaf, const ct_tensor *gradient, const ct_tensor *sum);

void ct__why_note_run(const ct_tensor *root); /* a backward begins there */

#endif
