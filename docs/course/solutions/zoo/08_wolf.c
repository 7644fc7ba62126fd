/* The wolf: a residual block, y = x + f(x), with operations of the library only. */
#include "animal.h"

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 4));
    p[1] = ct_randn(CT_FLOAT64, 0, 0.5, CT_SHAPE(4, 4));
    p[2] = ct_randn(CT_FLOAT64, 0, 0.5, CT_SHAPE(4, 4));
    return 3;
}

static ct_tensor *block(ct_tensor *x, ct_tensor *w)
{
    ct_tensor *f = ct_tanh(ct_matmul(x, w));
    return ct_add(f, x); /* WRONG: return ct_add(f, ct_detach(x)); */
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    ct_tensor *y = block(block(p[0], p[1]), p[2]);
    return ct_mean(ct_square(y));
}
