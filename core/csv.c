/* CSV files (RFC 4180), gzipped or not, read line by line, and as a table of numbers.
 *
 * Invariant: memory grows with what was read, never with what the file promises. */
#include "file_internal.h"
#include <cotan/object.h>
#include <math.h>
#include <string.h>

enum { BUFFER = 1 << 16, NUMBER = 64, END = -1 }; /* NUMBER: none needs more characters */

/* Bytes that grow as they are needed. */
typedef struct block {
    char *bytes;
    uint64_t used, room;
} block;

struct ct_csv {
    ct__stream stream;
    char separator;
    char *buffer;
    uint64_t size, next; /* bytes in it, and the first that is unread */
    ct_status status;    /* of the stream */
    int64_t line, began; /* that is being read, from 1; at which the fields below began */
    int64_t columns;     /* 0: the first line is not over */
    int64_t fields;      /* of this line: */
    uint64_t all;        /* of all lines */
    block text, places;  /* each with a 0 behind it; where it begins (size_t), then a pointer to it */
};

/* ---- characters ---- */

/* The next character, or END; a line ends with \n, whether the file says \n, \r\n or \r. */
static int peek(ct_csv *r)
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

static int take(ct_csv *r)
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

/* A tab that separates is no blank. */
static bool at_blank(ct_csv *r)
{
    int c = peek(r);
    return (c == ' ' || c == '\t') && c != r->separator;
}

static void skip_blanks(ct_csv *r)
{
    while (at_blank(r))
        take(r);
}

static void skip_mark(ct_csv *r)
{
    if (peek(r) == 0xEF && r->size >= 3 && memcmp(r->buffer, "\xEF\xBB\xBF", 3) == 0)
        r->next = 3;
}

static void skip_lines(ct_csv *r, int64_t n)
{
    for (int c = 0; n > 0 && c != END; n -= c == '\n')
        c = take(r);
}

/* ---- fields ---- */

static ct_status wrong(const ct_csv *r, int64_t line, const char *what)
{
    return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: line %lld %s", r->stream.path, (long long)line, what);
}

static ct_status wrong_field(const ct_csv *r, const char *what)
{
    return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: line %lld, field %lld %s", r->stream.path, (long long)r->began,
                     (long long)r->fields, what);
}

/* Room for n bytes more. */
static ct_status widen(block *b, uint64_t n)
{
    if (b->room - b->used >= n)
        return CT_OK;
    uint64_t room = b->room + b->room / 2 + 8192;
    char *bytes = ct__alloc((size_t)room);
    if (!bytes)
        return ct__no_memory("csv_load");
    if (b->used > 0)
        memcpy(bytes, b->bytes, (size_t)b->used);
    ct__free(b->bytes, (size_t)b->room);
    b->bytes = bytes;
    b->room = room;
    return CT_OK;
}

static void free_block(block *b)
{
    ct__free(b->bytes, (size_t)b->room);
    *b = (block){.bytes = NULL};
}

static ct_status add(block *b, const void *bytes, uint64_t n)
{
    ct_status status = widen(b, n);
    if (status != CT_OK)
        return status;
    memcpy(b->bytes + b->used, bytes, (size_t)n);
    b->used += n;
    return CT_OK;
}

/* As numbers all fields so far take 8 bytes each; this line is there as text, too. */
static ct_status check_bytes(const ct_csv *r)
{
    return ct__stream_check(&r->stream, r->all * sizeof(double) + r->text.used);
}

static ct_status add_character(ct_csv *r, int c)
{
    char character = (char)c;
    if (c == 0)
        return wrong_field(r, "has a byte 0");
    ct_status status = check_bytes(r);
    return status == CT_OK ? add(&r->text, &character, 1) : status;
}

