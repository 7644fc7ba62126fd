/* The engine: runs a graph backwards.
 *
 * Invariants: a node runs when every gradient that flows into it has come, once; leaves change only after everything has
 * succeeded. */
#include "observe/observe_internal.h"
#include <string.h>

void (*ct__order_fault)(ct_order *order);

/* ---- one run ---- */

/* What a run has for a leaf. A hook may run another backward over the same leaf, which has its own. */
typedef struct ct_gathered {
    struct ct_run *run;
    ct_tensor *leaf;           /* a reference */
    ct_tensor *grad;           /* gathered so far: NULL or a reference */
    int64_t to_come;           /* edges to a leaf with ready hooks over which the run has not gone yet */
    bool wanted, reached;      /* by the ct_grad that runs; whether its outputs lead there */
    struct ct_gathered *next;  /* of this run */
    struct ct_gathered *outer; /* for this leaf, of the run around this one */
} ct_gathered;

typedef struct ct_run {
    ct__thread_state *thread; /* on which it runs */
    ct_order order;
    bool chosen; /* ct_grad: only what leads to wanted tensors runs, and leaves accumulate nothing */
    bool within; /* part of another run, in which the leaves' hooks wait for the whole gradient */
    bool retain, create;
    ct_tensor *const *inputs; /* ct_grad's */
    ct_tensor **results;
    int n_inputs;
    ct_gathered *leaves;
} ct_run;

/* What this run has for a leaf, or NULL. */
static ct_gathered *find_gathered(const ct_run *run, const ct_tensor *leaf)
{
    return leaf->gathered && leaf->gathered->run == run ? leaf->gathered : NULL;
}

/* The same, made if it is not there; NULL with an error (memory). */
static ct_gathered *gathered_for(ct_run *run, ct_tensor *leaf)
{
    ct_gathered *g = find_gathered(run, leaf);
    if (g)
        return g;
    g = ct__alloc(sizeof *g);
    if (!g) {
        ct__no_memory("backward");
        return NULL;
    }
    *g = (ct_gathered){.run = run, .leaf = leaf, .next = run->leaves, .outer = leaf->gathered};
    ct__tensor_ref(leaf);
    run->leaves = leaf->gathered = g;
    return g;
}

/* Adds grad to *sum, which is NULL or holds a reference. */
static inline ct_status accumulate(ct_tensor **sum, ct_tensor *grad)
{
    if (!*sum) {
        ct__tensor_ref(grad);
        *sum = grad;
        return CT_OK;
    }
    if (ct__is_ours(*sum) && !grad->node) {
        ct__engine_ops.add_in_place(*sum, grad);
        return CT_OK;
    }
    ct_tensor *total = ct__engine_ops.add(*sum, grad);
    if (!total)
        return ct_error_code();
    ct__tensor_ref(total);
    ct__tensor_unref(*sum);
    *sum = total;
    return CT_OK;
}

static CT_COLD ct_status accumulate_observed(const ct_arrival *arrival, ct_tensor **sum, ct_tensor *grad)
{
    ct_status status = ct__tell_gradient(CT_GRADIENT_COMES, arrival, *sum, CT_OK);
    if (status == CT_OK)
        status = accumulate(sum, grad);
    return ct__tell_gradient(CT_GRADIENT_CAME, arrival, *sum, status);
}

/* Where what has come to an edge's tensor is gathered; NULL with an error (memory). */
static CT_HOT ct_tensor **sum_at(ct_run *run, const ct_edge *edge)
{
    if (edge->node)
        return &edge->node->grads[edge->output];
    ct_gathered *g = gathered_for(run, edge->leaf);
    return g ? &g->grad : NULL;
}

