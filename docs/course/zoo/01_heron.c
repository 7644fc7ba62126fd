/* The heron: a quotient, y = a / b element by element, in a small loss. */
#include "animal.h"

static ct_status quotient_backward(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, ct_div(g, b));
    ct_tensor *slope = ct_div(a, ct_square(b));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul(g, slope)) : status;
}
OPERATION(quotient, 2, ct_div(x[0], x[1]));

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4));
    p[1] = ct_rand(CT_FLOAT64, 1, 2, CT_SHAPE(3, 4));
    return 2;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *y = ct_apply(&quotient_op, CT_TENSORS(ct_tanh(p[0]), p[1]), NULL);
    return ct_mean(ct_square(y));
}
