/* Initialisers: the rows, and the one function that draws from them.
 *
 * Invariant: what is drawn depends on the thread's generator, the record and the fans alone. */
#include "nn_internal.h"
#include <math.h>

/* clang-format off */
const ct_initializer ct_init_glorot_uniform = {.name = "glorot_uniform", .distribution = CT_UNIFORM, .value = 2, .in = 1, .out = 1};
const ct_initializer ct_init_glorot_normal  = {.name = "glorot_normal",  .distribution = CT_NORMAL,  .value = 2, .in = 1, .out = 1};
const ct_initializer ct_init_he_uniform     = {.name = "he_uniform",     .distribution = CT_UNIFORM, .value = 2, .in = 1};
const ct_initializer ct_init_he_normal      = {.name = "he_normal",      .distribution = CT_NORMAL,  .value = 2, .in = 1};
const ct_initializer ct_init_torch          = {.name = "torch",          .distribution = CT_UNIFORM, .value = 1. / 3, .in = 1};
const ct_initializer ct_init_fans_uniform   = {.name = "fans_uniform",   .distribution = CT_UNIFORM, .value = 1. / 3, .in = 1, .out = 1};
const ct_initializer ct_init_zeros          = {.name = "zeros",          .distribution = CT_CONSTANT, .value = 0};
const ct_initializer ct_init_ones           = {.name = "ones",           .distribution = CT_CONSTANT, .value = 1};
const ct_initializer ct_init_lecun_uniform  = {.name = "lecun_uniform",  .distribution = CT_UNIFORM, .value = 1, .in = 1};
const ct_initializer ct_init_lecun_normal   = {.name = "lecun_normal",   .distribution = CT_NORMAL,  .value = 1, .in = 1};
const ct_initializer ct_init_normal         = {.name = "normal",         .distribution = CT_NORMAL,  .value = 1};
const ct_initializer ct_init_truncated_normal = {.name = "truncated_normal", .distribution = CT_TRUNCATED_NORMAL, .value = 1};
const ct_initializer ct_init_orthogonal     = {.name = "orthogonal",     .distribution = CT_ORTHOGONAL, .value = 1};
const ct_initializer ct_init_delta_orthogonal = {.name = "delta_orthogonal", .distribution = CT_DELTA_ORTHOGONAL, .value = 1};
const ct_initializer ct_init_empty          = {.name = "empty",          .distribution = CT_UNDRAWN};
/* clang-format on */

/* ---- random elements ---- */

/* Fans of a weight [out, in, ...]: each output sees in times the elements of the remaining axes. */
static ct_status fans_of(const ct_tensor *t, int64_t *fan_in, int64_t *fan_out)
{
    if (ct_rank(t) < 2) {
        char shape[CT_NN_SHAPE_TEXT];
        return ct_error_set(CT_ERROR_SHAPE, "initialize: %s has no fans; give them or a shape [out, in, ...]",
                            ct__nn_shape_text(t, shape));
    }
    int64_t receptive = 1;
    for (int i = 2; i < ct_rank(t); i++)
        receptive *= ct_shape(t)[i];
    *fan_in = ct_shape(t)[1] * receptive;
    *fan_out = ct_shape(t)[0] * receptive;
    return CT_OK;
}

/* The variance of what the initialiser draws. */
static ct_status variance_of(double *variance, const ct_tensor *t, const ct_initializer *initializer, int64_t fan_in,
                             int64_t fan_out)
{
    bool fixed = initializer->in == 0 && initializer->out == 0;
    ct_status status = !fixed && fan_in == 0 && fan_out == 0 ? fans_of(t, &fan_in, &fan_out) : CT_OK;
    if (status != CT_OK)
        return status;
    double fan = fixed ? 1 : initializer->in * (double)fan_in + initializer->out * (double)fan_out;
    *variance = initializer->value / fan;
    if (fan_in < 0 || fan_out < 0 || (ct_numel(t) > 0 && !(fan > 0 && *variance >= 0)))
        return ct_error_set(CT_ERROR_ARGUMENT, "initialize: %s has no variance for fans of %lld in and %lld out",
                            initializer->name, (long long)fan_in, (long long)fan_out);
    return CT_OK;
}

/* A normal distribution of variance 1, cut off at +-2, is left with a deviation of sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)). */
static const double deviation_within_2 = 0.87962566103423978;

static ct_tensor *draw_truncated(const ct_tensor *t, double variance)
{
    double deviation = sqrt(variance) / deviation_within_2;
    ct_tensor *values = ct_randn(CT_FLOAT64, 0, deviation, ct_shape(t), ct_rank(t));
    double *x = values ? ct_data_mut(values) : NULL;
    for (int64_t outside = 1; x && outside > 0;) {
        outside = 0;
        for (int64_t i = 0; i < ct_numel(t); i++)
            outside += fabs(x[i]) > 2 * deviation;
        ct_tensor *again = ct_randn(CT_FLOAT64, 0, deviation, &outside, 1);
        const double *next = again ? ct_data(again) : NULL;
        if (!next)
            return NULL;
        for (int64_t i = 0; i < ct_numel(t); i++)
            if (fabs(x[i]) > 2 * deviation)
                x[i] = *next++;
    }
    return values;
}

