/* Normalisation: a weight and a bias of one shape, and what each kind does with them. */
#include "nn_internal.h"
#include <float.h>

typedef struct norm {
    int rank;
    int64_t shape[CT_MAX_RANK]; /* of weight and bias */
    int64_t groups;
    bool affine, bias, running;
    int64_t mean_over;     /* of a mean over batches that is being made, batches with the next one; 0: none is */
    ct_norm_options call;  /* of the operation */
    ct_norm_gather gather; /* NULL: a batch's statistics are its own */
    void *gathers_for;
} norm;

static void build(ct_module *module)
{
    const norm *n = ct_module_self(module);
    CT_OPTIONS(ct_add_options, buffer, .buffer = true);
    if (n->affine)
        ct_module_add(module, "weight", &ct_init_ones, n->shape, n->rank, NULL);
    if (n->affine && n->bias)
        ct_module_add(module, "bias", &ct_init_zeros, n->shape, n->rank, NULL);
    if (n->running) {
        ct_module_add(module, "running_mean", &ct_init_zeros, n->shape, n->rank, &buffer);
        ct_module_add(module, "running_var", &ct_init_ones, n->shape, n->rank, &buffer);
    }
}

static ct_tensor *weight_of(const ct_module *module)
{
    return ct_module_get(module, "weight");
}

static ct_tensor *bias_of(const ct_module *module)
{
    return ct_module_get(module, "bias");
}

/* ---- what each does ---- */

/* ---- statistics of several batches ---- */

static ct_tensor *columns(ct_tensor *rows, int64_t from, int64_t to)
{
    return ct_slice(rows, 1, from, to, 1);
}

/* Sum over the batches of count x, divided by all their counts: [C]. */
static ct_tensor *weighted(ct_tensor *counts, ct_tensor *x)
{
    CT_OPTIONS(ct_reduce_options, batches, .axes = (const int64_t[]){0}, .n_axes = 1);
    return ct_div(ct_sum(ct_mul(counts, x), &batches), ct_sum(counts, &batches));
}

/* This batch's count, means and variances: [2 C + 1]. */
static ct_tensor *row_of(ct_tensor *x)
{
    int64_t axes[CT_MAX_RANK], elements = ct_numel(x) / ct_size(x, 1);
    int n = 0;
    for (int i = 0; i < ct_rank(x); i++)
        if (i != 1)
            axes[n++] = i;
    CT_OPTIONS(ct_reduce_options, mean, .axes = axes, .n_axes = n);
    CT_OPTIONS(ct_var_options, variance, .axes = axes, .n_axes = n, .biased = true);
    ct_tensor *count = ct_full(ct_dtype_of(x), (double)elements, (const int64_t[]){1}, 1);
    return ct_concat((ct_tensor *[]){count, ct_mean(x, &mean), ct_var(x, &variance)}, 3, 0);
}

static ct_tensor *gather_rows(const norm *n, ct_tensor *x)
{
    char text[CT_NN_SHAPE_TEXT];
    if (ct_rank(x) < 2 || ct_numel(x) == 0) {
        ct_error_set(CT_ERROR_ARGUMENT, "batch_norm: no batch of channels to gather statistics of: %s",
                     ct__nn_shape_text(x, text));
        return NULL;
    }
    ct_tensor *row = row_of(x), *rows = row ? n->gather(row, n->gathers_for) : NULL;
    if (rows && (ct_rank(rows) != 2 || ct_size(rows, 0) < 1 || ct_size(rows, 1) != ct_numel(row)))
        ct_error_set(CT_ERROR_SHAPE, "batch_norm: rows of %lld statistics were gathered as %s",
                     (long long)ct_numel(row), ct__nn_shape_text(rows, text));
    if (row && !rows)
        ct_error_set(CT_ERROR_NULL, "batch_norm: gather has returned NULL, and no error");
    return ct_error_code() == CT_OK ? rows : NULL;
}

/* t = (1 - momentum) t + momentum x. */
static ct_status mix(ct_tensor *t, ct_tensor *x, double momentum)
{
    ct_tensor *mixed = ct_add(ct_mul_scalar(t, 1 - momentum), ct_mul_scalar(x, momentum));
    return mixed && ct_scope_guard(t) == CT_OK ? ct_copy_(t, mixed) : ct_error_code();
}

