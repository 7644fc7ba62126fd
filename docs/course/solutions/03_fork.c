/* Exercise 3: y = x x + x, element by element. x is used three times: left and right in the product, and in the sum.
 *
 *     sh docs/course/check.sh 3
 *
 * Write what each use sends back to x, each from its own local rule, and put the three together. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    /* BEGIN SOLUTION */
    ct_tensor *from_left = ct_mul(g, x), *from_right = ct_mul(g, x), *from_sum = g;
    return ct_call_set_grad(call, 0, ct_add(ct_add(from_left, from_right), from_sum));
    /* END SOLUTION */
}
