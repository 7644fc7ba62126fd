/* Tensors as text, the way NumPy's str() prints arrays with its default options.
 *
 * Invariant: two passes see the same elements: one finds the width that all words of the tensor share, one writes
 * them. Nothing is allocated, and nothing depends on the locale. */
#include "core_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRECISION 8    /* digits after the point at most */
#define THRESHOLD 1000 /* elements; beyond them the middle of long axes is elided, */
#define EDGE 3         /* but for so many at either end */
#define LINE_WIDTH 75
#define ALL_DIGITS 16 /* after the first: enough to tell any two doubles apart */
#define WORD 64       /* holds any element */

/* ---- where the text goes ---- */

typedef struct sink {
    FILE *stream; /* or, if NULL, */
    char *buffer; /* at most size bytes of it, then only counted */
    size_t size, length;
} sink;

static void put(sink *s, const char *text, size_t length)
{
    if (s->stream)
        fwrite(text, 1, length, s->stream);
    else if (s->length < s->size)
        memcpy(s->buffer + s->length, text, length < s->size - s->length ? length : s->size - s->length);
    s->length += length;
}

static void repeat(sink *s, char c, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        put(s, &c, 1);
}

/* ---- numbers as decimal digits ---- */

/* d.ddd 10^exponent: count digits, the last not 0 unless it is the only one. */
typedef struct decimal {
    char digits[ALL_DIGITS + 3];
    int count, exponent;
    bool negative;
} decimal;

/* x, finite, rounded to after digits after the first. */
static decimal decimal_rounded(double x, int after)
{
    decimal d = {.negative = signbit(x) != 0};
    char text[WORD], *p = text;
    snprintf(text, sizeof text, "%.*e", after, fabs(x));
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') /* the point may be any character */
            d.digits[d.count++] = *p;
    d.exponent = (int)strtol(p + 1, NULL, 10);
    return d;
}

static bool reads_back(const decimal *d, double x, ct_dtype dtype)
{
    char text[WORD]; /* digits without a point, so that no locale matters */
    snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, d->exponent - d->count + 1);
    if (dtype == CT_FLOAT32)
        return strtof(text, NULL) == (float)fabs(x);
    double back;
    ct__store(dtype, &back, 0, strtod(text, NULL));
    return ct__load(dtype, &back, 0) == fabs(x);
}

