/* Right functions whose gradients are hard to measure. */
#ifndef COTAN_TESTS_HARD_FUNCTIONS_H
#define COTAN_TESTS_HARD_FUNCTIONS_H

#include <cotan/cotan.h>

typedef struct hard_function {
    const char *name;
    ct_function fn;
    const char *inputs; /* as of a sample */
} hard_function;

/* A function of x = in[0], y = in[1], z = in[2]. */
#define FUNCTION(NAME, ...)                                                         \
    static ct_tensor *NAME(ct_tensor *const *in, int n, void *user)                 \
    {                                                                               \
        ct_tensor *x = in[0], *y = n > 1 ? in[1] : NULL, *z = n > 2 ? in[2] : NULL; \
        (void)user, (void)y, (void)z;                                               \
        return __VA_ARGS__;                                                         \
    }

/* Those with algorithms inside, far from 1, or discrete. n gets their number. */
const hard_function *hard_algorithms(int *n);
/* Kinks that meet, masks, flat places, chaos. */
const hard_function *hard_more(int *n);

#endif
