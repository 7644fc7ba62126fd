/* The story's beginning: what came in, and each operation with its value. */
#include "story.h"
#include <string.h>

/* One of "axis=1 p=0.10000000000000001", with the numbers as people read them. */
static const char *attribute(ct_story *s, const char *word, size_t length)
{
    const char *equals = memchr(word, '=', length);
    const char *shown = ct__story_text(s, "; %.*s", (int)(equals ? equals + 1 - word : (long)length), word);
    for (const char *at = equals ? equals + 1 : word + length; at < word + length;) {
        char number[CT_NUMBER_TEXT], *end;
        double value = ct__strtod(at, &end);
        size_t rest = strcspn(end, ", ");
        shown = ct__story_text(s, "%s%s%.*s", shown, end == at ? "" : ct_number_text(value, number), (int)rest, end);
        at = end + rest;
        if (*at == ',')
            shown = ct__story_text(s, "%s,", shown), at++;
        else
            break;
    }
    return shown;
}

/* "; axis=1", "" without any. What stands behind the first and is all zero is left out: it is so if nobody says anything. */
static const char *attributes(ct_story *s, const ct_trace_node *node)
{
    const char *shown = "", *words = node->attributes ? node->attributes : "";
    for (const char *word = words; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " "), name = strcspn(word, "=");
        if ((word == words && name + 1 < length) || strspn(word + name, "=0,") < length - name)
            shown = ct__story_text(s, "%s%s", shown, attribute(s, word, length));
        word += length;
    }
    return shown;
}

static void tell_operation(ct_story *s, const ct_trace_node *node)
{
    char call[CT_STORY_TEXT];
    size_t used = (size_t)snprintf(call, sizeof call, "= %s(", node->op);
    for (int i = 0; i < node->n_inputs && used < sizeof call; i++)
        used += (size_t)snprintf(call + used, sizeof call - used, i ? ", %s" : "%s",
                                 node->inputs[i] < 0 ? "-" : s->labels[node->inputs[i]]);
    if (used < sizeof call)
        snprintf(call + used, sizeof call - used, "%s", attributes(s, node));
    ct__story_line(s, node->op, s->labels[node->id], ct__story_text(s, "%.*s)", CT_STORY_TEXT - 2, call),
                   node->failed ? ct__story_text(s, "failed: %s", node->failed)
                                : ct__story_text(s, "= %s", ct__story_value(s, node->value)));
}

/* Whether a constant is called by its value, as those of an expression are: "2", "[1,2]". */
static bool says_itself(ct_story *s, const ct_trace_node *node)
{
    const char *name = s->labels[node->id], *shown = ct__story_value(s, node->value);
    while (*name && *name == *shown) {
        name++;
        shown++;
        name += strspn(name, " ");
        shown += strspn(shown, " ");
    }
    return node->kind == CT_TRACE_CONSTANT && !*name && !*shown;
}

void ct__story_inputs(ct_story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        if (!s->told[id] || node->kind == CT_TRACE_RESULT || says_itself(s, node))
            continue;
        const char *kind = node->kind == CT_TRACE_LEAF ? "asks for a gradient" : "";
        ct__story_line(s, s->labels[id], "", ct__story_text(s, "= %s", ct__story_value(s, node->value)), kind);
    }
    ct__story_end(s, "inputs");
}

void ct__story_forward(ct_story *s)
{
    const ct_trace_log *trace = s->trace;
    for (int64_t id = 0; id < trace->n_nodes; id++) {
        const ct_trace_node *node = &trace->nodes[id];
        if (!s->told[id] || node->kind != CT_TRACE_RESULT)
            continue;
        const char *fold = ct__story_fold(s, node);
        int64_t count = 0, last = id;
        for (int64_t k = id; fold && k < trace->n_nodes &&
                             (!s->told[k] || trace->nodes[k].kind != CT_TRACE_RESULT ||
                              ct__story_same_fold(fold, ct__story_fold(s, &trace->nodes[k])));
             k++) {
            bool counts = s->told[k] && trace->nodes[k].kind == CT_TRACE_RESULT;
            count += counts;
            last = counts ? k : last;
        }
        if (count < 2) {
            tell_operation(s, node);
            continue;
        }
        ct__story_line(s, fold, ct__story_text(s, "%lld operations", (long long)count), "",
                       ct__story_text(s, "= %s", ct__story_value(s, trace->nodes[last].value)));
        id = last;
    }
    ct__story_end(s, "forward");
}
