/* Operations at their edges: the axis of a 0-d tensor, numbers near the ends of float32's range, nothing to average, sums of
 * very many. */
#define CT_NO_LOCATIONS /* options are handed over as they are */
#include "quick.h"
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

static const ct_dtype floats[] = {CT_FLOAT32, CT_FLOAT64};

static ct_tensor *vector(ct_dtype dtype, double a, double b)
{
    return ct_from_values(dtype, (const double[]){a, b}, 2, CT_SHAPE(2));
}

static ct_tensor *leaf(ct_tensor *t)
{
    return ct_set_requires_grad(t, true);
}

/* The gradient of y, of one element, for x; with a graph of its own if it is to be differentiated again. */
static ct_tensor *slope(ct_tensor *y, ct_tensor *x, bool create_graph)
{
    ct_tensor *grad = NULL;
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    ct_status status = ct_grad(&y, 1, &x, 1, &grad, CT_GIVEN(ct_grad_options, .create_graph = create_graph));
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
    return grad;
}

static void expect_two(const ct_tensor *t, double a, double b)
{
    expect_tensor(t, ct_dtype_of(t), ct_shape(t), 1, (const double[]){a, b}, 2);
}

/* ---- the axis of a 0-d tensor: 0 and -1 are accepted, as if it had one of size 1 ---- */

static ct_tensor *sum_along(ct_tensor *x, int axis)
{
    return ct_sum(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *mean_along(ct_tensor *x, int axis)
{
    return ct_mean(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis), .keepdim = true));
}

