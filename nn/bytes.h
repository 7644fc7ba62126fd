/* Bytes that grow. Invariant: what could not grow, for lack of memory, is marked, and found when the whole is written. */
#ifndef CT_NN_BYTES_H
#define CT_NN_BYTES_H

#include "nn_internal.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct ct__bytes {
    unsigned char *bytes; /* for ct_deallocate() */
    size_t count, capacity;
    bool failed;
} ct__bytes;

static inline void ct__put_bytes(ct__bytes *b, const void *bytes, size_t n)
{
    if (!b->failed && n > b->capacity - b->count) {
        size_t capacity = 2 * (b->count + n) + 64;
        unsigned char *grown = ct_reallocate(b->bytes, capacity);
        b->failed = !grown;
        b->bytes = grown ? grown : b->bytes;
        b->capacity = grown ? capacity : b->capacity;
    }
    if (b->failed || n == 0)
        return;
    memcpy(b->bytes + b->count, bytes, n);
    b->count += n;
}

/* n bytes of a number: those of lowest value first, or last. */
static inline void ct__put_number(ct__bytes *b, uint64_t number, int n, bool highest_first)
{
    unsigned char bytes[8];
    for (int i = 0; i < n; i++)
        bytes[highest_first ? n - 1 - i : i] = (unsigned char)(number >> (8 * i));
    ct__put_bytes(b, bytes, (size_t)n);
}

#endif
