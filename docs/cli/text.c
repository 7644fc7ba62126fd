/* Text for a terminal: numbers, tables, wrapped lines, likeness of words. */
#include "cli.h"
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- the terminal ---- */

int screen_width(void)
{
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    struct winsize size;
    if (width <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    return width <= 0 ? 80 : width < 40 ? 40 : width;
}

bool has_width(FILE *stream)
{
    return getenv("COLUMNS") || isatty(fileno(stream));
}

bool text_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* https://no-color.org */
static bool coloured(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
}

const char *bold(FILE *stream)
{
    return coloured(stream) ? "\033[1m" : "";
}

const char *faint(FILE *stream)
{
    return coloured(stream) ? "\033[2m" : "";
}

const char *plain(FILE *stream)
{
    return coloured(stream) ? "\033[0m" : "";
}

/* In UTF-8, of which ASCII is a part. */
static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += begins_character(*text);
    return width;
}

void write_wrapped(FILE *stream, const char *text, int indent, int width)
{
    int column = indent;
    for (const char *word = text; *word; word += strspn(word, " ")) {
        int length = (int)strcspn(word, " \n"), columns = 0;
        for (int i = 0; i < length; i++)
            columns += begins_character(word[i]);
        bool first = column == indent;
        if (!first && column + 1 + columns > width) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        column += columns + !first;
        fprintf(stream, "%s%.*s", first ? "" : " ", length, word);
        word += length;
        if (*word == '\n') {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
            word++;
        }
    }
    fputc('\n', stream);
}

/* ---- numbers ---- */

enum { SMALL = 9 }; /* elements that are all shown */

char *shape_text(char *buffer, const ct_tensor *t)
{
    int used = 0;
    for (int i = 0; i < ct_rank(t); i++)
        used += snprintf(buffer + used, SHAPE_SIZE - (size_t)used, "%s%lld", i ? ", " : "[", (long long)ct_shape(t)[i]);
    strcpy(buffer + used, ct_rank(t) ? "]" : "scalar");
    return buffer;
}

/* Adds the elements from the axis on, as a list of lists; values moves on. */
static int list_text(char *buffer, size_t size, const ct_tensor *t, int axis, const double **values)
{
    char number[CT_NUMBER_TEXT];
    if (axis == ct_rank(t))
        return snprintf(buffer, size, "%s", ct_number_text(*(*values)++, number));
    int used = snprintf(buffer, size, "[");
    for (int64_t i = 0; i < ct_size(t, axis); i++) {
        used += snprintf(buffer + used, size - (size_t)used, "%s", i ? ", " : "");
        used += list_text(buffer + used, size - (size_t)used, t, axis + 1, values);
    }
    return used + snprintf(buffer + used, size - (size_t)used, "]");
}

/* The shape, the range and the mean, of more elements than one reads. */
static void range_text(char *buffer, const ct_tensor *t)
{
    char shape[SHAPE_SIZE], low[CT_NUMBER_TEXT], high[CT_NUMBER_TEXT], mean[CT_NUMBER_TEXT];
    ct_no_grad_begin();
    const ct_tensor *x = ct_cast(ct_detach((ct_tensor *)t), CT_FLOAT64);
    snprintf(buffer, VALUE_SIZE, "%s %s to %s, mean %s", shape_text(shape, t),
             ct_number_text(ct_item(ct_amin((ct_tensor *)x)), low),
             ct_number_text(ct_item(ct_amax((ct_tensor *)x)), high),
             ct_number_text(ct_item(ct_mean((ct_tensor *)x)), mean));
    ct_no_grad_end();
}

const char *value_text(char *buffer, const ct_tensor *t)
{
    double values[SMALL];
    const double *at = values;
    if (ct_numel(t) <= SMALL && ct_rank(t) <= 3 && ct_to_values(t, values, ct_numel(t)) == CT_OK)
        list_text(buffer, VALUE_SIZE, t, 0, &at);
    else if (ct_numel(t) > 0)
        range_text(buffer, t);
    else
        strcat(shape_text(buffer, t), " of nothing");
    return buffer;
}

bool same_shape(const ct_tensor *a, const ct_tensor *b)
{
    return ct_rank(a) == ct_rank(b) && memcmp(ct_shape(a), ct_shape(b), (size_t)ct_rank(a) * sizeof(int64_t)) == 0;
}

