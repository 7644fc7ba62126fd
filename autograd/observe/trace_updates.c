/* Updates: what becomes of the leaves after a run has given them gradients, and what that does to the root.
 *
 * Invariant: a leaf is watched from a run that gives it a gradient until it is seen to have changed, or until the trace ends. */
#include "trace_internal.h"
#include <math.h>
#include <string.h>

/* ---- watching ---- */

static size_t bytes_of(const ct_watched *w)
{
    return 2 * (size_t)w->leaf->numel * sizeof(double);
}

static void unwatch(ct_watched *w)
{
    ct__free(w->values, bytes_of(w));
    w->values = NULL;
}

static ct_watched *find(ct_watch *w, const ct_tensor *leaf)
{
    for (int64_t i = 0; i < w->count; i++) {
        int64_t at = (w->last + 1 + i) % w->count;
        if (w->leaves[at].leaf == leaf)
            return &w->leaves[w->last = at];
    }
    return NULL;
}

static ct_watched *find_or_add(ct_watch *w, ct_tensor *leaf)
{
    ct_watched *found = find(w, leaf);
    if (found)
        return found;
    if (ct__trace_grow((void **)&w->leaves, w->count, &w->room, sizeof *w->leaves) != CT_OK)
        return NULL;
    w->leaves[w->count] = (ct_watched){.leaf = leaf};
    return &w->leaves[w->last = w->count++];
}

ct_status ct__watch_leaf(ct_watch *w, ct_tensor *leaf, int64_t id, int64_t run, const ct_tensor *gradient)
{
    ct_watched *own = leaf->numel ? find_or_add(w, leaf) : NULL;
    if (!own)
        return leaf->numel ? CT_ERROR_MEMORY : CT_OK;
    if (!own->values && !(own->values = ct__alloc(bytes_of(own))))
        return ct__no_memory("trace");
    own->id = id;
    own->run = run;
    own->version = leaf->storage->version;
    own->arithmetic = NULL;
    own->gradient = own->values + leaf->numel;
    ct_status status = ct_to_values(leaf, own->values, leaf->numel);
    return status == CT_OK ? ct_to_values(gradient, own->gradient, leaf->numel) : status;
}

ct_status ct__watch_note(ct_trace_log *trace, ct_watch *w, const ct_tensor *leaf, int64_t element, const char *text)
{
    ct_watched *own = find(w, leaf);
    if (!own || !own->values)
        return CT_OK;
    own->element = element;
    own->arithmetic = ct__arena_text(&trace->arena, text);
    return own->arithmetic ? CT_OK : CT_ERROR_MEMORY;
}

void ct__watch_drop(ct_watch *w, int64_t run)
{
    for (int64_t i = 0; i < w->count; i++)
        if (w->leaves[i].run == run)
            unwatch(&w->leaves[i]);
}

void ct__watch_free(ct_watch *w)
{
    for (int64_t i = 0; i < w->count; i++)
        unwatch(&w->leaves[i]);
    ct__free(w->leaves, (size_t)w->room * sizeof *w->leaves);
}

/* ---- an update ---- */

/* f with change = f x gradient for every element, to rounding in the leaf's type; else NaN. */
static double factor_of(const ct_tensor *leaf, const double *change, const double *before, const double *gradient)
{
    double f = NAN, epsilon = leaf->dtype == CT_FLOAT32 ? 0x1p-23 : 0x1p-52, largest = 0;
    for (int64_t i = 0; i < leaf->numel; i++)
        if (fabs(gradient[i]) > largest) {
            largest = fabs(gradient[i]);
            f = change[i] / gradient[i];
        }
    for (int64_t i = 0; i < leaf->numel; i++)
        if (!(fabs(change[i] - f * gradient[i]) <= 4 * epsilon * (fabs(before[i]) + fabs(change[i]))))
            return NAN;
    return f;
}

/* The gradient that the step found: what the leaf has accumulated, clipped perhaps. */
static ct_status note_used(ct_trace_log *trace, ct_trace_update *u, const ct_watched *w, const double *change)
{
    const ct_tensor *grad = w->leaf->grad;
    if (!grad || grad->numel != w->leaf->numel)
        return CT_OK;
    size_t bytes = (size_t)grad->numel * sizeof(double);
    double *values = ct__alloc(bytes);
    if (!values)
        return ct__no_memory("trace");
    ct_to_values(grad, values, grad->numel);
    u->factor = factor_of(w->leaf, change, w->values, values);
    u->used = ct__snapshot_of_values(&trace->arena, w->leaf, values);
    ct__free(values, bytes);
    return u->used ? CT_OK : CT_ERROR_MEMORY;
}

