/* Matrix products: matmul in all its rank combinations, and linear.
 *
 * Invariant: strides and transposes go to the matrix product as they are; nothing is copied first. */
#include "autograd_internal.h"
#include <cotan/ops.h>
#include <stdatomic.h>

/* ---- matmul ---- */

/* An operand as a batch of matrices: a vector counts as a row (left) or a column (right). */
typedef struct operand {
    int64_t rows, cols, row, col;
    const int64_t *batch, *batch_strides;
    int batch_rank;
} operand;

static operand as_matrices(const ct_tensor *t, bool left)
{
    int rank = t->rank;
    if (rank == 1 && left)
        return (operand){.rows = 1, .cols = t->shape[0], .row = t->shape[0], .col = t->strides[0]};
    if (rank == 1)
        return (operand){.rows = t->shape[0], .cols = 1, .row = t->strides[0], .col = 1};
    return (operand){.rows = t->shape[rank - 2],
                     .cols = t->shape[rank - 1],
                     .row = t->strides[rank - 2],
                     .col = t->strides[rank - 1],
                     .batch = t->shape,
                     .batch_strides = t->strides,
                     .batch_rank = rank - 2};
}

/* The error "matmul: <fault>: [2,3] @ [4,5]". */
static CT_COLD ct_status refuse(ct_call *call, const char *fault)
{
    const ct_tensor *a = call->inputs[0], *b = call->inputs[1];
    char shape_a[CT_SHAPE_TEXT], shape_b[CT_SHAPE_TEXT];
    return ct_call_error(call, CT_ERROR_SHAPE, "%s: %s @ %s", fault, ct__shape_text(a->shape, a->rank, shape_a),
                         ct__shape_text(b->shape, b->rank, shape_b));
}

static ct_status matmul_infer(ct_call *call)
{
    const ct_tensor *a = call->inputs[0], *b = call->inputs[1];
    if (a->rank == 0 || b->rank == 0)
        return refuse(call, "takes vectors and matrices, not a 0-d tensor");
    operand left = as_matrices(a, true), right = as_matrices(b, false);
    if (left.cols != right.rows)
        return refuse(call, "inner sizes differ");
    int64_t shape[CT_MAX_RANK + 2];
    int rank;
    if (!ct__broadcast_shapes(left.batch, left.batch_rank, right.batch, right.batch_rank, shape, &rank))
        return refuse(call, "batch axes do not broadcast");
    if (a->rank > 1)
        shape[rank++] = left.rows;
    if (b->rank > 1)
        shape[rank++] = right.cols;
    return ct_call_output_shape(call, 0, (ct_dtype)a->dtype, shape, rank);
}

typedef struct batch {
    const char *a, *b;
    char *c;
    operand left, right;
    ct_dtype dtype;
    const int64_t *shape; /* of the batch */
    int rank;
    _Atomic bool failed; /* no memory */
} batch;

/* Where matrix number index of an operand is; its batch axes are the last of the joint ones, and broadcast. */
static int64_t batch_offset(const batch *w, const operand *o, int64_t index)
{
    int64_t offset = 0;
    for (int i = 1; i <= w->rank; i++) {
        int64_t size = w->shape[w->rank - i];
        if (i <= o->batch_rank && o->batch[o->batch_rank - i] != 1)
            offset += index % size * o->batch_strides[o->batch_rank - i];
        index /= size;
    }
    return offset;
}

/* Of integers: what does not fit wraps. */
#define PRODUCT(T)                                                                             \
    static void product_##T(const batch *w, const void *left, const void *right, void *result) \
    {                                                                                          \
        const operand *a = &w->left, *b = &w->right;                                           \
        for (int64_t i = 0; i < a->rows; i++)                                                  \
            for (int64_t j = 0; j < b->cols; j++) {                                            \
                const T *x = (const T *)left + i * a->row, *y = (const T *)right + j * b->col; \
                uint64_t sum = 0;                                                              \
                for (int64_t l = 0; l < a->cols; l++)                                          \
                    sum += (uint64_t)x[l * a->col] * (uint64_t)y[l * b->row];                  \
                ((T *)result)[i * b->cols + j] = (T)sum;                                       \
            }                                                                                  \
    }
PRODUCT(int64_t)
PRODUCT(int32_t)
PRODUCT(uint8_t)

static void multiply_integers(const batch *w, const void *a, const void *b, void *c)
{
    (w->dtype == CT_INT64 ? product_int64_t : w->dtype == CT_INT32 ? product_int32_t : product_uint8_t)(w, a, b, c);
}

