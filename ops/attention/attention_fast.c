/* Attention without the matrix of its scores: a block of queries at a time meets the keys that it sees, and backward finds the
 * block's weights again from q and k (Dao et al.: FlashAttention, 2022, with whole rows, since a block of these fits the cache).
 *
 * Invariant: the blocks follow from shapes alone, and the gradients of k and v gather in their order. */
#include "attention_fast.h"
#include "elementwise/elementwise.h"
#include "loss/kernels_softmax.h"
#include <stdatomic.h>
#include <string.h>

enum { BLOCK = 32 }; /* queries: more would cover more of what is masked, fewer would make the products small */

/* Strides in elements. */
typedef struct matrix {
    const char *data;
    int64_t row, col;
} matrix;

typedef struct attention {
    ct_dtype dtype;
    int64_t size, queries, keys, width, values; /* size: of an element; width, values: of a row of q and k, of v */
    const ct_attend_attributes *how;
    const ct_softmax_kernels *softmax;
    const ct_tensor *q, *k, *v;
    const char *g;                  /* backward's */
    char *y;                        /* forward's */
    char *grad_q, *grad_k, *grad_v; /* backward's, each may be NULL */
    _Atomic bool failed;            /* no memory */
} attention;

/* Some queries of a matrix of the batch. */
typedef struct block {
    attention *of;
    matrix q, k, v;
    int64_t index, first, rows, seen; /* seen: keys, by the last of the queries */
    char *scaled;                     /* [rows, width]: scale q */
    char *weights, *slopes;           /* [rows, seen]; in forward there are no slopes */
} block;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Matrix number index of t, whose batch axes are all but the last two. */
static matrix matrix_of(const ct_tensor *t, int64_t index)
{
    int64_t offset = 0;
    for (int i = t->rank - 3; i >= 0; i--) {
        offset += index % t->shape[i] * t->strides[i];
        index /= t->shape[i];
    }
    return (matrix){(const char *)ct__ptr(t) + offset * ct__size_of((ct_dtype)t->dtype), t->strides[t->rank - 2],
                    t->strides[t->rank - 1]};
}

static matrix in_rows(const char *data, int64_t row)
{
    return (matrix){data, row, 1};
}

static matrix transposed(matrix a)
{
    return (matrix){a.data, a.col, a.row};
}

/* c, m rows of n, becomes a b, or has it added. */
static void multiply(attention *w, int64_t m, int64_t n, int64_t k, matrix a, matrix b, bool add, char *c)
{
    if (ct__gemm(w->dtype, m, n, k, a.data, a.row, a.col, b.data, b.row, b.col, add, c, n, 1) != CT_OK)
        atomic_store(&w->failed, true);
}

static void scale(const attention *w, int64_t n, char *x)
{
    const void *in = x;
    CT_FLOAT_KERNELS(mul_scalar)[w->dtype == CT_FLOAT64](n, x, &in, &(bool){false}, &w->how->scale, false);
}

/* Each row of x from its first elements, for the keys that the query sees, and those of y; the others are 0. */
static void for_rows(const block *b, ct_row_kernel *kernel, char *x, const char *y)
{
    const attention *w = b->of;
    for (int64_t i = 0; i < b->rows; i++) {
        int64_t seen = w->how->is_causal ? least(b->first + i + 1, b->seen) : b->seen, at = i * b->seen * w->size;
        kernel(seen, x + at, y ? y + at : NULL, x + at);
        memset(x + at + seen * w->size, 0, (size_t)((b->seen - seen) * w->size));
    }
}

static void find_weights(const block *b)
{
    attention *w = b->of;
    ct__copy_strided(w->dtype, b->scaled, (const int64_t[]){w->width, 1}, w->dtype,
                     b->q.data + b->first * b->q.row * w->size, (const int64_t[]){b->q.row, b->q.col},
                     (const int64_t[]){b->rows, w->width}, 2);
    scale(w, b->rows * w->width, b->scaled);
    multiply(w, b->rows, b->seen, w->width, in_rows(b->scaled, w->width), transposed(b->k), false, b->weights);
    for_rows(b, w->softmax->softmax, b->weights, NULL);
}

static void go_forward(const block *b)
{
    attention *w = b->of;
    find_weights(b);
    multiply(w, b->rows, w->values, b->seen, in_rows(b->weights, b->seen), b->v, false,
             w->y + (b->index * w->queries + b->first) * w->values * w->size);
}

