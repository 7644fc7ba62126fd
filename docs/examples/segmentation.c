/* Pixel and region predictions: two overlapping digits on a canvas, of which a fully convolutional network (Long, Shelhamer, Darrell 2015),
 * with transposed convolutions on its way up, tells the digit at each pixel; from its middle come the boxes of both, learnt with the smooth
 * L1 loss (Girshick 2015). segmentation.png has canvases that it has not seen, what is there, and what it says. */
#include "example.h"
#include <string.h>

enum { SIDE = 16, DIGIT = 8, CLASSES = 11, SHOWN = 12, CANVASES = 3000 };

/* ---- canvases ---- */

/* Class 0 is the ground, d + 1 the digit d; the second lies on the first. */
typedef struct canvas {
    float ink[SIDE][SIDE], classes[SIDE][SIDE], box[2][4]; /* left, top, right, bottom as shares of the side */
} canvas;

static void put(canvas *c, int which, const float *digit, int64_t label, int left, int top)
{
    float box[4] = {SIDE, SIDE, 0, 0};
    for (int y = 0; y < DIGIT; y++)
        for (int x = 0; x < DIGIT; x++) {
            float ink = (digit[y * DIGIT + x] + 1) / 2;
            if (ink < 0.3f)
                continue;
            c->ink[top + y][left + x] = ink;
            c->classes[top + y][left + x] = (float)(label + 1);
            const float here[4] = {(float)(left + x), (float)(top + y), (float)(left + x + 1), (float)(top + y + 1)};
            for (int i = 0; i < 4; i++)
                box[i] = (i < 2) == (here[i] < box[i]) ? here[i] : box[i];
        }
    for (int i = 0; i < 4; i++)
        c->box[which][i] = box[i] / SIDE;
}

/* Two digits, the first in the left half and the second in the right; they overlap by up to half. */
static void make(canvas *c, const float *digits, const int64_t *labels, const int64_t *random)
{
    *c = (canvas){0};
    for (int i = 0; i < 2; i++)
        put(c, i, digits + random[3 * i] * DIGIT * DIGIT, labels[random[3 * i]], (int)(random[3 * i + 1] % 5) + 4 * i,
            (int)(random[3 * i + 2] % (SIDE - DIGIT + 1)));
}

/* Samples [n,1,SIDE,SIDE]; targets [n,SIDE SIDE + 8]: classes, then boxes. */
static ct_dataset *canvases(const ct_dataset *set, int64_t n)
{
    ct_tensor *x, *labels;
    example_all(set, &x, &labels);
    ct_tensor *random = ct_randint(0, ct_dataset_count(set), CT_SHAPE(n, 6));
    ct_tensor *samples = ct_zeros(CT_FLOAT32, CT_SHAPE(n, 1, SIDE, SIDE)),
              *targets = ct_zeros(CT_FLOAT32, CT_SHAPE(n, SIDE * SIDE + 8));
    if (ct_error_code() != CT_OK)
        return NULL;
    float *ink = ct_data_mut(samples), *target = ct_data_mut(targets);
    for (int64_t i = 0; i < n; i++) {
        canvas c;
        make(&c, ct_data(x), ct_data(labels), (const int64_t *)ct_data(random) + 6 * i);
        memcpy(ink + i * SIDE * SIDE, c.ink, sizeof c.ink);
        memcpy(target + i * (SIDE * SIDE + 8), c.classes, sizeof c.classes + sizeof c.box);
    }
    return ct_dataset_new(samples, targets);
}

/* ---- the network ---- */

