/* The door: every operation, the library's or a user's, goes through ct_apply().
 *
 * Invariant: outputs leave here complete, or not at all: a failed call gives back what it made and records one error. */
#include "observe/observe_internal.h"
#include <string.h>

void ct_no_grad_begin(void)
{
    ct__here()->no_grad_depth++;
}

void ct_no_grad_end(void)
{
    ct__thread_state *me = ct__here();
    if (me->no_grad_depth > 0)
        me->no_grad_depth--;
}

bool ct_grad_enabled(void)
{
    return ct__records();
}

int ct__no_grad_depth(int depth)
{
    ct__thread_state *me = ct__here();
    int before = me->no_grad_depth;
    me->no_grad_depth = depth;
    return before;
}

/* ---- the door ---- */

/* An expression stands alone, or beside the whole of its shortcut. */
static inline bool has_one_kind(const ct_op *op)
{
    if (!op->expression)
        return true;
    return op->infer ? op->forward && op->backward : !op->forward && !op->backward && !op->saves;
}

static inline int visible_outputs(const ct_op *op)
{
    return op->outputs ? op->outputs : 1;
}

/* With those that are hidden; of a record that is not checked yet no more than there may be. */
static inline int all_outputs(const ct_op *op)
{
    if (CT_LIKELY((op->outputs | op->hidden) == 0))
        return 1;
    int64_t n = (int64_t)visible_outputs(op) + op->hidden;
    return n < CT_MAX_OUTPUTS ? (int)n : CT_MAX_OUTPUTS;
}

static inline bool has_room_for_hidden(const ct_op *op)
{
    return op->hidden == 0 ||
           (op->expression && op->infer && op->hidden > 0 && op->hidden <= CT_MAX_OUTPUTS - visible_outputs(op));
}

static CT_COLD ct_status explain_record(const ct_op *op, int n, const void *attributes)
{
    const char *fault = NULL;
    if (!op->infer && !op->expression)
        fault = "has neither a shape rule nor an expression";
    else if (!has_one_kind(op))
        fault = "has an expression and a part of infer, forward and backward: beside it there are all or none";
    else if (op->outputs < 0 || op->outputs > CT_MAX_OUTPUTS)
        fault = "must have 0 <= outputs <= CT_MAX_OUTPUTS";
    else if (!has_room_for_hidden(op))
        fault = "must have 0 <= hidden, without a shortcut 0, and no more than CT_MAX_OUTPUTS with its outputs";
    else if (op->attributes_size > CT_MAX_ATTRIBUTES)
        fault = "must have attributes_size <= CT_MAX_ATTRIBUTES";
    else if (attributes && op->attributes_size == 0)
        fault = "has attributes_size 0, and is given attributes";
    else if (op->min_inputs < 0 || op->max_inputs < op->min_inputs || op->max_inputs > CT_MAX_INPUTS)
        fault = "must have 0 <= min_inputs <= max_inputs <= CT_MAX_INPUTS";
    if (fault)
        return ct__error(CT_ERROR_ARGUMENT, "%s: the record %s", ct__called(op), fault);
    return ct__error(CT_ERROR_ARGUMENT, "%s: %d inputs, takes %d to %d", ct__called(op), n, op->min_inputs,
                     op->max_inputs);
}

/* Checks what every call needs of its record; what only an expression or recording needs is checked there. */
static inline ct_status check_record(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes)
{
    if (CT_UNLIKELY(!op || !op->name || (n > 0 && !inputs)))
        return ct__error(CT_ERROR_ARGUMENT, "apply: %s",
                         !op || !op->name ? "the operation is NULL or has no name" : "inputs is NULL");
    bool good = (op->infer || op->expression) && has_one_kind(op) && (unsigned)op->outputs <= CT_MAX_OUTPUTS &&
                has_room_for_hidden(op) && op->attributes_size <= CT_MAX_ATTRIBUTES &&
                (op->attributes_size || !attributes) && n >= op->min_inputs && n <= op->max_inputs &&
                (unsigned)n <= CT_MAX_INPUTS;
    return CT_LIKELY(good) ? CT_OK : explain_record(op, n, attributes);
}

