/* Modules: ordered lists of named tensors, and the state dict on disk.
 *
 * Invariant: every tensor is kept by one entry of one module alone, and no two entries have one name. Other names of it are
 * entries that are tied to that one, which comes before them. */
#include "nn_internal.h"
#include <pthread.h>

typedef struct entry {
    char *name;
    ct_tensor *tensor; /* NULL in a tied one */
    bool parameter;
    int64_t tied; /* the entry whose tensor this is too; -1: it has its own */
} entry;

/* What goes in front of names: "block1.conv1." in the innermost of two pushes. */
typedef struct prefix {
    struct prefix *outer;
    char *text;
} prefix;

struct ct_module {
    ct_dtype dtype;
    int64_t count, capacity;
    entry *entries;
    prefix *prefix; /* NULL: none */
    int64_t blocks, most_blocks;
    void **memory; /* what lives as long as the module */
    ct_module *next;
};

/* All modules, so that a tensor is not given to two. Whoever changes a module's list of tensors holds the lock. */
static ct_module *modules;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

ct_module *ct_module_new(ct_dtype dtype)
{
    if (!ct_dtype_is_float(dtype)) {
        ct_error_set(CT_ERROR_DTYPE, "module: dtype must be float32 or float64, not %s", ct_dtype_name(dtype));
        return NULL;
    }
    ct_module *module = ct_object_new("module", sizeof *module);
    if (!module)
        return NULL;
    module->dtype = dtype;
    pthread_mutex_lock(&lock);
    module->next = modules;
    modules = module;
    pthread_mutex_unlock(&lock);
    return module;
}

static bool is_alive(const ct_module *module)
{
    return module && ct_object_check(module, "module", "module") == CT_OK;
}

void ct__module_truncate(ct_module *module, int64_t count)
{
    pthread_mutex_lock(&lock);
    while (module->count > count) {
        entry *last = &module->entries[--module->count];
        ct_release(last->tensor);
        free(last->name);
    }
    pthread_mutex_unlock(&lock);
}

void ct_module_free(ct_module *module)
{
    if (!is_alive(module))
        return;
    ct__module_truncate(module, 0);
    pthread_mutex_lock(&lock);
    ct_module **place = &modules;
    while (*place != module)
        place = &(*place)->next;
    *place = module->next;
    pthread_mutex_unlock(&lock);
    while (module->blocks > 0)
        ct_object_free(module->memory[--module->blocks]);
    while (module->prefix)
        ct_module_pop(module);
    free(module->memory);
    free(module->entries);
    ct_object_free(module);
}

ct_dtype ct_module_dtype(const ct_module *module)
{
    return is_alive(module) ? module->dtype : CT_FLOAT32;
}

/* ---- names ---- */

/* The module's prefix, name and end, in memory of its own. */
static char *full_name(const ct_module *module, const char *name, const char *end)
{
    const char *before = module->prefix ? module->prefix->text : "";
    size_t size = strlen(before) + strlen(name) + strlen(end) + 1;
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s%s%s", before, name, end);
    else
        ct__nn_no_memory("module");
    return text;
}

static ct_status check_name(const ct_module *module, const char *name)
{
    if (ct_object_check(module, "module", "module") != CT_OK)
        return ct_error_code();
    if (!name)
        return ct_error_set(CT_ERROR_NULL, "module: the name is NULL");
    if (!*name)
        return ct_error_set(CT_ERROR_ARGUMENT, "module: a name must not be empty");
    return CT_OK;
}

ct_status ct_module_push(ct_module *module, const char *name)
{
    ct_status status = check_name(module, name);
    if (status != CT_OK)
        return status;
    prefix *inner = ct__nn_alloc("module", 1, sizeof *inner);
    char *text = inner ? full_name(module, name, ".") : NULL;
    if (!text) {
        free(inner);
        return ct_error_code();
    }
    *inner = (prefix){.outer = module->prefix, .text = text};
    module->prefix = inner;
    return CT_OK;
}

void ct_module_pop(ct_module *module)
{
    prefix *inner = is_alive(module) ? module->prefix : NULL;
    if (!inner)
        return;
    module->prefix = inner->outer;
    free(inner->text);
    free(inner);
}

static ct_status reserve_entry(ct_module *module)
{
    if (module->count < module->capacity)
        return CT_OK;
    int64_t capacity = module->capacity ? 2 * module->capacity : 16;
    entry *entries = realloc(module->entries, (size_t)capacity * sizeof *entries);
    if (!entries)
        return ct__nn_no_memory("module");
    module->entries = entries;
    module->capacity = capacity;
    return CT_OK;
}

