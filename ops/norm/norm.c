/* Normalisation, as expressions: centre, scale by the inverse root of the variance, then weight and bias; and how the shortcut of
 * each (norm_fast.c) walks over x.
 *
 * Invariant: x is seen as [..., normalised axes]; weight and bias are reshaped so that they broadcast to x. */
#include "norm_fast.h"
#include "reduce/reduce_internal.h"

typedef struct norm_attributes {
    double eps, momentum;
    int64_t groups, axes;
    int64_t evaluation;
} norm_attributes;

CT_OPTIONS_INIT(ct_norm_options)

/* What of the shared options an operation takes. */
enum { RUNNING = 1, AXES = 2 };

/* The options as attributes, where axes 0 counts as the weight's. */
static bool read_options(const char *op, int takes, const ct_norm_options *given, double eps, norm_attributes *a)
{
    CT_READ_OPTIONS(ct_norm_options, o, given, op);
    if (!o || (!(takes & AXES) && CT_TAKES_NO(o, op, axes)))
        return false;
    if (!(takes & RUNNING) && (CT_TAKES_NO(o, op, running_mean) || CT_TAKES_NO(o, op, running_var) ||
                               CT_TAKES_NO(o, op, evaluation) || CT_TAKES_NO(o, op, momentum)))
        return false;
    if (o->axes == 0) {
        ct__error(CT_ERROR_ARGUMENT, "%s: 0 axes", op);
        return false;
    }
    *a = (norm_attributes){
        .eps = ct_is_unset(o->eps) ? eps : o->eps,
        .momentum = o->momentum,
        .axes = o->axes == CT_UNSET_INT ? 0 : o->axes,
        .evaluation = o->evaluation,
    };
    return true;
}

/* ---- what they share ---- */

static ct_tensor *mean_over(ct_tensor *x, const int64_t *axes, int n)
{
    return ct_mean(x, CT_GIVEN(ct_reduce_options, .axes = axes, .n_axes = n, .keepdim = true));
}

static ct_tensor *over_root(ct_tensor *x, ct_tensor *variance, double eps)
{
    return ct_mul(x, ct_rsqrt(ct_add_scalar(variance, eps)));
}

/* x / sqrt(mean_square + eps), mean_square being that of x over the axes. Where it has overflowed, or vanished beside an eps
 * of 0, x and eps are scaled first. */
static ct_tensor *over_own_root(ct_tensor *x, ct_tensor *mean_square, const int64_t *axes, int n, double eps)
{
    if (!mean_square || ct_numel(x) == 0 || !ct__is_extreme(mean_square, 100, eps == 0))
        return over_root(x, mean_square, eps);
    ct_reduce_options over = {CT_DEFAULTS(ct_reduce_options), .axes = axes, .n_axes = n, .keepdim = true};
    ct_tensor *scales = ct__scales(x, &over, false, 30, eps > 0);
    ct_tensor *scaled = ct_div(x, scales), *least = ct_div(ct_div(ct_scalar(ct_dtype_of(x), eps), scales), scales);
    return ct_mul(scaled, ct_rsqrt(ct_add(mean_over(ct_square(scaled), axes, n), least)));
}

/* (x - mean) / sqrt(variance + eps) over the axes. */
static ct_tensor *standardise(ct_tensor *x, const int64_t *axes, int n, double eps)
{
    ct_tensor *centred = ct_sub(x, mean_over(x, axes, n));
    return over_own_root(centred, mean_over(ct_square(centred), axes, n), axes, n, eps);
}

/* [C] as [1, C, 1, ...], to broadcast along axis 1 of a tensor of that rank. */
static ct_tensor *along_channels(ct_tensor *t, int rank)
{
    int64_t shape[CT_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++)
        shape[i] = i == 1 ? ct_numel(t) : 1;
    return ct_reshape(t, shape, rank);
}

static ct_tensor *weigh(ct_tensor *x, ct_tensor *weight, ct_tensor *bias)
{
    if (weight)
        x = ct_mul(x, weight);
    return bias ? ct_add(x, bias) : x;
}

static ct_tensor *weigh_channels(ct_tensor *x, ct_call *call)
{
    ct_tensor *weight = ct_call_input(call, 1), *bias = ct_call_input(call, 2);
    return weigh(x, weight ? along_channels(weight, ct_rank(x)) : NULL, bias ? along_channels(bias, ct_rank(x)) : NULL);
}

