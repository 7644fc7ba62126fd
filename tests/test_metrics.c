/* Measures of predictions against scikit-learn's (1.7, whose calls stand beside the numbers), and by hand at the edges. */
#include "suites.h"
#include "tensor_checks.h"
#include <cotan/metrics.h>
#include <math.h>

/* ---- classes ---- */

static const double truth[] = {0, 1, 2, 2, 1, 0, 1, 2, 2, 0}, guess[] = {0, 2, 2, 1, 1, 0, 1, 2, 0, 1};

static ct_tensor *labels(const double *values, int64_t n)
{
    return ct_from_values(CT_INT64, values, n, CT_SHAPE(n));
}

/* confusion_matrix(truth, guess); precision_recall_fscore_support(truth, guess) */
START_TEST(three_classes)
{
    const double counts[] = {2, 1, 0, 0, 2, 1, 1, 1, 2};
    const double precision[] = {2. / 3, 0.5, 2. / 3}, recall[] = {2. / 3, 2. / 3, 0.5}, f1[] = {2. / 3, 4. / 7, 4. / 7};
    ct_tensor *m = ct_confusion_matrix(labels(guess, 10), labels(truth, 10), 3);
    expect_tensor(m, CT_INT64, CT_SHAPE(3, 3), counts, 9);
    expect_close(ct_precision(m), ct_from_values(CT_FLOAT64, precision, 3, CT_SHAPE(3)), 1e-15);
    expect_close(ct_recall(m), ct_from_values(CT_FLOAT64, recall, 3, CT_SHAPE(3)), 1e-15);
    expect_close(ct_f1(m), ct_from_values(CT_FLOAT64, f1, 3, CT_SHAPE(3)), 1e-15);
    expect_close(ct_recall(ct_transpose(m, 0, 1)), ct_precision(m), 0);
}
END_TEST

/* Scores of both types and any strides stand for the class of the largest; classes without samples have 0. */
START_TEST(scores_and_empty_classes)
{
    const double scores[] = {0.1, 0.7, 0.7, 0, 3, 1, 2, 0, -1, -2, -3, -4};
    const double counts[] = {1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const double precision[] = {0.5, 1, 0, 0}, recall[] = {1, 0.5, 0, 0};
    ct_tensor *l = labels((const double[]){1, 0, 1}, 3);
    for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++)
        for (int layout = 0; layout < LAYOUTS; layout++) {
            ct_tensor *x = in_layout(ct_from_values((ct_dtype)dtype, scores, 12, CT_SHAPE(3, 4)), layout);
            ct_tensor *m = ct_confusion_matrix(x, in_layout(l, layout), 4);
            expect_tensor(m, CT_INT64, CT_SHAPE(4, 4), counts, 16);
            expect_tensor(ct_precision(m), CT_FLOAT64, CT_SHAPE(4), precision, 4);
            expect_tensor(ct_recall(m), CT_FLOAT64, CT_SHAPE(4), recall, 4);
            expect_tensor(ct_f1(m), CT_FLOAT64, CT_SHAPE(4), (const double[]){2. / 3, 2. / 3, 0, 0}, 4);
        }
    expect_tensor(ct_confusion_matrix(labels(NULL, 0), labels(NULL, 0), 1), CT_INT64, CT_SHAPE(1, 1), CT_VALUES(0));
}
END_TEST

START_TEST(wrong_classes)
{
    ct_tensor *l = labels((const double[]){0, 1, 2}, 3), *x = ct_zeros(CT_FLOAT32, CT_SHAPE(3, 3));
    expect_error(ct_confusion_matrix(NULL, l, 3), CT_ERROR_NULL, "confusion_matrix: predictions is NULL");
    expect_error(ct_confusion_matrix(x, NULL, 3), CT_ERROR_NULL, "confusion_matrix: labels is NULL");
    expect_error(ct_confusion_matrix(l, ct_zeros(CT_FLOAT32, CT_SHAPE(3)), 3), CT_ERROR_DTYPE,
                 "confusion_matrix: labels must be int64, not float32");
    expect_error(ct_confusion_matrix(ct_zeros(CT_INT32, CT_SHAPE(3, 3)), l, 3), CT_ERROR_DTYPE,
                 "confusion_matrix: predictions must be float32 or float64, not int32");
    expect_error(ct_confusion_matrix(x, labels((const double[]){0}, 1), 3), CT_ERROR_SHAPE,
                 "confusion_matrix: a label for each row: [3,3], [1]");
    expect_error(ct_confusion_matrix(x, l, 4), CT_ERROR_SHAPE, "confusion_matrix: scores of 3 classes, not of 4");
    expect_error(ct_confusion_matrix(l, l, 0), CT_ERROR_ARGUMENT, "confusion_matrix: 0 classes");
    expect_error(ct_confusion_matrix(ct_zeros(CT_INT64, CT_SHAPE(3)), l, 2), CT_ERROR_ARGUMENT,
                 "confusion_matrix: label 2 is 2, not one of 2 classes");
    expect_error(ct_confusion_matrix(labels((const double[]){0, -1, 0}, 3), l, 3), CT_ERROR_ARGUMENT,
                 "confusion_matrix: prediction 1 is -1, not one of 3 classes");
    expect_error(ct_precision(ct_zeros(CT_INT64, CT_SHAPE(2, 3))), CT_ERROR_SHAPE, "precision: not a square: [2,3]");
    expect_error(ct_recall(x), CT_ERROR_DTYPE, "recall: confusion must be int64, not float32");
    expect_error(ct_f1(NULL), CT_ERROR_NULL, "f1: confusion is NULL");
}
END_TEST

