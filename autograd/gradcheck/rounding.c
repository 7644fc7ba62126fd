/* Rounding in computed gradients. Invariant: what counts as rounding is seen to vary as rounding does, from one number to the next; an
 * error that is the same at all of them never does. */
#include "rounding.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SAFETY = 16, /* of the noise seen at a few points */
    POINTS_NEARBY = 8,
    FAR = 32, /* how much more a gradient that is unlike its neighbours is off than they are */
};

/* ---- comparing ---- */

ct__difference ct__compare_gradients(const ct_tensor *got, double fa, const ct_tensor *a, double fb, const ct_tensor *b)
{
    ct__difference d = {.size = fabs(fa) * ct__largest(a) + (b ? fabs(fb) * ct__largest(b) : 0), .gain = 1};
    for (int64_t k = 0; k < got->numel; k++) {
        double want = fa * ct__doubles(a)[k] + (b ? fb * ct__doubles(b)[k] : 0), is = ct__doubles(got)[k];
        double off = is == want || (isnan(is) && isnan(want)) ? 0 : fabs(is - want);
        d.worst = fmax(d.worst, isnan(off) ? INFINITY : off);
    }
    return d;
}

/* ---- noise ---- */

/* t with each element moved by so much of its size, or of 1: ties are still ties, and zeros zeros. */
static ct_tensor *moved(const ct_tensor *t, double by)
{
    ct_tensor *copy = ct__copy_as(t, (ct_dtype)t->dtype);
    for (int64_t k = 0; copy && ct__is_float(copy) && k < copy->numel; k++) {
        double *x = &ct__doubles(copy)[k];
        *x += by * fmax(fmin(*x, 1), -1);
    }
    return copy;
}

ct_status ct__move_all(ct_tensor *const *tensors, int n, double by, ct_tensor **out)
{
    for (int i = 0; i < n; i++) {
        out[i] = tensors[i] ? moved(tensors[i], by) : NULL;
        if (tensors[i] && !out[i])
            return ct_error_code();
    }
    return CT_OK;
}

/* The gradients where inputs and cotangents are moved. */
static ct_status gradients_at(ct__check *check, ct__place place, double by, ct_tensor **arrays, ct_tensor **grads)
{
    int n = check->n, m = check->subject->max_outputs;
    ct_status status = ct__move_all(place.x, n, by, arrays);
    if (status == CT_OK)
        status = ct__move_all(place.cotangents, m, by, arrays + n);
    return status == CT_OK ? ct__vjp(check, arrays, check->wanted, arrays + n, grads) : status;
}

/* What is left of gradients around a point: with what is at the point itself, and without, of the sums of both sides and of their
 * differences; rounding may cancel in one of these, and in the other it does not. */
typedef struct jumps {
    ct_tensor **with, **sums, **wide, **close; /* n each; differences over the distance and over half of it */
} jumps;

/* Of what is smooth, a second difference and four times the one over half the distance leave nothing; the sums over both distances differ
 * by next to nothing. */
static void add_jumps(const ct__check *check, ct_tensor *const *above, ct_tensor *const *middle,
                      ct_tensor *const *below, bool half, jumps *j)
{
    for (int i = 0; i < check->n; i++)
        for (int64_t k = 0; check->wanted[i] && k < j->with[i]->numel; k++) {
            double a = ct__doubles(above[i])[k], b = ct__doubles(below[i])[k];
            ct__doubles(j->with[i])[k] += (half ? -1 : 0.25) * (a - 2 * ct__doubles(middle[i])[k] + b);
            ct__doubles(j->sums[i])[k] += (half ? -1 : 1) * (a + b);
            ct__doubles((half ? j->close : j->wide)[i])[k] = a - b;
        }
}

static ct_status second_difference(ct__check *check, ct__place place, double by, bool half, ct_tensor **arrays,
                                   jumps *j)
{
    ct_tensor **above = arrays + check->n + check->subject->max_outputs, **below = above + check->n;
    by = half ? by / 2 : by;
    ct_status status = gradients_at(check, place, by, arrays, above);
    if (status == CT_OK)
        status = gradients_at(check, place, -by, arrays, below);
    if (status == CT_OK)
        add_jumps(check, above, place.gradient, below, half, j);
    return status;
}

/* The difference over a distance is twice that over half of it, or at a kink the same. */
static double odd_part(const jumps *j, int i, int64_t k)
{
    double wide = ct__doubles(j->wide[i])[k], close = ct__doubles(j->close[i])[k];
    return fmin(fabs(wide - 2 * close), fabs(wide - close));
}

/* A gradient that is unlike all those beside it, which are alike, is not noisy but wrong at that point: so FAR times what they
 * differ by is the most that counts. */
