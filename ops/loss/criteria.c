/* Losses of margins, distances and likelihoods: expressions over operations, reduced as their options say.
 *
 * Invariant: no input is broadcast where that would give more losses than there are samples; what depends on the reduction is done
 * once, in reduce(). */
#include "expression.h"
#include "loss_internal.h"
#include <math.h>
#include <string.h>

typedef struct criterion_attributes {
    double margin, p, eps, alpha, gamma;
    int64_t reduction, swap, full, rate;
} criterion_attributes;

#define CRITERION_NAMES "margin:1d p:1d eps:1d alpha:1d gamma:1d reduction swap full rate"
#define HOW(...)            \
    &(criterion_attributes) \
    {                       \
        __VA_ARGS__         \
    }
#define CRITERION(op_name, formula, inputs, ...)                                             \
    CT_EXPRESSION(op_name, formula ", by the number of elements for a mean", inputs, inputs, \
                  .attributes_size = sizeof(criterion_attributes), .attribute_names = CRITERION_NAMES, __VA_ARGS__);

/* ---- what they share ---- */

static const criterion_attributes *attributes(const ct_call *call)
{
    return ct_call_attributes(call);
}

static ct_tensor *reduce(ct_call *call, ct_tensor *losses)
{
    int64_t reduction = attributes(call)->reduction;
    if (reduction < CT_MEAN || reduction > CT_NONE) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "there is no reduction %lld of this loss", (long long)reduction);
        return NULL;
    }
    return reduction == CT_NONE ? losses : reduction == CT_SUM ? ct_sum(losses, NULL) : ct_mean(losses, NULL);
}

static ct_tensor *like(const ct_tensor *x, double value)
{
    return ct_scalar(ct_dtype_of(x), value);
}

/* yes where t is 1, else no; t is 1 or -1. */
static ct_tensor *by_sign(ct_tensor *t, ct_tensor *yes, ct_tensor *no)
{
    return ct_where(ct_gt(t, like(t, 0)), yes, no);
}

/* max(0, x + margin) */
static ct_tensor *above(ct_tensor *x, double margin)
{
    return ct_relu(ct_add_scalar(x, margin));
}

/* What belongs to each loss has the losses' shape, which is that of a without its last axes, or is one number for all. */
static bool one_for_each(ct_call *call, int i, int last, const char *what)
{
    const ct_tensor *a = ct_call_input(call, 0), *t = ct_call_input(call, i);
    bool same = t->rank == a->rank - last && memcmp(t->shape, a->shape, (size_t)t->rank * sizeof *t->shape) == 0;
    if (same || t->rank == 0)
        return true;
    ct_call_error(call, CT_ERROR_SHAPE, "%s has one number for each loss, or one for all: %s", what,
                  ct_call_shapes(call));
    return false;
}

/* At least least, with the gradient of x itself, as PyTorch's clamp outside the graph has it. */
static ct_tensor *raised(ct_tensor *x, double least)
{
    ct_tensor *fixed = ct_detach(x);
    return ct_add(x, ct_sub(ct_clamp(fixed, least, INFINITY), fixed));
}

CT_OPTIONS_INIT(ct_criterion_options)

/* The options that a loss takes beside the reduction. */
enum { MARGIN = 1, DISTANCE = 2, EPS = 4, FOCUS = 8, FULL = 16, RATE = 32 };

static bool refuses(const ct_op *op, const ct_criterion_options *o, int takes)
{
    static const ct_criterion_options o_defaults = {CT_DEFAULTS(ct_criterion_options)};
    return (!(takes & MARGIN) && CT_TAKES_NO(o, op->name, margin)) ||
           (!(takes & DISTANCE) && CT_TAKES_NO(o, op->name, p)) ||
           (!(takes & DISTANCE) && CT_TAKES_NO(o, op->name, swap)) ||
           (!(takes & EPS) && CT_TAKES_NO(o, op->name, eps)) || (!(takes & FOCUS) && CT_TAKES_NO(o, op->name, alpha)) ||
           (!(takes & FOCUS) && CT_TAKES_NO(o, op->name, gamma)) ||
           (!(takes & FULL) && CT_TAKES_NO(o, op->name, full)) || (!(takes & RATE) && CT_TAKES_NO(o, op->name, rate));
}

