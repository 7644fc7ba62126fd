/* Data parallel training: the gradients of a module's parameters are put into buckets as they come, and the means of all ranks taken out.
 *
 * A bucket ends with a number for each of its parameters, 1 if this rank has a gradient of it, so that the mean tells whether any rank has.
 * Invariant: between the first gradient of a backward (running) and its end every bucket goes on its way once, on every rank. */
#include "mpi_internal.h"
#include <stdio.h>

CT_OPTIONS_INIT(ct_mpi_parallel_options)

static ct_mpi_parallel *live(const ct_mpi_parallel *p, const char *what)
{
    ct_status status = ct_object_check(p, "mpi_parallel", what);
    return status == CT_OK && ct_object_check(p->module, "module", what) == CT_OK ? (ct_mpi_parallel *)p : NULL;
}

/* ---- the same module on all ranks ---- */

/* The tensors' names, dtypes and shapes, a line each; the caller's until free(). */
static char *describe(const ct_module *module)
{
    char *text = NULL, of_tensor[CT_MPI_TEXT];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    for (int64_t i = 0; stream && i < ct_module_count(module); i++)
        fprintf(stream, "%s %s%s\n", ct_module_name(module, i),
                ct__mpi_tensor_text(ct_module_tensor(module, i), of_tensor),
                ct_requires_grad(ct_module_tensor(module, i)) ? " trained" : "");
    if (stream && fclose(stream) == 0)
        return text;
    ct_error_set(CT_ERROR_MEMORY, "data_parallel: no memory");
    return NULL;
}

/* The first line that differs. */
static ct_status compare(const char *mine, const char *theirs, int rank)
{
    while (*mine && *mine == *theirs) {
        size_t line = strcspn(mine, "\n") + 1;
        if (strncmp(mine, theirs, line) != 0)
            break;
        mine += line;
        theirs += line;
    }
    if (strcmp(mine, theirs) == 0)
        return CT_OK;
    return ct_error_set(CT_ERROR_STATE, "data_parallel: rank %d has \"%.*s\" where rank 0 has \"%.*s\"", rank,
                        (int)strcspn(mine, "\n"), mine, (int)strcspn(theirs, "\n"), theirs);
}

static ct_status check_same(const ct_mpi_parallel *p)
{
    char *mine = describe(p->module), *theirs = NULL;
    int64_t size = mine ? (int64_t)strlen(mine) + 1 : 0;
    if (ct_mpi_agree(p->comm) == CT_OK && ct__mpi_broadcast(p->comm, &size, sizeof size, 0, "data_parallel") == CT_OK &&
        (theirs = ct__mpi_alloc("data_parallel", size, 1)) != NULL) {
        if (p->rank == 0)
            memcpy(theirs, mine, (size_t)size);
        if (ct__mpi_broadcast(p->comm, theirs, (size_t)size, 0, "data_parallel") == CT_OK)
            compare(mine, theirs, p->rank);
    }
    free(mine);
    free(theirs);
    return ct_mpi_agree(p->comm);
}

/* Rank 0's elements to all, whatever dtype and strides the tensor has. */
static ct_status send_tensor(const ct_mpi_parallel *p, ct_tensor *t)
{
    int64_t n = ct_numel(t), shape[CT_MAX_RANK];
    size_t bytes = (size_t)n * ct_dtype_size(ct_dtype_of(t));
    void *data = ct__mpi_alloc("data_parallel", (int64_t)bytes, 1);
    if (!data)
        return ct_error_code();
    ct_status status = ct_to_array(t, data, n);
    if (status == CT_OK)
        status = ct__mpi_broadcast(p->comm, data, bytes, 0, "data_parallel");
    memcpy(shape, ct_shape(t), (size_t)ct_rank(t) * sizeof *shape);
    if (status == CT_OK && p->rank != 0)
        status = ct_copy_(t, ct_from_array(ct_dtype_of(t), data, shape, ct_rank(t)));
    ct__mpi_done_with(data, status);
    return status;
}

static ct_status send_module(const ct_mpi_parallel *p)
{
    ct_status status = ct_scope_open();
    for (int64_t i = 0; status == CT_OK && i < ct_module_count(p->module); i++)
        if (ct_module_tied(p->module, i) < 0)
            status = send_tensor(p, ct_module_tensor(p->module, i));
    ct_scope_close();
    return ct_error_code();
}

