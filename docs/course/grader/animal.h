/* What an animal of the zoo includes: the library, and what each animal has. */
#ifndef COURSE_ANIMAL_H
#define COURSE_ANIMAL_H

#include "record.h"

/* An animal is a function to be differentiated, and where: p gets the inputs, and their number is returned. */
int inputs(ct_tensor **p);
ct_tensor *loss(ct_tensor *const *p, int n, void *user);

/* A new operation with n inputs: its value as an expression of x[0], x[1], ... above, and OP_backward, which stands before it. */
#define OPERATION(op, n, expression)                                           \
    static ct_tensor *op##_value(ct_tensor *const *x)                          \
    {                                                                          \
        return expression;                                                     \
    }                                                                          \
    static ct_status op##_infer(ct_call *call)                                 \
    {                                                                          \
        return record_infer(call, op##_value);                                 \
    }                                                                          \
    static ct_status op##_forward(ct_call *call)                               \
    {                                                                          \
        return record_forward(call, op##_value);                               \
    }                                                                          \
    static const ct_op op##_op = {.name = #op,                                 \
                                  .min_inputs = n,                             \
                                  .max_inputs = n,                             \
                                  .saves = CT_SAVE_INPUTS | CT_SAVE_OUTPUT(0), \
                                  .infer = op##_infer,                         \
                                  .forward = op##_forward,                     \
                                  .backward = op##_backward}

#endif
