/* What must hold of a gradient besides its value: linear in the cotangent, repeatable, accumulated, the same for every layout
 * of the inputs and cotangents, indifferent to what is missing, the same in float32.
 *
 * Invariant: each check compares gradients with gradients, so none of them depends on a difference step. What may differ by
 * rounding is compared to ROUNDING of the largest element, and otherwise bit by bit. */
#include "gradcheck_internal.h"
#include <math.h>
#include <string.h>

#define ROUNDING 1e-10

enum { MANY_INPUTS = 16 }; /* of more, only the first are left out one at a time */

/* ---- comparing ---- */

static double largest(const ct_tensor *t)
{
    double max = 0;
    for (int64_t k = 0; t && k < t->numel; k++)
        max = fmax(max, fabs(ct__doubles(t)[k]));
    return max;
}

static double largest_of(ct_tensor *const *tensors, int n)
{
    double max = 0;
    for (int i = 0; i < n; i++)
        max = fmax(max, largest(tensors[i]));
    return max;
}

/* a (1 or fa) + b (fb) = sum, to rounding: relative to its own largest element, and to scale where all of it cancels. NaNs agree. */
static bool combines(const ct_tensor *sum, double fa, const ct_tensor *a, double fb, const ct_tensor *b, double scale)
{
    double size = fabs(fa) * largest(a) + (b ? fabs(fb) * largest(b) : 0), tolerance = ROUNDING * (size + 1e-2 * scale);
    for (int64_t k = 0; k < sum->numel; k++) {
        double want = fa * ct__doubles(a)[k] + (b ? fb * ct__doubles(b)[k] : 0), got = ct__doubles(sum)[k];
        if (!(fabs(got - want) <= tolerance) && !(isnan(got) && isnan(want)))
            return false;
    }
    return true;
}

/* The first of n gradients that differ by more than rounding; -1: none. */
static int first_different(ct_tensor *const *a, ct_tensor *const *b, int n, double scale)
{
    for (int i = 0; i < n; i++)
        if (a[i] && b[i] && !combines(a[i], 1, b[i], 0, NULL, scale))
            return i;
    return -1;
}

/* The size that rounding errors in check's gradients are measured by. */
static double scale_of(const ct__check *check)
{
    return fmax(largest_of(check->analytic, check->n), largest_of(check->cotangents, check->m));
}

/* Rows of n (or max_outputs) tensor pointers that one structural check works with. */
typedef struct room {
    ct_tensor **x, **grads, **other, **third; /* n each */
    ct_tensor **g, **h;                       /* max_outputs each */
    bool *wanted;                             /* n */
    void *block;
    size_t bytes;
    ct_scope scope;
} room;

static ct_status room_open(room *r, const ct__check *check)
{
    size_t n = (size_t)check->n, m = (size_t)check->subject->max_outputs,
           tensors = (4 * n + 2 * m) * sizeof(ct_tensor *);
    r->bytes = tensors + n;
    r->block = ct__alloc(r->bytes);
    ct__scope_push(&r->scope);
    if (!r->block)
        return ct__no_memory("gradcheck");
    memset(r->block, 0, r->bytes);
    r->x = r->block;
    r->grads = r->x + n;
    r->other = r->grads + n;
    r->third = r->other + n;
    r->g = r->third + n;
    r->h = r->g + m;
    r->wanted = (bool *)r->block + tensors / sizeof(bool);
    memcpy(r->x, check->x, n * sizeof(ct_tensor *));
    memcpy(r->wanted, check->wanted, n);
    memcpy(r->g, check->cotangents, m * sizeof(ct_tensor *));
    check->report->structural++;
    return CT_OK;
}

static ct_status room_close(room *r, ct_status status)
{
    ct__scope_pop(&r->scope);
    ct__free(r->block, r->bytes);
    return status;
}

/* ---- linear in the cotangent ---- */

static ct_status check_zero(ct__check *check)
{
    room r;
    ct_status status = room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        if (!r.g[i])
            continue;
        r.g[i] = ct_zeros_like(r.g[i]);
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (r.grads[i] && largest(r.grads[i]) != 0)
            ct__report_fault(
                check->report, "linear", i,
                "a zero cotangent gives a gradient that is not zero: the backward ignores the incoming gradient, or "
                "adds something that is not multiplied by it");
    return room_close(&r, status);
}

