/* Reads an expression from left to right and runs it as it goes: tokens, operators by their strength, names, lists. */
#define CT_NO_LOCATIONS
#include "expression_internal.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 200, LONGEST_TEXT = 14 };

/* ---- mistakes ---- */

ct_tensor *wrong(parser *p, int at, const char *format, ...)
{
    mistake *m = &p->e->mistake;
    if (m->message[0])
        return NULL;
    va_list list;
    va_start(list, format);
    vsnprintf(m->message, sizeof m->message, format, list);
    va_end(list);
    m->text = p->text;
    m->at = at;
    return NULL;
}

/* Calls t as the text from start to end does, in parentheses where that holds it together; a result whose text is long v1, v2... */
static void name_by_text(parser *p, ct_tensor *t, int start, int end)
{
    char name[NAME_SIZE] = "";
    bool call = isalpha((unsigned char)p->text[start]) && p->text[end - 1] == ')', list = p->text[start] == '[';
    bool number = !ct_node_of(t) && isdigit((unsigned char)p->text[start]);
    if (end > start && end - start <= LONGEST_TEXT)
        snprintf(name, sizeof name, call || list || number ? "%.*s" : "(%.*s)", end - start, p->text + start);
    else if (ct_node_of(t))
        do
            snprintf(name, sizeof name, "v%d", ++p->n_long);
        while (expression_find(p->e, name));
    if (*name)
        ct_name(t, name);
}

ct_tensor *made(parser *p, int at, int start, ct_tensor *t)
{
    if (!t) {
        p->e->mistake.of_shapes = ct_error_code() == CT_ERROR_SHAPE && !p->e->mistake.message[0];
        wrong(p, at, "%s", ct_error_message());
        ct_error_clear();
        return NULL;
    }
    if (p->numbers_only)
        return t; /* no place in the expression */
    if (!ct_name_of(t))
        name_by_text(p, t, start, p->last_end);
    return ct_at("expression", at + 1, t);
}

/* ---- tokens ---- */

/* Signs that look like an operator, in slides and text. */
static const struct lookalike {
    const char *sign, *means;
} lookalikes[] = {{"**", "^"}, {"−", "-"},  {"–", "-"},  {"×", "*"},  {"·", "*"}, {"⋅", "*"},
                  {"÷", "/"},  {"²", "^2"}, {"³", "^3"}, {"’", "\""}, {"{", "["}, {"}", "]"}};

static int length_of_character(const char *text)
{
    int length = 1;
    while (((unsigned char)text[length] & 0xC0) == 0x80)
        length++;
    return length;
}

static void wrong_character(parser *p, int at)
{
    const char *text = p->text + at;
    for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++) {
        if (strncmp(text, lookalikes[i].sign, strlen(lookalikes[i].sign)) == 0) {
            wrong(p, at, "'%s' is not known here: write %s", lookalikes[i].sign, lookalikes[i].means);
            return;
        }
    }
    wrong(p, at, "'%.*s' is not known here", isprint((unsigned char)*text) ? 1 : length_of_character(text), text);
}

static int skip_digits(const char *text, int at)
{
    while (isdigit((unsigned char)text[at]))
        at++;
    return at;
}

/* A decimal number: digits, a point, an exponent. */
static void scan_number(parser *p, token *t)
{
    int end = skip_digits(p->text, t->start);
    if (p->text[end] == '.')
        end = skip_digits(p->text, end + 1);
    if (p->text[end] == 'e' || p->text[end] == 'E') {
        int digits = end + 1 + (p->text[end + 1] == '+' || p->text[end + 1] == '-');
        if (isdigit((unsigned char)p->text[digits]))
            end = skip_digits(p->text, digits);
    }
    t->kind = NUMBER;
    t->end = end;
    char *stopped;
    t->number = strtod(p->text + t->start, &stopped);
    if (stopped != p->text + end || isinf(t->number))
        wrong(p, t->start, "'%.*s' is no number that fits", end - t->start, p->text + t->start);
}

static void scan_name(parser *p, token *t)
{
    t->kind = NAME;
    while (isalnum((unsigned char)p->text[t->end]) || p->text[t->end] == '_')
        t->end++;
}

