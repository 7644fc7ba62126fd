/* The core: tensors, scopes, memory, errors and their places, threads and the matrix product. */
#include "suites.h"
#include "tensor_checks.h"
#include "core_internal.h"
#include "quick.h"
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64, CT_INT64,   CT_INT32,
                                  CT_UINT8,   CT_BOOL,    CT_FLOAT16, CT_BFLOAT16};
enum { DTYPES = CT_BOOL }; /* of numbers; test_types.c has what bool is, test_halves.c the floats of 16 bits */

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK && ct_error_code() == CT_OK, "%s", ct_error_message());
}

/* The pending error is this one, with the place in this file, and is cleared. In a call over two lines compilers differ in
 * which of them __LINE__ is. */
static void expect_at(int line, ct_status code, const char *message)
{
    char before[700], whole[700];
    snprintf(before, sizeof before, "%s (%s:%d)", message, __FILE__, line - 1);
    snprintf(whole, sizeof whole, "%s (%s:%d)", message, __FILE__, line);
    if (strcmp(ct_error_message(), before) != 0)
        ck_assert_str_eq(ct_error_message(), whole);
    ck_assert_str_eq(ct_status_name(ct_error_code()), ct_status_name(code));
    ct_error_clear();
}

/* What call gives is 0, NULL or an error, and the error names this line. */
#define REFUSED(call, code, message)        \
    do {                                    \
        ck_assert(!(call));                 \
        expect_at(__LINE__, code, message); \
    } while (0)
#define FAILS(call, code, message) REFUSED((call) == CT_OK, code, message)
#define NOT_A_NUMBER(call, code, message) REFUSED(!isnan(call), code, message)

static void expect_elements(const ct_tensor *t, const double *values, int64_t n)
{
    double *got = malloc(((size_t)n + 1) * sizeof *got);
    ck_assert_ptr_nonnull(got);
    ok(ct_to_values(t, got, n));
    for (int64_t i = 0; i < n; i++)
        if (got[i] != values[i] && !(isnan(got[i]) && isnan(values[i])))
            ck_abort_msg("element %lld is %.17g, not %.17g", (long long)i, got[i], values[i]);
    free(got);
}

/* ---- making ---- */

START_TEST(dtypes_by_name)
{
    static const char *const names[] = {"float32", "float64", "int64", "int32", "uint8", "bool", "float16", "bfloat16"};
    static const size_t sizes[] = {4, 8, 8, 4, 1, 1, 2, 2};
    for (int i = 0; i < CT_DTYPES; i++) {
        ck_assert_str_eq(ct_dtype_name(dtypes[i]), names[i]);
        ck_assert_uint_eq(ct_dtype_size(dtypes[i]), sizes[i]);
        ck_assert_int_eq(ct_dtype_is_float(dtypes[i]), i < 2);
    }
    for (int bad = -1; bad <= CT_DTYPES; bad += CT_DTYPES + 1) {
        ck_assert_str_eq(ct_dtype_name((ct_dtype)bad), "invalid");
        ck_assert_uint_eq(ct_dtype_size((ct_dtype)bad), 0);
        ck_assert(!ct_dtype_is_float((ct_dtype)bad));
    }
}
END_TEST

/* _i: the rank. */
START_TEST(every_dtype_and_rank)
{
    const int64_t shape[CT_MAX_RANK] = {2, 1, 3, 1, 2, 2, 1, 2};
    int64_t count = 1;
    for (int i = 0; i < _i; i++)
        count *= shape[i];
    for (int d = 0; d < DTYPES; d++) {
        ct_tensor *made[] = {ct_empty(dtypes[d], shape, _i), ct_zeros(dtypes[d], shape, _i),
                             ct_ones(dtypes[d], shape, _i), ct_full(dtypes[d], 7, shape, _i)};
        for (int k = 0; k < 4; k++) {
            const ct_tensor *t = made[k];
            ck_assert_msg(t != NULL, "%s", ct_error_message());
            ck_assert(ct_dtype_of(t) == dtypes[d] && ct_rank(t) == _i && ct_numel(t) == count);
            ck_assert(ct_is_contiguous(t) && ct_tensor_version(t) == 0);
            int64_t step = count;
            for (int i = 0; i < _i; i++) {
                step /= shape[i];
                ck_assert(ct_shape(t)[i] == shape[i] && ct_strides(t)[i] == step);
                ck_assert(ct_size(t, i) == shape[i] && ct_size(t, i - _i) == shape[i]);
            }
            ck_assert(ct_size(t, _i) == 0 && ct_size(t, -_i - 1) == 0);
            for (int64_t i = 0; k > 0 && i < count; i++) {
                double value[96];
                ok(ct_to_values(t, value, count));
                ck_assert_double_eq(value[i], k == 1 ? 0 : k == 2 ? 1 : 7);
            }
        }
        ck_assert(ct_rank(ct_zeros_like(made[0])) == _i && ct_dtype_of(ct_ones_like(made[3])) == dtypes[d]);
    }
}
END_TEST

START_TEST(zero_size)
{
    for (int d = 0; d < DTYPES; d++) {
        ct_tensor *t = ct_zeros(dtypes[d], CT_SHAPE(2, 0, 3)), *flat = ct_arange(dtypes[d], 0, 1, 0);
        ck_assert(t && flat && ct_numel(t) == 0 && ct_numel(flat) == 0 && ct_is_contiguous(t));
        ck_assert(ct_size(t, 0) == 2 && ct_size(t, 1) == 0 && ct_size(t, 2) == 3);
        ok(ct_to_array(t, NULL, 0));
        ok(ct_fill_(t, 3));
        ok(ct_copy_(t, ct_empty(CT_FLOAT32, CT_SHAPE(2, 0, 3))));
        ck_assert_ptr_nonnull(ct_from_array(dtypes[d], NULL, CT_SHAPE(0)));
        ck_assert_ptr_nonnull(ct_from_values(dtypes[d], NULL, 0, CT_SHAPE(4, 0)));
        ck_assert_ptr_nonnull(ct_eye(dtypes[d], 0));
        ck_assert_ptr_nonnull(ct_data(t));
    }
    /* Sizes that only a size of 0 makes small. */
    ck_assert_int_eq(ct_numel(ct_zeros(CT_UINT8, CT_SHAPE(INT64_MAX, 0))), 0);
}
END_TEST

START_TEST(values_on_the_way_in)
{
    const double values[] = {-1.75, 300, 0x1p31, 0x1p63, 1e20, -1e20, NAN, INFINITY};
    const double expected[DTYPES][8] = {{-1.75, 300, 0x1p31, 0x1p63, (float)1e20, (float)-1e20, NAN, INFINITY},
                                        {-1.75, 300, 0x1p31, 0x1p63, 1e20, -1e20, NAN, INFINITY},
                                        {-1, 300, 0x1p31, 0x1p63, 0x1p63, -0x1p63, 0, 0x1p63},
                                        {-1, 300, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MIN, 0, INT32_MAX},
                                        {0, 255, 255, 255, 255, 0, 0, 255}};
    for (int d = 0; d < DTYPES; d++) {
        expect_elements(ct_from_values(dtypes[d], values, 8, CT_SHAPE(8)), expected[d], 8);
        for (int i = 0; i < 8; i++)
            expect_elements(ct_full(dtypes[d], values[i], CT_SHAPE(1)), &expected[d][i], 1);
    }
    ck_assert_int_eq(*(const int64_t *)ct_data(ct_scalar(CT_INT64, 0x1p63)), INT64_MAX);
    ck_assert_int_eq(*(const int64_t *)ct_data(ct_scalar(CT_INT64, 1e20)), INT64_MAX);
    ck_assert_int_eq(*(const int64_t *)ct_data(ct_scalar(CT_INT64, -1e20)), INT64_MIN);
    ck_assert(signbit(ct_item(ct_scalar(CT_FLOAT32, -0.0))) && signbit(ct_item(ct_scalar(CT_FLOAT64, -0.0))));
    ck_assert(!signbit(ct_item(ct_scalar(CT_FLOAT64, 0.0))));
}
END_TEST

START_TEST(ranges_and_identities)
{
    expect_elements(ct_arange(CT_FLOAT64, 2, -0.5, 4), (const double[]){2, 1.5, 1, 0.5}, 4);
    expect_elements(ct_arange(CT_INT32, -1, 1, 3), (const double[]){-1, 0, 1}, 3);
    expect_elements(ct_eye(CT_UINT8, 3), (const double[]){1, 0, 0, 0, 1, 0, 0, 0, 1}, 9);
    const int32_t numbers_in[] = {1, -2, 3, -4};
    ct_tensor *t = ct_from_array(CT_INT32, numbers_in, CT_SHAPE(2, 2));
    expect_elements(t, (const double[]){1, -2, 3, -4}, 4);
    ck_assert_ptr_ne(ct_data(t), numbers_in);
}
END_TEST

