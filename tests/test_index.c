/* gather and scatter_add against loops over their definition. */
#include "tensor_checks.h"
#include "suites.h"

/* Indices below `below` in a shape. */
static ct_tensor *indices(int64_t below, const int64_t *shape, int rank)
{
    ct_tensor *t = numbers(CT_INT64, shape, rank, 5);
    int64_t *data = ct_data_mut(t);
    for (int64_t i = 0; i < ct_numel(t); i++)
        data[i] %= below;
    return t;
}

static const int64_t sizes[] = {3, 4, 5};

/* The index for an axis: longer than x along it and shorter beside it. */
static ct_tensor *index_for(int axis)
{
    int64_t shape[] = {2, 3, 4};
    shape[axis] = 6;
    return indices(sizes[axis], shape, 3);
}

/* Position i of the index's elements, and the position in x that it stands for. */
static void place(const ct_tensor *index, int axis, int64_t i, int64_t *at, int64_t *in_x)
{
    for (int k = 2; k >= 0; k--) {
        at[k] = i % ct_size(index, k);
        i /= ct_size(index, k);
        in_x[k] = at[k];
    }
    in_x[axis] = (int64_t)ct_get(index, at, 3);
}

START_TEST(gather_takes_what_the_index_says)
{
    int axis = _i % 3, layout = _i / 3;
    for (int dtype = CT_FLOAT32; dtype <= CT_UINT8; dtype++) {
        ct_tensor *x = in_layout(numbers((ct_dtype)dtype, sizes, 3, 1), layout);
        ct_tensor *index = in_layout(index_for(axis), (layout + 1) % LAYOUTS);
        ct_tensor *y = ct_gather(x, axis - 3, index);
        ck_assert_int_eq(ct_dtype_of(y), dtype);
        ck_assert_int_eq(ct_numel(y), ct_numel(index));
        for (int64_t i = 0; i < ct_numel(index); i++) {
            int64_t at[3], in_x[3];
            place(index, axis, i, at, in_x);
            ck_assert_double_eq(ct_get(y, at, 3), ct_get(x, in_x, 3));
        }
    }
}
END_TEST

START_TEST(scatter_add_adds_where_the_index_says)
{
    int axis = _i % 3, layout = _i / 3;
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
        ct_tensor *x = in_layout(numbers((ct_dtype)dtype, sizes, 3, 1), layout), *index = index_for(axis);
        ct_tensor *source = numbers((ct_dtype)dtype, ct_shape(index), 3, 2);
        double expected[60];
        ct_to_values(x, expected, 60);
        for (int64_t i = 0; i < ct_numel(index); i++) {
            int64_t at[3], in_x[3];
            place(index, axis, i, at, in_x);
            expected[(in_x[0] * 4 + in_x[1]) * 5 + in_x[2]] += ct_get(source, at, 3);
        }
        ct_tensor *y = ct_scatter_add(x, axis, in_layout(index, (layout + 1) % LAYOUTS),
                                      in_layout(source, (layout + 2) % LAYOUTS));
        expect_tensor(y, (ct_dtype)dtype, sizes, 3, expected, 60);
        ck_assert(!ct_shares_storage(x, y));
    }
}
END_TEST

START_TEST(nothing_to_gather)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 5), 1), *none = ct_zeros(CT_INT64, CT_SHAPE(3, 0));
    expect_tensor(ct_gather(x, 1, none), CT_FLOAT64, CT_SHAPE(3, 0), NULL, 0);
    expect_close(ct_scatter_add(x, 1, none, ct_zeros(CT_FLOAT64, CT_SHAPE(3, 0))), x, 0);
    ct_tensor *empty = ct_zeros(CT_FLOAT64, CT_SHAPE(0, 5));
    expect_tensor(ct_gather(empty, 1, ct_zeros(CT_INT64, CT_SHAPE(0, 2))), CT_FLOAT64, CT_SHAPE(0, 2), NULL, 0);
}
END_TEST

