/* The steps of the recurrent cells for float32 and float64; see kernels_recurrent.h. */
#include "kernels_recurrent.h"

#define T_IS_DOUBLE 0
#include "kernels_recurrent.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_recurrent.inc"

#define NAME(name, type) V_JOIN(V_JOIN(name, type), CT_ISA_SUFFIX)
#define CELL(name, type)                                                   \
    {                                                                      \
        .step = NAME(name##_step_, type), .back = NAME(name##_back_, type) \
    }
#define CELLS(type)                                                                           \
    {                                                                                         \
        [CT_RNN] = CELL(rnn, type), [CT_LSTM] = CELL(lstm, type), [CT_GRU] = CELL(gru, type), \
    }
const ct_recurrent_kernels V_JOIN(ct__recurrent_, CT_ISA_SUFFIX)[2] = {CELLS(float_), CELLS(double_)};
