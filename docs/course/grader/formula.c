/* Invariant: of two formulas that fit the one with fewer letters is named; a fit is exact to rounding in every element, which a wrong
 * formula of two numbers does not come to by chance. */
#include "formula.h"
#include <math.h>
#include <stdlib.h>

enum { LOWEST = -1, HIGHEST = 3, MOST = 400, DEGREE = 4, TWELFTHS = 12 };

/* A product of powers; its size is the sum of their absolute values. */
typedef struct term {
    int powers[FACTORS], size;
    double values[ELEMENTS];
} term;

static int by_size(const void *a, const void *b)
{
    return ((const term *)a)->size - ((const term *)b)->size;
}

/* The powers are the digits of a number. Returns whether the product is one to be looked at. */
static bool set_term(term *t, int number, const factor *factors, int n, int elements)
{
    t->size = 0;
    for (int e = 0; e < elements; e++)
        t->values[e] = 1;
    for (int k = 0; k < n; k++, number /= HIGHEST - LOWEST + 1) {
        t->powers[k] = number % (HIGHEST - LOWEST + 1) + LOWEST;
        t->size += abs(t->powers[k]);
        for (int e = 0; e < elements; e++)
            t->values[e] *= pow(factors[k].values[e], t->powers[k]);
    }
    return t->size <= DEGREE;
}

static double product(const double *a, const double *b, int elements)
{
    double sum = 0;
    for (int e = 0; e < elements; e++)
        sum += a[e] * b[e];
    return sum;
}

/* Whether c is a number of twelfths, and not too many of them. */
static bool simple(double c)
{
    double twelfths = TWELFTHS * c;
    return fabs(c) > 1e-6 && fabs(c) < TWELFTHS && fabs(twelfths - round(twelfths)) < 1e-6;
}

static bool fits(const double *got, const term *p, double c, const term *q, double d, int elements)
{
    double off = 0, size = 0;
    for (int e = 0; e < elements; e++) {
        off = fmax(off, fabs(got[e] - c * p->values[e] - (q ? d * q->values[e] : 0)));
        size = fmax(size, fabs(got[e]));
    }
    return off <= 1e-9 * size;
}

/* c and d of the least squares; false if p and q are multiples of each other. */
static bool solve(const double *got, const term *p, const term *q, int elements, double *c, double *d)
{
    double pp = product(p->values, p->values, elements), pq = product(p->values, q->values, elements);
    double qq = product(q->values, q->values, elements), pg = product(p->values, got, elements);
    double qg = product(q->values, got, elements), determinant = pp * qq - pq * pq;
    *c = (pg * qq - qg * pq) / determinant;
    *d = (qg * pp - pg * pq) / determinant;
    return determinant > 1e-9 * pp * qq;
}

/* ---- in words ---- */

static void say_number(double c, FILE *to)
{
    int above = (int)round(fabs(c) * TWELFTHS), below = TWELFTHS;
    for (int k = TWELFTHS; k > 1; k--)
        if (above % k == 0 && below % k == 0)
            above /= k, below /= k;
    fprintf(to, below == 1 ? "%d" : "%d/%d", above, below);
}

static void say_factor(const factor *f, int power, const char *before, FILE *to)
{
    fprintf(to, "%s%s", before, f->name);
    if (power > 1)
        fprintf(to, "^%d", power);
}

/* What is multiplied, then what is divided by; without a sign. */
static void say_term(const term *t, double c, const factor *factors, int n, FILE *to)
{
    bool begun = false;
    for (int k = 0; k < n; k++)
        begun = begun || t->powers[k] > 0;
    if (!begun || fabs(fabs(c) - 1) > 1e-6)
        say_number(c, to), fputs(begun ? " " : "", to);
    begun = false;
    for (int k = 0; k < n; k++)
        if (t->powers[k] > 0)
            say_factor(&factors[k], t->powers[k], begun ? " " : "", to), begun = true;
    for (int k = 0; k < n; k++)
        if (t->powers[k] < 0)
            say_factor(&factors[k], -t->powers[k], " / ", to);
}

static void say_sum(const term *p, double c, const term *q, double d, const factor *factors, int n, FILE *to)
{
    fputs(c < 0 ? "-" : "", to);
    say_term(p, c, factors, n, to);
    if (!q)
        return;
    fputs(d < 0 ? " - " : " + ", to);
    say_term(q, d, factors, n, to);
}

/* ---- the search ---- */

/* The terms, the shortest first. */
static int make_terms(term *terms, const factor *factors, int n, int elements)
{
    int count = 0, all = 1;
    for (int k = 0; k < n; k++)
        all *= HIGHEST - LOWEST + 1;
    for (int number = 0; number < all && count < MOST; number++)
        count += set_term(&terms[count], number, factors, n, elements);
    qsort(terms, (size_t)count, sizeof *terms, by_size);
    return count;
}

static bool one_term(const double *got, const term *p, int elements, double *c)
{
    *c = product(p->values, got, elements) / product(p->values, p->values, elements);
    return simple(*c) && fits(got, p, *c, NULL, 0, elements);
}

static bool two_terms(const double *got, const term *p, const term *q, int elements, double *c, double *d)
{
    return solve(got, p, q, elements, c, d) && simple(*c) && simple(*d) && fits(got, p, *c, q, *d, elements);
}

bool formula_of(const double *got, int elements, const factor *factors, int n, FILE *to)
{
    static term terms[MOST];
    double c, d;
    int count = elements > 3 && elements <= ELEMENTS && n <= FACTORS ? make_terms(terms, factors, n, elements) : 0;
    for (int i = 0; i < count; i++)
        if (one_term(got, &terms[i], elements, &c))
            return say_sum(&terms[i], c, NULL, 0, factors, n, to), true;
    for (int sum = 0; sum <= 2 * DEGREE; sum++)
        for (int i = 0; i < count; i++)
            for (int j = i + 1; j < count; j++)
                if (terms[i].size + terms[j].size == sum && two_terms(got, &terms[i], &terms[j], elements, &c, &d))
                    return say_sum(&terms[i], c, &terms[j], d, factors, n, to), true;
    return false;
}
