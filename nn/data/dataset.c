/* Data sets: samples and their targets.
 *
 * Invariant: samples and targets are contiguous tensors kept by the data set alone; floats in the dtype of its batches, scaled
 * already, uint8 samples scaled batch by batch, int64 as they are. */
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
static ct_tensor *prepared(ct_tensor *samples, const ct_dataset *d)
{
    if (!ct_dtype_is_float(ct_dtype_of(samples)))
        return own(samples);
    ct_tensor *x = ct_cast(samples, d->dtype);
    if (d->scale != 1)
        x = ct_mul_scalar(x, d->scale);
    if (d->offset != 0)
        x = ct_add_scalar(x, d->offset);
    return own(x);
}

/* Targets likewise; labels, which are int64 [n], are counted. */
static ct_status take_targets(ct_dataset *d, ct_tensor *targets)
{
    d->targets = own(ct_dtype_is_float(ct_dtype_of(targets)) ? ct_cast(targets, d->dtype) : targets);
    if (d->targets && ct_dtype_of(targets) == CT_INT64 && ct_rank(targets) == 1)
        d->classes = count_classes(d->targets);
    return ct_error_code();
}

ct_dataset *ct_dataset_new(ct_tensor *samples, ct_tensor *targets, const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, o, options, "dataset");
    if (!o)
        return NULL;
    double scale = ct_is_unset(o->scale) ? 1 : o->scale;
    if (ct_error_code() != CT_OK || check_samples(samples, targets, o, scale) != CT_OK)
        return NULL;
    ct_dataset *d = ct_object_new("data set", sizeof *d);
    if (!d || ct_scope_open() != CT_OK) {
        ct_object_free(d);
        return NULL;
    }
    ct_no_grad_begin();
    *d = (ct_dataset){.dtype = o->dtype, .scale = scale, .offset = o->offset};
    d->samples = prepared(samples, d);
    take_targets(d, targets);
    ct_no_grad_end();
    if (ct__nn_scope_close() == CT_OK)
        return d;
    ct_dataset_free(d);
    return NULL;
}

static bool is_alive(const ct_dataset *dataset)
{
    return dataset && ct_object_check(dataset, "data set", "dataset") == CT_OK;
}

void ct_dataset_free(ct_dataset *dataset)
{
    if (!is_alive(dataset))
        return;
    ct_release(dataset->samples);
    ct_release(dataset->targets);
    for (int64_t i = 0; dataset->names && i < dataset->classes; i++)
        free(dataset->names[i]);
    free(dataset->names);
    ct_object_free(dataset);
}

/* ---- looking and picking ---- */

int64_t ct_dataset_count(const ct_dataset *dataset)
{
    return is_alive(dataset) ? ct_size(dataset->targets, 0) : 0;
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

/* A new tensor of dtype with the shape of n samples. */
static ct_tensor *empty_batch(const ct_tensor *samples, ct_dtype dtype, int64_t n)
{
    int64_t shape[CT_MAX_RANK];
    memcpy(shape, ct_shape(samples), (size_t)ct_rank(samples) * sizeof *shape);
    shape[0] = n;
    return ct_empty(dtype, shape, ct_rank(samples));
}

/* to[i] = from[indices[i]] for rows of so many bytes. */
static void gather_rows(char *to, const char *from, const int64_t *indices, int64_t n, size_t row)
{
    for (int64_t i = 0; row > 0 && i < n; i++)
        memcpy(to + (size_t)i * row, from + (size_t)indices[i] * row, row);
}

static void scale_f32(float *restrict to, const uint8_t *restrict from, int64_t n, float scale, float offset)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)from[i] * scale + offset;
}

static void scale_f64(double *restrict to, const uint8_t *restrict from, int64_t n, double scale, double offset)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (double)from[i] * scale + offset;
}

/* The same for rows of bytes that become numbers of the data set's dtype. */
static void scale_rows(const ct_dataset *d, void *to, const int64_t *indices, int64_t n, int64_t row)
{
    const uint8_t *from = ct_data(d->samples);
    for (int64_t i = 0; i < n; i++) {
        if (d->dtype == CT_FLOAT32)
            scale_f32((float *)to + i * row, from + indices[i] * row, row, (float)d->scale, (float)d->offset);
        else
            scale_f64((double *)to + i * row, from + indices[i] * row, row, d->scale, d->offset);
    }
}

/* The rows of t at the indices. */
static ct_tensor *picked(const ct_tensor *t, const int64_t *indices, int64_t n)
{
    ct_tensor *rows = empty_batch(t, ct_dtype_of(t), n);
    if (rows && ct_numel(rows) > 0)
        gather_rows(ct_data_mut(rows), ct_data(t), indices, n,
                    (size_t)(ct_numel(rows) / n) * ct_dtype_size(ct_dtype_of(t)));
    return rows;
}

/* The same, scaled if t are the bytes of the data set's samples. */
static ct_tensor *picked_samples(const ct_dataset *d, const int64_t *indices, int64_t n)
{
    if (ct_dtype_of(d->samples) != CT_UINT8)
        return picked(d->samples, indices, n);
    ct_tensor *x = empty_batch(d->samples, d->dtype, n);
    if (x && ct_numel(x) > 0)
        scale_rows(d, ct_data_mut(x), indices, n, ct_numel(x) / n);
    return x;
}

ct_status ct_dataset_batch(const ct_dataset *dataset, const int64_t *indices, int64_t n, ct_tensor **x, ct_tensor **y)
{
    if (!x || !y)
        return ct_error_set(CT_ERROR_NULL, "dataset: nowhere to put a batch");
    *x = *y = NULL;
    ct_status status = check_indices(dataset, indices, n);
    if (status != CT_OK)
        return status;
    ct_tensor *samples = picked_samples(dataset, indices, n);
    ct_tensor *targets = samples ? picked(dataset->targets, indices, n) : NULL;
    if (!targets) {
        ct_release(samples);
        return ct_error_code();
    }
    *x = samples;
    *y = targets;
    return CT_OK;
}

ct_dataset *ct_dataset_subset(const ct_dataset *dataset, const int64_t *indices, int64_t n)
{
    if (check_indices(dataset, indices, n) != CT_OK || ct_scope_open() != CT_OK)
        return NULL;
    ct_tensor *samples = picked(dataset->samples, indices, n);
    ct_tensor *targets = samples ? picked(dataset->targets, indices, n) : NULL;
    bool bytes = ct_dtype_of(dataset->samples) == CT_UINT8; /* floats are scaled already */
    CT_OPTIONS(ct_dataset_options, o, .dtype = dataset->dtype, .scale = bytes ? dataset->scale : 1,
               .offset = bytes ? dataset->offset : 0);
    ct_dataset *subset = targets ? ct_dataset_new(samples, targets, &o) : NULL;
    if (subset && dataset->names)
        ct__dataset_name_classes(subset, (const char *const *)dataset->names, dataset->classes);
    if (ct__nn_scope_close() == CT_OK)
        return subset;
    ct_dataset_free(subset);
    return NULL;
}