/* Text in quotes: einsum's equation. */
static void scan_string(parser *p, token *t)
{
    const char *close = strchr(p->text + t->start + 1, p->text[t->start]);
    t->kind = STRING;
    t->start++;
    t->end = close ? (int)(close - p->text) : t->start;
    if (!close)
        wrong(p, t->start - 1, "the quote does not end");
}

static int skip_blanks(const char *text, int at)
{
    while (isspace((unsigned char)text[at]))
        at++;
    return at;
}

void advance(parser *p)
{
    p->last_end = p->now.end + (p->now.kind == STRING);
    int start = skip_blanks(p->text, p->last_end);
    char c = p->text[start];
    token t = {.start = start, .end = start};
    if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)p->text[start + 1])))
        scan_number(p, &t);
    else if (isalpha((unsigned char)c) || c == '_')
        scan_name(p, &t);
    else if (c == '"' || c == '\'')
        scan_string(p, &t);
    else if (c && strchr("+-*/^@()[],;=", c) && strncmp(p->text + start, "**", 2) != 0)
        t.kind = SYMBOL, t.symbol = c, t.end = start + 1;
    else if (c)
        wrong_character(p, start);
    int behind = skip_blanks(p->text, t.end);
    t.before_equals = p->text[behind] == '=';
    t.before_parenthesis = p->text[behind] == '(';
    p->now = t;
}

bool at_symbol(const parser *p, char symbol)
{
    return p->now.kind == SYMBOL && p->now.symbol == symbol;
}

bool token_is(const parser *p, const char *word)
{
    size_t length = (size_t)(p->now.end - p->now.start);
    return p->now.kind == NAME && strlen(word) == length && memcmp(p->text + p->now.start, word, length) == 0;
}

bool expect(parser *p, char symbol)
{
    if (at_symbol(p, symbol)) {
        advance(p);
        return true;
    }
    if (p->now.kind == END)
        wrong(p, p->now.start, "the line ends where '%c' is needed", symbol);
    else if (p->now.kind == SYMBOL)
        wrong(p, p->now.start, "'%c' stands where '%c' is needed", p->now.symbol, symbol);
    else
        wrong(p, p->now.start, "an operator, or '%c', is missing before '%.*s'", symbol, p->now.end - p->now.start,
              p->text + p->now.start);
    return false;
}

bool next_element(parser *p, char close)
{
    if (at_symbol(p, ',')) {
        advance(p);
        return true;
    }
    if (p->now.kind == END)
        wrong(p, p->now.start, "the line ends where ',' or '%c' is needed", close);
    else
        wrong(p, p->now.start, "',' or '%c' is needed before '%.*s'", close, p->now.end - p->now.start,
              p->text + p->now.start);
    return false;
}

/* ---- values ---- */

static ct_tensor *parse_number(parser *p)
{
    token t = p->now;
    advance(p);
    return made(p, t.start, t.start, ct_scalar(CT_FLOAT64, t.number));
}

/* Names that always have a value. */
static const struct constant {
    const char *name;
    double value;
} constants[] = {{"pi", 3.141592653589793}, {"inf", INFINITY}, {"nan", NAN}, {"true", 1}, {"false", 0}};

static const char *nearest_name(const expression *e, const char *name, int length)
{
    const char *names[MAX_NAMES];
    for (int i = 0; i < e->n_names; i++)
        names[i] = e->names[i].name;
    return nearest(name, length, names, e->n_names);
}

static ct_tensor *unknown_name(parser *p, const token *t)
{
    int length = t->end - t->start;
    const char *name = p->text + t->start;
    if (is_operation(p->e, name, length))
        return wrong(p, t->start, "'%.*s' is an operation: write %.*s(...)", length, name, length, name);
    if (p->numbers_only)
        return wrong(p, t->start, "'%.*s' stands where a number, a vector or a matrix is needed", length, name);
    if (t->before_equals)
        return wrong(p, t->start, "'=' stands only behind the name that a statement begins with");
    const char *like = nearest_name(p->e, name, length);
    return wrong(p, t->start, "'%.*s' has no value%s%s%s: give it one behind the expression, %.*s=1", length, name,
                 like ? " (the nearest name is '" : "", like ? like : "", like ? "')" : "", length, name);
}

