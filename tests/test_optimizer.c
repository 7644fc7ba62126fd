/* Clipping of gradients; the rules of optimisers against PyTorch's numbers, their groups, and saving them.
 *
 * Invariant: what is expected was computed by hand or in another program, in float64. */
#include "training_checks.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    close_good_scope();
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

START_TEST(gradients_of_loose_tensors)
{
    ct_module *m = with_gradients(CT_FLOAT64, 1);
    ct_tensor *a = ct_module_get(m, "a"), *b = ct_module_get(m, "b"), *c = ct_module_get(m, "c");
    ck_assert_double_eq_tol(ct_clip_grad_norm_of_(CT_TENSORS(a, b, c), 2.5, .norm_type = 1), 23, 1e-12);
    expect_scaled(m, 2.5 / (23 + 1e-6));
    ck_assert_int_eq(ct_clip_grad_value_of_(CT_TENSORS(b), 0.5), CT_OK);
    ck_assert_double_eq(ct_get(ct_grad_of(b), CT_SHAPE(0)), 0.5);
    ck_assert(ct_clip_grad_norm_of_(NULL, 0, 1) == 0);
    ck_assert(isnan(ct_clip_grad_norm_of_(CT_TENSORS(a, NULL), 1)));
    expect_failure(CT_ERROR_NULL, "clip_grad_norm_of_: tensor 1 is NULL");
    ck_assert(isnan(ct_clip_grad_norm_of_(CT_TENSORS(a), 1, .norm_type = 0)));
    expect_failure(CT_ERROR_ARGUMENT, "clip_grad_norm_of_: norm_type must be above 0: 0");
    ck_assert_int_eq(ct_clip_grad_value_of_(NULL, 1, 1), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "clip_grad_value_of_: the tensors are NULL");
    ck_assert_int_eq(ct_clip_grad_value_of_(CT_TENSORS(a), -1), CT_ERROR_ARGUMENT);
    expect_failure(CT_ERROR_ARGUMENT, "clip_grad_value_of_: clip_value must not be negative: -1");
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
    close_good_scope();
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
    close_good_scope();
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
    close_good_scope();
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
    close_good_scope();
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
            expect_failure(CT_ERROR_STATE, i ? "norm of the gradients is nan" : "norm of the gradients is inf");
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
    expect_failure(CT_ERROR_NULL, "clip_grad_norm_: the module is NULL (");
    ck_assert(isnan(ct_clip_grad_norm_(m, -1)));
    expect_failure(CT_ERROR_ARGUMENT, "max_norm must not be negative: -1");
    ck_assert(isnan(ct_clip_grad_norm_(m, NAN)));
    expect_failure(CT_ERROR_ARGUMENT, "max_norm");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1, .norm_type = 0)));
    expect_failure(CT_ERROR_ARGUMENT, "norm_type must be above 0: 0");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1, .norm_type = NAN)));
    expect_failure(CT_ERROR_ARGUMENT, "norm_type");
    ck_assert_int_ne(ct_clip_grad_value_(NULL, 1), CT_OK);
    expect_failure(CT_ERROR_NULL, "clip_grad_value_: the module is NULL (");
    ck_assert_int_ne(ct_clip_grad_value_(m, -0.5), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "clip_value must not be negative: -0.5");
    ct_error_set(CT_ERROR_IO, "a disc: full");
    ck_assert(isnan(ct_clip_grad_norm_(m, 1)));
    ck_assert_int_eq(ct_clip_grad_value_(m, 1), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "a disc: full");
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
    {"adam_amsgrad", &ct_rule_adam, GIVEN(.lr = 0.05, .amsgrad = true)},
    {"adamw_amsgrad", &ct_rule_adamw,
     GIVEN(.lr = 0.05, .beta1 = 0.8, .beta2 = 0.6, .eps = 1e-3, .weight_decay = 0.1, .maximize = true,
           .amsgrad = true)},
    {"adamw_maximize", &ct_rule_adamw, GIVEN(.lr = 0.05, .weight_decay = 0.1, .maximize = true)},
    {"rmsprop_centered", &ct_rule_rmsprop, GIVEN(.lr = 0.02, .centered = true)},
    {"rmsprop_all", &ct_rule_rmsprop,
     GIVEN(.lr = 0.02, .beta2 = 0.9, .centered = true, .momentum = 0.5, .weight_decay = 0.1, .maximize = true)},
    {"adagrad", &ct_rule_adagrad, {CT_DEFAULTS(ct_optimizer_options)}},
    {"adagrad_all", &ct_rule_adagrad,
     GIVEN(.lr = 0.1, .lr_decay = 0.05, .weight_decay = 0.1, .eps = 1e-3, .maximize = true)},
    {"adagrad_initial", &ct_rule_adagrad, GIVEN(.lr = 0.1, .initial_accumulator_value = 0.7)},
    {"sgd_l1", &ct_rule_sgd, GIVEN(.lr = 0.1, .momentum = 0.9, .weight_decay = 0.02, .l1 = 0.3)},
    {"adam_l1", &ct_rule_adam, GIVEN(.lr = 0.05, .l1 = 0.2)},
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
        close_good_scope();
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
        {&ct_rule_nadam, GIVEN(.amsgrad = true), "has no option amsgrad"},
        {&ct_rule_sgd, GIVEN(.centered = true), "has no option centered"},
        {&ct_rule_sgd, GIVEN(.eps = 1e-8), "has no option eps"},
        {&ct_rule_adam, GIVEN(.lr_decay = 0.1), "has no option lr_decay"},
        {&ct_rule_sgd, GIVEN(.momentum = 0.9, .dampening = 1), "dampening out of range: 1"},
        {&ct_rule_sgd, GIVEN(.dampening = NAN), "dampening"},
        {&ct_rule_adagrad, GIVEN(.lr_decay = -1), "lr_decay out of range: -1"},
        {&ct_rule_nadam, GIVEN(.momentum_decay = INFINITY), "momentum_decay out of range: inf"},
        {&ct_rule_sgd, GIVEN(.momentum = 0.9, .dampening = 0.1, .nesterov = true), "nesterov with dampening"},
        {&ct_rule_sgd, GIVEN(.momentum = 0.9, .dampening = 0.1, .momentum_form = CT_MOMENTUM_STEP), "dampening with"},
        {&ct_rule_sgd, GIVEN(.momentum_form = (ct_momentum_form)3), "momentum_form out of range: 3"},
        {&ct_rule_adam, GIVEN(.momentum_form = CT_MOMENTUM_STEP), "has no option momentum_form"},
        {&ct_rule_sgd, GIVEN(.initial_accumulator_value = 1), "has no option initial_accumulator_value"},
        {&ct_rule_sgd, GIVEN(.l1 = -1), "l1 out of range: -1"},
    };
    ct_module *m = ct_module_new(CT_FLOAT32);
    for (int i = 0; i < LENGTH(rows); i++) {
        ck_assert_ptr_null((ct_optimizer_new)(m, rows[i].rule, &rows[i].options));
        expect_failure(CT_ERROR_ARGUMENT, rows[i].words);
    }
    ct_optimizer *adam = ct_optimizer_new(m, &ct_rule_adam, .momentum = 0); /* says what is so */
    ck_assert_ptr_nonnull(adam);
    ct_optimizer_free(adam);
    ct_module_free(m);
}
END_TEST
CT_OVERRIDE_END

