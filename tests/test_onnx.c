/* ONNX files: names, what is needed and what is not, and what cannot be written. test_onnx.py has others read them. */
#include "file_checks.h"
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include <stdlib.h>
#include <string.h>

static ct_tensor *operand(const int64_t *shape, int rank)
{
    return ct_rand(CT_FLOAT32, -1, 1, shape, rank);
}

/* Whether the bytes at path hold the text. */
static bool has(const char *text)
{
    size_t size, n = strlen(text);
    char *bytes = ct_file_read(NULL, path, CT_UNSET_INT, &size);
    bool found = false;
    for (size_t i = 0; bytes && i + n <= size && !found; i++)
        found = memcmp(bytes + i, text, n) == 0;
    free(bytes);
    return found;
}

/* ---- what is written ---- */

static ct_tensor *scale_and_add(ct_tensor *const *x, int n, void *bias)
{
    ct_tensor *unused = ct_erfinv(x[0]); /* which ONNX has not */
    return n == 2 && unused ? ct_add(ct_mul(x[0], x[1]), bias) : NULL;
}

START_TEST(names_are_the_callers)
{
    ct_tensor *x[] = {operand(CT_SHAPE(2, 3)), ct_name(operand(CT_SHAPE(3)), "scale")};
    ct_tensor *bias = ct_name(operand(CT_SHAPE(3)), "bias");
    ck_assert_int_eq(ct_onnx_write(scale_and_add, bias, x, 2, path), CT_OK);
    ck_assert(has("Mul") && has("Add") && has("x0") && has("scale") && has("bias") && has("y"));
    ck_assert(!has("erf"));
    const char *const names[] = {"image", NULL};
    ck_assert_int_eq(ct_onnx_write(scale_and_add, bias, x, 2, path, .names = names, .output = "logits"), CT_OK);
    ck_assert(has("image") && has("logits") && has("scale") && !has("x0"));
}
END_TEST

/* A name of ours, and one that two tensors have, are given to one tensor at most. */
START_TEST(names_of_constants_may_clash)
{
    ct_tensor *x[] = {operand(CT_SHAPE(3)), ct_name(operand(CT_SHAPE(3)), "onnx.0")};
    ct_tensor *bias = ct_name(operand(CT_SHAPE(3)), "x0");
    ck_assert_int_eq(ct_onnx_write(scale_and_add, bias, x, 2, path), CT_OK);
    const char *const names[] = {"y", NULL};
    expect_failed(ct_onnx_write(scale_and_add, bias, x, 2, path, .names = names), CT_ERROR_ARGUMENT,
                  "onnx_write: two tensors are called y");
    const char *const same[] = {"a", "a"};
    expect_failed(ct_onnx_write(scale_and_add, bias, x, 2, path, .names = same), CT_ERROR_ARGUMENT,
                  "onnx_write: two tensors are called a");
    expect_failed(ct_onnx_write(scale_and_add, bias, x, 2, path, .output = ""), CT_ERROR_ARGUMENT,
                  "onnx_write: a name of 0 bytes");
}
END_TEST

/* Names that are given to what operations have made. */
static ct_tensor *named_on_the_way(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    ct_tensor *hidden = ct_name(ct_exp(x[0]), "hidden");
    return user ? ct_name(ct_neg(hidden), "logits") : ct_neg(hidden);
}

START_TEST(names_given_after_an_operation)
{
    ct_tensor *x = operand(CT_SHAPE(3));
    ck_assert_int_eq(ct_onnx_write(named_on_the_way, NULL, &x, 1, path), CT_OK);
    ck_assert(has("hidden") && !has("onnx."));
    ck_assert_int_eq(ct_onnx_write(named_on_the_way, path, &x, 1, path), CT_OK);
    ck_assert(has("hidden") && has("logits"));
    ck_assert_int_eq(ct_onnx_write(named_on_the_way, path, &x, 1, path, .output = "scores"), CT_OK);
    ck_assert(has("hidden") && has("scores") && !has("logits"));
}
END_TEST

static ct_tensor *reshape_to_itself(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_exp(ct_reshape(ct_detach(x[0]), ct_shape(x[0]), ct_rank(x[0])));
}

