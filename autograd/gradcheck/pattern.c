/* What a wrong gradient looks like: a table of patterns, each a test on the computed gradient a and the measured one d of one
 * input, tried in order. Invariant: a guess is only words in the report; no verdict depends on it. */
#include "pattern.h"
#include <cotan/gradcheck.h>
#include <math.h>
#include <string.h>

#define ALIKE 1e-4   /* of the largest element: measured gradients are far better, coincidences far worse; */
#define MISTAKE 1e-2 /* and of the largest difference, so that a small mistake has a pattern too */

enum { FEW_VALUES = 64 };

typedef struct wrong {
    const double *x, *a, *d;
    const uint8_t *verdict;
    int64_t n;
    int rank;
    const int64_t *shape;
    int64_t strides[CT_MAX_RANK];
    int64_t outputs; /* elements of the largest result */
    double size;     /* largest |d|, |a| */
    double off;      /* largest |d - a| */
    double factor;   /* set by a test, for its sentence */
    int axis;
    int64_t at;
    int64_t every; /* element of the input is here; with more than 1, there are no axes */
} wrong;

static bool alike(const wrong *w, double u, double v)
{
    return fabs(u - v) <= fmin(ALIKE * w->size, MISTAKE * w->off);
}

static int64_t position(const wrong *w, int64_t k, int axis)
{
    return k / w->strides[axis] % w->shape[axis];
}

/* ---- the whole gradient ---- */

static bool not_finite(wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!isfinite(w->a[k]))
            return true;
    return false;
}

/* Or nothing beside the measured. */
static bool zeros(wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (fabs(w->a[k]) > 1e-12 * w->size)
            return false;
    return true;
}

/* a = c d, c by least squares. */
static bool constant_factor(wrong *w)
{
    double ad = 0, dd = 0;
    for (int64_t k = 0; k < w->n; k++) {
        ad += w->a[k] * w->d[k];
        dd += w->d[k] * w->d[k];
    }
    if (dd == 0)
        return false;
    w->factor = ad / dd;
    for (int64_t k = 0; k < w->n; k++)
        if (!alike(w, w->a[k], w->factor * w->d[k]))
            return false;
    return true;
}

static bool factor_is(wrong *w, double value)
{
    return constant_factor(w) && fabs(w->factor - value) <= 1e-3 * fabs(value);
}

static bool negated(wrong *w)
{
    return factor_is(w, -1);
}

static bool half(wrong *w)
{
    return factor_is(w, 0.5);
}

static bool mean_for_sum(wrong *w)
{
    double repeats = w->n ? (double)w->outputs / (double)w->n : 0;
    return repeats > 1 && factor_is(w, 1 / repeats);
}

static bool times_count(wrong *w)
{
    for (int axis = 0; axis < w->rank; axis++)
        if (w->shape[axis] > 1 && factor_is(w, (double)w->shape[axis]))
            return true;
    return w->n > 1 && factor_is(w, (double)w->n);
}

/* A deviation over N - 1 for one over N. */
static bool unbiased(wrong *w)
{
    for (int axis = 0; axis < w->rank; axis++) {
        double n = (double)w->shape[axis];
        if (n > 1 && (factor_is(w, sqrt((n - 1) / n)) || factor_is(w, (n - 1) / n) || factor_is(w, n / (n - 1))))
            return true;
    }
    return false;
}

static bool some_factor(wrong *w)
{
    return w->n > 1 && constant_factor(w); /* of one element there always is one */
}

/* A factor so close to 1 that it prints as 1; what is shown is how far from it. */
static bool factor_near_1(wrong *w)
{
    if (w->n < 2 || !constant_factor(w) || fabs(w->factor - 1) > 1e-3)
        return false;
    w->factor -= 1;
    return true;
}

static bool transposed(wrong *w)
{
    int rank = w->rank;
    if (rank < 2 || w->shape[rank - 1] != w->shape[rank - 2] || w->shape[rank - 1] < 2)
        return false;
    int64_t m = w->shape[rank - 1];
    for (int64_t k = 0; k < w->n; k++) {
        int64_t i = k / m % m, j = k % m;
        if (!alike(w, w->a[k], w->d[k + (j - i) * m + (i - j)]))
            return false;
    }
    return true;
}

