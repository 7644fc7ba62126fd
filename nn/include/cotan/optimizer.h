/* Optimisers: rules at work on parameters, by groups; gradient clipping, schedules of the learning rate, averages.
 *
 * A rule, like an initialiser or a schedule, is a record: one of your own goes where the library's go. */
#ifndef COTAN_OPTIMIZER_H
#define COTAN_OPTIMIZER_H

#include <cotan/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- optimisers ---- */

/* sgd's momentum as books and lectures write it; b is the option momentum, v is 0 before the first step. At a constant rate the
 * first and the last walk alike; with nesterov each looks ahead by b v. */
typedef enum ct_momentum_form {
    CT_MOMENTUM_SUM, /* v = b v + g; p -= lr v: PyTorch's. With dampening d the steps after the first add (1 - d) g */
    CT_MOMENTUM_AVERAGE, /* v = b v + (1 - b) g; p -= lr v */
    CT_MOMENTUM_STEP,    /* v = b v - lr g; p += v: a change of lr changes what is added from then on */
} ct_momentum_form;

/* The default of each number is CT_UNSET: the rule's. */
typedef struct CT_BY_NAME ct_optimizer_options {
    CT_OPTIONS_HEAD;
    double lr;       /* learning rate, >= 0 */
    double momentum; /* in [0, 1) */
    double
        weight_decay; /* >= 0: times the parameter, added to the gradient; adamw: times lr, taken off the parameter */
    double beta1, beta2;   /* in [0, 1): decay of the running means of the gradient and of its square */
    double eps;            /* >= 0 */
    bool nesterov;         /* needs momentum, and no dampening */
    bool maximize;         /* follows the gradient upwards */
    bool centered;         /* rmsprop: divides by the deviation of the gradients, not by their root mean square */
    double dampening;      /* sgd, in [0, 1): of what is added to the momentum after the first step */
    double lr_decay;       /* adagrad, >= 0: divides lr by 1 + (step - 1) lr_decay */
    double momentum_decay; /* nadam, >= 0 */
    double l1;             /* >= 0: times the parameter's sign, added to the gradient */
    double initial_accumulator_value; /* adagrad, >= 0: what the sum of squares begins with */
    ct_momentum_form momentum_form;   /* sgd */
    bool amsgrad; /* adam, adamw: divides by the largest mean square so far; Reddi, Kale, Kumar 2018 */
} ct_optimizer_options;
#define CT_DEFAULTS_ct_optimizer_options                                                                      \
    .lr = CT_UNSET, .momentum = CT_UNSET, .weight_decay = CT_UNSET, .beta1 = CT_UNSET, .beta2 = CT_UNSET,     \
    .eps = CT_UNSET, .dampening = CT_UNSET, .lr_decay = CT_UNSET, .momentum_decay = CT_UNSET, .l1 = CT_UNSET, \
    .initial_accumulator_value = CT_UNSET,
CT_API void ct_optimizer_options_init(ct_optimizer_options *options, size_t size);

#define CT_OPTIMIZER_STATES 3 /* tensors that a rule may keep for a parameter */

/* One parameter's step, as a rule sees it: n contiguous elements of dtype, changed in place. */
typedef struct ct_update {
    const ct_optimizer_options *options; /* lr with the schedule's factor in it */
    int64_t step;                        /* of this parameter, from 1 */
    ct_dtype dtype;
    int64_t n;
    void *parameter;
    const void *gradient;
    void *states[CT_OPTIMIZER_STATES]; /* zero before the first step */
    double *number;                    /* one number that the rule keeps of each parameter; 0 before the first step */
} ct_update;

/* A rule's own options; members left out are 0. */
#define CT_RULE_DEFAULTS(...) (&(const ct_optimizer_options){.struct_size = sizeof(ct_optimizer_options), __VA_ARGS__})

