/* Modules: a tree of parts, and the named tensors in it.
 *
 * Invariant: every tensor is kept by one entry of one tree alone, and no two entries of a tree have one name. Other names of it are
 * entries that are tied to that one, which comes before them. The list of a module has the entries of all modules in it. */
#include "module_internal.h"
#include <pthread.h>

/* All roots, so that a tensor is not given to two. Whoever changes a list of entries holds the lock. */
static ct_module *roots;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_alive(const ct_module *module)
{
    return module && ct_object_check(module, "module", "module") == CT_OK;
}

/* The module in which what is made in module goes: the innermost that was pushed. */
static ct_module *pushed_in(ct_module *module)
{
    while (module->pushed)
        module = module->pushed;
    return module;
}

ct_module *ct__module_root(const ct_module *module)
{
    ct_module *root = (ct_module *)module;
    while (root->parent)
        root = root->parent;
    return root;
}

/* Room for one more in an array of pointers; what is for the message. */
static ct_status reserve(void *array, int64_t count, int64_t *capacity)
{
    if (count < *capacity)
        return CT_OK;
    int64_t more = *capacity ? 2 * *capacity : 8;
    void *grown = ct_reallocate(*(void **)array, (size_t)more * sizeof(void *));
    if (!grown)
        return ct__nn_no_memory("module");
    *(void **)array = grown;
    *capacity = more;
    return CT_OK;
}

/* ---- entries ---- */

/* The name as module sees it: without its path. */
static const char *name_in(const ct_module *module, const ct__entry *e)
{
    return e->name + (*module->path ? strlen(module->path) + 1 : 0);
}

/* The module's path, a dot and name, in memory of its own. */
static char *full_name(const ct_module *module, const char *name)
{
    size_t size = strlen(module->path) + strlen(name) + 2;
    char *text = ct_allocate(1, size);
    if (text)
        snprintf(text, size, "%s%s%s", module->path, *module->path ? "." : "", name);
    else
        ct__nn_no_memory("module");
    return text;
}

/* Room for one more entry in the lists of module and of all around it. */
static ct_status reserve_entry(ct_module *module)
{
    ct_status status = CT_OK;
    for (ct_module *m = module; m && status == CT_OK; m = m->parent)
        status = reserve(&m->entries, m->count, &m->capacity);
    return status;
}

/* Puts e into the lists and the index, or into none. */
static ct_status enter(ct_module *module, ct__entry *e)
{
    ct_module *root = ct__module_root(module);
    ct_status status = reserve_entry(module);
    if (status == CT_OK)
        status = ct__index_add(root, e);
    if (status != CT_OK)
        return status;
    e->owner = module;
    e->index = root->count;
    for (ct_module *m = module; m; m = m->parent)
        m->entries[m->count++] = e;
    return CT_OK;
}

static bool is_inside(const ct_module *module, const ct_module *outer)
{
    while (module && module != outer)
        module = module->parent;
    return module != NULL;
}

ct__entry *ct__module_entry(const ct_module *module, const char *name)
{
    ct__entry *e = name ? ct__index_entry(ct__module_root(module), module->path, name) : NULL;
    return e && is_inside(e->owner, module) ? e : NULL;
}

/* Takes the entries of module, and of what is in it, out of the list of outer. */
static void leave(ct_module *outer, const ct_module *module)
{
    int64_t left = 0;
    for (int64_t i = 0; i < outer->count; i++) {
        if (is_inside(outer->entries[i]->owner, module))
            continue;
        outer->entries[left] = outer->entries[i];
        if (!outer->parent)
            outer->entries[left]->index = left;
        left++;
    }
    outer->count = left;
}

static void free_entry(ct__entry *e)
{
    ct_release(e->tensor);
    ct_deallocate(e->name);
    ct_deallocate(e);
}

/* ---- making and freeing ---- */

static ct_module *new_module(ct_module *parent, char *path, const char *name, const ct_layer *layer)
{
    ct_module *module = ct_object_new("module", sizeof *module);
    if (!module)
        return NULL;
    module->key = (ct__key){parent ? parent->path : "", name};
    module->parent = parent;
    module->path = path;
    module->name = name;
    module->layer = layer;
    module->training = parent ? parent->training : true;
    module->dtype = parent ? parent->dtype : CT_FLOAT32;
    return module;
}

