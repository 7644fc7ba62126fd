/* Clipping of gradients; the rules of optimisers against PyTorch's numbers.
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

/* ---- rules ---- */

enum { WEIGHTS = 6, STEPS = 20 };

CT_OVERRIDE_BEGIN
#define GIVEN(...)                                     \
    {                                                  \
        CT_DEFAULTS(ct_optimizer_options), __VA_ARGS__ \
    }
/* The rows of make_optimizer_reference.py. */
static const struct rule_case {
    const char *name;
    const ct_optimizer_rule *rule;
    ct_optimizer_options options;
} rule_cases[] = {
    {"sgd_dampening", &ct_rule_sgd, GIVEN(.lr = 0.1, .momentum = 0.9, .dampening = 0.9)},
    {"sgd_maximize", &ct_rule_sgd,
     GIVEN(.lr = 0.1, .momentum = 0.8, .nesterov = true, .weight_decay = 0.02, .maximize = true)},
    {"sgd_plain_maximize", &ct_rule_sgd, GIVEN(.lr = 0.1, .weight_decay = 0.02, .maximize = true)},
    {"adam_maximize", &ct_rule_adam, GIVEN(.lr = 0.05, .weight_decay = 0.1, .maximize = true)},
    {"adamw_maximize", &ct_rule_adamw, GIVEN(.lr = 0.05, .weight_decay = 0.1, .maximize = true)},
    {"rmsprop_centered", &ct_rule_rmsprop, GIVEN(.lr = 0.02, .centered = true)},
    {"rmsprop_all", &ct_rule_rmsprop,
     GIVEN(.lr = 0.02, .beta2 = 0.9, .centered = true, .momentum = 0.5, .weight_decay = 0.1, .maximize = true)},
    {"adagrad", &ct_rule_adagrad, {CT_DEFAULTS(ct_optimizer_options)}},
    {"adagrad_all", &ct_rule_adagrad,
     GIVEN(.lr = 0.1, .lr_decay = 0.05, .weight_decay = 0.1, .eps = 1e-3, .maximize = true)},
    {"adadelta", &ct_rule_adadelta, {CT_DEFAULTS(ct_optimizer_options)}},
    {"adadelta_all", &ct_rule_adadelta,
     GIVEN(.lr = 0.5, .beta2 = 0.8, .eps = 1e-3, .weight_decay = 0.1, .maximize = true)},
    {"adamax", &ct_rule_adamax, {CT_DEFAULTS(ct_optimizer_options)}},
    {"adamax_all", &ct_rule_adamax,
     GIVEN(.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1, .maximize = true)},
    {"nadam", &ct_rule_nadam, {CT_DEFAULTS(ct_optimizer_options)}},
    {"nadam_all", &ct_rule_nadam,
     GIVEN(.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1, .momentum_decay = 0.3,
           .maximize = true)},
    {"radam", &ct_rule_radam, {CT_DEFAULTS(ct_optimizer_options)}},
    {"radam_all", &ct_rule_radam,
     GIVEN(.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1, .maximize = true)},
};

/* n elements, element i being that of the row at i % WEIGHTS, so that every lane of a vector loop is used. */
static ct_tensor *repeated(ct_dtype dtype, const ct_tensor *values, int row)
{
    enum { N = 39 };
    double numbers[N];
    for (int i = 0; i < N; i++)
        numbers[i] = ((const double *)ct_data(values))[row * WEIGHTS + i % WEIGHTS];
    return ct_from_values(dtype, numbers, N, CT_SHAPE(N));
}

static void run_rule(const struct rule_case *c, const ct_tensor_file *file, ct_dtype dtype, double tolerance)
{
    const ct_tensor *gradients = ct_tensor_file_get(file, "gradients"), *after = ct_tensor_file_get(file, c->name);
    ck_assert(after && ct_size(after, 0) == STEPS && ct_size(after, 1) == WEIGHTS);
    ct_module *m = ct_module_new(dtype);
    ct_tensor *p = ct_module_parameter(m, "p", repeated(dtype, ct_tensor_file_get(file, "start"), 0));
    ct_optimizer *optimizer = (ct_optimizer_new)(m, c->rule, &c->options);
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        ck_assert_int_eq(ct_set_grad(p, repeated(dtype, gradients, step)), CT_OK);
        ck_assert_int_eq(ct_optimizer_step(optimizer), CT_OK);
        for (int64_t i = 0; i < ct_numel(p); i++) {
            double want = ct_get(after, (int64_t[]){step, i % WEIGHTS}, 2), have = ct_get(p, &i, 1);
            ck_assert_msg(fabs(have - want) <= tolerance * fmax(1, fabs(want)), "%s, step %d: %.17g, not %.17g",
                          c->name, step + 1, have, want);
        }
        close_scope();
    }
    ct_optimizer_free(optimizer);
    ct_module_free(m);
}

START_TEST(rules_agree_with_pytorch)
{
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/optimizer_reference.safetensors");
    ck_assert_msg(file != NULL, "%s", ct_error_message());
    run_rule(&rule_cases[_i], file, CT_FLOAT64, 1e-12);
    run_rule(&rule_cases[_i], file, CT_FLOAT32, 1e-5);
    ct_tensor_file_free(file);
}
END_TEST

START_TEST(options_that_would_not_count_are_refused)
{
    static const struct {
        const ct_optimizer_rule *rule;
        ct_optimizer_options options;
        const char *words;
    } rows[] = {
        {&ct_rule_adam, GIVEN(.momentum = 0.9), "optimizer adam: has no option momentum"},
        {&ct_rule_nadam, GIVEN(.momentum = 0.9), "has no option momentum"},
        {&ct_rule_adam, GIVEN(.nesterov = true), "has no option nesterov"},
        {&ct_rule_sgd, GIVEN(.centered = true), "has no option centered"},
        {&ct_rule_sgd, GIVEN(.eps = 1e-8), "has no option eps"},
        {&ct_rule_adam, GIVEN(.lr_decay = 0.1), "has no option lr_decay"},
        {&ct_rule_sgd, GIVEN(.momentum = 0.9, .dampening = 1), "dampening out of range: 1"},
        {&ct_rule_sgd, GIVEN(.dampening = NAN), "dampening"},
        {&ct_rule_adagrad, GIVEN(.lr_decay = -1), "lr_decay out of range: -1"},
        {&ct_rule_nadam, GIVEN(.momentum_decay = INFINITY), "momentum_decay out of range: inf"},
        {&ct_rule_sgd, GIVEN(.momentum = 0.9, .dampening = 0.1, .nesterov = true), "nesterov with dampening"},
    };
    ct_module *m = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < LENGTH(rows); i++) {
        ck_assert_ptr_null((ct_optimizer_new)(m, rows[i].rule, &rows[i].options));
        expect_error(CT_ERROR_ARGUMENT, rows[i].words);
    }
    ct_optimizer *adam = ct_optimizer_new(m, &ct_rule_adam, .momentum = 0); /* says what is so */
    ck_assert_ptr_nonnull(adam);
    ct_optimizer_free(adam);
    ct_module_free(m);
}
END_TEST
CT_OVERRIDE_END

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

    t = new_case("rules");
    tcase_add_loop_test(t, rules_agree_with_pytorch, 0, LENGTH(rule_cases));
    tcase_add_test(t, options_that_would_not_count_are_refused);
    suite_add_tcase(suite, t);
    return suite;
}
