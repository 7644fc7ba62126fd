/* Elementwise operations, comparisons and matrix products: broadcasting, any strides, every length of a row's end, every
 * instruction set, and what becomes of NaN, infinity and -0. */
#include "quick.h"
#include "suites.h"
#include "tensor_checks.h"
#include "elementwise/elementwise.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK && ct_error_code() == CT_OK, "%s", ct_error_message());
}

/* ---- kernels ---- */

enum { ROW = 131, LONGEST = 130 };
static const double attributes[2] = {0.75, 1.5};

static const struct {
    const char *name;
    int inputs;
} kernels[] = {
#define OP1(name, ...) {#name, 1},
#define OP2(name, ...) {#name, 2},
#define OP3(name, ...) {#name, 3},
#include "elementwise/elementwise_rules.h"
};

static const struct {
    const char *name;
    const ct_elementwise_table *table;
} isas[] = {
    {"portable", &ct__elementwise_portable},
#if defined(__x86_64__)
    {"avx2", &ct__elementwise_avx2},
    {"avx512", &ct__elementwise_avx512},
#endif
};

/* n elements of the dtype, in [-2, 2), or of [0.1, 0.9) where unit, with the special ones in front. */
static void fill_row(void *row, ct_dtype dtype, int64_t n, uint64_t seed, bool unit, bool special)
{
    static const double specials[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 1e-320, 800, -800, 0x1p-149, 3e38};
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double value = (double)(state >> 11) * 0x1p-53;
        value = unit ? 0.1 + 0.8 * value : 4 * value - 2;
        int64_t s = (i + (int64_t)seed * (i / 12)) % 12; /* pairs of special ones change from one dozen to the next */
        if (special)
            value = specials[s];
        if (dtype == CT_FLOAT32)
            ((float *)row)[i] = (float)value;
        else
            ((double *)row)[i] = value;
    }
}

static double element(const void *row, ct_dtype dtype, int64_t i)
{
    return dtype == CT_FLOAT32 ? (double)((const float *)row)[i] : ((const double *)row)[i];
}

/* An element's value does not depend on where it stands: any n elements from anywhere give the bits that they give in the
 * whole row, streamed or not. _i: the kernel. */
START_TEST(position_does_not_matter)
{
    double x[3][ROW];
    _Alignas(64) double whole[ROW], part[ROW + 1];
    for (int isa = 0; isa <= ct__isa(); isa++) {
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            size_t size = ct_dtype_size((ct_dtype)dtype);
            ct_elementwise_kernel kernel = (*isas[isa].table)[_i][dtype == CT_FLOAT64];
            static const bool fixed[3] = {false};
            fill_row(x[0], (ct_dtype)dtype, ROW, 1, true, false);
            fill_row(x[1], (ct_dtype)dtype, ROW, 2, true, false);
            fill_row(x[2], (ct_dtype)dtype, ROW, 3, true, false);
            kernel(ROW, whole, (const void *[]){x[0], x[1], x[2]}, fixed, attributes, false);
            for (int64_t n = 0; n <= LONGEST; n++) {
                size_t from = (size_t)(n % 3 ? n % 7 : 0), end = from + (size_t)n;
                from = end > ROW ? 0 : from;
                memset(part, 0x5a, sizeof part);
                const void *in[] = {(char *)x[0] + from * size, (char *)x[1] + from * size, (char *)x[2] + from * size};
                kernel(n, part, in, fixed, attributes, n % 2 == 0);
                if (memcmp(part, (char *)whole + from * size, (size_t)n * size) != 0)
                    ck_abort_msg("%s %s %s: %lld elements from %zu differ", kernels[_i].name, isas[isa].name,
                                 ct_dtype_name((ct_dtype)dtype), (long long)n, from);
                for (size_t k = (size_t)n * size; k < sizeof part; k++)
                    if (((const unsigned char *)part)[k] != 0x5a)
                        ck_abort_msg("%s %s: %lld elements, more written", kernels[_i].name, isas[isa].name,
                                     (long long)n);
            }
        }
    }
}
END_TEST

/* What is so large that it is streamed, in rows that begin anywhere, is as its rows are one by one, whoever computes them. */
START_TEST(large_outputs)
{
    int before = ct_num_threads();
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_scope_open();
        ct_tensor *x = ct_randn((ct_dtype)dtype, 0, 1, CT_SHAPE(3, 700003));
        ct_tensor *row = ct_randn((ct_dtype)dtype, 0, 1, CT_SHAPE(700003));
        for (int threads = 1; threads <= 2; threads++) {
            ct_set_num_threads(threads);
            ct_tensor *y = ct_add(x, row);
            for (int i = 0; i < 3; i++) {
                ct_tensor *one = ct_add(ct_select(x, 0, i), row);
                size_t bytes = (size_t)ct_numel(one) * ct_dtype_size((ct_dtype)dtype);
                ck_assert_mem_eq((const char *)ct_data(y) + (size_t)i * bytes, ct_data(one), bytes);
            }
        }
        ct_scope_close();
    }
    ct_set_num_threads(before);
}
END_TEST

