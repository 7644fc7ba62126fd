/* The allocator behind every tensor, storage and node: size classes, kept in a cache of the thread that freed them.
 *
 * Invariant: a block of a class is as large as the class says, so that it serves any request of that class. */
#include "memory_internal.h"
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

enum { ALIGNMENT = 64, PAGE = 4096, HUGE_PAGE = 2 << 20 };
#define CACHE_LIMIT ((int64_t)1 << 30) /* bytes that a thread keeps back */

typedef struct free_block {
    struct free_block *next;
} free_block;

struct ct__block_cache {
    free_block *free[CT_CLASSES];
};

void ct__cache_begin(ct__thread_state *me)
{
#if !ADDRESS_SANITIZER                           /* it wants to see every free */
    const char *setting = getenv("COTAN_CACHE"); /* COTAN_CACHE=0: for memory debuggers, which want to see every free */
    if (!setting || strcmp(setting, "0") != 0)
        me->cache = calloc(1, sizeof *me->cache);
#else
    (void)me;
#endif
}

void ct__cache_end(ct__thread_state *me)
{
    ct_memory_trim();
    free(me->cache);
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
    if (size < HUGE_PAGE)
        return touched(aligned_alloc(ALIGNMENT, size), size);
    size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *block = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (block)
        madvise(block, whole, MADV_HUGEPAGE);
#endif
    return block;
}

/* For tests: whether this allocation is one that ct__fail_allocation() asked to fail. */
static bool must_fail(const ct__thread_state *me)
{
    return me->allocations == me->fail_at || (me->fail_all_after && me->allocations > me->fail_at);
}

static void *alloc_slowly(size_t size)
{
    ct__thread_begin();
    void *block = from_system(size);
    if (!block && ct__here()->cached_bytes > 0) { /* what is cached may be what is missing */
        ct_memory_trim();
        block = from_system(size);
    }
    return block;
}

void *ct__alloc_class(int class, size_t size)
{
    ct__thread_state *me = ct__here();
    struct ct__block_cache *blocks = me->cache;
    me->allocations++;
    if (CT_UNLIKELY(me->fail_at != 0 && must_fail(me)))
        return NULL;
    if (CT_UNLIKELY(!blocks || !blocks->free[class]))
        return alloc_slowly(size);
    free_block *block = blocks->free[class];
    blocks->free[class] = block->next;
    me->cached_bytes -= (int64_t)size;
    return block;
}

void ct__free_class(void *block, int class, size_t size)
{
    ct__thread_state *me = ct__here();
    struct ct__block_cache *blocks = me->cache;
    if (!block)
        return;
    if (CT_UNLIKELY(!blocks || me->cached_bytes + (int64_t)size > CACHE_LIMIT)) {
        free(block);
        return;
    }
    free_block *head = block;
    head->next = blocks->free[class];
    blocks->free[class] = head;
    me->cached_bytes += (int64_t)size;
}

void ct_memory_trim(void)
{
    struct ct__block_cache *blocks = ct__here()->cache;
    for (int class = 0; blocks && class < CT_CLASSES; class ++) {
        while (blocks->free[class]) {
            free_block *block = blocks->free[class];
            blocks->free[class] = block->next;
            free(block);
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
