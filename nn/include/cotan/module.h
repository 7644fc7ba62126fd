/* Modules: a tree of parts with named tensors, and layers, the records that compute with them.
 *
 * A module owns the tensors that were named in it and the modules that were made in it; it goes with the root of its tree. Its
 * names are PyTorch's: a layer "conv1" in a module "features" has "features.conv1.weight", which the layer itself knows as
 * "weight". Functions that make something return NULL with an error, and NULL as a module never overwrites a pending error, so
 * that a whole model can be built with one check at the end. */
#ifndef COTAN_MODULE_H
#define COTAN_MODULE_H

#include <cotan/options.h>
#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ct_module ct_module;           /* a part of a model, or all of it */
typedef struct ct_initializer ct_initializer; /* see init.h */

/* A model for the training loop: the function and what it is called with. */
typedef ct_tensor *(*ct_model)(void *model, ct_tensor *x);

/* ---- layers: one record each, like operations ---- */

/* A kind of layer. ct_layer_new() makes a module of it, ct_forward() calls it. One of the user's own is the same record. */
typedef struct ct_layer {
    const char *name; /* "linear": in summaries and messages */
    size_t self_size; /* bytes of the struct that each layer has for itself, ct_module_self() */
    /* Adds the parameters, buffers and layers that it consists of. An error that is pending when it returns undoes all of it.
     * NULL: there are none. */
    void (*build)(ct_module *module);
    /* An expression over operations and the layers in it, owned by the innermost scope; NULL with an error. NULL: the layer has
     * a forward function of its own, with other arguments. It takes its tensors from the module in every call. */
    ct_tensor *(*forward)(ct_module *module, ct_tensor *x);
} ct_layer;

/* An empty module, the root of its tree; its layers make parameters of dtype (float32 or float64). It is in training. The caller's
 * until ct_module_free(). As a layer it is a sequence: ct_forward() calls what was made in it, in turn. */
CT_API ct_module *ct_module_new(ct_dtype dtype);
/* Releases the tensors of the tree, and everything that was made in it. NULL is fine. Error (state): not the root of its tree. */
CT_API void ct_module_free(ct_module *module);

/* A module in parent: its path is parent's, a dot and name; name NULL is the number of modules that parent has already, "0" for the
 * first. self (layer->self_size bytes) is copied; NULL stands for all zero. The record must last as long. On an error parent is as it
 * was: NULL, argument (empty name, or one that is taken), memory, those of build. */
CT_API ct_module *ct_layer_new(ct_module *parent, const char *name, const ct_layer *layer, const void *self);
/* The layer's own struct, to read and to write; belongs to module. */
CT_API void *ct_module_self(const ct_module *module);
/* Calls the layer on x, in a region of its name. Errors: those of its expression, state (the layer has no forward for one
 * tensor). */
CT_API ct_tensor *ct_forward(ct_module *module, ct_tensor *x);
/* The same as a ct_model: ct_fit(ct_module_forward, module, ...). */
CT_API ct_tensor *ct_module_forward(void *module, ct_tensor *x);
/* What ct_forward() does before and after the call, for layers whose forward takes other arguments. begin: error if module is no
 * live module whose record is layer (NULL: any); what begins the message. end returns y; it must follow a begin that succeeded. */
CT_API ct_status ct_forward_begin(ct_module *module, const ct_layer *layer, const char *what);
CT_API ct_tensor *ct_forward_end(ct_module *module, ct_tensor *y);

/* ---- the tree ---- */

CT_API const ct_layer *ct_module_layer(const ct_module *module); /* its record; NULL for NULL */
/* "features.0" in its tree, "" for the root; belongs to module. */
CT_API const char *ct_module_path(const ct_module *module);
CT_API int64_t ct_module_children(const ct_module *module);                /* modules made in it */
CT_API ct_module *ct_module_child(const ct_module *module, int64_t index); /* in that order; NULL outside */
CT_API ct_module *ct_module_find(const ct_module *module,
                                 const char *path);       /* "features.0"; NULL (no error) if there is none */
CT_API ct_dtype ct_module_dtype(const ct_module *module); /* of the parameters that layers make */
/* Between push and pop what is made in module goes to the module of that name in it, which is made if there is none: parameters of
 * a layer "conv1" are then "block1.conv1.weight". Errors: NULL, argument (empty), memory. */
