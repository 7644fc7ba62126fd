/* Scopes: who owns which tensor. Invariant: a tensor that is in a scope's list has exactly one reference from it. */
#include "memory_internal.h"

ct_status (*ct__check_call)(struct ct_call *call, const ct_tensor *t, const char *what, ct_misuse misuse);

/* ---- tensors that are put back if the scope closes with an error ---- */

/* Both tensors have no owner but this. */
struct ct_guard {
    ct_tensor *place, *elements; /* the tensor's, and a copy of what was there */
    struct ct_guard *next;
};

/* The innermost scope from this one on that the user opened; NULL without one. */
static ct_scope *users_from(ct_scope *scope)
{
    while (scope && !scope->on_heap)
        scope = scope->parent;
    return scope;
}

/* The first of a list, taken from it. */
static struct ct_guard *take(struct ct_guard **list)
{
    struct ct_guard *g = *list;
    *list = g->next;
    return g;
}

static void put(struct ct_guard **list, struct ct_guard *g)
{
    g->next = *list;
    *list = g;
}

static bool is_guarded(const ct_scope *scope, const ct_tensor *t)
{
    for (const struct ct_guard *g = scope->guards; g; g = g->next)
        if (g->place->storage == t->storage && g->place->offset == t->offset && ct__same_shape(g->place, t))
            return true;
    return false;
}

static void copy(ct_tensor *to, const ct_tensor *from)
{
    ct_dtype dtype = (ct_dtype)to->dtype;
    ct__copy_strided(dtype, ct__ptr(to), to->strides, dtype, ct__ptr(from), from->strides, to->shape, to->rank);
}

static void end_guard(struct ct_guard *g)
{
    ct__tensor_unref(g->place);
    ct__tensor_unref(g->elements);
    ct__free(g, sizeof *g);
}

/* Takes t, new, out of its scope; NULL stays NULL. */
static ct_tensor *disown(ct_tensor *t)
{
    if (t)
        ct__scope_move(t, NULL);
    return t;
}

static ct_status guard(ct_scope *scope, const ct_tensor *t)
{
    struct ct_guard *g = ct__alloc(sizeof *g);
    if (!g)
        return ct__no_memory("scope_guard");
    g->place = disown(ct__tensor_alias(t, "scope_guard"));
    g->elements = disown(g->place ? ct__tensor_new((ct_dtype)t->dtype, t->shape, t->rank, "scope_guard") : NULL);
    if (!g->elements) {
        end_guard(g);
        return CT_ERROR_MEMORY;
    }
    copy(g->elements, t);
    put(&scope->guards, g);
    return CT_OK;
}

ct_status ct_scope_guard(ct_tensor *t)
{
    ct_status status = ct__check_writable(t, "scope_guard");
    if (status == CT_OK)
        status = ct__check_places(t, "scope_guard");
    ct_scope *scope = users_from(ct__scope_current());
    if (status != CT_OK || !scope || ct_error_code() != CT_OK || is_guarded(scope, t))
        return status;
    return guard(scope, t);
}

/* The newest stay first, since what is put back last counts; what the scope around guards already is there as it was before. */
ct_status ct_scope_return_guards(void)
{
    ct_scope *scope = users_from(ct__scope_current()), *outer = scope ? users_from(scope->parent) : NULL;
    if (!scope)
        return ct__error(CT_ERROR_STATE, "scope_return_guards: no scope is open on this thread");
    struct ct_guard *oldest_first = NULL;
    while (outer && scope->guards)
        put(&oldest_first, take(&scope->guards));
    while (oldest_first) {
        struct ct_guard *g = take(&oldest_first);
        if (is_guarded(outer, g->place))
            end_guard(g);
        else
            put(&outer->guards, g);
    }
    return CT_OK;
}

static void end_guards(ct_scope *scope)
{
    while (scope->guards) {
        struct ct_guard *g = take(&scope->guards);
        if (ct_error_code() != CT_OK) {
            copy(g->place, g->elements);
            ct__tensor_written(g->place, "scope_guard");
        }
        end_guard(g);
    }
}

/* ---- opening and closing ---- */

static void close_innermost(void)
{
    ct__thread_state *me = ct__here();
    ct_scope *scope = me->innermost;
    end_guards(scope);
    ct__scope_pop(scope);
    scope->parent->inner = false;
    me->depth--;
    ct__free(scope, sizeof *scope);
}

