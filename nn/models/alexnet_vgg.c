/* AlexNet and VGG: stages of convolutions, a pooling behind each, and three linear layers; a row for each model.
 *
 * Invariant: names and shapes are torchvision's, where layers without parameters are counted too; normalisation across channels, which
 * it does not have, is not counted. */
#include "vision.h"

typedef struct stage {
    int64_t convolutions, out, kernel, stride, padding;
    bool normalised; /* across channels, if the option says so */
    bool not_pooled;
} stage;

typedef struct network {
    ct_layer layer;
    stage stages[5];    /* up to the first without convolutions; channels for a width of 64 */
    int64_t pool, side; /* kernel of the poolings, of stride 2; side of the maps that the linear layers see */
    bool dropout_first; /* in front of a linear layer in place of behind its relu */
    const ct_initializer *convolution, *linear, *bias;
} network;

/* The next number of a layer, as text. */
static const char *next(char (*text)[24], int *number)
{
    snprintf(*text, sizeof *text, "%d", (*number)++);
    return *text;
}

static ct_module *convolution(ct_module *features, const char *name, int64_t in, int64_t out, const stage *s,
                              const ct_initializer *weight, const ct_initializer *bias)
{
    CT_OPTIONS(ct_conv_layer_options, o, .stride = {s->stride}, .padding = {s->padding}, .weight = weight,
               .bias = bias);
    return ct_conv2d_new(features, name, in, out, s->kernel, &o);
}

/* Krizhevsky et al. (2012), section 3.3: k = 2, n = 5, alpha = 1e-4 of the sum, which is 5e-4 of the mean. */
static void normalise(ct_module *features, int number)
{
    CT_OPTIONS(ct_local_response_options, o, .alpha = 5e-4, .beta = 0.75, .k = 2);
    char name[32];
    snprintf(name, sizeof name, "norm%d", number - 1);
    ct_local_response_norm_new(features, name, 5, &o);
}

static int64_t build_features(ct_module *features, const network *net, const ct_vision_options *o)
{
    CT_OPTIONS(ct_pool_options, halved, .stride = {2});
    char text[24];
    int number = 0;
    int64_t in = o->channels;
    for (const stage *s = net->stages; s < net->stages + CT_LENGTH(net->stages) && s->convolutions > 0; s++) {
        for (int64_t i = 0; i < s->convolutions; i++) {
            int64_t out = s->out * o->width / 64;
            convolution(features, next(&text, &number), in, out, s, ct__vision_weight(o, net->convolution), net->bias);
            ct_relu_new(features, next(&text, &number));
            in = out;
        }
        if (s->normalised && o->local_response_norm)
            normalise(features, number);
        if (!s->not_pooled)
            ct_max_pool2d_new(features, next(&text, &number), net->pool, &halved);
    }
    return in;
}

static void build_classifier(ct_module *classifier, const network *net, const ct_vision_options *o, int64_t in)
{
    const int64_t sizes[] = {in, 64 * o->width, 64 * o->width, o->classes};
    CT_OPTIONS(ct_linear_options, full, .weight = ct__vision_weight(o, net->linear), .bias = net->bias);
    for (int i = 0; i < 3; i++) {
        if (i < 2 && net->dropout_first)
            ct_dropout_new(classifier, NULL, o->dropout);
        ct_linear_new(classifier, NULL, sizes[i], sizes[i + 1], &full);
        if (i < 2)
            ct_relu_new(classifier, NULL);
        if (i < 2 && !net->dropout_first)
            ct_dropout_new(classifier, NULL, o->dropout);
    }
}

static void build(ct_module *module)
{
    const network *net = (const network *)(const void *)ct_module_layer(module);
    const ct_vision_options *o = ct_module_self(module);
    int64_t out = build_features(ct_sequential_new(module, "features"), net, o);
    ct_adaptive_avg_pool2d_new(module, "avgpool", net->side, net->side);
    ct_flatten_new(module, "flatten", 1, -1);
    build_classifier(ct_sequential_new(module, "classifier"), net, o, out * net->side * net->side);
}

static ct_module *network_new(ct_module *module, const char *name, const network *net, const ct_vision_options *options)
{
    CT_READ_OPTIONS(ct_vision_options, o, options, net->layer.name);
    bool normalises = net->stages[0].normalised;
    if (!o || (!normalises && CT_TAKES_NO(o, net->layer.name, local_response_norm)))
        return NULL;
    return ct__vision_new(module, name, &net->layer, o, 1000, 64);
}

#define NETWORK(name, ...)                                                                              \
    ct_module *ct_##name##_new(ct_module *module, const char *called, const ct_vision_options *options) \
    {                                                                                                   \
        static const network row = {CT_VISION_LAYER(#name, build), __VA_ARGS__};                        \
        return network_new(module, called, &row, options);                                              \
    }

NETWORK(alexnet, .pool = 3, .side = 6, .dropout_first = true,
        .stages = {{.convolutions = 1, .out = 64, .kernel = 11, .stride = 4, .padding = 2, .normalised = true},
                   {.convolutions = 1, .out = 192, .kernel = 5, .stride = 1, .padding = 2, .normalised = true},
                   {.convolutions = 1, .out = 384, .kernel = 3, .stride = 1, .padding = 1, .not_pooled = true},
                   {.convolutions = 2, .out = 256, .kernel = 3, .stride = 1, .padding = 1}},
        .convolution = &ct_init_torch, .linear = &ct_init_torch, .bias = &ct_init_torch)

/* Of VGG's linear layers: torchvision's. */
static const ct_initializer narrow = {.name = "normal", .distribution = CT_NORMAL, .value = 0.01 * 0.01};

/* clang-format off */
#define THREES(n, channels) {.convolutions = n, .out = channels, .kernel = 3, .stride = 1, .padding = 1}
/* clang-format on */
/* By the convolutions of each stage. */
#define VGG(name, a, b, c, d, e)                                                                \
    NETWORK(name, .pool = 2, .side = 7, .convolution = &ct__init_he_fan_out, .linear = &narrow, \
            .bias = &ct_init_zeros,                                                             \
            .stages = {THREES(a, 64), THREES(b, 128), THREES(c, 256), THREES(d, 512), THREES(e, 512)})
VGG(vgg16, 2, 2, 3, 3, 3)
VGG(vgg19, 2, 2, 4, 4, 4)
