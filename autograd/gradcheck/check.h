/* One check: a subject at one point, with one set of random cotangents, and the gradient that the engine computes there.
 *
 * Invariant: a check works on its own copies of the inputs, so that nothing of the user's is ever perturbed. */
#ifndef CT_GRADCHECK_CHECK_H
#define CT_GRADCHECK_CHECK_H

#include "subject.h"
#include "watch.h"

/* An element of an input that is at a kink. */
typedef struct ct__kinked {
    int input;
    int64_t element;
} ct__kinked;
enum { CT__KINKED = 64 }; /* so many are remembered */

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
    double usual; /* of a gradient's gradient: the size of what it is made of, far into the tails of a softmax, say */
    double unit;  /* relative rounding error of the results */
    ct_random_state stream; /* for cotangents and directions */
    int64_t confirmed_bad;  /* mismatches of the input at hand that stood the costly second look */
    int64_t off_kinks;      /* of those, at kinks, with a gradient that is beyond both sides */
    bool doubted;           /* some measurement was no clear pass at first */
    /* n: how exact each element of the computed gradient is, as far as it was seen not to be linear in the cotangent, and, if
     * noise_known, to jump from one number to the next; float64, NULL where not wanted */
    ct_tensor **noise;
    bool noise_known;
    ct_tensor *const *
        then; /* NULL, or n other inputs: ct__vjp() calls the subject on them before it goes back through the first call */
    int n_kinked;
    ct__kinked kinked[CT__KINKED];
    void *block; /* of the arrays above */
    size_t bytes;
} ct__check;

/* Copies the inputs, runs the subject twice, draws cotangents. wanted NULL: all float inputs. Everything made belongs to the
 * current scope and to the check; close even after a failure. If the subject does not repeat itself, that is in the report. */
ct_status ct__check_open(ct__check *check, const ct__subject *subject, ct_tensor *const *inputs, const bool *wanted,
                         const ct_gradcheck_options *options, ct_gradcheck_report *report);
void ct__check_close(ct__check *check);
/* Runs the subject some more times: if results differ, that is what the report says, and nothing else of what it found. */
enum { CT__RUNS = 32 };
ct_status ct__check_repeats(ct__check *check);
/* Opens the check of first's gradient, with ct__subject_gradient() of first's subject, at first's inputs and cotangents. */
ct_status ct__check_open_gradient(ct__check *next, const ct__subject *subject, const ct__check *first);

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

#endif
