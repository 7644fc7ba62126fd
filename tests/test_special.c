/* The functions of special.h where they end or change: zeros, infinities, NaN, bounds in any order, errors; PyTorch 2.15's values
 * but for the limits at infinity, where it has NaN. And the incomplete gamma functions, which the accuracy table does not have. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>
#include <string.h>

#define INF INFINITY

static bool same_value(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

START_TEST(one_input)
{
    static const double at[] = {NAN, INF, -INF, -0.0, 0.0};
    static const struct {
        const char *name;
        ct_tensor *(*f)(ct_tensor *);
        double expected[5];
    } cases[] = {{"ceil", ct_ceil, {NAN, INF, -INF, -0.0, 0}},
                 {"round", ct_round, {NAN, INF, -INF, -0.0, 0}},
                 {"trunc", ct_trunc, {NAN, INF, -INF, -0.0, 0}},
                 {"frac", ct_frac, {NAN, NAN, NAN, 0, 0}},
                 {"exp2", ct_exp2, {NAN, INF, 0, 1, 1}},
                 {"log10", ct_log10, {NAN, INF, NAN, -INF, -INF}},
                 {"asinh", ct_asinh, {NAN, INF, -INF, -0.0, 0}},
                 {"acosh", ct_acosh, {NAN, INF, NAN, NAN, NAN}},
                 {"atanh", ct_atanh, {NAN, NAN, NAN, -0.0, 0}},
                 {"erfc", ct_erfc, {NAN, 0, 2, 1, 1}},
                 {"erfinv", ct_erfinv, {NAN, NAN, NAN, -0.0, 0}},
                 {"sinc", ct_sinc, {NAN, 0, 0, 1, 1}},
                 {"lgamma", ct_lgamma, {NAN, INF, INF, INF, INF}},
                 {"digamma", ct_digamma, {NAN, INF, NAN, INF, -INF}},
                 {"i0", ct_i0, {NAN, INF, INF, 1, 1}},
                 {"i0e", ct_i0e, {NAN, 0, 0, 1, 1}},
                 {"bessel_j0", ct_bessel_j0, {NAN, 0, 0, 1, 1}},
                 {"bessel_j1", ct_bessel_j1, {NAN, 0, 0, -0.0, 0}},
                 {"bessel_y0", ct_bessel_y0, {NAN, 0, NAN, -INF, -INF}},
                 {"bessel_y1", ct_bessel_y1, {NAN, 0, NAN, -INF, -INF}},
                 {"deg2rad", ct_deg2rad, {NAN, INF, -INF, -0.0, 0}},
                 {"isnan", ct_isnan, {1, 0, 0, 0, 0}},
                 {"isinf", ct_isinf, {0, 1, 1, 0, 0}},
                 {"isposinf", ct_isposinf, {0, 1, 0, 0, 0}},
                 {"isneginf", ct_isneginf, {0, 0, 1, 0, 0}},
                 {"isfinite", ct_isfinite, {0, 0, 0, 1, 1}},
                 {"signbit", ct_signbit, {0, 0, 1, 1, 0}}};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = ct_from_values((ct_dtype)dtype, at, 5, CT_SHAPE(5));
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            ct_tensor *y = cases[c].f(x);
            for (int64_t i = 0; i < 5; i++)
                ck_assert_msg(same_value(ct_get(y, &i, 1), cases[c].expected[i]), "%s(%g) is %g, not %g", cases[c].name,
                              at[i], ct_get(y, &i, 1), cases[c].expected[i]);
        }
    }
}
END_TEST

START_TEST(two_inputs)
{
    static const struct {
        const char *name;
        ct_tensor *(*f)(ct_tensor *, ct_tensor *);
        double a, b, expected;
    } cases[] = {{"remainder", ct_remainder, -1, INF, INF},
                 {"remainder", ct_remainder, 1, 0, NAN},
                 {"remainder", ct_remainder, -5, 3, 1},
                 {"remainder", ct_remainder, 5, -3, -1},
                 {"remainder", ct_remainder, INF, 1, NAN},
                 {"fmod", ct_fmod, -5, 3, -2},
                 {"fmod", ct_fmod, 5, INF, 5},
                 {"floor_divide", ct_floor_divide, -5, 3, -2},
                 {"floor_divide", ct_floor_divide, 1, 0, INF},
                 {"floor_divide", ct_floor_divide, -1, INF, -1},
                 {"copysign", ct_copysign, 3, -0.0, -3},
                 {"hypot", ct_hypot, INF, NAN, INF},
                 {"hypot", ct_hypot, 0, -0.0, 0},
                 {"logaddexp", ct_logaddexp, INF, INF, INF},
                 {"logaddexp", ct_logaddexp, -INF, -INF, -INF},
                 {"logaddexp", ct_logaddexp, -INF, 2, 2},
                 {"logaddexp", ct_logaddexp, NAN, 1, NAN},
                 {"xlogy", ct_xlogy, 0, 0, 0},
                 {"xlogy", ct_xlogy, 0, -1, 0},
                 {"xlogy", ct_xlogy, 0, NAN, NAN},
                 {"xlogy", ct_xlogy, 2, 0, -INF},
                 {"xlog1py", ct_xlog1py, 0, -1, 0},
                 {"heaviside", ct_heaviside, NAN, 2, 0},
                 {"heaviside", ct_heaviside, -0.0, 2, 2},
                 {"igamma", ct_igamma, 0, 0, NAN},
                 {"igamma", ct_igamma, 0, 1, 1},
                 {"igamma", ct_igamma, 1, INF, 1},
                 {"igamma", ct_igamma, -1, 1, NAN},
                 {"igamma", ct_igamma, 1, 0, 0},
                 {"igammac", ct_igammac, 0, 1, 0},
                 {"igammac", ct_igammac, 1, 0, 1}};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            ct_tensor *y = cases[c].f(ct_scalar((ct_dtype)dtype, cases[c].a), ct_scalar((ct_dtype)dtype, cases[c].b));
            ck_assert_msg(same_value(ct_item(y), cases[c].expected), "%s(%g, %g) is %g, not %g", cases[c].name,
                          cases[c].a, cases[c].b, ct_item(y), cases[c].expected);
        }
}
END_TEST

/* By mpmath: both sides of the middle, and of the limits between the formulas. */
START_TEST(incomplete_gamma_functions)
{
    static const double cases[][4] = {{0.5, 0.25, 0.52049987781304653768, 0.47950012218695346232},
                                      {3, 2.5, 0.45618688411667048200, 0.54381311588332951800},
                                      {30, 12, 8.8701387991446941240e-6, 0.99999112986120085531},
                                      {1e-3, 8, 0.99999996223033501268, 3.7769664987322660476e-8},
                                      {1e4, 1e4, 0.50132980833995520038, 0.49867019166004479962},
                                      {40, 3, 8.0030950925218915796e-31, 1},
                                      {1000, 1000, 0.5042052441802155085, 0.4957947558197844915},
                                      {1000, 1200, 0.99999999871183939137, 1.2881606086281432952e-9},
                                      {1e5, 99e3, 0.00075741992117476797412, 0.99924258007882523203},
                                      {5e5, 501e3, 0.92128133861387036661, 0.078718661386129633385},
                                      {1e6, 1e6, 0.50013298076087259124, 0.49986701923912740876},
                                      {1e6, 1.01e6, 1, 1.0606997477586901443e-23},
                                      {1e6, 9.8e5, 1.8371857329071326045e-90, 1},
                                      {1e8, 1e8, 0.50001329807601411987, 0.49998670192398588013},
                                      {1e8, 100020000, 0.97724446922514479739, 0.022755530774855202606},
                                      {4e9, 4e9, 0.50000210261043501972, 0.49999789738956498028},
                                      {1e12, 999997e6, 0.0013498862133920378812, 0.99865011378660796212},
                                      {1e15, 1000000100e6, 0.99921729861598770513, 0.00078270138401229487364},
                                      {1e300, 1e300, 0.5, 0.5},
                                      {1e300, 1, 0, 1},
                                      {1e6, 1.7e308, 1, 0},
                                      {100, 250, 1, 1.1737017704487874221e-27}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ct_tensor *a = ct_scalar(CT_FLOAT64, cases[c][0]), *x = ct_scalar(CT_FLOAT64, cases[c][1]);
        const double tolerance = 2e-15;
        double below = ct_item(ct_igamma(a, x)), above = ct_item(ct_igammac(a, x));
        ck_assert_msg(fabs(below - cases[c][2]) <= tolerance * cases[c][2], "P(%g, %g) is %.17g", cases[c][0],
                      cases[c][1], below);
        ck_assert_msg(fabs(above - cases[c][3]) <= tolerance * cases[c][3], "Q(%g, %g) is %.17g", cases[c][0],
                      cases[c][1], above);
    }
}
END_TEST

