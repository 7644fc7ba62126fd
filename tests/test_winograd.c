/* Winograd's convolutions: the transforms of every instruction set against each other and the sums they stand for, exactly, on
 * small integers; the operations against the direct ones in float64. */
#include "conv/kernels_winograd.h"
#include "core_internal.h"
#include "suites.h"
#include "tensor_checks.h"
#include <string.h>

CT_OVERRIDE_BEGIN

/* ---- transforms ---- */

enum { ROWS = 9, MOST_COLS = 75, MOST_TILES = 256, TERMS = CT_WINOGRAD_TERMS };

static const ct_winograd_kernels *const tables[] = {
    &ct__winograd_portable,
#if defined(__x86_64__)
    &ct__winograd_avx2,
    &ct__winograd_avx512,
#endif
};

static void fill(float *values, int64_t n, int64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)((i + seed) * 7919 % 17 - 8);
}

/* An image and tiles over it that begin before it and end behind it. */
typedef struct scene {
    ct_tiles x, y;
    float image[ROWS * MOST_COLS], out[ROWS * MOST_COLS + 1];
    float u[TERMS * 33], kernel[9];
    float of_x[TERMS * (MOST_TILES + CT_WINOGRAD_SLACK) + CT_WINOGRAD_SLACK],
        of_y[TERMS * (MOST_TILES + CT_WINOGRAD_SLACK) + CT_WINOGRAD_SLACK];
    int64_t step;
} scene;

static scene s;

/* The tiles of outputs 2... of an image of ROWS x cols, which is padded by one. */
static void set_scene(int64_t cols, int64_t seed)
{
    memset(&s, 0, sizeof s);
    int64_t across = (cols + 1) / 2, down = (ROWS + 1) / 2;
    s.x = (ct_tiles){.rows = ROWS, .cols = cols, .row = -1, .col = -1, .down = down, .across = across};
    s.y = (ct_tiles){.rows = ROWS, .cols = cols, .down = down, .across = across};
    s.step = down * across + CT_WINOGRAD_SLACK;
    fill(s.image, ROWS * cols, seed);
    fill(s.kernel, 9, seed + 3);
    ck_assert_int_le(down * across, MOST_TILES);
}

static double image_at(int64_t row, int64_t col)
{
    return row < 0 || col < 0 || row >= ROWS || col >= s.x.cols ? 0 : (double)s.image[row * s.x.cols + col];
}

static double direct(int64_t row, int64_t col, bool flip)
{
    double sum = 0;
    for (int q = 0; q < 9; q++)
        sum += (double)s.kernel[flip ? 8 - q : q] * image_at(row - 1 + q / 3, col - 1 + q % 3);
    return sum;
}

/* One channel: what comes back is the convolution and the bias, for either way round of the kernel. _i: instruction set. */
START_TEST(transforms_make_a_convolution)
{
    const ct_winograd_kernels *k = tables[_i];
    for (int64_t cols = _i <= ct__isa() ? 1 : MOST_COLS + 1; cols <= MOST_COLS; cols++)
        for (int flip = 0; flip < 2; flip++) {
            set_scene(cols, cols);
            k->take_x(&s.x, s.image, s.of_x, s.step);
            k->take_w(1, flip, s.kernel, s.u);
            for (int64_t t = 0; t < TERMS; t++)
                for (int64_t i = 0; i < s.step; i++)
                    s.of_x[t * s.step + i] *= s.u[t];
            k->give_y(&s.y, s.of_x, s.step, 5, s.out);
            for (int64_t i = 0; i < ROWS * cols; i++)
                if ((double)s.out[i] != direct(i / cols, i % cols, flip) + 5)
                    ck_abort_msg("%lld columns: element %lld is %g, not %g", (long long)cols, (long long)i,
                                 (double)s.out[i], direct(i / cols, i % cols, flip) + 5);
            ck_assert(s.out[ROWS * cols] == 0); /* and nothing behind it */
        }
}
END_TEST

/* What goes into the kernel's element q, by definition. */
static double direct_weight(int q)
{
    double sum = 0;
    for (int64_t i = 0; i < ROWS * s.x.cols; i++)
        sum += (double)s.out[i] * image_at(i / s.x.cols - 1 + q / 3, i % s.x.cols - 1 + q % 3);
    return sum;
}

START_TEST(transforms_make_a_weights_gradient)
{
    const ct_winograd_kernels *k = tables[_i];
    for (int64_t cols = _i <= ct__isa() ? 1 : MOST_COLS + 1; cols <= MOST_COLS; cols++) {
        set_scene(cols, 2 * cols);
        fill(s.out, ROWS * cols, cols + 11);
        k->take_x(&s.x, s.image, s.of_x, s.step);
        k->take_y(&s.y, s.out, s.of_y, s.step);
        for (int64_t t = 0; t < TERMS; t++)
            for (int64_t i = 0; i < s.y.down * s.y.across; i++)
                s.u[t] += s.of_x[t * s.step + i] * s.of_y[t * s.step + i];
        k->give_w(1, s.u, s.kernel);
        for (int q = 0; q < 9; q++)
            ck_assert_double_eq((double)s.kernel[q], direct_weight(q));
    }
}
END_TEST

