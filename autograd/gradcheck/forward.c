/* Forward against reverse: <u, J v> = <J^T u, v>, where J v is the gradient of <J^T u, v> with respect to u, a backward through the
 * backward. To rounding, where differences see errors from about 1e-9 on.
 *
 * Invariant: J^T u is computed anew with a u of its own, so that both sides have met only in J. */
#include "structure.h"

/* Of its terms: better than any mistake, worse than any sum; beyond it rounding is measured. */
#define EXACT 1e-12
enum { SAFETY = 16 };

/* <a, b>, the sum of its terms' sizes, and what errors of a come to in it. */
typedef struct product {
    double sum, size, error;
} product;

static void add_product(product *p, const ct_tensor *a, const ct_tensor *b, const ct_tensor *noise)
{
    for (int64_t k = 0; k < a->numel; k++) {
        double term = ct__doubles(a)[k] * ct__doubles(b)[k];
        p->sum += term;
        p->size += fabs(term);
        p->error += fabs(ct__doubles(noise)[k] * ct__doubles(b)[k]);
    }
}

/* <J^T u, v>; grads are J^T u, and v are the cotangents of next. */
static product reverse(const ct__check *first, const ct__check *next, ct_tensor *const *grads)
{
    product p = {0};
    for (int i = 0, output = 0; i < first->n; i++) {
        if (!first->wanted[i])
            continue;
        if (next->cotangents[output])
            add_product(&p, grads[i], next->cotangents[output], first->noise[i]);
        output++;
    }
    return p;
}

/* <u, J v>; J v is what next has as the gradients of its inputs behind those of first. */
static product forward(const ct__check *first, const ct__check *next, ct_tensor *const *u)
{
    product p = {0};
    for (int i = 0, input = first->n; i < first->subject->max_outputs; i++)
        if (first->cotangents[i]) {
            add_product(&p, next->analytic[input], u[i], next->noise[input]);
            input++;
        }
    return p;
}

static bool differ(const product *a, const product *b)
{
    double exact = EXACT * fmax(a->size, b->size), noise = SAFETY * (a->error + b->error);
    return fabs(a->sum - b->sum) > fmax(exact, noise);
}

/* What both are exact to: what jumps around x, and what gradients around it are made of, as in the tails of a softmax. */
static ct_status measure(ct__check *check)
{
    ct_status status = ct__know_noise(check);
    const ct__place here = {check->x, check->cotangents, check->analytic};
    return status == CT_OK ? ct__usual_noise(check, here, check->noise) : status;
}

static ct_status judge(ct__check *first, ct__check *next, ct_tensor *const *grads, ct_tensor *const *u)
{
    product a = forward(first, next, u), b = reverse(first, next, grads);
    if (!differ(&a, &b))
        return CT_OK;
    ct_status status = measure(first);
    if (status == CT_OK)
        status = measure(next);
    a = forward(first, next, u);
    b = reverse(first, next, grads);
    if (status == CT_OK && differ(&a, &b))
        ct__report_fault(first->report, "forward", -1,
                         "the %s order is as measured, the next is not: with v drawn at random, <u, J v> by a backward "
                         "through the backward is %.12g, and <J^T u, v> by the backward %.12g: what the backward calls "
                         "has a wrong gradient with respect to the cotangent",
                         first->order == 1 ? "first" : "second", a.sum, b.sum);
    return status;
}

ct_status ct__check_forward(ct__check *first, ct__check *next)
{
    ct__room r;
    ct_status status = ct__room_open(&r, first);
    if (status == CT_OK)
        status = ct__draw_cotangents(first, r.h);
    if (status == CT_OK)
        status = ct__vjp(first, r.x, r.wanted, r.h, r.grads);
    if (status == CT_OK)
        status = judge(first, next, r.grads, r.h);
    return ct__room_close(&r, status);
}
