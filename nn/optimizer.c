/* Optimisers: one engine, a table of rules, and the schedules of the learning rate.
 *
 * Invariant: all that a step needs exists before it changes the first parameter, so that it changes all or none. */
#include "nn_internal.h"
#include <math.h>
#include <stddef.h>

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
                                       .takes = "momentum dampening nesterov"};
const ct_optimizer_rule ct_rule_adam = {.name = "adam",
                                        .defaults =
                                            CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8),
                                        .states = two,
                                        .update = adam,
                                        .takes = "beta1 beta2 eps"};
const ct_optimizer_rule ct_rule_adamw = {
    .name = "adamw",
    .defaults = CT_RULE_DEFAULTS(.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01),
    .states = two,
    .update = adamw,
    .takes = "beta1 beta2 eps",
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
                                           .takes = "eps lr_decay"};
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

/* ---- the engine ---- */

typedef struct slot {
    ct_tensor *parameter;
    int64_t index;                          /* in the module */
    ct_tensor *states[CT_OPTIMIZER_STATES]; /* kept */
    const void *gradient;                   /* of the step that is running; NULL: none */
    int64_t step;
    double number; /* the rule's */
} slot;

struct ct_optimizer {
    const ct_optimizer_rule *rule;
    const ct_module *module;
    ct_optimizer_options options;
    int states;
    int64_t count;
    slot *slots;
};

CT_OPTIONS_INIT(ct_optimizer_options)

/* An option that is a number: its name, its place, and what it must be below. */
static const struct number {
    const char *name;
    size_t place;
    double below;
} numbers[] = {
#define NUMBER(name, below)                                \
    {                                                      \
#name, offsetof(ct_optimizer_options, name), below \
    }
    NUMBER(lr, INFINITY), NUMBER(momentum, 1),        NUMBER(weight_decay, INFINITY),
    NUMBER(beta1, 1),     NUMBER(beta2, 1),           NUMBER(eps, INFINITY),
    NUMBER(dampening, 1), NUMBER(lr_decay, INFINITY), NUMBER(momentum_decay, INFINITY),
#undef NUMBER
};

static double get(const ct_optimizer_options *options, const struct number *n)
{
    return *(const double *)((const char *)options + n->place);
}

static void set(ct_optimizer_options *options, const struct number *n, double value)
{
    *(double *)((char *)options + n->place) = value;
}

/* Whether the rule reads the option of that name. */
static bool takes(const ct_optimizer_rule *rule, const char *name)
{
    if (!rule->takes || strcmp(name, "lr") == 0 || strcmp(name, "weight_decay") == 0)
        return true;
    size_t length = strlen(name);
    for (const char *word = rule->takes; *word; word += strspn(word, " ")) {
        size_t here = strcspn(word, " ");
        if (here == length && strncmp(word, name, length) == 0)
            return true;
        word += here;
    }
    return false;
}

/* Refuses what was given and would not count. */
static ct_status check_taken(const ct_optimizer_rule *rule, const ct_optimizer_options *given)
{
    const char *name = given->nesterov && !takes(rule, "nesterov")   ? "nesterov"
                       : given->centered && !takes(rule, "centered") ? "centered"
                                                                     : NULL;
    for (size_t i = 0; i < CT_LENGTH(numbers); i++)
        if (!ct_is_unset(get(given, &numbers[i])) && get(given, &numbers[i]) != 0 && !takes(rule, numbers[i].name))
            name = numbers[i].name;
    return name ? ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: has no option %s", rule->name, name) : CT_OK;
}

/* The options given, with the rule's defaults for those that are not. */
static ct_status fill(ct_optimizer_options *all, const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    CT_READ_OPTIONS(ct_optimizer_options, o, options, rule->name);
    CT_READ_OPTIONS(ct_optimizer_options, d, rule->defaults, rule->name);
    if (!o || !d || check_taken(rule, o) != CT_OK)
        return ct_error_code();
    *all = *o;
    for (size_t i = 0; i < CT_LENGTH(numbers); i++)
        if (ct_is_unset(get(all, &numbers[i])))
            set(all, &numbers[i], ct_is_unset(get(d, &numbers[i])) ? 0 : get(d, &numbers[i]));
    return CT_OK;
}