/* Adds grad, which node's backward gave for input i (NULL, -1: a root's cotangent), to what has come to the edge's tensor. */
static CT_HOT ct_status deliver(ct_run *run, const struct ct_node *node, int i, const ct_edge *edge, ct_tensor *grad)
{
    ct_tensor **sum = sum_at(run, edge);
    if (!sum)
        return CT_ERROR_MEMORY;
    if (CT_LIKELY(!run->thread->observers))
        return accumulate(sum, grad);
    return accumulate_observed(&(ct_arrival){.from = node, .input = i, .to = edge, .gradient = grad}, sum, grad);
}

/* A leaf may have stopped asking since the edge was made. */
static bool edge_wanted(const ct_run *run, const ct_edge *edge)
{
    if (!run->chosen)
        return edge->node || (edge->leaf && edge->leaf->requires_grad);
    if (edge->node)
        return edge->node->needed || edge->node->captured;
    const ct_gathered *g = edge->leaf ? find_gathered(run, edge->leaf) : NULL;
    return g && g->wanted;
}

/* Whether a gradient of grad's shape can be summed down to shape. */
static bool reducible(const ct_tensor *grad, const int64_t *shape, int rank)
{
    int64_t joint[CT_MAX_RANK];
    int joint_rank;
    if (!ct__broadcast_shapes(grad->shape, grad->rank, shape, rank, joint, &joint_rank) || joint_rank != grad->rank)
        return false;
    return memcmp(joint, grad->shape, sizeof *joint * (size_t)joint_rank) == 0;
}

/* The gradient that a backward gave for input i, brought to the input's shape. */
static ct_tensor *reduce(struct ct_node *node, int i, ct_tensor *grad)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(node, i, &shape, &rank, &dtype);
    bool same = grad->rank == rank && (ct_dtype)grad->dtype == dtype;
    for (int axis = 0; same && axis < rank; axis++)
        same = grad->shape[axis] == shape[axis];
    if (CT_LIKELY(same))
        return grad;
    if ((ct_dtype)grad->dtype == dtype && reducible(grad, shape, rank))
        return ct__engine_ops.sum_to(grad, shape, rank);
    char given[CT_SHAPE_TEXT], wanted[CT_SHAPE_TEXT], place[CT_PLACE_TEXT];
    ct__error((ct_dtype)grad->dtype == dtype ? CT_ERROR_SHAPE : CT_ERROR_DTYPE,
              "backward of '%s'%s: gradient of input %d is %s %s, the input is %s %s", node->op->name,
              ct__node_place(node, place), i, ct_dtype_name((ct_dtype)grad->dtype),
              ct__shape_text(grad->shape, grad->rank, given), ct_dtype_name(dtype),
              ct__shape_text(shape, rank, wanted));
    return NULL;
}

/* ---- gradients of parts ---- */

bool ct__call_adds_parts(const ct_call *call)
{
    return call->run && !ct_grad_enabled() && !call->thread->observers;
}

/* Makes *sum a tensor of input i's shape that may be changed where it lies: zeros if nothing has come yet. */
static ct_status make_changeable(const struct ct_node *node, int i, ct_tensor **sum)
{
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    if (*sum && ct__is_ours(*sum))
        return CT_OK;
    ct__node_input_info(node, i, &shape, &rank, &dtype);
    ct_tensor *own = *sum ? ct__own_copy(false, *sum) : ct_zeros(dtype, shape, rank);
    if (!own)
        return ct_error_code();
    ct__scope_move(own, NULL);
    ct__tensor_unref(*sum);
    *sum = own;
    return CT_OK;
}

ct_status ct__call_add_part(ct_call *call, int i, ct_tensor *grad, int64_t offset, const int64_t *strides)
{
    if (!grad || !call->needs[i])
        return grad ? CT_OK : ct_error_code();
    ct_tensor **sum = sum_at(call->run, &call->node->edges[i]);
    ct_status status = sum ? make_changeable(call->node, i, sum) : CT_ERROR_MEMORY;
    if (status != CT_OK)
        return status;
    ct_tensor *part = ct__tensor_view(*sum, (*sum)->offset + offset, grad->shape, strides, grad->rank, "backward");
    if (!part)
        return CT_ERROR_MEMORY;
    status = ct__engine_ops.add_to_part(part, grad);
    ct__scope_move(part, NULL); /* now, so that the sum is the engine's alone again */
    ct__tensor_unref(part);
    return status;
}

