/* Models, optimisers, data and the training loop, with modules (module.h), layers (layers.h) and initialisers (init.h), written on
 * the public interface alone. */
#ifndef COTAN_NN_H
#define COTAN_NN_H

#include <cotan/autograd.h>
#include <cotan/file.h>
#include <cotan/gradcheck.h>
#include <cotan/init.h>
#include <cotan/layers.h>
#include <cotan/module.h>
#include <cotan/object.h>
#include <cotan/ops.h>
#include <cotan/random.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- models ---- */

/* A model for the training loop: the function and what it is called with. */
typedef ct_tensor *(*ct_model)(void *model, ct_tensor *x);

/* LeNet-5 (LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998, section II.B) as
 * built today: relu, max pooling, all maps connected; Glorot uniform weights. 61,706 parameters. */
typedef struct ct_lenet5 ct_lenet5;
CT_API ct_lenet5 *ct_lenet5_new(ct_module *module);
/* x [n, 1, 28, 28] to logits [n, 10]; model is a ct_lenet5. */
CT_API ct_tensor *ct_lenet5_forward(void *model, ct_tensor *x);

/* ---- data ---- */

/* Samples and their class labels. */
typedef struct ct_dataset ct_dataset;

typedef struct CT_BY_NAME ct_dataset_options {
    CT_OPTIONS_HEAD;
    ct_dtype dtype; /* of the samples in a batch: CT_FLOAT32 (the default) or CT_FLOAT64 */
    double scale,
        offset;         /* a batch holds scale * sample + offset; scale's default CT_UNSET: 1, 1 / 255 for IDX images */
    int64_t shape[4];   /* CSV: of one sample, up to the first 0, as in .shape = {1, 8, 8}; all 0: one axis */
    int64_t skip_lines; /* CSV: lines before the first sample */
    int64_t max_bytes;  /* files: as in ct_idx_options, for each */
} ct_dataset_options;
#define CT_DEFAULTS_ct_dataset_options .scale = CT_UNSET, .max_bytes = CT_UNSET_INT,
CT_API void ct_dataset_options_init(ct_dataset_options *options, size_t size);

/* samples [n, ...] uint8 or float, labels [n] int64, all >= 0. uint8 samples stay bytes and become numbers batch by batch. The
 * tensors are shared, not taken over. The result is the caller's until ct_dataset_free(). Errors: NULL, shape, dtype, argument
 * (negative labels, options), memory. options may be NULL, here and below. */
CT_API ct_dataset *ct_dataset_new(ct_tensor *samples, ct_tensor *labels, const ct_dataset_options *options);
/* Images [n, height, width] and labels [n] from two IDX files (uint8, gzipped or not), as samples [n, 1, height, width]. Errors:
 * those above and io, format. */
CT_API ct_dataset *ct_dataset_from_idx(const char *images, const char *labels, const ct_dataset_options *options);
/* A CSV file, gzipped or not: on each line the numbers of one sample, row-major, then its label. Errors: those above and io,
 * format (names the line and the field). */
CT_API ct_dataset *ct_dataset_from_csv(const char *path, const ct_dataset_options *options);
CT_API void ct_dataset_free(ct_dataset *dataset); /* NULL is fine */
CT_API int64_t ct_dataset_count(const ct_dataset *dataset);
CT_API int64_t ct_dataset_classes(const ct_dataset *dataset); /* the largest label + 1 */
/* Copies the samples at n indices into a data set of their own. Error: argument (an index outside 0..count-1). */
CT_API ct_dataset *ct_dataset_subset(const ct_dataset *dataset, const int64_t *indices, int64_t n);
/* The samples at n indices, x [n, ...], and their labels, y [n] int64, owned by the innermost scope. On an error both are NULL. */
CT_API ct_status ct_dataset_batch(const ct_dataset *dataset, const int64_t *indices, int64_t n, ct_tensor **x,
                                  ct_tensor **y);

/* The batches of one epoch after another. */
typedef struct ct_batches ct_batches;

typedef struct CT_BY_NAME ct_batches_options {
    CT_OPTIONS_HEAD;
    int64_t size;  /* samples in a batch, >= 1; default 64. The last batch of an epoch may be smaller */
    bool shuffle;  /* a new random order in every epoch */
    uint64_t seed; /* the order depends on it and on the epoch's number alone */
} ct_batches_options;
#define CT_DEFAULTS_ct_batches_options .size = 64,
CT_API void ct_batches_options_init(ct_batches_options *options, size_t size);

/* The data set must live as long. The result is the caller's until ct_batches_free(). */
CT_API ct_batches *ct_batches_new(const ct_dataset *dataset, const ct_batches_options *options);
CT_API void ct_batches_free(ct_batches *batches);           /* NULL is fine */
CT_API int64_t ct_batches_count(const ct_batches *batches); /* batches in an epoch */
/* Goes to the beginning of that epoch (>= 0); a new object stands at the beginning of epoch 0. */
CT_API ct_status ct_batches_start(ct_batches *batches, int64_t epoch);
/* The next batch as ct_dataset_batch() gives it. False at the end of the epoch, and on an error (see ct_error_code()). */
CT_API bool ct_batches_next(ct_batches *batches, ct_tensor **x, ct_tensor **y);

/* ---- plots ---- */

/* A line of a plot. */
typedef struct ct_series {
    const char *label; /* in the legend */
    const double *x, *y;
    int64_t n;
    bool faint; /* thin and pale: the raw values behind a smoothed curve */
} ct_series;

typedef struct CT_BY_NAME ct_plot_options {
    CT_OPTIONS_HEAD;
    const char *title, *x_label, *y_label; /* may be NULL */
} ct_plot_options;
#define CT_DEFAULTS_ct_plot_options
CT_API void ct_plot_options_init(ct_plot_options *options, size_t size);

/* Writes the series as lines into an SVG file. Points that are not finite leave a gap. Errors: NULL, argument (nothing finite to
 * plot), io. options may be NULL. */
CT_API ct_status ct_plot_svg(const char *path, const ct_series *series, int64_t n, const ct_plot_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_lenet5_forward(...) ct_at(CT_HERE, ct_lenet5_forward(__VA_ARGS__))
#define ct_lenet5_new(module) ct_at_object(CT_HERE, ct_lenet5_new(module))
#define ct_dataset_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_new, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_idx(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_from_idx, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_csv(...) ct_at_object(CT_HERE, CT_WITH1(ct_dataset_from_csv, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_subset(...) ct_at_object(CT_HERE, ct_dataset_subset(__VA_ARGS__))
#define ct_dataset_batch(...) ct_at_status(CT_HERE, ct_dataset_batch(__VA_ARGS__))
#define ct_batches_new(...) ct_at_object(CT_HERE, CT_WITH1(ct_batches_new, ct_batches_options, __VA_ARGS__, ))
#define ct_batches_next(...) ct_at_bool(CT_HERE, ct_batches_next(__VA_ARGS__))
#define ct_batches_start(batches, epoch) ct_at_status(CT_HERE, ct_batches_start(batches, epoch))
#define ct_plot_svg(...) ct_at_status(CT_HERE, CT_WITH3(ct_plot_svg, ct_plot_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
