/* Training and evaluation of a model, and the gradient check of a whole one. */
#ifndef COTAN_TRAIN_H
#define COTAN_TRAIN_H

#include <cotan/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- training ---- */

/* Share of the rows of logits [n, classes] whose largest element is at labels [n] (int64). NaN with an error: NULL, shape,
 * dtype. n = 0 gives NaN without one. */
CT_API double ct_accuracy(ct_tensor *logits, ct_tensor *labels);

/* A loss of a batch: 0-d. */
typedef ct_tensor *(*ct_loss)(ct_tensor *output, ct_tensor *labels);

/* How far a training is. */
typedef struct ct_progress {
    int64_t epoch, epochs;           /* epoch from 1 */
    int64_t epoch_step, epoch_steps; /* batches of this epoch done, and all of them */
    int64_t step, steps;             /* the same over all epochs */
    int64_t epoch_samples;           /* samples of this epoch done */
    double loss;                     /* of the last batch */
    double epoch_loss;               /* mean over the samples of this epoch so far */
    double epoch_accuracy;           /* the same */
    double lr;                       /* that the last step used */
} ct_progress;

typedef struct CT_BY_NAME ct_fit_options {
    CT_OPTIONS_HEAD;
    int64_t epochs;              /* default 1 */
    int64_t batch_size;          /* default 64 */
    uint64_t seed;               /* of the order of samples */
    const ct_schedule *schedule; /* of the learning rate over all steps and epochs; NULL: constant */
    ct_loss loss;                /* NULL: cross entropy, mean over the batch */
    bool (*progress)(const ct_progress *progress,
                     void *user); /* after every step; false ends the training. May be NULL */
    void *user;
} ct_fit_options;
#define CT_DEFAULTS_ct_fit_options .epochs = 1, .batch_size = 64,
CT_API void ct_fit_options_init(ct_fit_options *options, size_t size);

/* Trains model on the data set. The optimiser's module, if it is in evaluation, is in training meanwhile; parts of it that alone are
 * in evaluation stay so. The schedule scales the optimiser's learning rate, and is taken away at the end. Errors: those of the model, its loss and the optimiser; state (the loss is not finite, named with its step). */
CT_API ct_status ct_fit(ct_model forward, void *model, ct_optimizer *optimizer, const ct_dataset *dataset,
                        const ct_fit_options *options);

/* How good a model is on a data set. */
typedef struct ct_evaluation {
    double loss, accuracy; /* means over all samples */
    int64_t correct, count;
} ct_evaluation;

/* Loss (cross entropy) and accuracy of the model on a whole data set, without recording: all modules compute in evaluation. */
CT_API ct_status ct_evaluate(ct_model forward, void *model, const ct_dataset *dataset, ct_evaluation *result);

/* Gradient-checks the loss (NULL: cross entropy) of the model on a batch with respect to every parameter of its module, in
 * float64 whatever the module's dtype. The model takes its parameters from layers or ct_module_get(): one that it keeps to
 * itself cannot be varied (error: state). Result, report and options are ct_gradcheck()'s. */
CT_API ct_verdict ct_gradcheck_model(ct_model forward, void *model, ct_module *module, ct_tensor *x, ct_tensor *y,
                                     ct_loss loss, ct_gradcheck_report *report, const ct_gradcheck_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_accuracy(...) ct_at_value(CT_HERE, ct_accuracy(__VA_ARGS__))
#define ct_fit(...) ct_at_status(CT_HERE, CT_WITH4(ct_fit, ct_fit_options, __VA_ARGS__, ))
#define ct_evaluate(forward, model, dataset, result) ct_at_status(CT_HERE, ct_evaluate(forward, model, dataset, result))
#define ct_gradcheck_model(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH7(ct_gradcheck_model, ct_gradcheck_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
