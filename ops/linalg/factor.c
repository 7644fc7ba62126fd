/* Factorisations: Gauss with partial pivots, Cholesky, Householder's QR, and Jacobi's rotations for eigenvalues and singular values
 * (Golub, Van Loan: Matrix computations, 3.4, 4.2, 5.2, 8.5, 8.6), which find small ones to full accuracy.
 *
 * Invariant: row-major; element i, j of n columns is at i n + j. */
#include "factor.h"
#include <math.h>
#include <string.h>

static void swap(double *a, double *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        double t = a[j];
        a[j] = b[j];
        b[j] = t;
    }
}

/* ---- Gauss ---- */

int ct__lu(double *a, int64_t m, int64_t n, int64_t *pivot)
{
    int sign = 1;
    bool regular = true;
    for (int64_t k = 0; k < n && k < m; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < m; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k]))
                best = i;
        pivot[k] = best;
        if (best != k) {
            swap(a + k * n, a + best * n, n);
            sign = -sign;
        }
        if (!(fabs(a[k * n + k]) > 0)) {
            regular = false;
            continue;
        }
        for (int64_t i = k + 1; i < m; i++) {
            double factor = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return regular ? sign : 0;
}

void ct__triangular_solve(const double *a, int64_t n, bool upper, bool unit, double *b, int64_t k)
{
    for (int64_t step = 0; step < n; step++) {
        int64_t i = upper ? n - 1 - step : step, from = upper ? i + 1 : 0, to = upper ? n : i;
        for (int64_t j = from; j < to; j++)
            for (int64_t c = 0; c < k; c++)
                b[i * k + c] -= a[i * n + j] * b[j * k + c];
        for (int64_t c = 0; !unit && c < k; c++)
            b[i * k + c] /= a[i * n + i];
    }
}

void ct__lu_solve(const double *lu, const int64_t *pivot, int64_t n, double *b, int64_t k)
{
    for (int64_t i = 0; i < n; i++)
        if (pivot[i] != i)
            swap(b + i * k, b + pivot[i] * k, k);
    ct__triangular_solve(lu, n, false, true, b, k);
    ct__triangular_solve(lu, n, true, false, b, k);
}

/* ---- Cholesky ---- */

static void symmetrise(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i] = a[i * n + j] / 2 + a[j * n + i] / 2;
}

bool ct__cholesky(double *a, int64_t n)
{
    symmetrise(a, n);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int64_t k = 0; k < j; k++)
                sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0))
                return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
        for (int64_t i = 0; i < j; i++)
            a[i * n + j] = 0;
    }
    return true;
}

/* ---- Householder ---- */

/* The reflection that takes x [m], of the given step, to -sign(x_0) |x| e_0: 1 - tau v v^T with v_0 = 1; x becomes v but for x_0, which
 * becomes the result's. Returns tau. */
static double reflect(double *x, int64_t m, int64_t step)
{
    double norm = 0;
    for (int64_t i = 0; i < m; i++)
        norm = hypot(norm, x[i * step]);
    double rest = 0;
    for (int64_t i = 1; i < m; i++)
        rest = hypot(rest, x[i * step]);
    if (rest == 0)
        return 0;
    double first = x[0], beta = first > 0 ? -norm : norm;
    for (int64_t i = 1; i < m; i++)
        x[i * step] /= first - beta;
    x[0] = beta;
    return (beta - first) / beta;
}

/* Applies the reflection whose v stands in column k of a, from row k on, to column j of b; both have m rows and n columns. */
static void apply_reflection(const double *a, int64_t m, int64_t n, int64_t k, double tau, double *b, int64_t j)
{
    double sum = b[k * n + j];
    for (int64_t i = k + 1; i < m; i++)
        sum += a[i * n + k] * b[i * n + j];
    sum *= tau;
    b[k * n + j] -= sum;
    for (int64_t i = k + 1; i < m; i++)
        b[i * n + j] -= a[i * n + k] * sum;
}

