/* Rearranging elements: expressions over views and concat; only the diagonal is a view of its own kind.
 *
 * Invariant: amounts, sizes and axes are checked here, so that an error names this operation and not one it is made of. */
#include "shape_internal.h"

typedef struct axis_attributes {
    int64_t axis, amount;
} axis_attributes;

/* The axis of input 0 that the attributes name; -1 with an error. */
static int axis_of(ct_call *call)
{
    return ct__call_axis(call, ((const axis_attributes *)ct_call_attributes(call))->axis,
                         ct_rank(ct_call_input(call, 0)));
}

/* ---- flip ---- */

typedef struct axes_attributes {
    int64_t axes[CT_MAX_RANK], n;
} axes_attributes;

static ct_tensor *flip_expression(ct_call *call)
{
    const axes_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    bool seen[CT_MAX_RANK] = {false};
    for (int i = 0; i < a->n; i++) {
        int axis = ct__call_axis(call, a->axes[i], ct_rank(x));
        if (axis < 0)
            return NULL;
        if (seen[axis]) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "axis %d is named twice", axis);
            return NULL;
        }
        seen[axis] = true;
        if (ct_rank(x) > 0)
            x = ct_slice(x, axis, CT_END, CT_END, -1);
    }
    return a->n && ct_rank(x) > 0 ? x : ct_reshape(x, ct_shape(x), ct_rank(x));
}

const ct_op ct_op_flip = {
    .name = "flip",
    .takes = {CT_ANY_DTYPE},
    .gradient = "flip of g along the same axes",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(axes_attributes),
    .attribute_names = "axes:8n n",
    .expression = flip_expression,
    .samples = (const ct_sample[]){{"3x4", &(axes_attributes){{0, 1}, 2}},
                                   {"2x3x4", &(axes_attributes){{-2}, 1}},
                                   {"0x3", &(axes_attributes){{0}, 1}},
                                   {0}},
};

ct_tensor *ct_flip(ct_tensor *x, const int64_t *axes, int n)
{
    if (n < 0 || n > CT_MAX_RANK || (n > 0 && !axes)) {
        ct__error(CT_ERROR_ARGUMENT, "flip: %d axes, takes 0 to %d", n, CT_MAX_RANK);
        return NULL;
    }
    axes_attributes a = {.n = n};
    for (int i = 0; i < n; i++)
        a.axes[i] = axes[i];
    return ct_apply(&ct_op_flip, &x, 1, &a);
}

/* ---- roll ---- */

static ct_tensor *roll_expression(ct_call *call)
{
    const axis_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int axis = axis_of(call);
    if (axis < 0)
        return NULL;
    if (ct_rank(x) == 0)
        return ct_clone(x);
    int64_t size = ct_size(x, axis), shift = size ? (a->amount % size + size) % size : 0;
    ct_tensor *parts[] = {ct_slice(x, axis, size - shift, CT_END, 1), ct_slice(x, axis, 0, size - shift, 1)};
    return ct_concat(parts, 2, axis);
}

const ct_op ct_op_roll = {
    .name = "roll",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g rolled back",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(axis_attributes),
    .attribute_names = "axis shift",
    .expression = roll_expression,
    .samples = (const ct_sample[]){{"3x4", &(axis_attributes){1, 2}},
                                   {"3x4", &(axis_attributes){-2, -4}},
                                   {"0x2", &(axis_attributes){0, 1}},
                                   {0}},
};

ct_tensor *ct_roll(ct_tensor *x, int64_t shift, int axis)
{
    return ct_apply(&ct_op_roll, &x, 1, &(axis_attributes){axis, shift});
}

/* ---- split, chunk ---- */

/* The axis that x is to be cut along, or -1 with an error. */
static int axis_to_cut(ct_tensor *x, int axis, const char *what)
{
    if (ct__check_tensor(x, what) != CT_OK)
        return -1;
    int found = x->rank > 0 ? ct__axis(axis, x->rank) : -1;
    if (found < 0)
        ct__error(CT_ERROR_ARGUMENT, "%s: axis %d is not one of a tensor of rank %d", what, axis, x->rank);
    return found;
}