static ct_status check_linear(ct__check *check)
{
    room r;
    ct_status status = room_open(&r, check);
    if (status == CT_OK)
        status = ct__draw_cotangents(check, r.h);
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        if (!check->cotangents[i])
            continue;
        r.g[i] = ct__copy_as(check->cotangents[i], CT_FLOAT64);
        if (!r.g[i])
            status = ct_error_code();
        for (int64_t k = 0; r.g[i] && k < r.g[i]->numel; k++)
            ct__doubles(r.g[i])[k] = 0.5 * ct__doubles(r.g[i])[k] - 2 * ct__doubles(r.h[i])[k];
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.h, r.other);
    double scale = scale_of(check);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (r.grads[i] && !combines(r.grads[i], 0.5, check->analytic[i], -2, r.other[i], scale))
            ct__report_fault(
                check->report, "linear", i,
                "the gradient is not linear in the cotangent: the backward ignores or distorts the incoming gradient");
    return room_close(&r, status);
}

/* ---- backward again, and accumulation ---- */

/* Whether x's accumulated gradient is base + count times once, bit by bit (base may be NULL). */
static bool accumulated(const ct_tensor *x, const ct_tensor *base, double count, const ct_tensor *once)
{
    if (!x->grad || !ct__is_float(x->grad) || !x->grad->contiguous)
        return largest(once) == 0 && !base;
    for (int64_t k = 0; k < once->numel; k++) {
        double got = ct__doubles(x->grad)[k], want = count * ct__doubles(once)[k] + (base ? ct__doubles(base)[k] : 0);
        if (got != want && !(isnan(got) && isnan(want)))
            return false;
    }
    return true;
}

static void clear_leaves(const ct__check *check)
{
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            ct_zero_grad(check->x[i]);
}

static ct_status backward(ct_tensor *root, ct_tensor *g)
{
    ct_backward_options options = {CT_DEFAULTS(ct_backward_options), .gradient = g, .retain_graph = true};
    return ct_backward(root, &options);
}

/* Four backward passes over one graph: the first, one on top, one after clearing, one onto a gradient that is there already. */
static ct_status repeat_root(ct__check *check, room *r, ct_tensor *root, ct_tensor *g)
{
    ct_gradcheck_report *report = check->report;
    clear_leaves(check);
    ct_status status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        r->other[i] = check->x[i]->grad ? ct__copy_as(check->x[i]->grad, CT_FLOAT64) : ct_zeros_like(check->x[i]);
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && !accumulated(check->x[i], NULL, 2, r->other[i]))
            ct__report_fault(
                report, "repeat", i,
                "a second backward over the same graph does not add the same gradient again: the backward draws random "
                "numbers, or changes what it saved or what it is given");
    clear_leaves(check);
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        if (!accumulated(check->x[i], NULL, 1, r->other[i]))
            ct__report_fault(report, "repeat", i,
                             "backward twice, with the gradient cleared in between, gives different bits");
        r->third[i] = ct_full(CT_FLOAT64, 3, check->x[i]->shape, check->x[i]->rank);
        ct_tensor *filled = ct_full(CT_FLOAT64, 3, check->x[i]->shape, check->x[i]->rank);
        status = filled ? ct_set_grad(check->x[i], filled) : ct_error_code();
    }
    if (status == CT_OK)
        status = backward(root, g);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (check->wanted[i] && !accumulated(check->x[i], r->third[i], 1, r->other[i]))
            ct__report_fault(report, "repeat", i, "a gradient that is there already is not added to but replaced");
    clear_leaves(check);
    return status;
}

static ct_status check_repeat(ct__check *check)
{
    room r;
    ct_status status = room_open(&r, check);
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            check->x[i]->requires_grad = true;
    ct__check_seed(check);
    int m = status == CT_OK ? check->subject->run(check->subject, check->x, r.h) : 0;
    if (m < 0)
        status = ct_error_code();
    for (int i = 0; status == CT_OK && i < m; i++)
        if (r.h[i] && r.h[i]->requires_grad && check->cotangents[i])
            status = repeat_root(check, &r, r.h[i], check->cotangents[i]);
    for (int i = 0; i < check->n; i++)
        if (check->wanted[i])
            check->x[i]->requires_grad = false;
    return room_close(&r, status);
}

/* ---- what is missing ---- */

