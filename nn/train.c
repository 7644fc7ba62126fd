/* Training, evaluation, and the gradient check of a whole model.
 *
 * Invariant: what a step makes belongs to the step's scope and is gone after it. */
#include "nn_internal.h"
#include <math.h>

/* ---- accuracy ---- */

int64_t ct__count_correct(ct_tensor *logits, ct_tensor *labels, const char *what)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    if (!logits || !labels) {
        ct_error_set(CT_ERROR_NULL, "%s: the %s are NULL", what, logits ? "labels" : "logits");
        return -1;
    }
    if (ct_rank(logits) != 2 || ct_rank(labels) != 1 || ct_size(logits, 0) != ct_size(labels, 0)) {
        ct_error_set(CT_ERROR_SHAPE, "%s: logits must be [n,classes] and labels [n]: %s, %s", what,
                     ct__nn_shape_text(logits, a), ct__nn_shape_text(labels, b));
        return -1;
    }
    if (ct_dtype_of(labels) != CT_INT64) {
        ct_error_set(CT_ERROR_DTYPE, "%s: labels must be int64, not %s", what, ct_dtype_name(ct_dtype_of(labels)));
        return -1;
    }
    if (ct_scope_open() != CT_OK)
        return -1;
    const int64_t *best = ct_data(ct_argmax(logits, 1)), *label = ct_data(ct_contiguous(labels));
    int64_t correct = 0;
    for (int64_t i = 0; best && label && i < ct_numel(labels); i++)
        correct += best[i] == label[i];
    return ct__nn_scope_close() == CT_OK ? correct : -1;
}

double ct_accuracy(ct_tensor *logits, ct_tensor *labels)
{
    int64_t correct = ct__count_correct(logits, labels, "accuracy");
    return correct < 0 ? NAN : (double)correct / (double)ct_numel(labels);
}

static ct_tensor *mean_cross_entropy(ct_tensor *output, ct_tensor *labels)
{
    return ct_cross_entropy(output, labels, NULL);
}

/* ---- fit ---- */

/* A training that is running. */
typedef struct fit {
    ct_model forward;
    void *model;
    ct_optimizer *optimizer;
    ct_batches *batches;
    ct_fit_options options; /* none left at its default */
    ct_progress progress;
    int64_t epoch_correct;
    double epoch_loss_sum;
    bool stopped;
} fit;

/* Adds what one batch of n samples gave to the epoch's sums. */
static void count_batch(fit *f, int64_t n, int64_t correct, double loss)
{
    ct_progress *p = &f->progress;
    f->epoch_correct += correct;
    f->epoch_loss_sum += loss * (double)n;
    p->loss = loss;
    p->step++;
    p->epoch_step++;
    p->epoch_samples += n;
    p->epoch_loss = f->epoch_loss_sum / (double)p->epoch_samples;
    p->epoch_accuracy = (double)f->epoch_correct / (double)p->epoch_samples;
}

/* One batch forward, backward and into the parameters. */
static ct_status learn_batch(fit *f, ct_tensor *x, ct_tensor *y)
{
    ct_status status = CT_OK;
    f->progress.lr = ct_optimizer_lr(f->optimizer) * ct_optimizer_factor(f->optimizer);
    ct_optimizer_zero_grad(f->optimizer);
    ct_tensor *output = f->forward(f->model, x);
    ct_tensor *loss = f->options.loss(output, y);
    double value = loss ? ct_item(loss) : NAN;
    if (loss && ct_error_code() == CT_OK && !isfinite(value))
        return ct_error_set(CT_ERROR_STATE, "fit: the loss is %g at step %lld (learning rate %g)", value,
                            (long long)f->progress.step + 1, f->progress.lr);
    if ((status = ct_backward(loss, NULL)) != CT_OK || (status = ct_optimizer_step(f->optimizer)) != CT_OK)
        return status;
    int64_t correct = ct__count_correct(output, y, "fit");
    if (correct < 0)
        return ct_error_code();
    count_batch(f, ct_size(y, 0), correct, value);
    return CT_OK;
}

/* The next batch in a scope of its own; false when the epoch is over, the user ended it, or an error is pending. */
static bool step(fit *f)
{
    ct_tensor *x, *y;
    if (ct_scope_open() != CT_OK)
        return false;
    bool more = ct_batches_next(f->batches, &x, &y) && learn_batch(f, x, y) == CT_OK;
    bool good = ct__nn_scope_close() == CT_OK && more;
    if (good && f->options.progress && !f->options.progress(&f->progress, f->options.user))
        f->stopped = true;
    return good && !f->stopped;
}

