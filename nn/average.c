/* Averages of numbers, and of a module's parameters.
 *
 * Invariant: an average has one tensor for each parameter that the module had when it was made. */
#include "saving.h"
#include <math.h>

double ct_running_average_add(ct_running_average *average, double x)
{
    if (!average || !(average->beta >= 0 && average->beta < 1)) {
        ct_error_set(average ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "running_average: %s",
                     average ? "beta must be in [0, 1)" : "the average is NULL");
        return NAN;
    }
    average->sum = average->beta * average->sum + (1 - average->beta) * x;
    average->rest = average->beta * average->rest + (1 - average->beta);
    return average->sum / average->rest;
}

/* ---- of parameters ---- */

typedef struct member {
    ct_tensor *parameter, *average; /* average is kept */
    int64_t index;                  /* in the module */
} member;

struct ct_average {
    const ct_module *module;
    double decay; /* CT_UNSET: the plain mean */
    int64_t updates, count;
    member *members;
};

CT_OPTIONS_INIT(ct_average_options)

static ct_status add_member(ct_average *average, int64_t index)
{
    ct_tensor *p = ct_module_tensor(average->module, index);
    if (!ct_is_contiguous(p))
        return ct_error_set(CT_ERROR_STATE, "average: parameter \"%s\" is not contiguous",
                            ct_module_name(average->module, index));
    ct_tensor *own = ct_keep(ct_zeros_like(p));
    if (own)
        average->members[average->count++] = (member){.parameter = p, .average = own, .index = index};
    return own ? CT_OK : ct_error_code();
}

ct_average *ct_average_new(ct_module *module, const ct_average_options *options)
{
    CT_READ_OPTIONS(ct_average_options, o, options, "average");
    if (!o || ct_object_check(module, "module", "average") != CT_OK)
        return NULL;
    if (!ct_is_unset(o->decay) && !(o->decay >= 0 && o->decay < 1)) {
        ct_error_set(CT_ERROR_ARGUMENT, "average: decay must be in [0, 1): %g", o->decay);
        return NULL;
    }
    ct_average *average = ct_object_new("average", sizeof *average);
    if (!average)
        return NULL;
    *average = (ct_average){.module = module, .decay = o->decay};
    average->members = ct__nn_alloc("average", ct_module_parameters(module), sizeof *average->members);
    ct_status status = average->members ? CT_OK : ct_error_code();
    for (int64_t i = 0; i < ct_module_count(module) && status == CT_OK; i++)
        if (ct_module_is_parameter(module, i))
            status = add_member(average, i);
    if (status == CT_OK)
        return average;
    ct_average_free(average);
    return NULL;
}

void ct_average_free(ct_average *average)
{
    if (!average || ct_object_check(average, "average", "average_free") != CT_OK)
        return;
    for (int64_t i = 0; i < average->count; i++)
        ct_release(average->members[i].average);
    ct_deallocate(average->members);
    ct_object_free(average);
}

int64_t ct_average_count(const ct_average *average)
{
    return average && ct_object_check(average, "average", "average_count") == CT_OK ? average->updates : 0;
}

/* Alive, and the module's parameters are those that it had. */
static ct_status check_alive(const ct_average *average, const char *what)
{
    ct_status status = ct_error_code();
    if (status == CT_OK)
        status = ct_object_check(average, "average", what);
    if (status == CT_OK)
        status = ct_object_check(average->module, "module", what);
    for (int64_t i = 0; status == CT_OK && i < average->count; i++)
        if (ct_module_tensor(average->module, average->members[i].index) != average->members[i].parameter)
            status = ct_error_set(CT_ERROR_STATE, "%s: \"%s\" is not the tensor that it was", what,
                                  ct_module_name(average->module, average->members[i].index));
    return status;
}

/* a += weight (p - a), as torch.optim.swa_utils has both kinds. */
#define MOVE(REAL)                                                          \
    static void move_##REAL(REAL *a, const REAL *p, REAL weight, int64_t n) \
    {                                                                       \
        for (int64_t i = 0; i < n; i++)                                     \
            a[i] += weight * (p[i] - a[i]);                                 \
    }
