/* Factors of one matrix of doubles, row-major. Invariant: matrices of either float type are factored in double. */
#ifndef CT_FACTOR_H
#define CT_FACTOR_H

#include <stdbool.h>
#include <stdint.h>

/* a [m,n] becomes L and U of a = P L U, rows traded as pivot [min(m,n)] says: row i with row pivot[i]. Returns the sign of P, 0 if
 * a pivot is 0 (or NaN). */
int ct__lu(double *a, int64_t m, int64_t n, int64_t *pivot);
/* b [n,k] becomes a^-1 b, by ct__lu's results. */
void ct__lu_solve(const double *lu, const int64_t *pivot, int64_t n, double *b, int64_t k);
/* b [n,k] becomes a^-1 b, a triangular; unit: with ones on the diagonal, whatever stands there. */
void ct__triangular_solve(const double *a, int64_t n, bool upper, bool unit, double *b, int64_t k);
/* a [n,n] becomes L of (a + a^T) / 2 = L L^T, zeros above; false if it is not positive definite. */
bool ct__cholesky(double *a, int64_t n);
/* Of (a + a^T) / 2 the eigenvalues w [n], ascending, and eigenvectors, the columns of v [n,n]; a is lost. room [n, n + CT_EIGH_GAP]: rows
 * lie a little further apart than n, so that a column's elements do not fall on the same lines of the cache. */
enum { CT_EIGH_GAP = 8 };
void ct__eigh(double *a, int64_t n, double *w, double *v, double *room);
/* a [m,n], m >= n, becomes q [m,n] with orthonormal columns, and r [n,n] is upper triangular. */
void ct__qr(double *a, int64_t m, int64_t n, double *r, double *tau);
/* a [m,n], m >= n, becomes u with orthonormal columns; s [n] descending, v [n,n]: a = u diag(s) v^T. room [m n]. */
void ct__svd(double *a, int64_t m, int64_t n, double *s, double *v, double *room);

#endif
