/* The best epoch's weights, in memory for early stopping, which says when to end, and in a file.
 *
 * Invariant: copies has a tensor for each of weights. */
#include "fit_internal.h"
#include <math.h>

/* The tensors that a training changes: the module's, or those of an optimiser without one. */
static void list_weights(ct__fit *f)
{
    const ct_module *module = f->optimizer->module;
    ct__best *b = &f->best;
    for (int64_t i = 0; module && i < ct_module_count(module); i++)
        if (ct_module_tied(module, i) < 0) {
            b->weights[b->count] = ct_module_tensor(module, i);
            b->names[b->count++] = ct_module_name(module, i);
        }
    for (int64_t i = 0; !module && i < f->optimizer->count; i++) {
        b->weights[b->count] = f->optimizer->slots[i].parameter;
        b->names[b->count++] = f->optimizer->slots[i].name;
    }
}

static ct_status make_copies(ct__best *b)
{
    b->copies = ct__nn_alloc("fit", b->count, sizeof *b->copies);
    for (int64_t i = 0; b->copies && i < b->count; i++)
        if (!(b->copies[i] = ct_keep(ct_zeros_like(b->weights[i]))))
            return ct_error_code();
    return b->copies ? CT_OK : ct_error_code();
}

ct_status ct__best_begin(ct__fit *f)
{
    ct__best *b = &f->best;
    const ct_module *module = f->optimizer->module;
    if (module && ct_object_check(module, "module", "fit") != CT_OK)
        return ct_error_code();
    int64_t most = module ? ct_module_count(module) : f->optimizer->count;
    b->loss = INFINITY;
    b->weights = ct__nn_alloc("fit", most, sizeof *b->weights);
    b->names = ct__nn_alloc("fit", most, sizeof *b->names);
    if (!b->weights || !b->names)
        return ct_error_code();
    list_weights(f);
    return f->options.early_stopping == CT_UNSET_INT ? CT_OK : make_copies(b);
}

static ct_status save_best(const ct__fit *f)
{
    const ct__best *b = &f->best;
    if (f->optimizer->module)
        return ct_module_save(f->optimizer->module, f->options.best);
    return ct_safetensors_save(f->options.best, b->names, b->weights, b->count);
}

/* An epoch has ended with that loss. */
ct_status ct__best_take(ct__fit *f, double loss)
{
    ct__best *b = &f->best;
    if (!(loss < b->loss)) {
        b->bad_epochs++;
        f->stopped = f->stopped || (b->copies && b->bad_epochs >= f->options.early_stopping);
        return CT_OK;
    }
    b->loss = loss;
    b->bad_epochs = 0;
    for (int64_t i = 0; b->copies && i < b->count; i++)
        ct_copy_(b->copies[i], b->weights[i]);
    return f->options.best && ct_error_code() == CT_OK ? save_best(f) : ct_error_code();
}

void ct__best_restore(ct__fit *f)
{
    const ct__best *b = &f->best;
    for (int64_t i = 0; b->copies && isfinite(b->loss) && i < b->count; i++)
        ct_copy_(b->weights[i], b->copies[i]);
}

void ct__best_end(ct__fit *f)
{
    ct__best *b = &f->best;
    for (int64_t i = 0; b->copies && i < b->count; i++)
        ct_release(b->copies[i]);
    ct_deallocate(b->copies);
    ct_deallocate(b->weights);
    ct_deallocate(b->names);
}
