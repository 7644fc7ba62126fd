/* Chapter 10: a network that has too few samples, with and without regularisation; and batch norm in a network that starts badly.
 * Writes 10_regularisation.svg and 10_batch_norm.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum {
    CLASSES = 10,
    PIXELS = 64,
    HIDDEN = 256,
    WIDTH = 64,
    SAMPLES = 1797,
    FEW = 150,
    HELD_OUT = 500,
    EPOCHS = 100,
    DEEP = 6,
    STEPS = 60
};

typedef struct part {
    ct_tensor *x, *y;
} part;

static part cut(ct_tensor *x, ct_tensor *y, int64_t from, int64_t to)
{
    return (part){ct_slice(x, 0, from, to, 1), ct_slice(y, 0, from, to, 1)};
}

static void read_digits(ct_tensor **x, ct_tensor **y)
{
    ct_dataset *all = ct_load_digits(.shape = {64}, .scale = 1. / 8, .offset = -1, .dtype = CT_FLOAT64);
    int64_t order[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++)
        order[i] = i;
    ct_dataset_batch(all, order, SAMPLES, x, y);
    ct_dataset_free(all);
}

/* ---- too few samples ---- */

typedef struct network {
    ct_module *module;
    ct_module *first, *second;
    double dropout;
} network;

static ct_tensor *forward(const network *net, ct_tensor *x, bool training)
{
    ct_tensor *hidden = ct_relu(ct_forward(net->first, x));
    return ct_forward(net->second, ct_dropout(hidden, net->dropout, training));
}

typedef struct way {
    const char *name;
    double weight_decay, dropout;
} way;

static void learn(const way *w, const part *few, const part *rest, double *held_out)
{
    ct_seed(1);
    network net = {.module = ct_module_new(CT_FLOAT64), .dropout = w->dropout};
    net.first = ct_linear_new(net.module, "first", PIXELS, HIDDEN);
    net.second = ct_linear_new(net.module, "second", HIDDEN, CLASSES);
    ct_optimizer *adam = ct_optimizer_new(net.module, &ct_rule_adamw, .lr = 0.003, .weight_decay = w->weight_decay);
    double loss = NAN;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        ct_scope_open();
        ct_optimizer_zero_grad(adam);
        ct_backward(ct_cross_entropy(forward(&net, few->x, true), few->y));
        ct_optimizer_step(adam);
        loss = ct_item(ct_cross_entropy(forward(&net, few->x, false), few->y));
        held_out[epoch] = ct_item(ct_cross_entropy(forward(&net, rest->x, false), rest->y));
        ct_scope_close();
    }
    printf("%-13s  training loss %.4f   held out: loss %.3f, right %.3f\n", w->name, loss, held_out[EPOCHS - 1],
           ct_accuracy(forward(&net, rest->x, false), rest->y));
    ct_optimizer_free(adam);
    ct_module_free(net.module);
}

static void regularise(ct_tensor *x, ct_tensor *y)
{
    static const way ways[] = {{"nothing", 0, 0}, {"weight decay", 3, 0}, {"dropout", 0, 0.7}};
    static double epochs[EPOCHS], held_out[3][EPOCHS];
    part few = cut(x, y, 0, FEW), rest = cut(x, y, SAMPLES - HELD_OUT, SAMPLES);
    ct_series series[3];
    printf("%d samples, %d parameters\n", FEW, PIXELS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES);
    for (int i = 0; i < 3; i++) {
        learn(&ways[i], &few, &rest, held_out[i]);
        series[i] = (ct_series){.label = ways[i].name, .x = epochs, .y = held_out[i], .n = EPOCHS};
    }
    for (int i = 0; i < EPOCHS; i++)
        epochs[i] = i + 1;
    ct_plot_svg("10_regularisation.svg", series, 3, .title = "Loss on samples that the network has not seen",
                .x_label = "epoch", .y_label = "cross entropy");
}

/* ---- batch norm ---- */

