/* The rules of optimisers: a row each, over the loops of optimizer_kernels.h. */
#include "nn_internal.h"
#include <math.h>

/* The update loops are compiled once for each instruction set, and the loader picks; none of them may fuse a product and a sum
 * (-ffp-contract=off), so that all give the same bits. Sanitizers cannot run the loader's choice, and musl has none. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
#define CT_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CT_CLONES
#endif

/* A loop with constants for its last parameters, inlined into the clones that call it. */
#define CT_LOOP static inline __attribute__((always_inline)) void

#define REAL float
#define REAL_SQRT sqrtf
#define NAME(x) x##_f32
#include "optimizer_kernels.h"
#undef REAL
#undef REAL_SQRT
#undef NAME

#define REAL double
#define REAL_SQRT sqrt
#define NAME(x) x##_f64
#include "optimizer_kernels.h"
#undef REAL
#undef REAL_SQRT
#undef NAME

/* ---- the rules ---- */

#define BY_DTYPE(rule)                                         \
    static void rule(const ct_update *u)                       \
    {                                                          \
        (u->dtype == CT_FLOAT32 ? rule##_f32 : rule##_f64)(u); \
    }
BY_DTYPE(sgd)
BY_DTYPE(adam)
BY_DTYPE(adamw)
BY_DTYPE(rmsprop)
BY_DTYPE(adagrad)
BY_DTYPE(adadelta)
BY_DTYPE(adamax)
BY_DTYPE(nadam)
BY_DTYPE(radam)

static int with_momentum(const ct_optimizer_options *options)
{
    return options->momentum != 0;
}

static int of_rmsprop(const ct_optimizer_options *options)
{
    return 1 + options->centered + with_momentum(options);
}

static int of_adam(const ct_optimizer_options *options)
{
    return 2 + options->amsgrad;
}

static int one(const ct_optimizer_options *options)
{
    (void)options;
    return 1;
}

static int two(const ct_optimizer_options *options)
{
    (void)options;
    return 2;
}

/* Of the gradient, before the rule's own arithmetic. */
#define ASCENT "maximize? g = -g; "
#define L1 "l1? g = g + l1*sign(p); "
#define PENALTY ASCENT "weight_decay? g = g + weight_decay*p; " L1
#define MEAN "m = beta1*m + (1-beta1)*g; "
#define SQUARE "v = beta2*v + (1-beta2)*g^2; "
#define UNBIASED                                                                                        \
    "amsgrad? largest = max(largest, v); m_hat = m/(1-beta1^t); amsgrad? v_hat = largest/(1-beta2^t); " \
    "!amsgrad? v_hat = v/(1-beta2^t); "

const ct_optimizer_rule ct_rule_sgd = {
    .name = "sgd",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3),
    .states = with_momentum,
    .update = sgd,
    .takes = "momentum dampening nesterov momentum_form",
    .arithmetic = PENALTY
    "!momentum? p = p - lr*g; momentum of_sums first? v = momentum*v + g; "
    "momentum of_sums !first? v = momentum*v + (1-dampening)*g; momentum of_averages? v = momentum*v + (1-momentum)*g; "
    "momentum of_steps? v = momentum*v + lr*g; momentum !nesterov !of_steps? p = p - lr*v; momentum !nesterov "
    "of_steps? p = p - v; "
    "nesterov of_sums? p = p - lr*(g + momentum*v); nesterov of_averages? p = p - lr*((1-momentum)*g + momentum*v); "
    "nesterov of_steps? p = p - (lr*g + momentum*v)",
    .states_are = "v",
};
const ct_optimizer_rule ct_rule_adam = {
    .name = "adam",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
    .states = of_adam,
    .update = adam,
    .takes = "beta1 beta2 eps amsgrad",
    .arithmetic = PENALTY MEAN SQUARE UNBIASED "p = p - lr*m_hat/(sqrt(v_hat)+eps)",
    .states_are = "m v amsgrad?largest",
};
const ct_optimizer_rule ct_rule_adamw = {
    .name = "adamw",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01),
    .states = of_adam,
    .update = adamw,
    .takes = "beta1 beta2 eps amsgrad",
    .arithmetic =
        ASCENT "weight_decay? p = p - lr*weight_decay*p; " L1 MEAN SQUARE UNBIASED "p = p - lr*m_hat/(sqrt(v_hat)+eps)",
    .states_are = "m v amsgrad?largest",
};
const ct_optimizer_rule ct_rule_rmsprop = {
    .name = "rmsprop",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-2, .beta2 = 0.99, .eps = 1e-8),
    .states = of_rmsprop,
    .update = rmsprop,
    .takes = "beta2 eps momentum centered",
    .arithmetic = PENALTY SQUARE
    "centered? a = beta2*a + (1-beta2)*g; centered? d = g/(sqrt(max(v - a^2, 0))+eps); "
    "!centered? d = g/(sqrt(v)+eps); momentum? b = momentum*b + d; momentum? p = p - lr*b; !momentum? p = p - lr*d",
    .states_are = "v centered?a momentum?b",
};
const ct_optimizer_rule ct_rule_adagrad = {
    .name = "adagrad",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-2, .eps = 1e-10),
    .states = one,
    .update = adagrad,
    .takes = "eps lr_decay initial_accumulator_value",
    .arithmetic = PENALTY "first initial_accumulator_value? v = initial_accumulator_value; v = v + g^2; "
                          "lr_decay? rate = lr/(1+(t-1)*lr_decay); lr_decay? p = p - rate*g/(sqrt(v)+eps); !lr_decay? "
                          "p = p - lr*g/(sqrt(v)+eps)",
    .states_are = "v",
};
const ct_optimizer_rule ct_rule_adadelta = {
    .name = "adadelta",
    .defaults = CT_RULE_DEFAULTS(.lr = 1, .beta2 = 0.9, .eps = 1e-6),
    .states = two,
    .update = adadelta,
    .takes = "beta2 eps",
    .arithmetic = PENALTY SQUARE "d = g*sqrt(a+eps)/sqrt(v+eps); a = beta2*a + (1-beta2)*d^2; p = p - lr*d",
    .states_are = "v a",
};
const ct_optimizer_rule ct_rule_adamax = {
    .name = "adamax",
    .defaults = CT_RULE_DEFAULTS(.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
    .states = two,
    .update = adamax,
    .takes = "beta1 beta2 eps",
    .arithmetic = PENALTY MEAN "s = max(beta2*s, abs(g)+eps); m_hat = m/(1-beta1^t); p = p - lr*m_hat/s",
    .states_are = "m s",
};
const ct_optimizer_rule ct_rule_nadam = {
    .name = "nadam",
    .defaults = CT_RULE_DEFAULTS(.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 4e-3),
    .states = two,
    .update = nadam,
    .takes = "beta1 beta2 eps momentum_decay",
    .arithmetic =
        PENALTY "mu = beta1*(1-0.5*0.96^(t*momentum_decay)); next = beta1*(1-0.5*0.96^((t+1)*momentum_decay)); "
                "first? product = mu; !first? product = product*mu; " MEAN SQUARE "v_hat = v/(1-beta2^t); "
                "p = p - lr*((1-mu)/(1-product)*g + next/(1-product*next)*m)/(sqrt(v_hat)+eps)",
    .states_are = "m v",
};
const ct_optimizer_rule ct_rule_radam = {
    .name = "radam",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
    .states = two,
    .update = radam,
    .takes = "beta1 beta2 eps",
    .arithmetic = PENALTY MEAN SQUARE
    "m_hat = m/(1-beta1^t); most = 2/(1-beta2) - 1; rho = most - 2*t*beta2^t/(1-beta2^t); "
    "beyond = max(rho - 5, 0); beyond? r = sqrt((rho-4)*(rho-2)*most/((most-4)*(most-2)*rho)*(1-beta2^t)); "
    "beyond? p = p - lr*m_hat*r/(sqrt(v)+eps); !beyond? p = p - lr*m_hat",
    .states_are = "m v",
};