ct_status ct_split(ct_tensor *x, const int64_t *sizes, int n, int axis, ct_tensor **outputs)
{
    if (n < 0 || (n > 0 && (!sizes || !outputs)))
        return ct__error(CT_ERROR_NULL, "split: sizes or outputs is NULL");
    for (int i = 0; i < n; i++)
        outputs[i] = NULL;
    axis = axis_to_cut(x, axis, "split");
    if (axis < 0)
        return ct_error_code();
    int64_t total = 0;
    bool valid = true;
    for (int i = 0; i < n; i++) {
        valid = valid && sizes[i] >= 0 && sizes[i] <= x->shape[axis];
        total += valid ? sizes[i] : 0;
    }
    char shape[CT_SHAPE_TEXT];
    if (!valid || total != x->shape[axis])
        return ct__error(CT_ERROR_SHAPE, "split: the sizes do not add up to axis %d of %s", axis,
                         ct__shape_text(x->shape, x->rank, shape));
    int64_t from = 0;
    for (int i = 0; i < n; i++) {
        outputs[i] = ct_slice(x, axis, from, from + sizes[i], 1);
        if (!outputs[i])
            return ct_error_code();
        from += sizes[i];
    }
    return CT_OK;
}

int ct_chunk(ct_tensor *x, int chunks, int axis, ct_tensor **outputs)
{
    axis = axis_to_cut(x, axis, "chunk");
    if (axis < 0)
        return -1;
    if (chunks < 1 || !outputs) {
        ct__error(CT_ERROR_ARGUMENT, "chunk: %s", outputs ? "the number of chunks is not positive" : "outputs is NULL");
        return -1;
    }
    int64_t size = x->shape[axis], each = (size + chunks - 1) / chunks;
    int n = each ? (int)((size + each - 1) / each) : chunks;
    for (int i = 0; i < n; i++) {
        outputs[i] = ct_slice(x, axis, i * each, (i + 1) * each, 1);
        if (!outputs[i])
            return -1;
    }
    return n;
}

/* ---- repeat ---- */

/* x times copies long along axis: a copy's axis is put before it, broadcast, and joined to it. */
static ct_tensor *repeat_axis(ct_tensor *x, int axis, int64_t times)
{
    int rank = ct_rank(x);
    int64_t shape[CT_MAX_RANK], before = 1, behind = 1;
    for (int i = 0; i < rank; i++) {
        shape[i] = ct_size(x, i);
        *(i < axis ? &before : &behind) *= shape[i];
    }
    shape[axis] *= times;
    ct_tensor *parted = ct_reshape(x, (const int64_t[]){before, 1, behind}, 3);
    return ct_reshape(ct_expand(parted, (const int64_t[]){before, times, behind}, 3), shape, rank);
}

/* Whether x may be repeated so often along each axis. */
static bool check_repeats(ct_call *call, const ct_tensor *x, const int64_t *times)
{
    int64_t shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++) {
        if (times[i] < 0 || __builtin_mul_overflow(ct_size(x, i), times[i], &shape[i])) {
            ct_call_error(call, CT_ERROR_ARGUMENT, "cannot repeat axis %d of %s %lld times", i, ct_call_shapes(call),
                          (long long)times[i]);
            return false;
        }
    }
    return ct__check_shape(ct_dtype_of(x), shape, ct_rank(x), "repeat") == CT_OK;
}

static ct_tensor *repeat_expression(ct_call *call)
{
    const ct_shape_attributes *times = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int rank = (int)times->rank;
    if (rank < ct_rank(x)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%d repeats for a tensor of rank %d", rank, ct_rank(x));
        return NULL;
    }
    ct_tensor *y = x;
    while (y && ct_rank(y) < rank)
        y = ct_unsqueeze(y, 0);
    if (!y || !check_repeats(call, y, times->shape))
        return NULL;
    for (int i = 0; y && i < rank; i++)
        y = repeat_axis(y, i, times->shape[i]);
    return ct_shares_storage(y, x) ? ct_clone(y)
                                   : y; /* no more than broadcast, where the axes that grow have one element */
}

