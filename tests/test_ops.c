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

/* Where a moved input draws another number there is nothing to measure; the record names the operation in which it is measured. */
static bool measured_elsewhere(const ct_op *op)
{
    return strstr(op->gradient, ", measured there") != NULL;
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
            bool vacuous = !has_gradient(op) || gradient_is_zero(op) || measured_elsewhere(op);
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

/* The gradients of the inputs, with `gradient` as that of y, or, NULL, as y's own. */
static void differentiate(ct_tensor *y, ct_tensor *gradient, bool retain, ct_tensor **inputs, int n, ct_tensor **grads)
{
    ct_status status = ct_grad(CT_TENSORS(y), inputs, n, grads, .gradients = gradient ? &gradient : NULL,
                               .retain_graph = retain, .allow_unused = true);
    ck_assert_msg(status == CT_OK, "%s", ct_error_message());
}

static bool same_bits(ct_tensor *a, ct_tensor *b)
{
    if (!a || !b)
        return a == b;
    size_t bytes = (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a));
    return memcmp(ct_data(ct_contiguous(a)), ct_data(ct_contiguous(b)), bytes) == 0;
}

/* A backward may write over a cotangent that is the engine's alone, the product's here, and gives the same bits as with one that
 * the caller has. */
START_TEST(test_spent_cotangent)
{
    int n, n_leaves = 0;
    const ct_op *op = ct_ops(&n)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs && has_gradient(op); sample++, n_leaves = 0) {
        ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS], *kept[CT_MAX_INPUTS], *spent[CT_MAX_INPUTS];
        ct_scope_open();
        ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT32, inputs, &n), CT_OK);
        ck_assert_int_eq(ct_apply_multi(op, inputs, n, sample->attributes, outputs), CT_OK);
        for (int i = 0; i < n; i++)
            if (inputs[i] && ct_requires_grad(inputs[i]))
                inputs[n_leaves++] = inputs[i];
        ct_tensor *y = outputs[0];
        if (ct_requires_grad(y) && ct_dtype_of(y) == CT_FLOAT32) {
            ct_tensor *w = ct_randn(CT_FLOAT32, 0, 1, ct_shape(y), ct_rank(y));
            differentiate(y, w, true, inputs, n_leaves, kept);
            differentiate(ct_sum(ct_mul(y, w)), NULL, false, inputs, n_leaves, spent);
            for (int i = 0; i < n_leaves; i++)
                ck_assert_msg(same_bits(kept[i], spent[i]), "%s of %s: gradient %d", op->name, sample->inputs, i);
        }
        ct_scope_close();
    }
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

/* ---- nothing ---- */

static bool is_real(const ct_tensor *t)
{
    return ct_dtype_of(t) == CT_FLOAT32 || ct_dtype_of(t) == CT_FLOAT64;
}

/* A leaf that is input with nothing along each axis of that size; it asks for a gradient if input does, or always. */
static ct_tensor *emptied(ct_tensor *input, int64_t size, bool always)
{
    bool asks = always || ct_requires_grad(input);
    for (int axis = 0; input && axis < ct_rank(input); axis++)
        if (ct_size(input, axis) == size)
            input = ct_slice(input, axis, 0, 0, 1);
    return input && is_real(input) ? ct_set_requires_grad(ct_detach(input), asks) : input;
}

/* Backward from the sum of all outputs, if they are not refused: each input that asks for a gradient has one then. */
static void expect_gradients(const ct_op *op, const ct_sample *sample, ct_tensor *const *inputs, int n, int64_t size)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {0}, *root = NULL;
    ct_status status = ct_apply_multi(op, inputs, n, sample->attributes, outputs);
    for (int i = 0; status == CT_OK && i < CT_MAX_OUTPUTS && outputs[i]; i++) {
        ct_tensor *sum = ct_requires_grad(outputs[i]) ? ct_sum(outputs[i]) : NULL;
        root = root && sum ? ct_add(root, sum) : sum ? sum : root;
    }
    if (root && ct_backward(root) == CT_OK)
        for (int i = 0; i < n; i++)
            ck_assert_msg(!inputs[i] || !ct_requires_grad(inputs[i]) || ct_grad_of(inputs[i]),
                          "%s of %s with 0 for %d: no gradient for input %d", op->name, sample->inputs, (int)size, i);
    ct_error_clear();
}