static ct_status check_missing_cotangent(ct__check *check, int output)
{
    room r;
    ct_status status = room_open(&r, check);
    if (status == CT_OK) {
        r.g[output] = NULL;
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    }
    if (status == CT_OK) {
        r.g[output] = ct_zeros_like(check->cotangents[output]);
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    int bad = status == CT_OK ? first_different(r.grads, r.other, check->n, scale_of(check)) : -1;
    if (bad >= 0)
        ct__report_fault(
            check->report, "missing", bad,
            "when nothing flows back into output %d, the gradient is not the same as for a zero cotangent there: a "
            "missing gradient is read as if it were one",
            output);
    return room_close(&r, status);
}

static ct_status check_missing_input(ct__check *check, int input)
{
    room r;
    ct_status status = room_open(&r, check);
    if (status == CT_OK) {
        r.wanted[input] = false;
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    }
    int bad = status == CT_OK ? first_different(r.grads, check->analytic, check->n, scale_of(check)) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "missing", bad, "the gradient changes when input %d needs none", input);
    return room_close(&r, status);
}

static ct_status check_missing(ct__check *check)
{
    int cotangents = 0, wanted = 0;
    for (int i = 0; i < check->m; i++)
        cotangents += check->cotangents[i] != NULL;
    for (int i = 0; i < check->n; i++)
        wanted += check->wanted[i];
    ct_status status = CT_OK;
    for (int i = 0; status == CT_OK && cotangents > 1 && i < check->m; i++)
        if (check->cotangents[i])
            status = check_missing_cotangent(check, i);
    for (int i = 0; status == CT_OK && wanted > 1 && i < check->n && i < MANY_INPUTS; i++)
        if (check->wanted[i])
            status = check_missing_input(check, i);
    return status;
}

ct_status ct__check_structure(ct__check *check)
{
    unsigned checks = check->options->checks;
    ct_status status = CT_OK;
    if (checks & CT_CHECK_REPEAT)
        status = check_repeat(check);
    if (status == CT_OK && checks & CT_CHECK_LINEAR)
        status = check_zero(check);
    if (status == CT_OK && checks & CT_CHECK_LINEAR)
        status = check_linear(check);
    if (status == CT_OK && checks & CT_CHECK_MISSING)
        status = check_missing(check);
    return status;
}

/* ---- forks ---- */

/* The results of one recorded run of the subject, from the seed that every run has. */
static ct_tensor *first_root(ct__check *check, ct_tensor *const *x, ct_tensor **outputs, int *which)
{
    ct__check_seed(check);
    int m = check->subject->run(check->subject, x, outputs);
    for (int i = 0; i < m; i++) {
        if (outputs[i] && outputs[i]->requires_grad && check->cotangents[i]) {
            *which = i;
            return outputs[i];
        }
    }
    return NULL;
}

/* y1 = y2 = f(x); s = y1 + y2, t = s + y1, u = t + s, a diamond on a diamond: du/dx is 5 dy/dx. */
static ct_status diamond(ct__check *check, room *r, int *which)
{
    ct_tensor *leaves[CT_MAX_INPUTS], *results[CT_MAX_INPUTS];
    int n = 0, place[CT_MAX_INPUTS];
    for (int i = 0; i < check->n; i++) {
        if (!check->wanted[i])
            continue;
        check->x[i]->requires_grad = true;
        place[n] = i;
        leaves[n++] = check->x[i];
    }
    ct_tensor *y1 = first_root(check, check->x, r->h, which), *y2 = first_root(check, check->x, r->h, which);
    ct_status status = ct_error_code();
    if (status == CT_OK && y1 && y2) {
        ct_tensor *s = ct__engine_ops.add(y1, y2);
        ct_tensor *t = s ? ct__engine_ops.add(s, y1) : NULL, *u = t ? ct__engine_ops.add(t, s) : NULL;
        ct_grad_options options = {CT_DEFAULTS(ct_grad_options), .gradients = &check->cotangents[*which],
                                   .allow_unused = true};
        status = u ? ct_grad(&u, 1, leaves, n, results, &options) : ct_error_code();
        for (int k = 0; status == CT_OK && k < n; k++) {
            r->grads[place[k]] = results[k] ? ct__copy_as(results[k], CT_FLOAT64) : NULL;
            status = ct_error_code();
        }
    }
    for (int i = 0; i < check->n; i++)
        if (check->x[i])
            check->x[i]->requires_grad = false;
    return status;
}

