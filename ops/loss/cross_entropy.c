/* cross_entropy and nll_loss: what x, logits or log-probabilities, says about the class that a label names.
 *
 * Row r of x, along its class axis, counts with own = (1 - smoothing) weight[label] for its label's class and spread[c] =
 * smoothing weight[c] / C for every class, and not at all if its label is ignored. With log p = log softmax(x) its loss is
 *     -own log p[label] - sum spread[c] log p[c],
 * and its gradient all softmax(x) - own onehot(label) - spread, where all = own + sum spread. */
#include "loss_internal.h"
#include "kernels_softmax.h"
#include <math.h>

typedef struct cross_entropy_attributes {
    double smoothing;
    int64_t reduction, ignore_index;
} cross_entropy_attributes;

/* ---- labels ---- */

static int class_axis(int rank)
{
    return rank > 1 ? 1 : 0;
}

/* Where element i of t, in row-major order, is. */
static int64_t place_of(const ct_tensor *t, int64_t i)
{
    int64_t place = 0;
    if (t->contiguous)
        return i;
    for (int axis = t->rank - 1; axis >= 0; axis--) {
        place += i % t->shape[axis] * t->strides[axis];
        i /= t->shape[axis];
    }
    return place;
}

static int64_t label_at(const ct_tensor *labels, int64_t row)
{
    return ((const int64_t *)ct__ptr(labels))[place_of(labels, row)];
}

static double number_at(const ct_tensor *t, int64_t i)
{
    int64_t place = place_of(t, i);
    return t->dtype == CT_FLOAT64 ? ((const double *)ct__ptr(t))[place] : ((const float *)ct__ptr(t))[place];
}

static ct_status label_error(ct_call *call, const ct_tensor *labels, int64_t row, int64_t classes)
{
    int64_t at[CT_MAX_RANK], label = label_at(labels, row);
    char text[CT_SHAPE_TEXT];
    for (int axis = labels->rank - 1; axis >= 0; axis--) {
        at[axis] = row % labels->shape[axis];
        row /= labels->shape[axis];
    }
    return ct_call_error(call, CT_ERROR_ARGUMENT, "label %lld at %s is not in 0..%lld: %s", (long long)label,
                         ct__shape_text(at, labels->rank, text), (long long)classes - 1, ct_call_shapes(call));
}

/* Whether labels are one for each row of x along axis. */
static bool one_a_row(const ct_tensor *labels, const ct_tensor *x, int axis)
{
    if (labels->rank != x->rank - 1)
        return false;
    for (int i = 0; i < labels->rank; i++)
        if (labels->shape[i] != x->shape[i < axis ? i : i + 1])
            return false;
    return true;
}

ct_status ct__check_labels(ct_call *call, const ct_tensor *x, const ct_tensor *labels, const ct_tensor *weight,
                           const int64_t *ignored)
{
    int axis = class_axis(x->rank);
    if (x->rank < 1 || !one_a_row(labels, x, axis))
        return ct_call_error(call, CT_ERROR_SHAPE, "the labels' shape must be that of x without its class axis %d: %s",
                             axis, ct_call_shapes(call));
    int64_t classes = x->shape[axis];
    if (weight && (weight->rank != 1 || weight->shape[0] != classes))
        return ct_call_error(call, CT_ERROR_SHAPE, "weight must have one element for each of %lld classes: %s",
                             (long long)classes, ct_call_shapes(call));
    for (int64_t row = 0; row < labels->numel; row++) {
        int64_t label = label_at(labels, row);
        if ((label < 0 || label >= classes) && !(ignored && label == *ignored))
            return label_error(call, labels, row, classes);
    }
    return CT_OK;
}

static ct_status check_options(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    if (how->reduction < CT_MEAN || how->reduction > CT_NONE)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "reduction %lld is not CT_MEAN, CT_SUM or CT_NONE",
                             (long long)how->reduction);
    if (!(how->smoothing >= 0 && how->smoothing <= 1))
        return ct_call_error(call, CT_ERROR_ARGUMENT, "label_smoothing %g is not in 0..1", how->smoothing);
    return CT_OK;
}

/* ---- what rows count ---- */

