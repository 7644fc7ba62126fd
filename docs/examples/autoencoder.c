/* An autoencoder: a digit of 64 pixels through eight numbers, and back. Beside it the best that a linear map can do with as many, the
 * principal components (PCA). autoencoder.png has digits that neither has seen, as they are, from the network, and from PCA. */
#include "example.h"

enum { PIXELS = 64, HIDDEN = 8, SHOWN = 16 };

static ct_module *build(void)
{
    static const int64_t sizes[] = {PIXELS, 64, 32, HIDDEN, 32, 64, PIXELS};
    ct_module *net = ct_module_new(CT_FLOAT32);
    for (int i = 1; i < 7; i++) {
        ct_linear_new(net, NULL, sizes[i - 1], sizes[i]);
        if (i != 3 && i != 6)
            ct_gelu_new(net, NULL);
    }
    return net;
}

/* x projected onto the training set's first components, and back. */
static ct_tensor *through_pca(const ct_dataset *train, ct_tensor *x)
{
    ct_module *root = ct_module_new(CT_FLOAT32), *pca = ct_pca_new(root, "pca", train, HIDDEN);
    ct_tensor *back = ct_matmul(ct_forward(pca, x), ct_module_get(pca, "components"));
    back = ct_add(back, ct_module_get(pca, "mean"));
    ct_module_free(root);
    return back;
}

static void draw(example *e, ct_tensor *digits, ct_tensor *by_net, ct_tensor *by_pca)
{
    ct_tensor *rows[3] = {digits, by_net, by_pca};
    for (int i = 0; i < 3; i++)
        rows[i] = ct_reshape(ct_slice(rows[i], 0, 0, SHOWN, 1), CT_SHAPE(SHOWN, 8, 8));
    example_png(e, "autoencoder.png", ct_concat(rows, 3, 0), SHOWN, -1, 1);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 100, .quick_epochs = 20, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    ct_tensor *x, *unseen, *labels;
    example_digits(&e, part);
    ct_dataset_all(part[0], &x, &labels);
    ct_dataset_all(part[1], &unseen, &labels);
    x = ct_flatten(x, 1, -1), unseen = ct_flatten(unseen, 1, -1);
    ct_dataset *copies = ct_dataset_new(x, x);
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_fit(ct_module_forward, net, adam, copies, .epochs = e.epochs, .batch_size = 32, .seed = (uint64_t)e.seed,
           .loss = ct_loss_mse, .schedule = CT_SCHEDULE_COSINE(0));
    ct_module_train(net, false);
    ct_tensor *by_net = ct_detach(ct_forward(net, unseen)), *by_pca = through_pca(copies, unseen);
    double error = ct_item(ct_mse_loss(by_net, unseen)), of_pca = ct_item(ct_mse_loss(by_pca, unseen));
    draw(&e, unseen, by_net, by_pca);
    ct_dataset_free(copies);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "squared error of a pixel, range 2: %.4f, PCA %.4f", error, of_pca);
}
