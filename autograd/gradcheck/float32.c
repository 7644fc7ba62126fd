/* The float32 kernels against the float64 gradient. Invariant: as in structure.c. */
#include "structure.h"
#include <math.h>

static ct_status float32_gradient(ct__check *check, ct__room *r)
{
    for (int i = 0; i < check->n; i++) {
        if (!ct__is_float(check->x[i]))
            continue;
        r->x[i] = ct__copy_as(check->x[i], CT_FLOAT32);
        if (!r->x[i])
            return ct_error_code();
    }
    ct__check_seed(check);
    ct_no_grad_begin();
    int m = check->subject->run(check->subject, r->x, r->h);
    ct_no_grad_end();
    for (int i = 0; i < m; i++) {
        if (!check->cotangents[i] || !r->h[i])
            continue;
        r->g[i] = ct__copy_as(check->cotangents[i], (ct_dtype)r->h[i]->dtype);
        if (!r->g[i])
            return ct_error_code();
    }
    return m < 0 ? ct_error_code() : ct__vjp(check, r->x, r->wanted, r->g, r->grads);
}

ct_status ct__check_float32(ct__check *check)
{
    if (!check->subject->op && !check->was_float32)
        return CT_OK;
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = float32_gradient(check, &r);
    double share = check->options->float32_tolerance, scale = ct__scale_of(check);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!r.grads[i])
            continue;
        double tolerance = share * (ct__largest(check->analytic[i]) + 1e-2 * scale), worst = 0;
        const ct_tensor *grad = ct__copy_as(r.grads[i], CT_FLOAT64);
        status = ct_error_code();
        for (int64_t k = 0; grad && k < grad->numel; k++) {
            double difference = fabs(ct__doubles(grad)[k] - ct__doubles(check->analytic[i])[k]);
            worst = isnan(difference) ? INFINITY : fmax(worst, difference);
        }
        if (worst > tolerance)
            ct__report_fault(check->report, "float32", i,
                             "the float32 gradient is off by %.3g, where %.3g is the most that rounding explains",
                             worst, tolerance);
    }
    return ct__room_close(&r, status);
}