static ct_tensor *prod_along(ct_tensor *x, int axis)
{
    return ct_prod(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *amax_along(ct_tensor *x, int axis)
{
    return ct_amax(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *amin_along(ct_tensor *x, int axis)
{
    return ct_amin(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *norm_along(ct_tensor *x, int axis)
{
    return ct_norm(x, 2, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *logsumexp_along(ct_tensor *x, int axis)
{
    return ct_logsumexp(x, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
}

static ct_tensor *max_along(ct_tensor *x, int axis)
{
    ct_tensor *where;
    ct_tensor *y = ct_max(x, axis, true, &where);
    if (y)
        expect_tensor(where, CT_INT64, NULL, 0, (const double[]){0}, 1);
    return y;
}

static ct_tensor *min_along(ct_tensor *x, int axis)
{
    return ct_min(x, axis, false, NULL);
}

static ct_tensor *sort_along(ct_tensor *x, int axis)
{
    return ct_sort(x, axis, true, NULL);
}

static ct_tensor *topk_along(ct_tensor *x, int axis)
{
    return ct_topk(x, 1, axis, true, NULL);
}

static ct_tensor *flip_along(ct_tensor *x, int axis)
{
    return ct_flip(x, (const int64_t[]){axis}, 1);
}

static ct_tensor *roll_along(ct_tensor *x, int axis)
{
    return ct_roll(x, 3, axis);
}

static ct_tensor *gather_along(ct_tensor *x, int axis)
{
    return ct_gather(x, axis, ct_scalar(CT_INT64, 0));
}

static ct_tensor *select_one(ct_tensor *x, int axis)
{
    return ct_index_select(x, axis, ct_from_values(CT_INT64, (const double[]){0}, 1, CT_SHAPE(1)));
}

static ct_tensor *transpose_along(ct_tensor *x, int axis)
{
    return ct_transpose(x, axis, 0);
}

/* Each gives back x, a number above 0, and its slope is 1. */
static ct_tensor *(*const along[])(ct_tensor *x, int axis) = {
    sum_along,  mean_along,   prod_along, amax_along, amin_along,     norm_along, logsumexp_along,
    max_along,  min_along,    sort_along, topk_along, ct_cumsum,      ct_cumprod, flip_along,
    roll_along, gather_along, select_one, ct_squeeze, transpose_along};
enum { ALONG = sizeof along / sizeof *along };

START_TEST(a_number_has_an_axis)
{
    for (int d = 0; d < 2; d++)
        for (int axis = -1; axis <= 0; axis++) {
            ct_tensor *x = leaf(ct_scalar(floats[d], 1.75)), *y = along[_i](x, axis);
            expect_tensor(y, floats[d], NULL, 0, (const double[]){1.75}, 1);
            expect_tensor(slope(y, x, false), floats[d], NULL, 0, (const double[]){1}, 1);
        }
    ck_assert_ptr_null(along[_i](ct_scalar(CT_FLOAT64, 1), 1));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_ARGUMENT);
    ct_error_clear();
    ck_assert_ptr_null(along[_i](ct_scalar(CT_FLOAT64, 1), -2));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_ARGUMENT);
    ct_error_clear();
}
END_TEST

START_TEST(a_number_along_its_axis)
{
    ct_tensor *x = ct_scalar(CT_FLOAT64, 2);
    const double zero = 0, one = 1, ten = 10, nan = NAN;
    expect_tensor(ct_argmax(x, -1), CT_INT64, NULL, 0, &zero, 1);
    expect_tensor(ct_argmin(x, 0), CT_INT64, NULL, 0, &zero, 1);
    expect_tensor(ct_argsort(x, -1, true), CT_INT64, NULL, 0, &zero, 1);
    expect_tensor(ct_any(x, CT_GIVEN(ct_reduce_options, CT_AXES(0))), CT_BOOL, NULL, 0, &one, 1);
    expect_tensor(ct_all(x, CT_GIVEN(ct_reduce_options, CT_AXES(-1))), CT_BOOL, NULL, 0, &one, 1);
    expect_tensor(ct_var(x, CT_GIVEN(ct_var_options, CT_AXES(0))), CT_FLOAT64, NULL, 0, &nan, 1);
    expect_tensor(ct_var(x, CT_GIVEN(ct_var_options, CT_AXES(-1), .biased = true)), CT_FLOAT64, NULL, 0, &zero, 1);
    expect_tensor(ct_softmax(x, 0), CT_FLOAT64, NULL, 0, &one, 1);
    expect_tensor(ct_log_softmax(x, -1), CT_FLOAT64, NULL, 0, &zero, 1);
    expect_tensor(ct_normalize(x, 0, NULL), CT_FLOAT64, NULL, 0, &one, 1);
    expect_tensor(ct_cosine_similarity(x, x, -1, 1e-8), CT_FLOAT64, NULL, 0, &one, 1);
    expect_tensor(ct_scatter_add(x, 0, ct_scalar(CT_INT64, 0), ct_scalar(CT_FLOAT64, 8)), CT_FLOAT64, NULL, 0, &ten, 1);
    ck_assert_int_eq(ct_size(x, 0), 0);
}
END_TEST

/* There is nothing to cut, and nothing to join. */
START_TEST(a_number_is_not_cut)
{
    ct_tensor *x = ct_scalar(CT_FLOAT64, 2), *parts[2];
    expect_error(ct_slice(x, 0, 0, 1, 1), CT_ERROR_ARGUMENT, "slice: axis 0, but a 0-d tensor has no axes");
    expect_error(ct_select(x, -1, 0), CT_ERROR_ARGUMENT, "select: axis -1, but a 0-d tensor has no axes");
    expect_error(ct_concat((ct_tensor *[]){x, x}, 2, 0), CT_ERROR_ARGUMENT,
                 "concat: axis 0, but a 0-d tensor has no axes");
    ck_assert_int_eq(ct_split(x, (const int64_t[]){1}, 1, 0, parts), CT_ERROR_ARGUMENT);
    ct_error_clear();
    ck_assert_int_eq(ct_chunk(x, 1, 0, parts), -1);
    ct_error_clear();
    expect_error(ct_topk(x, 0, 0, true, NULL), CT_ERROR_ARGUMENT, "topk: k = 0 is not in 1..1");
}
END_TEST

/* ---- near the ends of the range ---- */

static double largest_of(ct_dtype dtype)
{
    return dtype == CT_FLOAT32 ? 1e30 : 1e200;
}

/* The norm of a x and its gradient are those of x, scaled, for x far from 1 and every p. */
START_TEST(norm_at_the_ends_of_the_range)
{
    static const double powers[] = {0.5, 1, 1.5, 2, 3, 10, -1, -2, INFINITY, -INFINITY};
    for (int d = 0; d < 2; d++)
        for (int far = -1; far <= 1; far++)
            for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
                double p = powers[i], scale = pow(largest_of(floats[d]), far);
                ct_tensor *x = leaf(vector(floats[d], 3 * scale, -4 * scale)), *y = ct_norm(x, p, NULL);
                double sum = pow(3, p) + pow(4, p);
                double norm = isinf(p) ? (p > 0 ? 4 : 3) : pow(sum, 1 / p);
                ck_assert_msg(fabs(ct_item(y) / scale - norm) < 2e-6 * norm, "p = %g, %g: %g, not %g", p, scale,
                              ct_item(y) / scale, norm);
                ct_tensor *grad = slope(y, x, false);
                double first = isinf(p) ? p < 0 : pow(3 / norm, p - 1),
                       second = isinf(p) ? p > 0 : pow(4 / norm, p - 1);
                const double expected[] = {first, -second};
                expect_close(grad, ct_from_values(floats[d], expected, 2, CT_SHAPE(2)), 4e-6);
            }
}
END_TEST

/* Rows of very different size side by side, each scaled by itself. */
START_TEST(norm_of_rows)
{
    static const double x[] = {1e30, 1e30, 3e-23, 4e-23, 0, 0, 3, 4, INFINITY, 1, NAN, 1e30};
    ct_tensor *t = ct_from_values(CT_FLOAT32, x, 12, CT_SHAPE(6, 2));
    static const double norms[] = {1.41421356e30, 5e-23, 0, 5, INFINITY, NAN};
    ct_tensor *y = ct_norm(t, 2, CT_GIVEN(ct_reduce_options, CT_AXES(1)));
    for (int64_t i = 0; i < 6; i++) {
        double is = ct_get(y, &i, 1);
        ck_assert_msg(is == norms[i] || (isnan(is) && isnan(norms[i])) || fabs(is / norms[i] - 1) < 1e-6, "%g, not %g",
                      is, norms[i]);
    }
}
END_TEST

typedef ct_tensor *(*normalisation)(ct_tensor *x);

static ct_tensor *layer(ct_tensor *x)
{
    return ct_layer_norm(x, NULL, NULL, NULL);
}

static ct_tensor *rms(ct_tensor *x)
{
    return ct_rms_norm(x, NULL, NULL);
}

static ct_tensor *batch(ct_tensor *x)
{
    return ct_batch_norm(ct_transpose(x, 0, 1), NULL, NULL, NULL);
}

static ct_tensor *group(ct_tensor *x)
{
    return ct_group_norm(x, 1, NULL, NULL, NULL);
}

static ct_tensor *instance(ct_tensor *x)
{
    return ct_instance_norm(ct_reshape(x, CT_SHAPE(1, 2, 4)), NULL, NULL, NULL);
}

static ct_tensor *unit(ct_tensor *x)
{
    return ct_normalize(x, 1, NULL);
}

static ct_tensor *deviation(ct_tensor *x)
{
    return ct_div(x, ct_std(x, CT_GIVEN(ct_var_options, CT_AXES(1), .keepdim = true)));
}

static ct_tensor *similarity(ct_tensor *x)
{
    return ct_cosine_similarity(x, ct_flip(x, (const int64_t[]){1}, 1), 1, 1e-8);
}

static ct_tensor *response(ct_tensor *x)
{
    CT_OPTIONS(ct_local_response_options, options, .alpha = 1, .beta = 0.5);
    return ct_local_response_norm(x, 3, &options);
}

/* Of numbers this large eps and k are nothing, and none of these changes when they grow. */
START_TEST(normalisation_of_large_numbers)
{
    static const normalisation all[] = {layer, rms, batch, group, instance, unit, deviation, similarity, response};
    static const double x[] = {1, 2, -3, 5, 0.5, -2, 4, 1.5};
    for (int d = 0; d < 2; d++) {
        ct_tensor *ordinary = ct_from_values(floats[d], x, 8, CT_SHAPE(2, 4));
        double scale = largest_of(floats[d]);
        ct_tensor *near = leaf(ct_mul_scalar(ordinary, 0x1p20)), *far = leaf(ct_mul_scalar(ordinary, scale));
        near = leaf(ct_detach(near));
        far = leaf(ct_detach(far));
        ct_tensor *y = all[_i](near), *z = all[_i](far);
        expect_close(z, y, 1e-5);
        ct_tensor *weights = numbers(floats[d], ct_shape(y), ct_rank(y), 5);
        ct_tensor *g = slope(ct_sum(ct_mul(y, weights), NULL), near, false);
        ct_tensor *h = slope(ct_sum(ct_mul(z, weights), NULL), far, false);
        expect_close(ct_mul_scalar(h, scale / 0x1p20), g, 1e-4);
    }
}
END_TEST

START_TEST(spread_of_large_numbers)
{
    ct_tensor *x = vector(CT_FLOAT32, 1e30, 3e30);
    expect_tensor(ct_std(x, NULL), CT_FLOAT32, NULL, 0, (const double[]){1.41421356e30}, 1);
    expect_tensor(ct_mean(vector(CT_FLOAT32, 3e38, 2e38), NULL), CT_FLOAT32, NULL, 0, (const double[]){2.5e38}, 1);
    expect_tensor(ct_var(x, NULL), CT_FLOAT32, NULL, 0, (const double[]){INFINITY}, 1); /* 2e60 is none of float32 */
}
END_TEST

/* ---- over nothing ---- */

static ct_tensor *mean_loss(ct_tensor *x)
{
    return ct_mse_loss(x, ct_zeros_like(x), NULL);
}

static ct_tensor *batch_mean_loss(ct_tensor *x)
{
    return ct_kl_div(x, ct_ones_like(x), CT_GIVEN(ct_loss_options, .reduction = CT_BATCH_MEAN));
}

static ct_tensor *entropy_loss(ct_tensor *x)
{
    return ct_cross_entropy(x, ct_zeros(CT_INT64, CT_SHAPE(0)), NULL);
}

static ct_tensor *soft_loss(ct_tensor *x)
{
    return ct_cross_entropy(x, ct_ones_like(x), NULL);
}

static ct_tensor *likelihood_loss(ct_tensor *x)
{
    return ct_nll_loss(x, ct_zeros(CT_INT64, CT_SHAPE(0)), NULL);
}

static ct_tensor *margin_loss(ct_tensor *x)
{
    return ct_multi_margin_loss(x, ct_zeros(CT_INT64, CT_SHAPE(0)), NULL);
}

static ct_tensor *mean_of_nothing(ct_tensor *x)
{
    return ct_mean(x, NULL);
}

static ct_tensor *variance_of_nothing(ct_tensor *x)
{
    return ct_var(x, NULL);
}

static ct_tensor *deviation_of_nothing(ct_tensor *x)
{
    return ct_std(x, NULL);
}

static ct_tensor *logsumexp_of_nothing(ct_tensor *x)
{
    return ct_logsumexp(x, NULL);
}

static ct_tensor *norm_of_nothing(ct_tensor *x)
{
    return ct_norm(x, 2, NULL);
}

static ct_tensor *prod_of_nothing(ct_tensor *x)
{
    return ct_prod(x, NULL);
}

/* What a function of nothing is worth may not be a number, but what it gives back for its own gradient is 0. */
START_TEST(nothing_has_no_slope)
{
    static const struct {
        ct_tensor *(*of)(ct_tensor *x);
        double value;
    } all[] = {{mean_loss, NAN},
               {batch_mean_loss, NAN},
               {entropy_loss, NAN},
               {soft_loss, NAN},
               {likelihood_loss, NAN},
               {margin_loss, NAN},
               {mean_of_nothing, NAN},
               {variance_of_nothing, NAN},
               {deviation_of_nothing, NAN},
               {norm_of_nothing, 0},
               {logsumexp_of_nothing, -INFINITY},
               {prod_of_nothing, 1}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ct_tensor *x = leaf(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3))), *g = leaf(ct_scalar(CT_FLOAT64, 1));
        ct_tensor *y = all[i].of(x), *grad, *again = NULL;
        expect_tensor(y, CT_FLOAT64, NULL, 0, &all[i].value, 1);
        ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = &g, .create_graph = true,
                                   .allow_unused = true};
        ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad, &options), CT_OK);
        if (!grad)
            continue;
        ck_assert(ct_numel(grad) == 0);
        ct_tensor *sum = ct_sum(grad, NULL);
        if (!ct_requires_grad(sum))
            continue;
        ck_assert_int_eq(ct_grad(&sum, 1, &g, 1, &again, CT_GIVEN(ct_grad_options, .allow_unused = true)), CT_OK);
        if (again)
            ck_assert_msg(ct_item(again) == 0, "%d: %g", (int)i, ct_item(again));
    }
}
END_TEST

/* ---- sums of many ---- */

enum { MANY = 20000000 };

START_TEST(sums_of_many_ones)
{
    ct_tensor *ones = ct_ones(CT_FLOAT32, CT_SHAPE(MANY)), *nowhere = ct_zeros(CT_INT64, CT_SHAPE(MANY));
    const double many[] = {MANY};
    expect_tensor(ct_sum(ones, NULL), CT_FLOAT32, NULL, 0, many, 1);
    ct_tensor *x = leaf(ct_zeros(CT_FLOAT32, CT_SHAPE(1)));
    expect_tensor(ct_scatter_add(x, 0, nowhere, ones), CT_FLOAT32, CT_SHAPE(1), many, 1);
    ct_tensor *picked = ct_gather(x, 0, nowhere);
    expect_tensor(slope(ct_sum(picked, NULL), x, false), CT_FLOAT32, CT_SHAPE(1), many, 1);
    ct_tensor *image = ct_reshape(ones, CT_SHAPE(1, 4000, 5000));
    expect_tensor(ct_adaptive_avg_pool2d(image, 1, 1), CT_FLOAT32, CT_SHAPE(1, 1, 1), (const double[]){1}, 1);
}
END_TEST

/* What is added up in double must not lose what stands where nothing is added, nor a strided row's neighbours. */
START_TEST(scatter_add_of_many_into_few)
{
    enum { N = 10000 };
    ct_tensor *x = numbers(CT_FLOAT32, CT_SHAPE(3, 4), 1), *index = numbers(CT_INT64, CT_SHAPE(N, 4), 2);
    ct_tensor *source = numbers(CT_FLOAT32, CT_SHAPE(N, 4), 3);
    index = ct_where(ct_ge(index, ct_scalar(CT_INT64, 2)), ct_scalar(CT_INT64, 2), index);
    ct_tensor *in_double = ct_scatter_add(ct_cast(x, CT_FLOAT64), 0, index, ct_cast(source, CT_FLOAT64));
    for (int layout = 0; layout < LAYOUTS; layout++)
        expect_close(ct_scatter_add(in_layout(x, layout), 0, in_layout(index, layout), in_layout(source, layout)),
                     ct_cast(in_double, CT_FLOAT32), 1e-7);
}
END_TEST

/* ---- attention, interpolation ---- */

/* A row whose keys are all masked gives 0, and leaves the other rows' gradients alone. */
START_TEST(attention_masked_whole)
{
    for (int kind = 0; kind < 2; kind++) {
        ct_tensor *q = leaf(numbers(CT_FLOAT64, CT_SHAPE(2, 3), 1)), *k = leaf(numbers(CT_FLOAT64, CT_SHAPE(2, 3), 2));
        ct_tensor *v = leaf(ct_from_values(CT_FLOAT64, (const double[]){1, 2}, 2, CT_SHAPE(2, 1)));
        ct_tensor *mask = ct_from_values(CT_UINT8, (const double[]){0, 0, 1, 0}, 4, CT_SHAPE(2, 2));
        if (kind == 1)
            mask = ct_from_values(CT_FLOAT64, (const double[]){-INFINITY, -INFINITY, 0, -INFINITY}, 4, CT_SHAPE(2, 2));
        ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, CT_GIVEN(ct_attention_options, .mask = mask));
        expect_tensor(y, CT_FLOAT64, CT_SHAPE(2, 1), (const double[]){0, 1}, 2);
        ct_tensor *root = ct_sum(y, NULL), *leaves[] = {q, k, v}, *grads[3];
        ck_assert_int_eq(ct_grad(&root, 1, leaves, 3, grads, CT_GIVEN(ct_grad_options, .retain_graph = false)), CT_OK);
        static const double nothing[6] = {0}, of_v[] = {1, 0};
        expect_tensor(grads[0], CT_FLOAT64, CT_SHAPE(2, 3), nothing, 6);
        expect_tensor(grads[1], CT_FLOAT64, CT_SHAPE(2, 3), nothing, 6);
        expect_tensor(grads[2], CT_FLOAT64, CT_SHAPE(2, 1), of_v, 2);
    }
    ct_tensor *row = ct_full(CT_FLOAT64, -INFINITY, CT_SHAPE(2));
    expect_two(ct_softmax(row, 0), NAN, NAN);
}
END_TEST

