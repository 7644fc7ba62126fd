/* An operation on inputs made from its samples: other sizes, values and cotangents. Invariant: a clear refusal is as good as a result. */
#include "variations.h"
#include "sample.h"
#include "whole.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is wrong where the gradient says nothing more. */
#define LARGE_VALUES "the gradient is wrong: a branch, a bound or a series that is not meant for values like these"
#define SMALL_VALUES \
    "the gradient is wrong: a series or a guard for small values that is not meant for values like these"
#define SIGNS "the gradient is wrong: where all have one sign, it is not that of the forward"
#define ORDERS "the gradient is wrong: where they are in order, it is not that of the forward"
#define SPECIAL_VALUES "the gradient is wrong: what is done at a zero or a tie is not what the forward does"
#define COTANGENTS "the gradient is wrong: the backward clips, rounds or saturates what arrives"
#define SIZES "the gradient is wrong: a size is built in, or an index or a count falls short"
#define ABSENT "the gradient is wrong: what an absent input leaves out is not left out of the backward"

/* The sample with every size equal to from (0: every size) replaced by to, run and differentiated. */
static ct_status try_sizes(const ct_op *op, const ct_sample *sample, int64_t from, int64_t to, bool scalar,
                           const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS];
    int n;
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++) {
        wanted[i] = inputs[i] && inputs[i]->requires_grad;
        if (!inputs[i])
            continue;
        int64_t shape[CT_MAX_RANK], numel = 1, strides[CT_MAX_RANK];
        for (int axis = 0; axis < inputs[i]->rank; axis++)
            shape[axis] = !from || inputs[i]->shape[axis] == from ? to : inputs[i]->shape[axis];
        int rank = scalar ? 0 : inputs[i]->rank;
        numel = ct__row_major(shape, rank, strides);
        if (numel > inputs[i]->numel) /* the sample was empty there already */
            return CT_OK;
        inputs[i] = ct__tensor_view(inputs[i], 0, shape, strides, rank, "gradcheck");
        status = ct_error_code();
    }
    if (status != CT_OK)
        return status;
    report->structural++;
    ct__subject subject = ct__subject_op(op, sample->attributes, n);
    ct_gradcheck_report found = {.check = "", .op = "", .notes_ratio = NAN};
    ct_gradcheck_options simple = *options;
    simple.checks = CT_CHECK_VALUE_ONLY;
    simple.order = 1;
    simple.mode = CT_FAST;
    status = ct__check_subject(&subject, inputs, wanted, 0, &simple, &found);
    report->evaluations += found.evaluations;
    bool not_finite = found.cause[0] && strcmp(found.check, "finite") == 0; /* a mean of nothing, a deviation of one */
    if (found.verdict == CT_FAIL && !not_finite)
        ct__report_fault(report, "sizes", found.argument, "with size %lld as %lld%s: %.200s", (long long)from,
                         (long long)to, scalar ? " (0-d)" : "", found.unexplained ? SIZES : found.cause);
    ct_gradcheck_report_free(&found);
    if (status == CT_ERROR_SHAPE || status == CT_ERROR_ARGUMENT) { /* a clear refusal */
        ct_error_clear();
        status = CT_OK;
    }
    return status;
}

/* The sizes that the sample's inputs have, each once, in seen; returns how many. */
static int sizes_of(ct_tensor *const *inputs, int n, int64_t *seen)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank; axis++) {
            int64_t size = inputs[i]->shape[axis];
            bool known = size < 1;
            for (int k = 0; k < count; k++)
                known |= seen[k] == size;
            if (!known)
                seen[count++] = size;
        }
    }
    return count;
}

