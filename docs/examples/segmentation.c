/* Pixel and region predictions: two overlapping digits on a canvas, of which a fully convolutional network (Long, Shelhamer, Darrell 2015),
 * with transposed convolutions on its way up, tells the digit at each pixel; from its middle come the boxes of both, learnt with the smooth
 * L1 loss (Girshick 2015). segmentation.png has canvases that it has not seen, what is there, and what it says. */
#include "example.h"
#include <math.h>
#include <string.h>

enum { SIDE = 16, PIXELS = SIDE * SIDE, DIGIT = 8, CLASSES = 11, SHOWN = 12, CANVASES = 3000 };

/* ---- canvases ---- */

/* Class 0 is the ground, d + 1 the digit d; the second lies on the first. */
typedef struct canvas {
    float ink[SIDE][SIDE], classes[SIDE][SIDE], box[2][4]; /* left, top, right, bottom as shares of the side */
} canvas;

static void put(canvas *c, float *box, const float *digit, int64_t label, int64_t left, int64_t top)
{
    box[0] = box[1] = 1;
    for (int64_t i = 0; i < DIGIT * DIGIT; i++) {
        int64_t x = left + i % DIGIT, y = top + i / DIGIT;
        float ink = (digit[i] + 1) / 2;
        if (ink < 0.3f)
            continue;
        c->ink[y][x] = ink;
        c->classes[y][x] = (float)(label + 1);
        box[0] = fminf(box[0], (float)x / SIDE), box[2] = fmaxf(box[2], (float)(x + 1) / SIDE);
        box[1] = fminf(box[1], (float)y / SIDE), box[3] = fmaxf(box[3], (float)(y + 1) / SIDE);
    }
}

/* Samples [n,1,SIDE,SIDE] of two digits, one in each half, which overlap by up to half; targets [n,PIXELS + 8]: classes, then boxes. */
static ct_dataset *canvases(const ct_dataset *set, int64_t n)
{
    ct_tensor *x, *y, *random = ct_randint(0, ct_dataset_count(set), CT_SHAPE(n, 2, 3));
    ct_tensor *samples = ct_empty(CT_FLOAT32, CT_SHAPE(n, 1, SIDE, SIDE)),
              *targets = ct_empty(CT_FLOAT32, CT_SHAPE(n, PIXELS + 8));
    ct_dataset_all(set, &x, &y);
    const float *digits = ct_data(x);
    const int64_t *labels = ct_data(y), *r = ct_data(random);
    float *ink = ct_data_mut(samples), *target = ct_data_mut(targets);
    for (int64_t i = 0; i < n && ct_error_code() == CT_OK; i++) {
        canvas c = {0};
        for (int k = 0; k < 2; k++, r += 3)
            put(&c, c.box[k], digits + *r * DIGIT * DIGIT, labels[*r], r[1] % 5 + 4 * k, r[2] % (SIDE - DIGIT + 1));
        memcpy(ink + i * PIXELS, c.ink, sizeof c.ink);
        memcpy(target + i * (PIXELS + 8), c.classes, sizeof c.classes + sizeof c.box);
    }
    return ct_dataset_new(samples, targets);
}

/* ---- the network ---- */

static void stage(ct_module *net, const char *name, int64_t in, int64_t out, bool up)
{
    ct_module *s = ct_sequential_new(net, name);
    CT_OPTIONS(ct_conv_layer_options, options, .stride = 2, .padding = 1);
    (up ? ct_conv_transpose2d_new : ct_conv2d_new)(s, NULL, in, out, 4, &options);
    ct_batch_norm_new(s, NULL, out);
    ct_relu_new(s, NULL);
}

static ct_module *build(void)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    stage(net, "down1", 1, 32, false);
    stage(net, "down2", 32, 64, false);
    stage(net, "down3", 64, 96, false);
    ct_linear_new(net, "boxes", 96 * 2 * 2, 8);
    stage(net, "up3", 96, 64, true);
    stage(net, "up2", 64 + 64, 32, true);
    ct_conv_transpose2d_new(net, "classes", 32 + 32, CLASSES, 4, .stride = 2, .padding = 1);
    return net;
}

static ct_tensor *joined(ct_tensor *a, ct_tensor *b)
{
    return ct_concat((ct_tensor *[]){a, b}, 2, 1);
}

