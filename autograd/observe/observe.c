/* Observers: the thread's list of them, and telling them.
 *
 * Invariant: telling leaves everything that a result depends on as it was: recording, region, random numbers, pending error. */
#include "trace_internal.h"

struct ct_observing {
    ct_observer observer;
    void *user;
    ct_pending_error failure; /* what it recorded; it is told no more */
    ct_observing *next;
};

/* ---- the list ---- */

static ct_observing **place_of(ct_observer observer, const void *user)
{
    ct_observing **place = &ct__here()->observers;
    while (*place && ((*place)->observer != observer || (*place)->user != user))
        place = &(*place)->next;
    return place;
}

ct_status ct_observe_begin(ct_observer observer, void *user)
{
    if (!observer)
        return ct__error(CT_ERROR_NULL, "observe_begin: the observer is NULL");
    if (ct__here()->telling)
        return ct__error(CT_ERROR_STATE, "observe_begin: called by an observer");
    ct_observing **end = place_of(observer, user);
    if (*end)
        return ct__error(CT_ERROR_STATE, "observe_begin: this observer has begun before");
    ct_observing *o = ct__alloc(sizeof *o);
    if (!o)
        return ct__no_memory("observe_begin");
    *o = (ct_observing){.observer = observer, .user = user};
    *end = o;
    return CT_OK;
}

ct_status ct_observe_end(ct_observer observer, void *user)
{
    if (ct__here()->telling)
        return ct__error(CT_ERROR_STATE, "observe_end: called by an observer");
    ct_observing **place = place_of(observer, user), *o = *place;
    if (!o)
        return ct__error(CT_ERROR_STATE, "observe_end: this observer has not begun");
    *place = o->next;
    ct_status status = o->failure.code;
    ct__error_put(&o->failure);
    ct__free(o, sizeof *o);
    return status;
}

ct_status ct__observe_check(ct_observer observer, void *user)
{
    const ct_observing *o = *place_of(observer, user);
    if (o)
        ct__error_put(&o->failure);
    return o ? o->failure.code : CT_OK;
}

/* ---- telling ---- */

/* One observer's say: CT_OK, or a veto, whose error is in *veto. */
static ct_status tell_one(ct_observing *o, const ct_event *event, bool may_stop, ct_pending_error *veto)
{
    ct_status status = o->observer(event, o->user);
    if (status != CT_OK && ct_error_code() == CT_OK)
        ct__error(status, "an observer failed without saying why");
    ct__error_take(status != CT_OK && may_stop ? veto : &o->failure);
    return may_stop ? status : CT_OK;
}

/* Whether what the event tells of can still fail. */
static bool stoppable(const ct_event *event)
{
    return event->status == CT_OK && event->moment != CT_RUN_ENDED && event->moment < CT_LEAF_CHANGED;
}

ct_status ct__tell(ct_event *event)
{
    ct_observing *list = ct__here()->observers;
    ct_pending_error before, veto;
    ct_scope scope;
    ct__error_take(&before);
    event->message = before.code != CT_OK ? before.message : "";
    ct_random_state random = ct_random_get();
    int depth = ct__no_grad_depth(1);
    ct__scope_push(&scope);
    ct__here()->observers = NULL;
    ct__here()->telling = true;
    ct_status status = CT_OK;
    for (ct_observing *o = list; o; o = o->next) {
        ct_status own =
            o->failure.code == CT_OK ? tell_one(o, event, status == CT_OK && stoppable(event), &veto) : CT_OK;
        status = status == CT_OK ? own : status;
    }
    ct__here()->telling = false;
    ct__here()->observers = list;
    ct__scope_pop(&scope);
    ct__no_grad_depth(depth);
    ct_random_set(random);
    ct__error_put(&before);
    if (status != CT_OK)
        ct__error_put(&veto);
    return status;
}

ct_status ct__tell_forward(ct_moment moment, ct_call *call, ct_status status)
{
    bool ended = moment == CT_FORWARD_ENDED && status == CT_OK;
    ct_event event = {.moment = moment,
                      .status = status,
                      .op = call->op,
                      .attributes = call->attributes,
                      .region = ct_region(),
                      .inputs = (const ct_tensor *const *)call->inputs,
                      .n_inputs = call->n_inputs,
                      .n_outputs = call->n_outputs,
                      .outputs = ended ? (const ct_tensor *const *)call->outputs : NULL};
    if (ended && !ct__is_expression(call->op))
        event.node = call->outputs[0]->node;
    if (ended && call->op->flops)
        event.flops = call->op->flops(call);
    ct_status told = ct__tell(&event);
    return status == CT_OK ? told : status;
}

ct_status ct__tell_backward(ct_moment moment, const ct_call *call, ct_status status)
{
    ct_event event = {.moment = moment,
                      .status = status,
                      .op = call->op,
                      .attributes = call->attributes,
                      .node = call->node,
                      .region = ct_region(),
                      .n_inputs = call->n_inputs,
                      .n_outputs = call->n_outputs,
                      .wanted = call->needs,
                      .grad_outputs = (const ct_tensor *const *)call->grad_outputs};
    if (moment == CT_BACKWARD_ENDED)
        event.grad_inputs = (const ct_tensor *const *)call->grad_inputs;
    ct_status told = ct__tell(&event);
    return status == CT_OK ? told : status;
}

ct_status ct__tell_run(ct_moment moment, ct_tensor *const *roots, int n, ct_status status)
{
    ct_event event = {.moment = moment,
                      .status = status,
                      .region = ct_region(),
                      .roots = (const ct_tensor *const *)roots,
                      .n_roots = n};
    ct_status told = ct__tell(&event);
    return status == CT_OK ? told : status;
}

ct_status ct__tell_gradient(ct_moment moment, const ct_arrival *a, const ct_tensor *sum, ct_status status)
{
    ct_event event = {.moment = moment,
                      .status = status,
                      .op = a->from ? a->from->op : NULL,
                      .node = a->from,
                      .region = ct_region(),
                      .input = a->input,
                      .to_node = a->to->node,
                      .to_output = a->to->output,
                      .to_leaf = a->to->leaf,
                      .gradient = a->gradient,
                      .sum = sum};
    ct_status told = ct__tell(&event);
    return status == CT_OK ? told : status;
}

ct_status ct__tell_leaf(ct_moment moment, const ct_tensor *leaf, const ct_tensor *gradient, const ct_tensor *sum)
{
    ct_event event = {.moment = moment, .region = ct_region(), .to_leaf = leaf, .gradient = gradient, .sum = sum};
    return ct__tell(&event);
}

static void tell_written(ct_tensor *t)
{
    ct_event event = {.moment = CT_TENSOR_WRITTEN, .region = ct_region(), .to_leaf = t};
    if (CT_UNLIKELY(ct__here()->observers))
        ct__tell(&event);
}

/* A thread that ends while it is observed. */
static void forget_observers(void)
{
    ct__trace_forget();
    ct__anomaly_forget();
    ct__profile_forget();
    ct__why_forget();
    while (ct__here()->observers) {
        ct_observing *o = ct__here()->observers;
        ct__here()->observers = o->next;
        ct__free(o, sizeof *o);
    }
}

__attribute__((constructor)) static void install(void)
{
    ct__thread_forget = forget_observers;
    ct__write_noted = tell_written;
}
