/* Mistakes that few inputs, calls or layouts meet: at one value alone, between two calls in one graph, where only one of two inputs asks
 * for a gradient, in a layout, at a rank or a size, and by very little.
 *
 * Invariant: as in planted_kinds.c. */
#include "planted_arrays.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- at some values alone ---- */

static bool is_integer(double x)
{
    return x == rint(x);
}

/* sin(x)/x and its derivative. */
static double sinc(double x)
{
    return x == 0 ? 1 : sin(x) / x;
}

static double sinc_slope(double x)
{
    return fabs(x) < 1e-4 ? -x / 3 : (cos(x) - sin(x) / x) / x;
}

ELEMENTWISE(at_1, sin(x), cos(x), x == 1 ? 0 : slope)
ELEMENTWISE(at_minus_1, exp(x), exp(x), x == -1 ? 2 * slope : slope)
ELEMENTWISE(at_half, x *x, 2 * x, x == 0.5 ? 0 : slope)
ELEMENTWISE(at_2, x *x *x, 3 * x * x, x == 2 ? 0.5 * slope : slope)
ELEMENTWISE(at_integers, cos(3 * x), -3 * sin(3 * x), is_integer(x) && x != 0 ? -slope : slope)
ELEMENTWISE(at_halves, atan(x), 1 / (1 + x * x), is_integer(x - 0.5) ? 0 : slope)
ELEMENTWISE(at_minus_0, exp(x), exp(x), x == 0 && signbit(x) ? -slope : slope)
ELEMENTWISE(nan_at_0, sinc(x), sinc_slope(x), g *(cos(x) / x - sin(x) / (x * x)))
ELEMENTWISE(nan_at_1, x *x, 2 * x, slope *(x - 1) / (x - 1))
ELEMENTWISE(infinite_at_0, x *x, 2 * x, x == 0 ? INFINITY : slope)
ELEMENTWISE(below_1e_3, sin(x), cos(x), fabs(x) < 1e-3 && x != 0 ? 0 : slope)
ELEMENTWISE(below_1e_5, exp(x), exp(x), fabs(x) < 1e-5 && x != 0 ? 0.5 * slope : slope)
ELEMENTWISE(beyond_1e3, log1p(x *x), 2 * x / (1 + x * x), fabs(x) > 1e3 ? 0 : slope)
ELEMENTWISE(kink_at_3, fmin(fmax(x / 6 + 0.5, 0), 1), fabs(x) < 3 ? 1. / 6 : 0, fabs(x) == 3 ? g / 2 : slope)
ELEMENTWISE(kink_at_6, fmin(fmax(x, 0), 6), x > 0 && x < 6, x == 6 ? -g : slope)

static void product_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * a->z[k];
}

static void equal_inputs_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        bool off = a->wrong && a->x[k] == a->z[k];
        a->gx[k] = off ? 0 : a->g[k] * a->z[k];
        a->gz[k] = a->g[k] * a->x[k];
    }
}

static const kernels equal_inputs = {LIKE, product_forward, equal_inputs_backward};

/* Products of rows: that of the others, or, wrong, y / x. */
static void row_product_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++)
        a->y[i] = 1;
    for (int64_t k = 0; k < a->n; k++)
        a->y[k / a->columns] *= a->x[k];
}

static void row_product_backward(args *a)
{
    row_product_forward(a);
    for (int64_t k = 0; k < a->n; k++) {
        int64_t i = k / a->columns;
        double others = 1;
        for (int64_t j = i * a->columns; j < (i + 1) * a->columns; j++)
            others *= j == k ? 1 : a->x[j];
        a->gx[k] = a->g[i] * (a->wrong ? a->y[i] / a->x[k] : others);
    }
}

static const kernels quotient_for_product = {ROWS, row_product_forward, row_product_backward};