/* Each loss has margin and eps of its own where the options have none. */
static ct_tensor *apply(const ct_op *op, ct_tensor *const *inputs, const ct_criterion_options *options, int takes,
                        double margin, double eps)
{
    CT_READ_OPTIONS(ct_criterion_options, o, options, op->name);
    if (!o || refuses(op, o, takes))
        return NULL;
    return (ct_apply)(op, inputs, op->max_inputs,
                      HOW(.margin = ct_is_unset(o->margin) ? margin : o->margin, .p = o->p,
                          .eps = ct_is_unset(o->eps) ? eps : o->eps, .alpha = o->alpha, .gamma = o->gamma,
                          .reduction = o->reduction, .swap = o->swap, .full = o->full, .rate = o->rate));
}

/* ---- smooth_l1_loss: huber's over delta ---- */

ct_tensor *ct_smooth_l1_loss(ct_tensor *x, ct_tensor *t, const ct_loss_options *options)
{
    CT_READ_OPTIONS(ct_loss_options, o, options, "smooth_l1_loss");
    bool refused = !o || CT_TAKES_NO(o, "smooth_l1_loss", weight) || CT_TAKES_NO(o, "smooth_l1_loss", pos_weight) ||
                   CT_TAKES_NO(o, "smooth_l1_loss", log_target);
    if (refused)
        return NULL;
    return (ct_apply)(&ct_op_smooth_l1_loss, (ct_tensor *[]){x, t}, 2,
                      HOW(.margin = o->delta, .reduction = o->reduction));
}

static ct_tensor *smooth_l1_loss_expression(ct_call *call)
{
    double beta = attributes(call)->margin;
    if (!ct__paired(call))
        return NULL;
    ct_tensor *d = ct_sub(ct_call_input(call, 0), ct_call_input(call, 1));
    if (beta == 0)
        return reduce(call, ct_abs(d));
    if (!(beta > 0)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "beta %g is below 0", beta);
        return NULL;
    }
    ct_tensor *inside = ct_clamp(d, -beta, beta), *twice = ct_mul(inside, ct_sub(ct_mul_scalar(d, 2), inside));
    return reduce(call, ct_mul_scalar(twice, 0.5 / beta));
}

static const ct_sample smooth_l1_loss_samples[] = {{"3x4@0.1..0.4 3x4@-0.4..0.1", HOW(.margin = 1)},
                                                   {"4@1..2 4@-2..-1", HOW(.margin = 0.5, .reduction = CT_SUM)},
                                                   {"4@1..2 4@-2..-1", HOW(.margin = 0, .reduction = CT_NONE)},
                                                   {NULL, NULL}};
CRITERION(smooth_l1_loss, "g clamp((x - t) / beta, -1, 1) and its negative", 2,
          .source = "Girshick: Fast R-CNN (2015), eq. 3")

/* ---- soft_margin_loss, hinge_embedding_loss ---- */

static ct_tensor *soft_margin_loss_expression(ct_call *call)
{
    if (!ct__paired(call))
        return NULL;
    return reduce(call, ct_softplus(ct_neg(ct_mul(ct_call_input(call, 0), ct_call_input(call, 1))), 1));
}

ct_tensor *ct_soft_margin_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_soft_margin_loss, (ct_tensor *[]){x, t}, options, 0, 0, 0);
}

static const ct_sample soft_margin_loss_samples[] = {{"3x4 3x4", HOW(.reduction = CT_MEAN)},
                                                     {"4 4", HOW(.reduction = CT_NONE)},
                                                     {"0x3 0x3", HOW(.reduction = CT_SUM)},
                                                     {NULL, NULL}};
CRITERION(soft_margin_loss, "-g t sigmoid(-x t) and -g x sigmoid(-x t)", 2, .roles = "x target")

static ct_tensor *hinge_embedding_loss_expression(ct_call *call)
{
    if (!ct__paired(call))
        return NULL;
    ct_tensor *x = ct_call_input(call, 0), *t = ct_detach(ct_call_input(call, 1));
    return reduce(call, by_sign(t, x, above(ct_neg(x), attributes(call)->margin)));
}

ct_tensor *ct_hinge_embedding_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_hinge_embedding_loss, (ct_tensor *[]){x, t}, options, MARGIN, 1, 0);
}

