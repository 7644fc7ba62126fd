/* What the grader knows of an exercise. */
#ifndef COURSE_EXERCISES_H
#define COURSE_EXERCISES_H

#include "exercise.h"
#include <stdio.h>

enum { EXERCISES = 12, INPUTS = 3, WRONG_RULES = 16, RUNGS = 3 };

/* A wrong gradient that has been seen: of one input, from the inputs x, the result y and what arrives, g. */
typedef struct wrong_rule {
    int input;
    ct_tensor *(*gradient)(ct_tensor *const *x, ct_tensor *y, ct_tensor *g);
    const char *words;
} wrong_rule;

typedef struct exercise {
    const char *name;
    const char *inputs[INPUTS];               /* their names */
    ct_tensor *(*value)(ct_tensor *const *x); /* the function, in operations of the library */
    uint64_t saves;                           /* what its backward may ask for */
    /* Inputs in the words of ct_sample: the first one, square where that hides a wrong order; other shapes; sizes of 1. */
    const char *plain, *shapes[5], *single[3];
    wrong_rule wrong[WRONG_RULES];
    const char *passed; /* what to take along */
} exercise;

extern const exercise exercises[EXERCISES]; /* exercise N is exercises[N - 1] */
/* Likewise: where to look; the rule; the lines. A line that begins with four blanks is code. */
extern const char *const hints[EXERCISES][RUNGS];
void print_hint(int exercise, int rung, FILE *to); /* exercise from 0 */

#endif