/* ---- the lectures' momentum ---- */

/* The forms as they are written down: w and v after each of a few steps of changing rates along w^2 / 2. */
START_TEST(momentum_in_three_forms)
{
    static const double b = 0.8, rates[] = {0.1, 0.1, 0.05, 0.2, 0.2};
    for (int form = CT_MOMENTUM_SUM; form <= CT_MOMENTUM_STEP; form++) {
        bool ahead = _i;
        ct_module *m = ct_module_new(CT_FLOAT64);
        ct_tensor *p = ct_module_parameter(m, "p", ct_full(CT_FLOAT64, 3, CT_SHAPE(5)));
        ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .momentum = b, .momentum_form = (ct_momentum_form)form,
                                             .nesterov = ahead);
        double w = 3, v = 0;
        for (int step = 0; step < LENGTH(rates); step++) {
            double lr = rates[step], g = w,
                   c = form == CT_MOMENTUM_AVERAGE ? 1 - b
                       : form == CT_MOMENTUM_STEP  ? -lr
                                                   : 1;
            v = b * v + c * g;
            double along = ahead ? b * v + c * g : v;
            w += form == CT_MOMENTUM_STEP ? along : -lr * along;
            ct_scope_open();
            ct_set_grad(p, ct_detach(p));
            ct_optimizer_set_lr(sgd, lr);
            ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
            ck_assert_double_eq_tol(ct_get(p, (int64_t[]){4}, 1), w, 1e-14);
            close_good_scope();
        }
        ct_optimizer_free(sgd);
        ct_module_free(m);
    }
}
END_TEST

