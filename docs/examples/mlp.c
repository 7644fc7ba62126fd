/* A multilayer perceptron: two hidden layers learn the 8 x 8 digits, and are tested on the fifth that they have not seen. Who is taken
 * for whom stands in a table; mlp.loss.svg has the losses of both parts. */
#include "example.h"

static void print_confusion(ct_module *net, const ct_dataset *test)
{
    ct_tensor *x, *labels;
    ct_dataset_all(test, &x, &labels);
    ct_module_train(net, false);
    ct_tensor *counts = ct_confusion_matrix(ct_forward(net, x), labels, 10);
    printf("digit taken for 0   1   2   3   4   5   6   7   8   9\n");
    for (int64_t i = 0; counts && i < 10; i++) {
        printf("%5lld         ", (long long)i);
        for (int64_t j = 0; j < 10; j++)
            printf("%3.0f ", ct_get(counts, CT_SHAPE(i, j)));
        putchar('\n');
    }
}

int main(int argc, char **argv)
{
    example e = {.epochs = 40, .quick_epochs = 5, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_linear_new(net, NULL, 64, 64);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 64, 32);
    ct_relu_new(net, NULL);
    ct_linear_new(net, NULL, 32, 10);
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_dataset *part[2];
    ct_evaluation test = {0};
    example_digits(&e, part);
    ct_fit(ct_module_forward, net, adam, part[0], .epochs = e.epochs, .batch_size = 32, .seed = (uint64_t)e.seed,
           .schedule = CT_SCHEDULE_COSINE(0), .validation = part[1], .curves = example_path(&e, "mlp"));
    ct_evaluate(ct_module_forward, net, part[1], &test);
    print_confusion(net, part[1]);
    ct_module_save(net, example_path(&e, "mlp.safetensors"));
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test accuracy: %.4f", test.accuracy);
}
