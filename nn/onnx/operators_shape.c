/* ONNX's operators on shapes and places. */
#include "model.h"

static int rank_of(const ct__onnx_run *r)
{
    return r->in[0] ? ct_rank(r->in[0]) : 0;
}

/* Axes given as input or attribute, as numbers from 0 on, of a tensor of that rank: how many, -1 with an error or without any. */
static int read_axes(const ct__onnx_run *r, int input, int rank, int64_t *axes)
{
    int n = ct__onnx_either(r, input, "axes", axes, CT_MAX_RANK);
    for (int i = 0; i < n; i++)
        if ((axes[i] = ct__onnx_axis(r, axes[i], rank)) < 0)
            return -1;
    return n;
}

/* ---- shapes ---- */

ct_tensor *ct__onnx_reshape(ct__onnx_run *r)
{
    int64_t shape[CT_MAX_RANK];
    int n = ct__onnx_either(r, 1, "shape", shape, CT_MAX_RANK);
    for (int i = 0; i < n && !ct__onnx_integer(r, "allowzero", 0); i++)
        if (shape[i] == 0 && i < rank_of(r))
            shape[i] = ct_size(r->in[0], i);
    return n < 0 ? NULL : ct_reshape(r->in[0], shape, n);
}

ct_tensor *ct__onnx_flatten(ct__onnx_run *r)
{
    int rank = rank_of(r);
    int64_t axis = ct__onnx_integer(r, "axis", 1), shape[] = {1, 1};
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis > rank)
        return ct__onnx_refuse(r, "the axis is out of range");
    for (int i = 0; i < rank; i++)
        shape[i >= axis] *= ct_size(r->in[0], i);
    return ct_reshape(r->in[0], shape, 2);
}

ct_tensor *ct__onnx_squeeze(ct__onnx_run *r)
{
    int64_t axes[CT_MAX_RANK], shape[CT_MAX_RANK];
    int n = read_axes(r, 1, rank_of(r), axes), rank = 0;
    if (ct_error_code() != CT_OK)
        return NULL;
    for (int i = 0; i < rank_of(r); i++) {
        bool goes = n < 0 && ct_size(r->in[0], i) == 1;
        for (int k = 0; k < n; k++)
            goes = goes || axes[k] == i;
        if (goes && ct_size(r->in[0], i) != 1)
            return ct__onnx_refuse(r, "an axis is not of size 1");
        if (!goes)
            shape[rank++] = ct_size(r->in[0], i);
    }
    return ct_reshape(r->in[0], shape, rank);
}

ct_tensor *ct__onnx_unsqueeze(ct__onnx_run *r)
{
    int64_t axes[CT_MAX_RANK], shape[CT_MAX_RANK];
    int n = ct__onnx_either(r, 1, "axes", axes, CT_MAX_RANK), rank = rank_of(r) + n, from = 0;
    if (n < 0 || rank > CT_MAX_RANK)
        return ct__onnx_refuse(r, "without axes, or with more than fit");
    memset(shape, 0, sizeof shape);
    for (int i = 0; i < n; i++) {
        int axis = ct__onnx_axis(r, axes[i], rank);
        if (axis < 0 || shape[axis])
            return ct__onnx_refuse(r, "an axis is out of range, or given twice");
        shape[axis] = 1;
    }
    for (int i = 0; i < rank; i++)
        shape[i] = shape[i] ? 1 : ct_size(r->in[0], from++);
    return ct_reshape(r->in[0], shape, rank);
}

ct_tensor *ct__onnx_transpose(ct__onnx_run *r)
{
    int64_t axes[CT_MAX_RANK];
    int n = ct__onnx_integers(r, "perm", axes, CT_MAX_RANK), rank = rank_of(r);
    for (int i = 0; n < 0 && i < rank; i++)
        axes[i] = rank - 1 - i;
    return n >= 0 && n != rank ? ct__onnx_refuse(r, "perm has not all axes") : ct_permute(r->in[0], axes, rank);
}

/* Both broadcast: a 1 in the shape keeps the size. */
ct_tensor *ct__onnx_expand(ct__onnx_run *r)
{
    int64_t shape[CT_MAX_RANK], given[CT_MAX_RANK];
    int n = ct__onnx_input_integers(r, 1, given, CT_MAX_RANK), own = rank_of(r), rank = n > own ? n : own;
    if (n < 0)
        return NULL;
    for (int i = 1; i <= rank; i++) {
        int64_t asked = i <= n ? given[n - i] : 1, size = i <= own ? ct_size(r->in[0], own - i) : 1;
        shape[rank - i] = asked == 1 ? size : asked;
    }
    return ct_expand(r->in[0], shape, rank);
}

