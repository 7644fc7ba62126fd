/* How good a model's outputs are: losses, metrics, and evaluation over a data set.
 *
 * Invariant: a mean over a data set is the same whatever the size of its batches, to rounding. */
#include "fit_internal.h"
#include <math.h>

/* ---- losses ---- */

#define LOSS(name, operation)                                       \
    ct_tensor *ct_loss_##name(ct_tensor *output, ct_tensor *target) \
    {                                                               \
        return operation(output, target, NULL);                     \
    }
LOSS(mse, ct_mse_loss)
LOSS(l1, ct_l1_loss)
LOSS(huber, ct_huber_loss)
LOSS(bce_with_logits, ct_binary_cross_entropy_with_logits)
LOSS(nll, ct_nll_loss)

/* ---- metrics ---- */

static ct_status check_labels(ct_tensor *logits, ct_tensor *labels)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    if (!logits || !labels)
        return ct_error_set(CT_ERROR_NULL, "accuracy: the %s are NULL", logits ? "labels" : "logits");
    if (ct_rank(logits) != 2 || ct_rank(labels) != 1 || ct_size(logits, 0) != ct_size(labels, 0))
        return ct_error_set(CT_ERROR_SHAPE, "accuracy: logits must be [n,classes] and labels [n]: %s, %s",
                            ct__nn_shape_text(logits, a), ct__nn_shape_text(labels, b));
    if (ct_dtype_of(labels) != CT_INT64)
        return ct_error_set(CT_ERROR_DTYPE, "accuracy: labels must be int64, not %s",
                            ct_dtype_name(ct_dtype_of(labels)));
    return CT_OK;
}

double ct_accuracy(ct_tensor *logits, ct_tensor *labels)
{
    if (check_labels(logits, labels) != CT_OK || ct_scope_open() != CT_OK)
        return NAN;
    const int64_t *best = ct_data(ct_argmax(logits, 1)), *label = ct_data(ct_contiguous(labels));
    int64_t correct = 0;
    for (int64_t i = 0; best && label && i < ct_numel(labels); i++)
        correct += best[i] == label[i];
    return ct__nn_scope_close() == CT_OK ? (double)correct / (double)ct_numel(labels) : NAN;
}

/* The value of a loss, without recording. */
static double value_of(ct_loss loss, ct_tensor *output, ct_tensor *target)
{
    if (ct_scope_open() != CT_OK)
        return NAN;
    ct_no_grad_begin();
    double value = ct_item(loss(output, target));
    ct_no_grad_end();
    return ct__nn_scope_close() == CT_OK ? value : NAN;
}

static double mse(ct_tensor *output, ct_tensor *target)
{
    return value_of(ct_loss_mse, output, target);
}

static double mae(ct_tensor *output, ct_tensor *target)
{
    return value_of(ct_loss_l1, output, target);
}

const ct_metric ct_metric_accuracy = {.name = "accuracy", .value = ct_accuracy};
const ct_metric ct_metric_mse = {.name = "mse", .value = mse};
const ct_metric ct_metric_mae = {.name = "mae", .value = mae};

/* ---- over batches ---- */

static ct_tensor *mean_cross_entropy(ct_tensor *output, ct_tensor *target)
{
    return ct_cross_entropy(output, target, NULL);
}

ct__measures ct__measures_of(ct_loss loss, const ct_metric *const *metrics)
{
    ct__measures m = {.loss = loss ? loss : mean_cross_entropy};
    while (m.n < CT_METRICS && metrics[m.n]) {
        m.metrics[m.n] = metrics[m.n];
        m.n++;
    }
    if (!loss && m.n == 0)
        m.metrics[m.n++] = &ct_metric_accuracy;
    return m;
}

ct_status ct__sums_add(ct__sums *sums, const ct__measures *measures, ct_tensor *output, ct_tensor *target, int64_t n,
                       double loss)
{
    for (int i = 0; i < measures->n && ct_error_code() == CT_OK; i++)
        sums->metrics[i] += measures->metrics[i]->value(output, target) * (double)n;
    sums->loss += loss * (double)n;
    sums->samples += n;
    return ct_error_code();
}

