/* Reductions against loops over their definition: every set of axes and layout, sizes that are cut into tasks and tiles. */
#include "tensor_checks.h"
#include "reduce/kernels_reduce.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef ct_tensor *reduction(ct_tensor *x, const ct_reduce_options *options);

/* ---- the definition ---- */

/* What x is when reduced over some axes. */
typedef struct answer {
    int64_t shape[CT_MAX_RANK], results, count;
    int rank;
    double *sum, *mean, *product, *smallest, *largest;
} answer;

static answer by_definition(const ct_tensor *x, unsigned mask, bool keepdim)
{
    answer a = {.results = 1, .count = 1};
    for (int axis = 0; axis < ct_rank(x); axis++) {
        bool reduced = mask >> axis & 1;
        *(reduced ? &a.count : &a.results) *= ct_size(x, axis);
        if (!reduced || keepdim)
            a.shape[a.rank++] = reduced ? 1 : ct_size(x, axis);
    }
    int64_t n = ct_numel(x);
    double *values = malloc((size_t)n * sizeof(double));
    double *carry = calloc((size_t)a.results, sizeof(double)); /* Kahan's, so that this is the exacter of the two */
    a.sum = calloc((size_t)a.results, sizeof(double));
    double **others[] = {&a.mean, &a.product, &a.smallest, &a.largest};
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(*others[i] = malloc((size_t)a.results * sizeof(double)));
    ck_assert(values && carry && a.sum);
    ct_to_values(x, values, n);
    for (int64_t i = 0; i < a.results; i++) {
        a.product[i] = 1;
        a.smallest[i] = INFINITY;
        a.largest[i] = -INFINITY;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at = 0, step = 1;
        for (int axis = ct_rank(x) - 1; axis >= 0; axis--) {
            int64_t size = ct_size(x, axis);
            if (!(mask >> axis & 1)) {
                at += rest % size * step;
                step *= size;
            }
            rest /= size;
        }
        double add = values[i] - carry[at], sum = a.sum[at] + add;
        carry[at] = sum - a.sum[at] - add;
        a.sum[at] = sum;
        a.product[at] *= values[i];
        a.smallest[at] = fmin(a.smallest[at], values[i]);
        a.largest[at] = fmax(a.largest[at], values[i]);
    }
    for (int64_t i = 0; i < a.results; i++)
        a.mean[i] = a.sum[i] / (double)a.count;
    free(values);
    free(carry);
    return a;
}

static void free_answer(answer a)
{
    free(a.sum);
    free(a.mean);
    free(a.product);
    free(a.smallest);
    free(a.largest);
}

/* Whether int64 holds the products, so that the definition in double is exact, or they neither overflow nor vanish. */
static bool has_products(const answer *a, ct_dtype dtype)
{
    double limit = ct_dtype_is_float(dtype) ? 1e30 : 0x1p53;
    for (int64_t i = 0; i < a->results; i++)
        if (fabs(a->product[i]) > limit || (ct_dtype_is_float(dtype) && fabs(a->product[i]) < 1 / limit))
            return false;
    return true;
}

/* Checks sum, mean, prod, amin and amax of x, in layouts from first to last, over the axes in the mask. */
static void check_reductions(ct_tensor *x, int first, int last, unsigned mask, bool keepdim)
{
    ct_dtype dtype = ct_dtype_of(x);
    int64_t axes[CT_MAX_RANK];
    ct_reduce_options options = {CT_DEFAULTS(ct_reduce_options), .axes = axes, .keepdim = keepdim};
    for (int axis = 0; axis < ct_rank(x); axis++)
        if (mask >> axis & 1) {
            axes[options.n_axes] = axis - (options.n_axes % 2 ? ct_rank(x) : 0); /* some from the end */
            options.n_axes++;
        }
    answer a = by_definition(x, mask, keepdim);
    for (int layout = first; layout <= last; layout++) {
        ct_scope_open();
        ct_tensor *given = in_layout(x, layout), *sum = (ct_sum)(given, &options);
        expect_tensor(sum, ct_dtype_is_float(dtype) ? dtype : CT_INT64, a.shape, a.rank, a.sum, a.results);
        if (ct_dtype_is_float(dtype))
            expect_tensor((ct_mean)(given, &options), dtype, a.shape, a.rank, a.mean, a.results);
        if (has_products(&a, dtype))
            expect_tensor((ct_prod)(given, &options), ct_dtype_is_float(dtype) ? dtype : CT_INT64, a.shape, a.rank,
                          a.product, a.results);
        expect_tensor((ct_amin)(given, &options), dtype, a.shape, a.rank, a.smallest, a.results);
        expect_tensor((ct_amax)(given, &options), dtype, a.shape, a.rank, a.largest, a.results);
        ct_scope_close();
    }
    free_answer(a);
}

START_TEST(every_set_of_axes_in_every_layout)
{
    const int64_t size[] = {3, 2, 5, 4};
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int rank = 1; rank <= 4; rank++) {
            ct_tensor *x = numbers((ct_dtype)dtype, size, rank, 1);
            for (unsigned mask = 1; mask < 1u << rank; mask++) {
                check_reductions(x, _i, _i, mask, false);
                check_reductions(x, _i, _i, mask, true);
            }
        }
}
END_TEST

