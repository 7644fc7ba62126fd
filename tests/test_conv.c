/* Convolutions and pooling against loops over their definitions; the kernels of every instruction set; refusals. */
#include "core_internal.h"
#include "tensor_checks.h"
#include "suites.h"
#include "conv/kernels_conv.h"
#include "images/kernels_pool.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The internal headers leave the plain functions; here options are written out. */
#define OPTIONS(...) CT_GIVEN(ct_conv_options, __VA_ARGS__)
#define POOL(...) CT_GIVEN(ct_pool_options, __VA_ARGS__)
CT_OVERRIDE_BEGIN

/* ---- convolutions by definition ---- */

typedef struct conv_case {
    int spatial;
    int64_t n, c, k; /* images, channels of x, channels of y */
    int64_t in[3], kernel[3];
    ct_conv_options options;
} conv_case;

#define CONV(...)                                 \
    {                                             \
        CT_DEFAULTS(ct_conv_options), __VA_ARGS__ \
    }
static const conv_case conv_cases[] = {
    {2, 2, 3, 4, {7, 6}, {3, 3}, CONV(.groups = 1)},
    {2, 2, 2, 3, {8, 7}, {3, 2}, CONV(.stride = {2, 1}, .padding = {0, 2}, .dilation = {1, 2})},
    {2, 2, 4, 6, {5, 5}, {3, 3}, CONV(.padding = {1, 1}, .groups = 2)},
    {2, 3, 16, 16, {6, 9}, {3, 3}, CONV(.padding = {1, 1}, .groups = 16)},
    {2, 2, 5, 17, {4, 5}, {1, 1}, CONV(.groups = 1)},
    {2, 2, 6, 9, {11, 7}, {1, 1}, CONV(.groups = 3)},
    {2, 2, 3, 7, {5, 6}, {1, 1}, CONV(.stride = {2, 3}, .padding = {1, CT_ZERO})},
    {2, 2, 24, 10, {40, 70}, {3, 3}, CONV(.padding = {1, 1})}, /* several pieces of rows */
    {2, 150, 2, 3, {9, 8}, {3, 3}, CONV(.groups = 1)},         /* many images a batch, several chunks */
    {2, 2, 3, 5, {31, 33}, {5, 4}, CONV(.stride = {3, 2}, .padding = {2, 1}, .dilation = {2, 3})},
    {2, 1, 2, 2, {3, 4}, {5, 6}, CONV(.padding = {4, 5})},    /* mostly padding */
    {2, 1, 1, 3, {2, 3}, {2, 3}, CONV(.groups = 1)},          /* one window */
    {2, 1, 2, 2, {30, 4}, {3, 2}, CONV(.dilation = {14, 1})}, /* rows too far apart to share */
    {1, 2, 3, 4, {9}, {3}, CONV(.stride = {2}, .padding = {1})},
    {1, 1, 64, 2, {3000}, {3}, CONV(.padding = {1})}, /* rows in pieces */
    {1, 2, 4, 8, {50}, {7}, CONV(.stride = {4}, .padding = {3}, .groups = 4)},
    {3, 2, 2, 3, {4, 5, 3}, {2, 3, 2}, CONV(.groups = 1)},
    {3,
     1,
     4,
     2,
     {5, 4, 6},
     {3, 2, 2},
     CONV(.stride = {2, 1, 2}, .padding = {1, 0, 1}, .dilation = {1, 2, 1}, .groups = 2)},
    {2, 0, 3, 4, {5, 5}, {3, 3}, CONV(.groups = 1)},
    /* by data without a fold */
    {2, 2, 18, 12, {9, 10}, {3, 3}, CONV(.padding = {1, 1}, .groups = 2)},
    {2, 2, 9, 8, {12, 11}, {3, 3}, CONV(.padding = {2, 1}, .dilation = {2, 1})},
    {2, 0, 9, 8, {12, 11}, {3, 3}, CONV(.padding = {1, 1})},
    {1, 3, 8, 5, {50}, {5}, CONV(.padding = {2})},
    {3, 1, 10, 3, {5, 6, 7}, {3, 3, 2}, CONV(.padding = {1, 1, 1})},
};
enum { CONV_CASES = sizeof conv_cases / sizeof *conv_cases };

static int64_t or_one(int64_t value)
{
    return value == 0 ? 1 : value;
}

static int64_t padding_of(const conv_case *t, int i)
{
    return t->options.padding[i] == CT_ZERO ? 0 : t->options.padding[i];
}

static int64_t out_size(const conv_case *t, int i)
{
    const ct_conv_options *o = &t->options;
    return (t->in[i] + 2 * padding_of(t, i) - or_one(o->dilation[i]) * (t->kernel[i] - 1) - 1) / or_one(o->stride[i]) +
           1;
}

/* What convolution means: calls meet for each pair of elements of x and w that go into an element of y. */
typedef void meeting(double *y, double *w, double *x);

static void y_takes(double *y, double *w, double *x)
{
    *y += *w * *x;
}

static void x_takes(double *y, double *w, double *x)
{
    *x += *w * *y;
}

static void w_takes(double *y, double *w, double *x)
{
    *w += *y * *x;
}

