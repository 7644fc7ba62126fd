/* The thread pool: the one owner of threads.
 *
 * Invariant: tasks are numbered by the caller's partition, which does not depend on the number of threads; threads only
 * decide who runs which task. So results do not depend on it either. */
#include "core_internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 4000 };

typedef struct job {
    void (*task)(void *context, int64_t index);
    void *context;
    int64_t tasks;
    _Atomic int64_t next;
} job;

static struct {
    pthread_mutex_t busy; /* held by the thread whose job runs */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake, done;
    job *job;   /* NULL: none to join */
    int inside; /* workers in the job */
    int workers, wanted;
    _Atomic unsigned posted; /* jobs posted so far; workers spin on it for a while before they sleep */
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static _Atomic int threads;

static int default_threads(void)
{
    const char *setting = getenv("COTAN_NUM_THREADS");
    long n = setting ? strtol(setting, NULL, 10) : 0;
    if (n <= 0) {
        cpu_set_t set;
        n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
    }
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

int ct_num_threads(void)
{
    int own = ct__here()->threads, n = own ? own : atomic_load_explicit(&threads, memory_order_relaxed);
    if (CT_UNLIKELY(n == 0)) {
        n = default_threads();
        atomic_store(&threads, n);
    }
    return n;
}

void ct_set_num_threads(int n)
{
    atomic_store(&threads, n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n);
}

int ct__set_own_threads(int n)
{
    int before = ct__here()->threads;
    ct__here()->threads = n;
    return before;
}

static void run_tasks(job *work)
{
    bool outer = ct__here()->in_parallel;
    ct__here()->in_parallel = true;
    int64_t index;
    while ((index = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed)) < work->tasks)
        work->task(work->context, index);
    ct__here()->in_parallel = outer;
}

static void *worker(void *unused)
{
    (void)unused;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load_explicit(&pool.posted, memory_order_relaxed) == seen; i++)
#if defined(__x86_64__)
            __builtin_ia32_pause();
#else
            sched_yield();
#endif
        pthread_mutex_lock(&pool.lock);
        while (!pool.job || pool.inside >= pool.wanted)
            pthread_cond_wait(&pool.wake, &pool.lock);
        job *work = pool.job;
        seen = atomic_load(&pool.posted);
        pool.inside++;
        pthread_mutex_unlock(&pool.lock);
        run_tasks(work);
        pthread_mutex_lock(&pool.lock);
        /* Every task is taken: nobody need join any more. */
        if (pool.job == work)
            pool.job = NULL;
        if (--pool.inside == 0)
            pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
    }
    return NULL;
}

/* A child of fork() has none of the workers. */
static void after_fork(void)
{
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.job = NULL;
    pool.inside = pool.workers = 0;
}

/* With the lock held. Fewer workers than wanted is no error: there are only fewer to help. */
static void start_workers(int wanted)
{
    if (pool.workers == 0 && wanted > 0) {
        static bool registered;
        if (!registered)
            registered = pthread_atfork(NULL, NULL, after_fork) == 0;
    }
    pthread_attr_t attributes;
    if (pool.workers >= wanted || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    while (pool.workers < wanted && pthread_create(&thread, &attributes, worker, NULL) == 0)
        pool.workers++;
    pthread_attr_destroy(&attributes);
}

void ct__parallel(int64_t tasks, void (*task)(void *context, int64_t index), void *context)
{
    int n = ct_num_threads();
    if (tasks <= 1 || n == 1 || ct__here()->in_parallel || pthread_mutex_trylock(&pool.busy) != 0) {
        for (int64_t i = 0; i < tasks; i++)
            task(context, i);
        return;
    }
    job work = {.task = task, .context = context, .tasks = tasks};
    pthread_mutex_lock(&pool.lock);
    int helpers = tasks < n ? (int)tasks - 1 : n - 1;
    start_workers(n - 1);
    pool.wanted = helpers;
    pool.job = &work;
    atomic_fetch_add(&pool.posted, 1);
    if (helpers == 1)
        pthread_cond_signal(&pool.wake);
    else
        pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);

    run_tasks(&work);

    pthread_mutex_lock(&pool.lock);
    pool.job = NULL;
    while (pool.inside > 0)
        pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.busy);
}

bool ct__in_parallel(void)
{
    return ct__here()->in_parallel;
}
