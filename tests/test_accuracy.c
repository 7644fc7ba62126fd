/* Elementwise functions over the whole range of their inputs: values and derivatives as far from the truth as docs/accuracy.md
 * says and no farther, no floating-point exception without cause, and what becomes of zeros, infinities and NaN. */
#include <cotan/cotan.h>

#include "accuracy.h"
#include "elementwise/elementwise.h"
#include "suites.h"
#include "tensor_checks.h"
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- every function, every instruction set ---- */

static const ct_elementwise_table *const tables[] = {
    &ct__elementwise_portable,
#if defined(__x86_64__)
    &ct__elementwise_avx2,
    &ct__elementwise_avx512,
#endif
};

static void restore_kernels(void)
{
    ct__elementwise_kernels = tables[ct__isa()];
}

/* The three errors that the page has for a function. */
static void read_page(const char *function, ct_dtype dtype, double errors[3])
{
    char start[64], line[256];
    snprintf(start, sizeof start, "| `%s` | %s |", function, ct_dtype_name(dtype));
    FILE *page = fopen(TEST_DATA "/../../docs/accuracy.md", "r");
    ck_assert_ptr_nonnull(page);
    bool found = false;
    while (!found && fgets(line, sizeof line, page))
        found = strncmp(line, start, strlen(start)) == 0 &&
                sscanf(line + strlen(start), " %lf | %*[^|] | %lf | %*[^|] | %lf |", &errors[0], &errors[1],
                       &errors[2]) == 3;
    fclose(page);
    ck_assert_msg(found, "docs/accuracy.md has no row %s", start);
}

/* What the page has is measured with SLEEF's functions; a C library's may be as far off as this, in units. */
#ifdef COTAN_USE_SLEEF
static const double foreign = 0;
#else
static const double foreign = 4;
#endif

/* _i: the function. The values of those in accuracy_steep() may be worse than 4 units. */
START_TEST(as_accurate_as_the_page)
{
    static const char *const orders[] = {"value", "first derivative", "second derivative"};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        double page[3];
        read_page(accuracy_name(_i), (ct_dtype)dtype, page);
        ck_assert_msg(page[0] <= 4 || accuracy_steep(_i), "%s: %g units are too many", accuracy_name(_i), page[0]);
        for (int isa = 0; isa <= ct__isa(); isa++) {
            accuracy measured[3];
            ct__elementwise_kernels = tables[isa];
            ck_assert_msg(accuracy_measure(_i, (ct_dtype)dtype, measured), "%s", ct_error_message());
            for (int order = 0; order < 3; order++)
                ck_assert_msg(measured[order].error <= fmax(page[order], foreign) * (1 + 1e-9) && isfinite(page[order]),
                              "%s, %s, %s, instruction set %d: %.3g units at %.17g, %.17g; the page has %g",
                              accuracy_name(_i), ct_dtype_name((ct_dtype)dtype), orders[order], isa,
                              measured[order].error, measured[order].at[0], measured[order].at[1], page[order]);
        }
    }
}
END_TEST

/* ---- floating-point exceptions ---- */

enum { TRAPS = FE_INVALID | FE_DIVBYZERO };

/* What a program gets that enables them is SIGFPE where a flag is set here. Sleef's logarithms set FE_OVERFLOW on the way. */
static const char *raised(void)
{
    int flags = fetestexcept(TRAPS);
    feclearexcept(FE_ALL_EXCEPT);
    return flags & FE_INVALID ? "FE_INVALID" : flags ? "FE_DIVBYZERO" : NULL;
}

static void check_sample(const ct_op *op, const ct_sample *sample, ct_dtype dtype)
{
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS] = {NULL};
    int n;
    ct_scope_open();
    ck_assert_int_eq(ct_sample_inputs(sample, dtype, inputs, &n), CT_OK);
    feclearexcept(FE_ALL_EXCEPT);
    ck_assert_int_eq(ct_apply_multi(op, inputs, n, sample->attributes, outputs), CT_OK);
    const char *flag = raised();
    ck_assert_msg(!flag, "%s of %s, %s raises %s", op->name, sample->inputs, ct_dtype_name(dtype), flag);
    for (int k = 0; k < CT_MAX_OUTPUTS && outputs[k]; k++) {
        if (!ct_requires_grad(outputs[k]))
            continue;
        ct_tensor *ones = ct_ones_like(outputs[k]);
        feclearexcept(FE_ALL_EXCEPT);
        ck_assert_int_eq(ct_backward(outputs[k], .gradient = ones, .retain_graph = true), CT_OK);
        flag = raised();
        ck_assert_msg(!flag, "%s of %s, %s raises %s on the way back", op->name, sample->inputs, ct_dtype_name(dtype),
                      flag);
    }
    ct_scope_close();
}

