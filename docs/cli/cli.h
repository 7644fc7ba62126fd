/* What the subcommands of cotan share: the rows that describe them, reading of options, and text for a terminal.
 *
 * Invariant: what a subcommand is called, takes and does is said once, in its row; --help, the manual page and the shell's
 * completion are made from the rows. */
#ifndef COTAN_CLI_H
#define COTAN_CLI_H

#include <cotan/cotan.h>

/* No place in this program says anything to its user: no error names one. */
#undef CT_HERE
#define CT_HERE NULL, 0

/* ---- exit statuses ---- */
enum { FINE = 0, DIFFERS = 1, WRONG_USE = 2 };

/* ---- subcommands ---- */
#define MAX_OPTIONS 24

/* An option begins with two dashes: what begins with one may be an expression. */
typedef struct option {
    const char *name;     /* "check" for --check */
    const char *argument; /* "FILE"; NULL: takes none */
    const char *help;
} option;

/* A command line as read: values[i] is that of the command's option i, "" for one without an argument, NULL if not given. */
typedef struct arguments {
    const char *command;
    const char *values[MAX_OPTIONS];
    char **words; /* what is no option, in order */
    int n_words;
} arguments;

typedef struct command {
    const char *name;
    const char *usage; /* the words it takes, "FILE" */
    int min_words, max_words;
    const char *summary;   /* one line */
    const char *about;     /* paragraphs, separated by a line end */
    const option *options; /* up to one without a name; may be NULL */
    const char *examples;  /* lines: a command, or, after "# ", what it shows; may be NULL */
    int (*run)(const arguments *given);
} command;

extern const command explain_command, check_command, info_command, graph_command, ops_command, diff_command,
    config_command;

/* Fills given from argv, which begins with the subcommand's name; false after complaining. */
bool read_arguments(const command *command, int argc, char **argv, arguments *given);
/* Writes "cotan WHO: message" to stderr as one line; returns WRONG_USE. */
int complain(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the library's pending error, which it clears. */
int complain_of_error(const char *who);

/* A file's bytes, and a 0 behind them; NULL after complaining. For free(). */
char *read_file(const char *who, const char *path, size_t *size);
/* Whether a file can be written there, which is asked before the work whose result the option wants in it; false after complaining.
 * Leaves no trace. */
bool can_write(const arguments *given, const option *o, const char *path);
/* The same of a path that must end in the suffix. */
bool can_write_as(const arguments *given, const option *o, const char *path, const char *suffix);

/* ---- text (text.c) ---- */

/* The screen's columns: COLUMNS, the terminal's, or 80. */
int screen_width(void);
/* Whether a line can be too long for stream: not where a program reads on. */
bool has_width(FILE *stream);
/* Whether the locale writes UTF-8. */
bool text_is_utf8(void);
/* Codes for bold, faint and plain text on stream: empty when it is no terminal or NO_COLOR is set. */
const char *bold(FILE *stream), *faint(FILE *stream), *plain(FILE *stream);

/* "[3, 4]"; "scalar". Returns buffer, of SHAPE_SIZE. */
#define SHAPE_SIZE 192
char *shape_text(char *buffer, const ct_tensor *t);
#define VALUE_SIZE 512
/* A number, "[1, 2]", or of more elements the shape, range and mean. Returns buffer, of VALUE_SIZE. */
const char *value_text(char *buffer, const ct_tensor *t);
bool same_shape(const ct_tensor *a, const ct_tensor *b);
/* "=", or a sign for nearly where the numbers as they are shown do not multiply to the product as it is shown. */
const char *product_sign(double a, double b, double product);
/* "1.234 MB" */
const char *bytes_text(char *buffer, double bytes);

/* Columns that a text takes on the screen. */
int text_width(const char *text);
/* Writes text in lines of at most width columns, all but the first after indent blanks; the first begins at column indent. */
void write_wrapped(FILE *stream, const char *text, int indent, int width);

/* A table: cells are added row by row, then written in columns that fit. A column whose heading begins with '>' stands to the
 * right. Grows by itself; a failure to grow shows when it is written. */
typedef struct table {
    const char *const *headings;
    int columns;
    char **cells;
    int64_t n_cells, room;
    bool failed;
} table;
void table_add(table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes the table, a row over several lines where the screen is too narrow, and gives back what it held; false without memory. */
bool table_write(table *t, FILE *stream);
void table_free(table *t);

/* How many letters must be added, left out, changed or swapped to make b of a. */
int spelling_distance(const char *a, int a_length, const char *b, int b_length);
/* The candidate nearest to the first length letters of word, or NULL if none is near. */
const char *nearest(const char *word, int length, const char *const *candidates, int n);

#endif