ct_tensor *ct__onnx_tile(ct__onnx_run *r)
{
    int64_t times[CT_MAX_RANK];
    int n = ct__onnx_input_integers(r, 1, times, CT_MAX_RANK);
    return n < 0 ? NULL : ct_repeat(r->in[0], times, n);
}

static ct_tensor *from_integers(const int64_t *values, int64_t n, int rank)
{
    ct_tensor *t = ct_empty(CT_INT64, &n, rank);
    if (t && n > 0)
        memcpy(ct_data_mut(t), values, (size_t)n * sizeof *values);
    return t;
}

static int clipped(int64_t i, int n)
{
    i = i < 0 ? i + n : i;
    return i < 0 ? 0 : i > n ? n : (int)i;
}

ct_tensor *ct__onnx_shape(ct__onnx_run *r)
{
    if (!r->in[0])
        return NULL;
    int rank = rank_of(r), first = clipped(ct__onnx_integer(r, "start", 0), rank);
    int end = clipped(ct__onnx_integer(r, "end", rank), rank);
    return from_integers(ct_shape(r->in[0]) + first, end > first ? end - first : 0, 1);
}

ct_tensor *ct__onnx_size(ct__onnx_run *r)
{
    int64_t n = r->in[0] ? ct_numel(r->in[0]) : 0;
    ct_tensor *t = r->in[0] ? ct_empty(CT_INT64, NULL, 0) : NULL;
    if (t)
        memcpy(ct_data_mut(t), &n, sizeof n);
    return t;
}

/* ---- parts ---- */

/* An end before the first element, which only a step back reaches, and one behind the last that a step back does not. */
static ct_tensor *slice_axis(ct_tensor *x, int axis, int64_t start, int64_t end, int64_t step)
{
    int64_t least = -INT64_MAX;
    start = start < least ? least : start;
    end = step < 0 && end == CT_END ? CT_END - 1 : end < least ? least : end;
    return ct_slice(x, axis, start, end, step < least ? least : step);
}

ct_tensor *ct__onnx_slice(ct__onnx_run *r)
{
    int64_t starts[CT_MAX_RANK], ends[CT_MAX_RANK], axes[CT_MAX_RANK], steps[CT_MAX_RANK];
    int n = ct__onnx_either(r, 1, "starts", starts, CT_MAX_RANK), given = read_axes(r, 3, rank_of(r), axes);
    int stepped = ct__onnx_input_integers(r, 4, steps, CT_MAX_RANK);
    if (ct__onnx_either(r, 2, "ends", ends, CT_MAX_RANK) != n || n < 0 || (given >= 0 && given != n) ||
        (stepped >= 0 && stepped != n) || n > (given >= 0 ? CT_MAX_RANK : rank_of(r)))
        return ct_error_code() ? NULL : ct__onnx_refuse(r, "starts, ends, axes and steps do not go together");
    ct_tensor *x = ct_error_code() ? NULL : r->in[0];
    for (int i = 0; i < n; i++)
        x = slice_axis(x, given >= 0 ? (int)axes[i] : i, starts[i], ends[i], stepped >= 0 ? steps[i] : 1);
    return x;
}

/* Parts as equal as can be, the last one smaller. */
static void share_out(int64_t size, int n, int64_t *sizes)
{
    int64_t each = (size + n - 1) / n;
    for (int i = 0; i < n; i++) {
        sizes[i] = size < each ? size : each;
        size -= sizes[i];
    }
}

ct_tensor *ct__onnx_split(ct__onnx_run *r)
{
    int64_t sizes[CT_MAX_OUTPUTS];
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", 0), rank_of(r)), n = r->node->n_outputs;
    int given = ct__onnx_either(r, 1, "split", sizes, CT_MAX_OUTPUTS);
    if (axis < 0 || n < 1 || (given >= 0 && given != n))
        return ct_error_code() ? NULL : ct__onnx_refuse(r, "not as many sizes as outputs");
    if (ct_error_code() != CT_OK)
        return NULL;
    if (given < 0)
        share_out(ct_size(r->in[0], axis), n, sizes);
    return ct_split(r->in[0], sizes, n, axis, r->out) == CT_OK ? r->out[0] : NULL;
}

ct_tensor *ct__onnx_concat(ct__onnx_run *r)
{
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", 1), rank_of(r));
    return axis < 0 ? NULL : ct_concat(r->in, r->node->n_inputs, axis);
}

