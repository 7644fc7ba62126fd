/* Functions of matrices and vectors that are expressions over products, solutions and factors. */
#include "expression.h"
#include "reduce/reduce_internal.h"
#include <math.h>

/* ---- matrix_power, matrix_exp ---- */

typedef struct power_attributes {
    int64_t n;
} power_attributes;

static bool check_square(ct_call *call)
{
    const ct_tensor *a = ct_call_input(call, 0);
    if (ct_rank(a) >= 2 && ct_size(a, -1) == ct_size(a, -2))
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "takes square matrices [..., n, n]: %s", ct_call_shapes(call));
    return false;
}

static ct_tensor *identity_like(ct_tensor *a)
{
    return ct_expand(ct_eye(ct_dtype_of(a), ct_size(a, -1)), ct_shape(a), ct_rank(a));
}

static ct_tensor *matrix_power_expression(ct_call *call)
{
    const power_attributes *by = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *y = NULL;
    if (!check_square(call))
        return NULL;
    if (by->n == 0)
        return ct_clone(identity_like(a));
    uint64_t n = by->n < 0 ? -(uint64_t)by->n : (uint64_t)by->n;
    for (ct_tensor *square = by->n < 0 ? ct_inverse(a) : a; square; square = ct_matmul(square, square)) {
        if (n & 1)
            y = y ? ct_matmul(y, square) : square;
        if (!y && n == 0)
            break;
        n >>= 1;
        if (n == 0)
            break;
    }
    return y == a ? ct_clone(a) : y;
}

ct_tensor *ct_matrix_power(ct_tensor *a, int64_t n)
{
    return (ct_apply)(&ct_op_matrix_power, &a, 1, &(power_attributes){n});
}

static const ct_sample matrix_power_samples[] = {{"3x3", &(power_attributes){3}},
                                                 {"2x2x2", &(power_attributes){-2}},
                                                 {"2x2", &(power_attributes){1}},
                                                 {"2x2", &(power_attributes){6}},
                                                 {0}};
CT_EXPRESSION(matrix_power, "the sum over i of (a^i)^T g (a^(n-1-i))^T", 1, 1,
              .attributes_size = sizeof(power_attributes), .attribute_names = "n");

/* How often a is halved, so that its norm is at most 1/2. */
static int halvings(ct_tensor *a)
{
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), CT_AXES(-2)};
    if (ct_numel(a) == 0)
        return 0;
    ct_tensor *norms = ct_amax(ct_sum(ct_abs(ct_detach(a)), &over), NULL);
    double norm = norms ? ct_item(norms) : 0;
    return norm > 0.5 && isfinite(norm) ? (int)ceil(log2(norm)) + 1 : 0;
}

/* By Pade's approximation of the order 8, N(a) / N(-a), after halving and before squaring (Higham: The scaling and squaring method for the
 * matrix exponential revisited, 2005): N(a) = sum c_k a^k with c_k = c_(k-1) (8 - k + 1) / (k (16 - k + 1)). */
static ct_tensor *matrix_exp_expression(ct_call *call)
{
    enum { ORDER = 8 };
    ct_tensor *a = ct_call_input(call, 0);
    if (!check_square(call))
        return NULL;
    int squarings = halvings(a);
    if (ct_numel(a) == 0)
        return ct_clone(a);
    a = ct_mul_scalar(a, ldexp(1, -squarings));
    ct_tensor *even = identity_like(a), *odd = NULL, *power = a;
    double c = 1;
    for (int k = 1; k <= ORDER; k++) {
        c *= (double)(ORDER - k + 1) / (k * (2 * ORDER - k + 1));
        ct_tensor *term = ct_mul_scalar(power, c);
        if (k % 2)
            odd = odd ? ct_add(odd, term) : term;
        else
            even = ct_add(even, term);
        power = k < ORDER ? ct_matmul(power, a) : power;
    }
    ct_tensor *y = ct_solve(ct_sub(even, odd), ct_add(even, odd));
    for (int i = 0; y && i < squarings; i++)
        y = ct_matmul(y, y);
    return y;
}

ct_tensor *ct_matrix_exp(ct_tensor *a)
{
    return (ct_apply)(&ct_op_matrix_exp, &a, 1, NULL);
}

