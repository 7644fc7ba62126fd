/* phi = sum(out g) of a check along lines through x. */
#ifndef CT_GRADCHECK_LINE_H
#define CT_GRADCHECK_LINE_H

#include "check.h"
#include "slope.h"

/* One thread's view of a check: tensors of its own, since references are counted without locks, and what it counted. */
typedef struct ct__worker {
    ct__check *check;
    ct_tensor **x;
    ct_tensor **outputs;
    ct_tensor **cotangents;
    int64_t evaluations;
    ct_status status;
} ct__worker;

/* The worker that uses the check's own tensors. */
ct__worker ct__worker_of(ct__check *check);
/* phi at the worker's x, and sum |out g| if magnitude is not NULL; NaN where there is none. */
double ct__evaluate(ct__worker *w, double *magnitude);

/* A line through x: one element of one input, or all of it along signs. */
typedef struct ct__line {
    ct__worker *w;
    ct_tensor *x;
    int64_t element;      /* -1: all */
    const int8_t *signs;  /* for all */
    const double *origin; /* x's elements at t = 0 */
    double reach;         /* largest |x| on it */
    double scale;         /* power of two: the size of a step of "1" */
} ct__line;

/* phi at t; afterwards x is what it was. */
double ct__line_at(void *line, double t);
/* The derivative, from a first step of so many scales. */
ct__slope ct__line_slope(ct__line *line, double step);
/* <gradient, direction>, and the size of its rounding error in *slack. */
double ct__along(const ct__line *line, const double *gradient, double *slack);
/* Steps are powers of two, so that x + h is exact for most x. */
double ct__power_of_two_above(double size);

#endif
