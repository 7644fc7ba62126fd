/* Initialisation: how large the activations of ten layers are before any training, by the weights' first distribution, and what the
 * network learns from there. initialisation.svg has the activations, initialisation-loss.svg the losses. */
#include "example.h"
#include <math.h>

enum { DEPTH = 10, WIDTH = 100 };

typedef struct row {
    const char *name;
    ct_tensor *(*activation)(ct_tensor *x);
    const ct_initializer *weight;
} row;

static ct_tensor *tanh_of(ct_tensor *x)
{
    return ct_tanh(x);
}
static ct_tensor *relu_of(ct_tensor *x)
{
    return ct_relu(x);
}

typedef struct net {
    ct_module *module, *layers[DEPTH], *out;
    const row *row;
    example_curve *sizes; /* of activations, as powers of ten; NULL: not noted */
} net;

static ct_tensor *forward(void *model, ct_tensor *x)
{
    const net *n = model;
    x = ct_flatten(x, 1, -1);
    for (int i = 0; i < DEPTH; i++) {
        x = n->row->activation(ct_forward(n->layers[i], x));
        if (n->sizes)
            example_point(n->sizes, i + 1, log10(ct_item(ct_std(ct_detach(x))) + 1e-12));
    }
    return ct_forward(n->out, x);
}

/* The loss after training. */
static double learn(const example *e, const row *r, const ct_dataset *train, example_curve *sizes, example_curve *loss)
{
    ct_tensor *x, *labels;
    net n = {.module = ct_module_new(CT_FLOAT32), .row = r, .sizes = sizes};
    for (int i = 0; i < DEPTH; i++)
        n.layers[i] = ct_linear_new(n.module, NULL, i ? WIDTH : 64, WIDTH, .weight = r->weight, .bias = &ct_init_zeros);
    n.out = ct_linear_new(n.module, NULL, WIDTH, 10);
    ct_optimizer *sgd = ct_optimizer_new(n.module, &ct_rule_sgd, .lr = 0.01, .momentum = 0.9);
    ct_dataset_all(train, &x, &labels);
    forward(&n, x);
    n.sizes = NULL;
    ct_fit(forward, &n, sgd, train, .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .epoch_end = example_note_loss, .user = loss, .output = NULL);
    sizes->label = loss->label = r->name;
    printf("%-22s activations of layer 1 and %d: %.0e and %.0e; loss %.4f\n", r->name, DEPTH, pow(10, sizes->y[0]),
           pow(10, sizes->y[DEPTH - 1]), loss->n ? loss->y[loss->n - 1] : NAN);
    fflush(stdout);
    ct_optimizer_free(sgd);
    ct_module_free(n.module);
    return loss->n ? loss->y[loss->n - 1] : NAN;
}

int main(int argc, char **argv)
{
    const row rows[] = {
        {"tanh, normal(0.01)", tanh_of, CT_INIT_NORMAL(0.01)},
        {"tanh, normal(1)", tanh_of, CT_INIT_NORMAL(1)},
        {"tanh, Glorot", tanh_of, &ct_init_glorot_normal},
        {"tanh, orthogonal", tanh_of, &ct_init_orthogonal},
        {"relu, normal(0.01)", relu_of, CT_INIT_NORMAL(0.01)},
        {"relu, Glorot", relu_of, &ct_init_glorot_normal},
        {"relu, He", relu_of, &ct_init_he_normal},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    static example_curve sizes[ROWS], losses[ROWS];
    example e = {.epochs = 8, .quick_epochs = 3, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    double loss[ROWS] = {0};
    example_digits(&e, part);
    for (int i = 0; i < ROWS && ct_error_code() == CT_OK; i++)
        loss[i] = learn(&e, &rows[i], part[0], &sizes[i], &losses[i]);
    CT_OPTIONS(ct_plot_options, plot, .title = "Activations", .x_label = "layer",
               .y_label = "log10 of their deviation");
    example_draw(&e, "initialisation.svg", sizes, ROWS, &plot);
    plot.title = "Ten layers", plot.x_label = "epoch", plot.y_label = "cross entropy";
    example_draw(&e, "initialisation-loss.svg", losses, ROWS, &plot);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e,
                       "loss: tanh from normal(0.01) %.3f, from Glorot %.3f; relu from normal(0.01) %.3f, from He %.3f",
                       loss[0], loss[2], loss[4], loss[6]);
}