START_TEST(bad_shapes)
{
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    REFUSED(ct_empty(CT_FLOAT32, CT_SHAPE(2, -1)), CT_ERROR_SHAPE, "empty: negative size in [2,-1]");
    REFUSED(ct_zeros(CT_FLOAT32, nine, 9), CT_ERROR_SHAPE, "zeros: rank 9 is not in 0..8");
    REFUSED(ct_ones(CT_FLOAT32, nine, -1), CT_ERROR_SHAPE, "ones: rank -1 is not in 0..8");
    REFUSED(ct_full(CT_FLOAT32, 1, NULL, 1), CT_ERROR_NULL, "full: shape is NULL for rank 1");
    REFUSED(ct_empty((ct_dtype)99, CT_SHAPE(2)), CT_ERROR_DTYPE, "empty: 99 is not a dtype");
    REFUSED(ct_scalar((ct_dtype)-1, 2), CT_ERROR_DTYPE, "scalar: -1 is not a dtype");
    REFUSED(ct_zeros(CT_FLOAT32, CT_SHAPE(INT64_MAX, 2)), CT_ERROR_SHAPE,
            "zeros: [9223372036854775807,2] has more than 2^63-1 bytes");
    REFUSED(ct_zeros(CT_FLOAT64, CT_SHAPE((int64_t)1 << 60)), CT_ERROR_SHAPE,
            "zeros: [1152921504606846976] has more than 2^63-1 bytes");
    REFUSED(ct_zeros(CT_FLOAT64, CT_SHAPE((int64_t)1 << 59)), CT_ERROR_MEMORY,
            "zeros: no memory for float64 [576460752303423488]");
    REFUSED(ct_arange(CT_FLOAT32, 0, 1, -1), CT_ERROR_SHAPE, "arange: negative size in [-1]");
    REFUSED(ct_eye(CT_FLOAT32, -1), CT_ERROR_SHAPE, "eye: negative size in [-1,-1]");
    REFUSED(ct_eye(CT_FLOAT32, (int64_t)1 << 40), CT_ERROR_SHAPE,
            "eye: [1099511627776,1099511627776] has more than 2^63-1 bytes");
    REFUSED(ct_from_array(CT_INT32, NULL, CT_SHAPE(2)), CT_ERROR_NULL, "from_array: data is NULL");
    REFUSED(ct_from_values(CT_INT32, NULL, 2, CT_SHAPE(2)), CT_ERROR_NULL, "from_values: values is NULL");
    REFUSED(ct_from_values(CT_INT32, CT_VALUES(1, 2, 3), CT_SHAPE(2)), CT_ERROR_SHAPE,
            "from_values: 3 values for shape [2]");
    /* Wrong whether or not there is memory for it. */
    REFUSED(ct_from_values(CT_INT32, CT_VALUES(1), CT_SHAPE((int64_t)1 << 50)), CT_ERROR_SHAPE,
            "from_values: 1 values for shape [1125899906842624]");
    REFUSED(ct_from_array(CT_INT32, NULL, CT_SHAPE((int64_t)1 << 50)), CT_ERROR_NULL, "from_array: data is NULL");
}
END_TEST

/* The longest text that a shape can have fits. */
START_TEST(longest_shape_text)
{
    const int64_t low[CT_MAX_RANK] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN,
                                      INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    char text[CT_SHAPE_TEXT];
    ck_assert_uint_eq(strlen(ct__shape_text(low, CT_MAX_RANK, text)), 8 * 20 + 7 + 2);
    ck_assert_str_eq(ct__shape_text(NULL, 0, text), "[]");
}
END_TEST

START_TEST(null_tensors)
{
    double value;
    const int64_t index[] = {0};
    REFUSED(ct_zeros_like(NULL), CT_ERROR_NULL, "zeros_like: the tensor is NULL");
    REFUSED(ct_ones_like(NULL), CT_ERROR_NULL, "ones_like: the tensor is NULL");
    REFUSED(ct_data_mut(NULL), CT_ERROR_NULL, "data_mut: the tensor is NULL");
    REFUSED(ct_data(NULL), CT_ERROR_NULL, "data: the tensor is NULL");
    FAILS(ct_to_array(NULL, &value, 1), CT_ERROR_NULL, "to_array: the tensor is NULL");
    FAILS(ct_to_values(NULL, &value, 1), CT_ERROR_NULL, "to_values: the tensor is NULL");
    FAILS(ct_fill_(NULL, 1), CT_ERROR_NULL, "fill_: the tensor is NULL");
    FAILS(ct_copy_(NULL, NULL), CT_ERROR_NULL, "copy_: the tensor is NULL");
    FAILS(ct_copy_(ct_ones(CT_FLOAT32, CT_SCALAR), NULL), CT_ERROR_NULL, "copy_: the tensor is NULL");
    REFUSED(ct_keep(NULL), CT_ERROR_NULL, "keep: the tensor is NULL");
    REFUSED(ct_scope_return(NULL), CT_ERROR_NULL, "scope_return: the tensor is NULL");
    NOT_A_NUMBER(ct_item(NULL), CT_ERROR_NULL, "item: the tensor is NULL");
    NOT_A_NUMBER(ct_get(NULL, index, 1), CT_ERROR_NULL, "get: the tensor is NULL");
    ct_release(NULL);
    ck_assert(ct_dtype_of(NULL) == CT_FLOAT32 && ct_rank(NULL) == 0 && !ct_shape(NULL) && !ct_strides(NULL));
    ck_assert(ct_size(NULL, 0) == 0 && ct_numel(NULL) == 0 && !ct_is_contiguous(NULL));
    ck_assert(!ct_shares_storage(NULL, NULL) && !ct_same(NULL, NULL) && ct_tensor_version(NULL) == 0);
    ok(ct_error_code());
}
END_TEST

START_TEST(making_without_memory)
{
    enum { MANY = 300 }; /* so many lie apart from their tensor */
    static const double values[MANY];
    for (int64_t n = 1; n <= 2; n++) { /* the storage, then the tensor */
        ct_memory before = ct_memory_stats();
#define WITHOUT(call)                                   \
    ct__fail_allocation(n, true);                       \
    ck_assert_ptr_null(call);                           \
    ck_assert_int_eq(ct_error_code(), CT_ERROR_MEMORY); \
    ct_error_clear();                                   \
    ct__fail_allocation(0, false)
        WITHOUT(ct_empty(CT_FLOAT32, CT_SHAPE(MANY)));
        WITHOUT(ct_ones(CT_FLOAT32, CT_SHAPE(MANY)));
        WITHOUT(ct_arange(CT_FLOAT32, 0, 1, MANY));
        WITHOUT(ct_eye(CT_FLOAT32, MANY));
        WITHOUT(ct_from_array(CT_FLOAT64, values, CT_SHAPE(MANY)));
        WITHOUT(ct_from_values(CT_FLOAT64, values, MANY, CT_SHAPE(MANY)));
        if (n == 1) {
            WITHOUT(ct_scalar(CT_FLOAT32, 3));
        }
#undef WITHOUT
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
    }
    ct_tensor *t = ct_scalar(CT_FLOAT32, 3);
    ct__fail_allocation(1, true);
    ck_assert_ptr_null(ct_detach(t));
    expect_at(__LINE__ - 1, CT_ERROR_MEMORY, "detach: no memory");
    ct__fail_allocation(1, true);
    ck_assert_int_eq(ct_scope_open(), CT_ERROR_MEMORY);
    expect_at(__LINE__ - 1, CT_ERROR_MEMORY, "scope_open: no memory");
    ct__fail_allocation(0, false);
}
END_TEST

/* A small tensor lies with its elements, which a view keeps. */
START_TEST(elements_outlive_their_tensor)
{
    for (int64_t n = 0; n < 600; n++) {
        ct_memory before = ct_memory_stats();
        ct_tensor *t = ct_full(CT_UINT8, 7, CT_SHAPE(n)), *view = ct_detach(t);
        ct_release(t);
        ct_scope_open();
        for (int i = 0; i < 10; i++)
            ct_full(CT_UINT8, 9, CT_SHAPE(n)); /* into what was given back, if it was */
        ct_scope_close();
        for (int64_t i = 0; i < n; i++)
            if (((const uint8_t *)ct_data(view))[i] != 7)
                ck_abort_msg("element %lld of %lld", (long long)i, (long long)n);
        ct_release(view);
        ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
        ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
    }
}
END_TEST

/* ---- elements ---- */

START_TEST(the_same_elements_under_two_handles)
{
    ct_tensor *t = ct_arange(CT_FLOAT64, 0, 1, 4), *m = ct_reshape(t, CT_SHAPE(2, 2)),
              *row = ct_reshape(t, CT_SHAPE(1, 4));
    ck_assert(ct_same(t, t) && ct_same(t, ct_detach(t)) && ct_same(t, ct_slice(t, 0, 0, CT_END, 1)));
    ck_assert(ct_same(t, ct_reshape(m, CT_SHAPE(4))) && ct_same(row, ct_expand(row, CT_SHAPE(1, 4))));
    ck_assert(ct_same(row, ct_slice(row, 0, 0, 1, 2))); /* the stride of an axis of size 1 leads nowhere */
    ck_assert(!ct_same(t, ct_clone(t)) && !ct_same(t, m) && !ct_same(t, row));
    ck_assert(!ct_same(m, ct_transpose(m, 0, 1)) && !ct_same(m, ct_flip(m, CT_SHAPE(0))));
    ck_assert(!ct_same(ct_slice(t, 0, 0, 2, 1), ct_slice(t, 0, 1, 3, 1)));
    ck_assert(!ct_same(ct_slice(t, 0, 0, 2, 1), ct_slice(t, 0, 0, CT_END, 2)) && !ct_same(t, NULL));
}
END_TEST

