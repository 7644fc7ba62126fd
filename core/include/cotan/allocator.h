/* Where the library's memory comes from: the C library, or an allocator or an arena of the caller's.
 *
 * All of it does: tensors, graphs, modules, optimisers, texts of errors. What the C library allocates for itself stays its own: files
 * that are open, threads, and what ct_file_read() hands out for free(); so does what BLIS, zlib, jansson and libzip allocate. */
#ifndef COTAN_ALLOCATOR_H
#define COTAN_ALLOCATOR_H

#include <cotan/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Both may be called from any thread, by several at a time. */
typedef struct ct_allocator {
    /* size bytes, more than 0, at a multiple of alignment, a power of two from 16 on; NULL if there are none */
    void *(*allocate)(void *user, size_t size, size_t alignment);
    void (*release)(void *user, void *block); /* what allocate returned, never NULL */
    void *user;
} ct_allocator;

/* Takes all memory from there, until the program ends; the struct is copied. Call it first, since
 * the text of an error is memory too. Nothing is kept for later use then (ct_memory_trim): every block comes from allocate and goes
 * back by release. Errors: NULL (the struct, a function), state (the library has memory already). */
CT_API ct_status ct_allocator_set(const ct_allocator *allocator);

/* An allocator that makes do with size bytes of memory: the first gap that is large enough serves, and gaps beside each other are one. The
 * bytes are the caller's, and must last as long as the library is used. Its functions are NULL, which ct_allocator_set() refuses, where memory
 * is NULL or has no room for anything. */
CT_API ct_allocator ct_allocator_arena(void *memory, size_t size);
/* How many of its bytes, from its first on, were ever in use, with what lay between them: so large an arena would have done, had it
 * begun at the same address modulo 64. 0 for an allocator that is no arena, and NULL. */
CT_API size_t ct_allocator_arena_peak(const ct_allocator *arena);

/* ---- memory from there, for programs and bindings: as calloc(), realloc() and free() ---- */

/* count zeroed elements of size bytes; NULL (no error) if there are none, or none are asked for. */
CT_API void *ct_allocate(size_t count, size_t size);
/* The block with size bytes, more than 0, perhaps elsewhere; what is new is not zeroed. block may be NULL. NULL (no error) if there are
 * none: the block stays as it was. */
CT_API void *ct_reallocate(void *block, size_t size);
/* Gives back what the two returned; NULL is fine. */
CT_API void ct_deallocate(void *block);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_allocator_set(...) ct_at_status(CT_HERE, ct_allocator_set(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
