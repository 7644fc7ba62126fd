/* The activations of activations.h, and losses of margins, likelihoods and alignments where they end: edges, infinities, what is
 * impossible, and errors. The reference cases have their values. */
#include <cotan/cotan.h>

#include "suites.h"
#include "tensor_checks.h"
#include <math.h>

static ct_tensor *row(const double *values, int64_t n)
{
    return ct_from_values(CT_FLOAT64, values, n, CT_SHAPE(n));
}

/* f's value and gradient at the edges of each. */
START_TEST(activations_at_edges)
{
    ct_tensor *x = ct_set_requires_grad(row(CT_VALUES(-INFINITY, -3, 3, INFINITY)), true), *grad;
    ct_tensor *y = ct_hardswish(x), *ones = ct_ones_like(x);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(4), CT_VALUES(0, 0, 3, INFINITY));
    ck_assert_int_eq(ct_grad(&y, 1, &x, 1, &grad, .gradients = &ones), CT_OK);
    expect_tensor(grad, CT_FLOAT64, CT_SHAPE(4), CT_VALUES(0, 0, 1, 1));
    expect_tensor(ct_hardsigmoid(x), CT_FLOAT64, CT_SHAPE(4), CT_VALUES(0, 0, 1, 1));
    expect_tensor(ct_celu(x, 2), CT_FLOAT64, CT_SHAPE(4), CT_VALUES(-2, 2 * expm1(-1.5), 3, INFINITY));
    ct_tensor *at_bound = row(CT_VALUES(0.5, -0.5, NAN));
    expect_tensor(ct_hardshrink(at_bound, 0.5), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(0, 0, NAN));
    expect_tensor(ct_softshrink(at_bound, 0.5), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(0, 0, NAN));
    expect_tensor(ct_threshold(at_bound, 0.5, 9), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(9, 9, NAN));
    expect_error(ct_celu(x, 0), CT_ERROR_ARGUMENT, "celu: alpha is 0");
    expect_error(ct_softshrink(x, -1), CT_ERROR_ARGUMENT, "softshrink: lambda -1 is below 0");
    expect_error(ct_glu(ct_ones(CT_FLOAT32, CT_SHAPE(2, 3)), 1), CT_ERROR_SHAPE,
                 "glu: axis 1 is no axis of two halves: [2,3]");
    expect_error(ct_glu(ct_ones(CT_FLOAT32, CT_SHAPE(2)), 1), CT_ERROR_SHAPE,
                 "glu: axis 1 is no axis of two halves: [2]");
}
END_TEST

START_TEST(random_choices)
{
    ct_tensor *logits = ct_set_requires_grad(numbers(CT_FLOAT64, CT_SHAPE(3, 5), 1), true), *grads[2];
    ct_tensor *weights = numbers(CT_FLOAT64, CT_SHAPE(3, 5), 2);
    for (int hard = 0; hard < 2; hard++) {
        ct_seed(3);
        ct_tensor *y = ct_gumbel_softmax(logits, 0.5, hard, 1);
        expect_close(ct_sum(y, CT_AXES(1)), ct_ones(CT_FLOAT64, CT_SHAPE(3)), 1e-15);
        if (hard)
            expect_close(ct_amax(y, CT_AXES(1)), ct_ones(CT_FLOAT64, CT_SHAPE(3)), 1e-15);
        ck_assert_int_eq(ct_grad(&y, 1, &logits, 1, &grads[hard], .gradients = &weights), CT_OK);
    }
    expect_close(grads[1], grads[0], 0);
    expect_error(ct_gumbel_softmax(logits, 0, false, 1), CT_ERROR_ARGUMENT, "gumbel_softmax: tau 0 is not positive");
}
END_TEST

/* By hand: of (2, 1.5, 0) the first two remain, with tau (3.5 - 1) / 2. */
START_TEST(sparse_choices)
{
    ct_tensor *x = ct_set_requires_grad(row(CT_VALUES(2, 0, 1.5)), true);
    ct_tensor *y = ct_sparsemax(x, 0);
    expect_tensor(y, CT_FLOAT64, CT_SHAPE(3), CT_VALUES(0.75, 0, 0.25));
    ck_assert_int_eq(ct_backward(y, .gradient = row(CT_VALUES(1, 5, 2))), CT_OK);
    expect_tensor(ct_grad_of(x), CT_FLOAT64, CT_SHAPE(3), CT_VALUES(-0.5, 0, 0.5));
    expect_tensor(ct_sparsemax(ct_scalar(CT_FLOAT32, 7), 0), CT_FLOAT32, CT_SCALAR, CT_VALUES(1));
    expect_error(ct_sparsemax(x, 1), CT_ERROR_ARGUMENT, "sparsemax: sort: axis 1");
}
END_TEST

