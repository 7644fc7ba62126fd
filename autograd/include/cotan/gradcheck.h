/* The gradient checker: is the gradient right, and if not, which operation, argument, element and line is wrong, and how?
 *
 * It compares the gradient that the engine computes with one measured from the function's values alone, in float64, and
 * judges the difference against the measurement's own error. docs/gradcheck.md says how it decides. */
#ifndef COTAN_GRADCHECK_H
#define COTAN_GRADCHECK_H

#include <cotan/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a check found. Only CT_PASS and CT_KINK are good news (ct_verdict_good); a zeroed report says that nothing was checked. */
typedef enum ct_verdict {
    CT_VACUOUS = 0, /* nothing to compare: no gradient asked for, or both gradients are below the noise floor; or the
                          * check could not run, and the pending error says why */
    CT_PASS,        /* the gradients agree */
    CT_KINK,        /* they agree where there is a derivative; elsewhere the gradient lies between the one-sided ones */
    CT_INCONCLUSIVE,     /* the measurement did not converge */
    CT_NONDETERMINISTIC, /* the same inputs and seed gave different results: nothing can be measured */
    CT_FAIL              /* wrong */
} ct_verdict;

CT_API const char *ct_verdict_name(ct_verdict verdict); /* "PASS", ... */
CT_API bool ct_verdict_good(ct_verdict verdict);        /* CT_PASS or CT_KINK */

/* How much is measured. */
typedef enum ct_gradcheck_mode {
    CT_FULL, /* every element of every input */
    CT_FAST  /* every input along a few random directions */
} ct_gradcheck_mode;

/* What is checked besides the value of the gradient, which always is. */
enum {
    CT_CHECK_UNCHANGED = 1 << 0, /* inputs, saved tensors and cotangents are the same after as before */
    CT_CHECK_LINEAR = 1 << 1,    /* the gradient of 0 is 0, that of a g1 + b g2 is a B(g1) + b B(g2) */
    CT_CHECK_REPEAT =
        1 << 2, /* backward twice gives the same bits; gradients accumulate; recording changes no result */
    CT_CHECK_MISSING =
        1 << 3,              /* one cotangent missing counts as 0; an input that needs no gradient changes no other's */
    CT_CHECK_FORKS = 1 << 4, /* operations: results used twice, diamonds, one tensor as two inputs */
    CT_CHECK_LAYOUTS = 1 << 5, /* operations: transposed, sliced, offset and expanded inputs, cotangents, and both */
    CT_CHECK_SIZES = 1 << 6,   /* operations: sizes 0 and 1 in the samples' shapes give a result or a clear error */
    CT_CHECK_FLOAT32 = 1 << 7, /* the float32 run against the float64 gradient */
    CT_CHECK_ELSEWHERE =
        1 << 8, /* the gradient is right at a second point too, and at the first one again, whatever came between */
    CT_CHECK_THREADS = 1 << 9, /* operations: many threads at once get the same bits, one and three the same gradient */
    /* Operations: what samples may not have. Values large and small, of one sign, in order, equal, zeros, ties, those at which functions
     * are treated apart, other sizes up to more than 32768 elements, more axes, cotangents large and tiny, optional inputs left out. */
    CT_CHECK_VARIATIONS = 1 << 10,
    CT_CHECK_DEFINITION = 1 << 11, /* operations: a forward and backward give what the expression beside them gives */
    CT_CHECK_FORWARD =
        1 << 12, /* from the second order on: <u, J v> = <J^T u, v>, with J v by a backward through the backward */
    CT_CHECK_ALL = (1 << 13) - 1,
    CT_CHECK_VALUE_ONLY = 0 /* none of these */
};

/* Told on the calling thread how far a check is: what it looks at ("input 0", "input 1, order 2"), and how many of its elements or
 * probes are done. False stops the check, as a budget does. */
typedef bool (*ct_gradcheck_progress)(const char *what, int64_t done, int64_t of, void *user);