/* ---- groups ---- */

static ct_tensor *part(const ct_tensor *values, int row, int begin)
{
    return ct_from_values(CT_FLOAT64, (const double *)ct_data(values) + row * WEIGHTS + begin, 3, CT_SHAPE(3));
}

/* AdamW over two parameters of three weights each; options given in two calls, of which the second keeps the first's. */
START_TEST(groups_agree_with_pytorch)
{
    ct_tensor_file *file = ct_safetensors_load(TEST_DATA "/optimizer_reference.safetensors");
    const ct_tensor *start = ct_tensor_file_get(file, "start"), *after = ct_tensor_file_get(file, "groups");
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_tensor *p[] = {ct_module_parameter(m, "fc.weight", part(start, 0, 0)),
                      ct_module_parameter(m, "fc.bias", part(start, 0, 3))};
    ct_optimizer *adamw = _i == 0 ? ct_optimizer_new(m, &ct_rule_adamw, .lr = 0.05, .weight_decay = 0.1)
                                  : ct_optimizer_of(p, 2, &ct_rule_adamw, .lr = 0.05, .weight_decay = 0.1);
    ck_assert_int_eq(ct_optimizer_group(adamw, "*.bias", .weight_decay = 0, .lr = 0.2), CT_OK);
    ck_assert_int_eq(ct_optimizer_group(adamw, "fc.b*", .beta1 = 0.8, .beta2 = 0.95), CT_OK);
    for (int step = 0; step < STEPS; step++) {
        ct_scope_open();
        for (int i = 0; i < 2; i++)
            ct_set_grad(p[i], part(ct_tensor_file_get(file, "gradients"), step, 3 * i));
        ck_assert_int_eq(ct_optimizer_step(adamw), CT_OK);
        for (int64_t i = 0; i < WEIGHTS; i++)
            ck_assert_double_eq_tol(ct_get(p[i / 3], (int64_t[]){i % 3}, 1), ct_get(after, (int64_t[]){step, i}, 2),
                                    1e-12);
        close_good_scope();
    }
    ct_optimizer_free(adamw);
    ct_module_free(m);
    ct_tensor_file_free(file);
}
END_TEST

