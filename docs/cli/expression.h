/* One line of calculation: numbers, vectors, names, operators and the library's operations, run as they are read.
 *
 *     program   := statement { ";" statement }
 *     statement := [ name "=" ] sum
 *     sum       := product { ("+" | "-") product }
 *     product   := sign { ("*" | "/" | "@") sign }
 *     sign      := ( "-" | "+" ) sign | power
 *     power     := value [ "^" sign ]
 *     value     := number | name | "(" sum ")" | "[" sum { "," sum } "]" | operation "(" [ argument { "," argument } ] ")"
 *     argument  := [ name "=" ] sum
 *
 * What an operation makes is called (ct_name) by the name that it is assigned to, or by the piece of text that it is the value of
 * if that is short, or v1, v2, ...; its line (ct_node_line) is its operator's column.
 *
 * Invariant: whatever the text, a run ends with a value or with one mistake, which has a column. */
#ifndef COTAN_CLI_EXPRESSION_H
#define COTAN_CLI_EXPRESSION_H

#include "records.h"

#define MAX_NAMES 256
#define NAME_SIZE 64

/* A name and its value: a leaf, given behind the expression, or what a statement assigned. */
typedef struct binding {
    char name[NAME_SIZE];
    ct_tensor *value;
    const char *argument; /* of a leaf: the text that gave it */
    bool used;
    bool borrowed; /* not to be released */
} binding;

typedef struct mistake {
    char message[512]; /* "" if there is none */
    const char *text;  /* the line that it is in */
    int at;            /* byte */
    bool of_shapes;    /* sizes do not go together: those of the names say more */
} mistake;

typedef struct expression {
    const char *text;
    binding names[MAX_NAMES]; /* the leaves, then what the statements assigned */
    int n_leaves, n_names;
    mistake mistake;
    const records *more; /* operations besides the library's; may be NULL */
} expression;

/* Adds the leaf of "name=value", whose text must outlive e; the value is an expression of numbers alone. */
bool expression_bind(expression *e, const char *argument);
/* Adds a leaf with a value that stays the caller's, and need not be used. NULL adds none. */
void expression_give(expression *e, const char *name, ct_tensor *value);
/* Runs the text on the leaves' values: the last statement's value, owned by the innermost scope, or NULL with a mistake. The
 * name of that statement is the last one assigned, if it assigns. May be run again, on other values. */
ct_tensor *expression_run(expression *e);
/* The leaf or value of that name, or NULL. */
binding *expression_find(expression *e, const char *name);
/* How an operation's parameters are written, "x, axis:integer=-1", if it takes more than tensors; NULL otherwise. */
const char *expression_parameters(const char *operation);
/* The operator that stands for it, "+", or NULL. */
const char *expression_operator(const char *operation);
/* Writes the mistake in one line, and below it the place; returns WRONG_USE. */
int expression_complain(const expression *e, const char *who);
void expression_free(expression *e);

#endif
