/* The allocator behind every tensor, storage and node: size classes, kept in a cache of the thread that freed them.
 *
 * Invariant: a block of a class is as large as the class says, so that it serves any request of that class. */
#include "memory_internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ALIGNMENT = 64,
    SMALL_CLASSES = 16,     /* multiples of 64 bytes up to 1024 */
    CLASSES_A_DOUBLING = 4, /* above: 1.25, 1.5, 1.75 and 2 times a power of two */
    CLASSES = SMALL_CLASSES + CLASSES_A_DOUBLING * 53,
    HUGE_PAGE = 2 << 20
};
#define CACHE_LIMIT ((int64_t)1 << 30) /* bytes that a thread keeps back */

typedef struct free_block {
    struct free_block *next;
} free_block;

typedef struct block_cache {
    free_block *free[CLASSES];
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
#if defined(__SANITIZE_ADDRESS__)
    caching = false;
#else
    const char *setting = getenv("COTAN_CACHE"); /* COTAN_CACHE=0: for memory debuggers, which want to see every free */
    caching = !setting || strcmp(setting, "0") != 0;
#endif
    pthread_key_create(&thread_exit_key, on_thread_exit);
}

/* The first allocation of a thread: makes its cache, and has on_thread_exit called when the thread ends. */
static void start_thread(void)
{
    pthread_once(&once, start);
    thread_started = true;
    if (caching)
        cache = calloc(1, sizeof *cache);
    pthread_setspecific(thread_exit_key, &thread_started);
}

/* The class of a request, and the size of its blocks. */
static int class_of(size_t bytes, size_t *size)
{
    if (bytes <= SMALL_CLASSES * ALIGNMENT) {
        int small = bytes ? (int)((bytes - 1) / ALIGNMENT) : 0;
        *size = (size_t)(small + 1) * ALIGNMENT;
        return small;
    }
    int log2 = 63 - __builtin_clzll(bytes - 1); /* 2^log2 < bytes <= 2^(log2 + 1) */
    size_t quarter = (size_t)1 << (log2 - 2);
    int step = (int)((bytes - 1 - ((size_t)1 << log2)) / quarter); /* 0..3 */
    *size = ((size_t)1 << log2) + (size_t)(step + 1) * quarter;
    return SMALL_CLASSES + (log2 - 10) * CLASSES_A_DOUBLING + step;
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

static bool must_fail(void)
{
    allocations++;
    if (CT_LIKELY(fail_at == 0) || allocations < fail_at)
        return false;
    if (!fail_all_after && allocations > fail_at)
        return false;
    return true;
}

void *ct__alloc(size_t bytes)
{
    if (CT_UNLIKELY(must_fail() || bytes > (size_t)INT64_MAX / 2))
        return NULL;
    size_t size;
    int class = class_of(bytes, &size);
    if (CT_UNLIKELY(!thread_started))
        start_thread();
    if (cache && cache->free[class]) {
        free_block *block = cache->free[class];
        cache->free[class] = block->next;
        cached_bytes -= (int64_t)size;
        return block;
    }
    void *block = from_system(size);
    if (!block && cached_bytes > 0) { /* what is cached may be what is missing */
        ct_memory_trim();
        block = from_system(size);
    }
    return block;
}

void ct__free(void *block, size_t bytes)
{
    if (!block)
        return;
    size_t size;
    int class = class_of(bytes, &size);
    if (!cache || cached_bytes + (int64_t)size > CACHE_LIMIT) {
        free(block);
        return;
    }
    free_block *head = block;
    head->next = cache->free[class];
    cache->free[class] = head;
    cached_bytes += (int64_t)size;
}

void ct_memory_trim(void)
{
    for (int class = 0; cache && class < CLASSES; class ++) {
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
