/* The hints of the exercises, a rung of the ladder more after each run that failed: where to look, which names an element and an
 * experiment; the rule, with the same numbers put in; the lines to write. Invariant: each of the first two has 80 to 160 words and shows
 * one way only, and every number in them is what comes out (docs/course/exercises.md). */
#include "exercises.h"
#include <string.h>

const char *const hints[EXERCISES][RUNGS] = {
    /* square */
    {"Work with one element and small numbers. Set x to 3 and let g be 1. Now make x a little larger, "
     "3.001: x^2 grows from 9 to 9.006001, six times as much as x did. Do the same at x = 1, where it "
     "grows twice as much, and at x = 0, where it hardly grows at all. So the slope is not one number: it "
     "depends on where x is, element by element. Then let g be 5. What stands behind x^2 makes five times "
     "as much of each change, so what you hand on is five times as large too. Which formula in g and x "
     "gives 6, 2, 0 and then 30, 10, 0?",
     "The derivative of x^2 is 2 x: the power comes down in front, and is one lower. What arrives at your "
     "backward is g, the gradient of the loss with respect to y. What leaves it is the gradient of the "
     "loss with respect to x, and the chain rule says that this is the product of the two: g times 2 x, "
     "for each element by itself. At x = 3 with g = 1 that is 1 times 6 = 6; with g = 5 it is 30. No "
     "element looks at another one, so there is no sum and no transpose, only a product with a number and "
     "a product of two tensors of one shape.",
     "x times the number 2, times g, is the gradient of input 0:"
     "\n    return ct_call_set_grad(call, 0, ct_mul(g, ct_mul_scalar(x, 2)));"},
    /* product */
    {"Set a to 2, b to 5 and let g be 1, so that y is 10. Make a a little larger, 2.001, and leave b "
     "alone: y becomes 10.005. It grew five times as much as a did. Now the other way round: b becomes "
     "5.001 while a stays 2, and y becomes 10.002, so it grew twice as much as b did. Look where these two "
     "numbers, 5 and 2, stand in the problem. Then choose other values, a = -3 and b = 7 say, write down "
     "first what you expect for each input, and check it in the same way. What does each of the inputs "
     "get?",
     "In y = a b the slope for a is what a is multiplied by, which is b, and the slope for b is a. Each "
     "input gets the other one's value, and both are multiplied by what arrives. So the gradient of a is g "
     "b and the gradient of b is g a. With a = 2, b = 5 and g = 1 these are 5 and 2; with g = 10 they are "
     "50 and 20. Remember that there are two inputs to serve: the backward sets a gradient for input 0, "
     "which is a, and another for input 1, which is b. Both have the shape of g, so products of elements "
     "are all you need.",
     "a is input 0 and b is input 1:"
     "\n    ct_status status = ct_call_set_grad(call, 0, ct_mul(g, b));"
     "\n    return status == CT_OK ? ct_call_set_grad(call, 1, ct_mul(g, a)) : status;"},
    /* fork */
    {"The same x stands at three places in y = x x + x, so see what each place does by itself. Set x to 3 "
     "and let g be 1; y is 12. Let only the left factor grow, to 3.001: y grows by 0.003. Let only the "
     "right factor grow: again 0.003. Let only the x behind the plus grow: 0.001. In truth all three grow "
     "at once, since they are one and the same x, and y grows by 0.007 and a millionth. So how many times "
     "as much as x did y grow? How do the three numbers 3, 3 and 1 make that one? And what is missing in "
     "your result?",
     "Go back through the graph. The sum hands g on to both of its inputs: to the product x x, and to the "
     "x that stands beside it. The product hands each of its factors g times the other factor, so the left "
     "x gets g x, and the right x gets g x as well. Now three gradients have come to the same x, one along "
     "each branch, and where a wire branches on the way forward the gradients of its branches are added on "
     "the way back: g x + g x + g, never only the last of them. At x = 3 with g = 1 that is 3 + 3 + 1 = 7.",
     "Add the three branches, and set the sum once:"
     "\n    ct_tensor *from_left = ct_mul(g, x), *from_right = ct_mul(g, x), *from_sum = g;"
     "\n    return ct_call_set_grad(call, 0, ct_add(ct_add(from_left, from_right), from_sum));"},
    /* broadcast */
    {"Look at one element of b and ask where it was used. Take x with two rows and two columns, and b with "
     "two elements. The sum adds b to both rows, so b[0] is in y[0][0] and in y[1][0]: it is used twice, "
     "and what is used twice is a fork. Now let g be [[1, 2], [10, 20]]. What comes back to b[0] along "
     "each of its two branches, and what do they make together? Do the same for b[1]. The gradient of b "
     "must have two elements, as b has. Along which axis of g did you add? And along which would you, if b "
     "had the shape [2, 1], a number for each row?",
     "What was repeated on the way forward is summed on the way back. Two shapes are lined up at their "
     "last axis. The shorter one is repeated along the axes that it does not have, which stand in front, "
     "and along those where it has the size 1. So go through the axes of g: where t does not have the "
     "axis, or has 1 there, sum g along it, and keep it as an axis of size 1, so that the others stay "
     "where they are. At the end reshape the result to t's own shape. For g = [[1, 2], [10, 20]] and a b "
     "with two elements that gives [11, 22].",
     "g is summed until it has the shape of t:"
     "\n    int in_front = ct_rank(g) - ct_rank(t);"
     "\n    for (int axis = 0; axis < ct_rank(g); axis++)"
     "\n        if (axis < in_front || ct_size(t, axis - in_front) == 1)"
     "\n            g = ct_sum(g, CT_AXES(axis), .keepdim = true);"
     "\n    return ct_reshape(g, ct_shape(t), ct_rank(t));"},
    /* matmul */
    {"Take x [2,3], w [3,4] and so g [2,4], and let the shapes lead you. The gradient of x must be [2,3], "
     "as x is. Which product of g, which is [2,4], and of w, perhaps turned around, gives [2,3]? Write the "
     "inner sizes beside each other: they must be the same, and they vanish. Then the gradient of w must "
     "be [3,4]: what gives that from x and g? Do not try this with square matrices, where every order and "
     "every transpose fits, and only one of them is right. Then test one element: let w be zero but for "
     "w[0][0] = 1. From which element of g comes the gradient of x[0][0]?",
     "Write one element out: y[i][j] is the sum over k of x[i][k] w[k][j]. So x[i][k] is used once for "
     "each column j, times w[k][j], and what comes back to it is the sum over j of g[i][j] w[k][j]. That "
     "sum runs over the last axis of both, g and w. A matrix product sums over the last axis of its left "
     "factor and the first of its right one, so w has to be transposed: g @ w^T, which is [2,4] @ [4,3] = "
     "[2,3]. In the same way w[k][j] is used once for each row i, times x[i][k], and gets the sum over i "
     "of x[i][k] g[i][j]: x^T @ g.",
     "The other factor is transposed, and stays on its side:"
     "\n    ct_status status = ct_call_set_grad(call, 0, ct_matmul(g, ct_transpose(w, 0, 1)));"
     "\n    return status == CT_OK ? ct_call_set_grad(call, 1, ct_matmul(ct_transpose(x, 0, 1), g)) : status;"},
    /* variance */
    {"Take one row, x = [1, 2, 6], and let its g be 1. The mean is 3, and the variance is (4 + 1 + 9) / 3 "
     "= 4.667. Add 0.001 to all three elements: they move together, their distances from the mean stay "
     "what they are, and so does the variance. So the gradients of a row must sum to 0. Do yours? Now move "
     "only the last element, to 6.001: it goes away from the mean, and the variance grows by 0.002. Move "
     "only the first, to 1.001: the variance shrinks by 0.00133. Compare these slopes, 2 and -1.333, with "
     "the distances of the two elements from the mean, 3 and -2. By what are they multiplied?",
     "The variance is the mean of the squared distances (x - m)^2. Moving x[j] changes its own distance, "
     "and it moves the mean m too, and with it all the distances; but that second part vanishes, since the "
     "distances from the mean sum to 0. What remains is the slope 2 (x[j] - m) / n, where n is the number "
     "of elements in a row. For x = [1, 2, 6] that is [-1.333, -0.667, 2]. It is multiplied by the g of "
     "its row. There is one g for each row, so g needs one more axis, of size 1, behind its own, before it "
     "can be multiplied with something that has the shape of x.",
     "Centre x, give g the shape [rows, 1], and multiply:"
     "\n    ct_tensor *centred = ct_sub(x, ct_mean(x, CT_AXES(-1), .keepdim = true));"
     "\n    double n = (double)ct_size(x, 1);"
     "\n    return ct_call_set_grad(call, 0, ct_mul(ct_unsqueeze(g, 1), ct_mul_scalar(centred, 2 / n)));"},
    /* sigmoid */
    {"Look at three places where you know the answer. At x = 0 the result y is 0.5, and the curve is at "
     "its steepest: from x = -0.001 to x = 0.001 it rises by 0.0005, so its slope is 0.25. Far to the "
     "right, at x = 10, y is nearly 1 and the curve is flat: the slope is nearly 0. Far to the left, at x "
     "= -10, y is nearly 0 and the curve is flat again. So you look for a formula in y alone that gives "
     "0.25 at y = 0.5, and 0 both at y = 0 and at y = 1. Which product of y and 1 - y does that? Then it "
     "is multiplied by what arrives.",
     "The derivative of the sigmoid can be written with its own result: dy/dx = y (1 - y). That is why the "
     "exercise saves the result and not the input; y is what ct_call_output gives, and no exponential is "
     "needed on the way back. What goes on is g times that, for each element by itself. At y = 0.5 with g "
     "= 1 it is 0.5 times 0.5 = 0.25; at y = 0.9 with g = 2 it is 2 times 0.9 times 0.1 = 0.18. The "
     "library has no operation for 1 - y in one step, but -y + 1 is the same: turn the sign, and then add "
     "the number 1.",
     "y times (-y + 1), times g:"
     "\n    ct_tensor *slope = ct_mul(y, ct_add_scalar(ct_neg(y), 1));"
     "\n    return ct_call_set_grad(call, 0, ct_mul(g, slope));"},
    /* softmax */
    {"Take one row with two equal scores, so that y = [0.5, 0.5]. The results of a row always sum to 1: if "
     "x[0] grows a little, y[0] grows, and y[1] shrinks by as much. Now let g be [1, 1]. The gain and the "
     "loss cancel, and nothing may come back to x[0] or to x[1]. Does your formula give zeros there? Then "
     "let g be [1, 0]: only y[0] counts. Its slope for x[0] is 0.25 and for x[1] it is -0.25, so both "
     "scores get a gradient, though the second element of g is zero. A formula that looks at one element "
     "alone cannot do that. Which sum over the row does it need?",
     "The slope of y[i] for x[j] is y[i] (1 - y[j]) where i is j, and -y[i] y[j] where it is not. Every "
     "result of a row depends on every score of that row, so what comes back to x[j] is a sum over all i "
     "of g[i] times that slope. Put together, this is y[j] (g[j] - s), where s is the sum over the row of "
     "g[i] y[i]: one number for each row, the same for all j. For y = [0.5, 0.5] and g = [1, 0] the sum s "
     "is 0.5, and the gradient is [0.25, -0.25]. Keep the axis that is summed, with size 1, so that s "
     "lines up with its row.",
     "The sum is along the last axis, which is kept:"
     "\n    ct_tensor *through_the_sum = ct_sum(ct_mul(g, y), CT_AXES(-1), .keepdim = true);"
     "\n    return ct_call_set_grad(call, 0, ct_mul(y, ct_sub(g, through_the_sum)));"},
    /* cross_entropy */
    {"Take one row of scores whose probabilities are p = [0.2, 0.8], with the label 0. The loss is -log "
     "0.2 = 1.609. Which score must grow for the loss to fall? The first, since it is the label's: so its "
     "gradient is negative. Which must shrink? The second, so its gradient is positive: the loss sees all "
     "the scores, not only that of the label. Add the same number to both scores, and the probabilities "
     "stay as they are: so the gradients of a row must sum to 0. Do yours? With p = [1, 0] all is right "
     "already, and both gradients must be 0. Last, the loss is a mean over the rows. What does that do to "
     "each row?",
     "For one row the loss is log(sum of exp(x)) - x[label]. The slope of the first part is the softmax p, "
     "a probability for each score. The slope of the second part is -1 at the label and 0 elsewhere, which "
     "is minus the one-hot row of the label. Together they are p - hot. For p = [0.2, 0.8] and the label 0 "
     "that is [-0.8, 0.8], and it sums to 0. The loss is the mean over n rows, so each row's part is "
     "divided by n, the number of rows, not of classes. And all of it is multiplied by g, which is a "
     "single number, since the loss is one.",
     "The softmax without the 1 at the label, over the number of rows:"
     "\n    ct_tensor *p = ct_softmax(x, -1), *hot = ct_one_hot(labels, ct_size(x, 1), ct_dtype_of(x));"
     "\n    ct_tensor *of_the_mean = ct_mul_scalar(ct_sub(p, hot), 1 / (double)ct_size(x, 0));"
     "\n    return ct_call_set_grad(call, 0, ct_mul(g, of_the_mean));"},
    /* layer_norm */
    {"Two experiments need no formula. First, add 0.001 to all elements of a row: the mean moves with "
     "them, and y does not change. So the gradients of each row must sum to 0. Do yours? Second, move each "
     "element a little further from the mean, in proportion to its distance: s grows with them, and y does "
     "not change either, but for the 1e-5 in the root. So the sum over the row of your gradient times y "
     "must be 0 as well. Now see which of the two your result fails. If it is the first, the mean of the "
     "row has been left out of account; if it is the second, the spread s has. What has to be subtracted?",
     "There are three ways from x to y = (x - m) / s. The direct one brings back g / s. The second goes "
     "through the mean: m stands in every element of the row, so the sum of -g / s comes back to it, and "
     "each x gets one n-th of that: minus the mean of g, over s. The third goes through s, and comes out "
     "as minus y times the mean of g y, over s. Together the gradient is (g - mean(g) - y mean(g y)) / s, "
     "where both means run along the row and keep their axis. A test: where g is 1 everywhere mean(g) is 1 "
     "and mean(g y) is 0, and nothing is left.",
     "Both means are along the last axis, which is kept:"
     "\n    ct_tensor *through_mean = ct_mean(g, CT_AXES(-1), .keepdim = true);"
     "\n    ct_tensor *through_s = ct_mul(y, ct_mean(ct_mul(g, y), CT_AXES(-1), .keepdim = true));"
     "\n    return ct_call_set_grad(call, 0, ct_mul(one_over_s, ct_sub(ct_sub(g, through_mean), through_s)));"},
    /* conv1d */
    {"Write a small one out by hand. Let x have three elements and w two. Then y[0] = x[0] w[0] + x[1] "
     "w[1], and y[1] = x[1] w[0] + x[2] w[1]. Where does x[1] stand? In y[0], times w[1], and in y[1], "
     "times w[0]: so it gets g[0] w[1] + g[1] w[0]. What do x[0] and x[2] get, which stand in one result "
     "only? Look at the order: as the index of g rises, that of w falls. Now the same for w: where does "
     "w[0] stand, and times what? It is in both results, and here the indices of g and x rise together. "
     "Which of the two is a sliding product as it is, and which needs w turned around?",
     "Both gradients are sliding products again. w[k] is used in every y[t], times x[t + k], so it gets "
     "the sum over t of g[t] x[t + k]: slide g over x, and turn nothing around. x[s] is used in y[s - k] "
     "for each k, times w[k], so it gets the sum over k of g[s - k] w[k]: the index of g falls while that "
     "of w rises, so it is w, turned around, that slides over g. At the ends x[s] is in fewer results. Put "
     "zeros before and behind g, one fewer than w has elements at either end, and the ends come out right, "
     "with as many elements as x has.",
     "For x zeros at both ends of g, and w turned around; for w nothing of that:"
     "\n    int64_t ends = ct_size(w, 0) - 1;"
     "\n    ct_tensor *turned = ct_flip(w, CT_SHAPE(0));"
     "\n    ct_status status = ct_call_set_grad(call, 0, slide(ct_pad(g, CT_SHAPE(ends, ends)), turned));"
     "\n    return status == CT_OK ? ct_call_set_grad(call, 1, slide(x, g)) : status;"},
    /* attention */
    {"Do not look for one formula. Write down what happened, a node a line: s = q @ k^T / sqrt(d), then a "
     "= softmax(s) along each row, then y = a @ v. Go back in the opposite order, and give what arrives at "
     "each node a name. The last node is the matrix product of exercise 5, so a and v get their gradients "
     "as x and w did there. Begin with v, since that needs no softmax, and run the grader: v must be right "
     "before you go on. What arrives at a goes back through the softmax of exercise 8, and so arrives at "
     "s. There it meets another matrix product, with a number in front. What do q and k get?",
     "From the end: v gets a^T @ g, and a gets g @ v^T; call that h. The softmax hands on a times (h - the "
     "sum of h a along the row), with the axis kept; call that r, it is what arrives at s. Now s = q @ k^T "
     "/ sqrt(d). As in exercise 5 q gets r @ k, and k gets r^T @ q, since k stood there transposed "
     "already. Both are divided by sqrt(d), as s was; where that is forgotten all elements are too large "
     "by the same factor, and the ratio shows it. Check the shapes: r is [m,n] and k is [n,d], so q gets "
     "[m,d]; and k gets [n,m] @ [m,d] = [n,d].",
     "h and r are called grad_a and grad_s here:"
     "\n    ct_tensor *grad_a = ct_matmul(g, transposed(v));"
     "\n    ct_tensor *grad_s = ct_mul(a, ct_sub(grad_a, ct_sum(ct_mul(grad_a, a), CT_AXES(-1), .keepdim = true)));"
     "\n    ct_status status = ct_call_set_grad(call, 0, ct_mul_scalar(ct_matmul(grad_s, k), scale));"
     "\n    if (status == CT_OK)"
     "\n        status = ct_call_set_grad(call, 1, ct_mul_scalar(ct_matmul(transposed(grad_s), q), scale));"
     "\n    return status == CT_OK ? ct_call_set_grad(call, 2, ct_matmul(transposed(a), g)) : status;"},
};

/* A text in lines of 80 columns; a line of code as it is. */
void print_hint(int exercise, int rung, FILE *to)
{
    int column = fprintf(to, "hint %d of %d:", rung + 1, RUNGS);
    for (const char *text = hints[exercise][rung]; *text;) {
        bool code = strncmp(text, "\n    ", 5) == 0;
        int length = (int)(code ? 1 + strcspn(text + 1, "\n") : strcspn(text, " \n"));
        if (code || column + 1 + length <= 80)
            column += fprintf(to, code ? "%.*s" : " %.*s", length, text);
        else
            column = fprintf(to, "\n%.*s", length, text) - 1;
        text += length + (!code && text[length] == ' ');
    }
    fprintf(to, "\n");
}