START_TEST(what_may_come_back_itself)
{
    ct_tensor *t = ct_arange(CT_FLOAT64, 0, 1, 4), *m = ct_transpose(ct_reshape(t, CT_SHAPE(2, 2)), 0, 1);
    ck_assert(ct_contiguous(t) == t && !ct_same(ct_contiguous(m), m));
    ck_assert(ct_dropout(t, 0.5, false) == t && ct_dropout(t, 0, true) == t && !ct_same(ct_dropout(t, 0.5, true), t));
}
END_TEST

START_TEST(views_share_storage)
{
    ct_tensor *t = ct_arange(CT_FLOAT64, 0, 1, 6), *m = ct_reshape(t, CT_SHAPE(2, 3));
    ct_tensor *views[] = {m,
                          ct_transpose(m, 0, 1),
                          ct_slice(t, 0, 1, 6, 2),
                          ct_select(m, 0, 1),
                          ct_expand(ct_unsqueeze(t, 0), CT_SHAPE(2, 6)),
                          ct_detach(t)};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        ck_assert(ct_shares_storage(t, views[i]));
    ck_assert(!ct_shares_storage(t, ct_clone(t)));
    ok(ct_fill_(ct_slice(t, 0, -2, CT_END, 1), 9));
    expect_elements(ct_transpose(m, 0, 1), (const double[]){0, 3, 1, 9, 2, 9}, 6);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        ck_assert_int_eq(ct_tensor_version(views[i]), 1);
    ck_assert_int_eq(ct_tensor_version(t), 1);
}
END_TEST

START_TEST(elements_one_by_one)
{
    ct_tensor *t = ct_transpose(ct_reshape(ct_arange(CT_INT64, 0, 1, 6), CT_SHAPE(2, 3)), 0, 1);
    ck_assert_double_eq(ct_get(t, (const int64_t[]){2, 0}, 2), 2);
    ck_assert_double_eq(ct_get(t, (const int64_t[]){-1, -1}, 2), 5);
    ck_assert_double_eq(ct_get(ct_scalar(CT_UINT8, 4), NULL, 0), 4);
    ck_assert_double_eq(ct_item(ct_ones(CT_FLOAT32, CT_SHAPE(1, 1, 1))), 1);
    NOT_A_NUMBER(ct_get(t, (const int64_t[]){3, 0}, 2), CT_ERROR_ARGUMENT, "get: [3,0] is outside of shape [3,2]");
    NOT_A_NUMBER(ct_get(t, (const int64_t[]){0, -3}, 2), CT_ERROR_ARGUMENT, "get: [0,-3] is outside of shape [3,2]");
    NOT_A_NUMBER(ct_get(t, (const int64_t[]){INT64_MIN, 0}, 2), CT_ERROR_ARGUMENT,
                 "get: [-9223372036854775808,0] is outside of shape [3,2]");
    NOT_A_NUMBER(ct_get(t, (const int64_t[]){0}, 1), CT_ERROR_SHAPE, "get: 1 positions for a tensor of shape [3,2]");
    NOT_A_NUMBER(ct_get(t, NULL, 2), CT_ERROR_NULL, "get: index is NULL");
    NOT_A_NUMBER(ct_item(t), CT_ERROR_SHAPE, "item: needs one element, got shape [3,2]");
    NOT_A_NUMBER(ct_item(ct_zeros(CT_FLOAT32, CT_SHAPE(0))), CT_ERROR_SHAPE, "item: needs one element, got shape [0]");
}
END_TEST

/* Out of any layout, in every dtype, as elements and as doubles. */
START_TEST(arrays_out)
{
    for (int d = 0; d < DTYPES; d++) {
        ct_tensor *t = numbers(dtypes[d], CT_SHAPE(3, 4, 5), 3);
        char expected[60 * 8], got[60 * 8];
        double values[60], others[60];
        ok(ct_to_array(t, expected, 60));
        ck_assert_int_eq(memcmp(expected, ct_data(t), 60 * ct_dtype_size(dtypes[d])), 0);
        ok(ct_to_values(t, values, 60));
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *other = in_layout(t, layout);
            ok(ct_to_array(other, got, 60));
            ck_assert_int_eq(memcmp(got, expected, 60 * ct_dtype_size(dtypes[d])), 0);
            ok(ct_to_values(other, others, 60));
            ck_assert_int_eq(memcmp(values, others, sizeof values), 0);
        }
        FAILS(ct_to_array(t, got, 59), CT_ERROR_SHAPE, "to_array: room for 59 elements, but the tensor has 60");
        FAILS(ct_to_values(t, values, 61), CT_ERROR_SHAPE, "to_values: room for 61 elements, but the tensor has 60");
        FAILS(ct_to_array(t, NULL, 60), CT_ERROR_NULL, "to_array: the array is NULL");
        FAILS(ct_to_values(t, NULL, 60), CT_ERROR_NULL, "to_values: the array is NULL");
    }
    int64_t large = 0;
    ok(ct_to_array(ct_add_scalar(ct_ones(CT_FLOAT64, CT_SCALAR), 0), &large, 1)); /* the bits of 1.0 */
    ck_assert_int_eq(large, 0x3ff0000000000000);
}
END_TEST

START_TEST(data_pointers)
{
    ct_tensor *t = ct_reshape(ct_arange(CT_INT32, 0, 1, 6), CT_SHAPE(2, 3)), *turned = ct_transpose(t, 0, 1);
    const int32_t *row = ct_data(ct_select(t, 0, 1));
    ck_assert_int_eq(row[2], 5);
    REFUSED(ct_data(turned), CT_ERROR_STATE,
            "data: the tensor is not contiguous; use ct_contiguous() or ct_to_array()");
    REFUSED(ct_data_mut(turned), CT_ERROR_STATE,
            "data: the tensor is not contiguous; use ct_contiguous() or ct_to_array()");
    ck_assert_int_eq(ct_tensor_version(t), 0);
    ((int32_t *)ct_data_mut(t))[0] = 8;
    ck_assert_int_eq(ct_tensor_version(turned), 1);
    ck_assert_double_eq(ct_get(turned, (const int64_t[]){0, 0}, 2), 8);
}
END_TEST

START_TEST(recorded_results_are_not_written)
{
    ct_tensor *y = ct_neg(ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(2)), true));
#define SAYS(what) what ": the result of 'neg' is recorded in a graph and cannot be changed in place; ct_detach() it"
    FAILS(ct_fill_(y, 1), CT_ERROR_STATE, SAYS("fill_"));
    FAILS(ct_copy_(y, y), CT_ERROR_STATE, SAYS("copy_"));
    REFUSED(ct_data_mut(y), CT_ERROR_STATE, SAYS("data_mut"));
#undef SAYS
    ck_assert_int_eq(ct_tensor_version(y), 0);
    ok(ct_fill_(ct_detach(y), 1));
}
END_TEST

/* A view is filled, and nothing beside it. */
START_TEST(fill_through_views)
{
    for (int d = 0; d < DTYPES; d++) {
        ct_tensor *t = ct_zeros(dtypes[d], CT_SHAPE(4, 4));
        ok(ct_fill_(ct_slice(ct_transpose(t, 0, 1), 0, -1, CT_END, -2), 3)); /* columns 3 and 1 */
        expect_elements(t, (const double[]){0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3}, 16);
        ok(ct_fill_(ct_select(t, 1, 1), 0));
        ok(ct_fill_(ct_slice(t, 0, 1, 3, 1), 1));
        expect_elements(t, (const double[]){0, 0, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 3}, 16);
    }
    ct_tensor *zero = ct_ones(CT_FLOAT64, CT_SHAPE(2));
    ok(ct_fill_(zero, -0.0));
    ck_assert(signbit(ct_get(zero, (const int64_t[]){1}, 1)));
}
END_TEST

