/* A small network of convolutions with all that keeps it from learning its images by heart: batch norm, dropout, and images that are moved
 * and turned over at random, so that it sees other ones in each epoch. */
#include "example.h"

static void pair(ct_module *net, int64_t in, int64_t out)
{
    for (int i = 0; i < 2; i++) {
        ct_conv2d_new(net, NULL, i ? out : in, out, 3, .padding = 1, .no_bias = true, .weight = &ct_init_he_normal);
        ct_batch_norm_new(net, NULL, out);
        ct_relu_new(net, NULL);
    }
    ct_max_pool2d_new(net, NULL, 2);
}

/* [n,1,28,28] -> [n,32,14,14] -> [n,64,7,7] -> [n,256] -> [n,10]; the digits, [n,1,8,8], to [n,64,2,2] */
static ct_module *build(int64_t side)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    pair(net, 1, 32);
    pair(net, 32, 64);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64 * (side / 4) * (side / 4), 256, .weight = &ct_init_he_normal);
    ct_relu_new(net, NULL);
    ct_dropout_new(net, NULL, 0.4);
    ct_linear_new(net, NULL, 256, 10);
    return net;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 12, .quick_epochs = 3, .seed = 1, .data = EXAMPLE_FASHION};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    int64_t side = example_images(&e, part);
    bool fashion = side == 28;
    double ground = fashion ? -0.81 : -1; /* of what is outside of the image: black */
    ct_module *net = build(side);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adamw, .lr = 2e-3, .weight_decay = 0.01);
    ct_evaluation result = {0};
    ct_fit(
        ct_module_forward, net, adam, part[0], .epochs = e.epochs, .batch_size = 64, .seed = (uint64_t)e.seed,
        .schedule = CT_SCHEDULE_COSINE(0), .validation = part[1],
        .transforms = {CT_RANDOM_CROP(side, side, 1, .fill = ground), fashion ? CT_RANDOM_HORIZONTAL_FLIP(0.5) : NULL});
    ct_evaluate(ct_module_forward, net, part[1], &result);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test accuracy: %.4f", result.accuracy);
}
