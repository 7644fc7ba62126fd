/* Functions of functions against closed forms, differences, and each other. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/functional.h>
#include <math.h>

static const ct_dtype floats[] = {CT_FLOAT32, CT_FLOAT64};

static double tolerance(ct_dtype dtype)
{
    return dtype == CT_FLOAT32 ? 1e-5 : 1e-13;
}

/* ---- functions ---- */

/* x A x, of x [n] and A [n, n], which user is. */
static ct_tensor *quadratic(ct_tensor *const *in, int n, void *a)
{
    (void)n;
    return ct_sum(ct_mul(in[0], ct_matmul(a, in[0])));
}

static ct_tensor *softmax(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_softmax(in[0], -1);
}

/* Rosenbrock's: (1 - x)^2 + 100 (y - x^2)^2 */
static ct_tensor *valley(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    ct_tensor *away = ct_sub(in[1], ct_square(in[0]));
    return ct_add(ct_square(ct_add_scalar(in[0], -1)), ct_mul_scalar(ct_square(away), 100));
}

/* tanh(a b), elements of both in each element of the result */
static ct_tensor *mixed(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_tanh(ct_matmul(in[0], in[1]));
}

static ct_tensor *mixed_sum(ct_tensor *const *in, int n, void *user)
{
    return ct_sum(mixed(in, n, user));
}

static ct_tensor *cube(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_mul(in[0], ct_square(in[0]));
}

static ct_tensor *first_alone(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_sum(ct_square(in[0]));
}

/* ---- closed forms ---- */

START_TEST(a_quadratic_form)
{
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ct_dtype dtype = floats[_i];
        ct_tensor *x = in_layout(numbers(dtype, CT_SHAPE(5), 1), layout), *v = numbers(dtype, CT_SHAPE(5), 2), *got;
        ct_tensor *a = numbers(dtype, CT_SHAPE(5, 5), 3), *both = ct_add(a, ct_transpose(a, 0, 1));
        ck_assert_int_eq(ct_jacobian(quadratic, a, &x, 1, &got), CT_OK);
        expect_close(got, ct_matmul(both, x), tolerance(dtype));
        ck_assert_int_eq(ct_hessian(quadratic, a, &x, 1, &got), CT_OK);
        expect_close(got, both, tolerance(dtype));
        ck_assert_int_eq(ct_hvp(quadratic, a, &x, 1, &v, &got), CT_OK);
        expect_close(got, ct_matmul(both, v), tolerance(dtype));
        expect_close(ct_jvp(quadratic, a, &x, 1, &v), ct_sum(ct_mul(ct_matmul(both, x), v)), tolerance(dtype));
    }
}
END_TEST

START_TEST(the_jacobian_of_softmax)
{
    ct_dtype dtype = floats[_i];
    ct_tensor *x = numbers(dtype, CT_SHAPE(6), 4), *s = ct_softmax(x, -1), *got, *value;
    ct_tensor *outer = ct_mul(ct_unsqueeze(s, 1), ct_unsqueeze(s, 0));
    ck_assert_int_eq(ct_jacobian(softmax, NULL, &x, 1, &got, .value = &value), CT_OK);
    expect_close(got, ct_sub(ct_mul(ct_eye(dtype, 6), s), outer), tolerance(dtype));
    expect_close(value, s, 0);
    ck_assert(!ct_requires_grad(got) && !ct_requires_grad(value));
}
END_TEST

START_TEST(the_hessian_of_rosenbrocks_function)
{
    ct_dtype dtype = floats[_i];
    ct_tensor *in[] = {ct_scalar(dtype, 0.5), ct_scalar(dtype, 2)}, *h[4];
    double expected[] = {2 - 400 * (2 - 3 * 0.25), -400 * 0.5, -400 * 0.5, 200};
    ck_assert_int_eq(ct_hessian(valley, NULL, in, 2, h), CT_OK);
    for (int i = 0; i < 4; i++)
        expect_tensor(h[i], dtype, CT_SCALAR, &expected[i], 1);
    ct_tensor *vectors[] = {ct_scalar(dtype, 3), NULL}, *got[2]; /* 1 where there is none */
    ck_assert_int_eq(ct_hvp(valley, NULL, in, 2, vectors, got), CT_OK);
    for (int i = 0; i < 2; i++)
        expect_tensor(got[i], dtype, CT_SCALAR, &(double){3 * expected[2 * i] + expected[2 * i + 1]}, 1);
}
END_TEST

