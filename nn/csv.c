/* The CSV reader: numbers separated by commas, gzipped or not.
 *
 * Invariant: every line has as many fields as the first, and every field is one finite decimal number. */
#include "nn_internal.h"
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <zlib.h>

/* A growing block of bytes, 0-terminated. */
typedef struct text {
    char *bytes;
    size_t size, capacity;
} text;

static ct_status grow(text *t)
{
    size_t capacity = t->capacity ? 2 * t->capacity : (size_t)1 << 16;
    char *bytes = realloc(t->bytes, capacity);
    if (!bytes)
        return ct__nn_no_memory("csv");
    t->bytes = bytes;
    t->capacity = capacity;
    return CT_OK;
}

static ct_status read_all(gzFile file, const char *path, text *t)
{
    for (;;) {
        if (t->size + 1 >= t->capacity && grow(t) != CT_OK)
            return ct_error_code();
        size_t room = t->capacity - t->size - 1;
        int got = gzread(file, t->bytes + t->size, room < 1 << 30 ? (unsigned)room : 1u << 30);
        int code = Z_OK;
        const char *message = gzerror(file, &code);
        if (got < 0 ||
            (code != Z_OK && code != Z_STREAM_END)) /* Z_BUF_ERROR: the file ends in the middle of the stream */
            return ct_error_set(CT_ERROR_FORMAT, "csv: %s: %s", path,
                                code == Z_BUF_ERROR ? "the gzip stream is cut off" : message);
        if (got == 0)
            break;
        t->size += (size_t)got;
    }
    t->bytes[t->size] = 0;
    return CT_OK;
}

static ct_status read_file(const char *path, text *t)
{
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (!file)
        return errno ? ct_error_set(CT_ERROR_IO, "csv: %s: %s", path, strerror(errno)) : ct__nn_no_memory("csv");
    ct_status status = read_all(file, path, t);
    gzclose(file);
    if (status == CT_OK && strlen(t->bytes) != t->size)
        return ct_error_set(CT_ERROR_FORMAT, "csv: %s: not a text file", path);
    return status;
}

/* The number at *cursor, which moves to the comma or the end of the line after it. */
static ct_status read_field(const char **cursor, const char *path, int64_t line, int64_t field, double *value)
{
    char *end;
    *value = strtod(*cursor, &end);
    /* strtod also takes blanks and line ends before a number, hexadecimal, nan and inf: none of these is a field. */
    bool plain = end != *cursor && strspn(*cursor, "+-.0123456789eE") == (size_t)(end - *cursor) && isfinite(*value);
    if (!plain || !strchr(",\r\n", *end))
        return ct_error_set(CT_ERROR_FORMAT, "csv: %s: line %lld, field %lld is no number: \"%.*s\"", path,
                            (long long)line, (long long)field, (int)strcspn(*cursor, ",\r\n") % 40, *cursor);
    *cursor = end;
    return CT_OK;
}

/* Goes to the beginning of the next line. */
static const char *next_line(const char *cursor)
{
    cursor += strcspn(cursor, "\n");
    return *cursor ? cursor + 1 : cursor;
}

/* Counts lines and the fields of the first. */
static void measure(const char *bytes, int64_t *rows, int64_t *columns)
{
    *rows = 0;
    *columns = 1;
    for (const char *c = bytes; *c && *c != '\n'; c++)
        *columns += *c == ',';
    for (const char *c = bytes; *c; c = next_line(c))
        (*rows)++;
}

static ct_status read_rows(const char *bytes, const char *path, int64_t first_line, int64_t rows, int64_t columns,
                           double *values)
{
    const char *c = bytes;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            if (column > 0 && *c++ != ',')
                return ct_error_set(CT_ERROR_FORMAT, "csv: %s: line %lld has %lld fields, the first has %lld", path,
                                    (long long)(first_line + row), (long long)column, (long long)columns);
            ct_status status = read_field(&c, path, first_line + row, column + 1, values++);
            if (status != CT_OK)
                return status;
        }
        if (*c == ',')
            return ct_error_set(CT_ERROR_FORMAT, "csv: %s: line %lld has more than the %lld fields of the first", path,
                                (long long)(first_line + row), (long long)columns);
        c = next_line(c);
    }
    return CT_OK;
}

static ct_tensor *parse(const char *bytes, const char *path, int64_t skip_lines)
{
    for (int64_t i = 0; i < skip_lines; i++)
        bytes = next_line(bytes);
    int64_t rows, columns;
    measure(bytes, &rows, &columns);
    if (rows == 0) {
        ct_error_set(CT_ERROR_FORMAT, "csv: %s: no lines of numbers", path);
        return NULL;
    }
    ct_tensor *table = ct_empty(CT_FLOAT64, CT_SHAPE(rows, columns));
    double *values = ct_data_mut(table);
    if (values && read_rows(bytes, path, skip_lines + 1, rows, columns, values) == CT_OK)
        return table;
    ct_release(table);
    return NULL;
}

ct_tensor *ct__csv_load(const char *path, int64_t skip_lines)
{
    ct_tensor *table = NULL;
    text t = {0};
    /* A decimal point is a point, whatever the program's locale. */
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!c_locale) {
        ct__nn_no_memory("csv");
    } else if (read_file(path, &t) == CT_OK) {
        locale_t before = uselocale(c_locale);
        table = parse(t.bytes, path, skip_lines);
        uselocale(before);
    }
    if (c_locale)
        freelocale(c_locale);
    free(t.bytes);
    return table;
}
