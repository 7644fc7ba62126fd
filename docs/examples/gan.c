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

/* [n,PIXELS], from -1 to 1 */
static ct_tensor *make(ct_module *generator, int64_t n)
{
    return ct_tanh(ct_forward(generator, ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(n, NOISE))));
}

/* How far the critic's opinion of x is from "written" (1) or "made" (0). */
static ct_tensor *judged(ct_module *critic, ct_tensor *x, double as)
{
    ct_tensor *target = ct_full(CT_FLOAT32, as, CT_SHAPE(ct_size(x, 0), 1));
    return ct_binary_cross_entropy_with_logits(ct_forward(critic, x), target);
}

typedef struct gan {
    ct_module *generator, *critic;
    ct_optimizer *of_generator, *of_critic;
} gan;

/* The critic's loss, in the mean over an epoch. Written ones count as 0.9: a critic that is all too sure teaches nothing. */
static double train(gan *g, ct_batches *batches)
{
    double sum = 0;
    CT_EACH_BATCH (batches, x, labels) {
        ct_optimizer_zero_grad(g->of_critic);
        ct_tensor *made = ct_detach(make(g->generator, ct_size(x, 0)));
        ct_tensor *loss = ct_add(judged(g->critic, x, 0.9), judged(g->critic, made, 0));
        ct_backward(loss);
        ct_optimizer_step(g->of_critic);
        ct_optimizer_zero_grad(g->of_generator);
        ct_backward(judged(g->critic, make(g->generator, BATCH), 1)); /* its critic's are cleared above */
        ct_optimizer_step(g->of_generator);
        sum += ct_item(loss);
    }
    return sum / (double)ct_batches_count(batches);
}

static ct_module *train_classifier(const example *e, const ct_dataset *digits)
{
    ct_module *net = network(PIXELS, 64, 10, 0.2);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_fit(ct_module_forward, net, adam, digits, .epochs = 10, .batch_size = BATCH, .seed = (uint64_t)e->seed,
           .output = NULL);
    ct_optimizer_free(adam);
    ct_module_train(net, false);
    return net;
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
    ct_module *classifier = train_classifier(&e, digits);
    gan g = {.generator = network(NOISE, 128, PIXELS, 0), .critic = network(PIXELS, 128, 1, 0.3)};
    g.of_generator = ct_optimizer_new(g.generator, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    g.of_critic = ct_optimizer_new(g.critic, &ct_rule_adam, .lr = 1e-3, .beta1 = 0.5);
    ct_batches *batches = ct_batches_new(digits, .size = BATCH, .shuffle = true, .seed = (uint64_t)e.seed);
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++)
        example_progress(&e, epoch, "critic", train(&g, batches));
    ct_tensor *written, *labels, *made = ct_detach(make(g.generator, JUDGED));
    double sure, different, sure_of_written, all_different;
    example_all(digits, &written, &labels);
    ask(classifier, made, &sure, &different);
    ask(classifier, written, &sure_of_written, &all_different);
    example_png(&e, "gan.png", ct_reshape(ct_slice(made, 0, 0, SHOWN, 1), CT_SHAPE(SHOWN, 8, 8)), 20, -1, 1);
    ct_batches_free(batches);
    ct_dataset_free(digits);
    ct_optimizer_free(g.of_generator);
    ct_optimizer_free(g.of_critic);
    ct_module_free(g.generator);
    ct_module_free(g.critic);
    ct_module_free(classifier);
    return example_end(&e, "made: confidence %.4f, %.2f digits of 10; written: %.4f, %.2f", sure, different,
                       sure_of_written, all_different);
}
