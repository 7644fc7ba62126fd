/* Anomalies: an observer that stops the first operation, forward or backward, that makes a NaN or an infinity.
 *
 * Invariant: what an expression makes on its way counts only if it comes out of it: clamp(log(0)) is none. */
#include "trace_internal.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { TEXT = 512 };

typedef struct watch {
    int expressions, runs; /* that are open */
    char found[TEXT];      /* inside of an expression; "" for nothing */
} watch;

static _Thread_local watch *running;

/* ---- looking for them ---- */

typedef struct oddities {
    int64_t nans, infinities;
} oddities;

/* The sum of x * 0 is 0 unless one is not finite. */
#define ALL_FINITE(name, real)                      \
    static bool name(const real *values, int64_t n) \
    {                                               \
        real sum = 0;                               \
        for (int64_t i = 0; i < n; i++)             \
            sum += values[i] * 0;                   \
        return sum == 0;                            \
    }
ALL_FINITE(all_finite_float, float)
ALL_FINITE(all_finite_double, double)

static oddities count(const ct_tensor *t)
{
    oddities found = {0, 0};
    for (int64_t i = 0; i < t->numel; i++) {
        double value = t->dtype == CT_FLOAT32 ? ((const float *)ct__ptr(t))[i] : ((const double *)ct__ptr(t))[i];
        found.nans += isnan(value);
        found.infinities += isinf(value) != 0;
    }
    return found;
}

/* The same elements, row-major; owned by the scope in which an observer is told. NULL with an error (memory). */
static const ct_tensor *row_major(const ct_tensor *t)
{
    if (t->contiguous)
        return t;
    ct_tensor *copy = ct__tensor_new((ct_dtype)t->dtype, t->shape, t->rank, "anomaly");
    if (copy)
        ct__copy_strided((ct_dtype)t->dtype, ct__ptr(copy), copy->strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides,
                         t->shape, t->rank);
    return copy;
}

/* What is not finite in t, which may be NULL. */
static oddities look(const ct_tensor *t)
{
    if (!t || !ct__dtype_is_float((ct_dtype)t->dtype) || !(t = row_major(t)))
        return (oddities){0, 0};
    bool finite = t->dtype == CT_FLOAT32 ? all_finite_float((const float *)ct__ptr(t), t->numel)
                                         : all_finite_double((const double *)ct__ptr(t), t->numel);
    return finite ? (oddities){0, 0} : count(t);
}

static oddities look_at(const ct_tensor *const *tensors, int n)
{
    oddities all = {0, 0};
    for (int i = 0; i < n; i++) {
        oddities one = look(tensors[i]);
        all.nans += one.nans;
        all.infinities += one.infinities;
    }
    return all;
}

/* Whether made are there that came do not explain: a NaN comes of an infinity too, but not silently of nothing. */
static bool is_new(oddities made, oddities came)
{
    return (made.nans > 0 && came.nans == 0) || (made.infinities > 0 && came.infinities == 0 && came.nans == 0);
}

/* An operation with an infinity among its attributes has been asked for one: masked_fill(x, mask, -inf). */
static bool asks_for_infinity(const ct_event *e)
{
    for (size_t at = 0; at + sizeof(double) <= e->op->attributes_size; at += sizeof(double)) {
        double value;
        memcpy(&value, (const char *)e->attributes + at, sizeof value);
        if (isinf(value))
            return true;
    }
    return false;
}

/* ---- saying so ---- */

static void add(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, TEXT - used, format, arguments);
    va_end(arguments);
}

static void add_oddities(char *text, oddities found)
{
    if (found.nans)
        add(text, "%lld nan", (long long)found.nans);
    if (found.infinities)
        add(text, found.nans ? " and %lld inf" : "%lld inf", (long long)found.infinities);
}

/* ", input 0 is [2,3] -1..2" */
static void add_value(char *text, const char *what, int i, const ct_tensor *t)
{
    ct_arena arena = {NULL};
    char value[96];
    const ct_snapshot *s = t ? ct__snapshot(&arena, t) : NULL;
    if (s)
        add(text, "%s %d is %s", what, i, ct__snapshot_text(s, 4, value, sizeof value));
    ct__arena_free(&arena);
}

static void tell_forward(char *text, const ct_event *e, oddities made)
{
    text[0] = '\0';
    add(text, "'%.60s' makes ", e->op->name);
    add_oddities(text, made);
    for (int i = 0; i < e->n_inputs; i++)
        add_value(text, i ? ", input" : ": input", i, e->inputs[i]);
}

static ct_status stop(const char *text)
{
    return ct__error(CT_ERROR_STATE, "anomaly: %s", text);
}

/* ---- forward ---- */

