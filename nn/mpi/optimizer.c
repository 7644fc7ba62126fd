/* An optimiser whose states are shared out among the ranks: each steps a copy of its share, puts it back, and gets the others'.
 *
 * Invariant: between steps all ranks have the same parameters. Cuts may go through a parameter, so shares differ by an element at most. */
#include "shares.h"
#include <fnmatch.h>

ct__mpi_stretch ct__mpi_share(int64_t total, int64_t ranks, int64_t rank, int64_t start, int64_t n)
{
    int64_t whole = total / ranks, more = total % ranks; /* the first `more` ranks have one element more */
    int64_t low = rank * whole + (rank < more ? rank : more) - start, high = low + whole + (rank < more);
    low = low < 0 ? 0 : low > n ? n : low;
    high = high < low ? low : high > n ? n : high;
    return (ct__mpi_stretch){low, high};
}

int64_t ct__mpi_start(const ct_mpi_parallel *parallel, int64_t slot)
{
    int64_t start = 0;
    for (int64_t i = 0; i < slot; i++)
        start += parallel->slots[i].n;
    return start;
}

ct_mpi_optimizer *ct__mpi_optimizer_live(const ct_mpi_optimizer *optimizer, const char *what)
{
    bool lives = ct__mpi_check(what) == CT_OK && ct_object_check(optimizer, "mpi_optimizer", what) == CT_OK &&
                 ct_object_check(optimizer->parallel, "mpi_parallel", what) == CT_OK &&
                 ct_object_check(optimizer->parallel->module, "module", what) == CT_OK;
    return lives ? (ct_mpi_optimizer *)optimizer : NULL;
}

/* ---- making and freeing ---- */

/* The stretch's elements as a leaf of their own, under the parameter's name. */
static ct_tensor *copy_of(const ct__mpi_slot *s, ct__mpi_stretch stretch)
{
    int64_t n = stretch.to - stretch.from;
    if (!ct_is_contiguous(s->parameter)) {
        ct_error_set(CT_ERROR_STATE, "mpi_optimizer: parameter \"%s\" is not contiguous", s->name);
        return NULL;
    }
    ct_tensor *copy = ct_name(ct_zeros(ct_dtype_of(s->parameter), &n, 1), s->name);
    return ct_parameter(copy);
}

static ct_status make_pieces(ct_mpi_optimizer *o)
{
    const ct_mpi_parallel *p = o->parallel;
    o->pieces = ct__mpi_alloc("mpi_optimizer", p->count, sizeof *o->pieces);
    int64_t start = 0;
    for (int64_t i = 0; o->pieces && ct_error_code() == CT_OK && i < p->count; start += p->slots[i++].n) {
        ct__mpi_stretch mine = ct__mpi_share(o->total, p->size, p->rank, start, p->slots[i].n);
        if (mine.to == mine.from)
            continue;
        ct_tensor *copy = copy_of(&p->slots[i], mine);
        if (copy)
            o->pieces[o->n_pieces++] = (ct__mpi_piece){i, mine, copy};
    }
    return ct_error_code();
}

static ct_status make_local(ct_mpi_optimizer *o, const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    ct_tensor **copies = ct__mpi_alloc("mpi_optimizer", o->n_pieces, sizeof *copies);
    for (int64_t i = 0; copies && i < o->n_pieces; i++)
        copies[i] = o->pieces[i].copy;
    if (copies)
        o->local = ct_optimizer_of(copies, o->n_pieces, rule, options);
    free(copies);
    return ct_error_code();
}