static ct_status check_fork(ct__check *check)
{
    room r;
    int which = 0;
    ct_status status = room_open(&r, check);
    if (status == CT_OK)
        status = diamond(check, &r, &which);
    for (int i = 0; i < check->m; i++)
        if (r.g && i != which)
            r.g[i] = NULL;
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    for (int i = 0; status == CT_OK && i < check->n; i++)
        if (r.grads[i] && !combines(r.grads[i], 5, r.other[i], 0, NULL, scale_of(check)))
            ct__report_fault(check->report, "forks", i,
                             "in a graph that forks and joins, the gradient is not the sum over the paths");
    return room_close(&r, status);
}

/* f(x, x): the gradient is the sum of both inputs' gradients at f(x, copy of x). */
static ct_status check_shared(ct__check *check, int i, int j)
{
    room r;
    ct_status status = room_open(&r, check);
    if (status == CT_OK) {
        r.x[j] = ct__copy_as(check->x[i], CT_FLOAT64);
        status = r.x[j] ? ct__vjp(check, r.x, r.wanted, r.g, r.grads) : ct_error_code();
    }
    if (status == CT_OK) {
        r.x[j] = r.x[i];
        status = ct__vjp(check, r.x, r.wanted, r.g, r.other);
    }
    if (status == CT_OK && !combines(r.other[i], 1, r.grads[i], 1, r.grads[j], scale_of(check)))
        ct__report_fault(check->report, "forks", i,
                         "with one tensor as inputs %d and %d, its gradient is not the sum of the two", i, j);
    return room_close(&r, status);
}

static ct_status check_forks(ct__check *check)
{
    ct_status status = check_fork(check);
    for (int i = 0; status == CT_OK && i < check->n && i < MANY_INPUTS; i++)
        for (int j = i + 1; status == CT_OK && j < check->n && j < MANY_INPUTS; j++)
            if (check->wanted[i] && check->wanted[j] && ct__same_shape(check->x[i], check->x[j]))
                status = check_shared(check, i, j);
    return status;
}

/* ---- layouts ---- */

typedef enum layout { TRANSPOSED, SLICED, OFFSET, REVERSED, EXPANDED, LAYOUTS } layout;
static const char *const layout_names[] = {"transposed", "sliced with a step", "offset", "reversed", "expanded"};

/* Strides and offset over a storage of the shape in *storage_shape, for a view with t's shape in a given layout. */
static int64_t lay_out(const ct_tensor *t, layout kind, int64_t *storage_shape, int64_t *strides)
{
    int64_t step = kind == SLICED ? 3 : 1, offset = kind == OFFSET ? 5 : kind == SLICED ? 1 : 0;
    if (kind == TRANSPOSED) { /* the first axis varies fastest */
        for (int i = 0; i < t->rank; i++, step *= t->shape[i - 1])
            strides[i] = step;
    } else {
        for (int i = t->rank - 1; i >= 0; i--) {
            strides[i] = step;
            step *= t->shape[i];
        }
    }
    *storage_shape = step + offset + 2;
    if (kind == REVERSED && t->rank > 0) {
        offset = (t->shape[t->rank - 1] - 1) * strides[t->rank - 1];
        strides[t->rank - 1] = -strides[t->rank - 1];
    }
    if (kind == EXPANDED && t->rank > 0)
        strides[0] = 0;
    return offset;
}

/* t's elements in another layout; what lies between them is NaN, or -1. For EXPANDED those of its first row, in every row. */
static ct_tensor *in_layout(const ct_tensor *t, layout kind)
{
    int64_t strides[CT_MAX_RANK], shape[CT_MAX_RANK], numel;
    if (t->numel == 0)
        return ct__copy_as(t, (ct_dtype)t->dtype);
    int64_t offset = lay_out(t, kind, &numel, strides);
    ct_tensor *storage = ct_full((ct_dtype)t->dtype, ct__is_float(t) ? NAN : 0, &numel, 1);
    ct_tensor *view = storage ? ct__tensor_view(storage, offset, t->shape, strides, t->rank, "gradcheck") : NULL;
    if (!view)
        return NULL;
    memcpy(shape, t->shape, (size_t)t->rank * sizeof *shape);
    if (kind == EXPANDED && t->rank > 0)
        shape[0] = 1;
    ct__copy_strided((ct_dtype)t->dtype, ct__ptr(view), strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides, shape,
                     t->rank);
    return view;
}

