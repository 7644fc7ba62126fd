/* Factors of matrices [..., m, n] by elimination, a = p l u, and equations solved by them.
 *
 * Invariant: pivots, whoever made them, are looked at before rows are traded by them. */
#include "batch.h"
#include "expression.h"
#include "factor.h"
#include <string.h>

/* ---- what they share ---- */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static ct_tensor *columns(ct_tensor *t, int64_t from, int64_t to)
{
    return ct_slice(t, -1, from, to, 1);
}

static ct_tensor *rows(ct_tensor *t, int64_t from, int64_t to)
{
    return ct_slice(t, -2, from, to, 1);
}

/* l [..., m, k] of both in one, with the ones that it has on its diagonal; and u [..., k, n]. */
static ct_tensor *lower_of(ct_tensor *both)
{
    int64_t m = ct_size(both, -2), k = smaller(m, ct_size(both, -1));
    ct_tensor *row = ct_arange(CT_INT64, 0, 1, m), *column = ct_arange(CT_INT64, 0, 1, k);
    ct_tensor *ones = ct_cast(ct_eq(ct_unsqueeze(row, 1), column), ct_dtype_of(both));
    return ct_add(ct_tril(columns(both, 0, k), -1), ones);
}

static ct_tensor *upper_of(ct_tensor *both)
{
    return ct_triu(rows(both, 0, smaller(ct_size(both, -2), ct_size(both, -1))), 0);
}

/* Which of m rows each is after the trades, int64 [..., m]; or where each of them went. */
static ct_tensor *order_of(ct_tensor *pivots, int64_t m, bool inverse)
{
    int64_t shape[CT_MAX_RANK], k = ct_size(pivots, -1), count = 1;
    for (int i = 0; i < ct_rank(pivots); i++)
        shape[i] = ct_size(pivots, i);
    shape[ct_rank(pivots) - 1] = m;
    for (int i = 0; i < ct_rank(pivots) - 1; i++)
        count *= shape[i];
    ct_tensor *order = ct_empty(CT_INT64, shape, ct_rank(pivots)), *packed = ct_contiguous(pivots);
    if (!order || !packed)
        return NULL;
    for (int64_t b = 0; b < count; b++) {
        int64_t *to = (int64_t *)ct__ptr(order) + b * m;
        const int64_t *pivot = (const int64_t *)ct__ptr(packed) + b * k;
        for (int64_t i = 0; i < m; i++)
            to[i] = i;
        for (int64_t i = 0; i < k; i++) {
            int64_t row = to[i];
            to[i] = to[pivot[i]];
            to[pivot[i]] = row;
        }
    }
    return inverse ? ct_argsort(order, -1, false) : order;
}

/* The rows of t [..., m, n] in an order [..., m]. */
static ct_tensor *reordered(ct_tensor *t, ct_tensor *order)
{
    return ct_gather(t, -2, ct_expand(ct_unsqueeze(order, -1), ct_shape(t), ct_rank(t)));
}

/* ---- lu_factor ---- */

static ct_status infer_lu_factor(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2)
        return ct_call_error(call, CT_ERROR_SHAPE, "takes matrices [..., m, n]: %s", ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK], k = smaller(a->shape[a->rank - 2], a->shape[a->rank - 1]);
    memcpy(shape, a->shape, (size_t)(a->rank - 2) * sizeof *shape);
    shape[a->rank - 2] = k;
    ct_status status = ct_call_output_like(call, 0, a);
    return status == CT_OK ? ct_call_output_shape(call, 1, CT_INT64, shape, a->rank - 1) : status;
}

static ct_status factor_one(const ct__matrices *b, int64_t i)
{
    int64_t k = smaller(b->m, b->n);
    ct__take_matrix(b, 0, i, b->room, b->m * b->n);
    ct__lu(b->room, b->m, b->n, (int64_t *)ct_call_output_data(b->call, 1) + i * k);
    ct__give_matrix(b, 0, i, b->room, b->m * b->n);
    return CT_OK;
}

static ct_status forward_lu_factor(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    return ct__each_matrix(call, ct_size(a, -2) * ct_size(a, -1), factor_one);
}

/* l^-T t, and t u^-T. */
static ct_tensor *over_lower(ct_tensor *l, ct_tensor *t)
{
    return ct_solve_triangular(ct__matrix_transposed(l), t, true, true);
}

static ct_tensor *over_upper(ct_tensor *u, ct_tensor *t)
{
    return ct__matrix_transposed(ct_solve_triangular(u, ct__matrix_transposed(t), true, false));
}

static ct_tensor *product(ct_tensor *a, ct_tensor *b)
{
    return ct_matmul(a, ct__matrix_transposed(b));
}

static ct_tensor *inner_product(ct_tensor *a, ct_tensor *b)
{
    return ct_matmul(ct__matrix_transposed(a), b);
}

/* Of the first k rows and columns, with M = l1^-1 p^T da1 u1^-1: dl1 = l1 tril(M, -1), du1 = triu(M) u1, where tril(M, -1) is without
 * the diagonal; of the columns behind du2 = l1^-1 da2 - tril(M, -1) u2, of the rows below dl2 = da2 u1^-1 - l2 triu(M). */
