/* Checkpoints: all that a training is, in one file that is written whole, and back.
 *
 * Names in the file: "model.<tensor>", "best.<tensor>" with early stopping, those of the optimiser after "optimizer.", of the
 * average after "average.", and "fit.settings", "fit.place", "fit.sums", "fit.history", "fit.metrics".
 *
 * Invariant: a checkpoint is taken between two steps, where no gradient and no batch is left. */
#include "fit_internal.h"
#include <math.h>

/* ---- what is in it ---- */

/* Settings that must be the same for the training to go on. */
enum { SETTINGS = 8 };
static const char *const setting_names[SETTINGS] = {"seed",           "batch_size", "samples", "accumulate",
                                                    "early stopping", "validation", "weights", "transforms"};

static int64_t transforms_of(const ct_fit_options *o)
{
    int64_t n = 0;
    while (n < CT_TRANSFORMS && o->transforms[n])
        n++;
    return n;
}

static void settings_of(const ct__fit *f, int64_t *settings)
{
    const ct_fit_options *o = &f->options;
    const int64_t all[SETTINGS] = {(int64_t)o->seed,   o->batch_size,          ct_batches_samples(f->batches),
                                   o->accumulate,      f->best.copies != NULL, o->validation != NULL,
                                   o->weights != NULL, transforms_of(o)};
    memcpy(settings, all, sizeof all);
}

/* Where the training stands. */
enum { EPOCHS_DONE, EPOCH_STEP, STEP, EPOCH_SAMPLES, BAD_EPOCHS, STOPPED, RANDOM_SEED, RANDOM_COUNTER, PLACES };

static void place_of(const ct__fit *f, int64_t *place)
{
    const ct_progress *p = &f->progress;
    bool at_end = f->epochs_done == p->epoch; /* of an epoch: the next begins at its beginning */
    ct_random_state random = ct_random_get();
    place[EPOCHS_DONE] = f->epochs_done;
    place[EPOCH_STEP] = at_end ? 0 : p->epoch_step;
    place[STEP] = p->step;
    place[EPOCH_SAMPLES] = at_end ? 0 : p->epoch_samples;
    place[BAD_EPOCHS] = f->best.bad_epochs;
    place[STOPPED] = f->stopped;
    place[RANDOM_SEED] = (int64_t)random.seed;
    place[RANDOM_COUNTER] = (int64_t)random.counter;
}

/* Loss and metrics of the epoch so far, and the best loss. */
enum { SUM_LOSS, BEST_LOSS, SUM_METRICS, SUMS = SUM_METRICS + CT_METRICS };

static void sums_of(const ct__fit *f, double *sums)
{
    bool at_end = f->epochs_done == f->progress.epoch;
    sums[SUM_LOSS] = at_end ? 0 : f->sums.loss;
    sums[BEST_LOSS] = f->best.loss;
    for (int i = 0; i < CT_METRICS; i++)
        sums[SUM_METRICS + i] = at_end ? 0 : f->sums.metrics[i];
}

/* "accuracy mse " */
static const char *metrics_of(const ct__fit *f, char *text, size_t size)
{
    size_t end = 0;
    text[0] = 0;
    for (int i = 0; i < f->measures.n; i++)
        end += (size_t)snprintf(text + end, size - end, "%.60s ", f->measures.metrics[i]->name);
    return text;
}

/* ---- writing ---- */

static void put_fit(const ct__fit *f, ct__saving *saving)
{
    int64_t settings[SETTINGS], place[PLACES], shape[] = {f->epochs_done, CT__HISTORY_ROW};
    double sums[SUMS], none = 0;
    char metrics[CT_METRICS * 64];
    settings_of(f, settings);
    place_of(f, place);
    sums_of(f, sums);
    ct__saving_integers(saving, "fit.", "settings", settings, SETTINGS);
    ct__saving_integers(saving, "fit.", "place", place, PLACES);
    ct__saving_numbers(saving, "fit.", "sums", sums, SUMS);
    ct__saving_text(saving, "fit.", "metrics", metrics_of(f, metrics, sizeof metrics));
    ct__saving_add(saving, "fit.", "history",
                   ct_from_array(CT_FLOAT64, f->history ? (const void *)f->history : &none, shape, 2));
}

static void put_all(const ct__fit *f, ct__saving *saving)
{
    const ct__best *b = &f->best;
    put_fit(f, saving);
    for (int64_t i = 0; i < b->count; i++) {
        ct__saving_add(saving, "model.", b->names[i], b->weights[i]);
        if (b->copies)
            ct__saving_add(saving, "best.", b->names[i], b->copies[i]);
    }
    ct__optimizer_put(f->optimizer, saving, "optimizer.");
    if (f->options.average)
        ct__average_put(f->options.average, saving, "average.");
}

