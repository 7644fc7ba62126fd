/* cotan ops [NAME]: the reference in the terminal, from the operations' records and the headers' signatures. */
#include "cli.h"
#include "expression.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES, JSON };
static const option options[] = {
    {"names", NULL, "write the names alone, one a line"}, {"json", NULL, "write the records as JSON"}, {0}};

/* From the headers, made by docs/reference/make_page.py. */
typedef struct signature {
    const char *name, *declaration, *comment;
} signature;

static const signature signatures[] = {
#include "signatures.inc"
};

static const signature *signature_of(const char *name)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        if (strcmp(signatures[i].name, name) == 0)
            return &signatures[i];
    }
    return NULL;
}

/* ---- samples ---- */

/* "3x4", "scalar", "int64:5": in a sample's words. */
static int sample_shape(char *text, size_t size, const ct_tensor *t)
{
    int used = 0;
    if (!ct_dtype_is_float(ct_dtype_of(t)))
        used = snprintf(text, size, "%s:", ct_dtype_name(ct_dtype_of(t)));
    for (int i = 0; i < ct_rank(t); i++)
        used += snprintf(text + used, size - (size_t)used, i ? "x%lld" : "%lld", (long long)ct_shape(t)[i]);
    return used + snprintf(text + used, size - (size_t)used, "%s", ct_rank(t) ? "" : "scalar");
}

/* The shapes that come out of a sample, in text; false with an error. */
static bool run_sample(const ct_op *op, const ct_sample *sample, char *text, size_t size)
{
    ct_tensor *inputs[CT_MAX_INPUTS], *outputs[CT_MAX_OUTPUTS] = {0};
    int n, used = 0;
    if (ct_scope_open() != CT_OK)
        return false;
    if (ct_sample_inputs(sample, CT_FLOAT64, inputs, &n) == CT_OK &&
        ct_apply_multi(op, inputs, n, sample->attributes, outputs) == CT_OK) {
        for (int i = 0; i < (op->outputs ? op->outputs : 1); i++) {
            used += snprintf(text + used, size - (size_t)used, "%s", i ? " " : "");
            used += sample_shape(text + used, size - (size_t)used, outputs[i]);
        }
    }
    ct_scope_close();
    return outputs[0];
}

/* ---- one operation ---- */

static void write_field(const char *name, const char *text)
{
    printf("  %s%-14s%s", faint(stdout), name, plain(stdout));
    write_wrapped(stdout, text, 16, screen_width());
}

static void write_call(const ct_op *op, bool public)
{
    char text[512];
    const char *parameters = expression_parameters(op->name);
    const char *symbol = expression_operator(op->name);
    if (symbol)
        snprintf(text, sizeof text, symbol[0] == '-' && op->max_inputs == 1 ? "-x, neg(x)" : "a %s b, %s(a, b)", symbol,
                 op->name);
    else if (parameters)
        snprintf(text, sizeof text, "%s(%s)", op->name, parameters);
    else if (!public || op->attributes_size > 0)
        return;
    else
        snprintf(text, sizeof text, "%s(%s)", op->name,
                 op->max_inputs == 1   ? "x"
                 : op->max_inputs == 2 ? "a, b"
                                       : "a, b, ...");
    write_field("in explain", text);
}

static bool write_samples(const ct_op *op)
{
    char text[1024], shapes[512], before[1024] = "";
    for (const ct_sample *s = op->samples; s && s->inputs; s++) {
        if (!run_sample(op, s, shapes, sizeof shapes))
            return false;
        snprintf(text, sizeof text, "%s %s %s", s->inputs, text_is_utf8() ? "→" : "->", shapes);
        if (strcmp(text, before) != 0) /* else it differs in its options alone */
            write_field(*before ? "" : "shapes", text);
        strcpy(before, text);
    }
    return true;
}

static bool write_record(const ct_op *op)
{
    const signature *s = signature_of(op->name);
    printf("%s%s%s\n", bold(stdout), op->name, plain(stdout));
    if (s) {
        write_field("in C", s->declaration);
        if (*s->comment)
            write_field("", s->comment);
    } else {
        write_field("", "An operation that only gradients use.");
    }
    write_call(op, s);
    write_field("gradient", op->gradient ? op->gradient : "not said");
    if (op->expression)
        write_field("made of", op->forward ? "other operations: an expression over them, with a shortcut beside it"
                                           : "other operations: it is an expression over them");
    if (!write_samples(op))
        return false;
    if (op->source)
        write_field("source", op->source);
    return true;
}

