/* What the parts of the grader share: what is graded, what was found, the mistake by its name, and the report. */
#ifndef COURSE_GRADE_H
#define COURSE_GRADE_H

#include "exercises.h"

extern const exercise *current; /* which is graded, */
extern uint64_t own_seed;       /* and on whose numbers: 0 everybody's */

bool same_shape(const ct_tensor *a, const ct_tensor *b);

/* ---- the stages, in order ---- */

typedef struct stage {
    const char *name, *says;
    size_t samples; /* where in an exercise its samples are, */
    int n;          /* and how many at most */
    unsigned checks;
} stage;

enum { STAGES = 7 };
extern const stage stages[STAGES];

/* ---- what was found ---- */

typedef struct finding {
    const char *stage, *says; /* NULL: nothing, all stages are passed */
    bool unwritten;
    int input;          /* -1: not known */
    const char *sample; /* the inputs it was found with, in the words of ct_sample */
    char page[4096];    /* where it can be looked at, an address, or "" */
    bool located;
    ct_gradcheck_tensor worst;
    char cause[400];
} finding;

/* ---- the mistake ---- */

/* One run of the student's backward: inputs, result, what arrives, and the gradient of an input. */
typedef struct trial {
    ct_tensor *x[CT_MAX_INPUTS], *y, *g, *got;
    int n, input;
} trial;

/* Draws the inputs of the record's first sample and what arrives, the same each time, and runs the record on them, in the scope that is
 * open. False with an error. */
bool begin_trial(const ct_op *op, trial *t);

/* Puts into the finding's cause what the gradient looks like, if it is a known mistake, another input's gradient or a short formula;
 * false if it is none of them, and the cause is what it was. */
bool name_mistake(const ct_op *op, finding *found);
bool is_guessed(const char *cause); /* whether the checker says more than that the numbers differ */

/* ---- the report: with so many hints as there were tries ---- */
void print_text(int number, const finding *found, int tries, FILE *to);
void print_json(int number, const finding *found, int tries, FILE *to);

#endif
