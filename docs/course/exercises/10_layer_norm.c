/* Exercise 10: each row made to have mean 0 and variance 1: y = (x - mean) / s, s = sqrt(variance + 1e-5); x, y and g [m,n].
 *
 *     sh docs/course/check.sh 10
 *
 * x reaches y in three ways: directly, through the mean, and through s. x and y were kept; the column of 1/s is made below. */
#include "exercise.h"

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *variance = ct_var(x, CT_AXES(-1), .keepdim = true, .biased = true);
    ct_tensor *one_over_s = ct_rsqrt(ct_add_scalar(variance, 1e-5));
    return NOT_WRITTEN_YET(call); /* your lines here */
}
