/* Rearranging, picking, contracting, resizing and changing in place: small cases worked out by hand, layouts, derivatives,
 * errors and failing memory. */
#include "tensor_checks.h"
#include "suites.h"
#include <string.h>

#define F64 CT_FLOAT64
#define TENSORS(...) (ct_tensor *[]){__VA_ARGS__}, (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *))

/* [[0, 1, 2], [3, 4, 5]] */
static ct_tensor *two_by_three(ct_dtype dtype)
{
    return ct_reshape(ct_arange(dtype, 0, 1, 6), CT_SHAPE(2, 3));
}

static ct_tensor *index_of(int64_t a, int64_t b, int64_t c)
{
    return ct_from_array(CT_INT64, (const int64_t[]){a, b, c}, CT_SHAPE(3));
}

/* ---- rearranging, for every dtype ---- */

START_TEST(flip_reverses)
{
    ct_tensor *x = two_by_three((ct_dtype)_i);
    expect_tensor(ct_flip(x, CT_SHAPE(1)), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(2, 1, 0, 5, 4, 3));
    expect_tensor(ct_flip(x, CT_SHAPE(0, -1)), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(5, 4, 3, 2, 1, 0));
    ck_assert(ct_shares_storage(ct_flip(x, CT_SHAPE(0)), x));
    expect_tensor(ct_flip(x, NULL, 0), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(0, 1, 2, 3, 4, 5));
}
END_TEST

START_TEST(roll_comes_in_at_the_other_end)
{
    ct_tensor *x = two_by_three((ct_dtype)_i);
    expect_tensor(ct_roll(x, 1, 1), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(2, 0, 1, 5, 3, 4));
    expect_tensor(ct_roll(x, -4, -1), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(1, 2, 0, 4, 5, 3));
    expect_tensor(ct_roll(x, 3, 0), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(3, 4, 5, 0, 1, 2));
}
END_TEST

START_TEST(stack_adds_an_axis)
{
    ct_tensor *a = ct_arange((ct_dtype)_i, 0, 1, 2), *b = ct_arange((ct_dtype)_i, 5, 1, 2);
    expect_tensor(ct_stack(TENSORS(a, b), 0), (ct_dtype)_i, CT_SHAPE(2, 2), CT_VALUES(0, 1, 5, 6));
    expect_tensor(ct_stack(TENSORS(a, b), -1), (ct_dtype)_i, CT_SHAPE(2, 2), CT_VALUES(0, 5, 1, 6));
}
END_TEST

START_TEST(split_and_chunk_are_views)
{
    ct_tensor *x = ct_arange((ct_dtype)_i, 0, 1, 7), *parts[4];
    ck_assert_int_eq(ct_split(x, CT_SHAPE(2, 0, 5), 0, parts), CT_OK);
    expect_tensor(parts[0], (ct_dtype)_i, CT_SHAPE(2), CT_VALUES(0, 1));
    ck_assert_int_eq(ct_numel(parts[1]), 0);
    expect_tensor(parts[2], (ct_dtype)_i, CT_SHAPE(5), CT_VALUES(2, 3, 4, 5, 6));
    ck_assert(ct_shares_storage(parts[2], x));
    ck_assert_int_eq(ct_chunk(x, 4, 0, parts), 4);
    expect_tensor(parts[3], (ct_dtype)_i, CT_SHAPE(1), CT_VALUES(6));
    ck_assert_int_eq(ct_chunk(x, 3, 0, parts), 3);
    expect_tensor(parts[2], (ct_dtype)_i, CT_SHAPE(1), CT_VALUES(6));
}
END_TEST

START_TEST(repeat_tiles)
{
    ct_tensor *x = ct_arange((ct_dtype)_i, 0, 1, 2);
    expect_tensor(ct_repeat(x, CT_SHAPE(2)), (ct_dtype)_i, CT_SHAPE(4), CT_VALUES(0, 1, 0, 1));
    expect_tensor(ct_repeat(x, CT_SHAPE(2, 2)), (ct_dtype)_i, CT_SHAPE(2, 4), CT_VALUES(0, 1, 0, 1, 0, 1, 0, 1));
    ck_assert_int_eq(ct_numel(ct_repeat(x, CT_SHAPE(0, 3))), 0);
    expect_tensor(ct_repeat(ct_scalar((ct_dtype)_i, 7), NULL, 0), (ct_dtype)_i, CT_SCALAR, CT_VALUES(7));
}
END_TEST

