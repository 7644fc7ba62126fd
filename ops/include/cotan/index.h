/* Writing where an index says, indexing by several, and looking for elements. Indices are int64. Beside gather, scatter_add and
 * index_select; see ops.h and arrange.h. Errors: shape, dtype, argument (an index outside its axis). */
#ifndef COTAN_INDEX_H
#define COTAN_INDEX_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* x with y[i][index[i][j]] = source[i][j] for axis 1, any dtype; of several for one place the last is written, and it alone gets a
 * gradient (PyTorch's gets each). Shapes as of ct_scatter_add. */
CT_API ct_tensor *ct_scatter(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source);
/* What becomes of all elements for one place. */
typedef enum ct_scatter_reduction {
    CT_SCATTER_SUM,
    CT_SCATTER_MEAN,
    CT_SCATTER_AMAX,
    CT_SCATTER_AMIN,
    CT_SCATTER_PROD
} ct_scatter_reduction;
/* The same with the sum, mean, largest, smallest or product of them, and of x's element too if include_self; of integers sums and products
 * wrap, and means are rounded down. */
CT_API ct_tensor *ct_scatter_reduce(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source,
                                    ct_scatter_reduction how, bool include_self);
/* Slice i of source along axis is added to, or replaces, slice index[i] of x: index [n], source of x's shape but n along axis. A single
 * index may be 0-d; x and source, both, too. */
CT_API ct_tensor *ct_index_add(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source);
CT_API ct_tensor *ct_index_copy(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source);
/* ct_gather with x and an index that broadcast beside the axis: NumPy's take_along_axis. */
CT_API ct_tensor *ct_take_along_dim(ct_tensor *x, ct_tensor *index, int axis);
/* x[indices[0], indices[1], ...]: n indices for the first axes, which broadcast; then the other axes. An index is int64, for one axis, not
 * negative; or a mask (bool or uint8), which is for as many axes as it has, of their sizes, and is where it is true, in row-major order. */
CT_API ct_tensor *ct_index(ct_tensor *x, ct_tensor *const *indices, int n);
/* x with values, which broadcast to x[indices], written, or added, there: x[i, j] = values, x[mask] = values. */
CT_API ct_tensor *ct_index_put(ct_tensor *x, ct_tensor *const *indices, int n, ct_tensor *values, bool accumulate);

/* x[subscript] in NumPy's notation, a view: "1:, None, ::2, -1, ..." has for each axis a number, which takes the axis away, or a slice
 * from:to:step, each part of which may be left out; None is a new axis, and ... stands for all axes that are left. Errors: argument
 * (what cannot be read, too many, a number outside its axis). */
CT_API ct_tensor *ct_subscript(ct_tensor *x, const char *subscript);

/* Where each value belongs among sorted elements, as int64: how many of them are below it, or, if right, not above it. sorted [n], or
 * [..., n] with values [..., m]; any dtype but of two bytes. PyTorch's searchsorted, and its bucketize(values, sorted). */
CT_API ct_tensor *ct_searchsorted(ct_tensor *sorted, ct_tensor *values, bool right);
/* The places of the elements that are not 0, in row-major order: int64 [n, x's rank]; any dtype but of two bytes. */
CT_API ct_tensor *ct_nonzero(ct_tensor *x);
/* x's different elements, sorted, one axis; any dtype but of two bytes, no gradient. inverse gets where each element of x is among them, counts how
 * often each is there (int64); both may be NULL. */
CT_API ct_tensor *ct_unique(ct_tensor *x, ct_tensor **inverse, ct_tensor **counts);
/* x's slices along axis one after the other, each repeats times: int64, 0-d or one for each slice. */
CT_API ct_tensor *ct_repeat_interleave(ct_tensor *x, ct_tensor *repeats, int axis);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_scatter(x, axis, index, source) ct_at(CT_HERE, ct_scatter(x, axis, index, source))
#define ct_scatter_reduce(x, ...) ct_at(CT_HERE, ct_scatter_reduce(x, __VA_ARGS__))
#define ct_index_add(x, axis, index, source) ct_at(CT_HERE, ct_index_add(x, axis, index, source))
#define ct_index_copy(x, axis, index, source) ct_at(CT_HERE, ct_index_copy(x, axis, index, source))
#define ct_take_along_dim(x, index, axis) ct_at(CT_HERE, ct_take_along_dim(x, index, axis))
#define ct_index(x, ...) ct_at(CT_HERE, ct_index(x, __VA_ARGS__))
#define ct_index_put(x, ...) ct_at(CT_HERE, ct_index_put(x, __VA_ARGS__))
#define ct_subscript(x, subscript) ct_at(CT_HERE, ct_subscript(x, subscript))
#define ct_searchsorted(sorted, values, right) ct_at(CT_HERE, ct_searchsorted(sorted, values, right))
#define ct_nonzero(x) ct_at(CT_HERE, ct_nonzero(x))
#define ct_unique(x, inverse, counts) ct_at(CT_HERE, ct_unique(x, inverse, counts))
#define ct_repeat_interleave(x, repeats, axis) ct_at(CT_HERE, ct_repeat_interleave(x, repeats, axis))
#endif

#ifdef __cplusplus
}
#endif
#endif
