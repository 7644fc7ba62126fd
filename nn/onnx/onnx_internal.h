/* What ct_onnx_write() is made of: what a function did (record.c), how each operation is said in ONNX (operators.c, a row each;
 * rows.c reads them), and the file around it (write.c). Field numbers are those of onnx.proto. */
#ifndef CT_ONNX_INTERNAL_H
#define CT_ONNX_INTERNAL_H

#include "message.h"
#include "nn_internal.h"
#include <cotan/dlpack.h>
#include <cotan/observe.h>
#include <cotan/onnx.h>

#define CT_ONNX_WRITE "onnx_write"
enum { CT_ONNX_NAME = 200 }; /* bytes of a value's name */

typedef struct ct__onnx_call ct__onnx_call;

/* How an operation is said. */
typedef struct ct__onnx_row {
    const char *op;   /* the record's name */
    const char *text; /* one expression for each output, with " | " between them; see rows.c */
    /* Puts attributes that have to be computed into the node, where text says "@"; NULL: there are none. */
    void (*put)(ct__message *node, const ct__onnx_call *call);
    bool (*fits)(
        const ct__onnx_call *call); /* whether the row says this call; NULL: any whose inputs it names are there */
} ct__onnx_row;

/* A tensor: its elements, wherever it is looked at. Invariant: what is lent stays, so that no other tensor has its place. */
typedef struct ct__onnx_value {
    ct_dl_versioned *loan;
    ct_dtype dtype;
    uint64_t sum;       /* of its bytes, when it was met */
    bool input, result; /* the caller's */
    bool made;          /* by a call; otherwise an input or a constant */
    bool needed;
    char name[CT_ONNX_NAME];
} ct__onnx_value;

/* A call of an operation. -1 is the number of an optional input left out. */
struct ct__onnx_call {
    const ct__onnx_row *row; /* NULL: there is none */
    ct_op op;                /* a copy: a definition's record does not last */
    unsigned char attributes[CT_MAX_ATTRIBUTES];
    int n_inputs, n_outputs;
    int64_t inputs[CT_MAX_INPUTS], outputs[CT_MAX_OUTPUTS];
    ct_dtype dtype; /* of the first input */
    int ranks[CT_MAX_INPUTS];
    int64_t shape[CT_MAX_RANK]; /* of the first input */
    int64_t to[CT_MAX_RANK];    /* of the first output */
    int to_rank;
    bool needed;
};

typedef struct ct__onnx_graph {
    ct__onnx_value *values;
    int64_t n_values, room_values;
    ct__onnx_call *calls;
    int64_t n_calls, room_calls;
    int inside;           /* so many calls are under way within one that a row says */
    int64_t n_made;       /* names made up for what lies between */
    ct__message contents; /* nodes and constants as they are written */
} ct__onnx_graph;

/* ---- record.c ---- */
/* The observer; user is the graph. */
ct_status ct__onnx_observe(const ct_event *event, void *user);
/* The number of t's value, which is new if no other is the same; -1 with an error (memory). */
int64_t ct__onnx_value_of(ct__onnx_graph *g, const ct_tensor *t);
/* Whether the bytes are still those that were met. */
bool ct__onnx_unchanged(const ct__onnx_value *v);
/* Its elements, row-major. */
void ct__onnx_put_elements(const ct__onnx_value *v, ct__message *to);
void ct__onnx_graph_free(ct__onnx_graph *g);

/* ---- operators.c ---- */
/* The first row that says this call, or NULL. */
const ct__onnx_row *ct__onnx_row_of(const ct__onnx_call *call);

/* ---- rows.c ---- */
/* Whether the inputs that text names are all there. */
bool ct__onnx_inputs_are_there(const char *text, const ct__onnx_call *call);
/* Puts the nodes of a call into the graph's contents. Errors: argument (it cannot be said), memory. */
ct_status ct__onnx_put_call(ct__onnx_graph *g, const ct__onnx_call *call);

/* ---- write.c ---- */
/* ONNX's number of a dtype. */
int64_t ct__onnx_type(ct_dtype dtype);
/* Puts a constant of that name. */
void ct__onnx_put_constant(ct__onnx_graph *g, const char *name, ct_dtype dtype, const int64_t *shape, int rank,
                           const void *bytes, size_t n);
/* Puts an attribute into a node: AttributeProto's fields. */
void ct__onnx_put_integers(ct__message *node, const char *name, const int64_t *values, int n);
void ct__onnx_put_integer(ct__message *node, const char *name, int64_t value);
void ct__onnx_put_number(ct__message *node, const char *name, double value);
void ct__onnx_put_word(ct__message *node, const char *name, const char *word);

#endif
