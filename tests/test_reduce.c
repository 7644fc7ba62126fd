/* Reductions against loops over their definition: every set of axes, every layout, sizes that are cut into tasks and tiles. */
#include "tensor_checks.h"
#include "kernels_reduce.h"
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
    double *sum, *mean, *largest;
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
    a.mean = malloc((size_t)a.results * sizeof(double));
    a.largest = malloc((size_t)a.results * sizeof(double));
    ck_assert(values && carry && a.sum && a.mean && a.largest);
    ct_to_values(x, values, n);
    for (int64_t i = 0; i < a.results; i++)
        a.largest[i] = -INFINITY;
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
    free(a.largest);
}

/* Checks sum, mean and amax of x, in layouts from first to last, over the axes in the mask. */
static void check_reductions(ct_tensor *x, int first, int last, unsigned mask, bool keepdim)
{
    ct_dtype dtype = ct_dtype_of(x);
    int64_t axes[CT_MAX_RANK];
    ct_reduce_options options = {.axes = axes, .keepdim = keepdim};
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
    expect_error(ct_amax(x), CT_ERROR_SHAPE, "amax: no elements to choose from: [2,0,3]");
    expect_error(ct_amax(x, CT_AXES(1)), CT_ERROR_SHAPE, "amax: no elements to choose from: [2,0,3]");
    expect_error(ct_max(x, 1, false, NULL), CT_ERROR_SHAPE, "max: no elements to choose from: [2,0,3]");
    expect_error(ct_argmax(x, 1), CT_ERROR_SHAPE, "argmax: no elements to choose from: [2,0,3]");
}
END_TEST

/* Sums that lose everything in float32 accumulators. */
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
}
END_TEST

START_TEST(integer_sums_do_not_overflow_their_elements)
{
    ck_assert_double_eq(ct_item(ct_sum(ct_full(CT_UINT8, 255, CT_SHAPE(1000)))), 255000);
    ck_assert_double_eq(ct_item(ct_sum(ct_full(CT_INT32, -2e9, CT_SHAPE(100)))), -2e11);
    expect_error(ct_mean(ct_ones(CT_INT64, CT_SHAPE(2))), CT_ERROR_DTYPE, "mean: needs a float tensor, got int64");
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

/* ---- max ---- */

START_TEST(max_says_where)
{
    const int64_t shapes[][3] = {{3, 4, 5}, {40, 3, 300}, {2, 900, 20}, {70, 2, 300}};
    int axis = _i % 3;
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++)
        for (int s = 0; s < 4; s++)
            for (int layout = 0; layout < LAYOUTS; layout++) {
                ct_scope_open();
                ct_tensor *x = in_layout(numbers((ct_dtype)dtype, shapes[s], 3, 8), layout), *index, *dropped;
                ct_tensor *y = ct_max(x, axis - 3, true, &index);
                expect_close(y, ct_amax(x, CT_AXES(axis), .keepdim = true), 0);
                expect_close(ct_gather(x, axis, index), y, 0);
                expect_close(ct_argmax(x, axis), ct_squeeze(index, axis), 0);
                expect_close(ct_squeeze(y, axis), ct_max(x, axis, false, &dropped), 0);
                expect_close(dropped, ct_squeeze(index, axis), 0);
                ct_scope_close();
            }
}
END_TEST

START_TEST(the_first_of_ties_is_taken)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(1, 3, 3, 2, 2, 2, 0, 0, 1), CT_SHAPE(3, 3));
    expect_tensor(ct_argmax(x, 1), CT_INT64, CT_SHAPE(3), (double[]){1, 0, 2}, 3);
    expect_tensor(ct_argmax(ct_contiguous(ct_transpose(x, 0, 1)), 0), CT_INT64, CT_SHAPE(3), (double[]){1, 0, 2}, 3);
    ct_tensor *flat = ct_ones(CT_UINT8, CT_SHAPE(100000));
    ck_assert_double_eq(ct_item(ct_argmax(flat, 0)), 0);
}
END_TEST

START_TEST(nan_is_the_largest)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int64_t n = 3; n < 300; n += 40) {
            ct_tensor *x = ct_zeros((ct_dtype)dtype, CT_SHAPE(n, 2));
            ck_assert_int_eq(ct_fill_(ct_select(ct_select(x, 0, n / 2), 0, 1), NAN), CT_OK);
            ck_assert_int_eq(ct_fill_(ct_select(ct_select(x, 0, n - 1), 0, 0), INFINITY), CT_OK);
            ct_tensor *index, *y = ct_max(x, 0, false, &index);
            expect_tensor(y, (ct_dtype)dtype, CT_SHAPE(2), (double[]){INFINITY, NAN}, 2);
            expect_tensor(index, CT_INT64, CT_SHAPE(2), (double[]){(double)(n - 1), (double)(n / 2)}, 2);
            ck_assert(isnan(ct_item(ct_amax(x))));
            ck_assert_double_eq(ct_item(ct_argmax(ct_reshape(ct_transpose(x, 0, 1), CT_SHAPE(-1)), 0)),
                                (double)(n + n / 2));
        }
    ct_tensor *low = ct_full(CT_FLOAT32, -INFINITY, CT_SHAPE(40));
    ck_assert_double_eq(ct_item(ct_amax(low)), -INFINITY);
    ck_assert_double_eq(ct_item(ct_argmax(low, 0)), 0);
}
END_TEST

