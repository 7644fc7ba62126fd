/* The inner loops of the normalisations for float32 and float64; see kernels_norm.h. */
#include "kernels_norm.h"

#define T_IS_DOUBLE 0
#include "kernels_norm.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_norm.inc"

#define NAME(name, type) V_JOIN(V_JOIN(name, type), CT_ISA_SUFFIX)
#define ROW(type)                                                                                                    \
    {                                                                                                                \
        .sum = NAME(sum_, type), .square_sum = NAME(square_sum_, type), .scale = NAME(scale_, type),                 \
        .gradient_sums = NAME(gradient_sums_, type), .gradient = NAME(gradient_, type), .merge = NAME(merge_, type), \
    }
const ct_norm_kernels V_JOIN(ct__norm_, CT_ISA_SUFFIX)[2] = {ROW(float_), ROW(double_)};
