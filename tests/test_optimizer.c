/* Clipping of gradients.
 *
 * Invariant: what is expected was computed by hand or in another program, in float64. */
#include <cotan/cotan.h>
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* The pending error has that code and mentions the words; clears it. */
static void expect_error(ct_status code, const char *words)
{
    ck_assert_msg(ct_error_code() == code, "%s, not %s: \"%s\"", ct_status_name(ct_error_code()), ct_status_name(code),
                  ct_error_message());
    ck_assert_msg(strstr(ct_error_message(), words) != NULL, "\"%s\" does not say \"%s\"", ct_error_message(), words);
    ct_error_clear();
}

static void close_scope(void)
{
    ck_assert_msg(ct_error_code() == CT_OK, "%s", ct_error_message());
    ck_assert_int_eq(ct_scope_close(), CT_OK);
}

/* ---- clipping ---- */

/* Parameters a [2,2], b [3] and c [2], and a buffer: with gradients {1, -2, 2, 4}, {10, -4, 0}, none and none. Their norm is
 * sqrt(1 + 4 + 4 + 16 + 100 + 16) = sqrt(141). a's is transposed. */
static const double gradient_a[] = {1, 2, -2, 4}, gradient_b[] = {10, -4, 0};

static ct_module *with_gradients(ct_dtype dtype, double scale)
{
    ct_module *m = ct_module_new(dtype);
    ct_scope_open();
    ct_tensor *a = ct_module_parameter(m, "a", ct_zeros(dtype, CT_SHAPE(2, 2)));
    ct_tensor *b = ct_module_parameter(m, "b", ct_zeros(dtype, CT_SHAPE(3)));
    ct_module_parameter(m, "c", ct_zeros(dtype, CT_SHAPE(2)));
    ct_module_buffer(m, "d", ct_ones(dtype, CT_SHAPE(2)));
    ct_tensor *s = ct_full(dtype, scale, CT_SCALAR);
    ct_set_grad(a, ct_transpose(ct_mul(ct_from_values(dtype, gradient_a, 4, CT_SHAPE(2, 2)), s), 0, 1));
    ct_set_grad(b, ct_mul(ct_from_values(dtype, gradient_b, 3, CT_SHAPE(3)), s));
    close_scope();
    return m;
}

/* The gradients are factor times what they were, within the dtype's rounding. */
static void expect_scaled(const ct_module *m, double factor)
{
    double tolerance = ct_module_dtype(m) == CT_FLOAT32 ? 1e-6 : 1e-14;
    const ct_tensor *a = ct_grad_of(ct_module_get(m, "a")), *b = ct_grad_of(ct_module_get(m, "b"));
    for (int64_t i = 0; i < 4; i++)
        ck_assert_double_eq_tol(ct_get(a, (int64_t[]){i % 2, i / 2}, 2), factor * gradient_a[i], 4 * tolerance);
    for (int64_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol(ct_get(b, &i, 1), factor * gradient_b[i], 10 * tolerance);
    ck_assert_ptr_null(ct_grad_of(ct_module_get(m, "c")));
    ck_assert_double_eq(ct_get(ct_module_get(m, "d"), (int64_t[]){0}, 1), 1);
}

START_TEST(gradients_are_scaled_to_the_norm)
{
    static const struct {
        double norm_type, norm;
    } rows[] = {
        {2, 11.874342087037917}, /* sqrt(141) */
        {1, 23},
        {3, 10.461689566178741},   /* 1145^(1/3) */
        {0.5, 120.79559166914402}, /* (1 + 2 sqrt(2) + 2 + sqrt(10) + 2)^2 */
        {INFINITY, 10},
    };
    ct_dtype dtype = _i ? CT_FLOAT64 : CT_FLOAT32;
    for (int i = 0; i < LENGTH(rows); i++) {
        ct_module *m = with_gradients(dtype, 1);
        double norm = rows[i].norm;
        ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 2.5, .norm_type = rows[i].norm_type), norm, 1e-12 * norm);
        expect_scaled(m, 2.5 / (norm + 1e-6));
        ct_module_free(m);
    }
}
END_TEST

START_TEST(gradients_below_the_norm_stay)
{
    ct_dtype dtype = _i ? CT_FLOAT64 : CT_FLOAT32;
    ct_module *m = with_gradients(dtype, 1);
    const ct_tensor *b = ct_grad_of(ct_module_get(m, "b"));
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 12), sqrt(141), 1e-13);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, INFINITY), sqrt(141), 1e-13);
    ck_assert_ptr_eq(ct_grad_of(ct_module_get(m, "b")), b);
    for (int64_t i = 0; i < 3; i++)
        ck_assert_double_eq(ct_get(b, &i, 1), gradient_b[i]);
    ck_assert(ct_clip_grad_norm_(m, 0) > 11);
    ck_assert_double_eq(ct_clip_grad_norm_(m, 1), 0); /* all are 0 now: 1 / (0 + 1e-6) is above 1 */
    expect_scaled(m, 0);
    ct_module_free(m);
}
END_TEST

