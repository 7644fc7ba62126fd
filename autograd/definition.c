/* Forward and backward of a shortcut by its definition: backward where it is recorded, so that it can be differentiated again,
 * and both where a shortcut meets numbers that it cannot work with.
 *
 * For backward the expression is run again on the inputs that the node saved, and its graph run backwards at once. Invariant:
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

/* x again, as the result of a node that leads nowhere yet. */
static ct_tensor *cut_off(ct_tensor *x)
{
    ct_tensor *leaf = ct_set_requires_grad(ct_detach(x), true);
    return ct_apply(&ct__again, &leaf, 1, NULL);
}

/* ---- backward: the run ---- */

typedef struct rerun {
    int n, n_roots, n_wanted;
    ct_tensor *inputs[CT_MAX_INPUTS]; /* those that the node saved, */
    ct_tensor *again[CT_MAX_INPUTS];  /* and what the expression is given for them */
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    ct_tensor *roots[CT_MAX_OUTPUTS], *cotangents[CT_MAX_OUTPUTS];
    ct_tensor *wanted[CT_MAX_INPUTS], *gradients[CT_MAX_INPUTS];
    int index[CT_MAX_INPUTS]; /* which inputs the wanted ones are */
} rerun;

static ct_status take_inputs(rerun *r, ct_call *call)
{
    r->n = call->n_inputs;
    for (int i = 0; i < r->n; i++) {
        ct_tensor *x = r->inputs[i] = ct_call_input(call, i);
        r->again[i] = x && x->requires_grad ? cut_off(x) : x;
        if ((x && !r->again[i]) || (!x && call->node->saved[i].tensor))
            return ct_error_code();
        if (ct_call_needs_grad(call, i)) {
            r->index[r->n_wanted] = i;
            r->wanted[r->n_wanted++] = r->again[i];
        }
    }
    return CT_OK;
}

static ct_status run_expression(rerun *r, const ct_call *call)
{
    ct_status status = apply_definition(call, r->again, r->outputs);
    for (int i = 0; status == CT_OK && i < call->n_outputs - call->op->hidden; i++)
        if (call->grad_outputs[i] && r->outputs[i]->requires_grad) {
            r->roots[r->n_roots] = r->outputs[i];
            r->cotangents[r->n_roots++] = call->grad_outputs[i];
        }
    return status;
}

static ct_status give_gradients(rerun *r, ct_call *call, bool recorded)
{
    ct_status status =
        ct_grad(r->roots, r->n_roots, r->wanted, r->n_wanted, r->gradients,
                CT_GIVEN(ct_grad_options, .gradients = r->cotangents, .create_graph = recorded, .allow_unused = true));
    for (int i = 0; status == CT_OK && i < r->n_wanted; i++)
        if (r->gradients[i])
            status = ct_call_set_grad(call, r->index[i], r->gradients[i]);
    return status;
}

static void join_again(const rerun *r)
{
    for (int i = 0; i < r->n; i++)
        if (r->inputs[i] && r->again[i] != r->inputs[i])
            ct__edge_connect(&r->again[i]->node->edges[0], r->inputs[i]);
}

ct_status ct__backward_by_definition(ct_call *call)
{
    rerun r = {.n = 0};
    bool recorded = ct_grad_enabled();
    int depth = ct__no_grad_depth(0);
    ct_status status = take_inputs(&r, call);
    if (status == CT_OK)
        status = run_expression(&r, call);
    if (status == CT_OK && r.n_roots && r.n_wanted)
        status = give_gradients(&r, call, recorded);
    if (status == CT_OK)
        join_again(&r);
    ct__no_grad_depth(depth);
    return status;
}
