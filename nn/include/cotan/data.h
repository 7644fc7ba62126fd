/* Data sets, their parts, and their batches.
 *
 *     ct_dataset *digits = ct_load_digits(), *part[2];
 *     ct_random_split(digits, CT_VALUES(0.8, 0.2), part, .stratify = true, .seed = 1);
 *     ct_fit(forward, model, adam, part[0], .validation = part[1], .epochs = 20); */
#ifndef COTAN_DATA_H
#define COTAN_DATA_H

#include <cotan/module.h>
#include <cotan/object.h>
#include <cotan/ops.h>
#include <cotan/transforms.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_SAMPLE_TENSORS 8 /* of a sample, at most */

/* Samples and what a model should make of them: class labels, numbers, sequences. */
typedef struct ct_dataset ct_dataset;

/* What a field that is empty, "?", "NA", "N/A", "NaN", "nan", "NULL", "null" or "None" comes to: an error; its line is left out; the
 * mean of its column's other values; a value. A label that is missing is an error under the last two as well. */
typedef enum ct_missing { CT_MISSING_ERROR, CT_MISSING_DROP, CT_MISSING_MEAN, CT_MISSING_VALUE } ct_missing;

typedef struct CT_BY_NAME ct_dataset_options {
    CT_OPTIONS_HEAD;
    ct_dtype dtype; /* of floats in a batch: CT_FLOAT32 (the default) or CT_FLOAT64 */
    double scale,
        offset;         /* a batch holds scale * sample + offset; scale's default CT_UNSET: 1, 1 / 255 for IDX images */
    int64_t shape[4];   /* CSV: of one sample, up to the first 0, as in .shape = {1, 8, 8}; all 0: one axis */
    int64_t skip_lines; /* CSV: lines before the first sample */
    int64_t max_bytes;  /* files: as in ct_idx_options, for each */
    /* The rest is CSV's. */
    const char *separator; /* as in ct_csv_options */
    bool header;           /* the first line names the columns */
    const char *label;     /* the name of the label's column; NULL: label_column is its number, from 0, or */
    int64_t label_column;  /* from the end if negative; default -1 */
    bool named;            /* labels are names of classes, though the first be a number */
    bool numbers;          /* labels are numbers to be predicted: targets are float [n, 1] */
    ct_missing missing;    /* default CT_MISSING_ERROR */
    double missing_value;
} ct_dataset_options;
#define CT_DEFAULTS_ct_dataset_options .scale = CT_UNSET, .max_bytes = CT_UNSET_INT, .label_column = -1,
CT_API void ct_dataset_options_init(ct_dataset_options *options, size_t size);

/* samples [n, ...] and targets [n, ...], whose further axes are their own. Samples: float; uint8, which stay bytes and become numbers
 * batch by batch; or int64, such as the tokens of a text, taken as they are. Targets: int64 [n] are class labels, all >= 0; int64 of
 * more axes and floats mean what the loss takes them for. The tensors are shared where they can be, not taken over. The result is the
 * caller's until ct_dataset_free(). Errors: NULL, shape, dtype, argument (negative labels, options), memory. options may be NULL,
 * here and below. */
CT_API ct_dataset *ct_dataset_new(ct_tensor *samples, ct_tensor *targets, const ct_dataset_options *options);
/* Images [n, height, width] and labels [n] from two IDX files (uint8, gzipped or not), as samples [n, 1, height, width]. Errors:
 * those above and io, format. */
CT_API ct_dataset *ct_dataset_from_idx(const char *images, const char *labels, const ct_dataset_options *options);
/* A CSV file, gzipped or not: on each line the numbers of one sample, row-major, and its label, the last field unless the options
 * name another. Labels are classes, 0 and up; if the first is no number all are names of classes (at most 65,536), which are numbered
 * in the order of their bytes, as by scikit-learn's LabelEncoder. Errors: those above and io, format (names the line and the
 * field). */
CT_API ct_dataset *ct_dataset_from_csv(const char *path, const ct_dataset_options *options);
/* The same for samples of several tensors, n of them: inputs, each [count, ...] and taken as samples are above, and last the targets.
 * As PyTorch's TensorDataset(*tensors). */
