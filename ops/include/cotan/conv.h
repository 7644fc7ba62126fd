/* Convolutions and pooling, in one, two and three dimensions.
 *
 * x is [N,C,spatial...] or, for a single image, [C,spatial...]; the result has N where x has it. Options are given for each
 * spatial axis, first axis first; a lone first entry stands for all axes: .padding = {1}; a 0 behind another entry is written
 * CT_ZERO: .padding = {1, CT_ZERO}.
 * Sizes follow PyTorch's documentation of Conv2d, ConvTranspose2d, MaxPool2d and AvgPool2d. */
#ifndef COTAN_CONV_H
#define COTAN_CONV_H

#include <cotan/arrange.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_conv_options {
    CT_OPTIONS_HEAD;
    int64_t stride[3];   /* default 1 */
    int64_t padding[3];  /* zeros on either side of x; of a transposed convolution: what is cut off on either side */
    int64_t dilation[3]; /* distance of the kernel's elements; default 1 */
    int64_t output_padding[3]; /* transposed convolutions only: added to one side of the result; below the stride */
    int64_t groups;            /* channels are dealt into this many groups that do not see each other; default 1 */
    /* What stands around x in place of zeros, and as much of it that the result has x's sizes, the odd element behind (strides of 1,
     * in place of padding). Not of transposed convolutions. For pooling: ct_pad() first. */
    ct_pad_mode padding_mode;
    bool same;
} ct_conv_options;
#define CT_DEFAULTS_ct_conv_options .stride = {1}, .dilation = {1}, .groups = 1,
CT_API void ct_conv_options_init(ct_conv_options *options, size_t size);

/* y[n,k,p] = b[k] + sum over c, t of w[k,c,t] x[n,c, p stride + t dilation - padding]. w [K,C/groups,kernel...]; b [K] or
 * NULL. Errors: shape (channels, groups, a kernel larger than the padded input), dtype, argument.
 * In float32, kernels of 3 x 3 with stride and dilation 1 are computed by Winograd's F(2x2, 3x3) where that pays, as exact as the
 * direct sum: Lavin and Gray, Fast algorithms for convolutional neural networks, 2016. An infinity or NaN then reaches a few
 * results more than it goes into. */
CT_API ct_tensor *ct_conv1d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);
CT_API ct_tensor *ct_conv2d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);
CT_API ct_tensor *ct_conv3d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);

/* The adjoint of a convolution, plus a bias: x [N,K,spatial...], w [K,C/groups,kernel...], b [C] or NULL; result
 * [N,C,(size - 1) stride - 2 padding + (kernel - 1) dilation + 1 + output_padding, ...]. Errors as above. */
CT_API ct_tensor *ct_conv_transpose1d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);
CT_API ct_tensor *ct_conv_transpose2d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);
CT_API ct_tensor *ct_conv_transpose3d(ct_tensor *x, ct_tensor *w, ct_tensor *b, const ct_conv_options *options);

/* A convolution of x [N,C,H,W] with w [K,C/groups,kernel...] whose taps read the image beside where they stand, between pixels:
 * offset [N, 2 parts taps, h, w], rows before columns, for each tap of each part of the channels; mask [N, parts taps, h, w], or NULL,
 * multiplies what a tap reads (Dai et al. 2017, Zhu et al. 2019). torchvision's deform_conv2d. No same, padding_mode or output_padding. */
CT_API ct_tensor *ct_deform_conv2d(ct_tensor *x, ct_tensor *offset, ct_tensor *w, ct_tensor *b, ct_tensor *mask,
                                   const ct_conv_options *options);

typedef struct CT_BY_NAME ct_pool_options {
    CT_OPTIONS_HEAD;
    int64_t kernel[3];   /* in place of the kernel argument; default CT_UNSET_INT: that */
    int64_t stride[3];   /* default CT_UNSET_INT: the kernel */
    int64_t padding[3];  /* on either side; at most half the kernel */
    int64_t dilation[3]; /* distance of a window's elements; default 1 */
    int64_t divisor;     /* average only: divides the sum; default CT_UNSET_INT: the number of elements in the window */
    bool ceil_mode;      /* windows that begin inside x (or its left padding) count even if they end outside */
    bool
        exclude_pad; /* average only: the default divisor does not count padding (PyTorch's count_include_pad = False) */
    ct_tensor *
        *indices; /* maximum only: gets where each maximum is in its image's flat spatial order, int64, or NULL; the
                            first of equals */
} ct_pool_options;
#define CT_DEFAULTS_ct_pool_options \
    .kernel = {CT_UNSET_INT}, .stride = {CT_UNSET_INT}, .dilation = {1}, .divisor = CT_UNSET_INT,
