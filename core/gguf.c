/* Weights in GGUF, the format of ggml and llama.cpp, read (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): a head, keys with
 * values, of which the alignment alone matters here, what there is of tensors, and their bytes.
 *
 * Invariant: nothing is allocated for a number in the file before the file is known to be long enough for it. */
#include "core_internal.h"
#include "half.h"
#include "tensor_file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHAT "gguf_load"
enum { LONGEST_NAME = 4096, DEEPEST = 8, LARGEST_ALIGNMENT = 1 << 20, USUAL_ALIGNMENT = 32 };

/* ---- the types of tensors that are read ---- */

enum { QUANT = 32 }; /* elements of a block of Q8_0: a float16, the scale, and so many int8 */
static const struct gguf_type {
    const char *name;
    ct_dtype dtype;
    uint32_t code;
    int elements, bytes; /* of a block */
} gguf_types[] = {{"F32", CT_FLOAT32, 0, 1, 4},   {"F16", CT_FLOAT16, 1, 1, 2}, {"Q8_0", CT_FLOAT32, 8, QUANT, 34},
                  {"I32", CT_INT32, 26, 1, 4},    {"I64", CT_INT64, 27, 1, 8},  {"F64", CT_FLOAT64, 28, 1, 8},
                  {"BF16", CT_BFLOAT16, 30, 1, 2}};

/* One tensor, as the file says. */
typedef struct gguf_info {
    char *name;
    const struct gguf_type *type;
    int rank;
    int64_t shape[CT_MAX_RANK];
    uint64_t at, bytes; /* where it begins behind the head, and how long it is */
} gguf_info;

typedef struct gguf_reader {
    const char *path;
    FILE *stream;
    uint64_t size, at; /* of the file; read so far */
    uint64_t alignment, data;
    uint64_t most; /* bytes that all may become in memory */
    gguf_info *infos;
    int64_t n;
} gguf_reader;

