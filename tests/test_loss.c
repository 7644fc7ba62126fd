/* Softmax and the losses: against their definitions in float64, at their extremes, and what they refuse. */
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <stdlib.h>

static const ct_dtype floats[] = {CT_FLOAT32, CT_FLOAT64};

/* Labels below classes in a shape, different ones for each seed. */
static ct_tensor *labels_below(int64_t classes, const int64_t *shape, int rank, uint64_t seed)
{
    ct_tensor *t = numbers(CT_INT64, shape, rank, seed);
    int64_t *label = ct_data_mut(t);
    for (int64_t i = 0; i < ct_numel(t); i++)
        label[i] = (label[i] + i) % classes;
    return t;
}

static double *values_of(const ct_tensor *t)
{
    double *values = malloc(((size_t)ct_numel(t) + 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_eq(ct_to_values(t, values, ct_numel(t)), CT_OK);
    return values;
}

/* ---- softmax ---- */

/* Along an axis of n elements that are step apart: y = log softmax of x, both in row-major order. */
static void log_softmax_by_definition(const double *x, double *y, int64_t numel, int64_t n, int64_t step)
{
    for (int64_t row = 0; row < numel / n; row++) {
        int64_t first = row / step * step * n + row % step;
        double most = -INFINITY, sum = 0;
        for (int64_t k = 0; k < n; k++)
            most = fmax(most, x[first + k * step]);
        for (int64_t k = 0; k < n; k++)
            sum += exp(x[first + k * step] - most);
        for (int64_t k = 0; k < n; k++)
            y[first + k * step] = x[first + k * step] - most - log(sum);
    }
}

static void check_softmax(ct_tensor *x, int axis, int layout)
{
    int64_t numel = ct_numel(x), step = 1;
    for (int i = axis + 1; i < ct_rank(x); i++)
        step *= ct_size(x, i);
    double *values = values_of(x), *expected = malloc((size_t)numel * sizeof *expected);
    ck_assert_ptr_nonnull(expected);
    log_softmax_by_definition(values, expected, numel, ct_size(x, axis), step);
    double tolerance = ct_dtype_of(x) == CT_FLOAT32 ? 1e-6 : 1e-13; /* the definition adds without care */
    ct_tensor *given = in_layout(x, layout);
    expect_close(ct_log_softmax(given, axis), ct_from_values(ct_dtype_of(x), expected, numel, ct_shape(x), ct_rank(x)),
                 tolerance);
    for (int64_t i = 0; i < numel; i++)
        expected[i] = exp(expected[i]);
    expect_close(ct_softmax(given, axis - ct_rank(x)),
                 ct_from_values(ct_dtype_of(x), expected, numel, ct_shape(x), ct_rank(x)), tolerance);
    free(values);
    free(expected);
}

START_TEST(softmax_along_each_axis_in_each_layout)
{
    static const int64_t shapes[][3] = {{3, 4, 5}, {2, 37, 3}, {1, 1, 70}, {3, 1, 1}, {2, 5, 19}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int d = 0; d < 2; d++)
            for (int axis = 0; axis < 3; axis++)
                check_softmax(numbers(floats[d], shapes[s], 3, s), axis, _i);
}
END_TEST

/* More than a task, in rows and in columns. */
START_TEST(softmax_of_much)
{
    static const int64_t shapes[][2] = {{50, 1001}, {1001, 50}, {2, 40003}, {40003, 2}};
    for (int axis = 0; axis < 2; axis++)
        check_softmax(numbers(CT_FLOAT64, shapes[_i], 2, 1), axis, 0);
}
END_TEST

/* Vectors of any width, groups of them and what is left over; the largest element in each place, without which exp overflows. */
START_TEST(softmax_of_rows_of_each_length)
{
    for (int64_t n = 1; n <= 130; n++) {
        check_softmax(numbers(floats[_i], &n, 1, (uint64_t)n), 0, 0);
        ct_tensor *peaks = ct_mul_scalar(ct_eye(floats[_i], n), 1000);
        expect_close(ct_softmax(peaks, 1), ct_eye(floats[_i], n), 0);
    }
}
END_TEST

START_TEST(softmax_of_nothing_and_of_one)
{
    for (int axis = 0; axis < 2; axis++) {
        ct_tensor *none = ct_softmax(ct_zeros(CT_FLOAT32, CT_SHAPE(0, 4)), axis);
        ck_assert_int_eq(ct_size(none, 1), 4);
        ck_assert_int_eq(ct_numel(ct_log_softmax(ct_zeros(CT_FLOAT32, CT_SHAPE(4, 0)), axis)), 0);
    }
    ck_assert_double_eq(ct_item(ct_softmax(ct_scalar(CT_FLOAT64, 7), 0)), 1);
    ck_assert_double_eq(ct_item(ct_log_softmax(ct_scalar(CT_FLOAT64, 7), -1)), 0);
}
END_TEST

START_TEST(softmax_at_extremes)
{
    const double x[] = {800, -800, 800, -INFINITY, -800, -800, 1, -INFINITY, -INFINITY};
    const double p[] = {.5, 0, .5, 0, .5, .5, 1, 0, 0}, half = log(.5);
    const double log_p[] = {half, -1600 + half, half, -INFINITY, half, half, 0, -INFINITY, -INFINITY};
    for (int d = 0; d < 2; d++) {
        ct_tensor *t = ct_from_values(floats[d], x, 9, CT_SHAPE(3, 3));
        expect_tensor(ct_softmax(t, 1), floats[d], ct_shape(t), 2, p, 9);
        double *got = values_of(ct_log_softmax(t, 1));
        for (int i = 0; i < 9; i++)
            ck_assert(got[i] == log_p[i] || fabs(got[i] - log_p[i]) < 1e-6 * fabs(log_p[i]));
        free(got);
        ct_tensor *masked = ct_full(floats[d], -INFINITY, CT_SHAPE(21)); /* as in PyTorch */
        for (int64_t i = 0; i < 21; i++)
            ck_assert(isnan(ct_get(ct_softmax(masked, 0), &i, 1)) && isnan(ct_get(ct_log_softmax(masked, 0), &i, 1)));
    }
}
END_TEST

START_TEST(softmax_refuses)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 4));
    expect_error(ct_softmax(x, 2), CT_ERROR_ARGUMENT, "softmax: ");
    expect_error(ct_log_softmax(x, -3), CT_ERROR_ARGUMENT, "log_softmax: ");
    expect_error(ct_softmax(ct_zeros(CT_INT64, CT_SHAPE(3)), 0), CT_ERROR_DTYPE, "softmax: ");
    expect_error(ct_softmax(ct_scalar(CT_FLOAT32, 1), 1), CT_ERROR_ARGUMENT, "softmax: ");
    expect_error(ct_softmax(NULL, 0), CT_ERROR_NULL, "softmax: input 0 is NULL");
}
END_TEST