/* A tensor like t of random elements with the given variance. */
static ct_tensor *draw(const ct_tensor *t, ct_distribution distribution, double variance)
{
    if (distribution == CT_TRUNCATED_NORMAL)
        return draw_truncated(t, variance);
    if (distribution == CT_NORMAL)
        return ct_randn(ct_dtype_of(t), 0, sqrt(variance), ct_shape(t), ct_rank(t));
    double bound = sqrt(3 * variance); /* the variance of a uniform number in +-bound is bound^2 / 3 */
    return ct_rand(ct_dtype_of(t), -bound, bound, ct_shape(t), ct_rank(t));
}

/* ---- orthogonal matrices ---- */

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Makes the k vectors of n elements orthonormal, k <= n: modified Gram-Schmidt, each vector twice, which leaves nothing beyond
 * rounding (Giraud, Langou, Rozloznik 2005). Its factor R has a positive diagonal, so that from normal elements all orthogonal
 * matrices are equally likely (Mezzadri 2007). */
static void orthonormalize(double *vectors, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k; i++) {
        double *v = vectors + i * n;
        for (int64_t j = 0; j < 2 * i; j++) {
            const double *w = vectors + j % i * n;
            double along = dot(v, w, n);
            for (int64_t e = 0; e < n; e++)
                v[e] -= along * w[e];
        }
        double length = sqrt(dot(v, v, n));
        for (int64_t e = 0; e < n; e++)
            v[e] /= length;
    }
}

static ct_tensor *draw_orthogonal(const ct_tensor *t, double gain)
{
    int64_t rows = ct_size(t, 0), columns = rows > 0 ? ct_numel(t) / rows : 0;
    bool wide = rows <= columns;
    int64_t k = wide ? rows : columns, n = wide ? columns : rows;
    ct_tensor *vectors = ct_randn(CT_FLOAT64, 0, 1, CT_SHAPE(k, n));
    double *x = vectors ? ct_data_mut(vectors) : NULL;
    if (!x)
        return NULL;
    orthonormalize(x, k, n);
    for (int64_t i = 0; i < k * n; i++)
        x[i] *= gain;
    return ct_reshape(wide ? vectors : ct_transpose(vectors, 0, 1), ct_shape(t), ct_rank(t));
}

/* A kernel [out, in, ...] of zeros, but for an orthogonal matrix [out, in] at its middle. */
static ct_tensor *draw_delta_orthogonal(const ct_tensor *t, double gain)
{
    int64_t out = ct_size(t, 0), in = ct_size(t, 1), places = 1, middle = 0;
    for (int i = 2; i < ct_rank(t); i++) {
        places *= ct_size(t, i);
        middle = middle * ct_size(t, i) + (ct_size(t, i) - 1) / 2;
    }
    ct_tensor *kernel = ct_zeros(CT_FLOAT64, CT_SHAPE(out, in, places));
    ct_tensor *matrix = draw_orthogonal(ct_zeros(CT_FLOAT64, CT_SHAPE(out, in)), gain);
    if (!kernel || !matrix || ct_copy_(ct_select(kernel, 2, middle), matrix) != CT_OK)
        return NULL;
    return ct_reshape(kernel, ct_shape(t), ct_rank(t));
}

/* ---- filling ---- */

static ct_status check_orthogonal(const ct_tensor *t, const ct_initializer *initializer)
{
    char shape[CT_NN_SHAPE_TEXT];
    if (ct_rank(t) < 2)
        return ct_error_set(CT_ERROR_SHAPE, "initialize: %s is no matrix [out, in, ...] to be orthogonal",
                            ct__nn_shape_text(t, shape));
    if (initializer->distribution == CT_DELTA_ORTHOGONAL && ct_size(t, 1) > ct_size(t, 0))
        return ct_error_set(CT_ERROR_SHAPE, "initialize: %s: a delta-orthogonal kernel has no more in than out",
                            ct__nn_shape_text(t, shape));
    if (!isfinite(initializer->value))
        return ct_error_set(CT_ERROR_ARGUMENT, "initialize: %s by %g", initializer->name, initializer->value);
    return CT_OK;
}

ct_status ct_initialize_(ct_tensor *t, const ct_initializer *initializer, int64_t fan_in, int64_t fan_out)
{
    if (!t || !initializer)
        return ct_error_set(CT_ERROR_NULL, "initialize: the %s is NULL", t ? "initializer" : "tensor");
    if (initializer->distribution == CT_UNDRAWN)
        return CT_OK;
    if (initializer->distribution == CT_CONSTANT)
        return ct_fill_(t, initializer->value);
    bool delta = initializer->distribution == CT_DELTA_ORTHOGONAL;
    bool orthogonal = delta || initializer->distribution == CT_ORTHOGONAL;
    double variance = 0;
    ct_status status =
        orthogonal ? check_orthogonal(t, initializer) : variance_of(&variance, t, initializer, fan_in, fan_out);
    if (status != CT_OK || ct_numel(t) == 0)
        return status;
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_tensor *values = delta        ? draw_delta_orthogonal(t, initializer->value)
                        : orthogonal ? draw_orthogonal(t, initializer->value)
                                     : draw(t, initializer->distribution, variance);
    if (values)
        ct_copy_(t, values);
    return ct__nn_scope_close();
}
