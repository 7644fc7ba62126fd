/* A capsule network that reads digits (Sabour, Frosst, Hinton, "Dynamic routing between capsules", 2017): what a capsule says is a vector,
 * whose length tells whether its digit is there; which capsules hear it is agreed on in three rounds. capsule.png has digits that it
 * has not seen, and what it makes of the vector of the digit that it takes them for. */
#include "example.h"

enum { PIXELS = 64, PRIMARY = 72, INPUT = 8, DIGITS = 10, OUTPUT = 16, ROUNDS = 3, SHOWN = 20 };

/* Of vectors along the last axis. */
static ct_tensor *lengths(ct_tensor *v)
{
    return ct_sqrt(ct_add_scalar(ct_sum(ct_square(v), CT_AXES(-1)), 1e-8));
}

/* Short ones shrink to 0, long ones to 1 (eq. 1). */
static ct_tensor *squash(ct_tensor *s)
{
    ct_tensor *length = ct_unsqueeze(lengths(s), -1);
    return ct_mul(s, ct_div(length, ct_add_scalar(ct_square(length), 1)));
}

/* What each capsule foretells for each digit, u [n,DIGITS,PRIMARY,OUTPUT], to the digits' vectors [n,DIGITS,OUTPUT] (procedure 1). */
static ct_tensor *route(ct_tensor *u)
{
    ct_tensor *logits = ct_zeros(CT_FLOAT32, CT_SHAPE(ct_size(u, 0), DIGITS, PRIMARY, 1)), *v = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        ct_tensor *shares = ct_softmax(logits, 1);
        v = squash(ct_sum(ct_mul(shares, u), CT_AXES(2), .keepdim = true));
        logits = ct_add(logits, ct_sum(ct_mul(u, v), CT_AXES(-1), .keepdim = true));
    }
    return ct_reshape(v, CT_SHAPE(-1, DIGITS, OUTPUT));
}

/* x [n,1,8,8] -> [n,32,8,8] -> 8 capsules at each of 3 x 3 places -> [n,DIGITS,OUTPUT] */
static ct_tensor *capsules(ct_module *net, ct_tensor *x)
{
    ct_tensor *h = example_call(net, "primary", ct_relu(example_call(net, "conv", x)));
    h = ct_permute(ct_reshape(h, CT_SHAPE(-1, PRIMARY / 9, INPUT, 9)), CT_SHAPE(1, 3, 0, 2));
    h = squash(ct_reshape(h, CT_SHAPE(PRIMARY, -1, INPUT)));
    ct_tensor *u = ct_matmul(h, ct_module_get(net, "weight"));
    return route(ct_permute(ct_reshape(u, CT_SHAPE(PRIMARY, -1, DIGITS, OUTPUT)), CT_SHAPE(1, 2, 0, 3)));
}

static ct_tensor *classify(void *net, ct_tensor *x)
{
    return lengths(capsules(net, x));
}

/* From the vectors of the digits with those labels. */
static ct_tensor *reconstruct(ct_module *net, ct_tensor *v, ct_tensor *labels)
{
    ct_tensor *chosen = ct_unsqueeze(ct_one_hot(labels, DIGITS, CT_FLOAT32), -1);
    return example_call(net, "decoder", ct_flatten(ct_mul(v, chosen), 1, -1));
}

/* Eq. 4: lengths above 0.9 for the digit that is there, below 0.1 for the others. */
static ct_tensor *margin_loss(ct_tensor *length, ct_tensor *labels)
{
    ct_tensor *there = ct_one_hot(labels, DIGITS, CT_FLOAT32);
    ct_tensor *missed = ct_square(ct_relu(ct_add_scalar(ct_neg(length), 0.9)));
    ct_tensor *wrong = ct_mul_scalar(ct_square(ct_relu(ct_add_scalar(length, -0.1))), 0.5);
    ct_tensor *each = ct_add(ct_mul(there, ct_sub(missed, wrong)), wrong);
    return ct_mul_scalar(ct_mean(each), DIGITS);
}

/* Of images and their labels. The reconstruction counts for 0.0005 of a pixel's squared error, as there; pixels here go from -1 to 1. */
static ct_tensor *loss(void *net, ct_tensor *const *xy, int n)
{
    ct_tensor *v = capsules(net, xy[0]);
    ct_tensor *error = n == 2 ? ct_mse_loss(reconstruct(net, v, xy[1]), ct_flatten(xy[0], 1, -1)) : NULL;
    return ct_add(margin_loss(lengths(v), xy[1]), ct_mul_scalar(error, 0.0005 * 784 / 4));
}

static ct_module *build(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_conv2d_new(net, "conv", 1, 32, 3, .padding = 1);
    ct_conv2d_new(net, "primary", 32, PRIMARY / 9 * INPUT, 4, .stride = 2);
    ct_module_add(net, "weight", CT_INIT_NORMAL(0.1), CT_SHAPE(PRIMARY, INPUT, DIGITS * OUTPUT));
    ct_module *decoder = ct_sequential_new(net, "decoder");
    ct_linear_new(decoder, NULL, DIGITS * OUTPUT, 128);
    ct_relu_new(decoder, NULL);
    ct_linear_new(decoder, NULL, 128, PIXELS);
    ct_tanh_new(decoder, NULL);
    return net;
}

int main(int argc, char **argv)
{
    example e = {.epochs = 20, .quick_epochs = 2, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    ct_evaluation result = {0};
    ct_tensor *xyy[3]; /* the loss takes labels as an input, too */
    example_digits(&e, part);
    ct_dataset_all(part[0], &xyy[0], &xyy[1]);
    xyy[2] = xyy[1];
    ct_dataset *labelled = ct_dataset_from_tensors(xyy, 3);
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_fit(NULL, net, adam, labelled, .forward_many = loss, .loss = example_own_loss, .epochs = e.epochs,
           .batch_size = 32, .seed = (uint64_t)e.seed, .epoch_end = example_tell_loss, .user = &e, .output = NULL);
    ct_evaluate(classify, net, part[1], &result, .metrics = {&ct_metric_accuracy}, .loss = margin_loss);
    ct_dataset_all(part[1], &xyy[0], &xyy[1]);
    ct_tensor *x = ct_slice(xyy[0], 0, 0, SHOWN, 1), *v = capsules(net, x);
    ct_tensor *both[] = {x, ct_reshape(reconstruct(net, v, ct_argmax(lengths(v), 1)), CT_SHAPE(SHOWN, 1, 8, 8))};
    example_png(&e, "capsule.png", ct_select(ct_concat(both, 2, 0), 1, 0), SHOWN, -1, 1);
    ct_dataset_free(labelled);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test accuracy: %.4f", result.metrics[0]);
}
