/* Tensors: shapes and strides over storages.
 *
 * Invariant: every element that shape and strides can reach lies inside the storage. */
#include "memory_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void (*ct__node_release)(struct ct_node *node);
void (*ct__tensor_forget)(ct_tensor *t);
void (*ct__write_noted)(ct_tensor *t);
void (*ct__locate_nodes)(struct ct_node *node, const char *file, int line);
void (*ct__thread_forget)(void);

/* ---- storage ---- */

/* Where the data begins in a storage's block. Behind it lies, where that is small, the tensor that was made with it: one block
 * less to get and to give back. It stays until the storage goes, which views may hold longer. */
static size_t data_offset(size_t bytes)
{
    return sizeof(ct_storage) + bytes <= 64 ? sizeof(ct_storage) : 64;
}

/* What other threads have given back meanwhile is no part of the peak. */
static CT_COLD void raise_peak(ct__thread_state *me)
{
    ct__account_settle();
    if (me->live_bytes > me->peak_bytes)
        me->peak_bytes = me->live_bytes;
}

/* With room for so much more at the end of its block, aligned as that. */
static CT_HOT ct_storage *storage_new(ct__thread_state *me, size_t bytes, size_t more)
{
    size_t block = ((data_offset(bytes) + bytes + 7) & ~(size_t)7) + more; /* bytes are at most INT64_MAX */
    ct_storage *storage = ct__alloc_on(me, block);
    if (CT_UNLIKELY(!storage))
        return NULL;
    storage->refs = 1;
    storage->bytes = bytes;
    storage->block = block;
    storage->version = 0;
    storage->writer = NULL;
    storage->writer_file = NULL;
    storage->writer_line = 0;
    storage->account = me->account;
    storage->data = (char *)storage + data_offset(bytes);
    me->live_bytes += (int64_t)bytes;
    if (CT_UNLIKELY(me->live_bytes > me->peak_bytes))
        raise_peak(me);
    return storage;
}

/* A storage whose data lies elsewhere has in its block, behind the header, whom to tell when it goes. */
typedef struct loan {
    void (*release)(void *owner);
    void *owner;
} loan;

static loan *loan_of(ct_storage *storage)
{
    return (loan *)(void *)((char *)storage + data_offset(sizeof(loan)));
}

static bool is_lent(const ct_storage *storage)
{
    return (size_t)(storage->data - (const char *)storage) > storage->block;
}

static CT_HOT void storage_unref(ct__thread_state *me, ct_storage *storage)
{
    if (--storage->refs > 0)
        return;
    if (me->last_written == storage)
        me->last_written = NULL;
    if (CT_LIKELY(storage->account == me->account))
        me->live_bytes -= (int64_t)storage->bytes;
    else
        ct__account_give_back(storage->account, (int64_t)storage->bytes, 0);
    if (CT_UNLIKELY(is_lent(storage))) {
        const loan l = *loan_of(storage);
        ct__free_on(me, storage, storage->block);
        l.release(l.owner);
        return;
    }
    ct__free_on(me, storage, storage->block);
}

void ct_memory_reset_peak(void)
{
    ct__account_settle();
    ct__here()->peak_bytes = ct__here()->live_bytes;
}

/* ---- the tensor struct ---- */

static size_t tensor_bytes(int rank)
{
    return sizeof(ct_tensor) + 2 * (size_t)(rank > 0 ? rank : 1) * sizeof(int64_t);
}

enum {
    SMALL = CT_LIFETIME_CHECKS ? -1 : 512
}; /* bytes of elements up to which the tensor lies in the storage's block */

enum { UNWRITTEN = 0xff }; /* what elements begin as with lifetime checks: a NaN that no arithmetic makes */

static bool lies_in_storage(const ct_tensor *t)
{
    return (size_t)((const char *)t - (const char *)t->storage) < t->storage->block;
}

/* Makes t, memory for one of the given rank, a tensor over storage, whose reference it takes over, in the innermost scope; shape and
 * strides are unset but for those of a 0-d tensor. */
