/* What the files of the MPI library share. Like every user's program they see cotan's public headers only.
 *
 * Invariant: whatever waits for other ranks waits in ct__mpi_wait_until(), which ends when another rank has failed. */
#ifndef CT_MPI_INTERNAL_H
#define CT_MPI_INTERNAL_H

#define CT_NO_LOCATIONS
#include <cotan/cotan.h>
#include <cotan/ct_mpi.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- world.c ---- */

/* CT_OK between ct_mpi_begin() and ct_mpi_end(), and while no error is pending. */
ct_status ct__mpi_check(const char *what);
/* The error of an MPI function, "<what>: rank 1: <MPI's words>", unless code is MPI_SUCCESS. */
ct_status ct__mpi_code(int code, const char *what);
bool ct__mpi_has_threads(void);
extern _Atomic bool ct__mpi_failing; /* this rank ends with an error: what MPI is doing is left alone */

/* Until done(user), while other ranks are well and the timeout has not passed; what is for the message, and told by say(user,
 * buffer, size) if that is not NULL. */
typedef struct ct__mpi_waiting {
    bool (*done)(void *user);
    void (*say)(void *user, char *text, size_t size);
    void *user;
    const char *what;
} ct__mpi_waiting;
ct_status ct__mpi_wait_until(const ct__mpi_waiting *waiting);
ct_status ct__mpi_wait(MPI_Request *requests, int n, const char *what);

/* Bytes of rank root to all, and blocks of the same size of each rank to all, in the order of the ranks. */
ct_status ct__mpi_broadcast(MPI_Comm comm, void *data, size_t bytes, int root, const char *what);
ct_status ct__mpi_gather_all(MPI_Comm comm, const void *mine, void *all, size_t bytes, const char *what);

/* count zeroed elements, at least one; NULL with an error. */
void *ct__mpi_alloc(const char *what, int64_t count, size_t size);
/* Frees what MPI has done with; after an error MPI may still write there, and it stays. */
void ct__mpi_done_with(void *block, ct_status status);
double ct__mpi_now(void);                  /* seconds */
MPI_Datatype ct__mpi_type(ct_dtype dtype); /* of float32 or float64 */
/* "float32 [3,4]" into text; returns text. */
#define CT_MPI_TEXT 200
char *ct__mpi_tensor_text(const ct_tensor *t, char text[CT_MPI_TEXT]);

/* ---- buckets.c ---- */

/* Buckets of numbers on their way to and from the other ranks. */
typedef struct ct__mpi_exchange ct__mpi_exchange;

/* n buckets of sizes[i] numbers each. Collective. NULL with an error. */
ct__mpi_exchange *ct__mpi_exchange_new(MPI_Comm comm, const ct_dtype *dtypes, const int64_t *sizes, int n,
                                       ct_mpi_progress progress);
void ct__mpi_exchange_free(ct__mpi_exchange *exchange);
/* The numbers of bucket i: before it is sent this rank's, afterwards the means over the ranks. */
void *ct__mpi_exchange_data(ct__mpi_exchange *exchange, int i);
/* From now on bucket i is on its way, and its numbers may not be touched. */
ct_status ct__mpi_exchange_start(ct__mpi_exchange *exchange, int i);
/* Looks after what is on its way, if no thread does. */
ct_status ct__mpi_exchange_look(ct__mpi_exchange *exchange);
/* Until all that was started is there. */
ct_status ct__mpi_exchange_finish(ct__mpi_exchange *exchange);
ct_mpi_times ct__mpi_exchange_times(const ct__mpi_exchange *exchange);

/* ---- parallel.c ---- */

struct ct_mpi_parallel {
    ct_module *module;
    MPI_Comm comm; /* its own */
    int rank, size;
    int64_t count;              /* parameters */
    struct ct__mpi_slot *slots; /* in the module's order */
    ct__mpi_exchange *exchange; /* NULL: one rank */
    ct_mpi_progress progress;
    bool off;         /* each rank is alone */
    bool alone;       /* and has been so in a backward since the last that was not */
    bool accumulated; /* likewise, before the one that is running */
    bool running;     /* a backward has given gradients, and the means are not there yet */
    int n_buckets;
    int *missing; /* of each bucket: parameters whose gradient has not come */
};

/* A trained parameter. */
typedef struct ct__mpi_slot {
    ct_mpi_parallel *parallel;
    ct_tensor *parameter;
    const char *name; /* the module's */
    int bucket;
    int64_t offset, n;        /* in the bucket */
    int64_t flag;             /* where the bucket has 1 if there is a gradient */
    bool ready;               /* it has come in the backward that is running */
    int64_t on_ready, on_end; /* the hooks' handles */
} ct__mpi_slot;

#endif
