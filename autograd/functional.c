/* Functions of functions: Jacobian, Hessian, and their products with vectors.
 *
 * All are runs of pull(), the backward of a weighted sum, over the graph of one evaluation. Invariant: fn is given tensors of this
 * file's own making, so that an input given twice is two inputs, and that no leaf of the caller's is touched. */
#include "autograd_internal.h"
#include <cotan/functional.h>
#include <string.h>

/* A call of one of the four, and fn's evaluation in it. */
typedef struct evaluation {
    const char *what; /* for messages */
    ct_function fn;
    void *user;
    const ct_functional_options *options;
    int n;
    ct_tensor *inputs[CT_MAX_INPUTS]; /* as fn is given them */
    ct_tensor *value;                 /* fn's result */
    ct_scope scope;                   /* around the whole */
    int no_grad_depth;                /* outside */
    int held;                         /* of the inputs, so many have a reference: fn may give them up */
} evaluation;

/* ---- fn's inputs and its result ---- */

/* x for fn: with create_graph still as coming from x, otherwise a leaf. */
static ct_tensor *own_input(const evaluation *e, ct_tensor *x)
{
    if (e->options->create_graph && x->requires_grad)
        return ct_apply(&ct__again, &x, 1, NULL);
    return ct_set_requires_grad(ct_detach(x), true);
}

static ct_status check_float(const evaluation *e, const ct_tensor *t, const char *role, int i)
{
    ct_status status = ct__check_tensor(t, e->what);
    if (status == CT_OK && !ct__dtype_is_float((ct_dtype)t->dtype))
        return ct__error(CT_ERROR_DTYPE, "%s: %s %d is %s, not float32 or float64", e->what, role, i,
                         ct_dtype_name((ct_dtype)t->dtype));
    return status;
}

static ct_status take_inputs(evaluation *e, ct_tensor *const *inputs)
{
    for (int i = 0; i < e->n; i++) {
        ct_status status = check_float(e, inputs[i], "input", i);
        e->inputs[i] = status == CT_OK ? own_input(e, inputs[i]) : NULL;
        if (!e->inputs[i])
            return ct_error_code();
        ct__tensor_ref(e->inputs[i]);
        e->held++;
    }
    return CT_OK;
}

/* What fn has left open is closed here, and its result outlives that. */
static ct_status evaluate(evaluation *e, ct_tensor *const *inputs)
{
    ct_status status = take_inputs(e, inputs);
    if (status != CT_OK)
        return status;
    e->value = e->fn(e->inputs, e->n, e->user);
    if (!e->value && ct_error_code() == CT_OK)
        return ct__error(CT_ERROR_NULL, "%s: the function has returned NULL, and no error", e->what);
    status = check_float(e, e->value, "result", 0);
    if (status == CT_OK)
        ct__hand_over(e->value, &e->scope);
    ct__scope_pop_to(&e->scope);
    return status;
}

static ct_status check_one_element(const evaluation *e)
{
    char shape[CT_SHAPE_TEXT];
    if (e->value->numel == 1)
        return CT_OK;
    return ct__error(CT_ERROR_SHAPE, "%s: the function's result must have one element, not shape %s", e->what,
                     ct__shape_text(e->value->shape, e->value->rank, shape));
}

/* ---- the vectors of a product ---- */

static ct_tensor *ones_for(const evaluation *e, int i)
{
    char shape[CT_SHAPE_TEXT];
    const ct_tensor *x = e->inputs[i];
    if (x->numel == 1)
        return ct_ones_like(x);
    ct__error(CT_ERROR_SHAPE, "%s: input %d of shape %s needs a vector; only one of one element does not", e->what, i,
              ct__shape_text(x->shape, x->rank, shape));
    return NULL;
}

