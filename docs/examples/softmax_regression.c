/* Softmax regression and the support vector machine of several classes: one linear layer, taught by cross entropy and by the loss of
 * Weston and Watkins (1999), which asks each wrong class to stay a margin of 1 behind. What each weighs for a digit is drawn. */
#include "example.h"

static ct_tensor *weston_watkins(ct_tensor *logits, ct_tensor *labels)
{
    return ct_mul_scalar(ct_multi_margin_loss(logits, labels), 10); /* without the division by the classes */
}

static double learn(example *e, ct_dataset *const part[2], ct_loss loss, double lr, const char *name)
{
    char picture[64];
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_flatten_new(net, NULL, 1, -1);
    ct_module *layer = ct_linear_new(net, NULL, 64, 10, .weight = &ct_init_zeros, .bias = &ct_init_zeros);
    ct_optimizer *sgd = ct_optimizer_new(net, &ct_rule_sgd, .lr = lr, .weight_decay = 1e-3);
    ct_evaluation test = {0};
    printf("%s\n", name);
    ct_fit(ct_module_forward, net, sgd, part[0], .epochs = e->epochs, .batch_size = 32, .seed = (uint64_t)e->seed,
           .loss = loss, .metrics = {&ct_metric_accuracy}, .schedule = &ct_schedule_linear);
    ct_evaluate(ct_module_forward, net, part[1], &test);
    snprintf(picture, sizeof picture, "%.40s.png", name);
    example_png(e, picture, ct_reshape(ct_module_get(layer, "weight"), CT_SHAPE(10, 8, 8)), 5, -0.5, 0.5);
    ct_optimizer_free(sgd);
    ct_module_free(net);
    return test.accuracy;
}

static ct_tensor *cross_entropy(ct_tensor *logits, ct_tensor *labels)
{
    return ct_cross_entropy(logits, labels);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 20, .quick_epochs = 3, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    example_digits(&e, part);
    double softmax = learn(&e, part, cross_entropy, 0.2, "softmax"),
           svm = learn(&e, part, weston_watkins, 0.02, "weston-watkins");
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    return example_end(&e, "test accuracy: cross entropy %.4f, Weston-Watkins %.4f", softmax, svm);
}
