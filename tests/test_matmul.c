/* Matrix products of every small size, in every layout and on every path to them, with what IEEE 754 says of zeros, infinities
 * and NaN: a product with an exact 0 is not left out. */
#define CT_NO_LOCATIONS /* options are handed over as they are */
#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

enum { LARGEST = 8, PATTERNS = 3 };

static uint64_t random_state;

static uint64_t draw(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

/* Small numbers, zeros of both signs among them; with special set, one element is NaN or infinite. */
static ct_tensor *matrix(ct_dtype dtype, int64_t rows, int64_t cols, bool special)
{
    static const double ordinary[] = {0, 0, -0.0, 1, -1.5, 0.25}, extreme[] = {NAN, INFINITY, -INFINITY};
    double values[LARGEST * LARGEST];
    for (int64_t i = 0; i < rows * cols; i++)
        values[i] = ordinary[draw(6)];
    if (special)
        values[draw((uint64_t)(rows * cols))] = extreme[draw(3)];
    return ct_from_values(dtype, values, rows * cols, (const int64_t[]){rows, cols}, 2);
}

/* The same matrix: contiguous, as a transposed view, with steps of 2 both ways, or running backwards. */
enum { WAYS = 4 };

static ct_tensor *laid_out(ct_tensor *t, int way)
{
    const int64_t axes[] = {0, 1};
    if (way == 1)
        return ct_transpose(ct_clone(ct_transpose(t, 0, 1)), 0, 1);
    if (way == 2) {
        ct_tensor *wide = ct_repeat(ct_reshape(t, CT_SHAPE(ct_size(t, 0), 1, ct_size(t, 1), 1)), CT_SHAPE(1, 2, 1, 2));
        wide = ct_reshape(wide, CT_SHAPE(2 * ct_size(t, 0), 2 * ct_size(t, 1)));
        return ct_slice(ct_slice(wide, 0, 0, CT_END, 2), 1, 1, CT_END, 2);
    }
    return way == 3 ? ct_flip(ct_clone(ct_flip(t, axes, 2)), axes, 2) : t;
}

static void read(const ct_tensor *t, double *values)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    ck_assert_int_eq(ct_to_values(t, values, ct_numel(t)), CT_OK);
}

/* y [m,n] must be a [m,k] b [k,n] + bias [n], which may be NULL. */
static void expect_product(const char *path, const ct_tensor *y, ct_tensor *a, ct_tensor *b, ct_tensor *bias)
{
    double is[LARGEST * LARGEST], left[LARGEST * LARGEST], right[LARGEST * LARGEST], added[LARGEST] = {0};
    int64_t m = ct_size(a, 0), k = ct_size(a, 1), n = ct_size(b, 1);
    ck_assert_msg(y && ct_numel(y) == m * n, "%s: %s", path, ct_error_message());
    read(y, is);
    read(a, left);
    read(b, right);
    if (bias)
        read(bias, added);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = added[j], got = is[i * n + j];
            for (int64_t p = 0; p < k; p++)
                sum += left[i * k + p] * right[p * n + j];
            if (isnan(sum) ? !isnan(got) : got != sum) /* these sums are exact in float32 */
                ck_abort_msg("%s: [%d,%d] @ [%d,%d] at (%d,%d) is %g, not %g", path, (int)m, (int)k, (int)k, (int)n,
                             (int)i, (int)j, got, sum);
        }
}

static ct_tensor *leaf(ct_tensor *t)
{
    return ct_set_requires_grad(ct_detach(t), true);
}

