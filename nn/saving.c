/* Lists of named tensors for files that hold several objects, and plans of what to copy out of them.
 *
 * Invariant: see saving.h. */
#include "saving.h"

/* ---- writing ---- */

static ct_status reserve(ct__saving *saving)
{
    if (saving->count < saving->capacity)
        return CT_OK;
    int64_t capacity = saving->capacity ? 2 * saving->capacity : 32;
    char **names = ct_reallocate(saving->names, (size_t)capacity * sizeof *names);
    saving->names = names ? names : saving->names;
    ct_tensor **tensors = ct_reallocate(saving->tensors, (size_t)capacity * sizeof *tensors);
    saving->tensors = tensors ? tensors : saving->tensors;
    if (!names || !tensors)
        return ct__nn_no_memory("save");
    saving->capacity = capacity;
    return CT_OK;
}

void ct__saving_add(ct__saving *saving, const char *before, const char *name, ct_tensor *t)
{
    if (!t || ct_error_code() != CT_OK || reserve(saving) != CT_OK)
        return;
    char *text = ct__nn_joined(before, name);
    if (!text)
        return;
    saving->names[saving->count] = text;
    saving->tensors[saving->count++] = t;
}

void ct__saving_numbers(ct__saving *saving, const char *before, const char *name, const double *numbers, int64_t n)
{
    ct__saving_add(saving, before, name, ct_from_array(CT_FLOAT64, numbers, &n, 1));
}

void ct__saving_integers(ct__saving *saving, const char *before, const char *name, const int64_t *numbers, int64_t n)
{
    ct__saving_add(saving, before, name, ct_from_array(CT_INT64, numbers, &n, 1));
}

void ct__saving_text(ct__saving *saving, const char *before, const char *name, const char *text)
{
    int64_t n = (int64_t)strlen(text);
    ct__saving_add(saving, before, name, ct_from_array(CT_UINT8, text, &n, 1));
}

ct_status ct__saving_write(ct__saving *saving, const char *path)
{
    ct_status status = ct_error_code();
    if (status == CT_OK)
        status = ct_safetensors_save(path, (const char *const *)saving->names, saving->tensors, saving->count);
    while (saving->count > 0)
        ct_deallocate(saving->names[--saving->count]);
    ct_deallocate(saving->names);
    ct_deallocate(saving->tensors);
    return status;
}

/* ---- reading ---- */

/* Into a tensor, from one of the file; or into bytes, from a block of the copy's own. Neither: only seen. */
typedef struct ct__copy {
    const ct_tensor *from;
    ct_tensor *to;
    void *bytes, *place;
    size_t size;
} ct__copy;

ct__loading ct__loading_open(const char *path)
{
    ct__loading loading = {.path = path};
    if (ct_error_code() == CT_OK)
        loading.file = ct_safetensors_load(path, NULL);
    return loading;
}

/* One more copy, all zero; NULL with an error. */
static ct__copy *next_copy(ct__loading *loading)
{
    if (ct_error_code() != CT_OK)
        return NULL;
    if (loading->count == loading->capacity) {
        int64_t capacity = loading->capacity ? 2 * loading->capacity : 32;
        ct__copy *copies = ct_reallocate(loading->copies, (size_t)capacity * sizeof *copies);
        if (!copies) {
            ct__nn_no_memory("load");
            return NULL;
        }
        loading->copies = copies;
        loading->capacity = capacity;
    }
    ct__copy *copy = &loading->copies[loading->count++];
    *copy = (ct__copy){0};
    return copy;
}

/* The file's tensor of that name and dtype, noted as seen; NULL with an error. */
static const ct_tensor *require(ct__loading *loading, const char *before, const char *name, ct_dtype dtype)
{
    ct__copy *copy = next_copy(loading);
    char *text = copy ? ct__nn_joined(before, name) : NULL;
    if (!text)
        return NULL;
    const ct_tensor *t = copy->from = ct_tensor_file_get(loading->file, text);
    if (!t)
        ct_error_set(CT_ERROR_FORMAT, "load: %s has no \"%s\"", loading->path, text);
    else if (ct_dtype_of(t) != dtype)
        ct_error_set(CT_ERROR_DTYPE, "load: \"%s\" is %s in %s, but %s here", text, ct_dtype_name(ct_dtype_of(t)),
                     loading->path, ct_dtype_name(dtype));
    ct_deallocate(text);
    return ct_error_code() == CT_OK ? t : NULL;
}