START_TEST(margins_and_reductions)
{
    ct_tensor *a = row(CT_VALUES(1, 2)), *b = row(CT_VALUES(3, 1)), *t = row(CT_VALUES(1, -1));
    expect_tensor(ct_margin_ranking_loss(a, b, t, .margin = 0.5, .reduction = CT_NONE), CT_FLOAT64, CT_SHAPE(2),
                  CT_VALUES(2.5, 1.5));
    expect_tensor(ct_hinge_embedding_loss(a, t, .reduction = CT_SUM), CT_FLOAT64, CT_SCALAR, CT_VALUES(1));
    expect_tensor(ct_smooth_l1_loss(a, b, .delta = 0), CT_FLOAT64, CT_SCALAR, CT_VALUES(1.5));
    expect_error(ct_smooth_l1_loss(a, b, .delta = -1), CT_ERROR_ARGUMENT, "smooth_l1_loss: beta -1 is below 0");
    expect_error(ct_soft_margin_loss(a, t, .reduction = CT_BATCH_MEAN), CT_ERROR_ARGUMENT,
                 "soft_margin_loss: there is no reduction 3 of this loss");
    expect_error(ct_soft_margin_loss(a, t, .margin = 1), CT_ERROR_ARGUMENT, "soft_margin_loss: takes no margin");
    expect_error(ct_hinge_embedding_loss(a, t, .swap = true), CT_ERROR_ARGUMENT, "hinge_embedding_loss: takes no swap");
    expect_error(ct_gaussian_nll_loss(a, b, a, .rate = true), CT_ERROR_ARGUMENT, "gaussian_nll_loss: takes no rate");
    expect_error(ct_smooth_l1_loss(a, b, .weight = a), CT_ERROR_ARGUMENT, "smooth_l1_loss: takes no weight");
    expect_error(ct_gaussian_nll_loss(a, b, row(CT_VALUES(1, -1))), CT_ERROR_ARGUMENT,
                 "gaussian_nll_loss: var has elements below 0");
    ct_tensor *var = ct_set_requires_grad(row(CT_VALUES(0, 4)), true);
    ck_assert_int_eq(ct_backward(ct_gaussian_nll_loss(a, a, var, .eps = 2, .reduction = CT_SUM)), CT_OK);
    expect_tensor(ct_grad_of(var), CT_FLOAT64, CT_SHAPE(2), CT_VALUES(0.25, 0.125));
    expect_error(ct_triplet_margin_loss(a, b, ct_ones(CT_FLOAT64, CT_SHAPE(3))), CT_ERROR_SHAPE,
                 "triplet_margin_loss: sub: ");
}
END_TEST

/* Labels end at the first number below 0, and may come twice. */
START_TEST(sets_of_labels)
{
    ct_tensor *x = ct_from_values(CT_FLOAT32, CT_VALUES(0.5, 0.25, 0, 1), CT_SHAPE(4));
    ct_tensor *labels = ct_from_values(CT_INT64, CT_VALUES(3, 0, -1, 1), CT_SHAPE(4));
    expect_tensor(ct_multilabel_margin_loss(x, labels), CT_FLOAT32, CT_SCALAR,
                  CT_VALUES((0.25 + 0 + 0.75 + 0.5) / 4)); /* of 3: 1, 2; of 0: 1, 2 */
    ct_tensor *twice = ct_from_values(CT_INT64, CT_VALUES(0, 0, 1, 2), CT_SHAPE(4));
    expect_tensor(ct_multilabel_margin_loss(x, twice), CT_FLOAT32, CT_SCALAR, CT_VALUES((1.5 + 1.5 + 1.75 + 2) / 4));
    ct_tensor *none = ct_full(CT_INT64, -7, CT_SHAPE(4));
    expect_tensor(ct_multilabel_margin_loss(x, none), CT_FLOAT32, CT_SCALAR, CT_VALUES(0));
    expect_error(ct_multilabel_margin_loss(x, ct_full(CT_INT64, 4, CT_SHAPE(4))), CT_ERROR_ARGUMENT,
                 "multilabel_margin_loss: label 4 in row 0 is not in 0..3: [4], [4]");
    expect_error(ct_multilabel_margin_loss(x, ct_zeros(CT_INT64, CT_SHAPE(1))), CT_ERROR_SHAPE,
                 "multilabel_margin_loss: takes x and labels [N,C] or [C]: [4], [1]");
}
END_TEST

