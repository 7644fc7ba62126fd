/* The trace: an observer that writes down every operation and every gradient on its way.
 *
 * Invariant: while it runs it holds the nodes and the unrecorded tensors that it has met, so that an address means one of them. */
#include "trace_internal.h"
#include <string.h>

/* Where a tensor of the trace is: the result of a node, or a tensor without one, as it was at that version. */
typedef struct key {
    const void *address;
    int64_t part; /* the output, or the version */
} key;

typedef struct entry {
    key key;
    int64_t id;
    struct ct_node *node; /* a reference to one of these two */
    ct_tensor *tensor;
} entry;

enum { MAX_RUNS = 16 }; /* inside one another */

/* What the trace knows while it runs. */
typedef struct ct_tracing {
    entry *entries; /* a hash table, open addressing; free where neither node nor tensor */
    int64_t n_entries, room;
    int depth; /* runs under way */
    struct {
        int64_t number, first_step;
    } runs[MAX_RUNS];
    const ct_node *back; /* whose backward ran last, and */
    int64_t from;        /* its first result's id, */
    const ct_snapshot *incoming, *locals[CT_MAX_INPUTS];
    bool elementwise[CT_MAX_INPUTS];
    unsigned summed[CT_MAX_INPUTS];
    uint64_t kinks[CT_MAX_INPUTS];
    const ct_snapshot *old; /* of the gradient that is on its way */
    ct_watch watch;
} ct_tracing;

static _Thread_local ct_trace_log *running;

/* ---- what it has met ---- */

static key key_of(const ct_tensor *t)
{
    if (t->node)
        return (key){t->node, t->output};
    return (key){t, t->storage->version};
}

static entry *place_of(const ct_tracing *g, key k)
{
    uint64_t hash = ((uint64_t)(uintptr_t)k.address * 0x9e3779b97f4a7c15u) ^ ((uint64_t)k.part * 0xff51afd7ed558ccdu);
    int64_t mask = g->room - 1;
    for (int64_t i = (int64_t)(hash >> 32) & mask;; i = (i + 1) & mask) {
        entry *e = &g->entries[i];
        if ((!e->node && !e->tensor) || (e->key.address == k.address && e->key.part == k.part))
            return e;
    }
}

static const entry *find(const ct_trace_log *trace, key k)
{
    const ct_tracing *g = trace->tracing;
    const entry *e = g && g->room ? place_of(g, k) : NULL;
    return e && (e->node || e->tensor) ? e : NULL;
}

int64_t ct__trace_id(const ct_trace_log *trace, const ct_tensor *t)
{
    const entry *e = find(trace, key_of(t));
    return e ? e->id : -1;
}

static ct_status grow_table(ct_tracing *g)
{
    if (2 * (g->n_entries + 1) < g->room)
        return CT_OK;
    ct_tracing larger = {.room = g->room ? 2 * g->room : 256};
    size_t bytes = (size_t)larger.room * sizeof *larger.entries;
    larger.entries = ct__alloc(bytes);
    if (!larger.entries)
        return ct__no_memory("trace");
    memset(larger.entries, 0, bytes);
    for (int64_t i = 0; i < g->room; i++)
        if (g->entries[i].node || g->entries[i].tensor)
            *place_of(&larger, g->entries[i].key) = g->entries[i];
    ct__free(g->entries, (size_t)g->room * sizeof *g->entries);
    g->entries = larger.entries;
    g->room = larger.room;
    return CT_OK;
}

ct_status ct__trace_grow(void **array, int64_t count, int64_t *room, size_t size)
{
    if (count < *room)
        return CT_OK;
    int64_t larger = *room ? 2 * *room : 128;
    void *copy = ct__alloc((size_t)larger * size);
    if (!copy)
        return ct__no_memory("trace");
    if (count)
        memcpy(copy, *array, (size_t)count * size);
    ct__free(*array, (size_t)*room * size);
    *array = copy;
    *room = larger;
    return CT_OK;
}

/* ---- nodes ---- */

ct_trace_node *ct__trace_append(ct_trace_log *trace, ct_trace_node what)
{
    if (ct__trace_grow((void **)&trace->nodes, trace->n_nodes, &trace->room_nodes, sizeof *trace->nodes) != CT_OK)
        return NULL;
    what.id = trace->n_nodes;
    what.freed = -1;
    trace->nodes[trace->n_nodes] = what;
    return &trace->nodes[trace->n_nodes++];
}