static ct_status run_epochs(fit *f)
{
    for (int64_t epoch = 0; epoch < f->options.epochs && !f->stopped; epoch++) {
        f->progress.epoch = epoch + 1;
        f->progress.epoch_step = f->progress.epoch_samples = f->epoch_correct = 0;
        f->epoch_loss_sum = 0;
        ct_status status = ct_batches_start(f->batches, epoch);
        if (status != CT_OK)
            return status;
        while (step(f))
            ;
        if (ct_error_code() != CT_OK || ct_optimizer_epoch(f->optimizer, NAN) != CT_OK)
            return ct_error_code();
    }
    return CT_OK;
}

CT_OPTIONS_INIT(ct_fit_options)

ct_status ct_fit(ct_model forward, void *model, ct_optimizer *optimizer, const ct_dataset *dataset,
                 const ct_fit_options *options)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (!forward || !optimizer || !dataset)
        return ct_error_set(CT_ERROR_NULL, "fit: the %s is NULL",
                            !forward     ? "model"
                            : !optimizer ? "optimizer"
                                         : "data set");
    CT_READ_OPTIONS(ct_fit_options, given, options, "fit");
    if (!given)
        return ct_error_code();
    ct_fit_options o = *given;
    if (o.epochs < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "fit: epochs must not be negative: %lld", (long long)o.epochs);
    o.loss = o.loss ? o.loss : mean_cross_entropy;
    CT_OPTIONS(ct_batches_options, order, .size = o.batch_size, .shuffle = true, .seed = o.seed);
    ct_batches *batches = ct_batches_new(dataset, &order);
    if (!batches)
        return ct_error_code();
    fit f = {.forward = forward, .model = model, .optimizer = optimizer, .batches = batches, .options = o};
    f.progress.epochs = o.epochs;
    f.progress.epoch_steps = ct_batches_count(batches);
    f.progress.steps = o.epochs * f.progress.epoch_steps;
    ct_module *module = ct__optimizer_module(optimizer);
    bool in_evaluation = module && !ct_module_training(module);
    if (in_evaluation)
        ct_module_train(module, true);
    CT_OPTIONS(ct_optimizer_schedule_options, whole, .steps = f.progress.steps, .epochs = o.epochs);
    ct_status status = ct_optimizer_schedule(optimizer, o.schedule, &whole);
    if (status == CT_OK)
        status = run_epochs(&f);
    ct_optimizer_schedule(optimizer, NULL, NULL);
    if (in_evaluation)
        ct_module_train(module, false);
    ct_optimizer_zero_grad(optimizer);
    ct_batches_free(batches);
    return status;
}

/* ---- evaluate ---- */

/* Samples in a batch of an evaluation: a few thousand would only cost memory. */
enum { EVALUATION_BATCH = 250 };

static ct_status evaluate_batch(ct_model forward, void *model, ct_tensor *x, ct_tensor *y, ct_evaluation *sum)
{
    ct_tensor *output = forward(model, x);
    double loss = ct_item(mean_cross_entropy(output, y));
    int64_t correct = output ? ct__count_correct(output, y, "evaluate") : -1;
    if (ct_error_code() != CT_OK || correct < 0)
        return ct_error_code();
    sum->loss += loss * (double)ct_size(y, 0);
    sum->correct += correct;
    sum->count += ct_size(y, 0);
    return CT_OK;
}

ct_status ct_evaluate(ct_model forward, void *model, const ct_dataset *dataset, ct_evaluation *result)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (!forward || !dataset || !result)
        return ct_error_set(CT_ERROR_NULL, "evaluate: the %s is NULL",
                            !forward   ? "model"
                            : !dataset ? "data set"
                                       : "result");
    CT_OPTIONS(ct_batches_options, order, .size = EVALUATION_BATCH);
    ct_batches *batches = ct_batches_new(dataset, &order);
    if (!batches)
        return ct_error_code();
    ct_evaluation sum = {0};
    ct_status status = CT_OK;
    ct_no_grad_begin();
    ct__evaluation_begin();
    for (bool more = true; more && status == CT_OK;) {
        ct_tensor *x, *y;
        if ((status = ct_scope_open()) != CT_OK)
            break;
        more = ct_batches_next(batches, &x, &y) && evaluate_batch(forward, model, x, y, &sum) == CT_OK;
        status = ct__nn_scope_close();
    }
    ct__evaluation_end();
    ct_no_grad_end();
    ct_batches_free(batches);
    if (status != CT_OK)
        return status;
    sum.loss /= (double)sum.count;
    sum.accuracy = (double)sum.correct / (double)sum.count;
    *result = sum;
    return CT_OK;
}