/* [n,1] beside [n] would be n x n losses. */
#define UNEQUAL "x and the target differ in shape, and neither is broadcast: [3,1], [3]"
START_TEST(losses_are_not_broadcast)
{
    ct_tensor *x = ct_ones(CT_FLOAT64, CT_SHAPE(3, 1)), *t = ct_ones(CT_FLOAT64, CT_SHAPE(3)),
              *xs = ct_ones(CT_FLOAT64, CT_SHAPE(3, 4));
    expect_error(ct_smooth_l1_loss(x, t), CT_ERROR_SHAPE, "smooth_l1_loss: " UNEQUAL);
    expect_error(ct_soft_margin_loss(x, t), CT_ERROR_SHAPE, "soft_margin_loss: " UNEQUAL);
    expect_error(ct_hinge_embedding_loss(x, t), CT_ERROR_SHAPE, "hinge_embedding_loss: " UNEQUAL);
    expect_error(ct_margin_ranking_loss(x, t, t), CT_ERROR_SHAPE, "margin_ranking_loss: " UNEQUAL);
    expect_error(ct_cosine_embedding_loss(x, t, t), CT_ERROR_SHAPE, "cosine_embedding_loss: " UNEQUAL);
    expect_error(ct_gaussian_nll_loss(x, t, t), CT_ERROR_SHAPE, "gaussian_nll_loss: " UNEQUAL);
    expect_error(ct_poisson_nll_loss(x, t), CT_ERROR_SHAPE, "poisson_nll_loss: " UNEQUAL);
    expect_error(ct_sigmoid_focal_loss(x, t), CT_ERROR_SHAPE, "sigmoid_focal_loss: " UNEQUAL);
    expect_error(ct_multilabel_soft_margin_loss(x, t), CT_ERROR_SHAPE, "multilabel_soft_margin_loss: " UNEQUAL);
    expect_error(ct_margin_ranking_loss(x, x, t), CT_ERROR_SHAPE,
                 "margin_ranking_loss: the target has one number for each loss, or one for all: [3,1], [3,1], [3]");
    expect_error(ct_cosine_embedding_loss(xs, xs, x), CT_ERROR_SHAPE,
                 "cosine_embedding_loss: the target has one number for each loss, or one for all: [3,4], [3,4], [3,1]");
    expect_error(ct_gaussian_nll_loss(xs, xs, ct_ones(CT_FLOAT64, CT_SHAPE(4))), CT_ERROR_SHAPE,
                 "gaussian_nll_loss: var has one number for each loss, or one for all: [3,4], [3,4], [4]");
}
END_TEST

/* A variance of [n] is of the rows, also where there are as many columns. */
START_TEST(a_variance_is_of_a_row)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(2, 2)), *t = ct_ones(CT_FLOAT64, CT_SHAPE(2, 2)),
              *var = row(CT_VALUES(1, 4)), *one = ct_scalar(CT_FLOAT64, 1);
    double far = log(4) / 2 + 0.125;
    expect_close(ct_gaussian_nll_loss(x, t, var, .reduction = CT_NONE),
                 ct_from_values(CT_FLOAT64, CT_VALUES(0.5, 0.5, far, far), CT_SHAPE(2, 2)), 1e-15);
    ck_assert_double_eq(ct_item(ct_gaussian_nll_loss(x, t, one)), 0.5);
}
END_TEST

static ct_tensor *labels(const double *values, int64_t n, int64_t rows)
{
    return ct_from_values(CT_INT64, values, n, CT_SHAPE(rows, n / rows));
}

static ct_tensor *lengths(const double *values, int64_t n)
{
    return ct_from_values(CT_INT64, values, n, CT_SHAPE(n));
}