/* What is not a number among masked values reaches the result, by 0 times NaN, but no gradient of values. */
START_TEST(attention_with_nan_among_masked_values)
{
    ct_tensor *q = numbers(CT_FLOAT64, CT_SHAPE(1, 3), 1), *k = numbers(CT_FLOAT64, CT_SHAPE(2, 3), 2), *grad;
    ct_tensor *v = leaf(ct_from_values(CT_FLOAT64, (const double[]){1, NAN}, 2, CT_SHAPE(2, 1)));
    ct_tensor *mask = ct_from_values(CT_UINT8, (const double[]){1, 0}, 2, CT_SHAPE(1, 2));
    ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, CT_GIVEN(ct_attention_options, .mask = mask, ));
    ck_assert(isnan(ct_item(y)));
    grad = slope(ct_sum(y, NULL), v, false);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2, 1), (const double[]){1, 0}, 2);
}
END_TEST

/* Where the size stays, nothing is resized, whatever the scale; elsewhere the scale counts, not the ratio of the sizes. */
START_TEST(interpolation_by_scale)
{
    static const double x[] = {0, 1, 2, 3};
    for (int corners = 0; corners < 2; corners++)
        for (int mode = CT_NEAREST; mode <= CT_LINEAR; mode++) {
            ct_tensor *t = ct_from_values(CT_FLOAT64, x, 3, CT_SHAPE(1, 1, 3));
            CT_OPTIONS(ct_interpolate_options, options, .scale = {1.25}, .mode = mode, .align_corners = corners);
            expect_tensor(ct_interpolate(t, &options), CT_FLOAT64, CT_SHAPE(1, 1, 3), x, 3);
        }
    /* 4 * 1.4 = 5.6, so 5 elements, each 1 / 1.4 from the next and not 4 / 5. */
    ct_tensor *t = ct_from_values(CT_FLOAT64, x, 4, CT_SHAPE(1, 1, 4));
    double linear[5], nearest[5];
    for (int i = 0; i < 5; i++) {
        linear[i] = fmax((i + 0.5) / 1.4 - 0.5, 0);
        nearest[i] = floor(i / 1.4);
    }
    CT_OPTIONS(ct_interpolate_options, options, .scale = {1.4}, .mode = CT_LINEAR);
    expect_tensor(ct_interpolate(t, &options), CT_FLOAT64, CT_SHAPE(1, 1, 5), linear, 5);
    options.mode = CT_NEAREST;
    expect_tensor(ct_interpolate(t, &options), CT_FLOAT64, CT_SHAPE(1, 1, 5), nearest, 5);
}
END_TEST

