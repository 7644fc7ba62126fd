/* How good predictions are: the confusion matrix with what follows from it, and the receiver operating characteristic.
 *
 * Invariant: a count is a whole number until the last division. */
#include "nn_internal.h"
#include <cotan/metrics.h>
#include <math.h>

/* ---- what is given ---- */

static ct_status check_given(const char *what, const char *name, const ct_tensor *t, int rank, bool is_float)
{
    char shape[CT_NN_SHAPE_TEXT];
    if (!t)
        return ct_error_set(CT_ERROR_NULL, "%s: %s is NULL", what, name);
    if (ct_rank(t) != rank)
        return ct_error_set(CT_ERROR_SHAPE, "%s: %s must have %d %s: %s", what, name, rank, rank == 1 ? "axis" : "axes",
                            ct__nn_shape_text(t, shape));
    ct_dtype dtype = ct_dtype_of(t);
    if (is_float ? dtype != CT_FLOAT32 && dtype != CT_FLOAT64 : dtype != CT_INT64)
        return ct_error_set(CT_ERROR_DTYPE, "%s: %s must be %s, not %s", what, name,
                            is_float ? "float32 or float64" : "int64", ct_dtype_name(dtype));
    return CT_OK;
}

static ct_status check_same_count(const char *what, const ct_tensor *a, const ct_tensor *labels)
{
    char first[CT_NN_SHAPE_TEXT], second[CT_NN_SHAPE_TEXT];
    if (ct_size(a, 0) == ct_size(labels, 0))
        return CT_OK;
    return ct_error_set(CT_ERROR_SHAPE, "%s: a label for each row: %s, %s", what, ct__nn_shape_text(a, first),
                        ct__nn_shape_text(labels, second));
}

/* ---- the confusion matrix ---- */

static ct_status check_predictions(ct_tensor *predictions, ct_tensor *labels, int64_t classes)
{
    const char *what = "confusion_matrix";
    bool scores = predictions && ct_dtype_of(predictions) != CT_INT64;
    ct_status status = check_given(what, "predictions", predictions, scores ? 2 : 1, scores);
    if (status == CT_OK)
        status = check_given(what, "labels", labels, 1, false);
    if (status == CT_OK)
        status = check_same_count(what, predictions, labels);
    if (status == CT_OK && classes < 1)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: %lld classes", what, (long long)classes);
    if (status == CT_OK && scores && ct_size(predictions, 1) != classes)
        return ct_error_set(CT_ERROR_SHAPE, "%s: scores of %lld classes, not of %lld", what,
                            (long long)ct_size(predictions, 1), (long long)classes);
    return status;
}

static ct_status count(const int64_t *predicted, const int64_t *label, int64_t n, int64_t classes, int64_t *counts)
{
    for (int64_t i = 0; i < n; i++) {
        bool wrong_label = label[i] < 0 || label[i] >= classes;
        if (wrong_label || predicted[i] < 0 || predicted[i] >= classes)
            return ct_error_set(CT_ERROR_ARGUMENT, "confusion_matrix: %s %lld is %lld, not one of %lld classes",
                                wrong_label ? "label" : "prediction", (long long)i,
                                (long long)(wrong_label ? label[i] : predicted[i]), (long long)classes);
        counts[label[i] * classes + predicted[i]]++;
    }
    return CT_OK;
}

ct_tensor *ct_confusion_matrix(ct_tensor *predictions, ct_tensor *labels, int64_t classes)
{
    if (check_predictions(predictions, labels, classes) != CT_OK)
        return NULL;
    ct_tensor *matrix = ct_zeros(CT_INT64, CT_SHAPE(classes, classes));
    if (!matrix || ct_scope_open() != CT_OK)
        return NULL;
    ct_tensor *predicted = ct_rank(predictions) == 2 ? ct_argmax(predictions, 1) : ct_contiguous(predictions);
    const int64_t *from = ct_data(predicted), *label = ct_data(ct_contiguous(labels));
    if (ct_error_code() == CT_OK)
        count(from, label, ct_size(labels, 0), classes, ct_data_mut(matrix));
    return ct__nn_scope_close() == CT_OK ? matrix : NULL;
}

/* ---- what follows from it ---- */

/* Of one class: those taken for it that are of it, all taken for it, all of it. */
typedef struct tally {
    double right, taken, there;
} tally;