CT_API void ct_pool_options_init(ct_pool_options *options, size_t size);

/* The largest element of each window of kernel (x kernel) elements; padding counts as -infinity; the gradient goes to the
 * first of equals; NaN wins. Errors: shape, dtype, argument. */
CT_API ct_tensor *ct_max_pool1d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
CT_API ct_tensor *ct_max_pool2d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
CT_API ct_tensor *ct_max_pool3d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
/* The mean of each window; padding counts as zeros. */
CT_API ct_tensor *ct_avg_pool1d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
CT_API ct_tensor *ct_avg_pool2d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
CT_API ct_tensor *ct_avg_pool3d(ct_tensor *x, int64_t kernel, const ct_pool_options *options);
/* The mean over windows laid so that the result is [...,height,width]: window i covers floor(i size / height) to
 * ceil((i + 1) size / height). */
CT_API ct_tensor *ct_adaptive_avg_pool1d(ct_tensor *x, int64_t length);
CT_API ct_tensor *ct_adaptive_avg_pool2d(ct_tensor *x, int64_t height, int64_t width);
CT_API ct_tensor *ct_adaptive_avg_pool3d(ct_tensor *x, int64_t depth, int64_t height, int64_t width);
/* The largest element of each of these windows. indices, unless NULL, gets where it is, as ct_pool_options says. */
CT_API ct_tensor *ct_adaptive_max_pool1d(ct_tensor *x, int64_t length, ct_tensor **indices);
CT_API ct_tensor *ct_adaptive_max_pool2d(ct_tensor *x, int64_t height, int64_t width, ct_tensor **indices);
CT_API ct_tensor *ct_adaptive_max_pool3d(ct_tensor *x, int64_t depth, int64_t height, int64_t width,
                                         ct_tensor **indices);
typedef struct CT_BY_NAME ct_fractional_options {
    CT_OPTIONS_HEAD;
    int64_t kernel[3]; /* in place of the kernel argument; default CT_UNSET_INT: that */
    ct_tensor *
        samples; /* in [0, 1), of x's dtype, [N, C, axes]: what moves the windows; default NULL: drawn. PyTorch's _random_samples */
    ct_tensor **indices; /* gets where each maximum is, as ct_pool_options says, or NULL */
} ct_fractional_options;
#define CT_DEFAULTS_ct_fractional_options .kernel = {CT_UNSET_INT},
CT_API void ct_fractional_options_init(ct_fractional_options *options, size_t size);
/* The largest element of each of height x width windows of kernel x kernel elements, which overlap or not as a sample for each image and
 * axis says, so that sizes fall by any factor (Graham 2014). Errors: shape, dtype, argument. */
CT_API ct_tensor *ct_fractional_max_pool2d(ct_tensor *x, int64_t kernel, int64_t height, int64_t width,
                                           const ct_fractional_options *options);
CT_API ct_tensor *ct_fractional_max_pool3d(ct_tensor *x, int64_t kernel, int64_t depth, int64_t height, int64_t width,
                                           const ct_fractional_options *options);
/* What a maximum over windows came from, and 0 between: x [N,C,spatial...] or without N at the places indices (int64, x's shape), as
 * ct_max_pool1d() to 3d() and the adaptive ones give them, in an image of size, an entry for each spatial axis. Where a place stands twice
 * the last in row-major order counts, and it alone gets a gradient (PyTorch's gets each). Errors: dtype, shape, argument (a place outside the image). */
CT_API ct_tensor *ct_max_unpool(ct_tensor *x, ct_tensor *indices, const int64_t *size, int axes);

/* The windows of a convolution as columns: x [N,C,H,W] or [C,H,W] gives [N, C kernel[0] kernel[1], windows] or the same
 * without N; kernel [2]. groups must be 1, output_padding 0. PyTorch's unfold. And of one or three axes. */
CT_API ct_tensor *ct_unfold(ct_tensor *x, const int64_t *kernel, const ct_conv_options *options);
CT_API ct_tensor *ct_unfold1d(ct_tensor *x, const int64_t *kernel, const ct_conv_options *options);
CT_API ct_tensor *ct_unfold3d(ct_tensor *x, const int64_t *kernel, const ct_conv_options *options);
/* The adjoint of unfold: columns are added up where they came from, in an image of size [2]. PyTorch's fold. And of one or three axes:
 * ONNX's Col2Im. */
CT_API ct_tensor *ct_fold(ct_tensor *columns, const int64_t *size, const int64_t *kernel,
                          const ct_conv_options *options);
CT_API ct_tensor *ct_fold1d(ct_tensor *columns, const int64_t *size, const int64_t *kernel,
                            const ct_conv_options *options);