bool ct__norm_channels_fit(ct_call *call)
{
    ct_tensor *x = ct_call_input(call, 0);
    bool fits = ct_rank(x) >= 2;
    for (int i = 1; i < ct_call_inputs(call); i++) {
        ct_tensor *t = ct_call_input(call, i);
        fits = fits && (!t || (ct_rank(t) == 1 && ct_size(t, 0) == ct_size(x, 1)));
    }
    if (!fits)
        ct_call_error(call, CT_ERROR_SHAPE, "takes x [N, C, ...] and tensors of C elements: %s", ct_call_shapes(call));
    return fits;
}

static bool options_fit(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    if (!(a->eps >= 0))
        ct_call_error(call, CT_ERROR_ARGUMENT, "eps %g is negative", a->eps);
    else if (!(a->momentum >= 0 && a->momentum <= 1))
        ct_call_error(call, CT_ERROR_ARGUMENT, "momentum %g is not in [0, 1]", a->momentum);
    else
        return true;
    return false;
}

/* The elements of x behind one of axis. */
static int64_t size_behind(const ct_tensor *x, int axis)
{
    int64_t n = 1;
    for (int i = axis + 1; i < ct_rank(x); i++)
        n *= ct_size(x, i);
    return ct_numel(x) ? n : 0;
}

/* Declares the hidden output i, the statistics of each row. */
static ct_status declare_rows(ct_call *call, int i, int64_t rows)
{
    return ct_call_output_shape(call, i, CT_FLOAT64, (const int64_t[]){rows, sizeof(ct_norm_row) / sizeof(double)}, 2);
}

#define USUAL .eps = 1e-5, .momentum = 0.1

/* ---- batch_norm ---- */

/* (1 - momentum) running + momentum factor batch. */
static ct_tensor *mixed(ct_tensor *running, ct_tensor *batch, double factor, double momentum)
{
    ct_tensor *shaped = ct_reshape(batch, ct_shape(running), 1);
    return ct_add(ct_mul_scalar(running, 1 - momentum), ct_mul_scalar(shaped, factor * momentum));
}

/* Whether t can be copied into, and, should the step fail, be put back; otherwise the error is set. */
static bool can_change(ct_tensor *t)
{
    return ct__check_writable(t, "batch_norm") == CT_OK && ct__check_places(t, "batch_norm") == CT_OK &&
           ct_scope_guard(t) == CT_OK;
}

/* Both change, or neither: whatever can fail comes before the first change. */
static ct_status update_running(ct_call *call, ct_tensor *mean, ct_tensor *variance, int64_t count)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *running_mean = ct_call_input(call, 3), *running_var = ct_call_input(call, 4);
    if (!running_mean || count == 0)
        return CT_OK;
    ct_no_grad_begin();
    mean = mixed(running_mean, mean, 1, a->momentum);
    variance = mixed(running_var, variance, (double)count / (double)(count - 1), a->momentum);
    ct_no_grad_end();
    if (!mean || !variance || !can_change(running_mean) || !can_change(running_var))
        return ct_error_code();
    ct_status status = ct_copy_(running_mean, mean);
    return status == CT_OK ? ct_copy_(running_var, variance) : status;
}

/* All axes but that of the channels. */
static int batch_axes(ct_tensor *x, int64_t *axes)
{
    int n = 0;
    for (int i = 0; i < ct_rank(x); i++)
        if (i != 1)
            axes[n++] = i;
    return n;
}

static ct_tensor *batch_norm_train_expression(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int64_t axes[CT_MAX_RANK];
    int n = batch_axes(x, axes);
    ct_tensor *mean = mean_over(x, axes, n), *centred = ct_sub(x, mean);
    ct_tensor *variance = mean_over(ct_square(centred), axes, n);
    if (ct_call_set_output(call, 1, mean) != CT_OK || ct_call_set_output(call, 2, variance) != CT_OK)
        return NULL;
    return weigh_channels(over_own_root(centred, variance, axes, n, a->eps), call);
}

static ct_norm_walk batch_norm_walk(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t images = ct_size(x, 0), channels = ct_size(x, 1), n = size_behind(x, 1);
    return (ct_norm_walk){.rows = channels,
                          .pieces = images,
                          .n = n,
                          .row_step = n,
                          .piece_step = channels * n,
                          .channels = channels,
                          .row_channel = 1,
                          .eps = a->eps,
                          .centred = true};
}