/* The next decimal of as many digits. */
static void increment(decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/* The shortest decimal that reads back as x in its dtype, and of those the nearest; or x rounded
 * to most digits after the first, if that is shorter. */
static decimal decimal_shortest(double x, ct_dtype dtype, int most)
{
    int unused;
    bool power_of_two = frexp(fabs(x), &unused) == 0.5;
    decimal d = {.count = 0};
    for (int after = 0; after <= most; after++) {
        d = decimal_rounded(x, after);
        if (reads_back(&d, x, dtype))
            break;
        /* What reads back as a power of two reaches twice as far above it as below: the nearest decimal may lie
         * outside below, and the next one inside above. */
        decimal above = d;
        increment(&above);
        if (power_of_two && reads_back(&above, x, dtype)) {
            d = above;
            break;
        }
    }
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    return d;
}

static int digits_before_point(const decimal *d)
{
    return d->exponent < 0 ? 1 : d->exponent + 1;
}

static int digits_after_point(const decimal *d)
{
    int after = d->count - 1 - d->exponent;
    return after > 0 ? after : 0;
}

/* Digits of 10^-from, 10^-from-1, ..., n of them, into text; zeros where d has none. Returns the end. */
static char *write_digits(char *text, const decimal *d, int from, int n)
{
    for (int i = from + d->exponent; n > 0; i++, n--)
        *text++ = i >= 0 && i < d->count ? d->digits[i] : '0';
    return text;
}

/* ---- how the elements of one tensor are written ---- */

typedef struct format {
    const ct_tensor *t;
    ct_dtype dtype;
    bool is_float, elided;
    /* integers */
    int64_t least, most;
    int width;
    /* floats: the nonzero finite magnitudes, */
    double smallest, largest;
    bool finite, not_finite, minus_infinity; /* what there is, */
    bool scientific;                         /* what that leads to: d.dde+dd, */
    int left, right, exponent_digits;        /* characters before and after the point, digits of the exponent */
} format;

static double float_at(const format *f, int64_t offset)
{
    return ct__load(f->dtype, ct__ptr(f->t), offset);
}

static int64_t integer_at(const format *f, int64_t offset)
{
    const void *data = ct__ptr(f->t);
    switch (f->t->dtype) {
    case CT_INT64:
        return ((const int64_t *)data)[offset];
    case CT_INT32:
        return ((const int32_t *)data)[offset];
    case CT_BOOL:
        return ((const uint8_t *)data)[offset] != 0;
    default:
        return ((const uint8_t *)data)[offset];
    }
}

/* The position after i, past the elided middle. */
static int64_t next_shown(const format *f, int axis, int64_t i)
{
    int64_t size = f->t->shape[axis];
    return f->elided && size > 2 * EDGE && i == EDGE - 1 ? size - EDGE : i + 1;
}

static void visit_shown(format *f, int axis, int64_t offset, void (*visit)(format *f, int64_t offset))
{
    if (axis == f->t->rank)
        visit(f, offset);
    else
        for (int64_t i = 0; i < f->t->shape[axis]; i = next_shown(f, axis, i))
            visit_shown(f, axis + 1, offset + i * f->t->strides[axis], visit);
}

static void note_integer(format *f, int64_t offset)
{
    int64_t value = integer_at(f, offset);
    f->least = value < f->least ? value : f->least;
    f->most = value > f->most ? value : f->most;
}

static void note_float(format *f, int64_t offset)
{
    double x = float_at(f, offset), magnitude = fabs(x);
    f->finite = f->finite || isfinite(x);
    f->not_finite = f->not_finite || !isfinite(x);
    f->minus_infinity = f->minus_infinity || (isinf(x) && x < 0);
    if (isfinite(x) && x != 0) {
        f->smallest = magnitude < f->smallest ? magnitude : f->smallest;
        f->largest = magnitude > f->largest ? magnitude : f->largest;
    }
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* d, the shortest decimal of x, or x itself to so many digits after the first if d has fewer. */
static decimal decimal_at_least(decimal d, double x, int after)
{
    return d.count <= after ? decimal_rounded(x, after) : d;
}

/* after: digits after the first at least. */
static decimal decimal_scientific(const format *f, double x, int after)
{
    return decimal_at_least(decimal_shortest(x, f->dtype, PRECISION), x, after);
}

/* Down to the units at least, even if fewer digits would tell: 91019128, not 91019130. */
static decimal decimal_positional(const format *f, double x)
{
    decimal d = decimal_shortest(x, f->dtype, PRECISION + decimal_rounded(x, ALL_DIGITS + 1).exponent);
    return decimal_at_least(d, x, d.exponent);
}

static int exponent_digits(const decimal *d)
{
    return abs(d->exponent) < 100 ? 2 : 3;
}

static void note_width(format *f, int64_t offset)
{
    double x = float_at(f, offset);
    if (!isfinite(x))
        return;
    decimal d = f->scientific ? decimal_scientific(f, x, 0) : decimal_positional(f, x);
    f->left = larger(f->left, d.negative + (f->scientific ? 1 : digits_before_point(&d)));
    f->right = larger(f->right, f->scientific ? d.count - 1 : digits_after_point(&d));
    f->exponent_digits = larger(f->exponent_digits, exponent_digits(&d));
}

/* Characters after the point, the exponent with its "e+" included. */
static int after_point(const format *f)
{
    return f->right + (f->scientific ? 2 + f->exponent_digits : 0);
}

/* NumPy's FloatingFormat.fillFormat. */
static void measure_floats(format *f)
{
    f->smallest = HUGE_VAL;
    visit_shown(f, 0, 0, note_float);
    double ratio;
    ct__store(f->dtype, &ratio, 0, f->largest / f->smallest);
    ratio = ct__load(f->dtype, &ratio, 0);
    f->scientific = f->largest > 0 && (f->largest >= 1e8 || f->smallest < 1e-4 || ratio > 1e3);
    visit_shown(f, 0, 0, note_width);
    if (f->not_finite) /* "nan", "inf" and "-inf" must fit, too */
        f->left = larger(f->left, 3 + f->minus_infinity - (after_point(f) + 1));
}

static void measure_integers(format *f)
{
    char text[WORD];
    f->least = INT64_MAX;
    f->most = INT64_MIN;
    visit_shown(f, 0, 0, note_integer);
    f->width = larger(snprintf(text, sizeof text, "%lld", (long long)f->least),
                      snprintf(text, sizeof text, "%lld", (long long)f->most));
}

/* ---- one element as a word ---- */

static const char *not_finite_text(double x)
{
    return isnan(x) ? "nan" : x < 0 ? "-inf" : "inf";
}

/* d.ddd with before (0: just those needed) characters before and after digits after the point. */
static char *write_positional(char *text, const decimal *d, int before, int after)
{
    for (int i = d->negative + digits_before_point(d); i < before; i++)
        *text++ = ' ';
    if (d->negative)
        *text++ = '-';
    text = write_digits(text, d, 1 - digits_before_point(d), digits_before_point(d));
    *text++ = '.';
    return write_digits(text, d, 1, after);
}

static char *write_exponent(char *text, int exponent, int digits)
{
    return text + snprintf(text, 8, "e%c%0*d", exponent < 0 ? '-' : '+', digits, abs(exponent));
}

static size_t float_word(const format *f, double x, char text[WORD])
{
    if (!isfinite(x))
        return (size_t)snprintf(text, WORD, "%*s", f->left + 1 + after_point(f), not_finite_text(x));
    decimal d;
    char *end;
    if (f->scientific) {
        d = decimal_scientific(f, x, f->right);
        int exponent = d.exponent;
        d.exponent = 0;
        end = write_positional(text, &d, f->left, f->right);
        end = write_exponent(end, exponent, f->exponent_digits);
    } else {
        d = decimal_positional(f, x);
        end = write_positional(text, &d, f->left, digits_after_point(&d));
        for (int i = digits_after_point(&d); i < f->right; i++)
            *end++ = ' ';
    }
    return (size_t)(end - text);
}

static const char *truth_text(int64_t value)
{
    return value ? "True" : "False";
}

static size_t word_at(const format *f, int64_t offset, char text[WORD])
{
    if (f->is_float)
        return float_word(f, float_at(f, offset), text);
    if (f->t->dtype == CT_BOOL)
        return (size_t)snprintf(text, WORD, "%5s", truth_text(integer_at(f, offset)));
    return (size_t)snprintf(text, WORD, "%*lld", f->width, (long long)integer_at(f, offset));
}

/* The one element of a 0-d tensor, as Python writes a number: all its digits, and from 1e16 or below 1e-4 an
 * exponent. */
static size_t scalar_word(const format *f, char text[WORD])
{
    if (f->t->dtype == CT_BOOL)
        return (size_t)snprintf(text, WORD, "%s", truth_text(integer_at(f, 0)));
    if (!f->is_float)
        return (size_t)snprintf(text, WORD, "%lld", (long long)integer_at(f, 0));
    double x = float_at(f, 0), magnitude = fabs(x);
    if (!isfinite(x))
        return (size_t)snprintf(text, WORD, "%s", not_finite_text(x));
    decimal d = decimal_shortest(x, f->dtype, ALL_DIGITS);
    char *end;
    if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16)) {
        end = write_positional(text, &d, 0, larger(1, digits_after_point(&d)));
    } else {
        int exponent = d.exponent;
        d.exponent = 0;
        end = write_positional(text, &d, 0, d.count - 1);
        end =
            write_exponent(end - (d.count == 1), exponent, exponent_digits(&d)); /* no point without digits after it */
    }
    return (size_t)(end - text);
}