/* How many of the first few computed elements differ from all before. */
static int count_values(const wrong *w)
{
    int different = 0;
    for (int64_t k = 0; k < w->n && k < FEW_VALUES; k++) {
        bool known = false;
        for (int64_t j = 0; j < k; j++)
            known |= alike(w, w->a[k], w->a[j]);
        different += !known;
    }
    return different;
}

/* a[i] = d[i + by] along an axis, or along it and the one before, where both exist; of a few elements, or of equal ones, that says
 * nothing. */
static bool shifted_by(const wrong *w, int axis, int by, bool both)
{
    if (w->shape[axis] < 3 || (both && (axis == 0 || w->shape[axis - 1] < 3)) || count_values(w) < 4)
        return false;
    for (int64_t k = 0; k < w->n; k++) {
        int64_t to = position(w, k, axis) + by, to_both = both ? position(w, k, axis - 1) + by : 0;
        bool inside = to >= 0 && to < w->shape[axis] && (!both || (to_both >= 0 && to_both < w->shape[axis - 1]));
        if (inside && !alike(w, w->a[k], w->d[k + by * (w->strides[axis] + (both ? w->strides[axis - 1] : 0))]))
            return false;
    }
    return true;
}

static bool shifted(wrong *w)
{
    for (w->axis = 0; w->axis < w->rank; w->axis++)
        for (int by = -1; by <= 1; by += 2)
            if (shifted_by(w, w->axis, by, false) || shifted_by(w, w->axis, by, true))
                return true;
    return false;
}

static bool times_x(wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!alike(w, w->a[k], w->d[k] * w->x[k]))
            return false;
    return true;
}

static bool lacks_x(wrong *w)
{
    for (int64_t k = 0; k < w->n; k++)
        if (!alike(w, w->a[k] * w->x[k], w->d[k]))
            return false;
    return true;
}

/* ---- only some elements ---- */

static bool some_right(const wrong *w)
{
    int64_t bad = 0, right = 0;
    for (int64_t k = 0; k < w->n; k++) {
        bad += w->verdict[k] == CT_FAIL;
        right += w->verdict[k] == CT_PASS;
    }
    return bad > 0 && right > 0;
}

static bool only_negative(wrong *w)
{
    if (!some_right(w))
        return false;
    for (int64_t k = 0; k < w->n; k++)
        if ((w->verdict[k] == CT_FAIL && w->x[k] >= 0) || (w->verdict[k] == CT_PASS && w->x[k] < 0))
            return false;
    return true;
}

/* Where x is exactly 0, or, if all of it is the same, at that tie. */
static bool only_at_zero(wrong *w)
{
    int64_t right = 0, off = 0;
    for (int64_t k = 0; k < w->n; k++) {
        if (w->verdict[k] == CT_FAIL && w->x[k] != 0)
            return false;
        off += w->verdict[k] == CT_FAIL;
        right += w->verdict[k] != CT_FAIL && w->x[k] != 0;
    }
    return off > 0 && (right > 0 || off == w->n);
}

/* All elements with position at or above from along axis are wrong, and none below; or, before, the other way round. What is at 0 by
 * either way is neither. */
static bool wrong_from(const wrong *w, int axis, int64_t from, bool before)
{
    for (int64_t k = 0; k < w->n; k++) {
        bool bad = w->verdict[k] == CT_FAIL, there = (position(w, k, axis) >= from) != before;
        if (bad != there && w->verdict[k] != CT_VACUOUS)
            return false;
    }
    return true;
}

/* The first position along axis with a wrong element. */
static int64_t first_wrong(const wrong *w, int axis)
{
    int64_t first = w->shape[axis];
    for (int64_t k = 0; k < w->n; k++)
        if (w->verdict[k] == CT_FAIL && position(w, k, axis) < first)
            first = position(w, k, axis);
    return first;
}

static bool from_position_on(wrong *w)
{
    for (w->axis = 0; w->every == 1 && some_right(w) && w->axis < w->rank; w->axis++) {
        w->at = first_wrong(w, w->axis);
        if (w->at > 0 && w->at < w->shape[w->axis] && w->shape[w->axis] > 1 && wrong_from(w, w->axis, w->at, false))
            return true;
    }
    return false;
}

static bool only_first(wrong *w)
{
    for (w->axis = 0; w->every == 1 && some_right(w) && w->axis < w->rank; w->axis++)
        if (w->shape[w->axis] > 1 && wrong_from(w, w->axis, 1, true))
            return true;
    return false;
}

