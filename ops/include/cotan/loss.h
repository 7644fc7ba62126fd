/* Softmax and losses.
 *
 * A loss compares x with a target and reduces as its options say: by default the mean. Options are given behind the
 * arguments, ct_cross_entropy(x, t, .label_smoothing = 0.1); in plain functions a NULL pointer stands for the defaults. */
#ifndef COTAN_LOSS_H
#define COTAN_LOSS_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* exp(x_i) / sum_j exp(x_j) along axis (negative counts from the end), and its logarithm; safe for any finite x. Shape of x. */
CT_API ct_tensor *ct_softmax(ct_tensor *x, int axis);
CT_API ct_tensor *ct_log_softmax(ct_tensor *x, int axis);

/* What becomes of the losses of the elements: their mean, their sum, or nothing. */
typedef enum ct_reduction {
    CT_MEAN,
    CT_SUM,
    CT_NONE,
    CT_BATCH_MEAN /* the sum by the first axis's size; kl_div only */
} ct_reduction;

typedef struct CT_BY_NAME ct_cross_entropy_options {
    CT_OPTIONS_HEAD;
    ct_tensor *weight;      /* one for each class, [C], or NULL */
    double label_smoothing; /* 0..1: this share of the target is spread evenly over all classes */
    ct_reduction reduction; /* not CT_BATCH_MEAN. The mean over class labels is weighted, and leaves ignored ones out */
    int64_t ignore_index;   /* labels of this value count for nothing; default -100. Not with probabilities */
} ct_cross_entropy_options;
#define CT_DEFAULTS_ct_cross_entropy_options .ignore_index = -100,
CT_API void ct_cross_entropy_options_init(ct_cross_entropy_options *options, size_t size);

/* -log softmax(x)[target], summed with the target's probabilities if these are given: x is [N,C,d...] or [C]; target is
 * int64 class labels [N,d...] or scalar, or probabilities of x's shape and dtype, which get a gradient too. Result 0-d, or
 * of the labels' shape for CT_NONE. Finite for any finite x. PyTorch's cross_entropy. Errors: shape, dtype, argument (a
 * label outside 0..C-1). With labels weight gets no gradient. */
CT_API ct_tensor *ct_cross_entropy(ct_tensor *x, ct_tensor *target, const ct_cross_entropy_options *options);
/* The same where x holds logarithms of probabilities already; labels only; no label_smoothing. */
CT_API ct_tensor *ct_nll_loss(ct_tensor *x, ct_tensor *target, const ct_cross_entropy_options *options);

typedef struct CT_BY_NAME ct_multi_margin_options {
    CT_OPTIONS_HEAD;
    ct_tensor *weight;      /* one for each class, [C], or NULL */
    ct_reduction reduction; /* not CT_BATCH_MEAN. The mean is over rows, whatever their weights */
    double margin;          /* default 1 */
    int p;                  /* 1, the default, or 2 */
} ct_multi_margin_options;
#define CT_DEFAULTS_ct_multi_margin_options .margin = 1, .p = 1,
CT_API void ct_multi_margin_options_init(ct_multi_margin_options *options, size_t size);

/* weight[t] sum_{c != t} max(0, margin - x[t] + x[c])^p / C for x [N,C] or [C] and int64 labels t, [N] or scalar. C times as
 * much is the loss of Weston and Watkins. PyTorch's multi_margin_loss. Errors: shape, dtype, argument (a label outside
 * 0..C-1). */
CT_API ct_tensor *ct_multi_margin_loss(ct_tensor *x, ct_tensor *target, const ct_multi_margin_options *options);

typedef struct CT_BY_NAME ct_loss_options {
    CT_OPTIONS_HEAD;
    ct_reduction reduction;
    double delta;          /* huber: where it becomes linear, > 0; default 1 */
    ct_tensor *weight;     /* binary cross entropies: factors that broadcast to x, or NULL */
    ct_tensor *pos_weight; /* with logits only: factors of t log sigmoid(x) that broadcast to x, or NULL */
    bool log_target;       /* kl_div: the target holds logarithms */
} ct_loss_options;
#define CT_DEFAULTS_ct_loss_options .delta = 1,
CT_API void ct_loss_options_init(ct_loss_options *options, size_t size);

