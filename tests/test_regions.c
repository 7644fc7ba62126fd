/* Regions and names: the stack, what remembers them, and messages that begin with them. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

static void begin(const char *name)
{
    ck_assert_msg(ct_region_begin(name) == CT_OK, "%s", ct_error_message());
}

static void end(void)
{
    ck_assert_msg(ct_region_end() == CT_OK, "%s", ct_error_message());
}

/* ---- the stack ---- */

START_TEST(paths_are_joined_and_one_pointer)
{
    ck_assert_str_eq(ct_region(), "");
    begin("encoder");
    begin("0");
    const char *path = ct_region();
    ck_assert_str_eq(path, "encoder.0");
    end();
    ck_assert_str_eq(ct_region(), "encoder");
    end();
    begin("encoder.0");
    ck_assert_ptr_eq(ct_region(), path);
    end();
    begin("encoder0");
    ck_assert_ptr_ne(ct_region(), path);
    end();
    ck_assert_str_eq(ct_region(), "");
}
END_TEST

START_TEST(a_name_is_copied)
{
    char name[] = "first";
    begin(name);
    strcpy(name, "other");
    ck_assert_str_eq(ct_region(), "first");
    end();
}
END_TEST

START_TEST(bad_names)
{
    ck_assert_int_eq(ct_region_begin(NULL), CT_ERROR_NULL);
    expect_error(NULL, CT_ERROR_NULL, "region_begin: the name is NULL (");
    ck_assert_int_eq(ct_region_begin(""), CT_ERROR_ARGUMENT);
    expect_error(NULL, CT_ERROR_ARGUMENT, "region_begin: the name is empty (");
    ck_assert_str_eq(ct_region(), "");
}
END_TEST

START_TEST(end_without_begin)
{
    ck_assert_int_eq(ct_region_end(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "region_end: no region has begun on this thread (");
    begin("a");
    ck_assert_int_eq(ct_scope_open(), CT_OK);
    ck_assert_int_eq(ct_region_end(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "a: region_end: 'a' has begun outside of the scope that is running (");
    ck_assert_str_eq(ct_region(), "a");
    ct_scope_close();
    end();
}
END_TEST

START_TEST(a_scope_ends_what_began_in_it)
{
    begin("a");
    ct_scope_open();
    begin("b");
    begin("c");
    ct_scope_close();
    ck_assert_str_eq(ct_region(), "a");
    end();
}
END_TEST

START_TEST(a_region_may_begin_before_the_first_tensor)
{
    begin("a");
    ck_assert_ptr_nonnull(leaf(1));
    end();
}
END_TEST

START_TEST(without_memory)
{
    begin("out");
    ct__fail_allocation(1, true);
    ck_assert_int_eq(ct_region_begin("a name that nobody else has"), CT_ERROR_MEMORY);
    ct__fail_allocation(0, false);
    expect_error(NULL, CT_ERROR_MEMORY, "out: region_begin: no memory (");
    ck_assert_str_eq(ct_region(), "out");
    begin("a name that nobody else has");
    end();
    end();
}
END_TEST

static void *other_thread(void *into)
{
    const char **paths = into;
    paths[0] = ct_region();
    ct_region_begin("shared");
    paths[1] = ct_region();
    for (int i = 0; i < 2000; i++) { /* against the other threads' names */
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (ct_region_begin(name) != CT_OK || ct_region_end() != CT_OK)
            paths[0] = "failed";
    }
    return NULL;
}

START_TEST(each_thread_has_its_own)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    const char *paths[THREADS][2];
    begin("mine");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, other_thread, paths[i]), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_str_eq(ct_region(), "mine");
    end();
    begin("shared");
    for (int i = 0; i < THREADS; i++) {
        ck_assert_str_eq(paths[i][0], "");
        ck_assert_ptr_eq(paths[i][1], ct_region());
    }
    begin("1999");
    const char *path = ct_region();
    end();
    end();
    begin("shared.1999");
    ck_assert_ptr_eq(ct_region(), path);
    end();
}
END_TEST

/* ---- nodes ---- */

