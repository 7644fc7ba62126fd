/* Scans and sorting against loops over their definition: every axis and layout, sizes that are cut into tasks and tiles. */
#include "quick.h"
#include "tensor_checks.h"
#include "reduce/reduce_internal.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Short and long lines, side by side and alone, more than a tile and more than a task. */
static const struct {
    int64_t shape[3];
    int rank;
} shapes[] = {{{7}, 1},     {{3, 5}, 2},        {{2, 3, 4}, 3}, {{1, 4, 1}, 3},
              {{70000}, 1}, {{3, 700, 301}, 3}, {{5000, 9}, 2}, {{40, 2, 2000}, 3}};
enum { SHAPES = sizeof shapes / sizeof *shapes, SMALL_SHAPES = 4 };

/* The elements of t in row-major order, to be freed. */
static double *values_of(const ct_tensor *t)
{
    double *values = malloc(((size_t)ct_numel(t) + 1) * sizeof *values);
    ck_assert_msg(t && values && ct_to_values(t, values, ct_numel(t)) == CT_OK, "%s", ct_error_message());
    return values;
}

/* The lines of a shape along an axis: element k of line i is first(i) + k * step. */
typedef struct lines {
    int64_t count, n, step;
} lines;

static lines lines_along(const ct_tensor *x, int axis)
{
    lines l = {.n = ct_size(x, axis), .step = 1};
    for (int i = axis + 1; i < ct_rank(x); i++)
        l.step *= ct_size(x, i);
    l.count = l.n ? ct_numel(x) / l.n : 0;
    return l;
}

static int64_t first_of(const lines *l, int64_t line)
{
    return line / l->step * l->n * l->step + line % l->step;
}

/* ---- cumsum, cumprod ---- */

static ct_tensor *scan_by_definition(const ct_tensor *x, int axis, bool product)
{
    ct_dtype dtype = ct_dtype_of(x);
    double *values = values_of(x);
    lines l = lines_along(x, axis);
    for (int64_t line = 0; line < l.count; line++)
        for (int64_t k = 1, at = first_of(&l, line) + l.step; k < l.n; k++, at += l.step)
            values[at] = product ? values[at] * values[at - l.step] : values[at] + values[at - l.step];
    ct_tensor *y =
        ct_from_values(ct_dtype_is_float(dtype) ? dtype : CT_INT64, values, ct_numel(x), ct_shape(x), ct_rank(x));
    free(values);
    return y;
}

START_TEST(running_sums_and_products)
{
    int rank = shapes[_i].rank, layouts = _i < SMALL_SHAPES ? LAYOUTS : 2;
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int axis = 0; axis < rank; axis++) {
            ct_scope_open();
            ct_tensor *x = numbers((ct_dtype)dtype, shapes[_i].shape, rank, 5);
            ct_tensor *sums = scan_by_definition(x, axis, false), *products = scan_by_definition(x, axis, true);
            for (int layout = 0; layout < layouts; layout++) {
                ct_tensor *given = in_layout(x, layout);
                expect_close(ct_cumsum(given, axis), sums, dtype == CT_FLOAT32 ? 1e-6 : 1e-12);
                expect_close(ct_cumsum(given, axis - rank), sums, dtype == CT_FLOAT32 ? 1e-6 : 1e-12);
                if (shapes[_i].shape[axis] < 8) /* int64 holds the product */
                    expect_close(ct_cumprod(given, axis), products, dtype == CT_FLOAT32 ? 1e-6 : 1e-14);
            }
            ct_scope_close();
        }
}
END_TEST

START_TEST(scans_of_nothing_and_of_one)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0, 3)), *i = ct_zeros(CT_UINT8, CT_SHAPE(0));
    for (int axis = -3; axis < 3; axis++) {
        expect_tensor(ct_cumsum(x, axis), CT_FLOAT64, CT_SHAPE(2, 0, 3), NULL, 0);
        expect_tensor(ct_cumprod(x, axis), CT_FLOAT64, CT_SHAPE(2, 0, 3), NULL, 0);
    }
    expect_tensor(ct_cumsum(i, 0), CT_INT64, CT_SHAPE(0), NULL, 0);
    expect_tensor(ct_cumprod(i, 0), CT_INT64, CT_SHAPE(0), NULL, 0);
    ct_tensor *one = ct_full(CT_FLOAT32, 3, CT_SHAPE(1));
    expect_tensor(ct_cumsum(one, 0), CT_FLOAT32, CT_SHAPE(1), (double[]){3}, 1);
    expect_tensor(ct_cumprod(one, -1), CT_FLOAT32, CT_SHAPE(1), (double[]){3}, 1);
    ct_tensor *y, *grad;
    ct_set_requires_grad(x, true);
    y = ct_sum(ct_mul(ct_cumprod(x, 1), ct_cumsum(x, 1)));
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad), CT_OK);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 0, 3), NULL, 0);
}
END_TEST

