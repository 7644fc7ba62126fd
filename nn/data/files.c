/* Data sets from files.
 *
 * Invariant: what a file's tensors take on the way is gone when the data set is there. */
#include "data_internal.h"
#include <math.h>

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
