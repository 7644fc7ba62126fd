/* The operations. Each is a record behind a function of PyTorch's name.
 *
 * Unless said otherwise a function takes float32 or float64 tensors of one dtype and any strides, returns a tensor owned by
 * the innermost scope, is differentiable to any order, and returns NULL with an error when shapes or dtypes do not go
 * together or memory runs out. NULL in gives NULL out. Shapes broadcast by NumPy's rules where "broadcast" is said. A negative axis
 * counts from the end; a 0-d tensor counts as having one axis, of size 1, where nothing is cut or joined along it. */
#ifndef COTAN_OPS_H
#define COTAN_OPS_H

#include <cotan/activations.h>
#include <cotan/arrange.h>
#include <cotan/autograd.h>
#include <cotan/conv.h>
#include <cotan/images.h>
#include <cotan/index.h>
#include <cotan/linalg.h>
#include <cotan/loss.h>
#include <cotan/norm.h>
#include <cotan/recurrent.h>
#include <cotan/reduce.h>
#include <cotan/special.h>
#include <cotan/spectra.h>
#include <cotan/statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All operations, in the order of the reference; n gets their number. */
CT_API const ct_op *const *ct_ops(int *n);

/* ---- elementwise, one input: y has x's shape ---- */
CT_API ct_tensor *ct_neg(ct_tensor *x);                  /* -x */
CT_API ct_tensor *ct_exp(ct_tensor *x);                  /* e^x */
CT_API ct_tensor *ct_log(ct_tensor *x);                  /* natural logarithm */
CT_API ct_tensor *ct_sqrt(ct_tensor *x);                 /* square root */
CT_API ct_tensor *ct_square(ct_tensor *x);               /* x^2 */
CT_API ct_tensor *ct_abs(ct_tensor *x);                  /* |x|; gradient at 0 is 0 */
CT_API ct_tensor *ct_sign(ct_tensor *x);                 /* -1, 0 or 1; gradient 0 */
CT_API ct_tensor *ct_tanh(ct_tensor *x);                 /* hyperbolic tangent */
CT_API ct_tensor *ct_sigmoid(ct_tensor *x);              /* finite and exact at +-800 */
CT_API ct_tensor *ct_relu(ct_tensor *x);                 /* gradient at 0 is 0 */
CT_API ct_tensor *ct_add_scalar(ct_tensor *x, double s); /* x + s */
CT_API ct_tensor *ct_mul_scalar(ct_tensor *x, double s); /* s x */
CT_API ct_tensor *ct_pow_scalar(ct_tensor *x, double p); /* x^p */
CT_API ct_tensor *ct_rsqrt(ct_tensor *x);                /* 1 / sqrt(x) */
CT_API ct_tensor *ct_reciprocal(ct_tensor *x);           /* 1 / x */
CT_API ct_tensor *ct_expm1(ct_tensor *x);                /* exp(x) - 1, exact near 0 */
CT_API ct_tensor *ct_log1p(ct_tensor *x);                /* log(1 + x), exact near 0 */
CT_API ct_tensor *ct_log2(ct_tensor *x);                 /* logarithm to base 2 */
CT_API ct_tensor *ct_sin(ct_tensor *x);                  /* radians */
CT_API ct_tensor *ct_cos(ct_tensor *x);                  /* radians */
CT_API ct_tensor *ct_tan(ct_tensor *x);                  /* radians */
CT_API ct_tensor *ct_asin(ct_tensor *x);                 /* in radians, -pi/2..pi/2 */
CT_API ct_tensor *ct_acos(ct_tensor *x);                 /* in radians, 0..pi */
CT_API ct_tensor *ct_atan(ct_tensor *x);                 /* in radians, -pi/2..pi/2 */
CT_API ct_tensor *ct_sinh(ct_tensor *x);                 /* hyperbolic sine */
CT_API ct_tensor *ct_cosh(ct_tensor *x);                 /* hyperbolic cosine */
CT_API ct_tensor *ct_erf(ct_tensor *x);                  /* 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x */
CT_API ct_tensor *ct_floor(ct_tensor *x);                /* the largest integer not above x; gradient 0 */
/* min(max(x, low), high), so that high wins where it is below low; a NaN bound gives NaN. Gradient 1 at the bounds. */
CT_API ct_tensor *ct_clamp(ct_tensor *x, double low, double high);
/* clamp with gradient 0 at the bounds. Errors: low above high (argument). */
CT_API ct_tensor *ct_hardtanh(ct_tensor *x, double low, double high);
CT_API ct_tensor *ct_leaky_relu(ct_tensor *x, double slope); /* x > 0 ? x : slope x; gradient at 0 is slope */
CT_API ct_tensor *ct_elu(ct_tensor *x, double alpha);        /* x > 0 ? x : alpha (exp(x) - 1) */
CT_API ct_tensor *ct_selu(ct_tensor *x);                     /* Klambauer et al. 2017: scaled elu */
CT_API ct_tensor *ct_gelu(ct_tensor *x);                     /* x Phi(x), Phi the normal distribution function */
CT_API ct_tensor *ct_gelu_tanh(ct_tensor *x);                /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */
CT_API ct_tensor *ct_silu(ct_tensor *x);                     /* x sigmoid(x) */
CT_API ct_tensor *ct_swish(ct_tensor *x, ct_tensor *beta);   /* x sigmoid(beta x), beta broadcasts and is learnable */
CT_API ct_tensor *ct_mish(ct_tensor *x);                     /* x tanh(softplus(x)) */
CT_API ct_tensor *ct_softsign(ct_tensor *x);                 /* x / (1 + |x|) */
CT_API ct_tensor *ct_log_sigmoid(ct_tensor *x);              /* log(sigmoid(x)), finite and exact at +-800 */
CT_API ct_tensor *ct_softplus(ct_tensor *x, double beta);    /* log(1 + exp(beta x)) / beta, beta of either sign */
/* x > 0 ? x : weight x, weight [1] or one for each channel: [x's size along axis 1]. */
CT_API ct_tensor *ct_prelu(ct_tensor *x, ct_tensor *weight);
/* x where mask (bool or uint8, broadcast) is false, value elsewhere. */
CT_API ct_tensor *ct_masked_fill(ct_tensor *x, ct_tensor *mask, double value);

