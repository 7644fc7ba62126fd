/* Training one model by several processes, which speak MPI: a library of its own, libcotan-mpi, beside libcotan.
 *
 *     ct_mpi_begin(&argc, &argv);
 *     ct_mpi_parallel *parallel = ct_mpi_data_parallel(module, MPI_COMM_WORLD);
 *     ct_batches *batches = ct_mpi_batches(dataset, MPI_COMM_WORLD, .shuffle = true);
 *     ...                                        as in one process: forward, ct_backward(), ct_optimizer_step()
 *     return ct_mpi_end();
 *
 * Each process (rank) has the whole model and its own batches. Backward leaves the mean over the ranks in the gradients, which it sends while it
 * runs, so optimisers, clipping and schedules do the same on every rank. Sums are in the order of the ranks: results have the same bits in
 * every run, and those of one process that accumulates the ranks' batches one after the other and divides by their number.
 *
 * Collective means that all ranks of the communicator must call it, in the same order. Where one rank has failed, whatever the others are
 * waiting for fails with "rank 1: <its message>": nobody waits for ever. Functions are called by one thread, that of ct_mpi_begin(). */
#ifndef COTAN_CT_MPI_H
#define COTAN_CT_MPI_H

#include <cotan/data.h>
#include <cotan/optimizer.h>
#include <mpi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- beginning and end ---- */

/* MPI_Init_thread(), unless the program has called it, with MPI_THREAD_MULTIPLE if that is to be had. Collective over
 * MPI_COMM_WORLD. Where several ranks share a machine and none is bound to cores, each uses its share of the cores
 * (ct_set_num_threads()), unless COTAN_NUM_THREADS says how many. argc and argv may be NULL. Errors: state (begun already), io
 * (MPI's). */
CT_API ct_status ct_mpi_begin(int *argc, char ***argv);
/* The end of a rank, and the exit status for main: 0 after MPI_Finalize() on all ranks, when none has an error. With a pending
 * error, its own or another rank's, it tells the other ranks, waits a second at most for them to hear of it, and returns 1, MPI
 * not finalised: mpirun and srun then end what is still running. The error stays pending, to be printed. */
CT_API int ct_mpi_end(void);

/* This process's number among those of comm, from 0, and how many there are; -1 and 0 with an error (state: MPI has not begun). */
CT_API int ct_mpi_rank(MPI_Comm comm);
CT_API int ct_mpi_size(MPI_Comm comm);

/* How long a rank waits for others before it gives up with an error (state) that names what it waits for; default 600 seconds.
 * Error: argument. */
CT_API ct_status ct_mpi_set_timeout(double seconds);

/* Collective: whether all is well on all ranks. If not, the error of the lowest rank that has one, "rank 1: ...", is pending on every
 * rank that has none of its own. Returns the pending error's code. After what may fail on one rank alone, such as reading a file. */
CT_API ct_status ct_mpi_agree(MPI_Comm comm);

typedef struct CT_BY_NAME ct_mpi_mean_options {
    CT_OPTIONS_HEAD;
    double weight; /* of this rank's numbers, >= 0: how many samples they are a mean over, say; default 1 */
} ct_mpi_mean_options;
#define CT_DEFAULTS_ct_mpi_mean_options .weight = 1,
CT_API void ct_mpi_mean_options_init(ct_mpi_mean_options *options, size_t size);
/* Collective: replaces each of n numbers, such as losses and metrics, by its mean over the ranks, summed in their order. n must
 * be the same on all. A weight of 0 in all gives NaN. Errors: NULL, argument, and those of other ranks; then values are as they
 * were. */
CT_API ct_status ct_mpi_mean(MPI_Comm comm, double *values, int n, const ct_mpi_mean_options *options);

/* ---- data parallel training ---- */

/* A module whose gradients are means over ranks. */
typedef struct ct_mpi_parallel ct_mpi_parallel;

/* When what is to be sent goes. */
typedef enum ct_mpi_progress {
    CT_MPI_BY_THREAD, /* as by hooks, and by a thread that looks after it now and then, if MPI has MPI_THREAD_MULTIPLE */
    CT_MPI_BY_HOOKS,  /* while backward runs, whenever a gradient is complete */
    CT_MPI_AFTER      /* once backward has done all else: to measure what the others save */
} ct_mpi_progress;

