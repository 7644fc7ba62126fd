/* ct_checkpoint(): a function's inside is not kept for backward, but made again there.
 *
 * The function is run and recorded once, to learn what it uses besides its inputs: leaves, and results of operations outside of it.
 * That graph is dropped. A single node stays, with the function's inputs and all those as its own. Invariant: so the engine sees no difference from an ordinary operation: hooks,
 * ct_grad(), and all or nothing on failure hold. */
#include "autograd_internal.h"
#include <cotan/functional.h>

/* The node's attributes. */
typedef struct frozen {
    ct_function fn;
    void *user;
    ct_random_state random; /* before fn ran */
    int64_t n;              /* inputs of fn */
} frozen;

/* The node's inputs: fn's result outside its graph, fn's inputs, and then what else fn uses. */
enum { FIRST = 1, MOST = 48 };

/* fn's result, which what fn has left open does not outlive; NULL with an error. */
static ct_tensor *run(const frozen *f, ct_tensor *const *inputs)
{
    ct_scope *scope = ct__scope_current();
    ct_tensor *y = f->fn(inputs, (int)f->n, f->user);
    if (!y && ct_error_code() == CT_OK)
        ct__error(CT_ERROR_NULL, "checkpoint: the function has returned NULL, and no error");
    if (!y || ct__check_tensor(y, "checkpoint") != CT_OK)
        y = NULL;
    else
        ct__hand_over(y, scope);
    ct__scope_pop_to(scope);
    return y;
}

/* ---- the node ---- */

static ct_status infer(ct_call *call)
{
    const ct_tensor *y = call->inputs[0];
    return ct_call_output_view(call, 0, 0, y->offset, y->shape, y->strides, y->rank);
}

static ct_status check_same_kind(const ct_call *call, const ct_tensor *y)
{
    const ct_output_info *before = &call->node->output_info[0];
    char now[CT_SHAPE_TEXT], then[CT_SHAPE_TEXT];
    ct_tensor like = {.rank = before->rank, .shape = before->shape};
    if (ct__gradient_of((ct_dtype)y->dtype) == before->dtype && ct__same_shape(y, &like) && y->requires_grad)
        return CT_OK;
    return ct__error(CT_ERROR_STATE,
                     "checkpoint: run again, the function has given %s %s%s, where it gave %s %s before",
                     ct_dtype_name((ct_dtype)y->dtype), ct__shape_text(y->shape, y->rank, now),
                     y->requires_grad ? "" : " without a gradient", ct_dtype_name((ct_dtype)before->dtype),
                     ct__shape_text(before->shape, before->rank, then));
}

static ct_status run_again(const ct_call *call, ct_tensor *const *inputs, ct_tensor **outputs)
{
    const frozen *f = call->attributes;
    ct_random_state now = ct_random_get();
    ct_random_set(f->random);
    outputs[0] = run(f, inputs);
    ct_random_set(now);
    return outputs[0] ? check_same_kind(call, outputs[0]) : ct_error_code();
}

static ct_status backward(ct_call *call)
{
    const frozen *f = call->attributes;
    return ct__backward_by_rerun(call, FIRST, (int)f->n, run_again);
}

static const ct_op checkpoint = {
    .name = "checkpoint",
    .takes = {CT_ANY_DTYPE | CT_MIXED},
    .gradient = "that of the function, which is run again",
    .min_inputs = FIRST,
    .max_inputs = MOST,
    .saves = CT_SAVE_INPUTS & ~CT_SAVE_INPUT(0),
    .attributes_size = sizeof(frozen),
    .infer = infer,
    .backward = backward,
};

/* ---- what fn uses ---- */

typedef struct uses {
    uint32_t origin;      /* of the nodes of fn's run */
    ct_tensor *all[MOST]; /* the node's inputs */
    int n, own;           /* so many; of these fn's, and what stands for them in fn */
    ct_tensor *inputs[MOST];
} uses;

static bool is_one(const ct_tensor *a, const ct_tensor *b)
{
    return a == b || (a->node && a->node == b->node && a->output == b->output);
}

static bool is_known(const uses *u, const ct_tensor *t)
{
    for (int i = 0; i < u->own; i++)
        if (u->inputs[i] == t)
            return true;
    for (int i = FIRST + u->own; i < u->n; i++)
        if (is_one(u->all[i], t))
            return true;
    return false;
}

