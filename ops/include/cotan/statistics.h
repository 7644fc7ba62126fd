/* Order statistics, running extremes, differences, statistics of samples. As in ops.h, x is of any strides, an axis below 0 counts
 * from the end, and a 0-d tensor counts as having one axis, of size 1. */
#ifndef COTAN_STATISTICS_H
#define COTAN_STATISTICS_H

#include <cotan/reduce.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- order: the axis goes, or is kept with size 1; any dtype but of two bytes; error (shape): it has no elements ----
 * indices, which may be NULL, gets where the element is (int64); it has all the gradient. NaN counts as the largest. */

/* The k-th smallest, k from 1 on. Error (argument): k beyond the elements. */
CT_API ct_tensor *ct_kthvalue(ct_tensor *x, int64_t k, int axis, bool keepdim, ct_tensor **indices);
/* The one in the middle, of an even number the lower; NaN where there is one, or, of nanmedian, only where nothing else is. */
CT_API ct_tensor *ct_median(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);
CT_API ct_tensor *ct_nanmedian(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);
/* The most frequent, of several the smallest; the last of its places. */
CT_API ct_tensor *ct_mode(ct_tensor *x, int axis, bool keepdim, ct_tensor **indices);

/* What a quantile between two elements is: on the line between them; the lower; the higher; the mean; the nearest, of two with the
 * even rank. */
typedef enum ct_quantile_interpolation {
    CT_LINE,
    CT_LOWER,
    CT_HIGHER,
    CT_MIDPOINT,
    CT_NEAREST_RANK
} ct_quantile_interpolation;

typedef struct CT_BY_NAME ct_quantile_options {
    CT_OPTIONS_HEAD;
    int64_t axis; /* default CT_UNSET_INT: of all elements */
    bool keepdim; /* keep what is reduced with size 1 */
    ct_quantile_interpolation interpolation;
    bool ignore_nan; /* of the other elements; otherwise NaN where there is one */
} ct_quantile_options;
#define CT_DEFAULTS_ct_quantile_options .axis = CT_UNSET_INT,
CT_API void ct_quantile_options_init(ct_quantile_options *options, size_t size);
/* The elements with a share q of the others below: q 0-d, or [Q], of x's dtype; the result has Q in front of x's other axes. Errors:
 * no elements (shape); q outside 0..1 (argument). PyTorch's quantile and nanquantile. */
CT_API ct_tensor *ct_quantile(ct_tensor *x, ct_tensor *q, const ct_quantile_options *options);

/* ---- running: y has x's shape ---- */
/* log of the sum of exp(x) up to each element; finite and exact for any finite x. */
CT_API ct_tensor *ct_logcumsumexp(ct_tensor *x, int axis);
/* The largest, or the smallest, element up to each, any dtype but of two bytes; indices, which may be NULL, gets where the last such one is, and
 * has all the gradient. From NaN on, NaN. */
CT_API ct_tensor *ct_cummax(ct_tensor *x, int axis, ct_tensor **indices);
CT_API ct_tensor *ct_cummin(ct_tensor *x, int axis, ct_tensor **indices);

/* ---- differences and areas; error (argument): a 0-d tensor ---- */
/* x[i + 1] - x[i] along axis, n times; one element less each time. Integers too. */
CT_API ct_tensor *ct_diff(ct_tensor *x, int64_t n, int axis);
/* The area below the line through y, at distances of 1, or at the places x: [n] or of y's shape. cumulative_trapezoid: up to each
 * element but the first. */
CT_API ct_tensor *ct_trapezoid(ct_tensor *y, ct_tensor *x, int axis);
CT_API ct_tensor *ct_cumulative_trapezoid(ct_tensor *y, ct_tensor *x, int axis);

/* ---- samples ---- */
/* How many elements differ from 0: int64; any dtype but of two bytes. Options as of ct_sum. */
CT_API ct_tensor *ct_count_nonzero(ct_tensor *x, const ct_reduce_options *options);

typedef struct CT_BY_NAME ct_cov_options {
    CT_OPTIONS_HEAD;
    double correction;   /* what is subtracted from the number of observations; default 1 */
    ct_tensor *fweights; /* how often each observation counts: int64 [observations], or NULL */
    ct_tensor *aweights; /* how much it counts: of x's dtype [observations], or NULL */
} ct_cov_options;
#define CT_DEFAULTS_ct_cov_options .correction = 1,
CT_API void ct_cov_options_init(ct_cov_options *options, size_t size);
/* The covariances of x [variables, observations]: [variables, variables]; of [observations] the variance, 0-d. */
CT_API ct_tensor *ct_cov(ct_tensor *x, const ct_cov_options *options);
/* The same over the variables' deviations: correlations, within -1..1. */
CT_API ct_tensor *ct_corrcoef(ct_tensor *x);

/* How often each of 0, 1, ... is among x (int64, one axis): int64; or the sum of the weights there, float, differentiable by them. At
 * least minlength entries, at least up to the largest. Error (argument): an element below 0. */
CT_API ct_tensor *ct_bincount(ct_tensor *x, ct_tensor *weights, int64_t minlength);
/* How many elements lie in each of bins equal parts of low..high, as x's dtype; the last part has its upper end. With low and high
 * 0 from the smallest element to the largest. No gradient. Errors (argument): bins < 1, low above high, ends that are not finite. */
CT_API ct_tensor *ct_histc(ct_tensor *x, int64_t bins, double low, double high);

