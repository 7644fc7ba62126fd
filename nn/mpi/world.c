/* Beginning, end, and waiting: how ranks hear of each other's errors.
 *
 * A rank that ends with an error sends its message to all others on a communicator kept for that; every wait looks there. Invariant: each
 * rank sends one such message at most, and is then at its end. */
#include "mpi_internal.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { TOLD = 1, TEXT = 500 };

/* A rank's error, as it is sent. */
typedef struct failure {
    int32_t status; /* CT_OK: none */
    char text[TEXT];
} failure;

static struct {
    bool begun, threads, ours; /* ours: MPI began here */
    MPI_Comm control;
    int rank, size;
    int heard;    /* ranks that have told of their end */
    bool adopted; /* the pending error is another rank's */
    double timeout;
    void *left; /* to MPI after an error, the last such block: so that no tool takes it for forgotten */
} world = {.timeout = 600};

_Atomic bool ct__mpi_failing;

CT_OPTIONS_INIT(ct_mpi_mean_options)

void *ct__mpi_alloc(const char *what, int64_t count, size_t size)
{
    void *block = calloc(count > 0 ? (size_t)count : 1, size);
    if (!block)
        ct_error_set(CT_ERROR_MEMORY, "%s: no memory", what);
    return block;
}

void ct__mpi_done_with(void *block, ct_status status)
{
    if (status == CT_OK)
        free(block);
    else
        world.left = block;
}

double ct__mpi_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

MPI_Datatype ct__mpi_type(ct_dtype dtype)
{
    return dtype == CT_FLOAT64 ? MPI_DOUBLE : MPI_FLOAT;
}

char *ct__mpi_tensor_text(const ct_tensor *t, char text[CT_MPI_TEXT])
{
    int end = snprintf(text, CT_MPI_TEXT, "%s [", ct_dtype_name(ct_dtype_of(t)));
    for (int i = 0; i < ct_rank(t); i++)
        end += snprintf(text + end, (size_t)(CT_MPI_TEXT - end), i ? ",%lld" : "%lld", (long long)ct_size(t, i));
    snprintf(text + end, (size_t)(CT_MPI_TEXT - end), "]");
    return text;
}

bool ct__mpi_has_threads(void)
{
    return world.threads;
}

ct_status ct__mpi_check(const char *what)
{
    if (!world.begun)
        return ct_error_set(CT_ERROR_STATE, "%s: ct_mpi_begin() has not been called", what);
    return ct_error_code();
}

ct_status ct__mpi_code(int code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length;
    if (code == MPI_SUCCESS)
        return CT_OK;
    MPI_Error_string(code, words, &length);
    return ct_error_set(CT_ERROR_IO, "%s: rank %d of %d: %s", what, world.rank, world.size, words);
}

/* ---- beginning ---- */

/* Ranks on this machine share its cores, where nothing has bound them to some. */
static ct_status share_cores(void)
{
    MPI_Comm machine;
    int ranks = 1;
    cpu_set_t mine;
    ct_status status = ct__mpi_code(
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine), "mpi_begin");
    if (status != CT_OK)
        return status;
    MPI_Comm_size(machine, &ranks);
    MPI_Comm_free(&machine);
    bool bound = sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) < sysconf(_SC_NPROCESSORS_ONLN);
    if (!bound && !getenv("COTAN_NUM_THREADS"))
        ct_set_num_threads(ct_num_threads() / ranks);
    return CT_OK;
}

static ct_status begin(int *argc, char ***argv)
{
    int begun = 0, provided = MPI_THREAD_SINGLE;
    MPI_Initialized(&begun);
    world.ours = !begun;
    int code = begun ? MPI_Query_thread(&provided) : MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided);
    ct_status status = ct__mpi_code(code, "mpi_begin");
    if (status != CT_OK)
        return status;
    world.threads = provided == MPI_THREAD_MULTIPLE;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    status = ct__mpi_code(MPI_Comm_dup(MPI_COMM_WORLD, &world.control), "mpi_begin");
    world.begun = status == CT_OK;
    return status;
}

ct_status ct_mpi_begin(int *argc, char ***argv)
{
    int ended = 0;
    MPI_Finalized(&ended);
    if (world.begun || ended)
        return ct_error_set(CT_ERROR_STATE, "mpi_begin: MPI has %s", ended ? "ended" : "begun already");
    ct_status status = begin(argc, argv);
    return status == CT_OK ? share_cores() : status;
}

int ct_mpi_rank(MPI_Comm comm)
{
    int rank = -1;
    return ct__mpi_check("mpi_rank") == CT_OK && ct__mpi_code(MPI_Comm_rank(comm, &rank), "mpi_rank") == CT_OK ? rank
                                                                                                               : -1;
}