void ct__loading_tensor(ct__loading *loading, const char *before, const char *name, ct_tensor *t)
{
    char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
    const ct_tensor *from = require(loading, before, name, ct_dtype_of(t));
    if (from && strcmp(ct__nn_shape_text(from, have), ct__nn_shape_text(t, want)) != 0)
        ct_error_set(CT_ERROR_SHAPE, "load: \"%s%s\" is %s in %s, but %s here", before, name, have, loading->path,
                     want);
    if (from)
        loading->copies[loading->count - 1].to = t;
}

const void *ct__loading_numbers(ct__loading *loading, const char *before, const char *name, ct_dtype dtype, int64_t n)
{
    char have[CT_NN_SHAPE_TEXT];
    const ct_tensor *t = require(loading, before, name, dtype);
    if (t && (ct_rank(t) != 1 || ct_size(t, 0) != n))
        ct_error_set(CT_ERROR_SHAPE, "load: \"%s%s\" is %s in %s, but [%lld] here", before, name,
                     ct__nn_shape_text(t, have), loading->path, (long long)n);
    return t && ct_error_code() == CT_OK ? ct_data(t) : NULL;
}

const char *ct__loading_string(ct__loading *loading, const char *before, const char *name, size_t *size)
{
    const ct_tensor *t = require(loading, before, name, CT_UINT8);
    *size = t ? (size_t)ct_numel(t) : 0;
    return !t ? NULL : *size ? ct_data(t) : "";
}

void ct__loading_text(ct__loading *loading, const char *before, const char *name, const char *text)
{
    size_t n;
    const char *have = ct__loading_string(loading, before, name, &n);
    if (have && (n != strlen(text) || memcmp(have, text, n) != 0))
        ct_error_set(CT_ERROR_FORMAT, "load: %s has the %s \"%.*s\", not \"%s\"", loading->path, name,
                     (int)(n < 200 ? n : 200), have, text);
}

void ct__loading_bytes(ct__loading *loading, void *to, const void *from, size_t bytes)
{
    ct__copy *copy = next_copy(loading);
    void *own = copy ? ct__nn_alloc("load", (int64_t)bytes, 1) : NULL;
    if (!own)
        return;
    memcpy(own, from, bytes);
    *copy = (ct__copy){.bytes = own, .place = to, .size = bytes};
}

static int compare_addresses(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t) * (const ct_tensor *const *)left, b = (uintptr_t) * (const ct_tensor *const *)right;
    return (a > b) - (a < b);
}

/* Of what was planned or asked with, in the order of addresses; NULL with an error. */
static const ct_tensor **sources(const ct__loading *loading)
{
    const ct_tensor **from = ct__nn_alloc("load", loading->count, sizeof *from);
    for (int64_t i = 0; from && i < loading->count; i++)
        from[i] = loading->copies[i].from;
    if (from)
        qsort(from, (size_t)loading->count, sizeof *from, compare_addresses);
    return from;
}

void ct__loading_nothing_else(ct__loading *loading)
{
    const ct_tensor **seen = ct_error_code() == CT_OK ? sources(loading) : NULL;
    for (int64_t i = 0; seen && ct_error_code() == CT_OK && i < ct_tensor_file_count(loading->file); i++) {
        const char *name = ct_tensor_file_name(loading->file, i);
        const ct_tensor *t = ct_tensor_file_get(loading->file, name);
        if (!bsearch(&t, seen, (size_t)loading->count, sizeof t, compare_addresses))
            ct_error_set(CT_ERROR_FORMAT, "load: %s has \"%s\", which there is no place for", loading->path, name);
    }
    ct_deallocate(seen);
}

ct_status ct__loading_close(ct__loading *loading)
{
    ct_status status = ct_error_code();
    for (int64_t i = 0; i < loading->count; i++) {
        const ct__copy *copy = &loading->copies[i];
        if (copy->to && status == CT_OK)
            ct_copy_(copy->to, copy->from);
        if (copy->bytes && status == CT_OK)
            memcpy(copy->place, copy->bytes, copy->size);
        ct_deallocate(copy->bytes);
    }
    ct_deallocate(loading->copies);
    ct_tensor_file_free(loading->file);
    *loading = (ct__loading){0};
    return status;
}