/* The largest of each row. Wrong: it is looked for from 0 up; or the gradient goes to so many of a tie. */
static double largest_of_row(const args *a, int64_t i, double from)
{
    double most = from;
    for (int64_t j = 0; j < a->columns; j++)
        most = fmax(most, a->x[i * a->columns + j]);
    return most;
}

static void max_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++)
        a->y[i] = largest_of_row(a, i, -INFINITY);
}

static void max_from_0_backward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        double most = largest_of_row(a, i, a->wrong ? 0 : -INFINITY);
        for (int64_t k = i * a->columns; k < (i + 1) * a->columns; k++)
            if (a->x[k] == most) {
                a->gx[k] = a->g[i];
                break;
            }
    }
}

static const kernels max_from_0 = {ROWS, max_forward, max_from_0_backward};

/* Of ties each gets share / (how many they are); wrong: times so much where they are three or more. */
static void share_ties(args *a, double times)
{
    for (int64_t i = 0; i < a->m; i++) {
        double most = largest_of_row(a, i, -INFINITY), ties = 0;
        for (int64_t k = i * a->columns; k < (i + 1) * a->columns; k++)
            ties += a->x[k] == most;
        for (int64_t k = i * a->columns; k < (i + 1) * a->columns; k++)
            if (a->x[k] == most)
                a->gx[k] = a->g[i] / ties * (a->wrong && ties > 2 ? times : 1);
    }
}

static void ties_half_backward(args *a)
{
    share_ties(a, 0.5);
}

static void ties_twice_backward(args *a)
{
    share_ties(a, 2);
}

static void ties_none_backward(args *a)
{
    share_ties(a, 0);
}

static const kernels ties_half = {ROWS, max_forward, ties_half_backward};
static const kernels ties_twice = {ROWS, max_forward, ties_twice_backward};
static const kernels ties_none = {ROWS, max_forward, ties_none_backward};

/* log sum exp of rows; wrong: of equal elements each gets all. */
static double log_sum(const args *a, int64_t i)
{
    double most = largest_of_row(a, i, -INFINITY), sum = 0;
    for (int64_t k = i * a->columns; k < (i + 1) * a->columns; k++)
        sum += exp(a->x[k] - most);
    return most + log(sum);
}

static void logsumexp_forward(args *a)
{
    for (int64_t i = 0; i < a->m; i++)
        a->y[i] = log_sum(a, i);
}

static void logsumexp_backward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        const double *x = a->x + i * a->columns;
        double sum = log_sum(a, i);
        bool equal = a->columns > 1;
        for (int64_t j = 0; j < a->columns; j++)
            equal &= x[j] == x[0];
        for (int64_t j = 0; j < a->columns; j++)
            a->gx[i * a->columns + j] = a->g[i] * (a->wrong && equal ? 1 : exp(x[j] - sum));
    }
}

static const kernels of_equals = {ROWS, logsumexp_forward, logsumexp_backward};

static void squares_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k / a->columns] += a->x[k] * a->x[k];
}

static void sorted_rows_backward(args *a)
{
    for (int64_t i = 0; i < a->m; i++) {
        const double *x = a->x + i * a->columns;
        bool ascending = a->columns > 1;
        for (int64_t j = 1; j < a->columns; j++)
            ascending &= x[j] > x[j - 1];
        for (int64_t j = 0; j < a->columns; j++)
            a->gx[i * a->columns + j] = (a->wrong && ascending ? 1 : 2) * a->g[i] * x[j];
    }
}

static const kernels sorted_rows = {ROWS, squares_forward, sorted_rows_backward};

/* ---- in some calls alone ---- */

static void square_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = a->x[k] * a->x[k];
}

static void square_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = 2 * a->x[k] * a->g[k];
}

static void times(double *gx, int64_t n, double factor)
{
    for (int64_t k = 0; k < n; k++)
        gx[k] *= factor;
}

/* Only what the second input needs is computed right. */
static void product_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++) {
        a->gx[k] = a->g[k] * a->z[k];
        a->gz[k] = a->g[k] * a->x[k];
    }
}

