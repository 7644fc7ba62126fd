/* Elements: tensors made of them, read and written.
 *
 * Invariant: what writes to a tensor that was there notes it (ct__tensor_written()), but ct__copy_strided(), which knows no tensor. */
#include "core_internal.h"
#include <math.h>
#include <string.h>

/* ---- making tensors ---- */

static ct_tensor *make(ct_dtype dtype, const int64_t *shape, int rank, const char *made_by)
{
    if (ct__check_shape(dtype, shape, rank, made_by) != CT_OK)
        return NULL;
    return ct__tensor_new(dtype, shape, rank, made_by);
}

static ct_tensor *make_filled(ct_dtype dtype, double value, const int64_t *shape, int rank, const char *made_by)
{
    ct_tensor *t = make(dtype, shape, rank, made_by);
    if (t)
        ct__fill_elements(dtype, t->storage->data, t->numel, value);
    return t;
}

ct_tensor *ct_empty(ct_dtype dtype, const int64_t *shape, int rank)
{
    return make(dtype, shape, rank, "empty");
}

ct_tensor *ct_zeros(ct_dtype dtype, const int64_t *shape, int rank)
{
    return make_filled(dtype, 0, shape, rank, "zeros");
}

ct_tensor *ct_ones(ct_dtype dtype, const int64_t *shape, int rank)
{
    return make_filled(dtype, 1, shape, rank, "ones");
}

ct_tensor *ct_full(ct_dtype dtype, double value, const int64_t *shape, int rank)
{
    return make_filled(dtype, value, shape, rank, "full");
}

ct_tensor *ct_scalar(ct_dtype dtype, double value)
{
    return make_filled(dtype, value, NULL, 0, "scalar");
}

ct_tensor *ct_arange(ct_dtype dtype, double start, double step, int64_t n)
{
    ct_tensor *t = make(dtype, &n, 1, "arange");
    for (int64_t i = 0; t && i < n; i++)
        ct__store(dtype, t->storage->data, i, start + step * (double)i);
    return t;
}

ct_tensor *ct_eye(ct_dtype dtype, int64_t n)
{
    ct_tensor *t = make_filled(dtype, 0, (const int64_t[]){n, n}, 2, "eye");
    for (int64_t i = 0; t && i < n; i++)
        ct__store(dtype, t->storage->data, i * n + i, 1);
    return t;
}

ct_tensor *ct_from_array(ct_dtype dtype, const void *data, const int64_t *shape, int rank)
{
    int64_t strides[CT_MAX_RANK];
    if (ct__check_shape(dtype, shape, rank, "from_array") != CT_OK)
        return NULL;
    if (!data && ct__row_major(shape, rank, strides) > 0) {
        ct__error(CT_ERROR_NULL, "from_array: data is NULL");
        return NULL;
    }
    ct_tensor *t = ct__tensor_new(dtype, shape, rank, "from_array");
    if (t && t->numel > 0)
        memcpy(t->storage->data, data, t->storage->bytes);
    if (t && dtype == CT_BOOL)
        ct__make_truths(t->storage->data, t->numel);
    return t;
}

ct_tensor *ct_from_values(ct_dtype dtype, const double *values, int64_t count, const int64_t *shape, int rank)
{
    int64_t strides[CT_MAX_RANK];
    char text[CT_SHAPE_TEXT];
    if (ct__check_shape(dtype, shape, rank, "from_values") != CT_OK)
        return NULL;
    if (count != ct__row_major(shape, rank, strides)) {
        ct__error(CT_ERROR_SHAPE, "from_values: %lld values for shape %s", (long long)count,
                  ct__shape_text(shape, rank, text));
        return NULL;
    }
    if (!values && count > 0) {
        ct__error(CT_ERROR_NULL, "from_values: values is NULL");
        return NULL;
    }
    ct_tensor *t = ct__tensor_new(dtype, shape, rank, "from_values");
    for (int64_t i = 0; t && i < count; i++)
        ct__store(dtype, t->storage->data, i, values[i]);
    return t;
}

