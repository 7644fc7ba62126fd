/* Whole models: the networks of the lectures.
 *
 * A model for images is a layer like any other: made in a module under a name, called with ct_forward(). It takes x [n, channels,
 * height, width] and gives logits [n, classes]. What is in it has torchvision's names and shapes, as the model sees them:
 *
 *     ct_module *net = ct_module_new(CT_FLOAT32);
 *     ct_module *resnet = ct_resnet18_new(net, "resnet", .weight = &ct_init_empty);
 *     ct_module_load(resnet, "resnet18.safetensors");
 *
 * Errors of all: those of ct_layer_new(), argument (options). */
#ifndef COTAN_MODELS_H
#define COTAN_MODELS_H

#include <cotan/init.h>
#include <cotan/module.h>

#ifdef __cplusplus
extern "C" {
#endif

/* LeNet-5 (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998, section II.B) as
 * built today: relu, max pooling, all maps connected; Glorot uniform weights. 61,706 parameters. */
typedef struct ct_lenet5 ct_lenet5;
CT_API ct_lenet5 *ct_lenet5_new(ct_module *module);
/* x [n, 1, 28, 28] to logits [n, 10]; model is a ct_lenet5. */
CT_API ct_tensor *ct_lenet5_forward(void *model, ct_tensor *x);

/* ---- models for images ---- */

typedef struct CT_BY_NAME ct_vision_options {
    CT_OPTIONS_HEAD;
    int64_t classes;  /* default CT_UNSET_INT: 1000; those for small images: 10 */
    int64_t channels; /* of the images; default 3 */
    /* Channels of the first convolution; all others, and what linear layers are wide, grow and shrink with it. Default CT_UNSET_INT: 64; those
     * for small images: 16. */
    int64_t width;
    double dropout;           /* in training, of alexnet and vgg; default 0.5 */
    bool local_response_norm; /* alexnet: normalises across channels behind its first two relus, as the paper has it */
    const ct_initializer *weight; /* of all convolutions and linear layers; NULL: torchvision's of each model */
} ct_vision_options;
#define CT_DEFAULTS_ct_vision_options .classes = CT_UNSET_INT, .channels = 3, .width = CT_UNSET_INT, .dropout = 0.5,
CT_API void ct_vision_options_init(ct_vision_options *options, size_t size);

/* Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks", 2012, in the sizes of Krizhevsky,
 * "One weird trick for parallelizing convolutional neural networks", 2014. For 224 x 224, at least 63 x 63; 61,100,840 parameters. */
CT_API ct_module *ct_alexnet_new(ct_module *module, const char *name, const ct_vision_options *options);
/* Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, D and E of table 1. For 224 x 224, at
 * least 32 x 32; 138,357,544 and 143,667,240 parameters. */
CT_API ct_module *ct_vgg16_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_vgg19_new(ct_module *module, const char *name, const ct_vision_options *options);
/* He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, table 1, with the stride of a bottleneck in its 3 x 3 convolution
 * as in torchvision. For 224 x 224; 11,689,512, 21,797,672, 25,557,032, 44,549,160 and 60,192,808 parameters. */
CT_API ct_module *ct_resnet18_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_resnet34_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_resnet50_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_resnet101_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_resnet152_new(ct_module *module, const char *name, const ct_vision_options *options);
/* The same paper's for small images, section 4.2, with shortcuts of no parameters (option A): 20 and 56 layers, 269,722 and 853,018
 * parameters for 3 channels; and the plain ones, without shortcuts. For 32 x 32. */
CT_API ct_module *ct_resnet20_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_resnet56_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_plain20_new(ct_module *module, const char *name, const ct_vision_options *options);
CT_API ct_module *ct_plain56_new(ct_module *module, const char *name, const ct_vision_options *options);

/* ---- models for text ---- */

typedef struct CT_BY_NAME ct_gpt2_options {
    CT_OPTIONS_HEAD;
    /* Default 1024, 768, 12, 12: the smallest that was published; up to 1000 blocks. */
    int64_t context, width, heads, blocks;
    double dropout; /* in training; default 0.1 */
    /* Of all weights; NULL: normal with a deviation of 0.02, and of 0.02 / sqrt(2 blocks) where a block adds to what goes past it. */
    const ct_initializer *weight;
} ct_gpt2_options;
#define CT_DEFAULTS_ct_gpt2_options .context = 1024, .width = 768, .heads = 12, .blocks = 12, .dropout = 0.1,
CT_API void ct_gpt2_options_init(ct_gpt2_options *options, size_t size);

/* GPT-2 (Radford, Wu, Child, Luan, Amodei, Sutskever, "Language models are unsupervised multitask learners", 2019): int64 tokens [n, t], t up
 * to the context, to logits of what follows each of them [n, t, tokens]. Names and shapes are those of the published weights, whose first
 * axis is a layer's input: load them with CT_RENAME("transformer.*", "*"). 124,439,808 parameters for 50,257 tokens. Errors as above, and
 * of the forward pass: shape. */
CT_API ct_module *ct_gpt2_new(ct_module *module, const char *name, int64_t tokens, const ct_gpt2_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_lenet5_forward(...) ct_at(CT_HERE, ct_lenet5_forward(__VA_ARGS__))
#define ct_lenet5_new(module) ct_at_object(CT_HERE, ct_lenet5_new(module))
#define CT_MODEL_(new, ...) ct_at_object(CT_HERE, CT_WITH2(new, ct_vision_options, __VA_ARGS__, ))
#define ct_alexnet_new(...) CT_MODEL_(ct_alexnet_new, __VA_ARGS__)
#define ct_vgg16_new(...) CT_MODEL_(ct_vgg16_new, __VA_ARGS__)
#define ct_vgg19_new(...) CT_MODEL_(ct_vgg19_new, __VA_ARGS__)
#define ct_resnet18_new(...) CT_MODEL_(ct_resnet18_new, __VA_ARGS__)
#define ct_resnet34_new(...) CT_MODEL_(ct_resnet34_new, __VA_ARGS__)
#define ct_resnet50_new(...) CT_MODEL_(ct_resnet50_new, __VA_ARGS__)
#define ct_resnet101_new(...) CT_MODEL_(ct_resnet101_new, __VA_ARGS__)
#define ct_resnet152_new(...) CT_MODEL_(ct_resnet152_new, __VA_ARGS__)
#define ct_resnet20_new(...) CT_MODEL_(ct_resnet20_new, __VA_ARGS__)
#define ct_resnet56_new(...) CT_MODEL_(ct_resnet56_new, __VA_ARGS__)
#define ct_plain20_new(...) CT_MODEL_(ct_plain20_new, __VA_ARGS__)
#define ct_plain56_new(...) CT_MODEL_(ct_plain56_new, __VA_ARGS__)
#define ct_gpt2_new(...) ct_at_object(CT_HERE, CT_WITH3(ct_gpt2_new, ct_gpt2_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
