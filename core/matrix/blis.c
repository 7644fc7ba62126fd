/* BLIS's micro-kernels in the matrix product's table: what runs on machines for which there are no kernels of our own.
 * The only file that knows BLIS, and what stands in its place without.
 *
 * Invariant: only BLIS's initialisation allocates, and it aborts without memory or by a bad BLIS_ARCH_TYPE. So it runs
 * once, after as much as it takes could be had, and without that variable. */
#include "matrix/kernels.h"
#ifdef COTAN_USE_BLIS
#include <blis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { RESERVE = 1 << 20 }; /* bytes: BLIS 0.9 takes less to initialise */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool started;
static cntx_t *context;
static ct_matrix_kernels tables[2];

/* The kernel computes m x n from panels [k][m] and [k][n]; where it prefers C's columns adjacent, its m is our
 * columns. */
#define TILE(T, ch, blis_type)                                                                                   \
    static void ch##_tile(const ct_tile *t)                                                                      \
    {                                                                                                            \
        ch##gemm_ukr_ft kernel = (ch##gemm_ukr_ft)bli_cntx_get_l3_nat_ukr_dt(blis_type, BLIS_GEMM_UKR, context); \
        T one = 1, beta = t->add ? 1 : 0, *a = (T *)t->a, *b = (T *)t->b;                                        \
        auxinfo_t hints = {0};                                                                                   \
        bli_auxinfo_set_next_a(a, &hints);                                                                       \
        bli_auxinfo_set_next_b(b, &hints);                                                                       \
        if (bli_cntx_l3_nat_ukr_prefers_rows_dt(blis_type, BLIS_GEMM_UKR, context))                              \
            kernel(t->rows, t->cols, t->k, &one, a, b, &beta, t->c, t->c_row, 1, &hints, context);               \
        else                                                                                                     \
            kernel(t->cols, t->rows, t->k, &one, b, a, &beta, t->c, 1, t->c_row, &hints, context);               \
    }
TILE(float, s, BLIS_FLOAT)
TILE(double, d, BLIS_DOUBLE)

static ct_matrix_kernels table(num_t type, const ct_matrix_kernels *portable, void (*tile)(const ct_tile *t))
{
    int64_t m = bli_cntx_get_blksz_def_dt(type, BLIS_MR, context),
            n = bli_cntx_get_blksz_def_dt(type, BLIS_NR, context);
    bool rows = bli_cntx_l3_nat_ukr_prefers_rows_dt(type, BLIS_GEMM_UKR, context);
    return (ct_matrix_kernels){.rows = rows ? m : n,
                               .cols = rows ? n : m,
                               .lanes = rows ? n : m,
                               .packed_only = true,
                               .tile = tile,
                               .pack = portable->pack,
                               .spread = portable->spread};
}

/* With the lock held. Takes BLIS_ARCH_TYPE out of the environment meanwhile: BLIS aborts where it names no
 * configuration that was built, and runs illegal instructions where the machine lacks them. */
static void start(void)
{
    const char *setting = getenv("BLIS_ARCH_TYPE");
    char *kept = setting ? strdup(setting) : NULL;
    void *reserve = malloc(RESERVE);
    if (reserve && (kept || !setting)) {
        unsetenv("BLIS_ARCH_TYPE");
        free(reserve);
        reserve = NULL;
        bli_init();
        context = bli_gks_query_nat_cntx();
        tables[0] = table(BLIS_FLOAT, &ct__matrix_portable[0], s_tile);
        tables[1] = table(BLIS_DOUBLE, &ct__matrix_portable[1], d_tile);
        if (kept)
            setenv("BLIS_ARCH_TYPE", kept, 1);
        atomic_store(&started, true);
    }
    free(reserve);
    free(kept);
}

const ct_matrix_kernels *ct__matrix_blis(ct_dtype dtype)
{
    if (!atomic_load(&started)) {
        pthread_mutex_lock(&lock);
        if (!atomic_load(&started))
            start();
        pthread_mutex_unlock(&lock);
    }
    return atomic_load(&started) ? &tables[dtype == CT_FLOAT64] : NULL;
}

void ct__blas_text(char text[CT_BLAS_TEXT])
{
    const char *running = atomic_load(&started) ? bli_arch_string(bli_arch_query_id()) : "unused";
    snprintf(text, CT_BLAS_TEXT, "BLIS %s %s", bli_info_get_version_str(), running);
}
#else
const ct_matrix_kernels *ct__matrix_blis(ct_dtype dtype)
{
    (void)dtype;
    return NULL;
}

void ct__blas_text(char text[CT_BLAS_TEXT])
{
    snprintf(text, CT_BLAS_TEXT, "no BLIS");
}
#endif