/* Two parameters "a.weight" and "a.bias" of ones, whose gradients are ones. */
static ct_module *two_ones(void)
{
    ct_module *m = ct_module_new(CT_FLOAT64);
    ct_scope_open();
    ct_tensor *w = ct_module_parameter(m, "a.weight", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    ct_tensor *b = ct_module_parameter(m, "a.bias", ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    ct_set_grad(w, ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    ct_set_grad(b, ct_ones(CT_FLOAT64, CT_SHAPE(2)));
    close_good_scope();
    return m;
}

static double first(const ct_module *m, const char *name)
{
    return ct_get(ct_module_get(m, name), (int64_t[]){0}, 1);
}

START_TEST(rates_of_groups_are_their_own)
{
    ct_module *m = two_ones();
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.5);
    ct_optimizer_group(sgd, "*.bias", .lr = 0.25);
    ck_assert_int_eq(ct_optimizer_set_lr(sgd, 0.125), CT_OK);
    ck_assert_double_eq(ct_optimizer_lr(sgd), 0.125);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(first(m, "a.weight"), 0.875);
    ck_assert_double_eq(first(m, "a.bias"), 0.75);
    ck_assert_int_eq(ct_optimizer_schedule(sgd, CT_SCHEDULE_CONSTANT(0.5)), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(first(m, "a.weight"), 0.875 - 0.0625);
    ck_assert_double_eq(first(m, "a.bias"), 0.75 - 0.125);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* A group with momentum needs a state that the others have not. */
START_TEST(groups_have_their_own_states)
{
    ct_module *m = two_ones();
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.5);
    ck_assert_int_eq(ct_optimizer_group(sgd, "a.weight", .momentum = 0.5), CT_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(first(m, "a.weight"), 1 - 0.5 - 0.75);
    ck_assert_double_eq(first(m, "a.bias"), 0);
    ck_assert_int_ne(ct_optimizer_group(sgd, "*", .momentum = 0.25), CT_OK);
    expect_failure(CT_ERROR_STATE, "\"a.bias\" would need other states after 2 steps");
    ck_assert_int_eq(ct_optimizer_group(sgd, "a.weight", .momentum = 0.25), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(first(m, "a.weight"), -0.25 - 0.5 * (0.25 * 1.5 + 1));
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

START_TEST(groups_refuse)
{
    ct_module *m = two_ones();
    ct_optimizer *sgd = ct_optimizer_new(m, &ct_rule_sgd, .lr = 0.5);
    ck_assert_int_ne(ct_optimizer_group(sgd, "*.wieght", .lr = 1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "no parameter is called \"*.wieght\" (");
    ck_assert_int_ne(ct_optimizer_group(sgd, NULL, .lr = 1), CT_OK);
    expect_failure(CT_ERROR_NULL, "pattern is NULL");
    ck_assert_int_ne(ct_optimizer_group(NULL, "*", .lr = 1), CT_OK);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    ck_assert_int_ne(ct_optimizer_group(sgd, "*", .eps = 1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "has no option eps");
    ck_assert_int_ne(ct_optimizer_group(sgd, "*", .lr = -1), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "lr out of range: -1");
    ck_assert_int_ne(ct_optimizer_group(sgd, "*", .nesterov = true), CT_OK);
    expect_failure(CT_ERROR_ARGUMENT, "nesterov without momentum");
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(first(m, "a.weight"), 0.5);
    ct_optimizer_free(sgd);
    ct_module_free(m);
}
END_TEST

/* ---- tensors of no module ---- */

START_TEST(loose_tensors)
{
    ct_scope_open();
    ct_tensor *a = ct_name(ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(2)), true), "w");
    ct_tensor *b = ct_name(ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SCALAR), true), "w");
    ct_optimizer *sgd = ct_optimizer_of(CT_TENSORS(a, b), &ct_rule_sgd, .lr = 0.5);
    ck_assert_int_eq(ct_optimizer_group(sgd, "1", .lr = 0.25), CT_OK); /* the name w is a's */
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(ct_cast(a, CT_FLOAT64), b))), CT_OK);
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    ck_assert_double_eq(ct_get(a, (int64_t[]){1}, 1), 0.5);
    ck_assert_double_eq(ct_item(b), 0.5);
    ct_optimizer_zero_grad(sgd);
    ck_assert_ptr_null(ct_grad_of(a));
    ct_optimizer_free(sgd);
    close_good_scope();
}
END_TEST

/* A name that is another's index is not taken for it. */
START_TEST(loose_tensors_have_names_of_their_own)
{
    enum { N = 5 };
    static const char *const names[N] = {"1", NULL, "w", "v", "w"}, *const groups[N] = {"0", "1", "w", "v", "4"};
    ct_tensor *p[N];
    ct_scope_open();
    for (int i = 0; i < N; i++) {
        p[i] = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SCALAR), true);
        if (names[i])
            ct_name(p[i], names[i]);
    }
    ct_optimizer *sgd = ct_optimizer_of(p, N, &ct_rule_sgd, .lr = 1);
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(ct_optimizer_group(sgd, groups[i], .lr = i), CT_OK);
        ct_set_grad(p[i], ct_ones(CT_FLOAT64, CT_SCALAR));
    }
    ck_assert_int_eq(ct_optimizer_step(sgd), CT_OK);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq(ct_item(p[i]), 1 - i);
    ck_assert_int_eq(ct_optimizer_save(sgd, scratch("loose.safetensors")), CT_OK);
    ck_assert_int_eq(ct_optimizer_load(sgd, scratch("loose.safetensors")), CT_OK);
    ct_optimizer_free(sgd);
    close_good_scope();
}
END_TEST

