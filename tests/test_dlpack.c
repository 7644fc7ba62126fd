/* DLPack: elements that are lent in both directions, who gives them back and when, and what is refused. */
#include "core_internal.h"
#include "error_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/dlpack.h>
#include <string.h>

static const ct_dtype dtypes[] = {CT_FLOAT32, CT_FLOAT64, CT_INT64, CT_INT32, CT_UINT8};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- what a lender of elements may look like ---- */

static double values[] = {1, 2, 3, 4, 5, 6};
static int64_t shape[] = {2, 3}, strides[] = {3, 1};
static int given_back;

static void count(ct_dl_managed *self)
{
    (void)self;
    given_back++;
}

static void count_versioned(ct_dl_versioned *self)
{
    (void)self;
    given_back++;
}

static ct_dl_tensor lent(void)
{
    given_back = 0;
    memcpy(values, (double[]){1, 2, 3, 4, 5, 6}, sizeof values);
    return (ct_dl_tensor){.data = values,
                          .device = {.device_type = CT_DL_CPU},
                          .ndim = 2,
                          .dtype = {.code = CT_DL_FLOAT, .bits = 64, .lanes = 1},
                          .shape = shape,
                          .strides = strides};
}

static ct_dl_managed managed(void)
{
    return (ct_dl_managed){.tensor = lent(), .deleter = count};
}

static ct_dl_versioned versioned(uint64_t flags)
{
    return (ct_dl_versioned){.major = 1, .minor = 3, .tensor = lent(), .flags = flags, .deleter = count_versioned};
}

/* ---- there and back ---- */

/* _i: dtype and layout. */
START_TEST(what_is_lent_is_the_tensor)
{
    ct_dtype dtype = dtypes[_i / LAYOUTS];
    ct_tensor *t = in_layout(numbers(dtype, CT_SHAPE(3, 4, 2), 1), _i % LAYOUTS);
    ct_tensor *back = ct_from_dlpack(ct_to_dlpack(t)), *again = ct_from_dlpack_versioned(ct_to_dlpack_versioned(t));
    expect_close(back, t, 0);
    expect_close(again, t, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ct_strides(back)[i], ct_strides(t)[i]);
    ck_assert(ct_fill_(back, 3) == CT_OK && ct_get(t, CT_SHAPE(2, 1, 1)) == 3);
    ck_assert(ct_fill_(t, 4) == CT_OK && ct_get(again, CT_SHAPE(0, 3, 0)) == 4);
    ck_assert(!ct_shares_storage(t, back)); /* which knows of one library only */
}
END_TEST

START_TEST(a_loan_outlives_the_tensor)
{
    int64_t live = ct_memory_stats().live_tensors;
    ct_tensor *t = ct_full(CT_FLOAT64, 5, CT_SHAPE(1000));
    ct_dl_managed *loan = ct_to_dlpack(t);
    ct_release(t);
    ck_assert(((double *)loan->tensor.data)[999] == 5 && loan->tensor.shape[0] == 1000 && loan->tensor.strides[0] == 1);
    loan->deleter(loan);
    ck_assert_int_eq(ct_memory_stats().live_tensors, live);
}
END_TEST

START_TEST(borrowed_elements_are_given_back_once)
{
    int64_t bytes = ct_memory_stats().live_bytes;
    ct_dl_managed m = managed();
    ct_tensor *t = ct_from_dlpack(&m), *row = ct_select(t, 0, 1), *column = ct_select(t, 1, 0);
    ck_assert(ct_data(t) == (const void *)values);
    ck_assert(ct_fill_(row, 9) == CT_OK && values[2] == 3 && values[3] == 9 && values[5] == 9);
    values[0] = 7;
    ck_assert(ct_get(column, CT_SHAPE(0)) == 7);
    ct_release(t);
    ct_release(row);
    ck_assert_int_eq(given_back, 0);
    ct_release(column);
    ck_assert_int_eq(given_back, 1);
    ck_assert_int_eq(ct_memory_stats().live_bytes, bytes);
}
END_TEST