/* In row-major order. */
static bool from_element_on(wrong *w)
{
    w->at = 0;
    while (w->at < w->n && w->verdict[w->at] != CT_FAIL)
        w->at++;
    bool all = w->at > 0 && w->at < w->n;
    for (int64_t k = w->at; all && k < w->n; k++)
        all = w->verdict[k] == CT_FAIL || w->verdict[k] == CT_VACUOUS;
    w->at *= w->every;
    return all && some_right(w);
}

static bool at_border(const wrong *w, int64_t k)
{
    for (int axis = w->rank - 1; axis >= 0 && axis >= w->rank - 2; axis--) {
        int64_t i = position(w, k, axis);
        if (w->shape[axis] > 2 && (i == 0 || i == w->shape[axis] - 1))
            return true;
    }
    return false;
}

/* There, and not inside; a few elements would lie there by chance. */
static bool only_border(wrong *w)
{
    int64_t bad = 0, border = 0;
    for (int64_t k = 0; k < w->n; k++) {
        if (w->verdict[k] == CT_FAIL && !at_border(w, k))
            return false;
        bad += w->verdict[k] == CT_FAIL;
        border += at_border(w, k);
    }
    return some_right(w) && 2 * bad >= border && border < w->n;
}

/* Whole rows are wrong and whole rows are right. */
static bool only_rows(wrong *w)
{
    if (!some_right(w) || w->rank < 2 || w->shape[0] < 2 || w->strides[0] < 2)
        return false;
    int64_t row = w->strides[0];
    for (int64_t k = 0; k < w->n; k++)
        if ((w->verdict[k] == CT_FAIL) != (w->verdict[k / row * row] == CT_FAIL))
            return false;
    return true;
}

static bool only_some(wrong *w)
{
    return some_right(w);
}

/* ---- what is missing: r = d - a ---- */

static bool same_everywhere(wrong *w)
{
    for (int64_t k = 1; k < w->n; k++)
        if (fabs((w->d[k] - w->a[k]) - (w->d[0] - w->a[0])) > 1e-3 * fabs(w->d[0] - w->a[0]))
            return false;
    return w->n > 1;
}

static bool proportional_to_x(wrong *w)
{
    double rx = 0, xx = 0, largest = 0;
    for (int64_t k = 0; k < w->n; k++) {
        rx += (w->d[k] - w->a[k]) * w->x[k];
        xx += w->x[k] * w->x[k];
        largest = fmax(largest, fabs(w->d[k] - w->a[k]));
    }
    if (xx == 0 || w->n < 2)
        return false;
    w->factor = rx / xx;
    for (int64_t k = 0; k < w->n; k++)
        if (fabs(w->d[k] - w->a[k] - w->factor * w->x[k]) > 1e-2 * largest)
            return false;
    return true;
}

/* Calls test with each line of elements along each axis (first element, count, stride) until an axis has all lines true. */
static bool every_line(wrong *w, bool (*test)(const wrong *w, int64_t first, int64_t count, int64_t stride))
{
    for (w->axis = 0; w->rank > 1 && w->axis < w->rank; w->axis++) {
        int64_t count = w->shape[w->axis], stride = w->strides[w->axis];
        bool all = count > 2;
        for (int64_t k = 0; all && k < w->n; k++)
            if (position(w, k, w->axis) == 0)
                all = test(w, k, count, stride);
        if (all)
            return true;
    }
    return false;
}

static bool line_constant(const wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double r = w->d[first] - w->a[first];
    for (int64_t i = 1; i < count; i++)
        if (fabs(w->d[first + i * stride] - w->a[first + i * stride] - r) > 1e-3 * fabs(r) + 1e-9 * w->size)
            return false;
    return true;
}

static bool constant_along_axis(wrong *w)
{
    return every_line(w, line_constant);
}

/* r = p + q x along the line, by least squares; with two elements that is always so. */
static bool line_affine(const wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double sx = 0, sr = 0, sxx = 0, sxr = 0, largest = 0, n = (double)count;
    for (int64_t i = 0; i < count; i++) {
        double x = w->x[first + i * stride], r = w->d[first + i * stride] - w->a[first + i * stride];
        sx += x;
        sr += r;
        sxx += x * x;
        sxr += x * r;
        largest = fmax(largest, fabs(r));
    }
    double determinant = n * sxx - sx * sx;
    if (count < 4 || determinant <= 0)
        return false;
    double q = (n * sxr - sx * sr) / determinant, p = (sr - q * sx) / n;
    for (int64_t i = 0; i < count; i++) {
        double x = w->x[first + i * stride], r = w->d[first + i * stride] - w->a[first + i * stride];
        if (fabs(r - p - q * x) > 1e-2 * largest + 1e-9 * w->size)
            return false;
    }
    return true;
}

