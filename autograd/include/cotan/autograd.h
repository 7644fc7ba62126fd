/* Operations as records, the one door they go through, and reverse-mode differentiation over the graph it leaves behind.
 *
 * An operation is a constant ct_op. ct_apply() checks its inputs, asks its shape rule, allocates, runs its forward and,
 * when a gradient is wanted, leaves a node behind: the op, its attributes, what it saved, edges to where its inputs came
 * from, and the line of the user's code. A user's operation is the same record through the same door. */
#ifndef COTAN_AUTOGRAD_H
#define COTAN_AUTOGRAD_H

#include <cotan/options.h>
#include <cotan/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CT_MAX_INPUTS 64      /* inputs of one operation */
#define CT_MAX_OUTPUTS 8      /* outputs of one operation */
#define CT_MAX_ATTRIBUTES 256 /* bytes of attributes of one operation */

/* Sets of element types, for what a record takes: CT_ONLY(CT_INT64) | CT_ONLY(CT_INT32), say. */
#define CT_ONLY(dtype) (1U << (dtype))
#define CT_FLOATS (CT_ONLY(CT_FLOAT32) | CT_ONLY(CT_FLOAT64))
#define CT_INTEGERS (CT_ONLY(CT_INT64) | CT_ONLY(CT_INT32) | CT_ONLY(CT_UINT8))
#define CT_COMPUTED (CT_FLOATS | CT_INTEGERS | CT_ONLY(CT_BOOL))                /* what there is arithmetic for */
#define CT_ANY_DTYPE (CT_COMPUTED | CT_ONLY(CT_FLOAT16) | CT_ONLY(CT_BFLOAT16)) /* what can be moved */
#define CT_MIXED (1U << 15) /* in a set: the input may have another element type than the others */
#define CT_MASKS (CT_ONLY(CT_BOOL) | CT_ONLY(CT_UINT8) | CT_MIXED) /* true is what is not 0 */
#define CT_TAKES 8                                                 /* sets in a record */

/* CT_TENSORS(a, b) stands for the two arguments (tensors, n). */
#define CT_TENSORS(...) \
    ((ct_tensor *[]){__VA_ARGS__}), (int)(sizeof((ct_tensor *[]){__VA_ARGS__}) / sizeof(ct_tensor *))

/* ---- the record ---- */

/* One call of an operation, as its functions see it. */
typedef struct ct_call ct_call;

/* A sample call for the tests and the checker. inputs describes one tensor a word:
 *     word  := [kind ":"] shape ["@" low ".." high]
 *     kind  := "f" float in the dtype under test (the default) | "i" N  int64 in [0, N) | "u" N  uint8 in [0, N) | "b" bool | "null";
 *              M "-" N for numbers in [M, N)
 *     shape := "scalar" | sizes joined with "x"
 * e.g. "3x4 4@0.2..3 i5:7 null" (float inputs are uniform in [-2, 2) unless @ says otherwise; "null" stands alone for an
 * optional input left out; append "!" to a float word that must not require a gradient). attributes may be NULL. */
typedef struct ct_sample {
    const char *inputs;
    const void *attributes;
} ct_sample;

/* What a node must keep for backward. Only what is named here can be asked for there. */
#define CT_SAVE_INPUT(i) (UINT64_C(1) << (i)) /* i in 0..47 */
#define CT_SAVE_INPUTS ((UINT64_C(1) << 48) - 1)
#define CT_SAVE_OUTPUT(i) (UINT64_C(1) << (48 + (i))) /* i in 0..7 */

