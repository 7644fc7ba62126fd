/* Arrays in NumPy's .npy files (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, "Format Version 1.0" to
 * "3.0"): a magic string, the version, the header's length, the header (a Python dictionary: 'descr', 'fortran_order', 'shape'),
 * the elements.
 *
 * Invariant: an array that loads ends where its elements end. */
#include "npy.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "elements are saved, and stored from their low bytes on, as they are");

#define MAGIC "\x93NUMPY"
enum {
    MAGIC_BYTES = 6,
    LENGTH_AT = 8,        /* behind the magic and two bytes of version */
    HEADER_LIMIT = 65536, /* ours has 128 bytes; that of a structured type, which we refuse, may have more */
    ALIGNMENT = 64        /* the elements begin at a multiple of it */
};

typedef struct element_type {
    const char *code; /* the byte order, which may be another in a file, and the type */
    int size;         /* in the file */
    ct__kind kind;
    ct_dtype dtype; /* in memory: as wide, or the next that holds it */
} element_type;

static const element_type types[] = {
/* first, in the order of ct_dtype, what is saved, where NumPy has it */
#define DTYPE(constant, type, name, kind, safetensors, npy) {npy, sizeof(type), CT__##kind, constant},
#include "dtypes.h"
    {"<i2", 2, CT__SIGNED, CT_INT32},   {"|i1", 1, CT__SIGNED, CT_INT32},   {"<u2", 2, CT__UNSIGNED, CT_INT32},
    {"<u4", 4, CT__UNSIGNED, CT_INT64}, {"<u8", 8, CT__UNSIGNED, CT_INT64},
};

/* What the header says. */
typedef struct description {
    const element_type *type;
    bool big_endian, fortran;
    int rank;
    int64_t shape[CT_MAX_RANK];
} description;

/* ---- loading: the header ---- */

/* Takes word, after blanks. */
static bool accept(const char **at, const char *word)
{
    while (isblank((unsigned char)**at))
        (*at)++;
    size_t n = strlen(word);
    bool found = strncmp(*at, word, n) == 0;
    *at += found ? n : 0;
    return found;
}

/* Takes text in quotes, of either kind. */
static bool accept_string(const char **at, char *text, size_t room)
{
    char quote = accept(at, "'") ? '\'' : '"';
    if (quote == '"' && !accept(at, "\""))
        return false;
    const char *end = strchr(*at, quote);
    if (!end || (size_t)(end - *at) >= room)
        return false;
    memcpy(text, *at, (size_t)(end - *at));
    text[end - *at] = '\0';
    *at = end + 1;
    return true;
}

static ct_status read_type(const ct__npy_source *s, const char **at, description *d)
{
    char code[16];
    if (!accept_string(at, code, sizeof code))
        return ct__npy_error(s, "'descr' is no type of a single number");
    d->big_endian = code[0] == '>';
    bool ordered = code[0] && strchr("<>|=", code[0]);
    for (size_t i = 0; i < sizeof types / sizeof *types && ordered; i++)
        if (types[i].code && strcmp(code + 1, types[i].code + 1) == 0)
            d->type = &types[i];
    return d->type ? CT_OK : ct__npy_error(s, "type '%s', which cotan does not have", code);
}

static ct_status read_order(const ct__npy_source *s, const char **at, description *d)
{
    d->fortran = accept(at, "True");
    return d->fortran || accept(at, "False") ? CT_OK : ct__npy_error(s, "'fortran_order' is neither True nor False");
}

/* A tuple: (), (3,), (3, 4); Python 2 wrote (3L, 4L). */
static ct_status read_shape(const ct__npy_source *s, const char **at, description *d)
{
    bool more = accept(at, "(");
    if (!more)
        return ct__npy_error(s, "'shape' is no tuple");
    while (more && !accept(at, ")")) {
        if (d->rank == CT_MAX_RANK)
            return ct__npy_error(s, "more than %d axes", CT_MAX_RANK);
        char *end = NULL;
        accept(at, ""); /* blanks */
        d->shape[d->rank] = isdigit((unsigned char)**at) ? strtoll(*at, &end, 10) : -1;
        if (d->shape[d->rank] < 0 || d->shape[d->rank] == INT64_MAX)
            return ct__npy_error(s, "a size that is no count, axis %d", d->rank);
        d->rank++;
        *at = end;
        accept(at, "L");
        more = accept(at, ",");
        if (!more && !accept(at, ")"))
            return ct__npy_error(s, "'shape' is no tuple");
    }
    return CT_OK;
}

static const struct {
    const char *name;
    ct_status (*read)(const ct__npy_source *s, const char **at, description *d);
} keys[] = {{"descr", read_type}, {"fortran_order", read_order}, {"shape", read_shape}};

enum { KEYS = sizeof keys / sizeof *keys };

