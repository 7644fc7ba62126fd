/* The newt: a smooth relu, y = log(1 + exp(3 x)) / 3 element by element, between two matrices. */
#include "animal.h"

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 0.5, CT_SHAPE(3, 5));
    p[2] = ct_randn(CT_FLOAT64, 0, 0.5, CT_SHAPE(5, 2));
    return 3;
}

static ct_status smooth_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *steep = ct_mul_scalar(x, 3);
    ct_tensor *slope = ct_sigmoid(steep); /* WRONG: ct_tensor *slope = ct_mul_scalar(ct_sigmoid(steep), 3); */
    return ct_call_set_grad(call, 0, ct_mul(g, slope));
}
OPERATION(smooth, 1, ct_softplus(x[0], 3));

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *hidden = ct_matmul(p[0], p[1]);
    ct_tensor *active = ct_apply(&smooth_op, CT_TENSORS(hidden), NULL);
    return ct_mean(ct_square(ct_matmul(active, p[2])));
}
