/* Equations in square matrices [..., n, n], their inverses, determinants and Cholesky factors; gradients as expressions (Giles: An
 * extended collection of matrix derivative results, 2008; Murray: Differentiation of the Cholesky decomposition, 2016). */
#include "batch.h"
#include "expression.h"
#include "factor.h"
#include <math.h>
#include <string.h>

/* ---- what they share ---- */

/* Whether b goes with the square matrices a: [..., n, k], with the same axes in front. */
static ct_status check_right_side(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    ct_status status = ct__check_square(call);
    bool fits = status == CT_OK && b->rank == a->rank;
    for (int i = 0; fits && i < a->rank - 1; i++)
        fits = a->shape[i] == b->shape[i];
    if (status != CT_OK || fits)
        return status;
    return ct_call_error(call, CT_ERROR_SHAPE, "takes a [..., n, n] and b [..., n, k]: %s", ct_call_shapes(call));
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

static ct_status solve_one(const ct__matrices *b, int64_t i)
{
    int64_t k, n = b->n;
    size_of_both(b->call, &k);
    double *a = b->room, *x = a + n * n;
    int64_t *pivot = (int64_t *)(void *)(x + n * k);
    ct__take_matrix(b, 0, i, a, n * n);
    ct__take_matrix(b, 1, i, x, n * k);
    if (n > 0 && ct__lu(a, n, n, pivot) == 0)
        return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is singular: %s", (long long)i,
                             ct_call_shapes(b->call));
    ct__lu_solve(a, pivot, n, x, k);
    ct__give_matrix(b, 0, i, x, n * k);
    return CT_OK;
}

static ct_status forward_solve(ct_call *call)
{
    int64_t k, size = size_of_both(call, &k);
    return ct__each_matrix(call, size + ct_size(ct_call_input(call, 0), -1), solve_one);
}

static ct_status backward_solve(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *x = ct_call_output(call, 0);
    ct_tensor *of_b = ct_solve(ct__matrix_transposed(a), ct_call_grad_output(call, 0));
    ct_status status = ct_call_set_grad(call, 1, of_b);
    if (status == CT_OK && ct_call_needs_grad(call, 0))
        status = ct_call_set_grad(call, 0, ct_neg(ct_matmul(of_b, ct__matrix_transposed(x))));
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

static ct_status triangle_one(const ct__matrices *b, int64_t i)
{
    const triangle_attributes *how = ct_call_attributes(b->call);
    int64_t k, n = b->n;
    size_of_both(b->call, &k);
    double *a = b->room, *x = a + n * n;
    ct__take_matrix(b, 0, i, a, n * n);
    ct__take_matrix(b, 1, i, x, n * k);
    for (int64_t j = 0; !how->unit && j < n; j++)
        if (a[j * n + j] == 0)
            return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is singular: %s", (long long)i,
                                 ct_call_shapes(b->call));
    ct__triangular_solve(a, n, how->upper, how->unit, x, k);
    ct__give_matrix(b, 0, i, x, n * k);
    return CT_OK;
}

static ct_status forward_triangle(ct_call *call)
{
    int64_t k;
    return ct__each_matrix(call, size_of_both(call, &k), triangle_one);
}

static ct_status backward_triangle(ct_call *call)
{
    const triangle_attributes *how = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *x = ct_call_output(call, 0);
    ct_tensor *of_b =
        ct_solve_triangular(ct__matrix_transposed(a), ct_call_grad_output(call, 0), !how->upper, how->unit);
    ct_status status = ct_call_set_grad(call, 1, of_b);
    if (status != CT_OK || !ct_call_needs_grad(call, 0))
        return status;
    ct_tensor *full = ct_neg(ct_matmul(of_b, ct__matrix_transposed(x)));
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
    if (ct__check_square(call) != CT_OK)
        return NULL;
    return ct_solve(a, ct_eye(ct_dtype_of(a), ct_size(a, -1)));
}

ct_tensor *ct_inverse(ct_tensor *a)
{
    return (ct_apply)(&ct_op_inverse, &a, 1, NULL);
}

#define inverse_samples ct__square_samples
CT_EXPRESSION(inverse, "-y^T g y^T", 1, 1);

static ct_status infer_det(ct_call *call)
{
    ct_status status = ct__check_square(call);
    return status == CT_OK ? ct__declare_matrices(call, 0, NULL, 0) : status;
}

