/* The call and the node, as the door, the engine and the checker see them. */
#ifndef CT_AUTOGRAD_INTERNAL_H
#define CT_AUTOGRAD_INTERNAL_H

#include "core_internal.h"
#include <cotan/autograd.h>
#include <string.h>

struct ct_call {
    const ct_op *op;
    ct__thread_state *thread; /* on which it runs */
    const void *attributes;
    ct_tensor *const *inputs;
    int n_inputs, n_outputs;
    ct_tensor **outputs;
    struct ct_node *node;     /* in backward */
    ct_tensor **grad_outputs; /* in backward */
    ct_tensor **grad_inputs;  /* in backward */
    const bool *needs;        /* in backward: whether each input's gradient is wanted */
    struct ct_run *run;       /* in the engine's backward */
    ct_scope *scope;          /* its function runs on */
    struct ct_call *outer;    /* the call that was running on the same scope */
    ct_status pending;        /* the error from before its function */
    bool may_write; /* its function may change inputs: an expression may update a buffer, as batch_norm does */
    bool refused;   /* its function was kept from something it may not do */
};

/* What messages call an operation. */
static inline const char *ct__called(const ct_op *op)
{
    return op->function ? op->function : op->name;
}

/* Whether output i, which is declared, lies over an input's elements. */
bool ct__call_is_view(const ct_call *call, int i);

/* Around an operation's own function, which runs on scope: it may not close that, nor give up or change what it was handed, nor
 * go on where something in it failed, as if that had been left out. The end closes what was left open, and turns each of these
 * into an error. */
static inline void ct__call_begin(ct_call *call, ct_scope *scope)
{
    call->scope = scope;
    call->outer = scope->call;
    call->pending = call->thread->error;
    call->refused = false;
    scope->call = call;
}

ct_status ct__call_misused(ct_call *call, ct_status status);

static inline ct_status ct__call_end(ct_call *call, ct_status status)
{
    ct_scope *scope = call->scope;
    scope->call = call->outer;
    bool well = !scope->inner && !call->refused && call->thread->error == call->pending;
    return CT_LIKELY(well) ? status : ct__call_misused(call, status);
}

/* Whether a call is its expression and nothing else: one beside a forward is the definition of a shortcut. */
static inline bool ct__is_expression(const ct_op *op)
{
    return op->expression && !op->infer;
}

/* Of a shortcut, by the expression beside it (definition.c); it may call these for numbers that it cannot work with. */
ct_op ct__definition_of(const ct_op *op); /* the record without the shortcut */
ct_status ct__forward_by_definition(ct_call *call);
ct_status ct__backward_by_definition(ct_call *call);
/* ct_apply_multi() with the expression of a record alone. */
ct_status ct__apply_definition(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes,
                               ct_tensor **outputs);

/* The call's backward, guarded; by the definition of a shortcut if it is recorded. */
static inline ct_status ct__run_backward(ct_call *call)
{
    bool by_definition = CT_UNLIKELY(call->op->expression && call->thread->no_grad_depth == 0);
    ct__call_begin(call, ct__scope_of(call->thread));
    return ct__call_end(call, by_definition ? ct__backward_by_definition(call) : call->op->backward(call));
}

/* The call's backward by a function that makes its outputs again from inputs first, ..., first + count - 1, as it is given them,
 * and from what the inputs behind those are: leaves, and results of operations that are no part of it. */
typedef ct_status (*ct__rerun_function)(const ct_call *call, ct_tensor *const *inputs, ct_tensor **outputs);
ct_status ct__backward_by_rerun(ct_call *call, int first, int count, ct__rerun_function run);
/* ct_grad() for a node's backward that runs a graph of its own: the hooks of leaves wait for the run around it. */
ct_status ct__grad_within(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                          ct_tensor **results, const ct_grad_options *options);

/* x as a result: the same elements, a tensor of its own. */
extern const ct_op ct__again;

/* What a function hands out outlives the scopes that it has opened: t, if one of those inside scope `to` owns it, goes there. */
void ct__hand_over(ct_tensor *t, ct_scope *to);