START_TEST(loose_tensors_refuse)
{
    ct_scope_open();
    ct_tensor *a = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(2)), true);
    ck_assert_ptr_null(ct_optimizer_of(CT_TENSORS(a, a), &ct_rule_sgd));
    expect_failure(CT_ERROR_ARGUMENT, "tensors 0 and 1 are the same (");
    ck_assert_ptr_null(ct_optimizer_of(CT_TENSORS(a, NULL), &ct_rule_sgd));
    expect_failure(CT_ERROR_NULL, "tensor 1 is NULL");
    ck_assert_ptr_null(ct_optimizer_of(CT_TENSORS(a, ct_square(a)), &ct_rule_sgd));
    expect_failure(CT_ERROR_STATE, "tensor 1 is no leaf");
    ck_assert_ptr_null(ct_optimizer_of(CT_TENSORS(ct_detach(a)), &ct_rule_sgd));
    expect_failure(CT_ERROR_STATE, "tensor 0 is no leaf that asks for a gradient");
    ck_assert_ptr_null(ct_optimizer_of(NULL, 1, &ct_rule_sgd));
    expect_failure(CT_ERROR_NULL, "tensors are NULL");
    ck_assert_ptr_null(ct_optimizer_of(&a, -1, &ct_rule_sgd));
    expect_failure(CT_ERROR_ARGUMENT, "negative number");
    ct_optimizer *none = ct_optimizer_of(NULL, 0, &ct_rule_sgd);
    ck_assert_int_eq(ct_optimizer_step(none), CT_OK);
    ct_optimizer_free(none);
    close_good_scope();
}
END_TEST

/* ---- saving ---- */

static double drifting(const ct_schedule *schedule, const ct_schedule_time *time)
{
    (void)schedule;
    return 1 / (1 + 0.1 * time->t) + time->memory[0];
}

static void count_measures(const ct_schedule *schedule, double measure, double *memory)
{
    (void)schedule;
    memory[0] += measure;
}

/* A module with a float32 and a float64 parameter that the rule trains along a schedule that listens. */
typedef struct saved {
    ct_module *module;
    ct_optimizer *optimizer;
} saved;

static saved new_saved(const ct_optimizer_rule *rule, const ct_schedule *schedule)
{
    saved s = {.module = ct_module_new(CT_FLOAT64)};
    ct_scope_open();
    ct_module_parameter(s.module, "a.weight", ct_full(CT_FLOAT32, 0.5, CT_SHAPE(3, 5)));
    ct_module_parameter(s.module, "a.bias", ct_full(CT_FLOAT64, -1, CT_SCALAR));
    ct_module_parameter(s.module, "none", ct_zeros(CT_FLOAT64, CT_SHAPE(0, 2)));
    s.optimizer = ct_optimizer_new(s.module, rule, .lr = 0.01);
    ck_assert_int_eq(ct_optimizer_schedule(s.optimizer, schedule), CT_OK);
    close_good_scope();
    return s;
}

