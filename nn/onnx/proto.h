/* Messages of protocol buffers, read field by field where they lie. Invariant: nothing outside a span is read, whatever its bytes are. */
#ifndef CT_ONNX_PROTO_H
#define CT_ONNX_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ct__span {
    const unsigned char *at, *end;
} ct__span;

/* A field: of the kinds 1, 2 and 5 its bytes, of kind 0 a number. */
typedef struct ct__field {
    int number, kind;
    uint64_t integer;
    ct__span bytes;
} ct__field;

static inline size_t ct__span_size(ct__span s)
{
    return (size_t)(s.end - s.at);
}

static inline bool ct__is_text(ct__span s, const char *text)
{
    return ct__span_size(s) == strlen(text) && memcmp(s.at, text, ct__span_size(s)) == 0;
}

static inline bool ct__take_varint(ct__span *s, uint64_t *number)
{
    *number = 0;
    for (int shift = 0; shift < 64 && s->at < s->end; shift += 7) {
        unsigned char byte = *s->at++;
        *number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static inline bool ct__take_bytes(ct__span *s, uint64_t n, ct__span *bytes)
{
    if (n > ct__span_size(*s))
        return false;
    *bytes = (ct__span){s->at, s->at + n};
    s->at += n;
    return true;
}

static inline bool ct__take_value(ct__span *s, ct__field *f)
{
    uint64_t n = f->kind == 1 ? 8 : 4;
    if (f->kind == 0)
        return ct__take_varint(s, &f->integer);
    if (f->kind == 2 && !ct__take_varint(s, &n))
        return false;
    return (f->kind == 1 || f->kind == 2 || f->kind == 5) && ct__take_bytes(s, n, &f->bytes);
}

/* The next field; false at the end, and where there is none: then *s is not at its end. */
static inline bool ct__next_field(ct__span *s, ct__field *f)
{
    ct__span before = *s;
    uint64_t key;
    if (s->at == s->end)
        return false;
    if (ct__take_varint(s, &key) && key >> 3 < INT32_MAX) {
        *f = (ct__field){.number = (int)(key >> 3), .kind = (int)(key & 7)};
        if (ct__take_value(s, f))
            return true;
    }
    *s = before;
    return false;
}

static inline bool ct__is_well_formed(ct__span s)
{
    ct__field f;
    while (ct__next_field(&s, &f))
        continue;
    return s.at == s.end;
}

/* The next field of that number and kind; false if there is none. */
static inline bool ct__next_of(ct__span *s, int number, int kind, ct__field *f)
{
    while (ct__next_field(s, f))
        if (f->number == number && f->kind == kind)
            return true;
    return false;
}

/* The first of them: its bytes, empty if there is none; its number, or usual. */
static inline ct__span ct__bytes_at(ct__span message, int number)
{
    ct__field f;
    return ct__next_of(&message, number, 2, &f) ? f.bytes : (ct__span){message.end, message.end};
}

static inline int64_t ct__integer_of(ct__span message, int number, int64_t usual)
{
    ct__field f;
    return ct__next_of(&message, number, 0, &f) ? (int64_t)f.integer : usual;
}

#endif