/* Of x and target t of one shape, neither of which is broadcast (ct_expand() one): [n,1] with [n] is an error. Gradients flow
 * to both. Element by element: */
CT_API ct_tensor *ct_mse_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options); /* (x - t)^2 */
CT_API ct_tensor *ct_l1_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options); /* |x - t|; gradient 0 at 0 */
CT_API ct_tensor *ct_huber_loss(ct_tensor *x, ct_tensor *t,
                                const ct_loss_options *options); /* d^2/2, or delta (|d| - delta/2) */
/* -t log x - (1 - t) log(1 - x), each logarithm at least -100 as in PyTorch; so is each in t's gradient. Error (argument): an
 * element of x outside 0..1. */
CT_API ct_tensor *ct_binary_cross_entropy(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);
/* The same of sigmoid(x); finite and exact for any finite x. */
CT_API ct_tensor *ct_binary_cross_entropy_with_logits(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);
/* t (log t - x): the Kullback-Leibler divergence of exp(x) from t. 0 where t is 0, with t's gradient log t + 1 - x, -infinity. */
CT_API ct_tensor *ct_kl_div(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);
/* max(0, 1 - x t), t = +-1. */
CT_API ct_tensor *ct_hinge_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);

/* d^2 / (2 delta), or |d| - delta/2 where |d| > delta: huber_loss / delta; |d| for a delta of 0. PyTorch's beta is delta. */
CT_API ct_tensor *ct_smooth_l1_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options);

/* ---- margins, distances, likelihoods; t is 1 or -1 unless said otherwise ---- */

/* For all of these: x and t, or a and b, have one shape, and neither is broadcast. */
typedef struct CT_BY_NAME ct_criterion_options {
    CT_OPTIONS_HEAD;
    ct_reduction reduction; /* not CT_BATCH_MEAN */
    double margin;          /* default CT_UNSET: 1 for hinge_embedding and triplet_margin, else 0 */
    double p;               /* triplet_margin: of the distances' norm; default 2 */
    double eps; /* default CT_UNSET. triplet_margin: added to differences, 1e-6; gaussian_nll: the least var, 1e-6;
                   poisson_nll: added to the rate under the logarithm, 1e-8 */
    double alpha, gamma; /* sigmoid_focal: the weight of t = 1, below 0 for none, default 0.25; the power, default 2 */
    bool swap;           /* triplet_margin: the negative counts as far as it is from the nearer of the other two */
    bool full; /* nll: with the terms that do not depend on x; Stirling's approximation of log t! where t > 1 */
    bool rate; /* poisson_nll: x is the rate, not its logarithm */
} ct_criterion_options;
#define CT_DEFAULTS_ct_criterion_options .margin = CT_UNSET, .p = 2, .eps = CT_UNSET, .alpha = 0.25, .gamma = 2,
CT_API void ct_criterion_options_init(ct_criterion_options *options, size_t size);

/* log(1 + exp(-t x)). */
CT_API ct_tensor *ct_soft_margin_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options);
/* x where t is 1, else max(0, margin - x). t gets no gradient. */
CT_API ct_tensor *ct_hinge_embedding_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options);
/* max(0, -t (a - b) + margin), t of a's shape or one number. */
CT_API ct_tensor *ct_margin_ranking_loss(ct_tensor *a, ct_tensor *b, ct_tensor *t, const ct_criterion_options *options);
/* With the cosine of a and b [..., E]: 1 - cosine where t, [...] or one number, is 1, else max(0, cosine - margin). t gets no
 * gradient. */
