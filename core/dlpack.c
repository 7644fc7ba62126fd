/* DLPack: a tensor lends its elements to another library, or is one over elements that are lent to it.
 *
 * Invariant: each lender's deleter runs once, when nobody here uses the elements any more, or never, if the call failed. */
#include "memory_internal.h"
#include <cotan/dlpack.h>
#include <limits.h>
#include <string.h>

/* ---- element types ---- */

static const struct {
    ct_dtype dtype;
    uint8_t code, bits;
} types[] = {
    {CT_FLOAT32, CT_DL_FLOAT, 32}, {CT_FLOAT64, CT_DL_FLOAT, 64},  {CT_INT64, CT_DL_INT, 64},
    {CT_INT32, CT_DL_INT, 32},     {CT_UINT8, CT_DL_UINT, 8},      {CT_BOOL, CT_DL_BOOL, 8},
    {CT_FLOAT16, CT_DL_FLOAT, 16}, {CT_BFLOAT16, CT_DL_BRAIN, 16},
};
enum { TYPES = sizeof types / sizeof *types };

static ct_dl_dtype type_of(ct_dtype dtype)
{
    int i = 0;
    while (i < TYPES - 1 && types[i].dtype != dtype)
        i++;
    return (ct_dl_dtype){.code = types[i].code, .bits = types[i].bits, .lanes = 1};
}

static ct_status find_dtype(ct_dl_dtype type, ct_dtype *dtype, const char *what)
{
    for (int i = 0; i < TYPES; i++) {
        if (types[i].code != type.code || types[i].bits != type.bits || type.lanes != 1)
            continue;
        *dtype = types[i].dtype;
        return CT_OK;
    }
    return ct__error(CT_ERROR_DTYPE, "%s: no dtype has code %d, %d bits and %d lanes", what, type.code, type.bits,
                     type.lanes);
}

/* ---- out ---- */

/* Either struct, and what it points to; it goes with its deleter. */
typedef struct loan {
    union {
        ct_dl_managed managed;
        ct_dl_versioned versioned;
    } as;
    ct_tensor *alias; /* holds the storage */
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
} loan;

static void end_loan(loan *l)
{
    ct__tensor_unref(l->alias);
    ct__free(l, sizeof *l);
}

static void delete_managed(ct_dl_managed *self)
{
    if (self)
        end_loan(self->context);
}

static void delete_versioned(ct_dl_versioned *self)
{
    if (self)
        end_loan(self->context);
}

static void describe(loan *l, ct_dl_tensor *to)
{
    const ct_tensor *t = l->alias;
    memcpy(l->shape, t->shape, (size_t)t->rank * sizeof *l->shape);
    memcpy(l->strides, t->strides, (size_t)t->rank * sizeof *l->strides);
    *to = (ct_dl_tensor){.data = ct__ptr(t),
                         .device = {.device_type = CT_DL_CPU},
                         .ndim = t->rank,
                         .dtype = type_of((ct_dtype)t->dtype),
                         .shape = l->shape,
                         .strides = l->strides};
}

/* Holds t's storage, whatever becomes of t. */
static loan *lend(const ct_tensor *t, const char *what)
{
    if (ct__check_tensor(t, what) != CT_OK)
        return NULL;
    loan *l = ct__alloc(sizeof *l);
    if (!l) {
        ct__no_memory(what);
        return NULL;
    }
    l->alias = ct__tensor_alias(t, what);
    if (!l->alias) {
        ct__free(l, sizeof *l);
        return NULL;
    }
    ct__scope_move(l->alias, NULL);
    return l;
}

ct_dl_managed *ct_to_dlpack(const ct_tensor *t)
{
    if (ct__check_tensor(t, "to_dlpack") != CT_OK)
        return NULL;
    if (t->node) {
        ct__error(CT_ERROR_STATE, "to_dlpack: the result of '%s' is recorded; ct_detach() it", t->made_by);
        return NULL;
    }
    loan *l = lend(t, "to_dlpack");
    if (!l)
        return NULL;
    l->as.managed = (ct_dl_managed){.context = l, .deleter = delete_managed};
    describe(l, &l->as.managed.tensor);
    return &l->as.managed;
}

ct_dl_versioned *ct_to_dlpack_versioned(const ct_tensor *t)
{
    loan *l = lend(t, "to_dlpack_versioned");
    if (!l)
        return NULL;
    l->as.versioned = (ct_dl_versioned){
        .major = 1, .context = l, .deleter = delete_versioned, .flags = t->node ? CT_DL_READ_ONLY : 0};
    describe(l, &l->as.versioned.tensor);
    return &l->as.versioned;
}

