/* See tensor_checks.h. */
#include "core_internal.h"
#include "tensor_checks.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 4 };

static ct_memory at_start;

/* Every test begins with the same random numbers and as many threads, whatever ran before it in this process. */
void open_test(void)
{
    static int threads;
    threads = threads ? threads : ct_num_threads();
    ct_set_num_threads(threads);
    ct_seed(0);
    at_start = ct_memory_stats();
    ck_assert_int_eq(ct_scope_open(), CT_OK);
}

void close_test(void)
{
    ck_assert_msg(ct_error_code() == CT_OK, "an error is left: %s", ct_error_message());
    ck_assert_int_eq(ct_scope_close(), CT_OK);
    ck_assert_int_eq(ct_memory_stats().live_tensors, at_start.live_tensors);
    ck_assert_int_eq(ct_memory_stats().live_bytes, at_start.live_bytes);
}

/* ---- tensors to try ---- */

ct_tensor *numbers(ct_dtype dtype, const int64_t *shape, int rank, uint64_t seed)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    double *values = malloc(((size_t)count + 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    uint64_t state = 0x9e3779b97f4a7c15u * (seed + 1);
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double unit = (double)(state >> 11) * 0x1p-53;
        values[i] = ct_dtype_is_float(dtype) ? 4 * unit - 2 : floor(10 * unit);
    }
    ct_tensor *t = ct_from_values(dtype, values, count, shape, rank);
    free(values);
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    return t;
}

static ct_tensor *reverse_axes(ct_tensor *t)
{
    int64_t axes[CT_MAX_RANK];
    for (int i = 0; i < t->rank; i++)
        axes[i] = t->rank - 1 - i;
    return ct_permute(t, axes, t->rank);
}

static ct_tensor *every_second(ct_tensor *t)
{
    ct_tensor *pairs = ct_concat((ct_tensor *[]){ct_unsqueeze(t, -1), ct_unsqueeze(ct_zeros_like(t), -1)}, 2, -1);
    return ct_slice(ct_flatten(pairs, -2, -1), -1, 0, CT_END, 2);
}

static ct_tensor *reverse(ct_tensor *t)
{
    return ct_slice(t, 0, -1, CT_END, -1);
}

ct_tensor *in_layout(ct_tensor *t, int layout)
{
    ct_tensor *result = t;
    if (t->rank == 0 && layout > 0)
        result = ct_select(ct_concat((ct_tensor *[]){ct_unsqueeze(t, 0), ct_unsqueeze(t, 0)}, 2, 0), 0, 1);
    else if (layout == 1)
        result = reverse_axes(ct_clone(reverse_axes(t)));
    else if (layout == 2)
        result = every_second(t);
    else if (layout == 3)
        result = reverse(ct_clone(reverse(t)));
    else if (layout == 4)
        result = ct_slice(ct_concat((ct_tensor *[]){t, t}, 2, 0), 0, t->shape[0], CT_END, 1);
    ck_assert_msg(result != NULL, "%s", ct_error_message());
    expect_close(result, t, 0);
    return result;
}

/* ---- checks ---- */

void expect_tensor(const ct_tensor *t, ct_dtype dtype, const int64_t *shape, int rank, const double *values,
                   int64_t count)
{
    ck_assert_msg(t != NULL, "%s", ct_error_message());
    ct_tensor *expected = ct_from_values(dtype, values, count, shape, rank);
    ck_assert_msg(expected != NULL, "%s", ct_error_message());
    expect_close(t, expected, dtype == CT_FLOAT32 ? 1e-6 : 1e-14);
    ct_release(expected);
}

void expect_close(const ct_tensor *a, const ct_tensor *b, double tolerance)
{
    char of_a[CT_SHAPE_TEXT], of_b[CT_SHAPE_TEXT];
    ck_assert_msg(a && b, "%s", ct_error_message());
    ck_assert_str_eq(ct_dtype_name(ct_dtype_of(a)), ct_dtype_name(ct_dtype_of(b)));
    ck_assert_str_eq(ct__shape_text(a->shape, a->rank, of_a), ct__shape_text(b->shape, b->rank, of_b));
    size_t bytes = ((size_t)a->numel + 1) * sizeof(double);
    double *x = malloc(bytes), *y = malloc(bytes), largest = 0;
    ck_assert(x && y);
    ck_assert_int_eq(ct_to_values(a, x, a->numel), CT_OK);
    ck_assert_int_eq(ct_to_values(b, y, b->numel), CT_OK);
    for (int64_t i = 0; i < b->numel; i++)
        largest = fabs(y[i]) > largest ? fabs(y[i]) : largest;
    for (int64_t i = 0; i < a->numel; i++) {
        if (x[i] == y[i] || (isnan(x[i]) && isnan(y[i])) || fabs(x[i] - y[i]) <= tolerance * largest)
            continue; /* an assertion here would write to Check's pipe for each element */
        ck_abort_msg("element %lld of %s is %.17g, not %.17g", (long long)i, of_a, x[i], y[i]);
    }
    free(x);
    free(y);
}

void expect_error(const ct_tensor *t, ct_status code, const char *message)
{
    ck_assert_ptr_null(t);
    ck_assert_msg(strncmp(ct_error_message(), message, strlen(message)) == 0, "\"%s\" is not \"%s\"",
                  ct_error_message(), message);
    ck_assert_str_eq(ct_status_name(ct_error_code()), ct_status_name(code));
    ct_error_clear();
}