/* Between all dtypes: integers wrap, as in C and NumPy, doubles are clipped. */
START_TEST(copies_convert)
{
    ct_tensor *source = ct_from_values(CT_FLOAT64, CT_VALUES(0, 1, 250, 100), CT_SHAPE(2, 2));
    for (int from = 0; from < DTYPES; from++) {
        for (int to = 0; to < DTYPES; to++) {
            ct_tensor *a = ct_zeros(dtypes[from], CT_SHAPE(2, 2)), *b = ct_zeros(dtypes[to], CT_SHAPE(2, 2));
            ok(ct_copy_(a, source));
            ok(ct_copy_(ct_transpose(b, 0, 1), a));
            expect_elements(b, (const double[]){0, 250, 1, 100}, 4);
        }
    }
    ct_tensor *bytes = ct_zeros(CT_UINT8, CT_SHAPE(3)), *words = ct_zeros(CT_INT32, CT_SHAPE(3));
    ok(ct_copy_(bytes, ct_from_values(CT_INT64, CT_VALUES(256, -1, 300), CT_SHAPE(3))));
    expect_elements(bytes, (const double[]){0, 255, 44}, 3);
    ok(ct_copy_(bytes, ct_from_values(CT_FLOAT32, CT_VALUES(256, -1, NAN), CT_SHAPE(3))));
    expect_elements(bytes, (const double[]){255, 0, 0}, 3);
    ok(ct_copy_(words, ct_from_values(CT_INT64, CT_VALUES(0x100000001, -1, 5), CT_SHAPE(3))));
    expect_elements(words, (const double[]){1, -1, 5}, 3);
    int64_t large = INT64_MAX - 1;
    ct_tensor *kept = ct_zeros(CT_INT64, CT_SCALAR);
    ok(ct_copy_(kept, ct_from_array(CT_INT64, &large, CT_SCALAR))); /* not by way of a double */
    ck_assert_int_eq(*(const int64_t *)ct_data(kept), large);
    FAILS(ct_copy_(bytes, ct_zeros(CT_UINT8, CT_SHAPE(1))), CT_ERROR_SHAPE, "copy_: shapes differ: [3] from [1]");
}
END_TEST

/* From one part of a storage to another that overlaps it. */
START_TEST(copies_overlap)
{
    for (int d = 0; d < DTYPES; d++) {
        ct_tensor *t = ct_arange(dtypes[d], 0, 1, 6);
        ok(ct_copy_(ct_slice(t, 0, 1, 6, 1), ct_slice(t, 0, 0, 5, 1)));
        expect_elements(t, (const double[]){0, 0, 1, 2, 3, 4}, 6);
        ok(ct_copy_(ct_slice(t, 0, 0, 5, 1), ct_slice(t, 0, 1, 6, 1)));
        expect_elements(t, (const double[]){0, 1, 2, 3, 4, 4}, 6);
        ok(ct_copy_(t, ct_slice(t, 0, -1, CT_END, -1)));
        expect_elements(t, (const double[]){4, 4, 3, 2, 1, 0}, 6);
        ct_tensor *m = ct_reshape(ct_arange(dtypes[d], 0, 1, 9), CT_SHAPE(3, 3));
        ok(ct_copy_(m, ct_transpose(m, 0, 1)));
        expect_elements(m, (const double[]){0, 3, 6, 1, 4, 7, 2, 5, 8}, 9);
        ok(ct_copy_(m, m));
        expect_elements(m, (const double[]){0, 3, 6, 1, 4, 7, 2, 5, 8}, 9);
        int64_t tensors = ct_memory_stats().live_tensors;
        ct__fail_allocation(1, true);
        ck_assert_int_eq(ct_copy_(m, m), CT_ERROR_MEMORY);
        ct__fail_allocation(0, false);
        ct_error_clear();
        ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    }
}
END_TEST

/* ---- scopes ---- */

START_TEST(scopes_nest)
{
    int depth = ct_memory_stats().scope_depth;
    ct_tensor *outer = ct_ones(CT_FLOAT64, CT_SHAPE(10));
    int64_t tensors = ct_memory_stats().live_tensors, bytes = ct_memory_stats().live_bytes;
    ok(ct_scope_open());
    ck_assert_int_eq(ct_memory_stats().scope_bytes, 0);
    ct_tensor *middle = ct_ones(CT_FLOAT64, CT_SHAPE(20));
    ok(ct_scope_open());
    ct_tensor *result = ct_ones(CT_FLOAT64, CT_SHAPE(30)), *twice = ct_ones(CT_FLOAT64, CT_SHAPE(40));
    ck_assert_int_eq(ct_memory_stats().scope_bytes, 70 * 8);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth + 2);
    ck_assert_ptr_eq(ct_scope_return(result), result);
    ck_assert_ptr_eq(ct_scope_return(outer), outer); /* not this scope's: stays */
    ct_scope_return(twice);
    ok(ct_scope_close());
    ck_assert_double_eq(ct_get(result, (const int64_t[]){29}, 1), 1);
    ct_scope_return(twice);
    ck_assert_int_eq(ct_memory_stats().scope_bytes, 90 * 8);
    ck_assert_int_eq(ct_numel(middle), 20);
    ok(ct_scope_close());
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors + 1);
    ck_assert_int_eq(ct_memory_stats().live_bytes, bytes + 40 * 8);
    ck_assert_int_eq(ct_numel(twice), 40);
    ck_assert_int_eq(ct_memory_stats().scope_depth, depth);
}
END_TEST

START_TEST(kept_tensors_stay)
{
    int64_t tensors = ct_memory_stats().live_tensors;
    ok(ct_scope_open());
    ct_tensor *kept = ct_keep(ct_scalar(CT_FLOAT64, 3)), *view = ct_keep(ct_reshape(kept, CT_SHAPE(1)));
    ck_assert_ptr_eq(ct_keep(kept), kept); /* twice changes nothing */
    ct_scope_return(kept);
    ok(ct_scope_close());
    ck_assert_double_eq(ct_item(kept), 3);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors + 2);
    ct_release(kept);
    ck_assert_double_eq(ct_item(view), 3); /* storage is shared, and counted */
    ct_release(view);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    ok(ct_error_code());
}
END_TEST

START_TEST(a_scope_takes_what_was_kept)
{
    int64_t tensors = ct_memory_stats().live_tensors;
    ct_tensor *kept = ct_keep(ct_scalar(CT_FLOAT64, 3)), *leaf = ct_parameter(ct_scalar(CT_FLOAT64, 2));
    ok(ct_scope_open());
    ct_tensor *own = ct_scalar(CT_FLOAT64, 1);
    ok(ct_scope_open());
    ck_assert_ptr_eq(ct_scope_take(kept), kept);
    ck_assert_ptr_eq(ct_scope_take(own), own); /* stays with the scope around */
    ok(ct_scope_close());
    ck_assert_double_eq(ct_item(own), 1);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors + 2); /* own and leaf: kept has gone */
    ok(ct_backward(ct_square(leaf)));
    ct_tensor *grad = ct_scope_take(ct_grad_of(leaf));
    ct_zero_grad(leaf);
    ck_assert_double_eq(ct_item(grad), 4); /* shared with the scope, which has it still */
    ok(ct_scope_close());
    ct_release(leaf);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    REFUSED(ct_scope_take(NULL), CT_ERROR_NULL, "scope_take: the tensor is NULL");
}
END_TEST

/* Releasing from the front, the middle and the end of a scope. */
START_TEST(released_tensors_leave_their_scope)
{
    for (int first = 0; first < 4; first++) {
        ct_tensor *t[4];
        int64_t tensors = ct_memory_stats().live_tensors;
        ok(ct_scope_open());
        for (int i = 0; i < 4; i++)
            t[i] = ct_scalar(CT_FLOAT64, i);
        for (int i = 0; i < 3; i++)
            ct_release(t[(first + i) % 4]);
        ck_assert_double_eq(ct_item(t[(first + 3) % 4]), (first + 3) % 4);
        ok(ct_scope_close());
        ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    }
}
END_TEST

static void *close_what_is_not_open(void *message)
{
    ct_status status = ct_scope_close();
    int line = __LINE__ - 1;
    char expected[200];
    snprintf(expected, sizeof expected, "scope_close: no scope is open on this thread (%s:%d)", __FILE__, line);
    *(bool *)message = status == CT_ERROR_STATE && strcmp(ct_error_message(), expected) == 0;
    return NULL;
}

/* On a thread of its own, which has no scope open whatever runs the tests. */
START_TEST(closing_with_none_open)
{
    pthread_t thread;
    bool right = false;
    ck_assert_int_eq(pthread_create(&thread, NULL, close_what_is_not_open, &right), 0);
    pthread_join(thread, NULL);
    ck_assert(right);
}
END_TEST

/* A tensor that a graph still holds can tell that it was given up; one whose memory is gone only in a debug build. */
START_TEST(released_twice)
{
    ct_tensor *x = ct_set_requires_grad(ct_scalar(CT_FLOAT64, 3), true), *y = ct_square(x);
    ct_release(x);
    ct_release(x);
    expect_error(NULL, CT_ERROR_STATE, "release: the tensor made by 'scalar' was given up before");
    ok(ct_backward(y));
}
END_TEST