/* ---- in ---- */

/* What is lent, and whom to tell when it is no longer used. */
typedef struct lent {
    const ct_dl_tensor *tensor;
    ct_dtype dtype;
    int64_t strides[CT_MAX_RANK];
    void (*release)(void *);
    void *owner;
    bool copied; /* must be */
} lent;

static ct_status check_lent(const ct_dl_tensor *tensor, ct_dtype *dtype, const char *what)
{
    ct_status status = find_dtype(tensor->dtype, dtype, what);
    if (status != CT_OK)
        return status;
    if (tensor->device.device_type != CT_DL_CPU)
        return ct__error(CT_ERROR_ARGUMENT, "%s: device type %d is not the CPU", what, (int)tensor->device.device_type);
    status = ct__check_shape(*dtype, tensor->shape, tensor->ndim, what);
    if (status != CT_OK)
        return status;
    int64_t strides[CT_MAX_RANK];
    if (!tensor->data && (tensor->ndim == 0 || ct__row_major(tensor->shape, tensor->ndim, strides) > 0))
        return ct__error(CT_ERROR_NULL, "%s: data is NULL", what);
    return CT_OK;
}

static char *elements(const ct_dl_tensor *tensor)
{
    return tensor->data ? (char *)tensor->data + tensor->byte_offset : NULL;
}

/* Whether a tensor can be over the elements as they lie. */
static bool can_share(const lent *l)
{
    return !l->copied && elements(l->tensor) && (uintptr_t)elements(l->tensor) % ct_dtype_size(l->dtype) == 0;
}

static ct_tensor *copy_of(const lent *l, const char *what)
{
    const ct_dl_tensor *from = l->tensor;
    ct_tensor *t = ct__tensor_new(l->dtype, from->shape, from->ndim, what);
    if (!t)
        return NULL;
    const char *at = elements(from);
    int64_t index[CT_MAX_RANK] = {0};
    size_t size = ct_dtype_size(l->dtype);
    for (int64_t i = 0; i < t->numel; i++) { /* byte by byte: the elements may lie anywhere */
        int64_t offset = 0;
        for (int axis = 0; axis < t->rank; axis++)
            offset += index[axis] * l->strides[axis];
        memcpy(t->storage->data + (size_t)i * size, at + offset * (int64_t)size, size);
        for (int axis = t->rank - 1; axis >= 0 && ++index[axis] == t->shape[axis]; axis--)
            index[axis] = 0;
    }
    l->release(l->owner);
    return t;
}

static ct_tensor *tensor_of(lent *l, const char *what)
{
    const ct_dl_tensor *from = l->tensor;
    if (from->strides && from->ndim > 0)
        memcpy(l->strides, from->strides, (size_t)from->ndim * sizeof *l->strides);
    else
        ct__row_major(from->shape, from->ndim, l->strides);
    if (!can_share(l))
        return copy_of(l, what);
    return ct__tensor_over(l->dtype, elements(from), from->shape, l->strides, from->ndim, l->release, l->owner, what);
}

static void release_managed(void *owner)
{
    ct_dl_managed *managed = owner;
    if (managed->deleter)
        managed->deleter(managed);
}

static void release_versioned(void *owner)
{
    ct_dl_versioned *managed = owner;
    if (managed->deleter)
        managed->deleter(managed);
}

ct_tensor *ct_from_dlpack(ct_dl_managed *managed)
{
    if (!managed) {
        ct__error(CT_ERROR_NULL, "from_dlpack: managed is NULL");
        return NULL;
    }
    lent l = {.tensor = &managed->tensor, .release = release_managed, .owner = managed};
    if (check_lent(l.tensor, &l.dtype, "from_dlpack") != CT_OK)
        return NULL;
    return tensor_of(&l, "from_dlpack");
}

ct_tensor *ct_from_dlpack_versioned(ct_dl_versioned *managed)
{
    if (!managed) {
        ct__error(CT_ERROR_NULL, "from_dlpack_versioned: managed is NULL");
        return NULL;
    }
    if (managed->major != 1) {
        ct__error(CT_ERROR_FORMAT, "from_dlpack_versioned: version %u.%u, not 1", (unsigned)managed->major,
                  (unsigned)managed->minor);
        return NULL;
    }
    lent l = {.tensor = &managed->tensor,
              .release = release_versioned,
              .owner = managed,
              .copied = managed->flags & CT_DL_READ_ONLY};
    if (check_lent(l.tensor, &l.dtype, "from_dlpack_versioned") != CT_OK)
        return NULL;
    return tensor_of(&l, "from_dlpack_versioned");
}