START_TEST(ties_share_the_gradient_of_amax)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 3, 3, 2, 2, 2), CT_SHAPE(2, 3)), *grad;
    ct_set_requires_grad(x, true);
    ct_tensor *y = ct_sum(ct_mul_scalar(ct_amax(x, CT_AXES(1)), 6));
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad), CT_OK);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 3, 3, 2, 2, 2}, 6);
    y = ct_sum(ct_mul_scalar(ct_max(x, 1, false, NULL), 6));
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad), CT_OK);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 3), (double[]){0, 6, 0, 6, 0, 0}, 6);
}
END_TEST

START_TEST(positions_have_no_gradient)
{
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(3, 4), 1), true), *index;
    ck_assert(ct_requires_grad(ct_max(x, 0, false, &index)));
    ck_assert(!ct_requires_grad(index));
    ck_assert(!ct_requires_grad(ct_argmax(x, 0)));
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

START_TEST(reductions_refuse)
{
    static const struct {
        reduction *reduce;
        const char *name;
    } all[] = {{ct_sum, "sum"}, {ct_mean, "mean"}, {ct_amax, "amax"}};
    ct_tensor *x = numbers(CT_FLOAT32, CT_SHAPE(2, 3), 1);
    char message[80];
    for (int i = 0; i < 3; i++) {
        reduction *reduce = all[i].reduce;
        snprintf(message, sizeof message, "%s: axis 2 is not in -2..1: [2,3]", all[i].name);
        expect_error(reduce(x, &(ct_reduce_options){CT_AXES(2)}), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 4294967296 is not in -2..1: [2,3]", all[i].name);
        expect_error(reduce(x, &(ct_reduce_options){CT_AXES(INT64_C(4294967296))}), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 1 is named twice: [2,3]", all[i].name);
        expect_error(reduce(x, &(ct_reduce_options){CT_AXES(1, 0, -1)}), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axis 0, but a 0-d tensor has no axes", all[i].name);
        expect_error(reduce(ct_scalar(CT_FLOAT32, 1), &(ct_reduce_options){CT_AXES(0)}), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: 9 axes are not in 0..8", all[i].name);
        expect_error(reduce(x, &(ct_reduce_options){CT_AXES(0, 1, 2, 3, 4, 5, 6, 7, 8)}), CT_ERROR_ARGUMENT, message);
        snprintf(message, sizeof message, "%s: axes is NULL", all[i].name);
        expect_error(reduce(x, &(ct_reduce_options){.n_axes = 1}), CT_ERROR_NULL, message);
        snprintf(message, sizeof message, "%s: input 0 is NULL", all[i].name);
        expect_error(reduce(NULL, NULL), CT_ERROR_NULL, message);
    }
    expect_error(ct_max(x, -3, false, NULL), CT_ERROR_ARGUMENT, "max: axis -3 is not in -2..1: [2,3]");
    expect_error(ct_argmax(x, 2), CT_ERROR_ARGUMENT, "argmax: axis 2 is not in -2..1: [2,3]");
    ct_tensor *index = x;
    expect_error(ct_max(ct_scalar(CT_FLOAT32, 1), 0, false, &index), CT_ERROR_ARGUMENT,
                 "max: axis 0, but a 0-d tensor has no axes");
    ck_assert_ptr_null(index);
    expect_error(ct_sum_to(x, CT_SHAPE(2)), CT_ERROR_SHAPE, "sum_to: [2] does not broadcast to [2,3]");
    expect_error(ct_sum_to(x, CT_SHAPE(1, 2, 3)), CT_ERROR_SHAPE, "sum_to: [1,2,3] does not broadcast to [2,3]");
    expect_error(ct_sum_to(ct_ones(CT_INT64, CT_SHAPE(2)), CT_SCALAR), CT_ERROR_DTYPE,
                 "sum_to: needs a float tensor, got int64");
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

static const test_expression expressions[] = {try_sum,  try_sum_all, try_mean,  try_mean_all,
                                              try_amax, try_max,     try_sum_to};
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
    tcase_add_loop_test(values, max_says_where, 0, 3);
    tcase_add_test(values, the_first_of_ties_is_taken);
    tcase_add_test(values, nan_is_the_largest);
    tcase_add_test(values, sum_to_undoes_broadcasting);
    tcase_add_test(values, reductions_refuse);
    suite_add_tcase(suite, values);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_test(derivatives, ties_share_the_gradient_of_amax);
    tcase_add_test(derivatives, positions_have_no_gradient);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, no_memory_for_what_is_between);
    suite_add_tcase(suite, derivatives);
    return suite;
}
