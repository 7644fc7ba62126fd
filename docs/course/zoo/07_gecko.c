/* The gecko: a unit that bends softly, y = x for x > 0 and exp(x) - 1 otherwise, element by element. */
#include "animal.h"

static ct_status bend_backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *g = ct_call_grad_output(call, 0), *zero = ct_zeros_like(x);
    ct_tensor *left = zero;
    ct_tensor *slope = ct_where(ct_gt(x, zero), ct_ones_like(x), left);
    return ct_call_set_grad(call, 0, ct_mul(g, slope));
}
OPERATION(bend, 1, ct_elu(x[0], 1));

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4));
    return 2;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *y = ct_apply(&bend_op, CT_TENSORS(ct_matmul(p[0], p[1])), NULL);
    return ct_mean(ct_square(y));
}
