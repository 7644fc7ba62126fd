/* The inner loops of pooling for float32 and float64; see kernels_pool.h. */
#include "kernels_pool.h"
#include <math.h>

#define T_IS_DOUBLE 0
#include "kernels_pool.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_pool.inc"

#define NAME(name, type) V_JOIN(V_JOIN(name, type), CT_ISA_SUFFIX)
#define ROW(type)                                                                                \
    {                                                                                            \
        .max = NAME(max_, type), .scatter = NAME(scatter_, type), .gather = NAME(gather_, type), \
        .average = NAME(average_, type), .spread = NAME(spread_windows_, type),                  \
    }
const ct_pool_kernels V_JOIN(ct__pool_, CT_ISA_SUFFIX)[2] = {ROW(float_), ROW(double_)};
