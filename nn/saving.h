/* Several objects in one .safetensors file: each puts its tensors into a list, which is written at once; and each plans what to
 * copy out of such a file, which is done at once too.
 *
 * Invariant: a pending error makes everything here do nothing, so that one look at the end is enough: on any error nothing has
 * been written, and nothing been changed. */
#ifndef CT_NN_SAVING_H
#define CT_NN_SAVING_H

#include "nn_internal.h"

/* Tensors to be written, with their names; they must live until the list is written. */
typedef struct ct__saving {
    int64_t count, capacity;
    char **names;
    ct_tensor **tensors;
} ct__saving;

/* Adds t under "<before><name>". */
void ct__saving_add(ct__saving *saving, const char *before, const char *name, ct_tensor *t);
/* n numbers, as float64 or int64 [n]. */
void ct__saving_numbers(ct__saving *saving, const char *before, const char *name, const double *numbers, int64_t n);
void ct__saving_integers(ct__saving *saving, const char *before, const char *name, const int64_t *numbers, int64_t n);
/* A text as its bytes. */
void ct__saving_text(ct__saving *saving, const char *before, const char *name, const char *text);
/* Writes them, unless an error is pending, and frees the list. */
ct_status ct__saving_write(ct__saving *saving, const char *path);

/* A file that is read, and the copies that put what it holds into place once all of it has been seen to fit. */
typedef struct ct__loading {
    const char *path;
    ct_tensor_file *file; /* NULL: could not be read, and the error is pending */
    int64_t count, capacity;
    struct ct__copy *copies;
} ct__loading;

ct__loading ct__loading_open(const char *path);
/* Plans to copy the file's "<before><name>" into t, whose dtype and shape it must have. */
void ct__loading_tensor(ct__loading *loading, const char *before, const char *name, ct_tensor *t);
/* The n numbers of dtype of that name, which live as long as the file; NULL with an error. */
const void *ct__loading_numbers(ct__loading *loading, const char *before, const char *name, ct_dtype dtype, int64_t n);
/* The text of that name, of size bytes without a 0 behind them; NULL with an error. */
const char *ct__loading_string(ct__loading *loading, const char *before, const char *name, size_t *size);
/* Error (format) if that is not the text of that name. */
void ct__loading_text(ct__loading *loading, const char *before, const char *name, const char *text);
/* Plans to copy bytes, as they are now, to a place. */
void ct__loading_bytes(ct__loading *loading, void *to, const void *from, size_t bytes);
/* Error (format) if the file has a tensor that nothing was planned or asked with. */
void ct__loading_nothing_else(ct__loading *loading);
/* Makes the copies, unless an error is pending, and frees everything. */
ct_status ct__loading_close(ct__loading *loading);

/* What each kind of object puts into such files. */
void ct__optimizer_put(const ct_optimizer *optimizer, ct__saving *saving, const char *before);
void ct__optimizer_plan(ct_optimizer *optimizer, ct__loading *loading, const char *before);
void ct__average_put(const ct_average *average, ct__saving *saving, const char *before);
void ct__average_plan(ct_average *average, ct__loading *loading, const char *before);

#endif
