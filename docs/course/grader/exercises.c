/* The exercises: a function each, the inputs that it is tried on, and the mistakes that are known. Invariant: within an
 * exercise no two wrong rules give the same gradient on the first inputs, so that a mistake is called by its own name. */
#include "exercises.h"
#include <math.h>

/* VALUE(name, e): the function; WRONG(name, e): a gradient that somebody may write, both as expressions. */
#define VALUE(name, expression)                         \
    static ct_tensor *name##_value(ct_tensor *const *x) \
    {                                                   \
        return expression;                              \
    }
#define WRONG(name, expression)                                             \
    static ct_tensor *name(ct_tensor *const *x, ct_tensor *y, ct_tensor *g) \
    {                                                                       \
        (void)x, (void)y, (void)g;                                          \
        return expression;                                                  \
    }

static ct_tensor *row_sums(ct_tensor *t)
{
    return ct_sum(t, CT_AXES(-1), .keepdim = true);
}

static ct_tensor *row_means(ct_tensor *t)
{
    return ct_mean(t, CT_AXES(-1), .keepdim = true);
}

static ct_tensor *turned(ct_tensor *t)
{
    return ct_transpose(t, 0, 1);
}

static ct_tensor *one_minus(ct_tensor *t)
{
    return ct_add_scalar(ct_neg(t), 1);
}

/* ---- 1: x^2 ---- */
VALUE(square, ct_square(x[0]))
WRONG(square_keeps_power, ct_mul(g, ct_square(x[0])))
WRONG(square_times_x, ct_mul(g, ct_mul_scalar(ct_square(x[0]), 2)))
WRONG(square_no_x, ct_mul_scalar(g, 2))

/* ---- 2: a b ---- */
VALUE(product, ct_mul(x[0], x[1]))
WRONG(product_own_a, ct_mul(g, x[0]))
WRONG(product_own_b, ct_mul(g, x[1]))
WRONG(product_as_sum, g)
WRONG(product_whole, ct_mul(g, y))

/* ---- 3: x x + x ---- */
VALUE(fork, ct_add(ct_mul(x[0], x[0]), x[0]))
WRONG(fork_last, g)
WRONG(fork_one_factor, ct_add(ct_mul(g, x[0]), g))
WRONG(fork_no_sum, ct_mul_scalar(ct_mul(g, x[0]), 2))
WRONG(fork_one_only, ct_mul(g, x[0]))
WRONG(fork_mean, ct_mul_scalar(ct_add(ct_mul_scalar(ct_mul(g, x[0]), 2), g), 1.0 / 3))
WRONG(fork_product, ct_mul(g, ct_square(x[0])))

/* ---- 4: x + b ---- */
VALUE(broadcast, ct_add(x[0], x[1]))
WRONG(broadcast_first_row, ct_select(g, 0, 0))
WRONG(broadcast_last_row, ct_select(g, 0, -1))
WRONG(broadcast_other_axis, ct_sum(g, CT_AXES(1)))
WRONG(broadcast_everything, ct_expand(ct_sum(g), ct_shape(x[1]), ct_rank(x[1])))
WRONG(broadcast_mean, ct_mean(g, CT_AXES(0)))

/* ---- 5: x @ w ---- */
VALUE(matmul, ct_matmul(x[0], x[1]))
WRONG(matmul_w_as_it_is, ct_matmul(g, x[1]))
WRONG(matmul_x_as_it_is, ct_matmul(x[0], g))
WRONG(matmul_x_order, ct_matmul(turned(x[1]), g))
WRONG(matmul_w_order, ct_matmul(g, turned(x[0])))
WRONG(matmul_elements_x, ct_mul(g, x[1]))
WRONG(matmul_elements_w, ct_mul(g, x[0]))
WRONG(matmul_result_turned, ct_matmul(x[1], turned(g)))

/* ---- 6: variance of rows ---- */
VALUE(variance, ct_var(x[0], CT_AXES(-1), .biased = true))
static ct_tensor *variance_gradient(ct_tensor *x, ct_tensor *g, double factor)
{
    return ct_mul(g, ct_mul_scalar(ct_sub(x, row_means(x)), factor / (double)ct_size(x, 1)));
}
WRONG(variance_not_centred, ct_mul(ct_unsqueeze(g, 1), ct_mul_scalar(x[0], 2.0 / (double)ct_size(x[0], 1))))
WRONG(variance_g_as_row, variance_gradient(x[0], g, 2))
WRONG(variance_no_n, variance_gradient(x[0], ct_unsqueeze(g, 1), 2.0 * (double)ct_size(x[0], 1)))
WRONG(variance_no_two, variance_gradient(x[0], ct_unsqueeze(g, 1), 1))
WRONG(variance_unbiased,
      variance_gradient(x[0], ct_unsqueeze(g, 1), 2.0 * (double)ct_size(x[0], 1) / (double)(ct_size(x[0], 1) - 1)))
