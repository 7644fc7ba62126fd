/* Snapshots: what a tensor held at one moment, and numbers for people.
 *
 * Invariant: a snapshot shares no memory with the tensor. */
#include "trace_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the arena ---- */

enum { BLOCK = 1 << 16, ALIGNMENT = 16 };

typedef struct ct_arena_block {
    struct ct_arena_block *older;
    size_t bytes, used;
} ct_arena_block;

static ct_arena_block *new_block(ct_arena *arena, size_t least)
{
    size_t bytes = least > BLOCK ? least : BLOCK;
    ct_arena_block *block = ct__alloc(bytes);
    if (!block)
        return NULL;
    *block = (ct_arena_block){.older = arena->newest, .bytes = bytes};
    block->used = (sizeof *block + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return arena->newest = block;
}

void *ct__arena_alloc(ct_arena *arena, size_t bytes)
{
    ct_arena_block *block = arena->newest;
    bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!block || block->bytes - block->used < bytes)
        block = new_block(arena, bytes + sizeof *block + ALIGNMENT);
    if (!block) {
        ct__no_memory("trace");
        return NULL;
    }
    void *place = (char *)block + block->used;
    block->used += bytes;
    return place;
}

const char *ct__arena_text(ct_arena *arena, const char *text)
{
    char *copy = ct__arena_alloc(arena, strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

void ct__arena_free(ct_arena *arena)
{
    while (arena->newest) {
        ct_arena_block *block = arena->newest;
        arena->newest = block->older;
        ct__free(block, block->bytes);
    }
}

/* ---- snapshots ---- */

/* Counts and sums over the n elements. */
static void gather(ct_snapshot *s, const double *values, int64_t n)
{
    double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
    int64_t finite = 0, zeros = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = values[i];
        zeros += v == 0;
        s->nans += isnan(v);
        if (!isfinite(v))
            continue;
        low = v < low ? v : low;
        high = v > high ? v : high;
        sum += v;
        squares += v * v;
        finite++;
    }
    s->zeros = zeros;
    s->infinities = n - finite - s->nans;
    s->min = finite ? low : NAN;
    s->max = finite ? high : NAN;
    s->mean = s->norm = NAN;
    if (finite) {
        s->mean = sum / (double)finite;
        s->norm = sqrt(squares);
    }
}

static void count_bins(int64_t *bins, const ct_snapshot *s, const double *values)
{
    double width = (s->max - s->min) / CT_TRACE_BINS;
    memset(bins, 0, CT_TRACE_BINS * sizeof *bins);
    for (int64_t i = 0; i < s->numel; i++) {
        double place = width > 0 && isfinite(width) ? (values[i] - s->min) / width : 0;
        if (isfinite(values[i]))
            bins[place < CT_TRACE_BINS ? (int)place : CT_TRACE_BINS - 1]++;
    }
}

/* Keeps what is shown of the elements. */
static ct_status keep(ct_arena *arena, ct_snapshot *s, const double *values)
{
    bool whole = s->numel <= CT_TRACE_WHOLE;
    s->shown = whole ? s->numel : CT_TRACE_SOME;
    double *shown = ct__arena_alloc(arena, (size_t)s->shown * sizeof *shown);
    int64_t *bins = whole ? NULL : ct__arena_alloc(arena, CT_TRACE_BINS * sizeof *bins);
    if (!shown || (!whole && !bins))
        return CT_ERROR_MEMORY;
    int64_t head = whole ? s->numel : CT_TRACE_SOME / 2, tail = s->shown - head;
    for (int64_t i = 0; i < head; i++)
        shown[i] = values[i];
    for (int64_t i = 0; i < tail; i++)
        shown[head + i] = values[s->numel - tail + i];
    if (bins)
        count_bins(bins, s, values);
    s->values = shown;
    s->bins = bins;
    return CT_OK;
}

static ct_snapshot *new_snapshot(ct_arena *arena, ct_dtype dtype, const int64_t *shape, int rank)
{
    ct_snapshot *s = ct__arena_alloc(arena, sizeof *s + (size_t)rank * sizeof *s->shape);
    if (!s)
        return NULL;
    int64_t *copy = (int64_t *)(s + 1);
    *s = (ct_snapshot){
        .dtype = dtype, .rank = rank, .shape = copy, .numel = 1, .min = NAN, .max = NAN, .mean = NAN, .norm = NAN};
    for (int i = 0; i < rank; i++)
        s->numel *= copy[i] = shape[i];
    return s;
}

const ct_snapshot *ct__snapshot_of_shape(ct_arena *arena, ct_dtype dtype, const int64_t *shape, int rank)
{
    return new_snapshot(arena, dtype, shape, rank);
}

const ct_snapshot *ct__snapshot_of(ct_arena *arena, ct_dtype dtype, const int64_t *shape, int rank,
                                   const double *values)
{
    ct_snapshot *s = new_snapshot(arena, dtype, shape, rank);
    if (!s)
        return NULL;
    gather(s, values, s->numel);
    return keep(arena, s, values) == CT_OK ? s : NULL;
}

const ct_snapshot *ct__snapshot_of_values(ct_arena *arena, const ct_tensor *like, const double *values)
{
    return ct__snapshot_of(arena, (ct_dtype)like->dtype, like->shape, like->rank, values);
}

const ct_snapshot *ct__snapshot(ct_arena *arena, const ct_tensor *t)
{
    double few[CT_TRACE_WHOLE], *values = few;
    size_t bytes = (size_t)t->numel * sizeof *values;
    if (t->numel > CT_TRACE_WHOLE && !(values = ct__alloc(bytes))) {
        ct__no_memory("trace");
        return NULL;
    }
    ct_to_values(t, values, t->numel);
    const ct_snapshot *s = ct__snapshot_of_values(arena, t, values);
    if (values != few)
        ct__free(values, bytes);
    return s;
}

/* ---- text ---- */

/* The four digits of a number, of which the first whole ones stand before the point; without trailing zeros behind it. */
static char *place_point(char *at, const char *digits, int whole)
{
    int last = 3;
    while (last >= whole && last > 0 && digits[last] == '0')
        last--;
    if (whole < 1)
        at += sprintf(at, "0.%.*s", -whole, "00");
    for (int i = 0; i <= last; i++) {
        if (i == whole && whole > 0)
            *at++ = '.';
        *at++ = digits[i];
    }
    *at = '\0';
    return at;
}

char *ct_number_text(double value, char *buffer)
{
    if (!buffer)
        return NULL;
    if (!isfinite(value) || value == 0) {
        strcpy(buffer, isnan(value) ? "nan" : value == 0 ? "0" : value > 0 ? "inf" : "-inf");
        return buffer;
    }
    char text[32]; /* "1.235e-05", whatever the locale puts in for the point: rounded once, here */
    ct__format(text, sizeof text, "%.3e", fabs(value));
    const char digits[] = {text[0], text[2], text[3], text[4], '\0'};
    int exponent = atoi(strchr(text, 'e') + 1);
    char *at = buffer;
    if (value < 0)
        *at++ = '-';
    if (exponent >= 3 && exponent < 5)
        ct__format(at, CT_NUMBER_TEXT - 1, "%.0f", fabs(value));
    else if (exponent >= -3 && exponent < 3)
        place_point(at, digits, exponent + 1);
    else
        sprintf(place_point(at, digits, 1), "e%d", exponent);
    return buffer;
}

/* Appends like snprintf, within size. */
static size_t put(char *buffer, size_t used, size_t size, const char *text)
{
    size_t length = strlen(text), room = size - used - 1;
    memcpy(buffer + used, text, length < room ? length : room);
    used += length < room ? length : room;
    buffer[used] = '\0';
    return used;
}

/* The elements of axes from axis on, as a list of lists; *values moves on. */
static size_t put_elements(char *buffer, size_t used, size_t size, const ct_snapshot *s, int axis,
                           const double **values)
{
    char number[CT_NUMBER_TEXT];
    if (axis == s->rank)
        return put(buffer, used, size, ct_number_text(*(*values)++, number));
    used = put(buffer, used, size, "[");
    for (int64_t i = 0; i < s->shape[axis]; i++) {
        used = put(buffer, used, size, i ? ", " : "");
        used = put_elements(buffer, used, size, s, axis + 1, values);
    }
    return put(buffer, used, size, "]");
}

char *ct__snapshot_text(const ct_snapshot *s, int most, char *buffer, size_t size)
{
    char number[CT_NUMBER_TEXT], shape[CT_SHAPE_TEXT];
    const double *values = s ? s->values : NULL;
    size_t used = 0;
    buffer[0] = '\0';
    if (!s) {
        put(buffer, used, size, "0");
        return buffer;
    }
    if (s->numel == 1 && s->values) {
        put(buffer, used, size, ct_number_text(s->values[0], number));
        return buffer;
    }
    if (s->numel <= most && s->numel > 0 && s->values) {
        put_elements(buffer, used, size, s, 0, &values);
        return buffer;
    }
    used = put(buffer, used, size, ct__shape_text(s->shape, s->rank, shape));
    if (s->values && s->numel > s->nans + s->infinities) {
        used = put(buffer, used, size, s->min == s->max ? " all " : " ");
        used = put(buffer, used, size, ct_number_text(s->min, number));
        used = put(buffer, used, size, s->min == s->max ? "" : "..");
        used = put(buffer, used, size, s->min == s->max ? "" : ct_number_text(s->max, number));
    }
    used = put(buffer, used, size, s->nans ? " with nan" : "");
    put(buffer, used, size, s->infinities ? " with inf" : "");
    return buffer;
}