/* Instead of ct_call_set_grad(): the gradient of input i is grad in the part of it that begins offset elements behind its first and
 * has these strides, those of a row-major tensor of its shape counting, and 0 elsewhere. It is added where it lies, so that a
 * part costs as much as it has elements. Only while ct__call_adds_parts(): a run that records, or is observed, needs the whole
 * gradient as a tensor. */
bool ct__call_adds_parts(const ct_call *call);
ct_status ct__call_add_part(ct_call *call, int i, ct_tensor *grad, int64_t offset, const int64_t *strides);

/* ct_call_set_grad() for an input that there is. */
static inline ct_status ct__call_set_grad(ct_call *call, int i, ct_tensor *grad)
{
    if (CT_UNLIKELY(!grad || (grad->scope && grad->scope != call->scope)))
        return ct_call_set_grad(call, i, grad);
    call->grad_inputs[i] = grad;
    return CT_OK;
}

/* Whether only this pointer holds t, and nothing else its elements, so that they may be changed. */
static inline bool ct__is_ours(const ct_tensor *t)
{
    return t->refs == 1 && t->storage->refs == 1 && t->contiguous && !t->node;
}

/* Whether nobody reads a cotangent after the call, a backward's: the engine alone has it, in a run that neither records nor is
 * observed. */
static CT_HOT bool ct__call_may_spend(const ct_call *call, const ct_tensor *cotangent)
{
    return call->run && call->thread->no_grad_depth > 0 && !call->thread->observers && ct__is_ours(cotangent);
}

/* In a shape rule whose output is as the first input: whether that is declared to lie over it, being spent. */
static inline bool ct__call_output_over(ct_call *call)
{
    ct_tensor *first = call->inputs[0];
    if (CT_LIKELY(call->thread->spent != first))
        return false;
    call->thread->spent = NULL;
    call->outputs[0] = ct__tensor_renew(first, call->op->name);
    return true;
}

/* ct_call_grad_input_data() for a gradient with the shape of the only cotangent, for a backward that reads no element of this after
 * it has written that of the gradient: where the cotangent is spent, these are its own elements. */
void *ct__call_grad_input_over(ct_call *call, int i);

/* ct_call_output_shape without its checks, for a shape that is known to be valid: that of a tensor, say. */
static inline ct_status ct__call_output(ct_call *call, int i, ct_dtype dtype, const int64_t *shape, int rank)
{
    call->outputs[i] = ct__tensor_new(dtype, shape, rank, call->op->name);
    return CT_LIKELY(call->outputs[i] != NULL) ? CT_OK : CT_ERROR_MEMORY;
}

/* Where an input came from: the output of a node, or a leaf, or nothing that wants a gradient. */
typedef struct ct_edge {
    struct ct_node *node;
    ct_tensor *leaf;
    int32_t output;
} ct_edge;

/* A tensor that a node keeps for backward, and the version it had; or one in bfloat16 in place of one in float32. */
typedef struct ct_saved {
    ct_tensor *tensor;
    uint32_t version;
    bool halved;
} ct_saved;

typedef struct ct_output_info {
    int64_t *shape;      /* rank sizes, in the node's block */
    uint8_t rank, dtype; /* of the gradient */
} ct_output_info;

typedef struct ct_hook_entry {
    struct ct_hook_entry *next;
    int64_t handle;
    int32_t output;
    ct_hook hook; /* NULL: a ready hook, or retain the gradient in tensor */
    ct_ready_hook ready;
    void *user;
    ct_tensor *tensor; /* not a reference: the tensor unlinks the entry when it goes */
} ct_hook_entry;

struct ct_node {
    const ct_op *op;
    const char *file;
    const ct_part *region;
    int32_t line;
    int32_t refs; /* 0: freed */
    int32_t n_inputs;
    int32_t pending; /* gradients still to come, in the backward that is running */
    uint32_t bytes;  /* of this block */
    uint8_t n_outputs;
    bool freed;           /* what was saved is gone */
    bool needed;          /* by the ct_grad that is running: its backward must run */
    bool captured;        /* by the ct_grad that is running: the gradient of one of its outputs is asked for */
    uint64_t run;         /* the number of the last backward that visited this node */
    uint32_t origin;      /* the run of a checkpoint's function that made it; 0: none */
    struct ct_node *link; /* a list of nodes to visit or to free */
    void *attributes;
    ct_saved *saved;             /* n_inputs, then n_outputs */
    ct_output_info *output_info; /* n_outputs */
    ct_tensor **grads;           /* n_outputs; gradients gathered so far */
    ct_hook_entry *hooks;
    ct_edge edges[]; /* n_inputs */
};

