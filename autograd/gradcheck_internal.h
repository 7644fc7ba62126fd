/* What the checker's files share: the thing under test, and one check of it.
 *
 * Invariant: a check works on its own copies of the inputs, so that nothing of the user's is ever perturbed. */
#ifndef CT_GRADCHECK_INTERNAL_H
#define CT_GRADCHECK_INTERNAL_H

#include "autograd_internal.h"
#include <cotan/gradcheck.h>

/* A function of tensors in one of three kinds: the user's, an operation, or the gradient of another check's subject. */
typedef struct ct__subject ct__subject;
struct ct__subject {
    /* Returns the number of outputs (an entry may be NULL: no such result), or -1 with an error. */
    int (*run)(const ct__subject *subject, ct_tensor *const *inputs, ct_tensor **outputs);
    const char *name;
    int n_inputs, max_outputs;
    bool records; /* run needs recording on even where no gradient is asked for */
    bool shares;  /* run may use tensors that are not its inputs, so only one thread may run it */
    ct_function fn;
    void *user;
    const ct_op *op;
    const void *attributes;
    struct ct__check *first; /* second order: the check whose gradient this is */
};

ct__subject ct__subject_function(ct_function fn, void *user, int n);
ct__subject ct__subject_op(const ct_op *op, const void *attributes, int n);
/* (x, v) -> v^T J of the subject that first checks. */
ct__subject ct__subject_gradient(struct ct__check *first);

/* One subject at one point, with one set of random cotangents. */
typedef struct ct__check {
    const ct__subject *subject;
    const ct_gradcheck_options *options; /* completed: no 0 stands for a default */
    ct_gradcheck_report *report;
    int sample, order;
    int n, m;               /* inputs and outputs */
    ct_tensor **x;          /* n contiguous copies, float64 where float; an entry may be NULL */
    bool *wanted;           /* n: its gradient is checked */
    ct_tensor **analytic;   /* n: the gradient as the engine computes it, float64; NULL where not wanted */
    ct_tensor **cotangents; /* max_outputs; NULL where an output is none, an integer or missing */
    ct_tensor **outputs;    /* max_outputs: room for one run */
    double phi, magnitude;  /* sum(out g) and sum |out g| at x */
    bool was_float32;       /* the inputs given were, all of the float ones */
    double unit;            /* relative rounding error of the results */
    ct_random_state stream; /* for cotangents and directions */
    int64_t confirmed_bad;  /* mismatches for which the costly kink test was done */
    void *block;            /* of the arrays above */
    size_t bytes;
} ct__check;

/* Copies the inputs, runs the subject twice, draws cotangents. wanted NULL: all float inputs. Everything made belongs to the
 * current scope and to the check; close even after a failure. If the subject does not repeat itself, that is in the report. */
ct_status ct__check_open(ct__check *check, const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                         const ct_gradcheck_options *options, ct_gradcheck_report *report);
void ct__check_close(ct__check *check);

/* Runs the subject on x, recorded, and returns the gradients of sum(out g) in grads (n; contiguous copies in x's dtype owned by
 * the current scope; 0 where nothing flows; NULL where not wanted). */
ct_status ct__vjp(ct__check *check, ct_tensor *const *x, const bool *wanted, ct_tensor *const *cotangents,
                  ct_tensor **grads);
/* The same with the check's own x, wanted, cotangents, into check->analytic. */
ct_status ct__check_gradient(ct__check *check);

/* Seeds the generator as it is before every run of the subject. */
void ct__check_seed(const ct__check *check);
/* Cotangents like the check's, drawn anew, in out (max_outputs). */
ct_status ct__draw_cotangents(ct__check *check, ct_tensor **out);

/* The numeric side: adds a row for each wanted input to the report. */
ct_status ct__check_numeric(ct__check *check);
/* The float32 run of the subject against check->analytic, which float64 computed. */
ct_status ct__check_float32(ct__check *check);
/* Structural checks of one subject (all kinds), and of an operation only. */
ct_status ct__check_structure(ct__check *check);
ct_status ct__check_op_structure(ct__check *check);
ct_status ct__check_op_sizes(const ct_op *op, const ct_sample *sample, const ct_gradcheck_options *options,
                             ct_gradcheck_report *report);
/* The whole of it: structure, value, second order, as the options ask. */
/* The graph that the subject, a function, records: node by node, and whole. */
ct_status ct__check_graph(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                          const ct_gradcheck_options *options, ct_gradcheck_report *report);
ct_status ct__check_subject(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted, int sample,
                            const ct_gradcheck_options *options, ct_gradcheck_report *report);

/* The structural part of it alone, and float32. */
ct_status ct__check_subject_structure(const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                                      const ct_gradcheck_options *options, ct_gradcheck_report *report);

/* Notes a failure: the first one stays the report's cause. */
void ct__report_fault(ct_gradcheck_report *report, const char *check, int argument, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Room for one more row, zeroed; NULL without memory (an error is recorded). */
ct_gradcheck_tensor *ct__report_row(ct_gradcheck_report *report);
void ct__report_raise(ct_gradcheck_report *report, ct_verdict verdict);

/* Derivative of phi at 0 with an error estimate: Ridders' tableau from step, then from steps 64 times smaller. phi returns NaN
 * where it has no value. magnitude and reach are sum |out g| and the largest |x|, for the noise floor. */
typedef struct ct__slope {
    double value, error; /* the error includes the noise floor */
    bool converged;
} ct__slope;
ct__slope ct__ridders(double (*phi)(void *context, double t), void *context, double step, double magnitude,
                      double reach, double unit);

/* What the mistake looks like, from the whole of both gradients, in words; "" when like nothing in particular. outputs is the
 * number of elements of the largest result. */
void ct__guess_pattern(const ct_tensor *x, const ct_tensor *analytic, const ct_tensor *numeric, const uint8_t *verdicts,
                       int64_t outputs, char *text, size_t size);

/* ---- small things ---- */
ct_tensor *ct__copy_as(const ct_tensor *t, ct_dtype dtype); /* contiguous, in the current scope */
uint64_t ct__checksum(const ct_tensor *t);                  /* of dtype, shape and elements; 0 for NULL */
bool ct__all_finite(const ct_tensor *t);
static inline double *ct__doubles(const ct_tensor *t) /* t is float64 and contiguous */
{
    return (double *)(void *)ct__ptr(t);
}
static inline bool ct__is_float(const ct_tensor *t)
{
    return t && ct_dtype_is_float((ct_dtype)t->dtype);
}

#endif