static bool read_mode(const ct__onnx_run *r, ct_pad_mode *mode)
{
    static const char *const modes[] = {[CT_PAD_CONSTANT] = "constant",
                                        [CT_PAD_REFLECT] = "reflect",
                                        [CT_PAD_REPLICATE] = "edge",
                                        [CT_PAD_CIRCULAR] = "wrap"};
    for (size_t i = 0; i < CT_LENGTH(modes); i++)
        if (ct__onnx_is_word(r, "mode", modes[i], i == CT_PAD_CONSTANT)) {
            *mode = (ct_pad_mode)i;
            return true;
        }
    return ct__onnx_refuse(r, "a mode that is not known here"), false;
}

/* Before each axis, then behind each; ours are pairs from the last axis on. */
ct_tensor *ct__onnx_pad(ct__onnx_run *r)
{
    int64_t pads[2 * CT_MAX_RANK], axes[CT_MAX_RANK], amounts[2 * CT_MAX_RANK] = {0};
    int n = ct__onnx_either(r, 1, "pads", pads, 2 * CT_MAX_RANK), rank = rank_of(r);
    int given = r->in[3] ? read_axes(r, 3, rank, axes) : -1, count = given >= 0 ? given : rank;
    ct_pad_mode mode;
    if (n != 2 * count || !read_mode(r, &mode))
        return ct_error_code() ? NULL : ct__onnx_refuse(r, "not two pads for each axis");
    for (int i = 0; i < count; i++) {
        int from_last = rank - 1 - (given >= 0 ? (int)axes[i] : i);
        amounts[2 * from_last] = pads[i];
        amounts[2 * from_last + 1] = pads[count + i];
    }
    double value = r->in[2] ? ct_item(r->in[2]) : ct__onnx_number(r, "value", 0);
    return ct_pad(r->in[0], amounts, 2 * rank, CT_GIVEN(ct_pad_options, .mode = mode, .value = value));
}

/* ---- places ---- */

/* Places as int64 from 0 on; negative ones count from the end. */
static ct_tensor *places(ct_tensor *index, int64_t size)
{
    ct_tensor *at = index ? ct_cast(index, CT_INT64) : NULL;
    ct_tensor *n = ct_scalar(CT_INT64, (double)size), *zero = ct_scalar(CT_INT64, 0);
    return at ? ct_where(ct_lt(at, zero), ct_add(at, n), at) : NULL;
}

/* The axis of input 0, and the places along it in input 1; -1 with an error, or without them. */
static int find_places(const ct__onnx_run *r, ct_tensor **index)
{
    int axis = ct__onnx_axis(r, ct__onnx_integer(r, "axis", 0), rank_of(r));
    *index = axis >= 0 ? places(r->in[1], ct_size(r->in[0], axis)) : NULL;
    return *index ? axis : -1;
}

/* The index's shape stands where the axis was. */
ct_tensor *ct__onnx_gather(ct__onnx_run *r)
{
    ct_tensor *index;
    int64_t shape[2 * CT_MAX_RANK];
    int axis = find_places(r, &index), rank = 0;
    if (axis < 0)
        return NULL;
    for (int i = 0; i < axis; i++)
        shape[rank++] = ct_size(r->in[0], i);
    for (int i = 0; i < ct_rank(index); i++)
        shape[rank++] = ct_size(index, i);
    for (int i = axis + 1; i < rank_of(r); i++)
        shape[rank++] = ct_size(r->in[0], i);
    if (rank > CT_MAX_RANK)
        return ct__onnx_refuse(r, "the result has too many axes");
    return ct_reshape(ct_index_select(r->in[0], axis, ct_flatten(index, 0, -1)), shape, rank);
}

ct_tensor *ct__onnx_gather_elements(ct__onnx_run *r)
{
    ct_tensor *index;
    int axis = find_places(r, &index);
    return axis < 0 ? NULL : ct_gather(r->in[0], axis, index);
}

ct_tensor *ct__onnx_scatter_elements(ct__onnx_run *r)
{
    ct_tensor *index;
    int axis = find_places(r, &index);
    if (axis < 0)
        return NULL;
    if (ct__onnx_is_word(r, "reduction", "add", false))
        return ct_scatter_add(r->in[0], axis, index, r->in[2]);
    if (ct__onnx_is_word(r, "reduction", "none", true))
        return ct_scatter(r->in[0], axis, index, r->in[2]);
    bool max = ct__onnx_is_word(r, "reduction", "max", false), min = ct__onnx_is_word(r, "reduction", "min", false);
    return max || min
               ? ct_scatter_reduce(r->in[0], axis, index, r->in[2], max ? CT_SCATTER_AMAX : CT_SCATTER_AMIN, true)
               : ct__onnx_refuse(r, "a reduction that is not known here");
}
