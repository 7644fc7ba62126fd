/* Reading JSON (RFC 8259) in a build without jansson; see json.h.
 *
 * Invariant: what is not JSON, or nests too deep, ends with an error that has its place, and what was read of it is given back. */
#include "json.h"

#ifndef COTAN_USE_JANSSON
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 2048 }; /* as jansson has it */

typedef struct parser {
    const char *text;
    size_t length, at;
    size_t flags;
    int depth;
    json_error_t *error;
} parser;

/* The words are jansson's where tests or people may know them. */
static json_t *wrong(const parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static json_t *wrong(const parser *p, const char *format, ...)
{
    if (!p->error->text[0]) {
        p->error->position = (int)p->at;
        p->error->line = 1;
        for (size_t i = 0; i < p->at; i++)
            p->error->line += p->text[i] == '\n';
        va_list arguments;
        va_start(arguments, format);
        ct__vformat(p->error->text, sizeof p->error->text, format, arguments);
        va_end(arguments);
    }
    return NULL;
}

static char peek(const parser *p)
{
    return p->at < p->length ? p->text[p->at] : '\0';
}

static void skip_blanks(parser *p)
{
    while (p->at < p->length && strchr(" \t\n\r", p->text[p->at]) && p->text[p->at])
        p->at++;
}

/* Whether what follows is the text, which is gone past then. */
static bool follows(parser *p, const char *text)
{
    size_t n = strlen(text);
    bool same = n <= p->length - p->at && memcmp(p->text + p->at, text, n) == 0;
    p->at += same ? n : 0;
    return same;
}

/* ---- strings ---- */

/* The number of four hexadecimal digits; -1 if they are not there. */
static int hexadecimal(parser *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = peek(p) ? strchr(digits, peek(p)) : NULL;
        if (!digit)
            return -1;
        value = value * 16 + (int)((digit - digits) % 16);
    }
    return value;
}

/* The character of \uXXXX, or of two of them that stand for one; -1: none. Behind the u. */
static int escaped(parser *p)
{
    int high = hexadecimal(p);
    if (high < 0xd800 || high > 0xdfff)
        return high;
    int low = high < 0xdc00 && follows(p, "\\u") ? hexadecimal(p) : -1;
    return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + (high - 0xd800) * 0x400 + low - 0xdc00 : -1;
}

