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
    if (p.kernel >= 1 && !p.options.indices)
        return ct_layer_new(module, name, layer, &p);
    ct_error_set(CT_ERROR_ARGUMENT, p.kernel < 1 ? "%s: a kernel of %lld" : "%s: a layer has no place for indices",
                 what, (long long)p.kernel);
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
POOL(avg_pool1d)
POOL(avg_pool2d)

/* ---- to a size ---- */

typedef struct size {
    int64_t height, width;
} size;

static ct_tensor *adaptive_forward(ct_module *module, ct_tensor *x)
{
    const size *s = ct_module_self(module);
    return ct_adaptive_avg_pool2d(x, s->height, s->width);
}

ct_module *ct_adaptive_avg_pool2d_new(ct_module *module, const char *name, int64_t height, int64_t width)
{
    static const ct_layer layer = {
        .name = "adaptive_avg_pool2d", .self_size = sizeof(size), .forward = adaptive_forward};
    if (height >= 1 && width >= 1)
        return ct_layer_new(module, name, &layer, &(size){height, width});
    ct_error_set(CT_ERROR_ARGUMENT, "adaptive_avg_pool2d_new: sizes must be at least 1: %lld, %lld", (long long)height,
                 (long long)width);
    return NULL;
}