/* Of several inputs of several axes: the shapes, and the products against the whole. */
START_TEST(products_are_those_with_the_whole)
{
    ct_dtype dtype = floats[_i];
    ct_tensor *in[] = {in_layout(numbers(dtype, CT_SHAPE(2, 3), 5), 1), numbers(dtype, CT_SHAPE(3, 4), 6)};
    ct_tensor *v[] = {numbers(dtype, CT_SHAPE(2, 3), 7), in_layout(numbers(dtype, CT_SHAPE(3, 4), 8), 3)};
    ct_tensor *j[2], *h[4], *hv[2], *flat[] = {ct_reshape(v[0], CT_SHAPE(6)), ct_reshape(v[1], CT_SHAPE(12))};
    ck_assert_int_eq(ct_jacobian(mixed, NULL, in, 2, j), CT_OK);
    ck_assert_int_eq(ct_hessian(mixed_sum, NULL, in, 2, h), CT_OK);
    ck_assert_int_eq(ct_hvp(mixed_sum, NULL, in, 2, v, hv), CT_OK);
    ct_tensor *by_j[] = {ct_matmul(ct_reshape(j[0], CT_SHAPE(2, 4, 6)), flat[0]),
                         ct_matmul(ct_reshape(j[1], CT_SHAPE(2, 4, 12)), flat[1])};
    expect_close(ct_jvp(mixed, NULL, in, 2, v), ct_add(by_j[0], by_j[1]), tolerance(dtype));
    expect_close(h[1], ct_permute(h[2], CT_SHAPE(2, 3, 0, 1)), tolerance(dtype));
    ct_tensor *by_h = ct_add(ct_matmul(ct_reshape(h[0], CT_SHAPE(2, 3, 6)), flat[0]),
                             ct_matmul(ct_reshape(h[1], CT_SHAPE(2, 3, 12)), flat[1]));
    expect_close(hv[0], by_h, tolerance(dtype));
}
END_TEST

/* An operation takes 64 tensors at most; the rows of a Jacobian are put together all the same. */
START_TEST(many_rows)
{
    enum { N = 130 };
    ct_tensor *x = ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(N), 9), true), *j, *g;
    ck_assert_int_eq(ct_jacobian(cube, NULL, &x, 1, &j, .create_graph = true), CT_OK);
    expect_close(j, ct_mul(ct_eye(CT_FLOAT64, N), ct_mul_scalar(ct_square(ct_detach(x)), 3)), 1e-14);
    ct_tensor *trace = ct_sum(ct_mul(j, ct_eye(CT_FLOAT64, N)));
    ck_assert_int_eq(ct_grad(&trace, 1, &x, 1, &g), CT_OK);
    expect_close(g, ct_mul_scalar(ct_detach(x), 6), 1e-14);
}
END_TEST

/* ---- differentiated again ---- */

static ct_tensor *jacobian_of(ct_tensor *const *in)
{
    ct_tensor *results[2] = {NULL};
    (ct_jacobian)(mixed, NULL, in, 2, results, CT_GIVEN(ct_functional_options, .create_graph = true));
    return results[1];
}

static ct_tensor *hessian_of(ct_tensor *const *in)
{
    ct_tensor *results[4] = {NULL};
    (ct_hessian)(mixed_sum, NULL, in, 2, results, CT_GIVEN(ct_functional_options, .create_graph = true));
    return results[1];
}

static ct_tensor *hvp_of(ct_tensor *const *in)
{
    ct_tensor *results[2] = {NULL};
    (ct_hvp)(mixed_sum, NULL, in, 2, in, results, CT_GIVEN(ct_functional_options, .create_graph = true));
    return results[0];
}

static ct_tensor *jvp_of(ct_tensor *const *in)
{
    return (ct_jvp)(mixed, NULL, in, 2, in, CT_GIVEN(ct_functional_options, .create_graph = true));
}

static ct_tensor *value_of(ct_tensor *const *in)
{
    ct_tensor *results[2], *value = NULL;
    (ct_jacobian)(mixed, NULL, in, 2, results, CT_GIVEN(ct_functional_options, .create_graph = true, .value = &value));
    return value;
}

static const test_expression expressions[] = {jacobian_of, hessian_of, hvp_of, jvp_of, value_of};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

static ct_tensor *small(const int64_t *shape, int rank, uint64_t seed)
{
    return ct_mul_scalar(numbers(CT_FLOAT64, shape, rank, seed), 0.25);
}

START_TEST(results_can_be_differentiated_again)
{
    ct_tensor *in[] = {small(CT_SHAPE(2, 2), 10), small(CT_SHAPE(2, 1), 11)};
    expect_gradients(expressions[_i], in, 2);
}
END_TEST

START_TEST(failing_memory)
{
    ct_tensor *in[] = {small(CT_SHAPE(1, 2), 10), small(CT_SHAPE(2, 1), 11)};
    expect_memory_errors(expressions[_i], in, 2);
}
END_TEST

