/* The frog: a layer with relu. Its second sample is all zeros, as padding is, and its biases start at zero. */
#include "animal.h"

static ct_status rectify_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0), *zero = ct_zeros_like(x);
    return ct_call_set_grad(call, 0, ct_where(ct_gt(x, zero), g, zero));
}
OPERATION(rectify, 1, ct_relu(x[0]));

int inputs(ct_tensor **p)
{
    p[0] = ct_from_values(CT_FLOAT64, CT_VALUES(0.5, -1, 2, 0, 0, 0), CT_SHAPE(2, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4));
    p[2] = ct_zeros(CT_FLOAT64, CT_SHAPE(4));
    return 3;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *y = ct_apply(&rectify_op, CT_TENSORS(ct_add(ct_matmul(p[0], p[1]), p[2])), NULL);
    return ct_sum(ct_sin(ct_add_scalar(y, 1)));
}