/* ---- derivatives ---- */

/* sum(w y^2) with weights w: a function of the expression's result with a second derivative. */
static ct_tensor *objective(test_expression f, ct_tensor *const *in)
{
    ct_tensor *y = f(in);
    ck_assert_msg(y != NULL, "%s", ct_error_message());
    return ct_sum(ct_mul(ct_square(y), numbers(CT_FLOAT64, y->shape, y->rank, 77)), NULL);
}

/* The float inputs' number, and their gradients. */
static int gradients(test_expression f, ct_tensor *const *in, int n, bool create_graph, ct_tensor **leaves,
                     ct_tensor **grads)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        if (ct_dtype_is_float(ct_dtype_of(in[i])))
            leaves[count++] = ct_set_requires_grad(in[i], true);
    ct_tensor *root = objective(f, in);
    ct_status status = ct_grad(&root, 1, leaves, count, grads, CT_GIVEN(ct_grad_options, .create_graph = create_graph));
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
    for (int i = 0; i < count; i++)
        ck_assert(ct__same_shape(grads[i], leaves[i]));
    return count;
}

/* sum of v . gradient, v fixed: its gradient is the Hessian times v. */
static ct_tensor *slope(test_expression f, ct_tensor *const *in, int n, bool create_graph)
{
    ct_tensor *leaves[MAX_INPUTS], *grads[MAX_INPUTS], *total = NULL;
    int count = gradients(f, in, n, create_graph, leaves, grads);
    for (int i = 0; i < count; i++) {
        ct_tensor *v = numbers(CT_FLOAT64, leaves[i]->shape, leaves[i]->rank, 33 + (uint64_t)i);
        ct_tensor *part = ct_sum(ct_mul(grads[i], v), NULL);
        total = total ? ct_add(total, part) : part;
    }
    ck_assert_msg(total != NULL, "%s", ct_error_message());
    return total;
}

static double value_of(test_expression f, ct_tensor *const *in, int n, int order)
{
    ct_scope_open();
    double value = ct_item(order == 1 ? objective(f, in) : slope(f, in, n, false));
    ct_scope_close();
    return value;
}

/* Compares grad, of the function of this order, with differences in x, one of its inputs. */
static void expect_differences(test_expression f, ct_tensor *const *in, int n, int order, ct_tensor *x, ct_tensor *grad)
{
    const double step = 0x1p-12;
    ct_tensor *numeric = ct_zeros(CT_FLOAT64, x->shape, x->rank);
    for (int64_t i = 0; i < x->numel; i++) {
        double *element = (double *)ct_data_mut(x) + i, before = *element;
        *element = before + step;
        double above = value_of(f, in, n, order);
        *element = before - step;
        double below = value_of(f, in, n, order);
        *element = before;
        ((double *)ct_data_mut(numeric))[i] = (above - below) / (2 * step);
    }
    expect_close(grad, numeric, 1e-6);
}

void expect_gradients(test_expression f, ct_tensor *const *in, int n)
{
    ct_tensor *leaves[MAX_INPUTS], *grads[MAX_INPUTS], *seconds[MAX_INPUTS];
    int count = gradients(f, in, n, false, leaves, grads);
    ct_tensor *root = slope(f, in, n, true);
    ct_status status = ct_grad(&root, 1, leaves, count, seconds, CT_GIVEN(ct_grad_options, .retain_graph = false));
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
    for (int i = 0; i < count; i++) {
        expect_differences(f, in, n, 1, leaves[i], grads[i]);
        expect_differences(f, in, n, 2, leaves[i], seconds[i]);
    }
}

/* ---- memory ---- */

static ct_status forward_and_backward(test_expression f, ct_tensor *const *in, ct_tensor **leaves, int count)
{
    ct_tensor *grads[MAX_INPUTS];
    ct_tensor *root = ct_sum(f(in), NULL);
    if (count)
        ct_grad(&root, 1, leaves, count, grads, NULL);
    return ct_error_code();
}

void expect_memory_errors(test_expression f, ct_tensor *const *in, int n)
{
    ct_tensor *leaves[MAX_INPUTS];
    int count = 0;
    for (int i = 0; i < n; i++)
        if (ct_dtype_is_float(ct_dtype_of(in[i])))
            leaves[count++] = ct_set_requires_grad(in[i], true);
    ct_memory before = ct_memory_stats();
    int64_t failed = 0;
    for (ct_status status = CT_ERROR_MEMORY; status != CT_OK; failed++) {
        ct_scope_open();
        int64_t start = ct__allocations();
        ct__fail_allocation(failed + 1, false);
        status = forward_and_backward(f, in, leaves, count);
        ct__fail_allocation(0, false);
        ck_assert_msg(status != CT_OK || ct__allocations() - start <= failed,
                      "allocation %lld failed, and nobody said so", (long long)failed + 1);
        ct_scope_close();
        ck_assert_msg(status == CT_OK || status == CT_ERROR_MEMORY, "allocation %lld: %s", (long long)failed + 1,
                      ct_error_message());
        ct_error_clear();
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    }
    ck_assert_int_gt(failed, 2);
}