/* An input that is one element for all is like a row of it. */
START_TEST(fixed_inputs)
{
    double x[3][ROW], spread[3][ROW], expected[ROW], got[ROW];
    for (int isa = 0; isa <= ct__isa(); isa++) {
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            size_t size = ct_dtype_size((ct_dtype)dtype);
            ct_elementwise_kernel kernel = (*isas[isa].table)[_i][dtype == CT_FLOAT64];
            for (int which = 1; which < (1 << kernels[_i].inputs) * 12; which++) {
                fill_row(x[0], (ct_dtype)dtype, ROW, 1, true, false);
                fill_row(x[1], (ct_dtype)dtype, ROW, 2, true, false);
                fill_row(x[2], (ct_dtype)dtype, ROW, 3, true, false);
                const int choice = which % (1 << kernels[_i].inputs), special_one = which >> kernels[_i].inputs;
                const bool fixed[3] = {choice & 1, choice & 2, choice & 4};
                char special[12 * 8];
                fill_row(special, (ct_dtype)dtype, 12, 1, false, true);
                for (int k = 0; k < 3; k++) {
                    if (fixed[k] && special_one > 0) /* -0, NaN and the others as the one element */
                        memcpy(x[k], special + (size_t)special_one * size, size);
                    for (size_t i = 0; i < ROW; i++)
                        memcpy((char *)spread[k] + i * size, (char *)x[k] + (fixed[k] ? 0 : i * size), size);
                }
                static const bool rows[3] = {false};
                kernel(ROW, expected, (const void *[]){spread[0], spread[1], spread[2]}, rows, attributes, false);
                kernel(ROW, got, (const void *[]){x[0], x[1], x[2]}, fixed, attributes, false);
                for (int64_t i = 0; i < ROW; i++) {
                    double e = element(expected, (ct_dtype)dtype, i), g = element(got, (ct_dtype)dtype, i);
                    if (!(e == g && signbit(e) == signbit(g)) && !(isnan(e) && isnan(g)))
                        ck_abort_msg("%s %s %s: %g, not %g, where the inputs of bits %d are one element",
                                     kernels[_i].name, isas[isa].name, ct_dtype_name((ct_dtype)dtype), g, e, choice);
                }
            }
        }
    }
}
END_TEST

/* All instruction sets give the same: NaN, infinities and signs exactly, the rest to a few units in the last place of the
 * result, or of 1 for what is a difference of such. */
START_TEST(instruction_sets_agree)
{
    int ranges = is_quick() ? 2 : 3; /* memory debuggers get comparisons of NaN wrong */
    double x[3][ROW], expected[ROW], got[ROW];
    for (int isa = 1; isa <= ct__isa(); isa++) {
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            for (int range = 0; range < ranges; range++) {
                static const bool rows[3] = {false};
                double ulp = dtype == CT_FLOAT32 ? 0x1p-23 : 0x1p-52;
                fill_row(x[0], (ct_dtype)dtype, ROW, 1, range == 0, range == 2);
                fill_row(x[1], (ct_dtype)dtype, ROW, 2, range == 0, range == 2);
                fill_row(x[2], (ct_dtype)dtype, ROW, 3, range == 0, range == 2);
                const void *in[] = {x[0], x[1], x[2]};
                (*isas[0].table)[_i][dtype == CT_FLOAT64](ROW, expected, in, rows, attributes, false);
                (*isas[isa].table)[_i][dtype == CT_FLOAT64](ROW, got, in, rows, attributes, false);
                for (int64_t i = 0; i < ROW; i++) {
                    double e = element(expected, (ct_dtype)dtype, i), g = element(got, (ct_dtype)dtype, i);
                    if (e == g || (isnan(e) && isnan(g)) || fabs(e - g) <= 8 * ulp * fmax(fabs(e), 1))
                        continue;
                    ck_abort_msg("%s(%g, %g) %s: %s %.17g, portable %.17g", kernels[_i].name,
                                 element(x[0], (ct_dtype)dtype, i), element(x[1], (ct_dtype)dtype, i),
                                 ct_dtype_name((ct_dtype)dtype), isas[isa].name, g, e);
                }
            }
        }
    }
}
END_TEST

/* ---- special values: PyTorch 1.13's ---- */

static const double in_one[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};

static ct_tensor *pow_quarter(ct_tensor *x)
{
    return ct_pow_scalar(x, 0.25);
}

static ct_tensor *pow_minus_one(ct_tensor *x)
{
    return ct_pow_scalar(x, -1);
}

static ct_tensor *pow_minus_two(ct_tensor *x)
{
    return ct_pow_scalar(x, -2);
}

static ct_tensor *pow_zero(ct_tensor *x)
{
    return ct_pow_scalar(x, 0);
}

static ct_tensor *pow_two(ct_tensor *x)
{
    return ct_pow_scalar(x, 2);
}

static ct_tensor *pow_three(ct_tensor *x)
{
    return ct_pow_scalar(x, 3);
}

#define INF INFINITY
static const struct {
    const char *name;
    ct_tensor *(*f)(ct_tensor *);
    double expected[5];
} of_one[] = {
    {"neg", ct_neg, {NAN, -INF, INF, 0.0, -0.0}},       {"abs", ct_abs, {NAN, INF, INF, 0.0, 0.0}},
    {"sign", ct_sign, {0.0, 1, -1, 0.0, 0.0}},          {"relu", ct_relu, {NAN, INF, 0.0, -0.0, 0.0}},
    {"sqrt", ct_sqrt, {NAN, INF, NAN, -0.0, 0.0}},      {"exp", ct_exp, {NAN, INF, 0.0, 1, 1}},
    {"log", ct_log, {NAN, INF, NAN, -INF, -INF}},       {"tanh", ct_tanh, {NAN, 1, -1, -0.0, 0.0}},
    {"sigmoid", ct_sigmoid, {NAN, 1, 0.0, 0.5, 0.5}},   {"square", ct_square, {NAN, INF, INF, 0.0, 0.0}},
    {"x^0.25", pow_quarter, {NAN, INF, INF, 0.0, 0.0}}, {"1/x", pow_minus_one, {NAN, 0.0, -0.0, -INF, INF}},
    {"x^-2", pow_minus_two, {NAN, 0.0, 0.0, INF, INF}}, {"x^0", pow_zero, {1, 1, 1, 1, 1}},
    {"x^2", pow_two, {NAN, INF, INF, 0.0, 0.0}},        {"x^3", pow_three, {NAN, INF, -INF, -0.0, 0.0}},
};