static bool affine_along_axis(wrong *w)
{
    return every_line(w, line_affine);
}

static bool line_factor(const wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double ad = 0, dd = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = first + i * stride;
        ad += w->a[k] * w->d[k];
        dd += w->d[k] * w->d[k];
        size = fmax(size, fabs(w->a[k] - w->d[k]));
    }
    for (int64_t i = 0; i < count; i++)
        if (fabs(w->a[first + i * stride] - ad / dd * w->d[first + i * stride]) > 1e-2 * size + 1e-9 * w->size)
            return false;
    return dd > 0;
}

static bool factor_along_axis(wrong *w)
{
    return every_line(w, line_factor);
}

static bool nearly_right(wrong *w)
{
    w->factor = 0;
    for (int64_t k = 0; k < w->n; k++)
        w->factor = fmax(w->factor, fabs(w->a[k] - w->d[k]) / w->size);
    return w->factor < 0.02;
}

/* ---- the right numbers at wrong places ---- */

/* a[n - 1 - i] = d[i] along an axis. */
static bool reversed(wrong *w)
{
    for (w->axis = 0; w->axis < w->rank; w->axis++) {
        bool all = w->shape[w->axis] > 1 && count_values(w) > 1;
        for (int64_t k = 0; all && k < w->n; k++) {
            int64_t i = position(w, k, w->axis), to = w->shape[w->axis] - 1 - 2 * i;
            all = alike(w, w->a[k + to * w->strides[w->axis]], w->d[k]);
        }
        if (all)
            return true;
    }
    return false;
}

/* Sums over all elements agree, far better than by chance, and are not of nothing. */
static bool same_sum(wrong *w)
{
    double of_a = 0, of_d = 0;
    for (int64_t k = 0; k < w->n; k++) {
        of_a += w->a[k];
        of_d += w->d[k];
    }
    return w->n > 1 && fabs(of_a - of_d) <= 1e-7 * w->size && fabs(of_d) > 1e-3 * w->size;
}

static bool line_sums_to_zero(const wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += w->d[first + i * stride];
    return fabs(sum) <= 1e-7 * w->size;
}

static bool sums_to_zero(wrong *w)
{
    return every_line(w, line_sums_to_zero);
}

/* ---- a function of x alone ---- */

enum { MOST_SORTED = 256 };

/* How much the ratio of a to d, as an angle, changes from element to element in that order. */
static double variation(const wrong *w, const int *order, int n)
{
    double sum = 0;
    for (int i = 1; i < n; i++)
        sum += fabs(atan(w->a[order[i]] / w->d[order[i]]) - atan(w->a[order[i - 1]] / w->d[order[i - 1]]));
    return sum;
}

/* Then it changes little from one x to the next. */
static bool depends_on_x(wrong *w)
{
    int order[MOST_SORTED], n = (int)(w->n < MOST_SORTED ? w->n : MOST_SORTED);
    for (int i = 0; i < n; i++)
        order[i] = i;
    double as_they_are = variation(w, order, n);
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && w->x[order[k]] < w->x[order[k - 1]]; k--) {
            int swap = order[k];
            order[k] = order[k - 1];
            order[k - 1] = swap;
        }
    return n >= 8 && w->outputs == w->n && variation(w, order, n) < 0.3 * as_they_are;
}

static bool broadcast(wrong *w)
{
    return w->n > 0 && w->outputs > w->n && w->outputs % w->n == 0;
}

/* ---- the table ---- */