static CT_HOT void start(ct__thread_state *me, ct_tensor *t, ct_storage *storage, ct_dtype dtype, int rank,
                         const char *made_by)
{
    /* Copied, not cleared: at this size compilers clear with an instruction that takes longer to start than all the rest. */
    static const ct_tensor blank = {.alive = CT_ALIVE, .refs = 1};
    memcpy(t, &blank, offsetof(ct_tensor, shape));
    t->shape = t->dims;
    t->strides = t->dims + (rank > 0 ? rank : 1);
    if (rank == 0)
        t->shape[0] = t->strides[0] = 1;
    t->storage = storage;
    t->dtype = (uint8_t)dtype;
    t->rank = (uint8_t)rank;
    t->made_by = made_by;
    t->account = me->account;
    me->live_tensors++;
    ct__scope_join(t, ct__scope_of(me));
}

/* The last bytes of a storage's block. */
static inline ct_tensor *behind(ct_storage *storage, size_t bytes)
{
    return (ct_tensor *)(void *)((char *)storage + storage->block - bytes);
}

/* There is no memory for a tensor over it. */
static CT_COLD void drop_storage(ct_storage *storage, const char *made_by)
{
    storage_unref(ct__here(), storage);
    ct__no_memory(made_by);
}

static CT_COLD void explain_no_storage(ct_dtype dtype, const int64_t *shape, int rank, const char *made_by)
{
    char text[CT_SHAPE_TEXT], memory[CT_MEMORY_TEXT];
    ct__error(CT_ERROR_MEMORY, "%s: no memory for %s %s%s", made_by, ct_dtype_name(dtype),
              ct__shape_text(shape, rank, text), ct__memory_text(memory));
}

ct_tensor *ct__tensor_new(ct_dtype dtype, const int64_t *shape, int rank, const char *made_by)
{
    int64_t strides[CT_MAX_RANK];
    int64_t numel = rank == 0 ? 1 : ct__row_major(shape, rank, strides), bytes = numel * ct__size_of(dtype);
    ct__thread_state *me = ct__here();
    size_t room = bytes <= SMALL ? tensor_bytes(rank) : 0;
    ct_storage *storage = storage_new(me, (size_t)bytes, room);
    if (CT_UNLIKELY(!storage)) {
        explain_no_storage(dtype, shape, rank, made_by);
        return NULL;
    }
    ct_tensor *t = room > 0 ? behind(storage, room) : ct__alloc_on(me, tensor_bytes(rank));
    if (CT_UNLIKELY(!t)) {
        drop_storage(storage, made_by);
        return NULL;
    }
    start(me, t, storage, dtype, rank, made_by);
    t->numel = numel;
    t->contiguous = true;
    for (int i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
        t->strides[i] = strides[i];
    }
    if (CT_LIFETIME_CHECKS && bytes > 0)
        memset(storage->data, UNWRITTEN, (size_t)bytes);
    return t;
}

static bool strides_contiguous(const ct_tensor *t)
{
    int64_t step = 1;
    if (t->numel == 0)
        return true;
    for (int i = t->rank - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->strides[i] != step)
            return false;
        step *= t->shape[i];
    }
    return true;
}

ct_tensor *ct__tensor_view(const ct_tensor *t, int64_t offset, const int64_t *shape, const int64_t *strides, int rank,
                           const char *made_by)
{
    ct__thread_state *me = ct__here();
    ct_tensor *view = ct__alloc_on(me, tensor_bytes(rank));
    if (!view) {
        ct__no_memory(made_by);
        return NULL;
    }
    t->storage->refs++;
    start(me, view, t->storage, (ct_dtype)t->dtype, rank, made_by);
    view->offset = offset;
    view->numel = 1;
    for (int i = 0; i < rank; i++) {
        view->shape[i] = shape[i];
        view->strides[i] = strides[i];
        view->numel *= shape[i];
    }
    view->contiguous = strides_contiguous(view);
    return view;
}

ct_tensor *ct__tensor_alias(const ct_tensor *t, const char *made_by)
{
    return ct__tensor_view(t, t->offset, t->shape, t->strides, t->rank, made_by);
}

