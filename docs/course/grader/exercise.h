/* What an exercise includes: the library, and how an exercise differs from a program that uses it. */
#ifndef COURSE_EXERCISE_H
#define COURSE_EXERCISE_H

#include <cotan/cotan.h>

/* What you write: from what came in and what arrives, the gradient of each input. */
ct_status backward(ct_call *call);

/* Stands in an exercise where your lines go. */
#define NOT_WRITTEN_YET(call) ct_at_status(CT_HERE, ct_call_error(call, CT_ERROR_STATE, "not written yet"))

/* In an exercise a gradient must have its input's very shape. In a program of yours it need not: the engine sums a gradient
 * down to it, and you would not learn how. */
ct_status exercise_set_grad(ct_call *call, int i, ct_tensor *grad);
#define ct_call_set_grad(call, i, grad) ct_at_status(CT_HERE, exercise_set_grad(call, i, grad))

#endif
