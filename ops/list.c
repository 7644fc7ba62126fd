/* All operations, for whatever concerns every one: tests, the checker, the reference. */
#define CT_NO_LOCATIONS
#include <cotan/ops.h>

#define CT_OP(name) extern const ct_op ct_op_##name;
#include "list.h"
#undef CT_OP

const ct_op *const *ct_ops(int *n)
{
    static const ct_op *const ops[] = {
#define CT_OP(name) &ct_op_##name,
#include "list.h"
#undef CT_OP
    };
    if (n)
        *n = (int)(sizeof ops / sizeof *ops);
    return ops;
}
