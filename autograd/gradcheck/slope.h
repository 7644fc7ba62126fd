/* Derivatives of a function of one number, from its values. Knows no tensor. */
#ifndef CT_GRADCHECK_SLOPE_H
#define CT_GRADCHECK_SLOPE_H

#include <stdbool.h>

/* The function; NaN where it has no value. */
typedef double (*ct__phi)(void *context, double t);

enum { CT__NOISE_LEVELS = 26 };

/* What is known of it: sizes for the steps, and how exact its values are. */
typedef struct ct__precision {
    double reach;     /* largest |x| on the line */
    double magnitude; /* sum |out g|: values are exact to unit of this, */
    double unit;
    /* or, where that was measured (levels > 0), to the noise seen at points this far apart: standard deviations */
    int levels;
    double spacing[CT__NOISE_LEVELS], noise[CT__NOISE_LEVELS];
} ct__precision;

typedef struct ct__slope {
    double value, error; /* the error includes the noise floor */
    bool converged;
} ct__slope;

/* Derivative of phi at 0 with an error estimate: Ridders' tableau from step (for a reach up to 1), and while that does not converge
 * from steps 64 times smaller; where the reach is far from 1, in units of the reach and of 1. */
ct__slope ct__ridders(ct__phi phi, void *context, const ct__precision *p, double step);
/* From larger steps: of a smooth function with a large constant, rounding hides less of the derivative there. */
ct__slope ct__ridders_wide(ct__phi phi, void *context, const ct__precision *p, double step);
/* From steps of every size, whatever it costs: the best of those that agree with each other over the longest range of steps. */
ct__slope ct__ridders_all(ct__phi phi, void *context, const ct__precision *p);

/* Measures the noise of phi's values around 0. */
void ct__measure_noise(ct__phi phi, void *context, ct__precision *p);
/* The noise of a value that is compared with another at this distance, a standard deviation. */
double ct__noise_near(const ct__precision *p, double distance);
/* At any distance. */
double ct__noise_anywhere(const ct__precision *p);
/* Powers of two around the reach: the largest and the smallest unit in which steps are made sense of. */
double ct__large_unit(double reach);
double ct__small_unit(double reach);

#endif
