/* A pair of C functions that work on raw arrays, as a record: the rest of the checker sees an operation like any other.
 *
 * Invariant: the pair sees contiguous arrays of its own element type, and gradients that are zeros, so that it may write or add. */
#include "raw.h"

/* ---- the record ---- */

static const ct__raw *raw_of(const ct_call *call)
{
    return *(const ct__raw *const *)ct_call_attributes(call);
}

static ct_status raw_infer(ct_call *call)
{
    const ct__raw *raw = raw_of(call);
    return ct_call_output_shape(call, 0, raw->dtype, &raw->results, 1);
}

static ct_status raw_forward(ct_call *call)
{
    const ct__raw *raw = raw_of(call);
    const void *x[CT_MAX_INPUTS];
    for (int i = 0; i < raw->n; i++)
        if (!(x[i] = ct_call_input_data(call, i)))
            return ct_error_code();
    void *y = ct_call_output_data(call, 0);
    if (!y)
        return ct_error_code();
    if (raw->dtype == CT_FLOAT64)
        raw->forward((const double *const *)x, y, raw->user);
    else
        raw->forward_float((const float *const *)x, y, raw->user);
    return CT_OK;
}

/* The tensor itself where its elements lie in a row, so that what is written into it is seen to have changed. */
static const ct_tensor *in_a_row(const ct_tensor *t)
{
    return !t || t->contiguous ? t : ct__copy_as(t, (ct_dtype)t->dtype);
}

/* Arrays for all gradients, since the pair fills all. */
static ct_status open_backward(ct_call *call, const void **x, ct_tensor **grads, void **gx)
{
    for (int i = 0; i < raw_of(call)->n; i++) {
        const ct_tensor *input = in_a_row(ct_call_input(call, i));
        grads[i] = input ? ct_zeros_like(input) : NULL;
        if (!grads[i])
            return ct_error_code();
        x[i] = ct__ptr(input);
        gx[i] = ct__ptr(grads[i]);
    }
    return CT_OK;
}

static ct_status raw_backward(ct_call *call)
{
    const ct__raw *raw = raw_of(call);
    const void *x[CT_MAX_INPUTS];
    ct_tensor *grads[CT_MAX_INPUTS];
    void *gx[CT_MAX_INPUTS];
    const ct_tensor *g = in_a_row(ct_call_grad_output(call, 0));
    ct_status status = g ? open_backward(call, x, grads, gx) : ct_error_code();
    if (status != CT_OK)
        return status;
    if (raw->dtype == CT_FLOAT64)
        raw->backward((const double *const *)x, (const double *)(void *)ct__ptr(g), (double *const *)gx, raw->user);
    else
        raw->backward_float((const float *const *)x, (const float *)(void *)ct__ptr(g), (float *const *)gx, raw->user);
    for (int i = 0; status == CT_OK && i < raw->n; i++)
        status = ct_call_needs_grad(call, i) ? ct_call_set_grad(call, i, grads[i]) : CT_OK;
    return status;
}

ct_op ct__raw_op(const ct__raw *raw)
{
    return (ct_op){.name = "the pair",
                   .gradient = "the backward of the pair",
                   .min_inputs = raw->n,
                   .max_inputs = raw->n,
                   .saves = ~UINT64_C(0) >> (64 - raw->n),
                   .attributes_size = sizeof(const ct__raw *),
                   .takes = {CT_ONLY(raw->dtype)},
                   .infer = raw_infer,
                   .forward = raw_forward,
                   .backward = raw_backward};
}

/* ---- its inputs ---- */

enum { MOST = 48 }; /* inputs that a record can save */

ct_status ct__raw_inputs(const ct__raw *raw, const double *const *x, ct_tensor **inputs)
{
    for (int i = 0; i < raw->n; i++) {
        const int64_t size = raw->sizes[i];
        inputs[i] = x && x[i] ? ct_from_values(CT_FLOAT64, x[i], size, &size, 1) : ct_randn(CT_FLOAT64, 0, 1, &size, 1);
        if (!inputs[i])
            return ct_error_code();
    }
    return CT_OK;
}

static ct_status check_sizes(const ct__raw *raw)
{
    if (raw->n < 1 || raw->n > MOST)
        return ct__error(CT_ERROR_ARGUMENT, "gradcheck_raw: %d inputs, takes 1 to %d", raw->n, MOST);
    for (int i = 0; i < raw->n; i++)
        if (raw->sizes[i] < 0)
            return ct__error(CT_ERROR_SHAPE, "gradcheck_raw: input %d has a size of %lld", i, (long long)raw->sizes[i]);
    if (raw->results < 0)
        return ct__error(CT_ERROR_SHAPE, "gradcheck_raw: %lld results", (long long)raw->results);
    return CT_OK;
}

ct_status ct__raw_check(const ct__raw *raw)
{
    bool forward = raw->dtype == CT_FLOAT64 ? raw->forward != NULL : raw->forward_float != NULL;
    bool backward = raw->dtype == CT_FLOAT64 ? raw->backward != NULL : raw->backward_float != NULL;
    if (!forward || !backward || (raw->n > 0 && !raw->sizes))
        return ct__error(CT_ERROR_NULL, "gradcheck_raw: %s NULL",
                         !forward    ? "forward is"
                         : !backward ? "backward is"
                                     : "sizes are");
    return check_sizes(raw);
}
