/* Dropout (Srivastava et al. 2014) and batch norm (Ioffe, Szegedy 2015), each with and without. Dropout keeps a wide network that has
 * seen 200 digits only from learning them by heart; batch norm lets a deep network of sigmoids learn. regularisation.svg has the
 * losses on digits that were not seen, over the epochs. */
#include "example.h"

enum { SEEN = 200 };

/* A wide network; half of what the layers say is dropped. */
static void build_wide(ct_module *net, bool dropout)
{
    ct_flatten_new(net, NULL, 1, -1);
    for (int i = 0; i < 2; i++) {
        ct_linear_new(net, NULL, i ? 256 : 64, 256);
        ct_relu_new(net, NULL);
        if (dropout)
            ct_dropout_new(net, NULL, 0.5);
    }
    ct_linear_new(net, NULL, 256, 10);
}

/* A deep one. */
static void build_deep(ct_module *net, bool norm)
{
    ct_flatten_new(net, NULL, 1, -1);
    for (int i = 0; i < 5; i++) {
        ct_linear_new(net, NULL, 64, 64);
        if (norm)
            ct_batch_norm_new(net, NULL, 64);
        ct_sigmoid_new(net, NULL);
    }
    ct_linear_new(net, NULL, 64, 10);
}

typedef struct row {
    const char *name;
    void (*build)(ct_module *net, bool with);
    bool with, few; /* few: trained on SEEN samples */
} row;

static const row rows[] = {{"wide", build_wide, false, true},
                           {"wide, dropout", build_wide, true, true},
                           {"deep", build_deep, false, false},
                           {"deep, batch norm", build_deep, true, false}};

static ct_evaluation learn(const example *e, const row *r, const ct_dataset *train, const ct_dataset *test,
                           example_curve *curve)
{
    ct_evaluation result = {0};
    ct_seed((uint64_t)e->seed);
    ct_module *net = ct_module_new(CT_FLOAT32);
    r->build(net, r->with);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 1e-3);
    ct_fit(ct_module_forward, net, adam, train, .epochs = r->few ? 4 * e->epochs : e->epochs, .batch_size = 32,
           .seed = (uint64_t)e->seed, .validation = test, .epoch_end = example_note_validation, .user = curve,
           .output = NULL);
    ct_evaluate(ct_module_forward, net, test, &result);
    curve->label = r->name;
    printf("%-18s loss %.4f, accuracy %.4f on the unseen\n", r->name, result.loss, result.accuracy);
    fflush(stdout);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return result;
}

int main(int argc, char **argv)
{
    static example_curve curves[4];
    example e = {.epochs = 25, .quick_epochs = 5, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2], *few[2];
    ct_evaluation result[4] = {0};
    example_digits(&e, part);
    ct_random_split(part[0], CT_VALUES(SEEN, (double)(ct_dataset_count(part[0]) - SEEN)), few, .stratify = true);
    for (int i = 0; i < 4 && ct_error_code() == CT_OK; i++)
        result[i] = learn(&e, &rows[i], rows[i].few ? few[0] : part[0], part[1], &curves[i]);
    CT_OPTIONS(ct_plot_options, plot, .title = "Unseen digits", .x_label = "epoch", .y_label = "cross entropy");
    example_draw(&e, "regularisation.svg", curves, 4, &plot);
    for (int i = 0; i < 2; i++) {
        ct_dataset_free(part[i]);
        ct_dataset_free(few[i]);
    }
    return example_end(&e, "loss %.3f, with dropout %.3f; loss %.3f, with batch norm %.3f", result[0].loss,
                       result[1].loss, result[2].loss, result[3].loss);
}
