/* Archives of NumPy's arrays, .npz (https://numpy.org/doc/stable/reference/generated/numpy.savez.html): a ZIP file with a .npy file
 * for each name.
 *
 * Invariant: libzip reads from a file that is open, and writes into memory; ways in and out are those of all files. */
#include "npy.h"
#include "tensor_file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CT_OPTIONS_INIT(ct_npz_options)

#ifdef COTAN_USE_LIBZIP
#include <zip.h>

#define ENDING ".npy"
enum { ENDING_LENGTH = sizeof ENDING - 1 };

/* What libzip found, where its own words speak of its calls. */
static const char *words_of(zip_error_t *error)
{
    switch (zip_error_code_zip(error)) {
    case ZIP_ER_NOZIP:
        return "not a zip archive, or truncated";
    case ZIP_ER_EXISTS:
        return "two arrays have the same name";
    default:
        return zip_error_strerror(error);
    }
}

/* The library's error, as ours. */
static ct_status zip_problem(const char *what, const char *path, zip_error_t *error)
{
    int code = zip_error_code_zip(error);
    if (code == ZIP_ER_MEMORY)
        return ct__no_memory(what);
    bool system = zip_error_system_type(error) == ZIP_ET_SYS;
    return ct__error(system ? CT_ERROR_IO : CT_ERROR_FORMAT, "%s: %.300s: %s", what, path, words_of(error));
}

/* ---- loading ---- */

typedef struct reader {
    const char *path;
    zip_t *archive;
    uint64_t most; /* bytes that all arrays together may take yet */
} reader;

/* The name without its ending goes to *name, the caller's. */
static ct_status read_name(const reader *r, uint64_t index, char **name)
{
    const char *entry = zip_get_name(r->archive, index, ZIP_FL_ENC_GUESS);
    if (!entry)
        return zip_problem("npz_load", r->path, zip_get_error(r->archive));
    size_t length = strlen(entry);
    if (length < ENDING_LENGTH || strcmp(entry + length - ENDING_LENGTH, ENDING) != 0)
        return ct__error(CT_ERROR_FORMAT, "npz_load: %.300s: '%.100s' is no .npy file", r->path, entry);
    *name = strndup(entry, length - ENDING_LENGTH);
    return *name ? CT_OK : ct__no_memory("npz_load");
}

/* What is being read, and whose. */
typedef struct entry {
    const reader *reader;
    zip_file_t *file;
} entry;

static ct_status read_entry(void *context, void *data, uint64_t bytes, uint64_t *got)
{
    const entry *e = context;
    zip_int64_t n = 1;
    for (*got = 0; *got < bytes && n > 0; *got += n > 0 ? (uint64_t)n : 0)
        n = zip_fread(e->file, (char *)data + *got, bytes - *got);
    return n < 0 ? zip_problem("npz_load", e->reader->path, zip_file_get_error(e->file)) : CT_OK;
}

static ct_status read_array(reader *r, uint64_t index, struct file_entry *to)
{
    entry e = {.reader = r, .file = zip_fopen_index(r->archive, index, 0)};
    if (!e.file)
        return zip_problem("npz_load", r->path, zip_get_error(r->archive));
    to->tensor = ct_keep(ct__npy_read(&(ct__npy_source){"npz_load", r->path, to->name, read_entry, &e, r->most}));
    zip_fclose(e.file);
    if (!to->tensor)
        return ct_error_code();
    r->most -= (uint64_t)(to->tensor->numel * ct__size_of((ct_dtype)to->tensor->dtype));
    return CT_OK;
}

/* The archive's names, and no tensors yet; NULL with an error. */
static ct_tensor_file *read_names(const reader *r, int64_t n)
{
    size_t bytes = (size_t)n * sizeof(char *);
    char **names = ct__alloc(bytes);
    ct_status status = names ? CT_OK : ct__no_memory("npz_load");
    int64_t read = 0;
    while (status == CT_OK && read < n) {
        status = read_name(r, (uint64_t)read, &names[read]);
        read += status == CT_OK;
    }
    ct_tensor_file *file = status == CT_OK ? ct__tensor_file_new((const char *const *)names, n) : NULL;
    while (read > 0)
        free(names[--read]);
    ct__free(names, bytes);
    return file;
}