static const struct {
    const char *name;
    ct_tensor *(*f)(ct_tensor *, ct_tensor *);
    double a, b, expected;
} of_two[] = {
    {"maximum", ct_maximum, NAN, 1, NAN},
    {"maximum", ct_maximum, 1, NAN, NAN},
    {"maximum", ct_maximum, NAN, NAN, NAN},
    {"maximum", ct_maximum, INF, -INF, INF},
    {"minimum", ct_minimum, NAN, 1, NAN},
    {"minimum", ct_minimum, 1, NAN, NAN},
    {"minimum", ct_minimum, INF, -INF, -INF},
    {"pow", ct_pow, NAN, 0, 1},
    {"pow", ct_pow, 1, NAN, 1},
    {"pow", ct_pow, -1, INF, 1},
    {"pow", ct_pow, -1, -INF, 1},
    {"pow", ct_pow, 0, -1, INF},
    {"pow", ct_pow, -0.0, -1, -INF},
    {"pow", ct_pow, -0.0, -2, INF},
    {"pow", ct_pow, -2, 0.5, NAN},
    {"pow", ct_pow, INF, -INF, 0.0},
    {"pow", ct_pow, -INF, 3, -INF},
    {"pow", ct_pow, -INF, -3, -0.0},
    {"pow", ct_pow, NAN, 0x1p100, NAN},
    {"pow", ct_pow, NAN, -0x1p100, NAN},
    {"pow", ct_pow, 0x1.fffffep127, 1, 0x1.fffffep127},
    {"div", ct_div, 1, 0.0, INF},
    {"div", ct_div, 1, -0.0, -INF},
    {"div", ct_div, 0, 0, NAN},
    {"add", ct_add, INF, -INF, NAN},
    {"add", ct_add, -0.0, -0.0, -0.0},
    {"sub", ct_sub, 0.0, 0.0, 0.0},
    {"mul", ct_mul, 0, INF, NAN},
    {"mul", ct_mul, -0.0, 3, -0.0},
};
#undef INF

static bool same_value(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

/* Alone, in a row, and broadcast. */
START_TEST(special_values)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = ct_from_values((ct_dtype)dtype, in_one, 5, CT_SHAPE(5));
        for (size_t c = 0; c < sizeof of_one / sizeof *of_one; c++) {
            ct_tensor *y = of_one[c].f(x);
            for (int64_t i = 0; i < 5; i++) {
                double got = ct_get(y, &i, 1), alone = ct_item(of_one[c].f(ct_select(x, 0, i)));
                ck_assert_msg(same_value(got, of_one[c].expected[i]) && same_value(alone, got),
                              "%s(%g) is %g in a row and %g alone, not %g", of_one[c].name, in_one[i], got, alone,
                              of_one[c].expected[i]);
            }
        }
        for (size_t c = 0; c < sizeof of_two / sizeof *of_two; c++) {
            ct_tensor *a = ct_scalar((ct_dtype)dtype, of_two[c].a), *b = ct_scalar((ct_dtype)dtype, of_two[c].b);
            ct_tensor *row = ct_contiguous(ct_expand(a, CT_SHAPE(3)));
            double alone = ct_item(of_two[c].f(a, b)), in_row = ct_get(of_two[c].f(row, b), (const int64_t[]){2}, 1);
            ck_assert_msg(same_value(alone, of_two[c].expected) && same_value(in_row, alone),
                          "%s(%g, %g) is %g alone and %g in a row, not %g", of_two[c].name, of_two[c].a, of_two[c].b,
                          alone, in_row, of_two[c].expected);
        }
        for (double big = 80; big <= 1e4; big *= 10) {
            ck_assert_double_eq(ct_item(ct_sigmoid(ct_scalar((ct_dtype)dtype, big))), 1);
            ck_assert_double_le(ct_item(ct_sigmoid(ct_scalar((ct_dtype)dtype, -big))), exp(-80) * 1.01);
            ck_assert_double_ge(ct_item(ct_sigmoid(ct_scalar((ct_dtype)dtype, -big))), 0);
        }
    }
}
END_TEST

/* Gradients where the functions have an edge. */
START_TEST(gradients_at_edges)
{
    static const struct {
        ct_tensor *(*f)(ct_tensor *);
        double at, expected;
    } cases[] = {{ct_relu, 0, 0},           {ct_relu, -0.0, 0},   {ct_abs, 0, 0},        {ct_abs, -2, -1},
                 {ct_sign, 3, 0},           {ct_sigmoid, 800, 0}, {ct_sigmoid, -800, 0}, {ct_tanh, 400, 0},
                 {pow_two, 0, 0},           {pow_zero, 0, 0},     {pow_zero, 3, 0},      {pow_three, 0, 0},
                 {pow_quarter, 0, INFINITY}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, cases[i].at), true);
        ok(ct_backward(cases[i].f(x)));
        ck_assert_double_eq(ct_item(ct_grad_of(x)), cases[i].expected);
    }
    ct_tensor *a = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(1, 2, 2), CT_SHAPE(3)), true);
    ct_tensor *b = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(2, 2, 1), CT_SHAPE(3)), true);
    ok(ct_backward(ct_sum(ct_maximum(a, b))));
    expect_tensor(ct_grad_of(a), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(0, 0.5, 1));
    expect_tensor(ct_grad_of(b), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(1, 0.5, 0));
    ct_tensor *zero = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true);
    ct_tensor *two = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 2), true);
    ok(ct_backward(ct_pow(zero, two)));
    ck_assert_double_eq(ct_item(ct_grad_of(zero)), 0);
    ck_assert_double_eq(ct_item(ct_grad_of(two)), 0);
}
END_TEST