/* The samples are in the domain; their rows do not fill vectors. Masked attention meets infinities of its own making. */
START_TEST(samples_raise_nothing)
{
    int n, threads = ct_num_threads();
    const ct_op *const *ops = ct_ops(&n);
    ct_set_num_threads(1);
    for (int isa = 0; isa <= ct__isa(); isa++) {
        ct__elementwise_kernels = tables[isa];
        for (int i = 0; i < n; i++) {
            if (strcmp(ops[i]->name, "scaled_dot_product_attention") == 0)
                continue;
            for (const ct_sample *sample = ops[i]->samples; sample->inputs; sample++)
                for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
                    check_sample(ops[i], sample, (ct_dtype)dtype);
        }
    }
    ct_set_num_threads(threads);
}
END_TEST

/* _i: the function, at every finite point where its value is finite, an element at a time. */
START_TEST(finite_values_raise_nothing)
{
    for (int isa = 0; isa <= ct__isa(); isa++) {
        ct__elementwise_kernels = tables[isa];
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            double at[2];
            int flags = accuracy_exceptions(_i, (ct_dtype)dtype, TRAPS, at);
            ck_assert_msg(flags == 0, "%s(%.17g, %.17g), %s, instruction set %d raises %s", accuracy_name(_i), at[0],
                          at[1], ct_dtype_name((ct_dtype)dtype), isa,
                          flags & FE_INVALID ? "FE_INVALID" : "FE_DIVBYZERO");
        }
    }
}
END_TEST

/* ---- zeros, infinities, NaN, and the ends of the range ---- */

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* f's value and gradients at (a, b). */
static void expect_two(const char *name, ct_tensor *(*f)(ct_tensor *, ct_tensor *), double a, double b,
                       const double expected[3])
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *in[] = {ct_set_requires_grad(ct_scalar((ct_dtype)dtype, a), true),
                           ct_set_requires_grad(ct_scalar((ct_dtype)dtype, b), true)};
        ct_tensor *y = f(in[0], in[1]), *grad[2];
        ck_assert_int_eq(ct_grad(&y, 1, in, 2, grad), CT_OK);
        double got[] = {ct_item(y), ct_item(grad[0]), ct_item(grad[1])};
        for (int k = 0; k < 3; k++)
            ck_assert_msg(same(got[k], expected[k]) || fabs(got[k] - expected[k]) <= 1e-6 * fabs(expected[k]),
                          "%s(%g, %g), %s: %s is %g, not %g", name, a, b, ct_dtype_name((ct_dtype)dtype),
                          k == 0   ? "the value"
                          : k == 1 ? "a's gradient"
                                   : "b's gradient",
                          got[k], expected[k]);
    }
}

START_TEST(special_pairs)
{
    static const struct {
        const char *name;
        ct_tensor *(*f)(ct_tensor *, ct_tensor *);
        double a, b, expected[3];
    } cases[] = {
        {"atan2", ct_atan2, 0, 0, {0, 0, 0}},
        {"atan2", ct_atan2, 1e-30, 1e-30, {0.785398163397448, 5e29, -5e29}},
        {"atan2", ct_atan2, -1e-30, 1e-30, {-0.785398163397448, 5e29, 5e29}},
        {"atan2", ct_atan2, 1e30, 1e30, {0.785398163397448, 5e-31, -5e-31}},
        {"atan2", ct_atan2, INFINITY, 1, {1.570796326794897, 0, 0}},
        {"atan2", ct_atan2, 1, INFINITY, {0, 0, 0}},
        {"atan2", ct_atan2, NAN, 1, {NAN, NAN, NAN}},
        {"pow", ct_pow, 0, 2, {0, 0, 0}},
        {"pow", ct_pow, 0, 0.5, {0, INFINITY, 0}},
        {"pow", ct_pow, 0, 0, {1, 0, 0}},
        {"pow", ct_pow, 0, -1, {INFINITY, -INFINITY, -INFINITY}},
        {"pow", ct_pow, -0.0, -1, {-INFINITY, -INFINITY, INFINITY}},
        {"pow", ct_pow, -0.0, 3, {-0.0, 0, 0}},
        {"pow", ct_pow, 0, NAN, {NAN, NAN, NAN}},
        {"pow", ct_pow, NAN, 0, {1, 0, NAN}},
        {"pow", ct_pow, -2, 2, {4, -4, NAN}},
        {"maximum", ct_maximum, NAN, 1, {NAN, 1, 1}},
        {"maximum", ct_maximum, 1, NAN, {NAN, 1, 1}},
        {"minimum", ct_minimum, NAN, 1, {NAN, 1, 1}},
        {"minimum", ct_minimum, 1, NAN, {NAN, 1, 1}},
        {"prelu", ct_prelu, INFINITY, 0.25, {INFINITY, 1, 0}},
        {"prelu", ct_prelu, NAN, 0.25, {NAN, 0.25, NAN}},
        {"prelu", ct_prelu, -INFINITY, 0.25, {-INFINITY, 0.25, -INFINITY}},
        {"swish", ct_swish, -INFINITY, 1, {0, 0, 0}},
        {"swish", ct_swish, INFINITY, 1, {INFINITY, 1, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_two(cases[i].name, cases[i].f, cases[i].a, cases[i].b, cases[i].expected);
}
END_TEST

/* Derivatives of x^e at 0 up to order e + 2: e! at order e, else 0. By a tensor, and by a number. */
START_TEST(powers_of_zero)
{
    for (int e = 0; e <= 4; e++) {
        for (int by_number = 0; by_number < 2; by_number++) {
            ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true);
            ct_tensor *y = by_number ? ct_pow_scalar(x, e) : ct_pow(x, ct_scalar(CT_FLOAT64, e));
            for (int order = 1; order <= e + 2 && ct_requires_grad(y); order++) {
                ct_tensor *grad;
                ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad, .create_graph = true, .allow_unused = true), CT_OK);
                double expected = order == e ? tgamma(e + 1) : 0, got = grad ? ct_item(grad) : 0;
                ck_assert_msg(got == expected, "order %d of x^%d at 0 is %g, not %g", order, e, got, expected);
                if (!grad)
                    break;
                y = grad;
            }
        }
    }
}
END_TEST