/* Many kernels are transformed as each by itself, and every instruction set has the same bits. */
START_TEST(kernels_of_any_number)
{
    enum { MOST = 33 };
    float w[MOST * 9], u[TERMS * MOST], one[TERMS], back[MOST * 9], back_one[9];
    fill(w, MOST * 9, 4);
    for (int isa = 0; isa <= ct__isa(); isa++)
        for (int64_t n = 1; n <= MOST; n++) {
            tables[isa]->take_w(n, n % 2, w, u);
            tables[isa]->give_w(n, u, back);
            for (int64_t i = 0; i < n; i++) {
                tables[0]->take_w(1, n % 2, w + 9 * i, one);
                tables[0]->give_w(1, one, back_one);
                for (int t = 0; t < TERMS; t++)
                    ck_assert(u[t * n + i] == one[t]);
                ck_assert(memcmp(back + 9 * i, back_one, sizeof back_one) == 0);
            }
        }
}
END_TEST

/* ---- operations ---- */

typedef struct conv_case {
    int64_t n, c, k, rows, cols;
    ct_conv_options options;
} conv_case;

#define CASE(n, c, k, rows, cols, ...)                \
    {                                                 \
        n, c, k, rows, cols,                          \
        {                                             \
            CT_DEFAULTS(ct_conv_options), __VA_ARGS__ \
        }                                             \
    }
static const conv_case cases[] = {
    CASE(2, 16, 16, 8, 8, .padding = {1, 1}),
    CASE(3, 17, 19, 13, 11, .padding = {1, 1}), /* odd sizes, and blocks with the rows of several images */
    CASE(1, 16, 18, 10, 41, .groups = 1),       /* no padding */
    CASE(2, 20, 16, 9, 35, .padding = {2, CT_ZERO}),
    CASE(2, 16, 21, 12, 9, .padding = {CT_ZERO, 2}),
    CASE(2, 48, 32, 9, 12, .padding = {1, 1}, .groups = 2),
    CASE(1, 70, 90, 40, 37, .padding = {1, 1}), /* several blocks and parts */
    CASE(9, 16, 16, 30, 33, .padding = {2, 2}),
    CASE(2, 16, 18, 9, 7, .padding = {3, 5}), /* wider than the kernel: whole tiles of nothing */
    /* Not Winograd's: */
    CASE(2, 16, 18, 14, 15, .padding = {1, 1}, .dilation = {1, 2}),
    CASE(2, 16, 18, 21, 15, .padding = {1, 1}, .stride = {2, 1}),
};
enum { CASES = sizeof cases / sizeof *cases };

/* Inputs of a case: x, w, bias, and a cotangent of y. */
typedef struct inputs {
    ct_tensor *x, *w, *b, *g;
} inputs;

static inputs make_inputs(const conv_case *c, int layout)
{
    int64_t groups = c->options.groups ? c->options.groups : 1;
    inputs in = {.x = in_layout(numbers(CT_FLOAT32, CT_SHAPE(c->n, c->c, c->rows, c->cols), 1), layout),
                 .w = in_layout(numbers(CT_FLOAT32, CT_SHAPE(c->k, c->c / groups, 3, 3), 2), (layout + 1) % LAYOUTS),
                 .b = numbers(CT_FLOAT32, CT_SHAPE(c->k), 3)};
    ct_tensor *y = ct_conv2d(in.x, in.w, NULL, &c->options);
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    in.g = in_layout(numbers(CT_FLOAT32, ct_shape(y), 4, 4), (layout + 2) % LAYOUTS);
    return in;
}

/* y, the gradients of x, w and the bias, and, of the sum of their squares, those again. */
enum { RESULTS = 7 };
static void everything(const conv_case *c, const inputs *in, ct_dtype dtype, ct_tensor **results)
{
    ct_tensor *leaves[] = {ct_set_requires_grad(ct_cast(in->x, dtype), true),
                           ct_set_requires_grad(ct_cast(in->w, dtype), true),
                           ct_set_requires_grad(ct_cast(in->b, dtype), true)};
    ct_tensor *g = ct_cast(in->g, dtype);
    results[0] = ct_conv2d(leaves[0], leaves[1], leaves[2], &c->options);
    ck_assert_int_eq(
        ct_grad(results, 1, leaves, 3, results + 1, CT_GIVEN(ct_grad_options, .gradients = &g, .create_graph = true)),
        CT_OK);
    ct_tensor *sum = ct_add(ct_mean(ct_square(results[1]), NULL), ct_mean(ct_square(results[2]), NULL));
    ck_assert_int_eq(ct_grad(&sum, 1, leaves, 2, results + 4, NULL), CT_OK);
    results[6] = ct_conv_transpose2d(g, leaves[1], NULL, &c->options);
}

