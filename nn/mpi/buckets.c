/* Sums over ranks, in buckets, while something else is computed.
 *
 * A bucket is cut into a share for each rank. Each rank sends every other its numbers in that one's share, adds up what it got in the order of the
 * ranks, divides by their number, and sends the result to all: 2 (n - 1) / n of the bucket each way, as a ring does. Invariant: who sums what, and in which
 * order, follows from the sizes alone, so the bits do too.
 *
 * MPI moves what is on its way only while some of its functions run: a thread calls them now and then, or whoever computes does. */
#include "mpi_internal.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

/* Where a bucket stands. */
typedef enum stage { RESTS, SCATTERS, GATHERS, ARRIVED } stage;

typedef struct bucket {
    ct_dtype dtype;
    int64_t n, share; /* numbers; of a rank */
    char *numbers;    /* share times ranks of them */
    char *parts;      /* likewise: what each rank has in this one's share */
    stage stage;
    MPI_Request *requests; /* two for each rank */
} bucket;

struct ct__mpi_exchange {
    MPI_Comm comm;
    int rank, size, n;
    bucket *buckets;
    ct_mpi_progress progress;
    pthread_mutex_t lock; /* of all below, and of the buckets' stages and requests */
    pthread_cond_t wake;
    pthread_t thread;
    bool has_thread, stop;
    bool watched; /* the caller looks after it itself */
    int active;   /* buckets on their way */
    int code;     /* MPI's first error */
    int64_t backwards;
    double waited;
};

static size_t width(const bucket *b)
{
    return b->dtype == CT_FLOAT64 ? sizeof(double) : sizeof(float);
}

static char *share_of(const bucket *b, char *numbers, int rank)
{
    return numbers + (size_t)rank * (size_t)b->share * width(b);
}

/* ---- the sum ---- */

/* In blocks that stay in the cache: the first rank's numbers, then the others', one after the other. */
#define DEFINE_SUM(type)                                                                                       \
    static void sum_##type(const bucket *b, int rank, int size)                                                \
    {                                                                                                          \
        enum { BLOCK = 1024 };                                                                                 \
        type sum[BLOCK], *own = (type *)(void *)share_of(b, b->numbers, rank);                                 \
        for (int64_t at = 0; at < b->share; at += BLOCK) {                                                     \
            int64_t n = b->share - at < BLOCK ? b->share - at : BLOCK;                                         \
            for (int r = 0; r < size; r++) {                                                                   \
                const type *part = r == rank ? own + at : (const type *)(void *)share_of(b, b->parts, r) + at; \
                for (int64_t i = 0; i < n; i++)                                                                \
                    sum[i] = r == 0 ? part[i] : sum[i] + part[i];                                              \
            }                                                                                                  \
            for (int64_t i = 0; i < n; i++)                                                                    \
                own[at + i] = sum[i] / (type)size;                                                             \
        }                                                                                                      \
    }
DEFINE_SUM(float)
DEFINE_SUM(double)

/* ---- a bucket on its way; the lock is held ---- */

/* Numbers of another rank's share to it, from `from`, and its own into `into`. */
static int trade(ct__mpi_exchange *e, bucket *b, int other, char *into, char *from, int tag)
{
    MPI_Datatype type = ct__mpi_type(b->dtype);
    int code = MPI_Irecv(into, (int)b->share, type, other, tag, e->comm, &b->requests[2 * other]);
    return code == MPI_SUCCESS ? MPI_Isend(from, (int)b->share, type, other, tag, e->comm, &b->requests[2 * other + 1])
                               : code;
}

/* With each other rank, beginning behind this one, so that not all send to the same. */
static int trade_all(ct__mpi_exchange *e, int i, stage next)
{
    bucket *b = &e->buckets[i];
    int code = MPI_SUCCESS;
    for (int k = 1; k < e->size && code == MPI_SUCCESS; k++) {
        int other = (e->rank + k) % e->size;
        char *theirs = share_of(b, b->numbers, other), *mine = share_of(b, b->numbers, e->rank);
        code = next == SCATTERS ? trade(e, b, other, share_of(b, b->parts, other), theirs, 2 * i)
                                : trade(e, b, other, theirs, mine, 2 * i + 1);
    }
    b->stage = next;
    return code;
}

static int advance(ct__mpi_exchange *e, int i)
{
    bucket *b = &e->buckets[i];
    int done = 0, code = MPI_Testall(2 * e->size, b->requests, &done, MPI_STATUSES_IGNORE);
    if (!done || code != MPI_SUCCESS)
        return code;
    if (b->stage == GATHERS) {
        b->stage = ARRIVED;
        e->active--;
        return code;
    }
    if (b->dtype == CT_FLOAT64)
        sum_double(b, e->rank, e->size);
    else
        sum_float(b, e->rank, e->size);
    return trade_all(e, i, GATHERS);
}

static void advance_all(ct__mpi_exchange *e)
{
    for (int i = 0; i < e->n && e->code == MPI_SUCCESS && e->active > 0; i++)
        if (e->buckets[i].stage == SCATTERS || e->buckets[i].stage == GATHERS)
            e->code = advance(e, i);
}

/* ---- the thread ---- */

