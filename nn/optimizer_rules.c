/* The rules of optimisers: a row each, over the loops of optimizer_kernels.h. */
#include "nn_internal.h"
#include <math.h>

/* The update loops are compiled once for each instruction set, and the loader picks; none of them may fuse a product and a sum
 * (-ffp-contract=off), so that all give the same bits. Sanitizers cannot run the loader's choice. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define CT_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CT_CLONES
#endif

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

const ct_optimizer_rule ct_rule_sgd = {.name = "sgd",
                                       .defaults = CT_RULE_DEFAULTS(.lr = 1e-3),
                                       .states = with_momentum,
                                       .update = sgd,
                                       .takes = "momentum dampening nesterov momentum_form"};
const ct_optimizer_rule ct_rule_adam = {.name = "adam",
                                        .defaults =
                                            CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
                                        .states = of_adam,
                                        .update = adam,
                                        .takes = "beta1 beta2 eps amsgrad"};
const ct_optimizer_rule ct_rule_adamw = {
    .name = "adamw",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01),
    .states = of_adam,
    .update = adamw,
    .takes = "beta1 beta2 eps amsgrad",
};
const ct_optimizer_rule ct_rule_rmsprop = {.name = "rmsprop",
                                           .defaults = CT_RULE_DEFAULTS(.lr = 1e-2, .beta2 = 0.99, .eps = 1e-8),
                                           .states = of_rmsprop,
                                           .update = rmsprop,
                                           .takes = "beta2 eps momentum centered"};
const ct_optimizer_rule ct_rule_adagrad = {.name = "adagrad",
                                           .defaults = CT_RULE_DEFAULTS(.lr = 1e-2, .eps = 1e-10),
                                           .states = one,
                                           .update = adagrad,
                                           .takes = "eps lr_decay initial_accumulator_value"};
const ct_optimizer_rule ct_rule_adadelta = {.name = "adadelta",
                                            .defaults = CT_RULE_DEFAULTS(.lr = 1, .beta2 = 0.9, .eps = 1e-6),
                                            .states = two,
                                            .update = adadelta,
                                            .takes = "beta2 eps"};
const ct_optimizer_rule ct_rule_adamax = {
    .name = "adamax",
    .defaults = CT_RULE_DEFAULTS(.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
    .states = two,
    .update = adamax,
    .takes = "beta1 beta2 eps",
};
const ct_optimizer_rule ct_rule_nadam = {
    .name = "nadam",
    .defaults = CT_RULE_DEFAULTS(.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 4e-3),
    .states = two,
    .update = nadam,
    .takes = "beta1 beta2 eps momentum_decay",
};
const ct_optimizer_rule ct_rule_radam = {
    .name = "radam",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
    .states = two,
    .update = radam,
    .takes = "beta1 beta2 eps",
};
