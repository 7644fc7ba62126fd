/* Elements drawn from laws that their inputs describe. */
#ifndef CT_DRAW_H
#define CT_DRAW_H

#include "elementwise/elementwise.h"

/* A number by the law whose parameters, one of each input of the operation, are p. */
typedef double (*ct_law)(ct_draws *d, const double *p);

/* Fills output 0 from the inputs, float and broadcast: an element has one number of the thread's generator, whatever the threads. */
ct_status ct__draw(ct_call *call, ct_law law);
/* Whether all elements of t lie in low..high, NaN does not; otherwise the error says so. */
bool ct__check_within(ct_call *call, const ct_tensor *t, double low, double high);

#endif