/* The same for two inputs: NaN goes through, and what is 0 or infinite stays so. */
START_TEST(gradients_at_edges_of_two)
{
    static const struct {
        const char *name;
        ct_tensor *(*f)(ct_tensor *, ct_tensor *);
        double at[2], expected[2];
    } cases[] = {{"atan2", ct_atan2, {NAN, 0}, {NAN, NAN}},
                 {"atan2", ct_atan2, {-0.0, NAN}, {NAN, NAN}},
                 {"hypot", ct_hypot, {NAN, 0}, {NAN, NAN}},
                 {"pow", ct_pow, {NAN, 0x1p100}, {NAN, NAN}},
                 {"pow", ct_pow, {0, 0x1p100}, {0, 0}},
                 {"pow", ct_pow, {INFINITY, 0x1p100}, {INFINITY, INFINITY}},
                 {"pow", ct_pow, {INFINITY, INFINITY}, {INFINITY, INFINITY}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            ct_tensor *x[2];
            for (int k = 0; k < 2; k++)
                x[k] = ct_set_requires_grad(ct_scalar((ct_dtype)dtype, cases[i].at[k]), true);
            ok(ct_backward(cases[i].f(x[0], x[1])));
            for (int k = 0; k < 2; k++) {
                double got = ct_item(ct_grad_of(x[k])), expected = cases[i].expected[k];
                ck_assert_msg(same_value(got, expected) || (got == 0 && expected == 0),
                              "%s(%g, %g): gradient %d is %g, not %g", cases[i].name, cases[i].at[0], cases[i].at[1], k,
                              got, expected);
            }
        }
}
END_TEST

/* ---- broadcasting and strides ---- */

typedef ct_tensor *(*binary)(ct_tensor *, ct_tensor *);

/* The element of t that broadcasting puts at index of shape. */
static double broadcast_element(const ct_tensor *t, const int64_t *index, int rank)
{
    int64_t own[CT_MAX_RANK];
    for (int i = 0; i < t->rank; i++)
        own[i] = t->shape[i] == 1 ? 0 : index[i + rank - t->rank];
    return ct_get(t, own, t->rank);
}

/* f over a and b, an element at a time. */
static void check_elements(const ct_tensor *y, const ct_tensor *a, const ct_tensor *b, double (*f)(double, double))
{
    int64_t index[CT_MAX_RANK] = {0};
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    for (int64_t k = 0; k < y->numel; k++) {
        double expected = f(broadcast_element(a, index, y->rank), broadcast_element(b, index, y->rank));
        double got = ct_get(y, index, y->rank);
        if (got != (y->dtype == CT_FLOAT32 ? (float)expected : expected))
            ck_abort_msg("element %lld is %.17g, not %.17g", (long long)k, got, expected);
        for (int i = y->rank - 1; i >= 0 && ++index[i] == y->shape[i]; i--)
            index[i] = 0;
    }
}

static double subtract(double a, double b)
{
    return a - b;
}

static double less(double a, double b)
{
    return a < b;
}

typedef struct sizes {
    int rank;
    int64_t shape[CT_MAX_RANK];
} sizes;

static const sizes pairs[][2] = {
    {{0, {0}}, {0, {0}}},
    {{0, {0}}, {3, {2, 3, 4}}},
    {{1, {4}}, {3, {2, 3, 4}}},
    {{2, {3, 1}}, {3, {2, 1, 4}}},
    {{3, {2, 1, 4}}, {2, {3, 1}}},
    {{1, {1}}, {2, {5, 1}}},
    {{3, {7, 1, 3}}, {3, {1, 5, 3}}},
    {{8, {2, 1, 2, 1, 2, 1, 2, 1}}, {8, {1, 2, 1, 2, 1, 2, 1, 2}}},
    {{8, {1, 1, 1, 1, 1, 1, 1, 1}}, {1, {3}}},
    {{2, {0, 3}}, {1, {3}}},
    {{2, {1, 3}}, {2, {0, 3}}},
    {{2, {2, 0}}, {1, {1}}},
    {{2, {3, 70000}}, {2, {3, 1}}}, /* more than a task in a row */
    {{2, {5000, 9}}, {1, {9}}},     /* and less */
};

/* How many layouts a tensor has: one takes an axis more. */
static int layouts(const ct_tensor *t)
{
    return ct_rank(t) < CT_MAX_RANK ? LAYOUTS : 2;
}

/* _i: the pair of shapes. In all layouts, of either. */
START_TEST(broadcasting)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        const sizes *p = pairs[_i];
        ct_tensor *a = numbers((ct_dtype)dtype, p[0].shape, p[0].rank, 1);
        ct_tensor *b = numbers((ct_dtype)dtype, p[1].shape, p[1].rank, 2);
        ct_tensor *difference = ct_sub(a, b), *below = ct_lt(a, b);
        check_elements(difference, a, b, subtract);
        check_elements(below, a, b, less);
        bool large = ct_numel(a) > 1000;
        for (int of_a = 0; of_a < layouts(a); of_a += large ? 2 : 1) {
            for (int of_b = 0; of_b < layouts(b); of_b += large ? 3 : 1) {
                ct_scope_open();
                expect_close(ct_sub(in_layout(a, of_a), in_layout(b, of_b)), difference, 0);
                expect_close(ct_lt(in_layout(a, of_a), in_layout(b, of_b)), below, 0);
                ct_scope_close();
            }
        }
    }
}
END_TEST

