/* The terminal story: forward values, then each backward step with its numbers, then the gradients, and what an optimiser made of them.
 *
 * Invariant: it tells the trace's steps in their order; a line is cut into columns only after all of them are known. */
#include "trace_internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLD = 60, ENDS = 20, TEXT = 512, VALUE = 160, COLUMNS = 4 };

CT_OPTIONS_INIT(ct_explain_options)

/* "  mul       dL/dw0  = 0.1966 x -1 = -0.1966   (w0: 0 + -0.1966)" */
typedef struct line {
    const char *columns[COLUMNS];
    struct line *next;
} line;

typedef struct story {
    const ct_trace_log *trace;
    const ct_explain_options *options;
    FILE *stream;
    ct_arena arena;
    const char **labels; /* of each node */
    bool *told;          /* whether a node is on the way from the root to what is asked for */
    const char *root;    /* "L", or the root's name */
    int64_t run;         /* the last */
    int64_t ruled;       /* whose rule was told last */
    line *first, **end;  /* of the paragraph */
    int width;
    bool unicode, color, fold;
    ct_status status;
} story;

static const char *text(story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *text(story *s, const char *format, ...)
{
    char buffer[TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    const char *copy = ct__arena_text(&s->arena, buffer);
    if (!copy)
        s->status = CT_ERROR_MEMORY;
    return copy ? copy : "";
}

static const char *value(story *s, const ct_snapshot *snapshot)
{
    char buffer[VALUE];
    return snapshot ? text(s, "%s", ct__snapshot_text(snapshot, 9, buffer, sizeof buffer)) : "0";
}

/* The same where several stand in a line. */
static const char *term(story *s, const ct_snapshot *snapshot)
{
    char buffer[VALUE];
    return snapshot ? text(s, "%s", ct__snapshot_text(snapshot, 3, buffer, sizeof buffer)) : "0";
}

/* ---- paragraphs ---- */

static void add_line(story *s, const char *a, const char *b, const char *c, const char *d)
{
    line *l = ct__arena_alloc(&s->arena, sizeof *l);
    if (!l) {
        s->status = CT_ERROR_MEMORY;
        return;
    }
    *l = (line){.columns = {a, b, c, d}};
    *s->end = l;
    s->end = &l->next;
}

/* Characters on the screen: bytes that begin one. */
static int columns_of(const char *bytes)
{
    int n = 0;
    for (; *bytes; bytes++)
        n += ((unsigned char)*bytes & 0xc0) != 0x80;
    return n;
}

/* Prints text from column at on; a word that does not fit begins a new line at the indent. Numbers are words. Returns where it ends. */
static int print_words(story *s, const char *words, int at, int indent)
{
    for (bool blank = false; *words; blank = true) {
        size_t length = strcspn(words, " ");
        const char *word = text(s, "%.*s", (int)length, words);
        int n = columns_of(word);
        if (at > indent && at + blank + n > s->width) {
            fprintf(s->stream, "\n%*s", indent, "");
            at = indent;
        } else if (blank) {
            fputc(' ', s->stream);
            at++;
        }
        fputs(word, s->stream);
        at += n;
        words += length + (words[length] == ' ');
    }
    return at;
}

/* A value or a note that does not fit goes on a line of its own. */
static void print_line(story *s, const line *l, const int *widths)
{
    int last = COLUMNS - 1, at = 0, column = 2, indent = widths[0] + 4;
    while (last > 0 && !*l->columns[last])
        last--;
    for (int i = 0; i <= last; i++) {
        int n = columns_of(l->columns[i]);
        if (i >= 2 && column + n > s->width) {
            fputc('\n', s->stream);
            at = 0;
            column = indent;
        }
        fprintf(s->stream, s->color && i == 0 ? "%*s\033[1m" : "%*s", column - at, "");
        at = print_words(s, l->columns[i], column, indent + 2);
        fputs(s->color && i == 0 ? "\033[0m" : "", s->stream);
        column += (widths[i] > n ? widths[i] : n) + (i == 1 ? 1 : 2);
    }
    fputc('\n', s->stream);
}

/* Prints the lines that were added, under a title, in columns: each as wide as most of its texts need. Of a large graph's many the
 * first and the last. */
static void end_paragraph(story *s, const char *title)
{
    static const int most[COLUMNS] = {16, 20, 40, 0};
    int widths[COLUMNS] = {0};
    int64_t count = 0;
    for (const line *l = s->first; l; l = l->next, count++)
        for (int i = 0; i < COLUMNS; i++) {
            int n = columns_of(l->columns[i]);
            if (n > widths[i] && n <= most[i])
                widths[i] = n;
        }
    if (s->first)
        fprintf(s->stream, s->color ? "\033[4m%s\033[0m\n" : "%s\n", title);
    int64_t left = count;
    for (const line *l = s->first; l; l = l->next, left--) {
        if (s->fold && count > 2 * ENDS + 1 && left == count - ENDS)
            fprintf(s->stream, "  ... %lld more\n", (long long)(count - 2 * ENDS));
        if (!s->fold || count <= 2 * ENDS + 1 || left > count - ENDS || left <= ENDS)
            print_line(s, l, widths);
    }
    s->first = NULL;
    s->end = &s->first;
}

/* "dL/dw0" */
static const char *derivative(story *s, int64_t id)
{
    return text(s, s->unicode ? "\u2202%s/\u2202%s" : "d%s/d%s", s->root, s->labels[id]);
}

/* ---- what is told ---- */

static void mark_way_back(story *s, int64_t root)
{
    s->told[root] = true;
    for (int64_t id = root; id >= 0; id--)
        for (int i = 0; s->told[id] && i < s->trace->nodes[id].n_inputs; i++)
            if (s->trace->nodes[id].inputs[i] >= 0)
                s->told[s->trace->nodes[id].inputs[i]] = true;
}

/* Of what is told only that which leads to the tensor of that name. */
static ct_status keep_way_to(story *s, const char *name)
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

/* The part of a region that is shown as one line: one name more than the region that is opened. NULL: not folded. */
static const char *fold_of(story *s, const ct_trace_node *node)
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
    return dot ? text(s, "%.*s", (int)(dot - node->region), node->region) : node->region;
}

static bool same_fold(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* ---- forward ---- */

/* One of "axis=1 p=0.10000000000000001", with the numbers as people read them. */
static const char *attribute(story *s, const char *word, size_t length)
{
    const char *equals = memchr(word, '=', length);
    const char *shown = text(s, "; %.*s", (int)(equals ? equals + 1 - word : (long)length), word);
    for (const char *at = equals ? equals + 1 : word + length; at < word + length;) {
        char number[CT_NUMBER_TEXT], *end;
        double value = ct__strtod(at, &end);
        size_t rest = strcspn(end, ", ");
        shown = text(s, "%s%s%.*s", shown, end == at ? "" : ct_number_text(value, number), (int)rest, end);
        at = end + rest;
        if (*at == ',')
            shown = text(s, "%s,", shown), at++;
        else
            break;
    }
    return shown;
}

/* "; axis=1", "" without any. What stands behind the first and is all zero is left out: it is so if nobody says anything. */
static const char *attributes(story *s, const ct_trace_node *node)
{
    const char *shown = "", *words = node->attributes ? node->attributes : "";
    for (const char *word = words; *word; word += strspn(word, " ")) {
        size_t length = strcspn(word, " "), name = strcspn(word, "=");
        if ((word == words && name + 1 < length) || strspn(word + name, "=0,") < length - name)
            shown = text(s, "%s%s", shown, attribute(s, word, length));
        word += length;
    }
    return shown;
}

static void tell_operation(story *s, const ct_trace_node *node)
{
    char call[TEXT];
    size_t used = (size_t)snprintf(call, sizeof call, "= %s(", node->op);
    for (int i = 0; i < node->n_inputs && used < sizeof call; i++)
        used += (size_t)snprintf(call + used, sizeof call - used, i ? ", %s" : "%s",
                                 node->inputs[i] < 0 ? "-" : s->labels[node->inputs[i]]);
    if (used < sizeof call)
        snprintf(call + used, sizeof call - used, "%s", attributes(s, node));
    add_line(s, node->op, s->labels[node->id], text(s, "%.*s)", TEXT - 2, call),
             node->failed ? text(s, "failed: %s", node->failed) : text(s, "= %s", value(s, node->value)));
}

/* Whether a constant is called by its value, as those of an expression are: "2", "[1,2]". */
static bool says_itself(story *s, const ct_trace_node *node)
{
    const char *name = s->labels[node->id], *shown = value(s, node->value);
    while (*name && *name == *shown) {
        name++;
        shown++;
        name += strspn(name, " ");
        shown += strspn(shown, " ");
    }
    return node->kind == CT_TRACE_CONSTANT && !*name && !*shown;
}

static void tell_inputs(story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        if (!s->told[id] || node->kind == CT_TRACE_RESULT || says_itself(s, node))
            continue;
        const char *kind = node->kind == CT_TRACE_LEAF ? "asks for a gradient" : "";
        add_line(s, s->labels[id], "", text(s, "= %s", value(s, node->value)), kind);
    }
    end_paragraph(s, "inputs");
}

static void tell_forward(story *s)
{
    const ct_trace_log *trace = s->trace;
    for (int64_t id = 0; id < trace->n_nodes; id++) {
        const ct_trace_node *node = &trace->nodes[id];
        if (!s->told[id] || node->kind != CT_TRACE_RESULT)
            continue;
        const char *fold = fold_of(s, node);
        int64_t count = 0, last = id;
        for (int64_t k = id;
             fold && k < trace->n_nodes &&
             (!s->told[k] || trace->nodes[k].kind != CT_TRACE_RESULT || same_fold(fold, fold_of(s, &trace->nodes[k])));
             k++) {
            bool counts = s->told[k] && trace->nodes[k].kind == CT_TRACE_RESULT;
            count += counts;
            last = counts ? k : last;
        }
        if (count < 2) {
            tell_operation(s, node);
            continue;
        }
        add_line(s, fold, text(s, "%lld operations", (long long)count), "",
                 text(s, "= %s", value(s, trace->nodes[last].value)));
        id = last;
    }
    end_paragraph(s, "forward");
}

/* ---- backward ---- */

/* The sign between what is shown and its product or sum, which is shown too: all are rounded, and may not agree. */
static const char *equals(const story *s, bool sum, const char *a, const char *b, const char *result)
{
    char computed[CT_NUMBER_TEXT];
    double x = ct__strtod(a, NULL), y = ct__strtod(b, NULL);
    ct_number_text(sum ? x + y : x * y, computed);
    return strcmp(computed, result) == 0 ? "=" : s->unicode ? "\u2248" : "~=";
}

static const char *equation(story *s, const ct_trace_step *step)
{
    if (!step->elementwise || !step->incoming)
        return text(s, "= %s", value(s, step->contribution));
    const char *contribution = term(s, step->contribution), *incoming = term(s, step->incoming),
               *local = term(s, step->local);
    bool scalar = step->incoming->numel == 1 && step->local->numel == 1;
    return text(s, "= %s %s %s %s %s", incoming, s->unicode ? "\u00d7" : "x", local,
                scalar ? equals(s, false, incoming, local, contribution) : "=", contribution);
}

/* "; summed over axis 0, along which b repeats" */
static const char *summed(story *s, const ct_trace_step *step)
{
    const char *list = "";
    for (int axis = 0; axis < CT_MAX_RANK; axis++)
        if (step->summed >> axis & 1)
            list = text(s, *list ? "%s and %d" : "%s%d", list, axis);
    bool several = step->summed & (step->summed - 1);
    return *list ? text(s, "; summed over %s %s, along which %s repeats", several ? "axes" : "axis", list,
                        s->labels[step->to])
                 : "";
}

/* "; at a kink: 0 is a convention", "; at a kink in 2 of 3 elements, where the slope is a convention" */
static const char *kinks(story *s, const ct_trace_step *step)
{
    char number[CT_NUMBER_TEXT];
    if (!step->kinks)
        return "";
    if (step->local->numel == 1)
        return text(s, "; at a kink: %s is a convention", ct_number_text(step->local->values[0], number));
    return text(s, "; at a kink in %d of %lld elements, where the slope is a convention",
                __builtin_popcountll(step->kinks), (long long)step->local->numel);
}

static const char *note(story *s, const ct_trace_step *step)
{
    if (step->action == CT_STEP_SEED && !step->old)
        return "";
    const char *label = s->labels[step->to], *old = term(s, step->old), *added = term(s, step->contribution);
    const char *now = term(s, step->now);
    if (step->old)
        return text(s, "(%s: %s + %s %s %s%s)", label, old, added,
                    step->now->numel == 1 ? equals(s, true, old, added, now) : "=", now,
                    text(s, "%s%s", summed(s, step), kinks(s, step)));
    if (step->elementwise)
        return text(s, "(%s: 0 + %s%s%s)", label, added, summed(s, step), kinks(s, step));
    const char *formula = step->from < 0 || step->from == s->ruled ? NULL : s->trace->nodes[step->from].formula;
    s->ruled = step->from;
    if (!formula)
        return step->summed ? text(s, "(%s)", summed(s, step) + strlen("; ")) : "";
    return text(s, "(rule: %s%s)", formula, summed(s, step));
}

static void tell_step(story *s, const ct_trace_step *step)
{
    const char *op = step->action == CT_STEP_LEAF ? "leaf" : step->from < 0 ? "begin" : s->trace->nodes[step->from].op;
    add_line(s, op, derivative(s, step->to), equation(s, step), note(s, step));
}

static bool is_told(const story *s, const ct_trace_step *step)
{
    bool adds = step->action != CT_STEP_LEAF || step->old; /* a leaf's first gradient has just been told */
    return step->run == s->run && s->told[step->to] && adds;
}

static const char *fold_of_step(story *s, const ct_trace_step *step)
{
    return step->from < 0 ? NULL : fold_of(s, &s->trace->nodes[step->from]);
}

/* The steps of one folded part as one line; returns the last of them. */
static int64_t tell_fold(story *s, int64_t first, const char *fold)
{
    char before[CT_NUMBER_TEXT], after[CT_NUMBER_TEXT];
    const ct_trace_step *steps = s->trace->steps;
    int64_t count = 0, last = first, way = first;
    for (int64_t k = first; k < s->trace->n_steps; k++) {
        if (!is_told(s, &steps[k]))
            continue;
        if (!same_fold(fold, fold_of_step(s, &steps[k])))
            break;
        count++;
        last = k;
        way = s->trace->nodes[steps[k].to].kind == CT_TRACE_RESULT ? k : way;
    }
    const ct_snapshot *incoming = steps[first].incoming;
    add_line(s, fold, text(s, "%lld step%s", (long long)count, count == 1 ? "" : "s"),
             text(s, "norm %s -> %s", ct_number_text(incoming ? incoming->norm : NAN, before),
                  ct_number_text(steps[way].contribution->norm, after)),
             "");
    return last;
}

static void tell_backward(story *s)
{
    for (int64_t k = 0; k < s->trace->n_steps; k++) {
        const ct_trace_step *step = &s->trace->steps[k];
        if (!is_told(s, step))
            continue;
        const char *fold = fold_of_step(s, step);
        if (fold)
            k = tell_fold(s, k, fold);
        else
            tell_step(s, step);
    }
    end_paragraph(s, "backward");
}

static void tell_gradients(story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        if (!s->told[id] || node->kind != CT_TRACE_LEAF)
            continue;
        const char *shown = node->state == CT_GRADIENT_NOT_COMPUTED ? "not computed"
                            : node->gradient                        ? value(s, node->gradient)
                                                                    : "0";
        add_line(s, derivative(s, id), "", text(s, "= %s", shown), "");
    }
    end_paragraph(s, "gradients");
}

