/* Data sets and their batches.
 *
 * Invariant: samples and labels are contiguous tensors kept by the data set alone, the samples in the dtype of its batches, scaled
 * already, or uint8, scaled batch by batch. */
#include "nn_internal.h"
#include <math.h>

struct ct_dataset {
    ct_tensor *samples, *labels; /* [n, ...], [n] int64 */
    ct_dtype dtype;              /* of a batch */
    double scale, offset;        /* of uint8 samples */
    int64_t classes;
};

/* ---- making ---- */

CT_OPTIONS_INIT(ct_dataset_options)

static ct_status check_samples(const ct_tensor *samples, const ct_tensor *labels, const ct_dataset_options *o,
                               double scale)
{
    char a[CT_NN_SHAPE_TEXT], b[CT_NN_SHAPE_TEXT];
    if (!samples || !labels)
        return ct_error_set(CT_ERROR_NULL, "dataset: the %s are NULL", samples ? "labels" : "samples");
    if (!ct_dtype_is_float(o->dtype))
        return ct_error_set(CT_ERROR_DTYPE, "dataset: batches must be float32 or float64, not %s",
                            ct_dtype_name(o->dtype));
    if (!ct_dtype_is_float(ct_dtype_of(samples)) && ct_dtype_of(samples) != CT_UINT8)
        return ct_error_set(CT_ERROR_DTYPE, "dataset: samples must be uint8 or float, not %s",
                            ct_dtype_name(ct_dtype_of(samples)));
    if (ct_dtype_of(labels) != CT_INT64)
        return ct_error_set(CT_ERROR_DTYPE, "dataset: labels must be int64, not %s",
                            ct_dtype_name(ct_dtype_of(labels)));
    if (ct_rank(samples) < 1 || ct_rank(labels) != 1 || ct_size(samples, 0) != ct_size(labels, 0))
        return ct_error_set(CT_ERROR_SHAPE, "dataset: samples must be [n, ...] and labels [n]: %s, %s",
                            ct__nn_shape_text(samples, a), ct__nn_shape_text(labels, b));
    if (!isfinite(scale) || !isfinite(o->offset))
        return ct_error_set(CT_ERROR_ARGUMENT, "dataset: scale %g or offset %g is not finite", scale, o->offset);
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
    if (ct_dtype_of(samples) == CT_UINT8)
        return own(samples);
    ct_tensor *x = ct_cast(samples, d->dtype);
    if (d->scale != 1)
        x = ct_mul_scalar(x, d->scale);
    if (d->offset != 0)
        x = ct_add_scalar(x, d->offset);
    return own(x);
}

ct_dataset *ct_dataset_new(ct_tensor *samples, ct_tensor *labels, const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, o, options, "dataset");
    if (!o)
        return NULL;
    double scale = ct_is_unset(o->scale) ? 1 : o->scale;
    if (ct_error_code() != CT_OK || check_samples(samples, labels, o, scale) != CT_OK)
        return NULL;
    ct_dataset *d = ct_object_new("data set", sizeof *d);
    if (!d || ct_scope_open() != CT_OK) {
        ct_object_free(d);
        return NULL;
    }
    ct_no_grad_begin();
    *d = (ct_dataset){.dtype = o->dtype, .scale = scale, .offset = o->offset};
    d->samples = prepared(samples, d);
    d->labels = own(labels);
    if (d->labels)
        d->classes = count_classes(d->labels);
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
    ct_release(dataset->labels);
    ct_object_free(dataset);
}

/* ---- from files ---- */

/* Images [n,height,width] as [n,1,height,width], so that they are what a convolution takes. */
static ct_tensor *with_channel(ct_tensor *images, const char *path)
{
    char shape[CT_NN_SHAPE_TEXT];
    if (images && (ct_rank(images) != 3 || ct_dtype_of(images) != CT_UINT8)) {
        ct_error_set(CT_ERROR_FORMAT, "dataset: %s holds %s %s, not uint8 images [n,height,width]", path,
                     ct_dtype_name(ct_dtype_of(images)), ct__nn_shape_text(images, shape));
        return NULL;
    }
    return ct_unsqueeze(images, 1);
}