static void raise_to_jumps(const ct__check *check, const jumps *j, ct_tensor **noise)
{
    for (int i = 0; i < check->n; i++)
        for (int64_t k = 0; check->wanted[i] && k < j->with[i]->numel; k++) {
            double with = fabs(ct__doubles(j->with[i])[k]),
                   without = fmax(fabs(ct__doubles(j->sums[i])[k]), odd_part(j, i, k));
            if (isfinite(with) && isfinite(without))
                ct__doubles(noise[i])[k] = fmax(ct__doubles(noise[i])[k], fmin(with, FAR * without));
        }
}

static ct_status zeros(const ct__check *check, ct_tensor **tensors)
{
    for (int i = 0; i < check->n; i++) {
        tensors[i] = check->wanted[i] ? ct_zeros_like(check->x[i]) : NULL;
        if (check->wanted[i] && !tensors[i])
            return ct_error_code();
    }
    return CT_OK;
}

/* arrays has room for 7 n tensors, and a cotangent each. */
static ct_status noise_at(ct__check *check, ct__place place, double by, ct_tensor **arrays, ct_tensor **noise)
{
    jumps j = {.with = arrays + 3 * check->n + check->subject->max_outputs};
    j.sums = j.with + check->n;
    j.wide = j.sums + check->n;
    j.close = j.wide + check->n;
    ct_status status = zeros(check, j.with);
    if (status == CT_OK)
        status = zeros(check, j.sums);
    if (status == CT_OK)
        status = zeros(check, j.wide);
    if (status == CT_OK)
        status = zeros(check, j.close);
    if (status == CT_OK)
        status = second_difference(check, place, by, false, arrays, &j);
    if (status == CT_OK)
        status = second_difference(check, place, by, true, arrays, &j);
    if (status == CT_OK)
        raise_to_jumps(check, &j, noise);
    return status;
}

/* Over a few units of float64, of float32, and between. */
ct_status ct__gradient_noise(ct__check *check, ct__place place, ct_tensor **noise)
{
    static const double moves[] = {0x1.8p-49, 0x1.4p-44, 0x1.8p-39, 0x1.4p-34, 0x1.8p-29, 0x1.8p-24, 0x1.4p-23};
    size_t bytes = (size_t)(7 * check->n + check->subject->max_outputs) * sizeof(ct_tensor *);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_gradcheck_options value_only = *check->options;
    value_only.checks = CT_CHECK_VALUE_ONLY;
    ct__check quiet = *check;
    quiet.options = &value_only;
    ct_status status = arrays ? CT_OK : ct__no_memory("gradcheck");
    for (size_t k = 0; k < sizeof moves / sizeof *moves && status == CT_OK; k++) {
        ct_scope scope;
        ct__scope_push(&scope);
        status = noise_at(&quiet, place, moves[k], arrays, noise);
        ct__scope_pop(&scope);
    }
    ct__free(arrays, bytes);
    return status;
}

/* t with each element moved by up to half of its size, or of 1, and all of it shrunk. */
static ct_tensor *moved_far(const ct_tensor *t, double shrink)
{
    ct_tensor *copy = ct__copy_as(t, (ct_dtype)t->dtype);
    for (int64_t k = 0; copy && ct__is_float(copy) && k < copy->numel; k++) {
        double *x = &ct__doubles(copy)[k], by = ldexp((double)(ct_random_u64() >> 11), -53) - 0.5;
        *x = shrink * (*x + by * fmax(fmin(*x, 1), -1));
    }
    return copy;
}

/* Noise to the rounding of each element, or of the largest for all: of a second order every element is a sum over all of them. */
static void raise_to_rounding(const ct_tensor *gradient, bool all, ct_tensor *noise)
{
    double largest = all ? ct__largest(gradient) : 0;
    for (int64_t k = 0; k < gradient->numel; k++) {
        double rounding = 64 * DBL_EPSILON * fmax(largest, fabs(ct__doubles(gradient)[k]));
        if (isfinite(rounding))
            ct__doubles(noise)[k] = fmax(ct__doubles(noise)[k], rounding);
    }
}

/* arrays has room for two tensors an input. */
static ct_status usual_at(ct__check *check, ct__place place, double shrink, ct_tensor **arrays, ct_tensor **noise)
{
    int n = check->n;
    ct_tensor **grads = arrays + n;
    ct_random_set(check->stream);
    for (int i = 0; i < n; i++) {
        arrays[i] = place.x[i] ? moved_far(place.x[i], shrink) : NULL;
        if (place.x[i] && !arrays[i])
            return ct_error_code();
    }
    check->stream = ct_random_get();
    ct_status status = ct__vjp(check, arrays, check->wanted, place.cotangents, grads);
    for (int i = 0; status == CT_OK && i < n; i++)
        if (check->wanted[i])
            raise_to_rounding(grads[i], check->order > 1, noise[i]);
    return status;
}