typedef struct CT_BY_NAME ct_gradcheck_options {
    CT_OPTIONS_HEAD;
    ct_gradcheck_mode mode;
    int order;                /* 2: the second order as well, 3: the third too; default 1 */
    unsigned checks;          /* CT_CHECK_...; default: all */
    int probes;               /* directions an input in fast mode, at least 1; default 3 */
    uint64_t seed;            /* of cotangents, directions, samples, and of the generator before each evaluation */
    double step;              /* first difference step for an element of size up to 1; default 2^-7 */
    double safety;            /* a difference is a mismatch beyond this many error estimates; default 10 */
    double absolute;          /* ... plus this; default 0 */
    double float32_tolerance; /* relative to the largest element; default 0: what rounding is seen to do there */
    /* In full mode evaluate on all threads: fn uses no tensors but its inputs and those it makes. Operations, whose functions
     * must be reentrant, always are. */
    bool parallel;
    /* What a pass must have been able to see: an error of this size, relative to the largest element of the gradient (of one input).
     * Where the measurement is not as good as that, the verdict is CT_INCONCLUSIVE. Default 1e-3. */
    double resolution;
    /* A budget: after so many seconds, or evaluations of the function, nothing new is begun; 0: none. What was not looked at stands in
     * the report, and is never a pass. */
    double seconds;
    int64_t evaluations;
    ct_gradcheck_progress progress; /* or NULL */
    void *progress_user;
    struct ct__watch *watch_; /* the checker's own */
} ct_gradcheck_options;
#define CT_DEFAULTS_ct_gradcheck_options \
    .order = 1, .checks = CT_CHECK_ALL, .probes = 3, .step = 0x1p-7, .safety = 10, .resolution = 1e-3,
CT_API void ct_gradcheck_options_init(ct_gradcheck_options *options, size_t size);

/* One input, of one sample and order. In fast mode counts are of probes, and the worst element is looked for only after a mismatch. */
typedef struct ct_gradcheck_tensor {
    int input;  /* position among the function's inputs; in second order the cotangents of the results follow those */
    int sample; /* ct_gradcheck_op: which of the record's samples */
    int order;  /* 1 to 3 */
    ct_verdict verdict;
    ct_gradcheck_mode mode;
    int rank;
    int64_t shape[CT_MAX_RANK];
    int64_t elements;
    int64_t checked, bad, kinks, inconclusive; /* elements, or probes */
    int64_t unlooked;                          /* that a budget left out */
    bool located;               /* worst[] is set: the figures are of one element; otherwise of one probe */
    int64_t worst[CT_MAX_RANK]; /* the element with the largest ratio */
    double x;                   /* its value */
    double analytic, numeric;   /* its gradient, as computed and as measured */
    double error, tolerance;    /* error estimate of the measurement; what was allowed */
    double ratio;               /* |analytic - numeric| / tolerance: above 1 is a mismatch */
    double relative;            /* largest |analytic - numeric| / largest |numeric|, kinks aside; 0/0 counts as 0 */
    /* ||n - a|| / (||n|| + ||a||) with central differences of step 1e-7; 0/0 counts as 0; NaN in fast mode. */
    double notes_ratio;
    bool notes_noise;  /* it says nothing: rounding errors alone come near 1e-3 of the gradient */
    char pattern[160]; /* what the mistake looks like, in words, or "" */
    /* An error above this, relative to the largest element (of a probe: to its derivative), would have shown; infinite where nothing
     * passed. */
    double resolution;
    const char *inputs; /* ct_gradcheck_op: the text of the record's sample; lasts as long as that. Otherwise NULL */
} ct_gradcheck_tensor;

/* What there is to see of one input that is not as it should be: ct_gradcheck_plot() draws it. */
enum { CT_GRADCHECK_STEPS = 45, CT_GRADCHECK_CELLS = 48, CT_GRADCHECK_UNLOOKED = 255 };
typedef struct ct_gradcheck_picture {
    int row; /* of the report's tensors */
    /* At its worst element: central differences over so many steps, each half of the one before, and how far each is from the computed
     * and from the measured derivative. */
    double steps[CT_GRADCHECK_STEPS], off_computed[CT_GRADCHECK_STEPS], off_measured[CT_GRADCHECK_STEPS];
    /* The elements, with the last axis across, in so many cells of equally many: the worst verdict in each, row by row. */
    int rows, columns;
    uint8_t cells[CT_GRADCHECK_CELLS * CT_GRADCHECK_CELLS]; /* a ct_verdict, or CT_GRADCHECK_UNLOOKED */
} ct_gradcheck_picture;