static ct_status check_vector(const evaluation *e, int i, const ct_tensor *v)
{
    char shape[CT_SHAPE_TEXT], other[CT_SHAPE_TEXT];
    const ct_tensor *x = e->inputs[i];
    ct_status status = ct__check_tensor(v, e->what);
    if (status != CT_OK || (ct__same_shape(v, x) && v->dtype == x->dtype))
        return status;
    return ct__error(v->dtype == x->dtype ? CT_ERROR_SHAPE : CT_ERROR_DTYPE,
                     "%s: vector %d is %s %s, input %d is %s %s", e->what, i, ct_dtype_name((ct_dtype)v->dtype),
                     ct__shape_text(v->shape, v->rank, shape), i, ct_dtype_name((ct_dtype)x->dtype),
                     ct__shape_text(x->shape, x->rank, other));
}

/* given: as the caller has them. */
static ct_status take_vectors(const evaluation *e, ct_tensor *const *given, ct_tensor **vectors)
{
    for (int i = 0; i < e->n; i++) {
        vectors[i] = given && given[i] ? given[i] : ones_for(e, i);
        ct_status status = vectors[i] ? check_vector(e, i, vectors[i]) : ct_error_code();
        if (status != CT_OK)
            return status;
    }
    return CT_OK;
}

/* ---- backward ---- */

/* Zeros for what nothing flows to. */
static ct_status fill_up(const evaluation *e, ct_tensor *const *x, int n, ct_tensor **results)
{
    for (int i = 0; i < n; i++) {
        if (results[i])
            continue;
        if (e->options->strict)
            return ct__error(CT_ERROR_STATE, "%s: the result does not depend on input %d, and .strict asks for that",
                             e->what, i);
        results[i] = ct_zeros_like(x[i]);
        if (!results[i])
            return ct_error_code();
    }
    return CT_OK;
}

/* The gradients of the sum of <y[i], v[i]> for each x; v NULL: 1 each. */
static ct_status pull(const evaluation *e, ct_tensor *const *y, ct_tensor *const *v, int n_y, ct_tensor *const *x,
                      int n_x, bool create, ct_tensor **results)
{
    ct_tensor *roots[CT_MAX_INPUTS], *weights[CT_MAX_INPUTS];
    int n = 0;
    memset(results, 0, sizeof *results * (size_t)n_x);
    for (int i = 0; i < n_y; i++)
        if (y[i]->requires_grad) {
            roots[n] = y[i];
            weights[n++] = v ? v[i] : NULL;
        }
    ct_status status = CT_OK;
    if (n)
        status = ct_grad(roots, n, x, n_x, results,
                         CT_GIVEN(ct_grad_options, .gradients = weights, .create_graph = create, .retain_graph = true,
                                  .allow_unused = true));
    return status == CT_OK ? fill_up(e, x, n_x, results) : status;
}

static ct_status gradient(const evaluation *e, ct_tensor **results)
{
    ct_status status = check_one_element(e);
    return status == CT_OK ? pull(e, &e->value, NULL, 1, e->inputs, e->n, true, results) : status;
}

/* ---- a Jacobian, row by row ---- */

static ct_tensor *one_hot(const ct_tensor *like, int64_t k)
{
    ct_tensor *t = ct_zeros_like(like);
    if (t && t->dtype == CT_FLOAT32)
        ((float *)(void *)ct__ptr(t))[k] = 1;
    else if (t)
        ((double *)(void *)ct__ptr(t))[k] = 1;
    return t;
}

/* The gradients of element k of y, each as a row [1, elements], to rows[0], rows[stride], ... */
static ct_status find_row(const evaluation *e, ct_tensor *y, int64_t k, ct_tensor **rows, int64_t stride)
{
    ct_tensor *gradients[CT_MAX_INPUTS], *weight = one_hot(y, k);
    ct_status status =
        weight ? pull(e, &y, &weight, 1, e->inputs, e->n, e->options->create_graph, gradients) : ct_error_code();
    for (int i = 0; status == CT_OK && i < e->n; i++) {
        ct_tensor *row = ct__engine_ops.reshape(gradients[i], (int64_t[]){1, gradients[i]->numel}, 2);
        rows[i * stride] = row;
        status = row ? CT_OK : ct_error_code();
    }
    return status;
}