ct_trace_node *ct__trace_add(ct_trace_log *trace, struct ct_node *made_by, int output, const ct_tensor *t,
                             ct_trace_node what)
{
    ct_tracing *g = trace->tracing;
    what.recorded = made_by != NULL;
    if (!what.value || grow_table(g) != CT_OK || !ct__trace_append(trace, what))
        return NULL;
    ct_trace_node *node = &trace->nodes[trace->n_nodes - 1];
    key k = made_by ? (key){made_by, output} : key_of(t);
    *place_of(g, k) = (entry){.key = k, .id = node->id, .node = made_by, .tensor = made_by ? NULL : (ct_tensor *)t};
    g->n_entries++;
    if (made_by)
        made_by->refs++;
    else
        ct__tensor_ref((ct_tensor *)t);
    return node;
}

static ct_trace_node *add_node(ct_trace_log *trace, const ct_tensor *t)
{
    if (t->requires_grad && !t->node && ct__watch_notice(trace, &trace->tracing->watch, t) != CT_OK)
        return NULL;
    ct_trace_node what = {.kind = t->requires_grad ? CT_TRACE_LEAF : CT_TRACE_CONSTANT,
                          .name = t->name,
                          .op = t->made_by,
                          .region = "",
                          .file = t->file,
                          .line = t->line,
                          .value = ct__snapshot(&trace->arena, t)};
    return ct__trace_add(trace, t->node, t->output, t, what);
}

int64_t ct__trace_meet(ct_trace_log *trace, const ct_tensor *t)
{
    const entry *e = find(trace, key_of(t));
    ct_trace_node *node = e ? &trace->nodes[e->id] : add_node(trace, t);
    if (!node)
        return -1;
    if (t->name)
        node->name = t->name;
    if (!e && t->node) { /* made before the trace began */
        node->kind = CT_TRACE_RESULT;
        node->region = t->node->region->path;
        node->formula = t->node->op->gradient;
    }
    return node->id;
}

int64_t ct__trace_made_by(const ct_trace_log *trace, const struct ct_node *node, int output)
{
    const entry *e = find(trace, (key){node, output});
    return e ? e->id : -1;
}

/* What node keeps of its inputs and of what it has made, of which output is id. */
static ct_status note_kept(ct_trace_log *trace, const struct ct_node *node, const int64_t *inputs, int64_t id)
{
    if (!node)
        return CT_OK;
    int64_t *kept = ct__arena_alloc(&trace->arena, (size_t)(node->n_inputs + 1) * sizeof *kept), bytes = 0;
    int n = 0;
    if (!kept)
        return CT_ERROR_MEMORY;
    for (int i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const ct_tensor *t = node->saved[i].tensor;
        bool own = i >= node->n_inputs;
        if (!t || (own && i - node->n_inputs != trace->nodes[id].output))
            continue;
        kept[n++] = own ? id : inputs[i];
        bytes += t->numel * (int64_t)ct_dtype_size((ct_dtype)t->dtype);
    }
    trace->nodes[id].n_kept = n;
    trace->nodes[id].kept = kept;
    trace->nodes[id].kept_bytes = bytes;
    return CT_OK;
}

static ct_status add_results(ct_trace_log *trace, const ct_event *e, const int64_t *inputs)
{
    const char *attributes = ct__attributes_text(&trace->arena, e->op, e->attributes);
    uint8_t *axes[CT_MAX_OUTPUTS];
    ct_status status = ct__axis_origins(&trace->arena, e, axes);
    for (int i = 0; status == CT_OK && i < e->n_outputs; i++) {
        ct_trace_node *node = add_node(trace, e->outputs[i]);
        if (!node)
            return CT_ERROR_MEMORY;
        node->axes = axes[i];
        node->kind = CT_TRACE_RESULT;
        node->op = e->op->name;
        node->formula = e->op->gradient;
        node->region = e->region;
        node->attributes = attributes;
        node->output = i;
        node->n_inputs = e->n_inputs;
        node->inputs = inputs;
        node->backward = trace->tracing->depth > 0;
        status = note_kept(trace, e->node, inputs, node->id);
    }
    return status;
}