/* By a, first and second; from mpmath. */
START_TEST(derivatives_of_igamma)
{
    static const double cases[][4] = {{2, 1, -0.27619604570283479699, 0.20511882229077995324},
                                      {0.5, 3, -0.047240326447973750916, -0.085989868973685683982},
                                      {100, 110, -0.02380865685489038646, -0.0022709019620905544996},
                                      {1e-3, 1e-10, -21.951897545291590753, 491.22015439514478674},
                                      {20, 5, -4.9202684032287466673e-7, 6.8495509774169982272e-7},
                                      {1e5, 100300, -0.00080392821236356437341, -2.4081761793631782406e-6},
                                      {1e6, 1e6, -0.00039894231364662520478, 3.3245198344744298168e-17},
                                      {1e8, 100020000, -5.3999964092815744082e-6, -1.0798912972258244361e-9},
                                      {3, 0, 0, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ct_tensor *a = ct_set_requires_grad(ct_scalar(CT_FLOAT64, cases[c][0]), true), *first = NULL, *second = NULL;
        ct_tensor *y = ct_igamma(a, ct_scalar(CT_FLOAT64, cases[c][1]));
        ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &first, .create_graph = true), CT_OK);
        double got = ct_item(first), expected = cases[c][2];
        ck_assert_msg(fabs(got - expected) <= 1e-14 * fabs(expected), "at %g, %g: %.17g", cases[c][0], cases[c][1],
                      got);
        if (cases[c][1] == 0)
            continue;
        ck_assert_int_eq(ct_grad(&first, 1, &a, 1, &second), CT_OK);
        got = ct_item(second), expected = cases[c][3];
        double scale = fmax(fabs(expected), fabs(cases[c][2]) / sqrt(cases[c][0])); /* of the terms, which may cancel */
        ck_assert_msg(fabs(got - expected) <= 1e-11 * scale, "at %g, %g, second: %.17g", cases[c][0], cases[c][1], got);
    }
}
END_TEST