/* ---- gradient check ---- */

typedef struct model_check {
    ct_model forward;
    void *model;
    ct_module *module;
    ct_loss loss;
    ct_tensor **parameters; /* [n - 2]; work space */
} model_check;

/* The model's loss as a function of inputs = {parameters..., x, y}. */
static ct_tensor *loss_of_inputs(ct_tensor *const *inputs, int n, void *user)
{
    model_check *c = user;
    memcpy(c->parameters, inputs, (size_t)(n - 2) * sizeof *inputs);
    if (ct_module_exchange(c->module, c->parameters, n - 2) != CT_OK)
        return NULL;
    ct_tensor *loss = c->loss(c->forward(c->model, inputs[n - 2]), inputs[n - 1]);
    ct_module_exchange(c->module, c->parameters, n - 2);
    return loss;
}

/* Error (state) if a node of the graph behind loss has a leaf that is one of the module's parameters. */
static ct_status check_leaves(const ct_module *module, const ct_tensor *loss)
{
    int64_t count = ct_graph_nodes(loss, NULL, 0);
    ct_node **nodes = count < 0 ? NULL : ct__nn_alloc("gradcheck_model", count, sizeof *nodes);
    if (!nodes || ct_graph_nodes(loss, nodes, count) < 0)
        count = 0;
    for (int64_t k = 0; k < count; k++)
        for (int i = 0; i < ct_node_inputs(nodes[k]); i++)
            for (int64_t p = 0; p < ct_module_count(module); p++)
                if (ct_module_is_parameter(module, p) && ct_node_input_leaf(nodes[k], i) == ct_module_tensor(module, p))
                    ct_error_set(
                        CT_ERROR_STATE,
                        "gradcheck_model: the model uses \"%s\" by itself, where the checker cannot vary it; take "
                        "it from the module with ct_module_get() in every call",
                        ct_module_name(module, p));
    free(nodes);
    return ct_error_code();
}

/* Whether the model takes all parameters from its module: one that it keeps to itself would go unchecked, and the rest pass. */
static ct_status check_exchangeable(model_check *c, int64_t n, ct_tensor *const *parameters, ct_tensor *x, ct_tensor *y)
{
    ct_random_state random = ct_random_get();
    ct_status status = ct_scope_open();
    if (status != CT_OK)
        return status;
    for (int64_t i = 0; i < n; i++)
        c->parameters[i] = ct_set_requires_grad(ct_detach(parameters[i]), true);
    if (ct_error_code() == CT_OK && ct_module_exchange(c->module, c->parameters, n) == CT_OK) {
        ct_tensor *loss = c->loss(c->forward(c->model, x), y);
        ct_module_exchange(c->module, c->parameters, n);
        if (loss)
            check_leaves(c->module, loss);
    }
    ct_random_set(random);
    return ct__nn_scope_close();
}

ct_verdict ct_gradcheck_model(ct_model forward, void *model, ct_module *module, ct_tensor *x, ct_tensor *y,
                              ct_loss loss, ct_gradcheck_report *report, const ct_gradcheck_options *options)
{
    if (!forward || !module || !x || !y) {
        ct_error_set(CT_ERROR_NULL, "gradcheck_model: an argument is NULL");
        return CT_VACUOUS;
    }
    int64_t n = ct_module_parameters(module);
    ct_tensor **inputs = ct__nn_alloc("gradcheck_model", n + 2, sizeof *inputs);
    ct_tensor **work = ct__nn_alloc("gradcheck_model", n, sizeof *work);
    ct_verdict verdict = CT_VACUOUS;
    if (inputs && work) {
        for (int64_t i = 0, k = 0; i < ct_module_count(module); i++)
            if (ct_module_is_parameter(module, i))
                inputs[k++] = ct_module_tensor(module, i);
        inputs[n] = x;
        inputs[n + 1] = y;
        model_check check = {forward, model, module, loss ? loss : mean_cross_entropy, work};
        check_exchangeable(&check, n, inputs, x, y); /* ct_gradcheck reports what it finds */
        verdict = ct_gradcheck(loss_of_inputs, &check, inputs, (int)n + 2, report, options);
    }
    free(inputs);
    free(work);
    return verdict;
}
