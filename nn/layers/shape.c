/* Layers without parameters that move, repeat or leave out elements: flattening and back, shuffling of pixels, resizing, padding. */
#include "nn_internal.h"

/* ---- axes into one, and one into several ---- */

typedef struct axes {
    int start, end;
} axes;

static ct_tensor *flatten(ct_module *module, ct_tensor *x)
{
    const axes *a = ct_module_self(module);
    return ct_flatten(x, a->start, a->end);
}

ct_module *ct_flatten_new(ct_module *module, const char *name, int start, int end)
{
    static const ct_layer layer = {.name = "flatten", .self_size = sizeof(axes), .forward = flatten};
    return ct_layer_new(module, name, &layer, &(axes){start, end});
}

typedef struct sizes {
    int axis, rank;
    int64_t shape[CT_MAX_RANK];
} sizes;

static ct_tensor *unflatten(ct_module *module, ct_tensor *x)
{
    const sizes *s = ct_module_self(module);
    int64_t shape[2 * CT_MAX_RANK];
    int rank = ct_rank(x), axis = s->axis < 0 ? s->axis + rank : s->axis;
    if (x && (axis < 0 || axis >= rank)) {
        ct_error_set(CT_ERROR_ARGUMENT, "unflatten: there is no axis %d in a tensor of rank %d", s->axis, rank);
        return NULL;
    }
    for (int i = 0; x && i < rank; i++)
        shape[i < axis ? i : i - 1 + s->rank] = ct_size(x, i);
    memcpy(shape + (axis > 0 ? axis : 0), s->shape, (size_t)s->rank * sizeof *shape);
    return ct_reshape(x, shape, rank - 1 + s->rank);
}

ct_module *ct_unflatten_new(ct_module *module, const char *name, int axis, const int64_t *shape, int rank)
{
    static const ct_layer layer = {.name = "unflatten", .self_size = sizeof(sizes), .forward = unflatten};
    sizes s = {.axis = axis, .rank = rank};
    if (!shape || rank < 1 || rank > CT_MAX_RANK) {
        ct_error_set(shape ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "unflatten_new: %s",
                     shape ? "a shape of no axes, or of too many" : "the shape is NULL");
        return NULL;
    }
    memcpy(s.shape, shape, (size_t)rank * sizeof *shape);
    return ct_layer_new(module, name, &layer, &s);
}

/* ---- channels into pixels, and back ---- */

typedef struct shuffle {
    ct_tensor *(*function)(ct_tensor *x, int64_t factor);
    int64_t factor;
} shuffle;

static ct_tensor *shuffle_forward(ct_module *module, ct_tensor *x)
{
    const shuffle *s = ct_module_self(module);
    return s->function(x, s->factor);
}

#define SHUFFLE(operation)                                                                                            \
    ct_module *ct_##operation##_new(ct_module *module, const char *name, int64_t factor)                              \
    {                                                                                                                 \
        static const ct_layer layer = {.name = #operation, .self_size = sizeof(shuffle), .forward = shuffle_forward}; \
        if (factor >= 1)                                                                                              \
            return ct_layer_new(module, name, &layer, &(shuffle){ct_##operation, factor});                            \
        ct_error_set(CT_ERROR_ARGUMENT, #operation "_new: a factor of %lld", (long long)factor);                      \
        return NULL;                                                                                                  \
    }

SHUFFLE(pixel_shuffle)
SHUFFLE(pixel_unshuffle)

/* ---- to another size ---- */

static ct_tensor *resize(ct_module *module, ct_tensor *x)
{
    return ct_interpolate(x, ct_module_self(module));
}

ct_module *ct_upsample_new(ct_module *module, const char *name, const ct_interpolate_options *options)
{
    static const ct_layer layer = {.name = "upsample", .self_size = sizeof(ct_interpolate_options), .forward = resize};
    CT_READ_OPTIONS(ct_interpolate_options, o, options, "upsample_new");
    return o ? ct_layer_new(module, name, &layer, o) : NULL;
}

typedef struct padding {
    int n;
    int64_t amounts[2 * CT_MAX_RANK];
    ct_pad_options options;
} padding;

static ct_tensor *pad(ct_module *module, ct_tensor *x)
{
    const padding *p = ct_module_self(module);
    return ct_pad(x, p->amounts, p->n, &p->options);
}

ct_module *ct_pad_new(ct_module *module, const char *name, const int64_t *amounts, int n, const ct_pad_options *options)
{
    static const ct_layer layer = {.name = "pad", .self_size = sizeof(padding), .forward = pad};
    CT_READ_OPTIONS(ct_pad_options, o, options, "pad_new");
    if (!o)
        return NULL;
    if (!amounts || n < 0 || n > 2 * CT_MAX_RANK) {
        ct_error_set(amounts ? CT_ERROR_ARGUMENT : CT_ERROR_NULL,
                     amounts ? "pad_new: %d amounts" : "pad_new: the amounts are NULL", n);
        return NULL;
    }
    padding p = {.n = n, .options = *o};
    memcpy(p.amounts, amounts, (size_t)n * sizeof *amounts);
    return ct_layer_new(module, name, &layer, &p);
}
