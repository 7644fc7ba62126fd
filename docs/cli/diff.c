/* cotan diff A.json B.json: where two traces (ct_trace_write_json) first differ: in a value on the way forward, in a gradient on
 * the way back.
 *
 * Invariant: nodes are compared in pairs that are made by the same operation and have the same shape, each at most once. */
#include "cli.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOLERANCE, COMPARE, HTML, JSON };
static const option options[] = {
    {"tolerance", "T",
     "how far two numbers of a tensor may lie apart, as a share of its largest; 1e-6 if not given, 0 for exactly"},
    {"compare", "WHAT",
     "what is compared, one or several of values, gradients and updates (what an optimiser made of the leaves), with "
     "commas between them; all if not given"},
    {"html", "FILE", "write a page with both, in which what differs is marked, too"},
    {"json", NULL, "write what differs as JSON"},
    {0}};

enum { A, B };

/* What can be compared, and where a node of a trace has it. */
enum { VALUES, GRADIENTS, UPDATES, KINDS };
static const char *const kinds[KINDS] = {"value", "gradient", "update"};

typedef struct pair {
    size_t node[2];
} pair;

typedef struct comparison {
    const arguments *given;
    json_t *traces[2], *nodes[2];
    double tolerance;
    pair *pairs;
    size_t n_pairs, alone[2], first_alone[2]; /* nodes without a partner */
    bool wanted[KINDS];
    size_t n[KINDS];          /* pairs that differ in them, */
    const pair *first[KINDS]; /* and the first of those on its way; NULL: none */
} comparison;

/* ---- reading ---- */

/* A trace, or NULL after complaining. */
static json_t *read_trace(const arguments *given, const char *path)
{
    json_error_t error;
    size_t size;
    char *text = read_file(given->command, path, &size);
    if (!text)
        return NULL;
    json_t *trace = json_loadb(text, size, 0, &error);
    free(text);
    if (!trace) {
        complain(given->command, "%s: line %d: %s", path, error.line, error.text);
        return NULL;
    }
    const char *format = json_string_value(json_object_get(trace, "format"));
    if (format && strcmp(format, "cotan trace") == 0 && json_is_array(json_object_get(trace, "nodes")))
        return trace;
    complain(given->command, "%s is no trace: ct_trace_write_json() writes one, and cotan explain --json", path);
    json_decref(trace);
    return NULL;
}

static bool read_tolerance(comparison *c)
{
    const char *text = c->given->values[TOLERANCE];
    char *end = NULL;
    c->tolerance = text ? strtod(text, &end) : 1e-6;
    if (!text || (end != text && !*end && c->tolerance >= 0))
        return true;
    complain(c->given->command, "--tolerance %s: a number from 0 on is needed", text);
    return false;
}

static bool read_compare(comparison *c)
{
    const char *text = c->given->values[COMPARE];
    for (int kind = 0; kind < KINDS; kind++)
        c->wanted[kind] = !text;
    for (const char *word = text; word && *word; word += strspn(word, ",")) {
        size_t length = strcspn(word, ",");
        int kind = 0;
        while (kind < KINDS && (strncmp(word, kinds[kind], strlen(kinds[kind])) != 0 ||
                                length != strlen(kinds[kind]) + 1 || word[length - 1] != 's'))
            kind++;
        if (kind == KINDS)
            return complain(c->given->command, "--compare %s: values, gradients and updates can be compared", text),
                   false;
        c->wanted[kind] = true;
        word += length;
    }
    return !text || *text || (complain(c->given->command, "--compare is empty"), false);
}

/* ---- which nodes belong together ---- */

static const json_t *node_at(const comparison *c, int which, size_t i)
{
    return json_array_get(c->nodes[which], i);
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    return x == y || (x && y && json_equal(x, y));
}

static bool alike(const comparison *c, size_t i, size_t k)
{
    const json_t *a = node_at(c, A, i), *b = node_at(c, B, k);
    const char *kind = json_string_value(json_object_get(a, "kind"));
    bool made = kind && strcmp(kind, "result") == 0;
    return a && b && same_member(a, b, made ? "op" : "name") && same_member(a, b, "kind") &&
           same_member(json_object_get(a, "value"), json_object_get(b, "value"), "shape");
}

