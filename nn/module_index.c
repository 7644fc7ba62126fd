/* Where modules and tensors are found: by name in their tree, and by their elements among those of all trees. Balanced trees of the
 * C library, so that what one costs hardly grows with how many there are.
 *
 * Invariant: what is in a tree of keys is in the list of entries, or of children, of one root, and leaves both together. */
#include "module_internal.h"
#include <search.h>
#include <stddef.h>

/* Of all roots; whoever uses it holds their lock. */
static void *elements;

/* ---- keys ---- */

/* Byte i of the whole name; length is that of its path. */
static unsigned char byte_at(const ct__key *key, size_t length, size_t i)
{
    size_t dot = length > 0;
    return (unsigned char)(i < length ? key->path[i] : dot && i == length ? '.' : key->name[i - length - dot]);
}

static int compare_names(const void *left, const void *right)
{
    const ct__key *a = left, *b = right;
    size_t of_a = strlen(a->path), of_b = strlen(b->path), i = 0;
    while (byte_at(a, of_a, i) == byte_at(b, of_b, i) && byte_at(a, of_a, i))
        i++;
    return byte_at(a, of_a, i) - byte_at(b, of_b, i);
}

static const ct__entry *of_element(const void *key)
{
    return (const ct__entry *)((const char *)key - offsetof(ct__entry, elements));
}

static int compare_elements(const void *left, const void *right)
{
    uintptr_t a = (uintptr_t)of_element(left)->elements, b = (uintptr_t)of_element(right)->elements;
    return (a > b) - (a < b);
}

/* What two tensors have in common if they are one, or have the same elements in the same order. */
static const void *identity(const ct_tensor *t)
{
    return ct_numel(t) > 0 && ct_is_contiguous(t) ? ct_data(t) : t;
}

/* ---- names ---- */

/* A key of that whole name, or NULL. */
static void *find(void *const *tree, const char *path, const char *name)
{
    ct__key key = {path, name};
    void **found = tfind(&key, tree, compare_names);
    return found ? *found : NULL;
}

ct__entry *ct__index_entry(const ct_module *root, const char *path, const char *name)
{
    return find(&root->names, path, name);
}

ct_module *ct__index_module(const ct_module *root, const char *path, const char *name)
{
    return find(&root->parts, path, name);
}

static ct_status add_key(void **tree, ct__key *key)
{
    return tsearch(key, tree, compare_names) ? CT_OK : ct__nn_no_memory("module");
}

ct_status ct__index_add_module(ct_module *root, ct_module *module)
{
    return add_key(&root->parts, &module->key);
}

void ct__index_remove_module(ct_module *root, const ct_module *module)
{
    tdelete(&module->key, &root->parts, compare_names);
}

/* ---- entries, by name and by elements ---- */

ct__entry *ct__index_same(const ct_tensor *t)
{
    ct__entry like = {.elements = identity(t)};
    const void **found = tfind(&like.elements, &elements, compare_elements);
    return found ? (ct__entry *)of_element(*found) : NULL;
}

ct_status ct__index_add(ct_module *root, ct__entry *e)
{
    e->elements = e->tensor ? identity(e->tensor) : NULL;
    ct_status status = add_key(&root->names, &e->key);
    if (status != CT_OK || !e->tensor || tsearch(&e->elements, &elements, compare_elements))
        return status;
    tdelete(&e->key, &root->names, compare_names);
    return ct__nn_no_memory("module");
}

void ct__index_remove(ct_module *root, const ct__entry *e)
{
    tdelete(&e->key, &root->names, compare_names);
    if (e->elements)
        tdelete(&e->elements, &elements, compare_elements);
}

void ct__index_join(ct__entry *other, ct__entry *of, ct__entry *first)
{
    const void *kept = of->elements;
    tdelete(&other->elements, &elements, compare_elements);
    const void **place = tfind(&of->elements, &elements, compare_elements);
    other->elements = of->elements = NULL;
    first->elements = kept;
    *place = &first->elements;
}
