/* The benchmark's workloads do the work that PyTorch's do: the losses of the first step and after five agree to 1e-3. */
#include "bench/workloads.h"
#include "suites.h"
#include <math.h>

static void check_loss(const char *name, const char *which, double got, double expected)
{
    ck_assert_msg(fabs(got - expected) <= 1e-3 * fabs(expected), "%s: %s loss is %.9g, PyTorch's is %.9g", name, which,
                  got, expected);
}

START_TEST(losses_agree_with_pytorch)
{
    const workload_spec *spec = &workload_specs[_i];
    workload w;
    double first, after_5;
    ck_assert_msg(workload_open(&w, spec, 0) == CT_OK, "%s", ct_error_message());
    ck_assert_msg(workload_step(&w, &first) == CT_OK, "%s", ct_error_message());
    for (int step = 1; step < 5; step++)
        ck_assert_msg(workload_step(&w, NULL) == CT_OK, "%s", ct_error_message());
    ck_assert_msg(workload_loss(&w, &after_5) == CT_OK, "%s", ct_error_message());
    workload_close(&w);
    check_loss(spec->name, "the first", first, spec->loss_first);
    check_loss(spec->name, "the fifth", after_5, spec->loss_after_5);
}
END_TEST

Suite *ct_suite_bench(void)
{
    Suite *suite = suite_create("bench");
    TCase *tests = tcase_create("bench");
    tcase_add_loop_test(tests, losses_agree_with_pytorch, 0, workload_count);
    suite_add_tcase(suite, tests);
    return suite;
}
