/* Exercise 1: y = x^2. This one is right already: read it, run it, then break it and run it again.
 *
 *     sh docs/course/check.sh 1
 *
 * g is what arrives from behind: the gradient of the loss with respect to y, of y's shape. What goes on to x is g times the local
 * derivative, here 2x: element by element, for a tensor of any shape. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_mul(g, ct_mul_scalar(x, 2)));
}
