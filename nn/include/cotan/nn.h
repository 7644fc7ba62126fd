/* Modules, layers, initialisers, optimisers, data and the training loop, written on the public interface alone.
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

/* ---- optimisers ---- */

/* The default of each number is CT_UNSET: the rule's. */
typedef struct CT_BY_NAME ct_optimizer_options {
    CT_OPTIONS_HEAD;
    double lr;       /* learning rate, >= 0 */
    double momentum; /* in [0, 1) */
    double
        weight_decay; /* >= 0: times the parameter, added to the gradient; adamw: times lr, taken off the parameter */
    double beta1, beta2;   /* in [0, 1): decay of the running means of the gradient and of its square */
    double eps;            /* >= 0 */
    bool nesterov;         /* needs momentum, and no dampening */
    bool maximize;         /* follows the gradient upwards */
    bool centered;         /* rmsprop: divides by the deviation of the gradients, not by their root mean square */
    double dampening;      /* sgd, in [0, 1): of what is added to the momentum after the first step */
    double lr_decay;       /* adagrad, >= 0: divides lr by 1 + (step - 1) lr_decay */
    double momentum_decay; /* nadam, >= 0 */
} ct_optimizer_options;
#define CT_DEFAULTS_ct_optimizer_options                                                                  \
    .lr = CT_UNSET, .momentum = CT_UNSET, .weight_decay = CT_UNSET, .beta1 = CT_UNSET, .beta2 = CT_UNSET, \
    .eps = CT_UNSET, .dampening = CT_UNSET, .lr_decay = CT_UNSET, .momentum_decay = CT_UNSET,
CT_API void ct_optimizer_options_init(ct_optimizer_options *options, size_t size);

#define CT_OPTIMIZER_STATES 3 /* tensors that a rule may keep for a parameter */

/* One parameter's step, as a rule sees it: n contiguous elements of dtype, changed in place. */
typedef struct ct_update {
    const ct_optimizer_options *options;
    int64_t step; /* of this parameter, from 1 */
    ct_dtype dtype;
    int64_t n;
    void *parameter;
    const void *gradient;
    void *states[CT_OPTIMIZER_STATES]; /* zero before the first step */
    double *number;                    /* one number that the rule keeps of each parameter; 0 before the first step */
} ct_update;

/* A rule's own options; members left out are 0. */
#define CT_RULE_DEFAULTS(...) (&(const ct_optimizer_options){.struct_size = sizeof(ct_optimizer_options), __VA_ARGS__})

/* An optimiser's rule. A record of one's own is one more optimiser. */
typedef struct ct_optimizer_rule {
    const char *name;
    const ct_optimizer_options *defaults;               /* CT_RULE_DEFAULTS(.lr = 0.1, ...) */
    int (*states)(const ct_optimizer_options *options); /* how many tensors of the parameter's shape it keeps */
    void (*update)(const ct_update *update);            /* cannot fail */
    const char
        *takes; /* names of options beside lr, weight_decay, maximize, "momentum nesterov"; others are refused unless
                        * they are 0. NULL: takes all */
} ct_optimizer_rule;

/* PyTorch's rules and defaults, which each page of its documentation gives as an algorithm. All take weight_decay and maximize. */
/* lr 1e-3; momentum, dampening, nesterov. With momentum b the lectures' v = b v + g; p -= lr v. Their v = b v - lr g; p += v
 * is the same at a constant rate, and v = b v + (1 - b) g is dampening = b but for the first step, where v = g. */
CT_API extern const ct_optimizer_rule ct_rule_sgd;
/* lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8; Kingma & Ba 2015. adamw: with weight_decay 0.01; Loshchilov & Hutter 2019 */
CT_API extern const ct_optimizer_rule ct_rule_adam, ct_rule_adamw;
/* lr 1e-2, beta2 (PyTorch's alpha) 0.99, eps 1e-8; momentum, centered; Hinton 2012 */
CT_API extern const ct_optimizer_rule ct_rule_rmsprop;
/* lr 1e-2, eps 1e-10; lr_decay; Duchi, Hazan, Singer 2011 */
CT_API extern const ct_optimizer_rule ct_rule_adagrad;
/* lr 1, beta2 (PyTorch's rho) 0.9, eps 1e-6; Zeiler 2012 */
CT_API extern const ct_optimizer_rule ct_rule_adadelta;
/* lr 2e-3, beta1 0.9, beta2 0.999, eps 1e-8; Kingma & Ba 2015, section 7.1 */
CT_API extern const ct_optimizer_rule ct_rule_adamax;
/* the same and momentum_decay 4e-3; Dozat 2016 */
CT_API extern const ct_optimizer_rule ct_rule_nadam;
/* lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8; Liu, Jiang, He, Chen, Liu, Gao, Han 2020 */
CT_API extern const ct_optimizer_rule ct_rule_radam;