/* ---- a backward ---- */

static char *place_in_bucket(const ct__mpi_slot *s, int64_t at)
{
    size_t width = ct_dtype_size(ct_dtype_of(s->parameter));
    return (char *)ct__mpi_exchange_data(s->parallel->exchange, s->bucket) + (size_t)at * width;
}

static void set_flag(const ct__mpi_slot *s, bool there)
{
    if (ct_dtype_of(s->parameter) == CT_FLOAT64)
        *(double *)(void *)place_in_bucket(s, s->flag) = there;
    else
        *(float *)(void *)place_in_bucket(s, s->flag) = there;
}

static bool flag_of(const ct__mpi_slot *s)
{
    return ct_dtype_of(s->parameter) == CT_FLOAT64 ? *(const double *)(void *)place_in_bucket(s, s->flag) != 0
                                                   : *(const float *)(void *)place_in_bucket(s, s->flag) != 0;
}

static void begin_backward(ct_mpi_parallel *p)
{
    p->running = true;
    p->accumulated = p->alone;
    p->alone = false;
    memset(p->missing, 0, (size_t)p->n_buckets * sizeof *p->missing);
    for (int64_t i = 0; i < p->count; i++) {
        p->slots[i].ready = false;
        p->missing[p->slots[i].bucket]++;
    }
}

/* Puts a gradient into its place, what has accumulated on this rank alone added to it. NULL: zeros. */
static ct_status fill(ct__mpi_slot *s, const ct_tensor *grad)
{
    char *place = place_in_bucket(s, s->offset);
    ct_tensor *before = s->parallel->accumulated ? ct_grad_of(s->parameter) : NULL, *all = (ct_tensor *)grad;
    if (before && all)
        all = ct_add(before, all);
    else if (before)
        all = before;
    else if (!all)
        memset(place, 0, (size_t)s->n * ct_dtype_size(ct_dtype_of(s->parameter)));
    if (ct_error_code() != CT_OK || (all && ct_to_array(all, place, s->n) != CT_OK))
        return ct_error_code();
    set_flag(s, all != NULL);
    s->ready = true;
    s->parallel->missing[s->bucket]--;
    return CT_OK;
}

static ct_status on_ready(const ct_tensor *grad, void *user)
{
    ct__mpi_slot *s = user;
    ct_mpi_parallel *p = s->parallel;
    p->alone = p->alone || p->off;
    if (p->off || ct_error_code() != CT_OK)
        return ct_error_code();
    if (ct_node_of(grad))
        return ct_error_set(CT_ERROR_STATE, "data_parallel: gradients that are to be differentiated again "
                                            "(create_graph) stay on their rank; turn ct_mpi_synchronize() off");
    if (!p->running)
        begin_backward(p);
    if (s->ready)
        return ct_error_set(CT_ERROR_STATE, "data_parallel: rank %d: the backward before this one has failed", p->rank);
    ct_status status = fill(s, grad);
    if (status == CT_OK && p->missing[s->bucket] == 0 && p->progress != CT_MPI_AFTER)
        status = ct__mpi_exchange_start(p->exchange, s->bucket);
    return status == CT_OK ? ct__mpi_exchange_look(p->exchange) : status;
}

static ct_tensor *mean_of(const ct__mpi_slot *s)
{
    return ct_from_array(ct_dtype_of(s->parameter), place_in_bucket(s, s->offset), ct_shape(s->parameter),
                         ct_rank(s->parameter));
}

/* Of parameters that other ranks alone have a gradient of, no hook is called here. */
static ct_status take_others(ct_mpi_parallel *p, const bool *came)
{
    ct_status status = CT_OK;
    for (int64_t i = 0; i < p->count && status == CT_OK; i++) {
        ct__mpi_slot *s = &p->slots[i];
        if (came[i] || !flag_of(s))
            continue;
        ct_tensor *before = p->accumulated ? NULL : ct_grad_of(s->parameter), *mean = mean_of(s);
        status = mean ? ct_set_grad(s->parameter, before ? ct_add(before, mean) : mean) : ct_error_code();
    }
    return status;
}

