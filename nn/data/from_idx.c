/* Data sets from IDX files.
 *
 * Invariant: what the files' tensors take on the way is gone when the data set is there. */
#include "data_internal.h"

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
