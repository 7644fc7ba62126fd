/* Scopes: who owns which tensor. Invariant: a tensor that is in a scope's list has exactly one reference from it. */
#include "memory_internal.h"

static _Thread_local ct_scope root, *innermost;
static _Thread_local int depth;

/* A thread that ends inside an operation or a hook leaves the scopes around that as they are: they are on its stack. */
void ct__scopes_end(void)
{
    while (innermost && innermost->on_heap)
        ct_scope_close();
    if (innermost == &root)
        ct__scope_pop(&root);
}

static ct_scope *current(void)
{
    if (CT_UNLIKELY(!innermost)) {
        innermost = &root;
        root.region = &ct__no_region;
    }
    return innermost;
}

ct_scope *ct__scope_current(void)
{
    return current();
}

void ct__scope_push(ct_scope *scope)
{
    scope->parent = current();
    scope->first = NULL;
    scope->on_heap = false;
    scope->region = ct__region;
    scope->live_at_open = ct__live_bytes();
    innermost = scope;
}

/* Drops the owner's reference. Nobody can reach the gradient any more either; one recorded with create_graph would hold t in
 * a circle. */
static void give_up(ct_tensor *t)
{
    if (t->grad) {
        ct_tensor *grad = t->grad;
        t->grad = NULL;
        ct__tensor_unref(grad);
    }
    ct__tensor_unref(t);
}

void ct__scope_pop(ct_scope *scope)
{
    while (CT_UNLIKELY(innermost != scope)) /* left open by an operation's function or a hook */
        ct_scope_close();
    ct_tensor *t = scope->first;
    scope->first = NULL;
    while (t) {
        ct_tensor *next = t->next;
        t->scope = NULL;
        give_up(t);
        t = next;
    }
    innermost = scope->parent;
    ct__region = scope->region; /* the regions begun inside end with it */
}

void ct__scope_move(ct_tensor *t, ct_scope *to)
{
    ct_scope *from = t->scope;
    if (from) {
        if (t->previous)
            t->previous->next = t->next;
        else
            from->first = t->next;
        if (t->next)
            t->next->previous = t->previous;
    }
    t->scope = to;
    if (to) {
        t->previous = NULL;
        t->next = to->first;
        if (to->first)
            to->first->previous = t;
        to->first = t;
    }
}

ct_status ct_scope_open(void)
{
    ct_scope *scope = ct__alloc(sizeof *scope);
    if (!scope)
        return ct__no_memory("scope_open");
    ct__scope_push(scope);
    scope->on_heap = true;
    depth++;
    return CT_OK;
}

ct_status ct_scope_close(void)
{
    ct_scope *scope = current();
    if (!scope->on_heap)
        return ct__error(CT_ERROR_STATE, "scope_close: no scope is open on this thread");
    ct__scope_pop(scope);
    depth--;
    ct__free(scope, sizeof *scope);
    return CT_OK;
}

ct_tensor *ct_scope_return(ct_tensor *t)
{
    if (ct__check_tensor(t, "scope_return") != CT_OK)
        return NULL;
    ct_scope *scope = current();
    if (t->scope == scope && scope->parent)
        ct__scope_move(t, scope->parent);
    return t;
}

ct_tensor *ct_keep(ct_tensor *t)
{
    if (ct__check_tensor(t, "keep") != CT_OK)
        return NULL;
    if (!t->scope && !t->kept) /* another tensor's gradient: shared from now on */
        ct__tensor_ref(t);
    ct__scope_move(t, NULL);
    t->kept = true;
    return t;
}

void ct_release(ct_tensor *t)
{
    if (!t || ct__check_tensor(t, "release") != CT_OK)
        return;
    if (!t->scope && !t->kept) {
        ct__error(CT_ERROR_STATE, "release: the tensor made by '%s' was given up before", t->made_by);
        return;
    }
    ct__scope_move(t, NULL);
    t->kept = false;
    give_up(t);
}

ct_memory ct_memory_stats(void)
{
    ct_memory stats = ct__live_stats();
    stats.scope_bytes = stats.live_bytes - current()->live_at_open;
    stats.cached_bytes = ct__cached_bytes();
    stats.scope_depth = depth;
    return stats;
}