typedef struct counts {
    const cross_entropy_attributes *how;
    const ct_tensor *labels, *weight;
    int64_t classes;
    double spread; /* sum spread[c], for a row that is not ignored */
    double total;  /* what the sum of the losses is divided by: the sum of the labels' weights for CT_MEAN, else 1 */
} counts;

static double weight_of(const counts *c, int64_t label)
{
    return c->weight ? number_at(c->weight, label) : 1;
}

static bool is_ignored(const counts *c, int64_t label)
{
    return label == c->how->ignore_index;
}

static counts count_rows(const cross_entropy_attributes *how, const ct_tensor *labels, const ct_tensor *weight,
                         int64_t classes)
{
    counts c = {.how = how, .labels = labels, .weight = weight, .classes = classes, .total = 1};
    double weights = 0;
    for (int64_t i = 0; how->smoothing > 0 && i < classes; i++)
        weights += weight_of(&c, i);
    c.spread = how->smoothing > 0 ? how->smoothing * weights / (double)classes : 0;
    if (how->reduction != CT_MEAN)
        return c;
    c.total = 0;
    for (int64_t row = 0; row < labels->numel; row++) {
        int64_t label = label_at(labels, row);
        c.total += is_ignored(&c, label) ? 0 : weight_of(&c, label);
    }
    return c;
}

/* ---- rows ---- */

/* A tensor's elements in contiguous rows along an axis: its own memory where they lie so, else a copy. */
typedef struct rows {
    char *data;
    size_t copied; /* bytes of the copy, or 0 */
} rows;

static int64_t rows_a_task(int64_t n)
{
    const int64_t grain = 32768;
    return n < grain && n > 0 ? grain / n : 1;
}

/* The shape with axis moved to the end, the strides that go with it, and those of a copy. */
static void axis_last(const ct_tensor *t, int axis, int64_t *shape, int64_t *strides, int64_t *packed)
{
    for (int i = 0; i < t->rank; i++) {
        int from = i == t->rank - 1 ? axis : i < axis ? i : i + 1;
        shape[i] = t->shape[from];
        strides[i] = t->strides[from];
    }
    ct__row_major(shape, t->rank, packed);
}

/* With fill the elements are there; otherwise the rows are to be written. rows_close() must follow. */
static ct_status rows_open(rows *r, const ct_tensor *t, int axis, bool fill, const char *what)
{
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK], packed[CT_MAX_RANK], behind = 1;
    for (int i = axis + 1; i < t->rank; i++)
        behind *= t->shape[i];
    *r = (rows){.data = ct__ptr(t)};
    if (t->numel == 0 || (t->contiguous && behind == 1))
        return CT_OK;
    ct_dtype dtype = (ct_dtype)t->dtype;
    size_t bytes = (size_t)(t->numel * ct__size_of(dtype));
    if (!(r->data = ct__alloc(bytes)))
        return ct__no_memory(what);
    r->copied = bytes;
    axis_last(t, axis, shape, strides, packed);
    if (fill)
        ct__copy_strided(dtype, r->data, packed, dtype, ct__ptr(t), strides, shape, t->rank);
    return CT_OK;
}

/* Brings what was written into t. */
static void rows_write_back(const rows *r, const ct_tensor *t, int axis)
{
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK], packed[CT_MAX_RANK];
    if (!r->copied)
        return;
    axis_last(t, axis, shape, strides, packed);
    ct__copy_strided((ct_dtype)t->dtype, ct__ptr(t), strides, (ct_dtype)t->dtype, r->data, packed, shape, t->rank);
}

static void rows_close(rows *r)
{
    if (r->copied)
        ct__free(r->data, r->copied);
}

/* ---- the loops over rows ---- */

typedef struct job {
    counts counts;
    const ct_softmax_kernels *kernels;
    ct_dtype dtype;
    rows x, weight, out; /* weight.data is NULL without weights; out in backward */
    size_t row_bytes;
    int64_t rows_a_task;
    double *losses;     /* forward */
    const ct_tensor *g; /* backward */
} job;