static void free_saved(saved s)
{
    ct_optimizer_free(s.optimizer);
    ct_module_free(s.module);
}

/* Steps of gradients that depend on the step's number. */
static void train_saved(saved s, int from, int to)
{
    for (int step = from; step < to; step++) {
        ct_scope_open();
        for (int64_t i = 0; i < 2; i++) {
            ct_tensor *p = ct_module_tensor(s.module, i);
            ct_set_grad(p, ct_full(ct_dtype_of(p), cos(1.3 * step + (double)i), ct_shape(p), ct_rank(p)));
        }
        ck_assert_int_eq(ct_optimizer_step(s.optimizer), CT_OK);
        if (step % 3 == 2)
            ck_assert_int_eq(ct_optimizer_epoch(s.optimizer, 0.01), CT_OK);
        close_good_scope();
    }
}

static const ct_optimizer_rule *const all_rules[] = {
    &ct_rule_sgd,      &ct_rule_adam,   &ct_rule_adamw, &ct_rule_rmsprop, &ct_rule_adagrad,
    &ct_rule_adadelta, &ct_rule_adamax, &ct_rule_nadam, &ct_rule_radam,
};
static const ct_schedule drift = {.name = "drift", .factor = drifting, .measured = count_measures};

/* Ten steps, saved, into other objects, ten more: the bits of twenty without a stop. */
START_TEST(a_saved_optimizer_goes_on_with_the_same_bits)
{
    const ct_schedule *schedule = _i % 2 ? &drift : NULL;
    saved whole = new_saved(all_rules[_i / 2], schedule), half = new_saved(all_rules[_i / 2], schedule);
    saved rest = new_saved(all_rules[_i / 2], schedule);
    ct_optimizer_group(whole.optimizer, "*.bias", .lr = 0.02, .weight_decay = 0.1);
    ct_optimizer_group(half.optimizer, "*.bias", .lr = 0.02, .weight_decay = 0.1);
    train_saved(whole, 0, 20);
    train_saved(half, 0, 10);
    ck_assert_int_eq(ct_optimizer_save(half.optimizer, scratch("o.safetensors")), CT_OK);
    ck_assert_int_eq(ct_module_save(half.module, scratch("m.safetensors")), CT_OK);
    ck_assert_int_eq(ct_optimizer_load(rest.optimizer, scratch("o.safetensors")), CT_OK); /* its groups too */
    ck_assert_int_eq(ct_module_load(rest.module, scratch("m.safetensors")), CT_OK);
    ck_assert_double_eq(ct_optimizer_factor(rest.optimizer), ct_optimizer_factor(half.optimizer));
    train_saved(rest, 10, 20);
    ck_assert(same_tensors(rest.module, whole.module));
    ck_assert(!same_tensors(rest.module, half.module));
    free_saved(whole);
    free_saved(half);
    free_saved(rest);
}
END_TEST

/* A group whose rate is its own has it still after a load, and after the optimiser's rate was set; its other options come too. */
START_TEST(a_loaded_group_keeps_its_own_rate)
{
    saved half = new_saved(&ct_rule_sgd, NULL), rest = new_saved(&ct_rule_sgd, NULL);
    ck_assert_int_eq(ct_optimizer_group(half.optimizer, "*.bias", .lr = 0.25), CT_OK);
    ck_assert_int_eq(ct_optimizer_save(half.optimizer, scratch("o.safetensors")), CT_OK);
    ck_assert_int_eq(ct_optimizer_load(rest.optimizer, scratch("o.safetensors")), CT_OK);
    ck_assert_int_eq(ct_optimizer_set_lr(rest.optimizer, 0.125), CT_OK);
    train_saved(rest, 0, 1); /* gradients cos(0) and cos(1) */
    ck_assert_double_eq(ct_get(ct_module_get(rest.module, "a.weight"), (int64_t[]){0, 0}, 2), 0.5 - 0.125);
    ck_assert_double_eq(ct_item(ct_module_get(rest.module, "a.bias")), -1 - 0.25 * cos(1));
    free_saved(half);
    free_saved(rest);
}
END_TEST

