/* What is fitted to a data set and then applied to others: layers whose buffers are statistics, saved with the model.
 *
 * Invariant: a statistic is computed in float64, and is the same for batches of any size. */
#include "data_internal.h"
#include <math.h>

CT_OPTIONS_INIT(ct_scaler_options)
CT_OPTIONS_INIT(ct_pca_options)
CT_OPTIONS_INIT(ct_dataset_map_options)

/* That tensor of all samples as float64 [n, ...], owned by the innermost scope; NULL with an error. */
static ct_tensor *all_samples(const ct_dataset *dataset, int tensor, const char *what)
{
    if (ct_object_check(dataset, "data set", what) != CT_OK ||
        ct__samples_check_tensor(dataset->samples, tensor, what) != CT_OK)
        return NULL;
    int64_t n = ct_dataset_count(dataset), *all = ct__nn_alloc(what, n, sizeof *all);
    ct_tensor *tensors[CT_SAMPLE_TENSORS] = {NULL};
    for (int64_t i = 0; all && i < n; i++)
        all[i] = i;
    if (all && n < 1)
        ct_error_set(CT_ERROR_ARGUMENT, "%s: the data set is empty", what);
    else if (all)
        ct_dataset_batch_tensors(dataset, all, n, tensors);
    ct_deallocate(all);
    return ct_cast(tensors[tensor], CT_FLOAT64);
}

/* A buffer of the module that is being built, with t's elements. */
static void add_statistic(ct_module *module, const char *name, ct_tensor *t)
{
    CT_OPTIONS(ct_add_options, buffer, .buffer = true);
    ct_tensor *own = t ? ct_module_add(module, name, &ct_init_zeros, ct_shape(t), ct_rank(t), &buffer) : NULL;
    if (own)
        ct_copy_(own, t);
}

/* ---- scalers: (x - offset) / scale ---- */

/* For each element of a sample, or for each channel [C, 1, 1]; a scale of 0 counts as 1. */
typedef struct scaler {
    ct_tensor *offset, *scale; /* while it is being built */
} scaler;

static void build_scaler(ct_module *module)
{
    const scaler *s = ct_module_self(module);
    add_statistic(module, "offset", s->offset);
    add_statistic(module, "scale", s->scale);
}

static ct_tensor *scale(ct_module *module, ct_tensor *x)
{
    return ct_div(ct_sub(x, ct_module_get(module, "offset")), ct_module_get(module, "scale"));
}

static const ct_layer standard_scaler = {"standard_scaler", sizeof(scaler), build_scaler, scale};
static const ct_layer min_max_scaler = {"min_max_scaler", sizeof(scaler), build_scaler, scale};

static ct_tensor *one_for_zero(ct_tensor *t)
{
    return ct_where(ct_eq(t, ct_scalar(CT_FLOAT64, 0)), ct_scalar(CT_FLOAT64, 1), t);
}

/* The axes that a statistic is taken over, into axes; how many. */
static int axes_of(const ct_tensor *x, const ct_scaler_options *o, int64_t *axes)
{
    int n = 0;
    axes[n++] = 0;
    for (int axis = 2; o->channels && axis < ct_rank(x); axis++)
        axes[n++] = axis;
    return n;
}

/* Over these axes, without the first. */
static ct_tensor *reduced(ct_tensor *(*f)(ct_tensor *, const ct_reduce_options *), ct_tensor *x,
                          const ct_scaler_options *o)
{
    int64_t axes[CT_MAX_RANK];
    CT_OPTIONS(ct_reduce_options, over, .axes = axes, .n_axes = axes_of(x, o, axes), .keepdim = true);
    return ct_squeeze(f(x, &over), 0);
}

static scaler fit_standard(ct_tensor *x, const ct_scaler_options *o)
{
    ct_tensor *mean = reduced(ct_mean, x, o);
    ct_tensor *variance = reduced(ct_mean, ct_square(ct_sub(x, mean)), o);
    return (scaler){mean, one_for_zero(ct_sqrt(variance))};
}

static scaler fit_min_max(ct_tensor *x, const ct_scaler_options *o)
{
    ct_tensor *least = reduced(ct_amin, x, o), *range = ct_sub(reduced(ct_amax, x, o), least);
    ct_tensor *unit = ct_mul_scalar(one_for_zero(range), 1 / (o->high - o->low));
    return (scaler){ct_sub(least, ct_mul_scalar(unit, o->low)), unit};
}