/* The state is wider than float32, and than the smaller integers. */
START_TEST(scans_keep_their_digits)
{
    const int64_t n = 1000000;
    ct_tensor *sums = ct_cumsum(ct_full(CT_FLOAT32, 0.1, CT_SHAPE(n)), 0);
    for (int64_t i = 0; i < n; i += 99999) {
        double exact = (double)0.1f * (double)(i + 1);
        ck_assert_double_le(fabs(ct_get(sums, &i, 1) - exact), 0x1p-24 * exact);
    }
    const int64_t last = 999;
    ck_assert_double_eq(ct_get(ct_cumsum(ct_full(CT_UINT8, 255, CT_SHAPE(1000)), 0), &last, 1), 255000);
    ck_assert_double_eq(ct_get(ct_cumsum(ct_full(CT_INT32, 2e9, CT_SHAPE(1000)), 0), &last, 1), 2e12);
    const int64_t ninth = 8;
    ck_assert_double_eq(ct_get(ct_cumprod(ct_full(CT_UINT8, 7, CT_SHAPE(9)), 0), &ninth, 1), 40353607);
}
END_TEST

/* The gradients of prod and cumprod stand on it. */
START_TEST(a_linear_recurrence_from_both_ends)
{
    ct_tensor *a = ct_from_values(CT_FLOAT64, CT_VALUES(2, 0, 3), CT_SHAPE(3));
    ct_tensor *b = ct_from_values(CT_FLOAT64, CT_VALUES(1, 1, 5, 7), CT_SHAPE(4));
    expect_tensor(ct_linear_recurrence(a, b, 0, false), CT_FLOAT64, CT_SHAPE(4), (double[]){1, 3, 5, 22}, 4);
    expect_tensor(ct_linear_recurrence(a, b, -1, true), CT_FLOAT64, CT_SHAPE(4), (double[]){3, 1, 26, 7}, 4);
    expect_error(ct_linear_recurrence(b, b, 0, false), CT_ERROR_SHAPE,
                 "linear_recurrence: takes one factor less than terms along axis 0: [4], [4]");
    expect_error(ct_linear_recurrence(ct_cast(a, CT_FLOAT32), b, 0, false), CT_ERROR_DTYPE,
                 "linear_recurrence: dtypes differ: float32 and float64");
    expect_error(ct_linear_recurrence(a, b, 1, false), CT_ERROR_ARGUMENT,
                 "linear_recurrence: axis 1 is not in -1..0: [3], [4]");
}
END_TEST

/* ---- sort ---- */

