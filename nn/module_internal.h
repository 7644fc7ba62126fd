/* What a module is, for the files of nn that look inside: module.c, module_index.c, forward.c, health.c, weights.c, summary.c. */
#ifndef CT_MODULE_INTERNAL_H
#define CT_MODULE_INTERNAL_H

#include "nn_internal.h"

/* The name "<path>.<name>" in a whole tree; where path is empty, name alone. */
typedef struct ct__key {
    const char *path, *name;
} ct__key;

/* A name, and the tensor that it stands for. */
typedef struct ct__entry {
    ct__key key;          /* of name */
    char *name;           /* in the whole tree: "features.0.weight" */
    int64_t index;        /* in the list of the root */
    ct_tensor *tensor;    /* that layers compute with; NULL in a tied one */
    ct_tensor *own;       /* the tensor that was given, also while another is exchanged for it */
    const void *elements; /* what tells own from all other tensors, as module_index.c has it; NULL in a tied one */
    bool parameter;
    struct ct__entry *tied; /* the entry whose tensor this is too, or NULL */
    ct_module *owner;       /* the module in which it was added */
} ct__entry;

struct ct_module {
    ct__key key;       /* of path */
    ct_module *parent; /* NULL: the root */
    char *path;        /* "features.0" */
    const char *name;  /* "0": the end of path */
    const ct_layer *layer;
    void *self; /* layer->self_size bytes */
    ct_dtype dtype;
    bool training;
    int64_t count, capacity;
    ct__entry **entries; /* its own, and those of all modules in it */
    int64_t children, most_children;
    ct_module **child;
    ct_module *pushed; /* the child in which things are made; NULL: here */
    int64_t blocks, most_blocks;
    void **memory;   /* of ct_module_alloc() */
    char *loaded;    /* what the last ct_module_load() said, or NULL */
    ct_module *next; /* roots: the next one */
    void *names;     /* roots: all entries by name, */
    void *parts;     /* and all modules but the root itself */
};

/* ---- module_index.c; who changes something holds the lock of module.c ---- */

/* What is called so in the tree; NULL: nothing. */
ct__entry *ct__index_entry(const ct_module *root, const char *path, const char *name);
ct_module *ct__index_module(const ct_module *root, const char *path, const char *name);
/* The entry of any tree that has t, or another tensor over the same elements; NULL: none. */
ct__entry *ct__index_same(const ct_tensor *t);
/* For a name, and a tensor, that is not there yet. Error (memory): nothing was added. */
ct_status ct__index_add(ct_module *root, ct__entry *e);
ct_status ct__index_add_module(ct_module *root, ct_module *module);
void ct__index_remove(ct_module *root, const ct__entry *e);
void ct__index_remove_module(ct_module *root, const ct_module *module);
/* other gives its tensor up, and that of of is from then on that of first, which is one of the two. */
void ct__index_join(ct__entry *other, ct__entry *of, ct__entry *first);

/* The entry whose tensor is e's. */
static inline ct__entry *ct__owner_of(ct__entry *e)
{
    return e->tied ? e->tied : e;
}

ct_module *ct__module_root(const ct_module *module);
/* The entry that module calls so; NULL: none. */
ct__entry *ct__module_entry(const ct_module *module, const char *name);

extern const ct_layer ct__layer_sequential; /* of what was made without a record */
/* Calls what was made in module, in turn. */
ct_tensor *ct__sequential(ct_module *module, ct_tensor *x);

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