/* ---- edges ---- */

START_TEST(nothing_and_one)
{
    ct_dtype dtype = floats[_i];
    ct_tensor *empty = ct_zeros(dtype, CT_SHAPE(2, 0)), *one = ct_scalar(dtype, 2), *got;
    ck_assert_int_eq(ct_jacobian(cube, NULL, &empty, 1, &got), CT_OK);
    expect_tensor(got, dtype, CT_SHAPE(2, 0, 2, 0), NULL, 0);
    ck_assert_int_eq(ct_hessian(first_alone, NULL, &empty, 1, &got), CT_OK);
    expect_tensor(got, dtype, CT_SHAPE(2, 0, 2, 0), NULL, 0);
    ck_assert_int_eq(ct_hvp(first_alone, NULL, &empty, 1, &empty, &got), CT_OK);
    expect_tensor(got, dtype, CT_SHAPE(2, 0), NULL, 0);
    expect_tensor(ct_jvp(cube, NULL, &empty, 1, &empty), dtype, CT_SHAPE(2, 0), NULL, 0);
    ck_assert_int_eq(ct_jacobian(cube, NULL, &one, 1, &got), CT_OK);
    expect_tensor(got, dtype, CT_SCALAR, CT_VALUES(12));
    expect_tensor(ct_jvp(cube, NULL, &one, 1, NULL), dtype, CT_SCALAR, CT_VALUES(12));
    ck_assert_int_eq(ct_jacobian(first_alone, NULL, &empty, 1, &got), CT_OK); /* a number of nothing */
    expect_tensor(got, dtype, CT_SHAPE(2, 0), NULL, 0);
}
END_TEST

/* An input given twice is two inputs; leaves of the caller's gather nothing; recording may be off outside. */
START_TEST(inputs_are_fns_own)
{
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 0.5), true), *in[] = {x, x}, *h[4];
    for (int graph = 0; graph < 2; graph++) {
        if (graph == 0)
            ct_no_grad_begin();
        ck_assert_int_eq(ct_hessian(valley, NULL, in, 2, h, .create_graph = graph == 1), CT_OK);
        if (graph == 0)
            ct_no_grad_end();
        ck_assert(ct_grad_enabled() && !ct_grad_of(x) && ct_requires_grad(h[0]) == (graph == 1));
        ck_assert_double_eq(ct_item(h[0]), 2 - 400 * (0.5 - 3 * 0.25));
        ck_assert_double_eq(ct_item(h[1]), -200);
        ck_assert_double_eq(ct_item(h[3]), 200);
    }
}
END_TEST

static ct_tensor *constant(ct_tensor *const *in, int n, void *user)
{
    (void)in, (void)n;
    return user;
}

START_TEST(what_does_not_depend)
{
    ct_tensor *in[] = {numbers(CT_FLOAT64, CT_SHAPE(2), 1), numbers(CT_FLOAT64, CT_SHAPE(3), 2)}, *got[4];
    ct_tensor *two = ct_keep(ct_scalar(CT_FLOAT64, 2)), *value;
    ck_assert_int_eq(ct_hessian(first_alone, NULL, in, 2, got), CT_OK);
    expect_tensor(got[0], CT_FLOAT64, CT_SHAPE(2, 2), CT_VALUES(2, 0, 0, 2));
    expect_tensor(got[3], CT_FLOAT64, CT_SHAPE(3, 3), CT_VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0));
    ck_assert_int_eq(ct_jacobian(constant, two, in, 2, got, .value = &value), CT_OK);
    expect_tensor(got[0], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(0, 0));
    expect_tensor(ct_jvp(constant, two, in, 2, in), CT_FLOAT64, CT_SCALAR, CT_VALUES(0));
    ck_assert(value != two);
    ct_release(two); /* is still the caller's */
    ck_assert_double_eq(ct_item(value), 2);
    ck_assert_int_eq(ct_jacobian(first_alone, NULL, in, 2, got, .strict = true), CT_ERROR_STATE);
    expect_error(got[0], CT_ERROR_STATE, "jacobian: the result does not depend on input 1, and .strict asks for that");
}
END_TEST

/* Leaves a scope open and gives its inputs up, used or not. */
static ct_tensor *careless(ct_tensor *const *in, int n, void *user)
{
    ct_scope_open();
    ct_tensor *y = cube(in, n, user);
    for (int i = 0; i < n; i++)
        ct_release(in[i]);
    return y;
}

