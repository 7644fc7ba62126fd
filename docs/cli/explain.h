/* What the ways of explaining share. */
#ifndef COTAN_CLI_EXPLAIN_H
#define COTAN_CLI_EXPLAIN_H

#include "expression.h"

/* An expression that has been run, and what it takes to run it again. */
typedef struct session {
    const arguments *given;
    expression e;
    records own;            /* operations of --ops */
    ct_tensor *root;        /* its result, of which the gradients are */
    const char *name;       /* the root's */
    ct_random_state random; /* where the generator stood before the run */
    ct_tensor *seed;        /* the gradient of the root; NULL: 1 */
    char title[400];        /* of pictures */
    int64_t step;           /* of the backward, that a picture is of; 0: the end */
    ct_module *module;      /* has the leaves once a step has been taken; NULL before */
} session;

/* Asks for the gradients in the trace (quiz.c): the exit status. */
int play_quiz(session *s, const ct_trace_log *trace);
/* Finite differences beside the gradients (explain_check.c): the exit status. */
int write_check(session *s, const ct_trace_log *trace);
/* --student: other numbers for the leaves, and the name in the title (student.c). */
void vary_numbers(session *s, const char *student);
/* --step: changes the leaves as "sgd lr=0.1" says and calculates the expression again; false after complaining (step.c). */
bool take_step(session *s, const char *text);
/* The address of the playground with this expression, if it lies beside a picture's path; else NULL. For free() (playground.c). */
char *playground_address(const session *s, const char *picture);

#endif
