/* Data sets: samples and their targets.
 *
 * Invariant: of samples that are tensors, floats are in the dtype of the batches, and scaled already; uint8 are scaled batch by
 * batch, int64 taken as they are. */
#include "data_internal.h"
#include <math.h>

/* ---- making ---- */

CT_OPTIONS_INIT(ct_dataset_options)

static ct_status check_dtypes(ct_dtype samples, ct_dtype targets, const ct_dataset_options *o)
{
    if (!ct_dtype_is_float(o->dtype))
        return ct_error_set(CT_ERROR_DTYPE, "dataset: batches must be float32 or float64, not %s",
                            ct_dtype_name(o->dtype));
    if (!ct_dtype_is_float(samples) && samples != CT_UINT8 && samples != CT_INT64)
        return ct_error_set(CT_ERROR_DTYPE, "dataset: samples must be uint8, int64 or float, not %s",
                            ct_dtype_name(samples));
    if (!ct_dtype_is_float(targets) && targets != CT_INT64)
        return ct_error_set(CT_ERROR_DTYPE, "dataset: targets must be int64 or float, not %s", ct_dtype_name(targets));
    return CT_OK;
}

/* One of the tensors of samples, beside their targets. */
static ct_status check_samples(const ct_tensor *samples, const ct_tensor *targets, const ct_dataset_options *o,
                               double scale)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    if (!samples || !targets)
        return ct_error_set(CT_ERROR_NULL, "dataset: the %s are NULL", samples ? "targets" : "samples");
    if (check_dtypes(ct_dtype_of(samples), ct_dtype_of(targets), o) != CT_OK)
        return ct_error_code();
    if (ct_rank(samples) < 1 || ct_rank(targets) < 1 || ct_size(samples, 0) != ct_size(targets, 0))
        return ct_error_set(CT_ERROR_SHAPE, "dataset: samples must be [n, ...] and targets [n, ...]: %s, %s",
                            ct__nn_shape_text(samples, a), ct__nn_shape_text(targets, b));
    if (!isfinite(scale) || !isfinite(o->offset))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: scale %g or offset %g is not finite", scale, o->offset);
    if (ct_dtype_of(samples) == CT_INT64 && (scale != 1 || o->offset != 0))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: int64 samples are taken as they are: scale %g, offset %g",
                            scale, o->offset);
    return CT_OK;
}

/* The largest label + 1; -1 with an error if one is negative, or the largest that there is. */
static int64_t count_classes(const ct_tensor *labels)
{
    const int64_t *label = ct_data(labels);
    int64_t largest = -1;
    for (int64_t i = 0; i < ct_numel(labels); i++) {
        if (label[i] < 0 || label[i] == INT64_MAX) {
            ct_error_set(CT_ERROR_ARGUMENT, "dataset: label %lld of sample %lld is %s", (long long)label[i],
                         (long long)i, label[i] < 0 ? "negative" : "too large");
            return -1;
        }
        largest = label[i] > largest ? label[i] : largest;
    }
    return largest + 1;
}

/* A tensor of the data set's own with t's elements, sharing them where it can. */
static ct_tensor *own(ct_tensor *t)
{
    return ct_keep(ct_detach(ct_contiguous(t)));
}

/* Samples as the data set keeps them. */
static ct_tensor *prepared(ct_tensor *t, const ct__samples *s)
{
    if (!ct_dtype_is_float(ct_dtype_of(t)))
        return own(t);
    ct_tensor *x = ct_cast(t, s->dtype);
    if (s->scale != 1)
        x = ct_mul_scalar(x, s->scale);
    if (s->offset != 0)
        x = ct_add_scalar(x, s->offset);
    return own(x);
}

/* Inputs, and targets, which are not scaled. */
static ct__samples *samples_of(ct_tensor *const *tensors, int n, const ct_dataset_options *o, double scale)
{
    ct__samples *s = ct__samples_new(ct_size(tensors[0], 0), n);
    if (!s)
        return NULL;
    s->dtype = o->dtype;
    s->scale = scale;
    s->offset = o->offset;
    ct_tensor *targets = tensors[n - 1];
    for (int i = 0; i < n - 1; i++)
        s->tensor[i] = prepared(tensors[i], s);
    s->tensor[n - 1] = own(ct_dtype_is_float(ct_dtype_of(targets)) ? ct_cast(targets, s->dtype) : targets);
    return s;
}

