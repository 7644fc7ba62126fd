/* What a module is, for the files of nn that look inside: module.c, forward.c, weights.c, summary.c. */
#ifndef CT_MODULE_INTERNAL_H
#define CT_MODULE_INTERNAL_H

#include "nn_internal.h"

/* A name, and the tensor that it stands for. */
typedef struct entry {
    char *name;        /* in the whole tree: "features.0.weight" */
    ct_tensor *tensor; /* that layers compute with; NULL in a tied one */
    ct_tensor *own;    /* the tensor that was given, also while another is exchanged for it */
    bool parameter;
    struct entry *tied; /* the entry whose tensor this is too, or NULL */
    ct_module *owner;   /* the module in which it was added */
} entry;

struct ct_module {
    ct_module *parent; /* NULL: the root */
    char *path;        /* "features.0" */
    const char *name;  /* "0": the end of path */
    const ct_layer *layer;
    void *self; /* layer->self_size bytes */
    ct_dtype dtype;
    bool training;
    int64_t count, capacity;
    entry **entries; /* its own, and those of all modules in it */
    int64_t children, most_children;
    ct_module **child;
    ct_module *pushed; /* the child in which things are made; NULL: here */
    int64_t blocks, most_blocks;
    void **memory;   /* of ct_module_alloc() */
    char *loaded;    /* what the last ct_module_load() said, or NULL */
    ct_module *next; /* roots: the next one */
};

extern const ct_layer ct__layer_sequential; /* of what was made without a record */

/* What a thread is doing. */
typedef struct ct__nn_state {
    int evaluations;         /* begun and not ended: every module computes in evaluation then */
    struct summary *summary; /* that is being made, or NULL */
} ct__nn_state;
extern _Thread_local ct__nn_state ct__nn;

/* Notes that the module's result was y. */
void ct__summary_note(struct summary *summary, const ct_module *module, const ct_tensor *y);

/* Removes the module, and all in it, from its tree. NULL is fine. */
void ct__module_remove(ct_module *module);

#endif
