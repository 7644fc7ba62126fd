/* Windows over one to three axes, those of pools, convolutions and unfold, in random settings: ceil_mode, padding, dilation,
 * strides larger than the kernel, groups. Values and gradients against loops that follow the definitions, element by element. */
#define CT_NO_LOCATIONS /* options are handed over as they are */
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

enum { SETTINGS = 10000, PARTS = 10, MOST = 4096 /* elements */ };

static uint64_t random_state;

/* In low..high. */
static int64_t draw(int64_t low, int64_t high)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int64_t)((random_state >> 33) % (uint64_t)(high - low + 1));
}

/* A setting; unused axes have size 1 and lie in front. */
typedef struct setting {
    int spatial;
    int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
} setting;

static int64_t product(const int64_t *sizes)
{
    return sizes[0] * sizes[1] * sizes[2];
}

/* Windows along an axis: those that lie whole inside the padded axis; in ceil mode as many more as it takes to reach its end,
 * but none that begins behind x. */
static int64_t count_windows(const setting *s, int axis, bool ceil_mode)
{
    int64_t extent = s->dilation[axis] * (s->kernel[axis] - 1) + 1, end = s->in[axis] + s->padding[axis];
    for (int64_t count = 0;; count++) {
        int64_t start = count * s->stride[axis] - s->padding[axis];
        bool reached = count > 0 && start - s->stride[axis] + extent >= end;
        if (ceil_mode ? reached || start >= s->in[axis] : start + extent > end)
            return count;
    }
}

/* Draws a setting whose windows fit. */
static setting draw_setting(int spatial, bool pool, bool ceil_mode)
{
    static const int64_t largest[] = {11, 7, 4};
    setting s;
    for (bool fits = false; !fits;) {
        s = (setting){spatial, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0}, {1, 1, 1}};
        fits = true;
        for (int i = 3 - spatial; i < 3; i++) {
            s.in[i] = draw(1, largest[spatial - 1]);
            s.kernel[i] = draw(1, 4);
            s.stride[i] = draw(1, 6);
            s.padding[i] = draw(0, pool ? s.kernel[i] / 2 : 3);
            s.dilation[i] = draw(1, 3);
            fits = fits && s.in[i] + 2 * s.padding[i] > s.dilation[i] * (s.kernel[i] - 1);
        }
    }
    for (int i = 3 - spatial; i < 3; i++)
        s.out[i] = count_windows(&s, i, ceil_mode);
    return s;
}

/* Element number i of a box of these sizes, as its place along each axis. */
static void place_of(int64_t i, const int64_t *sizes, int64_t *place)
{
    for (int axis = 2; axis >= 0; axis--) {
        place[axis] = i % sizes[axis];
        i /= sizes[axis];
    }
}

/* Where tap t of window w is in x, or -1 outside of it; inside tells whether it is at least in the padding. */
static int64_t source_of(const setting *s, int64_t window, int64_t tap, bool *inside)
{
    int64_t w[3], t[3], at = 0;
    bool in_x = true;
    place_of(window, s->out, w);
    place_of(tap, s->kernel, t);
    *inside = true;
    for (int axis = 0; axis < 3; axis++) {
        int64_t x = w[axis] * s->stride[axis] - s->padding[axis] + t[axis] * s->dilation[axis];
        *inside = *inside && x < s->in[axis] + s->padding[axis];
        in_x = in_x && x >= 0 && x < s->in[axis];
        at = at * s->in[axis] + x;
    }
    return in_x ? at : -1;
}

/* [first, second, spatial...] for a tensor. */
static ct_tensor *box(int64_t first, int64_t second, const setting *s, const int64_t *sizes, uint64_t seed)
{
    int64_t shape[5] = {first, second};
    for (int i = 0; i < s->spatial; i++)
        shape[2 + i] = sizes[3 - s->spatial + i];
    return numbers(CT_FLOAT64, shape, s->spatial + 2, seed);
}

static void read(const ct_tensor *t, double *values)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    ck_assert_int_le(ct_numel(t), MOST);
    ck_assert_int_eq(ct_to_values(t, values, ct_numel(t)), CT_OK);
}

static void refuse(const char *what, const setting *s, int64_t i, double is, double should)
{
    ck_abort_msg("%s: in %d %d %d, kernel %d %d %d, stride %d %d %d, padding %d %d %d, dilation %d %d %d: "
                 "element %d is %g, not %g",
                 what, (int)s->in[0], (int)s->in[1], (int)s->in[2], (int)s->kernel[0], (int)s->kernel[1],
                 (int)s->kernel[2], (int)s->stride[0], (int)s->stride[1], (int)s->stride[2], (int)s->padding[0],
                 (int)s->padding[1], (int)s->padding[2], (int)s->dilation[0], (int)s->dilation[1], (int)s->dilation[2],
                 (int)i, is, should);
}

