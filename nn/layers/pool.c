/* Pooling: layers without parameters. */
#include "nn_internal.h"

/* ---- windows ---- */

typedef struct pool {
    ct_tensor *(*function)(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
    int64_t kernel;
    ct_pool_options options;
} pool;

static ct_tensor *pool_forward(ct_module *module, ct_tensor *x)
{
    const pool *p = ct_module_self(module);
    return p->function(x, p->kernel, &p->options);
}

/* The options are the operation's, which looks at them in each call. */
static ct_module *pool_new(ct_module *module, const char *name, const ct_layer *layer, const char *what, pool p,
                           const ct_pool_options *options)
{
    static const ct_pool_options defaults = {CT_DEFAULTS(ct_pool_options)};
    const ct_pool_options *o = ct_options_read(what, options, &defaults, &p.options);
    if (!o)
        return NULL;
    p.options = *o;
    int64_t kernel = o->kernel[0] == CT_UNSET_INT ? p.kernel : o->kernel[0];
    if (kernel >= 1 && !o->indices)
        return ct_layer_new(module, name, layer, &p);
    ct_error_set(CT_ERROR_ARGUMENT, kernel < 1 ? "%s: a kernel of %lld" : "%s: a layer has no place for indices", what,
                 (long long)kernel);
    return NULL;
}

#define POOL(operation)                                                                                                \
    ct_module *ct_##operation##_new(ct_module *module, const char *name, int64_t kernel,                               \
                                    const ct_pool_options *options)                                                    \
    {                                                                                                                  \
        static const ct_layer layer = {.name = #operation, .self_size = sizeof(pool), .forward = pool_forward};        \
        return pool_new(module, name, &layer, #operation "_new", (pool){.function = ct_##operation, .kernel = kernel}, \
                        options);                                                                                      \
    }

POOL(max_pool1d)
POOL(max_pool2d)
POOL(max_pool3d)
POOL(avg_pool1d)
POOL(avg_pool2d)
POOL(avg_pool3d)

/* ---- to a size ---- */

enum { MOST_AXES = 3 };

static ct_module *adaptive_new(ct_module *module, const char *name, const ct_layer *layer, const int64_t *sizes,
                               int axes)
{
    int64_t own[MOST_AXES] = {0};
    for (int i = 0; i < axes; i++) {
        own[i] = sizes[i];
        if (own[i] < 1) {
            ct_error_set(CT_ERROR_ARGUMENT, "%s_new: sizes must be at least 1: %lld", layer->name, (long long)own[i]);
            return NULL;
        }
    }
    return ct_layer_new(module, name, layer, own);
}

/* The sizes, what the operation is called with, and the parameters that the sizes are. */
#define ADAPTIVE(operation, sizes, arguments, ...)                                                        \
    static ct_tensor *operation##_forward(ct_module *module, ct_tensor *x)                                \
    {                                                                                                     \
        const int64_t *size = ct_module_self(module);                                                     \
        return ct_##operation arguments;                                                                  \
    }                                                                                                     \
    ct_module *ct_##operation##_new(ct_module *module, const char *name, __VA_ARGS__)                     \
    {                                                                                                     \
        static const ct_layer layer = {                                                                   \
            .name = #operation, .self_size = sizeof(int64_t[MOST_AXES]), .forward = operation##_forward}; \
        return adaptive_new(module, name, &layer, sizes);                                                 \
    }

ADAPTIVE(adaptive_avg_pool1d, CT_SHAPE(length), (x, size[0]), int64_t length)
ADAPTIVE(adaptive_avg_pool2d, CT_SHAPE(height, width), (x, size[0], size[1]), int64_t height, int64_t width)
ADAPTIVE(adaptive_avg_pool3d, CT_SHAPE(depth, height, width), (x, size[0], size[1], size[2]), int64_t depth,
         int64_t height, int64_t width)
ADAPTIVE(adaptive_max_pool1d, CT_SHAPE(length), (x, size[0], NULL), int64_t length)
ADAPTIVE(adaptive_max_pool2d, CT_SHAPE(height, width), (x, size[0], size[1], NULL), int64_t height, int64_t width)
ADAPTIVE(adaptive_max_pool3d, CT_SHAPE(depth, height, width), (x, size[0], size[1], size[2], NULL), int64_t depth,
         int64_t height, int64_t width)