/* However few copies there are, of however few elements. */
START_TEST(repeat_copies)
{
    ct_tensor *one = ct_ones(F64, CT_SHAPE(1)), *two = two_by_three(F64);
    const int64_t times[][2] = {{1, 1}, {1, 2}, {3, 1}};
    for (int i = 0; i < 3; i++) {
        ct_tensor *of_one = ct_repeat(one, times[i], 2), *of_two = ct_repeat(two, times[i], 2);
        ck_assert(!ct_shares_storage(of_one, one) && !ct_shares_storage(of_two, two));
        ck_assert(ct_fill_(of_one, 5) == CT_OK && ct_fill_(of_two, 5) == CT_OK);
    }
    expect_tensor(one, F64, CT_SHAPE(1), CT_VALUES(1));
    expect_tensor(two, F64, CT_SHAPE(2, 3), CT_VALUES(0, 1, 2, 3, 4, 5));
}
END_TEST

START_TEST(pad_in_each_mode)
{
    ct_tensor *x = two_by_three((ct_dtype)_i);
    expect_tensor(ct_pad(x, CT_SHAPE(1, 0), .value = 9), (ct_dtype)_i, CT_SHAPE(2, 4),
                  CT_VALUES(9, 0, 1, 2, 9, 3, 4, 5));
    expect_tensor(ct_pad(x, CT_SHAPE(0, 0, 1, 0)), (ct_dtype)_i, CT_SHAPE(3, 3), CT_VALUES(0, 0, 0, 0, 1, 2, 3, 4, 5));
    expect_tensor(ct_pad(x, CT_SHAPE(2, 1), .mode = CT_PAD_REFLECT), (ct_dtype)_i, CT_SHAPE(2, 6),
                  CT_VALUES(2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4));
    expect_tensor(ct_pad(x, CT_SHAPE(1, 2), .mode = CT_PAD_REPLICATE), (ct_dtype)_i, CT_SHAPE(2, 6),
                  CT_VALUES(0, 0, 1, 2, 2, 2, 3, 3, 4, 5, 5, 5));
}
END_TEST

START_TEST(triangles_and_diagonals)
{
    ct_tensor *x = two_by_three((ct_dtype)_i);
    expect_tensor(ct_tril(x, 0), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(0, 0, 0, 3, 4, 0));
    expect_tensor(ct_triu(x, 1), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(0, 1, 2, 0, 0, 5));
    expect_tensor(ct_diagonal(x, 0, 0, 1), (ct_dtype)_i, CT_SHAPE(2), CT_VALUES(0, 4));
    expect_tensor(ct_diagonal(x, 1, 0, 1), (ct_dtype)_i, CT_SHAPE(2), CT_VALUES(1, 5));
    expect_tensor(ct_diagonal(x, -1, 0, 1), (ct_dtype)_i, CT_SHAPE(1), CT_VALUES(3));
    expect_tensor(ct_diagonal(x, 1, 1, 0), (ct_dtype)_i, CT_SHAPE(1), CT_VALUES(3));
    ck_assert_int_eq(ct_numel(ct_diagonal(x, 7, 0, 1)), 0);
    ck_assert(ct_shares_storage(ct_diagonal(x, 0, 0, 1), x));
}
END_TEST

START_TEST(picking)
{
    ct_tensor *x = two_by_three((ct_dtype)_i), *index = index_of(2, 0, 2);
    expect_tensor(ct_index_select(x, 1, index), (ct_dtype)_i, CT_SHAPE(2, 3), CT_VALUES(2, 0, 2, 5, 3, 5));
    expect_tensor(ct_embedding(ct_transpose(x, 0, 1), index), (ct_dtype)_i, CT_SHAPE(3, 2),
                  CT_VALUES(2, 5, 0, 3, 2, 5));
    expect_tensor(ct_one_hot(index, 3, (ct_dtype)_i), (ct_dtype)_i, CT_SHAPE(3, 3),
                  CT_VALUES(0, 0, 1, 1, 0, 0, 0, 0, 1));
    ct_tensor *mask = ct_from_array(CT_UINT8, (const uint8_t[]){1, 0, 1}, CT_SHAPE(3));
    expect_tensor(ct_masked_select(x, mask), (ct_dtype)_i, CT_SHAPE(4), CT_VALUES(0, 2, 3, 5));
    ck_assert_int_eq(ct_numel(ct_masked_select(x, ct_zeros(CT_UINT8, CT_SCALAR))), 0);
}
END_TEST