static ct_status read_key(const ct__npy_source *s, const char **at, description *d, bool *seen)
{
    char name[32];
    if (!accept_string(at, name, sizeof name) || !accept(at, ":"))
        return ct__npy_error(s, "the header is no dictionary");
    for (int i = 0; i < KEYS; i++)
        if (strcmp(name, keys[i].name) == 0) {
            if (seen[i])
                return ct__npy_error(s, "'%s' is given twice", name);
            seen[i] = true;
            return keys[i].read(s, at, d);
        }
    return ct__npy_error(s, "the header has a key '%s'", name);
}

static ct_status parse(const ct__npy_source *s, const char *at, description *d)
{
    bool seen[KEYS] = {false}, more = accept(&at, "{");
    if (!more)
        return ct__npy_error(s, "the header is no dictionary");
    while (more && !accept(&at, "}")) {
        ct_status status = read_key(s, &at, d, seen);
        if (status != CT_OK)
            return status;
        more = accept(&at, ",");
        if (!more && !accept(&at, "}"))
            return ct__npy_error(s, "the header is no dictionary");
    }
    for (int i = 0; i < KEYS; i++)
        if (!seen[i])
            return ct__npy_error(s, "the header has no '%s'", keys[i].name);
    return CT_OK;
}

static ct_status read_exactly(const ct__npy_source *s, void *data, uint64_t bytes, const char *part)
{
    uint64_t got;
    ct_status status = s->read(s->context, data, bytes, &got);
    if (status == CT_OK && got < bytes)
        return ct__npy_error(s, "truncated in %s", part);
    return status;
}

/* The length of the header in bytes: 2 of them in version 1, 4 in versions 2 and 3. */
static ct_status read_length(const ct__npy_source *s, uint32_t *length)
{
    unsigned char start[LENGTH_AT];
    ct_status status = read_exactly(s, start, sizeof start, "the header");
    if (status != CT_OK)
        return status;
    if (memcmp(start, MAGIC, MAGIC_BYTES) != 0)
        return ct__npy_error(s, "not .npy: it does not begin with \\x93NUMPY");
    if (start[MAGIC_BYTES] < 1 || start[MAGIC_BYTES] > 3)
        return ct__npy_error(s, "version %d of the format; 1 to 3 are known", start[MAGIC_BYTES]);
    *length = 0;
    status = read_exactly(s, length, start[MAGIC_BYTES] == 1 ? 2 : 4, "the header");
    if (status == CT_OK && *length > HEADER_LIMIT)
        return ct__npy_error(s, "a header of %u bytes, more than %d", *length, HEADER_LIMIT);
    return status;
}

static ct_status read_header(const ct__npy_source *s, description *d)
{
    uint32_t length;
    ct_status status = read_length(s, &length);
    if (status != CT_OK)
        return status;
    char *text = ct__alloc((size_t)length + 1);
    if (!text)
        return ct__no_memory(s->what);
    status = read_exactly(s, text, length, "the header");
    text[length] = '\0';
    if (status == CT_OK)
        status = parse(s, text, d);
    ct__free(text, (size_t)length + 1);
    return status;
}

/* ---- loading: the elements ---- */

static ct_status check_size(const ct__npy_source *s, const description *d)
{
    int64_t bytes;
    if (!ct__count_bytes(d->type->dtype, d->shape, d->rank, &bytes))
        return ct__npy_error(s, "more bytes than can be counted");
    return (uint64_t)bytes <= s->most ? CT_OK
                                      : ct__npy_error(s, "more than %llu bytes of numbers; .max_bytes allows more",
                                                      (unsigned long long)s->most);
}

/* An unsigned number of 8 bytes may be too large for int64, which then is negative. */
static ct_status check_range(const ct__npy_source *s, const int64_t *elements, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (elements[i] < 0)
            return ct__npy_error(s, "element %lld is %llu, too large for int64", (long long)i,
                                 (unsigned long long)elements[i]);
    return CT_OK;
}

static ct_status widen(const ct__npy_source *s, const description *d, ct_tensor *t)
{
    const element_type *type = d->type;
    ct__stored from = {type->size, type->kind, d->big_endian};
    ct__widen(ct__ptr(t), t->numel, &from, (int)ct__size_of(type->dtype));
    bool overflows = type->kind == CT__UNSIGNED && type->size == 8;
    return overflows ? check_range(s, (const int64_t *)(const void *)ct__ptr(t), t->numel) : CT_OK;
}

static ct_status read_elements(const ct__npy_source *s, const description *d, ct_tensor *t)
{
    uint64_t more = 0, bytes = (uint64_t)(t->numel * d->type->size);
    char *end = ct__ptr(t) + t->numel * ct__size_of(d->type->dtype), beyond;
    ct_status status = read_exactly(s, end - bytes, bytes, "the elements");
    if (status == CT_OK)
        status = s->read(s->context, &beyond, 1, &more); /* at the end of what is packed this checks its sum, too */
    if (status == CT_OK && more > 0)
        status = ct__npy_error(s, "longer than its header says");
    return status == CT_OK ? widen(s, d, t) : status;
}