/* ---- cross_entropy ---- */

typedef struct labelled_case {
    int64_t shape[4];
    int rank;
} labelled_case;
static const labelled_case labelled_cases[] = {{{6, 5}, 2},  {{2, 3, 4}, 3}, {{2, 3, 2, 5}, 4}, {{7}, 1},
                                               {{3, 77}, 2}, {{90, 700}, 2}, {{4, 1}, 2}};
enum { LABELLED = sizeof labelled_cases / sizeof *labelled_cases };

static int without_classes(const labelled_case *c, int64_t *shape)
{
    int axis = c->rank > 1, rank = 0;
    for (int i = 0; i < c->rank; i++)
        if (i != axis)
            shape[rank++] = c->shape[i];
    return rank;
}

static int64_t classes_of(const labelled_case *c)
{
    return c->shape[c->rank > 1];
}

/* Each row's loss, and what the mean divides their sum by. log_p and q (the target's probabilities) are of x's shape; own is
 * what a row weighs in the mean, 0 for a row that is ignored. */
static ct_tensor *by_definition(const labelled_case *c, ct_dtype dtype, const double *log_p, const double *q,
                                const double *own, ct_reduction reduction)
{
    int64_t shape[4], classes = classes_of(c), inner = 1, rows = 1;
    int rank = without_classes(c, shape);
    for (int i = 2; i < c->rank; i++)
        inner *= c->shape[i];
    for (int i = 0; i < rank; i++)
        rows *= shape[i];
    double *losses = calloc((size_t)rows, sizeof *losses), sum = 0, weight = 0;
    ck_assert_ptr_nonnull(losses);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t k = 0; k < classes; k++) {
            int64_t at = (r / inner * classes + k) * inner + r % inner;
            losses[r] -= own[r] == 0 ? 0 : q[at] * log_p[at];
        }
        sum += losses[r];
        weight += own[r];
    }
    ct_tensor *result = reduction == CT_NONE ? ct_from_values(dtype, losses, rows, shape, rank)
                                             : ct_scalar(dtype, reduction == CT_SUM ? sum : sum / weight);
    free(losses);
    return result;
}

/* The target's probabilities for labels, smoothed and weighted, in x's shape. */
static double *probabilities(const labelled_case *c, const int64_t *label, const double *weight, double smoothing)
{
    int64_t classes = classes_of(c), inner = 1, numel = 1;
    for (int i = 0; i < c->rank; i++)
        numel *= c->shape[i];
    for (int i = 2; i < c->rank; i++)
        inner *= c->shape[i];
    double *q = malloc((size_t)numel * sizeof *q);
    ck_assert_ptr_nonnull(q);
    for (int64_t i = 0; i < numel; i++) {
        int64_t class = i / inner % classes, row = i / inner / classes * inner + i % inner;
        q[i] = weight[class] * (smoothing / (double)classes + (label[row] == class ? 1 - smoothing : 0));
    }
    return q;
}

static int64_t inner_of(const labelled_case *c)
{
    int64_t inner = 1;
    for (int i = 2; i < c->rank; i++)
        inner *= c->shape[i];
    return inner;
}

typedef struct setting {
    double smoothing;
    bool weighted;
    int64_t ignored; /* -100: none */
    ct_reduction reduction;
} setting;

/* One call with labels, and nll_loss of the logarithms where there is no smoothing. */
static void check_labels(const labelled_case *c, ct_dtype dtype, setting s, int layout)
{
    ct_scope_open();
    int64_t shape[4], classes = classes_of(c);
    int rank = without_classes(c, shape);
    ct_tensor *x = ct_mul_scalar(numbers(dtype, c->shape, c->rank, 3), 3),
              *labels = labels_below(classes, shape, rank, 4);
    ct_tensor *weight = ct_add_scalar(ct_abs(numbers(dtype, &classes, 1, 5)), 0.25);
    double *values = values_of(x), *log_p = malloc((size_t)ct_numel(x) * sizeof *log_p);
    double *w = values_of(s.weighted ? weight : ct_ones_like(weight)),
           *own = malloc((size_t)ct_numel(labels) * sizeof *own);
    ck_assert(log_p && own);
    const int64_t *label = ct_data(labels);
    log_softmax_by_definition(values, log_p, ct_numel(x), classes, inner_of(c));
    double *q = probabilities(c, label, w, s.smoothing);
    for (int64_t r = 0; r < ct_numel(labels); r++)
        own[r] = label[r] == s.ignored ? 0 : w[label[r]];

    double tolerance = dtype == CT_FLOAT32 ? 2e-6 : 1e-13;
    ct_tensor *expected = by_definition(c, dtype, log_p, q, own, s.reduction);
    ct_tensor *given = in_layout(x, layout), *given_labels = in_layout(labels, (layout + 1) % LAYOUTS);
    ct_tensor *given_weight = s.weighted ? in_layout(weight, layout) : NULL;
    ct_tensor *loss = ct_cross_entropy(given, given_labels, .weight = given_weight, .label_smoothing = s.smoothing,
                                       .reduction = s.reduction, .ignore_index = s.ignored);
    expect_close(loss, expected, tolerance);
    if (s.smoothing == 0) {
        ct_tensor *given_log_p = in_layout(ct_from_values(dtype, log_p, ct_numel(x), c->shape, c->rank), layout);
        expect_close(ct_nll_loss(given_log_p, given_labels, .weight = given_weight, .reduction = s.reduction,
                                 .ignore_index = s.ignored),
                     expected, tolerance);
    }
    free(values), free(log_p), free(w), free(own), free(q);
    ct_scope_close();
}

START_TEST(cross_entropy_of_labels)
{
    static const double smoothings[] = {0, 0.1, 1};
    for (int k = 0; k < 2 * 3 * 2 * 2 * 3; k++) {
        int64_t ignored = k / 12 % 2 ? 0 : -100;
        setting s = {smoothings[k % 3], k / 3 % 2, ignored, (ct_reduction)(k / 24)};
        if (classes_of(&labelled_cases[_i]) == 1 && ignored == 0)
            continue; /* all ignored: below */
        check_labels(&labelled_cases[_i], floats[k / 6 % 2], s, k % LAYOUTS);
    }
}
END_TEST

