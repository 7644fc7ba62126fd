/* The matrix product: how it is cut into blocks and tiles, what is packed for them, and which threads do it.
 *
 * Invariant: an element of C is the sum of chains over K_BLOCK terms each, added up in rising order, and nothing else
 * decides its bits: neither the other sizes, nor strides, packing, tiles or threads. */
#include "matrix/kernels.h"

enum {
    K_BLOCK = 256,       /* terms of a chain: a tile's panels of A stay in the first-level cache */
    B_BLOCK = 256 << 10, /* bytes of B that are packed at once: these stay in the second */
    A_BLOCK = 1024,      /* rows of A that are packed at once */
    PACK_TERMS = 8,
    UNPACKED_BYTES = 256 << 10 /* an operand up to this size is read where it lies */
};

/* A @ B, with the columns of C along vectors. */
typedef struct product {
    const ct_matrix_kernels *kernels;
    int64_t size; /* of an element */
    int64_t m, n, k;
    const char *a, *b;
    char *c;
    int64_t row_a, col_a, row_b, col_b, row_c, col_c;
    const int64_t *rows_a; /* where the rows of A begin, if not at multiples of row_a */
    bool add;
    bool pack_a, pack_b;
    int64_t rows, cols;           /* of a tile, but for the last ones */
    int64_t rows_most, cols_most; /* of a block */
    int64_t room_a, room_b;       /* bytes for the panels of a block */
} product;

/* Part of C, with memory for its panels. */
typedef struct part {
    int64_t row, rows, col, cols;
    char *panels_a, *panels_b;
} part;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The size of pieces: as few as possible of at most so many, and those alike. */
static int64_t even(int64_t n, int64_t most)
{
    return ceil_div(n, ceil_div(n, most));
}

/* Bytes of a panel, a whole number of cache lines. */
static int64_t panel_bytes(const product *p, int64_t width, int64_t k)
{
    return (width * k * p->size + 63) & ~(int64_t)63;
}

/* ---- one part of C ---- */

/* A few terms of all panels at a time, since what lies side by side in memory may belong to many panels. */
static void pack_panels(const product *p, int64_t width, int64_t n, int64_t k, const char *from, int64_t along,
                        int64_t step, char *to)
{
    int64_t few = along == 1 ? PACK_TERMS : k, panel = panel_bytes(p, width, k);
    for (int64_t t = 0; t < k; t += few)
        for (int64_t i = 0; i < n; i += width)
            p->kernels->pack(width, least(width, n - i), least(few, k - t), from + (i * along + t * step) * p->size,
                             along, step, to + i / width * panel + t * width * p->size);
}

static void run_tile(const product *p, ct_tile *t, char *c)
{
    if (p->col_c == 1) {
        t->c = c;
        t->c_row = p->row_c;
        p->kernels->tile(t);
        return;
    }
    char room[CT_TILE_BYTES] __attribute__((aligned(64)));
    bool add = t->add;
    t->c = room;
    t->c_row = t->cols;
    t->add = false;
    p->kernels->tile(t);
    p->kernels->spread(t->rows, t->cols, room, c, p->row_c, p->col_c, add);
    t->add = add;
}

/* A block of C: rows x cols of it from (i, j) on, plus k terms from number from on. */
static void run_block(const product *p, const part *area, int64_t i, int64_t rows, int64_t j, int64_t cols,
                      int64_t from, int64_t k)
{
    int64_t size = p->size, a_panel = panel_bytes(p, p->rows, k), b_panel = panel_bytes(p, p->cols, k);
    const char *a = p->pack_a ? area->panels_a : p->a + (i * p->row_a + from * p->col_a) * size;
    const char *b = p->pack_b ? area->panels_b : p->b + (j * p->col_b + from * p->row_b) * size;
    int64_t a_next = p->pack_a ? a_panel : p->rows * p->row_a * size, b_next = p->pack_b ? b_panel : p->cols * size;
    int64_t rows_a[CT_TILE_ROWS];
    for (int64_t r = 0; r < p->rows; r++)
        rows_a[r] = p->pack_a ? r : r * p->row_a;
    ct_tile t = {.k = k,
                 .a_step = p->pack_a ? p->rows : p->col_a,
                 .b_step = p->pack_b ? p->cols : p->row_b,
                 .add = p->add || from > 0};
    for (int64_t r = 0; r < rows; r += p->rows, a += a_next) {
        char *c = p->c + ((i + r) * p->row_c + j * p->col_c) * size;
        t.rows = least(p->rows, rows - r);
        t.a_rows = p->rows_a ? p->rows_a + i + r : rows_a;
        t.a = a;
        t.b = b;
        for (int64_t s = 0; s < cols; s += p->cols, c += p->cols * p->col_c * size) {
            t.cols = least(p->cols, cols - s);
            run_tile(p, &t, c);
            t.b = (const char *)t.b + b_next;
        }
    }
}

