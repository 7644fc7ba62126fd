/* The mole: a weight's cost, y = c w + 0.0001 w^2 element by element: a slope, and a little punishment for being large. */
#include "animal.h"

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4));
    p[1] = ct_rand(CT_FLOAT64, 1, 2, CT_SHAPE(3, 4));
    return 2;
}

static ct_status cost_backward(ct_call *call)
{
    ct_tensor *w = ct_call_input(call, 0), *c = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_tensor *slope = c;
    ct_status status = ct_call_set_grad(call, 0, ct_mul(g, slope));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul(g, w)) : status;
}
OPERATION(cost, 2, ct_add(ct_mul(x[1], x[0]), ct_mul_scalar(ct_square(x[0]), 1e-4)));

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    return ct_sum(ct_tanh(ct_apply(&cost_op, CT_TENSORS(p[0], p[1]), NULL)));
}