START_TEST(a_graph_holds_borrowed_elements)
{
    ct_dl_versioned m = versioned(CT_DL_COPIED);
    ck_assert(ct_scope_open() == CT_OK);
    ct_tensor *x = ct_set_requires_grad(ct_from_dlpack_versioned(&m), true), *loss = ct_sum(ct_square(x), NULL);
    CT_OPTIONS(ct_backward_options, retained, .retain_graph = true);
    ck_assert(ct_backward(loss, &retained) == CT_OK && ct_get(ct_grad_of(x), CT_SHAPE(1, 2)) == 12);
    ct_release(x);
    ck_assert_int_eq(given_back, 0);
    ck_assert(ct_scope_close() == CT_OK);
    ck_assert_int_eq(given_back, 1);
}
END_TEST

START_TEST(layouts_of_others)
{
    ct_dl_managed m = managed();
    ct_scope_open(); /* what is lent ends before m does */
    m.tensor.strides = NULL;
    expect_tensor(ct_from_dlpack(&m), CT_FLOAT64, CT_SHAPE(2, 3), CT_VALUES(1, 2, 3, 4, 5, 6));
    m = managed();
    m.tensor.byte_offset = sizeof(double);
    m.tensor.shape = (int64_t[]){2, 2}, m.tensor.strides = (int64_t[]){1, 2};
    expect_tensor(ct_from_dlpack(&m), CT_FLOAT64, CT_SHAPE(2, 2), CT_VALUES(2, 4, 3, 5));
    m = managed();
    m.tensor.data = values + 5, m.tensor.strides = (int64_t[]){-3, -1};
    ct_tensor *reversed = ct_from_dlpack(&m);
    expect_tensor(reversed, CT_FLOAT64, CT_SHAPE(2, 3), CT_VALUES(6, 5, 4, 3, 2, 1));
    ck_assert(ct_fill_(ct_select(reversed, 0, 0), 0) == CT_OK && values[2] == 3 && values[3] == 0 && values[5] == 0);
    m = managed();
    m.tensor.strides = (int64_t[]){0, 1};
    expect_tensor(ct_from_dlpack(&m), CT_FLOAT64, CT_SHAPE(2, 3), CT_VALUES(1, 2, 3, 1, 2, 3));
    m = managed();
    m.tensor.ndim = 0, m.tensor.shape = m.tensor.strides = NULL, m.deleter = NULL;
    expect_tensor(ct_from_dlpack(&m), CT_FLOAT64, CT_SCALAR, CT_VALUES(1));
    m = managed();
    m.tensor.shape = (int64_t[]){0, 3}, m.tensor.data = NULL;
    ck_assert_int_eq(ct_numel(ct_from_dlpack(&m)), 0);
    ck_assert_int_eq(given_back, 1);
    ct_scope_close();
}
END_TEST

START_TEST(what_cannot_be_shared_is_copied)
{
    char room[sizeof values + 1];
    ct_dl_versioned v = versioned(CT_DL_READ_ONLY);
    ct_scope_open();
    ct_tensor *t = ct_from_dlpack_versioned(&v);
    ck_assert_int_eq(given_back, 1);
    ck_assert(ct_fill_(t, 0) == CT_OK && values[0] == 1);
    ct_dl_managed m = managed();
    memcpy(room + 1, values, sizeof values);
    m.tensor.data = room + 1, m.tensor.strides = (int64_t[]){1, 2};
    expect_tensor(ct_from_dlpack(&m), CT_FLOAT64, CT_SHAPE(2, 3), CT_VALUES(1, 3, 5, 2, 4, 6));
    ck_assert_int_eq(given_back, 1);
    uint8_t flags[] = {1, 0, 1};
    m = managed();
    m.tensor.data = flags, m.tensor.ndim = 1, m.tensor.shape = (int64_t[]){3}, m.tensor.strides = NULL;
    m.tensor.dtype = (ct_dl_dtype){.code = CT_DL_BOOL, .bits = 8, .lanes = 1};
    expect_tensor(ct_from_dlpack(&m), CT_BOOL, CT_SHAPE(3), CT_VALUES(1, 0, 1));
    ct_scope_close();
}
END_TEST

