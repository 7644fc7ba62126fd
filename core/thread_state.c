/* What a thread has of its own, from its first allocation to its end, and what threads give back of each other's tensors.
 *
 * Invariant: an account that a thread has left is taken over by another only when nothing that was made under it is left. */
#include "memory_internal.h"
#include <link.h>
#include <pthread.h>
#include <stdlib.h>

_Thread_local ct__thread_state ct__thread = {.region = &ct__no_region, .root = {.region = &ct__no_region}};
ptrdiff_t ct__thread_offset;

/* ---- where it is ---- */

/* Of this library dl_iterate_phdr() knows the thread-local block only if it has its fixed place, as long as nobody has asked
 * for the block. */
static int find_block(struct dl_phdr_info *info, size_t size, void *block)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD &&
            (uintptr_t)&ct__thread_offset - begin < info->dlpi_phdr[i].p_memsz) {
            *(void **)block = info->dlpi_tls_data;
            return 1;
        }
    }
    return 0;
}

/* Before everything else in the library. */
__attribute__((constructor(101))) static void find_offset(void)
{
#if defined(__x86_64__)
    void *block = NULL;
    if (dl_iterate_phdr(find_block, &block) == 1 && block)
        ct__thread_offset = (char *)&ct__thread - ct__thread_pointer();
#endif
}

/* ---- its beginning and its end ---- */

static pthread_key_t exit_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_thread_exit(void *unused)
{
    (void)unused;
    ct__thread_state *me = ct__here();
    if (ct__thread_forget) /* core may be alone */
        ct__thread_forget();
    ct__scopes_end();
    ct__marked_end();
    ct__account_leave();
    ct__cache_end(me);
    ct_deallocate(me->texts);
    me->texts = NULL;
}

__attribute__((destructor)) static void on_process_exit(void)
{
    on_thread_exit(NULL);
}

static void make_key(void)
{
    pthread_key_create(&exit_key, on_thread_exit);
}

void ct__thread_begin(void)
{
    ct__thread_state *me = ct__here();
    if (CT_LIKELY(me->started))
        return;
    pthread_once(&once, make_key);
    me->started = true;
    ct__cache_begin(me);
    ct__account_open();
    pthread_setspecific(exit_key, me);
}

ct__texts *ct__texts_here(void)
{
    ct__thread_state *me = ct__here();
    ct__thread_begin(); /* so that it goes with the thread */
    if (!me->texts)
        me->texts = ct_allocate(1, sizeof *me->texts);
    return me->texts;
}

/* ---- accounts ---- */

typedef struct account {
    int64_t bytes,
        tensors; /* given back by other threads; of one that was left, less what there was: 0 when all is gone */
    bool left;
} account;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static account *accounts; /* number k is accounts[k - 1] */
static int32_t count, room;

/* With the lock held. One more account, or 0 without memory. */
static int32_t add_account(void)
{
    if (count == room) {
        int32_t wider = room ? 2 * room : 16;
        account *longer = ct_reallocate(accounts, (size_t)wider * sizeof *accounts);
        if (!longer)
            return 0;
        accounts = longer;
        room = wider;
    }
    accounts[count++] = (account){0};
    return count;
}

void ct__account_open(void)
{
    pthread_mutex_lock(&lock);
    int32_t k = 0;
    while (k < count && !(accounts[k].left && accounts[k].bytes == 0 && accounts[k].tensors == 0))
        k++;
    if (k < count)
        accounts[k] = (account){0};
    ct__here()->account = k < count ? k + 1 : add_account();
    pthread_mutex_unlock(&lock);
}

void ct__account_give_back(int32_t number, int64_t bytes, int64_t tensors)
{
    pthread_mutex_lock(&lock);
    if (number > 0) {
        accounts[number - 1].bytes += bytes;
        accounts[number - 1].tensors += tensors;
    }
    pthread_mutex_unlock(&lock);
}

void ct__account_settle(void)
{
    ct__thread_state *me = ct__here();
    pthread_mutex_lock(&lock);
    if (me->account > 0) {
        account *mine = &accounts[me->account - 1];
        me->live_bytes -= mine->bytes;
        me->live_tensors -= mine->tensors;
        *mine = (account){0};
    }
    pthread_mutex_unlock(&lock);
}

void ct__account_leave(void)
{
    ct__thread_state *me = ct__here();
    ct__account_settle();
    pthread_mutex_lock(&lock);
    if (me->account > 0)
        accounts[me->account - 1] = (account){.bytes = -me->live_bytes, .tensors = -me->live_tensors, .left = true};
    me->account = 0;
    me->live_bytes = me->live_tensors = 0;
    pthread_mutex_unlock(&lock);
}