static void convolve(const conv_case *t, double *y, double *w, double *x, meeting *meet)
{
    int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, step[3] = {1, 1, 1}, from[3] = {0},
            gap[3] = {1, 1, 1};
    for (int i = 0; i < t->spatial; i++) {
        in[i] = t->in[i];
        kernel[i] = t->kernel[i];
        out[i] = out_size(t, i);
        step[i] = or_one(t->options.stride[i]);
        from[i] = padding_of(t, i);
        gap[i] = or_one(t->options.dilation[i]);
    }
    int64_t groups = or_one(t->options.groups), cg = t->c / groups, kg = t->k / groups;
    int64_t taps = kernel[0] * kernel[1] * kernel[2], places = out[0] * out[1] * out[2], size = in[0] * in[1] * in[2];
    for (int64_t nk = 0; nk < t->n * t->k; nk++)
        for (int64_t c = 0; c < cg; c++)
            for (int64_t p = 0; p < places; p++)
                for (int64_t q = 0; q < taps; q++) {
                    int64_t n = nk / t->k, k = nk % t->k;
                    int64_t a = p / (out[1] * out[2]) * step[0] - from[0] + q / (kernel[1] * kernel[2]) * gap[0];
                    int64_t b = p / out[2] % out[1] * step[1] - from[1] + q / kernel[2] % kernel[1] * gap[1];
                    int64_t d = p % out[2] * step[2] - from[2] + q % kernel[2] * gap[2];
                    if (a < 0 || b < 0 || d < 0 || a >= in[0] || b >= in[1] || d >= in[2])
                        continue;
                    int64_t channel = k / kg * cg + c;
                    meet(&y[nk * places + p], &w[(k * cg + c) * taps + q],
                         &x[(n * t->c + channel) * size + (a * in[1] + b) * in[2] + d]);
                }
}

/* The tensors of one case, as doubles too. */
typedef struct conv_data {
    ct_tensor *x, *w, *b, *g;
    double *xs, *ws, *bs, *gs, *result;
    int64_t most;
} conv_data;

