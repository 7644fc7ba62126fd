/* Named tensors, as files of them are read into and written from. */
#ifndef CT_TENSOR_FILE_H
#define CT_TENSOR_FILE_H

#include "file_internal.h"

/* One object: this, the entries, the entries in the order of their names, the names. */
struct ct_tensor_file {
    int64_t count;
    struct file_entry **by_name;
    struct file_entry {
        const char *name;
        ct_tensor *tensor; /* kept, or NULL until it is read */
    } entries[];
};

/* With copies of the names, which must differ, and no tensors yet; NULL with an error if there is no memory. */
ct_tensor_file *ct__tensor_file_new(const char *const *names, int64_t n);
/* CT_OK, or an error if path, names, tensors or one of either is NULL or n negative. */
ct_status ct__check_named(const char *what, const char *path, const char *const *names, ct_tensor *const *tensors,
                          int64_t n);

#endif