/* What stands between quotes, up to the closing one; two stand for one. */
static ct_status read_quoted(ct_csv *r)
{
    ct_status status = CT_OK;
    take(r);
    for (int c; status == CT_OK && (c = take(r)) != END;) {
        if (c == '"' && peek(r) != '"')
            return CT_OK;
        if (c == '"')
            take(r);
        status = add_character(r, c);
    }
    if (status != CT_OK || r->status != CT_OK)
        return status == CT_OK ? r->status : status;
    return wrong_field(r, "has a quote that is not closed");
}

static ct_status read_plain(ct_csv *r, uint64_t begin)
{
    ct_status status = CT_OK;
    for (int c; status == CT_OK && (c = peek(r)) != END && c != r->separator && c != '\n';)
        status = add_character(r, take(r));
    while (r->text.used > begin && strchr(" \t", r->text.bytes[r->text.used - 1]))
        r->text.used--;
    return status;
}

static ct_status read_field(ct_csv *r)
{
    uint64_t begin = r->text.used;
    r->fields++;
    r->all++;
    ct_status status = check_bytes(r);
    if (status == CT_OK)
        status = add(&r->places, &begin, sizeof begin);
    if (status != CT_OK)
        return status;
    skip_blanks(r);
    bool quoted = peek(r) == '"';
    status = quoted ? read_quoted(r) : read_plain(r, begin);
    skip_blanks(r);
    if (status == CT_OK && r->status == CT_OK && peek(r) != r->separator && peek(r) != '\n' && peek(r) != END)
        return wrong_field(r, "goes on after its closing quote");
    status = status == CT_OK ? r->status : status;
    return status == CT_OK ? add(&r->text, "", 1) : status;
}

/* ---- lines ---- */

static ct_status read_line(ct_csv *r)
{
    char what[96];
    ct_status status = CT_OK;
    r->began = r->line;
    r->fields = 0;
    r->text.used = r->places.used = 0;
    do {
        status = read_field(r);
        if (status == CT_OK && r->columns > 0 && r->fields > r->columns) {
            snprintf(what, sizeof what, "has more than the %lld fields of the first", (long long)r->columns);
            return wrong(r, r->began, what);
        }
    } while (status == CT_OK && take(r) == r->separator);
    if (status == CT_OK && r->columns > 0 && r->fields < r->columns) {
        snprintf(what, sizeof what, "has %lld fields, the first has %lld", (long long)r->fields, (long long)r->columns);
        return wrong(r, r->began, what);
    }
    r->columns = r->fields;
    return status;
}

/* Whether there is another line of fields; blank ones are nothing at the end, and wrong elsewhere. */
static ct_status find_line(ct_csv *r, bool *found)
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

static ct_status begin(ct_csv *r, const char *path, const ct_csv_options *o)
{
    r->line = 1;
    r->separator = o->separator ? o->separator[0] : ',';
    if (o->skip_lines < 0)
        return ct__error(CT_ERROR_ARGUMENT, "csv_load: skip_lines is %lld", (long long)o->skip_lines);
    bool one = !o->separator || (strlen(o->separator) == 1 && (unsigned char)r->separator < 128);
    if (!one || strchr("\"\r\n +-.0123456789eE", r->separator))
        return ct__error(CT_ERROR_ARGUMENT, "csv_load: separator \"%.40s\" is not one character that no number has",
                         o->separator);
    ct_status status = ct__stream_open(&r->stream, "csv_load", path, o->max_bytes);
    if (status != CT_OK)
        return status;
    r->buffer = ct__alloc(BUFFER);
    if (!r->buffer)
        return ct__no_memory("csv_load");
    skip_mark(r);
    skip_lines(r, o->skip_lines);
    return r->status;
}

static void end(ct_csv *r)
{
    free_block(&r->text);
    free_block(&r->places);
    ct__free(r->buffer, BUFFER);
    ct__stream_close(&r->stream);
}