/* After a load that fails, the optimiser goes on as if there had been none. */
static void expect_refusal(const char *path, ct_status code, const char *words)
{
    saved tried = new_saved(&ct_rule_adam, &drift), other = new_saved(&ct_rule_adam, &drift);
    train_saved(tried, 0, 4);
    train_saved(other, 0, 4);
    ck_assert_int_eq(ct_optimizer_load(tried.optimizer, path), code);
    expect_failure(code, words);
    train_saved(tried, 4, 8);
    train_saved(other, 4, 8);
    ck_assert(same_tensors(tried.module, other.module));
    free_saved(tried);
    free_saved(other);
}

/* A copy of the file from, with tensor name replaced by t; NULL: without it. */
static const char *altered(const char *from, const char *name, ct_tensor *t)
{
    const char *names[64];
    ct_tensor *tensors[64];
    ct_tensor_file *file = ct_safetensors_load(from);
    int64_t n = 0;
    for (int64_t i = 0; i < ct_tensor_file_count(file); i++) {
        names[n] = ct_tensor_file_name(file, i);
        tensors[n] = strcmp(names[n], name) == 0 ? t : ct_tensor_file_get(file, names[n]);
        n += tensors[n] != NULL;
    }
    if (t && !ct_tensor_file_get(file, name)) {
        names[n] = name;
        tensors[n++] = t;
    }
    ck_assert_int_eq(ct_safetensors_save(scratch("altered.safetensors"), names, tensors, n), CT_OK);
    ct_tensor_file_free(file);
    return scratch("altered.safetensors");
}

START_TEST(an_optimizer_that_does_not_fit_changes_nothing)
{
    saved adam = new_saved(&ct_rule_adam, &drift), sgd = new_saved(&ct_rule_sgd, NULL);
    train_saved(adam, 0, 6);
    char path[256];
    strcpy(path, scratch("o.safetensors"));
    ck_assert_int_eq(ct_optimizer_save(sgd.optimizer, path), CT_OK);
    expect_refusal(path, CT_ERROR_FORMAT, "has the rule \"sgd\", not \"adam\" (");
    ck_assert_int_eq(ct_optimizer_save(adam.optimizer, path), CT_OK);
    ct_scope_open();
    double bad = 2;
    int64_t negative[] = {1, -3, 1};
    expect_refusal(altered(path, "state.1.a.bias", NULL), CT_ERROR_FORMAT, "has no \"state.1.a.bias\"");
    expect_refusal(altered(path, "state.1.a.bias", ct_zeros(CT_FLOAT64, CT_SHAPE(2))), CT_ERROR_SHAPE,
                   "\"state.1.a.bias\" is [2] in");
    expect_refusal(altered(path, "state.1.a.bias", ct_zeros(CT_FLOAT32, CT_SCALAR)), CT_ERROR_DTYPE,
                   "\"state.1.a.bias\" is float32");
    expect_refusal(altered(path, "state.2.a.bias", ct_zeros(CT_FLOAT32, CT_SCALAR)), CT_ERROR_FORMAT,
                   "has \"state.2.a.bias\", which there is no place for");
    expect_refusal(altered(path, "option.beta1", ct_full(CT_FLOAT64, bad, CT_SHAPE(3))), CT_ERROR_FORMAT,
                   "has beta1 2 for \"a.weight\"");
    expect_refusal(altered(path, "step", ct_from_array(CT_INT64, negative, CT_SHAPE(3))), CT_ERROR_FORMAT,
                   "has step -3 for \"a.bias\"");
    expect_refusal(altered(path, "time", ct_from_array(CT_INT64, negative, CT_SHAPE(2))), CT_ERROR_FORMAT,
                   "is of step 1, epoch -3");
    expect_refusal(altered(path, "time", ct_zeros(CT_INT64, CT_SHAPE(3))), CT_ERROR_SHAPE, "\"time\" is [3]");
    expect_refusal(altered(path, "parameters", ct_zeros(CT_UINT8, CT_SHAPE(0))), CT_ERROR_FORMAT,
                   "has \"\" where the optimizer has \"a.weight\"");
    const char *names = "a.weight\na.bais\nnone\n";
    expect_refusal(altered(path, "parameters", ct_from_array(CT_UINT8, names, CT_SHAPE(21))), CT_ERROR_FORMAT,
                   "has \"a.bais\" where the optimizer has \"a.bias\"");
    expect_refusal(altered(path, "schedule", ct_zeros(CT_UINT8, CT_SHAPE(0))), CT_ERROR_FORMAT,
                   "has the schedule \"\", not \"drift \"");
    close_good_scope();
    expect_refusal(scratch("absent"), CT_ERROR_IO, "absent");
    expect_refusal(NULL, CT_ERROR_NULL, "path is NULL");
    ck_assert_int_eq(ct_optimizer_save(NULL, path), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "optimizer is NULL");
    ck_assert_int_eq(ct_optimizer_save(adam.optimizer, NULL), CT_ERROR_NULL);
    expect_failure(CT_ERROR_NULL, "path is NULL");
    ck_assert_int_eq(ct_optimizer_save(adam.optimizer, "/nowhere/o"), CT_ERROR_IO);
    expect_failure(CT_ERROR_IO, "/nowhere/o");
    free_saved(adam);
    free_saved(sgd);
}
END_TEST

