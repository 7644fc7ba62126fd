/* Cooley and Tukey's transform for any factors (An algorithm for the machine calculation of complex Fourier series, 1965): n = f m, f
 * transforms of every f-th number, put together by m of f numbers each. A length with a large prime factor is turned into a product of
 * polynomials of a length that is a power of two (Bluestein: A linear filtering approach to the computation of discrete Fourier
 * transform, 1970).
 *
 * Invariant: all memory is in the plan. */
#include "fourier.h"
#include "core_internal.h"
#include <math.h>
#include <string.h>

enum { MOST_FACTORS = 64, LARGEST_FACTOR = 32 };

struct ct_fourier {
    int64_t n;
    int factors[MOST_FACTORS]; /* in the order in which the line is cut */
    ct_complex *root;          /* [n]: exp(-+ 2 pi i k / n) */
    /* Bluestein's, else NULL: x[j] chirp[j], folded with 1 / chirp, times chirp. */
    ct_fourier *forth, *back;     /* of the power of two */
    ct_complex *chirp;            /* [n]: exp(-+ pi i j^2 / n) */
    ct_complex *filter;           /* the transform of 1 / chirp, divided by its length */
    ct_complex *product, *folded; /* scratch */
    size_t root_bytes, long_bytes;
};

static ct_complex times(ct_complex a, ct_complex b)
{
    return (ct_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* exp(-2 pi i k / n), or with the other sign: 0 <= k < n. The angle is brought into an eighth of the circle, where it is exact enough. */
static ct_complex root_of(int64_t k, int64_t n, bool inverse)
{
    int64_t turn = 8 * k / n, rest = 8 * k - turn * n; /* angle = (turn + rest / n) pi / 4 */
    bool mirrored = turn % 2;
    double angle = M_PI_4 * (double)(mirrored ? n - rest : rest) / (double)n;
    ct_complex r = {cos(angle), sin(angle)};
    int64_t quarter = (turn + mirrored) / 2 % 4;
    if (mirrored)
        r.im = -r.im;
    if (quarter % 2)
        r = (ct_complex){-r.im, r.re};
    if (quarter >= 2)
        r = (ct_complex){-r.re, -r.im};
    return (ct_complex){r.re, inverse ? r.im : -r.im};
}

/* ---- putting together ---- */

/* Of y, f transforms of m numbers one after another, the whole of f m: step is how many roots of the line one of theirs is. */
static void join_two(const ct_complex *root, int64_t step, int64_t m, ct_complex *y)
{
    for (int64_t q = 0; q < m; q++) {
        ct_complex a = y[q], b = times(y[m + q], root[q * step]);
        y[q] = (ct_complex){a.re + b.re, a.im + b.im};
        y[m + q] = (ct_complex){a.re - b.re, a.im - b.im};
    }
}

static void join_four(const ct_complex *root, int64_t step, int64_t m, double turn, ct_complex *y)
{
    for (int64_t q = 0; q < m; q++) {
        ct_complex a = y[q], b = times(y[m + q], root[q * step]), c = times(y[2 * m + q], root[2 * q * step]),
                   d = times(y[3 * m + q], root[3 * q * step]);
        ct_complex even = {a.re + c.re, a.im + c.im}, odd = {a.re - c.re, a.im - c.im};
        ct_complex sum = {b.re + d.re, b.im + d.im}, turned = {-turn * (b.im - d.im), turn * (b.re - d.re)};
        y[q] = (ct_complex){even.re + sum.re, even.im + sum.im};
        y[m + q] = (ct_complex){odd.re + turned.re, odd.im + turned.im};
        y[2 * m + q] = (ct_complex){even.re - sum.re, even.im - sum.im};
        y[3 * m + q] = (ct_complex){odd.re - turned.re, odd.im - turned.im};
    }
}

static void join_any(const ct_complex *root, int64_t step, int64_t m, int f, ct_complex *y)
{
    ct_complex part[LARGEST_FACTOR];
    int64_t of_f = step * m; /* roots of the line for one of f */
    for (int64_t q = 0; q < m; q++) {
        for (int k = 0; k < f; k++)
            part[k] = times(y[k * m + q], root[k * q * step]);
        for (int j = 0; j < f; j++) {
            ct_complex sum = part[0];
            for (int k = 1; k < f; k++) {
                ct_complex term = times(part[k], root[(int64_t)(k * j % f) * of_f]);
                sum.re += term.re;
                sum.im += term.im;
            }
            y[j * m + q] = sum;
        }
    }
}

/* y [n] from every step-th number of x; factors is what n is made of. As deep as n has factors. */
static void transform(const ct_fourier *plan, const int *factors, int64_t n, const ct_complex *x, int64_t step,
                      ct_complex *y)
{
    if (n == 1) {
        *y = *x;
        return;
    }
    int f = factors[0];
    int64_t m = n / f;
    for (int k = 0; k < f; k++)
        transform(plan, factors + 1, m, x + k * step, step * f, y + k * m);
    if (f == 2)
        join_two(plan->root, step, m, y);
    else if (f == 4)
        join_four(plan->root, step, m, plan->root[plan->n / 4].im, y);
    else
        join_any(plan->root, step, m, f, y);
}

/* ---- Bluestein ---- */

static void run_long(ct_fourier *plan, const ct_complex *x, ct_complex *y)
{
    int64_t n = plan->n, size = plan->forth->n;
    memset(plan->product, 0, (size_t)size * sizeof *plan->product);
    for (int64_t j = 0; j < n; j++)
        plan->product[j] = times(x[j], plan->chirp[j]);
    ct__fourier_run(plan->forth, plan->product, plan->folded);
    for (int64_t k = 0; k < size; k++)
        plan->folded[k] = times(plan->folded[k], plan->filter[k]);
    ct__fourier_run(plan->back, plan->folded, plan->product);
    for (int64_t k = 0; k < n; k++)
        y[k] = times(plan->product[k], plan->chirp[k]);
}

/* 1 / chirp around 0, whose transform is the filter. */
static void make_filter(ct_fourier *plan, bool inverse)
{
    int64_t n = plan->n, size = plan->forth->n;
    int64_t square = 0; /* j^2, less multiples of 2 n */
    for (int64_t j = 0; j < n; square = (square + 2 * j + 1) % (2 * n), j++) {
        plan->chirp[j] = root_of(square, 2 * n, inverse);
        plan->product[j] = (ct_complex){plan->chirp[j].re / (double)size, -plan->chirp[j].im / (double)size};
        if (j > 0)
            plan->product[size - j] = plan->product[j];
    }
    ct__fourier_run(plan->forth, plan->product, plan->filter);
}

static bool make_long(ct_fourier *plan, bool inverse)
{
    int64_t size = 1;
    while (size < 2 * plan->n - 1)
        size *= 2;
    plan->long_bytes = (size_t)(plan->n + 3 * size) * sizeof(ct_complex);
    plan->forth = ct__fourier_new(size, false);
    plan->back = ct__fourier_new(size, true);
    plan->chirp = ct__alloc(plan->long_bytes);
    if (!plan->forth || !plan->back || !plan->chirp)
        return false;
    plan->filter = plan->chirp + plan->n;
    plan->product = plan->filter + size;
    plan->folded = plan->product + size;
    memset(plan->product, 0, (size_t)size * sizeof *plan->product);
    make_filter(plan, inverse);
    return true;
}

/* ---- the plan ---- */

/* Fours first, then other primes; false if one is large. */
static bool find_factors(int64_t n, int *factors)
{
    int count = 0;
    for (int f = 4; n > 1; f = f == 4 ? 2 : f == 2 ? 3 : f + 2) {
        if (f >= LARGEST_FACTOR)
            return false;
        for (; n % f == 0; n /= f)
            factors[count++] = f;
    }
    return true;
}

static bool make_roots(ct_fourier *plan, bool inverse)
{
    plan->root_bytes = (size_t)plan->n * sizeof *plan->root;
    plan->root = ct__alloc(plan->root_bytes);
    for (int64_t k = 0; plan->root && k < plan->n; k++)
        plan->root[k] = root_of(k, plan->n, inverse);
    return plan->root != NULL;
}

ct_fourier *ct__fourier_new(int64_t n, bool inverse)
{
    ct_fourier *plan = ct__alloc(sizeof *plan);
    if (!plan)
        return NULL;
    *plan = (ct_fourier){.n = n};
    bool made = find_factors(n, plan->factors) ? make_roots(plan, inverse) : make_long(plan, inverse);
    if (!made) {
        ct__fourier_free(plan);
        return NULL;
    }
    return plan;
}

void ct__fourier_free(ct_fourier *plan)
{
    if (!plan)
        return;
    ct__fourier_free(plan->forth);
    ct__fourier_free(plan->back);
    if (plan->chirp)
        ct__free(plan->chirp, plan->long_bytes);
    if (plan->root)
        ct__free(plan->root, plan->root_bytes);
    ct__free(plan, sizeof *plan);
}

void ct__fourier_run(ct_fourier *plan, const ct_complex *x, ct_complex *y)
{
    if (plan->root)
        transform(plan, plan->factors, plan->n, x, 1, y);
    else
        run_long(plan, x, y);
}
