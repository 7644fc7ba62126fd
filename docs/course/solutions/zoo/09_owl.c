/* The owl: a row made one long before it is used, y = x / |x|, with operations of the library only. */
#include "animal.h"

static ct_tensor *one_long(ct_tensor *x)
{
    ct_tensor *length = ct_sqrt(ct_sum(ct_square(x)));
    return ct_div(x, length); /* WRONG: return ct_mul_scalar(x, 1 / ct_item(length)); */
}

int inputs(ct_tensor **p)
{
    p[0] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(6));
    p[1] = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(6));
    return 2;
}

ct_tensor *loss(ct_tensor *const *p, int n, void *user)
{
    return ct_sum(ct_square(ct_sub(one_long(p[0]), p[1])));
}
