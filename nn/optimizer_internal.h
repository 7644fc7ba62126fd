/* What the files of the optimiser share: the engine, its schedule, saving and training.
 *
 * Invariant: a slot's states are as many as the rule keeps with the slot's options. */
#ifndef CT_OPTIMIZER_INTERNAL_H
#define CT_OPTIMIZER_INTERNAL_H

#include "nn_internal.h"
#include <cotan/trace.h>

enum { CT__SCHEDULES = 16 }; /* records in a product */

/* Where a training is; steps and epochs 0: how long it lasts is not known. */
typedef struct ct__training_time {
    int64_t step, steps, epoch, epochs;
} ct__training_time;

/* A parameter, and all that an optimiser has of it. */
typedef struct ct__slot {
    ct_tensor *parameter;
    char *name;                             /* the slot's */
    int64_t index;                          /* in the module */
    ct_optimizer_options options;           /* all numbers set */
    bool own_lr;                            /* a group gave it */
    ct_tensor *states[CT_OPTIMIZER_STATES]; /* kept; NULL from the first that the rule does not keep */
    const void *gradient;                   /* of the step that is running; NULL: none */
    int64_t step;
    double number; /* the rule's */
} ct__slot;

struct ct_optimizer {
    const ct_optimizer_rule *rule;
    const ct_module *module; /* NULL: loose tensors */
    double lr;               /* of the slots that no group gave one */
    int64_t count;
    ct__slot *slots;
    ct__training_time time; /* of the schedule */
    int schedules;
    ct_schedule schedule[CT__SCHEDULES];
    double memory[CT__SCHEDULES][CT_SCHEDULE_MEMORY];
};

/* An option: its name, its place in the struct, what kind it is, and what a number must be below. */
typedef struct ct__option {
    const char *name;
    size_t place;
    enum { CT__NUMBER, CT__FLAG, CT__FORM } kind;
    double below;
} ct__option;

#define CT__OPTIONS 16
extern const ct__option ct__optimizer_options[CT__OPTIONS];
double ct__option_get(const ct_optimizer_options *options, const ct__option *option);
void ct__option_set(ct_optimizer_options *options, const ct__option *option, double value);

/* An optimiser with room for that many slots; *all gets every option. NULL with an error. */
ct_optimizer *ct__optimizer_empty(const ct_optimizer_rule *rule, int64_t most, const ct_optimizer_options *options,
                                  ct_optimizer_options *all);
/* One more slot, for p. The name is copied. */
ct_status ct__optimizer_add(ct_optimizer *optimizer, ct_tensor *p, const char *name, int64_t index,
                            const ct_optimizer_options *all);

/* Tells a trace how one element of the parameter, that with the largest gradient, is about to be changed. */
void ct__tell_arithmetic(const ct_optimizer_rule *rule, const ct_update *u, ct_tensor *parameter);

/* ct_clip_grad_norm_() for n parameters. */
double ct__clip_grad_norm(ct_tensor *const *parameters, int64_t n, double max_norm, const ct_clip_options *options);

/* Copies the records that schedule leads to into list [CT__SCHEDULES]; how many, or -1 with an error. */
int ct__schedule_list(const ct_schedule *schedule, const ct__training_time *whole, ct_schedule *list);
/* The product of n records' factors, memory [n * CT_SCHEDULE_MEMORY]; NaN with an error. */
double ct__schedule_product(const ct_schedule *list, int n, const double *memory, const ct__training_time *now);

#endif