ct_status ct__check_op_sizes(const ct_op *op, const ct_sample *sample, const ct_gradcheck_options *options,
                             ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int64_t seen[CT_MAX_INPUTS * CT_MAX_RANK];
    int n;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    int count = status == CT_OK ? sizes_of(inputs, n, seen) : 0;
    for (int k = 0; status == CT_OK && k < count; k++) {
        status = try_sizes(op, sample, seen[k], 0, false, options, report);
        if (status == CT_OK && seen[k] > 1)
            status = try_sizes(op, sample, seen[k], 1, false, options, report);
    }
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, false, options, report);
    if (status == CT_OK && count > 0)
        status = try_sizes(op, sample, 0, 1, true, options, report);
    ct__scope_pop(&scope);
    return status;
}

/* ---- what samples may not have ---- */

enum {
    ODD_SIZE = 67,
    EVEN_SIZE = 64,
    MEANT = 100,     /* times as large values are still such that a gradient should be finite */
    TURNS = 3,       /* through a list of values, at most */
    LARGE = 40000,   /* elements: more than an int16_t or a block of 32768 takes; */
    MOST = 2 * LARGE /* and more than this takes too long */
};

/* One way in which inputs differ from the sample's. */
typedef struct variation {
    const char *what, *tells; /* what is wrong where the gradient says nothing more */
    ct__otherwise otherwise;
    double times; /* values; 0 counts as 1 */
    int gain;     /* of cotangents, a power of two */
    enum { AS_THEY_ARE, WITH_ZEROS, ZEROS, ROUNDED, POSITIVE, NEGATIVE, ASCENDING, DESCENDING, EQUAL } values;
    int drop;     /* this input but one is left out: 1 is input 0 */
    bool float32; /* that check too */
} variation;

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Zeros of either sign. */
static double zero(int64_t k)
{
    return k % 2 ? -0.0 : 0.0;
}

static double varied(const variation *v, double x, int64_t k)
{
    x *= v->times != 0 ? v->times : 1;
    switch (v->values) {
    case WITH_ZEROS:
        return k % 3 == 1 ? zero(k) : x;
    case ZEROS:
        return zero(k);
    case ROUNDED:
        return rint(x);
    case POSITIVE:
        return fabs(x);
    case NEGATIVE:
        return -fabs(x);
    default:
        return x;
    }
}

static void vary_values(const variation *v, ct_tensor *x, const ct_tensor *first)
{
    if (!ct__is_float(x))
        return;
    double *values = ct__doubles(x);
    for (int64_t k = 0; k < x->numel; k++)
        values[k] = varied(v, values[k], k);
    if (v->values == ASCENDING || v->values == DESCENDING)
        qsort(values, (size_t)x->numel, sizeof *values, by_size);
    for (int64_t k = 0; v->values == DESCENDING && k < x->numel / 2; k++) {
        double other = values[k];
        values[k] = values[x->numel - 1 - k];
        values[x->numel - 1 - k] = other;
    }
    if (v->values == EQUAL && x != first && ct__is_float(first) && ct__same_shape(x, first))
        memcpy(values, ct__doubles(first), (size_t)x->numel * sizeof *values);
}

static bool has_both_signs(const ct_tensor *x)
{
    bool above = false, below = false;
    for (int64_t k = 0; k < x->numel; k++) {
        above |= ct__doubles(x)[k] > 0;
        below |= ct__doubles(x)[k] < 0;
    }
    return above && below;
}

/* *meant: whether they are such as the sample's range has, as far as zeros go, or not much larger. */
static ct_status varied_inputs(const ct_sample *sample, const variation *v, ct_tensor **inputs, bool *wanted, int *n,
                               bool *meant)
{
    ct_status status = ct__sample_otherwise(sample, CT_FLOAT64, v->otherwise, inputs, n);
    bool zeros = v->values == WITH_ZEROS || v->values == ZEROS || v->values == ROUNDED;
    *meant = v->times <= MEANT && !v->otherwise.far;
    for (int i = 0; status == CT_OK && zeros && i < *n; i++)
        *meant &= !ct__is_float(inputs[i]) || has_both_signs(inputs[i]);
    if (status == CT_OK && v->drop > 0 && v->drop <= *n)
        inputs[v->drop - 1] = NULL;
    for (int i = 0; status == CT_OK && i < *n; i++) {
        wanted[i] = inputs[i] && inputs[i]->requires_grad;
        vary_values(v, inputs[i], inputs[0]);
    }
    return status;
}

