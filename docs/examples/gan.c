/* A generative adversarial network (Goodfellow et al. 2014): the generator turns noise into digits that the critic cannot tell from written
 * ones. How good they are is asked of a classifier, as by the inception score (Salimans et al. 2016): how sure it is of each, and how many
 * digits, 1 to 10, all of them come to. gan.png has some. */
#include "example.h"
#include <math.h>

enum { PIXELS = 64, NOISE = 16, BATCH = 64, JUDGED = 1000, SHOWN = 100 };

static ct_module *network(int64_t in, int64_t hidden, int64_t out, double dropout)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < 2; i++) {
        ct_linear_new(net, NULL, i ? hidden : in, hidden);
        ct_leaky_relu_new(net, NULL, 0.2);
        ct_dropout_new(net, NULL, dropout);
    }
    ct_linear_new(net, NULL, hidden, out);
    return net;
}

typedef struct gan {
    ct_module *generator, *critic;
    ct_optimizer *of_generator, *of_critic;
} gan;

/* [n,PIXELS], from -1 to 1 */
static ct_tensor *make(const gan *g, int64_t n)
{
    return ct_tanh(ct_forward(g->generator, ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(n, NOISE))));
}

/* How far the critic's opinion of x is from "written" (1) or "made" (0). */
static ct_tensor *judged(const gan *g, ct_tensor *x, double as)
{
    ct_tensor *target = ct_full(CT_FLOAT32, as, CT_SHAPE(ct_size(x, 0), 1));
    return ct_binary_cross_entropy_with_logits(ct_forward(g->critic, x), target);
}

/* The critic's. Written ones count as 0.9: a critic that is all too sure teaches nothing. */
static ct_tensor *critic_loss(void *g, ct_tensor *x)
{
    return ct_add(judged(g, x, 0.9), judged(g, ct_detach(make(g, ct_size(x, 0))), 0));
}

/* After each step of the critic, one of the generator; the critic learns nothing from it. */
static bool teach_generator(const ct_progress *progress, void *user)
{
    const gan *g = user;
    ct_scope_open();
    ct_optimizer_zero_grad(g->of_generator);
    ct_backward(judged(g, make(g, BATCH), 1));
    ct_optimizer_step(g->of_generator);
    ct_optimizer_zero_grad(g->of_critic);
    ct_scope_close();
    return progress->step > 0;
}

/* The mean of its largest probability, and e to the entropy of what it says in the mean. */
static void ask(ct_module *classifier, ct_tensor *x, double *sure, double *different)
{
    ct_tensor *p = ct_softmax(ct_forward(classifier, x), 1), *mean = ct_mean(p, CT_AXES(0));
    *sure = ct_item(ct_mean(ct_amax(p, CT_AXES(1))));
    *different = exp(-ct_item(ct_sum(ct_mul(mean, ct_log(ct_add_scalar(mean, 1e-12))))));
}

int main(int argc, char **argv)
{
    example e = {.epochs = 150, .quick_epochs = 20, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *digits = ct_load_digits(.scale = 1. / 8, .offset = -1, .shape = {PIXELS});
    ct_module *classifier = network(PIXELS, 64, 10, 0.2);
    ct_optimizer *adam = ct_optimizer_new(classifier, &ct_rule_adam, .lr = 3e-3);
    ct_fit(ct_module_forward, classifier, adam, digits, .epochs = 10, .seed = (uint64_t)e.seed, .output = NULL);
    ct_module_train(classifier, false);
    gan g = {.generator = network(NOISE, 128, PIXELS, 0), .critic = network(PIXELS, 128, 1, 0.3)};
    g.of_generator = ct_optimizer_new(g.generator, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    g.of_critic = ct_optimizer_new(g.critic, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    ct_fit(critic_loss, &g, g.of_critic, digits, .epochs = e.epochs, .batch_size = BATCH, .seed = (uint64_t)e.seed,
           .loss = example_own_loss, .progress = teach_generator, .user = &g, .log = example_path(&e, "gan.csv"));
    ct_tensor *written, *labels, *made = ct_detach(make(&g, JUDGED));
    double sure, different, sure_of_written, all_different;
    ct_dataset_all(digits, &written, &labels);
    ask(classifier, made, &sure, &different);
    ask(classifier, written, &sure_of_written, &all_different);
    example_png(&e, "gan.png", ct_reshape(ct_slice(made, 0, 0, SHOWN, 1), CT_SHAPE(SHOWN, 8, 8)), 20, -1, 1);
    ct_dataset_free(digits);
    ct_optimizer_free(adam);
    ct_optimizer_free(g.of_generator);
    ct_optimizer_free(g.of_critic);
    ct_module_free(g.generator);
    ct_module_free(g.critic);
    ct_module_free(classifier);
    return example_end(&e, "made: confidence %.4f, %.2f digits of 10; written: %.4f, %.2f", sure, different,
                       sure_of_written, all_different);
}