/* ---- einsum ---- */

START_TEST(einsum_forms)
{
    ct_tensor *x = two_by_three(F64), *y = ct_transpose(x, 0, 1), *square = ct_matmul(x, y);
    expect_tensor(ct_einsum("ij,jk", TENSORS(x, y)), F64, CT_SHAPE(2, 2), CT_VALUES(5, 14, 14, 50));
    expect_tensor(ct_einsum(" i j , j k -> k i ", TENSORS(x, y)), F64, CT_SHAPE(2, 2), CT_VALUES(5, 14, 14, 50));
    expect_tensor(ct_einsum("ij->", TENSORS(x)), F64, CT_SCALAR, CT_VALUES(15));
    expect_tensor(ct_einsum("ba", TENSORS(x)), F64, CT_SHAPE(3, 2), CT_VALUES(0, 3, 1, 4, 2, 5));
    expect_tensor(ct_einsum("ii", TENSORS(square)), F64, CT_SCALAR, CT_VALUES(55));
    expect_tensor(ct_einsum("ii->i", TENSORS(square)), F64, CT_SHAPE(2), CT_VALUES(5, 50));
    expect_tensor(ct_einsum("ij,ij->i", TENSORS(x, x)), F64, CT_SHAPE(2), CT_VALUES(5, 50));
    expect_tensor(ct_einsum("ij,ij,ij->j", TENSORS(x, x, x)), F64, CT_SHAPE(3), CT_VALUES(27, 65, 133));
    expect_tensor(ct_einsum("...j,jk->...k", TENSORS(x, y)), F64, CT_SHAPE(2, 2), CT_VALUES(5, 14, 14, 50));
    expect_tensor(ct_einsum("...,...", TENSORS(x, ct_scalar(F64, 2))), F64, CT_SHAPE(2, 3),
                  CT_VALUES(0, 2, 4, 6, 8, 10));
    expect_tensor(ct_einsum("Ba->aB", TENSORS(x)), F64, CT_SHAPE(3, 2), CT_VALUES(0, 3, 1, 4, 2, 5));
    expect_tensor(ct_einsum("ij,j", TENSORS(x, ct_ones(F64, CT_SHAPE(1)))), F64, CT_SHAPE(2), CT_VALUES(3, 12));
    expect_tensor(ct_einsum("iii", TENSORS(ct_ones(F64, CT_SHAPE(3, 3, 3)))), F64, CT_SCALAR, CT_VALUES(3));
    ck_assert_int_eq(
        ct_numel(ct_einsum("ij,jk->ik", TENSORS(ct_zeros(F64, CT_SHAPE(0, 2)), ct_zeros(F64, CT_SHAPE(2, 3))))), 0);
}
END_TEST

START_TEST(einsum_errors)
{
    ct_tensor *x = two_by_three(F64);
    expect_error(ct_einsum("ij,jk", TENSORS(x, x)), CT_ERROR_ARGUMENT,
                 "einsum: label 'j' stands for sizes 3 and 2 in \"ij,jk\" of [2,3], [2,3]");
    expect_error(ct_einsum("ij,jk", TENSORS(x)), CT_ERROR_ARGUMENT,
                 "einsum: 2 terms for 1 operand in \"ij,jk\" of [2,3]");
    expect_error(ct_einsum("ij", TENSORS(x, x)), CT_ERROR_ARGUMENT,
                 "einsum: 1 term for 2 operands in \"ij\" of [2,3], [2,3]");
    expect_error(ct_einsum("ij->ik", TENSORS(x)), CT_ERROR_ARGUMENT,
                 "einsum: label 'k' of the result is that of no operand in \"ij->ik\" of [2,3]");
    expect_error(ct_einsum("ij->ii", TENSORS(x)), CT_ERROR_ARGUMENT,
                 "einsum: label 'i' of the result stands there twice in \"ij->ii\" of [2,3]");
    expect_error(ct_einsum("ii->i", TENSORS(ct_ones(F64, CT_SHAPE(1, 3)))), CT_ERROR_ARGUMENT,
                 "einsum: label 'i' stands for sizes 1 and 3 in \"ii->i\" of [1,3]");
    expect_error(ct_einsum("iji", TENSORS(ct_ones(F64, CT_SHAPE(3, 2, 1)))), CT_ERROR_ARGUMENT,
                 "einsum: label 'i' stands for sizes 3 and 1 in \"iji\" of [3,2,1]");
    expect_error(ct_einsum("i", TENSORS(x)), CT_ERROR_ARGUMENT,
                 "einsum: a term with 1 label for a tensor of rank 2 in \"i\" of [2,3]");
    expect_error(ct_einsum("i+j", TENSORS(x)), CT_ERROR_ARGUMENT, "einsum: misplaced '+' in \"i+j\" of [2,3]");
    expect_error(ct_einsum("ij-ij", TENSORS(x)), CT_ERROR_ARGUMENT, "einsum: misplaced '-' in \"ij-ij\" of [2,3]");
    expect_error(ct_einsum(NULL, TENSORS(x)), CT_ERROR_NULL, "einsum: the equation is NULL");
}
END_TEST

