/* Modules: ordered lists of named tensors, and the state dict on disk.
 *
 * Invariant: every entry's tensor is kept by the module alone, and no two entries have one name. */
#include "nn_internal.h"

typedef struct entry {
    char *name;
    ct_tensor *tensor;
    bool parameter;
} entry;

/* Memory that lives as long as the module: the link, then the block. */
typedef struct block {
    struct block *next;
    max_align_t data[];
} block;

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
    block *blocks;
};

ct_module *ct_module_new(ct_dtype dtype)
{
    if (!ct_dtype_is_float(dtype)) {
        ct_error_set(CT_ERROR_DTYPE, "module: dtype must be float32 or float64, not %s", ct_dtype_name(dtype));
        return NULL;
    }
    ct_module *module = ct__nn_alloc("module", 1, sizeof *module);
    if (module)
        module->dtype = dtype;
    return module;
}

void ct__module_truncate(ct_module *module, int64_t count)
{
    while (module->count > count) {
        entry *last = &module->entries[--module->count];
        ct_release(last->tensor);
        free(last->name);
    }
}

void ct_module_free(ct_module *module)
{
    if (!module)
        return;
    ct__module_truncate(module, 0);
    for (block *b = module->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    while (module->prefix)
        ct_module_pop(module);
    free(module->entries);
    free(module);
}

ct_dtype ct_module_dtype(const ct_module *module)
{
    return module ? module->dtype : CT_FLOAT32;
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
    if (!module || !name)
        return ct_error_set(CT_ERROR_NULL, "module: the %s is NULL", module ? "name" : "module");
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
    prefix *inner = module ? module->prefix : NULL;
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

static ct_tensor *add(ct_module *module, const char *name, ct_tensor *t, bool parameter)
{
    if (!t) {
        ct_error_set(CT_ERROR_NULL, "module: the tensor for \"%s\" is NULL", name ? name : "");
        return NULL;
    }
    if (check_name(module, name) != CT_OK || reserve_entry(module) != CT_OK)
        return NULL;
    char *full = full_name(module, name, "");
    if (!full)
        return NULL;
    if (ct_module_get(module, full))
        ct_error_set(CT_ERROR_ARGUMENT, "module: the name \"%s\" is taken", full);
    else if (!ct_is_leaf(t))
        ct_error_set(CT_ERROR_STATE, "module: \"%s\" is the result of a recorded operation; detach it", full);
    else if (ct_name(t, full) && (!parameter || ct_set_requires_grad(t, true))) {
        module->entries[module->count++] = (entry){.name = full, .tensor = ct_keep(t), .parameter = parameter};
        return t;
    }
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
    if (!module) {
        ct_error_set(CT_ERROR_NULL, "module: the module is NULL");
        return NULL;
    }
    block *b = bytes <= PTRDIFF_MAX - sizeof *b ? calloc(1, sizeof *b + bytes) : NULL;
    if (!b) {
        ct__nn_no_memory("module");
        return NULL;
    }
    b->next = module->blocks;
    module->blocks = b;
    return b->data;
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
    return module ? module->count : 0;
}

static const entry *entry_at(const ct_module *module, int64_t index)
{
    return module && index >= 0 && index < module->count ? &module->entries[index] : NULL;
}

const char *ct_module_name(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e ? e->name : NULL;
}

ct_tensor *ct_module_tensor(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e ? e->tensor : NULL;
}

bool ct_module_is_parameter(const ct_module *module, int64_t index)
{
    const entry *e = entry_at(module, index);
    return e && e->parameter;
}

ct_tensor *ct_module_get(const ct_module *module, const char *name)
{
    for (int64_t i = 0; name && i < ct_module_count(module); i++)
        if (strcmp(module->entries[i].name, name) == 0)
            return module->entries[i].tensor;
    return NULL;
}

int64_t ct_module_parameters(const ct_module *module)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ct_module_count(module); i++)
        n += module->entries[i].parameter;
    return n;
}

int64_t ct_module_numel(const ct_module *module)
{
    int64_t numel = 0;
    for (int64_t i = 0; i < ct_module_count(module); i++)
        numel += module->entries[i].parameter ? ct_numel(module->entries[i].tensor) : 0;
    return numel;
}

ct_status ct_module_exchange(ct_module *module, ct_tensor **tensors, int64_t n)
{
    if (!module || (!tensors && n > 0))
        return ct_error_set(CT_ERROR_NULL, "module_exchange: the %s NULL", module ? "tensors are" : "module is");
    if (n != ct_module_parameters(module))
        return ct_error_set(CT_ERROR_ARGUMENT, "module_exchange: %lld tensors for %lld parameters", (long long)n,
                            (long long)ct_module_parameters(module));
    /* Twice over the parameters: the first round checks, the second exchanges. */
    for (int round = 0; round < 2; round++) {
        ct_tensor **t = tensors;
        for (entry *e = module->entries; t < tensors + n; e++) {
            if (!e->parameter)
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
    if (!module || !path)
        return ct_error_set(CT_ERROR_NULL, "module_save: the %s is NULL", module ? "path" : "module");
    const char **names = ct__nn_alloc("module_save", module->count, sizeof *names);
    ct_tensor **tensors = ct__nn_alloc("module_save", module->count, sizeof *tensors);
    ct_status status = CT_ERROR_MEMORY;
    if (names && tensors) {
        for (int64_t i = 0; i < module->count; i++) {
            names[i] = module->entries[i].name;
            tensors[i] = module->entries[i].tensor;
        }
        status = ct_safetensors_save(path, names, tensors, module->count);
    }
    free(names);
    free(tensors);
    return status;
}

/* CT_OK if the file has a tensor of e's name, shape and dtype. */
static ct_status check_entry(const entry *e, const ct_tensor_file *file, const char *path)
{
    char want[CT_NN_SHAPE_TEXT], have[CT_NN_SHAPE_TEXT];
    const ct_tensor *t = ct_tensor_file_get(file, e->name);
    if (!t)
        return ct_error_set(CT_ERROR_FORMAT, "module_load: %s has no tensor \"%s\"", path, e->name);
    if (ct_dtype_of(t) != ct_dtype_of(e->tensor))
        return ct_error_set(CT_ERROR_DTYPE, "module_load: \"%s\" is %s in %s, but %s in the module", e->name,
                            ct_dtype_name(ct_dtype_of(t)), path, ct_dtype_name(ct_dtype_of(e->tensor)));
    if (strcmp(ct__nn_shape_text(t, have), ct__nn_shape_text(e->tensor, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "module_load: \"%s\" is %s in %s, but %s in the module", e->name, have,
                            path, want);
    return CT_OK;
}

static ct_status check_file(const ct_module *module, const ct_tensor_file *file, const char *path)
{
    for (int64_t i = 0; i < module->count; i++) {
        ct_status status = check_entry(&module->entries[i], file, path);
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
    if (!module || !path)
        return ct_error_set(CT_ERROR_NULL, "module_load: the %s is NULL", module ? "path" : "module");
    ct_tensor_file *file = ct_safetensors_load(path);
    if (!file)
        return ct_error_code();
    ct_status status = check_file(module, file, path);
    for (int64_t i = 0; i < module->count && status == CT_OK; i++)
        status = ct_copy_(module->entries[i].tensor, ct_tensor_file_get(file, module->entries[i].name));
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