/* ---- a step of an optimiser ---- */

/* "2 + 0.01966 = 2.02", or of many elements the range, what is added, and how much that is. */
static const char *change(story *s, const ct_trace_update *u)
{
    char share[CT_NUMBER_TEXT], size[CT_NUMBER_TEXT];
    if (u->change->numel <= 2) {
        const char *before = term(s, u->before), *added = term(s, u->change), *after = term(s, u->after);
        bool scalar = u->change->numel == 1;
        return text(s, "= %s + %s %s %s", before, added, scalar ? equals(s, true, before, added, after) : "=", after);
    }
    ct_number_text(100 * u->change->norm / u->before->norm, share);
    return text(s, "= %s, changed by %s%% of its norm %s", value(s, u->after), share,
                ct_number_text(u->before->norm, size));
}

/* How the change comes from the gradient, where one number says it, and whether it was clipped before. */
static const char *cause(story *s, const ct_trace_update *u)
{
    char factor[CT_NUMBER_TEXT], from[CT_NUMBER_TEXT], to[CT_NUMBER_TEXT];
    bool clipped = u->used && u->used->norm < u->gradient->norm * (1 - 1e-6);
    const char *clip = clipped ? text(s, ", clipped from norm %s to %s", ct_number_text(u->gradient->norm, from),
                                      ct_number_text(u->used->norm, to))
                               : "";
    const char *given = term(s, u->used ? u->used : u->gradient);
    return isnan(u->factor) ? text(s, "(gradient %s%s)", given, clip)
                            : text(s, "(%s %s gradient %s%s)", ct_number_text(u->factor, factor),
                                   s->unicode ? "\u00d7" : "x", given, clip);
}

