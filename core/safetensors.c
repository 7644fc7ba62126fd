/* Named tensors in .safetensors files (https://github.com/huggingface/safetensors, "Format"): the header's length in
 * 8 bytes, the header (JSON: each tensor's dtype, shape and place), the tensors' bytes in row-major order.
 *
 * Invariant: a file that loads is one whose tensors fill it from the header to the end, each byte once; a file that
 * is saved takes its name only when all of it is on the disk. */
#include "json.h"
#include "tensor_file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian and go to memory as they are");

#define LENGTH_BYTES 8
#define HEADER_LIMIT 100000000 /* bytes, as in the format's own reader */

/* What files call the element types. */
static const char *const codes[] = {
#define DTYPE(constant, type, name, kind, code, ...) [constant] = code,
#include "dtypes.h"
};

/* ---- saving: the header ---- */

/* Adds {name: {dtype, shape, data_offsets}} for tensor i, whose bytes end at *end. */
static ct_status describe(json_t *header, const char *name, const ct_tensor *t, size_t *end)
{
    const char *code = codes[ct_dtype_of(t)];
    size_t begin = *end;
    *end += (size_t)ct_numel(t) * ct_dtype_size(ct_dtype_of(t));
    if (json_object_get(header, name) || strcmp(name, "__metadata__") == 0)
        return ct__error(CT_ERROR_ARGUMENT, "safetensors_save: the name '%.100s' is %s", name,
                         json_object_get(header, name) ? "given twice" : "the format's own");
    json_error_t error;
    json_t *shape = json_array(), *entry = NULL;
    bool complete = shape != NULL;
    for (int i = 0; complete && i < ct_rank(t); i++)
        complete = json_array_append_new(shape, json_integer(ct_shape(t)[i])) == 0;
    if (complete)
        entry = json_pack_ex(&error, 0, "{s:{s:s, s:O, s:[I, I]}}", name, "dtype", code, "shape", shape, "data_offsets",
                             (json_int_t)begin, (json_int_t)*end);
    json_decref(shape);
    if (complete && !entry && json_error_code(&error) == json_error_invalid_utf8)
        return ct__error(CT_ERROR_ARGUMENT, "safetensors_save: a name is not UTF-8");
    int failed = entry ? json_object_update(header, entry) : -1;
    json_decref(entry);
    return failed ? ct__no_memory("safetensors_save") : CT_OK;
}

/* The first bytes of the file: the length, and the header padded with blanks to a multiple of 8. */
typedef struct head {
    char *data;
    size_t bytes;
} head;

static ct_status write_head(const json_t *header, head *h)
{
    size_t used = json_dumpb(header, NULL, 0, JSON_COMPACT);
    if (used == 0)
        return ct__no_memory("safetensors_save");
    uint64_t length = (used + 7) / 8 * 8;
    h->bytes = LENGTH_BYTES + length;
    h->data = ct__alloc(h->bytes);
    if (!h->data)
        return ct__no_memory("safetensors_save");
    memcpy(h->data, &length, LENGTH_BYTES);
    memset(h->data + LENGTH_BYTES, ' ', length);
    /* jansson counts first, so that only lack of memory can change the outcome */
    return json_dumpb(header, h->data + LENGTH_BYTES, used, JSON_COMPACT) == used ? CT_OK
                                                                                  : ct__no_memory("safetensors_save");
}

static ct_status make_head(const char *const *names, ct_tensor *const *tensors, int64_t n, head *h)
{
    json_t *header = json_object();
    ct_status status = header ? CT_OK : ct__no_memory("safetensors_save");
    size_t end = 0;
    for (int64_t i = 0; status == CT_OK && i < n; i++)
        status = describe(header, names[i], tensors[i], &end);
    if (status == CT_OK)
        status = write_head(header, h);
    json_decref(header);
    return status;
}

/* ---- saving: the file ---- */

/* What a file is made of. */
typedef struct content {
    const char *path;
    head head;
    ct_tensor *const *tensors;
    int64_t n;
} content;

