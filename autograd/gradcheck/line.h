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
/* Gives the worker copies of everything, in arrays with room for so many tensors; its status tells. */
void ct__worker_own(ct__worker *w, ct_tensor **arrays);
size_t ct__worker_tensors(const ct__check *check);
/* phi at the worker's x, and sum |out g| if magnitude is not NULL; NaN where there is none. */
double ct__evaluate(ct__worker *w, double *magnitude);

/* A line through x: one element of one input, or all of it in a direction. */
typedef struct ct__line {
    ct__worker *w;
    ct_tensor *x;
    int64_t element;         /* -1: all */
    const double *direction; /* for all */
    const double *origin;    /* x's elements at t = 0 */
    double slack;            /* rounding error of a computed derivative along it */
    double scale;            /* size of computed derivatives like it: what a difference is small or large beside */
    ct__precision precision;
} ct__line;

/* Element k of input i; scale is left to the caller. */
ct__line ct__line_element(ct__worker *w, int input, int64_t k, const double *origin);
/* All of input i along direction. */
ct__line ct__line_direction(ct__worker *w, int input, const double *direction, const double *origin);

/* phi at t; afterwards x is what it was. */
double ct__line_at(void *line, double t);
/* <gradient, direction>. */
double ct__along(const ct__line *line, const double *gradient);
/* What errors of the gradient's elements, independent of each other, come to along the line. */
double ct__along_noise(const ct__line *line, const double *errors);
/* Which of the check's inputs the line is in. */
int ct__input_of(const ct__line *line);
/* How far a computed derivative may be off a measured one. */
double ct__tolerance(const ct__line *line, const ct__slope *slope);

#endif
