/* A generative adversarial network (Goodfellow et al. 2014): the generator turns noise into numbers that the critic cannot tell from
 * those of a normal distribution with mean 3 and deviation 0.5. */
#include <cotan/cotan.h>

enum { BATCH = 128, HIDDEN = 16, STEPS = 4000 };

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

static void step(ct_module *generator, ct_module *critic, ct_optimizer *of_generator, ct_optimizer *of_critic)
{
    ct_scope_open();
    ct_optimizer_zero_grad(of_critic);
    ct_tensor *made = ct_detach(ct_forward(generator, noise(0, 1)));
    ct_backward(ct_add(judged(critic, noise(3, 0.5), 1), judged(critic, made, 0)));
    ct_optimizer_step(of_critic);
    ct_optimizer_zero_grad(of_generator);
    ct_backward(judged(critic, ct_forward(generator, noise(0, 1)), 1)); /* its critic's gradients are cleared above */
    ct_optimizer_step(of_generator);
    ct_scope_close();
}

int main(void)
{
    ct_seed(1);
    ct_module *generator = network(), *critic = network();
    ct_optimizer *of_generator = ct_optimizer_new(generator, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    ct_optimizer *of_critic = ct_optimizer_new(critic, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    double mean = 0, deviation = 0;
    for (int i = 0; i < STEPS && ct_error_code() == CT_OK; i++) {
        step(generator, critic, of_generator, of_critic);
        ct_scope_open();
        ct_tensor *made = i >= STEPS - 100 ? ct_detach(ct_forward(generator, noise(0, 1))) : NULL;
        mean += made ? ct_item(ct_mean(made)) / 100 : 0;
        deviation += made ? ct_item(ct_std(made)) / 100 : 0;
        ct_scope_close();
    }
    printf("mean %.2f, deviation %.2f\n", mean, deviation);
    ct_optimizer_free(of_generator);
    ct_optimizer_free(of_critic);
    ct_module_free(generator);
    ct_module_free(critic);
    return ct_error_code() == CT_OK ? 0 : (fprintf(stderr, "%s\n", ct_error_message()), 1);
}