/* Once, with values drawn anew, into found. */
static ct_status check_variation(const ct_op *op, const ct_sample *sample, const variation *v,
                                 const ct_gradcheck_options *options, ct_gradcheck_report *found)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    bool wanted[CT_MAX_INPUTS], meant;
    int n;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = varied_inputs(sample, v, inputs, wanted, &n, &meant);
    if (status == CT_OK) {
        ct__subject subject = ct__subject_op(op, sample->attributes, n);
        subject.gain = v->gain;
        subject.lenient = true;
        subject.infinite = !meant;
        status = ct__check_subject(&subject, inputs, wanted, 0, options, found);
    }
    ct__scope_pop(&scope);
    if (status != CT_OK && status != CT_ERROR_MEMORY) {
        ct_error_clear();
        status = CT_OK;
    }
    return status;
}

/* Values may be undefined there, and refusals are clear: neither is a fault. Wrong is what is so twice, since at a point that nobody
 * chose a measurement may be poor by chance. */
static ct_status try_variation(const ct_op *op, const ct_sample *sample, const variation *v,
                               const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_gradcheck_options simple = *options;
    simple.checks = v->float32 ? options->checks & CT_CHECK_FLOAT32 : CT_CHECK_VALUE_ONLY;
    simple.order = 1;
    simple.mode = CT_FAST;
    simple.probes = 1;
    ct_status status = CT_OK;
    ct_gradcheck_report found = {.check = "", .op = "", .notes_ratio = NAN};
    bool wrong = !ct__watch_stopped(options);
    for (int i = 0; status == CT_OK && wrong && i < 2; i++) {
        ct__report_begin(&found, op->name);
        simple.seed += (uint64_t)i; /* where the sample is one point, only cotangents and directions differ */
        status = check_variation(op, sample, v, &simple, &found);
        report->evaluations += found.evaluations;
        wrong = status == CT_OK && found.verdict == CT_FAIL && strcmp(found.check, "finite") != 0;
    }
    report->structural++;
    if (status == CT_OK && wrong)
        ct__report_fault(report, "variations", found.argument, "%s: %.240s", v->what,
                         found.unexplained ? v->tells : found.cause);
    ct_gradcheck_report_free(&found);
    return status;
}

static ct_status try_size(const ct_op *op, const ct_sample *sample, int64_t from, int64_t to, bool float32,
                          const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    char what[64];
    snprintf(what, sizeof what, "with size %lld as %lld", (long long)from, (long long)to);
    variation v = {.what = what, .tells = SIZES, .otherwise = {.from = from, .to = to}, .float32 = float32};
    return try_variation(op, sample, &v, options, report);
}

/* Elements of all inputs with size from as to. */
static double resized_elements(ct_tensor *const *inputs, int n, int64_t from, int64_t to)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double elements = inputs[i] != NULL;
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank; axis++)
            elements *= (double)(inputs[i]->shape[axis] == from ? to : inputs[i]->shape[axis]);
        sum += elements;
    }
    return sum;
}