static ct_module *scaler_new(ct_module *module, const char *name, const ct_layer *layer, const ct_dataset *train,
                             const ct_scaler_options *options, scaler (*fit)(ct_tensor *, const ct_scaler_options *))
{
    CT_READ_OPTIONS(ct_scaler_options, o, options, layer->name);
    if (!o)
        return NULL;
    if (!(o->high > o->low) || isinf(o->high - o->low)) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s: from %g to %g", layer->name, o->low, o->high);
        return NULL;
    }
    if (ct_scope_open() != CT_OK)
        return NULL;
    ct_no_grad_begin();
    ct_tensor *x = all_samples(train, o->tensor, layer->name);
    if (x && o->channels && ct_rank(x) < 2)
        ct_error_set(CT_ERROR_SHAPE, "%s: samples of no axes have no channels", layer->name);
    scaler s = x && ct_error_code() == CT_OK ? fit(x, o) : (scaler){NULL, NULL};
    ct_module *made = s.scale ? ct_layer_new(module, name, layer, &s) : NULL;
    if (made)
        *(scaler *)ct_module_self(made) = (scaler){NULL, NULL};
    ct_no_grad_end();
    ct_scope_close();
    return made;
}

ct_module *ct_standard_scaler_new(ct_module *module, const char *name, const ct_dataset *train,
                                  const ct_scaler_options *options)
{
    return scaler_new(module, name, &standard_scaler, train, options, fit_standard);
}

ct_module *ct_min_max_scaler_new(ct_module *module, const char *name, const ct_dataset *train,
                                 const ct_scaler_options *options)
{
    return scaler_new(module, name, &min_max_scaler, train, options, fit_min_max);
}

/* ---- principal components ---- */

typedef struct pca {
    ct_tensor *mean, *components, *variance; /* while it is being built: [f], [k, f], [k] */
    bool whiten;
} pca;

static void build_pca(ct_module *module)
{
    const pca *p = ct_module_self(module);
    add_statistic(module, "mean", p->mean);
    add_statistic(module, "components", p->components);
    add_statistic(module, "explained_variance", p->variance);
}

static ct_tensor *project(ct_module *module, ct_tensor *x)
{
    const pca *p = ct_module_self(module);
    ct_tensor *flat = ct_rank(x) == 1 ? ct_unsqueeze(x, 1) : ct_flatten(x, 1, -1);
    ct_tensor *centred = ct_sub(flat, ct_module_get(module, "mean"));
    ct_tensor *y = ct_matmul(centred, ct_transpose(ct_module_get(module, "components"), 0, 1));
    return p->whiten ? ct_div(y, ct_sqrt(ct_module_get(module, "explained_variance"))) : y;
}

static const ct_layer pca_layer = {"pca", sizeof(pca), build_pca, project};

/* Each row such that its element of the largest size is positive. */
static ct_tensor *with_signs(ct_tensor *rows)
{
    ct_tensor *place = ct_unsqueeze(ct_argmax(ct_abs(rows), 1), 1);
    return ct_mul(rows, ct_sign(ct_gather(rows, 1, place)));
}

static ct_module *fit_pca(ct_module *module, const char *name, ct_tensor *x, int64_t k, pca *p)
{
    char shape[CT_NN_SHAPE_TEXT];
    int64_t n = ct_size(x, 0), features = ct_size(x, 1), most = n - 1 < features ? n - 1 : features, axis = 0;
    if (k < 1 || k > most) {
        ct_error_set(CT_ERROR_ARGUMENT, "pca: %lld components of samples %s", (long long)k,
                     ct__nn_shape_text(x, shape));
        return NULL;
    }
    CT_OPTIONS(ct_reduce_options, over, .axes = &axis, .n_axes = 1);
    p->mean = ct_mean(x, &over);
    ct_tensor *directions, *sizes = ct_svd(ct_sub(x, p->mean), NULL, &directions);
    p->components = with_signs(ct_transpose(ct_slice(directions, 1, 0, k, 1), 0, 1));
    p->variance = ct_mul_scalar(ct_square(ct_slice(sizes, 0, 0, k, 1)), 1 / (double)(n - 1));
    if (p->whiten && p->variance && !(ct_item(ct_amin(p->variance, NULL)) > 0))
        ct_error_set(CT_ERROR_ARGUMENT, "pca: a component has variance 0 and cannot be whitened");
    return ct_error_code() == CT_OK ? ct_layer_new(module, name, &pca_layer, p) : NULL;
}

ct_module *ct_pca_new(ct_module *module, const char *name, const ct_dataset *train, int64_t components,
                      const ct_pca_options *options)
{
    CT_READ_OPTIONS(ct_pca_options, o, options, "pca");
    if (!o || ct_scope_open() != CT_OK)
        return NULL;
    ct_no_grad_begin();
    pca p = {.whiten = o->whiten};
    ct_tensor *x = all_samples(train, o->tensor, "pca");
    if (x)
        x = ct_rank(x) == 1 ? ct_unsqueeze(x, 1) : ct_flatten(x, 1, -1);
    ct_module *made = x ? fit_pca(module, name, x, components, &p) : NULL;
    if (made)
        *(pca *)ct_module_self(made) = (pca){.whiten = o->whiten};
    ct_no_grad_end();
    ct_scope_close();
    return made;
}