static ct_status bad_gguf(const gguf_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static ct_status bad_gguf(const gguf_reader *r, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return ct__error(CT_ERROR_FORMAT, WHAT ": %.300s: %s", r->path, reason);
}

/* ---- bytes ---- */

static ct_status take_bytes(gguf_reader *r, void *data, uint64_t bytes)
{
    if (bytes > r->size - r->at)
        return bad_gguf(r, "truncated: %llu bytes are needed at byte %llu of %llu", (unsigned long long)bytes,
                        (unsigned long long)r->at, (unsigned long long)r->size);
    if (bytes > 0 && fread(data, 1, bytes, r->stream) != bytes)
        return ct__io_error(WHAT, r->path, "cannot read");
    r->at += bytes;
    return CT_OK;
}

static ct_status move_to(gguf_reader *r, uint64_t at)
{
    if (at > r->size)
        return bad_gguf(r, "truncated: byte %llu is wanted of %llu", (unsigned long long)at,
                        (unsigned long long)r->size);
    if (fseeko(r->stream, (off_t)at, SEEK_SET) != 0)
        return ct__io_error(WHAT, r->path, "cannot read");
    r->at = at;
    return CT_OK;
}

static ct_status skip_bytes(gguf_reader *r, uint64_t bytes)
{
    char small[256]; /* of many small ones each would cost a call of the system */
    if (bytes <= sizeof small)
        return take_bytes(r, small, bytes);
    return move_to(r, bytes > r->size - r->at ? UINT64_MAX : r->at + bytes);
}

/* A number of 4 or 8 bytes, the lowest first. */
static ct_status take_number(gguf_reader *r, int bytes, uint64_t *number)
{
    unsigned char data[8];
    ct_status status = take_bytes(r, data, (uint64_t)bytes);
    *number = status == CT_OK ? ct__integer_at(data, bytes, false) : 0;
    return status;
}

/* ---- keys and values: all are skipped but the alignment ---- */

enum { VALUE_U32 = 4, VALUE_TEXT = 8, VALUE_LIST = 9, VALUE_TYPES = 13 };
static const uint8_t value_bytes[VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static ct_status skip_text(gguf_reader *r)
{
    uint64_t length;
    ct_status status = take_number(r, 8, &length);
    return status == CT_OK ? skip_bytes(r, length) : status;
}

static ct_status skip_value(gguf_reader *r, uint64_t type, int depth);

static ct_status skip_list(gguf_reader *r, int depth)
{
    uint64_t type, count;
    ct_status status = take_number(r, 4, &type);
    if (status == CT_OK)
        status = take_number(r, 8, &count);
    if (status != CT_OK)
        return status;
    if (type < VALUE_TYPES && value_bytes[type]) /* at once */
        return count <= r->size ? skip_bytes(r, count * value_bytes[type]) : skip_bytes(r, UINT64_MAX);
    for (uint64_t i = 0; status == CT_OK && i < count; i++)
        status = skip_value(r, type, depth + 1);
    return status;
}

static ct_status skip_value(gguf_reader *r, uint64_t type, int depth)
{
    if (type >= VALUE_TYPES)
        return bad_gguf(r, "a value of type %llu, which there is not", (unsigned long long)type);
    if (depth > DEEPEST)
        return bad_gguf(r, "lists are nested more than %d deep", DEEPEST);
    return type == VALUE_TEXT   ? skip_text(r)
           : type == VALUE_LIST ? skip_list(r, depth)
                                : skip_bytes(r, value_bytes[type]);
}

static ct_status take_alignment(gguf_reader *r)
{
    ct_status status = take_number(r, 4, &r->alignment);
    if (status == CT_OK && (r->alignment == 0 || r->alignment % 8 || r->alignment > LARGEST_ALIGNMENT))
        return bad_gguf(r, "general.alignment is %llu, no multiple of 8 up to %d", (unsigned long long)r->alignment,
                        LARGEST_ALIGNMENT);
    return status;
}

static ct_status skip_pair(gguf_reader *r)
{
    static const char alignment[] = "general.alignment";
    char key[sizeof alignment - 1];
    uint64_t length, type;
    ct_status status = take_number(r, 8, &length);
    bool may_be = status == CT_OK && length == sizeof key;
    if (status == CT_OK)
        status = may_be ? take_bytes(r, key, length) : skip_bytes(r, length);
    if (status == CT_OK)
        status = take_number(r, 4, &type);
    if (status != CT_OK)
        return status;
    return may_be && memcmp(key, alignment, sizeof key) == 0 && type == VALUE_U32 ? take_alignment(r)
                                                                                  : skip_value(r, type, 0);
}

/* ---- what there is of tensors ---- */

/* No control characters, nor a 0 in it: it will stand in tables and messages. */
static bool is_name(const char *text, uint64_t length)
{
    uint64_t n = 0;
    while (n < length && (unsigned char)text[n] >= ' ' && text[n] != 0x7f)
        n++;
    return n == length;
}

static ct_status take_name(gguf_reader *r, gguf_info *info)
{
    uint64_t length;
    ct_status status = take_number(r, 8, &length);
    if (status != CT_OK)
        return status;
    if (length == 0 || length > LONGEST_NAME)
        return bad_gguf(r, "the name of a tensor has %llu bytes", (unsigned long long)length);
    info->name = ct_allocate(length + 1, 1);
    if (!info->name)
        return ct__no_memory(WHAT);
    status = take_bytes(r, info->name, length);
    return status != CT_OK || is_name(info->name, length) ? status
                                                          : bad_gguf(r, "a tensor's name has control characters");
}

/* The sizes, the fastest first in the file, and the bytes that they need. */
static ct_status take_shape(gguf_reader *r, gguf_info *info)
{
    uint64_t rank, size;
    ct_status status = take_number(r, 4, &rank);
    if (status == CT_OK && rank > CT_MAX_RANK)
        return bad_gguf(r, "tensor '%.100s' has %llu axes, more than %d", info->name, (unsigned long long)rank,
                        CT_MAX_RANK);
    info->rank = (int)rank;
    for (int i = info->rank - 1; status == CT_OK && i >= 0; i--) {
        status = take_number(r, 8, &size);
        if (size > INT64_MAX)
            return bad_gguf(r, "tensor '%.100s' has a size that is no count, axis %d", info->name, i);
        info->shape[i] = (int64_t)size;
    }
    return status;
}

static ct_status take_type(gguf_reader *r, gguf_info *info)
{
    uint64_t code;
    ct_status status = take_number(r, 4, &code);
    for (size_t i = 0; status == CT_OK && i < sizeof gguf_types / sizeof *gguf_types; i++)
        if (gguf_types[i].code == code)
            info->type = &gguf_types[i];
    if (status == CT_OK && !info->type)
        return bad_gguf(r,
                        "tensor '%.100s' has type %llu, which cotan does not read: F32, F16, BF16, F64, I32, I64, Q8_0",
                        info->name, (unsigned long long)code);
    return status;
}

/* The bytes of the tensor in the file; more of them go into memory where it is quantised. */
static ct_status count_bytes(gguf_reader *r, gguf_info *info)
{
    const struct gguf_type *type = info->type;
    int64_t needed, row = info->rank ? info->shape[info->rank - 1] : 1;
    if (!ct__count_bytes(type->dtype, info->shape, info->rank, &needed))
        return bad_gguf(r, "tensor '%.100s' has more bytes than can be counted", info->name);
    if (row % type->elements)
        return bad_gguf(r, "tensor '%.100s' has rows of %lld elements, %s has blocks of %d", info->name, (long long)row,
                        type->name, type->elements);
    info->bytes = (uint64_t)(needed / ct__size_of(type->dtype) / type->elements * type->bytes);
    if ((uint64_t)needed > r->most)
        return bad_gguf(r, "more bytes in memory than are allowed; .max_bytes allows more");
    r->most -= (uint64_t)needed;
    return CT_OK;
}

static ct_status take_info(gguf_reader *r, gguf_info *info)
{
    ct_status status = take_name(r, info);
    if (status == CT_OK)
        status = take_shape(r, info);
    if (status == CT_OK)
        status = take_type(r, info);
    if (status == CT_OK)
        status = take_number(r, 8, &info->at);
    return status == CT_OK ? count_bytes(r, info) : status;
}

static int by_gguf_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static ct_status check_names(const gguf_reader *r, const char **names)
{
    for (int64_t i = 0; i < r->n; i++)
        names[i] = r->infos[i].name;
    if (r->n > 0)
        qsort(names, (size_t)r->n, sizeof *names, by_gguf_name);
    for (int64_t i = 1; i < r->n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return bad_gguf(r, "two tensors are called '%.100s'", names[i]);
    return CT_OK;
}

/* Each lies in the file, at a multiple of the alignment. */
static ct_status check_places(gguf_reader *r)
{
    r->data = (r->at + r->alignment - 1) / r->alignment * r->alignment;
    for (int64_t i = 0; i < r->n; i++) {
        const gguf_info *info = &r->infos[i];
        if (info->at % r->alignment)
            return bad_gguf(r, "tensor '%.100s' begins at byte %llu, no multiple of %llu", info->name,
                            (unsigned long long)info->at, (unsigned long long)r->alignment);
        if (r->data > r->size || info->at > r->size - r->data || info->bytes > r->size - r->data - info->at)
            return bad_gguf(r, "tensor '%.100s' lies outside the file, or the file is truncated", info->name);
    }
    return CT_OK;
}

/* ---- the head ---- */

enum { SMALLEST_PAIR = 8 + 4 + 1, SMALLEST_INFO = 8 + 1 + 4 + 4 + 8 };

static ct_status take_head(gguf_reader *r, uint64_t *pairs, uint64_t *tensors)
{
    char magic[4];
    uint64_t version;
    ct_status status = take_bytes(r, magic, sizeof magic);
    if (status == CT_OK && memcmp(magic, "GGUF", sizeof magic) != 0)
        return bad_gguf(r, "it does not begin with GGUF");
    if (status == CT_OK)
        status = take_number(r, 4, &version);
    if (status == CT_OK && version != 2 && version != 3)
        return bad_gguf(r, "version %llu; 2 and 3 are read, the lowest byte first", (unsigned long long)version);
    if (status == CT_OK)
        status = take_number(r, 8, tensors);
    if (status == CT_OK)
        status = take_number(r, 8, pairs);
    if (status == CT_OK && (*tensors > r->size / SMALLEST_INFO || *pairs > r->size / SMALLEST_PAIR))
        return bad_gguf(r, "truncated: %llu bytes cannot hold %llu tensors and %llu values",
                        (unsigned long long)r->size, (unsigned long long)*tensors, (unsigned long long)*pairs);
    return status;
}

static ct_status take_infos(gguf_reader *r)
{
    uint64_t pairs, tensors;
    ct_status status = take_head(r, &pairs, &tensors);
    for (uint64_t i = 0; status == CT_OK && i < pairs; i++)
        status = skip_pair(r);
    if (status != CT_OK)
        return status;
    r->infos = ct_allocate(tensors + 1, sizeof *r->infos);
    if (!r->infos)
        return ct__no_memory(WHAT);
    for (; status == CT_OK && r->n < (int64_t)tensors; r->n++)
        status = take_info(r, &r->infos[r->n]);
    return status == CT_OK ? check_places(r) : status;
}

/* ---- the tensors ---- */

/* y = scale q, a block after the other. The blocks stand at the end of the memory that y takes: none is written over before it is read. */
static void dequantise(float *y, int64_t elements, const unsigned char *blocks)
{
    for (int64_t i = 0; i < elements; i += QUANT, y += QUANT, blocks += 2 + QUANT) {
        unsigned char block[2 + QUANT];
        memcpy(block, blocks, sizeof block);
        float scale = ct__widen_half((uint16_t)ct__integer_at(block, 2, false));
        for (int k = 0; k < QUANT; k++)
            y[k] = scale * (float)(int8_t)block[2 + k];
    }
}

static ct_status read_gguf_tensor(gguf_reader *r, const gguf_info *info, ct_tensor *t)
{
    char *data = ct__ptr(t);
    uint64_t room = (uint64_t)(ct_numel(t) * ct__size_of(info->type->dtype));
    ct_status status = move_to(r, r->data + info->at);
    if (status == CT_OK)
        status = take_bytes(r, data + (room - info->bytes), info->bytes);
    if (status == CT_OK && info->type->elements == QUANT)
        dequantise((float *)(void *)data, ct_numel(t), (unsigned char *)data + (room - info->bytes));
    return status;
}

static ct_status read_gguf_tensors(gguf_reader *r, ct_tensor_file *file)
{
    ct_status status = CT_OK;
    for (int64_t i = 0; status == CT_OK && i < r->n; i++) {
        const gguf_info *info = &r->infos[i];
        ct_tensor *t = ct_keep(ct__tensor_new(info->type->dtype, info->shape, info->rank, WHAT));
        file->entries[i].tensor = t;
        status = t ? read_gguf_tensor(r, info, t) : CT_ERROR_MEMORY;
    }
    return status;
}

static ct_tensor_file *load_gguf(gguf_reader *r)
{
    const char **names = ct_allocate((size_t)r->n + 1, sizeof *names);
    ct_status status = names ? check_names(r, names) : ct__no_memory(WHAT);
    for (int64_t i = 0; status == CT_OK && i < r->n; i++)
        names[i] = r->infos[i].name;
    ct_tensor_file *file = status == CT_OK ? ct__tensor_file_new(names, r->n) : NULL;
    ct_deallocate(names);
    if (file && read_gguf_tensors(r, file) != CT_OK) {
        ct_tensor_file_free(file);
        file = NULL;
    }
    return file;
}

CT_OPTIONS_INIT(ct_gguf_options)

ct_tensor_file *ct_gguf_load(const char *path, const ct_gguf_options *options)
{
    gguf_reader r = {.path = path, .alignment = USUAL_ALIGNMENT};
    CT_READ_OPTIONS(ct_gguf_options, o, options, WHAT);
    int fd = o ? ct__file_open(WHAT, path, &r.size) : -1;
    if (fd < 0)
        return NULL;
    r.stream = fdopen(fd, "rb");
    if (!r.stream) {
        close(fd);
        ct__no_memory(WHAT);
        return NULL;
    }
    bool readable = ct__bytes_allowed(WHAT, o->max_bytes, r.size, 8, &r.most) == CT_OK && take_infos(&r) == CT_OK;
    ct_tensor_file *file = readable ? load_gguf(&r) : NULL;
    for (int64_t i = 0; r.infos && i <= r.n; i++) /* the last may have been taken in part */
        ct_deallocate(r.infos[i].name);
    ct_deallocate(r.infos);
    fclose(r.stream);
    return file;
}