/* The largest magnitude in it. */
static double largest(const ct_snapshot *s)
{
    return fmax(fabs(s->min), fabs(s->max));
}

/* The update that is told in full: of those that are told, the one with the largest gradient. NULL: none says how it came about. */
static const ct_trace_update *chosen_update(const story *s)
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
static void tell_arithmetic(story *s)
{
    const ct_trace_update *u = chosen_update(s);
    for (const char *at = u ? u->arithmetic : ""; *at; at += strspn(at, "\n")) {
        int length = (int)strcspn(at, "\n"), name = (int)strcspn(at, " ");
        char *words = (char *)text(s, "%.*s", length - name - 1, at + name + 1), *nearly = strstr(words, "~=");
        if (nearly && s->unicode)
            words = (char *)text(s, "%.*s\u2248%s", (int)(nearly - words), words, nearly + 2);
        add_line(s, text(s, "%.*s", name, at), "", words, "");
        at += length;
    }
    if (!u)
        return;
    bool one = u->before->numel == 1;
    const char *label = one ? s->labels[u->to] : text(s, "%s[%lld]", s->labels[u->to], (long long)u->element);
    end_paragraph(s, text(s, "arithmetic of p = %s, whose gradient g is the largest", label));
}

/* What the operations held on to, and up to which step. */
static void tell_kept(story *s)
{
    for (int64_t id = 0; id < s->trace->n_nodes; id++) {
        const ct_trace_node *node = &s->trace->nodes[id];
        const char *names = "";
        if (!s->told[id] || node->n_kept == 0)
            continue;
        for (int i = 0; i < node->n_kept; i++)
            names = text(s, "%s%s%s", names, i ? ", " : "", node->kept[i] < 0 ? "-" : s->labels[node->kept[i]]);
        add_line(s, node->op, "", text(s, "%s keeps %s, %lld bytes", s->labels[id], names, (long long)node->kept_bytes),
                 node->freed < 0 ? "(still)" : "(until its backward)");
    }
    end_paragraph(s, "kept for the backward");
}