ct_dataset *ct__dataset_of(ct__samples *samples)
{
    ct_dataset *d = samples && ct_error_code() == CT_OK ? ct_object_new("data set", sizeof *d) : NULL;
    if (!d) {
        ct__samples_release(samples);
        return NULL;
    }
    *d = (ct_dataset){.samples = samples};
    const ct_tensor *targets = samples->tensor[samples->tensors - 1];
    if (targets && ct_dtype_of(targets) == CT_INT64 && ct_rank(targets) == 1)
        d->classes = count_classes(targets);
    if (ct_error_code() == CT_OK)
        return d;
    ct_dataset_free(d);
    return NULL;
}

/* The scale that is meant; NAN with an error if a tensor cannot be taken. */
static double check_tensors(ct_tensor *const *tensors, int n, const ct_dataset_options *o)
{
    double scale = ct_is_unset(o->scale) ? 1 : o->scale;
    if (!tensors)
        ct_error_set(CT_ERROR_NULL, "dataset: the tensors are NULL");
    else if (n < 2 || n > CT_SAMPLE_TENSORS)
        ct_error_set(CT_ERROR_ARGUMENT, "dataset: a sample has 2 to %d tensors, the last its target: %d",
                     CT_SAMPLE_TENSORS, n);
    for (int i = 0; ct_error_code() == CT_OK && i < n - 1; i++)
        check_samples(tensors[i], tensors[n - 1], o, scale);
    return ct_error_code() == CT_OK ? scale : NAN;
}

ct_dataset *ct_dataset_from_tensors(ct_tensor *const *tensors, int n, const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, o, options, "dataset");
    double scale = o && ct_error_code() == CT_OK ? check_tensors(tensors, n, o) : NAN;
    if (isnan(scale) || ct_scope_open() != CT_OK)
        return NULL;
    ct_no_grad_begin();
    ct_dataset *d = ct__dataset_of(samples_of(tensors, n, o, scale));
    ct_no_grad_end();
    if (ct__nn_scope_close() == CT_OK)
        return d;
    ct_dataset_free(d);
    return NULL;
}

ct_dataset *ct_dataset_new(ct_tensor *samples, ct_tensor *targets, const ct_dataset_options *options)
{
    return ct_dataset_from_tensors((ct_tensor *[]){samples, targets}, 2, options);
}

static ct_status check_source(const ct_source *source)
{
    if (!source || !source->name || !source->count || !source->get)
        return ct_error_set(CT_ERROR_NULL, "dataset: the source%s is NULL",
                            !source          ? ""
                            : !source->name  ? "'s name"
                            : !source->count ? "'s count"
                                             : "'s get");
    if (source->tensors < 1 || source->tensors > CT_SAMPLE_TENSORS)
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: a sample of %s has 1 to %d tensors: %d", source->name,
                            CT_SAMPLE_TENSORS, source->tensors);
    return ct_error_code();
}

ct_dataset *ct_dataset_from_source(const ct_source *source, void *self)
{
    if (check_source(source) != CT_OK)
        return NULL;
    int64_t count = source->count(self);
    if (count < 0)
        ct_error_set(CT_ERROR_ARGUMENT, "dataset: %s has %lld samples", source->name, (long long)count);
    ct__samples *samples = ct_error_code() == CT_OK ? ct__samples_new(count, source->tensors) : NULL;
    ct_dataset *d = ct__dataset_of(samples);
    if (!d)
        return NULL;
    samples->source = *source;
    samples->self = self;
    return d;
}

static bool is_alive(const ct_dataset *dataset)
{
    return dataset && ct_object_check(dataset, "data set", "dataset") == CT_OK;
}

void ct_dataset_free(ct_dataset *dataset)
{
    if (!is_alive(dataset))
        return;
    ct__samples_release(dataset->samples);
    for (int64_t i = 0; dataset->names && i < dataset->classes; i++)
        ct_deallocate(dataset->names[i]);
    ct_deallocate(dataset->names);
    ct_object_free(dataset);
}

/* ---- looking and picking ---- */

int64_t ct_dataset_count(const ct_dataset *dataset)
{
    return is_alive(dataset) ? dataset->samples->count : 0;
}

int ct_dataset_tensors(const ct_dataset *dataset)
{
    return is_alive(dataset) ? dataset->samples->tensors : 0;
}

int64_t ct_dataset_classes(const ct_dataset *dataset)
{
    return is_alive(dataset) ? dataset->classes : 0;
}

const char *ct_dataset_class_name(const ct_dataset *dataset, int64_t index)
{
    bool named = is_alive(dataset) && dataset->names && index >= 0 && index < dataset->classes;
    return named ? dataset->names[index] : NULL;
}

ct_status ct__dataset_name_classes(ct_dataset *dataset, const char *const *names, int64_t n)
{
    dataset->classes = n;
    dataset->names = ct__nn_alloc("dataset", n, sizeof *dataset->names);
    for (int64_t i = 0; dataset->names && i < n && ct_error_code() == CT_OK; i++)
        dataset->names[i] = ct__nn_joined("", names[i]);
    return ct_error_code();
}