static ct_tensor *parse_name(parser *p)
{
    if (p->now.before_parenthesis)
        return parse_call(p);
    token t = p->now;
    for (int i = 0; i < p->e->n_names && !p->numbers_only; i++) {
        if (token_is(p, p->e->names[i].name)) {
            advance(p);
            p->e->names[i].used = true;
            return p->e->names[i].value;
        }
    }
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (token_is(p, constants[i].name)) {
            advance(p);
            return made(p, t.start, t.start, ct_scalar(CT_FLOAT64, constants[i].value));
        }
    }
    return unknown_name(p, &t);
}

static bool add_element(ct_tensor ***elements, int n, ct_tensor *element)
{
    if ((n & (n - 1)) == 0) { /* a power of two: full */
        ct_tensor **more = realloc(*elements, (n ? 2 * (size_t)n : 1) * sizeof *more);
        if (!more)
            return false;
        *elements = more;
    }
    (*elements)[n] = element;
    return true;
}

bool parse_elements(parser *p, ct_tensor ***elements, int *n)
{
    *elements = NULL;
    *n = 0;
    if (!at_symbol(p, '['))
        return wrong(p, p->now.start, "a list is needed here, [x, y]");
    advance(p);
    while (!at_symbol(p, ']')) {
        ct_tensor *element = (*n == 0 || next_element(p, ']')) ? parse_sum(p) : NULL;
        if (!element)
            return false;
        if (!add_element(elements, *n, element))
            return wrong(p, p->last_end, "no memory");
        ++*n;
    }
    advance(p);
    return true;
}

/* A tensor of numbers that no gradient flows to, however many: operations take no more than CT_MAX_INPUTS. */
static ct_tensor *join_numbers(ct_tensor *const *elements, int n)
{
    int rank = n ? ct_rank(elements[0]) : 0;
    int64_t shape[CT_MAX_RANK + 1] = {n}, each = n ? ct_numel(elements[0]) : 0;
    if (rank == CT_MAX_RANK)
        return ct_error_set(CT_ERROR_SHAPE, "lists are nested more than %d deep", CT_MAX_RANK), NULL;
    for (int i = 0; i < rank; i++)
        shape[i + 1] = ct_shape(elements[0])[i];
    double *values = malloc((size_t)(n * each + 1) * sizeof *values);
    if (!values)
        return ct_error_set(CT_ERROR_MEMORY, "no memory"), NULL;
    for (int i = 0; i < n; i++)
        ct_to_values(elements[i], values + i * each, each);
    ct_tensor *t = ct_from_values(CT_FLOAT64, values, n * each, shape, rank + 1);
    free(values);
    return t;
}

static ct_tensor *join(parser *p, int at, ct_tensor *const *elements, int n)
{
    bool recorded = false;
    for (int i = 0; i < n; i++) {
        char first[SHAPE_SIZE], other[SHAPE_SIZE];
        recorded |= ct_requires_grad(elements[i]);
        if (!same_shape(elements[0], elements[i]))
            return wrong(p, at, "the list's elements differ in shape: %s and %s", shape_text(first, elements[0]),
                         shape_text(other, elements[i]));
    }
    return made(p, at, at, recorded ? ct_stack(elements, n, 0) : join_numbers(elements, n));
}

static ct_tensor *parse_list(parser *p)
{
    int at = p->now.start, n;
    ct_tensor **elements;
    ct_tensor *list = parse_elements(p, &elements, &n) ? join(p, at, elements, n) : NULL;
    free(elements);
    return list;
}

static ct_tensor *parse_value(parser *p)
{
    if (p->now.kind == NUMBER)
        return parse_number(p);
    if (p->now.kind == NAME)
        return parse_name(p);
    if (at_symbol(p, '['))
        return parse_list(p);
    if (at_symbol(p, '(')) {
        advance(p);
        ct_tensor *inside = parse_sum(p);
        return inside && expect(p, ')') ? inside : NULL;
    }
    if (p->now.kind == END)
        return wrong(p, p->now.start, "the line ends where a value is needed");
    return wrong(p, p->now.start, "'%.*s' stands where a value is needed", p->now.end - p->now.start,
                 p->text + p->now.start);
}

