/* Equations and factors of matrices [..., m, n]: a loop over the matrices around factor.c, and gradients as expressions (Giles: An
 * extended collection of matrix derivative results, 2008; Murray: Differentiation of the Cholesky decomposition, 2016; Seeger et al.:
 * Auto-differentiating linear algebra, 2017).
 *
 * Invariant: a matrix is worked on in double, in a scratch of its own. */
#include "expression.h"
#include "factor.h"
#include "shape/shape_internal.h"
#include <math.h>
#include <string.h>

/* ---- what they share ---- */

static ct_tensor *transposed(ct_tensor *x)
{
    return ct_transpose(x, -1, -2);
}

static ct_tensor *number(const ct_tensor *like, double value)
{
    return ct_scalar(ct_dtype_of(like), value);
}

static ct_status check_square(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2 || a->shape[a->rank - 1] != a->shape[a->rank - 2])
        return ct_call_error(call, CT_ERROR_SHAPE, "takes square matrices [..., n, n]: %s", ct_call_shapes(call));
    return CT_OK;
}

/* Whether b goes with the square matrices a: [..., n, k], with the same axes in front. */
static ct_status check_right_side(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    ct_status status = check_square(call);
    bool fits = status == CT_OK && b->rank == a->rank;
    for (int i = 0; fits && i < a->rank - 1; i++)
        fits = a->shape[i] == b->shape[i];
    if (status != CT_OK || fits)
        return status;
    return ct_call_error(call, CT_ERROR_SHAPE, "takes a [..., n, n] and b [..., n, k]: %s", ct_call_shapes(call));
}

/* Input 0's axes in front, then those given. */
static ct_status declare(ct_call *call, int i, const int64_t *last, int n)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    for (int k = 0; k < a->rank - 2; k++)
        shape[k] = a->shape[k];
    for (int k = 0; k < n; k++)
        shape[a->rank - 2 + k] = last[k];
    return ct_call_output_shape(call, i, (ct_dtype)a->dtype, shape, a->rank - 2 + n);
}

static void load(double *to, ct_dtype dtype, const void *from, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = dtype == CT_FLOAT32 ? (double)((const float *)from)[first + i] : ((const double *)from)[first + i];
}

static void store(void *to, ct_dtype dtype, int64_t first, const double *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (dtype == CT_FLOAT32)
            ((float *)to)[first + i] = (float)from[i];
        else
            ((double *)to)[first + i] = from[i];
    }
}

/* The matrices of a call: input 0 is [count, m, n]. */
typedef struct batch {
    ct_call *call;
    ct_dtype dtype;
    int64_t count, m, n;
    double *room; /* for the matrix at hand and what is made of it */
    size_t bytes;
} batch;

/* Calls work for each matrix i, with room for so many doubles. */
static ct_status for_each(ct_call *call, int64_t doubles, ct_status (*work)(const batch *b, int64_t i))
{
    const ct_tensor *a = ct_call_input(call, 0);
    batch b = {
        .call = call, .dtype = (ct_dtype)a->dtype, .count = 1, .m = a->shape[a->rank - 2], .n = a->shape[a->rank - 1]};
    for (int i = 0; i < a->rank - 2; i++)
        b.count *= a->shape[i];
    b.bytes = (size_t)(doubles + 1) * sizeof(double);
    if (!ct_call_input_data(call, 0) || (ct_call_inputs(call) > 1 && !ct_call_input_data(call, 1)))
        return ct_error_code();
    if (!(b.room = ct__alloc(b.bytes)))
        return ct__no_memory(call->op->name);
    ct_status status = CT_OK;
    for (int64_t i = 0; status == CT_OK && i < b.count; i++)
        status = work(&b, i);
    ct__free(b.room, b.bytes);
    return status;
}

static void take(const batch *b, int input, int64_t i, double *to, int64_t n)
{
    load(to, b->dtype, ct_call_input_data(b->call, input), i * n, n);
}

static void give(const batch *b, int output, int64_t i, const double *from, int64_t n)
{
    store(ct_call_output_data(b->call, output), b->dtype, i * n, from, n);
}

/* Elements of a [n,n] and of b [n,k] of a call on two. */
static int64_t size_of_both(ct_call *call, int64_t *k)
{
    const ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    int64_t n = a->shape[a->rank - 1];
    *k = b->shape[b->rank - 1];
    return n * n + n * *k;
}

