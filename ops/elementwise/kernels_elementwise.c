/* The elementwise kernels, one for each row of elementwise_rules.h, float32 and float64, for one instruction set. */
#include "elementwise.h"

#define T_IS_DOUBLE 0
#include "kernels_elementwise.inc"
#undef T_IS_DOUBLE
#define T_IS_DOUBLE 1
#include "kernels_elementwise.inc"

#define KERNEL_OF(name, type) V_JOIN(V_JOIN(V_JOIN(name, _), type), V_JOIN(_, CT_ISA_SUFFIX))
#define ROW(name) [CT_KERNEL_##name] = {KERNEL_OF(name, float), KERNEL_OF(name, double)},
#define OP1(name, ...) ROW(name)
#define OP2(name, ...) ROW(name)
#define OP3(name, ...) ROW(name)
const ct_elementwise_table V_JOIN(ct__elementwise_, CT_ISA_SUFFIX) = {
#include "elementwise_rules.h"
};

#ifdef CT_SMALL
#define OP1(name, ...) \
    const ct_elementwise_kernel ct__row_##name[2] = {KERNEL_OF(name, float), KERNEL_OF(name, double)};
#define OP2(name, ...) OP1(name)
#define OP3(name, ...) OP1(name)
#include "elementwise_rules.h"
#endif