/* Sends what has not been sent, with zeros for what no gradient came to, and waits for all. */
static ct_status finish(ct_mpi_parallel *p)
{
    ct_status status = CT_OK;
    bool *came = ct__mpi_alloc("data_parallel", p->count, sizeof *came),
         *sent = ct__mpi_alloc("data_parallel", p->n_buckets, sizeof *sent);
    for (int b = 0; sent && b < p->n_buckets; b++)
        sent[b] = p->missing[b] == 0 && p->progress != CT_MPI_AFTER;
    for (int64_t i = 0; came && sent && status == CT_OK && i < p->count; i++) {
        came[i] = p->slots[i].ready;
        if (!came[i])
            status = fill(&p->slots[i], NULL);
    }
    for (int b = 0; came && sent && status == CT_OK && b < p->n_buckets; b++)
        if (!sent[b])
            status = ct__mpi_exchange_start(p->exchange, b);
    if (came && sent && status == CT_OK)
        status = ct__mpi_exchange_finish(p->exchange);
    p->running = false;
    if (came && sent && status == CT_OK)
        status = take_others(p, came);
    free(came);
    free(sent);
    return ct_error_code() != CT_OK ? ct_error_code() : status;
}

/* After the whole graph: the first of these waits for all means. What has accumulated is in the mean. */
static ct_tensor *on_end(ct_tensor *grad, void *user)
{
    ct__mpi_slot *s = user;
    ct_mpi_parallel *p = s->parallel;
    (void)grad;
    if (p->off || ct_error_code() != CT_OK || (p->running && finish(p) != CT_OK))
        return NULL;
    if (p->accumulated)
        ct_zero_grad(s->parameter);
    return mean_of(s);
}

/* ---- making and freeing ---- */

static ct_status make_slots(ct_mpi_parallel *p)
{
    p->slots = ct__mpi_alloc("data_parallel", ct_module_count(p->module), sizeof *p->slots);
    for (int64_t i = 0; p->slots && i < ct_module_count(p->module); i++) {
        ct_tensor *t = ct_module_tensor(p->module, i);
        if (ct_module_is_parameter(p->module, i) && ct_requires_grad(t))
            p->slots[p->count++] =
                (ct__mpi_slot){.parallel = p, .parameter = t, .name = ct_module_name(p->module, i), .n = ct_numel(t)};
    }
    return ct_error_code();
}

/* Deals the parameters, the last first, to buckets; dtypes and sizes [count] get what each holds, and a flag for each of its parameters. */
static void deal(ct_mpi_parallel *p, int64_t bucket_bytes, ct_dtype *dtypes, int64_t *sizes)
{
    int b = -1;
    for (int64_t i = p->count - 1; i >= 0; i--) {
        ct__mpi_slot *s = &p->slots[i];
        ct_dtype dtype = ct_dtype_of(s->parameter);
        if (b < 0 || dtypes[b] != dtype || (sizes[b] + s->n) * (int64_t)ct_dtype_size(dtype) > bucket_bytes)
            dtypes[++b] = dtype;
        s->bucket = b;
        s->offset = sizes[b];
        sizes[b] += s->n;
    }
    p->n_buckets = b + 1;
    for (int64_t i = 0; i < p->count; i++)
        p->slots[i].flag = sizes[p->slots[i].bucket]++;
}

static ct_status make_buckets(ct_mpi_parallel *p, int64_t bucket_bytes)
{
    ct_dtype *dtypes = ct__mpi_alloc("data_parallel", p->count, sizeof *dtypes);
    int64_t *sizes = ct__mpi_alloc("data_parallel", p->count, sizeof *sizes);
    p->missing = ct__mpi_alloc("data_parallel", p->count, sizeof *p->missing);
    if (dtypes && sizes && p->missing) {
        deal(p, bucket_bytes, dtypes, sizes);
        p->exchange = ct__mpi_exchange_new(p->comm, dtypes, sizes, p->n_buckets, p->progress);
    }
    free(dtypes);
    free(sizes);
    return ct_error_code();
}

static ct_status add_hooks(ct_mpi_parallel *p)
{
    for (int64_t i = 0; i < p->count && ct_error_code() == CT_OK; i++) {
        ct__mpi_slot *s = &p->slots[i];
        s->on_ready = ct_add_ready_hook(s->parameter, on_ready, s);
        s->on_end = s->on_ready ? ct_add_hook(s->parameter, on_end, s) : 0;
    }
    return ct_error_code();
}