START_TEST(derivatives_of_igamma_end)
{
    ct_tensor *a = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 2), true);
    ct_tensor *y = ct_igammac(a, ct_scalar(CT_FLOAT64, 1));
    for (int order = 1; order <= 8; order++) {
        ct_tensor *next = NULL;
        ck_assert_int_eq(ct_grad(&y, 1, &a, 1, &next, .create_graph = true), CT_OK);
        y = next;
    }
    ck_assert_double_eq_tol(ct_item(y), -2.5126573184779887821, 1e-9);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "derivatives by a go to order 8"));
    ct_error_clear();
}
END_TEST

/* Values and derivatives by s and by q: from mpmath, of s from 50 on by summing. */
START_TEST(values_of_zeta)
{
    static const double cases[][5] = {
        {1.5, 0.25, 10.213055360466600739, 7.0600508190496927219, -49.271177932046528794},
        {2, 1, 1.6449340668482264365, -0.9375482543158437537, -2.4041138063191885708},
        {2.5, 15.5, 0.011467553312041131265, -0.038708220479091532226, -0.0011456970960673038401},
        {50, 16, 6.5417995751217714682e-61, -1.8158175628110387008e-60, -2.0381306206805699349e-60},
        {50, 20.5, 2.8507057411427448699e-66, -8.6244633732571734826e-66, -6.9194789203204837644e-66},
        {120, 300, 1.6996290891921763175e-297, -9.7059502780844357017e-297, -6.7523666191863870063e-298},
        {3, 1e6, 5.0000050000025e-13, -7.1577621867407865785e-12, -1.000001500001e-18}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ct_tensor *s = ct_set_requires_grad(ct_scalar(CT_FLOAT64, cases[c][0]), true);
        ct_tensor *q = ct_set_requires_grad(ct_scalar(CT_FLOAT64, cases[c][1]), true), *y = ct_zeta(s, q);
        ck_assert_int_eq(ct_backward(y), CT_OK);
        const double got[] = {ct_item(y), ct_item(ct_grad_of(s)), ct_item(ct_grad_of(q))};
        for (int i = 0; i < 3; i++)
            ck_assert_msg(fabs(got[i] - cases[c][2 + i]) <= 4e-16 * fabs(cases[c][2 + i]),
                          "%d of zeta(%g, %g) is %.17g", i, cases[c][0], cases[c][1], got[i]);
    }
    ct_tensor *s = ct_from_values(CT_FLOAT64, CT_VALUES(1, 0.5, NAN, 2, 2.5, 2, INFINITY), CT_SHAPE(7));
    ct_tensor *q = ct_from_values(CT_FLOAT64, CT_VALUES(3, 3, 3, -4, -4.5, NAN, 2), CT_SHAPE(7));
    expect_tensor(ct_zeta(s, q), CT_FLOAT64, CT_SHAPE(7), CT_VALUES(INFINITY, NAN, NAN, INFINITY, NAN, NAN, 0));
    /* polygamma(59, 16) = 59! zeta(60, 16), whose expansion begins far from 16 */
    ck_assert_double_eq_tol(ct_item(ct_polygamma(ct_scalar(CT_FLOAT64, 16), 59)) / 80627339.899040103434, 1, 1e-15);
}
END_TEST