static void *look_after(void *user)
{
    ct__mpi_exchange *e = user;
    pthread_mutex_lock(&e->lock);
    while (!e->stop) {
        if (e->active == 0 || e->watched || e->code != MPI_SUCCESS || ct__mpi_failing) {
            pthread_cond_wait(&e->wake, &e->lock);
            continue;
        }
        advance_all(e);
        pthread_mutex_unlock(&e->lock);
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

/* It takes no signals, which are the program's. */
static ct_status begin_thread(ct__mpi_exchange *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e->has_thread = pthread_create(&e->thread, NULL, look_after, e) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e->has_thread ? CT_OK : ct_error_set(CT_ERROR_MEMORY, "data_parallel: no thread");
}

/* ---- making and freeing ---- */

static ct_status make_bucket(const ct__mpi_exchange *e, bucket *b, ct_dtype dtype, int64_t n)
{
    *b = (bucket){.dtype = dtype, .n = n, .share = (n + e->size - 1) / e->size};
    if (b->share > INT32_MAX)
        return ct_error_set(CT_ERROR_ARGUMENT,
                            "data_parallel: a share of %lld numbers is more than MPI counts; use smaller buckets",
                            (long long)b->share);
    b->numbers = ct__mpi_alloc("data_parallel", b->share * e->size, width(b));
    b->parts = ct__mpi_alloc("data_parallel", b->share * e->size, width(b));
    b->requests = ct__mpi_alloc("data_parallel", 2 * (int64_t)e->size, sizeof *b->requests);
    for (int i = 0; b->requests && i < 2 * e->size; i++)
        b->requests[i] = MPI_REQUEST_NULL;
    return ct_error_code();
}

ct__mpi_exchange *ct__mpi_exchange_new(MPI_Comm comm, const ct_dtype *dtypes, const int64_t *sizes, int n,
                                       ct_mpi_progress progress)
{
    ct__mpi_exchange *e = ct__mpi_alloc("data_parallel", 1, sizeof *e);
    if (!e)
        return NULL;
    *e = (ct__mpi_exchange){.comm = comm, .n = n, .progress = progress};
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    MPI_Comm_rank(comm, &e->rank);
    MPI_Comm_size(comm, &e->size);
    e->buckets = ct__mpi_alloc("data_parallel", n, sizeof *e->buckets);
    for (int i = 0; e->buckets && i < n; i++)
        make_bucket(e, &e->buckets[i], dtypes[i], sizes[i]);
    if (ct_error_code() == CT_OK && progress == CT_MPI_BY_THREAD && ct__mpi_has_threads())
        begin_thread(e);
    if (ct_error_code() == CT_OK)
        return e;
    ct__mpi_exchange_free(e);
    return NULL;
}

static void end_thread(ct__mpi_exchange *e)
{
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    if (e->has_thread)
        pthread_join(e->thread, NULL);
}

/* What MPI may still write to, after a failure, stays. */
void ct__mpi_exchange_free(ct__mpi_exchange *e)
{
    if (!e)
        return;
    end_thread(e);
    for (int i = 0; e->buckets && e->active == 0 && i < e->n; i++) {
        free(e->buckets[i].numbers);
        free(e->buckets[i].parts);
        free(e->buckets[i].requests);
    }
    if (e->active > 0)
        return;
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->wake);
    free(e->buckets);
    free(e);
}

/* ---- use ---- */

void *ct__mpi_exchange_data(ct__mpi_exchange *e, int i)
{
    return e->buckets[i].numbers;
}

ct_status ct__mpi_exchange_start(ct__mpi_exchange *e, int i)
{
    pthread_mutex_lock(&e->lock);
    e->watched = false;
    e->active++;
    int code = e->code == MPI_SUCCESS ? trade_all(e, i, SCATTERS) : e->code;
    e->code = code;
    if (e->active == 1)
        pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    return ct__mpi_code(code, "data_parallel");
}

ct_status ct__mpi_exchange_look(ct__mpi_exchange *e)
{
    if (e->progress == CT_MPI_AFTER || pthread_mutex_trylock(&e->lock) != 0)
        return CT_OK;
    advance_all(e);
    int code = e->code;
    pthread_mutex_unlock(&e->lock);
    return ct__mpi_code(code, "data_parallel");
}

static bool all_arrived(void *user)
{
    ct__mpi_exchange *e = user;
    pthread_mutex_lock(&e->lock);
    advance_all(e);
    bool done = e->active == 0 || e->code != MPI_SUCCESS;
    pthread_mutex_unlock(&e->lock);
    return done;
}

static bool is_missing(MPI_Request request)
{
    int done = 1;
    return MPI_Request_get_status(request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done;
}

/* The first bucket that is missing and the ranks that have not sent their part of it. */
static void say_missing(void *user, char *text, size_t size)
{
    ct__mpi_exchange *e = user;
    for (int i = 0; i < e->n; i++) {
        const bucket *b = &e->buckets[i];
        if (b->stage != SCATTERS && b->stage != GATHERS)
            continue;
        int end = snprintf(text, size, "gradients, bucket %d of %d, from rank", i, e->n);
        for (int r = 0; r < e->size; r++)
            if (is_missing(b->requests[2 * r]) && (size_t)end + 12 < size)
                end += snprintf(text + end, size - (size_t)end, " %d", r);
        return;
    }
}

ct_status ct__mpi_exchange_finish(ct__mpi_exchange *e)
{
    double begin = ct__mpi_now();
    pthread_mutex_lock(&e->lock);
    e->watched = true;
    pthread_mutex_unlock(&e->lock);
    ct_status status = ct__mpi_wait_until(
        &(ct__mpi_waiting){.done = all_arrived, .say = say_missing, .user = e, .what = "data_parallel"});
    e->waited += ct__mpi_now() - begin;
    e->backwards++;
    return status == CT_OK ? ct__mpi_code(e->code, "data_parallel") : status;
}

ct_mpi_times ct__mpi_exchange_times(const ct__mpi_exchange *e)
{
    ct_mpi_times times = {.backwards = e->backwards, .buckets = e->n, .waited = e->waited};
    for (int i = 0; i < e->n; i++)
        times.bytes += 2 * (e->size - 1) * e->buckets[i].share * (int64_t)width(&e->buckets[i]);
    return times;
}
