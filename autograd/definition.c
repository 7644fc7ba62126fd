/* Forward and backward of a shortcut by its definition: backward where it is recorded, so that it can be differentiated again,
 * and both where a shortcut meets numbers that it cannot work with.
 *
 * For backward the expression, or for a checkpoint its function, is run again on the inputs that the node saved, and its graph run backwards at once. Invariant:
 * that run meets no node but those made here, since another one is under way over the graph behind the inputs. So the inputs are
 * cut off from it, and joined to it again when the gradients are there; and so are results of other operations that a checkpoint's
 * function uses without having been given them. */
#include "autograd_internal.h"

ct_op ct__definition_of(const ct_op *op)
{
    ct_op definition = *op;
    definition.infer = definition.forward = definition.backward = NULL;
    definition.saves = 0;
    definition.hidden = 0;
    return definition;
}

bool ct_use_definitions(bool on)
{
    ct__thread_state *me = ct__here();
    bool before = me->definitions;
    me->definitions = on;
    return before;
}

ct_status ct__apply_definition(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes,
                               ct_tensor **outputs)
{
    ct_op definition = ct__definition_of(op);
    return ct_apply_multi(&definition, inputs, n, attributes, outputs);
}

/* Applies the call's definition to other inputs. */
static ct_status apply_definition(const ct_call *call, ct_tensor *const *inputs, ct_tensor **outputs)
{
    const void *attributes = call->op->attributes_size ? call->attributes : NULL;
    return ct__apply_definition(call->op, inputs, call->n_inputs, attributes, outputs);
}

/* ---- forward ---- */

static void copy_elements(ct_tensor *to, const ct_tensor *from)
{
    ct__copy_strided((ct_dtype)to->dtype, ct__ptr(to), to->strides, (ct_dtype)from->dtype, ct__ptr(from), from->strides,
                     to->shape, to->rank);
}

ct_status ct__forward_by_definition(ct_call *call)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    ct_scope scope;
    ct__scope_push(&scope);
    int depth = ct__no_grad_depth(1);
    ct_status status = apply_definition(call, call->inputs, outputs);
    for (int i = 0; status == CT_OK && i < call->n_outputs - call->op->hidden; i++)
        copy_elements(call->outputs[i], outputs[i]);
    ct__no_grad_depth(depth);
    ct__scope_pop(&scope);
    return status;
}

/* ---- backward: an input that is cut off ---- */

static ct_status again_infer(ct_call *call)
{
    const ct_tensor *x = call->inputs[0];
    return ct_call_output_view(call, 0, 0, x->offset, x->shape, x->strides, x->rank);
}

static ct_status again_backward(ct_call *call)
{
    return ct_call_set_grad(call, 0, ct_call_grad_output(call, 0));
}

const ct_op ct__again = {.name = "again",
                         .gradient = "g",
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .infer = again_infer,
                         .backward = again_backward};

/* x again; if it asks for a gradient, as the result of a node that leads nowhere yet. */
static ct_tensor *cut_off(ct_tensor *x)
{
    ct_tensor *leaf = ct_detach(x);
    return x->requires_grad ? ct_apply(&ct__again, &(ct_tensor *){ct_set_requires_grad(leaf, true)}, 1, NULL) : leaf;
}

/* ---- backward: the run ---- */

typedef struct rerun {
    int first, n, n_all, n_roots, n_wanted; /* the function is given n inputs of all that the node saved */
    ct_tensor *inputs[CT_MAX_INPUTS];       /* those that the node saved, */
    ct_tensor *again[CT_MAX_INPUTS];        /* and what stands for them; NULL: a leaf that was not given, itself */
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    ct_tensor *roots[CT_MAX_OUTPUTS], *cotangents[CT_MAX_OUTPUTS];
    ct_tensor *wanted[CT_MAX_INPUTS], *gradients[CT_MAX_INPUTS];
    int index[CT_MAX_INPUTS]; /* which inputs the wanted ones are */
} rerun;

static void want(rerun *r, const ct_call *call, int i, ct_tensor *t)
{
    if (!ct_call_needs_grad(call, i))
        return;
    r->index[r->n_wanted] = i;
    r->wanted[r->n_wanted++] = t;
}

/* Leaves are in no graph that a run is under way over. */
static ct_status take_input(rerun *r, ct_call *call, int k)
{
    int i = r->first + k;
    ct_tensor *x = r->inputs[k] = ct_call_input(call, i);
    bool leaf = x && k >= r->n && !x->node;
    r->again[k] = x && !leaf ? cut_off(x) : NULL;
    if (x ? !leaf && !r->again[k] : call->node->saved[i].tensor != NULL)
        return ct_error_code();
    if (r->again[k])
        ct__tensor_ref(r->again[k]); /* a checkpoint's function may give it up */
    want(r, call, i, leaf ? x : r->again[k]);
    return CT_OK;
}