ct_module *ct_module_new(ct_dtype dtype)
{
    if (!ct_dtype_is_float(dtype)) {
        ct_error_set(CT_ERROR_DTYPE, "module: dtype must be float32 or float64, not %s", ct_dtype_name(dtype));
        return NULL;
    }
    char *path = ct__nn_alloc("module", 1, 1);
    ct_module *module = path ? new_module(NULL, path, path, &ct__layer_sequential) : NULL;
    if (!module) {
        ct_deallocate(path);
        return NULL;
    }
    module->dtype = dtype;
    pthread_mutex_lock(&lock);
    module->next = roots;
    roots = module;
    pthread_mutex_unlock(&lock);
    return module;
}

/* Takes the modules in module out of the index. */
static void forget_parts(ct_module *root, const ct_module *module)
{
    for (int64_t i = 0; i < module->children; i++) {
        ct__index_remove_module(root, module->child[i]);
        forget_parts(root, module->child[i]);
    }
}

/* Takes all in module out of the index. */
static void forget(ct_module *root, const ct_module *module)
{
    for (int64_t i = 0; i < module->count; i++)
        ct__index_remove(root, module->entries[i]);
    forget_parts(root, module);
}

/* Gives back the module and all in it. Its entries are in no list any more but its own, which has those of its children too: so its
 * own go first, while all can be asked for their owner. */
static void free_tree(ct_module *module)
{
    for (int64_t i = 0; i < module->count; i++)
        if (module->entries[i]->owner == module)
            free_entry(module->entries[i]);
    for (int64_t i = 0; i < module->children; i++)
        free_tree(module->child[i]);
    while (module->blocks > 0)
        ct_object_free(module->memory[--module->blocks]);
    ct_deallocate(module->memory);
    ct_deallocate(module->self);
    ct_deallocate(module->entries);
    ct_deallocate(module->child);
    ct_deallocate(module->path);
    ct_deallocate(module->loaded);
    ct_object_free(module);
}

void ct_module_free(ct_module *module)
{
    if (!is_alive(module))
        return;
    if (module->parent) {
        ct_error_set(CT_ERROR_STATE, "module_free: \"%s\" goes with the module in which it was made", module->path);
        return;
    }
    pthread_mutex_lock(&lock);
    ct_module **place = &roots;
    while (*place != module)
        place = &(*place)->next;
    *place = module->next;
    forget(module, module);
    pthread_mutex_unlock(&lock);
    free_tree(module);
}

void ct__module_remove(ct_module *module)
{
    if (!module || !module->parent)
        return;
    ct_module *root = ct__module_root(module);
    pthread_mutex_lock(&lock);
    forget(root, module);
    ct__index_remove_module(root, module);
    for (ct_module *m = module->parent; m; m = m->parent)
        leave(m, module);
    pthread_mutex_unlock(&lock);
    ct_module *parent = module->parent;
    int64_t left = 0;
    for (int64_t i = 0; i < parent->children; i++)
        if (parent->child[i] != module)
            parent->child[left++] = parent->child[i];
    parent->children = left;
    free_tree(module);
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

/* The module "<path>.name", or NULL: in a tree with names that have dots not always a child. */
static ct_module *find_named(const ct_module *module, const char *name)
{
    return ct__index_module(ct__module_root(module), module->path, name);
}

static ct_status add_to_index(ct_module *module)
{
    pthread_mutex_lock(&lock);
    ct_status status = ct__index_add_module(ct__module_root(module), module);
    pthread_mutex_unlock(&lock);
    return status;
}

/* A module of that name, not yet built, at the end of parent. */
static ct_module *add_child(ct_module *parent, const char *name, const ct_layer *layer, const void *self)
{
    char *path = full_name(parent, name);
    ct_module *module = path ? new_module(parent, path, path + strlen(path) - strlen(name), layer) : NULL;
    if (!module) {
        ct_deallocate(path);
        return NULL;
    }
    module->self = ct__nn_alloc("module", 1, layer->self_size ? layer->self_size : 1);
    if (!module->self || reserve(&parent->child, parent->children, &parent->most_children) != CT_OK ||
        add_to_index(module) != CT_OK) {
        free_tree(module);
        return NULL;
    }
    if (self)
        memcpy(module->self, self, layer->self_size);
    return parent->child[parent->children++] = module;
}

ct_module *ct_layer_new(ct_module *parent, const char *name, const ct_layer *layer, const void *self)
{
    if (ct_error_code() != CT_OK || ct_object_check(parent, "module", "layer_new") != CT_OK)
        return NULL;
    if (!layer) {
        ct_error_set(CT_ERROR_NULL, "layer_new: the record is NULL");
        return NULL;
    }
    parent = pushed_in(parent);
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)parent->children);
    name = name ? name : number;
    if (check_name(parent, name) != CT_OK)
        return NULL;
    if (find_named(parent, name)) {
        ct_error_set(CT_ERROR_ARGUMENT, "layer_new: the name \"%s\" is taken in \"%s\"", name, parent->path);
        return NULL;
    }
    ct_module *module = add_child(parent, name, layer, self);
    if (module && layer->build)
        layer->build(module);
    if (!module || ct_error_code() == CT_OK)
        return module;
    ct__module_remove(module);
    return NULL;
}