START_TEST(operations_are_the_direct_ones)
{
    inputs in = make_inputs(&cases[_i], _i % LAYOUTS);
    ct_tensor *got[RESULTS], *expected[RESULTS];
    everything(&cases[_i], &in, CT_FLOAT32, got);
    everything(&cases[_i], &in, CT_FLOAT64, expected);
    for (int i = 0; i < RESULTS; i++)
        expect_close(ct_cast(got[i], CT_FLOAT64), expected[i], 2e-6);
}
END_TEST

START_TEST(the_number_of_threads_changes_nothing)
{
    inputs in = make_inputs(&cases[_i], 0);
    ct_tensor *one[RESULTS], *many[RESULTS];
    int threads = ct_num_threads();
    ct_set_num_threads(1);
    everything(&cases[_i], &in, CT_FLOAT32, one);
    ct_set_num_threads(5);
    everything(&cases[_i], &in, CT_FLOAT32, many);
    ct_set_num_threads(threads);
    for (int i = 0; i < RESULTS; i++)
        expect_close(many[i], one[i], 0);
}
END_TEST

/* An image's results do not depend on the images beside it. */
START_TEST(images_are_alone)
{
    const conv_case *c = &cases[1];
    inputs in = make_inputs(c, 0);
    ct_tensor *y = ct_conv2d(in.x, in.w, in.b, &c->options), *x = ct_conv_transpose2d(in.g, in.w, NULL, &c->options);
    for (int i = 0; i < c->n; i++) {
        expect_close(ct_conv2d(ct_select(in.x, 0, i), in.w, in.b, &c->options), ct_select(y, 0, i), 0);
        expect_close(ct_conv_transpose2d(ct_select(in.g, 0, i), in.w, NULL, &c->options), ct_select(x, 0, i), 0);
    }
}
END_TEST

START_TEST(no_images)
{
    ct_tensor *x = ct_set_requires_grad(ct_zeros(CT_FLOAT32, CT_SHAPE(0, 16, 12, 12)), true);
    ct_tensor *w = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(16, 16, 3, 3), 2), true);
    ck_assert_int_eq(ct_backward(ct_sum(ct_conv2d(x, w, NULL, NULL), NULL), NULL), CT_OK);
    expect_close(ct_grad_of(w), ct_zeros_like(w), 0);
}
END_TEST

/* The direct sum's own relative error, root mean square, is 3e-7 at this size. */
START_TEST(as_exact_as_the_direct_sum)
{
    const conv_case *c = &cases[6];
    inputs in = make_inputs(c, 0);
    ct_tensor *wide[] = {ct_cast(in.x, CT_FLOAT64), ct_cast(in.w, CT_FLOAT64)};
    ct_tensor *exact = ct_conv2d(wide[0], wide[1], NULL, &c->options);
    ct_tensor *error = ct_sub(ct_cast(ct_conv2d(in.x, in.w, NULL, &c->options), CT_FLOAT64), exact);
    double relative = ct_item(ct_sqrt(ct_div(ct_mean(ct_square(error), NULL), ct_mean(ct_square(exact), NULL))));
    ck_assert_msg(relative < 4e-7, "%g", relative);
}
END_TEST

static ct_tensor *forward_expression(ct_tensor *const *in)
{
    return ct_conv2d(in[0], in[1], in[2], CT_GIVEN(ct_conv_options, .padding = {1, 1}));
}

START_TEST(no_memory)
{
    ct_tensor *in[] = {numbers(CT_FLOAT32, CT_SHAPE(2, 16, 9, 8), 1), numbers(CT_FLOAT32, CT_SHAPE(17, 16, 3, 3), 2),
                       numbers(CT_FLOAT32, CT_SHAPE(17), 3)};
    expect_memory_errors(forward_expression, in, 3);
}
END_TEST

Suite *ct_suite_winograd(void)
{
    Suite *suite = suite_create("winograd");
    TCase *transforms = tcase_create("transforms");
    int sets = sizeof tables / sizeof *tables;
    tcase_add_loop_test(transforms, transforms_make_a_convolution, 0, sets);
    tcase_add_loop_test(transforms, transforms_make_a_weights_gradient, 0, sets);
    tcase_add_test(transforms, kernels_of_any_number);
    suite_add_tcase(suite, transforms);
    TCase *operations = tcase_create("operations");
    tcase_add_checked_fixture(operations, open_test, close_test);
    tcase_add_loop_test(operations, operations_are_the_direct_ones, 0, CASES);
    tcase_add_loop_test(operations, the_number_of_threads_changes_nothing, 0, CASES);
    tcase_add_test(operations, images_are_alone);
    tcase_add_test(operations, no_images);
    tcase_add_test(operations, as_exact_as_the_direct_sum);
    tcase_add_test(operations, no_memory);
    suite_add_tcase(suite, operations);
    return suite;
}
