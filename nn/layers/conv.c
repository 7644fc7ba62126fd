/* Convolutions and their transposes, one to three axes: a row each.
 *
 * Invariant: options are those of the operation, and are checked by it; what a layer checks is what its parameters need. */
#include "nn_internal.h"

typedef ct_tensor *convolution(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);

typedef struct conv {
    convolution *function;
    int axes;
    bool transposed;
    int64_t in, out, kernel[3];
    ct_conv_layer_options options;
    ct_conv_options of_call;
} conv;

static void build(ct_module *module)
{
    const conv *c = ct_module_self(module);
    int64_t wide = c->transposed ? c->in : c->out, narrow = (c->transposed ? c->out : c->in) / c->options.groups;
    const int64_t shape[] = {wide, narrow, c->kernel[0], c->kernel[1], c->kernel[2]};
    ct_tensor *weight = ct_module_add(module, "weight", c->options.weight, shape, 2 + c->axes, NULL);
    if (weight && !c->options.no_bias)
        ct__add_bias(module, "bias", c->options.bias, c->out, ct_numel(weight) / wide, ct_numel(weight) / narrow);
}

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    const conv *c = ct_module_self(module);
    return c->function(x, ct_module_get(module, "weight"), ct_module_get(module, "bias"), &c->of_call);
}

CT_OPTIONS_INIT(ct_conv_layer_options)

/* The kernel of each axis: the option, whose lone first entry stands for all, or the argument. */
static void kernels(conv *c, int64_t kernel)
{
    const int64_t *given = c->options.kernel;
    for (int i = 0; i < c->axes; i++)
        c->kernel[i] = given[0] == CT_UNSET_INT ? kernel : given[1] == 0 && given[2] == 0 ? given[0] : given[i];
}

/* Whether an entry is another number; behind the first, 0 stands for that one. */
static bool any_but(const int64_t *entries, int64_t number)
{
    for (int i = 0; i < 3; i++)
        if (entries[i] != number && entries[i] != 0 && entries[i] != CT_ZERO)
            return true;
    return false;
}

static ct_status check(const conv *c, const char *what)
{
    const ct_conv_layer_options *o = &c->options;
    int64_t smallest = c->kernel[0], groups = o->groups;
    for (int i = 1; i < c->axes; i++)
        smallest = c->kernel[i] < smallest ? c->kernel[i] : smallest;
    if (c->in < 1 || c->out < 1 || smallest < 1 || o->stride[0] < 1 || o->dilation[0] < 1 ||
        (o->padding[0] < 0 && o->padding[0] != CT_ZERO))
        return ct_error_set(
            CT_ERROR_ARGUMENT,
            "%s: out of range: %lld in, %lld out, kernel %lld, stride %lld, dilation %lld, padding %lld", what,
            (long long)c->in, (long long)c->out, (long long)smallest, (long long)o->stride[0],
            (long long)o->dilation[0], (long long)o->padding[0]);
    if ((c->transposed && (o->same || o->padding_mode)) || o->padding_mode < 0 || o->padding_mode > CT_PAD_CIRCULAR)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: there is no padding mode %d%s", what, (int)o->padding_mode,
                            c->transposed ? " and no same of a transposed convolution" : "");
    if (o->same && (any_but(o->padding, 0) || any_but(o->stride, 1)))
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: same is in place of padding, and strides are 1", what);
    if (groups < 1 || c->in % groups != 0 || c->out % groups != 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: %lld groups do not divide %lld in and %lld out", what,
                            (long long)groups, (long long)c->in, (long long)c->out);
    return CT_OK;
}

static void options_of_call(conv *c)
{
    ct_conv_options_init(&c->of_call, sizeof c->of_call);
    c->of_call.groups = c->options.groups;
    c->of_call.padding_mode = c->options.padding_mode;
    c->of_call.same = c->options.same;
    for (int i = 0; i < 3; i++) {
        c->of_call.stride[i] = c->options.stride[i];
        c->of_call.padding[i] = c->options.padding[i];
        c->of_call.dilation[i] = c->options.dilation[i];
        c->of_call.output_padding[i] = c->options.output_padding[i];
    }
}

/* c begins with the row of its kind. */
static ct_module *conv_new(ct_module *module, const char *name, const ct_layer *layer, const char *what, conv *c,
                           int64_t kernel, const ct_conv_layer_options *options)
{
    CT_READ_OPTIONS(ct_conv_layer_options, o, options, what);
    if (!o)
        return NULL;
    c->options = *o;
    kernels(c, kernel);
    options_of_call(c);
    return check(c, what) == CT_OK ? ct_layer_new(module, name, layer, c) : NULL;
}

#define CONV(operation, number_of_axes, is_transposed)                                                              \
    ct_module *ct_##operation##_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,   \
                                    const ct_conv_layer_options *options)                                           \
    {                                                                                                               \
        static const ct_layer layer = {                                                                             \
            .name = #operation, .self_size = sizeof(conv), .build = build, .forward = forward};                     \
        conv c = {                                                                                                  \
            .function = ct_##operation, .axes = number_of_axes, .transposed = is_transposed, .in = in, .out = out}; \
        return conv_new(module, name, &layer, #operation "_new", &c, kernel, options);                              \
    }

CONV(conv1d, 1, false)
CONV(conv2d, 2, false)
CONV(conv3d, 3, false)
CONV(conv_transpose1d, 1, true)
CONV(conv_transpose2d, 2, true)
CONV(conv_transpose3d, 3, true)
