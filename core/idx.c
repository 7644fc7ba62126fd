/* Arrays in IDX files, gzipped or not: two zero bytes, a type, the number of axes, their sizes, the elements, all
 * big-endian (http://yann.lecun.com/exdb/mnist, "The IDX file format").
 *
 * Invariant: a file that loads ends where its elements end. */
#include "file_internal.h"
#include <string.h>

/* No deflated byte stands for more than 1032 (zlib's technical notes), and none of these for more than 4 in memory:
 * a header that asks for more lies. */
#define MOST_INFLATED (4 * 1032)

typedef struct element_type {
    uint8_t code;
    ct_dtype dtype; /* in memory: as wide, or the next that holds it */
    ct__stored stored;
} element_type;

static const element_type types[] = {
    {0x08, CT_UINT8, {1, CT__UNSIGNED, true}}, {0x09, CT_INT32, {1, CT__SIGNED, true}},
    {0x0B, CT_INT32, {2, CT__SIGNED, true}},   {0x0C, CT_INT32, {4, CT__SIGNED, true}},
    {0x0D, CT_FLOAT32, {4, CT__REAL, true}},   {0x0E, CT_FLOAT64, {8, CT__REAL, true}},
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
                         (unsigned)ct__integer_at(magic, 4, true));
    if (*rank > CT_MAX_RANK)
        return ct__error(CT_ERROR_FORMAT, "idx_load: %.300s: %d axes, more than %d", r->path, *rank, CT_MAX_RANK);
    return CT_OK;
}

static ct_status read_shape(const ct__stream *r, ct_dtype dtype, int64_t *shape, int rank)
{
    int64_t bytes;
    for (int i = 0; i < rank; i++) {
        char size[4];
        ct_status status = read_exactly(r, size, sizeof size, "the header");
        if (status != CT_OK)
            return status;
        shape[i] = (int64_t)ct__integer_at(size, 4, true);
    }
    if (!ct__count_bytes(dtype, shape, rank, &bytes) || (uint64_t)bytes / MOST_INFLATED > r->file_bytes)
        return format_error(r, "truncated: the header promises more than the file can hold");
    return ct__stream_check(r, (uint64_t)bytes);
}

static ct_status read_elements(const ct__stream *r, const element_type *type, ct_tensor *t)
{
    uint64_t more = 0, bytes = (uint64_t)t->numel * (uint64_t)type->stored.size;
    char *end = ct__ptr(t) + (uint64_t)t->numel * ct_dtype_size(type->dtype), beyond;
    ct_status status = read_exactly(r, end - bytes, bytes, "the elements");
    if (status == CT_OK)
        status = ct__stream_read(r, &beyond, 1, &more); /* at the end of a gzip stream this checks its sum, too */
    if (status == CT_OK && more > 0)
        status = format_error(r, "longer than its header says");
    if (status == CT_OK)
        ct__widen(ct__ptr(t), t->numel, &type->stored, (int)ct__size_of(type->dtype));
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