/* An optimiser's rule. A record of one's own is one more optimiser. */
typedef struct ct_optimizer_rule {
    const char *name;
    const ct_optimizer_options *defaults;               /* CT_RULE_DEFAULTS(.lr = 0.1, ...) */
    int (*states)(const ct_optimizer_options *options); /* how many tensors of the parameter's shape it keeps */
    void (*update)(const ct_update *update);            /* cannot fail */
    const char
        *takes; /* names of options beside lr, weight_decay, l1, maximize: "momentum nesterov"; others are refused
                        * unless they are 0. NULL: takes all */
    /* What update does to one element, for those who trace it: "m = beta1*m + (1-beta1)*g; p = p - lr*m". p is the element, g its
     * gradient, t the step, product the number; the options have their names. "momentum !nesterov? p = ..." counts where the first is
     * not 0 and the second is; first is 1 in the first step; sqrt, abs, sign and max(a, b) are functions. May be NULL */
    const char *arithmetic;
    const char *states_are; /* the names of the states in that, in order: "v centered?a" */
} ct_optimizer_rule;

/* PyTorch's rules and defaults, which each page of its documentation gives as an algorithm. All take weight_decay, l1 and
 * maximize. */
/* lr 1e-3; momentum, dampening, nesterov, momentum_form */
CT_API extern const ct_optimizer_rule ct_rule_sgd;
/* lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8; amsgrad; Kingma & Ba 2015. adamw: with weight_decay 0.01; Loshchilov & Hutter 2019 */
CT_API extern const ct_optimizer_rule ct_rule_adam, ct_rule_adamw;
/* lr 1e-2, beta2 (PyTorch's alpha) 0.99, eps 1e-8; momentum, centered; Hinton 2012 */
CT_API extern const ct_optimizer_rule ct_rule_rmsprop;
/* lr 1e-2, eps 1e-10; lr_decay, initial_accumulator_value; Duchi, Hazan, Singer 2011 */
CT_API extern const ct_optimizer_rule ct_rule_adagrad;
/* lr 1, beta2 (PyTorch's rho) 0.9, eps 1e-6; Zeiler 2012 */
CT_API extern const ct_optimizer_rule ct_rule_adadelta;
/* lr 2e-3, beta1 0.9, beta2 0.999, eps 1e-8; Kingma & Ba 2015, section 7.1 */
CT_API extern const ct_optimizer_rule ct_rule_adamax;
/* the same and momentum_decay 4e-3; Dozat 2016 */
CT_API extern const ct_optimizer_rule ct_rule_nadam;
/* lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8; Liu, Jiang, He, Chen, Liu, Gao, Han 2020 */
CT_API extern const ct_optimizer_rule ct_rule_radam;

/* A rule at work on parameters. */
typedef struct ct_optimizer ct_optimizer;

/* An optimiser of the module's parameters as they are now, with all the state that it will need. The module must live as
 * long. The caller's until ct_optimizer_free(). Errors: NULL, argument, state (a parameter that is not contiguous), memory. */
CT_API ct_optimizer *ct_optimizer_new(ct_module *module, const ct_optimizer_rule *rule,
                                      const ct_optimizer_options *options);
/* The same for n tensors of no module, which must live as long; each counts under its name (ct_name()), or under its index,
 * "0", "1", if it has none, one that is taken, or a number for one. Errors: those, and argument (a tensor that is there twice), state (one that is no
 * leaf that asks for a gradient). */
CT_API ct_optimizer *ct_optimizer_of(ct_tensor *const *tensors, int64_t n, const ct_optimizer_rule *rule,
                                     const ct_optimizer_options *options);
CT_API void ct_optimizer_free(ct_optimizer *optimizer); /* NULL is fine */
/* Gives the parameters whose names fit pattern ('*' stands for any characters, '?' for one, "[ab]" for one of those) the options
 * that are set here, and leaves them the others, so that a later call can change one option of some of them: PyTorch's parameter
 * groups. A flag can be set, not taken back. On an error nothing has changed. Errors: NULL, argument (an option; a pattern that no
 * name fits), state (momentum or centered given after the first step), memory. */
CT_API ct_status ct_optimizer_group(ct_optimizer *optimizer, const char *pattern, const ct_optimizer_options *options);
/* Changes every parameter by its accumulated gradient; one without gradient stays as it is. While an error is pending, and on
 * any error (shape, dtype of a gradient; memory), it changes no parameter and no state, and returns the error. */
