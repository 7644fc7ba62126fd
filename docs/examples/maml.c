/* Learning to learn (Finn, Abbeel, Levine: Model-agnostic meta-learning, 2017, section 5.1): sines of any height and phase, of which ten
 * points are given. The weights are trained so that a single step on these points makes a good network of them; the gradient goes
 * through that step, to the second order. */
#include "example.h"
#include <math.h>

enum { POINTS = 10, HIDDEN = 40, TASKS = 8, STEPS = 100, PARAMETERS = 6, SEEN = 100 };
static const double inner_rate = 0.02;

/* A sine, at ten places. */
typedef struct task {
    double height, phase;
} task;

static task draw_task(void)
{
    return (task){ct_item(ct_rand(CT_FLOAT64, 0.1, 5, CT_SCALAR)),
                  ct_item(ct_rand(CT_FLOAT64, 0, 3.14159265, CT_SCALAR))};
}

static ct_tensor *loss_of(ct_module *net, task t)
{
    ct_tensor *x = ct_rand(CT_FLOAT64, -5, 5, CT_SHAPE(POINTS, 1));
    return ct_mse_loss(ct_forward(net, x), ct_mul_scalar(ct_sin(ct_add_scalar(x, -t.phase)), t.height));
}

/* The loss on new points after one step on others. */
static ct_tensor *adapted_loss(ct_module *net, task t)
{
    ct_tensor *own[PARAMETERS], *gradients[PARAMETERS], *adapted[PARAMETERS], *before = loss_of(net, t);
    for (int i = 0; i < PARAMETERS; i++)
        own[i] = ct_module_tensor(net, i);
    if (ct_grad(&before, 1, own, PARAMETERS, gradients, .create_graph = true) != CT_OK)
        return NULL;
    for (int i = 0; i < PARAMETERS; i++)
        adapted[i] = ct_sub(own[i], ct_mul_scalar(gradients[i], inner_rate));
    ct_module_exchange(net, adapted, PARAMETERS);
    ct_tensor *after = loss_of(net, t);
    ct_module_exchange(net, adapted, PARAMETERS); /* its own weights are back */
    return after;
}

static void train(ct_module *net, example *e)
{
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    for (int64_t step = 1; step <= e->epochs * STEPS && ct_error_code() == CT_OK; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_tensor *sum = ct_scalar(CT_FLOAT64, 0);
        for (int i = 0; i < TASKS; i++)
            sum = ct_add(sum, adapted_loss(net, draw_task()));
        ct_backward(ct_mul_scalar(sum, 1. / TASKS));
        ct_clip_grad_norm_(net, 10);
        ct_optimizer_step(adam);
        if (step % STEPS == 0)
            example_progress(e, step / STEPS, "loss", ct_item(sum) / TASKS);
        ct_scope_close();
    }
    ct_optimizer_free(adam);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 15, .quick_epochs = 1, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *net = ct_module_new(CT_FLOAT64);
    ct_linear_new(net, NULL, 1, HIDDEN);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, HIDDEN, HIDDEN);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, HIDDEN, 1);
    train(net, &e);
    double before = 0, after = 0;
    for (int i = 0; i < SEEN && ct_error_code() == CT_OK; i++) {
        ct_scope_open();
        task t = draw_task();
        before += ct_item(ct_detach(loss_of(net, t))) / SEEN;
        after += ct_item(ct_detach(adapted_loss(net, t))) / SEEN;
        ct_scope_close();
    }
    ct_module_free(net);
    return example_end(&e, "squared error on new sines: %.2f, and %.2f after one step", before, after);
}
