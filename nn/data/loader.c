/* Threads that make batches ahead of their use. Worker w of W makes those of number w, w + W, ..., each by itself, so the order in which
 * they are taken is that of their numbers, and their bits are those of batches that the caller makes.
 *
 * Invariant: what a worker makes is its own: the caller takes a copy while the worker waits, so no tensor changes its thread, and each
 * thread's cache has what that thread needs again. */
#include "data_internal.h"
#include <pthread.h>
#include <unistd.h>

/* WANTED: the worker has all that is its own, and makes the batch; WAITING: the caller has it; ENDED: the worker goes. */
typedef enum state { WAITING, WANTED, ENDED } state;

typedef struct worker {
    const ct__loader *loader;
    pthread_t thread;
    pthread_mutex_t lock; /* guards state */
    pthread_cond_t changed;
    state state;
    bool asked;                            /* for a batch that was not taken yet: the caller's own */
    int64_t number;                        /* of the batch */
    ct_tensor *tensors[CT_SAMPLE_TENSORS]; /* of the worker's scope, until it is asked for the next */
    bool failed;                           /* it could not make it, for want of memory or because nobody can */
} worker;

struct ct__loader {
    ct__make_batch *make;
    const ct_batches *of;
    int tensors;
    pid_t process; /* a child of fork() has none of the threads */
    int64_t count; /* of workers */
    worker workers[];
};

/* ---- a worker ---- */

static void set_state(worker *w, state next)
{
    pthread_mutex_lock(&w->lock);
    w->state = next;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* Waits until the state is another one; returns that. */
static state wait_while(worker *w, state current)
{
    pthread_mutex_lock(&w->lock);
    while (w->state == current)
        pthread_cond_wait(&w->changed, &w->lock);
    state now = w->state;
    pthread_mutex_unlock(&w->lock);
    return now;
}

static void *work(void *self)
{
    worker *w = self;
    bool open = false;
    while (wait_while(w, WAITING) == WANTED) {
        if (open)
            ct_scope_close();
        open = ct_scope_open() == CT_OK;
        w->failed = !open || w->loader->make(w->loader->of, w->number, w->tensors) != CT_OK;
        ct_error_clear();
        set_state(w, WAITING);
    }
    return NULL; /* the scope goes with the thread */
}

/* ---- the caller ---- */

static bool start(worker *w, const ct__loader *loader)
{
    *w = (worker){.loader = loader};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    return pthread_create(&w->thread, NULL, work, w) == 0;
}

/* Fewer than wanted, or none, is no error: there are only fewer to help. */
ct__loader *ct__loader_new(int64_t workers, int tensors, ct__make_batch *make, const ct_batches *of)
{
    ct__loader *loader = ct__nn_alloc("batches", 1, sizeof *loader + (size_t)workers * sizeof *loader->workers);
    if (!loader)
        return NULL;
    *loader = (ct__loader){.make = make, .of = of, .tensors = tensors, .process = getpid()};
    while (loader->count < workers && start(&loader->workers[loader->count], loader))
        loader->count++;
    return loader;
}

bool ct__loader_works(const ct__loader *loader)
{
    return loader && loader->count > 0 && loader->process == getpid();
}

void ct__loader_forget(ct__loader *loader)
{
    for (int64_t i = 0; ct__loader_works(loader) && i < loader->count; i++) {
        wait_while(&loader->workers[i], WANTED);
        loader->workers[i].asked = false;
    }
}

void ct__loader_free(ct__loader *loader)
{
    ct__loader_forget(loader);
    for (int64_t i = 0; ct__loader_works(loader) && i < loader->count; i++) {
        worker *w = &loader->workers[i];
        set_state(w, ENDED);
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
    }
    ct_deallocate(loader);
}

/* Asks for the batches from first on, before end, a worker each; those that were asked for stay. */
static void ask(ct__loader *loader, int64_t first, int64_t end)
{
    for (int64_t number = first; number < end && number < first + loader->count; number++) {
        worker *w = &loader->workers[number % loader->count];
        if (w->asked)
            continue;
        w->asked = true;
        w->number = number;
        set_state(w, WANTED);
    }
}

bool ct__loader_take(ct__loader *loader, int64_t number, int64_t end, ct_tensor **tensors)
{
    worker *w = &loader->workers[number % loader->count];
    ask(loader, number, end);
    wait_while(w, WANTED);
    bool good = !w->failed;
    for (int i = 0; i < loader->tensors && good; i++)
        good = (tensors[i] = ct_clone(w->tensors[i])) != NULL;
    w->asked = false;
    if (good)
        ask(loader, number + 1, end);
    return good;
}