/* An operation: what it is called, what it takes, how it computes and goes back, and samples to check it on. */
typedef struct ct_op {
    const char *name; /* PyTorch's where it has one */
    /* Formula of the gradient in words; "none: why" for an operation without one, which is an error to leave out where a
     * gradient is wanted and there is no backward. */
    const char *gradient;
    int min_inputs, max_inputs; /* required ones first, the others may be NULL; CT_MAX_INPUTS: a list, none NULL */
    int outputs;                /* 0 counts as 1 */
    uint64_t saves;             /* CT_SAVE_INPUT(0) | CT_SAVE_OUTPUT(0) | ... */
    size_t attributes_size;     /* at most CT_MAX_ATTRIBUTES: a plain struct without padding that matters */
    /* The attributes' names, for stories, pictures and traces: a word each, in the struct's order, "axes:8n n_axes p:1d". Each is an
     * int64_t, or so many behind a colon; with a letter behind the number doubles (d), int32_t (w), bytes of a text (s), a
     * ct_dtype as int64_t (t), or as many int64_t as the next attribute says (n), which is not shown itself. "-" stands for one that is not shown. NULL: none is. */
    const char *attribute_names;
    /* The element types that inputs may have, a set for each: 0 is the set of the input before it, and for the first
     * CT_FLOATS; inputs behind the last set have that. Inputs that have a choice must all choose alike, but for those that are
     * CT_MIXED. Anything else is an error before infer, so the others may rely on it. */
    uint16_t takes[CT_TAKES];
    /* Shape rule: checks the inputs and declares each output with ct_call_output_like() or ct_call_output_shape(), or, for
     * a view of an input, ct_call_output_view(). An error is recorded with ct_call_error(). */
    ct_status (*infer)(ct_call *call);
    /* Fills the outputs; NULL when all are views. Sees all inputs and attributes. May fail only for memory. */
    ct_status (*forward)(ct_call *call);
    /* Sets the gradient of each input that ct_call_needs_grad(), as tensors computed by operations, so that it can be
     * differentiated again. Sees saved inputs and outputs and ct_call_grad_output(); an input left unset gets zero. The
     * engine sums a broadcast gradient down to its input's shape. NULL: no gradient flows through this operation. */
    ct_status (*backward)(ct_call *call);
    /* Instead of infer, forward and backward: the operation as an expression over other operations. Returns the result,
     * or NULL with an error. It sees all inputs and attributes.
     * Beside infer, forward and backward it is the definition, and they are its shortcut: an ordinary pass takes them, and backward
     * may work on raw elements, with ct_call_grad_output_data() and ct_call_grad_input_data(). Where the gradient is itself to be
     * differentiated (create_graph), the expression is run again on the inputs, which the node saves, and takes their place; so it
     * may draw no random numbers, and change nothing. The checks hold the two against each other. */
    ct_tensor *(*expression)(ct_call *call);
    const ct_sample *samples; /* ends with a sample whose inputs are NULL */
    const char *source;       /* where the formula is from; may be NULL */
    const char *roles;        /* what inputs are called in messages, a word each: "x index"; may be NULL */
    const char *function;     /* the function that applies it, for messages, if that has another name; else NULL */
    /* Floating-point operations of forward, for profiles: a product and a sum are two. NULL: not counted. */
    double (*flops)(ct_call *call);
    /* Beside an expression: outputs behind the others that only forward fills and only backward sees, of those that .saves names.
     * The shape rule declares them, and nobody gets them. */
    int hidden;
} ct_op;

/* Whether the record says in .gradient that it has none ("none: why"). False for NULL. */
CT_API bool ct_has_no_gradient(const ct_op *op);

/* The attribute of that name in attributes (attributes_size bytes, as .attribute_names describes them): how many numbers it has, of
 * which at most room are written to values (NULL: none). -1 if the record has none of that name and kind, or something is NULL. */
CT_API int64_t ct_attribute_integers(const ct_op *op, const void *attributes, const char *name, int64_t *values,
                                     int64_t room); /* a ct_dtype too */
CT_API int64_t ct_attribute_numbers(const ct_op *op, const void *attributes, const char *name, double *values,
                                    int64_t room);

/* ---- the call, from inside an operation's functions ---- */

CT_API int ct_call_inputs(const ct_call *call); /* number given, optional ones included */
/* Input i, or NULL for an optional one left out. In backward: the saved input, and NULL with an error when the op does not
 * save it or it was changed in place since. */
CT_API ct_tensor *ct_call_input(ct_call *call, int i);
/* The attributes: attributes_size bytes. */
CT_API const void *ct_call_attributes(const ct_call *call);
/* Output i: in forward the tensor to fill (contiguous unless a view); in backward the saved output. */
CT_API ct_tensor *ct_call_output(ct_call *call, int i);
/* Data pointers for forward: input i as contiguous row-major elements (the input itself, or a copy owned by the call when
 * it is strided), and output i. NULL with an error (memory). */
CT_API const void *ct_call_input_data(ct_call *call, int i);
CT_API void *ct_call_output_data(ct_call *call, int i);
/* The same as elements of the C type given, as in CT_INPUT(double, call, 0); NULL with an error (dtype) if they are of another
 * type, which .takes can rule out. */
