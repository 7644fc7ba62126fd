/* Errors, regions, source locations, version and configuration.
 *
 * Invariant: a thread has at most one pending error, the first. Whatever fails while it is pending
 * changes nothing in it; ct_error_clear() makes room for the next. The library prints what it is asked to print only. */
#ifndef COTAN_ERROR_H
#define COTAN_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the library offers; everything else is hidden. */
#define CT_API __attribute__((visibility("default")))

/* What kind of error, or none. */
typedef enum ct_status {
    CT_OK = 0,
    CT_ERROR_NULL,     /* a required argument is NULL */
    CT_ERROR_SHAPE,    /* sizes or ranks that do not go together */
    CT_ERROR_DTYPE,    /* element types that do not go together */
    CT_ERROR_ARGUMENT, /* an option or a number outside its range */
    CT_ERROR_MEMORY,   /* no memory */
    CT_ERROR_IO,       /* the operating system refused: open, read, write */
    CT_ERROR_FORMAT,   /* a file that is not what its name says: truncated, wrong magic, wrong header */
    CT_ERROR_STATE     /* right call, wrong time: a graph already freed, a saved tensor changed since */
} ct_status;

/* The pending error's code, or CT_OK. */
CT_API ct_status ct_error_code(void);

/* The pending error as one sentence, "matmul: inner sizes differ: [128,784] @ [512,10] (train.c:41)",
 * or "" when there is none. The text belongs to the thread and lasts until its error is cleared. */
CT_API const char *ct_error_message(void);

/* Forgets the pending error of this thread. */
CT_API void ct_error_clear(void);

/* Records an error from user code (a custom operation's shape rule, say), if none is pending; returns code.
 * format is printf's. The message should begin with the operation's name. */
CT_API ct_status ct_error_set(ct_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "shape", "dtype", ...: a status as a word. */
CT_API const char *ct_status_name(ct_status code);

/* ---- regions: names for the parts of a program ----
 * Between begin and end, operations of this thread belong to the part of that name: graph nodes remember it, and errors begin
 * with it ("encoder.0: matmul: ..."). Regions nest, their names joined with dots; an operation that is an expression is one
 * too, and so are layers. Names stay in memory, each once: name parts, not steps. */

/* Errors: NULL, argument (empty), memory. */
CT_API ct_status ct_region_begin(const char *name);
/* Ends the innermost. Error (state): none has begun in the innermost scope, or in the expression that runs. A scope's close
 * ends what began inside it, so that a function that returns early leaves nothing behind. */
CT_API ct_status ct_region_end(void);
/* "encoder.0.attention", or "" outside of any. Lasts; equal paths are one pointer. */
CT_API const char *ct_region(void);

/* Where the user called. Public functions are wrapped in macros of the same name that pass it on after the call
 * (ct_at(CT_HERE, ct_add(a, b))), so that nested calls are located right; (ct_add)(a, b) is the bare function.
 * Define CT_NO_LOCATIONS before the first include to have the bare functions only; C++ always has those. */
#define CT_HERE __FILE__, __LINE__

/* Completes a pending error that has no location yet, and hands the status on. */
CT_API ct_status ct_at_status(const char *file, int line, ct_status status);
/* The same when object is NULL; returns object. */
CT_API void *ct_at_object(const char *file, int line, void *object);
/* The same whenever an error is pending; return value. For functions with any other result. */
CT_API int64_t ct_at_integer(const char *file, int line, int64_t value);
CT_API int ct_at_int(const char *file, int line, int value);
CT_API bool ct_at_bool(const char *file, int line, bool value);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_region_begin(name) ct_at_status(CT_HERE, ct_region_begin(name))
#define ct_region_end() ct_at_status(CT_HERE, ct_region_end())
#endif

/* "0.1.0". */
CT_API const char *ct_version(void);

/* What this build runs on, one line: "cotan 0.1.0, kernels avx512, BLIS 0.9.0 unused, 2 threads". The text belongs to the thread. */
CT_API const char *ct_config(void);

/* Threads that operations may use; the default is the number of cores this process may run on, or COTAN_NUM_THREADS.
 * Results do not depend on it. Clipped to 1..256. */
CT_API void ct_set_num_threads(int threads);
CT_API int ct_num_threads(void);

#ifdef __cplusplus
}
#endif
#endif