/* Opens the rows of x and weight, which are inputs first and first + 2, as labels are first + 1. */
static ct_status open_job(job *j, ct_call *call, int first)
{
    const ct_tensor *x = ct_call_input(call, first), *labels = ct_call_input(call, first + 1);
    const ct_tensor *weight = ct_call_input(call, first + 2);
    int axis = class_axis(x->rank);
    int64_t classes = x->shape[axis];
    *j = (job){.counts = count_rows(ct_call_attributes(call), labels, weight, classes),
               .kernels = ct__softmax_kernels(x->dtype == CT_FLOAT64),
               .dtype = (ct_dtype)x->dtype,
               .row_bytes = (size_t)classes * ct_dtype_size((ct_dtype)x->dtype),
               .rows_a_task = rows_a_task(classes)};
    ct_status status = rows_open(&j->x, x, axis, true, call->op->name);
    if (status == CT_OK && weight)
        status = rows_open(&j->weight, weight, 0, true, call->op->name);
    return status;
}

static void close_job(job *j)
{
    rows_close(&j->x);
    rows_close(&j->weight);
    rows_close(&j->out);
}

static void each_row(const job *j, int64_t task, void (*do_row)(const job *j, int64_t row, int64_t label))
{
    int64_t end = (task + 1) * j->rows_a_task;
    for (int64_t row = task * j->rows_a_task; row < end && row < j->counts.labels->numel; row++)
        do_row(j, row, label_at(j->counts.labels, row));
}

static void run_job(job *j, void (*task)(void *context, int64_t index))
{
    ct__parallel((j->counts.labels->numel + j->rows_a_task - 1) / j->rows_a_task, task, j);
}

static double element(const job *j, const void *row, int64_t i)
{
    return j->dtype == CT_FLOAT64 ? ((const double *)row)[i] : ((const float *)row)[i];
}

static void add_to_element(const job *j, void *row, int64_t i, double summand)
{
    if (j->dtype == CT_FLOAT64)
        ((double *)row)[i] += summand;
    else
        ((float *)row)[i] += (float)summand;
}

/* ---- cross_entropy ---- */

static ct_status infer_cross_entropy(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *labels = ct_call_input(call, 1);
    ct_status status = check_options(call);
    if (status == CT_OK)
        status = ct__check_labels(call, x, labels, ct_call_input(call, 2), &how->ignore_index);
    if (status != CT_OK)
        return status;
    return ct_call_output_shape(call, 0, (ct_dtype)x->dtype, labels->shape,
                                how->reduction == CT_NONE ? labels->rank : 0);
}

/* Everything relative to the largest element m, so that nothing is lost where x is large. */
static void row_loss(const job *j, int64_t row, int64_t label)
{
    const counts *c = &j->counts;
    const char *x = j->x.data + (size_t)row * j->row_bytes;
    j->losses[row] = 0;
    if (is_ignored(c, label))
        return;
    double m, log_sum = j->kernels->log_sum(c->classes, x, &m);
    double own = (1 - c->how->smoothing) * weight_of(c, label);
    double loss = (own + c->spread) * log_sum - own * (element(j, x, label) - m);
    if (c->how->smoothing > 0)
        loss -= c->how->smoothing / (double)c->classes * j->kernels->weighted_sum(c->classes, j->weight.data, x, m);
    j->losses[row] = loss;
}

static void loss_task(void *context, int64_t index)
{
    each_row(context, index, row_loss);
}

static ct_status forward_cross_entropy(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    const ct_tensor *labels = ct_call_input(call, 1), *y = ct_call_output(call, 0);
    size_t bytes = (size_t)labels->numel * sizeof(double);
    job j;
    ct_status status = open_job(&j, call, 0);
    if (status == CT_OK && !(j.losses = ct__alloc(bytes)))
        status = ct__no_memory(call->op->name);
    if (status == CT_OK) {
        double sum = 0;
        run_job(&j, loss_task);
        for (int64_t row = 0; row < labels->numel; row++)
            sum += j.losses[row];
        const double *results = how->reduction == CT_NONE ? j.losses : &(double){sum / j.counts.total};
        int64_t one_step = 1;
        ct__copy_strided(j.dtype, ct__ptr(y), &one_step, CT_FLOAT64, results, &one_step, &y->numel, 1);
    }
    ct__free(j.losses, bytes);
    close_job(&j);
    return status;
}