void *ct_module_self(const ct_module *module)
{
    return is_alive(module) ? module->self : NULL;
}

ct_status ct_module_push(ct_module *module, const char *name)
{
    ct_status status = check_name(module, name);
    if (status != CT_OK)
        return status;
    ct_module *outer = pushed_in(module), *inner = find_named(outer, name);
    if (inner && inner->parent != outer)
        return ct_error_set(CT_ERROR_ARGUMENT, "module: the name \"%s\" is taken in \"%s\"", name, outer->path);
    outer->pushed = inner ? inner : add_child(outer, name, &ct__layer_sequential, NULL);
    return outer->pushed ? CT_OK : ct_error_code();
}

void ct_module_pop(ct_module *module)
{
    ct_module *inner = is_alive(module) ? pushed_in(module) : module;
    if (inner != module)
        inner->parent->pushed = NULL;
}

void *ct_module_alloc(ct_module *module, size_t bytes)
{
    if (ct_object_check(module, "module", "module") != CT_OK ||
        reserve(&module->memory, module->blocks, &module->most_blocks) != CT_OK)
        return NULL;
    void *layer = ct_object_new("layer", bytes);
    if (layer)
        module->memory[module->blocks++] = layer;
    return layer;
}

/* ---- adding tensors ---- */

/* Error (argument), naming both, if a tree has t already. The lock must be held. */
static ct_status check_free(const ct_module *root, const char *full, const ct_tensor *t)
{
    const ct__entry *e = ct__index_same(t);
    if (!e)
        return CT_OK;
    return ct_error_set(CT_ERROR_ARGUMENT, "module: the tensor for \"%s\" is \"%s\" of %s", full, e->name,
                        ct__module_root(e->owner) == root ? "this module already; ct_module_tie() gives it two names"
                                                          : "another module, which would free it too");
}

/* Takes t over under a name that is free, and which the module then owns. */
static bool take(ct_module *module, char *full, ct_tensor *t, bool parameter)
{
    ct__entry *e = ct__nn_alloc("module", 1, sizeof *e);
    if (!e)
        return false;
    pthread_mutex_lock(&lock);
    *e = (ct__entry){.key = {"", full}, .name = full, .tensor = t, .own = t, .parameter = parameter};
    bool taken = check_free(ct__module_root(module), full, t) == CT_OK && ct_name(t, full) &&
                 (!parameter || ct_set_requires_grad(t, true)) && enter(module, e) == CT_OK;
    if (taken)
        ct_keep(t);
    pthread_mutex_unlock(&lock);
    if (!taken)
        ct_deallocate(e);
    return taken;
}

