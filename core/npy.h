/* What .npy files share with the archives of them, .npz. */
#ifndef CT_NPY_H
#define CT_NPY_H

#include "file_internal.h"

/* Where an array's bytes come from. */
typedef struct ct__npy_source {
    const char *what, *path, *name; /* for messages; name: in an archive, else NULL */
    /* Up to bytes bytes; *got is less only at the end. */
    ct_status (*read)(void *context, void *data, uint64_t bytes, uint64_t *got);
    void *context;
    uint64_t most; /* bytes that the elements may take in memory */
} ct__npy_source;

/* The array, owned by the innermost scope; NULL with an error. */
ct_tensor *ct__npy_read(const ct__npy_source *s);
/* An error (format) about what s holds. */
ct_status ct__npy_error(const ct__npy_source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* CT_OK, or an error (dtype) if NumPy lacks t's element type. */
ct_status ct__npy_can_save(const ct_tensor *t, const char *what);
/* Writes what stands before t's elements into text, and returns its bytes. */
#define CT_NPY_HEADER 320 /* bytes at most */
size_t ct__npy_header(const ct_tensor *t, char *text);

#endif