CT_API ct_status ct_optimizer_step(ct_optimizer *optimizer);
/* The same, called from there: what backward says of a parameter that it needed as it was. */
CT_API ct_status ct_optimizer_step_at(const char *file, int line, ct_optimizer *optimizer);
/* Clears the accumulated gradients. */
CT_API void ct_optimizer_zero_grad(ct_optimizer *optimizer);
/* The learning rate of the parameters that no group gave one, before the schedule's factor. */
CT_API double ct_optimizer_lr(const ct_optimizer *optimizer);
/* Changes that. Error (argument): lr negative or not finite. 0 is allowed: the end of a schedule. */
CT_API ct_status ct_optimizer_set_lr(ct_optimizer *optimizer, double lr);

/* Writes all that the optimiser keeps, as .safetensors, atomically: states, steps, every option, where its schedule stands. */
CT_API ct_status ct_optimizer_save(const ct_optimizer *optimizer, const char *path);
/* Reads that back into an optimiser of the same rule, the same parameters and the same schedule: steps go on with the same bits. On
 * any error nothing has changed. Errors: NULL, io, format (not such a file; another rule or schedule; a parameter missing or unexpected, by
 * name), shape, dtype, memory. */
CT_API ct_status ct_optimizer_load(ct_optimizer *optimizer, const char *path);

/* ---- gradient clipping ---- */

typedef struct CT_BY_NAME ct_clip_options {
    CT_OPTIONS_HEAD;
    double norm_type;        /* p of the norm, > 0; INFINITY: the largest magnitude; default 2 */
    bool error_if_nonfinite; /* default true; false: a norm that is infinite or NaN makes the gradients 0 or NaN */
} ct_clip_options;
#define CT_DEFAULTS_ct_clip_options .norm_type = 2, .error_if_nonfinite = true,
CT_API void ct_clip_options_init(ct_clip_options *options, size_t size);

/* Between backward and the step: scales the gradients of all parameters by max_norm / (norm + 1e-6) if that is below 1, and
 * returns their norm as it was, that of all elements of all gradients as one vector, summed in double. A parameter without
 * gradient counts as 0; max_norm INFINITY only measures. As PyTorch's clip_grad_norm_; Pascanu, Mikolov, Bengio, "On the
 * difficulty of training recurrent neural networks", 2013, section 3.2. NaN with an error, which changes nothing: NULL,
 * argument (max_norm or norm_type), state (the norm is not finite), memory, and one that is pending. options may be NULL. */
CT_API double ct_clip_grad_norm_(ct_module *module, double max_norm, const ct_clip_options *options);
/* The same for the gradients of n tensors of no module. Error (NULL): one of them. */
CT_API double ct_clip_grad_norm_of_(ct_tensor *const *tensors, int64_t n, double max_norm,
                                    const ct_clip_options *options);
/* Puts each element of the gradients that is beyond -clip_value..clip_value onto that bound. Errors: NULL, argument, memory. */
CT_API ct_status ct_clip_grad_value_(ct_module *module, double clip_value);
CT_API ct_status ct_clip_grad_value_of_(ct_tensor *const *tensors, int64_t n, double clip_value);

/* ---- schedules ---- */

/* What a schedule counts. */
typedef enum ct_schedule_unit { CT_STEPS, CT_EPOCHS } ct_schedule_unit;

#define CT_SCHEDULE_PARAMETERS 4 /* numbers that a schedule may have */
#define CT_SCHEDULE_MEMORY 4     /* numbers that it may keep from epoch to epoch */

/* What a schedule may look at. */
typedef struct ct_schedule_time {
    double t;             /* steps or whole epochs since the schedule began, from 0 */
    double length;        /* how many of them it lasts; 0: not known */
    const double *memory; /* [CT_SCHEDULE_MEMORY] numbers, 0 at the beginning, which measured() changes */
} ct_schedule_time;

/* The learning rate's factor as a function of time. A record of one's own is one more schedule. */
typedef struct ct_schedule {
    const char *name;
    /* The factor; must be finite and not negative. */
    double (*factor)(const struct ct_schedule *schedule, const ct_schedule_time *time);
    /* An epoch has ended, and its validation measured that much; lower is better. NULL: does not listen. */
    void (*measured)(const struct ct_schedule *schedule, double measure, double *memory);
    ct_schedule_unit unit;
    bool needs_length; /* .length, or the training's, must be known */
    double p[CT_SCHEDULE_PARAMETERS];
    double begin;                    /* in units: before, its factor is 1 */
    double length;                   /* in units; 0: to the training's end. t goes on beyond it */
    void *user;                      /* for a function of one's own */
    const struct ct_schedule *times; /* another, whose factor is multiplied with this one's; NULL: none */
} ct_schedule;

