/* Decompositions of matrices [..., m, n] into eigenvalues, orthogonal and triangular factors, singular values; gradients as expressions
 * (Giles: An extended collection of matrix derivative results, 2008; Seeger et al.: Auto-differentiating linear algebra, 2017). */
#include "batch.h"
#include "factor.h"

/* ---- eigh ---- */

static ct_tensor *number(const ct_tensor *like, double value)
{
    return ct_scalar(ct_dtype_of(like), value);
}

static ct_status infer_eigh(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    ct_status status = ct__check_square(call);
    if (status == CT_OK)
        status = ct__declare_matrices(call, 0, a->shape + a->rank - 1, 1);
    return status == CT_OK ? ct_call_output_like(call, 1, a) : status;
}

static ct_status eigh_one(const ct__matrices *b, int64_t i)
{
    int64_t n = b->n;
    double *a = b->room, *v = a + n * n, *w = v + n * n, *room = w + n;
    ct__take_matrix(b, 0, i, a, n * n);
    ct__eigh(a, n, w, v, room);
    ct__give_matrix(b, 0, i, w, n);
    ct__give_matrix(b, 1, i, v, n * n);
    return CT_OK;
}

static ct_status forward_eigh(ct_call *call)
{
    int64_t n = ct_size(ct_call_input(call, 0), -1);
    return ct__each_matrix(call, 2 * n * n + n + n * (n + CT_EIGH_GAP), eigh_one);
}

/* 1 / (w_j - w_i), 0 on the diagonal. */
static ct_tensor *gaps(ct_tensor *w)
{
    ct_tensor *eye = ct_ne(ct_eye(ct_dtype_of(w), ct_size(w, -1)), number(w, 0)), *zero = number(w, 0);
    ct_tensor *differences = ct_sub(ct_unsqueeze(w, -2), ct_unsqueeze(w, -1));
    return ct_where(eye, zero, ct_reciprocal(ct_where(eye, number(w, 1), differences)));
}

/* t [..., n] on the diagonals of [..., n, n]. */
static ct_tensor *on_diagonal(ct_tensor *t)
{
    return ct_mul(ct_unsqueeze(t, -1), ct_eye(ct_dtype_of(t), ct_size(t, -1)));
}

/* V (diag(gw) + gaps V^T gV) V^T, made symmetric. */
static ct_status backward_eigh(ct_call *call)
{
    ct_tensor *w = ct_call_output(call, 0), *v = ct_call_output(call, 1), *inner = NULL;
    ct_tensor *of_w = ct_call_grad_output(call, 0), *of_v = ct_call_grad_output(call, 1);
    if (of_v)
        inner = ct_mul(gaps(w), ct_matmul(ct__matrix_transposed(v), of_v));
    if (of_w)
        inner = inner ? ct_add(inner, on_diagonal(of_w)) : on_diagonal(of_w);
    return ct_call_set_grad(call, 0, ct__symmetric_part(ct_matmul(ct_matmul(v, inner), ct__matrix_transposed(v))));
}

ct_tensor *ct_eigh(ct_tensor *a, ct_tensor **vectors)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(&ct_op_eigh, &a, 1, NULL, outputs);
    if (vectors)
        *vectors = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

const ct_op ct_op_eigh = {
    .name = "eigh",
    .gradient = "v (diag(gw) + (v^T gv) / (w_j - w_i)) v^T, its symmetric part",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(0) | CT_SAVE_OUTPUT(1),
    .infer = infer_eigh,
    .forward = forward_eigh,
    .backward = backward_eigh,
    .samples = ct__square_samples,
};

/* ---- qr ---- */

static ct_status infer_qr(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2 || a->shape[a->rank - 2] < a->shape[a->rank - 1])
        return ct_call_error(call, CT_ERROR_SHAPE, "takes matrices [..., m, n] with m >= n: %s", ct_call_shapes(call));
    int64_t n = a->shape[a->rank - 1];
    ct_status status = ct_call_output_like(call, 0, a);
    return status == CT_OK ? ct__declare_matrices(call, 1, (const int64_t[]){n, n}, 2) : status;
}

static ct_status qr_one(const ct__matrices *b, int64_t i)
{
    double *a = b->room, *r = a + b->m * b->n, *tau = r + b->n * b->n;
    ct__take_matrix(b, 0, i, a, b->m * b->n);
    ct__qr(a, b->m, b->n, r, tau);
    ct__give_matrix(b, 0, i, a, b->m * b->n);
    ct__give_matrix(b, 1, i, r, b->n * b->n);
    return CT_OK;
}

static ct_status forward_qr(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t m = ct_size(a, -2), n = ct_size(a, -1);
    return ct__each_matrix(call, m * n + n * n + n, qr_one);
}

/* (gQ + Q s(R gR^T - gQ^T Q)) R^-T, where s copies the lower triangle to the upper one. */
static ct_status backward_qr(ct_call *call)
{
    ct_tensor *q = ct_call_output(call, 0), *r = ct_call_output(call, 1);
    ct_tensor *of_q = ct_call_grad_output(call, 0), *of_r = ct_call_grad_output(call, 1);
    of_q = of_q ? of_q : ct_zeros_like(q);
    of_r = of_r ? ct_triu(of_r, 0) : ct_zeros_like(r);
    ct_tensor *m = ct_sub(ct_matmul(r, ct__matrix_transposed(of_r)), ct_matmul(ct__matrix_transposed(of_q), q));
    ct_tensor *copied = ct_add(ct_tril(m, 0), ct__matrix_transposed(ct_tril(m, -1)));
    ct_tensor *left = ct_add(of_q, ct_matmul(q, copied));
    return ct_call_set_grad(call, 0,
                            ct__matrix_transposed(ct_solve_triangular(r, ct__matrix_transposed(left), true, false)));
}