/* y's shape, then x's. */
static ct_status joint_shape(const evaluation *e, const ct_tensor *y, const ct_tensor *x, int64_t *shape)
{
    char one[CT_SHAPE_TEXT], other[CT_SHAPE_TEXT];
    if (y->rank + x->rank > CT_MAX_RANK)
        return ct__error(CT_ERROR_SHAPE, "%s: %s and %s have %d axes together, more than %d", e->what,
                         ct__shape_text(y->shape, y->rank, one), ct__shape_text(x->shape, x->rank, other),
                         y->rank + x->rank, CT_MAX_RANK);
    memcpy(shape, y->shape, sizeof *shape * (size_t)y->rank);
    memcpy(shape + y->rank, x->shape, sizeof *shape * (size_t)x->rank);
    return CT_OK;
}

/* dy/dx from its rows. */
static ct_tensor *shape_rows(const evaluation *e, const ct_tensor *y, const ct_tensor *x, ct_tensor **rows)
{
    int64_t shape[CT_MAX_RANK];
    if (joint_shape(e, y, x, shape) != CT_OK)
        return NULL;
    if (y->numel == 0)
        return ct_zeros((ct_dtype)x->dtype, shape, y->rank + x->rank);
    ct_tensor *all = ct__engine_ops.concat(rows, (int)y->numel, 0);
    return all ? ct__engine_ops.reshape(all, shape, y->rank + x->rank) : NULL;
}

static ct_status differentiate_into(const evaluation *e, ct_tensor *y, ct_tensor **rows, ct_tensor **results)
{
    ct_status status = CT_OK;
    for (int64_t k = 0; status == CT_OK && k < y->numel; k++)
        status = find_row(e, y, k, rows + k, y->numel);
    for (int i = 0; status == CT_OK && i < e->n; i++) {
        results[i] = shape_rows(e, y, e->inputs[i], rows + i * y->numel);
        status = results[i] ? CT_OK : ct_error_code();
    }
    return status;
}

/* results[i] = dy/d(input i), y being of the evaluation's graph. */
static ct_status differentiate(const evaluation *e, ct_tensor *y, ct_tensor **results)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < e->n; i++) {
        ct_status status = joint_shape(e, y, e->inputs[i], shape);
        if (status != CT_OK)
            return status;
    }
    size_t bytes = sizeof(ct_tensor *) * (size_t)y->numel * (size_t)e->n; /* y's elements take as much, but for n */
    ct_tensor **rows = ct__alloc(bytes);
    if (!rows)
        return ct__no_memory(e->what);
    ct_status status = differentiate_into(e, y, rows, results);
    ct__free(rows, bytes);
    return status;
}

/* ---- the call around ---- */

static ct_status check_call(const evaluation *e, ct_tensor *const *inputs, bool has_results)
{
    if (!e->fn || !inputs || !has_results)
        return ct__error(CT_ERROR_NULL, "%s: %s is NULL", e->what, !e->fn ? "fn" : !inputs ? "inputs" : "results");
    if (e->n < 1 || e->n > CT_MAX_INPUTS)
        return ct__error(CT_ERROR_ARGUMENT, "%s: %d inputs, takes 1 to %d", e->what, e->n, CT_MAX_INPUTS);
    return CT_OK;
}

/* Checks the call, and evaluates fn; results (how many) are NULL then. end() must follow. */
static ct_status begin(evaluation *e, ct_tensor *const *inputs, ct_tensor **results, int64_t count)
{
    ct__scope_push(&e->scope);
    e->no_grad_depth = ct__no_grad_depth(0);
    if (e->options && e->options->value)
        *e->options->value = NULL;
    ct_status status = e->options ? check_call(e, inputs, results != NULL) : ct_error_code();
    if (status != CT_OK)
        return status;
    memset(results, 0, sizeof *results * (size_t)count);
    return evaluate(e, inputs);
}

/* fn's result for the caller. */
static ct_tensor *own_value(const evaluation *e)
{
    ct_tensor *value = e->value;
    return e->options->create_graph && value->requires_grad ? ct_apply(&ct__again, &value, 1, NULL) : ct_detach(value);
}

static ct_status give_value(const evaluation *e)
{
    ct_tensor *value = e->options->value ? own_value(e) : NULL;
    if (!e->options->value)
        return CT_OK;
    if (!value)
        return ct_error_code();
    ct__scope_move(value, e->scope.parent);
    *e->options->value = value;
    return CT_OK;
}