/* Whether a and b are one tensor, or two over the same elements. */
static bool is_one(const ct_tensor *a, const ct_tensor *b)
{
    return a == b || (ct_shares_storage(a, b) && ct_numel(a) > 0 && ct_is_contiguous(a) && ct_is_contiguous(b) &&
                      ct_data(a) == ct_data(b));
}

/* Error (argument), naming both, if a module has t already. The lock must be held. */
static ct_status check_free(const ct_module *module, const char *full, const ct_tensor *t)
{
    for (const ct_module *m = modules; m; m = m->next)
        for (int64_t i = 0; i < m->count; i++)
            if (m->entries[i].tensor && is_one(m->entries[i].tensor, t))
                return ct_error_set(CT_ERROR_ARGUMENT, "module: the tensor for \"%s\" is \"%s\" of %s", full,
                                    m->entries[i].name,
                                    m == module ? "this module already; ct_module_tie() gives it two names"
                                                : "another module, which would free it too");
    return CT_OK;
}

/* Takes t over under a name that is free, and which the module then owns. */
static ct_status take(ct_module *module, char *full, ct_tensor *t, bool parameter)
{
    pthread_mutex_lock(&lock);
    ct_status status = check_free(module, full, t);
    if (status == CT_OK)
        status = reserve_entry(module);
    if (status == CT_OK && ct_name(t, full) && (!parameter || ct_set_requires_grad(t, true)))
        module->entries[module->count++] =
            (entry){.name = full, .tensor = ct_keep(t), .parameter = parameter, .tied = -1};
    else if (status == CT_OK)
        status = ct_error_code();
    pthread_mutex_unlock(&lock);
    return status;
}

static ct_tensor *add(ct_module *module, const char *name, ct_tensor *t, bool parameter)
{
    if (!t) {
        ct_error_set(CT_ERROR_NULL, "module: the tensor for \"%s\" is NULL", name ? name : "");
        return NULL;
    }
    if (check_name(module, name) != CT_OK)
        return NULL;
    char *full = full_name(module, name, "");
    if (!full)
        return NULL;
    if (ct_module_get(module, full))
        ct_error_set(CT_ERROR_ARGUMENT, "module: the name \"%s\" is taken", full);
    else if (!ct_is_leaf(t))
        ct_error_set(CT_ERROR_STATE, "module: \"%s\" is the result of a recorded operation; detach it", full);
    else if (take(module, full, t, parameter) == CT_OK)
        return t;
    free(full);
    return NULL;
}

ct_tensor *ct_module_parameter(ct_module *module, const char *name, ct_tensor *t)
{
    return add(module, name, t, true);
}

ct_tensor *ct_module_buffer(ct_module *module, const char *name, ct_tensor *t)
{
    return add(module, name, t, false);
}

void *ct_module_alloc(ct_module *module, size_t bytes)
{
    if (ct_object_check(module, "module", "module") != CT_OK)
        return NULL;
    if (module->blocks == module->most_blocks) {
        int64_t most = module->most_blocks ? 2 * module->most_blocks : 16;
        void **memory = realloc(module->memory, (size_t)most * sizeof *memory);
        if (!memory) {
            ct__nn_no_memory("module");
            return NULL;
        }
        module->memory = memory;
        module->most_blocks = most;
    }
    void *layer = ct_object_new("layer", bytes);
    if (layer)
        module->memory[module->blocks++] = layer;
    return layer;
}

/* ---- one tensor under two names ---- */

/* The entry of that name, or -1. */
static int64_t find(const ct_module *module, const char *name)
{
    for (int64_t i = 0; name && i < module->count; i++)
        if (strcmp(module->entries[i].name, name) == 0)
            return i;
    return -1;
}

/* The entry whose tensor the entry index has. */
static int64_t root_of(const ct_module *module, int64_t index)
{
    return module->entries[index].tied >= 0 ? module->entries[index].tied : index;
}

/* A name that there is not yet, tied to entry of. */
static ct_status add_name(ct_module *module, const char *name, int64_t of)
{
    char *own = ct__nn_alloc("module_tie", (int64_t)strlen(name) + 1, 1);
    if (!own)
        return ct_error_code();
    strcpy(own, name);
    pthread_mutex_lock(&lock);
    ct_status status = reserve_entry(module);
    if (status == CT_OK)
        module->entries[module->count++] = (entry){.name = own, .parameter = module->entries[of].parameter, .tied = of};
    pthread_mutex_unlock(&lock);
    if (status != CT_OK)
        free(own);
    return status;
}

/* The entries of both roots become one, of root of's tensor, whose owner is the first of them. */
static void join(ct_module *module, int64_t root, int64_t of)
{
    pthread_mutex_lock(&lock);
    entry *entries = module->entries;
    ct_tensor *t = entries[of].tensor, *other = entries[root].tensor;
    int64_t first = root < of ? root : of, second = root < of ? of : root;
    entries[second].tensor = NULL;
    entries[first].tensor = t;
    for (int64_t i = 0; i < module->count; i++)
        if (i == second || entries[i].tied == second)
            entries[i].tied = first;
    ct_release(other);
    pthread_mutex_unlock(&lock);
}