#if CT_LIFETIME_CHECKS
START_TEST(use_after_close)
{
    char message[300];
    ok(ct_scope_open());
    ct_tensor *t = ct_ones(CT_FLOAT64, CT_SHAPE(2)), *bare = (ct_scalar)(CT_FLOAT32, 1);
    int line = __LINE__ - 1;
    ok(ct_scope_close());
    ck_assert_ptr_null(ct_add(t, t));
    snprintf(message, sizeof message, "add: the tensor made by 'ones' at %s:%d is used after it was given up", __FILE__,
             line);
    expect_at(__LINE__ - 3, CT_ERROR_STATE, message);
    ck_assert(isnan(ct_item(bare)));
    expect_at(__LINE__ - 1, CT_ERROR_STATE, "item: the tensor made by 'scalar' is used after it was given up");
    ct_release(t);
    expect_error(NULL, CT_ERROR_STATE, "release: the tensor made by 'ones' at ");
    ck_assert_int_ne(ct_fill_(t, 1), CT_OK);
    ct_error_clear();
}
END_TEST

/* Each function that tells what a tensor is, and what it tells of one that was given up. */
static bool looks_at(const ct_tensor *t, int which, const char **name)
{
#define LOOK(look, is_nothing) (*name = #look, is_nothing)
    switch (which) {
    case 0:
        return LOOK(dtype_of, ct_dtype_of(t) == CT_FLOAT32);
    case 1:
        return LOOK(rank, ct_rank(t) == 0);
    case 2:
        return LOOK(shape, !ct_shape(t));
    case 3:
        return LOOK(strides, !ct_strides(t));
    case 4:
        return LOOK(size, ct_size(t, 0) == 0);
    case 5:
        return LOOK(numel, ct_numel(t) == 0);
    case 6:
        return LOOK(is_contiguous, !ct_is_contiguous(t));
    case 7:
        return LOOK(shares_storage, !ct_shares_storage(t, t));
    case 8:
        return LOOK(same, !ct_same(t, t));
    case 9:
        return LOOK(tensor_version, ct_tensor_version(t) == 0);
    case 10:
        return LOOK(name_of, !ct_name_of(t));
    case 11:
        return LOOK(requires_grad, !ct_requires_grad(t));
    case 12:
        return LOOK(is_leaf, !ct_is_leaf(t));
    case 13:
        return LOOK(grad_of, !ct_grad_of(t));
    case 14:
        return LOOK(node_of, !ct_node_of(t));
    }
    return *name = NULL, false;
#undef LOOK
}

START_TEST(a_look_at_a_closed_tensor)
{
    const char *name;
    char message[64];
    ct_tensor *leaf = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true);
    ok(ct_scope_open());
    ct_tensor *t = ct_square(leaf);
    ok(ct_scope_close());
    for (int i = 0; looks_at(t, i, &name); i++) {
        snprintf(message, sizeof message, "%s: the tensor made by 'square'", name);
        expect_error(NULL, CT_ERROR_STATE, message);
        ck_assert(looks_at(NULL, i, &name));
        ok(ct_error_code()); /* of nothing nothing is known */
    }
    ck_assert_ptr_null(name);
}
END_TEST
#endif

/* ---- memory ---- */

START_TEST(peak_and_live_bytes)
{
    ct_memory before = ct_memory_stats();
    ct_memory_reset_peak();
    ck_assert_int_eq(ct_memory_stats().peak_bytes, before.live_bytes);
    ct_tensor *t = ct_zeros(CT_FLOAT64, CT_SHAPE(1000));
    ct_tensor *view = ct_reshape(t, CT_SHAPE(10, 100));
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes + 8000);
    ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors + 2);
    ct_release(t);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes + 8000);
    ct_release(view);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    ck_assert_int_eq(ct_memory_stats().peak_bytes, before.live_bytes + 8000);
    ct_release(ct_zeros(CT_UINT8, CT_SHAPE(10)));
    ck_assert_int_eq(ct_memory_stats().peak_bytes, before.live_bytes + 8000);
}
END_TEST

/* What a scope grew by is its own, not that of the one around it or in it. */
START_TEST(largest_scope_is_named)
{
    ct_scope_open();
    int outer = __LINE__ - 1;
    ct_zeros(CT_FLOAT64, CT_SHAPE(100000));
    ct_scope_open();
    int inner = __LINE__ - 1;
    ct_zeros(CT_FLOAT64, CT_SHAPE(50000));
    ct_memory stats = ct_memory_stats();
    ck_assert_int_eq(stats.largest_bytes, 800000);
    ck_assert_int_eq(stats.largest_line, outer);
    ck_assert_str_eq(stats.largest_file, __FILE__);
    for (int i = 0; i < 3; i++)
        ct_zeros(CT_FLOAT64, CT_SHAPE(50000));
    ck_assert_int_eq(ct_memory_stats().largest_bytes, 1600000);
    ck_assert_int_eq(ct_memory_stats().largest_line, inner);
    ct_scope_close();
    ct_scope_close();
    ck_assert_int_eq((ct_scope_open)(), CT_OK);
    ct_zeros(CT_FLOAT64, CT_SHAPE(1000000));
    ck_assert_int_eq(ct_memory_stats().largest_bytes, 8000000);
    ck_assert_ptr_null(ct_memory_stats().largest_file); /* opened without a location */
    ct_scope_close();
}
END_TEST

/* A loop whose scope was forgotten: of many lines the one that holds most is found, though small tensors outnumber its. */
START_TEST(no_memory_names_scope_and_line)
{
    ct_scope_open();
    int scope = __LINE__ - 1, line = 0;
    for (int step = 0; step < 40; step++) {
        for (int i = 0; i < 20; i++)
            ct_at(__FILE__, 1000000 + i, (ct_zeros)(CT_FLOAT64, CT_SHAPE(10)));
        ct_zeros(CT_FLOAT64, CT_SHAPE(5000));
        line = __LINE__ - 1;
    }
    ct__fail_allocation(1, true);
    ck_assert_ptr_null((ct_zeros)(CT_FLOAT32, CT_SHAPE(7)));
    ct__fail_allocation(0, false);
    char expected[256];
    snprintf(
        expected, sizeof expected,
        "zeros: no memory for float32 [7]; 1.7 MB in use, 1.7 MB of it by the scope opened at %s:%d, most from %s:%d "
        "(zeros)",
        __FILE__, scope, __FILE__, line);
    expect_error(NULL, CT_ERROR_MEMORY, expected);
    ct_scope_close();
}
END_TEST

/* With a cache (memory debuggers go without) a block that was freed serves the next request of its size; closed tensors that are set
 * aside keep theirs. */
#if !CT_LIFETIME_CHECKS
START_TEST(cached_bytes_are_used_again)
{
    ct_memory_trim();
    ck_assert_int_eq(ct_memory_stats().cached_bytes, 0);
    for (int64_t n = 1; n < 3 << 20; n *= 3) {
        ct_tensor *t = ct_empty(CT_UINT8, CT_SHAPE(n));
        int64_t before = ct_memory_stats().cached_bytes;
        ct_release(t);
        int64_t after = ct_memory_stats().cached_bytes;
        ck_assert(after == 0 || after >= before + n);
        t = ct_empty(CT_UINT8, CT_SHAPE(n));
        ck_assert_int_eq(ct_memory_stats().cached_bytes, before);
        ct_release(t);
    }
    ct_memory_trim();
    ck_assert_int_eq(ct_memory_stats().cached_bytes, 0);
}
END_TEST
#endif

#if !CT_LIFETIME_CHECKS
/* What does not fit goes back to the system. */
START_TEST(what_is_kept_back_has_a_limit)
{
    enum { COUNT = 6 };
    ct_tensor *t[COUNT];
    ct_memory_trim();
    for (int i = 0; i < COUNT; i++)
        t[i] = ct_empty(CT_UINT8, CT_SHAPE(CT_CACHE_LIMIT / 4));
    for (int i = 0; i < COUNT; i++)
        ct_release(t[i]);
    int64_t cached = ct_memory_stats().cached_bytes;
    ck_assert(cached == 0 || (cached > CT_CACHE_LIMIT / 2 && cached <= CT_CACHE_LIMIT));
    ct_memory_trim();
}
END_TEST
#endif

/* A class holds its request with at most a quarter more, and its size is a request of the same class. */
START_TEST(size_classes)
{
    int last = 0;
    for (size_t bytes = 0; bytes <= (size_t)INT64_MAX / 2; bytes += bytes < 5000 ? 1 : bytes / 7) {
        size_t size, again;
        int class = ct__class_of(bytes, &size);
        if (!(size >= bytes && size % 64 == 0 && class >= last && class < CT_CLASSES &&
              (bytes <= 1024 ? size < bytes + 65 : size <= bytes + bytes / 4 + 1) &&
              ct__class_of(size, &again) == class && again == size))
            ck_abort_msg("%zu bytes: class %d of %zu", bytes, class, size);
        last = class;
    }
    ck_assert_ptr_null(ct__alloc(SIZE_MAX));
    ct__free(NULL, 100);
}
END_TEST