static tally tally_of(const int64_t *counts, int64_t classes, int64_t c)
{
    int64_t taken = 0, there = 0;
    for (int64_t k = 0; k < classes; k++) {
        taken += counts[k * classes + c];
        there += counts[c * classes + k];
    }
    return (tally){(double)counts[c * classes + c], (double)taken, (double)there};
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double precision(tally t)
{
    return share(t.right, t.taken);
}

static double recall(tally t)
{
    return share(t.right, t.there);
}

static double f1(tally t)
{
    return share(2 * t.right, t.taken + t.there);
}

static ct_tensor *of_each_class(const char *what, ct_tensor *confusion, double (*measure)(tally t))
{
    char shape[CT_NN_SHAPE_TEXT];
    if (check_given(what, "confusion", confusion, 2, false) != CT_OK)
        return NULL;
    int64_t classes = ct_size(confusion, 0);
    if (ct_size(confusion, 1) != classes) {
        ct_error_set(CT_ERROR_SHAPE, "%s: not a square: %s", what, ct__nn_shape_text(confusion, shape));
        return NULL;
    }
    ct_tensor *result = ct_zeros(CT_FLOAT64, CT_SHAPE(classes));
    if (!result || ct_scope_open() != CT_OK)
        return NULL;
    const int64_t *counts = ct_data(ct_contiguous(confusion));
    double *values = ct_data_mut(result);
    for (int64_t c = 0; counts && values && c < classes; c++)
        values[c] = measure(tally_of(counts, classes, c));
    return ct__nn_scope_close() == CT_OK ? result : NULL;
}

ct_tensor *ct_precision(ct_tensor *confusion)
{
    return of_each_class("precision", confusion, precision);
}

ct_tensor *ct_recall(ct_tensor *confusion)
{
    return of_each_class("recall", confusion, recall);
}

ct_tensor *ct_f1(ct_tensor *confusion)
{
    return of_each_class("f1", confusion, f1);
}

/* ---- the receiver operating characteristic ---- */

typedef struct scored {
    double score;
    int64_t label;
} scored;

static int highest_first(const void *left, const void *right)
{
    const scored *a = left, *b = right;
    return (a->score < b->score) - (a->score > b->score);
}

static ct_status fill(const char *what, const double *scores, const int64_t *labels, int64_t n, scored *rows)
{
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] != 0 && labels[i] != 1)
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: label %lld is %lld, neither 0 nor 1", what, (long long)i,
                                (long long)labels[i]);
        if (isnan(scores[i]))
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: score %lld is NaN", what, (long long)i);
        rows[i] = (scored){scores[i], labels[i]};
    }
    return CT_OK;
}

/* The samples, highest score first, the caller's until ct_deallocate(); NULL with an error. */
static scored *sorted(const char *what, ct_tensor *scores, ct_tensor *labels)
{
    if (check_given(what, "scores", scores, 1, true) != CT_OK ||
        check_given(what, "labels", labels, 1, false) != CT_OK || check_same_count(what, scores, labels) != CT_OK)
        return NULL;
    int64_t n = ct_size(labels, 0);
    scored *rows = ct__nn_alloc(what, n, sizeof *rows);
    if (!rows || ct_scope_open() != CT_OK) {
        ct_deallocate(rows);
        return NULL;
    }
    const double *score = ct_data(ct_contiguous(ct_cast(scores, CT_FLOAT64)));
    const int64_t *label = ct_data(ct_contiguous(labels));
    if (ct_error_code() == CT_OK && fill(what, score, label, n, rows) == CT_OK)
        qsort(rows, (size_t)n, sizeof *rows, highest_first);
    if (ct__nn_scope_close() == CT_OK)
        return rows;
    ct_deallocate(rows);
    return NULL;
}

/* The curve of n sorted samples. */
typedef struct curve {
    int64_t points;
    double (*at)[3]; /* false and true positives, as counts; threshold */
} curve;

/* Equal scores fall under one threshold. */
static void walk(const scored *rows, int64_t n, curve *c)
{
    c->at[0][2] = INFINITY;
    c->points = 1;
    double counts[2] = {0, 0};
    for (int64_t i = 0; i < n; i++) {
        counts[rows[i].label]++;
        if (i + 1 < n && rows[i + 1].score == rows[i].score)
            continue;
        double *point = c->at[c->points++];
        point[0] = counts[0];
        point[1] = counts[1];
        point[2] = rows[i].score;
    }
}

/* Counts become shares. */
static ct_status divide(const char *what, curve *c)
{
    double negatives = c->at[c->points - 1][0], positives = c->at[c->points - 1][1];
    if (negatives == 0 || positives == 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "%s: no %s among the labels", what, positives == 0 ? "1" : "0");
    for (int64_t i = 0; i < c->points; i++) {
        c->at[i][0] /= negatives;
        c->at[i][1] /= positives;
    }
    return CT_OK;
}

/* c.at is the caller's until ct_deallocate(); NULL with an error. */
static curve curve_of(const char *what, ct_tensor *scores, ct_tensor *labels)
{
    curve c = {0, NULL};
    scored *rows = sorted(what, scores, labels);
    int64_t n = rows ? ct_size(labels, 0) : 0;
    if (rows)
        c.at = ct__nn_alloc(what, n + 1, sizeof *c.at);
    if (c.at) {
        walk(rows, n, &c);
        if (divide(what, &c) != CT_OK) {
            ct_deallocate(c.at);
            c.at = NULL;
        }
    }
    ct_deallocate(rows);
    return c;
}

ct_tensor *ct_roc_curve(ct_tensor *scores, ct_tensor *labels)
{
    curve c = curve_of("roc_curve", scores, labels);
    ct_tensor *t = c.at ? ct_from_array(CT_FLOAT64, c.at, CT_SHAPE(c.points, 3)) : NULL;
    ct_deallocate(c.at);
    return t;
}

double ct_roc_auc(ct_tensor *scores, ct_tensor *labels)
{
    curve c = curve_of("roc_auc", scores, labels);
    double area = c.at ? 0 : NAN;
    for (int64_t i = 1; i < c.points && c.at; i++)
        area += (c.at[i][0] - c.at[i - 1][0]) * (c.at[i][1] + c.at[i - 1][1]) / 2;
    ct_deallocate(c.at);
    return area;
}
