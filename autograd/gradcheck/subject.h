/* What is under test: a function of tensors, in one of three kinds. */
#ifndef CT_GRADCHECK_SUBJECT_H
#define CT_GRADCHECK_SUBJECT_H

#include "findings.h"

/* The user's function, an operation, or the gradient of another subject. */
typedef struct ct__subject ct__subject;
struct ct__subject {
    /* Returns the number of outputs (an entry may be NULL: no such result), or -1 with an error. */
    int (*run)(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs);
    const char *name;
    int n_inputs, max_outputs;
    int gain; /* cotangents drawn for it are 2^gain times as large */
    bool
        lenient; /* at kinks: inputs are not the user's, and what an operation does at a tie of everything is its own affair */
    bool infinite; /* its gradient may be so: inputs are not meant for it */
    bool records;  /* run needs recording on even where no gradient is asked for */
    bool shares;   /* run may use tensors that are not its inputs, so only one thread may run it */
    bool
        differentiates; /* a function that runs the engine, and so needs what it is measured on to ask for gradients too */
    ct_function fn;
    void *user;
    const ct_op *op;
    const void *attributes;
    const char *sample_text;      /* of the sample of the record that it runs on, or NULL */
    const ct__subject *inner;     /* of a gradient: what it is the gradient of, */
    const bool *wanted;           /* with respect to these of its inputs (of a function: those that are checked), */
    ct_tensor *const *cotangents; /* and which of its outputs have a cotangent */
};

/* Runs fn once, on inputs of its own that ask for gradients as wanted, to see whether it differentiates. Errors: those of fn. */
ct_status ct__subject_function(ct__subject *subject, ct_function fn, void *user, ct_tensor *const *inputs, int n,
                               const bool *wanted);
ct__subject ct__subject_op(const ct_op *op, const void *attributes, int n);
/* (x, v) -> v^T J of inner: its inputs are those of inner, then one for each output that has a cotangent. */
ct__subject ct__subject_gradient(const ct__subject *inner, const bool *wanted, ct_tensor *const *cotangents);

/* The cotangent in the result's dtype, as the engine wants it; NULL with an error (memory). */
ct_tensor *ct__as_cotangent(ct_tensor *cotangent, const ct_tensor *result);
/* Outputs of a run that a gradient can start from, with their cotangents; returns how many, or -1 with an error. */
int ct__choose_roots(ct_tensor *const *outputs, ct_tensor *const *cotangents, int m, ct_tensor **roots,
                     ct_tensor **gradients);

#endif
