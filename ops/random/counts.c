/* Numbers of events: draws of the Poisson and of the binomial distribution, as numbers of the parameters' type. Few are counted one by one;
 * of many a number is found by transformed rejection (Hoermann: The transformed rejection method for generating Poisson random variables,
 * 1993, algorithm PTRS; The generation of binomial random variates, 1993, algorithm BTRS). */
#include "random/draw.h"
#include <math.h>

enum { FEW = 10 };

/* The number whose running sum of probabilities passes a uniform number: from p of 0, each the one before times ratio(k). */
typedef struct steps {
    double p, odds, n; /* Poisson: n infinite, and odds the rate */
} steps;

static double count_up(ct_draws *d, steps s)
{
    double u = ct__draw_unit(d), k = 0;
    while (u > s.p && k < s.n && (s.p > 0 || k < FEW)) {
        u -= s.p;
        s.p *= s.odds * (isinf(s.n) ? 1 : s.n - k) / (k + 1);
        k++;
    }
    return k;
}

static double log_factorial(double k)
{
    int sign;
    return (double)lgammal_r((long double)k + 1, &sign);
}

/* A point of the hat that both algorithms have, whose tails fall off as 1 / k^2: the number k, and whether it is refused, taken, or to be
 * compared, v against the logarithm of the probability over that of the mode. */
typedef struct hat {
    double a, b, middle, squeeze, scale;
} hat;
typedef enum answer { REFUSED, TAKEN, COMPARED } answer;

static answer point_of_hat(ct_draws *d, const hat *h, double *k, double *v)
{
    double u = ct__draw_unit(d) - 0.5, edge = 0.5 - fabs(u);
    *v = ct__draw_unit(d);
    *k = floor((2 * h->a / edge + h->b) * u + h->middle);
    if (edge >= 0.07 && *v <= h->squeeze)
        return TAKEN;
    if (*k < 0 || (edge < 0.013 && *v > edge))
        return REFUSED;
    *v = log(*v * h->scale / (h->a / (edge * edge) + h->b));
    return COMPARED;
}

/* ---- poisson ---- */

static double poisson_law(ct_draws *d, const double *p)
{
    double rate = p[0], k, v;
    if (rate < FEW)
        return count_up(d, (steps){exp(-rate), rate, INFINITY});
    if (isinf(rate))
        return rate;
    hat h = {.b = 0.931 + 2.53 * sqrt(rate), .middle = rate + 0.43};
    h.a = -0.059 + 0.02483 * h.b;
    h.squeeze = 0.9277 - 3.6224 / (h.b - 2);
    h.scale = 1.1239 + 1.1328 / (h.b - 3.4);
    for (;;) {
        answer given = point_of_hat(d, &h, &k, &v);
        if (given == TAKEN || (given == COMPARED && v <= k * log(rate) - rate - log_factorial(k)))
            return k;
    }
}

static ct_status poisson_infer(ct_call *call)
{
    return ct__check_within(call, call->inputs[0], 0, INFINITY) ? ct__elementwise_infer(call) : ct_error_code();
}

static ct_status poisson_forward(ct_call *call)
{
    return ct__draw(call, poisson_law);
}

/* ---- binomial ---- */

/* For p up to 1/2. */
static double binomial_of(ct_draws *d, double n, double p)
{
    double k, v, odds = p / (1 - p);
    if (n * p < FEW)
        return count_up(d, (steps){exp(n * log1p(-p)), odds, n});
    double deviation = sqrt(n * p * (1 - p)), mode = floor((n + 1) * p);
    double most = log_factorial(mode) + log_factorial(n - mode);
    hat h = {.b = 1.15 + 2.53 * deviation, .middle = n * p + 0.5};
    h.a = -0.0873 + 0.0248 * h.b + 0.01 * p;
    h.squeeze = 0.92 - 4.2 / h.b;
    h.scale = (2.83 + 5.1 / h.b) * deviation;
    for (;;) {
        answer given = point_of_hat(d, &h, &k, &v);
        if (k > n || given == REFUSED)
            continue;
        if (given == TAKEN || v <= most - log_factorial(k) - log_factorial(n - k) + (k - mode) * log(odds))
            return k;
    }
}

static double binomial_law(ct_draws *d, const double *p)
{
    return p[1] <= 0.5 ? binomial_of(d, p[0], p[1]) : p[0] - binomial_of(d, p[0], 1 - p[1]);
}

static ct_status binomial_infer(ct_call *call)
{
    ct_tensor *n = ct_detach(call->inputs[0]);
    if (!ct__check_within(call, n, 0, 0x1p53) || !ct__check_within(call, call->inputs[1], 0, 1))
        return ct_error_code();
    if (ct_item(ct_all(ct_eq(n, ct_floor(n)), NULL)) == 0)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "a count is no whole number: %s", ct_call_shapes(call));
    return ct__elementwise_infer(call);
}

static ct_status binomial_forward(ct_call *call)
{
    return ct__draw(call, binomial_law);
}

/* ---- records ---- */

static const ct_sample poisson_samples[] = {
    {.inputs = "3x4@0..30!"}, {.inputs = "scalar@0..3!"}, {.inputs = "0x2!"}, {.inputs = NULL}};
static const ct_sample binomial_samples[] = {{.inputs = "1@4..4! 3x4@0..1!"},
                                             {.inputs = "scalar@50..50! scalar@0..1!"},
                                             {.inputs = "0x2! 1@0..1!"},
                                             {.inputs = NULL}};

#define RECORD(op_name, n)                                                           \
    const ct_op ct_op_##op_name = {.name = #op_name,                                 \
                                   .gradient = "none: the result is a whole number", \
                                   .min_inputs = n,                                  \
                                   .max_inputs = n,                                  \
                                   .roles = n == 1 ? "rate" : "count probabilities", \
                                   .infer = op_name##_infer,                         \
                                   .forward = op_name##_forward,                     \
                                   .samples = op_name##_samples};
RECORD(poisson, 1)
RECORD(binomial, 2)

ct_tensor *ct_poisson(ct_tensor *rate)
{
    return ct_apply(&ct_op_poisson, &rate, 1, NULL);
}

ct_tensor *ct_binomial(ct_tensor *count, ct_tensor *probability)
{
    return ct_apply(&ct_op_binomial, (ct_tensor *[]){count, probability}, 2, NULL);
}