static ct_tensor_file *load(reader *r)
{
    ct_tensor_file *file = read_names(r, zip_get_num_entries(r->archive, 0));
    ct_status status = file ? CT_OK : ct_error_code();
    for (int64_t i = 0; status == CT_OK && i < file->count; i++)
        status = read_array(r, (uint64_t)i, &file->entries[i]);
    if (status == CT_OK)
        return file;
    ct_tensor_file_free(file);
    return NULL;
}

/* The file as libzip reads it; closes fd, at once if it fails. */
static zip_source_t *source_of(int fd, const char *path)
{
    zip_error_t error;
    zip_error_init(&error);
    FILE *stream = fdopen(fd, "rb");
    zip_source_t *source = stream ? zip_source_filep_create(stream, 0, -1, &error) : NULL;
    if (!stream) {
        close(fd);
        ct__no_memory("npz_load");
    } else if (!source) {
        fclose(stream);
        zip_problem("npz_load", path, &error);
    }
    zip_error_fini(&error);
    return source;
}

/* An archive over source, which it then owns; NULL with an error. */
static zip_t *open_archive(const char *what, const char *path, zip_source_t *source, int flags)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_t *archive = source ? zip_open_from_source(source, flags, &error) : NULL;
    if (source && !archive) {
        zip_problem(what, path, &error);
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return archive;
}

ct_tensor_file *ct_npz_load(const char *path, const ct_npy_options *options)
{
    CT_READ_OPTIONS(ct_npy_options, o, options, "npz_load");
    reader r = {.path = path};
    uint64_t bytes;
    int fd = o ? ct__file_open("npz_load", path, &bytes) : -1;
    zip_source_t *source = fd >= 0 ? source_of(fd, path) : NULL;
    if (!source)
        return NULL;
    r.archive = open_archive("npz_load", path, source, ZIP_RDONLY | ZIP_CHECKCONS);
    if (!r.archive)
        return NULL;
    bool allowed = ct__bytes_allowed("npz_load", o->max_bytes, bytes, 64, &r.most) == CT_OK;
    ct_tensor_file *file = allowed ? load(&r) : NULL;
    zip_discard(r.archive);
    return file;
}

/* ---- saving ---- */

/* A .npy file in memory. */
typedef struct array {
    char *data;
    size_t bytes;
} array;

static ct_status make_array(const ct_tensor *t, array *a)
{
    char header[CT_NPY_HEADER];
    size_t head = ct__npy_header(t, header), elements = (size_t)ct_numel(t) * ct_dtype_size(ct_dtype_of(t));
    *a = (array){ct__alloc(head + elements), head + elements};
    if (!a->data)
        return ct__no_memory("npz_save");
    memcpy(a->data, header, head);
    return elements > 0 ? ct_to_array(t, a->data + head, ct_numel(t)) : CT_OK;
}

/* What is to be saved, and where. */
typedef struct content {
    const char *path;
    const char *const *names;
    ct_tensor *const *tensors;
    int64_t n;
    bool compress;
} content;

/* Why name could not be added. */
static ct_status name_problem(const content *c, zip_t *archive, const char *name)
{
    int code = zip_error_code_zip(zip_get_error(archive));
    if (code != ZIP_ER_EXISTS && code != ZIP_ER_INVAL)
        return zip_problem("npz_save", c->path, zip_get_error(archive));
    return ct__error(CT_ERROR_ARGUMENT, "npz_save: the name '%.100s' is %s", name,
                     code == ZIP_ER_EXISTS ? "given twice" : "not UTF-8");
}