/* ---- brackets and lines: NumPy's _formatArray ---- */

/* A line of words, one blank between, broken where the next would pass limit and going on below the first. */
typedef struct row {
    sink *out;
    int64_t indent, limit, column;
    int64_t blanks; /* not yet written: dropped if the line ends here */
} row;

static void put_word(row *r, const char *word, size_t length)
{
    if (r->column > r->indent) {
        r->column++;
        r->blanks++;
        if (r->column + (int64_t)length > r->limit) {
            repeat(r->out, '\n', 1);
            r->column = r->blanks = r->indent;
        }
    }
    r->column += (int64_t)length;
    repeat(r->out, ' ', r->blanks);
    for (r->blanks = 0; word[length - 1] == ' '; length--)
        r->blanks++;
    put(r->out, word, length);
}

static void write_row(const format *f, int axis, int64_t offset, sink *out)
{
    row r = {.out = out, .indent = axis + 1, .limit = LINE_WIDTH - axis - 1, .column = axis + 1};
    for (int64_t i = 0, next; i < f->t->shape[axis]; i = next) {
        char text[WORD];
        put_word(&r, text, word_at(f, offset + i * f->t->strides[axis], text));
        next = next_shown(f, axis, i);
        if (next != i + 1)
            put_word(&r, "...", 3);
    }
    repeat(out, ' ', r.blanks);
}