/* The gradient of cross_entropy for x, g being that for its result. */
static ct_tensor *cross_entropy_backward(ct_tensor *g, ct_tensor *x, ct_tensor *labels, ct_tensor *weight,
                                         const cross_entropy_attributes *how)
{
    return (ct_apply)(&ct_op_cross_entropy_backward, (ct_tensor *[]){g, x, labels, weight}, 4, how);
}

static ct_status backward_cross_entropy(ct_call *call)
{
    ct_tensor *grad = cross_entropy_backward(ct_call_grad_output(call, 0), ct_call_input(call, 0),
                                             ct_call_input(call, 1), ct_call_input(call, 2), ct_call_attributes(call));
    return ct_call_set_grad(call, 0, grad);
}

/* A sample's attributes: label_smoothing, reduction, ignore_index. */
#define HOW(...)                \
    &(cross_entropy_attributes) \
    {                           \
        __VA_ARGS__             \
    }

const ct_op ct_op_cross_entropy = {
    .name = "cross_entropy",
    .takes = {CT_FLOATS, CT_ONLY(CT_INT64), CT_FLOATS},
    .roles = "x labels weight",
    .gradient =
        "g (softmax(x) - onehot(target)) by what the mean divides by; with weights and label_smoothing: g (sum(q) "
        "softmax(x) - q), q = weight ((1 - label_smoothing) onehot(target) + label_smoothing / C); 0 where ignored",
    .min_inputs = 2,
    .max_inputs = 3,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1) | CT_SAVE_INPUT(2),
    .attributes_size = sizeof(cross_entropy_attributes),
    .attribute_names = "smoothing:1d reduction ignore_index",
    .infer = infer_cross_entropy,
    .forward = forward_cross_entropy,
    .backward = backward_cross_entropy,
    .samples = (const ct_sample[]){{"6x5 i5:6", HOW(0, CT_MEAN, -100)},
                                   {"6x5 i5:6 5@0.5..2!", HOW(0.1, CT_MEAN, 2)},
                                   {"6x5 i5:6 5@0.5..2!", HOW(0.2, CT_SUM, -100)},
                                   {"2x3x4 i3:2x4", HOW(0, CT_NONE, 1)},
                                   {"2x3x2x2 i3:2x2x2 3@0.5..2!", HOW(0.3, CT_NONE, -100)},
                                   {"5 i5:scalar", HOW(0, CT_MEAN, -100)},
                                   {"0x5 i5:0", HOW(0, CT_SUM, -100)},
                                   {NULL, NULL}},
    .source =
        "Bishop: Pattern recognition and machine learning (2006), eq. 4.108; Szegedy et al.: Rethinking the inception "
        "architecture (2016), section 7",
};

/* ---- cross_entropy_backward ---- */

static ct_status infer_cross_entropy_backward(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    const ct_tensor *g = ct_call_input(call, 0), *x = ct_call_input(call, 1), *labels = ct_call_input(call, 2);
    ct_status status = check_options(call);
    if (status == CT_OK)
        status = ct__check_labels(call, x, labels, ct_call_input(call, 3), &how->ignore_index);
    if (status != CT_OK)
        return status;
    if (how->reduction == CT_NONE ? !ct__same_shape(g, labels) : g->rank > 0)
        return ct_call_error(call, CT_ERROR_SHAPE, "g has not the shape of the loss: %s", ct_call_shapes(call));
    return ct_call_output_like(call, 0, x);
}

static void row_gradient(const job *j, int64_t row, int64_t label)
{
    const counts *c = &j->counts;
    size_t at = (size_t)row * j->row_bytes;
    char *out = j->out.data + at;
    if (is_ignored(c, label)) {
        __builtin_memset(out, 0, j->row_bytes);
        return;
    }
    double scale = 1 / c->total * number_at(j->g, j->g->rank > 0 ? row : 0);
    double own = (1 - c->how->smoothing) * weight_of(c, label);
    j->kernels->scaled_softmax(c->classes, j->x.data + at, scale * (own + c->spread), out);
    add_to_element(j, out, label, -scale * own);
    if (c->how->smoothing > 0)
        j->kernels->subtract_weights(c->classes, j->weight.data, scale * c->how->smoothing / (double)c->classes, out);
}