/* Rows and columns, wide and narrow, more than a tile, more than a task, more than a vector with a rest. */
static const struct {
    int64_t shape[4];
    int rank;
    unsigned mask;
} large[] = {
    {{70003}, 1, 1},           {{3, 25001}, 2, 2},       {{25001, 3}, 2, 1},       {{25001, 3}, 2, 2},
    {{3, 25001}, 2, 1},        {{60, 1100}, 2, 1},       {{60, 1100}, 2, 2},       {{60, 1100}, 2, 3},
    {{16, 10, 21, 20}, 4, 13}, {{16, 10, 21, 20}, 4, 2}, {{16, 10, 21, 20}, 4, 7}, {{16, 10, 21, 20}, 4, 8},
    {{2, 900, 40}, 3, 2},      {{300, 2, 3, 41}, 4, 5},  {{1, 70000, 1}, 3, 2},    {{2000, 35}, 2, 2},
};
enum { LARGE = sizeof large / sizeof *large };

START_TEST(large_ones)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
        ct_tensor *x = numbers((ct_dtype)dtype, large[_i].shape, large[_i].rank, 3);
        check_reductions(x, 0, LAYOUTS - 1, large[_i].mask, false);
    }
}
END_TEST

/* ---- sum and mean ---- */

START_TEST(all_axes_are_the_default)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(1, 2, 3, 4, 5, 9), CT_SHAPE(2, 3));
    expect_tensor(ct_sum(x), CT_FLOAT32, CT_SCALAR, (double[]){24}, 1);
    expect_tensor(ct_mean(x), CT_FLOAT32, CT_SCALAR, (double[]){4}, 1);
    expect_tensor(ct_amax(x), CT_FLOAT32, CT_SCALAR, (double[]){9}, 1);
    expect_tensor(ct_sum(x, .keepdim = true), CT_FLOAT32, CT_SHAPE(1, 1), (double[]){24}, 1);
    expect_tensor((ct_sum)(x, NULL), CT_FLOAT32, CT_SCALAR, (double[]){24}, 1);
    expect_tensor(ct_amin(x), CT_FLOAT32, CT_SCALAR, (double[]){1}, 1);
    expect_tensor(ct_prod(x), CT_FLOAT32, CT_SCALAR, (double[]){1080}, 1);
    expect_tensor((ct_var)(x, NULL), CT_FLOAT32, CT_SCALAR, (double[]){8}, 1);
    expect_tensor(ct_std(x), CT_FLOAT32, CT_SCALAR, (double[]){sqrt(8)}, 1);
    expect_tensor((ct_norm)(x, 2, NULL), CT_FLOAT32, CT_SCALAR, (double[]){sqrt(136)}, 1);
    expect_tensor(ct_all(x), CT_BOOL, CT_SCALAR, (double[]){1}, 1);
    expect_tensor(ct_sum(x, CT_AXES(0, -1), .keepdim = true), CT_FLOAT32, CT_SHAPE(1, 1), (double[]){24}, 1);
    expect_tensor(ct_sum(x, CT_AXES(-2)), CT_FLOAT32, CT_SHAPE(3), (double[]){5, 7, 12}, 3);
    ct_tensor *scalar = ct_scalar(CT_FLOAT64, 3);
    expect_tensor(ct_sum(scalar), CT_FLOAT64, CT_SCALAR, (double[]){3}, 1);
    expect_tensor(ct_amax(scalar, .keepdim = true), CT_FLOAT64, CT_SCALAR, (double[]){3}, 1);
}
END_TEST

START_TEST(nothing_to_reduce)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0, 3));
    expect_tensor(ct_sum(x), CT_FLOAT64, CT_SCALAR, (double[]){0}, 1);
    expect_tensor(ct_sum(x, CT_AXES(1)), CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 0, 0, 0, 0, 0}, 6);
    expect_tensor(ct_sum(x, CT_AXES(0, 1)), CT_FLOAT64, CT_SHAPE(3), (double[]){0, 0, 0}, 3);
    expect_tensor(ct_sum(x, CT_AXES(0)), CT_FLOAT64, CT_SHAPE(0, 3), NULL, 0);
    expect_tensor(ct_mean(x, CT_AXES(1, 2)), CT_FLOAT64, CT_SHAPE(2), (double[]){NAN, NAN}, 2);
    expect_tensor(ct_mean(x, CT_AXES(2)), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_amax(x, CT_AXES(0), .keepdim = true), CT_FLOAT64, CT_SHAPE(1, 0, 3), NULL, 0);
    expect_tensor(ct_max(x, 2, false, NULL), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_argmax(x, 2), CT_INT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_sum_to(x, CT_SHAPE(1, 3)), CT_FLOAT64, CT_SHAPE(1, 3), (double[]){0, 0, 0}, 3);
    expect_tensor(ct_prod(x, CT_AXES(1)), CT_FLOAT64, CT_SHAPE(2, 3), (double[]){1, 1, 1, 1, 1, 1}, 6);
    expect_tensor(ct_any(x, CT_AXES(1, 2)), CT_BOOL, CT_SHAPE(2), (double[]){0, 0}, 2);
    expect_tensor(ct_all(x, CT_AXES(1, 2)), CT_BOOL, CT_SHAPE(2), (double[]){1, 1}, 2);
    expect_tensor(ct_var(x), CT_FLOAT64, CT_SCALAR, (double[]){NAN}, 1);
    expect_tensor(ct_std(x, CT_AXES(1), .biased = true), CT_FLOAT64, CT_SHAPE(2, 3),
                  (double[]){NAN, NAN, NAN, NAN, NAN, NAN}, 6);
    expect_tensor(ct_var(x, CT_AXES(0)), CT_FLOAT64, CT_SHAPE(0, 3), NULL, 0);
    expect_tensor(ct_norm(x, 2, CT_AXES(1)), CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 0, 0, 0, 0, 0}, 6);
    expect_tensor(ct_norm(x, 0.5), CT_FLOAT64, CT_SCALAR, (double[]){0}, 1);
    expect_tensor(ct_logsumexp(x, CT_AXES(0, 1)), CT_FLOAT64, CT_SHAPE(3), (double[]){-INFINITY, -INFINITY, -INFINITY},
                  3);
    expect_tensor(ct_logsumexp(x, CT_AXES(2)), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_argmin(x, 2), CT_INT64, CT_SHAPE(2, 0), NULL, 0);
    expect_error(ct_amin(x), CT_ERROR_SHAPE, "amin: no elements to choose from: [2,0,3]");
    expect_error(ct_min(x, 1, false, NULL), CT_ERROR_SHAPE, "min: no elements to choose from: [2,0,3]");
    expect_error(ct_argmin(x, 1), CT_ERROR_SHAPE, "argmin: no elements to choose from: [2,0,3]");
    expect_error(ct_norm(x, INFINITY), CT_ERROR_SHAPE, "norm: no elements to choose from: [2,0,3]");
    expect_error(ct_norm(x, -1, CT_AXES(1)), CT_ERROR_SHAPE, "norm: no elements to choose from: [2,0,3]");
    expect_error(ct_amax(x), CT_ERROR_SHAPE, "amax: no elements to choose from: [2,0,3]");
    expect_error(ct_amax(x, CT_AXES(1)), CT_ERROR_SHAPE, "amax: no elements to choose from: [2,0,3]");
    expect_error(ct_max(x, 1, false, NULL), CT_ERROR_SHAPE, "max: no elements to choose from: [2,0,3]");
    expect_error(ct_argmax(x, 1), CT_ERROR_SHAPE, "argmax: no elements to choose from: [2,0,3]");
}
END_TEST