ct_tensor *ct_qr(ct_tensor *a, ct_tensor **r)
{
    ct_tensor *outputs[2];
    (ct_apply_multi)(&ct_op_qr, &a, 1, NULL, outputs);
    if (r)
        *r = outputs[1];
    else
        ct_release(outputs[1]);
    return outputs[0];
}

const ct_op ct_op_qr = {
    .name = "qr",
    .gradient = "(gQ + Q s(R gR^T - gQ^T Q)) R^-T, s copying the lower triangle to the upper",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_OUTPUT(0) | CT_SAVE_OUTPUT(1),
    .infer = infer_qr,
    .forward = forward_qr,
    .backward = backward_qr,
    .samples = (const ct_sample[]){{"3x3", NULL}, {"5x3", NULL}, {"2x4x2", NULL}, {"0x3x2", NULL}, {0}},
};

/* ---- svd: of tall matrices; wide ones are transposed ---- */

static ct_status infer_svd(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2 || a->shape[a->rank - 2] < a->shape[a->rank - 1])
        return ct_call_error(call, CT_ERROR_SHAPE, "takes matrices [..., m, n] with m >= n: %s", ct_call_shapes(call));
    int64_t n = a->shape[a->rank - 1];
    ct_status status = ct_call_output_like(call, 0, a);
    if (status == CT_OK)
        status = ct__declare_matrices(call, 1, &n, 1);
    return status == CT_OK ? ct__declare_matrices(call, 2, (const int64_t[]){n, n}, 2) : status;
}

static ct_status svd_one(const ct__matrices *b, int64_t i)
{
    double *a = b->room, *v = a + b->m * b->n, *s = v + b->n * b->n, *room = s + b->n;
    ct__take_matrix(b, 0, i, a, b->m * b->n);
    ct__svd(a, b->m, b->n, s, v, room);
    ct__give_matrix(b, 0, i, a, b->m * b->n);
    ct__give_matrix(b, 1, i, s, b->n);
    ct__give_matrix(b, 2, i, v, b->n * b->n);
    return CT_OK;
}

static ct_status forward_svd(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t m = ct_size(a, -2), n = ct_size(a, -1);
    return ct__each_matrix(call, 2 * m * n + n * n + n, svd_one);
}

static ct_tensor *skew(ct_tensor *t)
{
    return ct_sub(t, ct__matrix_transposed(t));
}

/* U (skew(U^T gU) E S + S skew(V^T gV) E + diag(gS)) V^T + (1 - U U^T) gU S^-1 V^T, E being the gaps of S^2. */
static ct_status backward_svd(ct_call *call)
{
    ct_tensor *u = ct_call_output(call, 0), *s = ct_call_output(call, 1), *v = ct_call_output(call, 2);
    ct_tensor *of_u = ct_call_grad_output(call, 0), *of_s = ct_call_grad_output(call, 1),
              *of_v = ct_call_grad_output(call, 2);
    ct_tensor *e = gaps(ct_square(s)), *row = ct_unsqueeze(s, -2), *column = ct_unsqueeze(s, -1);
    ct_tensor *inner = of_s ? on_diagonal(of_s) : on_diagonal(ct_zeros_like(s)), *beside = NULL;
    if (of_u) {
        ct_tensor *within = ct_matmul(ct__matrix_transposed(u), of_u);
        inner = ct_add(inner, ct_mul(ct_mul(skew(within), e), row));
        beside = ct_div(ct_sub(of_u, ct_matmul(u, within)), row);
    }
    if (of_v)
        inner = ct_add(inner, ct_mul(column, ct_mul(skew(ct_matmul(ct__matrix_transposed(v), of_v)), e)));
    ct_tensor *left = ct_matmul(u, inner);
    left = beside && ct_size(u, -2) > ct_size(u, -1) ? ct_add(left, beside) : left;
    return ct_call_set_grad(call, 0, ct_matmul(left, ct__matrix_transposed(v)));
}

ct_tensor *ct_svd(ct_tensor *a, ct_tensor **u, ct_tensor **v)
{
    bool wide = a && ct_rank(a) >= 2 && ct_size(a, -2) < ct_size(a, -1);
    ct_tensor *outputs[3], *tall = wide ? ct__matrix_transposed(a) : a;
    (ct_apply_multi)(&ct_op_svd, &tall, 1, NULL, outputs);
    ct_tensor **left = wide ? v : u, **right = wide ? u : v;
    for (int i = 0; i < 3; i += 2) {
        ct_tensor **to = i == 0 ? left : right;
        if (to)
            *to = outputs[i];
        else
            ct_release(outputs[i]);
    }
    return outputs[1];
}

const ct_op ct_op_svd = {
    .name = "svd",
    .gradient =
        "u (skew(u^T gu) e s + s skew(v^T gv) e + diag(gs)) v^T + (1 - u u^T) gu s^-1 v^T, e = 1 / (s_j^2 - s_i^2)",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 3,
    .saves = CT_SAVE_OUTPUT(0) | CT_SAVE_OUTPUT(1) | CT_SAVE_OUTPUT(2),
    .infer = infer_svd,
    .forward = forward_svd,
    .backward = backward_svd,
    .samples = (const ct_sample[]){{"3x3", NULL}, {"5x3", NULL}, {"2x3x2", NULL}, {"0x3x2", NULL}, {0}},
};