/* How many nodes to leave out of one of the two until they are alike again: the fewest; which gets whose. SIZE_MAX: none will do. */
static size_t resume(const comparison *c, size_t i, size_t k, int *which)
{
    size_t n[2] = {json_array_size(c->nodes[A]), json_array_size(c->nodes[B])};
    for (size_t skip = 1; i + skip < n[A] || k + skip < n[B]; skip++) {
        for (*which = A; *which <= B; ++*which) {
            if (alike(c, i + (*which == A) * skip, k + (*which == B) * skip))
                return skip;
        }
    }
    return SIZE_MAX;
}

static void leave_out(comparison *c, int which, size_t first, size_t n)
{
    if (n > 0 && c->alone[which] == 0)
        c->first_alone[which] = first;
    c->alone[which] += n;
}

/* Makes the pairs, in the order of the forward pass. */
static bool pair_nodes(comparison *c)
{
    size_t n[2] = {json_array_size(c->nodes[A]), json_array_size(c->nodes[B])}, at[2] = {0, 0};
    c->pairs = malloc((n[A] + 1) * sizeof *c->pairs);
    while (c->pairs && at[A] < n[A] && at[B] < n[B]) {
        int which;
        size_t skip = alike(c, at[A], at[B]) ? 0 : resume(c, at[A], at[B], &which);
        if (skip == SIZE_MAX) {
            leave_out(c, A, at[A]++, 1);
            leave_out(c, B, at[B]++, 1);
        } else if (skip > 0) {
            leave_out(c, which, at[which], skip);
            at[which] += skip;
        } else {
            c->pairs[c->n_pairs++] = (pair){{at[A]++, at[B]++}};
        }
    }
    leave_out(c, A, at[A], n[A] - at[A]);
    leave_out(c, B, at[B], n[B] - at[B]);
    return c->pairs;
}

/* ---- what differs ---- */

/* The largest absolute value of the numbers in it. */
static double scale_of(const json_t *value)
{
    double scale = json_is_number(value) ? fabs(json_number_value(value)) : 0;
    size_t i;
    json_t *element;
    json_array_foreach(value, i, element)
    {
        scale = fmax(scale, scale_of(element));
    }
    return scale;
}

static bool same_numbers(const json_t *a, const json_t *b, double allowed)
{
    if (json_is_number(a) && json_is_number(b))
        return fabs(json_number_value(a) - json_number_value(b)) <= allowed;
    if (!json_is_array(a) || !json_is_array(b))
        return a == b || (a && b && json_equal(a, b));
    bool same = json_array_size(a) == json_array_size(b);
    for (size_t i = 0; same && i < json_array_size(a); i++)
        same = same_numbers(json_array_get(a, i), json_array_get(b, i), allowed);
    return same;
}

/* What a trace keeps of a tensor: all its elements, or some and what describes the others. */
static bool same_tensor(const json_t *a, const json_t *b, double tolerance)
{
    static const char *const members[] = {"state", "values", "first", "last", "min",
                                          "max",   "mean",   "norm",  "nans", "infinities"};
    double scale = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        scale = fmax(scale, fmax(scale_of(json_object_get(a, members[i])), scale_of(json_object_get(b, members[i]))));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!same_numbers(json_object_get(a, members[i]), json_object_get(b, members[i]), tolerance * scale))
            return false;
    }
    return true;
}

/* What the last update of the node made of it; NULL if it has none. */
static const json_t *update_of(const json_t *trace, size_t node)
{
    const json_t *updates = json_object_get(trace, "updates"), *found = NULL;
    size_t i;
    json_t *update;
    json_array_foreach(updates, i, update)
    {
        if (json_integer_value(json_object_get(update, "to")) == (json_int_t)node)
            found = json_object_get(update, "after");
    }
    return found;
}

/* What a node of one of the two has of that kind. */
static const json_t *tensor_of(const comparison *c, int which, const pair *p, int kind)
{
    size_t node = p->node[which];
    return kind == UPDATES ? update_of(c->traces[which], node) : json_object_get(node_at(c, which, node), kinds[kind]);
}