static ct_tensor *variance_of(ct_tensor *g, ct_tensor *centred, double factor)
{
    return ct_mul(ct_unsqueeze(g, 1), ct_mul_scalar(centred, factor / (double)ct_size(centred, 1)));
}
WRONG(variance_square, variance_of(g, ct_square(ct_sub(x[0], row_means(x[0]))), 1))
WRONG(variance_sign, variance_of(g, ct_sign(ct_sub(x[0], row_means(x[0]))), 2))
WRONG(variance_columns, variance_of(g, ct_sub(x[0], ct_mean(x[0], CT_AXES(0))), 2))

/* ---- 7: sigmoid ---- */
VALUE(sigmoid, ct_sigmoid(x[0]))
WRONG(sigmoid_twice, ct_mul(g, ct_mul(ct_sigmoid(y), one_minus(ct_sigmoid(y)))))
WRONG(sigmoid_as_tanh, ct_mul(g, one_minus(ct_square(y))))
WRONG(sigmoid_as_exp, ct_mul(g, y))
WRONG(sigmoid_no_y, ct_mul(g, one_minus(y)))

/* ---- 8: softmax ---- */
VALUE(softmax, ct_softmax(x[0], -1))
WRONG(softmax_numerator, ct_mul(g, y))
WRONG(softmax_diagonal, ct_mul(g, ct_mul(y, one_minus(y))))
WRONG(softmax_all_rows, ct_mul(y, ct_sub(g, ct_sum(ct_mul(g, y)))))
WRONG(softmax_mean, ct_mul(y, ct_sub(g, row_means(ct_mul(g, y)))))
WRONG(softmax_plain_sum, ct_mul(y, ct_sub(g, row_sums(g))))
WRONG(softmax_no_y, ct_sub(g, row_sums(ct_mul(g, y))))
WRONG(softmax_columns, ct_mul(y, ct_sub(g, ct_sum(ct_mul(g, y), CT_AXES(0)))))
WRONG(softmax_log, ct_sub(g, ct_mul(y, row_sums(g))))
WRONG(softmax_plus, ct_mul(y, ct_add(g, row_sums(ct_mul(g, y)))))
WRONG(softmax_outside, ct_sub(ct_mul(g, y), row_sums(ct_mul(g, y))))

/* ---- 9: cross entropy ---- */
VALUE(cross_entropy, ct_cross_entropy(x[0], x[1]))
static ct_tensor *hot(ct_tensor *const *x)
{
    return ct_one_hot(x[1], ct_size(x[0], 1), ct_dtype_of(x[0]));
}
static ct_tensor *entropy_gradient(ct_tensor *const *x, ct_tensor *g, ct_tensor *difference)
{
    return ct_mul(g, ct_mul_scalar(difference, 1 / (double)ct_size(x[0], 0)));
}
WRONG(entropy_no_label, entropy_gradient(x, g, ct_softmax(x[0], -1)))
WRONG(entropy_scores, entropy_gradient(x, g, ct_sub(x[0], hot(x))))
WRONG(entropy_label_only, entropy_gradient(x, g, ct_mul(hot(x), ct_sub(ct_softmax(x[0], -1), hot(x)))))
WRONG(entropy_axis, entropy_gradient(x, g, ct_sub(ct_softmax(x[0], 0), hot(x))))
WRONG(entropy_no_n, ct_mul(g, ct_sub(ct_softmax(x[0], -1), hot(x))))
WRONG(entropy_all, ct_mul(g, ct_mul_scalar(ct_sub(ct_softmax(x[0], -1), hot(x)), 1 / (double)ct_numel(x[0]))))
WRONG(entropy_classes, ct_mul(g, ct_mul_scalar(ct_sub(ct_softmax(x[0], -1), hot(x)), 1 / (double)ct_size(x[0], 1))))
WRONG(entropy_log, entropy_gradient(x, g, ct_sub(ct_log_softmax(x[0], -1), hot(x))))
WRONG(entropy_of_p, entropy_gradient(x, g, ct_neg(ct_div(hot(x), ct_softmax(x[0], -1)))))
WRONG(entropy_one_way, entropy_gradient(x, g, ct_neg(hot(x))))
WRONG(entropy_added, entropy_gradient(x, g, ct_add(ct_softmax(x[0], -1), hot(x))))