static ct_tensor *load_in_order(const ct__npy_source *s, const description *d)
{
    ct_tensor *t = ct__tensor_new(d->type->dtype, d->shape, d->rank, s->what);
    if (t && read_elements(s, d, t) != CT_OK) {
        ct_release(t);
        return NULL;
    }
    return t;
}

/* Column-major elements are those of the reversed shape in row-major order. */
static ct_tensor *load_reversed(const ct__npy_source *s, const description *d)
{
    description reversed = *d;
    int64_t strides[CT_MAX_RANK] = {1};
    for (int i = 0; i < d->rank; i++)
        reversed.shape[i] = d->shape[d->rank - 1 - i];
    for (int i = 1; i < d->rank; i++)
        strides[i] = strides[i - 1] * d->shape[i - 1];
    ct_tensor *from = load_in_order(s, &reversed);
    ct_tensor *t = from ? ct__tensor_new(d->type->dtype, d->shape, d->rank, s->what) : NULL;
    if (t)
        ct__copy_strided(d->type->dtype, ct__ptr(t), t->strides, d->type->dtype, ct__ptr(from), strides, d->shape,
                         d->rank);
    ct_release(from);
    return t;
}

ct_tensor *ct__npy_read(const ct__npy_source *s)
{
    description d = {.type = NULL};
    if (read_header(s, &d) != CT_OK || check_size(s, &d) != CT_OK)
        return NULL;
    return d.fortran && d.rank > 1 ? load_reversed(s, &d) : load_in_order(s, &d);
}

ct_status ct__npy_error(const ct__npy_source *s, const char *format, ...)
{
    char reason[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return ct__error(CT_ERROR_FORMAT, "%s: %.300s: %s%.100s%s%s", s->what, s->path, s->name ? "array '" : "",
                     s->name ? s->name : "", s->name ? "': " : "", reason);
}

static ct_status read_stream(void *stream, void *data, uint64_t bytes, uint64_t *got)
{
    return ct__stream_read(stream, data, bytes, got);
}

CT_OPTIONS_INIT(ct_npy_options)

ct_tensor *ct_npy_load(const char *path, const ct_npy_options *options)
{
    ct__stream stream;
    CT_READ_OPTIONS(ct_npy_options, o, options, "npy_load");
    if (!o)
        return NULL;
    ct_tensor *t = NULL;
    if (ct__stream_open(&stream, "npy_load", path, o->max_bytes) == CT_OK)
        t = ct__npy_read(&(ct__npy_source){"npy_load", path, NULL, read_stream, &stream, stream.most});
    ct__stream_close(&stream);
    return t;
}

/* ---- saving ---- */

ct_status ct__npy_can_save(const ct_tensor *t, const char *what)
{
    return types[ct_dtype_of(t)].code
               ? CT_OK
               : ct__error(CT_ERROR_DTYPE, "%s: NumPy has no %s; ct_cast() it", what, ct_dtype_name(ct_dtype_of(t)));
}

size_t ct__npy_header(const ct_tensor *t, char *text)
{
    char *at = text + LENGTH_AT + 2;
    at += sprintf(at, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[ct_dtype_of(t)].code);
    for (int i = 0; i < ct_rank(t); i++)
        at += sprintf(at, "%s%lld%s", i > 0 ? " " : "", (long long)ct_shape(t)[i],
                      i + 1 < ct_rank(t) || i == 0 ? "," : "");
    at += sprintf(at, "), }");
    size_t bytes = (size_t)(at - text) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    memset(at, ' ', bytes - (size_t)(at - text));
    text[bytes - 1] = '\n';
    uint16_t length = (uint16_t)(bytes - LENGTH_AT - 2);
    memcpy(text, MAGIC "\1", LENGTH_AT);
    memcpy(text + LENGTH_AT, &length, sizeof length);
    return bytes;
}

/* What a file is made of. */
typedef struct content {
    const char *path;
    const ct_tensor *t;
} content;

static ct_status write_content(FILE *stream, void *context)
{
    const content *c = context;
    char header[CT_NPY_HEADER];
    size_t bytes = ct__npy_header(c->t, header);
    ct_status status = ct__write_bytes("npy_save", c->path, stream, header, bytes);
    return status == CT_OK ? ct__write_elements("npy_save", c->path, stream, c->t) : status;
}

ct_status ct_npy_save(const char *path, const ct_tensor *t)
{
    ct_status status = path ? ct__check_tensor(t, "npy_save") : ct__error(CT_ERROR_NULL, "npy_save: path is NULL");
    if (status == CT_OK)
        status = ct__npy_can_save(t, "npy_save");
    return status == CT_OK ? ct_file_write("npy_save", path, write_content, &(content){path, t}) : status;
}
