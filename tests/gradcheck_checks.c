#include "gradcheck_checks.h"
#include <cotan/cotan.h>

ct_gradcheck_report report;

void open_check(void)
{
    open_test();
    report = (ct_gradcheck_report){0};
}

void close_check(void)
{
    ct_gradcheck_report_free(&report);
    close_test();
}

void expect(ct_verdict got, ct_verdict want)
{
    if (got != want)
        ct_gradcheck_print(&report, stderr);
    ck_assert_msg(got == want, "%s instead of %s: %s", ct_verdict_name(got), ct_verdict_name(want), ct_error_message());
}

ct_tensor *f64(const int64_t *shape, int rank, uint64_t seed)
{
    return numbers(CT_FLOAT64, shape, rank, seed);
}

ct_tensor *tanh_of(ct_tensor *const *in, int n, void *user)
{
    (void)n, (void)user;
    return ct_tanh(in[0]);
}

ct_status same_infer(ct_call *call)
{
    return ct_call_output_like(call, 0, ct_call_input(call, 0));
}