START_TEST(norms_do_not_overflow)
{
    ct_module *m = with_gradients(CT_FLOAT64, 1e200);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 1) / 1e200, sqrt(141), 1e-13);
    expect_scaled(m, 1 / sqrt(141));
    ct_module_free(m);
    m = with_gradients(CT_FLOAT64, 1e-200);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 1) * 1e200, sqrt(141), 1e-13);
    ct_module_free(m);
    m = with_gradients(CT_FLOAT32, 1e30);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 1) / 1e30, sqrt(141), 1e-5);
    expect_scaled(m, 1 / sqrt(141));
    ct_module_free(m);
}
END_TEST

START_TEST(norms_are_summed_in_double)
{
    enum { N = 1 << 20 };
    ct_module *m = ct_module_new(CT_FLOAT32);
    ct_scope_open();
    ct_tensor *p = ct_module_parameter(m, "p", ct_zeros(CT_FLOAT32, CT_SHAPE(N)));
    ck_assert_int_eq(ct_set_grad(p, ct_full(CT_FLOAT32, 0.1, CT_SHAPE(N))), CT_OK);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 1000), (double)0.1f * 1024, 1e-9);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(gradients_that_share_elements_are_scaled_once)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_scope_open();
    ct_tensor *g = ct_from_values(CT_FLOAT64, CT_VALUES(3, 0), CT_SHAPE(2));
    ct_tensor *a = ct_module_parameter(m, "a", ct_zeros(CT_FLOAT64, CT_SHAPE(2)));
    ct_tensor *b = ct_module_parameter(m, "b", ct_zeros(CT_FLOAT64, CT_SHAPE(2, 2)));
    ct_set_grad(a, g);
    ct_set_grad(b, ct_expand(g, CT_SHAPE(2, 2)));
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 1), sqrt(27), 1e-14);
    ck_assert_double_eq_tol(ct_get(ct_grad_of(a), (int64_t[]){0}, 1), 3 / (sqrt(27) + 1e-6), 1e-14);
    ck_assert_double_eq_tol(ct_get(ct_grad_of(b), (int64_t[]){1, 0}, 2), 3 / (sqrt(27) + 1e-6), 1e-14);
    ck_assert_double_eq(ct_get(g, (int64_t[]){0}, 1), 3);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(recorded_gradients_are_clipped)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_scope_open();
    ct_tensor *p = ct_module_parameter(m, "p", ct_full(CT_FLOAT64, 2, CT_SCALAR));
    ck_assert_int_eq(ct_backward(ct_pow_scalar(p, 3), .create_graph = true), CT_OK);
    ck_assert_double_eq_tol(ct_clip_grad_norm_(m, 3), 12, 1e-14);
    ck_assert_double_eq_tol(ct_item(ct_grad_of(p)), 12 * 3 / (12 + 1e-6), 1e-14);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(gradients_are_put_onto_the_bound)
{
    static const double want_a[] = {1, 2, -2, 3}, want_b[] = {3, -3, 0};
    ct_module *m = with_gradients(_i ? CT_FLOAT64 : CT_FLOAT32, 1);
    ck_assert_int_eq(ct_clip_grad_value_(m, 3), CT_OK);
    for (int64_t i = 0; i < 4; i++)
        ck_assert_double_eq(ct_get(ct_grad_of(ct_module_get(m, "a")), (int64_t[]){i % 2, i / 2}, 2), want_a[i]);
    for (int64_t i = 0; i < 3; i++)
        ck_assert_double_eq(ct_get(ct_grad_of(ct_module_get(m, "b")), &i, 1), want_b[i]);
    ck_assert_ptr_null(ct_grad_of(ct_module_get(m, "c")));
    ct_module_free(m);
}
END_TEST