START_TEST(nodes_remember)
{
    ct_tensor *x = leaf(2);
    begin("a");
    ct_tensor *y = ct_square(x);
    end();
    ct_tensor *z = ct_exp(y);
    ck_assert_str_eq(ct_node_region(ct_node_of(y)), "a");
    ck_assert_str_eq(ct_node_region(ct_node_of(z)), "");
    ck_assert_str_eq(ct_node_region(NULL), "");
}
END_TEST

START_TEST(an_expression_is_a_region)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3)), true);
    begin("a");
    ct_tensor *y = ct_mish(x);
    ck_assert_str_eq(ct_region(), "a");
    ck_assert_str_eq(ct_node_region(ct_node_of(y)), "a.mish");
    end();
}
END_TEST

START_TEST(backward_is_in_the_node_s_region)
{
    ct_tensor *x = leaf(3), *slope;
    begin("a");
    ct_tensor *y = ct_mul(x, ct_square(x));
    end();
    begin("b");
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &slope, .create_graph = true), CT_OK);
    ck_assert_str_eq(ct_region(), "b");
    end();
    ct_node *nodes[16];
    int64_t n = ct_graph_nodes(slope, nodes, 16), in_a = 0;
    for (int64_t i = 0; i < n; i++)
        in_a += strcmp(ct_node_region(nodes[i]), "a") == 0;
    ck_assert_int_gt(in_a, 2);
    ck_assert_int_eq(n, in_a);
}
END_TEST

/* ---- messages ---- */

START_TEST(messages_begin_with_the_region)
{
    ct_tensor *a = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3));
    begin("encoder");
    begin("0");
    expect_error(ct_matmul(a, a), CT_ERROR_SHAPE, "encoder.0: matmul: ");
    end();
    end();
    expect_error(ct_matmul(a, a), CT_ERROR_SHAPE, "matmul: ");
}
END_TEST

START_TEST(an_expression_s_name_is_not_said_twice)
{
    ct_tensor *a = ct_ones(CT_FLOAT64, CT_SHAPE(2, 3));
    begin("a");
    expect_error(ct_rms_norm(a, ct_ones(CT_FLOAT64, CT_SHAPE(2))), CT_ERROR_SHAPE, "a: rms_norm: ");
    end();
}
END_TEST

START_TEST(backward_s_message)
{
    ct_tensor *x = leaf(3);
    begin("a");
    ct_tensor *y = ct_square(x);
    end();
    ck_assert_int_eq(ct_backward(y), CT_OK);
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "a: backward of 'square' (");
}
END_TEST

START_TEST(of_a_long_region_the_end_is_said)
{
    for (int i = 0; i < 100; i++)
        begin("0123456789");
    begin("last");
    expect_error(ct_matmul(NULL, ct_matmul(leaf(1), leaf(1))), CT_ERROR_SHAPE, "...");
    ct_matmul(leaf(1), leaf(1));
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "9.last: matmul: "));
    ck_assert_ptr_nonnull(strstr(ct_error_message(), "test_regions.c"));
    ct_error_clear();
    for (int i = 0; i < 101; i++)
        end();
}
END_TEST

/* ---- the checker's culprit ---- */

static ct_status wrong_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}

static ct_status wrong_forward(ct_call *call)
{
    const double *x = ct_call_input_data(call, 0);
    double *y = ct_call_output_data(call, 0);
    for (int64_t i = 0; i < ct_numel(ct_call_output(call, 0)); i++)
        y[i] = x[i] * x[i];
    return CT_OK;
}

static ct_status wrong_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_mul(ct_call_grad_output(call, 0), ct_call_input(call, 0))); /* without the 2 */
}

static const ct_op wrong_op = {
    .name = "wrong",
    .gradient = "2 g x",
    .min_inputs = 1,
    .max_inputs = 1,
    .saves = CT_SAVE_INPUT(0),
    .infer = wrong_infer,
    .forward = wrong_forward,
    .backward = wrong_backward,
};

static ct_tensor *with_a_bug(ct_tensor *const *inputs, int n, void *user)
{
    (void)n;
    (void)user;
    ct_region_begin("decoder");
    ct_tensor *y = ct_apply(&wrong_op, inputs, 1, NULL);
    ct_region_end();
    return ct_sum(ct_exp(y));
}

