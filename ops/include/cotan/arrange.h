/* Rearranging and picking elements. Unless said otherwise any dtype; a gradient flows where x is float. */
#ifndef COTAN_ARRANGE_H
#define COTAN_ARRANGE_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The order of the elements along each of the n axes reversed; a view. */
CT_API ct_tensor *ct_flip(ct_tensor *x, const int64_t *axes, int n);
/* Shifted by so many places along axis; what leaves at one end comes in at the other. */
CT_API ct_tensor *ct_roll(ct_tensor *x, int64_t shift, int axis);
/* n tensors of one shape joined along a new axis; many as ct_concat() does it. */
CT_API ct_tensor *ct_stack(ct_tensor *const *tensors, int n, int axis);
/* Views of x cut along axis, sizes[0], sizes[1], ... long; the sizes add up to x's. outputs has room for n. */
CT_API ct_status ct_split(ct_tensor *x, const int64_t *sizes, int n, int axis, ct_tensor **outputs);
/* The same in at most chunks pieces of ceil(size / chunks) elements, the last perhaps shorter. Returns how many there are, or
 * -1 with an error; outputs has room for chunks. */
CT_API int ct_chunk(ct_tensor *x, int chunks, int axis, ct_tensor **outputs);
/* x beside itself times[i] times along axis i; times has rank entries, rank at least x's: axes are added in front. */
CT_API ct_tensor *ct_repeat(ct_tensor *x, const int64_t *times, int rank);

/* What is put around x. */
typedef enum ct_pad_mode { CT_PAD_CONSTANT, CT_PAD_REFLECT, CT_PAD_REPLICATE, CT_PAD_CIRCULAR } ct_pad_mode;

typedef struct CT_BY_NAME ct_pad_options {
    CT_OPTIONS_HEAD;
    ct_pad_mode mode; /* a value; x mirrored at its ends, which are not repeated; its ends repeated; x beside itself */
    double value;
} ct_pad_options;
#define CT_DEFAULTS_ct_pad_options
CT_API void ct_pad_options_init(ct_pad_options *options, size_t size);
/* x with amounts[0] elements before and amounts[1] behind it along the last axis, the next two along the last but one, and
 * so on: n is even. PyTorch's order. A negative amount takes elements away. For CT_PAD_REFLECT they are smaller than the axis, for
 * CT_PAD_CIRCULAR at most as large. */
CT_API ct_tensor *ct_pad(ct_tensor *x, const int64_t *amounts, int n, const ct_pad_options *options);

/* x where column - row <= k (tril) or >= k (triu) in the last two axes, else 0. */
CT_API ct_tensor *ct_tril(ct_tensor *x, int64_t k);
CT_API ct_tensor *ct_triu(ct_tensor *x, int64_t k);
/* The elements [i, i + offset] of the two axes (negative offset: [i - offset, i]) as a new last axis; a view. */
CT_API ct_tensor *ct_diagonal(ct_tensor *x, int64_t offset, int axis0, int axis1);
/* The sum of a matrix's diagonal; of integers int64. */
CT_API ct_tensor *ct_trace(ct_tensor *x);

/* x's slices along axis at index (int64, one axis), which may repeat. Error (argument): an index outside the axis. */
CT_API ct_tensor *ct_index_select(ct_tensor *x, int axis, ct_tensor *index);
/* Row index[...] of weight [V, D] for each index: result [index's shape, D]. Rows used twice gather both gradients. */
CT_API ct_tensor *ct_embedding(ct_tensor *weight, ct_tensor *index);
/* The same, but that row padding, which may count from the end, gets no gradient: PyTorch's padding_idx. Error (argument): no such row. */
CT_API ct_tensor *ct_embedding_padded(ct_tensor *weight, ct_tensor *index, int64_t padding);
/* 1 at index, else 0, along a new last axis of that many classes. No gradient. Error (argument): an index outside 0..classes-1. */
CT_API ct_tensor *ct_one_hot(ct_tensor *index, int64_t classes, ct_dtype dtype);
/* The elements of x where mask (bool or uint8, broadcasts with x) is true, in row-major order: one axis. */
CT_API ct_tensor *ct_masked_select(ct_tensor *x, ct_tensor *mask);

/* The element at or before the place; the line between the two nearest along each axis; the cubic through the four nearest (Keys 1981,
 * a = -0.75, with antialias -0.5); the mean of the part of x that an element covers; the element nearest to the place. PyTorch's
 * "nearest", "linear" to "trilinear", "bicubic", "area", "nearest-exact". */
typedef enum ct_interpolate_mode { CT_NEAREST, CT_LINEAR, CT_CUBIC, CT_AREA, CT_NEAREST_EXACT } ct_interpolate_mode;

