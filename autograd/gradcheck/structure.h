/* What must hold of a gradient besides its value, as its files share it. */
#ifndef CT_GRADCHECK_STRUCTURE_H
#define CT_GRADCHECK_STRUCTURE_H

#include "rounding.h"
#include <math.h>

/* Rows of n (or max_outputs) tensor pointers that one structural check works with. */
typedef struct ct__room {
    ct_tensor **x, **grads, **other, **third; /* n each */
    ct_tensor **g, **h;                       /* max_outputs each */
    bool *wanted;                             /* n */
    void *block;
    size_t bytes;
    ct_scope scope;
} ct__room;

ct_status ct__room_open(ct__room *r, const ct__check *check);
ct_status ct__room_close(ct__room *r, ct_status status);

/* Where elements of the same values may lie: the first axis varying fastest; every third; from the sixth on; the last axis backwards; the
 * first row in every row. */
typedef enum ct__layout { CT__TRANSPOSED, CT__SLICED, CT__OFFSET, CT__REVERSED, CT__EXPANDED } ct__layout;
/* t's elements in another layout; what lies between them is NaN, or 0. For CT__EXPANDED those of its first row, in every row. */
ct_tensor *ct__in_layout(const ct_tensor *t, ct__layout kind);

/* The float outputs of an unrecorded run, as contiguous float64 copies in the current scope; out has room for max_outputs. (layouts.c) */
ct_status ct__values_of(ct__check *check, ct_tensor *const *x, ct_tensor **out);
/* The first of m results that differs, where they come of the same computation on the same numbers, so that only the order of sums may
 * be another; -1: none. */
int ct__first_different_value(ct_tensor *const *a, ct_tensor *const *b, int m);
/* Raises noise[] (one for each output, y at the check's x) to how much results jump from one number to the next. (shortcut.c) */
ct_status ct__noise_of_values(ct__check *check, ct_tensor *const *y, double *noise);

/* Structural checks of one subject of any kind, */
ct_status ct__check_structure(ct__check *check);
/* and of an operation only. */
ct_status ct__check_forks(ct__check *check);
ct_status ct__check_layouts(ct__check *check);
/* A record's shortcut against its definition, if it has both. */
ct_status ct__check_definition(ct__check *check);
/* The computed gradient of first's gradient against that gradient itself; next is open, with its own computed. */
ct_status ct__check_forward(ct__check *first, ct__check *next);
/* The float32 run of the subject against check->analytic, which float64 computed. */
ct_status ct__check_float32(ct__check *check);

#endif
