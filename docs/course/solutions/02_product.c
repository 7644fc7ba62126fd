/* Exercise 2: y = a b, element by element; a, b, y and g have one shape.
 *
 *     sh docs/course/check.sh 2
 *
 * Set both gradients: input 0 is a, input 1 is b. A call that fails returns its status; hand it on. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    /* BEGIN SOLUTION */
    ct_status status = ct_call_set_grad(call, 0, ct_mul(g, b));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul(g, a)) : status;
    /* END SOLUTION */
}