/* ---- all operations ---- */

/* The gradient cut to what fits beside a name. */
static void write_line(const char *style, const char *name, int name_width, const char *gradient)
{
    int room = has_width(stdout) ? screen_width() - name_width - 2 : 1 << 20;
    bool whole = text_width(gradient) <= room || room < 4;
    printf("%s%-*s%s  %.*s%s\n", style, name_width, name, plain(stdout), whole ? (int)strlen(gradient) : room - 3,
           gradient, whole ? "" : "...");
}

static void write_list(const ct_op *const *ops, int n)
{
    int width = 0;
    for (int i = 0; i < n; i++) {
        int length = signature_of(ops[i]->name) ? text_width(ops[i]->name) : 0;
        width = length > width ? length : width;
    }
    write_line(faint(stdout), "name", width, "gradient of each input");
    for (int i = 0; i < n; i++) {
        if (signature_of(ops[i]->name))
            write_line(bold(stdout), ops[i]->name, width, ops[i]->gradient ? ops[i]->gradient : "");
    }
}

static json_t *record_json(const ct_op *op)
{
    char shapes[512];
    const signature *s = signature_of(op->name);
    json_t *samples = json_array();
    for (const ct_sample *sample = op->samples; sample && sample->inputs; sample++) {
        if (!run_sample(op, sample, shapes, sizeof shapes))
            return json_decref(samples), NULL;
        json_array_append_new(samples, json_pack("{s:s, s:s}", "inputs", sample->inputs, "outputs", shapes));
    }
    return json_pack("{s:s, s:s, s:b, s:s?, s:s?, s:s?, s:o}", "name", op->name, "gradient",
                     op->gradient ? op->gradient : "", "expression", op->expression != NULL, "source", op->source,
                     "declaration", s ? s->declaration : NULL, "comment", s ? s->comment : NULL, "samples", samples);
}

static bool write_json(const ct_op *const *ops, int n)
{
    json_t *all = json_array();
    bool made = all;
    for (int i = 0; i < n && made; i++)
        made = json_array_append_new(all, record_json(ops[i])) == 0;
    made = made && json_dumpf(all, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII) == 0;
    printf("\n");
    json_decref(all);
    return made;
}

/* ---- the command ---- */

static int find(const arguments *given, const ct_op *const *ops, int n)
{
    const char *names[1024], *word = given->words[0];
    for (int i = 0; i < n && i < 1024; i++) {
        names[i] = ops[i]->name;
        if (strcmp(names[i], word) == 0)
            return i;
    }
    const char *like = nearest(word, (int)strlen(word), names, n);
    complain(given->command, "there is no operation '%s'%s%s%s", word, like ? "; the nearest is '" : "",
             like ? like : "", like ? "'" : "");
    return -1;
}

static int run(const arguments *given)
{
    int n, first = 0;
    const ct_op *const *ops = ct_ops(&n);
    if (given->n_words == 1) {
        first = find(given, ops, n);
        n = 1;
    }
    if (first < 0)
        return WRONG_USE;
    bool written = true;
    if (given->values[JSON])
        written = write_json(ops + first, n);
    else if (given->values[NAMES])
        for (int i = 0; i < n; i++)
            puts(ops[first + i]->name);
    else if (given->n_words == 1)
        written = write_record(ops[first]);
    else
        write_list(ops, n);
    return written ? FINE : complain_of_error(given->command);
}

const command ops_command = {
    .name = "ops",
    .usage = "[NAME]",
    .max_words = 1,
    .summary = "the reference of operations: gradient, signature, shapes, source",
    .about = "Without a name: every operation, with the formula of its gradient. With one: its signature in C, how "
             "cotan explain "
             "calls it, the gradient of each input (g is the gradient that comes in, y the result), the shapes that "
             "come out for the "
             "shapes of its samples (3x4 is a matrix, i5:7 seven whole numbers below 5, @0.2..3 a range of values, ! "
             "an input "
             "that gets no gradient), and where the formula is from.",
    .options = options,
    .examples = "  cotan ops\n  cotan ops softmax\n",
    .run = run,
};