typedef struct CT_BY_NAME ct_interpolate_options {
    CT_OPTIONS_HEAD;
    ct_interpolate_mode mode;
    /* For each spatial axis; a lone first entry stands for all. Default CT_UNSET_INT and CT_UNSET: not given. Where size is
     * given, scale does not count. */
    int64_t size[3];
    double scale[3];
    bool align_corners; /* linear, cubic: the corners of x and of the result coincide */
    bool antialias;     /* linear, cubic: where x shrinks, over as many more elements, so that none is passed over */
} ct_interpolate_options;
#define CT_DEFAULTS_ct_interpolate_options .size = {CT_UNSET_INT}, .scale = {CT_UNSET},
CT_API void ct_interpolate_options_init(ct_interpolate_options *options, size_t size);
/* x [N, C, one to three spatial axes], float, resized: ct_interpolate(x, .scale = {2}, .mode = CT_LINEAR). Errors: shape,
 * argument (a size below 1). */
CT_API ct_tensor *ct_interpolate(ct_tensor *x, const ct_interpolate_options *options);

/* In place and unrecorded, for optimisers and buffers; they count as changes that the engine's check of saved tensors notices.
 * other, end, a and b broadcast to t. Errors: state (t is recorded in a graph, or expanded), shape, dtype, memory; t is as it was then. */
CT_API ct_status ct_add_(ct_tensor *t, ct_tensor *other, double alpha);               /* t += alpha other */
CT_API ct_status ct_mul_(ct_tensor *t, ct_tensor *other);                             /* t *= other */
CT_API ct_status ct_mul_scalar_(ct_tensor *t, double s);                              /* t *= s */
CT_API ct_status ct_lerp_(ct_tensor *t, ct_tensor *end, double weight);               /* t += weight (end - t) */
CT_API ct_status ct_addcmul_(ct_tensor *t, ct_tensor *a, ct_tensor *b, double value); /* t += value a b */
CT_API ct_status ct_addcdiv_(ct_tensor *t, ct_tensor *a, ct_tensor *b, double value); /* t += value a / b */
CT_API ct_status ct_clamp_(ct_tensor *t, double low, double high);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_flip(x, ...) ct_at(CT_HERE, ct_flip(x, __VA_ARGS__))
#define ct_roll(x, shift, axis) ct_at(CT_HERE, ct_roll(x, shift, axis))
#define ct_stack(...) ct_at(CT_HERE, ct_stack(__VA_ARGS__))
#define ct_chunk(...) ct_at_int(CT_HERE, ct_chunk(__VA_ARGS__))
#define ct_split(x, ...) ct_at_status(CT_HERE, ct_split(x, __VA_ARGS__))
#define ct_repeat(x, ...) ct_at(CT_HERE, ct_repeat(x, __VA_ARGS__))
#define ct_pad(x, ...) ct_at(CT_HERE, CT_WITH3(ct_pad, ct_pad_options, x, __VA_ARGS__, ))
#define ct_tril(x, k) ct_at(CT_HERE, ct_tril(x, k))
#define ct_triu(x, k) ct_at(CT_HERE, ct_triu(x, k))
#define ct_diagonal(x, offset, axis0, axis1) ct_at(CT_HERE, ct_diagonal(x, offset, axis0, axis1))
#define ct_trace(x) ct_at(CT_HERE, ct_trace(x))
#define ct_index_select(x, axis, index) ct_at(CT_HERE, ct_index_select(x, axis, index))
#define ct_embedding(weight, index) ct_at(CT_HERE, ct_embedding(weight, index))
#define ct_embedding_padded(weight, index, padding) ct_at(CT_HERE, ct_embedding_padded(weight, index, padding))
#define ct_one_hot(index, classes, dtype) ct_at(CT_HERE, ct_one_hot(index, classes, dtype))
#define ct_interpolate(...) ct_at(CT_HERE, CT_WITH1(ct_interpolate, ct_interpolate_options, __VA_ARGS__, ))
#define ct_add_(t, other, alpha) ct_at_write(CT_HERE, ct_add_(t, other, alpha))
#define ct_mul_(t, other) ct_at_write(CT_HERE, ct_mul_(t, other))
#define ct_mul_scalar_(t, s) ct_at_write(CT_HERE, ct_mul_scalar_(t, s))
#define ct_lerp_(t, end, weight) ct_at_write(CT_HERE, ct_lerp_(t, end, weight))
#define ct_addcmul_(t, a, b, value) ct_at_write(CT_HERE, ct_addcmul_(t, a, b, value))
#define ct_addcdiv_(t, a, b, value) ct_at_write(CT_HERE, ct_addcdiv_(t, a, b, value))
#define ct_clamp_(t, low, high) ct_at_write(CT_HERE, ct_clamp_(t, low, high))
#define ct_masked_select(x, mask) ct_at(CT_HERE, ct_masked_select(x, mask))
#endif

#ifdef __cplusplus
}
#endif
#endif
