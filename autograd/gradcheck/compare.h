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
/* Whether the two differ along the line, by a plain measurement without a second look. */
bool ct__differs(ct__line *line, const double *gradient);
/* Whether there is a kink that phi above and below, at a distance of 1e-7, gives a hint of. */
bool ct__kink_at(ct__line *line, double above, double below);

#endif
