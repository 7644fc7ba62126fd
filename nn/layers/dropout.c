/* Dropout, of elements and of whole channels. */
#include "nn_internal.h"

typedef struct dropout {
    double p;
    int spatial; /* axes of a channel; 0: each element by itself */
} dropout;

/* 1 for each channel of x, which has spatial axes behind them: [N,C,1,1]. */
static ct_tensor *ones_of_channels(const ct_tensor *x, int spatial)
{
    int rank = ct_rank(x), outer = rank - spatial;
    if (outer != 1 && outer != 2) {
        char shape[CT_NN_SHAPE_TEXT];
        ct_error_set(CT_ERROR_SHAPE, "dropout%dd: needs [N,C] or [C] and %d axes more: %s", spatial, spatial,
                     ct__nn_shape_text(x, shape));
        return NULL;
    }
    int64_t sizes[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        sizes[i] = i < outer ? ct_size(x, i) : 1;
    return ct_ones(ct_dtype_of(x), sizes, rank);
}

static ct_tensor *forward(ct_module *module, ct_tensor *x)
{
    const dropout *d = ct_module_self(module);
    bool training = ct_module_training(module);
    if (d->spatial == 0 || !training || d->p == 0 || !x)
        return ct_dropout(x, d->p, training);
    return ct_mul(x, ct_dropout(ones_of_channels(x, d->spatial), d->p, true));
}

static ct_module *dropout_new(ct_module *module, const char *name, const ct_layer *layer, double p, int spatial)
{
    if (p >= 0 && p <= 1)
        return ct_layer_new(module, name, layer, &(dropout){p, spatial});
    ct_error_set(CT_ERROR_ARGUMENT, "%s_new: a probability is in 0..1: %g", layer->name, p);
    return NULL;
}

#define DROPOUT(kind, axes)                                                                              \
    ct_module *ct_##kind##_new(ct_module *module, const char *name, double p)                            \
    {                                                                                                    \
        static const ct_layer layer = {.name = #kind, .self_size = sizeof(dropout), .forward = forward}; \
        return dropout_new(module, name, &layer, p, axes);                                               \
    }

DROPOUT(dropout, 0)
DROPOUT(dropout1d, 1)
DROPOUT(dropout2d, 2)
DROPOUT(dropout3d, 3)