bool ct_has_no_gradient(const ct_op *op)
{
    return op && ct__has_no_gradient(op);
}

/* Checks what recording needs of the record. */
static inline ct_status check_recorded(ct_call *call)
{
    const ct_op *op = call->op;
    uint64_t inputs = op->saves & CT_SAVE_INPUTS, outputs = op->saves >> 48;
    bool all = inputs == CT_SAVE_INPUTS || op->max_inputs >= 48;
    if (CT_UNLIKELY((!all && inputs >> op->max_inputs) || outputs >> call->n_outputs))
        return ct_call_error(call, CT_ERROR_ARGUMENT, "the record saves an input or an output that it does not have");
    if (CT_UNLIKELY(ct__has_no_gradient(op)))
        return ct_call_error(call, CT_ERROR_ARGUMENT, "the record says \"%s\", and has a backward", op->gradient);
    return CT_OK;
}

/* The beginning of a sentence about input i: "the index is", "the labels are", "input 1 is". */
static const char *role_of(const ct_op *op, int i, char *text, size_t size)
{
    const char *word = op->roles ? op->roles : "";
    for (int k = 0; k < i && *word; k++) {
        word += strcspn(word, " ");
        word += *word == ' ';
    }
    size_t length = strcspn(word, " ");
    if (length)
        snprintf(text, size, "the %.*s %s", (int)length, word, word[length - 1] == 's' ? "are" : "is");
    else
        snprintf(text, size, "input %d is", i);
    return text;
}

/* "float32, float64 or int64" */
static const char *set_text(unsigned set, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned rest = set & CT_ANY_DTYPE; rest && used < size; rest &= rest - 1) {
        const char *between = used == 0 ? "" : rest & (rest - 1) ? ", " : " or ";
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", between, ct_dtype_name((ct_dtype)__builtin_ctz(rest)));
    }
    return text;
}

/* The set of element types that input i may have, when that of the input before is given. */
static inline unsigned takes_after(unsigned before, const ct_op *op, int i)
{
    return i < CT_TAKES && op->takes[i] ? op->takes[i] : before;
}

static bool has_choice(unsigned set)
{
    return (set & (set - 1)) && !(set & CT_MIXED);
}

/* The error about inputs whose element types do not go with the record, or with each other. */
static CT_COLD ct_status explain_dtypes(const ct_op *op, ct_tensor *const *inputs, int n)
{
    char role[64], types[64];
    int first = -1;
    unsigned set = CT_FLOATS;
    for (int i = 0; i < n; i++) {
        set = takes_after(set, op, i);
        if (!inputs[i])
            continue;
        const char *name = ct_dtype_name((ct_dtype)inputs[i]->dtype);
        if (!(set & CT_ONLY(inputs[i]->dtype)) && set == CT_FLOATS)
            return ct__error(CT_ERROR_DTYPE, "%s: takes float32 or float64, not %s; ct_cast() it", ct__called(op),
                             name);
        if (!(set & CT_ONLY(inputs[i]->dtype)))
            return ct__error(CT_ERROR_DTYPE, "%s: %s %s, not %s; see ct_cast()", ct__called(op),
                             role_of(op, i, role, sizeof role), name, set_text(set, types, sizeof types));
        if (!has_choice(set))
            continue;
        if (first >= 0 && inputs[first]->dtype != inputs[i]->dtype)
            return ct__error(CT_ERROR_DTYPE, "%s: dtypes differ: %s and %s (inputs %d and %d)", ct__called(op),
                             ct_dtype_name((ct_dtype)inputs[first]->dtype), name, first, i);
        first = first < 0 ? i : first;
    }
    return CT_ERROR_DTYPE;
}

/* Whether the inputs' element types go with the record, for one that says which it takes. */
static __attribute__((noinline)) bool dtypes_go(const ct_op *op, ct_tensor *const *inputs, int n)
{
    unsigned set = CT_FLOATS, joint = ~0U;
    for (int i = 0; i < n; i++) {
        set = takes_after(set, op, i);
        if (!inputs[i])
            continue;
        if (!(set & CT_ONLY(inputs[i]->dtype)))
            return false;
        joint &= has_choice(set) ? CT_ONLY(inputs[i]->dtype) : ~0U;
    }
    return joint != 0;
}