static ct_status check_indices(const ct_dataset *d, const int64_t *indices, int64_t n)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (ct_object_check(d, "data set", "dataset") != CT_OK)
        return ct_error_code();
    if (!indices && n > 0)
        return ct_error_set(CT_ERROR_NULL, "dataset: the indices are NULL");
    if (n < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: %lld indices", (long long)n);
    int64_t count = ct_dataset_count(d);
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= count)
            return ct_error_set(CT_ERROR_ARGUMENT, "dataset: index %lld of %lld samples", (long long)indices[i],
                                (long long)count);
    return CT_OK;
}

ct_status ct_dataset_batch_tensors(const ct_dataset *dataset, const int64_t *indices, int64_t n, ct_tensor **tensors)
{
    if (!tensors)
        return ct_error_set(CT_ERROR_NULL, "dataset: nowhere to put a batch");
    for (int i = 0; i < ct_dataset_tensors(dataset); i++)
        tensors[i] = NULL;
    ct_status status = check_indices(dataset, indices, n);
    return status == CT_OK ? ct__samples_batch(dataset->samples, indices, n, tensors) : status;
}

ct_status ct__dataset_check_pair(const ct_dataset *dataset)
{
    if (dataset->samples->tensors == 2)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "dataset: a sample has %d tensors, not an input and a target",
                        dataset->samples->tensors);
}

ct_status ct_dataset_batch(const ct_dataset *dataset, const int64_t *indices, int64_t n, ct_tensor **x, ct_tensor **y)
{
    if (!x || !y)
        return ct_error_set(CT_ERROR_NULL, "dataset: nowhere to put a batch");
    *x = *y = NULL;
    ct_tensor *tensors[2];
    if (check_indices(dataset, indices, n) != CT_OK || ct__dataset_check_pair(dataset) != CT_OK ||
        ct__samples_batch(dataset->samples, indices, n, tensors) != CT_OK)
        return ct_error_code();
    *x = tensors[0];
    *y = tensors[1];
    return CT_OK;
}

/* 0, 1, and so on, to be freed; NULL with an error. */
static int64_t *every_index(const ct_dataset *dataset)
{
    if (ct_error_code() != CT_OK || ct_object_check(dataset, "data set", "dataset") != CT_OK)
        return NULL;
    int64_t n = ct_dataset_count(dataset), *indices = ct__nn_alloc("dataset", n, sizeof *indices);
    for (int64_t i = 0; indices && i < n; i++)
        indices[i] = i;
    return indices;
}

ct_status ct_dataset_all(const ct_dataset *dataset, ct_tensor **x, ct_tensor **y)
{
    if (!x || !y)
        return ct_error_set(CT_ERROR_NULL, "dataset: nowhere to put the samples");
    *x = *y = NULL;
    int64_t *indices = every_index(dataset);
    ct_status status = indices ? ct_dataset_batch(dataset, indices, ct_dataset_count(dataset), x, y) : ct_error_code();
    ct_deallocate(indices);
    return status;
}

ct_status ct_dataset_all_tensors(const ct_dataset *dataset, ct_tensor **tensors)
{
    if (!tensors)
        return ct_error_set(CT_ERROR_NULL, "dataset: nowhere to put the samples");
    for (int i = 0; i < ct_dataset_tensors(dataset); i++)
        tensors[i] = NULL;
    int64_t *indices = every_index(dataset);
    ct_status status =
        indices ? ct_dataset_batch_tensors(dataset, indices, ct_dataset_count(dataset), tensors) : ct_error_code();
    ct_deallocate(indices);
    return status;
}

ct_dataset *ct_dataset_subset(const ct_dataset *dataset, const int64_t *indices, int64_t n)
{
    if (check_indices(dataset, indices, n) != CT_OK)
        return NULL;
    ct_dataset *subset = ct__dataset_of(ct__samples_part(dataset->samples, indices, n));
    if (!subset || !dataset->names ||
        ct__dataset_name_classes(subset, (const char *const *)dataset->names, dataset->classes) == CT_OK)
        return subset;
    ct_dataset_free(subset);
    return NULL;
}

const int64_t *ct__dataset_labels(const ct_dataset *dataset)
{
    const ct_tensor *targets = dataset->samples->tensor[dataset->samples->tensors - 1];
    bool labels = targets && ct_dtype_of(targets) == CT_INT64 && ct_rank(targets) == 1;
    return labels ? ct_data(targets) : NULL;
}
