/* A step of an optimiser in words: what its rule says of one element, with the numbers put in.
 *
 * Invariant: nothing here changes a parameter; what is told is calculated from the rule's text (ct_optimizer_rule.arithmetic), and
 * tests/test_updates.c compares it with what the rule does. */
#include "optimizer_internal.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 48, NAME = 32 };

/* What is being told, and what has got a value so far. */
typedef struct sheet {
    struct {
        char name[NAME];
        double value;
    } variables[VARIABLES];
    int n;
    const char *at; /* what is read next */
    bool rounded;   /* variables count as they are shown */
    char *text;
    size_t used, size;
} sheet;

/* ---- variables ---- */

static double *find(sheet *s, const char *name, size_t length)
{
    for (int i = 0; i < s->n; i++)
        if (strlen(s->variables[i].name) == length && memcmp(s->variables[i].name, name, length) == 0)
            return &s->variables[i].value;
    return NULL;
}

static void assign(sheet *s, const char *name, size_t length, double value)
{
    double *place = find(s, name, length);
    if (place)
        *place = value;
    else if (s->n < VARIABLES && length < NAME) {
        snprintf(s->variables[s->n].name, NAME, "%.*s", (int)length, name);
        s->variables[s->n++].value = value;
    }
}

static void set(sheet *s, const char *name, double value)
{
    assign(s, name, strlen(name), value);
}

static size_t name_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_')
        n++;
    return isalpha((unsigned char)at[0]) ? n : 0;
}

/* ---- values of expressions: + - * / ^ ( ), sqrt, abs, sign, max ---- */

static double sum_of(sheet *s);

static bool take(sheet *s, char c)
{
    s->at += strspn(s->at, " ");
    bool there = *s->at == c;
    s->at += there;
    return there;
}

static double call(sheet *s, const char *name)
{
    double x = sum_of(s), y = take(s, ',') ? sum_of(s) : 0;
    take(s, ')');
    switch (name[1]) {
    case 'q':
        return sqrt(x);
    case 'b':
        return fabs(x);
    case 'i':
        return (x > 0) - (x < 0);
    default:
        return x > y ? x : y;
    }
}

static double variable(sheet *s, const char *name, size_t length)
{
    char text[CT_NUMBER_TEXT];
    const double *value = find(s, name, length);
    return !value ? NAN : s->rounded ? strtod(ct_number_text(*value, text), NULL) : *value;
}

static double atom(sheet *s)
{
    if (take(s, '(')) {
        double x = sum_of(s);
        take(s, ')');
        return x;
    }
    const char *name = s->at;
    size_t length = name_length(name);
    char *end;
    double x = length ? 0 : strtod(name, &end);
    s->at = length ? name + length : end;
    if (!length)
        return x;
    return take(s, '(') ? call(s, name) : variable(s, name, length);
}

static double factor(sheet *s)
{
    if (take(s, '-'))
        return -factor(s);
    double base = atom(s);
    return take(s, '^') ? pow(base, factor(s)) : base;
}

static double product(sheet *s)
{
    double x = factor(s);
    for (;;)
        if (take(s, '*'))
            x *= factor(s);
        else if (take(s, '/'))
            x /= factor(s);
        else
            return x;
}

static double sum_of(sheet *s)
{
    double x = product(s);
    for (;;)
        if (take(s, '+'))
            x += product(s);
        else if (take(s, '-'))
            x -= product(s);
        else
            return x;
}

static double value_of(sheet *s, const char *expression, bool rounded)
{
    s->at = expression;
    s->rounded = rounded;
    return sum_of(s);
}

/* ---- text ---- */

static void put(sheet *s, const char *text, size_t length)
{
    for (size_t i = 0; i < length && s->used + 1 < s->size; i++)
        s->text[s->used++] = text[i];
    s->text[s->used] = '\0';
}

static void put_text(sheet *s, const char *text)
{
    put(s, text, strlen(text));
}