static ct_status write_content(FILE *stream, void *context)
{
    const content *c = context;
    ct_status status = ct__write_bytes("safetensors_save", c->path, stream, c->head.data, c->head.bytes);
    for (int64_t i = 0; status == CT_OK && i < c->n; i++)
        status = ct__write_elements("safetensors_save", c->path, stream, c->tensors[i]);
    return status;
}

ct_status ct_safetensors_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n)
{
    content c = {.path = path, .tensors = tensors, .n = n};
    ct_status status = ct__check_named("safetensors_save", path, names, tensors, n);
    if (status == CT_OK)
        status = make_head(names, tensors, n, &c.head);
    if (status == CT_OK)
        status = ct_file_write("safetensors_save", path, write_content, &c);
    ct__free(c.head.data, c.head.bytes);
    return status;
}

/* ---- loading: what the header says ---- */

typedef struct reader {
    const char *path;
    int fd;
    uint64_t size;        /* of the file */
    uint64_t data, bytes; /* where the tensors' bytes begin, and how many there are */
    uint64_t most;        /* bytes that all may become in memory */
} reader;

static ct_status format_error(const reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static ct_status format_error(const reader *r, const char *format, ...)
{
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return ct__error(CT_ERROR_FORMAT, "safetensors_load: %.300s: %s", r->path, reason);
}

/* Bytes from ... from + bytes - 1 of the file. */
static ct_status read_at(const reader *r, uint64_t from, char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t got = pread(r->fd, data, bytes, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ct__io_error("safetensors_load", r->path, "cannot read");
        if (got == 0)
            return format_error(r, "truncated while it was read");
        data += got;
        from += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return CT_OK;
}

/* What jansson makes of a text takes at most so much for each of these, and its length, as measured with jansson 2.14 and glibc: an
 * object has a table, an array places, and every value a block. A header as it should be comes to 24 times itself or less, and is
 * parsed twice. */
static const uint8_t parsed_bytes_of[256] = {['{'] = 240, ['['] = 144, [','] = 48, [':'] = 48, ['"'] = 24};

static uint64_t parsed_bytes(const char *text, size_t length)
{
    uint64_t bytes = length;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        quoted = quoted != (text[i] == '"');
        if (quoted && text[i] == '\\')
            i++;
        else if (!quoted || text[i] == '"')
            bytes += parsed_bytes_of[(unsigned char)text[i]];
    }
    return bytes;
}

/* jansson calls some lack of memory a syntax error, and drops a character for another: what two parses agree on is
 * so. */
static ct_status parse_header(const reader *r, const char *text, size_t length, json_t **header)
{
    json_error_t error, again_error;
    uint64_t bytes = 2 * parsed_bytes(text, length) + r->bytes;
    if (bytes > r->most)
        return format_error(r, "%llu bytes in memory, %llu are allowed; .max_bytes allows more",
                            (unsigned long long)bytes, (unsigned long long)r->most);
    locale_t before =
        ct__locale_begin(); /* jansson stops the process at a number in locales whose point has two bytes */
    *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    json_t *again = json_loadb(text, length, JSON_REJECT_DUPLICATES, &again_error);
    ct__locale_end(before);
    ct_status status = CT_OK;
    if (!*header && !again && error.text[0] && strcmp(error.text, again_error.text) == 0)
        status = format_error(r, "the header is not JSON as it should be, byte %d: %s", error.position, error.text);
    else if (!json_equal(*header, again))
        status = ct__no_memory("safetensors_load");
    json_decref(again);
    return status;
}

/* Reads and parses the header; *header is the caller's. */
static ct_status read_header(reader *r, json_t **header)
{
    uint64_t length = 0, size = r->size;
    if (size < LENGTH_BYTES)
        return format_error(r, "truncated: %llu bytes, the header's length alone takes 8", (unsigned long long)size);
    ct_status status = read_at(r, 0, (char *)&length, LENGTH_BYTES);
    if (status != CT_OK)
        return status;
    if (length > HEADER_LIMIT)
        return format_error(r, "a header of %llu bytes, more than %d", (unsigned long long)length, HEADER_LIMIT);
    if (length > size - LENGTH_BYTES)
        return format_error(r, "truncated: %llu bytes, the header alone has %llu", (unsigned long long)size,
                            (unsigned long long)length);
    r->data = LENGTH_BYTES + length;
    r->bytes = size - r->data;
    char *text = ct__alloc(length);
    if (!text)
        return ct__no_memory("safetensors_load");
    status = read_at(r, LENGTH_BYTES, text, length);
    if (status == CT_OK && (length == 0 || text[0] != '{'))
        status = format_error(r, "the header does not begin with '{'");
    if (status == CT_OK)
        status = parse_header(r, text, length, header);
    ct__free(text, length);
    return status;
}

/* Where one tensor lies, as the header says. */
typedef struct span {
    const char *name; /* belongs to the header */
    ct_dtype dtype;
    int rank;
    int64_t shape[CT_MAX_RANK];
    uint64_t begin, end; /* bytes after the header */
    int64_t index;       /* in the header */
} span;

static ct_status read_dtype(const reader *r, const json_t *value, span *s)
{
    const char *code = json_string_value(value);
    for (s->dtype = 0; code && s->dtype < CT_DTYPES; s->dtype++)
        if (strcmp(code, codes[s->dtype]) == 0)
            return CT_OK;
    return code ? format_error(r, "tensor '%.100s' has dtype %.20s, which cotan does not have", s->name, code)
                : format_error(r, "tensor '%.100s' has no dtype", s->name);
}

/* The shape, and the bytes that it and the dtype need. */
static ct_status read_shape(const reader *r, const json_t *value, span *s, uint64_t *bytes)
{
    if (!json_is_array(value))
        return format_error(r, "tensor '%.100s' has no shape", s->name);
    if (json_array_size(value) > CT_MAX_RANK)
        return format_error(r, "tensor '%.100s' has %zu axes, more than %d", s->name, json_array_size(value),
                            CT_MAX_RANK);
    s->rank = (int)json_array_size(value);
    int64_t counted;
    for (int i = 0; i < s->rank; i++) {
        const json_t *size = json_array_get(value, (size_t)i);
        s->shape[i] = json_integer_value(size);
        if (!json_is_integer(size) || s->shape[i] < 0)
            return format_error(r, "tensor '%.100s' has a size that is no count, axis %d", s->name, i);
    }
    if (!ct__count_bytes(s->dtype, s->shape, s->rank, &counted))
        return format_error(r, "tensor '%.100s' has more bytes than can be counted", s->name);
    *bytes = (uint64_t)counted;
    return CT_OK;
}

static ct_status read_span(const reader *r, const json_t *entry, span *s)
{
    uint64_t bytes = 0;
    ct_status status = read_dtype(r, json_object_get(entry, "dtype"), s);
    if (status == CT_OK)
        status = read_shape(r, json_object_get(entry, "shape"), s, &bytes);
    if (status != CT_OK)
        return status;
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return format_error(r, "tensor '%.100s' has no data_offsets [begin, end]", s->name);
    s->begin = (uint64_t)json_integer_value(begin); /* a negative offset is one far outside */
    s->end = (uint64_t)json_integer_value(end);
    if (s->begin > s->end || s->end > r->bytes)
        return format_error(r,
                            "tensor '%.100s' lies outside the file: offsets [%lld, %lld] in %llu bytes, or truncated",
                            s->name, (long long)s->begin, (long long)s->end, (unsigned long long)r->bytes);
    if (s->end - s->begin != bytes)
        return format_error(r, "tensor '%.100s' has offsets for %llu bytes, its shape and dtype need %llu", s->name,
                            (unsigned long long)(s->end - s->begin), (unsigned long long)bytes);
    return CT_OK;
}

static int by_place(const void *left, const void *right)
{
    const span *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Fills spans with the header's tensors, in the order of their places: each begins where the one before ends. */
static ct_status read_spans(const reader *r, json_t *header, span *spans, int64_t n)
{
    const char *name;
    json_t *entry;
    int64_t i = 0;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        spans[i] = (span){.name = name, .index = i};
        ct_status status = read_span(r, entry, &spans[i++]);
        if (status != CT_OK)
            return status;
    }
    if (n > 0)
        qsort(spans, (size_t)n, sizeof *spans, by_place);
    uint64_t end = 0;
    for (i = 0; i < n; i++) {
        if (spans[i].begin != end)
            return format_error(r, "tensor '%.100s' begins at byte %llu; the one before ends at %llu", spans[i].name,
                                (unsigned long long)spans[i].begin, (unsigned long long)end);
        end = spans[i].end;
    }
    if (r->bytes > r->most)
        return format_error(r, "%llu bytes in memory, %llu are allowed; .max_bytes allows more",
                            (unsigned long long)r->bytes, (unsigned long long)r->most);
    return end == r->bytes ? CT_OK
                           : format_error(r, "the tensors have %llu bytes, the file has %llu for them",
                                          (unsigned long long)end, (unsigned long long)r->bytes);
}

/* ---- loading: the tensors ---- */

static ct_tensor_file *new_file(const span *spans, int64_t n)
{
    size_t bytes = (size_t)n * sizeof(char *);
    const char **names = ct__alloc(bytes);
    if (!names) {
        ct__no_memory("safetensors_load");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        names[i] = spans[i].name;
    ct_tensor_file *file = ct__tensor_file_new(names, n);
    ct__free(names, bytes);
    return file;
}

/* Reads the tensor's bytes into t. */
static ct_status read_tensor(const reader *r, const span *s, ct_tensor *t)
{
    ct_status status = read_at(r, r->data + s->begin, ct__ptr(t), s->end - s->begin);
    if (status == CT_OK && s->dtype == CT_BOOL)
        ct__make_truths(ct__ptr(t), ct_numel(t));
    return status;
}

static ct_status read_tensors(const reader *r, const span *spans, ct_tensor_file *file)
{
    for (int64_t i = 0; i < file->count; i++) {
        const span *s = &spans[i];
        ct_tensor *t = ct_keep(ct__tensor_new(s->dtype, s->shape, s->rank, "safetensors_load"));
        if (!t)
            return CT_ERROR_MEMORY;
        file->entries[i].tensor = t;
        ct_status status = read_tensor(r, s, t);
        if (status != CT_OK)
            return status;
    }
    return CT_OK;
}

static ct_tensor_file *load(const reader *r, json_t *header)
{
    int64_t n = (int64_t)json_object_size(header) - (json_object_get(header, "__metadata__") != NULL);
    size_t bytes = (size_t)n * sizeof(span);
    span *spans = ct__alloc(bytes);
    ct_status status = spans ? read_spans(r, header, spans, n) : ct__no_memory("safetensors_load");
    ct_tensor_file *file = NULL;
    if (status == CT_OK) {
        file = new_file(spans, n);
        status = file ? read_tensors(r, spans, file) : CT_ERROR_MEMORY;
    }
    if (status != CT_OK) {
        ct_tensor_file_free(file);
        file = NULL;
    }
    ct__free(spans, bytes);
    return file;
}

CT_OPTIONS_INIT(ct_safetensors_options)

ct_tensor_file *ct_safetensors_load(const char *path, const ct_safetensors_options *options)
{
    reader r = {.path = path};
    CT_READ_OPTIONS(ct_safetensors_options, o, options, "safetensors_load");
    r.fd = o ? ct__file_open("safetensors_load", path, &r.size) : -1;
    if (r.fd < 0)
        return NULL;
    json_t *header = NULL;
    bool readable = ct__bytes_allowed("safetensors_load", o->max_bytes, r.size, 48, &r.most) == CT_OK;
    ct_tensor_file *file = readable && read_header(&r, &header) == CT_OK ? load(&r, header) : NULL;
    json_decref(header);
    close(r.fd);
    return file;
}
