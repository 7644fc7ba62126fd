/* The language in which a row says an operation, and the nodes that come of it.
 *
 *     row        := expression [" | " expression]...              one for each output
 *     expression := Operator ["." which of its two outputs] "(" argument ["," argument]... [";" attribute...] ")"
 *     argument   := expression | "$" input ["?"]                  an input of the call; "?": it may be left out
 *                 | "$*"                                          all inputs
 *                 | "@shape"                                      the shape of the first output, int64
 *                 | "[" name or integer "]"                       int64 [n], that attribute of the call
 *                 | name                                          the same without an axis; a double: in the first input's type
 *                 | number                                        in the first input's type
 *     attribute  := Name "=" (name | "-" name | integer | number with a point | "'" word "'")
 *                 | "@"                                           those that the row's function puts
 *
 * A name is that of an attribute of the record; "p.1" is the second of its numbers. Invariant: the rows are ours, so that they are not
 * checked; what a row asks for and the record has not is an error of argument, which a test of all rows would find. */
#include "onnx_internal.h"
#include <ctype.h>
#include <math.h>

/* Where in the row we are, and of which call. */
typedef struct reader {
    ct__onnx_graph *graph;
    const ct__onnx_call *call;
    const char *at;
    bool failed;
} reader;

static void skip_spaces(reader *r)
{
    r->at += strspn(r->at, " ");
}

static bool take(reader *r, char c)
{
    skip_spaces(r);
    bool there = *r->at == c;
    r->at += there;
    return there;
}

/* A word of letters, digits and underlines into word, which has CT_ONNX_NAME bytes. */
static void take_word(reader *r, char *word)
{
    skip_spaces(r);
    size_t n = 0;
    for (; isalnum((unsigned char)*r->at) || *r->at == '_'; r->at++)
        if (n + 1 < CT_ONNX_NAME)
            word[n++] = *r->at;
    word[n] = '\0';
}

static void make_name(ct__onnx_graph *g, char *name)
{
    snprintf(name, CT_ONNX_NAME, "onnx.%lld", (long long)g->n_made++);
}

/* ---- constants ---- */

static void put_integers(reader *r, const int64_t *values, int64_t n, int rank, char *name)
{
    make_name(r->graph, name);
    ct__onnx_put_constant(r->graph, name, CT_INT64, &n, rank, values, (size_t)n * sizeof *values);
}

/* A number in the type of the call's first input. */
static void put_scalar(reader *r, double value, char *name)
{
    make_name(r->graph, name);
    ct_tensor *scalar = ct_full(r->call->dtype, value, NULL, 0);
    if (scalar)
        ct__onnx_put_constant(r->graph, name, r->call->dtype, NULL, 0, ct_data(scalar), ct_dtype_size(r->call->dtype));
    r->failed |= !scalar;
}

/* The attribute that is named next: how many integers, or else numbers, are written. */
static int64_t take_attribute(reader *r, int64_t *integers, double *numbers)
{
    char name[CT_ONNX_NAME];
    take_word(r, name);
    int64_t number = 0;
    if (*r->at == '.')
        number = strtol(r->at + 1, (char **)&r->at, 10);
    int64_t n = ct_attribute_integers(&r->call->op, r->call->attributes, name, integers, CT_MAX_RANK);
    if (n >= 0)
        return n < CT_MAX_RANK ? n : CT_MAX_RANK;
    double all[CT_MAX_RANK] = {0};
    r->failed |= ct_attribute_numbers(&r->call->op, r->call->attributes, name, all, CT_MAX_RANK) <= number;
    *numbers = all[number];
    return -1;
}

static bool is_number(const char *at)
{
    return isdigit((unsigned char)*at) || (*at == '-' && isdigit((unsigned char)at[1]));
}

static void take_list(reader *r, char *name)
{
    int64_t integers[CT_MAX_RANK] = {0}, n = 1;
    double number;
    if (is_number(r->at))
        integers[0] = strtoll(r->at, (char **)&r->at, 10);
    else
        n = take_attribute(r, integers, &number);
    take(r, ']');
    put_integers(r, integers, n < 0 ? 0 : n, 1, name);
}

/* Numbers of rows have points, whatever the locale: they are written as in C. */
static double take_number(reader *r)
{
    double value = 0;
    size_t n = strspn(r->at, "-+.0123456789eE");
    char text[CT_ONNX_NAME];
    snprintf(text, sizeof text, "%.*s", (int)n, r->at);
    ct_csv_number(text, &value);
    r->at += n;
    return value;
}

/* ---- arguments and nodes ---- */

static void take_expression(reader *r, const char *output, char *name);

/* An input of the call, "" for one that is left out. */
static void take_input(reader *r, char *name)
{
    int64_t i = strtol(r->at, (char **)&r->at, 10);
    int64_t value = i < r->call->n_inputs ? r->call->inputs[i] : -1;
    take(r, '?');
    snprintf(name, CT_ONNX_NAME, "%s", value >= 0 ? r->graph->values[value].name : "");
}

static void take_named(reader *r, char *name)
{
    int64_t integers[CT_MAX_RANK];
    double number;
    if (take_attribute(r, integers, &number) < 0)
        put_scalar(r, number, name);
    else
        put_integers(r, integers, 1, 0, name);
}

