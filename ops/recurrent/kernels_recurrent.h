/* One step of each recurrent cell for one row of the batch, for each instruction set and float dtype: h elements of each gate.
 * Kernels do not allocate and cannot fail. */
#ifndef CT_KERNELS_RECURRENT_H
#define CT_KERNELS_RECURRENT_H

#include <stdint.h>

/* from_x and from_h, gates times n elements, are the products with x and with h, biases added. What backward needs goes into
 * kept, as many times n elements as the table says. before is the state before the step, after the one that is made: h, and
 * for the LSTM c. */
typedef struct ct_recurrent_step {
    int64_t n;
    const void *from_x, *from_h;
    const void *h_before, *c_before;
    void *kept, *h_after, *c_after;
} ct_recurrent_step;

/* The way back. The gradient of h after the step is grad_h + grad_y, that of the LSTM's c grad_c; grad_h and grad_c become those of
 * the state before the step, but for what comes through from_h. grad_from_x and grad_from_h get the gradients of the products.
 * Where a cell only adds the two (rnn, LSTM), these are the same, h comes through from_h alone, and grad_from_h and grad_h are left
 * alone. */
typedef struct ct_recurrent_back {
    int64_t n;
    const void *kept, *h_before, *h_after, *c_before;
    const void *grad_y; /* NULL: 0 */
    void *grad_h, *grad_c, *grad_from_x, *grad_from_h;
} ct_recurrent_back;

typedef struct ct_recurrent_cell {
    void (*step)(const ct_recurrent_step *s);
    void (*back)(const ct_recurrent_back *b);
} ct_recurrent_cell;

typedef enum ct_recurrent_kind { CT_RNN, CT_LSTM, CT_GRU, CT_RECURRENT_KINDS } ct_recurrent_kind;
typedef ct_recurrent_cell ct_recurrent_kernels[CT_RECURRENT_KINDS];

/* What a step keeps, times n elements: the LSTM its four gates and tanh(c); the GRU its three gates and the new gate's product with
 * h. */
enum { CT_RNN_KEEPS = 0, CT_LSTM_KEEPS = 5, CT_GRU_KEEPS = 4 };

extern const ct_recurrent_kernels ct__recurrent_portable[2], ct__recurrent_avx2[2], ct__recurrent_avx512[2];

#endif
