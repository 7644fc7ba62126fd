/* Normalisation, dropout, attention and recurrent sequences: what their samples do not show. Numbers are PyTorch's, for
 * inputs that wave() makes. */
#include "tensor_checks.h"
#include "core_internal.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(t, array, ...) expect_values(t, array, sizeof(array) / sizeof *(array), CT_SHAPE(__VA_ARGS__))

static void expect_values(const ct_tensor *t, const double *values, size_t count, const int64_t *shape, int rank)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    expect_close(t, ct_from_values(CT_FLOAT64, values, (int64_t)count, shape, rank), 1e-14);
}

/* 0.8 sin(1.3 i + phase) for the i-th element. */
static ct_tensor *wave(double phase, const int64_t *shape, int rank)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    ct_tensor *angle = ct_add_scalar(ct_mul_scalar(ct_arange(CT_FLOAT64, 0, 1, count), 1.3), phase);
    return ct_reshape(ct_mul_scalar(ct_sin(angle), 0.8), shape, rank);
}

/* A result so large that it is streamed, in rows that begin anywhere, has the bits of its parts. */
START_TEST(large_layer_norm)
{
    enum { ROWS = 2400, PART = 600, N = 1001 };
    ct_tensor *x = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(ROWS, N));
    ct_tensor *w = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(N)), *b = ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(N));
    const float *y = ct_data(ct_layer_norm(x, w, b));
    for (int row = 0; row < ROWS; row += PART)
        ck_assert_mem_eq(y + row * N, ct_data(ct_layer_norm(ct_slice(x, 0, row, row + PART, 1), w, b)),
                         sizeof(float) * PART * N);
}
END_TEST

/* ---- batch_norm ---- */

static const double batch_norm_y[] = {
    1.001597696618683,   0.9030346960129012,  -0.6531248442673743, -0.5573660940745964, -0.4018592605653468,
    -1.543137895582304,  0.7375502102016654,  -0.5077802362211559, -0.5685613589943058, -0.7552364454804362,
    -1.601937525473435,  -0.9381685307772891, -0.6655388719791236, -0.7013605273257701, -0.7924953381285484,
    -0.9083983539211827, -0.7070782751628841, 0.5058282303846287,  -0.5528999085939565, 0.6885649928699058,
    -0.9012237274465282, -0.7270558328835399, 0.5895650041349696,  0.05668177065880178};
static const double running_mean[] = {-0.5466585375075468, -0.5986346802864217, 0.2250458925505773};
static const double running_var[] = {1.016190454364501, 0.4871946535146968, 1.026634855260326};
static const double batch_norm_evaluated[] = {
    0.9927204370093964,  0.9374624430023349,  -0.7771142009532176, -0.6990988293148112, -0.276407936123871,
    -0.916991332743931,  0.8446858364763925,  0.1465084076004475,  -0.7082196955703047, -0.8603052879420556,
    -0.9499947251495928, -0.5774306692324138, 0.0580631929083479,  0.03798027331070849, -0.8906603870941036,
    -0.9850874429283851, -0.4477230094854371, 0.2330640877816987,  0.1212126823257187,  0.8172229464556298,
    -0.9792422209548309, -0.837346331603143,  0.2800643428510507,  -0.01903540477278187};

START_TEST(batch_norm_keeps_running_statistics)
{
    ct_tensor *x = wave(1, CT_SHAPE(4, 3, 2)), *weight = wave(2, CT_SHAPE(3)), *bias = wave(3, CT_SHAPE(3));
    ct_tensor *mean = wave(4, CT_SHAPE(3)), *variance = ct_add_scalar(ct_square(wave(5, CT_SHAPE(3))), 0.5);
    ct_tensor *mean_before = ct_clone(mean), *variance_before = ct_clone(variance);
    EXPECT(ct_batch_norm(x, weight, bias, .running_mean = mean, .running_var = variance), batch_norm_y, 4, 3, 2);
    EXPECT(mean, running_mean, 3);
    EXPECT(variance, running_var, 3);
    ct_tensor *y =
        ct_batch_norm(x, weight, bias, .running_mean = mean, .running_var = variance, .evaluation = true, .eps = 1e-3);
    EXPECT(y, batch_norm_evaluated, 4, 3, 2);
    EXPECT(mean, running_mean, 3); /* evaluation changes nothing */
    EXPECT(variance, running_var, 3);
    /* Half the way is five times a tenth of it. */
    ct_tensor *far = ct_add(mean_before, ct_mul_scalar(ct_sub(mean, mean_before), 5)), *half = ct_clone(mean_before);
    ck_assert_ptr_nonnull(
        ct_batch_norm(x, NULL, NULL, .running_mean = half, .running_var = variance_before, .momentum = 0.5));
    expect_close(half, far, 1e-14);
}
END_TEST

START_TEST(batch_norm_without_parts)
{
    ct_tensor *x = wave(1, CT_SHAPE(4, 3, 2)), *weight = wave(2, CT_SHAPE(3)), *bias = wave(3, CT_SHAPE(3));
    ct_tensor *plain = ct_batch_norm(x, NULL, NULL), *w = ct_unsqueeze(weight, 1), *b = ct_unsqueeze(bias, 1);
    expect_close(ct_batch_norm(x, weight, NULL), ct_mul(plain, w), 1e-15);
    expect_close(ct_batch_norm(x, NULL, bias), ct_add(plain, b), 1e-15);
    expect_close((ct_batch_norm)(x, weight, bias, NULL), ct_add(ct_mul(plain, w), b), 1e-15);
    expect_close(ct_var(plain, CT_AXES(0, 2), .biased = true), ct_ones(CT_FLOAT64, CT_SHAPE(3)), 1e-4);
    ct_tensor *exact = ct_batch_norm(x, NULL, NULL, .eps = 0);
    expect_close(ct_var(exact, CT_AXES(0, 2), .biased = true), ct_ones(CT_FLOAT64, CT_SHAPE(3)), 1e-14);
    ct_tensor *mean = ct_full(CT_FLOAT64, 2, CT_SHAPE(3)), *variance = ct_full(CT_FLOAT64, 3, CT_SHAPE(3));
    ct_tensor *none = ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3, 2));
    expect_tensor(ct_batch_norm(none, weight, bias, .running_mean = mean, .running_var = variance), CT_FLOAT64,
                  CT_SHAPE(0, 3, 2), NULL, 0);
    expect_tensor(mean, CT_FLOAT64, CT_SHAPE(3), (double[]){2, 2, 2}, 3);
    expect_tensor(variance, CT_FLOAT64, CT_SHAPE(3), (double[]){3, 3, 3}, 3);
    expect_tensor(ct_batch_norm(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0)), NULL, NULL), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    ct_tensor *one = ct_batch_norm(ct_ones(CT_FLOAT64, CT_SHAPE(1, 3)), NULL, NULL, .running_mean = mean,
                                   .running_var = variance, .evaluation = true);
    expect_tensor(one, CT_FLOAT64, CT_SHAPE(1, 3),
                  (double[]){-1 / sqrt(3.00001), -1 / sqrt(3.00001), -1 / sqrt(3.00001)}, 3);
}
END_TEST

