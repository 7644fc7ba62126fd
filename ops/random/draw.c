/* Draws from distributions that tensors describe: yes or no, and one of several. Invariant: what is drawn is drawn from the thread's
 * generator, in double, and is a constant of the graph. */
#include "random/draw.h"
#include "expression.h"
#include "shape/shape_internal.h"
#include <math.h>

/* ---- what laws share ---- */

typedef struct draw {
    ct_law law;
    ct_random_state from;
    ct_tensor *out;
    const double *in[2];
    int n;
} draw;

enum { TASK = 1024 /* elements of one task: so that the partition knows nothing of the threads */ };

static void draw_task(void *context, int64_t task)
{
    const draw *w = context;
    int64_t end = w->out->numel < (task + 1) * TASK ? w->out->numel : (task + 1) * TASK;
    for (int64_t i = task * TASK; i < end; i++) {
        ct_draws d = {.seed = w->from.seed, .k = w->from.counter + (uint64_t)i};
        double p[2] = {w->in[0][i], w->n > 1 ? w->in[1][i] : 0};
        ct__store((ct_dtype)w->out->dtype, ct__ptr(w->out), i, w->law(&d, p));
    }
}

ct_status ct__draw(ct_call *call, ct_law law)
{
    ct_tensor *out = call->outputs[0];
    draw w = {.law = law, .out = out, .n = call->n_inputs};
    for (int k = 0; k < w.n; k++) {
        ct_tensor *t = ct_contiguous(ct_cast(ct_expand(ct_detach(call->inputs[k]), out->shape, out->rank), CT_FLOAT64));
        if (!t)
            return ct_error_code();
        w.in[k] = (const double *)ct__ptr(t);
    }
    w.from = ct__random_take(out->numel);
    ct__parallel((out->numel + TASK - 1) / TASK, draw_task, &w);
    return CT_OK;
}

bool ct__check_within(ct_call *call, const ct_tensor *t, double low, double high)
{
    if (ct_numel(t) == 0)
        return true;
    double least = ct_item(ct_amin(ct_detach((ct_tensor *)t), NULL)),
           most = ct_item(ct_amax(ct_detach((ct_tensor *)t), NULL));
    if (least >= low && most <= high)
        return true;
    ct_call_error(call, CT_ERROR_ARGUMENT, "takes elements in %g..%g, and has %g to %g: %s", low, high, least, most,
                  ct_call_shapes(call));
    return false;
}

/* ---- bernoulli ---- */

static ct_tensor *bernoulli_expression(ct_call *call)
{
    ct_tensor *p = ct_cast(ct_detach(ct_call_input(call, 0)), CT_FLOAT64);
    if (!p || !ct__check_within(call, p, 0, 1))
        return NULL;
    ct_tensor *drawn = ct_lt(ct_rand(CT_FLOAT64, 0, 1, ct_shape(p), ct_rank(p)), p);
    return ct_cast(drawn, ct_dtype_of(ct_call_input(call, 0)));
}

ct_tensor *ct_bernoulli(ct_tensor *p)
{
    return (ct_apply)(&ct_op_bernoulli, &p, 1, NULL);
}

static const ct_sample bernoulli_samples[] = {{"3x4@0..1!", NULL}, {"0x2!", NULL}, {"scalar@0..1!", NULL}, {0}};
CT_EXPRESSION(bernoulli, "none: a draw is 0 or 1", 1, 1, .roles = "probabilities");

/* ---- multinomial ---- */

typedef struct multinomial_attributes {
    int64_t n, replacement;
} multinomial_attributes;

/* With replacement: where a number, uniform below the sum of all weights, falls among the running sums. */
static ct_tensor *with_replacement(ct_tensor *w, int64_t n)
{
    const int64_t shape[] = {ct_size(w, 0), n};
    ct_tensor *ends = ct_cumsum(w, 1), *total = ct_slice(ends, 1, -1, CT_END, 1);
    ct_tensor *at = ct_mul(ct_rand(CT_FLOAT64, 0, 1, shape, 2), total);
    at = ct_minimum(at, ct_mul_scalar(total, 1 - 0x1p-52)); /* a product that was rounded up */
    return ct_searchsorted(ends, at, true);
}