START_TEST(blocks_are_aligned)
{
    for (size_t bytes = 0; bytes < 10000; bytes = bytes * 2 + 1) {
        void *block = ct__alloc(bytes);
        ck_assert(block && (uintptr_t)block % 64 == 0);
        memset(block, 0xab, bytes);
        ct__free(block, bytes);
    }
    for (int64_t n = 1; n < 100; n++) { /* elements too, once they fill a vector */
        ct_tensor *t = ct_ones(CT_FLOAT64, CT_SHAPE(n));
        ck_assert_uint_eq((uintptr_t)ct_data(t) % (n >= 8 ? 64 : 8), 0);
        ct_release(t);
    }
}
END_TEST

/* ---- errors ---- */

START_TEST(first_error_stays)
{
    ck_assert_int_eq(ct_error_code(), CT_OK);
    ck_assert_str_eq(ct_error_message(), "");
    ck_assert_int_eq(ct_error_set(CT_ERROR_IO, "first %d", 1), CT_ERROR_IO);
    ck_assert_int_eq(ct_error_set(CT_ERROR_FORMAT, "second"), CT_ERROR_FORMAT);
    ck_assert_ptr_null(ct_empty(CT_FLOAT32, CT_SHAPE(-1)));
    ck_assert_int_eq(ct_error_code(), CT_ERROR_IO);
    ck_assert_ptr_eq(strstr(ct_error_message(), "first 1"), ct_error_message());
    ct_error_clear();
    ck_assert_str_eq(ct_error_message(), "");
    ck_assert_int_eq(ct_error_set(CT_OK, "nothing"), CT_OK);
    ck_assert_str_eq(ct_error_message(), "");
    ct_error_clear();
}
END_TEST

/* A function that was given NULL because something failed before says what that was. */
START_TEST(null_gives_the_first_error_on)
{
    ct_tensor *none = ct_empty(CT_FLOAT32, CT_SHAPE(-1));
    ck_assert_int_eq(ct_fill_(none, 1), CT_ERROR_SHAPE);
    ck_assert_int_eq(ct_backward(none), CT_ERROR_SHAPE);
    expect_error(NULL, CT_ERROR_SHAPE, "empty: negative size in [-1]");
}
END_TEST

START_TEST(place_is_that_of_the_first_call)
{
    char message[200];
    snprintf(message, sizeof message, "empty: negative size in [-1] (%s:%d)", __FILE__, __LINE__ + 1);
    ct_tensor *t = ct_empty(CT_FLOAT32, CT_SHAPE(-1));
    ck_assert_str_eq(ct_error_message(), message);
    ck_assert_ptr_null(ct_neg(t));
    ck_assert_int_eq(ct_at_status("elsewhere.c", 1, CT_ERROR_IO), CT_ERROR_IO);
    ck_assert_str_eq(ct_error_message(), message);
    ct_error_clear();
    ck_assert_int_eq(ct_at_status("elsewhere.c", 1, CT_ERROR_IO), CT_ERROR_IO); /* none pending: nothing to complete */
    ck_assert_int_eq(ct_at_status("elsewhere.c", 1, CT_OK), CT_OK);
    ck_assert_str_eq(ct_error_message(), "");
    (ct_empty)(CT_FLOAT32, CT_SHAPE(-1)); /* made without a place, and completed later */
    ck_assert_str_eq(ct_error_message(), "empty: negative size in [-1]");
    ct_at_status("elsewhere.c", 7, CT_ERROR_SHAPE);
    ck_assert_str_eq(ct_error_message(), "empty: negative size in [-1] (elsewhere.c:7)");
    ct_error_clear();
}
END_TEST

/* An argument on a line of its own. */
START_TEST(place_in_nested_calls)
{
    int line = __LINE__ + 3;
    ct_tensor *t = ct_neg(ct_exp(ct_zeros(CT_FLOAT32, CT_SHAPE(-3))));
    ck_assert_ptr_null(t);
    /* A macro's arguments are on lines of their own with gcc; clang gives all the outermost call's. */
    char first[200], outer[200];
    snprintf(first, sizeof first, "zeros: negative size in [-3] (%s:%d)", __FILE__, line);
    snprintf(outer, sizeof outer, "zeros: negative size in [-3] (%s:%d)", __FILE__, line - 2);
    ck_assert_msg(strcmp(ct_error_message(), first) == 0 || strcmp(ct_error_message(), outer) == 0, "%s",
                  ct_error_message());
    ct_error_clear();
}
END_TEST

START_TEST(long_messages_are_cut)
{
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ct_error_set(CT_ERROR_IO, "%s", text);
    size_t length = strlen(ct_error_message());
    ck_assert(length > 500 && length < sizeof text);
    ct_at_status("file.c", 12, CT_ERROR_IO);
    ck_assert_uint_lt(strlen(ct_error_message()), 1000);
    ck_assert_msg(strstr(ct_error_message(), " (file.c:12)") != NULL, "the place was cut off");
    ct_error_clear();
}
END_TEST

START_TEST(status_names)
{
    static const char *const names[] = {"ok", "null", "shape", "dtype", "argument", "memory", "io", "format", "state"};
    for (int i = CT_OK; i <= CT_ERROR_STATE; i++)
        ck_assert_str_eq(ct_status_name((ct_status)i), names[i]);
    ck_assert_str_eq(ct_status_name((ct_status)(CT_ERROR_STATE + 1)), "unknown");
    ck_assert_str_eq(ct_status_name((ct_status)-1), "unknown");
}
END_TEST

START_TEST(version_and_config)
{
    int major, minor, patch, threads;
    char isa[16], version[16], blas[64];
    ck_assert_int_eq(sscanf(ct_version(), "%d.%d.%d", &major, &minor, &patch), 3);
    ct_set_num_threads(3);
    int fields =
        sscanf(ct_config(), "cotan %15[0-9.], kernels %15[a-z0-9], %63[^,], %d threads", version, isa, blas, &threads);
    ck_assert_msg(fields == 4, "%s", ct_config());
    ck_assert_str_eq(version, ct_version());
    ck_assert_int_eq(threads, 3);
    ck_assert(!strcmp(isa, "portable") || !strcmp(isa, "avx2") || !strcmp(isa, "avx512"));
#ifdef COTAN_USE_BLIS
    char name[32];
    ck_assert_msg(sscanf(blas, "BLIS %*s %31[a-z0-9_]", name) == 1, "%s", blas);
#else
    ck_assert_str_eq(blas, "no BLIS");
#endif
}
END_TEST

/* ---- threads ---- */

START_TEST(number_of_threads_is_clipped)
{
    static const int cases[][2] = {{1, 1}, {5, 5}, {256, 256}, {257, 256}, {0, 1}, {-3, 1}, {INT32_MAX, 256}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ct_set_num_threads(cases[i][0]);
        ck_assert_int_eq(ct_num_threads(), cases[i][1]);
    }
}
END_TEST

typedef struct counters {
    _Atomic int runs[300];
    _Atomic int nested, serial;
} counters;

static void count_one(void *context, int64_t index)
{
    counters *c = context;
    atomic_fetch_add(&c->runs[index], 1);
}

static void count_nested(void *context, int64_t index)
{
    counters *c = context, *inner = calloc(1, sizeof *inner);
    if (!inner)
        return;
    ct__parallel(20, count_one, inner);
    int all = 0;
    for (int i = 0; i < 20; i++)
        all += inner->runs[i] == 1;
    atomic_fetch_add(&c->nested, all == 20);
    atomic_fetch_add(&c->serial, ct__in_parallel());
    atomic_fetch_add(&c->runs[index], 1);
    free(inner);
}

/* Whether the first n ran once each, and no other. */
static bool each_once(const counters *c, int64_t n)
{
    for (int64_t i = 0; i < 300; i++)
        if (c->runs[i] != (i < n))
            return false;
    return true;
}

/* _i: the number of threads. */
START_TEST(every_task_runs_once)
{
    ct_set_num_threads(_i);
    for (int64_t n = 0; n <= 300; n = n < 5 ? n + 1 : n * 3 / 2) {
        counters c = {.nested = 0};
        ct__parallel(n, count_one, &c);
        ck_assert(each_once(&c, n));
        counters outer = {.nested = 0};
        ct__parallel(n, count_nested, &outer);
        ck_assert(each_once(&outer, n) && outer.nested == n);
        ck_assert(outer.serial == n || _i <= 1 || n == 1);
        ck_assert(!ct__in_parallel());
    }
}
END_TEST

static void *parallel_here(void *failures)
{
    for (int round = 0; round < 200; round++) {
        counters c = {.nested = 0};
        ct__parallel(50, count_one, &c);
        *(int *)failures += !each_once(&c, 50);
    }
    return NULL;
}

/* Several threads with regions at once: one has the pool, the others run theirs alone. */
START_TEST(regions_of_several_threads)
{
    pthread_t threads[3];
    int failures[3] = {0};
    ct_set_num_threads(4);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, parallel_here, &failures[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(failures[i], 0);
    }
}
END_TEST