/* Probabilities that are all on one class are a label; only the mean differs, which does not weigh rows then. */
START_TEST(cross_entropy_of_probabilities)
{
    const labelled_case *c = &labelled_cases[_i];
    int64_t shape[4], classes = classes_of(c), rows = 1;
    int rank = without_classes(c, shape);
    for (int i = 0; i < rank; i++)
        rows *= shape[i];
    for (int k = 0; k < 12; k++) {
        ct_scope_open();
        ct_dtype dtype = floats[k % 2];
        double smoothing = k / 2 % 2 ? 0.3 : 0, tolerance = dtype == CT_FLOAT32 ? 2e-6 : 1e-13;
        ct_reduction reduction = (ct_reduction)(k / 4);
        ct_tensor *x = numbers(dtype, c->shape, c->rank, 3);
        ct_tensor *p = ct_softmax(numbers(dtype, c->shape, c->rank, 6), c->rank > 1);
        ct_tensor *weight = ct_add_scalar(ct_abs(numbers(dtype, &classes, 1, 5)), 0.25);
        double *values = values_of(x), *q = values_of(p), *w = values_of(weight),
               *own = malloc((size_t)rows * sizeof *own);
        double *log_p = malloc((size_t)ct_numel(x) * sizeof *log_p);
        ck_assert(own && log_p);
        log_softmax_by_definition(values, log_p, ct_numel(x), classes, inner_of(c));
        for (int64_t i = 0; i < ct_numel(x); i++)
            q[i] = w[i / inner_of(c) % classes] * (q[i] * (1 - smoothing) + smoothing / (double)classes);
        for (int64_t r = 0; r < rows; r++)
            own[r] = 1;
        expect_close(ct_cross_entropy(in_layout(x, k % LAYOUTS), in_layout(p, (k + 1) % LAYOUTS), .weight = weight,
                                      .label_smoothing = smoothing, .reduction = reduction),
                     by_definition(c, dtype, log_p, q, own, reduction), tolerance);
        free(values), free(q), free(w), free(own), free(log_p);
        ct_scope_close();
    }
}
END_TEST

/* A mean divides by the labels' weights also where they sum to less than 0. */
START_TEST(weights_may_be_negative)
{
    ct_tensor *x = ct_log_softmax(numbers(CT_FLOAT64, CT_SHAPE(2, 3), 1), 1);
    ct_tensor *t = ct_from_values(CT_INT64, CT_VALUES(1, 2), CT_SHAPE(2));
    ct_tensor *w = ct_from_values(CT_FLOAT64, CT_VALUES(5, -4, 1), CT_SHAPE(3));
    expect_close(ct_nll_loss(x, t, .weight = w), ct_cross_entropy(x, t, .weight = w), 1e-15);
    ck_assert(isfinite(ct_item(ct_nll_loss(x, t, .weight = w))));
}
END_TEST

START_TEST(options_may_be_left_out)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(6, 5), 1), *t = labels_below(5, CT_SHAPE(6), 2);
    expect_close((ct_cross_entropy)(x, t, NULL), ct_cross_entropy(x, t), 0);
    expect_close((ct_nll_loss)(x, t, NULL), ct_nll_loss(x, t, .reduction = CT_MEAN), 0);
    expect_close((ct_multi_margin_loss)(x, t, NULL), ct_multi_margin_loss(x, t, .margin = 1, .p = 1), 0);
    expect_close((ct_huber_loss)(x, x, NULL), ct_huber_loss(x, x, .delta = 1), 0);
    ((int64_t *)ct_data_mut(t))[2] = -100; /* ignored unless another is named */
    ck_assert(isfinite(ct_item(ct_cross_entropy(x, t))));
    expect_error(ct_cross_entropy(x, t, .ignore_index = -1), CT_ERROR_ARGUMENT, "cross_entropy: label -100 at [2]");
}
END_TEST

static ct_tensor *gradient_of(ct_tensor *root, ct_tensor *x)
{
    ct_tensor *gradient = NULL;
    ck_assert_msg(ct_grad(&root, 1, &x, 1, &gradient) == CT_OK, "%s", ct_error_message());
    return gradient;
}

/* A label that is ignored counts for nothing, whatever its row holds. */
START_TEST(nothing_left_to_average)
{
    ct_tensor *t = ct_from_values(CT_INT64, CT_VALUES(1, 1), CT_SHAPE(2));
    for (int d = 0; d < 2; d++) {
        ct_tensor *x = ct_set_requires_grad(ct_full(floats[d], NAN, CT_SHAPE(2, 3)), true), *zeros = ct_zeros_like(x);
        for (int reduction = CT_MEAN; reduction <= CT_NONE; reduction++) {
            ct_tensor *loss = ct_cross_entropy(x, t, .ignore_index = 1, .reduction = (ct_reduction)reduction);
            ct_tensor *nll = ct_nll_loss(x, t, .ignore_index = 1, .reduction = (ct_reduction)reduction);
            expect_close(loss, nll, 0);
            if (reduction == CT_MEAN)
                ck_assert(isnan(ct_item(loss)));
            else
                ck_assert_double_eq(ct_item(ct_sum(loss)), 0);
            expect_close(gradient_of(ct_sum(loss), x), zeros, 0);
        }
        ct_tensor *none = ct_zeros(floats[d], CT_SHAPE(0, 3)), *no_labels = ct_zeros(CT_INT64, CT_SHAPE(0));
        ck_assert(isnan(ct_item(ct_cross_entropy(none, no_labels))));
        ck_assert_double_eq(ct_item(ct_cross_entropy(none, no_labels, .reduction = CT_SUM)), 0);
        ck_assert_int_eq(ct_numel(ct_cross_entropy(none, no_labels, .reduction = CT_NONE)), 0);
    }
}
END_TEST

START_TEST(cross_entropy_at_extremes)
{
    const double x[] = {800, -800, 0, -800, -800, -800, -INFINITY, 2, 2, 30, 0, 0};
    const double losses[] = {1600, log(3), log(2), 2 * exp(-30)};
    const double gradients[] = {1, -1, 0, -2. / 3, 1. / 3, 1. / 3, 0, -.5, .5, -2 * exp(-30), exp(-30), exp(-30)};
    for (int d = 0; d < 2; d++) {
        ct_tensor *t = ct_from_values(CT_INT64, CT_VALUES(1, 0, 1, 0), CT_SHAPE(4));
        ct_tensor *logits = ct_set_requires_grad(ct_from_values(floats[d], x, 12, CT_SHAPE(4, 3)), true);
        ct_tensor *loss = ct_cross_entropy(logits, t, .reduction = CT_NONE);
        double *got = values_of(loss), *slope = values_of(gradient_of(ct_sum(loss), logits));
        for (int i = 0; i < 3; i++)
            ck_assert_double_eq_tol(got[i], losses[i], 1e-6 * losses[i]);
        if (floats[d] == CT_FLOAT64)
            ck_assert_double_eq_tol(got[3], losses[3], 1e-2 * losses[3]); /* log(1 + 2e-13) in float64 */
        for (int i = 0; i < 12; i++)
            ck_assert_double_eq_tol(slope[i], gradients[i], 1e-7);
        free(got), free(slope);
    }
    ct_tensor *hopeless = ct_from_values(CT_FLOAT32, CT_VALUES(-INFINITY, 1), CT_SHAPE(2));
    ck_assert_double_eq(ct_item(ct_cross_entropy(hopeless, ct_scalar(CT_INT64, 0))), INFINITY);
}
END_TEST

