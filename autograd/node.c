/* Nodes: what a recorded operation leaves behind, in one block of memory.
 *
 * Invariant: a node has a reference from each live output and from each node that consumes one; it has one on each node
 * and leaf its inputs came from and on each tensor it saved. Releasing is iterative: a chain of a million nodes is freed
 * without recursion. */
#include "autograd_internal.h"
#include <stdalign.h>
#include <string.h>

bool ct__record_all_inputs(bool on)
{
    ct__thread_state *me = ct__here();
    bool before = me->all_inputs;
    me->all_inputs = on;
    return before;
}

/* ---- origins ---- */

uint32_t ct__origin_begin(uint32_t *before)
{
    static _Atomic uint32_t last;
    ct__thread_state *me = ct__here();
    *before = me->origin;
    do
        me->origin = ++last;
    while (me->origin == 0); /* after 2^32 of them */
    return me->origin;
}

void ct__origin_end(uint32_t before)
{
    ct__here()->origin = before;
}

/* ---- making ---- */

/* The parts of a node's block behind its edges, one behind the other. */
typedef struct layout {
    size_t saved, grads, info, shapes, attributes, end;
} layout;

static layout lay_out(const ct_call *call)
{
    layout at;
    size_t n_inputs = (size_t)call->n_inputs, n_outputs = (size_t)call->n_outputs, sizes = 0;
    for (size_t i = 0; i < n_outputs; i++)
        sizes += call->outputs[i]->rank;
    at.saved = sizeof(struct ct_node) + n_inputs * sizeof(ct_edge);
    at.grads = at.saved + (n_inputs + n_outputs) * sizeof(ct_saved);
    at.info = at.grads + n_outputs * sizeof(ct_tensor *);
    at.shapes = at.info + n_outputs * sizeof(ct_output_info);
    at.attributes = (at.shapes + sizes * sizeof(int64_t) + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    at.end = at.attributes + call->op->attributes_size;
    return at;
}

/* A block with its parts in place; edges and what is saved of inputs are unset. */
static inline struct ct_node *new_block(const ct_call *call)
{
    layout at = lay_out(call);
    const ct__thread_state *me = call->thread;
    char *base = ct__alloc_on(call->thread, at.end);
    if (!base)
        return NULL;
    struct ct_node *node = (struct ct_node *)base;
    *node = (struct ct_node){
        .op = call->op,
        .region = me->region,
        .origin = me->origin,
        .refs = 1,
        .n_inputs = call->n_inputs,
        .n_outputs = (uint8_t)call->n_outputs,
        .bytes = (uint32_t)at.end, /* shapes, edges and attributes of at most 72 tensors */
        .saved = (ct_saved *)(base + at.saved),
        .grads = (ct_tensor **)(base + at.grads),
        .output_info = (ct_output_info *)(base + at.info),
        .attributes = base + at.attributes,
    };
    int64_t *shape = (int64_t *)(base + at.shapes);
    for (int i = 0; i < call->n_outputs; i++) {
        const ct_tensor *output = call->outputs[i];
        node->grads[i] = NULL;
        node->saved[call->n_inputs + i] = (ct_saved){0};
        ct_dtype dtype = ct__gradient_of((ct_dtype)output->dtype);
        node->output_info[i] = (ct_output_info){.shape = shape, .rank = output->rank, .dtype = (uint8_t)dtype};
        for (int axis = 0; axis < output->rank; axis++)
            *shape++ = output->shape[axis];
    }
    return node;
}

static void save(ct_saved *saved, ct_tensor *t)
{
    ct__tensor_ref(t);
    *saved = (ct_saved){.tensor = t, .version = t->storage->version};
}

/* An output is saved as an alias without its node, which would be a circle. */
static ct_status save_output(struct ct_node *node, int i, const ct_tensor *output)
{
    ct_tensor *alias = ct__tensor_alias(output, node->op->name);
    if (!alias)
        return CT_ERROR_MEMORY;
    ct__scope_move(alias, NULL);
    node->saved[node->n_inputs + i] = (ct_saved){.tensor = alias, .version = alias->storage->version};
    return CT_OK;
}

/* Whether input comes from outside of the checkpoint whose function runs: that needs to know the tensor. */
static bool comes_in(const ct__thread_state *me, const ct_tensor *input)
{
    return me->origin && !me->saves_inside && input->node && input->node->origin != me->origin;
}

static void connect(ct_edge *edge, ct_tensor *input)
{
    if (input->node) {
        edge->node = input->node;
        edge->node->refs++;
        edge->output = input->output;
    } else {
        edge->leaf = input;
        input->past |= CT_PAST_USED;
        ct__tensor_ref(input);
    }
}

static void disconnect(ct_edge *edge)
{
    if (edge->node)
        ct__node_unref(edge->node);
    ct__tensor_unref(edge->leaf);
}

void ct__edge_connect(ct_edge *edge, ct_tensor *input)
{
    ct_edge before = *edge;
    *edge = (ct_edge){0};
    connect(edge, input);
    disconnect(&before);
}

struct ct_node *ct__node_new(const ct_call *call)
{
    const ct_op *op = call->op;
    struct ct_node *node = new_block(call);
    if (!node) {
        ct__no_memory(op->name);
        return NULL;
    }
    const ct__thread_state *me = call->thread;
    if (op->attributes_size)
        memcpy(node->attributes, call->attributes, op->attributes_size);
    for (int i = 0; i < call->n_inputs; i++) {
        ct_tensor *input = call->inputs[i];
        node->edges[i] = (ct_edge){0};
        node->saved[i] = (ct_saved){0};
        if (!input)
            continue;
        if (input->requires_grad)
            connect(&node->edges[i], input);
        if (me->all_inputs || ct__saves_input(op, i) || comes_in(me, input))
            save(&node->saved[i], input);
    }
    for (int i = 0; op->saves >> 48 && i < call->n_outputs; i++) {
        if (op->saves & CT_SAVE_OUTPUT(i) && save_output(node, i, call->outputs[i]) != CT_OK) {
            ct__node_unref(node);
            return NULL;
        }
    }
    return node;
}

/* ---- freeing ---- */

void ct__node_free_saved(struct ct_node *node)
{
    for (int i = 0; i < node->n_inputs + node->n_outputs; i++) {
        ct_tensor *t = node->saved[i].tensor;
        node->saved[i].tensor = NULL;
        ct__tensor_unref(t);
    }
    node->freed = true;
}

static void free_one(struct ct_node *node)
{
    if (!node->freed)
        ct__node_free_saved(node);
    for (int i = 0; i < node->n_inputs; i++)
        disconnect(&node->edges[i]);
    for (int i = 0; i < node->n_outputs; i++)
        ct__tensor_unref(node->grads[i]);
    while (node->hooks) {
        ct_hook_entry *entry = node->hooks;
        node->hooks = entry->next;
        ct__free(entry, sizeof *entry);
    }
    ct__free_marked(node, node->bytes);
}

/* Nodes whose last reference is gone wait in a list while another one is being freed, so that freeing does not recurse. */
void ct__node_free(struct ct_node *node)
{
    ct__thread_state *me = ct__here();
    node->link = me->to_free;
    me->to_free = node;
    if (me->freeing)
        return;
    me->freeing = true;
    while (me->to_free) {
        struct ct_node *next = me->to_free;
        me->to_free = next->link;
        free_one(next);
    }
    me->freeing = false;
}

static void node_release(struct ct_node *node)
{
    ct__node_unref(node);
}

/* ---- what was saved ---- */

const char *ct__node_place(const struct ct_node *node, char *buffer)
{
    buffer[0] = '\0';
    if (node->file)
        snprintf(buffer, CT_PLACE_TEXT, " (%s:%d)", node->file, node->line);
    return buffer;
}

CT_COLD ct_tensor *ct__explain_saved(struct ct_node *node, const ct_saved *saved, const char *what, int i)
{
    char place[CT_PLACE_TEXT];
    if (!saved->tensor) {
        ct__error(CT_ERROR_STATE, "backward of '%s'%s: the operation does not save %s %d", node->op->name,
                  ct__node_place(node, place), what, i);
        return NULL;
    }
    const ct_storage *storage = saved->tensor->storage;
    char writer_place[CT_PLACE_TEXT] = "";
    if (storage->writer_file)
        snprintf(writer_place, sizeof writer_place, " (%s:%d)", storage->writer_file, (int)storage->writer_line);
    ct__error(CT_ERROR_STATE, "backward of '%s'%s needs its %s %d as it was, but %s%s has changed it in place since",
              node->op->name, ct__node_place(node, place), what, i, storage->writer ? storage->writer : "something",
              writer_place);
    return NULL;
}

CT_COLD ct_tensor *ct__unpack_saved(struct ct_node *node, const ct_tensor *half)
{
    ct_tensor *t = ct__tensor_new(CT_FLOAT32, half->shape, half->rank, node->op->name);
    if (!t)
        return NULL;
    ct__copy_strided(CT_FLOAT32, ct__ptr(t), t->strides, CT_BFLOAT16, ct__ptr(half), half->strides, half->shape,
                     half->rank);
    if (half->node) {
        t->node = half->node;
        t->node->refs++;
        t->output = half->output;
    }
    t->requires_grad = half->requires_grad;
    return t;
}

bool ct__node_saves(const struct ct_node *node, const ct_tensor *t, bool elements)
{
    for (int i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const ct_tensor *saved = node->saved[i].tensor;
        if (saved && (saved == t || (elements && saved->storage == t->storage)))
            return true;
    }
    return false;
}

ct_tensor *ct__node_saved_output(struct ct_node *node, int i)
{
    ct_tensor *saved = ct__check_saved(node, &node->saved[node->n_inputs + i], "output", i);
    if (!saved || !ct_grad_enabled() || !ct__has_gradient((ct_dtype)saved->dtype))
        return saved;
    /* To be differentiated through again, it must be known as this node's output. */
    ct_tensor *output = ct__tensor_alias(saved, node->op->name);
    if (output) {
        output->node = node;
        node->refs++;
        output->output = i;
        output->requires_grad = true;
    }
    return output;
}

/* ---- locations ---- */

/* An expression of several operations leaves several nodes; the call that made them all is where they are from. Nodes that
 * have a location stop the walk, so that every node is walked over once. */
static void locate_nodes(struct ct_node *node, const char *file, int line)
{
    if (node->file || !file)
        return;
    struct ct_node *stack = node;
    node->link = NULL;
    node->file = file;
    node->line = line;
    while (stack) {
        struct ct_node *top = stack;
        stack = top->link;
        for (int i = 0; i < top->n_inputs; i++) {
            struct ct_node *input = top->edges[i].node;
            if (!input || input->file)
                continue;
            input->file = file;
            input->line = line;
            input->link = stack;
            stack = input;
        }
    }
}

/* ---- a tensor that has hooks is being freed ---- */

static void free_entries_of(ct_hook_entry **list, const ct_tensor *t)
{
    while (*list) {
        ct_hook_entry *entry = *list;
        if (t && entry->tensor != t) {
            list = &entry->next;
            continue;
        }
        *list = entry->next;
        ct__free(entry, sizeof *entry);
    }
}

static void tensor_forget(ct_tensor *t)
{
    if (t->node)
        free_entries_of(&t->node->hooks, t);
    free_entries_of(&t->hooks, NULL);
}

__attribute__((constructor)) static void install(void)
{
    ct__node_release = node_release;
    ct__tensor_forget = tensor_forget;
    ct__locate_nodes = locate_nodes;
}