static void gradient_task(void *context, int64_t index)
{
    each_row(context, index, row_gradient);
}

static ct_status forward_cross_entropy_backward(ct_call *call)
{
    const ct_tensor *out = ct_call_output(call, 0);
    int axis = class_axis(out->rank);
    job j;
    ct_status status = open_job(&j, call, 1);
    if (status == CT_OK)
        status = rows_open(&j.out, out, axis, false, call->op->name);
    if (status == CT_OK) {
        j.g = ct_call_input(call, 0);
        run_job(&j, gradient_task);
        rows_write_back(&j.out, out, axis);
    }
    close_job(&j);
    return status;
}

/* What softmax(x) is multiplied by in each row's gradient, but for g: shape of labels with the class axis as size 1. */
static ct_tensor *softmax_factors(ct_dtype dtype, const counts *c)
{
    const ct_tensor *labels = c->labels;
    ct_tensor *factors = ct_empty(CT_FLOAT64, labels->shape, labels->rank);
    for (int64_t row = 0; factors && row < labels->numel; row++) {
        int64_t label = label_at(labels, row);
        double all = is_ignored(c, label) ? 0 : (1 - c->how->smoothing) * weight_of(c, label) + c->spread;
        ((double *)ct__ptr(factors))[row] = all == 0 ? 0 : all / c->total;
    }
    factors = ct_cast(factors, dtype);
    return ct_unsqueeze(factors, class_axis(labels->rank + 1));
}

/* Of the gradient, linear in g, with v flowing back: to g what the gradient for g = 1 times v sums to; to x the softmax's
 * gradient, as nothing else depends on x. */
static ct_status backward_cross_entropy_backward(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    ct_tensor *v = ct_call_grad_output(call, 0), *g = ct_call_input(call, 0), *x = ct_call_input(call, 1);
    ct_tensor *labels = ct_call_input(call, 2), *weight = ct_call_input(call, 3);
    int axis = class_axis(ct_rank(x));
    ct_reduce_options along = {CT_DEFAULTS(ct_reduce_options), CT_AXES(axis)};
    ct_status status = CT_OK;
    if (ct_call_needs_grad(call, 0)) {
        ct_tensor *product = ct_mul(v, cross_entropy_backward(ct_ones_like(g), x, labels, weight, how));
        status = ct_call_set_grad(call, 0, ct_sum(product, how->reduction == CT_NONE ? &along : NULL));
    }
    if (status == CT_OK && ct_call_needs_grad(call, 1)) {
        counts c = count_rows(how, labels, weight, x->shape[axis]);
        ct_tensor *factors = softmax_factors((ct_dtype)x->dtype, &c);
        factors = ct_mul(factors, how->reduction == CT_NONE ? ct_unsqueeze(g, axis) : g);
        status = ct_call_set_grad(call, 1, ct_mul(factors, ct__softmax_backward(v, ct_softmax(x, axis), axis)));
    }
    return status;
}

const ct_op ct_op_cross_entropy_backward = {
    .name = "cross_entropy_backward",
    .takes = {CT_FLOATS, 0, CT_ONLY(CT_INT64), CT_FLOATS},
    .roles = "gradient x labels weight",
    .gradient =
        "sum(v (softmax(b) - onehot(target))), a s (v - sum(v s)), s = softmax(b), v the gradient; weighted as in "
        "cross_entropy",
    .min_inputs = 3,
    .max_inputs = 4,
    .saves = CT_SAVE_INPUT(0) | CT_SAVE_INPUT(1) | CT_SAVE_INPUT(2) | CT_SAVE_INPUT(3),
    .attributes_size = sizeof(cross_entropy_attributes),
    .attribute_names = "smoothing:1d reduction ignore_index",
    .infer = infer_cross_entropy_backward,
    .forward = forward_cross_entropy_backward,
    .backward = backward_cross_entropy_backward,
    .samples = (const ct_sample[]){{"scalar 6x5 i5:6", HOW(0, CT_MEAN, -100)},
                                   {"scalar 6x5 i5:6 5@0.5..2!", HOW(0.1, CT_MEAN, 2)},
                                   {"2x4 2x3x4 i3:2x4 3@0.5..2!", HOW(0.2, CT_NONE, 1)},
                                   {"scalar 5 i5:scalar", HOW(0, CT_SUM, -100)},
                                   {"scalar 0x5 i5:0", HOW(0, CT_SUM, -100)},
                                   {NULL, NULL}},
};