/* ---- 10: layer norm ---- */
static ct_tensor *one_over_s(ct_tensor *x)
{
    return ct_rsqrt(ct_add_scalar(ct_var(x, CT_AXES(-1), .keepdim = true, .biased = true), 1e-5));
}
VALUE(layer_norm, ct_mul(ct_sub(x[0], row_means(x[0])), one_over_s(x[0])))
WRONG(norm_direct, ct_mul(one_over_s(x[0]), g))
WRONG(norm_no_mean, ct_mul(one_over_s(x[0]), ct_sub(g, ct_mul(y, row_means(ct_mul(g, y))))))
WRONG(norm_no_s, ct_mul(one_over_s(x[0]), ct_sub(g, row_means(g))))
WRONG(norm_not_divided, ct_sub(ct_sub(g, row_means(g)), ct_mul(y, row_means(ct_mul(g, y)))))
WRONG(norm_sums, ct_mul(one_over_s(x[0]), ct_sub(ct_sub(g, row_sums(g)), ct_mul(y, row_sums(ct_mul(g, y))))))
static ct_tensor *norm_of(ct_tensor *const *x, ct_tensor *g, ct_tensor *through_mean, ct_tensor *through_s)
{
    return ct_mul(one_over_s(x[0]), ct_sub(ct_sub(g, through_mean), through_s));
}
WRONG(norm_mean_g, norm_of(x, g, row_means(g), ct_mul(y, row_means(g))))
WRONG(norm_no_factor_y, norm_of(x, g, row_means(g), row_means(ct_mul(g, y))))
WRONG(norm_plus, norm_of(x, g, row_means(g), ct_neg(ct_mul(y, row_means(ct_mul(g, y))))))
WRONG(norm_columns, norm_of(x, g, ct_mean(g, CT_AXES(0)), ct_mul(y, row_means(ct_mul(g, y)))))
WRONG(norm_all, norm_of(x, g, ct_mean(g), ct_mul(y, ct_mean(ct_mul(g, y)))))
WRONG(norm_times_s, ct_div(ct_sub(ct_sub(g, row_means(g)), ct_mul(y, row_means(ct_mul(g, y)))), one_over_s(x[0])))
WRONG(norm_times_x, ct_mul(one_over_s(x[0]), ct_sub(ct_sub(g, row_means(g)), ct_mul(x[0], row_means(ct_mul(g, y))))))

/* ---- 11: convolution ---- */
static ct_tensor *slide(ct_tensor *a, ct_tensor *b)
{
    ct_tensor *row = ct_reshape(a, CT_SHAPE(1, 1, -1)), *kernel = ct_reshape(b, CT_SHAPE(1, 1, -1));
    return ct_reshape(ct_conv1d(row, kernel, NULL), CT_SHAPE(-1));
}
static ct_tensor *full(ct_tensor *g, ct_tensor *w, int64_t shift)
{
    int64_t ends = ct_size(w, 0) - 1;
    return slide(ct_pad(g, CT_SHAPE(ends - shift, ends + shift)), w);
}
VALUE(conv1d, slide(x[0], x[1]))
WRONG(conv_not_turned, full(g, x[1], 0))
WRONG(conv_early, full(g, ct_flip(x[1], CT_SHAPE(0)), 1))
WRONG(conv_late, full(g, ct_flip(x[1], CT_SHAPE(0)), -1))
WRONG(conv_w_turned, ct_flip(slide(x[0], g), CT_SHAPE(0)))
WRONG(conv_g_turned, slide(x[0], ct_flip(g, CT_SHAPE(0))))
WRONG(conv_x_turned, ct_flip(full(g, ct_flip(x[1], CT_SHAPE(0)), 0), CT_SHAPE(0)))
WRONG(conv_zeros_behind, full(g, ct_flip(x[1], CT_SHAPE(0)), ct_size(x[1], 0) - 1))
WRONG(conv_zeros_before, full(g, ct_flip(x[1], CT_SHAPE(0)), 1 - ct_size(x[1], 0)))

