/* The transforms of Winograd's convolutions for this instruction set; see kernels_winograd.h. */
#include "kernels_winograd.h"
#define T_IS_DOUBLE 0
#include "simd.h"

/* ---- the matrices ---- */

static const float B_T[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
static const float A_T[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}}, A[4][2] = {{1, 0}, {1, 1}, {1, -1}, {0, -1}};
static const float G[4][3] = {{1, 0, 0}, {.5F, .5F, .5F}, {.5F, -.5F, .5F}, {0, 0, 1}};
static const float G_T[3][4] = {{1, .5F, .5F, 0}, {0, .5F, -.5F, 0}, {0, .5F, .5F, 1}};

enum { MOST = 4 }; /* rows and columns of a matrix */

/* sum over k < n of m[k] x[k * step]. The coefficients are constants when the compiler has unrolled the loop. */
INLINE vec combine(const int n, const float *m, const vec *x, const int step)
{
    vec sum = V_ZERO;
    bool begun = false;
    UNROLL for (int k = 0; k < n; k++)
    {
        if (m[k] == 0)
            continue;
        vec term = m[k] == 1 || m[k] == -1 ? x[k * step] : m[k] * x[k * step];
        sum = m[k] == -1 ? sum - term : begun ? sum + term : term;
        begun = true;
    }
    return sum;
}

/* y = M x M^T, rows x rows, for M of rows x cols. */
INLINE void transform(const int rows, const int cols, const float *m, const vec *x, vec *y)
{
    vec half[MOST * MOST];
    UNROLL for (int i = 0; i < cols; i++) UNROLL for (int j = 0; j < rows; j++) half[i * rows + j] =
        combine(cols, m + j * cols, x + i * cols, 1);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < rows; j++) y[i * rows + j] =
        combine(cols, m + i * cols, half + j, rows);
}

/* ---- tiles ---- */

INLINE void store_first(float *to, vec v, int64_t n)
{
    if (n >= LANES)
        V_STORE(to, v);
    else
        V_STORE_SOME(to, v, n);
}

/* Elements at, at + 1, ... of a row of n; 0 outside of it. */
INLINE vec load_inside(const float *x, int64_t n, int64_t at)
{
    int64_t from = at < 0 ? -at : 0, to = n - at < LANES ? n - at : LANES;
    if (from == 0 && to == LANES)
        return V_LOAD(x + at);
    return from < to ? V_LOAD_LANES(x + at, from, to) : V_ZERO;
}

/* Row r of the tiles from number j on, size elements each, times M^T. */
INLINE void take_row(const int size, const float *m, const ct_tiles *t, const float *image, int64_t r, int64_t j,
                     vec *y)
{
    int64_t row = t->row + r, at = t->col + 2 * j;
    vec d[MOST] = {V_ZERO, V_ZERO, V_ZERO, V_ZERO};
    if (row >= 0 && row < t->rows)
        UNROLL for (int b = 0; b < size; b += 2)
        {
            vec first = load_inside(image + row * t->cols, t->cols, at + b);
            vec second = load_inside(image + row * t->cols, t->cols, at + b + LANES);
            d[b] = V_EVEN(first, second);
            d[b + 1] = V_ODD(first, second);
        }
    UNROLL for (int b = 0; b < MOST; b++) y[b] = combine(size, m + b * size, d, 1);
}

/* The transform M d M^T of tiles d of size x size elements. Tiles of 4 x 4 share two rows with those below them. */
INLINE void take(const int size, const float *m, const ct_tiles *t, const float *image, float *v, int64_t step)
{
    for (int64_t j = 0; j < t->across; j += LANES) {
        int64_t n = t->across - j < LANES ? t->across - j : LANES;
        vec rows[MOST * MOST];
        UNROLL for (int a = 0; a < size - 2; a++) take_row(size, m, t, image, a, j, rows + a * MOST);
        for (int64_t i = 0; i < t->down; i++) {
            UNROLL for (int a = size - 2; a < size; a++) take_row(size, m, t, image, 2 * i + a, j, rows + a * MOST);
            UNROLL for (int k = 0; k < CT_WINOGRAD_TERMS; k++) store_first(
                v + k * step + i * t->across + j, combine(size, m + k / MOST * size, rows + k % MOST, MOST), n);
            UNROLL for (int a = 0; a < (size - 2) * MOST; a++) rows[a] = rows[a + 2 * MOST];
        }
    }
}

static void take_x(const ct_tiles *tiles, const float *x, float *v, int64_t step)
{
    take(4, B_T[0], tiles, x, v, step);
}

static void take_y(const ct_tiles *tiles, const float *y, float *v, int64_t step)
{
    take(2, A[0], tiles, y, v, step);
}

/* Two rows of vectors in turn, at most n elements. */
INLINE void store_pairs(float *to, vec even, vec odd, int64_t n)
{
    store_first(to, V_LOW(even, odd), n);
    if (n > LANES)
        store_first(to + LANES, V_HIGH(even, odd), n - LANES);
}

static void give_y(const ct_tiles *t, const float *v, int64_t step, float bias, float *y)
{
    for (int64_t i = 0; i < t->down; i++, v += t->across)
        for (int64_t j = 0; j < t->across; j += LANES) {
            vec terms[CT_WINOGRAD_TERMS], out[4];
            UNROLL for (int k = 0; k < CT_WINOGRAD_TERMS; k++) terms[k] = V_LOAD(v + k * step + j);
            transform(2, 4, A_T[0], terms, out);
            for (int64_t a = 0, row = t->row + 2 * i; a < 2 && row < t->rows; a++, row++)
                store_pairs(y + row * t->cols + 2 * j, out[2 * a] + bias, out[2 * a + 1] + bias, t->cols - 2 * j);
        }
}

/* ---- kernels ---- */

enum { KERNEL_SIZE = 3 };

static void take_w(int64_t n, bool flip, const float *w, float *u)
{
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t have = n - i < LANES ? n - i : LANES;
        vec g[CT_WINOGRAD_KERNEL] = {V_ZERO}, terms[CT_WINOGRAD_TERMS];
        for (int64_t lane = 0; lane < have; lane++)
            for (int q = 0; q < CT_WINOGRAD_KERNEL; q++)
                g[flip ? CT_WINOGRAD_KERNEL - 1 - q : q][lane] = w[(i + lane) * CT_WINOGRAD_KERNEL + q];
        transform(4, KERNEL_SIZE, G[0], g, terms);
        for (int k = 0; k < CT_WINOGRAD_TERMS; k++)
            V_STORE_SOME(u + k * n + i, terms[k], have);
    }
}

static void give_w(int64_t n, const float *u, float *w)
{
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t have = n - i < LANES ? n - i : LANES;
        vec g[CT_WINOGRAD_KERNEL], terms[CT_WINOGRAD_TERMS];
        for (int k = 0; k < CT_WINOGRAD_TERMS; k++)
            terms[k] = V_LOAD_SOME(u + k * n + i, have);
        transform(KERNEL_SIZE, 4, G_T[0], terms, g);
        for (int64_t lane = 0; lane < have; lane++)
            for (int q = 0; q < CT_WINOGRAD_KERNEL; q++)
                w[(i + lane) * CT_WINOGRAD_KERNEL + q] = g[q][lane];
    }
}

const ct_winograd_kernels V_JOIN(ct__winograd_, CT_ISA_SUFFIX) = {
    .take_x = take_x, .take_y = take_y, .give_y = give_y, .take_w = take_w, .give_w = give_w};
