/* Gradients handed to others: copies of their own, hooks, and tensors that retain theirs.
 *
 * Invariant: what is handed out is changed by whom it was handed to without changing anything else. */
#include "autograd_internal.h"

/* ---- what is handed out ---- */

/* t's elements as a result of their own that is recorded as coming from it. */
static ct_tensor *recorded_copy(ct_tensor *t)
{
    int depth = ct__no_grad_depth(0);
    ct_tensor *copy = ct__engine_ops.sum_to(t, t->shape, t->rank);
    ct__no_grad_depth(depth);
    return copy;
}

ct_tensor *ct__own_copy(bool recorded, ct_tensor *t)
{
    if (recorded && t->requires_grad)
        return recorded_copy(t);
    ct_tensor *own = ct__tensor_new((ct_dtype)t->dtype, t->shape, t->rank, "backward");
    if (own)
        ct__copy_strided((ct_dtype)own->dtype, ct__ptr(own), own->strides, (ct_dtype)own->dtype, ct__ptr(t), t->strides,
                         own->shape, own->rank);
    return own;
}

/* Whether t can be handed out as it is: it has no owner, and no other tensor has its elements. What is recorded may be saved
 * in the graph too, since it cannot be changed in place. */
static bool is_alone(const ct_tensor *t)
{
    if (t->scope || t->kept || t->past & CT_PAST_HANDED)
        return false;
    return t->node ? t->storage->refs == 1 : ct__is_ours(t);
}

ct_status ct__make_own(bool create, ct_tensor **grad)
{
    if (!is_alone(*grad)) {
        ct_tensor *own = ct__own_copy(create, *grad);
        if (!own)
            return ct_error_code();
        ct__scope_move(own, NULL);
        ct__tensor_unref(*grad);
        *grad = own;
    }
    return CT_OK;
}

/* ---- running hooks ---- */

/* Calls a hook, which may not give up or change what it is handed: what it returns, or, of a ready hook, its status. A scope
 * that it leaves open goes with the one around it. */
static ct_tensor *run_hook(const ct_hook_entry *entry, ct_tensor *grad, ct_status *status)
{
    static const ct_op hook = {.name = "a hook"};
    ct_call call = {.op = &hook, .thread = ct__here(), .inputs = &grad, .n_inputs = 1};
    ct_tensor *other = NULL;
    ct__call_begin(&call, ct__scope_current());
    if (entry->ready)
        *status = entry->ready(grad, entry->user);
    else
        other = entry->hook(grad, entry->user);
    call.scope->call = call.outer;
    return other;
}

/* Puts what a hook returns in the place of *grad. */
static ct_status call_hook(bool create, const ct_hook_entry *entry, ct_tensor **grad)
{
    ct_status before = ct_error_code(), status = ct__make_own(create, grad);
    if (status != CT_OK)
        return status;
    ct_tensor *other = run_hook(entry, *grad, &status);
    status = ct__make_own(create, grad); /* the hook may have kept it, or a view of it */
    if (status != CT_OK)
        return status;
    if (!other) /* leaves it, or is what a failed expression gave */
        return before == CT_OK ? ct_error_code() : CT_OK;
    status = ct__check_tensor(other, "hook");
    if (status != CT_OK || other == *grad)
        return status;
    if (!ct__same_shape(other, *grad) || other->dtype != (*grad)->dtype)
        return ct__error(CT_ERROR_SHAPE, "hook: returned a gradient of another shape or dtype");
    ct__tensor_ref(other);
    ct__tensor_unref(*grad);
    *grad = other;
    return CT_OK;
}

/* The next entry of this output, by its handle: a hook may remove itself or another. */
static ct_hook_entry *next_entry(ct_hook_entry *const *list, int output, int64_t after)
{
    ct_hook_entry *entry = *list;
    while (entry && (entry->output != output || entry->handle <= after))
        entry = entry->next;
    return entry;
}

bool ct__may_hold(const ct_tensor *t, const ct_tensor *grad)
{
    return t->scope || t->kept || !grad->node;
}

/* Leaves a gradient that goes on in t, as a tensor of its own. */
static ct_status retain(bool create, ct_tensor *t, ct_tensor *grad)
{
    ct_tensor *own = ct__own_copy(create, grad);
    if (!own)
        return ct_error_code();
    ct__set_grad(t, own);
    return CT_OK;
}