/* ---- 12: attention ---- */
static double scale_of(ct_tensor *const *x)
{
    return 1 / sqrt((double)ct_size(x[0], 1));
}
static ct_tensor *weights(ct_tensor *const *x)
{
    return ct_softmax(ct_mul_scalar(ct_matmul(x[0], turned(x[1])), scale_of(x)), -1);
}
/* What arrives at the scores; with sum false the softmax's sum is left out. */
static ct_tensor *at_scores(ct_tensor *const *x, ct_tensor *g, bool sum)
{
    ct_tensor *a = weights(x), *at_a = ct_matmul(g, turned(x[2]));
    return ct_mul(a, sum ? ct_sub(at_a, row_sums(ct_mul(at_a, a))) : at_a);
}
static ct_tensor *to_q(ct_tensor *const *x, ct_tensor *at_s, double scale)
{
    return ct_mul_scalar(ct_matmul(at_s, x[1]), scale);
}
VALUE(attention, ct_matmul(weights(x), x[2]))
WRONG(attention_v_turned, ct_matmul(weights(x), g))
WRONG(attention_q_scale, ct_matmul(at_scores(x, g, true), x[1]))
WRONG(attention_k_scale, ct_matmul(turned(at_scores(x, g, true)), x[0]))
WRONG(attention_no_sum, ct_mul_scalar(ct_matmul(at_scores(x, g, false), x[1]), scale_of(x)))
WRONG(attention_no_softmax, ct_mul_scalar(ct_matmul(ct_matmul(g, turned(x[2])), x[1]), scale_of(x)))
WRONG(attention_k_turned, ct_mul_scalar(ct_matmul(at_scores(x, g, true), x[0]), scale_of(x)))
WRONG(attention_q_of_q, ct_mul_scalar(ct_matmul(at_scores(x, g, true), x[0]), scale_of(x)))
WRONG(attention_q_scale_up, to_q(x, at_scores(x, g, true), 1 / scale_of(x)))
WRONG(attention_q_scale_twice, to_q(x, at_scores(x, g, true), scale_of(x) * scale_of(x)))
WRONG(attention_k_scale_up, ct_mul_scalar(ct_matmul(turned(at_scores(x, g, true)), x[0]), 1 / scale_of(x)))
WRONG(attention_k_scale_twice, ct_mul_scalar(ct_matmul(turned(at_scores(x, g, true)), x[0]), scale_of(x) * scale_of(x)))
static ct_tensor *softmax_back(ct_tensor *a, ct_tensor *at_a, ct_tensor *sum)
{
    return ct_mul(a, ct_sub(at_a, sum));
}
static ct_tensor *at_columns(ct_tensor *const *x, ct_tensor *g)
{
    ct_tensor *a = weights(x), *at_a = ct_matmul(g, turned(x[2]));
    return softmax_back(a, at_a, ct_sum(ct_mul(at_a, a), CT_AXES(0)));
}
WRONG(attention_columns, to_q(x, at_columns(x, g), scale_of(x)))
static ct_tensor *at_plain_v(ct_tensor *const *x, ct_tensor *g)
{
    ct_tensor *a = weights(x), *at_a = ct_matmul(g, x[2]);
    return softmax_back(a, at_a, row_sums(ct_mul(at_a, a)));
}
WRONG(attention_plain_v, to_q(x, at_plain_v(x, g), scale_of(x)))
WRONG(attention_diagonal,
      to_q(x, ct_mul(ct_mul(weights(x), one_minus(weights(x))), ct_matmul(g, turned(x[2]))), scale_of(x)))
WRONG(attention_v_alone, g)

/* ---- the table ---- */

#define INPUTS_AND_RESULT (CT_SAVE_INPUTS | CT_SAVE_OUTPUT(0))

