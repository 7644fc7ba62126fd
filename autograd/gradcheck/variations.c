/* An operation on inputs made from its samples: other sizes. Invariant: a clear refusal is as good as a result. */
#include "variations.h"
#include "whole.h"
#include <math.h>
#include <string.h>

/* The sample with every size equal to from (0: every size) replaced by to, run and differentiated. */
static ct_status try_sizes(const ct_op *op, const ct_sample *sample, int64_t from, int64_t to, bool scalar,
                           const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS];
    int n;
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++) {
        wanted[i] = inputs[i] && inputs[i]->requires_grad;
        if (!inputs[i])
            continue;
        int64_t shape[CT_MAX_RANK], numel = 1, strides[CT_MAX_RANK];
        for (int axis = 0; axis < inputs[i]->rank; axis++)
            shape[axis] = !from || inputs[i]->shape[axis] == from ? to : inputs[i]->shape[axis];
        int rank = scalar ? 0 : inputs[i]->rank;
        numel = ct__row_major(shape, rank, strides);
        if (numel > inputs[i]->numel) /* the sample was empty there already */
            return CT_OK;
        inputs[i] = ct__tensor_view(inputs[i], 0, shape, strides, rank, "gradcheck");
        status = ct_error_code();
    }
    if (status != CT_OK)
        return status;
    report->structural++;
    ct__subject subject = ct__subject_op(op, sample->attributes, n);
    ct_gradcheck_report found = {.check = "", .op = "", .notes_ratio = NAN};
    ct_gradcheck_options simple = *options;
    simple.checks = CT_CHECK_VALUE_ONLY;
    simple.order = 1;
    simple.mode = CT_FAST;
    status = ct__check_subject(&subject, inputs, wanted, 0, &simple, &found);
    report->evaluations += found.evaluations;
    bool not_finite = found.cause[0] && strcmp(found.check, "finite") == 0; /* a mean of nothing, a deviation of one */
    if (found.verdict == CT_FAIL && !not_finite)
        ct__report_fault(report, "sizes", found.argument, "with size %lld as %lld%s: %.200s", (long long)from,
                         (long long)to, scalar ? " (0-d)" : "", found.cause);
    ct_gradcheck_report_free(&found);
    if (status == CT_ERROR_SHAPE || status == CT_ERROR_ARGUMENT) { /* a clear refusal */
        ct_error_clear();
        status = CT_OK;
    }
    return status;
}

ct_status ct__check_op_sizes(const ct_op *op, const ct_sample *sample, const ct_gradcheck_options *options,
                             ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    int64_t seen[CT_MAX_INPUTS * CT_MAX_RANK];
    int count = 0;
    for (int i = 0; status == CT_OK && i < n; i++) {
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank; axis++) {
            int64_t size = inputs[i]->shape[axis];
            bool known = size < 1;
            for (int k = 0; k < count; k++)
                known |= seen[k] == size;
            if (!known)
                seen[count++] = size;
        }
    }
    for (int k = 0; status == CT_OK && k < count; k++) {
        status = try_sizes(op, sample, seen[k], 0, false, options, report);
        if (status == CT_OK && seen[k] > 1)
            status = try_sizes(op, sample, seen[k], 1, false, options, report);
    }
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, false, options, report);
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, true, options, report);
    ct__scope_pop(&scope);
    return status;
}
