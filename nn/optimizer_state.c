/* What an optimiser keeps, as a file and back.
 *
 * Names in the file: "rule", "schedule"; of all parameters in order "parameters" (their names, a line each), "step", "number",
 * "own_lr" and "option.<name>"; of each "state.<k>.<parameter>"; "time" and "memory" of the schedule; "lr".
 *
 * Invariant: a load changes nothing before all of the file has been seen to fit. */
#include "saving.h"
#include "optimizer_internal.h"
#include <math.h>

/* ---- texts that must be the same on both sides ---- */

/* The names of the parameters, a line each, in memory of its own; NULL with an error. */
static char *names_of(const ct_optimizer *optimizer)
{
    size_t size = 1;
    for (int64_t i = 0; i < optimizer->count; i++)
        size += strlen(optimizer->slots[i].name) + 1;
    char *text = ct__nn_alloc("optimizer", (int64_t)size, 1), *end = text;
    for (int64_t i = 0; text && i < optimizer->count; i++)
        end += sprintf(end, "%s\n", optimizer->slots[i].name);
    return text;
}

enum { SCHEDULE_TEXT = 512 };

/* "warmup cosine " */
static const char *schedule_of(const ct_optimizer *optimizer, char *text)
{
    size_t end = 0;
    text[0] = 0;
    for (int i = 0; i < optimizer->schedules; i++) {
        const char *name = optimizer->schedule[i].name;
        end += (size_t)snprintf(text + end, SCHEDULE_TEXT - end, "%.30s ", name ? name : "?");
    }
    return text;
}

/* "state.0.fc.weight" in memory of its own; NULL with an error. */
static char *state_name(const ct__slot *s, int k)
{
    char before[32];
    snprintf(before, sizeof before, "state.%d.", k);
    return ct__nn_joined(before, s->name);
}

static const char *option_name(const ct__option *option, char text[64])
{
    snprintf(text, 64, "option.%s", option->name);
    return text;
}

/* ---- writing ---- */

static void put_slots(const ct_optimizer *optimizer, ct__saving *saving, const char *before)
{
    int64_t n = optimizer->count;
    ct_tensor *step = ct_zeros(CT_INT64, &n, 1), *number = ct_zeros(CT_FLOAT64, &n, 1);
    ct_tensor *own_lr = ct_zeros(CT_UINT8, &n, 1);
    for (int64_t i = 0; own_lr && number && step && i < n; i++) {
        ((int64_t *)ct_data_mut(step))[i] = optimizer->slots[i].step;
        ((double *)ct_data_mut(number))[i] = optimizer->slots[i].number;
        ((uint8_t *)ct_data_mut(own_lr))[i] = optimizer->slots[i].own_lr;
    }
    ct__saving_add(saving, before, "step", step);
    ct__saving_add(saving, before, "number", number);
    ct__saving_add(saving, before, "own_lr", own_lr);
}

static void put_option(const ct_optimizer *optimizer, ct__saving *saving, const char *before, const ct__option *option)
{
    char name[64];
    ct_tensor *values = ct_zeros(CT_FLOAT64, &optimizer->count, 1);
    for (int64_t i = 0; values && i < optimizer->count; i++)
        ((double *)ct_data_mut(values))[i] = ct__option_get(&optimizer->slots[i].options, option);
    ct__saving_add(saving, before, option_name(option, name), values);
}

static void put_states(const ct__slot *s, ct__saving *saving, const char *before)
{
    for (int k = 0; k < CT_OPTIMIZER_STATES && s->states[k]; k++) {
        char *name = state_name(s, k);
        if (name)
            ct__saving_add(saving, before, name, s->states[k]);
        ct_deallocate(name);
    }
}

void ct__optimizer_put(const ct_optimizer *optimizer, ct__saving *saving, const char *before)
{
    char text[SCHEDULE_TEXT], *names = names_of(optimizer);
    if (names)
        ct__saving_text(saving, before, "parameters", names);
    ct_deallocate(names);
    ct__saving_text(saving, before, "rule", optimizer->rule->name);
    ct__saving_text(saving, before, "schedule", schedule_of(optimizer, text));
    ct__saving_integers(saving, before, "time", (const int64_t[]){optimizer->time.step, optimizer->time.epoch}, 2);
    ct__saving_numbers(saving, before, "memory", &optimizer->memory[0][0],
                       (int64_t)optimizer->schedules * CT_SCHEDULE_MEMORY);
    ct__saving_numbers(saving, before, "lr", &optimizer->lr, 1);
    put_slots(optimizer, saving, before);
    for (int k = 0; k < CT__OPTIONS; k++)
        put_option(optimizer, saving, before, &ct__optimizer_options[k]);
    for (int64_t i = 0; i < optimizer->count; i++)
        put_states(&optimizer->slots[i], saving, before);
}

ct_status ct_optimizer_save(const ct_optimizer *optimizer, const char *path)
{
    if (ct_error_code() != CT_OK || ct_object_check(optimizer, "optimizer", "optimizer_save") != CT_OK)
        return ct_error_code();
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "optimizer_save: the path is NULL");
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct__saving saving = {0};
    ct__optimizer_put(optimizer, &saving, "");
    ct__saving_write(&saving, path);
    return ct__nn_scope_close();
}

/* ---- reading ---- */