START_TEST(gather_refuses)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 5), 1);
    ct_tensor *index = ct_from_values(CT_INT64, CT_VALUES(0, 1, 2, 3, 4, 5), CT_SHAPE(3, 2));
    expect_error(ct_gather(x, 1, index), CT_ERROR_ARGUMENT, "gather: index 5 at [2,1] is not in 0..4: [3,5], [3,2]");
    expect_error(ct_gather(x, 1, ct_transpose(ct_reshape(index, CT_SHAPE(2, 3)), 0, 1)), CT_ERROR_ARGUMENT,
                 "gather: index 5 at [2,1] is not in 0..4: [3,5], [3,2]");
    expect_error(ct_gather(x, 0, ct_full(CT_INT64, -1, CT_SHAPE(1, 1))), CT_ERROR_ARGUMENT,
                 "gather: index -1 at [0,0] is not in 0..2: [3,5], [1,1]");
    expect_error(ct_gather(x, 1, ct_cast(index, CT_INT32)), CT_ERROR_DTYPE, "gather: the index is int32, not int64");
    expect_error(ct_gather(x, 0, ct_zeros(CT_INT64, CT_SHAPE(2, 6))), CT_ERROR_SHAPE,
                 "gather: the index must have as many axes and be no larger beside axis 0: [3,5], [2,6]");
    expect_error(ct_gather(x, 0, ct_zeros(CT_INT64, CT_SHAPE(2))), CT_ERROR_SHAPE,
                 "gather: the index must have as many axes and be no larger beside axis 0: [3,5], [2]");
    expect_error(ct_gather(x, 2, index), CT_ERROR_ARGUMENT, "gather: axis 2 is not in -2..1: [3,5], [3,2]");
    expect_error(ct_gather(x, 0, NULL), CT_ERROR_NULL, "gather: input 1 is NULL");
    ct_tensor *scalar = ct_scalar(CT_FLOAT64, 1);
    expect_error(ct_gather(scalar, 1, ct_scalar(CT_INT64, 0)), CT_ERROR_ARGUMENT,
                 "gather: axis 1 is not in -1..0: [], []");
    expect_error(ct_gather(scalar, 0, ct_scalar(CT_INT64, 1)), CT_ERROR_ARGUMENT,
                 "gather: index 1 at [] is not in 0..0: [], []");
}
END_TEST

START_TEST(scatter_add_refuses)
{
    ct_tensor *x = numbers(CT_FLOAT64, CT_SHAPE(3, 5), 1), *index = ct_zeros(CT_INT64, CT_SHAPE(3, 2));
    expect_error(ct_scatter_add(x, 1, index, ct_zeros(CT_FLOAT64, CT_SHAPE(3, 3))), CT_ERROR_SHAPE,
                 "scatter_add: index and source differ in shape: [3,5], [3,2], [3,3]");
    expect_error(ct_scatter_add(x, 1, index, ct_zeros(CT_FLOAT32, CT_SHAPE(3, 2))), CT_ERROR_DTYPE,
                 "scatter_add: dtypes differ: float64 and float32 (inputs 0 and 2)");
    expect_error(ct_scatter_add(ct_scalar(CT_BOOL, 1), 0, ct_zeros(CT_INT64, CT_SCALAR), ct_scalar(CT_BOOL, 1)),
                 CT_ERROR_DTYPE,
                 "scatter_add: the x is bool, not float32, float64, int64, int32 or uint8; see ct_cast()");
    expect_error(ct_scatter_add(x, 0, ct_full(CT_INT64, 3, CT_SHAPE(3, 2)), ct_zeros(CT_FLOAT64, CT_SHAPE(3, 2))),
                 CT_ERROR_ARGUMENT, "scatter_add: index 3 at [0,0] is not in 0..2: [3,5], [3,2], [3,2]");
}
END_TEST

/* ---- gradients and memory ---- */

/* The inputs are x, an index and a source. */
static ct_tensor *try_gather(ct_tensor *const *in)
{
    return ct_gather(in[0], 1, in[1]);
}

static ct_tensor *try_scatter_add(ct_tensor *const *in)
{
    return ct_scatter_add(in[0], 1, in[1], in[2]);
}

static ct_tensor *try_both(ct_tensor *const *in)
{
    return ct_scatter_add(ct_square(in[0]), 1, in[1], ct_mul(in[2], ct_gather(in[0], 1, in[1])));
}

static const struct {
    test_expression expression;
    int inputs;
} expressions[] = {{try_gather, 2}, {try_scatter_add, 3}, {try_both, 3}};
enum { EXPRESSIONS = sizeof expressions / sizeof *expressions };

