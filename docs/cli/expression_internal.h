/* What expression.c and calls.c share: the reader of an expression. */
#ifndef COTAN_CLI_EXPRESSION_INTERNAL_H
#define COTAN_CLI_EXPRESSION_INTERNAL_H

#include "expression.h"

typedef enum token_kind { END, NUMBER, NAME, STRING, SYMBOL } token_kind;

typedef struct token {
    token_kind kind;
    int start, end; /* bytes of the text; of a STRING without its quotes */
    double number;
    char symbol;
    bool before_equals, before_parenthesis; /* what stands behind it */
} token;

/* Reads one text from left to right; now is the token that has not been used up. */
typedef struct parser {
    expression *e;
    const char *text;
    token now;
    int last_end; /* where the token before now ended */
    int depth;
    int n_long;        /* values called v1, v2, ... */
    bool numbers_only; /* no names: the value of a leaf */
} parser;

/* Notes the mistake, unless there is one; returns NULL. */
ct_tensor *wrong(parser *p, int at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Hands on what an operation at that byte made of the text from start to here; if that is NULL, its error is the mistake. */
ct_tensor *made(parser *p, int at, int start, ct_tensor *t);

void advance(parser *p);
bool at_symbol(const parser *p, char symbol);
/* Uses up the symbol; false with a mistake if another token is there. */
bool expect(parser *p, char symbol);
/* The same for the comma before an element that is not the first, in what the closing sign ends. */
bool next_element(parser *p, char close);
bool token_is(const parser *p, const char *word);
ct_tensor *parse_sum(parser *p);
/* The list that begins here, its elements in an array for free(); false with a mistake. */
bool parse_elements(parser *p, ct_tensor ***elements, int *n);

/* The call whose name stands here (calls.c). */
ct_tensor *parse_call(parser *p);
bool is_operation(const expression *e, const char *name, int length);
/* The operation with the nearest name, or NULL. */
const char *nearest_operation(const expression *e, const char *name, int length);

#endif
