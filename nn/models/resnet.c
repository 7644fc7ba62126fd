/* Residual networks: stages of blocks, a row for each model.
 *
 * Invariant: names and shapes are torchvision's. Those of 3 stages are the ones for small images, and what stands beside them without
 * shortcuts. */
#include "vision.h"

enum { STAGES = 4, EXPANSION = 4 };

typedef struct resnet {
    ct_layer layer;
    int64_t blocks[STAGES]; /* of each stage */
    bool bottleneck; /* blocks of 1 x 1, 3 x 3, 1 x 1 with EXPANSION times the channels, in place of 3 x 3, 3 x 3 */
    bool small;      /* begins with 3 x 3 for images of 32 x 32 (section 4.2); shortcuts have no parameters */
    bool plain;      /* without shortcuts */
} resnet;

/* ---- a block ---- */

typedef struct block {
    const resnet *of;
    const ct_initializer *weight;
    int64_t in, width, out, stride;
    ct_module *convolutions[3], *norms[3], *downsample;
} block;

static int layers_of(const block *b)
{
    return b->of->bottleneck ? 3 : 2;
}

static ct_module *convolution(ct_module *m, const char *name, int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              const ct_initializer *weight)
{
    CT_OPTIONS(ct_conv_layer_options, o, .stride = {stride}, .padding = {(kernel - 1) / 2}, .no_bias = true,
               .weight = weight);
    return ct_conv2d_new(m, name, in, out, kernel, &o);
}

/* The projection of option B (section 3.3), where the block's ends differ. */
static void build_downsample(ct_module *m, block *b)
{
    b->downsample = ct_sequential_new(m, "downsample");
    convolution(b->downsample, NULL, b->in, b->out, 1, b->stride, b->weight);
    ct_batch_norm_new(b->downsample, NULL, b->out, NULL);
}

/* The convolution with a stride is the first of 3 x 3. */
static void build_block(ct_module *m)
{
    block *b = ct_module_self(m);
    int64_t in = b->in;
    for (int i = 0; i < layers_of(b); i++) {
        char convolution_name[16], norm_name[16];
        snprintf(convolution_name, sizeof convolution_name, "conv%d", i + 1);
        snprintf(norm_name, sizeof norm_name, "bn%d", i + 1);
        bool middle = i == (b->of->bottleneck ? 1 : 0);
        int64_t kernel = b->of->bottleneck && !middle ? 1 : 3, out = i == layers_of(b) - 1 ? b->out : b->width;
        b->convolutions[i] = convolution(m, convolution_name, in, out, kernel, middle ? b->stride : 1, b->weight);
        b->norms[i] = ct_batch_norm_new(m, norm_name, out, NULL);
        in = out;
    }
    if (!b->of->small && (b->stride != 1 || b->in != b->out))
        build_downsample(m, b);
}

/* x [n,in,h,w] -> [n,out,h / stride,w / stride]: every stride-th element, and channels of zeros (option A). */
static ct_tensor *padded(const block *b, ct_tensor *x)
{
    if (b->in == b->out)
        return x;
    int64_t more = b->out - b->in;
    for (int axis = 2; axis < 4; axis++)
        x = ct_slice(x, axis, 0, ct_size(x, axis), b->stride);
    const int64_t amounts[] = {0, 0, 0, 0, more / 2, more - more / 2};
    return ct_pad(x, amounts, CT_LENGTH(amounts), NULL);
}

static ct_tensor *block_forward(ct_module *m, ct_tensor *x)
{
    const block *b = ct_module_self(m);
    ct_tensor *y = x;
    for (int i = 0; i < layers_of(b); i++)
        y = ct_forward(b->norms[i], ct_forward(b->convolutions[i], i > 0 ? ct_relu(y) : y));
    if (!b->of->plain)
        y = ct_add(y, b->downsample ? ct_forward(b->downsample, x) : padded(b, x));
    return ct_relu(y);
}

