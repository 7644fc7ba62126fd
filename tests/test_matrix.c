/* The matrix product bit by bit: every set of kernels that this machine runs, against plain loops that add up the same
 * terms in the same order. */
#include "matrix/kernels.h"
#include "quick.h"
#include "suites.h"
#include <cotan/ops.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHAIN = 256 }; /* terms that one chain adds up, as product.c says */

static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64};

/* ---- what runs here ---- */

typedef struct kernel_set {
    const char *name;
    const ct_matrix_kernels *of[2]; /* float32, float64 */
    bool fused, exact;              /* a term is one rounding; its order is ours */
} kernel_set;

/* Fills sets (of room for 4) and returns their number. */
static int kernel_sets(kernel_set *sets)
{
    int n = 0;
#ifdef __FMA__
    bool fused = true;
#else
    bool fused = false;
#endif
    sets[n++] = (kernel_set){"portable", {&ct__matrix_portable[0], &ct__matrix_portable[1]}, fused, true};
#if defined(__x86_64__)
    if (ct__isa() >= 1)
        sets[n++] = (kernel_set){"avx2", {&ct__matrix_avx2[0], &ct__matrix_avx2[1]}, true, true};
    if (ct__isa() >= 2)
        sets[n++] = (kernel_set){"avx512", {&ct__matrix_avx512[0], &ct__matrix_avx512[1]}, true, true};
#endif
#ifdef COTAN_USE_BLIS
    const ct_matrix_kernels *blis = ct__matrix_blis(CT_FLOAT32);
    ck_assert_ptr_nonnull(blis);
    sets[n++] = (kernel_set){"blis", {blis, ct__matrix_blis(CT_FLOAT64)}, true, false};
#endif
    return n;
}

/* ---- matrices ---- */

/* A matrix in a block that ends with its last element, so that memory debuggers see any step outside. */
typedef struct matrix {
    ct_dtype dtype;
    int64_t rows, cols, row, col, first, room; /* strides; where element (0, 0) is; elements of the block */
    void *block;
} matrix;

enum { KINDS = 5 };

/* kind 0 row-major, 1 column-major, 2 with gaps both ways, 3 rows backwards, 4 every row the same (not for results). */
static matrix new_matrix(ct_dtype dtype, int64_t rows, int64_t cols, int kind)
{
    matrix m = {.dtype = dtype, .rows = rows, .cols = cols, .row = cols, .col = 1};
    if (kind == 1)
        m.row = 1, m.col = rows;
    else if (kind == 2)
        m.row = 2 * cols + 3, m.col = 2;
    else if (kind == 3)
        m.row = -cols, m.first = (rows - 1) * cols;
    else if (kind == 4)
        m.row = 0;
    m.room = 1 + (rows - 1) * llabs(m.row) + (cols - 1) * m.col;
    m.block = malloc((size_t)(m.room * ct__size_of(dtype)));
    if (!m.block)
        ck_abort_msg("no memory");
    return m;
}

static char *matrix_data(const matrix *m)
{
    return (char *)m->block + m->first * ct__size_of(m->dtype);
}

static double get(const matrix *m, int64_t i, int64_t j)
{
    int64_t at = m->first + i * m->row + j * m->col;
    return m->dtype == CT_FLOAT32 ? (double)((float *)m->block)[at] : ((double *)m->block)[at];
}

static void set(matrix *m, int64_t at, double value)
{
    if (m->dtype == CT_FLOAT32)
        ((float *)m->block)[at] = (float)value;
    else
        ((double *)m->block)[at] = value;
}

/* Numbers of all sizes, zeros of both signs, and, with specials, infinities and NaN. */
static void fill(matrix *m, uint64_t seed, bool specials)
{
    static const double special[] = {0, -0.0, 1, INFINITY, -INFINITY, NAN};
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int64_t i = 0; i < m->room; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value = (double)(float)((double)(state >> 11) * 0x1p-52 - 1);
        uint64_t dice = (state >> 33) % 16;
        set(m, i, dice < (specials ? 6 : 3) ? special[dice] : value);
    }
}

