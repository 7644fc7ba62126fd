/* Chapter 11: a convolution in numbers, a small convolutional network on the digits, and what a way around does for a deep one.
 * Writes 11_convolutions.svg. */
#include <cotan/cotan.h>
#include <math.h>

enum { CLASSES = 10, SIDE = 8, SAMPLES = 1797, HELD_OUT = 360, EPOCHS = 8, DEPTH = 30, CHANNELS = 8 };

static void show(const char *what, const ct_tensor *t)
{
    char text[256];
    ct_format(t, text, sizeof text);
    printf("%-24s %s\n", what, text);
}

/* ---- five numbers and a kernel of three ---- */

static void by_numbers(void)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 1, 5, 5, 5), CT_SHAPE(1, 1, 5));
    ct_tensor *w = ct_from_values(CT_FLOAT64, CT_VALUES(-1, 0, 1), CT_SHAPE(1, 1, 3));
    ct_set_requires_grad(x, true);
    ct_set_requires_grad(w, true);
    ct_tensor *y = ct_conv1d(x, w, NULL), *g = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0, -1), CT_SHAPE(1, 1, 3));
    ct_backward(y, .gradient = g);
    show("x", ct_flatten(ct_detach(x), 0, -1));
    show("y, kernel (-1, 0, 1)", ct_flatten(ct_detach(y), 0, -1));
    show("g arrives", ct_flatten(g, 0, -1));
    show("gradient to the kernel", ct_flatten(ct_grad_of(w), 0, -1));
    show("gradient to x", ct_flatten(ct_grad_of(x), 0, -1));
    printf("\n");
}

/* ---- the digits ---- */

typedef struct network {
    ct_module *module;
    ct_module *first, *second;
    ct_module *out;
} network;

/* 8x8 to 4x4 to 2x2, with more channels each time, as LeNet and VGG do it. */
static ct_tensor *convolutional(void *model, ct_tensor *x)
{
    const network *net = model;
    x = ct_max_pool2d(ct_relu(ct_forward(net->first, x)), 2);
    x = ct_max_pool2d(ct_relu(ct_forward(net->second, x)), 2);
    return ct_forward(net->out, ct_flatten(x, 1, -1));
}

static ct_tensor *linear(void *model, ct_tensor *x)
{
    const network *net = model;
    return ct_forward(net->out, ct_flatten(x, 1, -1));
}

static ct_dataset *part_of(ct_dataset *all, int64_t from, int64_t to)
{
    int64_t order[SAMPLES];
    for (int64_t i = from; i < to; i++)
        order[i - from] = i;
    return ct_dataset_subset(all, order, to - from);
}

static void learn(const char *name, ct_model forward, network net)
{
    ct_dataset *all = ct_load_digits(.scale = 1. / 8, .offset = -1);
    ct_dataset *training = part_of(all, 0, SAMPLES - HELD_OUT), *held_out = part_of(all, SAMPLES - HELD_OUT, SAMPLES);
    ct_optimizer *adam = ct_optimizer_new(net.module, &ct_rule_adam, .lr = 0.005);
    ct_evaluation result = {0};
    ct_fit(forward, &net, adam, training, .epochs = EPOCHS, .seed = 1, .output = NULL);
    ct_evaluate(forward, &net, held_out, &result);
    printf("%-14s %6lld parameters, right after %d epochs: %.3f of those held out\n", name,
           (long long)ct_module_numel(net.module), EPOCHS, result.accuracy);
    ct_optimizer_free(adam);
    ct_dataset_free(training);
    ct_dataset_free(held_out);
    ct_dataset_free(all);
    ct_module_free(net.module);
}

static void digits(void)
{
    ct_seed(1);
    network flat = {.module = ct_module_new(CT_FLOAT32)}, net = {.module = ct_module_new(CT_FLOAT32)};
    flat.out = ct_linear_new(flat.module, "out", SIDE * SIDE, CLASSES);
    learn("linear", linear, flat);
    net.first = ct_conv2d_new(net.module, "first", 1, 8, 3, .padding = 1);
    net.second = ct_conv2d_new(net.module, "second", 8, 16, 3, .padding = 1);
    net.out = ct_linear_new(net.module, "out", 16 * 2 * 2, CLASSES);
    learn("convolutional", convolutional, net);
}

/* ---- deep: plain, and with a way around ---- */

/* x goes through DEPTH convolutions; with a way around, each adds its result to what came in. grads[i]: the size of what arrives
 * behind layer i. */
static void deep(bool around, double *grads)
{
    ct_tensor *x = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(4, CHANNELS, SIDE, SIDE)), *layers[DEPTH];
    ct_set_requires_grad(x, true);
    for (int i = 0; i < DEPTH; i++) {
        ct_tensor *w = ct_randn(CT_FLOAT64, 0, 0.7 * sqrt(2. / (9 * CHANNELS)), CT_SHAPE(CHANNELS, CHANNELS, 3, 3));
        ct_tensor *y = ct_relu(ct_conv2d(x, w, NULL, .padding = {1}));
        layers[i] = x = around ? ct_add(x, ct_mul_scalar(y, 0.2)) : y;
        ct_retain_grad(x);
    }
    ct_backward(ct_mean(ct_square(x)));
    for (int i = 0; i < DEPTH; i++)
        grads[i] = log10(ct_item(ct_norm(ct_grad_of(layers[i]), 2)));
}

static void depths(void)
{
    double layer[DEPTH], grads[2][DEPTH];
    ct_seed(2);
    deep(false, grads[0]);
    deep(true, grads[1]);
    for (int i = 0; i < DEPTH; i++)
        layer[i] = i + 1;
    printf("\nwhat arrives behind layer 1, by what arrives behind layer %d\n", DEPTH);
    printf("plain       %.0e\nway around  %.1f\n", pow(10, grads[0][0] - grads[0][DEPTH - 1]),
           pow(10, grads[1][0] - grads[1][DEPTH - 1]));
    const ct_series series[] = {{.label = "plain", .x = layer, .y = grads[0], .n = DEPTH},
                                {.label = "way around", .x = layer, .y = grads[1], .n = DEPTH}};
    ct_plot_svg("11_convolutions.svg", series, 2, .title = "Gradients in thirty convolutions", .x_label = "layer",
                .y_label = "log10 of the gradient");
}

int main(void)
{
    ct_scope_open();
    by_numbers();
    digits();
    depths();
    ct_scope_close();
    if (ct_error_code() != CT_OK)
        return fprintf(stderr, "11_convolutions: %s\n", ct_error_message()), 1;
    return 0;
}