typedef struct CT_BY_NAME ct_mpi_parallel_options {
    CT_OPTIONS_HEAD;
    /* Gradients go together in buckets of about so many bytes, in the reverse order of the parameters; default 25 MiB. */
    int64_t bucket_bytes;
    ct_mpi_progress progress;
} ct_mpi_parallel_options;
#define CT_DEFAULTS_ct_mpi_parallel_options .bucket_bytes = 25 << 20,
CT_API void ct_mpi_parallel_options_init(ct_mpi_parallel_options *options, size_t size);

/* Collective: gives all ranks the parameters and buffers of rank 0, and from now on every backward that reaches parameters of
 * the module leaves their mean gradient over the ranks, in ct_grad_of(), ct_grad()'s results too. All ranks must run such a
 * backward as often; a parameter without a gradient on some of them counts as 0 there, and one without on all gets none. The
 * mean takes the place of what hooks added earlier returned; those added later see it. create_graph is an error (state). The
 * parameters are those that are trained now; the module must live as long. The caller's until ct_mpi_parallel_free(). Errors:
 * NULL, argument, state (the module's names, shapes and dtypes are not rank 0's), memory. */
CT_API ct_mpi_parallel *ct_mpi_data_parallel(ct_module *module, MPI_Comm comm, const ct_mpi_parallel_options *options);
CT_API void ct_mpi_parallel_free(ct_mpi_parallel *parallel); /* NULL is fine; gradients are each rank's own again */
/* Turned off, a backward accumulates on its rank alone; the first one after it is on again sends the sum of all. For several
 * batches to a step on each rank: off for all of them but the last. */
CT_API ct_status ct_mpi_synchronize(ct_mpi_parallel *parallel, bool on);

/* What sending has cost since the beginning. */
typedef struct ct_mpi_times {
    int64_t backwards, buckets; /* backwards that sent gradients; buckets in each */
    int64_t bytes;              /* sent by this rank to others in each */
    double waited;              /* seconds in which backward had nothing left to do but wait */
} ct_mpi_times;
CT_API ct_mpi_times ct_mpi_parallel_times(const ct_mpi_parallel *parallel);

/* The batches of this rank: ct_batches_new() with .part and .parts as comm has it, so the options must be the same on all ranks
 * (the seed too), size being that of a batch of one rank. */
CT_API ct_batches *ct_mpi_batches(const ct_dataset *dataset, MPI_Comm comm, const ct_batches_options *options);

/* Makes the batch norms in module take the statistics of the batches of all ranks as those of one, forward and backward
 * (ct_batch_norm_gather()): in training each forward and backward of module is collective then. comm must last as long. Errors:
 * NULL. */
CT_API ct_status ct_mpi_sync_batch_norm(ct_module *module, MPI_Comm comm);

/* Collective and differentiable: [n, ...], the tensors of all n ranks, of one shape and dtype. The gradient, for the sum of all
 * ranks' losses, comes back to the rank it belongs to; in backward it is collective too. Errors: shape (of another rank), rank
 * of the result. */
CT_API ct_tensor *ct_mpi_all_gather(ct_tensor *x, MPI_Comm comm);
/* The way back, differentiable too: of x [n, ...], of one shape on all ranks, the sum over them of their rows of this rank's
 * number, [...]. Errors: shape (no row for each rank). */
CT_API ct_tensor *ct_mpi_sum_scatter(ct_tensor *x, MPI_Comm comm);
CT_API extern const ct_op ct_mpi_op_all_gather, ct_mpi_op_sum_scatter;

/* ---- an optimiser in shares (ZeRO, stage 1: Rajbhandari, Rasley, Ruwase, He 2020) ---- */

/* The parameters' elements, one behind the other, are cut into as many shares as there are ranks. A rank keeps the optimiser's
 * states of its share only, steps it, and gets the others' parameters: the same bits as an optimiser of all on every rank. */
typedef struct ct_mpi_optimizer ct_mpi_optimizer;

/* Collective. Rules must work element by element, as the library's do. The parameters must be contiguous. The caller's until
 * ct_mpi_optimizer_free(); parallel and its module must live as long. Errors: those of ct_optimizer_of(). */
CT_API ct_mpi_optimizer *ct_mpi_optimizer_new(ct_mpi_parallel *parallel, const ct_optimizer_rule *rule,
                                              const ct_optimizer_options *options);