static void go_back(const block *b)
{
    attention *w = b->of;
    int64_t query = b->index * w->queries + b->first, key = b->index * w->keys;
    matrix g = in_rows(w->g + query * w->values * w->size, w->values), slopes = in_rows(b->slopes, b->seen);
    find_weights(b);
    if (w->grad_v)
        multiply(w, b->seen, w->values, b->rows, transposed(in_rows(b->weights, b->seen)), g, true,
                 w->grad_v + key * w->values * w->size);
    if (!w->grad_q && !w->grad_k)
        return;
    multiply(w, b->rows, b->seen, w->values, g, transposed(b->v), false, b->slopes);
    for_rows(b, w->softmax->softmax_backward, b->slopes, b->weights);
    if (w->grad_k)
        multiply(w, b->seen, w->width, b->rows, transposed(slopes), in_rows(b->scaled, w->width), true,
                 w->grad_k + key * w->width * w->size);
    if (w->grad_q) {
        char *to = w->grad_q + query * w->width * w->size;
        multiply(w, b->rows, w->width, b->seen, slopes, b->k, false, to);
        scale(w, b->rows * w->width, to);
    }
}

/* One task: all queries of a matrix of the batch. */
static void run_matrix(void *context, int64_t index)
{
    attention *w = context;
    int64_t most = least(BLOCK, w->queries), scores = most * w->keys * w->size, matrices = w->y ? 1 : 2;
    size_t bytes = (size_t)(matrices * scores + most * w->width * w->size + 1);
    char *room = ct__alloc(bytes);
    if (!room) {
        atomic_store(&w->failed, true);
        return;
    }
    block b = {.of = w, .index = index, .weights = room, .slopes = room + scores, .scaled = room + matrices * scores};
    b.q = matrix_of(w->q, index);
    b.k = matrix_of(w->k, index);
    b.v = matrix_of(w->v, index);
    for (; b.first < w->queries; b.first += BLOCK) {
        b.rows = least(BLOCK, w->queries - b.first);
        b.seen = w->how->is_causal ? least(b.first + b.rows, w->keys) : w->keys;
        w->y ? go_forward(&b) : go_back(&b);
    }
    ct__free(room, bytes);
}

/* Alone in its batch a matrix is no task, so that its products may use the threads. */
static ct_status run(ct_call *call, attention *w)
{
    int64_t count = 1;
    for (int i = 0; i + 2 < w->q->rank; i++)
        count *= w->q->shape[i];
    if (count == 1)
        run_matrix(w, 0);
    else
        ct__parallel(count, run_matrix, w);
    return atomic_load(&w->failed) ? ct__no_memory(call->op->name) : CT_OK;
}

static attention start(ct_call *call)
{
    const ct_tensor *q = ct_call_input(call, 0), *k = ct_call_input(call, 1), *v = ct_call_input(call, 2);
    attention w = {.q = q, .k = k, .v = v, .how = ct_call_attributes(call)};
    if (!q || !k || !v)
        return w;
    w.dtype = (ct_dtype)q->dtype;
    w.size = ct__size_of(w.dtype);
    w.softmax = ct__softmax_kernels(w.dtype == CT_FLOAT64);
    w.queries = ct_size(q, -2);
    w.keys = ct_size(k, -2);
    w.width = ct_size(q, -1);
    w.values = ct_size(v, -1);
    return w;
}

ct_status ct__attend_forward(ct_call *call)
{
    attention w = start(call);
    w.y = ct_call_output_data(call, 0);
    return run(call, &w);
}

/* Zeros for the gradient of an input, if it is needed: *to. */
static ct_status room_for(ct_call *call, int i, char **to)
{
    if (!ct_call_needs_grad(call, i))
        return CT_OK;
    const ct_tensor *input = ct_call_input(call, i);
    ct_tensor *grad = ct_zeros((ct_dtype)input->dtype, input->shape, input->rank);
    *to = grad ? ct__ptr(grad) : NULL;
    return ct_call_set_grad(call, i, grad);
}

ct_status ct__attend_backward(ct_call *call)
{
    attention w = start(call);
    w.g = ct_call_grad_output_data(call, 0);
    if (!w.q || !w.k || !w.v || !w.g)
        return ct_error_code();
    ct_status status = room_for(call, 0, &w.grad_q);
    if (status == CT_OK)
        status = room_for(call, 1, &w.grad_k);
    if (status == CT_OK)
        status = room_for(call, 2, &w.grad_v);
    return status == CT_OK ? run(call, &w) : status;
}
