/* Connectionist temporal classification: the probability of all alignments of a sequence of labels with what is seen over time.
 *
 * An expression, a step of time after the other, so that it is differentiable to any order. Invariant: a logarithm of 0 is IMPOSSIBLE,
 * a number, since infinities would leave NaN in gradients. */
#include "expression.h"
#include "loss_internal.h"
#include <math.h>

typedef struct ctc_attributes {
    int64_t blank, reduction, zero_infinity;
} ctc_attributes;

static const double IMPOSSIBLE = -1e30;

static const ctc_attributes *attributes(const ct_call *call)
{
    return ct_call_attributes(call);
}

/* ---- what is given ---- */

/* log_probs [T,N,C], targets [N,S], input_lengths [N], target_lengths [N]. */
static bool check_shapes(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1);
    bool fits = ct_rank(x) == 3 && ct_rank(t) == 2 && ct_size(t, 0) == ct_size(x, 1) && ct_size(x, 0) > 0;
    for (int i = 2; fits && i < 4; i++)
        fits = ct_rank(ct_call_input(call, i)) == 1 && ct_numel(ct_call_input(call, i)) == ct_size(x, 1);
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE, "takes log_probs [T,N,C], T > 0, targets [N,S] and lengths [N]: %s",
                      ct_call_shapes(call));
    return fits;
}

/* Whether all elements of t, called name, are in low..high. */
static bool check_range(ct_call *call, ct_tensor *t, const char *name, int64_t low, int64_t high)
{
    if (ct_numel(t) == 0)
        return true;
    double least = ct_item(ct_amin(t, NULL)), most = ct_item(ct_amax(t, NULL));
    if (least >= (double)low && most <= (double)high)
        return true;
    ct_call_error(call, CT_ERROR_ARGUMENT, "%s from %g to %g are not in %lld..%lld", name, least, most, (long long)low,
                  (long long)high);
    return false;
}

static bool check(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    const ctc_attributes *how = attributes(call);
    if (!check_shapes(call))
        return false;
    if (how->blank < 0 || how->blank >= ct_size(x, 2) || how->reduction < CT_MEAN || how->reduction > CT_NONE) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "blank %lld or reduction %lld is out of range: %s",
                      (long long)how->blank, (long long)how->reduction, ct_call_shapes(call));
        return false;
    }
    return check_range(call, ct_call_input(call, 1), "labels", 0, ct_size(x, 2) - 1) &&
           check_range(call, ct_call_input(call, 2), "input lengths", 0, ct_size(x, 0)) &&
           check_range(call, ct_call_input(call, 3), "target lengths", 0, ct_size(ct_call_input(call, 1), 1));
}

/* ---- the lattice: blank, label, blank, label, ..., blank ---- */

/* int64 [N, 2S+1]. */
static ct_tensor *states_of(ct_call *call)
{
    ct_tensor *t = ct_call_input(call, 1);
    int64_t n = ct_size(t, 0), s = ct_size(t, 1);
    const int64_t single[] = {n, 1}, wide[] = {n, 2 * s};
    ct_tensor *blank = ct_full(CT_INT64, (double)attributes(call)->blank, single, 2);
    ct_tensor *pairs[] = {ct_expand(ct_reshape(blank, (const int64_t[]){n, 1}, 2), ct_shape(t), 2), t};
    ct_tensor *both = ct_reshape(ct_stack(pairs, 2, 2), wide, 2);
    return ct_concat((ct_tensor *[]){both, blank}, 2, 1);
}

/* x moved by so many states to the right; IMPOSSIBLE comes in from the left. */
static ct_tensor *moved(ct_tensor *x, int64_t by)
{
    const int64_t amounts[] = {by, 0};
    const ct_pad_options options = {CT_DEFAULTS(ct_pad_options), .value = IMPOSSIBLE};
    int64_t kept = ct_size(x, 1) - by;
    return kept <= 0 ? ct_full(ct_dtype_of(x), IMPOSSIBLE, ct_shape(x), 2)
                     : ct_pad(ct_slice(x, 1, 0, kept, 1), amounts, 2, &options);
}

/* bool: where a state may be reached from the one but last: labels that differ from the label before. */
static ct_tensor *may_skip(ct_tensor *states, int64_t blank)
{
    ct_tensor *no_blank = ct_ne(states, ct_scalar(CT_INT64, (double)blank));
    if (ct_size(states, 1) < 3)
        return ct_zeros(CT_BOOL, ct_shape(states), 2);
    ct_tensor *differs = ct_ne(ct_slice(states, 1, 2, CT_END, 1), ct_slice(states, 1, 0, -2, 1));
    const int64_t amounts[] = {2, 0};
    return ct_logical_and(no_blank, ct_pad(differs, amounts, 2, NULL));
}

/* The logarithms of the states' probabilities at time 0: of the first two. */
static ct_tensor *beginning(ct_tensor *emitted)
{
    ct_tensor *first = ct_lt(ct_arange(CT_INT64, 0, 1, ct_size(emitted, 1)), ct_scalar(CT_INT64, 2));
    return ct_where(first, emitted, ct_scalar(ct_dtype_of(emitted), IMPOSSIBLE));
}

/* One step of time further; where it is past a sequence's end, as it was. */
static ct_tensor *next(ct_tensor *alpha, ct_tensor *emitted, ct_tensor *skip, ct_tensor *goes_on)
{
    ct_tensor *skipped = ct_where(skip, moved(alpha, 2), ct_scalar(ct_dtype_of(alpha), IMPOSSIBLE));
    ct_tensor *reached = ct_logaddexp(ct_logaddexp(alpha, moved(alpha, 1)), skipped);
    return ct_where(goes_on, ct_add(reached, emitted), alpha);
}

