/* A training that survives being killed: call it again in the same way, and it goes on from the last checkpoint. The weights that it
 * ends with, and its log, have the same bits as those of a run that nobody killed.
 *
 * usage: resume FOLDER    writes run.safetensors (the checkpoint), run.csv, and final.safetensors at the end */
#include <cotan/cotan.h>

typedef struct net {
    ct_module *module, *hidden, *out;
} net;

static ct_tensor *forward(void *model, ct_tensor *x)
{
    const net *m = model;
    ct_tensor *h = ct_relu(ct_forward(m->hidden, x));
    return ct_forward(m->out, ct_dropout(h, 0.2, ct_module_training(m->module)));
}

static const char *path_in(const char *folder, const char *name)
{
    static char paths[4][4096];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void train(net *m, const ct_dataset *digits, const char *folder)
{
    ct_optimizer *adam = ct_optimizer_new(m->module, &ct_rule_adam, .lr = 0.003);
    ct_average *average = ct_average_new(m->module, .decay = 0.99);
    ct_optimizer_group(adam, "*.bias", .weight_decay = 0);
    ct_fit(forward, m, adam, digits, .epochs = 12, .batch_size = 32, .seed = 5, .clip_norm = 1, .average = average,
           .schedule = CT_SCHEDULE_WARMUP(50, .times = CT_SCHEDULE_COSINE(0.01, .begin = 50)),
           .checkpoint = path_in(folder, "run"), .checkpoint_steps = 7, .log = path_in(folder, "run.csv"));
    ct_average_exchange(average);
    ct_module_save(m->module, path_in(folder, "final.safetensors"));
    ct_average_free(average);
    ct_optimizer_free(adam);
}

int main(int argc, char **argv)
{
    ct_seed(1);
    ct_module *module = ct_module_new(CT_FLOAT32);
    net m = {module, ct_linear_new(module, "hidden", 64, 64), ct_linear_new(module, "out", 64, 10)};
    ct_dataset *digits = ct_load_digits(.shape = {64}, .scale = 1. / 8, .offset = -1);
    if (digits)
        train(&m, digits, argc > 1 ? argv[1] : ".");
    ct_evaluation result;
    if (ct_evaluate(forward, &m, digits, &result) == CT_OK)
        printf("accuracy of the averaged weights: %.4f\n", result.accuracy);
    ct_dataset_free(digits);
    ct_module_free(module);
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "%s\n", ct_error_message()), 1;
    return 0;
}
