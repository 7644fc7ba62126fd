/* What must hold of a gradient besides its value, whatever the subject: linear in the cotangent, repeatable, accumulated,
 * indifferent to what is missing.
 *
 * Invariant: each check compares gradients with gradients, so none of them depends on a difference step. What may differ by rounding
 * is compared as rounding.h has it, and otherwise bit by bit. */
#include "structure.h"
#include <math.h>
#include <string.h>

enum { MANY_INPUTS = 16 }; /* of more, only the first are left out one at a time */

ct_status ct__room_open(ct__room *r, const ct__check *check)
{
    size_t n = (size_t)check->n, m = (size_t)check->subject->max_outputs,
           tensors = (4 * n + 2 * m) * sizeof(ct_tensor *);
    r->bytes = tensors + n;
    r->block = ct__alloc(r->bytes);
    ct__scope_push(&r->scope);
    if (!r->block)
        return ct__no_memory("gradcheck");
    memset(r->block, 0, r->bytes);
    r->x = r->block;
    r->grads = r->x + n;
    r->other = r->grads + n;
    r->third = r->other + n;
    r->g = r->third + n;
    r->h = r->g + m;
    r->wanted = (bool *)r->block + tensors / sizeof(bool);
    memcpy(r->x, check->x, n * sizeof(ct_tensor *));
    memcpy(r->wanted, check->wanted, n);
    memcpy(r->g, check->cotangents, m * sizeof(ct_tensor *));
    check->report->structural++;
    return CT_OK;
}

ct_status ct__room_close(ct__room *r, ct_status status)
{
    ct__scope_pop(&r->scope);
    ct__free(r->block, r->bytes);
    return status;
}

/* ---- linear in the cotangent ---- */

static ct_status check_zero(ct__check *check)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        if (!r.g[i])
            continue;
        r.g[i] = ct_zeros_like(r.g[i]);
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (r.grads[i] && ct__largest(r.grads[i]) != 0)
            ct__report_fault(
                check->report, "linear", i,
                "a zero cotangent gives a gradient that is not zero: the backward ignores the incoming gradient, or "
                "adds something that is not multiplied by it");
    return ct__room_close(&r, status);
}

/* Always looked at, since it tells how exact the gradient is. */
static ct_status check_linear(ct__check *check)
{
    int bad;
    ct_status status = ct__check_linear(check, &bad);
    bool asked = check->options->checks & CT_CHECK_LINEAR;
    check->report->structural += asked;
    if (status == CT_OK && asked && bad >= 0)
        ct__report_fault(
            check->report, "linear", bad,
            "the gradient is not linear in the cotangent: the backward ignores or distorts the incoming gradient");
    return status;
}

/* ---- sparse cotangents ---- */

/* Draws which elements of the cotangents are in r->g; the others are in r->h, and each has 0 where the other has something. */
static ct_status split(ct__check *check, ct__room *r)
{
    ct_random_set(check->stream);
    for (int i = 0; i < check->m; i++) {
        r->h[i] = check->cotangents[i] ? ct__copy_as(check->cotangents[i], CT_FLOAT64) : NULL;
        r->g[i] = r->h[i] ? ct_zeros_like(r->h[i]) : NULL;
        if (check->cotangents[i] && !r->g[i])
            return ct_error_code();
        for (int64_t k = 0; r->g[i] && k < r->g[i]->numel; k++)
            if (ct_random_u64() % 2) {
                ct__doubles(r->g[i])[k] = ct__doubles(r->h[i])[k];
                ct__doubles(r->h[i])[k] = 0;
            }
    }
    check->stream = ct_random_get();
    return CT_OK;
}

static ct_status check_split(ct__check *check)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK)
        status = split(check, &r);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.h, r.other);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && ct__all_finite(check->analytic[i]) &&
            !ct__same_gradient(check, i, check->analytic[i], 1, r.grads[i], 1, r.other[i]))
            ct__report_fault(
                check->report, "linear", i,
                "the gradients of two parts of a cotangent, each 0 where the other is not, do not add up to "
                "that of the whole: what a zero cotangent gives is not 0 everywhere");
    return ct__room_close(&r, status);
}

/* ---- backward again, and accumulation ---- */

/* Whether x's accumulated gradient is base + count times once, bit by bit (base may be NULL). */
static bool accumulated(const ct_tensor *x, const ct_tensor *base, double count, const ct_tensor *once)
{
    if (!x->grad || !ct__is_float(x->grad) || !x->grad->contiguous)
        return ct__largest(once) == 0 && !base;
    for (int64_t k = 0; k < once->numel; k++) {
        double got = ct__doubles(x->grad)[k], want = count * ct__doubles(once)[k] + (base ? ct__doubles(base)[k] : 0);
        if (got != want && !(isnan(got) && isnan(want)))
            return false;
    }
    return true;
}

static void clear_leaves(const ct__check *check)
{
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            ct_zero_grad(check->x[i]);
}

static ct_status backward(ct_tensor *root, ct_tensor *g)
{
    ct_backward_options options = {CT_DEFAULTS(ct_backward_options), .gradient = g, .retain_graph = true};
    return ct_backward(root, &options);
}