ct_status ct__checkpoint_write(const ct__fit *f)
{
    char *path = f->options.checkpoint ? ct__nn_joined(f->options.checkpoint, ".safetensors") : NULL;
    if (!path || ct_scope_open() != CT_OK) {
        ct_deallocate(path);
        return ct_error_code();
    }
    ct__saving saving = {0};
    put_all(f, &saving);
    ct__saving_write(&saving, path);
    ct_deallocate(path);
    return ct__nn_scope_close();
}

/* ---- reading ---- */

static void plan_settings(const ct__fit *f, ct__loading *loading)
{
    char metrics[CT_METRICS * 64];
    int64_t want[SETTINGS];
    settings_of(f, want);
    const int64_t *have = ct__loading_numbers(loading, "fit.", "settings", CT_INT64, SETTINGS);
    for (int i = 0; have && i < SETTINGS; i++)
        if (have[i] != want[i])
            ct_error_set(CT_ERROR_FORMAT, "fit: the checkpoint %s was made with %s %lld, not %lld", loading->path,
                         setting_names[i], (long long)have[i], (long long)want[i]);
    ct__loading_text(loading, "fit.", "metrics", metrics_of(f, metrics, sizeof metrics));
}

static ct_status check_place(const ct__fit *f, const int64_t *place, const char *path)
{
    bool good = place[EPOCHS_DONE] >= 0 && place[BAD_EPOCHS] >= 0 && place[EPOCH_STEP] >= 0 &&
                place[EPOCH_STEP] <= f->progress.epoch_steps && place[EPOCH_SAMPLES] >= 0 &&
                place[EPOCH_SAMPLES] <= ct_batches_samples(f->batches) && place[STEP] >= place[EPOCH_STEP];
    return good ? CT_OK : ct_error_set(CT_ERROR_FORMAT, "fit: the checkpoint %s is of no place in this training", path);
}

/* The history of the epochs done, as the file has it, in memory of f's own. */
static void read_history(ct__fit *f, ct__loading *loading, int64_t epochs)
{
    int64_t shape[] = {epochs, CT__HISTORY_ROW};
    ct_tensor *rows = ct_zeros(CT_FLOAT64, shape, 2);
    if (!rows)
        return;
    ct__loading_tensor(loading, "fit.", "history", rows);
    const ct_tensor *found = ct_error_code() == CT_OK ? ct_tensor_file_get(loading->file, "fit.history") : NULL;
    double(*history)[CT__HISTORY_ROW] = found ? ct__nn_alloc("fit", epochs, sizeof *history) : NULL;
    if (history && epochs > 0)
        memcpy(history, ct_data(found), (size_t)epochs * sizeof *history);
    ct_deallocate(f->history);
    f->history = history;
}

static void take_place(ct__fit *f, const int64_t *place, const double *sums)
{
    f->epochs_done = place[EPOCHS_DONE];
    f->progress.epoch_step = place[EPOCH_STEP];
    f->progress.step = place[STEP];
    f->progress.epoch_samples = f->sums.samples = place[EPOCH_SAMPLES];
    f->best.bad_epochs = place[BAD_EPOCHS];
    f->stopped = place[STOPPED] != 0;
    f->best.loss = sums[BEST_LOSS];
    f->sums.loss = sums[SUM_LOSS];
    memcpy(f->sums.metrics, sums + SUM_METRICS, sizeof f->sums.metrics);
}

static void plan_weights(const ct__fit *f, ct__loading *loading)
{
    const ct__best *b = &f->best;
    for (int64_t i = 0; i < b->count; i++) {
        ct__loading_tensor(loading, "model.", b->names[i], b->weights[i]);
        if (b->copies)
            ct__loading_tensor(loading, "best.", b->names[i], b->copies[i]);
    }
    ct__optimizer_plan(f->optimizer, loading, "optimizer.");
    if (f->options.average)
        ct__average_plan(f->options.average, loading, "average.");
    ct__loading_nothing_else(loading);
}

static ct_status read_file(ct__fit *f, const char *path)
{
    ct__loading loading = ct__loading_open(path);
    plan_settings(f, &loading);
    const int64_t *place = ct__loading_numbers(&loading, "fit.", "place", CT_INT64, PLACES);
    const double *sums = ct__loading_numbers(&loading, "fit.", "sums", CT_FLOAT64, SUMS);
    if (place && sums && check_place(f, place, path) == CT_OK)
        read_history(f, &loading, place[EPOCHS_DONE]);
    plan_weights(f, &loading);
    if (ct_error_code() == CT_OK) {
        take_place(f, place, sums);
        ct_random_set((ct_random_state){(uint64_t)place[RANDOM_SEED], (uint64_t)place[RANDOM_COUNTER]});
    }
    return ct__loading_close(&loading);
}

static bool exists(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f)
        fclose(f);
    return f != NULL;
}

ct_status ct__checkpoint_read(ct__fit *f)
{
    char *path = f->options.checkpoint ? ct__nn_joined(f->options.checkpoint, ".safetensors") : NULL;
    if (path && exists(path) && ct_scope_open() == CT_OK) {
        read_file(f, path);
        ct__nn_scope_close();
    }
    ct_deallocate(path);
    return ct_error_code();
}