/* Without: the first to come of exponential waiting times, each class's the shorter the heavier it is (Efraimidis and Spirakis: Weighted
 * random sampling with a reservoir, 2006). */
static ct_tensor *without_replacement(ct_tensor *w, int64_t n)
{
    ct_tensor *wait = ct_neg(ct_log1p(ct_neg(ct_rand(CT_FLOAT64, 0, 1, ct_shape(w), 2)))), *order = NULL;
    ct_tensor *zero = ct_scalar(CT_FLOAT64, 0), *one = ct_scalar(CT_FLOAT64, 1),
              *never = ct_scalar(CT_FLOAT64, INFINITY);
    ct_tensor *some = ct_gt(w, zero);
    wait = ct_where(some, ct_div(wait, ct_where(some, w, one)), never);
    ct_topk(wait, n, 1, false, &order);
    return order;
}

/* Whether each row of w [m, c] has the classes, or a class, to draw from; otherwise the error says so. */
static bool can_draw(ct_call *call, ct_tensor *w)
{
    const multinomial_attributes *a = ct_call_attributes(call);
    int64_t least = a->replacement ? a->n > 0 : a->n;
    if (a->n < 0 || a->n > INT32_MAX || !ct__check_within(call, w, 0, 0x1p1000)) {
        if (ct_error_code() == CT_OK)
            ct_call_error(call, CT_ERROR_ARGUMENT, "%lld draws", (long long)a->n);
        return false;
    }
    ct_reduce_options rows = {CT_DEFAULTS(ct_reduce_options), CT_AXES(1)};
    ct_tensor *some = ct_cast(ct_gt(w, ct_scalar(CT_FLOAT64, 0)), CT_FLOAT64);
    ct_tensor *classes = ct_size(w, 0) > 0 ? ct_amin(ct_sum(some, &rows), NULL) : NULL;
    if (!classes || ct_item(classes) >= (double)least)
        return ct_error_code() == CT_OK;
    ct_call_error(call, CT_ERROR_ARGUMENT, "%lld draws%s from %g classes whose weight is not 0: %s", (long long)a->n,
                  a->replacement ? "" : " without replacement", ct_item(classes), ct_call_shapes(call));
    return false;
}

static ct_tensor *multinomial_expression(ct_call *call)
{
    const multinomial_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *w = ct_cast(ct_detach(x), CT_FLOAT64);
    if (ct_rank(x) != 1 && ct_rank(x) != 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes weights [C] or [N, C]: %s", ct_call_shapes(call));
        return NULL;
    }
    w = ct_rank(x) == 1 ? ct_unsqueeze(w, 0) : w;
    if (!w || !can_draw(call, w))
        return NULL;
    const int64_t none[] = {ct_size(w, 0), a->n};
    bool empty = ct_size(w, 0) == 0 || a->n == 0;
    ct_tensor *y = empty            ? ct_zeros(CT_INT64, none, 2)
                   : a->replacement ? with_replacement(w, a->n)
                                    : without_replacement(w, a->n);
    return ct_rank(x) == 1 ? ct_clone(ct_select(y, 0, 0)) : y;
}

ct_tensor *ct_multinomial(ct_tensor *weights, int64_t n, bool replacement)
{
    return (ct_apply)(&ct_op_multinomial, &weights, 1, &(multinomial_attributes){n, replacement});
}

static const ct_sample multinomial_samples[] = {{"2x5@0.1..1!", &(multinomial_attributes){3, 0}},
                                                {"4@0.1..1!", &(multinomial_attributes){7, 1}},
                                                {"0x3!", &(multinomial_attributes){2, 0}},
                                                {0}};
CT_EXPRESSION(multinomial, "none: the result is an integer", 1, 1, .attributes_size = sizeof(multinomial_attributes),
              .attribute_names = "n replacement", .roles = "weights");
