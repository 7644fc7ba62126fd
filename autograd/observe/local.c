/* Local derivatives: what a small operation's backward makes of one cotangent after another.
 *
 * Invariant: the node is left as it was; what goes wrong here goes wrong in the backward itself, which says so. */
#include "trace_internal.h"
#include <string.h>

enum { ELEMENTS = 64, PRODUCT = 256 }; /* of a result or an input; of both together */

typedef struct local_call {
    const struct ct_node *node;
    int64_t m;                   /* elements of the result */
    bool needs[CT_MAX_INPUTS];   /* the inputs that are small, */
    int64_t n[CT_MAX_INPUTS];    /* their elements, */
    double *rows[CT_MAX_INPUTS]; /* [m,n] */
} local_call;

static int64_t elements(const int64_t *shape, int rank)
{
    int64_t strides[CT_MAX_RANK];
    return rank == 0 ? 1 : ct__row_major(shape, rank, strides);
}

/* 1 for element j of the result, 0 for the others. */
static ct_tensor *one_hot(const ct_output_info *result, int64_t j)
{
    double values[ELEMENTS] = {0};
    values[j] = 1;
    return ct_from_values((ct_dtype)result->dtype, values, elements(result->shape, result->rank), result->shape,
                          result->rank);
}

/* The gradient of input i, of the input's shape, as row j. */
static ct_status take_row(local_call *l, int i, int64_t j, ct_tensor *grad)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(l->node, i, &shape, &rank, &dtype);
    if (grad && grad->numel != l->n[i])
        grad = ct__engine_ops.sum_to(grad, shape, rank);
    double *row = l->rows[i] + j * l->n[i];
    if (grad)
        return ct_to_values(grad, row, l->n[i]);
    memset(row, 0, (size_t)l->n[i] * sizeof *row); /* left out: zero */
    return ct_error_code();
}

static ct_status run_row(local_call *l, int64_t j)
{
    struct ct_node *node = (struct ct_node *)l->node;
    ct_tensor *cotangent = one_hot(&node->output_info[0], j), *grads[CT_MAX_INPUTS] = {NULL};
    if (!cotangent)
        return ct_error_code();
    ct_call call = {.op = node->op,
                    .thread = ct__here(),
                    .attributes = node->attributes,
                    .n_inputs = node->n_inputs,
                    .n_outputs = 1,
                    .node = node,
                    .grad_outputs = &cotangent,
                    .grad_inputs = grads,
                    .needs = l->needs};
    ct_status status = ct__run_backward(&call);
    for (int i = 0; status == CT_OK && i < node->n_inputs; i++)
        if (l->needs[i])
            status = take_row(l, i, j, grads[i]);
    return status == CT_OK ? ct_error_code() : status;
}

/* Whether row j has nothing but its element j, for all rows; these become the first row then. */
static bool take_diagonal(double *rows, int64_t n)
{
    for (int64_t k = 0; k < n * n; k++)
        if (rows[k] != 0 && k % (n + 1) != 0)
            return false;
    for (int64_t j = 0; j < n; j++)
        rows[j] = rows[j * (n + 1)];
    return true;
}

static bool same_shape(const ct_output_info *result, const int64_t *shape, int rank)
{
    return result->rank == rank && (rank == 0 || memcmp(result->shape, shape, sizeof *shape * (size_t)rank) == 0);
}

/* Input i's derivative, in as few numbers as say it. */
static const ct_snapshot *shorten(ct_arena *arena, local_call *l, int i, bool *elementwise)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(l->node, i, &shape, &rank, &dtype);
    *elementwise = l->m == 1 || (same_shape(&l->node->output_info[0], shape, rank) && take_diagonal(l->rows[i], l->m));
    ct_tensor *local = *elementwise
                           ? ct_from_values(CT_FLOAT64, l->rows[i], l->n[i], shape, rank)
                           : ct_from_values(CT_FLOAT64, l->rows[i], l->m * l->n[i], (int64_t[]){l->m, l->n[i]}, 2);
    return local ? ct__snapshot(arena, local) : NULL;
}

/* Chooses the inputs that are small, and makes room for theirs; false if there are none. */
static bool choose(ct_arena *arena, local_call *l, const bool *wanted)
{
    bool any = false;
    for (int i = 0; i < l->node->n_inputs; i++) {
        const int64_t *shape;
        int rank;
        ct_dtype dtype;
        if (!wanted[i])
            continue;
        ct__node_input_info(l->node, i, &shape, &rank, &dtype);
        l->n[i] = elements(shape, rank);
        l->needs[i] = l->n[i] > 0 && l->n[i] <= ELEMENTS && l->n[i] * l->m <= PRODUCT;
        if (l->needs[i])
            l->rows[i] = ct__arena_alloc(arena, (size_t)(l->n[i] * l->m) * sizeof(double));
        any |= l->rows[i] != NULL;
    }
    return any && ct_error_code() == CT_OK;
}

ct_status ct__local_derivatives(ct_arena *arena, const ct_event *e, const ct_snapshot **locals, bool *elementwise)
{
    local_call l = {.node = e->node};
    const ct_output_info *result = &e->node->output_info[0];
    l.m = elements(result->shape, result->rank);
    if (e->n_outputs != 1 || l.m < 1 || l.m > ELEMENTS || !choose(arena, &l, e->wanted))
        return ct_error_code();
    ct_status status = CT_OK;
    for (int64_t j = 0; status == CT_OK && j < l.m; j++)
        status = run_row(&l, j);
    if (status != CT_OK) {
        ct_error_clear();
        return CT_OK;
    }
    for (int i = 0; i < e->n_inputs; i++)
        if (l.needs[i] && !(locals[i] = shorten(arena, &l, i, &elementwise[i])))
            return ct_error_code();
    return CT_OK;
}