/* a and b, expanded to the same axes in front of the last two. False with an error. */
static bool spread(const char *op, ct_tensor **a, ct_tensor **b)
{
    int64_t shape[CT_MAX_RANK], own[CT_MAX_RANK];
    int rank, of_a = ct_rank(*a) - 2, of_b = ct_rank(*b) - 2;
    if (of_a < 0 || of_b < 0 || !ct__broadcast_shapes(ct_shape(*a), of_a, ct_shape(*b), of_b, shape, &rank)) {
        ct__error(CT_ERROR_SHAPE, "%s: takes matrices [..., m, n] whose first axes broadcast", op);
        return false;
    }
    for (int k = 0; k < 2; k++) {
        ct_tensor **t = k == 0 ? a : b;
        memcpy(own, shape, (size_t)rank * sizeof *own);
        own[rank] = ct_size(*t, -2);
        own[rank + 1] = ct_size(*t, -1);
        if (rank + 2 != ct_rank(*t) || memcmp(own, ct_shape(*t), (size_t)(rank + 2) * sizeof *own) != 0)
            *t = ct_expand(*t, own, rank + 2);
    }
    return *a && *b;
}

/* ---- solve ---- */

static ct_status infer_solve(ct_call *call)
{
    ct_status status = check_right_side(call);
    return status == CT_OK ? ct_call_output_like(call, 0, ct_call_input(call, 1)) : status;
}

static ct_status solve_one(const batch *b, int64_t i)
{
    int64_t k, n = b->n;
    size_of_both(b->call, &k);
    double *a = b->room, *x = a + n * n;
    int64_t *pivot = (int64_t *)(void *)(x + n * k);
    take(b, 0, i, a, n * n);
    take(b, 1, i, x, n * k);
    if (n > 0 && ct__lu(a, n, pivot) == 0)
        return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is singular: %s", (long long)i,
                             ct_call_shapes(b->call));
    ct__lu_solve(a, pivot, n, x, k);
    give(b, 0, i, x, n * k);
    return CT_OK;
}

static ct_status forward_solve(ct_call *call)
{
    int64_t k, size = size_of_both(call, &k);
    return for_each(call, size + ct_size(ct_call_input(call, 0), -1), solve_one);
}

static ct_status backward_solve(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *x = ct_call_output(call, 0);
    ct_tensor *of_b = ct_solve(transposed(a), ct_call_grad_output(call, 0));
    ct_status status = ct_call_set_grad(call, 1, of_b);
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_neg(ct_matmul(of_b, transposed(x))));
    return status;
}

ct_tensor *ct_solve(ct_tensor *a, ct_tensor *b)
{
    if (!a || !b)
        return (ct_apply)(&ct_op_solve, (ct_tensor *[]){a, b}, 2, NULL);
    bool vector = ct_rank(b) == 1;
    if (vector)
        b = ct_unsqueeze(b, 1);
    if (!b || !spread("solve", &a, &b))
        return NULL;
    ct_tensor *x = (ct_apply)(&ct_op_solve, (ct_tensor *[]){a, b}, 2, NULL);
    return vector && x ? ct_squeeze(x, -1) : x;
}

const ct_op ct_op_solve = {
    .name = "solve",
    .gradient = "b: h = a^-T g; a: -h x^T",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .infer = infer_solve,
    .forward = forward_solve,
    .backward = backward_solve,
    .samples = (const ct_sample[]){{"3x3 3x2", NULL}, {"2x4x4 2x4x1", NULL}, {"1x1 1x3", NULL}, {"0x0 0x2", NULL}, {0}},
};

/* ---- solve_triangular ---- */

typedef struct triangle_attributes {
    int64_t upper, unit;
} triangle_attributes;

static ct_status triangle_one(const batch *b, int64_t i)
{
    const triangle_attributes *how = ct_call_attributes(b->call);
    int64_t k, n = b->n;
    size_of_both(b->call, &k);
    double *a = b->room, *x = a + n * n;
    take(b, 0, i, a, n * n);
    take(b, 1, i, x, n * k);
    for (int64_t j = 0; !how->unit && j < n; j++)
        if (a[j * n + j] == 0)
            return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is singular: %s", (long long)i,
                                 ct_call_shapes(b->call));
    ct__triangular_solve(a, n, how->upper, how->unit, x, k);
    give(b, 0, i, x, n * k);
    return CT_OK;
}

static ct_status forward_triangle(ct_call *call)
{
    int64_t k;
    return for_each(call, size_of_both(call, &k), triangle_one);
}

static ct_status backward_triangle(ct_call *call)
{
    const triangle_attributes *how = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *x = ct_call_output(call, 0);
    ct_tensor *of_b = ct_solve_triangular(transposed(a), ct_call_grad_output(call, 0), !how->upper, how->unit);
    ct_status status = ct_call_set_grad(call, 1, of_b);
    if (status != CT_OK || !ct_call_needs_grad(call, 0))
        return status;
    ct_tensor *full = ct_neg(ct_matmul(of_b, transposed(x)));
    return ct_call_set_grad(call, 0, how->upper ? ct_triu(full, how->unit) : ct_tril(full, -how->unit));
}

