/* The allocator behind every tensor, storage and node: size classes, kept in a cache of the thread that freed them.
 *
 * Invariant: a block of a class is as large as the class says, so that it serves any request of that class. */
#include "memory_internal.h"
#include <pthread.h>
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

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };
#define CACHE_LIMIT ((int64_t)1 << 30) /* bytes that a thread keeps back */

typedef struct free_block {
    struct free_block *next;
} free_block;

typedef struct block_cache {
    free_block *free[CT_CLASSES];
} block_cache;

static _Thread_local block_cache *cache;
static _Thread_local int64_t cached_bytes, allocations, fail_at;
static _Thread_local bool fail_all_after, thread_started;
static pthread_key_t thread_exit_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool caching;

static void on_thread_exit(void *unused)
{
    (void)unused;
    ct__thread_forget();
    ct__scopes_end();
    ct__tensors_end();
    ct_memory_trim();
    free(cache);
    cache = NULL;
}

__attribute__((destructor)) static void on_process_exit(void)
{
    on_thread_exit(NULL);
}

static void start(void)
{
#if ADDRESS_SANITIZER
    caching = false; /* it wants to see every free */
#else
    const char *setting = getenv("COTAN_CACHE"); /* COTAN_CACHE=0: for memory debuggers, which want to see every free */
    caching = !setting || strcmp(setting, "0") != 0;
#endif
    pthread_key_create(&thread_exit_key, on_thread_exit);
}

void ct__thread_begin(void)
{
    if (CT_LIKELY(thread_started))
        return;
    pthread_once(&once, start);
    thread_started = true;
    if (caching)
        cache = calloc(1, sizeof *cache);
    pthread_setspecific(thread_exit_key, &thread_started);
}

static void *from_system(size_t size)
{
    if (size < HUGE_PAGE)
        return aligned_alloc(ALIGNMENT, size);
    size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *block = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (block)
        madvise(block, whole, MADV_HUGEPAGE);
#endif
    return block;
}

/* For tests: whether this allocation is one that ct__fail_allocation() asked to fail. */
static bool must_fail(void)
{
    return fail_at != 0 && (allocations == fail_at || (fail_all_after && allocations > fail_at));
}

static void *alloc_slowly(size_t size)
{
    ct__thread_begin();
    void *block = from_system(size);
    if (!block && cached_bytes > 0) { /* what is cached may be what is missing */
        ct_memory_trim();
        block = from_system(size);
    }
    return block;
}

void *ct__alloc_class(int class, size_t size)
{
    allocations++;
    if (CT_UNLIKELY(must_fail()))
        return NULL;
    block_cache *blocks = cache;
    if (CT_UNLIKELY(!blocks || !blocks->free[class]))
        return alloc_slowly(size);
    free_block *block = blocks->free[class];
    blocks->free[class] = block->next;
    cached_bytes -= (int64_t)size;
    return block;
}

void ct__free_class(void *block, int class, size_t size)
{
    block_cache *blocks = cache;
    if (!block)
        return;
    if (CT_UNLIKELY(!blocks || cached_bytes + (int64_t)size > CACHE_LIMIT)) {
        free(block);
        return;
    }
    free_block *head = block;
    head->next = blocks->free[class];
    blocks->free[class] = head;
    cached_bytes += (int64_t)size;
}

void ct_memory_trim(void)
{
    for (int class = 0; cache && class < CT_CLASSES; class ++) {
        while (cache->free[class]) {
            free_block *block = cache->free[class];
            cache->free[class] = block->next;
            free(block);
        }
    }
    cached_bytes = 0;
}

int64_t ct__cached_bytes(void)
{
    return cached_bytes;
}

void ct__fail_allocation(int64_t n, bool all)
{
    fail_at = n ? allocations + n : 0;
    fail_all_after = all;
}

int64_t ct__allocations(void)
{
    return allocations;
}