ct_tensor *ct_zeros_like(const ct_tensor *t)
{
    return ct__check_tensor(t, "zeros_like") == CT_OK
               ? make_filled((ct_dtype)t->dtype, 0, t->shape, t->rank, "zeros_like")
               : NULL;
}

ct_tensor *ct_ones_like(const ct_tensor *t)
{
    return ct__check_tensor(t, "ones_like") == CT_OK
               ? make_filled((ct_dtype)t->dtype, 1, t->shape, t->rank, "ones_like")
               : NULL;
}

/* ---- elements ---- */

/* A walk over two tensors of one shape: its axes, the innermost last, with each tensor's strides. */
typedef struct walk {
    int axes;
    int64_t size[CT_MAX_RANK], to[CT_MAX_RANK], from[CT_MAX_RANK];
} walk;

/* Axes of size 1 go; an axis that continues the one around it joins it. There is always one. */
static inline void begin_walk(walk *w, const int64_t *shape, int rank, const int64_t *to, const int64_t *from)
{
    int last = -1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 1)
            continue;
        if (last >= 0 && w->to[last] == shape[i] * to[i] && w->from[last] == shape[i] * from[i])
            w->size[last] *= shape[i];
        else
            w->size[++last] = shape[i];
        w->to[last] = to[i];
        w->from[last] = from[i];
    }
    if (last < 0)
        w->size[++last] = w->to[0] = w->from[0] = 1;
    w->axes = last + 1;
}

void ct__copy_strided(ct_dtype dst_dtype, void *dst, const int64_t *dst_strides, ct_dtype src_dtype, const void *src,
                      const int64_t *src_strides, const int64_t *shape, int rank)
{
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return;
    walk w; /* not set to 0, which would take as long as a small copy */
    begin_walk(&w, shape, rank, dst_strides, src_strides);
    int64_t index[CT_MAX_RANK] = {0}, dst_bytes = ct__size_of(dst_dtype), src_bytes = ct__size_of(src_dtype);
    int row = w.axes - 1, i;
    char *d = dst;
    const char *s = src;
    do {
        ct__convert_row(dst_dtype, d, w.to[row], src_dtype, s, w.from[row], w.size[row]);
        for (i = row - 1; i >= 0; i--) {
            d += w.to[i] * dst_bytes;
            s += w.from[i] * src_bytes;
            if (++index[i] < w.size[i])
                break;
            d -= w.size[i] * w.to[i] * dst_bytes;
            s -= w.size[i] * w.from[i] * src_bytes;
            index[i] = 0;
        }
    } while (i >= 0);
}

const void *ct_data(const ct_tensor *t)
{
    if (ct__check_tensor(t, "data") != CT_OK)
        return NULL;
    if (!t->contiguous) {
        ct__error(CT_ERROR_STATE, "data: the tensor is not contiguous; use ct_contiguous() or ct_to_array()");
        return NULL;
    }
    return ct__ptr(t);
}

void *ct_data_mut(ct_tensor *t)
{
    if (ct__check_writable(t, "data_mut") != CT_OK || !ct_data(t))
        return NULL;
    ct__tensor_written(t, "data_mut");
    return ct__ptr(t);
}

static ct_status copy_out(const ct_tensor *t, ct_dtype dtype, void *data, int64_t count, const char *what)
{
    ct_status status = ct__check_tensor(t, what);
    if (status != CT_OK)
        return status;
    if (count != t->numel)
        return ct__error(CT_ERROR_SHAPE, "%s: room for %lld elements, but the tensor has %lld", what, (long long)count,
                         (long long)t->numel);
    if (!data && count > 0)
        return ct__error(CT_ERROR_NULL, "%s: the array is NULL", what);
    int64_t strides[CT_MAX_RANK];
    ct__row_major(t->shape, t->rank, strides);
    ct__copy_strided(dtype, data, strides, (ct_dtype)t->dtype, ct__ptr(t), t->strides, t->shape, t->rank);
    return CT_OK;
}

