/* One wrong element among many, found by probes of halves. */
#ifndef CT_GRADCHECK_BISECT_H
#define CT_GRADCHECK_BISECT_H

#include "compare.h"

/* An element of the worker's input whose gradient is wrong, with the comparison there; -1: none was found. direction (numel) is one along
 * which the two differ; origin are the input's elements. About 15 evaluations for each halving. */
int64_t ct__bisect(ct__worker *w, int input, const double *direction, const double *origin, ct__point *found);

#endif
