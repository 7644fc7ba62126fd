/* A training that is running, as its loop, its checkpoints, its display and its history share it.
 *
 * Invariant: what stands here after a step of the optimiser, with the weights, decides all that follows. */
#ifndef CT_FIT_INTERNAL_H
#define CT_FIT_INTERNAL_H

#include "nn_internal.h"
#include "optimizer_internal.h"
#include <cotan/events.h>
#include "saving.h"

/* Losses and metrics of batches, weighted by their samples. */
typedef struct ct__sums {
    int64_t samples;
    double loss, metrics[CT_METRICS];
} ct__sums;

/* What a model is measured by. */
typedef struct ct__measures {
    ct_loss loss;
    const ct_metric *metrics[CT_METRICS];
    int n;
} ct__measures;

/* The defaults: cross entropy, and accuracy if there is no loss either. */
ct__measures ct__measures_of(ct_loss loss, const ct_metric *const *metrics);
/* Adds a batch of n samples whose loss is known. */
ct_status ct__sums_add(ct__sums *sums, const ct__measures *measures, ct_tensor *output, ct_tensor *target, int64_t n,
                       double loss);

/* A model of one input or of several; the other function is NULL. */
typedef struct ct__predictor {
    ct_model forward;
    ct_model_of_many forward_many;
    void *model;
} ct__predictor;

/* One of them is there, and takes the samples of the data set; otherwise the error "<what>: ...". */
ct_status ct__predictor_check(const ct__predictor *predictor, const ct_dataset *dataset, const char *what);
/* The output for a batch of n tensors, of which the last is the target. */
ct_tensor *ct__predict(const ct__predictor *predictor, ct_tensor *const *tensors, int n);
/* Measures the model on a whole data set, batch_size samples at a time. */
ct_status ct__measure(const ct__predictor *predictor, const ct_dataset *dataset, const ct__measures *measures,
                      int64_t batch_size, ct__sums *sums);

/* The weights of the best epoch so far. */
typedef struct ct__best {
    double loss;        /* INFINITY: no epoch yet */
    int64_t bad_epochs; /* since */
    int64_t count;
    ct_tensor **weights; /* of the training, the owner's */
    const char **names;
    ct_tensor **copies; /* kept; NULL: early stopping is off */
} ct__best;

/* What was measured in each epoch, a row each: loss, metrics, validation's loss and metrics, learning rate. */
enum { CT__HISTORY_ROW = 2 * (1 + CT_METRICS) + 1 };

typedef struct ct__fit {
    ct__predictor predictor;
    ct_optimizer *optimizer;
    const ct_dataset *dataset;
    ct_batches *batches;
    ct_fit_options options;
    ct__measures measures;
    ct_progress progress;
    ct__sums sums; /* of this epoch */
    ct__best best;
    double (*history)[CT__HISTORY_ROW]; /* [epochs done] */
    int64_t epochs_done;
    ct_events *events; /* NULL: none asked for */
    bool stopped;
    struct {
        FILE *stream; /* NULL: silent */
        bool terminal;
        double epoch_start, shown; /* seconds; when this epoch began, when a line was last written */
        int64_t first_samples;     /* of this epoch, done before it was resumed */
    } display;
} ct__fit;

ct_status ct__best_begin(ct__fit *f);
ct_status ct__best_take(ct__fit *f, double loss);
void ct__best_restore(ct__fit *f);
void ct__best_end(ct__fit *f);

void ct__display_begin(ct__fit *f);
void ct__display_epoch_begins(ct__fit *f);
void ct__display_batch(ct__fit *f);
void ct__display_epoch_ends(ct__fit *f);

ct_status ct__history_add(ct__fit *f);
/* Begins the event file that is asked for. */
ct_status ct__history_begin(ct__fit *f);
/* Before the epoch's last step: writes the histograms of gradients that are asked for. */
ct_status ct__history_gradients(const ct__fit *f);
/* Writes the log, the curves and the events that are asked for. */
ct_status ct__history_write(const ct__fit *f);
ct_status ct__history_end(ct__fit *f);

/* Everything into the checkpoint, if there is one. */
ct_status ct__checkpoint_write(const ct__fit *f);
/* Puts a checkpoint's training into f, if its file is there. */
ct_status ct__checkpoint_read(ct__fit *f);

#endif