/* How far from the first element the others lie, along the strides that go up, or down. */
static int64_t reach(const int64_t *shape, const int64_t *strides, int rank, bool up)
{
    int64_t sum = 0;
    for (int i = 0; i < rank; i++)
        if (shape[i] > 0 && (strides[i] > 0) == up)
            sum += (shape[i] - 1) * strides[i];
    return sum;
}

ct_tensor *ct__tensor_over(ct_dtype dtype, void *data, const int64_t *shape, const int64_t *strides, int rank,
                           void (*release)(void *), void *owner, const char *made_by)
{
    ct__thread_state *me = ct__here();
    ct_storage *storage = storage_new(me, sizeof(loan), 0);
    if (!storage) {
        ct__no_memory(made_by);
        return NULL;
    }
    const ct_tensor over = {.storage = storage, .dtype = (uint8_t)dtype};
    int64_t size = (int64_t)ct__size_of(dtype), down = reach(shape, strides, rank, false);
    ct_tensor *t = ct__tensor_view(&over, -down, shape, strides, rank, made_by);
    if (t) {
        *loan_of(storage) = (loan){.release = release, .owner = owner};
        storage->data = (char *)data + down * size;
        storage->bytes = t->numel > 0 ? (size_t)((reach(shape, strides, rank, true) - down + 1) * size) : 0;
        me->live_bytes += (int64_t)storage->bytes - (int64_t)sizeof(loan);
    }
    storage_unref(me, storage); /* t has one of its own */
    return t;
}

void ct__tensor_free(ct_tensor *t)
{
    ct__thread_state *me = ct__here();
    if (CT_LIKELY(t->account == me->account))
        me->live_tensors--;
    else
        ct__account_give_back(t->account, 0, 1);
    if (t->hooks || t->retains_grad)
        ct__tensor_forget(t);
    ct_tensor *grad = t->grad;
    struct ct_node *node = t->node;
    ct_storage *storage = t->storage;
    bool apart = !lies_in_storage(t);
    t->grad = NULL;
    t->node = NULL;
    t->alive = CT_CLOSED;
    t->storage = NULL;
    storage_unref(me, storage);
    if (apart)
        ct__free_marked(t, tensor_bytes(t->rank));
    ct__tensor_unref(grad);
    if (node)
        ct__node_release(node);
}

ct_status ct__check_tensor(const ct_tensor *t, const char *what)
{
    if (!t) {
        ct__error(CT_ERROR_NULL, "%s: the tensor is NULL", what);
        return ct_error_code();
    }
    if (CT_LIKELY(t->alive == CT_ALIVE))
        return CT_OK;
    if (t->alive != CT_CLOSED)
        return ct__error(CT_ERROR_STATE, "%s: not a tensor, or one whose memory has been used again", what);
    if (t->file)
        return ct__error(CT_ERROR_STATE, "%s: the tensor made by '%s' at %s:%d is used after it was given up", what,
                         t->made_by, t->file, t->line);
    return ct__error(CT_ERROR_STATE, "%s: the tensor made by '%s' is used after it was given up", what, t->made_by);
}

void ct__tensor_written(ct_tensor *t, const char *writer)
{
    t->storage->version++;
    t->storage->writer = writer;
    t->storage->writer_file = NULL;
    ct__here()->last_written = t->storage;
}

void ct_note_write(ct_tensor *t, const char *writer, const char *file, int line)
{
    if (ct__check_tensor(t, "note_write") != CT_OK)
        return;
    t->storage->writer = writer;
    t->storage->writer_file = file;
    t->storage->writer_line = line;
    if (ct__write_noted) /* core may be alone */
        ct__write_noted(t);
}

/* Called right after the change, by the macro around it, so the storage is still there. */
static void locate_write(const char *file, int line)
{
    ct_storage *written = ct__here()->last_written;
    if (written && !written->writer_file) {
        written->writer_file = file;
        written->writer_line = line;
    }
    ct__here()->last_written = NULL;
}

ct_status ct_at_write(const char *file, int line, ct_status status)
{
    if (status == CT_OK)
        locate_write(file, line);
    return ct_at_status(file, line, status);
}

