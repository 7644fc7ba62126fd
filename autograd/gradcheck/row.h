/* The row of one input in the report. */
#ifndef CT_GRADCHECK_ROW_H
#define CT_GRADCHECK_ROW_H

#include "sweep.h"

/* The indices of element k along each axis. */
void ct__multi_index(const ct_tensor *t, int64_t k, int64_t *index);

void ct__row_count(ct_gradcheck_tensor *row, ct_verdict verdict);
/* Of what was counted; passed: so many passed. */
ct_verdict ct__row_verdict(const ct_gradcheck_tensor *row, int64_t passed);
/* Takes the point's figures if it is worse than *worst, which it then is. */
void ct__row_worst(ct_gradcheck_tensor *row, const ct__point *p, double *worst);
/* The figures of element k of x, which is wrong. */
void ct__row_at(ct_gradcheck_tensor *row, const ct_tensor *x, int64_t k, const ct__point *p);
/* The figures of a sweep. Returns how many elements passed. */
int64_t ct__row_fill(ct_gradcheck_tensor *row, const ct__sweep *s);
/* What the mistake looks like, where something is bad. */
void ct__row_pattern(ct_gradcheck_tensor *row, ct__sweep *s);

#endif
