/* A story's words and lines.
 *
 * Invariant: a line is cut into columns only after all lines of its paragraph are known; numbers are never broken. */
#include "story.h"
#include <stdarg.h>
#include <string.h>

enum { ENDS = 20, VALUE = 160 };

const char *ct__story_text(ct_story *s, const char *format, ...)
{
    char buffer[CT_STORY_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    const char *copy = ct__arena_text(&s->arena, buffer);
    if (!copy)
        s->status = CT_ERROR_MEMORY;
    return copy ? copy : "";
}

const char *ct__story_value(ct_story *s, const ct_snapshot *snapshot)
{
    char buffer[VALUE];
    return snapshot ? ct__story_text(s, "%s", ct__snapshot_text(snapshot, 9, buffer, sizeof buffer)) : "0";
}

const char *ct__story_term(ct_story *s, const ct_snapshot *snapshot)
{
    char buffer[VALUE];
    return snapshot ? ct__story_text(s, "%s", ct__snapshot_text(snapshot, 3, buffer, sizeof buffer)) : "0";
}

const char *ct__story_equals(const ct_story *s, bool sum, const char *a, const char *b, const char *result)
{
    char computed[CT_NUMBER_TEXT];
    double x = ct__strtod(a, NULL), y = ct__strtod(b, NULL);
    ct_number_text(sum ? x + y : x * y, computed);
    return strcmp(computed, result) == 0 ? "=" : s->unicode ? "\u2248" : "~=";
}

/* ---- paragraphs ---- */

void ct__story_line(ct_story *s, const char *a, const char *b, const char *c, const char *d)
{
    ct_story_line *l = ct__arena_alloc(&s->arena, sizeof *l);
    if (!l) {
        s->status = CT_ERROR_MEMORY;
        return;
    }
    *l = (ct_story_line){.columns = {a, b, c, d}};
    *s->end = l;
    s->end = &l->next;
}

/* Characters on the screen: bytes that begin one. */
static int columns_of(const char *bytes)
{
    int n = 0;
    for (; *bytes; bytes++)
        n += ((unsigned char)*bytes & 0xc0) != 0x80;
    return n;
}

/* Prints text from column at on; a word that does not fit begins a new line at the indent. Numbers are words. Returns where it ends. */
static int print_words(ct_story *s, const char *words, int at, int indent)
{
    for (bool blank = false; *words; blank = true) {
        size_t length = strcspn(words, " ");
        const char *word = ct__story_text(s, "%.*s", (int)length, words);
        int n = columns_of(word);
        if (at > indent && at + blank + n > s->width) {
            fprintf(s->stream, "\n%*s", indent, "");
            at = indent;
        } else if (blank) {
            fputc(' ', s->stream);
            at++;
        }
        fputs(word, s->stream);
        at += n;
        words += length + (words[length] == ' ');
    }
    return at;
}

/* A value or a note that does not fit goes on a line of its own. */
static void print_line(ct_story *s, const ct_story_line *l, const int *widths)
{
    int last = CT_STORY_COLUMNS - 1, at = 0, column = 2, indent = widths[0] + 4;
    while (last > 0 && !*l->columns[last])
        last--;
    for (int i = 0; i <= last; i++) {
        int n = columns_of(l->columns[i]);
        if (i >= 2 && column + n > s->width) {
            fputc('\n', s->stream);
            at = 0;
            column = indent;
        }
        if (*l->columns[i]) { /* else there are no blanks before a line's end */
            fprintf(s->stream, s->color && i == 0 ? "%*s\033[1m" : "%*s", column - at, "");
            at = print_words(s, l->columns[i], column, indent + 2);
            fputs(s->color && i == 0 ? "\033[0m" : "", s->stream);
        }
        column += (widths[i] > n ? widths[i] : n) + (i == 1 ? 1 : 2);
    }
    fputc('\n', s->stream);
}

void ct__story_end(ct_story *s, const char *title)
{
    static const int most[CT_STORY_COLUMNS] = {16, 20, 40, 0};
    int widths[CT_STORY_COLUMNS] = {0};
    int64_t count = 0;
    for (const ct_story_line *l = s->first; l; l = l->next, count++)
        for (int i = 0; i < CT_STORY_COLUMNS; i++) {
            int n = columns_of(l->columns[i]);
            if (n > widths[i] && n <= most[i])
                widths[i] = n;
        }
    if (s->first)
        fprintf(s->stream, s->color ? "\033[4m%s\033[0m\n" : "%s\n", title);
    int64_t left = count;
    for (const ct_story_line *l = s->first; l; l = l->next, left--) {
        if (s->fold && count > 2 * ENDS + 1 && left == count - ENDS)
            fprintf(s->stream, "  ... %lld more\n", (long long)(count - 2 * ENDS));
        if (!s->fold || count <= 2 * ENDS + 1 || left > count - ENDS || left <= ENDS)
            print_line(s, l, widths);
    }
    s->first = NULL;
    s->end = &s->first;
}

const char *ct__story_derivative(ct_story *s, int64_t id)
{
    return ct__story_text(s, s->unicode ? "\u2202%s/\u2202%s" : "d%s/d%s", s->root, s->labels[id]);
}
