/* One comparison: the computed derivative along a line against the measured one. */
#ifndef CT_GRADCHECK_COMPARE_H
#define CT_GRADCHECK_COMPARE_H

#include "line.h"

typedef struct ct__point {
    ct_verdict verdict; /* CT_VACUOUS: both are below the floor */
    double analytic, numeric, error, tolerance;
} ct__point;

/* gradient: that of the line's input, as computed. */
ct__point ct__compare(ct__line *line, const double *gradient);
/* Whether the gradient agrees, at a kink, with values above and below at a distance of 1e-7: the mean of the one-sided derivatives,
 * as |x|'s is. */
bool ct__agrees_at_kink(ct__line *line, double above, double below, double gradient);

#endif
