/* Losses element by element, and of margins: each an expression over operations, reduced as its options say.
 *
 * Invariant: what an expression would refuse is refused before, in the loss's own name. */
#include "elementwise/elementwise.h"
#include "loss_internal.h"
#include <math.h>
#include <string.h>

typedef struct loss_attributes {
    double number; /* huber's delta, the margin */
    int64_t reduction;
    int64_t flag; /* kl_div: the target holds logarithms; multi_margin: the power */
} loss_attributes;

/* ---- what they share ---- */

static const loss_attributes *attributes(const ct_call *call)
{
    return ct_call_attributes(call);
}

/* Whether weight, input i or left out, broadcasts to x. */
static bool weight_fits(ct_call *call, int i)
{
    const ct_tensor *x = ct_call_input(call, 0), *weight = ct_call_input(call, i);
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (!weight || weight->numel == 1 ||
        (weight->rank <= x->rank &&
         ct__broadcast_shapes(x->shape, x->rank, weight->shape, weight->rank, shape, &rank) &&
         memcmp(shape, x->shape, (size_t)rank * sizeof *shape) == 0))
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "%s does not broadcast to x: %s", i == 2 ? "weight" : "pos_weight",
                  ct_call_shapes(call));
    return false;
}

bool ct__paired(ct_call *call)
{
    if (ct__same_shape(ct_call_input(call, 0), ct_call_input(call, 1)))
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "x and the target differ in shape, and neither is broadcast: %s",
                  ct_call_shapes(call));
    return false;
}

/* x and target of one shape, weights that broadcast to it; last is the last reduction that the loss knows. */
static bool check(ct_call *call, ct_reduction last)
{
    if (!ct__paired(call))
        return false;
    for (int i = 2; i < ct_call_inputs(call); i++)
        if (!weight_fits(call, i))
            return false;
    int64_t reduction = attributes(call)->reduction;
    if (reduction >= CT_MEAN && reduction <= last)
        return true;
    ct_call_error(call, CT_ERROR_ARGUMENT, "there is no reduction %lld of this loss", (long long)reduction);
    return false;
}

static ct_tensor *reduce(const ct_call *call, ct_tensor *losses)
{
    int64_t reduction = attributes(call)->reduction;
    if (!losses || reduction == CT_NONE)
        return losses;
    if (reduction == CT_MEAN)
        return ct_mean(losses, NULL);
    ct_tensor *sum = ct_sum(losses, NULL);
    if (reduction == CT_SUM || ct_rank(losses) == 0)
        return sum;
    return ct__mean_of(sum, (double)ct_size(losses, 0));
}

static ct_tensor *weighted(ct_tensor *losses, ct_tensor *weight)
{
    if (weight && ct_numel(weight) == 1)
        weight = ct_reshape(weight, NULL, 0); /* which adds no axes */
    return weight ? ct_mul(losses, weight) : losses;
}

static ct_tensor *number_like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

static ct_tensor *one_minus(ct_tensor *x)
{
    return ct_add_scalar(ct_neg(x), 1);
}

CT_OPTIONS_INIT(ct_loss_options)

static ct_tensor *apply(const ct_op *op, ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    CT_READ_OPTIONS(ct_loss_options, o, options, op->name);
    bool refused = !o || (op != &ct_op_huber_loss && CT_TAKES_NO(o, op->name, delta)) ||
                   (op != &ct_op_kl_div && CT_TAKES_NO(o, op->name, log_target)) ||
                   (op->max_inputs < 3 && CT_TAKES_NO(o, op->name, weight)) ||
                   (op->max_inputs < 4 && CT_TAKES_NO(o, op->name, pos_weight));
    if (refused)
        return NULL;
    loss_attributes how = {.number = o->delta, .reduction = o->reduction, .flag = o->log_target};
    ct_tensor *inputs[] = {x, t, o->weight, o->pos_weight};
    return ct_apply(op, inputs, op->max_inputs, &how);
}

/* A sample's attributes: number, reduction, flag. */
#define HOW(...)       \
    &(loss_attributes) \
    {                  \
        __VA_ARGS__    \
    }
#define LOSS(op_name, most_inputs, formula, ...)                                                 \
    const ct_op ct_op_##op_name = {.name = #op_name,                                             \
                                   .gradient = formula ", by the number of elements for a mean", \
                                   .min_inputs = 2,                                              \
                                   .max_inputs = most_inputs,                                    \
                                   .attributes_size = sizeof(loss_attributes),                   \
                                   .attribute_names = "number:1d reduction flag",                \
                                   .expression = op_name##_expression,                           \
                                   __VA_ARGS__}