static const ct_sample hinge_embedding_loss_samples[] = {
    {"3x4@-0.9..0.9 3x4!", HOW(.margin = 1)}, {"4@1.2..2 4!", HOW(.margin = 1, .reduction = CT_NONE)}, {NULL, NULL}};
CRITERION(hinge_embedding_loss, "g where t is 1, -g where x < margin, else 0", 2, .roles = "x target")

/* ---- margin_ranking_loss ---- */

static ct_tensor *margin_ranking_loss_expression(ct_call *call)
{
    if (!ct__paired(call) || !one_for_each(call, 2, 0, "the target"))
        return NULL;
    ct_tensor *difference = ct_sub(ct_call_input(call, 0), ct_call_input(call, 1));
    return reduce(call, above(ct_neg(ct_mul(ct_call_input(call, 2), difference)), attributes(call)->margin));
}

ct_tensor *ct_margin_ranking_loss(ct_tensor *a, ct_tensor *b, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_margin_ranking_loss, (ct_tensor *[]){a, b, t}, options, MARGIN, 0, 0);
}

static const ct_sample margin_ranking_loss_samples[] = {
    {"3x4@0.2..1 3x4@-1..-0.2 3x4@0.5..1", HOW(.margin = 3)},
    {"4@0.2..1 4@-1..-0.2 4@0.5..1", HOW(.margin = 0, .reduction = CT_NONE)},
    {NULL, NULL}};
CRITERION(margin_ranking_loss, "where t (a - b) < margin: -g t, g t, -g (a - b)", 3, .roles = "a b target")

/* ---- cosine_embedding_loss ---- */

static ct_tensor *cosine_embedding_loss_expression(ct_call *call)
{
    if (!ct__paired(call) || !one_for_each(call, 2, 1, "the target"))
        return NULL;
    ct_tensor *t = ct_detach(ct_call_input(call, 2));
    ct_tensor *cosine = ct_cosine_similarity(ct_call_input(call, 0), ct_call_input(call, 1), -1, 1e-8);
    return reduce(call, by_sign(t, ct_add_scalar(ct_neg(cosine), 1), above(cosine, -attributes(call)->margin)));
}

ct_tensor *ct_cosine_embedding_loss(ct_tensor *a, ct_tensor *b, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_cosine_embedding_loss, (ct_tensor *[]){a, b, t}, options, MARGIN, 0, 0);
}

static const ct_sample cosine_embedding_loss_samples[] = {
    {"3x4@0.2..1 3x4@0.2..1 3!", HOW(.margin = 0.1)},
    {"4@0.2..1 4@0.2..1 scalar@0.5..1!", HOW(.reduction = CT_NONE)},
    {NULL, NULL}};
CRITERION(cosine_embedding_loss, "-g where t is 1, g where the cosine is above margin, through the cosine", 3,
          .roles = "a b target")

/* ---- pairwise_distance, triplet_margin_loss ---- */

static ct_tensor *distance(ct_call *call, ct_tensor *a, ct_tensor *b, bool keepdim)
{
    const int64_t last[] = {-1};
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = last, .n_axes = 1, .keepdim = keepdim};
    return ct_norm(ct_add_scalar(ct_sub(a, b), attributes(call)->eps), attributes(call)->p, &over);
}

static ct_tensor *pairwise_distance_expression(ct_call *call)
{
    return distance(call, ct_call_input(call, 0), ct_call_input(call, 1), attributes(call)->swap);
}

ct_tensor *ct_pairwise_distance(ct_tensor *a, ct_tensor *b, double p, double eps, bool keepdim)
{
    return (ct_apply)(&ct_op_pairwise_distance, (ct_tensor *[]){a, b}, 2, HOW(.p = p, .eps = eps, .swap = keepdim));
}

static const ct_sample pairwise_distance_samples[] = {{"3x4@0.5..2 3x4@-2..-0.5", HOW(.p = 2, .eps = 1e-6)},
                                                      {"2x3x4@0.5..2 4@-2..-0.5", HOW(.p = 1, .swap = 1)},
                                                      {NULL, NULL}};
CT_EXPRESSION(pairwise_distance, "that of norm, of a - b + eps, and its negative", 2, 2,
              .attributes_size = sizeof(criterion_attributes), .attribute_names = CRITERION_NAMES);