typedef struct deep {
    ct_module *module;
    ct_module *layers[DEEP], *out;
    ct_tensor *scale[DEEP], *shift[DEEP], *mean[DEEP], *variance[DEEP];
} deep;

/* Layers whose first weights are a fifth of what they should be. */
static deep deep_new(void)
{
    static const ct_initializer small = {.name = "small", .distribution = CT_NORMAL, .value = 0.04, .in = 1};
    deep net = {.module = ct_module_new(CT_FLOAT64)};
    char name[16];
    for (int i = 0; i < DEEP; i++) {
        snprintf(name, sizeof name, "layer%d", i);
        net.layers[i] =
            ct_linear_new(net.module, name, i ? WIDTH : PIXELS, WIDTH, .weight = &small, .bias = &ct_init_zeros);
        ct_module_push(net.module, name);
        net.scale[i] = ct_module_parameter(net.module, "scale", ct_ones(CT_FLOAT64, CT_SHAPE(WIDTH)));
        net.shift[i] = ct_module_parameter(net.module, "shift", ct_zeros(CT_FLOAT64, CT_SHAPE(WIDTH)));
        net.mean[i] = ct_module_buffer(net.module, "mean", ct_zeros(CT_FLOAT64, CT_SHAPE(WIDTH)));
        net.variance[i] = ct_module_buffer(net.module, "variance", ct_ones(CT_FLOAT64, CT_SHAPE(WIDTH)));
        ct_module_pop(net.module);
    }
    net.out = ct_linear_new(net.module, "out", WIDTH, CLASSES);
    return net;
}

static ct_tensor *deep_forward(const deep *net, ct_tensor *x, bool norm)
{
    for (int i = 0; i < DEEP; i++) {
        x = ct_forward(net->layers[i], x);
        if (norm)
            x = ct_batch_norm(x, net->scale[i], net->shift[i], .running_mean = net->mean[i],
                              .running_var = net->variance[i]);
        x = ct_relu(x);
    }
    return ct_forward(net->out, x);
}

static void deep_learn(bool norm, const part *p, double *losses)
{
    ct_seed(1);
    deep net = deep_new();
    ct_optimizer *sgd = ct_optimizer_new(net.module, &ct_rule_sgd, .lr = 0.1);
    double first_gradient = NAN;
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ct_optimizer_zero_grad(sgd);
        ct_tensor *loss = ct_cross_entropy(deep_forward(&net, p->x, norm), p->y);
        ct_backward(loss);
        if (step == 0)
            first_gradient = ct_item(ct_norm(ct_grad_of(ct_module_get(net.module, "layer0.weight")), 2));
        ct_optimizer_step(sgd);
        losses[step] = ct_item(loss);
        ct_scope_close();
    }
    printf("%-18s  gradient to the first layer %.0e, loss %.3f to %.3f\n",
           norm ? "with batch norm" : "without batch norm", first_gradient, losses[0], losses[STEPS - 1]);
    ct_optimizer_free(sgd);
    ct_module_free(net.module);
}

static void normalise(ct_tensor *x, ct_tensor *y)
{
    static double steps[STEPS], losses[2][STEPS];
    part p = cut(x, y, 0, 500);
    printf("\n%d layers with small first weights\n", DEEP);
    for (int i = 0; i < 2; i++)
        deep_learn(i == 1, &p, losses[i]);
    for (int i = 0; i < STEPS; i++)
        steps[i] = i + 1;
    const ct_series series[] = {{.label = "without batch norm", .x = steps, .y = losses[0], .n = STEPS},
                                {.label = "with batch norm", .x = steps, .y = losses[1], .n = STEPS}};
    ct_plot_svg("10_batch_norm.svg", series, 2, .title = "Six layers that start badly", .x_label = "step",
                .y_label = "cross entropy");
}

int main(void)
{
    ct_tensor *x, *y;
    ct_scope_open();
    read_digits(&x, &y);
    regularise(x, y);
    normalise(x, y);
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "10_regularisation: %s\n", ct_error_message()), 1;
    return 0;
}
