/* The training loop.
 *
 * Invariant: what a batch makes belongs to its scope and is gone after it. Between two steps of the optimiser the parameters have
 * no gradients. */
#include "fit_internal.h"
#include <math.h>

CT_OPTIONS_INIT(ct_fit_options)

const char ct_stdout = 0;

/* ---- one batch ---- */

/* The means over this epoch's samples so far. */
static void count_batch(ct__fit *f, double loss, int64_t n)
{
    ct_progress *p = &f->progress;
    double samples = (double)f->sums.samples;
    p->loss = loss;
    p->step++;
    p->epoch_step++;
    p->epoch_samples += n;
    p->epoch_loss = f->sums.loss / samples;
    for (int i = 0; i < f->measures.n; i++)
        p->epoch_metrics[i] = f->sums.metrics[i] / samples;
}

/* Forward and backward. The gradients of a step's batches add up to that of the mean over its samples. */
static ct_status learn_batch(ct__fit *f, ct_tensor *const *tensors, int64_t step_samples)
{
    int last = ct_dataset_tensors(f->dataset) - 1;
    ct_tensor *y = tensors[last], *output = ct__predict(&f->predictor, tensors, last + 1);
    ct_tensor *loss = f->measures.loss(output, y);
    int64_t n = ct_size(y, 0);
    double value = loss ? ct_item(loss) : NAN;
    if (loss && ct_error_code() == CT_OK && !isfinite(value))
        return ct_error_set(CT_ERROR_STATE, "fit: the loss is %g at step %lld (learning rate %g)", value,
                            (long long)f->progress.step + 1, f->progress.lr);
    if (n != step_samples)
        loss = ct_mul_scalar(loss, (double)n / (double)step_samples);
    if (ct_backward(loss, NULL) != CT_OK || ct__sums_add(&f->sums, &f->measures, output, y, n, value) != CT_OK)
        return ct_error_code();
    count_batch(f, value, n);
    return CT_OK;
}

/* The next batch, in a scope of its own; what it changed in buffers is put back if the step fails later. */
static ct_status next_batch(ct__fit *f, int64_t step_samples)
{
    ct_tensor *tensors[CT_SAMPLE_TENSORS];
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    if (ct_batches_next_tensors(f->batches, tensors))
        learn_batch(f, tensors, step_samples);
    ct_scope_return_guards();
    return ct__nn_scope_close();
}

/* Shows how far it is; false when the user ends it. */
static bool tell(ct__fit *f)
{
    ct__display_batch(f);
    if (f->options.progress && !f->options.progress(&f->progress, f->options.user))
        f->stopped = true;
    return !f->stopped && ct_error_code() == CT_OK;
}

/* ---- one step of the optimiser ---- */

static double clip(const ct__fit *f)
{
    CT_OPTIONS(ct_clip_options, options, );
    return ct__clip_grad_norm(f->best.weights, f->best.count, f->options.clip_norm, &options);
}

static ct_status change_parameters(ct__fit *f)
{
    const ct_fit_options *o = &f->options;
    if (f->progress.epoch_step == f->progress.epoch_steps && ct__history_gradients(f) != CT_OK)
        return ct_error_code();
    if (!ct_is_unset(o->clip_norm)) {
        f->progress.grad_norm = clip(f);
        if (ct_error_code() != CT_OK)
            return ct_error_code();
    }
    ct_status status = ct_optimizer_step(f->optimizer);
    if (status == CT_OK && o->average)
        status = ct_average_update(o->average);
    ct_optimizer_zero_grad(f->optimizer);
    return status;
}

/* Whether this is the batch after which a checkpoint is due, other than at the epoch's end. */
static bool checkpoint_due(const ct__fit *f, int64_t step_before)
{
    int64_t every = f->options.checkpoint_steps;
    return every > 0 && f->progress.step / every != step_before / every &&
           f->progress.epoch_step < f->progress.epoch_steps;
}

/* As many batches as make a step of so many samples, and the step; between them the user may end it. */
static ct_status learn_step(ct__fit *f, int64_t samples)
{
    const ct_progress *p = &f->progress;
    for (int64_t i = 1; next_batch(f, samples) == CT_OK; i++) {
        if (i == f->options.accumulate || p->epoch_step == p->epoch_steps)
            return change_parameters(f);
        if (!tell(f))
            break;
    }
    return ct_error_code();
}