/* ---- a node's backward ---- */

static ct_status hook_and_capture(ct_run *run, struct ct_node *node)
{
    for (int i = 0; i < node->n_outputs; i++) {
        if (!node->grads[i])
            continue;
        ct_status status = node->hooks ? ct__run_hooks(run->create, &node->hooks, i, &node->grads[i]) : CT_OK;
        if (status != CT_OK)
            return status;
        for (int k = 0; node->captured && k < run->n_inputs; k++) {
            const ct_tensor *input = run->inputs[k];
            if (input->node == node && input->output == i) {
                ct__tensor_ref(node->grads[i]);
                run->results[k] = node->grads[i];
            }
        }
    }
    return CT_OK;
}

/* The operation's backward, with the observers told. */
static ct_status run_backward(ct_call *call)
{
    const ct__thread_state *me = call->thread;
    ct_status before = me->error;
    ct_status status = CT_UNLIKELY(me->observers) ? ct__tell_backward(CT_BACKWARD_BEGINS, call, CT_OK) : CT_OK;
    if (status == CT_OK)
        status = ct__run_backward(call);
    if (status == CT_OK && before == CT_OK) /* an expression failed, and its result was not looked at */
        status = me->error;
    return CT_UNLIKELY(me->observers) ? ct__tell_backward(CT_BACKWARD_ENDED, call, status) : status;
}

static ct_status call_backward(ct_run *run, struct ct_node *node)
{
    char place[CT_PLACE_TEXT];
    if (node->freed)
        return ct__error(CT_ERROR_STATE,
                         "backward of '%s'%s: the graph was freed by an earlier backward; pass .retain_graph = true to "
                         "the first one to run it again",
                         node->op->name, ct__node_place(node, place));
    bool needs[CT_MAX_INPUTS];
    ct_tensor *grad_inputs[CT_MAX_INPUTS];
    for (int i = 0; i < node->n_inputs; i++) {
        needs[i] = edge_wanted(run, &node->edges[i]);
        grad_inputs[i] = NULL;
    }
    ct_call call; /* every member by itself: see apply() */
    call.op = node->op;
    call.thread = run->thread;
    call.attributes = node->attributes;
    call.inputs = NULL;
    call.n_inputs = node->n_inputs;
    call.n_outputs = node->n_outputs;
    call.outputs = NULL;
    call.node = node;
    call.grad_outputs = node->grads;
    call.grad_inputs = grad_inputs;
    call.needs = needs;
    call.run = run;
    call.may_write = false;
    ct_status status = run_backward(&call);
    for (int i = 0; status == CT_OK && i < node->n_inputs; i++) {
        if (!needs[i] || !grad_inputs[i])
            continue;
        ct_tensor *grad = reduce(node, i, grad_inputs[i]);
        status = grad ? deliver(run, node, i, &node->edges[i], grad) : ct_error_code();
    }
    if (status != CT_OK && ct_error_code() == CT_OK)
        ct__error(status, "backward of '%s'%s: failed without saying why", node->op->name, ct__node_place(node, place));
    return status;
}

/* What the node's backward makes lives on scope until it is handed on. */
static ct_status run_node(ct_run *run, struct ct_node *node, ct_scope *scope)
{
    bool any = false;
    for (int i = 0; i < node->n_outputs; i++)
        any |= node->grads[i] != NULL;
    if (!any)
        return CT_OK;
    bool needed = !run->chosen || node->needed;
    run->thread->region = node->region; /* until the scope is popped */
    ct_status status = CT_OK;
    if (node->hooks || node->captured)
        status = hook_and_capture(run, node);
    if (status == CT_OK && needed)
        status = call_backward(run, node);
    ct__scope_empty(scope);
    for (int i = 0; i < node->n_outputs; i++) {
        ct__tensor_unref(node->grads[i]);
        node->grads[i] = NULL;
    }
    if (status == CT_OK && needed && !run->retain)
        ct__node_free_saved(node);
    return status;
}