CT_API ct_status ct_module_push(ct_module *module, const char *name);
CT_API void ct_module_pop(ct_module *module);
/* bytes of zeroed memory that live as long as the module: an object of the kind "layer" (ct_object_check()). */
CT_API void *ct_module_alloc(ct_module *module, size_t bytes);

/* Training, or evaluation, of the module and all in it: dropout drops and batch norms take the batch's statistics in training only. A
 * module is made in the mode of what it is made in, the root in training. ct_fit() and ct_evaluate() set it, and leave it as it was. */
CT_API ct_status ct_module_train(ct_module *module, bool training);
/* What layers ask. false for NULL. */
CT_API bool ct_module_training(const ct_module *module);

/* ---- tensors ----
 * A module's list holds the tensors of all modules in it, in the order in which they were added, with names as it sees them. */

/* The module takes over t under that name, as a parameter (trained: asks for a gradient) or a buffer (only saved); returns t.
 * Errors: NULL, argument (empty name, or one that is taken; a tensor that this module or another has already), dtype (a parameter
 * that is no float), state (t is the result of a recorded operation), memory; t then stays where it was. */
CT_API ct_tensor *ct_module_parameter(ct_module *module, const char *name, ct_tensor *t);
CT_API ct_tensor *ct_module_buffer(ct_module *module, const char *name, ct_tensor *t);
typedef struct CT_BY_NAME ct_add_options {
    CT_OPTIONS_HEAD;
    bool buffer; /* a buffer in place of a parameter */
    int64_t fan_in,
        fan_out; /* for the initialiser; both 0: those of the shape [out, in, ...], or [n] in and out of a shape [n] */
} ct_add_options;
#define CT_DEFAULTS_ct_add_options
CT_API void ct_add_options_init(ct_add_options *options, size_t size);
/* A new parameter of that shape and the module's dtype, drawn by the initialiser (NULL: ct_init_torch). Errors: those above and of
 * ct_initialize_(). options may be NULL. */
CT_API ct_tensor *ct_module_add(ct_module *module, const char *name, const ct_initializer *initializer,
                                const int64_t *shape, int rank, const ct_add_options *options);
/* One tensor under two names, as for the weights of an embedding and of the layer that undoes it: name stands for the tensor called
 * of from now on. Layers that have it under either name compute with that one; it is trained and counted once and saved under both
 * names. The tensor that name had goes; a name that there is not yet is added. Tie before an optimiser is made. Errors: NULL,
 * argument (no tensor is called of), shape, dtype (also: one is a parameter, the other a buffer), memory. */
CT_API ct_status ct_module_tie(ct_module *module, const char *name, const char *of);
/* The index of the tensor that the name at index stands for besides; -1: it has a tensor of its own. */
CT_API int64_t ct_module_tied(const ct_module *module, int64_t index);

CT_API int64_t ct_module_count(const ct_module *module);                    /* names in the list */
CT_API const char *ct_module_name(const ct_module *module, int64_t index);  /* belongs to module; NULL outside */
CT_API ct_tensor *ct_module_tensor(const ct_module *module, int64_t index); /* belongs to module; NULL outside */
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

/* ---- the state dict ---- */

/* Writes the state dict, every parameter and buffer under its name, as .safetensors, atomically. */
CT_API ct_status ct_module_save(const ct_module *module, const char *path);

typedef struct CT_BY_NAME ct_load_options {
    CT_OPTIONS_HEAD;
    bool partial; /* names that the file or the module alone has are no error: the rest is loaded */
    bool cast;    /* float32 is read into float64 and back */
    /* Pairs of patterns, CT_RENAME("backbone.*", "features.*"): what the module calls the file's tensors. A pattern has one "*" or none; the
     * first that matches counts; what none matches keeps its name. NULL: none. */
    const char *const *rename;
} ct_load_options;
#define CT_DEFAULTS_ct_load_options
CT_API void ct_load_options_init(ct_load_options *options, size_t size);
/* Stands for the option .rename. */
#define CT_RENAME(...)              \
    .rename = (const char *const[]) \
    {                               \
        __VA_ARGS__, NULL, NULL     \
    }

/* Reads one back, PyTorch's too; float16 and bfloat16 in the file count as float32. Names, shapes and dtypes must be the module's, but that
 * of names tied to each other one is enough, and those that are there must agree; the num_batches_tracked of PyTorch's batch norms is
 * skipped. On any error nothing has changed. Errors: NULL, io, format (not safetensors; missing or unexpected names unless partial),
 * shape, dtype, memory. options may be NULL. */
