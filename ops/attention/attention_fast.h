/* Attention without a mask or with the causal one, on raw elements. */
#ifndef CT_ATTENTION_FAST_H
#define CT_ATTENTION_FAST_H

#include "autograd_internal.h"

typedef struct ct_attend_attributes {
    double scale;
    int64_t is_causal; /* query i sees keys 0..i */
} ct_attend_attributes;

/* Of q [..., L, E], k [..., S, E] and v [..., S, V] with the same batch: softmax(scale q k^T) v, [..., L, V]. */
ct_status ct__attend_forward(ct_call *call);
ct_status ct__attend_backward(ct_call *call);

#endif
