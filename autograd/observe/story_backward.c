/* The story of the way back: each step as incoming x local = contribution, old + contribution = now; then the leaves' gradients. */
#include "story.h"
#include <math.h>
#include <string.h>

static const char *equation(ct_story *s, const ct_trace_step *step)
{
    if (!step->elementwise || !step->incoming)
        return ct__story_text(s, "= %s", ct__story_value(s, step->contribution));
    const char *contribution = ct__story_term(s, step->contribution), *incoming = ct__story_term(s, step->incoming),
               *local = ct__story_term(s, step->local);
    bool scalar = step->incoming->numel == 1 && step->local->numel == 1;
    return ct__story_text(s, "= %s %s %s %s %s", incoming, s->unicode ? "\u00d7" : "x", local,
                          scalar ? ct__story_equals(s, false, incoming, local, contribution) : "=", contribution);
}

/* "; summed over axis 0, along which b repeats" */
static const char *summed(ct_story *s, const ct_trace_step *step)
{
    const char *list = "";
    for (int axis = 0; axis < CT_MAX_RANK; axis++)
        if (step->summed >> axis & 1)
            list = ct__story_text(s, *list ? "%s and %d" : "%s%d", list, axis);
    bool several = step->summed & (step->summed - 1);
    return *list ? ct__story_text(s, "; summed over %s %s, along which %s repeats", several ? "axes" : "axis", list,
                                  s->labels[step->to])
                 : "";
}

/* "; at a kink: 0 is a convention", "; at a kink in 2 of 3 elements, where the slope is a convention" */
static const char *kinks(ct_story *s, const ct_trace_step *step)
{
    char number[CT_NUMBER_TEXT];
    if (!step->kinks)
        return "";
    if (step->local->numel == 1)
        return ct__story_text(s, "; at a kink: %s is a convention", ct_number_text(step->local->values[0], number));
    return ct__story_text(s, "; at a kink in %d of %lld elements, where the slope is a convention",
                          __builtin_popcountll(step->kinks), (long long)step->local->numel);
}

static const char *note(ct_story *s, const ct_trace_step *step)
{
    if (step->action == CT_STEP_SEED && !step->old)
        return "";
    const char *label = s->labels[step->to], *old = ct__story_term(s, step->old),
               *added = ct__story_term(s, step->contribution);
    const char *now = ct__story_term(s, step->now);
    if (step->old)
        return ct__story_text(s, "(%s: %s + %s %s %s%s)", label, old, added,
                              step->now->numel == 1 ? ct__story_equals(s, true, old, added, now) : "=", now,
                              ct__story_text(s, "%s%s", summed(s, step), kinks(s, step)));
    if (step->elementwise)
        return ct__story_text(s, "(%s: 0 + %s%s%s)", label, added, summed(s, step), kinks(s, step));
    const char *formula = step->from < 0 || step->from == s->ruled ? NULL : s->trace->nodes[step->from].formula;
    s->ruled = step->from;
    if (!formula)
        return step->summed ? ct__story_text(s, "(%s)", summed(s, step) + strlen("; ")) : "";
    return ct__story_text(s, "(rule: %s%s)", formula, summed(s, step));
}

static void tell_step(ct_story *s, const ct_trace_step *step)
{
    const char *op = step->action == CT_STEP_LEAF ? "leaf" : step->from < 0 ? "begin" : s->trace->nodes[step->from].op;
    ct__story_line(s, op, ct__story_derivative(s, step->to), equation(s, step), note(s, step));
}

bool ct__story_has(const ct_story *s, const ct_trace_step *step)
{
    bool adds = step->action != CT_STEP_LEAF || step->old; /* a leaf's first gradient has just been told */
    return step->run == s->run && s->told[step->to] && adds;
}

static const char *fold_of_step(ct_story *s, const ct_trace_step *step)
{
    return step->from < 0 ? NULL : ct__story_fold(s, &s->trace->nodes[step->from]);
}

/* The steps of one folded part as one line; returns the last of them. */
static int64_t tell_fold(ct_story *s, int64_t first, const char *fold)
{
    char before[CT_NUMBER_TEXT], after[CT_NUMBER_TEXT];
    const ct_trace_step *steps = s->trace->steps;
    int64_t count = 0, last = first, way = first;
    for (int64_t k = first; k < s->trace->n_steps; k++) {
        if (!ct__story_has(s, &steps[k]))
            continue;
        if (!ct__story_same_fold(fold, fold_of_step(s, &steps[k])))
            break;
        count++;
        last = k;
        way = s->trace->nodes[steps[k].to].kind == CT_TRACE_RESULT ? k : way;
    }
    const ct_snapshot *incoming = steps[first].incoming;
    ct__story_line(s, fold, ct__story_text(s, "%lld step%s", (long long)count, count == 1 ? "" : "s"),
                   ct__story_text(s, "norm %s -> %s", ct_number_text(incoming ? incoming->norm : NAN, before),
                                  ct_number_text(steps[way].contribution->norm, after)),
                   "");
    return last;
}

void ct__story_backward(ct_story *s)
{
    for (int64_t k = 0; k < s->trace->n_steps; k++) {
        const ct_trace_step *step = &s->trace->steps[k];
        if (!ct__story_has(s, step))
            continue;
        const char *fold = fold_of_step(s, step);
        if (fold)
            k = tell_fold(s, k, fold);
        else
            tell_step(s, step);
    }
    ct__story_end(s, "backward");
}

void ct__story_gradients(ct_story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        if (!s->told[id] || node->kind != CT_TRACE_LEAF)
            continue;
        const char *shown = node->state == CT_GRADIENT_NOT_COMPUTED ? "not computed"
                            : node->gradient                        ? ct__story_value(s, node->gradient)
                                                                    : "0";
        ct__story_line(s, ct__story_derivative(s, id), "", ct__story_text(s, "= %s", shown), "");
    }
    ct__story_end(s, "gradients");
}
