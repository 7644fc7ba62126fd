/* A generative adversarial network (Goodfellow et al. 2014): the generator turns noise into numbers that the critic cannot tell from
 * those of a normal distribution with mean 3 and deviation 0.5. */
#include "example.h"

enum { BATCH = 128, HIDDEN = 16, STEPS = 100 };

static ct_module *network(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, NULL, 1, HIDDEN);
    ct_leaky_relu_new(net, NULL, 0.2);
    ct_linear_new(net, NULL, HIDDEN, HIDDEN);
    ct_leaky_relu_new(net, NULL, 0.2);
    ct_linear_new(net, NULL, HIDDEN, 1);
    return net;
}

static ct_tensor *noise(double mean, double deviation)
{
    return ct_randn(CT_FLOAT32, mean, deviation, CT_SHAPE(BATCH, 1));
}

/* How far the critic's opinion of x is from "real" (1) or "made" (0). */
static ct_tensor *judged(ct_module *critic, ct_tensor *x, double as)
{
    ct_tensor *target = ct_full(CT_FLOAT32, as, CT_SHAPE(BATCH, 1));
    return ct_binary_cross_entropy_with_logits(ct_forward(critic, x), target);
}

typedef struct gan {
    ct_module *generator, *critic;
    ct_optimizer *of_generator, *of_critic;
    double mean, deviation; /* of what was made in the last epoch */
} gan;

/* The critic's loss. */
static double step(gan *g)
{
    ct_scope_open();
    ct_optimizer_zero_grad(g->of_critic);
    ct_tensor *made = ct_detach(ct_forward(g->generator, noise(0, 1)));
    ct_tensor *loss = ct_add(judged(g->critic, noise(3, 0.5), 1), judged(g->critic, made, 0));
    ct_backward(loss);
    ct_optimizer_step(g->of_critic);
    ct_optimizer_zero_grad(g->of_generator);
    ct_backward(judged(g->critic, ct_forward(g->generator, noise(0, 1)), 1)); /* its critic's are cleared above */
    ct_optimizer_step(g->of_generator);
    g->mean += ct_item(ct_mean(made)) / STEPS;
    g->deviation += ct_item(ct_std(made)) / STEPS;
    double value = ct_item(loss);
    ct_scope_close();
    return value;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 40, .quick_epochs = 2, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    gan g = {.generator = network(), .critic = network()};
    g.of_generator = ct_optimizer_new(g.generator, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    g.of_critic = ct_optimizer_new(g.critic, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++) {
        double loss = 0;
        g.mean = g.deviation = 0;
        for (int i = 0; i < STEPS && ct_error_code() == CT_OK; i++)
            loss = step(&g);
        example_progress(&e, epoch, "critic", loss);
    }
    ct_optimizer_free(g.of_generator);
    ct_optimizer_free(g.of_critic);
    ct_module_free(g.generator);
    ct_module_free(g.critic);
    return example_end(&e, "mean %.2f, deviation %.2f", g.mean, g.deviation);
}
