/* Exercise 11: a convolution in one dimension: y[t] = w[0] x[t] + w[1] x[t+1] + ...; x [n], w [k], y and g [n-k+1].
 *
 *     sh docs/course/check.sh 11
 *
 * Both gradients are such slidings again, of other things over other things: slide(a, b)[t] = b[0] a[t] + b[1] a[t+1] + ...
 * ct_pad(a, CT_SHAPE(left, right)) puts zeros at the ends, ct_flip(a, CT_SHAPE(0)) turns a around. */
#include "exercise.h"

/* a [n] and b [k] give [n-k+1]. */
static ct_tensor *slide(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *row = ct_reshape(a, CT_SHAPE(1, 1, -1)), *kernel = ct_reshape(b, CT_SHAPE(1, 1, -1));
    return ct_reshape(ct_conv1d(row, kernel, NULL), CT_SHAPE(-1));
}

ct_status backward(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *w = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    /* BEGIN SOLUTION */
    int64_t ends = ct_size(w, 0) - 1;
    ct_tensor *turned = ct_flip(w, CT_SHAPE(0));
    ct_status status = ct_call_set_grad(call, 0, slide(ct_pad(g, CT_SHAPE(ends, ends)), turned));
    return status == CT_OK ? ct_call_set_grad(call, 1, slide(x, g)) : status;
    /* END SOLUTION */
}