/* Sums that lose everything in float32 accumulators, and a product that leaves its range on the way. */
START_TEST(float32_sums_are_exact_to_their_last_digit)
{
    const int64_t n = 1500000;
    ct_tensor *x = ct_full(CT_FLOAT32, 0.1, CT_SHAPE(n));
    double exact = (double)0.1f * (double)n;
    ck_assert_double_le(fabs(ct_item(ct_sum(x)) - exact), 0x1p-24 * exact);
    ct_tensor *columns = ct_reshape(x, CT_SHAPE(n / 3, 3));
    for (int64_t i = 0; i < 3; i++)
        ck_assert_double_le(fabs(ct_get(ct_sum(columns, CT_AXES(0)), &i, 1) - exact / 3), 0x1p-24 * exact);
    ct_tensor *cancel =
        ct_concat((ct_tensor *[]){ct_full(CT_FLOAT32, 1e8, CT_SHAPE(1)), ct_ones(CT_FLOAT32, CT_SHAPE(1000)),
                                  ct_full(CT_FLOAT32, -1e8, CT_SHAPE(1))},
                  3, 0);
    ck_assert_double_eq(ct_item(ct_sum(cancel)), 1000);
    ct_tensor *far = ct_from_values(CT_FLOAT32, CT_VALUES(1e30, 1e30, 1e-30, 1e-30), CT_SHAPE(4));
    ck_assert_double_eq_tol(ct_item(ct_prod(far)), 1, 1e-6);
}
END_TEST

START_TEST(integer_sums_do_not_overflow_their_elements)
{
    ck_assert_double_eq(ct_item(ct_sum(ct_full(CT_UINT8, 255, CT_SHAPE(1000)))), 255000);
    ck_assert_double_eq(ct_item(ct_sum(ct_full(CT_INT32, -2e9, CT_SHAPE(100)))), -2e11);
    ck_assert_double_eq(ct_item(ct_prod(ct_full(CT_INT32, -3, CT_SHAPE(33)))), -pow(3, 33));
    ck_assert_double_eq(ct_item(ct_amin(ct_full(CT_INT64, -0x1p62, CT_SHAPE(3)))), -0x1p62);
    ct_tensor *ones = ct_ones(CT_INT64, CT_SHAPE(2));
    expect_error(ct_mean(ones), CT_ERROR_DTYPE, "mean: takes float32 or float64, not int64");
    expect_error(ct_var(ones), CT_ERROR_DTYPE, "var: takes float32 or float64, not int64");
    expect_error(ct_std(ones), CT_ERROR_DTYPE, "std: takes float32 or float64, not int64");
    expect_error(ct_norm(ones, 1), CT_ERROR_DTYPE, "norm: takes float32 or float64, not int64");
    expect_error(ct_logsumexp(ones), CT_ERROR_DTYPE, "logsumexp: takes float32 or float64, not int64");
}
END_TEST

START_TEST(the_number_of_threads_changes_nothing)
{
    int before = ct_num_threads();
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int i = 0; i < LARGE; i++) {
            ct_scope_open();
            ct_tensor *x = numbers((ct_dtype)dtype, large[i].shape, large[i].rank, 4), *y[2], *most[2];
            for (int run = 0; run < 2; run++) {
                ct_set_num_threads(run == 0 ? 1 : 4);
                y[run] = ct_sum_to(x, CT_SCALAR);
                most[run] = ct_argmax(x, 0);
            }
            ck_assert_int_eq(memcmp(ct_data(y[0]), ct_data(y[1]), ct_dtype_size((ct_dtype)dtype)), 0);
            ck_assert_int_eq(memcmp(ct_data(most[0]), ct_data(most[1]), (size_t)ct_numel(most[0]) * 8), 0);
            ct_scope_close();
        }
    ct_set_num_threads(before);
}
END_TEST

