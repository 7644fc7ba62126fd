/* Results that are used twice, a diamond on a diamond, one tensor as two inputs. Invariant: as in structure.c. */
#include "structure.h"

enum { MANY_INPUTS = 16 }; /* of more, only the first are paired */

/* The results of one recorded run of the subject, from the seed that every run has. */
static ct_tensor *first_root(ct__check *check, ct_tensor *const *x, ct_tensor **outputs, int *which)
{
    ct__check_seed(check);
    int m = check->subject->run(check->subject, x, outputs);
    for (int i = 0; i < m; i++) {
        if (outputs[i] && outputs[i]->requires_grad && check->cotangents[i]) {
            *which = i;
            return outputs[i];
        }
    }
    return NULL;
}

/* y1 = y2 = f(x); s = y1 + y2, t = s + y1, u = t + s, a diamond on a diamond: du/dx is 5 dy/dx. */
static ct_status diamond(ct__check *check, ct__room *r, int *which)
{
    ct_tensor *leaves[CT_MAX_INPUTS], *results[CT_MAX_INPUTS];
    int n = 0, place[CT_MAX_INPUTS];
    for (int i = 0; i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        check->x[i]->requires_grad = true;
        place[n] = i;
        leaves[n++] = check->x[i];
    }
    ct_tensor *y1 = first_root(check, check->x, r->h, which), *y2 = first_root(check, check->x, r->h, which);
    ct_status status = ct_error_code();
    if (status == CT_OK && y1 && y2) {
        ct_tensor *s = ct__engine_ops.add(y1, y2);
        ct_tensor *t = s ? ct__engine_ops.add(s, y1) : NULL, *u = t ? ct__engine_ops.add(t, s) : NULL;
        ct_tensor *g = ct__as_cotangent(check->cotangents[*which], y1);
        ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = &g, .allow_unused = true};
        status = u && g ? ct_grad(&u, 1, leaves, n, results, &options) : ct_error_code();
        for (int k = 0; status == CT_OK && k < n; k++) {
            r->grads[place[k]] = results[k] ? ct__copy_as(results[k], CT_FLOAT64) : NULL;
            status = ct_error_code();
        }
    }
    for (int i = 0; i < check->n; i++)
        if (check->x[i])
            check->x[i]->requires_grad = false;
    return status;
}

static ct_status check_fork(ct__check *check)
{
    ct__room r;
    int which = 0;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = diamond(check, &r, &which);
    for (int i = 0; i < check->m; i++)
        if (r.g && i != which)
            r.g[i] = NULL;
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (r.grads[i] && !ct__same_gradient(check, i, r.grads[i], 5, r.other[i], 0, NULL))
            ct__report_fault(check->report, "forks", i,
                             "in a graph that forks and joins, the gradient is not the sum over the paths");
    return ct__room_close(&r, status);
}

/* f(x, x): the gradient is the sum of both inputs' gradients at f(x, copy of x). */
static ct_status check_shared(ct__check *check, int i, int j)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK) {
        r.x[j] = ct__copy_as(check->x[i], CT_FLOAT64);
        status = r.x[j] ? ct__vjp(check, r.x, r.wanted, r.g, r.grads) : ct_error_code();
    }
    if (status == CT_OK) {
        r.x[j] = r.x[i];
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    }
    if (status == CT_OK && !ct__same_gradient(check, i, r.other[i], 1, r.grads[i], 1, r.grads[j]))
        ct__report_fault(check->report, "forks", i,
                         "with one tensor as inputs %d and %d, its gradient is not the sum of the two", i, j);
    return ct__room_close(&r, status);
}

ct_status ct__check_forks(ct__check *check)
{
    ct_status status = check_fork(check);
    for (int i = 0; status == CT_OK && i < check->n && i < MANY_INPUTS; i++)
        for (int j = i + 1; status == CT_OK && j < check->n && j < MANY_INPUTS; j++)
            if (check->wanted[i] && check->wanted[j] && ct__same_shape(check->x[i], check->x[j]))
                status = check_shared(check, i, j);
    return status;
}