/* Each allocation fails in turn: the running statistics move together, and only with a result. */
START_TEST(batch_norm_without_memory_changes_nothing)
{
    ct_tensor *x = wave(1, CT_SHAPE(4, 3)), *w = ct_ones(CT_FLOAT64, CT_SHAPE(3)), *y = NULL;
    ct_tensor *mean = ct_zeros(CT_FLOAT64, CT_SHAPE(3)), *variance = ct_ones(CT_FLOAT64, CT_SHAPE(3));
    const double zeros[3] = {0}, ones[3] = {1, 1, 1};
    int64_t failed = 0;
    while (!y) {
        ct_scope_open();
        ct__fail_allocation(++failed, false);
        y = ct_batch_norm(x, w, w, .running_mean = mean, .running_var = variance);
        ct__fail_allocation(0, false);
        ck_assert(y || ct_error_code() == CT_ERROR_MEMORY);
        ct_error_clear();
        ct_scope_close();
        if (!y) {
            expect_tensor(mean, CT_FLOAT64, CT_SHAPE(3), zeros, 3);
            expect_tensor(variance, CT_FLOAT64, CT_SHAPE(3), ones, 3);
        }
    }
    ck_assert_int_gt(failed, 10);
    ck_assert_double_ne(ct_item(ct_select(mean, 0, 1)), 0);
}
END_TEST

/* The mean was changed before the variance was found not to be changeable. */
START_TEST(running_statistics_change_both_or_neither)
{
    ct_tensor *x = wave(1, CT_SHAPE(4, 3, 2)), *mean = ct_zeros(CT_FLOAT64, CT_SHAPE(3));
    ct_tensor *expanded = ct_expand(ct_ones(CT_FLOAT64, CT_SHAPE(1)), CT_SHAPE(3));
    expect_error(ct_batch_norm(x, NULL, NULL, .running_mean = mean, .running_var = expanded), CT_ERROR_STATE,
                 "batch_norm: several elements of [3] with strides [0] lie in one place");
    ct_tensor *leaf = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(3)), true);
    expect_error(ct_batch_norm(x, NULL, NULL, .running_mean = mean, .running_var = ct_square(leaf)), CT_ERROR_STATE,
                 "batch_norm: the result of 'square' is recorded");
    expect_tensor(mean, CT_FLOAT64, CT_SHAPE(3), CT_VALUES(0, 0, 0));
}
END_TEST

START_TEST(batch_norm_refuses)
{
    ct_tensor *x = wave(1, CT_SHAPE(4, 3, 2)), *three = wave(2, CT_SHAPE(3)), *two = wave(3, CT_SHAPE(2));
    const char *channels = "batch_norm: takes x [N, C, ...] and tensors of C elements: ";
    expect_error(ct_batch_norm(three, NULL, NULL), CT_ERROR_SHAPE, channels);
    expect_error(ct_batch_norm(x, two, NULL), CT_ERROR_SHAPE, channels);
    expect_error(ct_batch_norm(x, three, two), CT_ERROR_SHAPE, channels);
    expect_error(ct_batch_norm(x, three, three, .running_mean = three, .running_var = two), CT_ERROR_SHAPE, channels);
    const char *together = "batch_norm: running_mean and running_var go together, and evaluation needs them";
    expect_error(ct_batch_norm(x, three, three, .running_mean = three), CT_ERROR_ARGUMENT, together);
    expect_error(ct_batch_norm(x, three, three, .running_var = three), CT_ERROR_ARGUMENT, together);
    expect_error(ct_batch_norm(x, three, three, .evaluation = true), CT_ERROR_ARGUMENT, together);
    expect_error(ct_batch_norm(ct_reshape(three, CT_SHAPE(1, 3)), NULL, NULL), CT_ERROR_ARGUMENT,
                 "batch_norm: training needs more than one element for each channel: [1,3]");
    expect_error(ct_batch_norm(ct_ones(CT_INT64, CT_SHAPE(2, 3)), NULL, NULL), CT_ERROR_DTYPE,
                 "batch_norm: takes float32 or float64, not int64");
    expect_error(ct_batch_norm(x, ct_ones(CT_FLOAT32, CT_SHAPE(3)), NULL), CT_ERROR_DTYPE,
                 "batch_norm: dtypes differ: float64 and float32 (inputs 0 and 1)");
    expect_error(ct_batch_norm(x, three, three, .momentum = 1.5), CT_ERROR_ARGUMENT,
                 "batch_norm: momentum 1.5 is not in [0, 1]");
    expect_error(ct_batch_norm(x, three, three, .momentum = NAN), CT_ERROR_ARGUMENT,
                 "batch_norm: momentum nan is not in [0, 1]");
    expect_error(ct_batch_norm(x, three, three, .eps = -1), CT_ERROR_ARGUMENT, "batch_norm: eps -1 is negative");
    expect_error(ct_batch_norm(NULL, three, three), CT_ERROR_NULL, "batch_norm: input 0 is NULL");
}
END_TEST

/* ---- layer_norm, rms_norm, group_norm, instance_norm, local_response_norm ---- */

static const double layer_norm_last_two[] = {
    0.8520876762579657,   -0.8438706211496597, 0.1481373325473151,  0.9396473371802012,  0.5575532585559445,
    0.6772467255918488,   -0.9750107949650615, 0.5018879224140705,  0.7915660319230258,  0.6783759073627774,
    0.4093612841929519,   -0.9692951697884032, -0.5572046377606732, -0.6103933465134739, -1.04960079253159,
    -0.02205989717658767, 1.048139483270984,   -0.7554358882743514, -0.5606229570349136, -1.12582278375103,
    0.3852339833120822,   0.7901511401648638,  -0.8523993327102445, -0.5707765298815292};
static const double group_norm_y[] = {
    0.7886242733622685,  0.6923203164445624,  -0.5025829270530504, -0.5319646499308911, -0.6888637614005605,
    -0.8669987069289049, -1.089287373030387,  0.3493843258213309,  0.6992560062271269,  0.4449845691468426,
    0.06142866622519123, 0.3271012441606107,  -0.5171765960290898, -0.5526085363688007, 0.6246938438111345,
    -0.9371342510308942, -0.7946412493335274, -0.6029934515194394, 0.1489412409256591,  -1.264236298400236,
    -1.755184426880935,  0.4252585783900861,  0.8415700457757347,  0.6314115216838878};
static const double instance_norm_y[] = {
    0.6857470982049818,  0.5664662695732139,  -0.9135253484345147, -0.5817428064950733, -0.7264061625689562,
    -0.8906492791346623, -1.609914919629503,  -0.1322408537047099, 0.2271158424406408,  0.7743874070230776,
    0.05926781385900846, 0.5546002136495944,  -0.3777195933645852, -0.4248531557003176, 1.141260768408584,
    -0.8793832182754073, -0.7480360486631351, -0.5713789812601494, 0.5839919118714338,  -0.8077630385377024,
    -1.291268804227304,  0.09762868007073627, 0.8302245233908482,  0.4604022310700959};
static const double response_y[] = {0.5052442564002957,   0.4518428203500965,  -0.2741458833996603, -0.5584093113145664,
                                    -0.05032511326565844, 0.5512319564253751,  0.339244265954781,   -0.382419978097815,
                                    -0.5210684011406904,  0.08170118351700754, 0.5724621832867381,  0.2341354964685472,
                                    -0.4702123598912495,  -0.4896099575658552, 0.2137333533089005,  0.5688635719290278,
                                    0.1141467228023958,   -0.5308547826953838, -0.3850728616653818, 0.3302135028672153,
                                    0.5423302765655174,   -0.0156524160978621, -0.5651127183264975, -0.288557891820531};

