/* Whether a record's shortcut, its forward and backward, gives what its definition gives, the expression beside them.
 *
 * Invariant: both ways get the same inputs and the same weights of the results; on return this thread uses shortcuts again. */
#include "records.h"
#include <math.h>
#include <stdlib.h>

/* One of the two ways: the results, and the gradients of their weighted sum. */
typedef struct way {
    ct_tensor *results[CT_MAX_OUTPUTS], *gradients[CT_MAX_INPUTS];
} way;

/* What is compared, and what it has come to. */
typedef struct duel {
    const ct_op *op;
    const ct_sample *sample;
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n;
    char *why;
    size_t size;
} duel;

static int outputs_of(const ct_op *op)
{
    return op->outputs ? op->outputs : 1;
}

/* Of all results that have a gradient, each element weighted; NULL: none has one. */
static ct_tensor *weighted_sum(const duel *d, const way *w)
{
    ct_tensor *sum = NULL;
    ct_seed(7);
    for (int i = 0; i < outputs_of(d->op); i++) {
        ct_tensor *y = w->results[i];
        if (!y || !ct_requires_grad(y))
            continue;
        ct_tensor *part = ct_sum(ct_mul(y, ct_randn(ct_dtype_of(y), 0, 1, ct_shape(y), ct_rank(y))));
        sum = sum ? ct_add(sum, part) : part;
    }
    return sum;
}

static bool go(const duel *d, way *w, bool definition)
{
    ct_tensor *leaves[CT_MAX_INPUTS], *gradients[CT_MAX_INPUTS];
    int place[CT_MAX_INPUTS], n = 0;
    *w = (way){{NULL}, {NULL}};
    ct_use_definitions(definition);
    bool done = ct_apply_multi(d->op, d->inputs, d->n, d->sample->attributes, w->results) == CT_OK;
    ct_use_definitions(false);
    ct_tensor *sum = done ? weighted_sum(d, w) : NULL;
    for (int i = 0; i < d->n; i++)
        if (d->inputs[i] && ct_requires_grad(d->inputs[i]))
            leaves[place[n] = i, n++] = d->inputs[i];
    if (sum && n > 0)
        done = ct_grad(&sum, 1, leaves, n, gradients, .allow_unused = true) == CT_OK;
    for (int i = 0; sum && done && i < n; i++)
        w->gradients[place[i]] = gradients[i];
    return done && ct_error_code() == CT_OK;
}

/* Rounding of the type, a few thousand times. */
static double tolerance_of(const ct_tensor *t)
{
    return ct_dtype_of(t) == CT_FLOAT32 ? 1e-4 : 1e-10;
}

/* Says which element differs most, if one does. A gradient that is none counts as 0. */
static bool alike(const duel *d, const char *what, int i, const ct_tensor *a, const ct_tensor *b)
{
    if (!a || !b || ct_numel(a) != ct_numel(b))
        return !a || !b || (snprintf(d->why, d->size, "%s %d has another shape in the definition", what, i), false);
    int64_t n = ct_numel(a), worst = 0;
    double *x = malloc((size_t)(2 * n + 1) * sizeof *x), *y = x ? x + n : NULL, scale = 0, most = 0;
    bool read = x && ct_to_values(a, x, n) == CT_OK && ct_to_values(b, y, n) == CT_OK;
    for (int64_t k = 0; read && k < n; k++) {
        bool same = x[k] == y[k] || (isnan(x[k]) && isnan(y[k]));
        double difference = same ? 0 : isfinite(x[k] - y[k]) ? fabs(x[k] - y[k]) : INFINITY;
        scale = isfinite(y[k]) ? fmax(scale, fabs(y[k])) : scale;
        worst = difference > most ? k : worst;
        most = fmax(most, difference);
    }
    bool fine = read && most <= tolerance_of(a) * scale;
    if (read && !fine)
        snprintf(d->why, d->size, "element %lld of %s %d is %.9g, its definition says %.9g", (long long)worst, what, i,
                 x[worst], y[worst]);
    free(x);
    return fine;
}

static bool compare(const duel *d)
{
    way shortcut, definition;
    bool fine = go(d, &shortcut, false) && go(d, &definition, true);
    for (int i = 0; fine && i < outputs_of(d->op); i++)
        fine = alike(d, "result", i, shortcut.results[i], definition.results[i]);
    for (int i = 0; fine && i < d->n; i++)
        fine = alike(d, "gradient", i, shortcut.gradients[i], definition.gradients[i]);
    if (!fine && ct_error_code() != CT_OK)
        snprintf(d->why, d->size, "%s", ct_error_message());
    ct_error_clear();
    return fine;
}

/* float64 where the record takes it. */
static ct_dtype dtype_of(const ct_op *op)
{
    bool narrow = op->takes[0] & CT_ONLY(CT_FLOAT32) && !(op->takes[0] & CT_ONLY(CT_FLOAT64));
    return narrow ? CT_FLOAT32 : CT_FLOAT64;
}

bool agrees_with_definition(const ct_op *op, char *why, size_t size)
{
    bool fine = true;
    for (const ct_sample *sample = op->samples; fine && sample && sample->inputs; sample++) {
        duel d = {.op = op, .sample = sample, .why = why, .size = size};
        ct_scope_open();
        ct_seed(1);
        fine = ct_sample_inputs(sample, dtype_of(op), d.inputs, &d.n) == CT_OK && compare(&d);
        ct_scope_close();
    }
    return fine;
}
