/* What the files of data sets share. */
#ifndef CT_DATA_INTERNAL_H
#define CT_DATA_INTERNAL_H

#include "nn_internal.h"

/* What samples are, as a data set, its parts and its batches share it: each of them has a reference, so it is there as long as one of
 * them is. Two threads may make batches of it. */
typedef struct ct__samples {
    _Atomic int references;
    int64_t count;
    int tensors;                          /* of a sample */
    ct_tensor *tensor[CT_SAMPLE_TENSORS]; /* [count, ...], kept; all NULL where there is a source */
    ct_dtype dtype;                       /* of floats in a batch of these */
    double scale, offset;                 /* of those that are uint8 */
    ct_source source;                     /* get is NULL: the tensors are all there is */
    void *self;
} ct__samples;

struct ct_dataset {
    ct__samples *samples;
    int64_t classes; /* 0: the targets are no labels */
    char **names;    /* [classes], or NULL */
};

/* All zero, with a reference; NULL with an error. */
ct__samples *ct__samples_new(int64_t count, int tensors);
ct__samples *ct__samples_keep(ct__samples *samples); /* one reference more; returns samples */
void ct__samples_release(ct__samples *samples);      /* one less; NULL is fine */
/* The samples at n indices, which are known to be good: tensors [n, ...], owned by the innermost scope; all NULL on an error. */
ct_status ct__samples_batch(const ct__samples *samples, const int64_t *indices, int64_t n, ct_tensor **tensors);
/* Whether samples have a tensor of that number; otherwise an error of who asks. */
ct_status ct__samples_check_tensor(const ct__samples *samples, int tensor, const char *who);
/* Those at n good indices as samples of their own: copied tensors, or a source that looks into this one. */
ct__samples *ct__samples_part(ct__samples *samples, const int64_t *indices, int64_t n);

/* Threads that make batches ahead. */
typedef struct ct__loader ct__loader;
typedef ct_status ct__make_batch(const ct_batches *batches, int64_t number, ct_tensor **tensors);
/* NULL with an error (memory). */
ct__loader *ct__loader_new(int64_t workers, int tensors, ct__make_batch *make, const ct_batches *batches);
void ct__loader_free(ct__loader *loader); /* waits for what is being made; NULL is fine */
/* Whether there is a worker; if not the caller makes batches itself. */
bool ct__loader_works(const ct__loader *loader);
/* Nothing that was made ahead counts, and nothing is being made when this returns. NULL is fine. */
void ct__loader_forget(ct__loader *loader);
/* The batch of that number, in the innermost scope; end: the number after the last one that may be made ahead. False if the worker could
 * not make it: then the caller does, and finds out why, or has an error already. */
bool ct__loader_take(ct__loader *loader, int64_t number, int64_t end, ct_tensor **tensors);

/* A data set of these samples, which takes their reference over, also on an error; NULL stays NULL. */
ct_dataset *ct__dataset_of(ct__samples *samples);
/* Its samples are an input and a target; otherwise an error. */
ct_status ct__dataset_check_pair(const ct_dataset *dataset);
/* Copies the names of all classes, n of them, of which the last ones may have no sample. */
ct_status ct__dataset_name_classes(ct_dataset *dataset, const char *const *names, int64_t n);
/* The labels of all samples, [count]; NULL if the targets are none, or are made when they are asked for. */
const int64_t *ct__dataset_labels(const ct_dataset *dataset);

#endif