START_TEST(layers_and_groups)
{
    ct_tensor *x = wave(1, CT_SHAPE(2, 4, 3)), *w = wave(2, CT_SHAPE(4, 3)), *b = wave(3, CT_SHAPE(4, 3));
    EXPECT(ct_layer_norm(x, w, b, .eps = 1e-3), layer_norm_last_two, 2, 4, 3);
    ct_tensor *plain = ct_layer_norm(x, NULL, NULL, .axes = 2, .eps = 1e-3);
    expect_close(ct_add(ct_mul(plain, w), b), ct_layer_norm(x, w, b, .eps = 1e-3), 1e-15);
    expect_close(ct_layer_norm(x, NULL, NULL), ct_layer_norm(x, ct_ones(CT_FLOAT64, CT_SHAPE(3)), NULL, .axes = 1), 0);
    ct_tensor *root = ct_norm(x, 2, CT_AXES(1, 2), .keepdim = true);
    expect_close(ct_rms_norm(x, NULL, .axes = 2, .eps = 0), ct_mul_scalar(ct_div(x, root), sqrt(12)), 1e-14);
    ct_tensor *four = wave(2, CT_SHAPE(4)), *shift = wave(3, CT_SHAPE(4));
    EXPECT(ct_group_norm(x, 2, four, shift), group_norm_y, 2, 4, 3);
    EXPECT(ct_instance_norm(x, four, shift), instance_norm_y, 2, 4, 3);
    expect_close(ct_group_norm(x, 4, four, shift), ct_instance_norm(x, four, shift), 0);
    expect_close(ct_group_norm(x, 1, NULL, NULL), ct_layer_norm(x, NULL, NULL, .axes = 2), 1e-15);
    EXPECT(ct_local_response_norm(x, 2, .alpha = 0.5, .beta = 0.6, .k = 1.5), response_y, 2, 4, 3);
    /* A window beyond all channels is no more work. */
    expect_close(ct_local_response_norm(x, INT64_MAX, .alpha = 0x1p63), ct_local_response_norm(x, 8, .alpha = 8),
                 1e-14);
    expect_tensor(ct_group_norm(ct_ones(CT_FLOAT64, CT_SHAPE(0, 4, 3)), 2, four, NULL), CT_FLOAT64, CT_SHAPE(0, 4, 3),
                  NULL, 0);
    expect_tensor(ct_instance_norm(ct_ones(CT_FLOAT64, CT_SHAPE(2, 0, 3)), NULL, NULL), CT_FLOAT64, CT_SHAPE(2, 0, 3),
                  NULL, 0);
    expect_tensor(ct_layer_norm(ct_ones(CT_FLOAT64, CT_SHAPE(2, 0)), NULL, NULL), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
}
END_TEST

START_TEST(layers_and_groups_refuse)
{
    ct_tensor *x = wave(1, CT_SHAPE(2, 4, 3)), *w = wave(2, CT_SHAPE(4)), *i = ct_ones(CT_INT32, CT_SHAPE(2, 4));
    const char *last = "layer_norm: weight and bias must have the shape of the last ";
    expect_error(ct_layer_norm(x, w, NULL), CT_ERROR_SHAPE, last);
    expect_error(ct_layer_norm(x, NULL, wave(1, CT_SHAPE(4, 3))), CT_ERROR_SHAPE, last);
    expect_error(ct_layer_norm(x, NULL, NULL, .axes = 4), CT_ERROR_SHAPE, last);
    expect_error(ct_layer_norm(x, NULL, NULL, .axes = -1), CT_ERROR_SHAPE, last);
    expect_error(ct_layer_norm(ct_scalar(CT_FLOAT64, 1), NULL, NULL), CT_ERROR_SHAPE, last);
    expect_error(ct_layer_norm(i, NULL, NULL), CT_ERROR_DTYPE, "layer_norm: takes float32 or float64, not int32");
    expect_error(ct_rms_norm(x, w), CT_ERROR_SHAPE,
                 "rms_norm: weight and bias must have the shape of the last 1 axes of x");
    expect_error(ct_rms_norm(x, ct_ones(CT_FLOAT32, CT_SHAPE(3))), CT_ERROR_DTYPE,
                 "rms_norm: dtypes differ: float64 and float32 (inputs 0 and 1)");
    expect_error(ct_group_norm(x, 3, NULL, NULL), CT_ERROR_ARGUMENT,
                 "group_norm: 3 groups do not divide the channels: [2,4,3]");
    expect_error(ct_group_norm(x, 0, NULL, NULL), CT_ERROR_ARGUMENT, "group_norm: 0 groups do not divide the channels");
    expect_error(ct_group_norm(x, 2, wave(1, CT_SHAPE(2)), NULL), CT_ERROR_SHAPE, "group_norm: takes x [N, C, ...]");
    expect_error(ct_instance_norm(w, NULL, NULL), CT_ERROR_SHAPE, "instance_norm: takes x [N, C, ...]");
    expect_error(ct_instance_norm(i, NULL, NULL), CT_ERROR_DTYPE, "instance_norm: takes float32 or float64, not int32");
    expect_error(ct_layer_norm(x, NULL, NULL, .eps = -1), CT_ERROR_ARGUMENT, "layer_norm: eps -1 is negative");
    expect_error(ct_rms_norm(x, NULL, .eps = -1), CT_ERROR_ARGUMENT, "rms_norm: eps -1 is negative");
    expect_error(ct_group_norm(x, 1, NULL, NULL, .eps = NAN), CT_ERROR_ARGUMENT, "group_norm: eps nan is negative");
    expect_error(ct_local_response_norm(x, 0), CT_ERROR_ARGUMENT, "local_response_norm: size 0 is not positive");
    expect_error(ct_local_response_norm(w, 3), CT_ERROR_SHAPE, "local_response_norm: takes x [N, C, ...]");
}
END_TEST

/* ---- normalize ---- */

START_TEST(rows_of_length_one)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(3, 4, 0, 0, 1e-13, 0), CT_SHAPE(3, 2)), *grad;
    ct_set_requires_grad(x, true);
    ct_tensor *y = ct_normalize(x, 1), *root = ct_sum(y);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(3, 2), (double[]){0.6, 0.8, 0, 0, 0.1, 0}, 6);
    ck_assert_int_eq(ct_grad(&root, 1, &x, 1, &grad), CT_OK);
    expect_tensor(ct_slice(grad, 0, 0, 1, 1), CT_FLOAT64, CT_SHAPE(1, 2), (double[]){0.032, -0.024}, 2);
    expect_tensor(ct_slice(grad, 0, 1, 3, 1), CT_FLOAT64, CT_SHAPE(2, 2), (double[]){1e12, 1e12, 1e12, 1e12}, 4);
    expect_tensor(ct_normalize(x, 0, .p = 1, .eps = 5), CT_FLOAT64, CT_SHAPE(3, 2),
                  (double[]){0.6, 0.8, 0, 0, 2e-14, 0}, 6);
    expect_close((ct_normalize)(x, -1, NULL), y, 0);
    ct_tensor *one = ct_normalize(ct_full(CT_FLOAT32, -7, CT_SHAPE(1)), 0);
    expect_tensor(one, CT_FLOAT32, CT_SHAPE(1), (double[]){-1}, 1);
    expect_tensor(ct_normalize(ct_zeros(CT_FLOAT64, CT_SHAPE(2, 0)), 1), CT_FLOAT64, CT_SHAPE(2, 0), NULL, 0);
    expect_error(ct_normalize(x, 2), CT_ERROR_ARGUMENT, "normalize: axis 2 is not in -2..1: [3,2]");
    expect_error(ct_normalize(ct_scalar(CT_FLOAT64, 1), 1), CT_ERROR_ARGUMENT, "normalize: axis 1 is not in -1..0: []");
    expect_error(ct_normalize(ct_ones(CT_INT64, CT_SHAPE(2)), 0), CT_ERROR_DTYPE,
                 "normalize: takes float32 or float64, not int64");
}
END_TEST