/* The ids of what an operation was given; NULL with an error (memory). */
static const int64_t *meet_inputs(ct_trace_log *trace, const ct_event *e)
{
    int64_t *inputs = ct__arena_alloc(&trace->arena, (size_t)e->n_inputs * sizeof *inputs);
    for (int i = 0; inputs && i < e->n_inputs; i++) {
        inputs[i] = e->inputs[i] ? ct__trace_meet(trace, e->inputs[i]) : -1;
        if (e->inputs[i] && inputs[i] < 0)
            return NULL;
    }
    return inputs;
}

/* An operation is over. An expression's operations have been met one by one; those in which a backward is written are
 * shown by its step. */
static ct_status see_operation(ct_trace_log *trace, const ct_event *e)
{
    bool failed = e->status != CT_OK;
    bool within = trace->tracing->depth > 0 && !e->node;
    if (within || (failed ? ct__trace_has_told(trace, e) : ct__is_expression(e->op)))
        return CT_OK;
    const int64_t *inputs = meet_inputs(trace, e);
    if (!inputs)
        return CT_ERROR_MEMORY;
    return failed ? ct__trace_add_failed(trace, e, inputs) : add_results(trace, e, inputs);
}

/* ---- gradients ---- */

static void set_gradient(ct_trace_node *node, const ct_snapshot *gradient)
{
    bool zero = !gradient || (gradient->zeros == gradient->numel);
    node->state = zero ? CT_GRADIENT_ZERO : CT_GRADIENT_NUMBER;
    node->gradient = gradient;
}

/* The tensor that a gradient comes to, as it was when the operation took it: a leaf may have changed since. */
static int64_t target_of(ct_trace_log *trace, const ct_event *e)
{
    const ct_tracing *g = trace->tracing;
    const ct_trace_node *from = e->node && e->node == g->back ? ct_trace_node_at(trace, g->from) : NULL;
    if (from && e->input < from->n_inputs)
        return from->inputs[e->input];
    if (e->to_leaf)
        return ct__trace_meet(trace, e->to_leaf);
    const entry *found = find(trace, (key){e->to_node, e->to_output});
    return found ? found->id : -1; /* its graph is older than the trace */
}

static ct_trace_step *add_step(ct_trace_log *trace, ct_trace_step step)
{
    if (ct__trace_grow((void **)&trace->steps, trace->n_steps, &trace->room_steps, sizeof *trace->steps) != CT_OK)
        return NULL;
    step.run = trace->tracing->runs[trace->tracing->depth - 1].number;
    trace->steps[trace->n_steps] = step;
    return &trace->steps[trace->n_steps++];
}

/* What earlier runs brought to results is over. Leaves keep what they have. */
static void forget_gradients(ct_trace_log *trace)
{
    for (int64_t i = 0; i < trace->n_nodes; i++) {
        ct_trace_node *node = &trace->nodes[i];
        if (node->kind == CT_TRACE_LEAF)
            continue;
        node->state = CT_GRADIENT_NOT_COMPUTED;
        node->gradient = NULL;
    }
}

static ct_status begin_run(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    if (g->depth == MAX_RUNS)
        return ct__error(CT_ERROR_STATE, "trace: more than %d backward runs inside one another", MAX_RUNS);
    if (g->depth == 0)
        forget_gradients(trace);
    g->runs[g->depth].number = ++trace->runs;
    g->runs[g->depth++].first_step = trace->n_steps;
    for (int i = 0; i < e->n_roots; i++) {
        int64_t id = ct__trace_meet(trace, e->roots[i]);
        if (id < 0)
            return CT_ERROR_MEMORY;
        trace->root = i == 0 ? id : trace->root;
    }
    return CT_OK;
}

/* Whether what the last node kept was given back once its gradients had gone. */
static void note_freed(ct_trace_log *trace)
{
    const ct_tracing *g = trace->tracing;
    if (g->back && g->from >= 0 && g->back->freed && trace->nodes[g->from].freed < 0)
        trace->nodes[g->from].freed = trace->n_steps;
}

static ct_status begin_backward(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    note_freed(trace);
    const entry *found = find(trace, (key){e->node, 0});
    g->back = e->node;
    g->from = found ? found->id : -1;
    g->incoming = NULL;
    for (int i = 0; i < e->n_outputs && !g->incoming; i++)
        if (e->grad_outputs[i] && !(g->incoming = ct__snapshot(&trace->arena, e->grad_outputs[i])))
            return CT_ERROR_MEMORY;
    for (int i = 0; i < e->n_inputs; i++) {
        g->locals[i] = NULL;
        g->summed[i] = 0;
        g->kinks[i] = 0;
    }
    ct_status status = ct__local_derivatives(&trace->arena, e, g->locals, g->elementwise);
    for (int i = 0; status == CT_OK && found && i < e->n_inputs; i++)
        if (g->locals[i] && g->elementwise[i])
            g->kinks[i] = ct__kinks(trace, &trace->nodes[g->from], e->node, i);
    return status == CT_OK ? ct_error_code() : status;
}

