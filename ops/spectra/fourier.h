/* The discrete Fourier transform of one line of numbers. */
#ifndef CT_FOURIER_H
#define CT_FOURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ct_complex {
    double re, im;
} ct_complex;

typedef struct ct_fourier ct_fourier;

/* The plan for lines of n >= 1 numbers, and the other sign in the exponent if inverse; NULL without memory. */
ct_fourier *ct__fourier_new(int64_t n, bool inverse);
void ct__fourier_free(ct_fourier *plan);
/* y [n] from x [n], which lie apart; not divided by n. Cannot fail. */
void ct__fourier_run(ct_fourier *plan, const ct_complex *x, ct_complex *y);

#endif