/* Of nothing the gradient is 0, and not what was in the memory. */
START_TEST(gradients_of_no_rows)
{
    for (int left_out = 0; left_out < 3; left_out++) {
        ct_tensor *weight = left_out == 1 ? NULL : ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(5)), true);
        ct_tensor *bias = left_out == 2 ? NULL : ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(5)), true);
        ct_tensor *y = ct_layer_norm(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 5)), weight, bias);
        ct_scope_open();
        for (int i = 0; i < 20; i++) /* for what the cache hands out */
            ct_full(CT_FLOAT64, 7, CT_SHAPE(5));
        ct_scope_close();
        ck_assert_int_eq(ct_backward(ct_sum(y)), CT_OK);
        for (int i = 0; i < 2; i++)
            if (i ? bias : weight)
                expect_tensor(ct_grad_of(i ? bias : weight), CT_FLOAT64, CT_SHAPE(5), CT_VALUES(0, 0, 0, 0, 0));
    }
}
END_TEST

/* ---- dropout ---- */

START_TEST(dropout_draws_one_mask)
{
    const double p = 0.3;
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        const int64_t n = 20000;
        ct_tensor *x = ct_set_requires_grad(ct_full((ct_dtype)dtype, 7, CT_SHAPE(n)), true), *grad, *again;
        ct_seed(5);
        ct_tensor *y = ct_dropout(x, p, true), *root = ct_sum(y);
        ck_assert_int_eq(ct_grad(&root, 1, &x, 1, &grad, .retain_graph = true), CT_OK);
        ck_assert_int_eq(ct_grad(&root, 1, &x, 1, &again), CT_OK);
        expect_close(again, grad, 0);
        expect_close(ct_mul_scalar(grad, 7), y, dtype == CT_FLOAT32 ? 1e-7 : 1e-15); /* the same mask and scale */
        ct_tensor *kept = ct_ne(y, ct_scalar((ct_dtype)dtype, 0));
        ct_tensor *scale = ct_full((ct_dtype)dtype, 1 / (1 - p), CT_SHAPE(n));
        expect_close(grad, ct_mul(ct_cast(kept, (ct_dtype)dtype), scale), dtype == CT_FLOAT32 ? 1e-7 : 1e-15);
        double share = ct_item(ct_sum(kept)) / (double)n;
        ck_assert_double_le(fabs(share - (1 - p)), 5 * sqrt(p * (1 - p) / (double)n));
        ct_seed(5);
        expect_close(ct_dropout(x, p, true), y, 0);
        ck_assert_double_gt(ct_item(ct_sum(ct_ne(ct_dropout(x, p, true), y))),
                            (double)n / 4); /* the next mask is another */
    }
}
END_TEST

START_TEST(dropout_of_all_and_of_nothing)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, -2, INFINITY, NAN), CT_SHAPE(4)), *grad;
    ct_set_requires_grad(x, true);
    ct_random_state before = ct_random_get();
    expect_close(ct_dropout(x, 0, true), x, 0);
    expect_close(ct_dropout(x, 0.5, false), x, 0);
    ct_random_state after = ct_random_get();
    ck_assert(before.seed == after.seed && before.counter == after.counter); /* nothing is drawn in vain */
    ct_tensor *y = ct_dropout(x, 1, true), *root = ct_sum(y);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(4), (double[]){0, 0, 0, 0}, 4);
    ck_assert_int_eq(ct_grad(&root, 1, &x, 1, &grad), CT_OK);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(4), (double[]){0, 0, 0, 0}, 4);
    expect_tensor(ct_dropout(ct_ones(CT_FLOAT32, CT_SHAPE(0, 3)), 0.5, true), CT_FLOAT32, CT_SHAPE(0, 3), NULL, 0);
    ck_assert_int_eq(ct_rank(ct_dropout(ct_scalar(CT_FLOAT32, 1), 0.5, true)), 0);
    expect_error(ct_dropout(x, -0.1, true), CT_ERROR_ARGUMENT, "dropout: p = -0.1 is not in [0, 1]");
    expect_error(ct_dropout(x, 1.5, false), CT_ERROR_ARGUMENT, "dropout: p = 1.5 is not in [0, 1]");
    expect_error(ct_dropout(x, NAN, true), CT_ERROR_ARGUMENT, "dropout: p = nan is not in [0, 1]");
    ck_assert_ptr_null(ct_dropout(ct_ones(CT_INT64, CT_SHAPE(2)), 0.5, true));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_DTYPE);
    ct_error_clear();
}
END_TEST

/* ---- attention ---- */

static const double attention_y[] = {-0.01984321359021341,   -0.02283779505315546,  0.02441616143049359,
                                     -0.0009177495310741662, 0.007485262323193187,  0.02434378294463788,
                                     0.1169856962744448,     -0.003380470947243336, 0.0008932787947588117,
                                     -0.08022317365891539,   -0.00412204449901464,  -0.004496765981736449};
static const double attention_causal_y[] = {0.1128960064478938,   -0.732932749399564,  -0.2449211897182071,
                                            -0.04053908338854251, 0.2120681096496821,  -0.08252590509079172,
                                            -0.2303226533320523,  -0.7998195448584089, -0.2156573726071488,
                                            -0.1307150276969289,  0.04013525652948191, -0.09532639295191456};
static const double attention_biased_y[] = {-0.1230047416271744, 0.01763077214199649,  -0.04404616827629428,
                                            0.03328996911783998, 0.07233745842624555,  0.06835052738514097,
                                            0.04601656110990199, -0.08046003198338182, -0.06641791402616659,
                                            -0.1224881076420977, -0.07576136760018697, 0.003108139800768944};

START_TEST(attention_masks)
{
    ct_tensor *q = wave(1, CT_SHAPE(2, 3, 4)), *k = wave(2, CT_SHAPE(2, 5, 4)), *v = wave(3, CT_SHAPE(2, 5, 2));
    EXPECT(ct_scaled_dot_product_attention(q, k, v), attention_y, 2, 3, 2);
    ct_tensor *causal = ct_scaled_dot_product_attention(q, k, v, .is_causal = true, .scale = 0.3);
    EXPECT(causal, attention_causal_y, 2, 3, 2);
    ct_tensor *bias = wave(7, CT_SHAPE(3, 5));
    EXPECT(ct_scaled_dot_product_attention(q, k, v, .mask = bias), attention_biased_y, 2, 3, 2);
    ct_tensor *seen = ct_from_values(CT_UINT8, CT_VALUES(1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0), CT_SHAPE(3, 5));
    expect_close(ct_scaled_dot_product_attention(q, k, v, .mask = seen, .scale = 0.3), causal, 1e-15);
    ct_tensor *hidden = ct_where(seen, ct_scalar(CT_FLOAT64, 0), ct_scalar(CT_FLOAT64, -INFINITY));
    expect_close(ct_scaled_dot_product_attention(q, k, v, .mask = hidden, .scale = 0.3), causal, 1e-15);
    /* Only the first key is seen: its value is the result. A mask for all queries, one that broadcasts. */
    ct_tensor *first = ct_from_values(CT_UINT8, CT_VALUES(1, 0, 0, 0, 0), CT_SHAPE(5));
    ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, .mask = first);
    expect_close(y, ct_expand(ct_slice(v, 1, 0, 1, 1), CT_SHAPE(2, 3, 2)), 1e-15);
    /* Leading axes broadcast, or are not there. */
    ct_tensor *one = ct_scaled_dot_product_attention(ct_select(q, 0, 0), ct_select(k, 0, 0), ct_select(v, 0, 0));
    expect_close(one, ct_select(ct_scaled_dot_product_attention(q, k, v), 0, 0), 1e-15);
    ct_tensor *shared = ct_scaled_dot_product_attention(q, ct_select(k, 0, 1), ct_select(v, 0, 1));
    expect_close(ct_select(shared, 0, 1), ct_select(ct_scaled_dot_product_attention(q, k, v), 0, 1), 1e-15);
}
END_TEST

