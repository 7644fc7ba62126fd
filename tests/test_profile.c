/* Profiles: what is counted, that own times add up, the table and the time line. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/cotan.h>
#include "core_internal.h"
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void ok(ct_status status)
{
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static ct_profile *end_profile(void)
{
    ct_profile *profile = ct_profile_end();
    ck_assert_msg(profile != NULL, "%s", ct_error_message());
    return profile;
}

static const ct_profile_row *find(const ct_profile_row *rows, int64_t n, const char *name, bool backward)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0 && rows[i].backward == backward)
            return &rows[i];
    ck_abort_msg("no row %s", name);
    return NULL;
}

/* A product of 4x3 and 3x5 in region "a", its mean in "b", and the way back. */
static ct_profile *profiled(void)
{
    ct_tensor *x = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(4, 3)), true);
    ct_tensor *w = ct_set_requires_grad(ct_ones(CT_FLOAT32, CT_SHAPE(3, 5)), true);
    ok(ct_profile_begin());
    ct_region_begin("a");
    ct_tensor *y = ct_matmul(x, w);
    ct_region_end();
    ct_region_begin("b");
    ct_tensor *m = ct_mean(y);
    ct_region_end();
    ok(ct_backward(m));
    return end_profile();
}

START_TEST(counts)
{
    ct_profile *profile = profiled();
    int64_t n, n_regions;
    const ct_profile_row *rows = ct_profile_operations(profile, &n), *regions = ct_profile_regions(profile, &n_regions);
    const ct_profile_row *matmul = find(rows, n, "matmul", false);
    ck_assert_int_eq(matmul->calls, 3); /* and two in its backward */
    ck_assert_double_eq(matmul->flops, 3 * 2 * 4 * 3 * 5);
    ck_assert_int_eq(matmul->bytes, 3 * 4 * (4 * 3 + 3 * 5 + 4 * 5));
    ck_assert_int_eq(find(rows, n, "matmul", true)->calls, 1);
    ck_assert_int_eq(find(rows, n, "mean", true)->calls, 1);
    ck_assert_int_eq(find(rows, n, "backward run", false)->calls, 1);
    ck_assert_int_ge(find(regions, n_regions, "a", false)->calls, 3);
    ck_assert_int_ge(find(regions, n_regions, "b", false)->calls, 2);
    find(regions, n_regions, "", false);
    double own = 0, by_region = 0;
    for (int64_t i = 0; i < n; i++) {
        ck_assert(rows[i].own >= 0 && rows[i].total >= rows[i].own);
        ck_assert(i == 0 || rows[i].own <= rows[i - 1].own);
        own += rows[i].own;
    }
    for (int64_t i = 0; i < n_regions; i++)
        by_region += regions[i].own;
    ck_assert_double_eq_tol(own, by_region, 1e-9);
    ck_assert(own > 0 && own <= ct_profile_seconds(profile));
    const ct_profile_row *run = find(rows, n, "backward run", false), *back = find(rows, n, "matmul", true);
    ck_assert(run->total >= back->total && back->total > back->own); /* its products run inside */
    const ct_profile_row *a = find(regions, n_regions, "a", false);
    ck_assert_double_eq_tol(a->total, a->own, 1e-9); /* what runs inside of it is all in it */
    ct_profile_free(profile);
}
END_TEST

