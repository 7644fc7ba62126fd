/* The story of a training step: what was kept, what an optimiser made of the gradients, and what came of it. */
#include "story.h"
#include <math.h>
#include <string.h>

/* "2 + 0.01966 = 2.02", or of many elements the range, what is added, and how much that is. */
static const char *change(ct_story *s, const ct_trace_update *u)
{
    char share[CT_NUMBER_TEXT], size[CT_NUMBER_TEXT];
    if (u->change->numel <= 2) {
        const char *before = ct__story_term(s, u->before), *added = ct__story_term(s, u->change),
                   *after = ct__story_term(s, u->after);
        bool scalar = u->change->numel == 1;
        return ct__story_text(s, "= %s + %s %s %s", before, added,
                              scalar ? ct__story_equals(s, true, before, added, after) : "=", after);
    }
    ct_number_text(100 * u->change->norm / u->before->norm, share);
    return ct__story_text(s, "= %s, changed by %s%% of its norm %s", ct__story_value(s, u->after), share,
                          ct_number_text(u->before->norm, size));
}

/* How the change comes from the gradient, where one number says it, and whether it was clipped before. */
static const char *cause(ct_story *s, const ct_trace_update *u)
{
    char factor[CT_NUMBER_TEXT], from[CT_NUMBER_TEXT], to[CT_NUMBER_TEXT];
    bool clipped = u->used && u->used->norm < u->gradient->norm * (1 - 1e-6);
    const char *clip = clipped
                           ? ct__story_text(s, ", clipped from norm %s to %s", ct_number_text(u->gradient->norm, from),
                                            ct_number_text(u->used->norm, to))
                           : "";
    const char *given = ct__story_term(s, u->used ? u->used : u->gradient);
    return isnan(u->factor) ? ct__story_text(s, "(gradient %s%s)", given, clip)
                            : ct__story_text(s, "(%s %s gradient %s%s)", ct_number_text(u->factor, factor),
                                             s->unicode ? "\u00d7" : "x", given, clip);
}

/* The largest magnitude in it. */
static double largest(const ct_snapshot *s)
{
    return fmax(fabs(s->min), fabs(s->max));
}

/* The update that is told in full: of those that are told, the one with the largest gradient. NULL: none says how it came about. */
static const ct_trace_update *chosen_update(const ct_story *s)
{
    const ct_trace_update *chosen = NULL;
    for (int64_t k = 0; k < s->trace->n_updates; k++) {
        const ct_trace_update *u = &s->trace->updates[k];
        if (u->run == s->run && s->told[u->to] && u->arithmetic &&
            (!chosen || largest(u->gradient) > largest(chosen->gradient)))
            chosen = u;
    }
    return chosen;
}

/* How one element was changed, a line a statement. */
static void tell_arithmetic(ct_story *s)
{
    const ct_trace_update *u = chosen_update(s);
    for (const char *at = u ? u->arithmetic : ""; *at; at += strspn(at, "\n")) {
        int length = (int)strcspn(at, "\n"), name = (int)strcspn(at, " ");
        char *words = (char *)ct__story_text(s, "%.*s", length - name - 1, at + name + 1),
             *nearly = strstr(words, "~=");
        if (nearly && s->unicode)
            words = (char *)ct__story_text(s, "%.*s\u2248%s", (int)(nearly - words), words, nearly + 2);
        ct__story_line(s, ct__story_text(s, "%.*s", name, at), "", words, "");
        at += length;
    }
    if (!u)
        return;
    bool one = u->before->numel == 1;
    const char *label = one ? s->labels[u->to] : ct__story_text(s, "%s[%lld]", s->labels[u->to], (long long)u->element);
    ct__story_end(s, ct__story_text(s, "arithmetic of p = %s, whose gradient g is the largest", label));
}

/* What the operations held on to, and up to which step. */
static void tell_kept(ct_story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        const char *names = "";
        if (!s->told[id] || node->n_kept == 0)
            continue;
        for (int i = 0; i < node->n_kept; i++)
            names =
                ct__story_text(s, "%s%s%s", names, i ? ", " : "", node->kept[i] < 0 ? "-" : s->labels[node->kept[i]]);
        ct__story_line(s, node->op, "",
                       ct__story_text(s, "%s keeps %s, %lld bytes", s->labels[id], names, (long long)node->kept_bytes),
                       node->freed < 0 ? "(still)" : "(until its backward)");
    }
    ct__story_end(s, "kept for the backward");
}

void ct__story_updates(ct_story *s)
{
    bool any = false;
    for (int64_t k = 0; k < s->trace->n_updates; k++)
        any = any || (s->trace->updates[k].run == s->run && s->told[s->trace->updates[k].to]);
    if (any)
        tell_kept(s);
    const char *title = "";
    for (int64_t k = 0; k < s->trace->n_updates; k++) {
        const ct_trace_update *u = &s->trace->updates[k];
        if (u->run != s->run || !s->told[u->to])
            continue;
        ct__story_line(s, s->labels[u->to], "", change(s, u), cause(s, u));
        title = u->file ? ct__story_text(s, "update by %s (%s:%d)", u->by, u->file, u->line)
                        : ct__story_text(s, "update by %s", u->by);
    }
    ct__story_end(s, title);
    tell_arithmetic(s);
}

/* Whether the step did what the gradients foretold. */
void ct__story_forecast(ct_story *s)
{
    ct_trace_forecast f;
    char before[CT_NUMBER_TEXT], foretold[CT_NUMBER_TEXT], sum[CT_NUMBER_TEXT], after[CT_NUMBER_TEXT];
    if (s->run != s->trace->runs || !ct_trace_forecast_of(s->trace, &f) || isnan(f.before))
        return;
    ct__story_line(s, "before", "", ct__story_text(s, "= %s", ct_number_text(f.before, before)), "");
    if (!isnan(f.forecast)) {
        ct_number_text(f.forecast - f.before, sum);
        ct_number_text(f.forecast, foretold);
        ct__story_line(s, "forecast", "",
                       ct__story_text(s, "= %s + %s %s %s", before, sum,
                                      ct__story_equals(s, true, before, sum, foretold), foretold),
                       "(+ the sum of gradient times change)");
    }
    if (f.again >= 0)
        ct__story_line(s, "after", "", ct__story_text(s, "= %s", ct_number_text(f.after, after)), "(calculated again)");
    ct__story_end(s, s->root);
}
