/* Linear layers. */
#include "nn_internal.h"

typedef struct linear {
    int64_t in, out;
    ct_linear_options options;
} linear;

void ct__add_bias(ct_module *module, const char *name, const ct_initializer *initializer, int64_t n, int64_t fan_in,
                  int64_t fan_out)
{
    ct_module_add(module, name, initializer, &n, 1, CT_GIVEN(ct_add_options, .fan_in = fan_in, .fan_out = fan_out));
}

static void build(ct_module *module)
{
    const linear *l = ct_module_self(module);
    ct_module_add(module, "weight", l->options.weight, CT_SHAPE(l->out, l->in), NULL);
    if (!l->options.no_bias)
        ct__add_bias(module, "bias", l->options.bias, l->out, l->in, l->out);
}

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    return ct_linear(x, ct_module_get(module, "weight"), ct_module_get(module, "bias"));
}

static const ct_layer layer = {.name = "linear", .self_size = sizeof(linear), .build = build, .forward = forward};

CT_OPTIONS_INIT(ct_linear_options)

ct_module *ct_linear_new(ct_module *module, const char *name, int64_t in, int64_t out, const ct_linear_options *options)
{
    CT_READ_OPTIONS(ct_linear_options, o, options, "linear_new");
    if (!o)
        return NULL;
    if (in < 1 || out < 1) {
        ct_error_set(CT_ERROR_ARGUMENT, "linear_new: sizes must be at least 1: %lld in, %lld out", (long long)in,
                     (long long)out);
        return NULL;
    }
    return ct_layer_new(module, name, &layer, &(linear){in, out, *o});
}
