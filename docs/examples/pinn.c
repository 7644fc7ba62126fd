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

/* How far the network is from the equation at points x [n,1], and from what holds at 0. */
static ct_tensor *residual(void *net, ct_tensor *x)
{
    ct_tensor *zero = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(1, 1)), true);
    ct_set_requires_grad(x, true);
    ct_tensor *u = ct_forward(net, x), *second = slope(slope(u, x), x), *begin = ct_forward(net, zero);
    ct_tensor *equation = ct_mean(ct_square(ct_add(second, ct_mul_scalar(u, pi * pi))));
    ct_tensor *rise = ct_add_scalar(slope(begin, zero), -pi);
    return ct_add(equation, ct_mul_scalar(ct_sum(ct_add(ct_square(begin), ct_square(rise))), 10));
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
    ct_tensor *x = ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(POINTS * STEPS, 1));
    ct_dataset *points = ct_dataset_new(x, x, .dtype = CT_FLOAT64);
    ct_fit(residual, net, adam, points, .epochs = e.epochs, .batch_size = POINTS, .seed = (uint64_t)e.seed,
           .loss = example_own_loss, .schedule = CT_SCHEDULE_COSINE(0), .log = example_path(&e, "pinn.csv"));
    double error = ct_item(ct_amax(ct_abs(ct_sub(ct_forward(net, x), ct_sin(ct_mul_scalar(x, pi))))));
    ct_dataset_free(points);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "largest error: %.1e", error);
}