static char *put_character(char *to, int c)
{
    int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const int first[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(first[more] | c >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return to;
}

/* Behind a backslash; NULL with an error. */
static char *read_escape(parser *p, char *to)
{
    static const char escapes[] = "\"\\/bfnrt", letters[] = "\"\\/\b\f\n\r\t";
    const char *escape = peek(p) ? strchr(escapes, peek(p)) : NULL;
    if (escape) {
        p->at++;
        *to = letters[escape - escapes];
        return to + 1;
    }
    int c = follows(p, "u") ? escaped(p) : -1;
    if (c <= 0)
        wrong(p, "%s", c == 0 ? "NUL byte in object key or string" : "invalid escape");
    return c <= 0 ? NULL : put_character(to, c);
}

/* The string that is read ends too early, or with a byte that may not be in one. */
static void wrong_byte(const parser *p)
{
    unsigned char c = (unsigned char)peek(p);
    if (p->at == p->length)
        wrong(p, "premature end of input");
    else if (c < ' ')
        wrong(p, "control character 0x%x", c);
    else
        wrong(p, "unable to decode byte 0x%x", c);
}

/* Behind the first quote: the string, the caller's until ct_deallocate(); NULL with an error. */
static char *read_text(parser *p)
{
    const char *end = p->text + p->at;
    for (; end < p->text + p->length && *end != '"'; end++)
        end += *end == '\\' && end + 1 < p->text + p->length;
    char *all = ct_allocate(1, (size_t)(end - p->text) - p->at + 1), *to = all;
    while (to && peek(p) != '"') {
        int n = ct__utf8_bytes(p->text + p->at, p->length - p->at);
        if (follows(p, "\\"))
            to = read_escape(p, to);
        else if (n == 0 || (unsigned char)peek(p) < ' ') {
            wrong_byte(p);
            to = NULL;
        } else {
            memcpy(to, p->text + p->at, (size_t)n);
            to += n;
            p->at += (size_t)n;
        }
    }
    if (!to) {
        ct_deallocate(all);
        return NULL;
    }
    p->at++;
    *to = '\0';
    return all;
}

static json_t *read_string(parser *p)
{
    char *text = read_text(p);
    json_t *value = text ? json_string(text) : NULL;
    ct_deallocate(text);
    return value;
}

/* ---- numbers ---- */

static size_t skip_digits(parser *p)
{
    size_t from = p->at;
    while (peek(p) >= '0' && peek(p) <= '9')
        p->at++;
    return p->at - from;
}

/* Whether it is a number as JSON has it; *real: with a fraction or an exponent. */
static bool scan_number(parser *p, bool *real)
{
    follows(p, "-");
    bool good = follows(p, "0") || skip_digits(p) > 0;
    *real = peek(p) == '.' || peek(p) == 'e' || peek(p) == 'E';
    if (follows(p, "."))
        good = skip_digits(p) > 0 && good;
    if (follows(p, "e") || follows(p, "E")) {
        if (!follows(p, "-"))
            follows(p, "+");
        good = skip_digits(p) > 0 && good;
    }
    return good;
}

static json_t *read_number(parser *p)
{
    bool real;
    size_t from = p->at;
    if (!scan_number(p, &real))
        return wrong(p, "invalid token");
    char *text = strndup(p->text + from, p->at - from);
    if (!text)
        return NULL;
    errno = 0;
    double number = real ? ct__strtod(text, NULL) : 0;
    json_int_t integer = real ? 0 : strtoll(text, NULL, 10);
    bool too_large = real ? isinf(number) : errno == ERANGE;
    ct_deallocate(text);
    return too_large ? wrong(p, "%s", real ? "real number overflow" : "too big integer")
           : real    ? json_real(number)
                     : json_integer(integer);
}

/* ---- values ---- */

static json_t *read_value(parser *p);

static bool read_member(parser *p, json_t *object)
{
    char *key = follows(p, "\"") ? read_text(p) : (wrong(p, "string or '}' expected"), NULL);
    bool twice = key && (p->flags & JSON_REJECT_DUPLICATES) && json_object_get(object, key);
    if (key)
        skip_blanks(p);
    if (twice)
        wrong(p, "duplicate object key near '\"%.60s\"'", key);
    else if (key && !follows(p, ":"))
        wrong(p, "':' expected");
    json_t *value = key && !p->error->text[0] ? read_value(p) : NULL;
    bool done = value && json_object_set_new(object, key, value) == 0;
    ct_deallocate(key);
    return done;
}

static bool read_item(parser *p, json_t *list)
{
    skip_blanks(p);
    bool done = list->type == JSON_OBJECT ? read_member(p, list) : json_array_append_new(list, read_value(p)) == 0;
    skip_blanks(p);
    return done;
}

/* Behind the first bracket. */
static json_t *read_list(parser *p, json_t *list, const char *end)
{
    bool done = list != NULL;
    if (++p->depth > DEPTH)
        done = wrong(p, "maximum parsing depth reached") != NULL;
    skip_blanks(p);
    if (done && !follows(p, end)) {
        do
            done = read_item(p, list);
        while (done && follows(p, ","));
        if (done && !follows(p, end))
            done = wrong(p, "%s expected", *end == ']' ? "']'" : "'}'") != NULL;
    }
    p->depth--;
    if (done)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *read_value(parser *p)
{
    skip_blanks(p);
    if (p->at == p->length)
        return wrong(p, "premature end of input");
    if (follows(p, "{"))
        return read_list(p, json_object(), "}");
    if (follows(p, "["))
        return read_list(p, json_array(), "]");
    if (follows(p, "\""))
        return read_string(p);
    if (follows(p, "true"))
        return json_boolean(1);
    if (follows(p, "false"))
        return json_boolean(0);
    return follows(p, "null") ? json_null() : read_number(p);
}

json_t *json_loadb(const char *text, size_t length, size_t flags, json_error_t *error)
{
    parser p = {.text = text, .length = length, .flags = flags, .error = error};
    *error = (json_error_t){0};
    skip_blanks(&p);
    json_t *value = peek(&p) == '{' || peek(&p) == '[' ? read_value(&p) : wrong(&p, "'[' or '{' expected");
    skip_blanks(&p);
    if (value && p.at < length) {
        wrong(&p, "end of file expected");
        json_decref(value);
        return NULL;
    }
    return value;
}

json_t *json_loadf(FILE *stream, size_t flags, json_error_t *error)
{
    size_t room = 1 << 12, used = 0, got = 1;
    char *text = ct_allocate(1, room);
    while (text && (got = fread(text + used, 1, room - used, stream)) > 0) {
        used += got;
        char *longer = used == room ? ct_reallocate(text, room *= 2) : text;
        if (!longer)
            ct_deallocate(text);
        text = longer;
    }
    *error = (json_error_t){0};
    json_t *value = text ? json_loadb(text, used, flags, error) : NULL;
    ct_deallocate(text);
    return value;
}
#endif