ct_status ct__run_hooks(bool create, ct_hook_entry *const *list, int output, ct_tensor **grad)
{
    int64_t handle = 0;
    for (ct_hook_entry *entry; (entry = next_entry(list, output, handle));) {
        handle = entry->handle;
        ct_status status = entry->hook ? call_hook(create, entry, grad) : CT_OK;
        if (status != CT_OK)
            return status;
    }
    handle = 0;
    for (ct_hook_entry *entry; (entry = next_entry(list, output, handle)); handle = entry->handle)
        if (entry->tensor && ct__may_hold(entry->tensor, *grad) && retain(create, entry->tensor, *grad) != CT_OK)
            return ct_error_code();
    return CT_OK;
}

/* ---- ready hooks ---- */

_Atomic bool ct__ready_hooks;

/* The next ready hook of a leaf, by its handle. */
static const ct_hook_entry *next_ready(const ct_tensor *leaf, int64_t after)
{
    const ct_hook_entry *entry = leaf->hooks;
    while (entry && (!entry->ready || entry->handle <= after))
        entry = entry->next;
    return entry;
}

bool ct__has_ready_hook(const ct_tensor *leaf)
{
    return next_ready(leaf, 0) != NULL;
}

static ct_status call_ready(const ct_hook_entry *entry, ct_tensor *grad)
{
    ct_status before = ct_error_code(), status = CT_OK;
    run_hook(entry, grad, &status);
    if (status == CT_OK)
        return before == CT_OK ? ct_error_code() : CT_OK;
    return ct__error(status, "backward: a ready hook failed without saying why");
}

ct_status ct__run_ready_hooks(const ct_tensor *leaf, ct_tensor *grad)
{
    ct_scope inner;
    ct__scope_push(&inner);
    ct_status status = CT_OK;
    int64_t handle = 0;
    for (const ct_hook_entry *entry; status == CT_OK && (entry = next_ready(leaf, handle));) {
        handle = entry->handle;
        status = call_ready(entry, grad);
    }
    ct__scope_pop(&inner);
    return status;
}

/* ---- adding and removing them ---- */

static ct_hook_entry *add_entry(ct_tensor *t, const char *what)
{
    static _Atomic int64_t handles;
    if (ct__check_tensor(t, what) != CT_OK)
        return NULL;
    if (!t->requires_grad) {
        ct__error(CT_ERROR_STATE, "%s: the tensor asks for no gradient", what);
        return NULL;
    }
    ct_hook_entry *entry = ct__alloc(sizeof *entry);
    if (!entry) {
        ct__no_memory(what);
        return NULL;
    }
    *entry = (ct_hook_entry){.handle = ++handles, .output = t->output};
    ct_hook_entry **end = t->node ? &t->node->hooks : &t->hooks;
    while (*end)
        end = &(*end)->next;
    *end = entry;
    return entry;
}

int64_t ct_add_hook(ct_tensor *t, ct_hook hook, void *user)
{
    if (!hook) {
        ct__error(CT_ERROR_NULL, "add_hook: the hook is NULL");
        return 0;
    }
    ct_hook_entry *entry = add_entry(t, "add_hook");
    if (!entry)
        return 0;
    entry->hook = hook;
    entry->user = user;
    return entry->handle;
}

int64_t ct_add_ready_hook(ct_tensor *leaf, ct_ready_hook hook, void *user)
{
    if (!hook || (leaf && leaf->node)) {
        ct__error(hook ? CT_ERROR_STATE : CT_ERROR_NULL, "add_ready_hook: the %s",
                  hook ? "tensor is no leaf" : "hook is NULL");
        return 0;
    }
    ct_hook_entry *entry = add_entry(leaf, "add_ready_hook");
    if (!entry)
        return 0;
    entry->ready = hook;
    entry->user = user;
    ct__ready_hooks = true;
    return entry->handle;
}

ct_status ct_remove_hook(ct_tensor *t, int64_t handle)
{
    ct_status status = ct__check_tensor(t, "remove_hook");
    if (status != CT_OK)
        return status;
    for (ct_hook_entry **place = t->node ? &t->node->hooks : &t->hooks; *place; place = &(*place)->next) {
        ct_hook_entry *entry = *place;
        if (entry->handle != handle)
            continue;
        *place = entry->next;
        ct__free(entry, sizeof *entry);
        return CT_OK;
    }
    return ct__error(CT_ERROR_ARGUMENT, "remove_hook: the tensor has no hook %lld", (long long)handle);
}

ct_status ct_retain_grad(ct_tensor *t)
{
    ct_status status = ct__check_tensor(t, "retain_grad");
    if (status != CT_OK)
        return status;
    if (t->requires_grad && (!t->node || t->retains_grad))
        return CT_OK; /* a leaf does anyway */
    ct_hook_entry *entry = add_entry(t, "retain_grad");
    if (!entry)
        return ct_error_code();
    entry->tensor = t;
    t->retains_grad = true;
    return CT_OK;
}