/* Bit for bit the same with any number of threads. */
START_TEST(threads_change_nothing)
{
    int threads = ct_num_threads();
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT32, CT_SHAPE(300, 1003), 1), true);
    ct_tensor *t = labels_below(1003, CT_SHAPE(300), 2), *loss[2], *gradient[2], *probability[2];
    for (int k = 0; k < 2; k++) {
        ct_set_num_threads(k == 0 ? 1 : 5);
        loss[k] = ct_cross_entropy(x, t, .label_smoothing = 0.1);
        gradient[k] = gradient_of(loss[k], x);
        probability[k] = ct_softmax(x, 0);
    }
    ct_set_num_threads(threads);
    expect_close(loss[1], loss[0], 0);
    expect_close(gradient[1], gradient[0], 0);
    expect_close(probability[1], probability[0], 0);
}
END_TEST

START_TEST(cross_entropy_refuses)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3, 2)), *t = ct_zeros(CT_INT64, CT_SHAPE(2, 2));
    ct_tensor *rows = ct_zeros(CT_FLOAT32, CT_SHAPE(4, 3)), *weight = ct_ones(CT_FLOAT32, CT_SHAPE(3));
    ((int64_t *)ct_data_mut(t))[3] = 3;
    expect_error(ct_cross_entropy(x, t), CT_ERROR_ARGUMENT,
                 "cross_entropy: label 3 at [1,1] is not in 0..2: [2,3,2], [2,2]");
    expect_error(ct_nll_loss(x, t), CT_ERROR_ARGUMENT, "nll_loss: label 3 at [1,1] is not in 0..2: [2,3,2], [2,2]");
    ((int64_t *)ct_data_mut(t))[3] = -1;
    expect_error(ct_cross_entropy(x, t), CT_ERROR_ARGUMENT, "cross_entropy: label -1 at [1,1] is not in 0..2");
    ((int64_t *)ct_data_mut(t))[3] = 0;
    expect_error(ct_cross_entropy(rows, t), CT_ERROR_SHAPE,
                 "cross_entropy: the labels' shape must be that of x without its class axis 1: [4,3], [2,2]");
    expect_error(ct_cross_entropy(ct_scalar(CT_FLOAT32, 1), ct_scalar(CT_INT64, 0)), CT_ERROR_SHAPE, "cross_entropy: ");
    expect_error(ct_cross_entropy(x, ct_cast(t, CT_INT32)), CT_ERROR_DTYPE,
                 "cross_entropy: the labels are int32, not int64");
    expect_error(ct_cross_entropy(ct_cast(x, CT_INT64), t), CT_ERROR_DTYPE,
                 "cross_entropy: takes float32 or float64, not int64");
    expect_error(ct_cross_entropy(x, t, .weight = ct_cast(weight, CT_FLOAT64)), CT_ERROR_DTYPE, "cross_entropy: ");
    expect_error(ct_cross_entropy(x, t, .weight = ct_ones(CT_FLOAT32, CT_SHAPE(2))), CT_ERROR_SHAPE,
                 "cross_entropy: weight must have one element for each of 3 classes: [2,3,2], [2,2], [2]");
    expect_error(ct_cross_entropy(x, t, .label_smoothing = 1.5), CT_ERROR_ARGUMENT,
                 "cross_entropy: label_smoothing 1.5 is not in 0..1");
    expect_error(ct_cross_entropy(x, t, .label_smoothing = NAN), CT_ERROR_ARGUMENT, "cross_entropy: label_smoothing");
    expect_error(ct_cross_entropy(x, t, .reduction = CT_BATCH_MEAN), CT_ERROR_ARGUMENT, "cross_entropy: reduction 3");
    expect_error(ct_nll_loss(x, t, .label_smoothing = 0.1), CT_ERROR_ARGUMENT, "nll_loss: takes no label_smoothing");
    expect_error(ct_nll_loss(x, x), CT_ERROR_DTYPE, "nll_loss: the labels are float32, not int64");
    expect_error(ct_cross_entropy(NULL, t), CT_ERROR_NULL, "cross_entropy: input 0 is NULL");
    expect_error(ct_cross_entropy(x, NULL), CT_ERROR_NULL, "cross_entropy: input 1 is NULL");
}
END_TEST

START_TEST(cross_entropy_of_probabilities_refuses)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(4, 3)), *weight = ct_ones(CT_FLOAT32, CT_SHAPE(4));
    expect_error(ct_cross_entropy(x, ct_zeros(CT_FLOAT32, CT_SHAPE(3, 4))), CT_ERROR_SHAPE,
                 "cross_entropy: the target's probabilities must have x's shape, and labels are int64: [4,3], [3,4]");
    expect_error(ct_cross_entropy(x, ct_zeros(CT_FLOAT64, CT_SHAPE(4, 3))), CT_ERROR_DTYPE, "cross_entropy: ");
    expect_error(ct_cross_entropy(x, x, .weight = weight), CT_ERROR_SHAPE, "cross_entropy: weight must have one");
    expect_error(ct_cross_entropy(x, x, .reduction = CT_BATCH_MEAN), CT_ERROR_ARGUMENT, "cross_entropy: reduction");
    expect_error(ct_cross_entropy(x, x, .label_smoothing = -1), CT_ERROR_ARGUMENT, "cross_entropy: label_smoothing");
}
END_TEST

/* ---- the other losses ---- */

/* Element by element, as double. */
typedef double loss_definition(double x, double t, double weight, double number);

static double mse(double x, double t, double weight, double number)
{
    (void)weight, (void)number;
    return (x - t) * (x - t);
}

static double l1(double x, double t, double weight, double number)
{
    (void)weight, (void)number;
    return fabs(x - t);
}

static double huber(double x, double t, double weight, double delta)
{
    (void)weight;
    double d = fabs(x - t);
    return d <= delta ? d * d / 2 : delta * (d - delta / 2);
}

static double binary(double x, double t, double weight, double number)
{
    (void)number;
    return -weight * (t * fmax(log(x), -100) + (1 - t) * fmax(log1p(-x), -100));
}

static double binary_logits(double x, double t, double weight, double positive)
{
    return weight * (positive * t * log1p(exp(-x)) + (1 - t) * log1p(exp(x)));
}