/* A child of fork() has none of the workers, and starts its own. */
START_TEST(regions_after_fork)
{
    ct_set_num_threads(4);
    counters c = {.nested = 0};
    ct__parallel(100, count_one, &c);
    ck_assert(each_once(&c, 100));
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        int failures = 0;
        parallel_here(&failures);
        _exit(failures == 0 ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

static void *use_and_unload(void *library)
{
    typedef ct_tensor *(*constructor)(ct_dtype, const int64_t *, int);
    typedef ct_tensor *(*binary)(ct_tensor *, ct_tensor *);
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "ct_set_num_threads");
    constructor ones = (constructor)dlsym(library, "ct_ones");
    binary multiply = (binary)dlsym(library, "ct_matmul");
    set_threads(3);
    ct_tensor *t = ones(CT_FLOAT32, CT_SHAPE(300, 300));
    bool right = multiply(t, t) != NULL;
    dlclose(library);
    return right ? library : NULL;
}

/* A program that loads the library and closes it again goes on, though the pool's threads and the end of this thread need its
 * code. */
START_TEST(library_is_unloaded)
{
    if (TEST_LIBRARY[0] == '\0') /* a sanitized build */
        return;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        void *library = dlopen(TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL), *result = NULL;
        alarm(60);
        if (!library || pthread_create(&thread, NULL, use_and_unload, library) != 0)
            _exit(2);
        pthread_join(thread, &result);
        usleep(100000); /* for the pool's threads to go on in */
        _exit(result ? 0 : 3);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

/* What a thread has is its own: scopes, errors, counters; and it goes with the thread. */
static void *thread_of_its_own(void *result)
{
    ct_memory start = ct_memory_stats();
    bool right = start.live_bytes == 0 && start.live_tensors == 0 && start.scope_depth == 0 && start.cached_bytes == 0;
    right = right && ct_error_code() == CT_OK;
    ct_zeros(CT_FLOAT64, CT_SHAPE(1000)); /* in the root scope */
    ct_scope_open();
    ct_release(ct_zeros(CT_FLOAT64, CT_SHAPE(2000))); /* in the cache */
    ct_zeros(CT_FLOAT64, CT_SHAPE(3000));             /* in a scope left open */
    ct_error_set(CT_ERROR_IO, "of the thread");
    ct_memory end = ct_memory_stats();
    *(bool *)result = right && end.live_bytes == 32000 && end.live_tensors == 2 && end.scope_depth == 1;
    return NULL;
}

START_TEST(threads_have_their_own)
{
    pthread_t thread;
    bool right = false;
    ct_error_set(CT_ERROR_FORMAT, "of the main thread");
    ct_memory before = ct_memory_stats();
    ck_assert_int_eq(pthread_create(&thread, NULL, thread_of_its_own, &right), 0);
    pthread_join(thread, NULL);
    ck_assert(right);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    expect_error(NULL, CT_ERROR_FORMAT, "of the main thread");
}
END_TEST

/* NULL if this thread's counts then are as before. */
static void *release_here(void *t)
{
    ct_memory before = ct_memory_stats();
    ct_release(t);
    ct_memory after = ct_memory_stats();
    return after.live_bytes == before.live_bytes && after.live_tensors == before.live_tensors ? NULL : t;
}

static void release_there(ct_tensor *t)
{
    pthread_t thread;
    void *failed;
    ck_assert_int_eq(pthread_create(&thread, NULL, release_here, t), 0);
    pthread_join(thread, &failed);
    ck_assert_ptr_null(failed);
}

/* A kept tensor may be handed to another thread, which may give it up; it counts for the thread that made it. */
START_TEST(tensor_changes_hands)
{
    ct_memory before = ct_memory_stats();
    for (int i = 0; i < 5; i++)
        release_there(ct_keep(ct_ones(CT_FLOAT64, CT_SHAPE(100))));
    ct_tensor *here = ct_keep(ct_ones(CT_FLOAT64, CT_SHAPE(3)));
    ct_memory after = ct_memory_stats();
    ck_assert_int_eq(after.live_bytes, before.live_bytes + 24);
    ck_assert_int_eq(after.live_tensors, before.live_tensors + 1);
    ck_assert_int_le(after.peak_bytes, before.peak_bytes + 800); /* not five of them */
    ct_release(here);
}
END_TEST

static void *make_here(void *to)
{
    for (int i = 0; i < 2; i++)
        ((ct_tensor **)to)[i] = ct_keep(ct_ones(CT_FLOAT64, CT_SHAPE(1000)));
    return NULL;
}

static void *counts_nothing(void *right)
{
    ct_tensor *t = ct_keep(ct_ones(CT_FLOAT64, CT_SHAPE(10)));
    *(bool *)right = ct_memory_stats().live_bytes == 80 && ct_memory_stats().live_tensors == 1;
    ct_release(t);
    *(bool *)right = *(bool *)right && ct_memory_stats().live_bytes == 0 && ct_memory_stats().live_tensors == 0;
    return NULL;
}

/* Tensors outlive the thread that made them, and count for no other, before and after they are given up. */
START_TEST(tensors_outlive_their_thread)
{
    pthread_t thread;
    ct_tensor *left[2];
    bool right = false;
    ct_memory before = ct_memory_stats();
    ck_assert_int_eq(pthread_create(&thread, NULL, make_here, left), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, counts_nothing, &right), 0);
        pthread_join(thread, NULL);
        ck_assert_msg(right, "with %d of two given up", i);
        if (i < 2)
            ct_release(left[i]);
    }
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
    ck_assert_int_eq(ct_memory_stats().live_tensors, before.live_tensors);
}
END_TEST

/* ---- late loading ---- */

/* Uses the library; NULL if it does what it should. */
static void *use_late(void *library)
{
    typedef ct_tensor *(*constructor)(ct_dtype, const int64_t *, int);
    typedef ct_tensor *(*binary)(ct_tensor *, ct_tensor *);
    constructor ones = (constructor)dlsym(library, "ct_ones");
    binary add = (binary)dlsym(library, "ct_add"), multiply = (binary)dlsym(library, "ct_matmul");
    double (*item)(const ct_tensor *) = (double (*)(const ct_tensor *))dlsym(library, "ct_item");
    const char *(*message)(void) = (const char *(*)(void))dlsym(library, "ct_error_message");
    ct_tensor *x = ones(CT_FLOAT32, CT_SHAPE(1, 1));
    bool right = item(add(x, multiply(x, x))) == 2;
    right = right && !add(x, NULL) && strstr(message(), "add: ");
    return right ? NULL : library;
}

/* Loads it, and uses it on this thread and on another. */
static bool loads_and_works(const char *path)
{
    pthread_t thread;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL), *failed = NULL;
    if (!library)
        return fprintf(stderr, "%s\n", dlerror()), false;
    if (use_late(library) || pthread_create(&thread, NULL, use_late, library) != 0)
        return false;
    pthread_join(thread, &failed);
    return !failed;
}

