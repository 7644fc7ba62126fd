/* A record's shortcut, its forward and backward, against its definition, the expression beside them: results and gradients. The
 * gradient's gradient is the definition's own, since a recorded backward is always that.
 *
 * Invariant: both ways get the same inputs and cotangents; what they may differ by is rounding, and neither is measured. */
#include "structure.h"

enum { SAFETY = 16 }; /* of the noise seen in results */

/* Units of rounding that results and gradients may be apart, of their largest element. */
enum { VALUE_UNITS = 128, GRADIENT_UNITS = 1024 };

/* ---- results ---- */

ct_status ct__noise_of_values(ct__check *check, ct_tensor *const *y, double *noise)
{
    static const double moves[] = {0x1.8p-49, 0x1.4p-44, 0x1.8p-39};
    ct_status status = CT_OK;
    for (size_t k = 0; k < sizeof moves / sizeof *moves && status == CT_OK; k++) {
        ct__room r;
        status = ct__room_open(&r, check);
        for (int side = 0; side < 2 && status == CT_OK; side++) {
            status = ct__move_all(check->x, check->n, side ? -moves[k] : moves[k], r.x);
            if (status == CT_OK)
                status = ct__values_of(check, r.x, side ? r.h : r.g);
        }
        for (int i = 0; i < check->m && status == CT_OK; i++)
            if (y[i])
                noise[i] = fmax(noise[i], ct__compare_gradients(y[i], 0.5, r.h[i], 0.5, r.g[i]).worst);
        check->report->structural--;
        status = ct__room_close(&r, status);
    }
    return status;
}

static void blame_value(ct__check *check, int i, const ct_tensor *is, const ct_tensor *said)
{
    int64_t worst = ct__furthest(is, said);
    ct__report_fault(check->report, "definition", -1,
                     "element %lld of result %d is %.9g, its definition says %.9g: the forward is not what the "
                     "expression beside it computes",
                     (long long)worst, i, ct__doubles(is)[worst], ct__doubles(said)[worst]);
}

static ct_status compare_values(ct__check *check, ct__check *other)
{
    ct__room r;
    double noise[CT_MAX_OUTPUTS] = {0};
    bool known = false;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = ct__values_of(check, r.x, r.h);
    if (status == CT_OK)
        status = ct__values_of(other, r.x, r.g);
    for (int i = 0; i < check->m && status == CT_OK; i++) {
        if (!r.h[i] || !r.g[i])
            continue;
        if (!ct__same_shape(r.h[i], r.g[i])) {
            ct__report_fault(check->report, "definition", -1, "result %d has another shape in its definition", i);
            continue;
        }
        ct__difference d = ct__compare_gradients(r.h[i], 1, r.g[i], 0, NULL);
        if (d.worst <= VALUE_UNITS * check->unit * d.size)
            continue;
        if (!known)
            status = ct__noise_of_values(other, r.g, noise);
        known = true;
        if (status == CT_OK && !(d.worst <= SAFETY * noise[i]))
            blame_value(check, i, r.h[i], r.g[i]);
    }
    return ct__room_close(&r, status);
}

/* ---- gradients ---- */

static void blame_gradient(ct__check *check, int i, const ct_tensor *is, const ct_tensor *said)
{
    int64_t worst = ct__furthest(is, said);
    ct__report_fault(check->report, "definition", i,
                     "element %lld of the gradient is %.9g, that of the definition %.9g: the backward is not that of "
                     "the expression beside it",
                     (long long)worst, ct__doubles(is)[worst], ct__doubles(said)[worst]);
}

static ct_status compare_gradients(ct__check *check, ct__check *other)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    if (status == CT_OK)
        status = ct__vjp(other, r.x, r.wanted, r.g, r.other);
    for (int i = 0; i < check->n && status == CT_OK; i++) {
        if (!check->wanted[i])
            continue;
        ct__difference d = ct__compare_gradients(r.grads[i], 1, r.other[i], 0, NULL);
        if (!ct__is_rounding(check, i, &d, GRADIENT_UNITS * check->unit))
            blame_gradient(check, i, r.grads[i], r.other[i]);
        status = ct_error_code();
    }
    return ct__room_close(&r, status);
}

ct_status ct__check_definition(ct__check *check)
{
    if (!check->subject->op->expression || !check->subject->op->forward)
        return CT_OK;
    const ct_op definition = ct__definition_of(check->subject->op);
    ct__subject subject = *check->subject;
    ct__check other = *check;
    subject.op = &definition;
    other.subject = &subject;
    ct_status status = compare_values(check, &other);
    return status == CT_OK ? compare_gradients(check, &other) : status;
}