MOVE(float)
MOVE(double)

static void move(const member *m, double weight)
{
    int64_t n = ct_numel(m->parameter);
    void *a = ct_data_mut(m->average);
    const void *p = ct_data(m->parameter);
    if (ct_dtype_of(m->parameter) == CT_FLOAT32)
        move_float(a, p, (float)weight, n);
    else
        move_double(a, p, weight, n);
}

ct_status ct_average_update(ct_average *average)
{
    ct_status status = check_alive(average, "average_update");
    if (status != CT_OK)
        return status;
    double weight = ct_is_unset(average->decay) ? 1 / (double)(average->updates + 1) : 1 - average->decay;
    for (int64_t i = 0; i < average->count; i++)
        move(&average->members[i], average->updates == 0 ? 1 : weight);
    average->updates++;
    return CT_OK;
}

static void exchange(void *a, void *b, size_t bytes)
{
    unsigned char block[4096];
    for (size_t done = 0; done < bytes; done += sizeof block) {
        size_t n = bytes - done < sizeof block ? bytes - done : sizeof block;
        memcpy(block, (char *)a + done, n);
        memcpy((char *)a + done, (char *)b + done, n);
        memcpy((char *)b + done, block, n);
    }
}

ct_status ct_average_exchange(ct_average *average)
{
    ct_status status = check_alive(average, "average_exchange");
    if (status == CT_OK && average->updates == 0)
        status = ct_error_set(CT_ERROR_STATE, "average_exchange: nothing has been averaged yet");
    for (int64_t i = 0; status == CT_OK && i < average->count; i++) {
        const member *m = &average->members[i];
        size_t bytes = (size_t)ct_numel(m->parameter) * ct_dtype_size(ct_dtype_of(m->parameter));
        if (bytes > 0)
            exchange(ct_data_mut(m->parameter), ct_data_mut(m->average), bytes);
        ct_note_write(m->parameter, "average_exchange", NULL, 0);
    }
    return status;
}

/* ---- statistics of batch norms ---- */

static ct_status run_batches(ct_batches *batches, ct_model forward, void *model)
{
    ct_tensor *x, *y;
    ct_each_batch each = ct_each_batch_begin(batches);
    while (each.more && ct_each_batch_next(&each, &x, &y))
        forward(model, x);
    ct_each_batch_end(&each);
    return ct_error_code();
}

ct_status ct_update_bn(ct_batches *batches, ct_model forward, void *model, ct_module *module)
{
    if (ct_error_code() != CT_OK || ct_object_check(module, "module", "update_bn") != CT_OK)
        return ct_error_code();
    if (!forward)
        return ct_error_set(CT_ERROR_NULL, "update_bn: the model is NULL");
    bool in_evaluation = !ct_module_training(module);
    if (in_evaluation)
        ct_module_train(module, true);
    ct_no_grad_begin();
    ct__batch_norms_mean(module, true);
    ct_status status = run_batches(batches, forward, model);
    ct__batch_norms_mean(module, false);
    ct_no_grad_end();
    if (in_evaluation)
        ct_module_train(module, false);
    return status;
}

/* ---- in files ---- */

void ct__average_put(const ct_average *average, ct__saving *saving, const char *before)
{
    ct__saving_integers(saving, before, "updates", &average->updates, 1);
    for (int64_t i = 0; i < average->count; i++) {
        char *name = ct__nn_joined("tensor.", ct_module_name(average->module, average->members[i].index));
        if (name)
            ct__saving_add(saving, before, name, average->members[i].average);
        ct_deallocate(name);
    }
}

void ct__average_plan(ct_average *average, ct__loading *loading, const char *before)
{
    const int64_t *updates = ct__loading_numbers(loading, before, "updates", CT_INT64, 1);
    if (updates)
        ct__loading_bytes(loading, &average->updates, updates, sizeof *updates);
    for (int64_t i = 0; i < average->count; i++) {
        char *name = ct__nn_joined("tensor.", ct_module_name(average->module, average->members[i].index));
        if (name)
            ct__loading_tensor(loading, before, name, average->members[i].average);
        ct_deallocate(name);
    }
}
