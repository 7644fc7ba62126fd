/* A variational autoencoder (Kingma, Welling 2014): two normal hidden numbers stand for an 8 x 8 digit. What it learns to maximise is
 * the bound of their equation 10: how well a digit is told from its hidden numbers, less how far those are from standard ones. vae.png
 * has digits that it makes of hidden numbers drawn at random. */
#include "example.h"

enum { PIXELS = 64, HIDDEN = 2, SHOWN = 100 };

typedef struct vae {
    ct_module *encoder, *decoder;
} vae;

static ct_module *network(ct_module *m, const char *name, int64_t in, int64_t out)
{
    ct_module *net = ct_sequential_new(m, name);
    ct_linear_new(net, NULL, in, 64);
    ct_tanh_new(net, NULL);
    ct_linear_new(net, NULL, 64, out);
    return net;
}

static void build(ct_module *m)
{
    *(vae *)ct_module_self(m) = (vae){network(m, "encoder", PIXELS, 2 * HIDDEN), network(m, "decoder", HIDDEN, PIXELS)};
}

/* The negative bound of a batch [n, PIXELS], for each sample. */
static ct_tensor *forward(ct_module *m, ct_tensor *x)
{
    vae *v = ct_module_self(m);
    ct_tensor *code = ct_forward(v->encoder, x);
    ct_tensor *mean = ct_slice(code, 1, 0, HIDDEN, 1), *log_variance = ct_slice(code, 1, HIDDEN, CT_END, 1);
    ct_tensor *noise = ct_randn(CT_FLOAT32, 0, 1, ct_shape(mean), ct_rank(mean));
    ct_tensor *hidden = ct_add(mean, ct_mul(ct_exp(ct_mul_scalar(log_variance, 0.5)), noise));
    ct_tensor *told = ct_binary_cross_entropy_with_logits(ct_forward(v->decoder, hidden), x, .reduction = CT_SUM);
    ct_tensor *far = ct_sub(ct_add(ct_square(mean), ct_exp(log_variance)), ct_add_scalar(log_variance, 1));
    return ct_mul_scalar(ct_add(told, ct_mul_scalar(ct_sum(far), 0.5)), 1.0 / (double)ct_size(x, 0));
}

static const ct_layer vae_layer = {"vae", sizeof(vae), build, forward};

int main(int argc, char **argv)
{
    example e = {.epochs = 30, .quick_epochs = 2, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_module *root = ct_module_new(CT_FLOAT32), *model = ct_layer_new(root, "vae", &vae_layer, NULL);
    ct_optimizer *adam = ct_optimizer_new(root, &ct_rule_adam, .lr = 3e-3);
    ct_dataset *digits = ct_load_digits(.shape = {PIXELS});
    ct_evaluation bound = {0};
    ct_fit(ct_module_forward, model, adam, digits, .epochs = e.epochs, .seed = (uint64_t)e.seed,
           .loss = example_own_loss, .log = example_path(&e, "vae.csv"));
    ct_evaluate(ct_module_forward, model, digits, &bound, .loss = example_own_loss);
    ct_tensor *made = example_call(model, "decoder", ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(SHOWN, HIDDEN)));
    example_png(&e, "vae.png", ct_reshape(ct_sigmoid(made), CT_SHAPE(SHOWN, 8, 8)), 20, 0, 1);
    ct_dataset_free(digits);
    ct_optimizer_free(adam);
    ct_module_free(root);
    return example_end(&e, "negative bound of a digit: %.2f nats", bound.loss);
}
