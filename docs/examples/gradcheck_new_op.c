/* A new operation, y = x sigmoid(beta x) with a learnable beta: a first backward with a mistake, what the gradient checker says of
 * it, and the backward that is right. */
#include <cotan/cotan.h>
#include <math.h>

/* ---- the operation ---- */

static ct_status swish_shape(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *beta = ct_call_input(call, 1);
    if (ct_rank(beta) != 0)
        return ct_call_error(call, CT_ERROR_SHAPE, "beta must be 0-d: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

/* One loop, for both dtypes. */
#define SWISH_LOOP(T)               \
    for (int64_t i = 0; i < n; i++) \
    ((T *)y)[i] = (T)(((const T *)x)[i] / (1 + exp(-((const T *)beta)[0] * ((const T *)x)[i])))

static ct_status swish_forward(ct_call *call)
{
    const void *x = ct_call_input_data(call, 0), *beta = ct_call_input_data(call, 1);
    void *y = ct_call_output_data(call, 0);
    int64_t n = ct_numel(ct_call_output(call, 0));
    if (!x || !beta)
        return ct_error_code();
    if (ct_dtype_of(ct_call_output(call, 0)) == CT_FLOAT64)
        SWISH_LOOP(double);
    else
        SWISH_LOOP(float);
    return CT_OK;
}

/* With s = sigmoid(beta x): dy/dx = s + beta x s (1 - s). What dy/dbeta is, is tried twice: `by` s (1 - s), which the engine sums down
 * to 0-d. */
static ct_status set_gradients(ct_call *call, ct_tensor *by)
{
    ct_tensor *x = ct_call_input(call, 0), *beta = ct_call_input(call, 1), *g = ct_call_grad_output(call, 0);
    ct_tensor *s = ct_sigmoid(ct_mul(beta, x)), *slope = ct_sub(s, ct_square(s));
    ct_status status = ct_call_set_grad(call, 0, ct_mul(g, ct_add(s, ct_mul(ct_mul(beta, x), slope))));
    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul(g, ct_mul(by, slope))) : status;
}

/* The first try: dy/dbeta = x s (1 - s)? */
static ct_status wrong_backward(ct_call *call)
{
    return set_gradients(call, ct_call_input(call, 0));
}

/* The second: y = x s, and ds/dbeta = x s (1 - s), so dy/dbeta = x^2 s (1 - s). */
static ct_status right_backward(ct_call *call)
{
    return set_gradients(call, ct_square(ct_call_input(call, 0)));
}

#define SWISH(BACKWARD)                                                                                             \
    {                                                                                                               \
        .name = "swish", .gradient = "g (s + beta x s (1 - s)), sum of g x^2 s (1 - s), with s = sigmoid(beta x)",  \
        .min_inputs = 2, .max_inputs = 2, .saves = CT_SAVE_INPUTS, .infer = swish_shape, .forward = swish_forward,  \
        .backward = BACKWARD, .samples = (const ct_sample[]){{"3x4 scalar", NULL}, {"5 scalar@0.5..2", NULL}, {0}}, \
    }
static const ct_op wrong_swish = SWISH(wrong_backward);
static const ct_op right_swish = SWISH(right_backward);

/* ---- a model that uses it; user: the operation ---- */

static ct_tensor *model(ct_tensor *const *p, int n, void *user)
{
    (void)n;
    ct_tensor *hidden = ct_matmul(p[0], p[1]);
    ct_tensor *active = ct_apply(user, ((ct_tensor *[]){hidden, p[2]}), 2, NULL);
    return ct_mean(ct_square(active));
}

static ct_verdict check(const ct_op *op)
{
    ct_gradcheck_report report = {0};
    printf("---- the operation alone, on its samples, first and second order ----\n");
    ct_verdict alone = ct_gradcheck_op(op, &report, .order = 2);
    ct_gradcheck_print(&report, stdout);
    printf("\n---- a model that uses it, node by node ----\n");
    ct_scope_open();
    ct_tensor *p[] = {ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, 3)), ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(3, 5)),
                      ct_scalar(CT_FLOAT64, 1.3)};
    ct_verdict inside = ct_gradcheck_graph(model, (void *)op, p, 3, &report);
    ct_gradcheck_print(&report, stdout);
    ct_scope_close();
    ct_gradcheck_report_free(&report);
    return alone == inside ? alone : CT_INCONCLUSIVE;
}

int main(void)
{
    printf("==== the first backward ====\n\n");
    ct_verdict first = check(&wrong_swish);
    printf("\n==== the second backward ====\n\n");
    ct_verdict second = check(&right_swish);
    if (ct_error_code() != CT_OK)
        fprintf(stderr, "gradcheck_new_op: %s\n", ct_error_message());
    printf("\nfirst: %s, second: %s\n", ct_verdict_name(first), ct_verdict_name(second));
    return first == CT_FAIL && second == CT_PASS && ct_error_code() == CT_OK ? 0 : 1;
}
