/* Exercise 5: y = x @ w, the product of two matrices: x [m,k], w [k,n], y and g [m,n].
 *
 *     sh docs/course/check.sh 5
 *
 * ct_matmul(a, b) multiplies, ct_transpose(a, 0, 1) transposes. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *w = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    return NOT_WRITTEN_YET(call); /* your lines here */
}
