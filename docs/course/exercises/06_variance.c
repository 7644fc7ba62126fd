/* Exercise 6: the variance of each row, y = mean of (x - mean of x)^2 along the last axis: x [m,n], y and g [m].
 *
 *     sh docs/course/check.sh 6
 *
 * ct_mean(x, CT_AXES(-1), .keepdim = true) is the mean of each row as a column [m,1], which broadcasts along the row;
 * ct_unsqueeze(g, 1) makes a column of g. n is ct_size(x, 1). */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    return NOT_WRITTEN_YET(call); /* your lines here */
}
