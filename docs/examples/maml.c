/* Learning to learn (Finn, Abbeel, Levine: Model-agnostic meta-learning, 2017, section 5.1): sines of any height and phase, of which ten
 * points are given. The weights are trained so that a single step on these points makes a good network of them; the gradient goes
 * through that step, to the second order. */
#include "example.h"

enum { POINTS = 10, HIDDEN = 40, TASKS = 8, STEPS = 100, PARAMETERS = 6, SEEN = 100 };
static const double inner_rate = 0.02;

/* Sines [n,2]: heights from 0.1 to 5, phases from 0 to pi. */
static ct_tensor *draw_tasks(int64_t n)
{
    ct_tensor *ranges = ct_from_values(CT_FLOAT64, CT_VALUES(4.9, 3.14159265), CT_SHAPE(2));
    ct_tensor *low = ct_from_values(CT_FLOAT64, CT_VALUES(0.1, 0), CT_SHAPE(2));
    return ct_add(ct_mul(ct_rand(CT_FLOAT64, 0, 1, CT_SHAPE(n, 2)), ranges), low);
}

/* The loss on points of a sine [2]. */
static ct_tensor *loss_of(ct_module *net, ct_tensor *task)
{
    ct_tensor *x = ct_rand(CT_FLOAT64, -5, 5, CT_SHAPE(POINTS, 1));
    ct_tensor *y = ct_mul(ct_sin(ct_sub(x, ct_select(task, 0, 1))), ct_select(task, 0, 0));
    return ct_mse_loss(ct_forward(net, x), y);
}

/* The loss on new points after one step on others. */
static ct_tensor *adapted_loss(ct_module *net, ct_tensor *task)
{
    ct_tensor *own[PARAMETERS], *gradients[PARAMETERS], *adapted[PARAMETERS], *before = loss_of(net, task);
    for (int i = 0; i < PARAMETERS; i++)
        own[i] = ct_module_tensor(net, i);
    if (ct_grad(&before, 1, own, PARAMETERS, gradients, .create_graph = true) != CT_OK)
        return NULL;
    for (int i = 0; i < PARAMETERS; i++)
        adapted[i] = ct_sub(own[i], ct_mul_scalar(gradients[i], inner_rate));
    ct_module_exchange(net, adapted, PARAMETERS);
    ct_tensor *after = loss_of(net, task);
    ct_module_exchange(net, adapted, PARAMETERS); /* its own weights are back */
    return after;
}

static ct_tensor *mean_of(ct_tensor *(*loss)(ct_module *, ct_tensor *), ct_module *net, ct_tensor *tasks)
{
    ct_tensor *sum = ct_scalar(CT_FLOAT64, 0);
    for (int64_t i = 0; i < ct_size(tasks, 0); i++)
        sum = ct_add(sum, loss(net, ct_select(tasks, 0, i)));
    return ct_mul_scalar(sum, 1 / (double)ct_size(tasks, 0));
}

static ct_tensor *forward(void *net, ct_tensor *tasks)
{
    return mean_of(adapted_loss, net, tasks);
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
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_tensor *tasks = draw_tasks(TASKS * STEPS), *unseen = draw_tasks(SEEN);
    ct_dataset *sines = ct_dataset_new(tasks, tasks, .dtype = CT_FLOAT64);
    ct_fit(forward, net, adam, sines, .epochs = e.epochs, .batch_size = TASKS, .seed = (uint64_t)e.seed,
           .loss = example_own_loss, .clip_norm = 10, .log = example_path(&e, "maml.csv"));
    double before = ct_item(ct_detach(mean_of(loss_of, net, unseen))), after = ct_item(ct_detach(forward(net, unseen)));
    ct_dataset_free(sines);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "squared error on new sines: %.2f, and %.2f after one step", before, after);
}
