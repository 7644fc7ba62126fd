/* The terminal story: forward values, then each backward step with its numbers, then the gradients, and what an optimiser made of them.
 *
 * Invariant: it tells the trace's steps in their order. */
#include "story.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLD = 60 }; /* steps, from which on regions are a line each */

CT_OPTIONS_INIT(ct_explain_options)

/* ---- what is told ---- */

static void mark_way_back(ct_story *s, int64_t root)
{
    s->told[root] = true;
    for (int64_t id = root; id >= 0; id--)
        for (int i = 0; s->told[id] && i < s->trace->nodes[id].n_inputs; i++)
            if (s->trace->nodes[id].inputs[i] >= 0)
                s->told[s->trace->nodes[id].inputs[i]] = true;
}

/* Of what is told only that which leads to the tensor of that name. */
static ct_status keep_way_to(ct_story *s, const char *name)
{
    int64_t to = s->trace->n_nodes - 1; /* the newest of that name behind the root */
    while (to >= 0 && (!s->told[to] || !s->trace->nodes[to].name || strcmp(s->trace->nodes[to].name, name) != 0))
        to--;
    if (to < 0 && ct_trace_find(s->trace, name) >= 0)
        return ct__error(CT_ERROR_ARGUMENT, "explain: '%s' is not behind %s", name, s->root);
    if (to < 0)
        return ct__error(CT_ERROR_ARGUMENT, "explain: the trace has no tensor named '%s'", name);
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        bool leads = id == to;
        for (int i = 0; i < node->n_inputs; i++)
            leads = leads || (id > to && node->inputs[i] >= to && s->told[node->inputs[i]]);
        s->told[id] = s->told[id] && leads;
    }
    return CT_OK;
}

/* ---- folding ---- */

const char *ct__story_fold(ct_story *s, const ct_trace_node *node)
{
    if (!s->fold || !*node->region)
        return NULL;
    const char *open = s->options->region ? s->options->region : "";
    size_t length = strlen(open);
    bool inside =
        length && strncmp(node->region, open, length) == 0 && (node->region[length] == '.' || !node->region[length]);
    if (inside && !node->region[length])
        return NULL;
    const char *rest = node->region + (inside ? length + 1 : 0), *dot = strchr(rest, '.');
    return dot ? ct__story_text(s, "%.*s", (int)(dot - node->region), node->region) : node->region;
}

bool ct__story_same_fold(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* ---- the whole ---- */

static bool choose(ct_choice choice, bool otherwise)
{
    return choice == CT_AUTO ? otherwise : choice == CT_YES;
}

static bool utf8_wanted(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale)
            return strstr(locale, "UTF-8") || strstr(locale, "utf8");
    }
    return false;
}

static bool color_wanted(FILE *stream)
{
    const char *no = getenv("NO_COLOR"); /* https://no-color.org */
    int file = fileno(stream);
    return !(no && *no) && file >= 0 && isatty(file);
}

static int64_t count_told(const ct_story *s)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->trace->n_steps; k++)
        n += ct__story_has(s, &s->trace->steps[k]);
    return n;
}

static ct_status tell(ct_story *s, int64_t root)
{
    s->root = s->trace->nodes[root].name ? s->trace->nodes[root].name : "L";
    s->run = 0;
    for (int64_t k = 0; k < s->trace->n_steps; k++)
        if (s->trace->steps[k].action == CT_STEP_SEED && s->trace->steps[k].to == root)
            s->run = s->trace->steps[k].run;
    mark_way_back(s, root);
    if (s->options->to && keep_way_to(s, s->options->to) != CT_OK)
        return ct_error_code();
    s->fold = !s->options->whole && count_told(s) > FOLD;
    ct__story_inputs(s);
    ct__story_forward(s);
    ct__story_backward(s);
    ct__story_gradients(s);
    ct__story_updates(s);
    ct__story_forecast(s);
    return s->status;
}

static ct_status explain(const ct_trace_log *trace, int64_t root, FILE *stream, const ct_explain_options *options)
{
    CT_READ_OPTIONS(ct_explain_options, o, options, "explain");
    if (!o)
        return ct_error_code();
    if (o->width < 20)
        return ct__error(CT_ERROR_ARGUMENT, "explain: width %d is not at least 20", o->width);
    ct_story s = {.trace = trace, .options = o, .stream = stream, .ruled = -1};
    s.end = &s.first;
    s.width = o->width;
    s.unicode = choose(o->unicode, utf8_wanted());
    s.color = choose(o->color, color_wanted(stream));
    s.labels = ct__trace_labels(trace, &s.arena);
    s.told = ct__arena_alloc(&s.arena, (size_t)trace->n_nodes * sizeof *s.told);
    ct_status status = s.labels && s.told ? CT_OK : CT_ERROR_MEMORY;
    if (status == CT_OK) {
        memset(s.told, 0, (size_t)trace->n_nodes * sizeof *s.told);
        ct__writing w = ct__write_begin("explain", stream);
        status = ct__write_end(&w, tell(&s, root));
    }
    ct__arena_free(&s.arena);
    return status;
}

ct_status(ct_trace_explain)(const ct_trace_log *trace, FILE *stream, const ct_explain_options *options)
{
    if (!trace || !stream)
        return ct__error(CT_ERROR_NULL, "trace_explain: the %s is NULL", trace ? "stream" : "trace");
    int64_t root = trace->root >= 0 ? trace->root : trace->n_nodes - 1;
    if (root < 0)
        return ct__error(CT_ERROR_STATE, "trace_explain: the trace is empty");
    return explain(trace, root, stream, options);
}

ct_status(ct_explain)(ct_tensor *root, FILE *stream, const ct_explain_options *options)
{
    ct_status status = ct__check_tensor(root, "explain");
    if (status != CT_OK)
        return status;
    if (!stream)
        return ct__error(CT_ERROR_NULL, "explain: the stream is NULL");
    ct_trace_log *trace = ct__trace_running();
    int64_t id = trace ? ct__trace_id(trace, root) : -1;
    if (id < 0)
        return ct__error(CT_ERROR_STATE, "explain: %s; ct_trace_begin() before the computation",
                         trace ? "the trace has not seen the root" : "no trace is running on this thread");
    if (root->requires_grad && !ct__trace_has_run(trace, id))
        status = ct__trace_run_back(trace, root);
    if (status == CT_OK)
        status = ct__trace_check();
    return status == CT_OK ? explain(ct__trace_running(), id, stream, options) : status;
}