static void multiply_one(void *context, int64_t index)
{
    batch *w = context;
    int64_t size = ct__size_of(w->dtype), m = w->left.rows, n = w->right.cols, k = w->left.cols;
    const char *a = w->a + batch_offset(w, &w->left, index) * size;
    const char *b = w->b + batch_offset(w, &w->right, index) * size;
    char *c = w->c + index * m * n * size;
    if (!ct__dtype_is_float(w->dtype))
        multiply_integers(w, a, b, c);
    else if (ct__gemm(w->dtype, m, n, k, a, w->left.row, w->left.col, b, w->right.row, w->right.col, false, c, n, 1) !=
             CT_OK)
        atomic_store(&w->failed, true);
}

/* Whether the batch axes of a continue its rows, so that all its matrices are one tall one. */
static bool is_tall(const ct_tensor *a)
{
    for (int i = 0; i + 1 < a->rank - 1; i++)
        if (a->strides[i] != a->strides[i + 1] * a->shape[i + 1])
            return false;
    return a->rank > 2;
}

static ct_status matmul_forward(ct_call *call)
{
    ct_tensor *a = call->inputs[0], *b = call->inputs[1], *out = call->outputs[0];
    batch w = {.a = ct__ptr(a),
               .b = ct__ptr(b),
               .c = ct__ptr(out),
               .left = as_matrices(a, true),
               .right = as_matrices(b, false),
               .dtype = (ct_dtype)out->dtype,
               .shape = out->shape};
    w.rank = w.left.batch_rank > w.right.batch_rank ? w.left.batch_rank : w.right.batch_rank;
    int64_t count = 1;
    for (int i = 0; i < w.rank; i++)
        count *= w.shape[i];
    if (b->rank == 2 && count > 1 && is_tall(a)) {
        w.left.rows *= count;
        w.left.batch_rank = w.rank = 0;
        count = 1;
    }
    if (count == 1)
        multiply_one(&w, 0); /* outside a parallel region: the product itself may use the threads */
    else
        ct__parallel(count, multiply_one, &w);
    return atomic_load(&w.failed) ? ct__no_memory(call->op->name) : CT_OK;
}

/* t^T of the last two axes. */
static ct_tensor *transposed(ct_tensor *t)
{
    return ct_transpose(t, -1, -2);
}

/* [..., m, n] as [... m, n]. */
static ct_tensor *as_one_matrix(ct_tensor *t)
{
    int64_t rows = 1; /* not -1, which a size of 0 leaves open */
    for (int i = 0; i + 1 < ct_rank(t); i++)
        rows *= ct_size(t, i);
    return ct_reshape(t, (const int64_t[]){rows, ct_size(t, -1)}, 2);
}

static ct_status matmul_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0), *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    if (!a || !b)
        return ct_error_code();
    bool vector_a = a->rank == 1, vector_b = b->rank == 1;
    if (vector_b) {
        b = ct_unsqueeze(b, 1);
        g = ct_unsqueeze(g, -1);
    }
    if (vector_a) {
        a = ct_unsqueeze(a, 0);
        g = ct_unsqueeze(g, -2);
    }
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0)) {
        ct_tensor *grad = ct_matmul(g, transposed(b));
        status = ct_call_set_grad(call, 0, vector_a ? ct_squeeze(grad, -2) : grad);
    }
    if (status == CT_OK && ct_call_needs_grad(call, 1)) {
        bool shared = ct_rank(b) == 2 && ct_rank(a) > 2; /* one b for the batch: one product sums over it */
        ct_tensor *grad =
            shared ? ct_matmul(transposed(as_one_matrix(a)), as_one_matrix(g)) : ct_matmul(transposed(a), g);
        status = ct_call_set_grad(call, 1, vector_b ? ct_squeeze(grad, -1) : grad);
    }
    return status;
}

static const ct_sample matmul_samples[] = {
    {.inputs = "3x4 4x5"},     {.inputs = "3x4 4"},         {.inputs = "3 3x4"},     {.inputs = "5 5"},
    {.inputs = "2x3x4 2x4x5"}, {.inputs = "2x1x3x4 5x4x2"}, {.inputs = "2x3x4 4x5"}, {.inputs = "4 2x4x3"},
    {.inputs = "2x3x4 4"},     {.inputs = "3x0 0x4"},       {.inputs = "0x3 3x2"},   {.inputs = "1x1 1x1"},
    {.inputs = NULL}};

/* A product and a sum for each element of the result and each of the axis that is summed over, the last of input 0. */
static double product_flops(ct_call *call)
{
    return 2 * (double)ct_numel(ct_call_output(call, 0)) * (double)ct_size(ct_call_input(call, 0), -1);
}