void ct__node_free(struct ct_node *node); /* whose last reference has gone */
static inline void ct__node_unref(struct ct_node *node)
{
    if (--node->refs <= 0)
        ct__node_free(node);
}
/* Makes an edge lead to where input came from, instead of where it led before. */
void ct__edge_connect(ct_edge *edge, ct_tensor *input);
/* A node for a call whose outputs are filled, with everything it needs saved; NULL with an error (memory). */
struct ct_node *ct__node_new(const ct_call *call);
void ct__node_free_saved(struct ct_node *node);
/* A definition is run again on all inputs. */
static inline bool ct__saves_input(const ct_op *op, int i)
{
    return op->expression || (i < 48 && op->saves & CT_SAVE_INPUT(i));
}
/* The tensor that was saved; NULL with an error (state) if there is none, or it was changed in place. */
ct_tensor *ct__explain_saved(struct ct_node *node, const ct_saved *saved, const char *what, int i);
/* One in bfloat16 in float32, for the backward that asks, and known as the same result. */
ct_tensor *ct__unpack_saved(struct ct_node *node, const ct_tensor *half);
static inline ct_tensor *ct__check_saved(struct ct_node *node, const ct_saved *saved, const char *what, int i)
{
    if (CT_UNLIKELY(!saved->tensor || saved->tensor->storage->version != saved->version))
        return ct__explain_saved(node, saved, what, i);
    return CT_LIKELY(!saved->halved) ? saved->tensor : ct__unpack_saved(node, saved->tensor);
}
/* The tensor saved for input or output i, so checked. */
static inline ct_tensor *ct__node_saved_input(struct ct_node *node, int i)
{
    if (CT_UNLIKELY(!node->saved[i].tensor && ct__saves_input(node->op, i))) /* an optional input that was left out */
        return NULL;
    return ct__check_saved(node, &node->saved[i], "input", i);
}
ct_tensor *ct__node_saved_output(struct ct_node *node, int i);
/* The attributes that node was recorded with, to call its operation again; NULL if it takes none. */
static inline const void *ct__node_attributes(const struct ct_node *node)
{
    return node->op->attributes_size ? node->attributes : NULL;
}

/* Whether node saved t or, if elements, something that shares t's. */
bool ct__node_saves(const struct ct_node *node, const ct_tensor *t, bool elements);
/* " (file:line)" or "", for messages; buffer has room for CT_PLACE_TEXT bytes. */
const char *ct__node_place(const struct ct_node *node, char *buffer);
#define CT_PLACE_TEXT 200

/* Nodes of one origin: nodes made from here on have it, until it is put back. */
uint32_t ct__origin_begin(uint32_t *before);
void ct__origin_end(uint32_t before);
/* Whether node is of that origin; 0: any is. */
static inline bool ct__is_within(uint32_t origin, const struct ct_node *node)
{
    return !origin || node->origin == origin;
}

/* Nodes reachable from roots, in the order in which backward runs them. Every walk over a graph has a number, higher than
 * those before it; node->run tells whether this walk has been there. */
typedef struct ct_order {
    uint32_t origin; /* the walk goes over nodes of that origin alone; 0: over all */
    struct ct_node **nodes;
    int64_t count, room;
    uint64_t run;
    bool inner; /* begun while another walk was under way */
} ct_order;
/* ct__order_end() must follow, also after a failure. Errors: memory; state (another backward runs over these nodes). */
ct_status ct__order_begin(ct_order *order, struct ct_node *const *roots, int n_roots);
/* The same over nodes of that origin alone, to which the roots belong. */
ct_status ct__order_begin_within(uint32_t origin, ct_order *order, struct ct_node *const *roots, int n_roots);
void ct__order_end(ct_order *order);
/* Walks over graphs so far, of all threads: the same number before and after a function that differentiates nothing. */
uint64_t ct__walks(void);
/* For tests of the checker: if set, every backward lets it change the order, to plant a fault into the engine. */
extern void (*ct__order_fault)(ct_order *order);

