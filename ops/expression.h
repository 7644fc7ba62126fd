/* The record of an operation that is an expression over others. */
#ifndef CT_EXPRESSION_H
#define CT_EXPRESSION_H

#include "core_internal.h"

#include <cotan/autograd.h>

/* ct_op_<name>, from the function <name>_expression and the samples <name>_samples; further members may follow. */
#define CT_EXPRESSION(op_name, formula, min, max, ...)                 \
    const ct_op ct_op_##op_name = {.name = #op_name,                   \
                                   .gradient = formula,                \
                                   .min_inputs = min,                  \
                                   .max_inputs = max,                  \
                                   .expression = op_name##_expression, \
                                   .samples = op_name##_samples,       \
                                   __VA_ARGS__}

#endif