static void run_part(const product *p, const part *area)
{
    for (int64_t i = area->row; i < area->row + area->rows; i += p->rows_most)
        for (int64_t from = 0; from == 0 || from < p->k; from += K_BLOCK) {
            int64_t rows = least(p->rows_most, area->row + area->rows - i), k = least(K_BLOCK, p->k - from);
            if (p->pack_a)
                pack_panels(p, p->rows, rows, k, p->a + (i * p->row_a + from * p->col_a) * p->size, p->row_a, p->col_a,
                            area->panels_a);
            for (int64_t j = area->col; j < area->col + area->cols; j += p->cols_most) {
                int64_t cols = least(p->cols_most, area->col + area->cols - j);
                if (p->pack_b)
                    pack_panels(p, p->cols, cols, k, p->b + (j * p->col_b + from * p->row_b) * p->size, p->col_b,
                                p->row_b, area->panels_b);
                run_block(p, area, i, rows, j, cols, from, k);
            }
        }
}

/* ---- the whole ---- */

static void swap(int64_t *a, int64_t *b)
{
    int64_t c = *a;
    *a = *b;
    *b = c;
}

/* C^T = B^T A^T: the rows of C come along vectors instead of its columns. */
static void transpose(product *p)
{
    const char *a = p->a;
    p->a = p->b;
    p->b = a;
    swap(&p->m, &p->n);
    swap(&p->row_a, &p->col_b);
    swap(&p->col_a, &p->row_b);
    swap(&p->row_c, &p->col_c);
}

/* Strides along axes of size 1 say nothing: make them 1. Vectors run along the axis in which C lies in one piece, or, for few
 * columns, which would leave them mostly empty, along the rows, although A then has to be packed where it does not lie so. */
static void choose_direction(product *p)
{
    if (p->m == 1)
        p->row_a = p->row_c = 1;
    if (p->n == 1)
        p->col_b = p->col_c = 1;
    if (p->k == 1)
        p->col_a = p->row_b = 1;
    bool few = p->n < p->kernels->lanes && p->m >= p->kernels->lanes;
    few = few && (p->row_a == 1 || p->n <= p->kernels->lanes / 2);
    if (few || (p->col_c != 1 && p->row_c == 1))
        transpose(p);
}

/* What is packed: B if its columns are not adjacent, and both where they are read often and would be read from afar. */
static void choose_packing(product *p)
{
    const ct_matrix_kernels *kernels = p->kernels;
    int64_t a_bytes = p->m * least(p->k, K_BLOCK) * p->size, b_bytes = least(p->k, K_BLOCK) * p->n * p->size;
    p->rows = kernels->packed_only ? kernels->rows : even(p->m, kernels->rows);
    p->cols = kernels->packed_only
                  ? kernels->cols
                  : even(ceil_div(p->n, kernels->lanes), kernels->cols / kernels->lanes) * kernels->lanes;
    p->pack_a = kernels->packed_only || (p->col_a != 1 && p->n > p->cols && a_bytes > UNPACKED_BYTES);
    p->pack_b = kernels->packed_only || p->col_b != 1 || (kernels->whole_vectors && p->n % kernels->lanes != 0) ||
                (p->m > p->rows && b_bytes > UNPACKED_BYTES);
    int64_t panels = B_BLOCK / (K_BLOCK * p->size) / p->cols;
    p->cols_most = p->pack_b ? p->cols * (panels < 1 ? 1 : panels) : p->n;
    p->rows_most = p->pack_a ? A_BLOCK / p->rows * p->rows : p->m;
}

/* Bytes of panels for so much of C. One step more than a panel has is readable behind the last. */
static void measure_room(product *p, int64_t m, int64_t n)
{
    int64_t k = least(p->k, K_BLOCK), slack = 64 * p->size;
    int64_t rows = ceil_div(least(m, p->rows_most), p->rows), cols = ceil_div(least(n, p->cols_most), p->cols);
    p->room_a = p->pack_a ? rows * panel_bytes(p, p->rows, k) + slack : 0;
    p->room_b = p->pack_b ? cols * panel_bytes(p, p->cols, k) + slack : 0;
}

