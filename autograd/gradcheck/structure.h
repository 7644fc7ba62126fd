/* What must hold of a gradient besides its value, as its files share it. */
#ifndef CT_GRADCHECK_STRUCTURE_H
#define CT_GRADCHECK_STRUCTURE_H

#include "check.h"

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

/* a (1 or fa) + b (fb) = sum, to rounding: relative to its own largest element, and to scale where all of it cancels. NaNs agree. */
bool ct__combines(const ct_tensor *sum, double fa, const ct_tensor *a, double fb, const ct_tensor *b, double scale);
/* The first of n gradients that differ by more than rounding; -1: none. */
int ct__first_different(ct_tensor *const *a, ct_tensor *const *b, int n, double scale);
/* The size that rounding errors in check's gradients are measured by. */
double ct__scale_of(const ct__check *check);

/* Structural checks of one subject of any kind, */
ct_status ct__check_structure(ct__check *check);
/* and of an operation only. */
ct_status ct__check_forks(ct__check *check);
ct_status ct__check_layouts(ct__check *check);
/* The float32 run of the subject against check->analytic, which float64 computed. */
ct_status ct__check_float32(ct__check *check);

#endif