/* ---- the plain product ---- */

/* c + one term, rounded as the kernels do. */
static double step(ct_dtype dtype, bool fused, double a, double b, double c)
{
    if (dtype == CT_FLOAT64)
        return fused ? fma(a, b, c) : a * b + c;
    if (fused)
        return (double)fmaf((float)a, (float)b, (float)c);
    float product = (float)a * (float)b;
    return (double)(product + (float)c);
}

static double element(bool fused, const matrix *a, const matrix *b, bool add, const matrix *c, int64_t i, int64_t j)
{
    double total = add ? get(c, i, j) : 0;
    for (int64_t from = 0; from < a->cols; from += CHAIN) {
        double sum = 0;
        for (int64_t p = from; p < a->cols && p < from + CHAIN; p++)
            sum = step(a->dtype, fused, get(a, i, p), get(b, p, j), sum);
        total = !add && from == 0 ? sum : a->dtype == CT_FLOAT32 ? (double)((float)total + (float)sum) : total + sum;
    }
    return total;
}

static bool same(double x, double y)
{
    return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

/* Whether got may be the element: the very bits, or, where the order is not ours, as near as rounding allows. */
static bool is_right(const kernel_set *set_, double got, double want, int64_t k, ct_dtype dtype)
{
    if (set_->exact || !isfinite(want))
        return same(got, want) || (got == 0 && want == 0 && !set_->exact);
    return fabs(got - want) <= (double)(k + 2) * (dtype == CT_FLOAT32 ? 0x1p-23 : 0x1p-52);
}

typedef struct problem {
    int64_t m, n, k;
    int kind_a, kind_b, kind_c;
    bool add, specials;
} problem;

static void check_problem(const kernel_set *set_, ct_dtype dtype, const problem *p)
{
    matrix a = new_matrix(dtype, p->m, p->k, p->kind_a), b = new_matrix(dtype, p->k, p->n, p->kind_b);
    matrix c = new_matrix(dtype, p->m, p->n, p->kind_c), before = new_matrix(dtype, p->m, p->n, p->kind_c);
    fill(&a, 1, p->specials);
    fill(&b, 2, p->specials);
    fill(&c, 3, true); /* without add, what C holds must not matter */
    memcpy(before.block, c.block, (size_t)(c.room * ct__size_of(dtype)));
    ct_status status =
        ct__matrix_product(set_->of[dtype == CT_FLOAT64], dtype, p->m, p->n, p->k, matrix_data(&a), a.row, a.col,
                           matrix_data(&b), b.row, b.col, p->add, matrix_data(&c), c.row, c.col);
    ck_assert_int_eq(status, CT_OK);
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double want = element(set_->fused, &a, &b, p->add, &before, i, j), got = get(&c, i, j);
            if (!is_right(set_, got, want, p->k, dtype)) /* a ck_assert for each element would take minutes */
                ck_abort_msg("%s, %s, %lld x %lld x %lld, kinds %d %d %d, add %d: (%lld,%lld) is %.17g, not %.17g",
                             set_->name, ct_dtype_name(dtype), (long long)p->m, (long long)p->n, (long long)p->k,
                             p->kind_a, p->kind_b, p->kind_c, p->add, (long long)i, (long long)j, got, want);
            memcpy(matrix_data(&before) + (i * c.row + j * c.col) * ct__size_of(dtype),
                   matrix_data(&c) + (i * c.row + j * c.col) * ct__size_of(dtype), (size_t)ct__size_of(dtype));
        }
    ck_assert_msg(memcmp(before.block, c.block, (size_t)(c.room * ct__size_of(dtype))) == 0,
                  "%s wrote outside of C, %lld x %lld x %lld", set_->name, (long long)p->m, (long long)p->n,
                  (long long)p->k);
    free(a.block);
    free(b.block);
    free(c.block);
    free(before.block);
}