/* ---- elementwise, two and three inputs: broadcast ---- */
CT_API ct_tensor *ct_add(ct_tensor *a, ct_tensor *b);     /* a + b */
CT_API ct_tensor *ct_sub(ct_tensor *a, ct_tensor *b);     /* a - b */
CT_API ct_tensor *ct_mul(ct_tensor *a, ct_tensor *b);     /* a b, element by element */
CT_API ct_tensor *ct_div(ct_tensor *a, ct_tensor *b);     /* a / b */
CT_API ct_tensor *ct_pow(ct_tensor *a, ct_tensor *b);     /* a^b */
CT_API ct_tensor *ct_maximum(ct_tensor *a, ct_tensor *b); /* at a tie each gets half the gradient */
CT_API ct_tensor *ct_minimum(ct_tensor *a, ct_tensor *b); /* at a tie each gets half the gradient */
/* Comparisons: bool, no gradient; any one dtype but of two bytes. */
CT_API ct_tensor *ct_eq(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_ne(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_lt(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_le(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_gt(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_ge(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_logical_and(ct_tensor *a, ct_tensor *b); /* of a != 0 and b != 0 */
CT_API ct_tensor *ct_logical_or(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_logical_xor(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_logical_not(ct_tensor *a);

CT_API ct_tensor *ct_atan2(ct_tensor *a, ct_tensor *b); /* the angle of the point (b, a), in radians */
CT_API ct_tensor *ct_lerp(ct_tensor *a, ct_tensor *b, ct_tensor *weight); /* a + weight (b - a) */
/* condition (bool or uint8, true where not 0) ? a : b. */
CT_API ct_tensor *ct_where(ct_tensor *condition, ct_tensor *a, ct_tensor *b);
/* The elements converted; a gradient flows between float dtypes. */
CT_API ct_tensor *ct_cast(ct_tensor *x, ct_dtype dtype);

/* ---- reductions: ct_sum(x), ct_sum(x, CT_AXES(0, -1), .keepdim = true) ---- */
/* Errors: an axis out of range or twice (argument); an extreme of nothing (shape). options may be NULL. Sums and products of
 * integers are int64, their extremes of their own dtype. */
CT_API ct_tensor *ct_sum(ct_tensor *x, const ct_reduce_options *options);
CT_API ct_tensor *ct_mean(ct_tensor *x, const ct_reduce_options *options);
CT_API ct_tensor *ct_prod(ct_tensor *x, const ct_reduce_options *options); /* the gradient is exact beside zeros too */
/* The largest and the smallest; NaN is both. The gradient is shared equally between ties. */
CT_API ct_tensor *ct_amax(ct_tensor *x, const ct_reduce_options *options);
CT_API ct_tensor *ct_amin(ct_tensor *x, const ct_reduce_options *options);
/* The largest, or the smallest, along one axis and where it is (int64, the first of ties), which gets all the gradient.
 * indices may be NULL. PyTorch's max(dim) and min(dim). */
CT_API ct_tensor *ct_max(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);
CT_API ct_tensor *ct_min(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);
/* Where the largest, or the smallest, along axis is: int64, axis removed; the first of ties; no gradient. */
CT_API ct_tensor *ct_argmax(ct_tensor *x, int axis);
CT_API ct_tensor *ct_argmin(ct_tensor *x, int axis);
/* bool: whether any, or every, element differs from 0. Any dtype but of two bytes; no gradient. Of nothing: false and true. */
CT_API ct_tensor *ct_any(ct_tensor *x, const ct_reduce_options *options);
CT_API ct_tensor *ct_all(ct_tensor *x, const ct_reduce_options *options);

typedef struct CT_BY_NAME ct_var_options {
    CT_OPTIONS_HEAD;
    const int64_t *axes; /* as in ct_reduce_options */
    int n_axes;
    bool keepdim;
    bool biased;       /* divide by the number of elements n instead of n - 1 */
    double correction; /* divide by n less this, at least 0; default CT_UNSET: as biased says */
} ct_var_options;
#define CT_DEFAULTS_ct_var_options .correction = CT_UNSET,
CT_API void ct_var_options_init(ct_var_options *options, size_t size);

/* The variance, sum (x - mean)^2 / (n - 1), and its root; NaN for too few elements. std's gradient is 0 where it is 0. */
CT_API ct_tensor *ct_var(ct_tensor *x, const ct_var_options *options);
CT_API ct_tensor *ct_std(ct_tensor *x, const ct_var_options *options);
/* (sum |x|^p)^(1/p); the largest |x| for p = INFINITY, the smallest for -INFINITY, how many x differ from 0 for p = 0. The
 * gradient is 0 where the norm is. Errors: p NaN (argument); p < 0 or infinite over nothing (shape). */
CT_API ct_tensor *ct_norm(ct_tensor *x, double p, const ct_reduce_options *options);
/* log(sum exp(x)), finite and exact for any finite x; of nothing, or of -infinity only, -infinity, with gradient 0. */
CT_API ct_tensor *ct_logsumexp(ct_tensor *x, const ct_reduce_options *options);

/* ---- scans and sorting along one axis: y has x's shape; errors: an axis out of range (argument) ---- */
/* The sum, or the product, of all elements up to each. Integers give int64. The gradient is exact beside zeros too. */
CT_API ct_tensor *ct_cumsum(ct_tensor *x, int axis);
CT_API ct_tensor *ct_cumprod(ct_tensor *x, int axis);
/* The elements in ascending or descending order, and where each was (int64); indices may be NULL. Any dtype but of two bytes. Stable: ties
 * keep their order. NaN counts as the largest. */
CT_API ct_tensor *ct_sort(ct_tensor *x, int axis, bool descending, ct_tensor **indices);
/* ct_sort's indices alone; no gradient. */
CT_API ct_tensor *ct_argsort(ct_tensor *x, int axis, bool descending);
/* The k largest in descending order, or, if not largest, the k smallest in ascending order, along axis, and where each was
 * (int64); indices may be NULL. Errors: k outside 0..size (argument). */
CT_API ct_tensor *ct_topk(ct_tensor *x, int64_t k, int axis, bool largest, ct_tensor **indices);

/* ---- matrices ---- */
/* PyTorch's matmul: [m,k] @ [k,n]; vectors on either side; leading axes are a batch and broadcast. */
CT_API ct_tensor *ct_matmul(ct_tensor *a, ct_tensor *b);
/* x w^T + b: x [..., in], w [out, in], b [out] or NULL; result [..., out]. */
CT_API ct_tensor *ct_linear(ct_tensor *x, ct_tensor *w, ct_tensor *b);

/* The product of two vectors' elements, summed: 0-d. */
CT_API ct_tensor *ct_dot(ct_tensor *a, ct_tensor *b);
/* [m] and [n] give [m, n]. */
CT_API ct_tensor *ct_outer(ct_tensor *a, ct_tensor *b);
/* y[o] = sum over i, j of a[i] w[o,i,j] b[j] + bias[o]: a [..., I], b [..., J], weight [O, I, J], bias [O] or NULL. */
CT_API ct_tensor *ct_bilinear(ct_tensor *a, ct_tensor *b, ct_tensor *weight, ct_tensor *bias);
/* n operands contracted in Einstein's notation: "bhid,bhjd->bhij". Letters name axes; a letter that the result does not have
 * is summed over; twice in one operand it takes the diagonal; "..." stands for axes that broadcast; without "->" the result
 * has the letters that stand once, in alphabetical order. It may be a view of an operand. Errors: argument, naming
 * the letter and its sizes. */
CT_API ct_tensor *ct_einsum(const char *equation, ct_tensor *const *operands, int n);

/* ---- shape: views where strides allow ---- */
/* One size may be -1: what is left over. A view if possible, else a copy. */
CT_API ct_tensor *ct_reshape(ct_tensor *x, const int64_t *shape, int rank);
/* Axes start..end become one. */
CT_API ct_tensor *ct_flatten(ct_tensor *x, int start, int end);
/* The two axes trade places. A view. */
CT_API ct_tensor *ct_transpose(ct_tensor *x, int axis0, int axis1);
/* axes [rank]: result axis i is x's axis axes[i]. A view. */
CT_API ct_tensor *ct_permute(ct_tensor *x, const int64_t *axes, int rank);
/* Broadcasts x to shape, a view; -1 keeps a size. */
CT_API ct_tensor *ct_expand(ct_tensor *x, const int64_t *shape, int rank);
/* An axis of size 1 more, so that it is number axis of the result; one less. Views. */
CT_API ct_tensor *ct_unsqueeze(ct_tensor *x, int axis);
CT_API ct_tensor *ct_squeeze(ct_tensor *x, int axis); /* error (shape) if that axis is not of size 1 */
/* x[start:end:step] along axis, Python's rules (negative counts from the end, ends are clipped); CT_END for the end. step > 0
 * or < 0, not 0. A view. */
#define CT_END INT64_MAX
CT_API ct_tensor *ct_slice(ct_tensor *x, int axis, int64_t start, int64_t end, int64_t step);
/* x[index] along axis, which goes away. A view. */
CT_API ct_tensor *ct_select(ct_tensor *x, int axis, int64_t index);
/* The same elements, row-major: x itself, the same pointer, if it is so already (see ct_same). */
CT_API ct_tensor *ct_contiguous(ct_tensor *x);
/* A copy in fresh storage. */
CT_API ct_tensor *ct_clone(ct_tensor *x);
/* n tensors joined along axis; all other sizes equal. More than CT_MAX_INPUTS are joined in groups of so many, and what comes of these
 * again: each element is copied once for up to 64 tensors, twice for up to 4,096. */
CT_API ct_tensor *ct_concat(ct_tensor *const *tensors, int n, int axis);
/* Sums x down to a shape that broadcasts to x's: the adjoint of ct_expand. */
CT_API ct_tensor *ct_sum_to(ct_tensor *x, const int64_t *shape, int rank);

/* ---- indexing ---- */
/* y[i][j] = x[i][index[i][j]] for axis 1: index int64, x's rank, no larger than x off axis. PyTorch's gather. */
CT_API ct_tensor *ct_gather(ct_tensor *x, int axis, ct_tensor *index);
/* x with y[i][index[i][j]] += source[i][j] for axis 1: the adjoint of gather; duplicates add up. PyTorch's scatter_add. */
CT_API ct_tensor *ct_scatter_add(ct_tensor *x, int axis, ct_tensor *index, ct_tensor *source);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_neg(x) ct_at(CT_HERE, ct_neg(x))
#define ct_exp(x) ct_at(CT_HERE, ct_exp(x))
#define ct_log(x) ct_at(CT_HERE, ct_log(x))
#define ct_sqrt(x) ct_at(CT_HERE, ct_sqrt(x))
#define ct_square(x) ct_at(CT_HERE, ct_square(x))
#define ct_abs(x) ct_at(CT_HERE, ct_abs(x))
#define ct_sign(x) ct_at(CT_HERE, ct_sign(x))
#define ct_tanh(x) ct_at(CT_HERE, ct_tanh(x))
#define ct_sigmoid(x) ct_at(CT_HERE, ct_sigmoid(x))
#define ct_relu(x) ct_at(CT_HERE, ct_relu(x))
#define ct_add_scalar(x, s) ct_at(CT_HERE, ct_add_scalar(x, s))
#define ct_mul_scalar(x, s) ct_at(CT_HERE, ct_mul_scalar(x, s))
#define ct_pow_scalar(x, p) ct_at(CT_HERE, ct_pow_scalar(x, p))
#define ct_rsqrt(x) ct_at(CT_HERE, ct_rsqrt(x))
#define ct_reciprocal(x) ct_at(CT_HERE, ct_reciprocal(x))
#define ct_expm1(x) ct_at(CT_HERE, ct_expm1(x))
#define ct_log1p(x) ct_at(CT_HERE, ct_log1p(x))
#define ct_log2(x) ct_at(CT_HERE, ct_log2(x))
#define ct_sin(x) ct_at(CT_HERE, ct_sin(x))
#define ct_cos(x) ct_at(CT_HERE, ct_cos(x))
#define ct_tan(x) ct_at(CT_HERE, ct_tan(x))
#define ct_asin(x) ct_at(CT_HERE, ct_asin(x))
#define ct_acos(x) ct_at(CT_HERE, ct_acos(x))
#define ct_atan(x) ct_at(CT_HERE, ct_atan(x))
#define ct_sinh(x) ct_at(CT_HERE, ct_sinh(x))
#define ct_cosh(x) ct_at(CT_HERE, ct_cosh(x))
#define ct_erf(x) ct_at(CT_HERE, ct_erf(x))
#define ct_floor(x) ct_at(CT_HERE, ct_floor(x))
#define ct_selu(x) ct_at(CT_HERE, ct_selu(x))
#define ct_gelu(x) ct_at(CT_HERE, ct_gelu(x))
#define ct_gelu_tanh(x) ct_at(CT_HERE, ct_gelu_tanh(x))
#define ct_silu(x) ct_at(CT_HERE, ct_silu(x))
#define ct_mish(x) ct_at(CT_HERE, ct_mish(x))
#define ct_softsign(x) ct_at(CT_HERE, ct_softsign(x))
#define ct_log_sigmoid(x) ct_at(CT_HERE, ct_log_sigmoid(x))
#define ct_logical_not(x) ct_at(CT_HERE, ct_logical_not(x))
#define ct_clamp(x, low, high) ct_at(CT_HERE, ct_clamp(x, low, high))
#define ct_hardtanh(x, low, high) ct_at(CT_HERE, ct_hardtanh(x, low, high))
#define ct_leaky_relu(x, slope) ct_at(CT_HERE, ct_leaky_relu(x, slope))
#define ct_elu(x, alpha) ct_at(CT_HERE, ct_elu(x, alpha))
#define ct_swish(x, beta) ct_at(CT_HERE, ct_swish(x, beta))
#define ct_softplus(x, beta) ct_at(CT_HERE, ct_softplus(x, beta))
#define ct_prelu(x, weight) ct_at(CT_HERE, ct_prelu(x, weight))
#define ct_masked_fill(x, mask, value) ct_at(CT_HERE, ct_masked_fill(x, mask, value))
#define ct_logical_and(a, b) ct_at(CT_HERE, ct_logical_and(a, b))
#define ct_logical_or(a, b) ct_at(CT_HERE, ct_logical_or(a, b))
#define ct_logical_xor(a, b) ct_at(CT_HERE, ct_logical_xor(a, b))
#define ct_atan2(a, b) ct_at(CT_HERE, ct_atan2(a, b))
#define ct_lerp(a, b, weight) ct_at(CT_HERE, ct_lerp(a, b, weight))
#define ct_add(a, b) ct_at(CT_HERE, ct_add(a, b))
#define ct_sub(a, b) ct_at(CT_HERE, ct_sub(a, b))
#define ct_mul(a, b) ct_at(CT_HERE, ct_mul(a, b))
#define ct_div(a, b) ct_at(CT_HERE, ct_div(a, b))
#define ct_pow(a, b) ct_at(CT_HERE, ct_pow(a, b))
#define ct_maximum(a, b) ct_at(CT_HERE, ct_maximum(a, b))
#define ct_minimum(a, b) ct_at(CT_HERE, ct_minimum(a, b))
#define ct_eq(a, b) ct_at(CT_HERE, ct_eq(a, b))
#define ct_ne(a, b) ct_at(CT_HERE, ct_ne(a, b))
#define ct_lt(a, b) ct_at(CT_HERE, ct_lt(a, b))
#define ct_le(a, b) ct_at(CT_HERE, ct_le(a, b))
#define ct_gt(a, b) ct_at(CT_HERE, ct_gt(a, b))
#define ct_ge(a, b) ct_at(CT_HERE, ct_ge(a, b))
#define ct_where(condition, a, b) ct_at(CT_HERE, ct_where(condition, a, b))
#define ct_cast(x, dtype) ct_at(CT_HERE, ct_cast(x, dtype))
#define ct_sum(...) ct_at(CT_HERE, CT_WITH1(ct_sum, ct_reduce_options, __VA_ARGS__, ))
#define ct_mean(...) ct_at(CT_HERE, CT_WITH1(ct_mean, ct_reduce_options, __VA_ARGS__, ))
#define ct_amax(...) ct_at(CT_HERE, CT_WITH1(ct_amax, ct_reduce_options, __VA_ARGS__, ))
#define ct_prod(...) ct_at(CT_HERE, CT_WITH1(ct_prod, ct_reduce_options, __VA_ARGS__, ))
#define ct_amin(...) ct_at(CT_HERE, CT_WITH1(ct_amin, ct_reduce_options, __VA_ARGS__, ))
#define ct_any(...) ct_at(CT_HERE, CT_WITH1(ct_any, ct_reduce_options, __VA_ARGS__, ))
#define ct_all(...) ct_at(CT_HERE, CT_WITH1(ct_all, ct_reduce_options, __VA_ARGS__, ))
#define ct_var(...) ct_at(CT_HERE, CT_WITH1(ct_var, ct_var_options, __VA_ARGS__, ))
#define ct_std(...) ct_at(CT_HERE, CT_WITH1(ct_std, ct_var_options, __VA_ARGS__, ))
#define ct_norm(...) ct_at(CT_HERE, CT_WITH2(ct_norm, ct_reduce_options, __VA_ARGS__, ))
#define ct_logsumexp(...) ct_at(CT_HERE, CT_WITH1(ct_logsumexp, ct_reduce_options, __VA_ARGS__, ))
#define ct_max(x, axis, keepdim, indices) ct_at(CT_HERE, ct_max(x, axis, keepdim, indices))
#define ct_min(x, axis, keepdim, indices) ct_at(CT_HERE, ct_min(x, axis, keepdim, indices))
#define ct_argmax(x, axis) ct_at(CT_HERE, ct_argmax(x, axis))
#define ct_argmin(x, axis) ct_at(CT_HERE, ct_argmin(x, axis))
#define ct_cumsum(x, axis) ct_at(CT_HERE, ct_cumsum(x, axis))
#define ct_cumprod(x, axis) ct_at(CT_HERE, ct_cumprod(x, axis))
#define ct_sort(x, axis, descending, indices) ct_at(CT_HERE, ct_sort(x, axis, descending, indices))
#define ct_argsort(x, axis, descending) ct_at(CT_HERE, ct_argsort(x, axis, descending))
#define ct_topk(x, k, axis, largest, indices) ct_at(CT_HERE, ct_topk(x, k, axis, largest, indices))
#define ct_matmul(a, b) ct_at(CT_HERE, ct_matmul(a, b))
#define ct_linear(x, w, b) ct_at(CT_HERE, ct_linear(x, w, b))
#define ct_dot(a, b) ct_at(CT_HERE, ct_dot(a, b))
#define ct_outer(a, b) ct_at(CT_HERE, ct_outer(a, b))
#define ct_bilinear(a, b, weight, bias) ct_at(CT_HERE, ct_bilinear(a, b, weight, bias))
#define ct_einsum(equation, ...) ct_at(CT_HERE, ct_einsum(equation, __VA_ARGS__))
#define ct_reshape(x, ...) ct_at(CT_HERE, ct_reshape(x, __VA_ARGS__))
#define ct_flatten(x, start, end) ct_at(CT_HERE, ct_flatten(x, start, end))
#define ct_transpose(x, axis0, axis1) ct_at(CT_HERE, ct_transpose(x, axis0, axis1))
#define ct_permute(x, ...) ct_at(CT_HERE, ct_permute(x, __VA_ARGS__))
#define ct_expand(x, ...) ct_at(CT_HERE, ct_expand(x, __VA_ARGS__))
#define ct_unsqueeze(x, axis) ct_at(CT_HERE, ct_unsqueeze(x, axis))
#define ct_squeeze(x, axis) ct_at(CT_HERE, ct_squeeze(x, axis))
#define ct_slice(x, axis, start, end, step) ct_at(CT_HERE, ct_slice(x, axis, start, end, step))
#define ct_select(x, axis, index) ct_at(CT_HERE, ct_select(x, axis, index))
#define ct_contiguous(x) ct_at(CT_HERE, ct_contiguous(x))
#define ct_clone(x) ct_at(CT_HERE, ct_clone(x))
#define ct_concat(...) ct_at(CT_HERE, ct_concat(__VA_ARGS__))
#define ct_sum_to(x, ...) ct_at(CT_HERE, ct_sum_to(x, __VA_ARGS__))
#define ct_gather(x, axis, index) ct_at(CT_HERE, ct_gather(x, axis, index))
#define ct_scatter_add(x, axis, index, source) ct_at(CT_HERE, ct_scatter_add(x, axis, index, source))
#endif

#ifdef __cplusplus
}
#endif
#endif