static double divergence(double x, double t, double weight, double number)
{
    (void)weight, (void)number;
    return t == 0 ? 0 : t * (log(t) - x);
}

static double divergence_of_logs(double x, double t, double weight, double number)
{
    (void)weight, (void)number;
    return exp(t) * (t - x);
}

static double hinge(double x, double t, double weight, double number)
{
    (void)weight, (void)number;
    return fmax(0, 1 - x * t);
}

static ct_tensor *binary_weighted(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    ct_loss_options with = *options;
    with.weight = ct_scalar(ct_dtype_of(x), 0.5);
    return (ct_binary_cross_entropy)(x, t, &with);
}

static ct_tensor *logits_weighted(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    ct_loss_options with = *options;
    with.weight = ct_scalar(ct_dtype_of(x), 0.5);
    with.pos_weight = ct_full(ct_dtype_of(x), 3, CT_SHAPE(1));
    return (ct_binary_cross_entropy_with_logits)(x, t, &with);
}

static ct_tensor *kl_of_logs(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    ct_loss_options with = *options;
    with.log_target = true;
    return (ct_kl_div)(x, t, &with);
}

static ct_tensor *huber_07(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    ct_loss_options with = *options;
    with.delta = 0.7;
    return (ct_huber_loss)(x, t, &with);
}

static const struct {
    ct_tensor *(*loss)(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);
    loss_definition *definition;
    double weight, number;
    bool x_is_share, t_is_share; /* in 0..1 */
} elementwise[] = {
    {(ct_mse_loss), mse, 1, 0, false, false},
    {(ct_l1_loss), l1, 1, 0, false, false},
    {(ct_huber_loss), huber, 1, 1, false, false},
    {huber_07, huber, 1, 0.7, false, false},
    {(ct_binary_cross_entropy), binary, 1, 0, true, true},
    {binary_weighted, binary, 0.5, 0, true, true},
    {(ct_binary_cross_entropy_with_logits), binary_logits, 1, 1, false, true},
    {logits_weighted, binary_logits, 0.5, 3, false, true},
    {(ct_kl_div), divergence, 1, 0, false, true},
    {kl_of_logs, divergence_of_logs, 1, 0, false, false},
    {(ct_hinge_loss), hinge, 1, 0, false, false},
};
enum { ELEMENTWISE = sizeof elementwise / sizeof *elementwise };

/* In each reduction and layout. */
START_TEST(losses_by_definition)
{
    for (int k = 0; k < 3 * 2 * LAYOUTS; k++) {
        ct_scope_open();
        ct_dtype dtype = floats[k % 2];
        ct_reduction reduction = (ct_reduction)(k / 2 % 3);
        ct_tensor *x = numbers(dtype, CT_SHAPE(2, 3, 4), 1), *t = numbers(dtype, CT_SHAPE(2, 3, 4), 2);
        if (elementwise[_i].x_is_share)
            x = ct_sigmoid(x);
        if (elementwise[_i].t_is_share)
            t = ct_sigmoid(t);
        double *xs = values_of(x), *ts = values_of(t), losses[24], sum = 0;
        for (int i = 0; i < 24; i++) {
            losses[i] = elementwise[_i].definition(xs[i], ts[i], elementwise[_i].weight, elementwise[_i].number);
            sum += losses[i];
        }
        ct_tensor *loss = elementwise[_i].loss(in_layout(x, k / 6), in_layout(t, k / 6),
                                               CT_GIVEN(ct_loss_options, .reduction = reduction));
        ct_tensor *expected = reduction == CT_NONE ? ct_from_values(dtype, losses, 24, CT_SHAPE(2, 3, 4))
                                                   : ct_scalar(dtype, reduction == CT_SUM ? sum : sum / 24);
        expect_close(loss, expected, dtype == CT_FLOAT32 ? 2e-6 : 1e-13);
        free(xs), free(ts);
        ct_scope_close();
    }
}
END_TEST

/* Nothing to reduce, a single element, and the one reduction that only kl_div knows. */
START_TEST(losses_at_the_edges)
{
    ct_tensor *none = ct_zeros(CT_FLOAT32, CT_SHAPE(0, 3)), *one = ct_scalar(CT_FLOAT64, 0.5), *result;
    ck_assert(isnan(ct_item(elementwise[_i].loss(none, none, CT_GIVEN(ct_loss_options, )))));
    ck_assert_double_eq(ct_item(elementwise[_i].loss(none, none, CT_GIVEN(ct_loss_options, .reduction = CT_SUM))), 0);
    ck_assert_int_eq(ct_size(elementwise[_i].loss(none, none, CT_GIVEN(ct_loss_options, .reduction = CT_NONE)), 1), 3);
    double expected = elementwise[_i].definition(0.5, 0.5, elementwise[_i].weight, elementwise[_i].number);
    result = elementwise[_i].loss(one, one, CT_GIVEN(ct_loss_options, .reduction = CT_NONE));
    ck_assert_int_le(ct_rank(result), 1);
    ck_assert_double_eq_tol(ct_item(result), expected, 1e-15);
    result = elementwise[_i].loss(one, one, CT_GIVEN(ct_loss_options, .reduction = CT_BATCH_MEAN));
    if (elementwise[_i].loss == (ct_kl_div) || elementwise[_i].loss == kl_of_logs)
        ck_assert_double_eq_tol(ct_item(result), expected, 1e-15);
    else
        expect_error(result, CT_ERROR_ARGUMENT, "");
}
END_TEST

/* [n,1] with [n] would be n x n differences; a number with anything is as likely a mistake. */
START_TEST(losses_take_equal_shapes)
{
    ct_tensor *column = ct_full(CT_FLOAT64, 0.5, CT_SHAPE(3, 1)), *row = ct_full(CT_FLOAT64, 0.25, CT_SHAPE(3)),
              *number = ct_scalar(CT_FLOAT64, 0.5);
    ct_loss_options none = {CT_DEFAULTS(ct_loss_options), .reduction = CT_NONE};
    expect_error(elementwise[_i].loss(column, row, &none), CT_ERROR_SHAPE, "");
    expect_error(elementwise[_i].loss(row, number, &none), CT_ERROR_SHAPE, "");
    expect_error(elementwise[_i].loss(number, row, &none), CT_ERROR_SHAPE, "");
}
END_TEST

