/* Numbers in CSV files (RFC 4180), gzipped or not, read as a table.
 *
 * Invariant: memory grows with the numbers that were read, never with what the file promises. */
#include "file_internal.h"
#include <math.h>
#include <string.h>

enum { BUFFER = 1 << 16, FIELD = 64, END = -1 }; /* FIELD: no number needs more characters */

typedef struct reader {
    ct__stream stream;
    char *buffer;
    uint64_t size, next; /* bytes in it, and the first that is unread */
    ct_status status;    /* of the stream */
    int64_t line;        /* that is being read, from 1 */
    double *values;
    int64_t count, room,
        columns; /* numbers read, and for how many there is room; columns 0: the first line is not over */
} reader;

/* ---- characters ---- */

/* The next character, or END; a line ends with \n, whether the file says \n, \r\n or \r. */
static int peek(reader *r)
{
    if (r->next == r->size && r->status == CT_OK) {
        r->next = r->size = 0;
        r->status = ct__stream_read(&r->stream, r->buffer, BUFFER, &r->size);
    }
    if (r->next == r->size || r->status != CT_OK)
        return END;
    unsigned char c = (unsigned char)r->buffer[r->next];
    return c == '\r' ? '\n' : c;
}

static int take(reader *r)
{
    int c = peek(r);
    if (c == END)
        return END;
    bool carriage = r->buffer[r->next++] == '\r';
    if (carriage && peek(r) != END && r->buffer[r->next] == '\n')
        r->next++;
    r->line += c == '\n';
    return c;
}

static void skip_blanks(reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t')
        take(r);
}

static void skip_mark(reader *r)
{
    if (peek(r) == 0xEF && r->size >= 3 && memcmp(r->buffer, "\xEF\xBB\xBF", 3) == 0)
        r->next = 3;
}

static void skip_lines(reader *r, int64_t n)
{
    for (int c = 0; n > 0 && c != END; n -= c == '\n')
        c = take(r);
}

/* ---- fields ---- */

static ct_status wrong(const reader *r, int64_t line, const char *what)
{
    return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: line %lld %s", r->stream.path, (long long)line, what);
}

/* The characters of a field, 0-terminated, without the quotes and blanks around; cut after FIELD - 1. */
static void read_text(reader *r, char *text)
{
    size_t length = 0;
    skip_blanks(r);
    bool quoted = peek(r) == '"';
    if (quoted)
        take(r);
    skip_blanks(r);
    for (int c; (c = peek(r)) != END && (quoted || (c != ',' && c != '\n'));) {
        take(r);
        if (quoted && c == '"' && peek(r) != '"')
            break;
        if (quoted && c == '"')
            take(r);
        if (length < FIELD - 1)
            text[length++] = c == 0 ? '?' : (char)c;
    }
    skip_blanks(r);
    while (length > 0 && length < FIELD - 1 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    text[length] = '\0';
}

/* No hexadecimal, nan or inf, which strtod would take. */
static bool read_number(const char *text, double *value)
{
    char *end;
    size_t length = strlen(text);
    *value = ct__strtod(text, &end);
    return length > 0 && length < FIELD - 1 && strspn(text, "+-.0123456789eE") == length && *end == '\0' &&
           isfinite(*value);
}

static ct_status grow(reader *r)
{
    int64_t room = r->room ? r->room + r->room / 2 : 1024;
    double *values = ct__alloc((size_t)room * sizeof(double));
    if (!values)
        return ct__no_memory("csv_load");
    if (r->count > 0)
        memcpy(values, r->values, (size_t)r->count * sizeof(double));
    ct__free(r->values, (size_t)r->room * sizeof(double));
    r->values = values;
    r->room = room;
    return CT_OK;
}

static ct_status read_field(reader *r, int64_t line, int64_t field)
{
    char text[FIELD];
    double value;
    read_text(r, text);
    if (r->status != CT_OK)
        return r->status;
    bool ends = peek(r) == ',' || peek(r) == '\n' || peek(r) == END;
    if (!ends || !read_number(text, &value))
        return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: line %lld, field %lld is no number: \"%.40s\"",
                         r->stream.path, (long long)line, (long long)field, text);
    ct_status status = ct__stream_check(&r->stream, (uint64_t)(r->count + 1) * sizeof(double));
    if (status == CT_OK && r->count == r->room)
        status = grow(r);
    if (status == CT_OK)
        r->values[r->count++] = value;
    return status;
}

/* ---- lines ---- */

static ct_status read_line(reader *r)
{
    int64_t line = r->line, fields = 0;
    char what[96];
    ct_status status = CT_OK;
    do {
        status = read_field(r, line, ++fields);
        if (status == CT_OK && r->columns > 0 && fields > r->columns) {
            snprintf(what, sizeof what, "has more than the %lld fields of the first", (long long)r->columns);
            return wrong(r, line, what);
        }
    } while (status == CT_OK && take(r) == ',');
    if (status == CT_OK && r->columns > 0 && fields < r->columns) {
        snprintf(what, sizeof what, "has %lld fields, the first has %lld", (long long)fields, (long long)r->columns);
        return wrong(r, line, what);
    }
    r->columns = fields;
    return status;
}

/* Whether there is another line of numbers; blank ones are nothing at the end, and wrong elsewhere. */
static ct_status find_line(reader *r, bool *found)
{
    int64_t blank = 0;
    for (;;) {
        skip_blanks(r);
        if (peek(r) != '\n')
            break;
        blank = blank ? blank : r->line;
        take(r);
    }
    *found = peek(r) != END;
    return *found && blank ? wrong(r, blank, "is blank") : r->status;
}

static ct_status read_lines(reader *r, int64_t skipped)
{
    bool found = true;
    skip_mark(r);
    skip_lines(r, skipped);
    ct_status status = find_line(r, &found);
    while (status == CT_OK && found) {
        status = read_line(r);
        if (status == CT_OK)
            status = find_line(r, &found);
    }
    if (status == CT_OK && r->count == 0)
        return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: no lines of numbers", r->stream.path);
    return status;
}

static ct_tensor *load(reader *r, int64_t skipped)
{
    r->buffer = ct__alloc(BUFFER);
    r->line = 1;
    ct_status status = r->buffer ? read_lines(r, skipped) : ct__no_memory("csv_load");
    ct_tensor *table = NULL;
    if (status == CT_OK) {
        const int64_t shape[] = {r->count / r->columns, r->columns};
        table = ct_from_array(CT_FLOAT64, r->values, shape, 2);
    }
    ct__free(r->values, (size_t)r->room * sizeof(double));
    ct__free(r->buffer, BUFFER);
    return table;
}

CT_OPTIONS_INIT(ct_csv_options)

ct_tensor *ct_csv_load(const char *path, const ct_csv_options *options)
{
    reader r = {.values = NULL};
    CT_READ_OPTIONS(ct_csv_options, o, options, "csv_load");
    if (!o)
        return NULL;
    if (o->skip_lines < 0) {
        ct__error(CT_ERROR_ARGUMENT, "csv_load: skip_lines is %lld", (long long)o->skip_lines);
        return NULL;
    }
    ct_tensor *table =
        ct__stream_open(&r.stream, "csv_load", path, o->max_bytes) == CT_OK ? load(&r, o->skip_lines) : NULL;
    ct__stream_close(&r.stream);
    return table;
}