/* ---- mse_loss ---- */

static ct_tensor *mse_loss_expression(ct_call *call)
{
    if (!check(call, CT_NONE))
        return NULL;
    return reduce(call, ct_square(ct_sub(ct_call_input(call, 0), ct_call_input(call, 1))));
}

static const ct_sample mse_samples[] = {
    {"3x4 3x4", HOW(.reduction = CT_MEAN)},     {"4 4", HOW(.reduction = CT_SUM)},
    {"2x1x4 2x1x4", HOW(.reduction = CT_NONE)}, {"scalar scalar", HOW(.reduction = CT_MEAN)},
    {"0x3 0x3", HOW(.reduction = CT_SUM)},      {NULL, NULL}};
LOSS(mse_loss, 2, "2 g (x - t) and its negative", .samples = mse_samples);

ct_tensor *ct_mse_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_mse_loss, x, t, options);
}

/* ---- l1_loss ---- */

static ct_tensor *l1_loss_expression(ct_call *call)
{
    if (!check(call, CT_NONE))
        return NULL;
    return reduce(call, ct_abs(ct_sub(ct_call_input(call, 0), ct_call_input(call, 1))));
}

static const ct_sample l1_samples[] = {{"3x4@0.1..2 3x4@-2..-0.1", HOW(.reduction = CT_MEAN)},
                                       {"4@-2..-0.1 4@0.1..2", HOW(.reduction = CT_SUM)},
                                       {"scalar@0.1..2 scalar@-2..-0.1", HOW(.reduction = CT_NONE)},
                                       {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                       {NULL, NULL}};
LOSS(l1_loss, 2, "g sign(x - t) and its negative", .samples = l1_samples);

ct_tensor *ct_l1_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_l1_loss, x, t, options);
}

/* ---- huber_loss ---- */

/* c (d - c/2) with c = d clamped to +-delta: d^2/2 inside, delta (|d| - delta/2) outside, smooth to the first order. */
static ct_tensor *huber_loss_expression(ct_call *call)
{
    double delta = attributes(call)->number;
    if (!check(call, CT_NONE))
        return NULL;
    if (!(delta > 0)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "delta %g is not positive", delta);
        return NULL;
    }
    ct_tensor *d = ct_sub(ct_call_input(call, 0), ct_call_input(call, 1)), *c = ct_clamp(d, -delta, delta);
    return reduce(call, ct_mul(c, ct_sub(d, ct_mul_scalar(c, 0.5))));
}

static const ct_sample huber_samples[] = {{"3x4@0.1..0.4 3x4@-0.4..0.1", HOW(.number = 1, .reduction = CT_MEAN)},
                                          {"4@1..2 4@-2..-1", HOW(.number = 0.5, .reduction = CT_SUM)},
                                          {"3x1@-2..-1 3x1@1..2", HOW(.number = 1.5, .reduction = CT_NONE)},
                                          {"0x3 0x3", HOW(.number = 1, .reduction = CT_SUM)},
                                          {NULL, NULL}};
LOSS(huber_loss, 2, "g clamp(x - t, -delta, delta) and its negative", .samples = huber_samples,
     .source = "Huber: Robust estimation of a location parameter (1964), eq. 3");

ct_tensor *ct_huber_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_huber_loss, x, t, options);
}

/* ---- binary_cross_entropy ---- */

/* As in PyTorch, finite at 0 and 1. */
ct_tensor *ct__log_loss_slope(ct_tensor *a, ct_tensor *b)
{
    return ct_div(ct_sub(a, b), ct_clamp(ct_mul(a, one_minus(a)), 1e-12, INFINITY));
}

ct_tensor *ct__log_odds_against(ct_tensor *a)
{
    return ct_sub(ct_clamp(ct_log1p(ct_neg(a)), -100, INFINITY), ct_clamp(ct_log(a), -100, INFINITY));
}