/* ---- the kernels of all instruction sets that this machine has ---- */

static void compare_folds(const ct_reduce_kernels *kernels)
{
    enum { N = 5000 };
    for (int kind = 0; kind < CT_REDUCERS; kind++)
        for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
            const void *x = ct_data(numbers((ct_dtype)dtype, CT_SHAPE(N), 6));
            const int64_t tiles[][4] = {{7, 600, 601, 1}, {60, 1, 77, 60}, {5, 3, 31, 20}, {3, 1, 1200, 4}};
            for (int t = 0; t < 4; t++) {
                double acc[2][64] = {{0}};
                const ct_reducer *folds[] = {&ct__reduce_kernels_portable.folds[kind][dtype],
                                             &kernels->folds[kind][dtype]};
                for (int k = 0; k < 2; k++) {
                    folds[k]->start(acc[k], tiles[t][0]);
                    folds[k]->fold(x, tiles[t][0], tiles[t][1], tiles[t][2], tiles[t][3], acc[k]);
                }
                ck_assert_msg(memcmp(acc[0], acc[1], sizeof acc[0]) == 0, "fold %d, dtype %d, tile %d", kind, dtype, t);
            }
        }
}

START_TEST(instruction_sets_agree_to_the_bit)
{
    compare_folds(&ct__reduce_kernels_portable);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        compare_folds(&ct__reduce_kernels_avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        compare_folds(&ct__reduce_kernels_avx512);
#endif
}
END_TEST

/* ---- max and min ---- */

START_TEST(extremes_say_where)
{
    const int64_t shapes[][3] = {{3, 4, 5}, {40, 3, 300}, {2, 900, 20}, {70, 2, 300}};
    const ct_reduce_options keepdim = {CT_DEFAULTS(ct_reduce_options), .axes = (const int64_t[]){_i % 3}, .n_axes = 1,
                                       .keepdim = true};
    static const struct {
        ct_tensor *(*place)(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);
        reduction *extreme;
        ct_tensor *(*only_place)(ct_tensor *x, int axis);
    } kinds[] = {{ct_max, ct_amax, ct_argmax}, {ct_min, ct_amin, ct_argmin}};
    int axis = _i % 3, k = _i / 3;
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int s = 0; s < 4; s++)
            for (int layout = 0; layout < LAYOUTS; layout++) {
                ct_scope_open();
                ct_tensor *x = in_layout(numbers((ct_dtype)dtype, shapes[s], 3, 8), layout), *index, *dropped;
                ct_tensor *y = kinds[k].place(x, axis - 3, true, &index);
                expect_close(y, kinds[k].extreme(x, &keepdim), 0);
                expect_close(ct_gather(x, axis, index), y, 0);
                expect_close(kinds[k].only_place(x, axis), ct_squeeze(index, axis), 0);
                expect_close(ct_squeeze(y, axis), kinds[k].place(x, axis, false, &dropped), 0);
                expect_close(dropped, ct_squeeze(index, axis), 0);
                ct_scope_close();
            }
}
END_TEST

START_TEST(the_first_of_ties_is_taken)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(1, 3, 3, 2, 2, 2, 0, 0, 1), CT_SHAPE(3, 3));
    expect_tensor(ct_argmax(x, 1), CT_INT64, CT_SHAPE(3), (double[]){1, 0, 2}, 3);
    expect_tensor(ct_argmin(x, 1), CT_INT64, CT_SHAPE(3), (double[]){0, 0, 0}, 3);
    expect_tensor(ct_argmin(x, 0), CT_INT64, CT_SHAPE(3), (double[]){2, 2, 2}, 3);
    expect_tensor(ct_argmax(ct_contiguous(ct_transpose(x, 0, 1)), 0), CT_INT64, CT_SHAPE(3), (double[]){1, 0, 2}, 3);
    ct_tensor *flat = ct_ones(CT_UINT8, CT_SHAPE(100000));
    ck_assert_double_eq(ct_item(ct_argmax(flat, 0)), 0);
}
END_TEST

START_TEST(nan_is_the_largest_and_the_smallest)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int64_t n = 3; n < 300; n += 40) {
            ct_tensor *x = ct_zeros((ct_dtype)dtype, CT_SHAPE(n, 2));
            ck_assert_int_eq(ct_fill_(ct_select(ct_select(x, 0, n / 2), 0, 1), NAN), CT_OK);
            ck_assert_int_eq(ct_fill_(ct_select(ct_select(x, 0, n - 1), 0, 0), INFINITY), CT_OK);
            ct_tensor *index, *y = ct_max(x, 0, false, &index);
            expect_tensor(y, (ct_dtype)dtype, CT_SHAPE(2), (double[]){INFINITY, NAN}, 2);
            expect_tensor(index, CT_INT64, CT_SHAPE(2), (double[]){(double)(n - 1), (double)(n / 2)}, 2);
            y = ct_min(x, 0, false, &index);
            expect_tensor(y, (ct_dtype)dtype, CT_SHAPE(2), (double[]){0, NAN}, 2);
            expect_tensor(index, CT_INT64, CT_SHAPE(2), (double[]){0, (double)(n / 2)}, 2);
            ck_assert(isnan(ct_item(ct_amax(x))) && isnan(ct_item(ct_amin(x))));
            ck_assert_double_eq(ct_item(ct_argmax(ct_reshape(ct_transpose(x, 0, 1), CT_SHAPE(-1)), 0)),
                                (double)(n + n / 2));
        }
    ct_tensor *low = ct_full(CT_FLOAT32, -INFINITY, CT_SHAPE(40));
    ck_assert_double_eq(ct_item(ct_amax(low)), -INFINITY);
    ck_assert_double_eq(ct_item(ct_argmax(low, 0)), 0);
}
END_TEST