const ct_op ct_op_repeat = {
    .name = "repeat",
    .takes = {CT_ANY_DTYPE},
    .gradient = "the sum of g over the copies",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(ct_shape_attributes),
    .attribute_names = "shape:8n rank",
    .expression = repeat_expression,
    .samples = (const ct_sample[]){{"2x3", &(ct_shape_attributes){{2, 3}, 2}},
                                   {"3", &(ct_shape_attributes){{2, 1, 2}, 3}},
                                   {"2x2", &(ct_shape_attributes){{0, 2}, 2}},
                                   {0}},
};

ct_tensor *ct_repeat(ct_tensor *x, const int64_t *times, int rank)
{
    return ct__apply_to_shape(&ct_op_repeat, x, times, rank);
}

/* ---- pad ---- */

typedef struct pad_attributes {
    int64_t amounts[2 * CT_MAX_RANK], n, mode;
    double value;
} pad_attributes;

/* amount elements to stand before (or behind) x along axis. */
static ct_tensor *padding_of(ct_tensor *x, int axis, int64_t amount, bool behind, const pad_attributes *a)
{
    int64_t size = ct_size(x, axis), shape[CT_MAX_RANK];
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == axis ? amount : ct_size(x, i);
    if (a->mode == CT_PAD_CONSTANT || amount == 0)
        return ct_full(ct_dtype_of(x), a->value, shape, ct_rank(x));
    if (a->mode == CT_PAD_REPLICATE)
        return ct_expand(ct_slice(x, axis, behind ? size - 1 : 0, behind ? size : 1, 1), shape, ct_rank(x));
    if (a->mode == CT_PAD_CIRCULAR)
        return ct_slice(x, axis, behind ? 0 : size - amount, behind ? amount : size, 1);
    ct_tensor *mirrored =
        behind ? ct_slice(x, axis, size - 1 - amount, size - 1, 1) : ct_slice(x, axis, 1, amount + 1, 1);
    return ct_slice(mirrored, axis, CT_END, CT_END, -1);
}

/* How many elements there can be put on a side of an axis of so many. */
static int64_t most_padding(int64_t mode, int64_t size)
{
    if (mode == CT_PAD_CONSTANT || (mode == CT_PAD_REPLICATE && size > 0))
        return INT64_MAX;
    return mode == CT_PAD_REFLECT ? size - 1 : mode == CT_PAD_CIRCULAR ? size : 0;
}

static int64_t at_least_0(int64_t n)
{
    return n > 0 ? n : 0;
}

/* x with so many elements before and behind along axis; a negative number takes as many of x's away. */
static ct_tensor *pad_axis(ct_call *call, ct_tensor *x, int axis, int64_t before, int64_t behind)
{
    const pad_attributes *a = ct_call_attributes(call);
    int64_t size = ct_size(x, axis), most = most_padding(a->mode, size);
    if (before > most || behind > most || before < -size || behind < -size ||
        at_least_0(-before) + at_least_0(-behind) > size) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "cannot pad axis %d of %s by %lld and %lld", axis, ct_call_shapes(call),
                      (long long)before, (long long)behind);
        return NULL;
    }
    if (before > 0 || behind > 0) {
        ct_tensor *parts[] = {padding_of(x, axis, at_least_0(before), false, a), x,
                              padding_of(x, axis, at_least_0(behind), true, a)};
        x = ct_concat(parts, 3, axis);
    }
    if (before < 0 || behind < 0)
        x = ct_slice(x, axis, at_least_0(-before), x ? ct_size(x, axis) - at_least_0(-behind) : 0, 1);
    return x;
}

