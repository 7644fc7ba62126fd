/* Calls of operations in an expression: parameters by place or by name, read as their kind says, and the operation's function.
 *
 * Invariant: an argument that an operation would not differentiate through is refused where a gradient would be lost. */
#include "expression_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETERS 8

typedef struct argument {
    ct_tensor *tensor, **tensors; /* tensors: for free() */
    int64_t integers[CT_MAX_RANK];
    int n; /* of tensors, or integers */
    double number;
    char text[128];
    bool given;
} argument;

typedef struct call_row {
    const char *name, *parameters;
    ct_tensor *(*run)(const argument *a);
} call_row;

/* ---- the rows ---- */

#define T(i) a[i].tensor
#define N(i) a[i].number
#define I(i) (int)a[i].number
#define F(i) (a[i].number != 0)
#define R(i) (ct_reduction) a[i].number
#define TEXT(i) a[i].text
#define LIST(i) a[i].integers, a[i].n
#define TENSORS(i) a[i].tensors, a[i].n
#define AXES(i, k) .axes = a[i].integers, .n_axes = a[i].n, .keepdim = F(k)
#define REDUCE(i, k) AXES(i, k)
#define VARIANCE AXES(1, 2), .biased = F(3)
#define LOSS(i) .reduction = R(i)
#define CONV_AT(i) .stride = {N(i)}, .padding = {N(i + 1)}, .dilation = {N(i + 2)}
#define CONV CONV_AT(3)
#define PAIR(i) ((const int64_t[]){a[i].integers[0], a[i].integers[a[i].n > 1]})
#define EACH_AXIS(i) a[i].n ? a[i].integers[0] : CT_UNSET_INT, a[i].integers[1], a[i].integers[2]
#define POOL .stride = {N(2)}, .padding = {N(3)}

#define CALL(name, parameters, ...)                  \
    static ct_tensor *call_##name(const argument *a) \
    {                                                \
        return __VA_ARGS__;                          \
    }
#include "operations.h"
#undef CALL