/* The results do not depend on the number of threads. */
START_TEST(threads_do_not_matter)
{
    ct_tensor *a = numbers(CT_FLOAT32, CT_SHAPE(70, 3001), 1), *b = numbers(CT_FLOAT32, CT_SHAPE(3001), 2);
    ct_set_num_threads(1);
    ct_tensor *one = ct_tanh(ct_mul(a, b)), *turned = ct_exp(ct_transpose(a, 0, 1));
    for (int threads = 2; threads < 6; threads++) {
        ct_set_num_threads(threads);
        expect_close(ct_tanh(ct_mul(a, b)), one, 0);
        expect_close(ct_exp(ct_transpose(a, 0, 1)), turned, 0);
    }
    ct_set_num_threads(2);
}
END_TEST

START_TEST(shapes_and_dtypes_refused)
{
    ct_tensor *a = ct_ones(CT_FLOAT32, CT_SHAPE(2, 3)), *b = ct_ones(CT_FLOAT32, CT_SHAPE(2)), *none = NULL;
    ct_tensor *labels = ct_ones(CT_INT64, CT_SHAPE(3)), *doubles = ct_ones(CT_FLOAT64, CT_SHAPE(3));
    ct_tensor *mask = ct_ones(CT_UINT8, CT_SHAPE(3));
    expect_error(ct_add(a, b), CT_ERROR_SHAPE, "add: shapes do not broadcast: [2,3], [2] (");
    expect_error(ct_mul(a, doubles), CT_ERROR_DTYPE, "mul: dtypes differ: float32 and float64 (inputs 0 and 1) (");
    expect_error(ct_exp(labels), CT_ERROR_DTYPE, "exp: takes float32 or float64, not int64; ct_cast() it (");
    expect_error(ct_div(labels, labels), CT_ERROR_DTYPE, "div: takes float32 or float64, not int64; ct_cast() it (");
    expect_error(ct_add(a, labels), CT_ERROR_DTYPE, "add: dtypes differ: float32 and int64 (inputs 0 and 1) (");
    expect_error(ct_neg(none), CT_ERROR_NULL, "neg: input 0 is NULL (");
    expect_error(ct_add(a, none), CT_ERROR_NULL, "add: input 1 is NULL (");
    expect_error(ct_lt(a, doubles), CT_ERROR_DTYPE, "lt: dtypes differ: float32 and float64 (inputs 0 and 1) (");
    expect_error(ct_eq(a, b), CT_ERROR_SHAPE, "eq: shapes do not broadcast: [2,3], [2] (");
    expect_error(ct_where(a, a, a), CT_ERROR_DTYPE,
                 "where: the condition is float32, not uint8 or bool; see ct_cast() (");
    expect_error(ct_where(mask, a, doubles), CT_ERROR_DTYPE,
                 "where: dtypes differ: float32 and float64 (inputs 1 and 2) (");
    expect_error(ct_where(mask, b, a), CT_ERROR_SHAPE, "where: shapes do not broadcast: [3], [2], [2,3] (");
    expect_error(ct_where(none, a, a), CT_ERROR_NULL, "where: input 0 is NULL (");
}
END_TEST

/* Sizes that broadcast to more than there can be. */
START_TEST(broadcast_too_large)
{
    ct_tensor *a = ct_expand(ct_ones(CT_FLOAT32, CT_SHAPE(1, 1)), CT_SHAPE((int64_t)1 << 40, 1));
    ct_tensor *b = ct_expand(ct_ones(CT_FLOAT32, CT_SHAPE(1, 1)), CT_SHAPE(1, (int64_t)1 << 40));
    ck_assert(a && b);
    expect_error(ct_add(a, b), CT_ERROR_SHAPE, "add: [1099511627776,1099511627776] has more than 2^63-1 bytes (");
}
END_TEST

/* ---- comparisons and where ---- */

START_TEST(comparisons)
{
    static const double x[] = {1, 2, 3, NAN, NAN, -0.0}, y[] = {2, 2, 2, 1, NAN, 0.0};
    static const double expected[6][6] = {{0, 1, 0, 0, 0, 1}, {1, 0, 1, 1, 1, 0}, {1, 0, 0, 0, 0, 0},
                                          {1, 1, 0, 0, 0, 1}, {0, 0, 1, 0, 0, 0}, {0, 1, 1, 0, 0, 1}};
    static const binary all[] = {ct_eq, ct_ne, ct_lt, ct_le, ct_gt, ct_ge};
    static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64, CT_INT64, CT_INT32, CT_UINT8};
    for (int d = 0; d < 5; d++) {
        int64_t n = d < 2 ? 6 : 3; /* no NaN among integers */
        ct_tensor *a = ct_from_values(dtypes[d], x, n, CT_SHAPE(n)), *b = ct_from_values(dtypes[d], y, n, CT_SHAPE(n));
        for (int c = 0; c < 6; c++)
            expect_tensor(all[c](a, b), CT_BOOL, CT_SHAPE(n), expected[c], n);
    }
    int64_t near[] = {INT64_MAX - 1, INT64_MAX}; /* not by way of doubles */
    ct_tensor *both = ct_from_array(CT_INT64, near, CT_SHAPE(2));
    expect_tensor(ct_lt(both, ct_select(both, 0, 1)), CT_BOOL, CT_SHAPE(2), CT_VALUES(1, 0));
}
END_TEST