CT_API ct_tensor *ct_cosine_embedding_loss(ct_tensor *a, ct_tensor *b, ct_tensor *t,
                                           const ct_criterion_options *options);
/* max(0, |anchor - positive| - |anchor - negative| + margin), the distances along the last axis, of differences + eps;
 * the three broadcast. */
CT_API ct_tensor *ct_triplet_margin_loss(ct_tensor *anchor, ct_tensor *positive, ct_tensor *negative,
                                         const ct_criterion_options *options);
/* The norm of a - b + eps along the last axis. PyTorch's p is 2, its eps 1e-6. */
CT_API ct_tensor *ct_pairwise_distance(ct_tensor *a, ct_tensor *b, double p, double eps, bool keepdim);
/* (log v + (x - t)^2 / v) / 2, v the larger of var and eps; var's gradient is as if it were var. var is one number for each element of x
 * [...,d], for each row ([...] or [...,1]), or for all. Error (argument): var < 0. */
CT_API ct_tensor *ct_gaussian_nll_loss(ct_tensor *x, ct_tensor *t, ct_tensor *var, const ct_criterion_options *options);
/* exp(x) - t x, or, of a rate, x - t log(x + eps): t counts. */
CT_API ct_tensor *ct_poisson_nll_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options);
/* Binary cross entropy with logits, times (1 - p)^gamma and alpha (1 - alpha where t is 0), p the probability of what is true; t in
 * 0..1. torchvision's sigmoid_focal_loss; its reduction is none. */
CT_API ct_tensor *ct_sigmoid_focal_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options);
/* Binary cross entropy with logits, of t in 0..1, its mean over the last axis, the classes. */
CT_API ct_tensor *ct_multilabel_soft_margin_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options);
/* The sum over a row's labels and all other classes of max(0, 1 - (x[label] - x[other])), over C: x [N,C] or [C], labels int64 of that shape,
 * a row of which ends at the first number below 0. Error (argument): a label outside 0..C-1. */
CT_API ct_tensor *ct_multilabel_margin_loss(ct_tensor *x, ct_tensor *labels, const ct_criterion_options *options);

typedef struct CT_BY_NAME ct_ctc_options {
    CT_OPTIONS_HEAD;
    int64_t blank; /* the class that stands for no label */
    ct_reduction
        reduction;      /* not CT_BATCH_MEAN. For the mean each loss is first divided by its target's length, or 1 */
    bool zero_infinity; /* a sequence that is impossible has the loss 0 in place of infinity; no gradient either way */
} ct_ctc_options;
#define CT_DEFAULTS_ct_ctc_options
CT_API void ct_ctc_options_init(ct_ctc_options *options, size_t size);
/* -log of the probability of the labels targets [N,S], the first target_lengths [N] of each, by all their alignments with the
 * first input_lengths [N] of log_probs [T,N,C]; indices are int64. Graves et al. 2006; PyTorch's ctc_loss. The gradient is that by
 * log_probs as they are (PyTorch's is that by the logits of their log_softmax). Errors: shape, argument (a label, a length). */
CT_API ct_tensor *ct_ctc_loss(ct_tensor *log_probs, ct_tensor *targets, ct_tensor *input_lengths,
                              ct_tensor *target_lengths, const ct_ctc_options *options);