static const ct_sample matrix_exp_samples[] = {
    {"3x3", NULL}, {"2x2x2@-0.1..0.1", NULL}, {"1x1", NULL}, {"0x0", NULL}, {0}};
CT_EXPRESSION(matrix_exp, "the integral over t of exp(t a)^T g exp((1 - t) a)^T from 0 to 1", 1, 1);

/* ---- pinv, lstsq ---- */

typedef struct cutoff_attributes {
    double rtol;
} cutoff_attributes;

/* v diag(1 / s) u^T, without the singular values at or below rtol times the largest. */
static ct_tensor *pinv_expression(ct_call *call)
{
    const cutoff_attributes *by = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *u, *v;
    if (ct_rank(a) < 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes matrices [..., m, n]: %s", ct_call_shapes(call));
        return NULL;
    }
    int64_t most = ct_size(a, -1) > ct_size(a, -2) ? ct_size(a, -1) : ct_size(a, -2);
    double rtol = ct_is_unset(by->rtol) ? (double)most * (ct_dtype_of(a) == CT_FLOAT32 ? 0x1p-23 : 0x1p-52) : by->rtol;
    if (ct_numel(a) == 0)
        return ct_clone(ct_transpose(a, -1, -2));
    ct_tensor *s = ct_svd(a, &u, &v), *zero = ct_scalar(ct_dtype_of(a), 0);
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), CT_AXES(-1), .keepdim = true};
    ct_tensor *small = ct_le(s, ct_mul_scalar(ct_amax(ct_detach(s), &over), rtol));
    ct_tensor *inverse = ct_where(small, zero, ct_reciprocal(ct_where(small, ct_scalar(ct_dtype_of(a), 1), s)));
    return ct_matmul(ct_mul(v, ct_unsqueeze(inverse, -2)), ct_transpose(u, -1, -2));
}

ct_tensor *ct_pinv(ct_tensor *a, double rtol)
{
    return (ct_apply)(&ct_op_pinv, &a, 1, &(cutoff_attributes){rtol});
}

static const ct_sample pinv_samples[] = {{"4x3", &(cutoff_attributes){1e-10}},
                                         {"2x2x3", &(cutoff_attributes){1e-10}},
                                         {"0x3", &(cutoff_attributes){0}},
                                         {0}};
CT_EXPRESSION(pinv, "-y^T g y^T and what lies beside the ranges", 1, 1, .attributes_size = sizeof(cutoff_attributes),
              .attribute_names = "rtol:1d");

/* The x of least norm among those with a x = b: a^T = q r, and x = q r^-T b. */
static ct_tensor *of_least_norm(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *r, *q = ct_qr(ct_transpose(a, -1, -2), &r);
    return q ? ct_matmul(q, ct_solve_triangular(ct_transpose(r, -1, -2), b, false, false)) : NULL;
}

static ct_tensor *lstsq_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1), *r;
    if (ct_rank(a) < 2 || ct_rank(b) < 2 || ct_size(a, -2) != ct_size(b, -2)) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a [..., m, n] and b [..., m, k]: %s", ct_call_shapes(call));
        return NULL;
    }
    if (ct_size(a, -2) < ct_size(a, -1))
        return of_least_norm(a, b);
    ct_tensor *q = ct_qr(a, &r);
    return q ? ct_solve_triangular(r, ct_matmul(ct_transpose(q, -1, -2), b), true, false) : NULL;
}

ct_tensor *ct_lstsq(ct_tensor *a, ct_tensor *b)
{
    return (ct_apply)(&ct_op_lstsq, (ct_tensor *[]){a, b}, 2, NULL);
}

static const ct_sample lstsq_samples[] = {{"5x3 5x2", NULL}, {"2x3x2 3x1", NULL}, {"2x2 2x2", NULL},
                                          {"2x4 2x3", NULL}, {"2x1x3 1x2", NULL}, {0}};
CT_EXPRESSION(lstsq, "through y = r^-1 q^T b, a = q r; where m < n through y = q r^-T b, a^T = q r", 2, 2,
              .roles = "a b");

/* ---- cross, kron, cdist, vander ---- */

