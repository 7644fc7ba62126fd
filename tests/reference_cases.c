/* The table of reference cases: a row of reference_cases.def becomes a function and a line of the table. */
#include "reference_cases.h"
#include <cotan/cotan.h>
#include <math.h>

static const int64_t three_by_three[] = {3, 3};

/* A number in x's dtype, to be broadcast. */
static ct_tensor *number_like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

/* The second of the three pieces of 1, 3 and 2 columns. */
static ct_tensor *split_middle(ct_tensor *x)
{
    ct_tensor *pieces[3];
    return ct_split(x, CT_SHAPE(1, 3, 2), 1, pieces) == CT_OK ? pieces[1] : NULL;
}

/* w0 x0 + w1 x1 + w2: the circuit of the lecture notes. */
static ct_tensor *circuit(ct_tensor *w, ct_tensor *x)
{
    return ct_add(ct_sum(ct_mul(ct_slice(w, 0, 0, 2, 1), x)), ct_select(w, 0, 2));
}

static ct_tensor *fork_and_join(ct_tensor *x, ct_tensor *w)
{
    ct_tensor *product = ct_mul(x, w);
    return ct_mul(ct_add(product, x), product);
}

/* s (|s|^2 / (1 + |s|^2)) / |s| along the last axis. */
static ct_tensor *squash(ct_tensor *s)
{
    ct_tensor *n2 = ct_sum(ct_square(s), CT_AXES(-1), .keepdim = true);
    return ct_div(ct_mul(s, ct_div(n2, ct_add_scalar(n2, 1))), ct_sqrt(n2));
}

/* c' of the step whose h' is lstm_cell_hidden. */
static ct_tensor *lstm_cell_state(ct_tensor *const *in)
{
    ct_tensor *c = NULL;
    ct_lstm_cell(in[0], in[1], in[2], in[3], in[4], in[5], in[6], &c);
    return c;
}

static ct_tensor *place_of_kth(ct_tensor *x)
{
    ct_tensor *place = NULL;
    ct_kthvalue(x, 3, 0, true, &place);
    return place;
}

static ct_tensor *places_of_cummax(ct_tensor *x)
{
    ct_tensor *places = NULL;
    ct_cummax(x, 1, &places);
    return places;
}

/* Labels that leave 0 to the blank. */
static ct_tensor *one_more(ct_tensor *labels)
{
    return ct_cast(ct_add_scalar(ct_cast(labels, CT_FLOAT64), 1), CT_INT64);
}

static ct_tensor *unique_part(ct_tensor *x, bool want_counts)
{
    ct_tensor *inverse = NULL, *counts = NULL;
    ct_unique(x, &inverse, &counts);
    return want_counts ? counts : inverse;
}

static ct_tensor *fractional_places(ct_tensor *x, ct_tensor *samples)
{
    ct_tensor *places = NULL;
    ct_fractional_max_pool2d(x, 2, 4, 3, .samples = samples, .indices = &places);
    return places;
}

/* p, l and u, one after the other. */
static ct_tensor *lu_in_one(ct_tensor *a)
{
    ct_tensor *part[3];
    if (ct_lu(a, &part[0], &part[1], &part[2]) != CT_OK)
        return NULL;
    for (int i = 0; i < 3; i++)
        part[i] = ct_flatten(part[i], 0, -1);
    return ct_concat(part, 3, 0);
}

static ct_tensor *lu_pivots(ct_tensor *a)
{
    ct_tensor *pivots = NULL;
    ct_lu_factor(a, &pivots);
    return pivots;
}

static ct_tensor *lu_solved(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *pivots, *factors = ct_lu_factor(a, &pivots);
    return ct_lu_solve(factors, pivots, b);
}

/* a a^T + 1 */
static ct_tensor *positive(ct_tensor *a)
{
    return ct_add(ct_matmul(a, ct_transpose(a, -1, -2)), ct_eye(ct_dtype_of(a), ct_size(a, -1)));
}

static ct_tensor *slogdet_part(ct_tensor *a, bool want_log)
{
    ct_tensor *sign = NULL, *log_size = NULL;
    ct_slogdet(a, &sign, &log_size);
    return want_log ? log_size : sign;
}

static ct_tensor *eigenvectors(ct_tensor *a)
{
    ct_tensor *vectors = NULL;
    ct_eigh(a, &vectors);
    return vectors;
}

static ct_tensor *qr_part(ct_tensor *a)
{
    ct_tensor *r = NULL;
    ct_qr(a, &r);
    return r;
}

static ct_tensor *svd_part(ct_tensor *a, bool want_v)
{
    ct_tensor *u = NULL, *v = NULL;
    ct_svd(a, &u, &v);
    return want_v ? v : u;
}

static ct_tensor *places_of_adaptive_max(ct_tensor *x)
{
    ct_tensor *places = NULL;
    ct_adaptive_max_pool2d(x, 3, 2, &places);
    return places;
}

static ct_tensor *unpooled1d(ct_tensor *x)
{
    ct_tensor *places, *y = ct_max_pool1d(x, 2, .indices = &places);
    return ct_max_unpool(y, places, CT_SHAPE(7));
}

static ct_tensor *unpooled2d(ct_tensor *x)
{
    ct_tensor *places, *y = ct_max_pool2d(x, 2, .kernel = {2, 3}, .indices = &places);
    return ct_max_unpool(y, places, CT_SHAPE(5, 7));
}

static ct_tensor *unpooled3d(ct_tensor *x)
{
    ct_tensor *places, *y = ct_max_pool3d(x, 2, .indices = &places);
    return ct_max_unpool(y, places, CT_SHAPE(4, 2, 4));
}

/* A corner, and the opposite one as far away as the other two numbers say. */
static ct_tensor *boxes_of(ct_tensor *x)
{
    ct_tensor *corner = ct_subscript(x, ":, :2"), *size = ct_add_scalar(ct_abs(ct_subscript(x, ":, 2:")), 0.5);
    return ct_concat(CT_TENSORS(corner, ct_add(corner, size)), 1);
}

/* x, 2 x, ... 70 x, beside each other or on top. */
static ct_tensor *seventy(ct_tensor *x, bool stacked)
{
    ct_tensor *parts[70];
    for (int i = 0; i < 70; i++)
        parts[i] = ct_mul_scalar(x, i + 1);
    return stacked ? ct_stack(parts, 70, -1) : ct_concat(parts, 70, 1);
}

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})

/* The inputs of a case. */
#define A in[0]
#define B in[1]
#define C in[2]
#define D in[3]
#define E in[4]
#define F in[5]
#define G in[6]

#define CASE(name, ...)                                 \
    static ct_tensor *case_##name(ct_tensor *const *in) \
    {                                                   \
        return __VA_ARGS__;                             \
    }
#include "reference_cases.def"
#undef CASE

#define CASE(name, ...) {#name, case_##name},
const reference_case reference_cases[] = {
#include "reference_cases.def"
};
#undef CASE

const int reference_case_count = sizeof(reference_cases) / sizeof(reference_cases[0]);
