/* Exercise 8: y = softmax(x) along the last axis: y[i] = exp(x[i]) / (exp(x[0]) + exp(x[1]) + ...) in each row; x, y and g [m,n].
 *
 *     sh docs/course/check.sh 8
 *
 * Only y was kept. Each x[j] is in every y[i] of its row: dy[i]/dx[j] = y[i] ((i == j) - y[j]). Multiply by g[i], and sum over i.
 * ct_sum(t, CT_AXES(-1), .keepdim = true) sums each row into a column. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    /* BEGIN SOLUTION */
    ct_tensor *through_the_sum = ct_sum(ct_mul(g, y), CT_AXES(-1), .keepdim = true);
    return ct_call_set_grad(call, 0, ct_mul(y, ct_sub(g, through_the_sum)));
    /* END SOLUTION */
}
