/* An allocator in a piece of memory: blocks one behind the other, used ones and gaps, each with its size in front.
 *
 * Invariant: from the first block, the sizes lead from one to the next, up to the end; a gap may be followed by a gap, which are
 * joined when they are met. */
#include "core_internal.h"
#include <cotan/allocator.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct chunk {
    _Alignas(16) size_t size; /* with this, a multiple of 16 */
    bool used;
} chunk;

typedef struct arena {
    pthread_mutex_t lock;
    char *begin, *first_gap, *end; /* the first chunk; before first_gap all are used; behind the last */
    char *peak;                    /* behind the last that was ever used */
} arena;

static chunk *chunk_at(char *place)
{
    return (chunk *)(void *)place;
}

/* Joins the gap with those behind it. */
static void join(const arena *a, char *place)
{
    chunk *gap = chunk_at(place);
    while (place + gap->size < a->end && !chunk_at(place + gap->size)->used)
        gap->size += chunk_at(place + gap->size)->size;
}

/* Cuts the chunk in two, the second of them a gap, if that has room for anything. */
static void cut(char *place, size_t size)
{
    chunk *whole = chunk_at(place);
    if (whole->size - size <= sizeof *whole)
        return;
    *chunk_at(place + size) = (chunk){.size = whole->size - size};
    whole->size = size;
}

/* Where in the gap a chunk may begin whose contents are aligned: there, or so far behind that a gap stays before it. */
static size_t offset_in(const char *place, size_t alignment)
{
    size_t offset = -((uintptr_t)place + sizeof(chunk)) & (alignment - 1);
    while (offset > 0 && offset <= sizeof(chunk))
        offset += alignment;
    return offset;
}

static void *take(arena *a, char *place, size_t offset, size_t size)
{
    if (offset)
        cut(place, offset);
    cut(place + offset, size);
    chunk *taken = chunk_at(place + offset);
    taken->used = true;
    if (place == a->first_gap && !offset)
        a->first_gap += taken->size;
    if (place + offset + taken->size > a->peak)
        a->peak = place + offset + taken->size;
    return taken + 1;
}

static void *find(arena *a, size_t size, size_t alignment)
{
    for (char *place = a->first_gap; place < a->end; place += chunk_at(place)->size) {
        if (chunk_at(place)->used)
            continue;
        join(a, place);
        size_t offset = offset_in(place, alignment);
        if (chunk_at(place)->size >= offset && chunk_at(place)->size - offset >= size)
            return take(a, place, offset, size);
    }
    return NULL;
}

static void *arena_allocate(void *user, size_t size, size_t alignment)
{
    arena *a = user;
    if (size > (size_t)(a->end - a->begin))
        return NULL;
    pthread_mutex_lock(&a->lock);
    void *block = find(a, (size + sizeof(chunk) + 15) & ~(size_t)15, alignment);
    pthread_mutex_unlock(&a->lock);
    return block;
}

static void arena_release(void *user, void *block)
{
    arena *a = user;
    char *place = (char *)block - sizeof(chunk);
    pthread_mutex_lock(&a->lock);
    chunk_at(place)->used = false;
    if (place < a->first_gap)
        a->first_gap = place;
    pthread_mutex_unlock(&a->lock);
}

ct_allocator ct_allocator_arena(void *memory, size_t size)
{
    size_t skipped = -(uintptr_t)memory & 15, own = (sizeof(arena) + 15) & ~(size_t)15;
    if (!memory || size < skipped + own + 2 * sizeof(chunk))
        return (ct_allocator){0};
    arena *a = (arena *)(void *)((char *)memory + skipped);
    char *begin = (char *)a + own, *end = begin + ((size - skipped - own) & ~(size_t)15);
    *a = (arena){.begin = begin, .first_gap = begin, .end = end, .peak = begin};
    pthread_mutex_init(&a->lock, NULL);
    *chunk_at(begin) = (chunk){.size = (size_t)(end - begin)};
    return (ct_allocator){.allocate = arena_allocate, .release = arena_release, .user = a};
}

size_t ct_allocator_arena_peak(const ct_allocator *allocator)
{
    if (!allocator || allocator->allocate != arena_allocate)
        return 0;
    arena *a = allocator->user;
    pthread_mutex_lock(&a->lock);
    size_t peak = (size_t)(a->peak - (char *)a);
    pthread_mutex_unlock(&a->lock);
    return peak;
}