/* q's columns are built from the last on, each where its v stood. */
static void build_q(double *a, int64_t m, int64_t n, const double *tau)
{
    for (int64_t k = n - 1; k >= 0; k--) {
        for (int64_t j = k + 1; j < n; j++) {
            a[k * n + j] = 0;
            apply_reflection(a, m, n, k, tau[k], a, j);
        }
        for (int64_t i = k + 1; i < m; i++)
            a[i * n + k] *= -tau[k];
        a[k * n + k] = 1 - tau[k];
    }
}

void ct__qr(double *a, int64_t m, int64_t n, double *r, double *tau)
{
    for (int64_t k = 0; k < n; k++) {
        tau[k] = reflect(a + k * n + k, m - k, n);
        for (int64_t j = k + 1; j < n; j++)
            apply_reflection(a, m, n, k, tau[k], a, j);
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            r[i * n + j] = j < i ? 0 : a[i * n + j];
    build_q(a, m, n, tau);
}

/* ---- Jacobi ---- */

enum { SWEEPS = 60 };

/* The rotation that makes the off-diagonal element of [[app, apq], [apq, aqq]] 0. */
static void rotation(double app, double apq, double aqq, double *c, double *s)
{
    double theta = (aqq - app) / (2 * apq), t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));
    *c = 1 / sqrt(t * t + 1);
    *s = t * *c;
}

/* Rows are rotated, and not columns, since their elements are adjacent. */
static void rotate(double *restrict x, double *restrict y, int64_t n, double c, double s)
{
    for (int64_t i = 0; i < n; i++) {
        double u = x[i], w = y[i];
        x[i] = c * u - s * w;
        y[i] = s * u + c * w;
    }
}

static void identity(double *v, int64_t n)
{
    memset(v, 0, (size_t)(n * n) * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i * n + i] = 1;
}

static void transpose(const double *a, int64_t m, int64_t n, double *to)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            to[j * m + i] = a[i * n + j];
}

static void transpose_square(double *a, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++)
            swap(a + i * n + j, a + j * n + i, 1);
}

/* Puts values into order, and with them rows of v [n,n] and of u [n,m], which may be NULL. */
static void sort_rows(double *values, int64_t n, bool descending, double *v, double *u, int64_t m)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t best = i;
        for (int64_t j = i + 1; j < n; j++)
            if (descending ? values[j] > values[best] : values[j] < values[best])
                best = j;
        if (best == i)
            continue;
        swap(values + i, values + best, 1);
        swap(v + i * n, v + best * n, n);
        if (u)
            swap(u + i * m, u + best * m, m);
    }
}

/* Copies row p of a symmetric matrix, whose rows are ld apart, to column p. */
static void mirror(double *a, int64_t ld, int64_t n, int64_t p)
{
    for (int64_t i = 0; i < n; i++)
        a[i * ld + p] = a[p * ld + i];
}

/* Makes a[p,q] 0, unless it is by rounding: false. Column p is left as it was, and nobody reads it until p's turn is over. */
static bool rotate_symmetric(double *a, int64_t ld, int64_t n, int64_t p, int64_t q, double *v)
{
    double *x = a + p * ld, *y = a + q * ld, app = x[p], apq = x[q], aqq = y[q], c, s;
    if (!(fabs(apq) > 0x1p-54 * sqrt(fabs(app)) * sqrt(fabs(aqq))) || fabs(apq) < 0x1p-1000)
        return false;
    rotation(app, apq, aqq, &c, &s);
    rotate(x, y, n, c, s);
    x[p] = app - s / c * apq;
    y[q] = aqq + s / c * apq;
    x[q] = y[p] = 0;
    mirror(a, ld, n, q);
    rotate(v + p * n, v + q * n, n, c, s);
    return true;
}

void ct__eigh(double *a, int64_t n, double *w, double *v, double *room)
{
    int64_t ld = n + CT_EIGH_GAP;
    symmetrise(a, n);
    for (int64_t i = 0; i < n; i++)
        memcpy(room + i * ld, a + i * n, (size_t)n * sizeof *a);
    identity(v, n);
    bool turned = true;
    for (int sweep = 0; turned && sweep < SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < n; p++) {
            for (int64_t q = p + 1; q < n; q++)
                turned |= rotate_symmetric(room, ld, n, p, q, v);
            mirror(room, ld, n, p);
        }
    }
    for (int64_t i = 0; i < n; i++)
        w[i] = room[i * ld + i];
    sort_rows(w, n, false, v, NULL, 0);
    transpose_square(v, n);
}

