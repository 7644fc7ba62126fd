/* Gradients at points around x. */
#ifndef CT_GRADCHECK_AROUND_H
#define CT_GRADCHECK_AROUND_H

#include "line.h"

/* A standard normal number. */
double ct__normal(ct_random_state *state);
/* Moves every float input by about so much of its size, drawn at random, and in the opposite direction if by is negative; where they
 * were is in origin (n). False without memory. */
bool ct__nudge(ct__worker *w, ct_random_state *state, double by, ct_tensor **origin);
void ct__nudge_back(ct__worker *w, ct_tensor *const *origin);
/* The gradients at the worker's x, whatever else is wrong there. */
ct_status ct__gradients_around(ct__worker *w, ct_tensor **grads);

#endif
