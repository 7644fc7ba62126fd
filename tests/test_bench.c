/* The benchmark's workloads do the work that PyTorch's do: the losses of the first step and after five agree with PyTorch's in
 * float64, to 1e-3 in float32 and to 1e-9 in float64. */
#include "bench/workloads.h"
#include "quick.h"
#include "suites.h"
#include <math.h>
#include <stdlib.h>

static void check_loss(const workload *w, const char *which, double got, double expected)
{
    ct_dtype dtype = ct_module_dtype(w->module);
    double tolerance = dtype == CT_FLOAT32 ? 1e-3 : 1e-9;
    ck_assert_msg(fabs(got - expected) <= tolerance * fabs(expected), "%s in %s: loss %s is %.12g, PyTorch's is %.12g",
                  w->spec->name, ct_dtype_name(dtype), which, got, expected);
}

static void check_workload(const workload_spec *spec, ct_dtype dtype)
{
    workload w;
    double first, after_5;
    ck_assert_msg(workload_open(&w, spec, dtype, 0) == CT_OK, "%s", ct_error_message());
    ck_assert_msg(workload_step(&w, &first) == CT_OK, "%s", ct_error_message());
    for (int step = 1; step < 5; step++)
        ck_assert_msg(workload_step(&w, NULL) == CT_OK, "%s", ct_error_message());
    ck_assert_msg(workload_loss(&w, &after_5) == CT_OK, "%s", ct_error_message());
    check_loss(&w, "of the first step", first, spec->loss_first);
    if (dtype == CT_FLOAT64 || !spec->unstable)
        check_loss(&w, "after five steps", after_5, spec->loss_after_5);
    workload_close(&w);
}

START_TEST(losses_agree_in_float32)
{
    check_workload(&workload_specs[_i], CT_FLOAT32);
}
END_TEST

START_TEST(losses_agree_in_float64)
{
    check_workload(&workload_specs[_i], CT_FLOAT64);
}
END_TEST

Suite *ct_suite_bench(void)
{
    Suite *suite = suite_create("bench");
    TCase *tests = tcase_create("bench");
    int first = is_quick(), end = is_quick() ? 2 : workload_count; /* quickly: LeNet-5 */
    tcase_add_loop_test(tests, losses_agree_in_float32, first, end);
    tcase_add_loop_test(tests, losses_agree_in_float64, first, end);
    suite_add_tcase(suite, tests);
    return suite;
}