static ct_tensor *flops_of(int i, double *expected)
{
    ct_tensor *image = ct_ones(CT_FLOAT64, CT_SHAPE(2, 4, 6, 6)), *kernel = ct_ones(CT_FLOAT64, CT_SHAPE(8, 2, 3, 3));
    switch (i) {
    case 0:
        *expected = 2. * 2 * 8 * 4 * 4 * 2 * 9;
        return ct_conv2d(image, kernel, NULL, .groups = 2);
    case 1:
        *expected = 2. * 5 * 3 * 7;
        return ct_linear(ct_ones(CT_FLOAT64, CT_SHAPE(5, 7)), ct_ones(CT_FLOAT64, CT_SHAPE(3, 7)), NULL);
    case 2:
        *expected = 2. * 2 * 4 * 36 * 5 * 4;
        return ct_conv_transpose2d(image, ct_ones(CT_FLOAT64, CT_SHAPE(4, 5, 2, 2)), NULL);
    case 3:
        *expected = 2. * 2 * 3 * 5 * 4;
        return ct_matmul(ct_ones(CT_FLOAT64, CT_SHAPE(2, 3, 4)), ct_ones(CT_FLOAT64, CT_SHAPE(4, 5)));
    default:
        *expected = 2 * 6;
        return ct_matmul(ct_ones(CT_FLOAT64, CT_SHAPE(6)), ct_ones(CT_FLOAT64, CT_SHAPE(6)));
    }
}

START_TEST(flops)
{
    double expected = 0;
    ok(ct_profile_begin());
    ck_assert_ptr_nonnull(flops_of(_i, &expected));
    ct_profile *profile = end_profile();
    int64_t n;
    const ct_profile_row *rows = ct_profile_operations(profile, &n);
    double got = 0;
    for (int64_t i = 0; i < n; i++)
        got += rows[i].flops;
    ck_assert_double_eq(got, expected);
    ct_profile_free(profile);
}
END_TEST

/* What write prints; to be freed. */
static char *printed(const ct_profile *profile, ct_status (*write)(const ct_profile *profile, FILE *stream))
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&bytes, &size);
    ok(write(profile, stream));
    fclose(stream);
    return bytes;
}

START_TEST(the_table)
{
    ct_profile *profile = profiled();
    char *text = printed(profile, ct_profile_print);
    ck_assert_ptr_eq(strstr(text, "profile: 0."), text);
    const char *const parts[] = {"by operation", "calls",     "own ms", "GFLOP/s",    "  matmul backward ",
                                 "  mean ",      "by region", "  a ",   "(no region)"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "%s is not in\n%s", parts[i], text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) <= 100, "%s", line);
    free(text);
    ct_profile_free(profile);
}
END_TEST

START_TEST(the_time_line)
{
    ct_profile *profile = profiled();
    char *text = printed(profile, ct_profile_write_chrome);
    json_t *root = json_loads(text, 0, NULL), *events = json_object_get(root, "traceEvents");
    ck_assert_msg(root != NULL, "%s", text);
    ck_assert_int_gt(json_array_size(events), 5);
    json_t *run = NULL, *inner = NULL, *event;
    size_t i;
    json_array_foreach(events, i, event)
    {
        const char *name = json_string_value(json_object_get(event, "name"));
        ck_assert_str_eq(json_string_value(json_object_get(event, "ph")), "X");
        ck_assert(json_number_value(json_object_get(event, "dur")) >= 0);
        if (strcmp(name, "backward run") == 0)
            run = event;
        if (strcmp(name, "matmul backward") == 0)
            inner = event;
    }
    ck_assert(run && inner);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(inner, "args"), "region")), "a");
    double begin = json_number_value(json_object_get(run, "ts")),
           inside = json_number_value(json_object_get(inner, "ts"));
    ck_assert(begin <= inside);
    ck_assert(inside + json_number_value(json_object_get(inner, "dur")) <=
              begin + json_number_value(json_object_get(run, "dur")) + 1e-3);
    json_decref(root);
    free(text);
    ct_profile_free(profile);
}
END_TEST

