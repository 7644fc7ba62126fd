/* A program linked with the static library that uses no operation but its own: the engine brings those that it needs. */
#include <cotan/cotan.h>

static ct_status infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status forward(ct_call *call)
{
    const double *a = ct_call_input_data(call, 0), *b = ct_call_input_data(call, 1);
    *(double *)ct_call_output_data(call, 0) = *a * *b;
    return CT_OK;
}

static ct_status backward(ct_call *call)
{
    for (int i = 0; i < 2; i++) {
        ct_tensor *g = ct_call_grad_output(call, 0);
        ct_call_set_grad(call, i, ct_scalar(CT_FLOAT64, ct_item(g) * ct_item(ct_call_input(call, !i))));
    }
    return ct_error_code();
}

static const ct_op product = {
    .name = "product",
    .gradient = "g b, g a",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .takes = {CT_ONLY(CT_FLOAT64)},
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

int main(void)
{
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 3), true);
    ct_backward(ct_apply(&product, CT_TENSORS(x, x), NULL)); /* a fork: gradients are added */
    printf("%s%g\n", ct_error_message(), ct_item(ct_grad_of(x)));
    return ct_item(ct_grad_of(x)) == 6 ? 0 : 1;
}