/* The states at the end of each sequence: the last label and the blank behind it. */
static ct_tensor *ending(ct_tensor *alpha, ct_tensor *target_lengths)
{
    ct_tensor *index = ct_arange(CT_INT64, 0, 1, ct_size(alpha, 1)), *lengths = ct_unsqueeze(target_lengths, 1);
    ct_tensor *last = ct_cast(ct_mul_scalar(ct_cast(lengths, CT_FLOAT64), 2), CT_INT64);
    ct_tensor *label = ct_cast(ct_add_scalar(ct_cast(last, CT_FLOAT64), -1), CT_INT64);
    ct_tensor *ends = ct_logical_or(ct_eq(index, last), ct_eq(index, label));
    const int64_t axes[] = {1};
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = axes, .n_axes = 1};
    return ct_logsumexp(ct_where(ends, alpha, ct_scalar(ct_dtype_of(alpha), IMPOSSIBLE)), &over);
}

static ct_tensor *reduce(ct_call *call, ct_tensor *losses)
{
    if (attributes(call)->reduction != CT_MEAN)
        return attributes(call)->reduction == CT_SUM ? ct_sum(losses, NULL) : losses;
    ct_tensor *lengths = ct_cast(ct_call_input(call, 3), ct_dtype_of(losses));
    return ct_mean(ct_div(losses, ct_clamp(lengths, 1, INFINITY)), NULL);
}

/* Where nothing is seen, only no labels are possible. */
static ct_tensor *of_nothing(ct_call *call, ct_tensor *logarithms)
{
    ct_dtype dtype = ct_dtype_of(logarithms);
    ct_tensor *zero = ct_scalar(CT_INT64, 0), *unseen = ct_eq(ct_call_input(call, 2), zero);
    ct_tensor *silent = ct_eq(ct_call_input(call, 3), zero);
    return ct_where(unseen, ct_where(silent, ct_scalar(dtype, 0), ct_scalar(dtype, IMPOSSIBLE)), logarithms);
}

/* An impossible sequence has an infinite loss, or none, and no gradient. */
static ct_tensor *without_impossible(ct_call *call, ct_tensor *losses)
{
    ct_dtype dtype = ct_dtype_of(losses);
    ct_tensor *impossible = ct_gt(losses, ct_scalar(dtype, -IMPOSSIBLE / 2));
    return ct_where(impossible, ct_scalar(dtype, attributes(call)->zero_infinity ? 0 : INFINITY), losses);
}

static ct_tensor *ctc_loss_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *lengths = ct_call_input(call, 2);
    if (!check(call))
        return NULL;
    if (ct_size(x, 1) == 0)
        return reduce(call, ct_sum(x, CT_GIVEN(ct_reduce_options, CT_AXES(0, 2))));
    ct_tensor *states = states_of(call), *skip = may_skip(states, attributes(call)->blank);
    ct_tensor *bounded = ct_clamp(x, IMPOSSIBLE, INFINITY);
    ct_tensor *alpha = beginning(ct_gather(ct_select(bounded, 0, 0), 1, states));
    for (int64_t t = 1; alpha && t < ct_size(x, 0); t++) {
        ct_tensor *goes_on = ct_unsqueeze(ct_gt(lengths, ct_scalar(CT_INT64, (double)t)), 1);
        alpha = next(alpha, ct_gather(ct_select(bounded, 0, t), 1, states), skip, goes_on);
    }
    ct_tensor *logarithms = of_nothing(call, ending(alpha, ct_call_input(call, 3)));
    return reduce(call, without_impossible(call, ct_neg(logarithms)));
}

CT_OPTIONS_INIT(ct_ctc_options)

ct_tensor *ct_ctc_loss(ct_tensor *log_probs, ct_tensor *targets, ct_tensor *input_lengths, ct_tensor *target_lengths,
                       const ct_ctc_options *options)
{
    CT_READ_OPTIONS(ct_ctc_options, o, options, "ctc_loss");
    if (!o)
        return NULL;
    return (ct_apply)(&ct_op_ctc_loss, (ct_tensor *[]){log_probs, targets, input_lengths, target_lengths}, 4,
                      &(ctc_attributes){o->blank, o->reduction, o->zero_infinity});
}

static const ct_sample ctc_loss_samples[] = {
    {"6x3x4@-3..-1 i4:3x2 i7:3 i3:3", &(ctc_attributes){.reduction = CT_MEAN, .zero_infinity = 1}},
    {"5x2x3@-3..-1 i3:2x2 i6:2 i3:2", &(ctc_attributes){.blank = 2, .reduction = CT_NONE, .zero_infinity = 1}},
    {"4x0x3 i3:0x2 i1:0 i1:0", &(ctc_attributes){.reduction = CT_SUM}},
    {0}};
CT_EXPRESSION(ctc_loss, "-g times the probability, given the labels, of each class at each time", 4, 4,
              .takes = {CT_FLOATS, CT_ONLY(CT_INT64)}, .attributes_size = sizeof(ctc_attributes),
              .attribute_names = "blank reduction zero_infinity",
              .roles = "log_probs targets input_lengths target_lengths",
              .source = "Graves et al.: Connectionist temporal classification (2006), eq. 6 to 8");
