/* The watch for NaN and infinity: what it stops, what it lets pass, and what it says. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include <math.h>
#include <pthread.h>
#include <string.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static ct_tensor *leaf(double value)
{
    return ct_set_requires_grad(ct_scalar(CT_FLOAT64, value), true);
}

/* The pending error says all of this, in order. */
static void expect_said(const char *const *parts, int n)
{
    const char *at = ct_error_message();
    ck_assert_str_eq(ct_status_name(ct_error_code()), "state");
    for (int i = 0; i < n; i++) {
        const char *found = strstr(at, parts[i]);
        ck_assert_msg(found != NULL, "\"%s\" does not say \"%s\" there", ct_error_message(), parts[i]);
        at = found + strlen(parts[i]);
    }
    ct_error_clear();
}
#define EXPECT_SAID(...) \
    expect_said((const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

static void open_watch(void)
{
    open_test();
    ok(ct_anomaly_begin());
}

static void close_watch(void)
{
    ok(ct_anomaly_end());
    close_test();
}

START_TEST(forward)
{
    ct_dtype dtype = _i ? CT_FLOAT32 : CT_FLOAT64;
    ct_tensor *x = ct_from_values(dtype, CT_VALUES(1, -2, 0, -0.5), CT_SHAPE(4));
    ct_region_begin("net");
    ck_assert_ptr_null(ct_log(x));
    ct_region_end();
    EXPECT_SAID("net: anomaly: 'log' makes 2 nan and 1 inf: input 0 is [1, -2, 0, -0.5]", "(" __FILE__ ":");
    ck_assert_ptr_nonnull(ct_log(ct_abs(ct_add_scalar(x, 10))));
}
END_TEST

START_TEST(strided_large_and_several_inputs)
{
    double values[150];
    for (int i = 0; i < 150; i++)
        values[i] = i == 149 ? 0 : i + 1;
    ct_tensor *a = ct_from_values(CT_FLOAT64, values, 150, CT_SHAPE(3, 50)), *t = ct_transpose(a, 0, 1);
    ck_assert_ptr_null(ct_div(t, t));
    EXPECT_SAID("anomaly: 'div' makes 1 nan: input 0 is [50,3] 0..149, input 1 is [50,3] 0..149");
    ck_assert_ptr_null(ct_exp(ct_mul_scalar(t, 10)));
    EXPECT_SAID("anomaly: 'exp' makes ", " inf: input 0 is [50,3] 0..1490");
}
END_TEST

START_TEST(what_only_hands_on_is_not_blamed)
{
    ct_tensor *mask = ct_from_values(CT_FLOAT64, CT_VALUES(0, -INFINITY), CT_SHAPE(2));
    ct_tensor *x = ct_add(ct_ones(CT_FLOAT64, CT_SHAPE(2)), mask);
    ck_assert_ptr_nonnull(ct_softmax(x, 0));
    ct_tensor *chosen = ct_from_values(CT_UINT8, CT_VALUES(1, 0), CT_SHAPE(2));
    ck_assert_ptr_nonnull(ct_masked_fill(ct_ones(CT_FLOAT64, CT_SHAPE(2)), chosen, -INFINITY));
    ck_assert_ptr_nonnull(ct_add_scalar(ct_ones(CT_FLOAT64, CT_SHAPE(2)), INFINITY));
    ck_assert_ptr_null(ct_softmax(mask, 0) ? ct_softmax(ct_full(CT_FLOAT64, -INFINITY, CT_SHAPE(2)), 0) : x);
    EXPECT_SAID("anomaly: 'softmax' makes 2 nan: input 0 is [-inf, -inf]");
}
END_TEST

START_TEST(what_was_bad_before_is_not_blamed)
{
    ok(ct_anomaly_end());
    ct_tensor *bad = ct_log(leaf(-1));
    ok(ct_anomaly_begin());
    ck_assert(isnan(ct_item(ct_mul_scalar(bad, 2))));
    ok(ct_backward(ct_mul_scalar(bad, 2)));
}
END_TEST

START_TEST(data_that_came_in_bad)
{
    ct_tensor *x = ct_name(ct_from_values(CT_FLOAT64, CT_VALUES(1, NAN, 3), CT_SHAPE(3)), "images");
    ck_assert_ptr_null(ct_mul(leaf(2), x));
    EXPECT_SAID("anomaly: input 1 of 'mul' came with 1 nan of 3 elements: images, made by 'from_values' (" __FILE__);
}
END_TEST

static ct_tensor *twice_log_expression(ct_call *call)
{
    return ct_mul_scalar(ct_log(ct_call_input(call, 0)), 2);
}

static const ct_op twice_log_op = {
    .name = "twice_log",
    .gradient = "2 g / x",
    .min_inputs = 1,
    .max_inputs = 1,
    .expression = twice_log_expression,
};

START_TEST(what_an_expression_makes_on_its_way)
{
    ct_tensor *zero = ct_from_values(CT_FLOAT64, CT_VALUES(0, 1), CT_SHAPE(2));
    ct_tensor *loss = ct_binary_cross_entropy(zero, zero); /* clamp(log(0)) */
    ck_assert_msg(loss != NULL, "%s", ct_error_message());
    ck_assert_double_eq(ct_item(loss), 0);
    ck_assert_ptr_null((ct_apply)(&twice_log_op, &zero, 1, NULL));
    EXPECT_SAID("anomaly: 'twice_log' makes 1 inf: input 0 is [0, 1]; inside, 'log' makes 1 inf: input 0 is [0, 1]");
}
END_TEST

START_TEST(backward)
{
    ct_tensor *x = leaf(4), *zero = leaf(0);
    ok(ct_backward(ct_sqrt(x)));
    ct_region_begin("net");
    ct_tensor *y = ct_sqrt(ct_mul(zero, x));
    ct_region_end();
    ck_assert_int_eq(ct_backward(y), CT_ERROR_STATE);
    EXPECT_SAID("net: anomaly: the backward of 'sqrt' (" __FILE__ ":", ") makes 1 inf: gradient 0 is 1, ",
                "result 0 is 0", "(" __FILE__ ":");
    ck_assert_double_eq(ct_item(ct_grad_of(x)), 0.25); /* as it was */
    ck_assert_ptr_null(ct_grad_of(zero));
}
END_TEST

START_TEST(a_sum_that_overflows)
{
    ct_tensor *x = leaf(1), *big = ct_scalar(CT_FLOAT64, 1.7e308);
    ct_tensor *a = ct_mul(x, big), *b = ct_mul(x, big), *y = ct_sub(a, ct_neg(b));
    (void)y;
    EXPECT_SAID("anomaly: 'sub' makes 1 inf");
    y = ct_add(ct_mul_scalar(a, 0.1), ct_mul_scalar(b, 0.1));
    ck_assert_int_eq(ct_backward(y, .gradient = ct_scalar(CT_FLOAT64, 10)), CT_ERROR_STATE);
    EXPECT_SAID("anomaly: a sum of gradients overflows: gradient 0 is 1.7e308");
}
END_TEST

START_TEST(gradients_of_gradients)
{
    ct_tensor *x = leaf(2), *slope, *curvature;
    ct_tensor *y = ct_mul(x, ct_square(x));
    ok(ct_grad(&y, 1, &x, 1, &slope, .create_graph = true));
    ok(ct_grad(&slope, 1, &x, 1, &curvature));
    ck_assert_double_eq(ct_item(curvature), 12);
}
END_TEST

/* Nothing changes where there is nothing to find. */
static double train(void)
{
    ct_seed(3);
    ct_tensor *w = ct_set_requires_grad(ct_randn(CT_FLOAT32, 0, 1, CT_SHAPE(5, 5)), true);
    ct_tensor *labels = ct_from_values(CT_INT64, CT_VALUES(0, 1, 2, 3, 4), CT_SHAPE(5));
    ok(ct_backward(ct_cross_entropy(ct_layer_norm(ct_matmul(w, ct_dropout(w, 0.3, true)), NULL, NULL), labels)));
    return ct_item(ct_sum(ct_square(ct_grad_of(w))));
}

START_TEST(results_are_the_same)
{
    double watched = train();
    ok(ct_anomaly_end());
    ck_assert(train() == watched);
    ok(ct_anomaly_begin());
}
END_TEST

START_TEST(wrong_uses)
{
    ck_assert_int_eq(ct_anomaly_begin(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "anomaly_begin: they are watched for on this thread already (");
    ok(ct_anomaly_end());
    ck_assert_int_eq(ct_anomaly_end(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "anomaly_end: nothing is watched for on this thread (");
    ck_assert_ptr_nonnull(ct_log(ct_scalar(CT_FLOAT64, -1)));
    for (int n = 1; n <= 2; n++) {
        ct__fail_allocation(n, false);
        ck_assert_int_eq(ct_anomaly_begin(), CT_ERROR_MEMORY);
        ct__fail_allocation(0, false);
        ct_error_clear();
    }
    ok(ct_anomaly_begin());
}
END_TEST

static void *watched_thread(void *unused)
{
    ct_anomaly_begin();
    ct_log(ct_scalar(CT_FLOAT64, -1));
    return ct_error_code() == CT_ERROR_STATE ? unused : NULL; /* and never ends it */
}

START_TEST(each_thread_watches_its_own)
{
    pthread_t thread;
    int mark;
    void *stopped = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, watched_thread, &mark), 0);
    ck_assert_int_eq(pthread_join(thread, &stopped), 0);
    ck_assert_ptr_nonnull(stopped);
}
END_TEST

Suite *ct_suite_anomaly(void)
{
    Suite *suite = suite_create("anomaly");
    TCase *tests = tcase_create("anomaly");
    tcase_add_checked_fixture(tests, open_watch, close_watch);
    tcase_add_loop_test(tests, forward, 0, 2);
    tcase_add_test(tests, strided_large_and_several_inputs);
    tcase_add_test(tests, what_only_hands_on_is_not_blamed);
    tcase_add_test(tests, what_was_bad_before_is_not_blamed);
    tcase_add_test(tests, data_that_came_in_bad);
    tcase_add_test(tests, what_an_expression_makes_on_its_way);
    tcase_add_test(tests, backward);
    tcase_add_test(tests, a_sum_that_overflows);
    tcase_add_test(tests, gradients_of_gradients);
    tcase_add_test(tests, results_are_the_same);
    tcase_add_test(tests, wrong_uses);
    tcase_add_test(tests, each_thread_watches_its_own);
    suite_add_tcase(suite, tests);
    return suite;
}