/* The axes of what a backward gave along which the input was broadcast: the engine sums over them. */
static unsigned summed_axes(const ct_event *e, int input)
{
    const ct_tensor *given = e->grad_inputs[input];
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    unsigned axes = 0;
    ct__node_input_info(e->node, input, &shape, &rank, &dtype);
    for (int axis = 0; axis < given->rank; axis++) {
        int own = axis - (given->rank - rank);
        if (given->shape[axis] != 1 && (own < 0 || shape[own] == 1))
            axes |= 1U << axis;
    }
    return axes;
}

/* Inputs that backward has left out count as zero. */
static void end_backward(ct_trace_log *trace, const ct_event *e)
{
    for (int i = 0; e->status == CT_OK && i < e->n_inputs; i++)
        if (e->wanted[i] && e->grad_inputs[i])
            trace->tracing->summed[i] = summed_axes(e, i);
    for (int i = 0; e->status == CT_OK && i < e->n_inputs; i++) {
        const ct_edge *edge = &e->node->edges[i];
        const entry *found = NULL;
        if (e->wanted[i] && !e->grad_inputs[i])
            found = edge->node ? find(trace, (key){edge->node, edge->output}) : find(trace, key_of(edge->leaf));
        if (found && trace->nodes[found->id].state == CT_GRADIENT_NOT_COMPUTED)
            set_gradient(&trace->nodes[found->id], NULL);
    }
}

static ct_status gradient_came(ct_trace_log *trace, const ct_event *e)
{
    ct_tracing *g = trace->tracing;
    int64_t to = target_of(trace, e);
    if (e->status != CT_OK || to < 0)
        return ct_error_code();
    bool here = e->node && e->node == g->back;
    ct_trace_step step = {.action = e->node ? CT_STEP_CONTRIBUTION : CT_STEP_SEED,
                          .from = here ? g->from : -1,
                          .input = e->input,
                          .to = to,
                          .incoming = here ? g->incoming : NULL,
                          .local = here ? g->locals[e->input] : NULL,
                          .elementwise = here && g->locals[e->input] && g->elementwise[e->input],
                          .contribution = ct__snapshot(&trace->arena, e->gradient),
                          .old = g->old,
                          .now = ct__snapshot(&trace->arena, e->sum),
                          .summed = here ? g->summed[e->input] : 0,
                          .kinks = here ? g->kinks[e->input] : 0};
    if (!step.contribution || !step.now || !add_step(trace, step))
        return CT_ERROR_MEMORY;
    if (!e->to_leaf || !e->to_leaf->grad)
        set_gradient(&trace->nodes[to], step.now);
    return CT_OK;
}

/* The sum before a gradient comes. */
static ct_status note_old(ct_trace_log *trace, const ct_event *e)
{
    trace->tracing->old = e->sum ? ct__snapshot(&trace->arena, e->sum) : NULL;
    return e->sum && !trace->tracing->old ? CT_ERROR_MEMORY : CT_OK;
}

static ct_status leaf_changes(ct_trace_log *trace, const ct_event *e)
{
    note_freed(trace);
    int64_t to = ct__trace_meet(trace, e->to_leaf);
    const ct_snapshot *contribution = to < 0 ? NULL : ct__snapshot(&trace->arena, e->gradient);
    int64_t run = trace->tracing->runs[trace->tracing->depth - 1].number;
    if (!contribution || note_old(trace, e) != CT_OK ||
        ct__watch_leaf(&trace->tracing->watch, (ct_tensor *)e->to_leaf, to, run, e->gradient) != CT_OK)
        return CT_ERROR_MEMORY;
    ct_trace_step step = {.action = CT_STEP_LEAF,
                          .from = -1,
                          .input = -1,
                          .to = to,
                          .contribution = contribution,
                          .old = trace->tracing->old};
    return add_step(trace, step) ? CT_OK : CT_ERROR_MEMORY;
}