ct_status ct_module_tie(ct_module *module, const char *name, const char *of)
{
    if (ct_object_check(module, "module", "module_tie") != CT_OK)
        return ct_error_code();
    if (!name || !of || !*name)
        return ct_error_set(name && of ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "module_tie: a name is %s",
                            name && of ? "empty" : "NULL");
    int64_t owner = find(module, of), index = find(module, name);
    if (owner < 0)
        return ct_error_set(CT_ERROR_ARGUMENT, "module_tie: the module has no tensor \"%s\"", of);
    owner = root_of(module, owner);
    if (index < 0)
        return add_name(module, name, owner);
    index = root_of(module, index);
    const entry *a = &module->entries[index], *b = &module->entries[owner];
    char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
    if (strcmp(ct__nn_shape_text(a->tensor, have), ct__nn_shape_text(b->tensor, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "module_tie: \"%s\" is %s, and \"%s\" is %s", name, have, of, want);
    if (ct_dtype_of(a->tensor) != ct_dtype_of(b->tensor) || a->parameter != b->parameter)
        return ct_error_set(CT_ERROR_DTYPE, "module_tie: \"%s\" and \"%s\" are not both %s %s", name, of,
                            ct_dtype_name(ct_dtype_of(b->tensor)), b->parameter ? "parameters" : "buffers");
    if (index != owner)
        join(module, index, owner);
    return CT_OK;
}

int64_t ct_module_tied(const ct_module *module, int64_t index)
{
    return is_alive(module) && index >= 0 && index < module->count ? module->entries[index].tied : -1;
}

/* ---- regions ---- */

const char *ct__part_name(ct_module *module, const char *name)
{
    if (check_name(module, name) != CT_OK)
        return NULL;
    char *full = full_name(module, name, ""), *own = full ? ct_module_alloc(module, strlen(full) + 1) : NULL;
    if (own)
        strcpy(own, full);
    free(full);
    return own;
}

ct_status ct__part_begin(const char *full_name)
{
    for (const char *here = ct_region(); here; here = strchr(here, '.')) {
        here += *here == '.';
        size_t length = strlen(here);
        if (length && strncmp(full_name, here, length) == 0 && full_name[length] == '.')
            return ct_region_begin(full_name + length + 1);
    }
    return ct_region_begin(full_name);
}

/* ---- looking ---- */

int64_t ct_module_count(const ct_module *module)
{
    return is_alive(module) ? module->count : 0;
}

static const entry *entry_at(const ct_module *module, int64_t index)
{
    return is_alive(module) && index >= 0 && index < module->count ? &module->entries[index] : NULL;
}

const char *ct_module_name(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e ? e->name : NULL;
}

ct_tensor *ct_module_tensor(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e && e->tied >= 0 ? module->entries[e->tied].tensor : e ? e->tensor : NULL;
}

bool ct_module_is_parameter(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e && e->parameter && e->tied < 0;
}

ct_tensor *ct_module_get(const ct_module *module, const char *name)
{
    return is_alive(module) ? ct_module_tensor(module, find(module, name)) : NULL;
}

int64_t ct_module_parameters(const ct_module *module)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ct_module_count(module); i++)
        n += ct_module_is_parameter(module, i);
    return n;
}

int64_t ct_module_numel(const ct_module *module)
{
    int64_t numel = 0;
    for (int64_t i = 0; i < ct_module_count(module); i++)
        numel += ct_module_is_parameter(module, i) ? ct_numel(ct_module_tensor(module, i)) : 0;
    return numel;
}

ct_status ct_module_exchange(ct_module *module, ct_tensor **tensors, int64_t n)
{
    if (ct_object_check(module, "module", "module_exchange") != CT_OK)
        return ct_error_code();
    if (!tensors && n > 0)
        return ct_error_set(CT_ERROR_NULL, "module_exchange: the tensors are NULL");
    if (n != ct_module_parameters(module))
        return ct_error_set(CT_ERROR_ARGUMENT, "module_exchange: %lld tensors for %lld parameters", (long long)n,
                            (long long)ct_module_parameters(module));
    /* Twice over the parameters: the first round checks, the second exchanges. */
    for (int round = 0; round < 2; round++) {
        ct_tensor **t = tensors;
        for (entry *e = module->entries; t < tensors + n; e++) {
            if (!e->parameter || e->tied >= 0)
                continue;
            char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
            if (strcmp(ct__nn_shape_text(*t, have), ct__nn_shape_text(e->tensor, want)) != 0)
                return ct_error_set(CT_ERROR_SHAPE, "module_exchange: %s for \"%s\", which is %s", have, e->name, want);
            if (round == 1) {
                ct_tensor *own = e->tensor;
                e->tensor = *t;
                *t = own;
            }
            t++;
        }
    }
    return CT_OK;
}