/* ---- operators ---- */

typedef ct_tensor *binary(ct_tensor *a, ct_tensor *b);

static ct_tensor *power(ct_tensor *a, ct_tensor *b)
{
    if (!a || !b || ct_requires_grad(b) || ct_rank(b) != 0)
        return ct_pow(a, b);
    double p = ct_item(b);
    return ct_pow_scalar(a, p);
}

enum { SUM, PRODUCT, SIGN, POWER };

static const struct operator
{
    const char *symbol, *operation;
    int strength;
    binary *apply;
}
operators[] = {{"+", "add", SUM, ct_add},     {"-", "sub", SUM, ct_sub},           {"*", "mul", PRODUCT, ct_mul},
               {"/", "div", PRODUCT, ct_div}, {"@", "matmul", PRODUCT, ct_matmul}, {"^", "pow", POWER, power}};

const char *expression_operator(const char *operation)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (strcmp(operators[i].operation, operation) == 0)
            return operators[i].symbol;
    }
    return strcmp(operation, "neg") == 0 ? "-" : NULL;
}

static const struct operator* operator_here(const parser *p)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (at_symbol(p, *operators[i].symbol))
            return &operators[i];
    }
    return NULL;
}

static ct_tensor *parse(parser *p, int weakest);

static ct_tensor *parse_sign(parser *p)
{
    int at = p->now.start;
    bool minus = at_symbol(p, '-');
    if (!minus && !at_symbol(p, '+'))
        return parse_value(p);
    advance(p);
    ct_tensor *x = parse(p, SIGN);
    return x && minus ? made(p, at, at, ct_neg(x)) : x;
}

/* A value and the operators behind it that bind at least as strongly as weakest; "^" takes from the right. */
static ct_tensor *parse(parser *p, int weakest)
{
    if (++p->depth > MAX_DEPTH)
        return wrong(p, p->now.start, "nested more than %d deep", MAX_DEPTH);
    int start = p->now.start;
    ct_tensor *left = parse_sign(p);
    const struct operator* o;
    while (left && (o = operator_here(p)) && o->strength >= weakest) {
        int at = p->now.start;
        advance(p);
        ct_tensor *right = parse(p, o->strength == POWER ? SIGN : o->strength + 1);
        left = right ? made(p, at, start, o->apply(left, right)) : NULL;
    }
    p->depth--;
    return p->e->mistake.message[0] ? NULL : left;
}

ct_tensor *parse_sum(parser *p)
{
    return parse(p, SUM);
}

/* ---- statements ---- */

binding *expression_find(expression *e, const char *name)
{
    for (int i = 0; i < e->n_names; i++) {
        if (strcmp(e->names[i].name, name) == 0)
            return &e->names[i];
    }
    return NULL;
}

/* A new name from the token here; NULL with a mistake. */
static binding *new_name(parser *p)
{
    int length = p->now.end - p->now.start;
    const char *text = p->text + p->now.start;
    if (length >= NAME_SIZE || p->e->n_names == MAX_NAMES)
        return wrong(p, p->now.start, "%s", length >= NAME_SIZE ? "the name is too long" : "too many names"), NULL;
    binding *b = &p->e->names[p->e->n_names];
    *b = (binding){0};
    memcpy(b->name, text, (size_t)length);
    const binding *before = expression_find(p->e, b->name);
    if (before)
        return wrong(p, p->now.start, "'%s' has a value already", b->name), NULL;
    return b;
}

/* The value of the statement here. A name counts only behind its statement: x = x + 1 is no equation. */
static ct_tensor *parse_statement(parser *p)
{
    binding *b = NULL;
    if (p->now.kind == NAME && p->now.before_equals) {
        b = new_name(p);
        if (!b)
            return NULL;
        advance(p);
        advance(p);
    }
    ct_tensor *value = parse_sum(p);
    if (value && b) {
        b->value = ct_node_of(value) ? ct_name(value, b->name) : value;
        p->e->n_names++;
    }
    return value;
}

static parser begin(expression *e, const char *text)
{
    parser p = {.e = e, .text = text};
    advance(&p);
    return p;
}

