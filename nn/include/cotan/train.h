/* Training and evaluation of a model: the loop, what it watches, its checkpoints; and the gradient check of a whole model.
 *
 * A loss, a metric, a schedule or a callback of one's own is a function, or a record with one, that goes where the library's go. */
#ifndef COTAN_TRAIN_H
#define COTAN_TRAIN_H

#include <cotan/optimizer.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- batches ---- */

/* A loop over batches that is running: CT_EACH_BATCH()'s own. */
typedef struct ct_each_batch {
    ct_batches *batches;
    int depth; /* scopes that were open around it */
    bool more; /* the loop has not ended */
} ct_each_batch;

/* Begins an epoch: the first, or the one after that in which the batches stand. */
CT_API ct_each_batch ct_each_batch_begin(ct_batches *batches);
/* Closes the last batch's scope and all that were opened in it, opens one, and makes the next batch there. False at the end of the
 * epoch, and while an error is pending. */
CT_API bool ct_each_batch_next(ct_each_batch *each, ct_tensor **x, ct_tensor **y);
/* Closes the scopes that are open still. */
CT_API void ct_each_batch_end(ct_each_batch *each);

/* CT_EACH_BATCH(batches, x, y) { ... } runs the block once for each batch of one epoch, in a scope of its own; the next such loop
 * takes the next epoch. It declares x and y. break, continue, return and goto leave no scope behind; an error ends the loop. */
#define CT_EACH_BATCH(batches, x, y) CT_EACH_BATCH_(batches, x, y, CT_EACH_NAME_(__LINE__))
#define CT_EACH_NAME_(line) CT_EACH_PASTE_(line)
#define CT_EACH_PASTE_(line) ct_each_##line
#define CT_EACH_BATCH_(batches, x, y, each)                                                                          \
    for (ct_each_batch each __attribute__((cleanup(ct_each_batch_end))) = ct_each_batch_begin(batches); (each).more; \
         (each).more = false)                                                                                        \
        for (ct_tensor *x = NULL, *y = NULL; ct_each_batch_next(&(each), &x, &y);)

/* ---- how good outputs are ---- */

/* Share of the rows of logits [n, classes] whose largest element is at labels [n] (int64). NaN with an error: NULL, shape,
 * dtype. n = 0 gives NaN without one. */
CT_API double ct_accuracy(ct_tensor *logits, ct_tensor *labels);

/* A loss of a batch: 0-d, the mean over its samples. */
typedef ct_tensor *(*ct_loss)(ct_tensor *output, ct_tensor *target);

/* ct_mse_loss(), ct_l1_loss(), ct_huber_loss(), ct_binary_cross_entropy_with_logits() and ct_nll_loss() without options, for
 * .loss = ct_loss_mse. Errors: theirs. */
CT_API ct_tensor *ct_loss_mse(ct_tensor *output, ct_tensor *target);
CT_API ct_tensor *ct_loss_l1(ct_tensor *output, ct_tensor *target);
CT_API ct_tensor *ct_loss_huber(ct_tensor *output, ct_tensor *target);
CT_API ct_tensor *ct_loss_bce_with_logits(ct_tensor *output, ct_tensor *target);
CT_API ct_tensor *ct_loss_nll(ct_tensor *output, ct_tensor *target);

/* A number about a batch, a mean over its samples; NaN with an error. */
typedef struct ct_metric {
    const char *name;
    double (*value)(ct_tensor *output, ct_tensor *target);
} ct_metric;

/* ct_accuracy(); the mean of (output - target)^2, and of |output - target|. */
CT_API extern const ct_metric ct_metric_accuracy, ct_metric_mse, ct_metric_mae;

/* A model of samples with several inputs: the output for a batch's, n of them. */
typedef ct_tensor *(*ct_model_of_many)(void *model, ct_tensor *const *inputs, int n);

#define CT_METRICS 4 /* metrics of a training, at most */

/* How good a model is on a data set. */
typedef struct ct_evaluation {
    double loss, accuracy; /* means over all samples; accuracy NaN if it is not measured */
    int64_t correct, count;
    double metrics[CT_METRICS]; /* as they were asked for */
} ct_evaluation;

typedef struct CT_BY_NAME ct_evaluate_options {
    CT_OPTIONS_HEAD;
    ct_loss loss;                         /* NULL: cross entropy */
    const ct_metric *metrics[CT_METRICS]; /* up to the first NULL; none, and no loss: accuracy */
    int64_t batch_size;                   /* default 250 */
    ct_model_of_many forward_many;        /* of samples with several inputs, in place of forward, which is NULL then */
} ct_evaluate_options;
#define CT_DEFAULTS_ct_evaluate_options .batch_size = 250,
CT_API void ct_evaluate_options_init(ct_evaluate_options *options, size_t size);

/* Loss and metrics of the model on a whole data set, without recording: all modules compute in evaluation. On an error result stays
 * as it is. */
