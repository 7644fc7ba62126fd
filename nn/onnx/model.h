/* A model as it is read: its nodes in order, with numbers for the names of tensors (model.c), run by what each operator is here
 * (run.c, operators_in.c and the files beside it). */
#ifndef CT_ONNX_MODEL_H
#define CT_ONNX_MODEL_H

#include "nn_internal.h"
#include "proto.h"
#include <cotan/onnx.h>

#define CT_ONNX_READ "onnx_read"

typedef struct ct__onnx_run ct__onnx_run;

/* An operator: one of the functions. */
typedef struct ct__onnx_operator {
    const char *name;
    ct_tensor *(*one)(ct_tensor *x);
    ct_tensor *(*two)(ct_tensor *a, ct_tensor *b);
    ct_tensor *(*reduce)(ct_tensor *x, const ct_reduce_options *options);
    ct_tensor *(*run)(ct__onnx_run *r); /* returns output 0, and puts others into r->out */
} ct__onnx_operator;

/* Tensors have numbers; -1 is none. */
typedef struct ct__onnx_node {
    const ct__onnx_operator *operator;
    ct__span message; /* NodeProto */
    int n_inputs, n_outputs;
    int64_t *inputs, *outputs; /* places in the model's numbers */
} ct__onnx_node;

typedef struct ct__onnx_model {
    ct__span file;
    int64_t opset;
    int64_t n_names, n_nodes, n_inputs, n_outputs;
    ct__span *names; /* sorted */
    ct__onnx_node *nodes;
    int64_t *numbers;          /* of what the nodes have, one after the other */
    int64_t *inputs, *outputs; /* numbers of the caller's */
    int64_t *places;           /* of each name: its index in the module's list, or -1 */
    char **texts;              /* the names of inputs, then of outputs */
} ct__onnx_model;

/* A node that runs. */
struct ct__onnx_run {
    const ct__onnx_model *model;
    const ct__onnx_node *node;
    ct_module *module;
    ct_tensor *in[CT_MAX_INPUTS]; /* NULL: left out */
    ct_tensor *out[CT_MAX_OUTPUTS];
};

/* ---- model.c ---- */
/* Fills model from its file, with memory of module, to which the constants go. Errors: format, memory, argument. */
ct_status ct__onnx_parse(ct__onnx_model *model, ct_module *module);
/* A tensor from a TensorProto; NULL with an error: format, memory. */
ct_tensor *ct__onnx_tensor(ct__span message);
/* NULL if it has none of that name. */
const ct__onnx_operator *ct__onnx_operator_of(ct__span name);
/* Our dtype for ONNX's number of one; false if there is none. */
bool ct__onnx_dtype(int64_t type, ct_dtype *dtype);

/* ---- run.c: what operators ask for ---- */
/* Records the error "onnx_read: <operator>: <message>" (format); returns NULL. */
ct_tensor *ct__onnx_refuse(const ct__onnx_run *r, const char *message);
/* Attributes by name, or usual; integers: how many there are, at most room of which are written, -1 for none. */
int64_t ct__onnx_integer(const ct__onnx_run *r, const char *name, int64_t usual);
double ct__onnx_number(const ct__onnx_run *r, const char *name, double usual);
int ct__onnx_integers(const ct__onnx_run *r, const char *name, int64_t *values, int room);
bool ct__onnx_has(const ct__onnx_run *r, const char *name);
bool ct__onnx_is_word(const ct__onnx_run *r, const char *name, const char *word, bool usual);
ct__span ct__onnx_bytes(const ct__onnx_run *r, const char *name, int field); /* of AttributeProto */
/* The integers that input i has; -1 if it is left out, or has more than room or another type, with an error. */
int ct__onnx_input_integers(const ct__onnx_run *r, int i, int64_t *values, int room);
/* The same of the attribute of that name, where input i is left out. */
int ct__onnx_either(const ct__onnx_run *r, int i, const char *name, int64_t *values, int room);
/* An axis as a number from 0 on; -1 with an error. */
int ct__onnx_axis(const ct__onnx_run *r, int64_t axis, int rank);
/* x * factor, or x itself for 1. */
ct_tensor *ct__onnx_times(ct_tensor *x, double factor);

/* ---- operators_windows.c, operators_shape.c, operators_recurrent.c ---- */
ct_tensor *ct__onnx_conv(ct__onnx_run *r);
ct_tensor *ct__onnx_conv_transpose(ct__onnx_run *r);
ct_tensor *ct__onnx_max_pool(ct__onnx_run *r);
ct_tensor *ct__onnx_average_pool(ct__onnx_run *r);
ct_tensor *ct__onnx_global_average_pool(ct__onnx_run *r);
ct_tensor *ct__onnx_global_max_pool(ct__onnx_run *r);
ct_tensor *ct__onnx_reshape(ct__onnx_run *r);
ct_tensor *ct__onnx_flatten(ct__onnx_run *r);
ct_tensor *ct__onnx_squeeze(ct__onnx_run *r);
ct_tensor *ct__onnx_unsqueeze(ct__onnx_run *r);
ct_tensor *ct__onnx_transpose(ct__onnx_run *r);
ct_tensor *ct__onnx_expand(ct__onnx_run *r);
ct_tensor *ct__onnx_tile(ct__onnx_run *r);
ct_tensor *ct__onnx_slice(ct__onnx_run *r);
ct_tensor *ct__onnx_split(ct__onnx_run *r);
ct_tensor *ct__onnx_concat(ct__onnx_run *r);
ct_tensor *ct__onnx_pad(ct__onnx_run *r);
ct_tensor *ct__onnx_gather(ct__onnx_run *r);
ct_tensor *ct__onnx_gather_elements(ct__onnx_run *r);
ct_tensor *ct__onnx_scatter_elements(ct__onnx_run *r);
ct_tensor *ct__onnx_shape(ct__onnx_run *r);
ct_tensor *ct__onnx_size(ct__onnx_run *r);
ct_tensor *ct__onnx_lstm(ct__onnx_run *r);
ct_tensor *ct__onnx_gru(ct__onnx_run *r);
ct_tensor *ct__onnx_rnn(ct__onnx_run *r);

#endif
