/* Prints docs/accuracy.md:
 *     build/tests/print_accuracy > docs/accuracy.md
 * Measures with every instruction set that this CPU has: run it where there is AVX-512. */
#include "accuracy.h"
#include "elementwise/elementwise.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const ct_elementwise_table *const tables[] = {
    &ct__elementwise_portable,
#if defined(__x86_64__)
    &ct__elementwise_avx2,
    &ct__elementwise_avx512,
#endif
};

/* The largest errors over the instruction sets. */
static bool measure(int function, ct_dtype dtype, accuracy worst[3])
{
    for (int order = 0; order < 3; order++)
        worst[order].error = -1;
    for (int isa = 0; isa <= ct__isa(); isa++) {
        accuracy measured[3];
        ct__elementwise_kernels = tables[isa];
        if (!accuracy_measure(function, dtype, measured))
            return false;
        for (int order = 0; order < 3; order++)
            if (measured[order].error > worst[order].error)
                worst[order] = measured[order];
    }
    return true;
}

static void print_row(int function, ct_dtype dtype, const accuracy worst[3])
{
    printf("| `%s` | %s |", accuracy_name(function), ct_dtype_name(dtype));
    for (int order = 0; order < 3; order++) {
        char text[16];
        accuracy_print(worst[order].error, text);
        printf(" %s |", text);
        if (worst[order].error == 0)
            printf(" - |");
        else if (accuracy_inputs(function) == 1)
            printf(" %.6g |", worst[order].at[0]);
        else
            printf(" %.6g, %.6g |", worst[order].at[0], worst[order].at[1]);
    }
    putchar('\n');
}

static const char head[] = "# Accuracy of elementwise functions\n\n"
                           "Printed by `build/tests/print_accuracy`, on a CPU with AVX-512. A test reads this page and "
                           "fails where an error is larger\n"
                           "than it says, with any of the instruction sets.\n\n"
                           "The errors are the largest found, rounded up, in units in the last place (ulp) of the true "
                           "value, which mpmath gave\n"
                           "(`tests/accuracy_data.py`); half a unit is what rounding alone costs in float32, and in "
                           "float64, where the truth is rounded\n"
                           "too, 0 means always the nearest number. Beside each error: for which input. Inputs are of "
                           "every exponent of float32 and of\n"
                           "every ninth beyond it, of both signs, more between 1/8 and 256, and zeros, infinities, "
                           "NaN, the smallest and largest numbers,\n"
                           "neighbours of 1, and the places where functions overflow or vanish; pairs are drawn at "
                           "random from all exponents. So denormal\n"
                           "numbers count as others do. Derivatives are those that backward computes, with cotangent "
                           "1; of functions of two inputs, the\n"
                           "worst of all partial derivatives of that order.\n\n"
                           "No value is infinite, 0 or NaN where the true one is not, and the values of all functions "
                           "are within 4 units, but for\n"
                           "`swish`, where exp multiplies the rounding of beta x by its size. Large errors of "
                           "derivatives are of three kinds: at a\n"
                           "derivative's root (`gelu` at -0.755), where the error is small against the terms that "
                           "cancel; in tails, where a factor is a\n"
                           "denormal number of few digits; and, for two inputs, where a quotient or product of "
                           "denormal numbers is part of a larger one.\n\n"
                           "With `feenableexcept(FE_INVALID | FE_DIVBYZERO)` these functions raise nothing for finite "
                           "inputs whose value is finite.\n"
                           "FE_OVERFLOW cannot be enabled: SLEEF's logarithms and powers raise it for ordinary "
                           "numbers.\n\n"
                           "| function | dtype | value | at | 1st derivative | at | 2nd derivative | at |\n"
                           "|---|---|---|---|---|---|---|---|\n";

int main(void)
{
    fputs(head, stdout);
    for (int function = 0; function < accuracy_functions(); function++)
        for (int dtype = CT_FLOAT32; dtype <= CT_FLOAT64; dtype++) {
            accuracy worst[3];
            if (!measure(function, (ct_dtype)dtype, worst)) {
                fprintf(stderr, "%s: the data do not go with the function\n", accuracy_name(function));
                return EXIT_FAILURE;
            }
            print_row(function, (ct_dtype)dtype, worst);
        }
    return EXIT_SUCCESS;
}