static void check_on_all(const problem *p)
{
    kernel_set sets[4];
    int n = kernel_sets(sets);
    for (int s = 0; s < n; s++)
        for (int d = 0; d < 2; d++)
            check_problem(&sets[s], dtypes[d], p);
}

/* ---- tests ---- */

/* All sizes to 8 and the edges of every tile, NaN and infinities against zeros among them. _i: the rows. */
START_TEST(small_sizes)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 33, 48, 49};
    static const int64_t terms[] = {1, 2, 3, 4, 5, 8};
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (size_t k = 0; k < sizeof terms / sizeof *terms; k++)
            for (int kinds = 0; kinds < 4; kinds++)
                check_on_all(&(problem){sizes[_i], sizes[n], terms[k], kinds % 2, kinds / 2, 0, kinds % 3 == 0, true});
}
END_TEST

/* Every combination of strides. _i: that of C. */
START_TEST(all_strides)
{
    for (int kinds = 0; kinds < KINDS * KINDS; kinds++)
        for (int add = 0; add < 2; add++) {
            check_on_all(&(problem){9, 21, 6, kinds % KINDS, kinds / KINDS, _i, add, true});
            check_on_all(&(problem){37, 3, 5, kinds % KINDS, kinds / KINDS, _i, add, true});
        }
}
END_TEST

/* Several blocks along each axis, so that both operands are packed, from all kinds of strides. _i: those of A and B. */
START_TEST(packed_operands)
{
    static const int64_t sizes[][3] = {{301, 279, 300}, {23, 523, 259}};
    for (size_t s = 0; s < (is_quick() ? 1 : sizeof sizes / sizeof *sizes); s++)
        check_on_all(&(problem){sizes[s][0], sizes[s][1], sizes[s][2], _i % 3, _i / 3, _i % 2, _i % 2, false});
}
END_TEST

/* Rows of A that begin anywhere, on this machine's kernels, added to what is there: the bits of the plain product. */
START_TEST(gathered_products)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {50, 7, 61}, {200, 16, 300}, {9, 3, 1000}, {133, 130, 520}};
    const int64_t *s = sizes[_i / 2];
    ct_dtype dtype = dtypes[_i % 2];
    int64_t m = s[0], n = s[1], k = s[2], rows[200];
    matrix x = new_matrix(dtype, 1, (m - 1) * 3 + k, 0), a = new_matrix(dtype, m, k, 0), b = new_matrix(dtype, k, n, 1);
    matrix c = new_matrix(dtype, m, n, 0), want = new_matrix(dtype, m, n, 0);
    fill(&x, 1, false); /* NaN and infinities would leave nothing to compare in sums so long */
    fill(&b, 2, false);
    fill(&c, 3, false);
    memcpy(want.block, c.block, (size_t)(c.room * ct__size_of(dtype)));
    for (int64_t i = 0; i < m; i++)
        rows[i] = (m - 1 - i) * 3;
    for (int64_t i = 0; i < m * k; i++)
        set(&a, i, get(&x, 0, rows[i / k] + i % k));
    ck_assert_int_eq(ct__gemm_gathered(dtype, m, n, k, x.block, rows, b.block, b.row, b.col, c.block), CT_OK);
    ct__gemm(dtype, m, n, k, a.block, k, 1, b.block, b.row, b.col, true, want.block, n, 1);
    for (int64_t i = 0; i < m * n; i++)
        if (!same(get(&c, 0, i), get(&want, 0, i)))
            ck_abort_msg("%lld x %lld x %lld: element %lld", (long long)m, (long long)n, (long long)k, (long long)i);
    free(x.block);
    free(a.block);
    free(b.block);
    free(c.block);
    free(want.block);
}
END_TEST

