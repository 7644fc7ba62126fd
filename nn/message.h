/* Messages of protocol buffers, written field by field (https://protobuf.dev/programming-guides/encoding). Invariant: as of bytes.h. */
#ifndef CT_NN_MESSAGE_H
#define CT_NN_MESSAGE_H

#include "bytes.h"

typedef ct__bytes ct__message;

static inline void ct__put_varint(ct__message *m, uint64_t number)
{
    for (; number > 127; number >>= 7)
        ct__put_number(m, number | 128, 1, false);
    ct__put_number(m, number, 1, false);
}

/* How a field's value is written. */
enum { CT_VARINT = 0, CT_EIGHT_BYTES = 1, CT_COUNTED = 2, CT_FOUR_BYTES = 5 };

static inline void ct__put_key(ct__message *m, int field, int kind)
{
    ct__put_varint(m, (uint64_t)(field << 3 | kind));
}

static inline void ct__put_integer(ct__message *m, int field, int64_t value)
{
    ct__put_key(m, field, CT_VARINT);
    ct__put_varint(m, (uint64_t)value);
}

static inline uint64_t ct__bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline void ct__put_double(ct__message *m, int field, double value)
{
    ct__put_key(m, field, CT_EIGHT_BYTES);
    ct__put_number(m, ct__bits_of(value), 8, false);
}

static inline void ct__put_float(ct__message *m, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ct__put_key(m, field, CT_FOUR_BYTES);
    ct__put_number(m, bits, 4, false);
}

static inline void ct__put_counted(ct__message *m, int field, const void *bytes, size_t n)
{
    ct__put_key(m, field, CT_COUNTED);
    ct__put_varint(m, n);
    ct__put_bytes(m, bytes, n);
}

static inline void ct__put_text(ct__message *m, int field, const char *text)
{
    ct__put_counted(m, field, text, strlen(text));
}

static inline void ct__put_doubles(ct__message *m, int field, const double *values, int n)
{
    ct__put_key(m, field, CT_COUNTED);
    ct__put_varint(m, 8 * (uint64_t)n);
    for (int i = 0; i < n; i++)
        ct__put_number(m, ct__bits_of(values[i]), 8, false);
}

/* Puts inner in, and frees it. */
static inline void ct__put_message(ct__message *m, int field, ct__message *inner)
{
    ct__put_counted(m, field, inner->bytes, inner->count);
    m->failed = m->failed || inner->failed;
    ct_deallocate(inner->bytes);
    *inner = (ct__message){0};
}

#endif