ct_status ct_to_array(const ct_tensor *t, void *data, int64_t count)
{
    return copy_out(t, ct_dtype_of(t), data, count, "to_array");
}

ct_status ct_to_values(const ct_tensor *t, double *values, int64_t count)
{
    return copy_out(t, CT_FLOAT64, values, count, "to_values");
}

double ct_item(const ct_tensor *t)
{
    if (ct__check_tensor(t, "item") != CT_OK)
        return NAN;
    if (t->numel != 1) {
        char text[CT_SHAPE_TEXT];
        ct__error(CT_ERROR_SHAPE, "item: needs one element, got shape %s", ct__shape_text(t->shape, t->rank, text));
        return NAN;
    }
    return ct__load((ct_dtype)t->dtype, ct__ptr(t), 0);
}

double ct_get(const ct_tensor *t, const int64_t *index, int rank)
{
    char text[CT_SHAPE_TEXT], place[CT_SHAPE_TEXT];
    if (ct__check_tensor(t, "get") != CT_OK)
        return NAN;
    if (rank > 0 && !index) {
        ct__error(CT_ERROR_NULL, "get: index is NULL");
        return NAN;
    }
    if (rank != t->rank) {
        ct__error(CT_ERROR_SHAPE, "get: %d positions for a tensor of shape %s", rank,
                  ct__shape_text(t->shape, t->rank, text));
        return NAN;
    }
    int64_t at = 0;
    for (int i = 0; i < rank; i++) {
        int64_t k = index[i] < 0 ? index[i] + t->shape[i] : index[i];
        if (k < 0 || k >= t->shape[i]) {
            ct__error(CT_ERROR_ARGUMENT, "get: %s is outside of shape %s", ct__shape_text(index, rank, place),
                      ct__shape_text(t->shape, t->rank, text));
            return NAN;
        }
        at += k * t->strides[i];
    }
    return ct__load((ct_dtype)t->dtype, ct__ptr(t), at);
}

ct_status ct_fill_(ct_tensor *t, double value)
{
    ct_status status = ct__check_writable(t, "fill_");
    if (status != CT_OK)
        return status;
    if (t->contiguous) {
        ct__fill_elements((ct_dtype)t->dtype, ct__ptr(t), t->numel, value);
    } else {
        static const int64_t still[CT_MAX_RANK] = {0};
        ct__copy_strided((ct_dtype)t->dtype, ct__ptr(t), t->strides, CT_FLOAT64, &value, still, t->shape, t->rank);
    }
    ct__tensor_written(t, "fill_");
    return CT_OK;
}

ct_status ct_copy_(ct_tensor *t, const ct_tensor *src)
{
    ct_status status = ct__check_writable(t, "copy_");
    if (status == CT_OK)
        status = ct__check_tensor(src, "copy_");
    if (status == CT_OK)
        status = ct__check_places(t, "copy_");
    if (status != CT_OK)
        return status;
    char to[CT_SHAPE_TEXT], from[CT_SHAPE_TEXT];
    if (!ct__same_shape(t, src))
        return ct__error(CT_ERROR_SHAPE, "copy_: shapes differ: %s from %s", ct__shape_text(t->shape, t->rank, to),
                         ct__shape_text(src->shape, src->rank, from));
    const ct_tensor *source = src;
    if (src->storage == t->storage) { /* may overlap */
        ct_tensor *copy = ct__tensor_new((ct_dtype)src->dtype, src->shape, src->rank, "copy_");
        if (!copy)
            return CT_ERROR_MEMORY;
        ct__copy_strided((ct_dtype)copy->dtype, ct__ptr(copy), copy->strides, (ct_dtype)src->dtype, ct__ptr(src),
                         src->strides, src->shape, src->rank);
        source = copy;
    }
    ct__copy_strided((ct_dtype)t->dtype, ct__ptr(t), t->strides, (ct_dtype)source->dtype, ct__ptr(source),
                     source->strides, t->shape, t->rank);
    if (source != src)
        ct_release((ct_tensor *)source);
    ct__tensor_written(t, "copy_");
    return CT_OK;
}
