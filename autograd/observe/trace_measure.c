/* Finite differences beside the gradients of a trace: for each tensor that the last run's root has a gradient for, the slope of the
 * root along a random direction, as measured, and as the gradient has it.
 *
 * The computation is run again from what the trace holds, in float64: once recorded, for the gradients, and then from each tensor on,
 * moved a little to either side.
 *
 * Invariant: the program's tensors, its generator and its leaves' gradients are as they were; and so is the trace, but for the measures. */
#include "gradcheck/small.h"
#include "tracing.h"
#include <math.h>
#include <string.h>

enum { MOST = 1 << 18 }; /* operations that are run again, at most */
#define STEP 0x1p-20     /* how far a tensor is moved, of its size; */
#define BESIDE 0x1p-14   /* so far from a kink is it looked at again, */
#define FINE 0x1p-30     /* and moved by so little there that no other is met */
#define NEAR 1e-4        /* of their size slopes may differ */

/* Ids up to the root, which is the last. */
typedef struct replay {
    ct_trace_log *trace;
    int64_t n;
    const ct_trace_entry **made;    /* where each is; NULL: the root does not need it */
    ct_tensor **base, **moved, **g; /* values; where they differ from these; gradients */
    int64_t applied;
    double here, unit; /* the root's value, and its rounding */
    const char *why;   /* nothing can be measured */
} replay;

/* ---- what is needed ---- */

static void find_needed(replay *r)
{
    const ct_tracing *known = r->trace->tracing;
    for (int64_t i = 0; i < known->room; i++) {
        const ct_trace_entry *e = &known->entries[i];
        if ((e->node || e->tensor) && e->id < r->n)
            r->made[e->id] = e;
    }
    for (int64_t id = r->n - 1; id >= 0; id--) {
        const ct_trace_node *node = &r->trace->nodes[id];
        bool needed = id == r->n - 1 || r->moved[id];
        if (needed && !r->made[id])
            r->why = "the trace does not have all that it was made of";
        r->made[id] = needed ? r->made[id] : NULL;
        for (int i = 0; needed && i < node->n_inputs; i++)
            if (node->inputs[i] >= 0)
                r->moved[node->inputs[i]] = (ct_tensor *)r->trace; /* a mark, until all are known */
    }
    memset(r->moved, 0, (size_t)r->n * sizeof(ct_tensor *));
}

/* ---- running again ---- */

static ct_tensor *value_of(const replay *r, int64_t id)
{
    return id < 0 ? NULL : r->moved[id] ? r->moved[id] : r->base[id];
}

/* The tensor that an operation has made, from its inputs as they are here. */
static ct_tensor *apply_again(replay *r, int64_t id)
{
    const ct_trace_node *made = &r->trace->nodes[id];
    const struct ct_node *node = r->made[id]->node;
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
    if (made->n_inputs != node->n_inputs) {
        r->why = "the trace has not seen how it was made";
        return NULL;
    }
    for (int i = 0; i < made->n_inputs; i++)
        inputs[i] = value_of(r, made->inputs[i]);
    const void *attributes = node->op->attributes_size ? node->attributes : NULL;
    ct_status status = (ct_apply_multi)(node->op, inputs, made->n_inputs, attributes, outputs);
    r->applied++;
    return status == CT_OK ? outputs[r->made[id]->key.part] : NULL;
}

/* In float64, row-major; NULL of NULL, and with an error (memory). */
static ct_tensor *copy_of(const ct_tensor *t)
{
    return t ? ct__copy_as(t, CT_FLOAT64) : NULL;
}

/* A leaf or data, as it still is; leaves ask for a gradient. */
static ct_tensor *take_tensor(replay *r, int64_t id)
{
    const ct_trace_entry *e = r->made[id];
    if (e->key.part != e->tensor->storage->version) {
        r->why = "a tensor has been changed since";
        return NULL;
    }
    ct_tensor *copy = e->tensor->dtype == CT_FLOAT32 ? copy_of(e->tensor) : ct_detach(e->tensor);
    return copy && r->trace->nodes[id].kind == CT_TRACE_LEAF ? ct_set_requires_grad(copy, true) : copy;
}

static ct_status run_all(replay *r)
{
    for (int64_t id = 0; id < r->n && ct_error_code() == CT_OK && !r->why; id++)
        if (r->made[id])
            r->base[id] = r->made[id]->node ? apply_again(r, id) : take_tensor(r, id);
    return ct_error_code();
}