/* t log t - t x has the slope log t + 1 - x: -infinity at 0, where its value is 0. */
START_TEST(kl_div_where_the_target_is_0)
{
    ct_tensor *t = leaf(vector(CT_FLOAT64, 0, 0.5)), *x = leaf(vector(CT_FLOAT64, -1, -2));
    ct_tensor *y = ct_kl_div(x, t, CT_GIVEN(ct_loss_options, .reduction = CT_SUM));
    expect_tensor(y, CT_FLOAT64, NULL, 0, (const double[]){0.5 * (log(0.5) + 2)}, 1);
    ct_tensor *leaves[] = {x, t}, *grads[2];
    ck_assert_int_eq(ct_grad(&y, 1, leaves, 2, grads, CT_GIVEN(ct_grad_options, .retain_graph = false)), CT_OK);
    expect_two(grads[0], 0, -0.5);
    expect_two(grads[1], -INFINITY, log(0.5) + 1 + 2);
}
END_TEST

Suite *ct_suite_edges(void)
{
    Suite *suite = suite_create("edges");
    TCase *axis = tcase_create("0-d");
    tcase_add_checked_fixture(axis, open_test, close_test);
    tcase_add_loop_test(axis, a_number_has_an_axis, 0, ALONG);
    tcase_add_test(axis, a_number_along_its_axis);
    tcase_add_test(axis, a_number_is_not_cut);
    suite_add_tcase(suite, axis);
    TCase *range = tcase_create("range");
    tcase_add_checked_fixture(range, open_test, close_test);
    tcase_add_test(range, norm_at_the_ends_of_the_range);
    tcase_add_test(range, norm_of_rows);
    tcase_add_loop_test(range, normalisation_of_large_numbers, 0, 9);
    tcase_add_test(range, spread_of_large_numbers);
    tcase_add_test(range, nothing_has_no_slope);
    if (!is_quick())
        tcase_add_test(range, sums_of_many_ones);
    tcase_add_test(range, scatter_add_of_many_into_few);
    suite_add_tcase(suite, range);
    TCase *single = tcase_create("single operations");
    tcase_add_checked_fixture(single, open_test, close_test);
    tcase_add_test(single, attention_masked_whole);
    tcase_add_test(single, attention_with_nan_among_masked_values);
    tcase_add_test(single, interpolation_by_scale);
    tcase_add_test(single, kl_div_where_the_target_is_0);
    suite_add_tcase(suite, single);
    return suite;
}