/* The gradients of y = product of a and b, or of linear's, for the cotangent g. */
static void gradients(ct_tensor *y, ct_tensor *a, ct_tensor *b, ct_tensor *g, ct_tensor **grads)
{
    ct_tensor *leaves[] = {a, b};
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    ct_status status = ct_grad(&y, 1, leaves, 2, grads, CT_GIVEN(ct_grad_options, .gradients = &g, ));
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static ct_tensor *t(ct_tensor *x)
{
    return ct_transpose(x, 0, 1);
}

static void check_paths(ct_tensor *a, ct_tensor *b, ct_tensor *g, int way)
{
    ct_tensor *grads[2], *u = leaf(laid_out(a, way % WAYS)), *v = leaf(laid_out(b, way / WAYS));
    ct_tensor *y = ct_matmul(u, v);
    expect_product("matmul", y, a, b, NULL);
    gradients(y, u, v, g, grads);
    expect_product("matmul, gradient of a", grads[0], g, t(b), NULL);
    expect_product("matmul, gradient of b", grads[1], t(a), g, NULL);
    ct_tensor *w = leaf(t(v)), *bias = ct_reshape(ct_slice(g, 0, 0, 1, 1), (const int64_t[]){ct_size(b, 1)}, 1);
    expect_product("linear", ct_linear(u, w, NULL), a, b, NULL);
    y = ct_linear(u, w, bias);
    expect_product("linear with bias", y, a, b, bias);
    gradients(y, u, w, g, grads);
    expect_product("linear, gradient of x", grads[0], g, t(b), NULL);
    expect_product("linear, gradient of the weight", grads[1], t(g), a, NULL);
    ct_tensor *batch = ct_matmul(ct_stack((ct_tensor *[]){u, u}, 2, 0), ct_unsqueeze(v, 0));
    expect_product("batch", ct_select(batch, 0, 1), a, b, NULL);
    expect_product("shared matrix", ct_select(ct_matmul(ct_stack((ct_tensor *[]){u, u}, 2, 0), v), 0, 1), a, b, NULL);
    if (ct_size(a, 0) == 1)
        expect_product("vector @ matrix", ct_matmul(ct_select(u, 0, 0), v), a, b, NULL);
    if (ct_size(b, 1) == 1)
        expect_product("matrix @ vector", ct_matmul(u, ct_select(v, 1, 0)), a, b, NULL);
    if (ct_size(a, 0) == 1 && ct_size(b, 1) == 1)
        expect_product("dot", ct_dot(ct_select(u, 0, 0), ct_select(v, 1, 0)), a, b, NULL);
    expect_product("einsum", ct_einsum("ik,kj->ij", (ct_tensor *[]){u, v}, 2), a, b, NULL);
}

/* The loop's number is m - 1 and the dtype. */
START_TEST(small_products_are_what_they_say)
{
    ct_dtype dtype = _i % 2 ? CT_FLOAT64 : CT_FLOAT32;
    int64_t m = 1 + _i / 2;
    random_state = (uint64_t)_i;
    for (int64_t n = 1; n <= LARGEST; n++)
        for (int64_t k = 1; k <= LARGEST; k++)
            for (int way = 0; way < WAYS * WAYS; way++) {
                int special = (int)draw(PATTERNS); /* in neither, in a, in b */
                ct_scope_open();
                ct_tensor *a = matrix(dtype, m, k, special == 1), *b = matrix(dtype, k, n, special == 2);
                check_paths(a, b, matrix(dtype, m, n, draw(2)), way);
                ct_scope_close();
            }
}
END_TEST

/* By name, what an axpy that skips zeros makes of it. */
START_TEST(nan_times_0_is_nan)
{
    ct_tensor *column = ct_from_values(CT_FLOAT32, (const double[]){1, NAN}, 2, CT_SHAPE(2, 1));
    ct_tensor *row = ct_from_values(CT_FLOAT32, (const double[]){1, 1, 0}, 3, CT_SHAPE(1, 3));
    expect_tensor(ct_matmul(column, row), CT_FLOAT32, CT_SHAPE(2, 3), (const double[]){1, 1, 0, NAN, NAN, NAN}, 6);
    ct_tensor *x = ct_from_values(CT_FLOAT32, (const double[]){0, INFINITY}, 2, CT_SHAPE(2, 1));
    ct_tensor *w = ct_from_values(CT_FLOAT32, (const double[]){1, 0}, 2, CT_SHAPE(2, 1));
    expect_tensor(ct_linear(x, w, NULL), CT_FLOAT32, CT_SHAPE(2, 2), (const double[]){0, 0, INFINITY, NAN}, 4);
}
END_TEST

Suite *ct_suite_matmul(void)
{
    Suite *suite = suite_create("matmul");
    TCase *tcase = tcase_create("small products");
    tcase_add_checked_fixture(tcase, open_test, close_test);
    tcase_add_test(tcase, nan_times_0_is_nan);
    tcase_add_loop_test(tcase, small_products_are_what_they_say, 0, 2 * LARGEST);
    suite_add_tcase(suite, tcase);
    return suite;
}