START_TEST(where_chooses)
{
    static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64, CT_INT64, CT_INT32, CT_UINT8};
    ct_tensor *condition = ct_from_values(CT_UINT8, CT_VALUES(1, 0, 255), CT_SHAPE(3, 1));
    for (int d = 0; d < 5; d++) {
        ct_tensor *a = ct_from_values(dtypes[d], CT_VALUES(1, 2), CT_SHAPE(2)), *b = ct_scalar(dtypes[d], 9);
        ct_tensor *y = ct_where(condition, a, b);
        expect_tensor(y, dtypes[d], CT_SHAPE(3, 2), CT_VALUES(1, 2, 9, 9, 1, 2));
        for (int layout = 1; layout < LAYOUTS; layout++)
            expect_close(ct_where(in_layout(condition, layout), in_layout(a, layout), b), y, 0);
    }
    ct_tensor *x = ct_set_requires_grad(ct_from_values(CT_FLOAT64, CT_VALUES(-1, 4), CT_SHAPE(2)), true);
    ct_tensor *zero = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0), true);
    ok(ct_backward(ct_sum(ct_where(ct_gt(x, zero), x, zero))));
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(0, 1));
    ck_assert_double_eq(ct_item(ct_grad_of(zero)), 1);
}
END_TEST

/* ---- matrix products ---- */

/* a @ b for matrices with leading axes that broadcast, by loops; vectors as a row and a column. */
static void check_matmul(const ct_tensor *y, const ct_tensor *a, const ct_tensor *b)
{
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    int64_t index[CT_MAX_RANK] = {0}, inner = a->shape[a->rank - 1];
    int rows = a->rank > 1, cols = b->rank > 1, batch = y->rank - rows - cols;
    for (int64_t e = 0; e < y->numel; e++) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < inner; k++) {
            int64_t at_a[CT_MAX_RANK], at_b[CT_MAX_RANK];
            for (int i = 0; i < a->rank - 2; i++)
                at_a[i] = a->shape[i] == 1 ? 0 : index[batch - (a->rank - 2) + i];
            for (int i = 0; i < b->rank - 2; i++)
                at_b[i] = b->shape[i] == 1 ? 0 : index[batch - (b->rank - 2) + i];
            if (rows)
                at_a[a->rank - 2] = index[batch];
            at_a[a->rank - 1] = k;
            at_b[b->rank > 1 ? b->rank - 2 : 0] = k;
            if (cols)
                at_b[b->rank - 1] = index[y->rank - 1];
            double term = ct_get(a, at_a, a->rank) * ct_get(b, at_b, b->rank);
            sum += term;
            size += fabs(term);
        }
        double got = ct_get(y, index, y->rank), unit = y->dtype == CT_FLOAT32 ? 0x1p-23 : 0x1p-52;
        if (!(fabs(got - sum) <= unit * (double)(inner + 1) * size))
            ck_abort_msg("element %lld is %.17g, not %.17g", (long long)e, got, sum);
        for (int i = y->rank - 1; i >= 0 && ++index[i] == y->shape[i]; i--)
            index[i] = 0;
    }
}

static const sizes operands[][2] = {
    {{2, {3, 4}}, {2, {4, 5}}},
    {{1, {4}}, {2, {4, 5}}},
    {{2, {3, 4}}, {1, {4}}},
    {{1, {4}}, {1, {4}}},
    {{3, {2, 3, 4}}, {2, {4, 5}}},
    {{3, {2, 3, 4}}, {3, {2, 4, 5}}},
    {{2, {3, 4}}, {3, {2, 4, 5}}},
    {{3, {2, 3, 4}}, {1, {4}}},
    {{1, {4}}, {3, {2, 4, 5}}},
    {{4, {2, 1, 3, 4}}, {3, {5, 4, 2}}},
    {{3, {1, 3, 4}}, {3, {2, 4, 1}}},
    {{2, {1, 4}}, {2, {4, 1}}},
    {{2, {3, 1}}, {2, {1, 5}}},
    {{3, {5, 1, 4}}, {2, {4, 3}}},
    {{4, {2, 3, 1, 4}}, {2, {4, 1}}},
    {{2, {0, 4}}, {2, {4, 5}}},
    {{2, {3, 0}}, {2, {0, 5}}},
    {{2, {3, 4}}, {2, {4, 0}}},
    {{3, {0, 3, 4}}, {3, {0, 4, 5}}},
    {{3, {2, 3, 0}}, {2, {0, 5}}},
    {{1, {0}}, {1, {0}}},
    {{3, {2, 0, 4}}, {2, {4, 5}}},
    {{8, {1, 2, 1, 2, 1, 1, 2, 3}}, {8, {2, 1, 1, 2, 1, 1, 3, 2}}},
};

/* _i: the pair of operands. In all layouts, of either. */
START_TEST(matmul_of_all_ranks)
{
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        const sizes *p = operands[_i];
        ct_tensor *a = numbers((ct_dtype)dtype, p[0].shape, p[0].rank, 1);
        ct_tensor *b = numbers((ct_dtype)dtype, p[1].shape, p[1].rank, 2);
        for (int of_a = 0; of_a < layouts(a); of_a++)
            for (int of_b = 0; of_b < layouts(b); of_b++)
                check_matmul(ct_matmul(in_layout(a, of_a), in_layout(b, of_b)), a, b);
    }
}
END_TEST

