/* Where the sizes of a tensor were born: each is followed back through the operations that hand it on, to the tensor that came with it or
 * the operation that made it. Invariant: only what the shape rules have said of this very trace is said. */
#include "trace_internal.h"
#include <stdarg.h>
#include <string.h>

enum { TEXT = 700, BIRTHS = 3 }; /* bytes of a sentence; births that are named for one size */

/* A sentence that is being written. */
typedef struct sentence {
    const ct_trace_log *trace;
    char text[TEXT];
    size_t used;
} sentence;

__attribute__((format(printf, 2, 3))) static void add(sentence *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (s->used < sizeof s->text)
        s->used += (size_t)vsnprintf(s->text + s->used, sizeof s->text - s->used, format, arguments);
    va_end(arguments);
}

static int64_t size_of(const ct_trace_node *node, int axis)
{
    return node->value->shape[axis];
}

/* Its name, or what made it; with the line of what is no result, since that is where its sizes stand. */
static void add_tensor(sentence *s, const ct_trace_node *node)
{
    char text[CT_OPERATION_TEXT];
    if (!node->name)
        add(s, "%s", ct__operation_text(node, text));
    else if (node->kind != CT_TRACE_RESULT && node->file)
        add(s, "%.60s (%s:%d)", node->name, node->file, node->line);
    else
        add(s, "%.60s", node->name);
}

/* The axes of input i that axis k of node comes from, a bit each. */
static unsigned origins(const ct_trace_node *node, int k, int i)
{
    return node->axes && node->inputs[i] >= 0 ? node->axes[k * node->n_inputs + i] : 0;
}

/* Whether axis k of node is handed on as it is: it comes from axes of its own size alone. */
static bool is_handed_on(const ct_trace_log *trace, const ct_trace_node *node, int k)
{
    bool any = false;
    for (int i = 0; i < node->n_inputs; i++)
        for (unsigned left = origins(node, k, i); left; left &= left - 1) {
            any = true;
            if (size_of(&trace->nodes[node->inputs[i]], __builtin_ctz(left)) != size_of(node, k))
                return false;
        }
    return any;
}

/* " is made by 'conv2d' (net.c:12) of 28 (axis 2 of image) and 5 (axis 2 of w)"; " comes out of 'conv2d' (net.c:12)" of a graph that is
 * older than the trace. */
static void add_maker(sentence *s, const ct_trace_node *node, int k)
{
    char text[CT_OPERATION_TEXT];
    const char *before = " of ";
    add(s, node->axes ? " is made by %s" : " comes out of %s", ct__operation_text(node, text));
    for (int i = 0; i < node->n_inputs; i++)
        for (unsigned left = origins(node, k, i); left; left &= left - 1, before = " and ") {
            const ct_trace_node *input = &s->trace->nodes[node->inputs[i]];
            int axis = __builtin_ctz(left);
            add(s, "%s%lld (axis %d of ", before, (long long)size_of(input, axis), axis);
            add_tensor(s, input);
            add(s, ")");
        }
}

/* The axis k of node is born there. */
static void add_birth(sentence *s, const ct_trace_node *node, int k, int births)
{
    if (births >= BIRTHS)
        return;
    add(s, births ? " and" : "");
    if (node->kind == CT_TRACE_RESULT) {
        add_maker(s, node, k);
        return;
    }
    add(s, births ? " axis %d of " : " is axis %d of ", k);
    add_tensor(s, node);
}

/* Hands what is reached of node on to its inputs. */
static void hand_on(const ct_trace_node *node, int k, uint8_t *reached)
{
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0)
            reached[node->inputs[i]] |= (uint8_t)origins(node, k, i);
}

/* Follows axis k of node id, whose inputs have smaller ids. reached has a zero for each node up to it. */
static void add_axis(sentence *s, int64_t id, int k, uint8_t *reached)
{
    int births = 0;
    add(s, "%lld", (long long)size_of(&s->trace->nodes[id], k));
    reached[id] = (uint8_t)(1U << k);
    for (; id >= 0; id--) {
        for (unsigned left = reached[id]; left; left &= left - 1) {
            const ct_trace_node *node = &s->trace->nodes[id];
            int axis = __builtin_ctz(left);
            if (is_handed_on(s->trace, node, axis))
                hand_on(node, axis, reached);
            else
                add_birth(s, node, axis, births++);
        }
        reached[id] = 0;
    }
    if (births > BIRTHS)
        add(s, " and %d more", births - BIRTHS);
}

static void add_shape(sentence *s, int64_t id, uint8_t *reached)
{
    char shape[CT_SHAPE_TEXT];
    const ct_trace_node *node = &s->trace->nodes[id];
    add(s, "%s", ct__shape_text(node->value->shape, node->value->rank, shape));
    if (node->value->rank == 0)
        add(s, ", one number");
    else if (node->kind != CT_TRACE_RESULT)
        add(s, ", its own");
    for (int k = 0; k < node->value->rank && node->kind == CT_TRACE_RESULT; k++) {
        add(s, k ? ", " : ": ");
        add_axis(s, id, k, reached);
    }
}

static void add_inputs(sentence *s, const ct_trace_node *node, uint8_t *reached)
{
    for (int i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] < 0)
            continue;
        add(s, s->used ? "; " : "");
        add_tensor(s, &s->trace->nodes[node->inputs[i]]);
        add(s, " is ");
        add_shape(s, node->inputs[i], reached);
    }
}

const char *ct_trace_shape(const ct_trace_log *trace, int64_t id)
{
    const ct_trace_node *node = ct_trace_node_at(trace, id);
    sentence s = {.trace = trace};
    if (!node)
        return ct__say("the trace has no such tensor");
    uint8_t *reached = ct__alloc((size_t)id + 1);
    if (!reached)
        return ct__say("there is no memory to look for it");
    memset(reached, 0, (size_t)id + 1);
    if (node->failed)
        add_inputs(&s, node, reached);
    else
        add_shape(&s, id, reached);
    ct__free(reached, (size_t)id + 1);
    return ct__say("%s%s", s.text, s.used < sizeof s.text ? "" : "...");
}