/* Fills in what follows from the values before, in w, and after, which become the change. */
static ct_status compare(ct_trace_log *trace, ct_trace_update *u, const ct_watched *w, double *after)
{
    u->forecast = 0;
    for (int64_t i = 0; i < w->leaf->numel; i++) {
        after[i] -= w->values[i];
        u->forecast += w->gradient[i] * after[i];
    }
    u->before = ct__snapshot_of_values(&trace->arena, w->leaf, w->values);
    u->after = ct__snapshot(&trace->arena, w->leaf);
    u->change = ct__snapshot_of_values(&trace->arena, w->leaf, after);
    u->gradient = ct__snapshot_of_values(&trace->arena, w->leaf, w->gradient);
    bool made = u->before && u->after && u->change && u->gradient;
    return made ? note_used(trace, u, w, after) : CT_ERROR_MEMORY;
}

static ct_status add_update(ct_trace_log *trace, ct_watched *w)
{
    const ct_storage *storage = w->leaf->storage;
    ct_trace_update u = {.run = w->run,
                         .to = w->id,
                         .nodes = trace->n_nodes,
                         .by = storage->writer,
                         .file = storage->writer_file,
                         .line = storage->writer_file ? storage->writer_line : 0,
                         .factor = NAN,
                         .arithmetic = w->arithmetic,
                         .element = w->element};
    size_t bytes = (size_t)w->leaf->numel * sizeof(double);
    double *after = ct__alloc(bytes);
    if (!after)
        return ct__no_memory("trace");
    ct_to_values(w->leaf, after, w->leaf->numel);
    ct_status status = compare(trace, &u, w, after);
    ct__free(after, bytes);
    if (status == CT_OK)
        status = ct__trace_grow((void **)&trace->updates, trace->n_updates, &trace->room_updates, sizeof u);
    if (status == CT_OK)
        trace->updates[trace->n_updates++] = u;
    return status;
}

static ct_status notice(ct_trace_log *trace, ct_watched *w)
{
    if (!w || !w->values || w->leaf->storage->version == w->version)
        return CT_OK;
    ct_status status = add_update(trace, w);
    unwatch(w);
    return status;
}

ct_status ct__watch_notice(ct_trace_log *trace, ct_watch *w, const ct_tensor *leaf)
{
    if (leaf)
        return notice(trace, find(w, leaf));
    ct_status status = CT_OK;
    for (int64_t i = 0; i < w->count && status == CT_OK; i++)
        status = notice(trace, &w->leaves[i]);
    return status;
}

/* ---- looking ---- */

int64_t ct_trace_updates(const ct_trace_log *trace)
{
    return trace ? trace->n_updates : 0;
}

const ct_trace_update *ct_trace_update_at(const ct_trace_log *trace, int64_t i)
{
    return trace && i >= 0 && i < trace->n_updates ? &trace->updates[i] : NULL;
}

static double value_of(const ct_trace_node *node)
{
    return node->value->numel == 1 && node->value->values ? node->value->values[0] : NAN;
}

static bool same_place(const ct_trace_node *a, const ct_trace_node *b)
{
    bool places = a->file && b->file ? strcmp(a->file, b->file) == 0 : a->file == b->file;
    return strcmp(a->op, b->op) == 0 && places && a->line == b->line && a->output == b->output;
}

/* What was made from id first on as the root was; -1 without it. */
static int64_t made_again(const ct_trace_log *trace, int64_t first)
{
    for (int64_t id = first; id < trace->n_nodes; id++)
        if (same_place(&trace->nodes[id], &trace->nodes[trace->root]))
            return id;
    return -1;
}

/* Whether the last run began with a gradient of 1: the leaves' gradients are the root's. */
static bool begins_with_one(const ct_trace_log *trace)
{
    for (int64_t k = trace->n_steps - 1; k >= 0; k--) {
        const ct_trace_step *s = &trace->steps[k];
        if (s->action == CT_STEP_SEED && s->to == trace->root)
            return s->now && s->now->numel == 1 && s->now->values && s->now->values[0] == 1;
    }
    return false;
}

bool ct_trace_forecast_of(const ct_trace_log *trace, ct_trace_forecast *forecast)
{
    if (!trace || !forecast)
        return ct__error(CT_ERROR_NULL, "trace_forecast_of: the %s is NULL", trace ? "forecast" : "trace"), false;
    ct_trace_forecast f = {.before = NAN, .again = -1, .after = NAN};
    double sum = 0;
    bool any = false;
    for (int64_t k = 0; k < trace->n_updates; k++) {
        const ct_trace_update *u = &trace->updates[k];
        if (u->run != trace->runs || trace->root < 0)
            continue;
        sum += u->forecast;
        f.again = made_again(trace, u->nodes);
        any = true;
    }
    if (!any)
        return false;
    f.before = value_of(&trace->nodes[trace->root]);
    f.forecast = begins_with_one(trace) ? f.before + sum : NAN;
    f.after = f.again < 0 ? NAN : value_of(&trace->nodes[f.again]);
    *forecast = f;
    return true;
}
