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

/* The float outputs of an unrecorded run, as contiguous float64 copies in the current scope; out has room for max_outputs. (layouts.c) */
ct_status ct__values_of(ct__check *check, ct_tensor *const *x, ct_tensor **out);

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