static double *values_of(const ct_tensor *t)
{
    double *values = malloc((size_t)(ct_numel(t) + 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_eq(ct_to_values(t, values, ct_numel(t)), CT_OK);
    return values;
}

static conv_data make_data(const conv_case *t, ct_dtype dtype, int layout)
{
    int64_t x[5] = {t->n, t->c}, w[5] = {t->k, t->c / or_one(t->options.groups)}, y[5] = {t->n, t->k};
    for (int i = 0; i < t->spatial; i++) {
        x[2 + i] = t->in[i];
        w[2 + i] = t->kernel[i];
        y[2 + i] = out_size(t, i);
    }
    conv_data d = {.x = in_layout(numbers(dtype, x, t->spatial + 2, 1), layout),
                   .w = in_layout(numbers(dtype, w, t->spatial + 2, 2), (layout + 1) % LAYOUTS),
                   .b = in_layout(numbers(dtype, &t->k, 1, 3), layout == 2 ? 2 : 0),
                   .g = in_layout(numbers(dtype, y, t->spatial + 2, 4), (layout + 2) % LAYOUTS)};
    d.xs = values_of(d.x);
    d.ws = values_of(d.w);
    d.bs = values_of(d.b);
    d.gs = values_of(d.g);
    d.most = ct_numel(d.x) + ct_numel(d.w) + ct_numel(d.g);
    d.result = malloc((size_t)(d.most + 1) * sizeof *d.result);
    ck_assert_ptr_nonnull(d.result);
    return d;
}

static void free_data(conv_data *d)
{
    free(d->xs);
    free(d->ws);
    free(d->bs);
    free(d->gs);
    free(d->result);
}

static double *zeroed(conv_data *d)
{
    memset(d->result, 0, (size_t)d->most * sizeof *d->result);
    return d->result;
}

static void expect_values(const ct_tensor *got, const double *values, const ct_tensor *like)
{
    ck_assert_msg(got != NULL, "%s", ct_error_message());
    ct_dtype dtype = ct_dtype_of(like);
    ct_tensor *expected = ct_from_values(dtype, values, ct_numel(like), ct_shape(like), ct_rank(like));
    expect_close(got, expected, dtype == CT_FLOAT32 ? 1e-5 : 1e-13);
}

static ct_tensor *conv(int spatial, ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *o)
{
    return spatial == 1 ? ct_conv1d(x, w, b, o) : spatial == 2 ? ct_conv2d(x, w, b, o) : ct_conv3d(x, w, b, o);
}

static ct_tensor *conv_transpose(int spatial, ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *o)
{
    return spatial == 1   ? ct_conv_transpose1d(x, w, b, o)
           : spatial == 2 ? ct_conv_transpose2d(x, w, b, o)
                          : ct_conv_transpose3d(x, w, b, o);
}

/* Adds values[channel] to every element of an [N,C,...] array. */
static void add_channels(double *y, const double *values, int64_t n, int64_t channels, int64_t size)
{
    for (int64_t i = 0; i < n * channels * size; i++)
        y[i] += values[i / size % channels];
}

static void check_conv(const conv_case *t, ct_dtype dtype, int layout)
{
    conv_data d = make_data(t, dtype, layout);
    int64_t places = t->n ? ct_numel(d.g) / t->n / t->k : 0;
    ct_tensor *leaves[] = {ct_set_requires_grad(ct_detach(d.x), true), ct_set_requires_grad(ct_detach(d.w), true),
                           ct_set_requires_grad(ct_detach(d.b), true)};
    ct_tensor *y = conv(t->spatial, leaves[0], leaves[1], leaves[2], &t->options), *grads[3];
    convolve(t, zeroed(&d), d.ws, d.xs, y_takes);
    add_channels(d.result, d.bs, t->n, t->k, places);
    expect_values(y, d.result, d.g);

    ck_assert_int_eq(ct_grad(&y, 1, leaves, 3, grads, CT_GIVEN(ct_grad_options, .gradients = &d.g)), CT_OK);
    convolve(t, d.gs, d.ws, zeroed(&d), x_takes);
    expect_values(grads[0], d.result, d.x);
    convolve(t, d.gs, zeroed(&d), d.xs, w_takes);
    expect_values(grads[1], d.result, d.w);
    zeroed(&d);
    for (int64_t i = 0; i < ct_numel(d.g); i++)
        d.result[i / places % t->k] += d.gs[i];
    expect_values(grads[2], d.result, d.b);
    free_data(&d);
}

START_TEST(convolutions_are_what_their_definition_says)
{
    check_conv(&conv_cases[_i], CT_FLOAT64, _i % LAYOUTS);
    check_conv(&conv_cases[_i], CT_FLOAT32, (_i + 2) % LAYOUTS);
}
END_TEST

START_TEST(transposed_convolutions_are_their_adjoints)
{
    const conv_case *t = &conv_cases[_i];
    conv_data d = make_data(t, CT_FLOAT64, _i % LAYOUTS);
    ct_conv_options o = t->options;
    int64_t size = 1;
    for (int i = 0; i < t->spatial; i++) {
        int64_t reach = or_one(o.dilation[i]) * (t->kernel[i] - 1) + 1;
        o.output_padding[i] = t->in[i] - ((out_size(t, i) - 1) * or_one(o.stride[i]) - 2 * padding_of(t, i) + reach);
        o.output_padding[i] = o.output_padding[i] == 0 ? CT_ZERO : o.output_padding[i];
        size *= t->in[i];
    }
    ct_tensor *bias = numbers(CT_FLOAT64, &t->c, 1, 7);
    double *values = values_of(bias);
    ct_tensor *leaves[] = {ct_set_requires_grad(d.g, true), ct_set_requires_grad(d.w, true),
                           ct_set_requires_grad(bias, true)};
    if (!ct_is_leaf(d.g) || !ct_is_leaf(d.w)) /* a layout made by operations has no graph, so it is a leaf */
        ck_abort();
    ct_tensor *x = conv_transpose(t->spatial, d.g, d.w, bias, &o), *grads[3];
    convolve(t, d.gs, d.ws, zeroed(&d), x_takes);
    add_channels(d.result, values, t->n, t->c, size);
    expect_values(x, d.result, d.x);

    ck_assert_int_eq(ct_grad(&x, 1, leaves, 3, grads, CT_GIVEN(ct_grad_options, .gradients = &d.x)), CT_OK);
    convolve(t, zeroed(&d), d.ws, d.xs, y_takes);
    expect_values(grads[0], d.result, d.g);
    convolve(t, d.gs, zeroed(&d), d.xs, w_takes);
    expect_values(grads[1], d.result, d.w);
    zeroed(&d);
    for (int64_t i = 0; i < ct_numel(d.x); i++)
        d.result[i / size % t->c] += d.xs[i];
    expect_values(grads[2], d.result, bias);
    free(values);
    free_data(&d);
}
END_TEST

/* y, gx and gw of a case as one row of numbers. */
static ct_tensor *everything(const conv_case *t, const conv_data *d)
{
    ct_tensor *leaves[] = {ct_set_requires_grad(ct_detach(d->x), true), ct_set_requires_grad(ct_detach(d->w), true)};
    ct_tensor *y = conv(t->spatial, leaves[0], leaves[1], NULL, &t->options), *grads[2];
    ck_assert_int_eq(ct_grad(&y, 1, leaves, 2, grads, CT_GIVEN(ct_grad_options, .gradients = &d->g)), CT_OK);
    return ct_detach(ct_concat(
        (ct_tensor *[]){ct_flatten(y, 0, -1), ct_flatten(grads[0], 0, -1), ct_flatten(grads[1], 0, -1)}, 3, 0));
}

START_TEST(the_number_of_threads_changes_nothing)
{
    const conv_case *t = &conv_cases[_i];
    conv_data d = make_data(t, CT_FLOAT32, 0);
    int threads = ct_num_threads();
    ct_set_num_threads(1);
    ct_tensor *one = everything(t, &d);
    ct_set_num_threads(5);
    expect_close(everything(t, &d), one, 0);
    ct_set_num_threads(threads);
    free_data(&d);
}
END_TEST

START_TEST(a_single_image_needs_no_batch_axis)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(1, 3, 6, 5), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(4, 3, 3, 2), 2);
    ct_tensor *single = ct_select(x, 0, 0), *y = ct_conv2d(x, w, NULL, NULL),
              *v = numbers(CT_FLOAT64, CT_SHAPE(3, 2, 2, 2), 3);
    expect_close(ct_conv2d(single, w, NULL, NULL), ct_select(y, 0, 0), 0);
    expect_close(ct_conv_transpose2d(single, v, NULL, NULL), ct_select(ct_conv_transpose2d(x, v, NULL, NULL), 0, 0), 0);
    expect_close(ct_max_pool2d(single, 2, NULL), ct_select(ct_max_pool2d(x, 2, NULL), 0, 0), 0);
    const int64_t kernel[] = {2, 3}, size[] = {6, 5};
    ct_tensor *columns = ct_unfold(x, kernel, NULL);
    expect_close(ct_unfold(single, kernel, NULL), ct_select(columns, 0, 0), 0);
    expect_close(ct_fold(ct_select(columns, 0, 0), size, kernel, NULL),
                 ct_select(ct_fold(columns, size, kernel, NULL), 0, 0), 0);
}
END_TEST

START_TEST(unfold_and_matmul_make_a_convolution)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 7, 6), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(4, 3, 3, 2), 2);
    const ct_conv_options *o = OPTIONS(.stride = {2, 1}, .padding = {1, 1}, .dilation = {1, 2});
    ct_tensor *y = ct_conv2d(x, w, NULL, o), *columns = ct_unfold(x, (const int64_t[]){3, 2}, o);
    ct_tensor *product = ct_matmul(ct_reshape(w, CT_SHAPE(4, 18)), columns);
    expect_close(ct_reshape(product, ct_shape(y), 4), y, 1e-14);
}
END_TEST