/* x [n,1,SIDE,SIDE] -> [n,CLASSES PIXELS + 8]: logits of the classes, then boxes */
static ct_tensor *segment(void *net, ct_tensor *x)
{
    ct_tensor *a = example_call(net, "down1", x), *b = example_call(net, "down2", a);
    ct_tensor *c = example_call(net, "down3", b), *boxes = example_call(net, "boxes", ct_flatten(c, 1, -1));
    ct_tensor *up = example_call(net, "up2", joined(example_call(net, "up3", c), b));
    return joined(ct_flatten(example_call(net, "classes", joined(up, a)), 1, -1), boxes);
}

/* The parts of what the network says, or of targets: [n,...,SIDE,SIDE], and [n,8] */
static ct_tensor *logits_of(ct_tensor *said)
{
    return ct_reshape(ct_slice(said, 1, 0, -8, 1), CT_SHAPE(-1, CLASSES, SIDE, SIDE));
}

static ct_tensor *classes_of(ct_tensor *target)
{
    return ct_cast(ct_reshape(ct_slice(target, 1, 0, -8, 1), CT_SHAPE(-1, SIDE, SIDE)), CT_INT64);
}

static ct_tensor *boxes_of(ct_tensor *either)
{
    return ct_slice(either, 1, -8, CT_END, 1);
}

static ct_tensor *loss(ct_tensor *said, ct_tensor *target)
{
    ct_tensor *off = ct_smooth_l1_loss(ct_mul_scalar(boxes_of(said), SIDE), ct_mul_scalar(boxes_of(target), SIDE));
    return ct_add(ct_cross_entropy(logits_of(said), classes_of(target)), ct_mul_scalar(off, 0.1));
}

/* ---- how good it is ---- */

/* Of boxes from low to high, [n,2] */
static ct_tensor *area(ct_tensor *low, ct_tensor *high)
{
    return ct_prod(ct_relu(ct_sub(high, low)), CT_AXES(1));
}

/* The mean of what two boxes share over what they cover. */
static double overlap(ct_tensor *a, ct_tensor *b)
{
    a = ct_reshape(a, CT_SHAPE(-1, 2, 2)), b = ct_reshape(b, CT_SHAPE(-1, 2, 2));
    ct_tensor *low[] = {ct_select(a, 1, 0), ct_select(b, 1, 0)}, *high[] = {ct_select(a, 1, 1), ct_select(b, 1, 1)};
    ct_tensor *shared = area(ct_maximum(low[0], low[1]), ct_minimum(high[0], high[1]));
    ct_tensor *both = ct_add(area(low[0], high[0]), area(low[1], high[1]));
    return ct_item(ct_mean(ct_div(shared, ct_sub(both, shared))));
}

/* The share of the digits' pixels whose digit it tells. */
static double pixels_right(ct_tensor *said, ct_tensor *there)
{
    ct_tensor *ink = ct_gt(there, ct_zeros(CT_INT64, CT_SHAPE(1)));
    return ct_item(ct_mean(ct_masked_select(ct_cast(ct_eq(said, there), CT_FLOAT32), ink)));
}

int main(int argc, char **argv)
{
    example e = {.epochs = 15, .quick_epochs = 4, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2], *set[2];
    example_digits(&e, part);
    for (int i = 0; i < 2; i++)
        set[i] = canvases(part[i], i ? CANVASES / 10 : e.quick ? CANVASES / 4 : CANVASES);
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_fit(segment, net, adam, set[0], .epochs = e.epochs, .batch_size = 50, .seed = (uint64_t)e.seed, .loss = loss,
           .epoch_end = example_tell_loss, .user = &e, .output = NULL);
    ct_module_train(net, false);
    ct_tensor *x, *target;
    ct_dataset_all(set[1], &x, &target);
    ct_tensor *said = ct_detach(segment(net, x)), *best = ct_argmax(logits_of(said), 1), *there = classes_of(target);
    ct_tensor *rows[] = {ct_mul_scalar(ct_select(x, 1, 0), 10), ct_cast(there, CT_FLOAT32), ct_cast(best, CT_FLOAT32)};
    for (int i = 0; i < 3; i++)
        rows[i] = ct_slice(rows[i], 0, 0, SHOWN, 1);
    example_png(&e, "segmentation.png", ct_concat(rows, 3, 0), SHOWN, 0, 10);
    double right = pixels_right(best, there), shared = overlap(boxes_of(said), boxes_of(target));
    for (int i = 0; i < 2; i++)
        ct_dataset_free(part[i]), ct_dataset_free(set[i]);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test: %.4f of the digits' pixels right, boxes share %.4f of what they cover", right,
                       shared);
}