/* Values and updates in the order of the forward pass, gradients in that of the backward pass: the last node's is the first. */
static void compare(comparison *c)
{
    for (size_t i = 0; i < c->n_pairs; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            const pair *p = &c->pairs[i];
            if (!c->wanted[kind] || same_tensor(tensor_of(c, A, p, kind), tensor_of(c, B, p, kind), c->tolerance))
                continue;
            c->n[kind]++;
            if (!c->first[kind] || kind == GRADIENTS)
                c->first[kind] = p;
        }
    }
}

/* ---- saying so ---- */

/* "mul 'h' (net.c:41)" */
static void node_words(const json_t *node, char *text, size_t size)
{
    const char *op = json_string_value(json_object_get(node, "op")),
               *name = json_string_value(json_object_get(node, "name"));
    const char *file = json_string_value(json_object_get(node, "file"));
    const char *kind = json_string_value(json_object_get(node, "kind"));
    int used = snprintf(text, size, "%s", kind && strcmp(kind, "result") != 0 ? kind : op ? op : "?");
    if (name && used < (int)size)
        used += snprintf(text + used, size - (size_t)used, " '%s'", name);
    if (file && used < (int)size)
        snprintf(text + used, size - (size_t)used, " (%s:%lld)", file,
                 json_integer_value(json_object_get(node, "line")));
}

static const char *json_number_text(char *buffer, const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : ct_number_text(json_number_value(value), buffer);
}

/* A tensor's elements, or its range, in a line. */
static void tensor_words(const json_t *tensor, char *text, size_t size)
{
    const json_t *values = json_object_get(tensor, "values"), *state = json_object_get(tensor, "state");
    char low[CT_NUMBER_TEXT], high[CT_NUMBER_TEXT], mean[CT_NUMBER_TEXT];
    int used = 0;
    if (!values && json_object_get(tensor, "min")) {
        snprintf(text, size, "%s to %s, mean %s", json_number_text(low, json_object_get(tensor, "min")),
                 json_number_text(high, json_object_get(tensor, "max")),
                 json_number_text(mean, json_object_get(tensor, "mean")));
    } else if (!values) {
        snprintf(text, size, "%s", state ? json_string_value(state) : "none");
    } else {
        used = snprintf(text, size, "[");
        for (size_t i = 0; i < json_array_size(values) && i < 8 && used < (int)size; i++)
            used += snprintf(text + used, size - (size_t)used, "%s%s", i ? ", " : "",
                             json_number_text(low, json_array_get(values, i)));
        snprintf(text + used, size - (size_t)used, json_array_size(values) > 8 ? ", ...]" : "]");
    }
}

static void write_difference(const comparison *c, int kind, FILE *stream)
{
    char text[512];
    const pair *p = c->first[kind];
    if (!p) {
        fprintf(stream, "%ss: the same in all %zu nodes\n", kinds[kind], c->n_pairs);
        return;
    }
    node_words(node_at(c, A, p->node[A]), text, sizeof text);
    fprintf(stream, "%s%ss: first differ at %s%s\n", bold(stream), kinds[kind], text, plain(stream));
    for (int which = A; which <= B; which++) {
        tensor_words(tensor_of(c, which, p, kind), text, sizeof text);
        fprintf(stream, "  %s: %s\n", c->given->words[which], text);
    }
    fprintf(stream, "  %zu of %zu differ\n", c->n[kind], c->n_pairs);
}

static void write_alone(const comparison *c, int which, FILE *stream)
{
    char text[512];
    if (c->alone[which] == 0)
        return;
    node_words(node_at(c, which, c->first_alone[which]), text, sizeof text);
    fprintf(stream, "only in %s: %zu node%s, the first is %s\n", c->given->words[which], c->alone[which],
            c->alone[which] == 1 ? "" : "s", text);
}

static bool has_updates(const comparison *c)
{
    return json_array_size(json_object_get(c->traces[A], "updates")) > 0 ||
           json_array_size(json_object_get(c->traces[B], "updates")) > 0;
}

static void write_words(const comparison *c, FILE *stream)
{
    for (int kind = 0; kind < KINDS; kind++)
        if (c->wanted[kind] && (kind != UPDATES || has_updates(c)))
            write_difference(c, kind, stream);
    write_alone(c, A, stream);
    write_alone(c, B, stream);
}