START_TEST(recorded_results_are_read_only)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2)), true), *y = ct_exp(x);
    ck_assert_ptr_null(ct_to_dlpack(y));
    expect_failure(CT_ERROR_STATE, "to_dlpack: the result of 'exp' is recorded");
    ct_dl_versioned *loan = ct_to_dlpack_versioned(y), *leaf = ct_to_dlpack_versioned(x);
    ck_assert(loan->flags == CT_DL_READ_ONLY && leaf->flags == 0 && loan->major == 1);
    loan->deleter(loan);
    leaf->deleter(leaf);
}
END_TEST

START_TEST(refused)
{
    ct_dl_managed m = managed();
    m.tensor.dtype.bits = 8;
    expect_error(ct_from_dlpack(&m), CT_ERROR_DTYPE, "from_dlpack: no dtype has code 2, 8 bits and 1 lanes");
    m = managed();
    m.tensor.dtype.lanes = 4;
    expect_error(ct_from_dlpack(&m), CT_ERROR_DTYPE, "from_dlpack: no dtype has code 2, 64 bits and 4 lanes");
    m = managed();
    m.tensor.device.device_type = 2;
    expect_error(ct_from_dlpack(&m), CT_ERROR_ARGUMENT, "from_dlpack: device type 2 is not the CPU");
    m = managed();
    m.tensor.ndim = 9;
    expect_error(ct_from_dlpack(&m), CT_ERROR_SHAPE, "from_dlpack: rank 9 is not in 0..8");
    m = managed();
    m.tensor.shape = (int64_t[]){2, -3};
    expect_error(ct_from_dlpack(&m), CT_ERROR_SHAPE, "from_dlpack: negative size in [2,-3]");
    m = managed();
    m.tensor.data = NULL;
    expect_error(ct_from_dlpack(&m), CT_ERROR_NULL, "from_dlpack: data is NULL");
    ct_dl_versioned v = versioned(0);
    v.major = 2;
    expect_error(ct_from_dlpack_versioned(&v), CT_ERROR_FORMAT, "from_dlpack_versioned: version 2.3, not 1");
    expect_error(ct_from_dlpack(NULL), CT_ERROR_NULL, "from_dlpack: managed is NULL");
    expect_error(ct_from_dlpack_versioned(NULL), CT_ERROR_NULL, "from_dlpack_versioned: managed is NULL");
    ck_assert_ptr_null(ct_to_dlpack(NULL));
    expect_failure(CT_ERROR_NULL, "to_dlpack: the tensor is NULL");
    ck_assert_int_eq(given_back, 0); /* what is refused stays the lender's */
}
END_TEST

/* _i: one allocation fails, or all from there on. */
START_TEST(without_memory)
{
    ct_dl_managed m = managed(), *loan = NULL;
    ct_memory before = ct_memory_stats();
    ct_tensor *t = NULL;
    for (int64_t n = 1; !t; n++) {
        ct__fail_allocation(n, _i);
        t = ct_from_dlpack(&m);
        ct__fail_allocation(0, false);
        if (!t)
            expect_failure(CT_ERROR_MEMORY, "from_dlpack");
        ck_assert_int_eq(given_back, 0);
    }
    for (int64_t n = 1; !loan; n++) {
        ct__fail_allocation(n, _i);
        loan = ct_to_dlpack(t);
        ct__fail_allocation(0, false);
        if (!loan)
            expect_failure(CT_ERROR_MEMORY, "to_dlpack");
    }
    loan->deleter(loan);
    ct_release(t);
    ck_assert_int_eq(given_back, 1);
    ck_assert_int_eq(ct_memory_stats().live_bytes, before.live_bytes);
}
END_TEST

Suite *ct_suite_dlpack(void)
{
    Suite *suite = suite_create("dlpack");
    TCase *tests = tcase_create("dlpack");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_loop_test(tests, what_is_lent_is_the_tensor, 0, DTYPES * LAYOUTS);
    tcase_add_test(tests, a_loan_outlives_the_tensor);
    tcase_add_test(tests, borrowed_elements_are_given_back_once);
    tcase_add_test(tests, a_graph_holds_borrowed_elements);
    tcase_add_test(tests, layouts_of_others);
    tcase_add_test(tests, what_cannot_be_shared_is_copied);
    tcase_add_test(tests, recorded_results_are_read_only);
    tcase_add_test(tests, refused);
    tcase_add_loop_test(tests, without_memory, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