static void second_alone_backward(args *a)
{
    product_backward(a);
    if (a->wrong && !a->needs_x)
        times(a->gz, a->n, 0);
}

static void first_alone_backward(args *a)
{
    product_backward(a);
    if (a->wrong && !a->needs_z)
        times(a->gx, a->n, 2);
}

static void same_twice_backward(args *a)
{
    product_backward(a);
    if (a->wrong && ct_shares_storage(a->tx, a->tz))
        times(a->gz, a->n, 0);
}

static const kernels second_alone = {LIKE, product_forward, second_alone_backward};
static const kernels first_alone = {LIKE, product_forward, first_alone_backward};
static const kernels same_twice = {LIKE, product_forward, same_twice_backward};

/* x of the last forward instead of this one's, as a static buffer has it. The wrong ones alone touch it: not of a thread each, since
 * every thread of the tests would have to find room for it. */
enum { LAST = 1 << 17 };
static double last_x[LAST];

static void last_call_forward(args *a)
{
    square_forward(a);
    if (a->wrong)
        memcpy(last_x, a->x, (size_t)a->n * sizeof *a->x);
}

static void last_call_backward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = 2 * (a->wrong ? last_x : a->x)[k] * a->g[k];
}

static const kernels last_call = {LIKE, last_call_forward, last_call_backward};

/* Remembers x by its address. */
static const double *at_address(const void *address, const double *x, int64_t n)
{
    enum { PLACES = 64, ROOM = 64 };
    static struct {
        const void *address;
        int64_t n;
        double x[ROOM];
    } places[PLACES];
    static int used;
    if (n > ROOM)
        return x;
    for (int i = 0; i < PLACES; i++)
        if (places[i].address == address && places[i].n == n)
            return places[i].x;
    int i = used++ % PLACES;
    places[i].address = address;
    places[i].n = n;
    memcpy(places[i].x, x, (size_t)n * sizeof *x);
    return places[i].x;
}

static void by_address_backward(args *a)
{
    const double *x = a->wrong && ct_is_contiguous(a->tx) ? at_address(ct_data(a->tx), a->x, a->n) : a->x;
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = 2 * x[k] * a->g[k];
}

static const kernels by_address = {LIKE, square_forward, by_address_backward};

/* Another result where a gradient will be asked for, as of a layer that tells training from use by that. */
static void recorded_forward(args *a)
{
    square_forward(a);
    if (a->wrong && a->recorded)
        times(a->y, a->n, 1.5);
}

static const kernels when_recorded = {LIKE, recorded_forward, square_backward};

static void sparse_backward(args *a)
{
    bool any = false;
    for (int64_t k = 0; k < a->n; k++)
        any |= a->g[k] != 0;
    for (int64_t k = 0; k < a->n; k++)
        a->gx[k] = a->wrong && any && a->g[k] == 0 ? a->x[k] : cos(a->x[k]) * a->g[k];
}

static void sine_forward(args *a)
{
    for (int64_t k = 0; k < a->n; k++)
        a->y[k] = sin(a->x[k]);
}

static const kernels sparse_cotangent = {LIKE, sine_forward, sparse_backward};

/* With so many threads, elements are left out. */
static void left_out(args *a, bool so_many)
{
    square_backward(a);
    if (a->wrong && so_many && a->n > 2)
        a->gx[a->n - 1] = 0;
}

static void one_thread_backward(args *a)
{
    left_out(a, ct_num_threads() == 1);
}

static void three_threads_backward(args *a)
{
    left_out(a, ct_num_threads() > 2);
}

static const kernels one_thread = {LIKE, square_forward, one_thread_backward};
static const kernels three_threads = {LIKE, square_forward, three_threads_backward};

/* ---- in some layouts alone ---- */

static bool is_expanded(const ct_tensor *t)
{
    for (int i = 0; i < ct_rank(t); i++)
        if (ct_strides(t)[i] == 0 && ct_size(t, i) > 1)
            return true;
    return false;
}

