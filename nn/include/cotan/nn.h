/* Modules, layers, initialisers and data, written on the public interface alone.
 *
 * A module owns the tensors that were named in it and the layers that were made in it; a layer's forward function is an
 * expression over operations. Functions that make something return NULL with an error, and NULL as a module or a layer
 * never overwrites a pending error, so that a whole model can be built with one check at the end. */
#ifndef COTAN_NN_H
#define COTAN_NN_H

#include <cotan/autograd.h>
#include <cotan/file.h>
#include <cotan/gradcheck.h>
#include <cotan/object.h>
#include <cotan/ops.h>
#include <cotan/random.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- modules: an ordered list of named tensors ---- */

typedef struct ct_module ct_module; /* named tensors, and the layers that compute with them */

/* An empty module; its layers make parameters of dtype (float32 or float64). The caller's until ct_module_free(). */
CT_API ct_module *ct_module_new(ct_dtype dtype);
/* Releases the module's tensors and everything that was made in it. NULL is fine. */
CT_API void ct_module_free(ct_module *module);
CT_API ct_dtype ct_module_dtype(const ct_module *module);

/* Between push and pop, names get "name." in front: parameters of a layer "conv1" are "conv1.weight", "conv1.bias". */
CT_API ct_status ct_module_push(ct_module *module, const char *name);
CT_API void ct_module_pop(ct_module *module);

/* The module takes over t under that name, as a parameter (trained: asks for a gradient) or a buffer (only saved); returns t.
 * Errors: NULL, argument (empty name, or one that is taken; a tensor that this module or another has already), dtype (a parameter that is no float), state (t is the result of a
 * recorded operation), memory; t then stays where it was. */
CT_API ct_tensor *ct_module_parameter(ct_module *module, const char *name, ct_tensor *t);
CT_API ct_tensor *ct_module_buffer(ct_module *module, const char *name, ct_tensor *t);
/* One tensor under two names, as for the weights of an embedding and of the layer that undoes it: name, in full, stands for the
 * tensor called of from now on. Layers that have it under either name compute with that one; it is trained and counted once and
 * saved under both names. The tensor that name had goes; a name that there is not yet is added. Tie before an optimiser is made.
 * Errors: NULL, argument (no tensor is called of), shape, dtype (also: one is a parameter, the other a buffer), memory. */
CT_API ct_status ct_module_tie(ct_module *module, const char *name, const char *of);
/* The index of the tensor that the name at index stands for besides; -1: it has a tensor of its own. */
CT_API int64_t ct_module_tied(const ct_module *module, int64_t index);
/* bytes of zeroed memory that live as long as the module: for a layer's struct, an object of the kind "layer"
 * (ct_object_check()). */
CT_API void *ct_module_alloc(ct_module *module, size_t bytes);

CT_API int64_t ct_module_count(const ct_module *module); /* named tensors, in the order in which they were added */
CT_API const char *ct_module_name(const ct_module *module,
                                  int64_t index); /* belongs to module; NULL outside 0..count-1 */
CT_API ct_tensor *ct_module_tensor(const ct_module *module,
                                   int64_t index); /* belongs to module; NULL outside 0..count-1 */
CT_API bool ct_module_is_parameter(const ct_module *module,
                                   int64_t index); /* false for a name that is tied to another */
CT_API ct_tensor *ct_module_get(const ct_module *module,
                                const char *name);            /* NULL (no error) if there is none of that name */
CT_API int64_t ct_module_parameters(const ct_module *module); /* how many of them are parameters */
CT_API int64_t ct_module_numel(const ct_module *module);      /* elements of all parameters */

/* Exchanges the module's parameters, in order, for the n tensors of the array, which gets the module's: layers then compute
 * with those, whatever their float dtype, until a second call with the same array puts everything back. For functions of the
 * parameters, such as the gradient checker's. Errors: NULL, argument (n is not the number of parameters), shape. */
