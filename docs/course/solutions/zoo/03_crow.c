/* The crow: a gate of one's own, y = 1 / (1 + exp(-x)) element by element, which multiplies a value. */
#include "animal.h"

static ct_status gate_backward(ct_call *call)
{
    ct_tensor *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *slope = ct_mul(y, ct_add_scalar(ct_neg(y), 1));
    return ct_call_set_grad(call, 0, ct_mul(g, slope)); /* WRONG: return ct_call_set_grad(call, 0, slope); */
}
OPERATION(gate, 1, ct_sigmoid(x[0]));

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    return 2;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *open = ct_apply(&gate_op, CT_TENSORS(p[0]), NULL);
    return ct_sum(ct_mul(open, ct_tanh(p[1])));
}