static ct_status leaf_changed(ct_trace_log *trace, const ct_event *e)
{
    const ct_tracing *g = trace->tracing;
    int64_t to = ct__trace_meet(trace, e->to_leaf), run = g->runs[g->depth - 1].number;
    for (int64_t i = g->runs[g->depth - 1].first_step; to >= 0 && e->sum && i < trace->n_steps; i++) {
        ct_trace_step *step = &trace->steps[i];
        if (step->action != CT_STEP_LEAF || step->to != to || step->run != run)
            continue;
        step->now = ct__snapshot(&trace->arena, e->sum);
        if (!step->now)
            return CT_ERROR_MEMORY;
        set_gradient(&trace->nodes[to], step->now);
    }
    return ct_error_code();
}

/* A run is over. If it has failed, leaves have not changed. */
static void end_run(ct_trace_log *trace, const ct_event *e)
{
    int64_t first = trace->tracing->runs[--trace->tracing->depth].first_step;
    note_freed(trace);
    if (e->status != CT_OK)
        ct__watch_drop(&trace->tracing->watch, trace->tracing->runs[trace->tracing->depth].number);
    while (e->status != CT_OK && trace->n_steps > first && trace->steps[trace->n_steps - 1].action == CT_STEP_LEAF)
        trace->n_steps--;
}

/* An observer that began inside of a run hears of its end, and of its steps, without the beginning. */
static bool knows_run(const ct_trace_log *trace, const ct_event *e)
{
    return trace->tracing->depth > 0 || e->moment <= CT_RUN_BEGINS || e->moment == CT_TENSOR_WRITTEN;
}

static ct_status see(const ct_event *e, void *user)
{
    ct_trace_log *trace = user;
    if (!knows_run(trace, e))
        return CT_OK;
    switch (e->moment) {
    case CT_FORWARD_BEGINS:
        return CT_OK;
    case CT_FORWARD_ENDED:
        return see_operation(trace, e), CT_OK;
    case CT_RUN_BEGINS:
        return begin_run(trace, e), CT_OK;
    case CT_RUN_ENDED:
        return end_run(trace, e), CT_OK;
    case CT_BACKWARD_BEGINS:
        return begin_backward(trace, e), CT_OK;
    case CT_BACKWARD_ENDED:
        return end_backward(trace, e), CT_OK;
    case CT_GRADIENT_COMES:
        return note_old(trace, e), CT_OK;
    case CT_GRADIENT_CAME:
        return gradient_came(trace, e), CT_OK;
    case CT_LEAF_CHANGES:
        return leaf_changes(trace, e), CT_OK;
    case CT_LEAF_CHANGED:
        return leaf_changed(trace, e), CT_OK;
    case CT_TENSOR_WRITTEN:
        return ct__watch_notice(trace, &trace->tracing->watch, e->to_leaf), CT_OK;
    }
    return CT_OK;
}

/* ---- what is said of a change ---- */

bool ct_trace_running(void)
{
    return running != NULL;
}

ct_status ct_trace_note(const ct_tensor *leaf, int64_t element, const char *arithmetic)
{
    ct_status status = ct__check_tensor(leaf, "trace_note");
    if (status == CT_OK && !arithmetic)
        status = ct__error(CT_ERROR_NULL, "trace_note: the text is NULL");
    if (status != CT_OK || !running)
        return status;
    return ct__watch_note(running, &running->tracing->watch, leaf, element, arithmetic);
}

/* ---- begin and end ---- */

/* Where results were made, and what they are called, becomes known after the operation. */
static void update(ct_trace_log *trace)
{
    const ct_tracing *g = trace->tracing;
    ct__trace_locate_failure(trace);
    for (int64_t i = 0; i < g->room; i++) {
        const entry *e = &g->entries[i];
        ct_trace_node *node = e->node || e->tensor ? &trace->nodes[e->id] : NULL;
        if (!node)
            continue;
        node->file = e->node ? e->node->file : e->tensor->file;
        node->line = e->node ? e->node->line : e->tensor->line;
        if (e->tensor && e->tensor->name)
            node->name = e->tensor->name;
        const char *why = e->tensor && e->tensor->requires_grad ? NULL : e->tensor ? ct__why_none(e->tensor) : NULL;
        if (why && !node->why) {
            node->state = CT_GRADIENT_NONE;
            node->why = ct__arena_text(&trace->arena, why);
        }
    }
}