/* The float outputs of an unrecorded run, as contiguous float64 copies in the current scope. */
static ct_status values_of(ct__check *check, ct_tensor *const *x, ct_tensor **out)
{
    ct_scope scope;
    ct__scope_push(&scope);
    ct__check_seed(check);
    ct_no_grad_begin();
    int m = check->subject->run(check->subject, x, out);
    ct_no_grad_end();
    for (int i = 0; i < m; i++) {
        out[i] = out[i] ? ct__copy_as(out[i], CT_FLOAT64) : NULL;
        if (out[i])
            ct_scope_return(out[i]);
    }
    ct__scope_pop(&scope);
    return ct_error_code();
}

/* Values and gradients for inputs in a layout against those for contiguous ones; only: this one alone, or -1: all of them. */
static ct_status check_input_layout(ct__check *check, layout kind, int only)
{
    room r;
    ct_status status = room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->n; i++) { /* x in the layout, third the same values, contiguous */
        r.third[i] = check->x[i];
        bool other_values = kind == EXPANDED && !ct__is_float(check->x[i]); /* of a mask, say, and so another result */
        if (!check->x[i] || (only >= 0 && i != only) || other_values)
            continue;
        r.x[i] = in_layout(check->x[i], kind);
        r.third[i] = r.x[i] ? ct__copy_as(r.x[i], (ct_dtype)r.x[i]->dtype) : NULL;
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = values_of(check, r.x, r.h);
    if (status == CT_OK)
        status = values_of(check, r.third, r.g);
    int bad = status == CT_OK ? first_different(r.h, r.g, check->m, largest_of(r.g, check->m)) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "layouts", only,
                         "output %d differs when the inputs are %s: the forward assumes a contiguous input", bad,
                         layout_names[kind]);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, check->cotangents, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.third, r.wanted, check->cotangents, r.other);
    bad = status == CT_OK ? first_different(r.grads, r.other, check->n, scale_of(check)) : -1;
    if (bad >= 0)
        ct__report_fault(
            check->report, "layouts", bad,
            "the gradient differs when the inputs are %s: the backward assumes that what it saved is contiguous",
            layout_names[kind]);
    return room_close(&r, status);
}

static ct_status check_cotangent_layout(ct__check *check, layout kind)
{
    room r;
    ct_status status = room_open(&r, check);
    for (int i = 0; status == CT_OK && i < check->m; i++) {
        if (!check->cotangents[i])
            continue;
        r.g[i] = in_layout(check->cotangents[i], kind);
        r.h[i] = r.g[i] ? ct__copy_as(r.g[i], CT_FLOAT64) : NULL;
        status = ct_error_code();
    }
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.g, r.grads);
    if (status == CT_OK)
        status = ct__vjp(check, r.x, r.wanted, r.h, r.other);
    int bad = status == CT_OK ? first_different(r.grads, r.other, check->n, scale_of(check)) : -1;
    if (bad >= 0)
        ct__report_fault(check->report, "layouts", bad,
                         "the gradient differs when the cotangent is %s: the backward assumes a contiguous cotangent",
                         layout_names[kind]);
    return room_close(&r, status);
}

static ct_status check_layouts(ct__check *check)
{
    ct_status status = CT_OK;
    for (layout kind = 0; status == CT_OK && kind < LAYOUTS; kind++) {
        status = check_input_layout(check, kind, -1);
        for (int i = 0; status == CT_OK && check->n > 1 && i < check->n && i < MANY_INPUTS; i++)
            if (check->x[i])
                status = check_input_layout(check, kind, i);
        if (status == CT_OK)
            status = check_cotangent_layout(check, kind);
    }
    return status;
}

ct_status ct__check_op_structure(ct__check *check)
{
    unsigned checks = check->options->checks;
    ct_status status = CT_OK;
    if (checks & CT_CHECK_FORKS)
        status = check_forks(check);
    if (status == CT_OK && checks & CT_CHECK_LAYOUTS)
        status = check_layouts(check);
    return status;
}

/* ---- float32 ---- */

static ct_status float32_gradient(ct__check *check, room *r)
{
    for (int i = 0; i < check->n; i++) {
        if (!ct__is_float(check->x[i]))
            continue;
        r->x[i] = ct__copy_as(check->x[i], CT_FLOAT32);
        if (!r->x[i])
            return ct_error_code();
    }
    ct__check_seed(check);
    ct_no_grad_begin();
    int m = check->subject->run(check->subject, r->x, r->h);
    ct_no_grad_end();
    for (int i = 0; i < m; i++) {
        if (!check->cotangents[i] || !r->h[i])
            continue;
        r->g[i] = ct__copy_as(check->cotangents[i], (ct_dtype)r->h[i]->dtype);
        if (!r->g[i])
            return ct_error_code();
    }
    return m < 0 ? ct_error_code() : ct__vjp(check, r->x, r->wanted, r->g, r->grads);
}