START_TEST(wrong_uses)
{
    ck_assert_ptr_null(ct_profile_end());
    expect_error(NULL, CT_ERROR_STATE, "profile_end: no profile is running on this thread");
    ok(ct_profile_begin());
    ck_assert_int_eq(ct_profile_begin(), CT_ERROR_STATE);
    expect_error(NULL, CT_ERROR_STATE, "profile_begin: a profile is running on this thread (");
    ct_profile *profile = end_profile();
    int64_t n = -1;
    ct_profile_operations(profile, &n);
    ck_assert_int_eq(n, 0);
    char *text = printed(profile, ct_profile_write_chrome);
    json_t *root = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(root);
    json_decref(root);
    free(text);
    FILE *full = fopen("/dev/full", "w");
    ck_assert_int_eq(ct_profile_print(profile, full), CT_ERROR_IO);
    expect_error(NULL, CT_ERROR_IO, "profile_print: writing failed: ");
    fclose(full);
    ck_assert_int_eq(ct_profile_print(NULL, stdout), CT_ERROR_NULL);
    ct_error_clear();
    ck_assert_int_eq(ct_profile_write_chrome(profile, NULL), CT_ERROR_NULL);
    ct_error_clear();
    ct_profile_free(profile);
    ct_profile_free(NULL);
}
END_TEST

START_TEST(without_memory)
{
    bool complete = false;
    for (int64_t n = 1; !complete; n++) {
        ck_assert_int_lt(n, 60);
        ct_scope_open();
        ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(2, 2));
        ct__fail_allocation(n, false);
        ct_status status = ct_profile_begin();
        ct_tensor *y = status == CT_OK ? ct_matmul(x, x) : NULL;
        bool computed = y && ct_error_code() == CT_OK;
        ct_error_clear();
        ct_profile *profile = status == CT_OK ? ct_profile_end() : NULL;
        ct__fail_allocation(0, false);
        complete = profile && computed;
        ck_assert(profile || status != CT_OK || ct_error_code() == CT_ERROR_MEMORY);
        ct_error_clear();
        ct_profile_free(profile);
        ct_scope_close();
    }
}
END_TEST

static ct_tensor *deep_expression(ct_call *call);
static const ct_op deep_op = {
    .name = "deep",
    .gradient = "g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(int64_t),
    .expression = deep_expression,
};

/* As many expressions inside one another as the attribute says. */
static ct_tensor *deep_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    int64_t depth = *(const int64_t *)ct_call_attributes(call) - 1;
    return depth > 0 ? (ct_apply)(&deep_op, &x, 1, &depth) : ct_neg(x);
}

START_TEST(deeper_than_it_looks)
{
    ct_tensor *x = ct_scalar(CT_FLOAT64, 1);
    int64_t depth = 600, n;
    ok(ct_profile_begin());
    ck_assert_ptr_nonnull((ct_apply)(&deep_op, &x, 1, &depth));
    ct_neg(x);
    ct_profile *profile = end_profile();
    const ct_profile_row *rows = ct_profile_operations(profile, &n);
    ck_assert_int_eq(find(rows, n, "neg", false)->calls, 1); /* the second, which is on top */
    const ct_profile_row *deep = find(rows, n, "deep", false);
    ck_assert_int_gt(deep->calls, 100);
    ck_assert_double_eq_tol(deep->total, deep->own, 1e-9);
    ct_profile_free(profile);
}
END_TEST

static void *profiled_thread(void *unused)
{
    ct_profile_begin();
    ct_neg(ct_scalar(CT_FLOAT64, 1));
    return unused; /* and never ends it */
}

START_TEST(a_thread_may_end_while_it_profiles)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, profiled_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

Suite *ct_suite_profile(void)
{
    Suite *suite = suite_create("profile");
    TCase *tests = tcase_create("profile");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, counts);
    tcase_add_loop_test(tests, flops, 0, 5);
    tcase_add_test(tests, the_table);
    tcase_add_test(tests, the_time_line);
    tcase_add_test(tests, wrong_uses);
    tcase_add_test(tests, without_memory);
    tcase_add_test(tests, deeper_than_it_looks);
    tcase_add_test(tests, a_thread_may_end_while_it_profiles);
    suite_add_tcase(suite, tests);
    return suite;
}