CT_API ct_status ct_evaluate(ct_model forward, void *model, const ct_dataset *dataset, ct_evaluation *result,
                             const ct_evaluate_options *options);

/* ---- training ---- */

/* How far a training is. */
typedef struct ct_progress {
    int64_t epoch, epochs;           /* epoch from 1 */
    int64_t epoch_step, epoch_steps; /* batches of this epoch done, and all of them */
    int64_t step, steps;             /* the same over all epochs */
    int64_t epoch_samples;           /* samples of this epoch done */
    double loss;                     /* of the last batch */
    double epoch_loss;               /* mean over the samples of this epoch so far */
    double epoch_metrics[CT_METRICS];
    double validation_loss; /* at the end of an epoch; NaN before, and without validation */
    double validation_metrics[CT_METRICS];
    double lr;                            /* that the last step used */
    double grad_norm;                     /* before it was clipped; NaN without clip_norm */
    const ct_metric *metrics[CT_METRICS]; /* up to n_metrics, in the order of the options */
    int n_metrics;
} ct_progress;

/* False ends the training. */
typedef bool (*ct_callback)(const ct_progress *progress, void *user);

/* For .output: the standard output, whatever it is when it is written to. */
#define CT_STDOUT ((FILE *)(void *)&ct_stdout)
CT_API extern const char ct_stdout;

typedef struct CT_BY_NAME ct_fit_options {
    CT_OPTIONS_HEAD;
    int64_t epochs;              /* default 1 */
    int64_t batch_size;          /* default 64 */
    uint64_t seed;               /* of the order of samples */
    const ct_schedule *schedule; /* of the learning rate over all steps and epochs; NULL: the optimiser's own */
    ct_loss loss;                /* NULL: cross entropy, mean over the batch */
    ct_callback progress;        /* after every batch; may be NULL */
    void *user;                  /* for the callbacks */
    const ct_metric *metrics[CT_METRICS]; /* up to the first NULL; none, and no loss: accuracy */
    const ct_dataset *validation;         /* measured after each epoch; NULL: none */
    double clip_norm;                     /* as ct_clip_grad_norm_()'s max_norm; CT_UNSET: no clipping */
    /* Batches that a step of the optimiser is made of, default 1: the gradient is that of the mean over all their samples. */
    int64_t accumulate;
    /* Ends the training when that many epochs on end brought no smaller loss (of the validation, if there is one), and puts the best
     * epoch's weights back, after the last epoch too. CT_UNSET_INT, the default: neither. */
    int64_t early_stopping;
    /* "run": after each epoch everything goes into run.safetensors, from which the same call goes on. NULL: nothing. */
    const char *checkpoint;
    int64_t checkpoint_steps; /* also after every that many batches; 0: not */
    ct_average *average;      /* updated after each step, and in the checkpoint; may be NULL */
    const char *log;          /* "run.csv": a line for each epoch; NULL: none */
    /* "run": after each epoch draws run.loss.svg and run.<metric>.svg, validation beside training. NULL: nothing. */
    const char *curves;
    ct_callback epoch_end; /* after every epoch and its validation; may be NULL */
    /* Of the progress: a bar that moves if it is a terminal, a line for each epoch if not. Default CT_STDOUT; NULL: silent. */
    FILE *output;
    const char *
        best; /* "best.safetensors": the weights of the epoch with the smallest loss so far (of the validation, if any); NULL: none */
    /* "runs/first": a folder for TensorBoard (events.h): after each epoch loss and metrics, "loss/training" and "loss/validation", the
     * learning rate "lr", and histograms. A training that goes on adds a file there. NULL: nothing. */
    const char *events;
    bool drop_last;     /* as in ct_batches_options */
    ct_tensor *weights; /* as in ct_batches_options; NULL, the default: each sample once an epoch */
    const ct_transform *transforms[CT_TRANSFORMS]; /* as there; of the training, not of the validation */
    int64_t workers;                               /* as there */
    ct_model_of_many forward_many; /* of samples with several inputs, in place of forward, which is NULL then */
    /* Every that many epochs the events get a histogram of each parameter, "fc.weight", and of its gradient in the epoch's last step
     * before it is clipped, "fc.weight.grad"; default 1; 0: none. */
    int64_t histograms;
} ct_fit_options;
#define CT_DEFAULTS_ct_fit_options                                                                         \
    .epochs = 1, .batch_size = 64, .clip_norm = CT_UNSET, .accumulate = 1, .early_stopping = CT_UNSET_INT, \
    .output = CT_STDOUT, .histograms = 1,
CT_API void ct_fit_options_init(ct_fit_options *options, size_t size);