/* Whether every element of x is a probability. */
static bool are_probabilities(ct_call *call)
{
    ct_tensor *x = ct_detach(ct_call_input(call, 0));
    if (ct_numel(x) == 0)
        return x != NULL;
    ct_tensor *least = ct_amin(x, NULL), *most = ct_amax(x, NULL);
    if (!least || !most || (ct_item(least) >= 0 && ct_item(most) <= 1))
        return least && most;
    ct_call_error(call, CT_ERROR_ARGUMENT, "x has elements from %g to %g, and takes probabilities, 0 to 1: %s",
                  ct_item(least), ct_item(most), ct_call_shapes(call));
    return false;
}

static ct_tensor *binary_cross_entropy_expression(ct_call *call)
{
    if (!check(call, CT_NONE) || !are_probabilities(call))
        return NULL;
    ct_tensor *losses = ct_log_loss(ct_call_input(call, 0), ct_call_input(call, 1));
    return reduce(call, weighted(losses, ct_call_input(call, 2)));
}

static const ct_sample binary_samples[] = {{"3x4@0.1..0.9 3x4@0..1", HOW(.reduction = CT_MEAN)},
                                           {"3x4@0.1..0.9 3x4@0..1 3x1@0.5..2", HOW(.reduction = CT_SUM)},
                                           {"scalar@0.1..0.9 scalar@0..1", HOW(.reduction = CT_NONE)},
                                           {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                           {NULL, NULL}};
LOSS(binary_cross_entropy, 3, "weight g (x - t) / max(x (1 - x), 1e-12), weight g (log(1 - x) - log x), g loss",
     .samples = binary_samples, .source = "Bishop: Pattern recognition and machine learning (2006), eq. 4.90");

ct_tensor *ct_binary_cross_entropy(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_binary_cross_entropy, x, t, options);
}

/* ---- binary_cross_entropy_with_logits ---- */

/* pos_weight t softplus(-x) + (1 - t) softplus(x): a sum of what is not negative, so that nothing cancels. */
static ct_tensor *binary_cross_entropy_with_logits_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1);
    if (!check(call, CT_NONE))
        return NULL;
    ct_tensor *positive = weighted(ct_mul(t, ct_softplus(ct_neg(x), 1)), ct_call_input(call, 3));
    ct_tensor *losses = ct_add(positive, ct_mul(one_minus(t), ct_softplus(x, 1)));
    return reduce(call, weighted(losses, ct_call_input(call, 2)));
}

static const ct_sample logits_samples[] = {{"3x4 3x4@0..1", HOW(.reduction = CT_MEAN)},
                                           {"3x4 3x4@0..1 3x1@0.5..2", HOW(.reduction = CT_SUM)},
                                           {"3x4 3x4@0..1 null 4@0.5..2", HOW(.reduction = CT_NONE)},
                                           {"scalar scalar@0..1", HOW(.reduction = CT_NONE)},
                                           {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                           {NULL, NULL}};
LOSS(binary_cross_entropy_with_logits, 4,
     "g ((1 - t) sigmoid(x) - pos_weight t sigmoid(-x)), g (pos_weight softplus(-x) - softplus(x)), both times weight; "
     "g loss; "
     "g t softplus(-x)",
     .samples = logits_samples, .source = "as binary_cross_entropy, of sigmoid(x)");

ct_tensor *ct_binary_cross_entropy_with_logits(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_binary_cross_entropy_with_logits, x, t, options);
}

/* ---- kl_div ---- */

/* t log t: 0 at 0, where its slope, log t + 1, is -infinity, as that of -sqrt(t) is. */
static ct_tensor *times_own_log(ct_tensor *t)
{
    ct_tensor *is_zero = ct_eq(t, number_like(t, 0)), *one = number_like(t, 1);
    ct_tensor *zero = ct_where(is_zero, t, one), *other = ct_where(is_zero, one, t);
    return ct_where(is_zero, ct_neg(ct_sqrt(zero)), ct_mul(other, ct_log(other)));
}

static ct_tensor *kl_div_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1);
    if (!check(call, CT_BATCH_MEAN))
        return NULL;
    if (attributes(call)->flag)
        return reduce(call, ct_mul(ct_exp(t), ct_sub(t, x)));
    return reduce(call, ct_sub(times_own_log(t), ct_mul(t, x)));
}