static ct_tensor *triplet_margin_loss_expression(ct_call *call)
{
    ct_tensor *anchor = ct_call_input(call, 0), *like_it = ct_call_input(call, 1), *other = ct_call_input(call, 2);
    ct_tensor *near = distance(call, anchor, like_it, false), *far = distance(call, anchor, other, false);
    if (attributes(call)->swap)
        far = ct_minimum(far, distance(call, like_it, other, false));
    return reduce(call, above(ct_sub(near, far), attributes(call)->margin));
}

ct_tensor *ct_triplet_margin_loss(ct_tensor *anchor, ct_tensor *positive, ct_tensor *negative,
                                  const ct_criterion_options *options)
{
    return apply(&ct_op_triplet_margin_loss, (ct_tensor *[]){anchor, positive, negative}, options,
                 MARGIN | DISTANCE | EPS, 1, 1e-6);
}

static const ct_sample triplet_margin_loss_samples[] = {
    {"3x4@0.5..1 3x4@-1..-0.5 3x4@2..3", HOW(.margin = 9, .p = 2, .eps = 1e-6)},
    {"3x4@0.5..1 3x4@-1..-0.5 3x4@2..3", HOW(.margin = 9, .p = 2, .eps = 1e-6, .swap = 1, .reduction = CT_NONE)},
    {"4@2..3 4@1..1.5 4@-1..0", HOW(.margin = 30, .p = 1, .reduction = CT_SUM)},
    {NULL, NULL}};
CRITERION(triplet_margin_loss, "g where the loss is above 0, through the distances", 3,
          .roles = "anchor positive negative", .source = "Schroff, Kalenichenko, Philbin: FaceNet (2015), eq. 3")

/* ---- gaussian_nll_loss, poisson_nll_loss ---- */

/* One for each element, [n,d]; for each row, [n,1] or [n]; or for all. Anything else would be taken for that of another axis. */
static ct_tensor *variances(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *var = ct_call_input(call, 2);
    bool rows = x->rank > 0 && var->rank == x->rank && var->shape[x->rank - 1] == 1 &&
                memcmp(var->shape, x->shape, (size_t)(x->rank - 1) * sizeof *x->shape) == 0;
    if (rows || ct__same_shape(x, var) || var->rank == 0)
        return var;
    return one_for_each(call, 2, 1, "var") ? ct_unsqueeze(var, -1) : NULL;
}

static ct_tensor *gaussian_nll_loss_expression(ct_call *call)
{
    const criterion_attributes *how = attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1), *var = variances(call);
    if (!var || !ct__paired(call))
        return NULL;
    if (ct_numel(var) > 0 && ct_item(ct_amin(ct_detach(var), NULL)) < 0) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "var has elements below 0: %s", ct_call_shapes(call));
        return NULL;
    }
    var = raised(var, how->eps);
    ct_tensor *losses = ct_add(ct_log(var), ct_div(ct_square(ct_sub(x, t)), var));
    return reduce(call, ct_add_scalar(ct_mul_scalar(losses, 0.5), how->full ? 0.91893853320467274 : 0));
}

ct_tensor *ct_gaussian_nll_loss(ct_tensor *x, ct_tensor *t, ct_tensor *var, const ct_criterion_options *options)
{
    return apply(&ct_op_gaussian_nll_loss, (ct_tensor *[]){x, t, var}, options, EPS | FULL, 0, 1e-6);
}

static const ct_sample gaussian_nll_loss_samples[] = {
    {"3x4@0.5..2 3x4@0.5..2 3x4@0.5..2", HOW(.eps = 1e-6)},
    {"3x4@0.5..2 3x4@0.5..2 3x1@0.5..2", HOW(.eps = 1e-6, .full = 1, .reduction = CT_NONE)},
    {"3x4@0.5..2 3x4@0.5..2 3@0.5..2", HOW(.eps = 1e-6)},
    {NULL, NULL}};
CRITERION(gaussian_nll_loss, "with d = x - t: g d / var, -g d / var, g (1 / var - d^2 / var^2) / 2", 3,
          .roles = "x target var", .source = "Nix, Weigend: Estimating the mean and variance of the target (1994)")

