/* The allocator behind every tensor, storage and node: size classes, kept in a cache of the thread that freed them.
 *
 * Invariant: a block of a class is as large as the class says, so that it serves any request of that class. */
#include "memory_internal.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#define ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define ADDRESS_SANITIZER 0
#endif

enum { ALIGNMENT = 64, PAGE = 4096, LOT = 64 << 10, HUGE_PAGE = 2 << 20 };

/* Whether blocks are kept at all: not with COTAN_CACHE=0, for memory debuggers, which want to see every free, nor of a caller's allocator. */
static bool keeps_blocks(void)
{
#if ADDRESS_SANITIZER
    return false;
#else
    static _Atomic int kept; /* 1 yes, -1 no; for the whole process, whatever becomes of the variable */
    if (CT_UNLIKELY(atomic_load_explicit(&kept, memory_order_relaxed) == 0)) {
        const char *setting = getenv("COTAN_CACHE");
        atomic_store(&kept, ct__has_own_source() || (setting && strcmp(setting, "0") == 0) ? -1 : 1);
    }
    return atomic_load_explicit(&kept, memory_order_relaxed) > 0;
#endif
}

void ct__cache_begin(ct__thread_state *me)
{
    if (keeps_blocks())
        me->cache = ct_allocate(1, sizeof *me->cache);
}

void ct__cache_end(ct__thread_state *me)
{
    ct_memory_trim();
    ct_deallocate(me->cache);
    me->cache = NULL;
}

/* Gets the pages of a block, so that none is asked for later, when another tensor of its class reaches further into it. */
static void *touched(char *block, size_t size)
{
    for (size_t at = 0; block && at < size; at += PAGE)
        block[at] = 0;
    return block;
}

static void *from_system(size_t size)
{
    if (size < HUGE_PAGE || ct__has_own_source())
        return touched(ct__source_alloc(size, ALIGNMENT), size);
    size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *block = ct__source_alloc(whole, HUGE_PAGE);
#ifdef MADV_HUGEPAGE
    if (block)
        madvise(block, whole, MADV_HUGEPAGE);
#endif
    return block;
}

/* Small blocks come from the system many at a time: a lot, at a multiple of its size, which goes back when all of them have. One by
 * one they would cost more than what is done with them, since each must be aligned. */
typedef struct lot {
    _Atomic int64_t left; /* blocks that have not been given back */
} lot;

static bool comes_in_lots(size_t size)
{
    return size <= CT_SMALL_CLASSES * ALIGNMENT && keeps_blocks();
}

/* The first block of a new lot. The others go to the thread's cache, if it has one. */
static void *block_of_lot(int class, size_t size)
{
    ct__thread_state *me = ct__here();
    char *new = touched(ct__source_alloc(LOT, LOT), LOT);
    if (!new)
        return NULL;
    int64_t count = me->cache ? (int64_t)((LOT - ALIGNMENT) / size) : 1;
    atomic_init(&((lot *)(void *)new)->left, count);
    for (int64_t i = count - 1; i > 0; i--) {
        ct__free_block *block = (ct__free_block *)(void *)(new + ALIGNMENT + (size_t)i *size);
        block->next = me->cache->free[class];
        me->cache->free[class] = block;
        me->cached_bytes += (int64_t)size;
    }
    return new + ALIGNMENT;
}

void ct__free_slowly(void *block, size_t size)
{
    lot *of = (lot *)((uintptr_t)block & ~(uintptr_t)(LOT - 1));
    if (!comes_in_lots(size))
        ct__source_free(block);
    else if (atomic_fetch_sub(&of->left, 1) == 1)
        ct__source_free(of);
}

/* For tests: whether this allocation is one that ct__fail_allocation() asked to fail. */
static bool must_fail(const ct__thread_state *me)
{
    return me->allocations == me->fail_at || (me->fail_all_after && me->allocations > me->fail_at);
}

static void *new_block(int class, size_t size)
{
    return comes_in_lots(size) ? block_of_lot(class, size) : from_system(size);
}

void *ct__alloc_slowly(int class, size_t size)
{
    ct__thread_begin();
    ct__thread_state *me = ct__here();
    me->allocations++;
    if (CT_UNLIKELY(me->fail_at != 0 && must_fail(me)))
        return NULL;
    void *block = ct__cached_block(me, class, size);
    if (!block)
        block = new_block(class, size);
    if (!block && me->cached_bytes > 0) { /* what is cached may be what is missing */
        ct_memory_trim();
        block = new_block(class, size);
    }
    return block;
}

/* ---- what carries a mark ---- */

#if CT_LIFETIME_CHECKS
enum { PLACES = 4096 };
typedef struct marked_block {
    void *block;
    size_t bytes;
} marked_block;
typedef struct waiting_room {
    marked_block places[PLACES];
    size_t next;
} waiting_room;
static _Thread_local waiting_room *waiting; /* NULL before the first, and where there is no memory for it */

void ct__free_marked(void *block, size_t bytes)
{
    ct__thread_begin(); /* a thread that only gives up what it was handed has not allocated yet */
    if (!waiting)
        waiting = ct_allocate(1, sizeof *waiting);
    marked_block out = {block, bytes};
    if (waiting) {
        marked_block *place = &waiting->places[waiting->next++ % PLACES], first = *place;
        *place = out;
        out = first;
    }
    ct__free(out.block, out.bytes);
}

void ct__marked_end(void)
{
    for (size_t i = 0; waiting && i < PLACES; i++)
        ct__free(waiting->places[i].block, waiting->places[i].bytes);
    ct_deallocate(waiting);
    waiting = NULL;
}
#else
void ct__free_marked(void *block, size_t bytes)
{
    ct__free(block, bytes);
}

void ct__marked_end(void)
{
}
#endif

/* ---- trimming, and failing for tests ---- */

void ct_memory_trim(void)
{
    struct ct__block_cache *blocks = ct__here()->cache;
    for (int class = 0; blocks && class < CT_CLASSES; class ++) {
        while (blocks->free[class]) {
            ct__free_block *block = blocks->free[class];
            blocks->free[class] = block->next;
            ct__free_slowly(block, class < CT_SMALL_CLASSES ? ALIGNMENT : SIZE_MAX);
        }
    }
    ct__here()->cached_bytes = 0;
}

void ct__fail_allocation(int64_t n, bool all)
{
    ct__here()->fail_at = n ? ct__here()->allocations + n : 0;
    ct__here()->fail_all_after = all;
}

int64_t ct__allocations(void)
{
    return ct__here()->allocations;
}