#define CT_INPUT(type, call, i) ((const type *)ct_call_input_as(call, i, CT_DTYPE_OF(type)))
#define CT_OUTPUT(type, call, i) ((type *)ct_call_output_as(call, i, CT_DTYPE_OF(type)))
#define CT_DTYPE_OF(type)          \
    _Generic((type){0}, float      \
             : CT_FLOAT32, double  \
             : CT_FLOAT64, int64_t \
             : CT_INT64, int32_t   \
             : CT_INT32, uint8_t   \
             : CT_UINT8)
CT_API const void *ct_call_input_as(ct_call *call, int i, ct_dtype dtype);
CT_API void *ct_call_output_as(ct_call *call, int i, ct_dtype dtype);

/* In infer: output i has this dtype and shape, or that of t, or is a view of input j with the offset (in elements from
 * the storage's beginning) and strides given. */
CT_API ct_status ct_call_output_shape(ct_call *call, int i, ct_dtype dtype, const int64_t *shape, int rank);
CT_API ct_status ct_call_output_like(ct_call *call, int i, const ct_tensor *t);
CT_API ct_status ct_call_output_view(ct_call *call, int i, int input, int64_t offset, const int64_t *shape,
                                     const int64_t *strides, int rank);
/* In expression, for an operation with several outputs: output i is t; the expression returns output 0. NULL: what made t has
 * failed; returns that failure. */
CT_API ct_status ct_call_set_output(ct_call *call, int i, ct_tensor *t);
/* Records "<op name>: <message>" as the error and returns code. The message should end with what came: shapes as %s from
 * ct_call_shapes(). */
