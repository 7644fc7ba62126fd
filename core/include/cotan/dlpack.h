/* Tensors to and from other libraries without a copy, by DLPack (https://dmlc.github.io/dlpack/latest/), which NumPy, PyTorch, JAX and
 * others speak.
 *
 * The structs have DLPack's public layout, of versions 0.8 (unversioned) and 1.0 (versioned), under names of our own: cast pointers, or
 * lay them over what a "dltensor" or "dltensor_versioned" capsule holds. Invariant: whoever gets such a struct calls its deleter, once. */
#ifndef COTAN_DLPACK_H
#define COTAN_DLPACK_H

#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* DLPack's numbers: kinds of devices, codes of element types, flags. */
enum {
    CT_DL_CPU = 1,   /* the only kind of device that is understood */
    CT_DL_INT = 0,   /* codes of element types */
    CT_DL_UINT = 1,  /* ... */
    CT_DL_FLOAT = 2, /* ... */
    CT_DL_BRAIN = 4, /* bfloat16 */
    CT_DL_BOOL = 6,
    CT_DL_READ_ONLY = 1 << 0, /* a flag: the elements may not be written to */
    CT_DL_COPIED = 1 << 1     /* a flag: nobody else has the elements */
};

/* Where the elements are. */
typedef struct ct_dl_device {
    int32_t device_type, device_id;
} ct_dl_device;

/* Element type: a code, bits and how many stand together. */
typedef struct ct_dl_dtype {
    uint8_t code, bits;
    uint16_t lanes;
} ct_dl_dtype;

/* Elements with shape and strides (in elements; NULL: row-major). */
typedef struct ct_dl_tensor {
    void *data;
    ct_dl_device device;
    int32_t ndim;
    ct_dl_dtype dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} ct_dl_tensor;

/* What unversioned capsules hold. deleter may be NULL. */
typedef struct ct_dl_managed {
    ct_dl_tensor tensor;
    void *context;
    void (*deleter)(struct ct_dl_managed *self);
} ct_dl_managed;

/* What versioned ones hold. */
typedef struct ct_dl_versioned {
    uint32_t major, minor;
    void *context;
    void (*deleter)(struct ct_dl_versioned *self);
    uint64_t flags; /* CT_DL_READ_ONLY, CT_DL_COPIED */
    ct_dl_tensor tensor;
} ct_dl_versioned;

/* t's elements where they are, shape and strides as they are. The caller's until its deleter is called, on the thread that uses t or
 * while no other does; it outlives t. What is written there is in t, uncounted: not while a graph needs the old value. NULL with an error:
 * NULL; state (t is the result of a recorded operation: ct_detach() it); memory. */
CT_API ct_dl_managed *ct_to_dlpack(const ct_tensor *t);
/* The same for version 1; of the result of a recorded operation it is read-only, and no error. */
CT_API ct_dl_versioned *ct_to_dlpack_versioned(const ct_tensor *t);

/* A tensor over the elements of managed, owned by the innermost scope: it calls the deleter when the last tensor over them goes. Elements
 * that are not aligned, and read-only ones, are copied, and the deleter is called at once. With an error managed
 * stays the caller's: NULL; dtype (one that cotan has not, or several lanes); argument (another device than the CPU); shape; memory;
 * format (another version than 1). */
CT_API ct_tensor *ct_from_dlpack(ct_dl_managed *managed);
/* The same for version 1. */
CT_API ct_tensor *ct_from_dlpack_versioned(ct_dl_versioned *managed);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_to_dlpack(t) ((ct_dl_managed *)ct_at_object(CT_HERE, ct_to_dlpack(t)))
#define ct_to_dlpack_versioned(t) ((ct_dl_versioned *)ct_at_object(CT_HERE, ct_to_dlpack_versioned(t)))
#define ct_from_dlpack(managed) ct_at(CT_HERE, ct_from_dlpack(managed))
#define ct_from_dlpack_versioned(managed) ct_at(CT_HERE, ct_from_dlpack_versioned(managed))
#endif

#ifdef __cplusplus
}
#endif
#endif