/* Dropout acts on the weights: of q = 0 they are 1/5 each, and v is the identity, so the result is the weights. */
START_TEST(attention_dropout)
{
    ct_tensor *q = ct_zeros(CT_FLOAT64, CT_SHAPE(1000, 4)), *k = wave(2, CT_SHAPE(5, 4)), *v = ct_eye(CT_FLOAT64, 5);
    ct_seed(3);
    ct_tensor *y = ct_scaled_dot_product_attention(q, k, v, .dropout = 0.25);
    ct_seed(3);
    expect_close(y, ct_dropout(ct_full(CT_FLOAT64, 0.2, CT_SHAPE(1000, 5)), 0.25, true), 1e-15);
    expect_close(ct_scaled_dot_product_attention(q, k, v, .dropout = 1), ct_zeros(CT_FLOAT64, CT_SHAPE(1000, 5)), 0);
}
END_TEST

START_TEST(attention_refuses)
{
    ct_tensor *q = wave(1, CT_SHAPE(2, 3, 4)), *k = wave(2, CT_SHAPE(2, 5, 4)), *v = wave(3, CT_SHAPE(2, 5, 2));
    ct_tensor *mask = ct_ones(CT_UINT8, CT_SHAPE(3, 5));
    const char *takes = "scaled_dot_product_attention: takes q [..., L, E], k [..., S, E], v [..., S, V]: ";
    expect_error(ct_scaled_dot_product_attention(q, v, v), CT_ERROR_SHAPE, takes);
    expect_error(ct_scaled_dot_product_attention(q, k, q), CT_ERROR_SHAPE, takes);
    expect_error(ct_scaled_dot_product_attention(wave(1, CT_SHAPE(4)), k, v), CT_ERROR_SHAPE, takes);
    expect_error(ct_scaled_dot_product_attention(q, k, v, .mask = mask, .is_causal = true), CT_ERROR_ARGUMENT,
                 "scaled_dot_product_attention: takes a mask or is_causal, not both");
    expect_error(ct_scaled_dot_product_attention(q, k, v, .mask = ct_cast(mask, CT_FLOAT32)), CT_ERROR_DTYPE,
                 "scaled_dot_product_attention: the mask is float32, not a mask's uint8 or bool, nor float64");
    expect_error(ct_scaled_dot_product_attention(q, k, v, .dropout = 2), CT_ERROR_ARGUMENT,
                 "scaled_dot_product_attention: dropout: p = 2");
    ck_assert_ptr_null(ct_scaled_dot_product_attention(q, k, v, .mask = ct_ones(CT_UINT8, CT_SHAPE(3, 4))));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_SHAPE);
    ct_error_clear();
    expect_error(ct_scaled_dot_product_attention(q, NULL, v), CT_ERROR_NULL,
                 "scaled_dot_product_attention: input 1 is NULL");
}
END_TEST

/* ---- recurrent sequences: 2 layers, 2 directions; x [3,2,3], states [4,2,2] ---- */

static const double rnn_y[] = {0.9936734778423835,  -0.5631428452900195, -0.968698557882041,  0.5369195131522769,
                               -0.2480275401480512, -0.110839374341307,  0.1453317396431729,  0.9844172615851784,
                               0.6038597964744312,  -0.6599075359822818, -0.9564757730336154, 0.9668831358190701,
                               0.9529653444110856,  -0.2616364005131692, -0.9372177713679168, 0.6628214984627163,
                               0.3799253878252463,  -0.5973186635613198, -0.7988483272888223, 0.9031660542212089,
                               0.9548984816340154,  -0.2259040163491178, -0.9951353930143104, 0.8309032872526934};
static const double rnn_h[] = {0.07092811048716657, 0.8705219888172151,  -0.09385632471723863, 0.9828614922411143,
                               0.1333308152831157,  -0.9037677940036711, -0.9551631293153735,  0.03672542314602896,
                               0.3799253878252463,  -0.5973186635613198, 0.9548984816340154,   -0.2259040163491178,
                               -0.968698557882041,  0.5369195131522769,  0.1453317396431729,   0.9844172615851784};
static const double rnn_grad_x[] = {-0.845325696273212, -0.4854652945822354, 0.5856029009959359,  1.263028900641426,
                                    0.134143844010629,  -1.19126225836134,   -0.174804787405953,  -0.1588337308829049,
                                    0.0898291134914528, 0.5184912681753095,  0.4254259382985086,  -0.2908893878525756,
                                    0.2691442595032033, 0.5949973617913097,  0.04917793512458732, -0.1999336772138625,
                                    -0.526378948669587, -0.08167782714965052};
static const double rnn_grad_h0[] = {
    -0.07283957437475998, -0.01989815712942431, 0.643652070705049,   0.6740897190602081,
    -0.04482491660145083, 0.009001206213420706, 0.08244260292907725, -0.06545883707723933,
    -0.05859751453068706, 0.1140427073368241,   -0.2445315775498753, 0.8144720779090643,
    -0.1786837479607914,  -0.1820899849117606,  0.0423003752344189,  0.09787673338034338};
static const double rnn_grad_weights[] = {
    0.3503127374408884,  -2.866679665427939,   1.531581593004356,   1.531581593004356,
    -0.2613640838359856, 1.677083919940908,    -0.8940195215392208, -0.8940195215392206,
    0.139028504840271,   -0.04159160550953744, 0.2488548794578251,  0.2488548794578253,
    0.09914760547676682, 0.3716384557988964,   -0.2660292996306978, -0.2660292996306979};
static const double lstm_y[] = {0.1488037895317466, 0.178841644422995,   -0.5160460767876239, -0.01533010675234256,
                                0.3169791455922416, 0.02983384151162065, -0.0921460379830151, -0.5292573657686745,
                                0.1479779791349651, 0.1701766132180876,  -0.4095105233469485, 0.09031687692866258,
                                0.2286252122770559, 0.1125690353961044,  0.03373799515899867, -0.4362877388678093,
                                0.2113355218027198, 0.1424541855159415,  -0.246334464716469,  0.3189345686079145,
                                0.1305842753466499, 0.1669508157989099,  0.2456698887697983,  -0.3575193004361736};
static const double lstm_h[] = {-0.480139413221193,   0.1717399820858826,   -0.634617129233643,   -0.1102530106357779,
                                -0.01622392810293375, -0.113430286577123,   -0.01870429267814719, -0.4970190005619614,
                                0.2113355218027198,   0.1424541855159415,   0.1305842753466499,   0.1669508157989099,
                                -0.5160460767876239,  -0.01533010675234256, -0.0921460379830151,  -0.5292573657686745};
static const double lstm_c[] = {-1.100240023613365,   0.2447729943097472,   -0.8888993458588794,  -0.205821149311493,
                                -0.06429414153735563, -0.2337853559007628,  -0.04831476975503686, -0.910080570414847,
                                0.3952713277597094,   0.7335364246936066,   0.2462080625451245,   0.7625826670106685,
                                -0.8333684059362572,  -0.01965771992297642, -0.1603881027917912,  -0.7790618391346052};