/* The gradient of 6 sum(y). */
static ct_tensor *six_times_gradient(ct_tensor *y, ct_tensor *x)
{
    ct_tensor *root = ct_sum(ct_mul_scalar(y, 6)), *grad = NULL;
    ck_assert_msg(ct_grad(&root, 1, &x, 1, &grad) == CT_OK, "%s", ct_error_message());
    return grad;
}

START_TEST(ties_share_the_gradient_of_amax_and_amin)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 3, 3, 2, 2, 2), CT_SHAPE(2, 3));
    ct_tensor *low = ct_neg(x), *grad;
    ct_set_requires_grad(x, true);
    ct_set_requires_grad(low, true);
    grad = six_times_gradient(ct_amax(x, CT_AXES(1)), x);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 3, 3, 2, 2, 2}, 6);
    grad = six_times_gradient(ct_amin(low, CT_AXES(1)), low);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 3, 3, 2, 2, 2}, 6);
    grad = six_times_gradient(ct_norm(low, INFINITY, CT_AXES(1)), low);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, -3, -3, -2, -2, -2}, 6);
    grad = six_times_gradient(ct_max(x, 1, false, NULL), x);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 6, 0, 6, 0, 0}, 6);
    grad = six_times_gradient(ct_min(low, 1, false, NULL), low);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 6, 0, 6, 0, 0}, 6);
}
END_TEST

START_TEST(positions_have_no_gradient)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(3, 4), 1), true), *index;
    ck_assert(ct_requires_grad(ct_max(x, 0, false, &index)));
    ck_assert(!ct_requires_grad(index));
    ck_assert(!ct_requires_grad(ct_argmax(x, 0)) && !ct_requires_grad(ct_argmin(x, 0)));
    ck_assert(!ct_requires_grad(ct_any(x)) && !ct_requires_grad(ct_all(x)));
}
END_TEST

/* ---- any, all ---- */

START_TEST(any_and_all)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(0, -0.0, NAN, 0, 1, 2), CT_SHAPE(3, 2));
    expect_tensor(ct_any(x, CT_AXES(1)), CT_BOOL, CT_SHAPE(3), (double[]){0, 1, 1}, 3);
    expect_tensor(ct_all(x, CT_AXES(-1), .keepdim = true), CT_BOOL, CT_SHAPE(3, 1), (double[]){0, 0, 1}, 3);
    expect_tensor(ct_any(x, CT_AXES(0, 1)), CT_BOOL, CT_SCALAR, (double[]){1}, 1);
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
        ct_tensor *many = ct_ones((ct_dtype)dtype, CT_SHAPE(512, 300)); /* 512 * 300 times 1 is 0 in uint8 */
        expect_tensor(ct_all(many), CT_BOOL, CT_SCALAR, (double[]){1}, 1);
        ck_assert_int_eq(ct_fill_(ct_select(many, 0, 511), 0), CT_OK);
        expect_tensor(ct_all(many), CT_BOOL, CT_SCALAR, (double[]){0}, 1);
        ck_assert_int_eq(ct_fill_(many, 0), CT_OK);
        expect_tensor(ct_any(many), CT_BOOL, CT_SCALAR, (double[]){0}, 1);
        expect_tensor(ct_any(ct_scalar((ct_dtype)dtype, 3)), CT_BOOL, CT_SCALAR, (double[]){1}, 1);
    }
}
END_TEST

/* ---- var, std ---- */

START_TEST(variance_is_unbiased_unless_told)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 6, -1, -1, -1), CT_SHAPE(2, 3));
    expect_tensor(ct_var(x, CT_AXES(1)), CT_FLOAT64, CT_SHAPE(2), (double[]){7, 0}, 2);
    expect_tensor(ct_var(x, CT_AXES(-1), .biased = true), CT_FLOAT64, CT_SHAPE(2), (double[]){14. / 3, 0}, 2);
    expect_tensor(ct_std(x, CT_AXES(1), .keepdim = true), CT_FLOAT64, CT_SHAPE(2, 1), (double[]){sqrt(7), 0}, 2);
    expect_tensor(ct_var(x, CT_AXES(0, 1)), CT_FLOAT64, CT_SCALAR, (double[]){7.6}, 1);
    ct_tensor *one = ct_full(CT_FLOAT64, 3, CT_SHAPE(1));
    expect_tensor(ct_var(one), CT_FLOAT64, CT_SCALAR, (double[]){NAN}, 1);
    expect_tensor(ct_var(one, .biased = true), CT_FLOAT64, CT_SCALAR, (double[]){0}, 1);
    expect_tensor(ct_var(ct_scalar(CT_FLOAT32, 2), .biased = true), CT_FLOAT32, CT_SCALAR, (double[]){0}, 1);
    /* No digits are lost to a large mean. */
    ct_tensor *far = ct_add_scalar(x, 1e9);
    expect_close(ct_var(far, CT_AXES(1)), ct_var(x, CT_AXES(1)), 1e-14);
}
END_TEST

START_TEST(std_has_no_slope_at_zero)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 6, -1, -1, -1), CT_SHAPE(2, 3));
    ct_set_requires_grad(x, true);
    ct_tensor *grad = six_times_gradient(ct_std(x, CT_AXES(1)), x);
    double unit = 6 / (2 * sqrt(7));
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){-2 * unit, -unit, 3 * unit, 0, 0, 0}, 6);
}
END_TEST

