/* The gradient check of a whole model.
 *
 * Invariant: the model computes with copies of its parameters and buffers in the checker's type, and has its own back when the check
 * ends, as it has its mode and the generator. */
#include "nn_internal.h"

typedef struct model_check {
    ct_model forward;
    void *model;
    ct_module *module;
    ct_loss loss;
    int64_t parameters, buffers;
    ct_tensor **work;         /* [parameters] */
    ct_tensor **work_buffers; /* [buffers] */
} model_check;

static ct_tensor *mean_cross_entropy(ct_tensor *output, ct_tensor *labels)
{
    return ct_cross_entropy(output, labels, NULL);
}

/* Copies of the buffers, floats in dtype: what a call changes in them goes with the call. */
static ct_status copy_buffers(model_check *c, ct_dtype dtype)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ct_module_count(c->module); i++) {
        ct_tensor *t = ct_module_tensor(c->module, i);
        if (!ct__module_is_buffer(c->module, i))
            continue;
        c->work_buffers[n++] =
            ct_dtype_is_float(ct_dtype_of(t)) && ct_dtype_of(t) != dtype ? ct_cast(t, dtype) : ct_clone(t);
    }
    return ct_error_code();
}

/* The loss with c->work as parameters. */
static ct_tensor *loss_with(model_check *c, ct_tensor *x, ct_tensor *y)
{
    ct_dtype dtype = c->parameters ? ct_dtype_of(c->work[0]) : ct_module_dtype(c->module);
    if (copy_buffers(c, dtype) != CT_OK || ct_module_exchange(c->module, c->work, c->parameters) != CT_OK)
        return NULL;
    ct_tensor *loss = NULL;
    if (ct__module_exchange_buffers(c->module, c->work_buffers, c->buffers) == CT_OK) {
        loss = c->loss(c->forward(c->model, x), y);
        ct__module_exchange_buffers(c->module, c->work_buffers, c->buffers);
    }
    ct_module_exchange(c->module, c->work, c->parameters);
    return loss;
}

/* The model's loss as a function of inputs = {parameters..., x, y}. */
static ct_tensor *loss_of_inputs(ct_tensor *const *inputs, int n, void *user)
{
    model_check *c = user;
    memcpy(c->work, inputs, (size_t)(n - 2) * sizeof *inputs);
    return loss_with(c, inputs[n - 2], inputs[n - 1]);
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
    ct_deallocate(nodes);
    return ct_error_code();
}

/* Whether the model takes all parameters from its module: one that it keeps to itself would go unchecked, and the rest pass. */
static ct_status check_exchangeable(model_check *c, ct_tensor *const *parameters, ct_tensor *x, ct_tensor *y)
{
    ct_random_state random = ct_random_get();
    ct_status status = ct_scope_open();
    if (status != CT_OK)
        return status;
    for (int64_t i = 0; i < c->parameters; i++)
        c->work[i] = ct_set_requires_grad(ct_detach(parameters[i]), true);
    ct_tensor *loss = ct_error_code() == CT_OK ? loss_with(c, x, y) : NULL;
    if (loss)
        check_leaves(c->module, loss);
    ct_random_set(random);
    return ct__nn_scope_close();
}

/* The module's tensor at the place of the worst mismatch, by its name. */
static const char *worst_name(const ct_gradcheck_report *report, ct_tensor *const *inputs)
{
    const ct_gradcheck_tensor *worst = NULL;
    for (int i = 0; i < report->n_tensors; i++) {
        const ct_gradcheck_tensor *row = &report->tensors[i];
        if (row->verdict == CT_FAIL && row->order == 1 && (!worst || row->ratio > worst->ratio))
            worst = row;
    }
    return worst ? ct_name_of(inputs[worst->input]) : NULL;
}

/* Looks for the operation at fault, node by node, and puts it into the report if it is found. */
static void find_culprit(model_check *c, ct_tensor *const *inputs, int n, ct_gradcheck_report *report,
                         const ct_gradcheck_options *options)
{
    ct_gradcheck_report found = {0};
    if (ct_gradcheck_graph(loss_of_inputs, c, inputs, n, &found, options) == CT_FAIL && found.op && *found.op) {
        ct_gradcheck_report_free(report);
        *report = found;
    } else {
        ct_gradcheck_report_free(&found);
    }
    report->parameter = worst_name(report, inputs);
}

static ct_verdict check_model(model_check *c, ct_tensor **inputs, ct_tensor *x, ct_tensor *y,
                              ct_gradcheck_report *report, const ct_gradcheck_options *options)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ct_module_count(c->module); i++)
        if (ct_module_is_parameter(c->module, i))
            inputs[n++] = ct_module_tensor(c->module, i);
    inputs[n] = x;
    inputs[n + 1] = y;
    check_exchangeable(c, inputs, x, y); /* ct_gradcheck reports what it finds */
    ct_verdict verdict = ct_gradcheck(loss_of_inputs, c, inputs, (int)n + 2, report, options);
    if (verdict == CT_FAIL && report)
        find_culprit(c, inputs, (int)n + 2, report, options);
    return verdict;
}

ct_verdict ct_gradcheck_model(ct_model forward, void *model, ct_module *module, ct_tensor *x, ct_tensor *y,
                              ct_loss loss, ct_gradcheck_report *report, const ct_gradcheck_options *options)
{
    if (!forward || !module || !x || !y) {
        ct_error_set(CT_ERROR_NULL, "gradcheck_model: an argument is NULL");
        return CT_VACUOUS;
    }
    model_check c = {.forward = forward, .model = model, .module = module, .loss = loss ? loss : mean_cross_entropy};
    c.parameters = ct_module_parameters(module);
    for (int64_t i = 0; i < ct_module_count(module); i++)
        c.buffers += ct__module_is_buffer(module, i);
    ct_tensor **inputs = ct__nn_alloc("gradcheck_model", c.parameters + 2, sizeof *inputs);
    c.work = ct__nn_alloc("gradcheck_model", c.parameters, sizeof *c.work);
    c.work_buffers = ct__nn_alloc("gradcheck_model", c.buffers, sizeof *c.work_buffers);
    ct_verdict verdict = CT_VACUOUS;
    if (inputs && c.work && c.work_buffers)
        verdict = check_model(&c, inputs, x, y, report, options);
    ct_deallocate(inputs);
    ct_deallocate(c.work);
    ct_deallocate(c.work_buffers);
    return verdict;
}