static const ct_sample kl_samples[] = {{"3x4 3x4@0.1..1", HOW(.reduction = CT_BATCH_MEAN)},
                                       {"4 4@0.1..1", HOW(.reduction = CT_MEAN)},
                                       {"3x4 3x4", HOW(.reduction = CT_SUM, .flag = 1)},
                                       {"2x3 2x3@0.1..1", HOW(.reduction = CT_NONE)},
                                       {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                       {NULL, NULL}};
LOSS(kl_div, 2, "-g p, g (log p + 1 - x), p the target; times p with log_target", .samples = kl_samples,
     .source = "Kullback, Leibler: On information and sufficiency (1951), eq. 2.4");

ct_tensor *ct_kl_div(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_kl_div, x, t, options);
}

/* ---- hinge_loss and perceptron_loss ---- */

static ct_tensor *hinge_loss_expression(ct_call *call)
{
    if (!check(call, CT_NONE))
        return NULL;
    return reduce(call, ct_relu(one_minus(ct_mul(ct_call_input(call, 0), ct_call_input(call, 1)))));
}

static const ct_sample hinge_samples[] = {{"3x4@-0.9..0.9 3x4@-1..1", HOW(.reduction = CT_MEAN)},
                                          {"4@-0.9..0.9 4@-1..1", HOW(.reduction = CT_SUM)},
                                          {"scalar@-0.9..0.9 scalar@-1..1", HOW(.reduction = CT_NONE)},
                                          {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                          {NULL, NULL}};
LOSS(hinge_loss, 2, "-g t and -g x where x t < 1, else 0", .samples = hinge_samples,
     .source = "Cortes, Vapnik: Support-vector networks (1995)");

ct_tensor *ct_hinge_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    return apply(&ct_op_hinge_loss, x, t, options);
}

static ct_tensor *perceptron_loss_expression(ct_call *call)
{
    if (!check(call, CT_NONE))
        return NULL;
    return reduce(call, ct_relu(ct_neg(ct_mul(ct_call_input(call, 0), ct_call_input(call, 1)))));
}

static const ct_sample perceptron_samples[] = {{"3x4@0.1..2 3x4@-2..-0.1", HOW(.reduction = CT_SUM)},
                                               {"4@-2..-0.1 4@0.1..2", HOW(.reduction = CT_SUM)},
                                               {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                               {NULL, NULL}};
LOSS(perceptron_loss, 2, "-g t and -g x where x t < 0, else 0", .samples = perceptron_samples,
     .source = "Bishop: Pattern recognition and machine learning (2006), eq. 4.54");

ct_tensor *ct_perceptron_loss(ct_tensor *x, ct_tensor *t)
{
    return apply(&ct_op_perceptron_loss, x, t, CT_GIVEN(ct_loss_options, .reduction = CT_SUM));
}

/* ---- multi_margin_loss ---- */

static bool check_multi_margin(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    const loss_attributes *how = attributes(call);
    if (x->rank != 1 && x->rank != 2)
        ct_call_error(call, CT_ERROR_SHAPE, "x is [N,C] or [C]: %s", ct_call_shapes(call));
    else if (how->reduction < CT_MEAN || how->reduction > CT_NONE)
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no reduction %lld of this loss", (long long)how->reduction);
    else if (how->flag != 1 && how->flag != 2)
        ct_call_error(call, CT_ERROR_ARGUMENT, "p is %lld, not 1 or 2", (long long)how->flag);
    else
        return ct__check_labels(call, x, ct_call_input(call, 1), ct_call_input(call, 2), NULL) == CT_OK;
    return false;
}

static ct_tensor *multi_margin_loss_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *target = ct_call_input(call, 1), *weight = ct_call_input(call, 2);
    if (!check_multi_margin(call))
        return NULL;
    int axis = x->rank - 1;
    int64_t classes = x->shape[axis];
    ct_tensor *label = ct_unsqueeze(target, axis);
    ct_tensor *excess = ct_relu(ct_add_scalar(ct_sub(x, ct_gather(x, axis, label)), attributes(call)->number));
    if (attributes(call)->flag == 2)
        excess = ct_square(excess);
    if (weight)
        excess = ct_mul(excess, ct_gather(ct_expand(weight, x->shape, x->rank), axis, label));
    ct_tensor *own = ct_eq(label, ct_arange(CT_INT64, 0, 1, classes));
    ct_tensor *others = ct_where(own, number_like(x, 0), excess);
    ct_tensor *losses = ct_sum(others, CT_GIVEN(ct_reduce_options, CT_AXES(axis)));
    return reduce(call, ct_mul_scalar(losses, 1 / (double)classes));
}