/* Whether a may stand before b: NaN counts as the largest. */
static bool in_order(double a, double b, bool descending)
{
    double low = descending ? b : a, high = descending ? a : b;
    return isnan(high) || low <= high;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Sorted is x at indices, in order, ties in their old order; and indices are a permutation. */
static void check_sorted(ct_tensor *x, int axis, bool descending, const ct_tensor *sorted, const ct_tensor *indices)
{
    double *from = values_of(x), *to = values_of(sorted), *index = values_of(indices);
    lines l = lines_along(x, axis);
    char *seen = calloc((size_t)l.n + 1, 1);
    for (int64_t line = 0; line < l.count; line++) {
        int64_t first = first_of(&l, line);
        memset(seen, 0, (size_t)l.n);
        for (int64_t k = 0; k < l.n; k++) {
            int64_t at = first + k * l.step, source = (int64_t)index[at];
            if (source < 0 || source >= l.n || seen[source]++ || !same(to[at], from[first + source * l.step]))
                ck_abort_msg("line %lld, element %lld: index %lld", (long long)line, (long long)k, (long long)source);
            if (k == 0)
                continue;
            double before = to[at - l.step];
            if (!in_order(before, to[at], descending) || (same(before, to[at]) && index[at - l.step] > index[at]))
                ck_abort_msg("line %lld: %g at %g before %g at %g", (long long)line, before, index[at - l.step], to[at],
                             index[at]);
        }
    }
    free(from);
    free(to);
    free(index);
    free(seen);
}

START_TEST(sorted_along_every_axis)
{
    int rank = shapes[_i].rank, layouts = _i < SMALL_SHAPES ? LAYOUTS : 2;
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int axis = 0; axis < rank; axis++)
            for (int descending = 0; descending <= 1; descending++) {
                ct_scope_open();
                ct_tensor *x = numbers((ct_dtype)dtype, shapes[_i].shape, rank, 7), *indices, *unwanted;
                if (dtype == CT_FLOAT64) /* with ties */
                    x = ct_floor(ct_mul_scalar(x, 3));
                for (int layout = 0; layout < layouts; layout++) {
                    ct_tensor *given = in_layout(x, layout);
                    ct_tensor *sorted = ct_sort(given, axis - rank, descending, &indices);
                    check_sorted(x, axis, descending, sorted, indices);
                    expect_close(ct_argsort(given, axis, descending), indices, 0);
                    expect_close(ct_topk(given, shapes[_i].shape[axis], axis, descending, &unwanted), sorted, 0);
                    expect_close(unwanted, indices, 0);
                }
                ct_scope_close();
            }
}
END_TEST

START_TEST(nan_and_both_zeros)
{
    const double values[] = {1, NAN, -0.0, INFINITY, 0, -INFINITY, -NAN, -2};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = ct_from_values((ct_dtype)dtype, values, 8, CT_SHAPE(8)), *indices;
        expect_tensor(ct_sort(x, 0, false, &indices), (ct_dtype)dtype, CT_SHAPE(8),
                      (double[]){-INFINITY, -2, 0, 0, 1, INFINITY, NAN, NAN}, 8);
        expect_tensor(indices, CT_INT64, CT_SHAPE(8), (double[]){5, 7, 2, 4, 0, 3, 1, 6}, 8);
        expect_tensor(ct_sort(x, 0, true, &indices), (ct_dtype)dtype, CT_SHAPE(8),
                      (double[]){NAN, NAN, INFINITY, 1, 0, 0, -2, -INFINITY}, 8);
        expect_tensor(indices, CT_INT64, CT_SHAPE(8), (double[]){1, 6, 3, 0, 2, 4, 7, 5}, 8);
        ck_assert(signbit(ct_item(ct_slice(ct_sort(x, 0, false, NULL), 0, 2, 3, 1)))); /* -0 stays what it is */
        expect_tensor(ct_topk(x, 3, 0, true, NULL), (ct_dtype)dtype, CT_SHAPE(3), (double[]){NAN, NAN, INFINITY}, 3);
    }
    const int64_t wide[] = {INT64_MAX, INT64_MIN, -1, 0,
                            INT64_MAX - 1}; /* the last differs from the first in int64 only */
    ct_tensor *x = ct_from_array(CT_INT64, wide, CT_SHAPE(5));
    expect_tensor(ct_argsort(x, 0, false), CT_INT64, CT_SHAPE(5), (double[]){1, 2, 3, 4, 0}, 5);
}
END_TEST

START_TEST(nothing_to_sort)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0)), *indices;
    expect_tensor(ct_sort(x, 1, true, &indices), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(indices, CT_INT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_sort(x, 0, true, NULL), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_argsort(x, 0, false), CT_INT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_topk(x, 1, 0, true, &indices), CT_FLOAT64, CT_SHAPE(1, 0), NULL, 0);
    expect_tensor(indices, CT_INT64, CT_SHAPE(1, 0), NULL, 0);
    expect_tensor(ct_topk(ct_ones(CT_INT32, CT_SHAPE(3)), 0, 0, true, NULL), CT_INT32, CT_SHAPE(0), NULL, 0);
}
END_TEST