CT_API ct_status ct_module_exchange(ct_module *module, ct_tensor **tensors, int64_t n);

/* Writes the state dict, every parameter and buffer under its name, as .safetensors, atomically. */
CT_API ct_status ct_module_save(const ct_module *module, const char *path);
/* Reads one back. Strict: names, shapes and dtypes must be the module's exactly, but that of names tied to each other one is
 * enough, and those that are there must agree; on any error nothing has changed. Errors:
 * NULL, io, format (not safetensors; missing or unexpected names), shape, dtype, memory. */
CT_API ct_status ct_module_load(ct_module *module, const char *path);

/* ---- initialisers ---- */

/* Of an initialiser's elements. */
typedef enum ct_distribution {
    CT_CONSTANT,         /* value */
    CT_UNIFORM,          /* in -b..b */
    CT_NORMAL,           /* any */
    CT_TRUNCATED_NORMAL, /* as normal, but what is beyond 2 of its deviations is drawn again */
    CT_ORTHOGONAL,       /* value times a matrix with orthonormal rows, or columns if they are fewer */
} ct_distribution;

/* Elements are the constant value, or random around 0 with variance value / (in * fan_in + out * fan_out); with variance value if
 * in and out are both 0. That is the variance of what is drawn, after truncation too. A record of one's own is one more
 * initialiser: CT_INIT_NORMAL(0.02) is one of that deviation, CT_INIT_CONSTANT(0.1) one of that value, which live as long as the
 * block around. */
typedef struct ct_initializer {
    const char *name;
    ct_distribution distribution;
    double value;
    double in, out; /* weights of fan_in and fan_out */
} ct_initializer;

/* Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, eq. 16 (uniform):
 * variance 2 / (fan_in + fan_out). */
CT_API extern const ct_initializer ct_init_glorot_uniform, ct_init_glorot_normal;
/* He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, eq. 10: variance 2 / fan_in. */
CT_API extern const ct_initializer ct_init_he_uniform, ct_init_he_normal;
/* PyTorch's default of Linear and Conv2d: uniform in +-1 / sqrt(fan_in), variance 1 / (3 fan_in). */
CT_API extern const ct_initializer ct_init_torch;
CT_API extern const ct_initializer ct_init_zeros, ct_init_ones;
/* LeCun, Bottou, Orr, Mueller, "Efficient backprop", 1998, section 4.6: variance 1 / fan_in. */
CT_API extern const ct_initializer ct_init_lecun_uniform, ct_init_lecun_normal;
/* Variance 1, whatever the fans: PyTorch's normal_, and the same truncated. */
CT_API extern const ct_initializer ct_init_normal, ct_init_truncated_normal;
/* Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014: of all
 * such matrices one is as likely as another. A shape [out, in, ...] is the matrix [out, the rest], as in PyTorch's orthogonal_. */
CT_API extern const ct_initializer ct_init_orthogonal;
#define CT_INIT_NORMAL(std) \
    (&(const ct_initializer){.name = "normal", .distribution = CT_NORMAL, .value = (double)(std) * (double)(std)})
#define CT_INIT_CONSTANT(x) (&(const ct_initializer){.name = "constant", .distribution = CT_CONSTANT, .value = (x)})

/* Fills t in place, drawing from the thread's generator. With fan_in and fan_out 0 they follow from the shape [out, in, ...]:
 * in and out times the elements of the remaining axes. Errors: NULL, shape (rank below 2 where fans are needed and not given, or for
 * an orthogonal one), argument, memory. */
CT_API ct_status ct_initialize_(ct_tensor *t, const ct_initializer *initializer, int64_t fan_in, int64_t fan_out);

/* ---- layers ----
 * ct_<layer>_new() names its parameters "<name>.weight", "<name>.bias" in the module, which owns the layer too. Errors: NULL,
 * argument (a size or an option outside its range, a name that is taken), memory; on an error the module is as it was. */

