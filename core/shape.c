/* Shapes: row-major strides, broadcasting, axes, and how they are written.
 *
 * Invariant: a shape that ct__check_shape() has let through has a number of bytes. */
#include "core_internal.h"

int64_t ct__row_major(const int64_t *shape, int rank, int64_t *strides)
{
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape[i] > 0 ? shape[i] : 1;
    }
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return 0;
    return step;
}

bool ct__broadcast_shapes(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out, int *rank_out)
{
    int rank = rank_a > rank_b ? rank_a : rank_b;
    for (int i = 1; i <= rank; i++) { /* from the last axis */
        int64_t size_a = i <= rank_a ? a[rank_a - i] : 1;
        int64_t size_b = i <= rank_b ? b[rank_b - i] : 1;
        if (size_a != size_b && size_a != 1 && size_b != 1)
            return false;
        out[rank - i] = size_a == 1 ? size_b : size_a;
    }
    *rank_out = rank;
    return true;
}

int ct__axis(int axis, int rank)
{
    rank = rank > 0 ? rank : 1;
    if (axis < 0)
        axis += rank;
    return axis >= 0 && axis < rank ? axis : -1;
}

char *ct__shape_text(const int64_t *shape, int rank, char *buffer)
{
    size_t used = 0;
    buffer[used++] = '[';
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(buffer + used, CT_SHAPE_TEXT - used, i ? ",%lld" : "%lld", (long long)shape[i]);
    buffer[used++] = ']';
    buffer[used] = '\0';
    return buffer;
}

ct_status ct__check_shape(ct_dtype dtype, const int64_t *shape, int rank, const char *what)
{
    char text[CT_SHAPE_TEXT];
    if ((size_t)dtype >= CT_DTYPES)
        return ct__error(CT_ERROR_DTYPE, "%s: %d is not a dtype", what, (int)dtype);
    if (rank < 0 || rank > CT_MAX_RANK)
        return ct__error(CT_ERROR_SHAPE, "%s: rank %d is not in 0..%d", what, rank, CT_MAX_RANK);
    if (rank > 0 && !shape)
        return ct__error(CT_ERROR_NULL, "%s: shape is NULL for rank %d", what, rank);
    int64_t bytes = ct__size_of(dtype);
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return ct__error(CT_ERROR_SHAPE, "%s: negative size in %s", what, ct__shape_text(shape, rank, text));
        if (__builtin_mul_overflow(bytes, shape[i] > 0 ? shape[i] : 1, &bytes))
            return ct__error(CT_ERROR_SHAPE, "%s: %s has more than 2^63-1 bytes", what,
                             ct__shape_text(shape, rank, text));
    }
    return CT_OK;
}