/* Adds a file of a's bytes, which are read when the archive is closed; false with the archive's error. */
static bool add_file(zip_t *archive, const char *name, const array *a, bool compress)
{
    enum { MIDNIGHT = 0, FIRST_OF_1980 = 1 << 5 | 1 }; /* the same bytes whenever it is saved */
    zip_source_t *source = zip_source_buffer(archive, a->data, a->bytes, 0);
    zip_int64_t index = source ? zip_file_add(archive, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (source && index < 0)
        zip_source_free(source);
    return index >= 0 && zip_file_set_dostime(archive, (zip_uint64_t)index, MIDNIGHT, FIRST_OF_1980, 0) == 0 &&
           zip_set_file_compression(archive, (zip_uint64_t)index, compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) == 0;
}

static ct_status add_array(const content *c, zip_t *archive, int64_t i, const array *a)
{
    size_t length = strlen(c->names[i]) + sizeof ENDING;
    char *name = ct__alloc(length);
    if (!name)
        return ct__no_memory("npz_save");
    snprintf(name, length, "%s%s", c->names[i], ENDING);
    bool added = add_file(archive, name, a, c->compress);
    ct__free(name, length);
    return added ? CT_OK : name_problem(c, archive, c->names[i]);
}

static ct_status add_arrays(const content *c, zip_t *archive, array *arrays)
{
    ct_status status = CT_OK;
    for (int64_t i = 0; i < c->n && status == CT_OK; i++) {
        status = make_array(c->tensors[i], &arrays[i]);
        if (status == CT_OK)
            status = add_array(c, archive, i, &arrays[i]);
    }
    return status;
}

/* Makes whole the archive of c. */
static ct_status pack(const content *c, array *arrays, zip_source_t *whole)
{
    zip_source_keep(whole); /* the archive gives up one reference */
    zip_t *archive = open_archive("npz_save", c->path, whole, ZIP_TRUNCATE);
    if (!archive)
        return ct_error_code();
    ct_status status = add_arrays(c, archive, arrays);
    if (status == CT_OK && zip_close(archive) == 0)
        return CT_OK;
    if (status == CT_OK)
        status = zip_problem("npz_save", c->path, zip_get_error(archive));
    zip_discard(archive);
    return status;
}

/* What is written: an archive in memory. */
typedef struct packed {
    const char *path;
    zip_source_t *source;
} packed;

static ct_status write_packed(FILE *stream, void *context)
{
    const packed *p = context;
    char block[8192];
    zip_int64_t got = zip_source_open(p->source) == 0 ? 1 : -1;
    ct_status status = CT_OK;
    while (status == CT_OK && got > 0) {
        got = zip_source_read(p->source, block, sizeof block);
        if (got > 0)
            status = ct__write_bytes("npz_save", p->path, stream, block, (size_t)got);
    }
    if (status == CT_OK && got < 0)
        status = zip_problem("npz_save", p->path, zip_source_error(p->source));
    zip_source_close(p->source);
    return status;
}

static ct_status save(const content *c, array *arrays)
{
    zip_source_t *whole = zip_source_buffer_create(NULL, 0, 0, NULL);
    if (!whole)
        return ct__no_memory("npz_save");
    ct_status status = pack(c, arrays, whole);
    if (status == CT_OK)
        status = ct_file_write("npz_save", c->path, write_packed, &(packed){c->path, whole});
    zip_source_free(whole);
    return status;
}

ct_status ct_npz_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n,
                      const ct_npz_options *options)
{
    CT_READ_OPTIONS(ct_npz_options, o, options, "npz_save");
    ct_status status = o ? ct__check_named("npz_save", path, names, tensors, n) : ct_error_code();
    if (status == CT_OK && n == 0)
        return ct__error(CT_ERROR_ARGUMENT, "npz_save: no arrays");
    for (int64_t i = 0; status == CT_OK && i < n; i++)
        status = ct__npy_can_save(tensors[i], "npz_save");
    size_t bytes = (size_t)n * sizeof(array);
    array *arrays = status == CT_OK ? ct__alloc(bytes) : NULL;
    if (!arrays)
        return status == CT_OK ? ct__no_memory("npz_save") : status;
    memset(arrays, 0, bytes);
    status = save(&(content){path, names, tensors, n, o->compress}, arrays);
    for (int64_t i = 0; i < n; i++)
        ct__free(arrays[i].data, arrays[i].bytes);
    ct__free(arrays, bytes);
    return status;
}

#else

static ct_status without_libzip(const char *what)
{
    return ct__error(CT_ERROR_STATE, "%s: cotan was built without libzip", what);
}

ct_tensor_file *ct_npz_load(const char *path, const ct_npy_options *options)
{
    (void)path, (void)options, (void)without_libzip("npz_load");
    return NULL;
}

ct_status ct_npz_save(const char *path, const char *const *names, ct_tensor *const *tensors, int64_t n,
                      const ct_npz_options *options)
{
    (void)path, (void)names, (void)tensors, (void)n, (void)options;
    return without_libzip("npz_save");
}

#endif