CT_API ct_status ct_call_error(ct_call *call, ct_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "[3,4], [4,5]": the inputs' shapes, for messages. The text lasts until the thread's next call of this function. */
CT_API const char *ct_call_shapes(const ct_call *call);

/* In backward. */
CT_API bool ct_call_needs_grad(const ct_call *call, int i);
/* NULL: nothing flows back into output i, which counts as zero. */
CT_API ct_tensor *ct_call_grad_output(ct_call *call, int i);
/* Sets the gradient of input i. grad NULL: the expression that made it failed; returns that failure. */
CT_API ct_status ct_call_set_grad(ct_call *call, int i, ct_tensor *grad);
/* In the backward of a record that has an expression beside it. What flows back into output i, as contiguous row-major elements:
 * NULL if nothing does, or with an error (memory). */
CT_API const void *ct_call_grad_output_data(ct_call *call, int i);
/* The same. Sets the gradient of input i to a new tensor of its shape and returns its elements, to be filled: NULL if none is needed, or
 * with an error (memory). */
CT_API void *ct_call_grad_input_data(ct_call *call, int i);

/* ---- the door ---- */

/* Applies op to n inputs. Returns its first output, owned by the innermost scope, or NULL with an error. NULL as a required
 * input gives NULL and leaves a pending error as it is; so does NULL as an optional one while an error is pending.
 * attributes (op->attributes_size bytes) are copied; NULL stands for all zero. */
CT_API ct_tensor *ct_apply(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes);
/* The same for an operation with several outputs; outputs has room for op->outputs. On failure all are NULL. */
CT_API ct_status ct_apply_multi(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes,
                                ct_tensor **outputs);

/* While on, this thread's calls of operations that have a shortcut beside their expression take the expression: it is slower, leaves
 * the nodes of what it is made of to look at, and may differ in the last bits. Returns whether it was on before. */
CT_API bool ct_use_definitions(bool on);

/* ---- leaves and recording ---- */

/* Whether gradients flow to t: a leaf that asked for one, or a result of such. */
CT_API bool ct_requires_grad(const ct_tensor *t);
/* Makes the leaf t ask for a gradient, or stop asking: then no backward adds to what it has, also over graphs made before. Returns t.
 * Error (dtype, state) for integers and for results of operations. */
CT_API ct_tensor *ct_set_requires_grad(ct_tensor *t, bool requires_grad);
/* A trainable leaf: ct_keep() and ct_set_requires_grad(true). It is the caller's until ct_release(). */
CT_API ct_tensor *ct_parameter(ct_tensor *t);
/* The accumulated gradient of t, or NULL. Belongs to t, and the next backward adds into it; its elements are nobody else's, so
 * changing them in place, to clip them say, changes no other tensor. ct_keep() it to hold on to it past the next ct_zero_grad(). */
CT_API ct_tensor *ct_grad_of(const ct_tensor *t);
/* Replaces the accumulated gradient by a copy of grad (same shape and dtype; NULL clears). Errors: NULL, shape, memory. */
CT_API ct_status ct_set_grad(ct_tensor *t, ct_tensor *grad);
CT_API void ct_zero_grad(ct_tensor *t);
/* The same elements, outside any graph. Shares storage. */
CT_API ct_tensor *ct_detach(ct_tensor *t);
/* Whether no recorded operation has made t. */
CT_API bool ct_is_leaf(const ct_tensor *t);

/* Between begin and end nothing is recorded on this thread. Sections nest. */
CT_API void ct_no_grad_begin(void);
CT_API void ct_no_grad_end(void);
CT_API bool ct_grad_enabled(void);

/* ---- differentiation ---- */

typedef struct CT_BY_NAME ct_backward_options {
    CT_OPTIONS_HEAD;
    ct_tensor *gradient; /* cotangent of the root, of its shape and dtype; NULL: 1, for a one-element root only */
    bool retain_graph;   /* keep what nodes saved, so that backward can run again */
    bool create_graph;   /* record the backward itself, for gradients of gradients; implies retain_graph */
} ct_backward_options;
#define CT_DEFAULTS_ct_backward_options
CT_API void ct_backward_options_init(ct_backward_options *options, size_t size);

/* Runs the graph behind root backwards and adds the gradients into its leaves (ct_grad_of). On any failure no leaf's
 * gradient has changed. Errors: NULL; shape and dtype of gradient; state (root needs no gradient, has several elements and
 * no gradient was given, graph already freed, saved tensor changed in place since); memory. options may be NULL. */
CT_API ct_status ct_backward(ct_tensor *root, const ct_backward_options *options);

typedef struct CT_BY_NAME ct_grad_options {
    CT_OPTIONS_HEAD;
    ct_tensor *const *gradients; /* a cotangent for each output, entries may be NULL as above; NULL: all so */
    bool retain_graph, create_graph;
    bool allow_unused; /* an input that the outputs do not depend on gets NULL; otherwise that is an error */
} ct_grad_options;
#define CT_DEFAULTS_ct_grad_options
CT_API void ct_grad_options_init(ct_grad_options *options, size_t size);

/* Gradients of the outputs' sum (weighted by their cotangents) for chosen tensors of the graph, leaves or not; leaves
 * accumulate nothing. results has room for n_inputs; they are owned by the innermost scope, and each has elements of its own. */
CT_API ct_status ct_grad(ct_tensor *const *outputs, int n_outputs, ct_tensor *const *inputs, int n_inputs,
                         ct_tensor **results, const ct_grad_options *options);

/* A hook sees the gradient of t once it is complete, in every backward, and may return another in its place (of the same
 * shape and dtype) or NULL to leave it; NULL with a new error pending makes the backward fail. Hooks run in the order they were
 * added, those of a leaf after the whole graph. In a hook operations are recorded only with create_graph; it may run a backward
 * over another graph, with the same leaves or others. The gradient that it sees it may keep, but not change in place (error: state).  Returns a handle > 0, or 0 with an error. */
typedef ct_tensor *(*ct_hook)(ct_tensor *grad, void *user);
CT_API int64_t ct_add_hook(ct_tensor *t, ct_hook hook, void *user);
/* A ready hook sees the gradient of a leaf as soon as backward has all of it, while the rest of the graph still runs: to send it
 * elsewhere meanwhile, say. What is accumulated already (ct_grad_of()) is not in it, and it may not be kept or changed; what stands in its place is
 * left to hooks of ct_add_hook(). It is told of no leaf to which no gradient comes. A status of its own makes the backward fail, which may fail
 * later all the same. Returns a handle > 0 for ct_remove_hook(), or 0 with an error: NULL, state (no leaf that asks for a gradient), memory. */
typedef ct_status (*ct_ready_hook)(const ct_tensor *grad, void *user);
CT_API int64_t ct_add_ready_hook(ct_tensor *leaf, ct_ready_hook hook, void *user);
/* Takes a hook of either kind away; one may take itself away. Errors: NULL, argument (t has no hook of that handle). */
CT_API ct_status ct_remove_hook(ct_tensor *t, int64_t handle);
/* Makes each backward leave the gradient of t, a result, in ct_grad_of(t) too, in the place of an earlier one's. */
CT_API ct_status ct_retain_grad(ct_tensor *t);

/* ---- looking at the graph ----
 * A node stands for one recorded operation. It is good as long as the tensor it was reached from; with lifetime checks, what is asked
 * of it later is an error (state). */
typedef struct ct_node ct_node; /* one recorded operation */

CT_API ct_node *ct_node_of(const ct_tensor *t);         /* NULL for a leaf */
CT_API const ct_op *ct_node_op(const ct_node *node);    /* the operation that was recorded */
CT_API const char *ct_node_file(const ct_node *node);   /* NULL if unknown */
CT_API int ct_node_line(const ct_node *node);           /* 0 if unknown */
CT_API const char *ct_node_region(const ct_node *node); /* as ct_region() was when it was recorded */
CT_API int ct_node_inputs(const ct_node *node);         /* how many the operation had */
/* The node that made input i, NULL for a leaf or an input without gradient; and which of its outputs the input is. */
CT_API ct_node *ct_node_input_node(const ct_node *node, int i);
CT_API int ct_node_input_output(const ct_node *node, int i);
CT_API ct_tensor *ct_node_input_leaf(const ct_node *node, int i); /* the leaf that input i is, or NULL */
/* Shape of output i: rank sizes, belonging to node. */
CT_API const int64_t *ct_node_output_shape(const ct_node *node, int i, int *rank);
/* The nodes behind root in the order in which backward visits them: returns their number and, if nodes is not NULL, writes the
 * first size of them. 0 for a leaf; -1 with an error (memory). */
CT_API int64_t ct_graph_nodes(const ct_tensor *root, ct_node **nodes, int64_t size);
/* Writes the graph behind root in Graphviz's language (https://graphviz.org/doc/info/lang.html). Leaves show their name if
 * names[i] is that of leaves[i]. Errors: NULL, io, memory. */
CT_API ct_status ct_graph_write_dot(const ct_tensor *root, ct_tensor *const *leaves, int64_t n,
                                    const char *const *names, FILE *stream);

/* Notes where the outputs were made (see ct_at), and hands the status on. */
CT_API ct_status ct_at_outputs(const char *file, int line, ct_status status, const ct_op *op,
                               ct_tensor *const *outputs);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_apply(op, ...) ct_at(CT_HERE, ct_apply(op, __VA_ARGS__))
#define ct_apply_multi(...) CT_APPLY_MULTI_(__VA_ARGS__)
#define CT_APPLY_MULTI_(op, inputs, n, attributes, outputs) \
    ct_at_outputs(CT_HERE, ct_apply_multi(op, inputs, n, attributes, outputs), op, outputs)
#define ct_set_requires_grad(t, requires_grad) ct_at(CT_HERE, ct_set_requires_grad(t, requires_grad))
#define ct_parameter(t) ct_at(CT_HERE, ct_parameter(t))
#define ct_set_grad(t, grad) ct_at_status(CT_HERE, ct_set_grad(t, grad))
#define ct_detach(t) ct_at(CT_HERE, ct_detach(t))
#define ct_zero_grad(...) (void)ct_at_integer(CT_HERE, (ct_zero_grad(__VA_ARGS__), 0))
#define ct_add_hook(...) ct_at_integer(CT_HERE, ct_add_hook(__VA_ARGS__))
#define ct_add_ready_hook(...) ct_at_integer(CT_HERE, ct_add_ready_hook(__VA_ARGS__))
#define ct_graph_nodes(...) ct_at_integer(CT_HERE, ct_graph_nodes(__VA_ARGS__))
#define ct_remove_hook(t, handle) ct_at_status(CT_HERE, ct_remove_hook(t, handle))
#define ct_retain_grad(t) ct_at_status(CT_HERE, ct_retain_grad(t))
#define ct_graph_write_dot(root, ...) ct_at_status(CT_HERE, ct_graph_write_dot(root, __VA_ARGS__))
#define ct_backward(...) ct_at_status(CT_HERE, CT_WITH1(ct_backward, ct_backward_options, __VA_ARGS__, ))
#define ct_grad(...) ct_at_status(CT_HERE, CT_WITH5(ct_grad, ct_grad_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