/* x weight^T + bias: a matrix product with trained weights. */
typedef struct ct_linear_layer ct_linear_layer;

typedef struct CT_BY_NAME ct_linear_options {
    CT_OPTIONS_HEAD;
    const ct_initializer *weight; /* NULL: ct_init_torch */
    const ct_initializer *bias;   /* NULL: ct_init_torch with the weight's fans */
    bool no_bias;
} ct_linear_options;
#define CT_DEFAULTS_ct_linear_options
CT_API void ct_linear_options_init(ct_linear_options *options, size_t size);

/* weight [out, in], bias [out]. options may be NULL. */
CT_API ct_linear_layer *ct_linear_new(ct_module *module, const char *name, int64_t in, int64_t out,
                                      const ct_linear_options *options);
/* x [..., in] to [..., out]. */
CT_API ct_tensor *ct_linear_forward(const ct_linear_layer *layer, ct_tensor *x);

/* A convolution of images with trained weights. */
typedef struct ct_conv2d_layer ct_conv2d_layer;

typedef struct CT_BY_NAME ct_conv2d_layer_options {
    CT_OPTIONS_HEAD;
    int64_t stride, dilation, groups; /* default 1 */
    int64_t padding;                  /* zeros on each side, both axes */
    const ct_initializer *weight;     /* NULL: ct_init_torch */
    const ct_initializer *bias;       /* NULL: ct_init_torch with the weight's fans */
    bool no_bias;
} ct_conv2d_layer_options;
#define CT_DEFAULTS_ct_conv2d_layer_options .stride = 1, .dilation = 1, .groups = 1,
CT_API void ct_conv2d_layer_options_init(ct_conv2d_layer_options *options, size_t size);

/* weight [out, in / groups, kernel, kernel], bias [out]. options may be NULL. */
CT_API ct_conv2d_layer *ct_conv2d_new(ct_module *module, const char *name, int64_t in, int64_t out, int64_t kernel,
                                      const ct_conv2d_layer_options *options);
/* x [n, in, height, width] to [n, out, height', width']. */
CT_API ct_tensor *ct_conv2d_forward(const ct_conv2d_layer *layer, ct_tensor *x);

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
#define ct_module_new(dtype) ct_at_object(CT_HERE, ct_module_new(dtype))
#define ct_module_push(module, name) ct_at_status(CT_HERE, ct_module_push(module, name))
#define ct_module_parameter(...) ct_at(CT_HERE, ct_module_parameter(__VA_ARGS__))
#define ct_module_buffer(...) ct_at(CT_HERE, ct_module_buffer(__VA_ARGS__))
#define ct_module_tie(...) ct_at_status(CT_HERE, ct_module_tie(__VA_ARGS__))
#define ct_module_alloc(module, bytes) ct_at_object(CT_HERE, ct_module_alloc(module, bytes))
#define ct_module_exchange(...) ct_at_status(CT_HERE, ct_module_exchange(__VA_ARGS__))
#define ct_module_save(module, path) ct_at_status(CT_HERE, ct_module_save(module, path))
#define ct_module_load(module, path) ct_at_status(CT_HERE, ct_module_load(module, path))
#define ct_initialize_(t, initializer, fan_in, fan_out) \
    ct_at_status(CT_HERE, ct_initialize_(t, initializer, fan_in, fan_out))
#define ct_linear_new(...) ct_at_object(CT_HERE, CT_WITH4(ct_linear_new, ct_linear_options, __VA_ARGS__, ))
#define ct_linear_forward(layer, x) ct_at(CT_HERE, ct_linear_forward(layer, x))
#define ct_conv2d_new(...) ct_at_object(CT_HERE, CT_WITH5(ct_conv2d_new, ct_conv2d_layer_options, __VA_ARGS__, ))
#define ct_conv2d_forward(layer, x) ct_at(CT_HERE, ct_conv2d_forward(layer, x))
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