/* A NaN that nobody has made: it is in the data, or in a parameter. */
static ct_status check_data(const ct_event *e)
{
    char text[TEXT] = "", at[CT_PLACE_TEXT] = "";
    for (int i = 0; i < e->n_inputs; i++) {
        const ct_tensor *t = e->inputs[i];
        oddities found = t && !t->node ? look(t) : (oddities){0, 0};
        if (!found.nans)
            continue;
        if (t->file)
            snprintf(at, sizeof at, " (%s:%d)", t->file, t->line);
        add(text, "input %d of '%.60s' came with %lld nan of %lld elements: %.60s, made by '%.60s'%s", i, e->op->name,
            (long long)found.nans, (long long)t->numel, t->name ? t->name : "a tensor", t->made_by, at);
        return stop(text);
    }
    return CT_OK;
}

static ct_status after_forward(watch *w, const ct_event *e)
{
    bool expression = ct__is_expression(e->op);
    w->expressions -= expression && w->expressions > 0;
    if (e->status != CT_OK)
        return CT_OK;
    oddities made = look_at(e->outputs, e->n_outputs);
    if (made.nans + made.infinities == 0 || !is_new(made, look_at(e->inputs, e->n_inputs)) ||
        (made.nans == 0 && asks_for_infinity(e)))
        return CT_OK;
    if (w->expressions > 0) { /* to be seen whether it comes out */
        if (!w->found[0])
            tell_forward(w->found, e, made);
        return CT_OK;
    }
    char text[TEXT];
    tell_forward(text, e, made);
    if (expression && w->found[0]) {
        add(text, "; inside, ");
        add(text, "%s", w->found);
    }
    return stop(text);
}

/* ---- backward ---- */

static ct_status after_backward(const ct_event *e)
{
    oddities made = look_at(e->grad_inputs, e->n_inputs), came = look_at(e->grad_outputs, e->n_outputs);
    if (e->status != CT_OK || !is_new(made, came))
        return CT_OK;
    char text[TEXT] = "", place[CT_PLACE_TEXT];
    add(text, "the backward of '%.60s'%s makes ", e->op->name, ct__node_place(e->node, place));
    add_oddities(text, made);
    for (int i = 0; i < e->n_outputs; i++)
        add_value(text, i ? ", gradient" : ": gradient", i, e->grad_outputs[i]);
    for (int i = 0; i < e->n_inputs; i++)
        add_value(text, ", input", i, e->node->saved[i].tensor);
    for (int i = 0; i < e->n_outputs; i++)
        add_value(text, ", result", i, e->node->saved[e->n_inputs + i].tensor);
    return stop(text);
}

/* Two finite gradients whose sum is none. */
static ct_status after_sum(const ct_event *e)
{
    if (e->status != CT_OK || e->gradient == e->sum || !is_new(look(e->sum), look(e->gradient)))
        return CT_OK;
    char text[TEXT] = "";
    add(text, "a sum of gradients overflows");
    add_value(text, ": gradient", 0, e->gradient);
    return stop(text);
}

/* ---- begin and end ---- */

static ct_status see(const ct_event *e, void *user)
{
    watch *w = user;
    ct_status status = CT_OK;
    switch (e->moment) {
    case CT_FORWARD_BEGINS:
        status = w->runs == 0 ? check_data(e) : CT_OK;
        if (w->runs == 0 && ct__is_expression(e->op) && w->expressions++ == 0)
            w->found[0] = '\0';
        return status;
    case CT_FORWARD_ENDED:
        return w->runs == 0 ? after_forward(w, e) : CT_OK;
    case CT_RUN_BEGINS:
        w->runs++;
        return CT_OK;
    case CT_RUN_ENDED:
        w->runs -= w->runs > 0;
        return CT_OK;
    case CT_BACKWARD_ENDED:
        return after_backward(e);
    case CT_GRADIENT_CAME:
        return after_sum(e);
    default:
        return CT_OK;
    }
}

ct_status ct_anomaly_begin(void)
{
    if (running)
        return ct__error(CT_ERROR_STATE, "anomaly_begin: they are watched for on this thread already");
    watch *w = ct__alloc(sizeof *w);
    if (!w)
        return ct__no_memory("anomaly_begin");
    memset(w, 0, sizeof *w);
    ct_status status = ct_observe_begin(see, w);
    if (status == CT_OK)
        running = w;
    else
        ct__free(w, sizeof *w);
    return status;
}

ct_status ct_anomaly_end(void)
{
    watch *w = running;
    if (!w)
        return ct__error(CT_ERROR_STATE, "anomaly_end: nothing is watched for on this thread");
    if (ct__here()->telling)
        return ct__error(CT_ERROR_STATE, "anomaly_end: called by an observer");
    ct_status status = ct_observe_end(see, w);
    running = NULL;
    ct__free(w, sizeof *w);
    return status;
}

/* A thread that ends while it watches. */
void ct__anomaly_forget(void)
{
    ct__free(running, sizeof *running);
    running = NULL;
}