/* The next line's fields, or NULL. */
static const char *const *next_line(ct_csv *r)
{
    bool found = false;
    if (find_line(r, &found) != CT_OK || !found || read_line(r) != CT_OK)
        return NULL;
    _Static_assert(sizeof(uint64_t) >= sizeof(char *), "a place has room for a pointer");
    for (int64_t i = 0; i < r->fields; i++) {
        uint64_t place;
        memcpy(&place, r->places.bytes + (size_t)i * sizeof place, sizeof place);
        const char *field = r->text.bytes + place;
        memcpy(r->places.bytes + (size_t)i * sizeof field, &field, sizeof field);
    }
    return (const char *const *)(void *)r->places.bytes;
}

/* ---- the public reader ---- */

CT_OPTIONS_INIT(ct_csv_options)

ct_csv *ct_csv_open(const char *path, const ct_csv_options *options)
{
    CT_READ_OPTIONS(ct_csv_options, o, options, "csv_open");
    ct_csv *csv = o ? ct_object_new("CSV file", sizeof *csv) : NULL;
    if (!csv || begin(csv, path, o) == CT_OK)
        return csv;
    ct_csv_close(csv);
    return NULL;
}

const char *const *ct_csv_next(ct_csv *csv, int64_t *n)
{
    if (ct_object_check(csv, "CSV file", "csv_next") != CT_OK || ct_error_code() != CT_OK)
        return NULL;
    const char *const *fields = next_line(csv);
    if (n)
        *n = fields ? csv->fields : 0;
    return fields;
}

int64_t ct_csv_line(const ct_csv *csv)
{
    return ct_object_check(csv, "CSV file", "csv_line") == CT_OK ? csv->began : 0;
}

void ct_csv_close(ct_csv *csv)
{
    if (!csv || ct_object_check(csv, "CSV file", "csv_close") != CT_OK)
        return;
    end(csv);
    ct_object_free(csv);
}

/* No hexadecimal, nan or inf, which strtod would take. */
bool ct_csv_number(const char *text, double *value)
{
    if (!text || !value)
        return false;
    text += strspn(text, " \t");
    size_t length = strspn(text, "+-.0123456789eE");
    if (length == 0 || length >= NUMBER - 1 || text[length + strspn(text + length, " \t")] != '\0')
        return false;
    char *behind;
    *value = ct__strtod(text, &behind);
    return behind == text + length && isfinite(*value);
}

/* ---- tables of numbers ---- */

static ct_status add_numbers(const ct_csv *r, const char *const *fields, block *values)
{
    ct_status status = CT_OK;
    for (int64_t i = 0; i < r->fields && status == CT_OK; i++) {
        double value;
        if (!ct_csv_number(fields[i], &value))
            return ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: line %lld, field %lld is no number: \"%.40s\"",
                             r->stream.path, (long long)r->began, (long long)i + 1, fields[i]);
        status = add(values, &value, sizeof value);
    }
    return status;
}

static ct_tensor *load(ct_csv *r)
{
    block values = {.bytes = NULL};
    ct_tensor *table = NULL;
    ct_status status = CT_OK;
    for (const char *const *fields; status == CT_OK && (fields = next_line(r));)
        status = add_numbers(r, fields, &values);
    if (ct_error_code() == CT_OK && values.used == 0)
        ct__error(CT_ERROR_FORMAT, "csv_load: %.300s: no lines of numbers", r->stream.path);
    if (ct_error_code() == CT_OK) {
        const int64_t shape[] = {(int64_t)(values.used / sizeof(double)) / r->columns, r->columns};
        table = ct_from_array(CT_FLOAT64, values.bytes, shape, 2);
    }
    free_block(&values);
    return table;
}

ct_tensor *ct_csv_load(const char *path, const ct_csv_options *options)
{
    ct_csv r = {.buffer = NULL};
    CT_READ_OPTIONS(ct_csv_options, o, options, "csv_load");
    ct_tensor *table = o && begin(&r, path, o) == CT_OK ? load(&r) : NULL;
    end(&r);
    return table;
}