/* Start with {0}; give back with ct_gradcheck_report_free(). A further check into the same report replaces what it held. */
typedef struct ct_gradcheck_report {
    ct_verdict verdict;
    const char *subject;          /* the operation's name, or "function", or "graph" */
    ct_gradcheck_tensor *tensors; /* n_tensors; belongs to the report */
    int n_tensors;
    double notes_ratio; /* over all inputs, first order; of several samples, the largest; NaN in fast mode */
    bool notes_noise;
    int64_t elements, bad, kinks, inconclusive; /* sums over tensors: elements, or probes */
    int64_t evaluations;                        /* of the function */
    int64_t structural;                         /* structural checks done */
    int64_t nodes;                              /* nodes replayed (ct_gradcheck_graph) */
    double seconds;
    uint64_t seed; /* that it ran with: the same gives the same report */
    /* The culprit, when the verdict is CT_FAIL. */
    const char *check;     /* which check failed: "gradient", "linear", ... or "" */
    const char *op;        /* operation blamed, or "" */
    int64_t node;          /* its place in the order of the forward pass, or -1 */
    int argument;          /* input whose gradient is wrong, or -1 */
    const char *parameter; /* ct_gradcheck_model: the parameter with the worst mismatch, or NULL; lasts */
    const char *file;      /* line of the user's code that called it, or NULL */
    int line;
    const char *region; /* the part of the program that called it (ct_region()), "" outside of any, or NULL */
    bool engine;        /* every node is right on its own: the engine or the wiring between them is not */
    char cause[320];    /* a plausible cause, one sentence */
    bool unexplained;   /* the sentence only says that the gradients differ */
    char unlooked[200]; /* what a budget, or a progress function that said stop, left out, in words; "" if nothing */
    size_t bytes_;      /* of tensors */
    /* Of the first input with the gravest verdict above CT_PASS whose worst element was found; belongs to the report; NULL: of none. */
    ct_gradcheck_picture *picture;
} ct_gradcheck_report;

/* A function under test: the result of n inputs, made by operations (no data read out and put back in between), owned by the
 * innermost scope; NULL with an error. It must give the same result for the same inputs and generator state. */
typedef ct_tensor *(*ct_function)(ct_tensor *const *inputs, int n, void *user);

/* Checks the gradient of fn at the inputs, for those that require a gradient, or, if none does, for all of a float dtype.
 * fn is called with float64 copies of float inputs, and integer inputs as they are; inputs, their accumulated gradients and
 * the generator are left as they were. Returns report->verdict; report may be NULL. CT_VACUOUS with a pending error when
 * fn failed, an argument is NULL, or memory ran out. */
CT_API ct_verdict ct_gradcheck(ct_function fn, void *user, ct_tensor *const *inputs, int n, ct_gradcheck_report *report,
                               const ct_gradcheck_options *options);

/* Checks an operation on every sample of its record, with all structural checks. */
CT_API ct_verdict ct_gradcheck_op(const ct_op *op, ct_gradcheck_report *report, const ct_gradcheck_options *options);

/* Checks the graph that fn records: as ct_gradcheck, and each node alone on the inputs it had, with a random cotangent. The
 * first wrong one in the order of the forward pass is named with its source line. If all are right and the whole is not, the
 * engine's gradients are compared node by node with those of the checker's own backward pass. */
CT_API ct_verdict ct_gradcheck_graph(ct_function fn, void *user, ct_tensor *const *inputs, int n,
                                     ct_gradcheck_report *report, const ct_gradcheck_options *options);

/* A pair of functions that never saw a tensor: x[i] is input i, an array of sizes[i] elements, and y the results in one array.
 * backward gets the gradient of y and fills that of each input, arrays of zeros: it may write them or add to them. */