/* ---- interpolate ---- */

START_TEST(interpolate_modes)
{
    ct_tensor *x = ct_from_values(F64, CT_VALUES(1, 2, 4), CT_SHAPE(1, 1, 3));
    expect_tensor(ct_interpolate(x, .scale = {2}), F64, CT_SHAPE(1, 1, 6), CT_VALUES(1, 1, 2, 2, 4, 4));
    expect_tensor(ct_interpolate(x, .size = {2}), F64, CT_SHAPE(1, 1, 2), CT_VALUES(1, 2));
    expect_tensor(ct_interpolate(x, .scale = {2}, .mode = CT_LINEAR), F64, CT_SHAPE(1, 1, 6),
                  CT_VALUES(1, 1.25, 1.75, 2.5, 3.5, 4));
    expect_tensor(ct_interpolate(x, .size = {5}, .mode = CT_LINEAR, .align_corners = true), F64, CT_SHAPE(1, 1, 5),
                  CT_VALUES(1, 1.5, 2, 3, 4));
    expect_error(ct_interpolate(x), CT_ERROR_ARGUMENT,
                 "interpolate: cannot resize axis 2 of [1,1,3] to 0: give .size or .scale");
    expect_error(ct_interpolate(ct_zeros(F64, CT_SHAPE(2, 3)), .scale = {2}), CT_ERROR_SHAPE,
                 "interpolate: takes a float [N, C, one to three spatial axes]: [2,3]");
}
END_TEST

/* ---- in place ---- */

START_TEST(in_place_updates)
{
    ct_tensor *t = ct_from_values(F64, CT_VALUES(1, 2, 3), CT_SHAPE(3)), *ones = ct_ones(F64, CT_SHAPE(3));
    int64_t version = ct_tensor_version(t);
    ck_assert_int_eq(ct_add_(t, ones, 2), CT_OK);
    expect_tensor(t, F64, CT_SHAPE(3), CT_VALUES(3, 4, 5));
    ck_assert_int_gt(ct_tensor_version(t), version);
    ck_assert_int_eq(ct_mul_(t, ct_scalar(F64, 2)), CT_OK);
    ck_assert_int_eq(ct_mul_scalar_(t, 0.5), CT_OK);
    ck_assert_int_eq(ct_lerp_(t, ones, 0.5), CT_OK);
    expect_tensor(t, F64, CT_SHAPE(3), CT_VALUES(2, 2.5, 3));
    ck_assert_int_eq(ct_addcmul_(t, t, ones, 1), CT_OK);
    ck_assert_int_eq(ct_addcdiv_(t, ones, ct_full(F64, 2, CT_SHAPE(3)), -2), CT_OK);
    expect_tensor(t, F64, CT_SHAPE(3), CT_VALUES(3, 4, 5));
    ck_assert_int_eq(ct_clamp_(t, 3.5, 4.5), CT_OK);
    expect_tensor(t, F64, CT_SHAPE(3), CT_VALUES(3.5, 4, 4.5));
    /* A strided view changes its own elements only. */
    ct_tensor *x = two_by_three(F64);
    ck_assert_int_eq(ct_mul_scalar_(ct_slice(x, 1, 0, CT_END, 2), 10), CT_OK);
    expect_tensor(x, F64, CT_SHAPE(2, 3), CT_VALUES(0, 1, 20, 30, 4, 50));
}
END_TEST