CT_API ct_dataset *ct_dataset_from_tensors(ct_tensor *const *tensors, int n, const ct_dataset_options *options);

/* Samples of your own, made when they are asked for: from files, say, or by a formula. */
typedef struct ct_source {
    const char *name;
    int tensors;                  /* of a sample, 1..CT_SAMPLE_TENSORS: its inputs and, last, its target */
    int64_t (*count)(void *self); /* of samples; it is asked once */
    /* Puts the tensors of a sample, without an axis for the batch, into sample[0..tensors-1]: of any dtype, each of the same shape and
     * dtype in all samples of a batch. CT_OK, or an error. What it makes is owned by the innermost scope; what it draws follows from the batch's
     * seed, epoch and number. It may be called on other threads than the caller's (.workers), several at once if there are several. */
    ct_status (*get)(void *self, int64_t index, ct_tensor **sample);
    void (*free)(void *self); /* of self, after its last use; NULL: nothing to do */
} ct_source;

/* A data set of those samples; the record is copied, self, which may be anything, handed to its functions. Parts of it look into the
 * same source, and are good after it was freed. Only labels that lie in tensors can be stratified by. Errors: NULL, argument, memory;
 * self is the caller's still then. */
CT_API ct_dataset *ct_dataset_from_source(const ct_source *source, void *self);

typedef struct CT_BY_NAME ct_text_options {
    CT_OPTIONS_HEAD;
    int64_t length;               /* of a window, in characters; default 64 */
    int64_t stride;               /* from a window's beginning to the next one's; default CT_UNSET_INT: length */
    double from, to;              /* windows lie in this part of the text, by its characters: default 0 and 1 */
    const ct_dataset *vocabulary; /* whose characters count; NULL: the whole text's, whatever the part */
    int64_t max_bytes;            /* of a file, as in ct_idx_options */
} ct_text_options;
#define CT_DEFAULTS_ct_text_options .length = 64, .stride = CT_UNSET_INT, .to = 1, .max_bytes = CT_UNSET_INT,
CT_API void ct_text_options_init(ct_text_options *options, size_t size);

/* A text in UTF-8, for models of characters: samples are windows of it, int64 [length], and targets the same a character later. A
 * token is the number of its character in the vocabulary, the characters in the order of their code points; they are the classes of the data set, and
 * their names. A text is split by position: .to = 0.9 for training, .from = 0.9 for validation. Errors: NULL, argument (no window; a
 * character that is not in the vocabulary, with its byte), format (not UTF-8, with the byte), memory. */
CT_API ct_dataset *ct_dataset_from_text(const char *text, const ct_text_options *options);
/* The same of a file, gzipped or not. Errors: those above and io. */
CT_API ct_dataset *ct_dataset_from_text_file(const char *path, const ct_text_options *options);
/* The tokens of a text in the vocabulary of such a data set: int64 [characters], owned by the innermost scope. ct_dataset_class_name() is the way
 * back. Errors: as there. */
CT_API ct_tensor *ct_text_tokens(const ct_dataset *dataset, const char *text);
CT_API void ct_dataset_free(ct_dataset *dataset); /* NULL is fine */
CT_API int64_t ct_dataset_count(const ct_dataset *dataset);
/* Tensors of a sample: 2, an input and a target, unless it was made of others. */
CT_API int ct_dataset_tensors(const ct_dataset *dataset);
CT_API int64_t ct_dataset_classes(const ct_dataset *dataset); /* the largest label + 1; 0: the targets are no labels */
/* The name that the file has for a class, the data set's; NULL outside 0..classes-1, and if there are no names. */
CT_API const char *ct_dataset_class_name(const ct_dataset *dataset, int64_t index);
/* The samples at n indices, x [n, ...], and their targets, y [n, ...], owned by the innermost scope. On an error both are NULL. */
CT_API ct_status ct_dataset_batch(const ct_dataset *dataset, const int64_t *indices, int64_t n, ct_tensor **x,
                                  ct_tensor **y);