/* The ids of the pair's nodes, or null. */
static json_t *pair_json(const pair *p)
{
    return p ? json_pack("[I, I]", (json_int_t)p->node[A], (json_int_t)p->node[B]) : json_null();
}

static bool write_json(const comparison *c)
{
    json_t *all = json_pack("{s:I, s:[I, I]}", "pairs", (json_int_t)c->n_pairs, "alone", (json_int_t)c->alone[A],
                            (json_int_t)c->alone[B]);
    for (int kind = 0; all && kind < KINDS; kind++) {
        char count[16];
        snprintf(count, sizeof count, "%ss", kinds[kind]);
        json_object_set_new(all, kinds[kind], pair_json(c->first[kind]));
        json_object_set_new(all, count, json_integer((json_int_t)c->n[kind]));
    }
    bool written = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(all);
    return written;
}

/* ---- a page with both ---- */

/* One of the two, as the pictures want it; for ct_trace_free(), NULL with an error. */
static ct_trace_log *trace_of(const comparison *c, int which)
{
    char *text = json_dumps(c->traces[which], JSON_COMPACT);
    FILE *stream = text ? fmemopen(text, strlen(text), "r") : NULL;
    ct_trace_log *trace = stream ? ct_trace_read_json(stream) : NULL;
    if (!stream)
        ct_error_set(CT_ERROR_MEMORY, "diff: no memory");
    else
        fclose(stream);
    free(text);
    return trace;
}

/* The page of one of the two as text, for free(); NULL after complaining. It goes by way of a file, which is removed. */
static char *page_of(const comparison *c, int which)
{
    char path[4096];
    const char *who = c->given->command, *folder = getenv("TMPDIR");
    size_t size;
    snprintf(path, sizeof path, "%.4000s/cotan-XXXXXX.html", folder && *folder ? folder : "/tmp");
    int file = mkstemps(path, (int)strlen(".html"));
    if (file < 0)
        return complain(who, "%s: %s", path, strerror(errno)), NULL;
    close(file);
    ct_trace_log *trace = trace_of(c, which);
    bool written = trace && ct_trace_write(trace, path, .title = c->given->words[which]) == CT_OK;
    if (ct_error_code() != CT_OK)
        complain_of_error(who);
    char *text = written ? read_file(who, path, &size) : NULL;
    remove(path);
    ct_trace_free(trace);
    return text;
}

static void put_escaped(FILE *stream, const char *text)
{
    for (; *text; text++)
        if (*text == '<')
            fputs("&lt;", stream);
        else if (*text == '&')
            fputs("&amp;", stream);
        else if (*text == '"')
            fputs("&quot;", stream);
        else
            fputc(*text, stream);
}