typedef struct CT_BY_NAME ct_histogram_options {
    CT_OPTIONS_HEAD;
    const double
        *ranges; /* low and high for each axis, [2 axes]; default NULL: from the smallest element to the largest */
    ct_tensor *weights; /* [...], what each point counts: differentiable; or NULL */
    bool density;       /* over all that counts and a part's volume */
} ct_histogram_options;
#define CT_DEFAULTS_ct_histogram_options
CT_API void ct_histogram_options_init(ct_histogram_options *options, size_t size);
/* How many of the points x [..., axes] lie in each of bins[0] x bins[1] x ... equal parts, as x's dtype; the last ones have their upper ends.
 * Errors: shape, argument (bins < 1, ends that are not finite or not in order). PyTorch's histogramdd, without the edges. */
CT_API ct_tensor *ct_histogramdd(ct_tensor *x, const int64_t *bins, int axes, const ct_histogram_options *options);

/* ---- draws, from the thread's generator: the same whatever the threads ---- */
/* Without a gradient: */
/* 1 with the probability that p has there, else 0, in p's dtype and shape. Error (argument): a p outside 0..1. */
CT_API ct_tensor *ct_bernoulli(ct_tensor *p);
/* n classes, int64, drawn from each row of weights [C] or [N, C], which need not add up to 1; without replacement in the order of the
 * draws. n = 1 is a draw of a categorical distribution. Errors: shape, argument (weights that are negative, or not enough above 0). */
CT_API ct_tensor *ct_multinomial(ct_tensor *weights, int64_t n, bool replacement);
/* How often something comes that comes rate times on average; and how many of count trials succeed, each with that probability, broadcast.
 * Whole numbers of the parameters' dtype. Errors: shape, argument (a rate below 0, a probability outside 0..1, no count). PyTorch's poisson
 * and binomial. */
CT_API ct_tensor *ct_poisson(ct_tensor *rate);
CT_API ct_tensor *ct_binomial(ct_tensor *count, ct_tensor *probability);
/* With a gradient, by which the expectation of what is made of a draw can be descended (Figurnov et al. 2018): */
/* x with the density x^(shape-1) exp(-x) / Gamma(shape), for each element of shape; over a rate r: ct_div(x, r). x^(a-1) (1-x)^(b-1) /
 * B(a, b), a and b broadcast. Shares that add up to 1 along the last axis, each x^(concentration-1). Never 0, shares never 1. Error
 * (argument): a parameter below 0. PyTorch's _standard_gamma, distributions.Beta, _sample_dirichlet. */
CT_API ct_tensor *ct_standard_gamma(ct_tensor *shape);
CT_API ct_tensor *ct_sample_beta(ct_tensor *a, ct_tensor *b);
CT_API ct_tensor *ct_sample_dirichlet(ct_tensor *concentration);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_kthvalue(x, ...) ct_at(CT_HERE, ct_kthvalue(x, __VA_ARGS__))
#define ct_median(x, axis, keepdim, indices) ct_at(CT_HERE, ct_median(x, axis, keepdim, indices))
#define ct_nanmedian(x, axis, keepdim, indices) ct_at(CT_HERE, ct_nanmedian(x, axis, keepdim, indices))
#define ct_mode(x, axis, keepdim, indices) ct_at(CT_HERE, ct_mode(x, axis, keepdim, indices))
#define ct_quantile(...) ct_at(CT_HERE, CT_WITH2(ct_quantile, ct_quantile_options, __VA_ARGS__, ))
#define ct_logcumsumexp(x, axis) ct_at(CT_HERE, ct_logcumsumexp(x, axis))
#define ct_cummax(x, axis, indices) ct_at(CT_HERE, ct_cummax(x, axis, indices))
#define ct_cummin(x, axis, indices) ct_at(CT_HERE, ct_cummin(x, axis, indices))
#define ct_diff(x, n, axis) ct_at(CT_HERE, ct_diff(x, n, axis))
#define ct_trapezoid(y, x, axis) ct_at(CT_HERE, ct_trapezoid(y, x, axis))
#define ct_cumulative_trapezoid(y, x, axis) ct_at(CT_HERE, ct_cumulative_trapezoid(y, x, axis))
#define ct_count_nonzero(...) ct_at(CT_HERE, CT_WITH1(ct_count_nonzero, ct_reduce_options, __VA_ARGS__, ))
#define ct_cov(...) ct_at(CT_HERE, CT_WITH1(ct_cov, ct_cov_options, __VA_ARGS__, ))
#define ct_corrcoef(x) ct_at(CT_HERE, ct_corrcoef(x))
#define ct_bincount(x, weights, minlength) ct_at(CT_HERE, ct_bincount(x, weights, minlength))
#define ct_histogramdd(...) ct_at(CT_HERE, CT_WITH3(ct_histogramdd, ct_histogram_options, __VA_ARGS__, ))
#define ct_bernoulli(p) ct_at(CT_HERE, ct_bernoulli(p))
#define ct_multinomial(weights, n, replacement) ct_at(CT_HERE, ct_multinomial(weights, n, replacement))
#define ct_poisson(rate) ct_at(CT_HERE, ct_poisson(rate))
#define ct_binomial(count, probability) ct_at(CT_HERE, ct_binomial(count, probability))
#define ct_standard_gamma(shape) ct_at(CT_HERE, ct_standard_gamma(shape))
#define ct_sample_beta(a, b) ct_at(CT_HERE, ct_sample_beta(a, b))
#define ct_sample_dirichlet(concentration) ct_at(CT_HERE, ct_sample_dirichlet(concentration))
#define ct_histc(x, bins, low, high) ct_at(CT_HERE, ct_histc(x, bins, low, high))
#endif

#ifdef __cplusplus
}
#endif
#endif
