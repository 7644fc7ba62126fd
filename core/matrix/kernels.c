/* The inner loops of the matrix product for float32 and float64; see kernels.h. */
#include "matrix/kernels.h"

#define T_IS_DOUBLE 0
#include "matrix/kernels.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "matrix/kernels.inc"

#define TABLE V_JOIN(ct__matrix_, CT_ISA_SUFFIX)
#define NAME(function, type) V_JOIN(V_JOIN(function, type), CT_ISA_SUFFIX)
#define ROW(type, bytes)                                                                                        \
    {                                                                                                           \
        .rows = ROWS, .cols = VECTORS * V_BYTES / bytes, .lanes = V_BYTES / bytes, .whole_vectors = !HAS_MASKS, \
        .tile = NAME(tile_, type), .pack = NAME(pack_, type), .spread = NAME(spread_, type),                    \
    }
const ct_matrix_kernels TABLE[2] = {ROW(float_, 4), ROW(double_, 8)};
