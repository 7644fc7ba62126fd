/* The engine of optimisers: their parameters, options by groups, and the step; the rules are in optimizer_rules.c.
 *
 * Invariant: all that a step needs exists before it changes the first parameter, so that it changes all or none. */
#include "optimizer_internal.h"
#include <fnmatch.h>
#include <math.h>
#include <stddef.h>

/* ---- options ---- */

CT_OPTIONS_INIT(ct_optimizer_options)

/* clang-format off */
#define OPTION(name, kind, ...) {#name, offsetof(ct_optimizer_options, name), kind, __VA_ARGS__}
const ct__option ct__optimizer_options[CT__OPTIONS] = {
    OPTION(lr, CT__NUMBER, INFINITY),
    OPTION(momentum, CT__NUMBER, 1),
    OPTION(weight_decay, CT__NUMBER, INFINITY),
    OPTION(beta1, CT__NUMBER, 1),
    OPTION(beta2, CT__NUMBER, 1),
    OPTION(eps, CT__NUMBER, INFINITY),
    OPTION(dampening, CT__NUMBER, 1),
    OPTION(lr_decay, CT__NUMBER, INFINITY),
    OPTION(momentum_decay, CT__NUMBER, INFINITY),
    OPTION(l1, CT__NUMBER, INFINITY),
    OPTION(initial_accumulator_value, CT__NUMBER, INFINITY),
    OPTION(nesterov, CT__FLAG, 2),
    OPTION(maximize, CT__FLAG, 2),
    OPTION(centered, CT__FLAG, 2),
    OPTION(momentum_form, CT__FORM, 3),
    OPTION(amsgrad, CT__FLAG, 2),
};
/* clang-format on */
#define EACH_OPTION(option) \
    for (const ct__option *option = ct__optimizer_options; option < ct__optimizer_options + CT__OPTIONS; option++)

double ct__option_get(const ct_optimizer_options *options, const ct__option *option)
{
    const char *place = (const char *)options + option->place;
    if (option->kind == CT__NUMBER)
        return *(const double *)place;
    return option->kind == CT__FLAG ? *(const bool *)place : (double)*(const ct_momentum_form *)place;
}

void ct__option_set(ct_optimizer_options *options, const ct__option *option, double value)
{
    char *place = (char *)options + option->place;
    if (option->kind == CT__NUMBER)
        *(double *)place = value;
    else if (option->kind == CT__FLAG)
        *(bool *)place = value != 0;
    else
        *(ct_momentum_form *)place = (ct_momentum_form)value;
}

/* Whether options say something about it; a flag only if it is set. */
static bool given(const ct_optimizer_options *options, const ct__option *option)
{
    double value = ct__option_get(options, option);
    return option->kind == CT__NUMBER ? !ct_is_unset(value) : value != 0;
}