/* The library's, with the parameters p of the macros below at the values that the comments there give. */
CT_API extern const ct_schedule ct_schedule_constant, ct_schedule_linear, ct_schedule_warmup, ct_schedule_polynomial;
CT_API extern const ct_schedule ct_schedule_step, ct_schedule_exponential, ct_schedule_inverse,
    ct_schedule_inverse_sqrt;
CT_API extern const ct_schedule ct_schedule_cosine, ct_schedule_cosine_restarts, ct_schedule_one_cycle;
CT_API extern const ct_schedule ct_schedule_plateau, ct_schedule_newbob;

/* The same with parameters of one's own, as addresses that live as long as the block around: .schedule = CT_SCHEDULE_STEP(30, 0.1).
 * Other members follow by name: CT_SCHEDULE_WARMUP(500, .times = CT_SCHEDULE_COSINE(0, .begin = 500)). t counts steps, or epochs
 * where it says so (.unit changes that); T is the length. Where PyTorch has the schedule, this is its closed form. */
#ifndef __cplusplus
#define CT_SCHEDULE_(row, ...)                              \
    (&(const ct_schedule){.name = row.name,                 \
                          .factor = row.factor,             \
                          .measured = row.measured,         \
                          .unit = row.unit,                 \
                          .needs_length = row.needs_length, \
                          __VA_ARGS__})
#define CT_SCHEDULE1_(row, a, ...) CT_SCHEDULE_(row, .p = {(a)}, __VA_ARGS__)
#define CT_SCHEDULE2_(row, a, b, ...) CT_SCHEDULE_(row, .p = {(a), (b)}, __VA_ARGS__)
#define CT_SCHEDULE3_(row, a, b, c, ...) CT_SCHEDULE_(row, .p = {(a), (b), (c)}, __VA_ARGS__)
/* (value; 1): value over T, then 1; without .length it is value for good, which with .begin is one of PyTorch's milestones */
#define CT_SCHEDULE_CONSTANT(...) CT_SCHEDULE1_(ct_schedule_constant, __VA_ARGS__, )
/* (start, end; 1, 0): in a line over T, then end */
#define CT_SCHEDULE_LINEAR(...) CT_SCHEDULE2_(ct_schedule_linear, __VA_ARGS__, )
/* (n; 1): (t + 1) / n, up to 1 */
#define CT_SCHEDULE_WARMUP(...) CT_SCHEDULE1_(ct_schedule_warmup, __VA_ARGS__, )
/* (power; 1): (1 - t / T)^power */
#define CT_SCHEDULE_POLYNOMIAL(...) CT_SCHEDULE1_(ct_schedule_polynomial, __VA_ARGS__, )
/* (step_size, gamma; 10, 0.1): gamma^floor(t / step_size), in epochs; (10, 0.5) halves every ten */
#define CT_SCHEDULE_STEP(...) CT_SCHEDULE2_(ct_schedule_step, __VA_ARGS__, )
/* (gamma; 0.95): gamma^t, in epochs */
#define CT_SCHEDULE_EXPONENTIAL(...) CT_SCHEDULE1_(ct_schedule_exponential, __VA_ARGS__, )
/* (d; 1): 1 / (1 + d t), in epochs */
#define CT_SCHEDULE_INVERSE(...) CT_SCHEDULE1_(ct_schedule_inverse, __VA_ARGS__, )
/* (k; 1): k / sqrt(t + 1): the first step, or epoch, is number 1 */
#define CT_SCHEDULE_INVERSE_SQRT(...) CT_SCHEDULE1_(ct_schedule_inverse_sqrt, __VA_ARGS__, )
/* (end; 0): end + (1 - end) (1 + cos(pi t / T)) / 2, then end; Loshchilov & Hutter 2017, eq. 5 */
#define CT_SCHEDULE_COSINE(...) CT_SCHEDULE1_(ct_schedule_cosine, __VA_ARGS__, )
/* (t_0, t_mult, end; 10, 1, 0): the same again and again, the first time over t_0, each time t_mult times as long, in epochs */
#define CT_SCHEDULE_COSINE_RESTARTS(...) CT_SCHEDULE3_(ct_schedule_cosine_restarts, __VA_ARGS__, )
/* (pct_start, div_factor, final_div_factor; 0.3, 25, 1e4): from 1 / div_factor up to 1 over pct_start of T, then down to
 * 1 / (div_factor final_div_factor), both as half a cosine; Smith & Topin 2018. PyTorch's max_lr is the optimiser's lr here. */