ct_tensor *ct_solve_triangular(ct_tensor *a, ct_tensor *b, bool upper, bool unitriangular)
{
    if (a && b && !spread("solve_triangular", &a, &b))
        return NULL;
    return (ct_apply)(&ct_op_solve_triangular, (ct_tensor *[]){a, b}, 2, &(triangle_attributes){upper, unitriangular});
}

const ct_op ct_op_solve_triangular = {
    .name = "solve_triangular",
    .gradient = "b: h = a^-T g; a: -h x^T in the triangle",
    .min_inputs = 2,
    .max_inputs = 2,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .attributes_size = sizeof(triangle_attributes),
    .attribute_names = "upper unitriangular",
    .infer = infer_solve,
    .forward = forward_triangle,
    .backward = backward_triangle,
    .samples = (const ct_sample[]){{"3x3@0.5..2 3x2", &(triangle_attributes){0, 0}},
                                   {"2x4x4@0.5..2 2x4x1", &(triangle_attributes){1, 0}},
                                   {"3x3 3x2", &(triangle_attributes){1, 1}},
                                   {"0x0 0x2", &(triangle_attributes){0, 0}},
                                   {0}},
};

/* ---- inverse, det, slogdet ---- */

static ct_tensor *inverse_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0);
    if (check_square(call) != CT_OK)
        return NULL;
    return ct_solve(a, ct_eye(ct_dtype_of(a), ct_size(a, -1)));
}

ct_tensor *ct_inverse(ct_tensor *a)
{
    return (ct_apply)(&ct_op_inverse, &a, 1, NULL);
}

static const ct_sample square_matrix_samples[] = {{"3x3", NULL}, {"2x4x4", NULL}, {"1x1", NULL}, {"0x2x2", NULL}, {0}};
#define inverse_samples square_matrix_samples
CT_EXPRESSION(inverse, "-y^T g y^T", 1, 1);

static ct_status infer_det(ct_call *call)
{
    ct_status status = check_square(call);
    return status == CT_OK ? declare(call, 0, NULL, 0) : status;
}

/* The sign and the logarithm of the determinant's size; 0 and -infinity for 0. */
static double sign_and_log(const batch *b, int64_t i, double *log_size)
{
    int64_t n = b->n, *pivot = (int64_t *)(void *)(b->room + n * n);
    take(b, 0, i, b->room, n * n);
    double sign = n > 0 ? ct__lu(b->room, n, pivot) : 1;
    *log_size = 0;
    for (int64_t j = 0; j < n; j++) {
        double pivot_j = b->room[j * n + j];
        *log_size += log(fabs(pivot_j));
        sign = pivot_j < 0 ? -sign : isnan(pivot_j) ? NAN : sign;
    }
    return sign;
}

static ct_status det_one(const batch *b, int64_t i)
{
    double log_size, sign = sign_and_log(b, i, &log_size), det = sign;
    for (int64_t j = 0; j < b->n; j++)
        det *= fabs(b->room[j * b->n + j]);
    give(b, 0, i, &det, 1);
    return CT_OK;
}

static int64_t matrix_and_pivots(ct_call *call)
{
    int64_t n = ct_size(ct_call_input(call, 0), -1);
    return n * n + n;
}

static ct_status forward_det(ct_call *call)
{
    return for_each(call, matrix_and_pivots(call), det_one);
}

/* t [...] as [..., 1, 1]. */
static ct_tensor *as_matrices(ct_tensor *t)
{
    return ct_unsqueeze(ct_unsqueeze(t, -1), -1);
}

static ct_status backward_det(ct_call *call)
{
    ct_tensor *factor = ct_mul(ct_call_grad_output(call, 0), ct_call_output(call, 0));
    return ct_call_set_grad(call, 0, ct_mul(as_matrices(factor), transposed(ct_inverse(ct_call_input(call, 0)))));
}

ct_tensor *ct_det(ct_tensor *a)
{
    return (ct_apply)(&ct_op_det, &a, 1, NULL);
}

const ct_op ct_op_det = {
    .name = "det",
    .gradient = "g y a^-T",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0),
    .infer = infer_det,
    .forward = forward_det,
    .backward = backward_det,
    .samples = square_matrix_samples,
};