static ct_status batch_norm_train_infer(ct_call *call)
{
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t shape[CT_MAX_RANK];
    if (!ct__norm_channels_fit(call) || !options_fit(call))
        return ct_error_code();
    for (int i = 0; i < ct_rank(x); i++)
        shape[i] = i == 1 ? ct_size(x, 1) : 1;
    ct_status status = ct_call_output_like(call, 0, x);
    for (int i = 1; status == CT_OK && i <= 2; i++)
        status = ct_call_output_shape(call, i, ct_dtype_of(x), shape, ct_rank(x));
    return status == CT_OK ? declare_rows(call, 3, ct_size(x, 1)) : status;
}

static ct_status batch_norm_train_forward(ct_call *call)
{
    ct_norm_walk walk = batch_norm_walk(call);
    ct_status status = ct__norm_forward(call, &walk);
    const ct_norm_row *rows = ct_call_output_data(call, 3);
    for (int64_t c = 0; status == CT_OK && c < walk.rows && rows[0].rstd >= 0; c++) {
        ct__norm_put(call->outputs[1], c, rows[c].mean);
        ct__norm_put(call->outputs[2], c, rows[c].variance);
    }
    return status;
}

/* Nothing flows back into the statistics but where they are asked for by hand. */
static ct_status batch_norm_train_backward(ct_call *call)
{
    ct_norm_walk walk = batch_norm_walk(call);
    if (ct_call_grad_output(call, 1) || ct_call_grad_output(call, 2))
        return ct__backward_by_definition(call);
    return ct__norm_backward(call, &walk);
}

static const ct_sample batch_norm_train_samples[] = {
    {.inputs = "6x3 3 3", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "2x3x4x5 3 3", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "2x3x4x5 null 3", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "4x3x17", .attributes = &(norm_attributes){USUAL}},
    {.inputs = NULL}};

/* What batch_norm does in training, without the running statistics: also gives mean and variance, [1, C, 1, ...]. */
const ct_op ct_op_batch_norm_train = {
    .name = "batch_norm_train",
    .gradient =
        "(h - mean(h) - y mean(h y)) / sqrt(var + eps), h = g weight, y the standardised x; sum of g y; sum of g",
    .min_inputs = 1,
    .max_inputs = 3,
    .outputs = 3,
    .hidden = 1,
    .saves = CT_SAVE_OUTPUT(3),
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .infer = batch_norm_train_infer,
    .forward = batch_norm_train_forward,
    .backward = batch_norm_train_backward,
    .expression = batch_norm_train_expression,
    .samples = batch_norm_train_samples,
};

static ct_tensor *train_on_batch(ct_call *call, ct_tensor *x)
{
    int64_t count = ct_size(x, 1) ? ct_numel(x) / ct_size(x, 1) : 0;
    if (count == 1) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "training needs more than one element for each channel: %s",
                      ct_call_shapes(call));
        return NULL;
    }
    ct_tensor *inputs[] = {x, ct_call_input(call, 1), ct_call_input(call, 2)}, *made[CT_MAX_OUTPUTS];
    if (ct_apply_multi(&ct_op_batch_norm_train, inputs, 3, ct_call_attributes(call), made) != CT_OK)
        return NULL;
    return update_running(call, made[1], made[2], count) == CT_OK ? made[0] : NULL;
}

static ct_tensor *batch_norm_expression(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *mean = ct_call_input(call, 3), *variance = ct_call_input(call, 4);
    if (!ct__norm_channels_fit(call) || !options_fit(call))
        return NULL;
    if (!mean != !variance || (a->evaluation && !mean)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "running_mean and running_var go together, and evaluation needs them");
        return NULL;
    }
    if (!a->evaluation)
        return train_on_batch(call, x);
    ct_tensor *centred = ct_sub(x, along_channels(mean, ct_rank(x)));
    return weigh_channels(over_root(centred, along_channels(variance, ct_rank(x)), a->eps), call);
}

static const ct_sample batch_norm_samples[] = {
    {.inputs = "6x3 3 3", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "4x3x2x2 3 3", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "4x3x2", .attributes = &(norm_attributes){USUAL}},
    {.inputs = "4x3x2 3 3 3! 3@0.2..3!", .attributes = &(norm_attributes){USUAL, .evaluation = 1}},
    {.inputs = NULL}};

const ct_op ct_op_batch_norm = {
    .name = "batch_norm",
    .gradient =
        "(h - mean(h) - y mean(h y)) / sqrt(var + eps), h = g weight, y the standardised x; sum of g y; sum of g",
    .min_inputs = 1,
    .max_inputs = 5,
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .expression = batch_norm_expression,
    .samples = batch_norm_samples,
    .source = "Ioffe, Szegedy: Batch normalization (2015), algorithm 1",
};