static ct_tensor *pad_expression(ct_call *call)
{
    const pad_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *y = x;
    int rank = ct_rank(x);
    if (a->mode < CT_PAD_CONSTANT || a->mode > CT_PAD_CIRCULAR) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no mode %d", (int)a->mode);
        return NULL;
    }
    if (a->n % 2 != 0 || a->n / 2 > rank) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld amounts, takes two for each of at most %d axes", (long long)a->n,
                      rank);
        return NULL;
    }
    for (int i = 0; y && i < a->n / 2; i++)
        y = pad_axis(call, y, rank - 1 - i, a->amounts[2 * i], a->amounts[2 * i + 1]);
    return y && ct_shares_storage(x, y) ? ct_clone(y) : y;
}

const ct_op ct_op_pad = {
    .name = "pad",
    .takes = {CT_ANY_DTYPE},
    .gradient = "g without the padding; what was mirrored or repeated adds its g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(pad_attributes),
    .attribute_names = "amounts:16n n mode value:1d",
    .expression = pad_expression,
    .samples = (const ct_sample[]){{"3x4", &(pad_attributes){{1, 2, 0, 1}, 4, CT_PAD_CONSTANT, 0.5}},
                                   {"1x2x4x5", &(pad_attributes){{2, 1, 1, 1}, 4, CT_PAD_REFLECT, 0}},
                                   {"2x3", &(pad_attributes){{2, 1}, 2, CT_PAD_REPLICATE, 0}},
                                   {"1x3x4", &(pad_attributes){{3, 4, 1, 0}, 4, CT_PAD_CIRCULAR, 0}},
                                   {"2x5", &(pad_attributes){{-1, 2, 1, -1}, 4, CT_PAD_CONSTANT, 3}},
                                   {0}},
};

CT_OPTIONS_INIT(ct_pad_options)

ct_tensor *ct_pad(ct_tensor *x, const int64_t *amounts, int n, const ct_pad_options *options)
{
    CT_READ_OPTIONS(ct_pad_options, o, options, "pad");
    if (!o)
        return NULL;
    if (n < 0 || n > 2 * CT_MAX_RANK || (n > 0 && !amounts)) {
        ct__error(CT_ERROR_ARGUMENT, "pad: %d amounts, takes 0 to %d", n, 2 * CT_MAX_RANK);
        return NULL;
    }
    pad_attributes a = {.n = n, .mode = o->mode, .value = o->value};
    for (int i = 0; i < n; i++)
        a.amounts[i] = amounts[i];
    return ct_apply(&ct_op_pad, &x, 1, &a);
}

/* ---- tril, triu ---- */

/* bool [rows, cols] of column - row <= k (lower) or >= k. */
static ct_tensor *triangle(int64_t rows, int64_t cols, int64_t k, bool lower)
{
    ct_tensor *row = ct_reshape(ct_arange(CT_INT64, (double)k, 1, rows), (const int64_t[]){rows, 1}, 2);
    ct_tensor *col = ct_arange(CT_INT64, 0, 1, cols);
    return lower ? ct_le(col, row) : ct_ge(col, row);
}

static ct_tensor *keep_triangle(ct_call *call, bool lower)
{
    const axis_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    if (ct_rank(x) < 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes matrices: %s", ct_call_shapes(call));
        return NULL;
    }
    return ct_where(triangle(ct_size(x, -2), ct_size(x, -1), a->amount, lower), x, ct_scalar(ct_dtype_of(x), 0));
}

static ct_tensor *tril_expression(ct_call *call)
{
    return keep_triangle(call, true);
}

static ct_tensor *triu_expression(ct_call *call)
{
    return keep_triangle(call, false);
}

static const ct_sample triangle_samples[] = {{"4x4", &(axis_attributes){.amount = -1}},
                                             {"2x3x5", &(axis_attributes){.amount = 1}},
                                             {"0x3", &(axis_attributes){0}},
                                             {0}};