static ct_tensor *cross_expression(ct_call *call)
{
    const ct_axis_attributes *along = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    int axis = (int)along->axis;
    if (ct_rank(a) != ct_rank(b) || ct__call_real_axis(call, axis, ct_rank(a)) < 0 || ct_size(a, axis) != 3 ||
        ct_size(b, axis) != 3) {
        if (ct_error_code() == CT_OK)
            ct_call_error(call, CT_ERROR_SHAPE, "takes as many axes, and 3 elements along axis %d: %s", axis,
                          ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *next_a = ct_roll(a, -1, axis), *next_b = ct_roll(b, -1, axis);
    ct_tensor *last_a = ct_roll(a, 1, axis), *last_b = ct_roll(b, 1, axis);
    return ct_sub(ct_mul(next_a, last_b), ct_mul(last_a, next_b));
}

ct_tensor *ct_cross(ct_tensor *a, ct_tensor *b, int axis)
{
    return (ct_apply)(&ct_op_cross, (ct_tensor *[]){a, b}, 2, &(ct_axis_attributes){axis});
}

static const ct_sample cross_samples[] = {{"2x3 2x3", &(ct_axis_attributes){1}},
                                          {"3x4 3x1", &(ct_axis_attributes){0}},
                                          {"3 3", &(ct_axis_attributes){-1}},
                                          {0}};
CT_EXPRESSION(cross, "b x g, g x a", 2, 2, .attributes_size = sizeof(ct_axis_attributes), .attribute_names = "axis");

static ct_tensor *kron_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    int rank = ct_rank(a) > ct_rank(b) ? ct_rank(a) : ct_rank(b);
    int64_t of_a[2 * CT_MAX_RANK], of_b[2 * CT_MAX_RANK], shape[CT_MAX_RANK];
    if (2 * rank > CT_MAX_RANK) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes at most %d axes: %s", CT_MAX_RANK / 2, ct_call_shapes(call));
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        int own_a = i - (rank - ct_rank(a)), own_b = i - (rank - ct_rank(b));
        of_a[2 * i] = own_a < 0 ? 1 : ct_size(a, own_a);
        of_b[2 * i + 1] = own_b < 0 ? 1 : ct_size(b, own_b);
        of_a[2 * i + 1] = of_b[2 * i] = 1;
        shape[i] = of_a[2 * i] * of_b[2 * i + 1];
    }
    return ct_reshape(ct_mul(ct_reshape(a, of_a, 2 * rank), ct_reshape(b, of_b, 2 * rank)), shape, rank);
}

ct_tensor *ct_kron(ct_tensor *a, ct_tensor *b)
{
    return (ct_apply)(&ct_op_kron, (ct_tensor *[]){a, b}, 2, NULL);
}

static const ct_sample kron_samples[] = {{"2x3 2x2", NULL}, {"3 2x2", NULL}, {"scalar 2", NULL}, {0}};
CT_EXPRESSION(kron, "the sums of g times the other's elements", 2, 2);

typedef struct distance_attributes {
    double p;
} distance_attributes;

static ct_tensor *cdist_expression(ct_call *call)
{
    const distance_attributes *by = ct_call_attributes(call);
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    if (ct_rank(a) < 2 || ct_rank(b) < 2 || ct_size(a, -1) != ct_size(b, -1)) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a [..., p, n] and b [..., r, n]: %s", ct_call_shapes(call));
        return NULL;
    }
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), CT_AXES(-1)};
    return ct_norm(ct_sub(ct_unsqueeze(a, -2), ct_unsqueeze(b, -3)), by->p, &over);
}

ct_tensor *ct_cdist(ct_tensor *a, ct_tensor *b, double p)
{
    return (ct_apply)(&ct_op_cdist, (ct_tensor *[]){a, b}, 2, &(distance_attributes){p});
}

static const ct_sample cdist_samples[] = {{"3x2@0.1..2 4x2@-2..-0.1", &(distance_attributes){2}},
                                          {"2x3x2@0.1..2 4x2@-2..-0.1", &(distance_attributes){1}},
                                          {0}};
CT_EXPRESSION(cdist, "that of norm, of the differences", 2, 2, .attributes_size = sizeof(distance_attributes),
              .attribute_names = "p:1d");