START_TEST(a_view_of_the_same_is_no_node)
{
    ct_tensor *x = operand(CT_SHAPE(2, 0, 3));
    ck_assert_int_eq(ct_onnx_write(reshape_to_itself, NULL, &x, 1, path), CT_OK);
    ck_assert(has("Exp") && !has("Reshape") && !has("Identity"));
    x = operand(NULL, 0);
    ck_assert_int_eq(ct_onnx_write(reshape_to_itself, NULL, &x, 1, path), CT_OK);
    ck_assert(!has("Reshape"));
    x = ct_transpose(operand(CT_SHAPE(2, 3)), 0, 1);
    ck_assert_int_eq(ct_onnx_write(reshape_to_itself, NULL, &x, 1, path), CT_OK);
}
END_TEST

static ct_tensor *forward(ct_tensor *const *x, int n, void *module)
{
    (void)n;
    return ct_forward(module, x[0]);
}

/* What a training would do is not written: neither dropout nor the statistics of the batch; and the mode is as it was. */
START_TEST(modules_are_in_evaluation)
{
    ct_module *net = ct_module_new(CT_FLOAT32);
    ct_linear_new(net, "fc", 3, 4);
    ct_batch_norm_new(net, "bn", 4);
    ct_dropout_new(net, "drop", 0.5);
    ct_tensor *x = operand(CT_SHAPE(5, 3));
    ck_assert_int_eq(ct_onnx_write(forward, net, &x, 1, path), CT_OK);
    ck_assert(has("Gemm") && has("BatchNormalization") && has("fc.weight") && has("bn.running_var") && !has("Where"));
    ck_assert(ct_module_training(net) && ct_use_definitions(false) == false);
    ct_module_free(net);
}
END_TEST

/* ---- what is not ---- */

static ct_tensor *draw(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_dropout(x[0], 0.5, true);
}

static ct_tensor *write_in_place(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *y = ct_exp(x[0]), *z = ct_neg(y);
    ct_fill_(y, 3);
    return ct_add(y, z);
}

static ct_tensor *look_up(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_neg(ct_erfinv(x[0]));
}

static ct_tensor *constant(ct_tensor *const *x, int n, void *user)
{
    (void)x;
    (void)n;
    return user;
}

static ct_tensor *indices_of_max(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    ct_tensor *indices = NULL;
    ct_max_pool1d(x[0], 2, .indices = &indices);
    return indices;
}

START_TEST(what_onnx_has_not)
{
    ct_tensor *x = operand(CT_SHAPE(1, 2, 6));
    expect_failed(ct_onnx_write(look_up, NULL, &x, 1, path), CT_ERROR_ARGUMENT,
                  "onnx_write: ONNX has no operator for this call of erfinv");
    expect_failed(ct_onnx_write(indices_of_max, NULL, &x, 1, path), CT_ERROR_ARGUMENT,
                  "onnx_write: ONNX has no operator for result 1 of max_pool1d");
    expect_failed(ct_onnx_write(draw, NULL, &x, 1, path), CT_ERROR_STATE,
                  "onnx_write: the function draws random numbers");
    expect_failed(ct_onnx_write(write_in_place, NULL, &x, 1, path), CT_ERROR_STATE,
                  "onnx_write: a tensor was changed in place");
    expect_failed(ct_onnx_write(constant, x, &x, 1, path), CT_ERROR_ARGUMENT, "onnx_write: no operation has made");
    expect_failed(ct_onnx_write(constant, operand(NULL, 0), NULL, 0, path), CT_ERROR_ARGUMENT,
                  "onnx_write: no operation has made");
    ck_assert_int_eq(entries(directory, false), 0);
}
END_TEST