/* A weight of more axes would give more losses than x has elements. */
START_TEST(weights_broadcast_to_x)
{
    ct_tensor *x = ct_full(CT_FLOAT64, 0.5, CT_SHAPE(3)), *more = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3));
    expect_error(ct_binary_cross_entropy(x, x, .weight = more), CT_ERROR_SHAPE,
                 "binary_cross_entropy: weight does not broadcast to x: [3], [3], [2,3]");
    expect_error(ct_binary_cross_entropy_with_logits(x, x, .pos_weight = more), CT_ERROR_SHAPE,
                 "binary_cross_entropy_with_logits: pos_weight does not broadcast to x: [3], [3], NULL, [2,3]");
    ct_tensor *one = ct_full(CT_FLOAT64, 2, CT_SHAPE(1, 1));
    expect_tensor(ct_binary_cross_entropy(x, x, .weight = one, .reduction = CT_NONE), CT_FLOAT64, CT_SHAPE(3),
                  CT_VALUES(2 * log(2), 2 * log(2), 2 * log(2)));
}
END_TEST

START_TEST(binary_cross_entropy_takes_probabilities)
{
    static const double outside[] = {-1e-6, 1 + 1e-6, 2, NAN, -INFINITY};
    for (int d = 0; d < 2; d++) {
        ct_tensor *x = ct_set_requires_grad(ct_ones(floats[d], CT_SHAPE(2)), true), *t = ct_zeros_like(x);
        ck_assert_double_eq(ct_item(ct_binary_cross_entropy(x, t)), 100);
        for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
            ct_tensor *wrong = ct_from_values(floats[d], (const double[]){0.5, outside[i]}, 2, CT_SHAPE(2));
            expect_error(ct_binary_cross_entropy(wrong, t), CT_ERROR_ARGUMENT, "binary_cross_entropy: x has elements");
        }
    }
}
END_TEST

START_TEST(losses_refuse)
{
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(3, 4)), *y = ct_ones(CT_FLOAT32, CT_SHAPE(3)),
              *d = ct_ones(CT_FLOAT64, CT_SHAPE(3, 4)), *i = ct_ones(CT_INT64, CT_SHAPE(3, 4));
    expect_error(ct_mse_loss(x, y), CT_ERROR_SHAPE,
                 "mse_loss: x and the target differ in shape, and neither is broadcast: [3,4], [3]");
    expect_error(ct_l1_loss(x, d), CT_ERROR_DTYPE, "l1_loss: dtypes differ: float32 and float64");
    expect_error(ct_hinge_loss(i, i), CT_ERROR_DTYPE, "hinge_loss: takes float32 or float64, not int64");
    expect_error(ct_huber_loss(x, x, .delta = -1), CT_ERROR_ARGUMENT, "huber_loss: delta -1 is not positive");
    expect_error(ct_huber_loss(x, x, .delta = NAN), CT_ERROR_ARGUMENT, "huber_loss: delta nan is not positive");
    expect_error(ct_mse_loss(x, x, .reduction = (ct_reduction)9), CT_ERROR_ARGUMENT,
                 "mse_loss: there is no reduction 9 of this loss");
    expect_error(ct_mse_loss(x, x, .reduction = CT_BATCH_MEAN), CT_ERROR_ARGUMENT, "mse_loss: there is no reduction 3");
    expect_error(ct_mse_loss(x, x, .weight = x), CT_ERROR_ARGUMENT, "mse_loss: takes no weight");
    expect_error(ct_binary_cross_entropy(x, x, .pos_weight = x), CT_ERROR_ARGUMENT,
                 "binary_cross_entropy: takes no pos_weight");
    expect_error(ct_binary_cross_entropy_with_logits(x, x, .weight = y), CT_ERROR_SHAPE,
                 "binary_cross_entropy_with_logits: weight does not broadcast to x: [3,4], [3,4], [3], NULL");
    expect_error(ct_binary_cross_entropy_with_logits(x, x, .pos_weight = d), CT_ERROR_DTYPE,
                 "binary_cross_entropy_with_logits: dtypes differ: float32 and float64 (inputs 0 and 3)");
    expect_error(ct_kl_div(NULL, x), CT_ERROR_NULL, "kl_div: input 0 is NULL");
    expect_error(ct_perceptron_loss(x, y), CT_ERROR_SHAPE, "perceptron_loss: x and the target differ in shape");
    expect_error(ct_cosine_similarity(x, x, 2, 1e-8), CT_ERROR_ARGUMENT, "cosine_similarity: ");
    expect_error(ct_cosine_similarity(x, y, 0, 1e-8), CT_ERROR_SHAPE, "cosine_similarity: shapes do not broadcast");
    expect_error(ct_cosine_similarity(x, d, 0, 1e-8), CT_ERROR_DTYPE,
                 "cosine_similarity: dtypes differ: float32 and float64 (inputs 0 and 1)");
}
END_TEST

/* What is exact where a plain formula overflows or cancels, and finite where it is not. */
START_TEST(binary_cross_entropy_at_extremes)
{
    const double x[] = {800, -800, 800, -800, 30, -30}, t[] = {1, 0, 0, 1, 1, 0};
    const double losses[] = {0, 0, 800, 800, 9.3576229688396e-14, 9.3576229688396e-14};
    const double slopes[] = {0, 0, 1, -1, -9.3576229688396e-14, 9.3576229688396e-14};
    for (int d = 0; d < 2; d++) {
        ct_tensor *logits = ct_set_requires_grad(ct_from_values(floats[d], x, 6, CT_SHAPE(6)), true);
        ct_tensor *loss = ct_binary_cross_entropy_with_logits(logits, ct_from_values(floats[d], t, 6, CT_SHAPE(6)),
                                                              .reduction = CT_NONE);
        double *got = values_of(loss), *slope = values_of(gradient_of(ct_sum(loss), logits));
        for (int i = 0; i < 6; i++) {
            ck_assert_double_eq_tol(got[i], losses[i], 1e-6 * losses[i] + 1e-300);
            ck_assert_double_eq_tol(slope[i], slopes[i], 1e-6 * fabs(slopes[i]) + 1e-300);
        }
        free(got), free(slope);
        ct_tensor *p = ct_set_requires_grad(ct_from_values(floats[d], CT_VALUES(0, 0, 1, 1), CT_SHAPE(4)), true);
        ct_tensor *target = ct_from_values(floats[d], CT_VALUES(0, 1, 0, 1), CT_SHAPE(4));
        loss = ct_binary_cross_entropy(p, target, .reduction = CT_NONE);
        expect_close(loss, ct_from_values(floats[d], CT_VALUES(0, 100, 100, 0), CT_SHAPE(4)), 0);
        expect_close(gradient_of(ct_sum(loss), p), ct_from_values(floats[d], CT_VALUES(0, -1e12, 1e12, 0), CT_SHAPE(4)),
                     1e-6);
    }
}
END_TEST