const ct_op ct_op_matmul = {
    .name = "matmul",
    .takes = {CT_FLOATS | CT_INTEGERS},
    .gradient = "g b^T, a^T g",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .infer = matmul_infer,
    .forward = matmul_forward,
    .backward = matmul_backward,
    .samples = matmul_samples,
    .flops = product_flops,
};

ct_tensor *ct_matmul(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_matmul, (ct_tensor *[]){a, b}, 2, NULL);
}

/* ---- linear: y = x w^T + b ---- */

static ct_status linear_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0], *w = call->inputs[1], *b = call->n_inputs > 2 ? call->inputs[2] : NULL;
    if (x->rank < 1 || w->rank != 2 || (b && b->rank != 1))
        return ct_call_error(call, CT_ERROR_SHAPE, "takes x [..., in], w [out, in], b [out] or NULL, got %s",
                             ct_call_shapes(call));
    if (x->shape[x->rank - 1] != w->shape[1])
        return ct_call_error(call, CT_ERROR_SHAPE, "x has %lld features, w takes %lld: %s",
                             (long long)x->shape[x->rank - 1], (long long)w->shape[1], ct_call_shapes(call));
    if (b && b->shape[0] != w->shape[0])
        return ct_call_error(call, CT_ERROR_SHAPE, "w gives %lld features, b has %lld: %s", (long long)w->shape[0],
                             (long long)b->shape[0], ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i + 1 < x->rank; i++)
        shape[i] = x->shape[i];
    shape[x->rank - 1] = w->shape[0];
    return ct_call_output_shape(call, 0, (ct_dtype)x->dtype, shape, x->rank);
}

/* y's rows all become b, to which the product is then added. */
static void fill_rows(ct_tensor *y, const ct_tensor *b, int64_t rows)
{
    int64_t n = b->shape[0];
    ct__copy_strided((ct_dtype)y->dtype, ct__ptr(y), (const int64_t[]){n, 1}, (ct_dtype)b->dtype, ct__ptr(b),
                     (const int64_t[]){0, b->strides[0]}, (const int64_t[]){rows, n}, 2);
}

static ct_status linear_forward(ct_call *call)
{
    const char *x = ct_call_input_data(call, 0);
    ct_tensor *w = call->inputs[1], *b = call->n_inputs > 2 ? call->inputs[2] : NULL, *y = call->outputs[0];
    if (!x)
        return CT_ERROR_MEMORY;
    int64_t out = w->shape[0], in = w->shape[1], rows = 1;
    for (int i = 0; i + 1 < y->rank; i++)
        rows *= y->shape[i];
    if (b)
        fill_rows(y, b, rows);
    ct_status status = ct__gemm((ct_dtype)y->dtype, rows, out, in, x, in, 1, ct__ptr(w), w->strides[1], w->strides[0],
                                b != NULL, ct__ptr(y), out, 1);
    return status == CT_OK ? CT_OK : ct__no_memory(call->op->name);
}

static ct_status linear_backward(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 0);
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_matmul(g, ct_call_input(call, 1)));
    ct_tensor *g2 = as_one_matrix(g);
    if (status == CT_OK && ct_call_needs_grad(call, 1))
        status = ct_call_set_grad(call, 1, ct_matmul(transposed(g2), as_one_matrix(ct_call_input(call, 0))));
    if (status == CT_OK && ct_call_needs_grad(call, 2))
        status = ct_call_set_grad(call, 2,
                                  ct_sum(g2, CT_GIVEN(ct_reduce_options, .axes = (const int64_t[]){0}, .n_axes = 1)));
    return status;
}

static const ct_sample linear_samples[] = {{.inputs = "5x4 3x4 3"}, {.inputs = "2x5x4 3x4 3"}, {.inputs = "4 3x4 3"},
                                           {.inputs = "5x4 3x4"},   {.inputs = "0x4 3x4 3"},   {.inputs = "2x0 3x0 3"},
                                           {.inputs = NULL}};

const ct_op ct_op_linear = {
    .name = "linear",
    .gradient = "g w, g^T x, sum of g over all but the last axis",
    .min_inputs = 2,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1),
    .infer = linear_infer,
    .forward = linear_forward,
    .backward = linear_backward,
    .samples = linear_samples,
    .flops = product_flops,
};

ct_tensor *ct_linear(ct_tensor *x, ct_tensor *w, ct_tensor *b)
{
    return ct_apply(&ct_op_linear, (ct_tensor *[]){x, w, b}, 3, NULL);
}
