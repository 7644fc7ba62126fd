/* The data sets that come with cotan. Invariant: a set is read anew each time, and found wherever the program runs. */
#include "data_internal.h"
#include <unistd.h>

/* The folders in which they may lie: the user's own; that of the library's source, and that where it was installed. */
static const char *folder_of(const char *file, char *path, size_t size)
{
    const char *own = getenv("COTAN_DATA");
    const char *folders[] = {own ? own : CT_DATA_SOURCE, own ? NULL : CT_DATA_INSTALLED};
    for (size_t i = 0; i < CT_LENGTH(folders) && folders[i]; i++) {
        snprintf(path, size, "%s/%s", folders[i], file);
        if (access(path, R_OK) == 0)
            return folders[i];
    }
    return NULL;
}

/* file, with what it is in place of what was not given. */
static ct_dataset *load(const char *what, const char *file, const ct_dataset_options *given,
                        const ct_dataset_options *is)
{
    char path[4096];
    if (given->skip_lines != 0) {
        ct_error_set(CT_ERROR_ARGUMENT, "%s takes no skip_lines", what);
        return NULL;
    }
    if (!folder_of(file, path, sizeof path)) {
        ct_error_set(CT_ERROR_IO, "%s: no %s in %s; COTAN_DATA in the environment names the folder", what, file,
                     getenv("COTAN_DATA") ? getenv("COTAN_DATA") : CT_DATA_INSTALLED);
        return NULL;
    }
    CT_OPTIONS(ct_dataset_options, o, .dtype = given->dtype, .scale = given->scale, .offset = given->offset,
               .max_bytes = given->max_bytes, .skip_lines = is->skip_lines);
    memcpy(o.shape, given->shape, sizeof o.shape);
    if (ct_is_unset(o.scale))
        o.scale = is->scale;
    if (o.shape[0] == 0)
        memcpy(o.shape, is->shape, sizeof o.shape);
    return ct_dataset_from_csv(path, &o);
}

ct_dataset *ct_load_digits(const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, given, options, "load_digits");
    CT_OPTIONS(ct_dataset_options, is, .shape = {1, 8, 8}, .scale = 1. / 16);
    return given ? load("load_digits", "digits.csv.gz", given, &is) : NULL;
}

ct_dataset *ct_load_breast_cancer(const ct_dataset_options *options)
{
    CT_READ_OPTIONS(ct_dataset_options, given, options, "load_breast_cancer");
    CT_OPTIONS(ct_dataset_options, is, .skip_lines = 1);
    return given ? load("load_breast_cancer", "breast_cancer.csv", given, &is) : NULL;
}
