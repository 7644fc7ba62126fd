/* Normalisation. Channels are axis 1: x is [N, C, ...]. weight and bias may be NULL: 1 and 0. Options are given behind the
 * arguments, ct_layer_norm(x, w, b, .eps = 1e-6); in plain functions a NULL pointer stands for the defaults. */
#ifndef COTAN_NORM_H
#define COTAN_NORM_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CT_BY_NAME ct_norm_options {
    CT_OPTIONS_HEAD;
    double eps; /* added to the variance (rms_norm: to the mean square); default CT_UNSET: 1e-5, rms_norm 1e-6 */
    /* batch_norm: */
    ct_tensor *running_mean,
        *running_var; /* [C]; both or neither. In training they take in the batch's mean and unbiased
                                              variance, in place; in evaluation they are what x is normalised with */
    bool evaluation;  /* true in evaluation; false, the default, in training */
    double momentum;  /* the batch's share of the running statistics; default 0.1 */
    /* layer_norm, rms_norm: */
    int axes; /* how many of the last axes are normalised; default CT_UNSET_INT: the weight's rank, or 1 */
} ct_norm_options;
#define CT_DEFAULTS_ct_norm_options .eps = CT_UNSET, .momentum = 0.1, .axes = CT_UNSET_INT,
CT_API void ct_norm_options_init(ct_norm_options *options, size_t size);

/* (x - mean) / sqrt(variance + eps) * weight + bias with the biased variance, for each channel over all other axes (Ioffe,
 * Szegedy 2015). weight, bias [C]. Errors: shape, dtype, argument. A channel of one element cannot be trained on (argument).
 * The running statistics change when all of the result is there, both or neither. If what fails later in the step, another
 * operation or backward, is still pending when the innermost scope closes, they are put back: ct_scope_guard(). */
CT_API ct_tensor *ct_batch_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options);
/* The same for each sample over its last axes (Ba, Kiros, Hinton 2016). weight, bias: the shape of those axes. */
CT_API ct_tensor *ct_layer_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options);
/* The same for each sample over groups of channels (Wu, He 2018); groups divides C. weight, bias [C]. */
CT_API ct_tensor *ct_group_norm(ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias,
                                const ct_norm_options *options);
/* The same for each sample and channel. weight, bias [C]. */
CT_API ct_tensor *ct_instance_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options);
/* x / sqrt(mean of x^2 over the last axes + eps) * weight (Zhang, Sennrich 2019). */
CT_API ct_tensor *ct_rms_norm(ct_tensor *x, ct_tensor *weight, const ct_norm_options *options);

typedef struct CT_BY_NAME ct_local_response_options {
    CT_OPTIONS_HEAD;
    double alpha; /* default 1e-4 */
    double beta;  /* default 0.75 */
    double k;     /* default 1 */
} ct_local_response_options;
#define CT_DEFAULTS_ct_local_response_options .alpha = 1e-4, .beta = 0.75, .k = 1,
CT_API void ct_local_response_options_init(ct_local_response_options *options, size_t size);
/* x (k + alpha / size sum of x^2 over size channels around)^-beta; channels outside count as 0 (Krizhevsky et al. 2012, with
 * PyTorch's division by size). size >= 1. */
CT_API ct_tensor *ct_local_response_norm(ct_tensor *x, int64_t size, const ct_local_response_options *options);

typedef struct CT_BY_NAME ct_normalize_options {
    CT_OPTIONS_HEAD;
    double p;   /* of the norm; default 2 */
    double eps; /* default 1e-12 */
} ct_normalize_options;
#define CT_DEFAULTS_ct_normalize_options .p = 2, .eps = 1e-12,
CT_API void ct_normalize_options_init(ct_normalize_options *options, size_t size);
/* x / max(|x|, eps), |x| the norm along axis (ct_norm's). PyTorch's normalize. */
CT_API ct_tensor *ct_normalize(ct_tensor *x, int axis, const ct_normalize_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_batch_norm(...) ct_at(CT_HERE, CT_WITH3(ct_batch_norm, ct_norm_options, __VA_ARGS__, ))
#define ct_layer_norm(...) ct_at(CT_HERE, CT_WITH3(ct_layer_norm, ct_norm_options, __VA_ARGS__, ))
#define ct_group_norm(...) ct_at(CT_HERE, CT_WITH4(ct_group_norm, ct_norm_options, __VA_ARGS__, ))
#define ct_instance_norm(...) ct_at(CT_HERE, CT_WITH3(ct_instance_norm, ct_norm_options, __VA_ARGS__, ))
#define ct_rms_norm(...) ct_at(CT_HERE, CT_WITH2(ct_rms_norm, ct_norm_options, __VA_ARGS__, ))
#define ct_local_response_norm(...) \
    ct_at(CT_HERE, CT_WITH2(ct_local_response_norm, ct_local_response_options, __VA_ARGS__, ))
#define ct_normalize(...) ct_at(CT_HERE, CT_WITH2(ct_normalize, ct_normalize_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
