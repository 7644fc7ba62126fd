/* Arrays in IDX files, gzipped or not: two zero bytes, a type, the number of axes, their sizes, the elements, all
 * big-endian (http://yann.lecun.com/exdb/mnist, "The IDX file format").
 *
 * Invariant: a file that loads ends where its elements end. */
#include "file_internal.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "from_big_endian stores the low bytes first");

/* No deflated byte stands for more than 1032 (zlib's technical notes), and none of these for more than 4 in memory:
 * a header that asks for more lies. */
#define MOST_INFLATED (4 * 1032)

typedef struct element_type {
    uint8_t code, size; /* in the file */
    ct_dtype dtype;     /* in memory: as wide, or the next that holds it */
} element_type;

static const element_type types[] = {
    {.code = 0x08, .size = 1, .dtype = CT_UINT8},   {.code = 0x09, .size = 1, .dtype = CT_INT32},
    {.code = 0x0B, .size = 2, .dtype = CT_INT32},   {.code = 0x0C, .size = 4, .dtype = CT_INT32},
    {.code = 0x0D, .size = 4, .dtype = CT_FLOAT32}, {.code = 0x0E, .size = 8, .dtype = CT_FLOAT64},
};

static ct_status format_error(const ct__stream *r, const char *reason)
{
    return ct__error(CT_ERROR_FORMAT, "idx_load: %.300s: %s", r->path, reason);
}

static ct_status read_exactly(const ct__stream *r, char *data, uint64_t bytes, const char *what)
{
    uint64_t got;
    ct_status status = ct__stream_read(r, data, bytes, &got);
    if (status == CT_OK && got < bytes)
        return ct__error(CT_ERROR_FORMAT, "idx_load: %.300s: truncated in %s", r->path, what);
    return status;
}

static uint64_t big_endian(const char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static ct_status read_type(const ct__stream *r, const element_type **type, int *rank)
{
    char magic[4];
    ct_status status = read_exactly(r, magic, sizeof magic, "the header");
    if (status != CT_OK)
        return status;
    *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == (unsigned char)magic[2])
            *type = &types[i];
    *rank = (unsigned char)magic[3];
    if (magic[0] != 0 || magic[1] != 0 || !*type)
        return ct__error(CT_ERROR_FORMAT, "idx_load: %.300s: not IDX: it begins with %08x", r->path,
                         (unsigned)big_endian(magic, 4));
    if (*rank > CT_MAX_RANK)
        return ct__error(CT_ERROR_FORMAT, "idx_load: %.300s: %d axes, more than %d", r->path, *rank, CT_MAX_RANK);
    return CT_OK;
}

static ct_status read_shape(const ct__stream *r, ct_dtype dtype, int64_t *shape, int rank)
{
    int64_t bytes = (int64_t)ct_dtype_size(dtype);
    bool too_large = false, empty = false;
    for (int i = 0; i < rank; i++) {
        char size[4];
        ct_status status = read_exactly(r, size, sizeof size, "the header");
        if (status != CT_OK)
            return status;
        shape[i] = (int64_t)big_endian(size, 4);
        empty = empty || shape[i] == 0;
        too_large = __builtin_mul_overflow(bytes, shape[i] > 0 ? shape[i] : 1, &bytes) || too_large;
    }
    if (too_large || (!empty && (uint64_t)bytes / MOST_INFLATED > r->file_bytes))
        return format_error(r, "truncated: the header promises more than the file can hold");
    return empty ? CT_OK : ct__stream_check(r, (uint64_t)bytes);
}

/* In place: n elements of the file at the end of data become n of the dtype. The i-th is read before anything is
 * written over it, since an element in memory is at least as wide as in the file. */
static void from_big_endian(char *data, int64_t n, const element_type *type)
{
    int from = type->size, to = (int)ct_dtype_size(type->dtype);
    if (to == 1)
        return;
    const uint64_t sign = UINT64_C(1) << (8 * from - 1);
    const char *source = data + n * (to - from);
    for (int64_t i = 0; i < n; i++) {
        uint64_t value =
            (big_endian(source + i * from, from) ^ sign) - sign; /* an integer's sign, copied to the left */
        memcpy(data + i * to, &value, (size_t)to);
    }
}

static ct_status read_elements(const ct__stream *r, const element_type *type, ct_tensor *t)
{
    uint64_t more = 0, bytes = (uint64_t)t->numel * type->size;
    char *end = ct__ptr(t) + (uint64_t)t->numel * ct_dtype_size(type->dtype), beyond;
    ct_status status = read_exactly(r, end - bytes, bytes, "the elements");
    if (status == CT_OK)
        status = ct__stream_read(r, &beyond, 1, &more); /* at the end of a gzip stream this checks its sum, too */
    if (status == CT_OK && more > 0)
        status = format_error(r, "longer than its header says");
    if (status == CT_OK)
        from_big_endian(ct__ptr(t), t->numel, type);
    return status;
}

static ct_tensor *load(const ct__stream *r)
{
    const element_type *type;
    int64_t shape[CT_MAX_RANK];
    int rank;
    if (read_type(r, &type, &rank) != CT_OK || read_shape(r, type->dtype, shape, rank) != CT_OK)
        return NULL;
    ct_tensor *t = ct__tensor_new(type->dtype, shape, rank, "idx_load");
    if (t && read_elements(r, type, t) != CT_OK) {
        ct_release(t);
        return NULL;
    }
    return t;
}

CT_OPTIONS_INIT(ct_idx_options)

ct_tensor *ct_idx_load(const char *path, const ct_idx_options *options)
{
    ct__stream r;
    CT_READ_OPTIONS(ct_idx_options, o, options, "idx_load");
    if (!o)
        return NULL;
    ct_tensor *t = ct__stream_open(&r, "idx_load", path, o->max_bytes) == CT_OK ? load(&r) : NULL;
    ct__stream_close(&r);
    return t;
}