static ct_status mark_wanted(ct_run *run)
{
    for (int k = 0; k < run->n_inputs; k++) {
        ct_tensor *input = run->inputs[k];
        if (!input->node) {
            ct_gathered *g = gathered_for(run, input);
            if (!g)
                return CT_ERROR_MEMORY;
            g->wanted = true;
        } else if (input->node->run == run->order.run) {
            input->node->captured = true;
        }
    }
    return CT_OK;
}

/* From the leaves' end: which nodes lead to something wanted, in a run for which that is chosen. */
static void mark_needed(ct_run *run)
{
    for (int64_t k = run->order.count - 1; k >= 0; k--) {
        struct ct_node *node = run->order.nodes[k];
        for (int i = 0; i < node->n_inputs; i++) {
            const ct_edge *edge = &node->edges[i];
            if (!edge_wanted(run, edge))
                continue;
            node->needed = true;
            if (edge->leaf)
                edge->leaf->gathered->reached = true;
        }
    }
}

/* ---- leaves, as soon as their gradient is complete ---- */

static ct_status count_edge(ct_run *run, const ct_edge *edge)
{
    if (edge->node || !edge->leaf || !edge_wanted(run, edge) || !ct__has_ready_hook(edge->leaf))
        return CT_OK;
    ct_gathered *g = gathered_for(run, edge->leaf);
    if (!g)
        return CT_ERROR_MEMORY;
    g->to_come++;
    return CT_OK;
}

/* How many edges lead to each leaf with ready hooks. In a part of another run no gradient is complete. */
static ct_status count_edges(ct_run *run)
{
    ct_status status = CT_OK;
    for (int64_t k = 0; !run->within && status == CT_OK && k < run->order.count; k++) {
        const struct ct_node *node = run->order.nodes[k];
        for (int i = 0; status == CT_OK && i < node->n_inputs; i++)
            status = count_edge(run, &node->edges[i]);
    }
    return status;
}

/* A root that is a leaf has its cotangent, and perhaps more to come. */
static ct_status tell_root(const ct_run *run, const ct_tensor *root)
{
    const ct_gathered *g = root->node || run->within ? NULL : find_gathered(run, root);
    return g && g->to_come == 0 && g->grad ? ct__run_ready_hooks(g->leaf, g->grad) : CT_OK;
}

/* The run has gone over the node's edges. */
static ct_status tell_leaves(const ct_run *run, const struct ct_node *node)
{
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && i < node->n_inputs; i++) {
        const ct_edge *edge = &node->edges[i];
        ct_gathered *g = edge->leaf && !edge->node ? find_gathered(run, edge->leaf) : NULL;
        if (g && g->to_come > 0 && --g->to_come == 0 && g->grad)
            status = ct__run_ready_hooks(g->leaf, g->grad);
    }
    return status;
}

/* ---- leaves, once all has succeeded ---- */

static bool adds_in_place(const ct_run *run, const ct_tensor *leaf)
{
    return leaf->grad && !run->create && leaf->grad->contiguous && !leaf->grad->node;
}

/* The memory for a leaf's new gradient. */
static ct_status prepare_leaf(const ct_run *run, ct_gathered *g)
{
    ct_tensor *leaf = g->leaf;
    if (!g->grad || run->chosen)
        return CT_OK;
    ct_status status =
        CT_UNLIKELY(run->thread->observers) ? ct__tell_leaf(CT_LEAF_CHANGES, leaf, g->grad, leaf->grad) : CT_OK;
    if (status != CT_OK || adds_in_place(run, leaf))
        return status;
    if (leaf->grad) {
        ct_tensor *total = ct__engine_ops.add(leaf->grad, g->grad);
        if (!total)
            return ct_error_code();
        ct__scope_move(total, NULL);
        ct__tensor_unref(g->grad);
        g->grad = total;
    }
    status = ct__make_own(run->create, &g->grad);
    if (status == CT_OK)
        g->grad->past |= CT_PAST_HANDED;
    return status;
}