static const double lstm_grad_x[] = {
    0.2141206072421377,  0.1418528296616584,   -0.1382296756989839,  0.1834094061240916,  0.1304310542309733,
    -0.1136290976779815, -0.04205517960110439, 0.05426749433294085,  0.0710881619340111,  0.1525262128245934,
    0.137654749560999,   -0.07888124430023663, -0.01320187499049304, 0.07165372884808827, 0.05153645205738797,
    0.4677535116608044,  0.3141774111134584,   -0.2996693327544936};
static const double lstm_grad_h0[] = {
    -0.03665959216744533, 0.03432429750799421,  0.03795789538067057,   -0.02886328911800824,
    -0.1626285203476709,  0.007988500850166615, -0.03633931860406423,  -0.03329484047851455,
    0.08380659450015673,  0.07053142555604706,  -0.003597682086006995, -0.01929093564939816,
    0.1498273265218724,   0.04262838787469933,  -0.09874547260182742,  0.1207379907480253};
static const double lstm_grad_c0[] = {
    -0.1311959633066362,  0.03778235061293271,  0.3703769858054631,   -0.03264741874508885,
    -0.2930257222906032,  -0.3207082323616612,  0.05806755489065231,  0.6954044603626441,
    -0.04659087399123277, -0.06637870720429437, 0.004993009104101928, 0.005904042266131898,
    0.3476125393820396,   -0.1445251175786207,  -0.5525988783747185,  0.003421793335773601};
static const double lstm_grad_weights[] = {
    -1.082222212298021,   0.05413146984152029, -0.6846059795955014, -0.6846059795955014,
    -0.05797257080447885, 0.2498834820915318,  -0.8624114695333203, -0.8624114695333203,
    -0.05386744513497785, -0.2133706373633154, -0.3664188608052574, -0.3664188608052573,
    0.5157900722592146,   0.04595781754868206, -0.8339561275155982, -0.8339561275155982};
static const double gru_y[] = {0.01928695372866765, 0.7083942851980806, -0.6904647641687965, 0.1162495190885509,
                               0.5803142212326635,  0.7341584162128887, 0.3394873444666264,  -0.6331377532125677,
                               -0.2416940079260916, 0.813090381735719,  -0.6142953546306305, 0.1471544807432369,
                               0.2552086038075804,  0.896689184682335,  0.3679365798222652,  -0.5496061979750548,
                               0.2074139758809775,  0.942370615684386,  -0.632927255701758,  -0.07067831451486328,
                               0.3129989934884988,  0.9036862903266892, 0.4799081802982084,  -0.3102896198958282};
static const double gru_h[] = {-0.2903454788165918, 0.4141138445718873,  -0.7332394982862207, 0.03215459163326295,
                               0.247606799710637,   0.05619900688206832, 0.5287648133516751,  -0.7420213729998378,
                               0.2074139758809775,  0.942370615684386,   0.3129989934884988,  0.9036862903266892,
                               -0.6904647641687965, 0.1162495190885509,  0.3394873444666264,  -0.6331377532125677};
static const double gru_grad_x[] = {
    0.124420207199335,    -0.1278008814157626,  -0.1927933793511481,  0.04511798472690283, 0.02842071607838334,
    -0.02991296820762381, -0.02269690588318959, 0.02944390231899931,  0.03844932464412798, 0.2994449987851676,
    0.1611425051226669,   -0.2132341360612776,  -0.06186522430048944, -0.1213029682982954, -0.003031579556469655,
    -0.01733216367888098, -0.07137675583625164, -0.02085423347556014};
static const double gru_grad_h0[] = {
    -0.2828810700695001, -0.03894485802117144, 0.5075451332717619,  -0.01564477889272503,
    -0.3381482207416078, -0.05765145872965857, 0.2928541761304583,  0.89683477133613,
    -0.1193875413233549, -0.1499287094825157,  0.1982545570718816,  -0.03102177981232905,
    0.4012066802347503,  -0.2533512662388638,  -0.2999874232568864, 0.132731839364314};
static const double gru_grad_weights[] = {
    -0.2880885995035247, -0.1732845340620507,  -0.6602620785698918, -0.4334596819234578,
    -0.1043715949178248, -0.3105328850626542,  -0.6558032210165183, -0.2884236348990247,
    0.9077299143124722,  -0.03914067958782105, -0.4904676868094315, -0.2929418406275496,
    0.6373210248877754,  -0.1886905558855697,  -0.3016583289133931, -0.09539815056191028};

enum { LAYERS = 2, DIRECTIONS = 2, HIDDEN = 2, INPUTS = 3, WEIGHTS = 4 * LAYERS * DIRECTIONS };

/* One of the three kinds behind a common face; c0 and c_last are lstm's. */
typedef ct_tensor *sequence(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                            const ct_recurrent_options *options);

static ct_tensor *run_rnn(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                          const ct_recurrent_options *options)
{
    (void)c0;
    return (ct_rnn)(x, h0, weights, n, options);
}

static ct_tensor *run_lstm(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                           const ct_recurrent_options *options)
{
    return (ct_lstm)(x, h0, c0, weights, n, options);
}

static ct_tensor *run_gru(ct_tensor *x, ct_tensor *h0, ct_tensor *c0, ct_tensor *const *weights, int n,
                          const ct_recurrent_options *options)
{
    (void)c0;
    return (ct_gru)(x, h0, weights, n, options);
}

static const struct {
    const char *name;
    sequence *run;
    int gates;
    const double *y, *h, *c, *grad_x, *grad_h0, *grad_c0, *grad_weights;
} kinds[] = {{"rnn", run_rnn, 1, rnn_y, rnn_h, NULL, rnn_grad_x, rnn_grad_h0, NULL, rnn_grad_weights},
             {"lstm", run_lstm, 4, lstm_y, lstm_h, lstm_c, lstm_grad_x, lstm_grad_h0, lstm_grad_c0, lstm_grad_weights},
             {"gru", run_gru, 3, gru_y, gru_h, NULL, gru_grad_x, gru_grad_h0, NULL, gru_grad_weights}};
enum { KINDS = 3 };

/* The weights of all layers and directions; those of the second layer see both directions of the first. */
static void make_weights(int gates, ct_tensor **weights)
{
    for (int i = 0; i < WEIGHTS; i++) {
        int64_t rows = gates * HIDDEN, inputs = i / 8 == 0 ? INPUTS : DIRECTIONS * HIDDEN;
        int64_t shape[] = {rows, i % 4 == 0 ? inputs : HIDDEN};
        weights[i] = ct_set_requires_grad(ct_detach(wave(10 + i, shape, i % 4 < 2 ? 2 : 1)), true);
    }
}

