/* The gradient check of a whole model. */
#include "nn_internal.h"

static ct_tensor *mean_cross_entropy(ct_tensor *output, ct_tensor *labels)
{
    return ct_cross_entropy(output, labels, NULL);
}

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