static const ct_layer block_layer = {
    .name = "block", .self_size = sizeof(block), .build = build_block, .forward = block_forward};

/* ---- the network ---- */

static void build_stem(ct_module *net, const resnet *r, const ct_vision_options *o, const ct_initializer *weight)
{
    CT_OPTIONS(ct_pool_options, halved, .stride = {2}, .padding = {1});
    convolution(net, "conv1", o->channels, o->width, r->small ? 3 : 7, r->small ? 1 : 2, weight);
    ct_batch_norm_new(net, "bn1", o->width, NULL);
    ct_relu_new(net, "relu");
    if (!r->small)
        ct_max_pool2d_new(net, "maxpool", 3, &halved);
}

/* Stage i from in channels; its first block halves the sides, but for that of the first stage. Returns its channels. */
static int64_t build_stage(ct_module *net, int i, int64_t in, const resnet *r, const ct_vision_options *o,
                           const ct_initializer *weight)
{
    char name[24];
    snprintf(name, sizeof name, "layer%d", i + 1);
    ct_module *stage = ct_sequential_new(net, name);
    block b = {.of = r, .weight = weight, .width = o->width << i};
    b.out = b.width * (r->bottleneck ? EXPANSION : 1);
    for (int64_t k = 0; k < r->blocks[i]; k++) {
        b.in = k == 0 ? in : b.out;
        b.stride = k == 0 && i > 0 ? 2 : 1;
        ct_layer_new(stage, NULL, &block_layer, &b);
    }
    return b.out;
}

static void build(ct_module *net)
{
    const resnet *r = (const resnet *)(const void *)ct_module_layer(net);
    const ct_vision_options *o = ct_module_self(net);
    const ct_initializer *weight = ct__vision_weight(o, &ct__init_he_fan_out);
    build_stem(net, r, o, weight);
    int64_t channels = o->width;
    for (int i = 0; i < STAGES && r->blocks[i] > 0; i++)
        channels = build_stage(net, i, channels, r, o, weight);
    ct_adaptive_avg_pool2d_new(net, "avgpool", 1, 1);
    ct_flatten_new(net, "flatten", 1, -1);
    CT_OPTIONS(ct_linear_options, full, .weight = o->weight);
    ct_linear_new(net, "fc", channels, o->classes, &full);
}

static ct_module *resnet_new(ct_module *module, const char *name, const resnet *r, const ct_vision_options *options)
{
    CT_READ_OPTIONS(ct_vision_options, o, options, r->layer.name);
    if (!o || CT_TAKES_NO(o, r->layer.name, dropout) || CT_TAKES_NO(o, r->layer.name, local_response_norm))
        return NULL;
    return ct__vision_new(module, name, &r->layer, o, r->small ? 10 : 1000, r->small ? 16 : 64);
}

#define RESNET(name, ...)                                                                               \
    ct_module *ct_##name##_new(ct_module *module, const char *called, const ct_vision_options *options) \
    {                                                                                                   \
        static const resnet row = {CT_VISION_LAYER(#name, build), __VA_ARGS__};                         \
        return resnet_new(module, called, &row, options);                                               \
    }

RESNET(resnet18, .blocks = {2, 2, 2, 2})
RESNET(resnet34, .blocks = {3, 4, 6, 3})
RESNET(resnet50, .blocks = {3, 4, 6, 3}, .bottleneck = true)
RESNET(resnet101, .blocks = {3, 4, 23, 3}, .bottleneck = true)
RESNET(resnet152, .blocks = {3, 8, 36, 3}, .bottleneck = true)
RESNET(resnet20, .blocks = {3, 3, 3}, .small = true)
RESNET(resnet56, .blocks = {9, 9, 9}, .small = true)
RESNET(plain20, .blocks = {3, 3, 3}, .small = true, .plain = true)
RESNET(plain56, .blocks = {9, 9, 9}, .small = true, .plain = true)