/* ---- cross_entropy with probabilities as targets ---- */

/* weight, [C], in the shape that broadcasts along the class axis. */
static ct_tensor *along_classes(ct_tensor *weight, int rank)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < rank; i++)
        shape[i] = i == class_axis(rank) ? -1 : 1;
    return ct_reshape(weight, shape, rank);
}

static ct_status check_soft(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0), *target = ct_call_input(call, 1), *weight = ct_call_input(call, 2);
    ct_status status = check_options(call);
    if (status != CT_OK)
        return status;
    if (x->rank < 1 || !ct__same_shape(x, target))
        return ct_call_error(call, CT_ERROR_SHAPE,
                             "the target's probabilities must have x's shape, and labels are int64: %s",
                             ct_call_shapes(call));
    if (weight && (weight->rank != 1 || weight->shape[0] != x->shape[class_axis(x->rank)]))
        return ct_call_error(call, CT_ERROR_SHAPE, "weight must have one element for each of %lld classes: %s",
                             (long long)x->shape[class_axis(x->rank)], ct_call_shapes(call));
    return CT_OK;
}

static ct_tensor *cross_entropy_soft_expression(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *q = ct_call_input(call, 1), *weight = ct_call_input(call, 2);
    if (check_soft(call) != CT_OK)
        return NULL;
    int axis = class_axis(x->rank);
    double classes = (double)x->shape[axis], n_rows = 1;
    for (int i = 0; i < x->rank; i++)
        n_rows *= i == axis ? 1 : (double)x->shape[i];
    if (how->smoothing > 0)
        q = ct_add_scalar(ct_mul_scalar(q, 1 - how->smoothing), how->smoothing / classes);
    if (weight)
        q = ct_mul(q, along_classes(weight, x->rank));
    ct_tensor *products = ct_mul(q, ct_log_softmax(x, axis));
    if (how->reduction == CT_NONE)
        return ct_neg(ct_sum(products, CT_GIVEN(ct_reduce_options, CT_AXES(axis))));
    return ct__mean_of(ct_neg(ct_sum(products, NULL)), how->reduction == CT_MEAN ? n_rows : 1);
}

const ct_op ct_op_cross_entropy_soft = {
    .name = "cross_entropy_soft",
    .function = "cross_entropy",
    .gradient =
        "x: g (sum(q) softmax(x) - q), q = weight ((1 - label_smoothing) target + label_smoothing / C); target: -g "
        "weight (1 - label_smoothing) log softmax(x); by the number of rows for a mean",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes_size = sizeof(cross_entropy_attributes),
    .attribute_names = "smoothing:1d reduction ignore_index",
    .expression = cross_entropy_soft_expression,
    .samples = (const ct_sample[]){{"6x5 6x5@0..1", HOW(0, CT_MEAN, 0)},
                                   {"6x5 6x5@0..1 5@0.5..2", HOW(0.1, CT_MEAN, 0)},
                                   {"2x3x4 2x3x4@0..1", HOW(0.2, CT_NONE, 0)},
                                   {"5 5@0..1", HOW(0, CT_SUM, 0)},
                                   {"0x5 0x5", HOW(0, CT_SUM, 0)},
                                   {NULL, NULL}},
    .source = "as cross_entropy",
};

CT_OPTIONS_INIT(ct_cross_entropy_options)

static cross_entropy_attributes attributes_of(const ct_cross_entropy_options *o)
{
    return (cross_entropy_attributes){o->label_smoothing, o->reduction, o->ignore_index};
}

ct_tensor *ct_cross_entropy(ct_tensor *x, ct_tensor *target, const ct_cross_entropy_options *options)
{
    CT_READ_OPTIONS(ct_cross_entropy_options, o, options, "cross_entropy");
    if (!o)
        return NULL;
    cross_entropy_attributes how = attributes_of(o);
    bool soft = target && ct__is_alive(target) && ct__dtype_is_float((ct_dtype)target->dtype);
    if (soft && o->ignore_index != o_defaults.ignore_index) {
        ct__error(CT_ERROR_ARGUMENT, "cross_entropy: takes no ignore_index where the target holds probabilities");
        return NULL;
    }
    return (ct_apply)(soft ? &ct_op_cross_entropy_soft : &ct_op_cross_entropy, (ct_tensor *[]){x, target, o->weight}, 3,
                      &how);
}