static const struct {
    bool (*test)(wrong *w);
    enum { PLAIN, WITH_FACTOR, WITH_AXIS, WITH_PLACE, WITH_PLACE_ALONG } values;
    const char *sentence;
} patterns[] = {
    {not_finite, PLAIN,
     "the gradient is not finite: a division by zero, a log of zero, or 0 times infinity in the backward"},
    {zeros, PLAIN,
     "the gradient is zero everywhere: the backward returns zeros, never sets this input's gradient, or what it comes "
     "through is detached"},
    {only_at_zero, PLAIN,
     "only elements whose input is exactly 0 are wrong: a kink, a branch or a guard there is not treated as the "
     "forward "
     "treats it"},
    {negated, PLAIN, "the sign is wrong: the gradient is -1 times the measured one"},
    {half, PLAIN, "a factor 2 is missing: the gradient is 0.5 times the measured one"},
    {mean_for_sum, WITH_FACTOR,
     "the gradient is %.6g times the measured one: a mean over the broadcast elements instead of their sum"},
    {times_count, WITH_FACTOR,
     "the gradient is %.6g times the measured one: the division by the number of elements is missing"},
    {unbiased, WITH_FACTOR, "the gradient is %.6g times the measured one: N - 1 where the forward has N"},
    {factor_near_1, WITH_FACTOR,
     "the gradient is off by %.2g of itself everywhere: a constant factor that is nearly 1, such as an epsilon or a "
     "rounded constant"},
    {some_factor, WITH_FACTOR, "the gradient is %.6g times the measured one: a constant factor is missing or too much"},
    {reversed, WITH_AXIS, "the gradient is the measured one in reverse along axis %d: an index runs the wrong way"},
    {transposed, PLAIN, "the gradient is the transpose of the measured one"},
    {shifted, WITH_AXIS,
     "the gradient is shifted by one element along axis %d: an offset, stride or padding is off by one"},
    {times_x, PLAIN, "the gradient is the measured one times the input: a factor x too much"},
    {lacks_x, PLAIN, "the measured gradient is this one times the input: a factor x is missing"},
    {only_negative, PLAIN,
     "only elements with a negative input are wrong: the other branch of a condition is not differentiated"},
    {from_position_on, WITH_PLACE_ALONG,
     "elements from %lld on along axis %d are wrong, and none before: a size, a loop's end or an index falls short"},
    {only_first, WITH_AXIS,
     "only the first elements along axis %d are wrong: they are treated unlike the others, or get what belongs to "
     "those"},
    {from_element_on, WITH_PLACE,
     "elements from %lld on are wrong, and none before: a count or an index is too small for so many"},
    {only_rows, PLAIN,
     "only some rows are wrong: what comes to a row from several results is overwritten, or a row is left out"},
    {only_border, PLAIN,
     "only elements at the border are wrong: padding, or the ends of a window, are not accounted for"},
    {same_everywhere, PLAIN, "the same number is missing from every element: a term that sums over all of them"},
    {proportional_to_x, WITH_FACTOR,
     "%.6g times the input is missing: the gradient of a quadratic term, such as a penalty"},
    {constant_along_axis, WITH_AXIS,
     "what is missing is the same along axis %d: the term that comes through a mean or sum over it"},
    {factor_along_axis, WITH_AXIS,
     "the gradient is off by a factor that does not change along axis %d: a scale, deviation or epsilon computed per "
     "slice"},
    {affine_along_axis, WITH_AXIS,
     "what is missing is linear in the input along axis %d: the term that comes through a variance or norm over it"},
    {sums_to_zero, WITH_AXIS,
     "the measured gradient sums to 0 along axis %d, and this one does not: the term that comes through the sum over "
     "it "
     "is missing"},
    {nearly_right, WITH_FACTOR,
     "the gradient is nearly right (to %.1g of its largest element): the derivative of an approximation, or a small "
     "term left out"},
    {same_sum, PLAIN,
     "the sum of all elements is right, and they are not: the gradient goes to the wrong places, as from the index of "
     "a "
     "maximum, a tie or a scatter"},
    {only_some, PLAIN,
     "some elements are right and others wrong: a case, a tie or an index is not treated as the forward treats it"},
    {depends_on_x, PLAIN,
     "how far it is off depends on the element's own x alone: the formula of the derivative is not that of the "
     "function"},
    {broadcast, PLAIN,
     "no simple pattern; the input is smaller than the result, so look at the sum over the elements it is spread over"},
};

void ct__guess_pattern(const ct_tensor *x, const ct_tensor *analytic, const ct_tensor *numeric, const uint8_t *verdicts,
                       int64_t outputs, int64_t every, char *text, size_t size)
{
    wrong w = {.x = ct__doubles(x),
               .a = ct__doubles(analytic),
               .d = ct__doubles(numeric),
               .verdict = verdicts,
               .n = x->numel,
               .rank = x->rank,
               .shape = x->shape,
               .outputs = outputs,
               .every = every};
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