static ct_status check_options(const char *rule, const ct_optimizer_options *o)
{
    for (size_t i = 0; i < CT_LENGTH(numbers); i++) {
        double value = get(o, &numbers[i]);
        if (!(value >= 0 && value < numbers[i].below))
            return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: %s out of range: %g", rule, numbers[i].name, value);
    }
    if (o->nesterov && (o->momentum == 0 || o->dampening > 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: nesterov %s", rule,
                            o->dampening > 0 ? "with dampening" : "without momentum");
    return CT_OK;
}

static bool is_alive(const ct_optimizer *optimizer, const char *what)
{
    return optimizer && ct_object_check(optimizer, "optimizer", what) == CT_OK;
}

/* Gives the optimiser one slot for each parameter, with its states. */
static ct_status make_slots(ct_optimizer *optimizer, const ct_module *module)
{
    for (int64_t i = 0; i < ct_module_count(module); i++) {
        ct_tensor *p = ct_module_tensor(module, i);
        if (!ct_module_is_parameter(module, i))
            continue;
        if (!ct_is_contiguous(p))
            return ct_error_set(CT_ERROR_STATE, "optimizer %s: parameter \"%s\" is not contiguous",
                                optimizer->rule->name, ct_module_name(module, i));
        slot *s = &optimizer->slots[optimizer->count++];
        s->parameter = p;
        s->index = i;
        for (int k = 0; k < optimizer->states; k++)
            if (!(s->states[k] = ct_keep(ct_zeros_like(p))))
                return ct_error_code();
    }
    return CT_OK;
}

ct_optimizer *ct_optimizer_new(ct_module *module, const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    if (ct_object_check(module, "module", "optimizer") != CT_OK)
        return NULL;
    if (!rule) {
        ct_error_set(CT_ERROR_NULL, "optimizer: the rule is NULL");
        return NULL;
    }
    ct_optimizer_options all;
    if (fill(&all, rule, options) != CT_OK || check_options(rule->name, &all) != CT_OK)
        return NULL;
    ct_optimizer *optimizer = ct_object_new("optimizer", sizeof *optimizer);
    if (!optimizer)
        return NULL;
    *optimizer = (ct_optimizer){.rule = rule, .module = module, .options = all, .states = rule->states(&all)};
    optimizer->slots = ct__nn_alloc("optimizer", ct_module_count(module), sizeof *optimizer->slots);
    if (optimizer->slots && make_slots(optimizer, module) == CT_OK)
        return optimizer;
    ct_optimizer_free(optimizer);
    return NULL;
}

void ct_optimizer_free(ct_optimizer *optimizer)
{
    if (!is_alive(optimizer, "optimizer_free"))
        return;
    for (int64_t i = 0; i < optimizer->count; i++)
        for (int k = 0; k < optimizer->states; k++)
            ct_release(optimizer->slots[i].states[k]);
    free(optimizer->slots);
    ct_object_free(optimizer);
}

/* The optimiser must be alive, its module too, and the parameters be those that it was made for. */
static ct_status check_alive(const ct_optimizer *optimizer, const char *what)
{
    ct_status status = ct_object_check(optimizer, "optimizer", what);
    if (status == CT_OK)
        status = ct_object_check(optimizer->module, "module", what);
    for (int64_t i = 0; status == CT_OK && i < optimizer->count; i++) {
        const slot *s = &optimizer->slots[i];
        if (ct_module_tensor(optimizer->module, s->index) != s->parameter)
            status =
                ct_error_set(CT_ERROR_STATE, "%s: \"%s\" is not the tensor that it was when the optimizer was made",
                             what, ct_module_name(optimizer->module, s->index));
    }
    return status;
}

/* Finds the slot's gradient, as contiguous elements. */
static ct_status find_gradient(slot *s, const char *rule)
{
    s->gradient = NULL;
    ct_tensor *gradient = ct_grad_of(s->parameter);
    if (!gradient || ct_numel(s->parameter) == 0)
        return CT_OK;
    char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
    if (strcmp(ct__nn_shape_text(gradient, have), ct__nn_shape_text(s->parameter, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "optimizer_step %s: gradient %s for a parameter %s", rule, have, want);
    if (ct_dtype_of(gradient) != ct_dtype_of(s->parameter))
        return ct_error_set(CT_ERROR_DTYPE, "optimizer_step %s: %s gradient for a %s parameter", rule,
                            ct_dtype_name(ct_dtype_of(gradient)), ct_dtype_name(ct_dtype_of(s->parameter)));
    s->gradient = ct_data(ct_contiguous(gradient));
    return s->gradient ? CT_OK : ct_error_code();
}

/* Cannot fail: parameter and states are contiguous leaves, seen to be so when the optimiser was made. */
static void update(const ct_optimizer *optimizer, slot *s, const char *file, int line)
{
    ct_update u = {
        .options = &optimizer->options,
        .step = ++s->step,
        .dtype = ct_dtype_of(s->parameter),
        .n = ct_numel(s->parameter),
        .parameter = ct_data_mut(s->parameter),
        .gradient = s->gradient,
        .number = &s->number,
    };
    for (int k = 0; k < optimizer->states; k++)
        u.states[k] = ct_data_mut(s->states[k]);
    optimizer->rule->update(&u);
    ct_note_write(s->parameter, "optimizer_step", file, line);
}

static ct_status step(ct_optimizer *optimizer, const char *file, int line)
{
    ct_status status = ct_error_code();
    if (status == CT_OK)
        status = check_alive(optimizer, "optimizer_step");
    if (status == CT_OK)
        status = ct_scope_open();
    if (status != CT_OK)
        return status;
    ct_no_grad_begin();
    for (int64_t i = 0; i < optimizer->count && status == CT_OK; i++)
        status = find_gradient(&optimizer->slots[i], optimizer->rule->name);
    for (int64_t i = 0; i < optimizer->count && status == CT_OK; i++)
        if (optimizer->slots[i].gradient)
            update(optimizer, &optimizer->slots[i], file, line);
    ct_no_grad_end();
    return ct__nn_scope_close();
}

ct_status ct_optimizer_step_at(const char *file, int line, ct_optimizer *optimizer)
{
    return ct_at_status(file, line, step(optimizer, file, line));
}

ct_status ct_optimizer_step(ct_optimizer *optimizer)
{
    return step(optimizer, NULL, 0);
}

void ct_optimizer_zero_grad(ct_optimizer *optimizer)
{
    if (!optimizer || check_alive(optimizer, "optimizer_zero_grad") != CT_OK)
        return;
    for (int64_t i = 0; i < optimizer->count; i++)
        ct_zero_grad(optimizer->slots[i].parameter);
}

double ct_optimizer_lr(const ct_optimizer *optimizer)
{
    return is_alive(optimizer, "optimizer_lr") ? optimizer->options.lr : 0;
}

ct_status ct_optimizer_set_lr(ct_optimizer *optimizer, double lr)
{
    if (ct_object_check(optimizer, "optimizer", "optimizer_set_lr") != CT_OK)
        return ct_error_code();
    if (!(lr >= 0) || !isfinite(lr))
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer_set_lr: out of range: %g", lr);
    optimizer->options.lr = lr;
    return CT_OK;
}

/* ---- schedules ---- */

double ct_schedule_constant(int64_t step, int64_t steps)
{
    (void)step, (void)steps;
    return 1;
}

double ct_schedule_linear(int64_t step, int64_t steps)
{
    return 1 - (double)step / (double)steps;
}

double ct_schedule_cosine(int64_t step, int64_t steps)
{
    return 0.5 + 0.5 * cos(3.14159265358979323846 * (double)step / (double)steps);
}