ct_status ct__usual_noise(ct__check *check, ct__place place, ct_tensor **noise)
{
    size_t bytes = (size_t)check->n * 2 * sizeof(ct_tensor *);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_status status = arrays ? CT_OK : ct__no_memory("gradcheck");
    for (int i = 0; i < POINTS_NEARBY && status == CT_OK; i++) {
        ct_scope scope;
        ct__scope_push(&scope);
        status = usual_at(check, place, check->order > 1 && i % 2 ? 0x1p-4 : 1, arrays, noise); /* flatter, too */
        ct__scope_pop(&scope);
    }
    ct__free(arrays, bytes);
    return status;
}

ct_status ct__know_noise(ct__check *check)
{
    if (check->noise_known)
        return CT_OK;
    check->noise_known = true;
    return ct__gradient_noise(check, (ct__place){check->x, check->cotangents, check->analytic}, check->noise);
}

/* ---- the same, to rounding ---- */

/* What is nothing beside the cotangents may be all that is left of numbers of their size. */
bool ct__is_rounding(ct__check *check, int i, const ct__difference *d, double exact)
{
    double left_over = 64 * DBL_EPSILON * ct__largest_of(check->cotangents, check->m) * d->gain;
    if (d->worst <= fmax(exact * d->size, left_over))
        return true;
    if (!isfinite(d->worst))
        return false;
    if (ct__know_noise(check) != CT_OK)
        return true;
    return d->worst <= SAFETY * ct__largest(check->noise[i]) * d->gain;
}

bool ct__same_gradient(ct__check *check, int i, const ct_tensor *got, double fa, const ct_tensor *a, double fb,
                       const ct_tensor *b)
{
    ct__difference d = ct__compare_gradients(got, fa, a, fb, b);
    return ct__is_rounding(check, i, &d, CT__EXACT);
}

int ct__first_different_gradient(ct__check *check, ct_tensor *const *a, ct_tensor *const *b)
{
    for (int i = 0; i < check->n; i++)
        if (a[i] && b[i] && !ct__same_gradient(check, i, a[i], 1, b[i], 0, NULL))
            return i;
    return -1;
}

/* ---- linear in the cotangent ---- */

/* g / 2 - 2 h in out. */
static ct_status mix(const ct__check *check, ct_tensor *const *h, ct_tensor **out)
{
    for (int i = 0; i < check->m; i++) {
        out[i] = check->cotangents[i] ? ct__copy_as(check->cotangents[i], CT_FLOAT64) : NULL;
        if (check->cotangents[i] && !out[i])
            return ct_error_code();
        for (int64_t k = 0; out[i] && k < out[i]->numel; k++)
            ct__doubles(out[i])[k] = 0.5 * ct__doubles(out[i])[k] - 2 * ct__doubles(h[i])[k];
    }
    return CT_OK;
}

static void add_residual(ct__check *check, int i, const ct_tensor *of_mixed, const ct_tensor *of_h)
{
    double *noise = ct__doubles(check->noise[i]);
    for (int64_t k = 0; k < of_h->numel; k++) {
        double want = 0.5 * ct__doubles(check->analytic[i])[k] - 2 * ct__doubles(of_h)[k],
               off = fabs(ct__doubles(of_mixed)[k] - want);
        if (isfinite(off))
            noise[k] = fmax(noise[k], off);
    }
}

static ct_status compare_mixed(ct__check *check, ct_tensor **arrays, int *bad)
{
    int n = check->n, m = check->subject->max_outputs;
    ct_tensor **h = arrays, **mixed = h + m, **of_mixed = mixed + m, **of_h = of_mixed + n;
    ct_status status = ct__draw_cotangents(check, h);
    if (status == CT_OK)
        status = mix(check, h, mixed);
    if (status == CT_OK)
        status = ct__vjp(check, check->x, check->wanted, mixed, of_mixed);
    if (status == CT_OK)
        status = ct__vjp(check, check->x, check->wanted, h, of_h);
    double gain = 0.5 + 2 * ct__largest_of(h, m) / ct__largest_of(check->cotangents, m);
    for (int i = 0; status == CT_OK && i < n; i++) {
        if (!check->wanted[i])
            continue;
        ct__difference d = ct__compare_gradients(of_mixed[i], 0.5, check->analytic[i], -2, of_h[i]);
        d.gain = gain;
        if (ct__is_rounding(check, i, &d, CT__EXACT))
            add_residual(check, i, of_mixed[i], of_h[i]);
        else if (*bad < 0)
            *bad = i;
        status = ct_error_code();
    }
    return status;
}

ct_status ct__check_linear(ct__check *check, int *bad)
{
    size_t bytes = (size_t)(2 * check->n + 2 * check->subject->max_outputs) * sizeof(ct_tensor *);
    ct_tensor **arrays = ct__alloc(bytes);
    ct_scope scope;
    *bad = -1;
    ct__scope_push(&scope);
    if (arrays)
        memset(arrays, 0, bytes);
    ct_status status = arrays ? compare_mixed(check, arrays, bad) : ct__no_memory("gradcheck");
    ct__scope_pop(&scope);
    ct__free(arrays, bytes);
    return status;
}