/* The expression with its variables' values in their places; what is below 0 stands in parentheses. */
static void put_numbers(sheet *s, const char *expression, size_t length)
{
    char number[CT_NUMBER_TEXT];
    for (const char *at = expression; at < expression + length;) {
        size_t name = name_length(at), n = name ? name : 1;
        const double *value = find(s, at, name);
        if (value && *value < 0)
            put_text(s, "(");
        if (value)
            put_text(s, ct_number_text(*value, number));
        else
            put(s, at, n);
        if (value && *value < 0)
            put_text(s, ")");
        at += n;
    }
}

/* ---- statements ---- */

/* Whether what stands before "?", names and names behind "!", is other than 0, or is 0; text goes on behind it. */
static bool holds(sheet *s, const char **text, size_t length)
{
    const char *mark = memchr(*text, '?', length), *at = *text;
    bool all = true;
    while (mark && at < mark) {
        bool not = *at == '!';
        const double *value = find(s, at + not, name_length(at + not ));
        all = all && not == !(value && *value != 0);
        at += not +name_length(at + not );
        at += strspn(at, " ");
    }
    *text = mark ? mark + 1 : *text;
    *text += strspn(*text, " ");
    return all;
}

/* "m = beta1*m + (1-beta1)*g": tells it, and gives m its value. */
static void tell(sheet *s, const char *statement, size_t length)
{
    char result[CT_NUMBER_TEXT], shown[CT_NUMBER_TEXT], text[200];
    snprintf(text, sizeof text, "%.*s", (int)length, statement); /* so that it ends */
    const char *expression = strchr(text, '=') + 2;
    double value = value_of(s, expression, false);
    ct_number_text(value, result);
    ct_number_text(value_of(s, expression, true), shown);
    put_text(s, s->used ? "\n" : "");
    put_text(s, text);
    put_text(s, " = ");
    put_numbers(s, expression, strlen(expression));
    put_text(s, strcmp(result, shown) == 0 ? " = " : " ~= ");
    put_text(s, result);
    assign(s, text, name_length(text), value);
}

/* ---- an element ---- */

static void set_states(sheet *s, const ct_optimizer_rule *rule, const ct_update *u, int64_t i)
{
    int k = 0;
    for (const char *at = rule->states_are; at && *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        const char *end = at + length, *name = at;
        if (holds(s, &name, length) && k < CT_OPTIMIZER_STATES && u->states[k])
            assign(s, name, (size_t)(end - name), ct__nn_element(u->states[k++], u->dtype, i));
        at = end;
    }
}

static void set_all(sheet *s, const ct_optimizer_rule *rule, const ct_update *u, int64_t i)
{
    for (const ct__option *option = ct__optimizer_options; option < ct__optimizer_options + CT__OPTIONS; option++)
        set(s, option->name, ct__option_get(u->options, option));
    set(s, "of_sums", u->options->momentum_form == CT_MOMENTUM_SUM);
    set(s, "of_averages", u->options->momentum_form == CT_MOMENTUM_AVERAGE);
    set(s, "of_steps", u->options->momentum_form == CT_MOMENTUM_STEP);
    set(s, "t", (double)u->step);
    set(s, "first", u->step == 1);
    set(s, "product", *u->number);
    set(s, "p", ct__nn_element(u->parameter, u->dtype, i));
    set(s, "g", ct__nn_element(u->gradient, u->dtype, i));
    set_states(s, rule, u, i);
}

/* The element with the largest gradient. */
static int64_t choose(const ct_update *u)
{
    int64_t best = 0;
    for (int64_t i = 1; i < u->n; i++)
        if (fabs(ct__nn_element(u->gradient, u->dtype, i)) > fabs(ct__nn_element(u->gradient, u->dtype, best)))
            best = i;
    return best;
}

void ct__tell_arithmetic(const ct_optimizer_rule *rule, const ct_update *u, ct_tensor *parameter)
{
    char text[3000] = "";
    sheet s = {.text = text, .size = sizeof text};
    if (!rule->arithmetic)
        return;
    int64_t i = choose(u);
    set_all(&s, rule, u, i);
    for (const char *at = rule->arithmetic; *at; at += strspn(at, "; ")) {
        size_t length = strcspn(at, ";");
        const char *end = at + length, *statement = at;
        if (holds(&s, &statement, length))
            tell(&s, statement, (size_t)(end - statement));
        at = end;
    }
    ct_trace_note(parameter, i, text);
}