/* Hands the results to the scope around the call, or drops them. */
static ct_status end(evaluation *e, ct_status status, ct_tensor **results, int64_t count)
{
    if (status == CT_OK)
        status = give_value(e);
    for (int64_t i = 0; status == CT_OK && i < count; i++)
        ct__scope_move(results[i], e->scope.parent);
    for (int64_t i = 0; status != CT_OK && results && i < count; i++)
        results[i] = NULL;
    ct__scope_pop(&e->scope);
    for (int i = 0; i < e->held; i++)
        ct__tensor_unref(e->inputs[i]);
    ct__no_grad_depth(e->no_grad_depth);
    return status;
}

static int64_t count_of(int n, bool squared)
{
    return n < 1 || n > CT_MAX_INPUTS ? 0 : squared ? (int64_t)n * n : n;
}

/* ---- the four ---- */

ct_status(ct_jacobian)(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor **results,
                       const ct_functional_options *options)
{
    CT_READ_OPTIONS(ct_functional_options, o, options, "jacobian");
    evaluation e = {.what = "jacobian", .fn = fn, .user = user, .options = o, .n = n};
    ct_status status = begin(&e, inputs, results, count_of(n, false));
    if (status == CT_OK)
        status = differentiate(&e, e.value, results);
    return end(&e, status, results, count_of(n, false));
}

ct_status(ct_hessian)(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor **results,
                      const ct_functional_options *options)
{
    CT_READ_OPTIONS(ct_functional_options, o, options, "hessian");
    evaluation e = {.what = "hessian", .fn = fn, .user = user, .options = o, .n = n};
    ct_tensor *first[CT_MAX_INPUTS];
    ct_status status = begin(&e, inputs, results, count_of(n, true));
    if (status == CT_OK)
        status = gradient(&e, first);
    for (int i = 0; status == CT_OK && i < n; i++)
        status = differentiate(&e, first[i], results + i * n);
    return end(&e, status, results, count_of(n, true));
}

ct_status(ct_hvp)(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor *const *vectors,
                  ct_tensor **results, const ct_functional_options *options)
{
    CT_READ_OPTIONS(ct_functional_options, o, options, "hvp");
    evaluation e = {.what = "hvp", .fn = fn, .user = user, .options = o, .n = n};
    ct_tensor *first[CT_MAX_INPUTS], *v[CT_MAX_INPUTS];
    ct_status status = begin(&e, inputs, results, count_of(n, false));
    if (status == CT_OK)
        status = take_vectors(&e, vectors, v);
    if (status == CT_OK)
        status = gradient(&e, first);
    if (status == CT_OK)
        status = pull(&e, first, v, n, e.inputs, n, o->create_graph, results);
    return end(&e, status, results, count_of(n, false));
}

/* The derivative of the value in the direction of v. */
static ct_status push(const evaluation *e, ct_tensor *const *v, ct_tensor **result)
{
    ct_tensor *u = ct_set_requires_grad(ct_zeros_like(e->value), true), *g[CT_MAX_INPUTS];
    ct_status status = u ? pull(e, &e->value, &u, 1, e->inputs, e->n, true, g) : ct_error_code();
    return status == CT_OK ? pull(e, g, v, e->n, &u, 1, e->options->create_graph, result) : status;
}

ct_tensor *(ct_jvp)(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_tensor *const *vectors,
                    const ct_functional_options *options)
{
    CT_READ_OPTIONS(ct_functional_options, o, options, "jvp");
    evaluation e = {.what = "jvp", .fn = fn, .user = user, .options = o, .n = n};
    ct_tensor *result = NULL, *v[CT_MAX_INPUTS];
    ct_status status = begin(&e, inputs, &result, 1);
    if (status == CT_OK)
        status = take_vectors(&e, vectors, v);
    if (status == CT_OK)
        status = push(&e, v, &result);
    return end(&e, status, &result, 1) == CT_OK ? result : NULL;
}

CT_OPTIONS_INIT(ct_functional_options)