ct_dataset *ct_dataset_from_idx(const char *images, const char *labels, const ct_dataset_options *options)
{
    if (!images || !labels) {
        ct_error_set(CT_ERROR_NULL, "dataset: the path of the %s is NULL", images ? "labels" : "images");
        return NULL;
    }
    CT_READ_OPTIONS(ct_dataset_options, given, options, "dataset");
    if (!given)
        return NULL;
    ct_dataset_options o = *given;
    if (ct_is_unset(o.scale))
        o.scale = 1. / 255;
    if (ct_scope_open() != CT_OK)
        return NULL;
    CT_OPTIONS(ct_idx_options, file, .max_bytes = o.max_bytes);
    ct_tensor *x = with_channel(ct_idx_load(images, &file), images);
    ct_tensor *y = x ? ct_cast(ct_idx_load(labels, &file), CT_INT64) : NULL;
    ct_dataset *dataset = x && y ? ct_dataset_new(x, y, &o) : NULL;
    ct_scope_close();
    return dataset;
}

/* Writes {n, the options' shape...} into shape, which has room for 5 sizes, and returns the rank. */
static int sample_shape(const ct_tensor *table, const ct_dataset_options *o, int64_t *shape)
{
    int rank = 1;
    shape[0] = ct_size(table, 0);
    for (size_t i = 0; i < CT_LENGTH(o->shape) && o->shape[i] != 0; i++)
        shape[rank++] = o->shape[i];
    if (rank == 1)
        shape[rank++] = ct_size(table, 1) - 1;
    return rank;
}

/* The labels of a table's last column as int64. */
static ct_tensor *label_column(ct_tensor *table, const char *path)
{
    int64_t columns = ct_size(table, 1), rows = ct_size(table, 0);
    const double *values = ct_data(table);
    for (int64_t i = 0; i < rows; i++) {
        double label = values[(i + 1) * columns - 1];
        if (label < 0 || label != floor(label) || label > 1e9) {
            ct_error_set(CT_ERROR_FORMAT, "dataset: %s: sample %lld has label %g, which is no class", path,
                         (long long)i, label);
            return NULL;
        }
    }
    return ct_cast(ct_select(table, 1, columns - 1), CT_INT64);
}

ct_dataset *ct_dataset_from_csv(const char *path, const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, o, options, "dataset");
    if (!o)
        return NULL;
    if (!path) {
        ct_error_set(CT_ERROR_NULL, "dataset: the path is NULL");
        return NULL;
    }
    if (ct_scope_open() != CT_OK)
        return NULL;
    ct_dataset *dataset = NULL;
    CT_OPTIONS(ct_csv_options, file, .skip_lines = o->skip_lines, .max_bytes = o->max_bytes);
    ct_tensor *table = ct_csv_load(path, &file);
    if (table) {
        int64_t shape[1 + CT_LENGTH(o->shape)];
        int rank = sample_shape(table, o, shape);
        ct_tensor *y = label_column(table, path);
        ct_tensor *x = y ? ct_reshape(ct_slice(table, 1, 0, -1, 1), shape, rank) : NULL;
        dataset = x ? ct_dataset_new(x, y, o) : NULL;
    }
    ct_scope_close();
    return dataset;
}

/* ---- looking and picking ---- */

int64_t ct_dataset_count(const ct_dataset *dataset)
{
    return is_alive(dataset) ? ct_size(dataset->labels, 0) : 0;
}

int64_t ct_dataset_classes(const ct_dataset *dataset)
{
    return is_alive(dataset) ? dataset->classes : 0;
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
    ct_tensor *labels = samples ? picked(dataset->labels, indices, n) : NULL;
    if (!labels) {
        ct_release(samples);
        return ct_error_code();
    }
    *x = samples;
    *y = labels;
    return CT_OK;
}

ct_dataset *ct_dataset_subset(const ct_dataset *dataset, const int64_t *indices, int64_t n)
{
    if (check_indices(dataset, indices, n) != CT_OK || ct_scope_open() != CT_OK)
        return NULL;
    ct_tensor *samples = picked(dataset->samples, indices, n);
    ct_tensor *labels = samples ? picked(dataset->labels, indices, n) : NULL;
    bool bytes = ct_dtype_of(dataset->samples) == CT_UINT8; /* others are scaled already */
    CT_OPTIONS(ct_dataset_options, o, .dtype = dataset->dtype, .scale = bytes ? dataset->scale : 1,
               .offset = bytes ? dataset->offset : 0);
    ct_dataset *subset = labels ? ct_dataset_new(samples, labels, &o) : NULL;
    ct_scope_close();
    return subset;
}