#define CT_SCHEDULE_ONE_CYCLE(...) CT_SCHEDULE3_(ct_schedule_one_cycle, __VA_ARGS__, )
/* (factor, patience, threshold; 0.1, 10, 1e-4): times factor whenever more than patience epochs on end measured no less than
 * the best (1 - threshold): ReduceLROnPlateau, with an eps of 0 */
#define CT_SCHEDULE_PLATEAU(...) CT_SCHEDULE3_(ct_schedule_plateau, __VA_ARGS__, )
/* (factor; 0.5): times factor after each epoch that measured more than the one before */
#define CT_SCHEDULE_NEWBOB(...) CT_SCHEDULE1_(ct_schedule_newbob, __VA_ARGS__, )
#endif

/* The product of the factors at a step (from 0) of steps and an epoch of epochs (steps or epochs 0: not known), before anything was
 * measured: to look at a schedule. NaN with an error: NULL, argument (no length; a factor that is negative or not finite; more than
 * 16 records that lead to each other). */
CT_API double ct_schedule_factor(const ct_schedule *schedule, int64_t step, int64_t steps, int64_t epoch,
                                 int64_t epochs);

typedef struct CT_BY_NAME ct_optimizer_schedule_options {
    CT_OPTIONS_HEAD;
    int64_t steps, epochs; /* of the whole training; 0: not known, for schedules with a length of their own */
} ct_optimizer_schedule_options;
#define CT_DEFAULTS_ct_optimizer_schedule_options
CT_API void ct_optimizer_schedule_options_init(ct_optimizer_schedule_options *options, size_t size);

/* From now on each step of the optimiser takes every learning rate times the schedule's factor; its time begins at 0. The records
 * are copied (what .user points to is not); NULL takes the schedule away. On an error nothing has changed. Errors: NULL, argument
 * (as ct_schedule_factor()), memory. */
CT_API ct_status ct_optimizer_schedule(ct_optimizer *optimizer, const ct_schedule *schedule,
                                       const ct_optimizer_schedule_options *options);
/* Tells the schedule that an epoch has ended and what its validation measured (lower is better; NaN: nothing was measured). */
CT_API ct_status ct_optimizer_epoch(ct_optimizer *optimizer, double measure);
/* The factor that the next step will take; 1 without a schedule. */
CT_API double ct_optimizer_factor(const ct_optimizer *optimizer);

/* ---- averages ---- */

/* An exponentially weighted average of numbers, with the bias of its beginning at 0 taken out (Kingma & Ba 2015, section 3):
 * ct_running_average a = {.beta = 0.9}; then ct_running_average_add(&a, loss) for each. */
typedef struct ct_running_average {
    double beta; /* in [0, 1): about 1 / (1 - beta) numbers count */
    double sum;  /* sum of (1 - beta) beta^age x */
    double rest; /* 1 - beta^count: what the weights in it come to */
} ct_running_average;

/* Adds x, and returns the average. NaN with an error: NULL, argument (beta). */
CT_API double ct_running_average_add(ct_running_average *average, double x);

/* A second copy of a module's parameters: their average over the steps (PyTorch's torch.optim.swa_utils.AveragedModel). */
typedef struct ct_average ct_average;

typedef struct CT_BY_NAME ct_average_options {
    CT_OPTIONS_HEAD;
    /* In [0, 1): average = decay average + (1 - decay) parameter. CT_UNSET, the default: the plain mean of all updates. */
    double decay;
} ct_average_options;
#define CT_DEFAULTS_ct_average_options .decay = CT_UNSET,
CT_API void ct_average_options_init(ct_average_options *options, size_t size);

