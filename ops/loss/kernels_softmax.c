/* The rows of softmax and its relatives for float32 and float64; see kernels_softmax.h. */
#include "kernels_softmax.h"
#include <math.h>

#define T_IS_DOUBLE 0
#include "kernels_softmax.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_softmax.inc"

#define NAME(name, type) V_JOIN(V_JOIN(name, type), CT_ISA_SUFFIX)
#define ROW(type)                                                                                                     \
    {                                                                                                                 \
        .softmax = NAME(softmax_, type), .log_softmax = NAME(log_softmax_, type),                                     \
        .softmax_backward = NAME(softmax_backward_, type), .log_softmax_backward = NAME(log_softmax_backward_, type), \
        .log_sum = NAME(log_sum_, type), .scaled_softmax = NAME(scaled_softmax_, type),                               \
        .weighted_sum = NAME(weighted_sum_, type), .subtract_weights = NAME(subtract_weights_, type),                 \
    }
const ct_softmax_kernels V_JOIN(ct__softmax_, CT_ISA_SUFFIX)[2] = {ROW(float_), ROW(double_)};
