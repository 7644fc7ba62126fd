/* Regions: a thread's stack of names for the part of a program that runs; and names that live as long as the process.
 *
 * Invariant: a region once made is never changed or freed, and two regions of one path share its text, so that a path is
 * compared by its pointer, on any thread. What is named costs memory once, however often it is named. */
#include "core_internal.h"
#include <pthread.h>
#include <string.h>

enum { BUCKETS = 1024 };

const ct_part ct__no_region = {.named = &ct__no_region, .path = "", .name = ""};

/* ---- the table of all regions ---- */

static ct_part *_Atomic table[BUCKETS]; /* by the hash of the path; they grow at the front only */
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv), going on from hash. */
static uint32_t hash_of(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

static const ct_part *find(const ct_part *outer, const char *name, bool operation, uint32_t hash)
{
    for (const ct_part *r = table[hash % BUCKETS]; r; r = r->next)
        if (r->outer == outer && r->operation == operation && strcmp(r->name, name) == 0)
            return r;
    return NULL;
}

/* The text of a region with that path, or NULL. */
static const char *find_path(const char *path, uint32_t hash)
{
    for (const ct_part *r = table[hash % BUCKETS]; r; r = r->next)
        if (r->hash == hash && strcmp(r->path, path) == 0)
            return r->path;
    return NULL;
}

static ct_part *new_region(const ct_part *outer, const char *name, bool operation, uint32_t hash)
{
    size_t before = outer == &ct__no_region ? 0 : strlen(outer->path) + 1, bytes = strlen(name) + 1;
    ct_part *region = ct__alloc(sizeof *region + before + bytes);
    if (!region)
        return NULL;
    char *path = region->text;
    *region = (ct_part){.outer = outer, .name = path + before, .operation = operation, .hash = hash};
    if (before) {
        memcpy(path, outer->path, before - 1);
        path[before - 1] = '.';
    }
    memcpy(path + before, name, bytes);
    const char *same = find_path(path, hash);
    region->path = same ? same : path;
    region->named = operation ? outer->named : region;
    return region;
}

const ct_part *ct__region_of(const ct_part *outer, const char *name, bool operation)
{
    uint32_t hash = hash_of(outer == &ct__no_region ? 2166136261u : hash_of(outer->hash, "."), name);
    const ct_part *found = find(outer, name, operation, hash);
    if (CT_LIKELY(found != NULL))
        return found;
    pthread_mutex_lock(&growing);
    found = find(outer, name, operation, hash); /* another thread may have been first */
    ct_part *region = found ? NULL : new_region(outer, name, operation, hash);
    if (region) {
        region->next = table[hash % BUCKETS];
        table[hash % BUCKETS] = region;
        found = region;
    }
    pthread_mutex_unlock(&growing);
    if (!found)
        ct__no_memory("region_begin");
    return found;
}

const char *ct__intern(const char *text)
{
    static const ct_part names = {.named = &names, .path = "", .name = ""}; /* apart from the regions */
    const ct_part *entry = ct__region_of(&names, text, false);
    return entry ? entry->name : NULL;
}

/* ---- the thread's stack ---- */

ct_status ct_region_begin(const char *name)
{
    if (!name || !*name)
        return ct__error(name ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "region_begin: the name is %s",
                         name ? "empty" : "NULL");
    const ct_part *region = ct__region_of(ct__here()->region, name, false);
    if (!region)
        return CT_ERROR_MEMORY;
    ct__here()->region = region;
    return CT_OK;
}

ct_status ct_region_end(void)
{
    const ct_part *region = ct__here()->region;
    if (region == &ct__no_region)
        return ct__error(CT_ERROR_STATE, "region_end: no region has begun on this thread");
    if (region->operation || region == ct__scope_current()->region)
        return ct__error(CT_ERROR_STATE, "region_end: '%s' has begun outside of the %s that is running", region->name,
                         region->operation ? "operation" : "scope");
    ct__here()->region = region->outer;
    return CT_OK;
}

const char *ct_region(void)
{
    return ct__here()->region->path;
}