int ct_mpi_size(MPI_Comm comm)
{
    int size = 0;
    return ct__mpi_check("mpi_size") == CT_OK && ct__mpi_code(MPI_Comm_size(comm, &size), "mpi_size") == CT_OK ? size
                                                                                                               : 0;
}

ct_status ct_mpi_set_timeout(double seconds)
{
    if (!(seconds > 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "mpi_set_timeout: %g seconds", seconds);
    world.timeout = seconds;
    return CT_OK;
}

/* ---- waiting ---- */

/* The error of another rank is this one's too, unless it has one; it may be that of a third one, handed on. */
static void adopt(int rank, const failure *theirs)
{
    world.adopted = world.adopted || ct_error_code() == CT_OK;
    if (strncmp(theirs->text, "rank ", 5) == 0)
        ct_error_set((ct_status)theirs->status, "%s", theirs->text);
    else
        ct_error_set((ct_status)theirs->status, "rank %d: %s", rank, theirs->text);
}

/* Takes in what another rank has told of its end; true if there was something. */
static bool hear(void)
{
    int there = 0;
    MPI_Status from;
    failure told;
    if (MPI_Iprobe(MPI_ANY_SOURCE, TOLD, world.control, &there, &from) != MPI_SUCCESS || !there)
        return false;
    MPI_Recv(&told, sizeof told, MPI_BYTE, from.MPI_SOURCE, TOLD, world.control, &from);
    world.heard++;
    adopt(from.MPI_SOURCE, &told);
    return true;
}

/* A while that grows: what is on its way over shared memory comes at once, and other ranks may want this core. */
static void pause_for(int64_t turn)
{
    if (turn < 300)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

static ct_status give_up(const ct__mpi_waiting *w)
{
    char text[TEXT] = "";
    if (w->say)
        w->say(w->user, text, sizeof text);
    return ct_error_set(CT_ERROR_STATE, "%s: rank %d of %d has waited %g seconds for the others%s%s", w->what,
                        world.rank, world.size, world.timeout, *text ? ": " : "", text);
}

ct_status ct__mpi_wait_until(const ct__mpi_waiting *waiting)
{
    double begin = ct__mpi_now();
    for (int64_t turn = 0; !waiting->done(waiting->user); turn++) {
        if (ct_error_code() != CT_OK || (turn % 16 == 15 && hear()))
            return ct_error_code();
        if (turn % 16 == 15 && ct__mpi_now() - begin > world.timeout)
            return give_up(waiting);
        pause_for(turn);
    }
    return ct_error_code();
}

typedef struct requests {
    MPI_Request *all;
    int n, code;
} requests;

static bool all_done(void *user)
{
    requests *r = user;
    int done = 0;
    r->code = MPI_Testall(r->n, r->all, &done, MPI_STATUSES_IGNORE);
    return done || r->code != MPI_SUCCESS;
}

ct_status ct__mpi_wait(MPI_Request *all, int n, const char *what)
{
    requests r = {all, n, MPI_SUCCESS};
    ct_status status = ct__mpi_wait_until(&(ct__mpi_waiting){.done = all_done, .user = &r, .what = what});
    return r.code == MPI_SUCCESS ? status : ct__mpi_code(r.code, what);
}

ct_status ct__mpi_broadcast(MPI_Comm comm, void *data, size_t bytes, int root, const char *what)
{
    const size_t most = 1 << 30; /* MPI counts in int */
    ct_status status = CT_OK;
    for (size_t at = 0; at < bytes && status == CT_OK; at += most) {
        MPI_Request request;
        size_t n = bytes - at < most ? bytes - at : most;
        status = ct__mpi_code(MPI_Ibcast((char *)data + at, (int)n, MPI_BYTE, root, comm, &request), what);
        if (status == CT_OK)
            status = ct__mpi_wait(&request, 1, what);
    }
    return status;
}

ct_status ct__mpi_gather_all(MPI_Comm comm, const void *mine, void *all, size_t bytes, const char *what)
{
    MPI_Request request;
    if (bytes > INT32_MAX)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: %zu bytes of a rank are more than MPI counts", what, bytes);
    ct_status status =
        ct__mpi_code(MPI_Iallgather(mine, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, comm, &request), what);
    return status == CT_OK ? ct__mpi_wait(&request, 1, what) : status;
}

/* ---- errors of one and of all ---- */

static failure pending(void)
{
    failure f = {.status = (int32_t)ct_error_code()};
    snprintf(f.text, sizeof f.text, "%s", ct_error_message());
    return f;
}

/* The lowest rank that has failed, or size. */
static ct_status find_failed(MPI_Comm comm, int rank, int size, bool failed, int *lowest)
{
    MPI_Request request;
    int mine = failed ? rank : size;
    ct_status status = ct__mpi_code(MPI_Iallreduce(&mine, lowest, 1, MPI_INT, MPI_MIN, comm, &request), "mpi_agree");
    return status == CT_OK ? ct__mpi_wait(&request, 1, "mpi_agree") : status;
}

/* The pending error is put aside meanwhile, since nothing waits while there is one. */
ct_status ct_mpi_agree(MPI_Comm comm)
{
    failure mine = pending(), theirs;
    ct_error_clear();
    int rank, size, lowest = 0;
    ct_status status = ct__mpi_check("mpi_agree");
    if (status == CT_OK) {
        MPI_Comm_rank(comm, &rank);
        MPI_Comm_size(comm, &size);
        status = find_failed(comm, rank, size, mine.status != CT_OK, &lowest);
        theirs = mine;
        if (status == CT_OK && lowest < size)
            status = ct__mpi_broadcast(comm, &theirs, sizeof theirs, lowest, "mpi_agree");
        if (status == CT_OK && lowest < size && mine.status == CT_OK)
            adopt(lowest, &theirs);
    }
    if (mine.status != CT_OK) {
        ct_error_clear();
        ct_error_set((ct_status)mine.status, "%s", mine.text);
    }
    return ct_error_code();
}

/* Tells all other ranks, and waits a second for their answers, which are of the same kind. The launcher ends all once one has ended: so that the
 * rank whose error it is can say it, the others leave it the time. */
static void tell_all(void)
{
    static failure told; /* must last until it is sent */
    MPI_Request request;
    told = pending();
    for (int r = 0; r < world.size; r++)
        if (r != world.rank && MPI_Isend(&told, sizeof told, MPI_BYTE, r, TOLD, world.control, &request) == MPI_SUCCESS)
            MPI_Request_free(&request);
    for (double begin = ct__mpi_now(); world.heard < world.size - 1 && ct__mpi_now() - begin < 1;)
        if (!hear())
            pause_for(1000);
    if (world.adopted)
        nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
}

int ct_mpi_end(void)
{
    if (!world.begun) {
        ct__mpi_check("mpi_end");
        return EXIT_FAILURE;
    }
    if (ct_error_code() == CT_OK)
        ct_mpi_agree(MPI_COMM_WORLD);
    ct__mpi_failing = ct_error_code() != CT_OK;
    world.begun = false;
    if (ct__mpi_failing) {
        tell_all();
        return EXIT_FAILURE;
    }
    MPI_Comm_free(&world.control);
    if (world.ours)
        MPI_Finalize();
    return EXIT_SUCCESS;
}

/* ---- means ---- */

/* all [size][n + 1]: of each rank its numbers, then its weight. */
static void mean_of(const double *all, int size, int n, double *values)
{
    for (int i = 0; i < n; i++) {
        double sum = 0, weights = 0;
        for (int r = 0; r < size; r++) {
            const double *row = all + (size_t)r * (size_t)(n + 1);
            sum += row[n] == 0 ? 0 : row[n] * row[i];
            weights += row[n];
        }
        values[i] = sum / weights;
    }
}

ct_status ct_mpi_mean(MPI_Comm comm, double *values, int n, const ct_mpi_mean_options *options)
{
    CT_READ_OPTIONS(ct_mpi_mean_options, o, options, "mpi_mean");
    if (!o || ct__mpi_check("mpi_mean") != CT_OK)
        return ct_error_code();
    if (!values || n < 1 || !(o->weight >= 0))
        return values ? ct_error_set(CT_ERROR_ARGUMENT, "mpi_mean: %d numbers of weight %g", n, o->weight)
                      : ct_error_set(CT_ERROR_NULL, "mpi_mean: the numbers are NULL");
    int size = ct_mpi_size(comm);
    double *all = ct__mpi_alloc("mpi_mean", (int64_t)(size + 1) * (n + 1), sizeof *all);
    if (!all)
        return ct_error_code();
    double *mine = all + (size_t)size * (size_t)(n + 1);
    memcpy(mine, values, (size_t)n * sizeof *mine);
    mine[n] = o->weight;
    ct_status status = ct__mpi_gather_all(comm, mine, all, (size_t)(n + 1) * sizeof *mine, "mpi_mean");
    if (status == CT_OK)
        mean_of(all, size, n, values);
    ct__mpi_done_with(all, status);
    return status;
}