/* A step: all of it, or nothing if it fails. False when the user ended it, or an error is pending. */
static bool next_step(ct__fit *f)
{
    const ct_fit_options *o = &f->options;
    const ct_progress *p = &f->progress;
    int64_t left = ct_batches_samples(f->batches) - p->epoch_samples, before = p->step;
    int64_t samples = o->accumulate > left / o->batch_size ? left : o->accumulate * o->batch_size;
    f->progress.lr = ct_optimizer_lr(f->optimizer) * ct_optimizer_factor(f->optimizer);
    if (ct_scope_open() != CT_OK)
        return false;
    learn_step(f, samples);
    if (ct__nn_scope_close() != CT_OK || f->stopped || !tell(f))
        return false;
    return !checkpoint_due(f, before) || ct__checkpoint_write(f) == CT_OK;
}

/* ---- one epoch ---- */

static void forget_validation(ct_progress *p)
{
    p->validation_loss = NAN;
    for (int i = 0; i < CT_METRICS; i++)
        p->validation_metrics[i] = NAN;
}

static ct_status validate(ct__fit *f)
{
    ct__sums sums = {0};
    if (!f->options.validation)
        return CT_OK;
    ct_status status = ct__measure(&f->predictor, f->options.validation, &f->measures, f->options.batch_size, &sums);
    if (status != CT_OK)
        return status;
    f->progress.validation_loss = sums.loss / (double)sums.samples;
    for (int i = 0; i < f->measures.n; i++)
        f->progress.validation_metrics[i] = sums.metrics[i] / (double)sums.samples;
    return CT_OK;
}

/* All that follows an epoch's last step. */
static ct_status end_epoch(ct__fit *f)
{
    ct_status status = validate(f);
    double measure = f->options.validation ? f->progress.validation_loss : f->progress.epoch_loss;
    if (status == CT_OK)
        status = ct_optimizer_epoch(f->optimizer, measure);
    if (status == CT_OK)
        status = ct__best_take(f, measure);
    if (status == CT_OK)
        status = ct__history_add(f);
    if (status != CT_OK)
        return status;
    ct__display_epoch_ends(f);
    if (f->options.epoch_end && !f->options.epoch_end(&f->progress, f->options.user))
        f->stopped = true;
    status = ct_error_code();
    if (status == CT_OK)
        status = ct__history_write(f);
    return status == CT_OK ? ct__checkpoint_write(f) : status;
}

/* Goes to where the training stands in this epoch: past the batches that are done. */
static ct_status begin_epoch(ct__fit *f)
{
    ct_status status = ct_batches_start(f->batches, f->progress.epoch - 1);
    if (status == CT_OK)
        ct__batches_skip(f->batches, f->progress.epoch_step);
    ct__display_epoch_begins(f);
    return status;
}

static ct_status run_epoch(ct__fit *f)
{
    ct_status status = begin_epoch(f);
    forget_validation(&f->progress);
    while (status == CT_OK && f->progress.epoch_step < f->progress.epoch_steps && next_step(f))
        continue;
    status = ct_error_code();
    bool whole = f->progress.epoch_step == f->progress.epoch_steps;
    return status == CT_OK && whole ? end_epoch(f) : status;
}

static ct_status run_epochs(ct__fit *f)
{
    ct_status status = CT_OK;
    while (f->epochs_done < f->options.epochs && !f->stopped && status == CT_OK) {
        f->progress.epoch = f->epochs_done + 1;
        status = run_epoch(f);
        if (f->epochs_done == f->progress.epoch) { /* the next begins at its beginning */
            f->progress.epoch_step = f->progress.epoch_samples = 0;
            f->sums = (ct__sums){0};
        }
    }
    return status;
}

/* ---- the whole ---- */