const ct_op ct_op_tril = {
    .name = "tril",
    .takes = {CT_ANY_DTYPE},
    .gradient = "tril of g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(axis_attributes),
    .attribute_names = "- k",
    .expression = tril_expression,
    .samples = triangle_samples,
};

const ct_op ct_op_triu = {
    .name = "triu",
    .takes = {CT_ANY_DTYPE},
    .gradient = "triu of g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(axis_attributes),
    .attribute_names = "- k",
    .expression = triu_expression,
    .samples = triangle_samples,
};

ct_tensor *ct_tril(ct_tensor *x, int64_t k)
{
    return ct_apply(&ct_op_tril, &x, 1, &(axis_attributes){.amount = k});
}

ct_tensor *ct_triu(ct_tensor *x, int64_t k)
{
    return ct_apply(&ct_op_triu, &x, 1, &(axis_attributes){.amount = k});
}

/* ---- diagonal, trace ---- */

typedef struct diagonal_attributes {
    int64_t offset, axis0, axis1;
    int64_t rows, cols; /* diagonal_backward: sizes of the two axes of its result */
} diagonal_attributes;

static int64_t diagonal_length(int64_t rows, int64_t cols, int64_t offset)
{
    int64_t down = rows + (offset < 0 ? offset : 0), right = cols - (offset > 0 ? offset : 0);
    int64_t length = down < right ? down : right;
    return length > 0 ? length : 0;
}

/* The other axes of x, then the diagonal: into shape and strides; returns the diagonal's first element's offset. */
static int64_t take_diagonal(const ct_tensor *x, const diagonal_attributes *a, int axis0, int axis1, int64_t *shape,
                             int64_t *strides)
{
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (i == axis0 || i == axis1)
            continue;
        shape[rank] = x->shape[i];
        strides[rank++] = x->strides[i];
    }
    int64_t length = diagonal_length(x->shape[axis0], x->shape[axis1], a->offset);
    shape[rank] = length;
    strides[rank] = x->strides[axis0] + x->strides[axis1];
    return length > 0 ? (a->offset < 0 ? -a->offset * x->strides[axis0] : a->offset * x->strides[axis1]) : 0;
}

static ct_status diagonal_infer(ct_call *call)
{
    const diagonal_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int axis0 = ct__call_axis(call, a->axis0, x->rank), axis1 = axis0 < 0 ? -1 : ct__call_axis(call, a->axis1, x->rank);
    if (axis0 < 0 || axis1 < 0)
        return CT_ERROR_ARGUMENT;
    if (axis0 == axis1)
        return ct_call_error(call, CT_ERROR_ARGUMENT, "the two axes are the same: %s", ct_call_shapes(call));
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
    int64_t first = take_diagonal(x, a, axis0, axis1, shape, strides);
    return ct_call_output_view(call, 0, 0, x->offset + first, shape, strides, x->rank - 1);
}

static ct_status diagonal_backward(ct_call *call)
{
    diagonal_attributes a = *(const diagonal_attributes *)ct_call_attributes(call);
    const int64_t *shape;
    int rank;
    ct_dtype dtype;
    ct__node_input_info(call->node, 0, &shape, &rank, &dtype);
    a.axis0 = ct__axis((int)a.axis0, rank);
    a.axis1 = ct__axis((int)a.axis1, rank);
    a.rows = shape[a.axis0];
    a.cols = shape[a.axis1];
    ct_tensor *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_apply(&ct_op_diagonal_backward, &g, 1, &a));
}

const ct_op ct_op_diagonal = {
    .name = "diagonal",
    .takes = {CT_ANY_DTYPE},
    .gradient = "zeros with g on the diagonal",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(diagonal_attributes),
    .attribute_names = "offset axis0 axis1 rows cols",
    .infer = diagonal_infer,
    .backward = diagonal_backward,
    .samples = (const ct_sample[]){{"4x4", &(diagonal_attributes){0, 0, 1, 0, 0}},
                                   {"2x3x4", &(diagonal_attributes){1, -1, 0, 0, 0}},
                                   {"3x5", &(diagonal_attributes){-1, 0, 1, 0, 0}},
                                   {"2x2", &(diagonal_attributes){5, 0, 1, 0, 0}},
                                   {0}},
};