static const ct_sample multi_margin_samples[] = {
    {"6x5@-0.4..0.4 i5:6", HOW(.number = 1, .reduction = CT_MEAN, .flag = 1)},
    {"6x5@-0.4..0.4 i5:6 5@0.5..2", HOW(.number = 1.5, .reduction = CT_SUM, .flag = 2)},
    {"6x5 i5:6", HOW(.number = 1, .reduction = CT_NONE, .flag = 2)},
    {"5@-0.4..0.4 i5:scalar", HOW(.number = 1, .reduction = CT_MEAN, .flag = 1)},
    {"0x5 i5:0", HOW(.number = 1, .reduction = CT_SUM, .flag = 1)},
    {NULL, NULL}};
LOSS(multi_margin_loss, 3,
     "g weight[t] p (margin - x[t] + x[c])^(p-1) / C for each class c where that is positive, minus their sum for "
     "class t; "
     "g loss / weight",
     .takes = {CT_FLOATS, CT_ONLY(CT_INT64), CT_FLOATS}, .roles = "x labels weight", .samples = multi_margin_samples,
     .source = "Weston, Watkins: Support vector machines for multi-class pattern recognition (1999), eq. 3");

CT_OPTIONS_INIT(ct_multi_margin_options)

ct_tensor *ct_multi_margin_loss(ct_tensor *x, ct_tensor *target, const ct_multi_margin_options *options)
{
    CT_READ_OPTIONS(ct_multi_margin_options, o, options, "multi_margin_loss");
    if (!o)
        return NULL;
    loss_attributes how = {.number = o->margin, .reduction = o->reduction, .flag = o->p};
    return ct_apply(&ct_op_multi_margin_loss, (ct_tensor *[]){x, target, o->weight}, 3, &how);
}

/* ---- cosine_similarity ---- */

typedef struct cosine_attributes {
    double eps;
    int64_t axis;
} cosine_attributes;

static bool check_cosine(ct_call *call, int64_t *shape, int *rank)
{
    const ct_tensor *a = ct_call_input(call, 0), *b = ct_call_input(call, 1);
    if (!ct__broadcast_shapes(a->shape, a->rank, b->shape, b->rank, shape, rank))
        ct_call_error(call, CT_ERROR_SHAPE, "shapes do not broadcast: %s", ct_call_shapes(call));
    else if (!(((const cosine_attributes *)ct_call_attributes(call))->eps >= 0))
        ct_call_error(call, CT_ERROR_ARGUMENT, "eps is not 0 or more");
    else
        return ct__call_axis(call, ((const cosine_attributes *)ct_call_attributes(call))->axis, *rank) >= 0;
    return false;
}

static ct_tensor *unit(ct_tensor *x, const cosine_attributes *how)
{
    ct_reduce_options along = {CT_DEFAULTS(ct_reduce_options), CT_AXES(how->axis), .keepdim = true};
    return ct_div(x, ct_clamp(ct_norm(x, 2, &along), how->eps, INFINITY));
}

static ct_tensor *cosine_similarity_expression(ct_call *call)
{
    const cosine_attributes *how = ct_call_attributes(call);
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (!check_cosine(call, shape, &rank))
        return NULL;
    ct_tensor *a = ct_expand(ct_call_input(call, 0), shape, rank), *b = ct_expand(ct_call_input(call, 1), shape, rank);
    return ct_sum(ct_mul(unit(a, how), unit(b, how)), CT_GIVEN(ct_reduce_options, CT_AXES(how->axis)));
}

const ct_op ct_op_cosine_similarity = {
    .name = "cosine_similarity",
    .gradient = "g (b / (|a| |b|) - y a / |a|^2), and the same of b",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes_size = sizeof(cosine_attributes),
    .attribute_names = "eps:1d axis",
    .expression = cosine_similarity_expression,
    .samples = (const ct_sample[]){{"3x5 3x5", &(cosine_attributes){1e-8, 1}},
                                   {"3x5 5", &(cosine_attributes){1e-8, -1}},
                                   {"3x1x4 2x4", &(cosine_attributes){1e-8, 0}},
                                   {"0x3 0x3", &(cosine_attributes){1e-8, 1}},
                                   {NULL, NULL}},
};

ct_tensor *ct_cosine_similarity(ct_tensor *a, ct_tensor *b, int axis, double eps)
{
    return ct_apply(&ct_op_cosine_similarity, (ct_tensor *[]){a, b}, 2, &(cosine_attributes){eps, axis});
}