static ct_status backward_lu_factor(ct_call *call)
{
    ct_tensor *both = ct_call_output(call, 0), *g = ct_call_grad_output(call, 0);
    int64_t m = ct_size(both, -2), n = ct_size(both, -1), k = smaller(m, n);
    ct_tensor *l = lower_of(both), *u = upper_of(both);
    ct_tensor *of_l = ct_tril(columns(g, 0, k), -1), *of_u = ct_triu(rows(g, 0, k), 0);
    ct_tensor *l1 = rows(l, 0, k), *l2 = rows(l, k, m), *u1 = columns(u, 0, k), *u2 = columns(u, k, n);
    ct_tensor *below = ct_sub(inner_product(l1, rows(of_l, 0, k)), product(columns(of_u, k, n), u2));
    ct_tensor *above = ct_sub(product(columns(of_u, 0, k), u1), inner_product(l2, rows(of_l, k, m)));
    ct_tensor *x = over_upper(u1, over_lower(l1, ct_add(ct_tril(below, -1), ct_triu(above, 0))));
    if (n > k)
        x = ct_concat((ct_tensor *[]){x, over_lower(l1, columns(of_u, k, n))}, 2, -1);
    if (m > k)
        x = ct_concat((ct_tensor *[]){x, over_upper(u1, rows(of_l, k, m))}, 2, -2);
    return ct_call_set_grad(call, 0, reordered(x, order_of(ct_call_output(call, 1), m, true)));
}

ct_tensor *ct_lu_factor(ct_tensor *a, ct_tensor **pivots)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    (ct_apply_multi)(&ct_op_lu_factor, &a, 1, NULL, outputs);
    if (pivots)
        *pivots = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

static const ct_sample lu_samples[] = {{"3x3", NULL},   {"5x3", NULL}, {"2x2x4", NULL},
                                       {"0x3x2", NULL}, {"1x1", NULL}, {0}};

const ct_op ct_op_lu_factor = {
    .name = "lu_factor",
    .gradient = "p l^-T (tril(l^T gl, -1) + triu(gu u^T)) u^-T, gl and gu being g below the diagonal and from it on",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(0) | CT_SAVE_OUTPUT(1),
    .infer = infer_lu_factor,
    .forward = forward_lu_factor,
    .backward = backward_lu_factor,
    .samples = lu_samples,
};

/* ---- lu ---- */

static ct_tensor *lu_expression(ct_call *call)
{
    ct_tensor *pivots, *both = ct_lu_factor(ct_call_input(call, 0), &pivots);
    if (!both)
        return NULL;
    int64_t m = ct_size(both, -2);
    ct_tensor *row = ct_unsqueeze(ct_arange(CT_INT64, 0, 1, m), 1), *order = order_of(pivots, m, false);
    ct_tensor *p = ct_cast(ct_eq(row, ct_unsqueeze(order, -2)), ct_dtype_of(both));
    if (ct_call_set_output(call, 1, upper_of(both)) != CT_OK || ct_call_set_output(call, 2, p) != CT_OK)
        return NULL;
    return lower_of(both);
}

ct_status ct_lu(ct_tensor *a, ct_tensor **p, ct_tensor **l, ct_tensor **u)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {NULL}, **wanted[] = {l, u, p};
    ct_status status = (ct_apply_multi)(&ct_op_lu, &a, 1, NULL, outputs);
    for (int i = 0; i < 3; i++) {
        if (wanted[i])
            *wanted[i] = outputs[i];
        else
            ct_release(outputs[i]);
    }
    return status;
}

CT_EXPRESSION(lu, "that of lu_factor, with g below the diagonal of l and from that of u on", 1, 1, .outputs = 3);

/* ---- lu_solve ---- */

/* Whether both is [..., n, n], b [..., n, k], and the pivots those of n rows; the axes in front of both's last two in shape. */
static bool solve_fits(ct_call *call, int64_t *shape, int *rank)
{
    const ct_tensor *both = ct_call_input(call, 0), *b = ct_call_input(call, 1), *pivots = ct_call_input(call, 2);
    int64_t n = both->rank > 0 ? both->shape[both->rank - 1] : 0;
    bool fits = both->rank >= 2 && both->shape[both->rank - 2] == n && b->rank >= 2 && b->shape[b->rank - 2] == n &&
                pivots->rank == both->rank - 1 &&
                memcmp(pivots->shape, both->shape, (size_t)pivots->rank * sizeof *both->shape) == 0 &&
                ct__broadcast_shapes(both->shape, both->rank - 2, b->shape, b->rank - 2, shape, rank);
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE, "takes factors [..., n, n], b [..., n, k] and pivots [..., n]: %s",
                      ct_call_shapes(call));
    return fits && ct__check_indices(call, pivots, n) == CT_OK;
}

static ct_tensor *lu_solve_expression(ct_call *call)
{
    ct_tensor *both = ct_call_input(call, 0), *b = ct_call_input(call, 1), *pivots = ct_call_input(call, 2);
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (!solve_fits(call, shape, &rank))
        return NULL;
    shape[rank] = ct_size(b, -2);
    shape[rank + 1] = ct_size(b, -1);
    ct_tensor *traded = reordered(ct_expand(b, shape, rank + 2), order_of(pivots, ct_size(b, -2), false));
    return ct_solve_triangular(both, ct_solve_triangular(both, traded, false, true), true, false);
}

ct_tensor *ct_lu_solve(ct_tensor *factors, ct_tensor *pivots, ct_tensor *b)
{
    return (ct_apply)(&ct_op_lu_solve, (ct_tensor *[]){factors, b, pivots}, 3, NULL);
}

static const ct_sample lu_solve_samples[] = {
    {"3x3 3x2 i3:3", NULL}, {"2x3x3 3x1 i3:2x3", NULL}, {"2x2 3x2x1 i2:2", NULL}, {"0x0 0x2 i1:0", NULL}, {0}};
CT_EXPRESSION(lu_solve, "b: p l^-T u^-T g; factors: that of two triangular solutions", 3, 3,
              .takes = {CT_FLOATS, CT_FLOATS, CT_ONLY(CT_INT64)}, .roles = "factors b pivots");