/* ---- applying ---- */

/* Puts what a batch has become into its rows of *all, which the first batch makes, kept. */
static ct_status put_rows(ct_tensor **all, int64_t count, int64_t first, ct_tensor *part, int64_t n)
{
    int64_t shape[CT_MAX_RANK];
    if (part && (ct_rank(part) < 1 || ct_size(part, 0) != n))
        return ct_error_set(CT_ERROR_SHAPE, "dataset_map: the result has not a row for each sample");
    if (!part)
        return ct_error_code();
    memcpy(shape, ct_shape(part), (size_t)ct_rank(part) * sizeof *shape);
    shape[0] = count;
    if (!*all)
        *all = ct_keep(ct_empty(ct_dtype_of(part), shape, ct_rank(part)));
    return ct_copy_(ct_slice(*all, 0, first, first + n, 1), part);
}

/* What a data set is made into: its tensors, kept, [count, ...], one of them after forward; all NULL before the first batch. */
typedef struct mapping {
    const ct_dataset *of;
    ct_model forward;
    void *model;
    int which;
    ct_tensor *tensor[CT_SAMPLE_TENSORS];
} mapping;

/* What a batch makes on the way goes with it. */
static ct_status map_batch(mapping *m, ct_batches *batches, int64_t done)
{
    ct_tensor *part[CT_SAMPLE_TENSORS];
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    if (ct_batches_next_tensors(batches, part)) {
        int64_t n = ct_size(part[0], 0);
        part[m->which] = m->forward(m->model, part[m->which]);
        for (int i = 0; i < ct_dataset_tensors(m->of) && ct_error_code() == CT_OK; i++)
            put_rows(&m->tensor[i], ct_dataset_count(m->of), done, part[i], n);
    }
    return ct__nn_scope_close();
}

static void map_batches(mapping *m)
{
    enum { AT_ONCE = 256 };
    CT_OPTIONS(ct_batches_options, order, .size = AT_ONCE);
    ct_batches *batches = ct_batches_new(m->of, &order);
    for (int64_t i = 0; batches && i < ct_batches_count(batches) && ct_error_code() == CT_OK; i++)
        map_batch(m, batches, i * AT_ONCE);
    ct_batches_free(batches);
}

static ct_dataset *map(mapping *m)
{
    const ct__samples *s = m->of->samples;
    CT_OPTIONS(ct_dataset_options, o, .dtype = s->dtype);
    if (s->count > 0)
        map_batches(m);
    else if (s->source.get)
        ct_error_set(CT_ERROR_ARGUMENT, "dataset_map: no samples of %s, whose shapes are not known then",
                     s->source.name);
    ct_dataset *made =
        ct_error_code() == CT_OK ? ct_dataset_from_tensors(s->count > 0 ? m->tensor : s->tensor, s->tensors, &o) : NULL;
    for (int i = 0; i < s->tensors; i++)
        ct_release(m->tensor[i]);
    return made;
}

/* Named as those of the data set, unless it was the labels that were changed. */
static void name_classes(ct_dataset *made, const mapping *m)
{
    const ct_dataset *of = m->of;
    if (made && of->names && m->which != of->samples->tensors - 1)
        ct__dataset_name_classes(made, (const char *const *)of->names, of->classes);
}

ct_dataset *ct_dataset_map(const ct_dataset *dataset, ct_model forward, void *model,
                           const ct_dataset_map_options *options)
{
    CT_READ_OPTIONS(ct_dataset_map_options, o, options, "dataset_map");
    if (!o || ct_object_check(dataset, "data set", "dataset_map") != CT_OK)
        return NULL;
    if (!forward)
        ct_error_set(CT_ERROR_NULL, "dataset_map: the model is NULL");
    if (ct_error_code() != CT_OK || ct__samples_check_tensor(dataset->samples, o->tensor, "dataset_map") != CT_OK ||
        ct_scope_open() != CT_OK)
        return NULL;
    ct_no_grad_begin();
    ct__evaluation_begin();
    mapping m = {.of = dataset, .forward = forward, .model = model, .which = o->tensor};
    ct_dataset *result = map(&m);
    name_classes(result, &m);
    ct__evaluation_end();
    ct_no_grad_end();
    if (ct__nn_scope_close() == CT_OK)
        return result;
    ct_dataset_free(result);
    return NULL;
}