/* A rule at work on the parameters of a module. */
typedef struct ct_optimizer ct_optimizer;

/* An optimiser of the module's parameters as they are now, with all the state that it will need. The module must live as
 * long. The caller's until ct_optimizer_free(). Errors: NULL, argument, state (a parameter that is not contiguous), memory. */
CT_API ct_optimizer *ct_optimizer_new(ct_module *module, const ct_optimizer_rule *rule,
                                      const ct_optimizer_options *options);
CT_API void ct_optimizer_free(ct_optimizer *optimizer); /* NULL is fine */
/* Changes every parameter by its accumulated gradient; one without gradient stays as it is. While an error is pending, and on
 * any error (shape, dtype of a gradient; memory), it changes no parameter and no state, and returns the error. */
CT_API ct_status ct_optimizer_step(ct_optimizer *optimizer);
/* The same, called from there: what backward says of a parameter that it needed as it was. */
CT_API ct_status ct_optimizer_step_at(const char *file, int line, ct_optimizer *optimizer);
/* Clears the accumulated gradients. */
CT_API void ct_optimizer_zero_grad(ct_optimizer *optimizer);
CT_API double ct_optimizer_lr(const ct_optimizer *optimizer);
/* Error (argument): lr negative or not finite. 0 is allowed: the end of a schedule. */
CT_API ct_status ct_optimizer_set_lr(ct_optimizer *optimizer, double lr);

/* ---- gradient clipping ---- */

typedef struct CT_BY_NAME ct_clip_options {
    CT_OPTIONS_HEAD;
    double norm_type;        /* p of the norm, > 0; INFINITY: the largest magnitude; default 2 */
    bool error_if_nonfinite; /* default true; false: a norm that is infinite or NaN makes the gradients 0 or NaN */
} ct_clip_options;
#define CT_DEFAULTS_ct_clip_options .norm_type = 2, .error_if_nonfinite = true,
CT_API void ct_clip_options_init(ct_clip_options *options, size_t size);

/* Between backward and the step: scales the gradients of all parameters by max_norm / (norm + 1e-6) if that is below 1, and
 * returns their norm as it was, that of all elements of all gradients as one vector, summed in double. A parameter without
 * gradient counts as 0; max_norm INFINITY only measures. As PyTorch's clip_grad_norm_; Pascanu, Mikolov, Bengio, "On the
 * difficulty of training recurrent neural networks", 2013, section 3.2. NaN with an error, which changes nothing: NULL,
 * argument (max_norm or norm_type), state (the norm is not finite), memory, and one that is pending. options may be NULL. */
CT_API double ct_clip_grad_norm_(ct_module *module, double max_norm, const ct_clip_options *options);
/* Puts each element of the gradients that is beyond -clip_value..clip_value onto that bound. Errors: NULL, argument, memory. */
CT_API ct_status ct_clip_grad_value_(ct_module *module, double clip_value);

/* ---- schedules ---- */

/* The learning rate's factor at a step in 0..steps-1. A function of one's own is one more schedule. */
typedef double (*ct_schedule)(int64_t step, int64_t steps);
CT_API double ct_schedule_constant(int64_t step, int64_t steps); /* 1 */
CT_API double ct_schedule_linear(int64_t step, int64_t steps);   /* from 1 towards 0 */
CT_API double ct_schedule_cosine(int64_t step,
                                 int64_t steps); /* half a cosine from 1 towards 0 (Loshchilov & Hutter 2017, eq. 5) */

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

/* ---- training ---- */

/* Share of the rows of logits [n, classes] whose largest element is at labels [n] (int64). NaN with an error: NULL, shape,
 * dtype. n = 0 gives NaN without one. */
CT_API double ct_accuracy(ct_tensor *logits, ct_tensor *labels);

/* A loss of a batch: 0-d. */
typedef ct_tensor *(*ct_loss)(ct_tensor *output, ct_tensor *labels);

/* How far a training is. */
typedef struct ct_progress {
    int64_t epoch, epochs;           /* epoch from 1 */
    int64_t epoch_step, epoch_steps; /* batches of this epoch done, and all of them */
    int64_t step, steps;             /* the same over all epochs */
    int64_t epoch_samples;           /* samples of this epoch done */
    double loss;                     /* of the last batch */
    double epoch_loss;               /* mean over the samples of this epoch so far */
    double epoch_accuracy;           /* the same */
    double lr;                       /* that the last step used */
} ct_progress;