ct_tensor *ct_batch_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options)
{
    norm_attributes attributes;
    if (!read_options("batch_norm", RUNNING, options, 1e-5, &attributes))
        return NULL;
    ct_tensor *inputs[] = {x, weight, bias, options ? options->running_mean : NULL,
                           options ? options->running_var : NULL};
    return ct_apply(&ct_op_batch_norm, inputs, 5, &attributes);
}

/* ---- layer_norm and rms_norm ---- */

/* The axes to normalise: how many of the last ones, into axes; 0 with an error. */
static int last_axes(ct_call *call, int64_t *axes)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0), *weight = ct_call_input(call, 1);
    if (!options_fit(call))
        return 0;
    int64_t n = a->axes ? a->axes : weight ? ct_rank(weight) : 1;
    bool fits = n >= 1 && n <= ct_rank(x);
    for (int i = 1; fits && i < ct_call_inputs(call); i++) {
        ct_tensor *t = ct_call_input(call, i);
        fits = !t || ct_rank(t) == n;
        for (int axis = 1; t && fits && axis <= n; axis++)
            fits = ct_size(t, -axis) == ct_size(x, -axis);
    }
    if (!fits) {
        ct_call_error(call, CT_ERROR_SHAPE, "weight and bias must have the shape of the last %lld axes of x: %s",
                      (long long)n, ct_call_shapes(call));
        return 0;
    }
    for (int i = 0; i < n; i++)
        axes[i] = -1 - i;
    return (int)n;
}

static ct_tensor *layer_norm_expression(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    int64_t axes[CT_MAX_RANK];
    int n = last_axes(call, axes);
    if (n == 0)
        return NULL;
    return weigh(standardise(ct_call_input(call, 0), axes, n, a->eps), ct_call_input(call, 1), ct_call_input(call, 2));
}

static ct_norm_walk last_axes_walk(ct_call *call, bool centred)
{
    const norm_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0), *weight = ct_call_input(call, 1), *bias = ct_call_input(call, 2);
    const ct_tensor *given = weight ? weight : bias; /* has its elements where x has none, too */
    int64_t axes = a->axes ? a->axes : given ? ct_rank(given) : 1;
    int64_t n = given ? ct_numel(given) : size_behind(x, ct_rank(x) - (int)axes - 1);
    return (ct_norm_walk){
        .rows = n ? ct_numel(x) / n : 0, .pieces = 1, .n = n, .row_step = n, .eps = a->eps, .centred = centred};
}

static ct_status last_axes_infer(ct_call *call)
{
    int64_t axes[CT_MAX_RANK];
    if (last_axes(call, axes) == 0)
        return ct_error_code();
    ct_status status = ct_call_output_like(call, 0, ct_call_input(call, 0));
    return status == CT_OK ? declare_rows(call, 1, last_axes_walk(call, true).rows) : status;
}

static ct_status layer_norm_forward(ct_call *call)
{
    ct_norm_walk walk = last_axes_walk(call, true);
    return ct__norm_forward(call, &walk);
}

static ct_status layer_norm_backward(ct_call *call)
{
    ct_norm_walk walk = last_axes_walk(call, true);
    return ct__norm_backward(call, &walk);
}

static const ct_sample layer_norm_samples[] = {{.inputs = "2x3x5 5 5", .attributes = &(norm_attributes){USUAL}},
                                               {.inputs = "2x3x5 3x5 3x5", .attributes = &(norm_attributes){USUAL}},
                                               {.inputs = "4x5", .attributes = &(norm_attributes){USUAL}},
                                               {.inputs = "0x5 5 5", .attributes = &(norm_attributes){USUAL}},
                                               {.inputs = NULL}};

const ct_op ct_op_layer_norm = {
    .name = "layer_norm",
    .gradient =
        "(h - mean(h) - y mean(h y)) / sqrt(var + eps), h = g weight, y the standardised x; sum of g y; sum of g",
    .min_inputs = 1,
    .max_inputs = 3,
    .hidden = 1,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .infer = last_axes_infer,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .expression = layer_norm_expression,
    .samples = layer_norm_samples,
    .source = "Ba, Kiros, Hinton: Layer normalization (2016), eq. 3",
};

