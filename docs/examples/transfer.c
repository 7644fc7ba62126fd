/* What was learnt on one set of images helps with another that has few: a network trained on clothes (Fashion-MNIST) reads digits from 50 of
 * each, with its features frozen and a new head, and fine-tuned, beside one that begins from nothing. */
#include "example.h"

enum { SIDE = 16, EACH = 50, CLASSES = 10 };

static void block(ct_module *net, int64_t in, int64_t out)
{
    ct_conv2d_new(net, NULL, in, out, 3, .padding = 1, .no_bias = true, .weight = &ct_init_he_normal);
    ct_batch_norm_new(net, NULL, out);
    ct_relu_new(net, NULL);
    ct_max_pool2d_new(net, NULL, 2);
}

/* [n,1,SIDE,SIDE] -> "features" [n,64] -> "head" [n,CLASSES] */
static ct_module *build(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32), *features = ct_sequential_new(net, "features");
    block(features, 1, 16);
    block(features, 16, 32);
    block(features, 32, 64);
    ct_adaptive_avg_pool2d_new(features, NULL, 1, 1);
    ct_flatten_new(features, NULL, 1, -1);
    ct_linear_new(net, "head", 64, CLASSES);
    return net;
}

static ct_tensor *resized(void *nothing, ct_tensor *x)
{
    (void)nothing;
    return ct_interpolate(x, .size = {SIDE, SIDE}, .mode = CT_LINEAR);
}

/* Without Fashion-MNIST: the digits lie on their sides, which is another task. */
static ct_tensor *turned(void *nothing, ct_tensor *x)
{
    return ct_transpose(resized(nothing, x), 2, 3);
}

/* In place of each of the n sets the one that f makes of it. */
static void map(ct_dataset **sets, int n, ct_model f)
{
    for (int i = 0; i < n; i++) {
        ct_dataset *made = ct_dataset_map(sets[i], f, NULL);
        ct_dataset_free(sets[i]);
        sets[i] = made;
    }
}

static void fit(const example *e, ct_module *net, const ct_dataset *set, int64_t epochs, double lr, FILE *output)
{
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = lr);
    ct_fit(ct_module_forward, net, adam, set, .epochs = epochs, .batch_size = 50, .seed = (uint64_t)e->seed,
           .output = output);
    ct_optimizer_free(adam);
}

/* Accuracy on digits of a network that begins with the features at that path (NULL: with none), frozen or not. */
static double learn(const example *e, ct_dataset *const *digits, const char *features, bool frozen, double lr)
{
    ct_evaluation result = {0};
    ct_module *net = build(), *own = ct_module_find(net, "features");
    if (features)
        ct_module_load(own, features);
    if (frozen) {
        ct_module_requires_grad_(own, "*", false);
        ct_module_train(own, false);
    }
    fit(e, net, digits[0], e->epochs, lr, NULL);
    ct_evaluate(ct_module_forward, net, digits[1], &result);
    ct_module_free(net);
    return result.accuracy;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 20, .quick_epochs = 4, .seed = 1, .data = EXAMPLE_FASHION};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *all = ct_load_digits(.scale = 1. / 8, .offset = -1), *digits[2], *clothes[2];
    double share = (double)(EACH * CLASSES) / (double)ct_dataset_count(all);
    ct_random_split(all, CT_VALUES(share, 1 - share), digits, .stratify = true, .seed = (uint64_t)e.seed);
    bool fashion = example_has_fashion(&e);
    fashion ? example_fashion(&e, clothes) : example_digits(&e, clothes);
    map(clothes, 1, fashion ? resized : turned);
    map(digits, 2, resized);
    ct_module *first = build();
    fit(&e, first, clothes[0], e.quick ? 1 : 2, 2e-3, CT_STDOUT);
    const char *path = example_path(&e, "transfer.safetensors");
    ct_module_save(ct_module_find(first, "features"), path);
    double frozen = learn(&e, digits, path, true, 1e-2), tuned = learn(&e, digits, path, false, 2e-3);
    double scratch = learn(&e, digits, NULL, false, 2e-3);
    ct_module_free(first);
    ct_dataset_free(all);
    for (int i = 0; i < 2; i++)
        ct_dataset_free(clothes[i]), ct_dataset_free(digits[i]);
    return example_end(&e, "test accuracy: frozen %.4f, fine-tuned %.4f, from scratch %.4f", frozen, tuned, scratch);
}