/* The same for samples of any number of tensors: all of them, in tensors[0..ct_dataset_tensors()-1]; on an error they are NULL. */
CT_API ct_status ct_dataset_batch_tensors(const ct_dataset *dataset, const int64_t *indices, int64_t n,
                                          ct_tensor **tensors);

/* All samples as one batch: the same of 0, 1, ..., count - 1. */
CT_API ct_status ct_dataset_all(const ct_dataset *dataset, ct_tensor **x, ct_tensor **y);
CT_API ct_status ct_dataset_all_tensors(const ct_dataset *dataset, ct_tensor **tensors);

/* ---- sets that come with cotan ---- */

/* Named as in scikit-learn. They lie where cotan was installed (share/cotan) or where it was built from; if the environment has
 * COTAN_DATA, in that folder. Their options are those above but for skip_lines and those of CSV alone, which count for nothing. Errors: those of ct_dataset_from_csv(). */

/* 1,797 handwritten digits [1, 8, 8] of 0 to 1, ten classes (E. Alpaydin, C. Kaynak: Optical recognition of handwritten digits, UCI,
 * the test part, CC BY 4.0). scale: default 1 / 16. */
CT_API ct_dataset *ct_load_digits(const ct_dataset_options *options);
/* 569 samples of 30 measurements of cells, 0 malignant and 1 benign (W. Wolberg, O. Mangasarian, N. Street: Breast cancer Wisconsin
 * (diagnostic), UCI, CC BY 4.0). The measurements differ a hundredthousandfold in size. */
CT_API ct_dataset *ct_load_breast_cancer(const ct_dataset_options *options);

/* ---- parts ---- */

/* Copies the samples at n indices into a data set of their own; of a source, only the indices. Error: argument (an index outside 0..count-1). */
CT_API ct_dataset *ct_dataset_subset(const ct_dataset *dataset, const int64_t *indices, int64_t n);

typedef struct CT_BY_NAME ct_split_options {
    CT_OPTIONS_HEAD;
    uint64_t seed; /* of the order in which samples are dealt out */
    bool stratify; /* each part has each class in its share, as nearly as whole samples allow; labels only */
    bool in_order; /* the first samples go into the first part, and so on: nothing is shuffled */
} ct_split_options;
#define CT_DEFAULTS_ct_split_options
CT_API void ct_split_options_init(ct_split_options *options, size_t size);

/* Copies each sample into one of n parts, data sets of the caller's until ct_dataset_free(). shares: n fractions that add up to 1, or
 * n whole numbers that add up to the count, as in PyTorch's random_split; of fractions each part has floor(share * count), and what is
 * left goes to the first parts, one each. On an error all parts are NULL. Errors: NULL, argument (shares that do not add up; .stratify
 * without labels, or with .in_order), memory. */
CT_API ct_status ct_random_split(const ct_dataset *dataset, const double *shares, int64_t n, ct_dataset **parts,
                                 const ct_split_options *options);

/* ---- fitted to one set, applied to others ---- */

typedef struct CT_BY_NAME ct_dataset_map_options {
    CT_OPTIONS_HEAD;
    int tensor; /* of a sample's, the one that is changed: 0, the default, to its last, the target */
} ct_dataset_map_options;
#define CT_DEFAULTS_ct_dataset_map_options
CT_API void ct_dataset_map_options_init(ct_dataset_map_options *options, size_t size);

/* The data set with forward(model, x) for one tensor of its samples, batch by batch, without recording and in evaluation: one row for each
 * sample. The model of a layer is the layer: ct_dataset_map(test, ct_module_forward, scaler). Errors: NULL, argument (no such tensor), shape,
 * those of forward. */
CT_API ct_dataset *ct_dataset_map(const ct_dataset *dataset, ct_model forward, void *model,
                                  const ct_dataset_map_options *options);

typedef struct CT_BY_NAME ct_scaler_options {
    CT_OPTIONS_HEAD;
    bool channels;    /* one number for each channel, axis 1; default: for each element of a sample */
    double low, high; /* min_max: the ends, default 0 and 1 */
    int tensor;       /* of a sample's, the one that it is fitted to, as in ct_dataset_map_options */
} ct_scaler_options;
#define CT_DEFAULTS_ct_scaler_options .high = 1,
CT_API void ct_scaler_options_init(ct_scaler_options *options, size_t size);