typedef struct CT_BY_NAME ct_fit_options {
    CT_OPTIONS_HEAD;
    int64_t epochs;       /* default 1 */
    int64_t batch_size;   /* default 64 */
    uint64_t seed;        /* of the order of samples */
    ct_schedule schedule; /* of the learning rate over all steps; NULL: constant */
    ct_loss loss;         /* NULL: cross entropy, mean over the batch */
    bool (*progress)(const ct_progress *progress,
                     void *user); /* after every step; false ends the training. May be NULL */
    void *user;
} ct_fit_options;
#define CT_DEFAULTS_ct_fit_options .epochs = 1, .batch_size = 64,
CT_API void ct_fit_options_init(ct_fit_options *options, size_t size);

/* Trains model on the data set; the optimiser's learning rate at the start is what the schedule scales, and is put back at the
 * end. Errors: those of the model, its loss and the optimiser; state (the loss is not finite, named with its step). */
CT_API ct_status ct_fit(ct_model forward, void *model, ct_optimizer *optimizer, const ct_dataset *dataset,
                        const ct_fit_options *options);

/* How good a model is on a data set. */
typedef struct ct_evaluation {
    double loss, accuracy; /* means over all samples */
    int64_t correct, count;
} ct_evaluation;

/* Loss (cross entropy) and accuracy of the model on a whole data set, without recording. */
CT_API ct_status ct_evaluate(ct_model forward, void *model, const ct_dataset *dataset, ct_evaluation *result);

/* Gradient-checks the loss (NULL: cross entropy) of the model on a batch with respect to every parameter of its module, in
 * float64 whatever the module's dtype. The model takes its parameters from layers or ct_module_get(): one that it keeps to
 * itself cannot be varied (error: state). Result, report and options are ct_gradcheck()'s. */
CT_API ct_verdict ct_gradcheck_model(ct_model forward, void *model, ct_module *module, ct_tensor *x, ct_tensor *y,
                                     ct_loss loss, ct_gradcheck_report *report, const ct_gradcheck_options *options);

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
#define ct_optimizer_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_optimizer_new, ct_optimizer_options, __VA_ARGS__, ))
#define ct_optimizer_zero_grad(...) (void)ct_at_integer(CT_HERE, (ct_optimizer_zero_grad(__VA_ARGS__), 0))
#define ct_optimizer_step(optimizer) ct_optimizer_step_at(CT_HERE, optimizer)
#define ct_optimizer_set_lr(optimizer, lr) ct_at_status(CT_HERE, ct_optimizer_set_lr(optimizer, lr))
#define ct_clip_grad_norm_(...) ct_at_value(CT_HERE, CT_WITH2(ct_clip_grad_norm_, ct_clip_options, __VA_ARGS__, ))
#define ct_clip_grad_value_(module, clip_value) ct_at_status(CT_HERE, ct_clip_grad_value_(module, clip_value))
#define ct_dataset_new(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_new, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_idx(...) ct_at_object(CT_HERE, CT_WITH2(ct_dataset_from_idx, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_from_csv(...) ct_at_object(CT_HERE, CT_WITH1(ct_dataset_from_csv, ct_dataset_options, __VA_ARGS__, ))
#define ct_dataset_subset(...) ct_at_object(CT_HERE, ct_dataset_subset(__VA_ARGS__))
#define ct_dataset_batch(...) ct_at_status(CT_HERE, ct_dataset_batch(__VA_ARGS__))
#define ct_batches_new(...) ct_at_object(CT_HERE, CT_WITH1(ct_batches_new, ct_batches_options, __VA_ARGS__, ))
#define ct_batches_next(...) ct_at_bool(CT_HERE, ct_batches_next(__VA_ARGS__))
#define ct_accuracy(...) ct_at_value(CT_HERE, ct_accuracy(__VA_ARGS__))
#define ct_batches_start(batches, epoch) ct_at_status(CT_HERE, ct_batches_start(batches, epoch))
#define ct_fit(...) ct_at_status(CT_HERE, CT_WITH4(ct_fit, ct_fit_options, __VA_ARGS__, ))
#define ct_evaluate(forward, model, dataset, result) ct_at_status(CT_HERE, ct_evaluate(forward, model, dataset, result))
#define ct_gradcheck_model(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH7(ct_gradcheck_model, ct_gradcheck_options, __VA_ARGS__, ))
#define ct_plot_svg(...) ct_at_status(CT_HERE, CT_WITH3(ct_plot_svg, ct_plot_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
