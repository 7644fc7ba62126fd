/* What a network looks at, by gradients with respect to its input: saliency maps (Simonyan, Vedaldi, Zisserman 2014), class activation maps
 * (Zhou, Khosla, Lapedriza, Oliva, Torralba 2016), and adversarial examples (Goodfellow, Shlens, Szegedy 2015). saliency.png has a column
 * for each image: the image, its saliency, its class activation map, and the image with the smallest change that makes the network err. */
#include "example.h"

enum { SHOWN = 10, LEVELS = 24 };

static void block(ct_module *net, int64_t in, int64_t out, int64_t stride)
{
    ct_conv2d_new(net, NULL, in, out, 3, .stride = stride, .padding = 1, .no_bias = true, .weight = &ct_init_he_normal);
    ct_batch_norm_new(net, NULL, out);
    ct_relu_new(net, NULL);
}

/* x [n,1,h,w] -> maps [n,32,...] -> their means -> [n,10] */
static ct_module *build(int64_t side)
{
    ct_module *net = ct_module_new(CT_FLOAT32), *maps = ct_sequential_new(net, "maps");
    block(maps, 1, 16, side > 8 ? 2 : 1);
    block(maps, 16, 32, side > 8 ? 2 : 1);
    block(maps, 32, 32, 1);
    ct_adaptive_avg_pool2d_new(net, "mean", 1, 1);
    ct_flatten_new(net, "flatten", 1, -1);
    ct_linear_new(net, "fc", 32, 10);
    return net;
}

/* The gradient of f, a scalar of x, with respect to x. */
static ct_tensor *slope(ct_module *net, ct_tensor *x, ct_tensor *labels, bool of_loss)
{
    ct_tensor *in = ct_set_requires_grad(ct_detach(x), true), *gradient = NULL;
    ct_tensor *logits = ct_forward(net, in);
    ct_tensor *f = of_loss ? ct_cross_entropy(logits, labels) : ct_sum(ct_gather(logits, 1, ct_unsqueeze(labels, 1)));
    ct_grad(&f, 1, &in, 1, &gradient);
    return gradient;
}

/* The first of x [n,1,h,w], each from 0 to 1: [SHOWN,h,w] */
static ct_tensor *stretched(ct_tensor *x)
{
    x = ct_select(ct_slice(x, 0, 0, SHOWN, 1), 1, 0);
    ct_tensor *low = ct_amin(x, CT_AXES(1, 2), .keepdim = true), *high = ct_amax(x, CT_AXES(1, 2), .keepdim = true);
    return ct_div(ct_sub(x, low), ct_add_scalar(ct_sub(high, low), 1e-12));
}

/* The maps, weighted by what each says for the label. */
static ct_tensor *activation_map(ct_module *net, ct_tensor *x, ct_tensor *labels)
{
    ct_tensor *weights = ct_index_select(ct_module_get(net, "fc.weight"), 0, labels);
    weights = ct_reshape(weights, CT_SHAPE(-1, 32, 1, 1));
    ct_tensor *map = ct_sum(ct_mul(example_call(net, "maps", x), weights), CT_AXES(1), .keepdim = true);
    return ct_detach(ct_interpolate(map, .size = {ct_size(x, 2), ct_size(x, 3)}, .mode = CT_LINEAR));
}

static ct_tensor *is_right(ct_module *net, ct_tensor *x, ct_tensor *labels)
{
    return ct_cast(ct_eq(ct_argmax(ct_forward(net, x), 1), labels), CT_FLOAT32);
}

/* Each image moved by the smallest step along the sign of its gradient, in steps of `level`, that makes the network err; or by the
 * largest. *share of them err. */
static ct_tensor *adversarial(ct_module *net, ct_tensor *x, ct_tensor *labels, double level, double *share)
{
    ct_tensor *along = ct_sign(slope(net, x, labels, true)), *moved = x;
    for (int i = 0; i < LEVELS; i++) {
        ct_tensor *right = ct_reshape(is_right(net, moved, labels), CT_SHAPE(-1, 1, 1, 1));
        moved = ct_add(moved, ct_mul(ct_mul_scalar(along, level), right));
    }
    *share = 1 - ct_item(ct_mean(is_right(net, moved, labels)));
    return ct_detach(moved);
}

int main(int argc, char **argv)
{
    example e = {.epochs = 2, .quick_epochs = 2, .seed = 1, .data = EXAMPLE_FASHION};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    ct_module *net = build(example_images(&e, part));
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_evaluation result = {0};
    ct_tensor *x, *labels;
    ct_fit(ct_module_forward, net, adam, part[0], .epochs = e.epochs, .batch_size = 64, .seed = (uint64_t)e.seed);
    ct_evaluate(ct_module_forward, net, part[1], &result);
    ct_module_train(net, false);
    ct_dataset_all(part[1], &x, &labels);
    x = ct_slice(x, 0, 0, 200, 1), labels = ct_slice(labels, 0, 0, 200, 1);
    double share = 0, level = ct_item(ct_sub(ct_amax(x), ct_amin(x))) / 255;
    ct_tensor *moved = adversarial(net, x, labels, level, &share);
    ct_tensor *rows[] = {stretched(x), stretched(ct_abs(slope(net, x, labels, false))),
                         stretched(activation_map(net, x, labels)), stretched(moved)};
    example_png(&e, "saliency.png", ct_concat(rows, 4, 0), SHOWN, 0, 1);
    double change = ct_item(ct_mean(ct_amax(ct_abs(ct_sub(moved, x)), CT_AXES(1, 2, 3)))) / level;
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(
        &e, "test accuracy %.4f; %.4f of 200 images misread after a change of %.1f of 255 levels, on average",
        result.accuracy, share, change);
}
