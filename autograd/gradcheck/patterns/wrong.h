/* One input's computed gradient beside the measured one, and the tests on them that patterns.c names.
 *
 * Invariant: a test looks at w alone, and says what it has found for its sentence in factor, axis and at. */
#ifndef CT_GRADCHECK_WRONG_H
#define CT_GRADCHECK_WRONG_H

#include "../pattern.h"
#include <cotan/gradcheck.h>

typedef struct ct__wrong {
    const double *x, *a, *d;
    const uint8_t *verdict;
    int64_t n;
    int rank;
    const int64_t *shape;
    int64_t strides[CT_MAX_RANK];
    int64_t outputs; /* elements of the largest result */
    double size;     /* largest |d|, |a| */
    double off;      /* largest |d - a| */
    double factor;   /* set by a test, for its sentence */
    int axis;
    int64_t at;
    int64_t every; /* element of the input is here; with more than 1, there are no axes */
    const ct__beside *beside;
} ct__wrong;

/* Whether u and v are the same number as far as a pattern goes: in measured gradients that are far better, and coincidences far worse. */
bool ct__wrong_alike(const ct__wrong *w, double u, double v);
/* Where element k is along an axis. */
int64_t ct__wrong_position(const ct__wrong *w, int64_t k, int axis);
/* Whether there are elements that are wrong and others that pass. */
bool ct__wrong_some_right(const ct__wrong *w);
/* Calls test with each line of elements along each axis (first element, count, stride) until an axis has all lines true. */
bool ct__wrong_every_line(ct__wrong *w, bool (*test)(const ct__wrong *w, int64_t first, int64_t count, int64_t stride));

/* factors.c */
bool ct__not_finite(ct__wrong *w);
bool ct__zeros(ct__wrong *w);
bool ct__negated(ct__wrong *w);
bool ct__half(ct__wrong *w);
bool ct__mean_for_sum(ct__wrong *w);
bool ct__times_count(ct__wrong *w);
bool ct__unbiased(ct__wrong *w);
bool ct__some_factor(ct__wrong *w);
bool ct__factor_near_1(ct__wrong *w);
bool ct__times_x(ct__wrong *w);
bool ct__lacks_x(ct__wrong *w);
/* places.c */
bool ct__transposed(ct__wrong *w);
bool ct__untransposed(ct__wrong *w);
bool ct__exchanged(ct__wrong *w);
bool ct__shifted(ct__wrong *w);
bool ct__reversed(ct__wrong *w);
bool ct__same_sum(ct__wrong *w);
bool ct__from_wrong_side(ct__wrong *w);
/* some.c */
bool ct__only_negative(ct__wrong *w);
bool ct__factor_by_sign(ct__wrong *w);
bool ct__only_at_zero(ct__wrong *w);
bool ct__only_at_value(ct__wrong *w);
bool ct__from_position_on(ct__wrong *w);
bool ct__only_first(ct__wrong *w);
bool ct__from_element_on(ct__wrong *w);
bool ct__only_border(ct__wrong *w);
bool ct__only_rows(ct__wrong *w);
bool ct__only_some(ct__wrong *w);
/* missing.c */
bool ct__same_everywhere(ct__wrong *w);
bool ct__proportional_to_x(ct__wrong *w);
bool ct__constant_along_axis(ct__wrong *w);
bool ct__affine_along_axis(ct__wrong *w);
bool ct__factor_along_axis(ct__wrong *w);
bool ct__nearly_right(ct__wrong *w);
bool ct__sums_to_zero(ct__wrong *w);
/* formula.c */
bool ct__depends_on_x(ct__wrong *w);
bool ct__depends_on_other(ct__wrong *w);
bool ct__broadcast(ct__wrong *w);

#endif
