/* Layers: parameters with names, and a forward function that is an expression over operations.
 *
 * Invariant: a layer's struct and its tensors belong to the module in which it was made; a layer that could not be made
 * leaves no tensor behind. */
#include "nn_internal.h"

/* A weight and a bias by their places in the module, where they can be exchanged. */
typedef struct affine {
    const char *name; /* the layer's, in full */
    const ct_module *module;
    int64_t weight, bias; /* bias: -1 without one */
} affine;

static ct_tensor *weight_of(const affine *a)
{
    return ct_module_tensor(a->module, a->weight);
}

static ct_tensor *bias_of(const affine *a)
{
    return ct_module_tensor(a->module, a->bias);
}

/* Adds a new parameter, filled by the initialiser, or by the default if that is NULL. */
static ct_tensor *new_parameter(ct_module *module, const char *name, const int64_t *shape, int rank,
                                const ct_initializer *initializer, int64_t fan_in, int64_t fan_out)
{
    ct_tensor *t = ct_empty(ct_module_dtype(module), shape, rank);
    if (t && ct_initialize_(t, initializer ? initializer : &ct_init_torch, fan_in, fan_out) == CT_OK &&
        ct_module_parameter(module, name, t))
        return t;
    ct_release(t);
    return NULL;
}

/* What a layer's options say about its weight and bias. */
typedef struct affine_init {
    const ct_initializer *weight, *bias;
    bool no_bias;
} affine_init;

/* Adds the weight, of the given shape, and the bias [shape[0]] under name. On an error the module is as it was. */
static ct_status add_affine(affine *a, ct_module *module, const char *name, const int64_t *shape, int rank,
                            affine_init init)
{
    int64_t before = ct_module_count(module);
    const char *full_name = ct__part_name(module, name);
    if (!full_name || ct_module_push(module, name) != CT_OK)
        return ct_error_code();
    *a = (affine){.name = full_name, .module = module, .weight = before, .bias = init.no_bias ? -1 : before + 1};
    ct_tensor *weight = new_parameter(module, "weight", shape, rank, init.weight, 0, 0);
    bool good = weight && (init.no_bias || new_parameter(module, "bias", shape, 1, init.bias,
                                                         ct_numel(weight) / shape[0], ct_numel(weight) / shape[1]));
    ct_module_pop(module);
    if (good)
        return CT_OK;
    ct__module_truncate(module, before);
    return ct_error_code();
}

/* ---- linear ---- */

struct ct_linear_layer {
    affine affine; /* [out, in], [out] */
};

CT_OPTIONS_INIT(ct_linear_options)

ct_linear_layer *ct_linear_new(ct_module *module, const char *name, int64_t in, int64_t out,
                               const ct_linear_options *options)
{
    CT_READ_OPTIONS(ct_linear_options, o, options, "linear_new");
    if (!o)
        return NULL;
    if (in < 1 || out < 1) {
        ct_error_set(CT_ERROR_ARGUMENT, "linear_new: sizes must be at least 1: %lld in, %lld out", (long long)in,
                     (long long)out);
        return NULL;
    }
    ct_linear_layer *layer = ct_module_alloc(module, sizeof *layer);
    if (!layer)
        return NULL;
    affine_init init = {o->weight, o->bias, o->no_bias};
    return add_affine(&layer->affine, module, name, (const int64_t[]){out, in}, 2, init) == CT_OK ? layer : NULL;
}

ct_tensor *ct_linear_forward(const ct_linear_layer *layer, ct_tensor *x)
{
    if (ct_object_check(layer, "layer", "linear_forward") != CT_OK)
        return NULL;
    if (ct__part_begin(layer->affine.name) != CT_OK)
        return NULL;
    ct_tensor *y = ct_linear(x, weight_of(&layer->affine), bias_of(&layer->affine));
    ct_region_end();
    return y;
}

/* ---- conv2d ---- */

struct ct_conv2d_layer {
    affine affine; /* [out, in / groups, kernel, kernel], [out] */
    ct_conv_options options;
};

CT_OPTIONS_INIT(ct_conv2d_layer_options)

ct_conv2d_layer *ct_conv2d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                               const ct_conv2d_layer_options *options)
{
    CT_READ_OPTIONS(ct_conv2d_layer_options, o, options, "conv2d_new");
    if (!o)
        return NULL;
    int64_t stride = o->stride, dilation = o->dilation, groups = o->groups;
    if (in < 1 || out < 1 || kernel < 1 || stride < 1 || dilation < 1 || o->padding < 0) {
        ct_error_set(
            CT_ERROR_ARGUMENT,
            "conv2d_new: out of range: %lld in, %lld out, kernel %lld, stride %lld, dilation %lld, padding %lld",
            (long long)in, (long long)out, (long long)kernel, (long long)stride, (long long)dilation,
            (long long)o->padding);
        return NULL;
    }
    if (groups < 1 || in % groups != 0 || out % groups != 0) {
        ct_error_set(CT_ERROR_ARGUMENT, "conv2d_new: %lld groups do not divide %lld in and %lld out", (long long)groups,
                     (long long)in, (long long)out);
        return NULL;
    }
    ct_conv2d_layer *layer = ct_module_alloc(module, sizeof *layer);
    if (!layer)
        return NULL;
    CT_OPTIONS(ct_conv_options, convolution, .stride = {stride}, .padding = {o->padding}, .dilation = {dilation},
               .groups = groups);
    layer->options = convolution;
    const int64_t shape[] = {out, in / groups, kernel, kernel};
    affine_init init = {o->weight, o->bias, o->no_bias};
    return add_affine(&layer->affine, module, name, shape, 4, init) == CT_OK ? layer : NULL;
}

ct_tensor *ct_conv2d_forward(const ct_conv2d_layer *layer, ct_tensor *x)
{
    if (ct_object_check(layer, "layer", "conv2d_forward") != CT_OK)
        return NULL;
    if (ct__part_begin(layer->affine.name) != CT_OK)
        return NULL;
    ct_tensor *y = ct_conv2d(x, weight_of(&layer->affine), bias_of(&layer->affine), &layer->options);
    ct_region_end();
    return y;
}