ct_status ct__predictor_check(const ct__predictor *predictor, const ct_dataset *dataset, const char *what)
{
    int n = ct_dataset_tensors(dataset);
    if (!predictor->forward && !predictor->forward_many)
        return ct_error_set(CT_ERROR_NULL, "%s: the model is NULL", what);
    if (predictor->forward && predictor->forward_many)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: with forward_many, which is the model, the other must be NULL",
                            what);
    if (ct_object_check(dataset, "data set", what) != CT_OK)
        return ct_error_code();
    if (n == 2 || (n > 2 && predictor->forward_many))
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "%s: samples of %d tensor%s %s", what, n, n == 1 ? "" : "s",
                        n == 1 ? "have no target" : "have several inputs: forward_many takes them");
}

ct_tensor *ct__predict(const ct__predictor *predictor, ct_tensor *const *tensors, int n)
{
    return predictor->forward ? predictor->forward(predictor->model, tensors[0])
                              : predictor->forward_many(predictor->model, tensors, n - 1);
}

static ct_status measure_batch(const ct__predictor *predictor, const ct__measures *measures, ct_tensor *const *tensors,
                               int n, ct__sums *sums)
{
    ct_tensor *output = ct__predict(predictor, tensors, n), *target = tensors[n - 1];
    ct_tensor *loss = measures->loss(output, target);
    double value = loss ? ct_item(loss) : NAN;
    return ct_error_code() == CT_OK ? ct__sums_add(sums, measures, output, target, ct_size(target, 0), value)
                                    : ct_error_code();
}

/* Each batch in a scope of its own. */
static void measure_batches(const ct__predictor *predictor, const ct__measures *measures, ct_batches *batches, int n,
                            ct__sums *sums)
{
    ct_tensor *tensors[CT_SAMPLE_TENSORS];
    for (bool more = true; more && ct_error_code() == CT_OK && ct_scope_open() == CT_OK; ct_scope_close()) {
        more = ct_batches_next_tensors(batches, tensors);
        if (more)
            measure_batch(predictor, measures, tensors, n, sums);
    }
}

ct_status ct__measure(const ct__predictor *predictor, const ct_dataset *dataset, const ct__measures *measures,
                      int64_t batch_size, ct__sums *sums)
{
    CT_OPTIONS(ct_batches_options, order, .size = batch_size);
    ct_batches *batches = ct_batches_new(dataset, &order);
    if (!batches)
        return ct_error_code();
    ct_no_grad_begin();
    ct__evaluation_begin();
    measure_batches(predictor, measures, batches, ct_dataset_tensors(dataset), sums);
    ct__evaluation_end();
    ct_no_grad_end();
    ct_batches_free(batches);
    return ct_error_code();
}

/* ---- evaluate ---- */

CT_OPTIONS_INIT(ct_evaluate_options)

/* The means; accuracy from where it was asked for. */
static ct_evaluation evaluation_of(const ct__sums *sums, const ct__measures *measures)
{
    double n = (double)sums->samples;
    ct_evaluation e = {.loss = sums->loss / n, .accuracy = NAN, .count = sums->samples};
    for (int i = 0; i < measures->n; i++) {
        e.metrics[i] = sums->metrics[i] / n;
        if (measures->metrics[i] == &ct_metric_accuracy) {
            e.accuracy = e.metrics[i];
            e.correct = llround(sums->metrics[i]);
        }
    }
    return e;
}

ct_status ct_evaluate(ct_model forward, void *model, const ct_dataset *dataset, ct_evaluation *result,
                      const ct_evaluate_options *options)
{
    CT_READ_OPTIONS(ct_evaluate_options, o, options, "evaluate");
    if (!o || ct_error_code() != CT_OK)
        return ct_error_code();
    ct__predictor predictor = {forward, o->forward_many, model};
    if (!result)
        return ct_error_set(CT_ERROR_NULL, "evaluate: the result is NULL");
    if (ct__predictor_check(&predictor, dataset, "evaluate") != CT_OK)
        return ct_error_code();
    ct__measures measures = ct__measures_of(o->loss, o->metrics);
    ct__sums sums = {0};
    ct_status status = ct__measure(&predictor, dataset, &measures, o->batch_size, &sums);
    if (status == CT_OK)
        *result = evaluation_of(&sums, &measures);
    return status;
}
