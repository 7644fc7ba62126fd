/* What the ways of explaining share. */
#ifndef COTAN_CLI_EXPLAIN_H
#define COTAN_CLI_EXPLAIN_H

#include "expression.h"

/* An expression that has been run, and what it takes to run it again. */
typedef struct session {
    const arguments *given;
    expression e;
    ct_tensor *root;        /* its result, of which the gradients are */
    const char *name;       /* the root's */
    ct_random_state random; /* where the generator stood before the run */
    ct_tensor *seed;        /* the gradient of the root; NULL: 1 */
} session;

/* Finite differences beside the gradients (explain_check.c): the exit status. */
int write_check(session *s);

#endif