/* At every position of a row, and of every length. */
START_TEST(clamp_with_bounds_in_any_order)
{
    static const struct {
        double low, high, x, expected;
    } cases[] = {
        {2, 1, -5, 1},    {2, 1, 1.5, 1},       {2, 1, 5, 1},        {2, 1, NAN, NAN},         {-1, 1, -0.0, -0.0},
        {NAN, 1, 0, NAN}, {-1, NAN, 0, NAN},    {NAN, 1, 5, NAN},    {-1, NAN, INFINITY, NAN}, {-1, 1, INFINITY, 1},
        {-1, 1, 3, 1},    {-INFINITY, 1, 0, 0}, {0, INFINITY, -1, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int isa = 0; isa <= ct__isa(); isa++) {
            ct__elementwise_kernels = tables[isa];
            for (int64_t n = 1; n <= 35; n++) {
                for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
                    ct_tensor *x = ct_full((ct_dtype)dtype, cases[c].x, CT_SHAPE(n));
                    ct_tensor *y = ct_clamp(x, cases[c].low, cases[c].high);
                    for (int64_t i = 0; i < n; i++)
                        ck_assert_msg(
                            same(ct_get(y, &i, 1), cases[c].expected) &&
                                (isnan(cases[c].expected) || signbit(ct_get(y, &i, 1)) == signbit(cases[c].expected)),
                            "clamp(%g, %g, %g) is %g at %d of %d, not %g", cases[c].x, cases[c].low, cases[c].high,
                            ct_get(y, &i, 1), (int)i, (int)n, cases[c].expected);
                }
            }
        }
    }
    expect_error(ct_hardtanh(ct_ones(CT_FLOAT32, CT_SHAPE(2)), 2, 1), CT_ERROR_ARGUMENT,
                 "hardtanh: low 2 is above high 1");
}
END_TEST

START_TEST(lerp_ends)
{
    static const double cases[][4] = {{1e10, 1, 1, 1},         {1, 1e10, 0, 1},      {-3e38, 3e38, 0.5, 0},
                                      {3e38, -3e38, 1, -3e38}, {0.1, 0.1, 0.3, 0.1}, {2, 4, 2, 6}};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ct_tensor *expected = ct_scalar((ct_dtype)dtype, cases[i][3]);
            ct_tensor *y = ct_lerp(ct_scalar((ct_dtype)dtype, cases[i][0]), ct_scalar((ct_dtype)dtype, cases[i][1]),
                                   ct_scalar((ct_dtype)dtype, cases[i][2]));
            ck_assert_double_eq(ct_item(y), ct_item(expected));
        }
}
END_TEST

/* ---- the suite ---- */

Suite *ct_suite_accuracy(void)
{
    Suite *suite = suite_create("accuracy");
    TCase *tests = tcase_create("accuracy");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_checked_fixture(tests, NULL, restore_kernels);
    tcase_add_loop_test(tests, as_accurate_as_the_page, 0, accuracy_functions());
    tcase_add_test(tests, samples_raise_nothing);
    tcase_add_loop_test(tests, finite_values_raise_nothing, 0, accuracy_functions());
    tcase_add_test(tests, special_pairs);
    tcase_add_test(tests, powers_of_zero);
    tcase_add_test(tests, clamp_with_bounds_in_any_order);
    tcase_add_test(tests, lerp_ends);
    suite_add_tcase(suite, tests);
    return suite;
}
