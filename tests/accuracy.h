/* How far elementwise functions and their derivatives are from the truth in tests/data/accuracy.gz, which accuracy_data.py
 * makes. */
#ifndef COTAN_TESTS_ACCURACY_H
#define COTAN_TESTS_ACCURACY_H

#include <cotan/tensor.h>

/* The largest error of an order (0: the function, 1 and 2: its derivatives) in units in the last place, and for which inputs.
 * Infinite: something is NaN, or is not, and should. */
typedef struct accuracy {
    double error;
    double at[2];
} accuracy;

int accuracy_functions(void);
const char *accuracy_name(int function);
int accuracy_inputs(int function);
/* Whether the function multiplies a relative error of its input by more than 10 somewhere, so that 4 units cannot be had from one
 * rounding inside: x f'(x) / f(x) is large. */
bool accuracy_steep(int function);
/* Those of the floating-point exceptions in mask that values raise at points where input and value are finite, an element at a
 * time; at: the first such point. */
int accuracy_exceptions(int function, ct_dtype dtype, int mask, double at[2]);
/* Over all points that are of the dtype. False: the data do not go with the functions here, or an operation failed. */
bool accuracy_measure(int function, ct_dtype dtype, accuracy orders[3]);
/* To two digits, or one after the point below 10, rounded up: as docs/accuracy.md has it. */
void accuracy_print(double error, char text[16]);

#endif