/* Elements of all that is recorded, with size from as to; 0 where that is refused. */
static int64_t recorded_elements(const ct_op *op, const ct_sample *sample, int64_t from, int64_t to)
{
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS];
    int64_t elements = 0;
    int n;
    ct_order order = {0};
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = ct__sample_otherwise(sample, CT_FLOAT64, (ct__otherwise){.from = from, .to = to}, inputs, &n);
    if (status == CT_OK)
        status = ct_apply_multi(op, inputs, n, sample->attributes, outputs);
    for (int i = 0; status == CT_OK && i < (op->outputs ? op->outputs : 1); i++)
        elements += outputs[i] ? outputs[i]->numel : 0;
    if (status == CT_OK && outputs[0] && outputs[0]->node)
        status = ct__order_begin(&order, &outputs[0]->node, 1);
    for (int64_t k = 0; status == CT_OK && k < order.count; k++) {
        for (int i = 0; i < order.nodes[k]->n_outputs; i++) {
            int64_t numel = 1;
            for (int axis = 0; axis < order.nodes[k]->output_info[i].rank; axis++)
                numel *= order.nodes[k]->output_info[i].shape[axis];
            elements += numel;
        }
    }
    ct__order_end(&order);
    ct__scope_pop(&scope);
    if (status != CT_OK && status != CT_ERROR_MEMORY)
        ct_error_clear();
    return status == CT_OK ? elements : 0;
}

/* As many of one size that there are LARGE elements; only where what is recorded grows with the size and not with its square. */
static ct_status try_large(const ct_op *op, const ct_sample *sample, ct_tensor *const *inputs, int n, int64_t from,
                           const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    int64_t rest = 1;
    for (int i = 0; i < n; i++)
        if (inputs[i] && inputs[i]->numel / from > rest)
            rest = inputs[i]->numel / from;
    int64_t to = LARGE / rest + 1;
    if (resized_elements(inputs, n, from, 4 * ODD_SIZE) > MOST || resized_elements(inputs, n, from, to) > MOST)
        return CT_OK;
    int64_t some = recorded_elements(op, sample, from, ODD_SIZE),
            more = recorded_elements(op, sample, from, 4 * ODD_SIZE);
    if (some <= 0 || more <= some || more > 5 * some)
        return ct_error_code();
    return try_size(op, sample, from, to, false, options, report);
}

static int how_often(ct_tensor *const *inputs, int n, int64_t size)
{
    int count = 0;
    for (int i = 0; i < n; i++)
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank; axis++)
            count += inputs[i]->shape[axis] == size;
    return count;
}

/* Where sizes are equal by chance, as those of a square matrix, one alone may be another; where they must be equal, that is refused. */
static ct_status vary_one_size(const ct_op *op, const ct_sample *sample, ct_tensor *const *inputs, int n,
                               const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    ct_status status = CT_OK;
    for (int i = 0; i < n; i++)
        for (int axis = 0; inputs[i] && axis < inputs[i]->rank && status == CT_OK; axis++) {
            char what[80];
            int64_t size = inputs[i]->shape[axis];
            snprintf(what, sizeof what, "with size %lld of input %d alone as %lld", (long long)size, i,
                     (long long)size + 1);
            variation v = {.what = what,
                           .tells = SIZES,
                           .otherwise = {.from = size, .to = size + 1, .input = i + 1, .axis = axis + 1}};
            if (size > 0 && how_often(inputs, n, size) > 1)
                status = try_variation(op, sample, &v, options, report);
        }
    return status;
}

static const variation plain_variations[] = {
    {.what = "with values 10 times as large", .tells = LARGE_VALUES, .times = 10},
    {.what = "with values 100 times as large", .tells = LARGE_VALUES, .times = 100},
    {.what = "with values 1e5 times as large", .tells = LARGE_VALUES, .times = 1e5},
    {.what = "with values 2^-20 times as large", .tells = SMALL_VALUES, .times = 0x1p-20},
    {.what = "with zeros among the values", .tells = SPECIAL_VALUES, .values = WITH_ZEROS},
    {.what = "with values that are all 0", .tells = SPECIAL_VALUES, .values = ZEROS},
    {.what = "with values that are integers, and so ties", .tells = SPECIAL_VALUES, .values = ROUNDED},
    {.what = "with values that are all positive", .tells = SIGNS, .values = POSITIVE},
    {.what = "with values that are all negative", .tells = SIGNS, .values = NEGATIVE},
    {.what = "with values in ascending order", .tells = ORDERS, .values = ASCENDING},
    {.what = "with values in descending order", .tells = ORDERS, .values = DESCENDING},
    {.what = "with inputs that are equal", .tells = SPECIAL_VALUES, .values = EQUAL},
    {.what = "with cotangents 2^20 times as large", .tells = COTANGENTS, .gain = 20},
    {.what = "with cotangents 2^-40 times as large", .tells = COTANGENTS, .gain = -40},
    {.what = "with another axis in front", .tells = SIZES, .otherwise = {.lead = 1}},
    {.what = "with two more axes in front", .tells = SIZES, .otherwise = {.lead = 2}},
};