/* ---- norm ---- */

START_TEST(norms_of_any_order)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(0, 3, -4, 0, 0, 0), CT_SHAPE(2, 3));
    const struct {
        double p, norm;
    } cases[] = {{0, 2}, {0.5, 7 + 2 * sqrt(12)}, {1, 7},        {1.5, pow(sqrt(27) + 8, 2. / 3)},
                 {2, 5}, {3, cbrt(91)},           {INFINITY, 4}, {-INFINITY, 0},
                 {-1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double norms[] = {cases[i].norm, 0};
        expect_tensor(ct_norm(x, cases[i].p, CT_AXES(1)), CT_FLOAT64, CT_SHAPE(2), norms, 2);
        expect_tensor(ct_norm(x, cases[i].p, .keepdim = true), CT_FLOAT64, CT_SHAPE(1, 1), norms, 1);
    }
    ct_tensor *positive = ct_from_values(CT_FLOAT32, CT_VALUES(2, 2, -1), CT_SHAPE(3));
    expect_tensor(ct_norm(positive, -1), CT_FLOAT32, CT_SCALAR, (double[]){0.5}, 1);
    expect_tensor(ct_norm(positive, -INFINITY), CT_FLOAT32, CT_SCALAR, (double[]){1}, 1);
    expect_tensor(ct_norm(ct_scalar(CT_FLOAT64, -3), 2), CT_FLOAT64, CT_SCALAR, (double[]){3}, 1);
    expect_error(ct_norm(x, NAN), CT_ERROR_ARGUMENT, "norm: p is not a number");
}
END_TEST

/* PyTorch's gradients: 0 for the vector of zeros, and at each zero beside others. */
START_TEST(norms_at_zero)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(0, 3, -4, 0, 0, 0), CT_SHAPE(2, 3));
    ct_set_requires_grad(x, true);
    double a = 1 + 2 / sqrt(3), b = -(1 + sqrt(3) / 2), c = cbrt(91) * cbrt(91);
    const struct {
        double p, gradient[2];
    } cases[] = {{0.5, {a, b}},         {1, {1, -1}},        {1.5, {sqrt(3), -2}}, {2, {0.6, -0.8}},
                 {3, {9 / c, -16 / c}}, {INFINITY, {0, -1}}, {-1, {0, 0}},         {-INFINITY, {0, 0}}};
    double root = pow(sqrt(27) + 8, 1. / 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double scale = 6 / (cases[i].p == 1.5 ? root : 1);
        double expected[6] = {0, scale * cases[i].gradient[0], scale * cases[i].gradient[1]};
        ct_tensor *grad = six_times_gradient(ct_norm(x, cases[i].p, CT_AXES(1)), x);
        expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), expected, 6);
    }
}
END_TEST

/* ---- logsumexp ---- */

START_TEST(logsumexp_is_exact_far_from_zero)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = ct_from_values(
            (ct_dtype)dtype,
            CT_VALUES(1000, 1000, -1000, -1000, 1000, -1000, -INFINITY, -INFINITY, 0, -INFINITY, INFINITY, 1, NAN, 0),
            CT_SHAPE(7, 2));
        double expected[] = {1000 + log(2), -1000 + log(2), 1000, -INFINITY, 0, INFINITY, NAN};
        expect_tensor(ct_logsumexp(x, CT_AXES(1)), (ct_dtype)dtype, CT_SHAPE(7), expected, 7);
        x = ct_clone(ct_slice(x, 0, 0, 5, 1));
        ct_set_requires_grad(x, true);
        expect_tensor(six_times_gradient(ct_logsumexp(x, CT_AXES(1)), x), (ct_dtype)dtype, CT_SHAPE(5, 2),
                      (double[]){3, 3, 3, 3, 6, 0, 0, 0, 6, 0}, 10);
    }
}
END_TEST

/* ---- prod ---- */

/* (d/dx) (v . (d/dx) sum(y)). */
static ct_tensor *hessian_times(ct_tensor *y, ct_tensor *x, ct_tensor *v)
{
    ct_tensor *root = ct_sum(y), *grad = NULL, *second = NULL;
    ck_assert_int_eq(ct_grad(&root, 1, &x, 1, &grad, .create_graph = true), CT_OK);
    root = ct_sum(ct_mul(grad, v));
    ck_assert_msg(ct_grad(&root, 1, &x, 1, &second) == CT_OK, "%s", ct_error_message());
    return second;
}

/* Rows with no, one, two and three zeros. */
START_TEST(products_beside_zeros)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(2, 5, 3, 2, 0, 3, 0, 0, 3, 0, 0, 0), CT_SHAPE(4, 3));
    ct_set_requires_grad(x, true);
    expect_tensor(six_times_gradient(ct_prod(x, CT_AXES(1)), x), CT_FLOAT64, CT_SHAPE(4, 3),
                  (double[]){90, 36, 60, 0, 36, 0, 0, 0, 0, 0, 0, 0}, 12);
    ct_tensor *v = ct_reshape(ct_arange(CT_FLOAT64, 1, 1, 3), CT_SHAPE(1, 3));
    double expected[] = {
        3 * 2 + 5 * 3, 3 * 1 + 2 * 3, 5 * 1 + 2 * 2, 3 * 2, 3 * 1 + 2 * 3, 2 * 2, 3 * 2, 3 * 1, 0, 0, 0, 0};
    expect_tensor(hessian_times(ct_prod(x, CT_AXES(1)), x, v), CT_FLOAT64, CT_SHAPE(4, 3), expected, 12);
    ct_tensor *columns = ct_clone(ct_transpose(ct_detach(x), 0, 1));
    ct_set_requires_grad(columns, true);
    expect_tensor(ct_transpose(hessian_times(ct_prod(columns, CT_AXES(0)), columns, ct_transpose(v, 0, 1)), 0, 1),
                  CT_FLOAT64, CT_SHAPE(4, 3), expected, 12);
    ct_tensor *nothing = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), true);
    expect_tensor(six_times_gradient(ct_prod(nothing), nothing), CT_FLOAT64, CT_SHAPE(0, 3), NULL, 0);
}
END_TEST

