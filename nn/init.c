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
const ct_initializer ct_init_zeros          = {.name = "zeros",          .distribution = CT_CONSTANT, .value = 0};
const ct_initializer ct_init_ones           = {.name = "ones",           .distribution = CT_CONSTANT, .value = 1};
/* clang-format on */

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

/* A tensor like t of random elements with the given variance. */
static ct_tensor *draw(const ct_tensor *t, ct_distribution distribution, double variance)
{
    if (distribution == CT_NORMAL)
        return ct_randn(ct_dtype_of(t), 0, sqrt(variance), ct_shape(t), ct_rank(t));
    double bound = sqrt(3 * variance); /* the variance of a uniform number in +-bound is bound^2 / 3 */
    return ct_rand(ct_dtype_of(t), -bound, bound, ct_shape(t), ct_rank(t));
}

ct_status ct_initialize_(ct_tensor *t, const ct_initializer *initializer, int64_t fan_in, int64_t fan_out)
{
    if (!t || !initializer)
        return ct_error_set(CT_ERROR_NULL, "initialize: the %s is NULL", t ? "initializer" : "tensor");
    if (initializer->distribution == CT_CONSTANT)
        return ct_fill_(t, initializer->value);
    ct_status status = fan_in == 0 && fan_out == 0 ? fans_of(t, &fan_in, &fan_out) : CT_OK;
    if (status != CT_OK)
        return status;
    double fan = initializer->in * (double)fan_in + initializer->out * (double)fan_out;
    double variance = initializer->value / fan;
    if (fan_in < 0 || fan_out < 0 || (ct_numel(t) > 0 && !(fan > 0 && variance >= 0)))
        return ct_error_set(CT_ERROR_ARGUMENT, "initialize: %s has no variance for fans of %lld in and %lld out",
                            initializer->name, (long long)fan_in, (long long)fan_out);
    if (ct_numel(t) == 0)
        return CT_OK;
    if (ct_scope_open() != CT_OK)
        return ct_error_code();
    ct_tensor *values = draw(t, initializer->distribution, variance);
    if (values)
        ct_copy_(t, values);
    return ct__nn_scope_close();
}
