/* An operation of one's own, softplus(x) = log(1 + exp(x)): a record, its three functions, and the check that its gradient is
 * right. */
#include <cotan/cotan.h>
#include <math.h>

/* ---- the operation ---- */
static ct_status softplus_shape(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}
static ct_status softplus_forward(ct_call *call)
{
    const double *x = CT_INPUT(double, call, 0);
    double *y = CT_OUTPUT(double, call, 0);
    for (int64_t i = 0; x && y && i < ct_numel(ct_call_output(call, 0)); i++)
        y[i] = fmax(x[i], 0) + log1p(exp(-fabs(x[i])));
    return x && y ? CT_OK : ct_error_code();
}
static ct_status softplus_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_sigmoid(ct_call_input(call, 0))));
}
/* clang-format off */
static const ct_op softplus_op = {
    .name = "softplus", .gradient = "g sigmoid(x)", .min_inputs = 1, .max_inputs = 1, .saves = CT_SAVE_INPUT(0),
    .takes = {CT_ONLY(CT_FLOAT64)},
    .infer = softplus_shape, .forward = softplus_forward, .backward = softplus_backward};
/* clang-format on */
#define softplus(x) ct_apply(&softplus_op, (ct_tensor *[]){x}, 1, NULL)

/* ---- the check, first and second order ---- */
static ct_tensor *function(ct_tensor *const *inputs, int n, void *user)
{
    (void)n, (void)user;
    return softplus(inputs[0]);
}

int main(void)
{
    ct_gradcheck_report report = {0};
    ct_scope_open();
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 2, CT_SHAPE(3, 4));
    ct_verdict verdict = ct_gradcheck(function, NULL, &x, 1, &report, .order = 2);
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "custom_op: %s\n", ct_error_message()), 1;
    ct_gradcheck_print(&report, stdout);
    ct_gradcheck_report_free(&report);
    return ct_verdict_good(verdict) ? 0 : 1;
}
