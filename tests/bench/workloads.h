/* The workloads that cotan is timed on, the same as PyTorch's in torch_baseline.py: shapes, weights, inputs, optimiser. */
#ifndef COTAN_BENCH_WORKLOADS_H
#define COTAN_BENCH_WORKLOADS_H

#include <cotan/cotan.h>

#define WORKLOAD_MAX_PARAMETERS 64

typedef struct workload workload;

/* One row of the table. build and loss leave the checking of errors to whoever called them. */
typedef struct workload_spec {
    const char *name;
    void (*build)(workload *w);            /* makes the parameters, x, y and the optimiser */
    ct_tensor *(*loss)(const workload *w); /* the expression that a step differentiates */
    int64_t batch;                         /* rows of x, where there is an x */
    double loss_first, loss_after_5;       /* PyTorch 1.13's in float64 */
    double gflop, gbyte; /* of a step: multiplications and additions of its products, or else, 0, memory */
    bool unstable;       /* rounding alone changes loss_after_5 by more than 1e-3 in float32 */
} workload_spec;

extern const workload_spec workload_specs[];
extern const int workload_count;

struct workload {
    const workload_spec *spec;
    int64_t batch;
    ct_module *module;
    ct_tensor *p[WORKLOAD_MAX_PARAMETERS]; /* the module's parameters */
    int n;                                 /* how many */
    ct_tensor *x, *y;
    ct_optimizer *optimizer; /* NULL: the parameters stay as they are */
};

/* The row of that name, or NULL. */
const workload_spec *workload_find(const char *name);
/* Builds w in float32 or float64, with another batch than the row's unless that is 0. To be closed, also on failure. */
ct_status workload_open(workload *w, const workload_spec *spec, ct_dtype dtype, int64_t batch);
void workload_close(workload *w);
/* Clears gradients, runs forward and backward and, where there is one, the optimiser. loss may be NULL. */
ct_status workload_step(workload *w, double *loss);
/* Prints what a step costs with observers around it, a JSON object for each; returns what main returns. */
int print_observed(const workload_spec *spec);
/* The loss as it now is. */
ct_status workload_loss(const workload *w, double *loss);

#endif