/* Everything that can fail. The hooks of all leaves come first: they may change other leaves' gradients. */
static ct_status prepare_leaves(const ct_run *run)
{
    ct_scope inner;
    ct__scope_push(&inner);
    ct_status status = CT_OK;
    for (ct_gathered *g = run->leaves; g && status == CT_OK; g = g->next)
        if (g->grad && g->leaf->hooks && !run->within)
            status = ct__run_hooks(run->create, &g->leaf->hooks, 0, &g->grad);
    for (ct_gathered *g = run->leaves; g && status == CT_OK; g = g->next)
        status = prepare_leaf(run, g);
    ct__scope_pop(&inner);
    return status;
}

static void commit_leaf(const ct_run *run, ct_gathered *g)
{
    ct_tensor *leaf = g->leaf;
    if (adds_in_place(run, leaf)) {
        ct__engine_ops.add_in_place(leaf->grad, g->grad);
        ct__tensor_written(leaf->grad, "backward");
    } else if (ct__may_hold(leaf, g->grad)) {
        ct__set_grad(leaf, g->grad);
    }
    leaf->past |= CT_PAST_GRADIENT;
    if (CT_UNLIKELY(run->thread->observers))
        ct__tell_leaf(CT_LEAF_CHANGED, leaf, NULL, leaf->grad);
}

/* Hands the gathered gradients over, if commit, and clears the list. */
static void finish_leaves(ct_run *run, bool commit)
{
    while (run->leaves) {
        ct_gathered *g = run->leaves;
        run->leaves = g->next;
        if (commit && g->grad && !run->chosen)
            commit_leaf(run, g);
        g->leaf->gathered = g->outer;
        ct__tensor_unref(g->grad);
        ct__tensor_unref(g->leaf);
        ct__free(g, sizeof *g);
    }
}

/* ct_grad's results for leaves; and zeros for what the outputs lead to, but no gradient has come to. */
static ct_status collect_results(const ct_run *run)
{
    for (int k = 0; k < run->n_inputs; k++) {
        const ct_tensor *input = run->inputs[k];
        const ct_gathered *g = input->node ? NULL : find_gathered(run, input);
        bool reached = g ? g->reached : input->node->run == run->order.run;
        if (g && g->grad) {
            ct__tensor_ref(g->grad);
            run->results[k] = g->grad;
        } else if (reached && !run->results[k]) {
            run->results[k] = ct_zeros_like(input);
            if (!run->results[k])
                return ct_error_code();
            ct__scope_move(run->results[k], NULL);
        }
    }
    return CT_OK;
}

/* ---- the whole run ---- */

static ct_status check_root(const ct_tensor *root, const ct_tensor *gradient, const char *what)
{
    char shape[CT_SHAPE_TEXT], other[CT_SHAPE_TEXT];
    ct_status status = ct__check_tensor(root, what);
    if (status == CT_OK && gradient)
        status = ct__check_tensor(gradient, what);
    if (status != CT_OK)
        return status;
    ct__shape_text(root->shape, root->rank, shape);
    if (!root->requires_grad)
        return ct__error(CT_ERROR_STATE, "%s: nothing that asks for a gradient leads to the result of '%s' %s", what,
                         root->made_by, shape);
    if (!gradient && root->numel != 1)
        return ct__error(CT_ERROR_STATE,
                         "%s: a root of shape %s needs a gradient given with it; only one of one element does not",
                         what, shape);
    ct_dtype dtype = ct__gradient_of((ct_dtype)root->dtype);
    if (gradient && (!ct__same_shape(root, gradient) || dtype != gradient->dtype))
        return ct__error(gradient->dtype == dtype ? CT_ERROR_SHAPE : CT_ERROR_DTYPE,
                         "%s: gradient is %s %s, the root's is %s %s", what, ct_dtype_name((ct_dtype)gradient->dtype),
                         ct__shape_text(gradient->shape, gradient->rank, other), ct_dtype_name(dtype), shape);
    return CT_OK;
}

