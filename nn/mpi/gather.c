/* Rows of all ranks as one tensor, the sums that are its gradient, and batch norms on these.
 *
 * Both operations are linear, and each is the other's gradient, so they can be differentiated to any order. Sums are in the order of the ranks. */
#include "mpi_internal.h"

/* The attributes of both. */
typedef struct place {
    MPI_Comm comm;
} place;

static MPI_Comm comm_of(const ct_call *call)
{
    return ((const place *)ct_call_attributes(call))->comm;
}

/* ---- all_gather ---- */

static ct_status gather_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    if (ct_rank(x) == CT_MAX_RANK)
        return ct_call_error(call, CT_ERROR_SHAPE, "there is no axis left for the ranks: %s", ct_call_shapes(call));
    shape[0] = ct_mpi_size(comm_of(call));
    for (int i = 0; i < ct_rank(x); i++)
        shape[i + 1] = ct_size(x, i);
    return shape[0] > 0 ? ct_call_output_shape(call, 0, ct_dtype_of(x), shape, ct_rank(x) + 1) : ct_error_code();
}

/* All ranks must have x of as many bytes. */
static ct_status check_sizes(const ct_call *call, int64_t bytes)
{
    MPI_Comm comm = comm_of(call);
    int size = ct_mpi_size(comm);
    int64_t *all = ct__mpi_alloc("mpi_all_gather", size, sizeof *all);
    ct_status status = all ? ct__mpi_gather_all(comm, &bytes, all, sizeof bytes, "mpi_all_gather") : ct_error_code();
    for (int r = 0; r < size && status == CT_OK && ct_error_code() == CT_OK; r++)
        if (all[r] != bytes)
            ct_error_set(CT_ERROR_SHAPE, "mpi_all_gather: rank %d has %s, %lld bytes, and rank %d has %lld",
                         ct_mpi_rank(comm), ct_call_shapes(call), (long long)bytes, r, (long long)all[r]);
    ct__mpi_done_with(all, status);
    return ct_error_code();
}

static ct_status gather_forward(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    const void *mine = ct_call_input_data(call, 0);
    size_t bytes = (size_t)ct_numel(x) * ct_dtype_size(ct_dtype_of(x));
    if (!mine || check_sizes(call, (int64_t)bytes) != CT_OK)
        return ct_error_code();
    return ct__mpi_gather_all(comm_of(call), mine, ct_call_output_data(call, 0), bytes, "mpi_all_gather");
}

static ct_status gather_backward(ct_call *call)
{
    ct_tensor *grad = ct_call_grad_output(call, 0);
    return grad ? ct_call_set_grad(call, 0, ct_mpi_sum_scatter(grad, comm_of(call))) : CT_OK;
}

const ct_op ct_mpi_op_all_gather = {
    .name = "mpi_all_gather",
    .gradient = "the sum over the ranks of their gradients' rows of this rank",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(place),
    .infer = gather_infer,
    .forward = gather_forward,
    .backward = gather_backward,
};

ct_tensor *ct_mpi_all_gather(ct_tensor *x, MPI_Comm comm)
{
    return ct__mpi_check("mpi_all_gather") == CT_OK ? ct_apply(&ct_mpi_op_all_gather, &x, 1, &(place){comm}) : NULL;
}

/* ---- sum_scatter ---- */

static ct_status sum_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int size = ct_mpi_size(comm_of(call));
    if (size > 0 && (ct_rank(x) < 1 || ct_size(x, 0) != size))
        return ct_call_error(call, CT_ERROR_SHAPE, "rank %d has %s, not a row for each of %d ranks",
                             ct_mpi_rank(comm_of(call)), ct_call_shapes(call), size);
    return size > 0 ? ct_call_output_shape(call, 0, ct_dtype_of(x), ct_shape(x) + 1, ct_rank(x) - 1) : ct_error_code();
}

static void add_rows(ct_dtype dtype, const void *rows, int64_t n, int size, void *sum)
{
    const float *f = rows;
    const double *d = rows;
    for (int64_t i = 0; i < n; i++)
        for (int r = 0; r < size; r++)
            if (dtype == CT_FLOAT64)
                ((double *)sum)[i] = r == 0 ? d[i] : ((double *)sum)[i] + d[r * n + i];
            else
                ((float *)sum)[i] = r == 0 ? f[i] : ((float *)sum)[i] + f[r * n + i];
}

static ct_status exchange_rows(MPI_Comm comm, const void *mine, void *theirs, int64_t n, ct_dtype dtype)
{
    MPI_Request request;
    MPI_Datatype type = ct__mpi_type(dtype);
    if (n > INT32_MAX)
        return ct_error_set(CT_ERROR_ARGUMENT, "mpi_sum_scatter: %lld numbers of a rank are more than MPI counts",
                            (long long)n);
    ct_status status =
        ct__mpi_code(MPI_Ialltoall(mine, (int)n, type, theirs, (int)n, type, comm, &request), "mpi_sum_scatter");
    return status == CT_OK ? ct__mpi_wait(&request, 1, "mpi_sum_scatter") : status;
}

static ct_status sum_forward(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int size = ct_mpi_size(comm_of(call));
    int64_t n = ct_numel(x) / size;
    const void *mine = ct_call_input_data(call, 0);
    void *theirs = mine ? ct__mpi_alloc("mpi_sum_scatter", ct_numel(x), ct_dtype_size(ct_dtype_of(x))) : NULL;
    if (!theirs)
        return ct_error_code();
    ct_status status = exchange_rows(comm_of(call), mine, theirs, n, ct_dtype_of(x));
    if (status == CT_OK)
        add_rows(ct_dtype_of(x), theirs, n, size, ct_call_output_data(call, 0));
    ct__mpi_done_with(theirs, status);
    return status;
}

static ct_status sum_backward(ct_call *call)
{
    ct_tensor *grad = ct_call_grad_output(call, 0);
    return grad ? ct_call_set_grad(call, 0, ct_mpi_all_gather(grad, comm_of(call))) : CT_OK;
}

const ct_op ct_mpi_op_sum_scatter = {
    .name = "mpi_sum_scatter",
    .gradient = "the rows of all ranks",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(place),
    .infer = sum_infer,
    .forward = sum_forward,
    .backward = sum_backward,
};

ct_tensor *ct_mpi_sum_scatter(ct_tensor *x, MPI_Comm comm)
{
    return ct__mpi_check("mpi_sum_scatter") == CT_OK ? ct_apply(&ct_mpi_op_sum_scatter, &x, 1, &(place){comm}) : NULL;
}

/* ---- batch norms ---- */

static ct_tensor *gather_row(ct_tensor *row, void *comm)
{
    return ct_mpi_all_gather(row, *(MPI_Comm *)comm);
}

/* The module keeps where to. */
ct_status ct_mpi_sync_batch_norm(ct_module *module, MPI_Comm comm)
{
    MPI_Comm *kept = ct__mpi_check("mpi_sync_batch_norm") == CT_OK ? ct_module_alloc(module, sizeof *kept) : NULL;
    if (!kept)
        return ct_error_code();
    *kept = comm;
    return ct_batch_norm_gather(module, gather_row, kept);
}
