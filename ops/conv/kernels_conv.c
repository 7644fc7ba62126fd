/* The inner loops of the convolutions for float32 and float64; see kernels_conv.h. */
#include "kernels_conv.h"

#define T_IS_DOUBLE 0
#include "kernels_conv.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_conv.inc"

#define TABLE V_JOIN(ct__conv_, CT_ISA_SUFFIX)
#define ROW(type)                                                                                                   \
    {                                                                                                               \
        .block = PRODUCT_ROWS, .product = V_JOIN(V_JOIN(product_, type), CT_ISA_SUFFIX),                            \
        .unfold = V_JOIN(V_JOIN(unfold_, type), CT_ISA_SUFFIX), .fold = V_JOIN(V_JOIN(fold_, type), CT_ISA_SUFFIX), \
    }
const ct_conv_kernels TABLE[2] = {ROW(float_), ROW(double_)};