CT_API ct_status ct_module_load(ct_module *module, const char *path, const ct_load_options *options);
/* The names that the last ct_module_load() of this module, whether it succeeded or not, found in one of the two only: a line each, "missing
 * fc.weight" or "unexpected head.weight"; "" for none. Belongs to module, until the next load. */
CT_API const char *ct_module_load_report(const ct_module *module);

/* Freezes the parameters whose names match the pattern (of a shell: "features.*" has all in features), or trains them again: they ask for no
 * gradient, have none, and stay as they are in an optimiser's step. Errors: NULL, argument (it matches no parameter). */
CT_API ct_status ct_module_requires_grad_(ct_module *module, const char *pattern, bool requires_grad);

/* ---- the summary ---- */

typedef struct CT_BY_NAME ct_summary_options {
    CT_OPTIONS_HEAD;
    ct_tensor *
        input; /* the model is called on it, in evaluation, for the shapes of what the layers return; NULL: without shapes */
    ct_tensor *(*forward)(void *model, ct_tensor *x); /* a ct_model; NULL: ct_forward() of the module */
    void *model;
} ct_summary_options;
#define CT_DEFAULTS_ct_summary_options
CT_API void ct_summary_options_init(ct_summary_options *options, size_t size);

/* Writes a table for people: the layers of the module with what each returned last, [sizes], and the number of its parameters; their sum,
 * how many of them are trained and frozen, and the elements of buffers. Errors: NULL, io, memory, those of the model. */
CT_API ct_status ct_module_summary(ct_module *module, FILE *stream, const ct_summary_options *options);
/* The same as a string; returns the length without the terminating 0, writes at most size bytes, like snprintf. 0 with an error. */
CT_API size_t ct_module_summary_text(ct_module *module, char *buffer, size_t size, const ct_summary_options *options);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_module_new(dtype) ct_at_object(CT_HERE, ct_module_new(dtype))
#define ct_module_free(...) (void)ct_at_integer(CT_HERE, (ct_module_free(__VA_ARGS__), 0))
#define ct_layer_new(module, name, ...) ct_at_object(CT_HERE, ct_layer_new(module, name, __VA_ARGS__))
#define ct_forward(module, x) ct_at(CT_HERE, ct_forward(module, x))
#define ct_module_forward(module, x) ct_at(CT_HERE, ct_module_forward(module, x))
#define ct_forward_end(module, y) ct_at(CT_HERE, ct_forward_end(module, y))
#define ct_forward_begin(module, layer, what) ct_at_status(CT_HERE, ct_forward_begin(module, layer, what))
#define ct_module_push(module, name) ct_at_status(CT_HERE, ct_module_push(module, name))
#define ct_module_alloc(module, bytes) ct_at_object(CT_HERE, ct_module_alloc(module, bytes))
#define ct_module_train(module, training) ct_at_status(CT_HERE, ct_module_train(module, training))
#define ct_module_parameter(...) ct_at(CT_HERE, ct_module_parameter(__VA_ARGS__))
#define ct_module_buffer(...) ct_at(CT_HERE, ct_module_buffer(__VA_ARGS__))
#define ct_module_add(...) ct_at(CT_HERE, CT_WITH5(ct_module_add, ct_add_options, __VA_ARGS__, ))
#define ct_module_tie(...) ct_at_status(CT_HERE, ct_module_tie(__VA_ARGS__))
#define ct_module_exchange(...) ct_at_status(CT_HERE, ct_module_exchange(__VA_ARGS__))
#define ct_module_save(module, path) ct_at_status(CT_HERE, ct_module_save(module, path))
#define ct_module_load(...) ct_at_status(CT_HERE, CT_WITH2(ct_module_load, ct_load_options, __VA_ARGS__, ))
#define ct_module_summary(...) ct_at_status(CT_HERE, CT_WITH2(ct_module_summary, ct_summary_options, __VA_ARGS__, ))
#define ct_module_summary_text(...) \
    (size_t) ct_at_integer(CT_HERE, (int64_t)CT_WITH3(ct_module_summary_text, ct_summary_options, __VA_ARGS__, ))
#define ct_module_requires_grad_(...) ct_at_status(CT_HERE, ct_module_requires_grad_(__VA_ARGS__))
#endif

#ifdef __cplusplus
}
#endif
#endif