/* Of one axis and of three, with all options, for images and one alone; back is the adjoint: <unfold(x), c> = <x, fold(c)>. */
START_TEST(unfolded_along_other_axes)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 5, 7, 6), 1),
              *w = numbers(CT_FLOAT64, CT_SHAPE(4, 3, 3, 2, 2), 2);
    const ct_conv_options *o = OPTIONS(.stride = {2, 1, 2}, .padding = {1, 0, 1}, .dilation = {1, 2, 1});
    const int64_t kernel[] = {3, 2, 2};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *a = ct_cast(x, (ct_dtype)dtype), *y = ct_conv3d(a, ct_cast(w, (ct_dtype)dtype), NULL, o);
        ct_tensor *columns = ct_unfold3d(a, kernel, o);
        ct_tensor *product = ct_matmul(ct_reshape(ct_cast(w, (ct_dtype)dtype), CT_SHAPE(4, 36)), columns);
        double tolerance = dtype == CT_FLOAT32 ? 1e-5 : 1e-14;
        expect_close(ct_reshape(product, ct_shape(y), 5), y, tolerance);
        expect_close(ct_unfold3d(ct_select(a, 0, 1), kernel, o), ct_select(columns, 0, 1), 0);
        ct_tensor *c = numbers((ct_dtype)dtype, ct_shape(columns), 3, 3);
        for (int layout = 0; layout < LAYOUTS; layout++)
            expect_close(ct_sum(ct_mul(a, ct_fold3d(in_layout(c, layout), ct_shape(a) + 2, kernel, o)), NULL),
                         ct_sum(ct_mul(columns, c), NULL), 10 * tolerance);
    }
    ct_tensor *line = ct_select(ct_select(x, 2, 0), 2, 0), *filter = numbers(CT_FLOAT64, CT_SHAPE(4, 3, 3), 4);
    const ct_conv_options *along = OPTIONS(.stride = {2}, .padding = {2}, .dilation = {2});
    expect_close(ct_matmul(ct_reshape(filter, CT_SHAPE(4, 9)), ct_unfold1d(line, (const int64_t[]){3}, along)),
                 ct_conv1d(line, filter, NULL, along), 1e-14);
}
END_TEST

START_TEST(convolutions_refuse)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 4, 5, 5), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(6, 4, 3, 3), 2);
    ct_tensor *b = numbers(CT_FLOAT64, CT_SHAPE(6), 3), *half = numbers(CT_FLOAT64, CT_SHAPE(6, 2, 3, 3), 2);
    ct_tensor *single = numbers(CT_FLOAT32, CT_SHAPE(6, 4, 3, 3), 2),
              *labels = numbers(CT_INT64, CT_SHAPE(2, 4, 5, 5), 1);
    expect_error(ct_conv2d(x, half, NULL, NULL), CT_ERROR_SHAPE,
                 "conv2d: 4 channels in 1 groups, but the weight takes 2 a group: [2,4,5,5], [6,2,3,3]");
    expect_error(ct_conv2d(x, w, NULL, OPTIONS(.groups = 3)), CT_ERROR_SHAPE,
                 "conv2d: 3 groups do not divide 4 and 6 channels: [2,4,5,5], [6,4,3,3]");
    expect_error(ct_conv2d(x, w, NULL, OPTIONS(.groups = -1)), CT_ERROR_ARGUMENT, "conv2d: -1 groups");
    expect_error(
        ct_conv2d(x, w, NULL, OPTIONS(.dilation = {1, 3})), CT_ERROR_SHAPE,
        "conv2d: a kernel of 3 (over 7 with dilation) does not fit the padded size 5 on axis 1: [2,4,5,5], [6,4,3,3]");
    expect_error(ct_conv2d(x, w, NULL, OPTIONS(.stride = {1, -2})), CT_ERROR_ARGUMENT,
                 "conv2d: stride -2, padding 0, dilation 1 on axis 1 are out of range");
    expect_error(ct_conv2d(x, w, NULL, OPTIONS(.padding = {-1, 0})), CT_ERROR_ARGUMENT,
                 "conv2d: stride 1, padding -1, dilation 1 on axis 0 are out of range");
    expect_error(ct_conv2d(x, w, NULL, OPTIONS(.output_padding = {1, 0})), CT_ERROR_ARGUMENT,
                 "conv2d: output_padding is for transposed convolutions");
    expect_error(ct_conv2d(x, w, ct_slice(b, 0, 0, 4, 1), NULL), CT_ERROR_SHAPE,
                 "conv2d: the bias must be [6]: [2,4,5,5], [6,4,3,3], [4]");
    expect_error(ct_conv2d(x, single, NULL, NULL), CT_ERROR_DTYPE, "conv2d: dtypes differ: float64 and float32");
    expect_error(ct_conv2d(labels, w, NULL, NULL), CT_ERROR_DTYPE, "conv2d: takes float32 or float64, not int64");
    expect_error(ct_conv3d(x, w, NULL, NULL), CT_ERROR_SHAPE, "conv3d: needs a batch, channels and 3 spatial axes");
    expect_error(ct_conv_transpose2d(x, w, NULL, NULL), CT_ERROR_SHAPE,
                 "conv_transpose2d: 4 channels, but the weight takes 6: [2,4,5,5], [6,4,3,3]");
    expect_error(ct_conv_transpose2d(x, half, NULL, OPTIONS(.padding = {4, 0})), CT_ERROR_SHAPE,
                 "conv_transpose2d: 4 channels");
    ct_tensor *v = numbers(CT_FLOAT64, CT_SHAPE(4, 2, 3, 3), 2);
    expect_error(ct_conv_transpose2d(x, v, NULL, OPTIONS(.output_padding = {0, 1})), CT_ERROR_ARGUMENT,
                 "conv_transpose2d: output_padding 1 on axis 1 must be below the stride, 1");
    expect_error(ct_conv_transpose2d(x, v, NULL, OPTIONS(.padding = {4, 0})), CT_ERROR_SHAPE,
                 "conv_transpose2d: the result would be of size -1 on axis 0: [2,4,5,5], [4,2,3,3]");
    expect_error(ct_unfold(x, (const int64_t[]){6, 1}, NULL), CT_ERROR_SHAPE, "unfold: a kernel of 6");
    expect_error(ct_unfold(x, NULL, NULL), CT_ERROR_ARGUMENT,
                 "unfold: takes no kernel of [0,0], no groups and no output_padding");
    expect_error(
        ct_fold(ct_unfold(x, (const int64_t[]){2, 2}, NULL), (const int64_t[]){5, 6}, (const int64_t[]){2, 2}, NULL),
        CT_ERROR_SHAPE, "fold: an image of [5,6] has 20 windows of 4: [2,16,16]");
    expect_error(ct_unfold1d(x, (const int64_t[]){2}, NULL), CT_ERROR_SHAPE, "unfold: takes [N,C,W]: [2,4,5,5]");
    expect_error(ct_unfold3d(b, (const int64_t[]){2, 2, 2}, NULL), CT_ERROR_SHAPE, "unfold: takes [N,C,D,H,W]: [6]");
    expect_error(ct_fold3d(b, (const int64_t[]){2, 2, 2}, (const int64_t[]){2, 2, 2}, NULL), CT_ERROR_SHAPE,
                 "fold: takes [N,rows,windows]: [6]");
    expect_error(ct_conv2d(NULL, w, NULL, NULL), CT_ERROR_NULL, "conv2d: input 0 is NULL");
}
END_TEST

