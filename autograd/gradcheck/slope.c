/* Ridders' tableau, and noise. Invariant: what is returned is judged by its own error estimate, so that nothing here is tuned to a
 * function. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Adv. Eng. Software 4 (1982) 75. */
#include "slope.h"
#include <math.h>

enum {
    HALVINGS = 6, /* of the step, in one tableau */
    STARTS = 4,   /* tableaux, each from a step START_RATIO smaller */
    START_RATIO = 64,
};

static ct__slope tableau(ct__phi phi, void *context, double h, double magnitude, double reach, double unit)
{
    double a[HALVINGS][HALVINGS];
    ct__slope best = {.value = 0, .error = INFINITY};
    double error = INFINITY;
    for (int i = 0; i < HALVINGS; i++, h /= 2) {
        a[0][i] = (phi(context, h) - phi(context, -h)) / (2 * h);
        if (!isfinite(a[0][i]))
            break;
        double factor = 4;
        if (i == 0)
            best.value = a[0][0];
        for (int k = 1; k <= i; k++, factor *= 4) {
            a[k][i] = (a[k - 1][i] * factor - a[k - 1][i - 1]) / (factor - 1);
            double e = fmax(fabs(a[k][i] - a[k - 1][i]), fabs(a[k][i] - a[k - 1][i - 1]));
            if (e <= error) {
                error = e;
                best.value = a[k][i];
            }
        }
        double floor = 4 * unit * (magnitude + fabs(best.value) * reach) / h;
        best.error = error + floor;
        if (i > 0 && error <= fmax(1e-8 * fabs(best.value), floor)) {
            best.converged = true;
            break;
        }
    }
    return best;
}

ct__slope ct__ridders(ct__phi phi, void *context, double step, double magnitude, double reach, double unit)
{
    ct__slope best = {.error = INFINITY};
    for (int start = 0; start < STARTS; start++, step /= START_RATIO) {
        ct__slope slope = tableau(phi, context, step, magnitude, reach, unit);
        if (slope.converged)
            return slope;
        if (slope.error < best.error)
            best = slope;
    }
    return best;
}

/* The noise of phi, from fourth differences, which of a smooth function are far below it (More, Wild, "Estimating computational
 * noise", SIAM J. Sci. Comput. 33 (2011) 1292). Noise does not depend on the spacing; a kink's differences do. */
double ct__noise(ct__phi phi, void *context, double spacing)
{
    enum { MIDDLE = 4, POINTS = 2 * MIDDLE + 1, ORDER = 4 };
    double f[POINTS], sum = 0;
    for (int i = 0; i < POINTS; i++)
        f[i] = phi(context, (i - MIDDLE) * spacing);
    for (int order = 1; order <= ORDER; order++)
        for (int i = 0; i < POINTS - order; i++)
            f[i] = f[i + 1] - f[i];
    for (int i = 0; i < POINTS - ORDER; i++)
        sum += f[i] * f[i] / (POINTS - ORDER);
    return sqrt(sum / 70); /* (2k)! / (k!)^2 for k = 4 */
}
