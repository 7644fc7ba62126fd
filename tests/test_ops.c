/* Every operation of the library, from its record alone: it states its gradient, has samples, and passes the gradient checker's
 * every check on them, first and second order, in float64 and float32. */
#include <cotan/cotan.h>

#include "quick.h"
#include "suites.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 2 };

static bool has_gradient(const ct_op *op)
{
    return strncmp(op->gradient, "none: ", 6) != 0;
}

/* Zero almost everywhere, for every input: there is a gradient, and nothing to measure. */
static bool gradient_is_zero(const ct_op *op)
{
    return op->gradient[strspn(op->gradient, "0, ")] == '\0';
}

START_TEST(test_record)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i];
    ck_assert(op->name && op->name[0]);
    ck_assert_msg(op->gradient && op->gradient[0], "%s states no gradient", op->name);
    ck_assert_msg(op->samples && op->samples[0].inputs, "%s has no samples", op->name);
    ck_assert_msg(has_gradient(op) ? op->backward || op->expression : !op->backward,
                  "%s: gradient \"%s\", but %s backward", op->name, op->gradient, op->backward ? "a" : "no");
    for (int i = 0; i < n; i++)
        ck_assert_msg(i == _i || strcmp(ct_ops(&n)[i]->name, op->name) != 0, "two operations are called %s", op->name);
}
END_TEST

START_TEST(test_gradient)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i];
    int64_t live = ct_memory_stats().live_tensors;
    bool quick = is_quick();
    for (ct_gradcheck_mode mode = quick ? CT_FAST : CT_FULL; mode <= CT_FAST; mode++) {
        for (uint64_t seed = 0; seed < (quick ? 1 : SEEDS); seed++) {
            ct_gradcheck_report report = {0};
            ct_verdict verdict = ct_gradcheck_op(op, &report, .order = 2, .mode = mode, .seed = seed,
                                                 .checks = CT_CHECK_ALL & ~(unsigned)CT_CHECK_VARIATIONS);
            bool vacuous = !has_gradient(op) || gradient_is_zero(op);
            bool right = ct_error_code() == CT_OK && (vacuous ? verdict == CT_VACUOUS : ct_verdict_good(verdict));
            if (!right)
                ct_gradcheck_print(&report, stderr);
            ck_assert_msg(right, "%s, seed %d: %s %s", op->name, (int)seed, ct_verdict_name(verdict),
                          ct_error_message());
            ct_gradcheck_report_free(&report);
        }
    }
    ck_assert_int_eq(ct_memory_stats().live_tensors, live);
}
END_TEST

/* NULL for any input of any sample gives a result, where it may be left out, or an error; and so does a NULL among those given to
 * an operation that takes a list. */
START_TEST(test_null)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs; sample++) {
        ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
        ct_scope_open();
        ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT64, inputs, &n), CT_OK);
        for (int i = 0; i < n; i++) {
            ct_tensor *input = inputs[i];
            inputs[i] = NULL;
            ct_status status = ct_apply_multi(op, inputs, n, sample->attributes, outputs);
            bool needed = i < op->min_inputs || op->max_inputs == CT_MAX_INPUTS;
            ck_assert_msg(status == CT_ERROR_NULL || (!needed && (status == CT_OK || ct_error_code() != CT_OK)),
                          "%s of %s without input %d: %s", op->name, sample->inputs, i, ct_error_message());
            ck_assert(status == CT_OK || !outputs[0]);
            inputs[i] = input;
            ct_error_clear();
        }
        ct_scope_close();
    }
}
END_TEST

Suite *ct_suite_ops(void)
{
    int n;
    ct_ops(&n);
    Suite *suite = suite_create("ops");
    TCase *tcase = tcase_create("ops");
    tcase_add_loop_test(tcase, test_record, 0, n);
    tcase_add_loop_test(tcase, test_null, 0, n);
    tcase_add_loop_test(tcase, test_gradient, 0, n);
    suite_add_tcase(suite, tcase);
    return suite;
}