const char *product_sign(double a, double b, double product)
{
    char text[3][CT_NUMBER_TEXT];
    double shown = strtod(ct_number_text(a, text[0]), NULL) * strtod(ct_number_text(b, text[1]), NULL);
    if (strcmp(ct_number_text(shown, text[0]), ct_number_text(product, text[2])) == 0)
        return "=";
    return text_is_utf8() ? "≈" : "~";
}

const char *bytes_text(char *buffer, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    ct_number_text(bytes, buffer);
    return strcat(strcat(buffer, " "), units[unit]);
}

/* ---- tables ---- */

void table_add(table *t, const char *format, ...)
{
    if (t->n_cells == t->room) {
        int64_t room = t->room ? 2 * t->room : 64;
        char **cells = realloc(t->cells, (size_t)room * sizeof *cells);
        t->failed |= !cells;
        if (!cells)
            return;
        t->cells = cells;
        t->room = room;
    }
    va_list list;
    va_start(list, format);
    char *cell = NULL;
    t->failed |= vasprintf(&cell, format, list) < 0;
    va_end(list);
    if (!t->failed)
        t->cells[t->n_cells++] = cell;
}

static int column_width(const table *t, int column)
{
    int width = text_width(t->headings[column] + (*t->headings[column] == '>'));
    for (int64_t i = column; i < t->n_cells; i += t->columns) {
        int cell = text_width(t->cells[i]);
        width = cell > width ? cell : width;
    }
    return width;
}

static void write_cell(const table *t, int column, const char *text, const int *widths, FILE *stream)
{
    int blanks = widths[column] - text_width(text);
    bool right = *t->headings[column] == '>', last = column == t->columns - 1;
    fprintf(stream, "%*s%s%*s", right ? blanks : 0, "", text, right || last ? 0 : blanks, "");
    fputs(last ? "\n" : "  ", stream);
}

/* A row that does not fit, over as many lines as it takes: "name  heading value  heading value". */
static void write_stacked(const table *t, char *const *cells, FILE *stream)
{
    int column = 1;
    fprintf(stream, "%s\n ", cells[0]);
    for (int c = 1; c < t->columns; c++) {
        const char *heading = t->headings[c] + (*t->headings[c] == '>');
        int length = 2 + text_width(heading) + text_width(cells[c]);
        if (column + length > screen_width()) {
            fputs("\n ", stream);
            column = 1;
        }
        fprintf(stream, " %s%s%s %s", faint(stream), heading, plain(stream), cells[c]);
        column += length;
    }
    fputc('\n', stream);
}

static void write_rows(const table *t, const int *widths, FILE *stream)
{
    fputs(faint(stream), stream);
    for (int c = 0; c < t->columns; c++)
        write_cell(t, c, t->headings[c] + (*t->headings[c] == '>'), widths, stream);
    fputs(plain(stream), stream);
    for (int64_t i = 0; i < t->n_cells; i++)
        write_cell(t, (int)(i % t->columns), t->cells[i], widths, stream);
}

void table_free(table *t)
{
    for (int64_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (table){.headings = t->headings, .columns = t->columns};
}

bool table_write(table *t, FILE *stream)
{
    int widths[16], total = -2;
    bool failed = t->failed;
    for (int c = 0; c < t->columns && !failed; c++) {
        widths[c] = column_width(t, c);
        total += widths[c] + 2;
    }
    if (!failed && has_width(stream) && total > screen_width()) {
        for (int64_t i = 0; i < t->n_cells; i += t->columns)
            write_stacked(t, t->cells + i, stream);
    } else if (!failed) {
        write_rows(t, widths, stream);
    }
    table_free(t);
    return !failed;
}

/* ---- likeness of words ---- */

/* Damerau and Levenshtein, restricted: a letter is moved once. Words longer than 63 are cut. */
int spelling_distance(const char *a, int a_length, const char *b, int b_length)
{
    int d[64][64];
    a_length = a_length > 63 ? 63 : a_length;
    b_length = b_length > 63 ? 63 : b_length;
    for (int i = 0; i <= a_length; i++) {
        for (int j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
            best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[a_length][b_length];
}

const char *nearest(const char *word, int length, const char *const *candidates, int n)
{
    const char *found = NULL;
    int best = length < 5 ? 2 : (length + 1) / 3 + 1; /* a third of the letters may be wrong, or one */
    for (int i = 0; i < n; i++) {
        int distance = spelling_distance(word, length, candidates[i], (int)strlen(candidates[i]));
        if (distance < best) {
            best = distance;
            found = candidates[i];
        }
    }
    return found;
}