/* ---- the state dict ---- */

ct_status ct_module_save(const ct_module *module, const char *path)
{
    if (ct_object_check(module, "module", "module_save") != CT_OK)
        return ct_error_code();
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "module_save: the path is NULL");
    const char **names = ct__nn_alloc("module_save", module->count, sizeof *names);
    ct_tensor **tensors = ct__nn_alloc("module_save", module->count, sizeof *tensors);
    ct_status status = CT_ERROR_MEMORY;
    if (names && tensors) {
        for (int64_t i = 0; i < module->count; i++) {
            names[i] = module->entries[i].name;
            tensors[i] = ct_module_tensor(module, i);
        }
        status = ct_safetensors_save(path, names, tensors, module->count);
    }
    free(names);
    free(tensors);
    return status;
}

/* The file's tensor for entry root, under its name or the first of the others that it has; NULL: none. */
static ct_tensor *find_in_file(const ct_module *module, const ct_tensor_file *file, int64_t root)
{
    ct_tensor *t = NULL;
    for (int64_t i = root; i < module->count && !t; i++)
        if (root_of(module, i) == root)
            t = ct_tensor_file_get(file, module->entries[i].name);
    return t;
}

static bool same_elements(const ct_tensor *a, const ct_tensor *b)
{
    return a == b || memcmp(ct_data(a), ct_data(b), (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a))) == 0;
}

/* CT_OK if the file has a tensor of the entry's name, shape and dtype. One of several names is enough; those that are there must
 * agree. */
static ct_status check_entry(const ct_module *module, int64_t index, const ct_tensor_file *file, const char *path)
{
    char want[CT_NN_SHAPE_TEXT], have[CT_NN_SHAPE_TEXT];
    const char *name = module->entries[index].name;
    const ct_tensor *own = ct_module_tensor(module, index), *t = ct_tensor_file_get(file, name);
    const ct_tensor *first = find_in_file(module, file, root_of(module, index));
    if (!first)
        return ct_error_set(CT_ERROR_FORMAT, "module_load: %s has no tensor \"%s\"", path, name);
    if (!t)
        return CT_OK;
    if (ct_dtype_of(t) != ct_dtype_of(own))
        return ct_error_set(CT_ERROR_DTYPE, "module_load: \"%s\" is %s in %s, but %s in the module", name,
                            ct_dtype_name(ct_dtype_of(t)), path, ct_dtype_name(ct_dtype_of(own)));
    if (strcmp(ct__nn_shape_text(t, have), ct__nn_shape_text(own, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "module_load: \"%s\" is %s in %s, but %s in the module", name, have, path,
                            want);
    if (!same_elements(t, first))
        return ct_error_set(CT_ERROR_FORMAT, "module_load: \"%s\" is tied to \"%s\", and they differ in %s", name,
                            module->entries[root_of(module, index)].name, path);
    return CT_OK;
}

static ct_status check_file(const ct_module *module, const ct_tensor_file *file, const char *path)
{
    for (int64_t i = 0; i < module->count; i++) {
        ct_status status = check_entry(module, i, file, path);
        if (status != CT_OK)
            return status;
    }
    for (int64_t i = 0; i < ct_tensor_file_count(file); i++) {
        const char *name = ct_tensor_file_name(file, i);
        if (!ct_module_get(module, name))
            return ct_error_set(CT_ERROR_FORMAT, "module_load: %s has a tensor \"%s\" that the module has not", path,
                                name);
    }
    return CT_OK;
}

ct_status ct_module_load(ct_module *module, const char *path)
{
    if (ct_error_code() != CT_OK)
        return ct_error_code();
    if (ct_object_check(module, "module", "module_load") != CT_OK)
        return ct_error_code();
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "module_load: the path is NULL");
    ct_tensor_file *file = ct_safetensors_load(path, NULL);
    if (!file)
        return ct_error_code();
    ct_status status = check_file(module, file, path);
    for (int64_t i = 0; i < module->count && status == CT_OK; i++)
        if (module->entries[i].tied < 0)
            status = ct_copy_(module->entries[i].tensor, find_in_file(module, file, i));
    ct_tensor_file_free(file);
    return status;
}

char *ct__nn_shape_text(const ct_tensor *t, char *buffer)
{
    char *end = buffer;
    *end++ = '[';
    for (int i = 0; i < ct_rank(t); i++)
        end += snprintf(end, 22, i ? ",%lld" : "%lld", (long long)ct_shape(t)[i]);
    end[0] = ']';
    end[1] = 0;
    return buffer;
}