ct_tensor *ct_layer_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options)
{
    norm_attributes attributes;
    if (!read_options("layer_norm", AXES, options, 1e-5, &attributes))
        return NULL;
    return ct_apply(&ct_op_layer_norm, (ct_tensor *[]){x, weight, bias}, 3, &attributes);
}

static ct_tensor *rms_norm_expression(ct_call *call)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int64_t axes[CT_MAX_RANK];
    int n = last_axes(call, axes);
    if (n == 0)
        return NULL;
    ct_tensor *mean_square = mean_over(ct_square(x), axes, n);
    return weigh(over_own_root(x, mean_square, axes, n, a->eps), ct_call_input(call, 1), NULL);
}

static ct_status rms_norm_forward(ct_call *call)
{
    ct_norm_walk walk = last_axes_walk(call, false);
    return ct__norm_forward(call, &walk);
}

static ct_status rms_norm_backward(ct_call *call)
{
    ct_norm_walk walk = last_axes_walk(call, false);
    return ct__norm_backward(call, &walk);
}

static const ct_sample rms_norm_samples[] = {{.inputs = "2x3x5 5", .attributes = &(norm_attributes){USUAL}},
                                             {.inputs = "4x5", .attributes = &(norm_attributes){USUAL}},
                                             {.inputs = NULL}};

const ct_op ct_op_rms_norm = {
    .name = "rms_norm",
    .gradient = "(h - y mean(h y)) / sqrt(mean(x^2) + eps), h = g weight, y the scaled x; sum of g y",
    .min_inputs = 1,
    .max_inputs = 2,
    .hidden = 1,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .infer = last_axes_infer,
    .forward = rms_norm_forward,
    .backward = rms_norm_backward,
    .expression = rms_norm_expression,
    .samples = rms_norm_samples,
    .source = "Zhang, Sennrich: Root mean square layer normalization (2019), eq. 4",
};

ct_tensor *ct_rms_norm(ct_tensor *x, ct_tensor *weight, const ct_norm_options *options)
{
    norm_attributes attributes;
    if (!read_options("rms_norm", AXES, options, 1e-6, &attributes))
        return NULL;
    return ct_apply(&ct_op_rms_norm, (ct_tensor *[]){x, weight}, 2, &attributes);
}

/* ---- group_norm and instance_norm ---- */

static ct_tensor *standardise_groups(ct_call *call, int64_t groups)
{
    const norm_attributes *a = ct_call_attributes(call);
    ct_tensor *x = ct_call_input(call, 0);
    int64_t rows = ct_size(x, 0) * groups, columns = rows ? ct_numel(x) / rows : 0;
    ct_tensor *grouped = ct_reshape(x, (const int64_t[]){rows, columns}, 2);
    ct_tensor *standard = standardise(grouped, (const int64_t[]){1}, 1, a->eps);
    return weigh_channels(ct_reshape(standard, ct_shape(x), ct_rank(x)), call);
}

/* How many groups there are: each channel is one in instance_norm. */
static int64_t groups_of(ct_call *call, bool instance)
{
    const norm_attributes *a = ct_call_attributes(call);
    return instance ? ct_size(ct_call_input(call, 0), 1) : a->groups;
}

static bool groups_fit(ct_call *call, bool instance)
{
    if (!ct__norm_channels_fit(call) || !options_fit(call))
        return false;
    int64_t groups = groups_of(call, instance);
    if (!instance && (groups < 1 || ct_size(ct_call_input(call, 0), 1) % groups != 0)) {
        ct_call_error(call, CT_ERROR_ARGUMENT, "%lld groups do not divide the channels: %s", (long long)groups,
                      ct_call_shapes(call));
        return false;
    }
    return true;
}

static ct_norm_walk groups_walk(ct_call *call, bool instance)
{
    const norm_attributes *a = ct_call_attributes(call);
    const ct_tensor *x = ct_call_input(call, 0);
    int64_t channels = ct_size(x, 1), groups = groups_of(call, instance), n = size_behind(x, 1);
    int64_t pieces = groups ? channels / groups : 0;
    return (ct_norm_walk){.rows = n ? ct_size(x, 0) * groups : 0,
                          .pieces = pieces,
                          .n = n,
                          .row_step = pieces * n,
                          .piece_step = n,
                          .channels = channels,
                          .row_channel = pieces,
                          .piece_channel = 1,
                          .eps = a->eps,
                          .centred = true};
}

