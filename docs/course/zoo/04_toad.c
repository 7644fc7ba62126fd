/* The toad: a layer's last step, y = x + b with one bias [3] for a batch [5,3]. */
#include "animal.h"

static ct_status shift_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, g);
    ct_tensor *to_bias = ct_mean(g, CT_AXES(0));
    return status == CT_OK ? ct_call_set_grad(call, 1, to_bias) : status;
}
OPERATION(shift, 2, ct_add(x[0], x[1]));

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(5, 4));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[2] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3));
    return 3;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *y = ct_apply(&shift_op, CT_TENSORS(ct_matmul(p[0], p[1]), p[2]), NULL);
    return ct_sum(ct_square(ct_tanh(y)));
}