START_TEST(sequences_agree_with_pytorch)
{
    ct_tensor *weights[WEIGHTS], *h = NULL, *c = NULL, *wrt[3 + WEIGHTS], *grads[3 + WEIGHTS];
    make_weights(kinds[_i].gates, weights);
    ct_tensor *x = wave(1, CT_SHAPE(3, 2, 3)), *h0 = wave(2, CT_SHAPE(4, 2, 2)), *c0 = wave(3, CT_SHAPE(4, 2, 2));
    bool has_cell = kinds[_i].c != NULL;
    int n = 0;
    wrt[n++] = ct_set_requires_grad(ct_detach(x), true);
    wrt[n++] = ct_set_requires_grad(ct_detach(h0), true);
    if (has_cell)
        wrt[n++] = ct_set_requires_grad(ct_detach(c0), true);
    memcpy(wrt + n, weights, sizeof weights);
    ct_recurrent_options options = {CT_DEFAULTS(ct_recurrent_options), .bidirectional = true, .h_last = &h,
                                    .c_last = &c};
    ct_tensor *y = kinds[_i].run(wrt[0], wrt[1], has_cell ? wrt[2] : NULL, weights, WEIGHTS, &options);
    expect_values(y, kinds[_i].y, 24, CT_SHAPE(3, 2, 4));
    expect_values(h, kinds[_i].h, 16, CT_SHAPE(4, 2, 2));
    ck_assert(has_cell == (c != NULL));
    ct_tensor *root =
        ct_add(ct_sum(ct_mul(y, wave(4, CT_SHAPE(3, 2, 4)))), ct_sum(ct_mul(h, wave(5, CT_SHAPE(4, 2, 2)))));
    if (has_cell) {
        expect_values(c, kinds[_i].c, 16, CT_SHAPE(4, 2, 2));
        root = ct_add(root, ct_sum(ct_mul(c, wave(6, CT_SHAPE(4, 2, 2)))));
    }
    ck_assert_msg(ct_grad(&root, 1, wrt, n + WEIGHTS, grads) == CT_OK, "%s", ct_error_message());
    expect_values(grads[0], kinds[_i].grad_x, 18, CT_SHAPE(3, 2, 3));
    expect_values(grads[1], kinds[_i].grad_h0, 16, CT_SHAPE(4, 2, 2));
    if (has_cell)
        expect_values(grads[2], kinds[_i].grad_c0, 16, CT_SHAPE(4, 2, 2));
    double sums[WEIGHTS];
    for (int i = 0; i < WEIGHTS; i++)
        sums[i] = ct_item(ct_sum(grads[n + i]));
    expect_values(ct_from_values(CT_FLOAT64, sums, WEIGHTS, CT_SHAPE(WEIGHTS)), kinds[_i].grad_weights, WEIGHTS,
                  CT_SHAPE(WEIGHTS));
}
END_TEST

START_TEST(sequences_with_the_batch_first)
{
    ct_tensor *weights[WEIGHTS];
    make_weights(kinds[_i].gates, weights);
    ct_tensor *x = wave(1, CT_SHAPE(3, 2, 3)), *h0 = wave(2, CT_SHAPE(4, 2, 2)), *c0 = wave(3, CT_SHAPE(4, 2, 2));
    ct_recurrent_options first = {CT_DEFAULTS(ct_recurrent_options), .bidirectional = true, .batch_first = true};
    ct_tensor *y = kinds[_i].run(ct_contiguous(ct_transpose(x, 0, 1)), h0, c0, weights, WEIGHTS, &first);
    expect_values(ct_transpose(y, 0, 1), kinds[_i].y, 24, CT_SHAPE(3, 2, 4));
}
END_TEST

/* Without states they begin with zeros; without biases those are zero; without options there is one direction. */
START_TEST(sequences_with_parts_left_out)
{
    ct_tensor *weights[WEIGHTS], *bare[8], *zero[8], *h = NULL;
    make_weights(kinds[_i].gates, weights);
    ct_tensor *x = wave(1, CT_SHAPE(3, 2, 3)), *none = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 2, 2));
    for (int i = 0; i < 8; i++) { /* two layers of one direction each: the second sees HIDDEN features */
        ct_tensor *w = i == 4 ? weights[5] : weights[i];
        bare[i] = i % 4 < 2 ? w : NULL;
        zero[i] = i % 4 < 2 ? w : ct_zeros_like(w);
    }
    ct_tensor *y = kinds[_i].run(x, NULL, NULL, bare, 8, NULL);
    ct_recurrent_options options = {CT_DEFAULTS(ct_recurrent_options), .h_last = &h};
    expect_close(y, kinds[_i].run(x, none, none, zero, 8, &options), 1e-15);
    ck_assert_int_eq(ct_size(y, 2), HIDDEN);
    expect_close(ct_select(h, 0, 1), ct_select(y, 0, 2), 0); /* the last layer's last state is the last result */
    ct_tensor *empty = kinds[_i].run(ct_zeros(CT_FLOAT64, CT_SHAPE(3, 0, 3)), NULL, NULL, bare, 8, NULL);
    expect_tensor(empty, CT_FLOAT64, CT_SHAPE(3, 0, HIDDEN), NULL, 0);
}
END_TEST

/* A layer's steps are its cell's. */
START_TEST(sequences_are_chains_of_cells)
{
    ct_tensor *w[WEIGHTS], *c = NULL;
    make_weights(kinds[_i].gates, w);
    ct_tensor *x = wave(1, CT_SHAPE(3, 2, 3)), *h0 = wave(2, CT_SHAPE(1, 2, 2)), *c0 = wave(3, CT_SHAPE(1, 2, 2));
    ct_tensor *y = kinds[_i].run(x, h0, c0, w, 4, NULL), *h = ct_select(h0, 0, 0);
    c = ct_select(c0, 0, 0);
    for (int64_t t = 0; t < 3; t++) {
        ct_tensor *step = ct_select(x, 0, t);
        h = kinds[_i].gates == 1   ? ct_rnn_cell(step, h, w[0], w[1], w[2], w[3])
            : kinds[_i].gates == 3 ? ct_gru_cell(step, h, w[0], w[1], w[2], w[3])
                                   : ct_lstm_cell(step, h, c, w[0], w[1], w[2], w[3], &c);
        expect_close(ct_select(y, 0, t), h, 1e-15);
    }
}
END_TEST

/* Between the layers only, and in training only. */
START_TEST(sequences_with_dropout)
{
    ct_tensor *w[WEIGHTS], *h0 = wave(2, CT_SHAPE(4, 2, 2)), *c0 = wave(3, CT_SHAPE(4, 2, 2));
    make_weights(kinds[_i].gates, w);
    ct_tensor *x = wave(1, CT_SHAPE(3, 2, 3));
    ct_recurrent_options options = {CT_DEFAULTS(ct_recurrent_options), .bidirectional = true, .dropout = 0.5,
                                    .evaluation = true};
    expect_values(kinds[_i].run(x, h0, c0, w, WEIGHTS, &options), kinds[_i].y, 24, CT_SHAPE(3, 2, 4));
    options.evaluation = false;
    ct_seed(1);
    ct_tensor *y = kinds[_i].run(x, h0, c0, w, WEIGHTS, &options);
    ct_seed(1);
    ct_recurrent_options both = {CT_DEFAULTS(ct_recurrent_options), .bidirectional = true};
    ct_tensor *between = kinds[_i].run(x, ct_slice(h0, 0, 0, 2, 1), ct_slice(c0, 0, 0, 2, 1), w, 8, &both);
    ct_tensor *last_h = ct_slice(h0, 0, 2, 4, 1), *last_c = ct_slice(c0, 0, 2, 4, 1);
    expect_close(y, kinds[_i].run(ct_dropout(between, 0.5, true), last_h, last_c, w + 8, 8, &both), 1e-15);
    options.dropout = 1;
    ct_tensor *nothing = ct_zeros(CT_FLOAT64, CT_SHAPE(3, 2, 4));
    expect_close(kinds[_i].run(x, h0, c0, w, WEIGHTS, &options),
                 kinds[_i].run(nothing, last_h, last_c, w + 8, 8, &both), 1e-15);
}
END_TEST