CT_API ct_tensor *ct_fold3d(ct_tensor *columns, const int64_t *size, const int64_t *kernel,
                            const ct_conv_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_conv1d(...) ct_at(CT_HERE, CT_WITH3(ct_conv1d, ct_conv_options, __VA_ARGS__, ))
#define ct_conv2d(...) ct_at(CT_HERE, CT_WITH3(ct_conv2d, ct_conv_options, __VA_ARGS__, ))
#define ct_conv3d(...) ct_at(CT_HERE, CT_WITH3(ct_conv3d, ct_conv_options, __VA_ARGS__, ))
#define ct_conv_transpose1d(...) ct_at(CT_HERE, CT_WITH3(ct_conv_transpose1d, ct_conv_options, __VA_ARGS__, ))
#define ct_conv_transpose2d(...) ct_at(CT_HERE, CT_WITH3(ct_conv_transpose2d, ct_conv_options, __VA_ARGS__, ))
#define ct_conv_transpose3d(...) ct_at(CT_HERE, CT_WITH3(ct_conv_transpose3d, ct_conv_options, __VA_ARGS__, ))
#define ct_deform_conv2d(...) ct_at(CT_HERE, CT_WITH5(ct_deform_conv2d, ct_conv_options, __VA_ARGS__, ))
#define ct_max_pool1d(...) ct_at(CT_HERE, CT_WITH2(ct_max_pool1d, ct_pool_options, __VA_ARGS__, ))
#define ct_max_pool2d(...) ct_at(CT_HERE, CT_WITH2(ct_max_pool2d, ct_pool_options, __VA_ARGS__, ))
#define ct_max_pool3d(...) ct_at(CT_HERE, CT_WITH2(ct_max_pool3d, ct_pool_options, __VA_ARGS__, ))
#define ct_avg_pool1d(...) ct_at(CT_HERE, CT_WITH2(ct_avg_pool1d, ct_pool_options, __VA_ARGS__, ))
#define ct_avg_pool2d(...) ct_at(CT_HERE, CT_WITH2(ct_avg_pool2d, ct_pool_options, __VA_ARGS__, ))
#define ct_avg_pool3d(...) ct_at(CT_HERE, CT_WITH2(ct_avg_pool3d, ct_pool_options, __VA_ARGS__, ))
#define ct_adaptive_avg_pool1d(x, length) ct_at(CT_HERE, ct_adaptive_avg_pool1d(x, length))
#define ct_adaptive_avg_pool2d(x, height, width) ct_at(CT_HERE, ct_adaptive_avg_pool2d(x, height, width))
#define ct_adaptive_avg_pool3d(x, depth, height, width) ct_at(CT_HERE, ct_adaptive_avg_pool3d(x, depth, height, width))
#define ct_adaptive_max_pool1d(x, length, indices) ct_at(CT_HERE, ct_adaptive_max_pool1d(x, length, indices))
#define ct_adaptive_max_pool2d(x, height, width, indices) \
    ct_at(CT_HERE, ct_adaptive_max_pool2d(x, height, width, indices))
#define ct_adaptive_max_pool3d(x, depth, height, width, indices) \
    ct_at(CT_HERE, ct_adaptive_max_pool3d(x, depth, height, width, indices))
#define ct_fractional_max_pool2d(...) \
    ct_at(CT_HERE, CT_WITH4(ct_fractional_max_pool2d, ct_fractional_options, __VA_ARGS__, ))
#define ct_fractional_max_pool3d(...) \
    ct_at(CT_HERE, CT_WITH5(ct_fractional_max_pool3d, ct_fractional_options, __VA_ARGS__, ))
#define ct_max_unpool(x, ...) ct_at(CT_HERE, ct_max_unpool(x, __VA_ARGS__))
#define ct_unfold(...) ct_at(CT_HERE, CT_WITH2(ct_unfold, ct_conv_options, __VA_ARGS__, ))
#define ct_fold(...) ct_at(CT_HERE, CT_WITH3(ct_fold, ct_conv_options, __VA_ARGS__, ))
#define ct_unfold1d(...) ct_at(CT_HERE, CT_WITH2(ct_unfold1d, ct_conv_options, __VA_ARGS__, ))
#define ct_fold1d(...) ct_at(CT_HERE, CT_WITH3(ct_fold1d, ct_conv_options, __VA_ARGS__, ))
#define ct_unfold3d(...) ct_at(CT_HERE, CT_WITH2(ct_unfold3d, ct_conv_options, __VA_ARGS__, ))
#define ct_fold3d(...) ct_at(CT_HERE, CT_WITH3(ct_fold3d, ct_conv_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