START_TEST(wrong_arguments)
{
    ct_tensor *x[] = {operand(CT_SHAPE(3)), NULL};
    expect_failed(ct_onnx_write(NULL, NULL, x, 1, path), CT_ERROR_NULL, "onnx_write: the function is NULL");
    expect_failed(ct_onnx_write(look_up, NULL, NULL, 1, path), CT_ERROR_NULL, "onnx_write: the list of inputs is NULL");
    expect_failed(ct_onnx_write(look_up, NULL, x, 1, NULL), CT_ERROR_NULL, "onnx_write: the path is NULL");
    expect_failed(ct_onnx_write(look_up, NULL, x, 2, path), CT_ERROR_NULL, "onnx_write: input 1 is NULL");
    expect_failed(ct_onnx_write(look_up, NULL, x, -1, path), CT_ERROR_ARGUMENT, "onnx_write: -1 inputs");
    expect_failed(ct_onnx_write(constant, NULL, x, 1, path), CT_ERROR_NULL,
                  "onnx_write: the function's result is NULL");
    x[1] = ct_detach(x[0]);
    expect_failed(ct_onnx_write(look_up, NULL, x, 2, path), CT_ERROR_ARGUMENT, "onnx_write: inputs 0 and 1 are one");
    expect_failed(ct_onnx_write(reshape_to_itself, NULL, x, 1, "/nowhere/x.onnx"), CT_ERROR_IO, "onnx_write: ");
}
END_TEST

/* What fn fails with comes out, and nothing of the run stays behind. */
static ct_tensor *multiply_badly(ct_tensor *const *x, int n, void *user)
{
    (void)n;
    (void)user;
    return ct_matmul(ct_exp(x[0]), x[0]);
}

START_TEST(what_the_function_fails_with)
{
    ct_tensor *x = operand(CT_SHAPE(2, 3));
    int64_t tensors = ct_memory_stats().live_tensors;
    expect_failed(ct_onnx_write(multiply_badly, NULL, &x, 1, path), CT_ERROR_SHAPE, "matmul: ");
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
    ck_assert_int_eq(ct_onnx_write(reshape_to_itself, NULL, &x, 1, path), CT_OK);
    ck_assert_int_eq(ct_memory_stats().live_tensors, tensors);
}
END_TEST

/* ---- attributes by name ---- */

START_TEST(attributes_by_name)
{
    static const ct_op op = {.attributes_size = 56, .attribute_names = "- axes:3n n eps:2d wide:1w"};
    struct {
        int64_t hidden, axes[3], n;
        double eps[2];
    } a = {7, {4, 5, 6}, 2, {0.5, 0.25}};
    int64_t integers[3] = {0};
    double numbers[2] = {0};
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "axes", integers, 3), 2);
    ck_assert(integers[0] == 4 && integers[1] == 5 && integers[2] == 0);
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "axes", integers, 0), 2);
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "n", integers, 1), 1);
    ck_assert_int_eq(ct_attribute_numbers(&op, &a, "eps", numbers, 2), 2);
    ck_assert(integers[0] == 2 && numbers[1] == 0.25);
    ck_assert_int_eq(ct_attribute_numbers(&op, &a, "axes", numbers, 2), -1);
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "eps", integers, 2), -1);
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "wide", integers, 2), 0); /* it lies behind the end */
    ck_assert_int_eq(ct_attribute_integers(&op, &a, "none", integers, 2), -1);
    ck_assert_int_eq(ct_attribute_integers(NULL, &a, "n", integers, 1), -1);
    ck_assert_int_eq(ct_attribute_integers(&op, NULL, "n", integers, 1), -1);
    ck_assert_int_eq(ct_attribute_numbers(&op, &a, NULL, numbers, 1), -1);
}
END_TEST

Suite *ct_suite_onnx(void)
{
    Suite *suite = suite_create("onnx");
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, open_directory, close_directory);
    tcase_add_test(files, names_are_the_callers);
    tcase_add_test(files, names_of_constants_may_clash);
    tcase_add_test(files, names_given_after_an_operation);
    tcase_add_test(files, a_view_of_the_same_is_no_node);
    tcase_add_test(files, modules_are_in_evaluation);
    tcase_add_test(files, what_onnx_has_not);
    tcase_add_test(files, wrong_arguments);
    tcase_add_test(files, what_the_function_fails_with);
    tcase_add_test(files, attributes_by_name);
    suite_add_tcase(suite, files);
    return suite;
}