START_TEST(sequences_refuse)
{
    ct_tensor *w[WEIGHTS], *h = NULL, *x = wave(1, CT_SHAPE(3, 2, 3)), *state = wave(2, CT_SHAPE(2, 2, 2));
    make_weights(kinds[_i].gates, w);
    char message[120];
    sequence *run = kinds[_i].run;
    ct_recurrent_options both = {CT_DEFAULTS(ct_recurrent_options), .bidirectional = true, .h_last = &h};
    snprintf(message, sizeof message,
             "%s: takes x [T,N,I] with T > 0 and four weights for each layer and direction: ", kinds[_i].name);
    expect_error(run(wave(1, CT_SHAPE(3, 3)), NULL, NULL, w, 4, NULL), CT_ERROR_SHAPE, message);
    expect_error(run(ct_zeros(CT_FLOAT64, CT_SHAPE(0, 2, 3)), NULL, NULL, w, 4, NULL), CT_ERROR_SHAPE, message);
    expect_error(run(x, NULL, NULL, w, 5, NULL), CT_ERROR_SHAPE, message);
    expect_error(run(x, NULL, NULL, w, 0, NULL), CT_ERROR_SHAPE, message);
    h = x;
    expect_error(run(x, NULL, NULL, w, 12, &both), CT_ERROR_SHAPE, message);
    ck_assert_ptr_null(h);
    snprintf(message, sizeof message, "%s: weights of layer 1, direction 0 do not fit: ", kinds[_i].name);
    expect_error(run(x, NULL, NULL, w, 8, NULL), CT_ERROR_SHAPE, message); /* its weights see INPUTS features */
    snprintf(message, sizeof message, "%s: initial states must be [1,2,2]: ", kinds[_i].name);
    expect_error(run(x, state, NULL, w, 4, NULL), CT_ERROR_SHAPE, message);
    snprintf(message, sizeof message, "%s: 57 weights, takes at most 56", kinds[_i].name);
    expect_error(run(x, NULL, NULL, w, 57, NULL), CT_ERROR_ARGUMENT, message);
    snprintf(message, sizeof message, "%s: dropout = 1.5 is not in [0, 1]", kinds[_i].name);
    expect_error(run(x, NULL, NULL, w, 4, CT_GIVEN(ct_recurrent_options, .dropout = 1.5)), CT_ERROR_ARGUMENT, message);
    snprintf(message, sizeof message, "%s: input 0 is NULL", kinds[_i].name);
    expect_error(run(NULL, NULL, NULL, w, 4, NULL), CT_ERROR_NULL, message);
}
END_TEST

START_TEST(cells_refuse)
{
    ct_tensor *x = wave(1, CT_SHAPE(2, 3)), *h = wave(2, CT_SHAPE(2, 4)), *c = NULL;
    ct_tensor *wx = wave(3, CT_SHAPE(16, 3)), *wh = wave(4, CT_SHAPE(16, 4)), *b = wave(5, CT_SHAPE(16));
    ck_assert_ptr_nonnull(ct_lstm_cell(x, h, h, wx, wh, b, b, NULL));
    const char *lstm = "lstm_cell: takes x [N,I], states [N,H], weights [4H,I] and [4H,H], biases [4H]: ";
    expect_error(ct_lstm_cell(x, h, x, wx, wh, b, b, &c), CT_ERROR_SHAPE, lstm);
    expect_error(ct_lstm_cell(x, h, h, wh, wx, b, b, &c), CT_ERROR_SHAPE, lstm);
    expect_error(ct_lstm_cell(x, h, h, wx, wh, b, x, &c), CT_ERROR_SHAPE, lstm);
    expect_error(ct_lstm_cell(b, h, h, wx, wh, b, b, &c), CT_ERROR_SHAPE, lstm);
    expect_error(ct_rnn_cell(x, h, wx, wh, b, b), CT_ERROR_SHAPE, "rnn_cell: takes x [N,I], states [N,H]");
    expect_error(ct_gru_cell(x, h, wx, wh, b, b), CT_ERROR_SHAPE, "gru_cell: takes x [N,I], states [N,H]");
    expect_error(ct_gru_cell(x, NULL, wx, wh, b, b), CT_ERROR_NULL, "gru_cell: input 1 is NULL");
}
END_TEST

/* ---- memory ---- */

static ct_tensor *try_norms(ct_tensor *const *in)
{
    ct_tensor *image = ct_reshape(in[0], CT_SHAPE(3, 2, 3));
    ct_tensor *y = ct_layer_norm(ct_batch_norm(image, NULL, NULL), NULL, NULL);
    return ct_local_response_norm(ct_group_norm(ct_normalize(y, 2), 1, NULL, NULL), 3);
}

static ct_tensor *try_attention(ct_tensor *const *in)
{
    ct_tensor *x = ct_reshape(in[0], CT_SHAPE(6, 3));
    return ct_dropout(ct_scaled_dot_product_attention(x, x, x, .is_causal = true, .dropout = 0.1), 0.5, true);
}

static ct_tensor *try_lstm(ct_tensor *const *in)
{
    ct_tensor *w[WEIGHTS], *h, *c;
    for (int i = 0; i < WEIGHTS; i++) {
        int64_t shape[] = {8, i % 4 == 0 ? i / 8 == 0 ? INPUTS : 4 : HIDDEN};
        w[i] = ct_ones(CT_FLOAT64, shape, i % 4 < 2 ? 2 : 1);
    }
    ct_tensor *y = ct_lstm(ct_reshape(in[0], CT_SHAPE(3, 2, 3)), NULL, NULL, w, WEIGHTS, .bidirectional = true,
                           .h_last = &h, .c_last = &c, .dropout = 0.2);
    return ct_add(ct_sum(y), ct_sum(ct_mul(h, c)));
}

static const test_expression expressions[] = {try_norms, try_attention, try_lstm};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

START_TEST(no_memory)
{
    ct_tensor *x = wave(1, CT_SHAPE(18));
    expect_memory_errors(expressions[_i], &(ct_tensor *){ct_detach(x)}, 1);
}
END_TEST

Suite *ct_suite_norm(void)
{
    Suite *suite = suite_create("norm");
    TCase *norms = tcase_create("normalisation");
    tcase_add_checked_fixture(norms, open_test, close_test);
    tcase_add_test(norms, large_layer_norm);
    tcase_add_test(norms, batch_norm_keeps_running_statistics);
    tcase_add_test(norms, batch_norm_without_parts);
    tcase_add_test(norms, batch_norm_without_memory_changes_nothing);
    tcase_add_test(norms, batch_norm_refuses);
    tcase_add_test(norms, running_statistics_change_both_or_neither);
    tcase_add_test(norms, layers_and_groups);
    tcase_add_test(norms, layers_and_groups_refuse);
    tcase_add_test(norms, rows_of_length_one);
    tcase_add_test(norms, gradients_of_no_rows);
    tcase_add_loop_test(norms, no_memory, 0, EXPRESSIONS);
    suite_add_tcase(suite, norms);
    TCase *attention = tcase_create("dropout and attention");
    tcase_add_checked_fixture(attention, open_test, close_test);
    tcase_add_test(attention, dropout_draws_one_mask);
    tcase_add_test(attention, dropout_of_all_and_of_nothing);
    tcase_add_test(attention, attention_masks);
    tcase_add_test(attention, attention_dropout);
    tcase_add_test(attention, attention_refuses);
    suite_add_tcase(suite, attention);
    TCase *recurrent = tcase_create("recurrent");
    tcase_add_checked_fixture(recurrent, open_test, close_test);
    tcase_add_loop_test(recurrent, sequences_agree_with_pytorch, 0, KINDS);
    tcase_add_loop_test(recurrent, sequences_with_the_batch_first, 0, KINDS);
    tcase_add_loop_test(recurrent, sequences_with_parts_left_out, 0, KINDS);
    tcase_add_loop_test(recurrent, sequences_are_chains_of_cells, 0, KINDS);
    tcase_add_loop_test(recurrent, sequences_with_dropout, 0, KINDS);
    tcase_add_loop_test(recurrent, sequences_refuse, 0, KINDS);
    tcase_add_test(recurrent, cells_refuse);
    suite_add_tcase(suite, recurrent);
    return suite;
}