/* ---- pooling by definition ---- */

typedef struct pool_case {
    int64_t in[2];
    ct_pool_options options;
} pool_case;

static const pool_case pool_cases[] = {
    {{6, 7}, {CT_DEFAULTS(ct_pool_options), .kernel = {2, 2}}},
    {{8, 70}, {CT_DEFAULTS(ct_pool_options), .kernel = {2, 2}}},
    {{5, 33}, {CT_DEFAULTS(ct_pool_options), .kernel = {2, 2}}},
    {{7, 7}, {CT_DEFAULTS(ct_pool_options), .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}},
    {{6, 5}, {CT_DEFAULTS(ct_pool_options), .kernel = {3, 2}, .stride = {1, 2}, .padding = {0, 1}, .ceil_mode = true}},
    {{9, 8}, {CT_DEFAULTS(ct_pool_options), .kernel = {4, 3}, .stride = {3, 2}, .padding = {2, 1}, .ceil_mode = true}},
    {{5, 6}, {CT_DEFAULTS(ct_pool_options), .kernel = {2, 2}, .stride = {2, 2}, .ceil_mode = true}},
};
enum { POOL_CASES = sizeof pool_cases / sizeof *pool_cases };

static int64_t pooled_size(const pool_case *t, int i, int64_t dilation)
{
    const ct_pool_options *o = &t->options;
    int64_t stride = o->stride[i] > 0 ? o->stride[i] : o->kernel[i];
    double room = (double)(t->in[i] + 2 * o->padding[i] - dilation * (o->kernel[i] - 1) - 1) / (double)stride;
    int64_t count = (int64_t)(o->ceil_mode ? ceil(room) : floor(room)) + 1;
    return o->ceil_mode && (count - 1) * stride >= t->in[i] + o->padding[i] ? count - 1 : count;
}

/* Visits every element of window (i, j) that lies inside x, in order; counts those that lie inside the padding too. */
static int64_t window_elements(const pool_case *t, int64_t i, int64_t j, int64_t *places, int64_t *padded)
{
    const ct_pool_options *o = &t->options;
    int64_t n = 0, stride[2];
    *padded = 0;
    for (int k = 0; k < 2; k++)
        stride[k] = o->stride[k] > 0 ? o->stride[k] : o->kernel[k];
    for (int64_t a = 0; a < o->kernel[0]; a++)
        for (int64_t b = 0; b < o->kernel[1]; b++) {
            int64_t row = i * stride[0] - o->padding[0] + a, col = j * stride[1] - o->padding[1] + b;
            *padded += row < t->in[0] + o->padding[0] && col < t->in[1] + o->padding[1];
            if (row >= 0 && row < t->in[0] && col >= 0 && col < t->in[1])
                places[n++] = row * t->in[1] + col;
        }
    return n;
}

