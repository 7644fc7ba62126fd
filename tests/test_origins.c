/* Where sizes come from: what the shape rules say of each operation, and what is told of a tensor and of a failure. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include <string.h>

static ct_tensor *leaf(const char *name, const int64_t *shape, int rank)
{
    return ct_name(ct_set_requires_grad(ct_ones(CT_FLOAT64, shape, rank), true), name);
}

static ct_trace_log *end_trace(void)
{
    ct_trace_log *trace = ct_trace_end();
    ck_assert_msg(trace != NULL, "%s", ct_error_message());
    return trace;
}

/* What is told of a tensor of the trace, without the places " (test_origins.c:12)", which change with this file. */
static const char *told(const ct_trace_log *trace, int64_t id, char *buffer)
{
    char *to = buffer;
    const char *at = ct_trace_shape(trace, id);
    while (*at) {
        size_t inside = strncmp(at, " (", 2) == 0 ? strcspn(at + 2, "()") : 0;
        bool place = inside && at[2 + inside] == ')' && memmem(at + 2, inside, ".c:", 3);
        if (place)
            at += inside + 3;
        else
            *to++ = *at++;
    }
    *to = '\0';
    return buffer;
}

/* Traces one expression, and wants that of its result. */
#define EXPECT_TOLD(expression, text)                                                      \
    do {                                                                                   \
        char buffer[800];                                                                  \
        ck_assert_int_eq(ct_trace_begin(), CT_OK);                                         \
        ck_assert_msg(ct_neg(ct_name(expression, "y")) != NULL, "%s", ct_error_message()); \
        ct_trace_log *trace = end_trace();                                                 \
        ck_assert_str_eq(told(trace, ct_trace_find(trace, "y"), buffer), text);            \
        ct_trace_free(trace);                                                              \
    } while (0)

#define X(...) leaf("x", CT_SHAPE(__VA_ARGS__))
#define W(...) leaf("w", CT_SHAPE(__VA_ARGS__))

START_TEST(sizes_are_handed_on)
{
    EXPECT_TOLD(ct_exp(X(2, 3)), "[2,3]: 2 is axis 0 of x, 3 is axis 1 of x");
    EXPECT_TOLD(ct_transpose(X(3, 3), 0, 1), "[3,3]: 3 is axis 1 of x, 3 is axis 0 of x");
    EXPECT_TOLD(ct_matmul(X(3, 3), W(3, 3)), "[3,3]: 3 is axis 0 of x, 3 is axis 1 of w");
    EXPECT_TOLD(ct_matmul(X(3, 2), W(2, 4)), "[3,4]: 3 is axis 0 of x, 4 is axis 1 of w");
    EXPECT_TOLD(ct_sum(X(4, 4), CT_AXES(0)), "[4]: 4 is axis 1 of x");
    EXPECT_TOLD(ct_sum(X(4, 5)), "[], one number");
    EXPECT_TOLD(ct_exp(ct_neg(ct_relu(X(7)))), "[7]: 7 is axis 0 of x");
    EXPECT_TOLD(ct_exp(X(0, 3)), "[0,3]: 0 is axis 0 of x, 3 is axis 1 of x");
    EXPECT_TOLD(ct_cumsum(X(2, 2), 1), "[2,2]: 2 is axis 0 of x, 2 is axis 1 of x");
    EXPECT_TOLD(ct_embedding(X(5, 2), ct_from_values(CT_INT64, CT_VALUES(0, 1, 2), CT_SHAPE(3))),
                "[3,2]: 3 is axis 0 of 'from_values', 2 is made by 'expand' in embedding");
}
END_TEST