/* ---- sum_to ---- */

START_TEST(sum_to_undoes_broadcasting)
{
    const struct {
        int64_t to[3];
        int rank;
        unsigned mask;
    } cases[] = {{{0}, 0, 7}, {{4}, 1, 3}, {{3, 1}, 2, 5}, {{1, 3, 4}, 3, 1}, {{2, 1, 1}, 3, 6}, {{2, 3, 4}, 3, 0}};
    for (int layout = 0; layout < LAYOUTS; layout++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1);
            answer a = by_definition(x, cases[i].mask, true);
            ct_tensor *y = ct_sum_to(in_layout(x, layout), cases[i].to, cases[i].rank);
            expect_tensor(y, CT_FLOAT64, cases[i].to, cases[i].rank, a.sum, a.results);
            free_answer(a);
        }
}
END_TEST

/* ---- errors ---- */

static ct_tensor *var_over(ct_tensor *x, const ct_reduce_options *options)
{
    const ct_reduce_options *o = options ? options : CT_GIVEN(ct_reduce_options, .keepdim = false);
    return ct_var(x, .axes = o->axes, .n_axes = o->n_axes, .keepdim = o->keepdim);
}

static ct_tensor *norm_over(ct_tensor *x, const ct_reduce_options *options)
{
    return (ct_norm)(x, 2, options);
}

START_TEST(reductions_refuse)
{
    static const struct {
        reduction *reduce;
        const char *name;
    } all[] = {{ct_sum, "sum"}, {ct_mean, "mean"}, {ct_prod, "prod"}, {ct_amax, "amax"},   {ct_amin, "amin"},
               {ct_any, "any"}, {ct_all, "all"},   {var_over, "var"}, {norm_over, "norm"}, {ct_logsumexp, "logsumexp"}};
    ct_tensor *x = numbers(CT_FLOAT32, CT_SHAPE(2, 3), 1);
    char message[80];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        reduction *reduce = all[i].reduce;
        snprintf(message, sizeof message, "%s: axis 2 is not in -2..1: [2,3]", all[i].name);
        expect_error(reduce(x, CT_GIVEN(ct_reduce_options, CT_AXES(2))), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 4294967296 is not in -2..1: [2,3]", all[i].name);
        expect_error(reduce(x, CT_GIVEN(ct_reduce_options, CT_AXES(INT64_C(4294967296)))), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 1 is named twice: [2,3]", all[i].name);
        expect_error(reduce(x, CT_GIVEN(ct_reduce_options, CT_AXES(1, 0, -1))), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 1 is not in -1..0: []", all[i].name);
        expect_error(reduce(ct_scalar(CT_FLOAT32, 1), CT_GIVEN(ct_reduce_options, CT_AXES(1))), CT_ERROR_ARGUMENT,
                     message);
        snprintf(message, sizeof message, "%s: 9 axes are not in 0..8", all[i].name);
        expect_error(reduce(x, CT_GIVEN(ct_reduce_options, CT_AXES(0, 1, 2, 3, 4, 5, 6, 7, 8))), CT_ERROR_ARGUMENT,
                     message);
        snprintf(message, sizeof message, "%s: axes is NULL", all[i].name);
        expect_error(reduce(x, CT_GIVEN(ct_reduce_options, .n_axes = 1)), CT_ERROR_NULL, message);
        snprintf(message, sizeof message, "%s: input 0 is NULL", all[i].name);
        expect_error(reduce(NULL, NULL), CT_ERROR_NULL, message);
    }
    expect_error(ct_max(x, -3, false, NULL), CT_ERROR_ARGUMENT, "max: axis -3 is not in -2..1: [2,3]");
    expect_error(ct_argmax(x, 2), CT_ERROR_ARGUMENT, "argmax: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_min(x, 2, false, NULL), CT_ERROR_ARGUMENT, "min: axis 2 is not in -2..1: [2,3]");
    expect_error(ct_argmin(x, -3), CT_ERROR_ARGUMENT, "argmin: axis -3 is not in -2..1: [2,3]");
    expect_error(ct_std(x, CT_AXES(5)), CT_ERROR_ARGUMENT, "std: axis 5 is not in -2..1: [2,3]");
    ct_tensor *index = x;
    expect_error(ct_max(ct_scalar(CT_FLOAT32, 1), 1, false, &index), CT_ERROR_ARGUMENT,
                 "max: axis 1 is not in -1..0: []");
    ck_assert_ptr_null(index);
    expect_error(ct_sum_to(x, CT_SHAPE(2)), CT_ERROR_SHAPE, "sum_to: [2] does not broadcast to [2,3]");
    expect_error(ct_sum_to(x, CT_SHAPE(1, 2, 3)), CT_ERROR_SHAPE, "sum_to: [1,2,3] does not broadcast to [2,3]");
    expect_error(ct_sum_to(ct_ones(CT_INT64, CT_SHAPE(2)), CT_SCALAR), CT_ERROR_DTYPE,
                 "sum_to: takes float32 or float64, not int64");
}
END_TEST

/* ---- gradients and memory ---- */

static ct_tensor *try_sum(ct_tensor *const *in)
{
    return ct_sum(in[0], CT_AXES(0, 2));
}

static ct_tensor *try_sum_all(ct_tensor *const *in)
{
    return ct_mul(ct_sum(in[0]), ct_sum(in[0], CT_AXES(-1), .keepdim = true));
}

static ct_tensor *try_mean(ct_tensor *const *in)
{
    return ct_mul(ct_mean(in[0], CT_AXES(1), .keepdim = true), in[0]);
}

static ct_tensor *try_mean_all(ct_tensor *const *in)
{
    return ct_sub(in[0], ct_mean(in[0]));
}

static ct_tensor *try_amax(ct_tensor *const *in)
{
    return ct_mul(ct_amax(in[0], CT_AXES(0, -1)), ct_sum(in[0], CT_AXES(0, -1)));
}

static ct_tensor *try_max(ct_tensor *const *in)
{
    return ct_mul(ct_max(in[0], 1, true, NULL), ct_max(ct_square(in[0]), -1, true, NULL));
}

static ct_tensor *try_sum_to(ct_tensor *const *in)
{
    return ct_mul(ct_sum_to(ct_square(in[0]), CT_SHAPE(3, 1)), in[0]);
}

static ct_tensor *try_amin(ct_tensor *const *in)
{
    return ct_mul(ct_amin(in[0], CT_AXES(1)), ct_min(ct_square(in[0]), 1, false, NULL));
}

static ct_tensor *try_prod(ct_tensor *const *in)
{
    return ct_prod(in[0], CT_AXES(0, 2));
}

static ct_tensor *try_var(ct_tensor *const *in)
{
    return ct_mul(ct_var(in[0], CT_AXES(0, -1), .keepdim = true),
                  ct_std(in[0], CT_AXES(1), .keepdim = true, .biased = true));
}

static ct_tensor *try_norm(ct_tensor *const *in)
{
    return ct_mul(ct_norm(in[0], 2, CT_AXES(1), .keepdim = true), ct_norm(in[0], 3));
}

static ct_tensor *try_infinite_norm(ct_tensor *const *in)
{
    return ct_mul(ct_norm(in[0], INFINITY), ct_norm(in[0], 1, CT_AXES(2)));
}

static ct_tensor *try_logsumexp(ct_tensor *const *in)
{
    return ct_mul(ct_logsumexp(in[0], CT_AXES(0, 2)), ct_logsumexp(in[0]));
}

static ct_tensor *try_any(ct_tensor *const *in)
{
    return ct_where(ct_any(in[0], CT_AXES(1), .keepdim = true), in[0], ct_cast(ct_all(in[0]), CT_FLOAT64));
}

static const test_expression expressions[] = {try_sum,  try_sum_all, try_mean,          try_mean_all, try_amax,
                                              try_max,  try_sum_to,  try_amin,          try_prod,     try_var,
                                              try_norm, try_any,     try_infinite_norm, try_logsumexp};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

START_TEST(gradients)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1);
    expect_gradients(expressions[_i], &x, 1);
}
END_TEST

START_TEST(no_memory)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1);
    expect_memory_errors(expressions[_i], &x, 1);
}
END_TEST