static ct_status infer_slogdet(ct_call *call)
{
    ct_status status = infer_det(call);
    return status == CT_OK ? declare(call, 1, NULL, 0) : status;
}

static ct_status slogdet_one(const batch *b, int64_t i)
{
    double log_size, sign = sign_and_log(b, i, &log_size);
    give(b, 0, i, &sign, 1);
    give(b, 1, i, &log_size, 1);
    return CT_OK;
}

static ct_status forward_slogdet(ct_call *call)
{
    return for_each(call, matrix_and_pivots(call), slogdet_one);
}

static ct_status backward_slogdet(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 1);
    if (!g)
        return CT_OK;
    return ct_call_set_grad(call, 0, ct_mul(as_matrices(g), transposed(ct_inverse(ct_call_input(call, 0)))));
}

ct_status ct_slogdet(ct_tensor *a, ct_tensor **sign, ct_tensor **log_size)
{
    ct_tensor *outputs[2] = {NULL, NULL};
    ct_status status = (ct_apply_multi)(&ct_op_slogdet, &a, 1, NULL, outputs);
    for (int i = 0; i < 2; i++) {
        ct_tensor **to = i == 0 ? sign : log_size;
        if (to)
            *to = outputs[i];
        else
            ct_release(outputs[i]);
    }
    return status;
}

const ct_op ct_op_slogdet = {
    .name = "slogdet",
    .gradient = "a^-T times the gradient of the logarithm",
    .min_inputs = 1,
    .max_inputs = 1,
    .outputs = 2,
    .saves = CT_SAVE_INPUT(0),
    .infer = infer_slogdet,
    .forward = forward_slogdet,
    .backward = backward_slogdet,
    .samples = square_matrix_samples,
};

/* ---- cholesky ---- */

static ct_tensor *symmetric_part(ct_tensor *t)
{
    return ct_mul_scalar(ct_add(t, transposed(t)), 0.5);
}

static ct_status infer_cholesky(ct_call *call)
{
    ct_status status = check_square(call);
    return status == CT_OK ? ct_call_output_like(call, 0, ct_call_input(call, 0)) : status;
}

static ct_status cholesky_one(const batch *b, int64_t i)
{
    take(b, 0, i, b->room, b->n * b->n);
    if (!ct__cholesky(b->room, b->n))
        return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is not positive definite: %s", (long long)i,
                             ct_call_shapes(b->call));
    give(b, 0, i, b->room, b->n * b->n);
    return CT_OK;
}

static ct_status forward_cholesky(ct_call *call)
{
    return for_each(call, matrix_and_pivots(call), cholesky_one);
}

/* L^-T phi(L^T g) L^-1, made symmetric; phi takes the lower triangle, and half of the diagonal. */
static ct_status backward_cholesky(ct_call *call)
{
    ct_tensor *l = ct_call_output(call, 0), *up = transposed(l);
    ct_tensor *inner = ct_matmul(up, ct_tril(ct_call_grad_output(call, 0), 0));
    ct_tensor *phi = ct_mul_scalar(ct_add(ct_tril(inner, 0), ct_tril(inner, -1)), 0.5);
    ct_tensor *left = ct_solve_triangular(up, phi, true, false);
    ct_tensor *both = transposed(ct_solve_triangular(up, transposed(left), true, false));
    return ct_call_set_grad(call, 0, symmetric_part(both));
}

ct_tensor *ct_cholesky(ct_tensor *a)
{
    return (ct_apply)(&ct_op_cholesky, &a, 1, NULL);
}

/* Positive definite as their elements are all close to each other but larger on no diagonal: only of 1 x 1 can a range say so. */
const ct_op ct_op_cholesky = {
    .name = "cholesky",
    .gradient = "of the symmetric part: y^-T phi(y^T g) y^-1",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_OUTPUT(0),
    .infer = infer_cholesky,
    .forward = forward_cholesky,
    .backward = backward_cholesky,
    .samples = (const ct_sample[]){{"1x1@0.5..2", NULL}, {"3x1x1@0.5..2", NULL}, {"0x2x2", NULL}, {0}},
};

/* ---- eigh ---- */

static ct_status infer_eigh(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    ct_status status = check_square(call);
    if (status == CT_OK)
        status = declare(call, 0, a->shape + a->rank - 1, 1);
    return status == CT_OK ? ct_call_output_like(call, 1, a) : status;
}

static ct_status eigh_one(const batch *b, int64_t i)
{
    int64_t n = b->n;
    double *a = b->room, *v = a + n * n, *w = v + n * n, *room = w + n;
    take(b, 0, i, a, n * n);
    ct__eigh(a, n, w, v, room);
    give(b, 0, i, w, n);
    give(b, 1, i, v, n * n);
    return CT_OK;
}

