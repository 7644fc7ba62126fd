/* How good predictions are: counts of right and wrong ones, and how well scores tell two classes apart. Names and conventions are
 * scikit-learn's (https://scikit-learn.org/stable/modules/model_evaluation.html). Nothing here is recorded. */
#ifndef COTAN_METRICS_H
#define COTAN_METRICS_H

#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- classes ---- */

/* Element [t, p] of the result, int64 [classes, classes], is how many of class t were taken for class p. predictions: classes, int64
 * [n], or scores, float [n, classes], the largest of a row counting (of equals the first). labels: int64 [n]. Owned by the
 * innermost scope. NULL with an error: NULL, shape, dtype, argument (classes < 1, a label or prediction outside 0..classes-1),
 * memory. */
CT_API ct_tensor *ct_confusion_matrix(ct_tensor *predictions, ct_tensor *labels, int64_t classes);

/* From a confusion matrix [classes, classes], for each class c, as float64 [classes]; 0 where nothing is to be divided by:
 * precision: the share of those taken for c that are of c;
 * recall: the share of those of c that are taken for c;
 * f1: their harmonic mean.
 * Owned by the innermost scope. NULL with an error: NULL, shape, dtype (must be int64), memory. */
CT_API ct_tensor *ct_precision(ct_tensor *confusion);
CT_API ct_tensor *ct_recall(ct_tensor *confusion);
CT_API ct_tensor *ct_f1(ct_tensor *confusion);

/* ---- two classes told apart by a score ---- */

/* A point for each threshold, from the strictest on: false positive rate, true positive rate, threshold, float64 [points, 3]. The
 * first is (0, 0, infinity), the last (1, 1, the least score). scores: float [n]; labels: int64 [n], 1 for positive and 0 for
 * negative, both among them. Owned by the innermost scope. NULL with an error: NULL, shape, dtype, argument (another label, a
 * score that is NaN, one class only), memory. */
CT_API ct_tensor *ct_roc_curve(ct_tensor *scores, ct_tensor *labels);
/* The area under that curve: the chance that a positive has a higher score than a negative, equal ones counted half. NaN with
 * the same errors. */
CT_API double ct_roc_auc(ct_tensor *scores, ct_tensor *labels);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_confusion_matrix(...) ct_at(CT_HERE, ct_confusion_matrix(__VA_ARGS__))
#define ct_precision(confusion) ct_at(CT_HERE, ct_precision(confusion))
#define ct_recall(confusion) ct_at(CT_HERE, ct_recall(confusion))
#define ct_f1(confusion) ct_at(CT_HERE, ct_f1(confusion))
#define ct_roc_curve(...) ct_at(CT_HERE, ct_roc_curve(__VA_ARGS__))
#define ct_roc_auc(...) ct_at_value(CT_HERE, ct_roc_auc(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