/* Few of many are selected, many are sorted: both are the beginning of the whole in order. */
START_TEST(topk_is_where_sort_begins)
{
    const int64_t ks[] = {299, 0, 300, 1, 3, 16, 64, 65, 200};
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int axis = 0; axis < 2; axis++)
            for (size_t i = 0; i < (is_quick() ? 3 : sizeof ks / sizeof *ks); i++) {
                ct_scope_open();
                int64_t k = ks[i];
                ct_tensor *x = ct_floor(ct_mul_scalar(numbers(CT_FLOAT64, CT_SHAPE(300, 300), 2), 30)); /* with ties */
                x = in_layout(ct_cast(ct_add_scalar(x, 60), (ct_dtype)dtype), 1);
                ct_tensor *all, *some, *sorted = ct_sort(x, axis, i % 2, &all),
                                       *first = ct_topk(x, k, axis, i % 2, &some);
                expect_close(first, ct_slice(sorted, axis, 0, k, 1), 0);
                expect_close(some, ct_slice(all, axis, 0, k, 1), 0);
                ct_scope_close();
            }
}
END_TEST

START_TEST(topk_takes_either_end)
{
    ct_tensor *x = ct_from_values(CT_INT32, CT_VALUES(3, 1, 2, 9, 8, 7), CT_SHAPE(2, 3)), *indices;
    expect_tensor(ct_topk(x, 2, 1, true, &indices), CT_INT32, CT_SHAPE(2, 2), (double[]){3, 2, 9, 8}, 4);
    expect_tensor(indices, CT_INT64, CT_SHAPE(2, 2), (double[]){0, 2, 0, 1}, 4);
    expect_tensor(ct_topk(x, 1, -1, false, &indices), CT_INT32, CT_SHAPE(2, 1), (double[]){1, 7}, 2);
    expect_tensor(indices, CT_INT64, CT_SHAPE(2, 1), (double[]){1, 2}, 2);
    expect_tensor(ct_topk(x, 1, 0, false, NULL), CT_INT32, CT_SHAPE(1, 3), (double[]){3, 1, 2}, 3);
}
END_TEST

START_TEST(the_number_of_threads_changes_nothing)
{
    int before = ct_num_threads();
    for (int i = SMALL_SHAPES; i < SHAPES; i++)
        for (int axis = 0; axis < shapes[i].rank; axis++) {
            ct_scope_open();
            ct_tensor *x = numbers(CT_FLOAT32, shapes[i].shape, shapes[i].rank, 4), *sum[2], *order[2];
            for (int run = 0; run < 2; run++) {
                ct_set_num_threads(run == 0 ? 1 : 4);
                sum[run] = ct_cumsum(x, axis);
                order[run] = ct_argsort(x, axis, false);
            }
            ck_assert_int_eq(memcmp(ct_data(sum[0]), ct_data(sum[1]), (size_t)ct_numel(x) * 4), 0);
            ck_assert_int_eq(memcmp(ct_data(order[0]), ct_data(order[1]), (size_t)ct_numel(x) * 8), 0);
            ct_scope_close();
        }
    ct_set_num_threads(before);
}
END_TEST