static ct_module *stage(ct_module *net, const char *name, int64_t in, int64_t out, bool up)
{
    ct_module *s = ct_sequential_new(net, name);
    if (up)
        ct_conv_transpose2d_new(s, NULL, in, out, 4, .stride = 2, .padding = 1);
    else
        ct_conv2d_new(s, NULL, in, out, 4, .stride = 2, .padding = 1);
    ct_batch_norm_new(s, NULL, out);
    ct_relu_new(s, NULL);
    return s;
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

static ct_tensor *call(ct_module *net, const char *name, ct_tensor *x)
{
    return ct_forward(ct_module_find(net, name), x);
}

static ct_tensor *joined(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *both[] = {a, b};
    return ct_concat(both, 2, 1);
}

/* x [n,1,16,16] -> classes [n,CLASSES,16,16] and *boxes [n,8] */
static ct_tensor *segment(ct_module *net, ct_tensor *x, ct_tensor **boxes)
{
    ct_tensor *a = call(net, "down1", x), *b = call(net, "down2", a), *c = call(net, "down3", b);
    *boxes = call(net, "boxes", ct_flatten(c, 1, -1));
    return call(net, "classes", joined(call(net, "up2", joined(call(net, "up3", c), b)), a));
}

static ct_tensor *classes_of(ct_tensor *y)
{
    return ct_cast(ct_reshape(ct_slice(y, 1, 0, SIDE * SIDE, 1), CT_SHAPE(-1, SIDE, SIDE)), CT_INT64);
}

static ct_tensor *boxes_of(ct_tensor *y)
{
    return ct_slice(y, 1, SIDE * SIDE, SIDE * SIDE + 8, 1);
}

static double train(ct_module *net, ct_optimizer *adam, ct_batches *batches)
{
    double sum = 0;
    CT_EACH_BATCH (batches, x, y) {
        ct_tensor *boxes, *classes = segment(net, x, &boxes);
        ct_tensor *off = ct_smooth_l1_loss(ct_mul_scalar(boxes, SIDE), ct_mul_scalar(boxes_of(y), SIDE));
        ct_tensor *loss = ct_add(ct_cross_entropy(classes, classes_of(y)), ct_mul_scalar(off, 0.1));
        ct_optimizer_zero_grad(adam);
        ct_backward(loss);
        ct_optimizer_step(adam);
        sum += ct_item(loss);
    }
    return sum / (double)ct_batches_count(batches);
}

/* ---- how good it is ---- */

static ct_tensor *column(ct_tensor *boxes, int i)
{
    return ct_select(ct_reshape(boxes, CT_SHAPE(-1, 4)), 1, i);
}

static ct_tensor *area(ct_tensor *left, ct_tensor *top, ct_tensor *right, ct_tensor *bottom)
{
    return ct_mul(ct_relu(ct_sub(right, left)), ct_relu(ct_sub(bottom, top)));
}

/* The mean of what two boxes share over what they cover. */
static double overlap(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *shared = area(ct_maximum(column(a, 0), column(b, 0)), ct_maximum(column(a, 1), column(b, 1)),
                             ct_minimum(column(a, 2), column(b, 2)), ct_minimum(column(a, 3), column(b, 3)));
    ct_tensor *of_a = area(column(a, 0), column(a, 1), column(a, 2), column(a, 3));
    ct_tensor *of_b = area(column(b, 0), column(b, 1), column(b, 2), column(b, 3));
    return ct_item(ct_mean(ct_div(shared, ct_sub(ct_add(of_a, of_b), shared))));
}

/* The share of the digits' pixels whose digit it tells. */
static double pixels_right(ct_tensor *said, ct_tensor *there)
{
    ct_tensor *ink = ct_cast(ct_gt(there, ct_zeros(CT_INT64, CT_SHAPE(1))), CT_FLOAT32);
    ct_tensor *right = ct_cast(ct_eq(said, there), CT_FLOAT32);
    return ct_item(ct_sum(ct_mul(right, ink))) / ct_item(ct_sum(ink));
}

int main(int argc, char **argv)
{
    example e = {.epochs = 15, .quick_epochs = 4, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    ct_dataset *part[2];
    example_digits(&e, part);
    ct_dataset *train_set = canvases(part[0], e.quick ? CANVASES / 4 : CANVASES),
               *test_set = canvases(part[1], CANVASES / 10);
    ct_module *net = build();
    ct_optimizer *adam = ct_optimizer_new(net, &ct_rule_adam, .lr = 3e-3);
    ct_batches *batches = ct_batches_new(train_set, .size = 50, .shuffle = true, .seed = (uint64_t)e.seed);
    for (int64_t epoch = 1; epoch <= e.epochs && ct_error_code() == CT_OK; epoch++)
        example_progress(&e, epoch, "loss", train(net, adam, batches));
    ct_module_train(net, false);
    ct_tensor *x, *y, *boxes;
    example_all(test_set, &x, &y);
    ct_tensor *said = ct_argmax(segment(net, x, &boxes), 1), *there = classes_of(y);
    ct_tensor *rows[] = {ct_mul_scalar(ct_select(x, 1, 0), 10), ct_cast(there, CT_FLOAT32), ct_cast(said, CT_FLOAT32)};
    for (int i = 0; i < 3; i++)
        rows[i] = ct_slice(rows[i], 0, 0, SHOWN, 1);
    example_png(&e, "segmentation.png", ct_detach(ct_concat(rows, 3, 0)), SHOWN, 0, 10);
    double right = pixels_right(said, there), shared = overlap(boxes, boxes_of(y));
    ct_batches_free(batches);
    ct_dataset_free(part[0]);
    ct_dataset_free(part[1]);
    ct_dataset_free(train_set);
    ct_dataset_free(test_set);
    ct_optimizer_free(adam);
    ct_module_free(net);
    return example_end(&e, "test: %.4f of the digits' pixels right, boxes share %.4f of what they cover", right,
                       shared);
}
