/* Deeper is not better by itself: plain networks of 20 and 56 layers, and the same with shortcuts (He, Zhang, Ren, Sun, "Deep residual
 * learning for image recognition", 2016, figure 6), on the first images of Fashion-MNIST. degradation.svg has the training losses. */
#include "example.h"

typedef struct network {
    const char *name;
    ct_module *(*make)(ct_module *module, const char *name, const ct_vision_options *options);
} network;

static const network networks[] = {{"plain-20", ct_plain20_new},
                                   {"plain-56", ct_plain56_new},
                                   {"ResNet-20", ct_resnet20_new},
                                   {"ResNet-56", ct_resnet56_new}};
enum { NETWORKS = sizeof networks / sizeof *networks };

static ct_dataset *first(const ct_dataset *all, int64_t n)
{
    ct_dataset *part[2];
    n = n < ct_dataset_count(all) ? n : ct_dataset_count(all) - 1;
    ct_random_split(all, CT_VALUES((double)n, (double)(ct_dataset_count(all) - n)), part, .in_order = true);
    ct_dataset_free(part[1]);
    return part[0];
}

/* The loss of the last epoch; all go into the curve. */
static double train(const example *e, const network *n, const ct_dataset *set, int64_t width, example_curve *curve)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    CT_OPTIONS(ct_vision_options, options, .channels = 1, .classes = 10, .width = width);
    n->make(net, "net", &options);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = 0.05, .momentum = 0.9, .weight_decay = 1e-4);
    curve->label = n->name;
    printf("%s, %lld parameters\n", n->name, (long long)ct_module_numel(net));
    ct_fit(ct_module_forward, net, sgd, set, .epochs = e->epochs, .seed = (uint64_t)e->seed,
           .epoch_end = example_note_loss, .user = curve);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return curve->n > 0 ? curve->y[curve->n - 1] : 0;
}

int main(int argc, char **argv)
{
    int64_t images = 2000, width = 4;
    const example_option own[] = {
        {"images", "of the training set", .whole = &images, .low = 100, .high = 60000},
        {"width", "channels of the first convolution; 16 in the paper", .whole = &width, .low = 1, .high = 64},
        {0}};
    static example_curve curves[NETWORKS];
    example e = {.epochs = 8, .quick_epochs = 5, .seed = 1, .own = own, .data = EXAMPLE_FASHION};
    if (!example_begin(&e, argc, argv))
        return e.status;
    double losses[NETWORKS] = {0};
    ct_dataset *part[2];
    example_images(&e, part);
    ct_dataset *set = first(part[0], e.quick ? 400 : images);
    for (int i = 0; i < NETWORKS; i++)
        losses[i] = train(&e, &networks[i], set, width, &curves[i]);
    example_draw(&e, "degradation.svg", curves, NETWORKS,
                 CT_GIVEN(ct_plot_options, .title = "training loss, with and without shortcuts", .x_label = "epoch",
                          .y_label = "loss"));
    ct_dataset_free(set);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "training loss: plain-20 %.4f, plain-56 %.4f, ResNet-20 %.4f, ResNet-56 %.4f", losses[0],
                       losses[1], losses[2], losses[3]);
}
