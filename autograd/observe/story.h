/* The story's parts: what explain.c chooses is told by the files around it, a paragraph after the other. */
#ifndef CT_STORY_H
#define CT_STORY_H

#include "trace_internal.h"

enum { CT_STORY_TEXT = 512, CT_STORY_COLUMNS = 4 };

/* "  mul       dL/dw0  = 0.1966 x -1 = -0.1966   (w0: 0 + -0.1966)" */
typedef struct ct_story_line {
    const char *columns[CT_STORY_COLUMNS];
    struct ct_story_line *next;
} ct_story_line;

typedef struct ct_story {
    const ct_trace_log *trace;
    const ct_explain_options *options;
    FILE *stream;
    ct_arena arena;
    const char **labels;         /* of each node */
    bool *told;                  /* whether a node is on the way from the root to what is asked for */
    const char *root;            /* "L", or the root's name */
    int64_t run;                 /* the last */
    int64_t ruled;               /* whose rule was told last */
    ct_story_line *first, **end; /* of the paragraph */
    int width;
    bool unicode, color, fold;
    ct_status status;
} ct_story;

/* ---- words: of the story's memory, "" without any ---- */

const char *ct__story_text(ct_story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *ct__story_value(ct_story *s, const ct_snapshot *snapshot);
/* The same where several stand in a line. */
const char *ct__story_term(ct_story *s, const ct_snapshot *snapshot);
/* "dL/dw0" */
const char *ct__story_derivative(ct_story *s, int64_t id);
/* The sign between what is shown and its product or sum, which is shown too: all are rounded, and may not agree. */
const char *ct__story_equals(const ct_story *s, bool sum, const char *a, const char *b, const char *result);

/* ---- paragraphs ---- */

/* Adds a line in four columns, of which the last ones may be "". */
void ct__story_line(ct_story *s, const char *a, const char *b, const char *c, const char *d);
/* Prints the lines that were added, under a title, in columns: each as wide as most of its texts need. Of a large graph's many the
 * first and the last. */
void ct__story_end(ct_story *s, const char *title);

/* ---- folding ---- */

/* The part of a region that is shown as one line: one name more than the region that is opened. NULL: not folded. */
const char *ct__story_fold(ct_story *s, const ct_trace_node *node);
bool ct__story_same_fold(const char *a, const char *b);

/* ---- what is told, in this order ---- */

bool ct__story_has(const ct_story *s, const ct_trace_step *step); /* whether the step is told */
void ct__story_inputs(ct_story *s);
void ct__story_forward(ct_story *s);
void ct__story_backward(ct_story *s);
void ct__story_gradients(ct_story *s);
void ct__story_updates(ct_story *s);
void ct__story_forecast(ct_story *s);

#endif