/* Of two classes with probability 1/2 each, three steps of time: 6 of the 8 sequences give the label 1 (all but 000 and 101). */
START_TEST(alignments_are_counted)
{
    ct_tensor *x = ct_full(CT_FLOAT64, log(0.5), CT_SHAPE(3, 1, 2));
    ct_tensor *loss = ct_ctc_loss(x, labels(CT_VALUES(1), 1), lengths(CT_VALUES(3)), lengths(CT_VALUES(1)));
    ck_assert_double_eq_tol(ct_item(loss), -log(6.0 / 8), 1e-15);
    ct_tensor *twice =
        ct_ctc_loss(x, labels(CT_VALUES(1, 1), 1), lengths(CT_VALUES(3)), lengths(CT_VALUES(2)), .reduction = CT_SUM);
    ck_assert_double_eq_tol(ct_item(twice), -log(1.0 / 8), 1e-15);
}
END_TEST

START_TEST(impossible_alignments)
{
    ct_tensor *x = ct_set_requires_grad(ct_full(CT_FLOAT32, -1, CT_SHAPE(2, 3, 2)), true);
    ct_tensor *t = labels(CT_VALUES(1, 1, 1, 1, 0, 0), 3);
    for (int zero = 0; zero < 2; zero++) {
        ct_tensor *losses = ct_ctc_loss(x, t, lengths(CT_VALUES(2, 0, 0)), lengths(CT_VALUES(2, 1, 0)),
                                        .reduction = CT_NONE, .zero_infinity = zero);
        double impossible = zero ? 0 : INFINITY;
        expect_tensor(losses, CT_FLOAT32, CT_SHAPE(3), CT_VALUES(impossible, impossible, 0));
        ct_zero_grad(x);
        ck_assert_int_eq(ct_backward(losses, .gradient = ct_ones_like(losses)), CT_OK);
        expect_close(ct_grad_of(x), ct_zeros_like(x), 0);
    }
    ct_tensor *never = ct_set_requires_grad(ct_full(CT_FLOAT64, -INFINITY, CT_SHAPE(3, 1, 2)), true);
    ct_tensor *loss = ct_ctc_loss(never, labels(CT_VALUES(1), 1), lengths(CT_VALUES(3)), lengths(CT_VALUES(1)));
    ck_assert_double_eq(ct_item(loss), INFINITY);
}
END_TEST

START_TEST(errors_of_ctc)
{
    ct_tensor *x = ct_zeros(CT_FLOAT64, CT_SHAPE(4, 2, 3)), *t = labels(CT_VALUES(1, 2, 0, 1), 2);
    ct_tensor *seen = lengths(CT_VALUES(4, 4)), *said = lengths(CT_VALUES(2, 2));
    expect_error(ct_ctc_loss(x, t, lengths(CT_VALUES(4)), said), CT_ERROR_SHAPE, "ctc_loss: takes log_probs [T,N,C]");
    expect_error(ct_ctc_loss(x, labels(CT_VALUES(1, 3, 0, 1), 2), seen, said), CT_ERROR_ARGUMENT,
                 "ctc_loss: labels from 0 to 3 are not in 0..2");
    expect_error(ct_ctc_loss(x, t, lengths(CT_VALUES(4, 5)), said), CT_ERROR_ARGUMENT,
                 "ctc_loss: input lengths from 4 to 5 are not in 0..4");
    expect_error(ct_ctc_loss(x, t, seen, lengths(CT_VALUES(-1, 2))), CT_ERROR_ARGUMENT,
                 "ctc_loss: target lengths from -1 to 2 are not in 0..2");
    expect_error(ct_ctc_loss(x, t, seen, said, .blank = 3), CT_ERROR_ARGUMENT, "ctc_loss: blank 3 or reduction 0");
}
END_TEST

Suite *ct_suite_criteria(void)
{
    Suite *suite = suite_create("criteria");
    TCase *tests = tcase_create("criteria");
    tcase_add_checked_fixture(tests, open_test, close_test);
    tcase_add_test(tests, activations_at_edges);
    tcase_add_test(tests, random_choices);
    tcase_add_test(tests, sparse_choices);
    tcase_add_test(tests, margins_and_reductions);
    tcase_add_test(tests, sets_of_labels);
    tcase_add_test(tests, losses_are_not_broadcast);
    tcase_add_test(tests, a_variance_is_of_a_row);
    tcase_add_test(tests, alignments_are_counted);
    tcase_add_test(tests, impossible_alignments);
    tcase_add_test(tests, errors_of_ctc);
    suite_add_tcase(suite, tests);
    return suite;
}
