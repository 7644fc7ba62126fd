/* Embeddings. */
#include "nn_internal.h"

typedef struct embedding {
    int64_t count, size, padding; /* padding: -1: none */
    const ct_initializer *weight;
} embedding;

/* Row index of t. */
static ct_tensor *row(ct_tensor *t, int64_t index)
{
    return ct_select(t, 0, index);
}

static void build(ct_module *module)
{
    const embedding *e = ct_module_self(module);
    ct_tensor *weight =
        ct_module_add(module, "weight", e->weight ? e->weight : &ct_init_normal, CT_SHAPE(e->count, e->size), NULL);
    if (!weight || e->padding < 0 || ct_scope_open() != CT_OK)
        return;
    ct_fill_(row(ct_detach(weight), e->padding), 0);
    ct_scope_close();
}

/* The padding's row is that of the module's own tensor and no variable, also where another is exchanged for it: what measures or takes
 * a gradient sees a constant. */
static ct_tensor *with_padding(ct_module *module, ct_tensor *y, ct_tensor *index)
{
    const embedding *e = ct_module_self(module);
    ct_tensor *constant = ct_cast(row(ct_detach(ct__module_own(module, "weight")), e->padding), ct_dtype_of(y));
    ct_tensor *is_padding = ct_eq(index, ct_scalar(ct_dtype_of(index), (double)e->padding));
    return ct_where(ct_unsqueeze(is_padding, -1), constant, y);
}

static ct_tensor *forward(ct_module *module, ct_tensor *index)
{
    const embedding *e = ct_module_self(module);
    ct_tensor *y = ct_embedding(ct_module_get(module, "weight"), index);
    return y && e->padding >= 0 ? with_padding(module, y, index) : y;
}

CT_OPTIONS_INIT(ct_embedding_options)

ct_module *ct_embedding_new(ct_module *module, const char *name, int64_t count, int64_t size,
                            const ct_embedding_options *options)
{
    static const ct_layer layer = {
        .name = "embedding", .self_size = sizeof(embedding), .build = build, .forward = forward};
    CT_READ_OPTIONS(ct_embedding_options, o, options, "embedding_new");
    if (!o)
        return NULL;
    int64_t given = o->padding_idx, padding = given == CT_UNSET_INT ? -1 : given < 0 ? given + count : given;
    if (count >= 1 && size >= 1 && padding < count && (padding >= 0 || given == CT_UNSET_INT))
        return ct_layer_new(module, name, &layer, &(embedding){count, size, padding, o->weight});
    ct_error_set(CT_ERROR_ARGUMENT, "embedding_new: out of range: %lld rows of %lld, padding_idx %lld",
                 (long long)count, (long long)size, (long long)(given == CT_UNSET_INT ? 0 : given));
    return NULL;
}