START_TEST(derivatives_of_zeta_end)
{
    ct_tensor *s = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 2), true), *y = ct_zeta(s, ct_scalar(CT_FLOAT64, 1));
    for (int order = 1; order <= 8; order++) {
        ct_tensor *next = NULL;
        ck_assert_int_eq(ct_grad(&y, 1, &s, 1, &next, .create_graph = true), CT_OK);
        y = next;
    }
    ck_assert_double_eq_tol(ct_item(y) / 40319.999746866381059, 1, 1e-15);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "derivatives by s go to order 8"));
    ct_error_clear();
}
END_TEST

START_TEST(integers_are_finite)
{
    ct_tensor *x = ct_from_values(CT_INT32, CT_VALUES(0, -3, 5), CT_SHAPE(3));
    expect_tensor(ct_isnan(x), CT_BOOL, CT_SHAPE(3), CT_VALUES(0, 0, 0));
    expect_tensor(ct_isinf(x), CT_BOOL, CT_SHAPE(3), CT_VALUES(0, 0, 0));
    expect_tensor(ct_isfinite(x), CT_BOOL, CT_SHAPE(3), CT_VALUES(1, 1, 1));
    expect_tensor(ct_signbit(x), CT_BOOL, CT_SHAPE(3), CT_VALUES(0, 1, 0));
}
END_TEST

START_TEST(bounds_that_are_tensors)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(NAN, 1, 2, 3, 0, 1), CT_SHAPE(6));
    ct_tensor *low = ct_from_values(CT_FLOAT64, CT_VALUES(0, NAN, 0, 5, 1, 1), CT_SHAPE(6));
    ct_tensor *high = ct_from_values(CT_FLOAT64, CT_VALUES(9, 9, NAN, 4, 9, 1), CT_SHAPE(6));
    ct_tensor *leaves[] = {ct_set_requires_grad(x, true), ct_set_requires_grad(low, true),
                           ct_set_requires_grad(high, true)};
    ct_tensor *y = ct_clamp_tensor(x, low, high);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(6), CT_VALUES(NAN, NAN, NAN, 4, 1, 1));
    ct_tensor *sum = ct_sum(y), *gradients[3];
    ck_assert_int_eq(ct_grad(&sum, 1, leaves, 3, gradients), CT_OK);
    expect_tensor(gradients[0], CT_FLOAT64, CT_SHAPE(6), CT_VALUES(1, 0, 0, 0, 0, 1));
    expect_tensor(gradients[1], CT_FLOAT64, CT_SHAPE(6), CT_VALUES(0, 1, 0, 0, 1, 0));
    expect_tensor(gradients[2], CT_FLOAT64, CT_SHAPE(6), CT_VALUES(0, 0, 1, 1, 0, 0));
    expect_tensor(ct_clamp_tensor(x, NULL, NULL), CT_FLOAT64, CT_SHAPE(6), CT_VALUES(NAN, 1, 2, 3, 0, 1));
    expect_error(ct_clamp_tensor(x, ct_zeros(CT_FLOAT64, CT_SHAPE(4)), NULL), CT_ERROR_SHAPE,
                 "clamp_tensor: lt: shapes do not broadcast: [6], [4]");
    expect_error(ct_clamp_tensor(x, ct_zeros(CT_FLOAT32, CT_SHAPE(6)), NULL), CT_ERROR_DTYPE,
                 "clamp_tensor: dtypes differ: float64 and float32");
}
END_TEST

START_TEST(numbers_for_what_is_none)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(NAN, INF, -INF, 2), CT_SHAPE(4));
    expect_tensor(ct_nan_to_num(x, CT_UNSET, CT_UNSET, CT_UNSET), CT_FLOAT32, CT_SHAPE(4),
                  CT_VALUES(0, 0x1.fffffep127, -0x1.fffffep127, 2));
    ct_set_requires_grad(x, true);
    ck_assert_int_eq(ct_backward(ct_sum(ct_nan_to_num(x, 7, 8, 9))), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT32, CT_SHAPE(4), CT_VALUES(0, 0, 0, 1));
}
END_TEST