/* Replaces t's accumulated gradient by grad, with a reference of its own. */
void ct__set_grad(ct_tensor *t, ct_tensor *grad);
/* t's elements, row-major, in a tensor that nobody else has. If recorded, as coming from t where that asks for a gradient.
 * Owned by the innermost scope; NULL with an error (memory). */
ct_tensor *ct__own_copy(bool recorded, ct_tensor *t);
/* Makes *grad, a reference, one that can be handed out: a change to its elements changes nobody else's. */
ct_status ct__make_own(bool recorded, ct_tensor **grad);
/* Whether t may hold grad. Nobody can ask a tensor that was given up for its gradient, and one that is recorded may lead
 * back to t, in a circle that nothing would free. */
bool ct__may_hold(const ct_tensor *t, const ct_tensor *grad);
/* Runs the hooks on an output over *grad, its complete gradient, and leaves that in the tensors that retain it. */
ct_status ct__run_hooks(bool recorded, ct_hook_entry *const *list, int output, ct_tensor **grad);
/* Whether any leaf has ever had a ready hook; whether this one has; calls those of leaf with grad, all of its gradient. */
extern _Atomic bool ct__ready_hooks;
bool ct__has_ready_hook(const ct_tensor *leaf);
ct_status ct__run_ready_hooks(const ct_tensor *leaf, ct_tensor *grad);

/* ct_grad_enabled(), in line. */
static inline bool ct__records(void)
{
    return ct__here()->no_grad_depth == 0;
}

/* As ct_has_no_gradient(), for a record that is there. */
static inline bool ct__has_no_gradient(const ct_op *op)
{
    return op->gradient && op->gradient[0] == 'n' && strncmp(op->gradient, "none", 4) == 0;
}

/* Sets how many no-grad sections are open; returns how many were. */
int ct__no_grad_depth(int depth);

/* Shape and dtype of the gradient of input i, for an input that wants a gradient. */
static inline void ct__node_input_info(const struct ct_node *node, int i, const int64_t **shape, int *rank,
                                       ct_dtype *dtype)
{
    const ct_edge *edge = &node->edges[i];
    if (edge->leaf) {
        *shape = edge->leaf->shape;
        *rank = edge->leaf->rank;
        *dtype = (ct_dtype)edge->leaf->dtype;
    } else {
        const ct_output_info *info = &edge->node->output_info[edge->output];
        *shape = info->shape;
        *rank = info->rank;
        *dtype = (ct_dtype)info->dtype;
    }
}

/* While on, nodes save all inputs, whatever the op asks for, so that each can be replayed. Returns the old setting. */
bool ct__record_all_inputs(bool on);

/* What is done to gradients here, in the engine, in the checker and in functional.c. ops defines it (engine_ops.c), so that a program
 * which is linked with the engine is linked with these, too. */
typedef struct ct_engine_ops {
    ct_tensor *(*add)(ct_tensor *a, ct_tensor *b);                      /* recorded */
    ct_tensor *(*sum_to)(ct_tensor *t, const int64_t *shape, int rank); /* recorded; shape is t's before broadcasting */
    ct_tensor *(*cast)(ct_tensor *t, ct_dtype dtype);                   /* recorded */
    void (*add_in_place)(ct_tensor *sum, const ct_tensor *t);           /* same shape, float; sum is contiguous */
    ct_status (*add_to_part)(ct_tensor *part, const ct_tensor *t);      /* the same for any strides; error: memory */
    ct_tensor *(*concat)(ct_tensor *const *tensors, int n, int axis);   /* recorded, and so is reshape */
    ct_tensor *(*reshape)(ct_tensor *t, const int64_t *shape, int rank);
} ct_engine_ops;
extern const ct_engine_ops ct__engine_ops;

#endif
