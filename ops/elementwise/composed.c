/* Elementwise functions that are expressions over others, and tests of numbers. Invariant: none has a kernel of its own. */
#include "elementwise.h"
#include "expression.h"
#include <float.h>
#include <math.h>

static ct_tensor *like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

/* ---- tests of numbers: of any dtype; an integer is always a finite one ---- */

#define TEST(op_name, of_float, of_integer)                                             \
    static ct_tensor *op_name##_expression(ct_call *call)                               \
    {                                                                                   \
        ct_tensor *x = ct_call_input(call, 0);                                          \
        return ct_dtype_is_float(ct_dtype_of(x)) ? of_float : of_integer;               \
    }                                                                                   \
    CT_EXPRESSION(op_name, "none: the result is a bool", 1, 1, .takes = {CT_COMPUTED}); \
    ct_tensor *ct_##op_name(ct_tensor *x)                                               \
    {                                                                                   \
        return ct_apply(&ct_op_##op_name, &x, 1, NULL);                                 \
    }

static const ct_sample test_samples[] = {{.inputs = "3x4"}, {.inputs = "i3:4"}, {.inputs = "u2:0x3"}, {.inputs = NULL}};
#define isnan_samples test_samples
#define isinf_samples test_samples
#define isposinf_samples test_samples
#define isneginf_samples test_samples
#define isfinite_samples test_samples
#define signbit_samples test_samples

TEST(isnan, ct_ne(x, x), ct_ne(x, x))
TEST(isinf, ct_eq(ct_abs(x), like(x, INFINITY)), ct_ne(x, x))
TEST(isposinf, ct_eq(x, like(x, INFINITY)), ct_ne(x, x))
TEST(isneginf, ct_eq(x, like(x, -INFINITY)), ct_ne(x, x))
TEST(isfinite, ct_lt(ct_abs(x), like(x, INFINITY)), ct_eq(x, x))
TEST(signbit, ct_lt(ct_copysign(like(x, 1), x), like(x, 0)), ct_lt(x, like(x, 0)))

/* ---- heaviside ---- */

static ct_tensor *heaviside_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_detach(ct_call_input(call, 1)), *zero = like(a, 0);
    return ct_where(ct_eq(a, zero), b, ct_cast(ct_gt(a, zero), ct_dtype_of(a)));
}

static const ct_sample heaviside_samples[] = {{.inputs = "3x4 4"}, {.inputs = "scalar 2x1"}, {.inputs = NULL}};
CT_EXPRESSION(heaviside, "none: it is a step", 2, 2);

ct_tensor *ct_heaviside(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_heaviside, (ct_tensor *[]){a, b}, 2, NULL);
}

/* ---- nan_to_num ---- */

typedef struct replacements {
    double nan, posinf, neginf;
} replacements;

static ct_tensor *nan_to_num_expression(ct_call *call)
{
    const replacements *by = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    double largest = ct_dtype_of(x) == CT_FLOAT32 ? (double)FLT_MAX : DBL_MAX;
    ct_tensor *posinf = like(x, ct_is_unset(by->posinf) ? largest : by->posinf);
    ct_tensor *neginf = like(x, ct_is_unset(by->neginf) ? -largest : by->neginf);
    ct_tensor *y = ct_where(ct_isnan(x), like(x, ct_is_unset(by->nan) ? 0 : by->nan), x);
    return ct_where(ct_isposinf(x), posinf, ct_where(ct_isneginf(x), neginf, y));
}

static const ct_sample nan_to_num_samples[] = {
    {"3x4", &(const replacements){0, 1, -1}}, {"scalar", &(const replacements){2, 1, -1}}, {.inputs = NULL}};
CT_EXPRESSION(nan_to_num, "g where x is finite, else 0", 1, 1, .attributes_size = sizeof(replacements),
              .attribute_names = "nan:1d posinf:1d neginf:1d");

ct_tensor *ct_nan_to_num(ct_tensor *x, double nan, double posinf, double neginf)
{
    return ct_apply(&ct_op_nan_to_num, &x, 1, &(const replacements){nan, posinf, neginf});
}

/* ---- clamp_tensor ---- */

/* t where condition or where the bound is NaN, bound; else t. */
static ct_tensor *bounded(ct_tensor *condition, ct_tensor *bound, ct_tensor *t)
{
    return ct_where(ct_logical_or(condition, ct_isnan(bound)), bound, t);
}

static ct_tensor *clamp_tensor_expression(ct_call *call)
{
    ct_tensor *y = ct_call_input(call, 0), *low = ct_call_input(call, 1), *high = ct_call_input(call, 2);
    ct_tensor *undefined = ct_isnan(y);
    y = low ? ct_where(undefined, y, bounded(ct_lt(y, low), low, y)) : y;
    undefined = ct_isnan(y);
    y = high ? ct_where(undefined, y, bounded(ct_gt(y, high), high, y)) : y;
    return low || high ? y : ct_clone(y);
}

static const ct_sample clamp_tensor_samples[] = {{.inputs = "3x4 3x4@-3..-2.5 4@2.5..3"},
                                                 {.inputs = "3x4 4@2.5..3 null"},
                                                 {.inputs = "2x3 null scalar@-3..-2.5"},
                                                 {.inputs = "3 scalar@3..4 scalar@2.5..2.75"},
                                                 {.inputs = NULL}};
CT_EXPRESSION(clamp_tensor, "g where low <= x <= high; where x < low <= high; where x > high or low > high", 1, 3,
              .roles = "x low high");

ct_tensor *ct_clamp_tensor(ct_tensor *x, ct_tensor *low, ct_tensor *high)
{
    return ct_apply(&ct_op_clamp_tensor, (ct_tensor *[]){x, low, high}, 3, NULL);
}

/* ---- functions of gamma functions ---- */

static ct_tensor *polygamma_expression(ct_call *call)
{
    const double *n = ct_call_attributes(call);
    if (!(*n >= 0 && *n == floor(*n))) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "n is %g, not a whole number from 0 on", *n);
        return NULL;
    }
    ct_tensor *x = ct_call_input(call, 0);
    if (*n == 0)
        return ct_digamma(x);
    return ct_mul_scalar(ct_hurwitz_zeta(x, *n + 1), tgamma(*n + 1) * (fmod(*n, 2) == 0 ? -1 : 1));
}

static const ct_sample polygamma_samples[] = {{"3x4@0.2..3", (const double[]){0}},
                                              {"3x4@0.2..3", (const double[]){1}},
                                              {"5@-2.9..-2.1", (const double[]){2}},
                                              {.inputs = NULL}};
CT_EXPRESSION(polygamma, "g polygamma(n + 1, x)", 1, 1, .attributes_size = sizeof(double), .attribute_names = "n:1d");

ct_tensor *ct_polygamma(ct_tensor *x, double n)
{
    return ct_apply(&ct_op_polygamma, &x, 1, &n);
}

static ct_tensor *beta_expression(ct_call *call)
{
    ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    return ct_exp(ct_sub(ct_add(ct_lgamma(a), ct_lgamma(b)), ct_lgamma(ct_add(a, b))));
}

static const ct_sample beta_samples[] = {
    {.inputs = "3x4@0.2..3 3x4@0.2..3"}, {.inputs = "2x1@0.2..3 3@0.2..3"}, {.inputs = NULL}};
CT_EXPRESSION(beta, "g y (digamma(a) - digamma(a + b)), g y (digamma(b) - digamma(a + b))", 2, 2);

ct_tensor *ct_beta(ct_tensor *a, ct_tensor *b)
{
    return ct_apply(&ct_op_beta, (ct_tensor *[]){a, b}, 2, NULL);
}
