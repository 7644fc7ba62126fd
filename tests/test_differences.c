/* What docs/differences.md says of elementwise operations, line by line: where results differ from PyTorch's on purpose, and what
 * holds at kinks and infinities. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include <math.h>
#include <string.h>

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-5 * fabs(b);
}

static ct_tensor *leaky(ct_tensor *x)
{
    return ct_leaky_relu(x, 0.125);
}

static ct_tensor *elu(ct_tensor *x)
{
    return ct_elu(x, 0.75);
}

static ct_tensor *clamp(ct_tensor *x)
{
    return ct_clamp(x, -1, 2);
}

static ct_tensor *clamp_crossed(ct_tensor *x)
{
    return ct_clamp(x, 2, 1);
}

static ct_tensor *clamp_by_nan(ct_tensor *x)
{
    return ct_clamp(x, NAN, 1);
}

static ct_tensor *hardtanh(ct_tensor *x)
{
    return ct_hardtanh(x, -1, 2);
}

static ct_tensor *softplus_negative(ct_tensor *x)
{
    return ct_softplus(x, -1);
}

static ct_tensor *softplus(ct_tensor *x)
{
    return ct_softplus(x, 1);
}

/* A root at 0 whose cotangent is 0. */
static ct_tensor *pow_hidden(ct_tensor *x)
{
    ct_tensor *zero = ct_scalar(ct_dtype_of(x), 0);
    return ct_where(ct_gt(x, zero), ct_pow_scalar(x, 0.5), x);
}

static ct_tensor *sqrt_hidden(ct_tensor *x)
{
    ct_tensor *zero = ct_scalar(ct_dtype_of(x), 0);
    return ct_where(ct_gt(x, zero), ct_sqrt(x), x);
}

static ct_tensor *sqrt_chosen_before(ct_tensor *x)
{
    ct_tensor *zero = ct_scalar(ct_dtype_of(x), 0), *one = ct_scalar(ct_dtype_of(x), 1);
    ct_tensor *positive = ct_gt(x, zero);
    return ct_where(positive, ct_sqrt(ct_where(positive, x, one)), x);
}

#define INF INFINITY
static const struct {
    const char *name;
    ct_tensor *(*f)(ct_tensor *);
    double at, value, gradient;
} of_one[] = {
    {"gelu", ct_gelu, -INF, 0, 0},
    {"gelu", ct_gelu, INF, INF, 1},
    {"gelu", ct_gelu, -6, -5.919526e-09, -3.546871e-08},
    {"gelu_tanh", ct_gelu_tanh, -INF, 0, 0},
    {"gelu_tanh", ct_gelu_tanh, INF, INF, 1},
    {"gelu_tanh", ct_gelu_tanh, -5, -2.291796e-07, -1.546362e-06},
    {"silu", ct_silu, -INF, 0, 0},
    {"silu", ct_silu, INF, INF, 1},
    {"mish", ct_mish, -INF, 0, 0},
    {"mish", ct_mish, INF, INF, 1},
    {"hardswish", ct_hardswish, -INF, 0, 0},
    {"hardswish", ct_hardswish, INF, INF, 1},
    {"hardswish", ct_hardswish, NAN, NAN, NAN},
    {"acosh", ct_acosh, -2, NAN, NAN},
    {"digamma", ct_digamma, -2, NAN, INF},
    {"i0e", ct_i0e, 0, 1, 0},
    {"softsign", ct_softsign, INF, 1, 0},
    {"softsign", ct_softsign, -INF, -1, 0},
    {"sigmoid", ct_sigmoid, 30, 1, 9.35762e-14},
    {"tanh", ct_tanh, 30, 1, 3.50260e-26},
    {"softplus", softplus, 25, 25, 1},
    {"softplus", softplus, -25, 1.388794e-11, 1.388794e-11},
    {"softplus by -1", softplus_negative, 2, -0.126928, 0.119203},
    {"abs", ct_abs, 0, 0, 0},
    {"abs", ct_abs, NAN, NAN, 0},
    {"sign", ct_sign, NAN, 0, 0},
    {"relu", ct_relu, 0, 0, 0},
    {"relu", ct_relu, NAN, NAN, 1},
    {"leaky_relu", leaky, 0, 0, 0.125},
    {"leaky_relu", leaky, NAN, NAN, 0.125},
    {"elu", elu, 0, 0, 0.75},
    {"elu", elu, NAN, NAN, NAN},
    {"selu", ct_selu, NAN, NAN, NAN},
    {"selu", ct_selu, 0, 0, 1.758099},
    {"clamp", clamp, 2, 2, 1},
    {"clamp", clamp, -1, -1, 1},
    {"clamp", clamp, 3, 2, 0},
    {"clamp", clamp, NAN, NAN, 0},
    {"clamp, low above high", clamp_crossed, 1.5, 1, 0},
    {"clamp by NaN", clamp_by_nan, 0, NAN, 0},
    {"hardtanh", hardtanh, 2, 2, 0},
    {"hardtanh", hardtanh, -1, -1, 0},
    {"hardtanh", hardtanh, NAN, NAN, 0},
    {"sqrt", ct_sqrt, 0, 0, INF},
    {"sqrt", ct_sqrt, -0.0, 0, -INF},
    {"log", ct_log, 0, -INF, INF},
    {"log", ct_log, -0.0, -INF, -INF},
    {"reciprocal", ct_reciprocal, 0, INF, -INF},
    {"reciprocal", ct_reciprocal, -0.0, -INF, -INF},
    {"where(x > 0, sqrt(x), x)", sqrt_hidden, -1, -1, NAN},
    {"where(x > 0, sqrt(x), x)", sqrt_hidden, 0, 0, NAN},
    {"the same, chosen before", sqrt_chosen_before, -1, -1, 1},
    {"the same, chosen before", sqrt_chosen_before, 0, 0, 1},
    {"the same, chosen before", sqrt_chosen_before, 4, 2, 0.25},
    {"where(x > 0, pow(x, 0.5), x)", pow_hidden, 0, 0, NAN},
};
#undef INF