START_TEST(orders_of_polygamma)
{
    ct_tensor *x = ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 0.5), CT_SHAPE(3));
    expect_close(ct_polygamma(x, 0), ct_digamma(x), 0);
    double zeta3 = 1.2020569031595942;
    expect_close(ct_polygamma(x, 2),
                 ct_from_values(CT_FLOAT64, CT_VALUES(-2 * zeta3, 2 - 2 * zeta3, -14 * zeta3), CT_SHAPE(3)), 1e-15);
    expect_error(ct_polygamma(x, -1), CT_ERROR_ARGUMENT, "polygamma: n is -1, not a whole number from 0 on");
    expect_error(ct_polygamma(x, 1.5), CT_ERROR_ARGUMENT, "polygamma: n is 1.5, not a whole number from 0 on");
    expect_error(ct_polygamma(x, NAN), CT_ERROR_ARGUMENT, "polygamma: n is nan, not a whole number from 0 on");
}
END_TEST

/* The origin, where a quotient would be NaN. */
START_TEST(hypot_at_the_origin)
{
    ct_tensor *in[] = {ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true),
                       ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true)};
    ck_assert_int_eq(ct_backward(ct_hypot(in[0], in[1])), CT_OK);
    ck_assert_double_eq(ct_item(ct_grad_of(in[0])), 0);
    ck_assert_double_eq(ct_item(ct_grad_of(in[1])), 0);
}
END_TEST

/* The slopes on either side cancel, as those of abs. */
START_TEST(scaled_bessel_functions_at_the_origin)
{
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, -0.0), true), *first = NULL, *second = NULL;
    ct_tensor *y = ct_i0e(x), *z = ct_i1e(x);
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &first), CT_OK);
    ck_assert_double_eq(ct_item(first), 0);
    ck_assert_int_eq(ct_grad(&z, 1, &x, 1, &first, .create_graph = true), CT_OK);
    ck_assert_double_eq(ct_item(first), 0.5);
    ck_assert_int_eq(ct_grad(&first, 1, &x, 1, &second), CT_OK);
    ck_assert_double_eq(ct_item(second), 0);
}
END_TEST

/* x log y is 0 at x = 0 whatever y is, so its slope by y is 0, at y = 0 too. */
START_TEST(zero_times_a_logarithm_has_no_slope)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(2)), *grad = NULL;
    ct_tensor *zero = ct_set_requires_grad(ct_zeros(CT_FLOAT64, CT_SHAPE(2)), true);
    ct_tensor *minus_one = ct_set_requires_grad(ct_full(CT_FLOAT64, -1, CT_SHAPE(2)), true), *y = ct_xlogy(x, zero);
    ck_assert_int_eq(ct_grad(&y, 1, &zero, 1, &grad, .gradients = (ct_tensor *[]){ct_ones_like(y)}), CT_OK);
    expect_close(grad, x, 0);
    y = ct_xlog1py(x, minus_one);
    ck_assert_int_eq(ct_grad(&y, 1, &minus_one, 1, &grad, .gradients = (ct_tensor *[]){ct_ones_like(y)}), CT_OK);
    expect_close(grad, x, 0);
}
END_TEST

Suite *ct_suite_special(void)
{
    Suite *suite = suite_create("special");
    TCase *tests = tcase_create("special");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, one_input);
    tcase_add_test(tests, zero_times_a_logarithm_has_no_slope);
    tcase_add_test(tests, two_inputs);
    tcase_add_test(tests, incomplete_gamma_functions);
    tcase_add_test(tests, derivatives_of_igamma);
    tcase_add_test(tests, derivatives_of_igamma_end);
    tcase_add_test(tests, values_of_zeta);
    tcase_add_test(tests, derivatives_of_zeta_end);
    tcase_add_test(tests, integers_are_finite);
    tcase_add_test(tests, bounds_that_are_tensors);
    tcase_add_test(tests, numbers_for_what_is_none);
    tcase_add_test(tests, orders_of_polygamma);
    tcase_add_test(tests, hypot_at_the_origin);
    tcase_add_test(tests, scaled_bessel_functions_at_the_origin);
    suite_add_tcase(suite, tests);
    return suite;
}