START_TEST(the_culprit_s_region)
{
    ct_gradcheck_report report = {0};
    ct_tensor *x = ct_arange(CT_FLOAT64, 0.5, 0.25, 3);
    char *text = NULL;
    size_t size = 0;
    ck_assert_int_eq(ct_gradcheck_graph(with_a_bug, NULL, &x, 1, &report), CT_FAIL);
    ck_assert_str_eq(report.op, "wrong");
    ck_assert_str_eq(report.region, "decoder");
    FILE *stream = open_memstream(&text, &size);
    ck_assert_int_eq(ct_gradcheck_print(&report, stream), CT_OK);
    fclose(stream);
    ck_assert_msg(strstr(text, "gradient of input 0, in decoder, called at ") != NULL, "%s", text);
    free(text);
    ct_gradcheck_report_free(&report);
}
END_TEST

/* ---- layers and names ---- */

START_TEST(layers_are_regions)
{
    ct_module *module = ct_module_new(CT_FLOAT64);
    ct_module_push(module, "block");
    ct_module *fc = ct_linear_new(module, "fc1", 2, 3);
    ct_module *conv = ct_conv2d_new(module, "conv1", 1, 1, 3);
    ct_module_pop(module);
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(4, 2)), *image = ct_ones(CT_FLOAT64, CT_SHAPE(1, 1, 4, 4));
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(fc, x))), "block.fc1");
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(conv, image))), "block.conv1");
    begin("net");
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(fc, x))), "net.block.fc1");
    begin("block");
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(fc, x))), "net.block.fc1");
    end();
    begin("blo");
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(fc, x))), "net.blo.block.fc1");
    end();
    begin("my_block");
    ck_assert_str_eq(ct_node_region(ct_node_of(ct_forward(fc, x))), "net.my_block.block.fc1");
    end();
    end();
    expect_error(ct_forward(fc, ct_ones(CT_FLOAT64, CT_SHAPE(4, 3))), CT_ERROR_SHAPE, "block.fc1: linear: ");
    expect_error(ct_forward(conv, x), CT_ERROR_SHAPE, "block.conv1: conv2d: ");
    ck_assert_str_eq(ct_region(), "");
    ct_module_free(module);
}
END_TEST

START_TEST(tensors_have_names)
{
    char name[] = "w0";
    ct_tensor *t = leaf(1), *other = leaf(2);
    ck_assert_ptr_null(ct_name_of(t));
    ck_assert_ptr_eq(ct_name(t, name), t);
    name[0] = 'x';
    ck_assert_str_eq(ct_name_of(t), "w0");
    ck_assert_ptr_eq(ct_name_of(ct_name(other, "w0")), ct_name_of(t));
    ck_assert_ptr_null(ct_name_of(ct_name(t, NULL)));
    ck_assert_ptr_null(ct_name_of(NULL));
    expect_error(ct_name(NULL, "a"), CT_ERROR_NULL, "name: the tensor is NULL (");
    ct_module *module = ct_module_new(CT_FLOAT64);
    ct_linear_new(module, "fc1", 2, 3);
    ck_assert_str_eq(ct_name_of(ct_module_get(module, "fc1.weight")), "fc1.weight");
    ct_module_free(module);
}
END_TEST

Suite *ct_suite_regions(void)
{
    Suite *suite = suite_create("regions");
    TCase *tests = tcase_create("regions");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, paths_are_joined_and_one_pointer);
    tcase_add_test(tests, a_name_is_copied);
    tcase_add_test(tests, bad_names);
    tcase_add_test(tests, end_without_begin);
    tcase_add_test(tests, a_scope_ends_what_began_in_it);
    tcase_add_test(tests, a_region_may_begin_before_the_first_tensor);
    tcase_add_test(tests, without_memory);
    tcase_add_test(tests, each_thread_has_its_own);
    tcase_add_test(tests, nodes_remember);
    tcase_add_test(tests, an_expression_is_a_region);
    tcase_add_test(tests, backward_is_in_the_node_s_region);
    tcase_add_test(tests, messages_begin_with_the_region);
    tcase_add_test(tests, an_expression_s_name_is_not_said_twice);
    tcase_add_test(tests, backward_s_message);
    tcase_add_test(tests, of_a_long_region_the_end_is_said);
    tcase_add_test(tests, the_culprit_s_region);
    tcase_add_test(tests, layers_are_regions);
    tcase_add_test(tests, tensors_have_names);
    suite_add_tcase(suite, tests);
    return suite;
}