/* Libraries that each take as much static thread-local memory as the name says, largest first, until 8 bytes are too many. */
static bool use_up_static_memory(void)
{
    void *last = NULL;
    for (int size = 8192; size >= 8; size /= 2) {
        char path[4096];
        snprintf(path, sizeof path, "%s/libuse_tls_%d.so", TEST_BUILD, size);
        last = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    char again[4096];
    snprintf(again, sizeof again, "%s/libuse_tls_more.so", TEST_BUILD);
    return last || !dlopen(again, RTLD_NOW | RTLD_LOCAL);
}

static bool copied(const char *from, const char *to)
{
    char command[8300];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    return system(command) == 0;
}

/* The library loads where no static thread-local memory is left, and a second time beside itself. */
START_TEST(library_loads_late_and_twice)
{
    if (TEST_LIBRARY[0] == '\0') /* a sanitized build */
        return;
    char second[] = "/tmp/cotan-late-XXXXXX";
    int fd = mkstemp(second);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(copied(TEST_LIBRARY, second));
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        if (!use_up_static_memory())
            _exit(2);
        _exit(loads_and_works(TEST_LIBRARY) ? loads_and_works(second) ? 0 : 4 : 3);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    remove(second);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

/* ---- the matrix product ---- */

static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A matrix in memory: strides of one of several kinds. */
typedef struct matrix {
    double *values;
    float *floats;
    int64_t rows, cols, row, col, room;
} matrix;

/* kind 0 row-major, 1 column-major, 2 with gaps in both directions, 3 rows with a gap. */
static matrix make_matrix(int64_t rows, int64_t cols, int kind, uint64_t seed)
{
    matrix m = {.rows = rows, .cols = cols, .row = cols, .col = 1};
    if (kind == 1)
        m.row = 1, m.col = largest(rows, 1);
    else if (kind == 2)
        m.row = 2 * cols + 3, m.col = 2;
    else if (kind == 3)
        m.row = cols + 5;
    m.row = largest(m.row, 1);
    m.room = rows && cols ? (rows - 1) * m.row + (cols - 1) * m.col + 1 : 1;
    m.values = malloc((size_t)m.room * sizeof *m.values);
    m.floats = malloc((size_t)m.room * sizeof *m.floats);
    ck_assert(m.values && m.floats);
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int64_t i = 0; i < m.room; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        m.values[i] = m.floats[i] = (float)((double)(state >> 11) * 0x1p-52 - 1);
    }
    return m;
}

static void free_matrix(matrix m)
{
    free(m.values);
    free(m.floats);
}

static void product(ct_dtype dtype, matrix a, matrix b, double beta, matrix c)
{
    bool f = dtype == CT_FLOAT32;
    ct_status status = ct__gemm(dtype, c.rows, c.cols, a.cols, f ? (void *)a.floats : a.values, a.row, a.col,
                                f ? (void *)b.floats : b.values, b.row, b.col, beta != 0,
                                f ? (void *)c.floats : c.values, c.row, c.col);
    ck_assert_int_eq(status, CT_OK);
}

/* Compares c = a b + beta before with a loop, and what is not of c with what it was. */
static void check_product(ct_dtype dtype, matrix a, matrix b, double beta, matrix before, matrix c)
{
    double tolerance = (dtype == CT_FLOAT32 ? 0x1p-23 : 0x1p-52) * (double)(a.cols + 2);
    bool *of_c = calloc((size_t)c.room, 1);
    ck_assert_ptr_nonnull(of_c);
    for (int64_t i = 0; i < c.rows; i++) {
        for (int64_t j = 0; j < c.cols; j++) {
            int64_t at = i * c.row + j * c.col;
            double sum = beta == 0 ? 0 : beta * before.values[at], size = fabs(sum);
            for (int64_t k = 0; k < a.cols; k++) {
                double term = a.values[i * a.row + k * a.col] * b.values[k * b.row + j * b.col];
                sum += term;
                size += fabs(term);
            }
            double got = dtype == CT_FLOAT32 ? (double)c.floats[at] : c.values[at];
            of_c[at] = true;
            if (!(fabs(got - sum) <= tolerance * size))
                ck_abort_msg("%lld x %lld x %lld, beta %g: (%lld,%lld) is %g, not %g", (long long)c.rows,
                             (long long)c.cols, (long long)a.cols, beta, (long long)i, (long long)j, got, sum);
        }
    }
    for (int64_t i = 0; i < c.room && c.rows && c.cols; i++)
        if (!of_c[i] && (dtype == CT_FLOAT32 ? c.floats[i] != before.floats[i] : c.values[i] != before.values[i]))
            ck_abort_msg("element %lld, which is not of c, has changed", (long long)i);
    free(of_c);
}

static void try_product(ct_dtype dtype, const int64_t *size, int kind_a, int kind_b, int kind_c, double beta)
{
    matrix a = make_matrix(size[0], size[2], kind_a, 1), b = make_matrix(size[2], size[1], kind_b, 2);
    matrix c = make_matrix(size[0], size[1], kind_c, 3), before = make_matrix(size[0], size[1], kind_c, 3);
    for (int64_t i = 0; beta == 0 && i < c.rows; i++) /* what is overwritten may be anything */
        for (int64_t j = 0; j < c.cols; j++)
            c.values[i * c.row + j * c.col] = c.floats[i * c.row + j * c.col] = NAN;
    product(dtype, a, b, beta, c);
    check_product(dtype, a, b, beta, before, c);
    free_matrix(a);
    free_matrix(b);
    free_matrix(c);
    free_matrix(before);
}

/* _i: the kind of a, b and c. Sizes m, n, k. */
START_TEST(products_of_all_strides)
{
    static const int64_t sizes[][3] = {{0, 3, 2},    {3, 0, 2},     {3, 2, 0},   {0, 0, 0},  {1, 1, 1},
                                       {1, 1, 0},    {1, 7, 1},     {7, 1, 1},   {1, 1, 9},  {1, 7, 9},
                                       {7, 1, 9},    {7, 9, 1},     {3, 4, 5},   {8, 8, 8},  {5, 3, 2},
                                       {31, 33, 17}, {64, 10, 128}, {2, 70, 65}, {70, 2, 65}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int d = 0; d < 2; d++)
            for (int beta = 0; beta < 2; beta++)
                try_product(dtypes[d], sizes[s], _i % 4, _i / 4 % 4, _i / 16, beta);
}
END_TEST

/* c = a b + beta c on 1, 2, 3 and 4 threads: the same bits. */
static void same_on_threads(ct_dtype dtype, const int64_t *size, int kind_a, int kind_b, double beta, bool check)
{
    matrix a = make_matrix(size[0], size[2], kind_a, 1), b = make_matrix(size[2], size[1], kind_b, 2);
    matrix before = make_matrix(size[0], size[1], 0, 3), first = make_matrix(size[0], size[1], 0, 3);
    ct_set_num_threads(1);
    product(dtype, a, b, beta, first);
    for (int threads = 2; threads <= 4; threads++) {
        matrix c = make_matrix(size[0], size[1], 0, 3);
        ct_set_num_threads(threads);
        product(dtype, a, b, beta, c);
        ck_assert_msg(memcmp(c.floats, first.floats, (size_t)c.room * sizeof *c.floats) == 0 &&
                          memcmp(c.values, first.values, (size_t)c.room * sizeof *c.values) == 0,
                      "%lld x %lld x %lld %s, %d threads, %s", (long long)size[0], (long long)size[1],
                      (long long)size[2], ct_dtype_name(dtype), threads, ct_config());
        free_matrix(c);
    }
    if (check)
        check_product(dtype, a, b, beta, before, first);
    free_matrix(a);
    free_matrix(b);
    free_matrix(before);
    free_matrix(first);
}

/* _i: transposes of a and b, and beta. */
START_TEST(products_on_several_threads)
{
    static const int64_t sizes[][3] = {
        {257, 130, 190}, {130, 257, 190}, {64, 784, 300}, {1000, 10, 500}, {33, 1200, 64}};
    bool quick = is_quick();
    for (size_t s = 0; s < (quick ? 1 : sizeof sizes / sizeof *sizes); s++)
        for (int d = 0; d < 2; d++)
            same_on_threads(dtypes[d], sizes[s], _i % 2, _i / 2 % 2, _i / 4, true);
    static const int64_t large[] = {640, 600, 520};
    for (int d = 0; _i == 0 && !quick && d < 2; d++)
        same_on_threads(dtypes[d], large, 0, 0, 0, false);
}
END_TEST

/* ---- the suite ---- */

static void default_threads(void)
{
    ct_set_num_threads(2);
}

#define TESTS(...) \
    (const TTest *const[]){__VA_ARGS__}, sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *)

/* Each test runs with _i = 0 .. times - 1. */
static void add(Suite *suite, const char *name, int times, const TTest *const *tests, size_t n)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, default_threads, default_threads);
    tcase_add_checked_fixture(tcase, open_test, close_test);
    for (size_t i = 0; i < n; i++)
        tcase_add_loop_test(tcase, tests[i], 0, times);
    suite_add_tcase(suite, tcase);
}

Suite *ct_suite_tensor(void)
{
    Suite *suite = suite_create("tensor");
    add(suite, "making", 1,
        TESTS(dtypes_by_name, zero_size, values_on_the_way_in, ranges_and_identities, bad_shapes, longest_shape_text,
              null_tensors, making_without_memory, elements_outlive_their_tensor));
    add(suite, "ranks", CT_MAX_RANK + 1, TESTS(every_dtype_and_rank));
    add(suite, "elements", 1,
        TESTS(the_same_elements_under_two_handles, what_may_come_back_itself, views_share_storage, elements_one_by_one,
              arrays_out, data_pointers, recorded_results_are_not_written, fill_through_views, copies_convert,
              copies_overlap));
    add(suite, "scopes", 1,
        TESTS(scopes_nest, kept_tensors_stay, a_scope_takes_what_was_kept, released_tensors_leave_their_scope,
              closing_with_none_open, released_twice));
#if CT_LIFETIME_CHECKS
    add(suite, "closed", 1, TESTS(use_after_close, a_look_at_a_closed_tensor));
#endif
    add(suite, "memory", 1,
        TESTS(peak_and_live_bytes, size_classes, blocks_are_aligned, largest_scope_is_named,
              no_memory_names_scope_and_line));
#if !CT_LIFETIME_CHECKS
    add(suite, "cache", 1, TESTS(cached_bytes_are_used_again, what_is_kept_back_has_a_limit));
#endif
    add(suite, "errors", 1,
        TESTS(first_error_stays, null_gives_the_first_error_on, place_is_that_of_the_first_call, place_in_nested_calls,
              long_messages_are_cut, status_names, version_and_config));
    add(suite, "threads", 1,
        TESTS(number_of_threads_is_clipped, regions_of_several_threads, regions_after_fork, library_is_unloaded,
              library_loads_late_and_twice, threads_have_their_own));
    TCase *hands = tcase_create("hands"); /* without the fixture, whose counters are this thread's */
    tcase_add_test(hands, tensor_changes_hands);
    tcase_add_test(hands, tensors_outlive_their_thread);
    suite_add_tcase(suite, hands);
    add(suite, "parallel", 9, TESTS(every_task_runs_once));
    add(suite, "products", 64, TESTS(products_of_all_strides));
    add(suite, "products on threads", 8, TESTS(products_on_several_threads));
    return suite;
}