static void make_inputs(ct_tensor **in)
{
    in[0] = numbers(CT_FLOAT64, CT_SHAPE(3, 4), 1);
    in[1] = indices(4, CT_SHAPE(2, 5));
    in[2] = numbers(CT_FLOAT64, CT_SHAPE(2, 5), 2);
}

START_TEST(gradients)
{
    ct_tensor *in[3];
    make_inputs(in);
    expect_gradients(expressions[_i].expression, in, expressions[_i].inputs);
}
END_TEST

START_TEST(no_memory)
{
    ct_tensor *in[3];
    make_inputs(in);
    expect_memory_errors(expressions[_i].expression, in, expressions[_i].inputs);
}
END_TEST

START_TEST(an_index_changed_before_backward_is_noticed)
{
    ct_tensor *in[3];
    make_inputs(in);
    ct_set_requires_grad(in[0], true);
    ct_tensor *root = ct_sum(ct_gather(in[0], 1, in[1]));
    ct_fill_(in[1], 0);
    ck_assert_int_eq(ct_backward(root), CT_ERROR_STATE);
    ct_error_clear();
}
END_TEST

START_TEST(subscripts)
{
    ct_tensor *x = ct_reshape(ct_arange(CT_INT32, 0, 1, 24), CT_SHAPE(2, 3, 4));
    expect_tensor(ct_subscript(x, "1, ::2, -1"), CT_INT32, CT_SHAPE(2), (double[]){15, 23}, 2);
    expect_tensor(ct_subscript(x, " ... ,1:3 , None"), CT_INT32, CT_SHAPE(2, 3, 2, 1),
                  (double[]){1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22}, 12);
    expect_tensor(ct_subscript(x, "0,::-1,0"), CT_INT32, CT_SHAPE(3), (double[]){8, 4, 0}, 3);
    expect_tensor(ct_subscript(x, "0, 0, 2:0:-1"), CT_INT32, CT_SHAPE(2), (double[]){2, 1}, 2);
    ck_assert_int_eq(ct_rank(ct_subscript(x, "")), 3);
    ck_assert(ct_shares_storage(x, ct_subscript(x, "...")));
    expect_error(ct_subscript(x, "0, 0, 0, 0"), CT_ERROR_ARGUMENT,
                 "subscript: more parts than axes at character 9 of \"0, 0, 0, 0\"");
    expect_error(ct_subscript(x, ":, :, :, ..., :"), CT_ERROR_ARGUMENT, "subscript: more parts than axes");
    expect_error(ct_subscript(x, "1 2"), CT_ERROR_ARGUMENT, "subscript: no comma at character 2 of \"1 2\"");
    expect_error(ct_subscript(x, "1, x"), CT_ERROR_ARGUMENT,
                 "subscript: neither a number nor a slice at character 3 of \"1, x\"");
    expect_error(ct_subscript(x, "99999999999999999999"), CT_ERROR_ARGUMENT, "select: ");
    expect_error(ct_subscript(x, "1:2:0"), CT_ERROR_ARGUMENT, "slice: ");
    expect_error(ct_subscript(x, NULL), CT_ERROR_NULL, "subscript: the text is NULL");
}
END_TEST

Suite *ct_suite_index(void)
{
    Suite *suite = suite_create("index");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, open_test, close_test);
    tcase_add_loop_test(values, gather_takes_what_the_index_says, 0, 3 * LAYOUTS);
    tcase_add_loop_test(values, scatter_add_adds_where_the_index_says, 0, 3 * LAYOUTS);
    tcase_add_test(values, nothing_to_gather);
    tcase_add_test(values, subscripts);
    tcase_add_test(values, gather_refuses);
    tcase_add_test(values, scatter_add_refuses);
    suite_add_tcase(suite, values);
    TCase *derivatives = tcase_create("gradients and memory");
    tcase_add_checked_fixture(derivatives, open_test, close_test);
    tcase_add_loop_test(derivatives, gradients, 0, EXPRESSIONS);
    tcase_add_loop_test(derivatives, no_memory, 0, EXPRESSIONS);
    tcase_add_test(derivatives, an_index_changed_before_backward_is_noticed);
    suite_add_tcase(suite, derivatives);
    return suite;
}
