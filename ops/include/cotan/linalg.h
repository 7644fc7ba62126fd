/* Equations, factors and functions of matrices. Matrices are the last two axes, those in front are a batch; float32 or float64, any
 * strides; all are differentiable to any order. They are worked on in double, one after the other: for systems of up to some hundreds
 * of unknowns. Errors: shape; argument, with the matrix's number (a singular matrix where its inverse is needed). */
#ifndef COTAN_LINALG_H
#define COTAN_LINALG_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- equations ---- */
/* The x with a x = b: a [..., n, n], b [..., n, k], whose first axes broadcast, or [n]. */
CT_API ct_tensor *ct_solve(ct_tensor *a, ct_tensor *b);
/* The same for a triangular a, whose other triangle is not looked at; unitriangular: nor is its diagonal, which counts as ones. */
CT_API ct_tensor *ct_solve_triangular(ct_tensor *a, ct_tensor *b, bool upper, bool unitriangular);
/* The x for which a x is nearest to b, where m < n the one of least norm: a [..., m, n] of full rank, b [..., m, k]. */
CT_API ct_tensor *ct_lstsq(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_inverse(ct_tensor *a); /* a^-1 */
/* The inverse of Moore and Penrose; singular values up to rtol times the largest count as 0, with gradient 0. CT_UNSET: max(m, n) units
 * in the last place of 1. */
CT_API ct_tensor *ct_pinv(ct_tensor *a, double rtol);
/* The determinant: [...]. Its gradient asks for the inverse: error in backward for a singular matrix. */
CT_API ct_tensor *ct_det(ct_tensor *a);
/* Its sign (no gradient) and the logarithm of its size; 0 and -infinity of a singular matrix. Either may be NULL. */
CT_API ct_status ct_slogdet(ct_tensor *a, ct_tensor **sign, ct_tensor **log_size);

/* ---- factors ---- */
/* The lower triangular l with l l^T = (a + a^T) / 2. Error (argument): not positive definite. */
CT_API ct_tensor *ct_cholesky(ct_tensor *a);
/* Factors by elimination, a = p l u: p [..., m, m] trades rows (no gradient), l [..., m, k] is lower triangular with ones on its diagonal, u
 * [..., k, n] upper triangular, k the smaller of m and n. Any of them may be NULL. */
CT_API ct_status ct_lu(ct_tensor *a, ct_tensor **p, ct_tensor **l, ct_tensor **u);
/* l and u in one, [..., m, n], and pivots, which may be NULL: int64 [..., k]: row i has been traded with row pivots[i], in that order,
 * counted from 0 (PyTorch's from 1). */
CT_API ct_tensor *ct_lu_factor(ct_tensor *a, ct_tensor **pivots);
/* The x with a x = b [..., n, k] by these two of a square a; the first axes broadcast. */
CT_API ct_tensor *ct_lu_solve(ct_tensor *factors, ct_tensor *pivots, ct_tensor *b);
/* The eigenvalues of (a + a^T) / 2, ascending: [..., n]; vectors, which may be NULL, gets the eigenvectors as columns, whose gradients are
 * infinite or NaN where eigenvalues are equal, and mean something only for what does not depend on the vectors' signs. */
CT_API ct_tensor *ct_eigh(ct_tensor *a, ct_tensor **vectors);
/* q [..., m, n] with orthonormal columns, and r [..., n, n] upper triangular, with q r = a; m >= n. r may be NULL. */
CT_API ct_tensor *ct_qr(ct_tensor *a, ct_tensor **r);
/* The singular values of a [..., m, n], descending: [..., k], k the smaller of m and n; u [..., m, k] and v [..., n, k], which may be
 * NULL: a = u diag(s) v^T. Gradients of u and v as of eigenvectors. PyTorch's Vh is v transposed. */
CT_API ct_tensor *ct_svd(ct_tensor *a, ct_tensor **u, ct_tensor **v);

/* ---- functions ---- */
CT_API ct_tensor *ct_matrix_power(ct_tensor *a, int64_t n); /* a a ... a; of the inverse for n < 0 */
CT_API ct_tensor *ct_matrix_exp(ct_tensor *a);              /* 1 + a + a a / 2 + ... */
CT_API ct_tensor *ct_cross(ct_tensor *a, ct_tensor *b,
                           int axis);                  /* the vector product along axis, of size 3; broadcast */
CT_API ct_tensor *ct_kron(ct_tensor *a, ct_tensor *b); /* Kronecker's product; at most 4 axes */
/* The p-norm of a's rows less b's: [..., p, n] and [..., r, n] give [..., p, r]. Gradient 0 where it is 0. */
CT_API ct_tensor *ct_cdist(ct_tensor *a, ct_tensor *b, double p);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_solve(a, b) ct_at(CT_HERE, ct_solve(a, b))
#define ct_solve_triangular(a, b, upper, unitriangular) ct_at(CT_HERE, ct_solve_triangular(a, b, upper, unitriangular))
#define ct_lstsq(a, b) ct_at(CT_HERE, ct_lstsq(a, b))
#define ct_inverse(a) ct_at(CT_HERE, ct_inverse(a))
#define ct_pinv(a, rtol) ct_at(CT_HERE, ct_pinv(a, rtol))
#define ct_det(a) ct_at(CT_HERE, ct_det(a))
#define ct_slogdet(a, sign, log_size) ct_at_status(CT_HERE, ct_slogdet(a, sign, log_size))
#define ct_cholesky(a) ct_at(CT_HERE, ct_cholesky(a))
#define ct_lu(a, p, l, u) ct_at_status(CT_HERE, ct_lu(a, p, l, u))
#define ct_lu_factor(a, pivots) ct_at(CT_HERE, ct_lu_factor(a, pivots))
#define ct_lu_solve(factors, pivots, b) ct_at(CT_HERE, ct_lu_solve(factors, pivots, b))
#define ct_eigh(a, vectors) ct_at(CT_HERE, ct_eigh(a, vectors))
#define ct_qr(a, r) ct_at(CT_HERE, ct_qr(a, r))
#define ct_svd(a, u, v) ct_at(CT_HERE, ct_svd(a, u, v))
#define ct_matrix_power(a, n) ct_at(CT_HERE, ct_matrix_power(a, n))
#define ct_matrix_exp(a) ct_at(CT_HERE, ct_matrix_exp(a))
#define ct_cross(a, b, axis) ct_at(CT_HERE, ct_cross(a, b, axis))
#define ct_kron(a, b) ct_at(CT_HERE, ct_kron(a, b))
#define ct_cdist(a, b, p) ct_at(CT_HERE, ct_cdist(a, b, p))
#endif

#ifdef __cplusplus
}
#endif
#endif
