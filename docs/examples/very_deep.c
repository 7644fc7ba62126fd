/* A plain network of hundreds or thousands of convolutions, without shortcuts or normalisation (Xiao, Bahri, Sohl-Dickstein, Schoenholz,
 * Pennington, "Dynamical isometry and a mean field theory of CNNs: how to train 10,000-layer vanilla convolutional neural networks",
 * 2018): with delta-orthogonal weights it learns, with Glorot's the gradient dies out on its way. Backward makes each stretch of 20 layers
 * again, so that the memory is that of the stretches' ends. */
#include "example.h"
#include <math.h>

enum { CHANNELS = 8, STRETCH = 20 };

static void convolution(ct_module *net, int64_t in, int64_t stride, const ct_initializer *weight)
{
    ct_conv2d_new(net, NULL, in, CHANNELS, 3, .stride = stride, .padding = 1, .weight = weight, .no_bias = true);
    ct_tanh_new(net, NULL);
}

/* [n,1,8,8] -> [n,CHANNELS,4,4], and again and again -> [n,10] */
static ct_module *build(int64_t layers, const ct_initializer *weight)
{
    ct_module *net = ct_module_new(CT_FLOAT32), *first = ct_sequential_new(net, "first");
    convolution(first, 1, 2, weight);
    for (int64_t done = 1; done < layers; done += STRETCH) {
        ct_module *stretch = ct_sequential_new(net, NULL);
        for (int64_t i = done; i < layers && i < done + STRETCH; i++)
            convolution(stretch, CHANNELS, 1, weight);
    }
    ct_module *last = ct_sequential_new(net, "last");
    ct_flatten_new(last, NULL, 1, -1);
    ct_linear_new(last, NULL, CHANNELS * 4 * 4, 10, .weight = &ct_init_glorot_uniform, .bias = &ct_init_zeros);
    return net;
}

static ct_tensor *stretch(ct_tensor *const *x, int n, void *module)
{
    return n == 1 ? ct_forward(module, x[0]) : NULL;
}

static ct_tensor *forward(void *net, ct_tensor *x)
{
    int64_t n = ct_module_children(net);
    x = ct_forward(ct_module_child(net, 0), x);
    for (int64_t i = 1; i < n - 1; i++)
        x = ct_checkpoint(stretch, ct_module_child(net, i), &x, 1);
    return ct_forward(ct_module_child(net, n - 1), x);
}

/* Some of each part. */
static void keep(ct_dataset **part, double of_training)
{
    for (int i = 0; i < 2; i++) {
        ct_dataset *split[2];
        double all = (double)ct_dataset_count(part[i]), some = of_training / (i ? 4 : 1);
        ct_random_split(part[i], CT_VALUES(some, all - some), split, .in_order = true);
        ct_dataset_free(part[i]);
        ct_dataset_free(split[1]);
        part[i] = split[0];
    }
}

/* Its accuracy on digits that it has not seen. */
static double train(const example *e, ct_dataset *const *part, int64_t layers, double lr, const ct_initializer *weight)
{
    ct_evaluation result = {0};
    ct_module *net = build(layers, weight);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = lr, .momentum = 0.9);
    printf("%s, %lld parameters\n", weight->name, (long long)ct_module_numel(net));
    ct_fit(forward, net, sgd, part[0], .epochs = e->epochs, .batch_size = e->quick ? 16 : 32, .seed = (uint64_t)e->seed,
           .clip_norm = 1);
    ct_evaluate(forward, net, part[1], &result);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return result.accuracy;
}

int main(int argc, char **argv)
{
    int64_t layers = 500;
    const example_option own[] = {{"layers", "convolutions", .whole = &layers, .low = 2, .high = 100000}, {0}};
    example e = {.epochs = 10, .quick_epochs = 1, .seed = 1, .own = own};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    example_digits(&e, part);
    if (e.quick)
        keep(part, 400);
    /* With a gain a little above 1 tanh does not wear the signal down. One so small that tanh leaves it alone grows by e^10 over all
     * layers, and a gradient with it: hence no biases, to which a pixel of exactly 0 would hand that. */
    double gain = 1 + 10 / (double)layers,
           lr = 0.45 / sqrt((double)layers); /* what a step changes adds up over the layers */
    const ct_initializer delta = {.name = "delta_orthogonal", .distribution = CT_DELTA_ORTHOGONAL, .value = gain};
    double orthogonal = train(&e, part, layers, lr, &delta);
    double glorot = train(&e, part, layers, lr, &ct_init_glorot_normal);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "test accuracy at %lld layers: delta-orthogonal %.4f, Glorot %.4f", (long long)layers,
                       orthogonal, glorot);
}
