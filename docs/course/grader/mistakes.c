/* Calls a mistake by its name: the gradient that the student's backward gives is compared with wrong ones that are known, with those of
 * the other inputs, and with short formulas of what was at hand.
 *
 * Invariant: what is compared is of one run, drawn anew and the same each time. */
#include "formula.h"
#include "grade.h"
#include <math.h>
#include <string.h>

static bool alike(const ct_tensor *a, const ct_tensor *b)
{
    double x[64], y[64], size = 0, off = 0, got = 0;
    int64_t n = ct_numel(a);
    if (!a || !b || n > 64 || ct_numel(b) != n || ct_to_values(a, x, n) != CT_OK || ct_to_values(b, y, n) != CT_OK)
        return false;
    for (int64_t k = 0; k < n; k++) {
        got = fmax(got, fabs(x[k]));
        size = fmax(size, fabs(y[k]));
        off = fmax(off, fabs(x[k] - y[k]));
    }
    return got > 0 && off <= 1e-9 * size;
}

/* The gradient of input i when g arrives at y. */
static ct_tensor *gradient_of(ct_tensor *y, ct_tensor *input, ct_tensor *g)
{
    ct_tensor *gradient = NULL;
    return ct_grad(&y, 1, &input, 1, &gradient, .gradients = &g) == CT_OK ? gradient : NULL;
}

bool begin_trial(const ct_op *op, trial *t)
{
    ct_seed(7 + own_seed);
    if (ct_sample_inputs(op->samples, CT_FLOAT64, t->x, &t->n) != CT_OK || !(t->y = ct_apply(op, t->x, t->n, NULL)))
        return false;
    t->g = ct_randn(CT_FLOAT64, 0, 1, ct_shape(t->y), ct_rank(t->y));
    return t->g != NULL;
}

/* Which other input's gradient it is, or -1. */
static int swapped_with(const trial *t)
{
    ct_tensor *right = current->value(t->x);
    for (int i = 0; i < t->n; i++)
        if (i != t->input && ct_requires_grad(t->x[i]) && alike(t->got, gradient_of(right, t->x[i], t->g)))
            return i;
    return -1;
}

/* The names and numbers that a formula of the gradient may have: what arrives, the inputs, the result, as far as they have its shape. */
static int factors_of(const trial *t, factor *factors)
{
    const char *names[FACTORS] = {"g", current->inputs[0], current->inputs[1],
                                  current->saves & CT_SAVE_OUTPUT(0) ? "y" : NULL};
    ct_tensor *tensors[FACTORS] = {t->g, t->x[0], t->n > 1 ? t->x[1] : NULL, t->y};
    int n = 0;
    for (int i = 0; i < FACTORS; i++) {
        if (!names[i] || !tensors[i] || !same_shape(tensors[i], t->got))
            continue;
        factors[n].name = names[i];
        n += ct_to_values(tensors[i], factors[n].values, ct_numel(t->got)) == CT_OK;
    }
    return n;
}

static bool write_formula(const trial *t, FILE *to)
{
    static factor factors[FACTORS];
    double got[ELEMENTS];
    int64_t elements = ct_numel(t->got);
    if (elements > ELEMENTS || ct_to_values(t->got, got, elements) != CT_OK)
        return false;
    fputs("what you calculate is ", to);
    return formula_of(got, (int)elements, factors, factors_of(t, factors), to);
}

/* a or its transpose; NULL if that is no matrix. */
static ct_tensor *way_round(ct_tensor *a, int transposed)
{
    return ct_rank(a) != 2 ? NULL : transposed ? ct_transpose(a, 0, 1) : a;
}

/* Whether the gradient is a product of two of the matrices at hand, either of them transposed. */
static bool write_product(const trial *t, FILE *to)
{
    const char *names[] = {"g", current->inputs[0], current->inputs[1], current->inputs[2]};
    ct_tensor *tensors[] = {t->g, t->x[0], t->x[1], t->x[2]};
    for (int k = 0; k < 64; k++) { /* two bits, two bits, and two */
        int i = k & 3, j = k >> 2 & 3;
        ct_tensor *a = i <= t->n ? way_round(tensors[i], k >> 4 & 1) : NULL;
        ct_tensor *b = j <= t->n ? way_round(tensors[j], k >> 5 & 1) : NULL;
        if (a && b && ct_size(a, 1) == ct_size(b, 0) && alike(t->got, ct_matmul(a, b)))
            return fprintf(to, "what you calculate is %s%s @ %s%s", names[i], k >> 4 & 1 ? "^T" : "", names[j],
                           k >> 5 & 1 ? "^T" : "") > 0;
    }
    return false;
}

/* What the gradient looks like, by comparing it with gradients that are known to be wrong, or NULL. */
static const char *known_mistake(const trial *t)
{
    ct_tensor *local = gradient_of(current->value(t->x), t->x[t->input], ct_ones_like(t->g));
    if (alike(t->got, local))
        return "what arrives, g, was left out: it is the local derivative alone, which is right only where g is 1";
    if (same_shape(t->g, local) && alike(t->got, ct_add(t->g, local)))
        return "what arrives, g, was added: the local derivative is multiplied by it";
    for (const wrong_rule *rule = current->wrong; rule < current->wrong + WRONG_RULES && rule->gradient; rule++)
        if (rule->input == t->input && alike(t->got, rule->gradient(t->x, t->y, t->g)))
            return rule->words;
    return NULL;
}

/* Whether the checker says more than that the numbers differ, or on which input it depends by how much. */
bool is_guessed(const char *cause)
{
    return !strstr(cause, "no simple pattern") && !strstr(cause, "how far it is off depends on");
}

/* Writes what is known of the mistake; false if it is no more than the checker has said. */
static bool write_mistake(const trial *t, bool guessed, FILE *to)
{
    const char *words = known_mistake(t);
    int other = words ? -1 : swapped_with(t);
    if (words)
        return fputs(words, to) >= 0;
    if (other >= 0)
        return fprintf(to, "it is the gradient of %s: the inputs were mixed up", current->inputs[other]) > 0;
    return !guessed && (write_product(t, to) || write_formula(t, to));
}

bool name_mistake(const ct_op *op, finding *found)
{
    trial t = {.input = found->input};
    char words[sizeof found->cause] = "";
    bool named = false;
    FILE *to = fmemopen(words, sizeof words, "w");
    ct_scope_open();
    if (to && t.input >= 0 && begin_trial(op, &t) && (t.got = gradient_of(t.y, t.x[t.input], t.g)) != NULL)
        named = write_mistake(&t, is_guessed(found->cause), to);
    ct_scope_close();
    ct_error_clear();
    named &= to && fclose(to) == 0;
    if (named)
        snprintf(found->cause, sizeof found->cause, "%s", words);
    return named;
}