/* The result has g's axes but the last, and the two axes where the attributes say (not negative). */
static ct_status diagonal_backward_infer(ct_call *call)
{
    const diagonal_attributes *a = ct_call_attributes(call);
    const ct_tensor *g = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK + 1];
    if (g->rank < 1 || g->shape[g->rank - 1] != diagonal_length(a->rows, a->cols, a->offset))
        return ct_call_error(call, CT_ERROR_SHAPE, "diagonal %lld of [..,%lld,%lld] has another length: %s",
                             (long long)a->offset, (long long)a->rows, (long long)a->cols, ct_call_shapes(call));
    for (int i = 0, from = 0; i < g->rank + 1; i++)
        shape[i] = i == a->axis0 ? a->rows : i == a->axis1 ? a->cols : g->shape[from++];
    return ct_call_output_shape(call, 0, (ct_dtype)g->dtype, shape, g->rank + 1);
}

static ct_status diagonal_backward_forward(ct_call *call)
{
    const diagonal_attributes *a = ct_call_attributes(call);
    const ct_tensor *g = ct_call_input(call, 0);
    ct_tensor *x = ct_call_output(call, 0);
    int64_t shape[CT_MAX_RANK], strides[CT_MAX_RANK];
    ct_fill_(x, 0);
    int64_t first = take_diagonal(x, a, (int)a->axis0, (int)a->axis1, shape, strides);
    ct__copy_strided((ct_dtype)x->dtype, ct__ptr(x) + first * ct__size_of((ct_dtype)x->dtype), strides,
                     (ct_dtype)g->dtype, ct__ptr(g), g->strides, shape, g->rank);
    return CT_OK;
}

static ct_status diagonal_backward_backward(ct_call *call)
{
    const diagonal_attributes *a = ct_call_attributes(call);
    ct_tensor *g = ct_call_grad_output(call, 0);
    return ct_call_set_grad(call, 0, ct_diagonal(g, a->offset, (int)a->axis0, (int)a->axis1));
}

const ct_op ct_op_diagonal_backward = {
    .name = "diagonal_backward",
    .takes = {CT_ANY_DTYPE},
    .gradient = "the diagonal of g",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes_size = sizeof(diagonal_attributes),
    .attribute_names = "offset axis0 axis1 rows cols",
    .infer = diagonal_backward_infer,
    .forward = diagonal_backward_forward,
    .backward = diagonal_backward_backward,
    .samples = (const ct_sample[]){{"4", &(diagonal_attributes){0, 0, 1, 4, 4}},
                                   {"3x2", &(diagonal_attributes){1, 2, 0, 4, 3}},
                                   {0}},
};

ct_tensor *ct_diagonal(ct_tensor *x, int64_t offset, int axis0, int axis1)
{
    return ct_apply(&ct_op_diagonal, &x, 1, &(diagonal_attributes){.offset = offset, .axis0 = axis0, .axis1 = axis1});
}

static ct_tensor *trace_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    if (ct_rank(x) != 2) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes a matrix: %s", ct_call_shapes(call));
        return NULL;
    }
    return ct_sum(ct_diagonal(x, 0, 0, 1), NULL);
}

const ct_op ct_op_trace = {
    .name = "trace",
    .takes = {CT_COMPUTED},
    .gradient = "zeros with g on the diagonal",
    .min_inputs = 1,
    .max_inputs = 1,
    .expression = trace_expression,
    .samples = (const ct_sample[]){{"4x4", NULL}, {"2x3", NULL}, {"0x0", NULL}, {0}},
};

ct_tensor *ct_trace(ct_tensor *x)
{
    return ct_apply(&ct_op_trace, &x, 1, NULL);
}