/* No term and a million terms: nothing is summed, and the sum of ones does not stop at 2^24 / 256. */
START_TEST(extreme_terms)
{
    for (int add = 0; add < 2; add++) {
        float c[] = {7, -0.0f};
        ck_assert_int_eq(ct__gemm(CT_FLOAT32, 1, 2, 0, NULL, 1, 1, NULL, 1, 1, add, c, 2, 1), CT_OK);
        ck_assert(add ? c[0] == 7 && signbit(c[1]) : c[0] == 0 && !signbit(c[1]));
    }
    static const float one = 1;
    float sum;
    ck_assert_int_eq(ct__gemm(CT_FLOAT32, 1, 1, 20000000, &one, 0, 0, &one, 0, 0, false, &sum, 1, 1), CT_OK);
    ck_assert_msg(sum == 2e7f, "%.9g", (double)sum);
}
END_TEST

/* Where there is no memory to pack, C is as it was, and the operations say so. */
START_TEST(packing_without_memory)
{
    enum { N = 300 };
    size_t bytes = (size_t)N * N * sizeof(double);
    double *a = calloc(1, bytes), *c = malloc(bytes), *before = malloc(bytes);
    ck_assert(a && c && before);
    for (int i = 0; i < N * N; i++)
        c[i] = before[i] = i;
    ct__fail_allocation(1, false);
    ck_assert_int_eq(ct__gemm(CT_FLOAT64, N, N, N, a, 1, N, a, 1, N, true, c, N, 1), CT_ERROR_MEMORY);
    ct__fail_allocation(0, false);
    ck_assert(memcmp(c, before, bytes) == 0);
    free(a);
    free(c);
    free(before);
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(2, N, N)), *y = ct_transpose(x, -1, -2),
              *wide = ct_ones(CT_FLOAT32, CT_SHAPE(N, N));
    for (int batch = 0; batch < 2; batch++) {
        for (int64_t n = 1;; n++) {
            int64_t live = ct_memory_stats().live_tensors;
            ct__fail_allocation(n, false);
            ct_tensor *out = batch ? ct_matmul(x, y) : ct_linear(x, wide, NULL);
            ct__fail_allocation(0, false);
            if (out)
                break;
            ck_assert_int_eq(ct_error_code(), CT_ERROR_MEMORY);
            ck_assert_int_eq(ct_memory_stats().live_tensors, live);
            ct_error_clear();
            ck_assert_int_lt(n, 100);
        }
    }
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}
END_TEST

/* BLIS ends the process when this variable names what it lacks: it must not see it. */
START_TEST(bad_blis_setting)
{
    static const char *const settings[] = {"99", "-7", "haswell", "0", ""};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        pid_t child = fork();
        if (child == 0) {
            setenv("BLIS_ARCH_TYPE", settings[i], 1);
            bool started = ct__matrix_blis(CT_FLOAT32) != NULL;
#ifndef COTAN_USE_BLIS
            started = !started;
#endif
            bool fine = started && strcmp(getenv("BLIS_ARCH_TYPE"), settings[i]) == 0 && ct_config();
            _exit(fine ? 0 : 1);
        }
        int status = -1;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(status == 0, "BLIS_ARCH_TYPE=%s: status %d", settings[i], status);
    }
}
END_TEST

static void on_one_thread(void)
{
    ct_set_num_threads(1);
    ct_error_clear();
}

Suite *ct_suite_matrix(void)
{
    Suite *suite = suite_create("matrix");
    TCase *settings = tcase_create("settings"); /* first: BLIS starts once a process */
    tcase_add_test(settings, bad_blis_setting);
    suite_add_tcase(suite, settings);
    TCase *products = tcase_create("products");
    tcase_add_checked_fixture(products, on_one_thread, on_one_thread);
    tcase_add_loop_test(products, small_sizes, 0, 16);
    tcase_add_loop_test(products, all_strides, 0, 4);
    tcase_add_loop_test(products, packed_operands, 0, is_quick() ? 2 : 9);
    tcase_add_loop_test(products, gathered_products, 0, 10);
    tcase_add_test(products, extreme_terms);
    tcase_add_test(products, packing_without_memory);
    suite_add_tcase(suite, products);
    return suite;
}
