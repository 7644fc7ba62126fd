/* The moth: scores of queries and keys, s = q @ k^T, q and k [4,4]. */
#include "animal.h"

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 4));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 4));
    p[2] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 2));
    return 3;
}

static ct_status scores_backward(ct_call *call)
{
    ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_status status = ct_call_set_grad(call, 0, ct_matmul(g, k));
    ct_tensor *to_k = ct_matmul(g, q);
    return status == CT_OK ? ct_call_set_grad(call, 1, to_k) : status;
}
OPERATION(scores, 2, ct_matmul(x[0], ct_transpose(x[1], 0, 1)));

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *s = ct_apply(&scores_op, CT_TENSORS(p[0], p[1]), NULL);
    return ct_mean(ct_square(ct_matmul(ct_softmax(s, -1), p[2])));
}