START_TEST(sizes_that_must_be_alike)
{
    EXPECT_TOLD(ct_add(X(2, 3), W(3)), "[2,3]: 2 is axis 0 of x, 3 is axis 0 of w and axis 1 of x");
    EXPECT_TOLD(ct_add(X(3, 1), W(1, 3)), "[3,3]: 3 is axis 0 of x, 3 is axis 1 of w");
    EXPECT_TOLD(ct_mul(X(3, 3), W(3, 3)), "[3,3]: 3 is axis 0 of w and axis 0 of x, 3 is axis 1 of w and axis 1 of x");
    EXPECT_TOLD(
        ct_where(ct_gt(X(2, 2), W(2, 2)), leaf("a", CT_SHAPE(2, 2)), leaf("b", CT_SHAPE(2, 2))),
        "[2,2]: 2 is axis 0 of b and axis 0 of a and axis 0 of w and 1 more, 2 is axis 1 of b and axis 1 of a and "
        "axis 1 of w and 1 more");
    EXPECT_TOLD(ct_matmul(X(2, 2, 2), W(2, 2, 2)),
                "[2,2,2]: 2 is axis 0 of w and axis 0 of x, 2 is axis 1 of x, 2 is axis 2 of w");
    ct_tensor *x = X(3);
    EXPECT_TOLD(ct_add(ct_mul(x, x), x), "[3]: 3 is axis 0 of x");
}
END_TEST

START_TEST(sizes_are_made)
{
    EXPECT_TOLD(
        ct_concat(CT_TENSORS(X(2, 3), W(4, 3)), 0),
        "[6,3]: 6 is made by 'concat' of 2 (axis 0 of x) and 4 (axis 0 of w), 3 is axis 1 of w and axis 1 of x");
    EXPECT_TOLD(ct_reshape(X(6), CT_SHAPE(2, 3)),
                "[2,3]: 2 is made by 'reshape' of 6 (axis 0 of x), 3 is made by 'reshape' of 6 (axis 0 of x)");
    EXPECT_TOLD(
        ct_reshape(X(2, 3, 4, 5), CT_SHAPE(2, -1, 5)),
        "[2,12,5]: 2 is axis 0 of x, 12 is made by 'reshape' of 3 (axis 1 of x) and 4 (axis 2 of x), 5 is axis 3 of x");
    EXPECT_TOLD(ct_reshape(X(2, 3), CT_SHAPE(2, 1, 3)),
                "[2,1,3]: 2 is axis 0 of x, 1 is made by 'reshape', 3 is axis 1 of x");
    EXPECT_TOLD(ct_reshape(X(3, 4), CT_SHAPE(4, 3)),
                "[4,3]: 4 is made by 'reshape' of 3 (axis 0 of x) and 4 (axis 1 of x), 3 is made by 'reshape' of 3 "
                "(axis 0 of x) and 4 (axis 1 of x)");
    EXPECT_TOLD(ct_expand(X(3, 1), CT_SHAPE(3, 2)), "[3,2]: 3 is axis 0 of x, 2 is made by 'expand'");
    EXPECT_TOLD(ct_one_hot(ct_from_values(CT_INT64, CT_VALUES(0, 1, 2), CT_SHAPE(3)), 3, CT_FLOAT64),
                "[3,3]: 3 is axis 0 of 'from_values', 3 is axis 0 of 'arange'");
    EXPECT_TOLD(ct_unsqueeze(X(2), 0), "[1,2]: 1 is made by 'unsqueeze', 2 is axis 0 of x");
    EXPECT_TOLD(
        ct_conv1d(X(1, 2, 9), W(4, 2, 3), NULL),
        "[1,4,7]: 1 is axis 0 of x, 4 is axis 0 of w, 7 is made by 'conv1d' of 9 (axis 2 of x) and 3 (axis 2 of w)");
    EXPECT_TOLD(
        ct_max_pool2d(X(1, 2, 28, 27), 2),
        "[1,2,14,13]: 1 is axis 0 of x, 2 is axis 1 of x, 14 is made by 'max_pool2d' of 28 (axis 2 of x), 13 is "
        "made by 'max_pool2d' of 27 (axis 3 of x)");
    EXPECT_TOLD(ct_exp(ct_slice(X(9), 0, 2, 5, 1)), "[3]: 3 is made by 'slice'");
    EXPECT_TOLD(ct_exp(ct_flatten(X(5, 2, 3), 1, 2)),
                "[5,6]: 5 is axis 0 of x, 6 is made by 'flatten' of 2 (axis 1 of x) and 3 (axis 2 of x)");
}
END_TEST