static double dot_columns(const double *a, int64_t m, int64_t n, int64_t p, int64_t q)
{
    double sum = 0;
    for (int64_t i = 0; i < m; i++)
        sum += a[i * n + p] * a[i * n + q];
    return sum;
}

/* Column k, of length 0, becomes a unit vector orthogonal to those that have a length: the first axis' that has enough left. */
static void complete_column(double *u, int64_t m, int64_t n, int64_t k, const double *s)
{
    for (int64_t axis = 0; axis < m; axis++) {
        for (int64_t i = 0; i < m; i++)
            u[i * n + k] = i == axis;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < n; j++) {
                if (j == k || (j > k && s[j] == 0))
                    continue;
                double along = dot_columns(u, m, n, j, k);
                for (int64_t i = 0; i < m; i++)
                    u[i * n + k] -= along * u[i * n + j];
            }
        double length = sqrt(dot_columns(u, m, n, k, k));
        if (length < 0.5 / sqrt((double)m))
            continue;
        for (int64_t i = 0; i < m; i++)
            u[i * n + k] /= length;
        return;
    }
}

/* A power of two that brings the largest element to about 1, so that squares stay in range. */
static int scale_down(double *a, int64_t n)
{
    double largest = 0;
    int exponent;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(a[i]));
    if (!(largest > 0) || isinf(largest))
        return 0;
    frexp(largest, &exponent);
    for (int64_t i = 0; i < n; i++)
        a[i] = ldexp(a[i], -exponent);
    return exponent;
}

/* In four sums, which the processor can work on at once. */
static double dot(const double *x, const double *y, int64_t n)
{
    double sum[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += x[i + k] * y[i + k];
    for (; i < n; i++)
        sum[0] += x[i] * y[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Rotates rows [n,m] until each two are orthogonal (Hestenes), and v [n,n] with them; square [n] holds the rows' products with
 * themselves. */
static void make_orthogonal(double *rows, int64_t m, int64_t n, double *v, double *square)
{
    for (int64_t k = 0; k < n; k++)
        square[k] = dot(rows + k * m, rows + k * m, m);
    bool turned = true;
    for (int sweep = 0; turned && sweep < SWEEPS; sweep++) {
        turned = false;
        for (int64_t p = 0; p < n; p++) {
            for (int64_t q = p + 1; q < n; q++) {
                double *x = rows + p * m, *y = rows + q * m, apq = dot(x, y, m), c, s;
                if (!(fabs(apq) > 0x1p-52 * sqrt(square[p]) * sqrt(square[q])))
                    continue;
                turned = true;
                rotation(square[p], apq, square[q], &c, &s);
                rotate(x, y, m, c, s);
                rotate(v + p * n, v + q * n, n, c, s);
                square[p] = dot(x, x, m);
                square[q] = dot(y, y, m);
            }
        }
    }
}

void ct__svd(double *a, int64_t m, int64_t n, double *s, double *v, double *room)
{
    int exponent = scale_down(a, m * n);
    transpose(a, m, n, room);
    identity(v, n);
    make_orthogonal(room, m, n, v, s);
    for (int64_t k = 0; k < n; k++)
        s[k] = sqrt(s[k]);
    sort_rows(s, n, true, v, room, m);
    transpose(room, n, m, a);
    transpose_square(v, n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < n; k++)
            a[i * n + k] = s[k] > 0 ? a[i * n + k] / s[k] : a[i * n + k];
    for (int64_t k = 0; k < n; k++)
        if (!(s[k] > 0))
            complete_column(a, m, n, k, s);
    for (int64_t k = 0; k < n; k++)
        s[k] = ldexp(s[k], exponent);
}
