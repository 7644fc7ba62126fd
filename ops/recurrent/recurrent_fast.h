/* The shortcut of a recurrent layer in one direction: the two passes over a whole sequence. */
#ifndef CT_RECURRENT_FAST_H
#define CT_RECURRENT_FAST_H

#include "autograd_internal.h"
#include "kernels_recurrent.h"

/* How inputs and outputs are numbered. Inputs: x [T,N,I], h0 [N,H], (c0 [N,H],) weight_x [G H,I], weight_h [G H,H], bias_x, bias_h [G H],
 * which may be left out. Outputs: y [T,N,H], h [N,H], (c [N,H],) and hidden what the steps keep, [T,N,keeps H], (and all c, [T,N,H]). */
typedef struct ct_recurrent_layer {
    ct_recurrent_kind kind;
    int gates, keeps;
    bool has_cell;
    bool adds; /* the gradients of the products with x and with h are the same */
} ct_recurrent_layer;

/* Declares the outputs of a call whose inputs fit. */
ct_status ct__recurrent_infer(ct_call *call, const ct_recurrent_layer *layer);
/* backwards: from the last step to the first. Errors: memory. */
ct_status ct__recurrent_forward(ct_call *call, const ct_recurrent_layer *layer, bool backwards);
ct_status ct__recurrent_backward(ct_call *call, const ct_recurrent_layer *layer, bool backwards);

#endif
