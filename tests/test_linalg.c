/* Equations and factors of matrices: what defines each, for every size up to some, both types, degenerate matrices, layouts; and
 * errors. The reference cases compare values and gradients with PyTorch's. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

static ct_tensor *transposed(ct_tensor *a)
{
    return ct_transpose(a, -1, -2);
}

static ct_tensor *eye(ct_dtype dtype, int64_t n)
{
    return ct_eye(dtype, n);
}

static double tolerance(ct_dtype dtype)
{
    return dtype == CT_FLOAT32 ? 2e-5 : 2e-13;
}

enum { LARGEST = 12 };

/* _i + 1: the size. A batch of two. */
START_TEST(definitions)
{
    int64_t n = _i + 1, m = n + 3;
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        double close = tolerance((ct_dtype)dtype) * (double)n;
        ct_tensor *a =
            ct_add(numbers((ct_dtype)dtype, CT_SHAPE(2, n, n), 1), ct_mul_scalar(eye((ct_dtype)dtype, n), 5));
        ct_tensor *tall = numbers((ct_dtype)dtype, CT_SHAPE(2, m, n), 2),
                  *b = numbers((ct_dtype)dtype, CT_SHAPE(2, n, 3), 3);
        ct_tensor *r, *u, *v, *vectors, *sign, *log_size;
        expect_close(ct_matmul(a, ct_solve(a, b)), b, close);
        expect_close(ct_matmul(ct_inverse(a), a), ct_expand(eye((ct_dtype)dtype, n), CT_SHAPE(2, n, n)), close);
        ct_tensor *q = ct_qr(tall, &r), *ones = ct_expand(eye((ct_dtype)dtype, n), CT_SHAPE(2, n, n));
        expect_close(ct_matmul(q, r), tall, close);
        expect_close(ct_matmul(transposed(q), q), ones, close);
        expect_close(ct_triu(r, 0), r, 0);
        ct_tensor *s = ct_svd(tall, &u, &v);
        expect_close(ct_matmul(ct_mul(u, ct_unsqueeze(s, 1)), transposed(v)), tall, close);
        expect_close(ct_matmul(transposed(u), u), ones, close);
        expect_close(ct_matmul(transposed(v), v), ones, close);
        expect_close(ct_sort(s, -1, true, NULL), s, 0);
        ct_tensor *symmetric = ct_add(a, transposed(a)), *w = ct_eigh(symmetric, &vectors);
        expect_close(ct_matmul(ct_mul(vectors, ct_unsqueeze(w, 1)), transposed(vectors)), symmetric, close);
        expect_close(ct_sort(w, -1, false, NULL), w, 0);
        ct_tensor *positive = ct_add(ct_matmul(a, transposed(a)), eye((ct_dtype)dtype, n)), *l = ct_cholesky(positive);
        expect_close(ct_matmul(l, transposed(l)), positive, close);
        expect_close(ct_tril(l, 0), l, 0);
        ck_assert_int_eq(ct_slogdet(a, &sign, &log_size), CT_OK);
        expect_close(ct_mul(sign, ct_exp(log_size)), ct_det(a), close);
        expect_close(ct_matmul(ct_matmul(tall, ct_pinv(tall, CT_UNSET)), tall), tall, 10 * close);
        expect_close(ct_matmul(ct_matrix_power(a, -1), a), ones, close);
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *wide = in_layout(transposed(tall), layout), *p, *lower, *upper, *pivots;
            ck_assert_int_eq(ct_lu(wide, &p, &lower, &upper), CT_OK);
            expect_close(ct_matmul(p, ct_matmul(lower, upper)), wide, close);
            expect_close(ct_tril(lower, 0), lower, 0);
            ck_assert_double_le(ct_item(ct_amax(ct_abs(lower))), 1);
            expect_close(ct_matmul(wide, ct_lstsq(wide, b)), b, 10 * close);
            ct_tensor *factors = ct_lu_factor(in_layout(a, layout), &pivots);
            expect_close(ct_lu_solve(factors, pivots, in_layout(b, layout)), ct_solve(a, b), close);
        }
    }
}
END_TEST

/* Equal and vanishing singular values and eigenvalues: the factors are still factors. */
START_TEST(degenerate_matrices)
{
    static const double values[][9] = {{1, 0, 0, 0, 1, 0, 0, 0, 1},          {0, 0, 0, 0, 0, 0, 0, 0, 0},
                                       {1, 1, 1, 1, 1, 1, 1, 1, 1},          {2, 0, 0, 0, 0, 0, 0, 0, 2},
                                       {1e-200, 0, 0, 0, 1e200, 0, 0, 0, 1}, {0, 1, 0, 1, 0, 0, 0, 0, 3}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ct_tensor *a = ct_from_values(CT_FLOAT64, values[i], 9, CT_SHAPE(3, 3)), *u, *v, *vectors, *r;
        ct_tensor *s = ct_svd(a, &u, &v), *w = ct_eigh(a, &vectors), *q = ct_qr(a, &r);
        expect_close(ct_matmul(ct_mul(u, s), transposed(v)), a, 1e-14);
        expect_close(ct_matmul(transposed(u), u), eye(CT_FLOAT64, 3), 1e-14);
        expect_close(ct_matmul(ct_mul(vectors, w), transposed(vectors)), a, 1e-14);
        expect_close(ct_matmul(transposed(vectors), vectors), eye(CT_FLOAT64, 3), 1e-14);
        expect_close(ct_matmul(q, r), a, 1e-14);
        expect_close(ct_matmul(transposed(q), q), eye(CT_FLOAT64, 3), 1e-14);
    }
}
END_TEST