static ct_status add_used(uses *u, ct_tensor *t)
{
    if (!t || is_known(u, t))
        return CT_OK;
    if (u->n == MOST)
        return ct__error(CT_ERROR_ARGUMENT,
                         "checkpoint: the function uses more than %d inputs, leaves and results; cut it into several",
                         MOST - FIRST);
    u->all[u->n++] = t;
    return CT_OK;
}

/* The leaf that input i of a node in fn is, or what fn has it from outside; NULL: neither. */
static ct_tensor *from_outside(const uses *u, const struct ct_node *node, int i)
{
    const ct_edge *edge = &node->edges[i];
    return edge->node && !ct__is_within(u->origin, edge->node) ? node->saved[i].tensor : edge->leaf;
}

static ct_status find_uses(uses *u, ct_tensor *y)
{
    if (!y->node || !ct__is_within(u->origin, y->node))
        return add_used(u, y);
    ct_order order;
    ct_status status = ct__order_begin_within(u->origin, &order, &y->node, 1);
    for (int64_t k = 0; status == CT_OK && k < order.count; k++)
        for (int i = 0; status == CT_OK && i < order.nodes[k]->n_inputs; i++)
            status = add_used(u, from_outside(u, order.nodes[k], i));
    ct__order_end(&order);
    return status;
}

/* ---- the call ---- */

static ct_status check_call(ct_function fn, ct_tensor *const *inputs, int n)
{
    if (!fn || (!inputs && n > 0))
        return ct__error(CT_ERROR_NULL, "checkpoint: %s is NULL", !fn ? "fn" : "inputs");
    if (n < 0 || n > MOST - FIRST)
        return ct__error(CT_ERROR_ARGUMENT, "checkpoint: %d inputs, takes 0 to %d", n, MOST - FIRST);
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && i < n; i++)
        status = ct__check_tensor(inputs[i], "checkpoint");
    return status;
}

/* For fn in the first run: leaves instead of what was given. */
static ct_status take_inputs(uses *u, ct_tensor *const *inputs, int n)
{
    u->n = FIRST;
    for (int i = 0; i < n; i++) {
        ct_tensor *x = ct_detach(inputs[i]);
        if (x && inputs[i]->requires_grad)
            x = ct_set_requires_grad(x, true);
        if (!x)
            return ct_error_code();
        ct__tensor_ref(x); /* fn may give it up */
        u->inputs[u->own++] = x;
        u->all[u->n++] = inputs[i];
    }
    return CT_OK;
}

/* y as the result of the one node. */
static ct_tensor *freeze(const frozen *f, uses *u, ct_tensor *y)
{
    u->all[0] = ct_detach(y);
    if (!u->all[0] || !y->requires_grad)
        return u->all[0];
    return find_uses(u, y) == CT_OK ? ct_apply(&checkpoint, u->all, u->n, f) : NULL;
}

/* fn's result with its graph, all of whose nodes are of one origin. */
static ct_tensor *run_recorded(const frozen *f, uses *u, ct_tensor *const *inputs)
{
    uint32_t before;
    bool inside = ct__here()->saves_inside;
    ct__here()->saves_inside = false;
    u->origin = ct__origin_begin(&before);
    ct_tensor *y = take_inputs(u, inputs, (int)f->n) == CT_OK ? run(f, u->inputs) : NULL;
    ct__origin_end(before);
    ct__here()->saves_inside = inside;
    return y;
}

/* As one node. The checker of a graph replays each node alone, on other inputs; it sees what fn is made of instead. */
static ct_tensor *run_frozen(const frozen *f, uses *u, ct_tensor *const *inputs)
{
    if (ct__here()->all_inputs)
        return run(f, inputs);
    ct_tensor *y = run_recorded(f, u, inputs);
    return y ? freeze(f, u, y) : NULL;
}

ct_tensor *ct_checkpoint(ct_function fn, void *user, ct_tensor *const *inputs, int n)
{
    if (check_call(fn, inputs, n) != CT_OK)
        return NULL;
    frozen f = {.fn = fn, .user = user, .random = ct_random_get(), .n = n};
    uses u = {.n = 0};
    ct_scope scope;
    ct__scope_push(&scope);
    ct_tensor *result = run_frozen(&f, &u, inputs);
    if (result && result->scope == &scope)
        ct__scope_move(result, scope.parent);
    ct__scope_pop(&scope);
    for (int i = 0; i < u.own; i++)
        ct__tensor_unref(u.inputs[i]);
    return result;
}
