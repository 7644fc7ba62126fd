/* A training that survives being killed: call it again in the same way, and it goes on from the last checkpoint. The weights that it
 * ends with, and its log, have the same bits as those of a run that nobody killed. */
#include "example.h"

typedef struct net {
    ct_module *module, *hidden, *out;
} net;

static ct_tensor *forward(void *model, ct_tensor *x)
{
    const net *m = model;
    ct_tensor *h = ct_relu(ct_forward(m->hidden, x));
    return ct_forward(m->out, ct_dropout(h, 0.2, ct_module_training(m->module)));
}

static void train(net *m, const ct_dataset *digits, example *e)
{
    ct_optimizer *adam = ct_optimizer_new(m->module, &ct_rule_adam, .lr = 0.003);
    ct_average *average = ct_average_new(m->module, .decay = 0.99);
    ct_optimizer_group(adam, "*.bias", .weight_decay = 0);
    ct_fit(forward, m, adam, digits, .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed, .clip_norm = 1,
           .average = average, .schedule = CT_SCHEDULE_WARMUP(50, .times = CT_SCHEDULE_COSINE(0.01, .begin = 50)),
           .checkpoint = example_path(e, "run"), .checkpoint_steps = 7, .log = example_path(e, "run.csv"));
    ct_average_exchange(average);
    ct_module_save(m->module, example_path(e, "final.safetensors"));
    ct_average_free(average);
    ct_optimizer_free(adam);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 12, .quick_epochs = 2, .seed = 5};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *module = ct_module_new(CT_FLOAT32);
    net m = {module, ct_linear_new(module, "hidden", 64, 64), ct_linear_new(module, "out", 64, 10)};
    ct_dataset *digits = ct_load_digits(.shape = {64}, .scale = 1. / 8, .offset = -1);
    train(&m, digits, &e);
    ct_evaluation result = {0};
    ct_evaluate(forward, &m, digits, &result);
    ct_dataset_free(digits);
    ct_module_free(module);
    return example_end(&e, "accuracy of the averaged weights: %.4f", result.accuracy);
}
