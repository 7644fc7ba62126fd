/* Exercise 5: y = x @ w, the product of two matrices: x [m,k], w [k,n], y and g [m,n].
 *
 *     sh docs/course/check.sh 5
 *
 * ct_matmul(a, b) multiplies, ct_transpose(a, 0, 1) transposes. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *w = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    /* BEGIN SOLUTION */
    ct_status status = ct_call_set_grad(call, 0, ct_matmul(g, ct_transpose(w, 0, 1)));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_matmul(ct_transpose(x, 0, 1), g)) : status;
    /* END SOLUTION */
}