/* Whether all inputs are to choose from one set, alike; that set. */
static inline bool takes_alike(const ct_op *op, unsigned *set)
{
    uint64_t sets[2];
    _Static_assert(sizeof sets == sizeof op->takes, "the sets are two words");
    memcpy(sets, op->takes, sizeof sets);
    *set = op->takes[0] ? op->takes[0] : CT_FLOATS;
    return (sets[0] ^ op->takes[0]) == 0 && sets[1] == 0 && !(op->takes[0] & CT_MIXED);
}

/* Checks the inputs, and tells whether one of them asks for a gradient. */
static inline ct_status check_inputs(const ct_op *op, ct_tensor *const *inputs, int n, bool *requires_grad)
{
    unsigned joint = ~0U, set;
    bool any = false;
    for (int i = 0; i < n; i++) {
        const ct_tensor *input = inputs[i];
        if (CT_LIKELY(input != NULL)) {
            if (CT_UNLIKELY(!ct__is_alive(input)))
                return ct__check_tensor(input, ct__called(op));
            joint &= CT_ONLY(input->dtype);
            any |= input->requires_grad;
        } else if (i < op->min_inputs || op->max_inputs == CT_MAX_INPUTS) {
            return ct__error(CT_ERROR_NULL, "%s: input %d is NULL", ct__called(op), i);
        } else if (ct_error_code() != CT_OK) { /* left out, or what a failed expression gave? */
            return ct_error_code();
        }
    }
    *requires_grad = any;
    bool good = takes_alike(op, &set) ? (joint & set) != 0 : dtypes_go(op, inputs, n);
    return CT_LIKELY(good) ? CT_OK : explain_dtypes(op, inputs, n);
}

/* Leaves a node behind. */
static CT_HOT ct_status record(ct_call *call)
{
    ct_status status = check_recorded(call);
    if (CT_UNLIKELY(status != CT_OK))
        return status;
    struct ct_node *node = ct__node_new(call);
    if (CT_UNLIKELY(!node))
        return CT_ERROR_MEMORY;
    for (int i = 0; i < call->n_outputs; i++) {
        ct_tensor *output = call->outputs[i];
        if (!ct__has_gradient((ct_dtype)output->dtype))
            continue;
        output->node = node;
        output->output = i;
        output->requires_grad = true;
        node->refs++;
    }
    ct__node_unref(node); /* ours; the outputs have theirs */
    return CT_OK;
}

/* For those who ask why there is no gradient. */
static inline void note_unrecorded(ct_call *call)
{
    uint8_t why = call->op->backward ? CT_PAST_NO_GRAD : CT_PAST_NO_BACKWARD;
    for (int i = 0; i < call->n_outputs; i++)
        call->outputs[i]->past |= why;
}

/* ---- what an operation's functions may not do ---- */

static bool holds(ct_tensor *const *tensors, int n, const ct_tensor *t, bool elements)
{
    for (int i = 0; i < n; i++)
        if (tensors[i] && (tensors[i] == t || (elements && tensors[i]->storage == t->storage)))
            return true;
    return false;
}

/* What t is for the call, or NULL if nothing; elements: also when it only shares them. */
static const char *part_of(const ct_call *call, const ct_tensor *t, bool elements)
{
    if (call->node) {
        if (holds(call->grad_outputs, call->n_outputs, t, elements))
            return "a cotangent";
        if (holds(call->grad_inputs, call->n_inputs, t, false))
            return "a gradient";
        return ct__node_saves(call->node, t, elements) ? "a saved tensor" : NULL;
    }
    if (holds(call->inputs, call->n_inputs, t, elements))
        return "an input";
    return !elements && holds(call->outputs, call->n_outputs, t, false) ? "an output" : NULL;
}

