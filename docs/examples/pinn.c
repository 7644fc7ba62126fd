/* A network that solves a differential equation (Raissi, Perdikaris, Karniadakis: Physics-informed neural networks, 2019): u'' = -pi^2 u
 * on [0, 1] with u(0) = 0 and u'(0) = pi, whose solution is sin(pi x). The loss has the second derivative of the network by its
 * input, and training differentiates that once more. */
#include "example.h"
#include <math.h>

enum { POINTS = 32, HIDDEN = 16, STEPS = 100 };
static const double pi = 3.14159265358979323846;

/* dy/dx, element by element: each y depends on its own x alone. Recorded, so that it can be differentiated again. */
static ct_tensor *slope(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *sum = ct_sum(y), *result = NULL;
    ct_grad(&sum, 1, &x, 1, &result, .create_graph = true);
    return result;
}

static ct_tensor *loss(ct_module *net, ct_tensor *x)
{
    ct_tensor *u = ct_forward(net, x), *first = slope(u, x), *second = slope(first, x);
    ct_tensor *equation = ct_mean(ct_square(ct_add(second, ct_mul_scalar(u, pi * pi))));
    ct_tensor *begin = ct_square(ct_slice(u, 0, 0, 1, 1)),
              *rise = ct_square(ct_add_scalar(ct_slice(first, 0, 0, 1, 1), -pi));
    return ct_add(equation, ct_mul_scalar(ct_sum(ct_add(begin, rise)), 10));
}

int main(int argc, char **argv)
{
    example e = {.epochs = 20, .quick_epochs = 2, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *net = ct_module_new(CT_FLOAT64);
    ct_linear_new(net, NULL, 1, HIDDEN);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, HIDDEN, HIDDEN);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, HIDDEN, 1);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 1e-2);
    ct_optimizer_schedule(adam, CT_SCHEDULE_COSINE(0), .steps = e.epochs * STEPS);
    ct_tensor *x = ct_reshape(ct_arange(CT_FLOAT64, 0, 1. / (POINTS - 1), POINTS), CT_SHAPE(POINTS, 1));
    ct_set_requires_grad(x, true);
    for (int64_t step = 1; step <= e.epochs * STEPS && ct_error_code() == CT_OK; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_tensor *value = loss(net, x);
        ct_backward(value);
        ct_optimizer_step(adam);
        if (step % STEPS == 0)
            example_progress(&e, step / STEPS, "loss", ct_item(value));
        ct_scope_close();
    }
    double error = ct_item(ct_amax(ct_abs(ct_sub(ct_forward(net, x), ct_sin(ct_mul_scalar(x, pi))))));
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "largest error: %.1e", error);
}
