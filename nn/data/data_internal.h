/* What the files of data sets share. */
#ifndef CT_DATA_INTERNAL_H
#define CT_DATA_INTERNAL_H

#include "nn_internal.h"

struct ct_dataset {
    ct_tensor *samples, *targets; /* [n, ...], both kept */
    ct_dtype dtype;               /* of floats in a batch */
    double scale, offset;         /* of uint8 samples */
    int64_t classes;              /* 0: the targets are no labels */
    char **names;                 /* [classes], or NULL */
};

/* Copies the names of all classes, n of them, of which the last ones may have no sample. */
ct_status ct__dataset_name_classes(ct_dataset *dataset, const char *const *names, int64_t n);

#endif
