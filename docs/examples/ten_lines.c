/* Ten lines: the least-squares line through four points, by gradient descent. */
#include <cotan/cotan.h>

int main(void)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(0, 1, 2, 3), CT_SHAPE(4, 1));
    ct_tensor *y = ct_from_values(CT_FLOAT64, CT_VALUES(1, 3, 5, 7), CT_SHAPE(4, 1));
    ct_module *line = ct_module_new(CT_FLOAT64);
    ct_module *layer = ct_linear_new(line, "line", 1, 1);
    ct_optimizer *sgd = ct_optimizer_new(line, &ct_rule_sgd, .lr = 0.05, .momentum = 0.9);
    for (int step = 0; step < 300 && ct_error_code() == CT_OK; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_backward(ct_mean(ct_square(ct_sub(ct_forward(layer, x), y))));
        ct_optimizer_step(sgd);
        ct_scope_close();
    }
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "%s\n", ct_error_message()), 1;
    printf("y = %.3f x + %.3f\n", ct_item(ct_module_get(line, "line.weight")),
           ct_item(ct_module_get(line, "line.bias")));
    ct_optimizer_free(sgd);
    ct_module_free(line);
    return 0;
}
