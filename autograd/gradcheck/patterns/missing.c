/* What is missing: r = d - a. Invariant: see wrong.h. */
#include "wrong.h"
#include <math.h>

bool ct__same_everywhere(ct__wrong *w)
{
    for (int64_t k = 1; k < w->n; k++)
        if (fabs((w->d[k] - w->a[k]) - (w->d[0] - w->a[0])) > 1e-3 * fabs(w->d[0] - w->a[0]))
            return false;
    return w->n > 1;
}

bool ct__proportional_to_x(ct__wrong *w)
{
    double rx = 0, xx = 0, largest = 0;
    for (int64_t k = 0; k < w->n; k++) {
        rx += (w->d[k] - w->a[k]) * w->x[k];
        xx += w->x[k] * w->x[k];
        largest = fmax(largest, fabs(w->d[k] - w->a[k]));
    }
    if (xx == 0 || w->n < 2)
        return false;
    w->factor = rx / xx;
    for (int64_t k = 0; k < w->n; k++)
        if (fabs(w->d[k] - w->a[k] - w->factor * w->x[k]) > 1e-2 * largest)
            return false;
    return true;
}

static bool line_constant(const ct__wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double r = w->d[first] - w->a[first];
    for (int64_t i = 1; i < count; i++)
        if (fabs(w->d[first + i * stride] - w->a[first + i * stride] - r) > 1e-3 * fabs(r) + 1e-9 * w->size)
            return false;
    return true;
}

bool ct__constant_along_axis(ct__wrong *w)
{
    return ct__wrong_every_line(w, line_constant);
}

/* r = p + q x along the line, by least squares; with two elements that is always so. */
static bool line_affine(const ct__wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double sx = 0, sr = 0, sxx = 0, sxr = 0, largest = 0, n = (double)count;
    for (int64_t i = 0; i < count; i++) {
        double x = w->x[first + i * stride], r = w->d[first + i * stride] - w->a[first + i * stride];
        sx += x;
        sr += r;
        sxx += x * x;
        sxr += x * r;
        largest = fmax(largest, fabs(r));
    }
    double determinant = n * sxx - sx * sx;
    if (count < 4 || determinant <= 0)
        return false;
    double q = (n * sxr - sx * sr) / determinant, p = (sr - q * sx) / n;
    for (int64_t i = 0; i < count; i++) {
        double x = w->x[first + i * stride], r = w->d[first + i * stride] - w->a[first + i * stride];
        if (fabs(r - p - q * x) > 1e-2 * largest + 1e-9 * w->size)
            return false;
    }
    return true;
}

bool ct__affine_along_axis(ct__wrong *w)
{
    return ct__wrong_every_line(w, line_affine);
}

static bool line_factor(const ct__wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double ad = 0, dd = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = first + i * stride;
        ad += w->a[k] * w->d[k];
        dd += w->d[k] * w->d[k];
        size = fmax(size, fabs(w->a[k] - w->d[k]));
    }
    for (int64_t i = 0; i < count; i++)
        if (fabs(w->a[first + i * stride] - ad / dd * w->d[first + i * stride]) > 1e-2 * size + 1e-9 * w->size)
            return false;
    return dd > 0;
}

bool ct__factor_along_axis(ct__wrong *w)
{
    return ct__wrong_every_line(w, line_factor);
}

bool ct__nearly_right(ct__wrong *w)
{
    w->factor = 0;
    for (int64_t k = 0; k < w->n; k++)
        w->factor = fmax(w->factor, fabs(w->a[k] - w->d[k]) / w->size);
    return w->factor < 0.02;
}

static bool line_sums_to_zero(const ct__wrong *w, int64_t first, int64_t count, int64_t stride)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += w->d[first + i * stride];
    return fabs(sum) <= 1e-7 * w->size;
}

bool ct__sums_to_zero(ct__wrong *w)
{
    return ct__wrong_every_line(w, line_sums_to_zero);
}
