/* Says in words what an array of numbers is, if it is a short formula of others. */
#ifndef COURSE_FORMULA_H
#define COURSE_FORMULA_H

#include <stdbool.h>
#include <stdio.h>

enum { FACTORS = 4, ELEMENTS = 64 };

/* A name and its values. */
typedef struct factor {
    const char *name;
    double values[ELEMENTS];
} factor;

/* Looks for c p or c p + d q, with p and q products of powers of the factors, and c and d simple fractions, that is got in each of
 * the elements, and writes the shortest as "g x^2 + 1/2 g". False without one. */
bool formula_of(const double *got, int elements, const factor *factors, int n, FILE *to);

#endif