typedef void (*ct_raw_forward)(const double *const *x, double *y, void *user);
typedef void (*ct_raw_backward)(const double *const *x, const double *grad_y, double *const *grad_x, void *user);
typedef void (*ct_raw_forward_float)(const float *const *x, float *y, void *user);
typedef void (*ct_raw_backward_float)(const float *const *x, const float *grad_y, float *const *grad_x, void *user);

/* Checks such a pair with n inputs at x, n arrays of values (an entry may be NULL), or, where it is NULL, at standard normal values. As
 * ct_gradcheck(), one thread at a time but for .parallel; .order above 1 is an error, since a raw backward cannot be differentiated. The
 * float pair is measured in float32, where rounding hides errors below about 1e-4: the report's resolution tells where. Errors: NULL;
 * argument (n outside 1..48, order); shape (a negative size); memory. */
CT_API ct_verdict ct_gradcheck_raw(ct_raw_forward forward, ct_raw_backward backward, const int64_t *sizes, int n,
                                   int64_t results, const double *const *x, void *user, ct_gradcheck_report *report,
                                   const ct_gradcheck_options *options);
CT_API ct_verdict ct_gradcheck_raw_float(ct_raw_forward_float forward, ct_raw_backward_float backward,
                                         const int64_t *sizes, int n, int64_t results, const double *const *x,
                                         void *user, ct_gradcheck_report *report, const ct_gradcheck_options *options);

/* Writes the report for people: the verdict, the table of tensors, the culprit with its cause; in colour on a terminal, unless NO_COLOR is
 * set. Errors: NULL, io. */
CT_API ct_status ct_gradcheck_print(const ct_gradcheck_report *report, FILE *stream);
/* Writes the report as a JSON object: the members of the struct by name, tensors as an array; null for what is no number. Errors: NULL,
 * io, memory. */
CT_API ct_status ct_gradcheck_write_json(const ct_gradcheck_report *report, FILE *stream);
/* Writes n reports as a JUnit test suite, a case each: VACUOUS is skipped, what is neither that nor good a failure. Errors: NULL, io. */
CT_API ct_status ct_gradcheck_write_junit(const ct_gradcheck_report *reports, int n, FILE *stream);
/* Gives back what the report holds, and zeroes it. NULL is fine. */
CT_API void ct_gradcheck_report_free(ct_gradcheck_report *report);

/* Makes the inputs of a record's sample, floats in dtype and from the thread's generator, owned by the innermost scope; floats
 * require a gradient unless marked "!". inputs has room for CT_MAX_INPUTS; n gets their number. Errors: NULL, dtype, argument
 * (a word that is none), memory. */
CT_API ct_status ct_sample_inputs(const ct_sample *sample, ct_dtype dtype, ct_tensor **inputs, int *n);

#if !defined(CT_NO_LOCATIONS) && !defined(__cplusplus)
#define ct_gradcheck_print(...) ct_at_status(CT_HERE, ct_gradcheck_print(__VA_ARGS__))
#define ct_gradcheck_write_json(...) ct_at_status(CT_HERE, ct_gradcheck_write_json(__VA_ARGS__))
#define ct_gradcheck_write_junit(...) ct_at_status(CT_HERE, ct_gradcheck_write_junit(__VA_ARGS__))
#define ct_sample_inputs(...) ct_at_status(CT_HERE, ct_sample_inputs(__VA_ARGS__))
#define ct_gradcheck(...) (ct_verdict) ct_at_int(CT_HERE, CT_WITH5(ct_gradcheck, ct_gradcheck_options, __VA_ARGS__, ))
#define ct_gradcheck_op(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH2(ct_gradcheck_op, ct_gradcheck_options, __VA_ARGS__, ))
#define ct_gradcheck_graph(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH5(ct_gradcheck_graph, ct_gradcheck_options, __VA_ARGS__, ))
#define ct_gradcheck_raw(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH8(ct_gradcheck_raw, ct_gradcheck_options, __VA_ARGS__, ))
#define ct_gradcheck_raw_float(...) \
    (ct_verdict) ct_at_int(CT_HERE, CT_WITH8(ct_gradcheck_raw_float, ct_gradcheck_options, __VA_ARGS__, ))
#endif

#ifdef __cplusplus
}
#endif
#endif