void *ct_at_data(const char *file, int line, void *data)
{
    if (data)
        locate_write(file, line);
    else
        ct_at_status(file, line, CT_ERROR_NULL);
    return data;
}

double ct_at_value(const char *file, int line, double value)
{
    if (isnan(value))
        ct_at_status(file, line, CT_ERROR_NULL);
    return value;
}

const void *ct_at_elements(const char *file, int line, const void *data)
{
    if (!data)
        ct_at_status(file, line, CT_ERROR_NULL);
    return data;
}

ct_status ct__check_writable(const ct_tensor *t, const char *what)
{
    ct_status status = ct__check_tensor(t, what);
    if (status != CT_OK)
        return status;
    if (t->node)
        return ct__error(CT_ERROR_STATE,
                         "%s: the result of '%s' is recorded in a graph and cannot be changed in place; ct_detach() it",
                         what, t->made_by);
    return ct__check_calls(t, what, CT_MISUSE_WRITE);
}

ct_status ct__check_places(const ct_tensor *t, const char *what)
{
    char shape[CT_SHAPE_TEXT], strides[CT_SHAPE_TEXT];
    for (int i = 0; i < t->rank; i++)
        if (t->strides[i] == 0 && t->shape[i] > 1 && t->numel > 0)
            return ct__error(CT_ERROR_STATE,
                             "%s: several elements of %s with strides %s lie in one place; ct_clone() it", what,
                             ct__shape_text(t->shape, t->rank, shape), ct__shape_text(t->strides, t->rank, strides));
    return CT_OK;
}

ct_tensor *ct_at(const char *file, int line, ct_tensor *t)
{
    if (CT_UNLIKELY(!t)) {
        ct_at_status(file, line, CT_ERROR_NULL);
        return NULL;
    }
    if (!t->file) {
        t->file = file;
        t->line = line;
    }
    if (t->node)
        ct__locate_nodes(t->node, file, line);
    return t;
}

ct_tensor *ct_name(ct_tensor *t, const char *name)
{
    if (ct__check_tensor(t, "name") != CT_OK)
        return NULL;
    const char *own = name ? ct__intern(name) : NULL;
    if (name && !own)
        return NULL;
    t->name = own;
    return t;
}

const char *ct_name_of(const ct_tensor *t)
{
    return ct__can_look(t, "name_of") ? t->name : NULL;
}

/* ---- what a tensor is ---- */

ct_dtype ct_dtype_of(const ct_tensor *t)
{
    return ct__can_look(t, "dtype_of") ? (ct_dtype)t->dtype : CT_FLOAT32;
}

int ct_rank(const ct_tensor *t)
{
    return ct__can_look(t, "rank") ? t->rank : 0;
}

const int64_t *ct_shape(const ct_tensor *t)
{
    return ct__can_look(t, "shape") ? t->shape : NULL;
}

const int64_t *ct_strides(const ct_tensor *t)
{
    return ct__can_look(t, "strides") ? t->strides : NULL;
}

int64_t ct_size(const ct_tensor *t, int axis)
{
    int found = ct__can_look(t, "size") && t->rank > 0 ? ct__axis(axis, t->rank) : -1;
    return found < 0 ? 0 : t->shape[found];
}

int64_t ct_numel(const ct_tensor *t)
{
    return ct__can_look(t, "numel") ? t->numel : 0;
}

bool ct_is_contiguous(const ct_tensor *t)
{
    return ct__can_look(t, "is_contiguous") && t->contiguous;
}

bool ct_shares_storage(const ct_tensor *a, const ct_tensor *b)
{
    return ct__can_look(a, "shares_storage") && ct__can_look(b, "shares_storage") && a->storage == b->storage;
}

bool ct_same(const ct_tensor *a, const ct_tensor *b)
{
    if (!ct__can_look(a, "same") || !ct__can_look(b, "same"))
        return false;
    if (a == b)
        return true;
    if (a->storage != b->storage || a->offset != b->offset || a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i] || (a->shape[i] > 1 && a->strides[i] != b->strides[i]))
            return false;
    return true;
}

int64_t ct_tensor_version(const ct_tensor *t)
{
    return ct__can_look(t, "tensor_version") ? t->storage->version : 0;
}