START_TEST(slopes_at_kinks)
{
    ct_tensor *zero = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(1)), true), *one = ct_ones_like(zero);
    ct_tensor *at_one = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(1)), true);
    ck_assert_double_eq(ct_item(gradient_of(ct_l1_loss(zero, ct_zeros_like(zero)), zero)), 0);
    ck_assert_double_eq(ct_item(gradient_of(ct_hinge_loss(at_one, one), at_one)), 0);
    ck_assert_double_eq(ct_item(gradient_of(ct_huber_loss(at_one, ct_zeros_like(one)), at_one)), 1);
    ck_assert_double_eq(ct_item(gradient_of(ct_perceptron_loss(zero, one), zero)), 0);
    ct_tensor *t = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(1)), true);
    ck_assert_double_eq(ct_item(ct_kl_div(one, t)), 0);
    ck_assert_double_eq(ct_item(gradient_of(ct_kl_div(one, t), t)), -INFINITY); /* log 0 + 1 - x */
    ct_tensor *far = ct_set_requires_grad(ct_full(CT_FLOAT64, INFINITY, CT_SHAPE(1)), true);
    ck_assert_double_eq(ct_item(gradient_of(ct_huber_loss(far, one), far)), 1);
}
END_TEST

START_TEST(batch_mean_divides_by_the_first_axis)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 4), 1), *t = ct_softmax(numbers(CT_FLOAT64, CT_SHAPE(3, 4), 2), 1);
    double sum = ct_item(ct_kl_div(x, t, .reduction = CT_SUM));
    ck_assert_double_eq_tol(ct_item(ct_kl_div(x, t, .reduction = CT_BATCH_MEAN)), sum / 3, 1e-14);
}
END_TEST

static double margin_by_definition(const double *x, int64_t label, int64_t classes, double weight, double margin, int p)
{
    double sum = 0;
    for (int64_t k = 0; k < classes; k++)
        if (k != label)
            sum += pow(fmax(0, margin - x[label] + x[k]), p);
    return weight * sum / (double)classes;
}

START_TEST(multi_margin_by_definition)
{
    for (int k = 0; k < 24; k++) {
        ct_dtype dtype = floats[k % 2];
        int p = 1 + k / 2 % 2;
        bool weighted = k / 4 % 2;
        ct_reduction reduction = (ct_reduction)(k / 8);
        ct_tensor *x = numbers(dtype, CT_SHAPE(6, 5), 1), *t = labels_below(5, CT_SHAPE(6), 2);
        ct_tensor *weight = ct_abs(numbers(dtype, CT_SHAPE(5), 3));
        double *xs = values_of(x), *ws = values_of(weight), losses[6], sum = 0, margin = p == 1 ? 1 : 0.4;
        for (int i = 0; i < 6; i++) {
            int64_t label = ((const int64_t *)ct_data(t))[i];
            sum += losses[i] = margin_by_definition(xs + 5 * i, label, 5, weighted ? ws[label] : 1, margin, p);
        }
        ct_tensor *loss = ct_multi_margin_loss(in_layout(x, k % LAYOUTS), t, .weight = weighted ? weight : NULL, .p = p,
                                               .margin = margin, .reduction = reduction);
        expect_close(loss,
                     reduction == CT_NONE ? ct_from_values(dtype, losses, 6, CT_SHAPE(6))
                                          : ct_scalar(dtype, reduction == CT_SUM ? sum : sum / 6),
                     dtype == CT_FLOAT32 ? 2e-6 : 1e-13);
        ct_tensor *row = ct_multi_margin_loss(ct_select(x, 0, 1), ct_select(t, 0, 1), .p = p, .margin = margin,
                                              .weight = weighted ? weight : NULL);
        ck_assert_int_eq(ct_rank(row), 0);
        ck_assert_double_eq_tol(ct_item(row), losses[1], 1e-6);
        free(xs), free(ws);
    }
}
END_TEST

START_TEST(multi_margin_refuses)
{
    ct_tensor *x = ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3)), *t = ct_zeros(CT_INT64, CT_SHAPE(2));
    expect_error(ct_multi_margin_loss(x, t, .p = 3), CT_ERROR_ARGUMENT, "multi_margin_loss: p is 3, not 1 or 2");
    expect_error(ct_multi_margin_loss(x, t, .reduction = CT_BATCH_MEAN), CT_ERROR_ARGUMENT,
                 "multi_margin_loss: there is no");
    expect_error(ct_multi_margin_loss(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 3, 4)), t), CT_ERROR_SHAPE,
                 "multi_margin_loss: x is [N,C] or [C]: [2,3,4], [2]");
    expect_error(ct_multi_margin_loss(x, x), CT_ERROR_DTYPE, "multi_margin_loss: the labels are float32, not int64");
    ((int64_t *)ct_data_mut(t))[1] = -100; /* nothing is ignored here */
    expect_error(ct_multi_margin_loss(x, t), CT_ERROR_ARGUMENT, "multi_margin_loss: label -100 at [1] is not in 0..2");
}
END_TEST

START_TEST(perceptron_sums)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, -2, 3, -4), CT_SHAPE(4));
    ct_tensor *t = ct_from_values(CT_FLOAT64, CT_VALUES(1, 1, -1, -1), CT_SHAPE(4));
    ck_assert_double_eq(ct_item(ct_perceptron_loss(x, t)), 5);
}
END_TEST

START_TEST(cosine_similarity_by_definition)
{
    ct_tensor *a = numbers(CT_FLOAT64, CT_SHAPE(3, 5), 1), *b = numbers(CT_FLOAT64, CT_SHAPE(5), 2);
    double *as = values_of(a), *bs = values_of(b), expected[3];
    for (int i = 0; i < 3; i++) {
        double dot = 0, a2 = 0, b2 = 0;
        for (int k = 0; k < 5; k++) {
            dot += as[5 * i + k] * bs[k];
            a2 += as[5 * i + k] * as[5 * i + k];
            b2 += bs[k] * bs[k];
        }
        expected[i] = dot / sqrt(a2 * b2);
    }
    free(as), free(bs);
    for (int layout = 0; layout < LAYOUTS; layout++)
        expect_tensor(ct_cosine_similarity(in_layout(a, layout), b, 1, 1e-8), CT_FLOAT64, CT_SHAPE(3), expected, 3);
    ct_tensor *zero = ct_set_requires_grad(ct_zeros(CT_FLOAT32, CT_SHAPE(2, 5)), true);
    ct_tensor *y = ct_cosine_similarity(zero, ct_cast(b, CT_FLOAT32), -1, 1e-8), *slope = gradient_of(ct_sum(y), zero);
    ck_assert_double_eq(ct_item(ct_sum(ct_abs(y))), 0);
    ck_assert(isfinite(ct_item(ct_sum(ct_abs(slope)))));
}
END_TEST