/* Four backward passes over one graph: the first, one on top, one after clearing, one onto a gradient that is there already. */
static ct_status repeat_root(ct__check *check, ct__room *r, ct_tensor *root, ct_tensor *g)
{
    ct_gradcheck_report *report = check->report;
    clear_leaves(check);
    ct_status status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        r->other[i] = check->x[i]->grad ? ct__copy_as(check->x[i]->grad, CT_FLOAT64) : ct_zeros_like(check->x[i]);
        status = ct_error_code();
        if (status == CT_OK && check->m == 1 &&
            !ct__same_gradient(check, i, r->other[i], 1, check->analytic[i], 0, NULL))
            ct__report_fault(report, "repeat", i,
                             "a second call at the same inputs has another gradient than the first: the backward keeps "
                             "something from an earlier call, or does not write all of it");
    }
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && !accumulated(check->x[i], NULL, 2, r->other[i]))
            ct__report_fault(
                report, "repeat", i,
                "a second backward over the same graph does not add the same gradient again: the backward draws random "
                "numbers, or changes what it saved or what it is given");
    clear_leaves(check);
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        if (!accumulated(check->x[i], NULL, 1, r->other[i]))
            ct__report_fault(report, "repeat", i,
                             "backward twice, with the gradient cleared in between, gives different bits");
        r->third[i] = ct_full(CT_FLOAT64, 3, check->x[i]->shape, check->x[i]->rank);
        ct_tensor *filled = ct_full(CT_FLOAT64, 3, check->x[i]->shape, check->x[i]->rank);
        status = filled ? ct_set_grad(check->x[i], filled) : ct_error_code();
    }
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && !accumulated(check->x[i], r->third[i], 1, r->other[i]))
            ct__report_fault(report, "repeat", i, "a gradient that is there already is not added to but replaced");
    clear_leaves(check);
    return status;
}

/* The results of a run that is recorded, outputs, must be those of one that is not. */
static ct_status check_recorded(ct__check *check, ct__room *r, int m)
{
    ct_tensor **recorded = r->g; /* not needed any more */
    double noise[CT_MAX_OUTPUTS] = {0};
    for (int i = 0; i < m; i++) {
        recorded[i] = check->cotangents[i] ? ct__copy_as(r->h[i], CT_FLOAT64) : NULL;
        if (check->cotangents[i] && !recorded[i])
            return ct_error_code();
    }
    ct_status status = ct__values_of(check, check->x, r->h);
    int bad = status == CT_OK ? ct__first_different_value(recorded, r->h, m) : -1;
    if (bad >= 0 && bad < CT_MAX_OUTPUTS)
        status = ct__noise_of_values(check, r->h, noise);
    if (status == CT_OK && bad >= 0 &&
        !(ct__compare_gradients(recorded[bad], 1, r->h[bad], 0, NULL).worst <= noise[bad % CT_MAX_OUTPUTS]))
        ct__report_fault(check->report, "repeat", -1,
                         "result %d is another where a gradient is asked for: the forward is not one function", bad);
    return status;
}

static ct_status check_repeat(ct__check *check)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            check->x[i]->requires_grad = true;
    ct__check_seed(check);
    int m = status == CT_OK ? check->subject->run(check->subject, check->x, r.h) : 0;
    if (m < 0)
        status = ct_error_code();
    for (int i = 0; status == CT_OK && i < m; i++)
        if (r.h[i] && r.h[i]->requires_grad && check->cotangents[i])
            status = repeat_root(check, &r, r.h[i], ct__as_cotangent(check->cotangents[i], r.h[i]));
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            check->x[i]->requires_grad = false;
    if (status == CT_OK && check->order == 1)
        status = check_recorded(check, &r, m);
    return ct__room_close(&r, status);
}

/* ---- what is missing ---- */

static ct_status check_missing_cotangent(ct__check *check, int output)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK) {
        r.g[output] = NULL;
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    }
    if (status == CT_OK) {
        r.g[output] = ct_zeros_like(check->cotangents[output]);
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    int bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, r.other) : -1;
    if (bad >= 0)
        ct__report_fault(
            check->report, "missing", bad,
            "when nothing flows back into output %d, the gradient is not the same as for a zero cotangent there: a "
            "missing gradient is read as if it were one",
            output);
    return ct__room_close(&r, status);
}

static ct_status check_missing_input(ct__check *check, int input)
{
    ct__room r;
    ct_status status = ct__room_open(&r, check);
    if (status == CT_OK) {
        r.wanted[input] = false;
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    }
    int bad = status == CT_OK ? ct__first_different_gradient(check, r.grads, check->analytic) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "missing", bad, "the gradient changes when input %d needs none", input);
    return ct__room_close(&r, status);
}

static ct_status check_missing(ct__check *check)
{
    int cotangents = 0, wanted = 0;
    for (int i = 0; i < check->m; i++)
        cotangents += check->cotangents[i] != NULL;
    for (int i = 0; i < check->n; i++)
        wanted += check->wanted[i];
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && cotangents > 1 && i < check->m; i++)
        if (check->cotangents[i])
            status = check_missing_cotangent(check, i);
    for (int i = 0; status == CT_OK && wanted > 1 && i < check->n && i < MANY_INPUTS; i++)
        if (check->wanted[i])
            status = check_missing_input(check, i);
    return status;
}

ct_status ct__check_structure(ct__check *check)
{
    unsigned checks = check->options->checks;
    ct_status status = CT_OK;
    if (checks & CT_CHECK_REPEAT)
        status = check_repeat(check);
    if (status == CT_OK && checks & CT_CHECK_LINEAR)
        status = check_zero(check);
    if (status == CT_OK)
        status = check_linear(check);
    if (status == CT_OK && checks & CT_CHECK_LINEAR)
        status = check_split(check);
    if (status == CT_OK && checks & CT_CHECK_MISSING)
        status = check_missing(check);
    return status;
}