static ct_status seed(ct_run *run, ct_tensor *root, ct_tensor *gradient)
{
    if (!gradient)
        gradient = ct_ones(ct__gradient_of((ct_dtype)root->dtype), root->shape, root->rank);
    if (!gradient)
        return ct_error_code();
    ct_edge edge = {.node = root->node, .leaf = root->node ? NULL : root, .output = root->output};
    return deliver(run, NULL, -1, &edge, gradient);
}

static ct_status run_order(ct_run *run, ct_tensor *const *roots, ct_tensor *const *gradients, int n)
{
    if (CT_UNLIKELY(ct__order_fault != NULL))
        ct__order_fault(&run->order);
    int depth = ct__no_grad_depth(run->create ? 0 : 1);
    ct_scope outer;
    ct__scope_push(&outer);
    ct_status status = mark_wanted(run);
    if (status == CT_OK && run->chosen)
        mark_needed(run);
    bool ready_hooks = ct__ready_hooks; /* of any leaf; without one, nothing is counted */
    if (status == CT_OK && ready_hooks)
        status = count_edges(run);
    for (int i = 0; status == CT_OK && i < n; i++)
        status = seed(run, roots[i], gradients ? gradients[i] : NULL);
    for (int i = 0; status == CT_OK && ready_hooks && i < n; i++)
        status = tell_root(run, roots[i]);
    ct__scope_empty(&outer);
    for (int64_t k = 0; k < run->order.count; k++) {
        struct ct_node *node = run->order.nodes[k];
        if (status == CT_OK)
            status = run_node(run, node, &outer);
        if (status == CT_OK && ready_hooks && (!run->chosen || node->needed))
            status = tell_leaves(run, node);
        for (int i = 0; status != CT_OK && i < node->n_outputs; i++) { /* left over from the failure */
            ct__tensor_unref(node->grads[i]);
            node->grads[i] = NULL;
        }
    }
    ct__scope_pop(&outer);
    if (status == CT_OK)
        status = prepare_leaves(run);
    if (status == CT_OK)
        status = collect_results(run);
    finish_leaves(run, status == CT_OK);
    ct__no_grad_depth(depth);
    return status;
}

static ct_status run_observed(ct_run *run, ct_tensor *const *roots, ct_tensor *const *gradients, int n)
{
    ct_status status = ct__tell_run(CT_RUN_BEGINS, roots, n, CT_OK);
    if (status == CT_OK)
        status = run_order(run, roots, gradients, n);
    return ct__tell_run(CT_RUN_ENDED, roots, n, status);
}

/* The roots' nodes, and so all behind them, are held: a hook may give up what holds them. */
static ct_status run_graph(ct_run *run, ct_tensor *const *roots, ct_tensor *const *gradients, int n)
{
    struct ct_node *nodes[CT_MAX_INPUTS] = {NULL};
    for (int i = 0; i < n; i++) {
        nodes[i] = roots[i]->node;
        if (nodes[i])
            nodes[i]->refs++;
    }
    ct_status status = ct__order_begin(&run->order, nodes, n);
    if (status == CT_OK)
        status = run->thread->observers ? run_observed(run, roots, gradients, n) : run_order(run, roots, gradients, n);
    ct__order_end(&run->order);
    for (int i = 0; i < n; i++)
        if (nodes[i])
            ct__node_unref(nodes[i]);
    return status;
}