CT_API void ct_mpi_optimizer_free(ct_mpi_optimizer *optimizer); /* NULL is fine */
/* The optimiser of this rank's share, whose tensors have the parameters' names: for ct_optimizer_schedule(),
 * ct_optimizer_set_lr(), to be done on all ranks alike; its own step is not to be called. */
CT_API ct_optimizer *ct_mpi_optimizer_local(const ct_mpi_optimizer *optimizer);
/* ct_optimizer_group() on every rank, whether its share has such a parameter or not. Error (argument): no parameter of the
 * module is called so. */
CT_API ct_status ct_mpi_optimizer_group(ct_mpi_optimizer *optimizer, const char *pattern,
                                        const ct_optimizer_options *options);
/* Collective: a step by the accumulated gradients, as ct_optimizer_step(). */
CT_API ct_status ct_mpi_optimizer_step(ct_mpi_optimizer *optimizer);
CT_API void ct_mpi_optimizer_zero_grad(ct_mpi_optimizer *optimizer);

/* ---- checkpoints ---- */

#define CT_MPI_POSITION 8 /* whole numbers that a program may save of where it stands */

/* Collective: all ranks write the module's parameters and the optimiser's states, each its share, into files
 * "<path>.<number>.<rank>-of-<ranks>.weights.safetensors" and "....optimizer.safetensors", and then rank 0 "<path>.safetensors",
 * with the buffers and position [n], which names them; then the files of the checkpoint before go. So a run that is killed at any moment leaves a whole
 * checkpoint, the new one or the one before. All ranks must see the same folder. Errors: NULL, argument (n), io, memory. */
CT_API ct_status ct_mpi_save(ct_mpi_optimizer *optimizer, const char *path, const int64_t *position, int n);
/* Collective: reads back such a checkpoint, written by any number of ranks, into a module and an optimiser as they were made
 * then (rule, groups, schedule). By as many ranks as wrote it, it goes on with the same bits, each rank's
 * generator too; by another number, generators stay as they are. Without a file of that name it changes nothing and sets *found
 * to false. Errors: io, format, shape, dtype, memory; then parameters and buffers are as they were on all ranks, but the
 * optimiser may have been read on some. found may be NULL. */
CT_API ct_status ct_mpi_load(ct_mpi_optimizer *optimizer, const char *path, int64_t *position, int n, bool *found);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_mpi_begin(...) ct_at_status(CT_HERE, ct_mpi_begin(__VA_ARGS__))
#define ct_mpi_set_timeout(seconds) ct_at_status(CT_HERE, ct_mpi_set_timeout(seconds))
#define ct_mpi_agree(comm) ct_at_status(CT_HERE, ct_mpi_agree(comm))
#define ct_mpi_mean(...) ct_at_status(CT_HERE, CT_WITH3(ct_mpi_mean, ct_mpi_mean_options, __VA_ARGS__, ))
#define ct_mpi_data_parallel(...) \
    ct_at_object(CT_HERE, CT_WITH2(ct_mpi_data_parallel, ct_mpi_parallel_options, __VA_ARGS__, ))
#define ct_mpi_synchronize(...) ct_at_status(CT_HERE, ct_mpi_synchronize(__VA_ARGS__))
#define ct_mpi_batches(...) ct_at_object(CT_HERE, CT_WITH2(ct_mpi_batches, ct_batches_options, __VA_ARGS__, ))
#define ct_mpi_sync_batch_norm(...) ct_at_status(CT_HERE, ct_mpi_sync_batch_norm(__VA_ARGS__))
#define ct_mpi_all_gather(...) ct_at(CT_HERE, ct_mpi_all_gather(__VA_ARGS__))
#define ct_mpi_sum_scatter(...) ct_at(CT_HERE, ct_mpi_sum_scatter(__VA_ARGS__))
#define ct_mpi_optimizer_new(...) \
    ct_at_object(CT_HERE, CT_WITH2(ct_mpi_optimizer_new, ct_optimizer_options, __VA_ARGS__, ))
#define ct_mpi_optimizer_group(...) \
    ct_at_status(CT_HERE, CT_WITH2(ct_mpi_optimizer_group, ct_optimizer_options, __VA_ARGS__, ))
#define ct_mpi_optimizer_step(optimizer) ct_at_status(CT_HERE, ct_mpi_optimizer_step(optimizer))
#define ct_mpi_save(...) ct_at_status(CT_HERE, ct_mpi_save(__VA_ARGS__))
#define ct_mpi_load(...) ct_at_status(CT_HERE, ct_mpi_load(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