/* The root where one tensor is what moved says: what follows from it is run again. NULL with an error. */
static ct_tensor *run_from(replay *r, int64_t first)
{
    for (int64_t id = first + 1; id < r->n && ct_error_code() == CT_OK; id++) {
        const ct_trace_node *node = &r->trace->nodes[id];
        bool follows = false;
        for (int i = 0; r->made[id] && r->made[id]->node && i < node->n_inputs; i++)
            follows |= node->inputs[i] >= 0 && r->moved[node->inputs[i]];
        if (follows)
            r->moved[id] = apply_again(r, id);
    }
    ct_tensor *root = value_of(r, r->n - 1);
    memset(r->moved + first, 0, (size_t)(r->n - first) * sizeof(ct_tensor *));
    return root;
}

/* Whether that was the computation which was traced: one that draws random numbers is another each time. */
static bool is_same_again(replay *r)
{
    const ct_snapshot *was = r->trace->nodes[r->n - 1].value;
    double share = was->dtype == CT_FLOAT64 ? 1e-9 : 1e-3;
    r->here = ct_item(r->base[r->n - 1]);
    r->unit = 0x1p-50 * fmax(1, fabs(r->here));
    return fabs(r->here - was->values[0]) <= share * fmax(fabs(was->values[0]), 1e-30);
}

/* ---- one tensor ---- */

/* Of random elements, or 1 for a number. The same for the same tensor. */
static const double *direction_of(int64_t id, int64_t n)
{
    const ct_tensor *d;
    ct_seed((uint64_t)id + 1);
    if (n == 1)
        d = ct_ones(CT_FLOAT64, &n, 1);
    else
        d = ct_randn(CT_FLOAT64, 0, 1, &n, 1);
    return d ? ct_data(d) : NULL;
}

/* x + by d, as a copy. */
static ct_tensor *moved_along(ct_tensor *x, const double *d, double by)
{
    ct_tensor *there = copy_of(x);
    double *values = there ? ct_data_mut(there) : NULL;
    for (int64_t k = 0; values && k < there->numel; k++)
        values[k] += by * d[k];
    return there;
}

/* The root where tensor id is x + by d. */
static double root_at(replay *r, int64_t id, ct_tensor *x, const double *d, double by)
{
    ct_scope_open();
    r->moved[id] = moved_along(x, d, by);
    double root = r->moved[id] ? ct_item(run_from(r, id)) : NAN;
    ct_scope_close();
    return root;
}

static double along(const double *g, const double *d, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; g && k < n; k++)
        sum += g[k] * d[k];
    return sum;
}

static bool is_near(const replay *r, const ct_trace_measure *m, double h)
{
    double size = fmax(fmax(fabs(m->left), fabs(m->right)), fabs(m->along));
    return fabs(m->along - (m->left + m->right) / 2) <= NEAR * size + r->unit / h;
}

/* Where no two elements are equal any more, and none is at the kink: whether the gradient there is right. */
static bool is_right_beside(replay *r, int64_t id, const double *d, double size)
{
    ct_tensor *x = moved_along(r->base[id], direction_of(r->n + id, r->base[id]->numel), BESIDE * size), *g = NULL;
    int recording = ct__no_grad_depth(0);
    r->moved[id] = x ? ct_set_requires_grad(x, true) : NULL;
    ct_tensor *root = r->moved[id] ? run_from(r, id) : NULL;
    if (root)
        (ct_grad)(&root, 1, &x, 1, &g, NULL);
    ct__no_grad_depth(recording);
    if (!g)
        return false;
    double h = FINE * size, above = root_at(r, id, x, d, h), below = root_at(r, id, x, d, -h);
    const ct_trace_measure m = {.along = along(ct_data(copy_of(g)), d, x->numel),
                                .left = (above - below) / (2 * h),
                                .right = (above - below) / (2 * h)};
    return is_near(r, &m, h);
}

/* At a kink the slopes of both sides differ, and what a gradient is there is a convention. */
static ct_trace_verdict verdict_of(replay *r, int64_t id, const ct_trace_measure *m, const double *d, double size)
{
    double h = STEP * size, gap = fabs(m->right - m->left), least = fmax(fabs(m->left), fabs(m->right));
    if (is_near(r, m, h))
        return CT_TRACE_AGREES;
    bool kink = gap > 1e-3 * least + 4 * r->unit / h && is_right_beside(r, id, d, size);
    return kink ? CT_TRACE_KINK : CT_TRACE_DIFFERS;
}

/* The root of the mean square, and at least 1. */
static double size_of(ct_tensor *x)
{
    const double *values = ct_data(copy_of(x));
    return fmax(1, sqrt(along(values, values, x->numel) / (double)x->numel));
}

static ct_status measure_one(replay *r, int64_t id)
{
    ct_tensor *x = r->base[id];
    ct_scope_open();
    const double *d = direction_of(id, x->numel), *g = ct_data(copy_of(r->g[id]));
    double size = size_of(x), h = STEP * size;
    if (ct_error_code() == CT_OK) {
        ct_trace_measure m = {.along = along(g, d, x->numel),
                              .left = (r->here - root_at(r, id, x, d, -h)) / h,
                              .right = (root_at(r, id, x, d, h) - r->here) / h};
        if (isfinite(m.left) && isfinite(m.right))
            m.verdict = verdict_of(r, id, &m, d, size);
        if (ct_error_code() == CT_OK)
            r->trace->nodes[id].measure = m;
    }
    ct_scope_close();
    return ct_error_code();
}