/* Layers that are fitted to the training set when they are made, and have no parameters: they are in front of the network that they
 * are saved with, and give what was measured in training to every sample after. (x - offset) / scale, the buffers: of mean 0 and
 * deviation 1, as scikit-learn's StandardScaler; from low to high, as its MinMaxScaler. What does not vary is only moved. Errors:
 * NULL, argument (an empty set, low not below high), shape, those of ct_layer_new(). */
CT_API ct_module *ct_standard_scaler_new(ct_module *module, const char *name, const ct_dataset *train,
                                         const ct_scaler_options *options);
CT_API ct_module *ct_min_max_scaler_new(ct_module *module, const char *name, const ct_dataset *train,
                                        const ct_scaler_options *options);

typedef struct CT_BY_NAME ct_pca_options {
    CT_OPTIONS_HEAD;
    bool whiten; /* each component is divided by its deviation in the training set */
    int tensor;  /* as in ct_scaler_options */
} ct_pca_options;
#define CT_DEFAULTS_ct_pca_options
CT_API void ct_pca_options_init(ct_pca_options *options, size_t size);

/* The same: samples [n, ...], seen as [n, f], to their principal components [n, k], 1 <= k <= f and k < n, as scikit-learn's PCA: buffers
 * mean [f], components [k, f], the largest element of each positive, and explained_variance [k]. By ct_svd(), so for some hundreds of
 * features. */
CT_API ct_module *ct_pca_new(ct_module *module, const char *name, const ct_dataset *train, int64_t components,
                             const ct_pca_options *options);

/* ---- batches ---- */

#define CT_WORKERS 64 /* of batches, at most */

/* The batches of one epoch after another. */
typedef struct ct_batches ct_batches;

typedef struct CT_BY_NAME ct_batches_options {
    CT_OPTIONS_HEAD;
    int64_t size;   /* samples in a batch, >= 1; default 64. The last batch of an epoch may be smaller */
    bool shuffle;   /* a new random order in every epoch */
    uint64_t seed;  /* the order depends on it and on the epoch's number alone */
    bool drop_last; /* an epoch has whole batches only */
    /* float [count], >= 0 and not all 0: each of an epoch's samples is drawn with a probability in proportion to its weight, whether
     * drawn before or not, as by PyTorch's WeightedRandomSampler. Copied. NULL: each sample once. */
    ct_tensor *weights;
    bool without_replacement; /* no sample twice in an epoch; as many must have a weight above 0 as are drawn */
    int64_t draws;            /* by weight, in an epoch; default CT_UNSET_INT: as many as there are samples */
    /* Done to the samples of each batch, each to the tensor that it names, one after the other, up to the first NULL (transforms.h). The
     * records are copied. What they draw depends on seed, epoch and the batch's number alone; the thread's generator goes on where it was. */
    const ct_transform *transforms[CT_TRANSFORMS];
    /* Threads that make batches ahead, one each, at most CT_WORKERS; 0, the default: the caller makes them. The batches, their order and
     * their errors are the same. */
    int64_t workers;
    /* An epoch's batches are dealt to so many parts in turn, default 1, and these are those of one of them: batch number k goes to part
     * k modulo parts, for processes that train one model together. All batches are whole then, and all parts have as many: what is left over is
     * dropped or, with .pad, filled up from the epoch's beginning. */
    int64_t part, parts;
    bool pad;
} ct_batches_options;
#define CT_DEFAULTS_ct_batches_options .size = 64, .draws = CT_UNSET_INT, .parts = 1,
CT_API void ct_batches_options_init(ct_batches_options *options, size_t size);

/* The data set must live as long. The result is the caller's until ct_batches_free(). Errors: NULL, argument, shape and dtype of the
 * weights, memory. */