static ct_tensor *add(ct_module *module, const char *name, ct_tensor *t, bool parameter)
{
    if (!t) {
        ct_error_set(CT_ERROR_NULL, "module: the tensor for \"%s\" is NULL", name ? name : "");
        return NULL;
    }
    if (check_name(module, name) != CT_OK)
        return NULL;
    module = pushed_in(module);
    char *full = full_name(module, name);
    if (!full)
        return NULL;
    if (ct__module_entry(ct__module_root(module), full))
        ct_error_set(CT_ERROR_ARGUMENT, "module: the name \"%s\" is taken", full);
    else if (!ct_is_leaf(t))
        ct_error_set(CT_ERROR_STATE, "module: \"%s\" is the result of a recorded operation; detach it", full);
    else if (take(module, full, t, parameter))
        return t;
    ct_deallocate(full);
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

CT_OPTIONS_INIT(ct_add_options)

ct_tensor *ct_module_add(ct_module *module, const char *name, const ct_initializer *initializer, const int64_t *shape,
                         int rank, const ct_add_options *options)
{
    CT_READ_OPTIONS(ct_add_options, o, options, "module_add");
    if (!o || check_name(module, name) != CT_OK)
        return NULL;
    ct_tensor *t = ct_empty(module->dtype, shape, rank);
    bool own_fans = o->fan_in == 0 && o->fan_out == 0 && rank < 2;
    int64_t fan_in = own_fans ? ct_numel(t) : o->fan_in, fan_out = own_fans ? ct_numel(t) : o->fan_out;
    if (t && ct_initialize_(t, initializer ? initializer : &ct_init_torch, fan_in, fan_out) == CT_OK &&
        add(module, name, t, !o->buffer))
        return t;
    ct_release(t);
    return NULL;
}

/* ---- one tensor under two names ---- */

/* A name that there is not yet, tied to entry of. */
static ct_status add_name(ct_module *module, const char *name, ct__entry *of)
{
    ct__entry *e = ct__nn_alloc("module_tie", 1, sizeof *e);
    char *own = e ? full_name(module, name) : NULL;
    if (!own) {
        ct_deallocate(e);
        return ct_error_code();
    }
    *e = (ct__entry){.key = {"", own}, .name = own, .parameter = of->parameter, .tied = of};
    pthread_mutex_lock(&lock);
    ct_status status = enter(module, e);
    pthread_mutex_unlock(&lock);
    if (status != CT_OK)
        free_entry(e);
    return status;
}

/* Both entries become one, of of's tensor, whose owner is the first of them. */
static void join(ct_module *root, ct__entry *other, ct__entry *of)
{
    pthread_mutex_lock(&lock);
    ct_tensor *t = of->tensor, *gone = other->tensor;
    ct__entry *first = other->index < of->index ? other : of, *second = first == of ? other : of;
    ct__index_join(other, of, first);
    second->tensor = second->own = NULL;
    first->tensor = first->own = t;
    for (int64_t i = 0; i < root->count; i++)
        if (root->entries[i] == second || root->entries[i]->tied == second)
            root->entries[i]->tied = first;
    ct_release(gone);
    pthread_mutex_unlock(&lock);
}

ct_status ct_module_tie(ct_module *module, const char *name, const char *of)
{
    if (ct_object_check(module, "module", "module_tie") != CT_OK)
        return ct_error_code();
    if (!name || !of || !*name)
        return ct_error_set(name && of ? CT_ERROR_ARGUMENT : CT_ERROR_NULL, "module_tie: a name is %s",
                            name && of ? "empty" : "NULL");
    ct__entry *b = ct__module_entry(module, of), *a = ct__module_entry(module, name);
    if (!b)
        return ct_error_set(CT_ERROR_ARGUMENT, "module_tie: the module has no tensor \"%s\"", of);
    b = ct__owner_of(b);
    if (!a)
        return add_name(module, name, b);
    a = ct__owner_of(a);
    char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
    if (strcmp(ct__nn_shape_text(a->tensor, have), ct__nn_shape_text(b->tensor, want)) != 0)
        return ct_error_set(CT_ERROR_SHAPE, "module_tie: \"%s\" is %s, and \"%s\" is %s", name, have, of, want);
    if (ct_dtype_of(a->tensor) != ct_dtype_of(b->tensor) || a->parameter != b->parameter)
        return ct_error_set(CT_ERROR_DTYPE, "module_tie: \"%s\" and \"%s\" are not both %s %s", name, of,
                            ct_dtype_name(ct_dtype_of(b->tensor)), b->parameter ? "parameters" : "buffers");
    if (a != b)
        join(ct__module_root(module), a, b);
    return CT_OK;
}

/* The first entry of the module's list that has the tensor of entry index; -1: that one itself. */
static int64_t tied_before(const ct_module *module, int64_t index)
{
    ct__entry *owner = ct__owner_of(module->entries[index]);
    for (int64_t i = 0; owner != module->entries[index] && i < index; i++)
        if (ct__owner_of(module->entries[i]) == owner)
            return i;
    return -1;
}

int64_t ct_module_tied(const ct_module *module, int64_t index)
{
    return is_alive(module) && index >= 0 && index < module->count ? tied_before(module, index) : -1;
}

/* ---- looking ---- */

const ct_layer *ct_module_layer(const ct_module *module)
{
    return is_alive(module) ? module->layer : NULL;
}

const char *ct_module_path(const ct_module *module)
{
    return is_alive(module) ? module->path : NULL;
}

ct_dtype ct_module_dtype(const ct_module *module)
{
    return is_alive(module) ? module->dtype : CT_FLOAT32;
}

int64_t ct_module_children(const ct_module *module)
{
    return is_alive(module) ? module->children : 0;
}

ct_module *ct_module_child(const ct_module *module, int64_t index)
{
    return is_alive(module) && index >= 0 && index < module->children ? module->child[index] : NULL;
}

ct_module *ct_module_find(const ct_module *module, const char *path)
{
    if (!is_alive(module) || !path)
        return NULL;
    ct_module *found = find_named(module, path);
    return found && is_inside(found, module) ? found : NULL;
}

int64_t ct_module_count(const ct_module *module)
{
    return is_alive(module) ? module->count : 0;
}

static ct__entry *entry_at(const ct_module *module, int64_t index)
{
    return is_alive(module) && index >= 0 && index < module->count ? module->entries[index] : NULL;
}

const char *ct_module_name(const ct_module *module, int64_t index)
{
    const ct__entry *e = entry_at(module, index);
    return e ? name_in(module, e) : NULL;
}

ct_tensor *ct_module_tensor(const ct_module *module, int64_t index)
{
    ct__entry *e = entry_at(module, index);
    return e ? ct__owner_of(e)->tensor : NULL;
}

bool ct_module_is_parameter(const ct_module *module, int64_t index)
{
    const ct__entry *e = entry_at(module, index);
    return e && e->parameter && tied_before(module, index) < 0;
}

bool ct__module_is_buffer(const ct_module *module, int64_t index)
{
    const ct__entry *e = entry_at(module, index);
    return e && !e->parameter && tied_before(module, index) < 0;
}

ct_tensor *ct_module_get(const ct_module *module, const char *name)
{
    ct__entry *e = is_alive(module) ? ct__module_entry(module, name) : NULL;
    return e ? ct__owner_of(e)->tensor : NULL;
}

ct_tensor *ct__module_own(const ct_module *module, const char *name)
{
    ct__entry *e = ct__module_entry(module, name);
    return e ? ct__owner_of(e)->own : NULL;
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

/* ---- exchanging ---- */

static ct_status check_exchange(ct__entry *const *entries, ct_tensor *const *tensors, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        char have[CT_NN_SHAPE_TEXT], want[CT_NN_SHAPE_TEXT];
        if (!tensors[i])
            return ct_error_set(CT_ERROR_NULL, "module_exchange: the tensor for \"%s\" is NULL", entries[i]->name);
        if (strcmp(ct__nn_shape_text(tensors[i], have), ct__nn_shape_text(entries[i]->tensor, want)) != 0)
            return ct_error_set(CT_ERROR_SHAPE, "module_exchange: %s for \"%s\", which is %s", have, entries[i]->name,
                                want);
    }
    return CT_OK;
}

/* Writes the owners of the module's tensors that are parameters, or buffers, and returns how many there are. */
static int64_t owners(const ct_module *module, bool parameters, ct__entry **found)
{
    int64_t n = 0;
    for (int64_t i = 0; i < module->count; i++)
        if (module->entries[i]->parameter == parameters && tied_before(module, i) < 0)
            found[n++] = ct__owner_of(module->entries[i]);
    return n;
}

static ct_status exchange(ct_module *module, bool parameters, ct_tensor **tensors, int64_t n)
{
    ct__entry **found = ct__nn_alloc("module_exchange", module->count, sizeof(ct__entry *));
    if (!found)
        return ct_error_code();
    int64_t have = owners(module, parameters, found);
    ct_status status = n == have ? check_exchange(found, tensors, n)
                                 : ct_error_set(CT_ERROR_ARGUMENT, "module_exchange: %lld tensors for %lld parameters",
                                                (long long)n, (long long)have);
    for (int64_t i = 0; i < n && status == CT_OK; i++) {
        ct_tensor *own = found[i]->tensor;
        found[i]->tensor = tensors[i];
        tensors[i] = own;
    }
    ct_deallocate(found);
    return status;
}

ct_status ct_module_exchange(ct_module *module, ct_tensor **tensors, int64_t n)
{
    if (ct_object_check(module, "module", "module_exchange") != CT_OK)
        return ct_error_code();
    if (!tensors && n > 0)
        return ct_error_set(CT_ERROR_NULL, "module_exchange: the tensors are NULL");
    return exchange(module, true, tensors, n);
}

ct_status ct__module_exchange_buffers(ct_module *module, ct_tensor **tensors, int64_t n)
{
    return exchange(module, false, tensors, n);
}