static ct_status check_call(ct_call *call, const ct_tensor *t, const char *what, ct_misuse misuse)
{
    if (misuse == CT_MISUSE_WRITE && call->may_write)
        return CT_OK;
    const char *part = t ? part_of(call, t, misuse == CT_MISUSE_WRITE) : NULL;
    if (t && !part)
        return CT_OK;
    call->refused = true;
    const char *function = call->node ? "backward of " : "";
    if (!t)
        return ct__error(CT_ERROR_STATE, "%s: %s'%s' closes a scope that it has not opened", what, function,
                         call->op->name);
    return ct__error(CT_ERROR_STATE, "%s: %s'%s' may not %s %s", what, function, call->op->name,
                     misuse == CT_MISUSE_WRITE ? "change" : "give up", part);
}

ct_status ct__call_misused(ct_call *call, ct_status status)
{
    if (call->scope->inner) {
        ct__scope_pop_to(call->scope);
        ct__error(CT_ERROR_STATE, "%s'%s' leaves a scope open", call->node ? "backward of " : "", call->op->name);
        return CT_ERROR_STATE;
    }
    return status == CT_OK ? ct_error_code() : status;
}

/* What forward makes on its way, a row-major copy of a strided input say, goes when it is done. */
static CT_HOT ct_status run_forward(ct_call *call)
{
    ct_scope *scope = call->outputs[0]->scope;
    ct__call_begin(call, scope);
    const ct_tensor *newest = scope->first;
    ct_status status = ct__call_end(call, call->op->forward(call));
    while (CT_UNLIKELY(scope->first != newest && scope->first))
        ct_release(scope->first);
    return status;
}

static __attribute__((noinline)) ct_status check_views(ct_call *call)
{
    for (int i = 0; i < call->n_outputs; i++)
        if (!ct__call_is_view(call, i))
            return ct_call_error(call, CT_ERROR_ARGUMENT, "the record has no forward, and output %d is no view", i);
    return CT_OK;
}

/* What a gradient is wanted for, and the record has no backward: it must say so. */
static CT_COLD ct_status check_cut(ct_call *call)
{
    bool floats = false;
    for (int i = 0; i < call->n_outputs; i++)
        floats |= ct__has_gradient((ct_dtype)call->outputs[i]->dtype);
    if (!floats || ct__has_no_gradient(call->op))
        return CT_OK;
    return ct_call_error(call, CT_ERROR_STATE,
                         "an input asks for a gradient, and the record has no backward; one without a gradient says "
                         "\"none: why\" in .gradient");
}

/* What an expression gave must be there, and be the caller's still. */
static ct_status check_results(ct_call *call)
{
    for (int i = 0; i < call->n_outputs; i++)
        if (!call->outputs[i])
            return ct_error_code() != CT_OK ? ct_error_code()
                                            : ct_call_error(call, CT_ERROR_STATE, "failed without saying why");
        else if (!ct__is_alive(call->outputs[i]))
            return ct__check_tensor(call->outputs[i], ct__called(call->op));
    return CT_OK;
}

/* What it makes belongs to the scope that is open, as in any function. */
static __attribute__((noinline)) ct_status run_expression(ct_call *call)
{
    const ct_op *op = call->op;
    const ct_part *outer = call->thread->region, *inner = ct__region_of(outer, ct__called(op), true);
    if (!inner)
        return CT_ERROR_MEMORY;
    call->thread->region = inner;
    call->may_write = true;
    ct__call_begin(call, ct__scope_current());
    call->outputs[0] = op->expression(call);
    ct_status status = ct__call_end(call, CT_OK);
    call->thread->region = outer;
    return status == CT_OK ? check_results(call) : status;
}

/* What only backward sees is the node's alone. */
static void drop_hidden(ct_call *call)
{
    while (call->n_outputs > visible_outputs(call->op)) {
        ct_release(call->outputs[--call->n_outputs]);
        call->outputs[call->n_outputs] = NULL;
    }
}