START_TEST(in_place_refusals)
{
    ct_tensor *w = ct_set_requires_grad(ct_ones(F64, CT_SHAPE(2)), true), *y = ct_square(w);
    ck_assert_int_eq((ct_mul_scalar_)(y, 2), CT_ERROR_STATE);
    expect_error(
        NULL, CT_ERROR_STATE,
        "mul_scalar_: the result of 'square' is recorded in a graph and cannot be changed in place; ct_detach() it");
    ck_assert_int_eq((ct_add_)(w, ct_ones(F64, CT_SHAPE(3, 2)), 1), CT_ERROR_SHAPE);
    expect_error(NULL, CT_ERROR_SHAPE, "add_: [2] does not hold the result's shape [3,2]");
    expect_tensor(w, F64, CT_SHAPE(2), CT_VALUES(1, 1));
    ck_assert_int_eq((ct_mul_scalar_)(NULL, 2), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "mul_scalar_: the tensor is NULL");
    /* Where several elements lie in one place there is no telling which would stay. */
    ct_tensor *one = ct_ones(F64, CT_SHAPE(1)), *thrice = ct_expand(one, CT_SHAPE(3));
    ck_assert_int_eq((ct_add_)(thrice, ct_arange(F64, 0, 1, 3), 1), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE,
                 "add_: several elements of [3] with strides [0] lie in one place; ct_clone() it");
    ct_tensor *nothing = ct_expand(ct_ones(F64, CT_SHAPE(1, 0)), CT_SHAPE(2, 0));
    ck_assert_int_eq(ct_add_(nothing, nothing, 1), CT_OK);
    expect_tensor(one, F64, CT_SHAPE(1), CT_VALUES(1));
    ck_assert_int_eq(ct_fill_(thrice, 2), CT_OK);
    ck_assert_int_eq(ct_copy_(ct_expand(one, CT_SHAPE(1, 1)), ct_full(F64, 3, CT_SHAPE(1, 1))), CT_OK);
    expect_tensor(one, F64, CT_SHAPE(1), CT_VALUES(3));
    /* A leaf may be changed, but a backward that needs the old value says so, with the line of the change. */
    ck_assert_int_eq(ct_mul_scalar_(w, 2), CT_OK);
    ck_assert_int_eq((ct_backward)(ct_sum(y), NULL), CT_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "mul_scalar_"));
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "test_arrange.c"));
    ct_error_clear();
}
END_TEST

/* ---- layouts, derivatives, memory ---- */

static ct_tensor *rearranged(ct_tensor *const *in)
{
    ct_tensor *x = ct_flip(ct_roll(in[0], 1, 1), CT_SHAPE(0));
    x = ct_pad(ct_repeat(ct_square(x), CT_SHAPE(2, 1)), CT_SHAPE(1, 2), .mode = CT_PAD_REFLECT);
    return ct_mul(ct_tril(x, 1), ct_stack(TENSORS(x, x), 0));
}

static ct_tensor *picked(ct_tensor *const *in)
{
    ct_tensor *index = ct_from_array(CT_INT64, (const int64_t[]){1, 0, 1, 2}, CT_SHAPE(2, 2));
    ct_tensor *rows = ct_embedding(ct_square(in[0]), index);
    return ct_mul(ct_diagonal(rows, 0, 0, 1),
                  ct_index_select(in[0], 1, ct_from_array(CT_INT64, (const int64_t[]){0, 0}, CT_SHAPE(2))));
}

static ct_tensor *contracted(ct_tensor *const *in)
{
    return ct_einsum("ij,jk,ik->kj", TENSORS(in[0], in[1], ct_square(ct_matmul(in[0], in[1]))));
}

static ct_tensor *resized(ct_tensor *const *in)
{
    return ct_square(ct_interpolate(ct_unsqueeze(ct_unsqueeze(in[0], 0), 0), .size = {4, 5}, .mode = CT_LINEAR));
}

START_TEST(derivatives)
{
    static const test_expression functions[] = {rearranged, picked, contracted, resized};
    ct_tensor *in[] = {numbers(F64, CT_SHAPE(3, 3), 1), numbers(F64, CT_SHAPE(3, 3), 2)};
    expect_gradients(functions[_i], in, _i == 2 ? 2 : 1);
}
END_TEST

