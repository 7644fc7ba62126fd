/* cotan diff A.json B.json: where two traces (ct_trace_write_json) first differ: in a value on the way forward, in a gradient on
 * the way back.
 *
 * Invariant: nodes are compared in pairs that are made by the same operation and have the same shape, each at most once. */
#include "cli.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOLERANCE, JSON };
static const option options[] = {
    {"tolerance", "T",
     "how far two numbers of a tensor may lie apart, as a share of its largest; 1e-6 if not given, 0 for exactly"},
    {"json", NULL, "write what differs as JSON"},
    {0}};

enum { A, B };

typedef struct pair {
    size_t node[2];
} pair;

typedef struct comparison {
    const arguments *given;
    json_t *traces[2], *nodes[2];
    double tolerance;
    pair *pairs;
    size_t n_pairs, alone[2], first_alone[2]; /* nodes without a partner */
    size_t values, gradients;                 /* pairs that differ in them, */
    const pair *value, *gradient;             /* and the first of those on its way; NULL: none */
} comparison;

/* ---- reading ---- */

/* A trace, or NULL after complaining. */
static json_t *read_trace(const arguments *given, const char *path)
{
    json_error_t error;
    json_t *trace = json_load_file(path, 0, &error);
    if (!trace) {
        complain(given->command, error.line > 0 ? "%s: line %d: %s" : "%s cannot be read", path, error.line,
                 error.text);
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

/* Values in the order of the forward pass, gradients in that of the backward pass: the last node's is the first. */
static void compare(comparison *c)
{
    for (size_t i = 0; i < c->n_pairs; i++) {
        const json_t *a = node_at(c, A, c->pairs[i].node[A]), *b = node_at(c, B, c->pairs[i].node[B]);
        bool value = same_tensor(json_object_get(a, "value"), json_object_get(b, "value"), c->tolerance);
        bool gradient = same_tensor(json_object_get(a, "gradient"), json_object_get(b, "gradient"), c->tolerance);
        c->values += !value;
        c->gradients += !gradient;
        if (!value && !c->value)
            c->value = &c->pairs[i];
        if (!gradient)
            c->gradient = &c->pairs[i];
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

static void write_difference(const comparison *c, const pair *p, const char *member, size_t n)
{
    char text[512];
    if (!p) {
        printf("%ss: the same in all %zu nodes\n", member, c->n_pairs);
        return;
    }
    node_words(node_at(c, A, p->node[A]), text, sizeof text);
    printf("%s%ss: first differ at %s%s\n", bold(stdout), member, text, plain(stdout));
    for (int which = A; which <= B; which++) {
        tensor_words(json_object_get(node_at(c, which, p->node[which]), member), text, sizeof text);
        printf("  %s: %s\n", c->given->words[which], text);
    }
    printf("  %zu of %zu differ\n", n, c->n_pairs);
}

static void write_alone(const comparison *c, int which)
{
    char text[512];
    if (c->alone[which] == 0)
        return;
    node_words(node_at(c, which, c->first_alone[which]), text, sizeof text);
    printf("only in %s: %zu node%s, the first is %s\n", c->given->words[which], c->alone[which],
           c->alone[which] == 1 ? "" : "s", text);
}

/* The ids of the pair's nodes, or null. */
static json_t *pair_json(const pair *p)
{
    return p ? json_pack("[I, I]", (json_int_t)p->node[A], (json_int_t)p->node[B]) : json_null();
}

static bool write_json(const comparison *c)
{
    json_t *all =
        json_pack("{s:o, s:I, s:o, s:I, s:I, s:[I, I]}", "value", pair_json(c->value), "values", (json_int_t)c->values,
                  "gradient", pair_json(c->gradient), "gradients", (json_int_t)c->gradients, "pairs",
                  (json_int_t)c->n_pairs, "alone", (json_int_t)c->alone[A], (json_int_t)c->alone[B]);
    bool written = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0;
    printf("\n");
    json_decref(all);
    return written;
}

static int say(const comparison *c)
{
    bool same = !c->value && !c->gradient && c->alone[A] == 0 && c->alone[B] == 0;
    if (c->given->values[JSON]) {
        if (!write_json(c))
            return complain(c->given->command, "no memory");
    } else {
        write_difference(c, c->value, "value", c->values);
        write_difference(c, c->gradient, "gradient", c->gradients);
        write_alone(c, A);
        write_alone(c, B);
    }
    return same ? FINE : DIFFERS;
}

static int run(const arguments *given)
{
    comparison c = {.given = given};
    int status = WRONG_USE;
    bool read = read_tolerance(&c);
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
    .about = "Compares two traces, written by ct_trace_write_json() in a program or by cotan explain --json: the first "
             "tensor on the "
             "way forward whose value differs, the first on the way back whose gradient differs, and what only one of "
             "them has. Of "
             "large tensors a trace keeps the range, the mean, the norm and a few elements; those are compared.\nThe "
             "exit status "
             "is 0 if nothing differs, 1 if something does.",
    .options = options,
    .examples =
        "  cotan explain 'relu(w*x)' w=2 x=3 --json >a.json\n  cotan explain 'relu(w*x)' w=2 x=4 --json >b.json\n"
        "  cotan diff a.json b.json\n",
    .run = run,
};