/* Views whose strides no copy has: 0 and below, where a size of 1 hides them too. */
START_TEST(matmul_of_strange_strides)
{
    ct_tensor *b = numbers(CT_FLOAT64, CT_SHAPE(4, 3), 2), *row = numbers(CT_FLOAT64, CT_SHAPE(4), 1);
    ct_tensor *tall = numbers(CT_FLOAT64, CT_SHAPE(5, 1, 4), 3), *square = numbers(CT_FLOAT64, CT_SHAPE(4, 4), 4);
    ct_tensor *left[] = {
        ct_expand(row, CT_SHAPE(5, 1, 4)),
        ct_expand(row, CT_SHAPE(2, 3, 1, 4)),
        ct_expand(row, CT_SHAPE(2, 3, 4)),
        ct_slice(ct_slice(tall, 0, -1, CT_END, -1), 1, -1, CT_END, -1),
        ct_slice(tall, 2, -1, CT_END, -1),
        ct_slice(square, 0, -1, CT_END, -1),
        ct_slice(square, 1, -1, CT_END, -1),
        ct_expand(ct_slice(square, 0, 0, 1, 1), CT_SHAPE(6, 4)),
        ct_expand(ct_slice(square, 1, 0, 1, 1), CT_SHAPE(4, 4)),
        ct_transpose(ct_slice(ct_expand(ct_unsqueeze(square, 0), CT_SHAPE(3, 4, 4)), 1, -1, CT_END, -2), 0, 1),
    };
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        ck_assert_msg(left[i] != NULL, "%zu: %s", i, ct_error_message());
        check_matmul(ct_matmul(left[i], b), left[i], b);
        if (ct_rank(left[i]) == 2) { /* on the right as well */
            ct_tensor *turned = ct_transpose(left[i], 0, 1);
            check_matmul(ct_matmul(ct_transpose(b, 0, 1), turned), ct_transpose(b, 0, 1), turned);
        }
    }
}
END_TEST

START_TEST(matmul_refused)
{
    ct_tensor *a = ct_ones(CT_FLOAT32, CT_SHAPE(2, 3)), *zero = ct_ones(CT_FLOAT32, CT_SCALAR), *none = NULL;
    ct_tensor *batch = ct_ones(CT_FLOAT32, CT_SHAPE(3, 3, 2)), *other = ct_ones(CT_FLOAT32, CT_SHAPE(2, 2, 3));
    expect_error(ct_matmul(a, a), CT_ERROR_SHAPE, "matmul: inner sizes differ: [2,3] @ [2,3] (");
    expect_error(ct_matmul(zero, a), CT_ERROR_SHAPE,
                 "matmul: takes vectors and matrices, not a 0-d tensor: [] @ [2,3]");
    expect_error(ct_matmul(other, batch), CT_ERROR_SHAPE, "matmul: batch axes do not broadcast: [2,2,3] @ [3,3,2] (");
    expect_error(ct_matmul(a, ct_ones(CT_FLOAT64, CT_SHAPE(3))), CT_ERROR_DTYPE,
                 "matmul: dtypes differ: float32 and float64 (inputs 0 and 1) (");
    expect_error(ct_matmul(ct_ones(CT_INT64, CT_SHAPE(3)), a), CT_ERROR_DTYPE,
                 "matmul: dtypes differ: int64 and float32 (inputs 0 and 1) (");
    expect_error(ct_matmul(a, none), CT_ERROR_NULL, "matmul: input 1 is NULL (");
    ct_tensor *long_a = ct_expand(a, CT_SHAPE((int64_t)1 << 40, (int64_t)1 << 18, 2, 3));
    ck_assert_ptr_nonnull(long_a);
    expect_error(ct_matmul(long_a, ct_ones(CT_FLOAT32, CT_SHAPE(3, 4))), CT_ERROR_SHAPE,
                 "matmul: [1099511627776,262144,2,4] has more than 2^63-1 bytes (");
}
END_TEST

START_TEST(linear_of_all_ranks)
{
    static const sizes inputs[] = {{1, {4}}, {2, {5, 4}}, {3, {2, 3, 4}}, {2, {0, 4}}, {4, {2, 1, 3, 4}}};
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *w = numbers((ct_dtype)dtype, CT_SHAPE(3, 4), 2), *b = numbers((ct_dtype)dtype, CT_SHAPE(3), 3);
        for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
            ct_tensor *x = numbers((ct_dtype)dtype, inputs[i].shape, inputs[i].rank, 1);
            ct_tensor *product = ct_matmul(x, ct_transpose(w, 0, 1)), *sum = ct_add(product, b);
            for (int layout = 0; layout < LAYOUTS; layout++) {
                double tolerance = dtype == CT_FLOAT32 ? 1e-6 : 1e-15;
                expect_close(ct_linear(in_layout(x, layout), in_layout(w, layout), in_layout(b, layout)), sum,
                             tolerance);
                expect_close(ct_linear(x, in_layout(w, layout), NULL), product, tolerance);
            }
        }
        ct_tensor *nothing = ct_zeros((ct_dtype)dtype, CT_SHAPE(2, 0)),
                  *none = ct_zeros((ct_dtype)dtype, CT_SHAPE(3, 0));
        expect_close(ct_linear(nothing, none, b), ct_contiguous(ct_expand(b, CT_SHAPE(2, 3))), 0);
        expect_close(ct_linear(nothing, none, NULL), ct_zeros((ct_dtype)dtype, CT_SHAPE(2, 3)), 0);
    }
}
END_TEST