/* ---- scores ---- */

static const double positive[] = {0, 0, 1, 1, 0, 1, 1, 0}, scores[] = {.1, .4, .35, .8, .4, .4, .9, -1};

/* roc_curve(positive, scores, drop_intermediate=False); roc_auc_score(positive, scores) */
START_TEST(a_curve_with_ties)
{
    const double points[] = {0,   0,   INFINITY, 0,    0.25, 0.9, 0,   0.5, 0.8, 0.5, 0.75,
                             0.4, 0.5, 1,        0.35, 0.75, 1,   0.1, 1,   1,   -1};
    ct_tensor *s = ct_from_values(CT_FLOAT64, scores, 8, CT_SHAPE(8)), *l = labels(positive, 8);
    expect_tensor(ct_roc_curve(s, l), CT_FLOAT64, CT_SHAPE(7, 3), points, 21);
    for (int layout = 0; layout < LAYOUTS; layout++) {
        ck_assert_double_eq_tol(ct_roc_auc(in_layout(s, layout), in_layout(l, layout)), 0.8125, 1e-15);
        ck_assert_double_eq_tol(ct_roc_auc(in_layout(ct_cast(s, CT_FLOAT32), layout), l), 0.8125, 1e-15);
    }
    ck_assert_double_eq_tol(ct_roc_auc(ct_neg(s), l), 1 - 0.8125, 1e-15);
    ck_assert_double_eq(ct_roc_auc(ct_zeros(CT_FLOAT32, CT_SHAPE(8)), l), 0.5);
    ck_assert_double_eq(ct_roc_auc(ct_cast(l, CT_FLOAT32), l), 1);
}
END_TEST

/* The area is the share of pairs that are in order. */
START_TEST(the_area_counts_pairs)
{
    enum { N = 200 };
    ct_tensor *s = ct_floor(ct_mul_scalar(numbers(CT_FLOAT64, CT_SHAPE(N), 3), 20));
    ct_tensor *l = ct_cast(ct_gt(numbers(CT_FLOAT64, CT_SHAPE(N), 4), ct_zeros(CT_FLOAT64, CT_SCALAR)), CT_INT64);
    const double *score = ct_data(s);
    const int64_t *label = ct_data(l);
    double won = 0, pairs = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            if (label[i] == 1 && label[j] == 0) {
                won += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
                pairs++;
            }
    ck_assert_double_eq_tol(ct_roc_auc(s, l), won / pairs, 1e-14);
}
END_TEST

static void expect_no_area(ct_tensor *s, ct_tensor *l, ct_status code, const char *message)
{
    ck_assert(isnan(ct_roc_auc(s, l)));
    expect_error(NULL, code, message);
}

START_TEST(wrong_scores)
{
    ct_tensor *s = ct_from_values(CT_FLOAT64, scores, 8, CT_SHAPE(8)), *l = labels(positive, 8);
    expect_no_area(NULL, l, CT_ERROR_NULL, "roc_auc: scores is NULL");
    expect_no_area(s, NULL, CT_ERROR_NULL, "roc_auc: labels is NULL");
    expect_no_area(l, l, CT_ERROR_DTYPE, "roc_auc: scores must be float32 or float64, not int64");
    expect_no_area(s, s, CT_ERROR_DTYPE, "roc_auc: labels must be int64, not float64");
    expect_no_area(ct_reshape(s, CT_SHAPE(4, 2)), l, CT_ERROR_SHAPE, "roc_auc: scores must have 1 axis: [4,2]");
    expect_no_area(s, ct_zeros(CT_INT64, CT_SHAPE(7)), CT_ERROR_SHAPE, "roc_auc: a label for each row: [8], [7]");
    expect_no_area(s, ct_zeros(CT_INT64, CT_SHAPE(8)), CT_ERROR_ARGUMENT, "roc_auc: no 1 among the labels");
    expect_no_area(s, ct_ones(CT_INT64, CT_SHAPE(8)), CT_ERROR_ARGUMENT, "roc_auc: no 0 among the labels");
    expect_no_area(s, labels(truth, 8), CT_ERROR_ARGUMENT, "roc_auc: label 2 is 2, neither 0 nor 1");
    expect_no_area(ct_full(CT_FLOAT32, NAN, CT_SHAPE(8)), l, CT_ERROR_ARGUMENT, "roc_auc: score 0 is NaN");
    expect_error(ct_roc_curve(ct_zeros(CT_FLOAT32, CT_SHAPE(0)), ct_zeros(CT_INT64, CT_SHAPE(0))), CT_ERROR_ARGUMENT,
                 "roc_curve: no 1 among the labels");
}
END_TEST

Suite *ct_suite_metrics(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = tcase_create("metrics");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, three_classes);
    tcase_add_test(tests, scores_and_empty_classes);
    tcase_add_test(tests, wrong_classes);
    tcase_add_test(tests, a_curve_with_ties);
    tcase_add_test(tests, the_area_counts_pairs);
    tcase_add_test(tests, wrong_scores);
    suite_add_tcase(suite, tests);
    return suite;
}