/* One rank has nobody to send to: its gradients stay as they are. */
static ct_status begin(ct_mpi_parallel *p, const ct_mpi_parallel_options *o)
{
    MPI_Comm_rank(p->comm, &p->rank);
    MPI_Comm_size(p->comm, &p->size);
    if (check_same(p) != CT_OK || make_slots(p) != CT_OK)
        return ct_error_code();
    if (p->size > 1 && (send_module(p) != CT_OK || make_buckets(p, o->bucket_bytes) != CT_OK || add_hooks(p) != CT_OK))
        return ct_error_code();
    return ct_mpi_agree(p->comm);
}

static ct_mpi_parallel *new_parallel(ct_module *module, MPI_Comm comm, const ct_mpi_parallel_options *o)
{
    ct_mpi_parallel *p = ct_object_new("mpi_parallel", sizeof *p);
    if (!p)
        return NULL;
    *p = (ct_mpi_parallel){.module = module, .progress = o->progress};
    if (ct__mpi_code(MPI_Comm_dup(comm, &p->comm), "data_parallel") != CT_OK) {
        ct_object_free(p);
        return NULL;
    }
    if (begin(p, o) == CT_OK)
        return p;
    ct_mpi_parallel_free(p);
    return NULL;
}

ct_mpi_parallel *ct_mpi_data_parallel(ct_module *module, MPI_Comm comm, const ct_mpi_parallel_options *options)
{
    CT_READ_OPTIONS(ct_mpi_parallel_options, o, options, "data_parallel");
    if (!o || ct__mpi_check("data_parallel") != CT_OK || ct_object_check(module, "module", "data_parallel") != CT_OK)
        return NULL;
    if (o->bucket_bytes < 1 || o->progress < CT_MPI_BY_THREAD || o->progress > CT_MPI_AFTER) {
        ct_error_set(CT_ERROR_ARGUMENT, "data_parallel: buckets of %lld bytes, progress %d", (long long)o->bucket_bytes,
                     (int)o->progress);
        return NULL;
    }
    return new_parallel(module, comm, o);
}

/* The communicator stays where MPI is left alone, or has ended. */
void ct_mpi_parallel_free(ct_mpi_parallel *p)
{
    int ended = 0;
    if (!p || ct_object_check(p, "mpi_parallel", "mpi_parallel_free") != CT_OK)
        return;
    bool there = ct_object_check(p->module, "module", "mpi_parallel_free") == CT_OK;
    for (int64_t i = 0; there && p->slots && i < p->count; i++) {
        if (p->slots[i].on_ready)
            ct_remove_hook(p->slots[i].parameter, p->slots[i].on_ready);
        if (p->slots[i].on_end)
            ct_remove_hook(p->slots[i].parameter, p->slots[i].on_end);
    }
    ct__mpi_exchange_free(p->exchange);
    MPI_Finalized(&ended);
    if (!ended && !ct__mpi_failing && ct_error_code() == CT_OK)
        MPI_Comm_free(&p->comm);
    free(p->slots);
    free(p->missing);
    ct_object_free(p);
}

ct_status ct_mpi_synchronize(ct_mpi_parallel *parallel, bool on)
{
    if (!live(parallel, "mpi_synchronize"))
        return ct_error_code();
    parallel->off = !on;
    return CT_OK;
}

ct_mpi_times ct_mpi_parallel_times(const ct_mpi_parallel *parallel)
{
    const ct_mpi_parallel *p = parallel ? live(parallel, "mpi_parallel_times") : NULL;
    return p && p->exchange ? ct__mpi_exchange_times(p->exchange) : (ct_mpi_times){0};
}

ct_batches *ct_mpi_batches(const ct_dataset *dataset, MPI_Comm comm, const ct_batches_options *options)
{
    CT_READ_OPTIONS(ct_batches_options, o, options, "batches");
    if (!o || ct__mpi_check("batches") != CT_OK)
        return NULL;
    ct_batches_options of_rank = *o;
    of_rank.part = ct_mpi_rank(comm);
    of_rank.parts = ct_mpi_size(comm);
    return ct_batches_new(dataset, &of_rank);
}
