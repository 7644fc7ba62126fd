/* Kinks: where a small operation has no derivative, and the one that its backward takes is a convention.
 *
 * They are measured: the operation runs again a little to the left and to the right of where it ran, and again 1024 times nearer. Where
 * the slopes of both sides differ, and nearer still do, there is a kink. Invariant: what cannot be measured is none. */
#include "trace_internal.h"
#include <math.h>
#include <string.h>

enum { ELEMENTS = 64 };

/* An operation with its inputs as they were, in float64, and one of them that is moved. */
typedef struct measuring {
    const struct ct_node *node;
    int input;
    bool each_alone; /* its elements are moved one after another: the result is one number of them all */
    ct_tensor *x[CT_MAX_INPUTS];
    const ct_snapshot *moved;
    double y[ELEMENTS]; /* the result where it was */
    double noise;       /* of a difference of results, for each unit of size */
} measuring;

static bool is_float(ct_dtype dtype)
{
    return dtype == CT_FLOAT32 || dtype == CT_FLOAT64;
}

/* The inputs, of which the trace must have all elements. Of a graph that is older than the trace it has none. */
static bool load(measuring *m, const ct_trace_log *trace, const ct_trace_node *made)
{
    if (made->n_inputs != m->node->n_inputs)
        return false;
    for (int i = 0; i < made->n_inputs; i++) {
        if (made->inputs[i] < 0)
            continue;
        const ct_snapshot *s = trace->nodes[made->inputs[i]].value;
        if (s->numel > ELEMENTS || s->shown != s->numel)
            return false;
        m->x[i] = ct_from_values(is_float(s->dtype) ? CT_FLOAT64 : s->dtype, s->values, s->numel, s->shape, s->rank);
        if (!m->x[i])
            return false;
    }
    m->moved = trace->nodes[made->inputs[m->input]].value;
    return true;
}

/* The result for other values of the input that is moved. */
static bool run(measuring *m, const double *values, double *y)
{
    ct_tensor *x[CT_MAX_INPUTS];
    const ct_snapshot *s = m->moved;
    memcpy(x, m->x, sizeof x);
    x[m->input] = ct_from_values(CT_FLOAT64, values, s->numel, s->shape, s->rank);
    const void *attributes = m->node->op->attributes_size ? m->node->attributes : NULL;
    ct_tensor *result = x[m->input] ? (ct_apply)(m->node->op, x, m->node->n_inputs, attributes) : NULL;
    if (!result || ct_numel(result) != (m->each_alone ? 1 : s->numel))
        return false;
    m->noise = ct_dtype_of(result) == CT_FLOAT64 ? 0x1p-49 : 1;
    return ct_to_values(result, y, ct_numel(result)) == CT_OK;
}

/* How far x is moved, the nearer time. What is not 0 stays on its side. */
static double reach(double x)
{
    return x == 0 ? 1e-9 : fmin(1e-9 * fmax(1, fabs(x)), fabs(x) * 0x1p-20);
}

/* For element k: by how much the slopes on both sides differ, and whether that is more than rounding and bending. */
static bool is_much(const measuring *m, int64_t k, double left, double right, double h, double *gap)
{
    double at = m->y[m->each_alone ? 0 : k], a = (at - left) / h, b = (right - at) / h;
    *gap = fabs(b - a);
    return isfinite(*gap) && *gap > 1e-3 * fmax(fabs(a), fabs(b)) && *gap > m->noise * fabs(at) / h;
}

/* The results with the elements moved by so many times their reach: together, or each alone, of which the result is element k then. */
static bool move(measuring *m, double times, double *y)
{
    double values[ELEMENTS];
    for (int64_t k = 0; k < (m->each_alone ? m->moved->numel : 1); k++) {
        for (int64_t i = 0; i < m->moved->numel; i++)
            values[i] = m->moved->values[i] + (m->each_alone && i != k ? 0 : times * reach(m->moved->values[i]));
        if (!run(m, values, y + k))
            return false;
    }
    return true;
}

/* The elements at which the slopes differ much so near, and there by how much; times: as for move(). */
static uint64_t differ(measuring *m, double times, double *gaps)
{
    double left[ELEMENTS], right[ELEMENTS];
    uint64_t found = 0;
    if (!move(m, -times, left) || !move(m, times, right))
        return 0;
    for (int64_t k = 0; k < m->moved->numel; k++)
        if (is_much(m, k, left[k], right[k], times * reach(m->moved->values[k]), &gaps[k]))
            found |= (uint64_t)1 << k;
    return found;
}

static uint64_t measure(measuring *m)
{
    double near[ELEMENTS], far[ELEMENTS];
    uint64_t found = run(m, m->moved->values, m->y) ? differ(m, 1, near) : 0;
    found = found ? found & differ(m, 1024, far) : 0;
    for (int64_t k = 0; found >> k && k < m->moved->numel; k++)
        if ((found >> k & 1) && near[k] <= far[k] / 2)
            found &= ~((uint64_t)1 << k);
    return found;
}

uint64_t ct__kinks(const ct_trace_log *trace, const ct_trace_node *made, const struct ct_node *node, int input)
{
    measuring m = {.node = node, .input = input, .each_alone = made->value->numel == 1};
    ct_scope scope;
    ct__scope_push(&scope);
    uint64_t kinks = load(&m, trace, made) ? measure(&m) : 0;
    ct__scope_pop(&scope);
    if (ct_error_code() != CT_ERROR_MEMORY)
        ct_error_clear();
    return kinks;
}