/* With values of the list, in so many turns that each is in the largest input. */
static ct_status vary_special(const ct_op *op, const ct_sample *sample, bool far, const ct_gradcheck_options *options,
                              ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int n;
    int64_t most = 1;
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    for (int i = 0; status == CT_OK && i < n; i++)
        most = ct__is_float(inputs[i]) && inputs[i]->numel > most ? inputs[i]->numel : most;
    variation v = {.what = far ? "with values such as 3, 6, 10" : "with values such as 1, -1, 0.5",
                   .tells = SPECIAL_VALUES};
    for (int64_t at = 0, turn = 0; status == CT_OK && at < ct__special_values(far) && turn < TURNS;
         at += most, turn++) {
        v.otherwise = (ct__otherwise){.place = (int)at + 1, .far = far};
        status = try_variation(op, sample, &v, options, report);
    }
    return status;
}

static ct_status vary_sizes(const ct_op *op, const ct_sample *sample, bool first, const ct_gradcheck_options *options,
                            ct_gradcheck_report *report)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    int64_t seen[CT_MAX_INPUTS * CT_MAX_RANK];
    int n;
    ct_status status = ct_sample_inputs(sample, CT_FLOAT64, inputs, &n);
    int count = status == CT_OK ? sizes_of(inputs, n, seen) : 0;
    for (int k = 0; status == CT_OK && k < count && report->verdict != CT_FAIL; k++) {
        status = try_size(op, sample, seen[k], seen[k] + 1, false, options, report);
        if (status == CT_OK && resized_elements(inputs, n, seen[k], ODD_SIZE) <= MOST)
            status = try_size(op, sample, seen[k], ODD_SIZE, first, options, report);
        if (status == CT_OK && first && resized_elements(inputs, n, seen[k], EVEN_SIZE) <= MOST)
            status = try_size(op, sample, seen[k], EVEN_SIZE, false, options, report);
        if (status == CT_OK && first)
            status = try_large(op, sample, inputs, n, seen[k], options, report);
    }
    if (status == CT_OK)
        status = vary_one_size(op, sample, inputs, n, options, report);
    for (int i = op->min_inputs; status == CT_OK && i < n; i++) {
        variation v = {.what = "without an optional input", .tells = ABSENT, .drop = i + 1};
        if (inputs[i] && op->max_inputs < CT_MAX_INPUTS)
            status = try_variation(op, sample, &v, options, report);
    }
    return status;
}

ct_status ct__check_op_variations(const ct_op *op, const ct_sample *sample, bool first,
                                  const ct_gradcheck_options *options, ct_gradcheck_report *report)
{
    if (ct__has_no_gradient(op)) /* where its result does not change, which no varied point need be */
        return CT_OK;
    ct_scope scope;
    ct__scope_push(&scope);
    ct_status status = CT_OK;
    for (size_t i = 0; status == CT_OK && i < sizeof plain_variations / sizeof *plain_variations; i++)
        status = try_variation(op, sample, &plain_variations[i], options, report);
    for (int far = 0; status == CT_OK && far < 2; far++)
        status = vary_special(op, sample, far, options, report);
    if (status == CT_OK)
        status = vary_sizes(op, sample, first, options, report);
    ct__scope_pop(&scope);
    return status;
}