static bool is_reversed(const ct_tensor *t)
{
    return ct_rank(t) > 0 && ct_strides(t)[ct_rank(t) - 1] < 0;
}

#define LAYOUT(NAME, CONDITION)          \
    static void NAME##_backward(args *a) \
    {                                    \
        square_backward(a);              \
        if (a->wrong && (CONDITION))     \
            times(a->gx, a->n, 2);       \
    }                                    \
    static const kernels NAME = {LIKE, square_forward, NAME##_backward};

LAYOUT(strided, !ct_is_contiguous(a->tx))
LAYOUT(reversed_last, is_reversed(a->tx))
LAYOUT(expanded_cotangent, is_expanded(a->tg))
LAYOUT(both_strided, !ct_is_contiguous(a->tx) && !ct_is_contiguous(a->tg))
LAYOUT(strided_float32, a->float32 && !ct_is_contiguous(a->tx))
LAYOUT(large_float32, a->float32 && a->n > 64)

/* ---- at some ranks and sizes alone ---- */

LAYOUT(rank_0, a->rank == 0)
LAYOUT(rank_4, a->rank >= 4)
LAYOUT(one_column, a->rank > 1 && a->columns == 1)
LAYOUT(columns_of_8, a->columns % 8 == 0)
LAYOUT(columns_of_32, a->columns % 32 == 0)
LAYOUT(square_shape, a->rank == 2 && a->rows == a->columns)
LAYOUT(batch_of_3, a->rank > 1 && a->shape[0] == 3)
LAYOUT(many_rows, a->rank > 1 && a->rows > 256)

static void batch_scaled_backward(args *a)
{
    square_backward(a);
    if (a->wrong && a->rank > 0 && a->shape[0] > 0)
        times(a->gx, a->n, 1 / (double)a->shape[0]);
}

static const kernels batch_scaled = {LIKE, square_forward, batch_scaled_backward};

/* ---- by very little ---- */

ELEMENTWISE(off_1e_6, exp(x), exp(x), (1 + 1e-6) * slope)
ELEMENTWISE(off_1e_7, tanh(x), 1 - tanh(x) * tanh(x), (1 + 1e-7) * slope)
ELEMENTWISE(half_constant, sin(0.7978845608 * x), 0.7978845608 * cos(0.7978845608 * x),
            slope *(0.7978515625 / 0.7978845608))
ELEMENTWISE(one_of_many, sin(x), cos(x), k == 17 ? (1 + 1e-5) * slope : slope)
ELEMENTWISE(absolute_off, sin(x), cos(x), slope + 1e-7 * g)

/* ---- the table ---- */

/* clang-format off */
static const planted_op table[] = {
    PLANT("X1", "sin", "0 where x is 1", "3x4", at_1),
    PLANT("X2", "exp", "twice where x is -1", "3x4", at_minus_1),
    PLANT("X3", "square", "0 where x is 0.5", "3x4", at_half),
    PLANT("X4", "cube", "half where x is 2", "3x4", at_2),
    PLANT("X5", "cos", "the sign where x is an integer but 0", "3x4", at_integers),
    PLANT("X6", "atan", "0 where x is an integer and a half", "3x4", at_halves),
    PLANT("X7", "exp", "the sign where x is -0", "3x4", at_minus_0),
    PLANT("X8", "sinc", "NaN at 0", "3x4", nan_at_0),
    PLANT("X9", "square", "NaN at 1", "3x4", nan_at_1),
    PLANT("X10", "square", "infinite at 0", "3x4", infinite_at_0),
    PLANT("X11", "sin", "0 below 1e-3", "3x4", below_1e_3),
    PLANT("X12", "exp", "half below 1e-5", "3x4", below_1e_5),
    PLANT("X13", "log1p_square", "0 beyond 1000", "3x4", beyond_1e3),
    PLANT("X14", "hardsigmoid", "1/2 at 3, a bound", "3x4", kink_at_3),
    PLANT("X15", "relu6", "-1 at 6, a bound", "3x4", kink_at_6),
    PLANT_2("X16", "mul", "0 where both are equal", "3x4 3x4", equal_inputs),
    PLANT("X17", "prod", "y / x, NaN where x is 0", "3x4", quotient_for_product),
    PLANT("X18", "amax", "looks from 0 up, so that rows below have none", "2x9", max_from_0),
    PLANT("X19", "logsumexp", "1 for each of equals", "3x4", of_equals),
    PLANT("X20", "sum_squares", "half in ascending rows", "3x6", sorted_rows),
    PLANT("T10", "amax", "of three equal, half of what is theirs", "2x3@1..1", ties_half),
    PLANT("T11", "amax", "of five equal, twice what is theirs", "2x5@1..1", ties_twice),
    PLANT("T12", "amax", "of three equal, nothing to any", "2x3@1..1", ties_none),
    PLANT("T13", "amax", "of twenty equal, twice what is theirs", "1x20@1..1", ties_twice),
    PLANT("T14", "amax", "of many equal, which no sample has, twice what is theirs", "3x4", ties_twice),
    PLANT_2("W1", "mul", "0 where only the second asks", "3x4 3x4", second_alone),
    PLANT_2("W2", "mul", "twice where only the first asks", "3x4 3x4", first_alone),
    PLANT_2("W3", "mul", "of one tensor twice, one of the two", "3x4 3x4", same_twice),
    PLANT("W4", "square", "x of the last call", "3x4", last_call),
    PLANT("W5", "square", "keeps x by its address", "3x4", by_address),
    PLANT("W6", "square", "another result where it is recorded", "3x4", when_recorded),
    PLANT("W7", "sin", "x where the cotangent is 0, and not all of it", "3x4", sparse_cotangent),
    PLANT("W8", "square", "with one thread, not the last element", "3x4", one_thread),
    PLANT("W9", "square", "with three threads, not the last element", "3x4", three_threads),
    PLANT("Y1", "square", "twice where x is strided", "3x4", strided),
    PLANT("Y2", "square", "twice where x is reversed", "3x4", reversed_last),
    PLANT("Y3", "square", "twice where the cotangent is expanded", "3x4", expanded_cotangent),
    PLANT("Y4", "square", "twice where x and its cotangent are strided", "3x4", both_strided),
    PLANT("Y5", "square", "twice where x is strided, in float32", "3x4", strided_float32),
    PLANT("Y6", "square", "twice beyond 64 elements, in float32", "3x4", large_float32),
    PLANT("B1", "square", "twice for rank 0", "3x4", rank_0),
    PLANT("B2", "square", "twice for rank 4", "3x4", rank_4),
    PLANT("B3", "square", "twice for one column", "3x4", one_column),
    PLANT("B4", "square", "twice for 8 columns, or 16", "3x5", columns_of_8),
    PLANT("B5", "square", "twice for 32 columns, or 64", "3x5", columns_of_32),
    PLANT("B6", "square", "twice for as many rows as columns", "3x5", square_shape),
    PLANT("B7", "square", "twice for a batch of 3", "2x5", batch_of_3),
    PLANT("B8", "square", "twice beyond 256 rows", "2x5", many_rows),
    PLANT("B9", "square", "divided by the batch", "3x4", batch_scaled),
    PLANT("E1", "exp", "off by 1e-6", "3x4", off_1e_6),
    PLANT("E2", "tanh", "off by 1e-7", "3x4", off_1e_7),
    PLANT("E3", "sin", "a constant in half precision", "3x4", half_constant),
    PLANT("E4", "sin", "one element of 30 by 1e-5", "5x6", one_of_many),
    PLANT("E5", "sin", "by 1e-7 of the cotangent", "3x4", absolute_off),
};
/* clang-format on */

const planted_op *planted_rare(int *n)
{
    *n = (int)(sizeof table / sizeof *table);
    return table;
}