static CT_HOT ct_status run(ct_call *call, bool requires_grad)
{
    const ct_op *op = call->op;
    if (!op->infer)
        return run_expression(call);
    ct_status status = op->infer(call);
    for (int i = 0; status == CT_OK && i < call->n_outputs; i++)
        if (!call->outputs[i])
            status = ct_call_error(call, CT_ERROR_STATE, "its shape rule has not declared output %d", i);
    if (status == CT_OK)
        status = op->forward ? run_forward(call) : check_views(call);
    if (status == CT_OK && requires_grad) {
        bool records = call->thread->no_grad_depth == 0;
        if (op->backward && records) {
            status = record(call);
        } else {
            note_unrecorded(call);
            status = CT_UNLIKELY(records) ? check_cut(call) : CT_OK;
        }
    }
    if (CT_UNLIKELY(op->hidden))
        drop_hidden(call);
    if (CT_UNLIKELY(status != CT_OK) && ct_error_code() == CT_OK)
        ct_call_error(call, status, "failed without saying why");
    return status;
}

static CT_COLD ct_status run_observed(ct_call *call, bool requires_grad)
{
    ct_status status = ct__tell_forward(CT_FORWARD_BEGINS, call, CT_OK);
    if (status == CT_OK)
        status = run(call, requires_grad);
    return ct__tell_forward(CT_FORWARD_ENDED, call, status);
}

/* Whether results are what an expression gives, and not made for the call. */
static inline bool takes_expression(const ct_op *op)
{
    return op->expression && (!op->infer || ct__here()->definitions);
}

/* outputs has room for those that are hidden too. */
static CT_HOT ct_status apply(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes,
                              ct_tensor **outputs)
{
    static const _Alignas(max_align_t) char zeros[CT_MAX_ATTRIBUTES];
    bool requires_grad = false;
    outputs[0] = NULL;
    ct_status status = check_record(op, inputs, n, attributes);
    int n_outputs = op ? all_outputs(op) : 1;
    for (int i = 1; CT_UNLIKELY(i < n_outputs); i++)
        outputs[i] = NULL;
    if (status == CT_OK)
        status = check_inputs(op, inputs, n, &requires_grad);
    if (status != CT_OK)
        return status;
    if (CT_UNLIKELY(op->infer && takes_expression(op)))
        return ct__apply_definition(op, inputs, n, attributes, outputs);
    ct_call call; /* every member by itself: see tensor_new */
    call.op = op;
    call.thread = ct__here();
    call.attributes = attributes ? attributes : zeros;
    call.inputs = inputs;
    call.n_inputs = n;
    call.n_outputs = n_outputs;
    call.outputs = outputs;
    call.node = NULL;
    call.grad_outputs = call.grad_inputs = NULL;
    call.needs = NULL;
    call.may_write = false;
    status = CT_LIKELY(!call.thread->observers) ? run(&call, requires_grad) : run_observed(&call, requires_grad);
    for (int i = 0; status != CT_OK && i < call.n_outputs; i++) {
        if (op->infer)
            ct_release(outputs[i]);
        outputs[i] = NULL;
    }
    return status;
}

ct_tensor *ct_apply(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes)
{
    ct_tensor *outputs[CT_MAX_OUTPUTS];
    if (apply(op, inputs, n, attributes, outputs) != CT_OK)
        return NULL;
    for (int i = 1; i < op->outputs && !takes_expression(op); i++)
        ct_release(outputs[i]);
    return outputs[0];
}

ct_status ct_apply_multi(const ct_op *op, ct_tensor *const *inputs, int n, const void *attributes, ct_tensor **outputs)
{
    ct_tensor *all[CT_MAX_OUTPUTS];
    if (!outputs)
        return ct__error(CT_ERROR_NULL, "apply_multi: outputs is NULL");
    outputs[0] = NULL;
    ct_status status = apply(op, inputs, n, attributes, all);
    for (int i = 0; op && i < visible_outputs(op) && i < CT_MAX_OUTPUTS; i++)
        outputs[i] = all[i];
    return status;
}

ct_status ct_at_outputs(const char *file, int line, ct_status status, const ct_op *op, ct_tensor *const *outputs)
{
    int n = !op || !outputs ? 0 : op->outputs == 0 ? 1 : op->outputs;
    for (int i = 0; status == CT_OK && i < n && i < CT_MAX_OUTPUTS; i++)
        if (outputs[i])
            ct_at(file, line, outputs[i]);
    return ct_at_status(file, line, status);
}

__attribute__((constructor)) static void install(void)
{
    ct__check_call = check_call;
}
