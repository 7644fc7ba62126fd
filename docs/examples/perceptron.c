/* The perceptron (Rosenblatt 1958) tells threes from eights, with Novikoff's bound (1962): if any plane through 0 leaves a margin of gamma
 * to all points, none of which is longer than R, the rule makes at most (R / gamma)^2 mistakes. It also tells where there is none: the
 * rule's weights after m mistakes are at least m gamma long, so no margin is above |w| / m. */
#include "example.h"
#include <math.h>

enum { MOST = 1000, WIDE = 65 };

/* Points with a 1 as their last number, and their classes, 1 and -1. */
typedef struct points {
    const char *name;
    int64_t n, width;
    double at[MOST * WIDE], sign[MOST]; /* at: n rows of width numbers */
} points;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* One round over the points; the mistakes. */
static int one_round(const points *p, double *w)
{
    int mistakes = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const double *x = p->at + i * p->width;
        if (p->sign[i] * dot(w, x, p->width) > 0)
            continue;
        for (int64_t k = 0; k < p->width; k++)
            w[k] += p->sign[i] * x[k];
        mistakes++;
    }
    return mistakes;
}

/* (R / gamma)^2 for the plane that was found; another may have a smaller one. */
static double bound(const points *p, const double *w)
{
    double longest = 0, margin = INFINITY;
    for (int64_t i = 0; i < p->n; i++) {
        const double *x = p->at + i * p->width;
        longest = fmax(longest, dot(x, x, p->width));
        margin = fmin(margin, p->sign[i] * dot(w, x, p->width));
    }
    return longest * dot(w, w, p->width) / (margin * margin);
}

/* The mistakes made; the bound on them in most, INFINITY if no plane was found. */
static int64_t learn(const points *p, int64_t rounds, double *most, example_curve *curve)
{
    double w[WIDE] = {0};
    int64_t mistakes = 0, round = 0;
    int now = 1;
    for (curve->label = p->name; now && round < rounds; round++) {
        mistakes += now = one_round(p, w);
        example_point(curve, log10((double)round + 1), now);
    }
    *most = now ? INFINITY : bound(p, w);
    printf("%s: %lld mistakes in %lld rounds, ", p->name, (long long)mistakes, (long long)round);
    if (now)
        printf("and none without: if a plane tells these apart, then by a margin below %.1e\n",
               sqrt(dot(w, w, p->width)) / (double)mistakes);
    else
        printf("at most %.3g by the plane found\n", *most);
    return mistakes;
}

/* The first numbers of the samples of two classes: of one, 1, and of the other, -1. */
static void take(points *p, const char *name, ct_dataset *set, int64_t numbers, int64_t one, int64_t other)
{
    ct_tensor *x, *y;
    ct_dataset_all(set, &x, &y);
    ct_tensor *classes = ct_one_hot(y, ct_dataset_classes(set), CT_FLOAT64);
    ct_tensor *sign = ct_sub(ct_select(classes, 1, one), ct_select(classes, 1, other));
    ct_tensor *which = ct_slice(ct_squeeze(ct_nonzero(sign), 1), 0, 0, MOST, 1);
    x = ct_index_select(ct_slice(ct_flatten(x, 1, -1), 1, 0, numbers, 1), 0, which);
    x = ct_pad(x, CT_SHAPE(0, 1, 0, 0), .value = 1);
    *p = (points){.name = name, .n = ct_size(which, 0), .width = numbers + 1};
    ct_to_values(x, p->at, p->n * p->width);
    ct_to_values(ct_index_select(sign, 0, which), p->sign, p->n);
    ct_dataset_free(set);
}

int main(int argc, char **argv)
{
    static points p;
    static example_curve curves[2], undrawn;
    static const points xor = {"XOR", 4, 3, {-1, -1, 1, -1, 1, 1, 1, -1, 1, 1, 1, 1}, {-1, 1, 1, -1}};
    example e = {.epochs = 1000, .quick_epochs = 200, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    double most, none;
    take(&p, "digits 3 and 8", ct_load_digits(), WIDE - 1, 3, 8);
    int64_t mistakes = learn(&p, e.epochs, &most, &curves[0]);
    take(&p, "cells by radius and texture", ct_load_breast_cancer(.scale = 0.1), 2, 1, 0);
    learn(&p, e.epochs, &none, &curves[1]);
    learn(&xor, e.epochs, &none, &undrawn);
    CT_OPTIONS(ct_plot_options, plot, .x_label = "log10 of the round", .y_label = "mistakes");
    example_draw(&e, "perceptron.svg", curves, 2, &plot);
    return example_end(&e, "mistakes on 3 and 8: %lld, at most %.3g", (long long)mistakes, most);
}