/* C in parts of so many rows or columns. */
typedef struct parts {
    const product *p;
    char *room;
    int64_t rows, cols;
} parts;

static void run_numbered(void *context, int64_t index)
{
    const parts *all = context;
    const product *p = all->p;
    int64_t across = ceil_div(p->n, all->cols);
    part one = {.row = index / across * all->rows, .col = index % across * all->cols};
    one.rows = least(all->rows, p->m - one.row);
    one.cols = least(all->cols, p->n - one.col);
    one.panels_a = all->room + index * (p->room_a + p->room_b);
    one.panels_b = one.panels_a + p->room_a;
    run_part(p, &one);
}

/* The longer axis is shared among the threads, in whole tiles; a share is worth waking a thread for from about a
 * million multiply-adds on. */
static parts share(const product *p)
{
    double work = (double)p->m * (double)p->n * (double)p->k / 1e6;
    int64_t threads = ct__in_parallel() ? 1 : ct_num_threads();
    int64_t shares = work < (double)threads ? (int64_t)work : threads;
    parts all = {.p = p, .rows = p->m, .cols = p->n};
    if (shares > 1 && p->m >= p->n)
        all.rows = ceil_div(ceil_div(p->m, shares), p->rows) * p->rows;
    else if (shares > 1)
        all.cols = ceil_div(ceil_div(p->n, shares), p->cols) * p->cols;
    return all;
}

/* With vectors along C's columns. */
static ct_status run(product *p)
{
    choose_packing(p);
    parts all = share(p);
    measure_room(p, all.rows, all.cols);
    int64_t count = ceil_div(p->m, all.rows) * ceil_div(p->n, all.cols);
    size_t bytes = (size_t)(count * (p->room_a + p->room_b));
    char none; /* the place of panels of no bytes: one may count from it, and from NULL one may not */
    all.room = bytes > 0 ? ct__alloc(bytes) : &none;
    if (!all.room)
        return CT_ERROR_MEMORY;
    if (count == 1)
        run_numbered(&all, 0);
    else
        ct__parallel(count, run_numbered, &all);
    if (bytes > 0)
        ct__free(all.room, bytes);
    return CT_OK;
}

ct_status ct__matrix_product(const ct_matrix_kernels *kernels, ct_dtype dtype, int64_t m, int64_t n, int64_t k,
                             const void *a, int64_t row_a, int64_t col_a, const void *b, int64_t row_b, int64_t col_b,
                             bool add, void *c, int64_t row_c, int64_t col_c)
{
    static const char nothing; /* a place for tensors without elements, which have none of their own */
    if (m == 0 || n == 0 || (k == 0 && add))
        return CT_OK;
    if (k == 0) {
        a = b = &nothing;
        row_a = col_a = row_b = col_b = 0;
    }
    product p = {.kernels = kernels,
                 .size = ct__size_of(dtype),
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
                 .add = add};
    choose_direction(&p);
    return run(&p);
}

/* Our own of this machine. */
static const ct_matrix_kernels *own_kernels(ct_dtype dtype)
{
    static const ct_matrix_kernels *const tables[] = {
        ct__matrix_portable,
#if CT_X86_KERNELS
        ct__matrix_avx2,
        ct__matrix_avx512,
#endif
    };
    return &tables[ct__isa()][dtype == CT_FLOAT64];
}

ct_status ct__gemm(ct_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, int64_t row_a, int64_t col_a,
                   const void *b, int64_t row_b, int64_t col_b, bool add, void *c, int64_t row_c, int64_t col_c)
{
    const ct_matrix_kernels *kernels = CT_X86_KERNELS ? NULL : ct__matrix_blis(dtype);
    return ct__matrix_product(kernels ? kernels : own_kernels(dtype), dtype, m, n, k, a, row_a, col_a, b, row_b, col_b,
                              add, c, row_c, col_c);
}

ct_status ct__gemm_gathered(ct_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, const int64_t *rows_a,
                            const void *b, int64_t row_b, int64_t col_b, void *c)
{
    if (m == 0 || n == 0 || k == 0)
        return CT_OK;
    product p = {.kernels = own_kernels(dtype), /* BLIS's would want A packed */
                 .size = ct__size_of(dtype),
                 .m = m,
                 .n = n,
                 .k = k,
                 .a = a,
                 .b = b,
                 .c = c,
                 .rows_a = rows_a,
                 .col_a = 1,
                 .row_b = row_b,
                 .col_b = col_b,
                 .row_c = n,
                 .col_c = 1,
                 .add = true};
    return run(&p);
}
