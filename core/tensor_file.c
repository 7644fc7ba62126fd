/* Named tensors, as files of them are read into and written from. */
#include "tensor_file.h"
#include <cotan/object.h>
#include <stdlib.h>
#include <string.h>

#define KIND "tensor file"

static int order_of_names(const void *left, const void *right)
{
    return strcmp((*(struct file_entry *const *)left)->name, (*(struct file_entry *const *)right)->name);
}

ct_tensor_file *ct__tensor_file_new(const char *const *given, int64_t n)
{
    size_t index = sizeof(ct_tensor_file) + (size_t)n * sizeof(struct file_entry);
    size_t fixed = index + (size_t)n * sizeof(struct file_entry *), bytes = fixed;
    for (int64_t i = 0; i < n; i++)
        bytes += strlen(given[i]) + 1;
    ct_tensor_file *file = ct_object_new(KIND, bytes);
    if (!file)
        return NULL;
    file->count = n;
    file->by_name = (struct file_entry **)(void *)((char *)file + index);
    char *names = (char *)file + fixed;
    for (int64_t i = 0; i < n; i++) {
        file->entries[i] = (struct file_entry){.name = strcpy(names, given[i])};
        file->by_name[i] = &file->entries[i];
        names += strlen(names) + 1;
    }
    if (n > 0)
        qsort(file->by_name, (size_t)n, sizeof *file->by_name, order_of_names);
    return file;
}

ct_status ct__check_named(const char *what, const char *path, const char *const *names, ct_tensor *const *tensors,
                          int64_t n)
{
    if (n < 0)
        return ct__error(CT_ERROR_ARGUMENT, "%s: %lld tensors", what, (long long)n);
    if (!path || (n > 0 && (!names || !tensors)))
        return ct__error(CT_ERROR_NULL, "%s: %s is NULL", what, !path ? "path" : !names ? "names" : "tensors");
    for (int64_t i = 0; i < n; i++) {
        if (!names[i])
            return ct__error(CT_ERROR_NULL, "%s: the name of tensor %lld is NULL", what, (long long)i);
        ct_status status = ct__check_tensor(tensors[i], what);
        if (status != CT_OK)
            return status;
    }
    return CT_OK;
}

/* NULL is a file without tensors; a freed one is an error. */
static bool can_look(const ct_tensor_file *file, const char *what)
{
    return file && ct_object_check(file, KIND, what) == CT_OK;
}

int64_t ct_tensor_file_count(const ct_tensor_file *file)
{
    return can_look(file, "tensor_file_count") ? file->count : 0;
}

const char *ct_tensor_file_name(const ct_tensor_file *file, int64_t index)
{
    bool has = can_look(file, "tensor_file_name") && index >= 0 && index < file->count;
    return has ? file->entries[index].name : NULL;
}

ct_tensor *ct_tensor_file_get(const ct_tensor_file *file, const char *name)
{
    if (!name || !can_look(file, "tensor_file_get") || file->count == 0)
        return NULL;
    struct file_entry key = {.name = name}, *wanted = &key;
    struct file_entry **found =
        bsearch(&wanted, file->by_name, (size_t)file->count, sizeof *file->by_name, order_of_names);
    return found ? (*found)->tensor : NULL;
}

void ct_tensor_file_free(ct_tensor_file *file)
{
    if (!can_look(file, "tensor_file_free"))
        return;
    for (int64_t i = 0; i < file->count; i++)
        ct_release(file->entries[i].tensor);
    ct_object_free(file);
}
