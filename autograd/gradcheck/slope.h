/* Derivatives of a function of one number, from its values. Knows no tensor. */
#ifndef CT_GRADCHECK_SLOPE_H
#define CT_GRADCHECK_SLOPE_H

#include <stdbool.h>

/* The function; NaN where it has no value. */
typedef double (*ct__phi)(void *context, double t);

typedef struct ct__slope {
    double value, error; /* the error includes the noise floor */
    bool converged;
} ct__slope;
/* Derivative of phi at 0 with an error estimate: Ridders' tableau from step, then from steps 64 times smaller. magnitude and reach
 * are sum |out g| and the largest |x|, for the noise floor. */
ct__slope ct__ridders(ct__phi phi, void *context, double step, double magnitude, double reach, double unit);
/* The noise of phi, from fourth differences over points so far apart. */
double ct__noise(ct__phi phi, void *context, double spacing);

#endif
