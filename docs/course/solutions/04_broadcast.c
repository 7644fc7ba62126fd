/* Exercise 4: y = x + b, where x and b broadcast: x [3,2] and b [2], [3,1], [1,2] or 0-d; either may be the smaller one.
 *
 *     sh docs/course/check.sh 4
 *
 * g has the shape of y. Write sum_to(g, t), which sums g down to the shape of t: away with the axes that t does not have, which stand
 * in front, and down to 1 where t has 1. ct_sum(g, CT_AXES(axis), .keepdim = true) sums along one axis and leaves it there with
 * size 1; ct_rank(g) is the number of axes, ct_size(g, axis) a size, ct_reshape(g, ct_shape(t), ct_rank(t)) gives the
 * same elements another shape. (The library has it as ct_sum_to. Do without here.) */
#include "exercise.h"

static ct_tensor *sum_to(ct_tensor *g, const ct_tensor *t)
{
    /* BEGIN SOLUTION */
    int in_front = ct_rank(g) - ct_rank(t);
    for (int axis = 0; axis < ct_rank(g); axis++)
        if (axis < in_front || ct_size(t, axis - in_front) == 1)
            g = ct_sum(g, CT_AXES(axis), .keepdim = true);
    return ct_reshape(g, ct_shape(t), ct_rank(t));
    /* END SOLUTION return ct_error_set(CT_ERROR_STATE, "not written yet"), NULL; */
}

/* Given: the sum hands on what arrives, to each input in its own shape. */
ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *b = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, sum_to(g, x));
    return status == CT_OK ? ct_call_set_grad(call, 1, sum_to(g, b)) : status;
}
