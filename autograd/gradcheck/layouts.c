/* The same values in other layouts must give the same results and gradients. Invariant: as in structure.c. */
#include "structure.h"
#include <math.h>
#include <string.h>

enum { MANY_INPUTS = 16 }; /* of more, only the first are laid out one at a time */

static const char *const layout_names[] = {"transposed", "sliced with a step", "offset", "reversed", "expanded"};

/* Strides and offset over a storage of the shape in *storage_shape, for a view with t's shape in a given layout. */
static int64_t lay_out(const ct_tensor *t, ct__layout kind, int64_t *storage_shape, int64_t *strides)
{
    int64_t step = kind == CT__SLICED ? 3 : 1, offset = kind == CT__OFFSET ? 5 : kind == CT__SLICED ? 1 : 0;
    if (kind == CT__TRANSPOSED) { /* the first axis varies fastest */
        for (int i = 0; i < t->rank; i++, step *= t->shape[i - 1])
            strides[i] = step;
    } else {
        for (int i = t->rank - 1; i >= 0; i--) {
            strides[i] = step;
            step *= t->shape[i];
        }
    }
    *storage_shape = step + offset + 2;
    if (kind == CT__REVERSED && t->rank > 0) {
        offset = (t->shape[t->rank - 1] - 1) * strides[t->rank - 1];
        strides[t->rank - 1] = -strides[t->rank - 1];
    }
    if (kind == CT__EXPANDED && t->rank > 0)
        strides[0] = 0;
    return offset;
}

ct_tensor *ct__in_layout(const ct_tensor *t, ct__layout kind)
{
    int64_t strides[CT_MAX_RANK], shape[CT_MAX_RANK], numel;
    if (t->numel == 0)
        return ct__copy_as(t, (ct_dtype)t->dtype);
    int64_t offset = lay_out(t, kind, &numel, strides);
    ct_tensor *storage = ct_full((ct_dtype)t->dtype, ct__is_float(t) ? NAN : 0, &numel, 1);
    ct_tensor *view = storage ? ct__tensor_view(storage, offset, t->shape, strides, t->rank, "gradcheck") : NULL;
    if (!view)
        return NULL;
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    if (kind == CT__EXPANDED && t->rank > 0)
        shape[0] = 1;
    ct__copy_strided((ct_dtype)t->dtype, ct__ptr(view), strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides, shape,
                     t->rank);
    return view;
}

ct_status ct__values_of(ct__check *check, ct_tensor *const *x, ct_tensor **out)
{
    ct_scope scope;
    ct__scope_push(&scope);
    ct__check_seed(check);
    ct_no_grad_begin();
    int m = check->subject->run(check->subject, x, out);
    ct_no_grad_end();
    for (int i = 0; i < m; i++) {
        out[i] = out[i] ? ct__copy_as(out[i], CT_FLOAT64) : NULL;
        if (out[i])
            ct_scope_return(out[i]);
    }
    ct__scope_pop(&scope);
    return ct_error_code();
}

int ct__first_different_value(ct_tensor *const *a, ct_tensor *const *b, int m)
{
    for (int i = 0; i < m; i++) {
        if (!a[i] || !b[i])
            continue;
        ct__difference d = ct__compare_gradients(a[i], 1, b[i], 0, NULL);
        if (!(d.worst <= 1e-10 * d.size))
            return i;
    }
    return -1;
}

/* Values and gradients for inputs in a layout against those for contiguous ones; only: this one alone, or -1: all of them. */
static ct_status check_input_layout(ct__check *check, ct__layout kind, int only)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->n; i++) { /* x in the layout, third the same values, contiguous */
        r.third[i] = check->x[i];
        bool other_values =
            kind == CT__EXPANDED && !ct__is_float(check->x[i]); /* of a mask, say, and so another result */
        if (!check->x[i] || (only >= 0 && i != only) || other_values)
            continue;
        r.x[i] = ct__in_layout(check->x[i], kind);
        r.third[i] = r.x[i] ? ct__copy_as(r.x[i], (ct_dtype)r.x[i]->dtype) : NULL;
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__values_of(check, r.x, r.h);
    if (status == CT_OK)
        status = ct__values_of(check, r.third, r.g);
    int bad = status == CT_OK ? ct__first_different_value(r.h, r.g, check->m) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "layouts", only,
                         "output %d differs when the inputs are %s: the forward assumes a contiguous input", bad,
                         layout_names[kind]);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, check->cotangents, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.third, r.wanted, check->cotangents, r.other);
    bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, r.other) : -1;
    if (bad >= 0)
        ct__report_fault(
            check->report, "layouts", bad,
            "the gradient differs when the inputs are %s: the backward assumes that what it saved is contiguous",
            layout_names[kind]);
    status = ct__room_close(&r, status);
    if (kind == CT__EXPANDED && status == CT_ERROR_ARGUMENT) { /* other values: a singular matrix, say, is refused */
        ct_error_clear();
        status = CT_OK;
    }
    return status;
}

static ct_status check_cotangent_layout(ct__check *check, ct__layout kind)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        if (!check->cotangents[i])
            continue;
        r.g[i] = ct__in_layout(check->cotangents[i], kind);
        r.h[i] = r.g[i] ? ct__copy_as(r.g[i], CT_FLOAT64) : NULL;
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.h, r.other);
    int bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, r.other) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "layouts", bad,
                         "the gradient differs when the cotangent is %s: the backward assumes a contiguous cotangent",
                         layout_names[kind]);
    return ct__room_close(&r, status);
}

/* The cotangent in it, and all inputs, which alone and each are right. */
static ct_status check_both_layouts(ct__check *check, ct__layout kind)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!ct__is_float(check->x[i]))
            continue;
        r.x[i] = ct__in_layout(check->x[i], kind);
        status = ct_error_code();
    }
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        r.g[i] = check->cotangents[i] ? ct__in_layout(check->cotangents[i], kind) : NULL;
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    int bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, check->analytic) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "layouts", bad,
                         "the gradient differs when inputs and cotangent are both %s: the backward takes one's strides "
                         "for the other's",
                         layout_names[kind]);
    return ct__room_close(&r, status);
}

ct_status ct__check_layouts(ct__check *check)
{
    ct_status status = CT_OK;
    for (ct__layout kind = 0; status == CT_OK && kind <= CT__EXPANDED; kind++) {
        status = check_input_layout(check, kind, -1);
        for (int i = 0; status == CT_OK && check->n > 1 && i < check->n && i < MANY_INPUTS; i++)
            if (check->x[i])
                status = check_input_layout(check, kind, i);
        if (status == CT_OK)
            status = check_cotangent_layout(check, kind);
        if (status == CT_OK && kind != CT__EXPANDED) /* other values */
            status = check_both_layouts(check, kind);
    }
    return status;
}