static void take_argument(reader *r, char *name)
{
    skip_spaces(r);
    if (take(r, '$'))
        take_input(r, name);
    else if (take(r, '['))
        take_list(r, name);
    else if (take(r, '@'))
        r->at += strlen("shape"), put_integers(r, r->call->to, r->call->to_rank, 1, name);
    else if (is_number(r->at))
        put_scalar(r, take_number(r), name);
    else if (isupper((unsigned char)*r->at))
        take_expression(r, NULL, name);
    else
        take_named(r, name);
}

static void put_all_inputs(const reader *r, ct__message *node)
{
    for (int i = 0; i < r->call->n_inputs; i++)
        ct__put_text(node, 1, r->graph->values[r->call->inputs[i]].name);
}

static void take_arguments(reader *r, ct__message *node)
{
    do {
        skip_spaces(r);
        char name[CT_ONNX_NAME];
        if (strncmp(r->at, "$*", 2) == 0) {
            r->at += 2;
            put_all_inputs(r, node);
        } else {
            take_argument(r, name);
            ct__put_text(node, 1, name);
        }
    } while (take(r, ','));
}

static void take_value(reader *r, ct__message *node, const char *name)
{
    int64_t integers[CT_MAX_RANK] = {0};
    double number = 0;
    char word[CT_ONNX_NAME];
    if (take(r, '\'')) {
        take_word(r, word);
        take(r, '\'');
        ct__onnx_put_word(node, name, word);
        return;
    }
    if (is_number(r->at)) {
        bool real = r->at[strspn(r->at, "-0123456789")] == '.';
        number = take_number(r);
        real ? ct__onnx_put_number(node, name, number) : ct__onnx_put_integer(node, name, (int64_t)number);
        return;
    }
    bool negative = take(r, '-'), real = take_attribute(r, integers, &number) < 0;
    int64_t integer = negative ? -integers[0] : integers[0];
    real ? ct__onnx_put_number(node, name, number) : ct__onnx_put_integer(node, name, integer);
}

static void take_pairs(reader *r, ct__message *node)
{
    while (!take(r, ')') && *r->at) {
        char name[CT_ONNX_NAME];
        if (take(r, '@')) {
            r->call->row->put(node, r->call);
            continue;
        }
        take_word(r, name);
        take(r, '=');
        take_value(r, node, name);
    }
}

/* The node's output, or two of them, of which number which is ours; -1: it has one. */
static void put_outputs(reader *r, ct__message *node, int64_t which, const char *name)
{
    char other[CT_ONNX_NAME];
    make_name(r->graph, other);
    if (which == 1)
        ct__put_text(node, 2, other);
    ct__put_text(node, 2, name);
    if (which == 0)
        ct__put_text(node, 2, other);
}

/* NodeProto; its result's name is output, or one made up, and is written to name. */
static void take_expression(reader *r, const char *output, char *name)
{
    char operator[CT_ONNX_NAME];
    ct__message node = {0};
    take_word(r, operator);
    int64_t which = take(r, '.') ? strtol(r->at, (char **)&r->at, 10) : -1;
    take(r, '(');
    take_arguments(r, &node);
    if (output)
        snprintf(name, CT_ONNX_NAME, "%s", output);
    else
        make_name(r->graph, name);
    put_outputs(r, &node, which, name);
    ct__put_text(&node, 4, operator);
    take(r, ';');
    take_pairs(r, &node);
    ct__put_message(&r->graph->contents, 1, &node);
}

/* ---- calls ---- */

bool ct__onnx_inputs_are_there(const char *text, const ct__onnx_call *call)
{
    for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
        int64_t i = strtol(at + 1, NULL, 10);
        bool may_be_missing = at[1] == '*' || at[2] == '?';
        if (!may_be_missing && (i >= call->n_inputs || call->inputs[i] < 0))
            return false;
    }
    return true;
}

static ct_status cannot_say(const ct__onnx_call *call, int output)
{
    return output == 0 ? ct_error_set(CT_ERROR_ARGUMENT, "%s: ONNX has no operator for this call of %s", CT_ONNX_WRITE,
                                      call->op.name)
                       : ct_error_set(CT_ERROR_ARGUMENT, "%s: ONNX has no operator for result %d of %s", CT_ONNX_WRITE,
                                      output, call->op.name);
}

/* The expression of output number i; NULL if there is none. */
static const char *text_of(const ct__onnx_row *row, int i)
{
    const char *text = row ? row->text : NULL;
    for (; text && i > 0; i--) {
        text = strchr(text, '|');
        text = text ? text + 1 : NULL;
    }
    return text;
}

ct_status ct__onnx_put_call(ct__onnx_graph *g, const ct__onnx_call *call)
{
    for (int i = 0; i < call->n_outputs; i++) {
        const ct__onnx_value *v = call->outputs[i] >= 0 ? &g->values[call->outputs[i]] : NULL;
        if (!v || !v->needed)
            continue;
        reader r = {.graph = g, .call = call, .at = text_of(call->row, i)};
        char name[CT_ONNX_NAME];
        if (r.at)
            take_expression(&r, v->name, name);
        if (!r.at || r.failed)
            return cannot_say(call, i);
    }
    return CT_OK;
}