/* Stirling's approximation of log t!, where t > 1. */
static ct_tensor *stirling(ct_tensor *t)
{
    ct_tensor *one = like(t, 1), *small = ct_le(t, one), *large = ct_where(small, one, t);
    ct_tensor *root = ct_mul_scalar(ct_log(ct_mul_scalar(large, 6.2831853071795865)), 0.5);
    return ct_where(small, like(t, 0), ct_add(ct_sub(ct_xlogy(large, large), large), root));
}

static ct_tensor *poisson_nll_loss_expression(ct_call *call)
{
    if (!ct__paired(call))
        return NULL;
    const criterion_attributes *how = attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1);
    ct_tensor *losses =
        how->rate ? ct_sub(x, ct_mul(t, ct_log(ct_add_scalar(x, how->eps)))) : ct_sub(ct_exp(x), ct_mul(t, x));
    return reduce(call, how->full ? ct_add(losses, stirling(t)) : losses);
}

ct_tensor *ct_poisson_nll_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_poisson_nll_loss, (ct_tensor *[]){x, t}, options, EPS | FULL | RATE, 0, 1e-8);
}

static const ct_sample poisson_nll_loss_samples[] = {
    {"3x4 3x4@0.2..3", HOW(.eps = 1e-8)},
    {"3x4@0.5..2 3x4@1.2..3", HOW(.eps = 1e-8, .rate = 1, .full = 1, .reduction = CT_SUM)},
    {"4 4@0.1..0.9", HOW(.full = 1, .reduction = CT_NONE)},
    {NULL, NULL}};
CRITERION(poisson_nll_loss, "g (exp(x) - t), -g x; of a rate x: g (1 - t / x), -g log x", 2, .roles = "x target")

/* ---- sigmoid_focal_loss ---- */

static ct_tensor *sigmoid_focal_loss_expression(ct_call *call)
{
    if (!ct__paired(call))
        return NULL;
    const criterion_attributes *how = attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1), *p = ct_sigmoid(x);
    ct_tensor *entropy = ct_sub(ct_softplus(x, 1), ct_mul(x, t));
    ct_tensor *missed = ct_sub(ct_add(p, t), ct_mul_scalar(ct_mul(p, t), 2)); /* 1 - the probability of what is true */
    ct_tensor *losses = ct_mul(entropy, ct_pow_scalar(missed, how->gamma));
    if (how->alpha >= 0) /* alpha t + (1 - alpha) (1 - t) */
        losses = ct_mul(losses, ct_add_scalar(ct_mul_scalar(t, 2 * how->alpha - 1), 1 - how->alpha));
    return reduce(call, losses);
}

ct_tensor *ct_sigmoid_focal_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_sigmoid_focal_loss, (ct_tensor *[]){x, t}, options, FOCUS, 0, 0);
}

static const ct_sample sigmoid_focal_loss_samples[] = {
    {"3x4 3x4@0.1..0.9", HOW(.alpha = 0.25, .gamma = 2)},
    {"4 4@0.1..0.9", HOW(.alpha = -1, .gamma = 1.5, .reduction = CT_NONE)},
    {NULL, NULL}};
CRITERION(sigmoid_focal_loss, "through alpha_t (1 - p_t)^gamma binary_cross_entropy_with_logits", 2,
          .roles = "x target", .source = "Lin et al.: Focal loss for dense object detection (2017), eq. 5")

/* ---- multilabel_soft_margin_loss ---- */

static ct_tensor *multilabel_soft_margin_loss_expression(ct_call *call)
{
    const int64_t last[] = {-1};
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = last, .n_axes = 1};
    if (!ct__paired(call))
        return NULL;
    ct_tensor *x = ct_call_input(call, 0), *t = ct_call_input(call, 1);
    return reduce(call, ct_mean(ct_sub(ct_softplus(x, 1), ct_mul(x, t)), &over));
}

ct_tensor *ct_multilabel_soft_margin_loss(ct_tensor *x, ct_tensor *t, const ct_criterion_options *options)
{
    return apply(&ct_op_multilabel_soft_margin_loss, (ct_tensor *[]){x, t}, options, 0, 0, 0);
}