START_TEST(layouts_do_not_matter)
{
    static const test_expression functions[] = {rearranged, picked, contracted, resized};
    ct_tensor *in[] = {numbers(F64, CT_SHAPE(3, 3), 1), numbers(F64, CT_SHAPE(3, 3), 2)};
    ct_tensor *expected = functions[_i](in);
    for (int layout = 1; layout < LAYOUTS; layout++)
        expect_close(functions[_i]((ct_tensor *[]){in_layout(in[0], layout), in_layout(in[1], layout)}), expected,
                     1e-14);
}
END_TEST

START_TEST(memory_may_fail)
{
    static const test_expression functions[] = {rearranged, picked, contracted, resized};
    ct_tensor *in[] = {numbers(F64, CT_SHAPE(3, 3), 1), numbers(F64, CT_SHAPE(3, 3), 2)};
    expect_memory_errors(functions[_i], in, _i == 2 ? 2 : 1);
}
END_TEST

START_TEST(errors_name_the_operation)
{
    ct_tensor *x = two_by_three(F64), *out_of_range = index_of(0, 3, 1), *parts[2];
    expect_error(ct_flip(x, CT_SHAPE(0, -2)), CT_ERROR_ARGUMENT, "flip: axis 0 is named twice");
    expect_error(ct_stack(TENSORS(x, ct_zeros(F64, CT_SHAPE(3))), 0), CT_ERROR_SHAPE,
                 "stack: shapes differ: [2,3], [3]");
    expect_error(ct_repeat(x, CT_SHAPE(2)), CT_ERROR_ARGUMENT, "repeat: 1 repeats for a tensor of rank 2");
    expect_error(ct_repeat(x, CT_SHAPE(2, -1)), CT_ERROR_ARGUMENT, "repeat: cannot repeat axis 1 of [2,3] -1 times");
    expect_error(ct_pad(x, CT_SHAPE(3, 0), .mode = CT_PAD_REFLECT), CT_ERROR_ARGUMENT,
                 "pad: cannot pad axis 1 of [2,3] by 3 and 0");
    expect_error(ct_pad(x, CT_SHAPE(1)), CT_ERROR_ARGUMENT, "pad: 1 amounts, takes two for each of at most 2 axes");
    expect_error(ct_pad(x, CT_SHAPE(1, 1), .mode = (ct_pad_mode)4), CT_ERROR_ARGUMENT, "pad: there is no mode 4");
    expect_error(ct_interpolate(ct_unsqueeze(x, 0), .size = {4}, .mode = (ct_interpolate_mode)5), CT_ERROR_ARGUMENT,
                 "interpolate: there is no mode 5");
    expect_error(ct_einsum("ij,jk", TENSORS(x, NULL)), CT_ERROR_NULL, "einsum: input 1 is NULL");
    expect_error(ct_tril(ct_zeros(F64, CT_SHAPE(3)), 0), CT_ERROR_SHAPE, "tril: takes matrices: [3]");
    expect_error(ct_diagonal(x, 0, 1, -1), CT_ERROR_ARGUMENT, "diagonal: the two axes are the same: [2,3]");
    ck_assert_int_eq(ct_numel(ct_diagonal(x, INT64_MIN, 0, 1)) + ct_numel(ct_diagonal(x, INT64_MAX, 0, 1)), 0);
    expect_error(ct_trace(ct_zeros(F64, CT_SHAPE(3))), CT_ERROR_SHAPE, "trace: takes a matrix: [3]");
    expect_error(ct_index_select(x, 1, x), CT_ERROR_DTYPE, "index_select: the index is float64, not int64");
    expect_error(ct_one_hot(out_of_range, 3, F64), CT_ERROR_ARGUMENT, "one_hot: index 3 at [1] is not in 0..2: [3]");
    expect_error(ct_one_hot(out_of_range, 0, F64), CT_ERROR_ARGUMENT,
                 "one_hot: index 0 at [0], and there is nothing to choose from: [3]");
    expect_error(ct_one_hot(out_of_range, INT64_MAX, F64), CT_ERROR_SHAPE,
                 "one_hot: [3,9223372036854775807] has more than 2^63-1 bytes");
    ct_tensor *of_eight_axes = ct_zeros(CT_INT64, CT_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    expect_error(ct_one_hot(of_eight_axes, 3, F64), CT_ERROR_SHAPE,
                 "one_hot: the result has one axis more than the index, and would have 9: [1,1,1,1,1,1,1,1]");
    expect_error(ct_one_hot(out_of_range, 3, (ct_dtype)99), CT_ERROR_DTYPE, "one_hot: 99 is not a dtype");
    expect_error(ct_embedding(x, of_eight_axes), CT_ERROR_SHAPE,
                 "embedding: the result has one axis more than the index, and would have 9: [2,3], [1,1,1,1,1,1,1,1]");
    expect_error(ct_embedding(ct_expand(ct_zeros(F64, CT_SHAPE(1, 1)), CT_SHAPE(1, 1LL << 59)), out_of_range),
                 CT_ERROR_SHAPE, "embedding: [3,576460752303423488] has more than 2^63-1 bytes");
    expect_error(ct_masked_select(x, x), CT_ERROR_DTYPE, "masked_select: the mask is float64, not uint8 or bool");
    expect_error(ct_dot(x, x), CT_ERROR_SHAPE, "dot: takes two vectors of one size: [2,3], [2,3]");
    expect_error(ct_index_select(x, 1, out_of_range), CT_ERROR_ARGUMENT,
                 "index_select: index 3 at [1] is not in 0..2: [2,3], [3]");
    expect_error(ct_embedding(x, ct_reshape(out_of_range, CT_SHAPE(3, 1))), CT_ERROR_ARGUMENT,
                 "embedding: index 3 at [1,0] is not in 0..1: [2,3], [3,1]");
    expect_error(ct_stack((ct_tensor *[]){x, NULL}, 2, 0), CT_ERROR_NULL, "stack: input 1 is NULL");
    expect_error(ct_repeat(ct_zeros(CT_UINT8, CT_SHAPE(2, 1)), CT_SHAPE(INT64_C(1) << 62, 1)), CT_ERROR_ARGUMENT,
                 "repeat: cannot repeat axis 0 of [2,1] 4611686018427387904 times");
    expect_error(ct_repeat(x, CT_SHAPE(INT64_C(1) << 60, 1)), CT_ERROR_SHAPE, "repeat: ");
    /* What refuses lies an operation deep. */
    expect_error(ct_swish(x, ct_zeros(F64, CT_SHAPE(5))), CT_ERROR_SHAPE,
                 "swish: mul_or_zero: shapes do not broadcast");
    expect_error(NULL, ct_mul_(x, ct_zeros(F64, CT_SHAPE(5))), "mul_: mul: shapes do not broadcast");
    ck_assert_int_eq((ct_split)(x, (const int64_t[]){1, 1}, 2, 1, parts), CT_ERROR_SHAPE);
    expect_error(NULL, CT_ERROR_SHAPE, "split: the sizes do not add up to axis 1 of [2,3]");
    ck_assert_int_eq(ct_chunk(x, 0, 0, parts), -1);
    expect_error(NULL, CT_ERROR_ARGUMENT, "chunk: the number of chunks is not positive");
}
END_TEST

Suite *ct_suite_arrange(void)
{
    Suite *suite = suite_create("arrange");
    TCase *tests = tcase_create("arrange");
    tcase_add_checked_fixture(tests, open_test, close_test);
    enum { DTYPES = 5, FUNCTIONS = 4 };
    tcase_add_loop_test(tests, flip_reverses, 0, DTYPES);
    tcase_add_loop_test(tests, roll_comes_in_at_the_other_end, 0, DTYPES);
    tcase_add_loop_test(tests, stack_adds_an_axis, 0, DTYPES);
    tcase_add_loop_test(tests, split_and_chunk_are_views, 0, DTYPES);
    tcase_add_loop_test(tests, repeat_tiles, 0, DTYPES);
    tcase_add_test(tests, repeat_copies);
    tcase_add_loop_test(tests, pad_in_each_mode, 0, DTYPES);
    tcase_add_loop_test(tests, triangles_and_diagonals, 0, DTYPES);
    tcase_add_loop_test(tests, picking, 0, DTYPES);
    tcase_add_test(tests, einsum_forms);
    tcase_add_test(tests, einsum_errors);
    tcase_add_test(tests, interpolate_modes);
    tcase_add_test(tests, in_place_updates);
    tcase_add_test(tests, in_place_refusals);
    tcase_add_loop_test(tests, derivatives, 0, FUNCTIONS);
    tcase_add_loop_test(tests, layouts_do_not_matter, 0, FUNCTIONS);
    tcase_add_loop_test(tests, memory_may_fail, 0, FUNCTIONS);
    tcase_add_test(tests, errors_name_the_operation);
    suite_add_tcase(suite, tests);
    return suite;
}