/* The sign and the logarithm of the determinant's size; 0 and -infinity for 0. */
static double sign_and_log(const ct__matrices *b, int64_t i, double *log_size)
{
    int64_t n = b->n, *pivot = (int64_t *)(void *)(b->room + n * n);
    ct__take_matrix(b, 0, i, b->room, n * n);
    double sign = n > 0 ? ct__lu(b->room, n, n, pivot) : 1;
    *log_size = 0;
    for (int64_t j = 0; j < n; j++) {
        double pivot_j = b->room[j * n + j];
        *log_size += log(fabs(pivot_j));
        sign = pivot_j < 0 ? -sign : isnan(pivot_j) ? NAN : sign;
    }
    return sign;
}

static ct_status det_one(const ct__matrices *b, int64_t i)
{
    double log_size, sign = sign_and_log(b, i, &log_size), det = sign;
    for (int64_t j = 0; j < b->n; j++)
        det *= fabs(b->room[j * b->n + j]);
    ct__give_matrix(b, 0, i, &det, 1);
    return CT_OK;
}

static int64_t matrix_and_pivots(ct_call *call)
{
    int64_t n = ct_size(ct_call_input(call, 0), -1);
    return n * n + n;
}

static ct_status forward_det(ct_call *call)
{
    return ct__each_matrix(call, matrix_and_pivots(call), det_one);
}

/* t [...] as [..., 1, 1]. */
static ct_tensor *as_matrices(ct_tensor *t)
{
    return ct_unsqueeze(ct_unsqueeze(t, -1), -1);
}

static ct_status backward_det(ct_call *call)
{
    ct_tensor *factor = ct_mul(ct_call_grad_output(call, 0), ct_call_output(call, 0));
    return ct_call_set_grad(call, 0,
                            ct_mul(as_matrices(factor), ct__matrix_transposed(ct_inverse(ct_call_input(call, 0)))));
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
    .samples = ct__square_samples,
};

static ct_status infer_slogdet(ct_call *call)
{
    ct_status status = infer_det(call);
    return status == CT_OK ? ct__declare_matrices(call, 1, NULL, 0) : status;
}

static ct_status slogdet_one(const ct__matrices *b, int64_t i)
{
    double log_size, sign = sign_and_log(b, i, &log_size);
    ct__give_matrix(b, 0, i, &sign, 1);
    ct__give_matrix(b, 1, i, &log_size, 1);
    return CT_OK;
}

static ct_status forward_slogdet(ct_call *call)
{
    return ct__each_matrix(call, matrix_and_pivots(call), slogdet_one);
}

static ct_status backward_slogdet(ct_call *call)
{
    ct_tensor *g = ct_call_grad_output(call, 1);
    if (!g)
        return CT_OK;
    return ct_call_set_grad(call, 0, ct_mul(as_matrices(g), ct__matrix_transposed(ct_inverse(ct_call_input(call, 0)))));
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
    .samples = ct__square_samples,
};

/* ---- cholesky ---- */

static ct_status infer_cholesky(ct_call *call)
{
    ct_status status = ct__check_square(call);
    return status == CT_OK ? ct_call_output_like(call, 0, ct_call_input(call, 0)) : status;
}

static ct_status cholesky_one(const ct__matrices *b, int64_t i)
{
    ct__take_matrix(b, 0, i, b->room, b->n * b->n);
    if (!ct__cholesky(b->room, b->n))
        return ct_call_error(b->call, CT_ERROR_ARGUMENT, "matrix %lld is not positive definite: %s", (long long)i,
                             ct_call_shapes(b->call));
    ct__give_matrix(b, 0, i, b->room, b->n * b->n);
    return CT_OK;
}

static ct_status forward_cholesky(ct_call *call)
{
    return ct__each_matrix(call, matrix_and_pivots(call), cholesky_one);
}

/* L^-T phi(L^T g) L^-1, made symmetric; phi takes the lower triangle, and half of the diagonal. */
static ct_status backward_cholesky(ct_call *call)
{
    ct_tensor *l = ct_call_output(call, 0), *up = ct__matrix_transposed(l);
    ct_tensor *inner = ct_matmul(up, ct_tril(ct_call_grad_output(call, 0), 0));
    ct_tensor *phi = ct_mul_scalar(ct_add(ct_tril(inner, 0), ct_tril(inner, -1)), 0.5);
    ct_tensor *left = ct_solve_triangular(up, phi, true, false);
    ct_tensor *both = ct__matrix_transposed(ct_solve_triangular(up, ct__matrix_transposed(left), true, false));
    return ct_call_set_grad(call, 0, ct__symmetric_part(both));
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