/* For each parameter the ranks' counts, and then where they begin. */
static ct_status make_counts(ct_mpi_optimizer *o)
{
    const ct_mpi_parallel *p = o->parallel;
    o->requests = ct__mpi_alloc("mpi_optimizer", p->count, sizeof *o->requests);
    o->counts = ct__mpi_alloc("mpi_optimizer", 2 * p->count * p->size, sizeof *o->counts);
    int64_t start = 0;
    int *counts = o->counts;
    for (int64_t i = 0; counts && o->requests && i < p->count; start += p->slots[i++].n, counts += 2 * p->size) {
        if (p->slots[i].n > INT32_MAX)
            return ct_error_set(CT_ERROR_ARGUMENT, "mpi_optimizer: \"%s\" has more elements than MPI counts",
                                p->slots[i].name);
        for (int r = 0; r < p->size; r++) {
            ct__mpi_stretch theirs = ct__mpi_share(o->total, p->size, r, start, p->slots[i].n);
            counts[r] = (int)(theirs.to - theirs.from);
            counts[p->size + r] = (int)theirs.from;
        }
    }
    return ct_error_code();
}

ct_mpi_optimizer *ct_mpi_optimizer_new(ct_mpi_parallel *parallel, const ct_optimizer_rule *rule,
                                       const ct_optimizer_options *options)
{
    if (ct__mpi_check("mpi_optimizer") != CT_OK ||
        ct_object_check(parallel, "mpi_parallel", "mpi_optimizer") != CT_OK ||
        ct_object_check(parallel->module, "module", "mpi_optimizer") != CT_OK)
        return NULL;
    ct_mpi_optimizer *o = ct_object_new("mpi_optimizer", sizeof *o);
    if (!o)
        return NULL;
    *o = (ct_mpi_optimizer){.parallel = parallel, .total = ct__mpi_start(parallel, parallel->count)};
    if (make_pieces(o) == CT_OK && make_counts(o) == CT_OK)
        make_local(o, rule, options);
    if (ct_mpi_agree(parallel->comm) == CT_OK)
        return o;
    ct_mpi_optimizer_free(o);
    return NULL;
}

void ct_mpi_optimizer_free(ct_mpi_optimizer *o)
{
    if (!o || ct_object_check(o, "mpi_optimizer", "mpi_optimizer_free") != CT_OK)
        return;
    ct_optimizer_free(o->local);
    for (int64_t i = 0; o->pieces && i < o->n_pieces; i++)
        ct_release(o->pieces[i].copy);
    free(o->pieces);
    free(o->counts);
    free(o->requests);
    ct_object_free(o);
}

ct_optimizer *ct_mpi_optimizer_local(const ct_mpi_optimizer *optimizer)
{
    return ct_object_check(optimizer, "mpi_optimizer", "mpi_optimizer_local") == CT_OK ? optimizer->local : NULL;
}

ct_status ct_mpi_optimizer_group(ct_mpi_optimizer *optimizer, const char *pattern, const ct_optimizer_options *options)
{
    ct_mpi_optimizer *o = ct__mpi_optimizer_live(optimizer, "mpi_optimizer_group");
    if (!o || !pattern)
        return o ? ct_error_set(CT_ERROR_NULL, "mpi_optimizer_group: the pattern is NULL") : ct_error_code();
    for (int64_t i = 0; i < o->n_pieces; i++)
        if (fnmatch(pattern, o->parallel->slots[o->pieces[i].slot].name, 0) == 0)
            return ct_optimizer_group(o->local, pattern, options);
    for (int64_t i = 0; i < o->parallel->count; i++)
        if (fnmatch(pattern, o->parallel->slots[i].name, 0) == 0)
            return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "mpi_optimizer_group: no parameter is called \"%s\"", pattern);
}

void ct_mpi_optimizer_zero_grad(ct_mpi_optimizer *optimizer)
{
    ct_mpi_optimizer *o = ct__mpi_optimizer_live(optimizer, "mpi_optimizer_zero_grad");
    for (int64_t i = 0; o && i < o->parallel->count; i++)
        ct_zero_grad(o->parallel->slots[i].parameter);
}

/* ---- the step ---- */

