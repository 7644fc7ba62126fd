/* What recurrent cells, layers and sequences share: the kinds of cells. */
#ifndef CT_RECURRENT_KINDS_H
#define CT_RECURRENT_KINDS_H

#include "recurrent_fast.h"
#include "shape/shape_internal.h"

typedef struct ct_recurrent_state {
    ct_tensor *h, *c; /* c: lstm only */
} ct_recurrent_state;

typedef struct ct_recurrent_type {
    int gates;
    bool has_cell, projects; /* projects: a fifth weight, [P, H], makes h [N, P] of each step's [N, H] */
    ct_recurrent_state (*step)(ct_tensor *from_x, ct_tensor *from_h, ct_recurrent_state s);
    const ct_op *layer;      /* the record of one layer in one direction, */
    ct_recurrent_layer fast; /* and its shortcut, if it has one */
} ct_recurrent_type;

extern const ct_recurrent_type ct__rnn_kind, ct__rnn_relu_kind, ct__lstm_kind, ct__lstm_projected_kind, ct__gru_kind;

typedef struct ct_recurrent_attributes {
    int64_t backwards; /* from the last step to the first */
} ct_recurrent_attributes;

/* Weights of a layer in one direction. */
static inline int ct__recurrent_weights(const ct_recurrent_type *k)
{
    return k->projects ? 5 : 4;
}

/* Whether they fit features of x, hidden numbers in a step and width of them handed on. */
bool ct__recurrent_weights_fit(ct_tensor *const *w, const ct_recurrent_type *k, int64_t features, int64_t hidden,
                               int64_t width);

#endif