const exercise exercises[EXERCISES] = {
    {
        .name = "square",
        .inputs = {"x"},
        .value = square_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x4",
        .shapes = {"5", "2x3x2"},
        .single = {"1", "scalar"},
        .wrong = {{0, square_keeps_power, "it is g x^2: the power is still there, but the derivative of x^2 is 2 x"},
                  {0, square_times_x, "it is 2 g x^2: a factor x too much"},
                  {0, square_no_x, "it is 2 g: the slope of x^2 is not the same at every x"}},
        .passed = "What goes on is what arrives times the local derivative. The other eleven are this, with shapes.",
    },
    {
        .name = "product",
        .inputs = {"a", "b"},
        .value = product_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x4 3x4",
        .shapes = {"5 5", "2x3x2 2x3x2"},
        .single = {"1 1", "scalar scalar"},
        .wrong = {{0, product_own_a, "it is g a: a product hands each input the other one, here g b"},
                  {1, product_own_b, "it is g b: a product hands each input the other one, here g a"},
                  {0, product_as_sum, "it is g alone: that is the rule of a sum"},
                  {1, product_as_sum, "it is g alone: that is the rule of a sum"},
                  {0, product_whole, "it is g a b: the product itself is no derivative of it"},
                  {1, product_whole, "it is g a b: the product itself is no derivative of it"}},
        .passed = "A product passes what arrives to each input, times the other one.",
    },
    {
        .name = "fork",
        .inputs = {"x"},
        .value = fork_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x4",
        .shapes = {"5", "2x3x2"},
        .single = {"1", "scalar"},
        .wrong = {{0, fork_last,
                   "it is g: only what comes through the sum; the other branches were overwritten, not added"},
                  {0, fork_one_factor, "it is g x + g: x is used twice in x x, so g x comes twice"},
                  {0, fork_no_sum, "it is 2 g x: the branch through the sum, x beside x x, is missing"},
                  {0, fork_one_only, "it is g x: only one of three branches; the others were overwritten, not added"},
                  {0, fork_mean, "it is a third of the right one: branches are added, not averaged"},
                  {0, fork_product, "it is g x x: the branches were multiplied, not added"}},
        .passed = "Where a wire branches, gradients are added: 2 x + 1, times what arrives.",
    },
    {
        .name = "broadcast",
        .inputs = {"x", "b"},
        .value = broadcast_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x3 3",
        .shapes = {"3x4 3x1", "2x3x4 4", "3x2 scalar", "3x1 4", "2x3x4 3x1"},
        .single = {"1x1 1", "scalar scalar", "1x3 3"},
        .wrong = {{1, broadcast_first_row, "it is the first row of g: b is used in every row, so all of them count"},
                  {1, broadcast_last_row, "it is the last row of g: the rows were overwritten one by one, not added"},
                  {1, broadcast_other_axis,
                   "it is summed along the rows: the axis that b does not have is the first one"},
                  {1, broadcast_everything,
                   "it is the sum of all of g in every element: only the axes along which b was repeated are summed"},
                  {1, broadcast_mean,
                   "it is the mean over the rows: a broadcast is a fork, and branches are added, not averaged"}},
        .passed = "What was repeated on the way forward is summed on the way back. The library's engine does it for "
                  "every operation.",
    },
    {
        .name = "matmul",
        .inputs = {"x", "w"},
        .value = matmul_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x3 3x3",
        .shapes = {"2x3 3x4", "5x2 2x3"},
        .single = {"1x3 3x1", "3x1 1x2", "1x1 1x1"},
        .wrong = {{0, matmul_w_as_it_is, "it is g @ w: w is not transposed"},
                  {1, matmul_x_as_it_is, "it is x @ g: x is not transposed"},
                  {0, matmul_x_order, "it is w^T @ g: the factors are in the wrong order"},
                  {1, matmul_w_order, "it is g @ x^T: the factors are in the wrong order"},
                  {0, matmul_elements_x,
                   "it is g times w element by element: the rule of exercise 2, but this is another product"},
                  {1, matmul_elements_w,
                   "it is g times x element by element: the rule of exercise 2, but this is another product"},
                  {0, matmul_result_turned, "it is w @ g^T: that is the right gradient, transposed"}},
        .passed = "g @ w^T and x^T @ g: the shapes remember it, the sum over uses proves it.",
    },
    {
        .name = "variance",
        .inputs = {"x"},
        .value = variance_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "4x4",
        .shapes = {"3x5", "2x7"},
        .single = {"1x3", "3x1", "1x1"},
        .wrong = {{0, variance_square,
                   "it is g (x - mean)^2/n: the square is still there, and its derivative is twice what is squared"},
                  {0, variance_sign, "it has the sign of x - mean: that would be the rule of |x - mean|"},
                  {0, variance_columns, "the mean goes down the columns: each row has its own mean"},
                  {0, variance_not_centred, "it is 2/n g x: the mean of the row was not subtracted"},
                  {0, variance_g_as_row,
                   "g [m] was laid along the rows: it has one number for each row, so it must stand as a column"},
                  {0, variance_no_n, "it is n times too large: the 1/n of the mean is missing"},
                  {0, variance_no_two, "it is half of the right one: the square's 2 is missing"},
                  {0, variance_unbiased, "it has n - 1 where the forward has n"}},
        .passed = "The 1/n of a mean stays, and moving the mean does not change a variance.",
    },
    {
        .name = "sigmoid",
        .inputs = {"x"},
        .value = sigmoid_value,
        .saves = CT_SAVE_OUTPUT(0),
        .plain = "3x4",
        .shapes = {"5", "2x3x2"},
        .single = {"1", "scalar"},
        .wrong = {{0, sigmoid_twice, "it is the slope at sigmoid(y): y is the sigmoid already"},
                  {0, sigmoid_as_tanh, "it is g (1 - y^2): that is the rule of tanh"},
                  {0, sigmoid_as_exp, "it is g y: that is the rule of exp"},
                  {0, sigmoid_no_y, "it is g (1 - y): a factor y is missing"}},
        .passed = "y (1 - y) is 0.25 at most: a chain of sigmoids makes gradients vanish, see chapter 8.",
    },
    {
        .name = "softmax",
        .inputs = {"x"},
        .value = softmax_value,
        .saves = CT_SAVE_OUTPUT(0),
        .plain = "4x4",
        .shapes = {"2x5", "3x2"},
        .single = {"1x3", "3x1", "1x1"},
        .wrong = {{0, softmax_columns, "the sum goes down the columns: it belongs to the row"},
                  {0, softmax_log, "it is g - y times the sum of g: that is the rule of log-softmax"},
                  {0, softmax_plus,
                   "the sum of g y was added: it is subtracted, for the sum stands in the denominator"},
                  {0, softmax_outside, "it is g y - sum of g y: the factor y belongs before both"},
                  {0, softmax_numerator,
                   "it is g y: only the way through the numerator; every x is in the denominator, too"},
                  {0, softmax_diagonal,
                   "it is g y (1 - y): only what x[i] does to its own y[i]; it moves the others of the row as well"},
                  {0, softmax_all_rows, "the sum goes over all rows: each row is a softmax of its own"},
                  {0, softmax_mean, "it has the mean of g y in place of its sum"},
                  {0, softmax_plain_sum, "it has the sum of g in place of the sum of g y"},
                  {0, softmax_no_y, "it is g - sum of g y: the factor y before it is missing"}},
        .passed = "Of what arrives only the difference from its weighted mean goes on: adding the same to all scores "
                  "changes nothing.",
    },
    {
        .name = "cross_entropy",
        .inputs = {"x", "labels"},
        .value = cross_entropy_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "4x4 i4:4",
        .shapes = {"3x5 i5:3", "5x2 i2:5"},
        .single = {"1x3 i3:1", "3x1 i1:3"},
        .wrong = {{0, entropy_classes, "it is divided by the number of classes: the mean is over the n rows"},
                  {0, entropy_log, "the logarithm of p stands where p belongs"},
                  {0, entropy_of_p,
                   "it is -one-hot/(p n): the gradient with respect to p. The softmax is still in the way to x"},
                  {0, entropy_one_way,
                   "it is -one-hot/n: only the way through x[label]; the logarithm of the sum gives p"},
                  {0, entropy_added, "the one-hot was added: it is subtracted, for x[label] lowers the loss"},
                  {0, entropy_no_label, "it is p/n: the 1 at the label was not subtracted"},
                  {0, entropy_scores, "it is (x - one-hot)/n: the scores, where the probabilities belong"},
                  {0, entropy_label_only,
                   "only the label's column is there: the other scores are in the denominator of p, and get p/n"},
                  {0, entropy_axis, "the softmax goes down the columns: each row is one sample"},
                  {0, entropy_no_n, "it is n times too large: the 1/n of the mean over the rows is missing"},
                  {0, entropy_all, "it is divided by the number of scores: the mean is over the n rows only"}},
        .passed = "(p - one-hot)/n: the gradient of the most used loss is what was said less what was right.",
    },
    {
        .name = "layer_norm",
        .inputs = {"x"},
        .value = layer_norm_value,
        .saves = INPUTS_AND_RESULT,
        .plain = "4x4",
        .shapes = {"3x5", "2x7"},
        .single = {"1x3", "3x1", "1x1"},
        .wrong = {{0, norm_mean_g, "it has y times the mean of g: the way through s is y times the mean of g y"},
                  {0, norm_no_factor_y,
                   "it has the mean of g y without a y before it: the way through s is y times that"},
                  {0, norm_plus, "the way through s was added: it takes away, for a larger s makes y smaller"},
                  {0, norm_columns, "the mean of g goes down the columns: each row has its own"},
                  {0, norm_all, "the means go over everything: each row has its own"},
                  {0, norm_times_s, "it is multiplied by s, and not divided"},
                  {0, norm_direct, "it is g/s: mean and s were treated as constants, but x moves them, too"},
                  {0, norm_no_mean, "the way through the mean is missing: the row's mean of g"},
                  {0, norm_no_s, "the way through s is missing: y times the row's mean of g y"},
                  {0, norm_not_divided, "the 1/s is missing"},
                  {0, norm_sums, "it has sums where means belong: the 1/n of mean and variance is missing"},
                  {0, norm_times_x, "it has x times the mean of g y; it must be y, which is centred and scaled"}},
        .passed = "Three ways back, added. Two of them only take away what a shift or a stretch of the row would undo.",
    },
    {
        .name = "conv1d",
        .inputs = {"x", "w"},
        .value = conv1d_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "7 3",
        .shapes = {"9 2", "6 4"},
        .single = {"5 1", "3 3", "1 1"},
        .wrong = {{0, conv_x_turned, "the gradient of x is turned around, as if g had been instead of w"},
                  {0, conv_zeros_behind, "all zeros stand behind g: as many belong before it"},
                  {0, conv_zeros_before, "all zeros stand before g: as many belong behind it"},
                  {0, conv_not_turned, "the kernel is not turned around: x[t] meets w[0] in y[t], but w[2] in y[t-2]"},
                  {0, conv_early, "it is late by one: the zeros at the two ends of g are not as many"},
                  {0, conv_late, "it is early by one: the zeros at the two ends of g are not as many"},
                  {1, conv_w_turned, "the gradient of w is turned around: w[k] meets x[t+k], forwards"},
                  {1, conv_g_turned, "g is turned around: w[0] meets x[t] in y[t], so x[t] and g[t] go together"}},
        .passed = "A convolution's gradients are convolutions: with the kernel turned around for x, with g as the "
                  "kernel for w.",
    },
    {
        .name = "attention",
        .inputs = {"q", "k", "v"},
        .value = attention_value,
        .saves = CT_SAVE_INPUTS,
        .plain = "3x3 3x3 3x3",
        .shapes = {"2x3 4x3 4x5", "3x2 2x2 2x1"},
        .single = {"1x3 2x3 2x1", "2x1 1x1 1x2", "1x1 1x1 1x1"},
        .wrong =
            {{2, attention_v_alone, "it is g alone: v was multiplied by a on the way forward"},
             {0, attention_q_of_q, "it is multiplied by q: a product hands q the other one, k"},
             {0, attention_q_scale_up, "it is multiplied by sqrt(d), and not divided, on the way to q"},
             {0, attention_q_scale_twice,
              "the 1/sqrt(d) is there twice on the way to q: once, at the scores, is enough"},
             {1, attention_k_scale_up, "it is multiplied by sqrt(d), and not divided, on the way to k"},
             {1, attention_k_scale_twice,
              "the 1/sqrt(d) is there twice on the way to k: once, at the scores, is enough"},
             {0, attention_columns, "the softmax's sum goes down the columns: a's rows sum to 1"},
             {0, attention_plain_v, "v is not transposed on the way to a"},
             {0, attention_diagonal,
              "it has a (1 - a): only what a score does to its own weight; it moves the others of the row as well"},
             {2, attention_v_turned, "it is a @ g: a is not transposed"},
             {0, attention_q_scale, "the 1/sqrt(d) of the scores is missing on the way to q"},
             {1, attention_k_scale, "the 1/sqrt(d) of the scores is missing on the way to k"},
             {0, attention_no_sum,
              "the softmax's sum is missing: exercise 8 subtracts the weighted mean of what arrives"},
             {0, attention_no_softmax, "the way back skips the softmax: what arrives at a is not what arrives at s"},
             {1, attention_k_turned, "what arrives at s is not transposed on the way to k"}},
        .passed = "Attention is two matrix products with a softmax between; its gradient is theirs, one after another.",
    },
};