/* Parameters go between a piece's copy and the module. */
static ct_status move(const ct_mpi_optimizer *o, const ct__mpi_piece *piece, bool back)
{
    ct_tensor *parameter = o->parallel->slots[piece->slot].parameter;
    size_t width = ct_dtype_size(ct_dtype_of(parameter));
    size_t bytes = (size_t)(piece->stretch.to - piece->stretch.from) * width, at = (size_t)piece->stretch.from * width;
    if (back) {
        char *whole = ct_data_mut(parameter);
        const void *part = ct_data(piece->copy);
        if (whole && part)
            memcpy(whole + at, part, bytes);
    } else {
        const char *whole = ct_data(parameter);
        void *part = ct_data_mut(piece->copy);
        if (whole && part)
            memcpy(part, whole + at, bytes);
    }
    return ct_error_code();
}

static ct_status take_gradient(const ct_mpi_optimizer *o, const ct__mpi_piece *piece)
{
    ct_tensor *grad = ct_grad_of(o->parallel->slots[piece->slot].parameter);
    if (!grad)
        return ct_set_grad(piece->copy, NULL);
    const char *data = ct_data(ct_contiguous(grad));
    int64_t n = piece->stretch.to - piece->stretch.from;
    if (!data)
        return ct_error_code();
    ct_dtype dtype = ct_dtype_of(grad);
    return ct_set_grad(piece->copy,
                       ct_from_array(dtype, data + (size_t)piece->stretch.from * ct_dtype_size(dtype), &n, 1));
}

static ct_status step_share(const ct_mpi_optimizer *o)
{
    ct_status status = ct_scope_open();
    for (int64_t i = 0; status == CT_OK && i < o->n_pieces; i++) {
        status = move(o, &o->pieces[i], false);
        if (status == CT_OK)
            status = take_gradient(o, &o->pieces[i]);
    }
    if (status == CT_OK)
        status = ct_optimizer_step(o->local);
    for (int64_t i = 0; status == CT_OK && i < o->n_pieces; i++)
        status = move(o, &o->pieces[i], true);
    ct_scope_close();
    return ct_error_code();
}

/* The rank that has all of it, or -1. */
static int owner(const int *counts, int size, int64_t n)
{
    for (int r = 0; r < size; r++)
        if (counts[r] == n)
            return r;
    return -1;
}

static int start_sharing(ct_mpi_optimizer *o, int64_t i)
{
    const ct_mpi_parallel *p = o->parallel;
    const ct__mpi_slot *s = &p->slots[i];
    const int *counts = o->counts + 2 * i * p->size;
    MPI_Datatype type = ct__mpi_type(ct_dtype_of(s->parameter));
    int root = owner(counts, p->size, s->n);
    void *data = ct_data_mut(s->parameter);
    if (root >= 0)
        return MPI_Ibcast(data, (int)s->n, type, root, p->comm, &o->requests[i]);
    return MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, counts, counts + p->size, type, p->comm,
                           &o->requests[i]);
}

ct_status ct__mpi_share_parameters(ct_mpi_optimizer *o)
{
    int code = MPI_SUCCESS;
    for (int64_t i = 0; i < o->parallel->count; i++)
        o->requests[i] = MPI_REQUEST_NULL;
    for (int64_t i = 0; code == MPI_SUCCESS && i < o->parallel->count; i++)
        if (o->parallel->slots[i].n > 0)
            code = start_sharing(o, i);
    ct_status status = ct__mpi_code(code, "mpi_optimizer_step");
    return status == CT_OK ? ct__mpi_wait(o->requests, (int)o->parallel->count, "mpi_optimizer_step") : status;
}

ct_status ct_mpi_optimizer_step(ct_mpi_optimizer *optimizer)
{
    ct_mpi_optimizer *o = ct__mpi_optimizer_live(optimizer, "mpi_optimizer_step");
    if (!o || step_share(o) != CT_OK)
        return ct_error_code();
    return o->parallel->size > 1 ? ct__mpi_share_parameters(o) : CT_OK;
}
