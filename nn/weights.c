/* The state dict on disk, and which parameters are trained.
 *
 * Invariant: a load changes all of the tensors that the file has for the module, or nothing. */
#include "module_internal.h"
#include <fnmatch.h>

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

/* ---- saving ---- */

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
            names[i] = ct_module_name(module, i);
            tensors[i] = ct_module_tensor(module, i);
        }
        status = ct_safetensors_save(path, names, tensors, module->count);
    }
    ct_deallocate(names);
    ct_deallocate(tensors);
    return status;
}

/* ---- loading: which of the file's tensors is which of the module's ---- */

/* A load that is running. */
typedef struct load {
    ct_module *module;
    const ct_tensor_file *file;
    const char *path;
    const ct_load_options *options;
    ct_tensor **found; /* the file's tensor for each entry, by its index; or NULL */
    ct_tensor **owned; /* for each owner of a tensor the first that was found for it and the names tied to it */
    char *report;      /* "missing fc.weight\nunexpected head.weight\n" */
    size_t report_length;
} load;

/* The text that "*" stands for if name matches the pattern, which may have one; *length its length. NULL: no match. */
static const char *match(const char *pattern, const char *name, size_t *length)
{
    const char *star = strchr(pattern, '*');
    size_t before = star ? (size_t)(star - pattern) : strlen(pattern), behind = star ? strlen(star + 1) : 0;
    size_t have = strlen(name);
    if (have < before + behind || strncmp(name, pattern, before) != 0 || (!star && have != before) ||
        strcmp(name + have - behind, star ? star + 1 : "") != 0)
        return NULL;
    *length = have - before - behind;
    return name + before;
}

/* The name that the module has for the file's, by the first pattern that matches; the caller's to free. NULL with an error. */
static char *renamed(const load *l, const char *name)
{
    const char *const *pair = l->options->rename;
    size_t length = 0;
    while (pair && pair[0] && pair[1] && !match(pair[0], name, &length))
        pair += 2;
    const char *to = pair && pair[0] && pair[1] ? pair[1] : NULL, *text = to ? match(pair[0], name, &length) : name;
    size_t size = (to ? strlen(to) : 0) + strlen(name) + 1, before = to ? strcspn(to, "*") : 0;
    char *own = ct__nn_alloc("module_load", (int64_t)size, 1);
    if (own && to)
        snprintf(own, size, "%.*s%.*s%s", (int)before, to, to[before] ? (int)length : 0, text,
                 to[before] ? to + before + 1 : "");
    else if (own)
        strcpy(own, name);
    return own;
}

/* What PyTorch's batch norm counts: neither kept here nor missed. */
static bool is_counter(const char *name)
{
    static const char counter[] = "num_batches_tracked";
    size_t length = strlen(name), end = sizeof counter - 1;
    return length >= end && strcmp(name + length - end, counter) == 0;
}

static ct_status report(load *l, const char *what, const char *name)
{
    size_t more = strlen(what) + strlen(name) + 3;
    char *grown = ct_reallocate(l->report, l->report_length + more);
    if (!grown)
        return ct__nn_no_memory("module_load");
    l->report = grown;
    l->report_length += (size_t)snprintf(grown + l->report_length, more, "%s %s\n", what, name);
    return CT_OK;
}

/* Notes the file's tensor number k. */
static ct_status find_place(load *l, int64_t k)
{
    const char *in_file = ct_tensor_file_name(l->file, k);
    char *name = renamed(l, in_file);
    if (!name)
        return ct_error_code();
    const ct__entry *e = ct__module_entry(l->module, name);
    ct_status status = CT_OK;
    if (e && l->found[e->index])
        status = ct_error_set(CT_ERROR_FORMAT, "module_load: %s has two tensors for \"%s\", the second is \"%s\"",
                              l->path, name, in_file);
    else if (e)
        l->found[e->index] = ct_tensor_file_get(l->file, in_file);
    else if (!is_counter(name))
        status = report(l, "unexpected", in_file);
    ct_deallocate(name);
    return status;
}

/* The file's tensor for the one at index, under its name or the first of the others that it has; NULL: none. */
static ct_tensor *find(const load *l, int64_t index)
{
    return l->owned[ct__owner_of(l->module->entries[index])->index];
}

static void find_owned(load *l)
{
    for (int64_t i = 0; i < l->module->count; i++) {
        ct__entry *e = l->module->entries[i];
        ct_tensor **owned = &l->owned[ct__owner_of(e)->index];
        *owned = *owned ? *owned : l->found[e->index];
    }
}

static ct_status compare_names(load *l)
{
    ct_status status = CT_OK;
    for (int64_t k = 0; k < ct_tensor_file_count(l->file) && status == CT_OK; k++)
        status = find_place(l, k);
    find_owned(l);
    for (int64_t i = 0; i < l->module->count && status == CT_OK; i++)
        if (!find(l, i) && !is_counter(ct_module_name(l->module, i)))
            status = report(l, "missing", ct_module_name(l->module, i));
    return status;
}

/* ---- loading: whether they fit ---- */