static void write_axis(const format *f, int axis, int64_t offset, sink *out);

/* The rows of an outer axis, apart by as many line ends as they have axes. */
static void write_rows(const format *f, int axis, int64_t offset, sink *out)
{
    for (int64_t i = 0, next; i < f->t->shape[axis]; i = next) {
        if (i > 0) {
            repeat(out, '\n', f->t->rank - axis - 1);
            repeat(out, ' ', axis + 1);
        }
        write_axis(f, axis + 1, offset + i * f->t->strides[axis], out);
        next = next_shown(f, axis, i);
        if (next != i + 1) {
            repeat(out, '\n', f->t->rank - axis - 1);
            repeat(out, ' ', axis + 1);
            put(out, "...", 3);
        }
    }
}

static void write_axis(const format *f, int axis, int64_t offset, sink *out)
{
    repeat(out, '[', 1);
    (axis == f->t->rank - 1 ? write_row : write_rows)(f, axis, offset, out);
    repeat(out, ']', 1);
}

static void write_tensor(const ct_tensor *t, sink *out)
{
    format f = {.t = t,
                .dtype = (ct_dtype)t->dtype,
                .is_float = ct__has_gradient((ct_dtype)t->dtype),
                .elided = t->numel > THRESHOLD};
    char text[WORD];
    if (t->rank == 0) {
        size_t length = scalar_word(&f, text);
        put(out, text, length);
    } else if (t->numel == 0) {
        put(out, "[]", 2);
    } else {
        if (f.is_float)
            measure_floats(&f);
        else
            measure_integers(&f);
        write_axis(&f, 0, 0, out);
    }
}

ct_status ct_print(const ct_tensor *t, FILE *stream)
{
    ct_status status = ct__check_tensor(t, "print");
    if (status != CT_OK)
        return status;
    if (!stream)
        return ct__error(CT_ERROR_NULL, "print: stream is NULL");
    ct__writing w = ct__write_begin("print", stream);
    sink out = {.stream = stream};
    write_tensor(t, &out);
    repeat(&out, '\n', 1);
    return ct__write_end(&w, CT_OK);
}

size_t ct_format(const ct_tensor *t, char *buffer, size_t size)
{
    sink out = {.buffer = buffer, .size = buffer && size > 0 ? size - 1 : 0};
    if (ct__check_tensor(t, "format") == CT_OK)
        write_tensor(t, &out);
    if (buffer && size > 0)
        buffer[out.length < out.size ? out.length : out.size] = '\0';
    return out.length;
}
