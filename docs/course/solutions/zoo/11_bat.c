/* The bat: a loss that is computed in double, but for one value in it that is kept in float32 to save memory. */
#include "animal.h"

static ct_status kept_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_call_grad_output(call, 0));
}
OPERATION(kept, 1, ct_cast(ct_cast(x[0], CT_FLOAT32), CT_FLOAT64));

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 2));
    return 2;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *hidden = ct_apply(&kept_op, CT_TENSORS(ct_matmul(p[0], p[1])), NULL);
    return ct_mean(ct_square(ct_tanh(hidden)));
}
