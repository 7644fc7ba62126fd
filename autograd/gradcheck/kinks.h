/* Points without a derivative: what a computed gradient may be there. */
#ifndef CT_GRADCHECK_KINKS_H
#define CT_GRADCHECK_KINKS_H

#include "line.h"

/* What phi is at the line's 0. */
typedef enum ct__corner { CT__SMOOTH, CT__KINK, CT__JUMP } ct__corner;

/* *low and *high: the one-sided derivatives at a kink, widened by their errors. */
ct__corner ct__corner_at(ct__line *line, double *low, double *high);
/* Where several kinks meet, the value chosen need not lie between the one-sided derivatives of any one line. Whether the gradient is
 * right all around x, and analytic among its values there. */
bool ct__kink_around(ct__line *line, double analytic, ct__corner corner);

/* Whether phi jumps where all inputs are moved together, though it may not along any one. */
bool ct__jump_around(ct__line *line);

#endif