/* Error (format): the first name that only one of the two has. */
static ct_status refuse_rest(const load *l)
{
    for (int64_t i = 0; i < l->module->count; i++)
        if (!find(l, i) && !is_counter(ct_module_name(l->module, i)))
            return ct_error_set(CT_ERROR_FORMAT, "module_load: %s has no tensor \"%s\"", l->path,
                                ct_module_name(l->module, i));
    const char *name = l->report ? l->report + strlen("unexpected ") : "";
    return *name ? ct_error_set(CT_ERROR_FORMAT, "module_load: %s has a tensor \"%.*s\" that the module has not",
                                l->path, (int)strcspn(name, "\n"), name)
                 : CT_OK;
}

static bool same_elements(const ct_tensor *a, const ct_tensor *b)
{
    if (ct_dtype_of(a) != ct_dtype_of(b))
        return false;
    return a == b || memcmp(ct_data(a), ct_data(b), (size_t)ct_numel(a) * ct_dtype_size(ct_dtype_of(a))) == 0;
}

/* The element type that one in a file stands for. */
static ct_dtype counts_as(ct_dtype dtype)
{
    return dtype == CT_FLOAT16 || dtype == CT_BFLOAT16 ? CT_FLOAT32 : dtype;
}

/* Error unless the file's tensor at index, if it has one, has the shape and dtype of the module's, and agrees with what it has under
 * names that are tied to this one. */
static ct_status check_tensor(const load *l, int64_t index)
{
    char want[CT_NN_SHAPE_TEXT], have[CT_NN_SHAPE_TEXT];
    const char *name = ct_module_name(l->module, index);
    const ct_tensor *own = ct_module_tensor(l->module, index), *t = l->found[l->module->entries[index]->index];
    if (!t)
        return CT_OK;
    ct_dtype from = counts_as(ct_dtype_of(t)), to = ct_dtype_of(own);
    bool floats = ct_dtype_is_float(from) && ct_dtype_is_float(to);
    if (from != to && !(l->options->cast && floats))
        return ct_error_set(CT_ERROR_DTYPE, "module_load: \"%s\" is %s in %s, but %s in the module", name,
                            ct_dtype_name(ct_dtype_of(t)), l->path, ct_dtype_name(ct_dtype_of(own)));
    if (strcmp(ct__nn_shape_text(t, have), ct__nn_shape_text(own, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "module_load: \"%s\" is %s in %s, but %s in the module", name, have,
                            l->path, want);
    if (!same_elements(t, find(l, index)))
        return ct_error_set(CT_ERROR_FORMAT, "module_load: \"%s\" is tied to \"%s\", and they differ in %s", name,
                            ct_module_name(l->module, ct_module_tied(l->module, index)), l->path);
    return CT_OK;
}

static ct_status load_tensors(load *l)
{
    ct_status status = compare_names(l);
    if (status == CT_OK && !l->options->partial)
        status = refuse_rest(l);
    for (int64_t i = 0; i < l->module->count && status == CT_OK; i++)
        status = check_tensor(l, i);
    for (int64_t i = 0; i < l->module->count && status == CT_OK; i++)
        if (l->found[l->module->entries[i]->index])
            status = ct_copy_(ct_module_tensor(l->module, i), l->found[l->module->entries[i]->index]);
    return status;
}

CT_OPTIONS_INIT(ct_load_options)

ct_status ct_module_load(ct_module *module, const char *path, const ct_load_options *options)
{
    CT_READ_OPTIONS(ct_load_options, o, options, "module_load");
    if (ct_error_code() != CT_OK || ct_object_check(module, "module", "module_load") != CT_OK)
        return ct_error_code();
    if (!path)
        return ct_error_set(CT_ERROR_NULL, "module_load: the path is NULL");
    load l = {.module = module, .path = path, .options = o, .file = ct_safetensors_load(path, NULL)};
    int64_t count = ct__module_root(module)->count;
    l.found = l.file ? ct__nn_alloc("module_load", 2 * count, sizeof *l.found) : NULL;
    l.owned = l.found ? l.found + count : NULL;
    ct_status status = l.found ? load_tensors(&l) : ct_error_code();
    ct_deallocate(module->loaded);
    module->loaded = l.report;
    ct_deallocate(l.found);
    ct_tensor_file_free((ct_tensor_file *)l.file);
    return status;
}

const char *ct_module_load_report(const ct_module *module)
{
    bool good = module && ct_object_check(module, "module", "module_load_report") == CT_OK;
    return good && module->loaded ? module->loaded : "";
}

/* ---- freezing ---- */

ct_status ct_module_requires_grad_(ct_module *module, const char *pattern, bool requires_grad)
{
    if (ct_object_check(module, "module", "module_requires_grad_") != CT_OK)
        return ct_error_code();
    if (!pattern)
        return ct_error_set(CT_ERROR_NULL, "module_requires_grad_: the pattern is NULL");
    int64_t matches = 0;
    for (int64_t i = 0; i < module->count; i++) {
        ct_tensor *t = ct_module_tensor(module, i);
        if (!module->entries[i]->parameter || fnmatch(pattern, ct_module_name(module, i), 0) != 0)
            continue;
        matches++;
        if (!ct_set_requires_grad(t, requires_grad) || (!requires_grad && ct_set_grad(t, NULL) != CT_OK))
            return ct_error_code();
    }
    return matches ? CT_OK
                   : ct_error_set(CT_ERROR_ARGUMENT, "module_requires_grad_: no parameter is called \"%s\"", pattern);
}