/* Trains model on the data set. The optimiser's module, if it is in evaluation, is in training meanwhile; parts of it that alone are
 * in evaluation stay so. The schedule scales the optimiser's learning rates, and is taken away at the end. With a checkpoint, a training that was killed and is called again in the same way ends with the same bits as one that was not: weights,
 * optimiser, averages, the thread's generator, the order of samples, the log. Of the library this alone prints by itself, to
 * .output. Errors: those of the model, its loss, the optimiser and the files; argument; state (the loss is not finite, named with its
 * step); format (a checkpoint of another training, by what differs). */
CT_API ct_status ct_fit(ct_model forward, void *model, ct_optimizer *optimizer, const ct_dataset *dataset,
                        const ct_fit_options *options);

/* ---- how the gradients are ---- */

/* A parameter or an activation over the steps that were watched. What a row does not have is NaN. */
typedef struct ct_health_row {
    const char *
        name; /* "fc1.weight"; "fc1.relu" or, outside of any layer, "relu 2": the second activation of a forward pass */
    double weight_norm;  /* of a parameter, at the last step */
    double grad_norm;    /* mean over the steps of the norm of its gradient, as backward left it */
    double update_ratio; /* mean over the steps of |change| / |parameter|: about 1e-3 is usual, 1e-6 hardly learns */
    double dead;         /* of relu: share of its units (axis 1) that were 0 for every sample of every step */
    double saturated;    /* of tanh and sigmoid: share of elements within 1.5 % of the range from one of its ends */
} ct_health_row;

/* A watch over a training that is running. */
typedef struct ct_health ct_health;

/* From now on every backward, every step of an optimiser and every relu, tanh and sigmoid of this thread, but for those in
 * ct_evaluate() and in validations, is watched, until ct_health_end(). The module must live as long. The caller's until ct_health_free(). Errors: NULL, memory, state (called by an
 * observer). */
CT_API ct_health *ct_health_begin(ct_module *module);
/* Ends the watch; what it saw stays to be looked at. Errors: NULL, state (it has ended), and what it ran into (memory). */
CT_API ct_status ct_health_end(ct_health *health);
CT_API void ct_health_free(ct_health *health); /* NULL is fine; ends it */
/* The rows: parameters in the module's order, then activations in the order of their first call. They belong to health. */
CT_API const ct_health_row *ct_health_rows(const ct_health *health, int64_t *n);
/* A table of the rows. Errors: NULL, io. */
CT_API ct_status ct_health_print(const ct_health *health, FILE *stream);
/* Draws the norms of the gradients and the update ratios, layer by layer, as powers of ten, into an SVG file. Errors: NULL, argument
 * (nothing was watched), io, memory. */
CT_API ct_status ct_health_plot(const ct_health *health, const char *path);

/* ---- the gradient check of a whole model ---- */

/* Gradient-checks the loss (NULL: cross entropy) of the model on a batch with respect to every parameter of its module, in
 * float64 whatever the module's dtype. The model takes its parameters from layers or ct_module_get(): one that it keeps to
 * itself cannot be varied (error: state). Result, report and options are ct_gradcheck()'s. */
CT_API ct_verdict ct_gradcheck_model(ct_model forward, void *model, ct_module *module, ct_tensor *x, ct_tensor *y,
                                     ct_loss loss, ct_gradcheck_report *report, const ct_gradcheck_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_each_batch_next(...) ct_at_bool(CT_HERE, ct_each_batch_next(__VA_ARGS__))
#define ct_health_begin(module) ct_at_object(CT_HERE, ct_health_begin(module))
#define ct_health_end(health) ct_at_status(CT_HERE, ct_health_end(health))
#define ct_health_rows(...) ((const ct_health_row *)ct_at_object(CT_HERE, (void *)ct_health_rows(__VA_ARGS__)))
#define ct_health_print(health, stream) ct_at_status(CT_HERE, ct_health_print(health, stream))
#define ct_health_plot(health, path) ct_at_status(CT_HERE, ct_health_plot(health, path))
#define ct_loss_mse(output, target) ct_at(CT_HERE, ct_loss_mse(output, target))
#define ct_loss_l1(output, target) ct_at(CT_HERE, ct_loss_l1(output, target))
#define ct_loss_huber(output, target) ct_at(CT_HERE, ct_loss_huber(output, target))
#define ct_loss_bce_with_logits(output, target) ct_at(CT_HERE, ct_loss_bce_with_logits(output, target))
#define ct_loss_nll(output, target) ct_at(CT_HERE, ct_loss_nll(output, target))
#define ct_accuracy(...) ct_at_value(CT_HERE, ct_accuracy(__VA_ARGS__))
#define ct_fit(...) ct_at_status(CT_HERE, CT_WITH4(ct_fit, ct_fit_options, __VA_ARGS__, ))
#define ct_evaluate(...) ct_at_status(CT_HERE, CT_WITH4(ct_evaluate, ct_evaluate_options, __VA_ARGS__, ))
#define ct_gradcheck_model(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH7(ct_gradcheck_model, ct_gradcheck_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