/* A gradient that is zero, or that of nothing, is a tensor as any other: as the samples are, and with each of their sizes as 0. */
START_TEST(test_gradients_are_there)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs && has_gradient(op); sample++) {
        for (int64_t size = 0; size <= 8; size++) {
            ct_tensor *inputs[CT_MAX_INPUTS];
            ct_scope_open();
            ck_assert_int_eq(ct_sample_inputs(sample, CT_FLOAT64, inputs, &n), CT_OK);
            for (int i = 0; i < n; i++)
                inputs[i] = emptied(inputs[i], size, false);
            expect_gradients(op, sample, inputs, n, size);
            ct_scope_close();
        }
    }
}
END_TEST

/* ---- elements that nobody writes ---- */

#if CT_LIFETIME_CHECKS
/* Whether an element still is as ct_empty() left it: all bits set, a NaN that no arithmetic makes. */
static bool has_unwritten(const ct_tensor *t)
{
    size_t size = ct_dtype_size(ct_dtype_of(t));
    const char *element = ct_data(ct_contiguous((ct_tensor *)t));
    static const unsigned char unwritten[] = {255, 255, 255, 255, 255, 255, 255, 255};
    for (int64_t i = 0; is_real(t) && i < ct_numel(t); i++)
        if (memcmp(element + (size_t)i * size, unwritten, size) == 0)
            return true;
    return false;
}

/* The operation and its gradients write all that they give, or refuse. */
static void expect_written(const ct_op *op, const ct_sample *sample, ct_tensor *const *inputs, int n)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS] = {0};
    ct_status status = ct_apply_multi(op, inputs, n, sample->attributes, outputs);
    for (int i = 0; status == CT_OK && i < CT_MAX_OUTPUTS && outputs[i]; i++) {
        ck_assert_msg(!has_unwritten(outputs[i]), "%s of %s leaves output %d unwritten", op->name, sample->inputs, i);
        if (ct_requires_grad(outputs[i]))
            ct_backward(ct_sum(outputs[i]));
        ct_error_clear(); /* what has been refused is not wrong */
        for (int k = 0; k < n; k++)
            ck_assert_msg(!inputs[k] || !ct_grad_of(inputs[k]) || !has_unwritten(ct_grad_of(inputs[k])),
                          "%s of %s leaves gradient %d of output %d unwritten", op->name, sample->inputs, k, i);
    }
    ct_error_clear();
}

/* With each of its sizes as 0, and each input left out that may be. */
START_TEST(test_nothing)
{
    int n;
    const ct_op *op = ct_ops(&n)[_i];
    for (const ct_sample *sample = op->samples; sample->inputs; sample++) {
        for (int64_t size = 1; size <= 8; size++) {
            ct_tensor *inputs[CT_MAX_INPUTS];
            ct_scope_open();
            ck_assert_int_eq(ct_sample_inputs(sample, size % 2 ? CT_FLOAT64 : CT_FLOAT32, inputs, &n), CT_OK);
            for (int i = 0; i < n; i++)
                inputs[i] = emptied(inputs[i], size, true);
            for (int left_out = op->min_inputs; left_out <= n; left_out++) {
                ct_tensor *given = left_out < n ? inputs[left_out] : NULL;
                if (left_out < n)
                    inputs[left_out] = NULL;
                expect_written(op, sample, inputs, n);
                if (left_out < n)
                    inputs[left_out] = given;
            }
            ct_scope_close();
        }
    }
}
END_TEST
#endif

Suite *ct_suite_ops(void)
{
    int n;
    ct_ops(&n);
    Suite *suite = suite_create("ops");
    TCase *tcase = tcase_create("ops");
    tcase_add_loop_test(tcase, test_record, 0, n);
    tcase_add_loop_test(tcase, test_null, 0, n);
    tcase_add_loop_test(tcase, test_spent_cotangent, 0, n);
    tcase_add_loop_test(tcase, test_gradient, 0, n);
    tcase_add_loop_test(tcase, test_gradients_are_there, 0, n);
#if CT_LIFETIME_CHECKS
    tcase_add_loop_test(tcase, test_nothing, 0, n);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