/* ---- all ---- */

static bool is_wanted(const replay *r, int64_t id)
{
    ct_gradient_state state = r->trace->nodes[id].state;
    return r->made[id] && r->base[id] && r->base[id]->dtype == CT_FLOAT64 && r->base[id]->requires_grad &&
           r->base[id]->numel > 0 && (state == CT_GRADIENT_ZERO || state == CT_GRADIENT_NUMBER);
}

/* Those of all that is wanted, into g. */
static ct_status find_gradients(replay *r)
{
    size_t bytes = (size_t)r->n * sizeof(ct_tensor *);
    ct_tensor **inputs = ct__alloc(2 * bytes), *root = r->base[r->n - 1];
    int n = 0;
    if (!inputs)
        return ct__no_memory("trace_measure_gradients");
    ct_tensor **grads = inputs + r->n;
    for (int64_t id = 0; id < r->n; id++)
        if (is_wanted(r, id))
            inputs[n++] = r->base[id];
    CT_OPTIONS(ct_grad_options, o, .allow_unused = true);
    ct_status status = (ct_grad)(&root, 1, inputs, n, grads, &o);
    for (int64_t id = 0, k = 0; status == CT_OK && id < r->n; id++)
        if (is_wanted(r, id))
            r->g[id] = grads[k++];
    ct__free(inputs, 2 * bytes);
    return status;
}

static ct_status measure_all(replay *r)
{
    find_needed(r);
    if (r->why || run_all(r) != CT_OK || r->why)
        return ct_error_code();
    if (!r->base[r->n - 1]->requires_grad || !is_same_again(r)) {
        r->why = "running the computation again gives something else: it draws random numbers, or data have changed";
        return ct_error_code();
    }
    ct_status status = find_gradients(r);
    ct_no_grad_begin();
    for (int64_t id = 0; status == CT_OK && id < r->n && r->applied < MOST; id++)
        if (is_wanted(r, id))
            status = measure_one(r, id);
    ct_no_grad_end();
    if (r->applied >= MOST)
        r->why = "there are too many operations to run all of them again for each";
    return status;
}

static ct_status measure_root(ct_trace_log *trace)
{
    replay r = {.trace = trace, .n = trace->root + 1};
    size_t bytes = (size_t)r.n * 4 * sizeof(void *);
    void **room = ct__alloc(bytes);
    if (!room)
        return ct__no_memory("trace_measure_gradients");
    memset(room, 0, bytes);
    r.made = (const ct_trace_entry **)room;
    r.base = (ct_tensor **)room + r.n;
    r.moved = r.base + r.n;
    r.g = r.moved + r.n;
    ct_status status = measure_all(&r);
    if (status != CT_OK && status != CT_ERROR_MEMORY) { /* an operation that cannot be run like this */
        trace->unmeasured = ct__arena_text(&trace->arena, ct_error_message());
        ct_error_clear();
        status = trace->unmeasured ? CT_OK : CT_ERROR_MEMORY;
    } else if (r.why) {
        trace->unmeasured = r.why;
    }
    ct__free(room, bytes);
    return status;
}

/* The last run's root, if it is one number of a trace that has seen its values. */
static bool can_measure(const ct_trace_log *trace)
{
    const ct_snapshot *root = trace->root < 0 ? NULL : trace->nodes[trace->root].value;
    return root && root->numel == 1 && root->values && isfinite(root->values[0]);
}

ct_status ct_trace_measure_gradients(void)
{
    ct_trace_log *trace = ct__trace_running();
    if (!trace)
        return ct__error(CT_ERROR_STATE, "trace_measure_gradients: no trace is running on this thread");
    if (ct__trace_check() != CT_OK || ct_error_code() != CT_OK)
        return ct_error_code();
    if (!can_measure(trace)) {
        trace->unmeasured = "the result is not one finite number";
        return CT_OK;
    }
    ct__thread_state *me = ct__here();
    struct ct_observing *observers = me->observers;
    ct_random_state random = ct_random_get();
    ct_scope scope;
    int depth = ct__no_grad_depth(0);
    ct__scope_push(&scope);
    me->observers = NULL; /* nothing of this is the program's */
    ct_status status = measure_root(trace);
    me->observers = observers;
    ct__scope_pop(&scope);
    ct__no_grad_depth(depth);
    ct_random_set(random);
    return status;
}

const char *ct_trace_unmeasured(const ct_trace_log *trace)
{
    return trace ? trace->unmeasured : NULL;
}