/* The nodes of one of the two that differ first. */
static void put_lit(const comparison *c, int which, FILE *stream)
{
    const char *comma = "";
    fputs("[", stream);
    for (int kind = 0; kind < KINDS; kind++) {
        if (!c->first[kind])
            continue;
        fprintf(stream, "%s%zu", comma, c->first[kind]->node[which]);
        comma = ",";
    }
    fputs("]", stream);
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Two graphs</title>\n"
    "<style>\n:root{color-scheme:light dark}body{margin:0;font:15px/1.4 "
    "system-ui,sans-serif;display:flex;flex-direction:column;"
    "height:100vh}\nheader{padding:6px 14px}pre{margin:4px 0;white-space:pre-wrap;max-height:24vh;overflow:auto}"
    "main{flex:1;display:flex;min-height:0}\niframe{flex:1;border:0;border-top:1px solid #6b7683;min-width:0}"
    "iframe+iframe{border-left:3px double #6b7683}\nbutton{font:inherit;min-height:30px}"
    "@media (max-width:900px){main{flex-direction:column}}\n</style>\n</head>\n<body>\n<header>\n<pre id=\"words\">";
static const char page_buttons[] =
    "</pre>\n<button id=\"back\">Both a step back</button> <button id=\"step\">Both a step forward</button>\n"
    "<span>Marked with \u2260 and a dotted border: what differs first.</span>\n</header>\n<main>\n";
static const char page_script[] =
    "];\nconst frames_ = [...document.querySelectorAll('iframe')];\n"
    "frames_.forEach((f, k) => { const light = () => f.contentWindow.light && f.contentWindow.light(lit[k]);\n"
    "  if (f.contentDocument.readyState === 'complete') light();\n  f.addEventListener('load', light); });\n"
    "const both = n => frames_.forEach(f => f.contentWindow.stepBy(n));\n"
    "document.getElementById('back').addEventListener('click', () => both(-1));\n"
    "document.getElementById('step').addEventListener('click', () => both(1));\n</script>\n</body>\n</html>\n";

typedef struct diff_page {
    const comparison *c;
    char *pages[2];
} diff_page;

static ct_status put_page(FILE *stream, void *user)
{
    const diff_page *d = user;
    char *words = NULL;
    size_t size;
    FILE *memory = open_memstream(&words, &size);
    if (!memory)
        return ct_error_set(CT_ERROR_MEMORY, "diff: no memory");
    write_words(d->c, memory);
    fclose(memory);
    fputs(page_head, stream);
    put_escaped(stream, words);
    free(words);
    fputs(page_buttons, stream);
    for (int which = A; which <= B; which++) {
        fputs("<iframe title=\"", stream);
        put_escaped(stream, d->c->given->words[which]);
        fputs("\" srcdoc=\"", stream);
        put_escaped(stream, d->pages[which]);
        fputs("\"></iframe>\n", stream);
    }
    fputs("</main>\n<script>\nconst lit = [", stream);
    put_lit(d->c, A, stream);
    fputs(", ", stream);
    put_lit(d->c, B, stream);
    fputs(page_script, stream);
    return CT_OK;
}

static bool write_page(const comparison *c)
{
    diff_page d = {.c = c, .pages = {page_of(c, A)}};
    d.pages[B] = d.pages[A] ? page_of(c, B) : NULL;
    bool written = d.pages[B] && ct_file_write("diff", c->given->values[HTML], put_page, &d) == CT_OK;
    if (d.pages[B] && !written)
        complain_of_error(c->given->command);
    free(d.pages[A]);
    free(d.pages[B]);
    return written;
}

/* ---- the whole ---- */

static int say(const comparison *c)
{
    bool same = c->alone[A] == 0 && c->alone[B] == 0;
    for (int kind = 0; kind < KINDS; kind++)
        same = same && !c->first[kind];
    if (c->given->values[HTML] && !write_page(c))
        return WRONG_USE;
    if (!c->given->values[JSON])
        write_words(c, stdout);
    else if (!write_json(c))
        return complain(c->given->command, "no memory");
    return same ? FINE : DIFFERS;
}

static int run(const arguments *given)
{
    comparison c = {.given = given};
    int status = WRONG_USE;
    const char *page = given->values[HTML];
    bool read = read_tolerance(&c) && read_compare(&c) && (!page || can_write_as(given, &options[HTML], page, ".html"));
    for (int which = A; which <= B && read; which++) {
        c.traces[which] = read_trace(given, given->words[which]);
        c.nodes[which] = json_object_get(c.traces[which], "nodes");
        read = c.traces[which];
    }
    if (read && !pair_nodes(&c))
        complain(given->command, "no memory");
    else if (read) {
        compare(&c);
        status = say(&c);
    }
    free(c.pairs);
    json_decref(c.traces[A]);
    json_decref(c.traces[B]);
    return status;
}

const command diff_command = {
    .name = "diff",
    .usage = "A.json B.json",
    .min_words = 2,
    .max_words = 2,
    .summary = "where two recorded graphs first differ",
    .about =
        "Compares two traces, written by ct_trace_write_json() in a program or by cotan explain --json: the first "
        "tensor on the "
        "way forward whose value differs, the first on the way back whose gradient differs, the first leaf of which an "
        "optimiser made something else, and what only one of them has. Of "
        "large tensors a trace keeps the range, the mean, the norm and a few elements; those are compared.\nThe "
        "exit status "
        "is 0 if nothing differs, 1 if something does.",
    .options = options,
    .examples =
        "  cotan explain 'relu(w*x)' w=2 x=3 --json >a.json\n  cotan explain 'relu(w*x)' w=2 x=4 --json >b.json\n"
        "  cotan diff a.json b.json\n  cotan diff a.json b.json --compare gradients --html both.html\n",
    .run = run,
};