START_TEST(nothing_to_clip)
{
    ct_module *m = ct_module_new(CT_FLOAT32);
    ck_assert_double_eq(ct_clip_grad_norm_(m, 1), 0);
    ck_assert_int_eq(ct_clip_grad_value_(m, 1), CT_OK);
    ct_scope_open();
    ct_tensor *p = ct_module_parameter(m, "p", ct_zeros(CT_FLOAT32, CT_SHAPE(0, 3)));
    ck_assert_double_eq(ct_clip_grad_norm_(m, 1), 0);
    ct_set_grad(p, ct_zeros(CT_FLOAT32, CT_SHAPE(0, 3)));
    ck_assert_double_eq(ct_clip_grad_norm_(m, 1), 0);
    ck_assert_double_eq(ct_clip_grad_norm_(m, 1, .norm_type = INFINITY), 0);
    ck_assert_int_eq(ct_clip_grad_value_(m, 1), CT_OK);
    close_scope();
    ct_module_free(m);
}
END_TEST

START_TEST(norms_that_are_not_finite)
{
    static const double bad[] = {INFINITY, NAN};
    for (int i = 0; i < LENGTH(bad); i++) {
        ct_module *m = with_gradients(CT_FLOAT32, 1);
        ct_tensor *g = ct_grad_of(ct_module_get(m, "b"));
        ((float *)ct_data_mut(g))[2] = (float)bad[i];
        for (int k = 0; k < 2; k++) {
            ck_assert(isnan(ct_clip_grad_norm_(m, 1, .norm_type = k ? 2 : INFINITY)));
            expect_error(CT_ERROR_STATE, i ? "norm of the gradients is nan" : "norm of the gradients is inf");
        }
        ck_assert_double_eq(ct_get(g, (int64_t[]){0}, 1), 10);
        double norm = ct_clip_grad_norm_(m, 1, .error_if_nonfinite = false);
        ck_assert(i ? isnan(norm) : isinf(norm));
        g = ct_grad_of(ct_module_get(m, "b"));
        ck_assert(isnan(ct_get(g, (int64_t[]){2}, 1)));
        ck_assert(i ? isnan(ct_get(g, (int64_t[]){0}, 1)) : ct_get(g, (int64_t[]){0}, 1) == 0);
        ct_module_free(m);
    }
}
END_TEST

START_TEST(clipping_refuses)
{
    ct_module *m = with_gradients(CT_FLOAT64, 1);
    ck_assert(isnan(ct_clip_grad_norm_(NULL, 1)));
    expect_error(CT_ERROR_NULL, "clip_grad_norm_: the module is NULL (");
    ck_assert(isnan(ct_clip_grad_norm_(m, -1)));
    expect_error(CT_ERROR_ARGUMENT, "max_norm must not be negative: -1");
    ck_assert(isnan(ct_clip_grad_norm_(m, NAN)));
    expect_error(CT_ERROR_ARGUMENT, "max_norm");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1, .norm_type = 0)));
    expect_error(CT_ERROR_ARGUMENT, "norm_type must be above 0: 0");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1, .norm_type = NAN)));
    expect_error(CT_ERROR_ARGUMENT, "norm_type");
    ck_assert_int_ne(ct_clip_grad_value_(NULL, 1), CT_OK);
    expect_error(CT_ERROR_NULL, "clip_grad_value_: the module is NULL (");
    ck_assert_int_ne(ct_clip_grad_value_(m, -0.5), CT_OK);
    expect_error(CT_ERROR_ARGUMENT, "clip_value must not be negative: -0.5");
    ct_error_set(CT_ERROR_IO, "a disc: full");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1)));
    ck_assert_int_eq(ct_clip_grad_value_(m, 1), CT_ERROR_IO);
    expect_error(CT_ERROR_IO, "a disc: full");
    expect_scaled(m, 1);
    ck_assert_double_eq_tol((ct_clip_grad_norm_)(m, 1, NULL), sqrt(141), 1e-13);
    ct_module_free(m);
}
END_TEST

static TCase *new_case(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, ct_error_clear, NULL);
    return t;
}

Suite *ct_suite_optimizer(void)
{
    Suite *suite = suite_create("optimizer");
    TCase *t = new_case("clipping");
    tcase_add_loop_test(t, gradients_are_scaled_to_the_norm, 0, 2);
    tcase_add_loop_test(t, gradients_below_the_norm_stay, 0, 2);
    tcase_add_test(t, norms_do_not_overflow);
    tcase_add_test(t, norms_are_summed_in_double);
    tcase_add_test(t, gradients_that_share_elements_are_scaled_once);
    tcase_add_test(t, recorded_gradients_are_clipped);
    tcase_add_loop_test(t, gradients_are_put_onto_the_bound, 0, 2);
    tcase_add_test(t, nothing_to_clip);
    tcase_add_test(t, norms_that_are_not_finite);
    tcase_add_test(t, clipping_refuses);
    suite_add_tcase(suite, t);
    return suite;
}
