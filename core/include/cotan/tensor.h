/* Tensors, the scopes that own them, and what they hold.
 *
 * A tensor is a shape and strides over a reference-counted storage. Every tensor made belongs to the innermost open
 * scope of its thread until ct_keep() takes it out. A tensor is used by one thread at a time. */
#ifndef COTAN_TENSOR_H
#define COTAN_TENSOR_H

#include <cotan/error.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_MAX_RANK 8 /* axes of one tensor */

/* Element types. Floats have gradients; integers are for labels, indices and counts; bool, a byte that is 0 or 1, is what comparisons give
 * and masks are. float16 and bfloat16, floats of two bytes, are only stored: made, cast, moved, saved and loaded; operations that compute
 * refuse them. Nothing is converted behind your back: operations take tensors of one type, ct_cast() makes another of it. */
typedef enum ct_dtype {
    CT_FLOAT32,
    CT_FLOAT64,
    CT_INT64,
    CT_INT32,
    CT_UINT8,
    CT_BOOL,
    CT_FLOAT16,
    CT_BFLOAT16
} ct_dtype;
#define CT_DTYPES 8 /* how many there are */

/* A tensor: element type, shape, strides, and a storage that it may share with others. */
typedef struct ct_tensor ct_tensor;

/* CT_SHAPE(3, 4) stands for the two arguments (shape, rank); CT_SCALAR for those of a 0-d tensor. */
#define CT_SHAPE(...) ((const int64_t[]){__VA_ARGS__}), (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define CT_SCALAR NULL, 0
/* CT_VALUES(2, -3) stands for the two arguments (values, count). */
#define CT_VALUES(...) \
    ((const double[]){__VA_ARGS__}), (int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* ---- dtypes ---- */

CT_API size_t ct_dtype_size(ct_dtype dtype);      /* bytes of one element; 0 if dtype is none of these */
CT_API const char *ct_dtype_name(ct_dtype dtype); /* "float32"; "invalid" if dtype is none of these */
CT_API bool ct_dtype_is_float(ct_dtype dtype);    /* float32 or float64: what gradients are computed in */

/* ---- making tensors ----
 * All return a contiguous tensor owned by the innermost scope, or NULL with an error (shape: a negative size, rank
 * outside 0..8, more than 2^63-1 bytes; dtype; memory). Only ct_empty leaves the elements unset. */

/* Elements unset; all 0; all 1; all value. */
CT_API ct_tensor *ct_empty(ct_dtype dtype, const int64_t *shape, int rank);
CT_API ct_tensor *ct_zeros(ct_dtype dtype, const int64_t *shape, int rank);
CT_API ct_tensor *ct_ones(ct_dtype dtype, const int64_t *shape, int rank);
CT_API ct_tensor *ct_full(ct_dtype dtype, double value, const int64_t *shape, int rank);
/* 0-d tensor of one value. */
CT_API ct_tensor *ct_scalar(ct_dtype dtype, double value);
/* start, start + step, ...: n values, shape [n]. */
CT_API ct_tensor *ct_arange(ct_dtype dtype, double start, double step, int64_t n);
/* n x n, ones on the diagonal. */
CT_API ct_tensor *ct_eye(ct_dtype dtype, int64_t n);
/* A copy of data: elements of the given dtype in row-major order; those of bool are bytes, true where they are not 0, those of float16
 * and bfloat16 their bits as uint16_t. data may be NULL only for zero elements. */
CT_API ct_tensor *ct_from_array(ct_dtype dtype, const void *data, const int64_t *shape, int rank);
/* A copy of count doubles, converted; count must be the shape's number of elements. */
CT_API ct_tensor *ct_from_values(ct_dtype dtype, const double *values, int64_t count, const int64_t *shape, int rank);
/* New tensors of t's shape and dtype. */
CT_API ct_tensor *ct_zeros_like(const ct_tensor *t);
CT_API ct_tensor *ct_ones_like(const ct_tensor *t);

/* ---- what a tensor is ---- (on NULL: 0, CT_FLOAT32, NULL or false) */

CT_API ct_dtype ct_dtype_of(const ct_tensor *t);      /* element type */
CT_API int ct_rank(const ct_tensor *t);               /* number of axes */
CT_API const int64_t *ct_shape(const ct_tensor *t);   /* rank sizes; belongs to t */
CT_API const int64_t *ct_strides(const ct_tensor *t); /* rank strides in elements; belongs to t */
CT_API int64_t ct_size(const ct_tensor *t, int axis); /* negative counts from the end; 0 if there is no such axis */
CT_API int64_t ct_numel(const ct_tensor *t);          /* number of elements */
CT_API bool ct_is_contiguous(const ct_tensor *t);     /* whether the elements lie side by side in row-major order */
/* Whether a and b have one storage: one may be a view of the other. */
CT_API bool ct_shares_storage(const ct_tensor *a, const ct_tensor *b);
/* Whether a and b are one tensor, or two over the very same elements: of one storage, offset, dtype, shape and strides. What is
 * written to one is then written to the other; graph and gradient may differ (ct_detach). For bindings: ct_contiguous and
 * ct_dropout may hand back their input itself, which is then not a second tensor to release. */
CT_API bool ct_same(const ct_tensor *a, const ct_tensor *b);
/* How often the storage has been changed in place. */
CT_API int64_t ct_tensor_version(const ct_tensor *t);

/* ---- elements ---- */

/* The elements in row-major order; t must be contiguous, or NULL with an error (state). Belongs to t. */
CT_API const void *ct_data(const ct_tensor *t);
/* The same for writing: counts as an in-place change of t. Refused (state) for a result that is recorded in a graph. */
CT_API void *ct_data_mut(ct_tensor *t);
/* Copies all elements, in row-major order whatever the strides, into data, which has room for count elements of t's
 * dtype; count must be t's number of elements. */
CT_API ct_status ct_to_array(const ct_tensor *t, void *data, int64_t count);
/* The same, converted to double. */
CT_API ct_status ct_to_values(const ct_tensor *t, double *values, int64_t count);
/* The value of a one-element tensor; NaN with an error otherwise. */
CT_API double ct_item(const ct_tensor *t);
/* One element: index holds one position for each axis (negative counts from the end); NaN with an error otherwise. */
CT_API double ct_get(const ct_tensor *t, const int64_t *index, int rank);

/* In place, unrecorded, for parameters and buffers: every element, or a copy of src (same shape; converted). Both count
 * as an in-place change, which the engine notices where a backward needs the old value. Refused (state) for a result
 * that is recorded in a graph; ct_copy_ also for a t whose elements share places, such as ct_expand()'s. */
CT_API ct_status ct_fill_(ct_tensor *t, double value);
CT_API ct_status ct_copy_(ct_tensor *t, const ct_tensor *src);

/* ---- scopes ---- */

/* Opens a scope: it owns every tensor that this thread makes until it is closed. Scopes nest. */
CT_API ct_status ct_scope_open(void);
/* Closes the innermost scope and gives back what it owns. Closing with none open is an error (state). */
CT_API ct_status ct_scope_close(void);
/* Makes what changes t in place from here on count only if all goes well: if an error is pending when the innermost scope closes, and
 * none is now, t's elements are put back as they are now. So a step that fails in a scope of its own leaves all as it was. Without an
 * open scope it does nothing. Errors: NULL, state (t may not be changed in place), memory. */
CT_API ct_status ct_scope_guard(ct_tensor *t);
/* Hands what the innermost scope guards to the one around it: put back if an error is pending when that one closes. So a step that has
 * several scopes in a row counts as one. Without a scope around it does nothing. Errors: state (no scope is open). */
CT_API ct_status ct_scope_return_guards(void);
/* Hands t from the innermost scope to the one around it (a function's result, say); returns t. */
CT_API ct_tensor *ct_scope_return(ct_tensor *t);
/* Takes t out of its scope: it is the caller's until ct_release(). Returns t. Keeping a kept tensor changes nothing. */
CT_API ct_tensor *ct_keep(ct_tensor *t);
/* The opposite of ct_keep(): the innermost scope takes over a kept tensor, or another tensor's gradient, which it then shares. One that a
 * scope owns stays there. Returns t. For bindings, whose functions hand a result of theirs to the library. */
CT_API ct_tensor *ct_scope_take(ct_tensor *t);
/* Gives t up, whether kept or owned by a scope. What a graph still needs of it lives on inside the graph. NULL is fine. */
CT_API void ct_release(ct_tensor *t);

/* Of this thread: what was made on it, wherever it is given back. */
typedef struct ct_memory {
    int64_t live_bytes;   /* bytes of the storages in use */
    int64_t peak_bytes;   /* highest live_bytes since the thread began or ct_memory_reset_peak() */
    int64_t scope_bytes;  /* live_bytes less those when the innermost scope was opened */
    int64_t cached_bytes; /* bytes freed and kept for the next allocation */
    int64_t live_tensors; /* tensors in use */
    int scope_depth;      /* open scopes */
    /* Which scope holds most, where one is missing for instance: what it grew by, itself and not what is open in it, and where
     * it was opened; NULL and 0 for what is in none, or where that is not known. */
    int64_t largest_bytes;
    const char *largest_file;
    int largest_line;
} ct_memory;

/* The figures of this thread, now. */
CT_API ct_memory ct_memory_stats(void);
/* peak_bytes counts from now on. */
CT_API void ct_memory_reset_peak(void);
/* Gives the thread's cached bytes back to the system. */
CT_API void ct_memory_trim(void);

/* ---- names and locations ---- */

/* Says, after the change, what changed t in place last and where, in place of what was noted: "data_mut" after ct_data_mut(), say;
 * observers are told (observe.h). The texts must last. file may be NULL. */
CT_API void ct_note_write(ct_tensor *t, const char *writer, const char *file, int line);

/* Names t for whoever looks at the graph: pictures, traces, messages. A module names what is put into it. NULL takes the name
 * away. Returns t. The text is copied and stays in memory, each once: for parameters and inputs, not for every step's results.
 * Errors: NULL, memory. */
CT_API ct_tensor *ct_name(ct_tensor *t, const char *name);
/* The name, or NULL. Lasts; equal names are one pointer. */
CT_API const char *ct_name_of(const ct_tensor *t);

/* Notes where t was made: for t, for the graph nodes behind it that have no location yet, and, when t is NULL, for the
 * pending error if it has none. Returns t. */
CT_API ct_tensor *ct_at(const char *file, int line, ct_tensor *t);
/* Complete the pending error if the value is NaN, or data NULL; return their last argument. */
CT_API double ct_at_value(const char *file, int line, double value);
CT_API const void *ct_at_elements(const char *file, int line, const void *data);
/* Note where the in-place change was made that this thread has just finished; return their last argument. */
CT_API ct_status ct_at_write(const char *file, int line, ct_status status);
CT_API void *ct_at_data(const char *file, int line, void *data);
/* Notes where the scope was opened that this thread has just opened; returns status. */
CT_API ct_status ct_at_scope(const char *file, int line, ct_status status);

/* ---- printing, as NumPy prints ---- */

/* Writes t and a line end to stream as NumPy's print() does with its default options: the digits that tell an element from
 * its neighbours, at most 8 after the point, with an exponent where the largest is 1e8 or more, the smallest below 1e-4 or
 * the two more than 1000 apart; lines of 75 characters; of more than 1000 elements, 3 at either end of each long axis.
 * Errors: NULL, io. */
CT_API ct_status ct_print(const ct_tensor *t, FILE *stream);
/* The same as a string without the line end; returns the length without the terminating 0, writes at most size bytes, like
 * snprintf. 0 and an empty string with an error if t is NULL. */
CT_API size_t ct_format(const ct_tensor *t, char *buffer, size_t size);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_empty(dtype, ...) ct_at(CT_HERE, ct_empty(dtype, __VA_ARGS__))
#define ct_zeros(dtype, ...) ct_at(CT_HERE, ct_zeros(dtype, __VA_ARGS__))
#define ct_ones(dtype, ...) ct_at(CT_HERE, ct_ones(dtype, __VA_ARGS__))
#define ct_full(dtype, ...) ct_at(CT_HERE, ct_full(dtype, __VA_ARGS__))
#define ct_scalar(dtype, value) ct_at(CT_HERE, ct_scalar(dtype, value))
#define ct_arange(dtype, start, step, n) ct_at(CT_HERE, ct_arange(dtype, start, step, n))
#define ct_eye(dtype, n) ct_at(CT_HERE, ct_eye(dtype, n))
#define ct_from_array(dtype, ...) ct_at(CT_HERE, ct_from_array(dtype, __VA_ARGS__))
#define ct_from_values(dtype, ...) ct_at(CT_HERE, ct_from_values(dtype, __VA_ARGS__))
#define ct_zeros_like(t) ct_at(CT_HERE, ct_zeros_like(t))
#define ct_ones_like(t) ct_at(CT_HERE, ct_ones_like(t))
#define ct_name(t, name) ct_at(CT_HERE, ct_name(t, name))
#define ct_data(t) ct_at_elements(CT_HERE, ct_data(t))
#define ct_item(t) ct_at_value(CT_HERE, ct_item(t))
#define ct_get(t, ...) ct_at_value(CT_HERE, ct_get(t, __VA_ARGS__))
#define ct_scope_open() ct_at_scope(CT_HERE, ct_scope_open())
#define ct_scope_close() ct_at_status(CT_HERE, ct_scope_close())
#define ct_scope_guard(t) ct_at_status(CT_HERE, ct_scope_guard(t))
#define ct_scope_return_guards() ct_at_status(CT_HERE, ct_scope_return_guards())
#define ct_scope_return(t) ct_at(CT_HERE, ct_scope_return(t))
#define ct_release(...) (void)ct_at_integer(CT_HERE, (ct_release(__VA_ARGS__), 0))
#define ct_keep(t) ct_at(CT_HERE, ct_keep(t))
#define ct_scope_take(t) ct_at(CT_HERE, ct_scope_take(t))
#define ct_to_array(t, data, count) ct_at_status(CT_HERE, ct_to_array(t, data, count))
#define ct_to_values(t, values, count) ct_at_status(CT_HERE, ct_to_values(t, values, count))
#define ct_print(...) ct_at_status(CT_HERE, ct_print(__VA_ARGS__))
#define ct_format(...) (size_t) ct_at_integer(CT_HERE, (int64_t)ct_format(__VA_ARGS__))
#define ct_data_mut(t) ct_at_data(CT_HERE, ct_data_mut(t))
#define ct_fill_(t, value) ct_at_write(CT_HERE, ct_fill_(t, value))
#define ct_copy_(t, src) ct_at_write(CT_HERE, ct_copy_(t, src))
#endif

#ifdef __cplusplus
}
#endif
#endif
