/* What the engine does to gradients, of which it knows no operation by name. Invariant: all of it is there. */
#include "autograd_internal.h"
#include "elementwise/elementwise.h"

const ct_engine_ops ct__engine_ops = {
    .add = ct_add,
    .sum_to = ct_sum_to,
    .cast = ct_cast,
    .add_in_place = ct__add_in_place,
    .add_to_part = ct__add_to_part,
    .concat = ct_concat,
    .reshape = ct_reshape,
};