/* As the only element, and in a row that fills vectors. */
START_TEST(functions_of_one)
{
    for (size_t c = 0; c < sizeof of_one / sizeof *of_one; c++) {
        for (int64_t n = 1; n <= 33; n += 32) {
            for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
                ct_tensor *x = ct_set_requires_grad(ct_full((ct_dtype)dtype, of_one[c].at, CT_SHAPE(n)), true);
                ct_tensor *y = of_one[c].f(x), *grad;
                ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad, .gradients = (ct_tensor *[]){ct_ones_like(y)}), CT_OK);
                for (int64_t i = 0; i < n; i++) {
                    double value = ct_get(y, &i, 1), gradient = ct_get(grad, &i, 1);
                    ck_assert_msg(same(value, of_one[c].value) && same(gradient, of_one[c].gradient),
                                  "%s(%g), %s: %.9g with gradient %.9g, not %.9g with %.9g", of_one[c].name,
                                  of_one[c].at, ct_dtype_name((ct_dtype)dtype), value, gradient, of_one[c].value,
                                  of_one[c].gradient);
                }
            }
        }
    }
}
END_TEST

/* atan2's second derivatives at (0, 0); a cotangent of 0 into pow. The first derivatives of pairs are test_accuracy.c's. */
START_TEST(functions_of_two)
{
    ct_tensor *in[] = {ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true),
                       ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true)};
    ct_tensor *y = ct_atan2(in[0], in[1]), *first[2], *second[2];
    ck_assert_int_eq(ct_grad(&y, 1, in, 2, first, .create_graph = true), CT_OK);
    ck_assert_int_eq(ct_grad(first, 2, in, 2, second), CT_OK);
    for (int k = 0; k < 2; k++)
        ck_assert_double_eq(ct_item(second[k]), 0);
    ct_tensor *nothing = ct_scalar(CT_FLOAT64, 0), *grad;
    y = ct_pow(in[0], ct_scalar(CT_FLOAT64, 0.5));
    ck_assert_int_eq(ct_grad(&y, 1, in, 1, &grad, .gradients = &nothing), CT_OK);
    ck_assert_double_eq(ct_item(grad), 0);
}
END_TEST

START_TEST(softmax_of_nothing)
{
    ct_tensor *y = ct_softmax(ct_full(CT_FLOAT32, -INFINITY, CT_SHAPE(3)), 0);
    for (int64_t i = 0; i < 3; i++)
        ck_assert(isnan(ct_get(y, &i, 1)));
}
END_TEST

/* A variance over fewer observations than it corrects for; something added where there is no place for it. */
START_TEST(statistics_and_places)
{
    ct_tensor *x = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(1, 3), CT_SHAPE(2)), true), *grad;
    for (int correction = 2; correction < 4; correction++) {
        ct_tensor *y = ct_var(x, .correction = correction);
        ck_assert_double_eq(ct_item(y), INFINITY);
        ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad), CT_OK);
        expect_tensor(grad, CT_FLOAT64, CT_SHAPE(2), CT_VALUES(-INFINITY, INFINITY));
    }
    ct_tensor *empty = ct_zeros(CT_FLOAT64, CT_SHAPE(0, 3)), *index = ct_zeros(CT_INT64, CT_SHAPE(2));
    expect_error(ct_index_add(empty, 0, index, ct_zeros(CT_FLOAT64, CT_SHAPE(2, 3))), CT_ERROR_ARGUMENT,
                 "index_add: scatter_add: index 0 at [0,0], and there is nothing to choose from");
}
END_TEST

Suite *ct_suite_differences(void)
{
    Suite *suite = suite_create("differences");
    TCase *tests = tcase_create("differences");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, functions_of_one);
    tcase_add_test(tests, functions_of_two);
    tcase_add_test(tests, softmax_of_nothing);
    tcase_add_test(tests, statistics_and_places);
    suite_add_tcase(suite, tests);
    return suite;
}