/* ---- batches ---- */

struct ct_batches {
    const ct_dataset *dataset;
    int64_t size, count; /* samples in a batch; batches in an epoch */
    bool shuffle;
    uint64_t seed;
    int64_t epoch;
    int64_t next;   /* sample */
    int64_t *order; /* [samples] */
};

CT_OPTIONS_INIT(ct_batches_options)

ct_batches *ct_batches_new(const ct_dataset *dataset, const ct_batches_options *options)
{
    CT_READ_OPTIONS(ct_batches_options, o, options, "batches");
    if (!o)
        return NULL;
    if (ct_object_check(dataset, "data set", "batches") != CT_OK)
        return NULL;
    if (o->size < 1) {
        ct_error_set(CT_ERROR_ARGUMENT, "batches: size must be at least 1, not %lld", (long long)o->size);
        return NULL;
    }
    ct_batches *b = ct_object_new("batches", sizeof *b);
    if (!b)
        return NULL;
    int64_t samples = ct_dataset_count(dataset), size = o->size;
    *b = (ct_batches){.dataset = dataset, .size = size, .shuffle = o->shuffle, .seed = o->seed};
    b->count = samples / size + (samples % size != 0);
    b->order = ct__nn_alloc("batches", samples, sizeof *b->order);
    if (b->order && ct_batches_start(b, 0) == CT_OK)
        return b;
    ct_batches_free(b);
    return NULL;
}

/* The data set must be there too. */
static ct_status check_batches(const ct_batches *batches, const char *what)
{
    ct_status status = ct_object_check(batches, "batches", what);
    return status == CT_OK ? ct_object_check(batches->dataset, "data set", what) : status;
}

void ct_batches_free(ct_batches *batches)
{
    if (!batches || ct_object_check(batches, "batches", "batches_free") != CT_OK)
        return;
    free(batches->order);
    ct_object_free(batches);
}

int64_t ct_batches_count(const ct_batches *batches)
{
    return batches && ct_object_check(batches, "batches", "batches_count") == CT_OK ? batches->count : 0;
}

/* A random order from seed and epoch alone; the thread's generator goes on where it was. */
static ct_status draw_order(ct_batches *b, int64_t epoch)
{
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_random_state before = ct_random_get();
    ct_seed(b->seed + UINT64_C(0x9E3779B97F4A7C15) * ((uint64_t)epoch + 1));
    int64_t samples = ct_dataset_count(b->dataset);
    ct_tensor *order = ct_randperm(samples);
    ct_random_set(before);
    if (order && samples > 0)
        memcpy(b->order, ct_data(order), (size_t)samples * sizeof *b->order);
    return ct__nn_scope_close();
}

ct_status ct_batches_start(ct_batches *batches, int64_t epoch)
{
    if (check_batches(batches, "batches_start") != CT_OK)
        return ct_error_code();
    if (epoch < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "batches: epoch %lld", (long long)epoch);
    batches->next = 0;
    batches->epoch = epoch;
    if (batches->shuffle)
        return draw_order(batches, epoch);
    for (int64_t i = 0; i < ct_dataset_count(batches->dataset); i++)
        batches->order[i] = i;
    return CT_OK;
}

ct_status ct__batches_begin_next(ct_batches *batches)
{
    if (check_batches(batches, "each_batch") != CT_OK)
        return ct_error_code();
    return batches->next == 0 ? CT_OK : ct_batches_start(batches, batches->epoch + 1);
}

bool ct_batches_next(ct_batches *batches, ct_tensor **x, ct_tensor **y)
{
    if (check_batches(batches, "batches_next") != CT_OK)
        return false;
    int64_t left = ct_dataset_count(batches->dataset) - batches->next;
    int64_t n = left < batches->size ? left : batches->size;
    if (n <= 0 || ct_dataset_batch(batches->dataset, batches->order + batches->next, n, x, y) != CT_OK)
        return false;
    batches->next += n;
    return true;
}