START_TEST(they_refuse)
{
    ct_tensor *x = numbers(CT_FLOAT32, CT_SHAPE(2, 3), 1), *scalar = ct_scalar(CT_FLOAT32, 1), *indices = x;
    expect_error(ct_cumsum(x, 2), CT_ERROR_ARGUMENT, "cumsum: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_cumprod(x, -3), CT_ERROR_ARGUMENT, "cumprod: axis -3 is not in -2..1: [2,3]");
    expect_error(ct_sort(x, 2, false, &indices), CT_ERROR_ARGUMENT, "sort: axis 2 is not in -2..1: [2,3]");
    ck_assert_ptr_null(indices);
    expect_error(ct_argsort(x, 2, false), CT_ERROR_ARGUMENT, "argsort: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_topk(x, 1, 2, true, NULL), CT_ERROR_ARGUMENT, "topk: axis 2 is not in -2..1: [2,3]");
    indices = x;
    expect_error(ct_topk(x, 4, 1, true, &indices), CT_ERROR_ARGUMENT, "topk: k = 4 is not in 0..3: [2,3]");
    ck_assert_ptr_null(indices);
    expect_error(ct_topk(x, -1, 1, true, NULL), CT_ERROR_ARGUMENT, "topk: k = -1 is not in 0..3: [2,3]");
    expect_error(ct_cumsum(scalar, -2), CT_ERROR_ARGUMENT, "cumsum: axis -2 is not in -1..0: []");
    expect_error(ct_cumprod(scalar, -2), CT_ERROR_ARGUMENT, "cumprod: axis -2 is not in -1..0: []");
    expect_error(ct_sort(scalar, 1, false, NULL), CT_ERROR_ARGUMENT, "sort: axis 1 is not in -1..0: []");
    expect_error(ct_cumsum(NULL, 0), CT_ERROR_NULL, "cumsum: input 0 is NULL");
    expect_error(ct_sort(NULL, 0, false, NULL), CT_ERROR_NULL, "sort: input 0 is NULL");
}
END_TEST

/* ---- gradients and memory ---- */

static ct_tensor *try_cumsum(ct_tensor *const *in)
{
    return ct_mul(ct_cumsum(in[0], 1), ct_cumsum(ct_square(in[0]), -1));
}

static ct_tensor *try_cumprod(ct_tensor *const *in)
{
    return ct_mul(ct_cumprod(in[0], 1), ct_cumprod(in[0], 2));
}

static ct_tensor *try_recurrence(ct_tensor *const *in)
{
    ct_tensor *factors = ct_slice(in[0], 1, 0, 2, 1);
    return ct_mul(ct_linear_recurrence(factors, in[0], 1, false), ct_linear_recurrence(factors, in[0], 1, true));
}

static ct_tensor *try_sort(ct_tensor *const *in)
{
    return ct_mul(ct_sort(in[0], 2, false, NULL), ct_sort(ct_square(in[0]), -2, true, NULL));
}

static ct_tensor *try_topk(ct_tensor *const *in)
{
    return ct_mul(ct_topk(in[0], 2, 2, true, NULL), ct_topk(in[0], 2, -1, false, NULL));
}

static const test_expression expressions[] = {try_cumsum, try_cumprod, try_recurrence, try_sort, try_topk};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

START_TEST(gradients)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1);
    expect_gradients(expressions[_i], &x, 1);
}
END_TEST

/* Where the quotient of products says nothing. */
START_TEST(running_products_beside_zeros)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 0, -1, 0, 3, 0, 2, 0, 0, 0, 0), CT_SHAPE(1, 3, 4));
    expect_gradients(try_cumprod, &x, 1);
}
END_TEST

START_TEST(no_memory)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1);
    expect_memory_errors(expressions[_i], &x, 1);
}
END_TEST

static ct_tensor *try_argsort(ct_tensor *const *in)
{
    return ct_argsort(ct_transpose(in[0], 0, 1), 1, true);
}

START_TEST(no_memory_for_positions)
{
    ct_tensor *x = numbers(CT_INT64, CT_SHAPE(3, 4), 1);
    expect_memory_errors(try_argsort, &x, 1);
}
END_TEST

START_TEST(positions_have_no_gradient)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(3, 4), 1), true), *sorted, *top;
    ck_assert(ct_requires_grad(ct_sort(x, 0, false, &sorted)) && !ct_requires_grad(sorted));
    ck_assert(ct_requires_grad(ct_topk(x, 2, 0, true, &top)) && !ct_requires_grad(top));
    ck_assert(!ct_requires_grad(ct_argsort(x, 0, false)));
}
END_TEST

Suite *ct_suite_scan(void)
{
    Suite *suite = suite_create("scan");
    TCase *values = tcase_create("values");
    int some_shapes = is_quick() ? SMALL_SHAPES : SHAPES;
    tcase_add_checked_fixture(values, open_test, close_test);
    tcase_add_loop_test(values, running_sums_and_products, 0, some_shapes);
    tcase_add_test(values, scans_of_nothing_and_of_one);
    tcase_add_test(values, scans_keep_their_digits);
    tcase_add_test(values, a_linear_recurrence_from_both_ends);
    tcase_add_loop_test(values, sorted_along_every_axis, 0, some_shapes);
    tcase_add_test(values, nan_and_both_zeros);
    tcase_add_test(values, nothing_to_sort);
    tcase_add_test(values, topk_is_where_sort_begins);
    tcase_add_test(values, topk_takes_either_end);
    tcase_add_test(values, the_number_of_threads_changes_nothing);
    tcase_add_test(values, they_refuse);
    suite_add_tcase(suite, values);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_test(derivatives, running_products_beside_zeros);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, no_memory_for_positions);
    tcase_add_test(derivatives, positions_have_no_gradient);
    suite_add_tcase(suite, derivatives);
    return suite;
}