static ct_status take_inputs(rerun *r, ct_call *call)
{
    ct_status status = CT_OK;
    for (int k = 0; k < r->n_all && status == CT_OK; k++)
        status = take_input(r, call, k);
    return status;
}

/* ---- backward: what the function uses without having been given it ---- */

/* What stands for an output of a node that is no part of the run. NULL with an error: the first run did not use it. */
static ct_tensor *stand_in(const rerun *r, const ct_call *call, const struct ct_node *node, int output)
{
    char place[CT_PLACE_TEXT];
    for (int k = r->n; k < r->n_all; k++)
        if (r->inputs[k] && r->inputs[k]->node == node && r->inputs[k]->output == output)
            return r->again[k];
    ct__error(CT_ERROR_STATE, "%s: run again, the function has used a result of '%s'%s that it had not used before",
              call->op->name, node->op->name, ct__node_place(node, place));
    return NULL;
}

static ct_status cut_edges(const rerun *r, const ct_call *call, struct ct_node *node)
{
    for (int i = 0; i < node->n_inputs; i++) {
        ct_edge *edge = &node->edges[i];
        if (!edge->node || edge->node->origin == node->origin)
            continue;
        ct_tensor *other = stand_in(r, call, edge->node, edge->output);
        if (!other)
            return ct_error_code();
        ct__edge_connect(edge, other);
    }
    return CT_OK;
}

/* Makes the graph of the run end at what stands for results of other operations. */
static ct_status cut_graph(rerun *r, const ct_call *call, uint32_t origin)
{
    struct ct_node *nodes[CT_MAX_OUTPUTS];
    int n = 0;
    for (int i = 0; i < r->n_roots; i++) {
        const ct_tensor *root = r->roots[i];
        if (root->node && root->node->origin != origin && !(r->roots[i] = stand_in(r, call, root->node, root->output)))
            return ct_error_code();
        if (r->roots[i]->node)
            nodes[n++] = r->roots[i]->node;
    }
    ct_order order;
    ct_status status = ct__order_begin_within(origin, &order, nodes, n);
    for (int64_t k = 0; status == CT_OK && k < order.count; k++)
        status = cut_edges(r, call, order.nodes[k]);
    ct__order_end(&order);
    return status;
}

static ct_status run_function(rerun *r, const ct_call *call, ct__rerun_function run, uint32_t origin)
{
    ct_status status = run(call, r->again, r->outputs);
    for (int i = 0; status == CT_OK && i < call->n_outputs - call->op->hidden; i++)
        if (call->grad_outputs[i] && r->outputs[i]->requires_grad) {
            r->roots[r->n_roots] = r->outputs[i];
            r->cotangents[r->n_roots++] = call->grad_outputs[i];
        }
    bool closed = call->op->expression; /* uses what it is given, and nothing else */
    return status == CT_OK && !closed ? cut_graph(r, call, origin) : status;
}

/* The run forward, whose nodes are of an origin of their own. */
static ct_status run_forward(rerun *r, ct_call *call, ct__rerun_function run)
{
    uint32_t before, origin = ct__origin_begin(&before);
    ct_status status = take_inputs(r, call);
    if (status == CT_OK)
        status = run_function(r, call, run, origin);
    ct__origin_end(before);
    return status;
}

static ct_status give_gradients(rerun *r, ct_call *call, bool recorded)
{
    ct_status status = ct__grad_within(
        r->roots, r->n_roots, r->wanted, r->n_wanted, r->gradients,
        CT_GIVEN(ct_grad_options, .gradients = r->cotangents, .create_graph = recorded, .allow_unused = true));
    for (int i = 0; status == CT_OK && i < r->n_wanted; i++)
        if (r->gradients[i])
            status = ct_call_set_grad(call, r->index[i], r->gradients[i]);
    return status;
}

static void join_again(const rerun *r)
{
    for (int k = 0; k < r->n_all; k++)
        if (r->again[k] && r->inputs[k]->requires_grad)
            ct__edge_connect(&r->again[k]->node->edges[0], r->inputs[k]);
}

ct_status ct__backward_by_rerun(ct_call *call, int first, int count, ct__rerun_function run)
{
    rerun r = {.first = first, .n = count, .n_all = call->n_inputs - first}; /* again: NULL so far */
    bool recorded = ct_grad_enabled();
    int depth = ct__no_grad_depth(0);
    ct_status status = run_forward(&r, call, run);
    if (status == CT_OK && r.n_roots && r.n_wanted)
        status = give_gradients(&r, call, recorded);
    if (status == CT_OK)
        join_again(&r);
    for (int k = 0; k < r.n_all; k++)
        ct__tensor_unref(r.again[k]);
    ct__no_grad_depth(depth);
    return status;
}

ct_status ct__backward_by_definition(ct_call *call)
{
    return ct__backward_by_rerun(call, 0, call->n_inputs, apply_definition);
}
