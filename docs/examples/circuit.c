/* The circuit of the lecture notes: f = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), forward and backward. */
#include <cotan/cotan.h>

int main(void)
{
    ct_tensor *w = ct_parameter(ct_from_values(CT_FLOAT64, CT_VALUES(2, -3, -3), CT_SHAPE(3)));
    ct_tensor *x = ct_parameter(ct_from_values(CT_FLOAT64, CT_VALUES(-1, -2), CT_SHAPE(2)));
    double f = 0, dw[3], dx[2];

    ct_scope_open();
    ct_tensor *sum = ct_add(ct_sum(ct_mul(ct_slice(w, 0, 0, 2, 1), x)), ct_select(w, 0, 2)); /* w0 x0 + w1 x1 + w2 */
    ct_tensor *y = ct_div(ct_scalar(CT_FLOAT64, 1), ct_add_scalar(ct_exp(ct_neg(sum)), 1));
    if (ct_backward(y) == CT_OK) {
        f = ct_item(y);
        ct_to_values(ct_grad_of(w), dw, 3);
        ct_to_values(ct_grad_of(x), dx, 2);
    }
    ct_scope_close();
    ct_release(w);
    ct_release(x);
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "circuit: %s\n", ct_error_message()), 1;
    printf("f     = %.4f\n", f);
    printf("df/dw = (%.4f, %.4f, %.4f)\n", dw[0], dw[1], dw[2]);
    printf("df/dx = (%.4f, %.4f)\n", dx[0], dx[1]);
    return 0;
}