static ct_status check(const ct__predictor *predictor, const ct_optimizer *optimizer, const ct_dataset *dataset,
                       const ct_fit_options *o)
{
    if (ct__predictor_check(predictor, dataset, "fit") != CT_OK ||
        ct_object_check(optimizer, "optimizer", "fit") != CT_OK)
        return ct_error_code();
    if (o->validation && ct__predictor_check(predictor, o->validation, "fit: validation") != CT_OK)
        return ct_error_code();
    const struct {
        const char *name;
        int64_t value, least;
    } rows[] = {
        {"epochs", o->epochs, 0},
        {"batch_size", o->batch_size, 1},
        {"accumulate", o->accumulate, 1},
        {"checkpoint_steps", o->checkpoint_steps, 0},
        {"histograms", o->histograms, 0},
        {"early_stopping", o->early_stopping == CT_UNSET_INT ? 1 : o->early_stopping, 1},
    };
    for (size_t i = 0; i < CT_LENGTH(rows); i++)
        if (rows[i].value < rows[i].least)
            return ct_error_set(CT_ERROR_ARGUMENT, "fit: %s must be at least %lld: %lld", rows[i].name,
                                (long long)rows[i].least, (long long)rows[i].value);
    if (!ct_is_unset(o->clip_norm) && !(o->clip_norm >= 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "fit: clip_norm must not be negative: %g", o->clip_norm);
    return CT_OK;
}

/* a * b, or INT64_MAX. */
static int64_t product(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

/* The optimiser takes fewer steps than there are batches if it accumulates. */
static ct_status begin_schedule(ct__fit *f)
{
    if (!f->options.schedule)
        return CT_OK;
    int64_t batches = f->progress.epoch_steps, k = f->options.accumulate;
    CT_OPTIONS(ct_optimizer_schedule_options, whole,
               .steps = product(f->options.epochs, batches / k + (batches % k != 0)), .epochs = f->options.epochs);
    return ct_optimizer_schedule(f->optimizer, f->options.schedule, &whole);
}

static void begin_progress(ct__fit *f)
{
    f->progress.epochs = f->options.epochs;
    f->progress.epoch_steps = ct_batches_count(f->batches);
    f->progress.steps = product(f->options.epochs, f->progress.epoch_steps);
    memcpy(f->progress.metrics, f->measures.metrics, sizeof f->progress.metrics);
    f->progress.n_metrics = f->measures.n;
    f->progress.grad_norm = NAN;
    forget_validation(&f->progress);
}

static ct_status run(ct__fit *f)
{
    begin_progress(f);
    ct__display_begin(f);
    ct_status status = begin_schedule(f);
    if (status == CT_OK)
        status = ct__best_begin(f);
    if (status == CT_OK)
        status = ct__checkpoint_read(f);
    ct_optimizer_zero_grad(f->optimizer);
    if (status == CT_OK)
        status = ct__history_begin(f);
    if (status == CT_OK)
        status = run_epochs(f);
    if (status == CT_OK)
        ct__best_restore(f);
    ct_status ended = ct__history_end(f);
    status = status == CT_OK ? ended : status;
    ct__best_end(f);
    ct_optimizer_zero_grad(f->optimizer);
    if (f->options.schedule)
        ct_optimizer_schedule(f->optimizer, NULL, NULL);
    return status;
}

ct_status ct_fit(ct_model forward, void *model, ct_optimizer *optimizer, const ct_dataset *dataset,
                 const ct_fit_options *options)
{
    CT_READ_OPTIONS(ct_fit_options, o, options, "fit");
    ct__fit f = {.optimizer = optimizer, .dataset = dataset};
    f.predictor = (ct__predictor){forward, o ? o->forward_many : NULL, model};
    if (!o || ct_error_code() != CT_OK || check(&f.predictor, optimizer, dataset, o) != CT_OK)
        return ct_error_code();
    f.options = *o;
    ct_module *module = ct__optimizer_module(optimizer);
    bool in_evaluation = module && !ct_module_training(module);
    f.measures = ct__measures_of(o->loss, o->metrics);
    CT_OPTIONS(ct_batches_options, order, .size = o->batch_size, .shuffle = !o->weights, .seed = o->seed,
               .drop_last = o->drop_last, .weights = o->weights, .workers = o->workers);
    memcpy(order.transforms, o->transforms, sizeof order.transforms);
    f.batches = ct_batches_new(dataset, &order);
    if (in_evaluation)
        ct_module_train(module, true);
    ct_status status = f.batches ? run(&f) : ct_error_code();
    if (in_evaluation)
        ct_module_train(module, false);
    ct_batches_free(f.batches);
    ct_deallocate(f.history);
    return status;
}