ct_status ct__check_float32(ct__check *check)
{
    if (!check->subject->op && !check->was_float32)
        return CT_OK;
    room r;
    ct_status status = room_open(&r, check);
    if (status == CT_OK)
        status = float32_gradient(check, &r);
    double share = check->options->float32_tolerance, scale = scale_of(check);
    for (int i = 0; status == CT_OK && i < check->n; i++) {
        if (!r.grads[i])
            continue;
        double tolerance = share * (largest(check->analytic[i]) + 1e-2 * scale), worst = 0;
        const ct_tensor *grad = ct__copy_as(r.grads[i], CT_FLOAT64);
        status = ct_error_code();
        for (int64_t k = 0; grad && k < grad->numel; k++) {
            double difference = fabs(ct__doubles(grad)[k] - ct__doubles(check->analytic[i])[k]);
            worst = isnan(difference) ? INFINITY : fmax(worst, difference);
        }
        if (worst > tolerance)
            ct__report_fault(check->report, "float32", i,
                             "the float32 gradient is off by %.3g, where %.3g is the most that rounding explains",
                             worst, tolerance);
    }
    return room_close(&r, status);
}

/* ---- sizes ---- */

/* The sample with every size equal to from (0: every size) replaced by to, run and differentiated. */
static ct_status try_sizes(const ct_op *op, const ct_sample *sample, int64_t from, int64_t to, bool scalar,
                           const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS];
    int n;
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++) {
        wanted[i] = inputs[i] && inputs[i]->requires_grad;
        if (!inputs[i])
            continue;
        int64_t shape[CT_MAX_RANK], numel = 1, strides[CT_MAX_RANK];
        for (int axis = 0; axis < inputs[i]->rank; axis++)
            shape[axis] = !from || inputs[i]->shape[axis] == from ? to : inputs[i]->shape[axis];
        int rank = scalar ? 0 : inputs[i]->rank;
        numel = ct__row_major(shape, rank, strides);
        if (numel > inputs[i]->numel) /* the sample was empty there already */
            return CT_OK;
        inputs[i] = ct__tensor_view(inputs[i], 0, shape, strides, rank, "gradcheck");
        status = ct_error_code();
    }
    if (status != CT_OK)
        return status;
    report->structural++;
    ct__subject subject = ct__subject_op(op, sample->attributes, n);
    ct_gradcheck_report found = {.check = "", .op = "", .notes_ratio = NAN};
    ct_gradcheck_options simple = *options;
    simple.checks = CT_CHECK_VALUE_ONLY;
    simple.order = 1;
    simple.mode = CT_FAST;
    status = ct__check_subject(&subject, inputs, wanted, 0, &simple, &found);
    report->evaluations += found.evaluations;
    bool not_finite = found.cause[0] && strcmp(found.check, "finite") == 0; /* a mean of nothing, a deviation of one */
    if (found.verdict == CT_FAIL && !not_finite)
        ct__report_fault(report, "sizes", found.argument, "with size %lld as %lld%s: %.200s", (long long)from,
                         (long long)to, scalar ? " (0-d)" : "", found.cause);
    ct_gradcheck_report_free(&found);
    if (status == CT_ERROR_SHAPE || status == CT_ERROR_ARGUMENT) { /* a clear refusal */
        ct_error_clear();
        status = CT_OK;
    }
    return status;
}

ct_status ct__check_op_sizes(const ct_op *op, const ct_sample *sample, const ct_gradcheck_options *options,
                             ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    int64_t seen[CT_MAX_INPUTS * CT_MAX_RANK];
    int count = 0;
    for (int i = 0; status == CT_OK && i < n; i++) {
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank; axis++) {
            int64_t size = inputs[i]->shape[axis];
            bool known = size < 1;
            for (int k = 0; k < count; k++)
                known |= seen[k] == size;
            if (!known)
                seen[count++] = size;
        }
    }
    for (int k = 0; status == CT_OK && k < count; k++) {
        status = try_sizes(op, sample, seen[k], 0, false, options, report);
        if (status == CT_OK && seen[k] > 1)
            status = try_sizes(op, sample, seen[k], 1, false, options, report);
    }
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, false, options, report);
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, true, options, report);
    ct__scope_pop(&scope);
    return status;
}