CT_API ct_batches *ct_batches_new(const ct_dataset *dataset, const ct_batches_options *options);
CT_API void ct_batches_free(ct_batches *batches);             /* NULL is fine */
CT_API int64_t ct_batches_count(const ct_batches *batches);   /* batches in an epoch */
CT_API int64_t ct_batches_samples(const ct_batches *batches); /* samples in these */
/* Goes to the beginning of that epoch (>= 0); a new object stands at the beginning of epoch 0. */
CT_API ct_status ct_batches_start(ct_batches *batches, int64_t epoch);
/* The next batch as ct_dataset_batch() gives it. False at the end of the epoch, and on an error (see ct_error_code()). */
CT_API bool ct_batches_next(ct_batches *batches, ct_tensor **x, ct_tensor **y);
/* The same for samples of any number of tensors: all of them, in tensors[0..ct_dataset_tensors()-1]. */
CT_API bool ct_batches_next_tensors(ct_batches *batches, ct_tensor **tensors);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_dataset_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_new, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_idx(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_from_idx, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_csv(...) ct_at_object(CT_HERE, CT_WITH1(ct_dataset_from_csv, ct_dataset_options, __VA_ARGS__, ))
#define ct_load_digits(...) ct_at_object(CT_HERE, CT_WITH0(ct_load_digits, ct_dataset_options, __VA_ARGS__))
#define ct_load_breast_cancer(...) \
    ct_at_object(CT_HERE, CT_WITH0(ct_load_breast_cancer, ct_dataset_options, __VA_ARGS__))
#define ct_dataset_from_tensors(...) \
    ct_at_object(CT_HERE, CT_WITH2(ct_dataset_from_tensors, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_text(...) ct_at_object(CT_HERE, CT_WITH1(ct_dataset_from_text, ct_text_options, __VA_ARGS__, ))
#define ct_dataset_from_text_file(...) \
    ct_at_object(CT_HERE, CT_WITH1(ct_dataset_from_text_file, ct_text_options, __VA_ARGS__, ))
#define ct_text_tokens(dataset, text) ct_at(CT_HERE, ct_text_tokens(dataset, text))
#define ct_dataset_from_source(...) ct_at_object(CT_HERE, ct_dataset_from_source(__VA_ARGS__))
#define ct_dataset_batch_tensors(...) ct_at_status(CT_HERE, ct_dataset_batch_tensors(__VA_ARGS__))
#define ct_batches_next_tensors(...) ct_at_bool(CT_HERE, ct_batches_next_tensors(__VA_ARGS__))
#define ct_dataset_subset(...) ct_at_object(CT_HERE, ct_dataset_subset(__VA_ARGS__))
#define ct_dataset_all(...) ct_at_status(CT_HERE, ct_dataset_all(__VA_ARGS__))
#define ct_dataset_all_tensors(...) ct_at_status(CT_HERE, ct_dataset_all_tensors(__VA_ARGS__))
#define ct_dataset_batch(...) ct_at_status(CT_HERE, ct_dataset_batch(__VA_ARGS__))
#define ct_random_split(...) ct_at_status(CT_HERE, CT_WITH4(ct_random_split, ct_split_options, __VA_ARGS__, ))
#define ct_dataset_map(...) ct_at_object(CT_HERE, CT_WITH3(ct_dataset_map, ct_dataset_map_options, __VA_ARGS__, ))
#define ct_standard_scaler_new(...) \
    ct_at_object(CT_HERE, CT_WITH3(ct_standard_scaler_new, ct_scaler_options, __VA_ARGS__, ))
#define ct_min_max_scaler_new(...) \
    ct_at_object(CT_HERE, CT_WITH3(ct_min_max_scaler_new, ct_scaler_options, __VA_ARGS__, ))
#define ct_pca_new(...) ct_at_object(CT_HERE, CT_WITH4(ct_pca_new, ct_pca_options, __VA_ARGS__, ))
#define ct_batches_new(...) ct_at_object(CT_HERE, CT_WITH1(ct_batches_new, ct_batches_options, __VA_ARGS__, ))
#define ct_batches_next(...) ct_at_bool(CT_HERE, ct_batches_next(__VA_ARGS__))
#define ct_batches_start(batches, epoch) ct_at_status(CT_HERE, ct_batches_start(batches, epoch))
#endif

#ifdef __cplusplus
}
#endif
#endif