/* Fills in the options that the slots copied from the optimiser have in the file. */
static void read_option(ct__slot *slots, int64_t n, ct__loading *loading, const char *before, const ct__option *option)
{
    char name[64];
    const double *values = ct__loading_numbers(loading, before, option_name(option, name), CT_FLOAT64, n);
    for (int64_t i = 0; values && i < n; i++) {
        if (!(values[i] >= 0 && values[i] < option->below))
            ct_error_set(CT_ERROR_FORMAT, "load: %s has %s %g for \"%s\"", loading->path, option->name, values[i],
                         slots[i].name);
        else
            ct__option_set(&slots[i].options, option, values[i]);
    }
}

static void read_slots(ct__slot *slots, int64_t n, ct__loading *loading, const char *before)
{
    const int64_t *step = ct__loading_numbers(loading, before, "step", CT_INT64, n);
    const double *number = ct__loading_numbers(loading, before, "number", CT_FLOAT64, n);
    const uint8_t *own_lr = ct__loading_numbers(loading, before, "own_lr", CT_UINT8, n);
    for (int64_t i = 0; own_lr && i < n; i++) {
        slots[i].step = step[i];
        slots[i].number = number[i];
        slots[i].own_lr = own_lr[i] != 0;
        if (step[i] < 0)
            ct_error_set(CT_ERROR_FORMAT, "load: %s has step %lld for \"%s\"", loading->path, (long long)step[i],
                         slots[i].name);
    }
    for (int k = 0; k < CT__OPTIONS; k++)
        read_option(slots, n, loading, before, &ct__optimizer_options[k]);
}

static void plan_slots(ct_optimizer *optimizer, ct__loading *loading, const char *before)
{
    int64_t n = optimizer->count;
    ct__slot *slots = ct__nn_alloc("optimizer_load", n, sizeof *slots);
    if (!slots)
        return;
    memcpy(slots, optimizer->slots, (size_t)n * sizeof *slots);
    read_slots(slots, n, loading, before);
    ct__loading_bytes(loading, optimizer->slots, slots, (size_t)n * sizeof *slots);
    ct_deallocate(slots);
}

/* Where the schedule stands. */
static void plan_time(ct_optimizer *optimizer, ct__loading *loading, const char *before)
{
    int64_t numbers = (int64_t)optimizer->schedules * CT_SCHEDULE_MEMORY;
    const int64_t *at = ct__loading_numbers(loading, before, "time", CT_INT64, 2);
    const double *memory = ct__loading_numbers(loading, before, "memory", CT_FLOAT64, numbers);
    if (!at || (numbers > 0 && !memory))
        return;
    if (at[0] < 0 || at[1] < 0)
        ct_error_set(CT_ERROR_FORMAT, "load: %s is of step %lld, epoch %lld", loading->path, (long long)at[0],
                     (long long)at[1]);
    ct__training_time time = {at[0], optimizer->time.steps, at[1], optimizer->time.epochs};
    ct__loading_bytes(loading, &optimizer->time, &time, sizeof time);
    if (numbers > 0)
        ct__loading_bytes(loading, optimizer->memory, memory, (size_t)numbers * sizeof *memory);
}

static void plan_states(const ct__slot *s, ct__loading *loading, const char *before)
{
    for (int k = 0; k < CT_OPTIMIZER_STATES && s->states[k]; k++) {
        char *name = state_name(s, k);
        if (name)
            ct__loading_tensor(loading, before, name, s->states[k]);
        ct_deallocate(name);
    }
}

/* The file's parameters must be the optimiser's, in order: the first that is not is named. */
static void check_names(const ct_optimizer *optimizer, ct__loading *loading, const char *before)
{
    size_t left;
    const char *line = ct__loading_string(loading, before, "parameters", &left);
    for (int64_t i = 0; line && (i < optimizer->count || left > 0); i++) {
        const char *want = i < optimizer->count ? optimizer->slots[i].name : "", *end = memchr(line, '\n', left);
        size_t length = end ? (size_t)(end - line) : left;
        if (length != strlen(want) || memcmp(line, want, length) != 0) {
            ct_error_set(CT_ERROR_FORMAT, "load: %s has \"%.*s\" where the optimizer has \"%s\"", loading->path,
                         (int)(length < 200 ? length : 200), line, want);
            return;
        }
        left -= length + (end != NULL);
        line += length + (end != NULL);
    }
}

void ct__optimizer_plan(ct_optimizer *optimizer, ct__loading *loading, const char *before)
{
    char text[SCHEDULE_TEXT];
    ct__loading_text(loading, before, "rule", optimizer->rule->name);
    ct__loading_text(loading, before, "schedule", schedule_of(optimizer, text));
    check_names(optimizer, loading, before);
    const double *lr = ct__loading_numbers(loading, before, "lr", CT_FLOAT64, 1);
    if (lr)
        ct__loading_bytes(loading, &optimizer->lr, lr, sizeof *lr);
    plan_time(optimizer, loading, before);
    plan_slots(optimizer, loading, before);
    for (int64_t i = 0; i < optimizer->count; i++)
        plan_states(&optimizer->slots[i], loading, before);
}

ct_status ct_optimizer_load(ct_optimizer *optimizer, const char *path)
{
    if (ct_error_code() != CT_OK || ct_object_check(optimizer, "optimizer", "optimizer_load") != CT_OK)
        return ct_error_code();
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "optimizer_load: the path is NULL");
    ct__loading loading = ct__loading_open(path);
    ct__optimizer_plan(optimizer, &loading, "");
    ct__loading_nothing_else(&loading);
    return ct__loading_close(&loading);
}