/* A thread that ends inside an operation or a hook leaves the scopes around that as they are: they are on its stack. */
void ct__scopes_end(void)
{
    ct__thread_state *me = ct__here();
    while (me->innermost && me->innermost->on_heap)
        close_innermost();
    if (me->innermost == &me->root)
        ct__scope_pop(&me->root);
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

void ct__scope_pop_to(ct_scope *scope)
{
    while (ct__here()->innermost != scope) /* left open by an operation's function or a hook */
        close_innermost();
}

ct_status ct__check_calls(const ct_tensor *t, const char *what, ct_misuse misuse)
{
    for (const ct_scope *scope = ct__scope_current(); scope; scope = scope->parent) {
        if (CT_LIKELY(!scope->call))
            continue;
        ct_status status = ct__check_call(scope->call, t, what, misuse);
        if (status != CT_OK)
            return status;
    }
    return CT_OK;
}

/* Gives up what the scope owns, and closes what was left open inside it. */
static CT_HOT void empty(ct__thread_state *me, ct_scope *scope)
{
    if (CT_UNLIKELY(me->innermost != scope))
        ct__scope_pop_to(scope);
    ct_tensor *t = scope->first;
    scope->first = NULL;
    while (t) {
        ct_tensor *next = t->next;
        t->scope = NULL;
        give_up(t);
        t = next;
    }
}

void ct__scope_empty(ct_scope *scope)
{
    empty(ct__here(), scope);
}

void ct__scope_pop(ct_scope *scope)
{
    ct__thread_state *me = ct__here();
    empty(me, scope);
    me->innermost = scope->parent;
    me->region = scope->region; /* the regions begun inside end with it */
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
    t->scope = NULL;
    if (to)
        ct__scope_join(t, to);
}

ct_status ct_scope_open(void)
{
    ct_scope *scope = ct__alloc(sizeof *scope);
    if (!scope)
        return ct__no_memory("scope_open");
    ct__scope_push(scope);
    scope->on_heap = scope->parent->inner = true;
    scope->file = NULL;
    scope->line = 0;
    scope->guards = NULL;
    ct__here()->depth++;
    return CT_OK;
}

ct_status ct_at_scope(const char *file, int line, ct_status status)
{
    ct_scope *scope = ct__scope_current();
    if (status == CT_OK && scope->on_heap) {
        scope->file = file;
        scope->line = line;
    }
    return ct_at_status(file, line, status);
}

ct_status ct_scope_close(void)
{
    const ct_scope *scope = ct__scope_current();
    if (CT_UNLIKELY(scope->call))
        return ct__check_call(scope->call, NULL, "scope_close", CT_MISUSE_CLOSE);
    if (!scope->on_heap)
        return ct__error(CT_ERROR_STATE, "scope_close: no scope is open on this thread");
    close_innermost();
    return CT_OK;
}

ct_tensor *ct_scope_return(ct_tensor *t)
{
    if (ct__check_tensor(t, "scope_return") != CT_OK)
        return NULL;
    ct_scope *scope = ct__scope_current();
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

ct_tensor *ct_scope_take(ct_tensor *t)
{
    if (ct__check_tensor(t, "scope_take") != CT_OK || ct__check_calls(t, "scope_take", CT_MISUSE_RELEASE) != CT_OK)
        return NULL;
    if (!t->scope) {
        (ct_keep)(t);
        t->kept = false;
        ct__scope_move(t, ct__scope_current());
    }
    return t;
}

void ct_release(ct_tensor *t)
{
    if (!t || ct__check_tensor(t, "release") != CT_OK || ct__check_calls(t, "release", CT_MISUSE_RELEASE) != CT_OK)
        return;
    if (!t->scope && !t->kept) {
        ct__error(CT_ERROR_STATE, "release: the tensor made by '%s' was given up before", t->made_by);
        return;
    }
    ct__scope_move(t, NULL);
    t->kept = false;
    give_up(t);
}

/* ---- who holds what ---- */

/* The user's scope that grew most, itself and not what is open in it. */
static const ct_scope *largest_scope(int64_t *bytes)
{
    const ct_scope *largest = NULL;
    int64_t end = ct__here()->live_bytes;
    for (const ct_scope *scope = ct__scope_current(); scope; scope = scope->parent) {
        if (!scope->on_heap && scope->parent)
            continue; /* an operation's */
        int64_t grown = end - scope->live_at_open;
        if (!largest || grown > *bytes) {
            largest = scope;
            *bytes = grown;
        }
        end = scope->live_at_open;
    }
    return largest;
}

ct_memory ct_memory_stats(void)
{
    const ct__thread_state *me = ct__here();
    ct__account_settle();
    ct_memory stats = {
        .live_bytes = me->live_bytes,
        .peak_bytes = me->peak_bytes,
        .scope_bytes = me->live_bytes - ct__scope_current()->live_at_open,
        .cached_bytes = me->cached_bytes,
        .live_tensors = me->live_tensors,
        .scope_depth = me->depth,
    };
    const ct_scope *largest = largest_scope(&stats.largest_bytes);
    if (largest->on_heap) {
        stats.largest_file = largest->file;
        stats.largest_line = largest->line;
    }
    return stats;
}

/* What tensors of one line of the user's hold; of those without a line, what was made by one function. */
typedef struct share {
    const ct_tensor *example;
    int64_t bytes;
} share;

static bool alike(const ct_tensor *a, const ct_tensor *b)
{
    return a->file == b->file && a->line == b->line && (a->file || a->made_by == b->made_by);
}

/* A storage counts for each tensor and node that shares it in part. */
static int64_t bytes_of(const ct_tensor *t)
{
    return (int64_t)t->storage->bytes / t->storage->refs + 1;
}

/* Misra & Gries, "Finding repeated elements", 1982: without memory for all lines, any that holds a tenth is found. */
enum { SHARES = 9 };

/* The place of t's line, or an empty one; NULL if all are taken by others. */
static share *place_of(const ct_tensor *t, share *shares)
{
    share *empty = NULL;
    for (int i = 0; i < SHARES; i++) {
        if (shares[i].bytes == 0)
            empty = &shares[i];
        else if (alike(shares[i].example, t))
            return &shares[i];
    }
    return empty;
}

/* Takes as much from all places as the smallest has; returns that, or most if it is less. */
static int64_t lower_all(share *shares, int64_t most)
{
    for (int i = 0; i < SHARES; i++)
        most = shares[i].bytes < most ? shares[i].bytes : most;
    for (int i = 0; i < SHARES; i++)
        shares[i].bytes -= most;
    return most;
}

static void find_candidates(const ct_scope *scope, share *shares)
{
    for (const ct_tensor *t = scope->first; t; t = t->next) {
        int64_t bytes = bytes_of(t);
        share *place;
        while (!(place = place_of(t, shares)) && bytes > 0)
            bytes -= lower_all(shares, bytes);
        if (place)
            *place = (share){.example = t, .bytes = place->bytes + bytes};
    }
}

/* A tensor of the line that holds most in the scope; NULL for an empty one. */
static const ct_tensor *largest_share(const ct_scope *scope)
{
    share shares[SHARES] = {{.bytes = 0}}, largest = {.bytes = 0};
    find_candidates(scope, shares);
    for (int i = 0; i < SHARES; i++) {
        shares[i].bytes = 0;
        for (const ct_tensor *t = scope->first; t && shares[i].example; t = t->next)
            shares[i].bytes += alike(t, shares[i].example) ? bytes_of(t) : 0;
        largest = shares[i].bytes > largest.bytes ? shares[i] : largest;
    }
    return largest.example;
}

char *ct__memory_text(char *buffer)
{
    char place[128] = "tensors in no scope", from[160] = "";
    int64_t live = ct__here()->live_bytes, bytes = 0;
    const ct_scope *scope = largest_scope(&bytes);
    const ct_tensor *t = largest_share(scope);
    if (scope->on_heap)
        snprintf(place, sizeof place, "the scope opened at %.80s:%d", scope->file ? scope->file : "?", scope->line);
    if (t && t->file)
        snprintf(from, sizeof from, ", most from %.80s:%d (%.40s)", t->file, (int)t->line, t->made_by);
    else if (t)
        snprintf(from, sizeof from, ", most from %.40s", t->made_by);
    buffer[0] = '\0';
    if (live >= 1000000)
        ct__format(buffer, CT_MEMORY_TEXT, "; %.1f MB in use, %.1f MB of it by %s%s", (double)live * 1e-6,
                   (double)bytes * 1e-6, place, from);
    return buffer;
}