ct_status(ct_backward)(ct_tensor *root, const ct_backward_options *options)
{
    CT_READ_OPTIONS(ct_backward_options, o, options, "backward");
    ct_status status = o ? check_root(root, o->gradient, "backward") : ct_error_code();
    if (status != CT_OK)
        return status;
    ct__why_note_run(root);
    ct_run run = {.thread = ct__here(), .retain = o->retain_graph || o->create_graph, .create = o->create_graph};
    return run_graph(&run, &root, &o->gradient, 1);
}

static ct_status check_grad_call(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                                 ct_tensor **results, const ct_grad_options *options)
{
    if (!outputs || !inputs || !results)
        return ct__error(CT_ERROR_NULL, "grad: %s is NULL", !outputs ? "outputs" : !inputs ? "inputs" : "results");
    if (n_outputs < 1 || n_outputs > CT_MAX_INPUTS || n_inputs < 0)
        return ct__error(CT_ERROR_ARGUMENT, "grad: %d outputs, takes 1 to %d", n_outputs, CT_MAX_INPUTS);
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && i < n_outputs; i++)
        status = check_root(outputs[i], options->gradients ? options->gradients[i] : NULL, "grad");
    for (int i = 0; status == CT_OK && i < n_inputs; i++) {
        status = ct__check_tensor(inputs[i], "grad");
        if (status == CT_OK && !inputs[i]->requires_grad)
            status = ct__error(CT_ERROR_STATE, "grad: input %d asks for no gradient", i);
    }
    return status;
}

/* Hands *result over to the innermost scope. */
static ct_status give_result(const ct_run *run, ct_tensor **result)
{
    ct_status status = ct__make_own(run->create, result);
    if (status != CT_OK)
        return status;
    (*result)->past |= CT_PAST_HANDED;
    ct__scope_move(*result, ct__scope_current());
    return CT_OK;
}

/* Hands all results over, or drops them. */
static ct_status finish_grad(ct_run *run, ct_status status, bool allow_unused)
{
    int given = 0;
    for (; status == CT_OK && given < run->n_inputs; given++) {
        if (run->results[given])
            status = give_result(run, &run->results[given]);
        else if (!allow_unused)
            status = ct__error(CT_ERROR_STATE,
                               "grad: the outputs do not depend on input %d; .allow_unused = true gives NULL", given);
        if (status != CT_OK)
            break;
    }
    for (int i = 0; status != CT_OK && i < run->n_inputs; i++) {
        if (i < given && run->results[i])
            ct__scope_move(run->results[i], NULL);
        ct__tensor_unref(run->results[i]);
        run->results[i] = NULL;
    }
    return status;
}

static ct_status run_grad(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                          ct_tensor **results, const ct_grad_options *options, bool within)
{
    CT_READ_OPTIONS(ct_grad_options, o, options, "grad");
    ct_status status = o ? check_grad_call(outputs, n_outputs, inputs, n_inputs, results, o) : ct_error_code();
    for (int i = 0; results && i < n_inputs; i++)
        results[i] = NULL;
    if (status != CT_OK)
        return status;
    ct_run run = {.thread = ct__here(),
                  .chosen = true,
                  .within = within,
                  .retain = o->retain_graph || o->create_graph,
                  .create = o->create_graph,
                  .inputs = inputs,
                  .n_inputs = n_inputs,
                  .results = results};
    for (int i = 0; i < n_inputs; i++)
        ct__tensor_ref(inputs[i]);
    status = run_graph(&run, outputs, o->gradients, n_outputs);
    status = finish_grad(&run, status, o->allow_unused);
    for (int i = 0; i < n_inputs; i++)
        ct__tensor_unref(inputs[i]);
    return status;
}

ct_status(ct_grad)(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                   ct_tensor **results, const ct_grad_options *options)
{
    return run_grad(outputs, n_outputs, inputs, n_inputs, results, options, false);
}

ct_status ct__grad_within(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                          ct_tensor **results, const ct_grad_options *options)
{
    return run_grad(outputs, n_outputs, inputs, n_inputs, results, options, true);
}

CT_OPTIONS_INIT(ct_backward_options)
CT_OPTIONS_INIT(ct_grad_options)
