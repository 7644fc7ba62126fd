/* The planted bugs as functions on arrays of doubles, so that other programs' gradient checkers can be given the very same ones, at the
 * same inputs: peers.py loads this as a library.
 *
 * Invariant: a call leaves nothing behind, and false is the only sign of an error. */
#include <cotan/cotan.h>

#include "../planted_ops.h"

static const planted_op *bug(int which)
{
    const planted_op *(*const tables[])(int *) = {planted_ops, planted_kinds, planted_rare, planted_orders};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int n;
        const planted_op *table = tables[i](&n);
        if (which < n)
            return &table[which];
        which -= n;
    }
    return NULL;
}

/* NULL: there are no so many bugs. */
CT_API const char *peer_number(int which)
{
    return bug(which) ? bug(which)->number : NULL;
}

CT_API const char *peer_sample(int which)
{
    return bug(which)->right->samples[0].inputs;
}

/* Makes the inputs of a sample's text, as the checker does from this seed: how many, with the rank, sizes (8 each), and type of each, and
 * their elements one after the other; -1: an error. */
CT_API int peer_inputs(const char *text, uint64_t seed, int *ranks, int64_t *sizes, bool *floats, double *values)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n = -1;
    ct_scope_open();
    ct_seed(seed);
    ct_status status = ct_sample_inputs(&(ct_sample){.inputs = text}, CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++) {
        ranks[i] = ct_rank(inputs[i]);
        for (int axis = 0; axis < ranks[i]; axis++)
            sizes[CT_MAX_RANK * i + axis] = ct_size(inputs[i], axis);
        floats[i] = ct_requires_grad(inputs[i]);
        status = ct_to_values(inputs[i], values, ct_numel(inputs[i]));
        values += ct_numel(inputs[i]);
    }
    ct_scope_close();
    ct_error_clear();
    return status == CT_OK ? n : -1;
}

/* Fills inputs from their elements one after the other: like, those of the bug's sample. */
static ct_status make_inputs(const planted_op *planted, const double *x, ct_tensor **inputs, int *n)
{
    ct_status status = ct_sample_inputs(&planted->right->samples[0], CT_FLOAT64, inputs, n);
    for (int i = 0; status == CT_OK && i < *n; i++) {
        const ct_tensor *like = inputs[i];
        bool wanted = ct_requires_grad(like);
        inputs[i] = ct_from_values(ct_dtype_of(like), x, ct_numel(like), ct_shape(like), ct_rank(like));
        if (inputs[i] && wanted)
            ct_set_requires_grad(inputs[i], true);
        x += ct_numel(like);
        status = ct_error_code();
    }
    return status;
}

/* A run on such inputs; n is 0 where they could not be made. */
typedef struct run {
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS]; /* of the results only those that are floats */
    int n, n_outputs;
} run;

static ct_status run_begin(run *r, int which, bool wrong, const double *x)
{
    const planted_op *planted = bug(which);
    const ct_op *op = wrong ? planted->wrong : planted->right;
    ct_scope_open();
    ct_seed(1);
    ct_status status = make_inputs(planted, x, r->inputs, &r->n);
    if (status == CT_OK)
        status = ct_apply_multi(op, r->inputs, r->n, op->samples[0].attributes, r->outputs);
    r->n_outputs = 0;
    for (int i = 0; status == CT_OK && i < (op->outputs ? op->outputs : 1); i++)
        if (ct_dtype_is_float(ct_dtype_of(r->outputs[i])))
            r->outputs[r->n_outputs++] = r->outputs[i];
    return status;
}

static bool run_end(ct_status status)
{
    ct_error_clear();
    ct_scope_close();
    return status == CT_OK;
}

/* All results one after the other; returns how many elements, or -1. */
CT_API int64_t peer_forward(int which, bool wrong, const double *x, double *y)
{
    run r;
    int64_t count = 0;
    ct_status status = run_begin(&r, which, wrong, x);
    for (int i = 0; status == CT_OK && i < r.n_outputs; i++) {
        status = ct_to_values(r.outputs[i], y + count, ct_numel(r.outputs[i]));
        count += ct_numel(r.outputs[i]);
    }
    return run_end(status) ? count : -1;
}

/* The gradient of input i, if it has one. */
static ct_status gradient_of(run *r, int i, ct_tensor *const *cotangents, double *gx)
{
    ct_tensor *grad = NULL;
    if (!ct_requires_grad(r->inputs[i]))
        return CT_OK;
    ct_status status = ct_grad(r->outputs, r->n_outputs, &r->inputs[i], 1, &grad, .gradients = cotangents,
                               .retain_graph = true, .allow_unused = true);
    return status == CT_OK && grad ? ct_to_values(grad, gx, ct_numel(grad)) : status;
}

/* One gradient after the other in gx, which is zeros before; g: of all results one after the other. */
CT_API bool peer_backward(int which, bool wrong, const double *x, const double *g, double *gx)
{
    run r;
    ct_tensor *cotangents[CT_MAX_OUTPUTS];
    ct_status status = run_begin(&r, which, wrong, x);
    for (int i = 0; status == CT_OK && i < r.n_outputs; i++) {
        const ct_tensor *y = r.outputs[i];
        cotangents[i] = ct_from_values(CT_FLOAT64, g, ct_numel(y), ct_shape(y), ct_rank(y));
        g += ct_numel(y);
    }
    for (int i = 0; status == CT_OK && i < r.n; i++) {
        status = gradient_of(&r, i, cotangents, gx);
        gx += ct_numel(r.inputs[i]);
    }
    return run_end(status);
}

/* cotan's own verdict from this seed: 0 good, 1 inconclusive or vacuous, 2 wrong. */
CT_API int peer_check(int which, bool wrong, uint64_t seed, bool fast, unsigned checks)
{
    ct_verdict verdict = ct_gradcheck_op(wrong ? bug(which)->wrong : bug(which)->right, NULL, .seed = seed,
                                         .mode = fast ? CT_FAST : CT_FULL, .checks = checks);
    ct_error_clear();
    return ct_verdict_good(verdict) ? 0 : verdict >= CT_NONDETERMINISTIC ? 2 : 1;
}
