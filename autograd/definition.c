/* Forward and backward of a shortcut by its definition: backward where it is recorded, so that it can be differentiated again,
 * and both where a shortcut meets numbers that it cannot work with.
 *
 * For backward the expression, or for a checkpoint its function, is run again on the inputs that the node saved, and its graph run backwards at once. Invariant:
 * that run meets no node but those made here, since another one is under way over the graph behind the inputs. So the inputs are
 * cut off from it, and joined to it again when the gradients are there. */
#include "autograd_internal.h"

static ct_op definition_of(const ct_op *op)
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
    ct_op definition = definition_of(op);
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
    int first, n, n_roots, n_wanted;
    ct_tensor *inputs[CT_MAX_INPUTS]; /* those that the node saved, */
    ct_tensor *again[CT_MAX_INPUTS];  /* and what is given for them */
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

static ct_status take_inputs(rerun *r, ct_call *call)
{
    for (int k = 0; k < r->n; k++) {
        int i = r->first + k;
        ct_tensor *x = r->inputs[k] = ct_call_input(call, i);
        r->again[k] = x ? cut_off(x) : NULL;
        if ((x && !r->again[k]) || (!x && call->node->saved[i].tensor))
            return ct_error_code();
        if (x)
            ct__tensor_ref(r->again[k]); /* a checkpoint's function may give it up */
        want(r, call, i, r->again[k]);
    }
    return CT_OK;
}

/* Leaves are in no graph that a run is under way over. */
static ct_status take_leaves(rerun *r, ct_call *call)
{
    for (int i = r->first + r->n; i < call->n_inputs; i++) {
        ct_tensor *leaf = ct_call_input(call, i);
        if (!leaf)
            return ct_error_code();
        want(r, call, i, leaf);
    }
    return CT_OK;
}

static ct_status run_function(rerun *r, const ct_call *call, ct__rerun_function run)
{
    ct_status status = run(call, r->again, r->outputs);
    for (int i = 0; status == CT_OK && i < call->n_outputs - call->op->hidden; i++)
        if (call->grad_outputs[i] && r->outputs[i]->requires_grad) {
            r->roots[r->n_roots] = r->outputs[i];
            r->cotangents[r->n_roots++] = call->grad_outputs[i];
        }
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
    for (int i = 0; i < r->n; i++)
        if (r->inputs[i] && r->inputs[i]->requires_grad)
            ct__edge_connect(&r->again[i]->node->edges[0], r->inputs[i]);
}

ct_status ct__backward_by_rerun(ct_call *call, int first, int count, ct__rerun_function run)
{
    rerun r = {.first = first, .n = count}; /* again: NULL so far */
    bool recorded = ct_grad_enabled();
    int depth = ct__no_grad_depth(0);
    ct_status status = take_inputs(&r, call);
    if (status == CT_OK)
        status = take_leaves(&r, call);
    if (status == CT_OK)
        status = run_function(&r, call, run);
    if (status == CT_OK && r.n_roots && r.n_wanted)
        status = give_gradients(&r, call, recorded);
    if (status == CT_OK)
        join_again(&r);
    for (int i = 0; i < count; i++)
        ct__tensor_unref(r.again[i]);
    ct__no_grad_depth(depth);
    return status;
}

ct_status ct__backward_by_definition(ct_call *call)
{
    return ct__backward_by_rerun(call, 0, call->n_inputs, apply_definition);
}