/* Whether the rule reads the option of that name. */
static bool takes(const ct_optimizer_rule *rule, const char *name)
{
    static const char *const all[] = {"lr", "weight_decay", "l1", "maximize"};
    for (size_t i = 0; i < CT_LENGTH(all); i++)
        if (!rule->takes || strcmp(name, all[i]) == 0)
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
static ct_status check_taken(const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    EACH_OPTION(option)
    if (given(options, option) && ct__option_get(options, option) != 0 && !takes(rule, option->name))
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: has no option %s", rule->name, option->name);
    return CT_OK;
}

static ct_status check_options(const char *rule, const ct_optimizer_options *o)
{
    EACH_OPTION(option)
    {
        double value = ct__option_get(o, option);
        if (!(value >= 0 && value < option->below))
            return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: %s out of range: %g", rule, option->name, value);
    }
    if (o->nesterov && (o->momentum == 0 || o->dampening > 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: nesterov %s", rule,
                            o->dampening > 0 ? "with dampening" : "without momentum");
    if (o->dampening > 0 && o->momentum_form != CT_MOMENTUM_SUM)
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer %s: dampening with another momentum_form", rule);
    return CT_OK;
}

/* Puts what is given over what there is. */
static void merge(ct_optimizer_options *all, const ct_optimizer_options *options)
{
    EACH_OPTION(option)
    if (given(options, option))
        ct__option_set(all, option, ct__option_get(options, option));
}

/* The options given, with the rule's defaults for those that are not. */
static ct_status fill(ct_optimizer_options *all, const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    CT_READ_OPTIONS(ct_optimizer_options, o, options, rule->name);
    CT_READ_OPTIONS(ct_optimizer_options, d, rule->defaults, rule->name);
    if (!o || !d || check_taken(rule, o) != CT_OK)
        return ct_error_code();
    *all = (ct_optimizer_options){.struct_size = sizeof *all};
    merge(all, d);
    merge(all, o);
    return check_options(rule->name, all);
}

/* ---- slots ---- */

static void release_states(ct_tensor **states)
{
    for (int k = 0; k < CT_OPTIMIZER_STATES; k++) {
        ct_release(states[k]);
        states[k] = NULL;
    }
}

/* As many states as the rule keeps with the slot's options; on an error there are none. */
static ct_status make_states(const ct_optimizer_rule *rule, ct__slot *s)
{
    memset(s->states, 0, sizeof s->states);
    for (int k = 0; k < rule->states(&s->options); k++)
        if (!(s->states[k] = ct_keep(ct_zeros_like(s->parameter)))) {
            release_states(s->states);
            return ct_error_code();
        }
    return CT_OK;
}

ct_status ct__optimizer_add(ct_optimizer *optimizer, ct_tensor *p, const char *name, int64_t index,
                            const ct_optimizer_options *options)
{
    if (!ct_is_contiguous(p))
        return ct_error_set(CT_ERROR_STATE, "optimizer %s: parameter \"%s\" is not contiguous", optimizer->rule->name,
                            name);
    ct__slot *s = &optimizer->slots[optimizer->count];
    *s = (ct__slot){.parameter = p, .index = index, .options = *options, .name = ct__nn_joined("", name)};
    if (!s->name || make_states(optimizer->rule, s) != CT_OK) {
        ct_deallocate(s->name);
        return ct_error_code();
    }
    optimizer->count++;
    return CT_OK;
}

ct_optimizer *ct__optimizer_empty(const ct_optimizer_rule *rule, int64_t most, const ct_optimizer_options *options,
                                  ct_optimizer_options *all)
{
    if (!rule) {
        ct_error_set(CT_ERROR_NULL, "optimizer: the rule is NULL");
        return NULL;
    }
    ct_optimizer *optimizer = fill(all, rule, options) == CT_OK ? ct_object_new("optimizer", sizeof *optimizer) : NULL;
    if (!optimizer)
        return NULL;
    optimizer->rule = rule;
    optimizer->lr = all->lr;
    optimizer->slots = ct__nn_alloc("optimizer", most, sizeof *optimizer->slots);
    if (optimizer->slots)
        return optimizer;
    ct_optimizer_free(optimizer);
    return NULL;
}

ct_optimizer *ct_optimizer_new(ct_module *module, const ct_optimizer_rule *rule, const ct_optimizer_options *options)
{
    ct_optimizer_options all;
    if (ct_object_check(module, "module", "optimizer") != CT_OK)
        return NULL;
    ct_optimizer *optimizer = ct__optimizer_empty(rule, ct_module_count(module), options, &all);
    if (!optimizer)
        return NULL;
    optimizer->module = module;
    ct_status status = CT_OK;
    for (int64_t i = 0; i < ct_module_count(module) && status == CT_OK; i++)
        if (ct_module_is_parameter(module, i))
            status = ct__optimizer_add(optimizer, ct_module_tensor(module, i), ct_module_name(module, i), i, &all);
    if (status == CT_OK)
        return optimizer;
    ct_optimizer_free(optimizer);
    return NULL;
}

static bool is_alive(const ct_optimizer *optimizer, const char *what)
{
    return optimizer && ct_object_check(optimizer, "optimizer", what) == CT_OK;
}

ct_module *ct__optimizer_module(const ct_optimizer *optimizer)
{
    return (ct_module *)optimizer->module;
}

void ct_optimizer_free(ct_optimizer *optimizer)
{
    if (!is_alive(optimizer, "optimizer_free"))
        return;
    for (int64_t i = 0; i < optimizer->count; i++) {
        release_states(optimizer->slots[i].states);
        ct_deallocate(optimizer->slots[i].name);
    }
    ct_deallocate(optimizer->slots);
    ct_object_free(optimizer);
}

/* ---- groups ---- */

/* A slot as it is with the options given over its own, with new states if it keeps other ones then. */
static ct_status regroup(const ct_optimizer_rule *rule, const ct_optimizer_options *options, ct__slot *s)
{
    int before = rule->states(&s->options);
    merge(&s->options, options);
    s->own_lr |= !ct_is_unset(options->lr);
    if (check_options(rule->name, &s->options) != CT_OK || rule->states(&s->options) == before)
        return ct_error_code();
    if (s->step > 0)
        return ct_error_set(CT_ERROR_STATE, "optimizer_group %s: \"%s\" would need other states after %lld steps",
                            rule->name, s->name, (long long)s->step);
    return make_states(rule, s);
}

/* Releases the states that one of the slots has and the other has not. */
static void release_others(ct__slot *slots, ct__slot *kept, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(slots[i].states, kept[i].states, sizeof kept[i].states) != 0)
            release_states(slots[i].states);
}

ct_status ct_optimizer_group(ct_optimizer *optimizer, const char *pattern, const ct_optimizer_options *options)
{
    ct_status status = ct_object_check(optimizer, "optimizer", "optimizer_group");
    if (status != CT_OK)
        return status;
    if (!pattern)
        return ct_error_set(CT_ERROR_NULL, "optimizer_group: the pattern is NULL");
    CT_READ_OPTIONS(ct_optimizer_options, o, options, "optimizer_group");
    if (!o || check_taken(optimizer->rule, o) != CT_OK)
        return ct_error_code();
    int64_t n = optimizer->count, matched = 0;
    ct__slot *changed = ct__nn_alloc("optimizer_group", n, sizeof *changed);
    if (!changed)
        return ct_error_code();
    memcpy(changed, optimizer->slots, (size_t)n * sizeof *changed);
    for (int64_t i = 0; i < n && status == CT_OK; i++)
        if (fnmatch(pattern, changed[i].name, 0) == 0) {
            status = regroup(optimizer->rule, o, &changed[i]);
            matched++;
        }
    if (status == CT_OK && matched == 0)
        status = ct_error_set(CT_ERROR_ARGUMENT, "optimizer_group: no parameter is called \"%s\"", pattern);
    if (status == CT_OK) {
        release_others(optimizer->slots, changed, n);
        memcpy(optimizer->slots, changed, (size_t)n * sizeof *changed);
    } else {
        release_others(changed, optimizer->slots, n);
    }
    ct_deallocate(changed);
    return status;
}

/* ---- the step ---- */

/* The optimiser must be alive, its module too, and the parameters be those that it was made for. */
static ct_status check_alive(const ct_optimizer *optimizer, const char *what)
{
    ct_status status = ct_object_check(optimizer, "optimizer", what);
    if (status != CT_OK || !optimizer->module)
        return status;
    status = ct_object_check(optimizer->module, "module", what);
    for (int64_t i = 0; status == CT_OK && i < optimizer->count; i++) {
        const ct__slot *s = &optimizer->slots[i];
        if (ct_module_tensor(optimizer->module, s->index) != s->parameter)
            status = ct_error_set(
                CT_ERROR_STATE, "%s: \"%s\" is not the tensor that it was when the optimizer was made", what, s->name);
    }
    return status;
}

/* Finds the slot's gradient, as contiguous elements. */
static ct_status find_gradient(ct__slot *s, const char *rule)
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
static void update(const ct_optimizer_rule *rule, ct__slot *s, double factor, const char *file, int line)
{
    ct_optimizer_options now = s->options;
    now.lr *= factor;
    ct_update u = {
        .options = &now,
        .step = ++s->step,
        .dtype = ct_dtype_of(s->parameter),
        .n = ct_numel(s->parameter),
        .parameter = ct_data_mut(s->parameter),
        .gradient = s->gradient,
        .number = &s->number,
    };
    for (int k = 0; k < CT_OPTIMIZER_STATES && s->states[k]; k++)
        u.states[k] = ct_data_mut(s->states[k]);
    if (ct_trace_running())
        ct__tell_arithmetic(rule, &u, s->parameter);
    rule->update(&u);
    ct_note_write(s->parameter, "optimizer_step", file, line);
}

/* The schedule's; NaN with an error. */
static double factor_now(const ct_optimizer *optimizer)
{
    return ct__schedule_product(optimizer->schedule, optimizer->schedules, &optimizer->memory[0][0], &optimizer->time);
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
    double factor = status == CT_OK ? factor_now(optimizer) : NAN;
    for (int64_t i = 0; i < optimizer->count && !isnan(factor); i++)
        if (optimizer->slots[i].gradient)
            update(optimizer->rule, &optimizer->slots[i], factor, file, line);
    optimizer->time.step += !isnan(factor);
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
    return is_alive(optimizer, "optimizer_lr") ? optimizer->lr : 0;
}

ct_status ct_optimizer_set_lr(ct_optimizer *optimizer, double lr)
{
    if (ct_object_check(optimizer, "optimizer", "optimizer_set_lr") != CT_OK)
        return ct_error_code();
    if (!(lr >= 0) || !isfinite(lr))
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer_set_lr: out of range: %g", lr);
    optimizer->lr = lr;
    for (int64_t i = 0; i < optimizer->count; i++)
        if (!optimizer->slots[i].own_lr)
            optimizer->slots[i].options.lr = lr;
    return CT_OK;
}

/* ---- its schedule ---- */

CT_OPTIONS_INIT(ct_optimizer_schedule_options)

ct_status ct_optimizer_schedule(ct_optimizer *optimizer, const ct_schedule *schedule,
                                const ct_optimizer_schedule_options *options)
{
    CT_READ_OPTIONS(ct_optimizer_schedule_options, o, options, "optimizer_schedule");
    if (!o || ct_object_check(optimizer, "optimizer", "optimizer_schedule") != CT_OK)
        return ct_error_code();
    if (o->steps < 0 || o->epochs < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "optimizer_schedule: %lld steps, %lld epochs", (long long)o->steps,
                            (long long)o->epochs);
    ct__training_time time = {.steps = o->steps, .epochs = o->epochs};
    ct_schedule list[CT__SCHEDULES];
    int n = ct__schedule_list(schedule, &time, list);
    if (n < 0)
        return ct_error_code();
    optimizer->time = time;
    optimizer->schedules = n;
    memcpy(optimizer->schedule, list, (size_t)n * sizeof *list);
    memset(optimizer->memory, 0, sizeof optimizer->memory);
    return CT_OK;
}

ct_status ct_optimizer_epoch(ct_optimizer *optimizer, double measure)
{
    if (ct_object_check(optimizer, "optimizer", "optimizer_epoch") != CT_OK)
        return ct_error_code();
    optimizer->time.epoch++;
    for (int i = 0; i < optimizer->schedules; i++)
        if (optimizer->schedule[i].measured && !isnan(measure))
            optimizer->schedule[i].measured(&optimizer->schedule[i], measure, optimizer->memory[i]);
    return CT_OK;
}

double ct_optimizer_factor(const ct_optimizer *optimizer)
{
    return is_alive(optimizer, "optimizer_factor") ? factor_now(optimizer) : NAN;
}