/* Nothing may follow. */
static bool at_end(parser *p)
{
    if (p->now.kind == END || p->e->mistake.message[0])
        return !p->e->mistake.message[0];
    bool closes = p->now.kind == SYMBOL;
    wrong(p, p->now.start, closes ? "'%.*s' is not expected here" : "an operator is missing before '%.*s'",
          p->now.end - p->now.start, p->text + p->now.start);
    return false;
}

bool expression_bind(expression *e, const char *argument)
{
    parser p = begin(e, argument);
    if (p.now.kind != NAME || !p.now.before_equals)
        return wrong(&p, 0,
                     "a name and its value are needed here, x=1 without blanks; an expression with blanks needs quotes "
                     "around it"),
               false;
    binding *b = new_name(&p);
    if (!b)
        return false;
    advance(&p);
    advance(&p);
    p.numbers_only = true;
    ct_tensor *value = parse_sum(&p);
    if (!value || !at_end(&p))
        return false;
    if (!ct_dtype_is_float(ct_dtype_of(value)))
        value = ct_cast(value, CT_FLOAT64);
    b->value = ct_name(ct_parameter(ct_contiguous(value)), b->name);
    b->argument = argument;
    if (!made(&p, 0, 0, b->value))
        return false;
    e->n_leaves = ++e->n_names;
    return true;
}

void expression_give(expression *e, const char *name, ct_tensor *value)
{
    if (!value || e->n_names == MAX_NAMES)
        return;
    binding *b = &e->names[e->n_names++];
    *b = (binding){.value = value, .used = true, .borrowed = true};
    snprintf(b->name, sizeof b->name, "%s", name);
    e->n_leaves = e->n_names;
}

static bool all_used(parser *p)
{
    for (int i = 0; i < p->e->n_leaves; i++) {
        const binding *b = &p->e->names[i];
        if (!b->used) {
            p->text = b->argument;
            return wrong(p, 0, "the expression does not use '%s'", b->name);
        }
    }
    return true;
}

ct_tensor *expression_run(expression *e)
{
    e->n_names = e->n_leaves;
    parser p = begin(e, e->text);
    if (p.now.kind == END && !e->mistake.message[0])
        return wrong(&p, 0, "there is nothing to calculate");
    ct_tensor *value = NULL;
    do {
        value = parse_statement(&p);
        if (!value || !at_symbol(&p, ';'))
            break;
        advance(&p);
    } while (p.now.kind != END);
    return value && at_end(&p) && all_used(&p) ? value : NULL;
}

/* Writes as much of the text as fits from skip on, its control characters as blanks. */
static void write_excerpt(const char *text, int skip, int room)
{
    fputs("  ", stderr);
    for (const char *c = text + skip; *c && room > 0; room--) {
        int length = length_of_character(c);
        fprintf(stderr, "%.*s", length, (unsigned char)*c < ' ' ? " " : c);
        c += length;
    }
}

/* The text may be long, and its characters wider than their bytes: shows what is around the mistake. */
/* "  where W is [2, 2], x is [3]": what has been calculated until then. */
static void write_shapes(const expression *e)
{
    char text[2048] = "where ", shape[SHAPE_SIZE];
    size_t used = strlen(text);
    for (int i = 0; i < e->n_names && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s is %s", i ? ", " : "", e->names[i].name,
                                 shape_text(shape, e->names[i].value));
    fputs("  ", stderr);
    write_wrapped(stderr, text, 2, screen_width());
}

int expression_complain(const expression *e, const char *who)
{
    const mistake *m = &e->mistake;
    int room = screen_width() - 3, skip = 0, column = 0;
    for (int i = 0; i < m->at; i += length_of_character(m->text + i))
        column++;
    complain(who, "column %d: %s", column + 1, m->message);
    for (; column > room * 2 / 3; column--)
        skip += length_of_character(m->text + skip);
    write_excerpt(m->text, skip, room);
    fprintf(stderr, "\n  %*s^\n", column, "");
    if (m->of_shapes && e->n_names > 0)
        write_shapes(e);
    return WRONG_USE;
}

void expression_free(expression *e)
{
    for (int i = 0; i < e->n_leaves; i++) {
        if (!e->names[i].borrowed)
            ct_release(e->names[i].value);
    }
}