/* The sum of max(0, -x t), t = +-1. 0-d. */
CT_API ct_tensor *ct_perceptron_loss(ct_tensor *x, ct_tensor *t);
/* a . b / (max(|a|, eps) max(|b|, eps)) along axis, which goes away; a and b broadcast. PyTorch's eps is 1e-8. */
CT_API ct_tensor *ct_cosine_similarity(ct_tensor *a, ct_tensor *b, int axis, double eps);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_softmax(x, axis) ct_at(CT_HERE, ct_softmax(x, axis))
#define ct_log_softmax(x, axis) ct_at(CT_HERE, ct_log_softmax(x, axis))
#define CT_LOSS_(function, ...) ct_at(CT_HERE, CT_WITH2(function, ct_loss_options, __VA_ARGS__, ))
#define CT_CROSS_ENTROPY_(function, ...) ct_at(CT_HERE, CT_WITH2(function, ct_cross_entropy_options, __VA_ARGS__, ))
#define ct_cross_entropy(...) CT_CROSS_ENTROPY_(ct_cross_entropy, __VA_ARGS__)
#define ct_nll_loss(...) CT_CROSS_ENTROPY_(ct_nll_loss, __VA_ARGS__)
#define ct_mse_loss(...) CT_LOSS_(ct_mse_loss, __VA_ARGS__)
#define ct_l1_loss(...) CT_LOSS_(ct_l1_loss, __VA_ARGS__)
#define ct_huber_loss(...) CT_LOSS_(ct_huber_loss, __VA_ARGS__)
#define ct_binary_cross_entropy(...) CT_LOSS_(ct_binary_cross_entropy, __VA_ARGS__)
#define ct_binary_cross_entropy_with_logits(...) CT_LOSS_(ct_binary_cross_entropy_with_logits, __VA_ARGS__)
#define ct_kl_div(...) CT_LOSS_(ct_kl_div, __VA_ARGS__)
#define ct_smooth_l1_loss(...) CT_LOSS_(ct_smooth_l1_loss, __VA_ARGS__)
#define CT_CRITERION_(function, ...) ct_at(CT_HERE, CT_WITH2(function, ct_criterion_options, __VA_ARGS__, ))
#define CT_CRITERION3_(function, ...) ct_at(CT_HERE, CT_WITH3(function, ct_criterion_options, __VA_ARGS__, ))
#define ct_soft_margin_loss(...) CT_CRITERION_(ct_soft_margin_loss, __VA_ARGS__)
#define ct_hinge_embedding_loss(...) CT_CRITERION_(ct_hinge_embedding_loss, __VA_ARGS__)
#define ct_margin_ranking_loss(...) CT_CRITERION3_(ct_margin_ranking_loss, __VA_ARGS__)
#define ct_cosine_embedding_loss(...) CT_CRITERION3_(ct_cosine_embedding_loss, __VA_ARGS__)
#define ct_triplet_margin_loss(...) CT_CRITERION3_(ct_triplet_margin_loss, __VA_ARGS__)
#define ct_pairwise_distance(a, b, p, eps, keepdim) ct_at(CT_HERE, ct_pairwise_distance(a, b, p, eps, keepdim))
#define ct_gaussian_nll_loss(...) CT_CRITERION3_(ct_gaussian_nll_loss, __VA_ARGS__)
#define ct_poisson_nll_loss(...) CT_CRITERION_(ct_poisson_nll_loss, __VA_ARGS__)
#define ct_sigmoid_focal_loss(...) CT_CRITERION_(ct_sigmoid_focal_loss, __VA_ARGS__)
#define ct_multilabel_margin_loss(...) CT_CRITERION_(ct_multilabel_margin_loss, __VA_ARGS__)
#define ct_multilabel_soft_margin_loss(...) CT_CRITERION_(ct_multilabel_soft_margin_loss, __VA_ARGS__)
#define ct_ctc_loss(...) ct_at(CT_HERE, CT_WITH4(ct_ctc_loss, ct_ctc_options, __VA_ARGS__, ))
#define ct_hinge_loss(...) CT_LOSS_(ct_hinge_loss, __VA_ARGS__)
#define ct_multi_margin_loss(...) ct_at(CT_HERE, CT_WITH2(ct_multi_margin_loss, ct_multi_margin_options, __VA_ARGS__, ))
#define ct_perceptron_loss(x, t) ct_at(CT_HERE, ct_perceptron_loss(x, t))
#define ct_cosine_similarity(a, b, axis, eps) ct_at(CT_HERE, ct_cosine_similarity(a, b, axis, eps))
#endif

#ifdef __cplusplus
}
#endif
#endif
