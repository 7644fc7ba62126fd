/* A deep network of convolutions, as one writes it down: batch norms, residuals, dropout. It learns the 8 x 8 digits that ship with
 * cotan, is tested on those that it has not seen, and is saved. */
#include <cotan/cotan.h>

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

/* Every fifth sample is for the test. */
static ct_dataset *part(const ct_dataset *all, bool test)
{
    int64_t indices[2000], n = 0;
    for (int64_t i = 0; i < ct_dataset_count(all) && n < 2000; i++)
        if ((i % 5 == 0) == test)
            indices[n++] = i;
    return ct_dataset_subset(all, indices, n);
}

int main(void)
{
    ct_seed(1);
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_dataset *all = ct_load_digits();
    ct_dataset *train = part(all, false), *test = part(all, true);
    ct_evaluation result = {0};
    ct_module_summary(net, stdout, .input = ct_zeros(CT_FLOAT32, CT_SHAPE(1, 1, 8, 8)));
    ct_fit(ct_module_forward, net, adam, train, .epochs = 4, .batch_size = 32, .seed = 1);
    ct_evaluate(ct_module_forward, net, test, &result);
    ct_module_save(net, "deep_cnn.safetensors");
    printf("test accuracy: %.4f\n", result.accuracy);
    ct_dataset_free(all);
    ct_dataset_free(train);
    ct_dataset_free(test);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return ct_error_code() == CT_OK ? 0 : (fprintf(stderr, "%s\n", ct_error_message()), 1);
}