static void tell_updates(story *s)
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
        add_line(s, s->labels[u->to], "", change(s, u), cause(s, u));
        title = u->file ? text(s, "update by %s (%s:%d)", u->by, u->file, u->line) : text(s, "update by %s", u->by);
    }
    end_paragraph(s, title);
    tell_arithmetic(s);
}

/* Whether the step did what the gradients foretold. */
static void tell_forecast(story *s)
{
    ct_trace_forecast f;
    char before[CT_NUMBER_TEXT], foretold[CT_NUMBER_TEXT], sum[CT_NUMBER_TEXT], after[CT_NUMBER_TEXT];
    if (s->run != s->trace->runs || !ct_trace_forecast_of(s->trace, &f) || isnan(f.before))
        return;
    add_line(s, "before", "", text(s, "= %s", ct_number_text(f.before, before)), "");
    if (!isnan(f.forecast)) {
        ct_number_text(f.forecast - f.before, sum);
        ct_number_text(f.forecast, foretold);
        add_line(s, "forecast", "",
                 text(s, "= %s + %s %s %s", before, sum, equals(s, true, before, sum, foretold), foretold),
                 "(+ the sum of gradient times change)");
    }
    if (f.again >= 0)
        add_line(s, "after", "", text(s, "= %s", ct_number_text(f.after, after)), "(calculated again)");
    end_paragraph(s, s->root);
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

static int64_t count_told(const story *s)
{
    int64_t n = 0;
    for (int64_t k = 0; k < s->trace->n_steps; k++)
        n += is_told(s, &s->trace->steps[k]);
    return n;
}

static ct_status tell(story *s, int64_t root)
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
    tell_inputs(s);
    tell_forward(s);
    tell_backward(s);
    tell_gradients(s);
    tell_updates(s);
    tell_forecast(s);
    return s->status;
}

static ct_status explain(const ct_trace_log *trace, int64_t root, FILE *stream, const ct_explain_options *options)
{
    CT_READ_OPTIONS(ct_explain_options, o, options, "explain");
    if (!o)
        return ct_error_code();
    if (o->width < 20)
        return ct__error(CT_ERROR_ARGUMENT, "explain: width %d is not at least 20", o->width);
    story s = {.trace = trace, .options = o, .stream = stream, .ruled = -1};
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
