/* A deep network of convolutions, as one writes it down: batch norms, residuals, dropout. It learns the 8 x 8 digits that ship with
 * cotan, is tested on those that it has not seen, and is saved. */
#include "example.h"

static void conv_block(ct_module *net, int64_t in, int64_t out)
{
    ct_conv2d_new(net, NULL, in, out, 3, .padding = 1, .no_bias = true, .weight = &ct_init_he_normal);
    ct_batch_norm_new(net, NULL, out);
    ct_relu_new(net, NULL);
}

static ct_module *build(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    conv_block(net, 1, 16);
    for (int i = 0; i < 2; i++) {
        ct_module *block = ct_residual_new(net, NULL);
        conv_block(block, 16, 16);
        conv_block(block, 16, 16);
    }
    ct_max_pool2d_new(net, NULL, 2);
    conv_block(net, 16, 32);
    ct_adaptive_avg_pool2d_new(net, NULL, 1, 1);
    ct_flatten_new(net, NULL, 1, -1);
    ct_dropout_new(net, NULL, 0.2);
    ct_linear_new(net, NULL, 32, 10);
    return net;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 4, .quick_epochs = 1, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_dataset *part[2];
    example_digits(&e, part);
    ct_evaluation result = {0};
    ct_module_summary(net, stdout, .input = ct_zeros(CT_FLOAT32, CT_SHAPE(1, 1, 8, 8)));
    ct_fit(ct_module_forward, net, adam, part[0], .epochs = e.epochs, .batch_size = 32, .seed = (uint64_t)e.seed);
    ct_evaluate(ct_module_forward, net, part[1], &result);
    ct_module_save(net, example_path(&e, "deep_cnn.safetensors"));
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test accuracy: %.4f", result.accuracy);
}