START_TEST(pools_are_what_their_definition_says)
{
    const pool_case *t = &pool_cases[_i / 2];
    ct_dtype dtype = _i % 2 ? CT_FLOAT32 : CT_FLOAT64;
    int64_t out[2] = {pooled_size(t, 0, 1), pooled_size(t, 1, 1)}, size = t->in[0] * t->in[1], places[16], padded;
    ct_tensor *x = in_layout(numbers(dtype, CT_SHAPE(2, 3, t->in[0], t->in[1]), 1), _i % LAYOUTS), *index;
    ct_pool_options o = t->options, exclude = t->options, divided = t->options;
    o.indices = &index;
    exclude.exclude_pad = true;
    divided.divisor = 3;
    ct_tensor *largest = ct_max_pool2d(x, 9, &o), *mean = ct_avg_pool2d(x, 9, &t->options);
    ct_tensor *inside = ct_avg_pool2d(x, 9, &exclude), *third = ct_avg_pool2d(x, 9, &divided);
    ck_assert_int_eq(ct_size(largest, 2), out[0]);
    ck_assert_int_eq(ct_size(largest, 3), out[1]);
    ck_assert_int_eq(ct_dtype_of(index), CT_INT64);
    double *xs = values_of(x), tolerance = dtype == CT_FLOAT32 ? 1e-6 : 1e-14;
    for (int64_t p = 0; p < ct_numel(largest); p++) {
        const int64_t at[] = {p / (3 * out[0] * out[1]), p / (out[0] * out[1]) % 3, p / out[1] % out[0], p % out[1]};
        const double *plane = xs + (at[0] * 3 + at[1]) * size;
        int64_t n = window_elements(t, at[2], at[3], places, &padded), best = places[0];
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            best = plane[places[i]] > plane[best] ? places[i] : best;
            sum += plane[places[i]];
        }
        ck_assert_double_eq(ct_get(largest, at, 4), plane[best]);
        ck_assert_double_eq(ct_get(index, at, 4), (double)best);
        ck_assert_double_eq_tol(ct_get(mean, at, 4), sum / (double)padded, tolerance);
        ck_assert_double_eq_tol(ct_get(inside, at, 4), sum / (double)n, tolerance);
        ck_assert_double_eq_tol(ct_get(third, at, 4), sum / 3, tolerance);
    }
    free(xs);
}
END_TEST

START_TEST(pooled_sizes_are_pytorchs)
{
    /* size, kernel, stride, padding, dilation; windows without and with ceil_mode: PyTorch 1.13's max_pool1d. */
    static const int64_t rows[][7] = {{7, 2, 2, 0, 1, 3, 4}, {7, 3, 2, 1, 1, 4, 4},  {6, 3, 2, 0, 1, 2, 3},
                                      {5, 2, 3, 1, 1, 2, 2}, {10, 3, 3, 1, 2, 3, 4}, {4, 2, 4, 1, 1, 2, 2},
                                      {9, 4, 3, 2, 1, 4, 4}, {8, 2, 5, 0, 1, 2, 2},  {6, 2, 5, 1, 1, 2, 2},
                                      {5, 3, 4, 1, 2, 1, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int ceil_mode = 0; ceil_mode < 2; ceil_mode++) {
            const int64_t *r = rows[i];
            ct_tensor *y =
                ct_max_pool1d(numbers(CT_FLOAT32, CT_SHAPE(1, r[0]), 1), r[1],
                              POOL(.stride = {r[2]}, .padding = {r[3]}, .dilation = {r[4]}, .ceil_mode = ceil_mode));
            ck_assert_msg(y != NULL, "%s", ct_error_message());
            ck_assert_int_eq(ct_size(y, 1), r[5 + ceil_mode]);
        }
}
END_TEST

START_TEST(a_maximum_is_the_first_of_equals_and_nan_wins)
{
    ct_tensor *x = ct_from_values(
        CT_FLOAT32, CT_VALUES(1, 1, 0, NAN, 2, 0, 0, 2, -INFINITY, -INFINITY, NAN, 5, -INFINITY, -INFINITY, 7, 6),
        CT_SHAPE(1, 4, 4));
    ct_tensor *index, *y = ct_max_pool2d(x, 2, POOL(.indices = &index));
    expect_tensor(y, CT_FLOAT32, CT_SHAPE(1, 2, 2), CT_VALUES(2, NAN, -INFINITY, NAN));
    expect_tensor(index, CT_INT64, CT_SHAPE(1, 2, 2), CT_VALUES(4, 3, 8, 10));
    /* The same through the general loop. */
    expect_tensor(ct_max_pool2d(x, 2, POOL(.stride = {2, 2}, .padding = {0, 1}, .indices = &index)), CT_FLOAT32,
                  CT_SHAPE(1, 2, 3), CT_VALUES(2, 1, NAN, -INFINITY, NAN, 6));
    expect_tensor(index, CT_INT64, CT_SHAPE(1, 2, 3), CT_VALUES(4, 1, 3, 8, 10, 15));
    ct_tensor *ties = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1, 2, 4)), true);
    ck_assert_int_eq(ct_backward(ct_sum(ct_max_pool2d(ties, 2, NULL), NULL), NULL), CT_OK);
    expect_tensor(ct_grad_of(ties), CT_FLOAT64, CT_SHAPE(1, 2, 4), CT_VALUES(1, 0, 1, 0, 0, 0, 0, 0));
}
END_TEST

START_TEST(a_window_of_padding_alone_has_no_maximum)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1, 1)), true), *index;
    ct_tensor *y = ct_max_pool1d(x, 2, POOL(.padding = {1}, .dilation = {2}, .indices = &index));
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(1, 1), CT_VALUES(-INFINITY));
    expect_tensor(index, CT_INT64, CT_SHAPE(1, 1), CT_VALUES(-1));
    ck_assert_int_eq(ct_backward(y, NULL), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(1, 1), CT_VALUES(0));
}
END_TEST

START_TEST(adaptive_windows_cover_everything)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3, 4, 5, 6, 7), CT_SHAPE(1, 1, 7));
    expect_tensor(ct_adaptive_avg_pool2d(x, 1, 3), CT_FLOAT64, CT_SHAPE(1, 1, 3), CT_VALUES(2, 4, 6));
    expect_tensor(ct_adaptive_avg_pool2d(ct_slice(x, 2, 0, 2, 1), 2, 3), CT_FLOAT64, CT_SHAPE(1, 2, 3),
                  CT_VALUES(1, 1.5, 2, 1, 1.5, 2));
}
END_TEST

