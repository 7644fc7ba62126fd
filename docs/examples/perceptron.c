/* The perceptron (Rosenblatt 1958) tells threes from eights, with Novikoff's bound (1962): if any plane through 0 leaves a margin of gamma
 * to all points, none of which is longer than R, the rule makes at most (R / gamma)^2 mistakes. It also tells where there is none: the
 * rule's weights after m mistakes are at least m gamma long, so no margin is above |w| / m. */
#include "example.h"
#include <math.h>

enum { MOST = 1000, WIDE = 65 };

/* Points with a 1 as their last number, and their classes, 1 and -1. */
typedef struct points {
    const char *name;
    int n, width;
    double at[MOST][WIDE], sign[MOST];
} points;

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* One round over the points; the mistakes. */
static int one_round(const points *p, double *w)
{
    int mistakes = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->sign[i] * dot(w, p->at[i], p->width) > 0)
            continue;
        for (int k = 0; k < p->width; k++)
            w[k] += p->sign[i] * p->at[i][k];
        mistakes++;
    }
    return mistakes;
}

/* (R / gamma)^2 for the plane that was found; another may have a smaller one. */
static double bound(const points *p, const double *w)
{
    double longest = 0, margin = INFINITY;
    for (int i = 0; i < p->n; i++) {
        longest = fmax(longest, dot(p->at[i], p->at[i], p->width));
        margin = fmin(margin, p->sign[i] * dot(w, p->at[i], p->width));
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

/* The first numbers of the samples of two classes; labels[0] is 1, labels[1] is -1. */
static void take(points *p, const char *name, ct_dataset *set, int64_t width, const int64_t labels[2])
{
    ct_tensor *x, *y;
    example_all(set, &x, &y);
    x = ct_flatten(x, 1, -1);
    int64_t n = ct_size(x, 0), all = ct_size(x, 1);
    const float *value = ct_data(x);
    const int64_t *label = ct_data(y);
    *p = (points){.name = name, .width = (int)width + 1};
    for (int64_t i = 0; value && label && i < n && p->n < MOST; i++) {
        if (label[i] != labels[0] && label[i] != labels[1])
            continue;
        for (int64_t k = 0; k < width; k++)
            p->at[p->n][k] = value[i * all + k];
        p->at[p->n][width] = 1;
        p->sign[p->n++] = label[i] == labels[0] ? 1 : -1;
    }
    ct_dataset_free(set);
}

int main(int argc, char **argv)
{
    static points p;
    static example_curve curves[2];
    const points xor = {"XOR", 4, 3, {{-1, -1, 1}, {-1, 1, 1}, {1, -1, 1}, {1, 1, 1}}, {-1, 1, 1, -1}};
    example e = {.epochs = 1000, .quick_epochs = 200, .seed = 1};
    if (!example_begin(&e, argc, argv))
        return e.status;
    double most, none;
    take(&p, "digits 3 and 8", ct_load_digits(), WIDE - 1, (int64_t[]){3, 8});
    int64_t mistakes = learn(&p, e.epochs, &most, &curves[0]);
    take(&p, "cells by radius and texture", ct_load_breast_cancer(.scale = 0.1), 2, (int64_t[]){1, 0});
    learn(&p, e.epochs, &none, &curves[1]);
    learn(&xor, e.epochs, &none,
          &(example_curve){
              0});
    CT_OPTIONS(ct_plot_options, plot, .x_label = "log10 of the round", .y_label = "mistakes");
    example_draw(&e, "perceptron.svg", curves, 2, &plot);
    return example_end(&e, "mistakes on 3 and 8: %lld, at most %.3g", (long long)mistakes, most);
}