static ct_status forward_eigh(ct_call *call)
{
    int64_t n = ct_size(ct_call_input(call, 0), -1);
    return for_each(call, 2 * n * n + n + n * (n + CT_EIGH_GAP), eigh_one);
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
        inner = ct_mul(gaps(w), ct_matmul(transposed(v), of_v));
    if (of_w)
        inner = inner ? ct_add(inner, on_diagonal(of_w)) : on_diagonal(of_w);
    return ct_call_set_grad(call, 0, symmetric_part(ct_matmul(ct_matmul(v, inner), transposed(v))));
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
    .samples = square_matrix_samples,
};

/* ---- qr ---- */

static ct_status infer_qr(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (a->rank < 2 || a->shape[a->rank - 2] < a->shape[a->rank - 1])
        return ct_call_error(call, CT_ERROR_SHAPE, "takes matrices [..., m, n] with m >= n: %s", ct_call_shapes(call));
    int64_t n = a->shape[a->rank - 1];
    ct_status status = ct_call_output_like(call, 0, a);
    return status == CT_OK ? declare(call, 1, (const int64_t[]){n, n}, 2) : status;
}

static ct_status qr_one(const batch *b, int64_t i)
{
    double *a = b->room, *r = a + b->m * b->n, *tau = r + b->n * b->n;
    take(b, 0, i, a, b->m * b->n);
    ct__qr(a, b->m, b->n, r, tau);
    give(b, 0, i, a, b->m * b->n);
    give(b, 1, i, r, b->n * b->n);
    return CT_OK;
}

static ct_status forward_qr(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t m = ct_size(a, -2), n = ct_size(a, -1);
    return for_each(call, m * n + n * n + n, qr_one);
}

/* (gQ + Q s(R gR^T - gQ^T Q)) R^-T, where s copies the lower triangle to the upper one. */
static ct_status backward_qr(ct_call *call)
{
    ct_tensor *q = ct_call_output(call, 0), *r = ct_call_output(call, 1);
    ct_tensor *of_q = ct_call_grad_output(call, 0), *of_r = ct_call_grad_output(call, 1);
    of_q = of_q ? of_q : ct_zeros_like(q);
    of_r = of_r ? ct_triu(of_r, 0) : ct_zeros_like(r);
    ct_tensor *m = ct_sub(ct_matmul(r, transposed(of_r)), ct_matmul(transposed(of_q), q));
    ct_tensor *copied = ct_add(ct_tril(m, 0), transposed(ct_tril(m, -1)));
    ct_tensor *left = ct_add(of_q, ct_matmul(q, copied));
    return ct_call_set_grad(call, 0, transposed(ct_solve_triangular(r, transposed(left), true, false)));
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
        status = declare(call, 1, &n, 1);
    return status == CT_OK ? declare(call, 2, (const int64_t[]){n, n}, 2) : status;
}

static ct_status svd_one(const batch *b, int64_t i)
{
    double *a = b->room, *v = a + b->m * b->n, *s = v + b->n * b->n, *room = s + b->n;
    take(b, 0, i, a, b->m * b->n);
    ct__svd(a, b->m, b->n, s, v, room);
    give(b, 0, i, a, b->m * b->n);
    give(b, 1, i, s, b->n);
    give(b, 2, i, v, b->n * b->n);
    return CT_OK;
}

static ct_status forward_svd(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    int64_t m = ct_size(a, -2), n = ct_size(a, -1);
    return for_each(call, 2 * m * n + n * n + n, svd_one);
}

static ct_tensor *skew(ct_tensor *t)
{
    return ct_sub(t, transposed(t));
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
        ct_tensor *within = ct_matmul(transposed(u), of_u);
        inner = ct_add(inner, ct_mul(ct_mul(skew(within), e), row));
        beside = ct_div(ct_sub(of_u, ct_matmul(u, within)), row);
    }
    if (of_v)
        inner = ct_add(inner, ct_mul(column, ct_mul(skew(ct_matmul(transposed(v), of_v)), e)));
    ct_tensor *left = ct_matmul(u, inner);
    left = beside && ct_size(u, -2) > ct_size(u, -1) ? ct_add(left, beside) : left;
    return ct_call_set_grad(call, 0, ct_matmul(left, transposed(v)));
}

ct_tensor *ct_svd(ct_tensor *a, ct_tensor **u, ct_tensor **v)
{
    bool wide = a && ct_rank(a) >= 2 && ct_size(a, -2) < ct_size(a, -1);
    ct_tensor *outputs[3], *tall = wide ? transposed(a) : a;
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
