/* The matrix product, through BLIS: which of its configurations runs, and how a product is shared among threads.
 *
 * Invariant: BLIS itself always runs with one thread. Each element of C is the same chain of fused multiply-adds over k
 * whichever part of C it is computed in, so how C is cut up does not change a bit. */
#include "core_internal.h"
#include <blis.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Debian's BLIS 0.9 does not know Zen 4 and Zen 5 and would fall back to its generic kernels there; its skx kernels run on
 * any CPU with AVX-512 and are the fastest it has. BLIS reads the variable when it initialises. A value of the user stays. */
static void start(void)
{
#if defined(__x86_64__) && defined(BLIS_CONFIG_SKX)
    if (ct__isa() >= 2) {
        char number[8];
        snprintf(number, sizeof number, "%d", (int)BLIS_ARCH_SKX);
        setenv("BLIS_ARCH_TYPE", number, 0);
    }
#endif
    bli_init();
}

const char *ct__blas_name(void)
{
    pthread_once(&once, start);
    return bli_arch_string(bli_arch_query_id());
}

const char *ct__blas_version(void)
{
    return bli_info_get_version_str();
}

typedef struct product {
    ct_dtype dtype;
    int64_t m, n, k;
    const char *a, *b;
    char *c;
    int64_t row_a, col_a, row_b, col_b, row_c, col_c;
    double beta;
    int64_t part; /* rows or columns of C in a task */
    bool by_rows;
} product;

/* BLIS wants strides that make sense even along an axis of size 1. */
static void tidy(int64_t rows, int64_t cols, int64_t *row, int64_t *col)
{
    if (rows == 1)
        *row = *col * cols > 0 ? *col * cols : 1;
    if (cols == 1)
        *col = *row > 1 ? 1 : rows;
}

static void run(const product *p, int64_t m, int64_t n, const char *a, const char *b, char *c)
{
    rntm_t one_thread;
    bli_rntm_init(&one_thread);
    bli_rntm_set_num_threads(1, &one_thread);
    /* BLIS's kernels for small matrices, which some CPUs have, skip what is multiplied by 0, NaN and infinity too, and sum over
     * k in an order of their own. */
    bli_rntm_disable_l3_sup(&one_thread);
    int64_t row_a = p->row_a, col_a = p->col_a, row_b = p->row_b, col_b = p->col_b, row_c = p->row_c, col_c = p->col_c;
    tidy(m, p->k, &row_a, &col_a);
    tidy(p->k, n, &row_b, &col_b);
    tidy(m, n, &row_c, &col_c);
    if (p->dtype == CT_FLOAT32) {
        float alpha = 1, beta = (float)p->beta;
        bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, p->k, &alpha, (float *)a, row_a, col_a, (float *)b,
                     row_b, col_b, &beta, (float *)c, row_c, col_c, NULL, &one_thread);
    } else {
        double alpha = 1, beta = p->beta;
        bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, p->k, &alpha, (double *)a, row_a, col_a, (double *)b,
                     row_b, col_b, &beta, (double *)c, row_c, col_c, NULL, &one_thread);
    }
}

static void run_part(void *context, int64_t index)
{
    const product *p = context;
    int64_t size = (int64_t)ct_dtype_size(p->dtype), from = index * p->part;
    if (p->by_rows) {
        int64_t rows = p->m - from < p->part ? p->m - from : p->part;
        run(p, rows, p->n, p->a + from * p->row_a * size, p->b, p->c + from * p->row_c * size);
    } else {
        int64_t cols = p->n - from < p->part ? p->n - from : p->part;
        run(p, p->m, cols, p->a, p->b + from * p->col_b * size, p->c + from * p->col_c * size);
    }
}

void ct__gemm(ct_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t row_a, int64_t col_a,
              const void *b, int64_t row_b, int64_t col_b, double beta, void *c, int64_t row_c, int64_t col_c)
{
    if (m == 0 || n == 0)
        return;
    pthread_once(&once, start);
    product p = {.dtype = dtype,
                 .m = m,
                 .n = n,
                 .k = k,
                 .a = a,
                 .b = b,
                 .c = c,
                 .row_a = row_a,
                 .col_a = col_a,
                 .row_b = row_b,
                 .col_b = col_b,
                 .row_c = row_c,
                 .col_c = col_c,
                 .beta = beta};
    p.by_rows = m >= n;
    /* A thread's share is worth waking it for from about a million multiply-adds on. */
    int64_t longer = p.by_rows ? m : n, worth = (int64_t)((double)m * (double)n * (double)k / 1e6);
    int64_t parts = ct__in_parallel() ? 1 : ct_num_threads();
    parts = parts > worth ? worth : parts;
    if (parts <= 1) {
        run(&p, m, n, a, b, c);
        return;
    }
    p.part = ((longer + parts - 1) / parts + 31) / 32 * 32; /* whole register tiles */
    ct__parallel((longer + p.part - 1) / p.part, run_part, &p);
}