/* ---- gradients and memory ---- */

static ct_tensor *softmax_of_middle(ct_tensor *const *in)
{
    return ct_softmax(in[0], 1);
}

static ct_tensor *log_softmax_of_first(ct_tensor *const *in)
{
    return ct_log_softmax(in[0], 0);
}

static ct_tensor *mean_of_labels(ct_tensor *const *in)
{
    return ct_cross_entropy(in[0], in[1]);
}

static ct_tensor *all_options(ct_tensor *const *in)
{
    return ct_cross_entropy(ct_transpose(in[0], 0, 2), ct_transpose(in[1], 0, 1), .label_smoothing = 0.1,
                            .reduction = CT_NONE, .weight = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3), CT_SHAPE(3)),
                            .ignore_index = 2);
}

static ct_tensor *soft_labels(ct_tensor *const *in)
{
    return ct_cross_entropy(in[0], in[2], .label_smoothing = 0.1);
}

static ct_tensor *negative_likelihood(ct_tensor *const *in)
{
    return ct_nll_loss(in[0], in[1], .ignore_index = 0,
                       .weight = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 3), CT_SHAPE(3)));
}

static ct_tensor *binary_of_both(ct_tensor *const *in)
{
    return ct_binary_cross_entropy(ct_sigmoid(in[0]), ct_sigmoid(in[2]));
}

static ct_tensor *logits_of_both(ct_tensor *const *in)
{
    return ct_binary_cross_entropy_with_logits(in[0], in[2], .pos_weight = in[2], .weight = in[0]);
}

static ct_tensor *divergence_of_both(ct_tensor *const *in)
{
    return ct_kl_div(in[0], ct_exp(in[2]), .reduction = CT_BATCH_MEAN);
}

static ct_tensor *huber_of_both(ct_tensor *const *in)
{
    return ct_huber_loss(in[0], in[2], .delta = 0.7, .reduction = CT_NONE);
}

static ct_tensor *margins(ct_tensor *const *in)
{
    return ct_multi_margin_loss(ct_flatten(ct_transpose(in[0], 1, 2), 0, 1), ct_flatten(in[1], 0, 1), .margin = 20,
                                .p = 2);
}

static ct_tensor *cosines(ct_tensor *const *in)
{
    return ct_cosine_similarity(in[0], in[2], 1, 1e-8);
}

static const test_expression expressions[] = {softmax_of_middle,  log_softmax_of_first, mean_of_labels, all_options,
                                              soft_labels,        negative_likelihood,  binary_of_both, logits_of_both,
                                              divergence_of_both, huber_of_both,        margins,        cosines};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

static void make_inputs(ct_tensor **in)
{
    in[0] = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 2), 1);
    in[1] = labels_below(3, CT_SHAPE(2, 2), 2);
    in[2] = numbers(CT_FLOAT64, CT_SHAPE(2, 3, 2), 3);
}

/* ct_grad() wants to know of inputs that are not used: each goes into the result, a little. */
static int current;
static ct_tensor *with_all_inputs(ct_tensor *const *in)
{
    ct_tensor *y = expressions[current](in);
    return ct_add(y, ct_mul_scalar(ct_add(ct_sum(ct_square(in[0])), ct_sum(ct_square(in[2]))), 0.01));
}

START_TEST(gradients)
{
    ct_tensor *in[3];
    make_inputs(in);
    current = _i;
    expect_gradients(with_all_inputs, in, 3);
}
END_TEST

START_TEST(no_memory)
{
    ct_tensor *in[3];
    make_inputs(in);
    current = _i;
    expect_memory_errors(with_all_inputs, in, 3);
}
END_TEST

START_TEST(labels_changed_before_backward_are_noticed)
{
    ct_tensor *in[3];
    make_inputs(in);
    ct_set_requires_grad(in[0], true);
    ct_tensor *loss = ct_cross_entropy(in[0], in[1]);
    ct_fill_(in[1], 0);
    ck_assert_int_eq(ct_backward(loss), CT_ERROR_STATE);
    ct_error_clear();
}
END_TEST

Suite *ct_suite_loss(void)
{
    Suite *suite = suite_create("loss");
    TCase *softmax = tcase_create("softmax");
    tcase_add_checked_fixture(softmax, open_test, close_test);
    tcase_add_loop_test(softmax, softmax_along_each_axis_in_each_layout, 0, LAYOUTS);
    tcase_add_loop_test(softmax, softmax_of_much, 0, 4);
    tcase_add_loop_test(softmax, softmax_of_rows_of_each_length, 0, 2);
    tcase_add_test(softmax, softmax_of_nothing_and_of_one);
    tcase_add_test(softmax, softmax_at_extremes);
    tcase_add_test(softmax, softmax_refuses);
    suite_add_tcase(suite, softmax);
    TCase *entropy = tcase_create("cross_entropy");
    tcase_add_checked_fixture(entropy, open_test, close_test);
    tcase_add_loop_test(entropy, cross_entropy_of_labels, 0, LABELLED);
    tcase_add_loop_test(entropy, cross_entropy_of_probabilities, 0, LABELLED);
    tcase_add_test(entropy, options_may_be_left_out);
    tcase_add_test(entropy, weights_may_be_negative);
    tcase_add_test(entropy, nothing_left_to_average);
    tcase_add_test(entropy, cross_entropy_at_extremes);
    tcase_add_test(entropy, threads_change_nothing);
    tcase_add_test(entropy, cross_entropy_refuses);
    tcase_add_test(entropy, cross_entropy_of_probabilities_refuses);
    suite_add_tcase(suite, entropy);
    TCase *others = tcase_create("other losses");
    tcase_add_checked_fixture(others, open_test, close_test);
    tcase_add_loop_test(others, losses_by_definition, 0, ELEMENTWISE);
    tcase_add_loop_test(others, losses_at_the_edges, 0, ELEMENTWISE);
    tcase_add_loop_test(others, losses_take_equal_shapes, 0, ELEMENTWISE);
    tcase_add_test(others, weights_broadcast_to_x);
    tcase_add_test(others, binary_cross_entropy_takes_probabilities);
    tcase_add_test(others, losses_refuse);
    tcase_add_test(others, binary_cross_entropy_at_extremes);
    tcase_add_test(others, slopes_at_kinks);
    tcase_add_test(others, batch_mean_divides_by_the_first_axis);
    tcase_add_test(others, multi_margin_by_definition);
    tcase_add_test(others, multi_margin_refuses);
    tcase_add_test(others, perceptron_sums);
    tcase_add_test(others, cosine_similarity_by_definition);
    suite_add_tcase(suite, others);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, labels_changed_before_backward_are_noticed);
    suite_add_tcase(suite, derivatives);
    return suite;
}