/* Lets go of what it has met. */
static void stop(ct_trace_log *trace)
{
    ct_tracing *g = trace->tracing;
    trace->tracing = NULL;
    ct__watch_free(&g->watch);
    for (int64_t i = 0; i < g->room; i++) {
        if (g->entries[i].node)
            ct__node_unref(g->entries[i].node);
        ct__tensor_unref(g->entries[i].tensor);
    }
    ct__free(g->entries, (size_t)g->room * sizeof *g->entries);
    ct__free(g, sizeof *g);
}

ct_status ct_trace_begin(void)
{
    if (running)
        return ct__error(CT_ERROR_STATE, "trace_begin: a trace is running on this thread");
    ct_trace_log *trace = ct__alloc(sizeof *trace);
    ct_tracing *tracing = ct__alloc(sizeof *tracing);
    ct_status status = trace && tracing ? CT_OK : ct__no_memory("trace_begin");
    if (status == CT_OK) {
        memset(tracing, 0, sizeof *tracing);
        *trace = (ct_trace_log){.root = -1, .tracing = tracing};
        status = ct_observe_begin(see, trace);
    }
    if (status == CT_OK) {
        running = trace;
    } else {
        ct__free(trace, sizeof *trace);
        ct__free(tracing, sizeof *tracing);
    }
    return status;
}

ct_trace_log *ct_trace_end(void)
{
    ct_trace_log *trace = running;
    if (!trace) {
        ct__error(CT_ERROR_STATE, "trace_end: no trace is running on this thread");
        return NULL;
    }
    ct_status status = ct_observe_end(see, trace);
    if (status != CT_OK && ct__here()->telling) /* called by an observer: it goes on */
        return NULL;
    running = NULL;
    update(trace);
    if (status == CT_OK)
        status = ct__watch_notice(trace, &trace->tracing->watch, NULL);
    stop(trace);
    if (status == CT_OK)
        return trace;
    ct_trace_free(trace);
    return NULL;
}

void ct_trace_free(ct_trace_log *trace)
{
    if (!trace)
        return;
    ct__free(trace->nodes, (size_t)trace->room_nodes * sizeof *trace->nodes);
    ct__free(trace->steps, (size_t)trace->room_steps * sizeof *trace->steps);
    ct__free(trace->updates, (size_t)trace->room_updates * sizeof *trace->updates);
    ct__arena_free(&trace->arena);
    ct__free(trace, sizeof *trace);
}

ct_trace_log *ct__trace_running(void)
{
    if (running) {
        update(running);
        ct__watch_notice(running, &running->tracing->watch, NULL);
    }
    return running;
}

ct_status ct__trace_check(void)
{
    return running ? ct__observe_check(see, running) : CT_OK;
}

int64_t ct__trace_leaves(const ct_trace_log *trace, ct_tensor **leaves)
{
    int64_t n = 0;
    for (int64_t i = 0; i < trace->tracing->room; i++) {
        ct_tensor *t = trace->tracing->entries[i].tensor;
        if (t && t->requires_grad && t->storage->version == trace->tracing->entries[i].key.part)
            leaves[n++] = t;
    }
    return n;
}

/* A thread that ends while it traces. */
void ct__trace_forget(void)
{
    ct_trace_log *trace = running;
    running = NULL;
    if (trace)
        stop(trace);
    ct_trace_free(trace);
}

/* ---- looking ---- */

int64_t ct_trace_nodes(const ct_trace_log *trace)
{
    return trace ? trace->n_nodes : 0;
}

const ct_trace_node *ct_trace_node_at(const ct_trace_log *trace, int64_t id)
{
    return trace && id >= 0 && id < trace->n_nodes ? &trace->nodes[id] : NULL;
}

int64_t ct_trace_steps(const ct_trace_log *trace)
{
    return trace ? trace->n_steps : 0;
}

const ct_trace_step *ct_trace_step_at(const ct_trace_log *trace, int64_t i)
{
    return trace && i >= 0 && i < trace->n_steps ? &trace->steps[i] : NULL;
}

int64_t ct_trace_root(const ct_trace_log *trace)
{
    return trace ? trace->root : -1;
}

int64_t ct_trace_find(const ct_trace_log *trace, const char *name)
{
    int64_t id = name ? ct_trace_nodes(trace) - 1 : -1;
    while (id >= 0 && (!trace->nodes[id].name || strcmp(trace->nodes[id].name, name) != 0))
        id--;
    return id;
}