static const call_row rows[] = {
#define CALL(name, parameters, ...) {#name, parameters, call_##name},
#include "operations.h"
#undef CALL
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const call_row *row_of(const char *name, int length)
{
    for (int i = 0; i < N_ROWS; i++) {
        if ((int)strlen(rows[i].name) == length && memcmp(rows[i].name, name, (size_t)length) == 0)
            return &rows[i];
    }
    return NULL;
}

/* ---- operations without a row ---- */

static const ct_op *find_op(const ct_op *const *ops, int n, const char *name, int length)
{
    for (int i = 0; i < n; i++) {
        if ((int)strlen(ops[i]->name) == length && memcmp(ops[i]->name, name, (size_t)length) == 0)
            return ops[i];
    }
    return NULL;
}

/* The user's own before the library's. */
static const ct_op *op_of(const expression *e, const char *name, int length)
{
    int n;
    const ct_op *const *ops = ct_ops(&n);
    const ct_op *own = e->more ? find_op(e->more->ops, e->more->n, name, length) : NULL;
    return own ? own : row_of(name, length) ? NULL : find_op(ops, n, name, length);
}

bool is_operation(const expression *e, const char *name, int length)
{
    return row_of(name, length) || op_of(e, name, length);
}

const char *nearest_operation(const expression *e, const char *name, int length)
{
    const char *names[1024];
    int n, n_names = 0;
    const ct_op *const *ops = ct_ops(&n);
    for (int i = 0; i < N_ROWS; i++)
        names[n_names++] = rows[i].name;
    for (int i = 0; i < n && n_names < 1024; i++)
        names[n_names++] = ops[i]->name;
    for (int i = 0; e->more && i < e->more->n && n_names < 1024; i++)
        names[n_names++] = e->more->ops[i]->name;
    return nearest(name, length, names, n_names);
}

const char *expression_parameters(const char *name)
{
    const call_row *row = row_of(name, (int)strlen(name));
    return row ? row->parameters : NULL;
}

/* ---- parameters ---- */

typedef enum kind {
    TENSOR,
    NUMBER_,
    INTEGER,
    FLAG,
    INTEGERS,
    INDEX,
    MASK,
    LABELS,
    TENSOR_LIST,
    TEXT,
    REDUCTION,
    N_KINDS
} kind;
static const char *const kind_names[N_KINDS] = {"tensor", "number", "integer", "flag", "integers", "index",
                                                "mask",   "labels", "tensors", "text", "reduction"};

static const char *const reductions[] = {"mean", "sum", "none"};

typedef struct parameter {
    char name[24];
    kind kind;
    char otherwise[16]; /* what it is when left out; "" if it may not be */
} parameter;

static kind kind_of(const char *word)
{
    for (int i = 0; i < N_KINDS; i++) {
        if (strcmp(word, kind_names[i]) == 0)
            return (kind)i;
    }
    return TENSOR;
}

/* Copies what stands before one of the stops; returns the place of that. */
static const char *take(char *to, size_t size, const char *at, const char *stops)
{
    size_t length = strcspn(at, stops);
    snprintf(to, size, "%.*s", (int)length, at);
    return at + length;
}

/* Reads a row's parameters; returns their number. */
static int read_parameters(const char *text, parameter *parameters)
{
    int n = 0;
    for (const char *at = text; *at && n < MAX_PARAMETERS; at += strspn(at, ", ")) {
        char word[16] = "tensor";
        parameter *what = &parameters[n++];
        *what = (parameter){0};
        at = take(what->name, sizeof what->name, at, ":=,");
        if (*at == ':')
            at = take(word, sizeof word, at + 1, "=,");
        if (*at == '=')
            at = take(what->otherwise, sizeof what->otherwise, at + 1, ",");
        what->kind = kind_of(word);
    }
    return n;
}

/* ---- arguments, as their kind says ---- */

/* Whether all elements are whole numbers that any operation's integers hold. */
static bool whole(parser *p, int at, const parameter *what, const ct_tensor *t)
{
    for (int64_t i = 0; i < ct_numel(t); i++) {
        double value = ((const double *)ct_data(t))[i];
        if (value != floor(value) || fabs(value) > 1e9)
            return wrong(p, at, "'%s' takes whole numbers: %g is none that fits", what->name, value);
    }
    return true;
}

/* A tensor of float64 numbers that no gradient would be lost in. */
static ct_tensor *read_constant(parser *p, const parameter *what)
{
    int at = p->now.start;
    ct_tensor *t = parse_sum(p);
    if (t && ct_requires_grad(t))
        return wrong(p, at, "'%s' takes plain numbers: no gradient flows to it", what->name);
    return t ? made(p, at, at, ct_contiguous(ct_dtype_of(t) == CT_FLOAT64 ? t : ct_cast(t, CT_FLOAT64))) : NULL;
}

static bool read_number(parser *p, const parameter *what, argument *a)
{
    int at = p->now.start;
    ct_tensor *t = read_constant(p, what);
    if (t && ct_numel(t) != 1)
        return wrong(p, at, "'%s' takes one number", what->name);
    a->number = t ? *(const double *)ct_data(t) : 0;
    return t && (what->kind != INTEGER || whole(p, at, what, t));
}

static bool read_integers(parser *p, const parameter *what, argument *a)
{
    int at = p->now.start;
    ct_tensor *t = read_constant(p, what);
    if (!t || !whole(p, at, what, t))
        return false;
    if (ct_rank(t) > 1 || ct_numel(t) > CT_MAX_RANK)
        return wrong(p, at, "'%s' takes a number or a list of at most %d", what->name, CT_MAX_RANK);
    a->n = (int)ct_numel(t);
    for (int i = 0; i < a->n; i++)
        a->integers[i] = (int64_t)((const double *)ct_data(t))[i];
    return true;
}

static bool read_tensor(parser *p, const parameter *what, argument *a)
{
    if (what->otherwise[0] && token_is(p, "none")) {
        advance(p);
        return true;
    }
    a->tensor = parse_sum(p);
    return a->tensor;
}

/* Whole numbers, as int64. */
static bool read_index(parser *p, const parameter *what, argument *a)
{
    int at = p->now.start;
    ct_tensor *t = parse_sum(p);
    if (!t || ct_dtype_of(t) == CT_INT64) {
        a->tensor = t;
        return t;
    }
    t = made(p, at, at, ct_contiguous(ct_cast(ct_detach(t), CT_FLOAT64)));
    if (!t || !whole(p, at, what, t))
        return false;
    a->tensor = made(p, at, at, ct_cast(t, CT_INT64));
    return a->tensor;
}

static bool read_mask(parser *p, const parameter *what, argument *a)
{
    int at = p->now.start;
    (void)what;
    ct_tensor *t = parse_sum(p);
    if (!t || ct_dtype_of(t) == CT_BOOL) {
        a->tensor = t;
        return t;
    }
    a->tensor = made(p, at, at, ct_ne(ct_detach(t), ct_scalar(ct_dtype_of(t), 0)));
    return a->tensor;
}

/* Class labels, or, of the shape of the first argument, probabilities; arguments stand in a row. */
static bool read_labels(parser *p, const parameter *what, argument *a)
{
    int at = p->now.start;
    parser before = *p;
    a->tensor = parse_sum(p);
    const ct_tensor *x = a[-1].tensor;
    if (!a->tensor || !x)
        return a->tensor || wrong(p, at, "'%s' stands behind the first argument", what->name);
    if (ct_rank(x) == ct_rank(a->tensor) && ct_numel(x) == ct_numel(a->tensor))
        return true;
    *p = before;
    return read_index(p, what, a);
}

static bool read_list(parser *p, const parameter *what, argument *a)
{
    (void)what;
    return parse_elements(p, &a->tensors, &a->n);
}

static bool read_text(parser *p, const parameter *what, argument *a)
{
    int length = p->now.end - p->now.start;
    if (p->now.kind != STRING || length >= (int)sizeof a->text)
        return wrong(p, p->now.start, "'%s' takes a text in quotes", what->name);
    snprintf(a->text, sizeof a->text, "%.*s", length, p->text + p->now.start);
    advance(p);
    return true;
}

static bool read_reduction(parser *p, const parameter *what, argument *a)
{
    for (int i = 0; i < (int)(sizeof reductions / sizeof *reductions); i++) {
        if (token_is(p, reductions[i])) {
            advance(p);
            a->number = i;
            return true;
        }
    }
    return wrong(p, p->now.start, "'%s' is mean, sum or none", what->name);
}

static bool (*const readers[N_KINDS])(parser *p, const parameter *what, argument *a) = {
    read_tensor, read_number, read_number, read_number, read_integers, read_index,
    read_mask,   read_labels, read_list,   read_text,   read_reduction};

/* ---- calls ---- */

/* What a left-out argument is. */
static void take_default(const parameter *what, argument *a)
{
    if (strcmp(what->otherwise, "kernel") == 0)
        a->number = CT_UNSET_INT;
    else if (what->kind == NUMBER_ || what->kind == INTEGER)
        a->number = strtod(what->otherwise, NULL);
    else if (what->kind == FLAG)
        a->number = strcmp(what->otherwise, "true") == 0;
}

/* The parameter that the argument here is for, its name used up; -1 with a mistake. */
static int parameter_here(parser *p, const call_row *row, const parameter *what, int n, int place)
{
    bool named = p->now.kind == NAME && p->now.before_equals;
    for (int i = 0; i < n && named; i++) {
        if (token_is(p, what[i].name)) {
            advance(p);
            advance(p);
            return i;
        }
    }
    if (named)
        wrong(p, p->now.start, "%s has no argument '%.*s': %s(%s)", row->name, p->now.end - p->now.start,
              p->text + p->now.start, row->name, row->parameters);
    else if (place >= n)
        wrong(p, p->now.start, "too many arguments: %s(%s)", row->name, row->parameters);
    return named || place >= n ? -1 : place;
}

static bool read_arguments_of(parser *p, const call_row *row, const parameter *what, int n, argument *a)
{
    for (int place = 0; !at_symbol(p, ')'); place++) {
        if (place > 0 && !next_element(p, ')'))
            return false;
        int at = p->now.start, i = parameter_here(p, row, what, n, place);
        if (i < 0 || a[i].given)
            return i < 0 ? false : wrong(p, at, "'%s' is given twice", what[i].name);
        a[i].given = true;
        if (!readers[what[i].kind](p, &what[i], &a[i]))
            return false;
    }
    return true;
}

static ct_tensor *call_by_row(parser *p, const call_row *row, int at)
{
    parameter what[MAX_PARAMETERS];
    argument a[MAX_PARAMETERS] = {0};
    int n = read_parameters(row->parameters, what);
    bool read = read_arguments_of(p, row, what, n, a);
    for (int i = 0; i < n && read; i++) {
        if (!a[i].given && !what[i].otherwise[0])
            read = wrong(p, at, "'%s' is missing: %s(%s)", what[i].name, row->name, row->parameters);
        else if (!a[i].given)
            take_default(&what[i], &a[i]);
    }
    ct_tensor *result = read ? row->run(a) : NULL;
    for (int i = 0; i < n; i++)
        free(a[i].tensors);
    if (!read)
        return NULL;
    advance(p);
    return made(p, at, at, result);
}

/* ---- calls by record: inputs in order, and attributes by the names that the record gives them ---- */

/* A word of attribute_names (autograd.h): where its count values of that kind are in the struct. */
typedef struct slot {
    const char *name;
    int length;
    long count;
    char kind;
    size_t at, size;
} slot;

/* Reads the word at names; false behind the last. */
static bool next_slot(const char **names, slot *s)
{
    const char *word = *names + strspn(*names, " ");
    char *end = (char *)word + strcspn(word, ": ");
    size_t before = s->at + (size_t)s->count * s->size;
    *s = (slot){.name = word, .length = (int)(end - word), .count = 1};
    if (*end == ':')
        s->count = strtol(end + 1, &end, 10);
    s->kind = *end && *end != ' ' ? *end++ : 'i';
    s->size = s->kind == 's' ? 1 : s->kind == 'w' ? sizeof(int32_t) : sizeof(int64_t);
    s->at = (before + s->size - 1) / s->size * s->size;
    *names = end;
    return s->length > 0 && s->at + (size_t)s->count * s->size <= CT_MAX_ATTRIBUTES;
}

static void put_value(char *place, char letter, double value)
{
    int64_t integer = (int64_t)value;
    int32_t word = (int32_t)value;
    if (letter == 'd')
        memcpy(place, &value, sizeof value);
    else if (letter == 'w')
        memcpy(place, &word, sizeof word);
    else
        memcpy(place, &integer, sizeof integer);
}

/* Reads the value of the attribute that the name here, which is used up, is for. */
static bool read_attribute(parser *p, const ct_op *op, char *attributes)
{
    const char *names = op->attribute_names ? op->attribute_names : "";
    slot s = {0};
    while (next_slot(&names, &s) &&
           !(s.length == p->now.end - p->now.start && !memcmp(s.name, p->text + p->now.start, (size_t)s.length)))
        ;
    if (!s.length || s.kind == 's' || s.kind == 't')
        return wrong(p, p->now.start, "%s has no option '%.*s' that takes numbers", op->name, p->now.end - p->now.start,
                     p->text + p->now.start);
    advance(p);
    advance(p);
    const parameter what = {.name = "this option", .kind = s.kind == 'd' ? NUMBER_ : INTEGER};
    int at = p->now.start;
    const ct_tensor *t = read_constant(p, &what);
    if (!t || (what.kind == INTEGER && !whole(p, at, &what, t)))
        return false;
    if (ct_numel(t) > s.count || (s.kind != 'n' && ct_numel(t) != s.count))
        return wrong(p, at, "'%.*s' takes %ld number%s", s.length, s.name, s.count, s.count == 1 ? "" : "s");
    for (int64_t i = 0; i < ct_numel(t); i++)
        put_value(attributes + s.at + (size_t)i * s.size, s.kind, ((const double *)ct_data(t))[i]);
    if (s.kind == 'n')
        put_value(attributes + s.at + (size_t)s.count * s.size, 'i', (double)ct_numel(t));
    return true;
}

/* Numbers are floats here: what a record takes as its input i and is never a float is made of them. */
static kind kind_of_input(const ct_op *op, int i)
{
    unsigned takes = CT_FLOATS;
    for (int k = 0; k <= i && k < CT_TAKES; k++)
        takes = op->takes[k] ? op->takes[k] : takes;
    return takes & CT_FLOATS ? TENSOR : takes & CT_INTEGERS && takes != CT_MASKS ? INDEX : MASK;
}

static ct_tensor *call_by_record(parser *p, const ct_op *op, int at)
{
    ct_tensor *inputs[CT_MAX_INPUTS];
    _Alignas(int64_t) char attributes[CT_MAX_ATTRIBUTES + 8 * sizeof(int64_t)] = {0};
    int n = 0;
    for (bool first = true; !at_symbol(p, ')'); first = false) {
        argument a = {0};
        if (!first && !next_element(p, ')'))
            return NULL;
        if (p->now.kind == NAME && p->now.before_equals) {
            if (!read_attribute(p, op, attributes))
                return NULL;
            continue;
        }
        if (n == op->max_inputs)
            return wrong(p, p->now.start, "too many arguments: %s takes %d", op->name, op->max_inputs);
        parameter what = {.kind = kind_of_input(op, n), .otherwise = "none"};
        snprintf(what.name, sizeof what.name, "%s", op->name);
        bool none = token_is(p, "none");
        if (!readers[none ? TENSOR : what.kind](p, &what, &a))
            return NULL;
        inputs[n++] = a.tensor;
    }
    if (n < op->min_inputs)
        return wrong(p, at, "%s takes %d argument%s, here are %d", op->name, op->min_inputs,
                     op->min_inputs == 1 ? "" : "s", n);
    advance(p);
    return made(p, at, at, ct_apply(op, inputs, n, op->attributes_size ? attributes : NULL));
}

ct_tensor *parse_call(parser *p)
{
    token t = p->now;
    int length = t.end - t.start;
    const char *name = p->text + t.start;
    const ct_op *op = op_of(p->e, name, length);
    const call_row *row = op ? NULL : row_of(name, length);
    if (!row && !op) {
        const char *like = nearest_operation(p->e, name, length);
        return wrong(p, t.start, "there is no operation '%.*s'%s%s%s", length, name, like ? "; the nearest is '" : "",
                     like ? like : "", like ? "'" : "");
    }
    advance(p);
    advance(p);
    return row ? call_by_row(p, row, t.start) : call_by_record(p, op, t.start);
}