Suite *ct_suite_optimizer(void)
{
    Suite *suite = suite_create("optimizer");
    TCase *t = case_without_error("clipping");
    tcase_add_loop_test(t, gradients_are_scaled_to_the_norm, 0, 2);
    tcase_add_loop_test(t, gradients_below_the_norm_stay, 0, 2);
    tcase_add_test(t, gradients_of_loose_tensors);
    tcase_add_test(t, norms_do_not_overflow);
    tcase_add_test(t, norms_are_summed_in_double);
    tcase_add_test(t, gradients_that_share_elements_are_scaled_once);
    tcase_add_test(t, recorded_gradients_are_clipped);
    tcase_add_loop_test(t, gradients_are_put_onto_the_bound, 0, 2);
    tcase_add_test(t, nothing_to_clip);
    tcase_add_test(t, norms_that_are_not_finite);
    tcase_add_test(t, clipping_refuses);
    suite_add_tcase(suite, t);

    t = case_without_error("rules");
    tcase_add_loop_test(t, rules_agree_with_pytorch, 0, LENGTH(rule_cases));
    tcase_add_test(t, options_that_would_not_count_are_refused);
    tcase_add_loop_test(t, momentum_in_three_forms, 0, 2);
    suite_add_tcase(suite, t);

    t = case_without_error("groups");
    tcase_add_loop_test(t, groups_agree_with_pytorch, 0, 2);
    tcase_add_test(t, rates_of_groups_are_their_own);
    tcase_add_test(t, groups_have_their_own_states);
    tcase_add_test(t, groups_refuse);
    tcase_add_test(t, loose_tensors);
    tcase_add_test(t, loose_tensors_have_names_of_their_own);
    tcase_add_test(t, loose_tensors_refuse);
    suite_add_tcase(suite, t);

    t = case_without_error("saving");
    tcase_add_loop_test(t, a_saved_optimizer_goes_on_with_the_same_bits, 0, 2 * LENGTH(all_rules));
    tcase_add_test(t, a_loaded_group_keeps_its_own_rate);
    tcase_add_test(t, an_optimizer_that_does_not_fit_changes_nothing);
    suite_add_tcase(suite, t);
    return suite;
}