/* A result that has a name, and lines. */
START_TEST(lines_are_told)
{
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ct_tensor *h = ct_name(ct_exp(X(2)), "h");
    ct_neg(ct_name(ct_concat(CT_TENSORS(h, h, W(3)), 0), "y"));
    ct_trace_log *trace = end_trace();
    const char *text = ct_trace_shape(trace, ct_trace_find(trace, "y"));
    const char *file = strstr(text, "test_origins.c:"), *made = strstr(text, "7 is made by 'concat' (");
    ck_assert_msg(made && file, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, ") of 2 (axis 0 of h) and 2 (axis 0 of h) and 3 (axis 0 of w ("));
    text = ct_trace_shape(trace, ct_trace_find(trace, "x"));
    ck_assert_str_eq(text, "[2], its own");
    ck_assert_str_eq(ct_trace_shape(trace, 99), "the trace has no such tensor");
    ck_assert_str_eq(ct_trace_shape(NULL, 0), "the trace has no such tensor");
    ct_trace_free(trace);
}
END_TEST

START_TEST(a_graph_older_than_the_trace)
{
    char buffer[800];
    ct_tensor *y = ct_name(ct_exp(X(2, 3)), "y");
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ct_tensor *z = ct_name(ct_neg(y), "z");
    ck_assert_int_eq(ct_backward(ct_sum(z)), CT_OK);
    ct_trace_log *trace = end_trace();
    ck_assert_str_eq(told(trace, ct_trace_find(trace, "z"), buffer),
                     "[2,3]: 2 comes out of 'exp', 3 comes out of 'exp'");
    ct_trace_free(trace);
}
END_TEST

/* ---- what failed ---- */

static const ct_trace_node *last_of(const ct_trace_log *trace)
{
    return ct_trace_node_at(trace, ct_trace_nodes(trace) - 1);
}

START_TEST(a_failure_is_part_of_the_trace)
{
    char buffer[800];
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ct_tensor *h = ct_name(ct_matmul(X(2, 4), W(4, 3)), "h"), *v = leaf("v", CT_SHAPE(2));
    ck_assert_ptr_null(ct_add(h, v));
    ct_trace_log *trace = end_trace();
    const ct_trace_node *failed = last_of(trace);
    ck_assert_str_eq(failed->op, "add");
    ck_assert_ptr_nonnull(failed->failed);
    ck_assert_str_eq(failed->failed, ct_error_message());
    ck_assert_ptr_nonnull(strstr(failed->failed, "add: shapes do not broadcast: [2,3], [2] ("));
    ck_assert_str_eq(told(trace, failed->id, buffer),
                     "h is [2,3]: 2 is axis 0 of x, 3 is axis 1 of w; v is [2], its own");
    ck_assert_int_eq(ct_trace_find(trace, "h"), failed->inputs[0]);
    ct_error_clear();
    ct_trace_free(trace);
}
END_TEST

/* The story goes up to what failed, though no backward has run. */
START_TEST(a_failure_is_told_in_the_story)
{
    char text[4000] = "";
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ck_assert_ptr_null(ct_add(ct_name(ct_exp(X(2, 3)), "h"), W(2)));
    ct_error_clear();
    ct_trace_log *trace = end_trace();
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_int_eq(ct_trace_explain(trace, stream, .unicode = CT_NO, .color = CT_NO, .width = 120), CT_OK);
    fclose(stream);
    ck_assert_msg(strstr(text, "exp  h  = exp(x)") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "failed: add: shapes do not broadcast: [2,3], [2]") != NULL, "%s", text);
    ck_assert_ptr_null(strstr(text, "backward"));
    ct_trace_free(trace);
}
END_TEST

/* An expression fails because an operation inside does: that one is told, once. Without an error nothing has failed. */
START_TEST(a_failure_is_told_once)
{
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ck_assert_ptr_null(ct_mse_loss(X(2, 3), W(2), .reduction = CT_NONE));
    ct_error_clear();
    ct_trace_log *trace = end_trace();
    int failures = 0;
    for (int64_t id = 0; id < ct_trace_nodes(trace); id++)
        failures += ct_trace_node_at(trace, id)->failed != NULL;
    ck_assert_int_eq(failures, 1);
    ct_trace_free(trace);
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ck_assert_ptr_null(ct_add(X(2), W(3)));
    ct_error_clear();
    ck_assert_int_eq(ct_backward(ct_sum(ct_mul(X(2), W(2)))), CT_OK);
    trace = end_trace();
    ck_assert_ptr_null(last_of(trace)->failed);
    ck_assert_str_eq(ct_trace_node_at(trace, ct_trace_root(trace))->op, "sum");
    ct_trace_free(trace);
}
END_TEST