static ct_tensor *try_partial_results(ct_tensor *const *in)
{
    return ct_sum(in[0], CT_AXES(0));
}

static ct_tensor *try_argmax(ct_tensor *const *in)
{
    return ct_argmax(in[0], 0);
}

START_TEST(no_memory_for_what_is_between)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(50000, 3), 1), *i = numbers(CT_INT64, CT_SHAPE(50000, 3), 1);
    expect_memory_errors(try_partial_results, &x, 1);
    expect_memory_errors(try_argmax, &i, 1);
}
END_TEST

Suite *ct_suite_reduce(void)
{
    Suite *suite = suite_create("reduce");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, open_test, close_test);
    tcase_add_loop_test(values, every_set_of_axes_in_every_layout, 0, LAYOUTS);
    tcase_add_loop_test(values, large_ones, 0, LARGE);
    tcase_add_test(values, all_axes_are_the_default);
    tcase_add_test(values, nothing_to_reduce);
    tcase_add_test(values, float32_sums_are_exact_to_their_last_digit);
    tcase_add_test(values, integer_sums_do_not_overflow_their_elements);
    tcase_add_test(values, the_number_of_threads_changes_nothing);
    tcase_add_test(values, instruction_sets_agree_to_the_bit);
    tcase_add_loop_test(values, extremes_say_where, 0, 6);
    tcase_add_test(values, the_first_of_ties_is_taken);
    tcase_add_test(values, nan_is_the_largest_and_the_smallest);
    tcase_add_test(values, any_and_all);
    tcase_add_test(values, variance_is_unbiased_unless_told);
    tcase_add_test(values, norms_of_any_order);
    tcase_add_test(values, sum_to_undoes_broadcasting);
    tcase_add_test(values, reductions_refuse);
    suite_add_tcase(suite, values);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_test(derivatives, ties_share_the_gradient_of_amax_and_amin);
    tcase_add_test(derivatives, positions_have_no_gradient);
    tcase_add_test(derivatives, std_has_no_slope_at_zero);
    tcase_add_test(derivatives, norms_at_zero);
    tcase_add_test(derivatives, logsumexp_is_exact_far_from_zero);
    tcase_add_test(derivatives, products_beside_zeros);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, no_memory_for_what_is_between);
    suite_add_tcase(suite, derivatives);
    return suite;
}