static ct_status update_running(const ct_norm_options *call, ct_tensor *mean, ct_tensor *variance, ct_tensor *counts)
{
    if (!call->running_mean || !variance)
        return ct_error_code();
    ct_no_grad_begin();
    double count = ct_item(ct_sum(counts, NULL));
    ct_status status = count > 1 ? mix(call->running_mean, mean, call->momentum)
                                 : ct_error_set(CT_ERROR_ARGUMENT,
                                                "batch_norm: training needs more than one element for each channel");
    if (status == CT_OK)
        status = mix(call->running_var, ct_mul_scalar(variance, count / (count - 1)), call->momentum);
    ct_no_grad_end();
    return status;
}

/* The variance of all is the mean of the variances and of the squares of what the means are off (Chan, Golub, LeVeque 1979). */
static ct_tensor *batch_norm_of_all(ct_module *module, const norm *n, ct_norm_options *call, ct_tensor *x)
{
    ct_tensor *rows = gather_rows(n, x);
    if (!rows)
        return NULL;
    int64_t channels = ct_size(x, 1);
    ct_tensor *counts = columns(rows, 0, 1), *means = columns(rows, 1, channels + 1);
    ct_tensor *mean = weighted(counts, means), *off = ct_square(ct_sub(means, mean));
    ct_tensor *variance = weighted(counts, ct_add(columns(rows, channels + 1, 2 * channels + 1), off));
    if (update_running(call, mean, variance, counts) != CT_OK)
        return NULL;
    call->running_mean = mean;
    call->running_var = variance;
    call->evaluation = true;
    return ct_batch_norm(x, weight_of(module), bias_of(module), call);
}

static ct_tensor *batch_norm(ct_module *module, ct_tensor *x)
{
    norm *n = ct_module_self(module);
    ct_norm_options call = n->call;
    call.running_mean = ct_module_get(module, "running_mean");
    call.running_var = ct_module_get(module, "running_var");
    call.evaluation = n->running && !ct_module_training(module);
    if (n->mean_over > 0)
        call.momentum = 1 / (double)n->mean_over++;
    if (n->gather && ct_module_training(module))
        return batch_norm_of_all(module, n, &call, x);
    return ct_batch_norm(x, weight_of(module), bias_of(module), &call);
}

static ct_tensor *layer_norm(ct_module *module, ct_tensor *x)
{
    const norm *n = ct_module_self(module);
    return ct_layer_norm(x, weight_of(module), bias_of(module), &n->call);
}

/* PyTorch's default eps is that of x's type. */
static ct_tensor *rms_norm(ct_module *module, ct_tensor *x)
{
    const norm *n = ct_module_self(module);
    ct_norm_options call = n->call;
    if (ct_is_unset(call.eps))
        call.eps = ct_dtype_of(x) == CT_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
    return ct_rms_norm(x, weight_of(module), &call);
}

static ct_tensor *group_norm(ct_module *module, ct_tensor *x)
{
    const norm *n = ct_module_self(module);
    return ct_group_norm(x, n->groups, weight_of(module), bias_of(module), &n->call);
}

static ct_tensor *instance_norm(ct_module *module, ct_tensor *x)
{
    const norm *n = ct_module_self(module);
    return ct_instance_norm(x, weight_of(module), bias_of(module), &n->call);
}

#define LAYER(function) static const ct_layer function##_layer = {#function, sizeof(norm), build, function};
LAYER(batch_norm)
LAYER(layer_norm)
LAYER(rms_norm)
LAYER(group_norm)
LAYER(instance_norm)

ct_status ct_batch_norm_gather(ct_module *module, ct_norm_gather gather, void *user)
{
    ct_status status = ct_object_check(module, "module", "batch_norm_gather");
    if (status != CT_OK)
        return status;
    if (ct_module_layer(module) == &batch_norm_layer) {
        norm *n = ct_module_self(module);
        n->gather = gather;
        n->gathers_for = user;
    }
    for (int64_t i = 0; i < ct_module_children(module); i++)
        ct_batch_norm_gather(ct_module_child(module, i), gather, user);
    return CT_OK;
}

/* ---- making them ---- */

CT_OPTIONS_INIT(ct_norm_layer_options)
CT_OPTIONS_INIT(ct_instance_norm_options)

static ct_status check_shape(const char *what, const int64_t *shape, int rank)
{
    if (rank < 1 || rank > CT_MAX_RANK || !shape)
        return ct_error_set(shape ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "%s: %s", what,
                            shape ? "a shape of no axes, or of too many" : "the shape is NULL");
    for (int i = 0; i < rank; i++)
        if (shape[i] < 1)
            return ct_error_set(CT_ERROR_ARGUMENT, "%s: sizes must be at least 1: %lld", what, (long long)shape[i]);
    return CT_OK;
}