/* A trace that is read has what one that was written had. */
START_TEST(what_is_written_is_read)
{
    char first[800], text[20000];
    ck_assert_int_eq(ct_trace_begin(), CT_OK);
    ck_assert_ptr_null(ct_add(ct_concat(CT_TENSORS(X(2, 3), W(4, 3)), 0), leaf("v", CT_SHAPE(2))));
    ct_error_clear();
    ct_trace_log *trace = end_trace();
    strcpy(first, ct_trace_shape(trace, ct_trace_nodes(trace) - 1));
    ck_assert_ptr_nonnull(strstr(first, "6 is made by 'concat'"));
    FILE *stream = fmemopen(text, sizeof text, "w+");
    ck_assert_int_eq(ct_trace_write_json(trace, stream), CT_OK);
    rewind(stream);
    ct_trace_log *read = ct_trace_read_json(stream);
    ck_assert_msg(read != NULL, "%s", ct_error_message());
    fclose(stream);
    ck_assert_str_eq(ct_trace_shape(read, ct_trace_nodes(read) - 1), first);
    ck_assert_str_eq(last_of(read)->failed, last_of(trace)->failed);
    ct_trace_free(read);
    ct_trace_free(trace);
}
END_TEST

/* Axes that cannot be are refused. */
static void refuses(const char *axes)
{
    char text[800];
    const char *node =
        "{\"id\": %d, \"kind\": \"result\", \"op\": \"o\", \"inputs\": [%s], \"axes\": %s, \"value\": "
        "{\"dtype\": \"float64\", \"shape\": [2], \"values\": [1, 2]}, \"gradient\": {\"state\": \"zero\"}}";
    int used = snprintf(text, sizeof text, "{\"format\": \"cotan trace\", \"version\": 1, \"root\": -1, \"nodes\": [");
    used += snprintf(text + used, sizeof text - (size_t)used, node, 0, "", "null");
    used += snprintf(text + used, sizeof text - (size_t)used, ", ");
    used += snprintf(text + used, sizeof text - (size_t)used, node, 1, "0, -1", axes);
    snprintf(text + used, sizeof text - (size_t)used, "], \"steps\": [], \"updates\": []}");
    FILE *stream = fmemopen(text, strlen(text), "r");
    ct_trace_log *trace = ct_trace_read_json(stream);
    fclose(stream);
    bool good = strcmp(axes, "[[[0, 0]]]") == 0;
    ck_assert_msg((trace != NULL) == good, "%s: %s", axes, ct_error_message());
    ck_assert_msg(good || strstr(ct_error_message(), "'axes'"), "%s: %s", axes, ct_error_message());
    ct_error_clear();
    ct_trace_free(trace);
}

START_TEST(axes_that_cannot_be)
{
    const char *const all[] = {"[[[0, 0]]]", "[]",          "[[], []]", "[[[0, 1]]]", "[[[0, -1]]]", "[[[1, 0]]]",
                               "[[[2, 0]]]", "[[[-1, 0]]]", "[[[0]]]",  "[[0]]",      "3",           "\"x\""};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuses(all[i]);
}
END_TEST

Suite *ct_suite_origins(void)
{
    Suite *suite = suite_create("origins");
    TCase *tests = tcase_create("origins");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, sizes_are_handed_on);
    tcase_add_test(tests, sizes_that_must_be_alike);
    tcase_add_test(tests, sizes_are_made);
    tcase_add_test(tests, lines_are_told);
    tcase_add_test(tests, a_graph_older_than_the_trace);
    tcase_add_test(tests, a_failure_is_part_of_the_trace);
    tcase_add_test(tests, a_failure_is_told_in_the_story);
    tcase_add_test(tests, a_failure_is_told_once);
    tcase_add_test(tests, what_is_written_is_read);
    tcase_add_test(tests, axes_that_cannot_be);
    suite_add_tcase(suite, tests);
    return suite;
}