static ct_status groups_infer(ct_call *call, bool instance)
{
    if (!groups_fit(call, instance))
        return ct_error_code();
    ct_status status = ct_call_output_like(call, 0, ct_call_input(call, 0));
    return status == CT_OK ? declare_rows(call, 1, groups_walk(call, instance).rows) : status;
}

/* The expression and its shortcut, for group_norm and instance_norm. */
#define GROUPS(name, instance)                                                                          \
    static ct_tensor *name##_expression(ct_call *call)                                                  \
    {                                                                                                   \
        return groups_fit(call, instance) ? standardise_groups(call, groups_of(call, instance)) : NULL; \
    }                                                                                                   \
    static ct_status name##_infer(ct_call *call)                                                        \
    {                                                                                                   \
        return groups_infer(call, instance);                                                            \
    }                                                                                                   \
    static ct_status name##_forward(ct_call *call)                                                      \
    {                                                                                                   \
        ct_norm_walk walk = groups_walk(call, instance);                                                \
        return ct__norm_forward(call, &walk);                                                           \
    }                                                                                                   \
    static ct_status name##_backward(ct_call *call)                                                     \
    {                                                                                                   \
        ct_norm_walk walk = groups_walk(call, instance);                                                \
        return ct__norm_backward(call, &walk);                                                          \
    }
GROUPS(group_norm, false)
GROUPS(instance_norm, true)

static const ct_sample group_norm_samples[] = {
    {.inputs = "2x4x3x3 4 4", .attributes = &(norm_attributes){USUAL, .groups = 2}},
    {.inputs = "2x4x3", .attributes = &(norm_attributes){USUAL, .groups = 1}},
    {.inputs = "2x4x4x5 4 4", .attributes = &(norm_attributes){USUAL, .groups = 2}},
    {.inputs = "2x4x17 null 4", .attributes = &(norm_attributes){USUAL, .groups = 1}},
    {.inputs = NULL}};
static const ct_sample instance_norm_samples[] = {{.inputs = "2x3x4x4 3 3", .attributes = &(norm_attributes){USUAL}},
                                                  {.inputs = "2x3x3x6 3", .attributes = &(norm_attributes){USUAL}},
                                                  {.inputs = "2x3x4", .attributes = &(norm_attributes){USUAL}},
                                                  {.inputs = NULL}};

const ct_op ct_op_group_norm = {
    .name = "group_norm",
    .gradient = "(h - mean(h) - y mean(h y)) / sqrt(var + eps) within a group, h = g weight; sum of g y; sum of g",
    .min_inputs = 1,
    .max_inputs = 3,
    .hidden = 1,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .infer = group_norm_infer,
    .forward = group_norm_forward,
    .backward = group_norm_backward,
    .expression = group_norm_expression,
    .samples = group_norm_samples,
    .source = "Wu, He: Group normalization (2018), eq. 1 to 7",
};

const ct_op ct_op_instance_norm = {
    .name = "instance_norm",
    .gradient = "(h - mean(h) - y mean(h y)) / sqrt(var + eps) within a channel, h = g weight; sum of g y; sum of g",
    .min_inputs = 1,
    .max_inputs = 3,
    .hidden = 1,
    .saves = CT_SAVE_OUTPUT(1),
    .attributes_size = sizeof(norm_attributes),
    .attribute_names = "eps:1d momentum:1d groups axes evaluation",
    .infer = instance_norm_infer,
    .forward = instance_norm_forward,
    .backward = instance_norm_backward,
    .expression = instance_norm_expression,
    .samples = instance_norm_samples,
    .source = "Ulyanov, Vedaldi, Lempitsky: Instance normalization (2016), eq. 4",
};

ct_tensor *ct_group_norm(ct_tensor *x, int64_t groups, ct_tensor *weight, ct_tensor *bias,
                         const ct_norm_options *options)
{
    norm_attributes attributes;
    if (!read_options("group_norm", 0, options, 1e-5, &attributes))
        return NULL;
    attributes.groups = groups;
    return ct_apply(&ct_op_group_norm, (ct_tensor *[]){x, weight, bias}, 3, &attributes);
}

ct_tensor *ct_instance_norm(ct_tensor *x, ct_tensor *weight, ct_tensor *bias, const ct_norm_options *options)
{
    norm_attributes attributes;
    if (!read_options("instance_norm", 0, options, 1e-5, &attributes))
        return NULL;
    return ct_apply(&ct_op_instance_norm, (ct_tensor *[]){x, weight, bias}, 3, &attributes);
}