/* A gradient through a positive definite matrix, to the second order. */
static ct_tensor *factor_of_square(ct_tensor *const *in)
{
    return ct_cholesky(ct_add(ct_matmul(in[0], transposed(in[0])), eye(CT_FLOAT64, 3)));
}

START_TEST(gradients_of_cholesky)
{
    ct_tensor *in[] = {numbers(CT_FLOAT64, CT_SHAPE(3, 3), 4)};
    expect_gradients(factor_of_square, in, 1);
}
END_TEST

START_TEST(no_unknowns)
{
    ct_tensor *none = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0, 0));
    expect_tensor(ct_det(none), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(1, 1));
    ck_assert_int_eq(ct_numel(ct_inverse(none)), 0);
    ck_assert_int_eq(ct_numel(ct_matrix_exp(none)), 0);
    ck_assert_int_eq(ct_numel(ct_eigh(none, NULL)), 0);
    ck_assert_int_eq(ct_numel(ct_svd(ct_zeros(CT_FLOAT32, CT_SHAPE(3, 0)), NULL, NULL)), 0);
    expect_tensor(ct_matrix_power(ct_full(CT_FLOAT64, 7, CT_SHAPE(1, 1)), 0), CT_FLOAT64, CT_SHAPE(1, 1), CT_VALUES(1));
}
END_TEST

START_TEST(singular_matrices)
{
    ct_tensor *a = ct_ones(CT_FLOAT64, CT_SHAPE(2, 2)), *b = ct_ones(CT_FLOAT64, CT_SHAPE(2, 1)), *sign, *log_size;
    expect_error(ct_solve(a, b), CT_ERROR_ARGUMENT, "solve: matrix 0 is singular: [2,2], [2,1]");
    expect_error(ct_inverse(a), CT_ERROR_ARGUMENT, "inverse: solve: matrix 0 is singular");
    expect_error(ct_solve_triangular(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 2)), b, false, false), CT_ERROR_ARGUMENT,
                 "solve_triangular: matrix 0 is singular");
    expect_error(ct_cholesky(a), CT_ERROR_ARGUMENT, "cholesky: matrix 0 is not positive definite: [2,2]");
    ck_assert_double_eq(ct_item(ct_det(a)), 0);
    ck_assert_int_eq(ct_slogdet(a, &sign, &log_size), CT_OK);
    ck_assert_double_eq(ct_item(sign), 0);
    ck_assert_double_eq(ct_item(log_size), -INFINITY);
    ct_set_requires_grad(a, true);
    ck_assert_int_eq(ct_backward(ct_det(a)), CT_ERROR_ARGUMENT);
    ct_error_clear();
}
END_TEST

START_TEST(shapes_that_do_not_fit)
{
    ct_tensor *a = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), *square = eye(CT_FLOAT64, 2),
              *row = ct_ones(CT_FLOAT64, CT_SHAPE(3));
    expect_error(ct_inverse(a), CT_ERROR_SHAPE, "inverse: takes square matrices [..., n, n]: [2,3]");
    expect_error(ct_solve(square, row), CT_ERROR_SHAPE, "solve: takes a [..., n, n] and b [..., n, k]: [2,2], [3,1]");
    expect_error(ct_solve(row, row), CT_ERROR_SHAPE, "solve: takes matrices [..., m, n] whose first axes broadcast");
    expect_error(ct_qr(a, NULL), CT_ERROR_SHAPE, "qr: takes matrices [..., m, n] with m >= n: [2,3]");
    expect_error(ct_svd(row, NULL, NULL), CT_ERROR_SHAPE, "svd: takes matrices");
    expect_error(ct_lstsq(a, row), CT_ERROR_SHAPE, "lstsq: takes a [..., m, n] and b [..., m, k]: [2,3], [3]");
    expect_error(ct_lu_factor(row, NULL), CT_ERROR_SHAPE, "lu_factor: takes matrices [..., m, n]: [3]");
    ct_tensor *pivots = ct_zeros(CT_INT64, CT_SHAPE(2)), *far = ct_full(CT_INT64, 2, CT_SHAPE(2));
    expect_error(ct_lu_solve(a, pivots, a), CT_ERROR_SHAPE, "lu_solve: takes factors [..., n, n], b [..., n, k]");
    expect_error(ct_lu_solve(square, far, square), CT_ERROR_ARGUMENT, "lu_solve: index 2 at [0] is not in 0..1");
    expect_error(ct_cross(row, ct_ones(CT_FLOAT64, CT_SHAPE(2)), 0), CT_ERROR_SHAPE,
                 "cross: takes as many axes, and 3 elements");
    expect_error(ct_matrix_exp(a), CT_ERROR_SHAPE, "matrix_exp: takes square matrices");
    expect_error(ct_kron(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 1)), row), CT_ERROR_SHAPE,
                 "kron: takes at most 4 axes");
    expect_error(ct_cdist(a, square, 2), CT_ERROR_SHAPE, "cdist: takes a [..., p, n] and b [..., r, n]: [2,3], [2,2]");
}
END_TEST

Suite *ct_suite_linalg(void)
{
    Suite *suite = suite_create("linalg");
    TCase *tests = tcase_create("linalg");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_loop_test(tests, definitions, 0, LARGEST);
    tcase_add_test(tests, degenerate_matrices);
    tcase_add_test(tests, gradients_of_cholesky);
    tcase_add_test(tests, no_unknowns);
    tcase_add_test(tests, singular_matrices);
    tcase_add_test(tests, shapes_that_do_not_fit);
    suite_add_tcase(suite, tests);
    return suite;
}
