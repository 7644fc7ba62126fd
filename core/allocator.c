/* Where memory comes from. Invariant: that does not change once some has come from there. */
#include "memory_internal.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static ct_allocator source; /* no functions: the C library */
static _Atomic bool used;

ct_status ct_allocator_set(const ct_allocator *allocator)
{
    if (!allocator || !allocator->allocate || !allocator->release)
        return ct__error(CT_ERROR_NULL, "allocator_set: %s is NULL", allocator ? "a function" : "the allocator");
    if (atomic_load(&used))
        return ct__error(CT_ERROR_STATE, "allocator_set: there is memory from elsewhere already; call it first");
    source = *allocator;
    return CT_OK;
}

bool ct__has_own_source(void)
{
    return source.allocate != NULL;
}

void *ct__source_alloc(size_t size, size_t alignment)
{
    atomic_store_explicit(&used, true, memory_order_relaxed);
    return source.allocate ? source.allocate(source.user, size, alignment) : aligned_alloc(alignment, size);
}

void ct__source_free(void *block)
{
    if (!source.release)
        free(block);
    else if (block)
        source.release(source.user, block);
}

/* ---- as calloc(), realloc() and free(): the caller's allocator does not know how large a block is, so that stands in front ---- */

typedef struct front {
    _Alignas(16) size_t size;
} front;

static void *with_front(size_t size)
{
    front *block = size <= PTRDIFF_MAX - sizeof *block ? ct__source_alloc(sizeof *block + size, sizeof *block) : NULL;
    if (!block)
        return NULL;
    block->size = size;
    return block + 1;
}

void *ct_allocate(size_t count, size_t size)
{
    atomic_store_explicit(&used, true, memory_order_relaxed);
    if (!source.allocate)
        return calloc(count, size);
    if (size == 0 || count > PTRDIFF_MAX / size)
        return NULL;
    void *block = with_front(count * size);
    return block ? memset(block, 0, count * size) : NULL;
}

void *ct_reallocate(void *block, size_t size)
{
    atomic_store_explicit(&used, true, memory_order_relaxed);
    if (!source.allocate)
        return realloc(block, size);
    void *moved = with_front(size);
    if (!block || !moved)
        return moved;
    size_t had = ((front *)block - 1)->size;
    memcpy(moved, block, had < size ? had : size);
    ct_deallocate(block);
    return moved;
}

void ct_deallocate(void *block)
{
    if (!source.release)
        free(block);
    else if (block)
        source.release(source.user, (front *)block - 1);
}