/* The module must live as long. The average is the parameters at the first update. Buffers are not averaged. The caller's until
 * ct_average_free(). Errors: NULL, argument, state (a parameter that is not contiguous), memory. */
CT_API ct_average *ct_average_new(ct_module *module, const ct_average_options *options);
CT_API void ct_average_free(ct_average *average); /* NULL is fine */
/* Takes the parameters in, as they are now: after each step, or after some. Errors: NULL, state (the module has other tensors than
 * it had); one that is pending. */
CT_API ct_status ct_average_update(ct_average *average);
CT_API int64_t ct_average_count(const ct_average *average); /* updates so far */
/* Exchanges the parameters' values and the averages': the model then computes with the averages, until a second call puts both back.
 * Errors: as above, and state (no update yet). */
CT_API ct_status ct_average_exchange(ct_average *average);
/* Gives the module's batch norms the statistics of the whole data set under the weights that it has now: the running mean and variance
 * begin anew and become the plain means over the batches, without recording. As torch.optim.swa_utils.update_bn; after
 * ct_average_exchange(), whose weights no batch has been through. Errors: NULL, memory, those of the model; then what ran stays. */
CT_API ct_status ct_update_bn(ct_batches *batches, ct_model forward, void *model, ct_module *module);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_optimizer_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_optimizer_new, ct_optimizer_options, __VA_ARGS__, ))
#define ct_optimizer_zero_grad(...) (void)ct_at_integer(CT_HERE, (ct_optimizer_zero_grad(__VA_ARGS__), 0))
#define ct_optimizer_step(optimizer) ct_optimizer_step_at(CT_HERE, optimizer)
#define ct_optimizer_set_lr(optimizer, lr) ct_at_status(CT_HERE, ct_optimizer_set_lr(optimizer, lr))
#define ct_clip_grad_norm_(...) ct_at_value(CT_HERE, CT_WITH2(ct_clip_grad_norm_, ct_clip_options, __VA_ARGS__, ))
#define ct_clip_grad_norm_of_(...) ct_at_value(CT_HERE, CT_WITH3(ct_clip_grad_norm_of_, ct_clip_options, __VA_ARGS__, ))
#define ct_clip_grad_value_of_(...) ct_at_status(CT_HERE, ct_clip_grad_value_of_(__VA_ARGS__))
#define ct_clip_grad_value_(module, clip_value) ct_at_status(CT_HERE, ct_clip_grad_value_(module, clip_value))
#define ct_optimizer_of(...) ct_at_object(CT_HERE, CT_WITH3(ct_optimizer_of, ct_optimizer_options, __VA_ARGS__, ))
#define ct_optimizer_group(...) ct_at_status(CT_HERE, CT_WITH2(ct_optimizer_group, ct_optimizer_options, __VA_ARGS__, ))
#define ct_optimizer_save(optimizer, path) ct_at_status(CT_HERE, ct_optimizer_save(optimizer, path))
#define ct_optimizer_load(optimizer, path) ct_at_status(CT_HERE, ct_optimizer_load(optimizer, path))
#define ct_optimizer_schedule(...) \
    ct_at_status(CT_HERE, CT_WITH2(ct_optimizer_schedule, ct_optimizer_schedule_options, __VA_ARGS__, ))
#define ct_optimizer_epoch(optimizer, measure) ct_at_status(CT_HERE, ct_optimizer_epoch(optimizer, measure))
#define ct_schedule_factor(...) ct_at_value(CT_HERE, ct_schedule_factor(__VA_ARGS__))
#define ct_running_average_add(average, x) ct_at_value(CT_HERE, ct_running_average_add(average, x))
#define ct_average_new(...) ct_at_object(CT_HERE, CT_WITH1(ct_average_new, ct_average_options, __VA_ARGS__, ))
#define ct_average_update(average) ct_at_status(CT_HERE, ct_average_update(average))
#define ct_update_bn(...) ct_at_status(CT_HERE, ct_update_bn(__VA_ARGS__))
#define ct_average_exchange(average) ct_at_status(CT_HERE, ct_average_exchange(average))
#endif

#ifdef __cplusplus
}
#endif
#endif
