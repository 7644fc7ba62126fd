/* What a wrong gradient looks like: a table of patterns, each a test on the computed gradient a and the measured one d of one
 * input, tried in order. Invariant: a guess is only words in the report; no verdict depends on it. */
#include "../pattern.h"
#include "wrong.h"
#include <math.h>

static const struct {
    bool (*test)(ct__wrong *w);
    enum { PLAIN, WITH_FACTOR, WITH_AXIS, WITH_PLACE, WITH_PLACE_ALONG } values;
    const char *sentence;
} patterns[] = {
    {ct__not_finite, PLAIN,
     "the gradient is not finite: a division by zero, a log of zero, or 0 times infinity in the backward"},
    {ct__zeros, PLAIN,
     "the gradient is zero everywhere: the backward returns zeros, never sets this input's gradient, or what it comes "
     "through is detached"},
    {ct__only_at_zero, PLAIN,
     "only elements whose input is exactly 0 are wrong: a kink, a branch or a guard there is not treated as the "
     "forward "
     "treats it"},
    {ct__only_at_value, WITH_FACTOR,
     "only elements whose input is exactly %g are wrong: a case or a guard of its own there is not treated as the "
     "forward treats it"},
    {ct__negated, PLAIN, "the sign is wrong: the gradient is -1 times the measured one"},
    {ct__half, PLAIN, "a factor 2 is missing: the gradient is 0.5 times the measured one"},
    {ct__mean_for_sum, WITH_FACTOR,
     "the gradient is %.6g times the measured one: a mean over the broadcast elements instead of their sum"},
    {ct__times_count, WITH_FACTOR,
     "the gradient is %.6g times the measured one: the division by the number of elements is missing"},
    {ct__unbiased, WITH_FACTOR, "the gradient is %.6g times the measured one: N - 1 where the forward has N"},
    {ct__factor_near_1, WITH_FACTOR,
     "the gradient is off by %.2g of itself everywhere: a constant factor that is nearly 1, such as an epsilon or a "
     "rounded constant"},
    {ct__some_factor, WITH_FACTOR,
     "the gradient is %.6g times the measured one: a constant factor is missing or too much"},
    {ct__exchanged, WITH_PLACE,
     "the measured gradient is the one that input %lld has been given: the gradients of two inputs are exchanged"},
    {ct__from_wrong_side, WITH_AXIS,
     "the gradient is summed along axis %d from the wrong side: that of a running sum runs the other way"},
    {ct__reversed, WITH_AXIS, "the gradient is the measured one in reverse along axis %d: an index runs the wrong way"},
    {ct__transposed, PLAIN, "the gradient is the transpose of the measured one"},
    {ct__untransposed, PLAIN,
     "the gradient is the product with another input where the measured one is that with its transpose: a transpose is "
     "missing, or one too much"},
    {ct__shifted, WITH_AXIS,
     "the gradient is shifted by one element along axis %d: an offset, stride or padding is off by one"},
    {ct__times_x, PLAIN, "the gradient is the measured one times the input: a factor x too much"},
    {ct__lacks_x, PLAIN, "the measured gradient is this one times the input: a factor x is missing"},
    {ct__only_negative, PLAIN,
     "only elements with a negative input are wrong: the other branch of a condition is not differentiated"},
    {ct__factor_by_sign, PLAIN,
     "the gradient is off by one factor where the input is negative and by another elsewhere: the branches of a "
     "condition are exchanged, or each has a wrong slope"},
    {ct__from_position_on, WITH_PLACE_ALONG,
     "elements from %lld on along axis %d are wrong, and none before: a size, a loop's end or an index falls short"},
    {ct__only_first, WITH_AXIS,
     "only the first elements along axis %d are wrong: they are treated unlike the others, or get what belongs to "
     "those"},
    {ct__from_element_on, WITH_PLACE,
     "elements from %lld on are wrong, and none before: a count or an index is too small for so many"},
    {ct__only_rows, PLAIN,
     "only some rows are wrong: what comes to a row from several results is overwritten, or a row is left out"},
    {ct__only_border, PLAIN,
     "only elements at the border are wrong: padding, or the ends of a window, are not accounted for"},
    {ct__same_everywhere, PLAIN, "the same number is missing from every element: a term that sums over all of them"},
    {ct__proportional_to_x, WITH_FACTOR,
     "%.6g times the input is missing: the gradient of a quadratic term, such as a penalty"},
    {ct__constant_along_axis, WITH_AXIS,
     "what is missing is the same along axis %d: the term that comes through a mean or sum over it"},
    {ct__factor_along_axis, WITH_AXIS,
     "the gradient is off by a factor that does not change along axis %d: a scale, deviation or epsilon computed per "
     "slice"},
    {ct__affine_along_axis, WITH_AXIS,
     "what is missing is linear in the input along axis %d: the term that comes through a variance or norm over it"},
    {ct__sums_to_zero, WITH_AXIS,
     "the measured gradient sums to 0 along axis %d, and this one does not: the term that comes through the sum over "
     "it "
     "is missing"},
    {ct__nearly_right, WITH_FACTOR,
     "the gradient is nearly right (to %.1g of its largest element): the derivative of an approximation, or a small "
     "term left out"},
    {ct__same_sum, PLAIN,
     "the sum of all elements is right, and they are not: the gradient goes to the wrong places, as from the index of "
     "a "
     "maximum, a tie or a scatter"},
    {ct__only_some, PLAIN,
     "some elements are right and others wrong: a case, a tie or an index is not treated as the forward treats it"},
    {ct__depends_on_x, PLAIN,
     "how far it is off depends on the element's own x alone: the formula of the derivative is not that of the "
     "function"},
    {ct__depends_on_other, WITH_PLACE,
     "how far it is off depends on the elements of input %lld alone: what comes from that input is missing, or has "
     "another formula"},
    {ct__broadcast, PLAIN,
     "no simple pattern; the input is smaller than the result, so look at the sum over the elements it is spread over"},
};

void ct__guess_pattern(const ct_tensor *x, const ct_tensor *analytic, const ct_tensor *numeric, const uint8_t *verdicts,
                       int64_t outputs, int64_t every, const ct__beside *beside, char *text, size_t size)
{
    ct__wrong w = {.x = ct__doubles(x),
                   .a = ct__doubles(analytic),
                   .d = ct__doubles(numeric),
                   .verdict = verdicts,
                   .n = x->numel,
                   .rank = x->rank,
                   .shape = x->shape,
                   .outputs = outputs,
                   .every = every,
                   .beside = beside};
    ct__row_major(x->shape, x->rank, w.strides);
    for (int64_t k = 0; k < w.n; k++) {
        w.size = fmax(w.size, fmax(fabs(w.a[k]), fabs(w.d[k])));
        w.off = fmax(w.off, fabs(w.d[k] - w.a[k]));
    }
    text[0] = '\0';
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (!patterns[i].test(&w))
            continue;
        if (patterns[i].values == WITH_FACTOR)
            ct__format(text, size, patterns[i].sentence, w.factor);
        else if (patterns[i].values == WITH_AXIS)
            snprintf(text, size, patterns[i].sentence, w.axis);
        else if (patterns[i].values == WITH_PLACE)
            snprintf(text, size, patterns[i].sentence, (long long)w.at);
        else if (patterns[i].values == WITH_PLACE_ALONG)
            snprintf(text, size, patterns[i].sentence, (long long)w.at, w.axis);
        else
            snprintf(text, size, "%s", patterns[i].sentence);
        return;
    }
}
