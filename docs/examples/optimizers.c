/* Optimisers side by side: the same network from the same first weights learns the digits by each rule; optimizers.svg has the losses
 * over the epochs. */
#include "example.h"
#include <math.h>

typedef struct row {
    const char *name;
    const ct_optimizer_rule *rule;
    double lr, momentum;
    bool nesterov;
} row;

static const row rows[] = {
    {"SGD", &ct_rule_sgd, 0.1, CT_UNSET, false},         {"momentum 0.9", &ct_rule_sgd, 0.03, 0.9, false},
    {"Nesterov 0.9", &ct_rule_sgd, 0.03, 0.9, true},     {"Adagrad", &ct_rule_adagrad, 0.03, CT_UNSET, false},
    {"Adadelta", &ct_rule_adadelta, 1, CT_UNSET, false}, {"RMSprop", &ct_rule_rmsprop, 3e-3, CT_UNSET, false},
    {"Adam", &ct_rule_adam, 3e-3, CT_UNSET, false},      {"NAdam", &ct_rule_nadam, 3e-3, CT_UNSET, false},
};
enum { ROWS = sizeof rows / sizeof *rows };

static double learn(const example *e, const row *r, ct_dataset *const part[2], example_curve *curve)
{
    ct_evaluation test = {0};
    ct_seed((uint64_t)e->seed);
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64, 32);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 32, 10);
    ct_optimizer *optimizer =
        ct_optimizer_new(net, r->rule, .lr = r->lr, .momentum = r->momentum, .nesterov = r->nesterov);
    ct_fit(ct_module_forward, net, optimizer, part[0], .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .epoch_end = example_note_loss, .user = curve, .output = NULL);
    ct_evaluate(ct_module_forward, net, part[1], &test);
    curve->label = r->name;
    printf("%-14s loss %.6f, test accuracy %.4f\n", r->name, curve->y[curve->n ? curve->n - 1 : 0], test.accuracy);
    fflush(stdout);
    ct_optimizer_free(optimizer);
    ct_module_free(net);
    return test.accuracy;
}

int main(int argc, char **argv)
{
    static example_curve curves[ROWS];
    example e = {.epochs = 20, .quick_epochs = 4, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    double worst = 1;
    int best = 0;
    example_digits(&e, part);
    for (int i = 0; i < ROWS && ct_error_code() == CT_OK; i++) {
        worst = fmin(worst, learn(&e, &rows[i], part, &curves[i]));
        best = curves[i].y[e.epochs - 1] < curves[best].y[e.epochs - 1] ? i : best;
    }
    CT_OPTIONS(ct_plot_options, plot, .title = "Optimisers", .x_label = "epoch", .y_label = "cross entropy");
    example_draw(&e, "optimizers.svg", curves, ROWS, &plot);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "least loss: %s, %.4f; least test accuracy of all: %.4f", rows[best].name,
                       curves[best].y[e.epochs - 1], worst);
}