static const ct_sample multilabel_soft_margin_loss_samples[] = {
    {"3x4 3x4@0..1", HOW(.reduction = CT_MEAN)}, {"2x3 2x3@0..1", HOW(.reduction = CT_NONE)}, {NULL, NULL}};
CRITERION(multilabel_soft_margin_loss, "g (sigmoid(x) - t) / C and -g x / C", 2, .roles = "x target")

/* ---- multilabel_margin_loss ---- */

/* Of each row of labels [..., C], which ends before the first below 0: the labels with 0 behind the end, which places hold one, and which
 * classes are not among them. False with an error. */
static bool read_label_sets(ct_call *call, ct_tensor *target, ct_tensor **labels, ct_tensor **held, ct_tensor **others)
{
    int64_t classes = ct_size(target, -1);
    *labels = ct_clone(target);
    *held = ct_zeros(CT_BOOL, ct_shape(target), ct_rank(target));
    *others = ct_ones(CT_BOOL, ct_shape(target), ct_rank(target));
    if (!*labels || !*held || !*others)
        return false;
    for (int64_t row = 0; row < ct_numel(target); row += classes) {
        int64_t *label = (int64_t *)ct__ptr(*labels) + row;
        uint8_t *holds = (uint8_t *)ct__ptr(*held) + row, *other = (uint8_t *)ct__ptr(*others) + row;
        bool ended = false;
        for (int64_t i = 0; i < classes; i++) {
            ended = ended || label[i] < 0;
            label[i] = ended ? 0 : label[i];
            holds[i] = !ended;
            if (label[i] >= classes) {
                ct_call_error(call, CT_ERROR_ARGUMENT, "label %lld in row %lld is not in 0..%lld: %s",
                              (long long)label[i], (long long)(row / classes), (long long)classes - 1,
                              ct_call_shapes(call));
                return false;
            }
            if (!ended)
                other[label[i]] = 0;
        }
    }
    return true;
}

/* For each label and each other class max(0, 1 - (x[label] - x[other])). */
static ct_tensor *multilabel_margin_loss_expression(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0), *target = ct_call_input(call, 1), *labels, *held, *others;
    const ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), CT_AXES(-2, -1)};
    if (x->rank > 2 || !ct__same_shape(x, target)) {
        ct_call_error(call, CT_ERROR_SHAPE, "takes x and labels [N,C] or [C]: %s", ct_call_shapes(call));
        return NULL;
    }
    const int64_t one[] = {1};
    x = x->rank > 0 ? x : ct_reshape(x, one, 1); /* a single class */
    target = target->rank > 0 ? target : ct_reshape(target, one, 1);
    if (!x || !target || !read_label_sets(call, target, &labels, &held, &others))
        return NULL;
    ct_tensor *of_label = ct_unsqueeze(ct_gather(x, -1, labels), -1), *of_other = ct_unsqueeze(x, -2);
    ct_tensor *counted = ct_logical_and(ct_unsqueeze(held, -1), ct_unsqueeze(others, -2));
    ct_tensor *losses = ct_where(counted, above(ct_sub(of_other, of_label), 1), like(x, 0));
    return reduce(call, ct_mul_scalar(ct_sum(losses, &over), 1 / (double)ct_size(x, -1)));
}

ct_tensor *ct_multilabel_margin_loss(ct_tensor *x, ct_tensor *target, const ct_criterion_options *options)
{
    return apply(&ct_op_multilabel_margin_loss, (ct_tensor *[]){x, target}, options, 0, 0, 0);
}

static const ct_sample multilabel_margin_loss_samples[] = {{"3x4@-0.4..0.4 i2:3x4", HOW(.reduction = CT_MEAN)},
                                                           {"2x3@-0.4..0.4 i3:2x3", HOW(.reduction = CT_NONE)},
                                                           {"5@-0.4..0.4 i3:5", HOW(.reduction = CT_SUM)},
                                                           {"scalar i1:scalar", HOW(.reduction = CT_MEAN)},
                                                           {"0x3 i3:0x3", HOW(.reduction = CT_SUM)},
                                                           {NULL, NULL}};
CRITERION(multilabel_margin_loss,
          "g / C for each class beside each label that it comes within 1 of, and -g / C for that label", 2,
          .takes = {CT_FLOATS, CT_ONLY(CT_INT64)}, .roles = "x labels")