static ct_module *norm_new(ct_module *module, const char *name, const ct_layer *layer, const int64_t *shape, int rank,
                           const ct_norm_layer_options *options, int64_t groups)
{
    CT_READ_OPTIONS(ct_norm_layer_options, o, options, layer->name);
    if (!o || check_shape(layer->name, shape, rank) != CT_OK)
        return NULL;
    norm n = {.rank = rank, .groups = groups, .affine = o->affine, .bias = !o->no_bias && layer != &rms_norm_layer};
    n.running = layer == &batch_norm_layer && o->track_running_stats;
    memcpy(n.shape, shape, (size_t)rank * sizeof *shape);
    CT_OPTIONS(ct_norm_options, call, .eps = o->eps, .momentum = o->momentum);
    if (layer == &layer_norm_layer || layer == &rms_norm_layer)
        call.axes = rank;
    n.call = call;
    return ct_layer_new(module, name, layer, &n);
}

ct_module *ct_batch_norm_new(ct_module *module, const char *name, int64_t features,
                             const ct_norm_layer_options *options)
{
    return norm_new(module, name, &batch_norm_layer, &features, 1, options, 1);
}

ct_module *ct_layer_norm_new(ct_module *module, const char *name, const int64_t *shape, int rank,
                             const ct_norm_layer_options *options)
{
    return norm_new(module, name, &layer_norm_layer, shape, rank, options, 1);
}

ct_module *ct_rms_norm_new(ct_module *module, const char *name, const int64_t *shape, int rank,
                           const ct_norm_layer_options *options)
{
    return norm_new(module, name, &rms_norm_layer, shape, rank, options, 1);
}

ct_module *ct_group_norm_new(ct_module *module, const char *name, int64_t groups, int64_t channels,
                             const ct_norm_layer_options *options)
{
    if (groups >= 1 && channels % groups == 0)
        return norm_new(module, name, &group_norm_layer, &channels, 1, options, groups);
    ct_error_set(CT_ERROR_ARGUMENT, "group_norm_new: %lld groups do not divide %lld channels", (long long)groups,
                 (long long)channels);
    return NULL;
}

ct_module *ct_instance_norm_new(ct_module *module, const char *name, int64_t channels,
                                const ct_instance_norm_options *options)
{
    CT_READ_OPTIONS(ct_instance_norm_options, o, options, "instance_norm_new");
    if (!o)
        return NULL;
    CT_OPTIONS(ct_norm_layer_options, all, .eps = o->eps, .affine = o->affine);
    return norm_new(module, name, &instance_norm_layer, &channels, 1, &all, 1);
}

/* ---- statistics of a whole data set ---- */

/* A norm that is in evaluation keeps what it has. */
static void begin_mean(ct_module *module)
{
    norm *n = ct_module_self(module);
    if (!n->running || !ct_module_training(module))
        return;
    n->mean_over = 1;
    ct_fill_(ct_module_get(module, "running_mean"), 0);
    ct_fill_(ct_module_get(module, "running_var"), 1);
}

void ct__batch_norms_mean(ct_module *module, bool begin)
{
    bool here = ct_module_layer(module) == &batch_norm_layer;
    if (here && begin)
        begin_mean(module);
    else if (here)
        ((norm *)ct_module_self(module))->mean_over = 0;
    for (int64_t i = 0; i < ct_module_children(module); i++)
        ct__batch_norms_mean(ct_module_child(module, i), begin);
}

/* ---- across channels ---- */

typedef struct local_response {
    int64_t size;
    ct_local_response_options options;
} local_response;

static ct_tensor *local_response_norm(ct_module *module, ct_tensor *x)
{
    const local_response *l = ct_module_self(module);
    return ct_local_response_norm(x, l->size, &l->options);
}

ct_module *ct_local_response_norm_new(ct_module *module, const char *name, int64_t size,
                                      const ct_local_response_options *options)
{
    static const ct_layer layer = {
        .name = "local_response_norm", .self_size = sizeof(local_response), .forward = local_response_norm};
    CT_READ_OPTIONS(ct_local_response_options, o, options, "local_response_norm_new");
    if (o && size < 1)
        ct_error_set(CT_ERROR_ARGUMENT, "local_response_norm_new: a size of %lld", (long long)size);
    return o && size >= 1 ? ct_layer_new(module, name, &layer, &(local_response){size, *o}) : NULL;
}