/* ---- nll_loss ---- */

/* For each row: its label, 0 if ignored; whether it counts; and its weight. */
typedef struct label_tensors {
    ct_tensor *label, *counted, *weight;
} label_tensors;

static bool make_label_tensors(label_tensors *made, ct_dtype dtype, const counts *c)
{
    const ct_tensor *labels = c->labels;
    made->label = ct_empty(CT_INT64, labels->shape, labels->rank);
    made->counted = ct_empty(CT_BOOL, labels->shape, labels->rank);
    made->weight = ct_empty(CT_FLOAT64, labels->shape, labels->rank);
    if (!made->label || !made->counted || !made->weight)
        return false;
    for (int64_t row = 0; row < labels->numel; row++) {
        int64_t label = label_at(labels, row);
        bool counted = !is_ignored(c, label);
        ((int64_t *)ct__ptr(made->label))[row] = counted ? label : 0;
        ((uint8_t *)ct__ptr(made->counted))[row] = counted;
        ((double *)ct__ptr(made->weight))[row] = counted ? weight_of(c, label) : 0;
    }
    made->weight = ct_cast(made->weight, dtype);
    return made->weight != NULL;
}

static ct_tensor *nll_loss_expression(ct_call *call)
{
    const cross_entropy_attributes *how = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *labels = ct_call_input(call, 1), *weight = ct_call_input(call, 2);
    if (check_options(call) != CT_OK || ct__check_labels(call, x, labels, weight, &how->ignore_index) != CT_OK)
        return NULL;
    int axis = class_axis(x->rank);
    counts c = count_rows(how, labels, weight, x->shape[axis]);
    label_tensors of;
    if (!make_label_tensors(&of, (ct_dtype)x->dtype, &c))
        return NULL;
    ct_tensor *picked = ct_squeeze(ct_gather(x, axis, ct_unsqueeze(of.label, axis)), axis);
    picked = ct_where(of.counted, picked, ct_scalar((ct_dtype)x->dtype, 0));
    ct_tensor *losses = ct_neg(ct_mul(picked, of.weight));
    return how->reduction == CT_NONE ? losses : ct__mean_of(ct_sum(losses, NULL), c.total);
}

const ct_op ct_op_nll_loss = {
    .name = "nll_loss",
    .takes = {CT_FLOATS, CT_ONLY(CT_INT64), CT_FLOATS},
    .roles = "x labels weight",
    .gradient = "-g weight[target] onehot(target), by the labels' weights for a mean; 0 where ignored",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes_size = sizeof(cross_entropy_attributes),
    .attribute_names = "smoothing:1d reduction ignore_index",
    .expression = nll_loss_expression,
    .samples = (const ct_sample[]){{"6x5 i5:6", HOW(0, CT_MEAN, -100)},
                                   {"6x5 i5:6 5@0.5..2!", HOW(0, CT_MEAN, 2)},
                                   {"2x3x4 i3:2x4 3@0.5..2!", HOW(0, CT_NONE, -100)},
                                   {"5 i5:scalar", HOW(0, CT_SUM, -100)},
                                   {"0x5 i5:0", HOW(0, CT_SUM, -100)},
                                   {NULL, NULL}},
    .source = "Bishop: Pattern recognition and machine learning (2006), eq. 4.108",
};

ct_tensor *ct_nll_loss(ct_tensor *x, ct_tensor *target, const ct_cross_entropy_options *options)
{
    CT_READ_OPTIONS(ct_cross_entropy_options, o, options, "nll_loss");
    if (!o || CT_TAKES_NO(o, "nll_loss", label_smoothing))
        return NULL;
    cross_entropy_attributes how = attributes_of(o);
    return (ct_apply)(&ct_op_nll_loss, (ct_tensor *[]){x, target, o->weight}, 3, &how);
}