static void expect(const char *what, const setting *s, const ct_tensor *t, const double *expected, int64_t count)
{
    static double values[MOST];
    ck_assert_msg(t && ct_numel(t) == count, "%s: %d elements, not %d: %s", what, (int)ct_numel(t), (int)count,
                  ct_error_message());
    read(t, values);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(values[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))) && values[i] != expected[i])
            refuse(what, s, i, values[i], expected[i]);
}

/* The gradients of y for n leaves, for the cotangent g. */
static void gradients(ct_tensor *y, ct_tensor *const *leaves, int n, ct_tensor *g, ct_tensor **grads)
{
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    ct_status status = ct_grad(&y, 1, leaves, n, grads, CT_GIVEN(ct_grad_options, .gradients = &g, ));
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

/* Puts sizes into an option with an entry for each axis. */
static void give(int64_t *option, const setting *s, const int64_t *sizes)
{
    for (int i = 0; i < s->spatial; i++) {
        int64_t size = sizes[3 - s->spatial + i];
        option[i] = i > 0 && size == 0 ? CT_ZERO : size;
    }
}

/* ---- pools ---- */

static void check_max_pool(void)
{
    static double x[MOST], y[MOST], g[MOST], grad[MOST], places[MOST];
    bool ceil_mode = draw(0, 1), inside;
    setting s = draw_setting((int)draw(1, 2), true, ceil_mode);
    int64_t planes = 2, in = product(s.in), out = product(s.out), taps = product(s.kernel);
    ct_tensor *index, *leaf = ct_set_requires_grad(box(1, planes, &s, s.in, random_state), true), *slope;
    CT_OPTIONS(ct_pool_options, options, .ceil_mode = ceil_mode, .indices = &index);
    give(options.kernel, &s, s.kernel);
    give(options.stride, &s, s.stride);
    give(options.padding, &s, s.padding);
    give(options.dilation, &s, s.dilation);
    ct_tensor *result = (s.spatial == 1 ? ct_max_pool1d : ct_max_pool2d)(leaf, 1, &options);
    ct_tensor *cotangent = box(1, planes, &s, s.out, random_state + 1);
    read(leaf, x);
    read(cotangent, g);
    memset(grad, 0, sizeof grad);
    for (int64_t i = 0; i < planes * out; i++) {
        y[i] = -INFINITY;
        places[i] = -1;
        for (int64_t t = 0; t < taps; t++) {
            int64_t from = source_of(&s, i % out, t, &inside);
            if (from < 0 || !(x[i / out * in + from] > y[i]))
                continue;
            y[i] = x[i / out * in + from];
            places[i] = (double)from;
        }
        if (places[i] >= 0)
            grad[i / out * in + (int64_t)places[i]] += g[i];
    }
    expect("max_pool", &s, result, y, planes * out);
    expect("max_pool, places", &s, index, places, planes * out);
    gradients(result, &leaf, 1, cotangent, &slope);
    expect("max_pool, gradient", &s, slope, grad, planes * in);
}

static void check_avg_pool(void)
{
    static double x[MOST], y[MOST], g[MOST], grad[MOST];
    bool ceil_mode = draw(0, 1), exclude_pad = draw(0, 1), inside;
    setting s = draw_setting((int)draw(1, 2), true, ceil_mode);
    for (int i = 0; i < 3; i++)
        s.dilation[i] = 1;
    for (int i = 3 - s.spatial; i < 3; i++)
        s.out[i] = count_windows(&s, i, ceil_mode);
    int64_t planes = 2, in = product(s.in), out = product(s.out), taps = product(s.kernel), divisor = draw(-3, 3);
    ct_tensor *leaf = ct_set_requires_grad(box(1, planes, &s, s.in, random_state), true), *slope;
    CT_OPTIONS(ct_pool_options, options, .ceil_mode = ceil_mode, .exclude_pad = exclude_pad);
    if (divisor > 0)
        options.divisor = divisor;
    give(options.kernel, &s, s.kernel);
    give(options.stride, &s, s.stride);
    give(options.padding, &s, s.padding);
    ct_tensor *result = (s.spatial == 1 ? ct_avg_pool1d : ct_avg_pool2d)(leaf, 1, &options);
    ct_tensor *cotangent = box(1, planes, &s, s.out, random_state + 1);
    read(leaf, x);
    read(cotangent, g);
    memset(grad, 0, sizeof grad);
    for (int64_t i = 0; i < planes * out; i++) {
        double sum = 0, count = 0;
        for (int64_t t = 0; t < taps; t++) {
            int64_t from = source_of(&s, i % out, t, &inside);
            count += exclude_pad ? from >= 0 : inside;
            sum += from >= 0 ? x[i / out * in + from] : 0;
        }
        count = divisor > 0 ? (double)divisor : count;
        y[i] = sum / count;
        for (int64_t t = 0; t < taps; t++) {
            int64_t from = source_of(&s, i % out, t, &inside);
            if (from >= 0)
                grad[i / out * in + from] += g[i] / count;
        }
    }
    expect("avg_pool", &s, result, y, planes * out);
    gradients(result, &leaf, 1, cotangent, &slope);
    expect("avg_pool, gradient", &s, slope, grad, planes * in);
}

static void check_adaptive_pool(void)
{
    static double x[MOST], y[MOST];
    setting s = draw_setting(2, true, false);
    s.out[1] = draw(1, 9);
    s.out[2] = draw(1, 9);
    ct_tensor *t = box(1, 1, &s, s.in, random_state);
    read(t, x);
    for (int64_t i = 0; i < s.out[1]; i++)
        for (int64_t j = 0; j < s.out[2]; j++) {
            double sum = 0, count = 0;
            for (int64_t r = 0; r < s.in[1]; r++)
                for (int64_t c = 0; c < s.in[2];
                     c++) /* r + 1 > i in / out and r < (i + 1) in / out, and so the columns */
                    if ((r + 1) * s.out[1] > i * s.in[1] && r * s.out[1] < (i + 1) * s.in[1] &&
                        (c + 1) * s.out[2] > j * s.in[2] && c * s.out[2] < (j + 1) * s.in[2]) {
                        sum += x[r * s.in[2] + c];
                        count++;
                    }
            y[i * s.out[2] + j] = sum / count;
        }
    expect("adaptive_avg_pool", &s, ct_adaptive_avg_pool2d(t, s.out[1], s.out[2]), y, product(s.out));
}

/* ---- convolutions ---- */

typedef ct_tensor *convolution(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);

/* What both kinds share: a side "in" of channels and a side "out" of features, in groups. */
typedef struct problem {
    setting s;
    int64_t images, groups, channels, features; /* of a group */
    double in[MOST], out[MOST], weight[MOST], grad_in[MOST], grad_out[MOST], grad_weight[MOST];
} problem;

/* One product: element i of the in side, element o of the out side, element w of the weight. */
typedef void one_product(problem *p, int64_t i, int64_t o, int64_t w);

/* Calls visit for all products. */
static void each_product(problem *p, one_product *visit)
{
    int64_t in = product(p->s.in), out = product(p->s.out), taps = product(p->s.kernel);
    int64_t all_channels = p->channels * p->groups, all_features = p->features * p->groups;
    for (int64_t n = 0; n < p->images; n++)
        for (int64_t f = 0; f < all_features; f++)
            for (int64_t c = 0; c < p->channels; c++)
                for (int64_t position = 0; position < out; position++)
                    for (int64_t tap = 0; tap < taps; tap++) {
                        bool inside;
                        int64_t from = source_of(&p->s, position, tap, &inside);
                        int64_t channel = f / p->features * p->channels + c;
                        if (from >= 0)
                            visit(p, (n * all_channels + channel) * in + from, (n * all_features + f) * out + position,
                                  (f * p->channels + c) * taps + tap);
                    }
}

static void convolve(problem *p, int64_t i, int64_t o, int64_t w)
{
    p->out[o] += p->in[i] * p->weight[w];
    p->grad_in[i] += p->grad_out[o] * p->weight[w];
    p->grad_weight[w] += p->in[i] * p->grad_out[o];
}

static void convolve_back(problem *p, int64_t i, int64_t o, int64_t w)
{
    p->in[i] += p->out[o] * p->weight[w];
    p->grad_out[o] += p->grad_in[i] * p->weight[w];
    p->grad_weight[w] += p->grad_in[i] * p->out[o];
}

static void draw_problem(problem *p)
{
    *p = (problem){.s = draw_setting((int)draw(1, 3), false, false),
                   .images = draw(1, 2),
                   .groups = draw(1, 2),
                   .channels = draw(1, 2),
                   .features = draw(1, 2)};
}

static void options_of(const problem *p, ct_conv_options *options)
{
    ct_conv_options_init(options, sizeof *options);
    give(options->stride, &p->s, p->s.stride);
    give(options->padding, &p->s, p->s.padding);
    give(options->dilation, &p->s, p->s.dilation);
    options->groups = p->groups;
}

/* One of the two sides of a problem: what is there, and its gradient. */
typedef struct side {
    int64_t channels;
    const int64_t *sizes;
    double *values, *gradient;
} side;

static side side_in(problem *p)
{
    return (side){p->channels * p->groups, p->s.in, p->in, p->grad_in};
}

static side side_out(problem *p)
{
    return (side){p->features * p->groups, p->s.out, p->out, p->grad_out};
}

/* What apply makes of the values of one side and of the gradient of the other, beside the sums of products that multiply adds up. */
static void check_product(const char *name, convolution *apply, problem *p, const ct_conv_options *options, side from,
                          side to, one_product *multiply)
{
    char of_x[64], of_weight[64];
    snprintf(of_x, sizeof of_x, "%s, gradient of x", name);
    snprintf(of_weight, sizeof of_weight, "%s, gradient of the weight", name);
    ct_tensor *x = box(p->images, from.channels, &p->s, from.sizes, random_state);
    ct_tensor *w = box(p->features * p->groups, p->channels, &p->s, p->s.kernel, random_state + 1);
    ct_tensor *leaves[] = {ct_set_requires_grad(x, true), ct_set_requires_grad(w, true)}, *grads[2];
    ct_tensor *g = box(p->images, to.channels, &p->s, to.sizes, random_state + 2);
    read(x, from.values);
    read(w, p->weight);
    read(g, to.gradient);
    each_product(p, multiply);
    ct_tensor *y = apply(x, w, NULL, options);
    expect(name, &p->s, y, to.values, ct_numel(g));
    gradients(y, leaves, 2, g, grads);
    expect(of_x, &p->s, grads[0], from.gradient, ct_numel(x));
    expect(of_weight, &p->s, grads[1], p->grad_weight, ct_numel(w));
}

static void check_conv(void)
{
    static convolution *const functions[] = {ct_conv1d, ct_conv2d, ct_conv3d};
    static problem p;
    ct_conv_options options;
    draw_problem(&p);
    options_of(&p, &options);
    check_product("conv", functions[p.s.spatial - 1], &p, &options, side_in(&p), side_out(&p), convolve);
}

/* The transposed convolution goes from the side "out" to the side "in", whose size output_padding chooses among those that have
 * as many windows. */
static void check_conv_transpose(void)
{
    static convolution *const functions[] = {ct_conv_transpose1d, ct_conv_transpose2d, ct_conv_transpose3d};
    static problem p;
    ct_conv_options options;
    int64_t more[3];
    draw_problem(&p);
    options_of(&p, &options);
    for (int i = 0; i < 3; i++) {
        int64_t extent = p.s.dilation[i] * (p.s.kernel[i] - 1) + 1;
        more[i] = p.s.in[i] + 2 * p.s.padding[i] - extent - (p.s.out[i] - 1) * p.s.stride[i];
    }
    give(options.output_padding, &p.s, more);
    check_product("conv_transpose", functions[p.s.spatial - 1], &p, &options, side_out(&p), side_in(&p), convolve_back);
}

/* Rows are channels by taps, columns are windows; fold adds them up where they came from. */
static void check_unfold(void)
{
    static double x[MOST], y[MOST], g[MOST], grad[MOST];
    setting s = draw_setting(2, false, false);
    ct_conv_options options;
    ct_conv_options_init(&options, sizeof options);
    give(options.stride, &s, s.stride);
    give(options.padding, &s, s.padding);
    give(options.dilation, &s, s.dilation);
    int64_t planes = 2, in = product(s.in), out = product(s.out), taps = product(s.kernel);
    ct_tensor *image = ct_set_requires_grad(box(1, planes, &s, s.in, random_state), true), *slope;
    ct_tensor *columns = numbers(CT_FLOAT64, (const int64_t[]){1, planes * taps, out}, 3, random_state + 1);
    read(image, x);
    read(columns, g);
    memset(grad, 0, sizeof grad);
    for (int64_t i = 0; i < planes * taps * out; i++) {
        bool inside;
        int64_t plane = i / out / taps, from = source_of(&s, i % out, i / out % taps, &inside);
        y[i] = from >= 0 ? x[plane * in + from] : 0;
        if (from >= 0)
            grad[plane * in + from] += g[i];
    }
    ct_tensor *unfolded = ct_unfold(image, s.kernel + 1, &options);
    expect("unfold", &s, unfolded, y, planes * taps * out);
    gradients(unfolded, &image, 1, columns, &slope);
    expect("unfold, gradient", &s, slope, grad, planes * in);
    expect("fold", &s, ct_fold(columns, s.in + 1, s.kernel + 1, &options), grad, planes * in);
}

/* ---- all of it ---- */

START_TEST(windows_by_definition)
{
    static void (*const checks[])(void) = {check_max_pool, check_avg_pool, check_adaptive_pool,
                                           check_conv,     check_unfold,   check_conv_transpose};
    random_state = (uint64_t)_i;
    for (int i = 0; i < SETTINGS / PARTS; i++) {
        ct_scope_open();
        checks[i % 6]();
        ct_scope_close();
    }
}
END_TEST

Suite *ct_suite_geometry(void)
{
    Suite *suite = suite_create("geometry");
    TCase *tcase = tcase_create("windows");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, windows_by_definition, 0, PARTS);
    suite_add_tcase(suite, tcase);
    return suite;
}