START_TEST(linear_refused)
{
    ct_tensor *x = ct_ones(CT_FLOAT32, CT_SHAPE(2, 4)), *w = ct_ones(CT_FLOAT32, CT_SHAPE(3, 4)), *none = NULL;
    ct_tensor *b = ct_ones(CT_FLOAT32, CT_SHAPE(3));
    expect_error(ct_linear(x, b, none), CT_ERROR_SHAPE,
                 "linear: takes x [..., in], w [out, in], b [out] or NULL, got ");
    expect_error(ct_linear(b, w, none), CT_ERROR_SHAPE, "linear: x has 3 features, w takes 4: ");
    expect_error(ct_linear(x, w, ct_ones(CT_FLOAT32, CT_SHAPE(4))), CT_ERROR_SHAPE,
                 "linear: w gives 3 features, b has 4: [2,4], [3,4], [4] (");
    expect_error(ct_linear(x, w, ct_ones(CT_FLOAT64, CT_SHAPE(3))), CT_ERROR_DTYPE,
                 "linear: dtypes differ: float32 and float64 (inputs 0 and 2) (");
    expect_error(ct_linear(none, w, b), CT_ERROR_NULL, "linear: input 0 is NULL (");
}
END_TEST

/* ---- derivatives and memory ---- */

static ct_tensor *elementwise_expression(ct_tensor *const *in)
{
    return ct_add(ct_mul(ct_tanh(in[0]), ct_exp(in[1])), ct_div(ct_sigmoid(in[1]), ct_add_scalar(ct_square(in[0]), 1)));
}

static ct_tensor *matmul_expression(ct_tensor *const *in)
{
    return ct_matmul(in[0], in[1]);
}

static ct_tensor *linear_expression(ct_tensor *const *in)
{
    return ct_linear(ct_transpose(in[0], 0, 1), in[1], in[2]);
}

/* Strides that the product cannot take: a copy is made on the way. */
static ct_tensor *flipped_matmul(ct_tensor *const *in)
{
    return ct_matmul(ct_slice(in[0], 1, -1, CT_END, -1), ct_expand(in[1], CT_SHAPE(4, -1)));
}

START_TEST(derivatives)
{
    ct_tensor *column = numbers(CT_FLOAT64, CT_SHAPE(3, 1), 1), *row = numbers(CT_FLOAT64, CT_SHAPE(2, 1, 4), 2);
    expect_gradients(elementwise_expression, (ct_tensor *[]){column, row}, 2);
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++) {
        ct_tensor *a = numbers(CT_FLOAT64, operands[i][0].shape, operands[i][0].rank, 1);
        ct_tensor *b = numbers(CT_FLOAT64, operands[i][1].shape, operands[i][1].rank, 2);
        expect_gradients(matmul_expression, (ct_tensor *[]){a, b}, 2);
    }
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(4, 3), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(2, 4), 2);
    ct_tensor *b = numbers(CT_FLOAT64, CT_SHAPE(2), 3), *wide = numbers(CT_FLOAT64, CT_SHAPE(1, 2), 4);
    expect_gradients(linear_expression, (ct_tensor *[]){x, w, b}, 3);
    expect_gradients(flipped_matmul, (ct_tensor *[]){numbers(CT_FLOAT64, CT_SHAPE(3, 4), 5), wide}, 2);
}
END_TEST

START_TEST(memory_may_fail)
{
    ct_tensor *column = numbers(CT_FLOAT64, CT_SHAPE(3, 1), 1), *row = numbers(CT_FLOAT64, CT_SHAPE(2, 1, 4), 2);
    expect_memory_errors(elementwise_expression, (ct_tensor *[]){column, row}, 2);
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(4, 3), 1), *w = numbers(CT_FLOAT64, CT_SHAPE(2, 4), 2);
    ct_tensor *b = numbers(CT_FLOAT64, CT_SHAPE(2), 3), *wide = numbers(CT_FLOAT64, CT_SHAPE(1, 2), 4);
    expect_memory_errors(linear_expression, (ct_tensor *[]){x, w, b}, 3);
    expect_memory_errors(flipped_matmul, (ct_tensor *[]){numbers(CT_FLOAT64, CT_SHAPE(3, 4), 5), wide}, 2);
    expect_memory_errors(matmul_expression, (ct_tensor *[]){numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1), x}, 2);
    ct_tensor *v = numbers(CT_FLOAT64, CT_SHAPE(4), 5);
    expect_memory_errors(matmul_expression, (ct_tensor *[]){numbers(CT_FLOAT64, CT_SHAPE(2, 3, 4), 1), v}, 2);
    expect_memory_errors(matmul_expression, (ct_tensor *[]){v, numbers(CT_FLOAT64, CT_SHAPE(2, 4, 3), 1)}, 2);
}
END_TEST

/* ---- the suite ---- */

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *ct_suite_elementwise(void)
{
    Suite *suite = suite_create("elementwise");
    TCase *tests = tcase_create("elementwise");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_loop_test(tests, position_does_not_matter, 0, COUNT(kernels));
    tcase_add_loop_test(tests, fixed_inputs, 0, COUNT(kernels));
    tcase_add_loop_test(tests, instruction_sets_agree, 0, COUNT(kernels));
    tcase_add_test(tests, special_values);
    tcase_add_test(tests, gradients_at_edges);
    tcase_add_test(tests, gradients_at_edges_of_two);
    tcase_add_loop_test(tests, broadcasting, 0, COUNT(pairs));
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, large_outputs);
    tcase_add_test(tests, shapes_and_dtypes_refused);
    tcase_add_test(tests, broadcast_too_large);
    tcase_add_test(tests, comparisons);
    tcase_add_test(tests, where_chooses);
    tcase_add_loop_test(tests, matmul_of_all_ranks, 0, COUNT(operands));
    tcase_add_test(tests, matmul_of_strange_strides);
    tcase_add_test(tests, matmul_refused);
    tcase_add_test(tests, linear_of_all_ranks);
    tcase_add_test(tests, linear_refused);
    tcase_add_test(tests, derivatives);
    tcase_add_test(tests, memory_may_fail);
    suite_add_tcase(suite, tests);
    return suite;
}