START_TEST(pools_refuse)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 5, 5), 1);
    expect_error(ct_max_pool2d(x, 0, NULL), CT_ERROR_ARGUMENT, "max_pool2d: kernel 0, stride 0");
    expect_error(
        ct_max_pool2d(x, 3, POOL(.padding = {0, 2})), CT_ERROR_ARGUMENT,
        "max_pool2d: kernel 3, stride 3, padding 2 (at most half the kernel), dilation 1 on axis 1 are out of range");
    expect_error(ct_max_pool2d(x, 6, NULL), CT_ERROR_SHAPE,
                 "max_pool2d: a kernel of 6 does not fit the padded size 5 on axis 0: [2,3,5,5]");
    expect_error(ct_max_pool2d(ct_select(ct_select(x, 0, 0), 0, 0), 2, NULL), CT_ERROR_SHAPE,
                 "max_pool2d: takes [channels,height,width] or that with a batch in front: [5,5]");
    expect_error(ct_avg_pool1d(x, 2, NULL), CT_ERROR_SHAPE, "avg_pool1d: takes [channels,length]");
    expect_error(ct_avg_pool2d(x, 2, POOL(.divisor = -1)), CT_ERROR_ARGUMENT, "avg_pool2d: divisor -1 is negative");
    expect_error(ct_adaptive_avg_pool2d(x, 0, 1), CT_ERROR_SHAPE,
                 "adaptive_avg_pool2d: from size 5 to 0 on axis 0: [2,3,5,5]");
    expect_error(ct_max_pool2d(numbers(CT_INT64, CT_SHAPE(1, 4, 4), 1), 2, NULL), CT_ERROR_DTYPE,
                 "max_pool2d: takes float32 or float64, not int64");
    expect_error(ct_max_pool2d(NULL, 2, NULL), CT_ERROR_NULL, "max_pool2d: input 0 is NULL");
}
END_TEST

/* ---- failing memory ---- */

static ct_tensor *conv_expression(ct_tensor *const *in)
{
    return ct_conv2d(in[0], in[1], in[2], OPTIONS(.stride = {2, 1}, .padding = {1, CT_ZERO}));
}

static ct_tensor *transpose_expression(ct_tensor *const *in)
{
    return ct_conv_transpose2d(in[0], ct_transpose(in[1], 0, 1), NULL,
                               OPTIONS(.stride = {2, 1}, .padding = {1, CT_ZERO}));
}

static ct_tensor *pool_expression(ct_tensor *const *in)
{
    return ct_mul(ct_max_pool2d(in[0], 2, NULL), ct_avg_pool2d(in[0], 2, NULL));
}

static ct_tensor *unfold_expression(ct_tensor *const *in)
{
    return ct_unfold(in[0], (const int64_t[]){2, 2}, NULL);
}

/* [2,3,6,5] as an image of three axes. */
static ct_tensor *unfold3d_expression(ct_tensor *const *in)
{
    return ct_unfold3d(ct_unsqueeze(in[0], 0), (const int64_t[]){2, 2, 2}, NULL);
}

static const test_expression memory_expressions[] = {conv_expression, transpose_expression, pool_expression,
                                                     unfold_expression, unfold3d_expression};

START_TEST(no_memory)
{
    int inputs = (int[]){3, 2, 1, 1, 1}[_i];
    ct_tensor *in[] = {numbers(CT_FLOAT64, CT_SHAPE(2, 3, 6, 5), 1), numbers(CT_FLOAT64, CT_SHAPE(4, 3, 3, 3), 2),
                       numbers(CT_FLOAT64, CT_SHAPE(4), 3)};
    expect_memory_errors(memory_expressions[_i], in, inputs);
}
END_TEST

/* ---- kernels of every instruction set that this machine has ---- */

static const ct_conv_kernels *const conv_tables[] = {
    ct__conv_portable,
#if defined(__x86_64__)
    ct__conv_avx2,
    ct__conv_avx512,
#endif
};

enum { KERNEL_MOST = 6000 };
static double scratch_x[KERNEL_MOST], scratch_w[KERNEL_MOST], scratch_y[KERNEL_MOST];

