/* The lynx: logarithms of probabilities, y = log(softmax(x)) in each row. */
#include "animal.h"

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 5));
    return 2;
}

static ct_status log_probabilities_backward(ct_call *call)
{
    ct_tensor *y = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    ct_tensor *all = ct_sum(g, CT_AXES(-1), .keepdim = true); /* WRONG: ct_tensor *all = g; */
    return ct_call_set_grad(call, 0, ct_sub(g, ct_mul(ct_exp(y), all)));
}
OPERATION(log_probabilities, 1, ct_log_softmax(x[0], -1));

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *log_p = ct_apply(&log_probabilities_op, CT_TENSORS(ct_matmul(p[0], p[1])), NULL);
    return ct_neg(ct_mean(ct_select(log_p, 1, 2)));
}