START_TEST(a_careless_function)
{
    ct_tensor *in[] = {ct_scalar(CT_FLOAT64, 2), ct_ones(CT_FLOAT64, CT_SHAPE(2))}, *got[4];
    int depth = ct_memory_stats().scope_depth;
    ck_assert_int_eq(ct_hessian(careless, NULL, in, 2, got), CT_OK);
    expect_tensor(got[0], CT_FLOAT64, CT_SCALAR, CT_VALUES(12));
    expect_tensor(got[1], CT_FLOAT64, CT_SHAPE(2), CT_VALUES(0, 0));
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
    expect_tensor(in[0], CT_FLOAT64, CT_SCALAR, CT_VALUES(2));
}
END_TEST

/* ---- errors ---- */

static ct_tensor *nothing(ct_tensor *const *in, int n, void *user)
{
    (void)in, (void)n, (void)user;
    return NULL;
}

static ct_tensor *failing(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_matmul(in[0], ct_ones(CT_FLOAT64, CT_SHAPE(9, 9)));
}

static ct_tensor *integers(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_cast(in[0], CT_INT64);
}

static void refused(ct_function fn, ct_tensor *x, ct_tensor *v, ct_status code, const char *message)
{
    ct_tensor *got = x, *value = x;
    ck_assert_int_eq(ct_hvp(fn, NULL, &x, 1, &v, &got, .value = &value), code);
    ck_assert_ptr_null(value);
    expect_error(got, code, message);
    ck_assert(ct_grad_enabled());
}

START_TEST(errors)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3), 1), *v = numbers(CT_FLOAT64, CT_SHAPE(2), 1), *got = x;
    refused(NULL, x, x, CT_ERROR_NULL, "hvp: fn is NULL");
    refused(first_alone, NULL, x, CT_ERROR_NULL, "hvp: the tensor is NULL");
    refused(first_alone, x, v, CT_ERROR_SHAPE, "hvp: vector 0 is float64 [2], input 0 is float64 [3]");
    refused(first_alone, x, ct_cast(x, CT_FLOAT32), CT_ERROR_DTYPE,
            "hvp: vector 0 is float32 [3], input 0 is float64 [3]");
    refused(first_alone, x, NULL, CT_ERROR_SHAPE,
            "hvp: input 0 of shape [3] needs a vector; only one of one element does not");
    refused(cube, x, x, CT_ERROR_SHAPE, "hvp: the function's result must have one element, not shape [3]");
    refused(nothing, x, x, CT_ERROR_NULL, "hvp: the function has returned NULL, and no error");
    refused(failing, x, x, CT_ERROR_SHAPE, "matmul: ");
    refused(integers, x, x, CT_ERROR_DTYPE, "hvp: result 0 is int64, not float32 or float64");
    refused(first_alone, ct_cast(x, CT_INT64), x, CT_ERROR_DTYPE, "hvp: input 0 is int64, not float32 or float64");
    ck_assert_int_eq(ct_jacobian(cube, NULL, &x, 0, &got), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "jacobian: 0 inputs, takes 1 to 64");
    ck_assert_int_eq(ct_jacobian(cube, NULL, NULL, 1, &got), CT_ERROR_NULL);
    expect_error(got, CT_ERROR_NULL, "jacobian: inputs is NULL");
    ck_assert_int_eq(ct_hessian(first_alone, NULL, &x, 1, NULL), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "hessian: results is NULL");
    ct_tensor *deep = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 1, 1, 1));
    ck_assert_int_eq(ct_jacobian(cube, NULL, &deep, 1, &got), CT_ERROR_SHAPE);
    expect_error(got, CT_ERROR_SHAPE, "jacobian: [1,1,1,1,1] and [1,1,1,1,1] have 10 axes together, more than 8");
}
END_TEST

Suite *ct_suite_functional(void)
{
    Suite *suite = suite_create("functional");
    TCase *tcase = tcase_create("functional");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_loop_test(tcase, a_quadratic_form, 0, 2);
    tcase_add_loop_test(tcase, the_jacobian_of_softmax, 0, 2);
    tcase_add_loop_test(tcase, the_hessian_of_rosenbrocks_function, 0, 2);
    tcase_add_loop_test(tcase, products_are_those_with_the_whole, 0, 2);
    tcase_add_test(tcase, many_rows);
    tcase_add_loop_test(tcase, results_can_be_differentiated_again, 0, EXPRESSIONS);
    tcase_add_loop_test(tcase, failing_memory, 0, EXPRESSIONS);
    tcase_add_loop_test(tcase, nothing_and_one, 0, 2);
    tcase_add_test(tcase, inputs_are_fns_own);
    tcase_add_test(tcase, what_does_not_depend);
    tcase_add_test(tcase, a_careless_function);
    tcase_add_test(tcase, errors);
    suite_add_tcase(suite, tcase);
    return suite;
}