static double get(const void *values, bool is_double, int64_t i)
{
    return is_double ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static void fill_scratch(void *values, bool is_double)
{
    for (int64_t i = 0; i < KERNEL_MOST; i++) {
        double v = (double)(i * 7919 % 101) / 50 - 1;
        if (is_double)
            ((double *)values)[i] = v;
        else
            ((float *)values)[i] = (float)v;
    }
}

/* Sizes around the tiles' and the vectors'. */
static void check_product(const ct_conv_kernels *k, bool is_double, int64_t m, int64_t n)
{
    enum { TERMS = 5 };
    const int64_t taps[TERMS] = {0, 3, 100, 71, 1};
    int64_t block = ct__block_rows(m, k->block), step = n + 3;
    double bias[32];
    fill_scratch(scratch_x, is_double);
    fill_scratch(scratch_w, is_double);
    memcpy(bias, scratch_w, sizeof bias);
    k->product(m, n, TERMS, scratch_w, TERMS * block, block, taps, scratch_x, bias, scratch_y, step);
    for (int64_t i = 0; i < m; i++)
        for (int64_t p = 0; p < n; p++) {
            double sum = get(bias, is_double, i);
            for (int64_t j = 0; j < TERMS; j++)
                sum += get(scratch_w, is_double, i / block * TERMS * block + j * block + i % block) *
                       get(scratch_x, is_double, taps[j] + p);
            ck_assert_double_eq_tol(get(scratch_y, is_double, i * step + p), sum, 1e-5);
        }
}

START_TEST(kernels_agree_with_loops)
{
    bool is_double = _i % 2;
    if (_i / 2 > ct__isa())
        return;
    const ct_conv_kernels *k = &conv_tables[_i / 2][is_double];
    for (int64_t m = 1; m <= 19; m++)
        for (int64_t n = 1; n <= 120; n += n < 20 ? 1 : 9)
            check_product(k, is_double, m, n);
}
END_TEST

static const ct_windows window_cases[] = {
    {{1, 9, 37}, {1, 7, 35}, {1, 3, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
    {{1, 9, 20}, {1, 9, 22}, {1, 3, 3}, {1, 1, 1}, {0, 1, 2}, {1, 1, 1}},
    {{2, 7, 21}, {1, 3, 10}, {2, 3, 4}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
    {{1, 8, 9}, {1, 4, 7}, {1, 2, 2}, {1, 2, 1}, {0, 1, 0}, {1, 3, 2}},
};

/* Every instruction set moves the same elements as the portable kernels, bit by bit. */
START_TEST(windows_are_the_same_for_all)
{
    const ct_windows *s = &window_cases[_i / 2];
    bool is_double = _i % 2;
    size_t bytes = sizeof scratch_x;
    static double portable[KERNEL_MOST];
    ct_piece pieces[] = {{0, 0, s->out[1], 0, s->out[2]}, {0, 1, 2, 0, s->out[2]}, {0, 1, 1, 2, 4}};
    for (int isa = 1; isa <= ct__isa(); isa++)
        for (int i = 0; i < 3; i++) {
            for (int shared = 0; shared <= (s->stride[1] == 1); shared++) {
                fill_scratch(scratch_x, is_double);
                memset(portable, 0, bytes);
                memset(scratch_y, 0, bytes);
                conv_tables[0][is_double].unfold(s, &pieces[i], shared, scratch_x, portable);
                conv_tables[isa][is_double].unfold(s, &pieces[i], shared, scratch_x, scratch_y);
                ck_assert_int_le(ct__planes_size(s, &pieces[i], shared), KERNEL_MOST);
                ck_assert_int_eq(memcmp(portable, scratch_y, bytes), 0);
            }
            fill_scratch(portable, is_double);
            fill_scratch(scratch_y, is_double);
            conv_tables[0][is_double].fold(s, &pieces[i], scratch_x, portable);
            conv_tables[isa][is_double].fold(s, &pieces[i], scratch_x, scratch_y);
            ck_assert_int_eq(memcmp(portable, scratch_y, bytes), 0);
        }
}
END_TEST

START_TEST(pooling_is_the_same_for_all)
{
#if defined(__x86_64__)
    static const ct_pool_kernels *const tables[] = {ct__pool_portable, ct__pool_avx2, ct__pool_avx512};
    bool is_double = _i % 2;
    static const int64_t widths[] = {2, 7, 8, 16, 31, 32, 33, 70};
    int64_t places[2][KERNEL_MOST] = {{0}};
    for (int isa = 1; isa <= ct__isa(); isa++)
        for (int i = 0; i < 8; i++) {
            ct_pool_windows s = {.in = {1, 5, widths[i]},
                                 .out = {1, 2, widths[i] / 2},
                                 .kernel = {1, 2, 2},
                                 .stride = {1, 2, 2},
                                 .dilation = {1, 1, 1}};
            int64_t n = s.out[1] * s.out[2];
            fill_scratch(scratch_x, is_double);
            tables[0][is_double].max(&s, scratch_x, scratch_y, places[0]);
            tables[isa][is_double].max(&s, scratch_x, scratch_w, places[1]);
            ck_assert_int_eq(memcmp(scratch_y, scratch_w, (size_t)(n * (is_double ? 8 : 4))), 0);
            ck_assert_int_eq(memcmp(places[0], places[1], (size_t)n * sizeof(int64_t)), 0);
        }
#endif
}
END_TEST

Suite *ct_suite_conv(void)
{
    Suite *suite = suite_create("conv");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, open_test, close_test);
    tcase_add_loop_test(values, convolutions_are_what_their_definition_says, 0, CONV_CASES);
    tcase_add_loop_test(values, transposed_convolutions_are_their_adjoints, 0, CONV_CASES);
    tcase_add_loop_test(values, the_number_of_threads_changes_nothing, 0, CONV_CASES);
    tcase_add_test(values, a_single_image_needs_no_batch_axis);
    tcase_add_test(values, unfold_and_matmul_make_a_convolution);
    tcase_add_test(values, unfolded_along_other_axes);
    tcase_add_test(values, convolutions_refuse);
    tcase_add_loop_test(values, pools_are_what_their_definition_says, 0, 2 * POOL_CASES);
    tcase_add_test(values, pooled_sizes_are_pytorchs);
    tcase_add_test(values, a_maximum_is_the_first_of_equals_and_nan_wins);
    tcase_add_test(values, a_window_of_padding_alone_has_no_maximum);
    tcase_add_test(values, adaptive_windows_cover_everything);
    tcase_add_test(values, pools_refuse);
    tcase_add_loop_test(values, no_memory, 0, 5);
    suite_add_tcase(suite, values);
    TCase *kernels = tcase_create("kernels");
    tcase_add_loop_test(kernels, kernels_agree_with_loops, 0, 6);
    tcase_add_loop_test(kernels, windows_are_the_same_for_all, 0, 8);
    tcase_add_loop_test(kernels, pooling_is_the_same_for_all, 0, 2);
    suite_add_tcase(suite, kernels);
    return suite;
}
